/* test_checkpoint.c - folders a run comes back to: what counts as whole, which one is the newest, which ones go; metrics cut to a step;
 * and that masked documents in one window have the losses they have alone. */
#include <math.h>

#include "data_tools.h"
#include "train/trainer.h"

#define assert_not_ok(call, says)                                                                                                          \
    do {                                                                                                                                   \
        lf_error e_ = {0}, *err = &e_;                                                                                                     \
        if ((call) == 0) fail_msg("%s: no error, expected \"%s\"", #call, says);                                                           \
        if (!strstr(e_.message, says)) fail_msg("%s: \"%s\" does not say \"%s\"", #call, e_.message, says);                                \
    } while (0)

static lf_device *device;
static lf_config config;

static int set_up(void **state)
{
    static const char *const keys[][2] = {{"model.vocab_size", "50"},
                                          {"model.hidden_size", "16"},
                                          {"model.intermediate_size", "24"},
                                          {"model.num_hidden_layers", "2"},
                                          {"model.num_attention_heads", "2"},
                                          {"model.num_key_value_heads", "1"},
                                          {"model.max_position_embeddings", "64"}};
    if (scratch_make(state)) return -1;
    lf_config_init(&config);
    for (size_t i = 0; i < LF_COUNT(keys); i++) assert_ok(lf_config_set(&config, keys[i][0], keys[i][1], "test", err));
    device = lf_device_open(&(lf_device_options){.threads = 1}, NULL);
    return device ? 0 : -1;
}

static int take_down(void **state)
{
    lf_device_close(&device);
    return scratch_remove(state);
}

static lf_model *new_model(uint64_t seed)
{
    lf_error err = {0};
    lf_model *m = lf__model_alloc(device, &config.model, true, LF_F32, false, &err);
    if (!m) fail_msg("%s", err.message);
    lf__model_init_weights(m, seed);
    lf__model_pack(m);
    return m;
}

/* State k of the optimizer is the weights times 2 + k: made so, or found so. */
static void each_state(const lf_model *m, const lf_optimizer *o, bool make)
{
    for (int i = 0; i < m->n_params; i++) {
        const lf_param *p = &m->params[i];
        const float *w = p->weight->t.data + p->row0 * p->cols;
        for (int k = 0; k < LF_STATES && o->slots[i].state[k]; k++)
            for (int j = 0; j < p->rows * p->cols; j++) {
                float *at = &o->slots[i].state[k][j];
                if (make) *at = (2 + k) * w[j];
                if (*at != (2 + k) * w[j]) fail_msg("state %d of %s[%d]", k, p->name, j);
            }
    }
}

/* A run folder with checkpoints of these steps (0 ends), all of one model whose moments are its weights times 2 and 3. */
static const char *new_run(const char *name, const int64_t *steps)
{
    const char *run = in_scratch(name);
    char dir[LF_PATH_MAX];
    lf_model *m = new_model(1);
    lf_optimizer o;
    assert_ok(lf__make_dirs(run, err));
    assert_ok(lf__optimizer_init(&o, m, &config.train, err));
    each_state(m, &o, true);
    for (; *steps; steps++)
        assert_ok(lf__checkpoint_save(
            dir, &(lf_checkpoint){.run_dir = run, .step = *steps, .model = m, .weights = m->data, .optimizer = &o, .config = &config},
            err));
    lf__optimizer_release(&o);
    lf_model_free(&m);
    return run;
}

static const char *join(const char *dir, const char *name)
{
    static char path[LF_PATH_MAX];
    assert_ok(lf__path_join(path, dir, name, err));
    return path;
}

/* Bytes [at, at + 1) of a file flipped in one bit, or the file cut there. */
static void flip(const char *path, size_t at)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, (long)at, SEEK_SET);
    int byte = fgetc(f);
    fseek(f, (long)at, SEEK_SET);
    fputc(byte ^ 4, f);
    assert_int_equal(fclose(f), 0);
}

static size_t size_of(const char *path)
{
    lf_map map;
    assert_ok(lf__map_open(&map, path, err));
    size_t n = map.size;
    lf__map_close(&map);
    return n;
}

