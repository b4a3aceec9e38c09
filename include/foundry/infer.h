/* infer.h - one engine for one user and for forty: many requests at once on one model, each with the answer it would have had alone.
 *
 * An engine owns the keys and values of what it has read, in pages, and runs its requests together: every step feeds the last token of each
 * answer and pieces of prompts that wait. Whoever asks passes all tokens of a text from its beginning; what an earlier request has already
 * read of it is found again and costs nothing.
 *
 * The contract: the logits of a request, and so its tokens, are the same to the bit whatever else the engine does, however long the steps
 * are, whatever was found again, and for any number of threads. One thread at a time may call an engine; callbacks may call
 * lf_engine_cancel and lf_engine_submit. */
#ifndef FOUNDRY_INFER_H
#define FOUNDRY_INFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "foundry/config.h"
#include "foundry/error.h"
#include "foundry/model.h"
#include "foundry/sampling.h"
#include "foundry/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lf_engine lf_engine;

typedef struct lf_engine_options {
    int64_t kv_bytes;  /* of keys and values, at most; 0: what max_sequences of a whole context take, or half of the free memory, and
                          at least one of them */
    int context;       /* tokens of one text, prompt and answer; 0: the model's max_position_embeddings */
    int max_sequences; /* that run at a time; 0: 64 */
    int max_rows;      /* tokens of one step, answers and prompts together; 0: 256. More is faster for long prompts, and takes memory */
    /* What keys and values are kept as: "f32", "bf16" (half the memory; products with them are of bfloat16 where the CPU multiplies it),
     * "f16" (as much; three more bits of mantissa, none of range: beyond 65,504 infinite; products are of floats, which takes longer
     * there), "q8_0" (a little over a quarter), or "auto" and NULL: bf16, but f32 where all weights are kept as f32. */
    const char *kv_type;
    /* A smaller model with the same vocabulary, for requests that speculate; NULL: none. Borrowed like the model. Its keys and values, for
     * as many tokens as the model's, come on top of kv_bytes; behind the end of its own context it guesses nothing. */
    lf_model *draft;
} lf_engine_options;

/* Borrows model, which nobody else may use until lf_engine_free. options may be NULL. NULL (LF_E_MEMORY, LF_E_LIMIT) when kv_bytes does not
 * hold a single sequence of `context`: the message says what would; LF_E_MISMATCH: the draft model has another vocabulary. */
lf_engine *lf_engine_new(lf_model *model, const lf_engine_options *options, lf_error *err);
void lf_engine_free(lf_engine **engine); /* requests that still run end without a word */

typedef enum lf_finish {
    LF_FINISH_NONE,      /* goes on                                     */
    LF_FINISH_END,       /* the model drew one of the request's `ends`  */
    LF_FINISH_LENGTH,    /* sampling->max_tokens were drawn             */
    LF_FINISH_CONTEXT,   /* no position is left                         */
    LF_FINISH_GRAMMAR,   /* no token goes on with a text of the grammar */
    LF_FINISH_STOP,      /* one of the request's `stops` came           */
    LF_FINISH_CANCELLED, /* lf_engine_cancel                            */
    LF_FINISH_DEADLINE,  /* its seconds are over                        */
} lf_finish;
const char *lf_finish_name(lf_finish finish); /* "end", "length", "context", ... */

#define LF_STOPS      64   /* stops of a request, at most */
#define LF_STOP_BYTES 4096 /* of one */

/* A token that was drawn, or with token -1 the end of an answer that ends without one. */
typedef struct lf_answer {
    int64_t request;
    int branch;          /* 0 .. branches-1 */
    int index;           /* of the token in the answer                                                   */
    int32_t token;       /* one of `ends` when finish is LF_FINISH_END                                   */
    lf_finish finish;    /* not NONE: this is the last word on this branch                               */
    const float *logits; /* [vocab_size] that it was drawn from, as the model gave them; until on_token returns; NULL with token -1 */
    /* [text_bytes] what the answer's text is longer by: whole characters, none or many; no special token, no stop, and nothing that may
     * yet become one. Invalid bytes are U+FFFD. Until on_token returns; "" without a tokenizer. */
    const char *text;
    size_t text_bytes;
    int prompt_tokens, cached_tokens; /* of the request; cached: found again                             */
    double prompt_seconds;            /* from lf_engine_submit to the first token                        */
    int drafted, accepted;            /* of this branch so far: tokens that were guessed; of them right  */
} lf_answer;

/* Speculation: tokens are guessed, and one step of the model checks them all, each in a row of its own: a step that reads all weights gives
 * several tokens. The answer is the same to the bit as without, greedy or sampled, because a row does not depend on its neighbours and
 * token i is always drawn from its own logits with draw i of the seed: a guess is right when it is that token, and what was fed behind a
 * wrong one is taken back. */
