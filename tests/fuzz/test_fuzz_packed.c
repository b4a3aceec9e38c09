/* test_fuzz_packed.c - replays the kept corpus, and mutations, through the fuzz entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fuzz/fuzz_packed.c"
#include "fuzz/mutate.h"

static void mutations(void **state)
{
    (void)state;
    static const uint8_t zeros[256]; /* nothing is changed: the head, and 200 bytes of weights */
    LLVMFuzzerTestOneInput(zeros, sizeof zeros);
    assert_int_equal(opened, 1);
    mutate_run(LLVMFuzzerTestOneInput, zeros, sizeof zeros, 3000);
    assert_true(opened > 1000);
}

static void corpus(void **state)
{
    (void)state;
    mutate_corpus(LLVMFuzzerTestOneInput, "fuzz_packed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(mutations), cmocka_unit_test(corpus)};
    return cmocka_run_group_tests_name("fuzz_packed", tests, NULL, NULL);
}
