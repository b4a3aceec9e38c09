/* op_norm.c - root mean square normalization (Zhang & Sennrich 2019), layer normalization (Ba et al. 2016).
 *
 *   r[i] = 1 / sqrt(mean(x[i, :]^2) + eps)      y[i, j] = w[j] x[i, j] r[i]           x, y [n, c]   w [c]   r [n]
 *   dx[i, j] = r (w dy)[j] - x[j] r^3 / c * sum_k x[k] (w dy)[k]                      dw[j] = sum_i dy[i, j] x[i, j] r[i]
 *
 * With an offset (Gemma stores w - 1) the kernels read w + offset, made for the call. Layer normalization takes the mean m off first:
 *
 *   y[i, j] = w[j] (x[i, j] - m[i]) r[i] + b[j]        xhat = (x - m) r        g = w dy
 *   dx[i, j] = r (g[j] - mean(g) - xhat[j] mean(g xhat))        dw[j] = sum_i dy[i, j] xhat[i, j]        db[j] = sum_i dy[i, j]
 *
 * About 4 n c FLOPs and 8 n c bytes forward, twice that backward. Saves r (and m): x is an activation that stays anyway. */
#include "ops/ops.h"

const float *lf__offset_weight(lf_ctx *ctx, const lf_weight *weight, float offset)
{
    const lf_tensor *w = &weight->t;
    if (offset == 0) return w->data;
    float *out = lf__ctx_push(ctx, ctx->scratch, (size_t)w->cols * sizeof *out);
    for (int j = 0; out && !ctx->dry && j < w->cols; j++) out[j] = w->data[j] + offset;
    return out;
}

static void norm_backward(lf_ctx *ctx, void *args)
{
    lf_rmsnorm *a = args;
    lf_tensor *w = &a->weight->t;
    float *dx = a->x->needs_grad ? lf__grad(ctx, a->x) : NULL;
    if (!dx || lf__failed(ctx)) return;
    int beta_x = lf__tensor_beta(a->x), beta_w = w->needs_grad ? lf__tensor_beta(w) : 0;
    size_t mark = lf__arena_mark(ctx->scratch);
    const float *weight = lf__offset_weight(ctx, a->weight, a->offset);
    if (!ctx->dry && !lf__failed(ctx))
        ctx->device->ops->rmsnorm_backward(ctx->device, dx, w->needs_grad ? w->grad : NULL, a->y->grad, a->x->data, weight, a->rstd,
                                           a->x->rows, a->x->cols, beta_x, beta_w);
    lf__arena_rewind(ctx->scratch, mark);
}

static const lf_op op = {"rmsnorm", norm_backward};

lf_tensor *op_rmsnorm(lf_ctx *ctx, lf_rmsnorm a)
{
    if (lf__failed(ctx)) return a.x;
    a.y = lf__saved(ctx, "rmsnorm", a.x->rows, a.x->cols);
    if (ctx->tape) a.rstd = lf__ctx_push(ctx, ctx->step, (size_t)a.x->rows * sizeof(float));
    if (lf__failed(ctx)) return a.x;
    size_t mark = lf__arena_mark(ctx->scratch);
    const float *weight = lf__offset_weight(ctx, a.weight, a.offset);
    if (!ctx->dry && !lf__failed(ctx))
        ctx->device->ops->rmsnorm_forward(ctx->device, a.y->data, a.y->half, a.rstd, a.x->data, weight, a.x->rows, a.x->cols, a.eps);
    lf__arena_rewind(ctx->scratch, mark);
    lf__record(ctx, &op, &a, sizeof a);
    return a.y;
}

/* ---- layer normalization ------------------------------------------------------------------------------------------------------------ */
static void layernorm_backward(lf_ctx *ctx, void *args)
{
    lf_layernorm *a = args;
    lf_tensor *w = &a->weight->t, *b = &a->bias->t;
    float *dx = a->x->needs_grad ? lf__grad(ctx, a->x) : NULL;
    if (!dx || lf__failed(ctx)) return;
    int beta_x = lf__tensor_beta(a->x), beta_w = w->needs_grad ? lf__tensor_beta(w) | lf__tensor_beta(b) : 0;
    if (ctx->dry) return;
    ctx->device->ops->layernorm_backward(ctx->device, dx, w->needs_grad ? w->grad : NULL, b->grad, a->y->grad, a->x->data, w->data, a->stat,
                                         a->x->rows, a->x->cols, beta_x, beta_w);
}

static const lf_op layernorm = {"layernorm", layernorm_backward};

lf_tensor *op_layernorm(lf_ctx *ctx, lf_layernorm a)
{
    if (lf__failed(ctx)) return a.x;
    a.y = lf__saved(ctx, "layernorm", a.x->rows, a.x->cols);
    if (ctx->tape) a.stat = lf__ctx_push(ctx, ctx->step, 2 * (size_t)a.x->rows * sizeof(float));
    if (lf__failed(ctx)) return a.x;
    if (!ctx->dry)
        ctx->device->ops->layernorm_forward(ctx->device, a.y->data, a.y->half, a.stat, a.x->data, a.weight->t.data, a.bias->t.data,
                                            a.x->rows, a.x->cols, a.eps);
    lf__record(ctx, &layernorm, &a, sizeof a);
    return a.y;
}
