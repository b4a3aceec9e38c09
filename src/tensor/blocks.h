/* blocks.h - private to tensor/: the rows of the dtype table that are blocks of quantized numbers. */
#ifndef LF_TENSOR_BLOCKS_H
#define LF_TENSOR_BLOCKS_H

#include <stddef.h>

void lf__q8_0_to_float(float *out, const void *in, size_t n);
void lf__q8_0_from_float(void *out, const float *in, size_t n, const float *importance);

#endif
