/* sp_vocab.c - what SentencePiece's two models ask of a vocabulary, and sets of its pieces. Pure functions. */
#include "tokenizer/sp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_bytes(const void *a, const void *b)
{
    const lf_key *x = a, *y = b;
    int order = memcmp(x->bytes, y->bytes, LF_MIN(x->n, y->n));
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* The pieces of these kinds, sorted by their text; *n_keys. Free with free(). */
static lf_key *sorted(const lf_tokenizer *t, unsigned kinds, size_t *n_keys, lf_error *err)
{
    lf_key *keys = lf__calloc(t->n, sizeof *keys, err);
    *n_keys = 0;
    for (uint32_t id = 0; keys && id < t->n; id++) {
        size_t n;
        const char *text = lf__token_bytes(t, id, &n);
        if (kinds >> t->kind[id] & 1) keys[(*n_keys)++] = (lf_key){text, (uint32_t)n, id};
    }
    if (keys) qsort(keys, *n_keys, sizeof *keys, by_bytes);
    return keys;
}

int lf__sp_set(lf_double_array *set, const lf_tokenizer *t, unsigned kinds, lf_error *err)
{
    size_t n, kept = 0;
    lf_key *keys = sorted(t, kinds, &n, err);
    for (size_t i = 0; keys && i < n; i++) { /* what lf__sp_check is going to refuse must not get into an array */
        bool good = keys[i].n && !memchr(keys[i].bytes, 0, keys[i].n) && (kept == 0 || by_bytes(&keys[kept - 1], &keys[i]) != 0);
        if (good) keys[kept++] = keys[i];
    }
    int failed = keys ? lf__double_array_build(set, keys, kept, err) : -1;
    free(keys);
    return failed;
}

static int check_pieces(const lf_tokenizer *t, lf_error *err)
{
    int normal = 0, unknown = 0, bytes = 0;
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n;
        const char *text = lf__token_bytes(t, id, &n);
        if (n == 0 || memchr(text, 0, n)) return lf_error_set(err, LF_E_FORMAT, "piece %u is empty or has a byte 0: expected a text", id);
        if (n > LF_SP_MAX_PIECE)
            return lf_error_set(err, LF_E_LIMIT, "piece %u is %zu bytes long: more than %d are not supported", id, n, LF_SP_MAX_PIECE);
        if (!isfinite(t->score[id]))
            return lf_error_set(err, LF_E_FORMAT, "piece %u \"%.*s\": its score is not a finite number", id, (int)LF_MIN(n, 80), text);
        normal += t->kind[id] == LF_TOKEN_NORMAL, unknown += t->kind[id] == LF_TOKEN_UNKNOWN, bytes += t->kind[id] == LF_TOKEN_BYTE;
    }
    if (unknown != 1 || t->role[LF_ROLE_UNK] < 0)
        return lf_error_set(err, LF_E_FORMAT, "%d pieces are the unknown one: expected one, usually \"<unk>\"", unknown);
    if (normal == 0) return lf_error_set(err, LF_E_FORMAT, "no piece is a normal one: there is nothing to cut text into");
    if (t->byte_fallback && bytes != 256)
        return lf_error_set(err, LF_E_FORMAT, "%d byte pieces: expected 256, <0x00> to <0xFF>, as byte_fallback is on", bytes);
    return 0;
}

int lf__sp_check(const lf_tokenizer *t, lf_error *err)
{
    size_t n;
    if (!t->score) return lf_error_set(err, LF_E_FORMAT, "the pieces have no scores");
    if (check_pieces(t, err)) return -1;
    lf_key *keys = sorted(t, ~0u, &n, err);
    int failed = keys ? 0 : -1;
    for (size_t i = 1; i < n && !failed; i++)
        if (by_bytes(&keys[i - 1], &keys[i]) == 0)
            failed = lf_error_set(err, LF_E_FORMAT, "piece %u \"%.*s\" is there already as piece %u: expected each text once",
                                  LF_MAX(keys[i].value, keys[i - 1].value), (int)LF_MIN(keys[i].n, 80u), keys[i].bytes,
                                  LF_MIN(keys[i].value, keys[i - 1].value));
    free(keys);
    return failed;
}

int lf__sp_only_model(const lf_tokenizer *t, uint32_t id, lf_error *err)
{
    size_t n;
    const char *text = lf__token_bytes(t, id, &n);
    if (t->kind[id] != LF_TOKEN_USER && t->kind[id] != LF_TOKEN_UNUSED) return 0;
    for (size_t i = 0; i < t->n_added; i++)
        if (t->added[i].id == id) return 0; /* it came from a tokenizer.json */
    lf_error_set(err, LF_E_UNSUPPORTED, "piece %u \"%.*s\" is %s: tokenizer.json has nothing that means the same, only a .model says it",
                 id, (int)LF_MIN(n, 80), text, t->kind[id] == LF_TOKEN_USER ? "one of the user's, found inside of words" : "an unused one");
    return -1;
}
