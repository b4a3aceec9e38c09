/* test_engine.c - many requests on one model: each is answered as it would be alone, to the bit of its logits, whatever runs beside it,
 * however it was cut, whatever was found again; pages are counted exactly; nobody who runs is cut short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/base.h"
#include "foundry/infer.h"
#include "model/model.h"

enum { VOCAB = 300, CONTEXT = 320, MOST = 40 };

static lf_model *make_model_of(lf_device **device, int threads, int window, int width, int ffn)
{
    lf_error err = {0};
    *device = lf_device_open(&(lf_device_options){.threads = threads, .pin = "off"}, &err);
    assert_non_null(*device);
    lf_config c;
    lf_config_init(&c);
    strcpy(c.model.model_type, "llama");
    c.model.vocab_size = VOCAB, c.model.hidden_size = width, c.model.intermediate_size = ffn, c.model.num_hidden_layers = 2;
    c.model.num_attention_heads = 4, c.model.num_key_value_heads = 2, c.model.max_position_embeddings = CONTEXT;
    c.model.tie_word_embeddings = true, c.model.initializer_range = 14.4 / width, c.model.sliding_window = window;
    lf_model *m = lf_model_new(*device, &c.model, 7, &err);
    if (!m) fail_msg("%s", err.message);
    return m;
}

static lf_model *make_model(lf_device **device, int threads, int window) { return make_model_of(device, threads, window, 48, 80); }
static lf_model *make_wide_model(lf_device **device) { return make_model_of(device, 1, 0, 256, 256); } /* k-quants have blocks of 256 */

/* The error says this, and is forgotten. */
static void said(lf_error *err, const char *words)
{
    if (!strstr(err->message, words)) fail_msg("\"%s\" does not say \"%s\"", err->message, words);
    *err = (lf_error){0};
}

/* A prompt, and what came of it. */
typedef struct talk {
    int32_t tokens[CONTEXT + 1]; /* prompt, then answer */
    int n_prompt, n, max;
    uint64_t seed;
    uint64_t logits; /* a hash over all logits it was drawn from */
    int words, cached, stop_after;
    lf_finish finish;
} talk;

static int on_token(void *user, const lf_answer *a)
{
    talk *t = (talk *)user + a->branch;
    t->words++, t->cached = a->cached_tokens;
    assert_int_equal(t->finish, LF_FINISH_NONE); /* nothing after the last word */
    t->finish = a->finish;
    if (a->token < 0) return 0;
    t->logits = lf__hash64(a->logits, VOCAB * sizeof(float), t->logits);
    if (a->finish != LF_FINISH_END) t->tokens[t->n++] = a->token;
    return t->stop_after && t->words == t->stop_after;
}

/* Prompts of all lengths; many begin like another. */
static void invent(talk *t, int i)
{
    memset(t, 0, sizeof *t);
    t->n_prompt = t->n = 1 + (int)(lf__rng_at(3, 1, (uint64_t)i) % 200);
    t->max = (int)(lf__rng_at(3, 2, (uint64_t)i) % 60), t->seed = (uint64_t)i;
    for (int k = 0; k < t->n; k++) t->tokens[k] = (int32_t)(lf__rng_at(3, (uint64_t)(k < 140 ? i % 3 : 10 + i), (uint64_t)k) % VOCAB);
}

static const int32_t ends[] = {5, 17};

static int64_t ask(lf_engine *e, talk *t, int branches, lf_error *err)
{
    lf_config c;
    lf_config_init(&c);
    c.sampler.seed = (int64_t)t->seed, c.sampler.max_tokens = t->max, c.sampler.temperature = 1.0, c.sampler.top_k = 50;
    return lf_engine_submit(e,
                            &(lf_request){.tokens = t->tokens,
                                          .n_tokens = t->n_prompt,
                                          .branches = branches,
                                          .sampling = &c.sampler,
                                          .ends = ends,
                                          .n_ends = LF_COUNT(ends),
                                          .on_token = on_token,
                                          .user = t},
                            err);
}

