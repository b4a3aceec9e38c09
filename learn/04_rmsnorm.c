// title.en: RMSNorm, forward
// title.zh: RMSNorm 前向
// minutes: 10
// read: tutorials/model.c rmsnorm | src/ops/op_norm.c
// hint.en: Two loops: the first finds the mean of the squares, the second writes y.
// hint.zh: 两个循环：第一个求平方的均值，第二个写 y。
// hint.en: r = 1 / sqrt(mean + eps) is one number for the whole row. eps stands under the root.
// hint.zh: r = 1 / sqrt(mean + eps) 整行共用一个数。eps 在根号里面。
// hint.en: for (i) mean += x[i] * x[i] / C;   float r = 1 / sqrtf(mean + eps);   for (i) y[i] = w[i] * x[i] * r;
// hint.zh: for (i) mean += x[i] * x[i] / C;   float r = 1 / sqrtf(mean + eps);   for (i) y[i] = w[i] * x[i] * r;
// mistake.en: the sum of the squares stands where their mean should
// mistake.zh: 用的是平方和，应当是平方的均值
// mistake.en: eps belongs under the root, and a row of zeros needs it
// mistake.zh: eps 应当在根号里面，全零的行离不开它
// mistake.en: that is LayerNorm: RMSNorm does not subtract the mean
// mistake.zh: 那是 LayerNorm：RMSNorm 不减均值
// mistake.en: the gain w is missing
// mistake.zh: 缺了增益 w

// en: Zhang & Sennrich 2019. A row is brought to the same length whatever came before; then each channel gets a gain of its own.
// zh: Zhang & Sennrich 2019。不论之前是什么，把一行的长度统一；然后每个通道乘上自己的增益。
//
//      r = 1 / sqrt(mean(x^2) + eps)          y_i = w_i x_i r
//
// en: One row: y, x and w have C numbers. sqrtf is in <math.h>.
// zh: 只有一行：y、x、w 各有 C 个数。sqrtf 在 <math.h> 里。
#include <math.h>

void rmsnorm(float *y, const float *x, const float *w, int C, float eps)
{
    // en: YOUR TURN
    // zh: 到你了
}

// ---- check ----
#include "check.h"
void rmsnorm(float *y, const float *x, const float *w, int C, float eps);

static void row(const float *x, const float *w, int C, float eps)
{
    float *y = check_filled(C, NAN);
    rmsnorm(y, x, w, C, eps);
    check_floats("y", y, 1, C);
}

int main(void)
{
    check_case("four numbers, gains of 1", "四个数，增益为 1"), row((float[]){1, -2, 3, 4}, check_filled(4, 1), 4, 1e-5f);
    check_case("sixteen numbers with gains", "十六个数，带增益"), row(check_random(1, 16, 2), check_random(2, 16, 1), 16, 1e-5f);
    check_case("a row of zeros", "全零的行"), row(check_filled(8, 0), check_filled(8, 1), 8, 1e-5f);
    check_case("a very quiet row: eps shows", "很小的一行：eps 起作用"), row(check_random(3, 8, 1e-3f), check_filled(8, 1), 8, 1e-5f);
}
