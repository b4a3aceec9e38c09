/* ref_quant.c - products with quantized weights in plain C: the definition, to the last bit, of what every rung computes. Never
 * optimized. */
#include <math.h>
#include <string.h>

#include "backend/cpu/kernels.h"

static float half(const uint8_t *p)
{
    float x;
    lf__dtype(LF_F16)->to_float(&x, p, 1);
    return x;
}

/* w of column j of half h, k of the block. */
static int weight(lf_dtype type, const lf_qblock *b, int h, int j, int k)
{
    int line = k / 4, byte = 4 * j + k % 4;
    if (type == LF_Q8_0) return b->w[(h * 8 + line) * 64 + byte];
    int nibble = b->w[(h * 4 + line % 4) * 64 + byte] >> (line / 4 * 4) & 15;
    if (type == LF_IQ4_NL) return lf__iq4nl_bytes[nibble];
    if (type == LF_Q5_K) return nibble | (b->high[h * 64 + byte] >> line & 1) << 4;
    if (type == LF_Q6_K) return nibble | (b->high[(h * 2 + line / 4) * 64 + byte] >> (line % 4 * 2) & 3) << 4;
    return nibble;
}

/* Column j of half h: scale of the block, or of its part `sub` of 16 k. */
static float scale(lf_dtype type, const lf_qblock *b, int sub, int h, int j)
{
    int at = h * LF_HALF + j;
    if (lf__qtypes[type].unit == LF_QBLOCK) return half(b->scale + 2 * at);
    if (type == LF_Q6_K) return half(b->d + 2 * at) * (float)(int8_t)b->scale[sub * LF_PANEL + at];
    return half(b->d + 2 * at) * (float)b->scale[at];
}

static void qopen(lf_dtype type, lf_qopen *out, const void *packed, int blocks)
{
    const lf_qtype *t = &lf__qtypes[type];
    for (int i = 0; i < blocks; i++, out++) {
        lf_qblock b = lf__qblock(type, packed, i);
        for (int h = 0; h < 2; h++)
            for (int j = 0; j < LF_HALF; j++) {
                for (int k = 0; k < LF_QBLOCK; k++) out->w[k / 4][h][4 * j + k % 4] = (uint8_t)weight(type, &b, h, j, k);
                for (int sub = 0; sub < t->subs; sub++) out->scale[sub][h][j] = scale(type, &b, sub, h, j);
                if (t->min) out->min[h][j] = half(b.dmin + 2 * (h * LF_HALF + j)) * (float)b.min[h * LF_HALF + j];
            }
    }
}

/* One element of C. */
static float chain(lf_dtype type, float c, const lf_qact *a, ptrdiff_t distance, const lf_qopen *b, int blocks, int h, int j)
{
    const lf_qtype *t = &lf__qtypes[type];
    float unit = 0.0f;
    for (int i = 1; i <= blocks; i++, a += distance, b++) {
        for (int sub = 0, k = 0; sub < t->subs; sub++) {
            int32_t sum = a->start[sub];
            for (; k < LF_QBLOCK / t->subs * (sub + 1); k++) sum += b->w[k / 4][h][4 * j + k % 4] * a->q[k];
            unit = fmaf((float)sum, b->scale[sub][h][j], unit);
        }
        if (t->min) unit = fmaf(-b->min[h][j], a->sum, unit);
        if (i % lf__unit_blocks(type)) continue;
        c = fmaf(unit, a->d, c);
        unit = 0.0f;
    }
    return c;
}

static void qtile(lf_dtype type, const lf_qtile *t)
{
    for (int i = 0; i < t->mr; i++)
        for (int h = 0; h < 2; h++)
            for (int j = 0; j < t->n[h]; j++) {
                float c = t->init[h] ? t->init[h][i * t->ldinit + j] : 0.0f;
                t->c[h][i * t->ldc + j] = chain(type, c, t->a + i, t->mr, t->b, t->blocks, h, j);
            }
}

/* d = max |x| / 127, q = x 127 / max |x| to the nearest whole number, ties to even. Next to nothing becomes zero; what is not finite makes
 * d a NaN, and with it every sum. */
static void qact(lf_qact *out, ptrdiff_t distance, const float *x, int blocks, lf_dtype type)
{
    const lf_qtype *t = &lf__qtypes[type];
    for (int i = 0; i < blocks; i += lf__unit_blocks(type)) {
        float most = 0.0f;
        bool finite = true;
        for (int k = 0; k < t->unit; k++) finite &= isfinite(x[k]) != 0, most = fabsf(x[k]) > most ? fabsf(x[k]) : most;
        bool some = finite && most >= LF_QACT_LEAST;
        float inverse = some ? 127.0f / most : 0.0f;
        for (int n = 0; n < lf__unit_blocks(type); n++, out += distance, x += LF_QBLOCK) {
            int32_t sum[2] = {0, 0};
            for (int k = 0; k < LF_QBLOCK; k++) {
                out->q[k] = some ? (int8_t)lrintf(x[k] * inverse) : 0;
                sum[k / 16] += out->q[k];
            }
            out->d = some ? most / 127.0f : finite ? 0.0f : NAN;
            out->sum = (float)(sum[0] + sum[1]);
            out->start[0] = -t->zero * (t->subs == 1 ? sum[0] + sum[1] : sum[0]);
            out->start[1] = -t->zero * sum[1];
        }
    }
}

void lf__kernels_scalar_quant(lf_kernels *k)
{
    k->qact = qact;
    k->qopen = qopen;
    k->qtile = qtile;
}
