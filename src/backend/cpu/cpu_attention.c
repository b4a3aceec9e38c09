/* cpu_attention.c - causal attention over key/value blocks, forward and backward, without the score matrix (Dao et al. 2022, 2023).
 * Both are made of the GEMM's micro-tiles. A task is one key/value head of one sequence with all query heads that share it:
 *
 *   row r of a task = query r / group, head r % group      (so one pass over K and V serves the whole group, also for one token)
 *   forward:  a tile of ATT_ROWS rows walks the blocks 0, 1, ...:  S = (scale q) K^T, P = exp(S - m), O = corr O + P V
 *   backward: the same walk:  P = exp(S - lse), dP = dO V^T, dS = P (dP - rowsum(dO O)),
 *             dV += P^T dO, dK += dS^T (scale q), dQ += scale dS K
 *
 * With a soft cap S passes cap tanh(S / cap), with ALiBi each head adds its slope times the distance, with a window a row sees its last w
 * keys: one pass over the scores between the products (lf__shape_scores), none when all three are off. Dropout multiplies P by a mask D of
 * 0 and 1 / (1 - rate): O = (D P) V, dV = (D P)^T dO, dP = D (dO V^T); the sum l and rowsum(dO O) need no change.
 *
 * Blocks lie at absolute positions, so a row's arithmetic is the same whole, in chunks, token by token, alone or in a batch. What is
 * skipped (keys past the last position that a tile sees, blocks before its window) has P = 0 and would leave every sum as it is. */
#include <math.h>
#include <string.h>

#include "backend/cpu/kernels.h"

#define ATT_ROWS 24                 /* rows per tile: a multiple of every rung's mr; 48 wastes more on the diagonal */
#define SD       (LF_KV_BLOCK + 16) /* distance between rows of scores: no power of two, rows fall into different cache sets */

/* ---- shared: views of blocks and tiles ------------------------------------------------------------------------------------- */
static size_t padded_dim(const lf_attention *a) { return lf__round_up((size_t)a->head_dim, LF_PANEL); }

static const float *block_k(const lf_attention *a, int seq, int block, int kv_head)
{
    return a->kv_blocks[a->seq_block[seq] + block] + (size_t)kv_head * lf__kv_head_floats(a->head_dim);
}

/* C[m, n] = (from_c ? C : 0) + A[m, kc] B, B in panels `panel` floats apart; no blocking, everything is small. */
static void small_gemm(const lf_kernels *k, float *c, ptrdiff_t ldc, bool from_c, const float *a, ptrdiff_t a_rs, ptrdiff_t a_cs,
                       const float *b, ptrdiff_t panel, int m, int n, int kc)
{
    lf_tile t = {.a_rs = a_rs, .a_cs = a_cs, .ldc = ldc, .ldinit = ldc, .kc = kc};
    for (int j = 0; j < n; j += LF_PANEL) {
        t.b = b + j / LF_PANEL * panel;
        t.n[0] = LF_MIN(LF_HALF, n - j), t.n[1] = LF_MAX(0, LF_MIN(LF_HALF, n - j - LF_HALF));
        for (int i = 0; i < m; i += k->mr) {
            t.mr = LF_MIN(k->mr, m - i);
            t.a = a + i * a_rs;
            for (int h = 0; h < 2; h++) {
                t.c[h] = c + i * ldc + j + h * LF_HALF;
                t.init[h] = from_c ? t.c[h] : NULL;
            }
            k->tile(&t);
        }
    }
}

/* How many keys of a block a query at this position sees. */
static int visible_keys(int position, int block) { return LF_MAX(0, LF_MIN(LF_KV_BLOCK, position + 1 - block * LF_KV_BLOCK)); }

/* The first block that any of the rows from this position on sees. */
static int first_block(const lf_attention *a, int position) { return a->window ? LF_MAX(0, position - a->window + 1) / LF_KV_BLOCK : 0; }

