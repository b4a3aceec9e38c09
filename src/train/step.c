/* step.c - what a run computes in, and one optimizer step: load windows -> forward and backward per micro-batch -> norm -> update.
 *
 * A trainer owns its memory: model, gradients, optimizer, activations, evaluation, each an arena, reserved before the first step and never
 * after. A dry one is set up by the same code and reserves nothing: that is the plan. One caller at a time. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/trainer.h"

/* ---- batches ----------------------------------------------------------------------------------------------------------------- */
static int batch_init(lf_step_batch *b, const lf_train_config *t, lf_error *err)
{
    enum { default_micro_tokens = 8192 }; /* keeps activations of small models near the caches; any size gives the same model */
    size_t n = (size_t)t->batch_tokens;
    int64_t micro = t->micro_batch_tokens ? t->micro_batch_tokens : default_micro_tokens;
    b->seq_len = (int)t->seq_len;
    b->windows = (int)(t->batch_tokens / t->seq_len);
    b->micro_windows = (int)LF_MIN(LF_MAX(micro / t->seq_len, 1), b->windows);
    int32_t *ints = lf__calloc(4 * n + (size_t)b->micro_windows * (size_t)b->seq_len + 1, sizeof *ints, err);
    b->tokens = ints;
    b->n_starts = lf__calloc((size_t)b->windows, sizeof *b->n_starts, err);
    if (!ints || !b->n_starts) return -1;
    b->targets = ints + n, b->positions = ints + 2 * n, b->starts = ints + 3 * n, b->seq_start = ints + 4 * n;
    return 0;
}

static void batch_release(lf_step_batch *b)
{
    free(b->tokens);
    free(b->n_starts);
    memset(b, 0, sizeof *b);
}

/* Where there is no data: tokens drawn by chance, one sequence. */
static int random_window(const lf_trainer *t, uint64_t k, size_t at)
{
    const lf_step_batch *b = &t->batch;
    lf_rng rng = lf__rng_make((uint64_t)t->config->train.seed, k);
    for (int i = 0; i < b->seq_len; i++) {
        b->tokens[at + (size_t)i] = (int32_t)lf__rng_below(&rng, (uint64_t)t->config->model.vocab_size);
        if (i) b->targets[at + (size_t)i - 1] = b->tokens[at + (size_t)i];
        b->positions[at + (size_t)i] = i;
    }
    b->targets[at + (size_t)b->seq_len - 1] = b->tokens[at];
    b->starts[at] = 0;
    return 1;
}

int64_t lf__trainer_load(lf_trainer *t, int64_t step, lf_error *err)
{
    lf_step_batch *b = &t->batch;
    int64_t scored = 0;
    for (int w = 0; w < b->windows; w++) {
        size_t at = (size_t)w * (size_t)b->seq_len;
        uint64_t k = (uint64_t)(step - 1) * (uint64_t)b->windows + (uint64_t)w; /* window k of the run is a function of k alone */
        if (t->loader.shards)
            b->n_starts[w] = lf_loader_window(&t->loader, k, b->tokens + at, b->targets + at, b->positions + at, b->starts + at, err);
        else
            b->n_starts[w] = random_window(t, k, at);
        if (b->n_starts[w] < 0) return -1;
        for (int i = 0; i < b->seq_len; i++) scored += b->targets[at + (size_t)i] >= 0;
    }
    return scored;
}

/* Windows [w, w + micro_windows) as a ragged batch. */
static lf_batch micro_batch(lf_step_batch *b, int w, float loss_scale)
{
    int count = LF_MIN(b->micro_windows, b->windows - w), n_seqs = 0;
    size_t at = (size_t)w * (size_t)b->seq_len;
    for (int i = 0; i < count; i++)
        for (int s = 0; s < b->n_starts[w + i]; s++) b->seq_start[n_seqs++] = i * b->seq_len + b->starts[at + (size_t)(i * b->seq_len + s)];
    b->seq_start[n_seqs] = count * b->seq_len;
    return (lf_batch){.n_tokens = count * b->seq_len,
                      .n_seqs = n_seqs,
                      .tokens = b->tokens + at,
                      .positions = b->positions + at,
                      .seq_start = b->seq_start,
                      .targets = b->targets + at,
                      .first_row = (int64_t)at,
                      .loss_scale = loss_scale};
}

