/* bench.c - the suites and what they have in common: the placement probe before and after, timing, and the suites that are not kernels:
 * the machine itself, the optimizer, whole training steps (which a plan times). One caller at a time; nothing is kept. */
#include "bench/bench.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "foundry/train.h"

double lf__bench_time(const lf_bench *b, void (*fn)(lf_device *dev, void *arg), void *arg)
{
    fn(b->device, arg);
    double best = 1e300, start = lf__now(), now = start;
    for (int i = 0; i < 2 || now - start < b->options.seconds; i++) {
        fn(b->device, arg);
        double later = lf__now();
        best = LF_MIN(best, later - now);
        now = later;
    }
    return best;
}

bool lf__bench_tell(lf_bench *b, lf_bench_line line)
{
    line.suite = b->suite;
    line.ceiling = line.ceiling ? line.ceiling : "";
    if (!line.threads) line.threads = lf__pool_threads(b->device->pool);
    b->stopped |= b->line(&line, b->user);
    return !b->stopped;
}

float *lf__bench_floats(lf_bench *b, size_t n)
{
    enum { TABLE = 4099 };
    float *x = lf__arena_push(&b->arena, n * sizeof *x);
    for (size_t i = 0; x && i < n; i++) x[i] = i < TABLE ? (float)(0.1 * lf__rng_normal_at(1, 0, i)) : x[i - TABLE];
    return x;
}

/* ---- placement ----------------------------------------------------------------------------------------------------------------- */
enum { PINGS = 100 }; /* few: where two threads share a processor each takes a time slice */
typedef struct ping_job {
    _Alignas(128) atomic_int ball;
} ping_job;

static void ping_part(void *arg, int tid, int n_threads)
{
    ping_job *job = arg;
    LF_UNUSED(n_threads);
    if (tid > 1) return;
    for (int i = 0; i < PINGS; i++) {
        while (atomic_load_explicit(&job->ball, memory_order_acquire) != 2 * i + tid) continue;
        atomic_store_explicit(&job->ball, 2 * i + tid + 1, memory_order_release);
    }
}

static double ping_ns(lf_device *dev)
{
    ping_job job;
    double best = 1e300, start = lf__now(), now = start;
    if (lf__pool_threads(dev->pool) < 2) return 0;
    do {
        atomic_store(&job.ball, 0);
        lf__pool_run(dev->pool, ping_part, &job);
        double later = lf__now();
        best = LF_MIN(best, later - now);
        now = later;
    } while (now - start < 0.02);
    return 1e9 * best / (2.0 * PINGS);
}

int lf__bench_probe(lf_device *dev, lf_bench_probe *p, lf_error *err)
{
    lf_device *alone = lf_device_open(&(lf_device_options){.threads = 1, .isa = dev->isa}, err);
    if (!alone) return -1;
    *p = (lf_bench_probe){
        .ping_ns = ping_ns(dev), .gflops_1t = lf__peak_gflops(alone, LF_F32, 0.05), .gflops = lf__peak_gflops(dev, LF_F32, 0.05)};
    p->threads_real = p->gflops / p->gflops_1t;
    lf_device_close(&alone);
    return 0;
}

static int ping_class(double ns) { return (ns > 20) + (ns > 100); }

bool lf_bench_same_placement(const lf_bench_probe *a, const lf_bench_probe *b)
{
    return ping_class(a->ping_ns) == ping_class(b->ping_ns) && fabs(a->threads_real - b->threads_real) <= 0.1 * a->threads_real;
}

/* ---- machine ------------------------------------------------------------------------------------------------------------------- */
static void nothing(void *arg, int tid, int n_threads) { LF_UNUSED(arg), LF_UNUSED(tid), LF_UNUSED(n_threads); }

static void empty_run(lf_device *dev, void *arg)
{
    LF_UNUSED(arg);
    for (int i = 0; i < 100; i++) lf__pool_run(dev->pool, nothing, NULL);
}

