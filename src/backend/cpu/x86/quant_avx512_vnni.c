/* quant_avx512_vnni.c - what the rung avx512_vnni adds: products of weight bytes and activation bytes, four per lane (vpdpbusd). A zmm is
 * 16 columns x 4 k of weights; the 4 activations that meet them are one broadcast word. Bits as in ref_quant.c. */
#include "backend/cpu/x86/simd_avx512.h"

#include <math.h>

#include "backend/cpu/kernels.h"

LF_INLINE __m512i line(const void *p, int i) { return _mm512_loadu_si512((const __m512i *)p + i); }
LF_INLINE __m512 halves(const uint8_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
LF_INLINE __m512 whole(const uint8_t *p) { return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p))); }
LF_INLINE __m512 whole_signed(const uint8_t *p) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p))); }

/* x | (y & mask) */
LF_INLINE __m512i or_masked(__m512i x, __m512i y, __m512i mask) { return _mm512_ternarylogic_epi32(x, y, mask, 0xf8); }

/* Half h of a block: its 8 lines of bytes. type is a constant at every call. */
LF_INLINE void open_half(const lf_dtype type, const lf_qblock *b, int h, __m512i w[8])
{
    if (type == LF_Q8_0) {
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++) w[g] = line(b->w, h * 8 + g);
        return;
    }
    const __m512i low = _mm512_set1_epi8(15);
#pragma GCC unroll 4
    for (int g = 0; g < 4; g++) {
        __m512i x = line(b->w, h * 4 + g);
        w[g] = _mm512_and_si512(x, low), w[g + 4] = _mm512_and_si512(_mm512_srli_epi16(x, 4), low);
    }
    if (type == LF_IQ4_NL) {
        __m512i table = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)lf__iq4nl_bytes));
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++) w[g] = _mm512_shuffle_epi8(table, w[g]);
    } else if (type == LF_Q5_K) { /* bit g to bit 4 */
        __m512i x = line(b->high, h), bit = _mm512_set1_epi8(16);
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++)
            w[g] = or_masked(w[g], g < 4 ? _mm512_slli_epi16(x, (unsigned)(4 - g)) : _mm512_srli_epi16(x, (unsigned)(g - 4)), bit);
    } else if (type == LF_Q6_K) { /* bits 2i, 2i + 1 to bits 4, 5 */
        __m512i bits = _mm512_set1_epi8(48);
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++) {
            __m512i x = line(b->high, h * 2 + g / 4);
            int i = g % 4;
            w[g] = or_masked(w[g], i < 2 ? _mm512_slli_epi16(x, (unsigned)(4 - 2 * i)) : _mm512_srli_epi16(x, (unsigned)(2 * i - 4)), bits);
        }
    }
}

LF_INLINE __m512 scale_of(const lf_dtype type, const lf_qblock *b, int sub, int h)
{
    if (lf__qtypes[type].unit == LF_QBLOCK) return halves(b->scale + 32 * h);
    if (type == LF_Q6_K) return _mm512_mul_ps(halves(b->d + 32 * h), whole_signed(b->scale + sub * LF_PANEL + h * LF_HALF));
    return _mm512_mul_ps(halves(b->d + 32 * h), whole(b->scale + h * LF_HALF));
}
LF_INLINE __m512 min_of(const lf_qblock *b, int h) { return _mm512_mul_ps(halves(b->dmin + 32 * h), whole(b->min + h * LF_HALF)); }

LF_INLINE __m512i words(const lf_qact *a, int g) { return _mm512_set1_epi32(((const int32_t __attribute__((may_alias)) *)a->q)[g]); }

/* One step of the chain: lines [first, last) of w. */
LF_INLINE __m512 step(__m512 c, const lf_qact *a, int sub, const __m512i w[8], int first, int last, __m512 scale)
{
    __m512i sum = _mm512_set1_epi32(a->start[sub]);
#pragma GCC unroll 8
    for (int g = first; g < last; g++) sum = _mm512_dpbusd_epi32(sum, w[g], words(a, g));
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), _mm512_mul_ps(scale, _mm512_set1_ps(a->d)), c);
}

LF_INLINE void load_c(const lf_qtile *t, const int rows, __m512 c[][2])
{
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
        for (int h = 0; h < 2; h++) c[i][h] = t->init[h] ? v_load(t->init[h] + i * t->ldinit, t->n[h]) : _mm512_setzero_ps();
}

LF_INLINE void store_c(const lf_qtile *t, const int rows, __m512 c[][2])
{
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
        for (int h = 0; h < 2; h++)
            if (t->n[h] > 0) v_store(t->c[h] + i * t->ldc, c[i][h], t->n[h]);
}

