/* cpu_rows.c - everything that works row by row or element by element: the division among the workers. A worker owns rows, columns or
 * ranges of the output, never a share of a sum; where rows are reduced (weight gradients) it owns columns. */
#include <string.h>

#include "backend/cpu/kernels.h"

/* Arguments of any row operation: y out, then inputs. Each operation names the fields it uses. */
typedef struct rows_job {
    const lf_kernels *k;
    float *y, *y2, *stat_out;
    lf_bf16 *half;
    const lf_bf16 *x16;
    const float *x, *x2, *w, *stat;
    const int32_t *index; /* tokens, rows, positions or targets */
    ptrdiff_t ld;
    int n, c, dim, beta;
    float scalar;
    lf_act act;
    const lf_loss *loss;
    const lf_dropout *dropout;
} rows_job;

typedef struct head_norm_job {
    const lf_kernels *k;
    const lf_head_norm *a;
} head_norm_job;

#define ROW(p, i, c) ((p) + (ptrdiff_t)(i) * (c))

/* ---- embed, gather, scatter ---------------------------------------------------------------------------------------------- */
static void gather_worker(void *arg, int tid, int n_threads)
{
    const rows_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, 1, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) memcpy(ROW(j->y, i, j->c), ROW(j->x, j->index[i], j->c), (size_t)j->c * sizeof(float));
}

static void gather_rows(lf_device *dev, float *y, const float *x, const int32_t *rows, int n, int c)
{
    rows_job job = {.y = y, .x = x, .index = rows, .n = n, .c = c};
    lf__cpu_run(dev, gather_worker, &job, (double)n * c);
}

static void add_rows_worker(void *arg, int tid, int n_threads)
{
    const rows_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, 1, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) j->k->add(ROW(j->y, i, j->c), ROW(j->x, j->index[i], j->c), j->c, 1);
}

static void add_rows(lf_device *dev, float *y, const float *x, const int32_t *rows, int n, int c)
{
    rows_job job = {.k = dev->kernels, .y = y, .x = x, .index = rows, .n = n, .c = c};
    lf__cpu_run(dev, add_rows_worker, &job, (double)n * c);
}

static void embed_forward(lf_device *dev, float *y, const int32_t *tokens, const float *table, int n, int c)
{
    gather_rows(dev, y, table, tokens, n, c);
}

/* Rows of the table repeat among the tokens, so a worker owns columns and meets the tokens in their order. */
static void embed_backward_worker(void *arg, int tid, int n_threads)
{
    const rows_job *j = arg;
    int64_t lo, hi;
    lf__split(j->c, LF_HALF, tid, n_threads, &lo, &hi);
    if (lo >= hi) return;
    for (int r = 0; r < j->dim && !j->beta; r++) memset(ROW(j->y, r, j->c) + lo, 0, (size_t)(hi - lo) * sizeof(float));
    for (int i = 0; i < j->n; i++) j->k->add(ROW(j->y, j->index[i], j->c) + lo, ROW(j->x, i, j->c) + lo, hi - lo, 1);
}

static void embed_backward(lf_device *dev, float *dtable, const float *dy, const int32_t *tokens, int n, int c, int rows, int beta)
{
    rows_job job = {.k = dev->kernels, .y = dtable, .x = dy, .index = tokens, .n = n, .c = c, .dim = rows, .beta = beta};
    lf__cpu_run(dev, embed_backward_worker, &job, (double)(n + (beta ? 0 : rows)) * c);
}

/* The rows are distinct and ascending: a worker owns a range of y's rows and finds where they begin in the list. */
static void scatter_worker(void *arg, int tid, int n_threads)
{
    const rows_job *j = arg;
    int64_t lo, hi;
    lf__split(j->dim, 1, tid, n_threads, &lo, &hi);
    if (!j->beta) memset(ROW(j->y, lo, j->c), 0, (size_t)(hi - lo) * (size_t)j->c * sizeof(float));
    int first = 0, end = j->n;
    while (first < end) {
        int mid = first + (end - first) / 2;
        if (j->index[mid] < lo)
            first = mid + 1;
        else
            end = mid;
    }
    for (int i = first; i < j->n && j->index[i] < hi; i++) j->k->add(ROW(j->y, j->index[i], j->c), ROW(j->x, i, j->c), j->c, 1);
}

