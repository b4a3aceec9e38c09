/* Single operations against the oracle: outputs and every gradient within 1e-5 relative, on every rung. Cases with a cache are rows of
 * whole models (test_model_golden), optimizers are curves there. */
#include "golden/golden.h"

#include <jansson.h>

static lf_safetensors data;
static json_t *cases;

typedef struct rig {
    lf_device *dev;
    const char *name; /* of the case in work */
    lf_model_ctx c;
    lf_batch batch;
    int32_t positions[64], seq_start[16];
} rig;

static const float *get(const char *name, const char *tensor, size_t *n)
{
    char full[128];
    snprintf(full, sizeof full, "%s.%s", name, tensor);
    return golden_get(&data, full, n);
}

static double attribute(const char *name, const char *key)
{
    size_t i;
    json_t *one;
    json_array_foreach(cases, i, one) if (strcmp(json_string_value(json_object_get(one, "case")), name) ==
                                          0) return json_number_value(json_object_get(json_object_get(one, "attributes"), key));
    fail_msg("no case %s", name);
    return 0;
}

static void expect(const rig *r, const char *tensor, const float *have)
{
    size_t n;
    const float *want = get(r->name, tensor, &n);
    double e = relative_error(have, want, n);
    if (!(e <= 1e-5)) fail_msg("%s.%s on %s: relative error %.3g", r->name, tensor, lf_device_isa(r->dev), e);
}

/* Begins a case of n rows in one sequence. */
static lf_ctx *begin(rig *r, const char *name, int n)
{
    r->name = name;
    for (int i = 0; i < n; i++) r->positions[i] = i;
    r->seq_start[0] = 0, r->seq_start[1] = n;
    r->batch = (lf_batch){.n_tokens = n, .n_seqs = 1, .positions = r->positions, .seq_start = r->seq_start, .loss_scale = 1.0f};
    lf__ctx_begin(&r->c.ctx, &r->batch);
    return &r->c.ctx;
}

static lf_tensor *input(rig *r, const char *tensor, int rows)
{
    size_t n;
    const float *x = get(r->name, tensor, &n);
    lf_tensor *t = lf__activation(&r->c.ctx, tensor, rows, (int)(n / (size_t)rows));
    memcpy(t->data, x, n * sizeof *x);
    return t;
}

/* A weight of the case with a gradient; in step memory, so it lives as long as the case. */
static lf_weight *weight(rig *r, const char *tensor, int rows)
{
    lf_weight *w = lf__ctx_push(&r->c.ctx, &r->c.meta, sizeof *w);
    size_t n;
    const float *x = get(r->name, tensor, &n);
    *w = (lf_weight){.t = {.name = tensor, .rows = rows, .cols = (int)(n / (size_t)rows), .needs_grad = true}};
    w->t.data = lf__ctx_push(&r->c.ctx, &r->c.step, n * sizeof *x), w->t.grad = lf__ctx_push(&r->c.ctx, &r->c.step, n * sizeof *x);
    memcpy(w->t.data, x, n * sizeof *x);
    return w;
}

/* The output, the upstream gradient into it, and back. */
static void backward(rig *r, lf_tensor *y, const char *output, const char *upstream)
{
    lf_ctx *ctx = &r->c.ctx;
    if (lf__failed(ctx)) fail_msg("%s: %s", r->name, ctx->error.message);
    expect(r, output, y->data);
    memcpy(lf__grad(ctx, y), get(r->name, upstream, NULL), lf__tensor_count(y) * sizeof(float));
    y->grad_written = true;
    lf__backward(ctx);
}

static void check_norms(rig *r)
{
    static const struct {
        const char *name;
        int rows;
    } list[] = {{"rmsnorm.base", 12}, {"rmsnorm.small", 3}, {"rmsnorm.head", 40}, {"rmsnorm.gemma", 12}, {"layernorm.base", 12}};
    for (size_t i = 0; i < LF_COUNT(list); i++) {
        const char *name = list[i].name;
        lf_ctx *ctx = begin(r, name, list[i].rows);
        lf_tensor *x = input(r, "x", list[i].rows), *y;
        lf_weight *w = weight(r, "weight", 1), *b = NULL;
        float eps = (float)attribute(name, "eps");
        if (strncmp(name, "layer", 5) == 0) {
            b = weight(r, "bias", 1);
            y = op_layernorm(ctx, (lf_layernorm){.x = x, .weight = w, .bias = b, .eps = eps});
        } else
            y = op_rmsnorm(ctx, (lf_rmsnorm){.x = x, .weight = w, .eps = eps, .offset = (float)attribute(name, "weight_offset")});
        backward(r, y, "y", "dy");
        expect(r, "dx", x->grad);
        expect(r, "dweight", w->t.grad);
        if (b) expect(r, "dbias", b->t.grad);
    }
}

