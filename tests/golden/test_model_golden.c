/* The models against the oracle: logits, loss, every gradient, twenty AdamW steps; tied and untied, packed and not; every rung,
 * one and two threads. Bounds: logits 2e-5 relative, gradients 5e-5 relative norm, the curve 1e-4. */
#include "golden/golden.h"

#include <jansson.h>

#include "train/trainer.h"

static const char *rungs[8];
static int n_rungs;

typedef struct variant {
    const char *dir, *io, *grads;
    bool packed;
} variant;

static const variant variants[] = {
    {GOLDEN "llama", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "llama", "packed_io.safetensors", "packed_grads.safetensors", true},
    {GOLDEN "llama_tied", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "qwen3", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "qwen2", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "llama_bias", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "llama_linear", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "llama_dynamic", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "llama_llama3", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "llama_yarn", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "mistral", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "mistral", "packed_io.safetensors", "packed_grads.safetensors", true},
    {GOLDEN "smollm3", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "gemma2", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "arcee", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "gemma3", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "phi3", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "phi3_short", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "phi3_long", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "sinks", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "gpt2", "io.safetensors", "grads.safetensors", false},
    {GOLDEN "gpt2", "packed_io.safetensors", "packed_grads.safetensors", true},
};

static golden_batch batch_of(const lf_safetensors *io, bool packed, int *b, int *t)
{
    const lf_file_tensor *tokens = lf__safetensors_find(io, "tokens");
    size_t n_cu = 0;
    const int32_t *cu = packed ? golden_get(io, "cu_seqlens", &n_cu) : NULL;
    *b = (int)tokens->shape[0], *t = (int)tokens->shape[1];
    return golden_batch_make((const int32_t *)(const void *)tokens->data, golden_get(io, "targets", NULL), *b, *t, cu, (int)n_cu);
}

/* The oracle's gradient of a parameter in our layout: GPT-2's files hold [in, out]. */
static const float *wanted_gradient(const lf_safetensors *grads, const lf_param *p)
{
    static float turned[1 << 16];
    const float *g = golden_get(grads, p->name, NULL);
    if (!p->row->transposed) return g;
    assert_true(p->rows * p->cols <= 1 << 16);
    for (int i = 0; i < p->rows; i++)
        for (int j = 0; j < p->cols; j++) turned[i * p->cols + j] = g[j * p->rows + i];
    return turned;
}

static void check_variant(const variant *v, const char *isa, int threads)
{
    char path[LF_PATH_MAX];
    lf_error err = {0};
    lf_device *dev = golden_device(isa, threads);
    lf_model *m = golden_model(dev, v->dir);
    snprintf(path, sizeof path, "%s/%s", v->dir, v->io);
    lf_safetensors io = golden_open(path);
    snprintf(path, sizeof path, "%s/%s", v->dir, v->grads);
    lf_safetensors grads = golden_open(path);
    int b, t;
    golden_batch g = batch_of(&io, v->packed, &b, &t);

    lf_model_ctx c;
    if (lf__model_ctx_init(&c, m, &g.batch, true, &err) || lf__model_declare(&c, m, t, &err)) fail_msg("%s", err.message);
    float *nll = calloc((size_t)g.batch.n_tokens, sizeof *nll);
    lf__model_clear_grads(m);
    double loss = lf__model_loss(m, &c.ctx, &g.batch, nll) * (double)g.batch.loss_scale;
    if (lf__failed(&c.ctx)) fail_msg("%s", c.ctx.error.message);
    float wanted = *(const float *)golden_get(&io, "loss", NULL);
    if (fabs(loss - (double)wanted) > 1e-5 * (double)wanted) fail_msg("%s %s: loss %.9g, expected %.9g", v->io, isa, loss, (double)wanted);
    assert_true(relative_error(nll, golden_get(&io, "token_nll", NULL), (size_t)g.batch.n_tokens) < 1e-5);
    double worst = 0;
    for (int i = 0; i < m->n_params; i++) {
        const lf_param *p = &m->params[i];
        double e = relative_norm(p->weight->t.grad + (size_t)p->row0 * (size_t)p->cols, wanted_gradient(&grads, p),
                                 (size_t)p->rows * (size_t)p->cols);
        if (!(e <= 5e-5)) fail_msg("%s %s: gradient of %s: relative norm %.3g", v->dir, isa, p->name, e);
        worst = fmax(worst, e);
    }
    lf__model_ctx_release(&c);

    /* The same rows as logits. */
    int32_t *rows = calloc((size_t)g.batch.n_tokens, sizeof *rows);
    for (int i = 0; i < g.batch.n_tokens; i++) rows[i] = i;
    lf_batch forward = g.batch;
    forward.targets = NULL, forward.out_rows = rows, forward.n_out_rows = g.batch.n_tokens;
    if (lf__model_ctx_init(&c, m, &forward, false, &err) || lf__model_declare(&c, m, t, &err)) fail_msg("%s", err.message);
    float *logits;
    size_t n;
    const float *expected = golden_get(&io, "logits", &n);
    assert_int_equal(lf__model_forward(m, &c.ctx, &forward, &logits), 0);
    double e = relative_error(logits, expected, n);
    if (!(e <= 2e-5)) fail_msg("%s %s: logits: relative error %.3g", v->dir, isa, e);
    print_message("%-12s %-22s %s, %d threads: logits %.1e, gradients %.1e\n", lf__path_name(v->dir), v->io, isa, threads, e, worst);
    lf__model_ctx_release(&c);
    free(rows);
    free(nll);
    golden_batch_free(&g);
    lf__safetensors_close(&io);
    lf__safetensors_close(&grads);
    lf_model_free(&m);
    lf_device_close(&dev);
}

