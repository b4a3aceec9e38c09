/* bpe_fast.c - chapter 10: the tokenizer of chapter 2 again, with the same result, without doing anything twice.
 *
 *   cc -O2 tutorials/bpe_fast.c -lm -o bpe_fast && ./bpe_fast
 *
 * The naive trainer counts all pairs of the whole text before every merge: merges x text. But a merge changes little: only words that have
 * the pair, and in them only the neighbours of the place. Merging (t,h) in "the":
 *
 *          _ t h e          pairs before:  (_,t) (t,h) (h,e)
 *          _ th  e          pairs after:   (_,th)      (th,e)         two are gone, two are new, the rest of the text does not notice
 *
 * So remember three things, and each merge costs what it changes:
 *   1. the count of every pair, corrected when a word changes                       instead of counting again
 *   2. for every pair the words that have it                                        instead of searching the text for it
 *   3. a heap, the most frequent pair on top                                        instead of looking at all pairs for the largest
 *
 * The heap is lazy. A count that fell makes its entry wrong, and finding the entry to correct it would cost more than leaving it: when an
 * entry comes to the top whose count is not the pair's count any more, it is put back with the right one. A count that rose gets a second
 * entry.
 *
 * Encoding has its own trick: text is made of the same words again and again. Merge each word once, remember its ids, and look it up.
 *
 * Where the library does this: src/tokenizer/bpe_train.c (the counting on all cores), bpe_encode.c. */
#pragma push_macro("LF_NO_MAIN") /* earlier chapters, without their main() */
#define LF_NO_MAIN
#include "tokenizer.c"
#pragma pop_macro("LF_NO_MAIN")
#include <time.h>

/* ---- 1. What is remembered ------------------------------------------------------------------------------------------ */
typedef struct pair {
    int left, right;
    int64_t count;
    int *words, n_words, cap; /* words that have it, or had it: a word too many costs a look, a missing one would be a mistake */
    int raised;               /* number of the merge that raised the count last */
} pair;

typedef struct entry {
    int64_t count; /* when it was put in */
    int pair;
} entry;

typedef struct trainer {
    tokenizer *t;
    word *words;
    pair *pairs;
    int n_pairs;
    map index; /* left << 32 | right -> pair */
    entry *heap;
    size_t n_heap, heap_cap;
    int *raised; /* pairs whose count rose in this merge */
    int n_raised, merge;
} trainer;

/* ---- 2. The heap: heap[i] is never worse than its children, heap[2i+1] and heap[2i+2] ------------------------------- */
int better(const trainer *m, entry a, entry b)
{
    const pair *p = &m->pairs[a.pair], *q = &m->pairs[b.pair];
    return a.count != b.count ? a.count > b.count : a.pair != b.pair && wins_tie(m->t, p->left, p->right, q->left, q->right);
}

void heap_push(trainer *m, entry e)
{
    if (m->n_heap == m->heap_cap) m->heap = realloc(m->heap, (m->heap_cap = 2 * m->heap_cap + 1024) * sizeof *m->heap);
    size_t at = m->n_heap++;
    for (; at > 0 && better(m, e, m->heap[(at - 1) / 2]); at = (at - 1) / 2) m->heap[at] = m->heap[(at - 1) / 2]; /* parents step down */
    m->heap[at] = e;
}

entry heap_pop(trainer *m)
{
    entry top = m->heap[0], last = m->heap[--m->n_heap];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < m->n_heap; at = child) {
        if (child + 1 < m->n_heap && better(m, m->heap[child + 1], m->heap[child])) child++;
        if (!better(m, m->heap[child], last)) break;
        m->heap[at] = m->heap[child]; /* the better child steps up */
    }
    m->heap[at] = last;
    return top;
}