static void scatter_rows(lf_device *dev, float *y, const float *x, const int32_t *rows, int n, int c, int y_rows, int beta)
{
    rows_job job = {.k = dev->kernels, .y = y, .x = x, .index = rows, .n = n, .c = c, .dim = y_rows, .beta = beta};
    lf__cpu_run(dev, scatter_worker, &job, (double)(n + (beta ? 0 : y_rows)) * c);
}

/* ---- rmsnorm ------------------------------------------------------------------------------------------------------------- */
static void rmsnorm_worker(void *arg, int tid, int n_threads)
{
    const rows_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, 1, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        float rstd = j->k->rmsnorm(ROW(j->y, i, j->c), ROW(j->x, i, j->c), j->w, j->c, j->scalar);
        if (j->stat_out) j->stat_out[i] = rstd;
        if (j->half) lf__narrow(j->k, ROW(j->half, i, j->c), ROW(j->y, i, j->c), j->c);
    }
}

static void rmsnorm_forward(lf_device *dev, float *y, lf_bf16 *half, float *rstd, const float *x, const float *w, int n, int c, float eps)
{
    rows_job job = {.k = dev->kernels, .y = y, .half = half, .stat_out = rstd, .x = x, .w = w, .n = n, .c = c, .scalar = eps};
    lf__cpu_run(dev, rmsnorm_worker, &job, (double)n * c);
}

/* dw sums over rows, so its workers own columns; dx is written by rows, after dw, so that it may take dy's place. */
static void rmsnorm_grad_w_worker(void *arg, int tid, int n_threads)
{
    const rows_job *j = arg;
    int64_t lo, hi;
    lf__split(j->c, LF_HALF, tid, n_threads, &lo, &hi);
    if (lo < hi) j->k->rmsnorm_grad_w(j->y + lo, j->x2 + lo, j->x + lo, j->stat, j->n, j->c, (int)(hi - lo), j->beta);
}

static void rmsnorm_grad_worker(void *arg, int tid, int n_threads)
{
    const rows_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, 1, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++)
        j->k->rmsnorm_grad(ROW(j->y, i, j->c), ROW(j->x2, i, j->c), ROW(j->x, i, j->c), j->w, j->stat[i], j->c, j->beta);
}

static void rmsnorm_backward(lf_device *dev, float *dx, float *dw, const float *dy, const float *x, const float *w, const float *rstd,
                             int n, int c, int beta_dx, int beta_dw)
{
    rows_job job = {.k = dev->kernels, .x = x, .x2 = dy, .w = w, .stat = rstd, .n = n, .c = c};
    if (dw) {
        job.y = dw, job.beta = beta_dw;
        lf__cpu_run(dev, rmsnorm_grad_w_worker, &job, (double)n * c);
    }
    job.y = dx, job.beta = beta_dx;
    lf__cpu_run(dev, rmsnorm_grad_worker, &job, (double)n * c);
}

/* ---- layernorm ----------------------------------------------------------------------------------------------------------- */
static void layernorm_worker(void *arg, int tid, int n_threads)
{
    const rows_job *j = arg;
    int64_t lo, hi;
    float mean;
    lf__split(j->n, 1, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        float rstd = j->k->layernorm(ROW(j->y, i, j->c), ROW(j->x, i, j->c), j->w, j->x2, j->c, j->scalar, &mean);
        if (j->stat_out) j->stat_out[i] = mean, j->stat_out[j->n + i] = rstd;
        if (j->half) lf__narrow(j->k, ROW(j->half, i, j->c), ROW(j->y, i, j->c), j->c);
    }
}

static void layernorm_forward(lf_device *dev, float *y, lf_bf16 *half, float *stat, const float *x, const float *w, const float *b, int n,
                              int c, float eps)
{
    rows_job job = {.k = dev->kernels, .y = y, .half = half, .stat_out = stat, .x = x, .w = w, .x2 = b, .n = n, .c = c, .scalar = eps};
    lf__cpu_run(dev, layernorm_worker, &job, (double)n * c);
}

static void column_sums_worker(void *arg, int tid, int n_threads)
{
    const rows_job *j = arg;
    int64_t lo, hi;
    lf__split(j->c, LF_HALF, tid, n_threads, &lo, &hi);
    if (lo >= hi) return;
    if (j->y) j->k->layernorm_grad_w(j->y + lo, j->x2 + lo, j->x + lo, j->stat, j->stat + j->n, j->n, j->c, (int)(hi - lo), j->beta);
    j->k->layernorm_grad_w(j->y2 + lo, j->x2 + lo, NULL, NULL, NULL, j->n, j->c, (int)(hi - lo), j->beta);
}

