/* tutorials/model.c and the library are one model: the same weights and the same batch give the same loss, and every gradient within 5e-5
 * relative norm, on every rung of this machine; tied and untied, grouped and not, on the oracle's weights and on random ones. */
#include "golden/golden.h"

#define real float
#define LF_NO_MAIN
#include "../../tutorials/model.c"

static const char *rungs[8];
static int n_rungs;

/* The library's numbers for a model of the course. */
static lf_model_config library_config(const config *c)
{
    static lf_config all;
    lf_config_init(&all);
    lf_model_config m = all.model;
    m.vocab_size = c->vocab_size, m.hidden_size = c->hidden_size, m.intermediate_size = c->intermediate_size;
    m.num_hidden_layers = c->num_hidden_layers, m.num_attention_heads = c->num_attention_heads;
    m.num_key_value_heads = c->num_key_value_heads, m.head_dim = c->head_dim, m.max_position_embeddings = c->max_position_embeddings;
    m.rms_norm_eps = (double)c->rms_norm_eps, m.rope_theta = (double)c->rope_theta, m.tie_word_embeddings = c->tie_word_embeddings;
    return m;
}

static config tutorial_config(const lf_model_config *m)
{
    return (config){.vocab_size = (int)m->vocab_size,
                    .hidden_size = (int)m->hidden_size,
                    .intermediate_size = (int)m->intermediate_size,
                    .num_hidden_layers = (int)m->num_hidden_layers,
                    .num_attention_heads = (int)m->num_attention_heads,
                    .num_key_value_heads = (int)m->num_key_value_heads,
                    .head_dim = (int)m->head_dim,
                    .max_position_embeddings = (int)m->max_position_embeddings,
                    .tie_word_embeddings = m->tie_word_embeddings,
                    .rms_norm_eps = (float)m->rms_norm_eps,
                    .rope_theta = (float)m->rope_theta,
                    .initializer_range = 0.06f};
}

/* Both lists have the same names and shapes; copies one way or the other. */
static void copy_weights(lf_model *m, weights *w, const config *c, bool into_library)
{
    tensor *list = malloc(MAX_TENSORS * sizeof *list);
    int n = list_tensors(list, c);
    assert_int_equal(n, m->n_params);
    for (int i = 0; i < n; i++) {
        const lf_param *p = m->params;
        while (strcmp(p->name, list[i].name) != 0)
            if (++p == m->params + m->n_params) fail_msg("the library has no %s", list[i].name);
        assert_int_equal(p->rows * p->cols, list[i].rows * list[i].cols);
        float *theirs = (float *)p->weight->t.data + (size_t)p->row0 * (size_t)p->cols, *ours = w->data + list[i].at;
        size_t bytes = (size_t)p->rows * (size_t)p->cols * sizeof *ours;
        if (into_library)
            memcpy(theirs, ours, bytes);
        else
            memcpy(ours, theirs, bytes);
    }
    free(list);
    if (into_library) lf__model_pack(m);
}

/* One batch through both; ours into g. */
static void compare(lf_model *m, weights *w, const config *c, const int32_t *tokens, const int32_t *targets, int b, int t, const char *what)
{
    lf_error err = {0};
    golden_batch batch = golden_batch_make(tokens, targets, b, t, NULL, 0);
    lf_model_ctx ctx;
    if (lf__model_ctx_init(&ctx, m, &batch.batch, true, &err)) fail_msg("%s", err.message);
    lf__model_clear_grads(m);
    double wanted = lf__model_loss(m, &ctx.ctx, &batch.batch, NULL) * (double)batch.batch.loss_scale;
    if (lf__failed(&ctx.ctx)) fail_msg("%s", ctx.ctx.error.message);

    weights g = weights_new(c);
    activations a = activations_new(c, b, t);
    forward(&a, w, c, tokens);
    double loss = backward(&g, &a, w, c, tokens, batch.targets), worst = 0;
    if (!(fabs(loss - wanted) <= 1e-6 * wanted)) fail_msg("%s: loss %.9g, the library's %.9g", what, loss, wanted);
    tensor *list = malloc(MAX_TENSORS * sizeof *list);
    list_tensors(list, c);
    for (int i = 0; i < m->n_params; i++) {
        const lf_param *p = &m->params[i];
        int k = 0;
        while (strcmp(list[k].name, p->name) != 0) k++;
        double e =
            relative_norm(g.data + list[k].at, p->weight->t.grad + (size_t)p->row0 * (size_t)p->cols, (size_t)p->rows * (size_t)p->cols);
        if (!(e <= 5e-5)) fail_msg("%s: gradient of %s: relative norm %.3g", what, p->name, e);
        worst = fmax(worst, e);
    }
    print_message("%-40s loss %.6f, off by %.0e; gradients within %.0e\n", what, loss, fabs(loss - wanted) / wanted, worst);
    free(list);
    weights_free(&g);
    activations_free(&a, c);
    lf__model_ctx_release(&ctx);
    golden_batch_free(&batch);
}

