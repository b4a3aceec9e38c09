/* simd_neon.h - v16, a vector of 16 floats, as four q registers. The same names as simd_avx2.h and simd_avx512.h, lane for lane the same
 * bits; only the bits of a NaN are the CPU's own. */
#ifndef LF_SIMD_NEON_H
#define LF_SIMD_NEON_H

#include <arm_neon.h>
#include <stdint.h>

#include "backend/cpu/kernels.h"

#define LF_INLINE static inline __attribute__((always_inline))

typedef struct v16 {
    float32x4_t a, b, c, d; /* lanes 0..3, 4..7, 8..11, 12..15 */
} v16;

LF_INLINE v16 v_set1(float x) { return (v16){vdupq_n_f32(x), vdupq_n_f32(x), vdupq_n_f32(x), vdupq_n_f32(x)}; }

/* The first n of 4 lanes (n may be below 0 or above 4). */
LF_INLINE float32x4_t v_load4(const float *p, int n)
{
    float32x4_t x = vdupq_n_f32(0.0f);
    if (n >= 4) return vld1q_f32(p);
    if (n > 0) x = vld1q_lane_f32(p, x, 0);
    if (n > 1) x = vld1q_lane_f32(p + 1, x, 1);
    if (n > 2) x = vld1q_lane_f32(p + 2, x, 2);
    return x;
}
LF_INLINE void v_store4(float *p, float32x4_t x, int n)
{
    if (n >= 4) {
        vst1q_f32(p, x);
        return;
    }
    if (n > 0) vst1q_lane_f32(p, x, 0);
    if (n > 1) vst1q_lane_f32(p + 1, x, 1);
    if (n > 2) vst1q_lane_f32(p + 2, x, 2);
}
LF_INLINE v16 v_load(const float *p, int n)
{
    return (v16){v_load4(p, n), v_load4(p + 4, n - 4), v_load4(p + 8, n - 8), v_load4(p + 12, n - 12)};
}
LF_INLINE void v_store(float *p, v16 x, int n)
{
    v_store4(p, x.a, n);
    v_store4(p + 4, x.b, n - 4);
    v_store4(p + 8, x.c, n - 8);
    v_store4(p + 12, x.d, n - 12);
}
/* Numbers of float16, widened. */
LF_INLINE float32x4_t v_load4_half(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
LF_INLINE v16 v_load_half(const uint16_t *p)
{
    return (v16){v_load4_half(p), v_load4_half(p + 4), v_load4_half(p + 8), v_load4_half(p + 12)};
}

/* Where x86 gives b: either is NaN, or both are zero. */
LF_INLINE float32x4_t v_max4(float32x4_t a, float32x4_t b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
LF_INLINE float32x4_t v_min4(float32x4_t a, float32x4_t b) { return vbslq_f32(vcltq_f32(a, b), a, b); }

#define LF_V_UNARY(name, op)                                                                                                               \
    LF_INLINE v16 name(v16 x) { return (v16){op(x.a), op(x.b), op(x.c), op(x.d)}; }
#define LF_V_BINARY(name, op)                                                                                                              \
    LF_INLINE v16 name(v16 x, v16 y) { return (v16){op(x.a, y.a), op(x.b, y.b), op(x.c, y.c), op(x.d, y.d)}; }
LF_V_BINARY(v_add, vaddq_f32)
LF_V_BINARY(v_sub, vsubq_f32)
LF_V_BINARY(v_mul, vmulq_f32)
LF_V_BINARY(v_div, vdivq_f32)
LF_V_BINARY(v_max, v_max4)
LF_V_BINARY(v_min, v_min4)
LF_V_UNARY(v_sqrt, vsqrtq_f32)
LF_V_UNARY(v_round, vrndnq_f32)
/* x * y + z, and z - x * y. */
LF_INLINE v16 v_fma(v16 x, v16 y, v16 z)
{
    return (v16){vfmaq_f32(z.a, x.a, y.a), vfmaq_f32(z.b, x.b, y.b), vfmaq_f32(z.c, x.c, y.c), vfmaq_f32(z.d, x.d, y.d)};
}
LF_INLINE v16 v_fnma(v16 x, v16 y, v16 z)
{
    return (v16){vfmsq_f32(z.a, x.a, y.a), vfmsq_f32(z.b, x.b, y.b), vfmsq_f32(z.c, x.c, y.c), vfmsq_f32(z.d, x.d, y.d)};
}
/* z + *s * y: the multiplier stays a scalar, a broadcast would take a slot of the pipes that multiply. */
LF_INLINE v16 v_add_scaled(v16 z, const float *s, v16 y)
{
    float32x4_t x = vsetq_lane_f32(*s, vdupq_n_f32(0.0f), 0);
    return (v16){vfmaq_laneq_f32(z.a, y.a, x, 0), vfmaq_laneq_f32(z.b, y.b, x, 0), vfmaq_laneq_f32(z.c, y.c, x, 0),
                 vfmaq_laneq_f32(z.d, y.d, x, 0)};
}

/* Lanes from n on become fill. */
LF_INLINE float32x4_t v_keep4(float32x4_t x, int n, float32x4_t fill)
{
    static const int32_t lane[4] = {0, 1, 2, 3};
    return vbslq_f32(vcgtq_s32(vdupq_n_s32(n), vld1q_s32(lane)), x, fill);
}
LF_INLINE v16 v_keep(v16 x, int n, v16 fill)
{
    return (v16){v_keep4(x.a, n, fill.a), v_keep4(x.b, n - 4, fill.b), v_keep4(x.c, n - 8, fill.c), v_keep4(x.d, n - 12, fill.d)};
}

/* x * 2^k for integral k in [-252, 252] and x near 1: in two halves, of which the first is exact, so rounded once. */
LF_INLINE float32x4_t v_power4(int32x4_t k) { return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(k, vdupq_n_s32(127)), 23)); }
LF_INLINE float32x4_t v_scale4(float32x4_t x, float32x4_t k)
{
    int32x4_t whole = vcvtnq_s32_f32(k);
    int32x4_t half = vshrq_n_s32(whole, 1);
    return vmulq_f32(vmulq_f32(x, v_power4(half)), v_power4(vsubq_s32(whole, half)));
}
LF_V_BINARY(v_scale2, v_scale4)
LF_INLINE float v_first(v16 x) { return vgetq_lane_f32(x.a, 0); }

