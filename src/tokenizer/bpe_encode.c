/* bpe_encode.c - the models "bpe" (over bytes or over characters) and "char": words to ids. Not the tables they read (bpe_seal.c).
 *
 * A word is looked up whole first (bpe->words), then among the words this call has already merged (a cache that stores no text and no
 * ids, only where in the call's own text and output they stand), and only then merged: always the pair of lowest rank, the leftmost of
 * equals. Words to 64 symbols merge in arrays on the stack, longer ones in a linked list with a heap. Allocates per call; thread-safe. */
#include "tokenizer/bpe.h"
#include "tokenizer/merge_heap.h"

#include <stdlib.h>
#include <string.h>

/* ---- merging one word ------------------------------------------------------------------------------------------------------- */

static inline uint32_t pair_rank(const lf_bpe *t, uint32_t left, uint32_t right)
{
    uint64_t key = (uint64_t)left << 20 | right;
    for (uint64_t slot = lf__pair_hash(left, right) & t->pair_mask;; slot = (slot + 1) & t->pair_mask) {
        uint64_t entry = t->pairs[slot];
        if (entry >> 24 == key) return (uint32_t)(entry & 0xFFFFFF);
        if (entry == UINT64_MAX) return LF_TOK_NONE;
    }
}

enum { SHORT = 64 }; /* symbols; positions fit into the six low bits of a key, below the rank's 24 */

static inline uint32_t short_key(const lf_bpe *t, const uint32_t *id, int left, int right)
{
    uint32_t rank = pair_rank(t, id[left], id[right]);
    return rank == LF_TOK_NONE ? LF_TOK_NONE : rank << 6 | (uint32_t)left;
}

/* key[i] = rank << 6 | i of the pair that begins at position i, so the smallest key is the lowest rank and the leftmost of equals. */
static inline int64_t merge_keys(const lf_bpe *t, int32_t *out, uint32_t *id, uint32_t *key, int n)
{
    uint8_t next[SHORT], prev[SHORT];
    for (int i = 0; i < n; i++) next[i] = (uint8_t)(i + 1), prev[i] = (uint8_t)(i - 1);
    for (;;) {
        uint32_t best = LF_TOK_NONE;
        for (int i = 0; i < n; i++) best = LF_MIN(best, key[i]);
        if (best == LF_TOK_NONE) break;
        int i = best & (SHORT - 1), gone = next[i], after = next[gone];
        id[i] = t->merges[best >> 6].result;
        key[gone] = LF_TOK_NONE;
        next[i] = (uint8_t)after;
        if (after < n) {
            prev[after] = (uint8_t)i;
            key[i] = short_key(t, id, i, after);
        } else {
            key[i] = LF_TOK_NONE;
        }
        if (i > 0) key[prev[i]] = short_key(t, id, prev[i], i);
    }
    int64_t count = 0;
    for (int i = 0; i < n; i = next[i]) out[count++] = (int32_t)id[i];
    return count;
}

static int64_t merge_short_bytes(const lf_tokenizer *t, const lf_bpe *bpe, int32_t *out, const uint8_t *word, int n)
{
    uint32_t key[SHORT], id[SHORT];
    for (int i = 0; i < n; i++) {
        id[i] = (uint32_t)t->byte_token[word[i]];
        uint32_t rank = i + 1 < n ? bpe->byte_rank[word[i] << 8 | word[i + 1]] : LF_TOK_NONE;
        key[i] = rank == LF_TOK_NONE ? LF_TOK_NONE : rank << 6 | (uint32_t)i;
    }
    return merge_keys(bpe, out, id, key, n);
}

static int64_t merge_short(const lf_bpe *bpe, int32_t *out, const uint32_t *symbols, int n)
{
    uint32_t key[SHORT], id[SHORT];
    for (int i = 0; i < n; i++) id[i] = symbols[i];
    for (int i = 0; i < n; i++) key[i] = i + 1 < n ? short_key(bpe, id, i, i + 1) : LF_TOK_NONE;
    return merge_keys(bpe, out, id, key, n);
}