static void same(const talk *a, const talk *b, const char *what, int i)
{
    if (a->n != b->n || a->finish != b->finish || a->logits != b->logits || memcmp(a->tokens, b->tokens, (size_t)a->n * sizeof *a->tokens))
        fail_msg("%s: text %d: %d tokens, %s, logits %016llx; alone %d tokens, %s, %016llx", what, i, a->n, lf_finish_name(a->finish),
                 (unsigned long long)a->logits, b->n, lf_finish_name(b->finish), (unsigned long long)b->logits);
}

/* Each text in an engine of its own, and where nobody chose the type of keys and values its logits once more without any engine. */
static void alone(lf_model *m, talk *t, int n, const char *kv_type)
{
    lf_error err = {0};
    for (int i = 0; i < n; i++) {
        invent(&t[i], i);
        lf_engine *e = lf_engine_new(m, &(lf_engine_options){.kv_type = kv_type}, &err);
        assert_non_null(e);
        assert_int_equal(ask(e, &t[i], 1, &err), 1);
        assert_int_equal(lf_engine_run(e, &err), 0);
        assert_int_equal(lf_engine_state_of(e).pages_held, 0);
        lf_engine_free(&e);
        if (kv_type) continue;
        int rows = t[i].n - (t[i].finish != LF_FINISH_END); /* what was fed */
        float *z = malloc(sizeof *z * (size_t)rows * VOCAB);
        uint64_t hash = 0;
        assert_int_equal(lf_model_logits(m, z, t[i].tokens, rows, 0, &err), 0);
        for (int r = t[i].n_prompt - 1; r < rows && t[i].max; r++) hash = lf__hash64(z + (size_t)r * VOCAB, VOCAB * sizeof *z, hash);
        assert_true(hash == t[i].logits);
        free(z);
    }
}

static void crowd(lf_model *m, const talk *expected, int n, lf_engine_options o, const char *what)
{
    lf_error err = {0};
    talk *t = calloc((size_t)n, sizeof *t);
    lf_engine *e = lf_engine_new(m, &o, &err);
    if (!e) fail_msg("%s: %s", what, err.message);
    int left = 1, asked = 0;
    for (int step = 0; left || asked < n; step++) { /* they come one by one and in bursts */
        for (int burst = step % 5 == 0 ? 4 : step % 2; burst > 0 && asked < n; burst--, asked++) {
            invent(&t[asked], asked);
            if (ask(e, &t[asked], 1, &err) < 0) fail_msg("%s: %s", what, err.message);
        }
        left = lf_engine_step(e, &err);
        if (left < 0) fail_msg("%s: %s", what, err.message);
        lf_engine_state s = lf_engine_state_of(e);
        assert_true(s.pages_held <= s.pages && (!o.max_sequences || s.running <= o.max_sequences));
    }
    for (int i = 0; i < n; i++) same(&t[i], &expected[i], what, i);
    assert_int_equal(lf_engine_state_of(e).pages_held, 0);
    assert_true(n < 5 || o.max_sequences == 1 || lf_engine_state_of(e).cached > 0);
    lf_engine_free(&e);
    free(t);
}

static void together(void **state)
{
    (void)state;
    for (int window = 0; window <= 37; window += 37) {
        talk *expected = calloc(MOST, sizeof *expected);
        for (int threads = 1; threads <= 2; threads++) {
            lf_device *device;
            lf_model *m = make_model(&device, threads, window);
            if (threads == 1) alone(m, expected, MOST, NULL);
            lf_engine *probe = lf_engine_new(m, NULL, NULL);
            int64_t page = lf_engine_state_of(probe).page_bytes;
            lf_engine_free(&probe);
            crowd(m, expected, MOST, (lf_engine_options){0}, "as it is");
            crowd(m, expected, MOST, (lf_engine_options){.max_rows = 7}, "steps of 7 rows");
            crowd(m, expected, MOST, (lf_engine_options){.max_rows = 64, .max_sequences = 18}, "steps of 64 rows");
            crowd(m, expected, MOST, (lf_engine_options){.max_sequences = 1}, "one after the other");
            crowd(m, expected, MOST, (lf_engine_options){.kv_bytes = page * (CONTEXT / 64)}, "no page to spare");
            crowd(m, expected, MOST, (lf_engine_options){.kv_bytes = page * 11, .max_rows = 33}, "few pages");
            lf_model_free(&m);
            lf_device_close(&device);
        }
        free(expected);
    }
}

