/* Text leaves in whole characters and without the stop that ends it, however the bytes arrive; pages are shared and zero. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "foundry/infer.h"
#include "infer/infer.h"

/* What a stream makes of bytes that come in steps, with stops; *over: whether one came. */
static void check_stops(const char *bytes, size_t n, size_t step, const char *const *texts, const char *want, bool stops)
{
    lf_error err = {0};
    char got[4096];
    size_t len = 0;
    int n_texts = 0;
    while (texts && texts[n_texts]) n_texts++;
    lf_stops *list = n_texts ? lf__stops_new(texts, n_texts, &err) : NULL;
    lf_text_stream s;
    assert_int_equal(lf__text_stream_init(&s, list, &err), 0);
    for (size_t i = 0; i <= n; i += step) {
        if (i + step > n) {
            lf__text_stream_add(&s, bytes + i, n - i);
            lf__text_stream_end(&s);
        } else
            lf__text_stream_add(&s, bytes + i, step);
        assert_int_equal(lf__utf8_incomplete_tail(s.out.data, s.out.len), 0);
        for (const char *p = s.out.data, *end = p ? p + s.out.len : p; p < end;) {
            int32_t cp;
            p += lf__utf8_decode(p, end, &cp);
            assert_true(cp >= 0); /* each piece is valid UTF-8 on its own */
        }
        if (s.out.len) memcpy(got + len, s.out.data, s.out.len);
        len += s.out.len;
    }
    got[len] = 0;
    assert_string_equal(got, want);
    assert_int_equal(s.stopped, stops);
    lf__text_stream_release(&s);
    lf__stops_free(&list);
}

static void check(const char *bytes, size_t n, size_t step, const char *want) { check_stops(bytes, n, step, NULL, want, false); }

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

/* A stop never leaks, nor a beginning of one that may still become it, wherever tokens are cut. */
static void test_stops(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *stops[4], *want;
        bool stopped;
    } cases[] = {
        {"one two three", {"two"}, "one ", true},
        {"one two three", {"twi", "thr"}, "one two ", true},
        {"one twelve", {"two"}, "one twelve", false},
        {"aabaabaaabx", {"aabaaa"}, "aab", true}, /* the automaton falls back more than once */
        {"ababac", {"abac"}, "ab", true},
        {"abc", {"abc", "bc"}, "", true}, /* both end here: the text is what is before the longer */
        {"abc", {"bcd", "b"}, "a", true}, /* the first to be whole wins */
        {"从前有一只狐狸。", {"狐狸"}, "从前有一只", true},
        {"从前有一只狐狗。", {"狐狸"}, "从前有一只狐狗。", false}, /* beginnings alike, inside a character, too */
        {"x\xF0\x9F\xA6\x8Ay", {"\xF0\x9F\xA6\x8A"}, "x", true},
        {"x\xE7\x8By", {"y"}, "x" BAD BAD, true},
        {"the end?", {"end?!"}, "the end?", false}, /* held to the last, then let go */
        {"\n\nUser", {"\nUser:"}, "\n\nUser", false},
        {"Stop", {"Stop"}, "", true},
    };
    for (size_t i = 0; i < LF_COUNT(cases); i++)
        for (size_t step = 1; step <= 7; step++)
            check_stops(cases[i].bytes, strlen(cases[i].bytes), step, cases[i].stops, cases[i].want, cases[i].stopped);
}

/* Against a plain search in texts of two letters, where everything is nearly a stop. */
static void test_stops_search(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 3000; round++) {
        char text[41] = "", stops[2][6] = {"", ""};
        lf_rng r = lf__rng_make(5, round);
        for (size_t i = 0; i < sizeof text - 1; i++) text[i] = "ab"[lf__rng_below(&r, 2)];
        for (int k = 0; k < 2; k++)
            for (size_t i = 0, n = 1 + lf__rng_below(&r, 5); i < n; i++) stops[k][i] = "ab"[lf__rng_below(&r, 2)];
        size_t end = SIZE_MAX, begin = 0;
        for (int k = 0; k < 2; k++) {
            const char *at = strstr(text, stops[k]);
            size_t b = at ? (size_t)(at - text) : 0, e = at ? b + strlen(stops[k]) : SIZE_MAX;
            if (e < end || (e == end && b < begin)) end = e, begin = b;
        }
        char want[41];
        snprintf(want, sizeof want, "%.*s", end == SIZE_MAX ? 40 : (int)begin, text);
        check_stops(text, 40, 1 + lf__rng_below(&r, 9), (const char *const[]){stops[0], stops[1], NULL}, want, end != SIZE_MAX);
    }
}

static void test_stop_limits(void **state)
{
    (void)state;
    lf_error err = {0};
    static char megabyte[1 << 20];
    memset(megabyte, 'x', sizeof megabyte - 1);
    const char *long_one[] = {megabyte, NULL}, *empty[] = {"a", ""}, *many[LF_STOPS + 1];
    for (int i = 0; i <= LF_STOPS; i++) many[i] = "x";
    assert_null(lf__stops_new(long_one, 1, &err));
    assert_non_null(strstr(err.message, "is 1048575 bytes long, at most 4096"));
    lf_error_reset(&err);
    assert_null(lf__stops_new(empty, 2, &err));
    assert_non_null(strstr(err.message, "a stop string is empty"));
    lf_error_reset(&err);
    assert_null(lf__stops_new(many, LF_STOPS + 1, &err));
    assert_int_equal(err.code, LF_E_LIMIT);
    megabyte[LF_STOP_BYTES] = 0; /* the longest there is */
    check_stops(megabyte, LF_STOP_BYTES - 1, 1000, long_one, megabyte + 1, false);
}

/* Pages are found by their tokens behind the pages before them, leaves go first, what is held stays, what is taken is zero. */
static void test_kv_pool(void **state)
{
    (void)state;
    lf_error err = {0};
    int32_t a[3 * LF_KV_BLOCK] = {1, 2, 3}, b[3 * LF_KV_BLOCK] = {1, 2, 3};
    b[LF_KV_BLOCK] = 9; /* they part in the second page */
    lf_kv kv = {.type = LF_F32, .n_layers = 3, .n_kv_heads = 2, .head_dim = 24};
    lf_kv_pool *pool = lf__kv_pool_new(&kv, 5, &err);
    assert_non_null(pool);
    int page[5], found[3];
    for (int i = 0; i < 3; i++) {
        page[i] = lf__kv_pool_take(pool);
        ((float *)lf__kv_pool_data(pool, page[i]))[7] = 5.0f;
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
    assert_true(((float *)lf__kv_pool_data(pool, taken))[7] == 0.0f);
    assert_int_equal(lf__kv_pool_match(pool, found, a, 3), 2);
    lf__kv_pool_free(&pool);
    lf__kv_pool_free(&pool);
    kv = (lf_kv){.type = LF_F32, .n_layers = INT32_MAX, .n_kv_heads = INT32_MAX, .head_dim = 64};
    assert_null(lf__kv_pool_new(&kv, 1 << 20, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces),      cmocka_unit_test(test_long),
                                       cmocka_unit_test(test_stops),       cmocka_unit_test(test_stops_search),
                                       cmocka_unit_test(test_stop_limits), cmocka_unit_test(test_kv_pool)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
