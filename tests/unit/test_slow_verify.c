/* test_slow_verify.c - the golden runs that bring their own text, as far as they go by themselves, with one thread and with two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "foundry/verify.h"

static int lines;

static void on_line(const lf_verify_line *line, void *user)
{
    (void)user;
    lines += line->right;
}

static void curves_are_met(void **state)
{
    (void)state;
    static const char *const names[] = {"char", "stories-3m"};
    for (int i = 0; i < 2; i++) {
        lf_error err = {0};
        lf_device *device = lf_device_open(&(lf_device_options){.threads = 1 + i}, NULL);
        assert_non_null(device);
        lines = 0;
        if (lf_verify_run(device, names[i], &(lf_verify_options){.on_line = on_line}, &err)) fail_msg("%s: %s", names[i], err.message);
        assert_true(lines >= 9);
        lf_device_close(&device);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(curves_are_met)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
