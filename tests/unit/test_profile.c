/* test_profile.c - a profile adds up to the whole run, counts the FLOPs that the formula knows, and changes no bit of the result. */
#include <math.h>

#include "data_tools.h"
#include "train/trainer.h"

enum { STEPS = 3, BATCH = 256, VOCAB = 500, WIDTH = 32 };

typedef struct seen {
    double share, seconds, classifier, attention, longest;
    int n, reports;
    int64_t updates;
    double loss;
} seen;

static void on_profile(const lf_train_profile *p, void *user)
{
    seen *s = user;
    s->reports++, s->n = p->n_rows, s->seconds = p->seconds;
    assert_true(p->peak_gflops > 0 && p->read_gbs > 0 && p->peak_gflops_bf16 == 0);
    for (int i = 0; i < p->n_rows; i++) {
        const lf_profile_row *r = &p->rows[i];
        s->share += r->share;
        if (i) assert_true(r->seconds <= p->rows[i - 1].seconds);
        if (strcmp(r->op, "classifier") == 0) s->classifier = r->flops, assert_string_equal(r->phase, "both");
        if (strcmp(r->op, "attention") == 0) s->attention += r->flops;
        if (strcmp(r->op, "optimizer") == 0) s->updates = r->calls;
        if (r->bytes > 0) assert_true(r->ceiling > 0);
    }
}

static void on_step(const lf_train_metrics *m, void *user) { ((seen *)user)->loss = m->loss; }

static void adds_up(void **state)
{
    LF_UNUSED(state);
    static int32_t ids[5000];
    for (int i = 0; i < 5000; i++) ids[i] = (int32_t)(lf__rng_at(1, 0, (uint64_t)i) % VOCAB);
    put_shards("shards", ids, 5000, 1, LF_SHARD_UINT16, 5000, -1);
    const char *const pairs[] = {"model.hidden_size=32",
                                 "model.intermediate_size=48",
                                 "model.num_hidden_layers=2",
                                 "model.num_attention_heads=4",
                                 "model.max_position_embeddings=64",
                                 "model.vocab_size=500",
                                 "train.batch_tokens=256",
                                 "train.steps=3",
                                 "train.warmup_steps=1",
                                 "train.sample_every=0"};
    seen with = {0}, without = {0};
    lf_config *c = malloc(sizeof *c);
    lf_device *device = lf_device_open(&(lf_device_options){.threads = 1}, NULL);
    assert_non_null(device);
    const lf_backend_ops *before = device->ops;
    lf_config_init(c);
    assert_ok(lf_config_set(c, "data.train", in_scratch("shards"), "test", err));
    for (size_t i = 0; i < LF_COUNT(pairs); i++) {
        char key[64];
        snprintf(key, sizeof key, "%.*s", (int)strcspn(pairs[i], "="), pairs[i]);
        assert_ok(lf_config_set(c, key, strchr(pairs[i], '=') + 1, "test", err));
    }
    for (int on = 0; on < 2; on++) {
        lf_train_hooks hooks = {.user = on ? &with : &without, .on_step = on_step, .on_profile = on ? on_profile : NULL};
        assert_ok(lf_config_set(c, "run.dir", in_scratch(on ? "with" : "without"), "test", err));
        assert_ok(lf_train_run(device, c, &hooks, err));
    }
    assert_int_equal(without.reports, 0);
    assert_int_equal(with.reports, 1);
    assert_true(device->ops == before && !device->profile);
    assert_true(fabs(with.share - 1) < 0.01);
    assert_int_equal(with.updates, STEPS);
    double products = 6.0 * VOCAB * WIDTH * BATCH * STEPS, softmax = 6.0 * VOCAB * BATCH * STEPS;
    assert_true(with.classifier == products + softmax);
    /* 4 windows of 64: 64 * 65 / 2 pairs each; 4 and 10 FLOPs per pair and number, two layers of 32 */
    assert_true(with.attention == 14.0 * (64 * 65 / 2) * 4 * 32 * 2 * STEPS);
    assert_memory_equal(&with.loss, &without.loss, sizeof with.loss);
    lf_device_close(&device);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(adds_up, scratch_make, scratch_remove)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
