/* tokenizer.h - the inside of a tokenizer, shared by the files of this folder and by nobody else.
 *
 *   text -> added tokens -> normalizer -> pre-tokenizer -> model -> ids -> post-processor          ids -> bytes of each -> strip -> text
 *           (added.c)      (normalize.c)  (split.c,        (bpe_encode.c,  (bos, eos around it)           (decoders.c, at seal)
 *                                          pretokenize.c)   one row each)
 *
 * Every stage is data. An lf_tokenizer is made in three steps: lf__tokenizer_new (empty), then its tokens in the order of their ids, its
 * merges in the order of their ranks and its steps in the order of their work, then lf__tokenizer_seal, which builds what encoding reads.
 * After that it never changes: any number of threads may use it. Ids are below 2^20 and ranks below 2^24: a pair and its rank are 64 bits.
 *
 * How a model plugs in: one file with its functions and one row `const lf_token_model lf__model_x`, declared here. A
 * reader makes lf__tokenizer_new(&lf__model_x, split), adds tokens with their kinds and scores, steps, roles, and seals; the row's `seal`
 * builds its tables from them into t->state, its `encode` turns normalized text into ids. Files, fingerprint, added tokens, decoding,
 * streaming, bos and eos are then already done. */
#ifndef LF_TOKENIZER_H
#define LF_TOKENIZER_H

#include "base/base.h"
#include "formats/formats.h"
#include "foundry/tokenizer.h"

enum {
    LF_TOK_MAX_IDS = 1 << 20,
    LF_TOK_MAX_MERGES = (1 << 24) - 1,
    LF_TOK_MAX_ADDED = 65536,
    LF_TOK_MAX_STEPS = 32,
    LF_TOK_MAX_AROUND = 16,
    LF_TOK_MAX_GROWTH = 4096,   /* times that normalizers may lengthen a text */
    LF_TOK_MAX_FILE = 64 << 20, /* bytes of a tokenizer.json, vocab.json or merges.txt */
};
#define LF_TOK_NONE UINT32_MAX
#define LF_MARKER   "\xE2\x96\x81" /* U+2581, SentencePiece's space */

/* ---- split.c: text to words ---------------------------------------------------------------------------------------------- */
/* A rule that cuts text into words, inside which merges happen. Each is a hand-written scanner equal to its regular expression, a byte of
 * invalid UTF-8 being one unit that is neither letter, number nor space. Every rule here ends a word between a newline and a character
 * that is neither white space nor '/': training cuts files there. Adding a rule is one row. */
typedef struct lf_split_rule {
    const char *name; /* ours; two rows may share it */
    const char *pre;  /* "a|b|c": names of this rule in GGUF's tokenizer.ggml.pre, the one to write first */
    /* What it equals: each expression cuts what the one before has left, matches and what lies between them (Hugging Face's Split,
     * "Isolated"). The tests compare with PCRE2. */
    const char *regex[6];
    size_t (*next)(const char *text, size_t at, size_t n); /* the end of the word that begins at `at` < n                    */
    bool (*sure)(int32_t before, int32_t after);           /* a word surely ends between two characters that look like these */
    int ignore_merges; /* what the names of `pre` say about it: 0, 1, or -1 for nothing (then it is off) */
} lf_split_rule;
extern const lf_split_rule lf__split_rules[]; /* ends with a row of NULLs */
/* By its name or one of those in GGUF. NULL with the known ones in the hint. */
const lf_split_rule *lf__split_find(const char *name, lf_error *err);

/* ---- steps: what a normalizer, pre-tokenizer or decoder is made of ------------------------------------------------------------ */
/* Texts in one buffer, piece i being text.data[end[i-1] .. end[i]): what a pre-tokenizer step turns into more and smaller ones. */
typedef struct lf_pieces {
    lf_buf text;
    size_t *end;
    size_t n, cap;
} lf_pieces;
void lf__pieces_reset(lf_pieces *p);
void lf__pieces_release(lf_pieces *p);
int lf__pieces_add(lf_pieces *p, const char *text, size_t n, lf_error *err); /* an empty piece is left out */

