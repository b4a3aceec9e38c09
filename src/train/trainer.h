/* trainer.h - private to src/train: what a running training is made of. The public face is foundry/train.h. */
#ifndef LF_TRAINER_H
#define LF_TRAINER_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "foundry/data.h"
#include "foundry/tokenizer.h"
#include "foundry/train.h"
#include "model/model.h"

/* ---- optimizer.c: the table of optimizers, clipping, the average of the weights ------------------------------------------------------ */
#define LF_STATES 2 /* numbers that an optimizer keeps per weight, at most */

/* One parameter on its way through one step. */
typedef struct lf_update {
    lf_device *device;
    const lf_train_config *config;
    const lf_param *param;
    float *w;                /* [rows, cols] updated                                */
    const float *g;          /* [rows, cols] before clipping                        */
    float *const *state;     /* [LF_STATES], [rows, cols] each, updated             */
    lf_arena *scratch;       /* rewind it                                           */
    double grad_scale;       /* g is multiplied by it first (clipping)              */
    double lr, weight_decay; /* of this parameter                                   */
    int64_t t;               /* of the schedule: 1 = first                          */
    int64_t count;           /* of updates, this one included: t less the skipped   */
} lf_update;

/* One optimizer. Adding one = a row in optimizer.c and a choice in the option table. */
typedef struct lf_rule {
    const char *name;
    const char *states[LF_STATES];    /* what it keeps per weight, as checkpoints name it: "m" */
    bool (*takes)(const lf_param *p); /* NULL: everything; what it does not take is AdamW's    */
    void (*step)(const lf_update *u);
    void (*reserve)(lf_arena *arena, const lf_param *p); /* pushes the scratch of a step; NULL: none              */
} lf_rule;

/* What one parameter has. */
typedef struct lf_slot {
    const lf_rule *rule;
    float *state[LF_STATES]; /* [rows, cols] each, or NULL */
} lf_slot;

/* Losses and gradient norms of the last steps (guard.c); all zero when train.skip_zscore is. */
typedef struct lf_guard {
    int window;
    float *loss, *norm; /* [window] rings: step t at (t - 1) % window */
    float *skipped;     /* [1] updates left out so far                */
} lf_guard;

/* States of all parameters in their order, the average, the guard, then scratch: one arena. */
typedef struct lf_optimizer {
    lf_arena arena;
    lf_slot *slots; /* [model->n_params]                                                               */
    float *average; /* [model->n_floats] mean of the weights over time; NULL when train.ema_decay is 0 */
    lf_guard guard;
} lf_optimizer;
int lf__optimizer_init(lf_optimizer *o, const lf_model *model, const lf_train_config *c, lf_error *err);
void lf__optimizer_release(lf_optimizer *o);
/* Everything that a run must find again beside the weights, as checkpoints name it: "m.model.norm.weight". *list: free() it. The data are
 * the optimizer's own. 0 or -1. */
typedef struct lf_state {
    char name[104];
    float *data;
    int rows, cols;
} lf_state;
int lf__optimizer_states(const lf_optimizer *o, const lf_model *model, lf_state **list, size_t *n, lf_error *err);
/* Where a checkpoint lies while it is written and training goes on: the weights that are its model, and all that an optimizer keeps, the
 * two exchanged already where there is an average. One arena, in optimizer. */
typedef struct lf_staging {
    lf_optimizer optimizer;
    float *weights; /* [model->n_floats], laid out as model->data; NULL: nothing is staged */
} lf_staging;
int lf__staging_init(lf_staging *s, const lf_optimizer *o, const lf_model *model, const lf_train_config *c, lf_error *err);
void lf__staging_release(lf_staging *s);
void lf__staging_fill(lf_staging *s, const lf_optimizer *o, const lf_model *model);
/* Exchanges the weights with their average, panels too; twice is nothing. Without an average: nothing. */
void lf__optimizer_swap_average(lf_optimizer *o, lf_model *model);
/* Global norm of all gradients, before clipping. */
double lf__gradient_norm(const lf_model *model);
/* Step t = 1..: clips to c->grad_clip (0 = off) given the norm, updates every weight, its panels and the average, clears the gradient
 * marks. */
void lf__optimizer_step(lf_optimizer *o, lf_model *model, const lf_train_config *c, int64_t t, double norm);
/* The name of the first parameter whose value (or, failing that, gradient) is not finite; NULL when all are. */
const char *lf__first_bad_tensor(const lf_model *model);

/* What a rule hands the backend: the step as the configuration has it, onto the weight and its panels. */
lf_weight_step lf__weight_step(const lf_update *u);

/* ---- schedule.c ---------------------------------------------------------------------------------------------------------------------- */
/* A learning rate that is `peak` at its highest, at step t = 1..steps, as c->schedule says; it ends in the same proportion to peak as
 * min_lr to lr. */
