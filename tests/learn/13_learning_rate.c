/* 13_learning_rate.c - "Warm-up and cosine" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th mistake
 * says. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#include <math.h>

float learning_rate(int t, int steps, int warmup, float peak, float low)
{
    if (t <= warmup) return peak * (float)t / (float)warmup;
    float part = (float)(t - warmup) / (float)(steps - warmup);
    if (MISTAKE == 1) part = (float)t / (float)steps;
    if (MISTAKE == 2) low = 0;
    if (MISTAKE == 3) return peak + (low - peak) * part;
    if (MISTAKE == 4) part = (float)((t - warmup) / (steps - warmup));
    return low + (peak - low) * 0.5f * (1 + cosf(3.14159265f * part));
}
