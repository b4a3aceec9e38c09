/* test_saver.c - checkpoints written beside the training: the bits of those written between two steps, steps that go on meanwhile, a
 * failure said at the next step, and nothing under way when the run returns. */
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data_tools.h"
#include "train/trainer.h"

static lf_device *device;
static lf_config *c;

static int set_up(void **state)
{
    if (scratch_make(state)) return -1;
    device = lf_device_open(&(lf_device_options){.threads = 1}, NULL);
    c = calloc(1, sizeof *c);
    assert_ok(lf_synth_write(in_scratch("s.txt"), &(lf_synth_options){.lang = "mix", .bytes = 100000, .seed = 1, .threads = 1}, NULL, err));
    return device && c ? 0 : -1;
}

static int take_down(void **state)
{
    lf_device_close(&device);
    free(c);
    return scratch_remove(state);
}

static void set(const char *key, const char *value) { assert_ok(lf_config_set(c, key, value, "test", err)); }

/* A run in the folder `name`, with pairs of key and value over what is small (NULL ends). */
static void configure(const char *name, const char *const *pairs)
{
    static const char *const small[][2] = {
        {"data.tokenizer_mode", "char"},    {"model.hidden_size", "32"},
        {"model.intermediate_size", "48"},  {"model.num_hidden_layers", "1"},
        {"model.num_attention_heads", "4"}, {"model.max_position_embeddings", "64"},
        {"train.batch_tokens", "128"},      {"train.steps", "9"},
        {"train.warmup_steps", "1"},        {"train.eval_every", "0"},
        {"train.eval_documents", "2"},      {"train.sample_every", "0"},
        {"train.checkpoint_every", "2"},    {"train.keep_last", "9"},
    };
    lf_config_init(c);
    set("data.train", in_scratch("s.txt"));
    set("run.dir", in_scratch(name));
    for (size_t i = 0; i < LF_COUNT(small); i++) set(small[i][0], small[i][1]);
    for (; *pairs; pairs += 2) set(pairs[0], pairs[1]);
}

static const char *in_run(const char *run, const char *name)
{
    static char path[LF_PATH_MAX];
    assert_ok(lf__path_join(path, in_scratch(run), name, err));
    return path;
}

/* What a run did, in order: 7 for step 7, -4 for the checkpoint of step 4 on disk. */
typedef struct seen {
    int events[64], n;
    uint64_t staging;
    double before;               /* seconds of the run at the last step                              */
    double least_ratio, written; /* least halt / step that follows a checkpoint; seconds of writing */
    int64_t every, last, stop_at;
    const char *break_run; /* its checkpoints folder becomes a file after the first */
} seen;

static void on_start(const lf_train_start *s, void *user)
{
    seen *here = user;
    for (int i = 0; i < s->n_arenas; i++)
        if (strcmp(s->arenas[i].name, "staging") == 0) here->staging = s->arenas[i].bytes;
    here->least_ratio = INFINITY;
}

static void on_step(const lf_train_metrics *m, void *user)
{
    seen *here = user;
    double step = (double)(m->tokens / m->step) / m->tokens_per_second, halt = m->seconds - here->before - step;
    if (here->every && m->step > 1 && (m->step - 1) % here->every == 0) here->least_ratio = LF_MIN(here->least_ratio, halt / step);
    here->before = m->seconds, here->last = m->step;
    here->events[here->n++] = (int)m->step;
}

static void on_checkpoint(int64_t step, const char *dir, double seconds, void *user)
{
    seen *here = user;
    int64_t found;
    assert_ok(lf__checkpoint_verify(dir, &found, err));
    assert_int_equal(found, step);
    here->events[here->n++] = -(int)step;
    here->written = seconds;
    if (!here->break_run) return;
    char kept[LF_PATH_MAX];
    snprintf(kept, sizeof kept, "%s", in_run(here->break_run, "kept"));
    assert_int_equal(rename(in_run(here->break_run, "checkpoints"), kept), 0);
    assert_ok(lf__write_file(in_run(here->break_run, "checkpoints"), "in the way", 10, err));
    here->break_run = NULL;
}

static bool should_stop(void *user)
{
    const seen *here = user;
    return here->stop_at && here->last == here->stop_at;
}

static int train(seen *s, lf_error *err)
{
    return lf_train_run(
        device, c,
        &(lf_train_hooks){.user = s, .on_start = on_start, .on_step = on_step, .on_checkpoint = on_checkpoint, .should_stop = should_stop},
        err);
}

static int place_of(const seen *s, int event)
{
    for (int i = 0; i < s->n; i++)
        if (s->events[i] == event) return i;
    fail_msg("%d did not happen", event);
    return -1;
}

static void same_file(const char *a, const char *b, const char *name)
{
    lf_map x, y;
    assert_ok(lf__map_open(&x, in_run(a, name), err));
    assert_ok(lf__map_open(&y, in_run(b, name), err));
    if (x.size != y.size || memcmp(x.data, y.data, x.size) != 0) fail_msg("%s is another in %s than in %s", name, a, b);
    lf__map_close(&x);
    lf__map_close(&y);
}

