/* tokenizer.h - the inside of a tokenizer, shared by the files of this folder and by nobody else.
 *
 * An lf_tokenizer is made in three steps: lf__tokenizer_new (empty), lf__tokenizer_add for every id in order and lf__tokenizer_merge for
 * every merge in rank order, then lf__tokenizer_seal, which builds the tables that encoding reads. After that it never changes: any number
 * of threads may use it. Ids are below 2^20 and ranks below 2^24, so a pair and its rank are one 64-bit word. */
#ifndef LF_TOKENIZER_H
#define LF_TOKENIZER_H

#include "base/base.h"
#include "foundry/tokenizer.h"

enum {
    LF_TOK_MAX_IDS = 1 << 20,
    LF_TOK_MAX_MERGES = (1 << 24) - 1,
    LF_TOK_MAX_SPECIALS = 4096,
    LF_TOK_MAX_FILE = 64 << 20, /* bytes of a tokenizer.json, vocab.json or merges.txt */
};
#define LF_TOK_NONE UINT32_MAX

/* ---- split.c: text to words ---------------------------------------------------------------------------------------------- */
/* A rule that cuts text into words, inside which merges happen. Each is a hand-written scanner equal to its regular expression, a byte of
 * invalid UTF-8 being one unit that is neither letter, number nor space. Every rule here ends a word between a newline and a character
 * that is not white space: training cuts files there. Adding a rule is one row. */
typedef struct lf_split_rule {
    const char *name;
    const char *regex;                                     /* what it equals; the tests compare the two with PCRE2 */
    size_t (*next)(const char *text, size_t at, size_t n); /* the end of the word that begins at `at` < n          */
} lf_split_rule;
extern const lf_split_rule lf__split_rules[]; /* ends with a row of NULLs */
const lf_split_rule *lf__split_find(const char *name, lf_error *err);

enum { LF_CLASS_OTHER, LF_CLASS_LETTER, LF_CLASS_NUMBER, LF_CLASS_SPACE };
extern const uint8_t lf__class_index[];      /* [0x110000 / 256] block of a code point                 */
extern const uint8_t lf__class_blocks[][64]; /* [256 code points / 4] two bits each, lowest bits first */
static inline int lf__class_of(int32_t cp)   /* cp: a scalar value, or -1 for an invalid byte          */
{
    return cp < 0 ? LF_CLASS_OTHER : lf__class_blocks[lf__class_index[cp >> 8]][(cp & 255) >> 2] >> ((cp & 3) * 2) & 3;
}

/* ---- tokenizer.c ----------------------------------------------------------------------------------------------------------- */
typedef struct lf_merge {
    uint32_t left, right, result;
} lf_merge;

typedef struct lf_word_slot {
    uint32_t tag; /* upper half of the word's hash */
    uint32_t id;  /* LF_TOK_NONE: empty            */
} lf_word_slot;

struct lf_tokenizer {
    bool chars;                 /* mode "char": one token a code point, no merges */
    const lf_split_rule *split; /* NULL for char */
    char fingerprint[65];
    int32_t end; /* id of the end-of-document token or -1 */

    /* Tokens: bytes of id i are pool[start[i]] .. pool[start[i+1]-1], specials included. */
    char *pool;
    size_t pool_len, pool_cap;
    uint32_t *start; /* [n + 1] */
    size_t start_cap;
    uint8_t *is_special; /* [n] */
    size_t special_cap;
    uint32_t n;
    uint32_t *specials; /* [n_specials] ids, longest text first */
    size_t specials_cap, n_specials;
    bool special_first[256]; /* bytes that begin a special token */

    lf_merge *merges; /* [n_merges], by rank */
    size_t n_merges, merges_cap;

