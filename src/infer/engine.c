/* engine.c - many requests on one model: who runs, what goes into the next batch, where its keys and values lie, what was drawn. Not the
 * model (src/model), not the pages (kv_pool.c), not the choice of a token (sampler.c). An engine owns its requests, pages and working
 * memory; one thread at a time.
 *
 *   submit -> waiting ----> running: [trunk ......] -> branches -> drawn tokens -> the end
 *             room for all   fed in pieces, after    share its      one row of each
 *             it may become  the rows of answers     full pages     in every step
 *
 * A request is let in when every page it may ever want is free or promised to nobody: so nothing that runs is ever cut short or thrown out,
 * and those that wait do so in the order they came. Nothing is allocated in a step but when a request comes in or forks. */
#include "infer/infer.h"

#include "foundry/infer.h"
#include "infer/speculate.h"
#include "model/model.h"

#include <stdlib.h>
#include <string.h>

enum { PROMPT_OUTS = 32 }; /* rows of a prompt that give logits in one step, where a request wants to see them */

/* A request, and what its branches share. Freed with the last of them. */
typedef struct job {
    int64_t id;
    lf_request r; /* r.ends is owned, r.tokens is the trunk's, r.sampling is `sampling` */
    lf_sample_config sampling;
    lf_stops *stops;
    lf_grammar_vocab *vocab;   /* for its grammar, shared with e->vocab as long as that is the same */
    double begun, first_token; /* seconds of lf__now */
    int cached;                /* tokens found again              */
    int forks_promised;        /* pages of branches not yet there */
    int live;                  /* branches that have not ended    */
    bool cancelled;
    struct job *next; /* in the queue */
} job;

typedef struct sequence {
    job *job;
    int branch, drawn;
    int32_t *tokens; /* [room] prompt, then answer */
    int n_tokens;
    int *pages;   /* [n_pages of room]; kv.blocks[i] is the data of pages[i] */
    int n_pages;  /* held                                                    */
    int in_tree;  /* the first of them, full, are in the pool's tree         */
    int promised; /* pages it may still take                                 */
    lf_kv kv;     /* kv.length: tokens fed                                   */
    lf_sampler *sampler;
    lf_text_stream text;
    lf_guesses guesses; /* behind the last token, in this step */
    int drafted, accepted;
    int rows; /* in this step */
    int outs; /* of them have logits: the last ones */
    bool ended;
} sequence;

struct lf_engine {
    lf_model *model;
    lf_kv_pool *pool;
    lf_kv shape;       /* of all caches: no pages, no length */
    uint64_t identity; /* of the model, for files; 0: not taken yet */
    lf_model_ctx work;
    int context, max_sequences, max_rows, max_outs; /* max_outs: rows of a step with logits */
    lf_drafter *drafter;                            /* NULL: no draft model */
    lf_wish *wishes;                                /* [max_sequences]      */
    int promised;                                   /* pages, to all who run */
    sequence **running;                             /* [max_sequences], in the order they were let in */
    int n_running;
    job *waiting, **last; /* the queue, and where the next one is linked */
    int64_t next_id;
    lf_engine_state state;
    int *found;              /* [pages of the context] of a prompt, in the tree */
    lf_grammar_vocab *vocab; /* of the last request with a grammar */
    /* One batch: [max_rows], [max_sequences] and [max_outs]. */
    int32_t *tokens, *positions, *seq_start, *out_rows;
    lf_kv **kv;
};

static int pages_for(int positions) { return (positions + LF_KV_BLOCK - 1) / LF_KV_BLOCK; }

const char *lf_finish_name(lf_finish finish)
{
    static const char *const names[] = {"none", "end", "length", "context", "grammar", "stop", "cancelled", "deadline"};
    return (size_t)finish < LF_COUNT(names) ? names[finish] : "unknown";
}

/* ---- making and ending an engine ----------------------------------------------------------------------------------------- */
static int choose_pages(const lf_engine *e, const lf_engine_options *o, int *n_pages, lf_error *err)
{
    size_t page = lf__kv_page_bytes(&e->shape);
    int64_t least = pages_for(e->context), n = (int64_t)((uint64_t)o->kv_bytes / page);
    if (o->kv_bytes <= 0) n = LF_MAX(least, LF_MIN(e->max_sequences * least, (int64_t)(lf__memory_available() / 2 / page)));
    if (n < least) {
        char have[32], want[32], all[32];
        lf_error_set(err, LF_E_LIMIT,
                     "%s for keys and values hold %lld tokens of this model (%s per %d tokens in %s); one text of %d tokens needs %s",
                     lf__human_bytes(have, (double)o->kv_bytes), (long long)n * LF_KV_BLOCK, lf__human_bytes(want, (double)page),
                     LF_KV_BLOCK, lf__dtype(e->shape.type)->name, e->context, lf__human_bytes(all, (double)least * (double)page));
        if (n == 0) return lf_error_hint(err, "allow more memory (sampler.kv_memory)");
        if (e->shape.type == LF_Q8_0)
            return lf_error_hint(err, "allow more memory (sampler.kv_memory), or a context of at most %lld tokens",
                                 (long long)n * LF_KV_BLOCK);
        return lf_error_hint(err, "allow more memory (sampler.kv_memory), keep them as q8_0, or a context of at most %lld tokens",
                             (long long)n * LF_KV_BLOCK);
    }
    *n_pages = (int)LF_MIN(n, INT32_MAX / LF_KV_BLOCK);
    return 0;
}

