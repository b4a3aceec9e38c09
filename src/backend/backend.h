/* backend.h - what an op may ask of the place where arithmetic happens. Ops (src/ops) check shapes, own the tape and choose buffers;
 * a backend computes on plain pointers, splits the work over its workers and returns when it is done. Nothing here allocates: scratch is
 * passed in. All matrices are row-major float32; `ld` is the distance between rows in elements.
 *
 * The contract of the house (ARCHITECTURE 2.5): every result is the same for any number of threads; every row of a forward result
 * depends on that row's own sequence alone. So each output element is one FMA chain: it starts from C (or zero) and walks K upwards. */
#ifndef LF_BACKEND_H
#define LF_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "foundry/device.h"
#include "tensor/tensor.h"

/* ---- packed panels -------------------------------------------------------------------------------------------------------
 * B[K, N] as ceil(N/32) panels, each K rows of 32 consecutive columns; missing columns are zero. The two 16-column halves of
 * a panel may come from two places (`pair` > 0): half 0 holds columns 16p.., half 1 columns pair + 16p.. of a matrix of
 * N = 2 * pair columns. So gate and up of a SwiGLU land in one tile.
 *
 *   panel p:  k=0 | b[0][32p .. 32p+31] |      pair:  | gate[16p..16p+15] | up[16p..16p+15] |
 *             k=1 | b[1][32p .. 32p+31] |
 *
 * As bfloat16, two rows share a line of lf_pair: b[2i][j] below, b[2i + 1][j] above; an odd last row is paired with zeros. */
#define LF_PANEL 32
#define LF_HALF  16
typedef struct lf_panels {
    void *data;    /* [n_panels][k][LF_PANEL] float or float16, or [n_panels][lf__pairs(k)][LF_PANEL] lf_pair; 64-byte aligned */
    int n, k;      /* logical size of B: k rows, n columns     */
    int pair;      /* 0 = plain; F = paired halves, n == 2 * F */
    lf_dtype type; /* LF_F32, LF_BF16, LF_F16, or a quantized type that the backend multiplies (lf__qpanel_bytes is not 0) */
    const struct lf_panels *next; /* the columns behind these, where they are of another type (without pairs); or NULL */
} lf_panels;
/* Two bfloat16 neighbours of a sum over k: the even k in the low half. Rows of bfloat16 may be read as pairs. */
typedef uint32_t __attribute__((may_alias)) lf_pair;
static inline int lf__pairs(int k) { return (k + 1) / 2; }
static inline int lf__panels_count(int n, int pair) { return pair ? (pair + LF_HALF - 1) / LF_HALF : (n + LF_PANEL - 1) / LF_PANEL; }
static inline size_t lf__panels_floats(int n, int k, int pair) { return (size_t)lf__panels_count(n, pair) * (size_t)k * LF_PANEL; }
/* Lines of LF_PANEL words of 4 bytes, one float or one pair each. */
static inline int lf__panels_lines(const lf_panels *p) { return p->type == LF_BF16 ? lf__pairs(p->k) : p->k; }
/* Bytes of one panel of k rows of a quantized type, a multiple of 64 (backend/cpu/qpanels.h draws it); 0 for floats. */
size_t lf__qpanel_bytes(lf_dtype type, int k);
/* Is there a product with panels of this type and k rows? */
bool lf__multiplies(lf_dtype type, int k);
static inline size_t lf__panels_bytes(const lf_panels *p)
{
    size_t quantized = lf__qpanel_bytes(p->type, p->k);
    if (quantized) return (size_t)lf__panels_count(p->n, p->pair) * quantized;
    return lf__panels_floats(p->n, lf__panels_lines(p), p->pair) * (p->type == LF_F16 ? sizeof(uint16_t) : sizeof(float));
}

