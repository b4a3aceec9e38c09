/* test_fuzz_index.c - replays mutations of a shard index through the fuzz entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fuzz/fuzz_index.c"
#include "fuzz/mutate.h"

static void mutations(void **state)
{
    (void)state;
    static const char seed[] = "{\"metadata\":{\"total_size\":16},\"weight_map\":{\"a\":\"s1.safetensors\",\"b\":\"s2.safetensors\"}}";
    mutate_run(LLVMFuzzerTestOneInput, seed, sizeof seed - 1, 5000);
}

static void corpus(void **state)
{
    (void)state;
    mutate_corpus(LLVMFuzzerTestOneInput, "fuzz_index");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(mutations)};
    return cmocka_run_group_tests_name("fuzz_index", tests, NULL, NULL);
}