void lf__shape_scores(const lf_kernels *k, const lf_attention *a, float *s, float *slope, ptrdiff_t ld, const lf_score_rows *x)
{
    for (int r = 0; r < x->rows; r++, s += ld) {
        int column, row = lf__task_row(a, x->seq, x->kv_head, x->first + r, &column), n = x->visible[r];
        int from = a->positions[row] - x->begin; /* the row's own place, seen from the block */
        if (a->cap > 0) k->softcap(s, slope ? slope + r * ld : NULL, a->cap, n);
        if (a->slopes) {
            float distance[LF_SCORES];
            for (int j = 0; j < n; j++) distance[j] = (float)(j - from);
            k->axpy(s, distance, a->slopes[column / a->head_dim], n);
        }
        if (!a->window) continue;
        int hidden = LF_MAX(0, from - a->window + 1);
        if (hidden >= n) x->visible[r] = 0;
        for (int j = 0; j < LF_MIN(hidden, n); j++) s[j] = -INFINITY;
    }
}

void lf__drop_row(const lf_kernels *k, const lf_attention *a, float *mask, const lf_score_rows *x, int r)
{
    int column, row = lf__task_row(a, x->seq, x->kv_head, x->first + r, &column);
    uint64_t place = (uint64_t)(a->drop.first_row + row) * (uint64_t)a->n_heads + (uint64_t)(column / a->head_dim);
    k->drop_mask(mask, lf__rng_at(a->drop.seed, a->drop.stream, place), (uint32_t)x->begin, x->visible[r], lf__drop_threshold(a->drop.rate),
                 lf__drop_keep(a->drop.rate));
}

/* ---- writing keys and values ------------------------------------------------------------------------------------------------ */
typedef struct kv_job {
    const lf_kernels *kernels;
    const float *k, *v;
    ptrdiff_t ld;
    int n_kv_heads, head_dim, n_seqs;
    const int32_t *seq_start, *positions, *seq_block;
    float *const *kv_blocks;
} kv_job;

/* Rows of one sequence that fall into one panel of keys: cols consecutive positions from `position` on. */
static void write_rows(const kv_job *j, int row, int cols, int seq, int position)
{
    int d = j->head_dim, at = position % LF_KV_BLOCK;
    float *block = j->kv_blocks[j->seq_block[seq] + position / LF_KV_BLOCK];
    for (int h = 0; h < j->n_kv_heads; h++, block += lf__kv_head_floats(d)) {
        float *panel = block + at / LF_PANEL * (d * LF_PANEL) + at % LF_PANEL, *v = block + lf__kv_k_floats(d);
        j->kernels->pack_transposed(panel, j->k + row * j->ld + h * d, j->ld, cols, d);
        for (int i = 0; i < cols; i++) {
            const float *src = j->v + (row + i) * j->ld + h * d;
            for (int c = 0; c < d; c += LF_PANEL) {
                float *dst = v + (ptrdiff_t)(c / LF_PANEL) * LF_KV_BLOCK * LF_PANEL + (ptrdiff_t)(at + i) * LF_PANEL;
                memcpy(dst, src + c, (size_t)LF_MIN(LF_PANEL, d - c) * sizeof(float));
            }
        }
    }
}

static void kv_worker(void *arg, int tid, int n_threads)
{
    const kv_job *j = arg;
    int64_t lo, hi;
    lf__split(j->seq_start[j->n_seqs], 1, tid, n_threads, &lo, &hi);
    for (int s = 0; s < j->n_seqs; s++) {
        int row = LF_MAX(j->seq_start[s], (int)lo), end = LF_MIN(j->seq_start[s + 1], (int)hi);
        while (row < end) {
            int position = j->positions[row], cols = LF_MIN(end - row, LF_PANEL - position % LF_PANEL);
            write_rows(j, row, cols, s, position);
            row += cols;
        }
    }
}

