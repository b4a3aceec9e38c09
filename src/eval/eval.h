/* eval.h - the face of src/eval: documents as tokens, and the windows in which they pass through a model. The public half is
 * include/foundry/eval.h. A lf_windows belongs to one caller. */
#ifndef LF_EVAL_H
#define LF_EVAL_H

#include "foundry/eval.h"
#include "model/model.h"

struct lf_eval_text {
    int32_t *tokens; /* document d: tokens[starts[d]] .. tokens[starts[d + 1] - 1], at least two; its first is not scored */
    size_t n, cap;
    size_t *starts; /* [n_documents + 1] */
    size_t n_documents, starts_cap;
    uint64_t bytes;
};

/* ---- caches.c: keys and values of a batch, kept as an engine would keep them ----------------------------------------------------- */
enum { LF_EVAL_SEQUENCES = 128 }; /* of a batch, at most */
typedef struct lf_caches {
    lf_kv shape; /* of one sequence, without pages */
    lf_arena arena;
    size_t page;   /* bytes */
    lf_kv *kv;     /* [LF_EVAL_SEQUENCES], NULL: no cache, attention reads what the batch made */
    lf_kv **of;    /* the same, as a batch wants them */
    void **blocks; /* [pages] */
} lf_caches;
/* type: "f32", "f16", "bf16", "q8_0"; NULL: no cache. rows: of a batch. */
int lf__caches_init(lf_caches *c, const lf_model *model, const char *type, int rows, lf_error *err);
void lf__caches_release(lf_caches *c);
void lf__caches_attach(lf_caches *c, lf_batch *batch); /* an empty cache for each sequence of the batch */

/* ---- windows.c: documents into ragged batches ------------------------------------------------------------------------------- */
typedef struct lf_windows {
    const lf_eval_text *text; /* borrowed */
    int context, stride, rows;
    int64_t most;                                         /* windows, 0: all       */
    size_t document;                                      /* the one that is read  */
    size_t scored;                                        /* inputs of it so far   */
    int64_t n;                                            /* windows handed out    */
    int64_t tokens;                                       /* scored, handed out    */
    int32_t *tokens_of, *targets, *positions, *seq_start; /* of one batch: [rows], seq_start [rows + 1] */
    const lf_eval_options *options;
} lf_windows;

/* Checks context and stride against the models' (every one of `models` must hold the context) and takes memory for a batch. */
int lf__windows_init(lf_windows *w, const lf_eval_text *text, const lf_eval_options *options, lf_model *const *models, int n_models,
                     lf_error *err);
void lf__windows_release(lf_windows *w);
/* The shape of the largest batch there can be: what memory is measured for. */
lf_batch lf__windows_shape(lf_windows *w);
/* As many windows as fit; targets of what is not scored are -1. False: all are done. */
bool lf__windows_next(lf_windows *w, lf_batch *batch);
/* Tells the progress function; -1 (LF_E_INTERRUPTED) when it wants no more. */
int lf__windows_tell(const lf_windows *w, const char *what, lf_error *err);

/* ---- moments.c: a mean and how sure it is ----------------------------------------------------------------------------------------- */
typedef struct lf_moments {
    double n, sum, squares;
} lf_moments;
void lf__moments_add(lf_moments *m, double x);
double lf__moments_mean(const lf_moments *m);
double lf__moments_error(const lf_moments *m); /* standard error of the mean; 0 for fewer than two */

#endif
