/* grammar_run.c - a grammar's machine over bytes and tokens. Where it stands is a set of threads, each a place in the program and a stack
 * of places to return to. Stacks share their lower parts and are unique: equal stacks are the same number, so equal sets are found again,
 * and are states of an automaton that comes to be while it is used: a step that was made once is one look into a table, and so is the mask
 * of a state. All of it is limited; at a limit, everything but the present is forgotten. One thread per run. */
#include "infer/grammar.h"

#include <stdlib.h>
#include <string.h>

enum { FRAMES_MAX = 1 << 16, DEPTH_MAX = 1 << 15, THREADS_MAX = 4096, STATES_MAX = 4096, POOL_MAX = 1 << 20 };
enum { BUCKETS = 1 << 14, TOKEN_MAX = 256, MASK_BYTES = 16 << 20 };
enum { UNKNOWN = 0, NOWHERE = -1, NO_ROOM = -2 }; /* besides the numbers of states, which begin with 1 */

typedef struct frame {       /* a place to return to, above another frame; frame 0 is the empty stack */
    int32_t pc, below, next; /* next: in the bucket, downwards */
    int32_t depth;
} frame;
typedef struct thread {
    int32_t pc, stack; /* pc: of a BYTE */
} thread;
typedef struct threads {
    thread *v; /* [THREADS_MAX] */
    int n;
    bool complete; /* one of them has come to the end */
} threads;
typedef struct state {
    int32_t at, n;      /* its threads: pool[at .. at + n), in order */
    int32_t next_alike; /* with the same hash                        */
    int32_t mask;       /* which of masks is its own, -1: none       */
    int16_t to[256];    /* state, UNKNOWN or NOWHERE                 */
    bool complete;
} state;

struct lf_grammar_run {
    const lf_grammar *g;
    frame *frames; /* at most FRAMES_MAX */
    int32_t n_frames, buckets[BUCKETS];
    state *states; /* at most STATES_MAX, from 1 on */
    int32_t n_states, alike[BUCKETS], now;
    thread *pool; /* at most POOL_MAX */
    int32_t n_pool;
    size_t cap_frames, cap_states, cap_pool;
    bool crowded;      /* no room for a frame: what was found is not all */
    threads out;       /* of a step that is made for the first time */
    thread *todo;      /* [2 * THREADS_MAX] of closure */
    thread *seen;      /* [8 * THREADS_MAX] hash set of closure */
    uint32_t *seen_at; /* [8 * THREADS_MAX] the stamp of the entry */
    uint32_t stamp;
    uint64_t *masks; /* [n_masks][words], made when first needed; the oldest gives way */
    int32_t *owner;  /* [n_masks] state, 0: free */
    int n_masks, oldest;
    size_t words;
};

/* ---- stacks -------------------------------------------------------------------------------------------------------------- */

static uint32_t bucket_of(int32_t pc, int32_t below) { return ((uint32_t)pc * 2654435761u ^ (uint32_t)below * 40503u) % BUCKETS; }

static int32_t push(lf_grammar_run *r, int32_t pc, int32_t below)
{
    uint32_t b = bucket_of(pc, below);
    for (int32_t i = r->buckets[b]; i; i = r->frames[i].next)
        if (r->frames[i].pc == pc && r->frames[i].below == below) return i;
    if (r->frames[below].depth == DEPTH_MAX) return -1;
    if (r->n_frames == FRAMES_MAX || lf__grow(&r->frames, &r->cap_frames, (size_t)r->n_frames + 1, sizeof *r->frames, NULL))
        return r->crowded = true, -1;
    r->frames[r->n_frames] = (frame){pc, below, r->buckets[b], r->frames[below].depth + 1};
    return r->buckets[b] = r->n_frames++;
}

/* Keeps what n threads stand on, and renumbers it. A frame lies behind the one below it, so one pass in order finds new numbers. */
static void compact(lf_grammar_run *r, thread *v, int n)
{
    int32_t *moved = calloc(FRAMES_MAX, sizeof *moved), n_frames = r->n_frames;
    if (!moved) return;
    for (int i = 0; i < n; i++) moved[v[i].stack] = 1;
    for (int32_t i = n_frames - 1; i > 0; i--)
        if (moved[i]) moved[r->frames[i].below] = 1;
    memset(r->buckets, 0, sizeof r->buckets);
    r->n_frames = 1, moved[0] = 0;
    for (int32_t i = 1; i < n_frames; i++)
        if (moved[i]) moved[i] = push(r, r->frames[i].pc, moved[r->frames[i].below]);
    for (int i = 0; i < n; i++) v[i].stack = moved[v[i].stack];
    free(moved);
}

