/* test_fuzz_gguf.c - replays mutations of a small file with every kind of value through the fuzz entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fuzz/fuzz_gguf.c"
#include "fuzz/gguf_seed.h"
#include "fuzz/mutate.h"

static void mutations(void **state)
{
    (void)state;
    lf_buf seed;
    gguf_seed(&seed);
    mutate_run(LLVMFuzzerTestOneInput, seed.data, seed.len, 20000);
    lf__buf_release(&seed);
}

static void corpus(void **state)
{
    (void)state;
    mutate_corpus(LLVMFuzzerTestOneInput, "fuzz_gguf");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(mutations)};
    return cmocka_run_group_tests_name("fuzz_gguf", tests, NULL, NULL);
}