void lf__merge_room_release(lf_merge_room *room)
{
    free(room->id), free(room->next), free(room->prev), free(room->rank), free(room->heap), free(room->symbols);
    *room = (lf_merge_room){0};
}

static int room_reserve(lf_merge_room *room, size_t n, lf_error *err)
{
    if (n <= room->cap) return 0;
    size_t cap = LF_MAX(n, room->cap * 2);
    free(room->id), free(room->next), free(room->prev), free(room->rank), free(room->heap);
    room->cap = 0;
    room->id = lf__calloc(cap, sizeof *room->id, err);
    room->next = lf__calloc(cap, sizeof *room->next, err);
    room->prev = lf__calloc(cap, sizeof *room->prev, err);
    room->rank = lf__calloc(cap, sizeof *room->rank, err);
    room->heap = lf__calloc(cap, 2 * sizeof *room->heap, err);
    if (!room->id || !room->next || !room->prev || !room->rank || !room->heap) return -1;
    room->cap = cap;
    return 0;
}

/* O(n log n). An entry of the heap is stale when rank[position] says otherwise. Every merge removes one position and its own entry and
 * adds at most two entries, so 2 n slots are enough. */
static int64_t merge_long(const lf_bpe *t, int32_t *out, const uint32_t *symbols, size_t n, lf_merge_room *room, lf_error *err)
{
    if (n >= LF_TOK_NONE) return lf_error_set(err, LF_E_LIMIT, "a single word of %zu characters is more than the limit of 2^32", n);
    if (room_reserve(room, n, err)) return -1;
    uint32_t *id = room->id, *next = room->next, *prev = room->prev, *rank = room->rank;
    uint64_t *heap = room->heap;
    size_t in_heap = 0;
    for (size_t i = 0; i < n; i++) {
        id[i] = symbols[i];
        next[i] = (uint32_t)i + 1, prev[i] = (uint32_t)i - 1;
        rank[i] = i + 1 < n ? pair_rank(t, symbols[i], symbols[i + 1]) : LF_TOK_NONE;
        if (rank[i] != LF_TOK_NONE) heap[in_heap++] = (uint64_t)rank[i] << 32 | i;
    }
    for (size_t i = in_heap / 2; i-- > 0;) sift_down(heap, in_heap, i);
    while (in_heap) {
        uint64_t top = heap[0];
        heap[0] = heap[--in_heap];
        if (in_heap) sift_down(heap, in_heap, 0);
        uint32_t i = (uint32_t)top;
        if (rank[i] != top >> 32) continue;
        uint32_t gone = next[i], after = next[gone];
        id[i] = t->merges[rank[i]].result;
        rank[gone] = rank[i] = LF_TOK_NONE;
        next[i] = after;
        if (after < n) {
            prev[after] = i;
            rank[i] = pair_rank(t, id[i], id[after]);
            if (rank[i] != LF_TOK_NONE) heap[in_heap] = (uint64_t)rank[i] << 32 | i, sift_up(heap, in_heap++);
        }
        if (i > 0) {
            uint32_t p = prev[i];
            rank[p] = pair_rank(t, id[p], id[i]);
            if (rank[p] != LF_TOK_NONE) heap[in_heap] = (uint64_t)rank[p] << 32 | p, sift_up(heap, in_heap++);
        }
    }
    int64_t count = 0;
    for (size_t i = 0; i < n; i = next[i]) out[count++] = (int32_t)id[i];
    return count;
}

/* The tokens that a word's merging starts from, into room->symbols: bytes, or characters; those without a token are their bytes, the
 * unknown token, or nothing, in this order. */
