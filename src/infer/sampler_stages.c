/* sampler_stages.c - the stages of a sampler, one table: each changes logits or takes candidates away. Definitions are llama.cpp's, but
 * for frequency and presence penalty, which count the answer's tokens and leave the prompt's alone (there: all in the window). Values are
 * double, decisions use our own exp and ln. Nothing is allocated; a stage owns nothing. */
#include "infer/sampler.h"

#include <math.h>
#include <string.h>

#define LN2 0.69314718055994530942

enum { FEW = 64 }; /* that are ranked; more of them are a heap */

/* ---- candidates ------------------------------------------------------------------------------------------------------------------- */

/* The one order of candidates: the larger logit first, ties to the lower id. */
static bool better(lf_candidate a, lf_candidate b) { return a.logit > b.logit || (a.logit == b.logit && a.id < b.id); }

static void keep_down_to(lf_sampler *s, lf_candidate worst)
{
    int n = 0;
    for (int i = 0; i < s->n; i++)
        if (!better(worst, s->candidates[i])) s->candidates[n++] = s->candidates[i];
    s->n = n;
}

static lf_candidate best_of(const lf_sampler *s)
{
    lf_candidate best = s->candidates[0];
    for (int i = 1; i < s->n; i++)
        if (s->candidates[i].logit > best.logit) best = s->candidates[i];
    return best;
}

/* Those of at least this logit, or the best alone. */
static void keep_above(lf_sampler *s, double floor)
{
    lf_candidate best = best_of(s);
    keep_down_to(s, floor <= best.logit ? (lf_candidate){floor, INT32_MAX} : best);
}

double lf__sampler_weigh(lf_sampler *s)
{
    double max = best_of(s).logit, sum = 0;
    for (int i = 0; i < s->n; i++) {
        s->weight[i] = lf__exp(s->candidates[i].logit - max);
        sum += s->weight[i];
    }
    return sum;
}

/* -sum p ln p after weigh, whose sum is given. */
static double entropy_of(const lf_sampler *s, double sum)
{
    double entropy = 0;
    for (int i = 0; i < s->n; i++)
        if (s->weight[i] > 0) entropy -= s->weight[i] / sum * lf__ln(s->weight[i] / sum);
    return entropy;
}

static void set_logit(lf_sampler *s, int i, double logit) { s->candidates[i].logit = LF_MAX(-LF_LOGIT_MAX, LF_MIN(LF_LOGIT_MAX, logit)); }

/* Heap with its root at [0]; `best_first` says whether the root is the best or the worst. */
static void sift_down(lf_candidate *heap, int n, int i, bool best_first)
{
    lf_candidate x = heap[i];
    for (int child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && better(heap[child + 1], heap[child]) == best_first) child++;
        if (better(heap[child], x) != best_first) break;
        heap[i] = heap[child];
    }
    heap[i] = x;
}

static void heapify(lf_candidate *heap, int n, bool best_first)
{
    for (int i = n / 2 - 1; i >= 0; i--) sift_down(heap, n, i, best_first);
}

/* A heap of all candidates, the best at its root; pop takes it off. */
static void heap_of_all(lf_sampler *s)
{
    memcpy(s->heap, s->candidates, (size_t)s->n * sizeof *s->heap);
    heapify(s->heap, s->n, true);
}
static lf_candidate pop(lf_candidate *heap, int *n)
{
    lf_candidate best = heap[0];
    heap[0] = heap[--*n];
    sift_down(heap, *n, 0, true);
    return best;
}

/* ---- what came before ---------------------------------------------------------------------------------------------------- */

static bool penalizes(const lf_sample_config *c)
{
    return c->repetition_penalty != 1 || c->frequency_penalty != 0 || c->presence_penalty != 0;
}

/* Repetition (Keskar et al. 2019): every distinct token of prompt and answer once; frequency and presence: the answer's tokens only. */
static void run_penalties(lf_sampler *s)
{
    const lf_sample_config *c = &s->config;
    for (int i = 0; i < s->n; i++) {
        int32_t id = s->candidates[i].id;
        double logit = s->candidates[i].logit;
        if (s->seen[id]) logit = logit > 0 ? logit / c->repetition_penalty : logit * c->repetition_penalty;
        if (s->generated[id]) logit -= c->frequency_penalty * (double)s->generated[id] + c->presence_penalty;
        set_logit(s, i, logit);
    }
}

