/* kernels_avx512.c - the AVX-512 rung (f, bw, vl, dq): the GEMM micro-tile of 12 x 32, packing, and the row kernels over one zmm.
 *
 *   24 accumulators      2 loads of B, 12 broadcasts of A per k: 24 FMA, the ports are full
 *   c[i][0] c[i][1]      i = 0..11 */
#include "backend/cpu/x86/simd_avx512.h"
#include "backend/cpu/x86/simd_transpose.h"
#include "backend/cpu/vector/rows_tmpl.c"
#include "backend/cpu/vector/pack_tmpl.c"

enum { MR = 12 };

/* One half of a line of B. */
LF_INLINE __m512 columns(const char *b, int h, const bool half)
{
    return half ? v_load_half((const uint16_t *)(const void *)b + h * LF_HALF)
                : _mm512_loadu_ps((const float *)(const void *)b + h * LF_HALF);
}

/* rows, strips and half are constants at every call: 36 straight functions. strips: A is packed [k][MR] or a transposed view (a_rs == 1).
 * half: B is float16. */
LF_INLINE void tile_rows(const lf_tile *t, const int rows, const bool strips, const bool half)
{
    __m512 c[MR][2];
    __mmask16 mask[2] = {v_lanes(t->n[0]), v_lanes(t->n[1])};
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
        for (int h = 0; h < 2; h++) c[i][h] = t->init[0] ? _mm512_maskz_loadu_ps(mask[h], t->init[h] + i * t->ldinit) : _mm512_setzero_ps();
    }
    const ptrdiff_t line = LF_PANEL * (half ? sizeof(uint16_t) : sizeof(float));
    const char *b = half ? (const char *)t->b16 : (const char *)t->b, *end = b + t->kc * line;
    const float *a[4] = {t->a, t->a + 3 * t->a_rs, t->a + 6 * t->a_rs, t->a + 9 * t->a_rs}; /* rows 3j..3j+2 from pointer j */
    ptrdiff_t rs = t->a_rs, cs = t->a_cs;
    for (int at = 0; b < end; at += 16) {
        const char *stop = b + LF_MIN(16 * line, end - b);
        prefetch_next(t, at);
        for (; b < stop; b += line) {
            __m512 b0 = columns(b, 0, half), b1 = columns(b, 1, half);
            if (half && rows > 1) _mm_prefetch(b + 4096, _MM_HINT_T0); /* 8 rows: 7.4 -> 12.3 GB/s */
#pragma GCC unroll 12
            for (int i = 0; i < rows; i++) {
                __m512 ai = _mm512_set1_ps(strips ? a[0][i] : a[i / 3][(i % 3) * rs]);
                c[i][0] = _mm512_fmadd_ps(ai, b0, c[i][0]);
                c[i][1] = _mm512_fmadd_ps(ai, b1, c[i][1]);
            }
            for (int j = 0; j < (strips ? 1 : 4); j++) a[j] += strips ? cs : 1;
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
        for (int h = 0; h < 2; h++) {
            float *out = t->c[h] + i * t->ldc;
            if (t->n[h] == LF_HALF)
                _mm512_storeu_ps(out, c[i][h]);
            else
                _mm512_mask_storeu_ps(out, mask[h], c[i][h]);
        }
    }
}

/* clang-format off */
#define TILE(n)                                                                                                                            \
    static void tile_view_##n(const lf_tile *t) { tile_rows(t, n, false, false); }                                                         \
    static void tile_strip_##n(const lf_tile *t) { tile_rows(t, n, true, false); }                                                         \
    static void tile_half_##n(const lf_tile *t) { tile_rows(t, n, false, true); }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)
    /* clang-format on */

    static void tile(const lf_tile *t)
{
    typedef void tile_fn(const lf_tile *);
    static tile_fn *const table[2][MR] = {{tile_view_1, tile_view_2, tile_view_3, tile_view_4, tile_view_5, tile_view_6, tile_view_7,
                                           tile_view_8, tile_view_9, tile_view_10, tile_view_11, tile_view_12},
                                          {tile_strip_1, tile_strip_2, tile_strip_3, tile_strip_4, tile_strip_5, tile_strip_6, tile_strip_7,
                                           tile_strip_8, tile_strip_9, tile_strip_10, tile_strip_11, tile_strip_12}};
    table[t->a_cs != 1][t->mr - 1](t);
}

static void tile_half(const lf_tile *t)
{
    static void (*const table[MR])(const lf_tile *) = {tile_half_1, tile_half_2, tile_half_3, tile_half_4,  tile_half_5,  tile_half_6,
                                                       tile_half_7, tile_half_8, tile_half_9, tile_half_10, tile_half_11, tile_half_12};
    table[t->mr - 1](t);
}

/* 12 floats of 8 strips at a time: whole cache lines of A are read, strips are written as streams. A full store of 16 runs into the
 * next k, which is written later; only the last k must keep to its 12. */
static void pack_strips(float *dst, const float *a, ptrdiff_t a_cs, int rows, int kc)
{
    ptrdiff_t strip = lf__strip_floats(kc, MR);
    for (int k = 0; k < kc; k++, a += a_cs, dst += MR) {
        const float *ahead = a + LF_MIN(8, kc - 1 - k) * a_cs;
        float *to = dst;
        int i = 0;
        for (; i < rows; i += 16) __builtin_prefetch(ahead + i);
        for (i = 0; i + 16 <= rows && k < kc - 1; i += MR, to += strip) _mm512_storeu_ps(to, _mm512_loadu_ps(a + i));
        for (; i < rows; i += MR, to += strip)
            _mm512_mask_storeu_ps(to, v_lanes(MR), _mm512_maskz_loadu_ps(v_lanes(LF_MIN(MR, rows - i)), a + i));
    }
}

static float fma_loop(int64_t n)
{
    __m512 c[24], x = _mm512_set1_ps(0.999f), y = _mm512_set1_ps(1.0f);
#pragma GCC unroll 24
    for (int i = 0; i < 24; i++) c[i] = _mm512_set1_ps((float)i);
    for (; n > 0; n--) {
#pragma GCC unroll 24
        for (int i = 0; i < 24; i++) c[i] = _mm512_fmadd_ps(c[i], x, y);
    }
#pragma GCC unroll 24
    for (int i = 1; i < 24; i++) c[0] = _mm512_add_ps(c[0], c[i]);
    return v_sum(c[0]);
}

void lf__kernels_avx512(lf_kernels *k)
{
    k->isa = "avx512";
    k->mr = MR;
    k->kc = 512;
    k->mc = 8 * MR;
    k->block_floats = 96 * 1024;
    k->tile = tile;
    k->tile_half = tile_half;
    k->pack_strips = pack_strips;
    k->pack_transposed = pack_transposed;
    k->fma_loop = fma_loop;
    fill_row_kernels(k);
}