/* ---- the same files --------------------------------------------------------------------------------------------------------------- */
static void same_bits(void **state)
{
    LF_UNUSED(state);
    static const char *const kinds[][9] = {
        {NULL},
        {"train.ema_decay", "0.9", "train.skip_zscore", "4", "train.optimizer", "muon", NULL},
        {"model.model_type", "gpt2", "train.optimizer", "lion", NULL}, /* its matrices lie transposed in files */
    };
    static const char *const files[] = {"model.safetensors", "trainer/optimizer.safetensors", "config.json", "tokenizer.json",
                                        "generation_config.json"};
    char name[128], limit[32], beside[32], between[32];
    for (size_t k = 0; k < LF_COUNT(kinds); k++) {
        lf_plan plan;
        seen a = {0}, b = {0};
        snprintf(beside, sizeof beside, "beside-%zu", k);
        snprintf(between, sizeof between, "between-%zu", k);
        configure(beside, kinds[k]);
        assert_ok(train(&a, err));
        assert_ok(lf_plan_run(&plan, device, c, 0, NULL, err));
        assert_true(a.staging > 0);
        /* Where there is no memory for the copy, checkpoints are written between two steps. */
        configure(between, kinds[k]);
        snprintf(limit, sizeof limit, "%llu", (unsigned long long)plan.bytes - 1);
        set("train.memory_limit", limit);
        assert_ok(train(&b, err));
        assert_true(b.staging == 0);
        for (int step = 2; step <= 9; step += step == 8 ? 1 : 2) {
            for (size_t i = 0; i < LF_COUNT(files); i++) {
                snprintf(name, sizeof name, "checkpoints/step-%06d/%s", step, files[i]);
                same_file(beside, between, name);
            }
            if (step < 9) assert_true(place_of(&a, -step) > place_of(&a, step + 1)); /* the next step was done meanwhile */
            assert_true(place_of(&b, -step) == place_of(&b, step) + 1);
        }
    }
    /* No checkpoint but the last: no copy. */
    static const char *const last_only[] = {"0", "9", "10"};
    for (size_t i = 0; i < LF_COUNT(last_only); i++) {
        seen s = {0};
        snprintf(name, sizeof name, "last-only-%zu", i);
        configure(name, (const char *const[]){"train.checkpoint_every", last_only[i], NULL});
        assert_ok(train(&s, err));
        assert_true(s.staging == 0);
        assert_int_equal(s.events[s.n - 1], -9);
    }
}

/* ---- failing, stopping ------------------------------------------------------------------------------------------------------------ */
static void a_writer_that_fails(void **state)
{
    LF_UNUSED(state);
    lf_error e = {0}, direct = {0};
    int64_t found;
    seen s = {.break_run = "broken-a"};
    configure("broken-a", (const char *const[]){"train.steps", "40", NULL});
    assert_int_equal(train(&s, &e), -1);
    assert_int_equal(e.code, LF_E_IO);
    int last = s.events[s.n - 1]; /* that of step 4 failed: said after the next step, or when the next one is due */
    assert_true(last == 5 || last == 6);
    assert_ok(lf__checkpoint_verify(in_run("broken-a", "kept/step-000002"), &found, err));
    /* The sentence is that of a checkpoint written between two steps. */
    seen again = {.break_run = "broken-b"};
    configure("broken-b", (const char *const[]){"train.steps", "40", NULL});
    lf_plan plan;
    char limit[32];
    assert_ok(lf_plan_run(&plan, device, c, 0, NULL, err));
    snprintf(limit, sizeof limit, "%llu", (unsigned long long)plan.bytes - 1);
    set("train.memory_limit", limit);
    assert_int_equal(train(&again, &direct), -1);
    assert_int_equal(direct.code, e.code);
    for (char *at = e.message; (at = strstr(at, "broken-a")) != NULL; at += 8) at[7] = 'b';
    assert_string_equal(e.message, direct.message);
}

static void a_stop_waits(void **state)
{
    LF_UNUSED(state);
    lf_error e = {0};
    int64_t found;
    seen s = {.stop_at = 3};
    configure("stopped", (const char *const[]){NULL});
    assert_int_equal(train(&s, &e), -1);
    assert_int_equal(e.code, LF_E_INTERRUPTED);
    assert_int_equal(s.n, 5); /* 1 2 3, then both checkpoints in their order */
    assert_int_equal(place_of(&s, -3), 4);
    assert_true(place_of(&s, -2) == 3);
    assert_ok(lf__checkpoint_verify(in_run("stopped", "checkpoints/step-000002"), &found, err));
    seen rest = {0};
    assert_ok(train(&rest, err));
    assert_int_equal(rest.events[0], 4);
    same_file("stopped", "beside-0", "checkpoints/step-000008/model.safetensors");
}