static void kv_write(lf_device *dev, const float *k, const float *v, ptrdiff_t ldkv, int n_kv_heads, int head_dim, int n_seqs,
                     const int32_t *seq_start, const int32_t *positions, float *const *kv_blocks, const int32_t *seq_block)
{
    kv_job job = {dev->kernels, k, v, ldkv, n_kv_heads, head_dim, n_seqs, seq_start, positions, seq_block, kv_blocks};
    lf__cpu_run(dev, kv_worker, &job, 2.0 * seq_start[n_seqs] * n_kv_heads * head_dim);
}

/* ---- forward ----------------------------------------------------------------------------------------------------------------- */
typedef struct att_job {
    const lf_kernels *k;
    const lf_attention *a;
    const lf_attention_grad *grad; /* backward only */
    float *scratch;
    size_t scratch_floats; /* per worker */
    int longest;           /* rows of the longest sequence: sizes the backward's scratch */
    lf_tasks tasks;
} att_job;

/* A worker's buffers for one tile of rows. */
typedef struct att_tile {
    float *q;     /* [ATT_ROWS][head_dim] times scale */
    float *s;     /* [ATT_ROWS][SD] scores, then P    */
    float *o;     /* [ATT_ROWS][padded_dim]           */
    float *m, *l; /* [ATT_ROWS]                   */
} att_tile;

static size_t forward_floats(const lf_attention *a)
{
    return lf__round_up(ATT_ROWS * ((size_t)a->head_dim + SD + padded_dim(a) + 2), LF_ALIGN);
}

static att_tile carve_tile(float *p, const lf_attention *a)
{
    att_tile t;
    t.s = p, p += ATT_ROWS * SD;
    t.o = p, p += ATT_ROWS * padded_dim(a);
    t.m = p, p += ATT_ROWS;
    t.l = p, p += ATT_ROWS;
    t.q = p;
    return t;
}

/* Rows first .. first+rows-1 of (seq, kv_head). */
static void forward_tile(const lf_kernels *k, const lf_attention *a, const att_tile *t, int seq, int kv_head, int first, int rows)
{
    int d = a->head_dim, column, position[ATT_ROWS] = {0}, visible[ATT_ROWS];
    float carry[ATT_ROWS];
    ptrdiff_t ldo = (ptrdiff_t)padded_dim(a);
    for (int r = 0; r < rows; r++) {
        int row = lf__task_row(a, seq, kv_head, first + r, &column);
        k->scale(t->q + (ptrdiff_t)r * d, a->q + row * a->ldq + column, a->scale, d);
        t->m[r] = -INFINITY, t->l[r] = 0.0f, position[r] = a->positions[row];
    }
    int last = position[rows - 1], begin = first_block(a, position[0]);
    for (int b = begin; b <= last / LF_KV_BLOCK; b++) {
        const float *kb = block_k(a, seq, b, kv_head), *vb = kb + lf__kv_k_floats(d);
        int keys = visible_keys(last, b);
        small_gemm(k, t->s, SD, false, t->q, d, 1, kb, (ptrdiff_t)d * LF_PANEL, rows, (int)lf__round_up((size_t)keys, LF_PANEL), d);
        lf_score_rows x = {seq, kv_head, first, rows, b * LF_KV_BLOCK, visible};
        for (int r = 0; r < rows; r++) visible[r] = visible_keys(position[r], b);
        if (lf__has_switches(a)) lf__shape_scores(k, a, t->s, NULL, SD, &x);
        k->softmax_block(t->s, SD, visible, rows, t->m, t->l, carry);
        for (int r = 0; r < rows && a->drop.rate > 0; r++) {
            float mask[LF_KV_BLOCK];
            lf__drop_row(k, a, mask, &x, r);
            k->mul(t->s + r * SD, mask, visible[r]);
        }
        for (int r = 0; r < rows; r++)
            if (b > begin && carry[r] != 1.0f) k->scale(t->o + r * ldo, t->o + r * ldo, carry[r], d);
        small_gemm(k, t->o, ldo, b > begin, t->s, SD, 1, vb, LF_KV_BLOCK * LF_PANEL, rows, d, keys);
    }
    for (int r = 0; r < rows; r++) {
        int row = lf__task_row(a, seq, kv_head, first + r, &column);
        k->scale(a->o + row * a->ldo + column, t->o + r * ldo, 1.0f / t->l[r], d);
        if (a->lse) a->lse[(ptrdiff_t)row * a->n_heads + column / d] = t->m[r] + (float)lf__ln((double)t->l[r]);
    }
}

