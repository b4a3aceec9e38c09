/* test_sp_train.c - learning SentencePiece vocabularies: the same for any number of threads, what may be in a piece, what a saved model
 * says, a likelihood that pruning does not ruin. */
#include "tokenizer_tests.h"

#include "tokenizer/sp.h"

/* Lines of made-up words with the frequencies of language, digits, two scripts, and one character that is too rare. */
static char *corpus(size_t *n)
{
    static const char *const syllables[] = {"ba", "ke", "lo", "mi", "nu", "ra", "se", "ti", "wo", "sh", "th", "an"};
    enum { LINES = 3000, BYTES = LINES * 120 };
    char *text = malloc(BYTES);
    lf_rng r = lf__rng_make(5, 0);
    *n = 0;
    for (int line = 0; line < LINES; line++) {
        for (int w = 0; w < 8; w++) {
            uint64_t rank = lf__rng_below(&r, 40);
            rank = rank * lf__rng_below(&r, 40) / 40; /* small ones are common */
            if (w) text[(*n)++] = ' ';
            for (uint64_t k = 0; k < 1 + rank % 4; k++) {
                const char *s = syllables[lf__rng_at(9, rank, k) % LF_COUNT(syllables)];
                memcpy(text + *n, s, 2), *n += 2;
            }
        }
        *n += (size_t)sprintf(text + *n, " %d%d \xE5\xB1\xB1\xE6\xB0\xB4%s.\n", line % 10, line % 7, line % 3 ? "\xE9\xA2\xA8" : "");
        if (line == 17) *n += (size_t)sprintf(text + *n, "\xE2\x98\x83\n");
        if (line % 500 == 499) *n += (size_t)sprintf(text + *n, "<|endoftext|>\n");
    }
    return text;
}

static const char *const modes[] = {"sentencepiece-bpe", "unigram"};
static const char *const users[] = {"<sep>", "shba", NULL};

static lf_tokenizer *train(const char *mode, int threads, bool bytes)
{
    size_t n;
    char *text = corpus(&n);
    lf_tokenizer *t = learn_with(text, n,
                                 (lf_tokenizer_train_options){.mode = mode,
                                                              .vocab_size = bytes ? 320 : 90,
                                                              .threads = threads,
                                                              .byte_fallback = bytes,
                                                              .split_digits = true,
                                                              .user_pieces = users});
    free(text);
    return t;
}

static void same_for_any_threads(void **state)
{
    LF_UNUSED(state);
    for (int m = 0; m < 2; m++) {
        lf_tokenizer *one = train(modes[m], 1, false);
        for (int threads = 2; threads < 6; threads += 3) {
            lf_tokenizer *more = train(modes[m], threads, false);
            assert_string_equal(lf_tokenizer_fingerprint(one), lf_tokenizer_fingerprint(more));
            lf_tokenizer_free(&more);
        }
        lf_tokenizer_free(&one);
    }
}

static size_t count(const char *text, size_t n, const char *what)
{
    size_t found = 0, length = strlen(what);
    for (size_t at = 0; at + length <= n; at++) found += memcmp(text + at, what, length) == 0;
    return found;
}

/* U+2581 begins a piece or nothing, a digit stands alone, scripts do not mix, nothing is longer than 16 characters. */
static void pieces(void **state)
{
    LF_UNUSED(state);
    for (int m = 0; m < 2; m++) {
        lf_tokenizer *t = train(modes[m], 2, true);
        assert_int_equal(lf_tokenizer_size(t), 320);
        assert_int_equal(lf_tokenizer_special(t, "<|endoftext|>"), 1);
        assert_int_equal(lf_tokenizer_end(t), 1);
        int longest = 0, joined = 0;
        for (uint32_t id = 0; id < t->n; id++) {
            size_t n, chars = 0;
            bool digit = false, latin = false, han = false;
            const char *text = lf__token_bytes(t, id, &n);
            if (t->kind[id] != LF_TOKEN_NORMAL) continue;
            if (n > 3 && count(text + 1, n - 1, LF_MARKER)) fail_msg("%s: piece %u: \"%.*s\"", modes[m], id, (int)n, text);
            for (size_t i = 0; i < n; i++) {
                chars += ((uint8_t)text[i] & 0xC0) != 0x80;
                digit |= text[i] >= '0' && text[i] <= '9', latin |= text[i] >= 'a' && text[i] <= 'z', han |= (uint8_t)text[i] >= 0xE5;
            }
            if (digit && chars > 1) fail_msg("%s: piece %u: \"%.*s\" has a digit", modes[m], id, (int)n, text);
            if (latin && han) fail_msg("%s: piece %u: \"%.*s\" is of two scripts", modes[m], id, (int)n, text);
            assert_true(chars <= 16);
            longest = LF_MAX(longest, (int)chars), joined += han && chars > 1;
        }
        assert_true(longest >= 4 && joined >= 1);
        /* what is too rare becomes bytes, and any text comes back */
        static const char text[] = "  shba <sep>\xE2\x98\x83 1234 \xE5\xB1\xB1\xE6\xB0\xB4 bakelo\n";
        int32_t ids[256];
        char back[256];
        int64_t n = lf_tokenizer_encode(t, ids, 256, text, sizeof text - 1, false, NULL);
        bool user = false;
        for (int64_t i = 0; i < n; i++) user |= ids[i] == lf__tokenizer_find(t, "shba", 4);
        assert_true(user);
        assert_int_equal(lf_tokenizer_decode(t, back, sizeof back, ids, (size_t)n, true, NULL), sizeof text - 1);
        assert_memory_equal(back, text, sizeof text - 1);
        lf_tokenizer_free(&t);
    }
}

