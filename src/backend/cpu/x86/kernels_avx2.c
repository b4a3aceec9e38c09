/* kernels_avx2.c - the AVX2 + FMA rung: the GEMM micro-tile of 6 x 16 (each half of a panel by itself), packing, and the row kernels
 * over two ymm.
 *
 *   12 accumulators      2 loads of B, 6 broadcasts of A per k: 12 FMA
 *   c[i][0] c[i][1]      i = 0..5 */
#include <string.h>

#include "backend/cpu/x86/simd_avx2.h"
#include "backend/cpu/x86/rows_tmpl.c"
#include "backend/cpu/x86/pack_tmpl.c"

enum { MR = 6, CHUNK = 256 };

/* rows and strips are constants at every call. strips: A is packed [k][MR] or a transposed view (a_rs == 1). */
LF_INLINE void half_rows(const lf_tile *t, int h, const int rows, const bool strips)
{
    v16 c[MR];
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) c[i] = t->init[0] ? v_load(t->init[h] + i * t->ldinit, t->n[h]) : v_set1(0.0f);
    const float *b = t->b + h * LF_HALF, *end = b + (ptrdiff_t)t->kc * LF_PANEL;
    const float *a[2] = {t->a, t->a + 3 * t->a_rs}; /* rows 3j..3j+2 from pointer j */
    ptrdiff_t rs = t->a_rs, cs = t->a_cs;
    for (int at = 0; b < end; at += 16) {
        const float *stop = b + LF_MIN(16 * LF_PANEL, end - b);
        if (h == 0) prefetch_next(t, at);
        for (; b < stop; b += LF_PANEL) {
            __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);
            if (h == 0) __builtin_prefetch(b + LF_HALF);
#pragma GCC unroll 6
            for (int i = 0; i < rows; i++) {
                __m256 ai = _mm256_broadcast_ss(strips ? &a[0][i] : &a[i / 3][(i % 3) * rs]);
                c[i].lo = _mm256_fmadd_ps(ai, b0, c[i].lo);
                c[i].hi = _mm256_fmadd_ps(ai, b1, c[i].hi);
            }
            for (int j = 0; j < (strips ? 1 : 2); j++) a[j] += strips ? cs : 1;
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) v_store(t->c[h] + i * t->ldc, c[i], t->n[h]);
}

/* clang-format off */
#define TILE(n)                                                                                                                            \
    static void half_view_##n(const lf_tile *t, int h) { half_rows(t, h, n, false); }                                                      \
    static void half_strip_##n(const lf_tile *t, int h) { half_rows(t, h, n, true); }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
    /* clang-format on */

    /* The second half of a panel's line pair is fetched while the first is used, and used before it leaves L1: DRAM is read once. */
    static void tile(const lf_tile *t)
{
    typedef void half_fn(const lf_tile *, int);
    static half_fn *const table[2][MR] = {{half_view_1, half_view_2, half_view_3, half_view_4, half_view_5, half_view_6},
                                          {half_strip_1, half_strip_2, half_strip_3, half_strip_4, half_strip_5, half_strip_6}};
    lf_tile part = *t;
    for (int k = 0; k == 0 || k < t->kc; k += CHUNK) {
        part.kc = LF_MIN(CHUNK, t->kc - k);
        part.a = t->a + k * t->a_cs, part.b = t->b + (ptrdiff_t)k * LF_PANEL, part.next_a = t->next_rows ? t->next_a + k : NULL;
        for (int h = 0; h < 2; h++)
            if (t->n[h] > 0) table[t->a_cs != 1][t->mr - 1](&part, h);
        part.init[0] = t->c[0], part.init[1] = t->c[1], part.ldinit = t->ldc, part.next_c[0] = NULL;
    }
}

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
        for (i = 0; i + 8 <= rows && k < kc - 1; i += MR, to += strip) _mm256_storeu_ps(to, _mm256_loadu_ps(a + i));
        for (; i < rows; i += MR, to += strip) memcpy(to, a + i, (size_t)LF_MIN(MR, rows - i) * sizeof *to);
    }
}

static float fma_loop(int64_t n)
{
    __m256 c[12], x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(1.0f);
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) c[i] = _mm256_set1_ps((float)i);
    for (n *= 4; n > 0; n--) {
#pragma GCC unroll 12
        for (int i = 0; i < 12; i++) c[i] = _mm256_fmadd_ps(c[i], x, y);
    }
#pragma GCC unroll 12
    for (int i = 1; i < 12; i++) c[0] = _mm256_add_ps(c[0], c[i]);
    return v_sum((v16){c[0], c[0]});
}

void lf__kernels_avx2(lf_kernels *k)
{
    k->isa = "avx2";
    k->mr = MR;
    k->kc = 512;
    k->mc = 16 * MR;
    k->block_floats = 96 * 1024;
    k->tile = tile;
    k->pack_strips = pack_strips;
    k->pack_transposed = pack_transposed;
    k->fma_loop = fma_loop;
    fill_row_kernels(k);
}
