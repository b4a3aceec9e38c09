/* generate.c - a prompt becomes a text: encode, one request to an engine of its own. Not the engine (engine.c) and not the choice of
 * tokens (sampler.c). All it needs lives for one call; one call per model at a time. */
#include "infer/infer.h"

#include "foundry/generate.h"
#include "foundry/infer.h"
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

int32_t lf__start_token(const lf_model_config *config, const lf_tokenizer *tokenizer)
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

int lf_prompt_tokens(int32_t **tokens, const lf_model *model, const lf_tokenizer *tokenizer, const char *prompt, size_t n, lf_error *err)
{
    const lf_model_config *c = &model->config;
    size_t room = lf_tokenizer_bound(tokenizer, n);
    int32_t start = lf__start_token(c, tokenizer);
    int n_start = start >= 0;
    *tokens = NULL;
    if (lf_tokenizer_size(tokenizer) > c->vocab_size) {
        lf_error_set(err, LF_E_MISMATCH, "the tokenizer has %d tokens, the model only %lld", lf_tokenizer_size(tokenizer),
                     (long long)c->vocab_size);
        return lf_error_hint(err, "use the tokenizer that lies beside the model");
    }
    int32_t *ids = lf__calloc(room + 1, sizeof *ids, err);
    if (!ids) return -1;
    if (n_start) *ids = start;
    int64_t count = lf_tokenizer_encode(tokenizer, ids + n_start, room, prompt, n, false, err);
    if (count > INT32_MAX / 2) count = lf_error_set(err, LF_E_LIMIT, "a prompt of %lld tokens is too long", (long long)count);
    if (count < 0) return free(ids), -1;
    *tokens = ids;
    if (count + n_start > 0) return (int)count + n_start;
    *ids = neutral_token(tokenizer);
    return 1;
}

int lf_same_tokens(const lf_tokenizer *tokenizer, const lf_tokenizer *draft, lf_error *err)
{
    int sizes[2] = {lf_tokenizer_size(tokenizer), lf_tokenizer_size(draft)};
    for (int32_t id = 0; id < LF_MAX(sizes[0], sizes[1]); id++) {
        size_t n[2] = {0};
        const char *text[2] = {lf_tokenizer_token(tokenizer, id, &n[0], NULL), lf_tokenizer_token(draft, id, &n[1], NULL)};
        if (!text[0] == !text[1] && (!text[0] || (n[0] == n[1] && memcmp(text[0], text[1], n[0]) == 0))) continue;
        lf_error_set(err, LF_E_MISMATCH,
                     "the draft model has another vocabulary: token %d is \"%.*s\", the model's \"%.*s\" (%d and %d tokens)", id,
                     (int)LF_MIN(n[1], 40), text[1] ? text[1] : "", (int)LF_MIN(n[0], 40), text[0] ? text[0] : "", sizes[1], sizes[0]);
        return lf_error_hint(err, "a draft model is trained with the tokenizer of the model");
    }
    return 0;
}

int lf_answer_ends(int32_t ends[LF_ENDS], const lf_model *model, const lf_tokenizer *tokenizer)
{
    int n = 0;
    int32_t end = lf_tokenizer_end(tokenizer);
    for (int i = 0; i < model->n_ends; i++) ends[n++] = model->ends[i];
    for (int i = 0; i < n; i++)
        if (ends[i] == end) return n;
    if (end >= 0 && n < LF_ENDS) ends[n++] = end;
    return n;
}

/* ---- talking --------------------------------------------------------------------------------------------------------------- */
enum { ROWS = 256, TOGETHER = 16 }; /* of one step; answers: texts do not depend on either, memory and speed do */

typedef struct talk {
    const lf_generate_args *args;
    lf_generate_stats stats;
    int first; /* the answer that is branch 0 of this request */
    lf_engine *engine;
    int64_t first_step, steps; /* of this request: number of the one that gave the first tokens, those after it */
    double position_bytes;
    bool unheard; /* nobody wants more: nobody is told any more  */
    int stuck;    /* 1 + tokens of an answer behind which no token fits the grammar */
} talk;

