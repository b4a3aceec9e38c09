/* profile.c - where the time of a step goes. While a profile is on, the device's table of operations is one of counters that pass every
 * call on; whoever runs ops says now and then what the time since the last mark was for. So the rows add up to the whole, what is between
 * the kernels included, and an operation that is not counted here loses its FLOPs, never its time. One thread. */
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"

struct lf_profile {
    lf_backend_ops ops;          /* what the device shows while the profile is on */
    const lf_backend_ops *inner; /* what it shows else                            */
    lf_profile_sum rows[LF_PROFILE_ROWS];
    int n;
    lf_profile_sum pending; /* counted since the last mark */
    double last;
    int quiet; /* nested: marks are for whoever marks when it is over */
};

static void count(lf_device *dev, double flops, double bytes)
{
    dev->profile->pending.flops += flops;
    dev->profile->pending.bytes += bytes;
}

/* ---- counters: FLOPs, and each byte of operands and results once --------------------------------------------------------------- */
#define INNER(dev) (dev)->profile->inner

static void pack(lf_device *dev, const lf_panels *dst, const float *src, ptrdiff_t stride_n, ptrdiff_t stride_k)
{
    count(dev, 0, 4.0 * dst->n * dst->k + (double)lf__panels_bytes(dst));
    INNER(dev)->pack(dev, dst, src, stride_n, stride_k);
}

static void pack16(lf_device *dev, const lf_panels *dst, const lf_bf16 *src, ptrdiff_t stride_k)
{
    count(dev, 0, 2.0 * dst->n * dst->k + (double)lf__panels_bytes(dst));
    INNER(dev)->pack16(dev, dst, src, stride_k);
}

static void gemm(lf_device *dev, const lf_gemm *g)
{
    double m = g->m, n = 0, k = g->b->k;
    for (const lf_panels *b = g->b; b; n += b->n, b = b->next) {
        count(dev, b->type == LF_F32 ? 2 * m * b->n * k : 0, (double)lf__panels_bytes(b));
        if (b->type == LF_BF16) dev->profile->pending.flops_bf16 += 2 * m * b->n * k;
    }
    count(dev, 0, (g->a16 ? 2 : 4) * m * k + (g->c16 ? 2 : 4) * m * n * (g->init ? 2 : 1));
    INNER(dev)->gemm(dev, g);
}

static void embed_forward(lf_device *dev, float *y, const int32_t *tokens, const float *table, int n, int c)
{
    count(dev, 0, 8.0 * n * c);
    INNER(dev)->embed_forward(dev, y, tokens, table, n, c);
}

static void embed_backward(lf_device *dev, float *dtable, const float *dy, const int32_t *tokens, int n, int c, int rows, int beta)
{
    count(dev, (double)n * c, 12.0 * n * c + (beta ? 0 : 4.0 * rows * c));
    INNER(dev)->embed_backward(dev, dtable, dy, tokens, n, c, rows, beta);
}

static void rmsnorm_forward(lf_device *dev, float *y, lf_bf16 *half, float *rstd, const float *x, const float *w, int n, int c, float eps)
{
    count(dev, 4.0 * n * c, (half ? 10.0 : 8.0) * n * c);
    INNER(dev)->rmsnorm_forward(dev, y, half, rstd, x, w, n, c, eps);
}

static void rmsnorm_backward(lf_device *dev, float *dx, float *dw, const float *dy, const float *x, const float *w, const float *rstd,
                             int n, int c, int beta_dx, int beta_dw)
{
    count(dev, 11.0 * n * c, (beta_dx ? 16.0 : 12.0) * n * c);
    INNER(dev)->rmsnorm_backward(dev, dx, dw, dy, x, w, rstd, n, c, beta_dx, beta_dw);
}

static void layernorm_forward(lf_device *dev, float *y, lf_bf16 *half, float *stat, const float *x, const float *w, const float *b, int n,
                              int c, float eps)
{
    count(dev, 7.0 * n * c, (half ? 10.0 : 8.0) * n * c);
    INNER(dev)->layernorm_forward(dev, y, half, stat, x, w, b, n, c, eps);
}

