/* 15_top_p.c - "Top-p, the nucleus" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th mistake says. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
int top_p(float *p, int n, float limit)
{
    float sum = 0;
    int keep = 0;
    if (MISTAKE == 3)
        while (keep < n && p[keep] > limit) sum += p[keep++];
    else
        while (keep < n && sum < limit && (MISTAKE != 1 || sum + p[keep] <= limit)) sum += p[keep++];
    if (keep == 0) sum = p[0], keep = 1;
    for (int i = 0; i < keep && MISTAKE != 2; i++) p[i] /= sum;
    return keep;
}
