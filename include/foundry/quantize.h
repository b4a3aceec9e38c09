/* quantize.h - what the columns of weights are worth, measured on a text, for lf_model_convert to weigh its rounding errors with.
 *
 * A product y = x W^T with W off by E is off by x E^T: the expected square of that is, but for what columns have in common, the sum over
 * columns c of mean(x_c^2) E_rc^2. So mean squares of what enters each product, over a text like those the model will see, say what an
 * error in each column costs. Files are llama.cpp's: GGUF with general.type "imatrix", NAME.in_sum2 (sums of squares) and NAME.counts
 * (rows) for each weight NAME; they go both ways. */
#ifndef FOUNDRY_QUANTIZE_H
#define FOUNDRY_QUANTIZE_H

#include <stddef.h>
#include <stdint.h>

#include "foundry/error.h"
#include "foundry/eval.h"
#include "foundry/log.h"
#include "foundry/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Mean squares of the inputs of weights, by the weights' names in GGUF. Immutable; may be shared by threads. */
typedef struct lf_imatrix lf_imatrix;

typedef struct lf_imatrix_options {
    int context;    /* tokens of a window; 0: 512, or the model's context where that is less */
    int64_t chunks; /* windows at most; 0: the whole text                                    */
    lf_progress progress;
    void *progress_user;
} lf_imatrix_options;

/* Runs the text through the model (windows do not overlap) and adds up the squares of all that enters a product, the last one included. A
 * head that is the embedding, too, gets the same number in every column: what errors in rows that are looked up cost knows no difference.
 * The same bits for any number of threads. options may be NULL. Free with lf_imatrix_free. */
lf_imatrix *lf_imatrix_collect(lf_model *model, const lf_eval_text *text, const lf_imatrix_options *options, lf_error *err);
void lf_imatrix_free(lf_imatrix **imatrix);

/* dataset: what the text is called, for whoever reads the file later. */
int lf_imatrix_save(const lf_imatrix *imatrix, const char *path, const char *dataset, lf_error *err);
/* Refuses, with the tensor: sums without counts, another type than F32, shapes that do not belong together, numbers that are no sums of
 * squares, weights of several matrices (experts). Entries of no rows are left out. */
lf_imatrix *lf_imatrix_load(const char *path, lf_error *err);

typedef struct lf_imatrix_info {
    int entries;        /* weights                            */
    int64_t rows;       /* that the first of them has seen    */
    int64_t chunks;     /* windows                            */
    int64_t chunk_size; /* tokens of a window                 */
} lf_imatrix_info;
lf_imatrix_info lf_imatrix_info_of(const lf_imatrix *imatrix);

#ifdef __cplusplus
}
#endif
#endif
