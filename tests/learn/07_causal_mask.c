/* 07_causal_mask.c - "The causal mask" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th mistake says. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#include <math.h>

void mask_future(float *scores, int Tq, int Tk)
{
    for (int i = 0; i < Tq; i++)
        for (int j = 0; j < Tk; j++) {
            int position = MISTAKE == 2 ? i : Tk - Tq + i;
            if (MISTAKE == 1 ? j >= position : MISTAKE == 3 ? j < position : j > position) scores[i * Tk + j] = -INFINITY;
        }
}
