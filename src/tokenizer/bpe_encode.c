/* bpe_encode.c - text to ids. Not the tables it reads (tokenizer.c) and not the cutting into words (split.c).
 *
 * A word is looked up whole first (tokenizer->words), then among the words this call has already merged (a cache that stores no text and no
 * ids, only where in the call's own input and output they stand), and only then merged: always the pair of lowest rank, the leftmost of
 * equals. Words to 64 bytes merge in arrays on the stack, longer ones in a linked list with a heap. Allocates per call; thread-safe. */
#include "tokenizer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

/* ---- merging one word ------------------------------------------------------------------------------------------------------- */

static inline uint32_t pair_rank(const lf_tokenizer *t, uint32_t left, uint32_t right)
{
    uint64_t key = (uint64_t)left << 20 | right;
    for (uint64_t slot = lf__pair_hash(left, right) & t->pair_mask;; slot = (slot + 1) & t->pair_mask) {
        uint64_t entry = t->pairs[slot];
        if (entry >> 24 == key) return (uint32_t)(entry & 0xFFFFFF);
        if (entry == UINT64_MAX) return LF_TOK_NONE;
    }
}

enum { SHORT = 64 }; /* bytes; positions fit into the six low bits of a key, below the rank's 24 */

static inline uint32_t short_key(const lf_tokenizer *t, const uint32_t *id, int left, int right)
{
    uint32_t rank = pair_rank(t, id[left], id[right]);
    return rank == LF_TOK_NONE ? LF_TOK_NONE : rank << 6 | (uint32_t)left;
}

/* key[i] = rank << 6 | i of the pair that begins at position i, so the smallest key is the lowest rank and the leftmost of equals. */
static int64_t merge_short(const lf_tokenizer *t, int32_t *out, const uint8_t *word, int n)
{
    uint32_t key[SHORT], id[SHORT];
    uint8_t next[SHORT], prev[SHORT];
    for (int i = 0; i < n; i++) {
        id[i] = (uint32_t)t->byte_id[word[i]];
        next[i] = (uint8_t)(i + 1), prev[i] = (uint8_t)(i - 1);
        uint32_t rank = i + 1 < n ? t->byte_rank[word[i] << 8 | word[i + 1]] : LF_TOK_NONE;
        key[i] = rank == LF_TOK_NONE ? LF_TOK_NONE : rank << 6 | (uint32_t)i;
    }
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

void lf__merge_room_release(lf_merge_room *room)
{
    free(room->id), free(room->next), free(room->prev), free(room->rank), free(room->heap);
    *room = (lf_merge_room){0};
}

static int room_reserve(lf_merge_room *room, size_t n, lf_error *err)
{
    if (n <= room->cap) return 0;
    size_t cap = LF_MAX(n, room->cap * 2);
    lf__merge_room_release(room);
    room->id = lf__calloc(cap, sizeof *room->id, err);
    room->next = lf__calloc(cap, sizeof *room->next, err);
    room->prev = lf__calloc(cap, sizeof *room->prev, err);
    room->rank = lf__calloc(cap, sizeof *room->rank, err);
    room->heap = lf__calloc(cap, 2 * sizeof *room->heap, err);
    if (!room->id || !room->next || !room->prev || !room->rank || !room->heap) return -1;
    room->cap = cap;
    return 0;
}

static void sift_down(uint64_t *heap, size_t n, size_t at)
{
    uint64_t item = heap[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && heap[child + 1] < heap[child]) child++;
        if (item <= heap[child]) break;
        heap[at] = heap[child];
    }
    heap[at] = item;
}

static void sift_up(uint64_t *heap, size_t at)
{
    uint64_t item = heap[at];
    for (size_t parent; at > 0 && heap[parent = (at - 1) / 2] > item; at = parent) heap[at] = heap[parent];
    heap[at] = item;
}

/* O(n log n). An entry of the heap is stale when rank[position] says otherwise. Every merge removes one position and its own entry and
 * adds at most two entries, so 2 n slots are enough. */
