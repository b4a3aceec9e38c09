/* cut.c - places where the splitter is certain to begin a new word, found by looking at one character on each side.
 * Not the splitter: it knows the sure cases and says "none" rather than guess. Stateless. */
#include "tokenizer/cut.h"

#include <string.h>

#include "tokenizer/tokenizer.h"

/* The code point that ends exactly at p, -1 when there is no valid one. */
static int32_t code_before(const char *text, size_t p)
{
    for (size_t k = 1; k <= 4 && k <= p; k++) {
        int32_t cp;
        if (((uint8_t)text[p - k] & 0xc0) == 0x80) continue; /* a continuation byte */
        return (size_t)lf__utf8_decode(text + p - k, text + p, &cp) == k ? cp : -1;
    }
    return -1;
}

static bool char_cut(int32_t before, int32_t after) { return before >= 0 && after >= 0; }

size_t lf__tokenizer_cut(const lf_tokenizer *t, const char *text, size_t n, size_t from, size_t to)
{
    bool (*sure)(int32_t before, int32_t after) = t->split ? t->split->sure : t->model == &lf__model_char ? char_cut : NULL;
    for (size_t i = 0; i < t->normalizer.n; i++) /* NFC changes nothing across such a place; others might */
        if (strcmp(t->normalizer.v[i].kind->type, "NFC") != 0) sure = NULL;
    for (size_t i = 0; i < t->n_added; i++) /* a token that is looked for in every text may have anything in it */
        if (!t->added[i].special) sure = NULL;
    if (!sure) return 0;
    for (size_t p = LF_MIN(to, n); p > from; p--) {
        int32_t before, after;
        if (p == n || ((uint8_t)text[p] & 0xc0) == 0x80 || (before = code_before(text, p)) < 0) continue;
        lf__utf8_decode(text + p, text + n, &after);
        if (after >= 0 && sure(before, after)) return p;
    }
    return 0;
}
