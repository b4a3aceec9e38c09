/* quant_avx2.c - products with quantized weights on AVX2: bytes times signed bytes in 16-bit sums (vpmaddubsw), so as many lines are added
 * as cannot overflow, then widened. Bytes of full range go as two nibbles. Panels are read as they are packed; a line of 16 columns is two
 * ymm, and 8 columns of a block, opened in registers, meet all rows. Bits as in ref_quant.c. */
#include "backend/cpu/x86/simd_avx2.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/kernels.h"

LF_INLINE __m256i load(const void *p) { return _mm256_loadu_si256(p); }
LF_INLINE __m256 halves(const uint8_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
LF_INLINE __m256 whole(const uint8_t *p) { return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p))); }
LF_INLINE __m256 whole_signed(const uint8_t *p) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p))); }
LF_INLINE __m256i words(const lf_qact *a, int g)
{
    int32_t x;
    memcpy(&x, a->q + 4 * g, sizeof x);
    return _mm256_set1_epi32(x);
}

/* ---- opening: 8 columns of a block ---------------------------------------------------------------------------------------- */
/* x's bits moved up by n (down by -n), those in mask alone. */
LF_INLINE __m256i moved(__m256i x, const int n, int mask)
{
    x = n > 0 ? _mm256_slli_epi16(x, n) : _mm256_srli_epi16(x, -n);
    return _mm256_and_si256(x, _mm256_set1_epi8((char)mask));
}

/* w [8]: its lines of bytes, from column j of half h on. type is a constant at every call. */
LF_INLINE void open_columns(const lf_dtype type, __m256i w[8], const lf_qblock *b, int h, int j)
{
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) {
        w[g] = load(b->w + (type == LF_Q8_0 ? (h * 8 + g) * 64 : (h * 4 + g % 4) * 64) + 4 * j);
        if (type != LF_Q8_0) w[g] = moved(w[g], g < 4 ? 0 : -4, 15);
        if (type == LF_IQ4_NL)
            w[g] = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)lf__iq4nl_bytes)), w[g]);
        if (type == LF_Q5_K) w[g] = _mm256_or_si256(w[g], moved(load(b->high + h * 64 + 4 * j), 4 - g, 16));
        if (type == LF_Q6_K) w[g] = _mm256_or_si256(w[g], moved(load(b->high + (h * 2 + g / 4) * 64 + 4 * j), 4 - g % 4 * 2, 48));
    }
}

/* Of the columns from `at` on, the second half's behind the first's. */
LF_INLINE __m256 scale_of(const lf_dtype type, const lf_qblock *b, int sub, int at)
{
    if (lf__qtypes[type].unit == LF_QBLOCK) return halves(b->scale + 2 * at);
    __m256 d = halves(b->d + 2 * at);
    return _mm256_mul_ps(d, type == LF_Q6_K ? whole_signed(b->scale + sub * LF_PANEL + at) : whole(b->scale + at));
}
LF_INLINE __m256 min_of(const lf_qblock *b, int at) { return _mm256_mul_ps(halves(b->dmin + 2 * at), whole(b->min + at)); }

/* ---- the tile -------------------------------------------------------------------------------------------------------------- */
/* Sum of w q over lines [first, last) for 8 columns. most: the largest w. */
LF_INLINE __m256i dot(const __m256i w[8], const lf_qact *a, const int most, const int first, const int last)
{
    const __m256i one = _mm256_set1_epi16(1), sixteen = _mm256_set1_epi16(16);
    const int lines = most > 63 ? 8 : most > 31 ? 2 : most > 15 ? 4 : 8; /* whose products add up in 16 bits: 2 * 127 * most each */
    __m256i sum = _mm256_setzero_si256(), low = sum, high = sum;
#pragma GCC unroll 8
    for (int g = first; g < last; g++) {
        __m256i q = words(a, g);
        low = _mm256_add_epi16(low, _mm256_maddubs_epi16(most > 63 ? moved(w[g], 0, 15) : w[g], q));
        if (most > 63) high = _mm256_add_epi16(high, _mm256_maddubs_epi16(moved(w[g], -4, 15), q));
        if ((g + 1 - first) % lines && g + 1 < last) continue;
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(low, one));
        if (most > 63) sum = _mm256_add_epi32(sum, _mm256_madd_epi16(high, sixteen));
        low = high = _mm256_setzero_si256();
    }
    return sum;
}

/* unit [rows] + the steps of the chain of one block for 8 columns. */
LF_INLINE void add_block(const lf_dtype type, __m256 unit[], const lf_qact *a, const lf_qblock *b, const int rows, int h, int j)
{
    const lf_qtype *q = &lf__qtypes[type];
    const int most = q->zero == 128 ? 255 : type == LF_Q6_K ? 63 : type == LF_Q5_K ? 31 : 15, lines = 8 / q->subs;
    int at = h * LF_HALF + j;
    __m256i w[8];
    open_columns(type, w, b, h, j);
    __m256 scale[2] = {scale_of(type, b, 0, at), scale_of(type, b, q->subs - 1, at)}, min = q->min ? min_of(b, at) : _mm256_setzero_ps();
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 2
        for (int sub = 0; sub < q->subs; sub++) {
            __m256i dots = _mm256_add_epi32(dot(w, a + i, most, lines * sub, lines * (sub + 1)), _mm256_set1_epi32(a[i].start[sub]));
            unit[i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots), scale[sub], unit[i]);
        }
        if (q->min) unit[i] = _mm256_fnmadd_ps(min, _mm256_set1_ps(a[i].sum), unit[i]);
    }
}

