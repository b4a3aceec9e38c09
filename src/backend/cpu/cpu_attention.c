/* cpu_attention.c - causal attention over blocks of keys and values, forward, without the score matrix (Dao et al. 2022, 2023). Made of the
 * GEMM's micro-tiles. A task is some query rows against one key/value head of one sequence:
 *
 *   row r of a task = query r / group, head r % group      (so one pass over K and V serves all heads of a group, also for one token)
 *
 *   positions   0 ........ 255 | 256 ...... 511 | 512 ..        splits of SPLIT positions
 *               S = (scale q) K^T, m = max S, P = exp(S - m), l = sum P, O = P V        in each split anew
 *               splits of a row are merged in ascending order: O = exp(m1 - m) O1 + exp(m2 - m) O2, l the same, m the larger one
 *               inside a split floats go block by block with a running m, pairs all at once
 *
 * Splits lie at absolute positions, so a row's arithmetic is the same whole, in chunks, token by token, alone or in a batch; and one row
 * against a long cache is work for many: then each split is a task of its own, and the parts are merged behind.
 * What is skipped (keys past the last position that a tile sees, blocks before its window) has P = 0 and would leave every sum as it is.
 *
 * Products are of floats, or of bfloat16 pairs where the rung has them and keys and values are bf16 or q8_0: q and P are rounded then. With
 * a soft cap S passes cap tanh(S / cap), with ALiBi each head adds its slope times the distance, with a window a row sees its last w keys:
 * one pass over the scores between the products, none when all three are off. A sink joins a row's sum when its last split has. Dropout
 * multiplies P by a mask of 0 and 1 / (1 - rate); the sum l needs no change. */
#include <math.h>
#include <string.h>

#include "backend/cpu/kernels.h"

enum {
    ROWS = 24,         /* per tile: a multiple of every rung's mr; 48 wastes more on the diagonal */
    SPLIT = LF_SCORES, /* positions, a multiple of LF_KV_BLOCK                                     */
    SPLIT_BLOCKS = SPLIT / LF_KV_BLOCK,
    SD = SPLIT + 16,         /* distance between rows of scores: no power of two, rows fall into different cache sets */
    PD = SPLIT / 2 + LF_HALF /* the same in pairs                                                                     */
};

/* ---- small products, switches: shared with the backward ------------------------------------------------------------------------- */
static void panels_gemm(const lf_kernels *k, float *c, ptrdiff_t ldc, bool from_c, const float *a, ptrdiff_t a_rs, ptrdiff_t a_cs,
                        lf_kv_panels b, int m, int n, int kc)
{
    lf_tile t = {.a_rs = a_rs, .a_cs = a_cs, .ldc = ldc, .ldinit = ldc, .kc = kc};
    for (int j = 0; j < n; j += LF_PANEL) {
        const void *panel = (const char *)b.data + (size_t)(j / LF_PANEL) * b.panel;
        if (b.half)
            t.b16 = panel;
        else
            t.b = panel;
        t.n[0] = LF_MIN(LF_HALF, n - j), t.n[1] = LF_MAX(0, LF_MIN(LF_HALF, n - j - LF_HALF));
        for (int i = 0; i < m; i += k->mr) {
            t.mr = LF_MIN(k->mr, m - i);
            t.a = a + i * a_rs;
            for (int h = 0; h < 2; h++) {
                t.c[h] = c + i * ldc + j + h * LF_HALF;
                t.init[h] = from_c ? t.c[h] : NULL;
            }
            (b.half ? k->tile_half : k->tile)(&t);
        }
    }
}

void lf__small_gemm(const lf_kernels *k, float *c, ptrdiff_t ldc, bool from_c, const float *a, ptrdiff_t a_rs, ptrdiff_t a_cs,
                    const float *b, ptrdiff_t panel, int m, int n, int kc)
{
    panels_gemm(k, c, ldc, from_c, a, a_rs, a_cs, (lf_kv_panels){b, (size_t)panel * sizeof *b, 0, false}, m, n, kc);
}

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

/* What a sum with maximum m counts under a larger one. One of two that are merged counts in full. */
static float weight(float m, float top) { return m == top ? 1.0f : (float)lf__exp((double)(m - top)); }

