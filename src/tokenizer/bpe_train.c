/* bpe_train.c - text files to a vocabulary: words are counted by all threads, then one thread merges the most frequent pair again and
 * again. Not the encoder: a trained tokenizer is sealed and looks like any other.
 *
 * The result depends on the text and the options alone: counts are sums, and the order of pairs (count, then bytes, then the longer left
 * part) is total, so neither threads nor the order of words can show. Words point into the mapped files; everything is freed on return. */
#include "tokenizer/sp_train.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_SPECIALS = 4096,
    PIECE = 1024, /* a longer word is learned from in pieces: no text makes a merge cost its whole size  */
    MAX_THREADS = 256,
    MAX_CP = 0x110000,
};

/* ---- words and characters: what the reader's threads take from a text ----------------------------------------------------------- */

static int take_words(lf_reader *r, lf_chunk *c, int tid, size_t at, size_t to, size_t end)
{
    const lf_split_rule *split = r->arg;
    const char *text = c->text;
    while (at < to) {
        size_t next = split->next(text, at, end);
        while (at < next) {
            size_t n = next - at;
            if (n > PIECE)
                for (n = PIECE; n > PIECE - 3 && ((uint8_t)text[at + n] & 0xC0) == 0x80;) n--;
            if (lf__word_map_add(&r->maps[tid], text + at, (uint32_t)n, 1, NULL, &r->errors[tid])) return -1;
            at += n;
        }
    }
    return 0;
}

static int take_chars(lf_reader *r, lf_chunk *c, int tid, size_t at, size_t to, size_t end)
{
    uint8_t *seen = (uint8_t *)r->arg + (size_t)tid * (MAX_CP / 8);
    LF_UNUSED(end);
    while (at < to && c->bad == SIZE_MAX) {
        int32_t cp;
        int n = lf__utf8_decode(c->text + at, c->text + c->size, &cp);
        if (cp < 0)
            c->bad = at;
        else
            seen[cp >> 3] |= (uint8_t)(1 << (cp & 7));
        at += (size_t)n;
    }
    return 0;
}

/* ---- merging ---------------------------------------------------------------------------------------------------------------------- */

typedef struct word {
    size_t start; /* into symbols */
    uint64_t count;
    uint32_t n;
} word;

typedef struct pair {
    uint64_t key; /* left << 32 | right; NO_PAIR = empty slot       */
    int64_t count;
    uint32_t words;   /* newest block of the words that have, or had, it; 0 = none */
    uint32_t touched; /* number of the merge that last raised the count             */
    bool merged;      /* has a rank already                                         */
} pair;
#define NO_PAIR UINT64_MAX

/* A list of word numbers in pieces of 32 bytes: most pairs stand in few words. Block 0 is the end of every list. */
typedef struct block {
    uint32_t next, n, word[6];
} block;

typedef struct candidate {
    int64_t count;
    uint64_t key;
} candidate;

typedef struct merger {
    lf_tokenizer *t;
    const lf_merge_job *job;
    uint32_t *symbols;
    word *words;
    size_t n_words;
    pair *pairs;
    size_t n_slots, n_pairs;
    block *blocks;
    size_t n_blocks, blocks_cap;
    uint32_t free_block;
    candidate *heap; /* lazy: an entry whose count is not the pair's is put back or dropped when it comes up */
    size_t n_heap, heap_cap;
    uint64_t *touched;
    size_t n_touched, touched_cap;
    uint32_t merge;    /* number of the merge under way, from 1 */
    uint32_t *by_text; /* tokens by their bytes: open addressing, LF_TOK_NONE = empty */
    size_t text_slots;
    lf_error *err;
} merger;

static uint32_t left_of(uint64_t key) { return (uint32_t)(key >> 32); }
static uint32_t right_of(uint64_t key) { return (uint32_t)key; }

static pair *find_pair(const merger *m, uint64_t key)
{
    uint64_t slot = lf__pair_hash(left_of(key), right_of(key)) & (m->n_slots - 1);
    while (m->pairs[slot].key != key && m->pairs[slot].key != NO_PAIR) slot = (slot + 1) & (m->n_slots - 1);
    return &m->pairs[slot];
}

