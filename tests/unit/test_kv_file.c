/* test_kv_file.c - what one engine has read is found again by the next through a file, to the bit; and a file that is cut, damaged or
 * somebody else's is refused with a sentence, and leaves every page where it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/base.h"
#include "foundry/infer.h"
#include "model/model.h"

enum { VOCAB = 100, CONTEXT = 320, LONG = 200 };

static char dir[32], path[64], other[64];
static int32_t text[LONG];
static lf_device *device;
static lf_model *model;

static lf_model *make_model(lf_device *d, int seed, int layers)
{
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    strcpy(c.model.model_type, "llama");
    c.model.vocab_size = VOCAB, c.model.hidden_size = 32, c.model.intermediate_size = 48, c.model.num_hidden_layers = layers;
    c.model.num_attention_heads = 2, c.model.num_key_value_heads = 1, c.model.max_position_embeddings = CONTEXT;
    c.model.tie_word_embeddings = true, c.model.initializer_range = 0.4;
    lf_model *m = lf_model_new(d, &c.model, (uint64_t)seed, &err);
    if (!m) fail_msg("%s", err.message);
    return m;
}

static lf_device *open_device(int threads, const char *isa)
{
    lf_error err = {0};
    lf_device *d = lf_device_open(&(lf_device_options){.threads = threads, .pin = "off", .isa = isa}, &err);
    if (!d) fail_msg("%s", err.message);
    return d;
}

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/dev/shm/kv_file.XXXXXX"); /* the file is written a thousand times: to the disk, where there is no such place */
    if (!mkdtemp(dir) && !mkdtemp(strcpy(dir, "/tmp/kv_file.XXXXXX"))) return -1;
    snprintf(path, sizeof path, "%s/text.kv", dir);
    snprintf(other, sizeof other, "%s/other.kv", dir);
    for (int i = 0; i < LONG; i++) text[i] = (int32_t)(lf__rng_at(1, 2, (uint64_t)i) % VOCAB);
    device = open_device(1, "auto");
    model = make_model(device, 1, 2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lf_model_free(&model);
    lf_device_close(&device);
    return lf__remove_tree(dir, NULL);
}

typedef struct answer {
    uint64_t hash;
    int cached;
} answer;

static int on_token(void *user, const lf_answer *a)
{
    answer *t = user;
    t->cached = a->cached_tokens;
    if (a->logits) t->hash = lf__hash64(a->logits, VOCAB * sizeof(float), t->hash);
    return 0;
}

static answer ask(lf_engine *e, int n)
{
    answer a = {0};
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    c.sampler.max_tokens = 12;
    if (lf_engine_submit(e, &(lf_request){.tokens = text, .n_tokens = n, .sampling = &c.sampler, .on_token = on_token, .user = &a}, &err) <
            0 ||
        lf_engine_run(e, &err))
        fail_msg("%s", err.message);
    return a;
}

static lf_engine *new_engine(lf_model *m, const char *kv_type, int pages)
{
    lf_error err = {0};
    lf_engine *e = lf_engine_new(m, &(lf_engine_options){.kv_type = kv_type}, &err);
    if (pages) {
        int64_t bytes = pages * lf_engine_state_of(e).page_bytes;
        lf_engine_free(&e);
        e = lf_engine_new(m, &(lf_engine_options){.kv_type = kv_type, .kv_bytes = bytes, .context = 64 * pages}, &err);
    }
    if (!e) fail_msg("%s", err.message);
    return e;
}

static void must(int got, int expected, const lf_error *err)
{
    if (got != expected) fail_msg("%d, expected %d: %s", got, expected, err->message);
}