/* Branches of one request, after the last page they share was copied, against requests of their own. */
static void fork_at(lf_model *m, const char *kv_type, int from, int to)
{
    enum { N = 4 };
    lf_error err = {0};
    for (int length = from; length <= to; length += 1 + (length == 62) + 60 * (length == 65)) {
        talk one[N], all[N];
        lf_engine *e = lf_engine_new(m, &(lf_engine_options){.kv_type = kv_type}, &err);
        for (int pass = 0; pass < 2; pass++) {
            talk *t = pass ? all : one;
            for (int b = 0; b < N; b++) {
                invent(&t[b], 4);
                for (int k = t[b].n_prompt; k < length; k++) t[b].tokens[k] = k;
                t[b].n_prompt = t[b].n = length, t[b].max = 40, t[b].seed = (uint64_t)(100 + b);
                if (!pass) assert_true(ask(e, &t[b], 1, &err) > 0);
            }
            if (pass) assert_true(ask(e, t, N, &err) > 0);
            assert_int_equal(lf_engine_run(e, &err), 0);
            assert_int_equal(lf_engine_state_of(e).pages_held, 0);
        }
        for (int b = 0; b < N; b++) same(&all[b], &one[b], "branches", b);
        lf_engine_free(&e);
    }
}

static void branches(void **state)
{
    (void)state;
    lf_device *device;
    lf_model *m = make_model(&device, 2, 0);
    fork_at(m, NULL, 60, 130);
    lf_model_free(&m);
    lf_device_close(&device);
}

static void keep_logits(void *user, int at, const float *logits)
{
    memcpy((float *)user + (size_t)at * VOCAB, logits, VOCAB * sizeof *logits);
}

/* Every type of weights with every type of keys and values keeps the contract. */
static void types(void **state)
{
    (void)state;
    enum { N = 18 };
    static const char *const weights[] = {"f32", "bf16", "q8_0", "q4_0", "iq4_nl", "q4_k", "q5_k", "q6_k"};
    static const char *const kv_types[] = {"f32", "f16", "bf16", "q8_0"};
    char dir[] = "/tmp/engine.XXXXXX";
    lf_error err = {0};
    lf_device *device;
    assert_non_null(mkdtemp(dir));
    lf_model *m = make_wide_model(&device);
    assert_int_equal(lf_model_save(m, dir, &err), 0);
    lf_model_free(&m);
    lf_device_close(&device);
    for (size_t i = 0; i < LF_COUNT(weights) * LF_COUNT(kv_types); i++) {
        const char *kv = kv_types[i % LF_COUNT(kv_types)];
        talk *expected = calloc(N, sizeof *expected);
        for (int threads = 1; threads <= 2; threads++) {
            char what[64];
            snprintf(what, sizeof what, "weights %s, keys and values %s, %d threads", weights[i / LF_COUNT(kv_types)], kv, threads);
            device = lf_device_open(&(lf_device_options){.threads = threads, .pin = "off"}, &err);
            if (!(m = lf_model_open(device, dir, weights[i / LF_COUNT(kv_types)], &err))) fail_msg("%s", err.message);
            if (threads == 1) alone(m, expected, N, kv);
            crowd(m, expected, N, (lf_engine_options){.kv_type = kv, .max_rows = threads == 1 ? 0 : 64}, what);
            if (threads == 1) crowd(m, expected, N, (lf_engine_options){.kv_type = kv, .max_rows = 7}, what);
            if (threads == 2) crowd(m, expected, N / 6, (lf_engine_options){.kv_type = kv, .max_rows = 1}, what);
            fork_at(m, kv, 67, 67);
            lf_model_free(&m);
            lf_device_close(&device);
        }
        free(expected);
    }
    assert_int_equal(lf__remove_tree(dir, &err), 0);
}

