// title.en: A softmax that survives
// title.zh: 不会溢出的 softmax
// minutes: 10
// read: tutorials/model.c softmax | src/ops/op_attention.c
// hint.en: exp(100) is too large for a float. What can you subtract from every p_i without changing the quotients?
// hint.zh: exp(100) 超出了 float 的范围。从每个 p_i 减去什么，商不会变？
// hint.en: exp(p_i - m) / sum of exp(p_j - m) is the same for every m. With m = the largest, no exponent is above 0.
// hint.zh: 对任何 m，exp(p_i - m) / 求和 exp(p_j - m) 都一样。取 m 为最大值，指数就不会大于 0。
// hint.en: Three loops: the largest; p[i] = expf(p[i] - most) and their sum; divide by the sum.
// hint.zh: 三个循环：求最大值；p[i] = expf(p[i] - most) 并求和；除以和。
// mistake.en: overflow: subtract the largest before you call expf
// mistake.zh: 溢出了：调用 expf 之前先减去最大值
// mistake.en: the numbers do not sum to 1: divide by the sum of all exponentials
// mistake.zh: 各数之和不是 1：要除以所有指数之和

// en: Scores become probabilities: positive, and 1 together. In place.
// zh: 分数变成概率：都是正数，加起来等于 1。就地计算。
//
//      p_i = exp(p_i) / sum over j of exp(p_j)
//
// en: expf(89) is infinity already, and infinity / infinity is NaN: scores may be large, the result must not be NaN.
// zh: expf(89) 就已经是无穷大，无穷大除以无穷大是 NaN：分数可以很大，结果不能是 NaN。
#include <math.h>

void softmax(float *p, int n)
{
    // en: YOUR TURN
    // zh: 到你了
}

// ---- check ----
#include "check.h"
void softmax(float *p, int n);

static void row(float *p, int n)
{
    float sum = 0;
    softmax(p, n);
    for (int i = 0; i < n; i++) sum += p[i];
    check_floats("p", p, 1, n), check_number("sum|总和", sum);
}

int main(void)
{
    check_case("equal scores", "相同的分数"), row(check_filled(4, 2), 4);
    check_case("one number", "一个数"), row(check_filled(1, -3), 1);
    check_case("twelve scores", "十二个分数"), row(check_random(1, 12, 5), 12);
    check_case("large scores: 1000, 999, 998", "很大的分数：1000, 999, 998"), row((float[]){1000, 999, 998}, 3);
    check_case("all far below zero", "都远小于零"), row((float[]){-1000, -1001, -990}, 3);
}
