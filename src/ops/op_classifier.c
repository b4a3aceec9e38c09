/* op_classifier.c - the last product and the loss, by chunks of rows: the logits of a batch never exist at once.
 *
 *   z = x W^T      nll_i = log sum_v exp(z_iv) - z_i,target      dz = (softmax(z) - onehot(target)) loss_scale
 *   dx = dz W      dW += dz^T x                                  x [n, c]   W [v, c]   only rows with a target
 *
 * A soft cap makes z = cap tanh(z / cap), dz then carries 1 - tanh^2; ctx->z_loss and ctx->label_smoothing change nll and dz row by row
 * (backend.h, lf_loss). With a tape the gradients are made in the forward, while a chunk's dz is warm (as Liger does): 6 n c v FLOPs in
 * all. Every element of dW is one chain over all scored rows, whatever the chunk (of an even number of rows: bfloat16 sums pairs). Rows
 * without a target are gathered out first: they cost nothing. Saves nothing; x's gradient lies in the step arena. */
#include <string.h>

#include "ops/ops.h"

/* Rows whose dz exist at a time. dW is read and written once per chunk and dz twice: 8 MiB of it stay in the L3, but where dW does not
 * (32,000 x 512: 64 MiB) chunks of 48 rows would move more bytes than the product can hide (a quarter of its time). */
static int chunk_rows(int vocab, int width, size_t element)
{
    size_t bytes = LF_MIN((size_t)32 << 20, LF_MAX((size_t)8 << 20, (size_t)vocab * (size_t)width * sizeof(float) / 2));
    int rows = (int)(bytes / element) / vocab;
    return LF_MAX(rows / 48 * 48, 48); /* whole GEMM tiles */
}

/* z of m rows of x, their nll, and with a tape dz: in place of z, or rounded into dz16. */
static void score(lf_ctx *ctx, const lf_classifier *a, float *z, lf_bf16 *dz16, const float *x, const int32_t *targets, float *nll, int m)
{
    const lf_backend_ops *ops = ctx->device->ops;
    int c = a->weight->t.cols, v = a->weight->t.rows;
    size_t mark = lf__arena_mark(ctx->scratch);
    float *slope = a->cap > 0 && ctx->tape ? lf__ctx_push(ctx, ctx->scratch, (size_t)m * (size_t)v * sizeof *slope) : NULL;
    lf_loss loss = {.scale = ctx->batch->loss_scale, .z = ctx->z_loss, .label_smoothing = ctx->label_smoothing, .grad = ctx->tape != NULL};
    lf_gemm g = {.c = z, .ldc = v, .a = x, .a_rs = c, .a_cs = 1, .b = &a->weight->forward, .m = m};
    if (!lf__failed(ctx) && !ctx->dry) {
        ops->gemm(ctx->device, &g);
        if (a->cap > 0) ops->softcap(ctx->device, z, slope, a->cap, (int64_t)m * v);
        ops->cross_entropy(ctx->device, z, v, slope ? NULL : dz16, nll, targets, m, v, &loss);
        if (slope) ops->mul(ctx->device, z, slope, (int64_t)m * v);
        if (slope && dz16) ops->to_bf16(ctx->device, dz16, z, (int64_t)m * v);
    }
    lf__arena_rewind(ctx->scratch, mark);
}

/* One chunk: m rows of x (packed, width c). dx and dW only with a tape. Where products round, logits are float for a few rows at a time
 * (`some`, their 12 MiB stay in the L3) and dz is rounded once for both products. */
static void run_chunk(lf_ctx *ctx, const lf_classifier *a, const float *x, float *dx, const int32_t *targets, float *nll, int m)
{
    const lf_backend_ops *ops = ctx->device->ops;
    lf_tensor *w = &a->weight->t;
    int c = w->cols, v = w->rows, some = m;
    lf_bf16 *dz16 = NULL;
    if (ctx->tape && a->weight->backward.type == LF_BF16) {
        dz16 = lf__ctx_push(ctx, ctx->scratch, lf__round_up((size_t)m * (size_t)v, 2) * sizeof *dz16);
        some = LF_MIN(m, LF_MAX(48, (12 << 20) / (int)sizeof(float) / v / 48 * 48));
    }
    float *z = lf__ctx_push(ctx, ctx->scratch, (size_t)some * (size_t)v * sizeof *z);
    if (lf__failed(ctx)) return;
    for (int i = 0; i < m; i += some) {
        lf_bf16 *dz = dz16 ? dz16 + (size_t)i * (size_t)v : NULL;
        score(ctx, a, z, dz, x + (size_t)i * (size_t)c, targets + i, nll + i, LF_MIN(some, m - i));
    }
    if (!ctx->tape) return;
    lf_gemm back = {.c = dx, .ldc = c, .a = z, .a16 = dz16, .a_rs = v, .a_cs = 1, .b = &a->weight->backward, .m = m};
    if (!ctx->dry) ops->gemm(ctx->device, &back);
    if (!w->needs_grad) return;
    lf_panels rows = {.n = c, .k = m, .type = a->weight->backward.type};
    rows.data = lf__ctx_push(ctx, ctx->scratch, lf__panels_bytes(&rows));
    int beta = lf__tensor_beta(w);
    if (lf__failed(ctx) || ctx->dry) return;
    ops->pack(ctx->device, &rows, x, 1, c);
    lf_gemm dw = {
        .c = w->grad, .ldc = c, .init = beta ? w->grad : NULL, .ldinit = c, .a = z, .a16 = dz16, .a_rs = 1, .a_cs = v, .b = &rows, .m = v};
    ops->gemm(ctx->device, &dw);
}

