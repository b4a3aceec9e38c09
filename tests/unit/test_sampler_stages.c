/* The stages of llama.cpp's chain against slow versions of their definitions: DRY by comparing every pair of places, typical-p and
 * top-n-sigma by sorting, windows by counting anew; XTC, dynamic temperature, mirostat and biases by hand. */
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

enum { V = 211 };

static lf_sample_config neutral(const char *order)
{
    lf_sample_config c = {.temperature = 1, .top_p = 1, .repetition_penalty = 1, .seed = 7};
    snprintf(c.order, sizeof c.order, "%s", order);
    return c;
}

static lf_sampler *make(const lf_sample_config *c, int v)
{
    lf_error err = {0};
    lf_sampler *s = lf_sampler_new(c, v, &err);
    if (!s) fail_msg("%s", err.message);
    return s;
}

static void fill(float *logits, int n, uint64_t seed)
{
    for (int i = 0; i < n; i++) logits[i] = (float)lf__rng_normal_at(seed, 1, (uint64_t)i) * 2;
}

static int32_t ids[V];
static double p[V];

/* What one draw would see: how many are left, in ids and p. */
static int left(const lf_sample_config *c, const float *logits, int v)
{
    lf_sampler *s = make(c, v);
    int n = lf_sampler_distribution(s, logits, ids, p);
    lf_sampler_free(&s);
    return n;
}

static void softmax(double *out, const double *logits, int n)
{
    double max = -1e300, sum = 0;
    for (int i = 0; i < n; i++) max = fmax(max, logits[i]);
    for (int i = 0; i < n; i++) sum += out[i] = exp(logits[i] - max);
    for (int i = 0; i < n; i++) out[i] /= sum;
}

static void test_top_n_sigma(void **state)
{
    (void)state;
    float logits[V];
    for (uint64_t round = 0; round < 20; round++) {
        lf_sample_config c = neutral("top_n_sigma");
        c.top_n_sigma = 0.2 * (double)(round + 1);
        fill(logits, V, round);
        double mean = 0, square = 0, max = -1e9;
        for (int i = 0; i < V; i++) mean += (double)logits[i] / V, max = fmax(max, (double)logits[i]);
        for (int i = 0; i < V; i++) square += ((double)logits[i] - mean) * ((double)logits[i] - mean) / V;
        int n = left(&c, logits, V), want = 0;
        for (int i = 0; i < V; i++)
            if ((double)logits[i] >= max - c.top_n_sigma * sqrt(square)) assert_int_equal(ids[want++], i);
        assert_int_equal(n, want);
    }
    lf_sample_config c = neutral("top_n_sigma"); /* a banned token has no say in what is usual */
    c.top_n_sigma = 1;
    strcpy(c.logit_bias, "0=ban");
    assert_int_equal(left(&c, (float[]){9, 1, 2, 3}, 4), 1);
    assert_int_equal(ids[0], 3);
}

typedef struct near_item {
    double distance, p;
    int id;
} near_item;
static int by_distance(const void *a, const void *b)
{
    const near_item *x = a, *y = b;
    return x->distance != y->distance ? (x->distance > y->distance) - (x->distance < y->distance) : x->id - y->id;
}

static void test_typical_p(void **state)
{
    (void)state;
    float logits[V];
    double wide[V], share[V];
    near_item items[V];
    bool kept[V];
    for (uint64_t round = 0; round < 20; round++) {
        lf_sample_config c = neutral("typical_p");
        c.typical_p = 0.05 * (double)round + 0.02;
        fill(logits, V, round + 50);
        for (int i = 0; i < V; i++) wide[i] = (double)logits[i], kept[i] = false;
        softmax(share, wide, V);
        double entropy = 0, run = 0;
        for (int i = 0; i < V; i++) entropy -= share[i] * log(share[i]);
        for (int i = 0; i < V; i++) items[i] = (near_item){fabs(-log(share[i]) - entropy), share[i], i};
        qsort(items, V, sizeof *items, by_distance);
        int n = left(&c, logits, V), want = 0;
        for (int i = 0; i < V && run <= c.typical_p; i++) kept[items[i].id] = true, run += items[i].p;
        for (int i = 0; i < V; i++)
            if (kept[i]) assert_int_equal(ids[want++], i);
        assert_int_equal(n, want);
    }
}

