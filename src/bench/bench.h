/* bench.h - what the files of src/bench share: the state of one suite and how a line is timed and told. Private to the folder. */
#ifndef LF_BENCH_H
#define LF_BENCH_H

#include "backend/backend.h"
#include "foundry/bench.h"

typedef struct lf_bench {
    lf_device *device;
    lf_bench_options options;
    const char *suite;
    bool (*line)(const lf_bench_line *line, void *user);
    void *user;
    bool stopped;
    lf_arena arena; /* operands, reserved by each suite */
} lf_bench;

/* Best seconds of one call of fn: at least two calls after one that is not counted. */
double lf__bench_time(const lf_bench *b, void (*fn)(lf_device *dev, void *arg), void *arg);
/* Hands a line over; false when the caller has had enough. */
bool lf__bench_tell(lf_bench *b, lf_bench_line line);
/* n floats of the arena, small numbers by chance; NULL when they do not fit. */
float *lf__bench_floats(lf_bench *b, size_t n);

/* The placement of a device's threads just now. 0 or -1. */
int lf__bench_probe(lf_device *dev, lf_bench_probe *p, lf_error *err);

/* One function per suite: 0, or -1 with err set. */
int lf__bench_gemm(lf_bench *b, lf_error *err);
int lf__bench_attention(lf_bench *b, lf_error *err);
int lf__bench_ops(lf_bench *b, lf_error *err);

#endif
