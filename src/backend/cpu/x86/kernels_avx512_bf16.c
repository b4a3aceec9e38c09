/* kernels_avx512_bf16.c - what the rung avx512_bf16 adds to avx512: the micro-tile of 12 x 32 over pairs of bfloat16 (vdpbf16ps: two
 * products per lane, twice the float rate), and packing of floats into pairs. Everything else is the rung below.
 *
 *   24 accumulators      2 loads of B, 12 broadcasts of A per pair of k: 24 dot products
 *   c[i][0] c[i][1]      i = 0..11 */
#include "backend/cpu/x86/simd_avx512.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/vector/simd_exp.h"

enum { MR = LF_MR16 };

LF_INLINE void prefetch_next(const lf_tile16 *t, int at)
{
    for (int i = at / 4; i < at / 4 + 2 && i < t->mr && t->next_c[0]; i++) {
        __builtin_prefetch(t->next_c[0] + i * t->ldc, 1);
        __builtin_prefetch(t->next_c[1] + i * t->ldc, 1);
    }
}

/* rows and strip are constants at every call: 24 straight functions. */
LF_INLINE void tile_rows(const lf_tile16 *t, const int rows, const bool strip)
{
    __m512 c[MR][2];
    __mmask16 mask[2] = {v_lanes(t->n[0]), v_lanes(t->n[1])};
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
        for (int h = 0; h < 2; h++) c[i][h] = t->init[0] ? _mm512_maskz_loadu_ps(mask[h], t->init[h] + i * t->ldinit) : _mm512_setzero_ps();
    }
    const lf_pair *b = t->b, *end = b + (ptrdiff_t)t->kp * LF_PANEL;
    const lf_pair *a[4] = {t->a, t->a + 3 * t->a_rs, t->a + 6 * t->a_rs, t->a + 9 * t->a_rs}; /* rows 3j..3j+2 from pointer j */
    ptrdiff_t rs = t->a_rs;
    for (int at = 0; b < end; at += 8) {
        const lf_pair *stop = b + LF_MIN(8 * LF_PANEL, end - b);
        prefetch_next(t, at);
        for (; b < stop; b += LF_PANEL) {
            __m512bh b0 = (__m512bh)_mm512_loadu_si512(b), b1 = (__m512bh)_mm512_loadu_si512(b + LF_HALF);
            __builtin_prefetch((const char *)b + t->ahead, 0, 2);
            __builtin_prefetch((const char *)b + t->ahead + LF_ALIGN, 0, 2);
#pragma GCC unroll 12
            for (int i = 0; i < rows; i++) {
                __m512bh ai = (__m512bh)_mm512_set1_epi32((int)(strip ? a[0][i] : a[i / 3][(i % 3) * rs]));
                c[i][0] = _mm512_dpbf16_ps(c[i][0], ai, b0);
                c[i][1] = _mm512_dpbf16_ps(c[i][1], ai, b1);
            }
            for (int j = 0; j < (strip ? 1 : 4); j++) a[j] += strip ? MR : 1;
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
    static void tile_view_##n(const lf_tile16 *t) { tile_rows(t, n, false); }                                                              \
    static void tile_strip_##n(const lf_tile16 *t) { tile_rows(t, n, true); }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)
    /* clang-format on */

    static void tile16(const lf_tile16 *t)
{
    typedef void tile_fn(const lf_tile16 *);
    static tile_fn *const table[2][MR] = {{tile_view_1, tile_view_2, tile_view_3, tile_view_4, tile_view_5, tile_view_6, tile_view_7,
                                           tile_view_8, tile_view_9, tile_view_10, tile_view_11, tile_view_12},
                                          {tile_strip_1, tile_strip_2, tile_strip_3, tile_strip_4, tile_strip_5, tile_strip_6, tile_strip_7,
                                           tile_strip_8, tile_strip_9, tile_strip_10, tile_strip_11, tile_strip_12}};
    table[t->strip][t->mr - 1](t);
}

/* 32 floats -> 16 pairs of neighbours. */
LF_INLINE __m512i neighbours(__m512 lo, __m512 hi) { return (__m512i)_mm512_cvtne2ps_pbh(hi, lo); }

/* Lane j: even[j], odd[j]. */
LF_INLINE __m512i zip(__m512 even, __m512 odd)
{
    static const uint16_t order[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                       8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    return _mm512_permutexvar_epi16(_mm512_loadu_si512(order), (__m512i)_mm512_cvtne2ps_pbh(odd, even));
}

static void pairs(lf_pair *y, const float *x, int n)
{
    int i = 0;
    for (; i + 32 <= n; i += 32) _mm512_storeu_si512(y + i / 2, neighbours(v_load(x + i, 16), v_load(x + i + 16, 16)));
    if (i == n) return;
    v16 lo = v_load(x + i, LF_MIN(16, n - i)), hi = n - i > 16 ? v_load(x + i + 16, n - i - 16) : v_set1(0.0f);
    _mm512_mask_storeu_epi32(y + i / 2, v_lanes(lf__pairs(n - i)), neighbours(lo, hi));
}

static void widen(float *y, const lf_bf16 *x, int64_t n)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm512_storeu_si512(y + i, _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(x + i))), 16));
    if (i == n) return;
    __mmask16 lanes = v_lanes((int)(n - i));
    _mm512_mask_storeu_epi32(y + i, lanes, _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, x + i)), 16));
}