static void check_activations(rig *r)
{
    static const struct {
        const char *name;
        lf_act act;
        bool gated;
    } list[] = {{"silu.base", LF_ACT_SILU, false},  {"gelu_tanh.base", LF_ACT_GELU, false}, {"relu2.base", LF_ACT_RELU2, false},
                {"swiglu.base", LF_ACT_SILU, true}, {"geglu.base", LF_ACT_GELU, true},      {"reglu.base", LF_ACT_RELU, true}};
    enum { N = 4, F = 33 };
    for (size_t i = 0; i < LF_COUNT(list); i++) {
        lf_ctx *ctx = begin(r, list[i].name, N);
        if (!list[i].gated) {
            lf_tensor *x = input(r, "x", N);
            backward(r, op_act(ctx, (lf_activate){.x = x, .act = list[i].act}), "y", "dy");
            expect(r, "dx", x->grad);
            continue;
        }
        lf_tensor *x = lf__activation(ctx, "gate | up", N, 2 * F);
        const float *gate = get(r->name, "gate", NULL), *up = get(r->name, "up", NULL);
        float dgate[N * F], dup[N * F];
        for (int j = 0; j < N * F; j++) {
            int at = j / F * 2 * F + j % F;
            x->data[at] = gate[j], x->data[at + F] = up[j];
        }
        backward(r, op_glu(ctx, (lf_glu){.x = x, .act = list[i].act}), "y", "dy");
        for (int j = 0; j < N * F; j++) {
            int at = j / F * 2 * F + j % F;
            dgate[j] = x->grad[at], dup[j] = x->grad[at + F];
        }
        expect(r, "dgate", dgate);
        expect(r, "dup", dup);
    }
}

static void check_linear(rig *r)
{
    static const char *const list[] = {"linear.nobias", "linear.bias"};
    for (size_t i = 0; i < LF_COUNT(list); i++) {
        lf_ctx *ctx = begin(r, list[i], 10);
        lf_tensor *x = input(r, "x", 10);
        lf_weight *w = weight(r, "weight", 40), *b = i ? weight(r, "bias", 1) : NULL;
        w->forward = (lf_panels){.n = 40, .k = 48}, w->backward = (lf_panels){.n = 48, .k = 40};
        w->forward.data = lf__ctx_push(ctx, ctx->step, lf__panels_bytes(&w->forward));
        w->backward.data = lf__ctx_push(ctx, ctx->step, lf__panels_bytes(&w->backward));
        lf__weight_pack(r->dev, w);
        backward(r, op_linear(ctx, (lf_linear){.x = x, .weight = w, .bias = b}), "y", "dy");
        expect(r, "dx", x->grad);
        expect(r, "dweight", w->t.grad);
        if (b) expect(r, "dbias", b->t.grad);
    }
    lf_ctx *ctx = begin(r, "embedding.base", 14);
    lf_weight *table = weight(r, "weight", 19);
    r->batch.tokens = golden_get(&data, "embedding.base.tokens", NULL);
    backward(r, op_embed(ctx, (lf_embed){.table = table}), "y", "dy");
    expect(r, "dweight", table->t.grad);
}

/* One head row [heads * d] of q, k or v <-> columns of q | k | v. */
static void columns(float *qkv, int ld, int at, float *rows, int n, int width, bool back)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < width; j++) {
            float *a = &qkv[i * ld + at + j], *b = &rows[i * width + j];
            back ? (*b = *a) : (*a = *b);
        }
}