static bool machine_lines(lf_bench *b, lf_device *dev, const uint8_t *data, size_t bytes)
{
    static const struct {
        const char *name;
        size_t bytes; /* per thread */
    } levels[] = {{"read L1, 16 KiB a thread", 16 << 10},
                  {"read L2, 512 KiB a thread", 512 << 10},
                  {"read L3, 6 MiB a thread", 6 << 20},
                  {"read memory, 256 MiB", 0}};
    int threads = lf__pool_threads(dev->pool);
    double s = b->options.seconds;
    bool more = lf__bench_tell(b, (lf_bench_line){.name = "multiply-adds in registers",
                                                  .dtype = "f32",
                                                  .threads = threads,
                                                  .value = lf__peak_gflops(dev, LF_F32, s),
                                                  .unit = "GFLOP/s"});
    if (more && dev->bf16)
        more = lf__bench_tell(b, (lf_bench_line){.name = "dot products in registers",
                                                 .dtype = "bf16",
                                                 .threads = threads,
                                                 .value = lf__peak_gflops(dev, LF_BF16, s),
                                                 .unit = "GFLOP/s"});
    if (more && dev->bytes)
        more = lf__bench_tell(b, (lf_bench_line){.name = "products of bytes in registers",
                                                 .dtype = "int8",
                                                 .threads = threads,
                                                 .value = lf__peak_gflops(dev, LF_Q8_0, s),
                                                 .unit = "GOP/s"});
    for (size_t i = 0; i < LF_COUNT(levels) && more; i++) {
        size_t n = levels[i].bytes ? LF_MIN(levels[i].bytes * (size_t)threads, bytes) : bytes;
        more = lf__bench_tell(
            b, (lf_bench_line){
                   .name = levels[i].name, .dtype = "", .threads = threads, .value = lf__read_rate(dev, data, n, s), .unit = "GB/s"});
    }
    return more;
}

static int bench_machine(lf_bench *b, lf_error *err)
{
    size_t bytes = (size_t)256 << 20;
    if (lf__arena_init(&b->arena, "bench", bytes, err)) return -1;
    const uint8_t *data = lf__arena_push(&b->arena, bytes);
    memset((void *)(uintptr_t)data, 1, bytes);
    lf_device *alone = lf_device_open(&(lf_device_options){.threads = 1, .isa = b->device->isa}, err);
    if (!alone) return -1;
    int threads = lf__pool_threads(b->device->pool);
    if (machine_lines(b, alone, data, bytes) && threads > 1 && machine_lines(b, b->device, data, bytes)) {
        double run = lf__bench_time(b, empty_run, NULL) / 100;
        lf__bench_tell(
            b, (lf_bench_line){.name = "start and end of a parallel run", .dtype = "", .seconds = run, .value = 1e9 * run, .unit = "ns"});
        lf__bench_tell(b,
                       (lf_bench_line){.name = "cache line from thread to thread", .dtype = "", .value = ping_ns(b->device), .unit = "ns"});
    }
    lf_device_close(&alone);
    return 0;
}

int lf_bench_read_rate(double *gb_per_second, lf_device *device, double seconds, lf_error *err)
{
    size_t bytes = LF_MAX((size_t)LF_MIN((uint64_t)512 << 20, lf__memory_available() / 4), (size_t)1 << 20) & ~(size_t)4095;
    lf_arena arena;
    if (lf__arena_init(&arena, "read rate", bytes, err)) return -1;
    uint8_t *data = lf__arena_push(&arena, bytes);
    memset(data, 1, bytes);
    *gb_per_second = lf__read_rate(device, data, bytes, seconds);
    lf__arena_release(&arena);
    return 0;
}

/* ---- workloads: whole steps, timed by a plan ------------------------------------------------------------------------------------ */
/* The workloads that the project's figures are about are presets, on random tokens. */
static const struct workload {
    const char *preset;
    int vocab;
    bool slow;
} workloads[] = {{"char", 65, false}, {"S", 4096, false}, {"M", 32000, false}, {"L", 32000, true}, {"gpt2-124M", 50257, true}};

static int configure(lf_config *c, const struct workload *w, const char *dtype, const char *optimizer, lf_error *err)
{
    char vocab[16];
    snprintf(vocab, sizeof vocab, "%d", w->vocab);
    const char *const keys[][2] = {{"model.vocab_size", vocab},    {"train.dtype", dtype},    {"train.recompute", "none"},
                                   {"train.optimizer", optimizer}, {"train.eval_every", "0"}, {"train.checkpoint_every", "0"}};
    lf_config_init(c);
    if (lf_config_load(c, w->preset, err)) return -1;
    for (size_t i = 0; i < LF_COUNT(keys); i++)
        if (lf_config_set(c, keys[i][0], keys[i][1], NULL, err)) return -1;
    return 0;
}

