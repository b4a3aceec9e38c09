/* sampler.c - logits in, one token out. A list of candidates passes through stages; what is left is drawn from. Not the model and not
 * the text. A sampler owns its candidates and its memory of the tokens so far; nothing is allocated per draw; not thread-safe.
 * Every decision is made in double with our own exp and ln, so a seed gives the same tokens on every machine. */
#include "base/base.h"
#include "foundry/generate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RNG_STREAM    0x73616d706c65u /* "sample": this sampler's own stream under a seed */
#define LOGIT_MAX     1e300           /* keeps differences of logits finite               */
#define DEFAULT_ORDER "penalties,top_k,top_p,min_p,temperature"

typedef struct candidate {
    double logit;
    int32_t id;
} candidate;

enum { MAX_STAGES = 8 };
typedef struct stage {
    const char *name;
    void (*run)(struct lf_sampler *s);
} stage;

/* Invariant: candidates[0..n) are in ascending order of id, 1 <= n. A stage changes logits or picks the worst candidate that may stay
 * (keep_down_to); so no stage has to sort, and a draw walks the ids upwards whatever the stages were. */
struct lf_sampler {
    lf_sample_config config;
    int vocab_size, n;
    candidate *candidates; /* [vocab_size]                                            */
    candidate *heap;       /* [vocab_size] scratch of top_k and top_p                 */
    double *weight;        /* [vocab_size] exp(logit - max) of candidates             */
    uint32_t *generated;   /* [vocab_size] how often this token was drawn             */
    bool *seen;            /* [vocab_size] in the prompt or drawn                     */
    const stage *order[MAX_STAGES];
    int n_stages;
};

/* The one order of candidates: the larger logit first, ties to the lower id. */
static bool better(candidate a, candidate b) { return a.logit > b.logit || (a.logit == b.logit && a.id < b.id); }

static void keep_down_to(lf_sampler *s, candidate worst)
{
    int n = 0;
    for (int i = 0; i < s->n; i++)
        if (!better(worst, s->candidates[i])) s->candidates[n++] = s->candidates[i];
    s->n = n;
}

static candidate best_of(const lf_sampler *s)
{
    candidate best = s->candidates[0];
    for (int i = 1; i < s->n; i++)
        if (s->candidates[i].logit > best.logit) best = s->candidates[i];
    return best;
}

/* weight[i] = exp(logit - max); returns their sum (>= 1). */
static double weigh(lf_sampler *s)
{
    double max = best_of(s).logit, sum = 0;
    for (int i = 0; i < s->n; i++) {
        s->weight[i] = lf__exp(s->candidates[i].logit - max);
        sum += s->weight[i];
    }
    return sum;
}

/* Heap with its root at [0]; `best_first` says whether the root is the best or the worst. */
static void sift_down(candidate *heap, int n, int i, bool best_first)
{
    candidate x = heap[i];
    for (int child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && better(heap[child + 1], heap[child]) == best_first) child++;
        if (better(heap[child], x) != best_first) break;
        heap[i] = heap[child];
    }
    heap[i] = x;
}

static void heapify(candidate *heap, int n, bool best_first)
{
    for (int i = n / 2 - 1; i >= 0; i--) sift_down(heap, n, i, best_first);
}

/* ---- the stages ---------------------------------------------------------------------------------------------------------- */

/* Repetition (Keskar et al. 2019): every distinct token of prompt and answer once; frequency and presence: the answer's tokens only. */
static void run_penalties(lf_sampler *s)
{
    const lf_sample_config *c = &s->config;
    if (c->repetition_penalty == 1 && c->frequency_penalty == 0 && c->presence_penalty == 0) return;
    for (int i = 0; i < s->n; i++) {
        int32_t id = s->candidates[i].id;
        double *logit = &s->candidates[i].logit;
        if (s->seen[id]) *logit = *logit > 0 ? *logit / c->repetition_penalty : *logit * c->repetition_penalty;
        if (s->generated[id]) *logit -= c->frequency_penalty * (double)s->generated[id] + c->presence_penalty;
        *logit = LF_MAX(-LOGIT_MAX, LF_MIN(LOGIT_MAX, *logit));
    }
}