/* Doubles the table, or only sweeps out pairs that no word has any more. */
static int rehash(merger *m)
{
    size_t alive = 0, old_slots = m->n_slots;
    for (size_t i = 0; i < old_slots; i++) alive += m->pairs[i].key != NO_PAIR && (m->pairs[i].count > 0 || m->pairs[i].merged);
    while (m->n_slots < 1 << 16 || alive * 3 > m->n_slots) m->n_slots = LF_MAX(m->n_slots * 2, (size_t)1 << 16);
    pair *old = m->pairs;
    m->pairs = lf__calloc(m->n_slots, sizeof *m->pairs, m->err);
    if (!m->pairs) return m->pairs = old, m->n_slots = old_slots, -1;
    for (size_t i = 0; i < m->n_slots; i++) m->pairs[i].key = NO_PAIR;
    m->n_pairs = 0;
    for (size_t i = 0; i < old_slots; i++) {
        if (old[i].key == NO_PAIR || (old[i].count <= 0 && !old[i].merged)) {
            if (old[i].key == NO_PAIR) continue;
            for (uint32_t b = old[i].words, next; b; b = next)
                next = m->blocks[b].next, m->blocks[b].next = m->free_block, m->free_block = b;
            continue;
        }
        *find_pair(m, old[i].key) = old[i];
        m->n_pairs++;
    }
    free(old);
    return 0;
}

static int remember(merger *m, pair *p, uint32_t w)
{
    block *head = &m->blocks[p->words];
    if (p->words && head->word[head->n - 1] == w) return 0;
    if (p->words == 0 || head->n == LF_COUNT(head->word)) {
        uint32_t b = m->free_block;
        if (b) {
            m->free_block = m->blocks[b].next;
        } else {
            if (m->n_blocks == UINT32_MAX)
                return lf_error_set(m->err, LF_E_LIMIT, "the text has too many different words to learn from: use less of it");
            if (lf__grow(&m->blocks, &m->blocks_cap, m->n_blocks + 1, sizeof *m->blocks, m->err)) return -1;
            b = (uint32_t)m->n_blocks++;
        }
        m->blocks[b].next = p->words;
        m->blocks[b].n = 0;
        p->words = b;
        head = &m->blocks[b];
    }
    head->word[head->n++] = w;
    return 0;
}

/* `delta` more (or fewer) of a pair, in word w. */
static int bump(merger *m, uint32_t left, uint32_t right, int64_t delta, uint32_t w)
{
    uint64_t key = (uint64_t)left << 32 | right;
    if (left == LF_TOK_NONE || right == LF_TOK_NONE) return 0; /* a character that is in no token */
    pair *p = find_pair(m, key);
    if (p->key == NO_PAIR) {
        if ((m->n_pairs + 1) * 3 > m->n_slots * 2) {
            if (rehash(m)) return -1;
            p = find_pair(m, key);
        }
        *p = (pair){.key = key};
        m->n_pairs++;
    }
    p->count += delta;
    if (delta < 0) return 0;
    if (p->touched != m->merge && m->merge > 0) {
        p->touched = m->merge;
        if (lf__grow(&m->touched, &m->touched_cap, m->n_touched + 1, sizeof *m->touched, m->err)) return -1;
        m->touched[m->n_touched++] = key;
    }
    return remember(m, p, w);
}

/* Bytes of left and right as one text: <0, 0, >0. */
static int compare_text(const lf_tokenizer *t, uint64_t a, uint64_t b)
{
    size_t an[2], bn[2], i = 0;
    const char *ap[2] = {lf__token_bytes(t, left_of(a), &an[0]), lf__token_bytes(t, right_of(a), &an[1])};
    const char *bp[2] = {lf__token_bytes(t, left_of(b), &bn[0]), lf__token_bytes(t, right_of(b), &bn[1])};
    size_t a_len = an[0] + an[1], b_len = bn[0] + bn[1];
    for (; i < a_len && i < b_len; i++) {
        uint8_t x = (uint8_t)(i < an[0] ? ap[0][i] : ap[1][i - an[0]]), y = (uint8_t)(i < bn[0] ? bp[0][i] : bp[1][i - bn[0]]);
        if (x != y) return x < y ? -1 : 1;
    }
    if (a_len != b_len) return a_len < b_len ? -1 : 1;
    return an[0] == bn[0] ? 0 : an[0] < bn[0] ? -1 : 1;
}

static bool before(const merger *m, const candidate *a, const candidate *b)
{
    return a->count != b->count ? a->count > b->count : a->key != b->key && compare_text(m->t, a->key, b->key) > 0;
}

