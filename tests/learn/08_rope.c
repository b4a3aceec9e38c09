/* 08_rope.c - "RoPE: positions as rotations" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th mistake
 * says. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#include <math.h>

void rope(float *x, int D, int position, float theta)
{
    for (int i = 0; i < D / 2; i++) {
        float angle = (float)position * powf(theta, (MISTAKE == 3 ? -1.0f : -2.0f) * (float)i / (float)D);
        float cosine = cosf(angle), sine = MISTAKE == 4 ? -sinf(angle) : sinf(angle);
        float *first = MISTAKE == 1 ? x + 2 * i : x + i, *second = MISTAKE == 1 ? first + 1 : x + i + D / 2;
        float a = *first, b = *second;
        *first = a * cosine - b * sine;
        if (MISTAKE == 2) a = *first;
        *second = a * sine + b * cosine;
    }
}