static void test_oracle_weights(void **state)
{
    (void)state;
    static const char *const dirs[] = {GOLDEN "llama", GOLDEN "llama_tied"};
    for (int r = 0; r < n_rungs; r++)
        for (int d = 0; d < 2; d++) {
            char path[LF_PATH_MAX];
            lf_device *dev = golden_device(rungs[r], 1);
            lf_model *m = golden_model(dev, dirs[d]);
            config c = tutorial_config(&m->config);
            weights w = weights_new(&c);
            copy_weights(m, &w, &c, false);
            snprintf(path, sizeof path, "%s/io.safetensors", dirs[d]);
            lf_safetensors io = golden_open(path);
            const lf_file_tensor *tokens = lf__safetensors_find(&io, "tokens");
            int b = (int)tokens->shape[0], t = (int)tokens->shape[1];
            snprintf(path, sizeof path, "%s, %s", lf__path_name(dirs[d]), rungs[r]);
            compare(m, &w, &c, (const int32_t *)(const void *)tokens->data, golden_get(&io, "targets", NULL), b, t, path);
            lf__safetensors_close(&io);
            weights_free(&w);
            lf_model_free(&m);
            lf_device_close(&dev);
        }
}

static void test_random_weights(void **state)
{
    (void)state;
    enum { b = 2, t = 24 };
    int32_t tokens[b * t], targets[b * t];
    config shapes[] = {story_config, story_config, story_config};
    shapes[1].num_key_value_heads = 4, shapes[1].tie_word_embeddings = 0, shapes[1].num_hidden_layers = 3, shapes[1].vocab_size = 301;
    shapes[2].num_key_value_heads = 1, shapes[2].hidden_size = 52, shapes[2].intermediate_size = 35, shapes[2].head_dim = 18;
    for (int r = 0; r < n_rungs; r++)
        for (int s = 0; s < 3; s++) {
            lf_error err = {0};
            char what[64];
            const config *c = &shapes[s];
            for (int i = 0; i < b * t; i++) {
                tokens[i] = (int32_t)(random_at(5, (uint64_t)i) % (uint64_t)c->vocab_size);
                targets[i] = i % 7 == 3 ? -1 : (int32_t)(random_at(6, (uint64_t)i) % (uint64_t)c->vocab_size);
            }
            lf_device *dev = golden_device(rungs[r], 1);
            lf_model_config lc = library_config(c);
            lf_model *m = lf__model_alloc(dev, &lc, true, LF_F32, false, &err);
            if (!m) fail_msg("%s", err.message);
            weights w = weights_new(c);
            init_weights(&w, c, 42);
            for (size_t i = 0; i < w.n; i++) w.data[i] += (float)(0.1 * normal_at(43, i));
            copy_weights(m, &w, c, true);
            snprintf(what, sizeof what, "%d wide, %d layers, %d/%d heads, %s", c->hidden_size, c->num_hidden_layers, c->num_attention_heads,
                     c->num_key_value_heads, rungs[r]);
            compare(m, &w, c, tokens, targets, b, t, what);
            weights_free(&w);
            lf_model_free(&m);
            lf_device_close(&dev);
        }
}

int main(void)
{
    n_rungs = golden_rungs(rungs);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_oracle_weights), cmocka_unit_test(test_random_weights)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