int lf__step_memory(lf_model_ctx *work, lf_model *model, const lf_kv *like, const lf_step_size *z, lf_error *err)
{
    lf_kv empty = *like;
    size_t rows = (size_t)z->rows, seqs = (size_t)z->sequences, outs = (size_t)z->outs;
    int32_t *numbers = lf__calloc(2 * rows + outs + seqs + 1, sizeof *numbers, err);
    lf_kv **kv = lf__calloc(seqs, sizeof(lf_kv *), err);
    empty.capacity = pages_for(z->context) * LF_KV_BLOCK;
    empty.blocks = lf__calloc((size_t)pages_for(z->rows), sizeof *empty.blocks, err); /* looked at, not into */
    int status = -1;
    if (numbers && kv && empty.blocks) {
        int32_t *outs_at = numbers + 2 * rows, *seq_start = outs_at + outs;
        for (int s = 0; s < z->sequences; s++) kv[s] = &empty, seq_start[s] = s;
        for (int i = 0; i < z->outs; i++) outs_at[i] = i;
        seq_start[z->sequences] = z->rows;
        lf_batch shape = {.n_tokens = z->rows,
                          .n_seqs = z->sequences,
                          .tokens = numbers,
                          .positions = numbers + rows,
                          .seq_start = seq_start,
                          .kv = kv,
                          .out_rows = outs_at,
                          .n_out_rows = z->outs};
        status = lf__model_ctx_init(work, model, &shape, false, err) || lf__model_declare(work, model, z->context, err) ? -1 : 0;
    }
    free(numbers), free(kv), free(empty.blocks);
    return status;
}

lf_engine *lf_engine_new(lf_model *model, const lf_engine_options *options, lf_error *err)
{
    static const lf_engine_options none = {0};
    const lf_engine_options *o = options ? options : &none;
    const lf_model_config *c = &model->config;
    int64_t longest = LF_MIN(lf__model_longest(model), INT32_MAX / 2);
    if (o->context < 0 || o->context > longest || o->max_sequences < 0 || o->max_rows < 0 || o->kv_bytes < 0) {
        lf_error_set(err, LF_E_ARGUMENT,
                     "an engine of context %d, %d sequences, %d rows and %lld bytes; this model holds a context of %lld", o->context,
                     o->max_sequences, o->max_rows, (long long)o->kv_bytes, (long long)longest);
        return NULL;
    }
    lf_engine *e = lf__calloc(1, sizeof *e, err);
    if (!e) return NULL;
    e->model = model, e->last = &e->waiting;
    e->context = o->context ? o->context : (int)LF_MIN(c->max_position_embeddings, longest);
    e->max_rows = o->max_rows ? o->max_rows : 256;
    e->max_sequences = LF_MIN(o->max_sequences ? o->max_sequences : 64, e->max_rows);
    e->max_outs = LF_MAX(e->max_sequences, LF_MIN(e->max_rows, PROMPT_OUTS));
    size_t rows = (size_t)e->max_rows, seqs = (size_t)e->max_sequences, outs = (size_t)e->max_outs;
    e->running = lf__calloc(seqs, sizeof *e->running, err);
    e->tokens = lf__calloc(2 * rows + outs + seqs + 1, sizeof *e->tokens, err);
    e->kv = lf__calloc(seqs, sizeof(lf_kv *), err);
    e->found = lf__calloc((size_t)pages_for(e->context), sizeof *e->found, err);
    int pages = 0;
    if (!e->running || !e->tokens || !e->kv || !e->found || lf__kv_of(&e->shape, model, o->kv_type, err)) goto fail;
    if (choose_pages(e, o, &pages, err)) goto fail;
    e->positions = e->tokens + rows, e->out_rows = e->positions + rows, e->seq_start = e->out_rows + outs;
    if (!(e->pool = lf__kv_pool_new(&e->shape, pages, err))) goto fail;
    lf_step_size step = {e->context, e->max_sequences, e->max_rows, e->max_outs};
    if (lf__step_memory(&e->work, model, &e->shape, &step, err)) goto fail;
    if (o->draft && !(e->wishes = lf__calloc(seqs, sizeof *e->wishes, err))) goto fail;
    lf_drafter_size size = {e->context, e->max_sequences, e->max_rows, pages, o->kv_type};
    if (o->draft && !(e->drafter = lf__drafter_new(o->draft, model, &size, err))) goto fail;
    return e;
fail:
    lf_engine_free(&e);
    return NULL;
}

