/* sp_bpe.c - SentencePiece's BPE: characters first, then again and again the two neighbours whose joined text is the piece of the highest
 * score, the leftmost of equals. Not the merges by rank of bpe_encode.c: here the vocabulary alone says what merges.
 *
 * Between two characters that stand side by side in no piece nothing ever merges: there the text is cut into words. A word is looked up
 * whole, then among those that this call has merged already, and only then merged: short ones on the stack, long ones with a heap,
 * O(n log n). The tables are immutable; working memory belongs to the call. */
#include "tokenizer/merge_heap.h"
#include "tokenizer/sp.h"

#include <stdlib.h>
#include <string.h>

#define NONE   UINT32_MAX
#define FROZEN (1u << 31) /* on a symbol: a user piece, which merges with nothing */
enum { SHORT = 64, SEEN_MAX_BYTES = 256, SEEN_SLOTS = 1 << 13, SEEN_MIN_TEXT = 2048 };

typedef struct pair_slot {
    uint32_t left, right;   /* symbols; left NONE: empty         */
    uint32_t order, result; /* the smallest order is merged first */
} pair_slot;

typedef struct tables {
    uint32_t *by_text; /* [text_mask + 1] ids of what text can become, by hash; NONE = empty */
    uint64_t text_mask;
    uint8_t *whole;             /* [n] the merges make exactly this piece of its text                            */
    uint32_t *char_pages;       /* [n_pages * 256] symbol of a character or NONE; page 0 has none                */
    uint16_t char_page[0x1100]; /* code point >> 8: its page                                                     */
    uint32_t n_symbols;         /* n pieces, then the characters that occur inside of pieces only                */
    pair_slot *pairs;           /* [pair_mask + 1] */
    uint64_t pair_mask;
    uint8_t *joins; /* a set of bits, by hash: which characters stand side by side in some piece */
    uint64_t joins_mask;
    lf_double_array users; /* user pieces; empty when there are none */
    bool user_first[256];
    bool has_unused; /* some merge makes an unused piece */
} tables;

/* ---- reading the tables ------------------------------------------------------------------------------------------------------------ */

static bool can_match(const lf_tokenizer *t, uint32_t id)
{
    return t->kind[id] == LF_TOKEN_NORMAL || t->kind[id] == LF_TOKEN_USER || t->kind[id] == LF_TOKEN_UNUSED;
}

/* The slot of a text: it holds its id, or NONE where it would be put. */
static inline uint32_t *text_slot(const lf_tokenizer *t, const tables *s, const char *text, size_t n, uint64_t hash)
{
    uint64_t slot = hash & s->text_mask;
    for (; s->by_text[slot] != NONE; slot = (slot + 1) & s->text_mask) {
        size_t length;
        const char *other = lf__token_bytes(t, s->by_text[slot], &length);
        if (length == n && memcmp(other, text, n) == 0) break;
    }
    return &s->by_text[slot];
}

/* Where the symbol of a character is kept; NULL: the bytes are no character. */
static uint32_t *char_symbol(const tables *s, const char *text, size_t n)
{
    int32_t cp;
    if (lf__utf8_decode(text, text + n, &cp) != (int)n || cp < 0) return NULL;
    return &s->char_pages[(size_t)s->char_page[cp >> 8] << 8 | (cp & 255)];
}

/* A character as one number: its bytes. */
static inline uint32_t packed(const char *text, size_t n)
{
    uint32_t c = 0;
    switch (n) {
    case 4: c = (uint32_t)(uint8_t)text[3] << 24;  /* fallthrough */
    case 3: c |= (uint32_t)(uint8_t)text[2] << 16; /* fallthrough */
    case 2: c |= (uint32_t)(uint8_t)text[1] << 8;  /* fallthrough */
    default: return c | (uint8_t)text[0];
    }
}

static inline uint64_t join_bit(const tables *s, uint32_t left, uint32_t right)
{
    return lf__mix((uint64_t)left << 32 | right, 0x9E3779B97F4A7C15u) & s->joins_mask;
}

static inline bool joins(const tables *s, uint32_t left, uint32_t right)
{
    uint64_t bit = join_bit(s, left, right);
    return s->joins[bit >> 3] >> (bit & 7) & 1;
}

