/* cpu_attention_bf16.c - causal attention with products of bfloat16, for training: whole sequences, keys and values as plain rows. Not the
 * cached one (cpu_attention.c), whose rows must not depend on how a prompt was cut. A task is one key/value head of one sequence with all
 * query heads that share it; a worker packs its keys and values as pairs, then walks tiles of rows:
 *
 *   row r of a task = query r / group, head r % group
 *   forward:  blocks of KEYS keys:  S = (scale q) K^T, P = exp(S - m), O = corr O + P V
 *   backward: the same walk:        P = exp(S - lse), dP = dO V^T, dS = P (dP - rowsum(dO O)),
 *                                   dV += P^T dO, dK += dS^T (scale q), dQ += scale dS K
 *
 * Soft cap, ALiBi, window and dropout as in cpu_attention.c; blocks before the window of a tile are left out.
 * S, P, dP, dS, the sums and the softmax are float; operands are rounded once, as they are packed. Memory is O(T): packed keys and values
 * and the sums of one task per worker. Strips of 12 rows skip the keys that none of them sees. */
#include <math.h>
#include <string.h>

#include "backend/cpu/kernels.h"

enum {
    ROWS = 96,                  /* per tile: sums over rows are long enough to pay for loading and storing dK and dV */
    KEYS = 128,                 /* per block                                                                         */
    SD = KEYS + 16,             /* distance between rows of scores: no power of two                                  */
    PD = KEYS / 2 + LF_HALF,    /* the same in pairs                                                                 */
    STRIPS = KEYS / LF_MR16 + 1 /* of keys                                                                           */
};

typedef struct att_job {
    const lf_kernels *k;
    const lf_attention *a;
    const lf_attention_grad *g; /* NULL: forward */
    char *scratch;
    size_t bytes; /* per worker */
    int longest;  /* rows of the longest sequence: sizes the scratch */
    lf_tasks tasks;
} att_job;

/* A worker's memory. Panels hold what stands on the right of a product: [panels of 32 columns][pairs of the summed index][32]. */
typedef struct att_work {
    lf_pair *k_columns, *v_rows; /* K^T: summed over d, columns are keys.  V: summed over keys, columns are d */
    float *s, *o;                /* [ROWS][SD] scores; [ROWS][p] O, in the backward dQ                       */
    lf_pair *q, *p;              /* [ROWS][pairs of d] scale q; [ROWS][PD] P, in the backward dS             */
    float *row, *m, *l;          /* [d]; [ROWS] running maximum or lse; [ROWS] running sum or delta          */
    float *rows;                 /* [keys][d] of what comes rounded                                          */
    /* backward */
    lf_pair *k_rows, *v_columns;      /* K and V^T                          */
    float *dk, *dv;                   /* [positions][p] sums                */
    float *ds, *cap, *drop;           /* [ROWS][SD] dP, then dS; derivative of the cap; masks of dropout */
    lf_pair *d_o, *q_rows, *d_o_rows; /* dO as rows; Q and dO as panels     */
    lf_pair *p_strips, *ds_strips;    /* P^T and dS^T: strips of keys       */
} att_work;