float lf__join_sink(const lf_attention *a, int head, float *m, float *l)
{
    if (!a->sinks) return 1.0f;
    float top = LF_MAX(*m, a->sinks[head]), carry = weight(*m, top);
    *l = fmaf(*l, carry, weight(a->sinks[head], top)), *m = top;
    return carry;
}

/* ---- memory ---------------------------------------------------------------------------------------------------------------------- */
/* What rows made of some splits: O is o / l. l is 0 where a row saw nothing, o then means nothing. */
typedef struct att_part {
    float *o;     /* [ROWS][padded_dim] */
    float *m, *l; /* [ROWS]             */
} att_part;

/* A worker's buffers for one tile of rows. */
typedef struct att_work {
    att_part sum, split;
    float *s;   /* [ROWS][SD] scores, then P               */
    float *q;   /* [ROWS][head_dim] times scale, as floats */
    lf_pair *p; /* [ROWS][PD] P as pairs                   */
    lf_pair *q16;
    void *room; /* of an opened block                      */
} att_work;

typedef struct att_job {
    const lf_kernels *k;
    const lf_attention *a;
    char *scratch;
    size_t work_bytes; /* per worker */
    bool pairs;
    /* Few tiles: tile t's split i is a task, its part number t * splits + i. Otherwise parts is NULL. */
    char *parts;
    size_t part_bytes;
    int splits;
    lf_tasks tasks;
} att_job;

static size_t part_floats(const lf_attention *a) { return ROWS * (lf__padded_dim(a) + 2); }

static att_part part_at(void *memory, const lf_attention *a)
{
    att_part p = {.o = memory};
    p.m = p.o + ROWS * lf__padded_dim(a), p.l = p.m + ROWS;
    return p;
}

/* Lays a worker's buffers out from memory on (NULL: only their size is wanted); returns how many bytes they take. */
static size_t carve(att_work *w, void *memory, const lf_kernels *k, const lf_attention *a)
{
    bool pairs = lf__kv_pairs(k, a->kv_type);
    size_t d = (size_t)a->head_dim, at = 0;
    char *base = memory;
    size_t sizes[] = {part_floats(a) * 4,
                      part_floats(a) * 4,
                      ROWS * SD * 4,
                      ROWS * d * 4,
                      pairs ? ROWS * PD * 4 : 0,
                      pairs ? ROWS * (size_t)lf__pairs(a->head_dim) * 4 : 0,
                      lf__kv_open_bytes(k, a->kv_type, a->head_dim)};
    void *place[LF_COUNT(sizes)];
    for (size_t i = 0; i < LF_COUNT(sizes); i++) {
        place[i] = base ? base + at : NULL;
        at += lf__round_up(sizes[i], LF_ALIGN);
    }
    if (base) *w = (att_work){part_at(place[0], a), part_at(place[1], a), place[2], place[3], place[4], place[5], place[6]};
    return at;
}

/* ---- one tile of rows -------------------------------------------------------------------------------------------------------------- */
typedef struct att_tile {
    int seq, kv_head, first, rows;
    int position[ROWS];
    int begin, end; /* blocks that some row sees: [begin, end) */
} att_tile;

static void open_tile(const att_job *j, const att_work *w, att_tile *t)
{
    const lf_attention *a = j->a;
    int d = a->head_dim, column;
    for (int r = 0; r < t->rows; r++) {
        int row = lf__task_row(a, t->seq, t->kv_head, t->first + r, &column);
        j->k->scale(w->q + (ptrdiff_t)r * d, a->q + row * a->ldq + column, a->scale, d);
        if (j->pairs) j->k->pairs(w->q16 + (ptrdiff_t)r * lf__pairs(d), w->q + (ptrdiff_t)r * d, d);
        t->position[r] = a->positions[row];
    }
    t->begin = lf__first_block(a, t->position[0]), t->end = t->position[t->rows - 1] / LF_KV_BLOCK + 1;
}

static const unsigned char *block_of(const lf_attention *a, const att_tile *t, int block)
{
    const unsigned char *heads = a->kv_blocks[a->seq_block[t->seq] + block];
    return heads + (size_t)t->kv_head * lf__kv_head_bytes(a->kv_type, a->head_dim);
}

/* In bytes, between two blocks wherever they lie. */
static ptrdiff_t distance(const void *from, const void *to) { return (ptrdiff_t)((uintptr_t)to - (uintptr_t)from); }

