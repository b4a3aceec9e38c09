// title.en: Top-p, the nucleus
// title.zh: Top-p 采样
// minutes: 10
// read: tutorials/generate.c candidates | src/infer/sampler_stages.c
// hint.en: Walk from the likeliest on, adding up, until the sum has reached the limit. The one that reaches it stays.
// hint.zh: 从最可能的开始累加，直到和达到上限。使它达到的那一个也保留。
// hint.en: while (keep < n && sum < limit) sum += p[keep++];   At least one always stays, even with a limit of 0.
// hint.zh: while (keep < n && sum < limit) sum += p[keep++];   至少保留一个，哪怕上限是 0。
// hint.en: What stays should sum to 1 again: divide the first `keep` by their own sum.
// hint.zh: 保留下来的加起来应当重新等于 1：前 keep 个除以它们自己的和。
// mistake.en: the token that crosses the limit stays, too: the smallest set that REACHES it
// mistake.zh: 越过上限的那一个也要保留：要的是达到上限的最小集合
// mistake.en: what stays must sum to 1 again
// mistake.zh: 保留下来的要重新归一化，加起来等于 1
// mistake.en: that keeps every token with a probability above the limit; it is the SUM that counts
// mistake.zh: 那是保留概率大于上限的词元；要看的是累加和

// en: Holtzman et al. 2020. Drawing honestly, one of ten thousand unlikely tokens comes up now and then and derails the text. Top-p
// en: keeps the likeliest ones that together have probability `limit`: few when the model is sure, many when it is not.
// zh: Holtzman et al. 2020。老实抽样时，一万个不太可能的词元总会偶尔冒出一个，把文章带偏。Top-p 只保留概率加起来达到
// zh: limit 的最可能的几个：模型有把握时少，没把握时多。
//
// en:      p      0.50 0.25 0.15 0.06 0.04        limit 0.8: the first three, since 0.5 + 0.25 < 0.8
// en:      then   0.56 0.28 0.17
// zh:      p      0.50 0.25 0.15 0.06 0.04        上限 0.8：保留前三个，因为 0.5 + 0.25 < 0.8
// zh:      之后   0.56 0.28 0.17
//
// en: p[0 .. n-1] is sorted, the largest first, and sums to 1. Return how many stay, at least 1, and make those sum to 1.
// zh: p[0 .. n-1] 从大到小排好，和为 1。返回保留几个（至少 1 个），并让它们的和等于 1。
int top_p(float *p, int n, float limit)
{
    // en: YOUR TURN
    // zh: 到你了
    return n;
}

// ---- check ----
#include "check.h"
int top_p(float *p, int n, float limit);

static void nucleus(const float *from, int n, float limit)
{
    float *p = check_copy(from, n);
    int keep = top_p(p, n, limit);
    check_number("kept|保留个数", keep);
    if (keep > 0 && keep <= n) check_floats("p", p, 1, keep);
}

int main(void)
{
    static const float p[] = {0.5f, 0.25f, 0.15f, 0.06f, 0.04f}, flat[] = {0.2f, 0.2f, 0.2f, 0.2f, 0.2f};
    check_case("limit 0.8", "上限 0.8"), nucleus(p, 5, 0.8f);
    check_case("limit 0.3: the first is enough", "上限 0.3：第一个就够"), nucleus(p, 5, 0.3f);
    check_case("limit 0: one stays", "上限 0：留一个"), nucleus(p, 5, 0);
    check_case("an unsure model, limit 0.5", "没把握的模型，上限 0.5"), nucleus(flat, 5, 0.5f);
    check_case("a sure model", "有把握的模型"), nucleus((float[]){0.97f, 0.02f, 0.01f}, 3, 0.95f);
}
