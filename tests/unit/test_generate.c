/* A model talks: the same text for any number of threads and any way a prompt is cut into chunks; every way an answer can end; what a
 * document begins with; what is refused. Random weights: what is said is nonsense, that it is the same nonsense is the point. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "foundry/foundry.h"

enum { CONTEXT = 600 };
static lf_tokenizer *bpe, *chars;

typedef struct answer {
    char text[1 << 16];
    size_t n;
    int calls, stop_at;
} answer;

static int take(const char *text, size_t n, void *user)
{
    answer *a = user;
    assert_true(n > 0 && a->n + n < sizeof a->text);
    memcpy(a->text + a->n, text, n);
    a->n += n;
    a->text[a->n] = 0;
    return ++a->calls == a->stop_at;
}

static lf_device *device(int threads)
{
    lf_error err = {0};
    lf_device *d = lf_device_open(&(lf_device_options){.threads = threads, .pin = "off"}, &err);
    if (!d) fail_msg("%s", err.message);
    return d;
}

static lf_model *model(lf_device *d, const lf_tokenizer *t, int context)
{
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    c.model.vocab_size = lf_tokenizer_size(t);
    c.model.hidden_size = 48, c.model.intermediate_size = 80, c.model.num_hidden_layers = 2, c.model.num_attention_heads = 4;
    c.model.num_key_value_heads = 2, c.model.head_dim = 12, c.model.max_position_embeddings = context;
    c.model.initializer_range = 0.3; /* far from uniform: a different sum would show */
    c.model.bos_token_id = c.model.eos_token_id = -1;
    lf_model *m = lf_model_new(d, &c.model, 11, &err);
    if (!m) fail_msg("%s", err.message);
    return m;
}

static lf_sample_config sampling(int64_t max_tokens)
{
    lf_config c;
    lf_config_init(&c);
    c.sampler.max_tokens = max_tokens;
    c.sampler.temperature = 1;
    return c.sampler;
}

static lf_generate_stats speak(lf_model *m, const lf_tokenizer *t, const char *prompt, const lf_sample_config *s, answer *a)
{
    lf_error err = {0};
    lf_generate_stats stats;
    memset(a->text, 0, sizeof a->text);
    a->n = 0, a->calls = 0;
    if (lf_generate(m, t, prompt, strlen(prompt), s, take, a, &stats, &err)) fail_msg("%s", err.message);
    return stats;
}

static int setup(void **state)
{
    (void)state;
    char path[] = "/tmp/lf-generate-XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    for (int i = 0; i < 40; i++) fprintf(f, "Once upon a time a fox went home.\n从前有一只狐狸，它回家了。\n");
    fclose(f);
    const char *paths[] = {path}, *const none[] = {NULL};
    bpe = lf_tokenizer_train(paths, 1, &(lf_tokenizer_train_options){.vocab_size = 290, .threads = 1}, NULL);
    chars = lf_tokenizer_train(paths, 1, &(lf_tokenizer_train_options){.mode = "char", .specials = none, .threads = 1}, NULL);
    unlink(path);
    return !bpe || !chars;
}

static int teardown(void **state)
{
    (void)state;
    lf_tokenizer_free(&bpe), lf_tokenizer_free(&chars);
    return 0;
}

static void test_threads(void **state)
{
    (void)state;
    static answer a, b;
    static char prompt[1 << 12];
    for (int i = 0; strlen(prompt) < 1800; i++) strcat(prompt, i % 2 ? "从前，" : "Once upon a time "); /* several chunks of 256 */
    const char *prompts[] = {"", "Once upon", prompt};
    for (size_t p = 0; p < LF_COUNT(prompts); p++) {
        answer *answers[] = {&a, &b};
        for (int threads = 1; threads <= 2; threads++) {
            lf_device *d = device(threads);
            lf_model *m = model(d, bpe, 2048);
            lf_sample_config s = sampling(80);
            lf_generate_stats stats = speak(m, bpe, prompts[p], &s, answers[threads - 1]);
            assert_true(stats.tokens == 80 || stats.finish == LF_FINISH_END);
            if (p == 2) assert_true(stats.prompt_tokens > 512);
            lf_model_free(&m);
            lf_device_close(&d);
        }
        assert_true(a.n > 0);
        assert_string_equal(a.text, b.text);
    }
}

