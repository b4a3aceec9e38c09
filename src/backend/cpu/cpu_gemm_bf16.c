/* cpu_gemm_bf16.c - C = init + A B with operands in bfloat16 and sums in float. Not the tile: that is a kernel.
 *
 *   for each K block
 *     for each chunk of rows of A: rounded and packed, in L2
 *       for each panel, streamed once per chunk
 *         for each strip of LF_MR16 rows of the chunk: one tile
 *
 * An element of C is one chain over the pairs of k ascending, whatever the blocks, the shape or the number of workers; between K blocks C
 * waits in memory in float. Workers own parts of C. */
#include <string.h>

#include "backend/cpu/kernels.h"

enum { BLOCK_PAIRS = 1024 }; /* of a K block: 512 cost 8 % where they split K = 1,408 and C waited in memory */

typedef struct gemm_job {
    const lf_cpu_device *dev;
    const lf_gemm *g;
} gemm_job;

/* One chunk of packed rows against one K block [k0, k0 + kp) of the panels, in pairs. */
typedef struct gemm_block {
    const lf_kernels *kern;
    const lf_gemm *g;
    const lf_pair *a; /* of row part.r0 */
    ptrdiff_t a_rs, strip_distance;
    bool strip;
    lf_gemm_part part;
    int k0, kp, last; /* last: the K block that ends C */
} gemm_block;

/* All strips of the chunk against one panel, each tile with its epilogue while it is hot. */
static void run_panel(const gemm_block *w, int p)
{
    const lf_gemm *g = w->g;
    const float *init = w->k0 > 0 ? g->c : g->init;
    lf_tile16 t = {.a = w->a, .a_rs = w->a_rs, .strip = w->strip, .kp = w->kp, .ldc = g->ldc, .ldinit = w->k0 > 0 ? g->ldc : g->ldinit};
    t.b = (const lf_pair *)g->b->data + ((ptrdiff_t)p * lf__pairs(g->b->k) + w->k0) * LF_PANEL;
    int col[2] = {lf__half_column(g->b, p, 0, &t.n[0]), lf__half_column(g->b, p, 1, &t.n[1])};
    for (int r = w->part.r0; r < w->part.r1; r += LF_MR16, t.a += w->strip_distance) {
        t.mr = LF_MIN(LF_MR16, w->part.r1 - r);
        for (int h = 0; h < 2; h++) {
            t.c[h] = g->c + r * g->ldc + col[h];
            t.init[h] = init ? init + r * t.ldinit + col[h] : NULL;
            t.next_c[h] = r + LF_MR16 < w->part.r1 ? t.c[h] + LF_MR16 * g->ldc : NULL;
        }
        w->kern->tile16(&t);
        for (int i = 0; g->swiglu && w->last && i < t.mr; i++)
            w->kern->swiglu(g->swiglu + (r + i) * g->ldswiglu + p * LF_HALF, t.c[0] + i * g->ldc, t.c[1] + i * g->ldc, t.n[0]);
    }
}

static void swiglu_rows(const lf_kernels *k, lf_bf16 *h, ptrdiff_t ldh, lf_bf16 *gate, lf_bf16 *up, ptrdiff_t ld, const float *c, int rows,
                        int n)
{
    float product[LF_HALF];
    for (int i = 0; i < rows; i++, c += LF_PANEL) {
        k->swiglu(product, c, c + LF_HALF, n);
        lf__narrow(k, gate + i * ld, c, n), lf__narrow(k, up + i * ld, c + LF_HALF, n), lf__narrow(k, h + i * ldh, product, n);
    }
}

/* The same where only rounded gates, ups and their product leave the tile: it lies in L1. */
static void run_panel16(const gemm_block *w, int p)
{
    _Alignas(64) float c[LF_MR16 * LF_PANEL];
    const lf_gemm *g = w->g;
    lf_tile16 t = {.a = w->a, .a_rs = w->a_rs, .strip = w->strip, .kp = w->kp, .c = {c, c + LF_HALF}, .ldc = LF_PANEL};
    t.b = (const lf_pair *)g->b->data + (ptrdiff_t)p * lf__pairs(g->b->k) * LF_PANEL;
    t.n[0] = t.n[1] = LF_HALF; /* columns that do not exist are zeros of the panel */
    int n, col = lf__half_column(g->b, p, 0, &n);
    for (int r = w->part.r0; r < w->part.r1; r += LF_MR16, t.a += w->strip_distance) {
        t.mr = LF_MIN(LF_MR16, w->part.r1 - r);
        w->kern->tile16(&t);
        lf_bf16 *gate = g->c16 + r * g->ldc + col, *up = gate + g->b->pair, *h = g->swiglu16 + r * g->ldswiglu + col;
        if (w->kern->swiglu_tile)
            w->kern->swiglu_tile(h, g->ldswiglu, gate, up, g->ldc, c, t.mr, n);
        else
            swiglu_rows(w->kern, h, g->ldswiglu, gate, up, g->ldc, c, t.mr, n);
    }
}

