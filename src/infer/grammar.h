/* grammar.h - what grammar.c (GBNF to a program), grammar_run.c (running it over bytes and tokens) and the sampler share. Not for other
 * folders. */
#ifndef LF_INFER_GRAMMAR_H
#define LF_INFER_GRAMMAR_H

#include "base/base.h"
#include "foundry/sampling.h"

/* A program over bytes: a machine with a stack, run as all its possible threads at once. Targets are relative to the instruction, so a
 * piece of program may be moved and copied.
 *
 *     root ::= "a" b*          0 BYTE a..a      4 BYTE 0..9
 *     b    ::= [0-9]           1 SPLIT +1 +3    5 RET
 *                              2 CALL b  -> 3
 *                              3 JUMP -2 ...    RET
 */
typedef enum lf_grammar_op { LF_G_BYTE, LF_G_SPLIT, LF_G_JUMP, LF_G_CALL, LF_G_RET } lf_grammar_op;
typedef struct lf_grammar_code {
    uint8_t op, lo, hi; /* BYTE: one of [lo, hi], then the next instruction                    */
    int32_t x, y;       /* SPLIT: x and y; JUMP: x; CALL: rule x, which returns to the next one */
} lf_grammar_code;

typedef struct lf_grammar_rule {
    char *name;
    int32_t start;    /* of its program, -1 until it is defined */
    uint32_t mention; /* where it was met first, for errors     */
    bool nullable;    /* matches the empty text                 */
    uint8_t mark;     /* of the search for left recursion       */
} lf_grammar_rule;

struct lf_grammar {
    lf_grammar_code *code;
    size_t n_code, cap_code;
    lf_grammar_rule *rules;
    size_t n_rules, cap_rules;
    int32_t root;
};

/* grammar_run.c: where a grammar stands in a text. One thread. */
typedef struct lf_grammar_run lf_grammar_run;
lf_grammar_run *lf__grammar_run_new(const lf_grammar *g, lf_error *err);
void lf__grammar_run_free(lf_grammar_run **run);
/* Goes over bytes; false, and still where it was, when they do not fit (or a limit is reached). */
bool lf__grammar_run_feed(lf_grammar_run *run, const char *bytes, size_t n);
/* Would they fit? */
bool lf__grammar_run_fits(lf_grammar_run *run, const char *bytes, size_t n);
bool lf__grammar_run_complete(const lf_grammar_run *run); /* the text so far is whole */

/* The vocabulary as a tree of bytes: what begins alike is tried once. */
typedef struct lf_grammar_vocab lf_grammar_vocab;
lf_grammar_vocab *lf__grammar_vocab_new(const lf_tokenizer *t, int vocab_size, lf_error *err);
lf_grammar_vocab *lf__grammar_vocab_hold(lf_grammar_vocab *v); /* one holder more; all on one thread */
void lf__grammar_vocab_free(lf_grammar_vocab **v);             /* one less; the last one frees it */
/* *kept, when it is the vocabulary of this tokenizer; else a new one in its place. 0 or -1. */
int lf__grammar_vocab_keep(lf_grammar_vocab **kept, const lf_tokenizer *t, int vocab_size, lf_error *err);
/* Bit id % 64 of word id / 64: would the token fit? Special tokens never do. A mask is made once for each state of the text and kept; it is
 * valid until the run is used again. Always with the same vocabulary. NULL: no memory. */
const uint64_t *lf__grammar_run_mask(lf_grammar_run *run, const lf_grammar_vocab *v);
static inline size_t lf__mask_words(int vocab_size) { return ((size_t)vocab_size + 63) / 64; }

#endif
