/* test_sentencepiece.c - SentencePiece models: ids and texts equal to Google's own (vectors of tests/peers/compare_sentencepiece.py;
 * another folder of them through FOUNDRY_SP_VECTORS), files that come back as they were, damaged ones, long runs, threads' independence. */
#include "tokenizer_tests.h"

#include "tokenizer/sp.h"

#define VECTORS TESTS_DIR "/golden/data/sentencepiece"
#define LLAMA2  SHARED_DIR "/data/llama2-tokenizer.model"

static lf_tokenizer *load(const char *path)
{
    lf_error err = {0};
    lf_tokenizer *t = lf_tokenizer_load(path, &err);
    if (!t) fail_msg("%s", err.message);
    return t;
}

static int64_t encode(const lf_tokenizer *t, int32_t **ids, const char *text, size_t n)
{
    lf_error err = {0};
    size_t cap = lf_tokenizer_bound(t, n);
    *ids = malloc((cap + 1) * sizeof **ids);
    int64_t count = lf_tokenizer_encode(t, *ids, cap, text, n, false, &err);
    if (count < 0) fail_msg("%s", err.message);
    return count;
}

static unsigned hex(char c) { return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10); }

/* "616263" into bytes, until the end of the field. */
static size_t unhex(char *out, const char **p)
{
    size_t n = 0;
    for (; **p && **p != '\t' && **p != '\n'; *p += 2) out[n++] = (char)(hex((*p)[0]) << 4 | hex((*p)[1]));
    return n;
}

static void hold(const char *folder, const char *name)
{
    char path[LF_PATH_MAX];
    size_t n;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    lf_tokenizer *t = load(path);
    memcpy(path + strlen(path) - 6, ".tsv", 5);
    char *all = get_file(path, &n), *text = malloc(n), *back = malloc(n);
    int lines = 0;
    for (const char *p = all; *p; p++, lines++) {
        size_t length = unhex(text, &p), at = 0;
        int32_t *ids;
        int64_t count = encode(t, &ids, text, length);
        for (p++; *p != '\t'; at++) {
            char *end;
            long id = strtol(p, &end, 10);
            if (end == p || (int64_t)at >= count || ids[at] != id)
                fail_msg("%s: line %d: id %zu is %d of %lld, expected %ld", name, lines + 1, at, (int64_t)at < count ? ids[at] : -1,
                         (long long)count, id);
            p = *end == ' ' ? end + 1 : end;
        }
        if ((int64_t)at != count) fail_msg("%s: line %d: %lld ids, expected %zu", name, lines + 1, (long long)count, at);
        if (*++p == '-') {
            p++;
        } else {
            size_t expected = unhex(text, &p);
            int64_t got = lf_tokenizer_decode(t, back, n, ids, (size_t)count, true, NULL);
            if (got != (int64_t)expected || memcmp(back, text, expected) != 0)
                fail_msg("%s: line %d: decodes to \"%.*s\", expected \"%.*s\"", name, lines + 1, (int)got, back, (int)expected, text);
        }
        free(ids);
    }
    assert_true(lines >= 100);
    free(all), free(text), free(back);
    lf_tokenizer_free(&t);
}

static void vectors(void **state)
{
    LF_UNUSED(state);
    const char *other = getenv("FOUNDRY_SP_VECTORS"), *folder = other ? other : VECTORS;
    char **names;
    size_t n, models = 0;
    assert_int_equal(lf__list_dir(folder, &names, &n, NULL), 0);
    for (size_t i = 0; i < n; i++)
        if (strlen(names[i]) > 6 && strcmp(names[i] + strlen(names[i]) - 6, ".model") == 0) hold(folder, names[i]), models++;
    lf__names_free(&names, n);
    assert_true(models >= (other ? 1 : 8));
}

/* A folder has tokenizer.json where that can say the same, and then it gives the same ids; user and unused pieces are only in
 * tokenizer.model. */