/* ---- memory ------------------------------------------------------------------------------------------------------------------ */
int lf__dtype_check(const lf_config *c, const lf_device *device, lf_error *err)
{
    if (strcmp(c->train.dtype, "bf16") != 0 || device->bf16) return 0;
    bool forced = strstr(lf_cpu_features(), "bf16") != NULL, arm = strstr(lf_cpu_features(), "neon") != NULL;
    lf_error_set(err, LF_E_UNSUPPORTED, "train.dtype bf16: %s lacks %s, the dot product of bfloat16 pairs (%s)",
                 forced ? "the instruction set in use" : lf_cpu_name(), arm ? "bf16" : "avx512_bf16", arm ? "bfdot" : "vdpbf16ps");
    if (forced) return lf_error_hint(err, "--isa auto has it; or --train.dtype f32");
    return lf_error_hint(err, "--train.dtype f32, or auto: bf16 where the CPU has the instruction, f32 elsewhere");
}

void lf__config_resolve(lf_config *c, const lf_device *device)
{
    if (strcmp(c->train.dtype, "auto") == 0) snprintf(c->train.dtype, sizeof c->train.dtype, "%s", device->bf16 ? "bf16" : "f32");
    if (!c->train.seq_len) c->train.seq_len = c->model.max_position_embeddings;
    c->model.head_dim = lf__model_head_dim(&c->model);
    if (!c->model.num_key_value_heads) c->model.num_key_value_heads = c->model.num_attention_heads;
}

static int set_up(lf_trainer *t, bool evaluates, bool recompute, bool staged, bool dry, lf_error *err)
{
    const lf_config *c = t->config;
    t->model = lf__model_alloc(t->device, &c->model, true, lf__products_of(c), dry, err);
    if (!t->model) return -1;
    t->model->recompute = recompute;
    if (lf__optimizer_init(&t->optimizer, t->model, &c->train, err) || batch_init(&t->batch, &c->train, err)) return -1;
    if (staged && lf__staging_init(&t->staging, &t->optimizer, t->model, &c->train, err)) return -1;

    /* The shape that memory is reserved for: a full micro-batch of undivided windows. */
    lf_step_batch *b = &t->batch;
    for (int w = 0; w < b->windows; w++) b->n_starts[w] = 1;
    for (int i = 0; i < b->windows * b->seq_len; i++) b->positions[i] = i % b->seq_len;
    lf_batch shape = micro_batch(b, 0, 1.0f);
    if (lf__model_ctx_init(&t->ctx, t->model, &shape, true, err) || lf__model_declare(&t->ctx, t->model, b->seq_len, err)) return -1;
    t->ctx.ctx.seed = (uint64_t)c->train.seed;
    t->ctx.ctx.z_loss = (float)c->train.z_loss, t->ctx.ctx.label_smoothing = (float)c->train.label_smoothing;
    return evaluates ? lf__evaluator_init(&t->evaluator, t->model, LF_MAX(shape.n_tokens, b->seq_len), b->seq_len, err) : 0;
}

int lf__trainer_arenas(const lf_trainer *t, lf_train_arena out[LF_TRAIN_ARENAS])
{
    const struct {
        const char *name;
        const lf_arena *arena;
    } all[] = {
        {"model", &t->model->weights},
        {"gradient", &t->model->grads},
        {"optimizer", &t->optimizer.arena},
        {"staging", &t->staging.optimizer.arena},
        {"step", &t->ctx.step},
        {"scratch", &t->ctx.scratch},
        {"meta", &t->ctx.meta},
        {"evaluation step", &t->evaluator.ctx.step},
        {"evaluation scratch", &t->evaluator.ctx.scratch},
        {"evaluation meta", &t->evaluator.ctx.meta},
    };
    _Static_assert(LF_COUNT(all) <= LF_TRAIN_ARENAS, "room for every arena");
    int n = 0;
    for (size_t i = 0; i < LF_COUNT(all); i++)
        if (all[i].arena->base) out[n++] = (lf_train_arena){all[i].name, lf__arena_bytes(all[i].arena)};
    return n;
}