/* A few rows and a packed panel: each half of a block is opened in registers and meets all rows. */
LF_INLINE void rows_of(const lf_qtile *t, const lf_dtype type, const int rows)
{
    __m512 c[LF_QROWS][2];
    load_c(t, rows, c);
    const lf_qact *a = t->a;
    const int subs = lf__qtypes[type].subs;
    for (int block = 0; block < t->blocks; block++, a += rows) {
        lf_qblock b = lf__qblock(type, t->b, block);
        for (int h = 0; h < 2; h++) {
            __m512i w[8];
            open_half(type, &b, h, w);
#pragma GCC unroll 2
            for (int sub = 0; sub < subs; sub++) {
                __m512 scale = scale_of(type, &b, sub, h);
#pragma GCC unroll 4
                for (int i = 0; i < rows; i++) c[i][h] = step(c[i][h], a + i, sub, w, 8 / subs * sub, 8 / subs * (sub + 1), scale);
            }
            if (!lf__qtypes[type].min) continue;
            __m512 min = min_of(&b, h);
#pragma GCC unroll 4
            for (int i = 0; i < rows; i++) c[i][h] = _mm512_fnmadd_ps(min, _mm512_set1_ps(a[i].sum), c[i][h]);
        }
    }
    store_c(t, rows, c);
}

/* The lines of one part of a block against all rows: 2 loads of weights, one broadcast a row, 2 dot products a row. */
LF_INLINE void part_of(__m512 c[][2], const lf_qact *a, const lf_qopen *b, const int rows, int sub, int first, int last)
{
    __m512i sum[LF_QMR][2];
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = _mm512_set1_epi32(a[i].start[sub]);
#pragma GCC unroll 8
    for (int g = first; g < last; g++) {
        __m512i w0 = line(b->w[g], 0), w1 = line(b->w[g], 1);
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) {
            __m512i x = words(a + i, g);
            sum[i][0] = _mm512_dpbusd_epi32(sum[i][0], w0, x);
            sum[i][1] = _mm512_dpbusd_epi32(sum[i][1], w1, x);
        }
    }
    __m512 s0 = _mm512_loadu_ps(b->scale[sub][0]), s1 = _mm512_loadu_ps(b->scale[sub][1]);
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) {
        __m512 d = _mm512_set1_ps(a[i].d);
        c[i][0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[i][0]), _mm512_mul_ps(s0, d), c[i][0]);
        c[i][1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[i][1]), _mm512_mul_ps(s1, d), c[i][1]);
    }
}

/* form: scales per block and whether there are minima. */
LF_INLINE void tile_of(const lf_qtile *t, const int subs, const bool mins, const int rows)
{
    __m512 c[LF_QMR][2];
    load_c(t, rows, c);
    const lf_qact *a = t->a;
    const lf_qopen *b = t->b;
    for (int block = 0; block < t->blocks; block++, a += rows, b++) {
#pragma GCC unroll 2
        for (int sub = 0; sub < subs; sub++) part_of(c, a, b, rows, sub, 8 / subs * sub, 8 / subs * (sub + 1));
        if (!mins) continue;
        __m512 m0 = _mm512_loadu_ps(b->min[0]), m1 = _mm512_loadu_ps(b->min[1]);
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) {
            __m512 sum = _mm512_set1_ps(a[i].sum);
            c[i][0] = _mm512_fnmadd_ps(m0, sum, c[i][0]), c[i][1] = _mm512_fnmadd_ps(m1, sum, c[i][1]);
        }
    }
    store_c(t, rows, c);
}

/* ---- one function per type, or form, and number of rows ------------------------------------------------------------------------------ */
typedef void tile_fn(const lf_qtile *);
/* clang-format off */
#define ROWS(type, n) static void rows_##type##_##n(const lf_qtile *t) { rows_of(t, LF_##type, n); }
#define TYPE(type) ROWS(type, 1) ROWS(type, 2) ROWS(type, 3) ROWS(type, 4)
TYPE(Q8_0) TYPE(Q4_0) TYPE(IQ4_NL) TYPE(Q4_K) TYPE(Q5_K) TYPE(Q6_K)
#define FORM(name, subs, mins, n) static void tile_##name##_##n(const lf_qtile *t) { tile_of(t, subs, mins, n); }
#define FORMS(n) FORM(plain, 1, false, n) FORM(mins, 1, true, n) FORM(subs, 2, false, n)
FORMS(1) FORMS(2) FORMS(3) FORMS(4) FORMS(5) FORMS(6)

static void qrows(lf_dtype type, const lf_qtile *t)
{
#define ROW(type) [LF_##type] = {rows_##type##_1, rows_##type##_2, rows_##type##_3, rows_##type##_4}
    static tile_fn *const table[LF_DTYPES][LF_QROWS] = {ROW(Q8_0), ROW(Q4_0), ROW(IQ4_NL), ROW(Q4_K), ROW(Q5_K), ROW(Q6_K)};
    table[type][t->mr - 1](t);
}

