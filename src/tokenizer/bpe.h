/* bpe.h - the tables of a byte-pair encoding, made by bpe_seal.c and read by bpe_encode.c. Private to the two. */
#ifndef LF_TOKENIZER_BPE_H
#define LF_TOKENIZER_BPE_H

#include "tokenizer/tokenizer.h"

typedef struct lf_word_slot {
    uint32_t tag; /* upper half of the word's hash */
    uint32_t id;  /* LF_TOK_NONE: empty            */
} lf_word_slot;

typedef struct lf_bpe {
    const lf_merge *merges; /* the tokenizer's, by rank                                            */
    uint32_t *byte_rank;    /* [65536] rank of a pair of single bytes, LF_TOK_NONE when none (byte level) */
    uint64_t *pairs;        /* open addressing: left << 44 | right << 24 | rank, all ones = empty  */
    uint64_t pair_mask;     /* slots - 1                                                           */
    lf_word_slot *words;    /* words that merge into exactly one token: most of running text       */
    uint64_t word_mask;     /* slots - 1                                                           */
    int32_t *char_id;       /* [n_char_id] token of a code point or -1 (not byte level)            */
    uint32_t n_char_id;
    bool all_bytes;     /* every byte has its token (byte level)                                    */
    bool marker_begins; /* no token has LF_MARKER behind another character: a text may be cut there */
} lf_bpe;

int lf__bpe_seal(lf_tokenizer *t, lf_error *err);
int lf__char_seal(lf_tokenizer *t, lf_error *err);
void lf__bpe_release(lf_tokenizer *t);

/* Room for merging one long word; zero-initialize, release once. */
typedef struct lf_merge_room {
    uint32_t *id, *next, *prev, *rank; /* [cap]: linked list over the word, rank of the pair that begins here */
    uint64_t *heap;                    /* [2 * cap]: rank << 32 | position                                    */
    size_t cap;
    uint32_t *symbols; /* a word of text as the tokens of its characters */
    size_t symbols_cap;
} lf_merge_room;
void lf__merge_room_release(lf_merge_room *room);
/* Tokens of one word by merges alone into out[0..n). Returns how many, or -1. */
int64_t lf__merge_word(const lf_tokenizer *t, const lf_bpe *bpe, int32_t *out, const char *word, size_t n, lf_merge_room *room,
                       lf_error *err);

#endif