/* Columns [0, n) of the scores of all rows against panels of keys. ahead: where the panels lie that come next. */
static void scores(const att_job *j, const att_work *w, const att_tile *t, float *s, lf_kv_panels keys, int n, const void *ahead)
{
    int d = j->a->head_dim;
    if (!j->pairs) {
        panels_gemm(j->k, s, SD, false, w->q, d, 1, keys, t->rows, n, keys.lines);
        return;
    }
    for (int i = 0; i < t->rows; i += LF_MR16)
        lf__strip_gemm(j->k, s + i * SD, SD, false, w->q16 + (ptrdiff_t)i * keys.lines, keys.lines, keys.data, keys.lines,
                       LF_MIN(LF_MR16, t->rows - i), n, keys.lines, distance(keys.data, ahead));
}

/* O = (from_o ? O : 0) + P V of all rows: one block of values, `p` its column in P. */
static void add_values(const att_job *j, const att_work *w, const att_tile *t, bool from_o, int p, lf_kv_panels values, int n,
                       const void *ahead)
{
    int d = j->a->head_dim;
    ptrdiff_t ldo = (ptrdiff_t)lf__padded_dim(j->a);
    if (!j->pairs) {
        panels_gemm(j->k, w->split.o, ldo, from_o, w->s + p, SD, 1, values, t->rows, d, n);
        return;
    }
    for (int i = 0; i < t->rows; i += LF_MR16)
        lf__strip_gemm(j->k, w->split.o + i * ldo, ldo, from_o, w->p + i * PD + p / 2, PD, values.data, LF_KV_BLOCK / 2,
                       LF_MIN(LF_MR16, t->rows - i), d, lf__pairs(n), distance(values.data, ahead));
}

/* Blocks [begin, end) of one split join w->split, whose earlier blocks are in already (from_o). */
static void attend_blocks(const att_job *j, const att_work *w, const att_tile *t, int begin, int end, bool from_o)
{
    const lf_kernels *k = j->k;
    const lf_attention *a = j->a;
    int visible[ROWS], keys = LF_MIN(t->position[t->rows - 1] + 1, end * LF_KV_BLOCK) - begin * LF_KV_BLOCK;
    int wide = (int)lf__round_up((size_t)keys, LF_PANEL);
    float carry[ROWS];
    size_t values = lf__kv_k_bytes(a->kv_type, a->head_dim);
    for (int b = begin, at = 0; b < end; b++, at += LF_KV_BLOCK) {
        const unsigned char *block = block_of(a, t, b), *next = b + 1 < end ? block_of(a, t, b + 1) : block_of(a, t, begin) + values;
        scores(j, w, t, w->s + at, lf__kv_keys(k, a->kv_type, block, a->head_dim, w->room), LF_MIN(LF_KV_BLOCK, wide - at), next);
    }
    lf_score_rows x = {t->seq, t->kv_head, t->first, t->rows, begin * LF_KV_BLOCK, visible};
    for (int r = 0; r < t->rows; r++) visible[r] = LF_MAX(0, LF_MIN(keys, t->position[r] + 1 - x.begin));
    if (lf__has_switches(a)) lf__shape_scores(k, a, w->s, NULL, SD, &x);
    if (j->pairs)
        k->softmax16(w->p, PD, w->s, SD, visible, t->rows, wide, w->split.m, w->split.l, carry);
    else
        k->softmax_block(w->s, SD, visible, t->rows, w->split.m, w->split.l, carry);
    for (int r = 0; r < t->rows && a->drop.rate > 0; r++) {
        float mask[LF_SCORES];
        lf__drop_row(k, a, mask, &x, r);
        k->mul(w->s + r * SD, mask, visible[r]);
    }
    for (int r = 0; r < t->rows && from_o; r++) {
        float *o = w->split.o + r * (ptrdiff_t)lf__padded_dim(a);
        if (carry[r] != 1.0f) k->scale(o, o, carry[r], a->head_dim);
    }
    for (int b = begin, at = 0; b < end; b++, at += LF_KV_BLOCK, from_o = true) {
        const unsigned char *block = block_of(a, t, b), *next = block_of(a, t, LF_MIN(b + 1, t->end - 1)) + (b + 1 < end ? values : 0);
        add_values(j, w, t, from_o, at, lf__kv_values(k, a->kv_type, block, a->head_dim, w->room), LF_MIN(LF_KV_BLOCK, keys - at), next);
    }
}

