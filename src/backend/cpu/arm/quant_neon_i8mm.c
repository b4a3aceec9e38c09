/* quant_neon_i8mm.c - what the rung neon_i8mm adds to neon_dotprod: products of 2 columns and 2 rows over 8 k in one instruction (usmmla).
 *
 *   lines g, g + 1 of four columns, zipped      | column 0, 8 k | column 1, 8 k |    | column 2 | column 3 |
 *   two rows of activations, 8 k each           | row 0         | row 1         |
 *   sums                                        c0 r0, c0 r1, c1 r0, c1 r1          unzipped at the end */
#include <string.h>

#include "backend/cpu/arm/simd_neon.h"

enum { SIGNED = 0 };

LF_INLINE uint8x16_t zipped(uint8x16_t a, uint8x16_t b, const bool upper)
{
    uint32x4_t x = vreinterpretq_u32_u8(a), y = vreinterpretq_u32_u8(b);
    return vreinterpretq_u8_u32(upper ? vzip2q_u32(x, y) : vzip1q_u32(x, y));
}

/* Rows in pairs; an odd last one is paired with itself. */
LF_INLINE void row_sums(int32x4_t sum[4], const uint8x16_t w[8], const lf_qact *a, const int rows, int first, int last)
{
#pragma GCC unroll 2
    for (int i = 0; i < rows; i += 2) {
        const int j = i + 1 < rows ? i + 1 : i;
        int32x4_t lower = vtrn1q_s32(sum[i], sum[j]), upper = lower;
#pragma GCC unroll 4
        for (int g = first; g < last; g += 2) {
            int8x16_t x = vcombine_s8(vld1_s8(a[i].q + 4 * g), vld1_s8(a[j].q + 4 * g));
            lower = vusmmlaq_s32(lower, zipped(w[g], w[g + 1], false), x);
            upper = vusmmlaq_s32(upper, zipped(w[g], w[g + 1], true), x);
        }
        sum[i] = vuzp1q_s32(lower, upper);
        if (j > i) sum[j] = vuzp2q_s32(lower, upper);
    }
}

#include "backend/cpu/arm/quant_neon_tmpl.c"

static float byte_loop(int64_t n)
{
    int32x4_t c[24];
    uint8x16_t x = vdupq_n_u8(3);
    int8x16_t y = vdupq_n_s8(-2);
#pragma GCC unroll 24
    for (int i = 0; i < 24; i++) c[i] = vdupq_n_s32(i);
    for (n *= 2; n > 0; n--) {
#pragma GCC unroll 24
        for (int i = 0; i < 24; i++) c[i] = vusmmlaq_s32(c[i], x, y);
    }
#pragma GCC unroll 24
    for (int i = 1; i < 24; i++) c[0] = vaddq_s32(c[0], c[i]);
    return (float)vaddvq_s32(c[0]);
}

void lf__kernels_neon_i8mm(lf_kernels *k)
{
    k->isa = "neon_i8mm";
    k->qrows = qrows;
    k->byte_loop = byte_loop;
}