/* Rows of A as the tiles read them. What is rounded already is taken where it lies, if it lies as pairs; rows a multiple of 2 KiB apart
 * would fall into two sets of L1, twelve lines into eight ways each: they are copied side by side. */
static bool in_place(const lf_gemm *g) { return g->a16 && g->a_cs == 1 && g->a_rs % 2 == 0 && g->b->k % 2 == 0 && g->a_rs % 1024 != 0; }

static const lf_pair *pack_a(const gemm_block *w, lf_pair *packed)
{
    const lf_gemm *g = w->g;
    int rows = w->part.r1 - w->part.r0, kc = LF_MIN(2 * w->kp, g->b->k - 2 * w->k0);
    ptrdiff_t at = w->part.r0 * g->a_rs + 2 * w->k0 * g->a_cs;
    if (in_place(g)) return (const lf_pair *)(const void *)(g->a16 + at);
    if (w->strip && g->a16)
        w->kern->pair_strips(packed, g->a16 + at, g->a_cs, rows, kc);
    else if (w->strip)
        w->kern->pack_strips16(packed, g->a + at, g->a_cs, rows, kc);
    else
        for (int i = 0; i < rows; i++) {
            lf_pair *row = packed + i * w->a_rs;
            if (g->a16)
                row[lf__pairs(kc) - 1] = 0, memcpy(row, g->a16 + at + i * g->a_rs, (size_t)kc * sizeof *g->a16);
            else
                w->kern->pairs(row, g->a + at + i * g->a_rs, kc);
        }
    return packed;
}

static void run_chunk(gemm_block *w, lf_pair *packed)
{
    w->a = pack_a(w, packed);
    for (int p = w->part.p0; p < w->part.p1; p++) (w->g->c16 ? run_panel16 : run_panel)(w, p);
}

static void gemm_worker(void *arg, int tid, int n_threads)
{
    const gemm_job *job = arg;
    const lf_gemm *g = job->g;
    lf_gemm_part all = lf__gemm_part(g, LF_MR16, tid, n_threads);
    if (all.r0 >= all.r1 || all.p0 >= all.p1) return;

    int pairs = lf__pairs(g->b->k), blocks = LF_MAX(1, (pairs + BLOCK_PAIRS - 1) / BLOCK_PAIRS);
    if (g->c16) blocks = 1; /* C has no place to wait in */
    int kp = LF_MAX(1, (pairs + blocks - 1) / blocks);
    lf_pair *packed = (lf_pair *)(void *)job->dev->pack + (size_t)tid * job->dev->pack_floats;
    gemm_block w = {.kern = &job->dev->kernels, .g = g, .strip = g->a_cs != 1 && g->m > 1};
    int room = LF_MAX(1, LF_PACK_PAIRS / (kp + LF_HALF) / LF_MR16) * LF_MR16;
    for (w.k0 = 0; w.k0 == 0 || w.k0 < pairs; w.k0 += kp) {
        w.kp = LF_MIN(kp, pairs - w.k0), w.last = w.k0 + w.kp == pairs;
        w.a_rs = in_place(g) ? g->a_rs / 2 : w.kp + LF_HALF;
        w.strip_distance = w.strip ? lf__strip_pairs(2 * w.kp) : LF_MR16 * w.a_rs;
        for (int r = all.r0; r < all.r1; r += room) {
            w.part = (lf_gemm_part){r, LF_MIN(all.r1, r + room), all.p0, all.p1};
            run_chunk(&w, packed);
        }
    }
}

void lf__cpu_gemm_bf16(lf_device *dev, const lf_gemm *g)
{
    gemm_job job = {.dev = (const lf_cpu_device *)dev, .g = g};
    lf__cpu_run(dev, gemm_worker, &job, 0.5 * g->m * g->b->n * g->b->k);
}
