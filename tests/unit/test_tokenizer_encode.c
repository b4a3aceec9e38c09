/* test_tokenizer_encode.c - ids: GPT-2's own, merges against the slow definition, any bytes back as they were, special tokens, characters.
 */
#include "unit/tokenizer_tests.h"

/* ---- the definition: again and again the pair of lowest rank, the leftmost of equals -------------------------------------------- */
static size_t slow_word(const lf_tokenizer *t, int32_t *out, const char *word, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] = t->byte_token[(uint8_t)word[i]];
    for (;;) {
        size_t best = t->n_merges, at = 0;
        for (size_t i = 0; i + 1 < n; i++)
            for (size_t rank = 0; rank < best; rank++)
                if (t->merges[rank].left == (uint32_t)out[i] && t->merges[rank].right == (uint32_t)out[i + 1]) best = rank, at = i;
        if (best == t->n_merges) return n;
        out[at] = (int32_t)t->merges[best].result;
        memmove(out + at + 1, out + at + 2, (n - at - 2) * sizeof *out);
        n--;
    }
}

static void expect_slow(const lf_tokenizer *t, const char *text, size_t n)
{
    int32_t *fast = malloc((n + 1) * sizeof *fast), *slow = malloc((n + 1) * sizeof *slow);
    size_t count = 0;
    for (size_t at = 0, next; at < n; at = next) {
        next = t->split->next(text, at, n);
        count += slow_word(t, slow + count, text + at, next - at);
    }
    assert_int_equal(lf_tokenizer_encode(t, fast, n, text, n, false, NULL), count);
    assert_memory_equal(fast, slow, count * sizeof *fast);
    free(fast);
    free(slow);
}

static void expect_back(const lf_tokenizer *t, const char *text, size_t n)
{
    lf_error err = {0};
    int32_t *ids = malloc((n + 1) * sizeof *ids);
    char *back = malloc(n + 1);
    int64_t count = lf_tokenizer_encode(t, ids, n, text, n, false, &err);
    if (count < 0) fail_msg("%s", err.message);
    assert_int_equal(lf_tokenizer_decode(t, back, n, ids, (size_t)count, false, &err), n);
    assert_memory_equal(back, text, n);
    free(ids);
    free(back);
}

static void merges_are_the_definition(void **state)
{
    LF_UNUSED(state);
    static char text[1 << 14], other[1 << 12];
    size_t n = babble(text, sizeof text, 1);
    lf_tokenizer *t = learn(text, 600);
    expect_slow(t, text, n);
    lf_rng r = lf__rng_make(2, 0);
    for (int round = 0; round < 60; round++) { /* letters of the text in any order, with and without spaces: words short and long */
        size_t m = 1 + lf__rng_below(&r, 300), spaces = lf__rng_below(&r, 2);
        for (size_t i = 0; i < m; i++)
            other[i] = spaces || text[i % n] != ' ' ? "theanionrestlokamuing \n'"[lf__rng_below(&r, 21 + 3 * spaces)] : 'e';
        expect_slow(t, other, m);
    }
    memset(other, 'e', 2000);
    expect_slow(t, other, 2000);
    lf_tokenizer_free(&t);
}

