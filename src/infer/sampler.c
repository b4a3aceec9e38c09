/* sampler.c - logits in, one token out. A list of candidates passes through stages (sampler_stages.c); what is left is drawn from. Not the
 * model and not the text. A sampler owns its candidates and its memory of the tokens so far; nothing is allocated per draw; not
 * thread-safe. Every decision is made in double with our own exp and ln, so a seed gives the same tokens on every machine. */
#include "infer/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRY_LAST_N = 4096, BIASES_MAX = 4096 };

/* ---- making one ---------------------------------------------------------------------------------------------------------- */

/* The next piece of a list: from *p to the separator, blanks around it cut off; *p goes behind it. False at the end. */
static bool next_piece(const char **p, char separator, char *out, size_t size)
{
    const char *from = *p, *to = from + strcspn(from, (char[]){separator, 0});
    if (!*from) return false;
    *p = to + (*to != 0);
    while (from < to && *from == ' ') from++;
    while (to > from && to[-1] == ' ') to--;
    snprintf(out, size, "%.*s", (int)(to - from), from);
    return true;
}

static int unknown_stage(const char *name, const char *text, lf_error *err)
{
    const char *names[LF_SAMPLER_STAGES + 1] = {0};
    for (int i = 0; lf__sampler_stages[i].name; i++) names[i] = lf__sampler_stages[i].name;
    const char *near = lf__nearest(name, names);
    lf_error_set(err, LF_E_ARGUMENT, "sampler.order: unknown stage \"%s\" in \"%s\"; the stages are %s", name, text, LF_SAMPLER_ORDER);
    return near ? lf_error_hint(err, "did you mean \"%s\"?", near) : lf_error_hint(err, "--sampler.order %s", LF_SAMPLER_ORDER);
}

static int parse_order(lf_sampler *s, lf_error *err)
{
    char name[LF_TEXT_MAX];
    const char *text = s->config.mirostat ? "temperature" : s->config.order[0] ? s->config.order : LF_SAMPLER_ORDER;
    for (const char *p = text; next_piece(&p, ',', name, sizeof name);) {
        const lf_sampler_stage *found = lf__sampler_stages;
        while (found->name && strcmp(name, found->name) != 0) found++;
        if (!found->name) return unknown_stage(name, text, err);
        for (int i = 0; i < s->n_stages; i++)
            if (s->order[i] == found)
                return lf_error_set(err, LF_E_ARGUMENT, "sampler.order: stage \"%s\" stands twice in \"%s\"; each may run at most once",
                                    name, text);
        s->order[s->n_stages++] = found;
    }
    if (s->config.mirostat) s->order[s->n_stages++] = &lf__sampler_mirostat;
    return 0;
}