/* An engine that reads the file gives the answers of one that reads the text, for every type, and for texts that part from it. */
static void found_again(void **state)
{
    (void)state;
    static const char *const types[] = {"f32", "f16", "bf16", "q8_0"};
    for (size_t i = 0; i < LF_COUNT(types); i++) {
        lf_error err = {0};
        lf_engine *first = new_engine(model, types[i], 0), *second = new_engine(model, types[i], 0);
        must(lf_engine_save(first, path, text, LONG, &err), 0, &err); /* nothing is read yet */
        assert_false(lf__path_exists(path));
        answer whole = ask(first, LONG), part = ask(first, 129);
        must(lf_engine_save(first, path, text, LONG, &err), 192, &err);
        must(lf_engine_load(second, path, &err), 192, &err);
        assert_int_equal(lf_engine_state_of(second).pages_held, 0);
        assert_int_equal(lf_engine_find(second, text, LONG), 192);
        assert_int_equal(lf_engine_find(second, text, 191), 128);
        assert_int_equal(lf_engine_find(second, text + 1, LONG - 1), 0);
        assert_int_equal(lf_engine_state_of(second).pages_held, 0);
        answer again = ask(second, LONG), less = ask(second, 129);
        assert_true(again.cached == 192 && again.hash == whole.hash);
        assert_true(less.cached == 128 && less.hash == part.hash);
        must(lf_engine_load(second, path, &err), 192, &err); /* it has them all */
        must(lf_engine_save(second, other, text, 140, &err), 128, &err);
        must(lf_engine_load(first, other, &err), 128, &err);
        lf_engine_free(&first), lf_engine_free(&second);
        assert_int_equal(unlink(path), 0);
    }
}

/* As many pages as there is room for; what runs keeps its own. */
static void little_room(void **state)
{
    (void)state;
    lf_error err = {0};
    lf_engine *e = new_engine(model, NULL, 0), *small = NULL;
    ask(e, LONG);
    must(lf_engine_save(e, path, text, LONG, &err), 192, &err);
    for (int pages = 1; pages <= 4; pages++) {
        small = new_engine(model, NULL, pages); /* of another context, too */
        must(lf_engine_load(small, path, &err), LF_MIN(pages, 3) * 64, &err);
        assert_int_equal(lf_engine_state_of(small).pages_held, 0);
        assert_int_equal(ask(small, 60).cached, 0);
        lf_engine_free(&small);
    }
    lf_engine *busy = lf_engine_new(model, &(lf_engine_options){.kv_bytes = 5 * lf_engine_state_of(e).page_bytes}, &err);
    lf_config c;
    lf_config_init(&c);
    c.sampler.max_tokens = 100, c.sampler.temperature = 0;
    int32_t mine[170] = {1, 2, 3};
    answer a = {0};
    assert_true(lf_engine_submit(busy,
                                 &(lf_request){.tokens = mine, .n_tokens = 170, .sampling = &c.sampler, .on_token = on_token, .user = &a},
                                 &err) > 0);
    assert_true(lf_engine_step(busy, &err) == 1);
    int held = lf_engine_state_of(busy).pages_held;
    must(lf_engine_load(busy, path, &err), (5 - held) * 64, &err);
    assert_int_equal(lf_engine_state_of(busy).pages_held, held);
    assert_int_equal(lf_engine_run(busy, &err), 0); /* the pages it was promised are there */
    assert_int_equal(lf_engine_state_of(busy).pages_held, 0);
    lf_engine_free(&busy);
    lf_engine_free(&e);
}

static void refused(lf_engine *e, const char *file, const char *words, int code)
{
    lf_error err = {0};
    int pages = lf_engine_state_of(e).pages_held;
    if (lf_engine_load(e, file, &err) >= 0) fail_msg("%s was loaded, expected: %s", file, words);
    if (!strstr(err.message, words)) fail_msg("\"%s\" does not say \"%s\"", err.message, words);
    assert_int_equal(err.code, code);
    assert_int_equal(lf_engine_state_of(e).pages_held, pages);
}

