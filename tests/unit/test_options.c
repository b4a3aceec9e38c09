/* test_options.c - the option machinery on a small table of its own: types, ranges, defaults, near names, printing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

typedef struct sample {
    int64_t steps, threads, seed;
    double lr;
    bool fast;
    char name[8], mode[16];
} sample;

static const lf_option table[] = {{"train.steps", LF_OPT_INT, offsetof(sample, steps), 8, "100", 1, 1000000, NULL, 'r', "how many", "多少"},
                                  {"threads", LF_OPT_INT, offsetof(sample, threads), 8, "auto", 1, 256, NULL, 'r', "workers", "线程"},
                                  {"train.seed", LF_OPT_INT, offsetof(sample, seed), 8, "1", 0, 9.3e18, NULL, 'f', "seed", "种子"},
                                  {"train.lr", LF_OPT_DOUBLE, offsetof(sample, lr), 8, "1e-3", 0, 10, NULL, 'f', "rate", "率"},
                                  {"fast", LF_OPT_BOOL, offsetof(sample, fast), 1, "true", 0, 1, NULL, 'r', "fast", "快"},
                                  {"name", LF_OPT_STRING, offsetof(sample, name), 8, "", 0, 0, NULL, 'r', "name", "名"},
                                  {"mode", LF_OPT_CHOICE, offsetof(sample, mode), 16, "bpe", 0, 0, "bpe|char|none", 'f', "mode", "模式"},
                                  {0}};

static void set_defaults(sample *s)
{
    for (const lf_option *row = table; row->key; row++)
        assert_int_equal(lf__option_set(table, s, row->key, row->fallback, "default", NULL), 0);
}

/* What each row takes, for people. */
static void ranges(void **state)
{
    (void)state;
    static const char *const expected[][2] = {{"1 to 1,000,000", "1 到 1,000,000"},
                                              {"1 to 256 or auto", "1 到 256 或 auto"},
                                              {"0 or more", "不小于 0"},
                                              {"0 to 10", "0 到 10"},
                                              {"true or false", "true 或 false"},
                                              {"text", "文本"},
                                              {"bpe|char|none", "bpe|char|none"}};
    char out[128];
    for (size_t i = 0; table[i].key; i++)
        for (int zh = 0; zh < 2; zh++) assert_string_equal(lf__option_range(out, &table[i], zh), expected[i][zh]);
}

static void defaults(void **state)
{
    (void)state;
    sample s;
    memset(&s, 0x55, sizeof s);
    set_defaults(&s);
    assert_int_equal(s.steps, 100);
    assert_int_equal(s.threads, 0);
    assert_true(s.lr == 1e-3 && s.fast);
    assert_string_equal(s.name, "");
    assert_string_equal(s.mode, "bpe");
    char out[32];
    assert_string_equal(lf__option_get(&table[1], &s, out, sizeof out), "auto");
    assert_string_equal(lf__option_get(&table[3], &s, out, sizeof out), "0.001");
}

