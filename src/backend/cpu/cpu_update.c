/* cpu_update.c - one step of an optimizer: weights, what it keeps of them and the panels made of them, in one pass over memory. A worker
 * owns blocks of 32 rows; while a tile of 32 x 1,024 fresh weights is in its L2 it goes into both kinds of panels:
 *
 *   w, m, v, g  ->  w, m, v   ->   forward: a stretch of k of one panel (or of half of two)
 *   [32, 1024]                ->   backward: 32 k of 32 panels
 *
 * The arithmetic is element by element, so neither tiles nor workers change a bit. */
#include <string.h>

#include "backend/cpu/kernels.h"

enum { BLOCK_ROWS = LF_PANEL, BLOCK_COLS = 1024 };

typedef struct step_job {
    const lf_kernels *k;
    const lf_weight_step *a;
} step_job;

/* Where row r of the weight stands among the columns of its forward panels: panel and column, and how many rows follow it there. */
static int forward_column(const lf_panels *p, int r, int *column)
{
    if (!p->pair) {
        *column = r % LF_PANEL;
        return r / LF_PANEL;
    }
    int half = r >= p->pair, at = r - half * p->pair;
    *column = at % LF_HALF + half * LF_HALF;
    return at / LF_HALF;
}

static int rows_together(const lf_panels *p, int r, int end)
{
    int width = p->pair ? LF_HALF : LF_PANEL, at = p->pair && r >= p->pair ? r - p->pair : r, last = p->pair ? p->pair : p->n;
    return LF_MIN(LF_MIN(end - r, width - at % width), last - at);
}

/* Rows [r0, r1), columns [c0, c1) of W [.., cols], w its first row: B = W^T. */
static void pack_forward(const lf_kernels *k, const lf_panels *p, const float *w, ptrdiff_t cols, int r0, int r1, int c0, int c1)
{
    ptrdiff_t lines = lf__panels_lines(p);
    for (int r = r0, n; r < r1; r += n) {
        int column, panel = forward_column(p, r, &column);
        const float *src = w + r * cols + c0;
        n = rows_together(p, r, r1);
        if (p->type == LF_BF16)
            k->pack_transposed16((lf_pair *)p->data + (panel * lines + c0 / 2) * LF_PANEL + column, src, cols, n, c1 - c0);
        else
            k->pack_transposed((float *)p->data + (panel * lines + c0) * LF_PANEL + column, src, cols, n, c1 - c0);
    }
}

/* B = W. Of a pair of k whose odd row is the first of its part the even one was stepped before. */
static void pack_backward(const lf_kernels *k, const lf_panels *p, const float *w, ptrdiff_t cols, int r0, int r1, int c0, int c1)
{
    ptrdiff_t distance = (ptrdiff_t)lf__panels_lines(p) * LF_PANEL;
    if (p->type == LF_BF16) {
        r0 -= r0 % 2;
        k->pack_rows16((lf_pair *)p->data + c0 / LF_PANEL * distance + r0 / 2 * LF_PANEL, distance, w + r0 * cols + c0, cols, c1 - c0,
                       r1 - r0);
        return;
    }
    for (int r = r0; r < r1; r++)
        for (int c = c0; c < c1; c += LF_PANEL)
            memcpy((float *)p->data + c / LF_PANEL * distance + r * LF_PANEL, w + r * cols + c,
                   (size_t)LF_MIN(LF_PANEL, c1 - c) * sizeof *w);
}

static void step_worker(void *arg, int tid, int n_threads)
{
    const step_job *j = arg;
    const lf_weight_step *a = j->a;
    const float *whole = a->w - (ptrdiff_t)a->row0 * a->cols; /* row 0 of the weight */
    int64_t lo, hi;
    lf__split(a->row0 % BLOCK_ROWS + a->rows, BLOCK_ROWS, tid, n_threads, &lo, &hi);
    int first = LF_MAX(a->row0, a->row0 / BLOCK_ROWS * BLOCK_ROWS + (int)lo), end = a->row0 / BLOCK_ROWS * BLOCK_ROWS + (int)hi;
    for (int r0 = first, r1; r0 < end; r0 = r1) {
        r1 = LF_MIN(end, (r0 / BLOCK_ROWS + 1) * BLOCK_ROWS);
        for (int c0 = 0, c1; c0 < a->cols; c0 = c1) {
            c1 = LF_MIN(a->cols, c0 + BLOCK_COLS);
            if (c1 - c0 == a->cols)
                j->k->step[a->rule](a, (int64_t)(r0 - a->row0) * a->cols, (int64_t)(r1 - a->row0) * a->cols);
            else
                for (int64_t r = r0 - a->row0; r < r1 - a->row0; r++) j->k->step[a->rule](a, r * a->cols + c0, r * a->cols + c1);
            if (a->forward) pack_forward(j->k, a->forward, whole, a->cols, r0, r1, c0, c1);
            if (a->backward) pack_backward(j->k, a->backward, whole, a->cols, r0, r1, c0, c1);
        }
    }
}

/* A single row is divided by its columns. */
static void flat_worker(void *arg, int tid, int n_threads)
{
    const step_job *j = arg;
    int64_t lo, hi;
    lf__split((int64_t)j->a->rows * j->a->cols, LF_HALF, tid, n_threads, &lo, &hi);
    j->k->step[j->a->rule](j->a, lo, hi);
}

static void step_weight(lf_device *dev, const lf_weight_step *a)
{
    step_job job = {dev->kernels, a};
    lf__cpu_run(dev, a->forward || a->backward ? step_worker : flat_worker, &job, 4.0 * a->rows * a->cols);
}

void lf__cpu_ops_update(lf_backend_ops *ops) { ops->step_weight = step_weight; }
