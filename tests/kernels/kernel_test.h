/* kernel_test.h - the frame of the kernel tests: one case = a run through the table of operations and an oracle in double. Every rung
 * of this CPU is held against the oracle, threads 1, 2, 3 and shifted buffers against each other bit for bit, and the vector rungs too.
 * Also the stop-watch: each family prints one line per kernel and rung with its share of the peak measured in the same run. */
#ifndef KERNEL_TEST_H
#define KERNEL_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backend/cpu/kernels.h"
#include "foundry/device.h"

static inline lf_device *open_device(const char *isa, int threads)
{
    lf_error err = {0};
    lf_device_options o = {.threads = threads, .isa = isa, .pin = "off"};
    lf_device *dev = lf_device_open(&o, &err);
    if (!dev) fail_msg("%s", err.message);
    return dev;
}

/* Uniform in [-a, a], the same on every machine. */
static inline float *fill(float *x, size_t n, uint64_t stream, float a)
{
    for (size_t i = 0; i < n; i++) x[i] = a * (float)((double)(lf__rng_at(1, stream, i) >> 11) * 0x1p-52 - 1.0);
    return x;
}

static inline float *align64(float *p) { return (float *)(((uintptr_t)p + 63) & ~(uintptr_t)63); }

typedef struct kernel_case {
    const char *name;
    void (*run)(lf_device *dev, const void *params, float *work, float *out); /* work and out may have any alignment, out starts at zero */
    void (*oracle)(const void *params, float *work, double *out);
    const void *params;
    size_t n_work, n_out;
    double tolerance; /* of |x - y| / max(|y|, floor) */
    double floor;     /* 0 means 1 */
} kernel_case;

static double bf16_tolerance; /* of rungs that multiply bfloat16, whose bits are their own; 0: as on the others */

static inline void compare(const kernel_case *c, const char *isa, const float *out, const double *expected)
{
    for (size_t i = 0; i < c->n_out; i++) {
        double y = expected[i], x = out[i], e = fabs(x - y) / fmax(fabs(y), c->floor > 0 ? c->floor : 1.0);
        double allowed = bf16_tolerance > 0 && strstr(isa, "bf16") ? bf16_tolerance : c->tolerance;
        if ((isnan(x) && isnan(y)) || x == y || e <= allowed) continue;
        fail_msg("%s on %s: out[%zu] = %.9g, expected %.9g, error %.3g, allowed %.3g", c->name, isa, i, x, y, e, allowed);
    }
}

static inline void same_bits(const kernel_case *c, const char *what, const float *a, const float *b)
{
    for (size_t i = 0; i < c->n_out; i++)
        if (memcmp(a + i, b + i, sizeof *a) != 0) fail_msg("%s: %s: out[%zu] = %a and %a", c->name, what, i, a[i], b[i]);
}

static bool rungs_differ; /* set where rounding is a rung's own: its bits are not compared with another's */

static inline void check(const kernel_case *c)
{
    static const struct {
        int threads, shift;
    } ways[] = {{1, 0}, {1, 5}, {2, 0}, {3, 1}};
    float *work = calloc(c->n_work + 32, sizeof *work), *out = calloc(3 * (c->n_out + 16), sizeof *out);
    double *expected = calloc(c->n_out, sizeof *expected);
    float *first = out + c->n_out + 16, *best = first + c->n_out + 16;
    assert_true(work && out && expected);
    c->oracle(c->params, align64(work), expected);
    const char *vector = NULL;
    for (const char *const *isa = lf_isa_list(); *isa; isa++) {
        if (!lf_isa_supported(*isa)) continue;
        for (size_t w = 0; w < LF_COUNT(ways); w++) {
            lf_device *dev = open_device(*isa, ways[w].threads);
            float *o = out + ways[w].shift;
            memset(work, 0, (c->n_work + 32) * sizeof *work);
            memset(out, 0, (c->n_out + 16) * sizeof *out);
            c->run(dev, c->params, align64(work) + ways[w].shift, o);
            if (w == 0) {
                compare(c, *isa, o, expected);
                memcpy(first, o, c->n_out * sizeof *o);
            }
            same_bits(c, *isa, o, first);
            lf_device_close(&dev);
        }
        if (strcmp(*isa, "scalar") == 0 || rungs_differ || (bf16_tolerance > 0 && strstr(*isa, "bf16"))) continue;
        if (vector) same_bits(c, "a vector rung against another", first, best);
        vector = *isa;
        memcpy(best, first, c->n_out * sizeof *first);
    }
    free(work), free(out), free(expected);
}

/* ---- the stop-watch ------------------------------------------------------------------------------------------------------- */
/* Figures of an instrumented or an emulated build mean nothing and take minutes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(EMULATED)
#define SKIP_SPEED() skip()
#else
#define SKIP_SPEED() ((void)0)
#endif

typedef void (*bench_fn)(lf_device *dev, void *arg);

/* Best time of one call, in seconds: at least 3 calls and about 40 ms. */
static inline double best_time(lf_device *dev, bench_fn fn, void *arg)
{
    double best = 1e9, start = lf__now();
    fn(dev, arg);
    for (int i = 0; i < 3 || (i < 200 && lf__now() - start < 0.04); i++) {
        double t = lf__now();
        fn(dev, arg);
        best = fmin(best, lf__now() - t);
    }
    return best;
}

typedef struct peak_loop {
    float (*loop)(int64_t n);
} peak_loop;
static inline void peak_worker(void *arg, int tid, int n_threads)
{
    volatile float sink = ((const peak_loop *)arg)->loop(100000);
    LF_UNUSED(sink), LF_UNUSED(tid), LF_UNUSED(n_threads);
}
static inline void peak_run(lf_device *dev, void *arg) { lf__pool_run(dev->pool, peak_worker, arg); }
/* What the best rung reaches in registers on so many workers, in GFLOP/s: multiply-adds of floats, or dot products of bfloat16 pairs. */
static inline double peak_gflops_of(lf_dtype type, int threads)
{
    lf_device *dev = open_device("auto", threads);
    peak_loop p = {type == LF_BF16 ? dev->kernels->dot_loop : dev->kernels->fma_loop};
    double gflops = (type == LF_BF16 ? 4.0 : 2.0) * 24 * 16 * 100000 * threads / best_time(dev, peak_run, &p) / 1e9;
    lf_device_close(&dev);
    return gflops;
}
static inline double peak_gflops(int threads) { return peak_gflops_of(LF_F32, threads); }

#endif
