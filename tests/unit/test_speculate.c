/* test_speculate.c - answers with guesses are the answers without, to the bit of their logits: from the text and from draft models that are
 * always, sometimes and never right, greedy and sampled, alone and in crowds, with grammars, stops, branches, cancels and full contexts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "infer/speculate.h"

enum { VOCAB = 300, CONTEXT = 320, MOST = 24 };

static lf_device *device;
static lf_model *models[3]; /* the model, one that agrees with it now and then, one that does not */

static lf_model *make_model(int vocab, int seed, int window, int context)
{
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    strcpy(c.model.model_type, "llama");
    c.model.vocab_size = vocab, c.model.hidden_size = 48, c.model.intermediate_size = 80, c.model.num_hidden_layers = 2;
    c.model.num_attention_heads = 4, c.model.num_key_value_heads = 2, c.model.max_position_embeddings = context;
    c.model.tie_word_embeddings = true, c.model.initializer_range = 0.3, c.model.sliding_window = window;
    lf_model *m = lf_model_new(device, &c.model, seed, &err);
    if (!m) fail_msg("%s", err.message);
    return m;
}

typedef struct talk {
    int32_t tokens[CONTEXT + 1]; /* prompt, then answer */
    int n_prompt, n, max, drafted, accepted, words, cancel_after;
    double temperature, penalty;
    uint64_t seed, logits; /* a hash over all logits it was drawn from */
    lf_finish finish;
    lf_engine *engine;
    int64_t id;
} talk;

static int on_token(void *user, const lf_answer *a)
{
    talk *t = (talk *)user + a->branch;
    assert_int_equal(t->finish, LF_FINISH_NONE); /* nothing after the last word */
    t->finish = a->finish, t->drafted = a->drafted, t->accepted = a->accepted, t->words++;
    if (a->token < 0) return 0;
    t->logits = lf__hash64(a->logits, VOCAB * sizeof(float), t->logits);
    if (a->finish != LF_FINISH_END) t->tokens[t->n++] = a->token;
    if (t->words == t->cancel_after) lf_engine_cancel(t->engine, t->id);
    return 0;
}

/* Prompts of all lengths; many begin like another; some say the same again and again. */
static void invent(talk *t, int i)
{
    memset(t, 0, sizeof *t);
    t->n_prompt = t->n = 1 + (int)(lf__rng_at(3, 1, (uint64_t)i) % 180);
    t->max = (int)(lf__rng_at(3, 2, (uint64_t)i) % 90), t->seed = (uint64_t)i, t->temperature = i % 3 ? 0.7 : 0;
    t->penalty = i % 4 == 1 ? 1.1 : 1;
    for (int k = 0; k < t->n; k++) t->tokens[k] = (int32_t)(lf__rng_at(3, (uint64_t)(i % 3), (uint64_t)(i % 2 ? k : k % 7)) % VOCAB);
}

static int64_t ask(lf_engine *e, talk *t, int branches, lf_speculation how, const lf_request *more)
{
    static const int32_t ends[] = {5, 17};
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    c.sampler.seed = (int64_t)t->seed, c.sampler.max_tokens = t->max, c.sampler.temperature = t->temperature, c.sampler.top_k = 20;
    c.sampler.repetition_penalty = t->penalty;
    lf_request r = more ? *more : (lf_request){.ends = ends, .n_ends = LF_COUNT(ends)};
    r.tokens = t->tokens, r.n_tokens = t->n_prompt, r.branches = branches, r.sampling = &c.sampler;
    r.speculate = how, r.on_token = on_token, r.user = t;
    t->engine = e, t->id = lf_engine_submit(e, &r, &err);
    if (t->id < 0) fail_msg("%s", err.message);
    return t->id;
}

