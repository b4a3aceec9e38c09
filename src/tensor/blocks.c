/* blocks.c - quantized blocks to float, as ggml defines each type, to the bit. from_float is quantize.c. No state; any thread. */
#include "tensor/blocks.h"

#include "tensor/tensor.h"

/* A half at any alignment. */
static float half_at(const uint8_t *p) { return lf__f16_to_f32((uint16_t)(p[0] | p[1] << 8)); }

/* | d: half | 32 x int8 |   x = d q */
void lf__q8_0_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *b = in;
    for (size_t i = 0; i < n; i += 32, b += 34) {
        float d = half_at(b);
        for (int j = 0; j < 32; j++) out[i + (size_t)j] = d * (float)(int8_t)b[2 + j];
    }
}