static void layernorm_backward(lf_device *dev, float *dx, float *dw, float *db, const float *dy, const float *x, const float *w,
                               const float *stat, int n, int c, int beta_dx, int beta_dw)
{
    count(dev, 16.0 * n * c, (beta_dx ? 16.0 : 12.0) * n * c);
    INNER(dev)->layernorm_backward(dev, dx, dw, db, dy, x, w, stat, n, c, beta_dx, beta_dw);
}

static void act_forward(lf_device *dev, float *y, const float *x, int64_t n, lf_act act)
{
    count(dev, 10.0 * (double)n, 8.0 * (double)n);
    INNER(dev)->act_forward(dev, y, x, n, act);
}

static void act_backward(lf_device *dev, float *dx, const float *dy, const float *x, int64_t n, lf_act act)
{
    count(dev, 15.0 * (double)n, 12.0 * (double)n);
    INNER(dev)->act_backward(dev, dx, dy, x, n, act);
}

static void rope(lf_device *dev, const lf_rotation *r)
{
    double turned = (double)r->n * r->n_heads * r->rotary;
    count(dev, 3.0 * turned, 8.0 * turned + (r->half ? 2.0 * r->n * (double)r->ldx : 0));
    INNER(dev)->rope(dev, r);
}

/* Pairs of a row and a key that it sees, all heads. */
static double visible(const lf_attention *a)
{
    double pairs = 0;
    for (int i = a->seq_start[0]; i < a->seq_start[a->n_seqs]; i++)
        pairs += a->window ? LF_MIN(a->window, a->positions[i] + 1) : a->positions[i] + 1;
    return pairs * a->n_heads;
}

static double rows_of(const lf_attention *a) { return a->seq_start[a->n_seqs] - a->seq_start[0]; }

static void count_attention(lf_device *dev, const lf_attention *a, double flops, double bytes)
{
    bool bf16 = a->products == LF_BF16 || (lf__kv_in_pairs(a->kv_type) && dev->bf16);
    count(dev, bf16 ? 0 : flops, bytes);
    if (bf16) dev->profile->pending.flops_bf16 += flops;
}

/* Blocks of the cache that some row sees, each once. */
static double block_bytes(const lf_attention *a)
{
    double blocks = 0;
    for (int s = 0; s < a->n_seqs; s++)
        if (a->seq_start[s] < a->seq_start[s + 1]) blocks += a->positions[a->seq_start[s + 1] - 1] / LF_KV_BLOCK + 1;
    return blocks * a->n_kv_heads * (double)lf__kv_head_bytes(a->kv_type, a->head_dim);
}

static void attention_forward(lf_device *dev, const lf_attention *a, void *scratch)
{
    double keys = a->products == LF_BF16 ? 8 * rows_of(a) * a->n_kv_heads * a->head_dim : block_bytes(a);
    count_attention(dev, a, 4 * visible(a) * a->head_dim, 8 * rows_of(a) * a->n_heads * a->head_dim + keys);
    INNER(dev)->attention_forward(dev, a, scratch);
}

static void attention_backward(lf_device *dev, const lf_attention_grad *g, void *scratch)
{
    const lf_attention *a = &g->forward;
    count_attention(dev, a, 10 * visible(a) * a->head_dim, 16 * rows_of(a) * (a->n_heads + a->n_kv_heads) * a->head_dim);
    INNER(dev)->attention_backward(dev, g, scratch);
}

static void glu_backward(lf_device *dev, float *dgu, float *h, const float *dh, const float *gu, int n, int f, lf_act act)
{
    count(dev, 12.0 * n * f, (h ? 24.0 : 20.0) * n * f);
    INNER(dev)->glu_backward(dev, dgu, h, dh, gu, n, f, act);
}

static void glu_backward16(lf_device *dev, lf_bf16 *dgu, const float *dh, const lf_bf16 *gu, int n, int f, lf_act act)
{
    count(dev, 12.0 * n * f, 12.0 * n * f);
    INNER(dev)->glu_backward16(dev, dgu, dh, gu, n, f, act);
}