static void sum_rows(lf_device *dev, float *db, const float *dy, int n, int c, int beta)
{
    rows_job job = {.k = dev->kernels, .y2 = db, .x2 = dy, .n = n, .c = c, .beta = beta};
    lf__cpu_run(dev, column_sums_worker, &job, (double)n * c);
}

static void layernorm_grad_worker(void *arg, int tid, int n_threads)
{
    const rows_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, 1, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++)
        j->k->layernorm_grad(ROW(j->y, i, j->c), ROW(j->x2, i, j->c), ROW(j->x, i, j->c), j->w, j->stat[i], j->stat[j->n + i], j->c,
                             j->beta);
}

static void layernorm_backward(lf_device *dev, float *dx, float *dw, float *db, const float *dy, const float *x, const float *w,
                               const float *stat, int n, int c, int beta_dx, int beta_dw)
{
    rows_job job = {.k = dev->kernels, .x = x, .x2 = dy, .w = w, .stat = stat, .n = n, .c = c};
    if (dw) {
        job.y = dw, job.y2 = db, job.beta = beta_dw;
        lf__cpu_run(dev, column_sums_worker, &job, (double)n * c);
    }
    job.y = dx, job.beta = beta_dx;
    lf__cpu_run(dev, layernorm_grad_worker, &job, (double)n * c);
}

static void add_bias_worker(void *arg, int tid, int n_threads)
{
    const rows_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, 1, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        j->k->add(ROW(j->y, i, j->c), ROW(j->x, i, j->c), j->c, 0);
        j->k->add(ROW(j->y, i, j->c), j->w, j->c, 1);
    }
}

static void add_bias(lf_device *dev, float *y, const float *x, const float *bias, int n, int c)
{
    rows_job job = {.k = dev->kernels, .y = y, .x = x, .w = bias, .n = n, .c = c};
    lf__cpu_run(dev, add_bias_worker, &job, (double)n * c);
}

/* ---- head norms: RMSNorm over each head of q and k, in place ---------------------------------------------------------------- */
static void head_norm_worker(void *arg, int tid, int n_threads)
{
    const head_norm_job *j = arg;
    const lf_head_norm *a = j->a;
    int64_t lo, hi;
    int heads = a->n_q + a->n_k;
    lf__split(a->n, 1, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        float *x = a->x + i * a->ldx;
        if (a->raw) memcpy(ROW(a->raw, i, heads * a->d), x, (size_t)(heads * a->d) * sizeof(float));
        for (int h = 0; h < heads; h++, x += a->d) {
            float rstd = j->k->rmsnorm(x, x, h < a->n_q ? a->w_q : a->w_k, a->d, a->eps);
            if (a->rstd) a->rstd[i * heads + h] = rstd;
        }
    }
}

static void head_norm_forward(lf_device *dev, const lf_head_norm *args)
{
    head_norm_job job = {dev->kernels, args};
    lf__cpu_run(dev, head_norm_worker, &job, (double)args->n * (args->n_q + args->n_k) * args->d);
}

/* As with rmsnorm: first the weights, by columns (those of q, then those of k), then the rows, in dy's place. */
static void head_norm_grad_w_worker(void *arg, int tid, int n_threads)
{
    const head_norm_job *j = arg;
    const lf_head_norm *a = j->a;
    int64_t lo, hi;
    int heads = a->n_q + a->n_k;
    lf__split(a->d, LF_HALF, tid, n_threads, &lo, &hi);
    for (int i = 0; i < a->n && lo < hi; i++) {
        const float *dy = a->x + i * a->ldx + lo, *raw = ROW(a->raw, i, heads * a->d) + lo, *rstd = ROW(a->rstd, i, heads);
        ptrdiff_t k = a->n_q * a->d;
        j->k->rmsnorm_grad_w(a->dw_q + lo, dy, raw, rstd, a->n_q, a->d, (int)(hi - lo), i > 0 || a->beta_q);
        j->k->rmsnorm_grad_w(a->dw_k + lo, dy + k, raw + k, rstd + a->n_q, a->n_k, a->d, (int)(hi - lo), i > 0 || a->beta_k);
    }
}

