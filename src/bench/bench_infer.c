/* bench_infer.c - a model that answers, end to end: prompts and steps through the public engine, held against what the machine reads and
 * multiplies in the same seconds. Not the kernels alone (bench_kernels.c). One caller at a time; nothing is kept. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "foundry/infer.h"

enum { READ_BYTES = 512 << 20, ROWS = 512 /* of a step */, PROMPTS = 3, PAGE_SLACK = 2 };

typedef struct infer_bench {
    const lf_bench_infer_options *o;
    lf_device *device;
    lf_model *model;
    lf_arena memory; /* READ_BYTES to read */
    const void *data;
    bool (*line)(const lf_bench_infer_line *line, void *user);
    void *user;
    bool stopped;
    uint64_t texts; /* made so far: each has its own random numbers */
    lf_sample_config sampling;
} infer_bench;

typedef struct ceilings {
    double peak_gops, read_gbs;
} ceilings;

static ceilings measure(const infer_bench *b)
{
    int type = lf__dtype_find(lf_model_weights_of(b->model));
    return (ceilings){lf__peak_gflops(b->device, (lf_dtype)type, 0.05), lf__read_rate(b->device, b->data, READ_BYTES, 0.1)};
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, by_size);
    return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

/* ---- what there is to do ------------------------------------------------------------------------------------------------------- */
/* Of a step that feeds `rows` tokens to each of `batch` texts behind `depth` others; `wanted` logit rows in all. */
static double operations(const lf_model *m, int batch, int rows, double depth, int wanted)
{
    const lf_model_config *c = lf_model_config_of(m);
    double head = (double)(c->vocab_size * c->hidden_size), inner = (double)lf_model_matmul_parameters(m) - head;
    double head_dim = (double)(c->head_dim ? c->head_dim : c->hidden_size / c->num_attention_heads);
    double keys = (double)rows * (depth + 0.5 * (rows + 1));
    return 2 * inner * batch * rows + 2 * head * wanted +
           4 * (double)c->num_hidden_layers * (double)c->num_attention_heads * head_dim * keys * batch;
}

static void tell(infer_bench *b, lf_bench_infer_line l, double ops, double bytes, const ceilings c[2])
{
    l.weights = lf_model_weights_of(b->model), l.threads = lf_device_threads(b->device);
    l.gops = ops / l.seconds * 1e-9, l.gbs = bytes / l.seconds * 1e-9;
    l.peak_gops = 0.5 * (c[0].peak_gops + c[1].peak_gops), l.read_gbs = 0.5 * (c[0].read_gbs + c[1].read_gbs);
    l.moved = fabs(c[0].peak_gops - c[1].peak_gops) > 0.1 * l.peak_gops || fabs(c[0].read_gbs - c[1].read_gbs) > 0.1 * l.read_gbs;
    b->stopped |= b->line(&l, b->user);
}

/* ---- texts --------------------------------------------------------------------------------------------------------------------- */
static void random_tokens(infer_bench *b, int32_t *tokens, int n)
{
    lf_rng r = lf__rng_make(1, b->texts++);
    for (int i = 0; i < n; i++) tokens[i] = (int32_t)lf__rng_below(&r, (uint64_t)lf_model_config_of(b->model)->vocab_size);
}

