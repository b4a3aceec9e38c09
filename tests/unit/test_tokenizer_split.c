/* test_tokenizer_split.c - every split rule against its regular expression in PCRE2 (UTF, UCP): all code points, random and hostile text,
 * invalid UTF-8 (which PCRE2 sees as U+FFFD: other). The one difference meant is U+180E, see tools/gen-unicode.c. */
#include "unit/tokenizer_tests.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_PCRE2
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

typedef struct oracle {
    const lf_split_rule *rule;
    pcre2_code *code;
    pcre2_match_data *match;
    char *clean;  /* text with invalid bytes replaced */
    size_t *back; /* offset in text of each byte of clean, and of its end */
    size_t cap;
} oracle;

static void oracle_open(oracle *o, const lf_split_rule *rule)
{
    int code = 0;
    PCRE2_SIZE at = 0;
    *o = (oracle){.rule = rule, .cap = 3 << 16};
    o->code = pcre2_compile((PCRE2_SPTR)rule->regex, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
    assert_non_null(o->code);
    pcre2_jit_compile(o->code, PCRE2_JIT_COMPLETE);
    o->match = pcre2_match_data_create(1, NULL);
    o->clean = malloc(o->cap + 4);
    o->back = malloc((o->cap + 4) * sizeof *o->back);
}

static void oracle_close(oracle *o)
{
    pcre2_code_free(o->code);
    pcre2_match_data_free(o->match);
    free(o->clean);
    free(o->back);
}

/* The first offset at which scanner and oracle disagree, -1 when they agree. */
static long disagree(oracle *o, const char *text, size_t n)
{
    size_t m = 0;
    assert_true(n * 3 <= o->cap);
    for (size_t at = 0; at < n;) {
        int32_t cp;
        int length = lf__utf8_decode(text + at, text + n, &cp);
        for (int i = 0; i < (cp < 0 ? 3 : length); i++) o->back[m] = at, o->clean[m++] = cp < 0 ? "\xEF\xBF\xBD"[i] : text[at + (size_t)i];
        at += (size_t)length;
    }
    o->back[m] = n;
    for (size_t at = 0, here = 0; at < m;) {
        int found = pcre2_match(o->code, (PCRE2_SPTR)o->clean, m, at, PCRE2_NO_UTF_CHECK, o->match, NULL);
        assert_true(found > 0);
        const PCRE2_SIZE *range = pcre2_get_ovector_pointer(o->match);
        if (range[0] != at) return (long)here; /* the rules cover every text */
        size_t next = o->rule->next(text, here, n);
        at = range[1];
        if (next != o->back[at]) return (long)here;
        here = next;
    }
    return -1;
}

static void expect_same(oracle *o, const char *text, size_t n, const char *what)
{
    long at = disagree(o, text, n);
    if (at < 0) return;
    print_error("%s, rule %s: scanner and PCRE2 differ at byte %ld of %zu:", what, o->rule->name, at, n);
    for (size_t i = (size_t)at; i < n && i < (size_t)at + 24; i++) print_error(" %02X", (unsigned)(uint8_t)text[i]);
    fail_msg("%s", "");
}

/* Every code point alone, doubled, and beside a letter, a digit, a space, punctuation, an apostrophe and a newline. */
static void every_code_point(void **state)
{
    LF_UNUSED(state);
    static const char *const beside[] = {"", "", "a", "1", " ", "!", "'", "\n", " a", "  ", "'s", "\xE4\xB8\xAD"};
    for (const lf_split_rule *rule = lf__split_rules; rule->name; rule++) {
        oracle o;
        int differ = 0;
        oracle_open(&o, rule);
        for (int32_t cp = 0; cp < 0x110000; cp++) {
            char text[256], utf8[4];
            size_t n = 0;
            if (cp >= 0xD800 && cp < 0xE000) continue;
            size_t length = (size_t)lf__utf8_encode(utf8, cp);
            for (size_t i = 0; i < LF_COUNT(beside); i++) {
                memcpy(text + n, utf8, length), n += length;
                memcpy(text + n, beside[i], strlen(beside[i])), n += strlen(beside[i]);
            }
            if (disagree(&o, text, n) < 0) continue;
            differ++;
            print_message("rule %s: U+%04X is classed otherwise than by this PCRE2\n", rule->name, (unsigned)cp);
        }
        oracle_close(&o);
        char version[64] = "";
        pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, version);
        if (strcmp(version, "14.0.0") == 0) /* the tables' own: U+180E alone */
            assert_int_equal(differ, 1);
        else
            print_message("PCRE2 has Unicode %s, the tables have 14.0.0: the list above is of newly assigned characters\n", version);
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
        for (int round = 0; round < 20000; round++) {
            size_t n = 0, parts = lf__rng_below(&rng, 24) + 1;
            for (size_t i = 0; i < parts; i++) {
                const char *atom = atoms[lf__rng_below(&rng, LF_COUNT(atoms))];
                memcpy(text + n, atom, strlen(atom)), n += strlen(atom);
            }
            expect_same(&o, text, n, "atoms");
        }
        for (int round = 0; round < 2000; round++) {
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
    assert_null(lf__split_find("gpt3", &err));
    assert_non_null(strstr(err.message, "gpt3"));
    assert_non_null(strstr(err.hint, "gpt2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef HAVE_PCRE2
        cmocka_unit_test(every_code_point), cmocka_unit_test(random_text), cmocka_unit_test(hostile_text),
#else
        cmocka_unit_test(no_oracle),
#endif
        cmocka_unit_test(megabytes),        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
