/* speculate.c - guesses at the next tokens: from what the text had before (n-grams), or from a smaller model that runs ahead. Not the
 * checking of them (engine.c). A drafter owns pages and working memory of its own; sequences hold their part of it in lf_guesses. */
#include "infer/speculate.h"

#include "model/model.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_LENGTH = 4, PAUSE_MAX = 64 };

/* ---- how many ------------------------------------------------------------------------------------------------------------- */
int lf__guesses_wanted(lf_guesses *g, int most)
{
    if (g->pause > 0) {
        g->pause--;
        return 0;
    }
    return LF_MIN(most, g->length ? g->length : FIRST_LENGTH);
}

void lf__guesses_learn(lf_guesses *g, int right)
{
    if (g->n == 0) return;
    g->length = right == g->n ? LF_MIN(2 * g->n, LF_GUESSES) : right + 1;
    g->misses = right > 0 ? 0 : g->misses + 1;
    if (g->misses > 1) g->pause = LF_MIN(1 << LF_MIN(g->misses, 10), PAUSE_MAX);
}

/* ---- from the text -------------------------------------------------------------------------------------------------------- */
int lf__guess_from_text(int32_t *guesses, const int32_t *tokens, int n, int longest, int most)
{
    int best = LF_MIN(longest, 2) - 1, from = -1; /* shorter ends than that are no reason to guess */
    for (int at = n - 2; at >= 0 && best < longest; at--) {
        int length = 0; /* of what ends at `at` and is also the end of the text */
        while (length < longest && length <= at && tokens[at - length] == tokens[n - 1 - length]) length++;
        if (length > best) best = length, from = at + 1;
    }
    if (from < 0) return 0;
    for (int i = 0; i < most; i++) guesses[i] = from + i < n ? tokens[from + i] : guesses[from + i - n]; /* goes on with itself */
    return most;
}

/* ---- from a model --------------------------------------------------------------------------------------------------------- */
struct lf_drafter {
    lf_model *model;
    lf_kv_pool *pool;
    lf_kv shape; /* of all caches: no pages, no length */
    lf_model_ctx work;
    int context, max_sequences, max_rows;
    /* One batch: [max_rows] and [max_sequences]. */
    int32_t *tokens, *positions, *out_rows, *seq_start;
    lf_kv **kv;
    lf_wish **ready; /* [max_sequences] whose logits come in this order */
};

lf_drafter *lf__drafter_new(lf_model *model, const lf_model *target, const lf_drafter_size *size, lf_error *err)
{
    if (model->config.vocab_size != target->config.vocab_size) {
        lf_error_set(err, LF_E_MISMATCH, "the draft model has %lld tokens, the model %lld: they must have the same vocabulary",
                     (long long)model->config.vocab_size, (long long)target->config.vocab_size);
        return NULL;
    }
    lf_drafter *d = lf__calloc(1, sizeof *d, err);
    if (!d) return NULL;
    d->model = model, d->max_sequences = size->max_sequences, d->max_rows = size->max_rows;
    d->context = (int)LF_MIN(size->context, lf__model_longest(model));
    size_t rows = (size_t)d->max_rows, seqs = (size_t)d->max_sequences;
    d->tokens = lf__calloc(2 * rows + 2 * seqs + 1, sizeof *d->tokens, err);
    d->kv = lf__calloc(seqs, sizeof *d->kv, err);
    d->ready = lf__calloc(seqs, sizeof *d->ready, err);
    if (!d->tokens || !d->kv || !d->ready || lf__kv_of(&d->shape, model, size->kv_type, err)) goto fail;
    d->positions = d->tokens + rows, d->out_rows = d->positions + rows, d->seq_start = d->out_rows + seqs;
    if (!(d->pool = lf__kv_pool_new(&d->shape, size->n_pages, err)) ||
        lf__step_memory(&d->work, model, &d->shape, &(lf_step_size){d->context, d->max_sequences, d->max_rows, d->max_sequences}, err))
        goto fail;
    return d;
fail:
    lf__drafter_free(&d);
    return NULL;
}

void lf__drafter_free(lf_drafter **drafter)
{
    lf_drafter *d = *drafter;
    if (!d) return;
    lf__model_ctx_release(&d->work);
    lf__kv_pool_free(&d->pool);
    free(d->tokens), free(d->kv), free(d->ready), free(d);
    *drafter = NULL;
}