/* ---- a step of all threads ------------------------------------------------------------------------------------------------ */

/* False when the thread was met since the last stamp. */
static bool first_visit(lf_grammar_run *r, thread t)
{
    uint32_t size = 8 * THREADS_MAX, at = ((uint32_t)t.pc + (uint32_t)t.stack * 2654435761u) % size; /* near in the program, near here */
    for (; r->seen_at[at] == r->stamp; at = (at + 1) % size)
        if (r->seen[at].pc == t.pc && r->seen[at].stack == t.stack) return false;
    r->seen[at] = t, r->seen_at[at] = r->stamp;
    return true;
}

/* What is beyond a limit is left out: such a text does not fit. */
static void add(lf_grammar_run *r, int *n, int *visits, int32_t pc, int32_t stack)
{
    if (stack < 0 || !first_visit(r, (thread){pc, stack})) return;
    if (*n < 2 * THREADS_MAX && ++*visits <= 4 * THREADS_MAX) r->todo[(*n)++] = (thread){pc, stack};
}

/* Adds to `out` what t comes to without a byte. visits bounds the whole step. */
static void closure(lf_grammar_run *r, int *visits, thread t)
{
    threads *out = &r->out;
    int n = 0;
    add(r, &n, visits, t.pc, t.stack);
    while (n) {
        t = r->todo[--n];
        const lf_grammar_code *c = &r->g->code[t.pc];
        switch (c->op) {
        case LF_G_BYTE:
            if (out->n < THREADS_MAX) out->v[out->n++] = t;
            break;
        case LF_G_SPLIT: add(r, &n, visits, t.pc + c->y, t.stack); /* fall through */
        case LF_G_JUMP: add(r, &n, visits, t.pc + c->x, t.stack); break;
        case LF_G_CALL: /* the last call of a rule needs no place to return to: right recursion stays flat */
            add(r, &n, visits, r->g->rules[c->x].start, c[1].op == LF_G_RET ? t.stack : push(r, t.pc + 1, t.stack));
            break;
        case LF_G_RET:
            if (t.stack == 0)
                out->complete = true;
            else
                add(r, &n, visits, r->frames[t.stack].pc, r->frames[t.stack].below);
            break;
        }
    }
}

static void begin(lf_grammar_run *r)
{
    r->out.n = 0, r->out.complete = r->crowded = false;
    if (++r->stamp == 0) memset(r->seen_at, 0, 8 * THREADS_MAX * sizeof *r->seen_at), r->stamp = 1;
}

/* ---- states -------------------------------------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
    const thread *x = a, *y = b;
    return x->pc != y->pc ? (x->pc > y->pc) - (x->pc < y->pc) : (x->stack > y->stack) - (x->stack < y->stack);
}

/* The state of what is in `out`. */
static int32_t state_of_out(lf_grammar_run *r)
{
    threads *t = &r->out;
    size_t bytes = (size_t)t->n * sizeof *t->v;
    if (t->n > 1) qsort(t->v, (size_t)t->n, sizeof *t->v, by_place);
    int32_t *link = &r->alike[lf__hash64(t->v, bytes, t->complete) % BUCKETS];
    for (int32_t i = *link; i; i = r->states[i].next_alike) {
        const state *s = &r->states[i];
        if (s->n == t->n && s->complete == t->complete && memcmp(r->pool + s->at, t->v, bytes) == 0) return i;
    }
    if (r->n_states + 1 == STATES_MAX || r->n_pool + t->n > POOL_MAX ||
        lf__grow(&r->states, &r->cap_states, (size_t)r->n_states + 2, sizeof *r->states, NULL) ||
        lf__grow(&r->pool, &r->cap_pool, (size_t)(r->n_pool + t->n), sizeof *r->pool, NULL))
        return NO_ROOM;
    state *s = &r->states[++r->n_states];
    *s = (state){.at = r->n_pool, .n = t->n, .next_alike = *link, .mask = -1, .complete = t->complete};
    memcpy(r->pool + r->n_pool, t->v, bytes);
    r->n_pool += t->n;
    return *link = r->n_states;
}

