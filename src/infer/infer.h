/* infer.h - the face of src/infer: pages of keys and values, text that leaves in whole characters. The public half is
 * include/foundry/infer.h (the engine) and generate.h (lf_generate, the sampler). Nothing here is shared between threads. */
#ifndef LF_INFER_H
#define LF_INFER_H

#include "backend/backend.h"
#include "foundry/config.h"
#include "foundry/model.h"
#include "foundry/tokenizer.h"
#include "model/model.h"

/* ---- kv_pool.c: pages of many sequences, shared where they begin alike ---------------------------------------------------- */
/* Whoever holds a page of the tree holds those before it, and releases the last one first. */
typedef struct lf_kv_pool lf_kv_pool;
/* What `name` (auto, f32, f16, bf16, q8_0) means for a model: auto is bf16 unless all its products are of floats. The cache of a sequence
 * of it without pages; -1: no such type. */
int lf__kv_of(lf_kv *kv, const lf_model *model, const char *name, lf_error *err);
/* Of one page: LF_KV_BLOCK positions of all layers of such a cache; SIZE_MAX when that is no number. */
size_t lf__kv_page_bytes(const lf_kv *kv);
/* Pages become real when they are first taken. NULL: no memory. */
lf_kv_pool *lf__kv_pool_new(const lf_kv *kv, int n_pages, lf_error *err);
void lf__kv_pool_free(lf_kv_pool **pool);
int lf__kv_pool_pages(const lf_kv_pool *pool);
int lf__kv_pool_available(const lf_kv_pool *pool);        /* pages that can be taken: free, or in the tree with nobody holding them */
void *lf__kv_pool_data(const lf_kv_pool *pool, int page); /* what lf_kv.blocks points at */
/* A page of zeros with one holder, or -1: all are held. */
int lf__kv_pool_take(lf_kv_pool *pool);
int lf__kv_pool_copy(lf_kv_pool *pool, int page);  /* the same with the contents of another */
void lf__kv_pool_hold(lf_kv_pool *pool, int page); /* one holder more */
void lf__kv_pool_release(lf_kv_pool *pool, int page);
/* Positions from..to-1 of a sequence, in pages that nobody else holds, become as if they had never been written. */
void lf__kv_clear(const lf_kv_pool *pool, lf_device *device, const lf_kv *kv, int from, int to);
/* The longest run of full pages that the tree has for the beginning of a text, n_pages at most (tokens: LF_KV_BLOCK for each): into pages,
 * each with one holder more. Returns how many. */
int lf__kv_pool_match(lf_kv_pool *pool, int *pages, const int32_t *tokens, int n_pages);
/* The caller's page is full with these LF_KV_BLOCK tokens, and stands behind `parent`, a page of the tree (-1: at the beginning): others
 * will find it. Returns the page to go on with: this one, or the one that the tree had already (then held in its place). */
int lf__kv_pool_publish(lf_kv_pool *pool, int page, int parent, const int32_t *tokens);

/* ---- kv_file.c: pages of a tree in a file ---------------------------------------------------------------------------------- */
typedef struct lf_kv_owner {
    lf_kv shape;
    const char *isa;
    int vocab_size;
    uint64_t model; /* lf__model_identity */
} lf_kv_owner;
/* The longest run of pages that the tree has for the beginning of a text. Returns its tokens; 0: none, and no file; or -1. */
int lf__kv_save(lf_kv_pool *pool, const lf_kv_owner *owner, const char *path, const int32_t *tokens, int n_tokens, lf_error *err);
/* Into the tree, as far as pages can be taken. Returns how many tokens of the file the tree has now, or -1: the tree is as it was, but for
 * pages that were taken meanwhile. */
int lf__kv_load(lf_kv_pool *pool, const lf_kv_owner *owner, const lf_file *file, lf_error *err);

/* ---- generate.c ------------------------------------------------------------------------------------------------------------ */
/* What stands before the first token of a document: the model's bos_token_id, else the tokenizer's end token, -1 when there is neither. */
int32_t lf__start_token(const lf_model_config *config, const lf_tokenizer *tokenizer);

/* ---- engine.c: what a step of the largest size takes ---------------------------------------------------------------------- */
typedef struct lf_step_size {
    int context, sequences, rows, outs; /* positions of a sequence; sequences, rows and rows with logits of one step */
} lf_step_size;
/* Working memory for the largest step there can be over caches like `like`: every sequence has a row, one of them the rest. */
int lf__step_memory(lf_model_ctx *work, lf_model *model, const lf_kv *like, const lf_step_size *size, lf_error *err);

/* ---- text_stream.c: bytes in, whole UTF-8 characters out, up to a stop ---------------------------------------------------- */
typedef struct lf_stops lf_stops; /* texts that end an answer */
lf_stops *lf__stops_new(const char *const *texts, int n, lf_error *err);
void lf__stops_free(lf_stops **stops);

typedef struct lf_text_stream {
    const lf_stops *stops; /* borrowed; NULL: none                                                                  */
    int *matched;          /* [stops] bytes of each that the text ends with                                         */
    lf_buf held;           /* the beginning of a character or of a stop, whose rest has not come yet                */
    lf_buf out;            /* what the last call made sure of; either buf.failed: out of memory                     */
    bool stopped;          /* a stop came: the text is over, and the stop is not part of it                         */
} lf_text_stream;
int lf__text_stream_init(lf_text_stream *s, const lf_stops *stops, lf_error *err);
void lf__text_stream_release(lf_text_stream *s);
/* Bytes of the next token; `out` then has what they complete, every byte that belongs to no character as U+FFFD. True: stopped. */
bool lf__text_stream_add(lf_text_stream *s, const char *bytes, size_t n);
/* The answer is over: `out` has, besides what it had, all that was held. */
void lf__text_stream_end(lf_text_stream *s);

#endif
