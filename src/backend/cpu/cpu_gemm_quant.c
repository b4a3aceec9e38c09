/* cpu_gemm_quant.c - C = init + A B with B in a quantized type: from the blocks of a file to panels, and the loops around the kernels.
 *
 *   for each K block (all of K where panels are read as they are packed), each chunk of rows of A: to bytes, in L2
 *     for each panel, where the rung cannot read it as it is packed: opened to bytes, a piece at a time
 *       for each strip of rows: one tile
 *
 * An element of C is one chain over the blocks of K ascending, whatever the way, the shape or the number of workers; between K blocks C
 * waits in memory. Workers own parts of C. */
#include <string.h>

#include "backend/cpu/kernels.h"

/* ---- panels from the blocks of a file ------------------------------------------------------------------------------------ */
size_t lf__qpanel_bytes(lf_dtype type, int k)
{
    const lf_qtype *t = &lf__qtypes[type];
    return t->unit ? (size_t)(k / t->unit) * (size_t)t->unit_bytes : 0;
}

bool lf__multiplies(lf_dtype type, int k)
{
    return type == LF_F32 || type == LF_BF16 || type == LF_F16 || (lf__quantized(type) && k > 0 && k % lf__qtypes[type].unit == 0);
}

/* One unit of one row, taken apart: w, and the numbers it is scaled with as they are in the file. */
typedef struct unit_parts {
    uint8_t w[256];
    const uint8_t *d, *dmin;   /* float16 */
    uint8_t scale[16], min[8]; /* whole numbers, by 32 k or 16 k */
} unit_parts;

static void nibbles_32(uint8_t *w, const uint8_t *q) /* low nibbles are the first 16 */
{
    for (int i = 0; i < 16; i++) w[i] = q[i] & 15, w[i + 16] = q[i] >> 4;
}

/* The 6-bit scales and minima of Q4_K and Q5_K: the first four of each in the low bits of a byte, the others in what is left. */
static void scales_6bit(unit_parts *u, const uint8_t *s)
{
    for (int i = 0; i < 4; i++) {
        u->scale[i] = s[i] & 63, u->min[i] = s[i + 4] & 63;
        u->scale[i + 4] = (uint8_t)((s[i + 8] & 15) | (s[i] >> 6) << 4);
        u->min[i + 4] = (uint8_t)(s[i + 8] >> 4 | (s[i + 4] >> 6) << 4);
    }
}

/* Layouts of the files' blocks: ggml's, as in tensor/. */
static void take_apart(unit_parts *u, lf_dtype type, const uint8_t *p)
{
    u->d = p;
    switch (type) {
    case LF_Q8_0: /* d | q [32] */
        for (int i = 0; i < 32; i++) u->w[i] = p[2 + i] ^ 0x80;
        break;
    case LF_Q4_0:
    case LF_IQ4_NL: /* d | q [16] */ nibbles_32(u->w, p + 2); break;
    case LF_Q4_K: /* d | dmin | scales [12] | q [4][32]: low nibbles are 32 k, high nibbles the next 32 */
    case LF_Q5_K: /* d | dmin | scales [12] | fifth bits [32], a bit for each 32 k | q [4][32] */
        u->dmin = p + 2;
        scales_6bit(u, p + 4);
        for (int i = 0; i < 256; i++) {
            int byte = i / 64 * 32 + i % 32, high = i / 32 % 2;
            u->w[i] = (uint8_t)(p[(type == LF_Q4_K ? 16 : 48) + byte] >> 4 * high & 15);
            if (type == LF_Q5_K) u->w[i] = (uint8_t)(u->w[i] | (p[16 + i % 32] >> i / 32 & 1) << 4);
        }
        break;
    default: /* Q6_K: low nibbles [2][64] | high pairs [2][32] | scales [16] | d */
        for (int i = 0; i < 256; i++) {
            int n = i / 128, l = i % 128, low = p[n * 64 + l % 64] >> l / 64 * 4 & 15, pair = p[128 + n * 32 + l % 32] >> l / 32 * 2 & 3;
            u->w[i] = (uint8_t)(low | pair << 4);
        }
        memcpy(u->scale, p + 192, 16);
        u->d = p + 208;
    }
}

/* Where fields of a panel are written: the places lf__qblock names. */
static inline uint8_t *place(const uint8_t *field) { return (uint8_t *)(uintptr_t)field; }

