/* loader.h - what the readers of tokenizer files share (tokenizer_load.c, tokenizer_json.c and those of other formats). */
#ifndef LF_TOKENIZER_LOADER_H
#define LF_TOKENIZER_LOADER_H

#include <jansson.h>

#include "tokenizer/tokenizer.h"

/* One file under way. The tokenizer is made by the reader and handed over by lf__loader_finish. */
typedef struct lf_loader {
    const char *path; /* for messages: the file that is being read */
    lf_error *err;
    json_t *config; /* tokenizer_config.json beside it, or NULL */
    json_t *vocab;  /* key to id; borrowed */
    lf_tokenizer *t;
    const char **key; /* [n] text of each id; borrowed from the documents */
    uint8_t *kind;    /* [n] LF_TOKEN_... */
    size_t n;
} lf_loader;

/* Puts the file, and a place in it (or NULL), before a sentence of the functions that know no files. Returns -1. */
int lf__in_file(const lf_loader *l, const char *where);
/* Reads tokenizer_config.json in the folder of `path`, where there is one. */
int lf__loader_config(lf_loader *l, const char *path);
/* key and kind (all normal) of the vocabulary and room for n_more others behind it. */
int lf__loader_place(lf_loader *l, size_t n_more);
/* The tokens of key and kind, which must have no gap, into the tokenizer. */
int lf__loader_tokens(lf_loader *l);
/* "left right" in the vocabulary's own writing. joined: working room. */
int lf__loader_merge_line(lf_loader *l, const char *where, const char *line, size_t n, lf_buf *joined);
/* Roles from the configuration, seal, and all that the loader holds is freed. Returns the tokenizer, or NULL when `failed` or it fails. */
lf_tokenizer *lf__loader_finish(lf_loader *l, int failed);

/* All that a tokenizer.json says, into l->t, which is new. The document lives until finish. */
int lf__loader_document(lf_loader *l, const json_t *root);
/* Added tokens that the configuration names ("added_tokens_decoder": {"id": {"content": ..., "special": ...}}): marked where they are in
 * the vocabulary, put behind it where they follow. */
int lf__loader_added(lf_loader *l);

lf_tokenizer *lf__load_json(const char *path, lf_error *err);
lf_tokenizer *lf__sp_load(const char *path, lf_error *err);                /* sp_model.c */
lf_tokenizer *lf__tiktoken_load(const char *path, lf_error *err);          /* tiktoken.c */
lf_tokenizer *lf__llama2c_tokenizer_load(const char *path, lf_error *err); /* llama2c_vocab.c */
int lf__tiktoken_save(const lf_tokenizer *t, const char *path, lf_error *err);

#endif
