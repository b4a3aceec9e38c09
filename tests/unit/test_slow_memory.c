/* test_slow_memory.c - what a run of half a gigabyte really occupies is what its plan says, within 1 %; and a model of 350 million weights
 * really makes a step within 12 GiB when blocks are recomputed. */
#include <math.h>

#include "data_tools.h"
#include "train/trainer.h"

static uint64_t most;

static void on_eval(const lf_train_metrics *m, void *user)
{
    LF_UNUSED(m), LF_UNUSED(user);
    most = LF_MAX(most, lf__memory_anonymous()); /* arenas never shrink: after the evaluation every one has been used */
}

static void resident_is_planned(void **state)
{
    LF_UNUSED(state);
    enum { TOKENS = 20000 };
    static int32_t ids[TOKENS];
    for (int i = 0; i < TOKENS; i++) ids[i] = (int32_t)(lf__rng_at(1, 0, (uint64_t)i) % 1000);
    put_shards("shards", ids, TOKENS, 1, LF_SHARD_UINT16, TOKENS, -1);
    const char *const set[] = {"model.hidden_size",
                               "512",
                               "model.intermediate_size",
                               "1024",
                               "model.num_hidden_layers",
                               "2",
                               "model.num_attention_heads",
                               "8",
                               "model.max_position_embeddings",
                               "512",
                               "model.vocab_size",
                               "1000",
                               "data.train",
                               in_scratch("shards"),
                               "data.val",
                               in_scratch("shards"),
                               "train.batch_tokens",
                               "8192",
                               "train.steps",
                               "1",
                               "train.warmup_steps",
                               "0",
                               "train.sample_every",
                               "0",
                               "run.dir",
                               in_scratch("run")};
    lf_config *c = malloc(sizeof *c);
    lf_plan plan;
    lf_config_init(c);
    for (size_t i = 0; i < LF_COUNT(set); i += 2) assert_ok(lf_config_set(c, set[i], set[i + 1], "test", err));
    lf_device *device = lf_device_open(NULL, NULL);
    assert_non_null(device);
    assert_ok(lf_plan_run(&plan, device, c, 0, NULL, err));
    assert_true(plan.bytes >= 500000000);
    uint64_t before = lf__memory_anonymous();
    assert_ok(lf_train_run(device, c, &(lf_train_hooks){.on_eval = on_eval}, err));
    double used = (double)(most - before), off = used / (double)plan.bytes - 1;
    print_message("planned %.1f MB, resident %.1f MB: %+.2f %%\n", (double)plan.bytes * 1e-6, used * 1e-6, 100 * off);
    assert_true(off > -0.01 && off < 0.01);
    lf_device_close(&device);
    free(c);
}

static void a_large_step(void **state)
{
    LF_UNUSED(state);
    static const char *const set[][2] = {{"model.hidden_size", "1024"},
                                         {"model.intermediate_size", "2816"},
                                         {"model.num_hidden_layers", "25"},
                                         {"model.num_attention_heads", "16"},
                                         {"model.num_key_value_heads", "16"},
                                         {"model.max_position_embeddings", "1024"},
                                         {"model.vocab_size", "32000"},
                                         {"train.batch_tokens", "1024"},
                                         {"train.steps", "1"},
                                         {"train.warmup_steps", "0"},
                                         {"train.dtype", "f32"},
                                         {"train.recompute", "block"},
                                         {"train.memory_limit", "12884901888"}};
    lf_config *c = malloc(sizeof *c);
    lf_train_metrics m;
    lf_plan plan;
    lf_trainer t;
    lf_config_init(c);
    for (size_t i = 0; i < LF_COUNT(set); i++) assert_ok(lf_config_set(c, set[i][0], set[i][1], "test", err));
    lf_device *device = lf_device_open(NULL, NULL);
    assert_non_null(device);
    assert_ok(lf_plan_run(&plan, device, c, 0, NULL, err));
    assert_true(plan.parameters >= 350000000 && plan.bytes < (uint64_t)12 << 30);
    if (lf_memory_available() < plan.bytes + ((uint64_t)1 << 30)) skip();
    uint64_t before = lf__memory_anonymous();
    assert_ok(lf__trainer_init(&t, device, c, NULL, true, false, err));
    lf__model_init_weights(t.model, 1);
    lf__model_pack(t.model);
    double start = lf__now();
    assert_ok(lf__trainer_step(&t, 1, &m, err));
    double used = (double)(lf__memory_anonymous() - before);
    print_message("%.0f million weights: a step of 1,024 tokens in %.1f s, %.2f GB resident, %.2f planned\n",
                  1e-6 * (double)plan.parameters, lf__now() - start, 1e-9 * used, 1e-9 * (double)plan.bytes);
    assert_true(isfinite(m.loss) && used < (double)((uint64_t)12 << 30));
    lf__trainer_release(&t);
    lf_device_close(&device);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(resident_is_planned, scratch_make, scratch_remove),
                                       cmocka_unit_test(a_large_step)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
