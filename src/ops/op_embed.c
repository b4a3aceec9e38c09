/* op_embed.c - token embedding.
 *
 *   y[i, :] = table[tokens[i], :]                       tokens [n], table [vocab, width], y [n, width]
 *   d table[t, :] += sum over i with tokens[i] = t of dy[i, :], i ascending
 *
 * Moves 8 n width bytes forward, does no arithmetic. Saves nothing: the tokens are the batch's. A tied table gets its gradient from
 * the classifier first and from here after: the tape's beta adds them. */
#include "ops/ops.h"

static void embed_backward(lf_ctx *ctx, void *args)
{
    lf_embed *a = args;
    lf_tensor *table = &a->table->t;
    if (!table->needs_grad) return;
    int beta = lf__tensor_beta(table);
    if (ctx->dry) return;
    ctx->device->ops->embed_backward(ctx->device, table->grad, a->y->grad, ctx->batch->tokens, a->y->rows, table->cols, table->rows, beta);
}

static const lf_op op = {"embed", embed_backward};

lf_tensor *op_embed(lf_ctx *ctx, lf_embed a)
{
    const lf_tensor *table = &a.table->t;
    a.y = lf__stream(ctx, "embed", ctx->batch->n_tokens, table->cols);
    if (lf__failed(ctx)) return NULL;
    if (!ctx->dry) ctx->device->ops->embed_forward(ctx->device, a.y->data, ctx->batch->tokens, table->data, a.y->rows, table->cols);
    lf__record(ctx, &op, &a, sizeof a);
    return a.y;
}