static int tiles_of(const lf_attention *a, int seq)
{
    int rows = (a->seq_start[seq + 1] - a->seq_start[seq]) * (a->n_heads / a->n_kv_heads);
    return (rows + ATT_ROWS - 1) / ATT_ROWS;
}

/* Tasks in order: sequences, their kv heads, their tiles from the last (the longest) to the first. */
static void forward_worker(void *arg, int tid, int n_threads)
{
    att_job *j = arg;
    const lf_attention *a = j->a;
    att_tile t = carve_tile(j->scratch + (size_t)tid * j->scratch_floats, a);
    int seq = 0, base = 0, all = 0; /* base: first task of seq */
    for (int s = 0; s < a->n_seqs; s++) all += tiles_of(a, s) * a->n_kv_heads;
    for (int task; (task = lf__task_take(&j->tasks, all, tid, n_threads)) >= 0;) {
        if (task < base) seq = base = 0;
        int tiles = tiles_of(a, seq);
        for (; task - base >= tiles * a->n_kv_heads; tiles = tiles_of(a, seq)) base += tiles * a->n_kv_heads, seq++;
        int kv_head = (task - base) / tiles, first = (tiles - 1 - (task - base) % tiles) * ATT_ROWS;
        int rows = (a->seq_start[seq + 1] - a->seq_start[seq]) * (a->n_heads / a->n_kv_heads);
        forward_tile(j->k, a, &t, seq, kv_head, first, LF_MIN(ATT_ROWS, rows - first));
    }
}

static size_t attention_forward_scratch(lf_device *dev, const lf_attention *a)
{
    if (a->products == LF_BF16) return lf__cpu_attention_bf16_scratch(dev, a);
    return (size_t)lf__pool_threads(dev->pool) * forward_floats(a) * sizeof(float);
}

/* Multiply-adds of S and O together. */
static double forward_work(const lf_attention *a)
{
    double keys = 0.0;
    for (int s = 0; s < a->n_seqs; s++) {
        int first = a->seq_start[s], n = a->seq_start[s + 1] - first;
        if (n > 0) keys += n * (a->positions[first] + 0.5 * n);
    }
    return 2.0 * keys * a->n_heads * a->head_dim;
}

static void attention_forward(lf_device *dev, const lf_attention *a, void *scratch)
{
    if (a->products == LF_BF16) {
        lf__cpu_attention_bf16(dev, a, scratch);
        return;
    }
    att_job job = {.k = dev->kernels, .a = a, .scratch = scratch, .scratch_floats = forward_floats(a)};
    lf__cpu_run(dev, forward_worker, &job, forward_work(a));
}

/* ---- backward ---------------------------------------------------------------------------------------------------------------- */
/* A worker's buffers for one task: `p` is padded_dim. Panels hold what stands on the right of a product. */
typedef struct grad_task {
    att_tile t;       /* q = scale q; s = P; o = dQ                            */
    float *ds;        /* [ATT_ROWS][SD] dP, then dS                            */
    float *d_o;       /* [ATT_ROWS][head_dim]                                  */
    float *q_panels;  /* [p/32][ATT_ROWS][32] of q                             */
    float *do_panels; /* [p/32][ATT_ROWS][32] of d_o                           */
    float *k_rows;    /* per block [p/32][LF_KV_BLOCK][32]: keys as rows       */
    float *v_columns; /* per block [LF_KV_BLOCK/32][head_dim][32]: values transposed */
    float *dk, *dv;   /* [positions][p] sums                                   */
    float *cap;       /* [ATT_ROWS][SD] derivative of the cap, where there is one */
    float *drop;      /* [ATT_ROWS][SD] masks of dropout, where there is one      */
} grad_task;

