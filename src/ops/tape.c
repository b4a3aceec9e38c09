/* tape.c - where activations lie, what is remembered, and the loop that runs it backwards. Not an op.
 *
 * With a tape, activations stay in the step arena until the micro-batch is over. Their gradients do not: inside a block they live in
 * scratch and go when the block's backward is done; only the residual stream's gradient crosses blocks, in two buffers by turns.
 *
 *   step     | embed | block 0: norm, qkv, att, ... | y0 | block 1: ... | y1 | ...        all of them, once
 *            with bfloat16 products norm, qkv, att, ... only at half the size; their floats live in scratch while their block runs
 *   stream          [0]                              [1]                [0]               two buffers in all
 *   scratch                  gradients of block 1's insides, then rewound, then block 0's */
#include <string.h>

#include "ops/ops.h"

void lf__ctx_begin(lf_ctx *ctx, const lf_batch *batch)
{
    ctx->batch = batch;
    lf__arena_rewind(ctx->meta, 0);
    if (ctx->step) lf__arena_rewind(ctx->step, 0);
    lf__arena_rewind(ctx->scratch, 0);
    if (ctx->tape) ctx->tape->last = NULL;
    ctx->stream[0] = ctx->stream[1] = NULL;
    ctx->streams = 0;
}

void *lf__ctx_push(lf_ctx *ctx, lf_arena *arena, size_t bytes)
{
    void *p = lf__failed(ctx) ? NULL : lf__arena_push(arena, bytes);
    if (!p) {
        lf_error_set(&ctx->error, LF_E_MEMORY, "the %s arena is full: %zu bytes more do not fit into %zu", arena->name, bytes, arena->size);
    }
    return p;
}

static lf_tensor *new_tensor(lf_ctx *ctx, lf_arena *arena, const char *name, int rows, int cols)
{
    lf_tensor *t = lf__ctx_push(ctx, ctx->meta, sizeof *t);
    float *data = lf__ctx_push(ctx, arena, (size_t)rows * (size_t)cols * sizeof *data);
    if (lf__failed(ctx)) return NULL;
    *t = (lf_tensor){.name = name, .rows = rows, .cols = cols, .data = data};
    return t;
}

lf_tensor *lf__activation(lf_ctx *ctx, const char *name, int rows, int cols)
{
    lf_tensor *t = new_tensor(ctx, ctx->tape ? ctx->step : ctx->scratch, name, rows, cols);
    if (t) t->needs_grad = ctx->tape != NULL;
    return t;
}

lf_tensor *lf__saved(lf_ctx *ctx, const char *name, int rows, int cols)
{
    if (!ctx->tape || ctx->products != LF_BF16) return lf__activation(ctx, name, rows, cols);
    lf_tensor *t = new_tensor(ctx, ctx->scratch, name, rows, cols);
    if (!t) return NULL;
    size_t bytes = lf__round_up(lf__tensor_count(t), 2) * sizeof *t->half; /* rounding writes pairs */
    t->half = lf__ctx_push(ctx, ctx->step, bytes);
    t->needs_grad = true;
    return lf__failed(ctx) ? NULL : t;
}

lf_tensor *lf__saved_half(lf_ctx *ctx, const char *name, int rows, int cols)
{
    size_t mark = lf__arena_mark(ctx->scratch);
    lf_tensor *t = lf__saved(ctx, name, rows, cols);
    if (!t || !t->half) return t;
    lf__arena_rewind(ctx->scratch, mark);
    t->data = NULL;
    return t;
}

void lf__keep(lf_ctx *ctx, const lf_tensor *t)
{
    if (t->half && !ctx->dry) ctx->device->ops->to_bf16(ctx->device, t->half, t->data, (int64_t)lf__tensor_count(t));
}

float *lf__rows(lf_ctx *ctx, const lf_tensor *t)
{
    if (!t->half) return t->data;
    float *rows = lf__ctx_push(ctx, ctx->scratch, lf__tensor_count(t) * sizeof *rows);
    if (rows && !ctx->dry) ctx->device->ops->from_bf16(ctx->device, rows, t->half, (int64_t)lf__tensor_count(t));
    return rows;
}

lf_tensor *lf__stream(lf_ctx *ctx, const char *name, int rows, int cols)
{
    float **buffer = &ctx->stream[ctx->streams++ & 1];
    size_t bytes = (size_t)rows * (size_t)cols * sizeof **buffer;
    if (!*buffer) *buffer = lf__ctx_push(ctx, ctx->tape ? ctx->step : ctx->scratch, bytes);
    lf_tensor *t = ctx->tape ? lf__activation(ctx, name, rows, cols) : lf__ctx_push(ctx, ctx->meta, sizeof *t);
    if (lf__failed(ctx)) return NULL;
    if (ctx->tape)
        t->grad = *buffer;
    else
        *t = (lf_tensor){.name = name, .rows = rows, .cols = cols, .data = *buffer};
    return t;
}

