/* 14_clip_gradients.c - "Gradient clipping" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th mistake
 * says. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#include <math.h>

float clip_gradients(float *g, int n, float limit)
{
    float sum = 0;
    for (int i = 0; i < n; i++) sum += g[i] * g[i];
    float norm = sqrtf(sum), scale = limit / (norm + 1e-6f);
    if (MISTAKE == 2) {
        for (int i = 0; i < n; i++) g[i] = fminf(fmaxf(g[i], -limit), limit);
        return norm;
    }
    if (scale < 1 || MISTAKE == 1)
        for (int i = 0; i < n; i++) g[i] *= scale;
    return MISTAKE == 3 && scale < 1 ? norm * scale : norm;
}
