/* test_regex_spell.c - expressions of Oniguruma's dialect as they are handed to PCRE2. What they match is held against Hugging Face's
 * `tokenizers` by test_tokenizer_golden.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tokenizer/regex.h"

static bool is_script(const char *name, size_t n) { return n == 3 && memcmp(name, "Han", 3) == 0; }

static void spelled(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {"'s| ?\\p{L}+|\\s+(?!\\S)", "'s| ?\\p{L}+|\\p{White_Space}+(?!\\P{White_Space})"},
        {"[^\\s\\p{L}\\]]", "[^\\p{White_Space}\\p{L}\\]]"},
        {"\\p{Han}\\P{Han}\\p{^Han}\\p{Lu}", "\\p{sc:Han}\\P{sc:Han}\\p{^sc:Han}\\p{Lu}"},
        {"\\p{Han", "\\p{Han"},
        {"\\h[\\h]\\v", "[0-9A-Fa-f][0-9A-Fa-f]\\x{0B}"},
        {"[\\b]", "[\\x{08}]"},
        {"\\u5c71\\u5", "\\x{5c71}\\u5"},
        {"(?m:.)(?i:a)(?=b)(?<n>c)[(?m:]", "(?s:.)(?i:a)(?=b)(?<n>c)[(?m:]"},
        {"[]a][^]b]\\[[:x]", "[]a][^]b]\\[[:x]"},
        {"[[:digit:]_][[:xdigit:]]", "[\\p{Nd}_][0-9A-Fa-f]"},
        {"a&&b\\\\", "a&&b\\\\"},
        {"\\", "\\"},
    };
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        lf_buf out;
        lf_error err = {0};
        lf__buf_init(&out, 4096);
        if (lf__regex_spell(&out, rows[i][0], is_script, &err)) fail_msg("%s", err.message);
        assert_string_equal(out.len ? out.data : "", rows[i][1]);
        lf__buf_release(&out);
    }
}

static void refused(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"a[\\W]", "byte 2: \"\\W\" is not supported inside of brackets"},
                                          {"[a[bc]]", "byte 2: \"[\" is not supported inside of brackets"},
                                          {"[a-c&&b]", "byte 4: \"&&\" is not supported inside of brackets"},
                                          {"[[:graph:]]", "byte 1: \"[:graph:]\" is not supported"},
                                          {"[[:^alpha:]]", "byte 1: \"[:^alpha:]\" is not supported"},
                                          {"[[:alpha]", "byte 1: \"[\" is not supported"},
                                          {"\\Qa\\E", "byte 0: \"\\Q\" is not supported"}};
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        lf_buf out;
        lf_error err = {0};
        lf__buf_init(&out, 4096);
        assert_int_equal(lf__regex_spell(&out, rows[i][0], is_script, &err), -1);
        assert_int_equal(err.code, LF_E_UNSUPPORTED);
        if (!strstr(err.message, rows[i][1])) fail_msg("%s does not say %s", err.message, rows[i][1]);
        lf__buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(spelled), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