static void qtile(lf_dtype type, const lf_qtile *t)
{
#define ROW6(name) {tile_##name##_1, tile_##name##_2, tile_##name##_3, tile_##name##_4, tile_##name##_5, tile_##name##_6}
    static tile_fn *const table[3][LF_QMR] = {ROW6(plain), ROW6(mins), ROW6(subs)};
    table[lf__qtypes[type].min ? 1 : lf__qtypes[type].subs == 2 ? 2 : 0][t->mr - 1](t);
}
/* clang-format on */

/* ---- opening ------------------------------------------------------------------------------------------------------------- */
LF_INLINE void open_of(const lf_dtype type, lf_qopen *out, const void *packed, int blocks)
{
    for (int i = 0; i < blocks; i++, out++) {
        lf_qblock b = lf__qblock(type, packed, i);
        for (int h = 0; h < 2; h++) {
            __m512i w[8];
            open_half(type, &b, h, w);
#pragma GCC unroll 8
            for (int g = 0; g < 8; g++) _mm512_storeu_si512(out->w[g][h], w[g]);
            for (int sub = 0; sub < lf__qtypes[type].subs; sub++) _mm512_storeu_ps(out->scale[sub][h], scale_of(type, &b, sub, h));
            if (lf__qtypes[type].min) _mm512_storeu_ps(out->min[h], min_of(&b, h));
        }
    }
}

static void qopen(lf_dtype type, lf_qopen *out, const void *packed, int blocks)
{
    switch (type) {
    case LF_Q8_0: open_of(LF_Q8_0, out, packed, blocks); break;
    case LF_Q4_0: open_of(LF_Q4_0, out, packed, blocks); break;
    case LF_IQ4_NL: open_of(LF_IQ4_NL, out, packed, blocks); break;
    case LF_Q4_K: open_of(LF_Q4_K, out, packed, blocks); break;
    case LF_Q5_K: open_of(LF_Q5_K, out, packed, blocks); break;
    default: open_of(LF_Q6_K, out, packed, blocks); break;
    }
}

/* ---- activations --------------------------------------------------------------------------------------------------------- */
static void qact(lf_qact *out, ptrdiff_t distance, const float *x, int blocks, int zero, int subs)
{
    const __m512i sign = _mm512_set1_epi32(INT32_MAX);
    for (int i = 0; i < blocks; i++, out += distance, x += LF_QBLOCK) {
        __m512 lo = _mm512_loadu_ps(x), hi = _mm512_loadu_ps(x + 16);
        __m512i size = _mm512_max_epi32(_mm512_and_si512(_mm512_castps_si512(lo), sign), _mm512_and_si512(_mm512_castps_si512(hi), sign));
        int32_t bits = _mm512_reduce_max_epi32(size); /* sizes of floats are in the order of their bits, then infinity, then NaN */
        float most = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(bits)));
        bool finite = bits < 0x7f800000, some = finite && most >= LF_QACT_LEAST;
        __m512 inverse = _mm512_set1_ps(some ? 127.0f / most : 0.0f);
        __m512i q0 = _mm512_cvtps_epi32(_mm512_mul_ps(lo, inverse)), q1 = _mm512_cvtps_epi32(_mm512_mul_ps(hi, inverse));
        if (!some) q0 = q1 = _mm512_setzero_si512();
        _mm_storeu_si128((__m128i *)out->q, _mm512_cvtepi32_epi8(q0));
        _mm_storeu_si128((__m128i *)(out->q + 16), _mm512_cvtepi32_epi8(q1));
        int32_t sum0 = _mm512_reduce_add_epi32(q0), sum1 = _mm512_reduce_add_epi32(q1);
        out->d = some ? most / 127.0f : finite ? 0.0f : NAN;
        out->sum = out->d * (float)(sum0 + sum1);
        out->start[0] = -zero * (subs == 1 ? sum0 + sum1 : sum0);
        out->start[1] = -zero * sum1;
    }
}

static float byte_loop(int64_t n)
{
    __m512i c[24], x = _mm512_set1_epi8(3), y = _mm512_set1_epi8(-2);
#pragma GCC unroll 24
    for (int i = 0; i < 24; i++) c[i] = _mm512_set1_epi32(i);
    for (; n > 0; n--) {
#pragma GCC unroll 24
        for (int i = 0; i < 24; i++) c[i] = _mm512_dpbusd_epi32(c[i], x, y);
    }
#pragma GCC unroll 24
    for (int i = 1; i < 24; i++) c[0] = _mm512_add_epi32(c[0], c[i]);
    return (float)_mm512_reduce_add_epi32(c[0]);
}

void lf__kernels_avx512_vnni(lf_kernels *k)
{
    k->isa = "avx512_vnni";
    k->qact = qact;
    k->qrows = qrows;
    k->qopen = qopen;
    k->qtile = qtile;
    k->byte_loop = byte_loop;
}
