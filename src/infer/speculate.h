/* speculate.h - guesses at the next tokens of a text, which one step of the model then checks together. Shared by speculate.c, which makes
 * them, and engine.c, which checks them. A guess never decides anything: it is right when the sampler draws it. One thread. */
#ifndef LF_INFER_SPECULATE_H
#define LF_INFER_SPECULATE_H

#include "foundry/infer.h"
#include "infer/infer.h"
#include "infer/sampler.h"

/* Of one sequence. Begins as zeros. */
typedef struct lf_guesses {
    int32_t tokens[LF_GUESSES];
    int n;             /* guessed for this step */
    bool drafted;      /* by the draft model    */
    int length, pause; /* how many next time, 0: at the first time; steps until then */
    int misses;        /* guesses in a row of which nothing was right */
    lf_kv kv;          /* the draft model's cache, guesses included; blocks NULL: it has not read anything */
    int *pages;
    int n_pages;
} lf_guesses;

/* How many guesses are worth making now, at most `most`; a step of the sequence has passed. */
int lf__guesses_wanted(lf_guesses *g, int most);
/* `right` of g->n were right. A function of what came before in this sequence alone: twice as many when all were right, as many as were
 * right and one when not, none for a while when nothing was, each time for longer. */
void lf__guesses_learn(lf_guesses *g, int right);

/* What followed when the text had its last tokens before: the longest such end of 2 .. longest tokens (1 when longest is 1), its latest
 * occurrence. Returns how many of `most` it could guess: all or none. */
int lf__guess_from_text(int32_t *guesses, const int32_t *tokens, int n, int longest, int most);

/* A model that is smaller and has the same vocabulary. */
typedef struct lf_drafter lf_drafter;
typedef struct lf_drafter_size {
    int context, max_sequences, max_rows; /* as the engine has them */
    int n_pages;                          /* of keys and values     */
    const char *kv_type;
} lf_drafter_size;
/* Borrows model. NULL: another vocabulary than `target` has, no memory. */
lf_drafter *lf__drafter_new(lf_model *model, const lf_model *target, const lf_drafter_size *size, lf_error *err);
void lf__drafter_free(lf_drafter **d);
/* A sequence that wants guesses: at most `most` of them behind tokens [n]. */
typedef struct lf_wish {
    lf_guesses *g;
    const int32_t *tokens;
    int n, most;
    lf_sampler *sampler; /* guesses with the random numbers that the draw will use */
    uint64_t index;      /* of that draw */
} lf_wish;
/* Fills g->tokens and g->n of all wishes; 0 for those whose text is not read yet. 0 or -1. */
int lf__drafter_guess(lf_drafter *d, lf_wish *wishes, int n, lf_error *err);
/* Only the first `valid` tokens of the draft's cache belong to the text. */
void lf__drafter_settle(lf_drafter *d, lf_guesses *g, int valid);
void lf__drafter_forget(lf_drafter *d, lf_guesses *g); /* the sequence ends */

#endif