/* Nobody waits for another: in every step each answer gets its token, and prompts get rows however many answers run. */
static void fair(void **state)
{
    (void)state;
    enum { N = 6 };
    lf_device *device;
    lf_error err = {0};
    lf_model *m = make_model(&device, 1, 0);
    lf_engine *e = lf_engine_new(m, &(lf_engine_options){.max_rows = N, .max_sequences = N}, &err);
    talk t[N + 2];
    for (int i = 0; i < N + 2; i++) {
        invent(&t[i], i);
        t[i].n_prompt = t[i].n = i < 4 ? 1 : 60, t[i].max = 70, t[i].seed = (uint64_t)i;
        assert_true(ask(e, &t[i], 1, &err) > 0);
    }
    for (int step = 0, before[N + 2] = {0}; lf_engine_step(e, &err) > 0; step++) {
        lf_engine_state s = lf_engine_state_of(e);
        bool reading = false;
        for (int i = 0; i < N + 2; i++) {
            bool answers = before[i] > 0 && t[i].finish == LF_FINISH_NONE;
            if (answers) assert_int_equal(t[i].words, before[i] + 1);
            reading |= t[i].words == 0;
            before[i] = t[i].words;
        }
        if (reading && s.running == N) assert_int_equal(s.rows, (step + 1) * N); /* no row of a step is left empty */
    }
    for (int i = 0; i < N + 2; i++) assert_true(t[i].finish == LF_FINISH_LENGTH || t[i].finish == LF_FINISH_END);
    lf_engine_free(&e);
    lf_model_free(&m);
    lf_device_close(&device);
}

/* A short prompt that comes behind long ones is read in the step it comes in, beside them. */
static void short_behind_long(void **state)
{
    (void)state;
    enum { LONG = 3, N = LONG + 1, ROWS = 8, SHORT = 2 };
    lf_device *device;
    lf_error err = {0};
    lf_model *m = make_model(&device, 1, 0);
    lf_engine *e = lf_engine_new(m, &(lf_engine_options){.max_rows = ROWS, .max_sequences = N}, &err);
    talk t[N];
    for (int i = 0; i < N; i++) {
        invent(&t[i], i);
        t[i].n_prompt = t[i].n = i < LONG ? 100 + i : SHORT, t[i].max = 2, t[i].seed = (uint64_t)i;
        assert_true(ask(e, &t[i], 1, &err) > 0);
    }
    assert_true(lf_engine_step(e, &err) > 0);
    assert_int_equal(t[LONG].words, 1);
    assert_int_equal(lf_engine_state_of(e).rows, ROWS); /* what it left was read of the others */
    while (lf_engine_step(e, &err) > 0) continue;
    for (int i = 0; i < N; i++) assert_true(t[i].words > 0 && t[i].finish != LF_FINISH_NONE);
    lf_engine_free(&e);
    lf_model_free(&m);
    lf_device_close(&device);
}