double lf__scheduled(const lf_train_config *c, double peak, int64_t t);
/* What the run has: c->warmup_steps, or a tenth of the steps where those are too few for it. */
int64_t lf__warmup_steps(const lf_train_config *c);

/* ---- guard.c ------------------------------------------------------------------------------------------------------------------------- */
/* May step t = 1.. update the weights? Called once per step, in order. */
bool lf__guard_accepts(lf_guard *g, const lf_train_config *c, int64_t t, double loss, double norm);

/* ---- muon.c ------------------------------------------------------------------------------------------------------------------------ */
void lf__muon_step(const lf_update *u);
void lf__muon_reserve(lf_arena *arena, const lf_param *p);

/* ---- run_data.c: what a run reads ------------------------------------------------------------------------------------------------ */
typedef struct lf_run_data {
    lf_tokenizer *tokenizer; /* NULL: foreign shards and no tokenizer named */
    lf_shards *train, *val;  /* val NULL: nothing to evaluate on            */
} lf_run_data;
/* Opens (or prepares under run_dir) what config names and fills in what depends on it: model.vocab_size, end tokens. */
int lf__run_data_open(lf_run_data *d, lf_config *config, const char *run_dir, const lf_train_hooks *hooks, lf_error *err);
void lf__run_data_close(lf_run_data *d);
/* The same for a plan: nothing is written. Shards are opened; of raw text only the tokenizer is there and sizes are estimated from a
 * sample. */
typedef struct lf_data_outlook {
    lf_run_data data; /* close it */
    bool evaluates;
    uint64_t train_tokens, val_tokens, val_documents; /* 0: not known */
} lf_data_outlook;
int lf__run_data_peek(lf_data_outlook *o, lf_config *config, const lf_train_hooks *hooks, char note[256], lf_error *err);
/* Which text this is, in 16 hexadecimal digits: how many tokens, whose tokenizer, and both ends of them. */
int lf__run_data_mark(char out[17], const lf_run_data *d, lf_error *err);

/* ---- evaluate.c -------------------------------------------------------------------------------------------------------------------- */
typedef struct lf_evaluator {
    lf_model_ctx ctx;
    int rows, seq_len;                     /* of one batch; of one sequence at most */
    int32_t *tokens, *targets, *positions; /* [rows] */
    int32_t *seq_start;                    /* [rows + 1] */
} lf_evaluator;
int lf__evaluator_init(lf_evaluator *e, lf_model *model, int rows, int seq_len, lf_error *err);
void lf__evaluator_release(lf_evaluator *e);
/* Whole validation documents, each from a fresh context, end token included; the first `documents` of them (0 = all). Fills the val_*
 * fields of metrics. */
int lf__evaluate(lf_evaluator *e, lf_model *model, const lf_run_data *data, int64_t documents, lf_train_metrics *metrics, lf_error *err);

/* ---- step.c: the memory of a run, and one optimizer step in it ----------------------------------------------------------------------- */
/* The windows of one step, side by side, and the part of them that is a micro-batch. */
typedef struct lf_step_batch {
    int windows, seq_len, micro_windows;   /* windows of a step; of one micro-batch */
    int32_t *tokens, *targets, *positions; /* [windows * seq_len] */
    int32_t *starts;                       /* [windows * seq_len] restarts of each window, window-relative */
    int *n_starts;                         /* [windows] */
    int32_t *seq_start;                    /* [micro_windows * seq_len + 1] of the micro-batch in work */
} lf_step_batch;

typedef struct lf_trainer {
    lf_device *device;
    const lf_config *config; /* resolved, borrowed */
    lf_model *model;
    lf_optimizer optimizer;
    lf_staging staging; /* only where a checkpoint is due before the end, and where there is memory for it */
    lf_model_ctx ctx;
    lf_evaluator evaluator;
    lf_step_batch batch;
    lf_loader loader; /* shards NULL: there is no data, windows are random tokens */
} lf_trainer;
/* Fills in what the keys leave to each other and to the machine: window length, width of a head, heads of keys and values, dtype. */
void lf__config_resolve(lf_config *c, const lf_device *device);
/* Can the device compute what train.dtype asks for? 0, or -1 with what is missing and what to ask for instead. */
int lf__dtype_check(const lf_config *c, const lf_device *device, lf_error *err);
/* What the matrix products of a resolved config are computed in. */
static inline lf_dtype lf__products_of(const lf_config *c) { return strcmp(c->train.dtype, "bf16") == 0 ? LF_BF16 : LF_F32; }
/* Reserves everything a run computes in; the weights are zero. shards NULL: windows of random tokens. dry: nothing is reserved, the arenas
 * only count (a plan). Refused when the arenas together are more than the machine has. Release it after a failure, too. */
int lf__trainer_init(lf_trainer *t, lf_device *device, lf_config *config, const lf_shards *shards, bool evaluates, bool dry, lf_error *err);
void lf__trainer_release(lf_trainer *t);
/* The least memory in which the model of a resolved config can be trained on windows of its length: one window at a time, blocks made
 * again where that is less, checkpoints written between two steps. UINT64_MAX when that cannot be said. */
