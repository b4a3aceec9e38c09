/* cpu_kv.c - keys and values on their way into blocks (backend.h draws them) and out again. Not attention itself (cpu_attention.c). Workers
 * own rows. */
#include <math.h>
#include <string.h>

#include "backend/cpu/kernels.h"

typedef struct kv_job {
    const lf_kernels *kernels;
    const lf_kv_rows *rows;
} kv_job;

/* 32 neighbours (fewer at the end of a row) -> bytes `distance` apart and their scale, as ggml's Q8_0 has them. What is not finite makes
 * the scale NaN: it stays where it is and is not hidden. */
static uint16_t bytes_of(int8_t *out, ptrdiff_t distance, const float *x, int n)
{
    float most = 0.0f, watch = 0.0f;
    for (int i = 0; i < n; i++) {
        float size = fabsf(x[i]);
        most = size > most ? size : most;
        watch += x[i] * 0.0f; /* NaN when one is not finite */
    }
    float scale = most / 127.0f, inverse = scale > 0.0f ? 1.0f / scale : 0.0f;
    bool broken = watch != 0.0f || !isfinite(inverse);
    for (int i = 0; i < n; i++) {
        float v = broken ? 0.0f : x[i] * inverse, size = fabsf(v) + 0.5f;
        int level = size < 128.0f ? (int)size : 127;
        out[i / 2 * distance + i % 2] = (int8_t)(v < 0.0f ? -level : level);
    }
    return lf__f32_to_f16(watch != 0.0f ? NAN : broken ? 0.0f : scale);
}

/* One key of d elements becomes column `at` of its block: pairs of neighbours are LF_PANEL pairs apart. */
static void write_key_bytes(unsigned char *block, const float *x, int d, int at)
{
    int scales = lf__kv_scales(d), column = at % LF_PANEL;
    uint16_t *scale = (uint16_t *)(void *)(block + at / LF_PANEL * (lf__kv_k_bytes(LF_Q8_0, d) / 2)) + column;
    int8_t *byte = (int8_t *)(scale - column + scales * LF_PANEL) + 2 * column;
    for (int i = 0; i < scales; i++, scale += LF_PANEL, byte += LF_PANEL * LF_PANEL)
        *scale = bytes_of(byte, 2 * LF_PANEL, x + i * LF_PANEL, LF_MIN(LF_PANEL, d - i * LF_PANEL));
}

/* One value becomes row `at` of its block: neighbours lie one pair apart, the other half of each pair belongs to at ^ 1. */
static void write_value_bytes(unsigned char *values, const float *x, int d, int at)
{
    int8_t row[LF_PANEL] = {0};
    for (int c = 0; c < d; c += LF_PANEL, values += LF_KV_BLOCK * (2 + LF_PANEL)) {
        int n = LF_MIN(LF_PANEL, d - c);
        ((uint16_t *)(void *)values)[at] = bytes_of(row, 2, x + c, n);
        int8_t *to = (int8_t *)values + 2 * LF_KV_BLOCK + at / 2 * 2 * LF_PANEL + at % 2;
        for (int i = 0; i < n; i++) to[2 * i] = row[i];
    }
}

static void write_value_halves(const lf_kernels *k, lf_bf16 *values, const float *x, int d, int at)
{
    lf_bf16 row[LF_PANEL];
    for (int c = 0; c < d; c += LF_PANEL, values += LF_KV_BLOCK * LF_PANEL) {
        int n = LF_MIN(LF_PANEL, d - c);
        lf__narrow(k, row, x + c, n);
        lf_bf16 *to = values + at / 2 * 2 * LF_PANEL + at % 2;
        for (int i = 0; i < n; i++) to[2 * i] = row[i];
    }
}

static void write_key_float16(uint16_t *column, const float *x, int d)
{
    for (int i = 0; i < d; i++) column[i * LF_PANEL] = lf__f32_to_f16(x[i]);
}

static void write_value_float16(uint16_t *values, const float *x, int d, int at)
{
    for (int c = 0; c < d; c += LF_PANEL, values += LF_KV_BLOCK * LF_PANEL)
        for (int i = 0; i < LF_MIN(LF_PANEL, d - c); i++) values[at * LF_PANEL + i] = lf__f32_to_f16(x[c + i]);
}

static void write_value_floats(float *values, const float *x, int d, int at)
{
    for (int c = 0; c < d; c += LF_PANEL, values += LF_KV_BLOCK * LF_PANEL)
        memcpy(values + at * LF_PANEL, x + c, (size_t)LF_MIN(LF_PANEL, d - c) * sizeof(float));
}

