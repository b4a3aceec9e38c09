/* Whole models with every switch that no golden model has, and mixtures: the gradient against central differences, the cache against the
 * whole (the same bits in chunks), saved and loaded again (the same bits), one thread against two that recompute (the same bits), and
 * dropout against itself: the same for any number of threads and any cut into micro-batches. */
#include "golden/golden.h"

enum { T = 70, SEQS = 2, N = T * SEQS }; /* longer than a block of 64 keys */

static const char *const rows[][12] = {
    {"alibi", "true"},
    {"alibi", "true", "num_attention_heads", "3", "num_key_value_heads", "1"},
    {"partial_rotary_factor", "0.5"},
    {"no_rope_layer_interval", "1"},
    {"sliding_window", "5", "sliding_window_pattern", "2"},
    {"sliding_window", "66", "max_window_layers", "1", "use_qk_norm", "true"},
    {"attn_logit_softcapping", "2", "final_logit_softcapping", "3", "alibi", "true", "sliding_window", "9"},
    {"hidden_act", "gelu_new", "mlp_bias", "true"},
    {"hidden_act", "relu", "attention_bias", "true"},
    {"hidden_act", "relu2", "qkv_bias", "true"},
    {"hidden_act", "relu2", "ungated_mlp", "true", "mlp_bias", "true"},
    {"sandwich_norm", "true", "rms_norm_unit_offset", "true", "scale_embedding", "true", "query_pre_attn_scalar", "7"},
    {"hidden_dropout", "0.25"},
    {"hidden_dropout", "0.5", "sandwich_norm", "true", "attention_bias", "true"},
    {"model_type", "gpt2", "num_key_value_heads", "0", "hidden_dropout", "0.1", "hidden_act", "gelu_new"},
    {"model_type", "gpt2", "num_key_value_heads", "0", "tie_word_embeddings", "false", "hidden_act", "relu2"},
    {"zero_init", "true"},
    {"attention_dropout", "0.3", "num_key_value_heads", "1"},
    {"attention_dropout", "0.2", "sliding_window", "20", "attn_logit_softcapping", "2", "hidden_dropout", "0.1"},
    {"model_type", "gpt2", "num_key_value_heads", "0", "hidden_dropout", "0.1", "attention_dropout", "0.1"},
    {"attention_sinks", "true"},
    {"attention_sinks", "true", "num_key_value_heads", "1", "sliding_window", "20", "attn_logit_softcapping", "2", "alibi", "true"},
    {"attention_sinks", "true", "attention_dropout", "0.2", "use_qk_norm", "true", "sliding_window", "9", "sliding_window_pattern", "2"},
};

static const lf_model_config *config_of(size_t row)
{
    static lf_config c;
    static const char *const base[] = {
        "vocab_size",          "37", "hidden_size", "24", "intermediate_size",   "20", "num_hidden_layers",       "3",
        "num_attention_heads", "3",  "head_dim",    "8",  "num_key_value_heads", "3",  "max_position_embeddings", "80"};
    lf_error err = {0};
    char key[64];
    lf_config_init(&c);
    for (size_t i = 0; i < LF_COUNT(base) + 12; i += 2) {
        const char *const *at = i < LF_COUNT(base) ? base + i : rows[row] + (i - LF_COUNT(base));
        if (!*at) break;
        snprintf(key, sizeof key, "model.%s", at[0]);
        if (lf_config_set(&c, key, at[1], "test", &err)) fail_msg("%s", err.message);
    }
    c.model.initializer_range = 0.2; /* far from the straight beginning of every function */
    return &c.model;
}

typedef struct rig {
    lf_device *dev;
    lf_model *m;
    lf_model_ctx c;
    lf_batch batch;
    int32_t tokens[N], targets[N], positions[N], seq_start[SEQS + 1];
} rig;

static void rig_open(rig *r, size_t row, int threads, bool recompute)
{
    lf_error err = {0};
    r->dev = golden_device("auto", threads);
    r->m = lf__model_alloc(r->dev, config_of(row), true, LF_F32, false, &err);
    if (!r->m) fail_msg("%s", err.message);
    r->m->recompute = recompute;
    lf__model_init_weights(r->m, 3);
    if (r->m->config.zero_init) { /* else every gradient but that of the projections would be zero */
        for (int i = 0; i < r->m->n_params; i++) {
            const lf_param *p = &r->m->params[i];
            for (int j = 0; p->row->init == LF_INIT_OUTPUT && j < p->rows * p->cols; j++) {
                assert_true(p->weight->t.data[j] == 0.0f);
                p->weight->t.data[j] = (float)(0.1 * lf__rng_normal_at(5, (uint64_t)i, (uint64_t)j));
            }
        }
    }
    for (int i = 0; i < N; i++) r->tokens[i] = i * i % 37, r->targets[i] = (i + 1) * (i + 1) % 37, r->positions[i] = i % T;
    for (int s = 0; s <= SEQS; s++) r->seq_start[s] = s * T;
    r->batch = (lf_batch){.n_tokens = N,
                          .n_seqs = SEQS,
                          .tokens = r->tokens,
                          .positions = r->positions,
                          .seq_start = r->seq_start,
                          .targets = r->targets,
                          .loss_scale = 1.0f / N};
    if (lf__model_ctx_init(&r->c, r->m, &r->batch, true, &err)) fail_msg("%s", err.message);
    r->c.ctx.seed = 11, r->c.ctx.update = 5;
}

static void rig_close(rig *r)
{
    lf__model_ctx_release(&r->c);
    lf_model_free(&r->m);
    lf_device_close(&r->dev);
}

