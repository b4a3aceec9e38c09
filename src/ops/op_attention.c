/* op_attention.c - causal softmax attention over a ragged batch, grouped queries, with or without a cache (Dao et al. 2022).
 *
 *   query head h of row i reads kv head h / (n_heads / n_kv_heads) of its own sequence:
 *   s_j = scale q_i . k_j  (j <= position of i)      p = softmax(s)      o_i = sum_j p_j v_j      lse_i = log sum_j exp(s_j)
 *   dv_j += p_j do_i      dp_j = do_i . v_j      ds_j = p_j (dp_j - do_i . o_i)      dq_i += scale ds_j k_j      dk_j += scale ds_j q_i
 *
 *   with a sink:   p = softmax(s, sink_h) without its last, lse = log (sum_j exp(s_j) + exp(sink_h))
 *   dsink_h -= sum_i exp(sink_h - lse_i) do_i . o_i
 *
 * Switches: a window w leaves j > i - w (Beltagy et al. 2020); a cap makes s_j = cap tanh(s_j / cap) (Gemma Team 2024), ds_j then carries
 * 1 - tanh^2; ALiBi adds slope_h (j - i) and needs no positions elsewhere (Press et al. 2022); a sink is a learned score without a value,
 * so that a head may look at nothing (gpt-oss, OpenAI 2025; after Xiao et al. 2023). Dropout, with a tape only: o_i = sum_j D_j p_j v_j,
 * D_j = 0 or 1 / (1 - rate) by (seed, step, layer, row of the global batch, head, j); then dv_j += D_j p_j do_i, dp_j = D_j do_i . v_j.
 *
 * 4 t d FLOPs per row, head and visible key forward, 10 backward. Keys and values are always read from blocks of 64 positions
 * (backend.h): the cache's own, or scratch blocks of this call, made again for the backward. Saves o and lse, never the scores. */
#include <string.h>

#include "ops/ops.h"

/* A run of sequences [first, last) whose blocks fit the room of one call, and where those blocks are. */
typedef struct group {
    int first, last;
    void **blocks;      /* all blocks of the group, at this layer         */
    int32_t *seq_block; /* [last - first + 1] first block of each sequence */
} group;

/* Scratch blocks of one call: what one long sequence takes, whatever the batch, so that the forecast does not depend on how documents
 * happen to cut it. Short sequences do not fill their last blocks: they are worked off in two or more groups. */
static int max_blocks(int n_tokens) { return (n_tokens + LF_KV_BLOCK - 1) / LF_KV_BLOCK; }

/* Products of bfloat16 where sequences are whole: rows go in as they are, nothing is written into blocks. With a cache, whose blocks a row
 * reads however its prompt was cut, their type says what products are of. */
static lf_dtype products_of(const lf_ctx *ctx) { return ctx->batch->kv ? LF_F32 : ctx->products; }

/* Of the blocks that this call reads. */
static lf_dtype type_of(const lf_ctx *ctx) { return ctx->batch->kv ? ctx->batch->kv[0]->type : LF_F32; }
static size_t block_bytes(const lf_ctx *ctx, const lf_attend *a)
{
    return lf__kv_head_bytes(type_of(ctx), a->head_dim) * (size_t)a->n_kv_heads;
}

