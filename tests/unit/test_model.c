/* test_model.c - a model's numbers filled in by a C program: what cannot be is a sentence, never a crash. */
#include "foundry/foundry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static lf_device *device;

static lf_model_config small(void)
{
    return (lf_model_config){.model_type = "llama",
                             .vocab_size = 11,
                             .hidden_size = 8,
                             .intermediate_size = 12,
                             .num_hidden_layers = 1,
                             .num_attention_heads = 2,
                             .max_position_embeddings = 16,
                             .rms_norm_eps = 1e-5,
                             .rope_theta = 10000,
                             .initializer_range = 0.02,
                             .tie_word_embeddings = true,
                             .bos_token_id = -1,
                             .eos_token_id = -1};
}

static void refused(lf_model_config c, const char *words)
{
    lf_error err = {0};
    lf_model *m = lf_model_new(device, &c, 1, &err);
    assert_null(m);
    assert_int_equal(err.code, strcmp(words, "architecture") ? LF_E_CONFIG : LF_E_UNSUPPORTED);
    if (!strstr(err.message, words)) fail_msg("expected \"%s\" in \"%s\"", words, err.message);
}

static void test_impossible_numbers(void **state)
{
    (void)state;
    refused((lf_model_config){0}, "vocab_size");
#define WITH(field, value, words)                                                                                                          \
    do {                                                                                                                                   \
        lf_model_config c = small();                                                                                                       \
        c.field = value;                                                                                                                   \
        refused(c, words);                                                                                                                 \
    } while (0)
    WITH(vocab_size, -1, "vocab_size");
    WITH(hidden_size, INT64_MAX, "hidden_size");
    WITH(hidden_size, 9, "does not divide");
    WITH(num_attention_heads, 0, "num_attention_heads");
    WITH(num_attention_heads, INT64_MIN, "num_attention_heads");
    WITH(num_key_value_heads, 3, "num_key_value_heads");
    WITH(head_dim, 3, "even");
    WITH(head_dim, ((int64_t)1 << 32) + 4, "head_dim");
    WITH(head_dim, -2, "head_dim");
    WITH(max_position_embeddings, 0, "max_position_embeddings");
    WITH(rope_theta, 0, "rope_theta");
    WITH(rope_theta, __builtin_nan(""), "rope_theta");
    WITH(rms_norm_eps, -1, "rms_norm_eps");
    WITH(initializer_range, __builtin_inf(), "initializer_range");
    WITH(model_type[0], 'x', "architecture");
}

static void test_logits_of_what_cannot_be(void **state)
{
    (void)state;
    lf_model_config c = small();
    lf_error err = {0};
    lf_model *m = lf_model_new(device, &c, 1, &err);
    assert_non_null(m);
    float logits[17 * 11];
    int32_t tokens[17] = {0};
    assert_int_equal(lf_model_logits(m, logits, tokens, 16, 0, &err), 0);
    assert_int_equal(lf_model_logits(m, logits, tokens, 17, 0, &err), -1);
    assert_int_equal(err.code, LF_E_LIMIT);
    lf_error_reset(&err);
    tokens[3] = 11;
    assert_int_equal(lf_model_logits(m, logits, tokens, 4, 0, &err), -1);
    assert_non_null(strstr(err.message, "11"));
    assert_int_equal(lf_model_logits(m, logits, tokens, 0, 0, NULL), -1);
    lf_model_free(&m);
    assert_null(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_impossible_numbers), cmocka_unit_test(test_logits_of_what_cannot_be)};
    device = lf_device_open(&(lf_device_options){.threads = 1}, NULL);
    int failed = device ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    lf_device_close(&device);
    return failed;
}