/* "15=-2.5,7=ban": token ids and what is added to their logits. */
static int parse_bias(lf_sampler *s, lf_error *err)
{
    char piece[LF_TEXT_MAX];
    size_t cap = 0;
    for (const char *p = s->config.logit_bias; next_piece(&p, ',', piece, sizeof piece);) {
        int64_t id;
        double bias = -LF_LOGIT_MAX;
        char *value = strchr(piece, '=');
        if (!value) {
            lf_error_set(err, LF_E_ARGUMENT, "sampler.logit_bias: expected ID=BIAS, got \"%s\"", piece);
            return lf_error_hint(err, "--logit-bias 15=-2.5,7=ban");
        }
        *value++ = 0;
        if (lf__parse_int(piece, "sampler.logit_bias: token", 0, s->vocab_size - 1, &id, err) ||
            (strcmp(value, "ban") != 0 && lf__parse_double(value, "sampler.logit_bias", -1e9, 1e9, &bias, err)))
            return -1;
        if (s->n_bias == BIASES_MAX) return lf_error_set(err, LF_E_LIMIT, "sampler.logit_bias: more than %d tokens", BIASES_MAX);
        if (lf__grow(&s->bias, &cap, s->n_bias + 1, sizeof *s->bias, err)) return -1;
        s->bias[s->n_bias++] = (lf_logit_bias){(int32_t)id, bias};
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
        {"typical_p", c->typical_p, 0, 1, false},
        {"top_n_sigma", c->top_n_sigma, 0, 1000, false},
        {"repetition_penalty", c->repetition_penalty, 0, 100, true},
        {"frequency_penalty", c->frequency_penalty, -100, 100, false},
        {"presence_penalty", c->presence_penalty, -100, 100, false},
        {"penalty_last_n", (double)c->penalty_last_n, 0, 1 << 20, false},
        {"dry_multiplier", c->dry_multiplier, 0, 100, false},
        {"dry_base", c->dry_multiplier == 0 ? 1 : c->dry_base, 1, 100, false},
        {"dry_allowed_length", (double)c->dry_allowed_length, 0, 1 << 20, false},
        {"dry_last_n", (double)c->dry_last_n, 0, 1 << 20, false},
        {"xtc_probability", c->xtc_probability, 0, 1, false},
        {"xtc_threshold", c->xtc_threshold, 0, 1, false},
        {"dynatemp_range", c->dynatemp_range, 0, 100, false},
        {"dynatemp_exponent", c->dynatemp_exponent, 0, 100, false},
        {"mirostat", (double)c->mirostat, 0, 2, false},
        {"mirostat_tau", c->mirostat_tau, 0, 100, false},
        {"mirostat_eta", c->mirostat_eta, 0, 1, false},
    };
    for (size_t i = 0; i < LF_COUNT(rules); i++)
        if (!(rules[i].value >= rules[i].lo && rules[i].value <= rules[i].hi) || (rules[i].above && rules[i].value == rules[i].lo))
            return lf_error_set(err, LF_E_ARGUMENT, "sampler.%s: expected a number %s %g and at most %g, got %g", rules[i].key,
                                rules[i].above ? "above" : "of at least", rules[i].lo, rules[i].hi, rules[i].value);
    return 0;
}

/* Stages that change nothing do not run. */
static void drop_idle(lf_sampler *s)
{
    int n = 0;
    for (int i = 0; i < s->n_stages; i++)
        if (s->order[i]->acts(&s->config)) s->order[n++] = s->order[i];
    s->n_stages = n;
}

static bool runs(const lf_sampler *s, const char *name)
{
    bool found = false;
    for (int i = 0; i < s->n_stages && !found; i++) found = strcmp(s->order[i]->name, name) == 0;
    return found;
}

/* How many of the largest logits decide: one at temperature 0 where all before it keep the best, k where top_k comes first, since every
 * other stage sees only what it left. 0: any may. */
static int few_of(const lf_sampler *s)
{
    static const char keep_best[] = "top_k top_n_sigma top_p min_p";
    const lf_sample_config *c = &s->config;
    if (s->n_bias > 0 || s->n_stages == 0) return 0;
    for (int i = 0; i < s->n_stages && c->temperature == 0 && c->dynatemp_range == 0; i++) {
        if (strcmp(s->order[i]->name, "temperature") == 0) return 1;
        if (!strstr(keep_best, s->order[i]->name)) break;
    }
    return strcmp(s->order[0]->name, "top_k") == 0 ? (int)LF_MIN(c->top_k, s->vocab_size) : 0;
}

static int allocate(lf_sampler *s, lf_error *err)
{
    bool dry = runs(s, "dry"), penalties = runs(s, "penalties");
    size_t v = (size_t)s->vocab_size, window = penalties ? (size_t)s->config.penalty_last_n : 0;
    if (dry && s->config.dry_last_n == 0) s->config.dry_last_n = DRY_LAST_N;
    if (dry) window = LF_MAX(window, (size_t)s->config.dry_last_n);
    if (!(s->candidates = lf__calloc(v + 1, sizeof *s->candidates, err)) || !(s->heap = lf__calloc(v, sizeof *s->heap, err)) ||
        !(s->weight = lf__calloc(v, sizeof *s->weight, err)) || !(s->tops = lf__calloc((size_t)s->groups, sizeof *s->tops, err)) ||
        !(s->eights = lf__calloc(s->few ? v / 8 + 1 : 0, sizeof *s->eights, err)) ||
        (penalties && (!(s->generated = lf__calloc(v, sizeof *s->generated, err)) || !(s->seen = lf__calloc(v, sizeof *s->seen, err)))) ||
        (window && !(s->history = lf__calloc(window, sizeof *s->history, err))) ||
        (dry && (!(s->match = lf__calloc(window, sizeof *s->match, err)) || !(s->longest = lf__calloc(v, sizeof *s->longest, err)))))
        return -1;
    s->history_cap = (int)window;
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
    s->config = *sampling;
    s->vocab_size = vocab_size;
    s->mu = 2 * sampling->mirostat_tau;
    if (parse_order(s, err) || parse_bias(s, err)) goto fail;
    drop_idle(s);
    s->few = few_of(s);
    if (s->few) s->groups = LF_MAX(4 * s->few, 64);
    if (s->groups > vocab_size / 4) s->few = s->groups = 0; /* nothing would be saved */
    if (allocate(s, err)) goto fail;
    return s;
fail:
    lf_sampler_free(&s);
    return NULL;
}

