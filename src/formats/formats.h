/* formats.h - bytes on disk to descriptors and back: safetensors, GGUF, llama2.c, and one face over all of them (lf_weights). Everything a
 * file says is checked before it is believed. Open files are immutable and may be shared by threads; all pointers live until close. */
#ifndef LF_FORMATS_H
#define LF_FORMATS_H

#include "base/base.h"
#include "tensor/tensor.h"

/* ---- a tensor in a file, to be read or to be written ------------------------------------------------------------------------- */
typedef struct lf_file_tensor {
    const char *name;
    lf_dtype dtype;
    int n_dims;          /* 0..8, in GGUF 0..4                                                                  */
    int64_t shape[8];    /* row-major: the last side is contiguous and holds whole blocks, whatever the format  */
    const uint8_t *data; /* into the mapping, at any alignment                       (these three: reading only) */
    size_t bytes;        /* of data                                                                             */
    const lf_file *file; /* where data lies                                                                     */
} lf_file_tensor;

/* Elements of a shape; false when a side is negative or the product overflows. 1 without dimensions. */
bool lf__shape_count(size_t *out, const int64_t *shape, int n_dims);
/* "[2, 3]"; returns out. */
char *lf__shape_text(char out[192], const int64_t *shape, int n_dims);
/* Lists of tensors: sorted by name, returning a name that is there twice or NULL; sorted by place; and the one of a name in a list sorted
 * by name, or NULL. */
const char *lf__tensors_sort(lf_file_tensor *tensors, size_t n);
void lf__tensors_sort_by_place(lf_file_tensor *tensors, size_t n);
const lf_file_tensor *lf__tensors_find(const lf_file_tensor *tensors, size_t n, const char *name);
/* Declarations for the file at path name each tensor once. 0 or -1. */
int lf__tensors_check(const char *path, const lf_file_tensor *decls, size_t n, lf_error *err);
/* Elements [first, first + n), whole blocks, as float. Copies out of the file rather than the mapping: a file that somebody has cut since
 * it was opened is an error, not a SIGBUS. LF_E_UNSUPPORTED for a dtype without to_float. Any thread, any order. */
int lf__file_tensor_read(float *out, const lf_file_tensor *t, size_t first, size_t n, lf_error *err);

/* ---- weights.c: whatever holds the weights of a model ------------------------------------------------------------------------- */
typedef enum lf_weights_kind { LF_WEIGHTS_SAFETENSORS, LF_WEIGHTS_GGUF, LF_WEIGHTS_LLAMA2C } lf_weights_kind;

typedef struct lf_weights {
    lf_weights_kind kind;
    lf_file_tensor *tensors; /* sorted by name, each name once                                  */
    size_t n;
    const struct lf_gguf *gguf;       /* metadata of the (first) GGUF file, else NULL                    */
    const struct lf_llama2c *llama2c; /* what the header of a llama2.c file says, else NULL */
    struct lf_weights_part *parts;    /* the files                                                       */
    size_t n_parts;
} lf_weights;

/* path: a folder with model.safetensors, with model.safetensors.index.json and its shards, or with one GGUF file; a .safetensors or .gguf
 * file (of a split GGUF: the first part); a llama2.c .bin. Reads headers only. Within a folder, links that leave it are refused (but for
 * the blobs of a Hugging Face cache). Pickled .bin/.pt files are refused with how to convert them. */
int lf__weights_open(lf_weights *w, const char *path, lf_error *err);
void lf__weights_close(lf_weights *w);
const lf_file_tensor *lf__weights_find(const lf_weights *w, const char *name); /* or NULL */

/* ---- safetensors.c ------------------------------------------------------------------------------------------------------------ */
typedef struct lf_safetensors {
    lf_file *file;
    lf_file_tensor *tensors; /* sorted by name */
    size_t n;
    struct json_t *header; /* owns the names */
} lf_safetensors;

/* Rejects: truncated or oversized header, bad JSON, duplicate names, unknown dtype, negative or overflowing shapes, holes, overlaps,
 * trailing bytes; each with the file, the tensor and the offset. */
int lf__safetensors_open(lf_safetensors *st, const char *path, lf_error *err);
void lf__safetensors_close(lf_safetensors *st);
const lf_file_tensor *lf__safetensors_find(const lf_safetensors *st, const char *name); /* or NULL */