double op_classifier(lf_ctx *ctx, lf_classifier a)
{
    if (lf__failed(ctx)) return 0;
    const lf_batch *batch = ctx->batch;
    const lf_backend_ops *ops = ctx->device->ops;
    int n = batch->n_tokens, c = a.x->cols, m = 0;
    size_t mark = lf__arena_mark(ctx->scratch);
    int32_t *rows = lf__ctx_push(ctx, ctx->meta, (size_t)n * sizeof *rows),
            *targets = lf__ctx_push(ctx, ctx->meta, (size_t)n * sizeof *targets);
    float *nll = lf__ctx_push(ctx, ctx->meta, (size_t)n * sizeof *nll);
    if (ctx->tape && !a.x->grad) a.x->grad = lf__ctx_push(ctx, ctx->step, lf__tensor_count(a.x) * sizeof(float));
    if (lf__failed(ctx)) return 0;
    for (int i = 0; i < n; i++)
        if (batch->targets[i] >= 0) rows[m] = i, targets[m++] = batch->targets[i];

    /* Room for gathered rows is taken even when every row is scored: the forecast must not depend on the data. */
    bool rounds = ctx->tape && a.weight->backward.type == LF_BF16;
    int pays = chunk_rows(a.weight->t.rows, c, rounds ? sizeof(lf_bf16) : sizeof(float));
    int step = ctx->classifier_rows ? ctx->classifier_rows : pays;
    size_t room = (size_t)LF_MIN(step, n) * (size_t)c * sizeof(float);
    float *gathered = lf__ctx_push(ctx, ctx->scratch, room), *d_gathered = ctx->tape ? lf__ctx_push(ctx, ctx->scratch, room) : NULL;
    if (lf__failed(ctx)) return 0;
    bool all = m == n, scatters = !all && ctx->tape && !ctx->dry;
    for (int i = 0; i < m && !lf__failed(ctx); i += step) {
        size_t chunk = lf__arena_mark(ctx->scratch), at = (size_t)i * (size_t)c;
        int part = LF_MIN(step, m - i);
        if (!all && !ctx->dry) ops->gather_rows(ctx->device, gathered, a.x->data, rows + i, part, c);
        run_chunk(ctx, &a, all ? a.x->data + at : gathered, all && ctx->tape ? a.x->grad + at : d_gathered, targets + i, nll + i, part);
        if (scatters && !lf__failed(ctx)) ops->scatter_rows(ctx->device, a.x->grad, d_gathered, rows + i, part, c, n, i > 0);
        lf__arena_rewind(ctx->scratch, chunk);
    }
    if (scatters && m == 0) ops->scatter_rows(ctx->device, a.x->grad, d_gathered, rows, 0, c, n, 0);
    if (ctx->tape && !lf__failed(ctx)) a.x->grad_written = true;
    lf__arena_rewind(ctx->scratch, mark);
    if (lf__failed(ctx) || ctx->dry) return 0;

    lf__profile_mark(ctx->device, "classifier", ctx->tape ? "both" : "forward");
    double sum = 0;
    if (a.nll) memset(a.nll, 0, (size_t)n * sizeof *a.nll);
    for (int i = 0; i < m; i++) {
        sum += (double)nll[i];
        if (a.nll) a.nll[rows[i]] = nll[i];
    }
    return sum;
}

lf_tensor *op_logits(lf_ctx *ctx, lf_tensor *x, lf_weight *weight, float cap)
{
    if (lf__failed(ctx)) return x;
    const lf_batch *batch = ctx->batch;
    int m = batch->n_out_rows, c = x->cols, v = weight->t.rows;
    float *rows = lf__ctx_push(ctx, ctx->scratch, (size_t)m * (size_t)c * sizeof *rows);
    lf_tensor *z = lf__activation(ctx, "logits", m, v);
    if (lf__failed(ctx)) return x;
    if (ctx->dry) return z;
    ctx->device->ops->gather_rows(ctx->device, rows, x->data, batch->out_rows, m, c);
    lf_gemm g = {.c = z->data, .ldc = v, .a = rows, .a_rs = c, .a_cs = 1, .b = &weight->forward, .m = m};
    ctx->device->ops->gemm(ctx->device, &g);
    if (cap > 0) ctx->device->ops->softcap(ctx->device, z->data, NULL, cap, (int64_t)m * v);
    return z;
}