static void same(const talk *a, const talk *b, const char *what, int i)
{
    if (a->n != b->n || a->finish != b->finish || a->logits != b->logits || memcmp(a->tokens, b->tokens, (size_t)a->n * sizeof *a->tokens))
        fail_msg("%s: text %d: %d tokens, %s, logits %016llx; without guesses %d tokens, %s, %016llx", what, i, a->n,
                 lf_finish_name(a->finish), (unsigned long long)a->logits, b->n, lf_finish_name(b->finish), (unsigned long long)b->logits);
}

/* All texts in one engine; they come one by one and in bursts. Returns right guesses in a hundred, -1: none were made. */
static int crowd(const talk *expected, talk *t, lf_engine_options o, lf_speculation how, const char *what)
{
    lf_error err = {0};
    lf_engine *e = lf_engine_new(models[0], &o, &err);
    if (!e) fail_msg("%s: %s", what, err.message);
    for (int step = 0, asked = 0, left = 1; left || asked < MOST; step++) {
        for (int burst = step % 5 == 0 ? 4 : step % 2; burst > 0 && asked < MOST; burst--, asked++)
            invent(&t[asked], asked), ask(e, &t[asked], 1, how, NULL);
        if ((left = lf_engine_step(e, &err)) < 0) fail_msg("%s: %s", what, err.message);
    }
    lf_engine_state s = lf_engine_state_of(e);
    int64_t drafted = 0, accepted = 0;
    for (int i = 0; i < MOST; i++) {
        if (expected) same(&t[i], &expected[i], what, i);
        drafted += t[i].drafted, accepted += t[i].accepted;
    }
    assert_int_equal(s.pages_held, 0);
    assert_true(s.accepted <= s.drafted && drafted <= s.drafted && accepted <= s.accepted);
    lf_engine_free(&e);
    return s.drafted ? (int)(100 * s.accepted / s.drafted) : -1;
}

static void contract(void **state)
{
    (void)state;
    static const char *const types[] = {"f32", "f16", "bf16", "q8_0"};
    static talk plain[MOST], t[MOST];
    for (int k = 0; k < 3; k++) {
        lf_engine_options o = {.kv_type = types[k]};
        assert_int_equal(crowd(NULL, plain, o, (lf_speculation){0}, "no guesses"), -1);
        lf_engine *probe = lf_engine_new(models[0], &o, NULL);
        int64_t page = lf_engine_state_of(probe).page_bytes;
        lf_engine_free(&probe);
        int right = crowd(plain, t, o, (lf_speculation){.tokens = 8}, "guesses from the text");
        assert_true(right > 3 && right < 100);
        crowd(plain, t, (lf_engine_options){.kv_type = types[k], .max_rows = 7}, (lf_speculation){.tokens = 5, .ngram = 1}, "7 rows");
        crowd(plain, t, (lf_engine_options){.kv_type = types[k], .kv_bytes = page * 7}, (lf_speculation){.tokens = 16}, "few pages");
        crowd(plain, t, (lf_engine_options){.kv_type = types[k], .max_sequences = 1}, (lf_speculation){.tokens = 16, .ngram = 9},
              "by turns");
        lf_speculation draft = {.tokens = 6, .ngram = -1}, both = {.tokens = 16};
        o.draft = models[0];
        right = crowd(plain, t, o, draft, "a draft that is the model");
        if (right <= 80)
            fail_msg("a draft that is the model: %d %% right, %s", right, types[k]); /* not all: penalties do not see guesses */
        o.draft = models[1], o.max_rows = 33;
        right = crowd(plain, t, o, draft, "a draft that agrees now and then");
        assert_true(right > 0 && right < 100);
        o.draft = models[2], o.max_rows = 200, o.max_sequences = 5;
        crowd(plain, t, o, draft, "a draft that knows nothing");
        crowd(plain, t, o, both, "both");
        o.kv_bytes = page * 6;
        crowd(plain, t, o, both, "both, few pages");
    }
}

