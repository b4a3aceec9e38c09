/* test_hints.c - every hint exists in both languages: each lf_error_hint in src/ has its row in src/base/hints.c, each row its call, and
 * both texts take the same arguments in the same order. Reads the sources. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static bool used[1024];
static int calls, missing;

/* The string literal at *p, several in a row and PRId64 joined, into out; false when there is none. */
static bool literal(char out[2048], const char **p)
{
    size_t n = 0;
    bool any = false;
    for (const char *s = *p;;) {
        s += strspn(s, " \t\n");
        if (strncmp(s, "PRId64", 6) == 0) {
            n += (size_t)sprintf(out + n, "%s", PRId64), s += 6;
        } else if (*s == '"') {
            for (s++; *s != '"'; s++) out[n++] = *s != '\\' ? *s : *++s == 'n' ? '\n' : *s;
            s++, any = true;
        } else {
            out[n] = 0, *p = s;
            return any;
        }
    }
}

static void one_call(const char *path, const char *at)
{
    char text[2048];
    const char *zh, *p = strchr(at, ',') + 1;
    if (!literal(text, &p)) {
        p += strspn(p, " \n");
        if (strncmp(p, "cli_say(", 8) == 0 || strncmp(p, "const char *", 12) == 0) return; /* in two languages there; the definition */
        print_error("%s: a hint's text is a literal, or test_hints.c cannot see it: %.60s\n", path, p);
        missing++;
        return;
    }
    calls++;
    for (size_t row = 0; lf__hint_row(row, &zh); row++) {
        if (strcmp(lf__hint_row(row, &zh), text) != 0) continue;
        used[row] = true;
        return;
    }
    print_error("%s: add to src/base/hints.c:  {\"%s\", \"...\"},\n", path, text);
    missing++;
}

static int one_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)ftw;
    size_t n = strlen(path);
    if (type != FTW_F || n < 2 || strcmp(path + n - 2, ".c") != 0) return 0;
    lf_error err = {0};
    lf_buf text;
    lf__buf_init(&text, 1 << 22);
    assert_int_equal(lf__read_file(&text, path, 1 << 22, &err), 0);
    for (const char *at = text.data; (at = strstr(at, "lf_error_hint(")); at++) one_call(path, at);
    lf__buf_release(&text);
    return 0;
}

static void every_call_has_a_row(void **state)
{
    (void)state;
    const char *zh;
    assert_int_equal(nftw(TESTS_DIR "/../src", one_file, 16, FTW_PHYS), 0);
    assert_true(calls > 100);
    for (size_t row = 0; lf__hint_row(row, &zh); row++) {
        if (used[row]) continue;
        print_error("src/base/hints.c: nobody says \"%s\"\n", lf__hint_row(row, &zh));
        missing++;
    }
    assert_int_equal(missing, 0);
}

/* "a %s b %-5d" -> "%s%-5d" */
static void arguments(char out[256], const char *format)
{
    size_t n = 0;
    for (const char *p = format; (p = strchr(p, '%')); p++) {
        size_t len = 1 + strcspn(p + 1, "sdufgcx%") + 1;
        memcpy(out + n, p, len), n += len, p += len - 1;
    }
    out[n] = 0;
}

static void both_languages_take_the_same(void **state)
{
    (void)state;
    const char *en, *zh;
    for (size_t row = 0; (en = lf__hint_row(row, &zh)); row++) {
        char a[256], b[256];
        for (size_t other = 0; other < row; other++) {
            const char *ignored;
            assert_string_not_equal(lf__hint_row(other, &ignored), en);
        }
        if (!zh) { /* a command: nothing in it to translate */
            bool command =
                strncmp(en, "foundry ", 8) == 0 || strncmp(en, "--", 2) == 0 || strncmp(en, "ls ", 3) == 0 || strchr("%/", en[0]);
            if (!command) print_error("\"%s\" is not a command: it needs its Chinese\n", en);
            assert_true(command);
            continue;
        }
        bool chinese = false;
        for (const char *p = zh; *p; p++) chinese |= (unsigned char)*p >= 0xE3;
        assert_true(chinese);
        arguments(a, en), arguments(b, zh);
        assert_string_equal(a, b);
    }
}

static void filled_in_both(void **state)
{
    (void)state;
    lf_error err = {0};
    lf_error_set(&err, LF_E_IO, "no");
    lf_error_hint(&err, "did you mean %s?", "this");
    assert_string_equal(err.hint, "did you mean this?");
    assert_string_equal(err.hint_zh, "是不是想用 this？");
    lf_error_reset(&err);
    assert_string_equal(err.hint_zh, "");
    lf_error_set(&err, LF_E_IO, "no");
    lf_error_hint(&err, "foundry runs ls");
    assert_string_equal(err.hint_zh, "");
    lf_error_reset(&err);
    lf_error_set(&err, LF_E_IO, "no");
    lf__error_hints(&err, "one", "一");
    lf__error_hints(&err, "two", "二");
    assert_string_equal(err.hint, "one");
    assert_string_equal(err.hint_zh, "一");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_call_has_a_row), cmocka_unit_test(both_languages_take_the_same),
                                       cmocka_unit_test(filled_in_both)};
    return cmocka_run_group_tests_name("hints", tests, NULL, NULL);
}
