/* tokenizer.c - the object: tokens, merges and the tables made from them; what it says about itself; ids to bytes. Not files
 * (tokenizer_load.c, tokenizer_save.c), not learning (bpe_train.c), not encoding (bpe_encode.c).
 * Owns all of its memory; after seal it is immutable and shared freely. */
#include "tokenizer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

/* ---- GPT-2's alphabet of bytes ------------------------------------------------------------------------------------------------ */

static bool printable_latin(int byte) { return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE; }

int32_t lf__byte_to_alphabet(uint8_t byte)
{
    if (printable_latin(byte)) return byte;
    if (byte <= 0x20) return 0x100 + byte;          /* 00..20 -> U+0100..U+0120        */
    if (byte <= 0xA0) return 0x121 + (byte - 0x7F); /* 7F..A0 -> U+0121..U+0142        */
    return 0x143;                                   /* AD     -> U+0143                */
}

int lf__alphabet_to_byte(int32_t cp)
{
    if (cp >= 0x100 && cp <= 0x120) return cp - 0x100;
    if (cp >= 0x121 && cp <= 0x142) return cp - 0x121 + 0x7F;
    if (cp == 0x143) return 0xAD;
    return cp >= 0 && cp < 0x100 && printable_latin(cp) ? cp : -1;
}

int lf__from_alphabet(lf_buf *bytes, const char *text, size_t n)
{
    for (const char *p = text, *end = text + n; p < end;) {
        int32_t cp;
        p += lf__utf8_decode(p, end, &cp);
        int byte = lf__alphabet_to_byte(cp);
        uint8_t value = (uint8_t)byte;
        if (byte < 0 || lf__buf_add(bytes, &value, 1)) return -1;
    }
    return 0;
}

void lf__to_alphabet(lf_buf *text, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char utf8[4];
        lf__buf_add(text, utf8, (size_t)lf__utf8_encode(utf8, lf__byte_to_alphabet((uint8_t)bytes[i])));
    }
}

uint8_t lf__byte_of_id(int id)
{
    for (int pass = 0; pass < 2; pass++)
        for (int byte = 0; byte < 256; byte++)
            if (printable_latin(byte) == (pass == 0) && id-- == 0) return (uint8_t)byte;
    return 0;
}

/* ---- making one --------------------------------------------------------------------------------------------------------------- */

lf_tokenizer *lf__tokenizer_new(const lf_token_model *model, const char *split, lf_error *err)
{
    const lf_split_rule *rule = split ? lf__split_find(split, err) : NULL;
    if (split && !rule) return NULL;
    lf_tokenizer *t = lf__calloc(1, sizeof *t, err);
    if (!t) return NULL;
    t->model = model;
    t->split = rule;
    for (int role = 0; role < LF_ROLES; role++) t->role[role] = -1;
    if (lf__grow(&t->start, &t->start_cap, 1, sizeof *t->start, err)) lf_tokenizer_free(&t);
    if (t) t->start[0] = 0;
    return t;
}

lf_tokenizer *lf__tokenizer_new_bytes(const char *split, lf_error *err)
{
    lf_tokenizer *t = lf__tokenizer_new(&lf__model_bpe, split, err);
    if (t && !lf__steps_add(&t->decoder, lf__decoders, "ByteLevel", NULL, NULL, err)) lf_tokenizer_free(&t);
    if (t) t->byte_level = true;
    return t;
}

void lf_tokenizer_free(lf_tokenizer **tp)
{
    lf_tokenizer *t = *tp;
    if (!t) return;
    t->model->release(t);
    for (size_t i = 0; i < t->n_added; i++) free(t->added[i].text);
    lf__steps_release(&t->normalizer);
    lf__steps_release(&t->pre);
    lf__steps_release(&t->decoder);
    free(t->pool), free(t->start), free(t->kind), free(t->score), free(t->merges), free(t->added);
    free(t->shown), free(t->shown_start);
    free(t);
    *tp = NULL;
}

