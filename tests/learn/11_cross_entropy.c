/* 11_cross_entropy.c - "Cross-entropy and its gradient" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th
 * mistake says. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#include <math.h>

float cross_entropy(float *dlogits, const float *logits, const int *targets, int N, int V)
{
    int scored = 0;
    float loss = 0;
    for (int n = 0; n < N; n++) scored += targets[n] >= 0;
    if (MISTAKE == 2) scored = N;
    for (int n = 0; n < N; n++) {
        const float *z = logits + n * V;
        float *d = dlogits + n * V, most = z[0], sum = 0;
        for (int v = 0; v < V; v++) most = z[v] > most ? z[v] : most;
        for (int v = 0; v < V; v++) sum += d[v] = expf(z[v] - most);
        for (int v = 0; v < V; v++) {
            d[v] = targets[n] < 0 ? 0 : (d[v] / sum - (float)(v == targets[n])) / (MISTAKE == 1 ? 1 : (float)scored);
            if (MISTAKE == 3) d[v] = -d[v];
        }
        if (targets[n] >= 0) loss += (most + logf(sum) - z[targets[n]]) / (float)scored;
    }
    return loss;
}