static int on_token(void *user, const lf_answer *a)
{
    talk *t = user;
    lf_answer answer = *a;
    if (t->unheard) return -1;
    answer.branch += t->first;
    t->stats.finish = a->finish;
    if (t->first == 0) t->stats.cached_tokens = a->cached_tokens;
    if (a->index == 0 && a->branch == 0) t->stats.prefill_seconds += a->prompt_seconds;
    if (a->token >= 0 && a->finish != LF_FINISH_END) t->stats.tokens++;
    if (a->index > 0) t->stats.decode_bytes += t->position_bytes * (a->prompt_tokens + a->index);
    if (a->index == 0) t->first_step = lf_engine_state_of(t->engine).steps;
    t->steps = lf_engine_state_of(t->engine).steps - t->first_step;
    if (a->finish == LF_FINISH_GRAMMAR) t->stuck = 1 + a->index;
    int wish = t->args->on_token ? t->args->on_token(t->args->user, &answer) : 0;
    t->unheard = wish < 0;
    return wish;
}

static void on_prompt(void *user, int at, const float *logits)
{
    const talk *t = user;
    t->args->on_prompt(t->args->user, at, logits);
}

/* One request to its end, or to the wish of whoever is asked between its steps. */
static int run_request(talk *t, const lf_request *request, lf_error *err)
{
    int64_t id = lf_engine_submit(t->engine, request, err);
    int left = id < 0 ? -1 : 1;
    while (left > 0 && (left = lf_engine_step(t->engine, err)) > 0)
        if (!t->unheard && t->args->on_step && t->args->on_step(t->args->user)) t->unheard = lf_engine_cancel(t->engine, id);
    return left;
}

/* Answers in groups that the engine has pages for. */
static int run(talk *t, const lf_model *model, lf_request *request, int context, lf_error *err)
{
    const lf_generate_args *a = t->args;
    lf_engine_state s = lf_engine_state_of(t->engine);
    int answers = LF_MAX(a->answers, 1), pages = (context + s.page_tokens - 1) / s.page_tokens,
        own = pages - request->n_tokens / s.page_tokens;
    int together = LF_MIN(TOGETHER, 1 + (s.pages - pages) / LF_MAX(own, 1));
    lf_sample_config sampling = *a->sampling;
    request->sampling = &sampling;
    double begun = lf__now();
    if (!model->config.sliding_window) t->position_bytes = (double)s.page_bytes / s.page_tokens;
    for (int left = answers; left > 0 && !t->unheard; left -= request->branches, t->first += request->branches) {
        request->branches = LF_MIN(together, left);
        sampling.seed = lf_seed_of(a->sampling->seed, t->first), t->steps = 0;
        request->on_prompt = a->on_prompt && t->first == 0 ? on_prompt : NULL;
        if (run_request(t, request, err)) return -1;
        t->stats.decode_bytes += (double)t->steps * (double)lf_model_bytes_per_token(model);
        const char *form = sampling.grammar[0] ? sampling.grammar : sampling.json_schema;
        if (t->stuck) return lf_error_set(err, LF_E_MISMATCH, "%s: after %d tokens none fits the grammar", form, t->stuck - 1);
    }
    s = lf_engine_state_of(t->engine);
    t->stats.drafted = s.drafted, t->stats.accepted = s.accepted;
    t->stats.decode_seconds = lf__now() - begun - t->stats.prefill_seconds;
    return 0;
}

