/* The sampler: the order of stages, ties, ranges, reproducible draws, and every stage against a plain sort-everything version. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "foundry/generate.h"

enum { V = 997 };

static lf_sample_config neutral(void) { return (lf_sample_config){.temperature = 1, .top_p = 1, .repetition_penalty = 1, .seed = 7}; }

static lf_sampler *make(const lf_sample_config *c, int v)
{
    lf_error err = {0};
    lf_sampler *s = lf_sampler_new(c, v, &err);
    if (!s) fail_msg("%s", err.message);
    return s;
}

static void fill(float *logits, int n, uint64_t seed)
{
    for (int i = 0; i < n; i++) logits[i] = (float)(int)(lf__rng_at(seed, 1, (uint64_t)i) % 2001) / 200 - 5; /* many ties */
}

/* ---- the definition, slowly ---- */
typedef struct item {
    double logit;
    int32_t id;
} item;
static int by_logit(const void *a, const void *b)
{
    const item *x = a, *y = b;
    return x->logit != y->logit ? (x->logit < y->logit) - (x->logit > y->logit) : (x->id > y->id) - (x->id < y->id);
}
static int by_id(const void *a, const void *b) { return ((const item *)a)->id - ((const item *)b)->id; }

static int slow_stage(item *it, int n, const char *name, const lf_sample_config *c)
{
    qsort(it, (size_t)n, sizeof *it, by_logit);
    double sum = 0, run = 0;
    for (int i = 0; i < n; i++) sum += exp(it[i].logit - it[0].logit);
    if (!strcmp(name, "top_k")) return c->top_k && c->top_k < n ? (int)c->top_k : n;
    if (!strcmp(name, "top_p")) {
        if (c->top_p >= 1) return n;
        for (int i = 0; i < n; i++)
            if ((run += exp(it[i].logit - it[0].logit)) >= c->top_p * sum) return i + 1;
    }
    if (!strcmp(name, "min_p")) {
        int k = 0;
        while (k < n && exp(it[k].logit - it[0].logit) >= c->min_p) k++;
        return k;
    }
    if (!strcmp(name, "temperature"))
        for (int i = 0; i < n; i++) it[i].logit /= c->temperature;
    return n;
}

static void test_against_sorting(void **state)
{
    (void)state;
    static const char *const orders[] = {"top_k,top_p,min_p,temperature", "temperature,min_p,top_p,top_k", "min_p,temperature,top_k",
                                         "top_p,top_k", "temperature"};
    static const struct {
        int64_t k;
        double p, m, t;
    } settings[] = {{40, .95, .05, .8}, {1, 1, 0, 1}, {0, .5, 0, 1.7}, {0, .999, .001, .3}, {900, 1e-9, 1, 2}, {996, .9, .2, 100}};
    static float logits[V];
    static item it[V];
    static int32_t ids[V];
    static double p[V];
    for (size_t o = 0; o < LF_COUNT(orders); o++)
        for (size_t k = 0; k < LF_COUNT(settings); k++) {
            lf_sample_config c = neutral();
            c.top_k = settings[k].k, c.top_p = settings[k].p, c.min_p = settings[k].m, c.temperature = settings[k].t;
            snprintf(c.order, sizeof c.order, "%s", orders[o]);
            lf_sampler *s = make(&c, V);
            fill(logits, V, o * 100 + k);
            int n = lf_sampler_distribution(s, logits, ids, p), want = V;
            for (int i = 0; i < V; i++) it[i] = (item){(double)logits[i], i};
            char order[LF_TEXT_MAX], *rest = order;
            snprintf(order, sizeof order, "%s", orders[o]);
            for (char *name; (name = strsep(&rest, ","));) want = slow_stage(it, want, name, &c);
            qsort(it, (size_t)want, sizeof *it, by_id);
            if (n != want) fail_msg("order %s, settings %zu: %d left, expected %d", orders[o], k, n, want);
            double sum = 0;
            for (int i = 0; i < n; i++) {
                if (ids[i] != it[i].id) fail_msg("order %s, settings %zu: id %d, expected %d", orders[o], k, ids[i], it[i].id);
                sum += p[i];
            }
            assert_true(fabs(sum - 1) < 1e-12);
            lf_sampler_free(&s);
        }
}

