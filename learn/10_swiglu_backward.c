// title.en: SwiGLU, backward
// title.zh: SwiGLU 反向
// minutes: 15
// read: tutorials/model.c swiglu_backward | src/ops/op_glu.c
// hint.en: h is a product of two factors: silu(g) and u. The derivative by one factor is the other.
// hint.zh: h 是两个因子的积：silu(g) 和 u。对一个因子求导，得到另一个。
// hint.en: silu(g) = g * s with s = 1 / (1 + exp(-g)), and ds/dg = s (1 - s). The product rule gives silu'(g) = s + g s (1 - s).
// hint.zh: silu(g) = g * s，s = 1 / (1 + exp(-g))，ds/dg = s (1 - s)。由乘积法则，silu'(g) = s + g s (1 - s)。
// hint.en: du[i] += dh[i] * g[i] * s;   dg[i] += dh[i] * u[i] * s * (1 + g[i] * (1 - s));
// hint.zh: du[i] += dh[i] * g[i] * s;   dg[i] += dh[i] * u[i] * s * (1 + g[i] * (1 - s));
// mistake.en: s (1 - s) is the derivative of the sigmoid alone; silu is g times it: use the product rule
// mistake.zh: s (1 - s) 只是 sigmoid 的导数；silu 还乘了 g：要用乘积法则
// mistake.en: du needs silu(g) = g * s, not s
// mistake.zh: du 要乘 silu(g) = g * s，而不是 s
// mistake.en: the other factor, u, is missing in dg
// mistake.zh: dg 里缺了另一个因子 u
// mistake.en: gradients are ADDED to what is there already: += and not =
// mistake.zh: 梯度要加到已有的值上：用 +=，不是 =

// en: Shazeer 2020. The gate g says how far each feature u is open:
// zh: Shazeer 2020。门 g 决定每个特征 u 打开多少：
//
//      h = silu(g) * u          silu(g) = g s          s = sigmoid(g) = 1 / (1 + exp(-g))
//
// en: Given dh, add d loss / d g to dg and d loss / d u to du, for each of n elements.
// zh: 已知 dh，对 n 个元素，把 d loss / d g 加到 dg，把 d loss / d u 加到 du。
#include <math.h>

void swiglu_backward(float *dg, float *du, const float *dh, const float *g, const float *u, int n)
{
    // en: YOUR TURN
    // zh: 到你了
}

// ---- check ----
#include "check.h"
void swiglu_backward(float *dg, float *du, const float *dh, const float *g, const float *u, int n);

static void back(const float *dh, const float *g, const float *u, int n, float before)
{
    float *dg = check_filled(n, before), *du = check_filled(n, before);
    swiglu_backward(dg, du, dh, g, u, n);
    check_floats("du", du, 1, n), check_floats("dg", dg, 1, n);
}

int main(void)
{
    check_case("gates of 0: half open", "门为 0：半开"), back(check_filled(2, 1), check_filled(2, 0), (float[]){2, -3}, 2, 0);
    check_case("ten elements", "十个元素"), back(check_random(1, 10, 1), check_random(2, 10, 3), check_random(3, 10, 2), 10, 0);
    check_case("something is there already", "里面已有数值");
    back(check_random(4, 6, 1), check_random(5, 6, 3), check_random(6, 6, 2), 6, 0.25f);
}