#define LF_GUESSES 16 /* of one step, at most */
typedef struct lf_speculation {
    int tokens; /* guessed in one step, at most: 0 (none) to LF_GUESSES. It begins with 4, doubles as long as all are right, shrinks to what
                   was right, and rests where nothing is; when many requests share a step, the rows left over are for guesses */
    int ngram;  /* What followed when the last tokens, 2 to `ngram` of them, stood in the text before. 0: 4; negative: not looked for.
                   Where the text had no such place, the engine's draft model is asked */
} lf_speculation;

typedef struct lf_request {
    const int32_t *tokens; /* [n_tokens] all of the text so far, at least 1; copied */
    int n_tokens;
    int branches;                     /* answers to draw, branch b with seed + b; 0: 1 */
    const lf_sample_config *sampling; /* copied */
    int n_ids;                        /* ids from here on are not drawn; 0: the model's vocab_size */
    const lf_tokenizer *tokenizer;    /* for texts, here and in sampling; borrowed to the end of the request, may be NULL */
    const lf_grammar *grammar;        /* what an answer may be; borrowed, NULL: anything; needs the tokenizer */
    const int32_t *ends;              /* [n_ends] tokens that end an answer; copied */
    int n_ends;
    const char *const *stops; /* [n_stops] texts that end an answer and are not part of it; copied; need the tokenizer */
    int n_stops;
    lf_speculation speculate;
    double seconds;                                       /* until it is ended with LF_FINISH_DEADLINE; 0: no deadline */
    int (*on_token)(void *user, const lf_answer *answer); /* may be NULL; non-zero: the branch ends */
    /* May be NULL. The logits [vocab_size] that token `at` of the prompt had, at = 1, 2, ... n_tokens-1; all of it is read for that. */
    void (*on_prompt)(void *user, int at, const float *logits);
    void *user;
} lf_request;

/* Takes a request in; it waits until there is room for all it may become, behind those that came before. Returns its number (1, 2, ...), or
 * -1: more tokens than the context holds (LF_E_LIMIT, with both numbers), an id, a stop or a sampling value out of range. */
int64_t lf_engine_submit(lf_engine *engine, const lf_request *request, lf_error *err);
/* Ends a request with the next step, in which on_token is told with token -1. False when there is none of that number. */
bool lf_engine_cancel(lf_engine *engine, int64_t request);
/* One step of everybody. Returns how many branches still run or wait, 0: nothing is left to do; -1 on a failure, after which all requests
 * are gone. */
int lf_engine_step(lf_engine *engine, lf_error *err);
/* Steps until nothing is left. */
int lf_engine_run(lf_engine *engine, lf_error *err);

/* ---- between one engine and the next ------------------------------------------------------------------------------------------ */
/* Writes what the engine has read of the beginning of this text into a file, in whole pages; the file appears whole or not at all. Returns
 * how many tokens that are (0: none, and no file is written), or -1. Not from callbacks. */
int lf_engine_save(lf_engine *engine, const char *path, const int32_t *tokens, int n_tokens, lf_error *err);
/* Reads such a file: the next request that begins with its tokens finds them again, as far as the memory for keys and values holds them
 * beside what others need. Returns how many tokens of it the engine has now, or -1: no such file (LF_E_FORMAT: damaged or cut, nothing of
 * it is used), or one of another model (every byte of its weights counts: they are hashed once, 0.13 s a gigabyte and thread), type of keys
 * and values, or instruction set (LF_E_MISMATCH): what is found again must be what would be computed. Not from callbacks. */
int lf_engine_load(lf_engine *engine, const char *path, lf_error *err);

/* How many tokens of the beginning of this text a request would find again: whole pages. Not from callbacks. */
int lf_engine_find(lf_engine *engine, const int32_t *tokens, int n_tokens);

typedef struct lf_engine_state {
    int running, waiting;  /* branches; requests */
    int pages, pages_held; /* of keys and values: all, those that somebody reads */
    int page_tokens;       /* positions of a page */
    int64_t page_bytes;
    const char *kv_type;               /* as ggml spells it: "F32", "F16", "BF16" ... */
    int64_t steps, rows;               /* so far: steps, tokens that went through the model */
    int64_t cached;                    /* tokens that were found again                      */
    int64_t drafted, accepted;         /* tokens that were guessed; of them right           */
    double model_seconds, all_seconds; /* in the model, and in lf_engine_step altogether */
} lf_engine_state;
lf_engine_state lf_engine_state_of(const lf_engine *engine);

#ifdef __cplusplus
}
#endif
#endif