/* ---- key/value blocks ----------------------------------------------------------------------------------------------------
 * Keys and values live in blocks of LF_KV_BLOCK positions at absolute positions b*LF_KV_BLOCK, whether they are a cache or
 * the scratch of one training step: attention knows one format, in four types.
 *
 *   one block of one kv head:   K: [LF_KV_BLOCK/32 panels][head_dim][32 positions]     (K transposed: scores = q . K is a GEMM)
 *                               V: [ceil(head_dim/32) panels][LF_KV_BLOCK positions][32]  (o = p . V is a GEMM)
 *
 *   LF_F32   as drawn
 *   LF_F16   as drawn, elements of half the size; beyond 65,504 they are infinite
 *   LF_BF16  two lines share one of lf_pair, as in panels of bfloat16: K [pairs(head_dim)][32], V [LF_KV_BLOCK/2][32]
 *   LF_Q8_0  the same lines of pairs of bytes, behind the scales of their panel as half floats. 32 neighbours of a key or value have
 *            one scale, their largest / 127: K panel | scale [ceil(head_dim/32)][32 positions] | byte [pairs(head_dim)][32][2] |
 *                                            V panel | scale [LF_KV_BLOCK]                     | byte [LF_KV_BLOCK/2][32][2]   |
 * Unwritten positions are zero. */
#define LF_KV_BLOCK 64
static inline int lf__kv_scales(int head_dim) { return (head_dim + LF_PANEL - 1) / LF_PANEL; }              /* of one key */
static inline size_t lf__kv_element(lf_dtype type) { return type == LF_F32 ? 4 : type == LF_Q8_0 ? 1 : 2; } /* bytes */
/* The types whose products are of bfloat16 pairs where the device has them; of the others they are of floats everywhere. */
static inline bool lf__kv_in_pairs(lf_dtype type) { return type == LF_BF16 || type == LF_Q8_0; }
static inline size_t lf__kv_k_bytes(lf_dtype type, int head_dim)
{
    size_t lines = (size_t)(lf__kv_in_pairs(type) ? 2 * lf__pairs(head_dim) : head_dim), element = lf__kv_element(type);
    return LF_KV_BLOCK * (lines * element + (type == LF_Q8_0 ? 2 * (size_t)lf__kv_scales(head_dim) : 0));
}
static inline size_t lf__kv_v_bytes(lf_dtype type, int head_dim)
{
    size_t line = lf__kv_element(type) * LF_PANEL + (type == LF_Q8_0 ? 2 : 0);
    return LF_KV_BLOCK * line * (size_t)lf__kv_scales(head_dim);
}
static inline size_t lf__kv_head_bytes(lf_dtype type, int head_dim)
{
    return lf__kv_k_bytes(type, head_dim) + lf__kv_v_bytes(type, head_dim);
}

/* The cache of one sequence. blocks[b] points at [n_layers][n_kv_heads][lf__kv_head_bytes]. */
typedef struct lf_kv {
    lf_dtype type;
    int n_layers, n_kv_heads, head_dim;
    int capacity;  /* positions that fit (a multiple of LF_KV_BLOCK) */
    int length;    /* positions written; the caller adds a batch's rows after it */
    void **blocks; /* [capacity / LF_KV_BLOCK] */
} lf_kv;

/* Rows of keys and values on their way into blocks; blocks are addressed as in lf_attention. */
typedef struct lf_kv_rows {
    const float *k, *v; /* [n, n_kv_heads * head_dim] rows ld apart */
    ptrdiff_t ld;
    lf_dtype type;
    int n_kv_heads, head_dim, n_seqs;
    const int32_t *seq_start, *positions, *seq_block;
    void *const *blocks;
} lf_kv_rows;

/* ---- activations: one row per function ----------------------------------------------------------------------------------- */
typedef enum lf_act { LF_ACT_SILU, LF_ACT_GELU /* by tanh */, LF_ACT_RELU, LF_ACT_RELU2 /* squared */ } lf_act;
enum { LF_N_ACTS = LF_ACT_RELU2 + 1 };

