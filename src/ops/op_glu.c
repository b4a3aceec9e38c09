/* op_glu.c - SwiGLU and its relatives (Shazeer 2020): GeGLU, ReGLU, gated squared ReLU.
 *
 *   x = gate | up [n, 2f]       y = silu(gate) * up [n, f]       silu(g) = g s, s = 1 / (1 + exp(-g))
 *   d up = dy g s               d gate = dy up s (1 + g (1 - s))              other act: y = act(gate) up, d gate = dy up act'(gate)
 *
 * About 8 n f FLOPs and 12 n f bytes. Saves x. */
#include "ops/ops.h"

static void glu_backward(lf_ctx *ctx, void *args)
{
    lf_glu *a = args;
    float *dx = lf__grad(ctx, a->x);
    if (lf__failed(ctx)) return;
    lf__tensor_beta(a->x); /* gate | up has one reader: always the first to write */
    if (!ctx->dry) ctx->device->ops->glu_backward(ctx->device, dx, NULL, a->y->grad, a->x->data, a->y->rows, a->y->cols, a->act);
}

static const lf_op op = {"glu", glu_backward};

lf_tensor *op_glu(lf_ctx *ctx, lf_glu a)
{
    if (lf__failed(ctx)) return a.x;
    a.y = lf__activation(ctx, "glu", a.x->rows, a.x->cols / 2);
    if (lf__failed(ctx)) return a.x;
    if (!ctx->dry) ctx->device->ops->glu_forward(ctx->device, a.y->data, a.x->data, a.y->rows, a.y->cols, a.act);
    lf__record(ctx, &op, &a, sizeof a);
    return a.y;
}
