/* test_synth.c - the story grammar: text determines choices (proved, and read back story by story), the floor it promises, what its
 * stories keep, and the files of lf_synth_write, the same for any number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/synth.h"
#include "foundry/data.h"

enum { READ_BACK = 2000, COUNTED = 12000, LONGEST = 1000 };
static const lf_synth_rule *const tables[2] = {lf__synth_en, lf__synth_zh};
static const char *const langs[2] = {"en", "zh"};

static lf_grammar *grammar_of(int lang)
{
    lf_error err = {0};
    lf_grammar *g = lf__grammar_new(tables[lang], &err);
    if (!g) fail_msg("%s", err.message);
    return g;
}

static void text_determines_choices(void **state)
{
    LF_UNUSED(state);
    for (int lang = 0; lang < 2; lang++) {
        lf_grammar *g = grammar_of(lang);
        lf_error err = {0};
        if (lf__grammar_prove(g, &err)) fail_msg("%s", err.message);
        double count = lf__grammar_log2_count(g, 0);
        print_message("%s: more than 2^%.0f stories, none longer than %zu bytes\n", langs[lang], count, g->max_bytes);
        assert_true(count > 40); /* 10^12 */
        assert_true(g->max_bytes <= LONGEST);
        lf__grammar_free(&g);
    }
}

static void ambiguity_is_found(void **state)
{
    LF_UNUSED(state);
    static const struct {
        lf_synth_rule rules[4];
        bool unique;
    } cases[] = {
        {{{"s", "a {w}.|"}, {"w", "tab|top|"}}, true},
        {{{"s", "a {w}.|"}, {"w", "tab|table|"}}, false}, /* a prefix */
        {{{"s", "{w} a|{w} b|"}, {"w", "x|y|"}}, true},   /* part after the same draw */
        {{{"s", "{w}{w}|xz|"}, {"w", "x|y|"}}, true},
        {{{"s", "{w}{w}z|xyz|"}, {"w", "x|y|"}}, false},                  /* part only for some draws */
        {{{"s", "{A:w}{t}|"}, {"t", "{A} 1|x 2|"}, {"w", "x|y|"}}, true}, /* a repeated row may be x, but then 1 or 2 differ */
        {{{"s", "{A:w}{t}|"}, {"t", "{A} 1|x 1|"}, {"w", "x|y|"}}, false},
        {{{"s", "a{w}|"}, {"w", "|b|"}}, false}, /* nothing is the beginning of everything */
    };
    for (size_t i = 0; i < LF_COUNT(cases); i++) {
        lf_error err = {0};
        lf_grammar *g = lf__grammar_new(cases[i].rules, &err);
        if (!g) fail_msg("case %zu: %s", i, err.message);
        assert_int_equal(lf__grammar_prove(g, &err), cases[i].unique ? 0 : -1);
        lf__grammar_free(&g);
    }
}

static void broken_tables_are_refused(void **state)
{
    LF_UNUSED(state);
    static const lf_synth_rule cases[][4] = {
        {{"s", "{nobody}|"}},
        {{"s", "{A}|"}},
        {{"s", "{w|"}, {"w", "x|"}},
        {{"s", "{A:w}{A:v}|"}, {"w", "x|"}, {"v", "y|"}},
        {{"s", "{A:w}{A1}|"}, {"w", "x/1|y|"}},
        {{"s", "{s}|"}},
        {{"s", "{w-a}|"}, {"w", "x|"}},
        {{"s", "0*x|"}},
        {{"s", "200*x|200*y|"}},
        {{"s", ""}},
        {{"s", "{A:w}{A99}|"}, {"w", "x|"}},
    };
    for (size_t i = 0; i < LF_COUNT(cases); i++) {
        lf_error err = {0};
        lf_grammar *g = lf__grammar_new(cases[i], &err);
        if (g) fail_msg("case %zu was accepted", i);
        assert_int_equal(err.code, LF_E_FORMAT);
    }
}

