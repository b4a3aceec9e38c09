/* test_dtype.c - the table of types: halves over all their bits, blocks against ggml's own values (tests/peers/compare_gguf.py wrote them),
 * the error of quantizing pinned, and floats that are no numbers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/formats.h"

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Sign, exponent, mantissa: the definition. */
static double half_value(uint16_t h)
{
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    double x = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    if (exponent == 31) x = mantissa ? NAN : INFINITY;
    return h & 0x8000 ? -x : x;
}

static void halves(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        double x = half_value((uint16_t)h);
        float y = lf__f16_to_f32((uint16_t)h);
        if (isnan(x)) {
            assert_true(isnan(y) && isnan(lf__f16_to_f32(lf__f32_to_f16(y))));
            continue;
        }
        if ((double)y != x || !signbit(y) != !(h >> 15)) fail_msg("half %04x is %g, got %g", h, x, (double)y);
        if (lf__f32_to_f16(y) != h) fail_msg("half %04x became %04x", h, lf__f32_to_f16(y));
    }
    /* Between two neighbours: nearest, and at the middle the even one; above 65504 + 16 infinity. */
    for (uint32_t h = 0; h < 0x7c00; h++) {
        double low = half_value((uint16_t)h), high = h == 0x7bff ? 65536 : half_value((uint16_t)(h + 1)), middle = (low + high) / 2;
        uint32_t even = h + (h & 1);
        assert_true((double)(float)middle == middle);
        assert_int_equal(lf__f32_to_f16((float)middle), even);
        assert_int_equal(lf__f32_to_f16(-(float)middle), even | 0x8000);
        assert_int_equal(lf__f32_to_f16(nextafterf((float)middle, 0)), h);
        assert_int_equal(lf__f32_to_f16(nextafterf((float)middle, INFINITY)), h + 1);
    }
    assert_int_equal(lf__f32_to_f16(INFINITY), 0x7c00);
    assert_int_equal(lf__f32_to_f16(-3e38f), 0xfc00);
    assert_int_equal(lf__f32_to_f16(1e-40f), 0);
    assert_true(isnan(lf__f16_to_f32(lf__f32_to_f16(float_of(0x7f800001)))));
}

static void brain_floats(void **state)
{
    (void)state;
    const lf_dtype_traits *t = lf__dtype(LF_BF16);
    for (uint32_t h = 0; h < 65536; h++) {
        uint8_t bytes[2] = {(uint8_t)h, (uint8_t)(h >> 8)};
        float x;
        t->to_float(&x, bytes, 1);
        assert_int_equal(bits_of(x), h << 16);
        if (isnan(x)) {
            assert_true((lf__f32_to_bf16(x) & 0x7fff) > 0x7f80);
            continue;
        }
        assert_int_equal(lf__f32_to_bf16(x), h);
        if ((h & 0x7fff) >= 0x7f80) continue;
        assert_int_equal(lf__f32_to_bf16(float_of(h << 16 | 0x7fff)), h);
        assert_int_equal(lf__f32_to_bf16(float_of(h << 16 | 0x8000)), h + (h & 1));
        assert_int_equal(lf__f32_to_bf16(float_of(h << 16 | 0x8001)), h + 1);
    }
    assert_true((lf__f32_to_bf16(float_of(0x7f800001)) & 0x7fff) > 0x7f80); /* its mantissa is all in the lost half */
}

static void table(void **state)
{
    (void)state;
    for (int i = 0; i < LF_DTYPES; i++) {
        const lf_dtype_traits *t = lf__dtype((lf_dtype)i), *last = t;
        assert_non_null(t->name);
        assert_int_equal(lf__dtype_find(t->name), i);
        assert_int_equal(t->ggml < 0 ? i : lf__dtype_find_ggml((uint32_t)t->ggml), i);
        while (last->block > 1) last = lf__dtype(last->fallback);
        assert_true(last == t || last == lf__dtype(LF_F16));
    }
    size_t bytes;
    assert_int_equal(lf__dtype_find("q4_k"), LF_Q4_K);
    assert_int_equal(lf__dtype_find("Q4"), -1);
    assert_int_equal(lf__dtype_find_ggml(31), -1);
    assert_int_equal(lf__dtype_find_ggml(UINT32_MAX), -1);
    assert_true(lf__dtype_size(&bytes, LF_Q6_K, 512) && bytes == 420);
    assert_false(lf__dtype_size(&bytes, LF_Q6_K, 128));
    assert_false(lf__dtype_size(&bytes, LF_F32, SIZE_MAX / 2));
}