static void test_xtc(void **state)
{
    (void)state;
    const float logits[6] = {0, 3, 2.9f, -1, 2.8f, 1};
    lf_sample_config c = neutral("xtc");
    c.xtc_probability = 1, c.xtc_threshold = 0.2;
    assert_int_equal(left(&c, logits, 6), 4); /* 1 and 2 go; of the three likely ones 4 is the least */
    assert_memory_equal(ids, ((int32_t[]){0, 3, 4, 5}), 4 * sizeof *ids);
    c.xtc_threshold = 0.34;
    assert_int_equal(left(&c, logits, 6), 6); /* only one is that likely */
    c.xtc_threshold = 0.6;
    assert_int_equal(left(&c, (float[]){9, 0}, 2), 2);
    c.xtc_threshold = 0.2, c.xtc_probability = 0.3;
    int excluded = 0;
    lf_sampler *s = make(&c, 6), *again = make(&c, 6);
    for (uint64_t i = 0; i < 20000; i++) {
        int32_t id = lf_sampler_draw(s, logits, i);
        assert_int_equal(id, lf_sampler_draw(again, logits, i));
        excluded += lf_sampler_distribution(s, logits, ids, p) == 4;
    }
    assert_true(fabs(excluded / 20000.0 - 0.3) < 0.015);
    lf_sampler_free(&s), lf_sampler_free(&again);
}

static void test_dynatemp(void **state)
{
    (void)state;
    const float logits[4] = {2, 1, 0, -1};
    double share[4], want[4], entropy = 0;
    softmax(share, (double[]){2, 1, 0, -1}, 4);
    for (int i = 0; i < 4; i++) entropy -= share[i] * log(share[i]);
    lf_sample_config c = neutral("temperature");
    c.temperature = 1.2, c.dynatemp_range = 0.7, c.dynatemp_exponent = 2;
    double t = 0.5 + 1.4 * pow(entropy / log(4), 2);
    for (int i = 0; i < 4; i++) want[i] = (double)logits[i] / t;
    softmax(want, want, 4);
    assert_int_equal(left(&c, logits, 4), 4);
    for (int i = 0; i < 4; i++) assert_true(fabs(p[i] - want[i]) < 1e-12);
    c.dynatemp_exponent = 0; /* x^0 = 1: the highest */
    for (int i = 0; i < 4; i++) want[i] = (double)logits[i] / 1.9;
    softmax(want, want, 4);
    assert_int_equal(left(&c, logits, 4), 4);
    for (int i = 0; i < 4; i++) assert_true(fabs(p[i] - want[i]) < 1e-12);
    c.dynatemp_exponent = 2, c.temperature = 0.3, c.dynatemp_range = 0.5; /* never below zero; a sure thing stays one */
    assert_int_equal(left(&c, (float[]){1000, 0, 0}, 3), 1);
    assert_int_equal(ids[0], 0);
}

static void test_bias(void **state)
{
    (void)state;
    lf_sample_config c = neutral("temperature");
    strcpy(c.logit_bias, "1=2.5, 3=ban,0=-1e1");
    double want[4] = {0 - 10, 1 + 2.5, 2, -1e9};
    softmax(want, want, 4);
    assert_int_equal(left(&c, (float[]){0, 1, 2, 3}, 4), 4);
    for (int i = 0; i < 4; i++) assert_true(fabs(p[i] - want[i]) < 1e-12);
    c.temperature = 0;
    assert_int_equal(left(&c, (float[]){0, 1, 2, 3}, 4), 1);
    assert_int_equal(ids[0], 1);
    static const char *const bad[][2] = {
        {"1", "expected ID=BIAS"}, {"x=1", "whole number"}, {"4=1", "from 0 to 3"}, {"1=much", "expected a number"}};
    for (size_t i = 0; i < LF_COUNT(bad); i++) {
        lf_error err = {0};
        strcpy(c.logit_bias, bad[i][0]);
        assert_null(lf_sampler_new(&c, 4, &err));
        if (!strstr(err.message, bad[i][1])) fail_msg("\"%s\" does not say \"%s\"", err.message, bad[i][1]);
    }
}

/* ---- what came before --------------------------------------------------------------------------------------------------------------- */