struct json_t;
typedef struct lf_step lf_step;
typedef struct lf_step_kind {
    const char *type; /* Hugging Face's name: {"type": type, ...} */
    int form;         /* which of several that share their functions */
    /* Fields of the JSON object into the step. NULL: the type alone says everything. */
    int (*read)(lf_step *step, const struct json_t *object, lf_error *err);
    int (*seal)(lf_step *step, lf_error *err);          /* compiles what the work needs into step->data; NULL: nothing to do */
    void (*write)(const lf_step *step, lf_buf *out);    /* ", \"field\": value" for each field; NULL: none */
    void (*write_as)(const lf_step *step, lf_buf *out); /* the whole object, where the type is not one of theirs; NULL: `write` */
    void (*release)(lf_step *step);                     /* step->data; NULL: there is none */
    bool (*same)(const lf_step *step, const char *text, size_t n); /* map would change nothing, and this is found out faster; or NULL */
    size_t (*growth)(const lf_step *step);                         /* bytes that come out for one that goes in, at most; NULL: 1 */
    /* One of the two, or neither where the type says nothing about a single token. map: what text becomes, appended to out (normalizers;
     * decoders, for the bytes of one token as they stand inside a text). cut: one piece into pieces (pre-tokenizers); begins: it is the
     * beginning of the whole text. They touch nothing but out: steps are shared by threads. */
    int (*map)(const lf_step *step, lf_buf *out, const char *text, size_t n, lf_error *err);
    int (*cut)(const lf_step *step, lf_pieces *out, const char *piece, size_t n, bool begins, lf_error *err);
} lf_step_kind;
struct lf_step {
    const lf_step_kind *kind;
    char *text, *with; /* what is looked for and what stands in its place, NUL-terminated; owned, may be NULL */
    int a, b, c;       /* numbers and switches of its kind */
    void *data;
    size_t data_n;
};
typedef struct lf_steps {
    lf_step v[LF_TOK_MAX_STEPS];
    size_t n;
} lf_steps;
/* The scanner that equals a pre-tokenizer, or NULL. */
const lf_split_rule *lf__split_of_steps(const lf_steps *pre);
extern const lf_step_kind lf__normalizers[], lf__pre_tokenizers[], lf__decoders[]; /* end with a row of NULLs */
/* A new last step of that type, its fields still empty; text and with are copied. NULL: too many, no such type in `kinds`. */
lf_step *lf__steps_add(lf_steps *steps, const lf_step_kind *kinds, const char *type, const char *text, const char *with, lf_error *err);
void lf__steps_release(lf_steps *steps);
int lf__steps_seal(lf_steps *steps, lf_error *err);
/* What rows of several tables share: a text field (owned by the step), Replace and Metaspace as they are written, and s->text by s->with.
 */
int lf__step_read_text(char **out, const struct json_t *object, const char *field, lf_error *err);
void lf__step_write_text(lf_buf *out, const char *field, const char *text);
int lf__replace_read(lf_step *s, const struct json_t *object, lf_error *err);
void lf__replace_write(const lf_step *s, lf_buf *out);
int lf__replace(const lf_step *s, lf_buf *out, const char *text, size_t n, lf_error *err);
enum { LF_SPLIT_STRING, LF_SPLIT_REGEX }; /* Split, Replace: s->c, what s->text is */
enum {
    LF_SPLIT_REMOVED,
    LF_SPLIT_ISOLATED,
    LF_SPLIT_PREVIOUS,
    LF_SPLIT_NEXT,
    LF_SPLIT_CONTIGUOUS
};                                                                            /* Split, Punctuation: s->a; s->b: inverted */
int lf__pattern_read(lf_step *s, const struct json_t *object, lf_error *err); /* {"String": text} or {"Regex": text} */
void lf__pattern_write(const lf_step *s, lf_buf *out);
int lf__pattern_seal(lf_step *s, lf_error *err);
void lf__pattern_release(lf_step *s);
enum { LF_PREPEND_ALWAYS, LF_PREPEND_FIRST, LF_PREPEND_NEVER }; /* Metaspace: s->a; s->b: cut before each mark */
int lf__metaspace_read(lf_step *s, const struct json_t *object, lf_error *err);
void lf__metaspace_write(const lf_step *s, lf_buf *out);