/* ---- argument structs ---------------------------------------------------------------------------------------------------- */
#define LF_WHOLE_K 8192
typedef struct lf_gemm {
    float *c; /* [m, n] out */
    ptrdiff_t ldc;
    const float *init; /* C starts from these rows [m, n] (the residual, or c itself to accumulate); NULL = 0 */
    ptrdiff_t ldinit;
    const float *a;     /* A[i, k] = a[i * a_rs + k * a_cs]; one of the strides is 1 */
    const lf_bf16 *a16; /* the same rounded already, in place of a; needs panels of bfloat16 */
    ptrdiff_t a_rs, a_cs;
    const lf_panels *b; /* [k, n] */
    int m;
    float *swiglu; /* [m, pair] = silu(gate) * up, written per tile; needs b->pair; NULL = plain */
    ptrdiff_t ldswiglu;
    /* Both rounded, in place of c and swiglu; needs paired panels of bfloat16, no init and k <= LF_WHOLE_K. */
    lf_bf16 *c16, *swiglu16;
} lf_gemm;

/* Dropout keyed by place: whether an element stays depends on (seed, stream, row, column) alone. */
typedef struct lf_dropout {
    uint64_t seed, stream;
    int64_t first_row; /* of the global batch */
    float rate;
} lf_dropout;

/* One attention call over a ragged batch. Row i of q belongs to sequence s with seq_start[s] <= i < seq_start[s+1] and sits
 * at position positions[i] of it; positions of a sequence are consecutive. It sees key positions 0..positions[i], with a window w the
 * last w of them. Score of key position j: scale q . k, then cap * tanh(score / cap), then + slope of the head * (j - positions[i]).
 * A sink is a score of its head that every row sees and that has no value: it joins the sum of the softmax, and lse.
 * With drop, probability j of row i and head h is multiplied by 0 or 1 / (1 - rate), keyed by (row i, head h, j); lse knows nothing of it.
 */
typedef struct lf_attention {
    float *o;       /* [n, n_heads * head_dim]                                                  */
    float *lse;     /* [n, n_heads] log-sum-exp of the scaled scores; NULL when nobody needs it */
    const float *q; /* [n, n_heads * head_dim] rows ldq apart, rotated                          */
    ptrdiff_t ldq, ldo;
    int n_seqs, n_heads, n_kv_heads, head_dim;
    float scale, cap;         /* cap 0: none                          */
    int window;               /* 0: every earlier position is visible */
    const float *slopes;      /* [n_heads], NULL: none (ALiBi)        */
    const float *sinks;       /* [n_heads], NULL: none                */
    lf_dropout drop;          /* rate 0: none; row 0 of it is row 0   */
    const int32_t *seq_start; /* [n_seqs + 1] */
    const int32_t *positions; /* [n]          */
    lf_dtype kv_type;
    void *const *kv_blocks;   /* per sequence, all blocks in order; block pointers already at the layer:
                                 kv_blocks[seq_block[s] + b] -> [n_kv_heads][lf__kv_head_bytes]             */
    const int32_t *seq_block; /* [n_seqs + 1] first block of each sequence in kv_blocks */
    int longest;              /* positions that a sequence may have at most: sizes scratch */
    /* LF_BF16: operands of all products are rounded to bfloat16, sums and softmax stay float. Then whole sequences (positions from 0)
     * without blocks: keys and values are the rows below. LF_F32: keys and values are read from blocks, whatever their type. */
    lf_dtype products;
    const float *k, *v; /* [n, n_kv_heads * head_dim] rows ldq apart */
    /* With bfloat16 products: q, k, v and o rounded, in place of the floats. o16 is what the forward writes and the backward reads. */
    const lf_bf16 *q16, *k16, *v16;
    lf_bf16 *o16;
} lf_attention;

typedef struct lf_attention_grad {
    lf_attention forward; /* as in the forward call; o and lse are inputs here; positions start at 0 */
    float *dq, *dk, *dv;  /* rows lddqkv apart: [n, n_heads*head_dim], [n, n_kv_heads*head_dim] twice */
    ptrdiff_t lddqkv;
    const float *d_o; /* [n, n_heads * head_dim], rows lddo apart */
    ptrdiff_t lddo;
    const float *k, *v; /* the same keys and values as plain rows, ldq apart, whatever the products */
    bool accumulate;    /* add to dq, dk, dv instead of overwriting          */
    float *dsinks;      /* [n_heads] added to; NULL: not wanted              */
    float *delta;       /* [n, n_heads] d_o . o, written when dsinks is wanted */
} lf_attention_grad;

