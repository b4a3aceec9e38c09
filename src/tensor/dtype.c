/* dtype.c - the table of element types, and the types of one number each: float32, float16, bfloat16, float64. Blocks are in
 * blocks.c (to float) and quantize.c (from float). Files go through this table; kernels have their own conversions.
 * No state; everything here may run on any thread. */
#include <string.h>
#include <strings.h>

#include "tensor/blocks.h"
#include "tensor/tensor.h"

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* IEEE half: 1 sign, 5 exponent (bias 15), 10 mantissa bits. Shifted into float's place the exponent is 112 too small, which one product
 * by 2^112 mends, for subnormals too; what was infinity or NaN keeps its mantissa under an exponent of ones. */
static inline float half_to_float(uint16_t h)
{
    uint32_t magnitude = (h & 0x7fffu) << 13, sign = (h & 0x8000u) << 16;
    uint32_t finite = bits_of(float_of(magnitude) * 0x1p112f), special = magnitude | 0x7f800000u;
    return float_of(sign | (magnitude >= 0x0f800000u ? special : finite));
}

/* Adding 2^k whose last mantissa bit weighs as much as the half's makes the adder round to nearest even. Below 2^-14 that bit is 2^-24;
 * above, it is 2^13 steps of the float's own mantissa, and integers do the rounding. NaN keeps its upper bits and stays NaN. */
static inline uint16_t float_to_half(float x)
{
    uint32_t bits = bits_of(x), sign = bits >> 16 & 0x8000u, a = bits & 0x7fffffffu;
    uint32_t subnormal = bits_of(float_of(a) + 0.5f) - 0x3f000000u;      /* 0.5 = 2^23 steps of 2^-24 */
    uint32_t normal = (a + 0xfffu + (a >> 13 & 1) - (112u << 23)) >> 13; /* 112: from bias 127 to 15  */
    uint32_t special = a > 0x7f800000u ? 0x7e00u | (a >> 13 & 0x3ffu) : 0x7c00u;
    uint32_t half = a >= 0x477ff000u ? special : a < 0x38800000u ? subnormal : normal; /* 65520 and more: infinity  */
    return (uint16_t)(sign | half);
}

static inline lf_bf16 float_to_bf16(float x)
{
    uint32_t bits = bits_of(x);
    uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1)) >> 16, nan = bits >> 16 | 0x40u;
    return (lf_bf16)((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}

float lf__f16_to_f32(uint16_t h) { return half_to_float(h); }
uint16_t lf__f32_to_f16(float x) { return float_to_half(x); }
lf_bf16 lf__f32_to_bf16(float x) { return float_to_bf16(x); }

static void f32_to_float(float *out, const void *in, size_t n) { memcpy(out, in, n * sizeof *out); }

static void f32_from_float(void *out, const float *in, size_t n, const float *importance)
{
    LF_UNUSED(importance);
    memcpy(out, in, n * sizeof *in);
}

static void f16_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *p = in;
    for (size_t i = 0; i < n; i++) out[i] = half_to_float((uint16_t)(p[2 * i] | p[2 * i + 1] << 8));
}

static void f16_from_float(void *out, const float *in, size_t n, const float *importance)
{
    LF_UNUSED(importance);
    uint8_t *p = out;
    for (size_t i = 0; i < n; i++) {
        uint16_t h = float_to_half(in[i]);
        p[2 * i] = (uint8_t)h, p[2 * i + 1] = (uint8_t)(h >> 8);
    }
}

static void bf16_to_float(float *out, const void *in, size_t n)
{
    const uint8_t *p = in;
    for (size_t i = 0; i < n; i++) out[i] = float_of((uint32_t)p[2 * i] << 16 | (uint32_t)p[2 * i + 1] << 24);
}

static void bf16_from_float(void *out, const float *in, size_t n, const float *importance)
{
    LF_UNUSED(importance);
    uint8_t *p = out;
    for (size_t i = 0; i < n; i++) {
        lf_bf16 h = float_to_bf16(in[i]);
        p[2 * i] = (uint8_t)h, p[2 * i + 1] = (uint8_t)(h >> 8);
    }
}

static void f64_to_float(float *out, const void *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double x;
        memcpy(&x, (const uint8_t *)in + i * sizeof x, sizeof x);
        out[i] = (float)x;
    }
}

