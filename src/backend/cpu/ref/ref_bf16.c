/* ref_bf16.c - the bfloat16 kernels in plain C: the definition of the rung avx512_bf16, and what every other rung runs. Never optimized.
 * A dot product of pairs adds the odd product first, then the even one, as vdpbf16ps does; that instruction may round in between. */
#include <math.h>
#include <string.h>

#include "backend/cpu/kernels.h"

static float widen(uint32_t half)
{
    uint32_t bits = half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* To nearest, ties to even. Denormals become zero of their sign, a NaN stays one whatever its low bits are. */
static uint32_t narrow(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (isnan(x)) return bits >> 16 | 0x40u;
    if ((bits & 0x7f800000u) == 0) return bits >> 16 & 0x8000u;
    return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}

static lf_pair pair(float even, float odd) { return narrow(even) | narrow(odd) << 16; }

static void tile16(const lf_tile16 *t)
{
    for (int i = 0; i < t->mr; i++) {
        float acc[LF_PANEL] = {0};
        for (int h = 0; h < 2 && t->init[0]; h++)
            for (int j = 0; j < t->n[h]; j++) acc[h * LF_HALF + j] = t->init[h][i * t->ldinit + j];
        for (int k = 0; k < t->kp; k++) {
            lf_pair a = t->strip ? t->a[k * LF_MR16 + i] : t->a[i * t->a_rs + k];
            for (int j = 0; j < LF_PANEL; j++) {
                lf_pair b = t->b[k * LF_PANEL + j];
                acc[j] = acc[j] + widen(a >> 16) * widen(b >> 16);
                acc[j] = acc[j] + widen(a & 0xffffu) * widen(b & 0xffffu);
            }
        }
        for (int h = 0; h < 2; h++)
            for (int j = 0; j < t->n[h]; j++) t->c[h][i * t->ldc + j] = acc[h * LF_HALF + j];
    }
}

static void pairs(lf_pair *y, const float *x, int n)
{
    for (int i = 0; i < n; i += 2) {
        lf_pair p = pair(x[i], i + 1 < n ? x[i + 1] : 0.0f);
        memcpy(y + i / 2, &p, sizeof p); /* rows of odd width begin between two words */
    }
}

static void widen_all(float *y, const lf_bf16 *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = widen(x[i]);
}

static void pack_rows16(lf_pair *dst, ptrdiff_t distance, const float *src, ptrdiff_t ld, int n, int k)
{
    for (int i = 0; i < k; i += 2)
        for (int j = 0; j < (int)lf__round_up((size_t)n, LF_PANEL); j++)
            dst[j / LF_PANEL * distance + i / 2 * LF_PANEL + j % LF_PANEL] =
                j < n ? pair(src[i * ld + j], i + 1 < k ? src[(i + 1) * ld + j] : 0.0f) : 0;
}

static void pack_strips16(lf_pair *dst, const float *a, ptrdiff_t a_cs, int rows, int kc)
{
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < kc; k += 2)
            dst[i / LF_MR16 * lf__strip_pairs(kc) + k / 2 * LF_MR16 + i % LF_MR16] =
                pair(a[i + k * a_cs], k + 1 < kc ? a[i + (k + 1) * a_cs] : 0.0f);
}

static void pack_transposed16(lf_pair *panel, const float *src, ptrdiff_t ld, int cols, int k)
{
    for (int j = 0; j < cols; j++)
        for (int i = 0; i < k; i += 2) panel[i / 2 * LF_PANEL + j] = pair(src[j * ld + i], i + 1 < k ? src[j * ld + i + 1] : 0.0f);
}

static void pair_rows(lf_pair *dst, ptrdiff_t distance, const lf_bf16 *src, ptrdiff_t ld, int n, int k)
{
    for (int i = 0; i < k; i += 2)
        for (int j = 0; j < (int)lf__round_up((size_t)n, LF_PANEL); j++)
            dst[j / LF_PANEL * distance + i / 2 * LF_PANEL + j % LF_PANEL] =
                j < n ? src[i * ld + j] | (i + 1 < k ? (lf_pair)src[(i + 1) * ld + j] << 16 : 0) : 0;
}

static void pair_strips(lf_pair *dst, const lf_bf16 *a, ptrdiff_t a_cs, int rows, int kc)
{
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < kc; k += 2)
            dst[i / LF_MR16 * lf__strip_pairs(kc) + k / 2 * LF_MR16 + i % LF_MR16] =
                a[i + k * a_cs] | (k + 1 < kc ? (lf_pair)a[i + (k + 1) * a_cs] << 16 : 0);
}

static void softmax16(lf_pair *p, ptrdiff_t ldp, const float *s, ptrdiff_t lds, const int *visible, int rows, int wide, float *m, float *l,
                      float *carry)
{
    for (int r = 0; r < rows; r++, s += lds, p += ldp) {
        float max = m[r];
        double sum = 0.0;
        carry[r] = 1.0f;
        memset(p, 0, (size_t)wide / 2 * sizeof *p);
        if (visible[r] <= 0) continue;
        for (int j = 0; j < visible[r]; j++) max = s[j] > max ? s[j] : max;
        for (int j = 0; j < visible[r]; j++) {
            float e = (float)lf__exp((double)(s[j] - max));
            p[j / 2] |= narrow(e) << (j % 2 ? 16 : 0);
            sum += (double)e;
        }
        carry[r] = (float)lf__exp((double)(m[r] - max));
        l[r] = l[r] * carry[r] + (float)sum;
        m[r] = max;
    }
}

static void softmax_grad16(float *s, float *dp, ptrdiff_t ld, const int *visible, int rows, int wide, const float *lse, const float *delta)
{
    for (int r = 0; r < rows; r++, s += ld, dp += ld) {
        for (int j = 0; j < wide; j++) {
            s[j] = j < visible[r] ? (float)lf__exp((double)(s[j] - lse[r])) : 0.0f;
            dp[j] = j < visible[r] ? s[j] * (dp[j] - delta[r]) : 0.0f;
        }
    }
}

static float dot_loop(int64_t n)
{
    float acc[16] = {0}, sum = 0.0f;
    for (int64_t i = 0; i < n * 24; i++)
        for (int j = 0; j < 16; j++) acc[j] = (acc[j] + 0.5f) + acc[j] * 0.25f;
    for (int j = 0; j < 16; j++) sum += acc[j];
    return sum;
}

void lf__kernels_scalar_bf16(lf_kernels *k)
{
    k->tile16 = tile16;
    k->pairs = pairs;
    k->widen = widen_all;
    k->pack_rows16 = pack_rows16;
    k->pack_strips16 = pack_strips16;
    k->pack_transposed16 = pack_transposed16;
    k->pair_rows = pair_rows;
    k->pair_strips = pair_strips;
    k->softmax16 = softmax16;
    k->softmax_grad16 = softmax_grad16;
    k->dot_loop = dot_loop;
}