static void as_json(void **state)
{
    LF_UNUSED(state);
    static const struct {
        const char *name;
        bool json, same;
    } table[] = {{"unigram_map.model", true, true},
                 {"unigram_suffix.model", true, true},
                 {"bpe_map.model", true, false},
                 {"bpe_bytes.model", false, true},
                 {"unigram_unused.model", false, true}};
    static const char *const texts[] = {"the 12 345 thou", "  a\t\xE5\xB1\xB1 \xEF\xBC\xA1", "A\xCC\x8A\x07 </s> \xE2\x96\x81",
                                        "rrr ttt hh", ""};
    for (size_t i = 0; i < LF_COUNT(table); i++) {
        char path[LF_PATH_MAX];
        lf_error err = {0};
        snprintf(path, sizeof path, VECTORS "/%s", table[i].name);
        lf_tokenizer *t = load(path);
        if (lf_tokenizer_save(t, in_scratch("folder"), &err)) fail_msg("%s", err.message);
        assert_int_equal(lf__path_exists(in_scratch("folder/tokenizer.json")), table[i].json);
        lf_tokenizer *again = lf_tokenizer_load(in_scratch("folder"), &err);
        if (!again && err.code == LF_E_UNSUPPORTED) { /* a build without regular expressions */
            lf_tokenizer_free(&t);
            lf__remove_tree(in_scratch("folder"), NULL);
            continue;
        }
        if (!again) fail_msg("%s: %s", table[i].name, err.message);
        if (table[i].same) assert_string_equal(lf_tokenizer_fingerprint(t), lf_tokenizer_fingerprint(again));
        for (size_t k = 0; k < LF_COUNT(texts); k++) {
            int32_t *a, *b;
            int64_t n = encode(t, &a, texts[k], strlen(texts[k])), m = encode(again, &b, texts[k], strlen(texts[k]));
            assert_int_equal(n, m);
            assert_memory_equal(a, b, (size_t)n * sizeof *a);
            free(a), free(b);
        }
        lf_tokenizer_free(&t);
        lf_tokenizer_free(&again);
        assert_int_equal(lf__remove_tree(in_scratch("folder"), NULL), 0);
    }
}

static const char *golden(const char *name)
{
    static char path[LF_PATH_MAX];
    snprintf(path, sizeof path, VECTORS "/%s", name);
    return path;
}

/* A written model is the same tokenizer, and written again the same bytes. */
static void saved(void **state)
{
    LF_UNUSED(state);
    static const char *const names[] = {"bpe_bytes.model", "bpe_unused.model", "unigram_map.model", "unigram_suffix.model"};
    for (size_t i = 0; i < LF_COUNT(names); i++) {
        size_t n[2];
        lf_tokenizer *t = load(golden(names[i]));
        assert_int_equal(lf__sp_save(t, in_scratch("a.model"), NULL), 0);
        lf_tokenizer *again = load(in_scratch("a.model"));
        assert_string_equal(lf_tokenizer_fingerprint(again), lf_tokenizer_fingerprint(t));
        assert_int_equal(lf__sp_save(again, in_scratch("b.model"), NULL), 0);
        char *a = get_file(in_scratch("a.model"), &n[0]), *b = get_file(in_scratch("b.model"), &n[1]);
        assert_int_equal(n[0], n[1]);
        assert_memory_equal(a, b, n[0]);
        free(a), free(b);
        lf_tokenizer_free(&t);
        lf_tokenizer_free(&again);
    }
    lf_tokenizer *bytes = learn("hello hello", 257);
    lf_error err = {0};
    assert_int_equal(lf__sp_save(bytes, in_scratch("c.model"), &err), -1);
    assert_int_equal(err.code, LF_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "c.model"));
    lf_tokenizer_free(&bytes);
}

/* Half a million equal characters are one word for the merges and one stretch for the lattice. */
static void long_runs(void **state)
{
    LF_UNUSED(state);
    static const char *const names[] = {"bpe_bytes.model", "bpe_unused.model", "unigram_bytes.model", "bpe_across.model"};
    static const char *const runs[] = {"a", " ", "\xE5\xB1\xB1", "th", "\xFF"};
    enum { BYTES = 500000 };
    char *text = malloc(BYTES), *back = malloc(2 * BYTES);
    for (size_t i = 0; i < LF_COUNT(names); i++) {
        lf_tokenizer *t = load(golden(names[i]));
        for (size_t k = 0; k < LF_COUNT(runs); k++) {
            size_t width = strlen(runs[k]), n = BYTES / width * width;
            int32_t *ids;
            for (size_t at = 0; at < n; at += width) memcpy(text + at, runs[k], width);
            double began = lf__now();
            int64_t count = encode(t, &ids, text, n);
            if (lf__now() - began > 20) fail_msg("%s: %zu bytes of \"%s\" took %.1f s", names[i], n, runs[k], lf__now() - began);
            if (t->byte_fallback && runs[k][0] != '\xFF') { /* nothing is lost */
                assert_int_equal(lf_tokenizer_decode(t, back, 2 * BYTES, ids, (size_t)count, true, NULL), n);
                assert_memory_equal(text, back, n);
            }
            free(ids);
        }
        lf_tokenizer_free(&t);
    }
    free(text), free(back);
}

