/* op_norm.c - root mean square normalization (Zhang & Sennrich 2019).
 *
 *   r[i] = 1 / sqrt(mean(x[i, :]^2) + eps)      y[i, j] = w[j] x[i, j] r[i]           x, y [n, c]   w [c]   r [n]
 *   dx[i, j] = r (w dy)[j] - x[j] r^3 / c * sum_k x[k] (w dy)[k]                      dw[j] = sum_i dy[i, j] x[i, j] r[i]
 *
 * About 4 n c FLOPs and 8 n c bytes forward, twice that backward. Saves r: x is an activation that stays anyway. */
#include "ops/ops.h"

static void norm_backward(lf_ctx *ctx, void *args)
{
    lf_rmsnorm *a = args;
    lf_tensor *w = &a->weight->t;
    float *dx = a->x->needs_grad ? lf__grad(ctx, a->x) : NULL;
    if (!dx || lf__failed(ctx)) return;
    int beta_x = lf__tensor_beta(a->x), beta_w = w->needs_grad ? lf__tensor_beta(w) : 0;
    if (ctx->dry) return;
    ctx->device->ops->rmsnorm_backward(ctx->device, dx, w->needs_grad ? w->grad : NULL, a->y->grad, a->x->data, w->data, a->rstd,
                                       a->x->rows, a->x->cols, beta_x, beta_w);
}

static const lf_op op = {"rmsnorm", norm_backward};

lf_tensor *op_rmsnorm(lf_ctx *ctx, lf_rmsnorm a)
{
    if (lf__failed(ctx)) return a.x;
    a.y = lf__activation(ctx, "rmsnorm", a.x->rows, a.x->cols);
    if (ctx->tape) a.rstd = lf__ctx_push(ctx, ctx->step, (size_t)a.x->rows * sizeof(float));
    if (lf__failed(ctx)) return a.x;
    if (!ctx->dry)
        ctx->device->ops->rmsnorm_forward(ctx->device, a.y->data, a.rstd, a.x->data, a.weight->t.data, a.x->rows, a.x->cols, a.eps);
    lf__record(ctx, &op, &a, sizeof a);
    return a.y;
}