/* The token `back` places before the end, 0 = the last one. */
static int32_t token_back(const lf_sampler *s, int64_t back)
{
    int32_t t = s->history[(s->n_history - 1 - back) % s->history_cap];
    return t < 0 ? ~t : t;
}

/* match[k] = how many tokens before place k (counted backwards) equal those at the end: the Z function of the reversed text, linear.
 *
 *     text:   ... a b c d ... a b c      match = 3 at the earlier c, so d would go on repeating
 */
static void find_matches(lf_sampler *s, int n)
{
    for (int k = 1, left = 0, right = 0; k < n; k++) {
        int z = k < right ? LF_MIN(right - k, s->match[k - left]) : 0;
        while (k + z < n && token_back(s, z) == token_back(s, k + z)) z++;
        if (k + z > right) left = k, right = k + z;
        s->match[k] = z;
    }
}

static bool is_dry(const lf_sample_config *c) { return c->dry_multiplier > 0; }

/* "Don't repeat yourself": a token that would lengthen a repetition of at least dry_allowed_length tokens loses
 * multiplier * base^(length - allowed). Repetitions do not reach back across a sequence breaker, and breakers are never held back. */
static void run_dry(lf_sampler *s)
{
    const lf_sample_config *c = &s->config;
    int n = (int)LF_MIN(LF_MIN(s->n_history, c->dry_last_n), s->history_cap), limit = 0;
    while (limit < n && !(s->breaker && s->breaker[token_back(s, limit)])) limit++;
    int allowed = (int)LF_MAX(c->dry_allowed_length, 1);
    if (limit < allowed) return;
    find_matches(s, n);
    for (int k = 1; k < n; k++) {
        int32_t next = token_back(s, k - 1);
        int length = LF_MIN(s->match[k], limit);
        if (length >= allowed && length > s->longest[next]) s->longest[next] = length;
    }
    for (int i = 0; i < s->n; i++) {
        int32_t id = s->candidates[i].id;
        if (!s->longest[id] || (s->breaker && s->breaker[id])) continue;
        double exponent = LF_MIN((s->longest[id] - allowed) * lf__ln(c->dry_base), 88.0);
        set_logit(s, i, s->candidates[i].logit - c->dry_multiplier * lf__exp(exponent));
    }
    for (int k = 1; k < n; k++) s->longest[token_back(s, k - 1)] = 0;
}

/* ---- fewer candidates ---------------------------------------------------------------------------------------------------- */

static bool has_sigma(const lf_sample_config *c) { return c->top_n_sigma > 0; }

/* Logits within n standard deviations of the largest (Tang et al. 2024); banned tokens do not count. */
static void run_top_n_sigma(lf_sampler *s)
{
    double mean = 0, square = 0;
    int n = 0;
    for (int i = 0; i < s->n; i++)
        if (s->candidates[i].logit > -LF_LOGIT_MAX) mean += s->candidates[i].logit, n++;
    if (n == 0) return;
    mean /= n;
    for (int i = 0; i < s->n; i++) {
        double d = s->candidates[i].logit - mean;
        if (s->candidates[i].logit > -LF_LOGIT_MAX) square += d * d;
    }
    keep_above(s, best_of(s).logit - s->config.top_n_sigma * sqrt(square / n));
}

/* place[r] = where the candidate with r better ones stands. Each is compared with all, in vectors: nothing to be guessed wrong, as nearly
 * every branch of a heap is. False: too many for that, or logits that are no floats any more. */
