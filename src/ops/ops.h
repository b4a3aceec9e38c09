/* ops.h - the coarse operations a model is written in, the context they run in, and the tape that runs them backwards.
 *
 * An op takes an args struct and returns its output tensor. With a tape, the args struct (outputs and saved values included) is
 * the record; backward is one loop over the records from the end. Without a tape the same call is inference. After a failure
 * (ctx->error) every op does nothing and returns its input or NULL-safe dummy: the step checks once. One thread calls ops. */
#ifndef LF_OPS_H
#define LF_OPS_H

#include "backend/backend.h"
#include "tensor/tensor.h"

/* ---- the batch: a ragged list of sequences (ARCHITECTURE 2.1) --------------------------------------------------------------- */
typedef struct lf_batch {
    int n_tokens;             /* rows of every activation                                          */
    int n_seqs;               /* segments; rows seq_start[s] .. seq_start[s+1]-1 belong to s       */
    const int32_t *tokens;    /* [n_tokens]                                                        */
    const int32_t *positions; /* [n_tokens] position inside its own sequence (what RoPE sees)      */
    const int32_t *seq_start; /* [n_seqs + 1]                                                      */
    lf_kv **kv;               /* [n_seqs] cache of each sequence, or NULL: nothing cached          */
    const int32_t *targets;   /* [n_tokens], -1 = not scored; NULL outside training and scoring    */
    const int32_t *out_rows;  /* rows whose logits are wanted; NULL = none (training uses targets) */
    int n_out_rows;
    int64_t first_row; /* of the global batch: where row 0 stands in it (dropout) */
    float loss_scale;  /* d loss / d nll of one target: 1 / (scored targets of the global batch) */
} lf_batch;

/* ---- weights: a tensor and the panels kernels read -------------------------------------------------------------------------- */
typedef struct lf_weight {
    lf_tensor t;        /* [out, in]; data NULL where only panels are kept                           */
    lf_panels forward;  /* B = W^T [in, out]: y = x W^T. data NULL when the weight enters no product */
    lf_panels backward; /* B = W [out, in]: dx = dy W. data NULL without training                    */
    lf_dtype stored;    /* of rows                                                                   */
    uint8_t *rows;      /* [out] rows as files hold them, where t.data is NULL and rows are looked up (op_embed) */
} lf_weight;

/* Refreshes the panels from t.data. */
void lf__weight_pack(lf_device *device, lf_weight *w);

/* ---- the context ------------------------------------------------------------------------------------------------------------ */
struct lf_ctx;
typedef struct lf_op {
    const char *name;
    void (*backward)(struct lf_ctx *ctx, void *args);
} lf_op;

typedef struct lf_record {
    const lf_op *op;
    void *args;
    struct lf_record *previous;
} lf_record;

typedef struct lf_tape {
    lf_record *last;
} lf_tape;

/* Looks at what enters a product: x [rows, weight->t.cols], float. */
typedef void (*lf_observe_fn)(void *user, const lf_weight *weight, const lf_tensor *x);

typedef struct lf_ctx {
    lf_device *device;
    const lf_batch *batch;
    lf_arena *meta;                /* tensor headers and records; real memory even when measuring                   */
    lf_arena *step;                /* what backward needs: activations with a tape. Rewound per micro-batch         */
    lf_arena *scratch;             /* rewound per block                                                             */
    lf_tape *tape;                 /* NULL: inference                                                               */
    lf_dtype products;             /* LF_BF16: attention rounds its operands, too (weights know for themselves)     */
    bool recompute;                /* with a tape: the insides of a block are made again on the way back            */
    bool dry;                      /* allocate and check, compute nothing: how memory is forecast                   */
    const float *rope[2];          /* rotary tables (of layers with a window second) of a session that wants its own */
    float *stream[2];              /* two buffers by turns: the residual stream itself, or with a tape its gradient */
    int streams;                   /* stream tensors made since lf__ctx_begin                                       */
    float z_loss, label_smoothing; /* what a training adds to its loss; 0 elsewhere                     */
    int classifier_rows;           /* logits at a time; 0: as many as pay. Changes no bit                           */
    lf_observe_fn observe;         /* NULL: nobody looks. Not with a tape */
    void *observer;
    uint64_t seed, update; /* of the run, and which step: the keys of its dropout               */
    lf_error error;        /* sticky                                                                        */
} lf_ctx;

static inline bool lf__failed(const lf_ctx *ctx) { return ctx->error.code != LF_OK; }

/* Starts a forward of batch: arenas rewound, tape and streams empty. The sticky error stays. */
void lf__ctx_begin(lf_ctx *ctx, const lf_batch *batch);
/* A new activation [rows, cols]: in the step arena with a tape, else in scratch. NULL after a failure. */
lf_tensor *lf__activation(lf_ctx *ctx, const char *name, int rows, int cols);
/* The same for what later blocks do not read. With a tape and products of bfloat16 its floats lie in scratch and go with the block; what
 * backward finds is lf__rows, rounded: no loss where only products read it. The op that makes it calls lf__keep when it is whole. */