/* Lane j: even[j], odd[j] of what is rounded already. */
LF_INLINE __m512i zip_halves(__m256i even, __m256i odd)
{
    return _mm512_or_si512(_mm512_cvtepu16_epi32(even), _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16));
}

/* 16 pairs from two rows of floats (size 4) or bfloat16 (size 2); lanes that are not there are zero. */
LF_INLINE __m512i zip_at(const char *even, const char *odd, __mmask16 has_even, __mmask16 has_odd, const int size)
{
    if (size == 2) return zip_halves(_mm256_maskz_loadu_epi16(has_even, even), _mm256_maskz_loadu_epi16(has_odd, odd));
    return zip(_mm512_maskz_loadu_ps(has_even, even), _mm512_maskz_loadu_ps(has_odd, odd));
}

/* ld in bytes. A few lines ahead: rows lie far apart, so nobody else fetches them. */
LF_INLINE void rows_to_panels(lf_pair *dst, ptrdiff_t distance, const char *src, ptrdiff_t ld, int n, int k, const int size)
{
    for (int i = 0; i < k; i += 2, src += 2 * ld, dst += LF_PANEL) {
        const char *odd = i + 1 < k ? src + ld : src;
        __mmask16 has_odd = i + 1 < k ? 0xffff : 0;
        ptrdiff_t ahead = i + 9 < k ? 8 * ld : 0;
        lf_pair *to = dst;
        for (int j = 0; j < n; j += LF_PANEL, to += distance) {
            for (int h = j; h < j + LF_PANEL; h += 16) {
                __mmask16 lanes = h < n ? v_lanes(n - h) : 0;
                __builtin_prefetch(src + ahead + h * size);
                __builtin_prefetch(odd + ahead + h * size);
                _mm512_storeu_si512(to + h - j, zip_at(src + h * size, odd + h * size, lanes, lanes & has_odd, size));
            }
        }
    }
}

static void pack_rows16(lf_pair *dst, ptrdiff_t distance, const float *src, ptrdiff_t ld, int n, int k)
{
    rows_to_panels(dst, distance, (const char *)src, 4 * ld, n, k, 4);
}

static void pair_rows(lf_pair *dst, ptrdiff_t distance, const lf_bf16 *src, ptrdiff_t ld, int n, int k)
{
    rows_to_panels(dst, distance, (const char *)src, 2 * ld, n, k, 2);
}

/* 12 columns of as many strips as there are: whole cache lines of A are read, strips are written as streams. A full store of 16 runs
 * into the next pair, which is written later; only the last pair must keep to its 12. */
LF_INLINE void columns_to_strips(lf_pair *dst, const char *a, ptrdiff_t a_cs, int rows, int kc, const int size)
{
    ptrdiff_t strip = lf__strip_pairs(kc);
    for (int k = 0; k < kc; k += 2, a += 2 * a_cs, dst += MR) {
        const char *odd = k + 1 < kc ? a + a_cs : a;
        __mmask16 has_odd = k + 1 < kc ? 0xffff : 0;
        lf_pair *to = dst;
        int i = 0;
        for (; i < rows && k + 9 < kc; i += 64 / size) {
            __builtin_prefetch(a + 8 * a_cs + i * size);
            __builtin_prefetch(a + 9 * a_cs + i * size);
        }
        for (i = 0; i + 16 <= rows && k + 2 < kc; i += MR, to += strip)
            _mm512_storeu_si512(to, zip_at(a + i * size, odd + i * size, 0xffff, 0xffff, size));
        for (; i < rows; i += MR, to += strip) {
            __mmask16 lanes = v_lanes(LF_MIN(MR, rows - i));
            _mm512_mask_storeu_epi32(to, v_lanes(MR), zip_at(a + i * size, odd + i * size, lanes, lanes & has_odd, size));
        }
    }
}

static void pack_strips16(lf_pair *dst, const float *a, ptrdiff_t a_cs, int rows, int kc)
{
    columns_to_strips(dst, (const char *)a, 4 * a_cs, rows, kc, 4);
}

static void pair_strips(lf_pair *dst, const lf_bf16 *a, ptrdiff_t a_cs, int rows, int kc)
{
    columns_to_strips(dst, (const char *)a, 2 * a_cs, rows, kc, 2);
}

/* silu(g) u as rows_tmpl.c has it. */
static void swiglu_tile(lf_bf16 *h, ptrdiff_t ldh, lf_bf16 *gate, lf_bf16 *up, ptrdiff_t ld, const float *c, int rows, int n)
{
    __mmask16 lanes = v_lanes(n);
    v16 one = v_set1(1.0f);
    for (int i = 0; i < rows; i++, c += LF_PANEL) {
        v16 g = v_load(c, 16), u = v_load(c + LF_HALF, 16);
        v16 s = v_div(one, v_add(one, v_exp(v_sub(v_set1(0.0f), g))));
        __m512i both = neighbours(g, u);
        _mm256_mask_storeu_epi16(gate + i * ld, lanes, _mm512_castsi512_si256(both));
        _mm256_mask_storeu_epi16(up + i * ld, lanes, _mm512_extracti64x4_epi64(both, 1));
        _mm256_mask_storeu_epi16(h + i * ldh, lanes, (__m256i)_mm512_cvtneps_pbh(v_mul(v_mul(g, s), u)));
    }
}

