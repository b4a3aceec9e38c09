/* 06_softmax.c - "A softmax that survives" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th mistake
 * says. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#include <math.h>

void softmax(float *p, int n)
{
    float most = p[0], sum = 0, top = 0;
    for (int i = 1; i < n; i++) most = p[i] > most ? p[i] : most;
    if (MISTAKE == 1) most = 0;
    for (int i = 0; i < n; i++) sum += p[i] = expf(p[i] - most), top = p[i] > top ? p[i] : top;
    for (int i = 0; i < n; i++) p[i] /= MISTAKE == 2 ? top : sum;
}
