/* data.h - from text files to batches: synthetic stories, token shards, and the windows a model trains on. */
#ifndef FOUNDRY_DATA_H
#define FOUNDRY_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "foundry/error.h"
#include "foundry/log.h"
#include "foundry/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- synth: stories whose best possible loss is known ------------------------------------------------------------------ */
typedef struct lf_synth_options {
    const char *lang; /* "en", "zh" or "mix" (default): both, one language per story */
    uint64_t bytes;   /* stop after the story with which the file reaches this size; >= 1 */
    uint64_t seed;
    int threads; /* 0 = all; the text never depends on it */
    lf_progress progress;
    void *progress_user;
} lf_synth_options;

typedef struct lf_synth_report {
    uint64_t bytes, documents; /* bytes of story text, separators not counted ("\n<|endoftext|>\n" is one); stories */
    uint64_t file_bytes;       /* of the file: bytes + 15 per story */
    double bits;               /* sum over all stories of -log2 p(story): the entropy of the choices made */
    double bits_per_byte;      /* bits / bytes */
} lf_synth_report;

/* Writes path (stories separated by <|endoftext|> lines), and beside it with ".txt" replaced: "X.meta.json" (bytes, documents, bits,
 * bits_per_byte, file_bytes, lang, seed, generator) and "X.bits" (one line per document: its bits). All three appear whole or not at
 * all. */
int lf_synth_write(const char *path, const lf_synth_options *options, lf_synth_report *report, lf_error *err);

/* ---- shards: token files on disk ----------------------------------------------------------------------------------------- */
typedef struct lf_prepare_options {
    double val_fraction;   /* 0..0.5 of the documents, chosen by keyed hash (one document: its tail) */
    const char *field;     /* .jsonl: the string field that holds the text; NULL = "text" */
    bool binary;           /* accept NUL bytes in text */
    uint64_t seed;         /* of the validation choice */
    uint64_t shard_tokens; /* tokens per shard file; 0 = 100,000,000 */
    int threads;           /* 0 = all; the shards never depend on it */
    lf_progress progress;
    void *progress_user;
} lf_prepare_options;

/* What stands in shards.json for one split. */
typedef struct lf_split_info {
    uint64_t tokens, documents, bytes; /* tokens include one end token per document; bytes of text without separators */
    double floor_bits;                 /* entropy floor of its documents; NaN when unknown                            */
    int32_t max_id;                    /* largest token id; -1 when unknown (foreign files)                           */
    int files;
} lf_split_info; /* foreign files: documents and bytes are 0 = unknown */

/* Streams .txt / .jsonl files (or folders of them) into shards under dir (made whole or not at all; an existing folder is replaced
 * only when it holds shards). Writes train_NNNNNN.bin, val_NNNNNN.bin, shards.json and a copy of the tokenizer.
 * options may be NULL. The text of a .txt document is what stands between lines that are exactly <|endoftext|>; the newline before
 * such a line belongs to it. Empty documents are skipped. Each document is followed by the tokenizer's end token (there must be one
 * when there are two documents), but not the head of a single document whose tail is the validation split. An input X.txt with a
 * file X.bits beside it (one number per document) gives the splits their floor. */
int lf_prepare(const char *dir, const char *const *inputs, int n_inputs, const lf_tokenizer *tokenizer, const lf_prepare_options *options,
               lf_split_info *train, lf_split_info *val, lf_error *err);

/* One split of a shard folder (or foreign .bin files), mapped. Immutable; share between threads. */
typedef struct lf_shards lf_shards;
/* path: a folder (split "train" or "val" picks its files), a .bin file, or a comma-separated list of .bin files. Headers, sizes and
 * (against shards.json, where there is one) token totals and checksums of all bytes are verified, on all cores. A split that the folder
 * does not have is LF_E_NOT_FOUND. */