static uint64_t sum_of(const lf_trainer *t)
{
    lf_train_arena arenas[LF_TRAIN_ARENAS];
    uint64_t sum = 0;
    int n = lf__trainer_arenas(t, arenas);
    for (int i = 0; i < n; i++) sum += arenas[i].bytes;
    return sum;
}

static uint64_t limit_of(const lf_config *c)
{
    return c->train.memory_limit ? LF_MIN((uint64_t)c->train.memory_limit, lf__memory_total()) : lf__memory_total();
}

static void release_memory(lf_trainer *t)
{
    lf__evaluator_release(&t->evaluator);
    lf__model_ctx_release(&t->ctx);
    batch_release(&t->batch);
    lf__staging_release(&t->staging);
    lf__optimizer_release(&t->optimizer);
    lf_model_free(&t->model);
}

uint64_t lf__trainer_least_bytes(lf_device *device, const lf_config *config, bool evaluates)
{
    lf_config *c = lf__calloc(1, sizeof *c, NULL);
    uint64_t bytes = UINT64_MAX;
    if (!c) return bytes;
    *c = *config;
    c->train.micro_batch_tokens = c->train.seq_len;
    for (int recompute = 0; recompute < 2; recompute++) { /* in a model of one block it saves nothing */
        lf_trainer t = {.device = device, .config = c};
        if (set_up(&t, evaluates, recompute, false, true, NULL) == 0) bytes = LF_MIN(bytes, sum_of(&t));
        lf__trainer_release(&t);
    }
    free(c);
    return bytes;
}

/* Each arena may fit where their sum does not: reserving would succeed, and the kernel end the process later. */
static int check_sum(const lf_trainer *t, bool evaluates, lf_error *err)
{
    const lf_train_config *c = &t->config->train;
    uint64_t sum = sum_of(t), limit = limit_of(t->config);
    char need[32], have[32], least[32];
    if (sum <= limit) return 0;
    uint64_t possible = lf__trainer_least_bytes(t->device, t->config, evaluates);
    lf__human_bytes(need, (double)sum), lf__human_bytes(have, (double)limit), lf__human_bytes(least, (double)possible);
    lf_error_set(err, LF_E_MEMORY,
                 "this run needs %s of memory (%" PRIu64 " bytes)%s; %s %s; the smallest in which this model can be trained is %s (%" PRIu64
                 " bytes)",
                 need, sum, t->model->recompute ? ", blocks recomputed" : "",
                 c->memory_limit && limit == (uint64_t)c->memory_limit ? "train.memory_limit is" : "this machine has", have, least,
                 possible);
    if (possible > limit) return lf_error_hint(err, "a smaller model or a shorter --train.seq_len; foundry plan says what would fit");
    return lf_error_hint(err, "--train.recompute block --train.micro_batch_tokens %" PRId64 "; foundry plan says what else would fit",
                         c->seq_len);
}

int lf__trainer_init(lf_trainer *t, lf_device *device, lf_config *config, const lf_shards *shards, bool evaluates, bool dry, lf_error *err)
{
    memset(t, 0, sizeof *t);
    lf__config_resolve(config, device);
    t->device = device, t->config = config;
    bool recompute = strcmp(config->train.recompute, "block") == 0;
    bool staged = config->train.checkpoint_every && config->train.checkpoint_every < config->train.steps;
    if (shards) {
        t->loader = (lf_loader){.shards = shards,
                                .seq_len = (int)config->train.seq_len,
                                .seed = (uint64_t)config->train.seed,
                                .end_token = lf_shards_end_token(shards),
                                .document_mask = config->data.document_mask};
        uint64_t windows = lf_loader_windows(&t->loader), wanted = (uint64_t)(config->train.batch_tokens / config->train.seq_len);
        if (windows < wanted) {
            lf_error_set(err, LF_E_LIMIT,
                         "%s: its %" PRIu64 " training tokens make %" PRIu64 " windows of train.seq_len = %" PRId64
                         ", too few for one batch of train.batch_tokens = %" PRId64 " (%" PRIu64 " windows)",
                         config->data.train, lf_shards_tokens(shards), windows, config->train.seq_len, config->train.batch_tokens, wanted);
            return lf_error_hint(err, "use more text, a smaller --train.batch_tokens or a shorter --train.seq_len");
        }
    }
    if (lf__dtype_check(config, device, err) || lf__model_check(&config->model, "model", err) ||
        set_up(t, evaluates, recompute, staged, true, err))
        return -1;
    if (staged && sum_of(t) > limit_of(config)) { /* then checkpoints are written between two steps: the same files, a longer halt */
        staged = false;
        lf__staging_release(&t->staging);
    }
    if (strcmp(config->train.recompute, "auto") == 0 && sum_of(t) > limit_of(config)) {
        recompute = true;
        release_memory(t);
        if (set_up(t, evaluates, recompute, staged, true, err)) return -1;
    }
    if (dry) return 0;
    if (check_sum(t, evaluates, err)) return -1;
    release_memory(t);
    return set_up(t, evaluates, recompute, staged, false, err);
}

