/* Every op's backward: against central differences of its forward, and composites against the composition of their parts, bit for bit.
 * The loss is sum(output * fixed random weights) in double. Scalar rung and the best one. */
#include "golden/golden.h"

enum {
    LINEAR,
    RESIDUAL,
    NORM,
    QKV,
    QKV_PARTS,
    QKV_NORM,
    BIASED,
    QKV_PARTIAL,
    ATTENTION,
    GATED,
    GATED_PARTS,
    GLU,
    GEGLU,
    REGLU,
    GATED_RELU2,
    GATED_GELU,
    GATED_GELU_PARTS,
    GELU,
    RELU2,
    LAYERNORM,
    OFFSET_NORM,
    JOIN,
    DROPOUT,
    WINDOW,
    CAPPED,
    ALIBI,
    ALL_SWITCHES,
    CLASSIFIER,
    CAPPED_CLASSIFIER,
    SMOOTHED,
    Z_LOSS,
    EMBED,
    KINDS
};
enum { N = 17, HEADS = 4, KV_HEADS = 2, HEAD_DIM = 8, EXTRA = 24 };

static const struct {
    const char *name;
    int in, out;
} kinds[KINDS] = {
    [LINEAR] = {"linear", 24, 37},
    [RESIDUAL] = {"linear + residual", 24, 24},
    [NORM] = {"rmsnorm", 40, 1},
    [QKV] = {"qkv", 24, 64},
    [QKV_PARTS] = {"linear, rope", 24, 64},
    [QKV_NORM] = {"qkv with norms", 24, 64},
    [ATTENTION] = {"attention", 64, 64},
    [GATED] = {"gated_mlp_in", 20, 54},
    [GATED_PARTS] = {"linear, glu", 20, 54},
    [GLU] = {"glu", 42, 42},
    [BIASED] = {"linear + bias + res", 24, 24},
    [QKV_PARTIAL] = {"qkv, half turned", 24, 64},
    [GEGLU] = {"geglu", 42, 42},
    [REGLU] = {"reglu", 42, 42},
    [GATED_RELU2] = {"gated relu2", 42, 42},
    [GATED_GELU] = {"gated_mlp_in gelu", 20, 54},
    [GATED_GELU_PARTS] = {"linear, geglu", 20, 54},
    [GELU] = {"gelu", 42, 42},
    [RELU2] = {"relu2", 42, 42},
    [LAYERNORM] = {"layernorm", 24, 1},
    [OFFSET_NORM] = {"rmsnorm, 1 + w", 40, 1},
    [JOIN] = {"join", 24, 1},
    [DROPOUT] = {"linear, dropout", 24, 24},
    [WINDOW] = {"attention, window", 64, 64},
    [CAPPED] = {"attention, soft cap", 64, 64},
    [ALIBI] = {"attention, alibi", 64, 64},
    [ALL_SWITCHES] = {"attention, all", 64, 64},
    [CAPPED_CLASSIFIER] = {"classifier, cap", 24, 51},
    [SMOOTHED] = {"classifier, smooth", 24, 51},
    [Z_LOSS] = {"classifier, z-loss", 24, 51},
    [CLASSIFIER] = {"classifier", 24, 51},
    [EMBED] = {"embed", 24, 51},
};

typedef struct rig {
    int which;
    lf_device *dev;
    lf_model_ctx c;
    lf_batch batch;
    int32_t tokens[N], positions[N], seq_start[4], targets[N];
    lf_weight w, extra[2]; /* extra: small vectors: the norms of q and k */
    float *x, extra_data[2][EXTRA], extra_grad[2][EXTRA];
    float rope[N * HEAD_DIM];
} rig;

static void fill(float *p, size_t n, uint64_t stream, double scale)
{
    for (size_t i = 0; i < n; i++) p[i] = (float)(scale * lf__rng_normal_at(42, stream, i));
}

