/* cpu_gemm.c - packing of B and C = init + A B: the loops around the micro-tile and the division of C among the workers.
 *
 *   for each group of panels whose K block fits in L2        B block stays in L2
 *     for each K block                                       C waits in memory, in float, between K blocks
 *       for each chunk of rows (packed when A is transposed)
 *         for each strip of mr rows                          strip of A stays in L1
 *           for each panel of the group: one tile
 *
 * An element of C is one chain over k ascending whatever the blocks, the shape or the number of workers. Workers own parts of C. */
#include <string.h>

#include "backend/cpu/kernels.h"

/* ---- pack ---------------------------------------------------------------------------------------------------------------- */
typedef struct pack_job {
    const lf_kernels *kernels;
    const lf_panels *dst;
    const float *src;
    ptrdiff_t stride_n, stride_k;
} pack_job;

/* Columns first .. first+cols-1 of B into columns at.. of the panel; the rest up to `width` becomes zero. */
static void pack_columns(const pack_job *job, float *panel, int first, int cols, int width)
{
    const float *src = job->src + first * job->stride_n;
    int k = job->dst->k;
    if (job->stride_k == 1) {
        if (cols > 0) job->kernels->pack_transposed(panel, src, job->stride_n, cols, k);
        for (int i = 0; i < k && cols < width; i++)
            memset(panel + (ptrdiff_t)i * LF_PANEL + cols, 0, (size_t)(width - cols) * sizeof(float));
        return;
    }
    for (int i = 0; i < k; i++, panel += LF_PANEL, src += job->stride_k) {
        if (job->stride_n == 1)
            memcpy(panel, src, (size_t)cols * sizeof(float));
        else
            for (int j = 0; j < cols; j++) panel[j] = src[j * job->stride_n];
        if (cols < width) memset(panel + cols, 0, (size_t)(width - cols) * sizeof(float));
    }
}