static inline const pair_slot *find_pair(const tables *s, uint32_t left, uint32_t right)
{
    uint64_t slot = lf__mix((uint64_t)left << 32 | right, 0xD6E8FEB86659FD93u) & s->pair_mask;
    while (s->pairs[slot].left != NONE && (s->pairs[slot].left != left || s->pairs[slot].right != right)) slot = (slot + 1) & s->pair_mask;
    return &s->pairs[slot];
}

/* The symbol at text[0..n) and how many bytes it takes. */
static inline uint32_t first_symbol(const tables *s, const char *text, size_t n, size_t *taken)
{
    uint32_t user;
    if (s->user_first[(uint8_t)*text] && (*taken = lf__longest_prefix(&s->users, &user, text, n, LF_SP_MAX_PIECE)) > 0)
        return user | FROZEN;
    *taken = LF_MIN(lf__char_bytes((uint8_t)*text), n);
    const uint32_t *known = char_symbol(s, text, *taken);
    return known ? *known : NONE;
}

/* ---- merging one word -------------------------------------------------------------------------------------------------------------- */

typedef struct symbol { /* a list over the word; byte positions of its text are at .. next one's at */
    uint32_t id, next, prev, at;
    uint32_t order, result; /* of the pair that begins here; order NONE: it does not merge */
} symbol;

typedef struct room { /* lf_encoding.room */
    symbol *symbols;
    uint64_t *heap; /* order << 32 | symbol's number */
    size_t symbols_cap, heap_cap;
    uint32_t *rev; /* [2 n] with unused pieces: the two symbols that were last seen to make each */
    struct seen_word *seen;
    uint32_t generation;
    int32_t *out; /* a word's ids */
    size_t out_cap;
} room;

/* A word merged earlier in this call: text[0..n) became ids[out .. out+count). One slot a hash, the newest word wins. */
typedef struct seen_word {
    uint64_t hash;
    const char *text;
    size_t out;
    uint32_t n, count;
} seen_word;

/* The pair that begins at list[i] gets its order and result. */
static inline void look(const tables *s, symbol *list, uint32_t i, uint32_t n)
{
    uint32_t left = list[i].id, after = list[i].next;
    list[i].order = NONE;
    if (after >= n || (left | list[after].id) >> 31) return; /* NONE and FROZEN have the high bit */
    const pair_slot *pair = find_pair(s, left, list[after].id);
    if (pair->left != NONE) list[i].order = pair->order, list[i].result = pair->result;
}

/* text as symbols in list; how many. */
static uint32_t split(const tables *s, symbol *list, const char *text, size_t n)
{
    uint32_t count = 0;
    size_t taken;
    for (size_t at = 0; at < n; at += taken, count++) {
        uint32_t id = first_symbol(s, text + at, n - at, &taken);
        list[count] = (symbol){.id = id, .next = count + 1, .prev = count - 1, .at = (uint32_t)at};
    }
    return count;
}

static inline void merge_at(symbol *list, uint32_t i, uint32_t n)
{
    uint32_t gone = list[i].next, after = list[gone].next;
    list[i].id = list[i].result;
    list[i].next = after;
    list[gone].order = NONE;
    if (after < n) list[after].prev = i;
}

static void merge_short(const tables *s, symbol *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) look(s, list, i, n);
    for (;;) {
        uint32_t best = 0;
        for (uint32_t i = 1; i < n; i++)
            if (list[i].order < list[best].order) best = i;
        if (list[best].order == NONE) return;
        merge_at(list, best, n);
        look(s, list, best, n);
        if (best > 0) look(s, list, list[best].prev, n);
    }
}

/* With unused pieces their last seen parts are kept: they are taken apart again at the end. */
static inline void note(const lf_tokenizer *t, uint32_t *rev, const symbol *list, uint32_t i)
{
    if (rev && list[i].order != NONE && t->kind[list[i].result] == LF_TOKEN_UNUSED)
        rev[2 * (size_t)list[i].result] = list[i].id, rev[2 * (size_t)list[i].result + 1] = list[list[i].next].id;
}

/* O(n log n). An entry of the heap is stale when the symbol's order says otherwise. Every merge removes a symbol and its own entry and adds
 * two entries at most, so 2 n slots are enough. */
