/* tensor.h - what a block of numbers is: a dtype, a shape, where it lies, and (in training) where its gradient lies. No arithmetic.
 * Tensors own nothing: the memory belongs to an arena or a mapping that outlives them. */
#ifndef LF_TENSOR_H
#define LF_TENSOR_H

#include "base/base.h"

/* ---- dtypes: one row per type ---------------------------------------------------------------------------------------------- */
/* clang-format off */
typedef enum lf_dtype {
    LF_F32, LF_F16, LF_BF16,                                                /* what kernels compute with                       */
    LF_Q4_0, LF_Q4_1, LF_Q5_0, LF_Q5_1, LF_Q8_0,                            /* ggml's blocks of 32                             */
    LF_Q2_K, LF_Q3_K, LF_Q4_K, LF_Q5_K, LF_Q6_K, LF_IQ4_NL, LF_IQ4_XS, LF_MXFP4,
    LF_F64,
    LF_I64, LF_I32, LF_I16, LF_I8, LF_U64, LF_U32, LF_U16, LF_U8, LF_BOOL,  /* known by size only: carried, never computed with */
    LF_F8_E4M3, LF_F8_E5M2, LF_C64,
    LF_IQ1_S, LF_IQ1_M, LF_IQ2_XXS, LF_IQ2_XS, LF_IQ2_S, LF_IQ3_XXS, LF_IQ3_S, LF_TQ1_0, LF_TQ2_0, LF_NVFP4,
    LF_DTYPES
} lf_dtype;
/* clang-format on */

typedef uint16_t lf_bf16; /* the upper half of a float: 8 exponent and 7 mantissa bits */

/* A type stores a row as whole blocks. n counts elements and is a multiple of `block`; stored bytes may lie at any alignment.
 * to_float is ggml's definition to the bit. from_float gives the same bits on every machine; importance [n] says what a squared error of
 * each element weighs (NULL: all the same, or for k-quants by magnitude, as ggml does). */
typedef struct lf_dtype_traits {
    const char *name;  /* as safetensors and ggml spell it                                                */
    int ggml;          /* its number in GGUF files, -1: none                                              */
    int block;         /* elements per block                                                              */
    int bytes;         /* of one block                                                                    */
    lf_dtype fallback; /* what to write where rows are no whole number of blocks (ends at F16)            */
    void (*to_float)(float *out, const void *in, size_t n);                            /* NULL: cannot be computed with */
    void (*from_float)(void *out, const float *in, size_t n, const float *importance); /* NULL: read only               */
} lf_dtype_traits;

const lf_dtype_traits *lf__dtype(lf_dtype type);
/* By name in any case, or by GGUF number; -1: unknown. */
int lf__dtype_find(const char *name);
int lf__dtype_find_ggml(uint32_t number);
/* Bytes of n elements; false when n is no whole number of blocks or the size overflows. */
bool lf__dtype_size(size_t *out, lf_dtype type, size_t n);
/* IEEE half to and from float: round to nearest even, subnormals, infinities, NaN stays NaN. */
float lf__f16_to_f32(uint16_t h);
uint16_t lf__f32_to_f16(float x);
lf_bf16 lf__f32_to_bf16(float x);

/* ---- tensors ---------------------------------------------------------------------------------------------------------------- */
typedef struct lf_tensor {
    const char *name; /* for messages: "layers.3.qkv"           */
    int rows, cols;   /* row-major float32; a vector is one row */
    float *data;
    lf_bf16 *half;     /* what of data outlives its block, or NULL: data does (lf__saved)        */
    float *grad;       /* same shape; NULL: not there (yet)                                      */
    bool needs_grad;   /* somebody behind it wants a gradient                                    */
    bool grad_written; /* this step has put something into grad: the next writer adds (beta = 1) */
} lf_tensor;

static inline size_t lf__tensor_count(const lf_tensor *t) { return (size_t)t->rows * (size_t)t->cols; }

/* beta for a backward that is about to write t->grad, and the mark that it did. */
static inline int lf__tensor_beta(lf_tensor *t)
{
    int beta = t->grad_written;
    t->grad_written = true;
    return beta;
}

#endif
