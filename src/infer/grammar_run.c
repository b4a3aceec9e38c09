/* grammar_run.c - a grammar's machine over bytes and tokens. Its state is a set of threads, each a place in the program and a stack of
 * places to return to. Stacks share their lower parts and are unique: equal stacks are the same number, so equal threads are found at once.
 * A run owns all of this in fixed arrays; a text that needs more does not fit. One thread of the process per run. */
#include "infer/grammar.h"

#include <stdlib.h>
#include <string.h>

enum { FRAMES_MAX = 1 << 16, THREADS_MAX = 4096, BUCKETS = 1 << 14, TOKEN_MAX = 256 };

typedef struct frame {       /* a place to return to, above another frame; frame 0 is the empty stack */
    int32_t pc, below, next; /* next: in the bucket, downwards */
} frame;
typedef struct thread {
    int32_t pc, stack; /* pc: of a BYTE */
} thread;
typedef struct threads {
    thread *v; /* [THREADS_MAX] */
    int n;
    bool complete; /* one of them has come to the end */
} threads;

struct lf_grammar_run {
    const lf_grammar *g;
    frame *frames; /* [FRAMES_MAX] */
    int32_t n_frames, buckets[BUCKETS];
    threads now;
    thread *todo;      /* [2 * THREADS_MAX] of closure */
    thread *seen;      /* [8 * THREADS_MAX] hash set of closure */
    uint32_t *seen_at; /* [8 * THREADS_MAX] the stamp of the entry */
    uint32_t stamp;
    threads level[TOKEN_MAX + 1]; /* of a walk over the vocabulary: after so many bytes; made when first needed */
};

/* ---- stacks -------------------------------------------------------------------------------------------------------------- */

static uint32_t bucket_of(int32_t pc, int32_t below) { return ((uint32_t)pc * 2654435761u ^ (uint32_t)below * 40503u) % BUCKETS; }

static int32_t push(lf_grammar_run *r, int32_t pc, int32_t below)
{
    uint32_t b = bucket_of(pc, below);
    for (int32_t i = r->buckets[b]; i; i = r->frames[i].next)
        if (r->frames[i].pc == pc && r->frames[i].below == below) return i;
    if (r->n_frames == FRAMES_MAX) return -1;
    r->frames[r->n_frames] = (frame){pc, below, r->buckets[b]};
    return r->buckets[b] = r->n_frames++;
}

/* Back to the first n frames: in each bucket the latest come first. */
static void drop_frames(lf_grammar_run *r, int32_t n)
{
    while (r->n_frames > n) {
        frame f = r->frames[--r->n_frames];
        r->buckets[bucket_of(f.pc, f.below)] = f.next;
    }
}

/* Keeps what the threads stand on. A frame lies behind the one below it, so one pass in order finds new numbers. */
static void compact(lf_grammar_run *r)
{
    bool *live = calloc(FRAMES_MAX, sizeof *live);
    int32_t *moved = calloc(FRAMES_MAX, sizeof *moved), n = r->n_frames;
    if (live && moved) {
        for (int i = 0; i < r->now.n; i++) live[r->now.v[i].stack] = true;
        for (int32_t i = n - 1; i > 0; i--)
            if (live[i]) live[r->frames[i].below] = true;
        memset(r->buckets, 0, sizeof r->buckets);
        r->n_frames = 1;
        for (int32_t i = 1; i < n; i++)
            if (live[i]) moved[i] = push(r, r->frames[i].pc, moved[r->frames[i].below]);
        for (int i = 0; i < r->now.n; i++) r->now.v[i].stack = moved[r->now.v[i].stack];
    }
    free(live), free(moved);
}

/* ---- threads ------------------------------------------------------------------------------------------------------------- */