static int merge_long(const lf_tokenizer *t, room *r, uint32_t n, lf_error *err)
{
    const tables *s = t->state;
    symbol *list = r->symbols;
    size_t in_heap = 0;
    if (lf__grow(&r->heap, &r->heap_cap, 2 * (size_t)n, sizeof *r->heap, err)) return -1;
    uint64_t *heap = r->heap;
    for (uint32_t i = 0; i < n; i++) {
        look(s, list, i, n);
        note(t, r->rev, list, i);
        if (list[i].order != NONE) heap[in_heap++] = (uint64_t)list[i].order << 32 | i;
    }
    for (size_t i = in_heap / 2; i-- > 0;) sift_down(heap, in_heap, i);
    while (in_heap) {
        uint64_t top = heap[0];
        heap[0] = heap[--in_heap];
        if (in_heap) sift_down(heap, in_heap, 0);
        uint32_t i = (uint32_t)top;
        if (list[i].order != top >> 32) continue;
        merge_at(list, i, n);
        for (int side = 0; side < 2; side++) { /* the pair it ends, then the pair it begins, as SentencePiece looks at them */
            if (side == 0 && i == 0) continue;
            uint32_t k = side == 0 ? list[i].prev : i;
            look(s, list, k, n);
            note(t, r->rev, list, k);
            if (list[k].order == NONE) continue;
            heap[in_heap] = (uint64_t)list[k].order << 32 | k;
            sift_up(heap, in_heap++);
        }
    }
    return 0;
}

/* ---- ids ---------------------------------------------------------------------------------------------------------------------------- */

typedef struct writer { /* one word's ids */
    const lf_tokenizer *t;
    int32_t *ids; /* room for one a byte */
    size_t n;
    bool unknown; /* one of them is the unknown token */
} writer;

/* A character that is no piece: its bytes, or the unknown token, one for a run of them. */
static void put_unknown(writer *w, const char *text, size_t n)
{
    const lf_tokenizer *t = w->t;
    if (t->byte_fallback) {
        for (size_t i = 0; i < n; i++) w->ids[w->n++] = t->byte_token[(uint8_t)text[i]];
    } else {
        if (w->n == 0 || w->ids[w->n - 1] != t->role[LF_ROLE_UNK]) w->ids[w->n++] = t->role[LF_ROLE_UNK];
        w->unknown = true;
    }
}

/* One symbol's ids; an unused piece becomes the two it was last made of, and so on (at most LF_SP_MAX_PIECE deep: every part is shorter),
 * and an unused character is an unknown one (as in SentencePiece 0.2.3; 0.1.97 gives its id). */
static void put_symbol(writer *w, const uint32_t *rev, uint32_t id, const char *text, size_t n)
{
    const lf_tokenizer *t = w->t;
    if (id != NONE) id &= ~FROZEN;
    bool unused = id < t->n && t->kind[id] == LF_TOKEN_UNUSED;
    if (unused && rev && rev[2 * (size_t)id] != NONE) {
        uint32_t left = rev[2 * (size_t)id];
        size_t n_left = left < t->n ? t->start[left + 1] - t->start[left] : lf__char_bytes((uint8_t)*text);
        put_symbol(w, rev, left, text, n_left);
        put_symbol(w, rev, rev[2 * (size_t)id + 1], text + n_left, n - n_left);
    } else if (id >= t->n || unused) {
        put_unknown(w, text, n);
    } else {
        w->ids[w->n++] = (int32_t)id;
    }
}

/* Ids of text[0..n) into w by merges alone. */
static int merge_text(writer *w, room *r, const char *text, size_t n, lf_error *err)
{
    if (n >= UINT32_MAX / 2) return lf_error_set(err, LF_E_LIMIT, "%zu bytes of text at once are more than the limit of 2 GiB", n);
    if (lf__grow(&r->symbols, &r->symbols_cap, n, sizeof *r->symbols, err)) return -1;
    symbol *list = r->symbols;
    uint32_t count = split(w->t->state, list, text, n);
    if (count > SHORT || r->rev) {
        if (merge_long(w->t, r, count, err)) return -1;
    } else {
        merge_short(w->t->state, list, count);
    }
    for (uint32_t i = 0; i < count; i = list[i].next) {
        size_t end = list[i].next < count ? list[list[i].next].at : n;
        put_symbol(w, r->rev, list[i].id, text + list[i].at, end - list[i].at);
    }
    return 0;
}