/* How far the logits of a prompt are from those with keys and values of floats, by type: rms of the difference over rms. */
static void errors(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        double allowed;
    } rows[] = {{"f32", 0}, {"f16", 0.0025}, {"bf16", 0.02}, {"q8_0", 0.02}};
    enum { N = 200 };
    lf_device *device;
    lf_error err = {0};
    lf_model *m = make_wide_model(&device);
    lf_config c;
    lf_config_init(&c);
    c.sampler.max_tokens = 0;
    int32_t tokens[N];
    for (int k = 0; k < N; k++) tokens[k] = (int32_t)(lf__rng_at(4, 4, (uint64_t)k) % VOCAB);
    float *z = malloc(sizeof *z * N * VOCAB), *exact = malloc(sizeof *z * N * VOCAB);
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        lf_engine *e = lf_engine_new(m, &(lf_engine_options){.kv_type = rows[i].type}, &err);
        lf_request q = {.tokens = tokens, .n_tokens = N, .sampling = &c.sampler, .on_prompt = keep_logits, .user = z};
        assert_true(lf_engine_submit(e, &q, &err) > 0);
        assert_int_equal(lf_engine_run(e, &err), 0);
        if (i == 0) memcpy(exact, z, sizeof *z * N * VOCAB);
        double error = 0, size = 0;
        for (int k = VOCAB; k < N * VOCAB; k++) error += pow(z[k] - exact[k], 2), size += pow(exact[k], 2);
        print_message("keys and values %-4s: logits differ by %.2e\n", rows[i].type, sqrt(error / size));
        assert_true(sqrt(error / size) <= rows[i].allowed && (i == 0 || error > 0));
        lf_engine_free(&e);
    }
    free(z), free(exact);
    lf_model_free(&m);
    lf_device_close(&device);
}

/* Auto follows the weights; what the memory holds is said in the tokens of the type. */
static void kv_types(void **state)
{
    (void)state;
    lf_device *device;
    lf_error err = {0};
    lf_model *m = make_model(&device, 1, 0);
    static const char *const names[] = {NULL, "auto", "f32", "bf16", "q8_0", "f16"}, *const are[] = {"F32",  "F32",  "F32",
                                                                                                     "BF16", "Q8_0", "F16"};
    int64_t bytes[LF_COUNT(names)];
    for (size_t i = 0; i < LF_COUNT(names); i++) {
        lf_engine *e = lf_engine_new(m, &(lf_engine_options){.kv_type = names[i]}, &err);
        assert_string_equal(lf_engine_state_of(e).kv_type, are[i]);
        bytes[i] = lf_engine_state_of(e).page_bytes;
        lf_engine_free(&e);
    }
    assert_true(bytes[0] == bytes[2] && bytes[3] * 2 == bytes[2] && bytes[4] < bytes[3] * 6 / 10 && bytes[5] == bytes[3]);
    lf_engine_options o = {.kv_bytes = bytes[4] * 5, .kv_type = "q8_0"}; /* 320 tokens to the byte */
    lf_engine *e = lf_engine_new(m, &o, &err);
    assert_int_equal(lf_engine_state_of(e).pages, 5);
    lf_engine_free(&e);
    o.kv_type = "bf16";
    assert_null(lf_engine_new(m, &o, &err));
    said(&err, "tokens in BF16");
    o.kv_type = "q7_0";
    assert_null(lf_engine_new(m, &o, &err));
    said(&err, "expected auto, f32, f16, bf16 or q8_0, got \"q7_0\"");
    lf_model_free(&m);
    lf_device_close(&device);
}

/* What was read once is found again: by the same text, by one that goes on, and after others pushed it out it is read again. */
static void found_again(void **state)
{
    (void)state;
    lf_device *device;
    lf_error err = {0};
    lf_model *m = make_model(&device, 1, 0);
    lf_engine *probe = lf_engine_new(m, NULL, &err);
    lf_engine_options o = {.kv_bytes = lf_engine_state_of(probe).page_bytes * 6, .context = 300};
    lf_engine_free(&probe);
    lf_engine *e = lf_engine_new(m, &o, &err);
    talk t[5];
    for (int i = 0; i < 5; i++) {
        invent(&t[i], i == 3 ? 1 : 0);
        for (int k = 0; k < 250; k++) t[i].tokens[k] = (int32_t)(lf__rng_at(9, i == 3, (uint64_t)k) % VOCAB);
        t[i].n_prompt = t[i].n = i == 2 ? 200 : 129, t[i].max = 5;
        assert_true(ask(e, &t[i], 1, &err) > 0);
        assert_int_equal(lf_engine_run(e, &err), 0);
    }
    assert_int_equal(t[0].cached, 0);
    assert_int_equal(t[1].cached, 128);
    assert_int_equal(t[2].cached, 128);
    assert_int_equal(t[3].cached, 0);
    assert_int_equal(t[4].cached, 128); /* its leaf went, not the pages it begins with */
    same(&t[1], &t[0], "found again", 1);
    same(&t[4], &t[0], "found again after others", 4);
    lf_engine_free(&e);
    lf_model_free(&m);
    lf_device_close(&device);
}

