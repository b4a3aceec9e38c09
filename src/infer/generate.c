/* generate.c - a prompt becomes a text: encode, one request to an engine of its own, whole characters out. Not the engine (engine.c) and
 * not the choice of tokens (sampler.c). All it needs lives for one call; one call per model at a time. */
#include "infer/infer.h"

#include "foundry/generate.h"
#include "foundry/infer.h"
#include "model/model.h"

#include <stdlib.h>

enum { ROWS = 256 }; /* of one step: the logits do not depend on it, memory does */

typedef struct talk {
    const lf_tokenizer *tokenizer;
    lf_text_stream text;
    lf_generate_stats stats;
    bool unheard; /* on_text wants no more */
    bool stuck;   /* no token fits the grammar */
} talk;

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

/* | start | prompt ... |; the caller frees them. Returns how many, at least 1, or -1. */
static int encode_prompt(int32_t **tokens, const lf_model_config *config, const lf_tokenizer *tokenizer, const char *prompt, size_t n,
                         int context, lf_error *err)
{
    size_t room = lf_tokenizer_bound(tokenizer, n);
    int32_t start = start_token(config, tokenizer);
    int n_start = start >= 0;
    if (!(*tokens = lf__calloc(room + 1, sizeof **tokens, err))) return -1;
    if (n_start) **tokens = start;
    int64_t count = lf_tokenizer_encode(tokenizer, *tokens + n_start, room, prompt, n, false, err);
    if (count < 0) return -1;
    if (count + n_start > context) {
        lf_error_set(err, LF_E_LIMIT, "the prompt is %lld tokens long%s, the model's context holds %d", (long long)count + n_start,
                     n_start ? " (start of the document included)" : "", context);
        return lf_error_hint(err, "shorten the prompt, or train with a larger --model.max_position_embeddings");
    }
    if (count + n_start > 0) return (int)count + n_start;
    **tokens = neutral_token(tokenizer);
    return 1;
}

static int on_token(void *user, const lf_answer *a)
{
    talk *t = user;
    if (a->finish == LF_FINISH_END) t->stats.ended = true;
    if (a->finish == LF_FINISH_CONTEXT) t->stats.context_full = true;
    if (a->finish == LF_FINISH_GRAMMAR) t->stuck = true;
    if (a->index == 0) t->stats.prefill_seconds = a->prompt_seconds;
    if (a->token < 0 || a->finish == LF_FINISH_END) return 0;
    t->stats.tokens++;
    size_t n;
    bool special;
    const char *bytes = lf_tokenizer_token(t->tokenizer, a->token, &n, &special);
    if (bytes && !special) t->unheard = lf__text_stream_add(&t->text, bytes, n) != 0;
    return t->unheard;
}

static int run(talk *t, lf_engine *engine, const int32_t *tokens, int n, const lf_model_config *config, const lf_sample_config *sampling,
               const lf_grammar *grammar, lf_error *err)
{
    int32_t ends[2] = {lf_tokenizer_end(t->tokenizer), (int32_t)config->eos_token_id};
    lf_request request = {.tokens = tokens,
                          .n_tokens = n,
                          .sampling = sampling,
                          .n_ids = lf_tokenizer_size(t->tokenizer), /* ids beyond have no text */
                          .tokenizer = t->tokenizer,
                          .grammar = grammar,
                          .ends = ends,
                          .n_ends = LF_COUNT(ends),
                          .on_token = on_token,
                          .user = t};
    double begun = lf__now();
    if (lf_engine_submit(engine, &request, err) < 0 || lf_engine_run(engine, err)) return -1;
    if (t->stuck) return lf_error_set(err, LF_E_MISMATCH, "%s: after %d tokens none fits the grammar", sampling->grammar, t->stats.tokens);
    t->stats.decode_seconds = lf__now() - begun - t->stats.prefill_seconds;
    t->stats.stopped = t->unheard || lf__text_stream_end(&t->text) != 0;
    return 0;
}

int lf_generate(lf_model *model, const lf_tokenizer *tokenizer, const char *prompt, size_t prompt_bytes, const lf_sample_config *sampling,
                int (*on_text)(const char *text, size_t n, void *user), void *user, lf_generate_stats *stats, lf_error *err)
{
    const lf_model_config *c = &model->config;
    talk t = {.tokenizer = tokenizer, .text = {.on_text = on_text, .user = user}};
    int longest = (int)LF_MIN(c->max_position_embeddings, INT32_MAX / 2), n_ids = lf_tokenizer_size(tokenizer), n, status = -1;
    int32_t *tokens = NULL;
    lf_engine *engine = NULL;
    lf_grammar *grammar = NULL;
    if (n_ids > c->vocab_size) {
        lf_error_set(err, LF_E_MISMATCH, "the tokenizer has %d tokens, the model only %lld", n_ids, (long long)c->vocab_size);
        return lf_error_hint(err, "use the tokenizer that lies beside the model");
    }
    if (sampling->max_tokens < 0)
        return lf_error_set(err, LF_E_ARGUMENT, "sampler.max_tokens: expected a number of at least 0, got %lld",
                            (long long)sampling->max_tokens);
    if (sampling->grammar[0] && !(grammar = lf_grammar_load(sampling->grammar, err))) return -1;
    if ((n = encode_prompt(&tokens, c, tokenizer, prompt, prompt_bytes, longest, err)) > 0) {
        lf_engine_options o = {.max_sequences = 1, .max_rows = LF_MIN(n, ROWS)};
        o.context = (int)LF_MIN(longest, n + LF_MIN(sampling->max_tokens, longest));
        o.kv_bytes = (int64_t)((size_t)((o.context + LF_KV_BLOCK - 1) / LF_KV_BLOCK) *
                               lf__kv_page_bytes((int)c->num_hidden_layers, (int)c->num_key_value_heads, (int)c->head_dim));
        engine = lf_engine_new(model, &o, err);
        if (engine) status = run(&t, engine, tokens, n, c, sampling, grammar, err);
        t.stats.prompt_tokens = n;
    }
    lf_engine_free(&engine);
    lf_grammar_free(&grammar);
    free(tokens);
    if (stats) *stats = t.stats;
    return status;
}
