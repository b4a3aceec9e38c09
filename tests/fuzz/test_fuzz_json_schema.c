/* test_fuzz_json_schema.c - replays the kept corpus, and mutations of schemas through the fuzz entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fuzz/fuzz_json_schema.c"
#include "fuzz/mutate.h"

static void mutations(void **state)
{
    (void)state;
    static const char object[] = "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/"
                                 "x\"},\"ab\":{\"minLength\":1,\"maxLength\":9},\"c\":{\"enum\":[1,\"x\",null]"
                                 "}},\"required\":[\"c\"],\"additionalProperties\":{\"type\":\"null\"},\"$defs\":{\"x\":{\"anyOf\":[{"
                                 "\"type\":[\"integer\",\"null\"],\"minimum\":-7,"
                                 "\"exclusiveMaximum\":120},{\"$ref\":\"#\"}]}}}";
    static const char list[] =
        "{\"prefixItems\":[{\"pattern\":\"^(a|[b-d\\\\d])+\\\\w{2,3}$|x\"},{\"format\":\"date\"}],\"items\":{\"allOf\":[{\"required\":["
        "\"z\"]},{\"properties\":{\"z\":{\"type\":\"number\",\"minimum\":0.25,\"maximum\":1.5}}}]},\"minItems\":1,\"maxItems\":4}";
    mutate_run(LLVMFuzzerTestOneInput, object, sizeof object - 1, 1500);
    mutate_run(LLVMFuzzerTestOneInput, list, sizeof list - 1, 1500);
}

static void corpus(void **state)
{
    (void)state;
    mutate_corpus(LLVMFuzzerTestOneInput, "fuzz_json_schema");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(mutations)};
    return cmocka_run_group_tests_name("fuzz_json_schema", tests, NULL, NULL);
}