/* Sizes and numbers as ggml defines them. */
/* clang-format off */
static const lf_dtype_traits traits[LF_DTYPES] = {
    /*             name      ggml block bytes fallback   */
    [LF_F32]     = {"F32",      0,   1,   4, LF_F32,    f32_to_float,         f32_from_float},
    [LF_F16]     = {"F16",      1,   1,   2, LF_F16,    f16_to_float,         f16_from_float},
    [LF_BF16]    = {"BF16",    30,   1,   2, LF_BF16,   bf16_to_float,        bf16_from_float},
    [LF_Q4_0]    = {"Q4_0",     2,  32,  18, LF_F16,    lf__q4_0_to_float,    lf__q4_0_from_float},
    [LF_Q4_1]    = {"Q4_1",     3,  32,  20, LF_F16,    lf__q4_1_to_float,    lf__q4_1_from_float},
    [LF_Q5_0]    = {"Q5_0",     6,  32,  22, LF_F16,    lf__q5_0_to_float,    lf__q5_0_from_float},
    [LF_Q5_1]    = {"Q5_1",     7,  32,  24, LF_F16,    lf__q5_1_to_float,    lf__q5_1_from_float},
    [LF_Q8_0]    = {"Q8_0",     8,  32,  34, LF_F16,    lf__q8_0_to_float,    lf__q8_0_from_float},
    [LF_Q2_K]    = {"Q2_K",    10, 256,  84, LF_IQ4_NL, lf__q2_k_to_float,    NULL},
    [LF_Q3_K]    = {"Q3_K",    11, 256, 110, LF_IQ4_NL, lf__q3_k_to_float,    NULL},
    [LF_Q4_K]    = {"Q4_K",    12, 256, 144, LF_Q5_0,   lf__q4_k_to_float,    lf__q4_k_from_float},
    [LF_Q5_K]    = {"Q5_K",    13, 256, 176, LF_Q5_1,   lf__q5_k_to_float,    lf__q5_k_from_float},
    [LF_Q6_K]    = {"Q6_K",    14, 256, 210, LF_Q8_0,   lf__q6_k_to_float,    lf__q6_k_from_float},
    [LF_IQ4_NL]  = {"IQ4_NL",  20,  32,  18, LF_F16,    lf__iq4_nl_to_float,  lf__iq4_nl_from_float},
    [LF_IQ4_XS]  = {"IQ4_XS",  23, 256, 136, LF_IQ4_NL, lf__iq4_xs_to_float,  NULL},
    [LF_MXFP4]   = {"MXFP4",   39,  32,  17, LF_F16,    lf__mxfp4_to_float,   NULL},
    [LF_F64]     = {"F64",     28,   1,   8, LF_F64,    f64_to_float,         NULL},
    [LF_I64]     = {"I64",     27,   1,   8, LF_I64,    NULL, NULL},
    [LF_I32]     = {"I32",     26,   1,   4, LF_I32,    NULL, NULL},
    [LF_I16]     = {"I16",     25,   1,   2, LF_I16,    NULL, NULL},
    [LF_I8]      = {"I8",      24,   1,   1, LF_I8,     NULL, NULL},
    [LF_U64]     = {"U64",     -1,   1,   8, LF_U64,    NULL, NULL},
    [LF_U32]     = {"U32",     -1,   1,   4, LF_U32,    NULL, NULL},
    [LF_U16]     = {"U16",     -1,   1,   2, LF_U16,    NULL, NULL},
    [LF_U8]      = {"U8",      -1,   1,   1, LF_U8,     NULL, NULL},
    [LF_BOOL]    = {"BOOL",    -1,   1,   1, LF_BOOL,   NULL, NULL},
    [LF_F8_E4M3] = {"F8_E4M3", -1,   1,   1, LF_F16,    NULL, NULL},
    [LF_F8_E5M2] = {"F8_E5M2", -1,   1,   1, LF_F16,    NULL, NULL},
    [LF_C64]     = {"C64",     -1,   1,   8, LF_C64,    NULL, NULL},
    [LF_IQ1_S]   = {"IQ1_S",   19, 256,  50, LF_F16,    NULL, NULL},
    [LF_IQ1_M]   = {"IQ1_M",   29, 256,  56, LF_F16,    NULL, NULL},
    [LF_IQ2_XXS] = {"IQ2_XXS", 16, 256,  66, LF_F16,    NULL, NULL},
    [LF_IQ2_XS]  = {"IQ2_XS",  17, 256,  74, LF_F16,    NULL, NULL},
    [LF_IQ2_S]   = {"IQ2_S",   22, 256,  82, LF_F16,    NULL, NULL},
    [LF_IQ3_XXS] = {"IQ3_XXS", 18, 256,  98, LF_F16,    NULL, NULL},
    [LF_IQ3_S]   = {"IQ3_S",   21, 256, 110, LF_F16,    NULL, NULL},
    [LF_TQ1_0]   = {"TQ1_0",   34, 256,  54, LF_F16,    NULL, NULL},
    [LF_TQ2_0]   = {"TQ2_0",   35, 256,  66, LF_F16,    NULL, NULL},
    [LF_NVFP4]   = {"NVFP4",   40,  64,  36, LF_F16,    NULL, NULL},
};
/* clang-format on */

const lf_dtype_traits *lf__dtype(lf_dtype type) { return &traits[type]; }

int lf__dtype_find(const char *name)
{
    for (int i = 0; i < LF_DTYPES; i++)
        if (strcasecmp(traits[i].name, name) == 0) return i;
    return -1;
}

int lf__dtype_find_ggml(uint32_t number)
{
    for (int i = 0; i < LF_DTYPES; i++)
        if (traits[i].ggml >= 0 && (uint32_t)traits[i].ggml == number) return i;
    return -1;
}

bool lf__dtype_size(size_t *out, lf_dtype type, size_t n)
{
    const lf_dtype_traits *t = &traits[type];
    return n % (size_t)t->block == 0 && lf__mul_size(out, n / (size_t)t->block, (size_t)t->bytes);
}