static void begin_sum(att_part sum, int rows)
{
    for (int r = 0; r < rows; r++) sum.m[r] = -INFINITY, sum.l[r] = 0.0f;
}

/* w->split = what the rows make of one split: of those of its blocks that some row sees. */
static void attend_split(const att_job *j, const att_work *w, const att_tile *t, int split)
{
    int begin = LF_MAX(t->begin, split * SPLIT_BLOCKS), end = LF_MIN(t->end, (split + 1) * SPLIT_BLOCKS);
    int step = j->pairs ? SPLIT_BLOCKS : 1;
    begin_sum(w->split, t->rows);
    for (int b = begin; b < end; b += step) attend_blocks(j, w, t, b, LF_MIN(b + step, end), b > begin);
}

/* sum = sum and then `more`, splits behind those of sum. */
static void merge(const att_job *j, att_part sum, att_part more, int rows)
{
    int d = j->a->head_dim;
    ptrdiff_t ldo = (ptrdiff_t)lf__padded_dim(j->a);
    for (int r = 0; r < rows; r++) {
        if (more.l[r] == 0.0f) continue;
        float top = LF_MAX(sum.m[r], more.m[r]), a = sum.l[r] == 0.0f ? 0.0f : weight(sum.m[r], top), b = weight(more.m[r], top);
        j->k->axpby(sum.o + r * ldo, more.o + r * ldo, b, a, d);
        sum.l[r] = fmaf(more.l[r], b, sum.l[r] * a), sum.m[r] = top;
    }
}

static void close_tile(const att_job *j, att_part sum, const att_tile *t)
{
    const lf_attention *a = j->a;
    int d = a->head_dim, column;
    for (int r = 0; r < t->rows; r++) {
        int row = lf__task_row(a, t->seq, t->kv_head, t->first + r, &column);
        float carry = lf__join_sink(a, column / d, &sum.m[r], &sum.l[r]);
        j->k->scale(a->o + row * a->ldo + column, sum.o + r * (ptrdiff_t)lf__padded_dim(a), carry / sum.l[r], d);
        if (a->lse) a->lse[(ptrdiff_t)row * a->n_heads + column / d] = sum.m[r] + (float)lf__ln((double)sum.l[r]);
    }
}

/* ---- tasks -------------------------------------------------------------------------------------------------------------------------- */
static int rows_of(const lf_attention *a, int seq) { return (a->seq_start[seq + 1] - a->seq_start[seq]) * (a->n_heads / a->n_kv_heads); }
static int tiles_of(const lf_attention *a, int seq) { return (rows_of(a, seq) + ROWS - 1) / ROWS * a->n_kv_heads; }

static int all_tiles(const lf_attention *a)
{
    int all = 0;
    for (int s = 0; s < a->n_seqs; s++) all += tiles_of(a, s);
    return all;
}

/* Tiles in order: sequences, their kv heads, their rows from the last (which see the most) to the first. *seq and *base, the sequence of
 * an earlier tile and its first tile, or zeros, are where the search begins. */
static att_tile find_tile(const lf_attention *a, int tile, int *seq, int *base)
{
    if (tile < *base) *seq = *base = 0;
    for (; tile - *base >= tiles_of(a, *seq); ++*seq) *base += tiles_of(a, *seq);
    int per_head = tiles_of(a, *seq) / a->n_kv_heads, at = tile - *base, first = (per_head - 1 - at % per_head) * ROWS;
    return (att_tile){.seq = *seq, .kv_head = at / per_head, .first = first, .rows = LF_MIN(ROWS, rows_of(a, *seq) - first)};
}

static void tile_worker(void *arg, int tid, int n_threads)
{
    att_job *j = arg;
    att_work w;
    carve(&w, j->scratch + (size_t)tid * j->work_bytes, j->k, j->a);
    int seq = 0, base = 0, all = all_tiles(j->a);
    for (int task; (task = lf__task_take(&j->tasks, all, tid, n_threads)) >= 0;) {
        att_tile t = find_tile(j->a, task, &seq, &base);
        open_tile(j, &w, &t);
        begin_sum(w.sum, t.rows);
        for (int split = t.begin / SPLIT_BLOCKS; split * SPLIT_BLOCKS < t.end; split++) {
            attend_split(j, &w, &t, split);
            merge(j, w.sum, w.split, t.rows);
        }
        close_tile(j, w.sum, &t);
    }
}

