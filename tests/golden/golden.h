/* golden.h - vectors from an independent float64 oracle, and how a test compares with them. */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"
#include "model/model.h"

#define GOLDEN TESTS_DIR "/golden/data/"

static inline lf_safetensors golden_open(const char *path)
{
    lf_error err = {0};
    lf_safetensors st;
    if (lf__safetensors_open(&st, path, &err)) fail_msg("%s", err.message);
    return st;
}

static inline const void *golden_get(const lf_safetensors *st, const char *name, size_t *count)
{
    const lf_file_tensor *t = lf__safetensors_find(st, name);
    if (!t) fail_msg("no golden tensor %s", name);
    if (count) *count = t->bytes / 4;
    return t->data;
}

/* max |a - b| / max |b| */
static inline double relative_error(const float *a, const float *b, size_t n)
{
    double worst = 0, largest = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= worst)) worst = d;
        largest = fmax(largest, fabs((double)b[i]));
    }
    return largest > 0 ? worst / largest : worst;
}

/* |a - b| / |b|, Frobenius */
static inline double relative_norm(const float *a, const float *b, size_t n)
{
    double d = 0, s = 0;
    for (size_t i = 0; i < n; i++) {
        double e = (double)a[i] - (double)b[i];
        d += e * e, s += (double)b[i] * (double)b[i];
    }
    return s > 0 ? sqrt(d / s) : sqrt(d);
}

static inline lf_device *golden_device(const char *isa, int threads)
{
    lf_error err = {0};
    lf_device_options options = {.threads = threads, .isa = isa};
    lf_device *dev = lf_device_open(&options, &err);
    if (!dev) fail_msg("%s", err.message);
    return dev;
}

/* The rungs that this machine can run. */
static inline int golden_rungs(const char *out[8])
{
    int n = 0;
    for (const char *const *isa = lf_isa_list(); *isa; isa++)
        if (lf_isa_supported(*isa)) out[n++] = *isa;
    return n;
}

/* A model for training with the weights of a golden folder. */
static inline lf_model *golden_model_of(lf_device *dev, const char *dir, lf_dtype products)
{
    lf_error err = {0};
    static lf_config config;
    char path[LF_PATH_MAX];
    lf_config_init(&config);
    snprintf(path, sizeof path, "%s/config.json", dir);
    if (lf_config_load(&config, path, &err)) fail_msg("%s", err.message);
    lf_model *m = lf__model_alloc(dev, &config.model, true, products, false, &err);
    if (!m || lf__model_read(m, dir, &err)) fail_msg("%s", err.message);
    lf__model_pack(m);
    return m;
}
static inline lf_model *golden_model(lf_device *dev, const char *dir) { return golden_model_of(dev, dir, LF_F32); }

/* B rows of T tokens (or packed documents) of an io file as a ragged batch. Free batch_memory. */
typedef struct golden_batch {
    lf_batch batch;
    int32_t *positions, *seq_start, *targets;
} golden_batch;

static inline golden_batch golden_batch_make(const int32_t *tokens, const int32_t *targets, int b, int t, const int32_t *cu, int n_cu)
{
    golden_batch g = {0};
    int n = b * t, scored = 0;
    g.positions = calloc((size_t)n, 4), g.seq_start = calloc((size_t)n + 1, 4), g.targets = calloc((size_t)n, 4);
    int n_seqs = cu ? n_cu - 1 : b;
    for (int s = 0; s <= n_seqs; s++) g.seq_start[s] = cu ? cu[s] : s * t;
    for (int s = 0; s < n_seqs; s++)
        for (int i = g.seq_start[s]; i < g.seq_start[s + 1]; i++) g.positions[i] = i - g.seq_start[s];
    for (int i = 0; i < n; i++) {
        g.targets[i] = targets[i] < 0 ? -1 : targets[i];
        scored += g.targets[i] >= 0;
    }
    g.batch = (lf_batch){.n_tokens = n,
                         .n_seqs = n_seqs,
                         .tokens = tokens,
                         .positions = g.positions,
                         .seq_start = g.seq_start,
                         .targets = g.targets,
                         .loss_scale = 1.0f / (float)scored};
    return g;
}

static inline void golden_batch_free(golden_batch *g)
{
    free(g->positions);
    free(g->seq_start);
    free(g->targets);
}

#endif