int lf__tokenizer_add(lf_tokenizer *t, const char *bytes, size_t n, int kind, lf_error *err)
{
    if (t->n == LF_TOK_MAX_IDS)
        return lf_error_set(err, LF_E_LIMIT, "a vocabulary of more than %d tokens is not supported", LF_TOK_MAX_IDS);
    if (n > UINT32_MAX - t->pool_len) return lf_error_set(err, LF_E_LIMIT, "the tokens' bytes exceed 4 GiB");
    if (lf__grow(&t->pool, &t->pool_cap, t->pool_len + n + 1, 1, err)) return -1;
    if (lf__grow(&t->start, &t->start_cap, (size_t)t->n + 2, sizeof *t->start, err)) return -1;
    if (lf__grow(&t->kind, &t->kind_cap, (size_t)t->n + 1, 1, err)) return -1;
    if ((kind == LF_TOKEN_CONTROL || (kind == LF_TOKEN_USER && !t->model->finds_users)) &&
        lf__tokenizer_add_rule(t, (lf_added){.id = t->n, .special = kind == LF_TOKEN_CONTROL}, err))
        return -1;
    memcpy(t->pool + t->pool_len, bytes, n);
    t->pool_len += n;
    t->kind[t->n++] = (uint8_t)kind;
    t->start[t->n] = (uint32_t)t->pool_len;
    return 0;
}

int lf__tokenizer_add_rule(lf_tokenizer *t, lf_added rule, lf_error *err)
{
    if (t->n_added == LF_TOK_MAX_ADDED)
        return lf_error_set(err, LF_E_LIMIT, "more than %d added tokens are not supported", LF_TOK_MAX_ADDED);
    if (lf__grow(&t->added, &t->added_cap, t->n_added + 1, sizeof *t->added, err)) return -1;
    t->added[t->n_added++] = rule;
    return 0;
}

int lf__tokenizer_score(lf_tokenizer *t, uint32_t id, double score, lf_error *err)
{
    size_t had = t->score_cap;
    if (lf__grow(&t->score, &t->score_cap, (size_t)id + 1, sizeof *t->score, err)) return -1;
    for (size_t i = had; i < t->score_cap; i++) t->score[i] = 0;
    t->score[id] = score;
    return 0;
}

int lf__tokenizer_merge(lf_tokenizer *t, uint32_t left, uint32_t right, uint32_t result, lf_error *err)
{
    if (t->n_merges == LF_TOK_MAX_MERGES) return lf_error_set(err, LF_E_LIMIT, "more than %d merges are not supported", LF_TOK_MAX_MERGES);
    if (lf__grow(&t->merges, &t->merges_cap, t->n_merges + 1, sizeof *t->merges, err)) return -1;
    t->merges[t->n_merges++] = (lf_merge){left, right, result};
    return 0;
}

int32_t lf__tokenizer_find(const lf_tokenizer *t, const char *bytes, size_t n)
{
    for (uint32_t id = 0; id < t->n; id++) {
        size_t length;
        const char *token = lf__token_bytes(t, id, &length);
        if (length == n && memcmp(token, bytes, n) == 0) return (int32_t)id;
    }
    return -1;
}

/* ---- sealing -------------------------------------------------------------------------------------------------------------------- */

static int seal_bytes(lf_tokenizer *t, lf_error *err)
{
    memset(t->byte_token, 0xFF, sizeof t->byte_token);
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n;
        const char *bytes = lf__token_bytes(t, id, &n);
        /* an added token of one byte is that byte's, where no other is */
        bool spare = n == 1 && t->kind[id] == LF_TOKEN_USER && t->byte_token[(uint8_t)*bytes] < 0;
        if (t->byte_level ? (n == 1 && t->kind[id] == LF_TOKEN_NORMAL) || spare : t->kind[id] == LF_TOKEN_BYTE) {
            int byte = t->byte_level ? (uint8_t)*bytes : lf__byte_piece(bytes, n);
            if (byte < 0)
                return lf_error_set(err, LF_E_FORMAT, "token %u, \"%.*s\", is of kind byte: expected a text like <0x0A>", id,
                                    (int)LF_MIN(n, (size_t)80), bytes);
            t->byte_token[byte] = (int32_t)id;
        }
    }
    return 0;
}