/* Steps of every workload in every dtype: tokens per second, and causal FLOPs as a share of what the registers reach. */
static int bench_train(lf_bench *b, lf_error *err)
{
    static const char *const dtypes[] = {"f32", "bf16"};
    int status = 0;
    lf_config *c = lf__calloc(1, sizeof *c, err);
    for (size_t w = 0; c && w < LF_COUNT(workloads) && !status && !b->stopped; w++)
        for (size_t d = 0; d < LF_COUNT(dtypes) && !status && !b->stopped; d++) {
            lf_plan plan;
            if ((workloads[w].slow && !b->options.all) || (d && !b->device->bf16)) continue;
            status = configure(c, &workloads[w], dtypes[d], "adamw", err);
            if (!status) status = lf_plan_run(&plan, b->device, c, 5 * b->options.seconds, NULL, err);
            if (status || !plan.fits) continue;
            double gflops = plan.tokens_per_second * plan.causal_flops_per_token * 1e-9;
            lf__bench_tell(b, (lf_bench_line){.name = workloads[w].preset,
                                              .dtype = dtypes[d],
                                              .seconds = plan.step_seconds,
                                              .value = plan.tokens_per_second,
                                              .unit = "tokens/s",
                                              .share = gflops / plan.peak_gflops,
                                              .ceiling = "registers",
                                              .ceiling_value = plan.peak_gflops});
        }
    int failed = !c || status;
    free(c);
    return failed ? -1 : 0;
}

/* Updates of every optimizer that the option table offers: nanoseconds per weight, and what part of a step they take. */
static int bench_optimizer(lf_bench *b, lf_error *err)
{
    char names[8][32];
    size_t n = 0;
    int status = 0;
    lf_option_info info;
    for (size_t row = 0; lf_config_option(row, &info); row++)
        for (const char *p = info.range; strcmp(info.key, "train.optimizer") == 0 && n < LF_COUNT(names); p++) {
            snprintf(names[n++], sizeof *names, "%.*s", (int)strcspn(p, "|"), p);
            p += strcspn(p, "|");
            if (!*p) break;
        }
    lf_config *c = lf__calloc(1, sizeof *c, err);
    for (size_t w = 1; c && w < 3 && !status && !b->stopped; w++)
        for (size_t i = 0; i < n && !status && !b->stopped; i++) {
            lf_plan plan;
            char name[64];
            status = configure(c, &workloads[w], "f32", names[i], err);
            if (!status) status = lf_plan_run(&plan, b->device, c, 5 * b->options.seconds, NULL, err);
            if (status || !plan.fits) continue;
            snprintf(name, sizeof name, "%.31s, %s: %.1f%% of a step", names[i], workloads[w].preset,
                     100 * plan.update_seconds / plan.step_seconds);
            lf__bench_tell(b, (lf_bench_line){.name = name,
                                              .dtype = "f32",
                                              .seconds = plan.update_seconds,
                                              .value = 1e9 * plan.update_seconds / (double)plan.parameters,
                                              .unit = "ns/weight"});
        }
    int failed = !c || status;
    free(c);
    return failed ? -1 : 0;
}

/* ---- suites -------------------------------------------------------------------------------------------------------------------- */
static const struct {
    const char *name;
    int (*run)(lf_bench *b, lf_error *err);
} suites[] = {{"machine", bench_machine}, {"gemm", lf__bench_gemm},       {"attention", lf__bench_attention},
              {"ops", lf__bench_ops},     {"optimizer", bench_optimizer}, {"train", bench_train}};

const char *const *lf_bench_suites(void)
{
    static _Thread_local const char *names[LF_COUNT(suites) + 1];
    for (size_t i = 0; i < LF_COUNT(suites); i++) names[i] = suites[i].name;
    return names;
}

int lf_bench_run(lf_device *device, const char *suite, const lf_bench_options *options, bool (*line)(const lf_bench_line *line, void *user),
                 void *user, lf_bench_probe *before, lf_bench_probe *after, lf_error *err)
{
    lf_bench b = {.device = device, .line = line, .user = user};
    lf_bench_probe unused;
    if (options) b.options = *options;
    if (!(b.options.seconds > 0)) b.options.seconds = 0.2;
    for (size_t i = 0; i < LF_COUNT(suites); i++) {
        if (strcmp(suites[i].name, suite) != 0) continue;
        b.suite = suites[i].name;
        if (lf__bench_probe(device, before ? before : &unused, err)) return -1;
        int status = suites[i].run(&b, err);
        lf__arena_release(&b.arena);
        if (status || lf__bench_probe(device, after ? after : &unused, err)) return -1;
        return b.stopped ? lf_error_set(err, LF_E_INTERRUPTED, "the benchmark was interrupted") : 0;
    }
    const char *near = lf__nearest(suite, lf_bench_suites());
    lf_error_set(err, LF_E_ARGUMENT, "there is no benchmark \"%s\"; there are: machine, gemm, attention, ops, optimizer, train", suite);
    return near ? lf_error_hint(err, "did you mean %s?", near) : -1;
}