/* Rows of one sequence that fall into one panel of keys: cols consecutive positions from `position` on. */
static void write_rows(const kv_job *j, int row, int cols, int seq, int position)
{
    const lf_kv_rows *r = j->rows;
    int d = r->head_dim, at = position % LF_KV_BLOCK, column = at % LF_PANEL;
    unsigned char *block = r->blocks[r->seq_block[seq] + position / LF_KV_BLOCK];
    for (int h = 0; h < r->n_kv_heads; h++, block += lf__kv_head_bytes(r->type, d)) {
        const float *k = r->k + row * r->ld + h * d, *v = r->v + row * r->ld + h * d;
        void *panel = block + at / LF_PANEL * (lf__kv_k_bytes(r->type, d) / 2), *values = block + lf__kv_k_bytes(r->type, d);
        if (r->type == LF_F32) j->kernels->pack_transposed((float *)panel + column, k, r->ld, cols, d);
        if (r->type == LF_BF16) j->kernels->pack_transposed16((lf_pair *)panel + column, k, r->ld, cols, d);
        for (int i = 0; i < cols; i++, k += r->ld, v += r->ld) {
            if (r->type == LF_F32) write_value_floats(values, v, d, at + i);
            if (r->type == LF_F16) write_key_float16((uint16_t *)panel + column + i, k, d), write_value_float16(values, v, d, at + i);
            if (r->type == LF_BF16) write_value_halves(j->kernels, values, v, d, at + i);
            if (r->type == LF_Q8_0) write_key_bytes(block, k, d, at + i), write_value_bytes(values, v, d, at + i);
        }
    }
}

static void kv_worker(void *arg, int tid, int n_threads)
{
    const kv_job *j = arg;
    const lf_kv_rows *r = j->rows;
    int64_t lo, hi;
    lf__split(r->seq_start[r->n_seqs], 1, tid, n_threads, &lo, &hi);
    for (int s = 0; s < r->n_seqs; s++) {
        int row = LF_MAX(r->seq_start[s], (int)lo), end = LF_MIN(r->seq_start[s + 1], (int)hi);
        while (row < end) {
            int position = r->positions[row], cols = LF_MIN(end - row, LF_PANEL - position % LF_PANEL);
            write_rows(j, row, cols, s, position);
            row += cols;
        }
    }
}

void lf__cpu_kv_write(lf_device *dev, const lf_kv_rows *rows)
{
    kv_job job = {dev->kernels, rows};
    lf__cpu_run(dev, kv_worker, &job, 2.0 * rows->seq_start[rows->n_seqs] * rows->n_kv_heads * rows->head_dim);
}

/* ---- reading: what a product wants of a block ------------------------------------------------------------------------------------ */
static bool as_it_lies(lf_dtype type, bool pairs) { return type == LF_F32 || type == LF_F16 || (type == LF_BF16 && pairs); }

size_t lf__kv_open_bytes(const lf_kernels *k, lf_dtype type, int head_dim)
{
    bool pairs = lf__kv_pairs(k, type);
    if (as_it_lies(type, pairs)) return 0;
    size_t keys = 2 * (size_t)lf__pairs(head_dim), values = (size_t)lf__kv_scales(head_dim) * LF_PANEL;
    return LF_KV_BLOCK * LF_MAX(keys, values) * (pairs ? 2 : 4);
}

lf_kv_panels lf__kv_keys(const lf_kernels *k, lf_dtype type, const unsigned char *block, int d, void *room)
{
    bool pairs = lf__kv_pairs(k, type);
    int lines = lf__pairs(d), scales = lf__kv_scales(d);
    size_t panel = lf__kv_k_bytes(type, d) / 2, opened = (size_t)lines * LF_PANEL * (pairs ? 4 : 8);
    if (as_it_lies(type, pairs)) return (lf_kv_panels){block, panel, pairs ? lines : d, type == LF_F16};
    for (int p = 0; p < 2; p++, block += panel) {
        void *to = (char *)room + (size_t)p * opened;
        const uint16_t *scale = (const void *)block;
        const int8_t *bytes = (const int8_t *)(scale + scales * LF_PANEL);
        if (type == LF_BF16)
            k->kv_widen(to, (const void *)block, lines);
        else if (pairs)
            k->kv_keys16(to, scale, bytes, lines);
        else
            k->kv_keys(to, scale, bytes, lines);
    }
    return (lf_kv_panels){room, opened, pairs ? lines : d, false};
}

lf_kv_panels lf__kv_values(const lf_kernels *k, lf_dtype type, const unsigned char *block, int d, void *room)
{
    enum { LINES = LF_KV_BLOCK / 2 };
    bool pairs = lf__kv_pairs(k, type);
    int panels = lf__kv_scales(d);
    size_t panel = lf__kv_v_bytes(type, d) / (size_t)panels, opened = (size_t)LINES * LF_PANEL * (pairs ? 4 : 8);
    block += lf__kv_k_bytes(type, d);
    if (as_it_lies(type, pairs)) return (lf_kv_panels){block, panel, 0, type == LF_F16};
    for (int p = 0; p < panels; p++, block += panel) {
        void *to = (char *)room + (size_t)p * opened;
        const uint16_t *scale = (const void *)block;
        const int8_t *bytes = (const int8_t *)(scale + LF_KV_BLOCK);
        if (type == LF_BF16)
            k->kv_widen(to, (const void *)block, LINES);
        else if (pairs)
            k->kv_values16(to, scale, bytes, LINES);
        else
            k->kv_values(to, scale, bytes, LINES);
    }
    return (lf_kv_panels){room, opened, 0, false};
}
