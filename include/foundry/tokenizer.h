/* tokenizer.h - text to token ids and back: byte-level BPE, character vocabularies, and what others have trained.
 *
 * A tokenizer is immutable after it was made and may be shared by threads. Text is bytes: any bytes encode (byte-level BPE) and decode to
 * themselves, invalid UTF-8 included. Files are Hugging Face's: tokenizer.json + tokenizer_config.json. */
#ifndef FOUNDRY_TOKENIZER_H
#define FOUNDRY_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "foundry/error.h"
#include "foundry/log.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LF_END_TOKEN "<|endoftext|>"

typedef struct lf_tokenizer lf_tokenizer;

typedef struct lf_tokenizer_train_options {
    const char *mode;            /* "bpe" (default when NULL), "char", "sentencepiece-bpe" or "unigram" */
    int vocab_size;              /* all of it, 256 bytes and specials included, at most 1,000,000; bpe: 257 or more. char: ignored */
    const char *split;           /* pre-tokenizer rule; NULL = "gpt2" */
    const char *const *specials; /* NULL-terminated special tokens; NULL = { LF_END_TOKEN }. The first one ends documents */
    int threads;                 /* 0 = all. The result never depends on it */
    int min_count;               /* bpe: pairs seen less often are not merged; 0 = 2 */
    /* sentencepiece-bpe and unigram only */
    double character_coverage;      /* share of the text whose characters become pieces; 0 = 0.9995. The rest is unknown, or bytes */
    bool byte_fallback;             /* 256 more pieces, the bytes: nothing is unknown and any valid text comes back */
    const char *normalizer;         /* "identity" (NULL), "nfkc" or "nmt_nfkc"; the latter two also make one space of several */
    bool split_digits;              /* no piece has more than one digit */
    const char *const *user_pieces; /* NULL-terminated texts that are always one piece; NULL = none */
    lf_progress progress;           /* may be NULL */
    void *progress_user;
} lf_tokenizer_train_options;

/* Learns a vocabulary from text files. Lines that are exactly a special token's text separate documents and are not learned from.
 * Ties: the higher count, then the pair whose concatenated bytes are greater (then the pair whose left part is longer).
 * When pairs run out the vocabulary is smaller than asked: look at lf_tokenizer_size. Returns a tokenizer (free with
 * lf_tokenizer_free) or NULL. */
lf_tokenizer *lf_tokenizer_train(const char *const *paths, int n_paths, const lf_tokenizer_train_options *options, lf_error *err);

/* path: tokenizer.json or a SentencePiece .model, or a folder with tokenizer.json, tokenizer.model or vocab.json + merges.txt. */
lf_tokenizer *lf_tokenizer_load(const char *path, lf_error *err);
/* GPT-2 style pair of files. */
lf_tokenizer *lf_tokenizer_load_gpt2(const char *vocab_json, const char *merges_txt, lf_error *err);
/* Writes tokenizer.json and tokenizer_config.json into dir (made if missing), each atomically; for the SentencePiece kinds tokenizer.model,
 * too.
 */
int lf_tokenizer_save(const lf_tokenizer *t, const char *dir, lf_error *err);
/* Writes into dir (made if missing): "tokenizer.json" as above; "vocab-merges": vocab.json, merges.txt and tokenizer_config.json;
 * "tiktoken": tokenizer.tiktoken and tokenizer_config.json; "sentencepiece": tokenizer.model; "gguf": tokenizer.gguf, a GGUF file
 * without tensors. A tokenizer that the format cannot express is refused (LF_E_UNSUPPORTED) with the reason. */
int lf_tokenizer_export(const lf_tokenizer *t, const char *dir, const char *format, lf_error *err);
void lf_tokenizer_free(lf_tokenizer **t);

int lf_tokenizer_size(const lf_tokenizer *t);         /* ids are 0 .. size-1 */
int lf_tokenizer_merges(const lf_tokenizer *t);       /* 0 for char          */
const char *lf_tokenizer_mode(const lf_tokenizer *t); /* "bpe", "char", "sentencepiece-bpe", "unigram" */
const char *lf_tokenizer_split(const lf_tokenizer *t);
int32_t lf_tokenizer_end(const lf_tokenizer *t); /* id of the end-of-document token, -1 when none */
/* SHA-256 (hex) over the tokens, merges, specials and rules: equal for equal behaviour, whatever the file's layout. */
const char *lf_tokenizer_fingerprint(const lf_tokenizer *t);
/* The bytes that one token is inside a text (not NUL-terminated): decoding is their concatenation, but for spaces that a tokenizer takes
 * off the ends of a text. *special set for special tokens (their text). NULL for an id out of range. */
const char *lf_tokenizer_token(const lf_tokenizer *t, int32_t id, size_t *n, bool *special);
/* Id of a special token by its text, -1 when there is none. */
int32_t lf_tokenizer_special(const lf_tokenizer *t, const char *text);

/* Ids that a text of n bytes has at most: n for byte-level BPE and characters, more where the tokenizer's normalizer adds to a text.
 * Linear in n. */
size_t lf_tokenizer_bound(const lf_tokenizer *t, size_t n);
/* Tokens of text[0..n) into ids (room for cap; lf_tokenizer_bound suffices). Special tokens in text are plain text unless
 * parse_specials. Returns how many, or -1: an unknown character (char mode, offset named) or cap too small. What the tokenizer
 * puts around a text (bos, eos) is not among them: lf_tokenizer_around. Linear time, thread-safe. */
int64_t lf_tokenizer_encode(const lf_tokenizer *t, int32_t *ids, size_t cap, const char *text, size_t n, bool parse_specials,
                            lf_error *err);
/* The same for a text that several have written: special tokens are found, but for those that touch plain[0..n_plain), ranges of bytes in
 * ascending order whose writer is not to be believed. */
typedef struct lf_span {
    size_t begin, end;
} lf_span;
int64_t lf_tokenizer_encode_mixed(const lf_tokenizer *t, int32_t *ids, size_t cap, const char *text, size_t n, const lf_span *plain,
                                  size_t n_plain, lf_error *err);
/* Ids that the tokenizer's post-processor puts before and after a text; each may be none. They live as long as the tokenizer. */
void lf_tokenizer_around(const lf_tokenizer *t, const int32_t **before, size_t *n_before, const int32_t **after, size_t *n_after);
/* Bytes of ids into out (room for cap); returns the length that all ids need (written only up to cap), or -1 for an id out of range.
 * Special tokens are written as their text unless skip_specials. */
int64_t lf_tokenizer_decode(const lf_tokenizer *t, char *out, size_t cap, const int32_t *ids, size_t n, bool skip_specials, lf_error *err);

#ifdef __cplusplus
}
#endif
#endif