/* ---- whole or not ----------------------------------------------------------------------------------------------------------------- */
static void every_file_counts(void **state)
{
    LF_UNUSED(state);
    static const char *const files[] = {"config.json", "model.safetensors", "generation_config.json", "trainer/optimizer.safetensors",
                                        "trainer/config.yaml"};
    const char *run = new_run("whole", (int64_t[]){7, 0});
    char dir[LF_PATH_MAX];
    int64_t step = 0;
    snprintf(dir, sizeof dir, "%s/checkpoints/step-000007", run);
    assert_ok(lf__checkpoint_verify(dir, &step, err));
    assert_int_equal(step, 7);
    for (size_t i = 0; i < LF_COUNT(files); i++) {
        const char *path = join(dir, files[i]);
        size_t n = size_of(path);
        for (size_t at = 0; at < n; at += LF_MAX(n / 5, 1)) {
            flip(path, at);
            assert_not_ok(lf__checkpoint_verify(dir, &step, err), files[i]);
            flip(path, at);
        }
        assert_ok(lf__checkpoint_verify(dir, &step, err));
        lf_buf kept;
        get(&kept, path);
        assert_int_equal(truncate(path, (off_t)(n / 2)), 0);
        assert_not_ok(lf__checkpoint_verify(dir, &step, err), "bytes");
        assert_int_equal(truncate(path, (off_t)n + 1), 0);
        assert_not_ok(lf__checkpoint_verify(dir, &step, err), "bytes");
        assert_int_equal(remove(path), 0);
        assert_not_ok(lf__checkpoint_verify(dir, &step, err), files[i]);
        assert_ok(lf__write_file(path, kept.data, kept.len, err));
        lf__buf_release(&kept);
        assert_ok(lf__checkpoint_verify(dir, &step, err));
    }
}

static void state_is_not_believed(void **state)
{
    LF_UNUSED(state);
    static const char *const states[] = {"",
                                         "{",
                                         "[]",
                                         "7",
                                         "{}",
                                         "{\"step\": 7}",
                                         "{\"step\": 7, \"files\": {}}",
                                         "{\"step\": -1, \"files\": {\"model.safetensors\": {}}}",
                                         "{\"step\": \"7\", \"files\": {\"model.safetensors\": {}}}",
                                         "{\"step\": 7, \"files\": {\"model.safetensors\": {}}}",
                                         "{\"step\": 7, \"files\": {\"model.safetensors\": {\"size\": -5, \"hash\": 3}}}",
                                         "{\"step\": 7, \"files\": {\"model.safetensors\": 12}}",
                                         "{\"step\": 7, \"files\": [\"model.safetensors\"]}"};
    const char *run = new_run("states", (int64_t[]){7, 0});
    char dir[LF_PATH_MAX], path[LF_PATH_MAX];
    int64_t step;
    snprintf(dir, sizeof dir, "%s/checkpoints/step-000007", run);
    assert_ok(lf__path_join(path, dir, "trainer/state.json", err));
    for (size_t i = 0; i < LF_COUNT(states); i++) {
        assert_ok(lf__write_file(path, states[i], strlen(states[i]), err));
        assert_not_ok(lf__checkpoint_verify(dir, &step, err), "");
    }
}

static void what_was_saved_comes_back(void **state)
{
    LF_UNUSED(state);
    const char *run = new_run("back", (int64_t[]){7, 0});
    char dir[LF_PATH_MAX];
    int64_t step = 0;
    snprintf(dir, sizeof dir, "%s/checkpoints/step-000007", run);
    lf_model *saved = new_model(1), *m = new_model(2);
    lf_optimizer o;
    assert_ok(lf__optimizer_init(&o, m, &config.train, err));
    assert_memory_not_equal(saved->data, m->data, m->n_floats * sizeof(float));
    assert_ok(lf__checkpoint_load(dir, m, &o, &step, NULL, err));
    assert_int_equal(step, 7);
    assert_memory_equal(saved->data, m->data, m->n_floats * sizeof(float));
    each_state(m, &o, false);
    lf__optimizer_release(&o);
    lf_model_free(&m);

    config.model.intermediate_size = 32; /* a model of another shape takes nothing */
    m = new_model(2);
    config.model.intermediate_size = 24;
    assert_ok(lf__optimizer_init(&o, m, &config.train, err));
    assert_not_ok(lf__checkpoint_load(dir, m, &o, &step, NULL, err), "shape");
    lf__optimizer_release(&o);
    lf_model_free(&m);
    lf_model_free(&saved);
}

