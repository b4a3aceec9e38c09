/* convert.h - models of the world in and out: what a file holds, from any format to any other, two models side by side.
 *
 * A model is a Hugging Face folder (config.json with model.safetensors, or shards and their index), a GGUF file or the first part
 * of a split one, or a .bin file of llama2.c. Headers are all that is read until weights are asked for; weights pass through in pieces,
 * nothing is held twice. */
#ifndef FOUNDRY_CONVERT_H
#define FOUNDRY_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "foundry/config.h"
#include "foundry/error.h"
#include "foundry/log.h"
#include "foundry/quantize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what a file holds ------------------------------------------------------------------------------------------------------- */
typedef struct lf_tensor_info {
    const char *name;  /* as in the file; lives during the call */
    const char *dtype; /* "F32", "Q4_K", ...                    */
    int n_dims;
    int64_t shape[8]; /* row-major, whatever the format        */
    uint64_t bytes;
} lf_tensor_info;
typedef void (*lf_tensor_fn)(const lf_tensor_info *tensor, void *user);

typedef struct lf_model_info {
    char format[16];        /* "safetensors", "GGUF" or "llama2.c"                                */
    char type[64];          /* "llama", "gemma3_text", ...: as a config.json would name it        */
    int files, tensors;     /* of the weights                                                     */
    uint64_t bytes;         /* of the weights                                                     */
    char dtypes[256];       /* "BF16 210, F32 81": how many tensors of each type, the most first  */
    int64_t parameters;     /* tied ones once; 0 when the architecture is not known               */
    double kv_bytes[4];     /* that the cache keeps for one token, as f32, f16, bf16, q8_0        */
    char tokenizer[128];    /* "tokenizer.json", "gpt2 (pre qwen2), 151936 tokens", "" = none     */
    int64_t chat_template;  /* bytes of it, 0 = none                                              */
    char unsupported[1024]; /* why we cannot run it, "" = we can                                  */
    char unverified[256];   /* what no vectors of another program cover, "" = all is covered      */
    lf_model_config config; /* when supported                                                     */
} lf_model_info;

/* Headers only. A file that is whole but that we cannot run is no error: see `unsupported`. tensors may be NULL; it gets them in the order
 * of their names. -1: no model there, or a file that does not follow its format. */
int lf_model_info_read(lf_model_info *info, const char *path, lf_tensor_fn tensors, void *user, lf_error *err);

/* ---- from any format to any other --------------------------------------------------------------------------------------------- */
/* A tensor that was just written. */
typedef struct lf_tensor_written {
    const char *name; /* in the target; lives during the call    */
    const char *from, *to;
    int64_t shape[2]; /* of a vector: [1, n]                */
    uint64_t bytes;
    double rmse, relative; /* root mean square of what rounding lost; the same / that of the values themselves */
    bool weighted;         /* errors were weighed by importance  */
    bool fallback;         /* another type than was asked for    */
} lf_tensor_written;

typedef struct lf_convert_options {
    const char *format;   /* "hf": a folder, or "gguf": one file                                                              */
    const char *dtype;    /* "f32", "f16", "bf16", and for gguf "q8_0", "q4_0", "q4_k", ..., or a mix, "q4_k_m", "q5_k_m"; NULL = as
                             stored (hf: f32 where it has no such type). gguf: vectors stay f32, rows of no whole number of blocks take
                             the type's fallback */
    uint64_t shard_bytes; /* hf: most bytes of weights in one file; 0 = 5,000,000,000                                         */
    int threads;          /* 0 = all; the bytes never depend on it                                                            */
    lf_progress progress; /* may be NULL */
    void *progress_user;
    /* gguf only: */
    const char *const *keep; /* [n_keep] exceptions "PATTERN=TYPE": the whole name of a matrix in GGUF, with or without ".weight", * and ?
                                standing for anything; "output" is the matrix that makes logits. The last that matches counts */
    int n_keep;
    const lf_imatrix *imatrix; /* what errors in the columns of weights cost; NULL: all the same       */
    bool once;                 /* refuse to quantize again what is quantized already, in another type  */
    void (*on_tensor)(const lf_tensor_written *tensor, void *user); /* in the order of the file; NULL: errors are not measured */
    void *tensor_user;
} lf_convert_options;

typedef struct lf_convert_report {
    int tensors, fallbacks, files; /* fallbacks: tensors that took another type than asked */
    int weighted;                  /* tensors whose errors were weighed by importance      */
    int64_t weights;               /* numbers                                              */
    uint64_t bytes;                /* of the weights written                               */
    uint64_t source_bytes;         /* of the weights read                                  */
    char type[64];                 /* model type, or GGUF architecture, that was written   */
    char tokenizer[256];           /* what came along, "" = nothing: said why in a warning */
} lf_convert_report;

/* Checks everything that a header says first; out appears whole or not at all (a folder must not exist or be empty). Whatever the target
 * format cannot say is written so that we read it back, with one warning about other programs. */
int lf_model_convert(const char *source, const char *out, const lf_convert_options *options, lf_convert_report *report, lf_error *err);

/* ---- two models side by side ---------------------------------------------------------------------------------------------------- */
typedef struct lf_tensor_diff {
    const char *name;              /* Hugging Face's                                                           */
    const char *dtype_a, *dtype_b; /* NULL: not in that model                                                  */
    int64_t shape_a[2], shape_b[2];
    bool comparable;       /* in both, of one shape                                                                 */
    double max_abs;        /* largest |a - b|; infinite where only one is finite                                    */
    double relative;       /* |a - b| / |a| in the Frobenius norm                                                   */
    int64_t different, at; /* numbers that differ in any bit; the index of the largest difference                  */
} lf_tensor_diff;

typedef struct lf_diff_report {
    int tensors, different, only_a, only_b, options; /* options: of the configuration, that differ */
    double max_abs;
    bool equal;
} lf_diff_report;

/* Whatever the formats: names, order of rows and stored offsets are Hugging Face's in both. option: an option of the configuration that
 * differs, with both values. Either function may be NULL. */
int lf_model_diff(const char *a, const char *b, void (*option)(const char *key, const char *a, const char *b, void *user),
                  void (*tensor)(const lf_tensor_diff *diff, void *user), void *user, lf_diff_report *report, lf_error *err);

#ifdef __cplusplus
}
#endif
#endif
