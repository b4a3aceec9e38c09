/* quant_neon_dotprod.c - what the rung neon_dotprod adds to neon: products of weight bytes and activation bytes, four per lane (sdot, the
 * activations by element). */
#include <math.h>
#include <string.h>

#include "backend/cpu/arm/simd_neon.h"

enum { SIGNED = 1 };

/* Four k of a row are one element of x. */
LF_INLINE void row_sums(int32x4_t sum[4], const uint8x16_t w[8], const lf_qact *a, const int rows, int first, int last)
{
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++) {
        int8x16_t x[2] = {vld1q_s8(a[i].q), vld1q_s8(a[i].q + 16)};
        for (int half = 0; half < 2; half++) {
            const int8x16_t y = x[half];
            const int8x16_t *v = (const int8x16_t *)(const void *)(w + 4 * half);
            if (4 * half < first || 4 * half >= last) continue;
            sum[i] = vdotq_laneq_s32(sum[i], v[0], y, 0), sum[i] = vdotq_laneq_s32(sum[i], v[1], y, 1);
            sum[i] = vdotq_laneq_s32(sum[i], v[2], y, 2), sum[i] = vdotq_laneq_s32(sum[i], v[3], y, 3);
        }
    }
}

#include "backend/cpu/arm/quant_neon_tmpl.c"

static void qact(lf_qact *out, ptrdiff_t distance, const float *x, int blocks, lf_dtype type)
{
    const lf_qtype *t = &lf__qtypes[type];
    for (int i = 0; i < blocks; i += lf__unit_blocks(type)) {
        int32x4_t size = vdupq_n_s32(0);
        for (int j = 0; j < t->unit / 4; j++)
            size = vmaxq_s32(size, vandq_s32(vreinterpretq_s32_f32(vld1q_f32(x + 4 * j)), vdupq_n_s32(INT32_MAX)));
        int32_t bits = vmaxvq_s32(size); /* sizes of floats are in the order of their bits, then infinity, then NaN */
        float most;
        memcpy(&most, &bits, sizeof most);
        bool finite = bits < 0x7f800000, some = finite && most >= LF_QACT_LEAST;
        float inverse = some ? 127.0f / most : 0.0f;
        for (int n = 0; n < lf__unit_blocks(type); n++, out += distance, x += LF_QBLOCK) {
            int32x4_t q[8];
            for (int j = 0; j < 8; j++) q[j] = some ? vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 4 * j), inverse)) : vdupq_n_s32(0);
            int32_t sums[2];
            for (int j = 0; j < 2; j++) {
                int16x8_t lo = vcombine_s16(vmovn_s32(q[4 * j]), vmovn_s32(q[4 * j + 1])),
                          hi = vcombine_s16(vmovn_s32(q[4 * j + 2]), vmovn_s32(q[4 * j + 3]));
                vst1q_s8(out->q + 16 * j, vcombine_s8(vmovn_s16(lo), vmovn_s16(hi)));
                sums[j] = vaddvq_s16(vaddq_s16(lo, hi));
            }
            out->d = some ? most / 127.0f : finite ? 0.0f : NAN;
            out->sum = (float)(sums[0] + sums[1]);
            out->start[0] = -t->zero * (t->subs == 1 ? sums[0] + sums[1] : sums[0]);
            out->start[1] = -t->zero * sums[1];
        }
    }
}

static float byte_loop(int64_t n)
{
    int32x4_t c[24];
    int8x16_t x = vdupq_n_s8(3), y = vdupq_n_s8(-2);
#pragma GCC unroll 24
    for (int i = 0; i < 24; i++) c[i] = vdupq_n_s32(i);
    for (n *= 4; n > 0; n--) {
#pragma GCC unroll 24
        for (int i = 0; i < 24; i++) c[i] = vdotq_s32(c[i], x, y);
    }
#pragma GCC unroll 24
    for (int i = 1; i < 24; i++) c[0] = vaddq_s32(c[0], c[i]);
    return (float)vaddvq_s32(c[0]);
}

void lf__kernels_neon_dotprod(lf_kernels *k)
{
    k->isa = "neon_dotprod";
    k->qact = qact;
    k->qrows = qrows;
    k->byte_loop = byte_loop;
}
