// title.en: Eight bits a weight
// title.zh: 每个权重八位
// minutes: 20
// read: tutorials/quantize.c quantize_block | src/tensor/quantize.c
// hint.en: Block by block: first the largest absolute value, then d, then the integers. The last block may be shorter.
// hint.zh: 一块一块来：先求绝对值最大的，再求 d，再求整数。最后一块可能不满。
// hint.en: q = lrintf(x / d) rounds to the nearest; a cast to int would cut towards zero. A block of zeros has d = 0: do not divide.
// hint.zh: q = lrintf(x / d) 取最近的整数；转换成 int 会向零截断。全零的块 d = 0：不要做除法。
// hint.en: for (int b = 0; b < n; b += 32) { int m = n - b < 32 ? n - b : 32; ... d[b / 32] = largest / 127; ... }
// hint.zh: for (int b = 0; b < n; b += 32) { int m = n - b < 32 ? n - b : 32; ... d[b / 32] = largest / 127; ... }
// mistake.en: cut towards zero; rounding to the nearest halves the error (lrintf)
// mistake.zh: 向零截断了；取最近的整数误差减半（lrintf）
// mistake.en: the largest ABSOLUTE value decides: -9 is larger than 3
// mistake.zh: 由绝对值最大的决定：-9 比 3 大
// mistake.en: one scale for the whole row; every block of 32 has its own
// mistake.zh: 整行只用了一个缩放；每 32 个一块，各有自己的

// en: A token cannot come sooner than all weights come from memory; so smaller weights are faster weights. Blocks of 32 share a scale:
// zh: 所有权重都要从内存读一遍才能得到一个词元，所以权重越小越快。每 32 个一块，共用一个缩放：
//
// en:      d = largest |x| of the block / 127          q = round(x / d)          x is about d q
// zh:      d = 块内最大的 |x| / 127          q = round(x / d)          x 约等于 d q
//
// en: x [n] becomes q [n] and d [(n + 31) / 32]. A block of zeros: d = 0 and q = 0. lrintf rounds, fabsf is the absolute value.
// zh: x [n] 变成 q [n] 和 d [(n + 31) / 32]。全零的块：d = 0，q = 0。lrintf 取整，fabsf 求绝对值。
#include <math.h>

void quantize_row(signed char *q, float *d, const float *x, int n)
{
    // en: YOUR TURN
    // zh: 到你了
}

// ---- check ----
#include "check.h"
void quantize_row(signed char *q, float *d, const float *x, int n);

static void row(const float *x, int n)
{
    int blocks = (n + 31) / 32, *shown = malloc((size_t)n * sizeof *shown);
    signed char *q = calloc((size_t)n, 1);
    float *d = check_filled(blocks, NAN);
    quantize_row(q, d, x, n);
    for (int i = 0; i < n; i++) shown[i] = q[i];
    check_floats("d", d, 1, blocks), check_ints("q", shown, n);
}

int main(void)
{
    static const float four[] = {0.031f, -0.120f, 0.007f, 0.064f};
    float *quiet = check_random(1, 96, 1);
    for (int i = 0; i < 32; i++) quiet[32 + i] *= 0.01f;
    check_case("four numbers", "四个数"), row(four, 4);
    check_case("zeros", "全零"), row(check_filled(32, 0), 32);
    check_case("three blocks, the second a hundred times smaller", "三块，第二块小一百倍"), row(quiet, 96);
    check_case("40 numbers: the last block is short", "40 个数：最后一块不满"), row(check_random(2, 40, 3), 40);
}
