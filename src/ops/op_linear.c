/* op_linear.c - the door every matrix product passes, and the two composites that share it.
 *
 *   y = x W^T (+ bias + residual)              x [n, in]   W [out, in]   y [n, out]
 *   dx = dy W        dW = dy^T x        d bias = sum over rows of dy        d residual = dy
 *
 *   qkv          = op_linear, then (optional) RMSNorm over each head of q and k, then op_rope on them
 *   gated_mlp_in = op_linear, then op_glu: gate and up sit in the two halves of a panel, so the tile that holds both makes h
 *
 * 2 n in out FLOPs forward, 4 n in out backward. W is read as panels packed once per optimizer step; x is packed per call for dW. What lies
 * there rounded to bfloat16 (x, the gradient of gate | up and of q | k | v) is an operand as it is: nothing is rounded twice.
 * Saved: x, q | k before their norms, and gate | up for the derivative of SwiGLU (h is made again: no FLOPs worth saving). */
#include "ops/ops.h"

/* dx (+)= dy W, dW (+)= dy^T x and d bias, for whoever has dy; or dy16, rounded, where there is no bias. */
static void linear_backward(lf_ctx *ctx, lf_tensor *x, lf_weight *weight, lf_weight *bias, const float *dy, const lf_bf16 *dy16)
{
    const lf_backend_ops *ops = ctx->device->ops;
    lf_tensor *w = &weight->t;
    int n = x->rows, in = w->cols, out = w->rows;
    if (bias && bias->t.needs_grad) {
        int beta = lf__tensor_beta(&bias->t);
        if (!ctx->dry) ops->sum_rows(ctx->device, bias->t.grad, dy, n, out, beta);
    }
    if (x->needs_grad) {
        float *dx = lf__grad(ctx, x);
        int beta = lf__tensor_beta(x);
        if (lf__failed(ctx)) return;
        lf_gemm g = {.c = dx,
                     .ldc = in,
                     .init = beta ? dx : NULL,
                     .ldinit = in,
                     .a = dy,
                     .a16 = dy16,
                     .a_rs = out,
                     .a_cs = 1,
                     .b = &weight->backward,
                     .m = n};
        if (!ctx->dry) ops->gemm(ctx->device, &g);
    }
    if (w->needs_grad) {
        size_t mark = lf__arena_mark(ctx->scratch);
        lf_panels rows = {.n = in, .k = n, .type = weight->backward.type};
        rows.data = lf__ctx_push(ctx, ctx->scratch, lf__panels_bytes(&rows));
        int beta = lf__tensor_beta(w);
        if (lf__failed(ctx)) return;
        lf_gemm g = {.c = w->grad,
                     .ldc = in,
                     .init = beta ? w->grad : NULL,
                     .ldinit = in,
                     .a = dy,
                     .a16 = dy16,
                     .a_rs = 1,
                     .a_cs = out,
                     .b = &rows,
                     .m = out};
        if (!ctx->dry) {
            if (x->half)
                ops->pack16(ctx->device, &rows, x->half, x->cols);
            else
                ops->pack(ctx->device, &rows, x->data, 1, x->cols);
            ops->gemm(ctx->device, &g);
        }
        lf__arena_rewind(ctx->scratch, mark);
    }
}

/* y = x W^T + bias + residual into y. Sums start from what is added: a bias is a row that every row starts from. */
static void linear_forward(lf_ctx *ctx, lf_tensor *y, const lf_tensor *x, const lf_weight *weight, const lf_weight *bias,
                           const lf_tensor *residual, lf_tensor *swiglu)
{
    if (ctx->dry) return;
    if (ctx->observe) ctx->observe(ctx->observer, weight, x);
    const float *init = residual ? residual->data : bias ? bias->t.data : NULL;
    if (residual && bias) {
        ctx->device->ops->add_bias(ctx->device, y->data, residual->data, bias->t.data, y->rows, y->cols);
        init = y->data;
    }
    lf_gemm g = {.c = y->data,
                 .ldc = y->cols,
                 .init = init,
                 .ldinit = residual ? y->cols : 0,
                 .a = x->data,
                 .a16 = x->half,
                 .a_rs = x->cols,
                 .a_cs = 1,
                 .b = &weight->forward,
                 .m = x->rows,
                 .swiglu = swiglu ? swiglu->data : NULL,
                 .ldswiglu = weight->forward.pair};
    if (!y->data) g.c16 = y->half, g.swiglu16 = swiglu->half;
    ctx->device->ops->gemm(ctx->device, &g);
}

