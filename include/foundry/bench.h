/* bench.h - how fast this machine is, and how much of that the kernels reach: ceilings are measured in the same minute as what is held
 * against them, because virtual machines move. */
#ifndef FOUNDRY_BENCH_H
#define FOUNDRY_BENCH_H

#include <stdbool.h>

#include "foundry/config.h"
#include "foundry/device.h"
#include "foundry/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How the threads of a device are placed just now. */
typedef struct lf_bench_probe {
    double ping_ns;      /* one way of a cache line between two threads: ~5-20 one core, 20-70 one cache, above 100 two; 0: one thread */
    double gflops_1t;    /* fp32 multiply-adds in registers, one thread */
    double gflops;       /* the same, all threads of the device         */
    double threads_real; /* gflops / gflops_1t: how many threads they are worth */
} lf_bench_probe;

typedef struct lf_bench_line {
    const char *suite, *name, *dtype; /* "gemm", "y = x W^T 2048 x 768 x 768", "f32"; valid during the call */
    int threads;
    double seconds; /* of one call, the best */
    double value;
    const char *unit;     /* "GFLOP/s", "GB/s", "ns", "tokens/s"; all but ns: more is better */
    double share;         /* of the ceiling; 0: this line is one, or there is none           */
    const char *ceiling;  /* what it is a share of: "registers", "memory", ""                */
    double ceiling_value; /* in GFLOP/s or GB/s */
} lf_bench_line;

typedef struct lf_bench_options {
    double seconds; /* per line, about; 0 = 0.2                                */
    bool all;       /* the long list of shapes, and the workloads that take minutes */
} lf_bench_options;

/* The suites, NULL-terminated: machine, gemm, attention, ops, optimizer, train. */
const char *const *lf_bench_suites(void);
/* Runs one on device; options may be NULL. line is called as results come, and may stop it by returning true (LF_E_INTERRUPTED). before and
 * after (NULL or not) receive the placement around it: figures of two placements are not one measurement. */
int lf_bench_run(lf_device *device, const char *suite, const lf_bench_options *options, bool (*line)(const lf_bench_line *line, void *user),
                 void *user, lf_bench_probe *before, lf_bench_probe *after, lf_error *err);
/* GB/s that the device's threads read from memory, the best of `seconds`: over 512 MiB, or less where they are not free. */
int lf_bench_read_rate(double *gb_per_second, lf_device *device, double seconds, lf_error *err);
/* ---- a model that answers: prompts and steps through the engine of infer.h ------------------------------------------------------------
 */
enum { LF_BENCH_LIST = 16 };
typedef struct lf_bench_infer_options {
    const char *model;                /* a folder or GGUF file, or NULL: */
    const lf_model_config *random;    /* random weights of this shape    */
    const char *weights;              /* as in lf_model_open             */
    bool packed;                      /* by a packed copy beside the model, as in lf_model_open_with */
    const char *kv_type;              /* as in lf_engine_new                        */
    const char *isa, *pin;            /* of the devices, as in lf_device_open       */
    const lf_sample_config *sampling; /* how tokens are drawn, to no grammar; NULL: greedily */
    int prefill, decode;              /* tokens of a prompt, steps; 0: not measured */
    /* Up to the first 0; of depths, up to the first below 0. */
    int threads[LF_BENCH_LIST], batch[LF_BENCH_LIST], depth[LF_BENCH_LIST];
} lf_bench_infer_options;

/* One figure. Operations: two for each weight and row (the head: for rows whose logits are wanted) and four for each query, key and
 * channel. Bytes: weights once a step, keys and values of every text. Ceilings are the mean of a measurement just before and one just
 * after. */
typedef struct lf_bench_infer_line {
    const char *phase;        /* "prefill", "decode"                                   */
    const char *weights, *kv; /* "Q4_0", "BF16"                                        */
    int threads, batch;       /* batch: texts that go on together, each its own        */
    int depth, tokens;        /* tokens read before, tokens of the prompt or of a text */
    int rounds;               /* prompts, or steps, that the median is of              */
    double seconds;           /* median: of a prompt, of a step                        */
    double tokens_per_second; /* of all texts together */
    double gops, peak_gops;   /* 10^9 operations a second; at most, in registers, of the weights' type */
    double gbs, read_gbs;     /* 10^9 bytes a second; at most, read from 512 MiB       */
    double outside;           /* share of the time that was spent outside the model    */
    bool moved;               /* the ceilings before and after differ by more than 10 % */
} lf_bench_infer_line;

/* Opens the model once for each number of threads. A step feeds at most 512 tokens, or one to each
 * text; token ids of prompts are random, nothing ends a text. line may stop it by returning
 * true (LF_E_INTERRUPTED). */
int lf_bench_infer(const lf_bench_infer_options *options, bool (*line)(const lf_bench_infer_line *line, void *user), void *user,
                   lf_error *err);

/* Do two probes tell of the same placement? */
bool lf_bench_same_placement(const lf_bench_probe *a, const lf_bench_probe *b);

#ifdef __cplusplus
}
#endif
#endif
