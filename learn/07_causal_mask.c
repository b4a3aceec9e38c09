// title.en: The causal mask
// title.zh: 因果掩码
// minutes: 10
// read: tutorials/model.c attention | src/ops/op_attention.c
// hint.en: First the simple case Tq == Tk: row i may look at columns 0 .. i, itself included.
// hint.zh: 先看简单情形 Tq == Tk：第 i 行可以看第 0 .. i 列，包括自己。
// hint.en: With a cache, row i is not position i. The last row is position Tk - 1; so row i is position Tk - Tq + i.
// hint.zh: 有缓存时，第 i 行不是第 i 个位置。最后一行是位置 Tk - 1，所以第 i 行是位置 Tk - Tq + i。
// hint.en: if (j > Tk - Tq + i) scores[i * Tk + j] = -INFINITY;
// hint.zh: if (j > Tk - Tq + i) scores[i * Tk + j] = -INFINITY;
// mistake.en: a token may look at itself: mask j > its position, not j >= it
// mistake.zh: 词元可以看自己：遮住 j 大于自己位置的，不含等于
// mistake.en: with a cache, row i stands at position Tk - Tq + i, not at i
// mistake.zh: 有缓存时，第 i 行位于 Tk - Tq + i，而不是 i
// mistake.en: the past was masked; the future should be
// mistake.zh: 遮住的是过去，应当遮住未来

// en: A model that could see the next word would not have to learn it. Before the softmax, scores of the future become -infinity,
// en: and the softmax makes them exactly 0.
// zh: 如果能看到下一个词，模型就不必学了。在 softmax 之前把未来的分数设为负无穷，softmax 之后它们恰好是 0。
//
// en:        Tq = Tk = 3          Tq = 2 new rows, Tk = 5, 3 in the cache
// zh:        Tq = Tk = 3          Tq = 2 个新行，Tk = 5，缓存里有 3 个
//        s  -  -                   s s s s -
//        s  s  -                   s s s s s
//        s  s  s
//
// en: scores is [Tq, Tk], row after row; the Tq queries are the LAST of Tk positions. -INFINITY is in <math.h>.
// zh: scores 是 [Tq, Tk]，一行接一行；Tq 个查询是 Tk 个位置中的最后几个。-INFINITY 在 <math.h> 里。
#include <math.h>

void mask_future(float *scores, int Tq, int Tk)
{
    // en: YOUR TURN
    // zh: 到你了
}

// ---- check ----
#include "check.h"
void mask_future(float *scores, int Tq, int Tk);

static void mask(int Tq, int Tk)
{
    float *scores = check_filled(Tq * Tk, 1);
    mask_future(scores, Tq, Tk);
    check_floats("scores", scores, Tq, Tk);
}

int main(void)
{
    check_case("three tokens", "三个词元"), mask(3, 3);
    check_case("one token, alone", "只有一个词元"), mask(1, 1);
    check_case("one new token, four in the cache", "一个新词元，缓存里有四个"), mask(1, 5);
    check_case("two new tokens, three in the cache", "两个新词元，缓存里有三个"), mask(2, 5);
}