lf_tensor *lf__saved(lf_ctx *ctx, const char *name, int rows, int cols);
void lf__keep(lf_ctx *ctx, const lf_tensor *t);
/* The same of a tensor that nothing reads but products and its maker's backward: with bfloat16 its floats (data) never exist. */
lf_tensor *lf__saved_half(lf_ctx *ctx, const char *name, int rows, int cols);
/* In a backward: the values of t, in scratch where they must be widened first. NULL after a failure. */
float *lf__rows(lf_ctx *ctx, const lf_tensor *t);
/* The same for the residual stream, the only thing that lives from block to block. While a block reads one, nobody looks at
 * older ones: two buffers are enough for the stream of an inference, or for its gradient on the way back. */
lf_tensor *lf__stream(lf_ctx *ctx, const char *name, int rows, int cols);
/* Bytes from an arena of the context, with the sticky error on overflow. */
void *lf__ctx_push(lf_ctx *ctx, lf_arena *arena, size_t bytes);
/* The gradient of t: what is there, or fresh scratch of its shape. Contents undefined until somebody writes (t->grad_written). */
float *lf__grad(lf_ctx *ctx, lf_tensor *t);
/* Appends {op, copy of args} when there is a tape. */
void lf__record(lf_ctx *ctx, const lf_op *op, const void *args, size_t size);

/* A block: y = fn(...) with y part of the stream; scratch is rewound at its end, forward and backward. fn must write y. */
typedef void (*lf_block_fn)(lf_ctx *ctx, lf_tensor *y, lf_tensor *x, void *model, int layer);
lf_tensor *lf__block(lf_ctx *ctx, lf_block_fn fn, lf_tensor *x, void *model, int layer);

/* Runs the tape from its end and empties it. The classifier has already put gradients where the loss touched. */
void lf__backward(lf_ctx *ctx);

/* ---- the ops ------------------------------------------------------------------------------------------------------------------ */
/* Where an op drops elements: of what joins the residual stream, or of attention's probabilities (Srivastava et al. 2014). Only with a
 * tape. */
typedef struct lf_drop {
    float rate;
    int layer, site; /* with seed, step and row: the key */
} lf_drop;
/* The key of a dropout, or rate 0 when there is none to do. */
lf_dropout lf__dropout(const lf_ctx *ctx, lf_drop drop);

/* y[i] = scale table[tokens[i]] + positions[positions of row i]. The result is the beginning of the residual stream. */
typedef struct lf_embed {
    lf_weight *table;
    lf_weight *positions; /* learned positions [context, width], or NULL */
    float scale;          /* 0: none                                     */
    lf_drop drop;
    lf_tensor *y;
} lf_embed;
lf_tensor *op_embed(lf_ctx *ctx, lf_embed a);

/* y = (w + offset) * x / sqrt(mean(x^2) + eps), each row by itself (Zhang & Sennrich 2019). */
typedef struct lf_rmsnorm {
    lf_tensor *x;
    lf_weight *weight;
    float eps, offset;
    lf_tensor *y;
    float *rstd; /* saved: [rows] */
} lf_rmsnorm;
lf_tensor *op_rmsnorm(lf_ctx *ctx, lf_rmsnorm a);
/* What the norms' kernels multiply with: the weight as it lies, or weight + offset in scratch. */
const float *lf__offset_weight(lf_ctx *ctx, const lf_weight *weight, float offset);

/* y = w * (x - mean) / sqrt(variance + eps) + b, each row by itself (Ba et al. 2016). */
typedef struct lf_layernorm {
    lf_tensor *x;
    lf_weight *weight, *bias;
    float eps;
    lf_tensor *y;
    float *stat; /* saved: mean and 1 / deviation [2][rows] */
} lf_layernorm;
lf_tensor *op_layernorm(lf_ctx *ctx, lf_layernorm a);

/* y = residual + dropout(x): where a branch that is not joined by op_linear itself meets the stream. */
typedef struct lf_join {
    lf_tensor *x, *residual;
    lf_drop drop;
    lf_tensor *y;
} lf_join;
lf_tensor *op_join(lf_ctx *ctx, lf_join a);

/* y = dropout(x W^T + bias) + residual. */
typedef struct lf_linear {
    lf_tensor *x;        /* [n, in]                                                       */
    lf_weight *weight;   /* [out, in]                                                     */
    lf_weight *bias;     /* [out], or NULL                                                */
    lf_drop drop;        /* needs a residual                                              */
    lf_tensor *residual; /* [n, out] added, or NULL                                       */
    lf_tensor *y;        /* where to put it (a block's output), or NULL: a new activation */
} lf_linear;
lf_tensor *op_linear(lf_ctx *ctx, lf_linear a);