static int encode_word(lf_encoding *e, room *r, const char *text, size_t n, bool *after_unknown)
{
    const lf_tokenizer *t = e->t;
    const tables *s = t->state;
    seen_word *seen = NULL;
    uint64_t hash = 0;
    if (n <= SEEN_MAX_BYTES) {
        hash = lf__word_hash(text, n);
        uint32_t id = *text_slot(t, s, text, n, hash);
        if (id != NONE && s->whole[id]) return *after_unknown = false, lf__put(e, &(int32_t){(int32_t)id}, 1);
        if (r->seen) seen = &r->seen[hash >> 20 & (SEEN_SLOTS - 1)];
        if (seen && seen->hash == hash && seen->n == n && memcmp(seen->text, text, n) == 0)
            return *after_unknown = false, lf__put(e, e->ids + seen->out, seen->count);
    }
    if (lf__grow(&r->out, &r->out_cap, n, sizeof *r->out, e->err)) return -1;
    writer w = {.t = t, .ids = r->out};
    if (merge_text(&w, r, text, n, e->err)) return -1;
    if (seen && !w.unknown) *seen = (seen_word){hash, text, e->count, (uint32_t)n, (uint32_t)w.n};
    size_t skip = *after_unknown && w.ids[0] == t->role[LF_ROLE_UNK]; /* a run of unknowns may cross words */
    *after_unknown = w.unknown && w.ids[w.n - 1] == t->role[LF_ROLE_UNK];
    return lf__put(e, w.ids + skip, w.n - skip);
}

static int open_room(lf_encoding *e)
{
    const tables *s = e->t->state;
    room *r = e->room = lf__calloc(1, sizeof *r, e->err);
    if (!r) return -1;
    if (s->has_unused) {
        if (!(r->rev = lf__calloc(e->t->n, 2 * sizeof *r->rev, e->err))) return -1;
    } else if (e->total >= SEEN_MIN_TEXT) {
        if (!(r->seen = lf__calloc(SEEN_SLOTS, sizeof *r->seen, e->err))) return -1;
    }
    return 0;
}

static void done(lf_encoding *e)
{
    room *r = e->room;
    if (!r) return;
    free(r->symbols), free(r->heap), free(r->rev), free(r->seen), free(r->out);
    free(r);
}

static int encode(lf_encoding *e, const char *text, size_t n, const lf_split_rule *rule)
{
    const tables *s = e->t->state;
    bool after_unknown = false;
    LF_UNUSED(rule);
    if (!e->room && open_room(e)) return -1;
    room *r = e->room;
    if (r->rev) {
        memset(r->rev, 0xFF, 2 * sizeof *r->rev * e->t->n);
        return encode_word(e, r, text, n, &after_unknown);
    }
    if (r->seen && r->generation != e->generation) memset(r->seen, 0, SEEN_SLOTS * sizeof *r->seen);
    r->generation = e->generation;
    for (size_t at = 0, end; at < n; at = end) {
        size_t width = LF_MIN(lf__char_bytes((uint8_t)text[at]), n - at);
        uint32_t left = packed(text + at, width), right;
        for (end = at + width; end < n; end += width, left = right) {
            width = LF_MIN(lf__char_bytes((uint8_t)text[end]), n - end);
            right = packed(text + end, width);
            if (!joins(s, left, right)) break;
        }
        if (encode_word(e, r, text + at, end - at, &after_unknown)) return -1;
    }
    return 0;
}

/* ---- building the tables ------------------------------------------------------------------------------------------------------------- */

static size_t slots_for(size_t items)
{
    size_t slots = 16;
    while (slots < items * 2) slots *= 2;
    return slots;
}

static int seal_texts(const lf_tokenizer *t, tables *s, lf_error *err)
{
    size_t slots = slots_for(t->n);
    s->text_mask = slots - 1;
    s->by_text = lf__calloc(slots, sizeof *s->by_text, err);
    if (!s->by_text) return -1;
    memset(s->by_text, 0xFF, slots * sizeof *s->by_text);
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n;
        const char *text = lf__token_bytes(t, id, &n);
        if (can_match(t, id)) *text_slot(t, s, text, n, lf__word_hash(text, n)) = id;
    }
    return 0;
}