/* ---- tokenizer.c ----------------------------------------------------------------------------------------------------------- */
typedef struct lf_merge {
    uint32_t left, right, result;
} lf_merge;

/* What a token is for; the numbers are SentencePiece's and GGUF's. Control and unknown tokens are the special ones. */
enum { LF_TOKEN_NORMAL = 1, LF_TOKEN_UNKNOWN, LF_TOKEN_CONTROL, LF_TOKEN_USER, LF_TOKEN_UNUSED, LF_TOKEN_BYTE };

/* A token that is found in the text itself, before anything else happens to it. */
typedef struct lf_added {
    uint32_t id;
    bool special;        /* only when the caller asks for special tokens                              */
    bool normalized;     /* looked for after the normalizer, in the form the normalizer gives its text */
    bool lstrip, rstrip; /* takes the white space on that side with it                                */
    bool single_word;    /* not inside a word                                                         */
    char *text;          /* [n] what is looked for; owned, made by seal                               */
    size_t n;
} lf_added;

typedef enum lf_role { LF_ROLE_BOS, LF_ROLE_EOS, LF_ROLE_UNK, LF_ROLE_PAD, LF_ROLES } lf_role;

/* One call of lf_tokenizer_encode. */
typedef struct lf_encoding {
    const lf_tokenizer *t;
    const char *text; /* the caller's, for offsets in messages: a model without a normalizer is given parts of it */
    int32_t *ids;     /* the caller's: room for cap */
    size_t cap, count;
    size_t total;        /* bytes of the whole call: how much preparation pays */
    uint32_t generation; /* texts given to the model stay where they are until this changes */
    void *room;          /* the model's working memory: made by its encode when it needs some, freed by its `done` */
    lf_error *err;
} lf_encoding;
int lf__put_fails(const lf_encoding *e);
static inline int lf__put(lf_encoding *e, const int32_t *ids, size_t n) /* -1: the caller's room is too small */
{
    if (n > e->cap - e->count) return lf__put_fails(e);
    for (size_t i = 0; i < n; i++) e->ids[e->count + i] = ids[i];
    e->count += n;
    return 0;
}

typedef struct lf_token_model {
    const char *name; /* what lf_tokenizer_mode says */
    /* Checks the tokens, builds t->state. */
    int (*seal)(lf_tokenizer *t, lf_error *err);
    void (*release)(lf_tokenizer *t); /* t->state, which may be NULL */
    /* Ids of text[0..n), n > 0, which is normalized and between added tokens. split: the rule that cuts it into words; NULL: the text is
     * one word (a piece of the pre-tokenizer, or all there is). Calls lf__put. */
    int (*encode)(lf_encoding *e, const char *text, size_t n, const lf_split_rule *split);
    void (*done)(lf_encoding *e); /* e->room, which may be NULL; NULL: it has none */
    /* The member "model" of tokenizer.json, without its name; NULL: BPE with t->merges. -1: Hugging Face's models cannot say it. */
    int (*write)(const lf_tokenizer *t, lf_buf *out, lf_error *err);
    bool finds_users; /* user tokens are no added tokens: the model finds them inside the normalized text */
} lf_token_model;
extern const lf_token_model lf__model_bpe, lf__model_char, lf__model_sp_bpe, lf__model_unigram;