/* Forgets all states but `now` and, when it is one, *other. */
static void forget(lf_grammar_run *r, int32_t *other)
{
    int32_t keep[2] = {r->now, other ? *other : NOWHERE}, n[2] = {0}, total = 0;
    bool complete[2] = {false};
    thread *v = calloc(2 * THREADS_MAX, sizeof *v);
    if (!v) return; /* the step has no room, then */
    for (int k = 0; k < 2; k++) {
        if (keep[k] < 1) continue;
        const state *s = &r->states[keep[k]];
        memcpy(v + total, r->pool + s->at, (size_t)s->n * sizeof *v);
        n[k] = s->n, complete[k] = s->complete, total += s->n;
    }
    compact(r, v, total);
    memset(r->alike, 0, sizeof r->alike);
    if (r->owner) memset(r->owner, 0, (size_t)r->n_masks * sizeof *r->owner);
    r->n_states = r->n_pool = r->oldest = 0;
    for (int k = 0, at = 0; k < 2; at += n[k++]) {
        if (keep[k] < 1) continue;
        memcpy(r->out.v, v + at, (size_t)n[k] * sizeof *v);
        r->out.n = n[k], r->out.complete = complete[k];
        keep[k] = state_of_out(r);
    }
    r->now = keep[0];
    if (other) *other = keep[1];
    free(v);
}

/* One byte on: a state or NOWHERE; NO_ROOM only where `last` does not make the best of what room there is. */
static int32_t step(lf_grammar_run *r, int32_t from, uint8_t byte, bool last)
{
    int32_t to = r->states[from].to[byte];
    int visits = 0;
    if (to != UNKNOWN) return to;
    begin(r);
    for (int i = 0; i < r->states[from].n; i++) {
        thread t = r->pool[r->states[from].at + i];
        const lf_grammar_code *c = &r->g->code[t.pc];
        if (byte >= c->lo && byte <= c->hi) closure(r, &visits, (thread){t.pc + 1, t.stack});
    }
    if (r->crowded && !last) return NO_ROOM;
    to = r->out.n > 0 || r->out.complete ? state_of_out(r) : NOWHERE;
    if (to == NO_ROOM) return last ? NOWHERE : NO_ROOM;
    r->states[from].to[byte] = (int16_t)to;
    return to;
}

/* Over bytes from now; where that ends. */
static int32_t go(lf_grammar_run *r, const char *bytes, size_t n)
{
    int32_t at = r->now;
    for (size_t i = 0; i < n && at > 0; i++) {
        int32_t to = step(r, at, (uint8_t)bytes[i], false);
        if (to == NO_ROOM) forget(r, &at), to = step(r, at, (uint8_t)bytes[i], true);
        at = to;
    }
    return at;
}

lf_grammar_run *lf__grammar_run_new(const lf_grammar *g, lf_error *err)
{
    lf_grammar_run *r = lf__calloc(1, sizeof *r, err);
    if (!r) return NULL;
    r->g = g, r->n_frames = 1;
    if (lf__grow(&r->frames, &r->cap_frames, 64, sizeof *r->frames, err) ||
        lf__grow(&r->states, &r->cap_states, 16, sizeof *r->states, err) ||
        lf__grow(&r->pool, &r->cap_pool, THREADS_MAX, sizeof *r->pool, err) ||
        !(r->todo = lf__calloc(2 * THREADS_MAX, sizeof *r->todo, err)) || !(r->seen = lf__calloc(8 * THREADS_MAX, sizeof *r->seen, err)) ||
        !(r->seen_at = lf__calloc(8 * THREADS_MAX, sizeof *r->seen_at, err)) ||
        !(r->out.v = lf__calloc(THREADS_MAX, sizeof *r->out.v, err))) {
        lf__grammar_run_free(&r);
        return NULL;
    }
    r->frames[0] = (frame){0};
    int visits = 0;
    begin(r);
    closure(r, &visits, (thread){g->rules[g->root].start, 0});
    r->now = state_of_out(r);
    return r;
}

