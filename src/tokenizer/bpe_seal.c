/* bpe_seal.c - the tables of a byte-pair encoding from a tokenizer's tokens and merges. Not the encoding (bpe_encode.c).
 * Over bytes, every symbol a word starts from is a byte; over text it is a character. Made once, then read by any thread. */
#include "tokenizer/bpe.h"

#include <stdlib.h>
#include <string.h>

static size_t slots_for(size_t items)
{
    size_t slots = 16;
    while (slots < items * 2) slots *= 2;
    return slots;
}

static int seal_pairs(lf_bpe *bpe, const lf_tokenizer *t, lf_error *err)
{
    size_t slots = slots_for(t->n_merges);
    int byte_of[2];
    bpe->merges = t->merges;
    bpe->pair_mask = slots - 1;
    bpe->pairs = lf__calloc(slots, sizeof *bpe->pairs, err);
    bpe->byte_rank = lf__calloc(65536, sizeof *bpe->byte_rank, err);
    if (!bpe->pairs || !bpe->byte_rank) return -1;
    memset(bpe->pairs, 0xFF, slots * sizeof *bpe->pairs);
    memset(bpe->byte_rank, 0xFF, 65536 * sizeof *bpe->byte_rank);
    for (size_t rank = 0; rank < t->n_merges; rank++) {
        const lf_merge *m = &t->merges[rank];
        uint64_t key = (uint64_t)m->left << 20 | m->right, slot = lf__pair_hash(m->left, m->right) & bpe->pair_mask;
        for (; bpe->pairs[slot] != UINT64_MAX; slot = (slot + 1) & bpe->pair_mask)
            if (bpe->pairs[slot] >> 24 == key)
                return lf_error_set(err, LF_E_FORMAT, "merge %zu repeats merge %u", rank, (unsigned)(bpe->pairs[slot] & 0xFFFFFF));
        bpe->pairs[slot] = key << 24 | rank;
        for (int side = 0; side < 2; side++) {
            size_t n;
            const char *bytes = lf__token_bytes(t, side ? m->right : m->left, &n);
            byte_of[side] = n == 1 ? (uint8_t)*bytes : -1;
        }
        if (byte_of[0] >= 0 && byte_of[1] >= 0) bpe->byte_rank[byte_of[0] << 8 | byte_of[1]] = (uint32_t)rank;
    }
    return 0;
}

/* A word that is a token is not always encoded as it: it must be what the merges make of it, unless merges are to be ignored. */
static int seal_words(lf_bpe *bpe, const lf_tokenizer *t, lf_error *err)
{
    size_t slots = slots_for(t->n);
    bpe->word_mask = slots - 1;
    bpe->words = lf__calloc(slots, sizeof *bpe->words, err);
    if (!bpe->words) return -1;
    memset(bpe->words, 0xFF, slots * sizeof *bpe->words);
    lf_merge_room room = {0};
    int32_t *ids = NULL;
    size_t cap = 0;
    int failed = 0;
    for (uint32_t id = 0; id < t->n && !failed; id++) {
        size_t n;
        const char *bytes = lf__token_bytes(t, id, &n);
        if (t->kind[id] != LF_TOKEN_NORMAL || n == 0) continue;
        failed = lf__grow(&ids, &cap, 4 * n, sizeof *ids, err);
        int64_t count = failed ? -1 : lf__merge_word(t, bpe, ids, bytes, n, &room, err);
        failed = count < 0;
        if (!t->ignore_merges && (count != 1 || ids[0] != (int32_t)id)) continue;
        uint64_t hash = lf__word_hash(bytes, n), slot = hash & bpe->word_mask;
        while (bpe->words[slot].id != LF_TOK_NONE) slot = (slot + 1) & bpe->word_mask;
        bpe->words[slot] = (lf_word_slot){(uint32_t)(hash >> 32), id};
    }
    free(ids);
    lf__merge_room_release(&room);
    return failed ? -1 : 0;
}

