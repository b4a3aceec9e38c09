/* test_gguf_vocab.c - a vocabulary through a GGUF file: the same ids, the same text, the same fingerprint; what the format cannot say, and
 * metadata that cannot be a vocabulary, have a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/formats.h"
#include "tokenizer/tokenizer.h"

static char dir[] = "/tmp/lf-vocab-XXXXXX";
static const char text[] = "Once upon a time there was a cat. It's 1,234 o'clock!\n\n  Don't run \xE5\xB1\xB1\xE6\xB0\xB4 \xF0\x9F\x98\x80 "
                           "<|endoftext|> \xFF\x00 end";

static const char *at(const char *name)
{
    static char path[2][256];
    static int turn;
    char *out = path[turn++ % 2];
    snprintf(out, 256, "%s/%s", dir, name);
    return out;
}

static void write_meta(const char *path, lf_gguf_meta *m)
{
    lf_error err = {0};
    lf_writer *w = lf__gguf_begin(path, m, NULL, 0, &err);
    if (!w || lf__writer_commit(&w, &err)) fail_msg("%s", err.message);
    lf__gguf_meta_release(m);
}

static lf_tokenizer *through(const lf_tokenizer *t, int rows)
{
    lf_error err = {0};
    lf_gguf_meta m;
    lf_gguf g;
    lf__gguf_meta_init(&m);
    lf__gguf_put_text(&m, "general.architecture", "llama", 5);
    if (lf__tokenizer_put_gguf(&m, t, rows, &err)) fail_msg("%s", err.message);
    write_meta(at("v.gguf"), &m);
    if (lf__gguf_open(&g, at("v.gguf"), &err)) fail_msg("%s", err.message);
    lf_tokenizer *back = lf__tokenizer_get_gguf(&g, &err);
    if (!back) fail_msg("%s", err.message);
    lf__gguf_close(&g);
    return back;
}

static void same_ids(const lf_tokenizer *a, const lf_tokenizer *b, const char *s, size_t n)
{
    size_t cap = LF_MAX(lf_tokenizer_bound(a, n), lf_tokenizer_bound(b, n)) + 1;
    int32_t *x = calloc(2 * cap, sizeof *x), *y = x + cap;
    lf_error err = {0};
    for (int specials = 0; specials < 2; specials++) {
        int64_t i = lf_tokenizer_encode(a, x, cap, s, n, specials, &err), j = lf_tokenizer_encode(b, y, cap, s, n, specials, &err);
        if (i < 0 || j < 0) fail_msg("%s", err.message);
        assert_int_equal(i, j);
        assert_memory_equal(x, y, (size_t)i * sizeof *x);
    }
    free(x);
}

static void test_bytes(void **state)
{
    (void)state;
    lf_error err = {0};
    const char *path = at("corpus.txt");
    assert_int_equal(lf__write_file(path, text, 90, &err), 0);
    lf_tokenizer *t = lf_tokenizer_train(&path, 1, &(lf_tokenizer_train_options){.vocab_size = 300, .threads = 1, .min_count = 1}, &err);
    if (!t) fail_msg("%s", err.message);
    lf_tokenizer *back = through(t, 0), *padded = through(t, lf_tokenizer_size(t) + 5);
    assert_string_equal(lf_tokenizer_fingerprint(t), lf_tokenizer_fingerprint(back));
    assert_int_equal(lf_tokenizer_size(padded), lf_tokenizer_size(t) + 5);
    same_ids(t, back, text, sizeof text - 1);
    same_ids(t, padded, text, sizeof text - 1);
    lf_tokenizer_free(&t), lf_tokenizer_free(&back), lf_tokenizer_free(&padded);
}

/* Llama 2's own, where it is at hand. */
static void test_sentencepiece(void **state)
{
    (void)state;
    lf_error err = {0};
    const char *path = SHARED_DIR "/data/llama2-tokenizer.model";
    if (!lf__path_exists(path)) {
        print_message("no %s: skipped\n", path);
        skip();
    }
    lf_tokenizer *t = lf_tokenizer_load(path, &err);
    if (!t) fail_msg("%s", err.message);
    lf_tokenizer *back = through(t, 0);
    same_ids(t, back, text, sizeof text - 1);
    same_ids(t, back, "  two spaces", 12);
    lf_tokenizer_free(&t), lf_tokenizer_free(&back);
}

static void refused(lf_gguf_meta *m, const char *words)
{
    lf_error err = {0};
    lf_gguf g;
    write_meta(at("bad.gguf"), m);
    if (lf__gguf_open(&g, at("bad.gguf"), &err)) fail_msg("%s", err.message);
    assert_null(lf__tokenizer_get_gguf(&g, &err));
    if (!strstr(err.message, words)) fail_msg("expected \"%s\" in \"%s\"", words, err.message);
    lf__gguf_close(&g);
}

/* A vocabulary of n tokens "a", "b", ... (or the texts given), everything else as said. */
static void begin(lf_gguf_meta *m, const char *model, const char *tokens)
{
    lf__gguf_meta_init(m);
    lf__gguf_put_text(m, "tokenizer.ggml.model", model, strlen(model));
    lf__gguf_put_texts(m, "tokenizer.ggml.tokens", strlen(tokens));
    for (const char *p = tokens; *p; p++) lf__gguf_put_item(m, p, *p == '0' ? 0 : 1);
}

static void test_refusals(void **state)
{
    (void)state;
    lf_gguf_meta m;
    begin(&m, "gpt2", "");
    refused(&m, "holds no vocabulary");
    begin(&m, "wordpiece", "ab");
    refused(&m, "expected one of gpt2, llama, t5, got \"wordpiece\"");
    begin(&m, "gpt2", "aba");
    refused(&m, "\"a\" stands twice");
    begin(&m, "gpt2", "a0");
    refused(&m, "empty");
    begin(&m, "gpt2", "ab");
    lf__gguf_put_text(&m, "tokenizer.ggml.pre", "klingon", 7);
    refused(&m, "\"klingon\"");
    begin(&m, "gpt2", "ab");
    lf__gguf_put_array(&m, "tokenizer.ggml.token_type", LF_GGUF_I32, (int32_t[]){1, 9}, 2);
    refused(&m, "expected 1 to 6");
    begin(&m, "gpt2", "ab");
    lf__gguf_put_array(&m, "tokenizer.ggml.token_type", LF_GGUF_I32, (int32_t[]){1}, 1);
    refused(&m, "one for each token");
    begin(&m, "gpt2", "ab");
    lf__gguf_put_texts(&m, "tokenizer.ggml.merges", 1);
    lf__gguf_put_item(&m, "a z", 3);
    refused(&m, "merge 1");
    begin(&m, "gpt2", "ab");
    lf__gguf_put_u32(&m, "tokenizer.ggml.bos_token_id", 2);
    refused(&m, "bos_token_id");
    begin(&m, "llama", "ab");
    refused(&m, "missing");
    begin(&m, "llama", "ab");
    lf__gguf_put_array(&m, "tokenizer.ggml.token_type", LF_GGUF_I32, (int32_t[]){2, 1}, 2);
    lf__gguf_put_array(&m, "tokenizer.ggml.scores", LF_GGUF_F32, (float[]){0, __builtin_nanf("")}, 2);
    refused(&m, "not finite");
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return lf__remove_tree(dir, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bytes), cmocka_unit_test(test_sentencepiece), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests_name("gguf_vocab", tests, set_up, tear_down);
}
