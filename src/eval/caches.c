/* caches.c - keys and values of the sequences of one batch, in the type that an engine would keep them in: how much that type costs. Pages
 * are zeroed for every batch and forgotten after it. Owned by one caller. */
#include <stdlib.h>
#include <string.h>

#include "eval/eval.h"
#include "infer/infer.h"

static int pages_of(int positions) { return (positions + LF_KV_BLOCK - 1) / LF_KV_BLOCK; }

int lf__caches_init(lf_caches *c, const lf_model *model, const char *type, int rows, lf_error *err)
{
    *c = (lf_caches){0};
    if (!type) return 0;
    if (lf__kv_of(&c->shape, model, type, err)) return -1;
    size_t pages = (size_t)pages_of(rows) + LF_EVAL_SEQUENCES, bytes;
    c->page = lf__kv_page_bytes(&c->shape);
    if (c->page == SIZE_MAX || !lf__mul_size(&bytes, c->page, pages))
        return lf_error_set(err, LF_E_LIMIT, "keys and values of %d tokens do not fit in memory", rows);
    c->kv = lf__calloc(LF_EVAL_SEQUENCES, sizeof *c->kv, err);
    c->of = lf__calloc(LF_EVAL_SEQUENCES, sizeof(lf_kv *), err);
    c->blocks = lf__calloc(pages, sizeof *c->blocks, err);
    return c->kv && c->of && c->blocks && lf__arena_init(&c->arena, "keys and values", bytes, err) == 0 ? 0 : -1;
}

void lf__caches_release(lf_caches *c)
{
    lf__arena_release(&c->arena);
    free(c->kv), free(c->of), free(c->blocks);
    *c = (lf_caches){0};
}

void lf__caches_attach(lf_caches *c, lf_batch *batch)
{
    if (!c->kv) return;
    int used = 0;
    for (int s = 0; s < batch->n_seqs; s++) {
        int n = pages_of(batch->seq_start[s + 1] - batch->seq_start[s]);
        c->kv[s] = c->shape, c->of[s] = &c->kv[s];
        c->kv[s].capacity = n * LF_KV_BLOCK, c->kv[s].blocks = c->blocks + used;
        for (; n > 0; n--, used++) c->blocks[used] = c->arena.base + (size_t)used * c->page;
    }
    memset(c->arena.base, 0, (size_t)used * c->page);
    batch->kv = c->of;
}