static int heap_push(merger *m, candidate c)
{
    if (lf__grow(&m->heap, &m->heap_cap, m->n_heap + 1, sizeof *m->heap, m->err)) return -1;
    size_t at = m->n_heap++;
    for (size_t parent; at > 0 && before(m, &c, &m->heap[parent = (at - 1) / 2]); at = parent) m->heap[at] = m->heap[parent];
    m->heap[at] = c;
    return 0;
}

static candidate heap_pop(merger *m)
{
    candidate top = m->heap[0], last = m->heap[--m->n_heap];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < m->n_heap; at = child) {
        if (child + 1 < m->n_heap && before(m, &m->heap[child + 1], &m->heap[child])) child++;
        if (!before(m, &m->heap[child], &last)) break;
        m->heap[at] = m->heap[child];
    }
    if (m->n_heap) m->heap[at] = last;
    return top;
}

/* Replaces left, right by `to` in one word, from the left; the counts of the pairs beside it follow. A pair at a time is enough: when two
 * replaced pairs touch, the second sees the first's result on its left. */
static int replace(merger *m, uint32_t w, uint32_t left, uint32_t right, uint32_t to)
{
    word *p = &m->words[w];
    uint32_t *s = m->symbols + p->start, n = 0;
    int64_t count = (int64_t)p->count;
    for (uint32_t i = 0; i < p->n;) {
        if (i + 1 == p->n || s[i] != left || s[i + 1] != right) {
            s[n++] = s[i++];
            continue;
        }
        if (n > 0 && (bump(m, s[n - 1], left, -count, w) || bump(m, s[n - 1], to, count, w))) return -1;
        if (i + 2 < p->n && (bump(m, right, s[i + 2], -count, w) || bump(m, to, s[i + 2], count, w))) return -1;
        s[n++] = to;
        i += 2;
    }
    p->n = n;
    return 0;
}

static int apply(merger *m, uint64_t key, uint32_t to, int64_t min_count)
{
    pair *p = find_pair(m, key);
    uint32_t b = p->words;
    p->words = 0;
    p->merged = true;
    m->merge++;
    m->n_touched = 0;
    while (b) {
        block copy = m->blocks[b];
        m->blocks[b].next = m->free_block;
        m->free_block = b;
        /* words lie anywhere: their misses overlap when asked for together (32k merges of 100 MB: 21 -> 15 s) */
        for (uint32_t i = 0; i < copy.n; i++) __builtin_prefetch(&m->words[copy.word[i]]);
        for (uint32_t i = 0; i < copy.n; i++) __builtin_prefetch(&m->symbols[m->words[copy.word[i]].start]);
        for (uint32_t i = 0; i < copy.n; i++)
            if (replace(m, copy.word[i], left_of(key), right_of(key), to)) return -1;
        b = copy.next;
    }
    find_pair(m, key)->count = 0;
    for (size_t i = 0; i < m->n_touched; i++) {
        const pair *q = find_pair(m, m->touched[i]);
        if (q->count >= min_count && heap_push(m, (candidate){q->count, q->key})) return -1;
    }
    return 0;
}

static uint32_t *text_slot(const merger *m, const char *bytes, size_t n)
{
    uint64_t slot = lf__word_hash(bytes, n) & (m->text_slots - 1);
    for (; m->by_text[slot] != LF_TOK_NONE; slot = (slot + 1) & (m->text_slots - 1)) {
        size_t length;
        const char *text = lf__token_bytes(m->t, m->by_text[slot], &length);
        if (length == n && memcmp(text, bytes, n) == 0) break;
    }
    return &m->by_text[slot];
}

static size_t characters(const char *text, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += ((uint8_t)text[i] & 0xC0) != 0x80;
    return count;
}

/* The token of left + right: a new one, or the one that has these bytes already (two ways to the same text are two merges and one token).
 * LF_TOK_NONE: it would be too long, or written like a special token. */