/* The same between two openings of the file of what was read. */
static int run_cached(talk *t, const lf_model *model, lf_request *request, int context, lf_error *err)
{
    const char *path = t->args->prompt_cache;
    int held = 0;
    if (!path) return run(t, model, request, context, err);
    if (lf__path_exists(path)) {
        if ((held = lf_engine_load(t->engine, path, err)) < 0) return -1;
    } else { /* is there a place for it? Said before the work */
        lf_writer *probe = lf__writer_open(path, err);
        if (!probe) return -1;
        lf__writer_discard(&probe);
    }
    int known = lf_engine_find(t->engine, request->tokens, request->n_tokens);
    if (run(t, model, request, context, err)) return -1;
    t->stats.kept_tokens = known;
    if (lf_engine_find(t->engine, request->tokens, request->n_tokens) > known) {
        t->stats.kept_tokens = lf_engine_save(t->engine, path, request->tokens, request->n_tokens, err);
        t->stats.replaced_tokens = held - known;
    }
    return t->stats.kept_tokens < 0 ? -1 : 0;
}

int lf_generate_answers(lf_model *model, const lf_tokenizer *tokenizer, const lf_generate_args *args, lf_generate_stats *stats,
                        lf_error *err)
{
    const lf_sample_config *sampling = args->sampling;
    talk t = {.args = args};
    int longest = (int)LF_MIN(model->config.max_position_embeddings, INT32_MAX / 2), n, status = -1;
    int32_t *tokens = NULL, ends[LF_ENDS];
    lf_grammar *grammar = NULL;
    if (sampling->max_tokens < 0)
        return lf_error_set(err, LF_E_ARGUMENT, "sampler.max_tokens: expected a number of at least 0, got %lld",
                            (long long)sampling->max_tokens);
    if (lf_grammar_of_sampling(&grammar, sampling, err)) return -1;
    if ((n = lf_prompt_tokens(&tokens, model, tokenizer, args->prompt, args->prompt_bytes, err)) > 0) {
        lf_engine_options o = {.max_sequences = LF_MAX(LF_MIN(args->answers, TOGETHER), 1),
                               .kv_type = sampling->kv_type,
                               .draft = args->draft,
                               .kv_bytes = sampling->kv_memory};
        int together = o.max_sequences * (1 + LF_MAX(args->speculate.tokens, 0));
        o.max_rows = LF_MAX(LF_MIN(n, ROWS), LF_MIN(together, ROWS));
        o.context = (int)LF_MIN(longest, n + LF_MIN(sampling->max_tokens, longest));
        lf_request request = {.tokens = tokens,
                              .n_tokens = n,
                              .n_ids = lf_tokenizer_size(tokenizer), /* ids beyond have no text */
                              .tokenizer = tokenizer,
                              .grammar = grammar,
                              .ends = ends,
                              .n_ends = lf_answer_ends(ends, model, tokenizer),
                              .stops = args->stops,
                              .n_stops = args->n_stops,
                              .speculate = args->speculate,
                              .on_token = on_token,
                              .user = &t};
        t.engine = lf_engine_new(model, &o, err);
        if (t.engine) status = run_cached(&t, model, &request, o.context, err);
        t.stats.prompt_tokens = n;
    }
    lf_engine_free(&t.engine);
    lf_grammar_free(&grammar);
    free(tokens);
    if (stats) *stats = t.stats;
    return status;
}

/* ---- one text ------------------------------------------------------------------------------------------------------------- */
typedef struct listener {
    int (*on_text)(const char *text, size_t n, void *user);
    void *user;
} listener;

static int hand_over(void *user, const lf_answer *a)
{
    const listener *l = user;
    return a->text_bytes && l->on_text && l->on_text(a->text, a->text_bytes, l->user) ? -1 : 0;
}

int lf_generate(lf_model *model, const lf_tokenizer *tokenizer, const char *prompt, size_t prompt_bytes, const lf_sample_config *sampling,
                int (*on_text)(const char *text, size_t n, void *user), void *user, lf_generate_stats *stats, lf_error *err)
{
    listener l = {on_text, user};
    lf_generate_args args = {.prompt = prompt, .prompt_bytes = prompt_bytes, .sampling = sampling, .on_token = hand_over, .user = &l};
    return lf_generate_answers(model, tokenizer, &args, stats, err);
}
