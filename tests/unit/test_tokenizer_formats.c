/* test_tokenizer_formats.c - tokenizers through every format that we write: the same ids and texts afterwards, refusals with a reason, and
 * files that are wrong. The large round (10 MB, all of Unicode, 100,000 random texts) is test_slow_tokenizer_formats.c. */
#include "unit/format_rounds.h"

#include <math.h>

static void round_trips(void **state)
{
    LF_UNUSED(state);
    static char text[40000];
    size_t n = babble(text, sizeof text, 5);
    static const char *const specials[] = {"<|endoftext|>", "<|im_start|>", NULL};
    for (int split = 0; split < 4; split++) {
        static const char *const rules[] = {"gpt2", "qwen2", "llama3", "tekken"};
        lf_tokenizer *t = learn_with(text, n, (lf_tokenizer_train_options){.vocab_size = 600, .split = rules[split], .specials = specials});
        expect_round_trip(t, "tokenizer.json", text, n);
        expect_round_trip(t, "tiktoken", text, n);
        expect_round_trip(t, "gguf", text, n);
        if (split == 0) expect_round_trip(t, "vocab-merges", text, n);
        if (split != 0) expect_refusal(t, "vocab-merges", "a split rule other than GPT-2's");
        expect_refusal(t, "sentencepiece", "SentencePiece's bpe and unigram");
        expect_refusal(t, "gguff", "no format of tokenizers");
        lf_tokenizer_free(&t);
    }
    lf_tokenizer *t = learn_with(text, n, (lf_tokenizer_train_options){.mode = "char"});
    expect_round_trip(t, "tokenizer.json", text, n);
    expect_refusal(t, "gguf", "a character vocabulary");
    expect_refusal(t, "tiktoken", "tokens of text");
    lf_tokenizer_free(&t);
}

static void given_vocabularies(void **state)
{
    LF_UNUSED(state);
    static char text[20000];
    size_t n = babble(text, sizeof text, 6);
    lf_error err = {0};
    if (has_shared(SHARED_DIR "/data/gpt2-vocab.json")) {
        lf_tokenizer *t = lf_tokenizer_load_gpt2(SHARED_DIR "/data/gpt2-vocab.json", SHARED_DIR "/data/gpt2-merges.txt", &err);
        static const char *const formats[] = {"tokenizer.json", "vocab-merges", "tiktoken", "gguf"};
        for (size_t i = 0; i < LF_COUNT(formats); i++) expect_round_trip(t, formats[i], text, n);
        lf_tokenizer_free(&t);
    }
    if (has_shared(SHARED_DIR "/data/llama2-tokenizer.model")) {
        lf_tokenizer *t = lf_tokenizer_load(SHARED_DIR "/data/llama2-tokenizer.model", &err);
        static const char *const formats[] = {"tokenizer.json", "sentencepiece", "gguf"};
        for (size_t i = 0; i < LF_COUNT(formats); i++) expect_round_trip(t, formats[i], text, n);
        expect_refusal(t, "tiktoken", "tokens of text");
        lf_tokenizer_free(&t);
    }
}

/* A tokenizer.json of the Llama family says its pieces by merges: formats that know scores get them back, unless a merge is missing. */
static void merges_become_scores(void **state)
{
    LF_UNUSED(state);
    static char text[20000];
    size_t length = babble(text, sizeof text, 8), n;
    lf_error err = {0};
    lf_tokenizer *t =
        learn_with(text, length, (lf_tokenizer_train_options){.mode = "sentencepiece-bpe", .vocab_size = 500, .byte_fallback = true});
    assert_int_equal(lf_tokenizer_save(t, in_scratch("ranks"), &err), 0);
    lf_tokenizer_free(&t);
    if (!(t = lf_tokenizer_load(in_scratch("ranks"), &err))) fail_msg("%s", err.message);
    expect_round_trip(t, "sentencepiece", text, length);
    expect_round_trip(t, "gguf", text, length);
    lf_tokenizer_free(&t);
    char *json = get_file(in_scratch("ranks/tokenizer.json"), &n), *merge = strstr(json, "\"merges\": ["), *end;
    assert_non_null(merge);
    merge = strchr(merge + 11, '[');
    end = strstr(merge, "],") + 2;
    memset(merge, ' ', (size_t)(end - merge)); /* the first */
    if (!(t = lf_tokenizer_load(put_file("less.json", json, n), &err))) fail_msg("%s", err.message);
    expect_refusal(t, "gguf", "not every way to make a piece");
    expect_refusal(t, "sentencepiece", "not every way to make a piece");
    lf_tokenizer_free(&t);
    free(json);
}