/* ---- the halt --------------------------------------------------------------------------------------------------------------------- */
/* 2 million weights, 24 MB of checkpoint: the step after one waits for less than itself. The best of several: the machine may be busy. */
static void the_halt(void **state)
{
    LF_UNUSED(state);
    seen s = {.every = 3};
    configure("halt", (const char *const[]){"model.hidden_size", "256", "model.intermediate_size", "768", "model.num_hidden_layers", "2",
                                            "train.keep_last", "1", "train.batch_tokens", "512", "train.checkpoint_every", "3", NULL});
    assert_ok(train(&s, err));
    print_message("the halt for a checkpoint of %.1f MB is %.2f of a step; writing the last one took %.3f s\n", 1e-6 * (double)s.staging,
                  s.least_ratio, s.written);
    assert_true(s.least_ratio < 1);
}

/* ---- the speed ---------------------------------------------------------------------------------------------------------------------- */
/* Seconds of the same bytes past the page cache: room made first, whole blocks, one sync. What a checkpoint is held against. */
static double write_raw(const char *path, const char *block, size_t block_bytes, size_t bytes)
{
    double start = lf__now();
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_DIRECT, 0600);
    if (fd < 0) return NAN; /* a file system without direct writes */
    assert_int_equal(fallocate(fd, 0, 0, (off_t)bytes), 0);
    for (size_t at = 0; at < bytes; at += block_bytes) assert_int_equal(pwrite(fd, block, block_bytes, (off_t)at), (ssize_t)block_bytes);
    assert_int_equal(fsync(fd), 0);
    close(fd);
    double seconds = lf__now() - start;
    unlink(path);
    return seconds;
}

static int by_size(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

/* By turns with raw writes of the same size. SAVE_SPEED=1: workload M, 11 rounds; else a smaller one, once: nothing is asked of its time.
 */
static void the_speed(void **state)
{
    LF_UNUSED(state);
    enum { ROUNDS = 11, BLOCK = 8 << 20 };
    bool asked = getenv("SAVE_SPEED") != NULL;
    int rounds = asked ? ROUNDS : 1;
    double save[ROUNDS], raw[ROUNDS], ratio[ROUNDS];
    char disk[] = "/tmp/foundry-saver-XXXXXX", file[64], dir[LF_PATH_MAX], *block = NULL; /* in_scratch may be memory */
    lf_trainer t = {0};
    int64_t found;
    assert_non_null(mkdtemp(disk));
    snprintf(file, sizeof file, "%s/raw", disk);
    configure("speed", (const char *const[]){"model.hidden_size", asked ? "512" : "256", "model.intermediate_size", "1408",
                                             "model.vocab_size", asked ? "32000" : "4096", "model.num_hidden_layers", asked ? "8" : "2",
                                             "model.tie_word_embeddings", "false", NULL});
    assert_ok(lf__trainer_init(&t, device, c, NULL, false, false, err));
    lf__model_init_weights(t.model, 1);
    lf_checkpoint what = {
        .run_dir = disk, .step = 1, .val_loss = NAN, .model = t.model, .weights = t.model->data, .optimizer = &t.optimizer, .config = c};
    size_t bytes = lf__round_up(3 * t.model->n_floats * sizeof(float), BLOCK);
    assert_int_equal(posix_memalign((void **)&block, 4096, BLOCK), 0);
    memset(block, 'x', BLOCK);
    for (int i = 0; i < rounds; i++) {
        raw[i] = write_raw(file, block, BLOCK, bytes);
        what.step = i + 1;
        double start = lf__now();
        assert_ok(lf__checkpoint_save(dir, &what, err));
        save[i] = lf__now() - start;
        ratio[i] = raw[i] / save[i];
        assert_ok(lf__checkpoint_verify(dir, &found, err)); /* what was hashed on the way is what is there */
        assert_ok(lf__remove_tree(dir, err));
        if (asked) print_message("%.3f s raw, %.3f s saved: %.0f%%\n", raw[i], save[i], 100 * ratio[i]);
    }
    qsort(raw, (size_t)rounds, sizeof *raw, by_size);
    qsort(save, (size_t)rounds, sizeof *save, by_size);
    qsort(ratio, (size_t)rounds, sizeof *ratio, by_size);
    print_message(
        "a checkpoint of %.0f MB is written with %.0f MB/s, %.0f%% of raw direct writes (pair by pair %.0f%%); best %.0f of %.0f\n",
        1e-6 * (double)bytes, 1e-6 * (double)bytes / save[rounds / 2], 100 * raw[rounds / 2] / save[rounds / 2], 100 * ratio[rounds / 2],
        1e-6 * (double)bytes / save[0], 1e-6 * (double)bytes / raw[0]);
    free(block);
    lf__trainer_release(&t);
    assert_ok(lf__remove_tree(disk, err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_bits), cmocka_unit_test(a_writer_that_fails), cmocka_unit_test(a_stop_waits),
                                       cmocka_unit_test(the_halt), cmocka_unit_test(the_speed)};
    return cmocka_run_group_tests(tests, set_up, take_down);
}
