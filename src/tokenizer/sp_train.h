/* sp_train.h - what the two ways to learn SentencePiece vocabularies share: segments of normalized text and their counts, the alphabet.
 *
 *   files -> lines -> normalized -> segments (no piece crosses from one into the next) and counts -> learner -> pieces with scores */
#ifndef LF_SP_TRAIN_H
#define LF_SP_TRAIN_H

#include "tokenizer/sp.h"
#include "tokenizer/word_count.h"

enum { LF_SP_PIECE_CHARS = 16 }; /* characters of a learned piece at most: SentencePiece's max_sentencepiece_length */

typedef struct lf_sp_char {
    int32_t cp;
    uint64_t count;
} lf_sp_char;

typedef struct lf_sp_piece {
    const char *text; /* borrowed */
    uint32_t n;
    float score;
} lf_sp_piece;

typedef struct lf_sp_job {
    lf_word_map *segments;   /* of maps[0]: text of each and its count */
    const lf_sp_char *chars; /* [n_chars] the alphabet, the most frequent first */
    size_t n_chars;
    const uint8_t *known;         /* a set of bits: code points of the alphabet */
    size_t wanted;                /* pieces, characters included */
    const char *const *forbidden; /* texts that other pieces have already, NULL-terminated */
    int threads;
    lf_progress progress;
    void *progress_user;
} lf_sp_job;

typedef struct lf_sp_pieces { /* by falling score; zero-initialize */
    lf_sp_piece *v;
    size_t n, cap;
    lf_tokenizer *own; /* keeps the texts, or NULL */
} lf_sp_pieces;

int lf__sp_learn_bpe(lf_sp_pieces *out, const lf_sp_job *job, lf_error *err);     /* sp_train.c         */
int lf__sp_learn_unigram(lf_sp_pieces *out, const lf_sp_job *job, lf_error *err); /* sp_train_unigram.c */

/* The whole of lf_tokenizer_train for its two modes. */
lf_tokenizer *lf__sp_train(const char *const *paths, int n_paths, const lf_tokenizer_train_options *options, lf_error *err);

static inline bool lf__sp_knows(const lf_sp_job *job, int32_t cp) { return cp >= 0 && job->known[cp >> 3] >> (cp & 7) & 1; }

#endif