static bool shapes_fit(lf_ctx *ctx, const lf_tensor *x, const lf_weight *weight, const lf_tensor *residual)
{
    if (lf__failed(ctx)) return false;
    if (x->cols == weight->t.cols && (!residual || (residual->rows == x->rows && residual->cols == weight->t.rows))) return true;
    lf_error_set(&ctx->error, LF_E_ARGUMENT, "op_linear: x is [%d, %d], but the weight \"%s\" is [%d, %d]", x->rows, x->cols,
                 weight->t.name, weight->t.rows, weight->t.cols);
    return false;
}

/* ---- linear ---------------------------------------------------------------------------------------------------------------------- */
static void op_linear_backward(lf_ctx *ctx, void *args)
{
    lf_linear *a = args;
    if (a->residual && a->residual->needs_grad) {
        float *dr = lf__grad(ctx, a->residual);
        int beta = lf__tensor_beta(a->residual);
        if (lf__failed(ctx)) return;
        if (!ctx->dry) ctx->device->ops->add(ctx->device, dr, a->y->grad, (int64_t)lf__tensor_count(a->y), beta);
    }
    linear_backward(ctx, a->x, a->weight, a->bias, a->y->grad, NULL);
}

static const lf_op linear = {"linear", op_linear_backward};

lf_tensor *op_linear(lf_ctx *ctx, lf_linear a)
{
    if (!shapes_fit(ctx, a.x, a.weight, a.residual)) return a.x;
    if (a.residual && lf__dropout(ctx, a.drop).rate > 0) {
        lf_tensor *x = op_linear(ctx, (lf_linear){.x = a.x, .weight = a.weight, .bias = a.bias});
        return op_join(ctx, (lf_join){.x = x, .residual = a.residual, .drop = a.drop, .y = a.y});
    }
    if (!a.y) a.y = lf__activation(ctx, "linear", a.x->rows, a.weight->t.rows);
    if (lf__failed(ctx)) return a.x;
    linear_forward(ctx, a.y, a.x, a.weight, a.bias, a.residual, NULL);
    lf__record(ctx, &linear, &a, sizeof a);
    return a.y;
}

/* ---- qkv --------------------------------------------------------------------------------------------------------------------------- */
static lf_head_norm head_norm(lf_ctx *ctx, const lf_qkv *a, float *x)
{
    return (lf_head_norm){.x = x,
                          .ldx = a->y->cols,
                          .raw = a->raw,
                          .rstd = a->rstd,
                          .w_q = lf__offset_weight(ctx, a->q_norm, a->offset),
                          .w_k = lf__offset_weight(ctx, a->k_norm, a->offset),
                          .n = a->y->rows,
                          .n_q = a->n_heads,
                          .n_k = a->n_kv_heads,
                          .d = a->head_dim,
                          .eps = a->eps};
}

static void rotate(lf_ctx *ctx, const lf_qkv *a, float *x, lf_bf16 *half, bool inverse)
{
    lf_rotation r = {.x = x,
                     .ldx = a->y->cols,
                     .half = half,
                     .positions = ctx->batch->positions,
                     .table = a->rope,
                     .n = a->y->rows,
                     .n_heads = a->n_heads + a->n_kv_heads,
                     .head_dim = a->head_dim,
                     .rotary = a->rotary,
                     .inverse = inverse};
    if (!ctx->dry) ctx->device->ops->rope(ctx->device, &r);
}

static void op_qkv_backward(lf_ctx *ctx, void *args)
{
    lf_qkv *a = args;
    lf_bf16 *half = NULL;
    if (a->y->half && a->rope && !a->q_norm && !a->bias) half = lf__ctx_push(ctx, ctx->scratch, lf__tensor_count(a->y) * sizeof *half);
    if (lf__failed(ctx)) return;
    if (a->rope) rotate(ctx, a, a->y->grad, half, true);
    if (a->q_norm) {
        size_t mark = lf__arena_mark(ctx->scratch);
        lf_head_norm norm = head_norm(ctx, a, a->y->grad);
        if (a->q_norm->t.needs_grad) {
            norm.dw_q = a->q_norm->t.grad, norm.beta_q = lf__tensor_beta(&a->q_norm->t);
            norm.dw_k = a->k_norm->t.grad, norm.beta_k = lf__tensor_beta(&a->k_norm->t);
        }
        if (!ctx->dry && !lf__failed(ctx)) ctx->device->ops->head_norm_backward(ctx->device, &norm);
        lf__arena_rewind(ctx->scratch, mark);
    }
    linear_backward(ctx, a->x, a->weight, a->bias, a->y->grad, half);
}

