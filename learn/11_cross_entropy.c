// title.en: Cross-entropy and its gradient
// title.zh: 交叉熵及其梯度
// minutes: 25
// read: tutorials/model.c cross_entropy | src/ops/op_classifier.c
// hint.en: Each row: p = softmax(logits of the row). Its loss is -log(p[target]). The gradient is p, minus 1 at the target.
// hint.zh: 每一行：p = softmax(这一行的 logits)。损失是 -log(p[target])。梯度是 p，在目标处减 1。
// hint.en: The mean is over the rows that are scored: count targets that are not -1, and divide loss and gradient by that count.
// hint.zh: 均值只对计分的行取：数出不等于 -1 的目标，损失和梯度都除以这个数。
// hint.en: -log(p) = most + logf(sum) - logits[target] needs no log of a tiny p. A row with target -1 gets a gradient of zeros.
// hint.zh: -log(p) = most + logf(sum) - logits[target]，不必对很小的 p 取对数。目标为 -1 的行，梯度全为零。
// mistake.en: the loss is a mean, so the gradient is divided by the number of scored rows, too
// mistake.zh: 损失是均值，所以梯度也要除以计分的行数
// mistake.en: rows with target -1 are not scored: divide by the number of the others
// mistake.zh: 目标为 -1 的行不计分：应除以其余的行数
// mistake.en: the sign: what was predicted minus what came, p - 1 at the target
// mistake.zh: 符号反了：预测减去实际，目标处是 p - 1

// en: How surprised was the model by the tokens that really came? Knowing nothing, p = 1/V, costs log(V); certainty costs 0.
// zh: 真正出现的词元让模型有多意外？一无所知时 p = 1/V，代价是 log(V)；完全确定时代价是 0。
//
// en:      loss = mean over scored rows of  -log(softmax(logits_n)[target_n])
// en:      dlogits_n = (p_n - [1 at the target]) / scored rows
// zh:      loss = 对计分的行取平均：-log(softmax(logits_n)[target_n])
// zh:      dlogits_n = (p_n - [目标处为 1，其余为 0]) / 计分的行数
//
// en: logits, dlogits [N, V]; targets [N], -1 = not scored: no loss, a gradient of zeros. Write dlogits, return the loss.
// zh: logits、dlogits [N, V]；targets [N]，-1 表示不计分：没有损失，梯度为零。写出 dlogits，返回损失。
#include <math.h>

float cross_entropy(float *dlogits, const float *logits, const int *targets, int N, int V)
{
    // en: YOUR TURN
    // zh: 到你了
    return 0;
}

// ---- check ----
#include "check.h"
float cross_entropy(float *dlogits, const float *logits, const int *targets, int N, int V);

static void score(const float *logits, const int *targets, int N, int V)
{
    float *d = check_filled(N * V, NAN);
    check_number("loss|损失", (double)cross_entropy(d, logits, targets, N, V));
    check_floats("dlogits", d, N, V);
}

int main(void)
{
    check_case("knowing nothing: log(5)", "一无所知：log(5)"), score(check_filled(5, 0), (int[]){2}, 1, 5);
    check_case("three rows", "三行"), score(check_random(1, 12, 3), (int[]){0, 3, 1}, 3, 4);
    check_case("two rows of four are scored", "四行中有两行计分"), score(check_random(2, 12, 3), (int[]){-1, 2, -1, 0}, 4, 3);
    check_case("large logits", "很大的 logits"), score((float[]){1000, 990, 0, -50, 20, 30}, (int[]){1, 0}, 2, 3);
}
