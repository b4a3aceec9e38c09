/* quant_neon_tmpl.c - tiles of a few rows over a packed panel, four columns at a time: opened in registers, met by all rows. Bits as in
 * ref_quant.c. Included by one translation unit per rung, after
 *
 *   SIGNED       the rung multiplies signed weights: those whose zero is 128 are taken less their zero, and sums start from 0
 *   row_sums     int32x4_t sum[rows] += w[first .. last) times the rows' activations */

LF_INLINE float32x4_t halves4(const uint8_t *p) { return v_load4_half((const uint16_t *)(const void *)p); }
LF_INLINE float32x4_t whole4(const uint8_t *p, const bool with_sign)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    uint8x8_t x = vreinterpret_u8_u32(vdup_n_u32(word));
    if (with_sign) return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(x)))));
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(x))));
}

/* x's bits moved up by n (down by -n), those in mask alone. */
LF_INLINE uint8x16_t moved(uint8x16_t x, int n, uint8_t mask) { return vandq_u8(vshlq_u8(x, vdupq_n_s8((int8_t)n)), vdupq_n_u8(mask)); }

/* Columns 4v.. of half h: 8 lines of 4 k each. type is a constant at every call. */
LF_INLINE void open_columns(const lf_dtype type, const lf_qblock *b, int h, int v, uint8x16_t w[8])
{
    const int at = 16 * v;
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) {
        uint8x16_t x = vld1q_u8(b->w + (type == LF_Q8_0 ? (h * 8 + g) * 64 : (h * 4 + g % 4) * 64) + at);
        if (type != LF_Q8_0) x = g < 4 ? vandq_u8(x, vdupq_n_u8(15)) : vshrq_n_u8(x, 4);
        if (type == LF_IQ4_NL) x = vqtbl1q_u8(vld1q_u8(lf__iq4nl_bytes), x);
        if (type == LF_Q5_K) x = vorrq_u8(x, moved(vld1q_u8(b->high + h * 64 + at), 4 - g, 16));
        if (type == LF_Q6_K) x = vorrq_u8(x, moved(vld1q_u8(b->high + (h * 2 + g / 4) * 64 + at), 4 - g % 4 * 2, 48));
        if (SIGNED && lf__qtypes[type].zero == 128) x = veorq_u8(x, vdupq_n_u8(128));
        w[g] = x;
    }
}

LF_INLINE float32x4_t scale_of(const lf_dtype type, const lf_qblock *b, int sub, int column)
{
    if (lf__qtypes[type].unit == LF_QBLOCK) return halves4(b->scale + 2 * column);
    if (type == LF_Q6_K) return vmulq_f32(halves4(b->d + 2 * column), whole4(b->scale + sub * LF_PANEL + column, true));
    return vmulq_f32(halves4(b->d + 2 * column), whole4(b->scale + column, false));
}

/* Rows of the tile, `distance` activations from block to block. */
LF_INLINE void rows_of(const lf_qtile *t, const lf_dtype type, const int rows, ptrdiff_t distance)
{
    const int subs = lf__qtypes[type].subs, lines = 8 / subs;
    float32x4_t c[4][8];
    for (int i = 0; i < rows; i++)
        for (int h = 0; h < 2; h++)
            for (int v = 0; v < 4; v++)
                c[i][4 * h + v] = t->init[h] ? v_load4(t->init[h] + i * t->ldinit + 4 * v, t->n[h] - 4 * v) : vdupq_n_f32(0.0f);
    for (int first = 0; first < t->blocks; first += lf__unit_blocks(type))
        for (int v = 0; v < 8; v++) {
            const lf_qact *a = t->a + first * distance;
            float32x4_t unit[4] = {vdupq_n_f32(0.0f), vdupq_n_f32(0.0f), vdupq_n_f32(0.0f), vdupq_n_f32(0.0f)};
            for (int block = first; block < first + lf__unit_blocks(type); block++, a += distance) {
                lf_qblock b = lf__qblock(type, t->b, block);
                uint8x16_t w[8];
                open_columns(type, &b, v / 4, v % 4, w);
#pragma GCC unroll 2
                for (int sub = 0; sub < subs; sub++) {
                    float32x4_t scale = scale_of(type, &b, sub, 4 * v);
                    int32x4_t sum[4];
#pragma GCC unroll 4
                    for (int i = 0; i < rows; i++) sum[i] = vdupq_n_s32(SIGNED && lf__qtypes[type].zero == 128 ? 0 : a[i].start[sub]);
                    row_sums(sum, w, a, rows, lines * sub, lines * (sub + 1));
#pragma GCC unroll 4
                    for (int i = 0; i < rows; i++) unit[i] = vfmaq_f32(unit[i], vcvtq_f32_s32(sum[i]), scale);
                }
                if (!lf__qtypes[type].min) continue;
                float32x4_t min = vmulq_f32(halves4(b.dmin + 8 * v), whole4(b.min + 4 * v, false));
#pragma GCC unroll 4
                for (int i = 0; i < rows; i++) unit[i] = vfmsq_f32(unit[i], min, vdupq_n_f32(a[i].sum));
            }
#pragma GCC unroll 4
            for (int i = 0; i < rows; i++) c[i][v] = vfmaq_n_f32(c[i][v], unit[i], (a - distance)[i].d);
        }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < 8; v++) v_store4(t->c[v / 4] + i * t->ldc + v % 4 * 4, c[i][v], t->n[v / 4] - v % 4 * 4);
}

/* ---- one function per type and number of rows ------------------------------------------------------------------------------- */
typedef void rows_fn(const lf_qtile *, ptrdiff_t distance);
/* clang-format off */
#define ROWS(type, n) static void rows_##type##_##n(const lf_qtile *t, ptrdiff_t distance) { rows_of(t, LF_##type, n, distance); }
#define TYPE(type) ROWS(type, 1) ROWS(type, 2) ROWS(type, 3) ROWS(type, 4)
TYPE(Q8_0) TYPE(Q4_0) TYPE(IQ4_NL) TYPE(Q4_K) TYPE(Q5_K) TYPE(Q6_K)
    /* clang-format on */

    static void qrows(lf_dtype type, const lf_qtile *t)
{
#define ROW(type) [LF_##type] = { rows_##type##_1, rows_##type##_2, rows_##type##_3, rows_##type##_4 }
    static rows_fn *const table[LF_DTYPES][4] = {ROW(Q8_0), ROW(Q4_0), ROW(IQ4_NL), ROW(Q4_K), ROW(Q5_K), ROW(Q6_K)};
    for (int at = 0, n; at < t->mr; at += n) {
        lf_qtile part = *t;
        n = LF_MIN(4, t->mr - at);
        part.a += at;
        for (int h = 0; h < 2; h++) {
            part.c[h] += at * t->ldc;
            if (part.init[h]) part.init[h] += at * t->ldinit;
        }
        table[type][n - 1](&part, t->mr);
    }
}