static void job_free(job *j)
{
    free((void *)(uintptr_t)j->r.ends);
    free((void *)(uintptr_t)j->r.tokens);
    lf__stops_free(&j->stops);
    lf__grammar_vocab_free(&j->vocab);
    free(j);
}

static void sequence_discard(sequence *s)
{
    lf_sampler_free(&s->sampler);
    lf__text_stream_release(&s->text);
    free(s->tokens), free(s->pages), free(s->kv.blocks), free(s);
}

/* Gives back all that a sequence holds; its job goes with its last branch. */
static void sequence_free(lf_engine *e, sequence *s)
{
    job *j = s->job;
    for (int i = s->n_pages - 1; i >= 0; i--) lf__kv_pool_release(e->pool, s->pages[i]); /* leaves first: they are the first to be taken */
    e->promised -= s->promised;
    if (e->drafter) lf__drafter_forget(e->drafter, &s->guesses);
    sequence_discard(s);
    if (--j->live > 0) return;
    e->promised -= j->forks_promised;
    job_free(j);
}

static void drop_all(lf_engine *e)
{
    while (e->n_running > 0) sequence_free(e, e->running[--e->n_running]);
    for (job *j = e->waiting, *next; j; j = next) next = j->next, job_free(j);
    e->waiting = NULL, e->last = &e->waiting, e->state.waiting = 0;
}

void lf_engine_free(lf_engine **engine)
{
    lf_engine *e = *engine;
    if (!e) return;
    if (e->pool) drop_all(e);
    lf__drafter_free(&e->drafter);
    lf__model_ctx_release(&e->work);
    lf__kv_pool_free(&e->pool);
    lf__grammar_vocab_free(&e->vocab);
    free(e->running), free(e->tokens), free(e->kv), free(e->found), free(e->wishes), free(e);
    *engine = NULL;
}

/* ---- requests ------------------------------------------------------------------------------------------------------------------------ */
/* Positions that a branch may come to hold: the last token drawn is never fed. */
static int positions_of(const lf_engine *e, const job *j)
{
    int64_t answer = LF_MAX(j->sampling.max_tokens - 1, 0);
    return (int)LF_MIN(e->context, j->r.n_tokens + LF_MIN(answer, e->context));
}
/* Pages of a branch besides the trunk, and of the other branches: they share full pages, each has the rest for itself. */
static int fork_pages(const lf_engine *e, const job *j)
{
    return (j->r.branches - 1) * (pages_for(positions_of(e, j)) - j->r.n_tokens / LF_KV_BLOCK);
}

static int check_request(const lf_engine *e, const lf_request *r, lf_error *err)
{
    int64_t vocab = e->model->config.vocab_size;
    if (r->n_tokens < 1 || r->branches < 0 || r->n_ends < 0 || r->n_stops < 0 || r->n_ids < 0 || r->n_ids > vocab || !r->sampling ||
        r->sampling->max_tokens < 0 || r->speculate.tokens < 0 || r->speculate.tokens > LF_GUESSES || !(r->seconds >= 0) ||
        ((r->grammar || r->n_stops) && !r->tokenizer))
        return lf_error_set(err, LF_E_ARGUMENT,
                            "a request of %d tokens, %d branches, %d ends, %d stops, %d guesses and %d ids: at least one token, nothing "
                            "negative, a tokenizer with a grammar or stops, at most %d guesses, no more ids than the model's %lld",
                            r->n_tokens, r->branches, r->n_ends, r->n_stops, r->speculate.tokens, r->n_ids, LF_GUESSES, (long long)vocab);
    if (r->n_tokens > e->context) {
        lf_error_set(err, LF_E_LIMIT, "the prompt is %d tokens long, the context holds %d", r->n_tokens, e->context);
        return lf_error_hint(err, "shorten the prompt, or open the engine with a larger context where the model has one");
    }
    if (r->branches > e->max_sequences)
        return lf_error_set(err, LF_E_LIMIT, "%d branches; at most %d sequences run at a time", r->branches, e->max_sequences);
    for (int i = 0; i < r->n_tokens; i++)
        if (r->tokens[i] < 0 || r->tokens[i] >= vocab)
            return lf_error_set(err, LF_E_ARGUMENT, "token %d of the request has id %d; the vocabulary ends at %lld", i, r->tokens[i],
                                (long long)vocab - 1);
    return 0;
}