/* ---- newest, rotation ---------------------------------------------------------------------------------------------------------------- */
static void expect_newest(const char *run, const char *name, const char *note_says)
{
    char dir[LF_PATH_MAX];
    lf_buf note;
    lf__buf_init(&note, 1 << 14);
    assert_ok(lf__checkpoint_newest(dir, run, &note, err));
    assert_string_equal(*dir ? lf__path_name(dir) : "", name);
    if (!*note_says && note.len) fail_msg("a note without need: %s", note.data);
    if (*note_says && (!note.len || !strstr(note.data, note_says))) fail_msg("\"%s\" does not say \"%s\"", note.data, note_says);
    lf__buf_release(&note);
}

static void the_newest_whole_one(void **state)
{
    LF_UNUSED(state);
    static const char *const foreign[] = {
        "step-", "step-abc", "step-000200x", "step--00300", "best", "step-99999999999999999999999", ".step-000400.tmp-1"};
    const char *run = in_scratch("newest"), *none;
    char path[LF_PATH_MAX];
    expect_newest(in_scratch("nowhere"), "", "");
    assert_ok(lf__make_dirs(run, err));
    expect_newest(run, "", "");
    new_run("newest", (int64_t[]){5, 10, 90, 1000000, 0});
    expect_newest(run, "step-1000000", ""); /* numbers, not text: step-1000000 sorts before step-000090 */
    for (size_t i = 0; i < LF_COUNT(foreign); i++) {
        snprintf(path, sizeof path, "%s/checkpoints/%s", run, foreign[i]);
        assert_ok(lf__make_dirs(path, err));
    }
    expect_newest(run, "step-1000000", "");
    snprintf(path, sizeof path, "%s/checkpoints/step-1000000/model.safetensors", run);
    flip(path, size_of(path) - 1);
    expect_newest(run, "step-000090", "step-1000000 was passed over");
    snprintf(path, sizeof path, "%s/checkpoints/step-000090/trainer/optimizer.safetensors", run);
    flip(path, 500);
    expect_newest(run, "step-000010", "step-000090 was passed over");

    none = new_run("none", (int64_t[]){5, 10, 0});
    for (int step = 5; step <= 10; step += 5) {
        snprintf(path, sizeof path, "%s/checkpoints/step-%06d/config.json", none, step);
        flip(path, 3);
    }
    assert_not_ok(lf__checkpoint_newest(path, none, NULL, err), "is whole");
}

static void rotation_spares_the_last(void **state)
{
    LF_UNUSED(state);
    const char *run = new_run("rotate", (int64_t[]){3, 30, 300, 3000, 0});
    char parent[LF_PATH_MAX], other[LF_PATH_MAX], **names;
    size_t n;
    snprintf(parent, sizeof parent, "%s/checkpoints", run);
    assert_ok(lf__path_join(other, parent, "best", err));
    assert_ok(lf__make_dirs(other, err));
    static const struct {
        int64_t keep, step;
        size_t left;
    } rounds[] = {{0, 3000, 5}, {9, 3000, 5}, {4, 3000, 5}, {1, 3, 5}, {3, 3000, 4}, {1, 300, 3}, {1, 300, 3}, {1, 3000, 2}};
    for (size_t i = 0; i < LF_COUNT(rounds); i++) {
        lf__checkpoint_rotate(run, rounds[i].keep, rounds[i].step); /* what lies after step counts for nothing */
        assert_ok(lf__list_dir(parent, &names, &n, err));
        assert_int_equal(n, rounds[i].left);
        lf__names_free(&names, n);
    }
    expect_newest(run, "step-003000", "");
}