static void head_norm_grad_worker(void *arg, int tid, int n_threads)
{
    const head_norm_job *j = arg;
    const lf_head_norm *a = j->a;
    int64_t lo, hi;
    int heads = a->n_q + a->n_k;
    lf__split(a->n, 1, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        float *dx = a->x + i * a->ldx;
        const float *raw = ROW(a->raw, i, heads * a->d), *rstd = ROW(a->rstd, i, heads);
        for (int h = 0; h < heads; h++, dx += a->d, raw += a->d)
            j->k->rmsnorm_grad(dx, dx, raw, h < a->n_q ? a->w_q : a->w_k, rstd[h], a->d, 0);
    }
}

static void head_norm_backward(lf_device *dev, const lf_head_norm *args)
{
    head_norm_job job = {dev->kernels, args};
    double work = (double)args->n * (args->n_q + args->n_k) * args->d;
    if (args->dw_q) lf__cpu_run(dev, head_norm_grad_w_worker, &job, work);
    lf__cpu_run(dev, head_norm_grad_worker, &job, work);
}

/* ---- rope ---------------------------------------------------------------------------------------------------------------- */
typedef struct rope_job {
    const lf_kernels *k;
    const lf_rotation *r;
} rope_job;

static void rope_worker(void *arg, int tid, int n_threads)
{
    const rope_job *j = arg;
    const lf_rotation *r = j->r;
    int64_t lo, hi;
    lf__split(r->n, 1, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        float *x = r->x + i * r->ldx;
        j->k->rope(x, ROW(r->table, r->positions[i], r->rotary), r->n_heads, r->head_dim, r->rotary, r->inverse ? -1.0f : 1.0f);
        if (r->half) lf__narrow(j->k, r->half + i * r->ldx, x, (int)r->ldx);
    }
}

static void rope(lf_device *dev, const lf_rotation *args)
{
    rope_job job = {dev->kernels, args};
    lf__cpu_run(dev, rope_worker, &job, (double)args->n * args->n_heads * args->head_dim);
}

/* ---- gated units and activations ------------------------------------------------------------------------------------------ */
static void glu_worker(void *arg, int tid, int n_threads)
{
    const rows_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, 1, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        const float *gu = ROW(j->x, i, 2 * j->c);
        float *h = ROW(j->y, i, j->c);
        if (j->act == LF_ACT_SILU) {
            j->k->swiglu(h, gu, gu + j->c, j->c);
            continue;
        }
        j->k->act(j->act, h, gu, j->c);
        j->k->mul(h, gu + j->c, j->c);
    }
}

static void glu_forward(lf_device *dev, float *h, const float *gu, int n, int f, lf_act act)
{
    rows_job job = {.k = dev->kernels, .y = h, .x = gu, .n = n, .c = f, .act = act};
    lf__cpu_run(dev, glu_worker, &job, 8.0 * n * f);
}

static void glu_backward_worker(void *arg, int tid, int n_threads)
{
    const rows_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, 1, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        const float *gate = ROW(j->x, i, 2 * j->c), *up = gate + j->c, *dh = ROW(j->x2, i, j->c);
        float *dgate = ROW(j->y, i, 2 * j->c), *dup = dgate + j->c, *h = j->y2 ? ROW(j->y2, i, j->c) : NULL;
        if (j->act == LF_ACT_SILU) {
            j->k->swiglu_grad(dgate, dup, h, dh, gate, up, j->c);
            continue;
        }
        j->k->act(j->act, dup, gate, j->c);
        if (h) memcpy(h, dup, (size_t)j->c * sizeof *h), j->k->mul(h, up, j->c);
        j->k->mul(dup, dh, j->c);
        j->k->act_grad(j->act, dgate, dh, gate, j->c);
        j->k->mul(dgate, up, j->c);
    }
}

static void glu_backward(lf_device *dev, float *dgu, float *h, const float *dh, const float *gu, int n, int f, lf_act act)
{
    rows_job job = {.k = dev->kernels, .y = dgu, .y2 = h, .x = gu, .x2 = dh, .n = n, .c = f, .act = act};
    lf__cpu_run(dev, glu_backward_worker, &job, 8.0 * n * f);
}

