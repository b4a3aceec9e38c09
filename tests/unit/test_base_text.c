/* Text from outside: numbers, names, UTF-8; and numbers for people. */
#include "base/base.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want;
    } good[] = {
        {"0", 0},
        {"-0", 0},
        {"+7", 7},
        {"007", 7},
        {"20M", 20000000},
        {"4k", 4000},
        {"4Ki", 4096},
        {"1.5M", 1500000},
        {"1e6", 1000000},
        {"2.50e2", 250},
        {"12.0", 12},
        {"100e-2", 1},
        {"-3k", -3000},
        {"1G", 1000000000},
        {"2Gi", 1LL << 31},
        {"0e99", 0},
        {"0.0001e4", 1},
        {"3Mi", 3 << 20},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    static const char *const bad[] = {"",
                                      " 1",
                                      "1 ",
                                      "x",
                                      "1x",
                                      "1.5",
                                      "--1",
                                      "+",
                                      "-",
                                      ".",
                                      "1e",
                                      "1e-1",
                                      "k",
                                      "1kk",
                                      "1m",
                                      "0x10",
                                      "1,000",
                                      "10^30",
                                      "1e30",
                                      "1e999999999999",
                                      "nan",
                                      "inf",
                                      "1.5.2",
                                      "\xef\xbc\x91",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999999999",
                                      "9223372036854775807k"};
    int64_t v;
    for (size_t i = 0; i < LF_COUNT(good); i++) {
        lf_error err = {0};
        v = -99;
        if (lf__parse_int(good[i].text, "n", INT64_MIN, INT64_MAX, &v, &err)) fail_msg("%s", err.message);
        assert_int_equal(v, good[i].want);
    }
    for (size_t i = 0; i < LF_COUNT(bad); i++) {
        lf_error err = {0};
        v = 5;
        if (lf__parse_int(bad[i], "n", INT64_MIN, INT64_MAX, &v, &err) == 0) fail_msg("accepted \"%s\"", bad[i]);
        assert_int_equal(err.code, LF_E_ARGUMENT);
        assert_int_equal(v, 5);
    }
    lf_error err = {0};
    assert_int_equal(lf__parse_int("0", "--threads", 1, 256, &v, &err), -1);
    assert_string_equal(err.message, "--threads: expected a whole number from 1 to 256, got \"0\"");
    lf_error_reset(&err);
    assert_int_equal(lf__parse_int("-1", "a.yaml:3: train.steps", 0, INT64_MAX, &v, &err), -1);
    assert_string_equal(err.message, "a.yaml:3: train.steps: expected a whole number of at least 0, got \"-1\"");
}

static void doubles(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double want;
    } good[] = {
        {"0.1", 0.1}, {"3e-4", 3e-4}, {"-1", -1}, {".5", .5}, {"5.", 5}, {"1E3", 1000}, {"0.1000000000000000055511151231257827", 0.1},
        {"1e-999", 0}};
    static const char *const bad[] = {"", "x", "1x", " 1", "1 ", "nan", "inf", "-inf", "0x1p3", "1e999", "1,5", "1e", "fast"};
    double v;
    for (size_t i = 0; i < LF_COUNT(good); i++) {
        assert_int_equal(lf__parse_double(good[i].text, "x", -INFINITY, INFINITY, &v, NULL), 0);
        assert_true(v == good[i].want);
    }
    for (size_t i = 0; i < LF_COUNT(bad); i++) assert_int_equal(lf__parse_double(bad[i], "x", -INFINITY, INFINITY, &v, NULL), -1);
    lf_error err = {0};
    assert_int_equal(lf__parse_double("11", "train.lr", 0, 10, &v, &err), -1);
    assert_string_equal(err.message, "train.lr: expected a number from 0 to 10, got \"11\"");
}

static int LF_PRINTF(3, 4) print_into(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = lf__vsnprintf(out, size, format, args);
    va_end(args);
    return n;
}