/* Rotary positions, forward or back. With half the whole rows are rounded into it, too. */
typedef struct lf_rotation {
    float *x; /* rows ldx apart, n_heads heads first */
    ptrdiff_t ldx;
    lf_bf16 *half;            /* [n, ldx], or NULL */
    const int32_t *positions; /* [n] */
    const float *table;       /* [n_positions][rotary / 2][2] = cos, sin */
    int n, n_heads, head_dim, rotary;
    bool inverse;
} lf_rotation;

/* RMSNorm over each head of q and of k, in place: rows of x hold n_q heads of d, then n_k heads. */
typedef struct lf_head_norm {
    float *x; /* rows ldx apart; backward: the gradient */
    ptrdiff_t ldx;
    float *raw, *rstd;      /* [n, (n_q + n_k) * d] x as it was, [n, n_q + n_k]; forward writes them where not NULL, backward reads them */
    const float *w_q, *w_k; /* [d] */
    float *dw_q, *dw_k;     /* [d] backward; NULL: not wanted */
    int n, n_q, n_k, d, beta_q, beta_k;
    float eps;
} lf_head_norm;

/* What a training loss is made of besides the likelihood of the target. */
typedef struct lf_loss {
    float scale;           /* of the gradients                                               */
    float z;               /* z-loss: z * (log of the softmax's denominator)^2 is added      */
    float label_smoothing; /* this share of the target's probability goes to all tokens alike */
    bool grad;
} lf_loss;

/* How an element of a weight follows its gradient g (g multiplied by grad_scale first; equations in train/optimizer.c). */
typedef enum lf_step_rule {
    LF_STEP_ADAMW,
    LF_STEP_LION,     /* has no use for v, eps and bias                         */
    LF_STEP_MOMENTUM, /* m <- beta1 m + g, w <- keep w - lr m; m NULL: g for it */
    LF_STEP_RULES
} lf_step_rule;

/* One step of some rows of a weight, and of the panels that products read of them: one pass over memory. Rows row0.. of a weight whose
 * parts are stepped in ascending order; a weight without panels has row0 = 0. Panels hold a packing of the weight already. */
typedef struct lf_weight_step {
    lf_step_rule rule;
    float *w, *m, *v; /* [rows, cols] updated */
    const float *g;   /* [rows, cols]         */
    int rows, cols;
    float grad_scale, lr, keep, beta1, beta2, eps; /* keep: 1 - lr times weight decay */
    float bias1, bias2;                            /* 1 - beta1^t, 1 - beta2^t        */
    const lf_panels *forward, *backward;           /* of the whole weight, NULL: none */
    int row0;
} lf_weight_step;

/* ---- the table: one struct, every operation ------------------------------------------------------------------------------
 * beta: 0 overwrites the gradient, 1 adds to it. n rows, c columns. Pointers of rows that are not strided are packed ([n, c]). */