uint64_t lf__trainer_least_bytes(lf_device *device, const lf_config *config, bool evaluates);
/* Every arena of a trainer, real or dry; returns how many. */
int lf__trainer_arenas(const lf_trainer *t, lf_train_arena out[LF_TRAIN_ARENAS]);
/* Loads the windows of step t = 1..; returns how many targets are scored, or -1. */
int64_t lf__trainer_load(lf_trainer *t, int64_t step, lf_error *err);
/* Forward and backward of the micro-batch that begins at window w: adds to the gradients, and the losses of its targets to *nll. Returns
 * how many windows that were, or -1. */
int lf__trainer_micro_step(lf_trainer *t, int w, int64_t scored, double *nll, lf_error *err);
/* All of it: load, micro-batches, norm, update. Fills what a step knows of its metrics. */
int lf__trainer_step(lf_trainer *t, int64_t step, lf_train_metrics *m, lf_error *err);
/* LF_E_NUMERIC with the usual hint. Returns -1. */
int lf__diverged(lf_error *err, const char *format, ...) LF_PRINTF(2, 3);

/* ---- checkpoint.c ------------------------------------------------------------------------------------------------------------------ */
/* What one checkpoint is made of; all borrowed. */
typedef struct lf_checkpoint {
    const char *run_dir;
    int64_t step;
    double val_loss;       /* of these weights, for "best"; NaN when they have none            */
    const lf_model *model; /* names and shapes                                                 */
    const float *weights;  /* [model->n_floats], laid out as model->data, which it may well be */
    const lf_optimizer *optimizer;
    const lf_config *config;
    const lf_tokenizer *tokenizer; /* or NULL */
    const char *data;              /* the mark of what it was trained on, compared on load; NULL: not known */
} lf_checkpoint;
/* Writes dir (out) = <run>/checkpoints/step-000200: model folder + trainer/{state.json, optimizer.safetensors, config.yaml}. With an
 * average of the weights, it is the model of the folder and the weights themselves are w.* of the optimizer's file: saving wants the two
 * exchanged, and loading leaves them so (lf__optimizer_swap_average). */
int lf__checkpoint_save(char dir[LF_PATH_MAX], const lf_checkpoint *c, lf_error *err);
int lf__checkpoint_load(const char *dir, lf_model *model, lf_optimizer *optimizer, int64_t *step, const char *data, lf_error *err);
/* Is dir whole? Sizes and hashes of its files against state.json. 0, or -1 with the first thing that is wrong. */
int lf__checkpoint_verify(const char *dir, int64_t *step, lf_error *err);
/* The newest whole checkpoint of a run: its folder into out, or "" when there is none. Rejected ones are listed in note, one a line. */
int lf__checkpoint_newest(char out[LF_PATH_MAX], const char *run_dir, lf_buf *note, lf_error *err);
/* The checkpoint of `step`, just written, has this validation loss: when none that is there has a lower one, it is the best. */
int lf__checkpoint_mark_best(const char *run_dir, int64_t step, double val_loss, lf_error *err);
/* Removes all but the best and the newest `keep` up to `step`, the one just written. Later ones are damaged (auto passed over them): they
 * count for nothing and stay until the run comes by again. */
void lf__checkpoint_rotate(const char *run_dir, int64_t keep, int64_t step);
/* The highest step of a checkpoint folder of a run, whole or not; -1 when there is none. */
int64_t lf__checkpoint_highest(const char *run_dir);

/* ---- saver.c: checkpoints beside the training ------------------------------------------------------------------------------------- */
/* All zero: nothing under way. One caller's thread; between start and join the thread alone touches what is below `what`. */
typedef struct lf_saver {
    bool busy; /* begun and not joined   */
    bool threaded;
    atomic_bool done;
    pthread_t thread;
    lf_checkpoint what;
    char dir[LF_PATH_MAX]; /* what was written       */
    double seconds;        /* that writing it took   */
    int status;            /* 0, or -1 and the error */
    lf_error err;
} lf_saver;
/* Writes the folder, marks the best, removes old ones: here, or in the background, where a thread can be had. Nothing may be under way;
 * what `what` names stays as it is until the join. */
void lf__saver_start(lf_saver *s, const lf_checkpoint *what, bool background);
/* True once per start: it is written, or it failed (status, err). wait: until then; else false while it lasts. False when nothing is under
 * way. */
bool lf__saver_join(lf_saver *s, bool wait);

/* ---- metrics.c ----------------------------------------------------------------------------------------------------------------------- */
/* Opens <run>/metrics.jsonl for appending, after cutting everything past `step`. */
FILE *lf__metrics_open(const char *run_dir, int64_t step, lf_error *err);
int lf__metrics_write(FILE *f, const char *run_dir, const lf_train_metrics *m, lf_error *err);

#endif
