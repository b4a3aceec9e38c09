/* test_tokenizer_train.c - learning: the documented order of merges against a slow trainer, any number of threads, separators, limits. */
#include "unit/tokenizer_tests.h"

/* ---- the definition: count all pairs of all words anew for every merge ------------------------------------------------------------ */

typedef struct slow_word {
    size_t n;
    char (*symbols)[64]; /* NUL-free texts: this test's words are letters */
    int count;
} slow_word;

static int slow_learn(const lf_tokenizer *t, const char *text, size_t n, int merges, int min_count)
{
    static slow_word words[4096];
    static struct {
        char left[64], right[64];
        int count;
    } pairs[1 << 14];
    size_t n_words = 0, made = 0;
    for (size_t at = 0, next; at < n; at = next) {
        next = t->split->next(text, at, n);
        slow_word *w = &words[n_words++];
        *w = (slow_word){next - at, malloc((next - at) * 64), 1};
        for (size_t i = 0; i < w->n; i++) w->symbols[i][0] = text[at + i], w->symbols[i][1] = 0;
    }
    for (; (int)made < merges; made++) {
        size_t n_pairs = 0, best = 0;
        for (size_t k = 0; k < n_words; k++) {
            for (size_t i = 0; i + 1 < words[k].n; i++) {
                size_t p = 0;
                while (p < n_pairs && (strcmp(pairs[p].left, words[k].symbols[i]) || strcmp(pairs[p].right, words[k].symbols[i + 1]))) p++;
                if (p == n_pairs) {
                    assert_true(n_pairs < LF_COUNT(pairs));
                    strcpy(pairs[p].left, words[k].symbols[i]), strcpy(pairs[p].right, words[k].symbols[i + 1]), pairs[p].count = 0;
                    n_pairs++;
                }
                pairs[p].count++;
            }
        }
        char best_text[128] = "", here[128];
        int best_count = 0;
        for (size_t p = 0; p < n_pairs; p++) {
            snprintf(here, sizeof here, "%.63s%.63s", pairs[p].left, pairs[p].right);
            int order = strcmp(here, best_text);
            if (pairs[p].count < best_count || (pairs[p].count == best_count && order < 0)) continue;
            if (pairs[p].count == best_count && order == 0 && strlen(pairs[p].left) < strlen(pairs[best].left)) continue;
            best = p, best_count = pairs[p].count;
            strcpy(best_text, here);
        }
        if (best_count < min_count) break;
        size_t ln, rn;
        if (made >= t->n_merges) fail_msg("merge %zu, %s + %s, was not learned", made, pairs[best].left, pairs[best].right);
        const char *left = lf__token_bytes(t, t->merges[made].left, &ln), *right = lf__token_bytes(t, t->merges[made].right, &rn);
        if (ln != strlen(pairs[best].left) || memcmp(left, pairs[best].left, ln) || rn != strlen(pairs[best].right) ||
            memcmp(right, pairs[best].right, rn))
            fail_msg("merge %zu is %.*s + %.*s, expected %s + %s", made, (int)ln, left, (int)rn, right, pairs[best].left,
                     pairs[best].right);
        for (size_t k = 0; k < n_words; k++) {
            slow_word *w = &words[k];
            for (size_t i = 0; i + 1 < w->n; i++) {
                if (strcmp(w->symbols[i], pairs[best].left) || strcmp(w->symbols[i + 1], pairs[best].right)) continue;
                strcpy(w->symbols[i], best_text);
                memmove(w->symbols + i + 1, w->symbols + i + 2, (w->n - i - 2) * 64);
                w->n--;
            }
        }
    }
    for (size_t k = 0; k < n_words; k++) free(words[k].symbols);
    return (int)made;
}

static void merges_in_the_documented_order(void **state)
{
    LF_UNUSED(state);
    static char text[3000];
    lf_rng r = lf__rng_make(1, 0);
    for (int round = 0; round < 12; round++) {
        size_t n;
        if (round < 4) {
            n = babble(text, 1500, (uint64_t)round);
        } else { /* few letters: runs, overlaps, many ties */
            n = 400;
            for (size_t i = 0; i < n; i++) text[i] = "aab c"[lf__rng_below(&r, 3u + (unsigned)round % 3)];
        }
        int min_count = 2 + round % 3;
        lf_tokenizer *t = learn_with(text, n, (lf_tokenizer_train_options){.vocab_size = 256 + 61, .threads = 1, .min_count = min_count});
        assert_int_equal(slow_learn(t, text, n, 60, min_count), lf_tokenizer_merges(t));
        lf_tokenizer_free(&t);
    }
}

