/* charsmap.c - reading, writing and using SentencePiece's normalization maps (charsmap.h). The array inside is double_array.c's.
 * Owns copies of what it reads. A blob from outside is checked once; using it then needs no checks. Thread-safe. */
#include "tokenizer/charsmap.h"

#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 256 }; /* bytes of a rule that are looked for at most: bounds the work on a damaged array */

int lf__charsmap_read(lf_charsmap *m, const void *blob, size_t n, const char *where, lf_error *err)
{
    const uint8_t *bytes = blob;
    *m = (lf_charsmap){0};
    if (n == 0) return 0;
    uint32_t size = n < 4 ? 0 : bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    if (n < 4 || size > n - 4 || size == 0 || size % 1024 != 0)
        return lf_error_set(err, LF_E_FORMAT,
                            "%s: its array is said to be %u bytes: expected a multiple of 1024 and at most the %zu that follow", where,
                            size, n < 4 ? 0 : n - 4);
    m->n_text = n - 4 - size;
    m->rules.n = size / 4;
    m->rules.units = lf__calloc(m->rules.n, sizeof *m->rules.units, err);
    m->text = lf__calloc(m->n_text + 1, 1, err);
    int failed = !m->rules.units || !m->text;
    for (size_t i = 0; i < m->rules.n && !failed; i++) {
        const uint8_t *u = bytes + 4 + 4 * i;
        m->rules.units[i] = u[0] | u[1] << 8 | u[2] << 16 | (uint32_t)u[3] << 24;
    }
    if (!failed) memcpy(m->text, bytes + 4 + size, m->n_text);
    if (!failed && !lf__double_array_check(&m->rules, (uint32_t)m->n_text))
        failed = lf_error_set(err, LF_E_FORMAT, "%s: its array leads out of itself or out of the %zu bytes of text", where, m->n_text);
    if (failed) lf__charsmap_release(m);
    return failed ? -1 : 0;
}

void lf__charsmap_write(lf_buf *out, const lf_charsmap *m)
{
    uint32_t size = (uint32_t)m->rules.n * 4;
    if (!m->rules.n) return;
    for (int i = 0; i < 4; i++) lf__buf_add(out, &(uint8_t){(uint8_t)(size >> 8 * i)}, 1);
    for (size_t k = 0; k < m->rules.n; k++) {
        uint32_t u = m->rules.units[k];
        const uint8_t bytes[4] = {(uint8_t)u, (uint8_t)(u >> 8), (uint8_t)(u >> 16), (uint8_t)(u >> 24)};
        lf__buf_add(out, bytes, 4);
    }
    lf__buf_add(out, m->text, m->n_text);
}

/* Bytes of the longest text of the map. */
static size_t longest_text(const lf_charsmap *m, size_t at, size_t end, size_t space)
{
    size_t longest = 0, n = 0;
    for (; at < end; at++) {
        n = m->text[at] == 0 ? 0 : n + (m->text[at] == ' ' ? space : 1);
        longest = LF_MAX(longest, n);
    }
    return longest;
}

size_t lf__charsmap_growth(const lf_charsmap *m, size_t space)
{
    size_t most = LF_MAX(3, space), rest = (longest_text(m, 0, m->n_text, space) + 2) / 3; /* 3: U+FFFD for a byte */
    if (!m->rules.n) return most;
    /* Rules of one and two bytes are looked at one by one, those of three and more as if they had three. */
    for (int a = 1; a < 256; a++) {
        uint32_t node = 0;
        int32_t at = lf__walk(&m->rules, &node, (uint8_t)a);
        if (at >= 0) most = LF_MAX(most, longest_text(m, (size_t)at, (size_t)at + strlen(m->text + at), space));
        for (int b = 1; b < 256 && at != LF_WALK_END; b++) {
            uint32_t child = node;
            int32_t second = lf__walk(&m->rules, &child, (uint8_t)b);
            if (second >= 0)
                most = LF_MAX(most, (longest_text(m, (size_t)second, (size_t)second + strlen(m->text + second), space) + 1) / 2);
        }
    }
    return LF_MAX(most, rest);
}

void lf__charsmap_release(lf_charsmap *m)
{
    lf__double_array_release(&m->rules);
    free(m->text);
    *m = (lf_charsmap){0};
}

size_t lf__charsmap_step(const lf_charsmap *m, const char **to, size_t *n_to, const char *text, size_t n)
{
    uint32_t at = 0;
    size_t taken = lf__longest_prefix(&m->rules, &at, text, n, DEEPEST);
    if (taken) {
        *to = m->text + at, *n_to = strlen(*to);
        return taken;
    }
    int32_t cp;
    taken = (size_t)lf__utf8_decode(text, text + n, &cp);
    *to = cp < 0 ? "\xEF\xBF\xBD" : text;
    *n_to = cp < 0 ? 3 : taken;
    return taken;
}
