/* Replays the fuzzer of files of keys and values without a fuzzer: a true file, cut, flipped and mutated, the same each run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fuzz/fuzz_kv_file.c"
#include "fuzz/mutate.h"

static void hostile_files_lose_no_page(void **state)
{
    LF_UNUSED(state);
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0); /* makes the engine */
    uint8_t *zeros = calloc(1, truth.len);          /* nothing is changed */
    LLVMFuzzerTestOneInput(zeros, truth.len);
    assert_int_equal(loaded, 1);
    mutate_run(LLVMFuzzerTestOneInput, zeros, truth.len, 1500);
    for (size_t bit = 0; bit < 128 * 8; bit++) { /* all of the header */
        zeros[bit / 8] ^= (uint8_t)(1 << bit % 8);
        LLVMFuzzerTestOneInput(zeros, truth.len);
        zeros[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(loaded > 100);
    free(zeros);
}

static void corpus(void **state)
{
    LF_UNUSED(state);
    mutate_corpus(LLVMFuzzerTestOneInput, "fuzz_kv_file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(hostile_files_lose_no_page)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
