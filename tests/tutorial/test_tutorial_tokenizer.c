/* tutorials/tokenizer.c and the library are one tokenizer: they learn the same merges, give the same ids, read each other's files; and
 * dataloader.c's token stream is what `foundry data prepare` writes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <unistd.h>

#include "foundry/data.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

#define LF_NO_MAIN
#include "../../tutorials/dataloader.c"

#define STORIES TESTS_DIR "/../tutorials/stories.txt"

static char folder[64];
static const char *in_folder(char out[128], const char *name)
{
    snprintf(out, 128, "%s/%s", folder, name);
    return out;
}

static void write_text(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
}

static lf_tokenizer *library_learns(const char *path, int vocab_size)
{
    lf_error err = {0};
    lf_tokenizer_train_options options = {.vocab_size = vocab_size, .threads = 1};
    lf_tokenizer *t = lf_tokenizer_train(&path, 1, &options, &err);
    if (!t) fail_msg("%s", err.message);
    return t;
}

static void same_tokenizers(const tokenizer *ours, const lf_tokenizer *theirs, const char *what)
{
    if (ours->size != lf_tokenizer_size(theirs)) fail_msg("%s: %d tokens, the library has %d", what, ours->size, lf_tokenizer_size(theirs));
    if ((size_t)ours->n_merges != theirs->n_merges) fail_msg("%s: %d merges, the library has %zu", what, ours->n_merges, theirs->n_merges);
    for (int i = 0; i < ours->n_merges; i++) {
        const lf_merge *m = &theirs->merges[i];
        if (ours->merges[i].left != (int)m->left || ours->merges[i].right != (int)m->right || ours->merges[i].result != (int)m->result)
            fail_msg("%s: merge %d is (%d, %d), the library's (%u, %u)", what, i, ours->merges[i].left, ours->merges[i].right, m->left,
                     m->right);
    }
    for (int i = 0; i < ours->size; i++) {
        size_t n;
        const char *bytes = lf_tokenizer_token(theirs, i, &n, NULL);
        assert_int_equal(n, ours->tokens[i].n);
        assert_memory_equal(bytes, ours->tokens[i].bytes, n);
    }
    assert_int_equal(ours->end, lf_tokenizer_end(theirs));
}

static void same_ids(const tokenizer *ours, const lf_tokenizer *theirs, const char *text, size_t n, bool parse)
{
    lf_error err = {0};
    int *a = malloc((n + 1) * sizeof *a);
    int32_t *b = malloc((n + 1) * sizeof *b);
    int64_t n_ours = encode(a, ours, text, n, parse), n_theirs = lf_tokenizer_encode(theirs, b, n + 1, text, n, parse, &err);
    assert_int_equal(n_ours, n_theirs);
    for (int64_t i = 0; i < n_ours; i++)
        if (a[i] != b[i]) fail_msg("token %d is %d, the library's %d", (int)i, a[i], b[i]);
    char *back = malloc(n + 1);
    assert_int_equal(decode(back, n, ours, a, (int)n_ours), n);
    assert_memory_equal(back, text, n);
    free(a), free(b), free(back);
}

static void test_stories(void **state)
{
    (void)state;
    size_t n;
    char *text = read_file(STORIES, &n), path[128];
    tokenizer t, read;
    learn(&t, text, n, 700, NULL);
    lf_tokenizer *theirs = library_learns(STORIES, 700);
    same_tokenizers(&t, theirs, "stories");
    same_ids(&t, theirs, text, 200000, false);
    same_ids(&t, theirs, text, 20000, true);

    lf_error err = {0};
    assert_int_equal(save_tokenizer(&t, in_folder(path, "tokenizer.json")), 0);
    lf_tokenizer *loaded = lf_tokenizer_load(path, &err);
    if (!loaded) fail_msg("%s", err.message);
    assert_string_equal(lf_tokenizer_fingerprint(loaded), lf_tokenizer_fingerprint(theirs));
    assert_int_equal(lf_tokenizer_save(theirs, folder, &err), 0);
    load_tokenizer(&read, path);
    same_tokenizers(&read, theirs, "read from the library's file");
    tokenizer_free(&read), tokenizer_free(&t);
    lf_tokenizer_free(&loaded), lf_tokenizer_free(&theirs);
    free(text);
}

/* Few letters and many words: ties everywhere, and two ways to the same bytes. */
static void test_ties(void **state)
{
    (void)state;
    char path[128], text[2001], name[32];
    for (uint64_t seed = 0; seed < 60; seed++) {
        size_t n = 200 + random_at(seed, 0) % 1800, letters = 2 + random_at(seed, 1) % 4;
        for (size_t i = 0; i < n; i++) text[i] = "abcd e"[random_at(seed, i + 2) % 6 < letters ? random_at(seed, i + 3) % letters : 4];
        text[n] = 0;
        write_text(in_folder(path, "ties.txt"), text, n);
        tokenizer t;
        learn(&t, text, n, 330, NULL);
        lf_tokenizer *theirs = library_learns(path, 330);
        snprintf(name, sizeof name, "seed %d", (int)seed);
        same_tokenizers(&t, theirs, name);
        same_ids(&t, theirs, text, n, false);
        tokenizer_free(&t);
        lf_tokenizer_free(&theirs);
    }
}