static void ids_are_bytes_merges_specials(void **state)
{
    LF_UNUSED(state);
    lf_tokenizer *t = learn("aaab aaab aaab", 1000);
    size_t n;
    bool special;
    for (int id = 0; id < 256; id++) {
        const char *bytes = lf_tokenizer_token(t, id, &n, &special);
        assert_true(n == 1 && !special && (uint8_t)*bytes == lf__byte_of_id(id));
    }
    assert_int_equal(*lf_tokenizer_token(t, 0, &n, NULL), '!');
    assert_memory_equal(lf_tokenizer_token(t, 188, &n, NULL), "\0", 1); /* GPT-2's id of byte 0 */
    assert_int_equal(*lf_tokenizer_token(t, 220, &n, NULL), ' ');
    assert_memory_equal(lf_tokenizer_token(t, 256, &n, NULL), "aa", 2); /* count 6 */
    assert_int_equal(lf_tokenizer_end(t), lf_tokenizer_size(t) - 1);
    assert_true(lf_tokenizer_size(t) < 300); /* pairs ran out: a smaller vocabulary */
    assert_int_equal(lf_tokenizer_size(t), 257 + lf_tokenizer_merges(t));
    int32_t ids[4];
    assert_int_equal(lf_tokenizer_encode(t, ids, 4, " aaab", 5, false, NULL), 1);
    lf_tokenizer_free(&t);
}

/* 5 MB in many chunks with separators, long words and no words at all between: the same for 1, 2, 3, 7 threads, and for one text in parts.
 */
static void any_number_of_threads(void **state)
{
    LF_UNUSED(state);
    size_t cap = 5 << 20, n = 0;
    char *text = malloc(cap + 1), first[65] = "";
    for (uint64_t part = 0; n + (300 << 10) < cap; part++) {
        n += babble(text + n, 200 << 10, part % 3);
        if (part % 2) memcpy(text + n, "\n\n<|endoftext|>\n", 16), n += 16;
        if (part % 5 == 0) memset(text + n, 'x', 100000), n += 100000, text[n++] = '\n';
    }
    static const int counts[] = {1, 2, 3, 7};
    for (size_t i = 0; i < LF_COUNT(counts); i++) {
        lf_tokenizer *t = learn_with(text, n, (lf_tokenizer_train_options){.vocab_size = 700, .threads = counts[i]});
        if (i == 0) strcpy(first, lf_tokenizer_fingerprint(t));
        assert_string_equal(lf_tokenizer_fingerprint(t), first);
        lf_tokenizer_free(&t);
    }
    size_t half = n / 2;
    while (memcmp(text + half - 16, "\n\n<|endoftext|>\n", 16) != 0) half++;
    const char *paths[] = {put_file("a.txt", text, half), put_file("b.txt", text + half, n - half)};
    lf_tokenizer_train_options options = {.vocab_size = 700};
    lf_tokenizer *t = lf_tokenizer_train(paths, 2, &options, NULL);
    assert_string_equal(lf_tokenizer_fingerprint(t), first);
    lf_tokenizer_free(&t);
    free(text);
}

static size_t newlines(const char *text, size_t n)
{
    size_t best = 0, here = 0;
    for (size_t i = 0; i < n; i++) {
        here = text[i] == '\n' ? here + 1 : 0;
        best = LF_MAX(best, here);
    }
    return best;
}