static int token_of(merger *m, uint64_t key, lf_buf *text, uint32_t *id)
{
    size_t n;
    const char *bytes = lf__token_bytes(m->t, left_of(key), &n);
    lf__buf_reset(text);
    lf__buf_add(text, bytes, n);
    bytes = lf__token_bytes(m->t, right_of(key), &n);
    lf__buf_add(text, bytes, n);
    if (text->failed) return lf_error_set(m->err, LF_E_MEMORY, "out of memory for a token's text");
    *id = LF_TOK_NONE;
    const char *const *forbidden = m->job->forbidden;
    for (int i = 0; forbidden[i]; i++)
        if (strlen(forbidden[i]) == text->len && memcmp(forbidden[i], text->data, text->len) == 0) return 0;
    if (m->job->max_chars && characters(text->data, text->len) > m->job->max_chars) return 0;
    uint32_t *slot = text_slot(m, text->data, text->len);
    if (*slot == LF_TOK_NONE) {
        if (lf__tokenizer_add(m->t, text->data, text->len, LF_TOKEN_NORMAL, m->err)) return -1;
        *slot = m->t->n - 1;
    }
    *id = *slot;
    return 0;
}

/* Words as symbols, the pairs of all of them, the heap. */
static int merger_init(merger *m)
{
    const lf_merge_job *job = m->job;
    const lf_word_map *map = job->words;
    size_t total = 0, at = 0;
    for (size_t i = 0; i < map->n_slots; i++) total += map->slots[i].n;
    if (map->n >= UINT32_MAX) return lf_error_set(m->err, LF_E_LIMIT, "the text has more than 4 billion different words: use less of it");
    for (m->text_slots = 1024; m->text_slots < job->size * 2u;) m->text_slots *= 2;
    m->symbols = lf__calloc(total, sizeof *m->symbols, m->err);
    m->words = lf__calloc(map->n, sizeof *m->words, m->err);
    m->by_text = lf__calloc(m->text_slots, sizeof *m->by_text, m->err);
    if (!m->symbols || !m->words || !m->by_text || lf__grow(&m->blocks, &m->blocks_cap, 1, sizeof *m->blocks, m->err) || rehash(m))
        return -1;
    memset(m->by_text, 0xFF, m->text_slots * sizeof *m->by_text);
    m->n_blocks = 1;
    for (uint32_t id = 0; id < m->t->n; id++) {
        size_t n;
        const char *text = lf__token_bytes(m->t, id, &n);
        *text_slot(m, text, n) = id;
    }
    for (size_t i = 0; i < map->n_slots; i++) {
        const lf_word_count *w = &map->slots[i];
        if (!w->bytes) continue;
        uint32_t number = (uint32_t)m->n_words++, n = 0;
        for (size_t k = 0, taken; k < w->n; k += taken, n++) {
            m->symbols[at + n] = job->symbol(job->arg, w->bytes + k, w->n - k, &taken);
            if (n && bump(m, m->symbols[at + n - 1], m->symbols[at + n], (int64_t)w->count, number)) return -1;
        }
        m->words[number] = (word){at, w->count, n};
        at += n;
    }
    for (size_t i = 0; i < m->n_slots; i++)
        if (m->pairs[i].key != NO_PAIR && m->pairs[i].count >= job->min_count &&
            heap_push(m, (candidate){m->pairs[i].count, m->pairs[i].key}))
            return -1;
    return 0;
}

static int merge_all(merger *m)
{
    const lf_merge_job *job = m->job;
    lf_buf text;
    int failed = 0;
    double reported = 0, alphabet = m->t->n;
    lf__buf_init(&text, SIZE_MAX / 2);
    while (m->t->n < job->size && m->n_heap && !failed) {
        candidate top = heap_pop(m);
        const pair *p = find_pair(m, top.key);
        int64_t count = p->key == NO_PAIR ? 0 : p->count;
        if (count != top.count) { /* it fell since; a rise has put a newer entry in */
            if (count >= job->min_count && count < top.count) failed = heap_push(m, (candidate){count, top.key});
            continue;
        }
        bool again = p->merged;
        uint32_t id;
        failed = token_of(m, top.key, &text, &id);
        if (failed || id == LF_TOK_NONE) continue;
        if (!again) failed = lf__tokenizer_merge(m->t, left_of(top.key), right_of(top.key), id, m->err);
        failed = failed || apply(m, top.key, id, job->min_count);
        if (job->progress && !failed && lf__now() - reported > 0.1) {
            reported = lf__now();
            if (job->progress("merging", m->t->n - alphabet, job->size - alphabet, "merges", job->progress_user))
                failed = lf_error_set(m->err, LF_E_INTERRUPTED, "stopped while merging: nothing was written");
        }
    }
    lf__buf_release(&text);
    alphabet = m->t->n - alphabet;
    if (job->progress && !failed && alphabet > 0 && job->progress("merging", alphabet, alphabet, "merges", job->progress_user))
        failed = lf_error_set(m->err, LF_E_INTERRUPTED, "stopped while merging: nothing was written");
    return failed ? -1 : 0;
}