static void endings(void **state)
{
    (void)state;
    lf_device *device;
    lf_error err = {0};
    lf_model *m = make_model(&device, 1, 0);
    lf_engine *e = lf_engine_new(m, &(lf_engine_options){.max_sequences = 2, .context = 100}, &err);
    talk t[6];
    for (int i = 0; i < 6; i++) invent(&t[i], 0), t[i].n_prompt = t[i].n = 70, t[i].max = 1000, t[i].seed = (uint64_t)i + 50;
    t[1].stop_after = 3, t[4].max = 0;
    int64_t id[6];
    for (int i = 0; i < 6; i++) assert_true((id[i] = ask(e, &t[i], 1, &err)) > 0);
    for (int i = 0; i < 2; i++) assert_true(lf_engine_step(e, &err) > 0);
    assert_true(lf_engine_cancel(e, id[0]));  /* runs  */
    assert_true(lf_engine_cancel(e, id[5]));  /* waits */
    assert_false(lf_engine_cancel(e, 12345)); /* nobody */
    int64_t late = lf_engine_submit(e,
                                    &(lf_request){.tokens = t[3].tokens,
                                                  .n_tokens = 5,
                                                  .sampling = &(lf_sample_config){.max_tokens = 3, .repetition_penalty = 1, .top_p = 1},
                                                  .seconds = 1e-9},
                                    &err);
    assert_true(late > 0);
    /* Branches that are cancelled before they part are told, each. */
    talk unborn[3];
    for (int i = 0; i < 3; i++) invent(&unborn[i], 1), unborn[i].n_prompt = 90, unborn[i].max = 9;
    lf_engine *slow = lf_engine_new(m, &(lf_engine_options){.max_rows = 3}, &err);
    int64_t all = ask(slow, unborn, 3, &err);
    assert_int_equal(lf_engine_step(slow, &err), 1);
    assert_true(lf_engine_cancel(slow, all));
    assert_int_equal(lf_engine_run(slow, &err), 0);
    for (int i = 0; i < 3; i++) assert_true(unborn[i].words == 1 && unborn[i].finish == LF_FINISH_CANCELLED);
    lf_engine_free(&slow);
    assert_int_equal(lf_engine_run(e, &err), 0);
    assert_int_equal(t[0].finish, LF_FINISH_CANCELLED);
    assert_int_equal(t[5].finish, LF_FINISH_CANCELLED);
    assert_int_equal(t[5].words, 1);
    assert_true(t[1].words <= 3 && t[1].finish == LF_FINISH_NONE);
    for (int i = 2; i < 4; i++) {
        assert_true(t[i].finish == LF_FINISH_CONTEXT || t[i].finish == LF_FINISH_END);
        if (t[i].finish == LF_FINISH_CONTEXT) assert_int_equal(t[i].n, 101);
    }
    assert_int_equal(t[4].finish, LF_FINISH_LENGTH);
    assert_int_equal(t[4].n, 70);
    assert_int_equal(lf_engine_state_of(e).pages_held, 0);
    lf_engine_free(&e);
    lf_model_free(&m);
    lf_device_close(&device);
}

/* A callback that is told of its own end may end others, whoever else ended before it in the same step. */
typedef struct chain {
    lf_engine *engine;
    int64_t next;
    lf_finish finish;
    bool found;
} chain;

static int end_next(void *user, const lf_answer *a)
{
    chain *c = user;
    c->finish = a->finish;
    if (a->finish) c->found = lf_engine_cancel(c->engine, c->next);
    return 0;
}