/* False when the thread was met since the last stamp. */
static bool first_visit(lf_grammar_run *r, thread t)
{
    uint32_t size = 8 * THREADS_MAX, at = ((uint32_t)t.pc * 2654435761u + (uint32_t)t.stack * 2246822519u) % size;
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
static void closure(lf_grammar_run *r, threads *out, int *visits, thread t)
{
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

static void begin(lf_grammar_run *r, threads *out)
{
    out->n = 0, out->complete = false;
    r->stamp++;
}

/* One byte on; false when no thread is left. */
static bool step(lf_grammar_run *r, threads *out, const threads *in, uint8_t byte)
{
    int visits = 0;
    begin(r, out);
    for (int i = 0; i < in->n; i++) {
        const lf_grammar_code *c = &r->g->code[in->v[i].pc];
        if (byte >= c->lo && byte <= c->hi) closure(r, out, &visits, (thread){in->v[i].pc + 1, in->v[i].stack});
    }
    return out->n > 0 || out->complete;
}

static int threads_new(threads *t, lf_error *err) { return (t->v = lf__calloc(THREADS_MAX, sizeof *t->v, err)) ? 0 : -1; }

lf_grammar_run *lf__grammar_run_new(const lf_grammar *g, lf_error *err)
{
    lf_grammar_run *r = lf__calloc(1, sizeof *r, err);
    if (!r) return NULL;
    r->g = g, r->n_frames = 1;
    if (!(r->frames = lf__calloc(FRAMES_MAX, sizeof *r->frames, err)) || !(r->todo = lf__calloc(2 * THREADS_MAX, sizeof *r->todo, err)) ||
        !(r->seen = lf__calloc(8 * THREADS_MAX, sizeof *r->seen, err)) ||
        !(r->seen_at = lf__calloc(8 * THREADS_MAX, sizeof *r->seen_at, err)) || threads_new(&r->now, err)) {
        lf__grammar_run_free(&r);
        return NULL;
    }
    int visits = 0;
    begin(r, &r->now);
    closure(r, &r->now, &visits, (thread){g->rules[g->root].start, 0});
    return r;
}

void lf__grammar_run_free(lf_grammar_run **run)
{
    lf_grammar_run *r = *run;
    if (!r) return;
    for (size_t i = 0; i < LF_COUNT(r->level); i++) free(r->level[i].v);
    free(r->frames), free(r->todo), free(r->seen), free(r->seen_at), free(r->now.v);
    free(r);
    *run = NULL;
}

bool lf__grammar_run_complete(const lf_grammar_run *run) { return run->now.complete; }

/* Over bytes from now, by turns into a and b; which of them it ended in, or NULL. */
static threads *go(lf_grammar_run *r, threads *a, threads *b, const char *bytes, size_t n)
{
    const threads *in = &r->now;
    for (size_t i = 0; i < n; i++) {
        threads *out = in == a ? b : a;
        if (!step(r, out, in, (uint8_t)bytes[i])) return NULL;
        in = out;
    }
    return in == a ? a : b;
}

static bool spare_levels(lf_grammar_run *r)
{
    return (r->level[0].v || !threads_new(&r->level[0], NULL)) && (r->level[1].v || !threads_new(&r->level[1], NULL));
}

bool lf__grammar_run_fits(lf_grammar_run *r, const char *bytes, size_t n)
{
    int32_t frames = r->n_frames;
    bool fits = n == 0 || (spare_levels(r) && go(r, &r->level[0], &r->level[1], bytes, n));
    drop_frames(r, frames);
    return fits;
}

bool lf__grammar_run_feed(lf_grammar_run *r, const char *bytes, size_t n)
{
    if (n == 0) return true;
    if (r->n_frames > FRAMES_MAX / 2) compact(r);
    threads *last = spare_levels(r) ? go(r, &r->level[0], &r->level[1], bytes, n) : NULL;
    if (!last) return false;
    threads kept = r->now;
    r->now = *last, *last = kept;
    return true;
}

/* ---- the vocabulary ------------------------------------------------------------------------------------------------------ */

typedef struct entry {
    const char *bytes; /* borrowed from the tokenizer */
    size_t n;
    int32_t id;
} entry;

struct lf_grammar_vocab {
    entry *entries; /* in the order of their bytes */
    int n, size;
};

static int by_bytes(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int c = memcmp(x->bytes, y->bytes, LF_MIN(x->n, y->n));
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

lf_grammar_vocab *lf__grammar_vocab_new(const lf_tokenizer *t, int vocab_size, lf_error *err)
{
    lf_grammar_vocab *v = lf__calloc(1, sizeof *v, err);
    if (!v || !(v->entries = lf__calloc((size_t)vocab_size, sizeof *v->entries, err))) return free(v), NULL;
    v->size = vocab_size;
    for (int32_t id = 0; id < vocab_size; id++) {
        bool special = true;
        entry e = {.id = id};
        e.bytes = lf_tokenizer_token(t, id, &e.n, &special);
        if (e.bytes && e.n && !special && e.n <= TOKEN_MAX) v->entries[v->n++] = e;
    }
    qsort(v->entries, (size_t)v->n, sizeof *v->entries, by_bytes);
    return v;
}

void lf__grammar_vocab_free(lf_grammar_vocab **v)
{
    if (*v) free((*v)->entries);
    free(*v);
    *v = NULL;
}

/* Tokens in order: what a token has in common with the one before it is known already, as far as it fitted. */
void lf__grammar_run_mask(lf_grammar_run *r, const lf_grammar_vocab *v, bool *allowed)
{
    const char *before = "";
    size_t n_before = 0, good = 0; /* of `before`: how many bytes fitted; level[i]: the threads behind i + 1 of them */
    int32_t frames = r->n_frames;
    memset(allowed, 0, (size_t)v->size * sizeof *allowed);
    for (int i = 0; i < v->n; i++) {
        const entry *e = &v->entries[i];
        size_t common = 0;
        while (common < e->n && common < n_before && e->bytes[common] == before[common]) common++;
        before = e->bytes, n_before = e->n;
        if (common > good) continue; /* the common part did not fit */
        for (good = common; good < e->n; good++) {
            if (!r->level[good].v && threads_new(&r->level[good], NULL)) break;
            if (!step(r, &r->level[good], good ? &r->level[good - 1] : &r->now, (uint8_t)e->bytes[good])) break;
        }
        allowed[e->id] = good == e->n;
    }
    drop_frames(r, frames);
}

int lf_grammar_match(const lf_grammar *g, const char *text, size_t n, lf_error *err)
{
    lf_grammar_run *run = lf__grammar_run_new(g, err);
    if (!run) return -1;
    int found = !lf__grammar_run_feed(run, text, n) ? 0 : lf__grammar_run_complete(run) ? 2 : 1;
    lf__grammar_run_free(&run);
    return found;
}