static void branches(void **state)
{
    (void)state;
    enum { N = 4 };
    lf_error err = {0};
    for (int length = 62; length <= 66; length++) {
        talk t[3][N];
        lf_engine *e = lf_engine_new(models[0], &(lf_engine_options){.draft = models[1]}, &err);
        for (int pass = 0; pass < 3; pass++) {
            for (int b = 0; b < N; b++) {
                invent(&t[pass][b], 4);
                for (int k = t[pass][b].n_prompt; k < length; k++) t[pass][b].tokens[k] = k % 9;
                t[pass][b].n_prompt = t[pass][b].n = length, t[pass][b].max = 70, t[pass][b].seed = (uint64_t)(100 + b);
                if (pass == 0) ask(e, &t[pass][b], 1, (lf_speculation){0}, NULL);
            }
            if (pass) ask(e, t[pass], N, (lf_speculation){.tokens = 7, .ngram = pass == 1 ? 0 : -1}, NULL);
            assert_int_equal(lf_engine_run(e, &err), 0);
            assert_int_equal(lf_engine_state_of(e).pages_held, 0);
            for (int b = 0; b < N && pass; b++) same(&t[pass][b], &t[0][b], "branches", b);
        }
        assert_true(lf_engine_state_of(e).accepted > 0);
        lf_engine_free(&e);
    }
}

/* Ends of all kinds in the midst of right guesses, and what a text left behind is found again by one that goes on with it. */
static void endings(void **state)
{
    (void)state;
    lf_error err = {0};
    lf_engine_options o = {.draft = models[0], .context = 200, .kv_type = "f32"};
    talk t[2][8];
    for (int pass = 0; pass < 2; pass++) {
        lf_engine *e = lf_engine_new(models[0], &o, &err);
        lf_speculation how = {.tokens = pass ? 16 : 0, .ngram = -1};
        for (int i = 0; i < 7; i++) {
            talk *x = &t[pass][i];
            invent(x, i), x->n_prompt = x->n = 100 + i, x->max = i == 0 ? 1000 : 20 + i;
            for (int k = 0; k < x->n; k++) x->tokens[k] = k * 7 % VOCAB;
            if (i == 1) x->cancel_after = 9;
            int32_t end = i == 2 ? t[0][0].tokens[115] : 0; /* one that comes */
            ask(e, x, 1, how, &(lf_request){.ends = &end, .n_ends = i == 2});
            assert_int_equal(lf_engine_run(e, &err), 0);
            assert_int_equal(lf_engine_state_of(e).pages_held, 0);
        }
        talk *again = &t[pass][7];
        *again = t[pass][3], again->n_prompt = again->n, again->finish = LF_FINISH_NONE, again->logits = 0, again->max = 30;
        ask(e, again, 1, how, &(lf_request){0});
        assert_int_equal(lf_engine_run(e, &err), 0);
        if (pass) assert_true(lf_engine_state_of(e).accepted * 2 > lf_engine_state_of(e).drafted);
        lf_engine_free(&e);
    }
    for (int i = 0; i < 8; i++) same(&t[1][i], &t[0][i], "endings", i);
    assert_int_equal(t[1][0].finish, LF_FINISH_CONTEXT);
    assert_int_equal(t[1][0].n, 201);
    assert_int_equal(t[1][1].finish, LF_FINISH_CANCELLED);
    assert_int_equal(t[1][1].words, 10);
}