/* ---- llama2.c's tokenizer.bin ---- */
static void put_bin_piece(lf_buf *out, const char *text, size_t n, float score)
{
    int32_t length = (int32_t)n;
    lf__buf_add(out, &score, 4);
    lf__buf_add(out, &length, 4);
    lf__buf_add(out, text, n);
}

/* As its tokenizer.py writes them. */
static const char *put_bin(const lf_tokenizer *t)
{
    static const char *const first[] = {"<unk>", "\n<s>\n", "\n</s>\n"};
    int32_t longest = 100;
    lf_buf out, piece;
    lf__buf_init(&out, 1 << 20);
    lf__buf_init(&piece, 1 << 16);
    lf__buf_add(&out, &longest, 4);
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n;
        const char *text = id < 3 ? first[id] : lf__token_bytes(t, id, &n);
        if (id < 3) n = strlen(text);
        lf__buf_reset(&piece);
        for (size_t i = 0; i < n; i++) {
            bool mark = n - i >= 3 && memcmp(text + i, LF_MARKER, 3) == 0;
            lf__buf_add(&piece, mark ? " " : text + i, 1);
            i += mark ? 2 : 0;
        }
        put_bin_piece(&out, piece.data, piece.len, (float)t->score[id]);
    }
    const char *path = put_file("tokenizer.bin", out.data, out.len);
    lf__buf_release(&out);
    lf__buf_release(&piece);
    return path;
}

static void llama2c_vocabularies(void **state)
{
    LF_UNUSED(state);
    static char text[20000];
    static const struct {
        int32_t longest, length;
        float score;
        const char *says;
    } table[] = {{0, 1, 0, "byte 0: the longest piece has 0 bytes"},
                 {1 << 30, 1, 0, "byte 0: the longest piece"},
                 {5, 0, 0, "byte 8: piece 0 has 0 bytes"},
                 {5, -1, 0, "byte 8: piece 0 has -1 bytes"},
                 {5, INT32_MAX, 0, "byte 8: piece 0 has 2147483647"},
                 {5, 4, 0, "expected 1 to 5, and 3 are left"},
                 {5, 3, (float)INFINITY, "the score of piece 0"},
                 {5, 2, 0, "byte 14: it ends in the middle of piece 1"}};
    lf_error err = {0};
    for (size_t i = 0; i < LF_COUNT(table); i++) {
        uint8_t file[15] = {0};
        memcpy(file, &table[i].longest, 4), memcpy(file + 4, &table[i].score, 4), memcpy(file + 8, &table[i].length, 4);
        memcpy(file + 12, "abc", 3);
        lf_error_reset(&err);
        assert_null(lf_tokenizer_load(put_file("tokenizer.bin", (char *)file, sizeof file), &err));
        if (!strstr(err.message, table[i].says)) fail_msg("row %zu: \"%s\" does not say %s", i, err.message, table[i].says);
    }
    if (!has_shared(SHARED_DIR "/data/llama2-tokenizer.model")) return;
    size_t n = babble(text, sizeof text, 9);
    lf_tokenizer *t = lf_tokenizer_load(SHARED_DIR "/data/llama2-tokenizer.model", &err), *again = lf_tokenizer_load(put_bin(t), &err);
    if (!again) fail_msg("%s", err.message);
    expect_same_ids(t, again, "tokenizer.bin", text, n);
    lf_tokenizer_free(&t);
    lf_tokenizer_free(&again);
}

