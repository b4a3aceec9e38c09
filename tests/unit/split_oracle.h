/* split_oracle.h - a split rule's regular expressions run by PCRE2 (UTF, UCP), stage by stage, against its scanner. An invalid byte is
 * given to PCRE2 as U+FFFF: other. The one difference meant is U+180E, see tools/gen-unicode.c. */
#ifndef SPLIT_ORACLE_H
#define SPLIT_ORACLE_H

#include "tokenizer/unicode.h"
#include "unit/tokenizer_tests.h"

#ifdef HAVE_PCRE2
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { STAGES = 6, MAX_TEXT = 1 << 16 };

typedef struct oracle {
    const lf_split_rule *rule;
    pcre2_code *code[STAGES];
    int n_stages;
    pcre2_match_data *match;
    char *clean;   /* text with invalid bytes replaced                                  */
    size_t *back;  /* offset in text of each byte of clean, and of its end              */
    uint8_t *edge; /* [bytes of clean + 1] a piece ends here: the result, stage by stage */
} oracle;

static void oracle_open(oracle *o, const lf_split_rule *rule)
{
    *o = (oracle){.rule = rule};
    for (; o->n_stages < STAGES && rule->regex[o->n_stages]; o->n_stages++) {
        int code = 0;
        PCRE2_SIZE at = 0;
        pcre2_code *c = pcre2_compile((PCRE2_SPTR)rule->regex[o->n_stages], PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
        assert_non_null(c);
        pcre2_jit_compile(c, PCRE2_JIT_COMPLETE);
        o->code[o->n_stages] = c;
    }
    o->match = pcre2_match_data_create(1, NULL);
    o->clean = malloc(3 * MAX_TEXT + 4);
    o->back = malloc((3 * MAX_TEXT + 4) * sizeof *o->back);
    o->edge = malloc(3 * MAX_TEXT + 4);
}

static void oracle_close(oracle *o)
{
    for (int i = 0; i < o->n_stages; i++) pcre2_code_free(o->code[i]);
    pcre2_match_data_free(o->match);
    free(o->clean);
    free(o->back);
    free(o->edge);
}

/* Every match, and what lies between matches, becomes a piece of its own, in every piece of the stage before. */
static void oracle_stage(oracle *o, const pcre2_code *code, size_t m)
{
    for (size_t from = 0, to; from < m; from = to) {
        for (to = from + 1; !o->edge[to];) to++;
        for (size_t at = from; at < to;) {
            int found = pcre2_match(code, (PCRE2_SPTR)o->clean + from, to - from, at - from, PCRE2_NO_UTF_CHECK, o->match, NULL);
            if (found == PCRE2_ERROR_NOMATCH) break;
            assert_true(found > 0);
            const PCRE2_SIZE *range = pcre2_get_ovector_pointer(o->match);
            assert_true(range[1] > range[0]);
            o->edge[from + range[0]] = 1;
            at = from + range[1];
            o->edge[at] = 1;
        }
    }
}

/* The first offset at which scanner and oracle disagree, -1 when they agree. */
static long disagree(oracle *o, const char *text, size_t n)
{
    size_t m = 0;
    assert_true(n <= MAX_TEXT);
    for (size_t at = 0; at < n;) {
        int32_t cp;
        int length = lf__utf8_decode(text + at, text + n, &cp);
        for (int i = 0; i < (cp < 0 ? 3 : length); i++) o->back[m] = at, o->clean[m++] = cp < 0 ? "\xEF\xBF\xBF"[i] : text[at + (size_t)i];
        at += (size_t)length;
    }
    o->back[m] = n;
    memset(o->edge, 0, m);
    o->edge[m] = 1;
    for (int i = 0; i < o->n_stages; i++) oracle_stage(o, o->code[i], m);
    for (size_t at = 0, here = 0; at < m; here = o->back[at]) {
        for (at++; !o->edge[at];) at++;
        if (o->rule->next(text, here, n) != o->back[at]) return (long)here;
    }
    return -1;
}

static inline void expect_same(oracle *o, const char *text, size_t n, const char *what)
{
    long at = disagree(o, text, n);
    if (at < 0) return;
    print_error("%s, rule %s: scanner and PCRE2 differ at byte %ld of %zu:", what, o->rule->name, at, n);
    for (size_t i = (size_t)at; i < n && i < (size_t)at + 24; i++) print_error(" %02X", (unsigned)(uint8_t)text[i]);
    print_error("\n");
    fail();
}

/* A code point alone, doubled, and beside what rules treat in their own way. */
static inline bool agrees_in_contexts(oracle *o, int32_t cp)
{
    static const char *const beside[] = {"",  "",         "a", "1",   " ", "!", "'", "\n", " a", "  ", "'s", "\xE4\xB8\xAD",
                                         "A", "\xCC\x81", "/", "\x01"};
    char text[256], utf8[4];
    size_t n = 0, length = (size_t)lf__utf8_encode(utf8, cp);
    for (size_t i = 0; i < LF_COUNT(beside); i++) {
        memcpy(text + n, utf8, length), n += length;
        memcpy(text + n, beside[i], strlen(beside[i])), n += strlen(beside[i]);
    }
    return disagree(o, text, n) < 0;
}

static inline bool same_unicode(void)
{
    char version[64] = "";
    pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, version);
    if (strcmp(version, "14.0.0") == 0) return true;
    print_message("PCRE2 has Unicode %s, the tables have 14.0.0: the characters listed were assigned in between\n", version);
    return false;
}
#endif
#endif