static int blocks_of(int rows) { return (rows + LF_KV_BLOCK - 1) / LF_KV_BLOCK; }

static int longest_sequence(const lf_attention *a)
{
    int longest = 0;
    for (int s = 0; s < a->n_seqs; s++) longest = LF_MAX(longest, a->seq_start[s + 1] - a->seq_start[s]);
    return longest;
}

static size_t backward_floats(const lf_attention *a, int longest)
{
    size_t p = padded_dim(a), positions = (size_t)blocks_of(longest) * LF_KV_BLOCK;
    size_t squares = 1 + (a->cap > 0) + (a->drop.rate > 0);
    size_t tile = forward_floats(a) + ATT_ROWS * (squares * SD + (size_t)a->head_dim + 2 * p);
    return lf__round_up(tile, LF_ALIGN) + positions * (3 * p + (size_t)a->head_dim);
}

static grad_task carve_task(float *at, const lf_attention *a, int longest)
{
    size_t p = padded_dim(a), positions = (size_t)blocks_of(longest) * LF_KV_BLOCK;
    grad_task g;
    g.k_rows = at, at += positions * p;
    g.dk = at, at += positions * p;
    g.dv = at, at += positions * p;
    g.v_columns = at, at += positions * (size_t)a->head_dim;
    g.q_panels = at, at += ATT_ROWS * p;
    g.do_panels = at, at += ATT_ROWS * p;
    g.ds = at, at += ATT_ROWS * SD;
    g.t = carve_tile(at, a), at += forward_floats(a);
    g.d_o = at, at += ATT_ROWS * a->head_dim;
    g.cap = at, at += a->cap > 0 ? ATT_ROWS * SD : 0;
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
    size_t p = padded_dim(a), positions = (size_t)blocks_of(n) * LF_KV_BLOCK;
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
    int d = a->head_dim, column, position[ATT_ROWS] = {0}, visible[ATT_ROWS];
    ptrdiff_t p = (ptrdiff_t)padded_dim(a);
    float *lse = w->t.m, *delta = w->t.l;
    for (int r = 0; r < rows; r++) {
        int row = lf__task_row(a, seq, kv_head, first + r, &column);
        float *q = w->t.q + (ptrdiff_t)r * d, *d_o = w->d_o + (ptrdiff_t)r * d;
        k->scale(q, a->q + row * a->ldq + column, a->scale, d);
        memcpy(d_o, g->d_o + row * g->lddo + column, (size_t)d * sizeof(float));
        panel_row(w->q_panels, ATT_ROWS, r, q, d);
        panel_row(w->do_panels, ATT_ROWS, r, d_o, d);
        lse[r] = a->lse[(ptrdiff_t)row * a->n_heads + column / d];
        position[r] = a->positions[row];
        delta[r] = k->dot(d_o, a->o + row * a->ldo + column, d);
    }
    int last = position[rows - 1], begin = first_block(a, position[0]);
    for (int b = begin; b <= last / LF_KV_BLOCK; b++) {
        int keys = visible_keys(last, b), wide = (int)lf__round_up((size_t)keys, LF_PANEL);
        ptrdiff_t at = (ptrdiff_t)b * LF_KV_BLOCK;
        small_gemm(k, w->t.s, SD, false, w->t.q, d, 1, block_k(a, seq, b, kv_head), (ptrdiff_t)d * LF_PANEL, rows, wide, d);
        small_gemm(k, w->ds, SD, false, w->d_o, d, 1, w->v_columns + at * d, (ptrdiff_t)d * LF_PANEL, rows, wide, d);
        lf_score_rows x = {seq, kv_head, first, rows, b * LF_KV_BLOCK, visible};
        for (int r = 0; r < rows; r++) visible[r] = visible_keys(position[r], b);
        if (lf__has_switches(a)) lf__shape_scores(k, a, w->t.s, w->cap, SD, &x);
        for (int r = 0; r < rows && a->drop.rate > 0; r++) {
            lf__drop_row(k, a, w->drop + r * SD, &x, r);
            k->mul(w->ds + r * SD, w->drop + r * SD, visible[r]);
        }
        k->softmax_grad_block(w->t.s, w->ds, SD, visible, rows, lse, delta);
        for (int r = 0; r < rows && a->cap > 0; r++) k->mul(w->ds + r * SD, w->cap + r * SD, visible[r]);
        for (int r = 0; r < rows && a->drop.rate > 0; r++) k->mul(w->t.s + r * SD, w->drop + r * SD, visible[r]);
        small_gemm(k, w->dv + at * p, p, true, w->t.s, 1, SD, w->do_panels, ATT_ROWS * LF_PANEL, keys, d, rows);
        small_gemm(k, w->dk + at * p, p, true, w->ds, 1, SD, w->q_panels, ATT_ROWS * LF_PANEL, keys, d, rows);
        small_gemm(k, w->t.o, p, b > begin, w->ds, SD, 1, w->k_rows + at * p, LF_KV_BLOCK * LF_PANEL, rows, d, keys);
    }
    for (int r = 0; r < rows; r++) {
        int row = lf__task_row(a, seq, kv_head, first + r, &column);
        (g->accumulate ? k->axpy : k->scale)(g->dq + row * g->lddqkv + column, w->t.o + r * p, a->scale, d);
    }
}

