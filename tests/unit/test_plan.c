/* test_plan.c - a plan is what the run will reserve, arena by arena to the byte; it writes nothing; what does not fit is said before
 * anything is touched, with options that do fit. */
#include <math.h>

#include "data_tools.h"
#include "train/trainer.h"

static lf_device *device;

static int set_up(void **state)
{
    if (scratch_make(state)) return -1;
    device = lf_device_open(&(lf_device_options){.threads = 1}, NULL);
    assert_ok(lf_synth_write(in_scratch("s.txt"), &(lf_synth_options){.lang = "mix", .bytes = 200000, .seed = 1, .threads = 1}, NULL, err));
    const char *text = in_scratch("s.txt");
    lf_tokenizer *t = lf_tokenizer_train(&text, 1, &(lf_tokenizer_train_options){.mode = "bpe", .vocab_size = 300, .threads = 1}, NULL);
    assert_non_null(t);
    assert_ok(lf_prepare(in_scratch("shards"), &text, 1, t, &(lf_prepare_options){.val_fraction = 0.05, .threads = 1}, NULL, NULL, err));
    lf_tokenizer_free(&t);
    return device ? 0 : -1;
}

static int take_down(void **state)
{
    lf_device_close(&device);
    return scratch_remove(state);
}

static void set(lf_config *c, const char *key, const char *value) { assert_ok(lf_config_set(c, key, value, "test", err)); }

/* A small run on the shards, with pairs of key and value over it (NULL ends). */
static void configure(lf_config *c, const char *const *pairs)
{
    static const char *const small[] = {"model.hidden_size",
                                        "32",
                                        "model.intermediate_size",
                                        "48",
                                        "model.num_hidden_layers",
                                        "2",
                                        "model.num_attention_heads",
                                        "4",
                                        "model.max_position_embeddings",
                                        "64",
                                        "train.batch_tokens",
                                        "512",
                                        "train.steps",
                                        "2",
                                        "train.warmup_steps",
                                        "1",
                                        "train.eval_documents",
                                        "2",
                                        "train.sample_every",
                                        "0"};
    lf_config_init(c);
    set(c, "data.train", in_scratch("shards"));
    for (size_t i = 0; i < LF_COUNT(small); i += 2) set(c, small[i], small[i + 1]);
    for (; *pairs; pairs += 2) set(c, pairs[0], strcmp(pairs[1], "TEXT") == 0 ? in_scratch("s.txt") : pairs[1]);
}

typedef struct seen {
    lf_train_arena arenas[LF_TRAIN_ARENAS];
    int n;
    uint64_t bytes;
} seen;

static void on_start(const lf_train_start *s, void *user)
{
    seen *here = user;
    here->n = s->n_arenas, here->bytes = s->arena_bytes;
    memcpy(here->arenas, s->arenas, sizeof *s->arenas * (size_t)s->n_arenas);
}

static void equals_the_run(void **state)
{
    LF_UNUSED(state);
    static const char *const cases[][9] = {
        {NULL},
        {"data.document_mask", "true", "train.micro_batch_tokens", "128", NULL},
        {"train.optimizer", "muon", "model.tie_word_embeddings", "false", NULL},
        {"train.dtype", "auto", "model.use_qk_norm", "true", NULL},
        {"train.ema_decay", "0.99", "train.optimizer", "lion", "model.model_type", "gpt2", NULL},
        {"model.num_key_value_heads", "2", "train.seq_len", "32", "model.vocab_size", "1003", NULL},
        {"train.recompute", "block", "model.num_hidden_layers", "5", NULL},
        {"train.checkpoint_every", "1", "train.optimizer", "muon", "train.ema_decay", "0.9", "train.skip_zscore", "5", NULL},
        {"data.train", "TEXT", "data.tokenizer_mode", "char", NULL},
        {"data.train", "TEXT", "data.tokenizer_vocab_size", "400", "data.val_fraction", "0.02", NULL},
        {"data.train", "TEXT", "data.val", "TEXT", NULL},
    };
    lf_config *c = malloc(sizeof *c);
    for (size_t i = 0; i < LF_COUNT(cases); i++) {
        char name[32];
        lf_plan plan;
        seen run = {0};
        snprintf(name, sizeof name, "run-%zu", i);
        configure(c, cases[i]);
        set(c, "run.dir", in_scratch(name));
        assert_ok(lf_plan_run(&plan, device, c, 0, NULL, err));
        assert_false(lf__path_exists(in_scratch(name)));
        assert_ok(lf_train_run(device, c, &(lf_train_hooks){.user = &run, .on_start = on_start}, err));
        assert_int_equal(plan.n_arenas, run.n);
        for (int k = 0; k < run.n; k++) {
            assert_string_equal(plan.arenas[k].name, run.arenas[k].name);
            assert_int_equal(plan.arenas[k].bytes, run.arenas[k].bytes);
        }
        assert_int_equal(plan.bytes, run.bytes);
        assert_true(plan.fits);
        assert_string_equal(plan.advice, "");
    }
    free(c);
}

