/* blocks.h - private to tensor/: the rows of the dtype table that are blocks of quantized numbers, and what packing and unpacking share. */
#ifndef LF_TENSOR_BLOCKS_H
#define LF_TENSOR_BLOCKS_H

#include "tensor/tensor.h"

#define LF_SUPER 256 /* elements of a super-block, the block of all types named _K and of IQ4_XS */

/* The 16 levels of IQ4_NL and IQ4_XS, ascending. */
extern const int8_t lf__iq4_levels[16];

/* blocks.c and quantize.c, for the table in dtype.c. */
/* clang-format off */
#define LF_READERS(X) X(q4_0) X(q4_1) X(q5_0) X(q5_1) X(q8_0) X(q2_k) X(q3_k) X(q4_k) X(q5_k) X(q6_k) X(iq4_nl) X(iq4_xs) X(mxfp4)
#define LF_WRITERS(X) X(q4_0) X(q4_1) X(q5_0) X(q5_1) X(q8_0) X(q4_k) X(q5_k) X(q6_k) X(iq4_nl)
/* clang-format on */
#define LF_X(type) void lf__##type##_to_float(float *out, const void *in, size_t n);
LF_READERS(LF_X)
#undef LF_X
#define LF_X(type) void lf__##type##_from_float(void *out, const float *in, size_t n, const float *importance);
LF_WRITERS(LF_X)
#undef LF_X

#endif
