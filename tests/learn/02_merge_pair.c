/* 02_merge_pair.c - "One BPE merge" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th mistake says. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
int merge_pair(int *ids, int n, int left, int right, int to)
{
    int out = 0;
#if MISTAKE == 2 /* pairs from the right; then the list from the left, without what was swallowed */
    for (int i = n - 2; i >= 0; i--)
        if (ids[i] == left && ids[i + 1] == right) ids[i] = to, ids[i + 1] = -1;
    for (int i = 0; i < n; i++)
        if (ids[i] != -1) ids[out++] = ids[i];
    return out;
#endif
    int merged = 0;
    for (int i = 0; i < n; i++)
        if (i + 1 < n && ids[i] == left && ids[i + 1] == right && !(MISTAKE == 3 && merged))
            ids[out++] = to, merged = 1, i += MISTAKE != 1;
        else
            ids[out++] = ids[i];
    return out;
}