/* A host program may have any locale; ours is always C. Skipped where no locale with a decimal comma is installed. */
static void numbers_ignore_the_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "de_DE", "fr_FR"};
    const char *set = NULL;
    for (size_t i = 0; i < LF_COUNT(names) && !set; i++) set = setlocale(LC_ALL, names[i]);
    char text[32];
    double v = 0;
    assert_int_equal(lf__parse_double("0.5", "x", 0, 1, &v, NULL), 0);
    print_into(text, sizeof text, "%.1f", 0.5);
    setlocale(LC_ALL, "C");
    assert_true(v == 0.5);
    assert_string_equal(text, "0.5");
    if (!set) print_message("no locale with a decimal comma here: checked under C only\n");
}

static void booleans(void **state)
{
    (void)state;
    bool v = false;
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"},
                             *const bad[] = {"", "TRUE ", "2", "y"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(lf__parse_bool(yes[i], "b", &v, NULL), 0);
        assert_true(v);
        assert_int_equal(lf__parse_bool(no[i], "b", &v, NULL), 0);
        assert_false(v);
        assert_int_equal(lf__parse_bool(bad[i], "b", &v, NULL), -1);
    }
}

static void did_you_mean(void **state)
{
    (void)state;
    static const char *const names[] = {"train",        "generate",          "tokenizer", "config",   "train.lr",
                                        "train.min_lr", "model.hidden_size", "relu",      "gelu_new", NULL};
    static const struct {
        const char *typed, *want;
    } rows[] = {
        {"tran", "train"},
        {"trian", "train"},
        {"Train", "train"},
        {"genrate", "generate"},
        {"generat", "generate"},
        {"tokeniser", "tokenizer"},
        {"confg", "config"},
        {"lr", "train.lr"},
        {"train.min-lr", "train.min_lr"},
        {"hidden_size", "model.hidden_size"},
        {"relux", "relu"},
        {"gelu", "gelu_new"}, /* a longer form is nearer than a letter off */
        {"serve", NULL},
        {"x", NULL},
        {"", NULL},
        {"completely-different", NULL},
    };
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        const char *got = lf__nearest(rows[i].typed, names);
        if (!rows[i].want)
            assert_null(got);
        else
            assert_string_equal(got ? got : "nothing", rows[i].want);
    }
    char lengthy[5000];
    memset(lengthy, 'a', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = '\0';
    assert_null(lf__nearest(lengthy, names));
}

static void human_numbers(void **state)
{
    (void)state;
    char out[32];
    assert_string_equal(lf__human_bytes(out, 0), "0 bytes");
    assert_string_equal(lf__human_bytes(out, 1), "1 byte");
    assert_string_equal(lf__human_bytes(out, 999), "999 bytes");
    assert_string_equal(lf__human_bytes(out, 1000), "1.0 kB");
    assert_string_equal(lf__human_bytes(out, 1234567), "1.2 MB");
    assert_string_equal(lf__human_bytes(out, 999960), "1.0 MB");
    assert_string_equal(lf__human_bytes(out, 1.8e19), "18.0 EB");
}

static void utf8_round_trips(void **state)
{
    (void)state;
    for (int32_t cp = 0; cp <= 0x10ffff; cp++) {
        if (cp >= 0xd800 && cp <= 0xdfff) continue;
        char out[4];
        int32_t back;
        int n = lf__utf8_encode(out, cp);
        if (lf__utf8_decode(out, out + n, &back) != n || back != cp) fail_msg("U+%04X", (unsigned)cp);
        for (int cut = 1; cut < n; cut++) {
            if (lf__utf8_decode(out, out + cut, &back) != 1 || back != -1) fail_msg("cut U+%04X", (unsigned)cp);
            if (lf__utf8_incomplete_tail(out, (size_t)cut) != (size_t)cut) fail_msg("tail of U+%04X", (unsigned)cp);
        }
        if (lf__utf8_incomplete_tail(out, (size_t)n) != 0) fail_msg("whole U+%04X", (unsigned)cp);
    }
}