static void golden_blocks(void **state)
{
    (void)state;
    lf_safetensors st;
    lf_error err = {0};
    if (lf__safetensors_open(&st, TESTS_DIR "/golden/data/blocks.safetensors", &err)) fail_msg("%s", err.message);
    int seen = 0;
    for (int i = LF_F16; i <= LF_MXFP4; i++) {
        const lf_dtype_traits *t = lf__dtype((lf_dtype)i);
        char name[32];
        snprintf(name, sizeof name, "%s.blocks", t->name);
        const lf_file_tensor *blocks = lf__safetensors_find(&st, name);
        snprintf(name, sizeof name, "%s.values", t->name);
        const lf_file_tensor *values = lf__safetensors_find(&st, name);
        assert_true(blocks && values && values->bytes == 512 * sizeof(float));
        assert_int_equal(blocks->bytes, 512 / t->block * t->bytes);
        float out[512];
        uint8_t shifted[1100]; /* any alignment */
        memcpy(shifted + 1, blocks->data, blocks->bytes);
        t->to_float(out, shifted + 1, 512);
        for (int k = 0; k < 512; k++) {
            float expected;
            memcpy(&expected, values->data + 4 * k, 4);
            if (bits_of(out[k]) != bits_of(expected)) fail_msg("%s[%d]: %a, expected %a", t->name, k, (double)out[k], (double)expected);
        }
        seen++;
    }
    assert_int_equal(seen, 15);
    lf__safetensors_close(&st);
}

/* Root of the (weighted) mean squared error over that of the values; *hash goes on over the blocks. */
static double error_of(lf_dtype type, const float *x, size_t n, const float *importance, uint64_t *hash)
{
    const lf_dtype_traits *t = lf__dtype(type);
    uint8_t *blocks = malloc(n * 4);
    float *y = malloc(n * 4);
    double e = 0, s = 0;
    for (size_t i = 0; i < n; i += 256) t->from_float(blocks + i / (size_t)t->block * (size_t)t->bytes, x + i, 256, importance);
    *hash = lf__hash64(blocks, n / (size_t)t->block * (size_t)t->bytes, *hash);
    t->to_float(y, blocks, n);
    for (size_t i = 0; i < n; i++) {
        double w = importance ? (double)importance[i % 256] : 1, d = (double)y[i] - (double)x[i];
        e += w * d * d, s += w * (double)x[i] * (double)x[i];
    }
    free(blocks);
    free(y);
    return sqrt(e / s);
}

/* On normal numbers, without and with importance; the same bits from every compiler and machine; beside each limit what ggml 0.13
 * (ggml_quantize_chunk) makes of the same numbers. */
