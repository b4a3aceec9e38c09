/* windows.c - documents into ragged batches: windows of `context` inputs, `stride` apart, each with the targets that no window before it
 * has scored. The arrays of one batch are all it owns. What a row is told never depends on what else is in its batch. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/eval.h"

enum { ROWS = 1024, CONTEXT = 512 }; /* of a batch, unless a window is longer; of a window, unless somebody says */

int lf__windows_init(lf_windows *w, const lf_eval_text *text, const lf_eval_options *options, lf_model *const *models, int n_models,
                     lf_error *err)
{
    static const lf_eval_options none = {0};
    int64_t longest = INT32_MAX / 2, usual = CONTEXT;
    *w = (lf_windows){.text = text, .options = options ? options : &none};
    for (int i = 0; i < n_models; i++) {
        longest = LF_MIN(longest, lf__model_longest(models[i]));
        usual = LF_MIN(usual, models[i]->config.max_position_embeddings);
    }
    int context = w->options->context ? w->options->context : (int)LF_MIN(usual, longest);
    if (context < 1 || context > longest)
        return lf_error_set(err, LF_E_ARGUMENT, "a window of %d tokens; the model's context holds 1 to %lld", context, (long long)longest);
    int stride = w->options->stride ? w->options->stride : context;
    if (stride < 1 || stride > context)
        return lf_error_set(err, LF_E_ARGUMENT, "windows %d tokens apart; 1 to %d, the length of a window, is possible", stride, context);
    w->context = context, w->stride = stride, w->rows = LF_MAX(ROWS, context);
    size_t rows = (size_t)w->rows;
    if (!(w->tokens_of = lf__calloc(4 * rows + 1, sizeof *w->tokens_of, err))) return -1;
    w->targets = w->tokens_of + rows, w->positions = w->targets + rows, w->seq_start = w->positions + rows;
    return 0;
}

void lf__windows_release(lf_windows *w)
{
    free(w->tokens_of);
    *w = (lf_windows){0};
}

static lf_batch batch_of(const lf_windows *w, int n_tokens, int n_seqs)
{
    return (lf_batch){.n_tokens = n_tokens,
                      .n_seqs = n_seqs,
                      .tokens = w->tokens_of,
                      .positions = w->positions,
                      .seq_start = w->seq_start,
                      .targets = w->targets};
}

lf_batch lf__windows_shape(lf_windows *w)
{
    int n_seqs = 0;
    for (int at = 0; at < w->rows && n_seqs < LF_EVAL_SEQUENCES; at += w->context) {
        w->seq_start[n_seqs] = at;
        w->seq_start[++n_seqs] = LF_MIN(at + w->context, w->rows);
    }
    for (int i = 0; i < w->rows; i++) w->tokens_of[i] = w->targets[i] = 0, w->positions[i] = i % w->context;
    return batch_of(w, w->seq_start[n_seqs], n_seqs);
}

bool lf__windows_next(lf_windows *w, lf_batch *batch)
{
    const lf_eval_text *text = w->text;
    int n = 0, n_seqs = 0;
    w->seq_start[0] = 0;
    while (w->document < text->n_documents && (!w->most || w->n < w->most)) {
        const int32_t *tokens = text->tokens + text->starts[w->document];
        size_t inputs = text->starts[w->document + 1] - text->starts[w->document] - 1, context = (size_t)w->context;
        size_t begin = w->scored ? w->scored - (context - (size_t)w->stride) : 0, end = LF_MIN(begin + context, inputs);
        int take = (int)(end - begin);
        if (n + take > w->rows || n_seqs == LF_EVAL_SEQUENCES) break;
        for (int i = 0; i < take; i++) {
            size_t at = begin + (size_t)i;
            w->tokens_of[n + i] = tokens[at], w->positions[n + i] = i;
            w->targets[n + i] = at < w->scored ? -1 : tokens[at + 1];
        }
        w->tokens += (int64_t)(end - w->scored);
        w->scored = end;
        w->seq_start[++n_seqs] = n += take;
        w->n++;
        if (end == inputs) w->document++, w->scored = 0;
    }
    *batch = batch_of(w, n, n_seqs);
    return n > 0;
}

int lf__windows_tell(const lf_windows *w, const char *what, lf_error *err)
{
    const lf_eval_options *o = w->options;
    double total = (double)lf_eval_text_tokens(w->text);
    if (w->most && w->n) total = LF_MIN(total, (double)w->tokens * (double)w->most / (double)w->n); /* windows differ in length: a guess */
    if (o->progress && o->progress(what, (double)w->tokens, total, "tokens", o->progress_user))
        return lf_error_set(err, LF_E_INTERRUPTED, "stopped after %lld tokens", (long long)w->tokens);
    return 0;
}