void lf_sampler_free(lf_sampler **s)
{
    if (!s || !*s) return;
    free((*s)->candidates);
    free((*s)->heap);
    free((*s)->weight);
    free((*s)->tops);
    free((*s)->eights);
    free((*s)->generated);
    free((*s)->seen);
    free((*s)->history);
    free((*s)->match);
    free((*s)->longest);
    free((*s)->breaker);
    free((*s)->bias);
    free((*s)->allowed);
    lf__grammar_run_free(&(*s)->grammar);
    lf__grammar_vocab_free(&(*s)->vocab);
    free(*s);
    *s = NULL;
}

/* \n and \t in place. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *p = text; *p; p++) {
        if (p[0] == '\\' && (p[1] == 'n' || p[1] == 't'))
            *to++ = *++p == 'n' ? '\n' : '\t';
        else
            *to++ = *p;
    }
    *to = 0;
}

int lf_sampler_use_tokenizer(lf_sampler *s, const lf_tokenizer *tokenizer, lf_error *err)
{
    char breaker[LF_TEXT_MAX];
    if (!s->longest || s->breaker) return 0;
    if (!(s->breaker = lf__calloc((size_t)s->vocab_size, sizeof *s->breaker, err))) return -1;
    for (const char *p = s->config.dry_sequence_breakers; next_piece(&p, '|', breaker, sizeof breaker);) {
        unescape(breaker);
        for (int32_t id = 0; *breaker && id < s->vocab_size; id++) {
            size_t n;
            bool special;
            const char *text = lf_tokenizer_token(tokenizer, id, &n, &special);
            if (text && memmem(text, n, breaker, strlen(breaker))) s->breaker[id] = true;
        }
    }
    return 0;
}

void lf__sampler_share_vocab(lf_sampler *s, lf_grammar_vocab *vocab)
{
    lf__grammar_vocab_free(&s->vocab);
    s->vocab = lf__grammar_vocab_hold(vocab);
}

int lf_sampler_set_grammar(lf_sampler *s, const lf_grammar *grammar, const lf_tokenizer *tokenizer, const int32_t *ends, int n_ends,
                           lf_error *err)
{
    if (n_ends < 0 || n_ends > (int)LF_COUNT(s->ends))
        return lf_error_set(err, LF_E_ARGUMENT, "a grammar takes up to %zu end tokens, got %d", LF_COUNT(s->ends), n_ends);
    lf__grammar_run_free(&s->grammar);
    if (!s->allowed && !(s->allowed = lf__calloc(lf__mask_words(s->vocab_size), sizeof *s->allowed, err))) return -1;
    if (!s->vocab && !(s->vocab = lf__grammar_vocab_new(tokenizer, s->vocab_size, err))) return -1;
    s->tokenizer = tokenizer, s->n_ends = n_ends;
    if (n_ends) memcpy(s->ends, ends, (size_t)n_ends * sizeof *ends);
    return (s->grammar = lf__grammar_run_new(grammar, err)) ? 0 : -1;
}

/* ---- the grammar ---------------------------------------------------------------------------------------------------------- */

static bool is_end(const lf_sampler *s, int32_t id)
{
    bool is = false;
    for (int i = 0; i < s->n_ends && !is; i++) is = s->ends[i] == id;
    return is;
}

static bool fits(lf_sampler *s, int32_t id)
{
    size_t n;
    bool special = true;
    if (is_end(s, id)) return lf__grammar_run_complete(s->grammar);
    const char *bytes = lf_tokenizer_token(s->tokenizer, id, &n, &special);
    return bytes && !special && n > 0 && lf__grammar_run_fits(s->grammar, bytes, n);
}