/* char_id: tokens of one character. exact: every normal token must be one. */
static int seal_chars(lf_bpe *bpe, const lf_tokenizer *t, bool exact, lf_error *err)
{
    int32_t *cp = lf__calloc(t->n + 1u, sizeof *cp, err), highest = -1;
    if (!cp) return -1;
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n;
        const char *bytes = lf__token_bytes(t, id, &n);
        bool one = n && t->kind[id] == LF_TOKEN_NORMAL && (size_t)lf__utf8_decode(bytes, bytes + n, &cp[id]) == n && cp[id] >= 0;
        if (exact && !one && t->kind[id] == LF_TOKEN_NORMAL) {
            free(cp);
            return lf_error_set(err, LF_E_FORMAT, "token %u of a character vocabulary is not one character", id);
        }
        if (!one) cp[id] = -1;
        highest = LF_MAX(highest, cp[id]);
    }
    bpe->n_char_id = (uint32_t)(highest + 1);
    bpe->char_id = lf__calloc(bpe->n_char_id, sizeof *bpe->char_id, err);
    if (bpe->char_id) {
        memset(bpe->char_id, 0xFF, bpe->n_char_id * sizeof *bpe->char_id);
        for (uint32_t id = 0; id < t->n; id++)
            if (cp[id] >= 0) bpe->char_id[cp[id]] = (int32_t)id;
    }
    free(cp);
    return bpe->char_id ? 0 : -1;
}

static bool marker_begins(const lf_bpe *bpe, const lf_tokenizer *t)
{
    size_t mark = strlen(LF_MARKER);
    if (bpe->n_char_id <= 0x2581 || bpe->char_id[0x2581] < 0) return false;
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n;
        const char *bytes = lf__token_bytes(t, id, &n), *p = bytes;
        if (t->kind[id] != LF_TOKEN_NORMAL) continue;
        while (n >= mark && memcmp(p, LF_MARKER, mark) == 0) p += mark, n -= mark;
        if (memmem(p, n, LF_MARKER, mark)) return false;
    }
    return true;
}

int lf__bpe_seal(lf_tokenizer *t, lf_error *err)
{
    lf_bpe *bpe = t->state = lf__calloc(1, sizeof *bpe, err);
    if (!bpe) return -1;
    bpe->all_bytes = true;
    for (int byte = 0; byte < 256 && t->byte_level; byte++) {
        bpe->all_bytes &= t->byte_token[byte] >= 0;
        if (byte < 0xF5 && byte != 0xC0 && byte != 0xC1 && t->byte_token[byte] < 0 && t->role[LF_ROLE_UNK] < 0)
            return lf_error_set(err, LF_E_FORMAT,
                                "the vocabulary has no token for byte 0x%02X and no unknown token: a byte-level tokenizer needs every byte "
                                "that text can have",
                                byte);
    }
    if (t->byte_fallback)
        for (int byte = 0; byte < 256; byte++)
            if (t->byte_token[byte] < 0)
                return lf_error_set(err, LF_E_FORMAT, "byte_fallback is set, but the vocabulary has no token <0x%02X>", byte);
    if (!t->byte_level && seal_chars(bpe, t, false, err)) return -1;
    if (seal_pairs(bpe, t, err) || seal_words(bpe, t, err)) return -1;
    bpe->marker_begins = !t->byte_level && marker_begins(bpe, t);
    return 0;
}

int lf__char_seal(lf_tokenizer *t, lf_error *err)
{
    t->state = lf__calloc(1, sizeof(lf_bpe), err);
    return t->state ? seal_chars(t->state, t, true, err) : -1;
}

void lf__bpe_release(lf_tokenizer *t)
{
    lf_bpe *bpe = t->state;
    if (!bpe) return;
    free(bpe->byte_rank), free(bpe->pairs), free(bpe->words), free(bpe->char_id);
    free(bpe);
    t->state = NULL;
}
