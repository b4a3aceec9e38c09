/* tokenizer.c - the object: tokens, merges and the tables made from them; what it says about itself; ids to bytes. Not files
 * (tokenizer_load.c, tokenizer_save.c), not learning (bpe_train.c), not encoding (bpe_encode.c).
 * Owns all of its memory; after seal it is immutable and shared freely. */
#include "tokenizer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

/* ---- GPT-2's alphabet of bytes ------------------------------------------------------------------------------------------------ */

static bool printable_latin(int byte) { return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE; }

int32_t lf__byte_to_alphabet(uint8_t byte)
{
    if (printable_latin(byte)) return byte;
    if (byte <= 0x20) return 0x100 + byte;          /* 00..20 -> U+0100..U+0120        */
    if (byte <= 0xA0) return 0x121 + (byte - 0x7F); /* 7F..A0 -> U+0121..U+0142        */
    return 0x143;                                   /* AD     -> U+0143                */
}

int lf__alphabet_to_byte(int32_t cp)
{
    if (cp >= 0x100 && cp <= 0x120) return cp - 0x100;
    if (cp >= 0x121 && cp <= 0x142) return cp - 0x121 + 0x7F;
    if (cp == 0x143) return 0xAD;
    return cp >= 0 && cp < 0x100 && printable_latin(cp) ? cp : -1;
}

uint8_t lf__byte_of_id(int id)
{
    for (int pass = 0; pass < 2; pass++)
        for (int byte = 0; byte < 256; byte++)
            if (printable_latin(byte) == (pass == 0) && id-- == 0) return (uint8_t)byte;
    return 0;
}

/* ---- making one --------------------------------------------------------------------------------------------------------------- */

lf_tokenizer *lf__tokenizer_new(const char *mode, const char *split, lf_error *err)
{
    bool chars = mode && strcmp(mode, "char") == 0;
    if (mode && !chars && strcmp(mode, "bpe") != 0) {
        const char *const modes[] = {"bpe", "char", NULL};
        const char *near = lf__nearest(mode, modes);
        lf_error_set(err, LF_E_ARGUMENT, "tokenizer mode \"%s\" is not known: expected \"bpe\" or \"char\"", mode);
        if (near) lf_error_hint(err, "did you mean \"%s\"?", near);
        return NULL;
    }
    const lf_split_rule *rule = chars ? NULL : lf__split_find(split ? split : "gpt2", err);
    if (!chars && !rule) return NULL;
    lf_tokenizer *t = lf__calloc(1, sizeof *t, err);
    if (!t) return NULL;
    t->chars = chars;
    t->split = rule;
    t->end = -1;
    if (lf__grow(&t->start, &t->start_cap, 1, sizeof *t->start, err)) lf_tokenizer_free(&t);
    if (t) t->start[0] = 0;
    return t;
}

void lf_tokenizer_free(lf_tokenizer **tp)
{
    lf_tokenizer *t = *tp;
    if (!t) return;
    free(t->pool), free(t->start), free(t->is_special), free(t->specials), free(t->merges);
    free(t->byte_rank), free(t->pairs), free(t->words), free(t->char_id);
    free(t);
    *tp = NULL;
}

int lf__tokenizer_add(lf_tokenizer *t, const char *bytes, size_t n, bool special, lf_error *err)
{
    if (t->n == LF_TOK_MAX_IDS)
        return lf_error_set(err, LF_E_LIMIT, "a vocabulary of more than %d tokens is not supported", LF_TOK_MAX_IDS);
    if (n > UINT32_MAX - t->pool_len) return lf_error_set(err, LF_E_LIMIT, "the tokens' bytes exceed 4 GiB");
    if (special && t->n_specials == LF_TOK_MAX_SPECIALS)
        return lf_error_set(err, LF_E_LIMIT, "more than %d special tokens are not supported", LF_TOK_MAX_SPECIALS);
    if (special && n == 0) return lf_error_set(err, LF_E_ARGUMENT, "special token %u is empty: expected at least one character", t->n);
    if (lf__grow(&t->pool, &t->pool_cap, t->pool_len + n + 1, 1, err)) return -1;
    if (lf__grow(&t->start, &t->start_cap, (size_t)t->n + 2, sizeof *t->start, err)) return -1;
    if (lf__grow(&t->is_special, &t->special_cap, (size_t)t->n + 1, 1, err)) return -1;
    if (special && lf__grow(&t->specials, &t->specials_cap, t->n_specials + 1, sizeof *t->specials, err)) return -1;
    memcpy(t->pool + t->pool_len, bytes, n);
    t->pool_len += n;
    t->is_special[t->n] = special;
    t->start[t->n + 1] = (uint32_t)t->pool_len;
    if (special) { /* insertion keeps the longest first, so the first that matches is the longest */
        size_t at = t->n_specials++;
        for (; at > 0 && t->start[t->specials[at - 1] + 1] - t->start[t->specials[at - 1]] < n; at--) t->specials[at] = t->specials[at - 1];
        t->specials[at] = t->n;
        t->special_first[(uint8_t)bytes[0]] = true;
    }
    t->n++;
    return 0;
}

