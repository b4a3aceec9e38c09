/* 03_encode.c - "Encoding with merges" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th mistake says. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
struct merge {
    int left, right, to;
};

static int merge_pair(int *ids, int n, int left, int right, int to)
{
    int out = 0;
    for (int i = 0; i < n; i++)
        if (i + 1 < n && ids[i] == left && ids[i + 1] == right)
            ids[out++] = to, i++;
        else
            ids[out++] = ids[i];
    return out;
}

int encode(int *ids, int n, const struct merge *merges, int n_merges)
{
    for (;;) {
        int best = -1;
        for (int i = 0; i + 1 < n; i++)
            for (int k = 0; k < n_merges; k++) {
                if (merges[k].left != ids[i] || merges[k].right != ids[i + 1]) continue;
                if (best < 0 || (MISTAKE != 1 && (MISTAKE == 2 ? k > best : k < best))) best = k;
            }
        if (best < 0) return n;
        n = merge_pair(ids, n, merges[best].left, merges[best].right, merges[best].to);
    }
}