static void chained_endings(void **state)
{
    (void)state;
    lf_device *device;
    lf_error err = {0};
    lf_model *m = make_model(&device, 1, 0);
    lf_engine *e = lf_engine_new(m, NULL, &err);
    chain c[3];
    const int32_t token = 3;
    for (int i = 0; i < 3; i++) {
        c[i] = (chain){.engine = e, .next = i + 2};
        lf_request r = {.tokens = &token,
                        .n_tokens = 1,
                        .sampling = &(lf_sample_config){.max_tokens = 100, .repetition_penalty = 1, .top_p = 1},
                        .on_token = end_next,
                        .user = &c[i]};
        assert_int_equal(lf_engine_submit(e, &r, &err), i + 1);
    }
    assert_int_equal(lf_engine_step(e, &err), 3);
    for (int i = 1; i <= 2; i++) assert_true(lf_engine_cancel(e, i));
    assert_int_equal(lf_engine_step(e, &err), 0); /* the second ended the third */
    for (int i = 0; i < 3; i++) assert_true(c[i].finish == LF_FINISH_CANCELLED && c[i].found == (i < 2));
    assert_int_equal(lf_engine_state_of(e).pages_held, 0);
    lf_engine_free(&e);
    lf_model_free(&m);
    lf_device_close(&device);
}

static lf_tensor *no_forward(lf_ctx *ctx, lf_model *m)
{
    (void)m;
    lf_error_set(&ctx->error, LF_E_NUMERIC, "no forward today");
    return NULL;
}

/* All requests are gone, those that waited, too; the next one is served. */
static void failed_step(void **state)
{
    (void)state;
    lf_device *device;
    lf_error err = {0};
    lf_model *m = make_model(&device, 1, 0);
    const lf_arch *whole = m->arch;
    lf_arch broken = *whole;
    broken.forward = no_forward;
    lf_engine *e = lf_engine_new(m, &(lf_engine_options){.max_sequences = 1}, &err);
    talk t;
    invent(&t, 0), t.max = 3;
    for (int i = 0; i < 3; i++) assert_true(ask(e, &t, 1, &err) > 0);
    m->arch = &broken;
    assert_int_equal(lf_engine_step(e, &err), -1);
    said(&err, "no forward today");
    assert_int_equal(lf_engine_save(e, "never.kv", t.tokens, t.n, &err), 0); /* files ask nothing of a forward */
    assert_int_equal(lf_engine_load(e, "never.kv", &err), -1);
    said(&err, "cannot open");
    m->arch = whole;
    lf_engine_state s = lf_engine_state_of(e);
    assert_true(s.waiting == 0 && s.running == 0 && s.pages_held == 0);
    assert_int_equal(lf_engine_step(e, &err), 0);
    assert_true(ask(e, &t, 1, &err) > 0);
    assert_int_equal(lf_engine_run(e, &err), 0);
    assert_true(t.finish == LF_FINISH_LENGTH || t.finish == LF_FINISH_END);
    lf_engine_free(&e);
    lf_model_free(&m);
    lf_device_close(&device);
}

typedef struct prompt_reader {
    int next;
    uint64_t hash;
} prompt_reader;

static void on_prompt(void *user, int at, const float *logits)
{
    prompt_reader *r = user;
    assert_int_equal(at, r->next++); /* each token once, in order */
    r->hash = lf__hash64(logits, VOCAB * sizeof *logits, r->hash);
}

