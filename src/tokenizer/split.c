/* split.c - pre-tokenizers: scanners that cut text into words before merging. Not a regular-expression engine: each rule is written out
 * by hand, goes forward only and looks at every byte a bounded number of times. Pure functions, safe from any thread. */
#include "tokenizer/tokenizer.h"

#include <string.h>

/* Class of an ASCII byte; bytes above are MULTI: the code point decides. */
enum { O = LF_CLASS_OTHER, L = LF_CLASS_LETTER, N = LF_CLASS_NUMBER, S = LF_CLASS_SPACE, MULTI };
static const uint8_t byte_class[256] = {
    ['\t'] = S, ['\n'] = S,        ['\v'] = S,        ['\f'] = S,        ['\r'] = S,
    [' '] = S,  ['0' ... '9'] = N, ['A' ... 'Z'] = L, ['a' ... 'z'] = L, [0x80 ... 0xFF] = MULTI,
};

/* Class of the unit at text[at] and its length: a code point, or one byte that begins no valid sequence. */
static inline int unit(const char *text, size_t at, size_t n, size_t *length)
{
    int class = byte_class[(uint8_t)text[at]];
    *length = 1;
    if (class != MULTI) return class;
    int32_t cp;
    *length = (size_t)lf__utf8_decode(text + at, text + n, &cp);
    return lf__class_of(cp);
}

/* The end of the run of units of one class that begins at `at`; *last gets the start of its last unit when it is not empty. */
static inline size_t run(const char *text, size_t at, size_t n, int class, size_t *last)
{
    while (at < n) {
        size_t length = 1;
        int here = byte_class[(uint8_t)text[at]];
        if (here == MULTI) here = unit(text, at, n, &length);
        if (here != class) break;
        *last = at;
        at += length;
    }
    return at;
}

/* GPT-2's contractions; 0 when there is none. */
static inline size_t contraction(const char *p, size_t n)
{
    if (n < 2) return 0;
    switch (p[1]) {
    case 's':
    case 't':
    case 'm':
    case 'd': return 2;
    case 'r':
    case 'v': return n > 2 && p[2] == 'e' ? 3 : 0;
    case 'l': return n > 2 && p[2] == 'l' ? 3 : 0;
    default: return 0;
    }
}

/* White space gives its last unit to what follows: a space joins the next word, anything else stands alone. */
static size_t next_gpt2(const char *text, size_t at, size_t n)
{
    size_t length, last = at, body = at;
    if (text[at] == '\'') {
        size_t c = contraction(text + at, n - at);
        if (c) return at + c;
    }
    if (text[at] == ' ' && at + 1 < n) body++;
    int class = unit(text, body, n, &length);
    if (class != S) return run(text, body + length, n, class, &last);
    size_t end = run(text, at, n, S, &last);
    return end == n || last == at ? end : last;
}

const lf_split_rule lf__split_rules[] = {
    {"gpt2", "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", next_gpt2},
    {NULL, NULL, NULL},
};

const lf_split_rule *lf__split_find(const char *name, lf_error *err)
{
    const char *names[LF_COUNT(lf__split_rules)] = {NULL};
    for (int i = 0; lf__split_rules[i].name; i++) {
        if (strcmp(lf__split_rules[i].name, name) == 0) return &lf__split_rules[i];
        names[i] = lf__split_rules[i].name;
    }
    const char *near = lf__nearest(name, names);
    lf_error_set(err, LF_E_ARGUMENT, "split rule \"%s\" is not known", name);
    lf_error_hint(err, "known rules: %s", near ? near : names[0]);
    return NULL;
}

const lf_split_rule *lf__split_of_steps(const lf_steps *pre)
{
    const lf_step *s = &pre->v[0];
    return pre->n == 1 && strcmp(s->kind->type, "ByteLevel") == 0 && !s->a && s->b ? &lf__split_rules[0] : NULL;
}