lf_shards *lf_shards_open(const char *path, const char *split, lf_error *err);
void lf_shards_close(lf_shards **s);
lf_split_info lf_shards_info(const lf_shards *s);
const char *lf_shards_fingerprint(const lf_shards *s);   /* of the tokenizer that made them, "" when unknown */
const char *lf_shards_tokenizer_dir(const lf_shards *s); /* folder of the tokenizer copy, "" when none       */
int32_t lf_shards_end_token(const lf_shards *s);         /* id that ends documents, -1 when unknown          */
uint64_t lf_shards_tokens(const lf_shards *s);
/* Foreign files do not say which id ends a document. Call right after opening, before the shards are shared. */
void lf_shards_set_end_token(lf_shards *s, int32_t end_token);
/* Documents in order: tokens [*at, *at + *n), the end token being the last (a text cut at its end may lack one; without an end token
 * the split is one document). The index (8 bytes per document) is built on the first call. 0 documents = out of memory; -1 = no such
 * document. Thread-safe. */
uint64_t lf_shards_documents(const lf_shards *s);
int lf_shards_document(const lf_shards *s, uint64_t i, uint64_t *at, uint64_t *n);
/* Copies tokens [at, at + n) of the split, across files. 0, or -1 when out of range. */
int lf_shards_read(const lf_shards *s, int32_t *out, uint64_t at, uint64_t n, lf_error *err);
/* Verifies that every id is below vocab_size (reads all tokens, all threads). */
int lf_shards_check_vocab(const lf_shards *s, int vocab_size, lf_error *err);

/* ---- raw text where shards are expected -------------------------------------------------------------------------------- */
/* A file that is not a .bin, or a folder that holds .txt or .jsonl files and no shards. */
bool lf_data_is_text(const char *path);
/* The text files of a path (the file itself, or a folder's .txt and .jsonl, sorted). Free with lf_data_text_files_free. */
int lf_data_text_files(char ***files, int *n_files, const char *path, lf_error *err);
void lf_data_text_files_free(char ***files, int n_files);
/* dir (out, size bytes): the shard folder for path. Shards are their own; raw text is prepared into
 * "<cache_dir>/<name>-<16 hex digits>", the digits a hash of the files' paths, sizes and times, the tokenizer's fingerprint and the
 * options that matter; a whole folder found there is used as it is. tokenizer may be NULL when path holds shards. */
int lf_data_open_or_prepare(char *dir, size_t size, const char *path, const char *cache_dir, const lf_tokenizer *tokenizer,
                            const lf_prepare_options *options, lf_error *err);

/* ---- loader: which windows make step n ------------------------------------------------------------------------------------
 * The split is cut into windows of T+1 tokens that share one token with their neighbour; where the first one starts is a hash of
 * (seed, e), e the epoch, so each epoch cuts at other places and leaves other tokens (at most 2T) out at the two ends. A keyed
 * permutation shuffles the windows of an epoch without replacement. Window k of the run is a pure function of (seed, k): nothing to
 * save, any position is reached at once. */
typedef struct lf_loader {
    const lf_shards *shards; /* borrowed */
    int seq_len;             /* T */
    uint64_t seed;
    int32_t end_token;  /* -1: no document borders        */
    bool document_mask; /* sequences restart at documents */
} lf_loader;

/* Windows per epoch (0 when the split is shorter than T+1 tokens). */
uint64_t lf_loader_windows(const lf_loader *l);
/* Window k: seq_len inputs and the targets one to the right. positions restart at documents and seq_starts (capacity seq_len)
 * lists the row of each restart when document_mask is set; otherwise one sequence. A document begins at the end token before it:
 * that row sees nothing earlier and predicts the document's first token. Returns the number of sequences, or -1. */
int lf_loader_window(const lf_loader *l, uint64_t k, int32_t *tokens, int32_t *targets, int32_t *positions, int32_t *seq_starts,
                     lf_error *err);

#ifdef __cplusplus
}
#endif
#endif
