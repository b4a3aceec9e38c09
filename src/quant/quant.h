/* quant.h - the face of src/quant: which type every matrix of a model gets, and what its columns are worth. The public half is
 * include/foundry/quantize.h; the one who writes is src/convert. */
#ifndef LF_QUANT_H
#define LF_QUANT_H

#include "foundry/quantize.h"
#include "model/model.h"

/* ---- imatrix.c ------------------------------------------------------------------------------------------------------------------ */
/* Mean squares [cols] of a weight by its name in GGUF, or NULL: not in there. -1 in *status: there, of another width. */
const float *lf__imatrix_find(const lf_imatrix *imatrix, const char *name, int cols, int *status, lf_error *err);

/* ---- rules.c: names of types, mixes and exceptions to types of matrices ----------------------------------------------------------- */
typedef struct lf_keep {
    const char *pattern; /* borrowed, up to its '=' */
    int pattern_n;
    lf_dtype type;
    int hits; /* matrices it has matched */
} lf_keep;

typedef struct lf_quant_rules {
    int type;                 /* of all matrices, or -1: as they are stored */
    const struct lf_mix *mix; /* or NULL                                    */
    lf_keep *keeps;           /* [n_keeps], owned                           */
    int n_keeps;
    int file_type; /* general.file_type of a mix, -1: of its largest tensor */
} lf_quant_rules;

/* type: "q4_k", ..., a mix ("q4_k_m"), or NULL; keeps: "PATTERN=TYPE". 0 or -1: an unknown type, or one that can only be read. */
int lf__rules_init(lf_quant_rules *r, const char *type, const char *const *keeps, int n_keeps, lf_error *err);
void lf__rules_release(lf_quant_rules *r);
/* The type of a matrix, stored as `stored`. *fallback is set where rows are no whole number of blocks of the type that was asked for. -1: a
 * type that was asked for by name does not fit. */
int lf__rules_type(lf_quant_rules *r, lf_dtype *out, bool *fallback, const lf_model *m, const lf_param *p, lf_dtype stored, lf_error *err);
/* After all matrices were asked about: a rule that matched none is a mistake. */
int lf__rules_check(const lf_quant_rules *r, const char *path, lf_error *err);
/* "F32, F16, ...": what can be written, with the mixes. */
char *lf__rules_list(char out[320]);

#endif
