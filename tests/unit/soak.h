/* soak.h - an engine under everything at once: up to 64 texts of random lengths that come, branch, share beginnings, are cancelled, stopped
 * and run out of time, with pages for a part of them. Whatever became of a text, its tokens and the logits that they were drawn from are
 * those of the same text alone, as far as it went; and when all is quiet no page is held. */
#ifndef TEST_SOAK_H
#define TEST_SOAK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/base.h"
#include "foundry/infer.h"

enum { SOAK_VOCAB = 64, SOAK_CONTEXT = 256, SOAK_CASES = 40, SOAK_FLIGHTS = 64, SOAK_TOKENS = 40, SOAK_BRANCHES = 3 };

/* A text, and what it becomes alone. */
typedef struct soak_case {
    int32_t prompt[SOAK_CONTEXT];
    int n_prompt, max;
    int drawn[SOAK_BRANCHES];                   /* tokens of each branch                            */
    uint64_t after[SOAK_BRANCHES][SOAK_TOKENS]; /* a hash over tokens and logits, after each of them */
    lf_finish finish[SOAK_BRANCHES];
} soak_case;

/* A text on its way. */
typedef struct soak_flight {
    const soak_case *c;
    soak_case *fill; /* where a text alone leaves what became of it, or NULL */
    int64_t id;      /* 0: free */
    int branches, left, stop_after;
    bool cancelled, hurried;
    int drawn[SOAK_BRANCHES];
    uint64_t hash[SOAK_BRANCHES];
} soak_flight;

static lf_rng soak_rng;
static int64_t soak_answers, soak_cut;

static int soak_token(void *user, const lf_answer *a)
{
    soak_flight *f = user;
    int b = a->branch, i = f->drawn[b];
    if (a->token >= 0) {
        uint64_t h = lf__hash64(a->logits, SOAK_VOCAB * sizeof *a->logits, f->hash[b]);
        f->hash[b] = lf__hash64(&a->token, sizeof a->token, h), f->drawn[b]++;
        if (f->fill) f->fill->after[b][i] = f->hash[b], f->fill->drawn[b] = i + 1;
        if (!f->fill && (i >= f->c->drawn[b] || f->hash[b] != f->c->after[b][i]))
            fail_msg("a text of %d tokens, branch %d: token %d is not what it is alone", f->c->n_prompt, b, i);
    }
    bool stop = f->stop_after && f->drawn[b] == f->stop_after && !a->finish;
    if (a->finish && f->fill) f->fill->finish[b] = a->finish;
    if (a->finish == LF_FINISH_CANCELLED) assert_true(f->cancelled);
    if (a->finish == LF_FINISH_DEADLINE) assert_true(f->hurried);
    if (a->finish && a->finish != LF_FINISH_CANCELLED && a->finish != LF_FINISH_DEADLINE && !f->fill) { /* to its own end */
        assert_int_equal(a->finish, f->c->finish[b]);
        assert_int_equal(f->drawn[b], f->c->drawn[b]);
    }
    if (a->finish || stop) {
        soak_answers++, soak_cut += stop || a->finish == LF_FINISH_CANCELLED || a->finish == LF_FINISH_DEADLINE;
        if (--f->left == 0) f->id = 0;
    }
    return stop;
}

static int64_t soak_ask(lf_engine *e, soak_flight *f)
{
    static const int32_t ends[] = {3};
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    c.sampler.seed = f->c->n_prompt, c.sampler.max_tokens = f->c->max, c.sampler.temperature = 1.0;
    f->left = f->branches;
    f->id = lf_engine_submit(e,
                             &(lf_request){.tokens = f->c->prompt,
                                           .n_tokens = f->c->n_prompt,
                                           .branches = f->branches,
                                           .sampling = &c.sampler,
                                           .ends = ends,
                                           .n_ends = 1,
                                           .seconds = f->hurried ? 1e-3 * (double)lf__rng_below(&soak_rng, 20) + 1e-6 : 0,
                                           .on_token = soak_token,
                                           .user = f},
                             &err);
    if (f->id < 0) fail_msg("%s", err.message);
    return f->id;
}

static void soak_alone(lf_model *m, const char *kv_type, soak_case *cases)
{
    lf_error err = {0};
    for (int i = 0; i < SOAK_CASES; i++) {
        soak_case *c = &cases[i];
        memset(c, 0, sizeof *c);
        c->n_prompt = 1 + (int)(lf__rng_at(8, 1, (uint64_t)i) % (SOAK_CONTEXT - 40));
        c->max = (int)(1 + lf__rng_at(8, 2, (uint64_t)i) % (SOAK_TOKENS - 1));
        for (int k = 0; k < c->n_prompt; k++) /* five beginnings of different lengths */
            c->prompt[k] = (int32_t)(lf__rng_at(8, (uint64_t)(k < 50 + 17 * (i % 5) ? i % 5 : 100 + i), (uint64_t)k) % SOAK_VOCAB);
        lf_engine *e = lf_engine_new(m, &(lf_engine_options){.kv_type = kv_type, .max_sequences = SOAK_BRANCHES}, &err);
        if (!e) fail_msg("%s", err.message);
        soak_ask(e, &(soak_flight){.c = c, .fill = c, .branches = SOAK_BRANCHES});
        assert_int_equal(lf_engine_run(e, &err), 0);
        assert_int_equal(lf_engine_state_of(e).pages_held, 0);
        lf_engine_free(&e);
    }
}

