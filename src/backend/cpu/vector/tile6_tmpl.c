/* tile6_tmpl.c - the GEMM micro-tile of 6 x 16 (each half of a panel by itself) and its packing, for rungs whose v16 is two registers of 16
 * or four of 32. Included by one translation unit per rung, after the rung's v16 and pack_tmpl.c.
 *
 *   6 accumulators of 16 lanes      per k: one v16 of B, 6 scalars of A
 *   c[i]                            i = 0..5 */
#include <string.h>

enum { MR = 6, CHUNK = 256 };

/* rows, strips and narrow are constants at every call. strips: A is packed [k][MR] or a transposed view (a_rs == 1). narrow: B is float16.
 */
LF_INLINE void half_rows(const lf_tile *t, int h, const int rows, const bool strips, const bool narrow)
{
    v16 c[MR];
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) c[i] = t->init[0] ? v_load(t->init[h] + i * t->ldinit, t->n[h]) : v_set1(0.0f);
    const ptrdiff_t width = narrow ? sizeof(uint16_t) : sizeof(float), line = LF_PANEL * width;
    const char *b = (narrow ? (const char *)t->b16 : (const char *)t->b) + h * LF_HALF * width, *end = b + t->kc * line;
    const float *a[2] = {t->a, t->a + 3 * t->a_rs}; /* rows 3j..3j+2 from pointer j */
    ptrdiff_t rs = t->a_rs, cs = t->a_cs;
    for (int at = 0; b < end; at += 16) {
        const char *stop = b + LF_MIN(16 * line, end - b);
        if (h == 0) prefetch_next(t, at);
        for (; b < stop; b += line) {
            v16 x = narrow ? v_load_half((const uint16_t *)(const void *)b) : v_load((const float *)(const void *)b, 16);
            if (h == 0) __builtin_prefetch(b + LF_HALF * width);
#pragma GCC unroll 6
            for (int i = 0; i < rows; i++) c[i] = v_add_scaled(c[i], strips ? &a[0][i] : &a[i / 3][(i % 3) * rs], x);
            for (int j = 0; j < (strips ? 1 : 2); j++) a[j] += strips ? cs : 1;
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) v_store(t->c[h] + i * t->ldc, c[i], t->n[h]);
}

/* clang-format off */
#define TILE(n)                                                                                                                            \
    static void half_view_##n(const lf_tile *t, int h) { half_rows(t, h, n, false, false); }                                               \
    static void half_strip_##n(const lf_tile *t, int h) { half_rows(t, h, n, true, false); }                                               \
    static void half_narrow_##n(const lf_tile *t, int h) { half_rows(t, h, n, false, true); }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
    /* clang-format on */

    /* The second half of a panel's line pair is fetched while the first is used, and used before it leaves L1: DRAM is read once. */
    static void tile_of(const lf_tile *t, int form)
{
    typedef void half_fn(const lf_tile *, int);
    static half_fn *const table[3][MR] = {{half_view_1, half_view_2, half_view_3, half_view_4, half_view_5, half_view_6},
                                          {half_strip_1, half_strip_2, half_strip_3, half_strip_4, half_strip_5, half_strip_6},
                                          {half_narrow_1, half_narrow_2, half_narrow_3, half_narrow_4, half_narrow_5, half_narrow_6}};
    lf_tile part = *t;
    for (int k = 0; k == 0 || k < t->kc; k += CHUNK) {
        part.kc = LF_MIN(CHUNK, t->kc - k);
        part.a = t->a + k * t->a_cs, part.next_a = t->next_rows ? t->next_a + k : NULL;
        if (form == 2)
            part.b16 = t->b16 + (ptrdiff_t)k * LF_PANEL;
        else
            part.b = t->b + (ptrdiff_t)k * LF_PANEL;
        for (int h = 0; h < 2; h++)
            if (t->n[h] > 0) table[form][t->mr - 1](&part, h);
        part.init[0] = t->c[0], part.init[1] = t->c[1], part.ldinit = t->ldc, part.next_c[0] = NULL;
    }
}

static void tile(const lf_tile *t) { tile_of(t, t->a_cs != 1); }
static void tile_half(const lf_tile *t) { tile_of(t, 2); }

/* 6 floats of 16 strips at a time: whole cache lines of A are read, strips are written as streams. A full store of 8 runs into the
 * next k, which is written later; only the last k must keep to its 6. */
static void pack_strips(float *dst, const float *a, ptrdiff_t a_cs, int rows, int kc)
{
    ptrdiff_t strip = lf__strip_floats(kc, MR);
    for (int k = 0; k < kc; k++, a += a_cs, dst += MR) {
        const float *ahead = a + LF_MIN(8, kc - 1 - k) * a_cs;
        float *to = dst;
        int i = 0;
        for (; i < rows; i += 16) __builtin_prefetch(ahead + i);
        for (i = 0; i + 8 <= rows && k < kc - 1; i += MR, to += strip) memcpy(to, a + i, 8 * sizeof *to);
        for (; i < rows; i += MR, to += strip) memcpy(to, a + i, (size_t)LF_MIN(MR, rows - i) * sizeof *to);
    }
}

static float fma_loop(int64_t n)
{
    v16 c[6];
    v16 x = v_set1(0.999f);
    v16 y = v_set1(0.001f);
    float start[6][LF_HALF]; /* no two alike: equal registers would be computed once, and half the work be counted twice */
    for (int i = 0; i < 6 * LF_HALF; i++) start[i / LF_HALF][i % LF_HALF] = (float)i;
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++) c[i] = v_load(start[i], LF_HALF);
    for (n *= 4; n > 0; n--) {
#pragma GCC unroll 6
        for (int i = 0; i < 6; i++) c[i] = v_fma(x, y, c[i]);
    }
#pragma GCC unroll 6
    for (int i = 1; i < 6; i++) c[0] = v_add(c[0], c[i]);
    return v_sum(c[0]);
}

/* K blocks and panels for an L1 of 32 KiB and an L2 of 1 MiB. */
static void fill_tile_kernels(lf_kernels *k)
{
    k->mr = MR;
    k->kc = 512;
    k->mc = 16 * MR;
    k->block_floats = 96 * 1024;
    k->tile = tile;
    k->tile_half = tile_half;
    k->pack_strips = pack_strips;
    k->pack_transposed = pack_transposed;
    k->fma_loop = fma_loop;
}
