/* dtype.c - the table of element types and their widening to float32. Loading goes through it; kernels have their own. */
#include <string.h>

#include "tensor/tensor.h"

static void f32_to_float(float *out, const void *in, size_t n) { memcpy(out, in, n * sizeof *out); }

static void bf16_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *p = in;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)p[2 * i] << 16 | (uint32_t)p[2 * i + 1] << 24;
        memcpy(&out[i], &bits, sizeof bits);
    }
}

/* IEEE half: 1 sign, 5 exponent (bias 15), 10 mantissa bits. Subnormals are m * 2^-24. */
static void f16_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *p = in;
    for (size_t i = 0; i < n; i++) {
        uint32_t h = (uint32_t)p[2 * i] | (uint32_t)p[2 * i + 1] << 8;
        uint32_t sign = (h & 0x8000u) << 16, exponent = h >> 10 & 31, mantissa = h & 1023;
        if (exponent == 0) {
            float x = (float)mantissa * 0x1p-24f;
            out[i] = sign ? -x : x;
            continue;
        }
        uint32_t bits = sign | (exponent == 31 ? 255u : exponent + 112) << 23 | mantissa << 13;
        memcpy(&out[i], &bits, sizeof bits);
    }
}

static const lf_dtype_traits traits[LF_DTYPES] = {
    [LF_F32] = {"F32", 4, f32_to_float},
    [LF_F16] = {"F16", 2, f16_to_float},
    [LF_BF16] = {"BF16", 2, bf16_to_float},
};

const lf_dtype_traits *lf__dtype(lf_dtype type) { return &traits[type]; }

int lf__dtype_find(const char *name)
{
    for (int i = 0; i < LF_DTYPES; i++)
        if (strcmp(traits[i].name, name) == 0) return i;
    return -1;
}