static lf_engine *engine_new(infer_bench *b, int texts, int positions, lf_error *err)
{
    int64_t context = lf_model_config_of(b->model)->max_position_embeddings;
    if (positions > context) {
        lf_error_set(err, LF_E_LIMIT, "this asks for %d positions, the model has %lld", positions, (long long)context);
        lf_error_hint(err, "less depth, a shorter prompt or fewer steps; of a recipe: a larger model.max_position_embeddings");
        return NULL;
    }
    lf_engine_options o = {.context = 64, .max_sequences = 1, .max_rows = 1, .kv_type = b->o->kv_type};
    lf_engine *probe = lf_engine_new(b->model, &o, err); /* to learn what a page takes */
    if (!probe) return NULL;
    lf_engine_state s = lf_engine_state_of(probe);
    lf_engine_free(&probe);
    o.context = positions, o.max_sequences = texts, o.max_rows = LF_MAX(ROWS, texts);
    o.kv_bytes = (int64_t)texts * (positions / s.page_tokens + PAGE_SLACK) * s.page_bytes;
    if (b->sampling.kv_memory && b->sampling.kv_memory < o.kv_bytes) {
        lf_error_set(err, LF_E_LIMIT, "keys and values take %lld bytes (texts: %d, tokens of each: %d); sampler.kv_memory is %lld",
                     (long long)o.kv_bytes, texts, positions, (long long)b->sampling.kv_memory);
        lf_error_hint(err, "less depth, fewer texts, keys and values as q8_0, or more memory");
        return NULL;
    }
    return lf_engine_new(b->model, &o, err);
}

/* Counts the texts that have read their prompts. */
static int on_token(void *user, const lf_answer *a)
{
    if (a->index == 0) ++*(int *)user;
    return 0;
}

static int submit(infer_bench *b, lf_engine *e, const int32_t *tokens, int n, int answer, int *started, lf_error *err)
{
    lf_sample_config sampling = b->sampling;
    sampling.max_tokens = answer;
    lf_request r = {.tokens = tokens, .n_tokens = n, .sampling = &sampling, .on_token = on_token, .user = started};
    return lf_engine_submit(e, &r, err) < 0 ? -1 : 0;
}

/* ---- figures ------------------------------------------------------------------------------------------------------------------- */
/* A prompt behind `depth` tokens that are found again; the first is not counted. */
static int bench_prefill(infer_bench *b, int depth, lf_error *err)
{
    int n = b->o->prefill, started = 0, status = -1;
    int32_t *tokens = lf__calloc((size_t)(depth + n), sizeof *tokens, err);
    lf_engine *e = tokens ? engine_new(b, 1, depth + n + 1, err) : NULL;
    double seconds[PROMPTS], inside = 0, all = 0;
    if (!e) goto done;
    random_tokens(b, tokens, depth);
    if (depth && (submit(b, e, tokens, depth, 0, &started, err) || lf_engine_run(e, err))) goto done;
    ceilings c[2] = {measure(b)};
    for (int i = -1; i < PROMPTS; i++) {
        lf_engine_state s = lf_engine_state_of(e);
        random_tokens(b, tokens + depth, n);
        double begun = lf__now();
        if (submit(b, e, tokens, depth + n, 0, &started, err) || lf_engine_run(e, err)) goto done;
        if (i < 0) continue;
        seconds[i] = lf__now() - begun;
        all += seconds[i], inside += lf_engine_state_of(e).model_seconds - s.model_seconds;
    }
    c[1] = measure(b);
    lf_engine_state s = lf_engine_state_of(e);
    int found = depth / s.page_tokens * s.page_tokens, fed = depth + n - found;
    lf_bench_infer_line l = {
        .phase = "prefill", .batch = 1, .depth = found, .tokens = fed, .rounds = PROMPTS, .kv = s.kv_type, .outside = 1 - inside / all};
    l.seconds = median(seconds, PROMPTS), l.tokens_per_second = fed / l.seconds;
    double bytes = (double)lf_model_bytes_per_token(b->model) + (double)(depth + n) * (double)s.page_bytes / s.page_tokens;
    tell(b, l, operations(b->model, 1, fed, found, 1), bytes, c);
    status = 0;
done:
    lf_engine_free(&e);
    free(tokens);
    return status;
}