/* The same with rounded operands, a stretch of columns at a time through floats in L1. */
static void glu_backward16_worker(void *arg, int tid, int n_threads)
{
    enum { SOME = 512 };
    const rows_job *j = arg;
    const lf_kernels *k = j->k;
    float gate[SOME], up[SOME], dgate[SOME], dup[SOME];
    int64_t lo, hi;
    lf__split(j->n, 1, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++)
        for (int at = 0, n; at < j->c; at += n) {
            n = LF_MIN(SOME, j->c - at);
            const lf_bf16 *gu = ROW(j->x16, i, 2 * j->c) + at;
            const float *dh = ROW(j->x2, i, j->c) + at;
            lf_bf16 *dgu = ROW(j->half, i, 2 * j->c) + at;
            k->widen(gate, gu, n), k->widen(up, gu + j->c, n);
            if (j->act == LF_ACT_SILU)
                k->swiglu_grad(dgate, dup, NULL, dh, gate, up, n);
            else {
                k->act(j->act, dup, gate, n), k->mul(dup, dh, n);
                k->act_grad(j->act, dgate, dh, gate, n), k->mul(dgate, up, n);
            }
            lf__narrow(k, dgu, dgate, n), lf__narrow(k, dgu + j->c, dup, n);
        }
}

static void glu_backward16(lf_device *dev, lf_bf16 *dgu, const float *dh, const lf_bf16 *gu, int n, int f, lf_act act)
{
    rows_job job = {.k = dev->kernels, .half = dgu, .x16 = gu, .x2 = dh, .n = n, .c = f, .act = act};
    lf__cpu_run(dev, glu_backward16_worker, &job, 8.0 * n * f);
}

/* ---- dropout ------------------------------------------------------------------------------------------------------------- */
/* Four columns share a draw of 64 bits, 16 each: a rate is a multiple of 2^-16. */
static void dropout_worker(void *arg, int tid, int n_threads)
{
    const rows_job *j = arg;
    const lf_dropout *d = j->dropout;
    int64_t lo, hi;
    lf__split(j->n, 1, tid, n_threads, &lo, &hi);
    uint32_t threshold = (uint32_t)(d->rate * 65536.0f);
    float keep = 65536.0f / (float)(65536 - threshold);
    uint64_t draws = ((uint64_t)j->c + 3) / 4;
    for (int64_t i = lo; i < hi; i++) {
        const float *x = ROW(j->x, i, j->c);
        float *y = ROW(j->y, i, j->c);
        for (int c = 0; c < j->c; c += 4) {
            uint64_t bits = lf__rng_at(d->seed, d->stream, (uint64_t)(d->first_row + i) * draws + (uint64_t)c / 4);
            for (int e = c; e < LF_MIN(j->c, c + 4); e++, bits >>= 16) {
                float kept = (bits & 0xffff) >= threshold ? x[e] * keep : 0.0f;
                y[e] = j->beta ? y[e] + kept : kept;
            }
        }
    }
}

static void dropout(lf_device *dev, float *y, const float *x, const lf_dropout *d, int n, int c, int beta)
{
    rows_job job = {.y = y, .x = x, .dropout = d, .n = n, .c = c, .beta = beta};
    lf__cpu_run(dev, dropout_worker, &job, 16.0 * n * c);
}

/* ---- cross-entropy ------------------------------------------------------------------------------------------------------- */
static void cross_entropy_worker(void *arg, int tid, int n_threads)
{
    const rows_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, 1, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        j->stat_out[i] = j->k->cross_entropy(j->y + i * j->ld, j->index[i], j->c, j->loss);
        if (j->half) lf__narrow(j->k, ROW(j->half, i, j->c), j->y + i * j->ld, j->c);
    }
}

static void cross_entropy(lf_device *dev, float *logits, ptrdiff_t ld, lf_bf16 *half, float *nll, const int32_t *targets, int n, int v,
                          const lf_loss *loss)
{
    rows_job job = {
        .k = dev->kernels, .y = logits, .half = half, .ld = ld, .stat_out = nll, .index = targets, .n = n, .c = v, .loss = loss};
    lf__cpu_run(dev, cross_entropy_worker, &job, 8.0 * n * v);
}

/* ---- flat ranges: add, sums, checks --------------------------------------------------------------------------------------- */
typedef struct range_job {
    const lf_kernels *k;
    float *y, *slope;
    const float *x, *dy;
    float scalar;
    lf_act act;
    double *sums;   /* one per chunk of this pass */
    int64_t *found; /* one per worker */
    int64_t n;
    int beta;
    float a, b;
} range_job;

