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
    bool pairs = type == LF_BF16;
    peak_job job = {pairs ? dev->kernels->dot_loop : dev->kernels->fma_loop, 20000};
    double best = 0, start = lf__now(), now = start;
    do {
        lf__pool_run(dev->pool, peak_part, &job);
        double later = lf__now(), flops = (pairs ? 4.0 : 2.0) * 24 * LF_HALF * (double)job.n * lf__pool_threads(dev->pool);
        best = LF_MAX(best, flops / (later - now) * 1e-9);
        now = later;
    } while (now - start < seconds);
    return best;
}
