/* sampling.h - from logits to a token: grammars, the sampler by itself, log-probabilities. */
#ifndef FOUNDRY_SAMPLING_H
#define FOUNDRY_SAMPLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "foundry/config.h"
#include "foundry/error.h"
#include "foundry/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- grammars ------------------------------------------------------------------------------------------------------------- */
/* What a text may be, in GBNF, llama.cpp's notation: rules `name ::= ...` with "texts", [classes], ., groups, |, *, +, ?, {m}, {m,}, {m,n};
 * the text follows the rule root. Immutable, may be shared by threads. Limits: 1 MiB of text, 4,096 rules, 262,144 instructions, groups 64
 * deep, 65,536 repetitions. LF_E_FORMAT "NAME:LINE:COLUMN: ..." for what is no grammar, for rules that are missing and for rules that
 * begin with themselves. Free with lf_grammar_free. */
typedef struct lf_grammar lf_grammar;
lf_grammar *lf_grammar_parse(const char *text, size_t n, const char *name, lf_error *err);
lf_grammar *lf_grammar_load(const char *path, lf_error *err);
/* What a text may be, as a JSON Schema (2020-12; name: of the file, for errors). Texts of the grammar conform to the schema:
 * - type (also a list), enum, const, $ref to #/... of the same file (schemas may contain themselves), anyOf; oneOf is read as anyOf;
 *   allOf of objects is joined to one object.
 * - properties, in the order in which they are written; required; additionalProperties (behind the others; where it is absent, there are
 *   others only if no properties are listed); items, prefixItems (behind them nothing unless items says what), minItems, maxItems.
 * - one of minLength/maxLength, pattern, and format date, time, date-time, uuid. pattern is a regular expression of ECMA-262 with
 *   . [] | () (?:) * + ? {m,n} \d \w \s \D \W \S \n \t \r \f \v \xHH \uHHHH, and ^ $ at the ends of the whole or of its alternatives.
 * - minimum, maximum, exclusiveMinimum, exclusiveMaximum; numbers have up to 18 digits before and behind the point.
 * - title, description, default, examples, $schema, $id (at the root), $comment, $defs, deprecated, readOnly, writeOnly, discriminator say
 *   nothing about a text. Every other keyword is an error (LF_E_UNSUPPORTED) that names it and its place ("#/properties/a").
 * Where no type is named, the keywords tell. Between two marks stands at most one blank, or a line's end with up to 20 of indentation.
 * Limits: 1 MiB, 64 levels, 3,000 schemas, 1,000 properties of an object, lengths of 65,536, and those of a grammar. */
lf_grammar *lf_grammar_from_json_schema(const char *text, size_t n, const char *name, lf_error *err);
lf_grammar *lf_grammar_load_json_schema(const char *path, lf_error *err);
/* What sampling->grammar or sampling->json_schema says a text must follow; NULL where they say nothing. 0 or -1. */
int lf_grammar_of_sampling(lf_grammar **g, const lf_sample_config *sampling, lf_error *err);
void lf_grammar_free(lf_grammar **g);
/* 2: text is whole; 1: it can be gone on with; 0: neither; -1: out of memory. */
int lf_grammar_match(const lf_grammar *g, const char *text, size_t n, lf_error *err);

/* ---- the sampler alone: logits in, token out ----------------------------------------------------------------------------- */
typedef struct lf_sampler lf_sampler;

/* The seed of answer i of a seed: seed + i, and after the largest comes 0. */
int64_t lf_seed_of(int64_t seed, int64_t i);

/* sampling->order: the stages of LF_SAMPLER_ORDER (the default, also for "") in any order, each at most once; a stage that is not listed
 * does not run. logit_bias comes before all. With mirostat 1 or 2 the stages are temperature and mirostat. Temperature 0 is greedy: the
 * largest logit, ties to the lowest id. Returns a sampler (free with lf_sampler_free) or NULL (LF_E_ARGUMENT: a value out of range). */
lf_sampler *lf_sampler_new(const lf_sample_config *sampling, int vocab_size, lf_error *err);
void lf_sampler_free(lf_sampler **s);
/* Sequence breakers are texts: without this, and a tokenizer of the same size, DRY has none. 0 or -1. */
int lf_sampler_use_tokenizer(lf_sampler *s, const lf_tokenizer *tokenizer, lf_error *err);
/* From now on only tokens that go on with a text of the grammar are drawn, and an end (one of n_ends tokens, at most 8) only when the text
 * is whole. A draw is tried without the grammar first; only when its token does not fit, all tokens are tried and it is drawn anew from
 * those that do. grammar and tokenizer are borrowed as long as the sampler lives. 0 or -1. */
int lf_sampler_set_grammar(lf_sampler *s, const lf_grammar *grammar, const lf_tokenizer *tokenizer, const int32_t *ends, int n_ends,
                           lf_error *err);
/* Tells the sampler what came before: prompt tokens and tokens it chose. */
void lf_sampler_accept(lf_sampler *s, int32_t token, bool from_prompt);
/* Draws the next token; draw number `index` of the seed, so any position is reproducible (mirostat also depends on what was accepted).
 * -1 when the grammar lets no token follow. */
int32_t lf_sampler_draw(lf_sampler *s, const float *logits, uint64_t index);
/* What is left after all stages: candidates (ids ascending) and their probabilities; returns how many (<= vocab_size). */
int lf_sampler_distribution(lf_sampler *s, const float *logits, int32_t *ids, double *probabilities);

/* ---- log-probabilities ---------------------------------------------------------------------------------------------------- */
typedef struct lf_logprob {
    int32_t token;
    double logprob; /* natural logarithm */
} lf_logprob;
/* Of `token` under softmax(logits[0..n)), in double. Fills top[0..k), k <= n, with the likeliest tokens, descending, ties to the lower id
 * (k 0: NULL). From the logits as the model gave them: what temperature, penalties and the other stages make of them comes later. */
double lf_logprobs(lf_logprob *top, int k, const float *logits, int n, int32_t token);

#ifdef __cplusplus
}
#endif
#endif