/* The group that begins at sequence `first`: lists its blocks and writes the batch's keys and values into them. */
static group prepare_group(lf_ctx *ctx, const lf_attend *a, char *own, int first)
{
    const lf_batch *batch = ctx->batch;
    size_t block = block_bytes(ctx, a);
    int limit = max_blocks(batch->n_tokens);
    group g = {.first = first, .last = first};
    if (products_of(ctx) == LF_BF16) {
        g.last = batch->n_seqs;
        return g;
    }
    int n_seqs =
        batch->n_seqs - first; /* a sequence has a block at least: without the limit many groups would take meta's room by squares */
    if (own) n_seqs = LF_MIN(n_seqs, limit);
    g.seq_block = lf__ctx_push(ctx, ctx->meta, ((size_t)n_seqs + 1) * sizeof *g.seq_block);
    if (lf__failed(ctx)) return g;
    g.seq_block[0] = 0;
    for (int n = 0; g.last < batch->n_seqs; g.last++) {
        int length = batch->seq_start[g.last + 1] - batch->seq_start[g.last] + (batch->kv ? batch->kv[g.last]->length : 0);
        n += (length + LF_KV_BLOCK - 1) / LF_KV_BLOCK;
        if (own && n > limit) break;
        g.seq_block[g.last - first + 1] = n;
    }
    int n_blocks = g.seq_block[g.last - first];
    g.blocks = lf__ctx_push(ctx, ctx->meta, (size_t)n_blocks * sizeof *g.blocks);
    if (lf__failed(ctx) || ctx->dry) return g;
    for (int s = first; s < g.last; s++)
        for (int b = g.seq_block[s - first]; b < g.seq_block[s - first + 1]; b++)
            g.blocks[b] =
                own ? own + (size_t)b * block : (char *)batch->kv[s]->blocks[b - g.seq_block[s - first]] + (size_t)a->layer * block;
    if (own) memset(own, 0, (size_t)n_blocks * block);
    lf_kv_rows rows = {.k = a->qkv->data + a->n_heads * a->head_dim,
                       .v = a->qkv->data + (a->n_heads + a->n_kv_heads) * a->head_dim,
                       .ld = a->qkv->cols,
                       .type = type_of(ctx),
                       .n_kv_heads = a->n_kv_heads,
                       .head_dim = a->head_dim,
                       .n_seqs = g.last - first,
                       .seq_start = batch->seq_start + first,
                       .positions = batch->positions,
                       .seq_block = g.seq_block,
                       .blocks = g.blocks};
    ctx->device->ops->kv_write(ctx->device, &rows);
    return g;
}

/* Room for the blocks of a group; NULL when the batch brings a cache, or when there are none. */
static char *own_blocks(lf_ctx *ctx, const lf_attend *a)
{
    if (ctx->batch->kv || products_of(ctx) == LF_BF16) return NULL;
    return lf__ctx_push(ctx, ctx->scratch, (size_t)max_blocks(ctx->batch->n_tokens) * block_bytes(ctx, a));
}

/* Positions that a sequence of the batch may have at most. */
static int longest_of(const lf_batch *batch)
{
    int longest = 0;
    for (int s = 0; batch->kv && s < batch->n_seqs; s++) longest = LF_MAX(longest, batch->kv[s]->capacity);
    return batch->kv ? longest : batch->n_tokens;
}

/* Rows that lie rounded are read as they lie, forward too: it sees what its backward will see, the same softmax. */
static bool rounded(const lf_ctx *ctx, const lf_attend *a) { return products_of(ctx) == LF_BF16 && a->qkv->half; }

static lf_attention describe(const lf_ctx *ctx, const lf_attend *a, group g)
{
    bool half = rounded(ctx, a);
    int q = a->n_heads * a->head_dim, kv = a->n_kv_heads * a->head_dim;
    return (lf_attention){.o = a->y->data,
                          .ldo = a->y->cols,
                          .lse = a->lse,
                          .q = a->qkv->data,
                          .ldq = a->qkv->cols,
                          .n_seqs = g.last - g.first,
                          .n_heads = a->n_heads,
                          .n_kv_heads = a->n_kv_heads,
                          .head_dim = a->head_dim,
                          .scale = a->scale,
                          .cap = a->cap,
                          .window = a->window,
                          .slopes = a->slopes,
                          .sinks = a->sinks ? a->sinks->t.data : NULL,
                          .drop = lf__dropout(ctx, a->drop),
                          .seq_start = ctx->batch->seq_start + g.first,
                          .positions = ctx->batch->positions,
                          .products = products_of(ctx),
                          .k = a->qkv->data + q,
                          .v = a->qkv->data + q + kv,
                          .q16 = half ? a->qkv->half : NULL,
                          .k16 = half ? a->qkv->half + q : NULL,
                          .v16 = half ? a->qkv->half + q + kv : NULL,
                          .o16 = half ? a->y->half : NULL,
                          .kv_type = type_of(ctx),
                          .kv_blocks = g.blocks,
                          .seq_block = g.seq_block,
                          .longest = longest_of(ctx->batch)};
}

