/* kernels_neon_bf16.c - what the rung neon_bf16 adds to neon: products of bfloat16 pairs (bfdot: two products per lane, added to each other
 * first and then to the sum, rounded to odd, denormals zero: other bits than vdpbf16ps) and packing floats into them. The tile of 12 x 32
 * is walked as four of 6 x 16:
 *
 *   24 accumulators      per pair of k: 4 loads of B, 6 scalars of A, 24 bfdot by element
 *   c[i][0..3]           i = 0..5 */
#include <string.h>

#include "backend/cpu/arm/simd_neon.h"
#include "backend/cpu/vector/simd_exp.h"

enum { MR = 6 };

/* rows and strip are constants at every call. */
LF_INLINE void part_rows(const lf_tile16 *t, int first, int h, const int rows, const bool strip)
{
    float32x4_t c[MR][4];
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) {
        v16 x = t->init[0] ? v_load(t->init[h] + (first + i) * t->ldinit, t->n[h]) : v_set1(0.0f);
        c[i][0] = x.a, c[i][1] = x.b, c[i][2] = x.c, c[i][3] = x.d;
    }
    const lf_pair *b = t->b + h * LF_HALF, *end = b + (ptrdiff_t)t->kp * LF_PANEL;
    const lf_pair *a[2] = {t->a + first * (strip ? 1 : t->a_rs), t->a + (first + 3) * (strip ? 1 : t->a_rs)};
    ptrdiff_t rs = t->a_rs;
    for (; b < end; b += LF_PANEL) {
        bfloat16x8_t x[4];
        for (int q = 0; q < 4; q++) x[q] = vreinterpretq_bf16_u32(vld1q_u32(b + 4 * q));
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) {
            bfloat16x8_t y = vreinterpretq_bf16_u32(vsetq_lane_u32(strip ? a[0][i] : a[i / 3][(i % 3) * rs], vdupq_n_u32(0), 0));
            for (int q = 0; q < 4; q++) c[i][q] = vbfdotq_laneq_f32(c[i][q], x[q], y, 0);
        }
        for (int j = 0; j < (strip ? 1 : 2); j++) a[j] += strip ? LF_MR16 : 1;
    }
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) v_store(t->c[h] + (first + i) * t->ldc, (v16){c[i][0], c[i][1], c[i][2], c[i][3]}, t->n[h]);
}

/* clang-format off */
#define PART(n)                                                                                                                            \
    static void part_view_##n(const lf_tile16 *t, int first, int h) { part_rows(t, first, h, n, false); }                                  \
    static void part_strip_##n(const lf_tile16 *t, int first, int h) { part_rows(t, first, h, n, true); }
PART(1) PART(2) PART(3) PART(4) PART(5) PART(6)
    /* clang-format on */

    static void tile16(const lf_tile16 *t)
{
    typedef void part_fn(const lf_tile16 *, int, int);
    static part_fn *const table[2][MR] = {{part_view_1, part_view_2, part_view_3, part_view_4, part_view_5, part_view_6},
                                          {part_strip_1, part_strip_2, part_strip_3, part_strip_4, part_strip_5, part_strip_6}};
    for (int h = 0; h < 2; h++)
        for (int i = 0; i < t->mr && t->n[h] > 0; i += MR) table[t->strip][LF_MIN(MR, t->mr - i) - 1](t, i, h);
}

/* ---- packing --------------------------------------------------------------------------------------------------------------------- */
/* To nearest, ties to even; denormals become zero of their sign. */
LF_INLINE uint16x4_t narrow4(float32x4_t x)
{
    uint32x4_t bits = vreinterpretq_u32_f32(x), sign = vandq_u32(bits, vdupq_n_u32(0x80000000u));
    uint32x4_t normal = vtstq_u32(bits, vdupq_n_u32(0x7f800000u));
    return vreinterpret_u16_bf16(vcvt_bf16_f32(vreinterpretq_f32_u32(vbslq_u32(normal, bits, sign))));
}

/* 8 floats -> 4 pairs of neighbours. */
LF_INLINE uint32x4_t neighbours(float32x4_t lo, float32x4_t hi) { return vreinterpretq_u32_u16(vcombine_u16(narrow4(lo), narrow4(hi))); }

