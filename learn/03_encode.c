// title.en: Encoding with merges
// title.zh: 用合并表编码
// minutes: 20
// read: tutorials/tokenizer.c encode_word | src/tokenizer/bpe_encode.c
// hint.en: A merge's place in the list is its rank. Which pair of neighbours has the lowest rank right now?
// hint.zh: 合并在表中的位置就是它的优先级。此刻哪一对相邻 id 的位置最靠前？
// hint.en: Loop: find the lowest k such that some neighbours are merges[k].left and merges[k].right; none: done; else replace that pair.
// hint.zh: 循环：找出最小的 k，使某对相邻 id 等于 merges[k].left 和 merges[k].right；没有就结束，否则替换这一对。
// hint.en: Replacing is exercise 2: copy your merge_pair above this function and call it with to = merges[k].to.
// hint.zh: 替换就是第 2 题：把你的 merge_pair 抄到这个函数上面，用 to = merges[k].to 调用它。
// mistake.en: the leftmost pair was merged first; the pair that was LEARNED first goes first, wherever it stands
// mistake.zh: 先合并了最左边的一对；应当先合并最先学到的一对，不论它在哪里
// mistake.en: the list was read from its end; rank 0, the first merge learned, goes first
// mistake.zh: 合并表是从末尾读的；应当从位置 0（最先学到的合并）开始

// en: The list of merges, in the order in which they were learned, is the tokenizer. To encode a word: while one of its pairs
// en: is in the list, merge the pair that was learned first. Training did it in this order; so does encoding.
// zh: 按学到的先后排列的合并表，就是分词器本身。给一个词编码：只要还有一对在表里，就合并最先学到的那一对。
// zh: 训练时是这个顺序，编码时也一样。
//
//      merges  0: (h, e) -> 256     1: (i, n) -> 257     2: (t, 256) -> 258
//      t h e   ->   t 256   ->   258
//
// en: ids[0 .. n-1] are bytes. Encode them in place; return how many ids are left.
// zh: ids[0 .. n-1] 是字节。就地编码，返回剩下多少个 id。
struct merge {
    int left, right, to;
};

int encode(int *ids, int n, const struct merge *merges, int n_merges)
{
    // en: YOUR TURN
    // zh: 到你了
    return n;
}

// ---- check ----
#include "check.h"
struct merge {
    int left, right, to;
};
int encode(int *ids, int n, const struct merge *merges, int n_merges);

static const struct merge merges[] = {{'h', 'e', 256}, {'i', 'n', 257}, {'t', 256, 258}, {'e', 'r', 259}, {257, 'g', 260},
                                      {'t', 'h', 261}, {'a', 'a', 262}, {262, 262, 263}, {258, 'r', 264}};

static void word(const char *text)
{
    int n = (int)strlen(text), *ids = malloc((size_t)n * sizeof *ids);
    for (int i = 0; i < n; i++) ids[i] = text[i];
    n = encode(ids, n, merges, 9);
    check_number("length|长度", n);
    if (n >= 0 && n <= (int)strlen(text)) check_ints("ids", ids, n);
}

int main(void)
{
    check_case("one merge: \"in\"", "一次合并：“in”"), word("in");
    check_case("nothing to merge: \"xyz\"", "无可合并：“xyz”"), word("xyz");
    check_case("a merge of a merge: \"thing\"", "合并之上的合并：“thing”"), word("thing");
    check_case("the rank decides: \"there\"", "由优先级决定：“there”"), word("there");
    check_case("the lowest rank stands first: \"her\"", "最先学到的恰好在最左：“her”"), word("her");
    check_case("a longer word: \"gathering\"", "更长的词：“gathering”"), word("gathering");
    check_case("equals: \"aaaaaaa\"", "相同的：“aaaaaaa”"), word("aaaaaaa");
}