/* ---- 3. Counting by difference -------------------------------------------------------------------------------------- */
/* `delta` more (or fewer) of a pair in word w; remember: w is not in its list yet. */
void bump(trainer *m, int left, int right, int64_t delta, int w, int remember)
{
    int *index = map_at(&m->index, (uint64_t)left << 32 | (uint32_t)right);
    if (*index < 0) {
        m->pairs[m->n_pairs] = (pair){.left = left, .right = right, .raised = -1};
        *index = m->n_pairs++;
    }
    pair *p = &m->pairs[*index];
    p->count += delta;
    if (!remember) return;
    if (p->n_words == p->cap) p->words = realloc(p->words, (size_t)(p->cap = 2 * p->cap + 4) * sizeof *p->words);
    if (p->n_words == 0 || p->words[p->n_words - 1] != w) p->words[p->n_words++] = w;
    if (p->raised != m->merge) p->raised = m->merge, m->raised[m->n_raised++] = *index;
}

/* The pair becomes one symbol in word w. Its pairs are taken out of the counts, the word is changed, its pairs are put in again: what did
 * not change is subtracted and added, words are short. */
void merge_in_word(trainer *m, int w, int left, int right, int id)
{
    word *p = &m->words[w];
    int found = 0;
    for (int i = 0; i + 1 < p->n; i++) found |= p->symbols[i] == left && p->symbols[i + 1] == right;
    if (!found) return; /* it was here once; another merge took it */
    for (int i = 0; i + 1 < p->n; i++) bump(m, p->symbols[i], p->symbols[i + 1], -p->count, w, 0);
    p->n = replace_pair(p->symbols, p->n, left, right, id);
    for (int i = 0; i + 1 < p->n; i++)
        bump(m, p->symbols[i], p->symbols[i + 1], p->count, w, p->symbols[i] == id || p->symbols[i + 1] == id);
}

/* ---- 4. Learning: the same arguments and the same result as learn() ------------------------------------------------- */
void learn_fast(tokenizer *t, const char *text, size_t n, int vocab_size)
{
    trainer m = {.t = t, .merge = 0};
    tokenizer_init(t, vocab_size);
    int n_words = collect_words(&m.words, t, text, n);
    size_t symbols = 0;
    for (int w = 0; w < n_words; w++) symbols += (size_t)m.words[w].n;
    size_t most = 3 * symbols + 1; /* a merge at one place makes two new pairs, and shortens the text by one symbol */
    m.pairs = malloc(most * sizeof *m.pairs), m.raised = malloc(most * sizeof *m.raised);
    map_init(&m.index, most);
    for (int w = 0; w < n_words; w++)
        for (int i = 0; i + 1 < m.words[w].n; i++) bump(&m, m.words[w].symbols[i], m.words[w].symbols[i + 1], m.words[w].count, w, 1);

    while (t->size < vocab_size - 1) {
        for (int i = 0; i < m.n_raised; i++) heap_push(&m, (entry){m.pairs[m.raised[i]].count, m.raised[i]});
        m.n_raised = 0, m.merge++;
        entry top = {0, 0};
        while (m.n_heap > 0) {
            top = heap_pop(&m);
            int64_t now = m.pairs[top.pair].count;
            if (top.count == now) break;
            if (now > 0 && now < top.count) heap_push(&m, (entry){now, top.pair}); /* it fell: back, in its right place */
            top.count = 0;
        }
        if (top.count < 2) break;
        pair p = m.pairs[top.pair]; /* a copy: bump may add pairs, but never moves this list */
        m.pairs[top.pair].words = NULL, m.pairs[top.pair].n_words = m.pairs[top.pair].cap = 0;
        int id = add_merge(t, p.left, p.right);
        for (int i = 0; i < p.n_words; i++) merge_in_word(&m, p.words[i], p.left, p.right, id);
        free(p.words);
    }
    add_end_token(t);
    for (int i = 0; i < m.n_pairs; i++) free(m.pairs[i].words);
    for (int w = 0; w < n_words; w++) free(m.words[w].symbols);
    free(m.words), free(m.pairs), free(m.raised), free(m.heap), free(m.index.keys), free(m.index.values);
}

/* ---- 5. Encoding: each different word once -------------------------------------------------------------------------- */
typedef struct known_word {
    const char *bytes;
    int n_bytes, first, n; /* its ids are ids[first .. first + n), where it was seen first */
} known_word;