void lf__grammar_run_free(lf_grammar_run **run)
{
    lf_grammar_run *r = *run;
    if (!r) return;
    free(r->frames), free(r->todo), free(r->seen), free(r->seen_at), free(r->states), free(r->pool), free(r->out.v);
    free(r->masks), free(r->owner), free(r);
    *run = NULL;
}

bool lf__grammar_run_complete(const lf_grammar_run *r) { return r->states[r->now].complete; }

bool lf__grammar_run_fits(lf_grammar_run *r, const char *bytes, size_t n) { return go(r, bytes, n) > 0; }

bool lf__grammar_run_feed(lf_grammar_run *r, const char *bytes, size_t n)
{
    int32_t to = go(r, bytes, n);
    if (to > 0) r->now = to;
    return to > 0;
}

/* ---- the vocabulary ------------------------------------------------------------------------------------------------------ */

/* A tree of bytes, written down from the top: what follows a node, up to `end`, is below it.
 *
 *     a  ab  abc  b      node   a  b  c  b
 *                        depth  0  1  2  0     a byte that does not fit costs one step, whatever hangs below it
 *                        end    3  3  3  4
 *                        token  5  9  7  2     two tokens of the same bytes: two nodes beside each other
 */
typedef struct node {
    int32_t token; /* that ends here, -1: none */
    int32_t end;
    uint16_t depth;
    uint8_t byte;
} node;

struct lf_grammar_vocab {
    node *nodes;
    size_t n, cap;
    int size; /* of the vocabulary */
    uint64_t hash;
    int holders; /* samplers of one engine share it: no thread but theirs */
};

typedef struct entry {
    const char *bytes; /* borrowed from the tokenizer */
    size_t n;
    int32_t id;
} entry;

static int by_bytes(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int c = memcmp(x->bytes, y->bytes, LF_MIN(x->n, y->n));
    if (c == 0) c = (x->n > y->n) - (x->n < y->n);
    return c ? c : (x->id > y->id) - (x->id < y->id);
}

/* The nodes of entries in order: a node is open as long as entries begin like it. */
static int plant(lf_grammar_vocab *v, const entry *entries, size_t n, lf_error *err)
{
    size_t open[TOKEN_MAX], n_open = 0; /* nodes of the last entry, from the top */
    for (size_t i = 0; i < n; i++) {
        const entry *e = &entries[i];
        size_t common = 0;
        while (common < n_open && common < e->n && v->nodes[open[common]].byte == (uint8_t)e->bytes[common]) common++;
        if (common == e->n) common--; /* the same bytes as the one before */
        if (lf__grow(&v->nodes, &v->cap, v->n + e->n, sizeof *v->nodes, err)) return -1;
        while (n_open > common) v->nodes[open[--n_open]].end = (int32_t)v->n;
        for (; n_open < e->n; n_open++) {
            open[n_open] = v->n;
            v->nodes[v->n++] = (node){.token = -1, .depth = (uint16_t)n_open, .byte = (uint8_t)e->bytes[n_open]};
        }
        v->nodes[v->n - 1].token = e->id;
    }
    while (n_open > 0) v->nodes[open[--n_open]].end = (int32_t)v->n;
    return 0;
}

/* The next token from id on that has a text; id -1: none. */
static entry next_entry(const lf_tokenizer *t, int32_t id, int vocab_size)
{
    for (; id < vocab_size; id++) {
        bool special = true;
        entry e = {.id = id};
        e.bytes = lf_tokenizer_token(t, id, &e.n, &special);
        if (e.bytes && e.n && !special && e.n <= TOKEN_MAX) return e;
    }
    return (entry){.id = -1};
}

static uint64_t hash_of(const lf_tokenizer *t, int vocab_size)
{
    uint64_t hash = 0;
    for (entry e = next_entry(t, 0, vocab_size); e.id >= 0; e = next_entry(t, e.id + 1, vocab_size))
        hash = lf__hash64(e.bytes, e.n, hash + (uint64_t)e.id);
    return hash;
}

