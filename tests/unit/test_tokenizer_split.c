/* test_tokenizer_split.c - every split rule against its regular expression in PCRE2 (UTF, UCP): all code points, random and hostile text,
 * invalid UTF-8 (which PCRE2 sees as U+FFFF: other). The one difference meant is U+180E, see tools/gen-unicode.c. */
#include "unit/split_oracle.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_PCRE2
/* The table against PCRE2's own properties, on every code point. */
static void every_class(void **state)
{
    LF_UNUSED(state);
    static const char *const properties[] = {"\\p{C}+", "\\p{Lu}+", "\\p{Ll}+", "\\p{Lt}+", "\\p{Lm}+", "\\p{Lo}+",
                                             "\\p{M}+", "\\p{N}+",  "\\p{P}+",  "\\p{S}+",  "\\s+"};
    char *text = malloc(4 * 0x110000);
    int32_t *cps = malloc(4 * 0x110000 * sizeof *cps); /* [bytes of text] */
    size_t n = 0, differ = 0;
    for (int32_t cp = 0; cp < 0x110000; cp++) {
        if (cp >= 0xD800 && cp < 0xE000) continue;
        cps[n] = cp;
        n += (size_t)lf__utf8_encode(text + n, cp);
    }
    for (int class = 0; class <= LF_SPACE; class ++) {
        int code = 0;
        PCRE2_SIZE at = 0;
        pcre2_code *c = pcre2_compile((PCRE2_SPTR)properties[class], PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
        pcre2_match_data *match = pcre2_match_data_create(1, NULL);
        size_t from = 0, to = 0;
        for (size_t p = 0; p < n;) {
            if (p >= to && from < n) { /* the next run */
                bool found = pcre2_match(c, (PCRE2_SPTR)text, n, p, PCRE2_NO_UTF_CHECK, match, NULL) > 0;
                from = found ? pcre2_get_ovector_pointer(match)[0] : n, to = found ? pcre2_get_ovector_pointer(match)[1] : n;
            }
            bool theirs = p >= from && p < to, ours = lf__class_of(cps[p]) == 1u << class;
            /* white space is its own class here: controls, separators */
            if (class == LF_OTHER && theirs && lf__is_space(cps[p])) ours = true;
            if (theirs != ours && cps[p] != 0x180E) print_message("U+%04X: %s\n", (unsigned)cps[p], properties[class]), differ++;
            int32_t cp;
            p += (size_t)lf__utf8_decode(text + p, text + n, &cp);
        }
        pcre2_match_data_free(match);
        pcre2_code_free(c);
    }
    if (same_unicode()) assert_int_equal(differ, 0);
    free(text);
    free(cps);
}

/* In contexts: where a class begins or ends in the table, and beside it. test_slow_tokenizer_split.c takes all code points. */
static void edges_in_contexts(void **state)
{
    LF_UNUSED(state);
    for (const lf_split_rule *rule = lf__split_rules; rule->name; rule++) {
        oracle o;
        oracle_open(&o, rule);
        for (int32_t cp = 0, edges = 0; cp < 0x110000; cp++) {
            if (cp >= 0xD800 && cp < 0xE000) continue;
            if (cp > 0x300 && cp + 1 < 0x110000 && lf__code_point(cp) == lf__code_point(cp - 1) &&
                lf__code_point(cp) == lf__code_point(cp + 1))
                continue;
            if (cp > 0x3100 && ++edges % 4) continue;
            if (cp == 0x180E || agrees_in_contexts(&o, cp)) continue;
            print_error("rule %s: U+%04X\n", rule->name, (unsigned)cp);
            if (same_unicode()) fail();
        }
        oracle_close(&o);
    }
}

static const char *const atoms[] = {"a",
                                    "Z",
                                    "ll",
                                    "0",
                                    "9",
                                    " ",
                                    "  ",
                                    "\t",
                                    "\n",
                                    "\r\n",
                                    "'",
                                    "''",
                                    "'s",
                                    "'t",
                                    "'re",
                                    "'ve",
                                    "'m",
                                    "'ll",
                                    "'d",
                                    "'S",
                                    "'r",
                                    "'S",
                                    "'LL",
                                    "'\xC5\xBF",
                                    "\xC5\xBF",
                                    "aB",
                                    "\xC7\x85",
                                    "\xCA\xB0",
                                    "\xCC\x81",
                                    "123",
                                    "/",
                                    "$",
                                    "`",
                                    "\xE3\x81\x82",
                                    "\xE3\x83\xBB",
                                    "\xE3\x82\x99",
                                    "\xC2\xB2",
                                    "'l",
                                    "!",
                                    "...",
                                    "-",
                                    "_",
                                    "\x7F",
                                    "\x1C",
                                    "\xC2\x85",
                                    "\xC2\xA0",
                                    "\xE1\x9A\x80",
                                    "\xE2\x80\x83",
                                    "\xE2\x80\xA8",
                                    "\xE3\x80\x80",
                                    "\xE2\x80\x8B",
                                    "\xC3\xA9",
                                    "e\xCC\x81",
                                    "\xD9\xA3",
                                    "\xE2\x85\xAB",
                                    "\xE4\xB8\xAD\xE6\x96\x87",
                                    "\xEF\xBC\x8C",
                                    "\xF0\x9F\x98\x80",
                                    "\xF0\x9D\x9F\x99",
                                    "\x80",
                                    "\xFF",
                                    "\xE4\xB8",
                                    "\xC0\x80",
                                    "\xED\xA0\x80",
                                    "\xF4\x90\x80\x80",
                                    "\xF0\x9F"};

static void random_text(void **state)
{
    LF_UNUSED(state);
    static char text[1 << 12];
    for (const lf_split_rule *rule = lf__split_rules; rule->name; rule++) {
        oracle o;
        lf_rng rng = lf__rng_make(1, 0);
        oracle_open(&o, rule);
        for (int round = 0; round < 4000; round++) {
            size_t n = 0, parts = lf__rng_below(&rng, 24) + 1;
            for (size_t i = 0; i < parts; i++) {
                const char *atom = atoms[lf__rng_below(&rng, LF_COUNT(atoms))];
                memcpy(text + n, atom, strlen(atom)), n += strlen(atom);
            }
            expect_same(&o, text, n, "atoms");
        }
        for (int round = 0; round < 500; round++) {
            size_t n = lf__rng_below(&rng, 200);
            for (size_t i = 0; i < n; i++) text[i] = (char)lf__rng_below(&rng, 256);
            expect_same(&o, text, n, "bytes");
        }
        oracle_close(&o);
    }
}

/* Long runs of one thing, then the same with something else at its end or in its middle. */
static void hostile_text(void **state)
{
    LF_UNUSED(state);
    static char text[1 << 16];
    for (const lf_split_rule *rule = lf__split_rules; rule->name; rule++) {
        oracle o;
        oracle_open(&o, rule);
        for (size_t a = 0; a < LF_COUNT(atoms); a++) {
            for (size_t b = 0; b < LF_COUNT(atoms); b++) {
                size_t n = 0;
                for (int i = 0; i < 24; i++) {
                    const char *atom = atoms[i == 12 || i == 23 ? b : a];
                    memcpy(text + n, atom, strlen(atom)), n += strlen(atom);
                }
                expect_same(&o, text, n, "runs");
            }
            size_t n = 0, length = strlen(atoms[a]);
            for (; n + length <= 20000; n += length) memcpy(text + n, atoms[a], length);
            expect_same(&o, text, n, "long run");
        }
        oracle_close(&o);
    }
}
#else
static void no_oracle(void **state)
{
    LF_UNUSED(state);
    print_message("SKIPPED: built without PCRE2 (libpcre2-dev): split rules were not compared with their regular expressions\n");
    skip();
}
#endif

/* Words cover a text without gap, end on it, and a megabyte of anything is no trouble: a quadratic scanner would not come back. */
static void megabytes(void **state)
{
    LF_UNUSED(state);
    static const char *const units[] = {"a",        " ",   "\n", "'",        "1",  "!",           "\x80", "\xE4\xB8\xAD",
                                        "\xE4\xB8", " \n", "'l", "\xC2\xA0", "a ", "\xF0\x9F\x98"};
    size_t n = 1 << 20;
    char *text = malloc(n);
    for (const lf_split_rule *rule = lf__split_rules; rule->name; rule++) {
        for (size_t u = 0; u < LF_COUNT(units); u++) {
            for (size_t i = 0; i < n; i++) text[i] = units[u][i % strlen(units[u])];
            size_t at = 0;
            while (at < n) {
                size_t next = rule->next(text, at, n);
                assert_true(next > at && next <= n);
                at = next;
            }
        }
    }
    free(text);
}

static void names(void **state)
{
    LF_UNUSED(state);
    lf_error err = {0};
    assert_non_null(lf__split_find("gpt2", &err));
    assert_ptr_equal(lf__split_find("gpt-2", &err), lf__split_find("gpt2", &err));
    assert_int_equal(lf__split_find("llama-bpe", &err)->ignore_merges, 1);
    assert_int_equal(lf__split_find("smaug-bpe", &err)->ignore_merges, 0);
    assert_null(lf__split_find("gpt", &err));
    assert_null(lf__split_find("", &err));
    lf_error_reset(&err);
    assert_null(lf__split_find("gpt3", &err));
    assert_non_null(strstr(err.message, "gpt3"));
    assert_non_null(strstr(err.hint, "gpt2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef HAVE_PCRE2
        cmocka_unit_test(every_class), cmocka_unit_test(edges_in_contexts),
        cmocka_unit_test(random_text), cmocka_unit_test(hostile_text),
#else
        cmocka_unit_test(no_oracle),
#endif
        cmocka_unit_test(megabytes),   cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