static soak_flight *soak_free_flight(soak_flight *all)
{
    for (int i = 0; i < SOAK_FLIGHTS; i++)
        if (all[i].id == 0) return &all[i];
    return NULL;
}

/* One engine of random size for about so long; then it comes to rest. */
static void soak_round(lf_model *m, const char *kv_type, const soak_case *cases, double seconds)
{
    lf_error err = {0};
    static soak_flight flights[SOAK_FLIGHTS];
    memset(flights, 0, sizeof flights);
    lf_engine *probe = lf_engine_new(m, &(lf_engine_options){.kv_type = kv_type}, &err);
    int64_t page = lf_engine_state_of(probe).page_bytes, pages = 4 * SOAK_BRANCHES + (int64_t)lf__rng_below(&soak_rng, 120);
    lf_engine_free(&probe);
    lf_engine_options o = {.kv_type = kv_type, .kv_bytes = pages * page, .max_rows = 64 + (int)lf__rng_below(&soak_rng, 200)};
    lf_engine *e = lf_engine_new(m, &o, &err);
    if (!e) fail_msg("%s", err.message);
    int left = 1;
    for (double begun = lf__now(); left > 0;) {
        bool late = lf__now() - begun > seconds;
        for (uint64_t k = lf__rng_below(&soak_rng, 3); k > 0 && !late; k--) {
            soak_flight *f = soak_free_flight(flights);
            if (!f) break;
            *f = (soak_flight){.c = &cases[lf__rng_below(&soak_rng, SOAK_CASES)], .branches = 1};
            if (lf__rng_below(&soak_rng, 6) == 0) f->branches = SOAK_BRANCHES;
            if (lf__rng_below(&soak_rng, 6) == 0) f->stop_after = 1 + (int)lf__rng_below(&soak_rng, 20);
            f->hurried = lf__rng_below(&soak_rng, 8) == 0;
            soak_ask(e, f);
        }
        soak_flight *unlucky = &flights[lf__rng_below(&soak_rng, SOAK_FLIGHTS)];
        if (unlucky->id && lf__rng_below(&soak_rng, 12) == 0) {
            unlucky->cancelled = true;
            assert_true(lf_engine_cancel(e, unlucky->id));
        }
        left = lf_engine_step(e, &err);
        if (left < 0) fail_msg("%s", err.message);
        lf_engine_state s = lf_engine_state_of(e);
        assert_true(s.pages_held <= s.pages && s.pages == pages);
        if (left == 0) assert_int_equal(s.pages_held, 0);
        left += !late;
    }
    for (int i = 0; i < SOAK_FLIGHTS; i++) assert_int_equal(flights[i].id, 0);
    lf_engine_free(&e);
}

static void soak(double seconds)
{
    static const char *const types[] = {"f32", "f16", "bf16", "q8_0"};
    static soak_case cases[LF_COUNT(types)][SOAK_CASES];
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    strcpy(c.model.model_type, "llama");
    c.model.vocab_size = SOAK_VOCAB, c.model.hidden_size = 32, c.model.intermediate_size = 48, c.model.num_hidden_layers = 2;
    c.model.num_attention_heads = 4, c.model.num_key_value_heads = 2, c.model.max_position_embeddings = SOAK_CONTEXT;
    c.model.tie_word_embeddings = true, c.model.initializer_range = 0.4;
    lf_device *device = lf_device_open(&(lf_device_options){.threads = 2, .pin = "off"}, &err);
    lf_model *m = device ? lf_model_new(device, &c.model, 5, &err) : NULL;
    if (!m) fail_msg("%s", err.message);
    soak_rng = lf__rng_make(6, 6);
    for (size_t i = 0; i < LF_COUNT(types); i++) soak_alone(m, types[i], cases[i]);
    int rounds = 0;
    double round = LF_MIN(2.0, seconds / 6);
    for (double begun = lf__now(); lf__now() - begun < seconds; rounds++)
        soak_round(m, types[rounds % (int)LF_COUNT(types)], cases[rounds % (int)LF_COUNT(types)], round);
    print_message("%d engines, %lld answers, %lld of them cut short\n", rounds, (long long)soak_answers, (long long)soak_cut);
    assert_true(rounds >= 3 && soak_answers > 100 && soak_cut > 10);
    lf_model_free(&m);
    lf_device_close(&device);
}

#endif