/* Symbols of characters: pieces of one character, then numbers for those that only occur inside of pieces. */
static int seal_chars(const lf_tokenizer *t, tables *s, lf_error *err)
{
    size_t n_pages = 1, cap = 0;
    s->n_symbols = t->n;
    if (lf__grow(&s->char_pages, &cap, 256, sizeof *s->char_pages, err)) return -1;
    memset(s->char_pages, 0xFF, 256 * sizeof *s->char_pages);
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n, width;
        const char *text = lf__token_bytes(t, id, &n);
        for (size_t at = 0; at < n && can_match(t, id); at += width) {
            width = LF_MIN(lf__char_bytes((uint8_t)text[at]), n - at);
            int32_t cp;
            if (lf__utf8_decode(text + at, text + n, &cp) != (int)width || cp < 0) continue;
            if (s->char_page[cp >> 8] == 0) {
                if (lf__grow(&s->char_pages, &cap, (n_pages + 1) << 8, sizeof *s->char_pages, err)) return -1;
                memset(s->char_pages + (n_pages << 8), 0xFF, 256 * sizeof *s->char_pages);
                s->char_page[cp >> 8] = (uint16_t)n_pages++;
            }
            uint32_t *known = char_symbol(s, text + at, width);
            if (width == n)
                *known = id;
            else if (*known == NONE)
                *known = s->n_symbols++;
        }
    }
    return 0;
}

/* The symbol of a whole text: a piece or a character. NONE: it is neither. */
static uint32_t symbol_of(const lf_tokenizer *t, const tables *s, const char *text, size_t n)
{
    uint32_t id = *text_slot(t, s, text, n, lf__word_hash(text, n));
    if (id != NONE || lf__char_bytes((uint8_t)*text) < n) return id;
    const uint32_t *known = char_symbol(s, text, n);
    return known ? *known : NONE;
}

/* Every way to make a piece of two symbols, counted; with order, into s->pairs. */
static int64_t each_pair(const lf_tokenizer *t, tables *s, const uint32_t *order)
{
    int64_t count = 0;
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n;
        const char *text = lf__token_bytes(t, id, &n);
        if (!can_match(t, id)) continue;
        for (size_t at = lf__char_bytes((uint8_t)*text); at < n; at += lf__char_bytes((uint8_t)text[at])) {
            uint32_t left = symbol_of(t, s, text, at), right = left == NONE ? NONE : symbol_of(t, s, text + at, n - at);
            if (right == NONE) continue;
            count++;
            if (!order) continue;
            pair_slot *slot = (pair_slot *)find_pair(s, left, right);
            *slot = (pair_slot){left, right, order[id], id};
            s->has_unused |= t->kind[id] == LF_TOKEN_UNUSED;
        }
    }
    return count;
}

typedef struct scored {
    double score;
    uint32_t id;
} scored;

static int higher_first(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

/* order[id]: how many different scores are higher. */
static uint32_t *orders(const lf_tokenizer *t, lf_error *err)
{
    scored *by = lf__calloc(t->n, sizeof *by, err);
    uint32_t *order = by ? lf__calloc(t->n, sizeof *order, err) : NULL;
    for (uint32_t id = 0; order && id < t->n; id++) by[id] = (scored){t->score[id], id};
    if (order) qsort(by, t->n, sizeof *by, higher_first);
    for (uint32_t i = 0, rank = 0; order && i < t->n; i++) order[by[i].id] = rank += i > 0 && by[i].score < by[i - 1].score;
    free(by);
    return order;
}

static int seal_pairs(const lf_tokenizer *t, tables *s, lf_error *err)
{
    int64_t count = each_pair(t, s, NULL);
    if (count > LF_SP_MAX_PAIRS)
        return lf_error_set(err, LF_E_LIMIT, "the pieces can be made of two others in %lld ways: more than %d are not supported",
                            (long long)count, LF_SP_MAX_PAIRS);
    size_t slots = slots_for((size_t)count);
    s->pair_mask = slots - 1;
    s->pairs = lf__calloc(slots, sizeof *s->pairs, err);
    uint32_t *order = s->pairs ? orders(t, err) : NULL;
    if (!order) return -1;
    memset(s->pairs, 0xFF, slots * sizeof *s->pairs);
    each_pair(t, s, order);
    free(order);
    return 0;
}

static int seal_joins(const lf_tokenizer *t, tables *s, lf_error *err)
{
    size_t bits = 1 << 16; /* a wrong 1 costs a cut, never an id: 16 bits a piece keep them rare */
    while (bits < (size_t)t->n * 16 && bits < 1 << 22) bits *= 2;
    s->joins_mask = bits - 1;
    s->joins = lf__calloc(bits / 8, 1, err);
    if (!s->joins) return -1;
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n, width;
        const char *text = lf__token_bytes(t, id, &n);
        if (!can_match(t, id)) continue;
        width = LF_MIN(lf__char_bytes((uint8_t)*text), n);
        uint32_t left = packed(text, width);
        for (size_t at = width; at < n; at += width) {
            width = LF_MIN(lf__char_bytes((uint8_t)text[at]), n - at);
            uint32_t right = packed(text + at, width);
            uint64_t bit = join_bit(s, left, right);
            s->joins[bit >> 3] |= (uint8_t)(1 << (bit & 7));
            left = right;
        }
    }
    return 0;
}