static void test_greedy(void **state)
{
    (void)state;
    float logits[5] = {1, 3, 3, -2, 3};
    lf_sample_config c = neutral();
    c.temperature = 0;
    lf_sampler *s = make(&c, 5);
    for (uint64_t i = 0; i < 20; i++) assert_int_equal(lf_sampler_draw(s, logits, i), 1); /* the lowest id of the tie */
    lf_sampler_free(&s);
    snprintf(c.order, sizeof c.order, "temperature,top_k");
    s = make(&c, 5);
    assert_int_equal(lf_sampler_draw(s, logits, 3), 1);
    lf_sampler_free(&s);
}

static void test_penalties(void **state)
{
    (void)state;
    float logits[4] = {2, -1, 0.5f, 0};
    lf_sample_config c = neutral();
    c.repetition_penalty = 2, c.frequency_penalty = 0.5, c.presence_penalty = 0.25;
    lf_sampler *s = make(&c, 4);
    lf_sampler_accept(s, 0, true); /* twice in the prompt, still once */
    lf_sampler_accept(s, 0, true);
    lf_sampler_accept(s, 1, false);
    lf_sampler_accept(s, 1, false);
    lf_sampler_accept(s, -1, true);
    lf_sampler_accept(s, 4, true); /* outside: nothing happens */
    const double want[4] = {1, -2 - 1 - 0.25, 0.5, 0};
    int32_t ids[4];
    double p[4], sum = 0;
    assert_int_equal(lf_sampler_distribution(s, logits, ids, p), 4);
    for (int i = 0; i < 4; i++) sum += exp(want[i]);
    for (int i = 0; i < 4; i++) assert_true(fabs(p[i] - exp(want[i]) / sum) < 1e-14);
    lf_sampler_free(&s);
}

/* A draw is a pure function of (seed, index, logits), and draws follow the distribution. */
static void test_draws(void **state)
{
    (void)state;
    enum { DRAWS = 40000 };
    float logits[6] = {0, 1, 2, -1, 0.5f, 1.5f};
    lf_sample_config c = neutral();
    c.top_k = 5, c.temperature = 0.7;
    lf_sampler *s = make(&c, 6), *again = make(&c, 6);
    int32_t ids[6];
    double p[6];
    int count[6] = {0}, n = lf_sampler_distribution(s, logits, ids, p);
    assert_int_equal(n, 5);
    for (uint64_t i = 0; i < DRAWS; i++) count[lf_sampler_draw(s, logits, i)]++;
    assert_int_equal(count[3], 0);
    for (int i = 0; i < n; i++) {
        double sd = sqrt(p[i] * (1 - p[i]) * DRAWS);
        assert_true(fabs(count[ids[i]] - p[i] * DRAWS) < 5 * sd);
    }
    int32_t at900 = lf_sampler_draw(s, logits, 900);
    for (uint64_t i = 990; i-- > 900;) lf_sampler_draw(again, logits, i);
    assert_int_equal(lf_sampler_draw(again, logits, 900), at900);
    c.seed = 8;
    lf_sampler *other = make(&c, 6);
    int differ = 0;
    for (uint64_t i = 0; i < 64; i++) differ += lf_sampler_draw(other, logits, i) != lf_sampler_draw(s, logits, i);
    assert_true(differ > 10);
    lf_sampler_free(&s), lf_sampler_free(&again), lf_sampler_free(&other);
}

/* Whatever the numbers are, a draw is a token. */
static void test_hostile_logits(void **state)
{
    (void)state;
    static const float bad[][3] = {{NAN, NAN, NAN}, {INFINITY, INFINITY, 0}, {-INFINITY, -INFINITY, -INFINITY}, {NAN, 1, -INFINITY}};
    static const char *const orders[] = {"", "temperature,penalties,min_p,top_p,top_k"};
    for (size_t o = 0; o < LF_COUNT(orders); o++)
        for (size_t i = 0; i < LF_COUNT(bad); i++) {
            lf_sample_config c = neutral();
            c.temperature = 1e-9, c.top_p = .9, c.min_p = .1, c.top_k = 2, c.repetition_penalty = 1.5;
            snprintf(c.order, sizeof c.order, "%s", orders[o]);
            lf_sampler *s = make(&c, 3);
            lf_sampler_accept(s, 1, false);
            for (uint64_t k = 0; k < 50; k++) {
                int32_t id = lf_sampler_draw(s, bad[i], k);
                assert_in_range(id, 0, 2);
                if (i == 3) assert_int_equal(id, 1);
            }
            lf_sampler_free(&s);
        }
}

