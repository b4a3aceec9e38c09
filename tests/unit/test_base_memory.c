/* Memory, errors and messages: arenas that count as they hand out, buffers that stop at their limit, the first failure kept. */
#include "base/base.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void arena_hands_out_aligned_zeroed_memory(void **state)
{
    (void)state;
    lf_arena arena;
    lf_error err = {0};
    assert_int_equal(lf__arena_init(&arena, "test", 5 << 20, &err), 0);
    assert_true(arena.size >= 5 << 20);
    char *a = lf__arena_push(&arena, 100), *b = lf__arena_push(&arena, 1), *c = lf__arena_push(&arena, 0);
    assert_true((uintptr_t)a % LF_ALIGN == 0 && (uintptr_t)b % LF_ALIGN == 0 && (uintptr_t)c % LF_ALIGN == 0);
    assert_true(b - a == 128 && c - b == 64);
    for (int i = 0; i < 100; i++) assert_int_equal(a[i], 0);
    size_t mark = lf__arena_mark(&arena);
    char *d = lf__arena_push(&arena, 1000);
    memset(d, 1, 1000);
    lf__arena_rewind(&arena, mark);
    assert_int_equal(arena.peak, mark + 1024);
    assert_ptr_equal(d, lf__arena_push(&arena, 1000));
    lf__arena_release(&arena);
    assert_null(arena.base);
    lf__arena_release(&arena);
}

static void arena_overflow_is_sticky(void **state)
{
    (void)state;
    lf_arena arena;
    assert_int_equal(lf__arena_init(&arena, "small", 4096, NULL), 0);
    assert_int_equal(arena.size, 4096);
    assert_non_null(lf__arena_push(&arena, 4000));
    assert_null(lf__arena_push(&arena, 4000));
    assert_null(lf__arena_push(&arena, SIZE_MAX));
    assert_null(lf__arena_push(&arena, SIZE_MAX - 10));
    assert_true(arena.overflowed);
    assert_int_equal(arena.used, 4032);
    assert_non_null(lf__arena_push(&arena, 64));
    assert_true(arena.overflowed);
    lf__arena_release(&arena);
}

static void arena_larger_than_the_machine_is_refused(void **state)
{
    (void)state;
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 4096, (size_t)1 << 60, (size_t)1 << 50};
    for (size_t i = 0; i < LF_COUNT(sizes); i++) {
        lf_arena arena;
        lf_error err = {0};
        assert_int_equal(lf__arena_init(&arena, "model", sizes[i], &err), -1);
        assert_int_equal(err.code, LF_E_MEMORY);
        assert_non_null(strstr(err.message, "the model arena needs"));
        assert_non_null(strstr(err.message, "this machine has"));
        assert_null(arena.base);
        lf__arena_release(&arena);
    }
}

/* The same pushes on a measuring arena: same offsets, same peak, and no byte that could be read. */
static void measuring_counts_what_the_work_takes(void **state)
{
    (void)state;
    lf_arena real, plan;
    assert_int_equal(lf__arena_init(&real, "real", 1 << 20, NULL), 0);
    assert_int_equal(lf__arena_init_measuring(&plan, "plan", NULL), 0);
    for (size_t i = 1; i < 50; i++) {
        size_t mark = lf__arena_mark(&real);
        char *a = lf__arena_push(&real, i * 37), *b = lf__arena_push(&plan, i * 37);
        assert_int_equal(a - real.base, b - plan.base);
        lf__arena_push(&plan, 100);
        lf__arena_push(&real, 100);
        if (i % 3) lf__arena_rewind(&real, mark), lf__arena_rewind(&plan, mark);
    }
    assert_int_equal(real.used, plan.used);
    assert_int_equal(real.peak, plan.peak);
    /* sizes that no machine has */
    assert_non_null(lf__arena_push(&plan, (size_t)1 << 50));
    assert_non_null(lf__arena_push(&plan, 64));
    assert_true(plan.peak > (size_t)1 << 50);
    assert_false(plan.overflowed);
    assert_non_null(lf__arena_push(&plan, SIZE_MAX));
    assert_true(plan.overflowed);
    lf__arena_release(&real);
    lf__arena_release(&plan);
}