/* A heap of the k best, its worst at the root: almost every candidate costs one comparison (131,072 logits, k 40: a whole draw takes
 * 0.3 ms, sorting them alone 17 ms). Ids ascend, so an equal logit never displaces the root. */
static void run_top_k(lf_sampler *s)
{
    if (s->config.top_k <= 0 || s->config.top_k >= s->n) return;
    int k = (int)s->config.top_k;
    memcpy(s->heap, s->candidates, (size_t)k * sizeof *s->heap);
    heapify(s->heap, k, false);
    for (int i = k; i < s->n; i++)
        if (s->candidates[i].logit > s->heap[0].logit) {
            s->heap[0] = s->candidates[i];
            sift_down(s->heap, k, 0, false);
        }
    keep_down_to(s, s->heap[0]);
}

/* Nucleus (Holtzman et al. 2020): the smallest set of the most probable whose sum reaches p; at least one. */
static void run_top_p(lf_sampler *s)
{
    if (s->config.top_p >= 1) return;
    double wanted = s->config.top_p * weigh(s), sum = 0;
    memcpy(s->heap, s->candidates, (size_t)s->n * sizeof *s->heap);
    heapify(s->heap, s->n, true);
    double max = s->heap[0].logit;
    candidate last = s->heap[0];
    for (int n = s->n; n > 0;) {
        last = s->heap[0];
        sum += lf__exp(last.logit - max);
        if (sum >= wanted) break;
        s->heap[0] = s->heap[--n];
        sift_down(s->heap, n, 0, true);
    }
    keep_down_to(s, last);
}

/* Probability >= min_p * the largest: a distance between logits, no sum needed. */
static void run_min_p(lf_sampler *s)
{
    if (s->config.min_p <= 0) return;
    double floor = best_of(s).logit + lf__ln(s->config.min_p);
    keep_down_to(s, (candidate){floor, INT32_MAX});
}

static void run_temperature(lf_sampler *s)
{
    double t = s->config.temperature;
    if (t == 0) {
        keep_down_to(s, best_of(s));
        return;
    }
    for (int i = 0; i < s->n; i++) s->candidates[i].logit = LF_MAX(-LOGIT_MAX, LF_MIN(LOGIT_MAX, s->candidates[i].logit / t));
}

static const stage stages[] = {
    {"penalties", run_penalties}, {"top_k", run_top_k}, {"top_p", run_top_p}, {"min_p", run_min_p}, {"temperature", run_temperature},
};
_Static_assert(LF_COUNT(stages) <= MAX_STAGES, "one slot per stage");

/* ---- making one ---------------------------------------------------------------------------------------------------------- */

static int parse_order(lf_sampler *s, lf_error *err)
{
    const char *text = s->config.order[0] ? s->config.order : DEFAULT_ORDER;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, ",");
        char name[LF_TEXT_MAX];
        const char *from = p, *to = p + n;
        while (from < to && *from == ' ') from++;
        while (to > from && to[-1] == ' ') to--;
        snprintf(name, sizeof name, "%.*s", (int)(to - from), from);
        const stage *found = NULL;
        const char *names[LF_COUNT(stages) + 1] = {0};
        for (size_t i = 0; i < LF_COUNT(stages); i++) {
            names[i] = stages[i].name;
            if (!strcmp(name, stages[i].name)) found = &stages[i];
        }
        if (!found) {
            const char *near = lf__nearest(name, names);
            lf_error_set(err, LF_E_ARGUMENT, "sampler.order: unknown stage \"%s\" in \"%s\"; the stages are %s", name, text, DEFAULT_ORDER);
            return near ? lf_error_hint(err, "did you mean \"%s\"?", near) : lf_error_hint(err, "--sampler.order %s", DEFAULT_ORDER);
        }
        for (int i = 0; i < s->n_stages; i++)
            if (s->order[i] == found)
                return lf_error_set(err, LF_E_ARGUMENT, "sampler.order: stage \"%s\" stands twice in \"%s\"; each may run at most once",
                                    name, text);
        s->order[s->n_stages++] = found;
        p += n + (p[n] == ',');
    }
    return 0;
}