typedef struct lf_backend_ops {
    /* B[k][j] = src[j * stride_n + k * stride_k], one of the strides 1 (of paired bfloat16 and of float16: stride_k); dst->n, k, pair, type
     * and data are set by the caller. */
    void (*pack)(lf_device *dev, const lf_panels *dst, const float *src, ptrdiff_t stride_n, ptrdiff_t stride_k);
    /* The same from rows rounded already: B[k][j] = src[k * stride_k + j]. */
    void (*pack16)(lf_device *dev, const lf_panels *dst, const lf_bf16 *src, ptrdiff_t stride_k);
    /* Rows of blocks of dst->type, as files hold them, become columns row0.. of the panels; columns nobody packs are zeroed by the caller.
     */
    void (*pack_blocks)(lf_device *dev, const lf_panels *dst, const void *src, int row0, int rows);
    /* Panels of bfloat16: A is rounded to bfloat16 too, products and sums stay in float. Quantized panels: 32 neighbours of A (256 for the
     * K types) become bytes with one scale. */
    void (*gemm)(lf_device *dev, const lf_gemm *args);

    void (*embed_forward)(lf_device *dev, float *y, const int32_t *tokens, const float *table, int n, int c);
    /* dtable [rows, c] = beta * dtable + sum over i with tokens[i] == row of dy[i], i ascending. */
    void (*embed_backward)(lf_device *dev, float *dtable, const float *dy, const int32_t *tokens, int n, int c, int rows, int beta);

    /* half, here and below: y rounded, or NULL. */
    void (*rmsnorm_forward)(lf_device *dev, float *y, lf_bf16 *half, float *rstd /* [n] or NULL */, const float *x, const float *w, int n,
                            int c, float eps);
    void (*rmsnorm_backward)(lf_device *dev, float *dx, float *dw /* or NULL */, const float *dy, const float *x, const float *w,
                             const float *rstd, int n, int c, int beta_dx, int beta_dw);

    void (*head_norm_forward)(lf_device *dev, const lf_head_norm *args);
    void (*head_norm_backward)(lf_device *dev, const lf_head_norm *args);

    /* y = (x - mean) rstd w + b; stat [2][n] mean and rstd of each row, or NULL. */
    void (*layernorm_forward)(lf_device *dev, float *y, lf_bf16 *half, float *stat, const float *x, const float *w, const float *b, int n,
                              int c, float eps);
    void (*layernorm_backward)(lf_device *dev, float *dx, float *dw /* or NULL, db with it */, float *db, const float *dy, const float *x,
                               const float *w, const float *stat, int n, int c, int beta_dx, int beta_dw);

    /* Pairs (i, i + rotary/2) of the first `rotary` elements of every head turn in place by +angle (inverse: -angle). */
    void (*rope)(lf_device *dev, const lf_rotation *args);

    /* Writes rows of keys and values into their blocks; new blocks are zeroed by the caller. */
    void (*kv_write)(lf_device *dev, const lf_kv_rows *args);
    void (*attention_forward)(lf_device *dev, const lf_attention *args, void *scratch);
    void (*attention_backward)(lf_device *dev, const lf_attention_grad *args, void *scratch);
    size_t (*attention_forward_scratch)(lf_device *dev, const lf_attention *args); /* bytes */
    size_t (*attention_backward_scratch)(lf_device *dev, const lf_attention *args);

    /* gu [n, 2f]: gate | up. h = act(gate) * up. Backward writes dgu from dh (always overwrites), and h again when h is not NULL. */
    void (*glu_forward)(lf_device *dev, float *h, const float *gu, int n, int f, lf_act act);
    void (*glu_backward)(lf_device *dev, float *dgu, float *h, const float *dh, const float *gu, int n, int f, lf_act act);
    void (*glu_backward16)(lf_device *dev, lf_bf16 *dgu, const float *dh, const lf_bf16 *gu, int n, int f, lf_act act);
    /* y = act(x); dx = dy act'(x) */
    void (*act_forward)(lf_device *dev, float *y, const float *x, int64_t n, lf_act act);
    void (*act_backward)(lf_device *dev, float *dx, const float *dy, const float *x, int64_t n, lf_act act);

    /* nll[i] = -log softmax[target], with what `loss` adds; logits [n, v] (ld apart) become scale times its gradient in place when grad is
     * set, and half [n, v] the same rounded (NULL: not wanted). Targets are in range. */
    void (*cross_entropy)(lf_device *dev, float *logits, ptrdiff_t ld, lf_bf16 *half, float *nll, const int32_t *targets, int n, int v,
                          const lf_loss *loss);
    /* x = cap tanh(x / cap); slope [n] = what gradients are multiplied by, or NULL. */
    void (*softcap)(lf_device *dev, float *x, float *slope, float cap, int64_t n);

    /* Rounds to bfloat16, and back. */
    void (*to_bf16)(lf_device *dev, lf_bf16 *y, const float *x, int64_t n);
    void (*from_bf16)(lf_device *dev, float *y, const lf_bf16 *x, int64_t n);
    /* y = beta * y + x */
    void (*add)(lf_device *dev, float *y, const float *x, int64_t n, int beta);
    void (*mul)(lf_device *dev, float *y, const float *x, int64_t n);            /* y *= x    */
    void (*scale)(lf_device *dev, float *y, const float *x, float a, int64_t n); /* y = a * x */
    /* y = beta * y + x where an element stays, divided by 1 - rate; beta * y where it goes. */
    void (*dropout)(lf_device *dev, float *y, const float *x, const lf_dropout *d, int n, int c, int beta);
    /* y[i] = x[i] + bias; db = beta * db + sum over i of dy[i], 64 rows at a time, ascending. */
    void (*add_bias)(lf_device *dev, float *y, const float *x, const float *bias, int n, int c);
    void (*sum_rows)(lf_device *dev, float *db, const float *dy, int n, int c, int beta);
    /* y = a * x + b * y; b 0 does not read y. y may be x. */
    void (*axpby)(lf_device *dev, float *y, const float *x, float a, float b, int64_t n);
    /* y[i][i] += d, y [n, n] */
    void (*add_diagonal)(lf_device *dev, float *y, float d, int n);
    /* y[i] = x[rows[i]] */
    void (*gather_rows)(lf_device *dev, float *y, const float *x, const int32_t *rows, int n, int c);
    /* y[i] += x[rows[i]] */
    void (*add_rows)(lf_device *dev, float *y, const float *x, const int32_t *rows, int n, int c);
    /* y = beta * y, then y[rows[i]] += x[i]; rows ascending, distinct */
    void (*scatter_rows)(lf_device *dev, float *y, const float *x, const int32_t *rows, int n, int c, int y_rows, int beta);
    /* In double, fixed chunks, ascending: the same for any number of threads. */
    double (*sum_squares)(lf_device *dev, const float *x, int64_t n);
    /* Index of the first NaN or infinity, -1 when there is none. */
    int64_t (*find_nonfinite)(lf_device *dev, const float *x, int64_t n);
    void (*step_weight)(lf_device *dev, const lf_weight_step *args);
} lf_backend_ops;

