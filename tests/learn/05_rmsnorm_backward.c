/* 05_rmsnorm_backward.c - "RMSNorm, backward" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th mistake
 * says. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#include <math.h>

void rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w, int C, float eps)
{
    float mean = 0, dot = 0;
    for (int i = 0; i < C; i++) mean += x[i] * x[i] / (float)C;
    for (int i = 0; i < C; i++) dot += (MISTAKE == 3 ? 1 : w[i]) * dy[i] * x[i];
    float r = 1 / sqrtf(mean + eps);
    for (int i = 0; i < C; i++) {
        if (MISTAKE == 1) dx[i] = dw[i] = 0;
        dw[i] += dy[i] * x[i] * r;
        dx[i] += r * w[i] * dy[i] - (MISTAKE == 2 ? 0 : r * r * r * x[i] / (float)C * dot);
    }
}
