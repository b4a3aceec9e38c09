/* 12_adamw.c - "A step of AdamW" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th mistake says. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#include <math.h>

struct adamw {
    float lr, beta1, beta2, eps, weight_decay;
};

void adamw(float *w, float *m, float *v, const float *g, int n, struct adamw o, int t)
{
    float bias1 = MISTAKE == 1 ? 1 : 1 - powf(o.beta1, (float)t), bias2 = MISTAKE == 1 ? 1 : 1 - powf(o.beta2, (float)t);
    for (int i = 0; i < n; i++) {
        float grad = g[i] + (MISTAKE == 2 ? o.weight_decay * w[i] : 0);
        m[i] = o.beta1 * m[i] + (1 - o.beta1) * grad;
        v[i] = o.beta2 * v[i] + (1 - o.beta2) * grad * grad;
        float root = MISTAKE == 3 ? sqrtf(v[i] / bias2 + o.eps) : sqrtf(v[i] / bias2) + o.eps;
        w[i] -= o.lr * (m[i] / bias1 / root + (MISTAKE == 2 ? 0 : o.weight_decay * w[i]));
    }
}
