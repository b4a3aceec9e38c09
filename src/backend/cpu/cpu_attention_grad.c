/* cpu_attention_grad.c - the backward of attention over blocks of float keys and values (cpu_attention.c): whole sequences, in training
 * with float products. Made of the same micro-tiles; a task is one key/value head of one sequence with all query heads that share it, its
 * rows as there. A tile of ROWS rows walks the blocks 0, 1, ...:
 *
 *   P = exp(S - lse), dP = dO V^T, dS = P (dP - rowsum(dO O)), dV += P^T dO, dK += dS^T (scale q), dQ += scale dS K
 *
 * A sink has P = exp(sink - lse) and no value, dP = 0: d sink = -sum over rows of P rowsum(dO O).
 *
 * With dropout, P multiplied by a mask D, O = (D P) V: dV = (D P)^T dO, dP = D (dO V^T); rowsum(dO O) needs no change. */
#include <math.h>
#include <string.h>

#include "backend/cpu/kernels.h"

#define ROWS 24                 /* per tile: a multiple of every rung's mr; 48 wastes more on the diagonal */
#define SD   (LF_KV_BLOCK + 16) /* distance between rows of scores: no power of two, rows fall into different cache sets */

typedef struct att_job {
    const lf_kernels *k;
    const lf_attention *a;
    const lf_attention_grad *grad;
    float *scratch;
    size_t scratch_floats; /* per worker */
    int longest;           /* rows of the longest sequence: sizes the scratch */
    lf_tasks tasks;
} att_job;

/* A worker's buffers for one task: `p` is the padded dim. Panels hold what stands on the right of a product. */
typedef struct grad_task {
    float *q;           /* [ROWS][head_dim] times scale                      */
    float *s;           /* [ROWS][SD] scores, then P                         */
    float *dq;          /* [ROWS][p]                                         */
    float *lse, *delta; /* [ROWS]                                            */
    float *ds;          /* [ROWS][SD] dP, then dS                            */
    float *d_o;         /* [ROWS][head_dim]                                  */
    float *q_panels;    /* [p/32][ROWS][32] of q                             */
    float *do_panels;   /* [p/32][ROWS][32] of d_o                           */
    float *k_rows;      /* per block [p/32][LF_KV_BLOCK][32]: keys as rows       */
    float *v_columns;   /* per block [LF_KV_BLOCK/32][head_dim][32]: values transposed */
    float *dk, *dv;     /* [positions][p] sums                                   */
    float *cap;         /* [ROWS][SD] derivative of the cap, where there is one */
    float *drop;        /* [ROWS][SD] masks of dropout, where there is one      */
} grad_task;

/* How many keys of a block a query at this position sees. */
static int visible_keys(int position, int block) { return LF_MAX(0, LF_MIN(LF_KV_BLOCK, position + 1 - block * LF_KV_BLOCK)); }

static const float *block_k(const lf_attention *a, int seq, int block, int kv_head)
{
    return (const float *)a->kv_blocks[a->seq_block[seq] + block] +
           (size_t)kv_head * (lf__kv_head_bytes(LF_F32, a->head_dim) / sizeof(float));
}

static int blocks_of(int rows) { return (rows + LF_KV_BLOCK - 1) / LF_KV_BLOCK; }

static int longest_sequence(const lf_attention *a)
{
    int longest = 0;
    for (int s = 0; s < a->n_seqs; s++) longest = LF_MAX(longest, a->seq_start[s + 1] - a->seq_start[s]);
    return longest;
}

static size_t backward_floats(const lf_attention *a, int longest)
{
    size_t p = lf__padded_dim(a), positions = (size_t)blocks_of(longest) * LF_KV_BLOCK;
    size_t squares = 2 + (size_t)(a->cap > 0) + (size_t)(a->drop.rate > 0);
    size_t tile = ROWS * (squares * SD + 2 * (size_t)a->head_dim + 3 * p + 2);
    return lf__round_up(tile, LF_ALIGN) + positions * (3 * p + (size_t)a->head_dim);
}

static grad_task carve_task(float *at, const lf_attention *a, int longest)
{
    size_t p = lf__padded_dim(a), positions = (size_t)blocks_of(longest) * LF_KV_BLOCK;
    grad_task g;
    g.k_rows = at, at += positions * p;
    g.dk = at, at += positions * p;
    g.dv = at, at += positions * p;
    g.v_columns = at, at += positions * (size_t)a->head_dim;
    g.q_panels = at, at += ROWS * p;
    g.do_panels = at, at += ROWS * p;
    g.ds = at, at += ROWS * SD;
    g.s = at, at += ROWS * SD;
    g.dq = at, at += ROWS * p;
    g.q = at, at += ROWS * a->head_dim;
    g.lse = at, at += ROWS;
    g.delta = at, at += ROWS;
    g.d_o = at, at += ROWS * a->head_dim;
    g.cap = at, at += a->cap > 0 ? ROWS * SD : 0;
    g.drop = at;
    return g;
}

