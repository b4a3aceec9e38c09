/* test_device.c - opening a device: rungs, threads, refusals with their sentences, and the self-test that doctor shows. */
#include "kernel_test.h"

static void refuses(const lf_device_options *o, lf_code code, const char *word)
{
    lf_error err = {0};
    assert_null(lf_device_open(o, &err));
    assert_int_equal(err.code, code);
    if (!strstr(err.message, word)) fail_msg("\"%s\" does not say %s", err.message, word);
    assert_null(lf_device_open(o, NULL)); /* nobody wants to know */
}

static void refusals(void **state)
{
    (void)state;
    refuses(&(lf_device_options){.threads = -1}, LF_E_ARGUMENT, "1 to 256");
    refuses(&(lf_device_options){.threads = 257}, LF_E_ARGUMENT, "257");
    refuses(&(lf_device_options){.isa = "sse9"}, LF_E_ARGUMENT, "sse9");
    refuses(&(lf_device_options){.isa = ""}, LF_E_ARGUMENT, "avx512");
    refuses(&(lf_device_options){.pin = "maybe"}, LF_E_ARGUMENT, "maybe");
    for (const char *const *isa = lf_isa_list(); *isa; isa++)
        if (!lf_isa_supported(*isa)) refuses(&(lf_device_options){.isa = *isa}, LF_E_UNSUPPORTED, *isa);
    assert_false(lf_isa_supported("auto"));
    assert_false(lf_isa_supported(NULL));
    assert_true(lf_isa_supported("scalar"));
}

static void defaults(void **state)
{
    (void)state;
    lf_device *dev = lf_device_open(NULL, NULL);
    assert_non_null(dev);
    assert_int_equal(lf_device_threads(dev), LF_MIN(256, lf_cpu_count()));
    for (const char *const *isa = lf_isa_list(); *isa; isa++) {
        if (!lf_isa_supported(*isa)) continue;
        assert_string_equal(lf_device_isa(dev), *isa); /* auto is the first that runs */
        break;
    }
    lf_device_close(&dev);
    assert_null(dev);
    lf_device_close(&dev);
    assert_true(strlen(lf_cpu_name()) > 0);
}

static void count_line(const lf_selftest_line *line, void *user)
{
    assert_true(line->passed);
    assert_true(line->max_error <= line->tolerance);
    ++*(int *)user;
}

static void first_failed(const lf_selftest_line *line, void *user)
{
    if (!line->passed) *(const char **)user = line->kernel;
}

static float broken_dot(const float *x, const float *y, int n) { return x[0] * y[0] + (float)n; }

static void selftest(void **state)
{
    (void)state;
    for (const char *const *isa = lf_isa_list(); *isa; isa++) {
        if (!lf_isa_supported(*isa)) continue;
        lf_device *dev = open_device(*isa, 2);
        lf_error err = {0};
        int lines = 0;
        assert_int_equal(lf_device_selftest(dev, count_line, &lines, &err), 0);
        assert_true(lines >= 8);
        /* A broken kernel is found and named. */
        const char *failed = NULL;
        ((lf_cpu_device *)dev)->kernels.dot = broken_dot;
        assert_int_equal(lf_device_selftest(dev, first_failed, &failed, &err), -1);
        assert_int_equal(err.code, LF_E_NUMERIC);
        assert_non_null(strstr(err.message, "attention"));
        assert_string_equal(failed, "attention");
        lf_device_close(&dev);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(refusals), cmocka_unit_test(defaults), cmocka_unit_test(selftest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