/* A grammar of letters and a stop, with the tokenizer of 256 bytes and a few words. */
static void texts(void **state)
{
    (void)state;
    lf_error err = {0};
    char path[] = "/tmp/foundry-speculate-XXXXXX";
    FILE *f = fdopen(mkstemp(path), "w");
    for (int i = 0; i < 300; i++) fprintf(f, "the cat %d sat on the mat. ", i % 10);
    fclose(f);
    lf_tokenizer *tok =
        lf_tokenizer_train((const char *[]){path}, 1, &(lf_tokenizer_train_options){.vocab_size = VOCAB, .threads = 1}, &err);
    remove(path);
    if (!tok) fail_msg("%s", err.message);
    static const char rules[] = "root ::= (\"cat \" | \"the \" [a-d]{1,3} | [0-9]+ \"-\"){1,40} \".\"", *const stops[] = {"the a", "1-2"};
    lf_grammar *g = lf_grammar_parse(rules, strlen(rules), "g", &err);
    int32_t end = lf_tokenizer_end(tok);
    talk t[4][12];
    for (int pass = 0; pass < 4; pass++) {
        lf_engine *e = lf_engine_new(models[0], &(lf_engine_options){.draft = pass == 3 ? models[0] : models[1]}, &err);
        for (int i = 0; i < 12; i++) {
            invent(&t[pass][i], i), t[pass][i].max = 60;
            lf_request r = {.n_ids = lf_tokenizer_size(tok), .tokenizer = tok, .grammar = g, .ends = &end, .n_ends = 1};
            if (i % 2) r.stops = stops, r.n_stops = 2;
            ask(e, &t[pass][i], 1, (lf_speculation){.tokens = pass ? 8 : 0, .ngram = pass == 1 ? 3 : -1}, &r);
        }
        assert_int_equal(lf_engine_run(e, &err), 0);
        for (int i = 0; i < 12; i++) same(&t[pass][i], &t[0][i], "a grammar", i);
        assert_true(!pass || lf_engine_state_of(e).drafted > 0);
        lf_engine_free(&e);
    }
    lf_grammar_free(&g);
    lf_tokenizer_free(&tok);
}

static void guesses(void **state)
{
    (void)state;
    static const int32_t text[] = {1, 2, 3, 9, 2, 3, 8, 7, 1, 2, 3};
    int32_t out[LF_GUESSES];
    assert_int_equal(lf__guess_from_text(out, text, 11, 4, 3), 3); /* 1 2 3 is longer than 2 3, which came later */
    assert_memory_equal(out, ((int32_t[]){9, 2, 3}), sizeof *out * 3);
    assert_int_equal(lf__guess_from_text(out, text, 11, 2, 3), 3);
    assert_memory_equal(out, ((int32_t[]){8, 7, 1}), sizeof *out * 3);
    assert_int_equal(lf__guess_from_text(out, text, 7, 4, 3), 0);
    assert_int_equal(lf__guess_from_text(out, text, 5, 4, 3), 0); /* one token is no reason */
    assert_int_equal(lf__guess_from_text(out, text, 5, 1, 3), 3);
    assert_memory_equal(out, ((int32_t[]){3, 9, 2}), sizeof *out * 3);
    assert_int_equal(lf__guess_from_text(out, (int32_t[]){4, 5, 4, 5, 4, 5}, 6, 4, 5), 5); /* beyond the end of the text */
    assert_memory_equal(out, ((int32_t[]){4, 5, 4, 5, 4}), sizeof *out * 5);
    assert_int_equal(lf__guess_from_text(out, text, 1, 4, 3), 0);
    lf_guesses g = {0};
    int sum = 0;
    assert_int_equal(lf__guesses_wanted(&g, 16), 4);
    g.n = 4, lf__guesses_learn(&g, 4);
    assert_int_equal(lf__guesses_wanted(&g, 16), 8);
    assert_int_equal(lf__guesses_wanted(&g, 5), 5);
    g.n = 8, lf__guesses_learn(&g, 2);
    assert_int_equal(lf__guesses_wanted(&g, 16), 3);
    for (int step = 0; step < 1000; step++) { /* never right: hardly ever tried */
        g.n = lf__guesses_wanted(&g, 16), sum += g.n;
        lf__guesses_learn(&g, 0);
    }
    assert_true(sum > 5 && sum < 40);
}

