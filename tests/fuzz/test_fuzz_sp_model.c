/* test_fuzz_sp_model.c - the .model fuzz entry under ctest: truncations, flips and random edits of small models, and every length of theirs
 * replaced by the numbers that break readers. */
#include "unit/tokenizer_tests.h"

#include "fuzz/fuzz_sp_model.c"
#include "fuzz/mutate.h"

static const char *const seeds[] = {"bpe_map", "unigram_bytes", "bpe_unused", "unigram_suffix"};

static uint8_t *seed(size_t i, size_t *n)
{
    char path[LF_PATH_MAX];
    snprintf(path, sizeof path, TESTS_DIR "/golden/data/sentencepiece/%s.model", seeds[i]);
    return (uint8_t *)get_file(path, n);
}

static void mutations(void **state)
{
    LF_UNUSED(state);
    const char *wish = getenv("FOUNDRY_FUZZ_ROUNDS");
    for (size_t i = 0; i < LF_COUNT(seeds); i++) {
        size_t n;
        uint8_t *data = seed(i, &n);
        mutate_run(LLVMFuzzerTestOneInput, data, n, wish ? atoi(wish) : 1000);
        free(data);
    }
}

static size_t put_varint(uint8_t *out, uint64_t v)
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7) out[n++] = (uint8_t)(v | 0x80);
    out[n++] = (uint8_t)v;
    return n;
}

/* Every length of the message and of the messages inside it: 0, 1, one more, one less, 2^31 - 1 ... 2^64 - 1. */
static void lengths(void **state)
{
    LF_UNUSED(state);
    for (size_t i = 0; i < LF_COUNT(seeds); i++) {
        size_t n;
        uint8_t *data = seed(i, &n), *copy = malloc(n + 16);
        for (size_t at = 0; at + 2 < n;) { /* a key, its length (below 2^14 here), its bytes; first level */
            size_t width = data[at + 1] & 0x80 ? 2 : 1, length = data[at + 1] & 0x7F, next;
            if (width == 2) length |= (size_t)data[at + 2] << 7;
            next = at + 1 + width + length;
            const uint64_t numbers[] = {0,          1,         length - 1,        length + 1, INT32_MAX, (uint64_t)INT32_MAX + 1,
                                        UINT32_MAX, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX};
            for (size_t k = 0; k < LF_COUNT(numbers); k++) {
                size_t put = 0;
                memcpy(copy, data, at + 1);
                put = at + 1 + put_varint(copy + at + 1, numbers[k]);
                memcpy(copy + put, data + at + 1 + width, n - (at + 1 + width));
                LLVMFuzzerTestOneInput(copy, put + n - (at + 1 + width));
            }
            at = next;
        }
        free(data), free(copy);
    }
}

/* Things that are no regular file, and one that is too large. */
static void not_files(void **state)
{
    LF_UNUSED(state);
    static const char *const paths[] = {"/dev/zero", "/dev/null", "/tmp"};
    for (size_t i = 0; i < LF_COUNT(paths); i++) {
        lf_error err = {0};
        assert_null(lf__sp_load(paths[i], &err));
        assert_non_null(strstr(err.message, paths[i]));
    }
    lf_error err = {0};
    put_file("large.model", "\x0A", 1);
    assert_int_equal(truncate(in_scratch("large.model"), 33 << 20), 0);
    assert_null(lf__sp_load(in_scratch("large.model"), &err));
    assert_int_equal(err.code, LF_E_LIMIT);
}

static void corpus(void **state)
{
    (void)state;
    mutate_corpus(LLVMFuzzerTestOneInput, "fuzz_sp_model");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(mutations), cmocka_unit_test(lengths),
                                       cmocka_unit_test(not_files)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
