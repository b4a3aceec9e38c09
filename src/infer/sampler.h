/* sampler.h - what sampler.c (making one, drawing) and sampler_stages.c (the table of stages) share. Not for other folders. */
#ifndef LF_INFER_SAMPLER_H
#define LF_INFER_SAMPLER_H

#include "base/base.h"
#include "foundry/sampling.h"
#include "infer/grammar.h"

#define LF_LOGIT_MAX 1e300 /* keeps differences of logits finite; minus that is a banned token */

/* Streams of random numbers under a seed: "sample", "xtc". */
#define LF_STREAM_DRAW 0x73616d706c65u
#define LF_STREAM_XTC  0x787463u

typedef struct lf_candidate {
    double logit;
    int32_t id;
} lf_candidate;

typedef struct lf_sampler_stage {
    const char *name;
    void (*run)(lf_sampler *s);
    bool (*acts)(const lf_sample_config *c); /* false: with these values it changes nothing */
} lf_sampler_stage;
enum { LF_SAMPLER_STAGES = 10 };

typedef struct lf_logit_bias {
    int32_t id;
    double bias;
} lf_logit_bias;

/* Invariant: candidates[0..n) are in ascending order of id, 1 <= n. A stage changes logits or picks the worst candidate that may stay
 * (keep_down_to); so no stage has to sort, and a draw walks the ids upwards whatever the stages were. */
struct lf_sampler {
    lf_sample_config config;
    int vocab_size, n;
    int few;                  /* only so many of the largest logits can be drawn; 0: perhaps all    */
    int groups;               /* of logits, to find those by                                        */
    float *tops;              /* [groups] the largest of each                                       */
    int32_t *eights;          /* [vocab_size / 8 + 1] where eight logits begin with a large one among them */
    lf_candidate *candidates; /* [vocab_size + 1]                                                   */
    lf_candidate *heap;       /* [vocab_size] scratch                                               */
    double *weight;           /* [vocab_size] exp(logit - max) of candidates                        */
    uint32_t *seen;           /* [vocab_size] how often in the window, prompt and answer; NULL where no stage asks */
    uint32_t *generated;      /* [vocab_size] how often in the window, answer only                  */
    bool *breaker;            /* [vocab_size] DRY: repetitions do not reach across it; NULL = none  */
    /* The last tokens, for windows; NULL where no stage looks back. Token t of a text lies at history[t % history_cap]. */
    int32_t *history; /* [history_cap] ids; an answer's token as ~id                                */
    int history_cap;
    int64_t n_history;   /* tokens so far                                             */
    int32_t *match;      /* [history_cap] DRY: scratch                                */
    int32_t *longest;    /* [vocab_size] DRY: scratch, all 0 between draws            */
    lf_logit_bias *bias; /* [n_bias]                                                  */
    size_t n_bias;
    double mu, surprise;     /* mirostat: the target now; bits of the token drawn last    */
    lf_grammar_run *grammar; /* NULL = none */
    lf_grammar_vocab *vocab;
    const lf_tokenizer *tokenizer; /* of the grammar                              */
    uint64_t *allowed;             /* [lf__mask_words] what the grammar lets follow */
    int32_t ends[8];
    int n_ends;
    uint64_t index;                                   /* of the draw                                               */
    const lf_sampler_stage *order[LF_SAMPLER_STAGES]; /* those that act */
    int n_stages;
};

extern const lf_sampler_stage lf__sampler_stages[]; /* in llama.cpp's order; ends with a row of NULLs */
extern const lf_sampler_stage lf__sampler_mirostat; /* beside them: follows the temperature, and nothing else runs */
/* Before lf_sampler_set_grammar: a vocabulary that somebody else has made of the same tokenizer; shared with him. */
void lf__sampler_share_vocab(lf_sampler *s, lf_grammar_vocab *vocab);
/* What lf_sampler_draw would draw if there were no grammar, more or less: a guess, which changes nothing. */
int32_t lf__sampler_guess(lf_sampler *s, const float *logits, uint64_t index);
/* weight[i] = exp(logit - max) of the candidates; returns their sum (>= 1). */
double lf__sampler_weigh(lf_sampler *s);

#endif
