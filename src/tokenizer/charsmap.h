/* charsmap.h - SentencePiece's precompiled normalization map: the longest rule at a place of the text is replaced by the rule's text.
 * `nmt_nfkc` is such a map, and so is whatever a foreign .model or the "Precompiled" normalizer of a tokenizer.json brings. Immutable. */
#ifndef LF_CHARSMAP_H
#define LF_CHARSMAP_H

#include "tokenizer/double_array.h"

typedef struct lf_charsmap {
    lf_double_array rules; /* value: where in text the replacement begins */
    char *text;            /* owned; replacements, each with its NUL      */
    size_t n_text;
} lf_charsmap;

/* From the stored form: u32 bytes of the array, the array, the texts (all little-endian). n 0: the map without rules. `where` names the
 * blob in errors ("x.model: normalizer_spec.precompiled_charsmap"). */
int lf__charsmap_read(lf_charsmap *m, const void *blob, size_t n, const char *where, lf_error *err);
/* The stored form, appended. */
void lf__charsmap_write(lf_buf *out, const lf_charsmap *m);
/* Bytes that come out for one that goes in, at most, when a ' ' counts as `space` bytes. */
size_t lf__charsmap_growth(const lf_charsmap *m, size_t space);
void lf__charsmap_release(lf_charsmap *m);
/* charsmap_build.c: "identity", "nfkc" or "nmt_nfkc" (that, white space to ' ', control characters removed), Unicode as utf8proc has it. */
int lf__charsmap_build(lf_charsmap *m, const char *name, lf_error *err);

/* One step at text[0..n), n > 0: how many bytes it takes (1..), what they become. A byte that begins no character becomes U+FFFD. */
size_t lf__charsmap_step(const lf_charsmap *m, const char **to, size_t *n_to, const char *text, size_t n);
#endif
