/* perplexity.c - the mean of -ln p(token) over a text, and what follows from it. The logits never exist at once (op_classifier). */
#include <math.h>
#include <stdlib.h>

#include "eval/eval.h"

static void fill(lf_perplexity *out, const lf_windows *w, const lf_moments *nll)
{
    *out = (lf_perplexity){.tokens = w->tokens,
                           .documents = (int64_t)w->text->n_documents,
                           .windows = w->n,
                           .bytes = (int64_t)w->text->bytes,
                           .context = w->context,
                           .stride = w->stride,
                           .nll = lf__moments_mean(nll),
                           .nll_error = lf__moments_error(nll)};
    out->perplexity = lf__exp(out->nll), out->error = out->perplexity * out->nll_error;
    out->bits_per_byte = out->bytes ? nll->sum / 0.69314718055994530942 / (double)out->bytes : (double)NAN;
}

int lf_eval_perplexity(lf_perplexity *out, lf_model *model, const lf_eval_text *text, const lf_eval_options *options, lf_error *err)
{
    lf_windows w;
    lf_model_ctx ctx = {0};
    lf_caches caches;
    lf_moments sums = {0};
    lf_batch batch;
    double began = lf__now();
    if (lf__windows_init(&w, text, options, &model, 1, err)) return -1;
    int status = lf__caches_init(&caches, model, w.options->kv_type, w.rows, err);
    float *nll = lf__calloc((size_t)w.rows, sizeof *nll, err);
    batch = lf__windows_shape(&w);
    if (!status) lf__caches_attach(&caches, &batch);
    if (!nll || status || lf__model_ctx_init(&ctx, model, &batch, false, err) || lf__model_declare(&ctx, model, w.context, err))
        status = -1;
    while (!status && lf__windows_next(&w, &batch)) {
        lf__caches_attach(&caches, &batch);
        lf__model_loss(model, &ctx.ctx, &batch, nll);
        if (lf__failed(&ctx.ctx)) status = lf__error_pass(err, &ctx.ctx.error);
        for (int i = 0; i < batch.n_tokens && !status; i++)
            if (batch.targets[i] >= 0) lf__moments_add(&sums, (double)nll[i]);
        if (!status) status = lf__windows_tell(&w, "score", err);
    }
    if (!status) {
        fill(out, &w, &sums);
        out->seconds = lf__now() - began;
        if (!isfinite(out->nll))
            status = lf_error_set(err, LF_E_NUMERIC, "the model's probabilities are not finite: its weights are damaged");
    }
    lf__model_ctx_release(&ctx);
    lf__caches_release(&caches);
    lf__windows_release(&w);
    free(nll);
    return status;
}