/* y is x's twin in the other type. */
typedef struct round_job {
    const lf_kernels *k;
    float *wide;
    lf_bf16 *half;
    int64_t n;
    bool narrow;
} round_job;

static void round_worker(void *arg, int tid, int n_threads)
{
    const round_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, LF_PANEL, tid, n_threads, &lo, &hi);
    if (!j->narrow) j->k->widen(j->wide + lo, j->half + lo, hi - lo);
    for (; j->narrow && lo < hi; lo += 1 << 20) j->k->pairs((lf_pair *)(void *)(j->half + lo), j->wide + lo, (int)LF_MIN(1 << 20, hi - lo));
}

static void to_bf16(lf_device *dev, lf_bf16 *y, const float *x, int64_t n)
{
    round_job job = {dev->kernels, (float *)(uintptr_t)x, y, n, true};
    lf__cpu_run(dev, round_worker, &job, (double)n);
}

static void from_bf16(lf_device *dev, float *y, const lf_bf16 *x, int64_t n)
{
    round_job job = {dev->kernels, y, (lf_bf16 *)(uintptr_t)x, n, false};
    lf__cpu_run(dev, round_worker, &job, (double)n);
}

static void add_worker(void *arg, int tid, int n_threads)
{
    const range_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, LF_HALF, tid, n_threads, &lo, &hi);
    j->k->add(j->y + lo, j->x + lo, hi - lo, j->beta);
}

static void add(lf_device *dev, float *y, const float *x, int64_t n, int beta)
{
    range_job job = {.k = dev->kernels, .y = y, .x = x, .n = n, .beta = beta};
    lf__cpu_run(dev, add_worker, &job, (double)n);
}

static void axpby_worker(void *arg, int tid, int n_threads)
{
    const range_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, LF_HALF, tid, n_threads, &lo, &hi);
    j->k->axpby(j->y + lo, j->x + lo, j->a, j->b, hi - lo);
}

static void axpby(lf_device *dev, float *y, const float *x, float a, float b, int64_t n)
{
    range_job job = {.k = dev->kernels, .y = y, .x = x, .a = a, .b = b, .n = n};
    lf__cpu_run(dev, axpby_worker, &job, (double)n);
}

static void add_diagonal(lf_device *dev, float *y, float d, int n)
{
    LF_UNUSED(dev);
    for (int i = 0; i < n; i++) y[(ptrdiff_t)i * n + i] += d;
}

static void mul_worker(void *arg, int tid, int n_threads)
{
    const range_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, LF_HALF, tid, n_threads, &lo, &hi);
    j->k->mul(j->y + lo, j->x + lo, hi - lo);
}

static void mul(lf_device *dev, float *y, const float *x, int64_t n)
{
    range_job job = {.k = dev->kernels, .y = y, .x = x, .n = n};
    lf__cpu_run(dev, mul_worker, &job, (double)n);
}

static void scale_worker(void *arg, int tid, int n_threads)
{
    const range_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, LF_SUM_CHUNK, tid, n_threads, &lo, &hi);
    for (; lo < hi; lo += LF_SUM_CHUNK) j->k->scale(j->y + lo, j->x + lo, j->scalar, (int)LF_MIN(LF_SUM_CHUNK, hi - lo));
}

static void scale(lf_device *dev, float *y, const float *x, float a, int64_t n)
{
    range_job job = {.k = dev->kernels, .y = y, .x = x, .n = n, .scalar = a};
    lf__cpu_run(dev, scale_worker, &job, (double)n);
}

static void softcap_worker(void *arg, int tid, int n_threads)
{
    const range_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, LF_HALF, tid, n_threads, &lo, &hi);
    j->k->softcap(j->y + lo, j->slope ? j->slope + lo : NULL, j->scalar, hi - lo);
}

static void softcap(lf_device *dev, float *x, float *slope, float cap, int64_t n)
{
    range_job job = {.k = dev->kernels, .y = x, .slope = slope, .n = n, .scalar = cap};
    lf__cpu_run(dev, softcap_worker, &job, 8.0 * (double)n);
}

static void act_worker(void *arg, int tid, int n_threads)
{
    const range_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, LF_HALF, tid, n_threads, &lo, &hi);
    if (j->dy)
        j->k->act_grad(j->act, j->y + lo, j->dy + lo, j->x + lo, hi - lo);
    else
        j->k->act(j->act, j->y + lo, j->x + lo, hi - lo);
}