static void others(void **state)
{
    (void)state;
    lf_error err = {0};
    lf_engine *e = new_engine(model, NULL, 0);
    ask(e, LONG);
    must(lf_engine_save(e, path, text, LONG, &err), 192, &err);
    lf_engine_free(&e);
    lf_model *twin = make_model(device, 1, 2), *sibling = make_model(device, 2, 2), *deeper = make_model(device, 1, 3);
    e = new_engine(twin, NULL, 0);
    must(lf_engine_load(e, path, &err), 192, &err);
    refused(e, dir, "folder", LF_E_IO);
    refused(e, "/nowhere/x.kv", "cannot open", LF_E_NOT_FOUND);
    lf_engine_free(&e);
    e = new_engine(sibling, NULL, 0);
    refused(e, path, "another model of the same shape", LF_E_MISMATCH);
    lf_engine_free(&e);
    e = new_engine(deeper, NULL, 0);
    refused(e, path, "the number of layers is 2, here 3", LF_E_MISMATCH);
    lf_engine_free(&e);
    e = new_engine(twin, "q8_0", 0);
    refused(e, path, "keys and values are kept as F32, here as Q8_0", LF_E_MISMATCH);
    lf_engine_free(&e);
    lf_device *scalar = open_device(2, "scalar"), *threads = open_device(2, "auto");
    lf_model *slow = make_model(scalar, 1, 2), *parallel = make_model(threads, 1, 2);
    e = new_engine(slow, NULL, 0);
    refused(e, path, "may compute other bits", LF_E_MISMATCH);
    lf_engine_free(&e);
    e = new_engine(parallel, NULL, 0);
    must(lf_engine_load(e, path, &err), 192, &err);
    lf_engine_free(&e);
    lf_model_free(&twin), lf_model_free(&sibling), lf_model_free(&deeper), lf_model_free(&slow), lf_model_free(&parallel);
    lf_device_close(&scalar), lf_device_close(&threads);
}

/* Folders of a model whose head is its own, and of its twin, in which two tokens of the text have changed their embeddings. */
static void save_twins(const char *folder, const char *twin)
{
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    strcpy(c.model.model_type, "llama");
    c.model.vocab_size = VOCAB, c.model.hidden_size = c.model.intermediate_size = 256, c.model.num_hidden_layers = 1;
    c.model.num_attention_heads = 2, c.model.max_position_embeddings = CONTEXT, c.model.tie_word_embeddings = false;
    lf_model *m = lf_model_new(device, &c.model, 3, &err);
    assert_non_null(m);
    assert_true(mkdir(folder, 0700) == 0 && mkdir(twin, 0700) == 0);
    must(lf_model_save(m, folder, &err), 0, &err);
    float *row = (float *)m->embed.t.data + (size_t)text[0] * 256, *other_row = (float *)m->embed.t.data + (size_t)text[1] * 256;
    assert_true(text[0] != text[1]);
    for (int i = 0; i < 256; i++) {
        float value = row[i];
        row[i] = other_row[i], other_row[i] = value;
    }
    must(lf_model_save(m, twin, &err), 0, &err);
    lf_model_free(&m);
}

static void with_model(lf_device *d, const char *folder, const char *weights, const char *words)
{
    lf_error err = {0};
    lf_model *m = lf_model_open(d, folder, weights, &err);
    if (!m) fail_msg("%s", err.message);
    lf_engine *e = new_engine(m, "bf16", 0);
    if (words)
        refused(e, path, words, LF_E_MISMATCH);
    else
        must(lf_engine_load(e, path, &err), 192, &err);
    lf_engine_free(&e);
    lf_model_free(&m);
}

/* In every type of weights: the file is for the same model again, not for a twin of which a few tokens would not tell, and not for another
 * instruction set, even where a few logits are the same. */
