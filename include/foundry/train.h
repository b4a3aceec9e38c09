/* train.h - one call that takes a config and leaves a run folder with a trained model in it. */
#ifndef FOUNDRY_TRAIN_H
#define FOUNDRY_TRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "foundry/config.h"
#include "foundry/device.h"
#include "foundry/error.h"
#include "foundry/model.h"
#include "foundry/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One step, or one evaluation (val_loss is NaN on plain steps). */
typedef struct lf_train_metrics {
    int64_t step, steps;
    double loss, lr, grad_norm;       /* nats per token; before clipping                                       */
    bool skipped;                     /* an outlier that changed nothing (train.skip_zscore)                   */
    double tokens_per_second, gflops; /* of this step alone; 6N + 12LCT per token                              */
    double seconds, eta;              /* since this process began; still to go                                 */
    int64_t tokens;                   /* trained on so far, whole run                                          */
    double val_loss;                  /* nats per token over whole validation documents                        */
    double val_bpb;                   /* bits per byte of text                                                 */
    double val_floor_bpb;             /* entropy floor of the same documents; NaN when unknown                 */
    double val_excess_bits;           /* (val_bpb - floor) * bytes / documents: excess per document; NaN       */
} lf_train_metrics;

/* One arena of a run: memory with a named lifetime, reserved before the first step. */
typedef struct lf_train_arena {
    const char *name; /* "model", "gradient", "optimizer", "staging" (a checkpoint on its way), "step" (what backward needs), "scratch",
                       * "meta", "evaluation ..." */
    uint64_t bytes;
} lf_train_arena;
#define LF_TRAIN_ARENAS 12

/* What a run starts with, for the first lines that a user reads. */
typedef struct lf_train_start {
    const char *run_dir, *isa;
    int threads;
    int64_t parameters, resumed_from; /* step, -1 when fresh */
    double flops_per_token;
    uint64_t train_tokens, val_tokens, arena_bytes; /* arena_bytes: all arenas together */
    const lf_train_arena *arenas;                   /* [n_arenas] */
    int n_arenas;
    int64_t tokens_per_step;
    const char *note; /* "" or remarks, one a line: schedule extended, checkpoint skipped and why */
} lf_train_start;

/* Where the time of a run went, operation by operation; together the rows are all of it. */
typedef struct lf_profile_row {
    const char *op, *phase; /* "linear"; "forward", "backward", "both" or "" */
    int64_t calls;
    double seconds, flops, bytes; /* bytes: of operands and results, each once                                       */
    double share;                 /* of all seconds                                                                  */
    double ceiling;               /* least time for its flops and bytes on this machine / its time; 0: nothing known */
} lf_profile_row;
typedef struct lf_train_profile {
    const lf_profile_row *rows; /* [n_rows], the longest first */
    int n_rows;
    double seconds;
    double peak_gflops, peak_gflops_bf16, read_gbs; /* measured at the end, all threads: registers, and memory; bf16 0: not used */
} lf_train_profile;

/* Callbacks: all optional, all on the caller's thread. */
typedef struct lf_train_hooks {
    void *user;
    void (*on_start)(const lf_train_start *start, void *user);
    void (*on_step)(const lf_train_metrics *m, void *user);
    void (*on_eval)(const lf_train_metrics *m, void *user);
    /* Called every sample_every steps and at the end with the live weights (or their average, train.ema_decay): use lf_generate on model.
     */
    void (*on_sample)(int64_t step, lf_model *model, const lf_tokenizer *tokenizer, const char *samples_dir, void *user);
    /* A checkpoint is on disk, after so many seconds of writing: between two steps, often one or more later than it was taken. */
    void (*on_checkpoint)(int64_t step, const char *dir, double seconds, void *user);
    /* When it is there, the run is timed op by op (a mark per op: below 0.1 %), and this is called once, at the end. */
    void (*on_profile)(const lf_train_profile *profile, void *user);
    /* Long preparation (tokenizing raw text): as lf_progress. */
    lf_progress progress;
    bool (*should_stop)(void *user); /* asked between steps: true = save a checkpoint, return LF_E_INTERRUPTED */
} lf_train_hooks;

/* Trains (or resumes, or finds finished) the run that config describes. Returns 0 when the run is finished, -1 with err set:
 * LF_E_INTERRUPTED after should_stop (a checkpoint is on disk), LF_E_NUMERIC at the first NaN/Inf (step and tensor named). */
int lf_train_run(lf_device *device, const lf_config *config, const lf_train_hooks *hooks, lf_error *err);

/* What a run will be, known before it is begun. Sizes are exact: the same code, with arenas that only count. */
typedef struct lf_plan {
    int64_t parameters, matmul_parameters;          /* weights, tied ones once; those that enter a matrix product, head included */
    double flops_per_token, causal_flops_per_token; /* 6N + 12LCT, 6N + 6LCT                                                     */
    int64_t vocab_size, seq_len, micro_batch_tokens, tokens_per_step, steps;
    uint64_t train_tokens, val_tokens; /* 0: not known                                                   */
    lf_train_arena arenas[LF_TRAIN_ARENAS];
    int n_arenas;
    uint64_t bytes;                          /* of all arenas together                                         */
    uint64_t memory_total, memory_available; /* as lf_memory_total, lf_memory_available                        */
    bool fits;                               /* bytes <= memory_available                                      */
    char advice[96];                         /* options with which it would fit, "" when none are needed or none help */
    uint64_t advice_bytes;
    uint64_t least_bytes; /* the smallest train.memory_limit that can be met without another model or shorter windows */
    /* Measured on real steps of this model; 0 when not asked for or when it does not fit. */
    double step_seconds, evaluation_seconds, sample_seconds; /* one step; all evaluations; all samples, at their longest */
    double update_seconds;                                   /* of a step: gradient norm, optimizer, packing             */
    double tokens_per_second, gflops, peak_gflops;           /* peak: multiply-adds in registers, all threads, same minute */
    double eta;                                              /* seconds of the whole run; writing checkpoints not counted  */
    char note[256];                                          /* what had to be assumed, "" or a sentence                   */
} lf_plan;

/* Plans the run that config describes and trains about `probe_seconds` on it in memory (0: no timing). Reads the data, writes nothing:
 * a vocabulary that raw text still needs is learned and forgotten. Without data there must be a model.vocab_size. hooks: progress and
 * should_stop, or NULL. 0, or -1 with err set; a run that does not fit is no error. */
int lf_plan_run(lf_plan *plan, lf_device *device, const lf_config *config, double probe_seconds, const lf_train_hooks *hooks,
                lf_error *err);

/* Folder of the newest whole checkpoint of a run (or of which = "last" / "best", the lowest validation loss / "step-N"), or of path itself
 * when it is a model folder or a GGUF file. */
int lf_checkpoint_find(char *out, size_t size, const char *path, const char *which, lf_error *err);

#ifdef __cplusplus
}
#endif
#endif