int encode_fast(int *ids, const tokenizer *t, const char *text, size_t n)
{
    enum { MOST = 1 << 16 }; /* words remembered; a text has few that are frequent */
    known_word *known = malloc(MOST * sizeof *known);
    map places;
    int n_known = 0, n_ids = 0;
    map_init(&places, MOST);
    for (size_t at = 0, length; at < n; at += length) {
        length = next_word(text + at, n - at);
        int *place = n_known < MOST ? map_at(&places, hash_bytes(text + at, (int)length)) : NULL;
        const known_word *k = place && *place >= 0 ? &known[*place] : NULL;
        if (k && k->n_bytes == (int)length && memcmp(k->bytes, text + at, length) == 0) {
            memcpy(ids + n_ids, ids + k->first, (size_t)k->n * sizeof *ids);
            n_ids += k->n;
            continue;
        }
        int made = encode_word(ids + n_ids, t, text + at, (int)length);
        if (place && !k) known[ *place = n_known++] = (known_word){text + at, (int)length, n_ids, made};
        n_ids += made;
    }
    free(known), free(places.keys), free(places.values);
    return n_ids;
}

/* ---- 6. What it prints ---------------------------------------------------------------------------------------------- */
#ifndef LF_NO_MAIN
double now(void) { return (double)clock() / CLOCKS_PER_SEC; } /* of this program alone, whatever else the machine does */

int same_merges(const tokenizer *a, const tokenizer *b)
{
    return a->size == b->size && a->n_merges == b->n_merges && memcmp(a->merges, b->merges, (size_t)a->n_merges * sizeof *a->merges) == 0;
}

int main(void)
{
    size_t n;
    int failed = 0;
    char *text = read_file(stories_path(), &n);
    tokenizer slow, fast;
    printf("1. Learning from %zu kB of stories\n   vocabulary     naive      fast    factor\n", n / 1000);
    for (int size = 512; size <= 4096; size *= 2) {
        double began = now();
        learn(&slow, text, n, size, NULL);
        double t_slow = now() - began;
        began = now();
        learn_fast(&fast, text, n, size);
        double t_fast = now() - began;
        int same = same_merges(&slow, &fast);
        failed |= !same;
        printf("   %10d %7.3f s %7.3f s %8.1fx   %s\n", size, t_slow, t_fast, t_slow / t_fast, same ? "the same merges" : "OTHER MERGES");
        fflush(stdout);
        if (size < 4096) tokenizer_free(&slow), tokenizer_free(&fast);
    }
    printf("   Every further merge costs the naive trainer the whole text, the fast one only the places where the pair stands: few, and "
           "ever fewer.\n");

    int *a = malloc(n * sizeof *a), *b = malloc(n * sizeof *b);
    double began = now();
    int n_a = encode(a, &slow, text, n, 0);
    double t_slow = now() - began;
    began = now();
    int n_b = encode_fast(b, &slow, text, n);
    double t_fast = now() - began;
    int same = n_a == n_b && memcmp(a, b, (size_t)n_a * sizeof *a) == 0;
    failed |= !same;
    printf("\n2. Encoding the same text with the %d tokens\n   every word anew     %6.2f MB/s\n   each word once      %6.2f MB/s, %s\n",
           slow.size, 1e-6 * (double)n / t_slow, 1e-6 * (double)n / t_fast, same ? "the same ids" : "OTHER IDS");
    word *words;
    int different = collect_words(&words, &slow, text, n);
    int64_t all = 0, new_bytes = 0;
    for (int i = 0; i < different; i++) all += words[i].count, new_bytes += words[i].n_bytes, free(words[i].symbols);
    free(words);
    printf("   %lld words, %d different ones, with %lld of the %zu kB: what is met for the first time costs the full price. (Chinese has "
           "no spaces: a\n"
           "   \"word\" there is all that stands between two commas, and is long.) The larger the text, the smaller that part.\n",
           (long long)all, different, (long long)new_bytes / 1000, n / 1000);
    free(text), free(a), free(b), tokenizer_free(&slow), tokenizer_free(&fast);
    return failed;
}
#endif
