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
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0); /* makes the engine; its file is gone now */
    int32_t text[TEXT];
    lf_error err = {0};
    lf_buf seed = {.max = 1 << 20};
    for (int i = 0; i < TEXT; i++) text[i] = i % VOCAB;
    assert_int_equal(lf_engine_save(engine, fuzz_path, text, TEXT, &err), 64);
    assert_int_equal(lf__read_file(&seed, fuzz_path, 1 << 20, &err), 0);
    mutate_run(LLVMFuzzerTestOneInput, seed.data, seed.len, 1500);
    for (size_t bit = 0; bit < 128 * 8; bit++) { /* all of the header */
        seed.data[bit / 8] ^= (char)(1 << bit % 8);
        LLVMFuzzerTestOneInput((const uint8_t *)seed.data, seed.len);
        seed.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    lf__buf_release(&seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hostile_files_lose_no_page)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
