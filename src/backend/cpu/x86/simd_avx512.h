/* simd_avx512.h - v16, a vector of 16 floats, as one zmm register. simd_avx2.h has the same names as two ymm registers: whatever is
 * written with them gives the same bits on both. Partial loads and stores take n in 1..16 lanes; missing lanes load as zero. */
#ifndef LF_SIMD_AVX512_H
#define LF_SIMD_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#define LF_INLINE static inline __attribute__((always_inline))

typedef __m512 v16;

LF_INLINE __mmask16 v_lanes(int n) { return (__mmask16)(n >= 16 ? 0xffffu : (1u << n) - 1u); }

LF_INLINE v16 v_set1(float x) { return _mm512_set1_ps(x); }
LF_INLINE v16 v_load(const float *p, int n) { return n >= 16 ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(v_lanes(n), p); }
LF_INLINE void v_store(float *p, v16 x, int n)
{
    if (n >= 16)
        _mm512_storeu_ps(p, x);
    else
        _mm512_mask_storeu_ps(p, v_lanes(n), x);
}
/* 16 numbers of float16, widened. */
LF_INLINE v16 v_load_half(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p)); }
LF_INLINE v16 v_add(v16 a, v16 b) { return _mm512_add_ps(a, b); }
LF_INLINE v16 v_sub(v16 a, v16 b) { return _mm512_sub_ps(a, b); }
LF_INLINE v16 v_mul(v16 a, v16 b) { return _mm512_mul_ps(a, b); }
LF_INLINE v16 v_div(v16 a, v16 b) { return _mm512_div_ps(a, b); }
LF_INLINE v16 v_sqrt(v16 a) { return _mm512_sqrt_ps(a); }
LF_INLINE v16 v_fma(v16 a, v16 b, v16 c) { return _mm512_fmadd_ps(a, b, c); }   /* a * b + c */
LF_INLINE v16 v_fnma(v16 a, v16 b, v16 c) { return _mm512_fnmadd_ps(a, b, c); } /* c - a * b */
LF_INLINE v16 v_max(v16 a, v16 b) { return _mm512_max_ps(a, b); }               /* b when either is NaN */
LF_INLINE v16 v_min(v16 a, v16 b) { return _mm512_min_ps(a, b); }
LF_INLINE v16 v_round(v16 a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
/* Lanes from n on become fill. */
LF_INLINE v16 v_keep(v16 a, int n, v16 fill) { return _mm512_mask_blend_ps(v_lanes(n), fill, a); }
/* a * 2^k for integral k in [-252, 252], rounded once. */
LF_INLINE v16 v_scale2(v16 a, v16 k) { return _mm512_scalef_ps(a, k); }
LF_INLINE float v_first(v16 a) { return _mm512_cvtss_f32(a); }

/* The fixed trees: lane i meets i+8, then i+4, i+2, i+1. */
LF_INLINE float v_sum(v16 a)
{
    __m256 x = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}
LF_INLINE float v_max_lane(v16 a)
{
    __m256 x = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 y = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_max_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_max_ss(y, _mm_movehdup_ps(y)));
}

/* p holds n pairs: even lanes and odd lanes apart. */
LF_INLINE void v_load_pairs(const float *p, v16 *even, v16 *odd, int n)
{
    __m512i pick = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    v16 lo = v_load(p, 2 * n), hi = n > 8 ? v_load(p + 16, 2 * n - 16) : _mm512_setzero_ps();
    *even = _mm512_permutex2var_ps(lo, pick, hi);
    *odd = _mm512_permutex2var_ps(lo, _mm512_add_epi32(pick, _mm512_set1_epi32(1)), hi);
}

/* 16 pairs of bfloat16, or of bytes, as even and odd lanes; 16 half floats. */
LF_INLINE void v_open_pairs(const void *p, v16 *even, v16 *odd)
{
    __m512i x = _mm512_loadu_si512(p);
    *even = _mm512_castsi512_ps(_mm512_slli_epi32(x, 16));
    *odd = _mm512_castsi512_ps(_mm512_and_si512(x, _mm512_set1_epi32((int)0xffff0000u)));
}
LF_INLINE void v_open_bytes(const void *p, v16 *even, v16 *odd)
{
    __m512i x = _mm512_cvtepi16_epi32(_mm256_loadu_si256(p));
    *even = _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(x, 24), 24));
    *odd = _mm512_cvtepi32_ps(_mm512_srai_epi32(x, 8));
}
LF_INLINE v16 v_open_halves(const void *p) { return _mm512_cvtph_ps(_mm256_loadu_si256(p)); }

#endif