/* What the CLI and the loaders see of it: bytes of tokens, special tokens, a folder with tokenizer.model. */
static void llama2(void **state)
{
    LF_UNUSED(state);
    if (!has_shared(LLAMA2)) skip();
    lf_tokenizer *t = load(LLAMA2);
    size_t n;
    bool special;
    int32_t ids[64];
    assert_int_equal(lf_tokenizer_size(t), 32000);
    assert_string_equal(lf_tokenizer_mode(t), "sentencepiece-bpe");
    assert_int_equal(lf_tokenizer_special(t, "<s>"), 1);
    assert_int_equal(lf_tokenizer_end(t), 2);
    assert_memory_equal(lf_tokenizer_token(t, 13, &n, &special), "\n", 1);
    assert_int_equal(n, 1);
    assert_false(special);
    assert_memory_equal(lf_tokenizer_token(t, 15043, &n, &special), " Hello", 6);
    /* special tokens in text are text, unless asked for */
    assert_int_equal(lf_tokenizer_encode(t, ids, 64, "<s>", 3, false, NULL), 3);
    assert_int_equal(lf_tokenizer_encode(t, ids, 64, "<s>", 3, true, NULL), 1);
    assert_int_equal(ids[0], 1);
    lf_tokenizer_free(&t);
}

static void refuse(const char *bytes, size_t n, const char *what)
{
    lf_error err = {0};
    lf_tokenizer *t = lf_tokenizer_load(put_file("bad.model", bytes, n), &err);
    if (t) fail_msg("loaded although: %s", what);
    if (!strstr(err.message, "bad.model") || !strstr(err.message, what)) fail_msg("\"%s\" does not say \"%s\"", err.message, what);
}

#define BAD(bytes, what) refuse(bytes, sizeof(bytes) - 1, what)

/* Every sentence names the file and, where there is one, the byte. */
static void bad_input(void **state)
{
    LF_UNUSED(state);
    size_t n;
    char *whole = get_file(golden("unigram_map.model"), &n);
    for (size_t cut = 1; cut < n; cut += 1 + n / 256) { /* between two fields a cut leaves a message; then something else is missing */
        lf_error err = {0};
        lf_tokenizer *t = lf_tokenizer_load(put_file("bad.model", whole, cut), &err);
        if (!t && !strstr(err.message, "bad.model")) fail_msg("cut at %zu: %s", cut, err.message);
        lf_tokenizer_free(&t);
    }
    free(whole);
    BAD("\x0A", "byte 1: a varint does not end within its message");
    BAD("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "byte 1: a varint does not end within 10 bytes");
    BAD("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", "byte 0: field 1 is said to have 18446744073709551615 bytes, but 0 remain");
    BAD("\x0A\x05\x0A\x01x", "byte 0: field 1 is said to have 5 bytes, but 3 remain");
    BAD("\x0A\x03\x0A\x07x", "byte 2: field 1 is said to have 7 bytes, but 1 remain");
    BAD("\x0A\x02\x08\x01", "byte 2: field 1 is of wire type 0: expected 2");
    BAD("\x0A\x03\x0A\x01x\x0B", "byte 5: field 1 of wire type 3: this is not a SentencePiece model");
    BAD("\x0A\x05\x0A\x01x\x18\x09", "piece 0 is of type 9: expected 1 (normal) to 6 (byte)");
    BAD("\x0A\x08\x0A\x01x\x15\x00\x00\xC0\x7F", "its score is not a finite number");
    BAD("\x0A\x02\x0A\x00", "piece 0 is empty");
    BAD("\x0A\x03\x0A\x01x", "0 pieces are the unknown one: expected one");
    BAD("\x0A\x05\x0A\x01u\x18\x02", "no piece is a normal one");
    BAD("\x0A\x05\x0A\x01u\x18\x02\x0A\x03\x0A\x01x\x0A\x03\x0A\x01x", "piece 2 \"x\" is there already as piece 1");
    BAD("\x0A\x05\x0A\x01u\x18\x02\x0A\x03\x0A\x01x\x12\x03\x98\x02\x01", "0 byte pieces: expected 256");
    BAD("\x0A\x05\x0A\x01u\x18\x02\x0A\x05\x0A\x01x\x18\x06", "expected a text like <0x0A>");
    BAD("\x0A\x05\x0A\x01u\x18\x02\x0A\x03\x0A\x01x\x12\x02\x18\x03", "model type 3 (word) is not supported");
    BAD("\x0A\x05\x0A\x01u\x18\x02\x0A\x03\x0A\x01x\x1A\x04\x12\x02zz", "byte 16: the normalization map: its array is said to be 0 bytes");
    BAD("\x0A\x05\x0A\x01u\x18\x02\x0A\x03\x0A\x01x\x2A\x03\x12\x01z", "byte 16: a denormalizer is not supported");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors),   cmocka_unit_test(saved),  cmocka_unit_test(as_json),
                                       cmocka_unit_test(long_runs), cmocka_unit_test(llama2), cmocka_unit_test(bad_input)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