static void rig_init(rig *r, lf_device *dev, int which)
{
    lf_error err = {0};
    int in = kinds[which].in, out = kinds[which].out;
    memset(r, 0, sizeof *r);
    r->dev = dev, r->which = which;
    assert_int_equal(lf__arena_init(&r->c.meta, "meta", 1 << 20, &err), 0);
    assert_int_equal(lf__arena_init(&r->c.step, "step", 1 << 22, &err), 0);
    assert_int_equal(lf__arena_init(&r->c.scratch, "scratch", 1 << 24, &err), 0);
    r->c.ctx = (lf_ctx){.device = dev, .meta = &r->c.meta, .step = &r->c.step, .scratch = &r->c.scratch, .tape = &r->c.tape};
    const int starts[] = {0, 5, 6, N};
    memcpy(r->seq_start, starts, sizeof starts);
    for (int s = 0; s < 3; s++)
        for (int i = starts[s]; i < starts[s + 1]; i++)
            r->positions[i] = i - starts[s], r->tokens[i] = i * 5 % out, r->targets[i] = i % 4 ? i * 7 % out : -1;
    r->batch = (lf_batch){.n_tokens = N,
                          .n_seqs = 3,
                          .tokens = r->tokens,
                          .positions = r->positions,
                          .seq_start = r->seq_start,
                          .targets = r->targets,
                          .loss_scale = 1.0f};
    r->x = calloc((size_t)N * (size_t)in, sizeof(float));
    fill(r->x, (size_t)N * (size_t)in, 1, 1.0);
    r->w.t = (lf_tensor){.name = "w", .rows = out, .cols = in, .needs_grad = true};
    size_t count = lf__tensor_count(&r->w.t);
    r->w.t.data = calloc(count, sizeof(float)), r->w.t.grad = calloc(count, sizeof(float));
    fill(r->w.t.data, count, 2, 0.3);
    r->w.forward = (lf_panels){.n = out, .k = in, .pair = which == GATED || which == GATED_GELU ? out / 2 : 0};
    r->w.backward = (lf_panels){.n = in, .k = out};
    r->w.forward.data = aligned_alloc(64, lf__panels_floats(out, in, r->w.forward.pair) * sizeof(float));
    r->w.backward.data = aligned_alloc(64, lf__panels_floats(in, out, 0) * sizeof(float));
    for (int e = 0; e < 2; e++) {
        r->extra[e].t = (lf_tensor){.name = "extra",
                                    .rows = 1,
                                    .cols = which == QKV_NORM ? HEAD_DIM : EXTRA,
                                    .data = r->extra_data[e],
                                    .grad = r->extra_grad[e],
                                    .needs_grad = true};
        fill(r->extra_data[e], EXTRA, 3 + (uint64_t)e, 1.0);
    }
    for (int p = 0; p < N; p++)
        for (int i = 0; i < HEAD_DIM / 2; i++) {
            double angle = p * lf__pow(100.0, -2.0 * i / HEAD_DIM);
            r->rope[p * HEAD_DIM + 2 * i] = (float)lf__cos(angle), r->rope[p * HEAD_DIM + 2 * i + 1] = (float)lf__sin(angle);
        }
}

static void rig_release(rig *r)
{
    lf__model_ctx_release(&r->c);
    free(r->x);
    free(r->w.t.data);
    free(r->w.t.grad);
    free(r->w.forward.data);
    free(r->w.backward.data);
}

static const float slopes[HEADS] = {0.5f, 0.25f, 0.125f, 0.0625f};

/* Which ops have no weight of their own in w, and which have one in `extra`. */
static bool weightless(int which)
{
    return (which >= WINDOW && which <= ALL_SWITCHES) || which == ATTENTION || (which >= GLU && which <= GATED_RELU2) || which == GELU ||
           which == RELU2 || which == LAYERNORM || which == JOIN;
}
static bool classifies(int which) { return which >= CLASSIFIER && which <= Z_LOSS; }
static int extras(int which) { return which == QKV_NORM || which == LAYERNORM ? 2 : which == BIASED || which == DROPOUT ? 1 : 0; }