/* Fills s->allowed; false when it allows nothing. */
static bool find_allowed(lf_sampler *s)
{
    const uint64_t *mask = lf__grammar_run_mask(s->grammar, s->vocab);
    size_t words = lf__mask_words(s->vocab_size);
    uint64_t any = 0;
    if (!mask) return false;
    memcpy(s->allowed, mask, words * sizeof *mask);
    for (int i = 0; i < s->n_ends; i++)
        if (s->ends[i] >= 0 && s->ends[i] < s->vocab_size && lf__grammar_run_complete(s->grammar))
            s->allowed[s->ends[i] / 64] |= 1ull << s->ends[i] % 64;
    for (size_t w = 0; w < words; w++) any |= s->allowed[w];
    return any != 0;
}

int64_t lf_seed_of(int64_t seed, int64_t i) { return (int64_t)(((uint64_t)seed + (uint64_t)i) & INT64_MAX); }

/* ---- using one ----------------------------------------------------------------------------------------------------------- */

/* The token that leaves the window of the penalties is as if it had never been. */
static void forget(lf_sampler *s)
{
    int64_t window = s->config.penalty_last_n;
    if (window == 0 || s->n_history < window) return;
    int32_t old = s->history[(s->n_history - window) % s->history_cap];
    s->seen[old < 0 ? ~old : old]--;
    if (old < 0) s->generated[~old]--;
}

void lf_sampler_accept(lf_sampler *s, int32_t token, bool from_prompt)
{
    if (token < 0 || token >= s->vocab_size) return;
    if (s->history) {
        if (s->seen) forget(s);
        s->history[s->n_history++ % s->history_cap] = from_prompt ? token : ~token;
    }
    if (s->seen) s->seen[token]++;
    if (from_prompt) return;
    size_t n;
    const char *bytes = s->grammar && !is_end(s, token) ? lf_tokenizer_token(s->tokenizer, token, &n, NULL) : NULL;
    if (bytes) lf__grammar_run_feed(s->grammar, bytes, n);
    if (s->generated) s->generated[token]++;
    s->mu -= s->config.mirostat_eta * (s->surprise - s->config.mirostat_tau);
}

static double bounded(double x) { return isnan(x) ? -LF_LOGIT_MAX : LF_MAX(-LF_LOGIT_MAX, LF_MIN(LF_LOGIT_MAX, x)); }

