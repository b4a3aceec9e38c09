// title.en: Warm-up and cosine
// title.zh: 预热与余弦
// minutes: 10
// read: tutorials/train.c learning_rate | src/train/schedule.c
// hint.en: Two cases. t <= warmup: a straight line from 0 to peak. Behind it: how far are we, as a number from 0 to 1?
// hint.zh: 两种情形。t <= warmup：从 0 到 peak 的直线。之后：走了多远，用 0 到 1 的数表示？
// hint.en: part = (t - warmup) / (steps - warmup). (1 + cos(pi part)) / 2 falls from 1 to 0.
// hint.zh: part = (t - warmup) / (steps - warmup)。(1 + cos(pi part)) / 2 从 1 降到 0。
// hint.en: low + (peak - low) * 0.5f * (1 + cosf(3.14159265f * part)). Dividing two integers drops the fraction: cast to float first.
// hint.zh: low + (peak - low) * 0.5f * (1 + cosf(3.14159265f * part))。整数相除会丢掉小数：先转成 float。
// mistake.en: the cosine begins after the warm-up, not at step 0
// mistake.zh: 余弦从预热之后开始，不是从第 0 步
// mistake.en: the last step should have `low`, not 0
// mistake.zh: 最后一步应当是 low，不是 0
// mistake.en: that is a straight line down; it should be a cosine
// mistake.zh: 那是直线下降；应当是余弦
// mistake.en: both operands are integers, so the fraction was cut to 0
// mistake.zh: 两个操作数都是整数，商被截成了 0

// en: Loshchilov & Hutter 2017. Up in the first steps, while the optimizer knows nothing; then down along half a cosine.
// zh: Loshchilov & Hutter 2017。最初几步上升，因为优化器还什么都不知道；然后沿半个余弦下降。
//
//      lr |      ______               t <= warmup:   peak * t / warmup
//         |    /        \             then           low + (peak - low) * (1 + cos(pi * part)) / 2
//         |  /             \_                        part = 0 at t = warmup, 1 at t = steps
//         +--+---------------+-- t
//
// en: The learning rate of step t = 1 .. steps. There may be no warm-up at all: warmup 0.
// zh: 第 t = 1 .. steps 步的学习率。可能完全没有预热：warmup 为 0。
#include <math.h>

float learning_rate(int t, int steps, int warmup, float peak, float low)
{
    // en: YOUR TURN
    // zh: 到你了
    return 0;
}

// ---- check ----
#include "check.h"
float learning_rate(int t, int steps, int warmup, float peak, float low);

static void at(int t, int steps, int warmup, float low)
{
    char name[32];
    snprintf(name, sizeof name, "lr(t=%d)", t);
    check_number(name, (double)learning_rate(t, steps, warmup, 0.001f, low));
}

int main(void)
{
    check_case("warm-up: steps 1, 5, 10 of 10", "预热：10 步中的第 1、5、10 步"), at(1, 100, 10, 0.0001f), at(5, 100, 10, 0.0001f),
        at(10, 100, 10, 0.0001f);
    check_case("the way down", "下降"), at(11, 100, 10, 0.0001f), at(30, 100, 10, 0.0001f), at(55, 100, 10, 0.0001f),
        at(90, 100, 10, 0.0001f);
    check_case("the last step", "最后一步"), at(100, 100, 10, 0.0001f);
    check_case("no warm-up", "没有预热"), at(1, 50, 0, 0), at(25, 50, 0, 0);
}