static int64_t find_symbols(const lf_tokenizer *t, const lf_bpe *bpe, const char *word, size_t n, lf_merge_room *room, lf_error *err)
{
    int32_t unk = t->role[LF_ROLE_UNK];
    size_t count = 0;
    bool unknown = false, before;
    if (lf__grow(&room->symbols, &room->symbols_cap, n, sizeof *room->symbols, err)) return -1;
    for (size_t at = 0, length; at < n; at += length) {
        int32_t cp = (uint8_t)word[at], id;
        length = t->byte_level ? 1 : (size_t)lf__utf8_decode(word + at, word + n, &cp);
        id = t->byte_level ? t->byte_token[cp] : cp >= 0 && (uint32_t)cp < bpe->n_char_id ? bpe->char_id[cp] : -1;
        before = unknown, unknown = false;
        if (id >= 0) {
            room->symbols[count++] = (uint32_t)id;
        } else if (t->byte_fallback) {
            for (size_t i = 0; i < length; i++) room->symbols[count++] = (uint32_t)t->byte_token[(uint8_t)word[at + i]];
        } else if (unk >= 0) {
            unknown = true;
            if (!t->fuse_unk || !before) room->symbols[count++] = (uint32_t)unk;
        }
    }
    return (int64_t)count;
}

int64_t lf__merge_word(const lf_tokenizer *t, const lf_bpe *bpe, int32_t *out, const char *word, size_t n, lf_merge_room *room,
                       lf_error *err)
{
    if (t->byte_level && bpe->all_bytes && n <= SHORT) return merge_short_bytes(t, bpe, out, (const uint8_t *)word, (int)n);
    int64_t count = find_symbols(t, bpe, word, n, room, err);
    if (count < 0) return -1;
    if (count <= SHORT) return merge_short(bpe, out, room->symbols, (int)count);
    return merge_long(bpe, out, room->symbols, (size_t)count, room, err);
}

/* ---- one call ---------------------------------------------------------------------------------------------------------------- */

/* A word merged earlier in this call: `bytes` became ids[out .. out+count). One slot a hash, the newest word wins. */
typedef struct seen_word {
    uint64_t hash;
    const char *bytes;
    size_t out;
    uint32_t n, count;
    uint32_t generation; /* of the encoding: another one's text may be gone */
} seen_word;

enum { SEEN_MAX_BYTES = 256, SEEN_MAX_SLOTS = 1 << 14, SEEN_MIN_TEXT = 2048 };

typedef struct bpe_room {
    seen_word *seen; /* NULL for short texts */
    uint64_t seen_mask;
    lf_merge_room merging;
    int32_t *spill; /* a word's ids when the caller's room might not hold them */
    size_t spill_cap;
} bpe_room;

static bpe_room *open_room(lf_encoding *e)
{
    bpe_room *room = e->room = lf__calloc(1, sizeof *room, e->err);
    if (!room || e->total < SEEN_MIN_TEXT) return room;
    size_t slots = SEEN_MIN_TEXT / 16;
    while (slots < e->total / 16 && slots < SEEN_MAX_SLOTS) slots *= 2;
    room->seen = lf__calloc(slots, sizeof *room->seen, e->err);
    room->seen_mask = slots - 1;
    return room->seen ? room : NULL;
}

static void bpe_done(lf_encoding *e)
{
    bpe_room *room = e->room;
    if (!room) return;
    free(room->seen), free(room->spill);
    lf__merge_room_release(&room->merging);
    free(room);
}

/* The token a whole word merges into, or -1. */
static inline int32_t whole_word(const lf_tokenizer *t, const lf_bpe *bpe, const char *word, size_t n, uint64_t hash)
{
    uint32_t tag = (uint32_t)(hash >> 32);
    for (uint64_t slot = hash & bpe->word_mask; bpe->words[slot].id != LF_TOK_NONE; slot = (slot + 1) & bpe->word_mask) {
        if (bpe->words[slot].tag != tag) continue;
        size_t length;
        const char *bytes = lf__token_bytes(t, bpe->words[slot].id, &length);
        if (length == n && memcmp(bytes, word, n) == 0) return (int32_t)bpe->words[slot].id;
    }
    return -1;
}