static void test_variants(void **state)
{
    (void)state;
    for (int r = 0; r < n_rungs; r++)
        for (size_t v = 0; v < LF_COUNT(variants); v++) check_variant(&variants[v], rungs[r], 1 + (int)(v & 1));
}

/* Products of bfloat16: 8 bits of mantissa, errors of 2^-9 per operand that a chain averages. Bounds: loss 2e-3, gradients 1.5e-1 (the
 * oracle itself in bfloat16: up to 0.2; the narrow models are the worst). And the same bits for one thread and two. */
static void test_bf16(void **state)
{
    (void)state;
    char path[LF_PATH_MAX];
    lf_error err = {0};
    for (int r = 0; r < n_rungs; r++) {
        for (size_t i = 0; i < LF_COUNT(variants); i++) {
            const variant *v = &variants[i];
            snprintf(path, sizeof path, "%s/%s", v->dir, v->io);
            lf_safetensors io = golden_open(path);
            snprintf(path, sizeof path, "%s/%s", v->dir, v->grads);
            lf_safetensors grads = golden_open(path);
            float wanted = *(const float *)golden_get(&io, "loss", NULL), *first = NULL;
            for (int threads = 1; threads <= 2; threads++) {
                lf_device *dev = golden_device(rungs[r], threads);
                lf_model *m = golden_model_of(dev, v->dir, LF_BF16);
                int b, t;
                golden_batch g = batch_of(&io, v->packed, &b, &t);
                lf_model_ctx c;
                if (lf__model_ctx_init(&c, m, &g.batch, true, &err) || lf__model_declare(&c, m, t, &err)) fail_msg("%s", err.message);
                double loss = lf__model_loss(m, &c.ctx, &g.batch, NULL) * (double)g.batch.loss_scale, worst = 0;
                if (lf__failed(&c.ctx)) fail_msg("%s", c.ctx.error.message);
                for (int p = 0; p < m->n_params; p++) {
                    const lf_param *q = &m->params[p];
                    double e = relative_norm(q->weight->t.grad + (size_t)q->row0 * (size_t)q->cols, wanted_gradient(&grads, q),
                                             (size_t)q->rows * (size_t)q->cols);
                    if (!(e <= 1.5e-1)) fail_msg("%s %s: bf16 gradient of %s: relative norm %.3g", v->dir, rungs[r], q->name, e);
                    worst = fmax(worst, e);
                }
                if (fabs(loss / (double)wanted - 1) > 2e-3)
                    fail_msg("%s %s: bf16 loss %.9g, expected %.9g", v->io, rungs[r], loss, (double)wanted);
                if (threads == 1) {
                    print_message("%-12s %-22s %s, bf16: loss %.1e, gradients %.1e\n", lf__path_name(v->dir), v->io, rungs[r],
                                  fabs(loss / (double)wanted - 1), worst);
                    first = memcpy(malloc(m->n_floats * sizeof *first), m->all[0]->t.grad, m->n_floats * sizeof *first);
                } else {
                    assert_memory_equal(first, m->all[0]->t.grad, m->n_floats * sizeof *first);
                }
                lf__model_ctx_release(&c);
                golden_batch_free(&g);
                lf_model_free(&m);
                lf_device_close(&dev);
            }
            free(first);
            lf__safetensors_close(&io);
            lf__safetensors_close(&grads);
        }
    }
}