/* The candidate of an id, NULL when there is none: they are in order. */
static lf_candidate *candidate_of(const lf_sampler *s, int32_t id)
{
    int lo = 0, hi = s->n - 1;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (s->candidates[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo <= hi && s->candidates[lo].id == id ? &s->candidates[lo] : NULL;
}

/* Floats as integers that are ordered like them, there and back: the bits below the sign, turned around where it is set. */
static int32_t order_of(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits ^ (bits >> 31 & INT32_MAX);
}
static float float_of(int32_t order)
{
    float x;
    order ^= order >> 31 & INT32_MAX;
    memcpy(&x, &order, sizeof x);
    return x;
}

/* A number that s->few logits reach, and few others do. Every groups-th logit is of one group: what so many of the groups' maxima reach, so
 * many logits do. It is found by halving between the least and the largest of them. No branch here depends on a logit: vectors all the way
 * (4,096 logits, k 40: 0.5 us; a heap of the maxima took 6). */
static float floor_of(const lf_sampler *s, const float *logits)
{
    int width = s->groups, n = s->vocab_size / width * width;
    float *top = s->tops, least = INFINITY, largest = -INFINITY;
    for (int j = 0; j < width; j++) top[j] = -INFINITY;
    for (int at = 0; at < n; at += width)
        for (int j = 0; j < width; j++) top[j] = logits[at + j] > top[j] ? logits[at + j] : top[j];
    for (int j = 0; j < width; j++) least = LF_MIN(least, top[j]), largest = LF_MAX(largest, top[j]);
    if (s->few == 1) return largest;
    int32_t low = order_of(least), high = order_of(largest);
    for (int left = width; left > s->few + s->few / 8 && low < high;) {
        int32_t middle = (int32_t)(((int64_t)low + high + 1) >> 1);
        float x = float_of(middle);
        int reach = 0;
        for (int j = 0; j < width; j++) reach += top[j] >= x;
        if (reach >= s->few)
            low = middle, left = reach;
        else
            high = middle - 1;
    }
    return float_of(low);
}

/* All whose logit is not below the floor; NaN is not. Where few are, eights that have one are noted first, then looked through; both
 * without branches, since which logits are large cannot be guessed. */
static void take_candidates(lf_sampler *s, const float *logits, float floor)
{
    enum { EIGHT = 8, SPAN = 64 };
    lf_candidate *c = s->candidates; /* what is written behind its end is not taken */
    int n = 0, eights = 0, at = 0;
    for (; at + SPAN <= s->vocab_size && s->few; at += SPAN) {
        uint8_t reaches[SPAN];
        for (int i = 0; i < SPAN; i++) reaches[i] = !(logits[at + i] < floor);
        for (int i = 0; i < SPAN; i += EIGHT) {
            uint64_t any;
            memcpy(&any, reaches + i, sizeof any);
            s->eights[eights] = at + i;
            eights += any != 0;
        }
    }
    for (int k = 0; k < eights; k++)
        for (int i = s->eights[k]; i < s->eights[k] + EIGHT; i++) {
            c[n] = (lf_candidate){(double)logits[i], i};
            n += !(logits[i] < floor);
        }
    for (; at < s->vocab_size; at++) {
        c[n] = (lf_candidate){(double)logits[at], at};
        n += !(logits[at] < floor);
    }
    for (int i = 0; i < n; i++) c[i].logit = bounded(c[i].logit);
    s->n = n;
}

/* allowed: a mask, or NULL: all tokens. */
static double run_stages(lf_sampler *s, const float *logits, const uint64_t *allowed)
{
    s->n = 0;
    if (!allowed) take_candidates(s, logits, s->few ? floor_of(s, logits) : -INFINITY);
    for (size_t w = 0; w < lf__mask_words(s->vocab_size) && allowed; w++)
        for (uint64_t left = allowed[w]; left; left &= left - 1) {
            int32_t i = (int32_t)w * 64 + __builtin_ctzll(left);
            s->candidates[s->n++] = (lf_candidate){bounded((double)logits[i]), i};
        }
    for (size_t i = 0; i < s->n_bias; i++) { /* before any stage, whatever the order is */
        lf_candidate *c = candidate_of(s, s->bias[i].id);
        if (c) c->logit = bounded(c->logit + s->bias[i].bias);
    }
    for (int i = 0; i < s->n_stages; i++) s->order[i]->run(s);
    return lf__sampler_weigh(s);
}

static int32_t draw(lf_sampler *s, const float *logits, uint64_t index, const uint64_t *allowed)
{
    s->index = index;
    double sum = run_stages(s, logits, allowed);
    lf_rng rng = {(uint64_t)s->config.seed, LF_STREAM_DRAW, index};
    double mark = s->n > 1 ? lf__rng_unit(&rng) * sum : 0, walked = 0;
    int last = 0;
    for (int i = 0; i < s->n; i++) {
        walked += s->weight[i];
        if (s->weight[i] > 0) last = i;
        if (walked > mark) break;
    }
    if (s->config.mirostat) s->surprise = lf__ln(sum / LF_MAX(s->weight[last], 1e-300)) / lf__ln(2);
    return s->candidates[last].id;
}

int32_t lf__sampler_guess(lf_sampler *s, const float *logits, uint64_t index) { return draw(s, logits, index, NULL); }

int32_t lf_sampler_draw(lf_sampler *s, const float *logits, uint64_t index)
{
    int32_t id = draw(s, logits, index, NULL);
    if (!s->grammar || fits(s, id)) return id;
    return find_allowed(s) ? draw(s, logits, index, s->allowed) : -1;
}

int lf_sampler_distribution(lf_sampler *s, const float *logits, int32_t *ids, double *probabilities)
{
    if (s->grammar && !find_allowed(s)) return 0;
    double sum = run_stages(s, logits, s->grammar ? s->allowed : NULL);
    for (int i = 0; i < s->n; i++) ids[i] = s->candidates[i].id, probabilities[i] = s->weight[i] / sum;
    return s->n;
}