/* Logits as they come, with ties, far apart, mostly banned, no numbers. */
static float logit_of(int kind, uint64_t seed, int i)
{
    double u = (double)(lf__rng_at(seed, 2, (uint64_t)i) >> 11) * 0x1p-53, v = (double)(lf__rng_at(seed, 3, (uint64_t)i) >> 11) * 0x1p-53;
    double g = sqrt(-2 * log(u + 1e-12)) * cos(6.2831853 * v);
    switch (kind) {
    case 0: return (float)(3 * g);
    case 1: return (float)floor(2 * g);
    case 2: return (float)(1e30 * g);
    case 3: return v < 0.97 ? -INFINITY : (float)g;
    case 4: return v < 0.3 ? NAN : (float)g;
    case 5: return v < 0.01 ? INFINITY : -0.0f;
    default: return (float)(1e-40 * g);
    }
}

static int64_t roll(uint64_t *seed, int64_t sides) { return (int64_t)(lf__rng_at((*seed)++, 4, 0) % (uint64_t)sides); }

/* Some of the stages in some order; mostly the usual one, all of them. */
static void random_order(char *order, size_t size, uint64_t *seed)
{
    char names[] = LF_SAMPLER_ORDER, *rest = names, *stage[16];
    int n = 0;
    for (char *name; (name = strsep(&rest, ","));) stage[n++] = name;
    if (roll(seed, 3) == 0) return;
    for (size_t at = 0; n > 0 && roll(seed, 8) > 0; n--) {
        int take = (int)roll(seed, n);
        at += (size_t)snprintf(order + at, size - at, "%s%s", at ? "," : "", stage[take]);
        stage[take] = stage[n - 1];
    }
}

/* Every parameter is idle half of the time, or the stages that leave nothing to look for would always be there. */
static lf_sample_config random_chain(uint64_t *seed)
{
    static const int64_t ks[] = {1, 3, 40, 64, 65, 300};
    lf_sample_config c = neutral();
    random_order(c.order, sizeof c.order, seed);
    c.temperature = (double[]){0, 0, 0.8, 1}[roll(seed, 4)];
    if (roll(seed, 4)) c.top_k = ks[roll(seed, LF_COUNT(ks))];
    if (roll(seed, 2)) c.top_p = (double[]){0.95, 0.9, 0.3}[roll(seed, 3)];
    if (roll(seed, 2)) c.min_p = (double[]){0.05, 0.5}[roll(seed, 2)];
    if (roll(seed, 2)) c.top_n_sigma = (double[]){0.5, 1, 2}[roll(seed, 3)];
    if (roll(seed, 3) == 0) c.typical_p = (double[]){0.5, 0.9}[roll(seed, 2)];
    if (roll(seed, 3) == 0) c.xtc_probability = (double[]){1, 0.5}[roll(seed, 2)], c.xtc_threshold = 0.05;
    if (roll(seed, 4) == 0) c.repetition_penalty = 1.5, c.penalty_last_n = 64;
    if (roll(seed, 4) == 0) c.frequency_penalty = 0.5, c.presence_penalty = 0.25;
    if (roll(seed, 4) == 0) c.dry_multiplier = 0.8, c.dry_base = 1.75, c.dry_allowed_length = 2;
    if (roll(seed, 4) == 0) c.dynatemp_range = 0.5, c.dynatemp_exponent = (double)roll(seed, 3);
    if (roll(seed, 8) == 0) c.mirostat = 1 + roll(seed, 2), c.mirostat_tau = 5, c.mirostat_eta = 0.1;
    if (roll(seed, 8) == 0) strcpy(c.logit_bias, "3=1.5,7=ban");
    return c;
}