/* Merges whose order and whose ways to one text are unusual, as files from elsewhere may have them. */
static void strange_merges(void **state)
{
    LF_UNUSED(state);
    lf_rng r = lf__rng_make(9, 0);
    for (int round = 0; round < 200; round++) {
        lf_error err = {0};
        lf_tokenizer *t = lf__tokenizer_new_bytes("gpt2", &err);
        for (int id = 0; id < 256; id++) {
            char byte = (char)lf__byte_of_id(id);
            assert_int_equal(lf__tokenizer_add(t, &byte, 1, LF_TOKEN_NORMAL, &err), 0);
        }
        uint32_t tokens[40] = {'a' - '!', 'b' - '!', 'c' - '!'}, n_tokens = 3;
        for (int i = 0; i < 36; i++) {
            uint32_t left = tokens[lf__rng_below(&r, n_tokens)], right = tokens[lf__rng_below(&r, n_tokens)], result = LF_TOK_NONE;
            bool there = false;
            char text[4096];
            size_t ln, rn, n;
            const char *lp = lf__token_bytes(t, left, &ln), *rp = lf__token_bytes(t, right, &rn);
            if (ln + rn > 40) continue;
            memcpy(text, lp, ln), memcpy(text + ln, rp, rn);
            for (size_t k = 0; k < t->n_merges; k++) there |= t->merges[k].left == left && t->merges[k].right == right;
            if (there) continue;
            for (uint32_t id = 0; id < t->n; id++)
                if (lf__token_bytes(t, id, &n) && n == ln + rn && memcmp(lf__token_bytes(t, id, &n), text, n) == 0) result = id;
            if (result == LF_TOK_NONE) {
                assert_int_equal(lf__tokenizer_add(t, text, ln + rn, LF_TOKEN_NORMAL, &err), 0);
                result = tokens[n_tokens++] = t->n - 1;
            }
            assert_int_equal(lf__tokenizer_merge(t, left, right, result, &err), 0);
        }
        for (size_t i = t->n_merges; i > 1; i--) { /* any order of ranks */
            size_t k = lf__rng_below(&r, i);
            lf_merge swap = t->merges[k];
            t->merges[k] = t->merges[i - 1], t->merges[i - 1] = swap;
        }
        assert_int_equal(lf__tokenizer_seal(t, &err), 0);
        for (int k = 0; k < 20; k++) {
            char text[200];
            size_t n = 1 + lf__rng_below(&r, k < 10 ? 20 : 200);
            for (size_t i = 0; i < n; i++) text[i] = "abc"[lf__rng_below(&r, 3)];
            expect_slow(t, text, n);
        }
        lf_tokenizer_free(&t);
    }
}

static void any_bytes_come_back(void **state)
{
    LF_UNUSED(state);
    static char text[1 << 14];
    size_t n = babble(text, sizeof text, 4);
    lf_tokenizer *t = learn(text, 500);
    expect_back(t, text, n);
    expect_back(t, "", 0);
    lf_rng r = lf__rng_make(5, 0);
    for (int round = 0; round < 3000; round++) {
        size_t m = lf__rng_below(&r, 120);
        for (size_t i = 0; i < m; i++) text[i] = (char)lf__rng_below(&r, round % 2 ? 256 : 4) ^ (char)(round % 3 ? 0 : 0xE0);
        expect_back(t, text, m);
    }
    lf_tokenizer_free(&t);
}

static void megabytes(void **state)
{
    LF_UNUSED(state);
    static const char *const units[] = {"a", " ", "ab", "\n", "'", "\x80", "\xE5\xB1\xB1", "0"};
    size_t n = 1 << 20;
    char *text = malloc(n);
    static char some[1 << 14];
    babble(some, sizeof some, 6);
    memset(some, 'a', 300); /* so that runs of one letter merge deeply */
    lf_tokenizer *t = learn(some, 700);
    for (size_t u = 0; u < LF_COUNT(units); u++) {
        for (size_t i = 0; i < n; i++) text[i] = units[u][i % strlen(units[u])];
        expect_back(t, text, n);
    }
    free(text);
    lf_tokenizer_free(&t);
}

static void room_is_checked(void **state)
{
    LF_UNUSED(state);
    static char text[1 << 13];
    size_t n = babble(text, sizeof text, 7);
    lf_tokenizer *t = learn(text, 400);
    lf_error err = {0};
    int32_t *ids = malloc(n * sizeof *ids);
    int64_t count = lf_tokenizer_encode(t, ids, n, text, n, false, &err);
    assert_true(count > 0 && count < (int64_t)n);
    int32_t *exact = malloc((size_t)count * sizeof *exact); /* exactly as many as needed: the sanitizer watches the end */
    assert_int_equal(lf_tokenizer_encode(t, exact, (size_t)count, text, n, false, &err), count);
    assert_memory_equal(exact, ids, (size_t)count * sizeof *ids);
    for (int64_t cap = 0; cap < count; cap += 1 + cap / 3) {
        lf_error_reset(&err);
        int32_t *less = malloc((size_t)LF_MAX(cap, 1) * sizeof *less);
        assert_int_equal(lf_tokenizer_encode(t, less, (size_t)cap, text, n, false, &err), -1);
        assert_int_equal(err.code, LF_E_LIMIT);
        free(less);
    }
    char back[16];
    memset(back, '#', sizeof back);
    assert_int_equal(lf_tokenizer_decode(t, back, 5, ids, (size_t)count, false, &err), n);
    assert_memory_equal(back, text, 5);
    assert_int_equal(back[5], '#');
    lf_error_reset(&err);
    ids[3] = lf_tokenizer_size(t);
    assert_int_equal(lf_tokenizer_decode(t, back, 5, ids, (size_t)count, false, &err), -1);
    assert_non_null(strstr(err.message, "token 3"));
    lf_error_reset(&err);
    ids[3] = -1;
    assert_int_equal(lf_tokenizer_decode(t, back, 5, ids, (size_t)count, false, &err), -1);
    free(ids);
    free(exact);
    lf_tokenizer_free(&t);
}