/* The text is what sampling from the logits of the whole sequence, fed at once, gives: cache, chunks and draws agree bit for bit. */
static void test_against_whole_sequence(void **state)
{
    (void)state;
    static answer a;
    lf_device *d = device(2);
    lf_model *m = model(d, bpe, CONTEXT);
    lf_sample_config s = sampling(24);
    s.repetition_penalty = 1.2, s.seed = 5;
    const char *prompt = "Once upon a time 从前";
    lf_generate_stats stats = speak(m, bpe, prompt, &s, &a);
    int32_t ids[CONTEXT];
    lf_error err = {0};
    ids[0] = lf_tokenizer_end(bpe); /* a document begins behind an end token */
    int64_t n = 1 + lf_tokenizer_encode(bpe, ids + 1, CONTEXT - 1, prompt, strlen(prompt), false, &err);
    assert_int_equal(stats.prompt_tokens, n);
    int v = lf_tokenizer_size(bpe), made = 0;
    float *logits = calloc((size_t)(n + 24) * (size_t)v, sizeof *logits);
    lf_sampler *sampler = lf_sampler_new(&s, v, &err);
    for (int i = 0; i < n; i++) lf_sampler_accept(sampler, ids[i], true);
    for (; made < stats.tokens; made++) {
        if (lf_model_logits(m, logits, ids, (int)n, 0, &err)) fail_msg("%s", err.message);
        ids[n] = lf_sampler_draw(sampler, logits + (size_t)(n - 1) * (size_t)v, (uint64_t)made);
        lf_sampler_accept(sampler, ids[n++], false);
    }
    char raw[4096];
    int64_t len = lf_tokenizer_decode(bpe, raw, sizeof raw, ids + n - made, (size_t)made, true, &err);
    assert_true(len > 0 && made == 24);
    /* As text: the streamed answer with every invalid byte replaced. */
    size_t at = 0;
    for (const char *p = raw, *end = raw + len; p < end;) {
        int32_t cp;
        int step = lf__utf8_decode(p, end, &cp);
        assert_memory_equal(a.text + at, cp < 0 ? "\xEF\xBF\xBD" : p, cp < 0 ? 3 : (size_t)step);
        at += cp < 0 ? 3 : (size_t)step;
        p += step;
    }
    assert_int_equal(at, a.n);
    lf_sampler_free(&sampler);
    free(logits);
    lf_model_free(&m);
    lf_device_close(&d);
}

static void test_endings(void **state)
{
    (void)state;
    static answer a;
    lf_device *d = device(1);
    lf_model *m = model(d, chars, 40);
    lf_sample_config s = sampling(1000);
    lf_generate_stats stats = speak(m, chars, "Once", &s, &a);
    assert_int_equal(stats.finish, LF_FINISH_CONTEXT);
    assert_int_equal(stats.tokens, 40 - 4 + 1); /* the last token needs no position */
    s.max_tokens = 7;
    stats = speak(m, chars, "", &s, &a); /* no end token: begins from a newline */
    assert_int_equal(stats.prompt_tokens, 1);
    assert_int_equal(stats.tokens, 7);
    a.stop_at = 3;
    stats = speak(m, chars, "Once", &s, &a);
    assert_int_equal(stats.finish, LF_FINISH_NONE);
    assert_int_equal(stats.tokens, 3);
    a.stop_at = 0, s.max_tokens = 0;
    stats = speak(m, chars, "Once", &s, &a);
    assert_int_equal(stats.tokens, 0);
    lf_model_free(&m);

    /* Only the end token is likely: an empty answer that says it ended. */
    m = model(d, bpe, 40);
    s = sampling(1000), s.temperature = 100, s.top_k = 0, s.top_p = 1, s.min_p = 0;
    int ended = 0;
    for (s.seed = 1; s.seed <= 60; s.seed++) {
        stats = speak(m, bpe, "fox", &s, &a);
        ended += stats.finish == LF_FINISH_END;
        assert_true(stats.finish == LF_FINISH_END || stats.finish == LF_FINISH_CONTEXT);
        assert_null(strstr(a.text, LF_END_TOKEN));
    }
    assert_true(ended > 0);
    lf_model_free(&m);
    lf_device_close(&d);
}

enum { ANSWERS = 21 };
static answer side_by_side[ANSWERS];
static lf_finish finishes[ANSWERS];

static int take_answer(void *user, const lf_answer *a)
{
    answer *t = &side_by_side[a->branch];
    assert_int_equal(finishes[a->branch], LF_FINISH_NONE); /* nothing after the last word */
    finishes[a->branch] = a->finish;
    if (a->text_bytes) take(a->text, a->text_bytes, t);
    return a->branch == *(int *)user; /* this one ends after its first word */
}

static void answers(lf_model *m, const lf_generate_args *args, lf_generate_stats *stats)
{
    lf_error err = {0};
    memset(side_by_side, 0, sizeof side_by_side), memset(finishes, 0, sizeof finishes);
    if (lf_generate_answers(m, bpe, args, stats, &err)) fail_msg("%s", err.message);
}