/* Twenty steps of an optimizer with warm-up, cosine and clipping. The batches are those of AdamW's file. */
static void check_curve(const char *optimizer, const char *isa, int threads)
{
    lf_error err = {0};
    char path[LF_PATH_MAX];
    snprintf(path, sizeof path, GOLDEN "%s.json", optimizer);
    json_t *curve = lf__json_load(path, 1 << 20, &err), *steps = json_object_get(curve, "steps"), *step;
    lf_safetensors st = golden_open(GOLDEN "adamw.safetensors");
    snprintf(path, sizeof path, GOLDEN "%s.safetensors", optimizer);
    lf_safetensors last = golden_open(path);
    lf_device *dev = golden_device(isa, threads);
    lf_model *m = golden_model(dev, GOLDEN "llama");
    lf_train_config c = {.steps = 20,
                         .muon_lr = 0.04,
                         .momentum = 0.95,
                         .warmup_steps = 5,
                         .lr = 0.01,
                         .min_lr = 0.001,
                         .weight_decay = 0.1,
                         .beta1 = 0.9,
                         .beta2 = 0.95,
                         .eps = 1e-8,
                         .grad_clip = 1.0};
    lf_optimizer o;
    snprintf(c.optimizer, sizeof c.optimizer, "%s", optimizer);
    assert_int_equal(lf__optimizer_init(&o, m, &c, &err), 0);
    const int32_t *tokens = golden_get(&st, "tokens", NULL), *targets = golden_get(&st, "targets", NULL);
    lf_model_ctx ctx = {0};
    size_t i;
    double worst = 0, worst_weights = 0;
    json_array_foreach(steps, i, step)
    {
        golden_batch g = golden_batch_make(tokens + i * 4 * 32, targets + i * 4 * 32, 4, 32, NULL, 0);
        if (i == 0 && lf__model_ctx_init(&ctx, m, &g.batch, true, &err)) fail_msg("%s", err.message);
        double loss = lf__model_loss(m, &ctx.ctx, &g.batch, NULL) * (double)g.batch.loss_scale, norm = lf__gradient_norm(m);
        double want_loss = json_number_value(json_object_get(step, "loss")),
               want_norm = json_number_value(json_object_get(step, "grad_norm"));
        worst = fmax(worst, fabs(loss - want_loss) / want_loss);
        if (!(fabs(loss - want_loss) <= 1e-4 * want_loss) || !(fabs(norm - want_norm) <= 1e-4 * want_norm))
            fail_msg("%s %s: step %zu: loss %.7f (expected %.7f), norm %.7f (expected %.7f)", optimizer, isa, i + 1, loss, want_loss, norm,
                     want_norm);
        double lr = json_number_value(json_object_get(step, "lr"));
        assert_true(fabs(lf__scheduled(&c, c.lr, (int64_t)i + 1) - lr) <= 1e-12);
        if ((lr = json_number_value(json_object_get(step, "muon_lr"))))
            assert_true(fabs(lf__scheduled(&c, c.muon_lr, (int64_t)i + 1) - lr) <= 1e-12);
        lf__optimizer_step(&o, m, &c, (int64_t)i + 1, norm);
        golden_batch_free(&g);
    }
    for (int p = 0; p < m->n_params; p++) {
        char name[128];
        snprintf(name, sizeof name, "final.%s", m->params[p].name);
        const lf_param *q = &m->params[p];
        double e = relative_norm(q->weight->t.data + (size_t)q->row0 * (size_t)q->cols, golden_get(&last, name, NULL),
                                 (size_t)q->rows * (size_t)q->cols);
        if (!(e <= 1e-4)) fail_msg("%s %s: %s after 20 steps: relative norm %.3g", optimizer, isa, q->name, e);
        worst_weights = fmax(worst_weights, e);
    }
    print_message("%s, 20 steps, %s: losses %.1e, weights %.1e\n", optimizer, isa, worst, worst_weights);
    lf__model_ctx_release(&ctx);
    lf__optimizer_release(&o);
    lf_model_free(&m);
    lf_device_close(&dev);
    lf__safetensors_close(&st);
    lf__safetensors_close(&last);
    json_decref(curve);
}