static bool rank_few(int place[FEW], const lf_sampler *s)
{
    float logit[FEW];
    bool floats = s->n <= FEW;
    int n = (s->n + 15) / 16 * 16;
    for (int i = 0; i < s->n && floats; i++) logit[i] = (float)s->candidates[i].logit, floats = logit[i] == s->candidates[i].logit;
    if (!floats) return false;
    for (int i = s->n; i < n; i++) logit[i] = -INFINITY;
    for (int i = 0; i < s->n; i++) {
        int better = 0, same = 0;
        for (int j = 0; j < n; j++) better += logit[j] > logit[i], same += logit[j] == logit[i];
        for (int j = 0; j < i && same > 1; j++) better += logit[j] == logit[i];
        place[better] = i;
    }
    return true;
}

/* A heap of the k best, its worst at the root: almost every candidate costs one comparison (131,072 logits, k 40: a whole draw takes
 * 0.3 ms, sorting them alone 17 ms). Ids ascend, so an equal logit never displaces the root. */
static void keep_best(lf_sampler *s, int64_t most)
{
    if (most <= 0 || most >= s->n) return;
    int k = (int)most, place[FEW];
    if (rank_few(place, s)) {
        keep_down_to(s, s->candidates[place[k - 1]]);
        return;
    }
    memcpy(s->heap, s->candidates, (size_t)k * sizeof *s->heap);
    heapify(s->heap, k, false);
    for (int i = k; i < s->n; i++)
        if (s->candidates[i].logit > s->heap[0].logit) {
            s->heap[0] = s->candidates[i];
            sift_down(s->heap, k, 0, false);
        }
    keep_down_to(s, s->heap[0]);
}

static bool has_top_k(const lf_sample_config *c) { return c->top_k > 0; }
static void run_top_k(lf_sampler *s) { keep_best(s, s->config.top_k); }

static bool is_typical(const lf_sample_config *c) { return c->typical_p > 0 && c->typical_p < 1; }

/* Locally typical (Meister et al. 2022): those whose surprise is nearest to the entropy, until their probabilities exceed p. */
static void run_typical_p(lf_sampler *s)
{
    double p = s->config.typical_p, run = 0;
    double sum = lf__sampler_weigh(s), entropy = entropy_of(s, sum);
    lf_candidate *nearness = s->heap; /* logit: minus the distance; in the order of candidates first, then a heap */
    for (int i = 0; i < s->n; i++) {
        double share = s->weight[i] / sum;
        nearness[i] = (lf_candidate){share > 0 ? -fabs(-lf__ln(share) - entropy) : -LF_LOGIT_MAX, i};
        s->weight[i] = nearness[i].logit;
    }
    heapify(nearness, s->n, true);
    lf_candidate last = {0};
    double max = best_of(s).logit;
    for (int n = s->n; n > 0 && run <= p;) {
        last = pop(nearness, &n);
        run += lf__exp(s->candidates[last.id].logit - max) / sum;
    }
    int n = 0;
    for (int i = 0; i < s->n; i++)
        if (!better(last, (lf_candidate){s->weight[i], i})) s->candidates[n++] = s->candidates[i];
    s->n = n;
}

static bool has_top_p(const lf_sample_config *c) { return c->top_p < 1; }

/* Nucleus (Holtzman et al. 2020): the smallest set of the most probable whose sum reaches p; at least one. */
static void run_top_p(lf_sampler *s)
{
    double wanted = s->config.top_p * lf__sampler_weigh(s), sum = 0;
    int place[FEW], taken = 0;
    lf_candidate last = {0};
    if (rank_few(place, s)) {
        while (taken < s->n && sum < wanted) sum += s->weight[place[taken++]];
        last = s->candidates[place[taken - 1]];
    } else {
        heap_of_all(s);
        double max = s->heap[0].logit;
        for (int left = s->n; left > 0 && sum < wanted;) {
            last = pop(s->heap, &left);
            sum += lf__exp(last.logit - max);
        }
    }
    keep_down_to(s, last);
}

static bool has_min_p(const lf_sample_config *c) { return c->min_p > 0; }

/* Probability >= min_p * the largest: a distance between logits, no sum needed. */
static void run_min_p(lf_sampler *s) { keep_above(s, best_of(s).logit + lf__ln(s->config.min_p)); }

static bool has_xtc(const lf_sample_config *c) { return c->xtc_probability > 0 && c->xtc_threshold <= 0.5; }

