/* op_embed.c - token embedding, with learned positions, a scale and dropout where a model has them.
 *
 *   y[i, :] = dropout(scale table[tokens[i], :] + positions[p_i, :])      tokens, p [n], table [vocab, width], y [n, width]
 *   d table[t, :] += scale sum over i with tokens[i] = t of dy[i, :], i ascending            positions likewise
 *
 * Moves 8 n width bytes forward, does no arithmetic. Saves nothing: the tokens are the batch's. A tied table gets its gradient from
 * the classifier first and from here after: the tape's beta adds them. */
#include "ops/ops.h"

static void embed_backward(lf_ctx *ctx, void *args)
{
    lf_embed *a = args;
    const lf_backend_ops *ops = ctx->device->ops;
    lf_tensor *table = &a->table->t, *positions = a->positions ? &a->positions->t : NULL;
    float *dy = a->y->grad; /* nobody reads it after this: worked on in place */
    lf_dropout d = lf__dropout(ctx, a->drop);
    int n = a->y->rows, c = table->cols;
    if (!table->needs_grad) return;
    int beta = lf__tensor_beta(table), beta_p = positions ? lf__tensor_beta(positions) : 0;
    if (ctx->dry) return;
    if (d.rate > 0) ops->dropout(ctx->device, dy, dy, &d, n, c, 0);
    if (positions) ops->embed_backward(ctx->device, positions->grad, dy, ctx->batch->positions, n, c, positions->rows, beta_p);
    if (a->scale != 0) ops->scale(ctx->device, dy, dy, a->scale, (int64_t)lf__tensor_count(a->y));
    ops->embed_backward(ctx->device, table->grad, dy, ctx->batch->tokens, n, c, table->rows, beta);
}

static const lf_op op = {"embed", embed_backward};

/* From rows as a file holds them. */
static void widen_rows(const lf_ctx *ctx, float *y, const lf_weight *table, int n, int c)
{
    size_t row = 0;
    lf__dtype_size(&row, table->stored, (size_t)c);
    for (int i = 0; i < n; i++)
        lf__dtype(table->stored)->to_float(y + (size_t)i * (size_t)c, table->rows + (size_t)ctx->batch->tokens[i] * row, (size_t)c);
}

lf_tensor *op_embed(lf_ctx *ctx, lf_embed a)
{
    const lf_tensor *table = &a.table->t;
    a.y = lf__stream(ctx, "embed", ctx->batch->n_tokens, table->cols);
    if (lf__failed(ctx)) return NULL;
    if (!ctx->dry) {
        const lf_backend_ops *ops = ctx->device->ops;
        lf_dropout d = lf__dropout(ctx, a.drop);
        float *y = a.y->data;
        int n = a.y->rows, c = table->cols;
        if (table->data)
            ops->embed_forward(ctx->device, y, ctx->batch->tokens, table->data, n, c);
        else
            widen_rows(ctx, y, a.table, n, c);
        if (a.scale != 0) ops->scale(ctx->device, y, y, a.scale, (int64_t)lf__tensor_count(a.y));
        if (a.positions) ops->add_rows(ctx->device, y, a.positions->t.data, ctx->batch->positions, n, c);
        if (d.rate > 0) ops->dropout(ctx->device, y, y, &d, n, c, 0);
    }
    lf__record(ctx, &op, &a, sizeof a);
    return a.y;
}
