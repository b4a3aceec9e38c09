/* token_map.h - the tokens of one tokenizer by their bytes, for readers that must find them while it is being made. Owned by the caller. */
#ifndef LF_TOKENIZER_TOKEN_MAP_H
#define LF_TOKENIZER_TOKEN_MAP_H

#include <stdlib.h>
#include <string.h>

#include "tokenizer/tokenizer.h"

typedef struct lf_token_map {
    const lf_tokenizer *t;
    uint32_t *slots; /* ids, open addressing; LF_TOK_NONE: empty */
    size_t mask;
} lf_token_map;

/* Room for n tokens; none is in it. */
static inline int lf__token_map_init(lf_token_map *m, const lf_tokenizer *t, size_t n, lf_error *err)
{
    size_t slots = 16;
    while (slots < 2 * n) slots *= 2;
    *m = (lf_token_map){t, lf__calloc(slots, sizeof *m->slots, err), slots - 1};
    if (m->slots) memset(m->slots, 0xFF, slots * sizeof *m->slots);
    return m->slots ? 0 : -1;
}

static inline uint32_t *lf__token_map_slot(const lf_token_map *m, const char *bytes, size_t n)
{
    size_t slot = lf__word_hash(bytes, n) & m->mask;
    for (; m->slots[slot] != LF_TOK_NONE; slot = (slot + 1) & m->mask) {
        size_t length;
        const char *token = lf__token_bytes(m->t, m->slots[slot], &length);
        if (length == n && memcmp(token, bytes, n) == 0) break;
    }
    return &m->slots[slot];
}

static inline void lf__token_map_release(lf_token_map *m) { free(m->slots); }

#endif
