/* regex.h - regular expressions of tokenizer files that no scanner equals: PCRE2 with limits, where the build found it. */
#ifndef LF_TOKENIZER_REGEX_H
#define LF_TOKENIZER_REGEX_H

#include "base/base.h"

typedef struct lf_regex lf_regex; /* immutable, shared by threads */

/* With Unicode classes, ^ and $ at every line, as Oniguruma in Ruby's dialect has them (what Hugging Face uses). NULL: not a regular
 * expression, longer than 64 KiB, or this build has none. */
lf_regex *lf__regex_new(const char *pattern, lf_error *err);
void lf__regex_free(lf_regex **r);

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
