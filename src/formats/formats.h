/* formats.h - bytes on disk to descriptors and back: safetensors. Everything a file says is checked before it is believed. */
#ifndef LF_FORMATS_H
#define LF_FORMATS_H

#include "base/base.h"

typedef struct lf_st_tensor {
    const char *name;
    const char *dtype; /* "F32", "BF16", "F16", "I32", ... as in the file */
    int n_dims;        /* 0..8 */
    int64_t shape[8];
    const uint8_t *data; /* into the mapping */
    size_t bytes;
} lf_st_tensor;

/* An open safetensors file: a mapping and its index. Immutable. */
typedef struct lf_safetensors {
    lf_map map;
    lf_st_tensor *tensors; /* sorted by name */
    size_t n;
    struct json_t *header; /* owns the names */
} lf_safetensors;

/* Rejects: truncated or oversized header, bad JSON, duplicate names, unknown dtype, negative or overflowing shapes, holes, overlaps,
 * trailing bytes; each with the file, the tensor and the offset. */
int lf__safetensors_open(lf_safetensors *st, const char *path, lf_error *err);
void lf__safetensors_close(lf_safetensors *st);
const lf_st_tensor *lf__safetensors_find(const lf_safetensors *st, const char *name); /* or NULL */

/* A writer of known size: declare all tensors (order kept), begin, then the bytes of each in that order, then commit. Streams; holds
 * nothing twice.
 * __metadata__ is {"format":"pt"}; the header is padded with spaces so that data begins 64-byte aligned. */
typedef struct lf_st_decl {
    const char *name, *dtype;
    int n_dims;
    int64_t shape[8];
} lf_st_decl;
lf_writer *lf__safetensors_begin(const char *path, const lf_st_decl *decls, size_t n, lf_error *err);

#endif
