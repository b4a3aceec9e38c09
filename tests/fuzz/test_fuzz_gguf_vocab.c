/* test_fuzz_gguf_vocab.c - replays mutations of two small vocabularies, of bytes and of pieces, through the fuzz entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fuzz/fuzz_gguf_vocab.c"
#include "fuzz/mutate.h"

static void run_on(lf_gguf_meta *m, int rounds)
{
    char path[64];
    lf_error err = {0};
    lf_buf b;
    snprintf(path, sizeof path, "/tmp/lf-fuzz-vocab-%d.gguf", (int)getpid());
    lf_writer *w = lf__gguf_begin(path, m, NULL, 0, &err);
    if (!w || lf__writer_commit(&w, &err)) fail_msg("%s", err.message);
    lf__gguf_meta_release(m);
    lf__buf_init(&b, 1 << 20);
    assert_int_equal(lf__read_file(&b, path, 1 << 20, NULL), 0);
    unlink(path);
    lf_tokenizer *t;
    FILE *f = fopen(path, "wb");
    fwrite(b.data, 1, b.len, f), fclose(f);
    t = lf_tokenizer_load(path, &err); /* the seed itself is good */
    unlink(path);
    if (!t) fail_msg("%s", err.message);
    lf_tokenizer_free(&t);
    mutate_run(LLVMFuzzerTestOneInput, b.data, b.len, rounds);
    lf__buf_release(&b);
}

static void bytes(void **state)
{
    (void)state;
    lf_gguf_meta m;
    char key[5];
    lf__gguf_meta_init(&m);
    lf__gguf_put_text(&m, "tokenizer.ggml.model", "gpt2", 4);
    lf__gguf_put_text(&m, "tokenizer.ggml.pre", "gpt-2", 5);
    lf__gguf_put_texts(&m, "tokenizer.ggml.tokens", 259);
    for (int i = 0; i < 256; i++) lf__gguf_put_item(&m, key, (size_t)lf__utf8_encode(key, lf__byte_to_alphabet((uint8_t)i)));
    lf__gguf_put_item(&m, "on", 2), lf__gguf_put_item(&m, "onc", 3), lf__gguf_put_item(&m, "<|end|>", 7);
    int32_t kinds[259];
    for (int i = 0; i < 259; i++) kinds[i] = i == 258 ? LF_TOKEN_CONTROL : LF_TOKEN_NORMAL;
    lf__gguf_put_array(&m, "tokenizer.ggml.token_type", LF_GGUF_I32, kinds, 259);
    lf__gguf_put_texts(&m, "tokenizer.ggml.merges", 2);
    lf__gguf_put_item(&m, "o n", 3), lf__gguf_put_item(&m, "on c", 4);
    lf__gguf_put_u32(&m, "tokenizer.ggml.eos_token_id", 258);
    run_on(&m, 3000);
}

static void pieces(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", LF_MARKER, "a", "b", LF_MARKER "a", "ab"};
    static const int32_t kinds[] = {2, 3, 3, 1, 1, 1, 1, 1};
    static const float scores[] = {0, 0, 0, -4, -5, -6, -1, -2};
    for (int i = 0; i < 2; i++) {
        lf_gguf_meta m;
        lf__gguf_meta_init(&m);
        lf__gguf_put_text(&m, "tokenizer.ggml.model", i ? "t5" : "llama", i ? 2 : 5);
        lf__gguf_put_texts(&m, "tokenizer.ggml.tokens", LF_COUNT(tokens));
        for (size_t k = 0; k < LF_COUNT(tokens); k++) lf__gguf_put_item(&m, tokens[k], strlen(tokens[k]));
        lf__gguf_put_array(&m, "tokenizer.ggml.token_type", LF_GGUF_I32, kinds, LF_COUNT(kinds));
        lf__gguf_put_array(&m, "tokenizer.ggml.scores", LF_GGUF_F32, scores, LF_COUNT(scores));
        lf__gguf_put_u32(&m, "tokenizer.ggml.bos_token_id", 1);
        lf__gguf_put_bool(&m, "tokenizer.ggml.add_bos_token", true);
        run_on(&m, 3000);
    }
}

static void corpus(void **state)
{
    (void)state;
    mutate_corpus(LLVMFuzzerTestOneInput, "fuzz_gguf_vocab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(bytes), cmocka_unit_test(pieces)};
    return cmocka_run_group_tests_name("fuzz_gguf_vocab", tests, NULL, NULL);
}
