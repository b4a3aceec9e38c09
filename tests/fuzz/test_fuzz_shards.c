/* Replays the shard fuzzer without a fuzzer: true files, every one of them mutated a few hundred times, the same each run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fuzz/fuzz_shards.c"
#include "fuzz/mutate.h"

static void feed(int what, const void *bytes, size_t n)
{
    uint8_t input[8192];
    assert_true(n < sizeof input);
    input[0] = (uint8_t)what;
    memcpy(input + 1, bytes, n);
    LLVMFuzzerTestOneInput(input, n + 1);
}

/* Flips, cuts, doublings and overwrites with numbers that parsers like to trip over. */
static size_t mutate(uint8_t *bytes, size_t n, size_t max, lf_rng *rng)
{
    static const int64_t edges[] = {0, -1, 1, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 20240520, 20240801, 7};
    for (uint64_t k = 1 + lf__rng_below(rng, 3); k > 0 && n > 8; k--) {
        size_t at = lf__rng_below(rng, n - 7);
        switch (lf__rng_below(rng, 5)) {
        case 0: bytes[at] ^= (uint8_t)(1u << lf__rng_below(rng, 8)); break;
        case 1: memcpy(bytes + at, &edges[lf__rng_below(rng, LF_COUNT(edges))], lf__rng_below(rng, 2) ? 4 : 8); break;
        case 2: n = at; break;
        case 3: bytes[at] = (uint8_t) "0-9.eE{}[]\",:\\\n\t x"[lf__rng_below(rng, 18)]; break;
        default:
            if (n + 8 <= max) memmove(bytes + at + 8, bytes + at, n - at), n += 8;
        }
    }
    return n;
}

static void hostile_shards_are_refused_with_a_sentence(void **state)
{
    LF_UNUSED(state);
    static const char line[] = "{\"text\": \"Once upon a \\u72d0 time\", \"id\": [1, {\"x\": null}]}";
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0); /* makes the folder */
    const struct {
        const void *bytes;
        size_t n;
    } seeds[] = {{good_bin, sizeof good_bin}, {good_bin, sizeof good_bin}, {good_json, good_json_size}, {line, sizeof line - 1}};
    lf_rng rng = lf__rng_make(2, 2);
    for (int what = 0; what < 4; what++) {
        feed(what, seeds[what].bytes, seeds[what].n);
        for (int i = 0; i < 1500; i++) {
            uint8_t bytes[6000];
            memcpy(bytes, seeds[what].bytes, seeds[what].n);
            feed(what, bytes, mutate(bytes, seeds[what].n, sizeof bytes, &rng));
        }
    }
    for (size_t n = 0; n < good_json_size; n++) feed(2, good_json, n);
}

static void corpus(void **state)
{
    (void)state;
    mutate_corpus(LLVMFuzzerTestOneInput, "fuzz_shards");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(hostile_shards_are_refused_with_a_sentence)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
