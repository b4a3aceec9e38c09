/* 10_swiglu_backward.c - "SwiGLU, backward" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th mistake
 * says. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#include <math.h>

void swiglu_backward(float *dg, float *du, const float *dh, const float *g, const float *u, int n)
{
    for (int i = 0; i < n; i++) {
        float s = 1 / (1 + expf(-g[i]));
        if (MISTAKE == 4) dg[i] = du[i] = 0;
        dg[i] += dh[i] * (MISTAKE == 3 ? 1 : u[i]) * (MISTAKE == 1 ? s * (1 - s) : s * (1 + g[i] * (1 - s)));
        du[i] += dh[i] * (MISTAKE == 2 ? s : g[i] * s);
    }
}