static void cross_entropy(lf_device *dev, float *logits, ptrdiff_t ld, lf_bf16 *half, float *nll, const int32_t *targets, int n, int v,
                          const lf_loss *loss)
{
    count(dev, 6.0 * n * v, (half ? 6.0 : loss->grad ? 8.0 : 4.0) * n * v);
    INNER(dev)->cross_entropy(dev, logits, ld, half, nll, targets, n, v, loss);
}

static void add(lf_device *dev, float *y, const float *x, int64_t n, int beta)
{
    count(dev, beta ? (double)n : 0, (beta ? 12.0 : 8.0) * (double)n);
    INNER(dev)->add(dev, y, x, n, beta);
}

static double sum_squares(lf_device *dev, const float *x, int64_t n)
{
    count(dev, 2.0 * (double)n, 4.0 * (double)n);
    return INNER(dev)->sum_squares(dev, x, n);
}

static void step_weight(lf_device *dev, const lf_weight_step *a)
{
    double n = (double)a->rows * a->cols, packed = 0;
    const lf_panels *panels[] = {a->forward, a->backward};
    for (size_t i = 0; i < LF_COUNT(panels); i++)
        if (panels[i]) packed += panels[i]->type == LF_BF16 ? 2 : 4;
    count(dev, (a->v ? 15.0 : a->m ? 9.0 : 3.0) * n, (12 + (a->m ? 8 : 0) + (a->v ? 8 : 0) + packed) * n);
    INNER(dev)->step_weight(dev, a);
}

/* ---- marks ----------------------------------------------------------------------------------------------------------------------- */
int lf__profile_begin(lf_device *dev, lf_error *err)
{
    lf_profile *p = lf__calloc(1, sizeof *p, err);
    if (!p) return -1;
    p->inner = dev->ops;
    p->ops = *dev->ops;
    p->ops.pack = pack, p->ops.pack16 = pack16, p->ops.gemm = gemm;
    p->ops.embed_forward = embed_forward, p->ops.embed_backward = embed_backward;
    p->ops.rmsnorm_forward = rmsnorm_forward, p->ops.rmsnorm_backward = rmsnorm_backward;
    p->ops.layernorm_forward = layernorm_forward, p->ops.layernorm_backward = layernorm_backward;
    p->ops.act_forward = act_forward, p->ops.act_backward = act_backward;
    p->ops.rope = rope, p->ops.attention_forward = attention_forward, p->ops.attention_backward = attention_backward;
    p->ops.glu_backward = glu_backward, p->ops.glu_backward16 = glu_backward16, p->ops.cross_entropy = cross_entropy, p->ops.add = add;
    p->ops.sum_squares = sum_squares, p->ops.step_weight = step_weight;
    dev->profile = p;
    dev->ops = &p->ops;
    p->last = lf__now();
    return 0;
}

void lf__profile_note(lf_device *dev, const char *op, const char *phase)
{
    lf_profile *p = dev->profile;
    if (p->quiet) return;
    int i = 0;
    while (i < p->n && (strcmp(p->rows[i].op, op) != 0 || strcmp(p->rows[i].phase, phase) != 0)) i++;
    if (i == LF_PROFILE_ROWS) i--; /* the last row takes the rest */
    if (i == p->n) p->rows[p->n++] = (lf_profile_sum){.op = op, .phase = phase};
    lf_profile_sum *row = &p->rows[i];
    double now = lf__now();
    row->calls++;
    row->seconds += now - p->last;
    row->flops += p->pending.flops, row->flops_bf16 += p->pending.flops_bf16, row->bytes += p->pending.bytes;
    p->pending = (lf_profile_sum){0};
    p->last = now;
}

void lf__profile_quiet(lf_device *dev, bool quiet)
{
    if (dev->profile) dev->profile->quiet += quiet ? 1 : -1;
}

int lf__profile_end(lf_device *dev, lf_profile_sum out[LF_PROFILE_ROWS])
{
    lf_profile *p = dev->profile;
    if (!p) return 0;
    int n = p->n;
    if (out) memcpy(out, p->rows, (size_t)n * sizeof *out);
    dev->ops = p->inner;
    dev->profile = NULL;
    free(p);
    return n;
}
