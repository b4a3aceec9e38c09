/* added.c - added tokens: found in the text itself, before the normalizer or after it, as Hugging Face's `tokenizers` finds them: from the
 * left, the longest first, and what a match covers is not looked at again, even when its flags then refuse it.
 * Sorted by text, they are a trie that needs no nodes: each byte narrows a range of them. Immutable after seal. */
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

#include <stdlib.h>
#include <string.h>

static int by_text(const void *pa, const void *pb)
{
    const lf_added *a = pa, *b = pb;
    if (a->normalized != b->normalized) return a->normalized ? 1 : -1;
    int order = memcmp(a->text, b->text, LF_MIN(a->n, b->n));
    return order ? order : (a->n > b->n) - (a->n < b->n);
}

int lf__added_seal(lf_tokenizer *t, lf_error *err)
{
    lf_buf a, b;
    int failed = 0;
    lf__buf_init(&a, LF_TOK_MAX_FILE);
    lf__buf_init(&b, LF_TOK_MAX_FILE);
    for (size_t i = 0; i < t->n_added && !failed; i++) {
        lf_added *x = &t->added[i];
        size_t n;
        const char *text = lf__token_bytes(t, x->id, &n);
        if (x->normalized) failed = lf__steps_map(&t->normalizer, &a, &b, &text, &n, err);
        if (!failed && n == 0) failed = lf_error_set(err, LF_E_FORMAT, "added token %u is empty: expected at least one character", x->id);
        x->text = failed ? NULL : lf__calloc(n, 1, err);
        failed = !x->text;
        if (failed) break;
        memcpy(x->text, text, n);
        x->n = n;
        t->added_first[x->normalized][(uint8_t)*text] = true;
    }
    lf__buf_release(&a);
    lf__buf_release(&b);
    if (failed) return -1;
    if (t->n_added) qsort(t->added, t->n_added, sizeof *t->added, by_text);
    for (t->n_raw = 0; t->n_raw < t->n_added && !t->added[t->n_raw].normalized;) t->n_raw++;
    for (size_t i = 1; i < t->n_added; i++)
        if (by_text(&t->added[i - 1], &t->added[i]) == 0)
            return lf_error_set(err, LF_E_FORMAT, "added tokens %u and %u are the same text: \"%.*s\"", t->added[i - 1].id, t->added[i].id,
                                (int)LF_MIN(t->added[i].n, (size_t)80), t->added[i].text);
    return 0;
}

/* The longest of added[lo..hi) that text[0..n) begins with, or NULL. */
static const lf_added *longest(const lf_tokenizer *t, size_t lo, size_t hi, const char *text, size_t n)
{
    const lf_added *best = NULL;
    for (size_t k = 0; lo < hi; k++) {
        if (t->added[lo].n == k) best = &t->added[lo++]; /* the shortest of a common beginning comes first */
        if (k == n) break;
        uint8_t byte = (uint8_t)text[k];
        size_t end = hi;
        for (size_t a = lo, b = hi; a < b;) { /* the first whose byte k is not below */
            size_t mid = a + (b - a) / 2;
            if ((uint8_t)t->added[mid].text[k] < byte)
                a = lo = mid + 1;
            else
                b = mid;
        }
        for (size_t a = lo, b = hi; a < b;) { /* the first whose byte k is above */
            size_t mid = a + (b - a) / 2;
            if ((uint8_t)t->added[mid].text[k] <= byte)
                a = mid + 1;
            else
                b = end = mid;
        }
        hi = end;
    }
    return best;
}

/* The code point that ends at text[at], -1 for none. *begin: where. */
static int32_t before(const char *text, size_t from, size_t at, size_t *begin)
{
    for (*begin = at; *begin > from && at - *begin < 4;) {
        int32_t cp;
        if (((uint8_t)text[--*begin] & 0xC0) == 0x80) continue;
        return (size_t)lf__utf8_decode(text + *begin, text + at, &cp) == at - *begin ? cp : -1;
    }
    return -1;
}

static bool in_word(int32_t cp) { return lf__code_point(cp) & LF_CP_WORD; }

static bool stands_alone(const char *text, size_t from, size_t begin, size_t end, size_t n)
{
    size_t at;
    int32_t after = -1;
    if (end < n) lf__utf8_decode(text + end, text + n, &after);
    return !in_word(before(text, from, begin, &at)) && !in_word(after);
}

bool lf__specials_plain(const lf_specials *s, size_t begin, size_t end)
{
    for (size_t i = 0; i < s->n_plain; i++)
        if (s->plain[i].begin < end && begin < s->plain[i].end) return true;
    return false;
}

int32_t lf__added_next(const lf_tokenizer *t, bool normalized, const lf_specials *specials, const char *text, size_t from, size_t n,
                       size_t *begin, size_t *end)
{
    const bool *first = t->added_first[normalized];
    size_t lo = normalized ? t->n_raw : 0, hi = normalized ? t->n_added : t->n_raw;
    if (lo == hi) return -1;
    for (size_t at = from; at < n;) {
        const lf_added *x = first[(uint8_t)text[at]] ? longest(t, lo, hi, text + at, n - at) : NULL;
        if (!x) {
            at++;
            continue;
        }
        *begin = at, *end = at + x->n;
        if (x->special && specials->parse && lf__specials_plain(specials, *begin, *end)) {
            at++; /* it covers nothing: the next one may begin inside it */
            continue;
        }
        at = *end;
        if ((x->special && !specials->parse) || (x->single_word && !stands_alone(text, from, *begin, *end, n))) continue;
        int32_t cp;
        for (size_t p; x->lstrip && *begin > from && lf__is_space(before(text, from, *begin, &p));) *begin = p;
        while (x->rstrip && *end < n) {
            int length = lf__utf8_decode(text + *end, text + n, &cp);
            if (!lf__is_space(cp)) break;
            *end += (size_t)length;
        }
        return (int32_t)x->id;
    }
    return -1;
}
