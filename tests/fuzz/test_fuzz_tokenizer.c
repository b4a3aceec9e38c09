/* test_fuzz_tokenizer.c - the tokenizer's fuzz entries under ctest: seeds, then fixed mutations of them. A crash or a sanitizer's report is
 * the failure; FOUNDRY_FUZZ_ROUNDS=100000 for a long run. */
#include "unit/component_cases.h"

#define LLVMFuzzerTestOneInput fuzz_json
#include "fuzz/fuzz_tokenizer_json.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_ranks
#include "fuzz/fuzz_ranks.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_encode
#include "fuzz/fuzz_encode.c"
#undef LLVMFuzzerTestOneInput
#include "fuzz/mutate.h"

static int rounds(int usual)
{
    const char *wish = getenv("FOUNDRY_FUZZ_ROUNDS");
    return wish ? atoi(wish) : usual;
}

/* A few edits: flips, cuts, copies of one part over another, words that matter. */
static size_t mutate(uint8_t *out, size_t cap, const uint8_t *seed, size_t n, const char *const *words, size_t n_words, lf_rng *r)
{
    memcpy(out, seed, n);
    for (uint64_t edits = 1 + lf__rng_below(r, 4); edits-- && n > 0;) {
        size_t at = lf__rng_below(r, n), length = lf__rng_below(r, LF_MIN(n - at, 32)) + 1;
        const char *word = words[lf__rng_below(r, n_words)];
        switch (lf__rng_below(r, 5)) {
        case 0: out[at] = (uint8_t)lf__rng_u64(r); break;
        case 1: out[at] ^= (uint8_t)(1 << lf__rng_below(r, 8)); break;
        case 2: memmove(out + at, out + at + length, n - at - length), n -= length; break;
        case 3: memmove(out + lf__rng_below(r, n - length + 1), out + at, length); break;
        default:
            if (n + strlen(word) > cap) break;
            memmove(out + at + strlen(word), out + at, n - at);
            memcpy(out + at, word, strlen(word)), n += strlen(word);
        }
    }
    return n;
}

static void json(void **state)
{
    LF_UNUSED(state);
    static const char *const words[] = {"null",
                                        "true",
                                        "[",
                                        "]",
                                        "{",
                                        "}",
                                        "\"",
                                        ":",
                                        ",",
                                        "0",
                                        "-1",
                                        "1e999",
                                        "99999999999999999999",
                                        "\"\\u0000\"",
                                        "\"a b\",",
                                        "[\"a\",\"b\"],",
                                        "\"type\": \"Fuse\"",
                                        "\"\xC4\xA0\""};
    lf_rng r = lf__rng_make(11, 0);
    for (int chars = 0; chars < 2; chars++) {
        lf_tokenizer *t =
            learn_with("hello hello hello", 17, (lf_tokenizer_train_options){.mode = chars ? "char" : "bpe", .vocab_size = 262});
        size_t n, m;
        assert_int_equal(lf_tokenizer_save(t, in_scratch("seed"), NULL), 0);
        lf_tokenizer_free(&t);
        uint8_t *seed = (uint8_t *)get_file(in_scratch("seed/tokenizer.json"), &n), *out = malloc(n + 4096);
        fuzz_json(seed, n);
        for (int i = rounds(1000); i-- > 0;) {
            m = mutate(out, n + 4096, seed, n, words, LF_COUNT(words), &r);
            fuzz_json(out, m);
        }
        free(seed);
        free(out);
    }
}

static void ranks(void **state)
{
    LF_UNUSED(state);
    static const char *const words[] = {" ", "\n", "=", "IQ== 0\n", "0", "99999999999", "-", "AAAA", "aGVsbG8= ", "\r", "{"};
    lf_rng r = lf__rng_make(14, 0);
    lf_error err = {0};
    size_t n;
    lf_tokenizer *t = learn("hello hello hello, the hello", 268);
    assert_int_equal(lf_tokenizer_export(t, in_scratch("ranks"), "tiktoken", &err), 0);
    lf_tokenizer_free(&t);
    uint8_t *seed = (uint8_t *)get_file(in_scratch("ranks/tokenizer.tiktoken"), &n), *out = malloc(n + 4096);
    fuzz_ranks(seed, n);
    for (int i = rounds(1000); i-- > 0;) {
        size_t m = mutate(out, n + 4096, seed, n, words, LF_COUNT(words), &r);
        fuzz_ranks(out, m);
        /* the tail alone is broken: most others fail at once */
        memcpy(out, seed, n - 60);
        m = mutate(out + n - 60, 4096, seed + n - 60, 60, words, LF_COUNT(words), &r);
        fuzz_ranks(out, n - 60 + m);
    }
    free(seed);
    free(out);
}

/* Every component, broken a little. */
static void components(void **state)
{
    LF_UNUSED(state);
    static const char *const words[] = {"null",     "true",         "\"Regex\"",        "\"String\"",           "(a*)*b", "\\\\p{L}",
                                        "[",        "\"Sequence\"", "\"Removed\"",      "\"always\"",           "0",      "-1",
                                        "\"NFKC\"", "\"Strip\"",    "\"lstrip\": true", "\"normalized\": true", "{",      "}",
                                        "(?=",      "\\\\K"};
    json_t *root = load_cases();
    const json_t *cases = json_object_get(root, "cases");
    lf_rng r = lf__rng_make(13, 0);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        json_t *document = case_document(root, json_array_get(cases, i));
        /* the stages first: a mutation of the vocabulary is the other test's */
        char *seed = json_dumps(document, JSON_SORT_KEYS | JSON_COMPACT), *model = strstr(seed, "\"model\"");
        size_t n = strlen(seed), head = model ? (size_t)(model - seed) : n;
        uint8_t *out = malloc(n + 8192);
        for (int k = rounds(30); k-- > 0;) {
            size_t m = mutate(out, head + 4096, (uint8_t *)seed, head, words, LF_COUNT(words), &r);
            memcpy(out + m, seed + head, n - head);
            fuzz_json(out, m + n - head);
        }
        free(out);
        free(seed);
        json_decref(document);
    }
    json_decref(root);
}

static void text(void **state)
{
    LF_UNUSED(state);
    static const char *const words[] = {
        " ",    "\n\n",     "'ll", "the", "aaaaaaaa", "<|endoftext|>", "<|", "\xE5\xB1\xB1", "\xF0\x9F\x98\x80", "\xED\xA0\x80",
        "\xFF", "\xC2\x85", "1",   "!"};
    static uint8_t seed[600], out[4096];
    lf_rng r = lf__rng_make(12, 0);
    size_t n = babble((char *)seed, sizeof seed, 3);
    for (int i = rounds(5000); i-- > 0;) {
        size_t m = mutate(out, sizeof out, seed, n, words, LF_COUNT(words), &r);
        fuzz_encode(out, m);
        if (i % 7 == 0 && m <= sizeof seed) memcpy(seed, out, n = LF_MAX(m, 1)); /* wander */
    }
}

static void corpus(void **state)
{
    LF_UNUSED(state);
    mutate_corpus(fuzz_json, "fuzz_tokenizer_json");
    mutate_corpus(fuzz_ranks, "fuzz_ranks");
    mutate_corpus(fuzz_encode, "fuzz_encode");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(json), cmocka_unit_test(ranks),
                                       cmocka_unit_test(components), cmocka_unit_test(text)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