/* Answer i of several is the one that seed + i gives by itself; stops cut it where a search does. */
static void test_answers(void **state)
{
    (void)state;
    static answer one;
    lf_device *d = device(2);
    lf_model *m = model(d, bpe, CONTEXT);
    lf_sample_config s = sampling(40), alone = s;
    int quits = -1, stopped = 0;
    lf_generate_stats stats;
    lf_generate_args args = {
        .prompt = "Once upon a time", .prompt_bytes = 16, .sampling = &s, .answers = ANSWERS, .on_token = take_answer, .user = &quits};
    for (int with_stops = 0; with_stops < 2; with_stops++) {
        args.stops = (const char *const[]){"一", "fo"}, args.n_stops = 2 * with_stops;
        answers(m, &args, &stats);
        for (int i = 0; i < ANSWERS; i++) {
            alone.seed = s.seed + i;
            speak(m, bpe, args.prompt, &alone, &one);
            char *a = strstr(one.text, "一"), *b = strstr(one.text, "fo"), *cut = a && (!b || a < b) ? a : b;
            if (with_stops && cut) *cut = 0, stopped++;
            assert_string_equal(side_by_side[i].text, one.text);
            assert_int_equal(finishes[i] == LF_FINISH_STOP, with_stops && cut);
        }
    }
    assert_in_range(stopped, 1, ANSWERS - 1);
    quits = 2, args.answers = 5, args.n_stops = 0;
    answers(m, &args, &stats);
    assert_int_equal(finishes[2], LF_FINISH_NONE);
    assert_true(finishes[4] != LF_FINISH_NONE);
    lf_model_free(&m);
    lf_device_close(&d);
}

static void test_logprobs(void **state)
{
    (void)state;
    float z[9] = {1.5f, -2, 3, 3, -1e30f, 0, 2.5f, 3, 1};
    lf_logprob top[9];
    double sum = 0, p = 0;
    for (int i = 0; i < 9; i++) sum += lf__exp((double)z[i] - 3);
    for (int i = 0; i < 9; i++) {
        double want = z[i] - 3 - lf__ln(sum), got = lf_logprobs(top, 4, z, 9, i);
        assert_true(got - want < 1e-12 && want - got < 1e-12);
        p += lf__exp(got);
    }
    assert_true(p > 1 - 1e-12 && p < 1 + 1e-12);
    static const int order[] = {2, 3, 7, 6, 0, 8, 5, 1, 4};
    for (int k = 0; k <= 9; k++) {
        lf_logprobs(top, k, z, 9, 0);
        for (int i = 0; i < k; i++) {
            assert_int_equal(top[i].token, order[i]);
            assert_true(top[i].logprob == lf_logprobs(NULL, 0, z, 9, order[i]));
        }
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static answer a;
    lf_error err = {0};
    lf_device *d = device(1);
    lf_model *m = model(d, chars, 8);
    lf_sample_config s = sampling(5);
    assert_int_equal(lf_generate(m, chars, "Once upon a", 11, &s, take, &a, NULL, &err), -1);
    assert_int_equal(err.code, LF_E_LIMIT);
    assert_non_null(strstr(err.message, "11 tokens"));
    assert_non_null(strstr(err.message, "8"));
    assert_true(err.hint[0] != 0);
    lf_error_reset(&err);
    assert_int_equal(lf_generate(m, chars, "One %", 5, &s, take, &a, NULL, &err), -1);
    assert_true(err.message[0] != 0);
    lf_error_reset(&err);
    assert_int_equal(lf_generate(m, bpe, "One", 3, &s, take, &a, NULL, &err), -1);
    assert_int_equal(err.code, LF_E_MISMATCH);
    lf_error_reset(&err);
    s.top_p = 7;
    assert_int_equal(lf_generate(m, chars, "One", 3, &s, take, &a, NULL, &err), -1);
    assert_int_equal(err.code, LF_E_ARGUMENT);
    s.top_p = 1, s.max_tokens = -1;
    assert_int_equal(lf_generate(m, chars, "One", 3, &s, NULL, NULL, NULL, NULL), -1);
    assert_int_equal(a.calls, 0);
    s.max_tokens = 3;
    assert_int_equal(lf_generate(m, chars, "Once upo", 8, &s, NULL, NULL, NULL, &err), 0); /* exactly the context */
    lf_model_free(&m);
    lf_device_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads),  cmocka_unit_test(test_against_whole_sequence),
                                       cmocka_unit_test(test_endings),  cmocka_unit_test(test_answers),
                                       cmocka_unit_test(test_logprobs), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