struct lf_tokenizer {
    /* Tokens: bytes of id i are pool[start[i]] .. pool[start[i+1]-1], all kinds. In a byte-level vocabulary a normal token is the bytes
     * themselves, elsewhere its text ("<0x0A>" for a byte). */
    char *pool;
    size_t pool_len, pool_cap;
    uint32_t *start; /* [n + 1] */
    size_t start_cap;
    uint8_t *kind; /* [n] LF_TOKEN_... */
    size_t kind_cap;
    double *score; /* [n] or NULL: scored pieces and unigram */
    size_t score_cap;
    uint32_t n;
    lf_merge *merges; /* [n_merges], by rank */
    size_t n_merges, merges_cap;
    int32_t role[LF_ROLES]; /* id or -1 */

    lf_added *added; /* [n_added]; by seal: those looked for in the raw text first, each half sorted by its text */
    size_t n_added, added_cap, n_raw;
    lf_steps normalizer;
    const lf_split_rule *split; /* the whole pre-tokenizer when it is one scanner; NULL: the steps of pre */
    lf_steps pre;
    const lf_token_model *model;
    bool byte_level;    /* the vocabulary's normal tokens are bytes, in files in GPT-2's alphabet              */
    bool ignore_merges; /* a word that is a token is that token, whatever the merges say                       */
    bool byte_fallback; /* a character without a token is its bytes, "<0xE4>"                                  */
    bool fuse_unk;      /* neighbours without a token are one unknown token                                    */
    bool float_sums;    /* unigram: see sp_unigram.c                                                           */
    int32_t before[LF_TOK_MAX_AROUND], after[LF_TOK_MAX_AROUND]; /* the post-processor: ids around a text */
    int n_before, n_after;
    lf_steps decoder;

    /* Made by seal. */
    void *state; /* the model's */
    char fingerprint[65];
    bool added_first[2][256]; /* bytes that begin an added token: [0] in the raw text, [1] in normalized text */
    int32_t byte_token[256];  /* id of the token "<0xXX>" (kind byte), or of the one-byte token of a byte-level vocabulary; -1 */
    char *shown;              /* bytes of id i inside a text: shown[shown_start[i] ...]; NULL: the pool's own */
    uint32_t *shown_start;
    size_t growth;               /* ids of a text for each of its bytes, at most */
    int strip_left, strip_right; /* spaces that decoding takes off the ends of a text, at most */
};

/* split: a rule's name or NULL for none. */
lf_tokenizer *lf__tokenizer_new(const lf_token_model *model, const char *split, lf_error *err);
/* Byte-level BPE, empty: what GPT-2 and most of its successors are. */
lf_tokenizer *lf__tokenizer_new_bytes(const char *split, lf_error *err);
/* The next id. A control or user token becomes an added token, too, with no flag but `special` set for control. -1: too many. */
int lf__tokenizer_add(lf_tokenizer *t, const char *bytes, size_t n, int kind, lf_error *err);
int lf__tokenizer_add_rule(lf_tokenizer *t, lf_added rule, lf_error *err); /* one more added token, of an id that is or will be there */
int lf__tokenizer_score(lf_tokenizer *t, uint32_t id, double score, lf_error *err); /* others are 0 */
int lf__tokenizer_merge(lf_tokenizer *t, uint32_t left, uint32_t right, uint32_t result, lf_error *err);
/* Checks tokens, merges and steps, builds the tables and the fingerprint. The roles are set by then. */
int lf__tokenizer_seal(lf_tokenizer *t, lf_error *err);
/* Id of the token with exactly these bytes, whatever its kind, or -1. Before seal: looks at every token. */
int32_t lf__tokenizer_find(const lf_tokenizer *t, const char *bytes, size_t n);

static inline bool lf__is_special(const lf_tokenizer *t, uint32_t id)
{
    return t->kind[id] == LF_TOKEN_CONTROL || t->kind[id] == LF_TOKEN_UNKNOWN;
}