int lf__tokenizer_merge(lf_tokenizer *t, uint32_t left, uint32_t right, uint32_t result, lf_error *err)
{
    if (t->n_merges == LF_TOK_MAX_MERGES) return lf_error_set(err, LF_E_LIMIT, "more than %d merges are not supported", LF_TOK_MAX_MERGES);
    if (lf__grow(&t->merges, &t->merges_cap, t->n_merges + 1, sizeof *t->merges, err)) return -1;
    t->merges[t->n_merges++] = (lf_merge){left, right, result};
    return 0;
}

static size_t slots_for(size_t items)
{
    size_t slots = 16;
    while (slots < items * 2) slots *= 2;
    return slots;
}

static int seal_pairs(lf_tokenizer *t, lf_error *err)
{
    size_t slots = slots_for(t->n_merges);
    int byte_of[2];
    t->pair_mask = slots - 1;
    t->pairs = lf__calloc(slots, sizeof *t->pairs, err);
    t->byte_rank = lf__calloc(65536, sizeof *t->byte_rank, err);
    if (!t->pairs || !t->byte_rank) return -1;
    memset(t->pairs, 0xFF, slots * sizeof *t->pairs);
    memset(t->byte_rank, 0xFF, 65536 * sizeof *t->byte_rank);
    for (size_t rank = 0; rank < t->n_merges; rank++) {
        const lf_merge *m = &t->merges[rank];
        uint64_t key = (uint64_t)m->left << 20 | m->right, slot = lf__pair_hash(m->left, m->right) & t->pair_mask;
        for (; t->pairs[slot] != UINT64_MAX; slot = (slot + 1) & t->pair_mask)
            if (t->pairs[slot] >> 24 == key)
                return lf_error_set(err, LF_E_FORMAT, "merge %zu repeats merge %u", rank, (unsigned)(t->pairs[slot] & 0xFFFFFF));
        t->pairs[slot] = key << 24 | rank;
        for (int side = 0; side < 2; side++) {
            size_t n;
            const char *bytes = lf__token_bytes(t, side ? m->right : m->left, &n);
            byte_of[side] = n == 1 ? (uint8_t)*bytes : -1;
        }
        if (byte_of[0] >= 0 && byte_of[1] >= 0) t->byte_rank[byte_of[0] << 8 | byte_of[1]] = (uint32_t)rank;
    }
    return 0;
}

/* A word that is a token is not always encoded as it: it must be what the merges make of its bytes. */
static int seal_words(lf_tokenizer *t, lf_error *err)
{
    size_t slots = slots_for(t->n);
    t->word_mask = slots - 1;
    t->words = lf__calloc(slots, sizeof *t->words, err);
    if (!t->words) return -1;
    memset(t->words, 0xFF, slots * sizeof *t->words);
    lf_merge_room room = {0};
    int32_t *ids = NULL;
    size_t cap = 0;
    int failed = 0;
    for (uint32_t id = 0; id < t->n && !failed; id++) {
        size_t n;
        const char *bytes = lf__token_bytes(t, id, &n);
        if (t->is_special[id]) continue;
        failed = lf__grow(&ids, &cap, n, sizeof *ids, err);
        int64_t count = failed ? -1 : lf__merge_word(t, ids, bytes, n, &room, err);
        failed = count < 0;
        if (count != 1 || ids[0] != (int32_t)id) continue;
        uint64_t hash = lf__word_hash(bytes, n), slot = hash & t->word_mask;
        while (t->words[slot].id != LF_TOK_NONE) slot = (slot + 1) & t->word_mask;
        t->words[slot] = (lf_word_slot){(uint32_t)(hash >> 32), id};
    }
    free(ids);
    lf__merge_room_release(&room);
    return failed ? -1 : 0;
}

static int seal_bytes(lf_tokenizer *t, lf_error *err)
{
    memset(t->byte_id, 0xFF, sizeof t->byte_id);
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n;
        const char *bytes = lf__token_bytes(t, id, &n);
        if (n == 1 && !t->is_special[id]) t->byte_id[(uint8_t)*bytes] = (int32_t)id;
    }
    for (int byte = 0; byte < 256; byte++)
        if (t->byte_id[byte] < 0)
            return lf_error_set(err, LF_E_FORMAT, "the vocabulary has no token for byte 0x%02X: a byte-level tokenizer needs all 256",
                                byte);
    return 0;
}

