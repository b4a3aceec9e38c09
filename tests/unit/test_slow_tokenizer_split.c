/* test_slow_tokenizer_split.c - every split rule against PCRE2 on every code point, in contexts. */
#include "unit/split_oracle.h"

static void every_code_point(void **state)
{
    LF_UNUSED(state);
#ifdef HAVE_PCRE2
    for (const lf_split_rule *rule = lf__split_rules; rule->name; rule++) {
        oracle o;
        int differ = 0;
        oracle_open(&o, rule);
        for (int32_t cp = 0; cp < 0x110000; cp++) {
            if ((cp >= 0xD800 && cp < 0xE000) || agrees_in_contexts(&o, cp)) continue;
            differ++;
            print_message("rule %s: U+%04X is classed otherwise than by this PCRE2\n", rule->name, (unsigned)cp);
        }
        oracle_close(&o);
        if (same_unicode()) assert_true(differ <= 1); /* U+180E */
    }
#else
    print_message("SKIPPED: built without PCRE2 (libpcre2-dev)\n");
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_code_point)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