static lf_sampler *sampler_of(const job *j, int branch, lf_error *err)
{
    lf_sample_config sampling = j->sampling;
    sampling.seed = lf_seed_of(sampling.seed, branch);
    lf_sampler *s = lf_sampler_new(&sampling, j->r.n_ids, err);
    if (s && j->vocab) lf__sampler_share_vocab(s, j->vocab);
    bool failed = !s || (j->r.tokenizer && lf_sampler_use_tokenizer(s, j->r.tokenizer, err)) ||
                  (j->r.grammar && lf_sampler_set_grammar(s, j->r.grammar, j->r.tokenizer, j->r.ends, j->r.n_ends, err));
    if (failed) lf_sampler_free(&s);
    return s;
}

int64_t lf_engine_submit(lf_engine *e, const lf_request *r, lf_error *err)
{
    if (check_request(e, r, err)) return -1;
    job *j = lf__calloc(1, sizeof *j, err);
    if (!j) return -1;
    j->r = *r, j->sampling = *r->sampling, j->r.sampling = &j->sampling, j->begun = lf__now();
    if (!j->r.branches) j->r.branches = 1;
    if (!j->r.n_ids) j->r.n_ids = (int)e->model->config.vocab_size;
    size_t n_tokens = (size_t)r->n_tokens, n_ends = (size_t)r->n_ends;
    int32_t *tokens = lf__calloc(n_tokens, sizeof *tokens, err), *ends = lf__calloc(n_ends + 1, sizeof *ends, err);
    j->r.tokens = tokens, j->r.ends = ends;
    if (tokens && ends) {
        memcpy(tokens, r->tokens, n_tokens * sizeof *tokens);
        if (n_ends) memcpy(ends, r->ends, n_ends * sizeof *ends);
    }
    bool stops = !r->n_stops || (j->stops = lf__stops_new(r->stops, r->n_stops, err));
    bool vocab = !r->grammar || lf__grammar_vocab_keep(&e->vocab, r->tokenizer, j->r.n_ids, err) == 0;
    if (r->grammar && vocab) j->vocab = lf__grammar_vocab_hold(e->vocab);
    lf_sampler *probe =
        tokens && ends && stops && vocab ? sampler_of(j, 0, err) : NULL; /* values are refused now, not when its turn comes */
    int need = pages_for(positions_of(e, j)) + fork_pages(e, j), have = lf__kv_pool_pages(e->pool);
    if (probe && need > have)
        lf_error_set(err, LF_E_LIMIT, "%d branches of up to %d tokens need %d pages of keys and values, the engine has %d", j->r.branches,
                     positions_of(e, j), need, have);
    bool taken = probe && need <= have;
    lf_sampler_free(&probe);
    if (!taken) {
        job_free(j);
        return -1;
    }
    j->id = ++e->next_id;
    *e->last = j, e->last = &j->next;
    e->state.waiting++;
    return j->id;
}

/* Tells the asker, and says whether the branch goes on. */
static bool tell(sequence *s, int32_t token, lf_finish finish, const float *logits)
{
    const job *j = s->job;
    size_t n = 0;
    bool special = true;
    const char *bytes =
        j->r.tokenizer && token >= 0 && finish != LF_FINISH_END ? lf_tokenizer_token(j->r.tokenizer, token, &n, &special) : NULL;
    if (lf__text_stream_add(&s->text, bytes, bytes && !special ? n : 0)) finish = LF_FINISH_STOP;
    if (finish) lf__text_stream_end(&s->text);
    lf_answer a = {.request = j->id,
                   .branch = s->branch,
                   .index = s->drawn,
                   .token = token,
                   .finish = finish,
                   .logits = logits,
                   .text = s->text.out.data ? s->text.out.data : "",
                   .text_bytes = s->text.out.len,
                   .prompt_tokens = j->r.n_tokens,
                   .cached_tokens = j->cached,
                   .prompt_seconds = j->first_token > 0 ? j->first_token - j->begun : 0,
                   .drafted = s->drafted,
                   .accepted = s->accepted};
    bool more = !j->r.on_token || j->r.on_token(j->r.user, &a) == 0;
    return more && !finish;
}

bool lf_engine_cancel(lf_engine *e, int64_t request)
{
    for (job *j = e->waiting; j; j = j->next)
        if (j->id == request) return j->cancelled = true;
    for (int i = 0; i < e->n_running; i++)
        if (!e->running[i]->ended && e->running[i]->job->id == request) return e->running[i]->job->cancelled = true;
    return false;
}