static void special_tokens(void **state)
{
    LF_UNUSED(state);
    static const char text[] = "a<|x|>b<|x|><|x|>y> <|x|", whole[] = "<|x|>";
    const char *const specials[] = {"<|x|>", "<|x|>y", "<", NULL};
    lf_tokenizer *t = learn_with("hello hello", 11, (lf_tokenizer_train_options){.vocab_size = 270, .specials = specials});
    int32_t ids[64], x = lf_tokenizer_special(t, "<|x|>"), xy = lf_tokenizer_special(t, "<|x|>y"), lt = lf_tokenizer_special(t, "<");
    assert_true(x > 0 && xy == x + 1 && lt == x + 2);
    assert_int_equal(lf_tokenizer_end(t), x);
    assert_int_equal(lf_tokenizer_special(t, "<|z|>"), -1);
    size_t n = sizeof text - 1;
    for (int64_t i = lf_tokenizer_encode(t, ids, 64, text, n, false, NULL); i-- > 0;) assert_true(ids[i] < x); /* text is text */
    expect_back(t, text, n);
    /* asked for: the longest at the leftmost place */
    const int32_t expected[] = {'a' - '!', x, 'b' - '!', x, xy, '>' - '!', -1, lt, '|' - '!', 'x' - '!', '|' - '!'};
    int64_t count = lf_tokenizer_encode(t, ids, 64, text, n, true, NULL);
    assert_int_equal(count, LF_COUNT(expected));
    for (int64_t i = 0; i < count; i++)
        if (expected[i] >= 0) assert_int_equal(ids[i], expected[i]);
    char back[64];
    assert_int_equal(lf_tokenizer_decode(t, back, 64, ids, (size_t)count, false, NULL), n);
    assert_memory_equal(back, text, n);
    assert_int_equal(lf_tokenizer_decode(t, back, 64, ids, (size_t)count, true, NULL), 7);
    assert_memory_equal(back, "ab> |x|", 7);
    assert_int_equal(lf_tokenizer_encode(t, ids, 1, whole, 5, true, NULL), 1);
    assert_int_equal(ids[0], x);
    bool special = false;
    assert_memory_equal(lf_tokenizer_token(t, x, &n, &special), whole, 5);
    assert_true(special && n == 5);
    assert_null(lf_tokenizer_token(t, lf_tokenizer_size(t), &n, &special));
    assert_null(lf_tokenizer_token(t, -1, &n, NULL));
    lf_tokenizer_free(&t);
    lf_tokenizer_free(&t);
}

/* A token inside the vocabulary that its own merges do not make must not be used for the whole word. */
static void whole_words_are_reachable(void **state)
{
    LF_UNUSED(state);
    lf_error err = {0};
    lf_tokenizer *t = lf__tokenizer_new_bytes("gpt2", &err);
    for (int id = 0; id < 256; id++) {
        char byte = (char)lf__byte_of_id(id);
        lf__tokenizer_add(t, &byte, 1, LF_TOKEN_NORMAL, &err);
    }
    lf__tokenizer_add(t, "ab", 2, LF_TOKEN_NORMAL, &err); /* 256 */
    lf__tokenizer_add(t, "bc", 2, LF_TOKEN_NORMAL, &err);
    lf__tokenizer_add(t, "abc", 3, LF_TOKEN_NORMAL, &err);
    lf__tokenizer_merge(t, 'b' - '!', 'c' - '!', 257, &err); /* bc comes first, so ab + c never happens */
    lf__tokenizer_merge(t, 'a' - '!', 'b' - '!', 256, &err);
    lf__tokenizer_merge(t, 256, 'c' - '!', 258, &err);
    assert_int_equal(lf__tokenizer_seal(t, &err), 0);
    int32_t ids[3];
    assert_int_equal(lf_tokenizer_encode(t, ids, 3, "abc", 3, false, &err), 2);
    assert_int_equal(ids[0], 'a' - '!');
    assert_int_equal(ids[1], 257);
    lf_tokenizer_free(&t);
}