/* ---- metrics ------------------------------------------------------------------------------------------------------------- */
static void metrics_are_cut_to_the_step(void **state)
{
    LF_UNUSED(state);
    static const struct {
        const char *before;
        int64_t step;
        const char *after;
    } cases[] = {
        {NULL, 5, ""},
        {"", 5, ""},
        {"{\"step\": 1}\n{\"step\": 2}\n", 2, "{\"step\": 1}\n{\"step\": 2}\n"},
        {"{\"step\": 1}\n{\"step\": 2}\n{\"step\": 3}\n", 2, "{\"step\": 1}\n{\"step\": 2}\n"},
        {"{\"step\": 1}\n{\"step\": 2}\n", 0, ""},
        {"{\"step\": 1}\n{\"step\": 2", 2, "{\"step\": 1}\n"},             /* a torn last write */
        {"{\"step\": 1}\n{\"step\": 2}", 2, "{\"step\": 1}\n"},            /* its newline missing */
        {"{\"step\": 1}\n{\"step\": 2, \"lo\n", 2, "{\"step\": 1}\n"},     /* a line that does not end */
        {"{\"step\": 1}\ngarbage\n{\"step\": 2}\n", 2, "{\"step\": 1}\n"}, /* nothing after it can be trusted */
        {"{\"step\": 1}\n\n{\"step\": 2}\n", 2, "{\"step\": 1}\n"},
        {"{\"step\": 9999999999999999999999}\n", 2, ""},
        {"\n", 2, ""},
    };
    for (size_t i = 0; i < LF_COUNT(cases); i++) {
        char name[32];
        snprintf(name, sizeof name, "metrics-%zu", i);
        const char *run = in_scratch(name), *path = join(run, "metrics.jsonl");
        assert_ok(lf__make_dirs(run, err));
        if (cases[i].before) assert_ok(lf__write_file(path, cases[i].before, strlen(cases[i].before), err));
        lf_error err = {0};
        FILE *f = lf__metrics_open(run, cases[i].step, &err);
        if (!f) fail_msg("case %zu: %s", i, err.message);
        lf_train_metrics m = {.step = cases[i].step + 1,
                              .loss = 2.5,
                              .lr = NAN,
                              .grad_norm = NAN,
                              .tokens_per_second = NAN,
                              .val_loss = NAN,
                              .val_bpb = NAN,
                              .val_floor_bpb = NAN};
        assert_int_equal(lf__metrics_write(f, run, &m, &err), 0);
        fclose(f);
        lf_buf now;
        char expected[256];
        snprintf(expected, sizeof expected, "%s{\"step\": %d, \"loss\": 2.5}\n", cases[i].after, (int)cases[i].step + 1);
        get(&now, join(run, "metrics.jsonl"));
        if (strcmp(now.data, expected) != 0) fail_msg("case %zu:\n%sexpected\n%s", i, now.data, expected);
        lf__buf_release(&now);
    }
}

/* ---- document mask ------------------------------------------------------------------------------------------------------- */
enum { SEQ = 64, TOKENS = 2000, END = 49 };

