/* regex.c - PCRE2 behind a small face: compiled once, JIT where the machine has it, every match under limits of work and memory, so that
 * no expression of a file runs forever. Without PCRE2 an expression is refused with what to install. */
#include "tokenizer/regex.h"

#include <stdlib.h>
#include <string.h>

#ifdef LF_HAVE_PCRE2
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { MAX_PATTERN = 65536, MATCH_LIMIT = 10000000, DEPTH_LIMIT = 10000, HEAP_LIMIT_KIB = 65536, JIT_STACK = 1 << 20 };

struct lf_regex {
    pcre2_code *code;
    pcre2_match_context *limits;
};

typedef struct room {
    pcre2_match_data *data;
    pcre2_match_context *limits; /* a copy with a stack of its own, once the usual one was too small */
    pcre2_jit_stack *stack;
} room;

static pcre2_code *compile(const char *pattern, int *code, PCRE2_SIZE *at)
{
    return pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_MATCH_INVALID_UTF,
                         code, at, NULL);
}

static bool is_script(const char *name, size_t n)
{
    char pattern[80];
    int code;
    PCRE2_SIZE at;
    if (n > 40 || memchr(name, ':', n) || memchr(name, '=', n)) return false;
    snprintf(pattern, sizeof pattern, "\\p{sc:%.*s}", (int)n, name);
    pcre2_code *compiled = compile(pattern, &code, &at);
    pcre2_code_free(compiled);
    return compiled;
}

lf_regex *lf__regex_new(const char *pattern, lf_error *err)
{
    int code = 0;
    PCRE2_SIZE at = 0;
    lf_buf spelled;
    if (strlen(pattern) > MAX_PATTERN)
        return lf_error_set(err, LF_E_LIMIT, "a regular expression of %zu bytes is more than the limit of %d", strlen(pattern),
                            MAX_PATTERN),
               NULL;
    lf_regex *r = lf__calloc(1, sizeof *r, err);
    if (!r) return NULL;
    lf__buf_init(&spelled, 200 * MAX_PATTERN);
    int failed = lf__regex_spell(&spelled, pattern, is_script, err);
    if (!failed && spelled.failed) failed = lf_error_set(err, LF_E_MEMORY, "out of memory for a regular expression");
    if (!failed) r->code = compile(spelled.data ? spelled.data : "", &code, &at);
    lf__buf_release(&spelled);
    if (failed) return lf__regex_free(&r), NULL;
    if (!r->code) {
        int plain;
        pcre2_code *message = compile(pattern, &plain, &at); /* which names the place in what was written */
        if (!message) code = plain;
        pcre2_code_free(message);
        PCRE2_UCHAR why[128] = "";
        pcre2_get_error_message(code, why, sizeof why);
        lf_error_set(err, LF_E_FORMAT, "the regular expression \"%.80s\" is not one that PCRE2 takes: %s at byte %zu", pattern, (char *)why,
                     (size_t)at);
        lf__regex_free(&r);
        return NULL;
    }
    pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* a failure leaves the interpreter */
    r->limits = pcre2_match_context_create(NULL);
    if (!r->limits) {
        lf_error_set(err, LF_E_MEMORY, "out of memory for a regular expression");
        lf__regex_free(&r);
        return NULL;
    }
    pcre2_set_match_limit(r->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(r->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(r->limits, HEAP_LIMIT_KIB);
    return r;
}

void lf__regex_free(lf_regex **rp)
{
    lf_regex *r = *rp;
    if (!r) return;
    pcre2_code_free(r->code);
    pcre2_match_context_free(r->limits);
    free(r);
    *rp = NULL;
}

int lf__matches_open(lf_matches *m, const lf_regex *regex, const char *text, size_t n, lf_error *err)
{
    room *x = lf__calloc(1, sizeof *x, err);
    *m = (lf_matches){.regex = regex, .text = text, .n = n, .room = x};
    if (!x) return -1;
    x->data = pcre2_match_data_create_from_pattern(regex->code, NULL);
    return x->data ? 0 : lf_error_set(err, LF_E_MEMORY, "out of memory for a regular expression");
}

void lf__matches_close(lf_matches *m)
{
    room *x = m->room;
    if (!x) return;
    pcre2_match_data_free(x->data);
    pcre2_match_context_free(x->limits);
    pcre2_jit_stack_free(x->stack);
    free(x);
}

static int match(lf_matches *m, uint32_t options)
{
    room *x = m->room;
    for (;;) {
        int found =
            pcre2_match(m->regex->code, (PCRE2_SPTR)m->text, m->n, m->from, options, x->data, x->limits ? x->limits : m->regex->limits);
        if (found != PCRE2_ERROR_JIT_STACKLIMIT || x->limits) return found;
        x->limits = pcre2_match_context_copy(m->regex->limits);
        x->stack = pcre2_jit_stack_create(JIT_STACK / 16, JIT_STACK, NULL);
        if (!x->limits || !x->stack) return PCRE2_ERROR_NOMEMORY;
        pcre2_jit_stack_assign(x->limits, NULL, x->stack);
    }
}

int lf__matches_next(lf_matches *m, lf_error *err)
{
    if (m->from > m->n) return 0;
    int found = match(m, 0);
    if (found == PCRE2_ERROR_NOMATCH) return 0;
    if (found < 0) {
        PCRE2_UCHAR why[128] = "";
        pcre2_get_error_message(found, why, sizeof why);
        return lf_error_set(err, LF_E_LIMIT, "a regular expression of the tokenizer gives up on this text at byte %zu: %s", m->from,
                            (char *)why);
    }
    const PCRE2_SIZE *range = pcre2_get_ovector_pointer(((room *)m->room)->data);
    m->begin = LF_MAX(range[0], m->from), m->end = LF_MAX(range[1], m->begin); /* \K can put a beginning behind an end */
    m->from = m->end;
    if (m->end == m->begin) { /* empty: the next one is looked for behind the character here */
        int32_t cp;
        m->from += m->end < m->n ? (size_t)lf__utf8_decode(m->text + m->end, m->text + m->n, &cp) : 1;
    }
    return 1;
}

#else
lf_regex *lf__regex_new(const char *pattern, lf_error *err)
{
    lf_error_set(err, LF_E_UNSUPPORTED, "the regular expression \"%.80s\" needs PCRE2, which this build does not have", pattern);
    lf_error_hint(err, "install libpcre2-dev and build again");
    return NULL;
}
void lf__regex_free(lf_regex **r) { *r = NULL; }
int lf__matches_open(lf_matches *m, const lf_regex *regex, const char *text, size_t n, lf_error *err)
{
    *m = (lf_matches){.regex = regex, .text = text, .n = n};
    return lf_error_set(err, LF_E_UNSUPPORTED, "this build has no regular expressions");
}
int lf__matches_next(lf_matches *m, lf_error *err)
{
    LF_UNUSED(m);
    return lf_error_set(err, LF_E_UNSUPPORTED, "this build has no regular expressions");
}
void lf__matches_close(lf_matches *m) { LF_UNUSED(m); }
#endif