/* Room for `rows` more tokens of a sequence; false: there is none. */
static bool add_pages(lf_drafter *d, lf_guesses *g, int rows)
{
    int most = (d->context + LF_KV_BLOCK - 1) / LF_KV_BLOCK;
    if (g->kv.length + rows > d->context) return false;
    if (!g->kv.blocks) {
        void **blocks = lf__calloc((size_t)most, sizeof *blocks, NULL);
        int *pages = lf__calloc((size_t)most, sizeof *pages, NULL);
        if (!blocks || !pages) return free(blocks), free(pages), false;
        g->kv = d->shape, g->kv.blocks = blocks, g->pages = pages;
    }
    for (; g->n_pages * LF_KV_BLOCK < g->kv.length + rows; g->n_pages++) {
        int page = lf__kv_pool_take(d->pool);
        if (page < 0) return false;
        g->pages[g->n_pages] = page, g->kv.blocks[g->n_pages] = lf__kv_pool_data(d->pool, page);
        g->kv.capacity += LF_KV_BLOCK;
    }
    return true;
}

void lf__drafter_forget(lf_drafter *d, lf_guesses *g)
{
    while (g->n_pages > 0) lf__kv_pool_release(d->pool, g->pages[--g->n_pages]);
    free(g->kv.blocks), free(g->pages);
    g->kv = (lf_kv){0}, g->pages = NULL;
}

void lf__drafter_settle(lf_drafter *d, lf_guesses *g, int valid)
{
    if (valid >= g->kv.length) return;
    lf__kv_clear(d->pool, d->model->device, &g->kv, valid, g->kv.length);
    g->kv.length = valid;
}

/* Token i of a text that goes on with guesses. */
static int32_t token_of(const lf_wish *w, int i) { return i < w->n ? w->tokens[i] : w->g->tokens[i - w->n]; }

/* One pass of the model over what the draft has not read of each text, guesses included. Returns for how many of them that was all: their
 * logits are in the order of d->ready; -1 on a failure. */
static int run_ahead(lf_drafter *d, lf_wish *wishes, int n, float **logits, lf_error *err)
{
    lf_batch b = {.tokens = d->tokens, .positions = d->positions, .seq_start = d->seq_start, .kv = d->kv, .out_rows = d->out_rows};
    for (int i = 0; i < n; i++) {
        lf_wish *w = &wishes[i];
        int have = w->g->kv.length, all = w->n + w->g->n, rows = LF_MIN(all - have, d->max_rows - b.n_tokens);
        if (w->g->n == w->most || rows == 0 || !add_pages(d, w->g, rows)) continue;
        d->seq_start[b.n_seqs] = b.n_tokens, d->kv[b.n_seqs++] = &w->g->kv;
        for (int r = 0; r < rows; r++, b.n_tokens++) d->tokens[b.n_tokens] = token_of(w, have + r), d->positions[b.n_tokens] = have + r;
        if (have + rows < all) continue;
        d->ready[b.n_out_rows] = w, d->out_rows[b.n_out_rows++] = b.n_tokens - 1;
    }
    d->seq_start[b.n_seqs] = b.n_tokens;
    if (b.n_seqs == 0) return 0;
    if (lf__model_forward(d->model, &d->work.ctx, &b, logits)) return lf__error_pass(err, &d->work.ctx.error);
    for (int s = 0; s < b.n_seqs; s++) d->kv[s]->length += d->seq_start[s + 1] - d->seq_start[s];
    return b.n_out_rows;
}

int lf__drafter_guess(lf_drafter *d, lf_wish *wishes, int n, lf_error *err)
{
    int64_t vocab = d->model->config.vocab_size;
    for (int i = 0; i < n; i++) wishes[i].g->n = 0, wishes[i].g->drafted = true;
    for (int ready = 1; ready > 0;) {
        float *logits = NULL;
        if ((ready = run_ahead(d, wishes, n, &logits, err)) < 0) return -1;
        for (int i = 0; i < ready; i++) {
            lf_wish *w = d->ready[i];
            w->g->tokens[w->g->n] = lf__sampler_guess(w->sampler, logits + i * vocab, w->index + (uint64_t)w->g->n);
            w->g->n++;
        }
        int left = 0; /* those whose text is not read to its end wait for the next step */
        for (int i = 0; i < n; i++)
            if (wishes[i].g->n > 0) wishes[left++] = wishes[i];
        n = left;
    }
    return 0;
}