void lf__trainer_release(lf_trainer *t)
{
    release_memory(t);
    memset(t, 0, sizeof *t);
}

/* ---- one step ------------------------------------------------------------------------------------------------------------------ */
int lf__diverged(lf_error *err, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    lf_error_set(err, LF_E_NUMERIC, "%s", text);
    return lf_error_hint(err, "try a lower --train.lr or a longer --train.warmup_steps");
}

/* printf's "-nan" is a riddle. */
static const char *say(char out[32], double x)
{
    snprintf(out, 32, "%.6g", x);
    return isnan(x) ? "NaN" : isinf(x) ? "infinite" : out;
}

int lf__trainer_micro_step(lf_trainer *t, int w, int64_t scored, double *nll, lf_error *err)
{
    lf_batch micro = micro_batch(&t->batch, w, 1.0f / (float)scored);
    *nll += lf__model_loss(t->model, &t->ctx.ctx, &micro, NULL);
    if (lf__failed(&t->ctx.ctx)) return lf__error_pass(err, &t->ctx.ctx.error);
    return micro.n_tokens / t->batch.seq_len;
}

int lf__trainer_step(lf_trainer *t, int64_t step, lf_train_metrics *m, lf_error *err)
{
    t->ctx.ctx.update = (uint64_t)step;
    char a[32], b[32];
    double start = lf__now();
    const lf_train_config *c = &t->config->train;
    int64_t scored = lf__trainer_load(t, step, err);
    if (scored < 0) return -1;
    lf__profile_mark(t->device, "load", "");
    double nll = 0;
    for (int w = 0; w < t->batch.windows;) {
        int done = lf__trainer_micro_step(t, w, scored, &nll, err);
        if (done < 0) return -1;
        w += done;
    }
    *m = (lf_train_metrics){.step = step,
                            .steps = c->steps,
                            .loss = nll / (double)scored,
                            .lr = lf__scheduled(c, c->lr, step),
                            .grad_norm = lf__gradient_norm(t->model),
                            .tokens = step * c->batch_tokens,
                            .val_loss = (double)NAN,
                            .val_bpb = (double)NAN,
                            .val_floor_bpb = (double)NAN,
                            .val_excess_bits = (double)NAN};
    if (!isfinite(m->loss) || !isfinite(m->grad_norm)) {
        const char *bad = lf__first_bad_tensor(t->model);
        return lf__diverged(err, "Step %" PRId64 ": the loss is %s and the gradient norm %s; the first tensor with NaN or infinity is %s.",
                            step, say(a, m->loss), say(b, m->grad_norm), bad ? bad : "an activation");
    }
    lf__profile_mark(t->device, "gradient norm", "");
    m->skipped = !lf__guard_accepts(&t->optimizer.guard, c, step, m->loss, m->grad_norm);
    if (m->skipped)
        lf__model_clear_grads(t->model);
    else
        lf__optimizer_step(&t->optimizer, t->model, c, step, m->grad_norm);
    lf__profile_mark(t->device, "optimizer", "");
    double seconds = lf__now() - start;
    m->tokens_per_second = (double)c->batch_tokens / seconds;
    m->gflops = m->tokens_per_second * lf_model_flops_per_token(t->model, (int)c->seq_len) * 1e-9;
    return 0;
}