static int library_class_of(int32_t c)
{
    uint32_t in = lf__class_of(c);
    return in & LF_IN_LETTER ? LETTER : in & LF_IN_NUMBER ? NUMBER : in & LF_IN_SPACE ? SPACE : OTHER;
}

/* Words of the scripts that the short table of letters covers, spaces, digits, and bytes that are no UTF-8. */
static void test_any_text(void **state)
{
    (void)state;
    static const int32_t ranges[][2] = {{0, 0x52F}, {0x2000, 0x206F}, {0x3000, 0x9FFF}, {0xAC00, 0xD7FF}, {0xFF00, 0xFFEF}};
    for (size_t r = 0; r < LF_COUNT(ranges); r++)
        for (int32_t c = ranges[r][0]; c <= ranges[r][1]; c++)
            if (class_of(c) != library_class_of(c)) fail_msg("U+%04X is of class %d, not %d", c, library_class_of(c), class_of(c));
    char text[4100];
    lf_tokenizer *theirs = library_learns(STORIES, 500);
    lf_error err = {0};
    tokenizer t;
    char path[128];
    assert_int_equal(lf_tokenizer_save(theirs, folder, &err), 0);
    load_tokenizer(&t, in_folder(path, "tokenizer.json"));
    for (uint64_t seed = 0; seed < 100; seed++) {
        size_t n = 0;
        for (uint64_t i = 0; n < 4000; i++) {
            uint64_t kind = random_at(seed, 3 * i) % 12, dice = random_at(seed, 3 * i + 1);
            if (kind < LF_COUNT(ranges))
                n += (size_t)lf__utf8_encode(text + n,
                                             ranges[kind][0] + (int32_t)(dice % (uint64_t)(ranges[kind][1] - ranges[kind][0] + 1)));
            else if (kind < 10)
                text[n++] = " \n' 0astrvemld"[dice % 14];
            else
                text[n++] = (char)(0x80 + dice % 128);
        }
        text[n] = 0;
        same_ids(&t, theirs, text, n, false);
        for (size_t at = 0; at < n; at++) {
            int32_t a, b;
            int ours = decode_utf8(&a, text + at, n - at), lengths = lf__utf8_decode(text + at, text + n, &b);
            assert_int_equal(ours, lengths);
            assert_int_equal(a, b);
        }
    }
    tokenizer_free(&t);
    lf_tokenizer_free(&theirs);
}

static void test_stream(void **state)
{
    (void)state;
    char shards[128], path[128];
    lf_error err = {0};
    size_t n;
    char *text = read_file(STORIES, &n);
    lf_tokenizer *theirs = library_learns(STORIES, 500);
    tokenizer t;
    assert_int_equal(lf_tokenizer_save(theirs, folder, &err), 0);
    load_tokenizer(&t, in_folder(path, "tokenizer.json"));
    stream train, val;
    load_streams(&train, &val, &t, text, n, 1 << 30, 1);
    assert_int_equal(val.n, 0);
    lf_split_info info, nothing;
    const char *input = STORIES;
    if (lf_prepare(in_folder(shards, "shards"), &input, 1, theirs, &(lf_prepare_options){.threads = 1}, &info, &nothing, &err))
        fail_msg("%s", err.message);
    lf_shards *s = lf_shards_open(shards, "train", &err);
    if (!s) fail_msg("%s", err.message);
    assert_int_equal(lf_shards_tokens(s), train.n);
    assert_int_equal(info.bytes, train.bytes);
    assert_int_equal(info.documents, train.documents);
    int32_t *tokens = malloc((size_t)train.n * sizeof *tokens);
    assert_int_equal(lf_shards_read(s, tokens, 0, (uint64_t)train.n, &err), 0);
    for (int64_t i = 0; i < train.n; i++)
        if (tokens[i] != train.tokens[i]) fail_msg("token %d of the stream is %d, the library's %d", (int)i, train.tokens[i], tokens[i]);
    lf_shards_close(&s);
    free_stream(&train), free_stream(&val), tokenizer_free(&t);
    lf_tokenizer_free(&theirs);
    free(tokens), free(text);
}

int main(void)
{
    snprintf(folder, sizeof folder, "/tmp/foundry-tutorial-XXXXXX");
    if (!mkdtemp(folder)) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stories), cmocka_unit_test(test_ties), cmocka_unit_test(test_any_text),
                                       cmocka_unit_test(test_stream)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lf__remove_tree(folder, NULL);
    return failed;
}
