/* 16_kv_index.c - "Where a key lies in the cache" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th
 * mistake says. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
struct cache {
    int T, H, K, D;
};

long kv_index(struct cache c, int layer, int position, int query_head, int d)
{
    int head = MISTAKE == 1 ? query_head % c.K : MISTAKE == 3 ? query_head : query_head / (c.H / c.K);
    if (MISTAKE == 2) return (((long)layer * c.K + head) * c.T + position) * c.D + d;
    return (((long)layer * c.T + position) * c.K + head) * c.D + d;
}