/* The chunk border must not show: newlines, spaces and separators around 1 MiB. */
static void chunk_borders(void **state)
{
    LF_UNUSED(state);
    static const char *const around[] = {"\n\n\n",           "\n \n", "\n\n<|endoftext|>\n\n", "<|endoftext|>\n<|endoftext|>\n",
                                         "\n\xE3\x80\x80\n", " \n "};
    size_t border = 1 << 20, n = border + 4096;
    char *text = malloc(n);
    for (size_t i = 0; i < LF_COUNT(around); i++) {
        for (size_t shift = 0; shift < 24; shift += 5) {
            memset(text, 'q', n);
            for (size_t k = 63; k < n; k += 64) text[k] = '\n';
            size_t at = border - 12 + shift;
            if (text[at - 1] != '\n') text[at - 1] = '\n';
            memcpy(text + at, around[i], strlen(around[i]));
            /* the longest run of newlines in a word: by hand from the scanner, document by document, and as learned from counts of 1 */
            size_t learned = 1, expected = 1;
            for (size_t from = 0; from < n;) {
                char *sep = memmem(text + from, n - from, "<|endoftext|>\n", 14);
                size_t end = sep ? (size_t)(sep - text) : n;
                for (size_t p = from, next; p < end; p = next) {
                    next = lf__split_rules[0].next(text, p, end);
                    expected = LF_MAX(expected, newlines(text + p, next - p));
                }
                from = sep ? end + 14 : n;
            }
            lf_tokenizer *t = learn_with(text, n, (lf_tokenizer_train_options){.vocab_size = 400, .threads = 2, .min_count = 1});
            for (size_t k = 0; k < t->n_merges; k++) {
                size_t length;
                const char *bytes = lf__token_bytes(t, t->merges[k].result, &length);
                learned = LF_MAX(learned, newlines(bytes, length));
                assert_null(memmem(bytes, length, "<|", 2));
            }
            assert_int_equal(learned, expected);
            lf_tokenizer_free(&t);
        }
    }
    free(text);
}

static int stop_after(const char *what, double done, double total, const char *unit, void *user)
{
    int *left = user;
    assert_non_null(what);
    assert_non_null(unit);
    assert_true(done <= total);
    return --*left < 0;
}

static void refusals(void **state)
{
    LF_UNUSED(state);
    const char *text = put_file("good.txt", "some good text, some good text\n", 31), *empty = put_file("empty.txt", "", 0),
               *binary = put_file("nul.txt", "ab\0cd", 5);
    const char *latin = put_file("latin.txt", "caf\xE9\n", 5), *only = put_file("only.txt", "<|endoftext|>\n", 14);
    const char *const twice[] = {"<a>", "<a>", NULL}, *const blank[] = {"", NULL}, *const broken[] = {"a\nb", NULL},
                      *const invalid[] = {"\xFF", NULL};
    const struct {
        const char *path;
        lf_tokenizer_train_options options;
        lf_code code;
        const char *says;
    } table[] = {
        {text, {.vocab_size = 256}, LF_E_ARGUMENT, "256 tokens: expected 257"},
        {text, {.vocab_size = 0}, LF_E_ARGUMENT, "0 tokens"},
        {text, {.vocab_size = -5}, LF_E_ARGUMENT, "-5 tokens"},
        {text, {.vocab_size = 1000001}, LF_E_ARGUMENT, "1,000,000"},
        {text, {.vocab_size = 300, .threads = -1}, LF_E_ARGUMENT, "threads"},
        {text, {.vocab_size = 300, .threads = 257}, LF_E_ARGUMENT, "threads"},
        {text, {.vocab_size = 300, .min_count = -1}, LF_E_ARGUMENT, "min_count"},
        {text, {.vocab_size = 300, .mode = "chr"}, LF_E_ARGUMENT, "\"chr\""},
        {text, {.vocab_size = 300, .split = "gpt-3"}, LF_E_ARGUMENT, "\"gpt-3\""},
        {text, {.vocab_size = 300, .specials = twice}, LF_E_ARGUMENT, "twice"},
        {text, {.vocab_size = 300, .specials = blank}, LF_E_ARGUMENT, "special token 1"},
        {text, {.vocab_size = 300, .specials = broken}, LF_E_ARGUMENT, "line break"},
        {text, {.vocab_size = 300, .specials = invalid}, LF_E_ARGUMENT, "UTF-8"},
        {empty, {.vocab_size = 300}, LF_E_FORMAT, "empty"},
        {binary, {.vocab_size = 300}, LF_E_FORMAT, "byte 2 is NUL"},
        {binary, {.mode = "char"}, LF_E_FORMAT, "byte 2 is NUL"},
        {latin, {.mode = "char"}, LF_E_FORMAT, "byte 3: 0xE9"},
        {only, {.mode = "char"}, LF_E_FORMAT, "separator lines"},
        {in_scratch("no such file"), {.vocab_size = 300}, LF_E_NOT_FOUND, "no such file"},
        {scratch, {.vocab_size = 300}, LF_OK, scratch},
    };
    for (size_t i = 0; i < LF_COUNT(table); i++) {
        lf_error err = {0};
        lf_tokenizer *t = lf_tokenizer_train(&table[i].path, 1, &table[i].options, &err);
        assert_null(t);
        if (table[i].code != LF_OK) assert_int_equal(err.code, table[i].code);
        if (!strstr(err.message, table[i].says)) fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.message, table[i].says);
    }
    lf_error err = {0};
    lf_tokenizer_train_options options = {.vocab_size = 300};
    assert_null(lf_tokenizer_train(NULL, 0, &options, &err));
    for (int calls = 0; calls < 2; calls++) { /* reading's last report, then merging's */
        lf_error_reset(&err);
        int left = calls;
        options = (lf_tokenizer_train_options){.vocab_size = 300, .threads = 1, .progress = stop_after, .progress_user = &left};
        assert_null(lf_tokenizer_train(&text, 1, &options, &err));
        assert_int_equal(err.code, LF_E_INTERRUPTED);
    }
}

