/* cpu_gemm.c - packing of B and C = init + A B: the loops around the micro-tile and the division of C among the workers.
 *
 *   A as it lies (rows)                                  A packed first (transposed, or rows 4 KiB apart)
 *     for each group of panels, a K block of it in L2      for each K block
 *       for each K block                                     for each chunk of mc rows: packed, in L2
 *         for each strip of mr rows, in L1                     for each panel, streamed once per chunk
 *           for each panel of the group: one tile                for each strip of the chunk: one tile
 *
 * An element of C is one chain over k ascending whatever the blocks, the shape or the number of workers; between K blocks C waits in
 * memory in float. Workers own parts of C. */
#include <string.h>

#include "backend/cpu/kernels.h"

/* ---- pack ---------------------------------------------------------------------------------------------------------------- */
typedef struct pack_job {
    const lf_kernels *kernels;
    const lf_panels *dst;
    const float *src;
    const lf_bf16 *src16; /* in place of src */
    ptrdiff_t stride_n, stride_k;
} pack_job;

/* Columns first .. first+cols-1 of B into columns at.. of the panel; the rest up to `width` becomes zero. One stride is 1. A float and a
 * pair are both 4 bytes: panels of either type are lines of 32 words. */
static void pack_columns(const pack_job *job, float *panel, int first, int cols, int width)
{
    const lf_kernels *kern = job->kernels;
    const float *src = job->src + first * job->stride_n;
    bool rows = job->stride_k != 1;
    int k = job->dst->k, lines = lf__panels_lines(job->dst);
    cols = LF_MAX(cols, 0);
    if (!rows && job->dst->type == LF_BF16)
        kern->pack_transposed16((lf_pair *)panel, src, job->stride_n, cols, k);
    else if (!rows)
        kern->pack_transposed(panel, src, job->stride_n, cols, k);
    for (int i = 0; i < lines && (rows || cols < width); i++, panel += LF_PANEL) {
        if (rows) memcpy(panel, src + i * job->stride_k, (size_t)cols * sizeof *panel);
        if (cols < width) memset(panel + cols, 0, (size_t)(width - cols) * sizeof *panel);
    }
}

/* Rows of B into pairs, a few panels at a time: whole stretches of a row are read, as many streams are written. */
static void pack_pair_rows(const pack_job *job, int lo, int hi)
{
    enum { AT_ONCE = 8 };
    const lf_panels *dst = job->dst;
    ptrdiff_t panel = (ptrdiff_t)lf__panels_lines(dst) * LF_PANEL;
    for (int p = lo; p < hi; p += AT_ONCE) {
        int n = LF_MIN(LF_MIN(AT_ONCE, hi - p) * LF_PANEL, dst->n - p * LF_PANEL);
        lf_pair *to = (lf_pair *)dst->data + p * panel;
        if (job->src16)
            job->kernels->pair_rows(to, panel, job->src16 + p * LF_PANEL, job->stride_k, n, dst->k);
        else
            job->kernels->pack_rows16(to, panel, job->src + p * LF_PANEL, job->stride_k, n, dst->k);
    }
}

/* Panels of float16: transposed a few k at a time, then narrowed. */
static void pack_halves(const pack_job *job, int lo, int hi)
{
    enum { AT_ONCE = 64 };
    const lf_panels *b = job->dst;
    for (int p = lo; p < hi; p++)
        for (int k0 = 0; k0 < b->k; k0 += AT_ONCE) {
            float piece[AT_ONCE * LF_PANEL] = {0};
            int kc = LF_MIN(AT_ONCE, b->k - k0);
            for (int h = 0; h < 2; h++) {
                int n, at = lf__half_column(b, p, h, &n);
                if (n > 0) job->kernels->pack_transposed(piece + h * LF_HALF, job->src + at * job->stride_n + k0, job->stride_n, n, kc);
            }
            uint16_t *to = (uint16_t *)b->data + ((ptrdiff_t)p * b->k + k0) * LF_PANEL;
            lf__dtype(LF_F16)->from_float(to, piece, (size_t)kc * LF_PANEL, NULL);
        }
}