/* Steps of `batch` texts that have read `depth` tokens each. */
static int bench_decode(infer_bench *b, int batch, int depth, lf_error *err)
{
    /* Those that have read their prompts go on while others still read. */
    int steps = b->o->decode, begin = LF_MAX(depth, 1), early = batch * (begin / ROWS + 1), started = 0, status = -1;
    int32_t *tokens = lf__calloc((size_t)begin, sizeof *tokens, err);
    double *seconds = lf__calloc((size_t)steps, sizeof *seconds, err);
    lf_engine *e = tokens && seconds ? engine_new(b, batch, begin + early + steps + 2, err) : NULL;
    if (!e) goto done;
    for (int t = 0; t < batch; t++) {
        random_tokens(b, tokens, begin);
        if (submit(b, e, tokens, begin, early + steps + 2, &started, err)) goto done;
    }
    while (started < batch)
        if (lf_engine_step(e, err) < 0) goto done;
    ceilings c[2] = {measure(b)};
    if (lf_engine_step(e, err) < 0) goto done;
    lf_engine_state s = lf_engine_state_of(e);
    double before = s.model_seconds, all = s.all_seconds;
    for (int i = 0; i < steps; i++) {
        double begun = lf__now();
        if (lf_engine_step(e, err) < 0) goto done;
        seconds[i] = lf__now() - begun;
    }
    s = lf_engine_state_of(e);
    c[1] = measure(b);
    lf_bench_infer_line l = {.phase = "decode", .batch = batch, .depth = depth, .tokens = steps, .rounds = steps, .kv = s.kv_type};
    l.outside = 1 - (s.model_seconds - before) / (s.all_seconds - all);
    l.seconds = median(seconds, steps), l.tokens_per_second = batch / l.seconds;
    double position = begin + 0.5 * steps;
    double bytes = (double)lf_model_bytes_per_token(b->model) + batch * position * (double)s.page_bytes / s.page_tokens;
    tell(b, l, operations(b->model, batch, 1, position, batch), bytes, c);
    status = 0;
done:
    lf_engine_free(&e);
    free(tokens), free(seconds);
    return status;
}

static int bench_model(infer_bench *b, lf_error *err)
{
    const lf_bench_infer_options *o = b->o;
    int status = 0;
    for (int d = 0; d < LF_BENCH_LIST && o->depth[d] >= 0 && !status && !b->stopped; d++) {
        if (o->prefill) status = bench_prefill(b, o->depth[d], err);
        for (int i = 0; o->decode && i < LF_BENCH_LIST && o->batch[i] && !status && !b->stopped; i++)
            status = bench_decode(b, o->batch[i], o->depth[d], err);
    }
    return status;
}

int lf_bench_infer(const lf_bench_infer_options *o, bool (*line)(const lf_bench_infer_line *line, void *user), void *user, lf_error *err)
{
    lf_config defaults;
    lf_config_init(&defaults);
    infer_bench b = {.o = o, .line = line, .user = user, .sampling = o->sampling ? *o->sampling : defaults.sampler};
    if (!o->sampling) b.sampling.temperature = 0;
    if (lf__arena_init(&b.memory, "bench", READ_BYTES, err)) return -1;
    void *data = lf__arena_push(&b.memory, READ_BYTES);
    b.data = memset(data, 1, READ_BYTES);
    int status = 0;
    for (int t = 0; t < LF_BENCH_LIST && o->threads[t] && !status && !b.stopped; t++) {
        b.device = lf_device_open(&(lf_device_options){.threads = o->threads[t], .isa = o->isa, .pin = o->pin}, err);
        if (b.device)
            b.model = o->model ? lf_model_open_with(b.device, o->model, &(lf_open_options){.weights = o->weights, .packed = o->packed}, err)
                               : lf_model_open_random(b.device, o->random, o->weights, err);
        status = b.model ? bench_model(&b, err) : -1;
        lf_model_free(&b.model);
        lf_device_close(&b.device);
    }
    lf__arena_release(&b.memory);
    if (!status && b.stopped) return lf_error_set(err, LF_E_INTERRUPTED, "the benchmark was interrupted");
    return status;
}
