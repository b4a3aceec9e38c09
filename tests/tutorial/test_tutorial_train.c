/* tutorials/train.c and generate.c against the oracle and the library: AdamW's twenty golden steps; folders that go both ways, bit for bit;
 * the same greedy choices from either; the same candidates from every setting of the sampler. */
#include "golden/golden.h"

#include <jansson.h>
#include <unistd.h>

#include "foundry/foundry.h"
#include "foundry/generate.h"

#define LF_NO_MAIN
#include "../../tutorials/generate.c"

static char folder[64];

/* The oracle's curve: warm-up 5, cosine to a tenth, decay 0.1, clip 1; loss, norm and rate of every step, weights after the last. */
static void test_adamw_curve(void **state)
{
    (void)state;
    lf_error err = {0};
    json_t *curve = lf__json_load(GOLDEN "adamw.json", 1 << 20, &err), *steps = json_object_get(curve, "steps"), *step;
    lf_safetensors st = golden_open(GOLDEN "adamw.safetensors");
    const int32_t *all_tokens = golden_get(&st, "tokens", NULL), *all_targets = golden_get(&st, "targets", NULL);
    config c = load_config(GOLDEN "llama");
    weights w = weights_new(&c), g = weights_new(&c);
    adamw o = {.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1, .m = numbers(w.n), .v = numbers(w.n)};
    activations a = activations_new(&c, 4, 32);
    tensor *list = malloc(MAX_TENSORS * sizeof *list);
    int n = list_tensors(list, &c);
    load_tensors(GOLDEN "llama/model.safetensors", &c, "", w.data);
    size_t i;
    json_array_foreach(steps, i, step)
    {
        int tokens[128], targets[128];
        for (int k = 0; k < 128; k++) tokens[k] = all_tokens[i * 128 + k], targets[k] = all_targets[i * 128 + k];
        clear(g.data, g.n);
        forward(&a, &w, &c, tokens);
        double loss = backward(&g, &a, &w, &c, tokens, targets), norm = clip_gradients(&g, 1.0);
        double want_loss = json_number_value(json_object_get(step, "loss")), lr = learning_rate((int64_t)i + 1, 20, 5, 0.01, 0.001);
        double want_norm = json_number_value(json_object_get(step, "grad_norm"));
        assert_true(fabs(lr - json_number_value(json_object_get(step, "lr"))) <= 1e-12);
        if (!(fabs(loss - want_loss) <= 1e-4 * want_loss) || !(fabs(norm - want_norm) <= 1e-4 * want_norm))
            fail_msg("step %zu: loss %.7f (expected %.7f), norm %.7f (expected %.7f)", i + 1, loss, want_loss, norm, want_norm);
        adamw_step(&w, &g, &o, list, n, lr, (int64_t)i + 1);
    }
    for (int k = 0; k < n; k++) {
        char name[128];
        snprintf(name, sizeof name, "final.%s", list[k].name);
        double e = relative_norm(w.data + list[k].at, golden_get(&st, name, NULL), (size_t)list[k].rows * (size_t)list[k].cols);
        if (!(e <= 1e-4)) fail_msg("%s after 20 steps: relative norm %.3g", list[k].name, e);
    }
    json_decref(curve);
    lf__safetensors_close(&st);
    free(list), free(o.m), free(o.v);
    weights_free(&w), weights_free(&g), activations_free(&a, &c);
}

/* Saved here, opened there: the same weights, logits, ids and text. Saved there, opened here: the same bits. */
static void check_both_ways(bool tied)
{
    char path[128];
    const char *story = "Once upon a time a fox found a kite. The kite was red. 从前，有一只小猫。小猫爱吃鱼。";
    lf_error err = {0};
    tokenizer t, t_read;
    config c = {.hidden_size = 48,
                .intermediate_size = 80,
                .num_hidden_layers = 2,
                .num_attention_heads = 4,
                .num_key_value_heads = 2,
                .head_dim = 12,
                .max_position_embeddings = 48,
                .tie_word_embeddings = tied,
                .rms_norm_eps = 1e-5f,
                .rope_theta = 5000.0f,
                .initializer_range = 0.3f};
    learn(&t, story, strlen(story), 300, NULL);
    c.vocab_size = t.size, c.eos_token_id = t.end;
    weights w = weights_new(&c), w_read = weights_new(&c);
    init_weights(&w, &c, 3);
    save_model(folder, &c, &w, &t, 7);

    lf_device *dev = golden_device(NULL, 1);
    lf_model *m = lf_model_load(dev, folder, &err);
    lf_tokenizer *lt = m ? lf_tokenizer_load(folder, &err) : NULL;
    if (!lt) fail_msg("%s", err.message);
    assert_int_equal(lf_model_parameters(m), w.n);
    int ids[256], n = 1 + encode(ids + 1, &t, story, strlen(story), 0);
    ids[0] = t.end;
    n = n > 40 ? 40 : n;
    activations a = activations_new(&c, 1, n);
    float *logits = calloc((size_t)n * (size_t)c.vocab_size, sizeof *logits);
    forward(&a, &w, &c, ids);
    if (lf_model_logits(m, logits, ids, n, 0, &err)) fail_msg("%s", err.message);
    assert_true(relative_error(a.logits, logits, (size_t)n * (size_t)c.vocab_size) < 2e-5);

    /* Greedy through our cache: at every position the library's largest logit is the token that was taken. */
    sampling s = {.temperature = 0, .top_p = 1, .repetition_penalty = 1};
    int tokens[48] = {t.end}, n_prompt = 1 + encode(tokens + 1, &t, "Once", 4, 0);
    int end = generate(tokens, n_prompt, 40, &w, &c, &s, NULL, NULL);
    assert_true(end > n_prompt);
    logits = realloc(logits, (size_t)end * (size_t)c.vocab_size * sizeof *logits);
    if (lf_model_logits(m, logits, tokens, end, 0, &err)) fail_msg("%s", err.message);
    for (int i = n_prompt; i < end; i++) {
        const float *row = logits + (size_t)(i - 1) * (size_t)c.vocab_size;
        for (int v = 0; v < c.vocab_size; v++) assert_true(row[v] <= row[tokens[i]]);
    }

    if (lf_model_save(m, folder, &err) || lf_tokenizer_save(lt, folder, &err)) fail_msg("%s", err.message);
    config c_read = load_config(folder);
    assert_memory_equal(&c, &c_read, sizeof c);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    load_tensors(path, &c, "", w_read.data);
    assert_memory_equal(w.data, w_read.data, w.n * sizeof *w.data);
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    load_tokenizer(&t_read, path);
    assert_int_equal(t_read.size, t.size);

    free(logits);
    lf_model_free(&m), lf_tokenizer_free(&lt), lf_device_close(&dev);
    weights_free(&w), weights_free(&w_read), activations_free(&a, &c), tokenizer_free(&t), tokenizer_free(&t_read);
}