static void touching_a_measured_address_crashes(void **state)
{
    (void)state;
    lf_arena plan;
    assert_int_equal(lf__arena_init_measuring(&plan, "plan", NULL), 0);
    volatile char *p = lf__arena_push(&plan, 64);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        *p = 1;
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    lf__arena_release(&plan);
}

static void heap_checks_sizes(void **state)
{
    (void)state;
    lf_error err = {0};
    char *p = lf__calloc(0, 8, &err);
    assert_non_null(p);
    free(p);
    assert_null(lf__calloc(SIZE_MAX / 2, 4, &err));
    assert_int_equal(err.code, LF_E_MEMORY);
    int *items = NULL;
    size_t cap = 0;
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(lf__grow(&items, &cap, i + 1, sizeof *items, NULL), 0);
        items[i] = (int)i;
    }
    assert_true(cap >= 1000 && cap < 2100 && items[0] == 0 && items[999] == 999);
    lf_error_reset(&err);
    size_t before = cap;
    assert_int_equal(lf__grow(&items, &cap, SIZE_MAX / 2, sizeof *items, &err), -1);
    assert_int_equal(err.code, LF_E_MEMORY);
    assert_int_equal(cap, before);
    assert_int_equal(items[999], 999);
    free(items);
    p = lf__strdup("copy", NULL);
    assert_string_equal(p, "copy");
    free(p);
}

static void buffer_stops_at_its_limit(void **state)
{
    (void)state;
    lf_buf buf;
    lf__buf_init(&buf, 10);
    assert_null(buf.data);
    assert_int_equal(lf__buf_puts(&buf, "12345"), 0);
    assert_int_equal(lf__buf_add(&buf, "67890", 5), 0);
    assert_string_equal(buf.data, "1234567890");
    assert_int_equal(lf__buf_add(&buf, "x", 1), -1);
    assert_true(buf.failed);
    assert_string_equal(buf.data, "1234567890");
    assert_int_equal(lf__buf_add(&buf, "", 0), -1); /* sticky */
    lf__buf_reset(&buf);
    assert_int_equal(lf__buf_printf(&buf, "%d-%s", 42, "abc"), 0);
    assert_string_equal(buf.data, "42-abc");
    assert_int_equal(lf__buf_printf(&buf, "%s", "too long for it"), -1);
    assert_string_equal(buf.data, "42-abc");
    lf__buf_release(&buf);
    lf__buf_init(&buf, SIZE_MAX);
    for (int i = 0; i < 1000; i++) assert_int_equal(lf__buf_printf(&buf, "%d,", i), 0);
    assert_int_equal(buf.len, 10 + 90 * 2 + 900 * 3 + 1000);
    assert_int_equal(lf__buf_add(&buf, "x", SIZE_MAX), -1);
    lf__buf_release(&buf);
    lf__buf_init(&buf, 0);
    assert_int_equal(lf__buf_puts(&buf, ""), 0);
    assert_string_equal(buf.data, "");
    assert_int_equal(lf__buf_puts(&buf, "x"), -1);
    lf__buf_release(&buf);
}

static void json_strings(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        const char *want;
    } rows[] = {
        {"plain", 5, "\"plain\""},
        {"", 0, "\"\""},
        {"a\"b\\c\n\t\r\b\f", 10, "\"a\\\"b\\\\c\\n\\t\\r\\b\\f\""},
        {"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\""},
        {"\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x98\x80\""},
        {"\xff"
         "a\xc3",
         3,
         "\"\xef\xbf\xbd"
         "a\xef\xbf\xbd\""},
        {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        lf_buf buf;
        lf__buf_init(&buf, 100);
        assert_int_equal(lf__buf_json_string(&buf, rows[i].text, rows[i].n), 0);
        assert_string_equal(buf.data, rows[i].want);
        lf__buf_release(&buf);
    }
}