/* ---- letting in ---------------------------------------------------------------------------------------------------------------------- */
static sequence *sequence_new(const lf_engine *e, job *j, int branch, int positions, lf_error *err)
{
    sequence *s = lf__calloc(1, sizeof *s, err);
    if (!s) return NULL;
    size_t pages = (size_t)pages_for(positions);
    s->job = j, s->branch = branch;
    s->tokens = lf__calloc((size_t)positions + 1, sizeof *s->tokens, err);
    s->pages = lf__calloc(pages, sizeof *s->pages, err);
    s->kv = e->shape, s->kv.blocks = lf__calloc(pages, sizeof *s->kv.blocks, err);
    s->sampler = sampler_of(j, branch, err);
    if (s->tokens && s->pages && s->kv.blocks && s->sampler && !lf__text_stream_init(&s->text, j->stops, err)) return s;
    sequence_discard(s);
    return NULL;
}

static void take_prompt(sequence *s, const int32_t *tokens, int n)
{
    memcpy(s->tokens, tokens, (size_t)n * sizeof *tokens);
    for (int i = 0; i < n; i++) lf_sampler_accept(s->sampler, tokens[i], true);
    s->n_tokens = n;
}

static void hold_page(const lf_engine *e, sequence *s, int page)
{
    s->kv.blocks[s->n_pages] = lf__kv_pool_data(e->pool, page);
    s->pages[s->n_pages++] = page;
}

/* The request at the head of the queue starts if all it may become has room: what the tree has of it is held first, the rest promised.
 * 1 it runs, 0 it must wait, -1 failure. */
static int let_in(lf_engine *e, lf_error *err)
{
    job *j = e->waiting;
    int positions = positions_of(e, j), forks = fork_pages(e, j);
    if (e->n_running + j->r.branches > e->max_sequences) return 0;
    /* The last token is always fed: its logits are wanted. */
    int found = j->r.on_prompt ? 0 : lf__kv_pool_match(e->pool, e->found, j->r.tokens, (j->r.n_tokens - 1) / LF_KV_BLOCK);
    int promised = pages_for(positions) - found;
    bool room = e->promised + promised + forks <= lf__kv_pool_available(e->pool);
    sequence *s = room ? sequence_new(e, j, 0, positions, err) : NULL;
    if (!s) {
        for (int i = found - 1; i >= 0; i--) lf__kv_pool_release(e->pool, e->found[i]);
        return room ? -1 : 0;
    }
    for (int i = 0; i < found; i++) hold_page(e, s, e->found[i]);
    take_prompt(s, j->r.tokens, j->r.n_tokens);
    s->in_tree = found, s->promised = promised;
    s->kv.length = j->cached = found * LF_KV_BLOCK;
    j->live = 1, j->forks_promised = forks;
    e->promised += promised + forks;
    e->state.cached += j->cached;
    e->running[e->n_running++] = s;
    if (!(e->waiting = j->next)) e->last = &e->waiting;
    e->state.waiting--;
    return 1;
}

/* The trunk is read: every other branch holds its full pages and gets a copy of the last one. */
static int fork_branches(lf_engine *e, sequence *trunk, lf_error *err)
{
    job *j = trunk->job;
    int positions = positions_of(e, j), shared = j->r.n_tokens / LF_KV_BLOCK;
    e->promised -= j->forks_promised, j->forks_promised = 0;
    for (int b = 1; b < j->r.branches; b++) {
        sequence *s = sequence_new(e, j, b, positions, err);
        if (!s) return -1;
        for (int i = 0; i < shared; i++) {
            lf__kv_pool_hold(e->pool, trunk->pages[i]);
            hold_page(e, s, trunk->pages[i]);
        }
        for (int i = shared; i < trunk->n_pages; i++) hold_page(e, s, lf__kv_pool_copy(e->pool, trunk->pages[i]));
        take_prompt(s, trunk->tokens, trunk->n_tokens);
        s->in_tree = shared, s->kv.length = trunk->kv.length;
        s->promised = pages_for(positions) - s->n_pages;
        e->promised += s->promised;
        j->live++;
        e->running[e->n_running++] = s;
    }
    return 0;
}

/* ---- a step -------------------------------------------------------------------------------------------------------------------------- */
/* What was cancelled or is out of time ends before the step, waiting or running. */
static lf_finish overdue(const job *j, double now)
{
    if (j->cancelled) return LF_FINISH_CANCELLED;
    return j->r.seconds > 0 && now - j->begun > j->r.seconds ? LF_FINISH_DEADLINE : LF_FINISH_NONE;
}