static void pack_part(void *arg, int tid, int n_threads)
{
    const pack_job *job = arg;
    const lf_panels *dst = job->dst;
    int64_t lo, hi;
    lf__split(lf__panels_count(dst->n, dst->pair), 1, tid, n_threads, &lo, &hi);
    for (int p = (int)lo; p < hi; p++) {
        float *panel = dst->data + (ptrdiff_t)p * dst->k * LF_PANEL;
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
    pack_job job = {dev->kernels, dst, src, stride_n, stride_k};
    lf__cpu_run(dev, pack_part, &job, (double)dst->n * dst->k);
}

/* ---- gemm ---------------------------------------------------------------------------------------------------------------- */
typedef struct gemm_job {
    const lf_cpu_device *dev;
    const lf_gemm *g;
    int strips, panels; /* of the whole C */
    int parts_m, parts_n;
} gemm_job;

/* The part of C one worker owns: rows [r0, r1), panels [p0, p1). */
typedef struct gemm_part {
    int r0, r1, p0, p1;
} gemm_part;

/* Splits the workers into a grid over C: least work for the busiest, then the least traffic (its half perimeter). */
static void choose_grid(gemm_job *job, int n_threads)
{
    int64_t best = INT64_MAX, best_edge = INT64_MAX;
    for (int m = 1; m <= n_threads; m++) {
        if (n_threads % m) continue;
        int n = n_threads / m;
        int64_t rows = (job->strips + m - 1) / m, cols = (job->panels + n - 1) / n, edge = rows + cols;
        if (rows * cols < best || (rows * cols == best && edge < best_edge)) {
            best = rows * cols, best_edge = edge;
            job->parts_m = m, job->parts_n = n;
        }
    }
}

/* Where half h of panel p of C begins, and how many columns it has. */
static int half_column(const lf_panels *b, int p, int h, int *count)
{
    int at = b->pair ? p * LF_HALF : p * LF_PANEL + h * LF_HALF;
    int end = b->pair ? b->pair : b->n;
    *count = LF_MAX(0, LF_MIN(LF_HALF, end - at));
    return b->pair && h ? b->pair + at : at;
}

/* Lines of the strip after this one, a share of them per tile: they arrive in L2 while the current strip is in use. Without it every
 * strip begins with a line per row and 16 k from L3: 8-12 % at 4096 x 256 x 256. */
static void prefetch_share(const float *a, ptrdiff_t a_rs, int rows, int kc, int share, int shares)
{
    int lines = (kc + 15) / 16, lo = lines * share / shares, hi = lines * (share + 1) / shares;
    for (int i = 0; i < rows; i++)
        for (int l = lo; l < hi; l++) __builtin_prefetch(a + i * a_rs + l * 16, 0, 2);
}

/* One K block of rows [r0, r1) against panels [p0, p1). a points at A[r0, k0]: a plain view, or strips packed [strip][kc][mr]. */
static void run_block(const lf_cpu_device *dev, const lf_gemm *g, const gemm_part *part, int k0, int kc, const float *a, bool packed)
{
    const lf_kernels *kern = &dev->kernels;
    const lf_panels *b = g->b;
    bool last = k0 + kc == b->k;
    const float *init = k0 > 0 ? g->c : g->init;
    lf_tile t = {.a_rs = packed ? 1 : g->a_rs, .a_cs = packed ? kern->mr : g->a_cs, .ldc = g->ldc, .kc = kc};
    t.ldinit = k0 > 0 ? g->ldc : g->ldinit;
    for (int r = part->r0; r < part->r1; r += kern->mr) {
        t.mr = LF_MIN(kern->mr, part->r1 - r);
        t.a = packed ? a + (ptrdiff_t)(r - part->r0) * kc : a + (r - part->r0) * g->a_rs;
        int next = packed ? 0 : LF_MIN(kern->mr, part->r1 - r - t.mr);
        for (int p = part->p0; p < part->p1; p++) {
            t.b = b->data + ((ptrdiff_t)p * b->k + k0) * LF_PANEL;
            for (int h = 0; h < 2; h++) {
                int col = half_column(b, p, h, &t.n[h]);
                t.c[h] = g->c + r * g->ldc + col;
                t.init[h] = init ? init + r * t.ldinit + col : NULL;
            }
            prefetch_share(t.a + t.mr * t.a_rs, t.a_rs, next, kc, p - part->p0, part->p1 - part->p0);
            kern->tile(&t);
            for (int i = 0; i < t.mr && last && g->swiglu; i++)
                kern->swiglu(g->swiglu + (r + i) * g->ldswiglu + p * LF_HALF, t.c[0] + i * g->ldc, t.c[1] + i * g->ldc, t.n[0]);
        }
    }
}

static void gemm_worker(void *arg, int tid, int n_threads)
{
    gemm_job job = *(const gemm_job *)arg;
    const lf_cpu_device *dev = job.dev;
    const lf_kernels *kern = &dev->kernels;
    const lf_gemm *g = job.g;
    choose_grid(&job, n_threads);

    int64_t lo, hi;
    gemm_part all;
    lf__split(g->m, kern->mr, tid / job.parts_n, job.parts_m, &lo, &hi);
    all.r0 = (int)lo, all.r1 = (int)hi;
    lf__split(job.panels, 1, tid % job.parts_n, job.parts_n, &lo, &hi);
    all.p0 = (int)lo, all.p1 = (int)hi;
    if (all.r0 >= all.r1 || all.p0 >= all.p1) return;

    /* K blocks of equal size; a single strip walks the whole K at once, so that each panel is one stream. */
    bool packed = g->a_cs != 1 && g->m > 1;
    int k = g->b->k, blocks = LF_MAX(1, (k + kern->kc - 1) / kern->kc);
    if (all.r1 - all.r0 <= kern->mr && !packed) blocks = 1;
    int kc = LF_MAX(1, (int)lf__round_up((size_t)((k + blocks - 1) / blocks), 4));
    int group = LF_MAX(1, kern->block_floats / (kc * LF_PANEL));
    float *strips = dev->pack + (size_t)tid * dev->pack_floats;

    for (int p = all.p0; p < all.p1; p += group) {
        for (int k0 = 0; k0 == 0 || k0 < k; k0 += kc) {
            int kn = LF_MIN(kc, k - k0), chunk = packed ? kern->mc : all.r1 - all.r0;
            for (int r = all.r0; r < all.r1; r += chunk) {
                gemm_part part = {r, LF_MIN(all.r1, r + chunk), p, LF_MIN(all.p1, p + group)};
                const float *a = g->a + r * g->a_rs + k0 * g->a_cs;
                if (packed) kern->pack_strips(strips, a, g->a_cs, part.r1 - part.r0, kn);
                run_block(dev, g, &part, k0, kn, packed ? strips : a, packed);
            }
        }
    }
}

static void gemm(lf_device *dev, const lf_gemm *g)
{
    if (g->m <= 0 || g->b->n <= 0) return;
    int mr = dev->kernels->mr;
    gemm_job job = {
        .dev = (const lf_cpu_device *)dev, .g = g, .strips = (g->m + mr - 1) / mr, .panels = lf__panels_count(g->b->n, g->b->pair)};
    lf__cpu_run(dev, gemm_worker, &job, (double)g->m * g->b->n * g->b->k);
}

void lf__cpu_ops_gemm(lf_backend_ops *ops)
{
    ops->pack = pack;
    ops->gemm = gemm;
}