float *lf__grad(lf_ctx *ctx, lf_tensor *t)
{
    if (!t->grad) t->grad = lf__ctx_push(ctx, ctx->scratch, lf__tensor_count(t) * sizeof(float));
    return t->grad;
}

void lf__record(lf_ctx *ctx, const lf_op *op, const void *args, size_t size)
{
    lf__profile_mark(ctx->device, op->name, "forward");
    if (!ctx->tape || lf__failed(ctx)) return;
    lf_record *record = lf__ctx_push(ctx, ctx->meta, sizeof *record);
    void *copy = lf__ctx_push(ctx, ctx->meta, size);
    if (lf__failed(ctx)) return;
    memcpy(copy, args, size);
    *record = (lf_record){.op = op, .args = copy, .previous = ctx->tape->last};
    ctx->tape->last = record;
}

void lf__weight_pack(lf_device *device, lf_weight *w)
{
    if (w->forward.data) device->ops->pack(device, &w->forward, w->t.data, w->t.cols, 1);
    if (w->backward.data) device->ops->pack(device, &w->backward, w->t.data, 1, w->t.cols);
}

/* ---- blocks: two records that bracket what scratch may forget -------------------------------------------------------------------- */
typedef struct block_bracket {
    size_t mark; /* of scratch, set by the end bracket when backward meets it, used by the begin bracket */
} block_bracket;

static void block_end_backward(lf_ctx *ctx, void *args)
{
    block_bracket *b = *(block_bracket **)args;
    b->mark = lf__arena_mark(ctx->scratch);
}

static void block_begin_backward(lf_ctx *ctx, void *args)
{
    block_bracket *b = *(block_bracket **)args;
    lf__arena_rewind(ctx->scratch, b->mark);
}

/* Recomputed: forward forgets what fn put on the tape and into the arenas; backward runs fn again, which puts the same bits there (sums are
 * in a fixed order, chance is keyed by place), and unwinds it before the block below is made again.
 *
 *   step     | embed | y0 | y1 | y2 | one block's insides |                                     of all layers only the stream stays */
typedef struct block_again {
    lf_block_fn fn;
    lf_tensor *y, *x;
    void *model;
    int layer;
} block_again;

static void run_forgotten(lf_ctx *ctx, const block_again *b, bool backward)
{
    size_t meta = lf__arena_mark(ctx->meta), step = lf__arena_mark(ctx->step), scratch = lf__arena_mark(ctx->scratch);
    lf_record *last = ctx->tape->last;
    ctx->tape->last = NULL;
    b->fn(ctx, b->y, b->x, b->model, b->layer);
    if (backward) lf__backward(ctx);
    ctx->tape->last = last;
    lf__arena_rewind(ctx->meta, meta);
    lf__arena_rewind(ctx->step, step);
    lf__arena_rewind(ctx->scratch, scratch);
}

static void block_again_backward(lf_ctx *ctx, void *args) { run_forgotten(ctx, args, true); }

static const lf_op recomputed = {"block again", block_again_backward};
static const lf_op block_begin = {"block begin", block_begin_backward};
static const lf_op block_end = {"block end", block_end_backward};

lf_tensor *lf__block(lf_ctx *ctx, lf_block_fn fn, lf_tensor *x, void *model, int layer)
{
    if (lf__failed(ctx)) return x;
    lf_tensor *y = lf__stream(ctx, "block", x->rows, x->cols);
    if (ctx->tape && ctx->recompute) {
        block_again again = {fn, y, x, model, layer};
        if (lf__failed(ctx)) return x;
        run_forgotten(ctx, &again, false);
        lf__record(ctx, &recomputed, &again, sizeof again);
        return lf__failed(ctx) ? x : y;
    }
    block_bracket *bracket = lf__ctx_push(ctx, ctx->meta, sizeof *bracket);
    lf__record(ctx, &block_begin, &bracket, sizeof(block_bracket *));
    size_t mark = lf__arena_mark(ctx->scratch);
    if (!lf__failed(ctx)) fn(ctx, y, x, model, layer);
    lf__arena_rewind(ctx->scratch, mark);
    lf__record(ctx, &block_end, &bracket, sizeof(block_bracket *));
    return lf__failed(ctx) ? x : y;
}

void lf__backward(lf_ctx *ctx)
{
    for (lf_record *r = ctx->tape->last; r && !lf__failed(ctx); r = r->previous) {
        r->op->backward(ctx, r->args);
        lf__profile_mark(ctx->device, r->op->name, "backward");
    }
    ctx->tape->last = NULL;
}