/* One row of [panels][height][32] <- d values, zero behind them. */
static void panel_row(float *panels, int height, int row, const float *src, int d)
{
    for (int c = 0; c < d; c += LF_PANEL) {
        float *dst = panels + ((ptrdiff_t)(c / LF_PANEL) * height + row) * LF_PANEL;
        int n = LF_MIN(LF_PANEL, d - c);
        memcpy(dst, src + c, (size_t)n * sizeof(float));
        memset(dst + n, 0, (size_t)(LF_PANEL - n) * sizeof(float));
    }
}

/* Keys as rows, values as columns, sums at zero. Positions behind the sequence are zero. */
static void begin_task(const lf_kernels *k, const lf_attention_grad *g, const grad_task *w, int seq, int kv_head)
{
    const lf_attention *a = &g->forward;
    int d = a->head_dim, start = a->seq_start[seq], n = a->seq_start[seq + 1] - start;
    size_t p = lf__padded_dim(a), positions = (size_t)blocks_of(n) * LF_KV_BLOCK;
    memset(w->k_rows, 0, positions * p * sizeof(float));
    memset(w->v_columns, 0, positions * (size_t)d * sizeof(float));
    memset(w->dk, 0, positions * p * sizeof(float));
    memset(w->dv, 0, positions * p * sizeof(float));
    for (int i = 0; i < n; i += LF_PANEL) {
        const float *v = g->v + (start + i) * a->ldq + kv_head * d;
        k->pack_transposed(w->v_columns + (ptrdiff_t)i * d, v, a->ldq, LF_MIN(LF_PANEL, n - i), d);
    }
    for (int i = 0; i < n; i++) {
        float *block = w->k_rows + (ptrdiff_t)(i / LF_KV_BLOCK) * LF_KV_BLOCK * (ptrdiff_t)p;
        panel_row(block, LF_KV_BLOCK, i % LF_KV_BLOCK, g->k + (start + i) * a->ldq + kv_head * d, d);
    }
}

static void backward_tile(const lf_kernels *k, const lf_attention_grad *g, const grad_task *w, int seq, int kv_head, int first, int rows)
{
    const lf_attention *a = &g->forward;
    int d = a->head_dim, column, position[ROWS] = {0}, visible[ROWS];
    ptrdiff_t p = (ptrdiff_t)lf__padded_dim(a);
    float *lse = w->lse, *delta = w->delta;
    for (int r = 0; r < rows; r++) {
        int row = lf__task_row(a, seq, kv_head, first + r, &column);
        float *q = w->q + (ptrdiff_t)r * d, *d_o = w->d_o + (ptrdiff_t)r * d;
        k->scale(q, a->q + row * a->ldq + column, a->scale, d);
        memcpy(d_o, g->d_o + row * g->lddo + column, (size_t)d * sizeof(float));
        panel_row(w->q_panels, ROWS, r, q, d);
        panel_row(w->do_panels, ROWS, r, d_o, d);
        lse[r] = a->lse[(ptrdiff_t)row * a->n_heads + column / d];
        position[r] = a->positions[row];
        delta[r] = k->dot(d_o, a->o + row * a->ldo + column, d);
        if (g->dsinks) g->delta[(ptrdiff_t)row * a->n_heads + column / d] = delta[r];
    }
    int last = position[rows - 1], begin = lf__first_block(a, position[0]);
    for (int b = begin; b <= last / LF_KV_BLOCK; b++) {
        int keys = visible_keys(last, b), wide = (int)lf__round_up((size_t)keys, LF_PANEL);
        ptrdiff_t at = (ptrdiff_t)b * LF_KV_BLOCK;
        lf__small_gemm(k, w->s, SD, false, w->q, d, 1, block_k(a, seq, b, kv_head), (ptrdiff_t)d * LF_PANEL, rows, wide, d);
        lf__small_gemm(k, w->ds, SD, false, w->d_o, d, 1, w->v_columns + at * d, (ptrdiff_t)d * LF_PANEL, rows, wide, d);
        lf_score_rows x = {seq, kv_head, first, rows, b * LF_KV_BLOCK, visible};
        for (int r = 0; r < rows; r++) visible[r] = visible_keys(position[r], b);
        if (lf__has_switches(a)) lf__shape_scores(k, a, w->s, w->cap, SD, &x);
        for (int r = 0; r < rows && a->drop.rate > 0; r++) {
            lf__drop_row(k, a, w->drop + r * SD, &x, r);
            k->mul(w->ds + r * SD, w->drop + r * SD, visible[r]);
        }
        k->softmax_grad_block(w->s, w->ds, SD, visible, rows, lse, delta);
        for (int r = 0; r < rows && a->cap > 0; r++) k->mul(w->ds + r * SD, w->cap + r * SD, visible[r]);
        for (int r = 0; r < rows && a->drop.rate > 0; r++) k->mul(w->s + r * SD, w->drop + r * SD, visible[r]);
        lf__small_gemm(k, w->dv + at * p, p, true, w->s, 1, SD, w->do_panels, ROWS * LF_PANEL, keys, d, rows);
        lf__small_gemm(k, w->dk + at * p, p, true, w->ds, 1, SD, w->q_panels, ROWS * LF_PANEL, keys, d, rows);
        lf__small_gemm(k, w->dq, p, b > begin, w->ds, SD, 1, w->k_rows + at * p, LF_KV_BLOCK * LF_PANEL, rows, d, keys);
    }
    for (int r = 0; r < rows; r++) {
        int row = lf__task_row(a, seq, kv_head, first + r, &column);
        (g->accumulate ? k->axpy : k->scale)(g->dq + row * g->lddqkv + column, w->dq + r * p, a->scale, d);
    }
}