/* Which pieces the merges make of their own text: looked up whole from then on. */
static int seal_whole(lf_tokenizer *t, tables *s, lf_error *err)
{
    room r = {0};
    writer w = {.t = t};
    size_t cap = 0;
    int failed = !(s->whole = lf__calloc(t->n, 1, err)) || lf__grow(&w.ids, &cap, LF_SP_MAX_PIECE, sizeof *w.ids, err);
    for (uint32_t id = 0; id < t->n && !failed && !s->has_unused; id++) {
        size_t n;
        const char *text = lf__token_bytes(t, id, &n);
        if (!can_match(t, id)) continue;
        w.n = 0;
        failed = merge_text(&w, &r, text, n, err);
        s->whole[id] = w.n == 1 && w.ids[0] == (int32_t)id;
    }
    free(w.ids), free(r.symbols), free(r.heap);
    return failed;
}

static void release(lf_tokenizer *t)
{
    tables *s = t->state;
    if (!s) return;
    free(s->by_text), free(s->whole), free(s->char_pages), free(s->pairs), free(s->joins);
    lf__double_array_release(&s->users);
    free(s);
    t->state = NULL;
}

static int seal(lf_tokenizer *t, lf_error *err)
{
    if (lf__sp_check(t, err)) return -1;
    tables *s = t->state = lf__calloc(1, sizeof *s, err);
    if (!s) return -1;
    if (lf__sp_set(&s->users, t, 1u << LF_TOKEN_USER, err)) return -1;
    for (uint32_t id = 0; id < t->n; id++)
        if (t->kind[id] == LF_TOKEN_USER) s->user_first[(uint8_t)t->pool[t->start[id]]] = true;
    return seal_texts(t, s, err) || seal_chars(t, s, err) || seal_pairs(t, s, err) || seal_joins(t, s, err) || seal_whole(t, s, err) ? -1
                                                                                                                                     : 0;
}

/* ---- as Hugging Face's BPE ----------------------------------------------------------------------------------------------- */

static int by_order(const void *a, const void *b)
{
    const pair_slot *x = a, *y = b;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    if (x->result != y->result) return x->result < y->result ? -1 : 1;
    if (x->left != y->left) return x->left < y->left ? -1 : 1;
    return (x->right > y->right) - (x->right < y->right);
}

/* Every way to make a piece is a merge, those of higher scores first. (There, of several ways to the same piece the first listed goes
 * before the others; here the leftmost does. Transformers' own converter writes the same list.) */
static int write(const lf_tokenizer *t, lf_buf *out, lf_error *err)
{
    const tables *s = t->state;
    for (uint32_t id = 0; id < t->n; id++)
        if (lf__sp_only_model(t, id, err)) return -1;
    size_t n = 0, n_merges = 0;
    for (uint64_t i = 0; i <= s->pair_mask; i++) n += s->pairs[i].left != NONE;
    pair_slot *pairs = lf__calloc(n + 1, sizeof *pairs, err);
    lf_merge *merges = pairs ? lf__calloc(n + 1, sizeof *merges, err) : NULL;
    if (!merges) return free(pairs), -1;
    n = 0;
    for (uint64_t i = 0; i <= s->pair_mask; i++)
        if (s->pairs[i].left != NONE) pairs[n++] = s->pairs[i];
    qsort(pairs, n, sizeof *pairs, by_order);
    for (size_t i = 0; i < n; i++) /* a character that is no piece merges with nothing there */
        if (pairs[i].left < t->n && pairs[i].right < t->n) merges[n_merges++] = (lf_merge){pairs[i].left, pairs[i].right, pairs[i].result};
    lf__tokenizer_write_bpe(t, out, merges, n_merges);
    free(pairs), free(merges);
    return 0;
}

const lf_token_model lf__model_sp_bpe = {"sentencepiece-bpe", seal, release, encode, done, write, true};