static int64_t merge_long(const lf_tokenizer *t, int32_t *out, const uint8_t *word, size_t n, lf_merge_room *room, lf_error *err)
{
    if (n >= LF_TOK_NONE) return lf_error_set(err, LF_E_LIMIT, "a single word of %zu bytes is more than the limit of 4 GiB", n);
    if (room_reserve(room, n, err)) return -1;
    uint32_t *id = room->id, *next = room->next, *prev = room->prev, *rank = room->rank;
    uint64_t *heap = room->heap;
    size_t in_heap = 0;
    for (size_t i = 0; i < n; i++) {
        id[i] = (uint32_t)t->byte_id[word[i]];
        next[i] = (uint32_t)i + 1, prev[i] = (uint32_t)i - 1;
        rank[i] = i + 1 < n ? t->byte_rank[word[i] << 8 | word[i + 1]] : LF_TOK_NONE;
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

int64_t lf__merge_word(const lf_tokenizer *t, int32_t *out, const char *word, size_t n, lf_merge_room *room, lf_error *err)
{
    if (n <= SHORT) return merge_short(t, out, (const uint8_t *)word, (int)n);
    return merge_long(t, out, (const uint8_t *)word, n, room, err);
}

/* ---- one call ---------------------------------------------------------------------------------------------------------------- */

/* A word merged earlier in this call: text[at .. at+n) became ids[out .. out+count). One slot a hash, the newest word wins. */
typedef struct seen_word {
    uint64_t hash;
    size_t at, out;
    uint32_t n, count;
} seen_word;

enum { SEEN_MAX_BYTES = 256, SEEN_MAX_SLOTS = 1 << 14, SEEN_MIN_TEXT = 2048 };

typedef struct encoder {
    const lf_tokenizer *t;
    const char *text;
    int32_t *ids;
    size_t cap, count;
    seen_word *seen; /* NULL for short texts */
    uint64_t seen_mask;
    lf_merge_room room;
    int32_t *spill; /* a word's ids when the caller's room might not hold them */
    size_t spill_cap;
    lf_error *err;
} encoder;

static int put(encoder *e, const int32_t *ids, size_t n)
{
    if (n > e->cap - e->count)
        return lf_error_set(e->err, LF_E_LIMIT,
                            "room for %zu token ids is too small for this text; one id for each of its bytes always suffices", e->cap);
    for (size_t i = 0; i < n; i++) e->ids[e->count + i] = ids[i];
    e->count += n;
    return 0;
}

/* The token a whole word merges into, or -1. */
static inline int32_t whole_word(const lf_tokenizer *t, const char *word, size_t n, uint64_t hash)
{
    uint32_t tag = (uint32_t)(hash >> 32);
    for (uint64_t slot = hash & t->word_mask; t->words[slot].id != LF_TOK_NONE; slot = (slot + 1) & t->word_mask) {
        if (t->words[slot].tag != tag) continue;
        size_t length;
        const char *bytes = lf__token_bytes(t, t->words[slot].id, &length);
        if (length == n && memcmp(bytes, word, n) == 0) return (int32_t)t->words[slot].id;
    }
    return -1;
}

static int encode_word(encoder *e, size_t at, size_t n)
{
    const lf_tokenizer *t = e->t;
    const char *word = e->text + at;
    uint64_t hash = n <= SEEN_MAX_BYTES ? lf__word_hash(word, n) : 0;
    seen_word *seen = NULL;
    if (n <= SEEN_MAX_BYTES) {
        int32_t id = whole_word(t, word, n, hash);
        if (id >= 0) return put(e, &id, 1);
        if (e->seen) {
            seen = &e->seen[hash >> 20 & e->seen_mask];
            if (seen->hash == hash && seen->n == n && memcmp(e->text + seen->at, word, n) == 0)
                return put(e, e->ids + seen->out, seen->count);
        }
    }
    int32_t *out = e->ids + e->count;
    if (n > e->cap - e->count) {
        if (lf__grow(&e->spill, &e->spill_cap, n, sizeof *e->spill, e->err)) return -1;
        out = e->spill;
    }
    int64_t count = lf__merge_word(t, out, word, n, &e->room, e->err);
    if (count < 0) return -1;
    if (seen) *seen = (seen_word){hash, at, e->count, (uint32_t)n, (uint32_t)count};
    if (out == e->spill) return put(e, out, (size_t)count);
    e->count += (size_t)count;
    return 0;
}

/* An unknown character is shown as it is when it can be, and as its number. */
static int unknown_char(const encoder *e, size_t at, int length, int32_t cp)
{
    if (cp < 0) {
        lf_error_set(e->err, LF_E_FORMAT, "byte %zu: 0x%02X is not valid UTF-8, and a character tokenizer has no token for bytes", at,
                     (unsigned)(uint8_t)e->text[at]);
    } else {
        bool plain = cp >= 0x20 && cp != 0x7F && !(cp >= 0x80 && cp < 0xA0);
        lf_error_set(e->err, LF_E_FORMAT, "byte %zu: the character %s%.*s%s(U+%04X) is not in the vocabulary of this character tokenizer",
                     at, plain ? "\"" : "", plain ? length : 0, e->text + at, plain ? "\" " : "", (unsigned)cp);
    }
    return lf_error_hint(
        e->err, "train a tokenizer on text that has it, or use byte-level BPE, which knows any text: foundry tokenizer train FILES... "
                "--vocab-size 4096 -o tok/");
}

static int encode_chars(encoder *e, size_t at, size_t end)
{
    while (at < end) {
        int32_t cp;
        int length = lf__utf8_decode(e->text + at, e->text + end, &cp);
        int32_t id = cp >= 0 && (uint32_t)cp < e->t->n_char_id ? e->t->char_id[cp] : -1;
        if (id < 0) return unknown_char(e, at, length, cp);
        if (put(e, &id, 1)) return -1;
        at += (size_t)length;
    }
    return 0;
}

/* text[at..end) without special tokens: the end is an end of text for the split rule, too. */
static int encode_plain(encoder *e, size_t at, size_t end)
{
    if (e->t->chars) return encode_chars(e, at, end);
    while (at < end) {
        size_t next = e->t->split->next(e->text, at, end);
        if (encode_word(e, at, next - at)) return -1;
        at = next;
    }
    return 0;
}

/* The special token that begins at text[at], the longest when there are several, or -1. */
static int32_t special_at(const lf_tokenizer *t, const char *text, size_t at, size_t n, size_t *length)
{
    for (size_t i = 0; i < t->n_specials; i++) {
        const char *bytes = lf__token_bytes(t, t->specials[i], length);
        if (*length <= n - at && memcmp(text + at, bytes, *length) == 0) return (int32_t)t->specials[i];
    }
    return -1;
}

int64_t lf_tokenizer_encode(const lf_tokenizer *t, int32_t *ids, size_t cap, const char *text, size_t n, bool parse_specials, lf_error *err)
{
    encoder e = {.t = t, .text = text, .ids = ids, .cap = cap, .err = err};
    int failed = 0;
    if (!t->chars && n >= SEEN_MIN_TEXT) {
        size_t slots = SEEN_MIN_TEXT / 16;
        while (slots < n / 16 && slots < SEEN_MAX_SLOTS) slots *= 2;
        e.seen = lf__calloc(slots, sizeof *e.seen, err);
        if (!e.seen) return -1;
        e.seen_mask = slots - 1;
    }
    size_t from = 0;
    for (size_t at = 0; parse_specials && t->n_specials && at < n && !failed;) {
        size_t length = 1;
        int32_t id = t->special_first[(uint8_t)text[at]] ? special_at(t, text, at, n, &length) : -1;
        if (id < 0) {
            at++;
            continue;
        }
        failed = encode_plain(&e, from, at) || put(&e, &id, 1);
        at += length;
        from = at;
    }
    if (!failed) failed = encode_plain(&e, from, n);
    free(e.seen);
    free(e.spill);
    lf__merge_room_release(&e.room);
    return failed ? -1 : (int64_t)e.count;
}