static void every_type(void **state)
{
    (void)state;
    static const char *const types[] = {"f32", "f16", "bf16", "q8_0", "q4_0", "iq4_nl", "q4_k", "q5_k", "q6_k"};
    char folder[64], twin[64];
    lf_error err = {0};
    snprintf(folder, sizeof folder, "%s/model", dir), snprintf(twin, sizeof twin, "%s/twin", dir);
    save_twins(folder, twin);
    for (size_t i = 0; i < LF_COUNT(types); i++) {
        lf_model *m = lf_model_open(device, folder, types[i], &err);
        if (!m) fail_msg("%s", err.message);
        lf_engine *e = new_engine(m, "bf16", 0);
        ask(e, LONG);
        must(lf_engine_save(e, path, text, LONG, &err), 192, &err);
        lf_engine_free(&e), lf_model_free(&m);
        with_model(device, folder, types[i], NULL);
        with_model(device, twin, types[i], "another model of the same shape");
        with_model(device, folder, types[(i + 1) % LF_COUNT(types)], "another model of the same shape");
        for (const char *const *isa = lf_isa_list(); *isa; isa++) {
            if (!lf_isa_supported(*isa) || strcmp(*isa, lf_device_isa(device)) == 0) continue;
            lf_device *d = open_device(1, *isa);
            with_model(d, folder, types[i], "keys and values of the instruction set");
            lf_device_close(&d);
        }
    }
}

/* The table of corrupted files. */
static void corrupted(void **state)
{
    (void)state;
    lf_error err = {0};
    lf_engine *e = new_engine(model, "q8_0", 0);
    ask(e, 130);
    must(lf_engine_save(e, path, text, LONG, &err), 128, &err);
    lf_engine_free(&e);
    e = new_engine(model, "q8_0", 0);
    lf_buf good = {.max = 1 << 24};
    must(lf__read_file(&good, path, 1 << 24, &err), 0, &err);
    assert_true(good.len > 1000);
    for (size_t i = 0; i < 400; i++) {
        size_t cut = i < 200 ? i : i * (good.len - 1) / 399;
        must(lf__write_file(other, good.data, cut, &err), 0, &err);
        refused(e, other, lf__path_name(other), LF_E_FORMAT);
    }
    for (size_t bit = 0; bit < 8 * 128 + 8 * good.len; bit += bit < 8 * 128 ? 1 : 977) {
        size_t at = bit < 8 * 128 ? bit / 8 : (bit - 8 * 128) / 8;
        good.data[at] ^= (char)(1 << bit % 8);
        assert_int_equal(lf__write_file(other, good.data, good.len, &err), 0);
        assert_int_equal(lf_engine_load(e, other, &err), -1);
        assert_non_null(strstr(err.message, lf__path_name(other)));
        assert_int_equal(lf_engine_state_of(e).pages_held, 0);
        err = (lf_error){0};
        good.data[at] ^= (char)(1 << bit % 8);
    }
    for (size_t extra = 1; extra < 300; extra += 17) {
        char *longer = calloc(good.len + extra, 1);
        memcpy(longer, good.data, good.len);
        assert_int_equal(lf__write_file(other, longer, good.len + extra, &err), 0);
        free(longer);
        refused(e, other, "pages of", LF_E_FORMAT);
    }
    /* A token that is none, under a true checksum. */
    memcpy(good.data + 128 + 40, &(int32_t){VOCAB}, sizeof(int32_t));
    uint64_t hash = lf__hash64(good.data, good.len - 8, 2);
    memcpy(good.data + good.len - 8, &hash, sizeof hash);
    assert_int_equal(lf__write_file(other, good.data, good.len, &err), 0);
    refused(e, other, "token 10 has id 100", LF_E_FORMAT);
    assert_int_equal(ask(e, 130).cached, 0); /* nothing of all that came in */
    must(lf_engine_load(e, path, &err), 128, &err);
    lf__buf_release(&good);
    lf_engine_free(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(found_again), cmocka_unit_test(little_room), cmocka_unit_test(others),
                                       cmocka_unit_test(every_type), cmocka_unit_test(corrupted)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