static void characters(void **state)
{
    LF_UNUSED(state);
    static const char text[] = "ba\n<|endoftext|>\nc\n";
    lf_tokenizer *t = learn_with(text, sizeof text - 1, (lf_tokenizer_train_options){.mode = "char", .vocab_size = -3});
    assert_int_equal(lf_tokenizer_size(t), 5); /* \n a b c and the end token: the text has a separator line */
    assert_int_equal(lf_tokenizer_end(t), 4);
    lf_tokenizer_free(&t);
    const char *const specials[] = {"<end>", NULL}, *const clash[] = {"c", NULL};
    t = learn_with("abc", 3, (lf_tokenizer_train_options){.mode = "char", .specials = specials});
    assert_int_equal(lf_tokenizer_end(t), 3); /* asked for */
    lf_tokenizer_free(&t);
    lf_error err = {0};
    const char *path = put_file("abc.txt", "abc", 3);
    lf_tokenizer_train_options options = {.mode = "char", .specials = clash};
    assert_null(lf_tokenizer_train(&path, 1, &options, &err));
    const char *shakespeare = SHARED_DIR "/data/tinyshakespeare.txt";
    if (!has_shared(shakespeare)) return;
    options = (lf_tokenizer_train_options){.mode = "char"};
    t = lf_tokenizer_train(&shakespeare, 1, &options, NULL);
    assert_int_equal(lf_tokenizer_size(t), 65);
    assert_int_equal(lf_tokenizer_end(t), -1);
    lf_tokenizer_free(&t);
}

/* A special token's text inside a line is text, but no token may ever be written like it. */
static void specials_are_never_learned(void **state)
{
    LF_UNUSED(state);
    const char *const specials[] = {"end", NULL};
    static const char text[] = "end\nan end an end, end end\nend\n";
    lf_tokenizer *t = learn_with(text, sizeof text - 1, (lf_tokenizer_train_options){.vocab_size = 300, .specials = specials});
    int found = 0;
    for (int32_t id = 0; id < lf_tokenizer_size(t); id++) {
        size_t n;
        const char *bytes = lf_tokenizer_token(t, id, &n, NULL);
        found += n == 3 && memcmp(bytes, "end", 3) == 0;
    }
    assert_int_equal(found, 1);
    lf_tokenizer_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_in_the_documented_order),
        cmocka_unit_test(ids_are_bytes_merges_specials),
        cmocka_unit_test(any_number_of_threads),
        cmocka_unit_test(chunk_borders),
        cmocka_unit_test(refusals),
        cmocka_unit_test(characters),
        cmocka_unit_test(specials_are_never_learned),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
