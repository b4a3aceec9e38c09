/* ref_kv.c - opening blocks of keys and values in plain C: the definition. Never optimized. A byte times its scale is exact in float. */
#include <string.h>

#include "backend/cpu/kernels.h"

/* What line i, column j, half h of a panel is as a float. */
static float half_of(lf_pair pair, int h)
{
    uint32_t bits = h ? pair & 0xffff0000u : pair << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static float key_of(const uint16_t *scale, const int8_t *bytes, int i, int j, int h)
{
    return (float)bytes[(i * LF_PANEL + j) * 2 + h] * lf__f16_to_f32(scale[i / LF_HALF * LF_PANEL + j]);
}
static float value_of(const uint16_t *scale, const int8_t *bytes, int i, int j, int h)
{
    return (float)bytes[(i * LF_PANEL + j) * 2 + h] * lf__f16_to_f32(scale[2 * i + h]);
}

static void kv_widen(float *panel, const lf_pair *src, int lines)
{
    for (int i = 0; i < 2 * lines * LF_PANEL; i++) panel[i] = half_of(src[i / (2 * LF_PANEL) * LF_PANEL + i % LF_PANEL], i / LF_PANEL % 2);
}

static void kv_keys(float *panel, const uint16_t *scale, const int8_t *bytes, int lines)
{
    for (int i = 0; i < 2 * lines * LF_PANEL; i++) panel[i] = key_of(scale, bytes, i / (2 * LF_PANEL), i % LF_PANEL, i / LF_PANEL % 2);
}

static void kv_values(float *panel, const uint16_t *scale, const int8_t *bytes, int lines)
{
    for (int i = 0; i < 2 * lines * LF_PANEL; i++) panel[i] = value_of(scale, bytes, i / (2 * LF_PANEL), i % LF_PANEL, i / LF_PANEL % 2);
}

static lf_pair pair(float even, float odd) { return lf__f32_to_bf16(even) | (lf_pair)lf__f32_to_bf16(odd) << 16; }

static void kv_keys16(lf_pair *panel, const uint16_t *scale, const int8_t *bytes, int lines)
{
    for (int i = 0; i < lines; i++)
        for (int j = 0; j < LF_PANEL; j++) *panel++ = pair(key_of(scale, bytes, i, j, 0), key_of(scale, bytes, i, j, 1));
}

static void kv_values16(lf_pair *panel, const uint16_t *scale, const int8_t *bytes, int lines)
{
    for (int i = 0; i < lines; i++)
        for (int j = 0; j < LF_PANEL; j++) *panel++ = pair(value_of(scale, bytes, i, j, 0), value_of(scale, bytes, i, j, 1));
}

void lf__kernels_scalar_kv(lf_kernels *k)
{
    k->kv_widen = kv_widen;
    k->kv_keys = kv_keys;
    k->kv_values = kv_values;
    k->kv_keys16 = kv_keys16;
    k->kv_values16 = kv_values16;
}
