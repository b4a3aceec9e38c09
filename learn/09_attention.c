// title.en: Attention of one head
// title.zh: 一个头的注意力
// minutes: 20
// read: tutorials/model.c attention | src/ops/op_attention.c
// hint.en: Three steps: T scores; softmax over them; a mixture of T values. You have written the softmax in exercise 6.
// hint.zh: 三步：T 个分数；对它们做 softmax；混合 T 个值。softmax 在第 6 题里已经写过。
// hint.en: score[j] = (sum over d of q[d] * k[j * D + d]) / sqrtf(D). Then o[d] = sum over j of p[j] * v[j * D + d].
// hint.zh: score[j] = (对 d 求和 q[d] * k[j * D + d]) / sqrtf(D)。然后 o[d] = 对 j 求和 p[j] * v[j * D + d]。
// hint.en: float p[T] would be a variable-length array: malloc T floats, and free them. o must be set to 0 before values are added.
// hint.zh: float p[T] 是变长数组：请 malloc T 个 float 并 free。累加之前要先把 o 设为 0。
// mistake.en: the scores are not divided by sqrt(D): with large D the softmax then sees one key alone
// mistake.zh: 分数没有除以 sqrt(D)：D 大时 softmax 就只看得见一个键
// mistake.en: divided by D; it is the square root of D
// mistake.zh: 除以了 D；应当除以 D 的平方根
// mistake.en: the scores were used as they are: a softmax belongs between scores and values
// mistake.zh: 直接用了分数：分数与值之间应有 softmax

// en: Vaswani et al. 2017. A query asks T keys how well they fit, and takes home a mixture of their values.
// zh: Vaswani et al. 2017。一个查询问 T 个键有多合适，然后取回它们的值的混合。
//
//      s_j = q . k_j / sqrt(D)       p = softmax(s)       o = sum over j of p_j v_j
//
// en: q, o [D]; k, v [T, D], row after row. All T keys are of the past: nothing to mask.
// zh: q、o [D]；k、v [T, D]，一行接一行。T 个键都属于过去：不需要掩码。
#include <math.h>
#include <stdlib.h>

void attend(float *o, const float *q, const float *k, const float *v, int T, int D)
{
    // en: YOUR TURN
    // zh: 到你了
}

// ---- check ----
#include "check.h"
void attend(float *o, const float *q, const float *k, const float *v, int T, int D);

static void ask(const float *q, const float *k, const float *v, int T, int D)
{
    float *o = check_filled(D, NAN);
    attend(o, q, k, v, T, D);
    check_floats("o", o, 1, D);
}

int main(void)
{
    check_case("one key: its value comes back", "一个键：取回它的值"),
        ask(check_random(1, 4, 1), check_random(2, 4, 1), check_random(3, 4, 1), 1, 4);
    check_case("a query of zeros: the mean of all values", "全零的查询：所有值的均值");
    ask(check_filled(4, 0), check_random(4, 12, 1), check_random(5, 12, 1), 3, 4);
    check_case("five keys, a head of 16", "五个键，十六维的头"),
        ask(check_random(6, 16, 2), check_random(7, 80, 2), check_random(8, 80, 1), 5, 16);
    check_case("large scores", "很大的分数"), ask(check_random(9, 8, 40), check_random(10, 32, 40), check_random(11, 32, 1), 4, 8);
}
