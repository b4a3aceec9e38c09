/* 09_attention.c - "Attention of one head" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th mistake
 * says. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#include <math.h>
#include <stdlib.h>

void attend(float *o, const float *q, const float *k, const float *v, int T, int D)
{
    float *p = malloc((size_t)T * sizeof *p), most = -INFINITY, sum = 0;
    for (int j = 0; j < T; j++) {
        p[j] = 0;
        for (int d = 0; d < D; d++) p[j] += q[d] * k[j * D + d];
        p[j] /= MISTAKE == 1 ? 1 : MISTAKE == 2 ? (float)D : sqrtf((float)D);
        most = p[j] > most ? p[j] : most;
    }
    for (int j = 0; j < T && MISTAKE != 3; j++) sum += p[j] = expf(p[j] - most);
    if (MISTAKE == 3) sum = 1;
    for (int d = 0; d < D; d++) {
        o[d] = 0;
        for (int j = 0; j < T; j++) o[d] += p[j] / sum * v[j * D + d];
    }
    free(p);
}
