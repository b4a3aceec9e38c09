/* The sampler against tests/golden/data/sampling.json: twelve cases in Hugging Face's order (temperature first), from an independent
 * float64 reference. Kept sets exactly, probabilities to 1e-6. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <math.h>

#include "base/base.h"
#include "foundry/generate.h"

enum { V = 12 };

static double number(json_t *settings, const char *key)
{
    json_t *value = json_object_get(settings, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* Runs one case with the stages of `order` and returns what is left. */
static int run_case(json_t *one, const char *order, int32_t *ids, double *p)
{
    json_t *settings = json_object_get(one, "settings"), *token;
    lf_sample_config c = {.top_k = (int64_t)number(settings, "top_k"),
                          .temperature = number(settings, "temperature"),
                          .top_p = number(settings, "top_p"),
                          .min_p = number(settings, "min_p"),
                          .repetition_penalty = number(settings, "repetition_penalty"),
                          .frequency_penalty = number(settings, "frequency_penalty"),
                          .presence_penalty = number(settings, "presence_penalty")};
    snprintf(c.order, sizeof c.order, "%s", order);
    lf_error err = {0};
    lf_sampler *s = lf_sampler_new(&c, V, &err);
    if (!s) fail_msg("%s", err.message);
    size_t i;
    float logits[V];
    json_array_foreach(json_object_get(one, "logits"), i, token) logits[i] = (float)json_number_value(token);
    json_array_foreach(json_object_get(one, "prompt"), i, token) lf_sampler_accept(s, (int32_t)json_integer_value(token), true);
    json_array_foreach(json_object_get(one, "generated"), i, token) lf_sampler_accept(s, (int32_t)json_integer_value(token), false);
    int n = lf_sampler_distribution(s, logits, ids, p);
    lf_sampler_free(&s);
    return n;
}

static void check_ids(const char *name, const char *stage, json_t *wanted, const int32_t *ids, int n)
{
    if ((int)json_array_size(wanted) != n) fail_msg("%s: %s: %zu tokens expected, %d left", name, stage, json_array_size(wanted), n);
    for (int i = 0; i < n; i++) {
        int32_t id = (int32_t)json_integer_value(json_array_get(wanted, (size_t)i));
        if (id != ids[i]) fail_msg("%s: %s: token %d expected at place %d, got %d", name, stage, id, i, ids[i]);
    }
}

static void test_cases(void **state)
{
    (void)state;
    json_t *doc = json_load_file(TESTS_DIR "/golden/data/sampling.json", 0, NULL), *one;
    assert_non_null(doc);
    json_t *cases = json_object_get(doc, "cases");
    assert_int_equal(json_array_size(cases), 12);
    size_t k;
    json_array_foreach(cases, k, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        int32_t ids[V];
        double p[V];
        int n = run_case(one, "penalties,temperature,top_k,top_p,min_p", ids, p);
        check_ids(name, "all stages", json_object_get(one, "kept"), ids, n);
        for (int i = 0; i < n; i++) {
            double want = json_number_value(json_array_get(json_object_get(one, "probs"), (size_t)ids[i]));
            if (!(fabs(want - p[i]) <= 1e-6)) fail_msg("%s: token %d: probability %.9f, expected %.9f", name, ids[i], p[i], want);
        }
        /* The sets between the stages: a stage that is not listed does not run. */
        n = run_case(one, "penalties,temperature,top_k", ids, p);
        check_ids(name, "after top_k", json_object_get(one, "after_top_k"), ids, n);
        n = run_case(one, "penalties,temperature,top_k,top_p", ids, p);
        check_ids(name, "after top_p", json_object_get(one, "after_top_p"), ids, n);
    }
    json_decref(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