static void gpt2_ids(void **state)
{
    LF_UNUSED(state);
    static const struct {
        const char *text;
        int n;
        int32_t ids[8];
    } known[] = {
        {"Hello world", 2, {15496, 995}},
        {"Hello, world!", 4, {15496, 11, 995, 0}},
        {"\n", 1, {198}},
        {"\n\n", 1, {628}},
        {" ", 1, {220}},
        {"Once upon a time", 4, {7454, 2402, 257, 640}},
        {"The quick brown fox", 4, {464, 2068, 7586, 21831}},
        {"don't", 2, {9099, 470}},
        {"<|endoftext|>", 7, {27, 91, 437, 1659, 5239, 91, 29}},
    };
    const char *vocab = SHARED_DIR "/data/gpt2-vocab.json", *merges = SHARED_DIR "/data/gpt2-merges.txt",
               *shakespeare = SHARED_DIR "/data/tinyshakespeare.txt";
    if (!has_shared(vocab) || !has_shared(merges)) skip();
    lf_error err = {0};
    lf_tokenizer *t = lf_tokenizer_load_gpt2(vocab, merges, &err);
    if (!t) fail_msg("%s", err.message);
    assert_int_equal(lf_tokenizer_size(t), 50257);
    assert_int_equal(lf_tokenizer_merges(t), 50000);
    assert_int_equal(lf_tokenizer_end(t), 50256);
    for (size_t i = 0; i < LF_COUNT(known); i++) {
        int32_t ids[64];
        int64_t n = lf_tokenizer_encode(t, ids, 64, known[i].text, strlen(known[i].text), false, &err);
        if (n != known[i].n || memcmp(ids, known[i].ids, (size_t)n * sizeof *ids) != 0)
            fail_msg("\"%s\" has other ids than GPT-2's", known[i].text);
    }
    int32_t end;
    assert_int_equal(lf_tokenizer_encode(t, &end, 1, "<|endoftext|>", 13, true, &err), 1);
    assert_int_equal(end, 50256);
    if (has_shared(shakespeare)) {
        size_t n;
        char *text = get_file(shakespeare, &n);
        int32_t *ids = malloc(n * sizeof *ids);
        assert_int_equal(lf_tokenizer_encode(t, ids, n, text, n, false, &err), 338025); /* the field's known count: 301,966 + 36,059 */
        expect_back(t, text, n);
        free(ids);
        free(text);
    }
    lf_tokenizer_free(&t);
}

static void characters(void **state)
{
    LF_UNUSED(state);
    static const char text[] = "b\xC3\xA9"
                               "a\n\xE5\xB1\xB1 b";
    lf_tokenizer *t = learn_with(text, sizeof text - 1, (lf_tokenizer_train_options){.mode = "char"});
    lf_error err = {0};
    int32_t ids[16];
    const int32_t expected[] = {3, 4, 2, 0, 5, 1, 3}; /* \n, space, a, b, é, 山 */
    assert_int_equal(lf_tokenizer_size(t), 6);
    assert_int_equal(lf_tokenizer_end(t), -1);
    assert_string_equal(lf_tokenizer_mode(t), "char");
    assert_int_equal(lf_tokenizer_encode(t, ids, 16, text, sizeof text - 1, false, &err), 7);
    assert_memory_equal(ids, expected, sizeof expected);
    expect_back(t, text, sizeof text - 1);
    static const struct {
        const char *text, *says;
    } bad[] = {{"ab\xE6\x9C\x88", "byte 2: the character \"\xE6\x9C\x88\" (U+6708)"},
               {"a\xFF", "byte 1: 0xFF is not valid UTF-8"},
               {"\xF0\x9F\x98\x80", "U+1F600"},
               {"a\x1B", "byte 1: the character (U+001B)"}};
    for (size_t i = 0; i < LF_COUNT(bad); i++) {
        lf_error_reset(&err);
        assert_int_equal(lf_tokenizer_encode(t, ids, 16, bad[i].text, strlen(bad[i].text), false, &err), -1);
        if (!strstr(err.message, bad[i].says)) fail_msg("\"%s\" does not say \"%s\"", err.message, bad[i].says);
    }
    lf_tokenizer_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_are_the_definition),
        cmocka_unit_test(strange_merges),
        cmocka_unit_test(any_bytes_come_back),
        cmocka_unit_test(megabytes),
        cmocka_unit_test(room_is_checked),
        cmocka_unit_test(special_tokens),
        cmocka_unit_test(whole_words_are_reachable),
        cmocka_unit_test(gpt2_ids),
        cmocka_unit_test(characters),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
