/* plan.c - lf_plan_run: what a run will be, before there is one. Memory is not estimated: a dry trainer runs the code that will reserve it.
 * Time is not modelled: some micro-batches and updates of this very model are run and timed, without a run folder. Nothing is kept. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/trainer.h"

/* ---- memory ------------------------------------------------------------------------------------------------------------------ */
/* Bytes of all arenas of config; UINT64_MAX when it cannot be. */
static uint64_t bytes_of(lf_device *device, const lf_config *config, const lf_data_outlook *o, lf_plan *plan, lf_error *err)
{
    lf_trainer t;
    uint64_t bytes = UINT64_MAX;
    lf_config *c = lf__calloc(1, sizeof *c, err);
    if (!c) return bytes;
    *c = *config;
    if (lf__trainer_init(&t, device, c, o->data.train, o->evaluates, true, err) == 0) {
        lf_train_arena arenas[LF_TRAIN_ARENAS];
        int n = lf__trainer_arenas(&t, arenas);
        bytes = 0;
        for (int i = 0; i < n; i++) bytes += arenas[i].bytes;
        if (plan) {
            memcpy(plan->arenas, arenas, sizeof arenas);
            plan->n_arenas = n;
            plan->parameters = lf_model_parameters(t.model), plan->matmul_parameters = lf_model_matmul_parameters(t.model);
            plan->flops_per_token = lf_model_flops_per_token(t.model, (int)c->train.seq_len);
            plan->causal_flops_per_token = (plan->flops_per_token + 6.0 * (double)plan->matmul_parameters) / 2;
            plan->vocab_size = c->model.vocab_size, plan->seq_len = c->train.seq_len;
            plan->micro_batch_tokens = (int64_t)t.batch.micro_windows * t.batch.seq_len;
            plan->tokens_per_step = c->train.batch_tokens, plan->steps = c->train.steps;
        }
    }
    lf__trainer_release(&t);
    free(c);
    return bytes;
}

/* The least change with which it fits: smaller micro-batches, blocks made again (both give the same model), then shorter windows. */
static void advise(lf_plan *plan, lf_device *device, const lf_config *config, const lf_data_outlook *o)
{
    lf_config *c = lf__calloc(1, sizeof *c, NULL);
    if (!c) return;
    *c = *config;
    for (int64_t micro = plan->micro_batch_tokens / 2; micro >= plan->seq_len && !plan->advice[0]; micro /= 2) {
        c->train.micro_batch_tokens = micro / plan->seq_len * plan->seq_len;
        plan->advice_bytes = bytes_of(device, c, o, NULL, NULL);
        if (plan->advice_bytes <= plan->memory_available)
            snprintf(plan->advice, sizeof plan->advice, "--train.micro_batch_tokens %" PRId64, c->train.micro_batch_tokens);
    }
    if (!plan->advice[0] && strcmp(c->train.recompute, "block") != 0) {
        snprintf(c->train.recompute, sizeof c->train.recompute, "block");
        c->train.micro_batch_tokens = plan->seq_len;
        plan->advice_bytes = bytes_of(device, c, o, NULL, NULL);
        if (plan->advice_bytes <= plan->memory_available)
            snprintf(plan->advice, sizeof plan->advice, "--train.recompute block --train.micro_batch_tokens %" PRId64, plan->seq_len);
    }
    for (int64_t t = plan->seq_len / 2; t >= 16 && !plan->advice[0]; t /= 2) {
        if (plan->tokens_per_step % t) continue;
        c->train.seq_len = c->train.micro_batch_tokens = t;
        plan->advice_bytes = bytes_of(device, c, o, NULL, NULL);
        if (plan->advice_bytes <= plan->memory_available)
            snprintf(plan->advice, sizeof plan->advice, "--train.seq_len %" PRId64 " --train.micro_batch_tokens %" PRId64, t, t);
    }
    if (!plan->advice[0]) plan->advice_bytes = 0;
    free(c);
}

/* ---- time -------------------------------------------------------------------------------------------------------------------- */
static int stopped(const lf_train_hooks *hooks, lf_error *err)
{
    if (!hooks->should_stop || !hooks->should_stop(hooks->user)) return 0;
    return lf_error_set(err, LF_E_INTERRUPTED, "the plan was interrupted");
}

/* Small numbers by chance, a table of them repeated: cheaper than the real first values, and as good to multiply. */
static void fill_weights(lf_model *m)
{
    enum { TABLE = 4099 };
    for (size_t i = 0; i < m->n_floats; i++) m->data[i] = i < TABLE ? (float)(0.02 * lf__rng_normal_at(1, 0, i)) : m->data[i - TABLE];
    lf__model_pack(m);
}

/* Seconds per token of the micro-batches and seconds of one update, over about `budget` seconds. The first of each, which touches the
 * memory, is not counted. */
static int time_steps(lf_trainer *t, double budget, double *per_token, double *update, const lf_train_hooks *hooks, lf_error *err)
{
    double forward = 0, updates = 0, began = 0, nll = 0;
    int64_t tokens = 0, n_updates = 0, scored;
    for (int64_t step = 1; step <= 2 || lf__now() - began < budget; step++) {
        double now = lf__now();
        if (step == 2) began = now;
        if ((scored = lf__trainer_load(t, step, err)) < 0) return -1;
        for (int w = 0, done = 0; w < t->batch.windows; w += done) {
            if (stopped(hooks, err) || (done = lf__trainer_micro_step(t, w, scored, &nll, err)) < 0) return -1;
            double later = lf__now();
            if (step > 1) forward += later - now, tokens += (int64_t)done * t->batch.seq_len;
            now = later;
            if (step == 1 || later - began > budget) break; /* the rest of a large step is like its beginning */
        }
        lf__optimizer_step(&t->optimizer, t->model, &t->config->train, 1, lf__gradient_norm(t->model));
        if (step > 1) updates += lf__now() - now, n_updates++;
    }
    *per_token = forward / (double)tokens, *update = updates / (double)n_updates;
    return 0;
}

