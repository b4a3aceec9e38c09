/* test_slow_tokenizer_formats.c - the round trip through every format on 10 MB of mixed text, on all of Unicode, and on 100,000 random byte
 * strings: the vocabularies at hand where they are there, and one learned here always. */
#include "unit/format_rounds.h"

enum { MIXED = 10000000, STRINGS = 100000 };

/* Babble, and now and then a few characters from anywhere or a few bytes from nowhere. */
static char *mixed_text(size_t *n)
{
    char *text = malloc(MIXED + 4096);
    lf_rng r = lf__rng_make(21, 0);
    for (*n = 0; *n < MIXED;) {
        *n += babble(text + *n, 1000 + 64, lf__rng_u64(&r));
        for (uint64_t k = lf__rng_below(&r, 12); k-- > 0;) {
            int32_t cp = (int32_t)lf__rng_below(&r, lf__rng_below(&r, 2) ? 0x3100 : 0x110000);
            if (cp < 0xD800 || cp >= 0xE000)
                *n += (size_t)lf__utf8_encode(text + *n, cp);
            else
                text[(*n)++] = (char)lf__rng_u64(&r);
        }
    }
    return text;
}

static char *all_of_unicode(size_t *n)
{
    char *text = malloc(6 * 0x110000);
    *n = 0;
    for (int32_t cp = 0; cp < 0x110000; cp++) {
        if (cp >= 0xD800 && cp < 0xE000) continue;
        *n += (size_t)lf__utf8_encode(text + *n, cp);
        if (cp % 3 == 0) text[(*n)++] = cp % 2 ? ' ' : 'a';
    }
    return text;
}

/* Bytes that are not valid become letters. */
static void make_valid(char *text, size_t n)
{
    int32_t cp;
    for (size_t at = 0; at < n;) {
        size_t length = (size_t)lf__utf8_decode(text + at, text + n, &cp);
        if (cp < 0) text[at] = 'b';
        at += length;
    }
}

/* SentencePiece's own normalizer makes U+FFFD of a byte that is not valid; in tokenizer.json there is no such thing. */
static void rounds(const lf_tokenizer *t, const char *const *formats)
{
    size_t n_mixed, n_all;
    char *mixed = mixed_text(&n_mixed), *all = all_of_unicode(&n_all);
    for (; *formats; formats++) {
        bool valid = !t->byte_level && strcmp(*formats, "tokenizer.json") == 0;
        if (valid) make_valid(mixed, n_mixed);
        lf_tokenizer *again = through(t, *formats);
        lf_rng r = lf__rng_make(22, 0);
        expect_same_ids(t, again, *formats, mixed, n_mixed);
        expect_same_ids(t, again, *formats, all, n_all);
        for (int i = 0; i < STRINGS; i++) {
            char bytes[48];
            size_t n = lf__rng_below(&r, sizeof bytes + 1);
            for (size_t k = 0; k < n; k++) bytes[k] = (char)lf__rng_u64(&r);
            if (valid) make_valid(bytes, n);
            expect_same_ids(t, again, *formats, bytes, n);
        }
        lf_tokenizer_free(&again);
    }
    free(mixed);
    free(all);
}

static const char *const byte_formats[] = {"tokenizer.json", "vocab-merges", "tiktoken", "gguf", NULL};

static void learned(void **state)
{
    LF_UNUSED(state);
    static char text[400000];
    size_t n = babble(text, sizeof text, 8);
    lf_tokenizer *t = learn_with(text, n, (lf_tokenizer_train_options){.vocab_size = 2000, .threads = 2});
    rounds(t, byte_formats);
    lf_tokenizer_free(&t);
}

static void gpt2(void **state)
{
    LF_UNUSED(state);
    lf_error err = {0};
    if (!has_shared(SHARED_DIR "/data/gpt2-vocab.json")) skip();
    lf_tokenizer *t = lf_tokenizer_load_gpt2(SHARED_DIR "/data/gpt2-vocab.json", SHARED_DIR "/data/gpt2-merges.txt", &err);
    rounds(t, byte_formats);
    lf_tokenizer_free(&t);
}

/* By scores and by ranks: tokenizer.json has merges in their place. */
static void llama2(void **state)
{
    LF_UNUSED(state);
    static const char *const formats[] = {"sentencepiece", "gguf", "tokenizer.json", NULL};
    lf_error err = {0};
    if (!has_shared(SHARED_DIR "/data/llama2-tokenizer.model")) skip();
    lf_tokenizer *t = lf_tokenizer_load(SHARED_DIR "/data/llama2-tokenizer.model", &err);
    rounds(t, formats);
    lf_tokenizer_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(learned), cmocka_unit_test(gpt2), cmocka_unit_test(llama2)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
