/* generate.c - a prompt becomes a text: encode, feed in chunks, then token by token through the cache, streaming whole characters.
 * Not the model (src/model) and not the choice of tokens (sampler.c). A session owns all it needs and lives for one call; nothing is
 * allocated per token. One call per model at a time. */
#include "infer/infer.h"

#include "foundry/generate.h"
#include "model/model.h"

#include <stdlib.h>

#define CHUNK 256 /* rows of one prompt chunk: the logits do not depend on it, memory does */

/* tokens: | start | prompt ... |, fed in chunks; then one position per drawn token, the last drawn one is never fed. */
typedef struct session {
    lf_model *model;
    const lf_tokenizer *tokenizer;
    int32_t *tokens;
    int n_tokens, context;
    lf_sampler *sampler;
    lf_grammar *grammar; /* NULL = none */
    lf_kv_room room;
    lf_model_ctx work;
    lf_text_stream text;
    int32_t positions[CHUNK];
} session;

/* What stands before the first token of a document, -1 when nothing does. */
static int32_t start_token(const lf_model_config *config, const lf_tokenizer *tokenizer)
{
    return config->bos_token_id >= 0 && config->bos_token_id < config->vocab_size ? (int32_t)config->bos_token_id
                                                                                  : lf_tokenizer_end(tokenizer);
}

/* Something a text may begin with: a line begins after a newline. */
static int32_t neutral_token(const lf_tokenizer *tokenizer)
{
    int32_t id;
    return lf_tokenizer_encode(tokenizer, &id, 1, "\n", 1, false, NULL) == 1 ? id : 0;
}

static int encode_prompt(session *s, const char *prompt, size_t n, lf_error *err)
{
    size_t room = lf_tokenizer_bound(s->tokenizer, n);
    if (!(s->tokens = lf__calloc(room + 1, sizeof *s->tokens, err))) return -1;
    int32_t start = start_token(&s->model->config, s->tokenizer);
    int n_start = start >= 0;
    if (n_start) s->tokens[0] = start;
    int64_t count = lf_tokenizer_encode(s->tokenizer, s->tokens + n_start, room, prompt, n, false, err);
    if (count < 0) return -1;
    if (count + n_start > s->context) {
        lf_error_set(err, LF_E_LIMIT, "the prompt is %lld tokens long%s, the model's context holds %d", (long long)count + n_start,
                     n_start ? " (start of the document included)" : "", s->context);
        return lf_error_hint(err, "shorten the prompt, or train with a larger --model.max_position_embeddings");
    }
    s->n_tokens = (int)count + n_start;
    if (s->n_tokens == 0) s->tokens[s->n_tokens++] = neutral_token(s->tokenizer);
    return 0;
}

static lf_batch batch_of(session *s, const int32_t *tokens, int n, const int32_t *seq_start, lf_kv **kv, const int32_t *last)
{
    for (int i = 0; i < n; i++) s->positions[i] = s->room.kv.length + i;
    return (lf_batch){.n_tokens = n,
                      .n_seqs = 1,
                      .tokens = tokens,
                      .positions = s->positions,
                      .seq_start = seq_start,
                      .kv = kv,
                      .out_rows = last,
                      .n_out_rows = 1};
}

