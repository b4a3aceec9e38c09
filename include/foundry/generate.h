/* generate.h - a model talks: a prompt in, one text or several out, in one call. Who keeps a model busy for longer, with many prompts or a
 * conversation, opens an engine (infer.h), on which this stands. */
#ifndef FOUNDRY_GENERATE_H
#define FOUNDRY_GENERATE_H

#include <stddef.h>
#include <stdint.h>

#include "foundry/config.h"
#include "foundry/error.h"
#include "foundry/infer.h"
#include "foundry/model.h"
#include "foundry/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lf_generate_stats {
    int prompt_tokens;
    int cached_tokens;         /* of them found again: in the file of prompt_cache                       */
    int kept_tokens;           /* of the prompt, now in that file; 0 without one                         */
    int replaced_tokens;       /* of another text, which that file held and holds no more                */
    int64_t tokens;            /* drawn, end tokens not counted                                          */
    double prefill_seconds;    /* to the first token                                                     */
    double decode_seconds;     /* from there to the last                                                 */
    double decode_bytes;       /* read in that time: weights once a step, keys and values of every text (none with a sliding window) */
    int64_t drafted, accepted; /* tokens that were guessed; of them right                                */
    lf_finish finish;          /* of what ended last; LF_FINISH_NONE: the callback wanted no more        */
} lf_generate_stats;

/* Continues prompt (prompt_bytes of text; empty = a new document, see lf_prompt_tokens). on_text gets the text as it is made, in pieces
 * that never split a UTF-8 character; non-zero ends it. stats may be NULL. The same seed gives the same text for any number of threads. The
 * model must not be used elsewhere during the call. 0, or -1: prompt longer than the context, unknown character, ... */
int lf_generate(lf_model *model, const lf_tokenizer *tokenizer, const char *prompt, size_t prompt_bytes, const lf_sample_config *sampling,
                int (*on_text)(const char *text, size_t n, void *user), void *user, lf_generate_stats *stats, lf_error *err);

/* The same with everything there is to say. */
typedef struct lf_generate_args {
    const char *prompt; /* [prompt_bytes] */
    size_t prompt_bytes;
    const lf_sample_config *sampling;
    int answers; /* to the same prompt; answer i has lf_seed_of(seed, i); 0: 1. They run 16 at a time at most; each group after the
                    first finds the prompt's whole pages again and reads what is behind them */
    const char *const *stops; /* [n_stops] texts that end an answer and are not part of it: at most LF_STOPS of LF_STOP_BYTES */
    int n_stops;
    lf_speculation speculate; /* the same answers, sooner (infer.h) */
    lf_model *draft;          /* NULL, or a smaller model with the same tokenizer (lf_same_tokens), used as the model is */
    /* NULL, or a file of keys and values (lf_engine_save): what it has of the prompt is not read again, and it is written when more of the
     * prompt has been read by the end, even by an end that somebody wished. It holds one text: a prompt that goes on with it adds to it,
     * one that parts from it takes its place (replaced_tokens). A file of something else is an error, and stays as it is. */
    const char *prompt_cache;
    /* Every token: answer->branch is the number of the answer. Answers come side by side. 1: this one ends, -1: all do. */
    int (*on_token)(void *user, const lf_answer *answer);
    void (*on_prompt)(void *user, int at, const float *logits); /* as in lf_request; NULL: not wanted */
    bool (*on_step)(void *user); /* between two steps (at most 256 tokens of a long prompt each); true: all answers end. May be NULL */
    void *user;                  /* of all three */
} lf_generate_args;
int lf_generate_answers(lf_model *model, const lf_tokenizer *tokenizer, const lf_generate_args *args, lf_generate_stats *stats,
                        lf_error *err);

/* ---- for requests to an engine ---------------------------------------------------------------------------------------------- */
/* What a prompt is fed as. In training, a document begins after an end token: the prompt stands behind one, or behind the model's
 * bos_token_id where it has one. Where there is neither, an empty prompt is a newline. Special tokens in the prompt are plain text. Returns
 * how many, at least 1; free(*tokens). -1: a character that the tokenizer does not have, a tokenizer of another model. */
int lf_prompt_tokens(int32_t **tokens, const lf_model *model, const lf_tokenizer *tokenizer, const char *prompt, size_t prompt_bytes,
                     lf_error *err);
/* Are the tokens of a draft model those of the model, id for id? 0, or -1 with the first that is not. */
int lf_same_tokens(const lf_tokenizer *tokenizer, const lf_tokenizer *draft, lf_error *err);
/* What an answer ends with: lf_model_ends and the tokenizer's end token. Returns how many. */
int lf_answer_ends(int32_t ends[LF_ENDS], const lf_model *model, const lf_tokenizer *tokenizer);

#ifdef __cplusplus
}
#endif
#endif