static void add_u32(lf_sha256 *s, uint32_t v)
{
    uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    lf__sha256_add(s, bytes, sizeof bytes);
}

static void add_float(lf_sha256 *s, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    add_u32(s, bits);
}

/* mode and rule (NUL-terminated), end, then per token {special, length, bytes}, then per merge {left, right, result}; numbers as 32-bit LE.
 * A tokenizer that has more stages than that adds them: kinds, scores, and the stages as tokenizer.json writes them. */
static int seal_fingerprint(lf_tokenizer *t, lf_error *err)
{
    static const char title[] = "foundry tokenizer 1";
    const char *mode = lf_tokenizer_mode(t), *split = lf_tokenizer_split(t);
    lf_sha256 s;
    lf_buf stages;
    lf__buf_init(&stages, LF_TOK_MAX_FILE);
    lf__tokenizer_write_stages(t, &stages);
    if (stages.failed) return lf__buf_release(&stages), lf_error_set(err, LF_E_MEMORY, "out of memory for the tokenizer's stages");
    lf__sha256_init(&s);
    lf__sha256_add(&s, title, sizeof title);
    lf__sha256_add(&s, mode, strlen(mode) + 1);
    lf__sha256_add(&s, split, strlen(split) + 1);
    add_u32(&s, (uint32_t)t->role[LF_ROLE_EOS]);
    add_u32(&s, t->n);
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n;
        const char *bytes = lf__token_bytes(t, id, &n);
        add_u32(&s, lf__is_special(t, id));
        add_u32(&s, (uint32_t)n);
        lf__sha256_add(&s, bytes, n);
    }
    add_u32(&s, (uint32_t)t->n_merges);
    for (size_t i = 0; i < t->n_merges; i++) {
        add_u32(&s, t->merges[i].left);
        add_u32(&s, t->merges[i].right);
        add_u32(&s, t->merges[i].result);
    }
    for (uint32_t id = 0; t->score && id < t->n; id++) {
        const float score = (float)t->score[id], rest = (float)(t->score[id] - (double)score);
        add_float(&s, score);
        if (rest != 0) add_float(&s, rest);
    }
    if (stages.len) {
        lf__sha256_add(&s, stages.data, stages.len);
        lf__sha256_add(&s, t->kind, t->n);
    }
    lf__buf_release(&stages);
    lf__sha256_hex(&s, t->fingerprint);
    return 0;
}

static int seal_growth(lf_tokenizer *t, lf_error *err)
{
    const lf_steps *stages[] = {&t->normalizer, &t->pre};
    t->growth = 1;
    for (size_t k = 0; k < LF_COUNT(stages); k++)
        for (size_t i = 0; i < stages[k]->n; i++) {
            const lf_step *s = &stages[k]->v[i];
            if (s->kind->growth && (!lf__mul_size(&t->growth, t->growth, s->kind->growth(s)) || t->growth > LF_TOK_MAX_GROWTH))
                return lf_error_set(err, LF_E_LIMIT, "its %s can make a text more than %d times as long", s->kind->type, LF_TOK_MAX_GROWTH);
        }
    return 0;
}

int lf__tokenizer_seal(lf_tokenizer *t, lf_error *err)
{
    if (t->score && t->n && lf__tokenizer_score(t, t->n - 1, t->score_cap < t->n ? 0 : t->score[t->n - 1], err)) return -1;
    return lf__steps_seal(&t->normalizer, err) || lf__steps_seal(&t->pre, err) || lf__steps_seal(&t->decoder, err) || seal_growth(t, err) ||
                   seal_bytes(t, err) || lf__added_seal(t, err) || lf__decoder_seal(t, err) || t->model->seal(t, err) ||
                   seal_fingerprint(t, err)
               ? -1
               : 0;
}