/* Seconds per token of an evaluation. */
static double time_evaluation(lf_trainer *t)
{
    enum { ROWS = 2048 };
    lf_evaluator *e = &t->evaluator;
    int rows = LF_MIN(e->rows, LF_MAX(e->seq_len, ROWS)) / e->seq_len * e->seq_len;
    lf_batch batch = {.n_tokens = rows,
                      .n_seqs = rows / e->seq_len,
                      .tokens = e->tokens,
                      .positions = e->positions,
                      .seq_start = e->seq_start,
                      .targets = e->targets};
    double best = 0;
    for (int i = 0; i < 2; i++) {
        double start = lf__now();
        lf__model_loss(t->model, &e->ctx.ctx, &batch, NULL);
        best = lf__now() - start;
    }
    return best / rows;
}

/* Seconds per generated token: one row through the model. */
static double time_token(lf_trainer *t, lf_error *err)
{
    static const int32_t zero[2] = {0, 0}, ends[2] = {0, 1};
    lf_batch one = {.n_tokens = 1, .n_seqs = 1, .tokens = zero, .positions = zero, .seq_start = ends, .out_rows = zero, .n_out_rows = 1};
    lf_model_ctx ctx;
    float *logits;
    double seconds = 0;
    if (lf__model_ctx_init(&ctx, t->model, &one, false, err) == 0)
        for (int i = 0; i < 4; i++) {
            double start = lf__now();
            lf__model_forward(t->model, &ctx.ctx, &one, &logits);
            seconds = lf__now() - start;
        }
    lf__model_ctx_release(&ctx);
    return seconds;
}

static int64_t times(int64_t every, int64_t steps) { return every > 0 ? steps / every : 0; }

static int probe(lf_plan *plan, lf_trainer *t, const lf_data_outlook *o, double budget, const lf_train_hooks *hooks, lf_error *err)
{
    const lf_train_config *c = &t->config->train;
    const char *prompts = t->config->sampler.prompts;
    double per_token;
    fill_weights(t->model);
    plan->peak_gflops = lf__peak_gflops(t->device, lf__products_of(t->config), LF_MIN(budget / 20, 0.1));
    if (time_steps(t, budget, &per_token, &plan->update_seconds, hooks, err)) return -1;
    plan->step_seconds = per_token * (double)c->batch_tokens + plan->update_seconds;
    plan->tokens_per_second = (double)c->batch_tokens / plan->step_seconds;
    plan->gflops = plan->tokens_per_second * plan->flops_per_token * 1e-9;
    if (o->evaluates) {
        double documents = o->val_documents ? (double)o->val_documents : 1;
        double part = c->eval_documents ? LF_MIN((double)c->eval_documents / documents, 1.0) : 1.0;
        int64_t before_last = times(c->eval_every, c->steps - 1);
        plan->evaluation_seconds = time_evaluation(t) * (double)o->val_tokens * ((double)before_last * part + 1);
    }
    if (c->sample_every && o->data.tokenizer) {
        double n_prompts = 1;
        for (const char *p = prompts; *p; p++) n_prompts += *p == '|';
        int64_t samples = times(c->sample_every, c->steps - 1) + 1;
        plan->sample_seconds = time_token(t, err) * (double)samples * n_prompts * (double)t->config->sampler.max_tokens;
    }
    plan->eta = plan->step_seconds * (double)c->steps + plan->evaluation_seconds + plan->sample_seconds;
    return 0;
}

int lf_plan_run(lf_plan *plan, lf_device *device, const lf_config *config, double probe_seconds, const lf_train_hooks *hooks, lf_error *err)
{
    static const lf_train_hooks none;
    lf_data_outlook o = {0};
    lf_trainer t = {0};
    memset(plan, 0, sizeof *plan);
    lf_config *c = lf__calloc(1, sizeof *c, err);
    if (!c) return -1;
    *c = *config;
    hooks = hooks ? hooks : &none;
    int status = lf_config_check(c, err) || lf__dtype_check(c, device, err) || lf__run_data_peek(&o, c, hooks, plan->note, err) ? -1 : 0;
    if (!status) {
        plan->train_tokens = o.train_tokens, plan->val_tokens = o.val_tokens;
        lf__config_resolve(c, device);
        if (lf_config_check(c, err)) status = -1;
    }
    if (!status) {
        plan->bytes = bytes_of(device, c, &o, plan, err);
        status = plan->bytes == UINT64_MAX ? -1 : 0;
    }
    if (!status) {
        plan->memory_total = lf__memory_total(), plan->memory_available = lf__memory_available();
        if (c->train.memory_limit) plan->memory_available = LF_MIN(plan->memory_available, (uint64_t)c->train.memory_limit);
        plan->fits = plan->bytes <= plan->memory_available;
        plan->least_bytes = lf__trainer_least_bytes(device, c, o.evaluates);
        if (!plan->fits) advise(plan, device, c, &o);
    }
    if (!status && plan->fits && probe_seconds > 0) {
        status = lf__trainer_init(&t, device, c, o.data.train, o.evaluates, false, err) ? -1 : 0;
        if (!status) status = probe(plan, &t, &o, probe_seconds, hooks, err);
        lf__trainer_release(&t);
    }
    lf__run_data_close(&o.data);
    free(c);
    return status;
}
