/* simd_transpose.h - 8 x 8 floats of rows into columns of a panel, for every x86 rung (included after its v16): 256 bits are enough, the
 * limit is memory. */
#ifndef LF_SIMD_TRANSPOSE_H
#define LF_SIMD_TRANSPOSE_H

#include <immintrin.h>

#include "backend/cpu/kernels.h"

/* Rows of 8 -> columns: dst[i * LF_PANEL + j] = src[j * ld + i], i, j < 8. */
LF_INLINE void transpose8(float *dst, const float *src, ptrdiff_t ld)
{
    __m256 r[8], s[8];
    for (int j = 0; j < 8; j++) r[j] = _mm256_loadu_ps(src + j * ld);
    for (int j = 0; j < 8; j += 2) {
        s[j] = _mm256_unpacklo_ps(r[j], r[j + 1]);
        s[j + 1] = _mm256_unpackhi_ps(r[j], r[j + 1]);
    }
    for (int j = 0; j < 8; j += 4) {
        r[j] = _mm256_shuffle_ps(s[j], s[j + 2], 0x44);
        r[j + 1] = _mm256_shuffle_ps(s[j], s[j + 2], 0xee);
        r[j + 2] = _mm256_shuffle_ps(s[j + 1], s[j + 3], 0x44);
        r[j + 3] = _mm256_shuffle_ps(s[j + 1], s[j + 3], 0xee);
    }
    for (int j = 0; j < 4; j++) {
        _mm256_storeu_ps(dst + j * LF_PANEL, _mm256_permute2f128_ps(r[j], r[j + 4], 0x20));
        _mm256_storeu_ps(dst + (j + 4) * LF_PANEL, _mm256_permute2f128_ps(r[j], r[j + 4], 0x31));
    }
}

#endif