static lf_tensor *forward(rig *r, lf_ctx *ctx, lf_tensor *x)
{
    lf_weight *w = &r->w;
    switch (r->which) {
    case LINEAR: return op_linear(ctx, (lf_linear){.x = x, .weight = w});
    case RESIDUAL: return op_linear(ctx, (lf_linear){.x = x, .weight = w, .residual = x});
    case NORM: return op_rmsnorm(ctx, (lf_rmsnorm){.x = x, .weight = w, .eps = 1e-3f});
    case QKV:
        return op_qkv(
            ctx,
            (lf_qkv){
                .x = x, .weight = w, .n_heads = HEADS, .n_kv_heads = KV_HEADS, .head_dim = HEAD_DIM, .rotary = HEAD_DIM, .rope = r->rope});
    case QKV_NORM:
        return op_qkv(ctx, (lf_qkv){.x = x,
                                    .weight = w,
                                    .n_heads = HEADS,
                                    .n_kv_heads = KV_HEADS,
                                    .head_dim = HEAD_DIM,
                                    .rotary = HEAD_DIM,
                                    .rope = r->rope,
                                    .q_norm = &r->extra[0],
                                    .k_norm = &r->extra[1],
                                    .eps = 1e-3f});
    case QKV_PARTS:
        return op_rope(ctx, (lf_rope){.x = op_linear(ctx, (lf_linear){.x = x, .weight = w}),
                                      .n_heads = HEADS + KV_HEADS,
                                      .rotary = HEAD_DIM,
                                      .head_dim = HEAD_DIM,
                                      .table = r->rope});
    case ATTENTION:
        return op_attention(ctx, (lf_attend){.qkv = x, .n_heads = HEADS, .n_kv_heads = KV_HEADS, .head_dim = HEAD_DIM, .scale = 0.35f});
    case GATED: return op_gated_mlp_in(ctx, (lf_gated){.x = x, .weight = w});
    case GATED_PARTS: return op_glu(ctx, (lf_glu){.x = op_linear(ctx, (lf_linear){.x = x, .weight = w})});
    case GLU: return op_glu(ctx, (lf_glu){.x = x});
    case GEGLU: return op_glu(ctx, (lf_glu){.x = x, .act = LF_ACT_GELU});
    case REGLU: return op_glu(ctx, (lf_glu){.x = x, .act = LF_ACT_RELU});
    case GATED_RELU2: return op_glu(ctx, (lf_glu){.x = x, .act = LF_ACT_RELU2});
    case GATED_GELU: return op_gated_mlp_in(ctx, (lf_gated){.x = x, .weight = w, .act = LF_ACT_GELU});
    case GATED_GELU_PARTS: return op_glu(ctx, (lf_glu){.x = op_linear(ctx, (lf_linear){.x = x, .weight = w}), .act = LF_ACT_GELU});
    case GELU: return op_act(ctx, (lf_activate){.x = x, .act = LF_ACT_GELU});
    case RELU2: return op_act(ctx, (lf_activate){.x = x, .act = LF_ACT_RELU2});
    case LAYERNORM: return op_layernorm(ctx, (lf_layernorm){.x = x, .weight = &r->extra[0], .bias = &r->extra[1], .eps = 1e-3f});
    case OFFSET_NORM: return op_rmsnorm(ctx, (lf_rmsnorm){.x = x, .weight = w, .eps = 1e-3f, .offset = 1.0f});
    case JOIN: return op_join(ctx, (lf_join){.x = x, .residual = x, .drop = {0.25f, 3, 1}});
    case BIASED: return op_linear(ctx, (lf_linear){.x = x, .weight = w, .bias = &r->extra[0], .residual = x});
    case DROPOUT: return op_linear(ctx, (lf_linear){.x = x, .weight = w, .bias = &r->extra[0], .residual = x, .drop = {0.25f, 3, 1}});
    case QKV_PARTIAL:
        return op_qkv(
            ctx,
            (lf_qkv){.x = x, .weight = w, .n_heads = HEADS, .n_kv_heads = KV_HEADS, .head_dim = HEAD_DIM, .rotary = 4, .rope = r->rope});
    case WINDOW:
    case CAPPED:
    case ALIBI:
    case ALL_SWITCHES: {
        bool all = r->which == ALL_SWITCHES;
        lf_attend a = {.qkv = x, .n_heads = HEADS, .n_kv_heads = KV_HEADS, .head_dim = HEAD_DIM, .scale = 0.35f};
        if (all || r->which == WINDOW) a.window = 4;
        if (all || r->which == CAPPED) a.cap = 1.5f;
        if (all || r->which == ALIBI) a.slopes = slopes;
        return op_attention(ctx, a);
    }
    default: return op_embed(ctx, (lf_embed){.table = w});
    }
}

