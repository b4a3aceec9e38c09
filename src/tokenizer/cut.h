/* cut.h - where a long text may be cut so that its parts, encoded one by one, give the tokens of the whole. */
#ifndef LF_TOKENIZER_CUT_H
#define LF_TOKENIZER_CUT_H

#include "base/base.h"
#include "foundry/tokenizer.h"

/* The last such place in (from, to], to <= n, or 0 when none is certain: tokens(text[0, p)) followed by tokens(text[p, n)) are
 * tokens(text[0, n)). Looks at a few bytes on both sides of a place only. */
size_t lf__tokenizer_cut(const lf_tokenizer *t, const char *text, size_t n, size_t from, size_t to);

#endif
