/* test_eval.c - perplexity and divergence against their definitions, spelled out with all logits of every window; every token counts once,
 * whatever the windows; what stands between documents; what is refused. */
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
#include "foundry/eval.h"

enum { CONTEXT = 48 };

static const char text[] = "the cat sat on the mat and the dog sat on the cat and the mat sat on the dog and all of them sat on.\n"
                           "<|endoftext|>\nz\n<|endoftext|>\n<|endoftext|>\na small one\n<|endoftext|>\nand the last, without an end";
static const char *const documents[] = {
    "the cat sat on the mat and the dog sat on the cat and the mat sat on the dog and all of them sat on.", "z", "a small one",
    "and the last, without an end"};
static char path[64];
static lf_tokenizer *tokenizer;
static lf_device *device;
static lf_model *model, *other;
static lf_eval_text *data;
static int vocab;

static lf_model *make_model(int vocab_size, uint64_t seed)
{
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    strcpy(c.model.model_type, "llama");
    c.model.vocab_size = vocab_size, c.model.hidden_size = 32, c.model.intermediate_size = 64, c.model.num_hidden_layers = 2;
    c.model.num_attention_heads = 4, c.model.num_key_value_heads = 2, c.model.max_position_embeddings = CONTEXT;
    c.model.initializer_range = 0.3;
    lf_model *m = lf_model_new(device, &c.model, seed, &err);
    if (!m) fail_msg("%s", err.message);
    return m;
}

static int make(void **state)
{
    LF_UNUSED(state);
    lf_error err = {0};
    const char *paths[] = {path};
    snprintf(path, sizeof path, "/tmp/lf-test-eval-%d.txt", (int)getpid());
    if (lf__write_file(path, text, sizeof text - 1, &err)) return -1;
    tokenizer = lf_tokenizer_train(paths, 1, &(lf_tokenizer_train_options){.mode = "char"}, &err);
    device = lf_device_open(&(lf_device_options){.threads = 2, .pin = "off"}, &err);
    if (!tokenizer || !device) fail_msg("%s", err.message);
    vocab = lf_tokenizer_size(tokenizer);
    model = make_model(vocab, 1), other = make_model(vocab, 2);
    data = lf_eval_text_new(text, sizeof text - 1, tokenizer, lf_model_config_of(model), &err);
    if (!data) fail_msg("%s", err.message);
    return 0;
}

static int unmake(void **state)
{
    LF_UNUSED(state);
    lf_eval_text_free(&data);
    lf_model_free(&model), lf_model_free(&other);
    lf_device_close(&device);
    lf_tokenizer_free(&tokenizer);
    return remove(path);
}

/* ---- the definition -------------------------------------------------------------------------------------------------------------------
 */
typedef struct told {
    double nll[2], kl, delta; /* of base and model, when this was scored */
    bool same;
} told;

static double log_sum(const float *z)
{
    double max = (double)z[0], sum = 0;
    for (int i = 1; i < vocab; i++) max = LF_MAX(max, (double)z[i]);
    for (int i = 0; i < vocab; i++) sum += exp((double)z[i] - max);
    return max + log(sum);
}

static told compare(const float *x, const float *y, int32_t target)
{
    double lx = log_sum(x), ly = log_sum(y);
    told t = {.nll = {lx - (double)x[target], ly - (double)y[target]}};
    int a = 0, b = 0;
    for (int i = 0; i < vocab; i++) {
        t.kl += exp((double)x[i] - lx) * (((double)x[i] - lx) - ((double)y[i] - ly));
        if (x[i] > x[a]) a = i;
        if (y[i] > y[b]) b = i;
    }
    t.same = a == b, t.delta = exp(-t.nll[1]) - exp(-t.nll[0]);
    return t;
}