/* Lane j: even[j], odd[j]. */
LF_INLINE uint32x4_t zip_rounded(uint16x4_t even, uint16x4_t odd)
{
    uint16x4x2_t z = vzip_u16(even, odd);
    return vreinterpretq_u32_u16(vcombine_u16(z.val[0], z.val[1]));
}
LF_INLINE uint32x4_t zip(float32x4_t even, float32x4_t odd) { return zip_rounded(narrow4(even), narrow4(odd)); }

LF_INLINE void v_store_pairs(lf_pair *to, v16 lo, v16 hi)
{
    vst1q_u32(to, neighbours(lo.a, lo.b));
    vst1q_u32(to + 4, neighbours(lo.c, lo.d));
    vst1q_u32(to + 8, neighbours(hi.a, hi.b));
    vst1q_u32(to + 12, neighbours(hi.c, hi.d));
}

static void pairs(lf_pair *y, const float *x, int n)
{
    int i = 0;
    lf_pair last[4];
    for (; i + 8 <= n; i += 8) vst1q_u32(y + i / 2, neighbours(vld1q_f32(x + i), vld1q_f32(x + i + 4)));
    if (i == n) return;
    vst1q_u32(last, neighbours(v_load4(x + i, n - i), v_load4(x + i + 4, n - i - 4)));
    memcpy(y + i / 2, last, (size_t)lf__pairs(n - i) * sizeof *y);
}

static void widen(float *y, const lf_bf16 *x, int64_t n)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(y + i, vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(x + i), 16)));
    for (; i < n; i++) {
        uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(y + i, &bits, sizeof bits);
    }
}

static void pack_rows16(lf_pair *dst, ptrdiff_t distance, const float *src, ptrdiff_t ld, int n, int k)
{
    for (int i = 0; i < k; i += 2, src += 2 * ld, dst += LF_PANEL)
        for (int j = 0; j < (int)lf__round_up((size_t)n, LF_PANEL); j += 4)
            vst1q_u32(dst + j / LF_PANEL * distance + j % LF_PANEL,
                      zip(v_load4(src + j, n - j), v_load4(src + ld + j, i + 1 < k ? n - j : 0)));
}

static void pack_strips16(lf_pair *dst, const float *a, ptrdiff_t a_cs, int rows, int kc)
{
    ptrdiff_t strip = lf__strip_pairs(kc);
    for (int k = 0; k < kc; k += 2, a += 2 * a_cs, dst += LF_MR16) {
        lf_pair *to = dst;
        for (int i = 0; i < rows; i += LF_MR16, to += strip)
            for (int j = i; j < i + LF_MR16; j += 4)
                vst1q_u32(to + j - i, zip(v_load4(a + j, rows - j), v_load4(a + a_cs + j, k + 1 < kc ? rows - j : 0)));
    }
}

/* The first n of 4 rounded values (n may be below 0 or above 4), zeros behind them. */
LF_INLINE uint16x4_t load4h(const lf_bf16 *p, int n)
{
    lf_bf16 part[4] = {0};
    if (n >= 4) return vld1_u16(p);
    if (n > 0) memcpy(part, p, (size_t)n * sizeof *p);
    return vld1_u16(part);
}

static void pair_rows(lf_pair *dst, ptrdiff_t distance, const lf_bf16 *src, ptrdiff_t ld, int n, int k)
{
    for (int i = 0; i < k; i += 2, src += 2 * ld, dst += LF_PANEL)
        for (int j = 0; j < (int)lf__round_up((size_t)n, LF_PANEL); j += 4)
            vst1q_u32(dst + j / LF_PANEL * distance + j % LF_PANEL,
                      zip_rounded(load4h(src + j, n - j), load4h(src + ld + j, i + 1 < k ? n - j : 0)));
}

static void pair_strips(lf_pair *dst, const lf_bf16 *a, ptrdiff_t a_cs, int rows, int kc)
{
    ptrdiff_t strip = lf__strip_pairs(kc);
    for (int k = 0; k < kc; k += 2, a += 2 * a_cs, dst += LF_MR16) {
        lf_pair *to = dst;
        for (int i = 0; i < rows; i += LF_MR16, to += strip)
            for (int j = i; j < i + LF_MR16; j += 4)
                vst1q_u32(to + j - i, zip_rounded(load4h(a + j, rows - j), load4h(a + a_cs + j, k + 1 < kc ? rows - j : 0)));
    }
}