/* Branches from `first` on that there is no sequence of yet: each is told, as if there were. */
static void end_unborn(job *j, int first, lf_finish finish)
{
    for (int b = first; b < j->r.branches; b++) {
        sequence unborn = {.job = j, .branch = b};
        tell(&unborn, -1, finish, NULL);
        lf__text_stream_release(&unborn.text);
    }
}

/* Those who have ended go. Not while anybody is told: a callback may look for any of them (lf_engine_cancel). */
static void sweep(lf_engine *e)
{
    int kept = 0;
    for (int i = 0; i < e->n_running; i++) {
        if (e->running[i]->ended)
            sequence_free(e, e->running[i]);
        else
            e->running[kept++] = e->running[i];
    }
    e->n_running = kept;
}

static void end_overdue(lf_engine *e)
{
    double now = lf__now();
    for (int i = 0; i < e->n_running; i++) {
        sequence *s = e->running[i];
        lf_finish finish = overdue(s->job, now);
        if (!finish) continue;
        tell(s, -1, finish, NULL);
        if (s->branch == 0 && s->drawn == 0) end_unborn(s->job, 1, finish); /* it has not forked yet */
        s->ended = true;
    }
    sweep(e);
    for (job **link = &e->waiting; *link;) {
        job *j = *link;
        lf_finish finish = overdue(j, now);
        if (finish) {
            end_unborn(j, 0, finish);
            if (!(*link = j->next)) e->last = link;
            e->state.waiting--;
            job_free(j);
        } else
            link = &j->next;
    }
}

/* Rows of s that have logits: the last one of its text, and all of a prompt whose reader wants to see them. */
static int outs_of(const sequence *s)
{
    bool prompt = s->job->r.on_prompt && s->kv.length < s->job->r.n_tokens;
    if (s->guesses.n) return s->rows;
    return prompt ? s->rows : s->rows && s->kv.length + s->rows == s->n_tokens;
}

/* Guesses at what follows the last tokens, in at most `left` rows; returns how many rows they take. */
static int make_guesses(lf_engine *e, int left, lf_error *err)
{
    int wishes = 0, rows = 0;
    for (int i = 0; i < e->n_running; i++) {
        sequence *s = e->running[i];
        const lf_speculation *want = &s->job->r.speculate;
        s->guesses.n = 0, s->guesses.drafted = false;
        if (!want->tokens || s->n_tokens - s->kv.length != 1 || s->kv.length < s->job->r.n_tokens) continue;
        int most = LF_MIN(want->tokens, (int)LF_MIN(s->job->sampling.max_tokens - s->drawn - 1, left - rows));
        most = lf__guesses_wanted(&s->guesses, LF_MIN(most, positions_of(e, s->job) - s->n_tokens));
        if (most <= 0) continue;
        int longest = want->ngram ? want->ngram : 4;
        if (longest > 0) s->guesses.n = lf__guess_from_text(s->guesses.tokens, s->tokens, s->n_tokens, longest, most);
        if (!s->guesses.n && e->drafter)
            e->wishes[wishes++] = (lf_wish){&s->guesses, s->tokens, s->n_tokens, most, s->sampler, (uint64_t)s->drawn};
        rows += s->guesses.n ? s->guesses.n : e->drafter ? most : 0;
    }
    if (wishes && lf__drafter_guess(e->drafter, e->wishes, wishes, err)) return -1;
    rows = 0;
    for (int i = 0; i < e->n_running; i++) rows += e->running[i]->guesses.n;
    e->state.drafted += rows;
    return rows;
}

/* How many rows of its prompt s could have besides those it has, where `outs` logits more have room (one it always has). */
static int could_read(const sequence *s, int outs)
{
    int more = s->n_tokens - s->kv.length - s->rows;
    return s->job->r.on_prompt ? LF_MIN(more, outs + !s->rows) : more;
}

/* Rows of this step: one for each sequence that waits for its next token, then guesses behind them, then pieces of prompts: equal parts of
 * what is left, and of what the short ones leave again. A short prompt never waits for a long one. */
static int share_rows(lf_engine *e, lf_error *err)
{
    int left = e->max_rows, outs = e->max_outs - e->n_running; /* besides one for each */
    int readers = 0;
    for (int i = 0; i < e->n_running; i++) {
        sequence *s = e->running[i];
        left -= s->rows = s->n_tokens - s->kv.length == 1;
        readers += !s->rows;
    }
    int guesses = make_guesses(e, LF_MAX(LF_MIN(readers ? left / 2 : left, outs), 0), err);
    if (guesses < 0) return -1;
    for (int i = 0; i < e->n_running; i++) e->running[i]->rows += e->running[i]->guesses.n;
    left -= guesses, outs -= guesses;
    while (readers && left > 0) {
        int part = LF_MAX(left / readers, 1);
        readers = 0;
        for (int i = 0; i < e->n_running && left > 0; i++) {
            sequence *s = e->running[i];
            int more = LF_MIN(LF_MIN(part, left), could_read(s, outs));
            if (more <= 0) continue;
            if (s->job->r.on_prompt) outs -= more - !s->rows;
            s->rows += more, left -= more;
            readers += could_read(s, outs) > 0;
        }
    }
    return e->max_rows - left;
}

