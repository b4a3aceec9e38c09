/* identity.c - two models in one number: are they the same? Over every byte that a model computes with, so that one changed weight is
 * another model; by the device's pool, 0.13 s a gigabyte and thread. Owns nothing; one model at a time.
 *
 * What lies in the arena depends on the instruction set, too (panels): equal numbers mean something on one rung alone. */
#include "model/model.h"

#include "model/config_table.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 4 << 20 };

typedef struct hash_job {
    const uint8_t *bytes;
    size_t n;
    uint64_t *hashes; /* one for each chunk */
} hash_job;

static void hash_part(void *arg, int tid, int n_threads)
{
    const hash_job *job = arg;
    int64_t lo, hi;
    lf__split((int64_t)((job->n + CHUNK - 1) / CHUNK), 1, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        size_t at = (size_t)i * CHUNK;
        job->hashes[i] = lf__hash64(job->bytes + at, LF_MIN((size_t)CHUNK, job->n - at), (uint64_t)i);
    }
}

int lf__model_hash(uint64_t *hash, const lf_model *m, lf_error *err)
{
    size_t n;
    const void *bytes = lf__arena_contents(&m->weights, &n);
    size_t chunks = (n + CHUNK - 1) / CHUNK;
    hash_job job = {bytes, n, lf__calloc(chunks, sizeof *job.hashes, err)};
    if (!job.hashes) return -1;
    lf__pool_run(m->device->pool, hash_part, &job);
    *hash = lf__hash64(job.hashes, chunks * sizeof *job.hashes, n);
    free(job.hashes);
    return 0;
}

uint64_t lf__model_shape(const lf_model *m, const lf_dtype *types)
{
    uint64_t key = (uint64_t)m->n_params;
    for (int i = 0; i < m->n_params; i++) {
        const lf_param *p = &m->params[i];
        int32_t numbers[] = {(int32_t)(types ? types[i] : p->type), p->rows, p->cols, p->row0};
        key = lf__hash64(numbers, sizeof numbers, lf__hash64(p->name, strlen(p->name), key));
    }
    return key;
}

/* All rows "model." of the option table: no list of what matters that could forget one. */
static int config_key(uint64_t *key, const lf_model *m, lf_error *err)
{
    lf_config *c = lf__calloc(1, sizeof *c, err);
    if (!c) return -1;
    c->model = m->config;
    c->model.init_from[0] = 0; /* where weights came from is not what they are */
    for (const lf_option *o = lf__config_options; o->key; o++) {
        char value[LF_CONFIG_PATH_MAX];
        if (strncmp(o->key, "model.", 6) != 0) continue;
        lf__option_get(o, c, value, sizeof value);
        *key = lf__hash64(value, strlen(value), lf__hash64(o->key, strlen(o->key), *key));
    }
    free(c);
    return 0;
}

int lf__model_identity(uint64_t *id, const lf_model *m, int64_t context, lf_error *err)
{
    uint64_t parts[] = {0, lf__model_shape(m, NULL), 0, (uint64_t)m->products, m->talks};
    if (lf__model_hash(&parts[0], m, err) || config_key(&parts[2], m, err)) return -1;
    *id = lf__hash64(parts, sizeof parts, 0);
    for (int local = 0; m->rotary && local < (m->rope_local ? 2 : 1); local++) {
        double turns[LF_ROPE_FACTORS + 1] = {0};
        turns[LF_ROPE_FACTORS] = lf__rope_frequencies(turns, &m->config, m->rotary, local, context);
        *id = lf__hash64(turns, sizeof turns, *id);
    }
    return 0;
}
