// title.en: Where a key lies in the cache
// title.zh: 键在缓存里的位置
// minutes: 15
// read: tutorials/generate.c forward_cached | src/infer/kv_pool.c
// hint.en: Grouped queries: H query heads share K key heads; H / K neighbours read the same one.
// hint.zh: 分组查询：H 个查询头共用 K 个键头；相邻的 H / K 个读同一个。
// hint.en: The key head is query_head / (H / K). In an array [T, K, D], element (t, k, d) is number (t * K + k) * D + d.
// hint.zh: 键头是 query_head / (H / K)。在数组 [T, K, D] 里，元素 (t, k, d) 的编号是 (t * K + k) * D + d。
// hint.en: Layers first: return ((long)layer * c.T + position) * c.K * c.D + (query_head / (c.H / c.K)) * c.D + d;
// hint.zh: 最外面是层：return ((long)layer * c.T + position) * c.K * c.D + (query_head / (c.H / c.K)) * c.D + d;
// mistake.en: neighbours share a key head: query_head / (H / K), not query_head % K
// mistake.zh: 相邻的查询头共用一个键头：query_head / (H / K)，不是 query_head % K
// mistake.en: that is the layout [K, T, D]; here a position's heads lie together: [T, K, D]
// mistake.zh: 那是 [K, T, D] 的布局；这里同一位置的各个头放在一起：[T, K, D]
// mistake.en: the cache has K heads, not H: the query's head must become a key head first
// mistake.zh: 缓存里是 K 个头，不是 H 个：先把查询头换算成键头

// en: Attention looks back only, so keys and values of the past never change: they are kept. Ainslie et al. 2023: several query heads
// en: share one key head, which makes the cache smaller by H / K.
// zh: 注意力只向后看，所以过去的键和值不会再变：把它们留下来。Ainslie et al. 2023：几个查询头共用一个键头，缓存缩小为 K / H。
//
// en:      keys  [L, T, K, D]           H = 4, K = 2:   query heads 0 1 | 2 3
// en:                                                   key heads     0 |  1
// zh:      keys  [L, T, K, D]           H = 4, K = 2:   查询头 0 1 | 2 3
// zh:                                                   键头     0 |  1
//
// en: Number d of the key that query_head of `layer` reads at `position`: which element of the one long array is it?
// zh: 第 layer 层的 query_head 在 position 处读的键，它的第 d 个数是这个长数组的第几个元素？
struct cache {
    int T, H, K, D;
};

long kv_index(struct cache c, int layer, int position, int query_head, int d)
{
    // en: YOUR TURN
    // zh: 到你了
    return 0;
}

// ---- check ----
#include "check.h"
struct cache {
    int T, H, K, D;
};
long kv_index(struct cache c, int layer, int position, int query_head, int d);

static void look(struct cache c, int layer, int position, int query_head, int d)
{
    char name[64];
    snprintf(name, sizeof name, "layer %d, position %d, query head %d, d %d", layer, position, query_head, d);
    for (char *p = name; *p; p++) *p = *p == ' ' ? '_' : *p;
    check_number(name, (double)kv_index(c, layer, position, query_head, d));
}

int main(void)
{
    struct cache small = {.T = 6, .H = 4, .K = 2, .D = 3}, plain = {.T = 5, .H = 3, .K = 3, .D = 2}, one = {.T = 4, .H = 4, .K = 1, .D = 2};
    check_case("the first number of all", "第一个数"), look(small, 0, 0, 0, 0);
    check_case("positions and elements", "位置与元素"), look(small, 0, 1, 0, 0), look(small, 0, 5, 0, 2);
    check_case("four query heads, two key heads", "四个查询头，两个键头");
    for (int h = 0; h < 4; h++) look(small, 0, 2, h, 1);
    check_case("a head of keys for each query head", "每个查询头各有键头"), look(plain, 0, 3, 2, 1);
    check_case("one head of keys for all", "共用一个键头"), look(one, 0, 3, 3, 1);
    check_case("the third layer", "第三层"), look(small, 2, 4, 3, 1);
}