static void errors(void **state)
{
    (void)state;
    enum { N = 256 * 256 };
    /* clang-format off */
    static const struct { lf_dtype type; double plain, weighted; } limits[] = {
        {LF_F16,    0.000209, 0.000210}, {LF_BF16,   0.001663, 0.001674},
        {LF_Q4_0,   0.085717, 0.075360}, /* 0.085716 0.075879 */ {LF_Q4_1,   0.078669, 0.062005}, /* 0.078668 0.061974 */
        {LF_Q5_0,   0.042550, 0.037415}, /* 0.042549 0.037605 */ {LF_Q5_1,   0.037945, 0.029999}, /* 0.037944 0.030075 */
        {LF_Q8_0,   0.005343, 0.005351}, /* 0.005342 0.005350 */ {LF_Q4_K,   0.071139, 0.062962}, /* 0.071548 0.063166 */
        {LF_Q5_K,   0.035311, 0.031999}, /* 0.036111 0.032402 */ {LF_Q6_K,   0.017716, 0.015712}, /* 0.017713 0.015739 */
        {LF_IQ4_NL, 0.075979, 0.067748}, /* 0.076150 0.068851 */
    };
    /* clang-format on */
    uint64_t hash = 0;
    float *x = malloc(N * sizeof *x), importance[256], even[256];
    for (uint64_t i = 0; i < N; i++) x[i] = 0.02f * (float)lf__rng_normal_at(7, 1, i);
    for (uint64_t i = 0; i < 256; i++) {
        float u = (float)(lf__rng_at(7, 2, i) >> 11) * 0x1p-53f;
        importance[i] = u * u * (u * u) + 1e-3f, even[i] = 1;
    }
    for (size_t i = 0; i < LF_COUNT(limits); i++) {
        const char *name = lf__dtype(limits[i].type)->name;
        double plain = error_of(limits[i].type, x, N, NULL, &hash), weighted = error_of(limits[i].type, x, N, importance, &hash);
        if (plain > limits[i].plain || weighted > limits[i].weighted)
            fail_msg("%s: errors %.6f and %.6f, at most %.6f and %.6f are allowed", name, plain, weighted, limits[i].plain,
                     limits[i].weighted);
        if (lf__dtype(limits[i].type)->block > 1 && error_of(limits[i].type, x, N, even, &hash) > plain * 1.02)
            fail_msg("%s: even importance", name);
    }
    assert_int_equal(hash, 0x539d05e1bee8cea1);
    free(x);
}

/* Columns that nobody used weigh nothing: they are quantized all the same. */
static void no_importance(void **state)
{
    (void)state;
    float x[256], none[256] = {0};
    uint64_t hash = 0;
    for (uint64_t i = 0; i < 256; i++) x[i] = 0.02f * (float)lf__rng_normal_at(7, 3, i);
    for (int i = 0; i < LF_DTYPES; i++) {
        uint8_t blocks[1024];
        float y[256];
        const lf_dtype_traits *t = lf__dtype((lf_dtype)i);
        if (!t->from_float) continue;
        t->from_float(blocks, x, 256, none);
        t->to_float(y, blocks, 256);
        double e = 0, s = 0;
        for (int k = 0; k < 256; k++) e += pow((double)y[k] - (double)x[k], 2), s += pow((double)x[k], 2);
        if (sqrt(e / s) > error_of((lf_dtype)i, x, 256, NULL, &hash) * 1.1) fail_msg("%s: error %.4f", t->name, sqrt(e / s));
    }
}

/* Zeros stay zeros, a constant is kept to its own precision, and what is no number makes no trap: the sanitizers watch. */
static void strange_numbers(void **state)
{
    (void)state;
    static const float values[] = {0, 1, -1, 1e-30f, 1e-42f, 3e38f, -3e38f, INFINITY, -INFINITY, NAN};
    float x[256], y[256], importance[256];
    uint8_t blocks[1024];
    for (int i = 0; i < LF_DTYPES; i++) {
        const lf_dtype_traits *t = lf__dtype((lf_dtype)i);
        if (!t->from_float) continue;
        for (size_t v = 0; v < LF_COUNT(values); v++)
            for (int kind = 0; kind < 6;
                 kind++) { /* all the same; one among zeros; one among others; with importance even, zero, strange */
                for (int k = 0; k < 256; k++) {
                    x[k] = kind == 0 || k == 77 ? values[v] : kind == 1 ? 0 : (float)(k % 19) - 9;
                    importance[k] = kind == 4 ? 0 : kind == 5 ? values[(size_t)k % LF_COUNT(values)] : 1;
                }
                t->from_float(blocks, x, 256, kind > 2 ? importance : NULL);
                t->to_float(y, blocks, 256);
                for (int k = 0; k < 256 && kind == 0 && fabsf(values[v]) <= 1; k++)
                    if (!(fabsf(y[k] - x[k]) <= 0.01f)) fail_msg("%s: %g became %g", t->name, (double)x[k], (double)y[k]);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(halves),        cmocka_unit_test(brain_floats), cmocka_unit_test(table),
                                       cmocka_unit_test(golden_blocks), cmocka_unit_test(errors),       cmocka_unit_test(strange_numbers),
                                       cmocka_unit_test(no_importance)};
    return cmocka_run_group_tests_name("dtype", tests, NULL, NULL);
}
