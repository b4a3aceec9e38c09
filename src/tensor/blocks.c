/* blocks.c - quantized blocks to float, as ggml defines each type, to the bit: the pictures are the layouts. The way back is quantize.c.
 * A super-block is 256 elements in 8 groups of 32 (4-bit types) or 16 of 16; d and m are IEEE halves. No state; any thread.
 *
 * Nibbles: byte j of a run holds element j in its low half and element j + half the run in its high half. */
#include "tensor/blocks.h"

#include <string.h>

/* A half at any alignment. */
static inline float half_at(const uint8_t *p) { return lf__f16_to_f32((uint16_t)(p[0] | p[1] << 8)); }

static inline uint32_t word_at(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

/* | d | 16 bytes of nibbles |   x = d (q - 8) */
void lf__q4_0_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *b = in;
    for (size_t i = 0; i < n; i += 32, b += 18, out += 32) {
        float d = half_at(b);
        for (int j = 0; j < 16; j++) out[j] = (float)((b[2 + j] & 15) - 8) * d;
        for (int j = 0; j < 16; j++) out[j + 16] = (float)((b[2 + j] >> 4) - 8) * d;
    }
}

/* | d | m | 16 bytes of nibbles |   x = d q + m */
void lf__q4_1_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *b = in;
    for (size_t i = 0; i < n; i += 32, b += 20, out += 32) {
        float d = half_at(b), m = half_at(b + 2);
        for (int j = 0; j < 16; j++) out[j] = (float)(b[4 + j] & 15) * d + m;
        for (int j = 0; j < 16; j++) out[j + 16] = (float)(b[4 + j] >> 4) * d + m;
    }
}

/* | d | 32 fifth bits | 16 bytes of nibbles |   x = d (q - 16) */
void lf__q5_0_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *b = in;
    for (size_t i = 0; i < n; i += 32, b += 22, out += 32) {
        float d = half_at(b);
        uint32_t high = word_at(b + 2);
        for (int j = 0; j < 16; j++) out[j] = (float)((int)((b[6 + j] & 15) | (high >> j & 1) << 4) - 16) * d;
        for (int j = 0; j < 16; j++) out[j + 16] = (float)((int)(b[6 + j] >> 4 | (high >> (j + 16) & 1) << 4) - 16) * d;
    }
}

/* | d | m | 32 fifth bits | 16 bytes of nibbles |   x = d q + m */
void lf__q5_1_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *b = in;
    for (size_t i = 0; i < n; i += 32, b += 24, out += 32) {
        float d = half_at(b), m = half_at(b + 2);
        uint32_t high = word_at(b + 4);
        for (int j = 0; j < 16; j++) out[j] = (float)((b[8 + j] & 15) | (high >> j & 1) << 4) * d + m;
        for (int j = 0; j < 16; j++) out[j + 16] = (float)(b[8 + j] >> 4 | (high >> (j + 16) & 1) << 4) * d + m;
    }
}

/* | d | 32 x int8 |   x = d q */
void lf__q8_0_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *b = in;
    for (size_t i = 0; i < n; i += 32, b += 34, out += 32) {
        float d = half_at(b);
        for (int j = 0; j < 32; j++) out[j] = d * (float)(int8_t)b[2 + j];
    }
}

/* | 16 bytes: scale, min nibbles | 64 bytes: 2 x 128 elements in pairs of bits | d | m |   x = d s q - m t
 * Byte j of the first 32 holds elements j, j + 32, j + 64, j + 96 of the first half, lowest bits first. */
void lf__q2_k_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *b = in;
    for (size_t i = 0; i < n; i += LF_SUPER, b += 84) {
        float d = half_at(b + 80), m = half_at(b + 82);
        for (int group = 0; group < 16; group++, out += 16) {
            const uint8_t *q = b + 16 + group / 8 * 32 + group % 2 * 16;
            float scale = d * (float)(b[group] & 15), low = m * (float)(b[group] >> 4);
            int shift = group % 8 / 2 * 2;
            for (int j = 0; j < 16; j++) out[j] = scale * (float)(q[j] >> shift & 3) - low;
        }
    }
}

/* | 32 bytes: third bits, as 8 planes of 32 | 64 bytes as Q2_K's | 12 bytes: 16 scales of 6 bits | d |   x = d (s - 32) (q - 4)
 * Scale k: its low nibble in byte k % 8 (k < 8: low half), its two high bits in byte 8 + k % 4 at 2 (k / 4). */
void lf__q3_k_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *b = in;
    for (size_t i = 0; i < n; i += LF_SUPER, b += 110) {
        const uint8_t *s = b + 96;
        float d = half_at(b + 108);
        for (int group = 0; group < 16; group++, out += 16) {
            const uint8_t *q = b + 32 + group / 8 * 32 + group % 2 * 16, *h = b + group % 2 * 16;
            int shift = group % 8 / 2 * 2, plane = group / 2;
            int scale = (s[group % 8] >> group / 8 * 4 & 15) | (s[8 + group % 4] >> group / 4 * 2 & 3) << 4;
            float ds = d * (float)(scale - 32);
            for (int j = 0; j < 16; j++) out[j] = ds * (float)((q[j] >> shift & 3) + (h[j] >> plane & 1) * 4 - 4);
        }
    }
}

