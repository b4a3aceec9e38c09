/* evaluate.c - the loss on text the model does not train on: whole validation documents, every token once, the end token included.
 *
 * A document d1..dn (dn = the end token) is the sequence E d1..dn-1 with targets d1..dn, E the end token before it: exactly what the
 * model saw in training. A document longer than a sequence is cut into pieces with a fresh context each. Without an end token the
 * split is one text; its first token, which nothing precedes, is not scored. Documents are packed into ragged batches. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/trainer.h"

int lf__evaluator_init(lf_evaluator *e, lf_model *model, int rows, int seq_len, lf_error *err)
{
    memset(e, 0, sizeof *e);
    e->rows = rows, e->seq_len = seq_len;
    size_t n = (size_t)rows;
    int32_t *ints = lf__calloc(4 * n + 1, sizeof *ints, err);
    if (!ints) return -1;
    e->tokens = ints, e->targets = ints + n, e->positions = ints + 2 * n, e->seq_start = ints + 3 * n;
    /* The shape to measure: full sequences, as many as fit. */
    lf_batch shape = {.n_tokens = rows, .tokens = e->tokens, .positions = e->positions, .seq_start = e->seq_start, .targets = e->targets};
    for (int at = 0; at < rows; at += seq_len) {
        e->seq_start[shape.n_seqs] = at;
        e->seq_start[++shape.n_seqs] = LF_MIN(at + seq_len, rows);
    }
    for (int i = 0; i < rows; i++) e->positions[i] = i % seq_len;
    return lf__model_ctx_init(&e->ctx, model, &shape, false, err) || lf__model_declare(&e->ctx, model, seq_len, err) ? -1 : 0;
}

void lf__evaluator_release(lf_evaluator *e)
{
    lf__model_ctx_release(&e->ctx);
    free(e->tokens);
    memset(e, 0, sizeof *e);
}

typedef struct tally {
    double nll;
    uint64_t targets, bytes;
} tally;

/* Scores the n rows collected so far as n_seqs sequences. */
static int flush(lf_evaluator *e, lf_model *model, int n, int n_seqs, tally *sum, lf_error *err)
{
    if (n == 0) return 0;
    lf_batch batch = {
        .n_tokens = n, .n_seqs = n_seqs, .tokens = e->tokens, .positions = e->positions, .seq_start = e->seq_start, .targets = e->targets};
    sum->nll += lf__model_loss(model, &e->ctx.ctx, &batch, NULL);
    if (lf__failed(&e->ctx.ctx)) return lf_error_set(err, e->ctx.ctx.error.code, "%s", e->ctx.ctx.error.message);
    return 0;
}

static uint64_t text_bytes(const lf_tokenizer *t, int32_t id)
{
    size_t n = 0;
    bool special = false;
    return t && lf_tokenizer_token(t, id, &n, &special) && !special ? n : 0;
}

int lf__evaluate(lf_evaluator *e, lf_model *model, const lf_run_data *data, int64_t documents, lf_train_metrics *metrics, lf_error *err)
{
    const lf_shards *val = data->val;
    int32_t end = lf_shards_end_token(val);
    uint64_t all = lf_shards_documents(val), n_documents = documents > 0 ? LF_MIN((uint64_t)documents, all) : all;
    tally sum = {0};
    int n = 0, n_seqs = 0;
    e->seq_start[0] = 0;
    for (uint64_t d = 0; d < n_documents; d++) {
        uint64_t at, length;
        if (lf_shards_document(val, d, &at, &length))
            return lf_error_set(err, LF_E_FORMAT, "validation document %llu cannot be read", (unsigned long long)d);
        /* Input i of the document is the token before target i: the end token, then d1, d2, ... */
        uint64_t done = end < 0;
        while (done < length) {
            int take = (int)LF_MIN((uint64_t)e->seq_len, length - done);
            if (n + take > e->rows) {
                if (flush(e, model, n, n_seqs, &sum, err)) return -1;
                n = n_seqs = 0;
            }
            if (lf_shards_read(val, e->targets + n, at + done, (uint64_t)take, err)) return -1;
            e->tokens[n] = end;
            if (done && lf_shards_read(val, e->tokens + n, at + done - 1, 1, err)) return -1;
            memcpy(e->tokens + n + 1, e->targets + n, ((size_t)take - 1) * sizeof *e->tokens);
            for (int i = 0; i < take; i++) {
                e->positions[n + i] = i;
                sum.bytes += text_bytes(data->tokenizer, e->targets[n + i]);
            }
            sum.targets += (uint64_t)take;
            n += take;
            done += (uint64_t)take;
            e->seq_start[++n_seqs] = n;
        }
    }
    if (flush(e, model, n, n_seqs, &sum, err)) return -1;
    if (!sum.targets) return lf_error_set(err, LF_E_LIMIT, "the validation split holds no token to score");

    lf_split_info info = lf_shards_info(val);
    metrics->val_loss = sum.nll / (double)sum.targets;
    metrics->val_bpb = sum.bytes ? sum.nll / 0.69314718055994530942 / (double)sum.bytes : (double)NAN;
    /* The floor is that of all documents: beside the loss of some of them it would be another text's. NaN bits stay NaN. */
    metrics->val_floor_bpb = info.bytes && n_documents == all ? info.floor_bits / (double)info.bytes : (double)NAN;
    metrics->val_excess_bits = (metrics->val_bpb - metrics->val_floor_bpb) * (double)sum.bytes / (double)n_documents;
    return 0;
}