/* The scorer shares nothing with the generator but the tables: one derivation, the same bits. */
static void stories_read_back(void **state)
{
    LF_UNUSED(state);
    static char text[1 << 16];
    for (int lang = 0; lang < 2; lang++) {
        lf_grammar *g = grammar_of(lang);
        for (int i = 0; i < READ_BACK; i++) {
            lf_rng rng = lf__rng_make(7, (uint64_t)i);
            lf_synth_check c;
            double bits = 0, again = 0;
            size_t n = lf__synth_story(g, &rng, text, &bits), reached;
            assert_true(n <= g->max_bytes);
            assert_int_equal(lf__synth_score(g, 0, text, n, &again, &reached), 1);
            assert_true(fabs(bits - again) < 1e-9);
            lf__synth_check(&c, g, text, n);
            if (!c.keeps || !c.ends || c.loops || !c.parses)
                fail_msg("keeps %d ends %d loops %d parses %d: %.*s", c.keeps, c.ends, c.loops, c.parses, (int)n, text);
            text[n / 2] = '#';
            assert_int_equal(lf__synth_score(g, 0, text, n, &again, &reached), 0);
            assert_true(reached <= n / 2);
        }
        lf__grammar_free(&g);
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static size_t count_distinct(uint64_t *values, size_t n)
{
    size_t distinct = 0;
    qsort(values, n, sizeof *values, by_value);
    for (size_t i = 0; i < n; i++) distinct += i == 0 || values[i] != values[i - 1];
    return distinct;
}

/* Words of letters, or Chinese characters beyond the punctuation. */
static size_t add_units(uint64_t *units, const char *text, size_t n, bool chinese)
{
    size_t count = 0;
    for (size_t i = 0; i < n;) {
        size_t k = i;
        if (chinese) {
            int32_t cp = 0;
            i += (size_t)lf__utf8_decode(text + i, text + n, &cp);
            if (cp >= 0x4e00 && cp <= 0x9fff) units[count++] = (uint64_t)cp;
            continue;
        }
        while (k < n && ((text[k] | 32) >= 'a' && (text[k] | 32) <= 'z')) k++;
        if (k > i) units[count++] = lf__hash64(text + i, k - i, 0);
        i = LF_MAX(k, i + 1);
    }
    return count;
}

static void floor_and_variety(void **state)
{
    LF_UNUSED(state);
    static char text[1 << 16];
    uint64_t *hashes = calloc(COUNTED, sizeof *hashes), *units = calloc((size_t)COUNTED * 400, sizeof *units);
    for (int lang = 0; lang < 2; lang++) {
        lf_grammar *g = grammar_of(lang);
        double bits = 0, bytes = 0, longest = 0;
        size_t n_units = 0;
        for (int i = 0; i < COUNTED; i++) {
            lf_rng rng = lf__rng_make(1, (uint64_t)i);
            size_t n = lf__synth_story(g, &rng, text, &bits);
            bytes += (double)n, longest = LF_MAX(longest, (double)n);
            hashes[i] = lf__hash64(text, n, 0);
            n_units += add_units(units + n_units, text, n, lang == 1);
        }
        size_t distinct = count_distinct(units, n_units);
        print_message("%s: %.4f bits per byte, %.0f bytes a story, longest of %d %.0f, %zu different %s\n", langs[lang], bits / bytes,
                      bytes / COUNTED, COUNTED, longest, distinct, lang ? "characters" : "words");
        assert_true(bits / bytes > 0.2 && bits / bytes <= 0.6);
        assert_int_equal(count_distinct(hashes, COUNTED), COUNTED);
        assert_true(distinct >= (lang ? 400 : 300));
        lf__grammar_free(&g);
    }
    free(hashes), free(units);
}

/* ---- files ------------------------------------------------------------------------------------------------------------------ */
static char dir[64];

static void path_in(char out[LF_PATH_MAX], const char *name) { assert_int_equal(lf__path_join(out, dir, name, NULL), 0); }

static void read_all(lf_buf *buf, const char *name)
{
    char path[LF_PATH_MAX];
    lf_error err = {0};
    path_in(path, name);
    lf__buf_init(buf, 1 << 26);
    if (lf__read_file(buf, path, 1 << 26, &err)) fail_msg("%s", err.message);
}

static lf_synth_report write_to(const char *name, const char *lang, uint64_t bytes, int threads)
{
    char path[LF_PATH_MAX];
    lf_error err = {0};
    lf_synth_report r = {0};
    path_in(path, name);
    if (lf_synth_write(path, &(lf_synth_options){.lang = lang, .bytes = bytes, .seed = 3, .threads = threads}, &r, &err))
        fail_msg("%s", err.message);
    return r;
}

static void same_text_for_any_threads(void **state)
{
    LF_UNUSED(state);
    lf_buf one, three, small;
    lf_synth_report r = write_to("one.txt", "mix", 3000000, 1), again = write_to("three.txt", "mix", 3000000, 3);
    assert_memory_equal(&r, &again, sizeof r);
    print_message("mix: %.4f bits per byte\n", r.bits_per_byte);
    assert_true(r.bits_per_byte > 0.2 && r.bits_per_byte <= 0.6);
    read_all(&one, "one.txt"), read_all(&three, "three.txt");
    assert_int_equal(one.len, r.file_bytes);
    assert_int_equal(one.len, three.len);
    assert_memory_equal(one.data, three.data, one.len);
    lf_synth_report s = write_to("small.txt", "mix", 1, 2); /* one story: the last completes */
    assert_int_equal(s.documents, 1);
    read_all(&small, "small.txt");
    assert_memory_equal(one.data, small.data, small.len);
    lf__buf_release(&one), lf__buf_release(&three), lf__buf_release(&small);
}

static void bits_of_every_document(void **state)
{
    LF_UNUSED(state);
    lf_buf text, bits, meta;
    lf_synth_report r = write_to("docs.txt", "mix", 200000, 0);
    lf_grammar *g[2] = {grammar_of(0), grammar_of(1)};
    read_all(&text, "docs.txt"), read_all(&bits, "docs.bits"), read_all(&meta, "docs.meta.json");
    const char *at = text.data, *line = bits.data;
    uint64_t documents = 0, bytes = 0;
    double total = 0;
    for (const char *stop; (stop = strstr(at, "\n<|endoftext|>\n")) != NULL; at = stop + 15, documents++) {
        double score = 0, said = strtod(line, NULL);
        size_t reached;
        assert_int_equal(lf__synth_score(g[(*at & 0x80) != 0], 0, at, (size_t)(stop - at), &score, &reached), 1);
        assert_true(fabs(said - score - 1) < 1e-5); /* and one bit for the language */
        total += said, bytes += (uint64_t)(stop - at);
        line = strchr(line, '\n') + 1;
    }
    assert_int_equal(*at, 0);
    assert_int_equal(*line, 0);
    assert_int_equal(documents, r.documents);
    assert_int_equal(bytes, r.bytes);
    assert_int_equal(r.file_bytes, text.len);
    assert_true(fabs(total - r.bits) < 1e-4 * (double)documents);
    static const char *const keys[] = {"\"bytes\": ",       "\"documents\": ", "\"bits\": ",       "\"bits_per_byte\": ",
                                       "\"lang\": \"mix\"", "\"seed\": 3",     "\"file_bytes\": ", "\"generator\": "};
    for (size_t i = 0; i < LF_COUNT(keys); i++) assert_non_null(strstr(meta.data, keys[i]));
    lf__grammar_free(&g[0]), lf__grammar_free(&g[1]);
    lf__buf_release(&text), lf__buf_release(&bits), lf__buf_release(&meta);
}

static int stop_at_once(const char *what, double done, double total, const char *unit, void *user)
{
    LF_UNUSED(what), LF_UNUSED(done), LF_UNUSED(total), LF_UNUSED(unit), LF_UNUSED(user);
    return 1;
}

static void bad_requests_write_nothing(void **state)
{
    LF_UNUSED(state);
    char path[LF_PATH_MAX], file[LF_PATH_MAX], missing[LF_PATH_MAX];
    path_in(path, "none.txt"), path_in(file, "one.txt");
    assert_int_equal(lf__path_join(missing, dir, "no/such/folder/a.txt", NULL), 0);
    const struct {
        const char *path;
        lf_synth_options options;
        lf_code code;
    } cases[] = {
        {path, {.lang = "fr", .bytes = 1}, LF_E_ARGUMENT},
        {path, {.lang = "en", .bytes = 0}, LF_E_ARGUMENT},
        {path, {.lang = "en", .bytes = 1, .threads = -1}, LF_E_ARGUMENT},
        {path, {.lang = "en", .bytes = 1, .threads = 257}, LF_E_ARGUMENT},
        {dir, {.lang = "en", .bytes = 1}, LF_E_IO},
        {path, {.lang = "mix", .bytes = UINT64_C(1) << 60, .threads = 1, .progress = stop_at_once}, LF_E_INTERRUPTED},
    };
    for (size_t i = 0; i < LF_COUNT(cases); i++) {
        lf_error err = {0};
        assert_int_equal(lf_synth_write(cases[i].path, &cases[i].options, NULL, &err), -1);
        assert_int_equal(err.code, cases[i].code);
        assert_true(err.message[0] != 0);
        assert_false(lf__path_exists(path));
    }
    lf_error err = {0};
    assert_int_equal(lf_synth_write(missing, &(lf_synth_options){.bytes = 1}, NULL, &err), -1);
    assert_true(err.code == LF_E_IO || err.code == LF_E_NOT_FOUND);
}

static int make_dir(void **state)
{
    LF_UNUSED(state);
    strcpy(dir, "/tmp/foundry-synth-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    LF_UNUSED(state);
    return lf__remove_tree(dir, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_determines_choices),   cmocka_unit_test(ambiguity_is_found),
        cmocka_unit_test(broken_tables_are_refused), cmocka_unit_test(stories_read_back),
        cmocka_unit_test(floor_and_variety),         cmocka_unit_test(same_text_for_any_threads),
        cmocka_unit_test(bits_of_every_document),    cmocka_unit_test(bad_requests_write_nothing),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