static void counts(void **state)
{
    LF_UNUSED(state);
    lf_config *c = malloc(sizeof *c);
    lf_plan plan;
    configure(c, (const char *const[]){"model.vocab_size", "300", "data.train", "", NULL});
    assert_ok(lf_plan_run(&plan, device, c, 0.05, NULL, err));
    /* per layer: q, k, v, o 32x32; gate, up, down 32x48; two norms. Head tied, one norm at the end. */
    int64_t matmul = 2 * (4 * 32 * 32 + 3 * 32 * 48) + 300 * 32;
    assert_int_equal(plan.matmul_parameters, matmul);
    assert_int_equal(plan.parameters, matmul + 2 * 2 * 32 + 32);
    assert_true(plan.flops_per_token == 6.0 * matmul + 12.0 * 2 * 32 * 64);
    assert_true(plan.causal_flops_per_token == 6.0 * matmul + 6.0 * 2 * 32 * 64);
    assert_int_equal(plan.train_tokens, 0);
    assert_true(strstr(plan.note, "no data") != NULL);
    assert_true(plan.step_seconds > 0 && plan.tokens_per_second > 0 && plan.peak_gflops > 0 && plan.eta >= 2 * plan.step_seconds);
    free(c);
}

static void what_does_not_fit(void **state)
{
    LF_UNUSED(state);
    char key[32], value[64];
    lf_config *c = malloc(sizeof *c);
    lf_plan plan, again;
    /* Activations of the whole batch: more than there is. The advice, taken, fits. */
    int64_t rows = 1 << 12;
    do {
        rows *= 2;
        snprintf(value, sizeof value, "%lld", (long long)rows);
        configure(c, (const char *const[]){"model.vocab_size", "300", "data.train", "", "train.batch_tokens", value,
                                           "train.micro_batch_tokens", value, "model.hidden_size", "1024", "model.intermediate_size",
                                           "4096", NULL});
        assert_ok(lf_plan_run(&plan, device, c, 0, NULL, err));
    } while (plan.fits);
    assert_ok(lf_plan_run(&plan, device, c, 1, NULL, err)); /* not tried */
    assert_true(plan.step_seconds == 0);
    assert_int_equal(sscanf(plan.advice, "--%31s %63s", key, value), 2);
    assert_string_equal(key, "train.micro_batch_tokens");
    set(c, key, value);
    assert_ok(lf_plan_run(&again, device, c, 0, NULL, err));
    assert_true(again.fits);
    assert_int_equal(again.bytes, plan.advice_bytes);

    /* A vocabulary as large as the machine: each arena fits, their sum does not, and a run says so before it reserves. */
    lf_error e = {0};
    snprintf(value, sizeof value, "%llu", (unsigned long long)(lf_memory_total() / 5 / 4096));
    configure(c, (const char *const[]){"model.vocab_size", value, "model.hidden_size", "1024", NULL});
    set(c, "run.dir", in_scratch("too-large"));
    assert_int_equal(lf_train_run(device, c, NULL, &e), -1);
    assert_int_equal(e.code, LF_E_MEMORY);
    assert_non_null(strstr(e.message, "this run needs"));
    assert_false(lf__path_exists(in_scratch("too-large")));
    assert_ok(lf_plan_run(&plan, device, c, 0, NULL, err));
    assert_false(plan.fits);
    for (int i = 0; i < plan.n_arenas; i++) assert_true(plan.arenas[i].bytes < plan.memory_total);
    free(c);
}