static int seal_chars(lf_tokenizer *t, lf_error *err)
{
    int32_t *cp = lf__calloc(t->n + 1u, sizeof *cp, err), highest = -1;
    if (!cp) return -1;
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n;
        const char *bytes = lf__token_bytes(t, id, &n);
        if (t->is_special[id]) continue;
        if (n == 0 || (size_t)lf__utf8_decode(bytes, bytes + n, &cp[id]) != n || cp[id] < 0) {
            free(cp);
            return lf_error_set(err, LF_E_FORMAT, "token %u of a character vocabulary is not one character", id);
        }
        highest = LF_MAX(highest, cp[id]);
    }
    t->n_char_id = (uint32_t)(highest + 1);
    t->char_id = lf__calloc(t->n_char_id, sizeof *t->char_id, err);
    if (t->char_id) {
        memset(t->char_id, 0xFF, t->n_char_id * sizeof *t->char_id);
        for (uint32_t id = 0; id < t->n; id++)
            if (!t->is_special[id]) t->char_id[cp[id]] = (int32_t)id;
    }
    free(cp);
    return t->char_id ? 0 : -1;
}

static void add_u32(lf_sha256 *s, uint32_t v)
{
    uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    lf__sha256_add(s, bytes, sizeof bytes);
}

/* mode and rule (NUL-terminated), end, then per token {special, length, bytes}, then per merge {left, right, result}; numbers as 32-bit LE.
 */
static void seal_fingerprint(lf_tokenizer *t)
{
    static const char title[] = "foundry tokenizer 1";
    const char *mode = lf_tokenizer_mode(t), *split = lf_tokenizer_split(t);
    lf_sha256 s;
    lf__sha256_init(&s);
    lf__sha256_add(&s, title, sizeof title);
    lf__sha256_add(&s, mode, strlen(mode) + 1);
    lf__sha256_add(&s, split, strlen(split) + 1);
    add_u32(&s, (uint32_t)t->end);
    add_u32(&s, t->n);
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n;
        const char *bytes = lf__token_bytes(t, id, &n);
        add_u32(&s, t->is_special[id]);
        add_u32(&s, (uint32_t)n);
        lf__sha256_add(&s, bytes, n);
    }
    add_u32(&s, (uint32_t)t->n_merges);
    for (size_t i = 0; i < t->n_merges; i++) {
        add_u32(&s, t->merges[i].left);
        add_u32(&s, t->merges[i].right);
        add_u32(&s, t->merges[i].result);
    }
    lf__sha256_hex(&s, t->fingerprint);
}

int lf__tokenizer_seal(lf_tokenizer *t, const char *end, lf_error *err)
{
    t->end = end ? lf_tokenizer_special(t, end) : -1;
    if (t->chars ? seal_chars(t, err) : seal_bytes(t, err) || seal_pairs(t, err) || seal_words(t, err)) return -1;
    seal_fingerprint(t);
    return 0;
}

/* ---- what it says about itself -------------------------------------------------------------------------------------------------- */

int lf_tokenizer_size(const lf_tokenizer *t) { return (int)t->n; }
int lf_tokenizer_merges(const lf_tokenizer *t) { return (int)t->n_merges; }
const char *lf_tokenizer_mode(const lf_tokenizer *t) { return t->chars ? "char" : "bpe"; }
const char *lf_tokenizer_split(const lf_tokenizer *t) { return t->split ? t->split->name : "char"; }
int32_t lf_tokenizer_end(const lf_tokenizer *t) { return t->end; }
const char *lf_tokenizer_fingerprint(const lf_tokenizer *t) { return t->fingerprint; }

const char *lf_tokenizer_token(const lf_tokenizer *t, int32_t id, size_t *n, bool *special)
{
    *n = 0;
    if (special) *special = false;
    if (id < 0 || (uint32_t)id >= t->n) return NULL;
    if (special) *special = t->is_special[id];
    return lf__token_bytes(t, (uint32_t)id, n);
}

int32_t lf_tokenizer_special(const lf_tokenizer *t, const char *text)
{
    size_t length = strlen(text), n;
    for (size_t i = 0; i < t->n_specials; i++) {
        const char *bytes = lf__token_bytes(t, t->specials[i], &n);
        if (n == length && memcmp(bytes, text, n) == 0) return (int32_t)t->specials[i];
    }
    return -1;
}

int64_t lf_tokenizer_decode(const lf_tokenizer *t, char *out, size_t cap, const int32_t *ids, size_t n, bool skip_specials, lf_error *err)
{
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || (uint32_t)ids[i] >= t->n)
            return lf_error_set(err, LF_E_ARGUMENT, "token %zu is %d: expected an id from 0 to %u", i, ids[i], t->n - 1);
        if (skip_specials && t->is_special[ids[i]]) continue;
        size_t bytes_n;
        const char *bytes = lf__token_bytes(t, (uint32_t)ids[i], &bytes_n);
        if (length < cap) memcpy(out + length, bytes, LF_MIN(bytes_n, cap - length));
        length += bytes_n;
    }
    return (int64_t)length;
}