/* A writer of known size: declare all tensors (order kept), begin, then the bytes of each in that order, then commit. Streams; holds
 * nothing twice.
 * __metadata__ is {"format":"pt"}; the header is padded with spaces so that data begins 64-byte aligned. Types with a block are refused. */
lf_writer *lf__safetensors_begin(const char *path, const lf_file_tensor *decls, size_t n, lf_error *err);

/* ---- gguf.c: one GGUF file ------------------------------------------------------------------------------------------------------ */
/* As numbered in the file. */
typedef enum lf_gguf_type {
    LF_GGUF_U8,
    LF_GGUF_I8,
    LF_GGUF_U16,
    LF_GGUF_I16,
    LF_GGUF_U32,
    LF_GGUF_I32,
    LF_GGUF_F32,
    LF_GGUF_BOOL,
    LF_GGUF_TEXT,
    LF_GGUF_ARRAY,
    LF_GGUF_U64,
    LF_GGUF_I64,
    LF_GGUF_F64,
    LF_GGUF_TYPES
} lf_gguf_type;

/* A view into the mapping. A text is not NUL-terminated and may hold any bytes. */
typedef struct lf_gguf_value {
    lf_gguf_type type;   /* ARRAY: see items                             */
    lf_gguf_type items;  /* type of an array's items, else = type         */
    uint64_t count;      /* items of an array, bytes of a text, else 1    */
    const uint8_t *data; /* the number, the text, or the first item       */
} lf_gguf_value;

typedef struct lf_gguf_pair {
    const char *key; /* NUL-terminated */
    lf_gguf_value value;
} lf_gguf_pair;

typedef struct lf_gguf {
    lf_file *file;
    uint32_t version;    /* 2 or 3                        */
    size_t alignment;    /* of tensor data                */
    lf_gguf_pair *pairs; /* sorted by key, each key once  */
    size_t n_pairs;
    lf_file_tensor *tensors; /* sorted by name, each name once */
    size_t n;
    char *names; /* owns keys and names */
} lf_gguf;

/* Rejects all that the file cannot back with bytes: counts, lengths, nesting above 4 arrays, unknown value types, unknown tensor types,
 * offsets that leave a hole, overlap or run past the end, a name twice; each with the file, the offset and the key or tensor. */
int lf__gguf_open(lf_gguf *g, const char *path, lf_error *err);
void lf__gguf_close(lf_gguf *g);
const lf_gguf_value *lf__gguf_find(const lf_gguf *g, const char *key); /* or NULL */
int lf__gguf_type_bytes(lf_gguf_type type);                            /* of a number; 0 for texts and arrays */
const uint8_t *lf__gguf_end(const lf_gguf_value *v);                   /* the first byte behind it */

/* Typed getters. A key that is absent leaves *out as it is (the default) and succeeds: who needs it asks lf__gguf_find first. A value of
 * another kind, or out of [lo, hi], is an error that names file and key. Any integer type serves as an integer; any number as a double. */
int lf__gguf_get_int(const lf_gguf *g, const char *key, int64_t lo, int64_t hi, int64_t *out, lf_error *err);
int lf__gguf_get_double(const lf_gguf *g, const char *key, double lo, double hi, double *out, lf_error *err);
int lf__gguf_get_bool(const lf_gguf *g, const char *key, bool *out, lf_error *err);
int lf__gguf_get_text(const lf_gguf *g, const char *key, const char **text, size_t *n, lf_error *err);
/* The array under key if its items are of this type; *out keeps what it had when the key is absent. */
int lf__gguf_get_array(const lf_gguf *g, const char *key, lf_gguf_type items, lf_gguf_value *out, lf_error *err);

/* Walks the items of an array, whatever they are; false behind the last.
 *     lf_gguf_cursor at = {0};
 *     for (lf_gguf_value v; lf__gguf_next(&tokens, &at, &v);) use((const char *)v.data, v.count); */
typedef struct lf_gguf_cursor {
    uint64_t index;      /* of the next item */
    const uint8_t *next; /* where it begins, NULL at first */
} lf_gguf_cursor;
bool lf__gguf_next(const lf_gguf_value *array, lf_gguf_cursor *at, lf_gguf_value *item);
/* The number in a scalar (or item) as a double or, when it is an integer type (or bool), exactly; false: it is none, or does not fit. */
bool lf__gguf_as_int(const lf_gguf_value *v, int64_t *out);
bool lf__gguf_as_double(const lf_gguf_value *v, double *out);