LF_INLINE void rows_of(const lf_qtile *t, const lf_dtype type, const int rows)
{
    enum { PARTS = LF_PANEL / 8 }; /* of 8 columns */
    __m256 c[PARTS][LF_QROWS], unit[PARTS][LF_QROWS];
    const lf_qact *a = t->a;
#pragma GCC unroll 4
    for (int p = 0; p < PARTS; p++)
        for (int i = 0; i < rows; i++) {
            float x[8] = {0};
            int h = p / 2, j = p % 2 * 8, n = LF_MIN(8, t->n[h] - j);
            if (t->init[h] && n > 0) memcpy(x, t->init[h] + i * t->ldinit + j, (size_t)n * sizeof *x);
            c[p][i] = _mm256_loadu_ps(x);
        }
    for (int first = 0; first < t->blocks; first += lf__unit_blocks(type)) {
#pragma GCC unroll 4
        for (int p = 0; p < PARTS; p++)
            for (int i = 0; i < rows; i++) unit[p][i] = _mm256_setzero_ps();
        for (int block = first; block < first + lf__unit_blocks(type); block++, a += rows) {
            lf_qblock b = lf__qblock(type, t->b, block);
#pragma GCC unroll 4
            for (int p = 0; p < PARTS; p++) add_block(type, unit[p], a, &b, rows, p / 2, p % 2 * 8);
        }
#pragma GCC unroll 4
        for (int p = 0; p < PARTS; p++)
            for (int i = 0; i < rows; i++) c[p][i] = _mm256_fmadd_ps(unit[p][i], _mm256_set1_ps((a - rows)[i].d), c[p][i]);
    }
#pragma GCC unroll 4
    for (int p = 0; p < PARTS; p++)
        for (int i = 0; i < rows; i++) {
            float x[8];
            int h = p / 2, j = p % 2 * 8, n = LF_MIN(8, t->n[h] - j);
            _mm256_storeu_ps(x, c[p][i]);
            if (n > 0) memcpy(t->c[h] + i * t->ldc + j, x, (size_t)n * sizeof *x);
        }
}

/* One row, whose sums stay in registers, or some. */
/* clang-format off */
#define TYPE(type) \
    static void rows_##type(const lf_qtile *t) { if (t->mr == 1) rows_of(t, LF_##type, 1); else rows_of(t, LF_##type, t->mr); }
TYPE(Q8_0) TYPE(Q4_0) TYPE(IQ4_NL) TYPE(Q4_K) TYPE(Q5_K) TYPE(Q6_K)
    /* clang-format on */

    static void qrows(lf_dtype type, const lf_qtile *t)
{
    static void (*const table[LF_DTYPES])(const lf_qtile *) = {[LF_Q8_0] = rows_Q8_0, [LF_Q4_0] = rows_Q4_0, [LF_IQ4_NL] = rows_IQ4_NL,
                                                               [LF_Q4_K] = rows_Q4_K, [LF_Q5_K] = rows_Q5_K, [LF_Q6_K] = rows_Q6_K};
    table[type](t);
}

/* ---- activations --------------------------------------------------------------------------------------------------------- */
LF_INLINE int32_t sum_of(__m256i x)
{
    __m128i y = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    y = _mm_add_epi32(y, _mm_unpackhi_epi64(y, y));
    return _mm_cvtsi128_si32(_mm_add_epi32(y, _mm_shuffle_epi32(y, 1)));
}

static void qact(lf_qact *out, ptrdiff_t distance, const float *x, int blocks, lf_dtype type)
{
    const lf_qtype *t = &lf__qtypes[type];
    for (int i = 0; i < blocks; i += lf__unit_blocks(type)) {
        __m256i size = _mm256_setzero_si256();
        for (int j = 0; j < t->unit / 8; j++)
            size = _mm256_max_epi32(size, _mm256_and_si256(load(x + 8 * j), _mm256_set1_epi32(INT32_MAX)));
        __m128i y = _mm_max_epi32(_mm256_castsi256_si128(size), _mm256_extracti128_si256(size, 1));
        y = _mm_max_epi32(y, _mm_unpackhi_epi64(y, y)), y = _mm_max_epi32(y, _mm_shuffle_epi32(y, 1));
        int32_t bits = _mm_cvtsi128_si32(y); /* sizes of floats are in the order of their bits, then infinity, then NaN */
        float most = _mm_cvtss_f32(_mm_castsi128_ps(y));
        bool finite = bits < 0x7f800000, some = finite && most >= LF_QACT_LEAST;
        __m256 inverse = _mm256_set1_ps(some ? 127.0f / most : 0.0f);
        for (int n = 0; n < lf__unit_blocks(type); n++, out += distance, x += LF_QBLOCK) {
            __m256i q[4];
            for (int j = 0; j < 4; j++) {
                q[j] = some ? _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * j), inverse)) : _mm256_setzero_si256();
                __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(q[j]), _mm256_extracti128_si256(q[j], 1));
                _mm_storel_epi64((__m128i *)(out->q + 8 * j), _mm_packs_epi16(words, words));
            }
            int32_t sum0 = sum_of(_mm256_add_epi32(q[0], q[1])), sum1 = sum_of(_mm256_add_epi32(q[2], q[3]));
            out->d = some ? most / 127.0f : finite ? 0.0f : NAN;
            out->sum = (float)(sum0 + sum1);
            out->start[0] = -t->zero * (t->subs == 1 ? sum0 + sum1 : sum0);
            out->start[1] = -t->zero * sum1;
        }
    }
}

void lf__kernels_avx2_quant(lf_kernels *k)
{
    k->qact = qact;
    k->qrows = qrows;
}
