/* pack_tmpl.c - what the micro-tiles of both x86 rungs need around them: prefetching, and the transpose of rows into a panel, 8 x 8
 * floats at a time (256 bits are enough, the limit is memory). Included by one translation unit per rung. */

/* A few lines for the tiles to come, at k = at of this one: rows at / 8 and at / 8 + 1 of C, the line of k in some rows of A. */
LF_INLINE void prefetch_next(const lf_tile *t, int at)
{
    for (int i = at / 8; i < at / 8 + 2 && i < t->mr && t->next_c[0]; i++) {
        __builtin_prefetch(t->next_c[0] + i * t->ldc, 1);
        __builtin_prefetch(t->next_c[1] + i * t->ldc, 1);
    }
    for (int i = 0; i < t->next_rows; i++) __builtin_prefetch(t->next_a + i * t->a_rs + at, 0, 2);
}

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

/* 16 values of k per row are one cache line of the source: it is used up before the next, so power-of-two strides do no harm. */
static void pack_transposed(float *panel, const float *src, ptrdiff_t ld, int cols, int k)
{
    int whole = k / 16 * 16, j = 0;
    for (int i = 0; i < whole; i += 16) {
        for (j = 0; j + 8 <= cols; j += 8) {
            transpose8(panel + i * LF_PANEL + j, src + j * ld + i, ld);
            transpose8(panel + (i + 8) * LF_PANEL + j, src + j * ld + i + 8, ld);
        }
        for (; j < cols; j++)
            for (int e = i; e < i + 16; e++) panel[e * LF_PANEL + j] = src[j * ld + e];
    }
    for (j = 0; j < cols; j++)
        for (int e = whole; e < k; e++) panel[e * LF_PANEL + j] = src[j * ld + e];
}