static void pack_part(void *arg, int tid, int n_threads)
{
    const pack_job *job = arg;
    const lf_panels *dst = job->dst;
    int64_t lo, hi;
    lf__split(lf__panels_count(dst->n, dst->pair), 1, tid, n_threads, &lo, &hi);
    if (dst->type == LF_F16) {
        pack_halves(job, (int)lo, (int)hi);
        return;
    }
    if (dst->type == LF_BF16 && (job->src16 || job->stride_k != 1)) {
        pack_pair_rows(job, (int)lo, (int)hi);
        return;
    }
    for (int p = (int)lo; p < hi; p++) {
        float *panel = (float *)dst->data + (ptrdiff_t)p * lf__panels_lines(dst) * LF_PANEL;
        if (dst->pair) {
            int at = p * LF_HALF, cols = LF_MIN(LF_HALF, dst->pair - at);
            pack_columns(job, panel, at, cols, LF_HALF);
            pack_columns(job, panel + LF_HALF, dst->pair + at, cols, LF_HALF);
        } else {
            int at = p * LF_PANEL;
            pack_columns(job, panel, at, LF_MIN(LF_PANEL, dst->n - at), LF_PANEL);
        }
    }
}

static void pack(lf_device *dev, const lf_panels *dst, const float *src, ptrdiff_t stride_n, ptrdiff_t stride_k)
{
    pack_job job = {dev->kernels, dst, src, NULL, stride_n, stride_k};
    lf__cpu_run(dev, pack_part, &job, (double)dst->n * dst->k);
}

static void pack16(lf_device *dev, const lf_panels *dst, const lf_bf16 *src, ptrdiff_t stride_k)
{
    pack_job job = {dev->kernels, dst, NULL, src, 1, stride_k};
    lf__cpu_run(dev, pack_part, &job, (double)dst->n * dst->k);
}

/* ---- gemm ---------------------------------------------------------------------------------------------------------------- */
typedef struct gemm_job {
    const lf_cpu_device *dev;
    const lf_gemm *g;
} gemm_job;

/* Splits the workers into a grid over C: least work for the busiest, in fifths of a tile. Rows of A that are rounded to bfloat16 are so by
 * every worker that owns a part of them: a strip then costs 0.4 tiles more. Every 256 rows all panels pass by once, 0.2 tiles each: what
 * few rows must not do twice (256 x 50,257 x 768 on two workers: 300 -> 395 GFLOP/s). Where it makes no difference workers own rows, as
 * everywhere else: what they read lies in their own caches (char in f32 with columns split and no common L3: 31 -> 35 ms a step). */
lf_gemm_part lf__gemm_part(const lf_gemm *g, int mr, int tid, int n_threads)
{
    int64_t strips = (g->m + mr - 1) / mr, panels = lf__panels_count(g->b->n, g->b->pair), best = INT64_MAX, lo, hi;
    int parts_m = 1, parts_n = 1;
    for (int m = n_threads; m >= 1; m--) {
        if (n_threads % m) continue;
        int n = n_threads / m;
        int64_t rows = (strips + m - 1) / m, cols = (panels + n - 1) / n;
        int64_t work = rows * (5 * cols + (g->b->type == LF_BF16 ? 2 : 0)) + cols * ((rows * mr + 255) / 256);
        if (work < best - best / 64) best = work, parts_m = m, parts_n = n;
    }
    lf_gemm_part part;
    lf__split(g->m, mr, tid / parts_n, parts_m, &lo, &hi);
    part.r0 = (int)lo, part.r1 = (int)hi;
    lf__split(panels, 1, tid % parts_n, parts_n, &lo, &hi);
    part.p0 = (int)lo, part.p1 = (int)hi;
    return part;
}

/* How the tiles see A. A transposed A is packed into strips. Rows that lie a multiple of 4 KiB apart would all fall into one set of L1,
 * 12 lines into 8 ways: they are copied side by side. */
typedef enum a_view { A_PLAIN, A_COPIED, A_STRIPS } a_view;

