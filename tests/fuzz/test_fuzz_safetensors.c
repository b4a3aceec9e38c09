/* test_fuzz_safetensors.c - replays mutations of a small file through the fuzz entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fuzz/fuzz_safetensors.c"
#include "fuzz/mutate.h"

static void mutations(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[16,28]},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},\"z\":{\"dtype\":\"U8\",\"shape\":[0],"
        "\"data_offsets\":[28,28]}}";
    uint8_t file[8 + sizeof header - 1 + 28] = {sizeof header - 1};
    memcpy(file + 8, header, sizeof header - 1);
    mutate_run(LLVMFuzzerTestOneInput, file, sizeof file, 20000);
}

static void corpus(void **state)
{
    (void)state;
    mutate_corpus(LLVMFuzzerTestOneInput, "fuzz_safetensors");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(mutations)};
    return cmocka_run_group_tests_name("fuzz_safetensors", tests, NULL, NULL);
}
