/* simd_avx2.h - v16, a vector of 16 floats, as two ymm registers. The same names as simd_avx512.h, lane for lane the same bits. */
#ifndef LF_SIMD_AVX2_H
#define LF_SIMD_AVX2_H

#include <immintrin.h>
#include <stdint.h>

#define LF_INLINE static inline __attribute__((always_inline))

typedef struct v16 {
    __m256 lo, hi;
} v16;

/* All ones in the first n of 8 lanes (n may be below 0 or above 8). */
LF_INLINE __m256i v_lanes8(int n) { return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)); }

LF_INLINE v16 v_set1(float x) { return (v16){_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
LF_INLINE v16 v_load(const float *p, int n)
{
    if (n >= 16) return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
    return (v16){_mm256_maskload_ps(p, v_lanes8(n)), _mm256_maskload_ps(p + 8, v_lanes8(n - 8))};
}
LF_INLINE void v_store(float *p, v16 x, int n)
{
    if (n >= 16) {
        _mm256_storeu_ps(p, x.lo);
        _mm256_storeu_ps(p + 8, x.hi);
    } else {
        _mm256_maskstore_ps(p, v_lanes8(n), x.lo);
        _mm256_maskstore_ps(p + 8, v_lanes8(n - 8), x.hi);
    }
}
/* 16 numbers of float16, widened. */
LF_INLINE v16 v_load_half(const uint16_t *p)
{
    const __m128i *q = (const __m128i *)(const void *)p;
    return (v16){_mm256_cvtph_ps(_mm_loadu_si128(q)), _mm256_cvtph_ps(_mm_loadu_si128(q + 1))};
}
#define LF_V_BINARY(name, op)                                                                                                              \
    LF_INLINE v16 name(v16 a, v16 b) { return (v16){op(a.lo, b.lo), op(a.hi, b.hi)}; }
LF_V_BINARY(v_add, _mm256_add_ps)
LF_V_BINARY(v_sub, _mm256_sub_ps)
LF_V_BINARY(v_mul, _mm256_mul_ps)
LF_V_BINARY(v_div, _mm256_div_ps)
LF_V_BINARY(v_max, _mm256_max_ps) /* b when either is NaN */
LF_V_BINARY(v_min, _mm256_min_ps)
LF_INLINE v16 v_sqrt(v16 a) { return (v16){_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)}; }
/* a * b + c, and c - a * b. */
LF_INLINE v16 v_fma(v16 a, v16 b, v16 c) { return (v16){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)}; }
LF_INLINE v16 v_fnma(v16 a, v16 b, v16 c) { return (v16){_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi)}; }
/* c + *a * b */
LF_INLINE v16 v_add_scaled(v16 c, const float *a, v16 b)
{
    __m256 s = _mm256_broadcast_ss(a);
    return (v16){_mm256_fmadd_ps(s, b.lo, c.lo), _mm256_fmadd_ps(s, b.hi, c.hi)};
}
#define LF_ROUND8(x) _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
LF_INLINE v16 v_round(v16 a) { return (v16){LF_ROUND8(a.lo), LF_ROUND8(a.hi)}; }
LF_INLINE v16 v_keep(v16 a, int n, v16 fill)
{
    return (v16){_mm256_blendv_ps(fill.lo, a.lo, _mm256_castsi256_ps(v_lanes8(n))),
                 _mm256_blendv_ps(fill.hi, a.hi, _mm256_castsi256_ps(v_lanes8(n - 8)))};
}
/* a * 2^k for integral k in [-252, 252] and a near 1: in two halves, of which the first is exact, so rounded once. */
LF_INLINE __m256 v_pow2_half(__m256i k) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(k, _mm256_set1_epi32(127)), 23)); }
LF_INLINE __m256 v_scale2_half(__m256 a, __m256 k)
{
    __m256i whole = _mm256_cvtps_epi32(k), half = _mm256_srai_epi32(whole, 1);
    return _mm256_mul_ps(_mm256_mul_ps(a, v_pow2_half(half)), v_pow2_half(_mm256_sub_epi32(whole, half)));
}
LF_INLINE v16 v_scale2(v16 a, v16 k) { return (v16){v_scale2_half(a.lo, k.lo), v_scale2_half(a.hi, k.hi)}; }
LF_INLINE float v_first(v16 a) { return _mm256_cvtss_f32(a.lo); }

LF_INLINE float v_sum(v16 a)
{
    __m256 x = _mm256_add_ps(a.lo, a.hi);
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}
LF_INLINE float v_max_lane(v16 a)
{
    __m256 x = _mm256_max_ps(a.lo, a.hi);
    __m128 y = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_max_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_max_ss(y, _mm_movehdup_ps(y)));
}

/* 16 floats -> their even and odd lanes, 8 each. */
LF_INLINE void v_deinterleave(v16 x, __m256 *even, __m256 *odd)
{
    __m256 a = _mm256_permute2f128_ps(x.lo, x.hi, 0x20), b = _mm256_permute2f128_ps(x.lo, x.hi, 0x31);
    *even = _mm256_shuffle_ps(a, b, 0x88); /* a0 a2 b0 b2 of each 128-bit part: 0 2 4 6 | 8 10 12 14 */
    *odd = _mm256_shuffle_ps(a, b, 0xdd);
}
LF_INLINE void v_load_pairs(const float *p, v16 *even, v16 *odd, int n)
{
    v16 zero = v_set1(0.0f);
    v_deinterleave(v_load(p, 2 * n), &even->lo, &odd->lo);
    v_deinterleave(n > 8 ? v_load(p + 16, 2 * n - 16) : zero, &even->hi, &odd->hi);
}

/* 16 pairs of bfloat16, or of bytes, as even and odd lanes; 16 half floats. */
LF_INLINE void v_open_pairs(const void *p, v16 *even, v16 *odd)
{
    __m256i lo = _mm256_loadu_si256(p), hi = _mm256_loadu_si256((const __m256i *)p + 1), top = _mm256_set1_epi32((int)0xffff0000u);
    *even = (v16){_mm256_castsi256_ps(_mm256_slli_epi32(lo, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(hi, 16))};
    *odd = (v16){_mm256_castsi256_ps(_mm256_and_si256(lo, top)), _mm256_castsi256_ps(_mm256_and_si256(hi, top))};
}
LF_INLINE void v_open_bytes8(const __m128i *p, __m256 *even, __m256 *odd)
{
    __m256i x = _mm256_cvtepi16_epi32(_mm_loadu_si128(p));
    *even = _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(x, 24), 24));
    *odd = _mm256_cvtepi32_ps(_mm256_srai_epi32(x, 8));
}
LF_INLINE void v_open_bytes(const void *p, v16 *even, v16 *odd)
{
    v_open_bytes8(p, &even->lo, &odd->lo);
    v_open_bytes8((const __m128i *)p + 1, &even->hi, &odd->hi);
}
LF_INLINE v16 v_open_halves(const void *p)
{
    return (v16){_mm256_cvtph_ps(_mm_loadu_si128(p)), _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p + 1))};
}

#endif
