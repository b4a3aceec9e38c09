/* 17_quantize_row.c - "Eight bits a weight" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th mistake
 * says. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#include <math.h>

void quantize_row(signed char *q, float *d, const float *x, int n)
{
    int block = MISTAKE == 3 ? n : 32;
    for (int b = 0; b < n; b += block) {
        float largest = 0;
        for (int i = b; i < n && i < b + block; i++) {
            float size = MISTAKE == 2 ? x[i] : fabsf(x[i]);
            largest = size > largest ? size : largest;
        }
        float scale = largest / 127;
        for (int i = b; i < n && i < b + block; i += 32) d[i / 32] = scale;
        for (int i = b; i < n && i < b + block; i++)
            q[i] = (signed char)(scale > 0 ? MISTAKE == 1 ? (long)(x[i] / scale) : lrintf(x[i] / scale) : 0);
    }
}
