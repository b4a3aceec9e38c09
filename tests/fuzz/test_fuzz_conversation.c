/* test_fuzz_conversation.c - replays the kept corpus, and mutations of a conversation, through the fuzz entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fuzz/fuzz_conversation.c"
#include "fuzz/mutate.h"

static void mutations(void **state)
{
    (void)state;
    static const char talk[] =
        "[{\"role\": \"system\", \"content\": \"\\ud83d\\ude00 a\\u0000\\n\"}, {\"role\": \"user\", \"content\": [{\"type\": "
        "\"text\", \"text\": \"x\"}]}, {\"role\": \"tool\", \"tool_calls\": [{\"id\": -1, \"arguments\": {\"x\": 2.5e3}}]}]";
    mutate_run(LLVMFuzzerTestOneInput, talk, sizeof talk - 1, 5000);
}

static void corpus(void **state)
{
    (void)state;
    mutate_corpus(LLVMFuzzerTestOneInput, "fuzz_conversation");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(mutations)};
    return cmocka_run_group_tests_name("fuzz_conversation", tests, NULL, NULL);
}
