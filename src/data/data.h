/* data.h - the private face of the data folder: how a shard file and shards.json look, and what the files here share.
 * The public side is foundry/data.h. Files are little-endian, as every machine we build for. */
#ifndef LF_DATA_DATA_H
#define LF_DATA_DATA_H

#include "base/base.h"
#include "foundry/data.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "token shards are mapped as they are: little-endian");

/* ---- a shard file (the de-facto format of the field) ----------------------------------------------------------------------
 *
 *   byte 0      4        8              12                 1024
 *   | magic    | version | token count  | zeros ...        | token 0 | token 1 | ...
 *     20240520   1         < 2^31                            uint16
 *     20240801   7         < 2^31                            uint32
 */
#define LF_SHARD_HEADER         1024
#define LF_SHARD_MAX_TOKENS     INT32_MAX
#define LF_SHARD_DEFAULT_TOKENS 100000000
typedef struct lf_shard_kind {
    int32_t magic, version;
    int width; /* bytes per token */
} lf_shard_kind;
#define LF_SHARD_UINT16 ((lf_shard_kind){20240520, 1, 2})
#define LF_SHARD_UINT32 ((lf_shard_kind){20240801, 7, 4})

/* Checksum of a shard file: the wrapping sum over its blocks of lf__checksum_block(block, n, i), where block 0 is the header and
 * block i > 0 the i-th LF_CHECKSUM_BLOCK bytes of tokens. The index is mixed in, so blocks are summed in any order by any thread.
 * Any change within one 8-byte word changes the sum for certain; anything else with probability 1 - 2^-64. Part of the file format. */
#define LF_CHECKSUM_BLOCK (1 << 20)
uint64_t lf__checksum_block(const void *bytes, size_t n, uint64_t index);

/* ---- shards.json ------------------------------------------------------------------------------------------------------------ */
#define LF_SHARD_INDEX_NAME "shards.json"
#define LF_SHARD_NAME_MAX   64
typedef struct lf_shard_entry {
    char name[LF_SHARD_NAME_MAX]; /* a plain file name of the same folder */
    uint64_t tokens, checksum;
} lf_shard_entry;

enum { LF_SPLIT_TRAIN, LF_SPLIT_VAL, LF_N_SPLITS };
typedef struct lf_shard_index {
    char fingerprint[65];
    int32_t end_token, vocab_size;
    lf_split_info info[LF_N_SPLITS];
    lf_shard_entry *entries[LF_N_SPLITS]; /* [info.files], owned */
    size_t cap[LF_N_SPLITS];
} lf_shard_index;

const char *lf__split_name(int split); /* "train", "val" */
/* Everything the file says is checked: types, ranges, sums, names without folders. */
int lf__shard_index_load(lf_shard_index *index, const char *dir, lf_error *err);
int lf__shard_index_save(const lf_shard_index *index, const char *dir, lf_error *err);
void lf__shard_index_release(lf_shard_index *index);

/* ---- shard_writer.c: tokens in, numbered shard files out --------------------------------------------------------------------- */
typedef struct lf_shard_sink {
    const char *dir;       /* borrowed */
    lf_shard_index *index; /* borrowed: gets one entry per file, totals and the largest id */
    int split;
    lf_shard_kind kind;
    uint64_t shard_tokens; /* per file */
    lf_writer *writer;     /* the open file, NULL between files */
    char path[LF_PATH_MAX];
    uint64_t in_file, blocks, sum;
    uint8_t *block; /* [LF_CHECKSUM_BLOCK] tokens not yet written */
    size_t used;    /* bytes of it */
} lf_shard_sink;
int lf__shard_sink_init(lf_shard_sink *sink, const char *dir, lf_shard_index *index, int split, lf_shard_kind kind, uint64_t shard_tokens,
                        lf_error *err);
int lf__shard_sink_add(lf_shard_sink *sink, const int32_t *ids, size_t n, lf_error *err); /* ids >= 0 */
int lf__shard_sink_finish(lf_shard_sink *sink, lf_error *err);                            /* closes the last file */
void lf__shard_sink_release(lf_shard_sink *sink);                                         /* discards what is open */

/* ---- sources.c: files of text, and where their documents begin and end ----------------------------------------------------- */
typedef enum lf_source_kind {
    LF_SOURCE_TXT,   /* documents between <|endoftext|> lines */
    LF_SOURCE_JSONL, /* one object per line                   */
    LF_SOURCE_RAW    /* one document, whatever it contains    */
} lf_source_kind;

lf_source_kind lf__source_kind(const char *path);
/* Appends the text files behind path (see lf_data_text_files). */
int lf__text_files_add(char ***files, int *n_files, size_t *cap, const char *path, lf_error *err);

/* The first line of text[0, n) that is exactly <|endoftext|> and lies in [from, to): [*start, *end) with the newline before it (when it
 * is not before `from`) and after it, each \n or \r\n. The newline after it may lie beyond `to`. */
enum { LF_SEPARATOR_MAX = sizeof LF_END_TOKEN - 1 + 2 * 2 }; /* bytes of the longest one */
bool lf__separator_find(const char *text, size_t n, size_t from, size_t to, size_t *start, size_t *end);

/* The text of one .jsonl line: a string field. Returned text points into *keep, a json_t the caller releases with json_decref.
 * -1: err names `name`:line. A blank line is 0 with *text = NULL. */
int lf__jsonl_text(const char **text, size_t *n_text, struct json_t **keep, const char *line, size_t n, const char *field, bool binary,
                   const char *name, uint64_t number, lf_error *err);

#endif
