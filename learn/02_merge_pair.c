// title.en: One BPE merge
// title.zh: 一次 BPE 合并
// minutes: 10
// read: tutorials/tokenizer.c replace_pair | src/tokenizer/bpe_train.c
// hint.en: Keep two places: i reads, out writes. out never overtakes i, so the list can be changed where it lies.
// hint.zh: 用两个位置：i 负责读，out 负责写。out 永远不会超过 i，所以可以就地修改。
// hint.en: At i: if ids[i] is left and ids[i + 1] is right, write `to` and step over both; else copy ids[i].
// hint.zh: 在 i 处：若 ids[i] 是 left 且 ids[i + 1] 是 right，就写入 to 并跨过两个；否则照抄 ids[i]。
// hint.en: for (int i = 0; i < n; i++) if (i + 1 < n && ids[i] == left && ids[i + 1] == right) ids[out++] = to, i++; else ...
// hint.zh: for (int i = 0; i < n; i++) if (i + 1 < n && ids[i] == left && ids[i + 1] == right) ids[out++] = to, i++; else ...
// mistake.en: the right half of a pair is still there: after a merge, step over both
// mistake.zh: 一对里右边的那个还在：合并之后要跨过两个
// mistake.en: of three equal ids in a row the FIRST two are the pair: read from the left
// mistake.zh: 三个相同的 id 连在一起时，前两个才是一对：要从左往右读
// mistake.en: one pair was replaced; every one of them should be
// mistake.zh: 只替换了一对；应当全部替换

// en: Byte-pair encoding does one thing again and again: it replaces a pair of neighbours by a new id.
// zh: 字节对编码反复做同一件事：把相邻的一对替换成一个新的 id。
//
//      l o w _ l o w e r        (o, w) -> 256        l 256 _ l 256 e r
//
// en: Replace every (left, right) in ids[0 .. n-1] by `to`, in place, from left to right. Return the new length.
// en: In "a a a" the first two are the pair; what was merged takes no part in the next pair.
// zh: 从左到右，就地把 ids[0 .. n-1] 里每个 (left, right) 换成 to，返回新的长度。
// zh: 在 “a a a” 里，前两个是一对；刚合并出来的不再参与下一对。
int merge_pair(int *ids, int n, int left, int right, int to)
{
    // en: YOUR TURN
    // zh: 到你了
    return n;
}

// ---- check ----
#include "check.h"
int merge_pair(int *ids, int n, int left, int right, int to);

static void merge(const char *text, int left, int right)
{
    int n = (int)strlen(text), *ids = malloc((size_t)n * sizeof *ids);
    for (int i = 0; i < n; i++) ids[i] = text[i];
    n = merge_pair(ids, n, left, right, 256);
    check_number("length|长度", n);
    if (n >= 0 && n <= (int)strlen(text)) check_ints("ids", ids, n);
}

int main(void)
{
    check_case("(o, w) in \"low_lower\"", "“low_lower” 里的 (o, w)"), merge("low_lower", 'o', 'w');
    check_case("a pair that is not there", "不存在的一对"), merge("hello", 'x', 'y');
    check_case("the pair at the end", "在末尾的一对"), merge("blow", 'o', 'w');
    check_case("the left half at the end", "末尾只有左半"), merge("hello", 'o', 'w');
    check_case("a pair of equals: \"aaaaa\"", "两个相同的：“aaaaa”"), merge("aaaaa", 'a', 'a');
}
