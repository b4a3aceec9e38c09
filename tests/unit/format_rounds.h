/* format_rounds.h - a tokenizer written in a format and read again must do the same: what the tests of formats share. */
#ifndef FORMAT_ROUNDS_H
#define FORMAT_ROUNDS_H

#include "formats/formats.h"
#include "unit/tokenizer_tests.h"

/* Equal ids, special tokens parsed or not, and equal text from them. */
static inline void expect_same_ids(const lf_tokenizer *a, const lf_tokenizer *b, const char *format, const char *text, size_t n)
{
    size_t room = LF_MAX(lf_tokenizer_bound(a, n), lf_tokenizer_bound(b, n)) + 1;
    int32_t *ids[2] = {malloc(room * sizeof **ids), malloc(room * sizeof **ids)};
    char *back[2] = {malloc(4 * room), malloc(4 * room)};
    lf_error err = {0};
    for (int parse = 0; parse < 2; parse++) {
        int64_t count = lf_tokenizer_encode(a, ids[0], room, text, n, parse, &err);
        int64_t again = lf_tokenizer_encode(b, ids[1], room, text, n, parse, &err);
        if (count != again || memcmp(ids[0], ids[1], (size_t)LF_MAX(count, 0) * sizeof **ids) != 0)
            fail_msg("%s: %lld ids, and %lld after it: %s", format, (long long)count, (long long)again, err.message);
        if (count < 0) continue;
        int64_t length = lf_tokenizer_decode(a, back[0], 4 * room, ids[0], (size_t)count, false, &err);
        assert_int_equal(lf_tokenizer_decode(b, back[1], 4 * room, ids[0], (size_t)count, false, &err), length);
        assert_memory_equal(back[0], back[1], (size_t)LF_MIN((size_t)length, 4 * room));
    }
    for (int i = 0; i < 2; i++) free(ids[i]), free(back[i]);
}

static inline lf_tokenizer *through(const lf_tokenizer *t, const char *format)
{
    lf_error err = {0};
    const char *dir = in_scratch("through");
    lf__remove_tree(dir, NULL);
    if (lf_tokenizer_export(t, dir, format, &err)) fail_msg("%s: %s", format, err.message);
    lf_tokenizer *again = lf_tokenizer_load(dir, &err);
    if (!again) fail_msg("%s: %s", format, err.message);
    return again;
}

static inline void expect_round_trip(const lf_tokenizer *t, const char *format, const char *text, size_t n)
{
    lf_tokenizer *again = through(t, format);
    assert_int_equal(lf_tokenizer_size(again), lf_tokenizer_size(t));
    assert_int_equal(lf_tokenizer_end(again), lf_tokenizer_end(t));
    expect_same_ids(t, again, format, text, n);
    lf_tokenizer_free(&again);
}

static inline void expect_refusal(const lf_tokenizer *t, const char *format, const char *says)
{
    lf_error err = {0};
    const char *dir = in_scratch("refused");
    assert_int_equal(lf_tokenizer_export(t, dir, format, &err), -1);
    if (!strstr(err.message, says)) fail_msg("%s: \"%s\" does not say %s", format, err.message, says);
    assert_false(lf__path_exists(dir));
}

#endif