/* Block `block` of column j of half h from w[32] and its scales, number `at` in the unit. */
static void put_block(lf_dtype type, const void *panel, int block, int h, int j, const unit_parts *u, int at)
{
    lf_qblock b = lf__qblock(type, panel, block);
    const lf_qtype *t = &lf__qtypes[type];
    const uint8_t *w = u->w + at * LF_QBLOCK;
    int column = h * LF_HALF + j;
    for (int g = 0; g < 8; g++)
        for (int i = 0; i < 4; i++) {
            int byte = 4 * j + i, k = 4 * g + i;
            if (type == LF_Q8_0) {
                place(b.w)[(h * 8 + g) * 64 + byte] = w[k];
                continue;
            }
            if (g < 4) place(b.w)[(h * 4 + g) * 64 + byte] = (uint8_t)((w[k] & 15) | (w[k + 16] & 15) << 4);
            uint8_t *five = &place(b.high)[h * 64 + byte], *six = &place(b.high)[(h * 2 + g / 4) * 64 + byte];
            if (type == LF_Q5_K) *five = (uint8_t)((*five & ~(1 << g)) | w[k] >> 4 << g);
            if (type == LF_Q6_K) *six = (uint8_t)((*six & ~(3 << g % 4 * 2)) | w[k] >> 4 << g % 4 * 2);
        }
    if (t->unit == LF_QBLOCK) {
        memcpy(place(b.scale) + 2 * column, u->d, 2);
        return;
    }
    memcpy(place(b.d) + 2 * column, u->d, 2);
    for (int sub = 0; sub < t->subs; sub++) place(b.scale)[sub * LF_PANEL + column] = u->scale[at * t->subs + sub];
    if (!t->min) return;
    memcpy(place(b.dmin) + 2 * column, u->dmin, 2);
    place(b.min)[column] = u->min[at];
}

typedef struct blocks_job {
    const lf_panels *dst;
    const uint8_t *src;
    int row0, rows;
} blocks_job;

static void blocks_worker(void *arg, int tid, int n_threads)
{
    const blocks_job *job = arg;
    const lf_panels *dst = job->dst;
    const lf_qtype *t = &lf__qtypes[dst->type];
    size_t unit_bytes = (size_t)lf__dtype(dst->type)->bytes; /* a file's block is our unit */
    size_t panel_bytes = lf__qpanel_bytes(dst->type, dst->k);
    int64_t lo, hi;
    lf__split(job->rows, LF_HALF, tid, n_threads, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        const uint8_t *src = job->src + (size_t)r * (size_t)(dst->k / t->unit) * unit_bytes;
        int n = job->row0 + (int)r, up = dst->pair && n >= dst->pair, at = up ? n - dst->pair : n, wide = dst->pair ? LF_HALF : LF_PANEL;
        const void *panel = (const uint8_t *)dst->data + (size_t)(at / wide) * panel_bytes;
        int half = dst->pair ? up : at % LF_PANEL / LF_HALF;
        for (int unit = 0; unit < dst->k / t->unit; unit++, src += unit_bytes) {
            unit_parts u;
            take_apart(&u, dst->type, src);
            for (int i = 0; i < t->unit / LF_QBLOCK; i++)
                put_block(dst->type, panel, unit * (t->unit / LF_QBLOCK) + i, half, at % LF_HALF, &u, i);
        }
    }
}

void lf__cpu_pack_blocks(lf_device *dev, const lf_panels *dst, const void *src, int row0, int rows)
{
    blocks_job job = {dst, src, row0, rows};
    lf__cpu_run(dev, blocks_worker, &job, (double)rows * dst->k);
}

/* ---- gemm ---------------------------------------------------------------------------------------------------------------- */
/* Of K, in blocks: what of a panel is opened at a time (2,048 k; 88 KiB, in L2). Packed panels are read along all of K: C, whose rows lie
 * far apart, is touched once (512 rows, 5,632 k, against K blocks of 2,048: Q4_K 61 -> 68 % of the multiplier, Q4_0 66 -> 72, Q8_0 63 ->
 * 66). */
enum { BYTE_BLOCKS = 64 };

typedef struct gemm_job {
    const lf_cpu_device *dev;
    const lf_gemm *g;
} gemm_job;

/* One chunk of rows, as bytes, against one K block [block0, block0 + blocks) of the panels. */
typedef struct gemm_block {
    const lf_kernels *kern;
    const lf_gemm *g;
    lf_gemm_part part;
    lf_qact *a;     /* strips of `strip` rows, one behind the other, the last one shorter */
    lf_qopen *open; /* [BYTE_BLOCKS], or NULL: panels are read as they are packed         */
    int strip, block0, blocks;
} gemm_block;