static void test_window(void **state)
{
    (void)state;
    enum { N = 400, SMALL = 9 };
    float logits[SMALL];
    int32_t text[N];
    lf_sample_config c = neutral("penalties");
    c.repetition_penalty = 1.3, c.frequency_penalty = 0.2, c.presence_penalty = 0.4, c.penalty_last_n = 7;
    lf_sampler *s = make(&c, SMALL);
    fill(logits, SMALL, 3);
    for (int n = 0; n < N; n++) {
        text[n] = (int32_t)(lf__rng_at(5, 2, (uint64_t)n) % SMALL);
        lf_sampler_accept(s, text[n], n < N / 2);
        double want[SMALL];
        for (int t = 0; t < SMALL; t++) {
            int seen = 0, drawn = 0;
            for (int i = LF_MAX(n - 6, 0); i <= n; i++) seen += text[i] == t, drawn += text[i] == t && i >= N / 2;
            want[t] = (double)logits[t];
            if (seen) want[t] = want[t] > 0 ? want[t] / 1.3 : want[t] * 1.3;
            if (drawn) want[t] -= 0.2 * drawn + 0.4;
        }
        softmax(want, want, SMALL);
        assert_int_equal(lf_sampler_distribution(s, logits, ids, p), SMALL);
        for (int t = 0; t < SMALL; t++) assert_true(fabs(p[t] - want[t]) < 1e-12);
    }
    lf_sampler_free(&s);
}

/* For every earlier place: how far back do the tokens before it equal those at the end? */
static void slow_dry(double *logits, int vocab, const int32_t *text, int n, const lf_sample_config *c)
{
    int *longest = calloc((size_t)vocab, sizeof *longest);
    int from = LF_MAX(n - (int)c->dry_last_n, 0);
    for (int i = from + 1; i < n; i++) {
        int length = 0;
        while (i - 1 - length >= from && text[i - 1 - length] == text[n - 1 - length]) length++;
        if (length >= c->dry_allowed_length && length > longest[text[i]]) longest[text[i]] = length;
    }
    for (int t = 0; t < vocab; t++)
        if (longest[t]) logits[t] -= c->dry_multiplier * fmin(pow(c->dry_base, (double)(longest[t] - c->dry_allowed_length)), exp(88));
    free(longest);
}

static void test_dry(void **state)
{
    (void)state;
    enum { N = 300, SMALL = 5 };
    float logits[SMALL];
    int32_t text[N];
    static const int64_t windows[] = {1, 2, 13, 64, 1000};
    fill(logits, SMALL, 8);
    for (size_t w = 0; w < LF_COUNT(windows); w++)
        for (uint64_t mode = 0; mode < 3; mode++) {
            lf_sample_config c = neutral("dry");
            c.dry_multiplier = 0.8, c.dry_base = 1.75, c.dry_allowed_length = 2, c.dry_last_n = windows[w];
            lf_sampler *s = make(&c, SMALL);
            for (int n = 0; n < N; n++) { /* random, periodic, all the same */
                text[n] = mode == 0 ? (int32_t)(lf__rng_at(w, 3, (uint64_t)n) % 3) : mode == 1 ? (n * n) % 5 % SMALL : 2;
                lf_sampler_accept(s, text[n], n < 20);
                double want[SMALL];
                for (int t = 0; t < SMALL; t++) want[t] = (double)logits[t];
                slow_dry(want, SMALL, text, n + 1, &c);
                softmax(want, want, SMALL);
                lf_sampler_distribution(s, logits, ids, p);
                for (int t = 0; t < SMALL; t++)
                    if (fabs(p[t] - want[t]) > 1e-9)
                        fail_msg("window %d, mode %d, token %d: %g, expected %g", (int)windows[w], (int)mode, n, p[t], want[t]);
            }
            lf_sampler_free(&s);
        }
}

