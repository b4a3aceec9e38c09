/* runs.h - the runs of a folder, read back: what they were told (config.yaml), what came of it (metrics.jsonl). Reading never changes a run
 * and needs no index: the files are the truth. */
#ifndef FOUNDRY_RUNS_H
#define FOUNDRY_RUNS_H

#include <stddef.h>
#include <stdint.h>

#include "foundry/config.h"
#include "foundry/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One line of metrics.jsonl; NaN where it does not say. */
typedef struct lf_run_point {
    int64_t step;
    double loss, lr, grad_norm, tokens_per_second, val_loss, val_bpb, val_floor_bpb;
} lf_run_point;

/* All of a run's lines, in order; returns an array of *n (free it) or NULL with err set. What is no whole line of ours is passed over. */
lf_run_point *lf_run_points(size_t *n, const char *run_dir, lf_error *err);

typedef struct lf_run_info {
    char name[LF_TEXT_MAX], dir[LF_CONFIG_PATH_MAX];
    int64_t step, steps;                     /* reached; asked for (0: its config cannot be read) */
    double loss;                             /* mean over the last twentieth of the steps         */
    double val_loss, val_bpb, val_floor_bpb; /* last evaluation; NaN: none                        */
    double best_val_loss;
    int64_t best_step;
    double tokens_per_second; /* median of a sample of the steps */
    int64_t modified;         /* last line, seconds since 1970   */
} lf_run_info;

/* 0, or -1 when dir holds no run. */
int lf_run_read(lf_run_info *info, const char *dir, lf_error *err);
/* Every run right inside folder, the latest first: *runs of *n (free it). 0 or -1; a folder without runs is an error with a hint. */
int lf_runs_list(lf_run_info **runs, size_t *n, const char *folder, lf_error *err);

#ifdef __cplusplus
}
#endif
#endif