static int padded(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

/* Carves the buffers at `at`, or counts: the size with at == NULL. */
static size_t carve(att_work *w, char *at, const lf_attention *a, int longest, bool backward)
{
    size_t p = (size_t)padded(a->head_dim, LF_PANEL), half = (size_t)lf__pairs(a->head_dim), keys = (size_t)padded(longest, LF_PANEL);
    const struct {
        void *field;
        size_t words; /* floats or pairs */
    } all[] = {
        {&w->k_columns, keys * half},
        {&w->v_rows, keys / 2 * p},
        {&w->s, ROWS * SD},
        {&w->o, ROWS * p},
        {&w->q, ROWS * half},
        {&w->p, ROWS * PD},
        {&w->row, p},
        {&w->m, ROWS},
        {&w->l, ROWS},
        {&w->rows, a->k16 ? keys * (size_t)a->head_dim : 0},
        {&w->k_rows, backward ? keys / 2 * p : 0},
        {&w->v_columns, backward ? keys * half : 0},
        {&w->dk, backward ? keys * p : 0},
        {&w->dv, backward ? keys * p : 0},
        {&w->ds, backward ? ROWS * SD : 0},
        {&w->cap, backward && a->cap > 0 ? ROWS * SD : 0},
        {&w->drop, backward && a->drop.rate > 0 ? ROWS * SD : 0},
        {&w->d_o, backward ? ROWS * half : 0},
        {&w->q_rows, backward ? ROWS / 2 * p : 0},
        {&w->d_o_rows, backward ? ROWS / 2 * p : 0},
        {&w->p_strips, backward ? (size_t)(STRIPS * lf__strip_pairs(ROWS)) : 0},
        {&w->ds_strips, backward ? (size_t)(STRIPS * lf__strip_pairs(ROWS)) : 0},
    };
    size_t used = 0;
    for (size_t i = 0; i < LF_COUNT(all); i++) {
        char *here = at ? at + used : NULL;
        memcpy(all[i].field, &here, sizeof here);
        used += lf__round_up(all[i].words * sizeof(float), LF_ALIGN);
    }
    return used;
}

static int longest_sequence(const lf_attention *a)
{
    int longest = 1;
    for (int s = 0; s < a->n_seqs; s++) longest = LF_MAX(longest, a->seq_start[s + 1] - a->seq_start[s]);
    return longest;
}

/* ---- inputs: floats where they lie, or rounded rows widened into a buffer of this worker ----------------------------------------- */
static const float *row_at(const lf_kernels *k, float *buffer, const float *x, const lf_bf16 *x16, ptrdiff_t at, int d)
{
    if (!x16) return x + at;
    k->widen(buffer, x16 + at, d);
    return buffer;
}

static const float *rows_at(const lf_kernels *k, float *buffer, const float *x, const lf_bf16 *x16, ptrdiff_t at, ptrdiff_t *ld, int n,
                            int d)
{
    if (!x16) return x + at;
    for (int i = 0; i < n; i++) k->widen(buffer + (ptrdiff_t)i * d, x16 + at + i * *ld, d);
    *ld = d;
    return buffer;
}

/* ---- packing ------------------------------------------------------------------------------------------------------------------- */
/* x [n, d], rows ld apart, as columns: panels of 32 rows of x, summed over d. */
static void pack_columns(const lf_kernels *k, lf_pair *dst, const float *x, ptrdiff_t ld, int n, int d)
{
    int half = lf__pairs(d);
    for (int i = 0; i < n; i += LF_PANEL, dst += half * LF_PANEL) {
        int cols = LF_MIN(LF_PANEL, n - i);
        if (cols < LF_PANEL) memset(dst, 0, (size_t)half * LF_PANEL * sizeof *dst);
        k->pack_transposed16(dst, x + i * ld, ld, cols, d);
    }
}

/* ---- products ------------------------------------------------------------------------------------------------------------------ */
void lf__strip_gemm(const lf_kernels *k, float *c, ptrdiff_t ldc, bool from_c, const lf_pair *a, ptrdiff_t a_rs, const lf_pair *b,
                    int height, int mr, int n, int kp, ptrdiff_t ahead)
{
    lf_tile16 t = {.a = a, .a_rs = a_rs, .strip = a_rs == 0, .ldc = ldc, .ldinit = ldc, .kp = kp, .mr = mr, .ahead = ahead};
    for (int j = 0; j < n; j += LF_PANEL, b += (ptrdiff_t)height * LF_PANEL) {
        t.b = b;
        t.n[0] = LF_MIN(LF_HALF, n - j), t.n[1] = LF_MAX(0, LF_MIN(LF_HALF, n - j - LF_HALF));
        for (int h = 0; h < 2; h++) {
            t.c[h] = c + j + h * LF_HALF;
            t.init[h] = from_c ? t.c[h] : NULL;
        }
        k->tile16(&t);
    }
}

/* Keys of the block at `begin` that row r sees, from its first on: what the window hides of them is masked later. */
static int visible_keys(const lf_attention *a, int r, int begin)
{
    return LF_MAX(0, LF_MIN(KEYS, r / (a->n_heads / a->n_kv_heads) + 1 - begin));
}

/* The first key that row r sees, and the block that it is in. */
static int first_key(const lf_attention *a, int r) { return a->window ? LF_MAX(0, r / (a->n_heads / a->n_kv_heads) - a->window + 1) : 0; }
static int first_block(const lf_attention *a, int r) { return first_key(a, r) / KEYS * KEYS; }

/* Keys of the block that any of the rows r .. r + mr - 1 sees, from its first on; 0 when the window of all begins behind it. */
static int strip_keys(const lf_attention *a, int r, int mr, int begin)
{
    return first_key(a, r) >= begin + KEYS ? 0 : visible_keys(a, r + mr - 1, begin);
}

/* P of a strip as pairs: what dropout takes becomes zero; 1 / (1 - rate) is left to the end. */
static void drop_pairs(const lf_kernels *k, const lf_attention *a, lf_pair *p, const lf_score_rows *x)
{
    float mask[KEYS + 1];
    for (int r = 0; r < x->rows; r++, p += PD) {
        lf__drop_row(k, a, mask, x, r);
        mask[x->visible[r]] = 0.0f;
        for (int j = 0; j < x->visible[r]; j += 2) p[j / 2] &= (mask[j] > 0 ? 0xffffu : 0) | (mask[j + 1] > 0 ? 0xffff0000u : 0);
    }
}

static int strip_rows(int rows, int i) { return LF_MIN(LF_MR16, rows - i); }

/* ---- forward ------------------------------------------------------------------------------------------------------------------- */
static void forward_tile(const lf_kernels *k, const lf_attention *a, const att_work *w, int seq, int kv_head, int first, int rows)
{
    int d = a->head_dim, half = lf__pairs(d), p = padded(d, LF_PANEL), column, visible[ROWS];
    int n = a->seq_start[seq + 1] - a->seq_start[seq];
    float carry[ROWS], keep = a->drop.rate > 0 ? lf__drop_keep(a->drop.rate) : 1.0f;
    for (int r = 0; r < rows; r++) {
        int row = lf__task_row(a, seq, kv_head, first + r, &column);
        k->scale(w->row, row_at(k, w->row, a->q, a->q16, row * a->ldq + column, d), a->scale, d);
        k->pairs(w->q + r * half, w->row, d);
        w->m[r] = -INFINITY, w->l[r] = 0.0f;
    }
    int start = first_block(a, first);
    for (int begin = start; visible_keys(a, first + rows - 1, begin) > 0; begin += KEYS) {
        for (int i = 0; i < rows; i += LF_MR16) {
            int mr = strip_rows(rows, i), keys = strip_keys(a, first + i, mr, begin), wide = padded(keys, LF_PANEL);
            float *s = w->s + i * SD, *o = w->o + i * p;
            if (keys == 0 && begin == start) memset(o, 0, (size_t)(mr * p) * sizeof *o);
            if (keys == 0) continue;
            lf_pair *probs = w->p + i * PD;
            lf_score_rows x = {seq, kv_head, first + i, mr, begin, visible};
            lf__strip_gemm(k, s, SD, false, w->q + i * half, half, w->k_columns + begin / LF_PANEL * half * LF_PANEL, half, mr, wide, half,
                           0);
            for (int r = 0; r < mr; r++) visible[r] = visible_keys(a, first + i + r, begin);
            if (lf__has_switches(a)) lf__shape_scores(k, a, s, NULL, SD, &x);
            k->softmax16(probs, PD, s, SD, visible, mr, wide, w->m + i, w->l + i, carry);
            if (a->drop.rate > 0) drop_pairs(k, a, probs, &x);
            for (int r = 0; r < mr; r++)
                if (begin > start && carry[r] != 1.0f) k->scale(o + r * p, o + r * p, carry[r], d);
            lf__strip_gemm(k, o, p, begin > start, probs, PD, w->v_rows + begin / 2 * LF_PANEL, lf__pairs(n), mr, d, lf__pairs(keys), 0);
        }
    }
    for (int r = 0; r < rows; r++) {
        int row = lf__task_row(a, seq, kv_head, first + r, &column);
        float full = keep * lf__join_sink(a, column / d, &w->m[r], &w->l[r]);
        k->scale(a->o16 ? w->row : a->o + row * a->ldo + column, w->o + r * p, full / w->l[r], d);
        if (a->o16) lf__narrow(k, a->o16 + row * a->ldo + column, w->row, d);
        if (a->lse) a->lse[(ptrdiff_t)row * a->n_heads + column / d] = w->m[r] + (float)lf__ln((double)w->l[r]);
    }
}

static void forward_task(const att_job *j, const att_work *w, int seq, int kv_head)
{
    const lf_attention *a = j->a;
    int d = a->head_dim, start = a->seq_start[seq], n = a->seq_start[seq + 1] - start, rows = n * (a->n_heads / a->n_kv_heads);
    ptrdiff_t at = start * a->ldq + kv_head * d, ldk = a->ldq, ldv = a->ldq;
    const float *key = rows_at(j->k, w->rows, a->k, a->k16, at, &ldk, n, d);
    pack_columns(j->k, w->k_columns, key, ldk, n, d);
    const float *value = rows_at(j->k, w->rows, a->v, a->v16, at, &ldv, n, d);
    j->k->pack_rows16(w->v_rows, (ptrdiff_t)lf__pairs(n) * LF_PANEL, value, ldv, d, n);
    for (int first = 0; first < rows; first += ROWS) forward_tile(j->k, a, w, seq, kv_head, first, LF_MIN(ROWS, rows - first));
}

/* ---- backward ------------------------------------------------------------------------------------------------------------------ */
/* sums[keys, d] += A^T B over the rows of the tile, A as strips of keys: the rows before the first that sees a strip are left out, and
 * those behind the last. */
static void add_over_rows(const lf_kernels *k, const lf_attention *a, float *sums, const lf_pair *strips, const lf_pair *b, int begin,
                          int keys, int first, int rows)
{
    int p = padded(a->head_dim, LF_PANEL), group = a->n_heads / a->n_kv_heads;
    for (int i = 0; i < keys; i += LF_MR16, strips += lf__strip_pairs(rows)) {
        int skip = LF_MAX(0, LF_MIN(rows, (begin + i) * group - first)) / 2, mr = strip_rows(keys, i);
        int end = a->window ? LF_MIN(rows, (begin + i + mr - 1 + a->window) * group - first) : rows, kp = lf__pairs(end) - skip;
        if (end > 0 && kp > 0)
            lf__strip_gemm(k, sums + (begin + i) * p, p, true, strips + skip * LF_MR16, 0, b + skip * LF_PANEL, ROWS / 2, mr, a->head_dim,
                           kp, 0);
    }
}

static void backward_tile(const att_job *j, const att_work *w, int seq, int kv_head, int first, int rows)
{
    const lf_kernels *k = j->k;
    const lf_attention_grad *g = j->g;
    const lf_attention *a = j->a;
    int d = a->head_dim, half = lf__pairs(d), p = padded(d, LF_PANEL), column, visible[ROWS];
    int n = a->seq_start[seq + 1] - a->seq_start[seq];
    for (int r = 0; r < rows; r++) {
        int row = lf__task_row(a, seq, kv_head, first + r, &column);
        const float *x = g->d_o + row * g->lddo + column;
        /* dQ's place is free until the first product */
        k->scale(w->o + r * p, row_at(k, w->row, a->q, a->q16, row * a->ldq + column, d), a->scale, d);
        k->pairs(w->q + r * half, w->o + r * p, d);
        k->pairs(w->d_o + r * half, x, d);
        w->m[r] = a->lse[(ptrdiff_t)row * a->n_heads + column / d];
        w->l[r] = k->dot(x, row_at(k, w->row, a->o, a->o16, row * a->ldo + column, d), d);
        if (g->dsinks) g->delta[(ptrdiff_t)row * a->n_heads + column / d] = w->l[r];
    }
    k->pack_rows16(w->q_rows, (ptrdiff_t)ROWS / 2 * LF_PANEL, w->o, p, d, rows);
    for (int r = 0; r < rows; r++) {
        int row = lf__task_row(a, seq, kv_head, first + r, &column);
        memcpy(w->o + r * p, g->d_o + row * g->lddo + column, (size_t)d * sizeof(float));
    }
    k->pack_rows16(w->d_o_rows, (ptrdiff_t)ROWS / 2 * LF_PANEL, w->o, p, d, rows);

    int start = first_block(a, first);
    for (int begin = start; visible_keys(a, first + rows - 1, begin) > 0; begin += KEYS) {
        int keys = visible_keys(a, first + rows - 1, begin), wide = padded(keys, LF_PANEL);
        lf_score_rows x = {seq, kv_head, first, rows, begin, visible};
        for (int i = 0; i < rows; i += LF_MR16) {
            int mr = strip_rows(rows, i), seen = padded(strip_keys(a, first + i, mr, begin), LF_PANEL);
            ptrdiff_t at = (ptrdiff_t)begin / LF_PANEL * half * LF_PANEL;
            lf__strip_gemm(k, w->s + i * SD, SD, false, w->q + i * half, half, w->k_columns + at, half, mr, seen, half, 0);
            lf__strip_gemm(k, w->ds + i * SD, SD, false, w->d_o + i * half, half, w->v_columns + at, half, mr, seen, half, 0);
        }
        for (int r = 0; r < rows; r++) visible[r] = visible_keys(a, first + r, begin);
        if (lf__has_switches(a)) lf__shape_scores(k, a, w->s, w->cap, SD, &x);
        for (int r = 0; r < rows && a->drop.rate > 0; r++) {
            lf__drop_row(k, a, w->drop + r * SD, &x, r);
            k->mul(w->ds + r * SD, w->drop + r * SD, visible[r]);
        }
        k->softmax_grad16(w->s, w->ds, SD, visible, rows, wide, w->m, w->l);
        for (int r = 0; r < rows && a->cap > 0; r++) k->mul(w->ds + r * SD, w->cap + r * SD, visible[r]);
        for (int r = 0; r < rows && a->drop.rate > 0; r++) k->mul(w->s + r * SD, w->drop + r * SD, visible[r]);
        k->pack_strips16(w->p_strips, w->s, SD, keys, rows);
        k->pack_strips16(w->ds_strips, w->ds, SD, keys, rows);
        add_over_rows(k, a, w->dv, w->p_strips, w->d_o_rows, begin, keys, first, rows);
        add_over_rows(k, a, w->dk, w->ds_strips, w->q_rows, begin, keys, first, rows);
        for (int i = 0; i < rows; i += LF_MR16) {
            int mr = strip_rows(rows, i), seen = strip_keys(a, first + i, mr, begin);
            if (seen == 0 && begin == start) memset(w->o + i * p, 0, (size_t)(mr * p) * sizeof *w->o);
            if (seen == 0) continue;
            for (int r = i; r < i + mr; r++) k->pairs(w->p + r * PD, w->ds + r * SD, seen);
            lf__strip_gemm(k, w->o + i * p, p, begin > start, w->p + i * PD, PD, w->k_rows + begin / 2 * LF_PANEL, lf__pairs(n), mr, d,
                           lf__pairs(seen), 0);
        }
    }
    for (int r = 0; r < rows; r++) {
        int row = lf__task_row(a, seq, kv_head, first + r, &column);
        (g->accumulate ? k->axpy : k->scale)(g->dq + row * g->lddqkv + column, w->o + r * p, a->scale, d);
    }
}

static void backward_task(const att_job *j, const att_work *w, int seq, int kv_head)
{
    const lf_attention *a = j->a;
    const lf_attention_grad *g = j->g;
    int d = a->head_dim, p = padded(d, LF_PANEL), start = a->seq_start[seq], n = a->seq_start[seq + 1] - start;
    int rows = n * (a->n_heads / a->n_kv_heads);
    ptrdiff_t at = start * a->ldq + kv_head * d, ldk = a->ldq, ldv = a->ldq;
    const float *key = rows_at(j->k, w->rows, g->k, a->k16, at, &ldk, n, d);
    pack_columns(j->k, w->k_columns, key, ldk, n, d);
    j->k->pack_rows16(w->k_rows, (ptrdiff_t)lf__pairs(n) * LF_PANEL, key, ldk, d, n);
    const float *value = rows_at(j->k, w->rows, g->v, a->v16, at, &ldv, n, d);
    pack_columns(j->k, w->v_columns, value, ldv, n, d);
    memset(w->dk, 0, (size_t)n * (size_t)p * sizeof *w->dk);
    memset(w->dv, 0, (size_t)n * (size_t)p * sizeof *w->dv);
    for (int first = 0; first < rows; first += ROWS) backward_tile(j, w, seq, kv_head, first, LF_MIN(ROWS, rows - first));
    for (int i = 0; i < n; i++) {
        ptrdiff_t out = (start + i) * g->lddqkv + kv_head * d;
        j->k->add(g->dk + out, w->dk + i * p, d, g->accumulate);
        j->k->add(g->dv + out, w->dv + i * p, d, g->accumulate);
    }
}

/* ---- the calls ----------------------------------------------------------------------------------------------------------------- */
static void worker(void *arg, int tid, int n_threads)
{
    att_job *j = arg;
    const lf_attention *a = j->a;
    att_work w;
    carve(&w, j->scratch + (size_t)tid * j->bytes, a, j->longest, j->g != NULL);
    for (int task; (task = lf__task_take(&j->tasks, a->n_seqs * a->n_kv_heads, tid, n_threads)) >= 0;)
        (j->g ? backward_task : forward_task)(j, &w, task / a->n_kv_heads, task % a->n_kv_heads);
}

static void run(lf_device *dev, const lf_attention *a, const lf_attention_grad *g, void *scratch)
{
    att_work w;
    att_job job = {.k = dev->kernels, .a = a, .g = g, .scratch = scratch, .longest = longest_sequence(a)};
    job.bytes = carve(&w, NULL, a, job.longest, g != NULL);
    double keys = 0.0;
    for (int s = 0; s < a->n_seqs; s++) {
        double n = a->seq_start[s + 1] - a->seq_start[s];
        keys += 0.5 * n * n;
    }
    lf__cpu_run(dev, worker, &job, (g ? 2.5 : 1.0) * keys * a->n_heads * a->head_dim);
}

void lf__cpu_attention_bf16(lf_device *dev, const lf_attention *a, void *scratch) { run(dev, a, NULL, scratch); }
void lf__cpu_attention_grad_bf16(lf_device *dev, const lf_attention_grad *g, void *scratch) { run(dev, &g->forward, g, scratch); }

size_t lf__cpu_attention_bf16_scratch(lf_device *dev, const lf_attention *a)
{
    att_work w;
    return (size_t)lf__pool_threads(dev->pool) * carve(&w, NULL, a, longest_sequence(a), false);
}

size_t lf__cpu_attention_grad_bf16_scratch(lf_device *dev, const lf_attention *a)
{
    att_work w;
    return (size_t)lf__pool_threads(dev->pool) * carve(&w, NULL, a, longest_sequence(a), true);
}