/* ---- gguf_write.c ---------------------------------------------------------------------------------------------------------------- */
/* Metadata in the making. Failures (memory) are sticky and reported by lf__gguf_begin. Each key once; "general.alignment" is not for
 * callers: files are written with 32. */
typedef struct lf_gguf_meta {
    lf_buf bytes;
    uint64_t n;
} lf_gguf_meta;
void lf__gguf_meta_init(lf_gguf_meta *m);
void lf__gguf_meta_release(lf_gguf_meta *m);
void lf__gguf_put_u32(lf_gguf_meta *m, const char *key, uint32_t value);
void lf__gguf_put_i32(lf_gguf_meta *m, const char *key, int32_t value);
void lf__gguf_put_u64(lf_gguf_meta *m, const char *key, uint64_t value);
void lf__gguf_put_f32(lf_gguf_meta *m, const char *key, float value);
void lf__gguf_put_bool(lf_gguf_meta *m, const char *key, bool value);
void lf__gguf_put_text(lf_gguf_meta *m, const char *key, const char *text, size_t n);
/* An array of numbers at once: n items of their native type (LF_GGUF_F32: const float *, ...). */
void lf__gguf_put_array(lf_gguf_meta *m, const char *key, lf_gguf_type items, const void *values, uint64_t n);
/* An array of texts: its head, then exactly n times an item. */
void lf__gguf_put_texts(lf_gguf_meta *m, const char *key, uint64_t n);
void lf__gguf_put_item(lf_gguf_meta *m, const char *text, size_t n);
/* Copies one pair of another file as it is. */
void lf__gguf_put_value(lf_gguf_meta *m, const char *key, const lf_gguf_value *value);

/* Header and declarations; then the bytes of each tensor in this order, each followed by lf__gguf_pad; then commit. */
lf_writer *lf__gguf_begin(const char *path, const lf_gguf_meta *meta, const lf_file_tensor *decls, size_t n, lf_error *err);
int lf__gguf_pad(lf_writer *w, size_t bytes); /* zeros up to the alignment, after `bytes` of a tensor */

/* ---- llama2c.c --------------------------------------------------------------------------------------------------------------------- */
/* A .bin of llama2.c in its first layout or in version 1: a llama in float32, its tensors under Hugging Face's names. Rows of q and k are
 * in pairs of neighbours, as Meta's (and GGUF's) are: who rotates halves permutes them. */
typedef struct lf_llama2c {
    lf_file *file;
    int32_t version; /* 0: the first layout */
    int32_t dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len;
    bool shared_classifier; /* the embedding is the head, too */
    lf_file_tensor *tensors;
    size_t n;
    char *names;
} lf_llama2c;
/* The header must explain the size of the file to the byte. */
int lf__llama2c_open(lf_llama2c *l, const char *path, lf_error *err);
void lf__llama2c_close(lf_llama2c *l);

/* ---- weights_out.c: either format, fed with floats --------------------------------------------------------------------------------- */
/* Tensors go out in the order of their declaration, converted to their dtype in bounded pieces; by the pool's threads where there is one
 * (the same bits for any number). kind: LF_WEIGHTS_SAFETENSORS or LF_WEIGHTS_GGUF (meta: only there). Borrows the names until the end. */
typedef struct lf_weights_out lf_weights_out;
lf_weights_out *lf__weights_create(const char *path, lf_weights_kind kind, const lf_gguf_meta *meta, const lf_file_tensor *decls, size_t n,
                                   lf_pool *pool, lf_error *err);
/* The next n elements of the tensor whose turn it is: whole rows. importance: [last side] of that tensor, or NULL. Failures are sticky. */
int lf__weights_put(lf_weights_out *o, const float *values, size_t n, const float *importance);
/* From now on lf__weights_put adds the squares of what its rounding lost, and of the values, to sums[0] and sums[1]; NULL: no more. */
void lf__weights_measure(lf_weights_out *o, double *sums);
/* The same for bytes that are of the right dtype already: whole rows. */
int lf__weights_put_bytes(lf_weights_out *o, const void *bytes, size_t n);
int lf__weights_commit(lf_weights_out **o, lf_error *err); /* takes *o, success or not; a tensor left out is an error */
void lf__weights_discard(lf_weights_out **o);              /* takes *o */

#endif