/* 8 scales and 8 mins of 6 bits in 12 bytes: the first four of each in the low bits of bytes 0-3 and 4-7; of the other four the low nibbles
 * in bytes 8-11 (scale: low half, min: high half), their two high bits on top of bytes 0-3 and 4-7. */
static inline void scale_and_min(const uint8_t s[12], int group, int *scale, int *min)
{
    if (group < 4)
        *scale = s[group] & 63, *min = s[group + 4] & 63;
    else
        *scale = (s[group + 4] & 15) | s[group - 4] >> 6 << 4, *min = s[group + 4] >> 4 | s[group] >> 6 << 4;
}

/* | d | m | 12 bytes: scales, mins | 128 bytes: 4 x 64 elements as nibbles |   x = d s q - m t */
void lf__q4_k_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *b = in;
    for (size_t i = 0; i < n; i += LF_SUPER, b += 144) {
        float d = half_at(b), m = half_at(b + 2);
        for (int group = 0; group < 8; group++, out += 32) {
            const uint8_t *q = b + 16 + group / 2 * 32;
            int scale, min, shift = group % 2 * 4;
            scale_and_min(b + 4, group, &scale, &min);
            float ds = d * (float)scale, low = m * (float)min;
            for (int j = 0; j < 32; j++) out[j] = ds * (float)(q[j] >> shift & 15) - low;
        }
    }
}

/* As Q4_K, with 32 bytes before the nibbles: bit g of byte j is the fifth bit of element j of group g. */
void lf__q5_k_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *b = in;
    for (size_t i = 0; i < n; i += LF_SUPER, b += 176) {
        float d = half_at(b), m = half_at(b + 2);
        const uint8_t *h = b + 16;
        for (int group = 0; group < 8; group++, out += 32) {
            const uint8_t *q = b + 48 + group / 2 * 32;
            int scale, min, shift = group % 2 * 4;
            scale_and_min(b + 4, group, &scale, &min);
            float ds = d * (float)scale, low = m * (float)min;
            for (int j = 0; j < 32; j++) out[j] = ds * (float)((q[j] >> shift & 15) + (h[j] >> group & 1) * 16) - low;
        }
    }
}

/* | 128 bytes: low nibbles, 2 x 128 elements | 64 bytes: high pairs | 16 x int8 scale | d |   x = d s (q - 32)
 * In each half, run r = 0..3 of 32 elements: nibbles in the low (r < 2) or high halves of bytes 32 (r % 2) + j, pairs at 2 r of byte j. */
void lf__q6_k_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *b = in;
    for (size_t i = 0; i < n; i += LF_SUPER, b += 210) {
        float d = half_at(b + 208);
        for (int group = 0; group < 16; group++, out += 16) {
            int half = group / 8, run = group % 8 / 2, at = group % 2 * 16;
            const uint8_t *low = b + half * 64 + run % 2 * 32 + at, *high = b + 128 + half * 32 + at;
            float ds = d * (float)(int8_t)b[192 + group];
            for (int j = 0; j < 16; j++) out[j] = ds * (float)((low[j] >> run / 2 * 4 & 15) + (high[j] >> run * 2 & 3) * 16 - 32);
        }
    }
}

const int8_t lf__iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

static inline void levels_to_float(float *out, const uint8_t *q, const int8_t levels[16], float d)
{
    for (int j = 0; j < 16; j++) out[j] = d * (float)levels[q[j] & 15];
    for (int j = 0; j < 16; j++) out[j + 16] = d * (float)levels[q[j] >> 4];
}

/* | d | 16 bytes of nibbles |   x = d level[q] */
void lf__iq4_nl_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *b = in;
    for (size_t i = 0; i < n; i += 32, b += 18, out += 32) levels_to_float(out, b + 2, lf__iq4_levels, half_at(b));
}

/* | d | 8 x 2 high bits of scales | 4 bytes: their low nibbles | 8 x 16 bytes of nibbles |   x = d (s - 32) level[q] */
void lf__iq4_xs_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *b = in;
    for (size_t i = 0; i < n; i += LF_SUPER, b += 136) {
        float d = half_at(b);
        int high = b[2] | b[3] << 8;
        for (int group = 0; group < 8; group++, out += 32) {
            int scale = (b[4 + group / 2] >> group % 2 * 4 & 15) | (high >> 2 * group & 3) << 4;
            levels_to_float(out, b + 8 + 16 * group, lf__iq4_levels, d * (float)(scale - 32));
        }
    }
}

/* | e | 16 bytes of nibbles |   x = 2^(e - 128) level[q]: FP4 E2M1, whose levels are doubled to be whole. */
void lf__mxfp4_to_float(float *out, const void *in, size_t n)
{
    static const int8_t levels[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    const uint8_t *b = in;
    for (size_t i = 0; i < n; i += 32, b += 17, out += 32) {
        uint32_t bits = b[0] < 2 ? 0x00200000u << b[0] : (uint32_t)(b[0] - 1) << 23; /* below 2^-126: subnormal */
        float d;
        memcpy(&d, &bits, sizeof d);
        levels_to_float(out, b + 1, levels, d);
    }
}
