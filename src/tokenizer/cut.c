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

/* gpt2: 's|'t|'re|'ve|'m|'ll|'d | ?L+ | ?N+ | ?[^\sLN]+ | \s+(?!\S) | \s+
 * A run of letters or numbers ends where the class changes, and so does a run of others before white space; nothing there looks further.
 * Not sure: after white space (it may join what follows), and from others to letters ('s). */
static bool gpt2_cut(int32_t before, int32_t after)
{
    int a = lf__class_of(before), b = lf__class_of(after);
    return a != b && (a == LF_CLASS_LETTER || a == LF_CLASS_NUMBER || (a == LF_CLASS_OTHER && b == LF_CLASS_SPACE));
}

static bool char_cut(int32_t before, int32_t after) { return before >= 0 && after >= 0; }

size_t lf__tokenizer_cut(const lf_tokenizer *t, const char *text, size_t n, size_t from, size_t to)
{
    bool (*sure)(int32_t before, int32_t after) = NULL;
    if (strcmp(lf_tokenizer_mode(t), "char") == 0)
        sure = char_cut;
    else if (strcmp(lf_tokenizer_split(t), "gpt2") == 0)
        sure = gpt2_cut;
    if (!sure) return 0;
    for (size_t p = LF_MIN(to, n); p > from; p--) {
        int32_t before, after;
        if (p == n || ((uint8_t)text[p] & 0xc0) == 0x80 || (before = code_before(text, p)) < 0) continue;
        lf__utf8_decode(text + p, text + n, &after);
        if (after >= 0 && sure(before, after)) return p;
    }
    return 0;
}
