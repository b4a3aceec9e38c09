/* sp_train_unigram.c - the unigram vocabulary of Kudo, "Subword Regularization" (2018), section 3.2, from counted segments:
 *
 *   1. seeds: the characters, and the substrings of the largest  occurrences * characters  (suffix array);
 *   2. EM: E  expected count of every piece over all cuts of every segment (forward-backward)
 *          M  score(piece) = psi(count(piece)) - psi(sum of counts): the mean of log p under a Dirichlet posterior, which thins out rare
 * ones;
 *   3. the pieces whose loss costs the likelihood least go, a quarter at a time, until little more than the wanted number is left.
 *
 * Threads own chunks of segments, of which there are always CHUNKS, and sums run over chunks in their order: the same bits for any number.
 */
#include "tokenizer/sp_train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNKS = 16,
    EM_STEPS = 2,
    MAX_SEEDS = 1000000,
    SEEDS_PER_PIECE = 50,
    COMPARED = 64 /* bytes of a suffix that matter: 16 characters */
};
static const double keep_share = 0.75, slack = 1.1, least_count = 0.5;

typedef struct segment {
    const char *text; /* NUL-terminated, characters of the alphabet only */
    uint32_t n;
    double count;
} segment;

typedef struct piece {
    const char *text;
    uint32_t n, chars;
    double score, odds; /* log p; exp(score + chars * scale) */
} piece;

typedef struct edge { /* of one segment's lattice */
    uint32_t from, to, id;
} edge;

typedef struct unigram {
    const lf_sp_job *job;
    char *texts;
    segment *segments;
    size_t n_segments, segments_cap;
    piece *pieces; /* sorted by text */
    size_t n, pieces_cap;
    lf_double_array trie;
    double scale;   /* per character: keeps forward sums in range; every cut of a segment has the same factor */
    double *sum[3]; /* [CHUNKS * n] expected or best-path counts; how many segments' best paths have it */
    double log_sum[CHUNKS], chars_sum[CHUNKS], count_sum[CHUNKS];
    uint8_t *removable; /* [n] another cut of its text is as good */
    double *loss;       /* [n] */
    lf_pool *pool;
    int step;
    lf_error errors[CHUNKS];
    lf_error *err;
} unigram;

/* ---- segments ------------------------------------------------------------------------------------------------------------------------ */