static void test_both_ways(void **state)
{
    (void)state;
    check_both_ways(true);
    check_both_ways(false);
}

static void test_optimizer_file(void **state)
{
    (void)state;
    char path[128];
    config c = {.vocab_size = 11,
                .hidden_size = 6,
                .intermediate_size = 5,
                .num_hidden_layers = 1,
                .num_attention_heads = 1,
                .num_key_value_heads = 1,
                .head_dim = 6,
                .max_position_embeddings = 4};
    size_t n = (size_t)count_parameters(&c);
    real *m = numbers(n), *v = numbers(n), *read = numbers(n);
    for (size_t i = 0; i < n; i++) m[i] = (real)normal_at(1, i), v[i] = (real)normal_at(2, i);
    snprintf(path, sizeof path, "%s/optimizer.safetensors", folder);
    save_tensors(path, &c, (const char *const[]){"m.", "v."}, (real *const[]){m, v}, 2, 1234567890123);
    assert_int_equal(load_tensors(path, &c, "v.", read), 1234567890123);
    assert_memory_equal(read, v, n * sizeof *v);
    load_tensors(path, &c, "m.", read);
    assert_memory_equal(read, m, n * sizeof *m);
    lf_safetensors st = golden_open(path); /* the strict reader: no holes, no overlaps, shapes of one and two dimensions */
    assert_int_equal(lf__safetensors_find(&st, "m.model.norm.weight")->n_dims, 1);
    lf__safetensors_close(&st);
    free(m), free(v), free(read);
}

static void test_sampler(void **state)
{
    (void)state;
    enum { V = 60 };
    lf_error err = {0};
    lf_config defaults;
    lf_config_init(&defaults);
    for (uint64_t seed = 0; seed < 300; seed++) {
        real logits[V];
        int said[V] = {0};
        char seen[V] = {0};
        candidate list[V];
        sampling s = {.temperature = 0.3 + 1.5 * uniform_at(seed, 0), .top_p = 1, .repetition_penalty = 1};
        if (seed % 2) s.top_k = 1 + (int)(uniform_at(seed, 1) * V);
        if (seed % 3) s.top_p = 0.2 + 0.79 * uniform_at(seed, 2);
        if (seed % 5 < 2) s.min_p = 0.3 * uniform_at(seed, 3);
        if (seed % 7 < 3) s.repetition_penalty = 1 + uniform_at(seed, 4);
        if (seed % 4 < 2) s.frequency_penalty = uniform_at(seed, 5), s.presence_penalty = uniform_at(seed, 6) - 0.3;
        if (seed % 11 == 0) s.temperature = 0;
        for (int v = 0; v < V; v++) logits[v] = (real)(3 * normal_at(seed, 100 + (uint64_t)v));
        lf_sample_config theirs = defaults.sampler;
        theirs.temperature = s.temperature, theirs.top_k = s.top_k, theirs.top_p = s.top_p, theirs.min_p = s.min_p;
        theirs.repetition_penalty = s.repetition_penalty, theirs.frequency_penalty = s.frequency_penalty;
        theirs.presence_penalty = s.presence_penalty;
        lf_sampler *l = lf_sampler_new(&theirs, V, &err);
        if (!l) fail_msg("%s", err.message);
        for (uint64_t i = 0; i < 20; i++) {
            int id = (int)(random_at(seed, 200 + i) % V);
            lf_sampler_accept(l, id, i < 8);
            seen[id] = 1, said[id] += i >= 8;
        }
        int32_t ids[V];
        double p[V];
        int n = lf_sampler_distribution(l, logits, ids, p), ours = candidates(list, logits, V, &s, said, seen);
        if (s.temperature == 0) n = 1, ids[0] = lf_sampler_draw(l, logits, 0), p[0] = 1; /* greedy: what is drawn */
        if (n != ours) fail_msg("seed %d: %d candidates, the library has %d", (int)seed, ours, n);
        for (int i = 0; i < n; i++) {
            int k = 0;
            while (k < n && list[k].id != ids[i]) k++;
            if (k == n || fabs(list[k].p - p[i]) > 1e-9) fail_msg("seed %d: token %d differs", (int)seed, ids[i]);
        }
        lf_sampler_free(&l);
    }
}

int main(void)
{
    snprintf(folder, sizeof folder, "/tmp/foundry-tutorial-XXXXXX");
    if (!mkdtemp(folder)) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_adamw_curve), cmocka_unit_test(test_both_ways),
                                       cmocka_unit_test(test_optimizer_file), cmocka_unit_test(test_sampler)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lf__remove_tree(folder, NULL);
    return failed;
}
