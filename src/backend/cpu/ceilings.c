/* ceilings.c - what this machine can do at most, measured now: the denominators of every figure that is a share. */
#include "backend/cpu/kernels.h"

typedef struct peak_job {
    float (*loop)(int64_t n);
    int64_t n;
} peak_job;

static void peak_part(void *arg, int tid, int n_threads)
{
    const peak_job *job = arg;
    volatile float sink = job->loop(job->n);
    LF_UNUSED(sink), LF_UNUSED(tid), LF_UNUSED(n_threads);
}

double lf__peak_gflops(lf_device *dev, lf_dtype type, double seconds)
{
    bool pairs = type == LF_BF16, bytes = lf__qpanel_bytes(type, 256) > 0 && dev->kernels->byte_loop;
    peak_job job = {bytes ? dev->kernels->byte_loop : pairs ? dev->kernels->dot_loop : dev->kernels->fma_loop, 20000};
    double each = bytes ? 8.0 : pairs ? 4.0 : 2.0;
    double best = 0, start = lf__now(), now = start;
    do {
        lf__pool_run(dev->pool, peak_part, &job);
        double later = lf__now(), flops = each * 24 * LF_HALF * (double)job.n * lf__pool_threads(dev->pool);
        best = LF_MAX(best, flops / (later - now) * 1e-9);
        now = later;
    } while (now - start < seconds);
    return best;
}

typedef struct read_job {
    float (*loop)(const float *x, int64_t n);
    const float *data;
    int64_t n;
    int passes;
} read_job;

static void read_part(void *arg, int tid, int n_threads)
{
    const read_job *job = arg;
    volatile float sink = 0;
    int64_t lo, hi;
    lf__split(job->n, 128, tid, n_threads, &lo, &hi);
    for (int pass = 0; pass < job->passes; pass++) sink = job->loop(job->data + lo, hi - lo);
    LF_UNUSED(sink);
}

double lf__read_rate(lf_device *dev, const void *data, size_t bytes, double seconds)
{
    enum { AT_LEAST = 8 << 20 }; /* a run of the pool long enough to be timed */
    read_job job = {dev->kernels->read_loop, data, (int64_t)(bytes / sizeof(float)), (int)LF_MAX(AT_LEAST / bytes, 1)};
    double best = 0, start = lf__now(), now = start;
    do {
        lf__pool_run(dev->pool, read_part, &job);
        double later = lf__now();
        best = LF_MAX(best, (double)bytes * job.passes / (later - now) * 1e-9);
        now = later;
    } while (now - start < seconds);
    return best;
}
