/* test_steps.c - what may not change a bit of the weights after 50 steps: threads, recomputation, micro-batches of the same cut, rows of
 * the classifier at a time; in every dtype, with every kind of dropout. */
#include "data_tools.h"
#include "train/trainer.h"

/* Weights after 50 steps on random tokens, hashed; ways: 0 is the plain one. */
typedef struct way {
    const char *name;
    int threads;
    const char *recompute;
    int classifier_rows;
} way;

static uint64_t weights_after(const way *w, const char *const *pairs)
{
    static const char *const small[][2] = {{"model.vocab_size", "331"},
                                           {"model.hidden_size", "32"},
                                           {"model.intermediate_size", "48"},
                                           {"model.num_hidden_layers", "2"},
                                           {"model.num_attention_heads", "4"},
                                           {"model.num_key_value_heads", "2"},
                                           {"train.batch_tokens", "256"},
                                           {"train.micro_batch_tokens", "128"},
                                           {"train.steps", "50"},
                                           {"model.max_position_embeddings", "64"}};
    lf_train_metrics m;
    lf_trainer t;
    lf_config *c = calloc(1, sizeof *c);
    lf_device *device = lf_device_open(&(lf_device_options){.threads = w->threads}, NULL);
    assert_non_null(device);
    lf_config_init(c);
    for (size_t i = 0; i < LF_COUNT(small); i++) assert_ok(lf_config_set(c, small[i][0], small[i][1], "test", err));
    for (; *pairs; pairs += 2) assert_ok(lf_config_set(c, pairs[0], pairs[1], "test", err));
    assert_ok(lf_config_set(c, "train.recompute", w->recompute, "test", err));
    assert_ok(lf__trainer_init(&t, device, c, NULL, false, false, err));
    lf__model_init_weights(t.model, 7);
    lf__model_pack(t.model);
    t.ctx.ctx.classifier_rows = w->classifier_rows;
    for (int64_t step = 1; step <= 50; step++) assert_ok(lf__trainer_step(&t, step, &m, err));
    assert_true(m.loss < 5.9); /* it learns: ln 331 = 5.80 */
    uint64_t hash = lf__hash64(t.model->data, t.model->n_floats * sizeof(float), 0);
    lf__trainer_release(&t);
    lf_device_close(&device);
    free(c);
    return hash;
}

static void the_same_bits(void **state)
{
    LF_UNUSED(state);
    static const way ways[] = {{"plain", 1, "none", 0},
                               {"two threads", 2, "none", 0},
                               {"three threads, recomputed", 3, "block", 0},
                               {"2 rows of logits at a time", 1, "none", 2},
                               {"14 rows of logits at a time, two threads, recomputed", 2, "block", 14},
                               {"all rows of logits at once", 1, "none", 128}};
    static const char *const kinds[][9] = {
        {"train.dtype", "f32", NULL},
        {"train.dtype", "f32", "model.hidden_dropout", "0.1", "model.attention_dropout", "0.1", "model.final_logit_softcapping", "20",
         NULL},
        {"train.dtype", "auto", NULL}, /* bf16 where the CPU has it */
        {"train.dtype", "auto", "model.model_type", "gpt2", "model.num_key_value_heads", "0", "model.attention_dropout", "0.2", NULL},
        {"train.dtype", "auto", "model.sliding_window", "40", "model.attn_logit_softcapping", "10", "model.alibi", "true", NULL}};
    uint64_t plain[LF_COUNT(kinds)];
    for (size_t k = 0; k < LF_COUNT(kinds); k++) {
        for (size_t w = 0; w < LF_COUNT(ways); w++) {
            uint64_t hash = weights_after(&ways[w], kinds[k]);
            if (w == 0) plain[k] = hash;
            if (hash != plain[k]) fail_msg("kind %zu, %s: other weights after 50 steps", k, ways[w].name);
        }
        if (k != 2) /* where there is no bf16, kinds 0 and 2 are one */
            for (size_t i = 0; i < k; i++) assert_true(plain[i] != plain[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
