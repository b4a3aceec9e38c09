/* quantize.c - float to quantized blocks in ggml's layouts. The same bits on every machine. No state; any thread. */
#include "tensor/blocks.h"

#include <math.h>

#include "tensor/tensor.h"

static void put_half(uint8_t *p, float x)
{
    uint16_t h = lf__f32_to_f16(x);
    p[0] = (uint8_t)h, p[1] = (uint8_t)(h >> 8);
}

void lf__q8_0_from_float(void *out, const float *in, size_t n, const float *importance)
{
    LF_UNUSED(importance);
    uint8_t *b = out;
    for (size_t i = 0; i < n; i += 32, b += 34) {
        float top = 0;
        for (size_t j = 0; j < 32; j++) top = fmaxf(top, fabsf(in[i + j]));
        float d = top / 127, inverse = d > 0 ? 1 / d : 0;
        put_half(b, d);
        for (size_t j = 0; j < 32; j++) b[2 + j] = (uint8_t)(int8_t)roundf(in[i + j] * inverse);
    }
}