int lf__learn_merges(const lf_merge_job *job, lf_error *err)
{
    merger m = {.t = job->t, .job = job, .err = err};
    int failed = merger_init(&m);
    free(job->words->slots);
    *job->words = (lf_word_map){0};
    failed = failed || merge_all(&m);
    free(m.symbols), free(m.words), free(m.pairs), free(m.blocks), free(m.heap), free(m.touched), free(m.by_text);
    return failed ? -1 : 0;
}

static uint32_t byte_symbol(const void *arg, const char *text, size_t n, size_t *taken)
{
    LF_UNUSED(n);
    *taken = 1;
    return ((const uint32_t *)arg)[(uint8_t)*text];
}

/* 256 bytes in GPT-2's order, then merges of them. */
static int learn_bytes(lf_tokenizer *t, lf_reader *r, uint32_t size, int64_t min_count, lf_error *err)
{
    uint32_t id_of[256];
    for (uint32_t id = 0; id < 256; id++) {
        char byte = (char)lf__byte_of_id((int)id);
        id_of[(uint8_t)byte] = id;
        if (lf__tokenizer_add(t, &byte, 1, LF_TOKEN_NORMAL, err)) return -1;
    }
    return lf__learn_merges(&(lf_merge_job){.t = t,
                                            .words = &r->maps[0],
                                            .symbol = byte_symbol,
                                            .arg = id_of,
                                            .size = size,
                                            .min_count = min_count,
                                            .forbidden = r->separators,
                                            .progress = r->progress,
                                            .progress_user = r->progress_user},
                            err);
}

static int learn_chars(lf_tokenizer *t, const lf_reader *r, lf_error *err)
{
    uint8_t *seen = r->arg; /* [threads][MAX_CP / 8] */
    for (size_t k = MAX_CP / 8; k < (size_t)r->threads * (MAX_CP / 8); k++) seen[k % (MAX_CP / 8)] |= seen[k];
    for (int32_t cp = 0; cp < MAX_CP; cp++) {
        char utf8[4];
        if (!(seen[cp >> 3] >> (cp & 7) & 1)) continue;
        size_t n = (size_t)lf__utf8_encode(utf8, cp);
        for (int i = 0; r->separators[i]; i++)
            if (strlen(r->separators[i]) == n && memcmp(r->separators[i], utf8, n) == 0)
                return lf_error_set(err, LF_E_ARGUMENT, "special token \"%s\" is a character of the text", r->separators[i]);
        if (lf__tokenizer_add(t, utf8, n, LF_TOKEN_NORMAL, err)) return -1;
    }
    return t->n ? 0 : lf_error_set(err, LF_E_FORMAT, "the text has nothing but separator lines: there is no character to learn");
}

/* ---- the call ------------------------------------------------------------------------------------------------------------------------ */

static int check_specials(const char *const *specials, lf_error *err)
{
    for (int i = 0; specials[i]; i++) {
        size_t n = strlen(specials[i]);
        if (i == MAX_SPECIALS) return lf_error_set(err, LF_E_ARGUMENT, "more than %d special tokens", MAX_SPECIALS);
        if (n == 0 || n > 255 || strpbrk(specials[i], "\r\n"))
            return lf_error_set(err, LF_E_ARGUMENT, "special token %d, \"%.80s\": expected 1 to 255 bytes without a line break", i + 1,
                                specials[i]);
        for (size_t at = 0; at < n;) {
            int32_t cp;
            at += (size_t)lf__utf8_decode(specials[i] + at, specials[i] + n, &cp);
            if (cp < 0) return lf_error_set(err, LF_E_ARGUMENT, "special token %d is not valid UTF-8", i + 1);
        }
        for (int k = 0; k < i; k++)
            if (strcmp(specials[k], specials[i]) == 0)
                return lf_error_set(err, LF_E_ARGUMENT, "special token \"%s\" is there twice", specials[i]);
    }
    return 0;
}

