/* divergence.c - two models over the same text: the Kullback-Leibler divergence of their distributions and what goes with it.
 *
 *   KL = sum_v p_v ln(p_v / q_v) = sum_v e^(x_v - max) (x_v - y_v) / S - (ln sum e^x - ln sum e^y)      x, y: logits of base and model
 *
 * Both forwards stop before the last product; then a few rows of both logits exist at a time (LOGIT_BYTES). Rows are shared out to threads,
 * each row is summed by one, in double. Kept for the whole text: one float per token. */
#include <math.h>
#include <stdlib.h>

#include "eval/eval.h"

enum { LOGIT_BYTES = 16 << 20 }; /* of each model */

/* One place: what both models say there. */
typedef struct place {
    double kl, nll_p, nll_q;
    bool same_top;
} place;

typedef struct comparison {
    const float *p, *q; /* logits [n, v] */
    const int32_t *targets;
    place *out; /* [n] */
    int n, v;
} comparison;

static place compare_row(const float *x, const float *y, int v, int32_t target)
{
    int top_x = 0, top_y = 0;
    for (int i = 1; i < v; i++) {
        if (x[i] > x[top_x]) top_x = i;
        if (y[i] > y[top_y]) top_y = i;
    }
    double max_x = (double)x[top_x], max_y = (double)y[top_y], sum_x = 0, sum_y = 0, cross = 0;
    for (int i = 0; i < v; i++) {
        double e = lf__exp((double)x[i] - max_x);
        sum_x += e, sum_y += lf__exp((double)y[i] - max_y);
        cross += e * ((double)x[i] - (double)y[i]);
    }
    double lse_x = max_x + lf__ln(sum_x), lse_y = max_y + lf__ln(sum_y), kl = cross / sum_x - (lse_x - lse_y);
    return (place){.kl = kl > 0 || isnan(kl) ? kl : 0, /* rounding of equal rows */
                   .nll_p = lse_x - (double)x[target],
                   .nll_q = lse_y - (double)y[target],
                   .same_top = top_x == top_y};
}

static void compare_rows(void *arg, int tid, int n_threads)
{
    const comparison *c = arg;
    int64_t lo, hi;
    lf__split(c->n, 1, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) c->out[i] = compare_row(c->p + i * c->v, c->q + i * c->v, c->v, c->targets[i]);
}

/* One of the two models in its working memory. */
typedef struct side {
    lf_model *model;
    lf_model_ctx ctx;
    lf_caches caches;
    lf_batch batch;
    lf_tensor *x; /* the last activations of the batch */
} side;

static int side_init(side *s, lf_model *model, const char *kv_type, lf_windows *w, const int32_t *rows, int n_rows, lf_error *err)
{
    *s = (side){.model = model, .batch = lf__windows_shape(w)};
    if (lf__caches_init(&s->caches, model, kv_type, w->rows, err)) return -1;
    lf__caches_attach(&s->caches, &s->batch);
    s->batch.targets = NULL, s->batch.out_rows = rows, s->batch.n_out_rows = n_rows;
    return lf__model_ctx_init(&s->ctx, model, &s->batch, false, err) || lf__model_declare(&s->ctx, model, w->context, err) ? -1 : 0;
}

static void side_run(side *s, const lf_batch *batch)
{
    s->batch = *batch;
    lf__caches_attach(&s->caches, &s->batch);
    lf__ctx_begin(&s->ctx.ctx, &s->batch);
    s->x = s->model->arch->forward(&s->ctx.ctx, s->model);
}

/* Logits of n rows of the batch, valid until the next call. */
static const float *side_logits(side *s, const int32_t *rows, int n)
{
    lf_ctx *ctx = &s->ctx.ctx;
    size_t mark = lf__arena_mark(ctx->scratch), meta = lf__arena_mark(ctx->meta);
    s->batch.out_rows = rows, s->batch.n_out_rows = n;
    lf_tensor *z = op_logits(ctx, s->x, lf__model_head(s->model), (float)s->model->config.final_logit_softcapping);
    const float *data = lf__failed(ctx) ? NULL : z->data;
    lf__arena_rewind(ctx->scratch, mark); /* what was pushed stays as it is until somebody pushes again */
    lf__arena_rewind(ctx->meta, meta);
    return data;
}

typedef struct tally {
    lf_moments kl, top1, delta_p, delta_p2, nll_p, nll_q, nll_difference;
    float *kls; /* [tokens] */
    size_t n;
} tally;

static void add_place(tally *t, const place *at)
{
    double delta = lf__exp(-at->nll_q) - lf__exp(-at->nll_p);
    lf__moments_add(&t->kl, at->kl);
    lf__moments_add(&t->top1, at->same_top);
    lf__moments_add(&t->delta_p, delta);
    lf__moments_add(&t->delta_p2, delta * delta);
    lf__moments_add(&t->nll_p, at->nll_p);
    lf__moments_add(&t->nll_q, at->nll_q);
    lf__moments_add(&t->nll_difference, at->nll_q - at->nll_p);
    t->kls[t->n++] = (float)at->kl;
}