static void test_dry_breakers(void **state)
{
    (void)state;
    lf_error err = {0};
    char path[] = "/tmp/foundry-dry-XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    fputs("ab:cd\n", f);
    fclose(f);
    lf_tokenizer_train_options options = {.mode = "char"};
    lf_tokenizer *t = lf_tokenizer_train((const char *[]){path}, 1, &options, &err);
    remove(path);
    if (!t) fail_msg("%s", err.message);
    int v = lf_tokenizer_size(t);
    int32_t text[16];
    float logits[16] = {0};
    lf_sample_config c = neutral("dry");
    c.dry_multiplier = 2, c.dry_base = 2, c.dry_allowed_length = 2;
    strcpy(c.dry_sequence_breakers, "\\n|:");
    static const struct {
        const char *text;
        char held_back; /* 0: nothing is */
    } cases[] = {{"abcdab", 'c'}, {"ab:dab", 0}, {"ab:cdab:c", 0}, {"dcab\ndcab", 0}, {"dcabadcab", 'a'}, {"dcaba:dca", 'b'}};
    for (size_t i = 0; i < LF_COUNT(cases); i++) {
        lf_sampler *s = make(&c, v);
        assert_int_equal(lf_sampler_use_tokenizer(s, t, &err), 0);
        int64_t n = lf_tokenizer_encode(t, text, 16, cases[i].text, strlen(cases[i].text), false, &err), least = 0;
        for (int64_t k = 0; k < n; k++) lf_sampler_accept(s, text[k], true);
        lf_sampler_distribution(s, logits, ids, p);
        for (int k = 0; k < v; k++)
            if (p[k] < p[least]) least = k;
        bool any = p[least] < 1.0 / v - 1e-9;
        if (any != (cases[i].held_back != 0) || (any && *lf_tokenizer_token(t, (int32_t)least, &(size_t){0}, NULL) != cases[i].held_back))
            fail_msg("%s: token %d, %g", cases[i].text, (int)least, p[least]);
        lf_sampler_free(&s);
    }
    lf_tokenizer_free(&t);
}

/* ---- mirostat ------------------------------------------------------------------------------------------------------------ */

/* Over many draws from one distribution the mean surprise comes near tau, for both versions; the same seed draws the same. */
static void test_mirostat(void **state)
{
    (void)state;
    enum { DRAWS = 3000 };
    float logits[V];
    for (int i = 0; i < V; i++) logits[i] = -(float)log(i + 1.0); /* Zipf's law itself */
    for (int version = 1; version <= 2; version++)
        for (double tau = 2; tau < 4.5; tau++) {
            lf_sample_config c = neutral("");
            c.mirostat = version, c.mirostat_tau = tau, c.mirostat_eta = 0.1;
            lf_sampler *s = make(&c, V), *again = make(&c, V);
            double sum = 0;
            for (int i = 0; i < DRAWS; i++) {
                int n = lf_sampler_distribution(s, logits, ids, p);
                int32_t id = lf_sampler_draw(s, logits, (uint64_t)i);
                assert_int_equal(id, lf_sampler_draw(again, logits, (uint64_t)i));
                for (int k = 0; k < n; k++)
                    if (ids[k] == id) sum -= log2(p[k]);
                lf_sampler_accept(s, id, false), lf_sampler_accept(again, id, false);
            }
            if (fabs(sum / DRAWS - tau) > 0.15) fail_msg("mirostat %d: %.2f bits instead of %.1f", version, sum / DRAWS, tau);
            lf_sampler_free(&s), lf_sampler_free(&again);
        }
    lf_sample_config c = neutral("top_k"); /* which does not run */
    c.mirostat = 2, c.mirostat_tau = 50, c.top_k = 1;
    assert_int_equal(left(&c, logits, V), V);
    c.mirostat_tau = 0;
    assert_int_equal(left(&c, logits, V), 1);
}

static void test_refusals(void **state)
{
    (void)state;
    lf_sample_config bad[8];
    static const char *const said[8] = {"dry_base",  "typical_p",    "xtc_probability", "top_n_sigma",
                                        "mirostat:", "mirostat_eta", "penalty_last_n",  "dynatemp_range"};
    for (int i = 0; i < 8; i++) bad[i] = neutral("");
    bad[0].dry_multiplier = 1, bad[0].dry_base = 0.5, bad[1].typical_p = 1.5, bad[2].xtc_probability = -1, bad[3].top_n_sigma = NAN;
    bad[4].mirostat = 3, bad[5].mirostat_eta = 2, bad[6].penalty_last_n = -1, bad[7].dynatemp_range = INFINITY;
    for (int i = 0; i < 8; i++) {
        lf_error err = {0};
        assert_null(lf_sampler_new(&bad[i], 10, &err));
        if (!strstr(err.message, said[i])) fail_msg("\"%s\" does not say \"%s\"", err.message, said[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_top_n_sigma), cmocka_unit_test(test_typical_p),    cmocka_unit_test(test_xtc),
        cmocka_unit_test(test_dynatemp),    cmocka_unit_test(test_bias),         cmocka_unit_test(test_window),
        cmocka_unit_test(test_dry),         cmocka_unit_test(test_dry_breakers), cmocka_unit_test(test_mirostat),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests_name("sampler stages", tests, NULL, NULL);
}
