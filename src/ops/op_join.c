/* op_join.c - a branch joins the residual stream, through dropout where there is any (Srivastava et al. 2014).
 *
 *   y = residual + mask x / (1 - rate)      d residual += dy      dx = mask dy / (1 - rate)      x, y [n, c]
 *
 * The mask is a function of (seed, step, layer, site, row of the global batch, column): it is drawn again by the backward, the same for any
 * number of threads, micro-batches or recomputed blocks. 2 n c FLOPs, 12 n c bytes. Saves nothing. */
#include "ops/ops.h"

lf_dropout lf__dropout(const lf_ctx *ctx, lf_drop drop)
{
    return (lf_dropout){.seed = ctx->seed ^ 0x64726f70u, /* apart from the streams of weights and data */
                        .stream = ctx->update << 16 ^ (uint64_t)(drop.layer * 4 + drop.site),
                        .first_row = ctx->batch->first_row,
                        .rate = ctx->tape ? drop.rate : 0.0f};
}

static void join_backward(lf_ctx *ctx, void *args)
{
    lf_join *a = args;
    const lf_backend_ops *ops = ctx->device->ops;
    lf_dropout d = lf__dropout(ctx, a->drop);
    int64_t n = (int64_t)lf__tensor_count(a->y);
    if (a->residual->needs_grad) {
        float *dr = lf__grad(ctx, a->residual);
        int beta = lf__tensor_beta(a->residual);
        if (lf__failed(ctx)) return;
        if (!ctx->dry) ops->add(ctx->device, dr, a->y->grad, n, beta);
    }
    float *dx = lf__grad(ctx, a->x);
    int beta = lf__tensor_beta(a->x);
    if (lf__failed(ctx) || ctx->dry) return;
    if (d.rate > 0)
        ops->dropout(ctx->device, dx, a->y->grad, &d, a->y->rows, a->y->cols, beta);
    else
        ops->add(ctx->device, dx, a->y->grad, n, beta);
}

static const lf_op op = {"join", join_backward};

lf_tensor *op_join(lf_ctx *ctx, lf_join a)
{
    if (lf__failed(ctx)) return a.x;
    if (!a.y) a.y = lf__activation(ctx, "join", a.x->rows, a.x->cols);
    if (lf__failed(ctx)) return a.x;
    if (!ctx->dry) {
        const lf_backend_ops *ops = ctx->device->ops;
        lf_dropout d = lf__dropout(ctx, a.drop);
        int64_t n = (int64_t)lf__tensor_count(a.y);
        ops->add(ctx->device, a.y->data, a.residual->data, n, 0);
        if (d.rate > 0)
            ops->dropout(ctx->device, a.y->data, a.x->data, &d, a.y->rows, a.y->cols, 1);
        else
            ops->add(ctx->device, a.y->data, a.x->data, n, 1);
    }
    lf__record(ctx, &op, &a, sizeof a);
    return a.y;
}
