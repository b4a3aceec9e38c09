/* sp.h - SentencePiece's side of the folder: its normalizer and the tables of its two models, merges by score (sp_bpe.c) and the most
 * probable cut (sp_unigram.c), which are what t->state points to. Files: sp_model.c. Learning: sp_train.c and its two parts. */
#ifndef LF_SP_H
#define LF_SP_H

#include "tokenizer/charsmap.h"
#include "tokenizer/double_array.h"
#include "tokenizer/tokenizer.h"

enum {
    LF_SP_MAX_PIECE = 1024,    /* bytes of one piece         */
    LF_SP_MAX_PAIRS = 1 << 23, /* ways to make pieces of two */
};

/* Bytes of the character that begins with this byte, by that byte alone: how SentencePiece walks through text. */
static inline size_t lf__char_bytes(uint8_t first) { return first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4; }

/* ---- sp_normalize.c: steps ----------------------------------------------------------------------------------------------- */
/* What the normalizer of a .model says. */
typedef struct lf_sp_rules {
    char name[64];         /* of the map: "identity", "nmt_nfkc", ... */
    bool dummy_prefix;     /* a space is put before the text (behind it with space_suffix)                 */
    bool squeeze_spaces;   /* spaces at both ends go, runs of them become one: remove_extra_whitespaces    */
    bool escape_spaces;    /* ' ' becomes U+2581                                                           */
    bool space_suffix;     /* treat_whitespace_as_suffix                                                   */
    lf_charsmap map;       /* owned */
    lf_double_array users; /* owned: user pieces stay as they are; value: id */
    bool user_first[256];
} lf_sp_rules;
/* The step's row in lf__normalizers. Written, it is Hugging Face's steps that do the same. */
int lf__sp_step(const lf_step *s, lf_buf *out, const char *text, size_t n, lf_error *err);
int lf__sp_step_read(lf_step *s, const struct json_t *object, lf_error *err); /* refuses */
void lf__sp_step_release(lf_step *s);
size_t lf__sp_step_growth(const lf_step *s);
void lf__sp_step_write(const lf_step *s, lf_buf *out);
/* A last step "SentencePiece" of t->normalizer. Takes rules->map, success or not; t's user pieces are there already. */
int lf__sp_normalizer(lf_tokenizer *t, lf_sp_rules *rules, lf_error *err);
/* That step, and the decoder that goes with it: all stages of a tokenizer of the SentencePiece kind. Takes rules->map. */
int lf__sp_stages(lf_tokenizer *t, lf_sp_rules *rules, lf_error *err);
/* The rules that say the same as these steps, which are as they are written above or as Llama's files have them; the map is borrowed. */
bool lf__sp_rules_of(const lf_steps *steps, lf_sp_rules *rules);
/* Such steps become that one step. 0, whether they are or not. */
int lf__sp_adopt(lf_tokenizer *t, lf_error *err);
/* The rules of a tokenizer whose normalizer is that step; NULL: it is another. */
const lf_sp_rules *lf__sp_rules(const lf_tokenizer *t);
/* What the pieces see of a text, appended to out. */
int lf__sp_normalize(const lf_sp_rules *r, lf_buf *out, const char *text, size_t n, lf_error *err);

/* ---- sp_vocab.c: what both models' seal begins with ------------------------------------------------------------------------------ */
/* Every piece has a text (1..LF_SP_MAX_PIECE bytes, no byte 0, each once) and a finite score; there is an unknown piece and a normal one;
 * all 256 byte pieces or byte_fallback off. */
int lf__sp_check(const lf_tokenizer *t, lf_error *err);
/* -1 (LF_E_UNSUPPORTED) for a piece that a tokenizer.json cannot say: the user's and unused ones. */
int lf__sp_only_model(const lf_tokenizer *t, uint32_t id, lf_error *err);
/* The set of t's pieces whose kind is in `kinds` (a bit of 1 << kind), value = id. */
int lf__sp_set(lf_double_array *set, const lf_tokenizer *t, unsigned kinds, lf_error *err);

/* ---- sp_ranks.c: BPE over characters by rank as merges by score ---------------------------------------------------------------------- */
/* The same ids of the same texts by pieces with scores; NULL (LF_E_UNSUPPORTED) where merges or stages say more than that. */
lf_tokenizer *lf__sp_from_ranks(const lf_tokenizer *t, lf_error *err);

/* ---- sp_model.c: SentencePiece's files -------------------------------------------------------------------------------------------- */
/* -1 (LF_E_UNSUPPORTED): the tokenizer does what such a file cannot say. */
int lf__sp_save(const lf_tokenizer *t, const char *path, lf_error *err);
#endif