/* Whether readers of GGUF take it for granted with every name of this rule (tekken): then a vocabulary is learned to be used so. */
static bool always_ignores(const lf_split_rule *rule)
{
    for (const lf_split_rule *r = lf__split_rules; r->name; r++)
        if (strcmp(r->name, rule->name) == 0 && r->ignore_merges != 1) return false;
    return true;
}

lf_tokenizer *lf_tokenizer_train(const char *const *paths, int n_paths, const lf_tokenizer_train_options *options, lf_error *err)
{
    static const char *const default_specials[] = {LF_END_TOKEN, NULL};
    const char *const *specials = options->specials ? options->specials : default_specials;
    int n_specials = 0, threads = options->threads ? options->threads : LF_MIN(lf__cpu_count(), MAX_THREADS),
        min_count = options->min_count;
    if (check_specials(specials, err)) return NULL;
    while (specials[n_specials]) n_specials++;
    bool chars = options->mode && strcmp(options->mode, lf__model_char.name) == 0;
    if (options->mode && !chars && strcmp(options->mode, lf__model_bpe.name) != 0) {
        const char *const modes[] = {lf__model_bpe.name, lf__model_char.name, lf__model_sp_bpe.name, lf__model_unigram.name, NULL};
        for (int i = 2; modes[i]; i++)
            if (strcmp(options->mode, modes[i]) == 0) return lf__sp_train(paths, n_paths, options, err);
        const char *near = lf__nearest(options->mode, modes);
        lf_error_set(err, LF_E_ARGUMENT, "tokenizer mode \"%s\" is not known: expected \"%s\", \"%s\", \"%s\" or \"%s\"", options->mode,
                     modes[0], modes[1], modes[2], modes[3]);
        if (near) lf_error_hint(err, "did you mean \"%s\"?", near);
        return NULL;
    }
    lf_tokenizer *t =
        chars ? lf__tokenizer_new(&lf__model_char, NULL, err) : lf__tokenizer_new_bytes(options->split ? options->split : "gpt2", err);
    if (!t) return NULL;
    t->ignore_merges = t->split && always_ignores(t->split);
    int failed = chars && !lf__steps_add(&t->decoder, lf__decoders, "Fuse", NULL, NULL, err);
    if (!chars && !failed && (options->vocab_size < 257 || options->vocab_size > 1000000 || options->vocab_size < 256 + n_specials))
        failed = lf_error_set(err, LF_E_ARGUMENT,
                              "a vocabulary of %d tokens: expected %d to 1,000,000 (256 bytes and %d special tokens are part of it)",
                              options->vocab_size, LF_MAX(257, 256 + n_specials), n_specials);
    if (!failed && (threads < 1 || threads > MAX_THREADS))
        failed = lf_error_set(err, LF_E_ARGUMENT, "%d threads: expected 0 (all) to %d", options->threads, MAX_THREADS);
    if (!failed && min_count < 0)
        failed = lf_error_set(err, LF_E_ARGUMENT, "min_count is %d: expected 0 (the default, 2) or more", min_count);
    if (min_count == 0) min_count = 2;

    lf_reader r = {.take = chars ? take_chars : take_words,
                   .arg = chars ? lf__calloc((size_t)LF_MAX(threads, 1), MAX_CP / 8, err) : (void *)t->split,
                   .separators = specials,
                   .threads = threads,
                   .bad_byte = "a character vocabulary needs valid text",
                   .bad_hint = "byte-level BPE learns from any text: leave out --mode char",
                   .progress = options->progress,
                   .progress_user = options->progress_user};
    failed = failed || !r.arg || lf__read_words(&r, paths, n_paths, err);
    if (!failed)
        failed = chars ? learn_chars(t, &r, err) : learn_bytes(t, &r, (uint32_t)(options->vocab_size - n_specials), min_count, err);
    /* A character vocabulary is exactly the text's: it gets an end token where the text has separator lines or the caller names one. */
    if (chars && !options->specials && !atomic_load(&r.found_end)) n_specials = 0;
    for (int i = 0; i < n_specials && !failed; i++) failed = lf__tokenizer_add(t, specials[i], strlen(specials[i]), LF_TOKEN_CONTROL, err);
    if (!failed && n_specials) t->role[LF_ROLE_BOS] = t->role[LF_ROLE_EOS] = (int32_t)t->n - n_specials;
    failed = failed || lf__tokenizer_seal(t, err);
    if (chars) free(r.arg);
    lf__reader_release(&r);
    if (failed) lf_tokenizer_free(&t);
    return t;
}