static att_part part_of(const att_job *j, int tile, int split)
{
    return part_at(j->parts + ((size_t)tile * (size_t)j->splits + (size_t)split) * j->part_bytes, j->a);
}

static void split_worker(void *arg, int tid, int n_threads)
{
    att_job *j = arg;
    att_work w;
    carve(&w, j->scratch + (size_t)tid * j->work_bytes, j->k, j->a);
    int seq = 0, base = 0, all = all_tiles(j->a) * j->splits, last = -1;
    att_tile t = {0};
    for (int task; (task = lf__task_take(&j->tasks, all, tid, n_threads)) >= 0;) {
        int tile = task / j->splits, split = task % j->splits;
        if (tile != last) {
            t = find_tile(j->a, last = tile, &seq, &base);
            open_tile(j, &w, &t);
        }
        w.split = part_of(j, tile, split);
        if (split * SPLIT_BLOCKS < t.end && (split + 1) * SPLIT_BLOCKS > t.begin)
            attend_split(j, &w, &t, split);
        else
            begin_sum(w.split, t.rows); /* not seen */
    }
}

static void merge_worker(void *arg, int tid, int n_threads)
{
    att_job *j = arg;
    int64_t lo, hi;
    int seq = 0, base = 0;
    lf__split(all_tiles(j->a), 1, tid, n_threads, &lo, &hi);
    for (int tile = (int)lo; tile < (int)hi; tile++) {
        att_tile t = find_tile(j->a, tile, &seq, &base);
        att_part sum = part_of(j, tile, 0);
        for (int split = 1; split < j->splits; split++) merge(j, sum, part_of(j, tile, split), t.rows);
        close_tile(j, sum, &t);
    }
}

/* ---- the calls ----------------------------------------------------------------------------------------------------------------------- */
static size_t bytes_of_work(const lf_device *dev, const lf_attention *a)
{
    att_work w;
    return carve(&w, NULL, dev->kernels, a);
}

static size_t bytes_of_part(const lf_attention *a) { return lf__round_up(part_floats(a) * sizeof(float), LF_ALIGN); }

/* Fewer tiles than this leave workers idle at the end. */
static int few_tiles(const lf_device *dev) { return lf__pool_threads(dev->pool) > 1 ? 2 * lf__pool_threads(dev->pool) : 0; }

static size_t attention_forward_scratch(lf_device *dev, const lf_attention *a)
{
    if (a->products == LF_BF16) return lf__cpu_attention_bf16_scratch(dev, a);
    size_t parts = (size_t)few_tiles(dev) * (size_t)((a->longest + SPLIT - 1) / SPLIT);
    return (size_t)lf__pool_threads(dev->pool) * bytes_of_work(dev, a) + parts * bytes_of_part(a);
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
    att_job job = {.k = dev->kernels, .a = a, .scratch = scratch, .pairs = lf__kv_pairs(dev->kernels, a->kv_type)};
    job.work_bytes = bytes_of_work(dev, a), job.part_bytes = bytes_of_part(a);
    int last = 0; /* position */
    for (int s = 0; s < a->n_seqs; s++)
        if (a->seq_start[s + 1] > a->seq_start[s]) last = LF_MAX(last, a->positions[a->seq_start[s + 1] - 1]);
    job.splits = last / SPLIT + 1;
    if (job.splits == 1 || all_tiles(a) >= few_tiles(dev)) {
        lf__cpu_run(dev, tile_worker, &job, forward_work(a));
        return;
    }
    job.parts = job.scratch + (size_t)lf__pool_threads(dev->pool) * job.work_bytes;
    lf__cpu_run(dev, split_worker, &job, forward_work(a));
    lf__cpu_run(dev, merge_worker, &job, (double)all_tiles(a) * job.splits * (double)part_floats(a));
}

void lf__cpu_ops_attention(lf_backend_ops *ops)
{
    ops->kv_write = lf__cpu_kv_write;
    ops->attention_forward = attention_forward;
    ops->attention_backward = lf__cpu_attention_grad;
    ops->attention_forward_scratch = attention_forward_scratch;
    ops->attention_backward_scratch = lf__cpu_attention_grad_scratch;
}