/* 4 rows of 4 pairs -> 4 lines of a panel. */
LF_INLINE void transpose4_pairs(lf_pair *dst, const float *src, ptrdiff_t ld)
{
    uint32x4_t r[4];
    for (int e = 0; e < 4; e++) r[e] = neighbours(vld1q_f32(src + e * ld), vld1q_f32(src + e * ld + 4));
    uint32x4x2_t x = vtrnq_u32(r[0], r[1]), y = vtrnq_u32(r[2], r[3]);
    for (int i = 0; i < 2; i++) {
        vst1q_u32(dst + i * LF_PANEL, vcombine_u32(vget_low_u32(x.val[i]), vget_low_u32(y.val[i])));
        vst1q_u32(dst + (i + 2) * LF_PANEL, vcombine_u32(vget_high_u32(x.val[i]), vget_high_u32(y.val[i])));
    }
}

static void pack_transposed16(lf_pair *panel, const float *src, ptrdiff_t ld, int cols, int k)
{
    lf_pair row[4];
    int whole = k & ~7, squares = cols & ~3;
    for (int i = 0; i < whole; i += 8)
        for (int j = 0; j < squares; j += 4) transpose4_pairs(panel + i / 2 * LF_PANEL + j, src + j * ld + i, ld);
    for (int j = 0; j < cols; j++)
        for (int i = j < squares ? whole : 0; i < k; i += 8) {
            int n = LF_MIN(8, k - i);
            pairs(row, src + j * ld + i, n);
            for (int e = 0; e < lf__pairs(n); e++) panel[(i / 2 + e) * LF_PANEL + j] = row[e];
        }
}

#include "backend/cpu/vector/softmax16_tmpl.c"

LF_INLINE v16 v_floats(const int8_t *p) { return v_from_bytes(vld1q_s8(p)); }
/* 8 half floats, each in two lanes; 2 of them, in even and odd lanes. */
LF_INLINE v16 v_twice(const uint16_t *p)
{
    uint16x8_t x = vld1q_u16(p);
    uint16_t lanes[16];
    vst1q_u16(lanes, vzip1q_u16(x, x));
    vst1q_u16(lanes + 8, vzip2q_u16(x, x));
    return v_open_halves(lanes);
}
LF_INLINE v16 v_by_turns(const uint16_t *p)
{
    uint16_t lanes[16];
    for (int i = 0; i < 16; i++) lanes[i] = p[i % 2];
    return v_open_halves(lanes);
}

#include "backend/cpu/vector/kv16_tmpl.c"

static float dot_loop(int64_t n)
{
    float32x4_t c[24], sum = vdupq_n_f32(0.0f);
    float32x4_t half = vdupq_n_f32(0.5f), quarter = vdupq_n_f32(0.25f); /* as constants of 16 bits gcc 12 would want fp16 instructions */
    bfloat16x8_t x = vreinterpretq_bf16_u32(neighbours(half, half)), y = vreinterpretq_bf16_u32(neighbours(quarter, quarter));
#pragma GCC unroll 24
    for (int i = 0; i < 24; i++) c[i] = vdupq_n_f32((float)i);
    for (n *= 4; n > 0; n--) {
#pragma GCC unroll 24
        for (int i = 0; i < 24; i++) c[i] = vbfdotq_f32(c[i], x, y);
    }
#pragma GCC unroll 24
    for (int i = 0; i < 24; i++) sum = vaddq_f32(sum, c[i]);
    return vaddvq_f32(sum);
}

void lf__kernels_neon_bf16(lf_kernels *k)
{
    k->isa = "neon_bf16";
    k->bf16 = true;
    k->tile16 = tile16;
    k->pairs = pairs;
    k->widen = widen;
    k->pack_rows16 = pack_rows16;
    k->pack_strips16 = pack_strips16;
    k->pack_transposed16 = pack_transposed16;
    k->pair_rows = pair_rows;
    k->pair_strips = pair_strips;
    k->softmax16 = softmax16;
    k->softmax_grad16 = softmax_grad16;
    k->kv_keys16 = kv_keys16;
    k->kv_values16 = kv_values16;
    k->dot_loop = dot_loop;
}
