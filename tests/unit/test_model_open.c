/* test_model_open.c - models that only talk: as the file has them they are what lf_model_load makes, to the bit; in every type the logits
 * do not depend on how a text was fed or on threads, and stay near those of float32; what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/base.h"
#include "foundry/convert.h"
#include "foundry/model.h"

enum { VOCAB = 320, N = 70 };

static char dir[64], gguf[96];
static int32_t tokens[N];
static const char *const all_types[] = {"f32", "bf16", "q8_0", "q4_0", "iq4_nl", "q4_k", "q5_k", "q6_k"};

static lf_device *device(int threads, const char *isa)
{
    lf_error err = {0};
    lf_device *d = lf_device_open(&(lf_device_options){.threads = threads, .pin = "off", .isa = isa}, &err);
    if (!d) fail_msg("%s", err.message);
    return d;
}

static int make(void **state)
{
    (void)state;
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    strcpy(c.model.model_type, "llama");
    c.model.vocab_size = VOCAB, c.model.hidden_size = 256, c.model.intermediate_size = 512, c.model.num_hidden_layers = 2;
    c.model.num_attention_heads = 8, c.model.num_key_value_heads = 2, c.model.max_position_embeddings = 128;
    c.model.tie_word_embeddings = false, c.model.initializer_range = 0.08;
    strcpy(dir, "/tmp/model_open.XXXXXX");
    if (!mkdtemp(dir)) return -1;
    snprintf(gguf, sizeof gguf, "%s/q.gguf", dir);
    lf_device *d = device(2, "auto");
    lf_model *m = lf_model_new(d, &c.model, 3, &err);
    int status = m ? lf_model_save(m, dir, &err) : -1;
    lf_model_free(&m);
    lf_device_close(&d);
    for (int i = 0; i < N; i++) tokens[i] = (int32_t)(lf__rng_at(5, 1, (uint64_t)i) % VOCAB);
    return status;
}

static int unmake(void **state)
{
    (void)state;
    return lf__remove_tree(dir, NULL);
}

/* Logits [N, VOCAB] of the texts; the caller frees them. */
static float *logits(lf_device *d, const char *path, const char *weights, int chunk)
{
    lf_error err = {0};
    float *z = malloc(sizeof *z * N * VOCAB);
    lf_model *m = weights ? lf_model_open(d, path, weights, &err) : lf_model_load(d, path, &err);
    if (!m || lf_model_logits(m, z, tokens, N, chunk, &err)) fail_msg("%s of %s: %s", weights, path, err.message);
    lf_model_free(&m);
    return z;
}

static void export_as(const char *dtype)
{
    lf_error err = {0};
    lf_convert_report report;
    unlink(gguf);
    if (lf_model_convert(dir, gguf, &(lf_convert_options){.format = "gguf", .dtype = dtype}, &report, &err)) fail_msg("%s", err.message);
    assert_int_equal(report.fallbacks, 0);
}

static double distance(const float *a, const float *b)
{
    double d = 0, n = 0;
    for (int i = 0; i < N * VOCAB; i++) d += pow((double)a[i] - b[i], 2), n += (double)b[i] * b[i];
    return sqrt(d / n);
}

static void types(void **state)
{
    (void)state;
    /* What rounding of weights and activations does to these logits, relative: a third more than was measured. */
    static const double far[] = {0, 0.02, 0.06, 0.6, 0.55, 0.5, 0.26, 0.15};
    lf_device *one = device(1, "auto"), *two = device(2, "auto"), *scalar = device(1, "scalar");
    float *exact = logits(one, dir, NULL, 0);
    for (size_t i = 0; i < LF_COUNT(all_types); i++) {
        float *z = logits(one, dir, all_types[i], 0), *other = logits(two, dir, all_types[i], 7),
              *single = logits(two, dir, all_types[i], 1);
        assert_memory_equal(z, other, sizeof *z * N * VOCAB);
        assert_memory_equal(z, single, sizeof *z * N * VOCAB);
        double e = distance(z, exact);
        print_message("%-6s is %.4f from float32\n", all_types[i], e);
        if (!(e <= far[i] && (i == 0 || e > 0)))
            fail_msg("%s: logits are %g from those of float32, %g is allowed", all_types[i], e, far[i]);
        free(z), free(other), free(single);
        z = logits(scalar, dir, all_types[i], 0); /* another rung rounds elsewhere, not more */
        if (distance(z, exact) > far[i] + 1e-5) fail_msg("%s on the scalar rung: %g", all_types[i], distance(z, exact));
        free(z);
    }
    free(exact);
    lf_device_close(&one), lf_device_close(&two), lf_device_close(&scalar);
}

/* Quantized on the way in, or before in a file: the same. Rows of q and k lie in another order there. */
static void files(void **state)
{
    (void)state;
    lf_device *d = device(2, "auto");
    lf_error err = {0};
    static const char *const in_file[] = {"f32", "q8_0", "q4_0", "q4_k", "q6_k"};
    for (size_t i = 0; i < LF_COUNT(in_file); i++) {
        export_as(in_file[i]);
        float *direct = logits(d, dir, in_file[i], 0), *file = logits(d, gguf, "auto", 0);
        assert_memory_equal(direct, file, sizeof *direct * N * VOCAB);
        free(direct), free(file);
    }
    lf_model *m = lf_model_open(d, gguf, "auto", &err);
    assert_non_null(m);
    assert_int_equal(lf_model_save(m, dir, &err), -1);
    assert_non_null(strstr(err.message, "opened to talk"));
    lf_model_free(&m);
    err = (lf_error){0};
    assert_null(lf_model_open(d, dir, "q3_x", &err));
    assert_non_null(strstr(err.message, "got \"q3_x\""));
    err = (lf_error){0};
    assert_null(lf_model_open(d, "/nowhere", "auto", &err));
    assert_true(err.code != LF_OK);
    lf_device_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(types), cmocka_unit_test(files)};
    return cmocka_run_group_tests(tests, make, unmake);
}