int lf__grammar_vocab_keep(lf_grammar_vocab **kept, const lf_tokenizer *t, int vocab_size, lf_error *err)
{
    if (*kept && (*kept)->size == vocab_size && (*kept)->hash == hash_of(t, vocab_size)) return 0;
    lf__grammar_vocab_free(kept);
    return (*kept = lf__grammar_vocab_new(t, vocab_size, err)) ? 0 : -1;
}

lf_grammar_vocab *lf__grammar_vocab_new(const lf_tokenizer *t, int vocab_size, lf_error *err)
{
    lf_grammar_vocab *v = lf__calloc(1, sizeof *v, err);
    entry *entries = v ? lf__calloc((size_t)vocab_size, sizeof *entries, err) : NULL;
    size_t n = 0;
    if (!entries) return free(v), NULL;
    v->size = vocab_size, v->hash = hash_of(t, vocab_size), v->holders = 1;
    for (entry e = next_entry(t, 0, vocab_size); e.id >= 0; e = next_entry(t, e.id + 1, vocab_size)) entries[n++] = e;
    if (n) qsort(entries, n, sizeof *entries, by_bytes);
    if (plant(v, entries, n, err)) lf__grammar_vocab_free(&v);
    free(entries);
    return v;
}

lf_grammar_vocab *lf__grammar_vocab_hold(lf_grammar_vocab *v)
{
    v->holders++;
    return v;
}

void lf__grammar_vocab_free(lf_grammar_vocab **v)
{
    if (*v && --(*v)->holders == 0) {
        free((*v)->nodes);
        free(*v);
    }
    *v = NULL;
}

/* ---- masks --------------------------------------------------------------------------------------------------------------- */

/* False: no room for all states that the walk met. last: then what is beyond does not fit. */
static bool walk(lf_grammar_run *r, const lf_grammar_vocab *v, uint64_t *mask, bool last)
{
    int32_t at[TOKEN_MAX + 1]; /* at[d]: the state before byte d of a token */
    at[0] = r->now;
    for (size_t i = 0; i < v->n;) {
        const node *n = &v->nodes[i];
        int32_t to = step(r, at[n->depth], n->byte, last);
        if (to == NO_ROOM) return false;
        if (to == NOWHERE) {
            i = (size_t)n->end;
            continue;
        }
        at[n->depth + 1] = to;
        if (n->token >= 0) mask[n->token / 64] |= 1ull << n->token % 64;
        i++;
    }
    return true;
}

/* Room for the masks, at most MASK_BYTES of it, but for eight masks. False: no memory. */
static bool make_masks(lf_grammar_run *r, const lf_grammar_vocab *v)
{
    if (r->masks) return true;
    r->words = lf__mask_words(v->size);
    r->n_masks = (int)LF_MAX(8, LF_MIN(STATES_MAX, MASK_BYTES / (r->words * sizeof *r->masks)));
    r->masks = lf__calloc((size_t)r->n_masks * r->words, sizeof *r->masks, NULL);
    r->owner = lf__calloc((size_t)r->n_masks, sizeof *r->owner, NULL);
    return r->masks && r->owner;
}

const uint64_t *lf__grammar_run_mask(lf_grammar_run *r, const lf_grammar_vocab *v)
{
    if (!make_masks(r, v)) return NULL;
    int32_t known = r->states[r->now].mask;
    if (known >= 0) return r->masks + (size_t)known * r->words;
    bool whole = false;
    uint64_t *mask = NULL;
    for (int last = 0; last < 2 && !whole; last++) {
        if (last) forget(r, NULL);
        if (r->owner[r->oldest]) r->states[r->owner[r->oldest]].mask = -1;
        r->owner[r->oldest] = 0;
        mask = memset(r->masks + (size_t)r->oldest * r->words, 0, r->words * sizeof *mask);
        whole = walk(r, v, mask, last);
    }
    r->owner[r->oldest] = r->now, r->states[r->now].mask = r->oldest;
    r->oldest = (r->oldest + 1) % r->n_masks;
    return mask;
}

int lf_grammar_match(const lf_grammar *g, const char *text, size_t n, lf_error *err)
{
    lf_grammar_run *run = lf__grammar_run_new(g, err);
    if (!run) return -1;
    int found = !lf__grammar_run_feed(run, text, n) ? 0 : lf__grammar_run_complete(run) ? 2 : 1;
    lf__grammar_run_free(&run);
    return found;
}
