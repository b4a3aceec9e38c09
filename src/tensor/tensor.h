/* tensor.h - what a block of numbers is: a dtype, a shape, where it lies, and (in training) where its gradient lies. No arithmetic.
 * Tensors own nothing: the memory belongs to an arena or a mapping that outlives them. */
#ifndef LF_TENSOR_H
#define LF_TENSOR_H

#include "base/base.h"

/* ---- dtypes: one row per type ---------------------------------------------------------------------------------------------- */
typedef enum lf_dtype { LF_F32, LF_F16, LF_BF16, LF_DTYPES } lf_dtype;

typedef uint16_t lf_bf16; /* the upper half of a float: 8 exponent and 7 mantissa bits */

typedef struct lf_dtype_traits {
    const char *name; /* as safetensors spells it */
    size_t bytes;     /* of one element           */
    void (*to_float)(float *out, const void *in, size_t n);
} lf_dtype_traits;

const lf_dtype_traits *lf__dtype(lf_dtype type);
/* By safetensors name, or -1. */
int lf__dtype_find(const char *name);

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
