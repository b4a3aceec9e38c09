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
/* Goes over bytes; false, and nowhere, when they do not fit (or a limit is reached). */
bool lf__grammar_run_feed(lf_grammar_run *run, const char *bytes, size_t n);
/* Would they fit? Nothing changes. */
bool lf__grammar_run_fits(lf_grammar_run *run, const char *bytes, size_t n);
bool lf__grammar_run_complete(const lf_grammar_run *run); /* the text so far is whole */

/* The vocabulary in the order of its bytes, to try tokens with a common beginning together. */
typedef struct lf_grammar_vocab lf_grammar_vocab;
lf_grammar_vocab *lf__grammar_vocab_new(const lf_tokenizer *t, int vocab_size, lf_error *err);
void lf__grammar_vocab_free(lf_grammar_vocab **v);
/* allowed[id] = would the token fit? Special tokens never do. Nothing changes. */
void lf__grammar_run_mask(lf_grammar_run *run, const lf_grammar_vocab *v, bool *allowed);

#endif