static void attention_backward(lf_ctx *ctx, void *args)
{
    lf_attend *saved = args;
    float *dqkv = lf__grad(ctx, saved->qkv);
    if (lf__failed(ctx)) return;
    lf__tensor_beta(saved->qkv); /* q | k | v has one reader: always the first to write */
    size_t mark = lf__arena_mark(ctx->scratch);
    lf_tensor rows = *saved->qkv, out = *saved->y;
    if (!rounded(ctx, saved)) rows.data = lf__rows(ctx, saved->qkv), out.data = lf__rows(ctx, saved->y);
    lf_attend all = *saved, *a = &all;
    all.qkv = &rows, all.y = &out;
    if (lf__failed(ctx)) return;
    char *own = own_blocks(ctx, a);
    int q = a->n_heads * a->head_dim, kv = a->n_kv_heads * a->head_dim;
    float *delta = NULL, *dsinks = a->sinks && a->sinks->t.needs_grad ? lf__grad(ctx, &a->sinks->t) : NULL;
    if (dsinks) {
        delta = lf__ctx_push(ctx, ctx->scratch, (size_t)a->qkv->rows * (size_t)a->n_heads * sizeof *delta);
        if (!lf__tensor_beta(&a->sinks->t) && !ctx->dry && !lf__failed(ctx)) memset(dsinks, 0, (size_t)a->n_heads * sizeof *dsinks);
    }
    for (int s = 0; s < ctx->batch->n_seqs && !lf__failed(ctx);) {
        group part = prepare_group(ctx, a, own, s);
        if (lf__failed(ctx)) return;
        size_t inner = lf__arena_mark(ctx->scratch);
        lf_attention forward = describe(ctx, a, part);
        void *scratch = lf__ctx_push(ctx, ctx->scratch, ctx->device->ops->attention_backward_scratch(ctx->device, &forward));
        lf_attention_grad g = {.forward = forward,
                               .dq = dqkv,
                               .dk = dqkv + q,
                               .dv = dqkv + q + kv,
                               .lddqkv = a->qkv->cols,
                               .d_o = a->y->grad,
                               .lddo = a->y->cols,
                               .k = a->qkv->data + q,
                               .v = a->qkv->data + q + kv,
                               .accumulate = false,
                               .dsinks = dsinks,
                               .delta = delta};
        if (scratch && !ctx->dry) ctx->device->ops->attention_backward(ctx->device, &g, scratch);
        lf__arena_rewind(ctx->scratch, inner);
        s = part.last;
    }
    lf__arena_rewind(ctx->scratch, mark);
}

static const lf_op op = {"attention", attention_backward};

lf_tensor *op_attention(lf_ctx *ctx, lf_attend a)
{
    if (lf__failed(ctx)) return a.qkv;
    int n = a.qkv->rows;
    a.y = (rounded(ctx, &a) ? lf__saved_half : lf__saved)(ctx, "attention", n, a.n_heads * a.head_dim);
    if (ctx->tape) a.lse = lf__ctx_push(ctx, ctx->step, (size_t)n * (size_t)a.n_heads * sizeof(float));
    if (lf__failed(ctx)) return a.qkv;
    size_t mark = lf__arena_mark(ctx->scratch);
    char *own = own_blocks(ctx, &a);
    for (int s = 0; s < ctx->batch->n_seqs && !lf__failed(ctx);) {
        group part = prepare_group(ctx, &a, own, s);
        if (lf__failed(ctx)) return a.qkv;
        size_t inner = lf__arena_mark(ctx->scratch);
        lf_attention call = describe(ctx, &a, part);
        void *scratch = lf__ctx_push(ctx, ctx->scratch, ctx->device->ops->attention_forward_scratch(ctx->device, &call));
        if (scratch && !ctx->dry) ctx->device->ops->attention_forward(ctx->device, &call, scratch);
        lf__arena_rewind(ctx->scratch, inner);
        s = part.last;
    }
    lf__arena_rewind(ctx->scratch, mark);
    if (!rounded(ctx, &a)) lf__keep(ctx, a.y);
    lf__record(ctx, &op, &a, sizeof a);
    return a.y;
}