/* Every token of one document by the windows of (context, stride); returns how many. */
static int score_document(told *out, lf_model *p, lf_model *q, const char *doc, size_t n, bool ended, int context, int stride)
{
    int32_t ids[256];
    float *x = malloc(sizeof *x * 256 * (size_t)vocab), *y = malloc(sizeof *y * 256 * (size_t)vocab);
    int length = 1 + (int)lf_tokenizer_encode(tokenizer, ids + 1, 255, doc, n, false, NULL), scored = 0;
    ids[0] = lf_tokenizer_end(tokenizer);
    if (ended) ids[length++] = ids[0];
    for (int begin = 0; scored < length - 1; begin += stride) {
        int end = LF_MIN(begin + context, length - 1);
        assert_int_equal(lf_model_logits(p, x, ids + begin, end - begin, 0, NULL), 0);
        assert_int_equal(lf_model_logits(q, y, ids + begin, end - begin, 0, NULL), 0);
        for (; scored < end; scored++) {
            size_t row = (size_t)(scored - begin) * (size_t)vocab;
            out[scored] = compare(x + row, y + row, ids[scored + 1]);
        }
    }
    free(x), free(y);
    return scored;
}

static int score_all(told *out, lf_model *p, lf_model *q, int context, int stride)
{
    int n = 0;
    for (int d = 0; d < 4; d++) n += score_document(out + n, p, q, documents[d], strlen(documents[d]), d < 3, context, stride);
    return n;
}

static void near(double got, double want, double tolerance, const char *what)
{
    if (!(fabs(got - want) <= tolerance * fmax(1, fabs(want)))) fail_msg("%s: %.12g, expected %.12g", what, got, want);
}

static const int shapes[][2] = {{CONTEXT, CONTEXT}, {CONTEXT, 1}, {16, 16}, {16, 7}, {5, 3}, {1, 1}, {47, 46}};

static void perplexity(void **state)
{
    LF_UNUSED(state);
    for (size_t s = 0; s < LF_COUNT(shapes); s++) {
        static told all[512];
        lf_error err = {0};
        lf_perplexity got;
        int n = score_all(all, model, model, shapes[s][0], shapes[s][1]);
        double sum = 0, squares = 0, bytes = 0;
        for (int d = 0; d < 4; d++) bytes += (double)strlen(documents[d]);
        for (int i = 0; i < n; i++) sum += all[i].nll[0], squares += all[i].nll[0] * all[i].nll[0];
        if (lf_eval_perplexity(&got, model, data, &(lf_eval_options){.context = shapes[s][0], .stride = shapes[s][1]}, &err))
            fail_msg("%s", err.message);
        assert_int_equal(got.tokens, n);
        assert_int_equal(n, lf_eval_text_tokens(data));
        assert_int_equal(got.documents, 4);
        assert_int_equal(got.bytes, bytes);
        near(got.nll, sum / n, 1e-5, "nll");
        near(got.perplexity, exp(sum / n), 1e-5, "perplexity");
        near(got.nll_error, sqrt((squares / n - sum / n * sum / n) / (n - 1)), 1e-4, "error");
        near(got.error, got.perplexity * got.nll_error, 1e-12, "error of the perplexity");
        near(got.bits_per_byte, sum / log(2) / bytes, 1e-5, "bits per byte");
    }
}

static void divergence(void **state)
{
    LF_UNUSED(state);
    for (size_t s = 0; s < LF_COUNT(shapes); s++) {
        static told all[512];
        lf_error err = {0};
        lf_divergence got;
        int n = score_all(all, other, model, shapes[s][0], shapes[s][1]);
        double kl = 0, same = 0, delta = 0, squares = 0, most = 0, ratio = 0;
        for (int i = 0; i < n; i++) {
            kl += all[i].kl / n, same += (double)all[i].same / n, delta += all[i].delta / n, squares += all[i].delta * all[i].delta / n;
            most = fmax(most, all[i].kl), ratio += (all[i].nll[1] - all[i].nll[0]) / n;
        }
        if (lf_eval_divergence(&got, model, other, data, &(lf_eval_options){.context = shapes[s][0], .stride = shapes[s][1]}, &err))
            fail_msg("%s", err.message);
        assert_int_equal(got.tokens, n);
        near(got.kl, kl, 1e-6, "kl");
        near(got.top1, same, 1e-12, "top 1");
        near(got.delta_p, delta, 1e-6, "delta p");
        near(got.rms_delta_p, sqrt(squares), 1e-6, "rms delta p");
        near(got.kl_max, most, 1e-6, "largest");
        near(got.ratio, exp(ratio), 1e-6, "ratio");
        near(got.ratio, got.perplexity / got.base_perplexity, 1e-9, "ratio of the perplexities");
        assert_true(got.kl_median > 0 && got.kl_median < got.kl_99 && got.kl_99 <= got.kl_max && got.kl_error > 0);
    }
    lf_divergence none;
    assert_int_equal(lf_eval_divergence(&none, model, model, data, NULL, NULL), 0);
    near(none.kl_max, 0, 1e-12, "a model beside itself");
    near(none.ratio, 1, 0, "a model beside itself");
    near(none.top1, 1, 0, "a model beside itself");
}