/* text -> what it prints as, or the sentence of its refusal */
static const struct {
    const char *key, *text, *printed, *message, *hint;
} cases[] = {
    {"train.steps", "2k", "2000", NULL, NULL},
    {"train.steps", "1e6", "1000000", NULL, NULL},
    {"train.steps", "0", NULL, "a.yaml:3: train.steps: expected a whole number from 1 to 1,000,000, got \"0\"", "how many"},
    {"train.steps", "-5", NULL, "got \"-5\"", NULL},
    {"train.steps", "1000000000000000000000000000000", NULL, "expected a whole number from 1 to 1,000,000", NULL},
    {"train.steps", "fast", NULL, "got \"fast\"", NULL},
    {"train.steps", "", NULL, "got \"\"", NULL},
    {"train.steps", "1.5", NULL, "whole number", NULL},
    {"train.steps", "5 ", NULL, "whole number", NULL},
    {"train.steps", "auto", NULL, "whole number", NULL},
    {"train.seed", "9223372036854775807", "9223372036854775807", NULL, NULL},
    {"train.seed", "9223372036854775808", NULL, "whole number", NULL},
    {"threads", "auto", "auto", NULL, NULL},
    {"threads", "0", NULL, "from 1 to 256", NULL},
    {"train.lr", "3e-4", "0.0003", NULL, NULL},
    {"train.lr", "1e-05", "1e-5", NULL, NULL},
    {"train.lr", "0.1", "0.1", NULL, NULL},
    {"train.lr", "nan", NULL, "expected a number from 0 to 10, got \"nan\"", NULL},
    {"train.lr", "11", NULL, "from 0 to 10", NULL},
    {"fast", "off", "false", NULL, NULL},
    {"fast", "maybe", NULL, "expected true or false, got \"maybe\"", NULL},
    {"name", "1234567", "1234567", NULL, NULL},
    {"name", "12345678", NULL, "8 bytes are too many, at most 7 fit", NULL},
    {"mode", "char", "char", NULL, NULL},
    {"mode", "chr", NULL, "expected one of bpe|char|none, got \"chr\"", "did you mean char?"},
    {"mode", "", NULL, "expected one of", NULL},
    {"train.step", "3", NULL, "a.yaml:3: there is no option \"train.step\"", "did you mean train.steps?"},
    {"lr", "3", NULL, "there is no option", "did you mean train.lr?"},
    {"quite.different", "3", NULL, "there is no option", "foundry help options"},
};

static void texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < LF_COUNT(cases); i++) {
        sample s = {0}, before;
        char out[64];
        lf_error err = {0};
        set_defaults(&s);
        before = s;
        int rc = lf__option_set(table, &s, cases[i].key, cases[i].text, "a.yaml:3", &err);
        if (cases[i].printed) {
            if (rc) fail_msg("%s: %s", cases[i].key, err.message);
            assert_string_equal(lf__option_get(lf__option_find(table, cases[i].key), &s, out, sizeof out), cases[i].printed);
        } else {
            if (rc == 0) fail_msg("%s = %s was accepted", cases[i].key, cases[i].text);
            if (!strstr(err.message, cases[i].message)) fail_msg("got \"%s\", expected \"%s\"", err.message, cases[i].message);
            if (cases[i].hint && !strstr(err.hint, cases[i].hint)) fail_msg("hint \"%s\", expected \"%s\"", err.hint, cases[i].hint);
            assert_true(err.code == LF_E_CONFIG || err.code == LF_E_LIMIT);
            assert_memory_equal(&s, &before, sizeof s); /* a refused value changes nothing */
        }
    }
}

static void usage_code(void **state)
{
    (void)state;
    sample s = {0};
    lf_error err = {0};
    lf__option_set(table, &s, "train.steps", "x", "command line", &err);
    assert_int_equal(lf_code_exit(err.code), 2);
    lf_error_reset(&err);
    lf__option_set(table, &s, "train.steps", "x", "a.yaml:1", &err);
    assert_int_equal(lf_code_exit(err.code), 1);
}

/* Every double that a row can hold prints to text that reads back to the same bits. */
static void numbers_return(void **state)
{
    (void)state;
    const lf_option wide[] = {{"x", LF_OPT_DOUBLE, 0, 8, "0", -1e308, 1e308, "", 'r', "", ""}, {0}};
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        double v = 0, back = 0;
        char text[64];
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        memcpy(&v, &seed, sizeof v);
        if (!(v > -1e307 && v < 1e307)) continue;
        lf__option_get(wide, &v, text, sizeof text);
        if (lf__option_set(wide, &back, "x", text, "t", NULL) || memcmp(&v, &back, sizeof v))
            fail_msg("%a printed as %s read as %a", v, text, back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ranges), cmocka_unit_test(defaults), cmocka_unit_test(texts),
                                       cmocka_unit_test(usage_code), cmocka_unit_test(numbers_return)};
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