/* "Exclude top choices": sometimes, all likely ones but the least likely of them. */
static void run_xtc(lf_sampler *s)
{
    const lf_sample_config *c = &s->config;
    lf_rng rng = {(uint64_t)c->seed, LF_STREAM_XTC, s->index};
    if (lf__rng_unit(&rng) >= c->xtc_probability) return;
    double sum = lf__sampler_weigh(s);
    int likely = 0, n = 0;
    lf_candidate least = {0};
    for (int i = 0; i < s->n; i++) {
        if (s->weight[i] / sum < c->xtc_threshold) continue;
        if (!likely++ || better(least, s->candidates[i])) least = s->candidates[i];
    }
    if (likely < 2) return;
    for (int i = 0; i < s->n; i++)
        if (!better(s->candidates[i], least)) s->candidates[n++] = s->candidates[i];
    s->n = n;
}

/* ---- how bold ------------------------------------------------------------------------------------------------------------ */

static bool is_warm(const lf_sample_config *c) { return c->temperature != 1 || c->dynatemp_range > 0; }

/* With dynatemp_range, between t - range and t + range by the entropy, as a share of what it could be, to the power of the exponent. */
static void run_temperature(lf_sampler *s)
{
    const lf_sample_config *c = &s->config;
    double t = c->temperature;
    if (c->dynatemp_range > 0 && s->n > 1) {
        double low = LF_MAX(t - c->dynatemp_range, 0), high = t + c->dynatemp_range;
        double share = entropy_of(s, lf__sampler_weigh(s)) / lf__ln(s->n);
        double rise = share >= 1 || c->dynatemp_exponent == 0 ? 1 : share <= 0 ? 0 : lf__pow(share, c->dynatemp_exponent);
        t = low + (high - low) * rise;
    }
    if (t <= 0) {
        keep_down_to(s, best_of(s));
        return;
    }
    for (int i = 0; i < s->n; i++) set_logit(s, i, s->candidates[i].logit / t);
}

/* Mirostat 1 (Basu et al. 2021): the k that gives the surprise mu, were the likeliest 100 tokens a piece of Zipf's law. */
static int64_t zipf_k(lf_sampler *s)
{
    double tb = 0, tt = 0, n = s->vocab_size;
    heap_of_all(s);
    int left = s->n, most = LF_MIN(s->n, 100);
    lf_candidate before = pop(s->heap, &left);
    for (int i = 1; i < most; i++) {
        lf_candidate now = pop(s->heap, &left);
        double t = lf__ln((i + 1.0) / i), b = before.logit - now.logit;
        tb += t * b, tt += t * t;
        before = now;
    }
    double exponent = tt > 0 ? tb / tt : 1, rest = exponent - 1;
    if (exponent <= 0 || fabs(rest) < 1e-9) return 1;
    double k = lf__exp((lf__ln(fabs(rest)) + s->mu * LN2 - lf__ln(fabs(1 - lf__exp(-rest * lf__ln(n))))) / exponent);
    return k < 1 ? 1 : k > n ? (int64_t)n : (int64_t)k;
}

static void run_mirostat(lf_sampler *s)
{
    if (s->config.mirostat == 1)
        keep_best(s, zipf_k(s));
    else /* a surprise of at most mu bits */
        keep_above(s, best_of(s).logit + lf__ln(lf__sampler_weigh(s)) - s->mu * LN2);
}

static bool has_mirostat(const lf_sample_config *c) { return c->mirostat > 0; }

const lf_sampler_stage lf__sampler_mirostat = {"mirostat", run_mirostat, has_mirostat};
const lf_sampler_stage lf__sampler_stages[] = {{"penalties", run_penalties, penalizes},
                                               {"dry", run_dry, is_dry},
                                               {"top_n_sigma", run_top_n_sigma, has_sigma},
                                               {"top_k", run_top_k, has_top_k},
                                               {"typical_p", run_typical_p, is_typical},
                                               {"top_p", run_top_p, has_top_p},
                                               {"min_p", run_min_p, has_min_p},
                                               {"xtc", run_xtc, has_xtc},
                                               {"temperature", run_temperature, is_warm},
                                               {NULL, NULL, NULL}};