static void any_number_of_threads(void **state)
{
    LF_UNUSED(state);
    lf_divergence two, one;
    lf_perplexity a, b;
    assert_int_equal(lf_eval_divergence(&two, model, other, data, NULL, NULL), 0);
    assert_int_equal(lf_eval_perplexity(&a, model, data, NULL, NULL), 0);
    lf_device *keep = device;
    device = lf_device_open(&(lf_device_options){.threads = 1, .pin = "off"}, NULL);
    lf_model *p = make_model(vocab, 1), *q = make_model(vocab, 2);
    assert_int_equal(lf_eval_divergence(&one, p, q, data, NULL, NULL), 0);
    assert_int_equal(lf_eval_perplexity(&b, p, data, NULL, NULL), 0);
    one.seconds = two.seconds, b.seconds = a.seconds;
    assert_memory_equal(&one, &two, sizeof one);
    assert_memory_equal(&a, &b, sizeof a);
    lf_model_free(&p), lf_model_free(&q);
    lf_device_close(&device);
    device = keep;
}

static int never(const char *what, double done, double total, const char *unit, void *user)
{
    LF_UNUSED(what), LF_UNUSED(done), LF_UNUSED(total), LF_UNUSED(unit), LF_UNUSED(user);
    return 1;
}

static void says(const lf_error *err, lf_code code, const char *words)
{
    if (err->code != code || !strstr(err->message, words)) fail_msg("expected \"%s\", got: %s", words, err->message);
}

static void refused(void **state)
{
    LF_UNUSED(state);
    lf_perplexity p;
    lf_divergence d;
    lf_error err = {0};
    static const struct {
        lf_eval_options o;
        lf_code code;
        const char *words;
    } rows[] = {{{.context = CONTEXT + 1}, LF_E_ARGUMENT, "a window of 49 tokens; the model's context holds 1 to 48"},
                {{.context = -1}, LF_E_ARGUMENT, "a window of -1"},
                {{.context = 8, .stride = 9}, LF_E_ARGUMENT, "windows 9 tokens apart; 1 to 8"},
                {{.stride = -1}, LF_E_ARGUMENT, "windows -1 tokens apart"},
                {{.progress = never}, LF_E_INTERRUPTED, "stopped after"}};
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        lf_error_reset(&err);
        assert_int_equal(lf_eval_perplexity(&p, model, data, &rows[i].o, &err), -1);
        says(&err, rows[i].code, rows[i].words);
        lf_error_reset(&err);
        assert_int_equal(lf_eval_divergence(&d, model, other, data, &rows[i].o, &err), -1);
        says(&err, rows[i].code, rows[i].words);
    }
    lf_model *wide = make_model(vocab + 3, 1), *narrow = make_model(vocab - 1, 1);
    lf_error_reset(&err);
    assert_int_equal(lf_eval_divergence(&d, wide, model, data, NULL, &err), -1);
    says(&err, LF_E_MISMATCH, "cannot be compared");
    lf_error_reset(&err);
    assert_null(lf_eval_text_new(text, 5, tokenizer, lf_model_config_of(narrow), &err));
    says(&err, LF_E_MISMATCH, "the tokenizer has");
    lf_error_reset(&err);
    assert_null(lf_eval_text_new("", 0, tokenizer, lf_model_config_of(model), &err));
    says(&err, LF_E_LIMIT, "holds no token");
    lf_error_reset(&err);
    assert_null(lf_eval_text_new("\xe4\xb8\x80", 3, tokenizer, lf_model_config_of(model), &err));
    assert_int_not_equal(err.code, LF_OK);
    lf_model_free(&wide), lf_model_free(&narrow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(perplexity), cmocka_unit_test(divergence), cmocka_unit_test(any_number_of_threads),
                                       cmocka_unit_test(refused)};
    return cmocka_run_group_tests_name("eval", tests, make, unmake);
}