static int by_text(const void *a, const void *b)
{
    const lf_word_count *x = *(const lf_word_count *const *)a, *y = *(const lf_word_count *const *)b;
    int order = memcmp(x->bytes, y->bytes, LF_MIN(x->n, y->n));
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* The map's words in the order of their bytes, cut where a character is not in the alphabet. */
static int make_segments(unigram *u)
{
    lf_word_map *map = u->job->segments;
    const lf_word_count **words = lf__calloc(map->n + 1, sizeof *words, u->err);
    size_t n = 0, bytes = 0;
    if (!words) return -1;
    for (size_t i = 0; i < map->n_slots; i++)
        if (map->slots[i].bytes) words[n++] = &map->slots[i], bytes += map->slots[i].n + 1u;
    qsort(words, n, sizeof *words, by_text);
    char *to = u->texts = lf__calloc(bytes + COMPARED, 1, u->err);
    int failed = !to;
    for (size_t i = 0; i < n && !failed; i++) {
        for (size_t at = 0, width, from = 0; at <= words[i]->n && !failed; at += width) {
            int32_t cp = -1;
            width = at < words[i]->n ? (size_t)lf__utf8_decode(words[i]->bytes + at, words[i]->bytes + words[i]->n, &cp) : 1;
            if (lf__sp_knows(u->job, cp)) continue;
            if (at > from) {
                failed = lf__grow(&u->segments, &u->segments_cap, u->n_segments + 1, sizeof *u->segments, u->err);
                if (failed) break;
                u->segments[u->n_segments++] =
                    (segment){memcpy(to, words[i]->bytes + from, at - from), (uint32_t)(at - from), (double)words[i]->count};
                to += at - from + 1;
            }
            from = at + width;
        }
    }
    free(words);
    free(map->slots);
    *map = (lf_word_map){0};
    return failed;
}

/* ---- seeds --------------------------------------------------------------------------------------------------------------- */

typedef struct suffix {
    const char *text;
    double count;
} suffix;

typedef struct seed {
    const char *text;
    uint32_t n, chars;
    double count;
} seed;

static int by_suffix(const void *a, const void *b)
{
    const suffix *x = a, *y = b;
    int order = strncmp(x->text, y->text, COMPARED);
    return order ? order : (x->text > y->text) - (x->text < y->text);
}

static size_t char_width(const char *text) { return lf__char_bytes((uint8_t)*text); }

/* Whole characters that two texts begin with, LF_SP_PIECE_CHARS at most. */
static uint32_t common(const char *a, const char *b)
{
    uint32_t chars = 0;
    for (size_t at = 0, width; a[at] && chars < LF_SP_PIECE_CHARS; at += width, chars++) {
        width = char_width(a + at);
        if (strncmp(a + at, b + at, width) != 0) break;
    }
    return chars;
}

static int larger_first(const void *a, const void *b)
{
    const seed *x = a, *y = b;
    double p = x->count * x->chars, q = y->count * y->chars;
    if (p != q) return p < q ? 1 : -1;
    int order = strncmp(x->text, y->text, LF_MIN(x->n, y->n));
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

typedef struct seeds {
    seed *v;
    size_t n, cap;
} seeds;

static int put_seed(unigram *u, seeds *s, const char *text, uint32_t chars, double count)
{
    if (chars < 2 || count < 2) return 0;
    size_t n = 0;
    for (uint32_t i = 0; i < chars; i++) n += char_width(text + n);
    for (int i = 0; u->job->forbidden[i]; i++)
        if (strlen(u->job->forbidden[i]) == n && memcmp(u->job->forbidden[i], text, n) == 0) return 0;
    if (lf__grow(&s->v, &s->cap, s->n + 1, sizeof *s->v, u->err)) return -1;
    s->v[s->n++] = (seed){text, (uint32_t)n, chars, count};
    return 0;
}

/* Substrings that some suffixes share and that cannot be longer without losing one of them: the inner nodes of the suffix tree, by a walk
 * over the sorted suffixes with a stack of those that are open; and every suffix itself, a leaf. */
static int find_seeds(unigram *u, seeds *out)
{
    struct {
        uint32_t chars;
        double count;
    } open[LF_SP_PIECE_CHARS + 2];
    size_t n = 0, depth = 0, cap = 0;
    suffix *s = NULL;
    int failed = 0;
    for (size_t i = 0; i < u->n_segments && !failed; i++)
        for (const char *p = u->segments[i].text; *p && !failed; p += char_width(p)) {
            failed = lf__grow(&s, &cap, n + 1, sizeof *s, u->err);
            if (!failed) s[n++] = (suffix){p, u->segments[i].count};
        }
    if (!failed && n) qsort(s, n, sizeof *s, by_suffix);
    for (size_t i = 0; i < n && !failed; i++) {
        uint32_t before = i ? common(s[i - 1].text, s[i].text) : 0, after = i + 1 < n ? common(s[i].text, s[i + 1].text) : 0;
        uint32_t whole = common(s[i].text, s[i].text);
        if (whole > LF_MAX(before, after)) failed = put_seed(u, out, s[i].text, whole, s[i].count);
        if (after && (depth == 0 || open[depth - 1].chars < after)) { /* a node begins with this suffix */
            open[depth].chars = after, open[depth].count = 0;
            depth++;
        }
        if (depth) open[depth - 1].count += s[i].count;
        while (depth && open[depth - 1].chars > after && !failed) { /* it ends: its count is part of the next open one's */
            double count = open[--depth].count;
            failed = put_seed(u, out, s[i].text, open[depth].chars, count);
            if (after && (depth == 0 || open[depth - 1].chars < after)) {
                open[depth].chars = after, open[depth].count = 0;
                depth++;
            }
            if (depth) open[depth - 1].count += count;
        }
    }
    free(s);
    return failed;
}

static int by_piece(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    int order = memcmp(x->text, y->text, LF_MIN(x->n, y->n));
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* The texts of the alphabet stand behind each other in `chars`, which stays. */
static int make_pieces(unigram *u, char *chars)
{
    const lf_sp_job *job = u->job;
    seeds found = {0};
    size_t most = LF_MIN((size_t)MAX_SEEDS, job->wanted * SEEDS_PER_PIECE);
    double sum = 0;
    int failed = find_seeds(u, &found);
    if (!failed && found.n) qsort(found.v, found.n, sizeof *found.v, larger_first);
    found.n = LF_MIN(found.n, most);
    failed = failed || lf__grow(&u->pieces, &u->pieces_cap, job->n_chars + found.n, sizeof *u->pieces, u->err);
    for (size_t i = 0; i < job->n_chars && !failed; i++) {
        char *text = chars + 4 * i;
        u->pieces[u->n++] = (piece){text, (uint32_t)lf__utf8_encode(text, job->chars[i].cp), 1, (double)job->chars[i].count, 0};
    }
    for (size_t i = 0; i < found.n && !failed; i++)
        u->pieces[u->n++] = (piece){found.v[i].text, found.v[i].n, found.v[i].chars, found.v[i].count * found.v[i].chars, 0};
    free(found.v);
    if (failed) return -1;
    qsort(u->pieces, u->n, sizeof *u->pieces, by_piece);
    for (size_t i = 0; i < u->n; i++) sum += u->pieces[i].score;
    for (size_t i = 0; i < u->n; i++) u->pieces[i].score = lf__ln(u->pieces[i].score) - lf__ln(sum);
    return 0;
}

/* ---- the lattice --------------------------------------------------------------------------------------------------------- */

static int build_trie(unigram *u)
{
    lf_key *keys = lf__calloc(u->n, sizeof *keys, u->err);
    lf__double_array_release(&u->trie);
    if (!keys) return -1;
    for (size_t i = 0; i < u->n; i++) keys[i] = (lf_key){u->pieces[i].text, u->pieces[i].n, (uint32_t)i};
    int failed = lf__double_array_build(&u->trie, keys, u->n, u->err);
    free(keys);
    for (int k = 0; k < 2; k++) {
        free(u->sum[k]);
        if (!failed) failed = !(u->sum[k] = lf__calloc(u->n * CHUNKS, sizeof *u->sum[k], u->err));
    }
    free(u->removable), free(u->loss);
    u->removable = NULL, u->loss = NULL;
    if (!failed) failed = !(u->removable = lf__calloc(u->n, 1, u->err)) || !(u->loss = lf__calloc(u->n, sizeof *u->loss, u->err));
    return failed;
}

/* Rooms of one thread: a segment has at most LF_SP_MAX_PIECE bytes, and LF_SP_PIECE_CHARS edges begin at each character. */
typedef struct lattice {
    double a[LF_SP_MAX_PIECE + 1], b[LF_SP_MAX_PIECE + 1];
    uint32_t last[LF_SP_MAX_PIECE + 1]; /* piece of the best path that ends here */
    edge edges[LF_SP_MAX_PIECE * LF_SP_PIECE_CHARS];
} lattice;

/* Sum over all cuts of text into l->a[n]; the edges in the order of their beginnings. Returns how many. */
static size_t forward(const unigram *u, lattice *l, const char *text, uint32_t n)
{
    size_t n_edges = 0;
    memset(l->a, 0, (n + 1) * sizeof *l->a);
    l->a[0] = 1;
    for (uint32_t at = 0; at < n; at += (uint32_t)char_width(text + at)) {
        uint32_t node = 0;
        for (uint32_t end = at; end < n;) {
            int32_t id = lf__walk(&u->trie, &node, (uint8_t)text[end++]);
            if (id == LF_WALK_END) break;
            if (id < 0) continue;
            l->a[end] += l->a[at] * u->pieces[id].odds;
            l->edges[n_edges++] = (edge){at, end, (uint32_t)id};
        }
    }
    return n_edges;
}

static void expect(const unigram *u, lattice *l, const segment *s, double *expected, double *log_sum)
{
    size_t n_edges = forward(u, l, s->text, s->n);
    double all = l->a[s->n];
    if (!(all > 0) || !isfinite(all)) return; /* out of the range of doubles: rare characters in a row */
    memset(l->b, 0, (s->n + 1) * sizeof *l->b);
    l->b[s->n] = 1;
    for (size_t i = n_edges; i-- > 0;) {
        const edge *e = &l->edges[i];
        double rest = u->pieces[e->id].odds * l->b[e->to];
        l->b[e->from] += rest;
        expected[e->id] += s->count * (l->a[e->from] * rest / all);
    }
    *log_sum += s->count * lf__ln(all);
}

/* The best cut of text without the piece `without`: its score; l->last tells its pieces from the end. -INFINITY: there is none. */
static double best_cut(const unigram *u, lattice *l, const char *text, uint32_t n, uint32_t without)
{
    for (uint32_t i = 0; i <= n; i++) l->a[i] = -INFINITY;
    l->a[0] = 0;
    for (uint32_t at = 0; at < n; at += (uint32_t)char_width(text + at)) {
        uint32_t node = 0;
        for (uint32_t end = at; end < n;) {
            int32_t id = lf__walk(&u->trie, &node, (uint8_t)text[end++]);
            if (id == LF_WALK_END) break;
            if (id < 0 || (uint32_t)id == without) continue;
            double score = l->a[at] + u->pieces[id].score;
            if (score > l->a[end]) l->a[end] = score, l->last[end] = (uint32_t)id;
        }
    }
    return l->a[n];
}

static double column(const unigram *u, int k, size_t id) /* over chunks, in their order */
{
    double sum = 0;
    for (size_t c = 0; c < CHUNKS; c++) sum += u->sum[k][c * u->n + id];
    return sum;
}

/* ---- steps, all threads
 * -------------------------------------------------------------------------------------------------------------------- */

enum { EXPECT, COUNT_BEST, LOSSES };

static void chunk_of_segments(unigram *u, lattice *l, int c)
{
    size_t from = u->n_segments * (size_t)c / CHUNKS, to = u->n_segments * (size_t)(c + 1) / CHUNKS;
    double *sum = u->sum[0] + (size_t)c * u->n, *present = u->sum[1] + (size_t)c * u->n;
    u->log_sum[c] = u->chars_sum[c] = u->count_sum[c] = 0;
    for (size_t i = from; i < to; i++) {
        const segment *s = &u->segments[i];
        u->count_sum[c] += s->count;
        for (const char *p = s->text; *p; p += char_width(p)) u->chars_sum[c] += s->count;
        if (u->step == EXPECT) {
            expect(u, l, s, sum, &u->log_sum[c]);
            continue;
        }
        if (best_cut(u, l, s->text, s->n, UINT32_MAX) == -INFINITY) continue;
        for (uint32_t end = s->n; end > 0; end -= u->pieces[l->last[end]].n) {
            bool again = false; /* the same piece further right in this path */
            for (uint32_t k = s->n; k > end && !again; k -= u->pieces[l->last[k]].n) again = l->last[k] == l->last[end];
            sum[l->last[end]] += s->count;
            if (!again) present[l->last[end]] += s->count;
        }
    }
}

/* What the likelihood loses without a piece, when its occurrences are cut in the best other way (the formula of SentencePiece):
 *   loss = share of segments with it * ( log freq/sum - sum over the other way of log (freq_k + freq)/(sum + freq (K - 1)) ) */
static void chunk_of_losses(unigram *u, lattice *l, int c, const double *freq, const double *present, double sum, double count)
{
    size_t from = u->n * (size_t)c / CHUNKS, to = u->n * (size_t)(c + 1) / CHUNKS;
    for (size_t i = from; i < to; i++) {
        const piece *p = &u->pieces[i];
        if (p->chars == 1) continue;
        double other = best_cut(u, l, p->text, p->n, (uint32_t)i), alternative = 0;
        u->removable[i] = freq[i] == 0 || other > p->score;
        if (u->removable[i] || other == -INFINITY) {
            u->loss[i] = INFINITY;
            continue;
        }
        int parts = 0;
        for (uint32_t end = p->n; end > 0; end -= u->pieces[l->last[end]].n) parts++;
        double rest = lf__ln(sum + freq[i] * (parts - 1));
        for (uint32_t end = p->n; end > 0; end -= u->pieces[l->last[end]].n) alternative += lf__ln(freq[l->last[end]] + freq[i]) - rest;
        u->loss[i] = present[i] / count * (lf__ln(freq[i]) - lf__ln(sum) - alternative);
    }
}

typedef struct losses {
    unigram *u;
    const double *freq, *present;
    double sum, count;
} losses;

static void worker(void *arg, int tid, int n_threads)
{
    losses *job = arg;
    unigram *u = job->u;
    lattice *l = tid < CHUNKS ? lf__calloc(1, sizeof *l, &u->errors[tid]) : NULL;
    for (int c = tid; l && c < CHUNKS; c += n_threads) {
        if (u->step == LOSSES)
            chunk_of_losses(u, l, c, job->freq, job->present, job->sum, job->count);
        else
            chunk_of_segments(u, l, c);
    }
    free(l);
}

static int run(unigram *u, int step, losses *job)
{
    losses plain = {.u = u};
    u->step = step;
    for (int k = 0; k < 2 && step != LOSSES; k++) memset(u->sum[k], 0, u->n * CHUNKS * sizeof *u->sum[k]);
    lf__pool_run(u->pool, worker, job ? job : &plain);
    for (int c = 0; c < CHUNKS; c++)
        if (u->errors[c].code != LF_OK) return lf_error_set(u->err, u->errors[c].code, "%s", u->errors[c].message);
    return 0;
}

/* ---- EM and pruning
 * ----------------------------------------------------------------------------------------------------------------------- */

/* psi(x) = psi(x + 1) - 1/x until x is large, then its asymptotic series. x > 0. */
static double digamma(double x)
{
    double result = 0;
    for (; x < 7; x += 1) result -= 1 / x;
    x -= 0.5;
    double xx = 1 / (x * x);
    return result + lf__ln(x) + xx * (1.0 / 24 - xx * (7.0 / 960 - xx * (31.0 / 8064 - xx * (127.0 / 30720))));
}

static void set_odds(unigram *u)
{
    for (size_t i = 0; i < u->n; i++) u->pieces[i].odds = lf__exp(u->pieces[i].score + u->scale * u->pieces[i].chars);
}

/* The pieces marked in `keep` stay, in their order. */
static void sift(unigram *u, const uint8_t *keep)
{
    size_t kept = 0;
    for (size_t i = 0; i < u->n; i++)
        if (keep[i]) u->pieces[kept++] = u->pieces[i];
    u->n = kept;
}

static int em_step(unigram *u)
{
    double total = 0, logs = 0, chars = 0;
    set_odds(u);
    if (run(u, EXPECT, NULL)) return -1;
    for (size_t i = 0; i < u->n; i++) {
        piece *p = &u->pieces[i];
        double count = column(u, 0, i);
        u->removable[i] = count >= least_count || p->chars == 1; /* here: stays */
        p->score = LF_MAX(count, least_count);
        if (u->removable[i]) total += p->score;
    }
    for (int c = 0; c < CHUNKS; c++) logs += u->log_sum[c], chars += u->chars_sum[c];
    u->scale -= chars > 0 ? logs / chars : 0; /* next time the mean forward sum is near 1 */
    for (size_t i = 0; i < u->n; i++) u->pieces[i].score = digamma(u->pieces[i].score) - digamma(total);
    sift(u, u->removable);
    return build_trie(u);
}

typedef struct ranked {
    double value;
    uint32_t id;
} ranked;

static int higher_first(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Characters stay; of the others the `room` highest by value, -INFINITY never. */
static int keep_best(unigram *u, const double *value, size_t size)
{
    ranked *order = lf__calloc(u->n, sizeof *order, u->err);
    size_t n = 0, chars = 0;
    if (!order) return -1;
    for (size_t i = 0; i < u->n; i++) {
        bool is_char = u->pieces[i].chars == 1;
        chars += is_char;
        u->removable[i] = is_char;
        if (!is_char && value[i] > -INFINITY) order[n++] = (ranked){value[i], (uint32_t)i};
    }
    qsort(order, n, sizeof *order, higher_first);
    for (size_t i = 0; i < n && i + chars < size; i++) u->removable[order[i].id] = 1;
    free(order);
    sift(u, u->removable);
    return 0;
}

static int prune(unigram *u, size_t size)
{
    double *freq = lf__calloc(2 * u->n, sizeof *freq, u->err), *present = freq ? freq + u->n : NULL;
    losses job = {.u = u, .freq = freq, .present = present};
    int failed = !freq || run(u, COUNT_BEST, NULL);
    for (size_t i = 0; i < u->n && !failed; i++) {
        freq[i] = column(u, 0, i), present[i] = column(u, 1, i);
        job.sum += freq[i];
    }
    for (int c = 0; c < CHUNKS; c++) job.count += u->count_sum[c];
    failed = failed || run(u, LOSSES, &job);
    for (size_t i = 0; i < u->n && !failed; i++)
        if (u->removable[i]) u->loss[i] = -INFINITY;
    failed = failed || keep_best(u, u->loss, size) || build_trie(u);
    free(freq);
    return failed;
}

static int train(unigram *u)
{
    const lf_sp_job *job = u->job;
    size_t goal = (size_t)((double)job->wanted * slack), begun = u->n;
    if (build_trie(u)) return -1;
    for (;;) {
        for (int i = 0; i < EM_STEPS; i++)
            if (em_step(u)) return -1;
        if (job->progress && job->progress("pruning", (double)(begun - LF_MIN(begun, u->n)), (double)(begun - LF_MIN(begun, goal)),
                                           "pieces", job->progress_user))
            return lf_error_set(u->err, LF_E_INTERRUPTED, "stopped while pruning: nothing was written");
        if (u->n <= goal) break;
        size_t before = u->n;
        if (prune(u, LF_MAX(goal, (size_t)((double)u->n * keep_share)))) return -1;
        if (u->n == before) break; /* only characters are left */
    }
    for (size_t i = 0; i < u->n; i++) u->loss[i] = u->pieces[i].score;
    return keep_best(u, u->loss, job->wanted);
}

static int by_score(const void *a, const void *b)
{
    const piece *x = a, *y = b;
    return x->score != y->score ? (x->score < y->score ? 1 : -1) : by_piece(a, b);
}

int lf__sp_learn_unigram(lf_sp_pieces *out, const lf_sp_job *job, lf_error *err)
{
    unigram u = {.job = job, .scale = 4, .err = err};
    char *chars = lf__calloc(job->n_chars, 4, err);
    int failed = !chars || !(u.pool = lf__pool_new(job->threads, 0, err)) || make_segments(&u) || make_pieces(&u, chars) || train(&u);
    if (!failed) qsort(u.pieces, u.n, sizeof *u.pieces, by_score);
    out->own = failed ? NULL : lf__tokenizer_new(&lf__model_unigram, NULL, err); /* keeps the texts, which go with the segments */
    failed = failed || !out->own || lf__grow(&out->v, &out->cap, u.n, sizeof *out->v, err);
    for (size_t i = 0; i < u.n && !failed; i++) failed = lf__tokenizer_add(out->own, u.pieces[i].text, u.pieces[i].n, LF_TOKEN_NORMAL, err);
    for (uint32_t i = 0; i < u.n && !failed; i++) {
        size_t n;
        const char *text = lf__token_bytes(out->own, i, &n);
        out->v[out->n++] = (lf_sp_piece){text, (uint32_t)n, (float)u.pieces[i].score};
    }
    lf__pool_free(&u.pool);
    lf__double_array_release(&u.trie);
    free(chars), free(u.texts), free(u.segments), free(u.pieces), free(u.sum[0]), free(u.sum[1]), free(u.removable), free(u.loss);
    return failed ? -1 : 0;
}
