/* quant_avx2.c - products with quantized weights on AVX2: bytes times signed bytes in 16-bit sums (vpmaddubsw), so as many lines are added
 * as cannot overflow, then widened. Bytes of full range go as two nibbles. A line of 16 columns is two ymm. Bits as in ref_quant.c. */
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

/* ---- opening: 32 bytes at a time, half a line ---------------------------------------------------------------------------- */
/* x's bits moved up by n (down by -n), those in mask alone. */
LF_INLINE __m256i moved(__m256i x, int n, int mask)
{
    x = n > 0 ? _mm256_slli_epi16(x, n) : _mm256_srli_epi16(x, -n);
    return _mm256_and_si256(x, _mm256_set1_epi8((char)mask));
}

LF_INLINE void open_part(const lf_dtype type, lf_qopen *out, const lf_qblock *b, int h, int at)
{
    for (int g = 0; g < 8; g++) {
        __m256i w = load(b->w + (type == LF_Q8_0 ? (h * 8 + g) * 64 : (h * 4 + g % 4) * 64) + at);
        if (type != LF_Q8_0) w = moved(w, g < 4 ? 0 : -4, 15);
        if (type == LF_IQ4_NL) w = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)lf__iq4nl_bytes)), w);
        if (type == LF_Q5_K) w = _mm256_or_si256(w, moved(load(b->high + h * 64 + at), 4 - g, 16));
        if (type == LF_Q6_K) w = _mm256_or_si256(w, moved(load(b->high + (h * 2 + g / 4) * 64 + at), 4 - g % 4 * 2, 48));
        _mm256_storeu_si256((__m256i *)(out->w[g][h] + at), w);
    }
}

LF_INLINE void open_of(const lf_dtype type, lf_qopen *out, const void *packed, int blocks)
{
    const lf_qtype *t = &lf__qtypes[type];
    for (int i = 0; i < blocks; i++, out++) {
        lf_qblock b = lf__qblock(type, packed, i);
        for (int h = 0; h < 2; h++) {
            open_part(type, out, &b, h, 0);
            open_part(type, out, &b, h, 32);
            for (int j = 0; j < LF_HALF; j += 8) {
                int at = h * LF_HALF + j;
                for (int sub = 0; sub < t->subs; sub++) {
                    __m256 s = t->unit == LF_QBLOCK ? halves(b.scale + 2 * at) : halves(b.d + 2 * at);
                    if (type == LF_Q6_K) s = _mm256_mul_ps(s, whole_signed(b.scale + sub * LF_PANEL + at));
                    if (t->min) s = _mm256_mul_ps(s, whole(b.scale + at));
                    _mm256_storeu_ps(out->scale[sub][h] + j, s);
                }
                if (t->min) _mm256_storeu_ps(out->min[h] + j, _mm256_mul_ps(halves(b.dmin + 2 * at), whole(b.min + at)));
            }
        }
    }
}

/* ---- the tile: a row and half a line of columns after the other ---------------------------------------------------------- */
/* Sum of w q over lines [first, last) for 8 columns. most: the largest w. */
LF_INLINE __m256i dot(const uint8_t *w, const lf_qact *a, const int most, int first, int last)
{
    const __m256i one = _mm256_set1_epi16(1), sixteen = _mm256_set1_epi16(16);
    const int lines = most > 63 ? 8 : most > 31 ? 2 : most > 15 ? 4 : 8; /* whose products add up in 16 bits: 2 * 127 * most each */
    __m256i sum = _mm256_setzero_si256();
    for (int g0 = first; g0 < last; g0 += lines) {
        __m256i low = _mm256_setzero_si256(), high = low;
        for (int g = g0; g < last && g < g0 + lines; g++) {
            __m256i x = load(w + g * 128), q = words(a, g);
            low = _mm256_add_epi16(low, _mm256_maddubs_epi16(most > 63 ? moved(x, 0, 15) : x, q));
            if (most > 63) high = _mm256_add_epi16(high, _mm256_maddubs_epi16(moved(x, -4, 15), q));
        }
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(low, one));
        if (most > 63) sum = _mm256_add_epi32(sum, _mm256_madd_epi16(high, sixteen));
    }
    return sum;
}

LF_INLINE void tile_of(const lf_dtype type, const lf_qtile *t)
{
    const lf_qtype *q = &lf__qtypes[type];
    const int most = q->zero == 128 ? 255 : type == LF_Q6_K ? 63 : type == LF_Q5_K ? 31 : 15, lines = 8 / q->subs;
    for (int i = 0; i < t->mr; i++)
        for (int h = 0; h < 2; h++)
            for (int j = 0; j < t->n[h]; j += 8) {
                float c[8] = {0};
                size_t bytes = (size_t)LF_MIN(8, t->n[h] - j) * sizeof *c;
                if (t->init[h]) memcpy(c, t->init[h] + i * t->ldinit + j, bytes);
                __m256 sum = _mm256_loadu_ps(c);
                const lf_qact *a = t->a + i;
                const lf_qopen *b = t->b;
                for (int first = 0; first < t->blocks; first += lf__unit_blocks(type)) {
                    __m256 unit = _mm256_setzero_ps(), d = _mm256_set1_ps(a->d);
                    for (int block = 0; block < lf__unit_blocks(type); block++, a += t->mr, b++) {
                        for (int sub = 0; sub < q->subs; sub++) {
                            __m256i dots = dot(b->w[0][h] + 4 * j, a, most, lines * sub, lines * (sub + 1));
                            dots = _mm256_add_epi32(dots, _mm256_set1_epi32(a->start[sub]));
                            unit = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots), _mm256_loadu_ps(b->scale[sub][h] + j), unit);
                        }
                        if (q->min) unit = _mm256_fnmadd_ps(_mm256_loadu_ps(b->min[h] + j), _mm256_set1_ps(a->sum), unit);
                    }
                    sum = _mm256_fmadd_ps(unit, d, sum);
                }
                _mm256_storeu_ps(c, sum);
                memcpy(t->c[h] + i * t->ldc + j, c, bytes);
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

static void qtile(lf_dtype type, const lf_qtile *t)
{
    switch (type) {
    case LF_Q8_0: tile_of(LF_Q8_0, t); break;
    case LF_Q4_0: tile_of(LF_Q4_0, t); break;
    case LF_IQ4_NL: tile_of(LF_IQ4_NL, t); break;
    case LF_Q4_K: tile_of(LF_Q4_K, t); break;
    case LF_Q5_K: tile_of(LF_Q5_K, t); break;
    default: tile_of(LF_Q6_K, t); break;
    }
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
    k->qopen = qopen;
    k->qtile = qtile;
}
