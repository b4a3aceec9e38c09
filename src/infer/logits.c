/* logits.c - the logits of every token of a sequence, through the cache that generation uses (chunks change nothing: that is the contract),
 * and what probabilities they mean. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "foundry/sampling.h"
#include "infer/infer.h"
#include "model/model.h"

static int check_tokens(const lf_model *m, const int32_t *tokens, int n, int chunk, lf_error *err)
{
    const lf_model_config *c = &m->config;
    if (n < 1 || chunk < 0)
        return lf_error_set(err, LF_E_ARGUMENT, "lf_model_logits: %d tokens in chunks of %d cannot be scored", n, chunk);
    if (n > lf__model_longest(m))
        return lf_error_set(err, LF_E_LIMIT, "%d tokens are longer than the model's context of %" PRId64, n, lf__model_longest(m));
    for (int i = 0; i < n; i++)
        if (tokens[i] < 0 || tokens[i] >= c->vocab_size)
            return lf_error_set(err, LF_E_ARGUMENT, "token %d has id %" PRId32 "; the vocabulary ends at %" PRId64, i, tokens[i],
                                c->vocab_size - 1);
    return 0;
}

int lf_model_logits(lf_model *m, float *logits, const int32_t *tokens, int n, int chunk, lf_error *err)
{
    const lf_model_config *c = &m->config;
    if (check_tokens(m, tokens, n, chunk, err)) return -1;
    if (chunk == 0 || chunk > n) chunk = n;
    int n_pages = (n + LF_KV_BLOCK - 1) / LF_KV_BLOCK;
    lf_kv room = {0};
    lf_kv_pool *pool = NULL;
    lf_model_ctx ctx = {0};
    int32_t *ints = lf__calloc((size_t)chunk * 2, sizeof *ints, err), start[2] = {0, chunk};
    int status = -1;
    if (lf__kv_of(&room, m, "auto", err)) goto done;
    room.capacity = n_pages * LF_KV_BLOCK, room.blocks = lf__calloc((size_t)n_pages, sizeof *room.blocks, err);
    if (!ints || !room.blocks || !(pool = lf__kv_pool_new(&room, n_pages, err))) goto done;
    for (int i = 0; i < n_pages; i++) room.blocks[i] = lf__kv_pool_data(pool, lf__kv_pool_take(pool));
    int32_t *positions = ints, *rows = ints + chunk;
    for (int i = 0; i < chunk; i++) positions[i] = n - chunk + i, rows[i] = i;
    lf_kv *kv = &room;
    lf_batch batch = {.n_tokens = chunk,
                      .n_seqs = 1,
                      .tokens = tokens,
                      .positions = positions,
                      .seq_start = start,
                      .kv = &kv,
                      .out_rows = rows,
                      .n_out_rows = chunk};
    kv->length = n - chunk; /* the longest cache a chunk will see: what memory is measured for */
    if (lf__model_ctx_init(&ctx, m, &batch, false, err) || lf__model_declare(&ctx, m, n, err)) goto done;
    kv->length = 0;
    for (int at = 0; at < n; at += chunk) {
        int take = LF_MIN(chunk, n - at);
        float *z;
        batch.n_tokens = batch.n_out_rows = start[1] = take;
        batch.tokens = tokens + at;
        for (int i = 0; i < take; i++) positions[i] = at + i;
        if (lf__model_forward(m, &ctx.ctx, &batch, &z)) {
            lf__error_pass(err, &ctx.ctx.error);
            goto done;
        }
        memcpy(logits + (size_t)at * (size_t)c->vocab_size, z, (size_t)take * (size_t)c->vocab_size * sizeof *z);
        kv->length += take;
    }
    status = 0;
done:
    lf__model_ctx_release(&ctx);
    lf__kv_pool_free(&pool);
    free(room.blocks);
    free(ints);
    return status;
}

double lf_logprobs(lf_logprob *top, int k, const float *logits, int n, int32_t token)
{
    double max = logits[0], sum = 0;
    int n_top = 0;
    for (int i = 1; i < n; i++) max = LF_MAX(max, (double)logits[i]);
    for (int i = 0; i < n; i++) {
        sum += lf__exp(logits[i] - max);
        if (!k || (n_top == k && !(logits[i] > top[k - 1].logprob))) continue;
        int at = n_top < k ? n_top++ : k - 1; /* insertion: the row is full of larger ones soon */
        for (; at > 0 && logits[i] > top[at - 1].logprob; at--) top[at] = top[at - 1];
        top[at] = (lf_logprob){i, logits[i]};
    }
    double whole = max + lf__ln(sum);
    for (int i = 0; i < n_top; i++) top[i].logprob -= whole;
    return logits[token] - whole;
}
