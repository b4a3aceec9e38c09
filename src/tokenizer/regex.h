/* regex.h - regular expressions of tokenizer files that no scanner equals: PCRE2 with limits, where the build found it. */
#ifndef LF_TOKENIZER_REGEX_H
#define LF_TOKENIZER_REGEX_H

#include "base/base.h"

typedef struct lf_regex lf_regex; /* immutable, shared by threads */

/* Oniguruma's, in Ruby's dialect (what Hugging Face uses): Unicode classes, ^ and $ at every line. NULL: not a regular expression, one that
 * PCRE2 has no words for, longer than 64 KiB, or this build has none. */
lf_regex *lf__regex_new(const char *pattern, lf_error *err);
void lf__regex_free(lf_regex **r);

/* regex_spell.c: the same for PCRE2 with UCP and MULTILINE, appended to out; is_script: it knows \p{sc:name}. LF_E_UNSUPPORTED: refused. */
int lf__regex_spell(lf_buf *out, const char *pattern, bool (*is_script)(const char *name, size_t n), lf_error *err);

/* Matches in text one after the other. A byte that is not valid UTF-8 belongs to none. */
typedef struct lf_matches {
    const lf_regex *regex;
    const char *text;
    size_t n, from, begin, end; /* [begin, end) is the last match, which may be empty */
    void *room;
} lf_matches;
int lf__matches_open(lf_matches *m, const lf_regex *regex, const char *text, size_t n, lf_error *err);
int lf__matches_next(lf_matches *m, lf_error *err); /* 1: there is one, 0: none, -1: it takes more work than the limits allow */
void lf__matches_close(lf_matches *m);

#endif