/* The loss; with dx not NULL also the gradients: *dx (valid until the next run) and w.t.grad. */
static double run(rig *r, float **dx)
{
    lf_ctx *ctx = &r->c.ctx;
    if (r->which != NORM && r->which != OFFSET_NORM && !weightless(r->which)) lf__weight_pack(r->dev, &r->w);
    lf__ctx_begin(ctx, &r->batch);
    r->w.t.grad_written = r->extra[0].t.grad_written = r->extra[1].t.grad_written = false;
    lf_tensor *x = lf__activation(ctx, "x", N, kinds[r->which].in);
    memcpy(x->data, r->x, lf__tensor_count(x) * sizeof(float));
    double loss = 0;
    if (classifies(r->which)) {
        ctx->label_smoothing = r->which == SMOOTHED ? 0.3f : 0.0f, ctx->z_loss = r->which == Z_LOSS ? 0.1f : 0.0f;
        loss = op_classifier(ctx, (lf_classifier){.x = x, .weight = &r->w, .cap = r->which == CAPPED_CLASSIFIER ? 1.5f : 0.0f});
    } else {
        lf_tensor *y = forward(r, ctx, x);
        if (lf__failed(ctx)) fail_msg("%s", ctx->error.message);
        float *g = lf__grad(ctx, y);
        for (size_t i = 0; i < lf__tensor_count(y); i++) {
            g[i] = (float)lf__rng_normal_at(7, 3, i);
            loss += (double)y->data[i] * (double)g[i];
        }
        y->grad_written = true;
        if (dx) lf__backward(ctx);
    }
    if (lf__failed(ctx)) fail_msg("%s", ctx->error.message);
    if (dx) *dx = x->grad;
    return loss;
}

static double loss_of(void *user) { return run(user, NULL); }

static void check(lf_device *dev, int which)
{
    rig r;
    float *dx = NULL;
    rig_init(&r, dev, which);
    run(&r, &dx);
    size_t nx = (size_t)N * (size_t)kinds[which].in, nw = lf__tensor_count(&r.w.t);
    float *dx_copy = calloc(nx, sizeof *dx_copy), *dw_copy = calloc(nw, sizeof *dw_copy);
    memcpy(dw_copy, r.w.t.grad, nw * sizeof *dw_copy);
    float extra_copy[2][EXTRA];
    memcpy(extra_copy, r.extra_grad, sizeof extra_copy);
    double ex = 0, ew = 0;
    if (which != EMBED) {
        memcpy(dx_copy, dx, nx * sizeof *dx_copy);
        ex = lf__gradcheck(r.x, dx_copy, nx, 80, 1, 4e-3, 0.3, loss_of, &r);
    }
    if (!weightless(which)) ew = lf__gradcheck(r.w.t.data, dw_copy, nw, 80, 2, 4e-3, 0.3, loss_of, &r);
    for (int e = 0; e < extras(which); e++)
        ew = fmax(ew, lf__gradcheck(r.extra_data[e], extra_copy[e], (size_t)r.extra[e].t.cols, EXTRA, 3, 4e-3, 0.3, loss_of, &r));
    print_message("%-18s %-7s dx %.1e  dw %.1e\n", kinds[which].name, lf_device_isa(dev), ex, ew);
    if (!(ex < 4e-3) || !(ew < 4e-3)) fail_msg("%s: the backward is not the derivative of the forward", kinds[which].name);
    free(dx_copy);
    free(dw_copy);
    rig_release(&r);
}

static void compare(lf_device *dev, int whole, int parts)
{
    rig p, q;
    float *dp, *dq;
    rig_init(&p, dev, whole);
    rig_init(&q, dev, parts);
    double lp = run(&p, &dp), lq = run(&q, &dq);
    assert_true(lp == lq);
    assert_memory_equal(dp, dq, (size_t)N * (size_t)kinds[whole].in * sizeof(float));
    assert_memory_equal(p.w.t.grad, q.w.t.grad, lf__tensor_count(&p.w.t) * sizeof(float));
    rig_release(&p);
    rig_release(&q);
}

static void each_device(void (*test)(lf_device *dev))
{
    const char *isas[] = {"scalar", "auto"};
    for (int i = 0; i < 2; i++) {
        lf_device *dev = golden_device(isas[i], 2);
        test(dev);
        lf_device_close(&dev);
    }
}

static void all_differences(lf_device *dev)
{
    for (int which = 0; which < KINDS; which++) check(dev, which);
}

static void all_composites(lf_device *dev)
{
    compare(dev, QKV, QKV_PARTS);
    compare(dev, GATED, GATED_PARTS);
    compare(dev, GATED_GELU, GATED_GELU_PARTS);
}

static void test_differences(void **state)
{
    (void)state;
    each_device(all_differences);
}

static void test_composites(void **state)
{
    (void)state;
    each_device(all_composites);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_differences), cmocka_unit_test(test_composites)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