static a_view choose_view(const lf_gemm *g, int rows, int mr)
{
    if (g->a_cs != 1 && g->m > 1) return A_STRIPS;
    return rows > mr && g->a_rs % 1024 == 0 ? A_COPIED : A_PLAIN;
}

static void copy_rows(float *dst, const float *a, ptrdiff_t a_rs, int rows, int kc)
{
    for (int i = 0; i < rows; i++, a += a_rs, dst += kc + LF_HALF) {
        for (int k = 0; k < kc && i + 1 < rows; k += 16) __builtin_prefetch(a + a_rs + k);
        memcpy(dst, a, (size_t)kc * sizeof(float));
    }
}

/* One K block [k0, k0 + kc) of one part of C. */
typedef struct gemm_block {
    const lf_kernels *kern;
    const lf_gemm *g;
    const float *a; /* strip of row part.r0 */
    ptrdiff_t a_rs, a_cs, strip;
    lf_gemm_part part;
    int k0, kc;
} gemm_block;

/* The tile at (row r, panel p), with its epilogue while it is hot. The next tile is at (next_row, next_panel) or nowhere near; rows
 * skip.. skip + fetch of the next strip of A are wanted soon. */
static void run_tile(const gemm_block *w, int r, int p, int next_row, int next_panel, int skip, int fetch)
{
    const lf_gemm *g = w->g;
    const lf_panels *b = g->b;
    const float *init = w->k0 > 0 ? g->c : g->init;
    lf_tile t = {.a = w->a + (r - w->part.r0) / w->kern->mr * w->strip, .a_rs = w->a_rs, .a_cs = w->a_cs, .ldc = g->ldc, .kc = w->kc};
    ptrdiff_t line = (ptrdiff_t)p * b->k + w->k0;
    bool half = b->type == LF_F16;
    if (half)
        t.b16 = (const uint16_t *)b->data + line * LF_PANEL;
    else
        t.b = (const float *)b->data + line * LF_PANEL;
    t.ldinit = w->k0 > 0 ? g->ldc : g->ldinit;
    t.mr = LF_MIN(w->kern->mr, w->part.r1 - r);
    t.next_a = t.a + (t.mr + skip) * t.a_rs, t.next_rows = fetch;
    for (int h = 0; h < 2; h++) {
        int unused, col = lf__half_column(b, p, h, &t.n[h]);
        t.c[h] = g->c + r * g->ldc + col;
        t.init[h] = init ? init + r * t.ldinit + col : NULL;
        t.next_c[h] = g->c + next_row * g->ldc + lf__half_column(b, next_panel, h, &unused);
    }
    (half ? w->kern->tile_half : w->kern->tile)(&t);
    if (!g->swiglu || w->k0 + w->kc < b->k) return;
    for (int i = 0; i < t.mr; i++)
        w->kern->swiglu(g->swiglu + (r + i) * g->ldswiglu + p * LF_HALF, t.c[0] + i * g->ldc, t.c[1] + i * g->ldc, t.n[0]);
}

/* The panels of the group share the rows of the next strip among them: each fetches some. */
static void run_plain(const gemm_block *w)
{
    const lf_gemm_part *part = &w->part;
    int mr = w->kern->mr, panels = part->p1 - part->p0;
    for (int r = part->r0; r < part->r1; r += mr) {
        int rest = LF_MAX(0, LF_MIN(mr, part->r1 - r - mr));
        for (int p = part->p0; p < part->p1; p++) {
            int lo = rest * (p - part->p0) / panels, hi = rest * (p - part->p0 + 1) / panels;
            run_tile(w, r, p, r, LF_MIN(p + 1, part->p1 - 1), lo, hi - lo);
        }
    }
}

static void run_packed(const gemm_block *w)
{
    for (int p = w->part.p0; p < w->part.p1; p++)
        for (int r = w->part.r0; r < w->part.r1; r += w->kern->mr) run_tile(w, r, p, LF_MIN(r + w->kern->mr, w->part.r1 - 1), p, 0, 0);
}

