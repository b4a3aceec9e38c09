/* Text leaves in whole characters, however the bytes arrive; the key/value room is as large as it says and zero. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "infer/infer.h"

typedef struct sink {
    char text[4096];
    size_t n;
    int calls, stop_at;
} sink;

static int take(const char *text, size_t n, void *user)
{
    sink *s = user;
    assert_true(n > 0 && s->n + n < sizeof s->text);
    assert_int_equal(lf__utf8_incomplete_tail(text, n), 0);
    for (const char *p = text, *end = text + n; p < end;) {
        int32_t cp;
        p += lf__utf8_decode(p, end, &cp);
        assert_true(cp >= 0); /* each piece is valid UTF-8 on its own */
    }
    memcpy(s->text + s->n, text, n);
    s->n += n;
    return ++s->calls == s->stop_at;
}

static void check(const char *bytes, size_t n, size_t step, const char *want)
{
    sink s = {0};
    lf_text_stream stream = {.on_text = take, .user = &s};
    for (size_t i = 0; i < n; i += step) assert_int_equal(lf__text_stream_add(&stream, bytes + i, LF_MIN(step, n - i)), 0);
    assert_int_equal(lf__text_stream_end(&stream), 0);
    s.text[s.n] = 0;
    assert_string_equal(s.text, want);
}

#define BAD "\xEF\xBF\xBD"
static void test_pieces(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *want;
    } cases[] = {
        {"plain", "plain"},
        {"从前有一只小狐狸。", "从前有一只小狐狸。"},
        {"a\xF0\x9F\xA6\x8A"
         "b",
         "a\xF0\x9F\xA6\x8A"
         "b"},
        {"\xFFx", BAD "x"},
        {"x\xE4\xBB", "x" BAD BAD}, /* cut at the end */
        {"\xE4\xBB"
         "A",
         BAD BAD "A"},                         /* cut in the middle */
        {"\xC0\xAF", BAD BAD},                 /* overlong */
        {"\xED\xA0\x80", BAD BAD BAD},         /* surrogate */
        {"\xF4\x90\x80\x80", BAD BAD BAD BAD}, /* above U+10FFFF */
        {"\x80\x80"
         "ok\xF0\x9F",
         BAD BAD "ok" BAD BAD},
        {"", ""},
    };
    for (size_t i = 0; i < LF_COUNT(cases); i++)
        for (size_t step = 1; step <= 5; step++) check(cases[i].bytes, strlen(cases[i].bytes), step, cases[i].want);
}

/* Long tokens, every cut. */
static void test_long(void **state)
{
    (void)state;
    char text[1024] = "";
    while (strlen(text) < 900) strcat(text, "é狐\xF0\x9F\xA6\x8A-");
    for (size_t step = 1; step < 300; step += 7) check(text, strlen(text), step, text);
}

static void test_stop(void **state)
{
    (void)state;
    sink s = {.stop_at = 1};
    lf_text_stream stream = {.on_text = take, .user = &s};
    assert_int_equal(lf__text_stream_add(&stream, "\xE7\x8B", 2), 0); /* nothing whole yet: nobody is asked */
    assert_int_equal(s.calls, 0);
    assert_int_not_equal(lf__text_stream_add(&stream, "\x90", 1), 0);
    lf_text_stream deaf = {0};
    assert_int_equal(lf__text_stream_add(&deaf, "abc", 3), 0);
}

/* Pages are found by their tokens behind the pages before them, leaves go first, what is held stays, what is taken is zero. */
static void test_kv_pool(void **state)
{
    (void)state;
    lf_error err = {0};
    int32_t a[3 * LF_KV_BLOCK] = {1, 2, 3}, b[3 * LF_KV_BLOCK] = {1, 2, 3};
    b[LF_KV_BLOCK] = 9; /* they part in the second page */
    lf_kv_pool *pool = lf__kv_pool_new(3, 2, 24, 5, &err);
    assert_non_null(pool);
    int page[5], found[3];
    for (int i = 0; i < 3; i++) {
        page[i] = lf__kv_pool_take(pool);
        lf__kv_pool_data(pool, page[i])[7] = 5.0f;
        assert_int_equal(lf__kv_pool_publish(pool, page[i], i ? page[i - 1] : -1, a + i * LF_KV_BLOCK), page[i]);
    }
    assert_int_equal(lf__kv_pool_available(pool), 2);
    assert_int_equal(lf__kv_pool_match(pool, found, b, 3), 1); /* held twice now */
    assert_int_equal(found[0], page[0]);
    page[3] = lf__kv_pool_take(pool), page[4] = lf__kv_pool_take(pool);
    assert_int_equal(lf__kv_pool_take(pool), -1);
    assert_int_equal(lf__kv_pool_publish(pool, page[3], page[0], a + LF_KV_BLOCK), page[1]); /* the same page twice: one is enough */
    assert_int_equal(lf__kv_pool_available(pool), 1);
    for (int i = 0; i < 3; i++) lf__kv_pool_release(pool, page[i]);
    lf__kv_pool_release(pool, page[1]);
    assert_int_equal(lf__kv_pool_available(pool), 3); /* [0] and [4] are held */
    assert_int_equal(lf__kv_pool_take(pool), page[3]);
    int taken = lf__kv_pool_take(pool);
    assert_int_equal(taken, page[2]); /* the leaf, though [1] is unused, too */
    assert_true(lf__kv_pool_data(pool, taken)[7] == 0.0f);
    assert_int_equal(lf__kv_pool_match(pool, found, a, 3), 2);
    lf__kv_pool_free(&pool);
    lf__kv_pool_free(&pool);
    assert_null(lf__kv_pool_new(INT32_MAX, INT32_MAX, 64, 1 << 20, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces), cmocka_unit_test(test_long), cmocka_unit_test(test_stop),
                                       cmocka_unit_test(test_kv_pool)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