static void add_pages(lf_engine *e, sequence *s)
{
    while (s->n_pages < pages_for(s->kv.length + s->rows)) {
        hold_page(e, s, lf__kv_pool_take(e->pool));
        s->promised--, e->promised--;
    }
    s->kv.capacity = s->n_pages * LF_KV_BLOCK;
}

static int run_model(lf_engine *e, float **logits, lf_error *err)
{
    lf_batch b = {.tokens = e->tokens, .positions = e->positions, .seq_start = e->seq_start, .kv = e->kv, .out_rows = e->out_rows};
    for (int i = 0; i < e->n_running; i++) {
        sequence *s = e->running[i];
        s->outs = outs_of(s);
        if (!s->rows) continue;
        add_pages(e, s);
        e->seq_start[b.n_seqs] = b.n_tokens, e->kv[b.n_seqs++] = &s->kv;
        for (int r = 0; r < s->rows; r++, b.n_tokens++)
            e->tokens[b.n_tokens] = s->guesses.n && r > 0 ? s->guesses.tokens[r - 1] : s->tokens[s->kv.length + r],
            e->positions[b.n_tokens] = s->kv.length + r;
        for (int o = s->outs; o > 0; o--) e->out_rows[b.n_out_rows++] = b.n_tokens - o;
    }
    e->seq_start[b.n_seqs] = b.n_tokens;
    double begun = lf__now();
    if (lf__model_forward(e->model, &e->work.ctx, &b, logits)) return lf__error_pass(err, &e->work.ctx.error);
    e->state.model_seconds += lf__now() - begun;
    e->state.rows += b.n_tokens;
    return 0;
}

/* Full pages can be found by others from now on. */
static void publish(lf_engine *e, sequence *s)
{
    for (; (s->in_tree + 1) * LF_KV_BLOCK <= s->kv.length; s->in_tree++) {
        int at = s->in_tree, parent = at ? s->pages[at - 1] : -1;
        s->pages[at] = lf__kv_pool_publish(e->pool, s->pages[at], parent, s->tokens + at * LF_KV_BLOCK);
        s->kv.blocks[at] = lf__kv_pool_data(e->pool, s->pages[at]);
    }
}

/* The next token of a sequence, and whether it was its last. */
static bool draw(const lf_engine *e, sequence *s, const float *logits)
{
    const job *j = s->job;
    lf_finish finish = LF_FINISH_NONE;
    if (s->drawn >= j->sampling.max_tokens) { /* none is wanted */
        tell(s, -1, LF_FINISH_LENGTH, NULL);
        return true;
    }
    int32_t token = lf_sampler_draw(s->sampler, logits, (uint64_t)s->drawn);
    if (token < 0) {
        tell(s, -1, LF_FINISH_GRAMMAR, NULL);
        return true;
    }
    for (int i = 0; i < j->r.n_ends; i++)
        if (token == j->r.ends[i]) finish = LF_FINISH_END;
    if (!finish) {
        lf_sampler_accept(s->sampler, token, false);
        s->tokens[s->n_tokens++] = token;
        if (s->drawn + 1 == j->sampling.max_tokens)
            finish = LF_FINISH_LENGTH;
        else if (s->n_tokens > e->context)
            finish = LF_FINISH_CONTEXT;
    }
    bool more = tell(s, token, finish, logits);
    s->drawn++;
    return !more;
}

/* Rows of guesses, as long as the token drawn last is the guess that was fed next; what was fed behind it is taken back. */
static void check_guesses(lf_engine *e, sequence *s, const float *logits)
{
    lf_guesses *g = &s->guesses;
    int64_t vocab = e->model->config.vocab_size;
    int right = 0, fed = s->kv.length + g->n, read = s->n_tokens - 1; /* read: tokens before the one that was just drawn */
    while (right < g->n && !s->ended && !s->job->cancelled && s->tokens[s->n_tokens - 1] == g->tokens[right]) {
        s->kv.length++, right++, s->accepted++, e->state.accepted++;
        s->ended = draw(e, s, logits), logits += vocab;
    }
    lf__kv_clear(e->pool, e->model->device, &s->kv, s->kv.length, fed);
    if (g->drafted) lf__drafter_settle(e->drafter, g, read + right);
    lf__guesses_learn(g, right);
    publish(e, s);
}