static void to_bytes(const gemm_block *w)
{
    const lf_gemm *g = w->g;
    for (int r = w->part.r0; r < w->part.r1; r++) {
        int i = (r - w->part.r0) % w->strip, first = r - i, rows = LF_MIN(w->strip, w->part.r1 - first);
        lf_qact *a = w->a + (ptrdiff_t)(first - w->part.r0) * w->blocks + i;
        w->kern->qact(a, rows, g->a + r * g->a_rs + w->block0 * LF_QBLOCK, w->blocks, g->b->type);
    }
}

/* All strips against the K block of panel p; the last of K with the epilogue. */
static void run_blocks(const gemm_block *w, int p)
{
    const lf_gemm *g = w->g;
    const lf_panels *b = g->b;
    const lf_qtype *type = &lf__qtypes[b->type];
    int block = w->block0, n = w->blocks;
    const uint8_t *packed = (const uint8_t *)b->data + (size_t)p * lf__qpanel_bytes(b->type, b->k) +
                            (ptrdiff_t)(block * LF_QBLOCK / type->unit) * type->unit_bytes;
    const float *init = block > 0 ? g->c : g->init;
    lf_qtile t = {.b = packed, .ldc = g->ldc, .ldinit = block > 0 ? g->ldc : g->ldinit, .blocks = n};
    int col[2] = {lf__half_column(b, p, 0, &t.n[0]), lf__half_column(b, p, 1, &t.n[1])};
    bool last = (block + n) * LF_QBLOCK == b->k;
    if (w->open) {
        w->kern->qopen(b->type, w->open, packed, n);
        t.b = w->open;
    }
    for (int r = w->part.r0; r < w->part.r1; r += w->strip) {
        t.mr = LF_MIN(w->strip, w->part.r1 - r);
        t.a = w->a + (ptrdiff_t)(r - w->part.r0) * w->blocks;
        for (int h = 0; h < 2; h++) {
            t.c[h] = g->c + r * g->ldc + col[h];
            t.init[h] = init ? init + r * t.ldinit + col[h] : NULL;
        }
        (w->open ? w->kern->qtile : w->kern->qrows)(b->type, &t);
        for (int i = 0; g->swiglu && last && i < t.mr; i++)
            w->kern->swiglu(g->swiglu + (r + i) * g->ldswiglu + p * LF_HALF, t.c[0] + i * g->ldc, t.c[1] + i * g->ldc, t.n[0]);
    }
}

static void gemm_worker(void *arg, int tid, int n_threads)
{
    const gemm_job *job = arg;
    const lf_gemm *g = job->g;
    bool packed = job->dev->kernels.qrows; /* panels are read as they are */
    int mr = packed ? LF_QROWS : LF_QMR;
    lf_gemm_part all = lf__gemm_part(g, mr, tid, n_threads);
    int rows = all.r1 - all.r0, blocks = g->b->k / LF_QBLOCK;
    if (rows <= 0 || all.p0 >= all.p1) return;

    void *memory = job->dev->pack + (size_t)tid * job->dev->pack_floats;
    gemm_block w = {.kern = &job->dev->kernels, .g = g, .part = all, .a = memory};
    int room = LF_QPACK_ACTS, bytes = LF_MIN(blocks, LF_QPACK_ACTS / LF_QROWS);
    if (!packed) {
        w.open = memory, w.a = (lf_qact *)(void *)(w.open + BYTE_BLOCKS);
        room = (int)((LF_QPACK_ACTS * sizeof *w.a - BYTE_BLOCKS * sizeof *w.open) / sizeof *w.a);
        bytes = LF_MIN(blocks, BYTE_BLOCKS);
    }
    int most = room / bytes / mr * mr; /* rows of a chunk: whole strips */
    int chunks = (rows + most - 1) / most, chunk = (rows + chunks - 1) / chunks;
    int strips = (chunk + mr - 1) / mr;
    w.strip = (chunk + strips - 1) / strips;
    for (w.block0 = 0; w.block0 < blocks; w.block0 += bytes) {
        w.blocks = LF_MIN(bytes, blocks - w.block0);
        for (int r = all.r0; r < all.r1; r += chunk) {
            w.part.r0 = r, w.part.r1 = LF_MIN(all.r1, r + chunk);
            to_bytes(&w);
            for (int p = all.p0; p < all.p1; p++) run_blocks(&w, p);
        }
    }
}

void lf__cpu_gemm_quant(lf_device *dev, const lf_gemm *g)
{
    gemm_job job = {.dev = (const lf_cpu_device *)dev, .g = g};
    lf__cpu_run(dev, gemm_worker, &job, 0.25 * g->m * g->b->n * g->b->k);
}