static void act_forward(lf_device *dev, float *y, const float *x, int64_t n, lf_act act)
{
    range_job job = {.k = dev->kernels, .y = y, .x = x, .n = n, .act = act};
    lf__cpu_run(dev, act_worker, &job, 8.0 * (double)n);
}

static void act_backward(lf_device *dev, float *dx, const float *dy, const float *x, int64_t n, lf_act act)
{
    range_job job = {.k = dev->kernels, .y = dx, .dy = dy, .x = x, .n = n, .act = act};
    lf__cpu_run(dev, act_worker, &job, 8.0 * (double)n);
}

static void sum_squares_worker(void *arg, int tid, int n_threads)
{
    const range_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, LF_SUM_CHUNK, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i += LF_SUM_CHUNK)
        j->sums[i / LF_SUM_CHUNK] = j->k->sum_squares(j->x + i, (int)LF_MIN(LF_SUM_CHUNK, hi - i));
}

static double sum_squares(lf_device *dev, const float *x, int64_t n)
{
    const int64_t pass = (int64_t)LF_SUM_CHUNK * LF_SUM_CHUNKS;
    range_job job = {.k = dev->kernels, .sums = ((lf_cpu_device *)dev)->sums};
    double total = 0.0;
    for (int64_t at = 0; at < n; at += pass) {
        job.x = x + at, job.n = LF_MIN(pass, n - at);
        lf__cpu_run(dev, sum_squares_worker, &job, (double)job.n);
        for (int64_t c = 0; c < (job.n + LF_SUM_CHUNK - 1) / LF_SUM_CHUNK; c++) total += job.sums[c];
    }
    return total;
}

static void find_nonfinite_worker(void *arg, int tid, int n_threads)
{
    const range_job *j = arg;
    int64_t lo, hi;
    lf__split(j->n, LF_SUM_CHUNK, tid, n_threads, &lo, &hi);
    for (; lo < hi; lo += LF_SUM_CHUNK) {
        int64_t n = LF_MIN(LF_SUM_CHUNK, hi - lo), i = 0;
        if (j->k->all_finite(j->x + lo, n)) continue;
        while (i < n - 1 && j->k->all_finite(j->x + lo + i, 1)) i++;
        j->found[tid] = lo + i;
        return;
    }
}

static int64_t find_nonfinite(lf_device *dev, const float *x, int64_t n)
{
    int64_t found[256], first = -1; /* a pool has at most 256 workers */
    memset(found, 0xff, sizeof found);
    range_job job = {.k = dev->kernels, .x = x, .found = found, .n = n};
    lf__cpu_run(dev, find_nonfinite_worker, &job, (double)n);
    for (int t = 255; t >= 0; t--) first = found[t] >= 0 ? found[t] : first; /* workers own ascending ranges */
    return first;
}

void lf__cpu_ops_rows(lf_backend_ops *ops)
{
    ops->embed_forward = embed_forward;
    ops->embed_backward = embed_backward;
    ops->gather_rows = gather_rows;
    ops->add_rows = add_rows;
    ops->scatter_rows = scatter_rows;
    ops->rmsnorm_forward = rmsnorm_forward;
    ops->rmsnorm_backward = rmsnorm_backward;
    ops->head_norm_forward = head_norm_forward;
    ops->head_norm_backward = head_norm_backward;
    ops->rope = rope;
    ops->layernorm_forward = layernorm_forward;
    ops->layernorm_backward = layernorm_backward;
    ops->sum_rows = sum_rows;
    ops->add_bias = add_bias;
    ops->glu_forward = glu_forward;
    ops->glu_backward = glu_backward;
    ops->glu_backward16 = glu_backward16;
    ops->act_forward = act_forward;
    ops->act_backward = act_backward;
    ops->dropout = dropout;
    ops->softcap = softcap;
    ops->mul = mul;
    ops->scale = scale;
    ops->cross_entropy = cross_entropy;
    ops->to_bf16 = to_bf16;
    ops->from_bf16 = from_bf16;
    ops->add = add;
    ops->axpby = axpby;
    ops->add_diagonal = add_diagonal;
    ops->sum_squares = sum_squares;
    ops->find_nonfinite = find_nonfinite;
}