/* NFC and flags of added tokens go through GGUF with the document that goes along. */
static void more_than_the_keys(void **state)
{
    LF_UNUSED(state);
    static const char text[] = "e\xCC\x81 <l> x <|endoftext|> hello";
    size_t n;
    lf_error err = {0};
    lf_tokenizer *t = learn("hello hello hello", 262);
    assert_int_equal(lf_tokenizer_save(t, in_scratch("plain"), &err), 0);
    lf_tokenizer_free(&t);
    char *json = get_file(in_scratch("plain/tokenizer.json"), &n), *at = strstr(json, "\"normalizer\": null");
    lf_buf out;
    lf__buf_init(&out, 1 << 20);
    lf__buf_add(&out, json, (size_t)(at - json));
    lf__buf_puts(&out, "\"normalizer\": {\"type\": \"NFC\"}");
    lf__buf_puts(&out, at + strlen("\"normalizer\": null"));
    at = strstr(out.data, "\"added_tokens\": [");
    assert_non_null(at);
    lf_buf all;
    lf__buf_init(&all, 1 << 20);
    lf__buf_add(&all, out.data, (size_t)(at - out.data));
    lf__buf_puts(&all, "\"added_tokens\": [{\"id\": 262, \"content\": \"<l>\", \"lstrip\": true, \"special\": false},");
    lf__buf_puts(&all, at + strlen("\"added_tokens\": ["));
    const char *path = put_file("more.json", all.data, all.len);
    t = lf_tokenizer_load(path, &err);
#ifdef HAVE_UTF8PROC
    if (!t) fail_msg("%s", err.message);
    expect_round_trip(t, "gguf", text, sizeof text - 1);
    expect_round_trip(t, "tokenizer.json", text, sizeof text - 1);
    expect_refusal(t, "vocab-merges", "a normalizer");
    expect_refusal(t, "tiktoken", "a normalizer");
    lf_tokenizer_free(&t);
#else
    LF_UNUSED(text);
    assert_null(t);
    assert_non_null(strstr(err.hint, "libutf8proc-dev"));
#endif
    lf__buf_release(&out);
    lf__buf_release(&all);
    free(json);
}

static void wrong_ranks(void **state)
{
    LF_UNUSED(state);
    static const struct {
        const char *config, *ranks, *says;
    } table[] = {
        {"{}", "IQ== 0\n", "do not say how text is cut"},
        {"{\"split_rule\": \"gpt5\"}", "IQ== 0\n", "\"gpt5\" is not known"},
        {"{\"split_rule\": \"gpt2\"}", "IQ== 1\n", "rank 1: expected 0"},
        {"{\"split_rule\": \"gpt2\"}", "IQ== 0\nIQ== 1\n", "line 2: the token of rank 0 is there again"},
        {"{\"split_rule\": \"gpt2\"}", "IQ== 0\nIg= 1\n", "line 2: expected a token in base64"},
        {"{\"split_rule\": \"gpt2\"}", "IQ== 0\nIh== 1\n", "line 2: expected a token in base64"},
        {"{\"split_rule\": \"gpt2\"}", "IQ== 0\nIg== -1\n", "line 2: expected"},
        {"{\"split_rule\": \"gpt2\"}", "IQ== 0\nIg== 99999999999999999999999\n", "line 2: rank 18446744073709551615: expected 1"},
        {"{\"split_rule\": \"gpt2\"}", "IQ== 0\n 1\n", "line 2: expected"},
        {"{\"split_rule\": \"gpt2\"}", "IQ== 0\n", "no token for byte 0x00"},
        {"{\"split_rule\": \"gpt2\", \"added_tokens_decoder\": {\"7\": {\"content\": \"<s>\"}}}", "IQ== 0\n",
         "added_tokens_decoder: expected ids"},
        {"{\"split_rule\": \"gpt2\", \"added_tokens_decoder\": {\"0\": {\"content\": \"<s>\"}}}", "IQ== 0\n", "\"<s>\" is not token 0"},
    };
    for (size_t i = 0; i < LF_COUNT(table); i++) {
        lf_error err = {0};
        put_file("tokenizer_config.json", table[i].config, strlen(table[i].config));
        assert_null(lf_tokenizer_load(put_file("x.tiktoken", table[i].ranks, strlen(table[i].ranks)), &err));
        if (!strstr(err.message, table[i].says)) fail_msg("row %zu: \"%s\" does not say %s", i, err.message, table[i].says);
    }
    unlink(in_scratch("tokenizer_config.json"));
}