static void check_attention(rig *r)
{
    static const char *const list[] = {
        "attention.mha",    "attention.gqa",           "attention.mqa", "attention.window",         "attention.softcap", "attention.scale",
        "attention.packed", "attention.packed_window", "attention.d64", "attention.window_softcap", "attention.d128"};
    static float rows[64 * 512];
    for (size_t i = 0; i < LF_COUNT(list); i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.q", list[i]);
        const int64_t *q = lf__safetensors_find(&data, name)->shape;
        snprintf(name, sizeof name, "%s.k", list[i]);
        int b = (int)q[0], t = (int)q[1], heads = (int)q[2], d = (int)q[3], kv = (int)lf__safetensors_find(&data, name)->shape[2],
            n = b * t;
        lf_ctx *ctx = begin(r, list[i], n);
        snprintf(name, sizeof name, "%s.segment_ids", list[i]);
        const int32_t *ids = lf__safetensors_find(&data, name) ? golden_get(&data, name, NULL) : NULL;
        r->batch.n_seqs = 0;
        for (int row = 0; row < n; row++) {
            bool first = row % t == 0 || (ids && ids[row] != ids[row - 1]);
            if (first) r->seq_start[r->batch.n_seqs++] = row;
            r->positions[row] = first ? 0 : r->positions[row - 1] + 1;
        }
        r->seq_start[r->batch.n_seqs] = n;
        int ld = (heads + 2 * kv) * d, at[] = {0, heads * d, (heads + kv) * d}, width[] = {heads * d, kv * d, kv * d};
        static const char *const names[] = {"q", "k", "v"}, *const gradients[] = {"dq", "dk", "dv"};
        lf_tensor *qkv = lf__activation(ctx, "qkv", n, ld);
        for (int p = 0; p < 3; p++) {
            memcpy(rows, get(r->name, names[p], NULL), (size_t)(n * width[p]) * sizeof *rows);
            columns(qkv->data, ld, at[p], rows, n, width[p], false);
        }
        lf_tensor *o = op_attention(ctx, (lf_attend){.qkv = qkv,
                                                     .n_heads = heads,
                                                     .n_kv_heads = kv,
                                                     .head_dim = d,
                                                     .scale = (float)attribute(r->name, "scale"),
                                                     .cap = (float)attribute(r->name, "softcap"),
                                                     .window = (int)attribute(r->name, "window")});
        backward(r, o, "o", "do");
        for (int p = 0; p < 3; p++) {
            columns(qkv->grad, ld, at[p], rows, n, width[p], true);
            expect(r, gradients[p], rows);
        }
    }
}

/* What the classifier does to a chunk of logits: cap, loss and gradient. */
static void check_losses(rig *r)
{
    const lf_backend_ops *ops = r->dev->ops;
    float z[132], slope[132];
    r->name = "softcap.base";
    memcpy(z, get(r->name, "x", NULL), sizeof z);
    ops->softcap(r->dev, z, slope, (float)attribute(r->name, "cap"), 132);
    expect(r, "y", z);
    ops->mul(r->dev, slope, get(r->name, "dy", NULL), 132);
    expect(r, "dx", slope);

    static const char *const list[] = {"cross_entropy.base", "cross_entropy.large"};
    for (size_t i = 0; i < LF_COUNT(list); i++) {
        float logits[7 * 33], nll[7] = {0};
        char name[64];
        r->name = list[i];
        snprintf(name, sizeof name, "%s.targets", list[i]);
        const int32_t *targets = golden_get(&data, name, NULL);
        int scored = 0;
        memcpy(logits, get(r->name, "logits", NULL), sizeof logits);
        for (int row = 0; row < 7; row++) scored += targets[row] >= 0;
        lf_loss loss = {.scale = *get(r->name, "dloss", NULL) / (float)scored, .grad = true};
        for (int row = 0; row < 7; row++) {
            if (targets[row] < 0)
                memset(logits + row * 33, 0, 33 * sizeof *logits);
            else
                ops->cross_entropy(r->dev, logits + row * 33, 33, NULL, nll + row, targets + row, 1, 33, &loss);
        }
        expect(r, "nll", nll);
        expect(r, "dlogits", logits);
    }
}

static void test_ops(void **state)
{
    (void)state;
    lf_error err = {0};
    json_t *index = lf__json_load(GOLDEN "ops.json", 1 << 20, &err);
    if (!index) fail_msg("%s", err.message);
    cases = json_object_get(index, "cases");
    data = golden_open(GOLDEN "ops.safetensors");
    const char *rungs[8];
    int n = golden_rungs(rungs);
    for (int i = 0; i < n; i++) {
        static rig r;
        memset(&r, 0, sizeof r);
        r.dev = golden_device(rungs[i], 1 + i % 2);
        assert_int_equal(lf__arena_init(&r.c.meta, "meta", 1 << 20, &err), 0);
        assert_int_equal(lf__arena_init(&r.c.step, "step", 1 << 22, &err), 0);
        assert_int_equal(lf__arena_init(&r.c.scratch, "scratch", 1 << 24, &err), 0);
        r.c.ctx = (lf_ctx){.device = r.dev, .meta = &r.c.meta, .step = &r.c.step, .scratch = &r.c.scratch, .tape = &r.c.tape};
        check_norms(&r);
        check_activations(&r);
        check_linear(&r);
        check_attention(&r);
        check_losses(&r);
        lf__model_ctx_release(&r.c);
        lf_device_close(&r.dev);
    }
    lf__safetensors_close(&data);
    json_decref(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