/* The learned words of a language of few words: they are pieces, and a text of them is about a token a word. */
static void learns_words(void **state)
{
    LF_UNUSED(state);
    size_t n;
    char *text = corpus(&n);
    for (int m = 0; m < 2; m++) {
        lf_tokenizer *t = train(modes[m], 2, false);
        int32_t *ids = malloc(lf_tokenizer_bound(t, n) * sizeof *ids);
        int64_t tokens = lf_tokenizer_encode(t, ids, lf_tokenizer_bound(t, n), text, n, false, NULL);
        double words = (double)count(text, n, " ");
        if ((double)tokens > 2.0 * words) fail_msg("%s: %lld tokens for %.0f words", modes[m], (long long)tokens, words);
        free(ids);
        lf_tokenizer_free(&t);
    }
    free(text);
}

static void saved(void **state)
{
    LF_UNUSED(state);
    for (int m = 0; m < 2; m++) {
        lf_error err = {0};
        lf_tokenizer *t = train(modes[m], 2, m == 0);
        if (lf__sp_save(t, in_scratch("t.model"), &err)) fail_msg("%s", err.message);
        lf_tokenizer *again = lf_tokenizer_load(in_scratch("t.model"), &err);
        if (!again) fail_msg("%s", err.message);
        assert_string_equal(lf_tokenizer_fingerprint(again), lf_tokenizer_fingerprint(t));
        lf_tokenizer_free(&t);
        lf_tokenizer_free(&again);
    }
}

/* Full width to plain, white space to one space, control characters away, what composes composed: before learning and before encoding. */
static void normalized(void **state)
{
    LF_UNUSED(state);
    static const char *const same[][2] = {{"\xEF\xBC\xA1\xEF\xBC\xA2 \xEF\xAC\x81", "AB fi"},
                                          {"  a\xC2\xA0\t b \n", "a b"},
                                          {"A\xCC\x8A\x07", "\xC3\x85"},
                                          {"\xE1\x84\x80\xE1\x85\xA1", "\xEA\xB0\x80"},
                                          {"e\xCC\xA3\xCC\x82", "\xE1\xBB\x87"}};
    static const char text[] = "AB fi a b \xC3\x85 \xEA\xB0\x80 \xE1\xBB\x87 AB fi a b\nAB fi a b \xC3\x85 \xEA\xB0\x80\n";
    const char *path = put_file("text.txt", text, sizeof text - 1);
    lf_error err = {0};
    lf_tokenizer *t = lf_tokenizer_train(
        &path, 1, &(lf_tokenizer_train_options){.mode = "unigram", .vocab_size = 16, .normalizer = "nmt_nfkc", .character_coverage = 1},
        &err);
    if (!t && err.code == LF_E_UNSUPPORTED) skip(); /* a build without utf8proc */
    if (!t) fail_msg("%s", err.message);
    assert_int_equal(lf__sp_save(t, in_scratch("n.model"), NULL), 0);
    lf_tokenizer *again = lf_tokenizer_load(in_scratch("n.model"), &err);
    if (!again) fail_msg("%s", err.message);
    for (size_t i = 0; i < LF_COUNT(same); i++) {
        int32_t a[64], b[64];
        int64_t n = lf_tokenizer_encode(again, a, 64, same[i][0], strlen(same[i][0]), false, NULL);
        assert_int_equal(n, lf_tokenizer_encode(t, b, 64, same[i][1], strlen(same[i][1]), false, NULL));
        assert_memory_equal(a, b, (size_t)n * sizeof *a);
        for (int64_t k = 0; k < n; k++) assert_int_not_equal(a[k], 0);
    }
    lf_tokenizer_free(&t);
    lf_tokenizer_free(&again);
}

static void refused(void **state)
{
    LF_UNUSED(state);
    static const char *const spaced[] = {"a b", NULL};
    static const struct {
        lf_tokenizer_train_options options;
        const char *text, *says;
    } table[] = {
        {{.mode = "unigram", .vocab_size = 5},
         "hello world",
         "too small: 2 are fixed and 8 are the characters of the text: expected 11 or more"},
        {{.mode = "unigram", .vocab_size = 0}, "hello", "a vocabulary of 0 pieces"},
        {{.mode = "sentencepiece-bpe", .vocab_size = 50, .character_coverage = 2}, "hello", "character coverage 2: expected 0"},
        {{.mode = "sentencepiece-bpe", .vocab_size = 50, .user_pieces = spaced}, "hello", "user piece \"a b\""},
        {{.mode = "unigram", .vocab_size = 50, .threads = 1000}, "hello", "1000 threads"},
        {{.mode = "unigram", .vocab_size = 50}, "\n\n", "nothing but separators and empty lines"},
        {{.mode = "unigrm", .vocab_size = 50}, "hello", "mode \"unigrm\" is not known"},
    };
    for (size_t i = 0; i < LF_COUNT(table); i++) {
        lf_error err = {0};
        const char *path = put_file("text.txt", table[i].text, strlen(table[i].text));
        assert_null(lf_tokenizer_train(&path, 1, &table[i].options, &err));
        if (!strstr(err.message, table[i].says)) fail_msg("\"%s\" does not say \"%s\"", err.message, table[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_for_any_threads), cmocka_unit_test(pieces),
                                       cmocka_unit_test(learns_words),         cmocka_unit_test(saved),
                                       cmocka_unit_test(normalized),           cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