/* GPT-2's alphabet for bytes: printable Latin-1 stands for itself, the 68 others for U+0100 ... in order. */
int32_t lf__byte_to_alphabet(uint8_t byte);
int lf__alphabet_to_byte(int32_t cp);                             /* -1: not in it */
int lf__from_alphabet(lf_buf *bytes, const char *text, size_t n); /* appends; -1: a character that is not in it, or no memory */
void lf__to_alphabet(lf_buf *text, const char *bytes, size_t n);  /* appends */
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

/* ---- tokenizer_save.c ------------------------------------------------------------------------------------------------------------- */
/* The stages as members of tokenizer.json, for the fingerprint; nothing for those that are only mode and split. */
void lf__tokenizer_write_stages(const lf_tokenizer *t, lf_buf *out);
/* A token's name in a vocabulary, as a JSON string; key: working room. */
void lf__tokenizer_write_key(lf_buf *out, lf_buf *key, const lf_tokenizer *t, uint32_t id);
/* A whole tokenizer_config.json; all: with what a tokenizer.json beside it would say (added tokens, split rule, bos and eos). */
void lf__tokenizer_write_config(lf_buf *out, const lf_tokenizer *t, bool all);
/* A whole tokenizer.json, appended. */
int lf__tokenizer_write_json(lf_buf *out, const lf_tokenizer *t, lf_error *err);
/* The member "model" of a BPE with these merges. Returns 0: what fails is in out. */
int lf__tokenizer_write_bpe(const lf_tokenizer *t, lf_buf *out, const lf_merge *merges, size_t n_merges);

/* ---- gguf_vocab.c: tokenizer.ggml.* of a GGUF file ------------------------------------------------------------------------------ */
/* rows: of the embedding; ids from the tokenizer's size up to it are unused tokens. -1 (LF_E_UNSUPPORTED): the format cannot say it. */
int lf__tokenizer_put_gguf(lf_gguf_meta *m, const lf_tokenizer *t, int rows, lf_error *err);
lf_tokenizer *lf__tokenizer_get_gguf(const lf_gguf *g, lf_error *err);

/* ---- added.c, steps.c: the stages' own seal and work --------------------------------------------------------------------------------- */
int lf__added_seal(lf_tokenizer *t, lf_error *err);
/* Which special tokens are looked for: none, or all but those that touch a range of `plain` (of the caller's whole text). */
typedef struct lf_specials {
    bool parse;
    const lf_span *plain;
    size_t n_plain;
} lf_specials;
/* The first added token in text[from..n): its id, and where it begins and ends (white space that it takes included); -1: none.
 * normalized: among those of the normalized text. */
int32_t lf__added_next(const lf_tokenizer *t, bool normalized, const lf_specials *specials, const char *text, size_t from, size_t n,
                       size_t *begin, size_t *end);
bool lf__specials_plain(const lf_specials *specials, size_t begin, size_t end); /* does a range of `plain` touch [begin, end)? */
/* *text through the `map` of all steps. Afterwards it is in `a` or `b`, or what it was when nothing has changed it. */
int lf__steps_map(const lf_steps *steps, lf_buf *a, lf_buf *b, const char **text, size_t *n, lf_error *err);
/* *a, one piece on entry, through the `cut` of all steps, with *b as the other room. */
int lf__steps_cut(const lf_steps *steps, lf_pieces *a, lf_pieces *b, bool begins, lf_error *err);
/* `null`, the one step, or their Sequence; name: "normalizers", "pretokenizers" or "decoders". */
void lf__steps_write(const lf_steps *steps, lf_buf *out, const char *name);
/* ---- decoders.c ---------------------------------------------------------------------------------------------------------------------- */
/* t->shown and t->strip_... from the decoder's steps. */
int lf__decoder_seal(lf_tokenizer *t, lf_error *err);
int lf__byte_piece(const char *bytes, size_t n); /* "<0xE4>": the byte; -1: another text */

#endif