static const lf_op qkv = {"qkv", op_qkv_backward};

lf_tensor *op_qkv(lf_ctx *ctx, lf_qkv a)
{
    if (!shapes_fit(ctx, a.x, a.weight, NULL)) return a.x;
    a.y = lf__saved(ctx, "qkv", a.x->rows, a.weight->t.rows);
    if (a.q_norm && ctx->tape) {
        size_t heads = (size_t)a.x->rows * (size_t)(a.n_heads + a.n_kv_heads);
        a.raw = lf__ctx_push(ctx, ctx->step, heads * (size_t)a.head_dim * sizeof *a.raw);
        a.rstd = lf__ctx_push(ctx, ctx->step, heads * sizeof *a.rstd);
    }
    if (lf__failed(ctx)) return a.x;
    linear_forward(ctx, a.y, a.x, a.weight, a.bias, NULL, NULL);
    if (a.q_norm) {
        size_t mark = lf__arena_mark(ctx->scratch);
        lf_head_norm norm = head_norm(ctx, &a, a.y->data);
        if (!ctx->dry && !lf__failed(ctx)) ctx->device->ops->head_norm_forward(ctx->device, &norm);
        lf__arena_rewind(ctx->scratch, mark);
    }
    if (a.rope)
        rotate(ctx, &a, a.y->data, a.y->half, false);
    else
        lf__keep(ctx, a.y);
    lf__record(ctx, &qkv, &a, sizeof a);
    return a.y;
}

/* ---- gated_mlp_in ------------------------------------------------------------------------------------------------------------------ */
static void op_gated_backward(lf_ctx *ctx, void *args)
{
    lf_gated *a = args;
    size_t count = lf__tensor_count(a->gate_up);
    if (a->gate_up->half && !a->bias) {
        lf_bf16 *half = lf__ctx_push(ctx, ctx->scratch, count * sizeof *half);
        if (lf__failed(ctx)) return;
        if (!ctx->dry) ctx->device->ops->glu_backward16(ctx->device, half, a->y->grad, a->gate_up->half, a->y->rows, a->y->cols, a->act);
        linear_backward(ctx, a->x, a->weight, NULL, NULL, half);
        return;
    }
    float *dgu = lf__ctx_push(ctx, ctx->scratch, count * sizeof *dgu);
    if (lf__failed(ctx)) return;
    size_t mark = lf__arena_mark(ctx->scratch);
    const float *gate_up = lf__rows(ctx, a->gate_up);
    if (lf__failed(ctx)) return;
    if (!ctx->dry) ctx->device->ops->glu_backward(ctx->device, dgu, NULL, a->y->grad, gate_up, a->y->rows, a->y->cols, a->act);
    lf__arena_rewind(ctx->scratch, mark);
    linear_backward(ctx, a->x, a->weight, a->bias, dgu, NULL);
}

static const lf_op gated = {"gated_mlp_in", op_gated_backward};

lf_tensor *op_gated_mlp_in(lf_ctx *ctx, lf_gated a)
{
    if (!shapes_fit(ctx, a.x, a.weight, NULL)) return a.x;
    int n = a.x->rows, f = a.weight->t.rows / 2;
    bool alone = a.act == LF_ACT_SILU && !a.bias && a.x->cols <= LF_WHOLE_K;
    a.y = (alone ? lf__saved_half : lf__saved)(ctx, "mlp", n, f);
    a.gate_up = (alone ? lf__saved_half : lf__saved)(ctx, "gate_up", n, 2 * f);
    if (lf__failed(ctx)) return a.x;
    bool fused = a.act == LF_ACT_SILU && a.weight->forward.pair;
    linear_forward(ctx, a.gate_up, a.x, a.weight, a.bias, NULL, fused ? a.y : NULL);
    if (!fused && !ctx->dry) ctx->device->ops->glu_forward(ctx->device, a.y->data, a.gate_up->data, n, f, a.act);
    if (!alone) lf__keep(ctx, a.y), lf__keep(ctx, a.gate_up);
    lf__record(ctx, &gated, &a, sizeof a);
    return a.y;
}