/* A sampler that looks at few logits is one that looks at all, to the bit, whatever the chain is; a bias of 0 makes it look at all. */
static void test_few_are_enough(void **state)
{
    (void)state;
    enum { MOST = 9001, RUNS = 2500 };
    static float logits[MOST];
    static int32_t ids[2][MOST];
    static double p[2][MOST];
    static const int vocabs[] = {255, 256, 1000, 256, MOST};
    for (uint64_t run = 0, seed = 1; run < RUNS; run++) {
        int vocab = vocabs[run / 7 % LF_COUNT(vocabs)];
        lf_sample_config c = random_chain(&seed);
        lf_sampler *few = make(&c, vocab);
        strcat(c.logit_bias, *c.logit_bias ? ",0=0" : "0=0");
        lf_sampler *all = make(&c, vocab);
        for (int i = 0; i < vocab; i++) logits[i] = logit_of((int)(run % 7), run, i);
        for (int i = 0; i < 12; i++) {
            int32_t token = (int32_t)roll(&seed, i < 6 ? 3 : vocab);
            lf_sampler_accept(few, token, i % 2), lf_sampler_accept(all, token, i % 2);
        }
        int n = lf_sampler_distribution(few, logits, ids[0], p[0]), of = lf_sampler_distribution(all, logits, ids[1], p[1]);
        if (n != of || memcmp(ids[0], ids[1], (size_t)n * sizeof **ids) != 0 || memcmp(p[0], p[1], (size_t)n * sizeof **p) != 0)
            fail_msg("run %d, order \"%s\", temperature %g: %d left of few, %d of all", (int)run, c.order, c.temperature, n, of);
        for (uint64_t i = 0; i < 3; i++) {
            int32_t token = lf_sampler_draw(few, logits, i);
            assert_int_equal(token, lf_sampler_draw(all, logits, i));
            lf_sampler_accept(few, token, false), lf_sampler_accept(all, token, false);
        }
        lf_sampler_free(&few), lf_sampler_free(&all);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    lf_sample_config bad[16];
    const char *said[16];
    int n = 0;
#define CASE(field, value, words) bad[n] = neutral(), bad[n].field = (value), said[n++] = (words)
    CASE(temperature, -0.1, "sampler.temperature");
    CASE(temperature, NAN, "sampler.temperature");
    CASE(temperature, 101, "at most 100");
    CASE(top_k, -1, "sampler.top_k");
    CASE(top_p, 0, "sampler.top_p: expected a number above 0 and at most 1, got 0");
    CASE(top_p, 1.5, "got 1.5");
    CASE(min_p, -0.5, "sampler.min_p");
    CASE(min_p, 1.01, "sampler.min_p");
    CASE(repetition_penalty, 0, "sampler.repetition_penalty");
    CASE(presence_penalty, INFINITY, "sampler.presence_penalty");
#undef CASE
    for (int i = 0; i < n; i++) {
        lf_error err = {0};
        assert_null(lf_sampler_new(&bad[i], 10, &err));
        assert_int_equal(err.code, LF_E_ARGUMENT);
        if (!strstr(err.message, said[i])) fail_msg("\"%s\" does not say \"%s\"", err.message, said[i]);
    }
    static const struct {
        const char *order, *message, *hint;
    } orders[] = {
        {"top_k,top_q", "unknown stage \"top_q\"", "top_"},
        {"temprature", "unknown stage \"temprature\"", "temperature"},
        {"top_k,,top_p", "unknown stage \"\"", ""},
        {"top_k, min_p ,top_k", "\"top_k\" stands twice", ""},
        {"zzzzzzzzzzzzzzzz", "the stages are penalties,", "--sampler.order"},
    };
    for (size_t i = 0; i < LF_COUNT(orders); i++) {
        lf_sample_config c = neutral();
        snprintf(c.order, sizeof c.order, "%s", orders[i].order);
        lf_error err = {0};
        assert_null(lf_sampler_new(&c, 10, &err));
        assert_int_equal(err.code, LF_E_ARGUMENT);
        if (!strstr(err.message, orders[i].message)) fail_msg("%s", err.message);
        if (!strstr(err.hint, orders[i].hint)) fail_msg("hint: %s", err.hint);
    }
    lf_sample_config c = neutral();
    assert_null(lf_sampler_new(&c, 0, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_sorting), cmocka_unit_test(test_greedy), cmocka_unit_test(test_penalties),
        cmocka_unit_test(test_few_are_enough),  cmocka_unit_test(test_draws),  cmocka_unit_test(test_hostile_logits),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