/* A batch through both: rows [most] and places [most] are the caller's room. */
static int run_batch(tally *t, side *base, side *model, const lf_batch *batch, int most, int32_t *rows, place *places, lf_error *err)
{
    side *sides[2] = {base, model};
    int v = (int)base->model->config.vocab_size;
    for (int s = 0; s < 2; s++) side_run(sides[s], batch);
    for (int at = 0; at < batch->n_tokens;) {
        int n = 0;
        int32_t *targets = rows + most;
        for (; at < batch->n_tokens && n < most; at++)
            if (batch->targets[at] >= 0) rows[n] = at, targets[n++] = batch->targets[at];
        if (!n) break;
        comparison c = {
            .p = side_logits(base, rows, n), .q = side_logits(model, rows, n), .targets = targets, .out = places, .n = n, .v = v};
        for (int s = 0; s < 2; s++)
            if (lf__failed(&sides[s]->ctx.ctx)) return lf__error_pass(err, &sides[s]->ctx.ctx.error);
        lf__pool_run(base->model->device->pool, compare_rows, &c);
        for (int i = 0; i < n; i++) add_place(t, &places[i]);
    }
    return 0;
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void fill(lf_divergence *out, const lf_windows *w, tally *t)
{
    qsort(t->kls, t->n, sizeof *t->kls, ascending);
    double ms = lf__moments_mean(&t->delta_p2);
    *out = (lf_divergence){.tokens = w->tokens,
                           .documents = (int64_t)w->text->n_documents,
                           .windows = w->n,
                           .context = w->context,
                           .stride = w->stride,
                           .kl = lf__moments_mean(&t->kl),
                           .kl_error = lf__moments_error(&t->kl),
                           .kl_median = ((double)t->kls[(t->n - 1) / 2] + (double)t->kls[t->n / 2]) / 2,
                           .kl_99 = (double)t->kls[(size_t)ceil(0.99 * (double)t->n) - 1],
                           .kl_max = (double)t->kls[t->n - 1],
                           .top1 = lf__moments_mean(&t->top1),
                           .top1_error = lf__moments_error(&t->top1),
                           .delta_p = lf__moments_mean(&t->delta_p),
                           .delta_p_error = lf__moments_error(&t->delta_p),
                           .rms_delta_p = sqrt(ms),
                           .perplexity = lf__exp(lf__moments_mean(&t->nll_q)),
                           .base_perplexity = lf__exp(lf__moments_mean(&t->nll_p)),
                           .ratio = lf__exp(lf__moments_mean(&t->nll_difference))};
    out->rms_delta_p_error = ms > 0 ? lf__moments_error(&t->delta_p2) / (2 * out->rms_delta_p) : 0; /* d sqrt(m) = dm / (2 sqrt(m)) */
    out->perplexity_error = out->perplexity * lf__moments_error(&t->nll_q);
    out->base_perplexity_error = out->base_perplexity * lf__moments_error(&t->nll_p);
    out->ratio_error = out->ratio * lf__moments_error(&t->nll_difference);
}

int lf_eval_divergence(lf_divergence *out, lf_model *model, lf_model *base, const lf_eval_text *text, const lf_eval_options *options,
                       lf_error *err)
{
    int64_t v = base->config.vocab_size;
    if (model->config.vocab_size != v)
        return lf_error_set(err, LF_E_MISMATCH, "a vocabulary of %lld tokens beside one of %lld: their probabilities cannot be compared",
                            (long long)model->config.vocab_size, (long long)v);
    lf_windows w;
    side sides[2] = {0};
    tally sums = {0};
    lf_batch batch;
    double began = lf__now();
    if (lf__windows_init(&w, text, options, (lf_model *[]){base, model}, 2, err)) return -1;
    int most = (int)LF_MIN(LF_MAX(LOGIT_BYTES / (v * (int64_t)sizeof(float)), 1), w.rows);
    int32_t *rows = lf__calloc(2 * (size_t)most, sizeof *rows, err);
    place *places = lf__calloc((size_t)most, sizeof *places, err);
    sums.kls = lf__calloc((size_t)lf_eval_text_tokens(text), sizeof *sums.kls, err);
    int status = rows && places && sums.kls && side_init(&sides[0], base, NULL, &w, rows, most, err) == 0 &&
                         side_init(&sides[1], model, w.options->kv_type, &w, rows, most, err) == 0
                     ? 0
                     : -1;
    while (!status && lf__windows_next(&w, &batch)) {
        status = run_batch(&sums, &sides[0], &sides[1], &batch, most, rows, places, err);
        if (!status) status = lf__windows_tell(&w, "compare", err);
    }
    if (!status) {
        fill(out, &w, &sums);
        out->seconds = lf__now() - began;
        if (!isfinite(out->kl)) status = lf_error_set(err, LF_E_NUMERIC, "the models' probabilities are not finite: weights are damaged");
    }
    for (int s = 0; s < 2; s++) lf__model_ctx_release(&sides[s].ctx), lf__caches_release(&sides[s].caches);
    lf__windows_release(&w);
    free(rows), free(places), free(sums.kls);
    return status;
}