/* The fixed trees: lane i meets i+8, then i+4, i+2, i+1. */
LF_INLINE float v_sum(v16 x)
{
    float32x4_t y = vaddq_f32(vaddq_f32(x.a, x.c), vaddq_f32(x.b, x.d));
    float32x2_t z = vadd_f32(vget_low_f32(y), vget_high_f32(y));
    return vget_lane_f32(z, 0) + vget_lane_f32(z, 1);
}
LF_INLINE float v_max_lane(v16 x)
{
    float32x4_t y = v_max4(v_max4(x.a, x.c), v_max4(x.b, x.d));
    y = v_max4(y, vextq_f32(y, y, 2));
    return vgetq_lane_f32(v_max4(y, vdupq_laneq_f32(y, 1)), 0);
}

/* p holds n pairs: even lanes and odd lanes apart. */
LF_INLINE void v_load_pairs(const float *p, v16 *even, v16 *odd, int n)
{
    v16 x = v_load(p, 2 * n);
    v16 y = v_load(p + 16, 2 * n - 16);
    *even = (v16){vuzp1q_f32(x.a, x.b), vuzp1q_f32(x.c, x.d), vuzp1q_f32(y.a, y.b), vuzp1q_f32(y.c, y.d)};
    *odd = (v16){vuzp2q_f32(x.a, x.b), vuzp2q_f32(x.c, x.d), vuzp2q_f32(y.a, y.b), vuzp2q_f32(y.c, y.d)};
}

/* 16 pairs of bfloat16, or of bytes, as even and odd lanes; 16 half floats. */
LF_INLINE void v_open_pairs4(const uint32_t *p, float32x4_t *even, float32x4_t *odd)
{
    uint32x4_t x = vld1q_u32(p);
    *even = vreinterpretq_f32_u32(vshlq_n_u32(x, 16));
    *odd = vreinterpretq_f32_u32(vandq_u32(x, vdupq_n_u32(0xffff0000u)));
}
LF_INLINE void v_open_pairs(const uint32_t *p, v16 *even, v16 *odd)
{
    v_open_pairs4(p, &even->a, &odd->a);
    v_open_pairs4(p + 4, &even->b, &odd->b);
    v_open_pairs4(p + 8, &even->c, &odd->c);
    v_open_pairs4(p + 12, &even->d, &odd->d);
}
LF_INLINE v16 v_from_bytes(int8x16_t x)
{
    int16x8_t lo = vmovl_s8(vget_low_s8(x)), hi = vmovl_s8(vget_high_s8(x));
    return (v16){vcvtq_f32_s32(vmovl_s16(vget_low_s16(lo))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(lo))),
                 vcvtq_f32_s32(vmovl_s16(vget_low_s16(hi))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(hi)))};
}
LF_INLINE void v_open_bytes(const int8_t *p, v16 *even, v16 *odd)
{
    int8x16x2_t x = vld2q_s8(p);
    *even = v_from_bytes(x.val[0]);
    *odd = v_from_bytes(x.val[1]);
}
LF_INLINE v16 v_open_halves(const uint16_t *p)
{
    float16x8_t lo = vreinterpretq_f16_u16(vld1q_u16(p)), hi = vreinterpretq_f16_u16(vld1q_u16(p + 8));
    return (v16){vcvt_f32_f16(vget_low_f16(lo)), vcvt_f32_f16(vget_high_f16(lo)), vcvt_f32_f16(vget_low_f16(hi)),
                 vcvt_f32_f16(vget_high_f16(hi))};
}

/* Rows of 8 -> columns: dst[i * LF_PANEL + j] = src[j * ld + i], i, j < 8; in four squares of 4. */
LF_INLINE void transpose4(float *dst, const float *src, ptrdiff_t ld)
{
    float32x4x2_t x = vtrnq_f32(vld1q_f32(src), vld1q_f32(src + ld));
    float32x4x2_t y = vtrnq_f32(vld1q_f32(src + 2 * ld), vld1q_f32(src + 3 * ld));
    for (int i = 0; i < 2; i++) {
        vst1q_f32(dst + i * LF_PANEL, vcombine_f32(vget_low_f32(x.val[i]), vget_low_f32(y.val[i])));
        vst1q_f32(dst + (i + 2) * LF_PANEL, vcombine_f32(vget_high_f32(x.val[i]), vget_high_f32(y.val[i])));
    }
}
LF_INLINE void transpose8(float *dst, const float *src, ptrdiff_t ld)
{
    for (int j = 0; j < 8; j += 4)
        for (int i = 0; i < 8; i += 4) transpose4(dst + i * LF_PANEL + j, src + j * ld + i, ld);
}

#endif