static void masked_documents_have_the_losses_they_have_alone(void **state)
{
    LF_UNUSED(state);
    int32_t ids[TOKENS], tokens[SEQ], targets[SEQ], positions[SEQ], starts[SEQ + 1], one[2] = {0};
    float packed[SEQ], alone[SEQ];
    lf_rng rng = lf__rng_make(3, 4);
    uint64_t documents = 1;
    for (int i = 0; i < TOKENS; i++) {
        ids[i] = lf__rng_below(&rng, 9) ? (int32_t)lf__rng_below(&rng, END) : END; /* documents of nine tokens, some empty */
        if (i == TOKENS - 1) ids[i] = 1;
        documents += ids[i] == END;
    }
    lf_shards *shards = open_ok(put_shards("mask", ids, TOKENS, documents, LF_SHARD_UINT16, TOKENS, END), "train");
    lf_loader loader = {.shards = shards, .seq_len = SEQ, .seed = 5, .end_token = END, .document_mask = true};
    lf_model *m = new_model(6);
    lf_model_ctx c;
    for (int i = 0; i < SEQ; i++) positions[i] = i, tokens[i] = targets[i] = 0;
    one[1] = SEQ;
    lf_batch shape = {.n_tokens = SEQ, .n_seqs = 1, .tokens = tokens, .positions = positions, .seq_start = one, .targets = targets};
    assert_ok(lf__model_ctx_init(&c, m, &shape, false, err));
    int sequences = 0, differs = 0;
    for (uint64_t k = 0; k < lf_loader_windows(&loader); k++) {
        lf_error err = {0};
        int n = lf_loader_window(&loader, k, tokens, targets, positions, starts, &err);
        if (n < 1) fail_msg("%s", err.message);
        starts[n] = SEQ;
        sequences += n;
        lf_batch batch = {.n_tokens = SEQ,
                          .n_seqs = n,
                          .tokens = tokens,
                          .positions = positions,
                          .seq_start = starts,
                          .targets = targets,
                          .loss_scale = 1};
        double sum = lf__model_loss(m, &c.ctx, &batch, packed), parts = 0;
        for (int s = 0; s < n; s++) {
            int at = starts[s], rows = starts[s + 1] - at;
            one[1] = rows;
            lf_batch document = {.n_tokens = rows,
                                 .n_seqs = 1,
                                 .tokens = tokens + at,
                                 .positions = positions + at,
                                 .seq_start = one,
                                 .targets = targets + at,
                                 .loss_scale = 1};
            for (int i = 0; i < rows; i++) assert_int_equal(positions[at + i], i);
            parts += lf__model_loss(m, &c.ctx, &document, alone);
            for (int i = 0; i < rows; i++)
                if (targets[at + i] >= 0 && memcmp(&packed[at + i], &alone[i], sizeof(float)) != 0)
                    fail_msg("window %d, row %d: %.9g packed, %.9g alone", (int)k, at + i, (double)packed[at + i], (double)alone[i]);
        }
        assert_true(fabs(sum - parts) < 1e-6 * parts);
        one[1] = SEQ;
        for (int i = 0; i < SEQ; i++) positions[i] = i;
        lf_batch joined = {
            .n_tokens = SEQ, .n_seqs = 1, .tokens = tokens, .positions = positions, .seq_start = one, .targets = targets, .loss_scale = 1};
        lf__model_loss(m, &c.ctx, &joined, alone);
        differs += memcmp(packed, alone, sizeof packed) != 0;
        assert_int_equal(lf__failed(&c.ctx), 0);
    }
    assert_true(sequences > (int)lf_loader_windows(&loader) * 4); /* the windows did hold several documents */
    assert_true(differs > 0);                                     /* and the mask did something             */
    lf__model_ctx_release(&c);
    lf_model_free(&m);
    lf_shards_close(&shards);
}

/* The best stays whatever rotation takes; a worse one does not replace it, and one that lies ahead of a run that went back does not count.
 */
static void best_is_spared(void **state)
{
    LF_UNUSED(state);
    const char *run = new_run("best", (int64_t[]){10, 20, 30, 40, 50, 0});
    char dir[LF_PATH_MAX];
    assert_not_ok(lf_checkpoint_find(dir, sizeof dir, run, "best", err), "no best checkpoint");
    assert_ok(lf__checkpoint_mark_best(run, 10, 3.5, err));
    assert_ok(lf__checkpoint_mark_best(run, 20, 1.25, err));
    assert_ok(lf__checkpoint_mark_best(run, 30, 1.5, err));
    assert_ok(lf_checkpoint_find(dir, sizeof dir, run, "best", err));
    assert_string_equal(lf__path_name(dir), "step-000020");
    lf__checkpoint_rotate(run, 1, 50);
    assert_ok(lf_checkpoint_find(dir, sizeof dir, run, "best", err));
    assert_string_equal(lf__path_name(dir), "step-000020");
    assert_not_ok(lf_checkpoint_find(dir, sizeof dir, run, "step-40", err), "no checkpoint of step 40");
    assert_ok(lf_checkpoint_find(dir, sizeof dir, run, "last", err));
    assert_string_equal(lf__path_name(dir), "step-000050");
    const char *again = new_run("best-again", (int64_t[]){10, 20, 0});
    assert_ok(lf__checkpoint_mark_best(again, 20, 1.0, err));
    assert_ok(lf__checkpoint_mark_best(again, 10, 2.0, err)); /* the run came by 10 once more */
    assert_ok(lf_checkpoint_find(dir, sizeof dir, again, "best", err));
    assert_string_equal(lf__path_name(dir), "step-000010");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_is_spared),
        cmocka_unit_test(every_file_counts),
        cmocka_unit_test(state_is_not_believed),
        cmocka_unit_test(what_was_saved_comes_back),
        cmocka_unit_test(the_newest_whole_one),
        cmocka_unit_test(rotation_spares_the_last),
        cmocka_unit_test(metrics_are_cut_to_the_step),
        cmocka_unit_test(masked_documents_have_the_losses_they_have_alone),
    };
    return cmocka_run_group_tests(tests, set_up, take_down);
}
