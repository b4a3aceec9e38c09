/* pack_tmpl.c - what the micro-tiles of every vector rung need around them: prefetching, and the transpose of rows into a panel, 8 x 8
 * floats at a time by the rung's transpose8. Included by one translation unit per rung. */

/* A few lines for the tiles to come, at k = at of this one: rows at / 8 and at / 8 + 1 of C, the line of k in some rows of A. */
LF_INLINE void prefetch_next(const lf_tile *t, int at)
{
    for (int i = at / 8; i < at / 8 + 2 && i < t->mr && t->next_c[0]; i++) {
        __builtin_prefetch(t->next_c[0] + i * t->ldc, 1);
        __builtin_prefetch(t->next_c[1] + i * t->ldc, 1);
    }
    for (int i = 0; i < t->next_rows; i++) __builtin_prefetch(t->next_a + i * t->a_rs + at, 0, 2);
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