    /* Made by seal. */
    int32_t byte_id[256]; /* token of one byte (bpe)                                             */
    uint32_t *byte_rank;  /* [65536] rank of a pair of single bytes, LF_TOK_NONE when none       */
    uint64_t *pairs;      /* open addressing: left << 44 | right << 24 | rank, all ones = empty  */
    uint64_t pair_mask;   /* slots - 1                                                           */
    lf_word_slot *words;  /* words that merge into exactly one token: most of running text       */
    uint64_t word_mask;   /* slots - 1                                                           */
    int32_t *char_id;     /* [n_char_id] token of a code point or -1 (char)                      */
    uint32_t n_char_id;
};

lf_tokenizer *lf__tokenizer_new(const char *mode, const char *split, lf_error *err);
/* The next id's bytes. -1: too many, or a special that is already there. */
int lf__tokenizer_add(lf_tokenizer *t, const char *bytes, size_t n, bool special, lf_error *err);
int lf__tokenizer_merge(lf_tokenizer *t, uint32_t left, uint32_t right, uint32_t result, lf_error *err);
/* Checks that every byte has its token and that no merge is there twice, builds the tables and the fingerprint.
 * end: the text of the end-of-document token or NULL. */
int lf__tokenizer_seal(lf_tokenizer *t, const char *end, lf_error *err);

/* GPT-2's alphabet for bytes: printable Latin-1 stands for itself, the 68 others for U+0100 ... in order. */
int32_t lf__byte_to_alphabet(uint8_t byte);
int lf__alphabet_to_byte(int32_t cp); /* -1: not in it */
/* Byte of GPT-2's id 0..255: its alphabet's printable bytes first. */
uint8_t lf__byte_of_id(int id);

static inline uint64_t lf__mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 m = (unsigned __int128)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}
/* A hash of short byte strings, inlined where words are looked up. */
static inline uint64_t lf__word_hash(const char *p, size_t n)
{
    uint64_t a = 0, b = 0, h = 0x9E3779B97F4A7C15u ^ n;
    for (; n > 16; p += 8, n -= 8) {
        __builtin_memcpy(&a, p, 8);
        h = lf__mix(h ^ a, 0xD6E8FEB86659FD93u);
    }
    if (n >= 8) {
        __builtin_memcpy(&a, p, 8), __builtin_memcpy(&b, p + n - 8, 8);
    } else if (n >= 4) {
        uint32_t x, y;
        __builtin_memcpy(&x, p, 4), __builtin_memcpy(&y, p + n - 4, 4);
        a = (uint64_t)x << 32 | y;
    } else if (n > 0) {
        a = (uint64_t)(uint8_t)p[0] << 16 | (uint64_t)(uint8_t)p[n / 2] << 8 | (uint8_t)p[n - 1];
    }
    return lf__mix(a ^ 0xA0761D6478BD642Fu, b ^ h);
}
static inline uint64_t lf__pair_hash(uint32_t left, uint32_t right) { return lf__mix((uint64_t)left << 20 | right, 0x9E3779B97F4A7C15u); }
static inline const char *lf__token_bytes(const lf_tokenizer *t, uint32_t id, size_t *n)
{
    *n = t->start[id + 1] - t->start[id];
    return t->pool + t->start[id];
}

/* ---- bpe_encode.c ---------------------------------------------------------------------------------------------------------- */
/* Room for merging one long word; zero-initialize, release once. */
typedef struct lf_merge_room {
    uint32_t *id, *next, *prev, *rank; /* [cap]: linked list over the word, rank of the pair that begins here */
    uint64_t *heap;                    /* [2 * cap]: rank << 32 | position                                    */
    size_t cap;
} lf_merge_room;
void lf__merge_room_release(lf_merge_room *room);
/* Tokens of one word by merges alone into out[0..n). Returns how many, or -1. */
int64_t lf__merge_word(const lf_tokenizer *t, int32_t *out, const char *word, size_t n, lf_merge_room *room, lf_error *err);

/* ---- tokenizer_load.c, tokenizer_save.c: see the public header --------------------------------------------------------------- */
#endif
