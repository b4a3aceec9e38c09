/* 04_rmsnorm.c - "RMSNorm, forward" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th mistake says. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#include <math.h>

void rmsnorm(float *y, const float *x, const float *w, int C, float eps)
{
    float squares = 0, shift = 0;
    for (int i = 0; i < C; i++) shift += MISTAKE == 3 ? x[i] / (float)C : 0;
    for (int i = 0; i < C; i++) squares += (x[i] - shift) * (x[i] - shift);
    float mean = MISTAKE == 1 ? squares : squares / (float)C;
    float r = MISTAKE == 2 ? 1 / (sqrtf(mean) + eps) : 1 / sqrtf(mean + eps);
    for (int i = 0; i < C; i++) y[i] = (MISTAKE == 4 ? 1 : w[i]) * (x[i] - shift) * r;
}
