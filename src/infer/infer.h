/* infer.h - the face of src/infer: room for keys and values, text that leaves in whole characters. The public half (lf_generate, the
 * sampler) is include/foundry/generate.h. Nothing here is shared between threads. */
#ifndef LF_INFER_H
#define LF_INFER_H

#include "backend/backend.h"

/* ---- kv_blocks.c: the cache of one sequence, in one reservation --------------------------------------------------------- */
typedef struct lf_kv_room {
    lf_kv kv;       /* hand &room.kv to a batch */
    lf_arena arena; /* owns every block         */
} lf_kv_room;

/* Bytes that a cache of `positions` needs; false when the numbers do not fit a size_t. */
bool lf__kv_room_bytes(size_t *bytes, int n_layers, int n_kv_heads, int head_dim, int positions);
/* Room for `positions` (rounded up to whole blocks), all zero. The pages become real when they are first written. 0 or -1. */
int lf__kv_room_init(lf_kv_room *room, int n_layers, int n_kv_heads, int head_dim, int positions, lf_error *err);
void lf__kv_room_release(lf_kv_room *room);

/* ---- text_stream.c: bytes in, whole UTF-8 characters out ----------------------------------------------------------------- */
typedef struct lf_text_stream {
    int (*on_text)(const char *text, size_t n, void *user); /* non-zero = stop; NULL = nobody listens */
    void *user;
    char held[4]; /* the beginning of a character whose rest has not come yet */
    size_t n_held;
} lf_text_stream;

/* Hands over what `bytes` completes; every byte that belongs to no character becomes U+FFFD. Returns on_text's wish (non-zero = stop). */
int lf__text_stream_add(lf_text_stream *s, const char *bytes, size_t n);
/* The end: a character that never became whole becomes U+FFFD, one per byte. */
int lf__text_stream_end(lf_text_stream *s);

#endif