static void test_curve(void **state)
{
    (void)state;
    for (int r = 0; r < n_rungs; r++) {
        check_curve("adamw", rungs[r], 2);
        check_curve("muon", rungs[r], 1 + r % 2);
    }
}

/* The cache: all at once, by sevens, one by one: the same bits, and the oracle's numbers. */
static void check_chunks(const variant *v, const char *isa)
{
    char path[LF_PATH_MAX];
    lf_error err = {0};
    lf_device *dev = golden_device(isa, 2);
    lf_model *m = lf_model_load(dev, v->dir, &err);
    if (!m) fail_msg("%s", err.message);
    snprintf(path, sizeof path, "%s/%s", v->dir, v->io);
    lf_safetensors io = golden_open(path);
    int t = (int)lf__safetensors_find(&io, "tokens")->shape[1];
    size_t n = (size_t)t * (size_t)m->config.vocab_size;
    float *whole = calloc(n, 4), *part = calloc(n, 4);
    if (lf_model_logits(m, whole, golden_get(&io, "tokens", NULL), t, 0, &err)) fail_msg("%s", err.message);
    if (!(relative_error(whole, golden_get(&io, "logits", NULL), n) < 2e-5)) fail_msg("%s %s: logits through the cache", v->dir, isa);
    for (int chunk = 1; chunk < t; chunk += chunk < 7 ? 6 : 16) {
        if (lf_model_logits(m, part, golden_get(&io, "tokens", NULL), t, chunk, &err)) fail_msg("%s", err.message);
        if (memcmp(whole, part, n * 4) != 0) fail_msg("%s %s: other bits in chunks of %d", v->dir, isa, chunk);
    }
    free(whole);
    free(part);
    lf__safetensors_close(&io);
    lf_model_free(&m);
    lf_device_close(&dev);
}

static void test_chunks(void **state)
{
    (void)state;
    for (int r = 0; r < n_rungs; r++)
        for (size_t v = 0; v < LF_COUNT(variants); v++)
            if (!variants[v].packed) check_chunks(&variants[v], rungs[r]);
}

/* GPT-2 as it is published: names without "transformer.", a mask per layer. */
static void test_published_names(void **state)
{
    (void)state;
    lf_error err = {0};
    char dir[] = "/tmp/lf-golden-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    lf_safetensors st = golden_open(GOLDEN "gpt2/model.safetensors");
    lf_file_tensor *decls = calloc(st.n + 1, sizeof *decls);
    for (size_t i = 0; i < st.n; i++) {
        const lf_file_tensor *t = &st.tensors[i];
        decls[i] = (lf_file_tensor){.name = t->name + strlen("transformer."), .dtype = LF_F32, .n_dims = t->n_dims};
        memcpy(decls[i].shape, t->shape, 2 * sizeof *t->shape);
    }
    decls[st.n] = (lf_file_tensor){.name = "h.0.attn.bias", .dtype = LF_F32, .n_dims = 1, .shape = {3}};
    lf_writer *w = lf__safetensors_begin(path, decls, st.n + 1, &err);
    if (!w) fail_msg("%s", err.message);
    for (size_t i = 0; i < st.n; i++) lf__writer_add(w, st.tensors[i].data, st.tensors[i].bytes);
    lf__writer_add(w, (float[3]){0}, 3 * sizeof(float));
    assert_int_equal(lf__writer_commit(&w, &err), 0);

    lf_device *dev = golden_device("auto", 1);
    lf_model *m = golden_model(dev, GOLDEN "gpt2");
    size_t bytes = m->n_floats * sizeof(float);
    float *kept = memcpy(malloc(bytes), m->data, bytes);
    memset(m->data, 0, bytes);
    if (lf__model_read(m, dir, &err)) fail_msg("%s", err.message);
    assert_memory_equal(m->data, kept, bytes);
    free(kept), free(decls);
    lf_model_free(&m);
    lf_device_close(&dev);
    lf__safetensors_close(&st);
    lf__remove_tree(dir, NULL);
}

int main(void)
{
    n_rungs = golden_rungs(rungs);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_variants), cmocka_unit_test(test_bf16), cmocka_unit_test(test_curve),
                                       cmocka_unit_test(test_chunks), cmocka_unit_test(test_published_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