/* All sequences in one batch, or one by one as micro-batches. */
static double run(rig *r, bool one_by_one)
{
    lf__model_pack(r->m);
    lf__model_clear_grads(r->m);
    double sum = 0;
    for (int s = 0; s < (one_by_one ? SEQS : 1); s++) {
        lf_batch b = r->batch;
        if (one_by_one) {
            b.n_tokens = T, b.n_seqs = 1, b.first_row = s * T;
            b.tokens += s * T, b.targets += s * T, b.positions += s * T;
        }
        sum += lf__model_loss(r->m, &r->c.ctx, &b, NULL);
        if (lf__failed(&r->c.ctx)) fail_msg("%s", r->c.ctx.error.message);
    }
    return sum / N;
}

static double loss_of(void *user) { return run(user, false); }

static void test_gradients(void **state)
{
    (void)state;
    static rig r, two;
    for (size_t row = 0; row < LF_COUNT(rows); row++) {
        rig_open(&r, row, 1, false);
        double loss = run(&r, false), worst = 0;
        bool sharp = strcmp(r.m->config.hidden_act, "relu") == 0 || r.m->config.sandwich_norm; /* corners, and norms of small branches */
        double step = sharp ? 1e-3 : 5e-3;
        size_t bytes = r.m->n_floats * sizeof(float);
        float *grad = memcpy(malloc(bytes), r.m->all[0]->t.grad, bytes);

        rig_open(&two, row, 2, true);
        assert_true(run(&two, false) == loss);
        assert_memory_equal(two.m->all[0]->t.grad, grad, bytes);
        assert_true(fabs(run(&two, true) - loss) < 1e-6);
        for (int i = 0; i < r.m->n_params; i++) { /* sums over rows are cut differently: equal but for rounding */
            const lf_param *p = &two.m->params[i];
            size_t at = (size_t)(p->weight->t.data - two.m->data) + (size_t)p->row0 * (size_t)p->cols;
            assert_true(relative_norm(two.m->all[0]->t.grad + at, grad + at, (size_t)p->rows * (size_t)p->cols) < 1e-5);
        }
        rig_close(&two);

        for (int i = 0; i < r.m->n_params; i++) {
            const lf_param *p = &r.m->params[i];
            size_t at = (size_t)(p->weight->t.data - r.m->data) + (size_t)p->row0 * (size_t)p->cols;
            double e = lf__gradcheck(r.m->data + at, grad + at, (size_t)p->rows * (size_t)p->cols, 4, (uint64_t)i, step, 0.02, loss_of, &r);
            if (!(e < 2e-2)) fail_msg("row %zu (%s): %s: gradient off by %.3g", row, rows[row][0], p->name, e);
            worst = fmax(worst, e);
        }
        print_message("%-24s loss %.4f, gradients %.1e\n", rows[row][0], loss, worst);
        free(grad);
        rig_close(&r);
    }
}

static void test_cache_and_files(void **state)
{
    (void)state;
    static rig r;
    char dir[] = "/tmp/lf-switches-XXXXXX";
    lf_error err = {0};
    assert_non_null(mkdtemp(dir));
    for (size_t row = 0; row < LF_COUNT(rows); row++) {
        rig_open(&r, row, 2, false);
        lf__model_pack(r.m);
        if (lf_model_save(r.m, dir, &err)) fail_msg("%s", err.message);
        lf_model *loaded = lf_model_load(r.dev, dir, &err);
        if (!loaded) fail_msg("row %zu: %s", row, err.message);
        static float whole[T * 37], part[T * 37];
        if (lf_model_logits(r.m, whole, r.tokens, T, 0, &err)) fail_msg("%s", err.message);
        static const int chunks[] = {1, 7, 64, 0};
        for (size_t c = 0; c < LF_COUNT(chunks); c++) {
            if (lf_model_logits(loaded, part, r.tokens, T, chunks[c], &err)) fail_msg("%s", err.message);
            if (memcmp(whole, part, sizeof whole) != 0) fail_msg("row %zu (%s): other bits in chunks of %d", row, rows[row][0], chunks[c]);
        }
        lf_model_free(&loaded);
        rig_close(&r);
    }
    lf__remove_tree(dir, NULL);
}

/* Another step, seed, layer or place: another mask. Without a tape: none. */
/* Rows whose only dropout is that of `rate`. */
static void dropout_is_keyed(size_t row, double *rate_of(lf_model_config *c))
{
    static rig r;
    rig_open(&r, row, 1, false);
    double loss = run(&r, false);
    r.c.ctx.update = 6;
    double later = run(&r, false);
    r.c.ctx.update = 5, r.c.ctx.seed = 12;
    double other = run(&r, false);
    r.c.ctx.seed = 11;
    assert_true(loss != later && loss != other && later != other);
    assert_true(run(&r, false) == loss);
    r.c.ctx.tape = NULL;
    double dry = run(&r, false);
    *rate_of(&r.m->config) = 0;
    assert_true(run(&r, false) == dry && dry != loss);
    r.c.ctx.tape = &r.c.tape;
    rig_close(&r);
}

static double *hidden(lf_model_config *c) { return &c->hidden_dropout; }
static double *probabilities(lf_model_config *c) { return &c->attention_dropout; }

static void test_dropout(void **state)
{
    (void)state;
    for (size_t row = 0; row < LF_COUNT(rows); row++) {
        if (strcmp(rows[row][0], "hidden_dropout") == 0 && !rows[row][2]) dropout_is_keyed(row, hidden);
        if (strcmp(rows[row][0], "attention_dropout") == 0 && strcmp(rows[row][2], "sliding_window") != 0)
            dropout_is_keyed(row, probabilities);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients), cmocka_unit_test(test_cache_and_files),
                                       cmocka_unit_test(test_dropout)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
