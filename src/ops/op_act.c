/* op_act.c - an activation without a gate: GELU of GPT-2, squared ReLU (So et al. 2021).
 *
 *   y = act(x)      dx = dy act'(x)      x, y [n, f]
 *
 * About 10 n f FLOPs and 8 n f bytes. Saves x. */
#include "ops/ops.h"

static void act_backward(lf_ctx *ctx, void *args)
{
    lf_activate *a = args;
    float *dx = lf__grad(ctx, a->x);
    if (lf__failed(ctx)) return;
    lf__tensor_beta(a->x); /* x has one reader: always the first to write */
    if (!ctx->dry) ctx->device->ops->act_backward(ctx->device, dx, a->y->grad, a->x->data, (int64_t)lf__tensor_count(a->x), a->act);
}

static const lf_op op = {"act", act_backward};

lf_tensor *op_act(lf_ctx *ctx, lf_activate a)
{
    if (lf__failed(ctx)) return a.x;
    a.y = lf__saved(ctx, "act", a.x->rows, a.x->cols);
    if (lf__failed(ctx)) return a.x;
    if (!ctx->dry) ctx->device->ops->act_forward(ctx->device, a.y->data, a.x->data, (int64_t)lf__tensor_count(a.x), a.act);
    lf__keep(ctx, a.y);
    lf__record(ctx, &op, &a, sizeof a);
    return a.y;
}