static void gemm_plain(gemm_block *w, const lf_gemm_part *all, int kc)
{
    int k = w->g->b->k, group = LF_MAX(1, w->kern->block_floats / (kc * LF_PANEL));
    w->a_rs = w->g->a_rs, w->a_cs = w->g->a_cs, w->strip = w->kern->mr * w->a_rs;
    for (int p = all->p0; p < all->p1; p += group) {
        w->part = (lf_gemm_part){all->r0, all->r1, p, LF_MIN(all->p1, p + group)};
        for (w->k0 = 0; w->k0 == 0 || w->k0 < k; w->k0 += kc) {
            w->kc = LF_MIN(kc, k - w->k0);
            w->a = w->g->a + all->r0 * w->a_rs + w->k0 * w->a_cs;
            run_plain(w);
        }
    }
}

static void gemm_packed(gemm_block *w, const lf_gemm_part *all, int kc, a_view view, float *packed)
{
    int k = w->g->b->k, mr = w->kern->mr;
    w->a = packed;
    for (w->k0 = 0; w->k0 == 0 || w->k0 < k; w->k0 += kc) {
        w->kc = LF_MIN(kc, k - w->k0);
        w->a_rs = view == A_STRIPS ? 1 : w->kc + LF_HALF;
        w->a_cs = view == A_STRIPS ? mr : 1;
        w->strip = view == A_STRIPS ? lf__strip_floats(w->kc, mr) : mr * w->a_rs;
        for (int r = all->r0; r < all->r1; r += w->kern->mc) {
            const float *a = w->g->a + r * w->g->a_rs + w->k0 * w->g->a_cs;
            w->part = (lf_gemm_part){r, LF_MIN(all->r1, r + w->kern->mc), all->p0, all->p1};
            if (view == A_STRIPS)
                w->kern->pack_strips(packed, a, w->g->a_cs, w->part.r1 - r, w->kc);
            else
                copy_rows(packed, a, w->g->a_rs, w->part.r1 - r, w->kc);
            run_packed(w);
        }
    }
}

static void gemm_worker(void *arg, int tid, int n_threads)
{
    const gemm_job job = *(const gemm_job *)arg;
    const lf_kernels *kern = &job.dev->kernels;
    lf_gemm_part all = lf__gemm_part(job.g, kern->mr, tid, n_threads);
    if (all.r0 >= all.r1 || all.p0 >= all.p1) return;

    /* K blocks of equal size; a single strip walks the whole K at once, so that each panel is one stream. */
    gemm_block w = {.kern = kern, .g = job.g};
    a_view view = choose_view(job.g, all.r1 - all.r0, kern->mr);
    int k = job.g->b->k, blocks = LF_MAX(1, (k + kern->kc - 1) / kern->kc);
    if (all.r1 - all.r0 <= kern->mr && view == A_PLAIN) blocks = 1;
    int kc = LF_MAX(4, (int)lf__round_up((size_t)((k + blocks - 1) / blocks), 4));
    if (view == A_PLAIN)
        gemm_plain(&w, &all, kc);
    else
        gemm_packed(&w, &all, kc, view, job.dev->pack + (size_t)tid * job.dev->pack_floats);
}

static void gemm_one(lf_device *dev, const lf_gemm *g)
{
    gemm_job job = {.dev = (const lf_cpu_device *)dev, .g = g};
    if (lf__quantized(g->b->type))
        lf__cpu_gemm_quant(dev, g);
    else if (g->b->type == LF_BF16)
        lf__cpu_gemm_bf16(dev, g);
    else
        lf__cpu_run(dev, gemm_worker, &job, (double)g->m * g->b->n * g->b->k);
}

/* Panels of another type are the columns behind. */
static void gemm(lf_device *dev, const lf_gemm *g)
{
    lf_gemm part = *g;
    for (;; part.b = part.b->next) {
        if (g->m > 0 && part.b->n > 0) gemm_one(dev, &part);
        if (!part.b->next) return;
        part.c += part.b->n;
        if (part.init) part.init += part.b->n;
    }
}

void lf__cpu_ops_gemm(lf_backend_ops *ops)
{
    ops->pack = pack;
    ops->pack16 = pack16;
    ops->pack_blocks = lf__cpu_pack_blocks;
    ops->gemm = gemm;
}