static void backward_worker(void *arg, int tid, int n_threads)
{
    att_job *j = arg;
    const lf_attention *a = j->a;
    const lf_attention_grad *g = j->grad;
    grad_task w = carve_task(j->scratch + (size_t)tid * j->scratch_floats, a, j->longest);
    int d = a->head_dim, group = a->n_heads / a->n_kv_heads;
    ptrdiff_t p = (ptrdiff_t)padded_dim(a);
    for (int task; (task = lf__task_take(&j->tasks, a->n_seqs * a->n_kv_heads, tid, n_threads)) >= 0;) {
        int seq = task / a->n_kv_heads, kv_head = task % a->n_kv_heads;
        int start = a->seq_start[seq], n = a->seq_start[seq + 1] - start;
        begin_task(j->k, g, &w, seq, kv_head);
        for (int first = 0; first < n * group; first += ATT_ROWS)
            backward_tile(j->k, g, &w, seq, kv_head, first, LF_MIN(ATT_ROWS, n * group - first));
        for (int i = 0; i < n; i++) {
            ptrdiff_t out = (start + i) * g->lddqkv + kv_head * d;
            j->k->add(g->dk + out, w.dk + i * p, d, g->accumulate);
            j->k->add(g->dv + out, w.dv + i * p, d, g->accumulate);
        }
    }
}

static size_t attention_backward_scratch(lf_device *dev, const lf_attention *a)
{
    if (a->products == LF_BF16) return lf__cpu_attention_grad_bf16_scratch(dev, a);
    return (size_t)lf__pool_threads(dev->pool) * backward_floats(a, longest_sequence(a)) * sizeof(float);
}

static void attention_backward(lf_device *dev, const lf_attention_grad *g, void *scratch)
{
    if (g->forward.products == LF_BF16) {
        lf__cpu_attention_grad_bf16(dev, g, scratch);
        return;
    }
    att_job job = {.k = dev->kernels, .a = &g->forward, .grad = g, .scratch = scratch, .longest = longest_sequence(&g->forward)};
    job.scratch_floats = backward_floats(&g->forward, job.longest);
    lf__cpu_run(dev, backward_worker, &job, 2.5 * forward_work(&g->forward));
}

void lf__cpu_ops_attention(lf_backend_ops *ops)
{
    ops->kv_write = kv_write;
    ops->attention_forward = attention_forward;
    ops->attention_backward = attention_backward;
    ops->attention_forward_scratch = attention_forward_scratch;
    ops->attention_backward_scratch = attention_backward_scratch;
}