static int session_open(session *s, const char *prompt, size_t prompt_bytes, const lf_sample_config *sampling, lf_error *err)
{
    const lf_model_config *c = &s->model->config;
    int n_ids = lf_tokenizer_size(s->tokenizer);
    if (n_ids > c->vocab_size) {
        lf_error_set(err, LF_E_MISMATCH, "the tokenizer has %d tokens, the model only %lld", n_ids, (long long)c->vocab_size);
        return lf_error_hint(err, "use the tokenizer that lies beside the model");
    }
    if (sampling->max_tokens < 0)
        return lf_error_set(err, LF_E_ARGUMENT, "sampler.max_tokens: expected a number of at least 0, got %lld",
                            (long long)sampling->max_tokens);
    s->context = (int)LF_MIN(c->max_position_embeddings, INT32_MAX / 2);
    if (encode_prompt(s, prompt, prompt_bytes, err)) return -1;
    /* Ids beyond the tokenizer have no text: they cannot be drawn. */
    if (!(s->sampler = lf_sampler_new(sampling, n_ids, err)) || lf_sampler_use_tokenizer(s->sampler, s->tokenizer, err)) return -1;
    if (sampling->grammar[0]) {
        const int32_t ends[2] = {lf_tokenizer_end(s->tokenizer), (int32_t)c->eos_token_id};
        if (!(s->grammar = lf_grammar_load(sampling->grammar, err)) ||
            lf_sampler_set_grammar(s->sampler, s->grammar, s->tokenizer, ends, 2, err))
            return -1;
    }
    for (int i = 0; i < s->n_tokens; i++) lf_sampler_accept(s->sampler, s->tokens[i], true);
    int positions = (int)LF_MIN(s->context, s->n_tokens + LF_MIN(sampling->max_tokens, s->context));
    int heads = (int)(c->num_key_value_heads ? c->num_key_value_heads : c->num_attention_heads);
    if (lf__kv_room_init(&s->room, (int)c->num_hidden_layers, heads, lf__model_head_dim(c), positions, err)) return -1;
    /* Memory is measured for the most that one batch can be: the largest chunk at the end of the longest cache. */
    int rows = LF_MIN(s->n_tokens, CHUNK);
    int32_t seq_start[2] = {0, rows}, last = rows - 1;
    lf_kv *kv = &s->room.kv;
    kv->length = positions - rows;
    lf_batch shape = batch_of(s, s->tokens, rows, seq_start, &kv, &last);
    int rc = lf__model_ctx_init(&s->work, s->model, &shape, false, err) || lf__model_declare(&s->work, s->model, positions, err) ? -1 : 0;
    kv->length = 0;
    return rc;
}

static void session_close(session *s)
{
    lf__model_ctx_release(&s->work);
    lf__kv_room_release(&s->room);
    lf_sampler_free(&s->sampler);
    lf_grammar_free(&s->grammar);
    free(s->tokens);
}

/* Appends tokens to the cache; *logits [1, vocab] of the last one. */
static int feed(session *s, const int32_t *tokens, int n, float **logits, lf_error *err)
{
    for (int at = 0; at < n; at += CHUNK) {
        int rows = LF_MIN(n - at, CHUNK);
        int32_t seq_start[2] = {0, rows}, last = rows - 1;
        lf_kv *kv = &s->room.kv;
        lf_batch batch = batch_of(s, tokens + at, rows, seq_start, &kv, &last);
        if (lf__model_forward(s->model, &s->work.ctx, &batch, logits)) return lf__error_pass(err, &s->work.ctx.error);
        kv->length += rows;
    }
    return 0;
}

static int talk(session *s, const lf_sample_config *sampling, lf_generate_stats *stats, lf_error *err)
{
    int32_t end = lf_tokenizer_end(s->tokenizer), eos = (int32_t)s->model->config.eos_token_id;
    float *logits = NULL;
    double began = lf__now();
    if (feed(s, s->tokens, s->n_tokens, &logits, err)) return -1;
    double fed = lf__now();
    stats->prompt_tokens = s->n_tokens;
    stats->prefill_seconds = fed - began;
    for (int64_t i = 0; i < sampling->max_tokens; i++) {
        int32_t id = lf_sampler_draw(s->sampler, logits, (uint64_t)i);
        if (id < 0) return lf_error_set(err, LF_E_MISMATCH, "%s: after %d tokens none fits the grammar", sampling->grammar, stats->tokens);
        if ((stats->ended = id == end || id == eos)) break;
        lf_sampler_accept(s->sampler, id, false);
        stats->tokens++;
        size_t n;
        bool special;
        const char *bytes = lf_tokenizer_token(s->tokenizer, id, &n, &special);
        if (bytes && !special && (stats->stopped = lf__text_stream_add(&s->text, bytes, n) != 0)) break;
        if (i + 1 == sampling->max_tokens) break;
        if ((stats->context_full = s->room.kv.length == s->context)) break;
        if (feed(s, &id, 1, &logits, err)) return -1;
    }
    if (!stats->stopped) stats->stopped = lf__text_stream_end(&s->text) != 0;
    stats->decode_seconds = lf__now() - fed;
    return 0;
}

int lf_generate(lf_model *model, const lf_tokenizer *tokenizer, const char *prompt, size_t prompt_bytes, const lf_sample_config *sampling,
                int (*on_text)(const char *text, size_t n, void *user), void *user, lf_generate_stats *stats, lf_error *err)
{
    session s = {.model = model, .tokenizer = tokenizer, .text = {.on_text = on_text, .user = user}};
    lf_generate_stats local = {0};
    int rc = session_open(&s, prompt, prompt_bytes, sampling, err);
    if (!rc) rc = talk(&s, sampling, &local, err);
    session_close(&s);
    if (stats) *stats = local;
    return rc;
}