/* auto: blocks are made again only where keeping them does not fit; and what is not enough even so is refused with both numbers. */
static void recompute(void **state)
{
    LF_UNUSED(state);
    static const char *const how[] = {"none", "block", "auto", "auto"};
    uint64_t bytes[4];
    char limit[32];
    lf_error e = {0};
    lf_plan plan;
    lf_config *c = malloc(sizeof *c);
    configure(c, (const char *const[]){"model.num_hidden_layers", "8", NULL});
    for (int i = 0; i < 4; i++) {
        snprintf(limit, sizeof limit, "%llu", i == 3 ? (unsigned long long)(bytes[0] + bytes[1]) / 2 : 0ull);
        set(c, "train.recompute", how[i]);
        set(c, "train.memory_limit", limit);
        assert_ok(lf_plan_run(&plan, device, c, 0, NULL, err));
        assert_true(plan.fits);
        bytes[i] = plan.bytes;
    }
    assert_true(bytes[1] < bytes[0] * 3 / 4);
    assert_true(bytes[2] == bytes[0] && bytes[3] == bytes[1]);
    snprintf(limit, sizeof limit, "%llu", (unsigned long long)bytes[1] - 1);
    set(c, "train.memory_limit", limit);
    set(c, "run.dir", in_scratch("limited"));
    assert_int_equal(lf_train_run(device, c, NULL, &e), -1);
    assert_int_equal(e.code, LF_E_MEMORY);
    assert_non_null(strstr(e.message, "blocks recomputed; train.memory_limit is"));
    /* The smallest limit that can be met is named, and is the smallest: the run does one step in it, and none in a byte less. */
    unsigned long long least = 0;
    const char *said = strstr(e.message, "can be trained is");
    assert_non_null(said);
    assert_int_equal(sscanf(strchr(said, '('), "(%llu bytes)", &least), 1);
    assert_ok(lf_plan_run(&plan, device, c, 0, NULL, err));
    assert_true(plan.least_bytes == least && least < bytes[1]);
    set(c, "train.recompute", "block");
    snprintf(limit, sizeof limit, "%lld", (long long)plan.seq_len);
    set(c, "train.micro_batch_tokens", limit);
    set(c, "train.steps", "1");
    for (int less = 1; less >= 0; less--) {
        snprintf(limit, sizeof limit, "%llu", least - (unsigned)less);
        set(c, "train.memory_limit", limit);
        e = (lf_error){0};
        assert_int_equal(lf_train_run(device, c, NULL, &e), less ? -1 : 0);
        if (less) assert_int_equal(e.code, LF_E_MEMORY);
    }
    free(c);
}

static bool yes(void *user)
{
    LF_UNUSED(user);
    return true;
}

/* Workload L: what depends on the length of a window grows in proportion to it. */
static void linear_in_length(void **state)
{
    LF_UNUSED(state);
    static const char *const how[] = {"none", "block"};
    lf_config *c = malloc(sizeof *c);
    lf_plan plan;
    char length[16];
    for (int r = 0; r < 2; r++) {
        double before = 0;
        for (int t = 1024; t <= 8192; t *= 2) {
            double grows = 0;
            snprintf(length, sizeof length, "%d", t);
            lf_config_init(c);
            assert_ok(lf_config_load(c, "L", err));
            set(c, "model.vocab_size", "32000");
            set(c, "model.max_position_embeddings", length);
            set(c, "train.batch_tokens", length);
            set(c, "train.recompute", how[r]);
            assert_ok(lf_plan_run(&plan, device, c, 0, NULL, err));
            for (int i = 0; i < plan.n_arenas; i++)
                if (strcmp(plan.arenas[i].name, "step") == 0 || strcmp(plan.arenas[i].name, "scratch") == 0)
                    grows += (double)plan.arenas[i].bytes;
            assert_true(grows < 2.01 * before || t == 1024);
            before = grows;
        }
    }
    free(c);
}

static void mistakes(void **state)
{
    LF_UNUSED(state);
    lf_config *c = malloc(sizeof *c);
    lf_plan plan;
    lf_error e = {0};
    configure(c, (const char *const[]){"data.train", "", NULL});
    assert_int_equal(lf_plan_run(&plan, device, c, 0, NULL, &e), -1);
    assert_non_null(strstr(e.hint, "--model.vocab_size"));
    e = (lf_error){0};
    configure(c, (const char *const[]){"model.num_attention_heads", "5", NULL});
    assert_int_equal(lf_plan_run(&plan, device, c, 0, NULL, &e), -1);
    assert_int_equal(e.code, LF_E_CONFIG);
    e = (lf_error){0};
    configure(c, (const char *const[]){"train.batch_tokens", "1000000", "train.micro_batch_tokens", "64", "train.seq_len", "64", NULL});
    assert_int_equal(lf_plan_run(&plan, device, c, 0, NULL, &e), -1); /* fewer tokens than a batch, as the run says */
    assert_non_null(strstr(e.message, "too few for one batch"));
    e = (lf_error){0};
    configure(c, (const char *const[]){NULL});
    assert_int_equal(lf_plan_run(&plan, device, c, 1, &(lf_train_hooks){.should_stop = yes}, &e), -1);
    assert_int_equal(e.code, LF_E_INTERRUPTED);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_run), cmocka_unit_test(counts),           cmocka_unit_test(what_does_not_fit),
        cmocka_unit_test(recompute),      cmocka_unit_test(linear_in_length), cmocka_unit_test(mistakes),
    };
    return cmocka_run_group_tests(tests, set_up, take_down);
}
