/* test_cli_term.c - what the command line says to people: numbers and speeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/cli_term.c" /* the command's own file: not part of the library */

/* A slow stretch between two looks counts whole; smoothing looks at most twice a second and leans to the past. */
static void rates(void **state)
{
    (void)state;
    cli_rate plain = {.at = 10, .done = 1000}, smooth = plain;
    assert_float_equal(cli_rate_look(&plain, 12, 3000, false), 1000, 1e-9);
    assert_float_equal(cli_rate_look(&plain, 12.1, 3400, false), 4000, 1e-6);
    assert_float_equal(cli_rate_look(&plain, 22.1, 3900, false), 50, 1e-9);
    assert_float_equal(cli_rate_look(&plain, 22.1, 4900, false), 50, 1e-9); /* no time has passed */
    assert_float_equal(cli_rate_look(&smooth, 10.4, 1400, true), 0, 0);     /* not known yet */
    assert_float_equal(cli_rate_look(&smooth, 11, 2000, true), 1000, 1e-9);
    assert_float_equal(cli_rate_look(&smooth, 11.4, 9000, true), 1000, 1e-9);
    assert_float_equal(cli_rate_look(&smooth, 12, 4000, true), 0.6 * 1000 + 0.4 * 2000, 1e-9);
}

static void counts(void **state)
{
    (void)state;
    char out[32];
    assert_string_equal(cli_human_count(out, 0), "0");
    assert_string_equal(cli_human_count(out, 999), "999");
    assert_string_equal(cli_human_count(out, -1000), "-1,000");
    assert_string_equal(cli_human_bytes(out, 1), "1 byte");
    assert_string_equal(cli_human_bytes(out, 0), "0 bytes");
    assert_string_equal(cli_human_bytes(out, 602), "602 bytes");
    char things[64];
    cli_set_language("en");
    assert_string_equal(cli_human_things(things, 1, "story", "stories", " 个故事"), "1 story");
    assert_string_equal(cli_human_things(things, 12345, "story", "stories", " 个故事"), "12,345 stories");
    cli_set_language("zh");
    assert_string_equal(cli_human_things(things, 1, "story", "stories", " 个故事"), "1 个故事");
    assert_string_equal(amount(things, 1, "merges", true), "1 次");
    cli_set_language("en");
    assert_string_equal(amount(things, 1, "merges", true), "1 merge");
    assert_string_equal(cli_human_count(out, 9e15), "9,000,000,000,000,000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rates), cmocka_unit_test(counts)};
    return cmocka_run_group_tests_name("cli_term", tests, NULL, NULL);
}