static lf_tokenizer *load_meta(lf_gguf_meta *meta, lf_error *err)
{
    const char *path = in_scratch("x.gguf");
    lf_writer *w = lf__gguf_begin(path, meta, NULL, 0, err);
    if (!w || lf__writer_commit(&w, err)) fail_msg("%s", err->message);
    lf__gguf_meta_release(meta);
    return lf_tokenizer_load(path, err);
}

static void wrong_gguf(void **state)
{
    LF_UNUSED(state);
    static const struct {
        const char *model, *pre, *merge, *says;
        int type;
    } table[] = {
        {NULL, NULL, NULL, "tokenizer.ggml.model is missing", 1},
        {"rwkv", NULL, NULL, "expected one of gpt2, llama, t5, got \"rwkv\"", 1},
        {"gpt2", "kimi-k3", NULL, "the split rule \"kimi-k3\" is not supported", 1},
        {"gpt2", "gpt-2", "a", "merge 1, \"a\": expected two tokens that join into one", 1},
        {"gpt2", "gpt-2", "a c", "merge 1, \"a c\"", 1},
        {"gpt2", "gpt-2", "a b", "no token for byte 0x00", 1},
        {"gpt2", "gpt-2", NULL, "merges is missing", 1},
        {"gpt2", "gpt-2", "a b", "token 2 has the type 9: expected 1 to 6", 9},
        {"llama", NULL, NULL, "scores is missing", 1},
    };
    for (size_t i = 0; i < LF_COUNT(table); i++) {
        lf_error err = {0};
        lf_gguf_meta meta;
        static const char *const tokens[] = {"a", "b", "ab"};
        const int32_t types[] = {1, 1, table[i].type};
        lf__gguf_meta_init(&meta);
        if (table[i].model) lf__gguf_put_text(&meta, "tokenizer.ggml.model", table[i].model, strlen(table[i].model));
        if (table[i].pre) lf__gguf_put_text(&meta, "tokenizer.ggml.pre", table[i].pre, strlen(table[i].pre));
        lf__gguf_put_texts(&meta, "tokenizer.ggml.tokens", 3);
        for (int k = 0; k < 3; k++) lf__gguf_put_item(&meta, tokens[k], strlen(tokens[k]));
        lf__gguf_put_array(&meta, "tokenizer.ggml.token_type", LF_GGUF_I32, types, 3);
        if (table[i].merge) {
            lf__gguf_put_texts(&meta, "tokenizer.ggml.merges", 1);
            lf__gguf_put_item(&meta, table[i].merge, strlen(table[i].merge));
        }
        assert_null(load_meta(&meta, &err));
        if (!strstr(err.message, table[i].says)) fail_msg("row %zu: \"%s\" does not say %s", i, err.message, table[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),          cmocka_unit_test(given_vocabularies), cmocka_unit_test(merges_become_scores),
        cmocka_unit_test(llama2c_vocabularies), cmocka_unit_test(more_than_the_keys), cmocka_unit_test(wrong_ranks),
        cmocka_unit_test(wrong_gguf),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