static void invalid_utf8_goes_byte_by_byte(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x80\x80",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x80\x80\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xfe",
                                      "\xff",
                                      "\xc3(",
                                      "\xe4\xbd("};
    for (size_t i = 0; i < LF_COUNT(bad); i++) {
        int32_t cp;
        assert_int_equal(lf__utf8_decode(bad[i], bad[i] + strlen(bad[i]), &cp), 1);
        assert_int_equal(cp, -1);
        if ((unsigned char)bad[i][0] >= 0xe0) assert_true(lf__utf8_incomplete_tail(bad[i], 2) != 2 || bad[i][2] == '(');
    }
    assert_int_equal(lf__utf8_incomplete_tail("", 0), 0);
    assert_int_equal(lf__utf8_incomplete_tail("\x80\x80\x80\x80", 4), 0);
    assert_int_equal(lf__utf8_incomplete_tail("ab\xe4\xbd", 4), 2);
    assert_int_equal(lf__utf8_incomplete_tail("\xed\xa0", 2), 0);
}

/* Length of the longest well-formed sequence at p, straight from the definition: decode by length, then refuse overlong and surrogates. */
static int defined(const unsigned char *p, int left)
{
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int n = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
    if (n == 0 || n > left) return 0;
    int32_t v = n == 1 ? p[0] : p[0] & (0x7f >> n);
    for (int i = 1; i < n; i++) {
        if (p[i] >> 6 != 2) return 0;
        v = v << 6 | (p[i] & 63);
    }
    return v < least[n] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000) ? 0 : n;
}

static void random_bytes_decode_as_defined(void **state)
{
    (void)state;
    static const unsigned char likely[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
                                           0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff};
    lf_rng r = lf__rng_make(3, 3);
    for (int i = 0; i < 500000; i++) {
        unsigned char *text = malloc(4); /* exactly as long as said: a sanitizer sees a byte too many */
        int n = 1 + (int)lf__rng_below(&r, 4);
        text = realloc(text, (size_t)n);
        for (int j = 0; j < n; j++) text[j] = i % 2 ? (unsigned char)lf__rng_u64(&r) : likely[lf__rng_below(&r, sizeof likely)];
        int32_t cp;
        int want = defined(text, n), got = lf__utf8_decode((char *)text, (char *)text + n, &cp);
        assert_int_equal(cp >= 0 ? got : 0, want);
        assert_true(want || got == 1);
        free(text);
    }
}

static void terminal_widths(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int want;
    } rows[] = {
        {"", 0},
        {"abc", 3},
        {"\xc3\xa9", 1},
        {"e\xcc\x81", 1},
        {"\xe4\xbd\xa0\xe5\xa5\xbd", 4},
        {"\xef\xbc\xa1", 2},
        {"\xe3\x80\x82", 2},
        {"\xf0\x9f\x98\x80", 2},
        {"\xea\xb0\x80", 2},
        {"\xe2\x80\x8b", 0},
        {"a\tb\n", 2},
        {"\xe2\x80\x9cq\xe2\x80\x9d", 3},
        {"\xe2\x96\x88", 1},
    };
    for (size_t i = 0; i < LF_COUNT(rows); i++) assert_int_equal(lf__utf8_width(rows[i].text, strlen(rows[i].text)), rows[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(doubles),
        cmocka_unit_test(numbers_ignore_the_locale),
        cmocka_unit_test(booleans),
        cmocka_unit_test(did_you_mean),
        cmocka_unit_test(human_numbers),
        cmocka_unit_test(utf8_round_trips),
        cmocka_unit_test(invalid_utf8_goes_byte_by_byte),
        cmocka_unit_test(random_bytes_decode_as_defined),
        cmocka_unit_test(terminal_widths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