/* ---- ceilings.c: what this machine can do at most, measured now --------------------------------------------------------------- */
/* GFLOP/s of multiply-adds in registers on all workers, in float, on bfloat16 pairs or (a quantized type, where the rung has instructions
 * for it) on bytes, the best of about `seconds`: what no product can exceed. */
double lf__peak_gflops(struct lf_device *dev, lf_dtype type, double seconds);
/* GB/s that all workers read together, each from its own part of `bytes` of floats at data, again and again. */
double lf__read_rate(struct lf_device *dev, const void *data, size_t bytes, double seconds);

/* ---- profile.c: where time goes ---------------------------------------------------------------------------------------------- */
typedef struct lf_profile lf_profile;
typedef struct lf_profile_sum {
    const char *op, *phase; /* "linear", "backward"; borrowed, static */
    int64_t calls;
    double seconds, flops, flops_bf16, bytes; /* flops: in float; bytes: of operands and results, each once */
} lf_profile_sum;
#define LF_PROFILE_ROWS 64
int lf__profile_begin(struct lf_device *dev, lf_error *err);
/* What happened since the last mark was this. */
void lf__profile_note(struct lf_device *dev, const char *op, const char *phase);
/* Between quiet and not quiet marks are ignored: the next one takes it all. */
void lf__profile_quiet(struct lf_device *dev, bool quiet);
/* Switches it off; copies its rows to out (or NULL) and returns how many. */
int lf__profile_end(struct lf_device *dev, lf_profile_sum out[LF_PROFILE_ROWS]);

struct lf_kernels; /* backend/cpu/kernels.h */
struct lf_device {
    const lf_backend_ops *ops;
    const struct lf_kernels *kernels; /* CPU: the function table of the rung */
    const char *isa;
    bool bf16, bytes; /* has instructions for products of bfloat16, of bytes */
    lf_pool *pool;
    lf_profile *profile; /* NULL: off */
};

static inline void lf__profile_mark(lf_device *dev, const char *op, const char *phase)
{
    if (dev->profile) lf__profile_note(dev, op, phase);
}

#endif