/* The option table says the same for files and flags; a caller in C fills the struct by hand. */
static int check_ranges(const lf_sample_config *c, lf_error *err)
{
    const struct {
        const char *key;
        double value, lo, hi;
        bool above; /* lo itself is not allowed */
    } rules[] = {
        {"temperature", c->temperature, 0, 100, false},
        {"top_k", (double)c->top_k, 0, 1e9, false},
        {"top_p", c->top_p, 0, 1, true},
        {"min_p", c->min_p, 0, 1, false},
        {"repetition_penalty", c->repetition_penalty, 0, 100, true},
        {"frequency_penalty", c->frequency_penalty, -100, 100, false},
        {"presence_penalty", c->presence_penalty, -100, 100, false},
    };
    for (size_t i = 0; i < LF_COUNT(rules); i++)
        if (!(rules[i].value >= rules[i].lo && rules[i].value <= rules[i].hi) || (rules[i].above && rules[i].value == rules[i].lo))
            return lf_error_set(err, LF_E_ARGUMENT, "sampler.%s: expected a number %s %g and at most %g, got %g", rules[i].key,
                                rules[i].above ? "above" : "of at least", rules[i].lo, rules[i].hi, rules[i].value);
    return 0;
}

lf_sampler *lf_sampler_new(const lf_sample_config *sampling, int vocab_size, lf_error *err)
{
    if (vocab_size < 1) {
        lf_error_set(err, LF_E_ARGUMENT, "a sampler needs a vocabulary of at least 1 token, got %d", vocab_size);
        return NULL;
    }
    if (check_ranges(sampling, err)) return NULL;
    lf_sampler *s = lf__calloc(1, sizeof *s, err);
    if (!s) return NULL;
    size_t v = (size_t)vocab_size;
    s->config = *sampling;
    s->vocab_size = vocab_size;
    if (parse_order(s, err) || !(s->candidates = lf__calloc(v, sizeof *s->candidates, err)) ||
        !(s->heap = lf__calloc(v, sizeof *s->heap, err)) || !(s->weight = lf__calloc(v, sizeof *s->weight, err)) ||
        !(s->generated = lf__calloc(v, sizeof *s->generated, err)) || !(s->seen = lf__calloc(v, sizeof *s->seen, err)))
        lf_sampler_free(&s);
    return s;
}

void lf_sampler_free(lf_sampler **s)
{
    if (!s || !*s) return;
    free((*s)->candidates);
    free((*s)->heap);
    free((*s)->weight);
    free((*s)->generated);
    free((*s)->seen);
    free(*s);
    *s = NULL;
}

/* ---- using one ----------------------------------------------------------------------------------------------------------- */

void lf_sampler_accept(lf_sampler *s, int32_t token, bool from_prompt)
{
    if (token < 0 || token >= s->vocab_size) return;
    s->seen[token] = true;
    if (!from_prompt) s->generated[token]++;
}

static double run_stages(lf_sampler *s, const float *logits)
{
    s->n = s->vocab_size;
    for (int i = 0; i < s->n; i++) {
        double x = (double)logits[i];
        s->candidates[i] = (candidate){isnan(x) ? -LOGIT_MAX : LF_MAX(-LOGIT_MAX, LF_MIN(LOGIT_MAX, x)), i};
    }
    for (int i = 0; i < s->n_stages; i++) s->order[i]->run(s);
    return weigh(s);
}

int32_t lf_sampler_draw(lf_sampler *s, const float *logits, uint64_t index)
{
    double sum = run_stages(s, logits);
    lf_rng rng = {(uint64_t)s->config.seed, RNG_STREAM, index};
    double mark = lf__rng_unit(&rng) * sum, walked = 0;
    int32_t last = s->candidates[0].id;
    for (int i = 0; i < s->n; i++) {
        walked += s->weight[i];
        if (s->weight[i] > 0) last = s->candidates[i].id;
        if (walked > mark) break;
    }
    return last;
}

int lf_sampler_distribution(lf_sampler *s, const float *logits, int32_t *ids, double *probabilities)
{
    double sum = run_stages(s, logits);
    for (int i = 0; i < s->n; i++) ids[i] = s->candidates[i].id, probabilities[i] = s->weight[i] / sum;
    return s->n;
}