/* Rotary positions on the first n_heads heads of every row, in place: no new tensor (Su et al. 2021, rotate-half). Of each head the
 * first `rotary` elements turn. */
typedef struct lf_rope {
    lf_tensor *x; /* [n, >= n_heads * head_dim] */
    int n_heads, head_dim, rotary;
    const float *table; /* [positions][rotary / 2][2] cos, sin */
} lf_rope;
lf_tensor *op_rope(lf_ctx *ctx, lf_rope a);

/* q | k | v of every row in one product, q and k rotated: op_linear, then op_rope on the first n_heads + n_kv_heads heads. With q_norm
 * and k_norm each head of q and of k passes an RMSNorm before it is rotated (Henry et al. 2020, Dehghani et al. 2023). */
typedef struct lf_qkv {
    lf_tensor *x;
    lf_weight *weight; /* [(n_heads + 2 n_kv_heads) * head_dim, in] */
    lf_weight *bias;   /* of all, or NULL */
    int n_heads, n_kv_heads, head_dim, rotary;
    const float *rope;          /* table as in lf_rope; NULL: not rotated */
    lf_weight *q_norm, *k_norm; /* [head_dim], or NULL: no normalization */
    float eps, offset;          /* of the normalization, as in lf_rmsnorm */
    lf_tensor *y;
    float *raw,
        *rstd; /* saved with norms: q | k before them [n, (n_heads + n_kv_heads) * head_dim], and per head [n, n_heads + n_kv_heads] */
} lf_qkv;
lf_tensor *op_qkv(lf_ctx *ctx, lf_qkv a);

/* Causal softmax attention of a ragged batch; with a cache the batch's keys and values are appended to it first. */
typedef struct lf_attend {
    lf_tensor *qkv; /* [n, (n_heads + 2 n_kv_heads) * head_dim] */
    int n_heads, n_kv_heads, head_dim;
    int layer;           /* of the cache */
    float scale, cap;    /* cap: soft cap of the scores, 0 = none */
    int window;          /* keys that a row sees, itself included; 0 = all before it */
    const float *slopes; /* ALiBi: [n_heads], or NULL */
    lf_weight *sinks;    /* [n_heads], or NULL */
    lf_drop drop;        /* of the probabilities */
    lf_tensor *y;        /* [n, n_heads * head_dim] */
    float *lse;          /* saved: [n, n_heads] */
} lf_attend;
lf_tensor *op_attention(lf_ctx *ctx, lf_attend a);

/* h = act(gate) * up of a tensor [n, 2f] = gate | up (Shazeer 2020). */
typedef struct lf_glu {
    lf_tensor *x;
    lf_act act;
    lf_tensor *y;
} lf_glu;
lf_tensor *op_glu(lf_ctx *ctx, lf_glu a);

/* y = act(x), element by element. */
typedef struct lf_activate {
    lf_tensor *x;
    lf_act act;
    lf_tensor *y;
} lf_activate;
lf_tensor *op_act(lf_ctx *ctx, lf_activate a);

/* op_glu(op_linear(x)) in one product: gate and up share a panel, SwiGLU is its epilogue. */
typedef struct lf_gated {
    lf_tensor *x;
    lf_weight *weight; /* [2f, in]: gate rows, then up rows; its panels are paired */
    lf_weight *bias;   /* [2f], or NULL */
    lf_act act;
    lf_tensor *gate_up; /* saved: [n, 2f] */
    lf_tensor *y;
} lf_gated;
lf_tensor *op_gated_mlp_in(lf_ctx *ctx, lf_gated a);

/* Logits, cross-entropy and (with a tape) their gradients at once, by chunks of rows: the full logits never exist.
 * nll [n_tokens] receives -log p(target) per row, 0 where the target is -1. Returns the sum over rows, ascending, in double. */
typedef struct lf_classifier {
    lf_tensor *x;
    lf_weight *weight; /* [vocab, in] */
    float cap;         /* soft cap of the logits, 0 = none */
    float *nll;        /* or NULL */
} lf_classifier;
double op_classifier(lf_ctx *ctx, lf_classifier a);

/* Logits of batch->out_rows: [n_out_rows, vocab] in scratch. */
lf_tensor *op_logits(lf_ctx *ctx, lf_tensor *x, lf_weight *weight, float cap);

/* ---- gradcheck.c -------------------------------------------------------------------------------------------------------------- */
/* Largest |analytic - numeric| / max(|numeric|, floor) over `samples` entries of data by central differences of loss(user). */
double lf__gradcheck(float *data, const float *grad, size_t n, size_t samples, uint64_t seed, double step, double floor,
                     double (*loss)(void *user), void *user);

#endif