static void the_first_failure_is_kept(void **state)
{
    (void)state;
    lf_error err = {0};
    assert_int_equal(lf_error_hint(&err, "nothing failed yet"), -1);
    assert_string_equal(err.hint, "");
    assert_int_equal(lf_error_set(&err, LF_E_IO, "first %d", 1), -1);
    assert_int_equal(lf_error_hint(&err, "do %s", "this"), -1);
    lf_error_set(&err, LF_E_CONFIG, "second");
    lf_error_hint(&err, "do that");
    assert_int_equal(err.code, LF_E_IO);
    assert_string_equal(err.message, "first 1");
    assert_string_equal(err.hint, "do this");
    lf_error_reset(&err);
    assert_int_equal(err.code, LF_OK);
    assert_string_equal(err.message, "");
    assert_string_equal(err.hint, "");
    assert_int_equal(lf_error_set(NULL, LF_E_IO, "nobody listens"), -1);
    assert_int_equal(lf_error_hint(NULL, "nobody"), -1);
    lf_error_reset(NULL);
}

static void error_texts_are_safe_to_print(void **state)
{
    (void)state;
    lf_error err = {0};
    lf_error_set(&err, LF_E_IO, "file \x1b[31m\r\x07 name\nline");
    assert_string_equal(err.message, "file ?[31m?? name\nline");
    char lengthy[3000];
    for (size_t i = 0; i + 3 < sizeof lengthy; i += 3) memcpy(lengthy + i, "\xe4\xbd\xa0", 4);
    for (int shift = 0; shift < 3; shift++) { /* the cut falls inside a character, whatever the offset */
        lf_error_reset(&err);
        lf_error_set(&err, LF_E_IO, "%.*s%s", shift, "ab", lengthy);
        size_t n = strlen(err.message);
        assert_true(n > 1015 && n < sizeof err.message);
        assert_string_equal(err.message + n - 3, "...");
        for (const char *p = err.message, *end = p + n; p < end;) {
            int32_t cp;
            p += lf__utf8_decode(p, end, &cp);
            assert_true(cp >= 0);
        }
    }
    assert_string_equal(lf_code_name(LF_E_NOT_FOUND), "not-found");
    assert_string_equal(lf_code_name((lf_code)999), "unknown");
    assert_int_equal(lf_code_exit(LF_OK), 0);
    assert_int_equal(lf_code_exit(LF_E_ARGUMENT), 2);
    assert_int_equal(lf_code_exit(LF_E_INTERRUPTED), 3);
    assert_int_equal(lf_code_exit((lf_code)999), 1);
}

static char logged[256];
static lf_log_level logged_level;
static void sink(lf_log_level level, const char *text, void *user)
{
    logged_level = level;
    snprintf(logged, sizeof logged, "%s:%s", (const char *)user, text);
}

static void log_reaches_its_sink(void **state)
{
    (void)state;
    lf__log(LF_LOG_WARNING, "vanishes");
    lf_log_set_sink(sink, "me");
    lf__log(LF_LOG_NOTE, "n = %d", 7);
    assert_string_equal(logged, "me:n = 7");
    assert_int_equal(logged_level, LF_LOG_NOTE);
    lf_log_set_sink(NULL, NULL);
    lf__log(LF_LOG_NOTE, "gone");
    assert_string_equal(logged, "me:n = 7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_hands_out_aligned_zeroed_memory),
        cmocka_unit_test(arena_overflow_is_sticky),
        cmocka_unit_test(arena_larger_than_the_machine_is_refused),
        cmocka_unit_test(measuring_counts_what_the_work_takes),
        cmocka_unit_test(touching_a_measured_address_crashes),
        cmocka_unit_test(heap_checks_sizes),
        cmocka_unit_test(buffer_stops_at_its_limit),
        cmocka_unit_test(json_strings),
        cmocka_unit_test(the_first_failure_is_kept),
        cmocka_unit_test(error_texts_are_safe_to_print),
        cmocka_unit_test(log_reaches_its_sink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