/* The logits of a prompt are those of the whole sequence, though its text was found again by others and however few rows a step has. */
static void prompts(void **state)
{
    (void)state;
    lf_device *device;
    lf_error err = {0};
    lf_model *m = make_model(&device, 2, 0);
    lf_config c;
    lf_config_init(&c);
    c.sampler.max_tokens = 3;
    int32_t tokens[200];
    for (int k = 0; k < 200; k++) tokens[k] = (int32_t)(lf__rng_at(4, 4, (uint64_t)k) % VOCAB);
    float *z = malloc(sizeof *z * 200 * VOCAB);
    assert_int_equal(lf_model_logits(m, z, tokens, 200, 0, &err), 0);
    for (int rows = 1; rows <= 256; rows += rows < 5 ? 1 : 50) {
        lf_engine *e = lf_engine_new(m, &(lf_engine_options){.max_rows = rows, .max_sequences = 3}, &err);
        assert_non_null(e);
        static const int lengths[] = {200, 1, 2, 129, 200};
        prompt_reader r[LF_COUNT(lengths)];
        for (size_t i = 0; i < LF_COUNT(lengths); i++) {
            r[i] = (prompt_reader){.next = 1};
            lf_request q = {.tokens = tokens, .n_tokens = lengths[i], .sampling = &c.sampler, .on_prompt = on_prompt, .user = &r[i]};
            assert_true(lf_engine_submit(e, &q, &err) > 0);
        }
        assert_int_equal(lf_engine_run(e, &err), 0);
        for (size_t i = 0; i < LF_COUNT(lengths); i++) {
            uint64_t hash = 0;
            for (int k = 0; k + 1 < lengths[i]; k++) hash = lf__hash64(z + (size_t)k * VOCAB, VOCAB * sizeof *z, hash);
            assert_int_equal(r[i].next, lengths[i]);
            assert_true(r[i].hash == hash);
        }
        lf_engine_free(&e);
    }
    free(z);
    lf_model_free(&m);
    lf_device_close(&device);
}

static void refusals(void **state)
{
    (void)state;
    lf_device *device;
    lf_error err = {0};
    lf_model *m = make_model(&device, 1, 0);
    assert_null(lf_engine_new(m, &(lf_engine_options){.kv_bytes = 100000}, &err));
    said(&err, "one text of 320 tokens needs");
    assert_null(lf_engine_new(m, &(lf_engine_options){.context = 100000}, &err));
    said(&err, "a context of 320");
    assert_null(lf_engine_new(m, &(lf_engine_options){.max_rows = -1}, &err));
    said(&err, "-1 rows");
    lf_engine *e = lf_engine_new(m, &(lf_engine_options){.context = 128, .max_sequences = 4}, &err);
    assert_non_null(e);
    talk t;
    invent(&t, 0);
    t.n_prompt = 129;
    assert_int_equal(ask(e, &t, 1, &err), -1);
    said(&err, "129 tokens long, the context holds 128");
    t.n_prompt = 0;
    assert_int_equal(ask(e, &t, 1, &err), -1);
    said(&err, "at least one token");
    t.n_prompt = 3, t.tokens[1] = VOCAB;
    assert_int_equal(ask(e, &t, 1, &err), -1);
    said(&err, "the vocabulary ends at 299");
    t.tokens[1] = 4;
    assert_int_equal(ask(e, &t, 5, &err), -1);
    said(&err, "at most 4 sequences");
    const char *stops[] = {"x"};
    assert_int_equal(
        lf_engine_submit(
            e, &(lf_request){.tokens = t.tokens, .n_tokens = 1, .sampling = &(lf_sample_config){.top_p = 1}, .stops = stops, .n_stops = 1},
            &err),
        -1);
    said(&err, "a tokenizer with a grammar or stops");
    assert_int_equal(lf_engine_step(e, &err), 0);
    lf_engine_free(&e);
    lf_engine_free(&e);
    lf_model_free(&m);
    lf_device_close(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(together),   cmocka_unit_test(branches),          cmocka_unit_test(found_again),
                                       cmocka_unit_test(types),      cmocka_unit_test(kv_types),          cmocka_unit_test(endings),
                                       cmocka_unit_test(fair),       cmocka_unit_test(short_behind_long), cmocka_unit_test(errors),
                                       cmocka_unit_test(prompts),    cmocka_unit_test(refusals),          cmocka_unit_test(chained_endings),
                                       cmocka_unit_test(failed_step)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