static int encode_word(lf_encoding *e, bpe_room *room, const char *word, size_t n)
{
    const lf_tokenizer *t = e->t;
    const lf_bpe *bpe = t->state;
    uint64_t hash = n <= SEEN_MAX_BYTES ? lf__word_hash(word, n) : 0;
    seen_word *seen = NULL;
    if (n <= SEEN_MAX_BYTES) {
        int32_t id = whole_word(t, bpe, word, n, hash);
        if (id >= 0) return lf__put(e, &id, 1);
        if (room->seen) {
            seen = &room->seen[hash >> 20 & room->seen_mask];
            if (seen->hash == hash && seen->n == n && seen->generation == e->generation && memcmp(seen->bytes, word, n) == 0)
                return lf__put(e, e->ids + seen->out, seen->count);
        }
    }
    int32_t *out = e->ids + e->count;
    if (n > e->cap - e->count) {
        if (lf__grow(&room->spill, &room->spill_cap, n, sizeof *room->spill, e->err)) return -1;
        out = room->spill;
    }
    int64_t count = lf__merge_word(t, bpe, out, word, n, &room->merging, e->err);
    if (count < 0) return -1;
    if (seen) *seen = (seen_word){hash, word, e->count, (uint32_t)n, (uint32_t)count, e->generation};
    if (out == room->spill) return lf__put(e, out, (size_t)count);
    e->count += (size_t)count;
    return 0;
}

/* The end of the word at text[at] where a text without words may be cut: before marks that follow something else. */
static size_t next_mark(const char *text, size_t at, size_t n)
{
    const size_t mark = sizeof LF_MARKER - 1;
    while (n - at >= mark && memcmp(text + at, LF_MARKER, mark) == 0) at += mark;
    const char *next = memmem(text + at, n - at, LF_MARKER, mark);
    return next ? (size_t)(next - text) : n;
}

static int bpe_encode(lf_encoding *e, const char *text, size_t n, const lf_split_rule *split)
{
    bpe_room *room = e->room ? e->room : open_room(e);
    const lf_bpe *bpe = e->t->state;
    if (!room) return -1;
    for (size_t at = 0, next; at < n; at = next) {
        next = split ? split->next(text, at, n) : bpe->marker_begins ? next_mark(text, at, n) : n;
        if (encode_word(e, room, text + at, next - at)) return -1;
    }
    return 0;
}

const lf_token_model lf__model_bpe = {
    .name = "bpe", .seal = lf__bpe_seal, .release = lf__bpe_release, .encode = bpe_encode, .done = bpe_done};

/* ---- characters ---------------------------------------------------------------------------------------------------------------- */

/* An unknown character is shown as it is when it can be, and as its number. */
static int unknown_char(const lf_encoding *e, const char *p, int length, int32_t cp)
{
    size_t at = (size_t)(p - e->text);
    if (cp < 0) {
        lf_error_set(e->err, LF_E_FORMAT, "byte %zu: 0x%02X is not valid UTF-8, and a character tokenizer has no token for bytes", at,
                     (unsigned)(uint8_t)*p);
    } else {
        bool plain = cp >= 0x20 && cp != 0x7F && !(cp >= 0x80 && cp < 0xA0);
        lf_error_set(e->err, LF_E_FORMAT, "byte %zu: the character %s%.*s%s(U+%04X) is not in the vocabulary of this character tokenizer",
                     at, plain ? "\"" : "", plain ? length : 0, p, plain ? "\" " : "", (unsigned)cp);
    }
    return lf_error_hint(
        e->err, "train a tokenizer on text that has it, or use byte-level BPE, which knows any text: foundry tokenizer train FILES... "
                "--vocab-size 4096 -o tok/");
}

static int char_encode(lf_encoding *e, const char *text, size_t n, const lf_split_rule *split)
{
    const lf_bpe *table = e->t->state;
    LF_UNUSED(split);
    for (const char *p = text, *end = text + n; p < end;) {
        int32_t cp;
        int length = lf__utf8_decode(p, end, &cp);
        int32_t id = cp >= 0 && (uint32_t)cp < table->n_char_id ? table->char_id[cp] : -1;
        if (id < 0) return unknown_char(e, p, length, cp);
        if (lf__put(e, &id, 1)) return -1;
        p += length;
    }
    return 0;
}

const lf_token_model lf__model_char = {.name = "char", .seal = lf__char_seal, .release = lf__bpe_release, .encode = char_encode};
