// title.en: A step of AdamW
// title.zh: AdamW 的一步
// minutes: 20
// read: tutorials/train.c adamw_step | src/train/optimizer.c
// hint.en: Line by line from the equations: first m and v, then the two corrected ones, then w.
// hint.zh: 按公式一行行写：先 m 和 v，再两个修正后的值，最后 w。
// hint.en: 1 - powf(beta1, t) is the same for all weights: compute it once, before the loop.
// hint.zh: 1 - powf(beta1, t) 对所有权重都一样：在循环前算一次。
// hint.en: w[i] -= o.lr * ((m[i] / bias1) / (sqrtf(v[i] / bias2) + o.eps) + o.weight_decay * w[i]);
// hint.zh: w[i] -= o.lr * ((m[i] / bias1) / (sqrtf(v[i] / bias2) + o.eps) + o.weight_decay * w[i]);
// mistake.en: the bias correction is missing: m and v began at 0
// mistake.zh: 缺了偏差修正：m 和 v 是从 0 开始的
// mistake.en: that is Adam with L2: in AdamW the decay acts on the weight itself and never enters m and v
// mistake.zh: 那是带 L2 的 Adam：AdamW 的衰减直接作用于权重，不进入 m 和 v
// mistake.en: eps stands outside the root
// mistake.zh: eps 在根号外面

// en: Kingma & Ba 2015; Loshchilov & Hutter 2019. Two running averages per weight: where it wants to go, and how loudly it speaks.
// zh: Kingma & Ba 2015；Loshchilov & Hutter 2019。每个权重两个滑动平均：它想去哪里，声音有多大。
//
//      m = beta1 m + (1 - beta1) g                 m^ = m / (1 - beta1^t)
//      v = beta2 v + (1 - beta2) g^2               v^ = v / (1 - beta2^t)
//      w = w - lr * (m^ / (sqrt(v^) + eps) + weight_decay * w)
//
// en: n weights, step t = 1, 2, ...: change w, m and v.
// zh: n 个权重，第 t = 1, 2, ... 步：修改 w、m、v。
#include <math.h>

struct adamw {
    float lr, beta1, beta2, eps, weight_decay;
};

void adamw(float *w, float *m, float *v, const float *g, int n, struct adamw o, int t)
{
    // en: YOUR TURN
    // zh: 到你了
}

// ---- check ----
#include "check.h"
struct adamw {
    float lr, beta1, beta2, eps, weight_decay;
};
void adamw(float *w, float *m, float *v, const float *g, int n, struct adamw o, int t);

static void steps(int n, int from, int to, struct adamw o, float scale)
{
    float *w = check_random(1, n, 1), *m = check_filled(n, 0), *v = check_filled(n, 0);
    for (int t = from; t <= to; t++) adamw(w, m, v, check_random(10 + (unsigned)t, n, scale), n, o, t);
    check_floats("m", m, 1, n), check_floats("v", v, 1, n), check_floats("w", w, 1, n);
}

int main(void)
{
    struct adamw plain = {0.1f, 0.9f, 0.99f, 1e-8f, 0}, decays = {0.1f, 0.9f, 0.95f, 1e-8f, 0.5f}, loud = {0.1f, 0.9f, 0.99f, 0.01f, 0};
    check_case("the first step", "第一步"), steps(4, 1, 1, plain, 1);
    check_case("five steps", "五步"), steps(4, 1, 5, plain, 1);
    check_case("with weight decay", "带权重衰减"), steps(4, 1, 3, decays, 1);
    check_case("tiny gradients: eps shows", "很小的梯度：eps 起作用"), steps(4, 1, 2, loud, 0.01f);
}