/* After the model: rows are in the pages; whoever has been fed to the end draws. Branches that come to be now draw from the same logits. */
static int take_logits(lf_engine *e, const float *logits, lf_error *err)
{
    int64_t vocab = e->model->config.vocab_size;
    int ran = e->n_running;
    for (int i = 0; i < ran; i++) {
        sequence *s = e->running[i];
        s->kv.length += s->rows - s->guesses.n;
        publish(e, s);
        for (int outs = s->outs - s->guesses.n; outs > (s->kv.length == s->n_tokens); outs--, logits += vocab)
            s->job->r.on_prompt(s->job->r.user, s->kv.length - outs + 1, logits);
        if (!s->rows || s->kv.length < s->n_tokens) continue;
        if (s->job->first_token == 0) s->job->first_token = lf__now();
        int first = e->n_running;
        if (s->branch == 0 && s->drawn == 0 && fork_branches(e, s, err)) return -1;
        s->drafted += s->guesses.n;
        s->ended = draw(e, s, logits);
        if (s->guesses.n) check_guesses(e, s, logits + vocab);
        for (int b = first; b < e->n_running; b++) e->running[b]->ended = draw(e, e->running[b], logits);
        logits += vocab * (1 + s->guesses.n);
    }
    for (int i = 0; i < e->n_running; i++)
        if (e->running[i]->text.held.failed || e->running[i]->text.out.failed)
            return lf_error_set(err, LF_E_MEMORY, "out of memory for the text of an answer");
    sweep(e);
    return 0;
}

int lf_engine_step(lf_engine *e, lf_error *err)
{
    double begun = lf__now();
    float *logits = NULL;
    int let = 1;
    end_overdue(e);
    while (e->waiting && let > 0) let = let_in(e, err);
    bool failed = let < 0;
    int rows = failed ? 0 : share_rows(e, err);
    failed |= rows < 0;
    if (rows > 0) failed = run_model(e, &logits, err) || take_logits(e, logits, err);
    if (failed) drop_all(e);
    e->state.steps++, e->state.all_seconds += lf__now() - begun;
    return failed ? -1 : e->n_running + e->state.waiting;
}

int lf_engine_run(lf_engine *e, lf_error *err)
{
    int left;
    while ((left = lf_engine_step(e, err)) > 0) continue;
    return left;
}

/* ---- files -------------------------------------------------------------------------------------------------------------- */
static int own(lf_engine *e, lf_kv_owner *o, lf_error *err)
{
    *o = (lf_kv_owner){.shape = e->shape, .isa = e->model->device->isa, .vocab_size = (int)e->model->config.vocab_size};
    if (!e->identity && lf__model_identity(&e->identity, e->model, e->context, err)) return -1;
    o->model = e->identity;
    return 0;
}

int lf_engine_save(lf_engine *e, const char *path, const int32_t *tokens, int n_tokens, lf_error *err)
{
    lf_kv_owner o;
    if (n_tokens < 0) return lf_error_set(err, LF_E_ARGUMENT, "%d tokens", n_tokens);
    if (own(e, &o, err)) return -1;
    return lf__kv_save(e->pool, &o, path, tokens, LF_MIN(n_tokens, e->context), err);
}

int lf_engine_load(lf_engine *e, const char *path, lf_error *err)
{
    lf_kv_owner o;
    lf_file *f = lf__file_open(path, err); /* before a large model is hashed */
    int n = !f || own(e, &o, err) ? -1 : lf__kv_load(e->pool, &o, f, err);
    lf__file_close(&f);
    return n;
}

int lf_engine_find(lf_engine *e, const int32_t *tokens, int n_tokens)
{
    int n = lf__kv_pool_match(e->pool, e->found, tokens, LF_MIN(LF_MAX(n_tokens, 0), e->context) / LF_KV_BLOCK);
    for (int i = n - 1; i >= 0; i--) lf__kv_pool_release(e->pool, e->found[i]);
    return n * LF_KV_BLOCK;
}

lf_engine_state lf_engine_state_of(const lf_engine *e)
{
    lf_engine_state s = e->state;
    s.running = e->n_running;
    s.pages = lf__kv_pool_pages(e->pool), s.pages_held = s.pages - lf__kv_pool_available(e->pool);
    s.page_tokens = LF_KV_BLOCK;
    s.page_bytes = (int64_t)lf__kv_page_bytes(&e->shape);
    s.kv_type = lf__dtype(e->shape.type)->name;
    return s;
}