/* Positions that are taken back are as if they had never been. */
static void taken_back(void **state)
{
    (void)state;
    enum { H = 2, D = 40, N = 9, LAYERS = 3 };
    static const lf_dtype types[] = {LF_F32, LF_F16, LF_BF16, LF_Q8_0};
    float x[N * H * D];
    for (int i = 0; i < N * H * D; i++) x[i] = (float)lf__rng_normal_at(1, 2, (uint64_t)i);
    for (int k = 0; k < 3; k++) {
        lf_kv kv = {.type = types[k], .n_layers = LAYERS, .n_kv_heads = H, .head_dim = D};
        lf_kv_pool *pool = lf__kv_pool_new(&kv, 4, NULL);
        void *pages[4];
        for (int p = 0; p < 4; p++) pages[p] = lf__kv_pool_data(pool, lf__kv_pool_take(pool));
        for (int s = 0; s < 2; s++)
            for (int l = 0; l < LAYERS; l++) {
                void *blocks[2] = {(char *)pages[2 * s] + (size_t)(l * H) * lf__kv_head_bytes(kv.type, D),
                                   (char *)pages[2 * s + 1] + (size_t)(l * H) * lf__kv_head_bytes(kv.type, D)};
                int32_t positions[N], start[2] = {0, s ? N : 3}, block[2] = {0, 2};
                for (int i = 0; i < N; i++) positions[i] = LF_KV_BLOCK - 5 + i;
                device->ops->kv_write(device, &(lf_kv_rows){.k = x,
                                                            .v = x,
                                                            .ld = H * D,
                                                            .type = kv.type,
                                                            .n_kv_heads = H,
                                                            .head_dim = D,
                                                            .n_seqs = 1,
                                                            .seq_start = start,
                                                            .positions = positions,
                                                            .seq_block = block,
                                                            .blocks = blocks});
            }
        kv.blocks = pages + 2;
        assert_memory_not_equal(pages[0], pages[2], lf__kv_page_bytes(&kv));
        lf__kv_clear(pool, device, &kv, LF_KV_BLOCK - 2, LF_KV_BLOCK - 5 + N);
        for (int p = 0; p < 2; p++) assert_memory_equal(pages[p], pages[2 + p], lf__kv_page_bytes(&kv));
        lf__kv_pool_free(&pool);
    }
}

static void refusals(void **state)
{
    (void)state;
    lf_error err = {0};
    lf_model *other = make_model(VOCAB + 1, 1, 0, CONTEXT);
    assert_null(lf_engine_new(models[0], &(lf_engine_options){.draft = other}, &err));
    assert_non_null(strstr(err.message, "the draft model has 301 tokens, the model 300"));
    lf_model_free(&other);
    lf_engine *e = lf_engine_new(models[0], NULL, NULL);
    lf_config c;
    lf_config_init(&c);
    for (int n = -1; n <= LF_GUESSES + 1; n += LF_GUESSES + 2) {
        err = (lf_error){0};
        lf_request r = {.tokens = (int32_t[]){1}, .n_tokens = 1, .sampling = &c.sampler, .speculate = {.tokens = n}};
        assert_int_equal(lf_engine_submit(e, &r, &err), -1);
        assert_non_null(strstr(err.message, "at most 16 guesses"));
    }
    lf_engine_free(&e);
}

static int setup(void **state)
{
    (void)state;
    lf_error err = {0};
    device = lf_device_open(&(lf_device_options){.threads = 2, .pin = "off"}, &err);
    assert_non_null(device);
    models[0] = make_model(VOCAB, 7, 37, CONTEXT), models[1] = make_model(VOCAB, 7, 0, 150), models[2] = make_model(VOCAB, 8, 0, CONTEXT);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) lf_model_free(&models[i]);
    lf_device_close(&device);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(guesses),  cmocka_unit_test(taken_back), cmocka_unit_test(contract),
                                       cmocka_unit_test(branches), cmocka_unit_test(endings),    cmocka_unit_test(texts),
                                       cmocka_unit_test(refusals)};
    return cmocka_run_group_tests_name("speculate", tests, setup, teardown);
}