static void backward_worker(void *arg, int tid, int n_threads)
{
    att_job *j = arg;
    const lf_attention *a = j->a;
    const lf_attention_grad *g = j->grad;
    grad_task w = carve_task(j->scratch + (size_t)tid * j->scratch_floats, a, j->longest);
    int d = a->head_dim, group = a->n_heads / a->n_kv_heads;
    ptrdiff_t p = (ptrdiff_t)lf__padded_dim(a);
    for (int task; (task = lf__task_take(&j->tasks, a->n_seqs * a->n_kv_heads, tid, n_threads)) >= 0;) {
        int seq = task / a->n_kv_heads, kv_head = task % a->n_kv_heads;
        int start = a->seq_start[seq], n = a->seq_start[seq + 1] - start;
        begin_task(j->k, g, &w, seq, kv_head);
        for (int first = 0; first < n * group; first += ROWS)
            backward_tile(j->k, g, &w, seq, kv_head, first, LF_MIN(ROWS, n * group - first));
        for (int i = 0; i < n; i++) {
            ptrdiff_t out = (start + i) * g->lddqkv + kv_head * d;
            j->k->add(g->dk + out, w.dk + i * p, d, g->accumulate);
            j->k->add(g->dv + out, w.dv + i * p, d, g->accumulate);
        }
    }
}

size_t lf__cpu_attention_grad_scratch(lf_device *dev, const lf_attention *a)
{
    if (a->products == LF_BF16) return lf__cpu_attention_grad_bf16_scratch(dev, a);
    return (size_t)lf__pool_threads(dev->pool) * backward_floats(a, longest_sequence(a)) * sizeof(float);
}

/* Workers own heads; rows ascending, in double. */
static void sinks_worker(void *arg, int tid, int n_threads)
{
    const lf_attention_grad *g = arg;
    const lf_attention *a = &g->forward;
    int64_t lo, hi;
    lf__split(a->n_heads, 1, tid, n_threads, &lo, &hi);
    for (int64_t h = lo; h < hi; h++) {
        double sum = 0.0;
        for (int64_t i = a->seq_start[0]; i < a->seq_start[a->n_seqs]; i++)
            sum += lf__exp((double)a->sinks[h] - (double)a->lse[i * a->n_heads + h]) * (double)g->delta[i * a->n_heads + h];
        g->dsinks[h] -= (float)sum;
    }
}

static void grad_of_floats(lf_device *dev, const lf_attention_grad *g, void *scratch)
{
    att_job job = {.k = dev->kernels, .a = &g->forward, .grad = g, .scratch = scratch, .longest = longest_sequence(&g->forward)};
    job.scratch_floats = backward_floats(&g->forward, job.longest);
    lf__cpu_run(dev, backward_worker, &job,
                2.5 * g->forward.seq_start[g->forward.n_seqs] * job.longest * g->forward.n_heads * g->forward.head_dim);
}

void lf__cpu_attention_grad(lf_device *dev, const lf_attention_grad *g, void *scratch)
{
    (g->forward.products == LF_BF16 ? lf__cpu_attention_grad_bf16 : grad_of_floats)(dev, g, scratch);
    if (g->dsinks) lf__cpu_run(dev, sinks_worker, (void *)g, 64.0 * g->forward.seq_start[g->forward.n_seqs] * g->forward.n_heads);
}
