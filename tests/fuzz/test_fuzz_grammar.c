/* test_fuzz_grammar.c - replays mutations of grammars with texts through the fuzz entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fuzz/fuzz_grammar.c"
#include "fuzz/mutate.h"

static void mutations(void **state)
{
    (void)state;
    static const char list[] =
        "root ::= item (\",\" ws item)* # list\nitem ::= [a-z\\u00e0-\\u00ff]+ | \"(\" root \")\" | .{2,3}\nws ::= [ \\n]?\0ab, (c,d)";
    static const char odd[] = "root ::= (\"a\"* | b{0,4})* [^\\x00-\\x1f]\nb ::= \"\\\"\" b | \"x\"\n\0aaaaxxx";
    mutate_run(LLVMFuzzerTestOneInput, list, sizeof list - 1, 1500);
    mutate_run(LLVMFuzzerTestOneInput, odd, sizeof odd - 1, 1500);
}

static void corpus(void **state)
{
    (void)state;
    mutate_corpus(LLVMFuzzerTestOneInput, "fuzz_grammar");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(mutations)};
    return cmocka_run_group_tests_name("fuzz_grammar", tests, NULL, NULL);
}
