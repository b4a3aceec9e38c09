/* eval.h - how good a model is on a text: perplexity, and how far a model (quantized, say) is from another of the same vocabulary.
 *
 * A text is documents. Each is read by itself, behind what a document begins with (the model's bos_token_id, else the tokenizer's end
 * token), in windows of `context` tokens that begin `stride` tokens apart; of a window those tokens are scored that no window before has
 * scored, so every token counts once and, with stride < context, has at least context - stride tokens before it. The first token of a
 * document that nothing precedes is not scored.
 *
 *   stride 2, context 4      | a b c d |            scored: a b c d  (behind the start)
 *                                | c d e f |                e f
 *                                    | e f g h |                g h
 *
 * Results are the same bits for any number of threads. One thread at a time per model. */
#ifndef FOUNDRY_EVAL_H
#define FOUNDRY_EVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "foundry/error.h"
#include "foundry/log.h"
#include "foundry/model.h"
#include "foundry/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what is scored ----------------------------------------------------------------------------------------------------------- */
/* Documents as tokens of one vocabulary, in memory. Immutable; may be shared by threads. */
typedef struct lf_eval_text lf_eval_text;

/* Documents are what stands between lines that are exactly <|endoftext|>; where such a line follows, the end token belongs to the document
 * and is scored. config: of the model, for its bos_token_id and vocab_size. Free with lf_eval_text_free. NULL: an unknown character, a
 * tokenizer larger than the model, a text without a token to score (LF_E_LIMIT). */
lf_eval_text *lf_eval_text_new(const char *text, size_t n, const lf_tokenizer *tokenizer, const lf_model_config *config, lf_error *err);
/* The same from a split ("train" or "val") of shards as lf_prepare writes them, which must be of this vocabulary. */
lf_eval_text *lf_eval_text_shards(const char *path, const char *split, const lf_tokenizer *tokenizer, const lf_model_config *config,
                                  lf_error *err);
void lf_eval_text_free(lf_eval_text **text);
int64_t lf_eval_text_tokens(const lf_eval_text *text); /* that are scored */
int64_t lf_eval_text_documents(const lf_eval_text *text);
int64_t lf_eval_text_bytes(const lf_eval_text *text); /* of text that the scored tokens stand for; the end token stands for none */

/* Have both the same tokens, one by one, as far as both go (a GGUF file may have unused ones at its end)? -1 (LF_E_MISMATCH) names the
 * first that differs. */
int lf_eval_same_vocabulary(const lf_tokenizer *a, const lf_tokenizer *b, lf_error *err);

typedef struct lf_eval_options {
    int context; /* tokens of a window; 0: 512, or the model's context where that is less */
    int stride;  /* 1 .. context, 0: context (windows do not overlap)                     */
    /* What the model (not the base) keeps keys and values as: of LF_KV_TYPES, as in lf_engine_options; NULL: floats, as "f32" */
    const char *kv_type;
    lf_progress progress;
    void *progress_user;
} lf_eval_options;

/* ---- perplexity ------------------------------------------------------------------------------------------------------------------ */
typedef struct lf_perplexity {
    int64_t tokens, documents, windows, bytes;
    int context, stride;
    double nll, nll_error;    /* mean of -ln p(token), and the standard error of that mean (of independent tokens)    */
    double perplexity, error; /* exp(nll), and nll_error carried through it                                           */
    double bits_per_byte;     /* of all tokens together / bytes: comparable between tokenizers; NaN without bytes     */
    double seconds;
} lf_perplexity;

/* options may be NULL. */
int lf_eval_perplexity(lf_perplexity *out, lf_model *model, const lf_eval_text *text, const lf_eval_options *options, lf_error *err);

/* ---- how far from a base model ------------------------------------------------------------------------------------------------ */
/* p: the base's distribution at a place, q: the model's. "..._error": standard errors of the means, of independent tokens. */
typedef struct lf_divergence {
    int64_t tokens, documents, windows;
    int context, stride;
    double kl, kl_error;             /* mean of sum p ln(p / q), nats                                */
    double kl_median, kl_99, kl_max; /* over the tokens; 99: what 99 % do not exceed                 */
    double top1, top1_error;         /* share of places where both find the same token the likeliest */
    double delta_p, delta_p_error;   /* mean of q(token) - p(token)                                  */
    double rms_delta_p, rms_delta_p_error;
    double perplexity, perplexity_error; /* the model's */
    double base_perplexity, base_perplexity_error;
    double ratio, ratio_error; /* perplexity / base_perplexity; its error knows that both saw the same tokens */
    double seconds;
} lf_divergence;

/* Both models run side by side, a few rows of logits at a time. LF_E_MISMATCH when their vocabularies have different sizes; whether they
 * are the same, lf_eval_same_vocabulary says. */
int lf_eval_divergence(lf_divergence *out, lf_model *model, lf_model *base, const lf_eval_text *text, const lf_eval_options *options,
                       lf_error *err);

#ifdef __cplusplus
}
#endif
#endif