/* 16 rows of 16 pairs -> 16 lines of a panel: the transpose of a 16 x 16 matrix of 32-bit words in four rounds. */
LF_INLINE void transpose16(lf_pair *dst, __m512i r[16])
{
    __m512i s[16];
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        s[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        s[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(s[i], s[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(s[i], s[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(s[i + 1], s[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(s[i + 1], s[i + 3]);
    }
    /* r[4q + c] holds, in its 128-bit part p, column 4p + c of rows 4q..4q+3. */
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        __m512i lo = _mm512_shuffle_i32x4(r[c], r[4 + c], 0x88), hi = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0x88);
        __m512i lo2 = _mm512_shuffle_i32x4(r[c], r[4 + c], 0xdd), hi2 = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0xdd);
        _mm512_storeu_si512(dst + c * LF_PANEL, _mm512_shuffle_i32x4(lo, hi, 0x88));
        _mm512_storeu_si512(dst + (8 + c) * LF_PANEL, _mm512_shuffle_i32x4(lo, hi, 0xdd));
        _mm512_storeu_si512(dst + (4 + c) * LF_PANEL, _mm512_shuffle_i32x4(lo2, hi2, 0x88));
        _mm512_storeu_si512(dst + (12 + c) * LF_PANEL, _mm512_shuffle_i32x4(lo2, hi2, 0xdd));
    }
}

static void pack_transposed16(lf_pair *panel, const float *src, ptrdiff_t ld, int cols, int k)
{
    lf_pair row[16];
    int i = 0, j;
    for (; i + 32 <= k; i += 32) {
        for (j = 0; j + 16 <= cols; j += 16) {
            __m512i r[16];
            for (int e = 0; e < 16; e++) {
                const float *x = src + (j + e) * ld + i;
                r[e] = neighbours(_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16));
            }
            transpose16(panel + i / 2 * LF_PANEL + j, r);
        }
        for (; j < cols; j++) {
            pairs(row, src + j * ld + i, 32);
            for (int e = 0; e < 16; e++) panel[(i / 2 + e) * LF_PANEL + j] = row[e];
        }
    }
    for (j = 0; j < cols && i < k; j++) {
        pairs(row, src + j * ld + i, k - i);
        for (int e = 0; e < lf__pairs(k - i); e++) panel[(i / 2 + e) * LF_PANEL + j] = row[e];
    }
}

LF_INLINE void v_store_pairs(lf_pair *to, v16 lo, v16 hi) { _mm512_storeu_si512(to, neighbours(lo, hi)); }

#include "backend/cpu/vector/softmax16_tmpl.c"

LF_INLINE v16 v_floats(const int8_t *p) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p))); }
/* 8 half floats, each in two lanes; 2 of them, in even and odd lanes. */
LF_INLINE v16 v_twice(const uint16_t *p)
{
    __m512i lanes = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    return _mm512_permutexvar_ps(lanes, _mm512_castps256_ps512(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p))));
}
LF_INLINE v16 v_by_turns(const uint16_t *p)
{
    int32_t both;
    memcpy(&both, p, sizeof both);
    return _mm512_cvtph_ps(_mm256_set1_epi32(both));
}

#include "backend/cpu/vector/kv16_tmpl.c"

static float dot_loop(int64_t n)
{
    __m512 c[24];
    __m512bh x = (__m512bh)_mm512_set1_epi32(0x3f003f00), y = (__m512bh)_mm512_set1_epi32(0x3e803e80);
#pragma GCC unroll 24
    for (int i = 0; i < 24; i++) c[i] = _mm512_set1_ps((float)i);
    for (; n > 0; n--) {
#pragma GCC unroll 24
        for (int i = 0; i < 24; i++) c[i] = _mm512_dpbf16_ps(c[i], x, y);
    }
#pragma GCC unroll 24
    for (int i = 1; i < 24; i++) c[0] = _mm512_add_ps(c[0], c[i]);
    return v_sum(c[0]);
}

void lf__kernels_avx512_bf16(lf_kernels *k)
{
    k->isa = "avx512_bf16";
    k->bf16 = true;
    k->tile16 = tile16;
    k->pairs = pairs;
    k->widen = widen;
    k->pack_rows16 = pack_rows16;
    k->pack_strips16 = pack_strips16;
    k->pack_transposed16 = pack_transposed16;
    k->pair_rows = pair_rows;
    k->pair_strips = pair_strips;
    k->swiglu_tile = swiglu_tile;
    k->softmax16 = softmax16;
    k->softmax_grad16 = softmax_grad16;
    k->kv_keys16 = kv_keys16;
    k->kv_values16 = kv_values16;
    k->dot_loop = dot_loop;
}