size_t lf_tokenizer_bound(const lf_tokenizer *t, size_t n)
{
    size_t ids;
    return lf__mul_size(&ids, n, t->growth) ? ids : SIZE_MAX;
}

/* ---- what it says about itself -------------------------------------------------------------------------------------------------- */

int lf_tokenizer_size(const lf_tokenizer *t) { return (int)t->n; }
int lf_tokenizer_merges(const lf_tokenizer *t) { return (int)t->n_merges; }
const char *lf_tokenizer_mode(const lf_tokenizer *t) { return t->model->name; }
const char *lf_tokenizer_split(const lf_tokenizer *t) { return t->split ? t->split->name : t->model == &lf__model_char ? "char" : "none"; }
int32_t lf_tokenizer_end(const lf_tokenizer *t) { return t->role[LF_ROLE_EOS]; }
void lf_tokenizer_around(const lf_tokenizer *t, const int32_t **before, size_t *n_before, const int32_t **after, size_t *n_after)
{
    *before = t->before, *n_before = (size_t)t->n_before;
    *after = t->after, *n_after = (size_t)t->n_after;
}
const char *lf_tokenizer_fingerprint(const lf_tokenizer *t) { return t->fingerprint; }

/* What a token is inside a text. */
static const char *shown_bytes(const lf_tokenizer *t, uint32_t id, size_t *n)
{
    if (!t->shown_start) return lf__token_bytes(t, id, n);
    *n = t->shown_start[id + 1] - t->shown_start[id];
    return *n ? t->shown + t->shown_start[id] : "";
}

const char *lf_tokenizer_token(const lf_tokenizer *t, int32_t id, size_t *n, bool *special)
{
    *n = 0;
    if (special) *special = false;
    if (id < 0 || (uint32_t)id >= t->n) return NULL;
    if (special) *special = lf__is_special(t, (uint32_t)id);
    return shown_bytes(t, (uint32_t)id, n);
}

int32_t lf_tokenizer_special(const lf_tokenizer *t, const char *text)
{
    size_t length = strlen(text), n;
    for (size_t i = 0; i < t->n_added; i++) {
        const char *bytes = lf__token_bytes(t, t->added[i].id, &n);
        if (n == length && memcmp(bytes, text, n) == 0) return t->added[i].special ? (int32_t)t->added[i].id : -1;
    }
    return -1;
}

int64_t lf_tokenizer_decode(const lf_tokenizer *t, char *out, size_t cap, const int32_t *ids, size_t n, bool skip_specials, lf_error *err)
{
    size_t length = 0, left = (size_t)t->strip_left, spaces = 0; /* spaces: how many the text ends with so far */
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || (uint32_t)ids[i] >= t->n)
            return lf_error_set(err, LF_E_ARGUMENT, "token %zu is %d: expected an id from 0 to %u", i, ids[i], t->n - 1);
        if (skip_specials && lf__is_special(t, (uint32_t)ids[i])) continue;
        size_t bytes_n;
        const char *bytes = shown_bytes(t, (uint32_t)ids[i], &bytes_n);
        for (; left && bytes_n && *bytes == ' '; left--) bytes++, bytes_n--;
        if (bytes_n == 0) continue;
        left = 0;
        if (length < cap) memcpy(out + length, bytes, LF_MIN(bytes_n, cap - length));
        length += bytes_n;
        if (!t->strip_right) continue;
        size_t tail = 0;
        while (tail < bytes_n && bytes[bytes_n - 1 - tail] == ' ') tail++;
        spaces = tail == bytes_n ? spaces + tail : tail;
    }
    return (int64_t)(length - LF_MIN(spaces, (size_t)t->strip_right));
}
