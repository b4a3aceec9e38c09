/* eval_text.c - what is scored: documents of a text or of token shards, as tokens. Owns the tokens; immutable once made. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "data/data.h"
#include "eval/eval.h"
#include "infer/infer.h"

typedef struct maker {
    lf_eval_text *text;
    const lf_tokenizer *tokenizer;
    int32_t start, end; /* before and behind a document, -1: nothing */
    lf_error *err;
} maker;

static uint64_t bytes_of(const lf_tokenizer *t, int32_t id)
{
    size_t n = 0;
    bool special = false;
    return lf_tokenizer_token(t, id, &n, &special) && !special ? n : 0;
}

static int begin(maker *m, const lf_tokenizer *tokenizer, const lf_model_config *config, lf_error *err)
{
    *m = (maker){.tokenizer = tokenizer, .start = lf__start_token(config, tokenizer), .end = lf_tokenizer_end(tokenizer), .err = err};
    if (lf_tokenizer_size(tokenizer) > config->vocab_size) {
        lf_error_set(err, LF_E_MISMATCH, "the tokenizer has %d tokens, the model only %lld", lf_tokenizer_size(tokenizer),
                     (long long)config->vocab_size);
        return lf_error_hint(err, "use the tokenizer that lies beside the model");
    }
    return (m->text = lf__calloc(1, sizeof *m->text, err)) ? 0 : -1;
}

/* Room for `more` tokens behind those that are there. */
static int32_t *room(maker *m, size_t more)
{
    lf_eval_text *t = m->text;
    if (lf__grow(&t->tokens, &t->cap, t->n + more, sizeof *t->tokens, m->err)) return NULL;
    return t->tokens + t->n;
}

/* `count` tokens are in place behind the start: they are a document of so many bytes, unless nothing in it can be scored. */
static int close_document(maker *m, size_t count, uint64_t bytes)
{
    lf_eval_text *t = m->text;
    size_t all = count + (m->start >= 0);
    if (all < 2) return 0;
    if (lf__grow(&t->starts, &t->starts_cap, t->n_documents + 2, sizeof *t->starts, m->err)) return -1;
    if (m->start < 0) bytes -= LF_MIN(bytes, bytes_of(m->tokenizer, t->tokens[t->n]));
    t->starts[t->n_documents] = t->n;
    t->starts[++t->n_documents] = t->n += all;
    t->bytes += bytes;
    return 0;
}

static int add_text(maker *m, const char *text, size_t n, bool ended)
{
    size_t most = lf_tokenizer_bound(m->tokenizer, n);
    int32_t *at = room(m, most + 2);
    if (!at) return -1;
    if (m->start >= 0) *at++ = m->start;
    int64_t count = lf_tokenizer_encode(m->tokenizer, at, most, text, n, false, m->err);
    if (count < 0) return -1;
    if (count == 0) return 0;
    if (ended && m->end >= 0) at[count++] = m->end;
    return close_document(m, (size_t)count, n);
}

static lf_eval_text *finish(maker *m, int status, const char *what)
{
    if (!status && !m->text->n_documents)
        status = lf_error_set(m->err, LF_E_LIMIT, "the %s holds no token that can be scored: something must come before it", what);
    if (status) lf_eval_text_free(&m->text);
    return m->text;
}

lf_eval_text *lf_eval_text_new(const char *text, size_t n, const lf_tokenizer *tokenizer, const lf_model_config *config, lf_error *err)
{
    maker m;
    if (begin(&m, tokenizer, config, err)) return NULL;
    int status = 0;
    for (size_t from = 0, start, end; from < n && !status; from = end) {
        bool ended = lf__separator_find(text, n, from, n, &start, &end);
        if (!ended) start = end = n;
        status = add_text(&m, text + from, start - from, ended);
    }
    return finish(&m, status, "text");
}

static int same_tokenizer(const lf_shards *shards, const lf_tokenizer *tokenizer, const char *path, lf_error *err)
{
    const char *made_with = lf_shards_fingerprint(shards), *dir = lf_shards_tokenizer_dir(shards);
    if (!*made_with || strcmp(made_with, lf_tokenizer_fingerprint(tokenizer)) == 0) return 0;
    lf_error why = {0};
    lf_tokenizer *theirs = *dir ? lf_tokenizer_load(dir, &why) : NULL;
    int status = theirs ? lf_eval_same_vocabulary(tokenizer, theirs, &why) : -1;
    lf_tokenizer_free(&theirs);
    if (!status) return 0; /* the same tokens in another file format */
    lf_error_set(err, LF_E_MISMATCH, "%s: the shards were made with another tokenizer than the model's%s%s", path, why.code ? ": " : "",
                 why.message);
    return lf_error_hint(err, "score the text itself: --data TEXT");
}

lf_eval_text *lf_eval_text_shards(const char *path, const char *split, const lf_tokenizer *tokenizer, const lf_model_config *config,
                                  lf_error *err)
{
    maker m;
    lf_shards *shards = lf_shards_open(path, split, err);
    if (!shards) return NULL;
    int status = same_tokenizer(shards, tokenizer, path, err) || lf_shards_check_vocab(shards, lf_tokenizer_size(tokenizer), err) ||
                         begin(&m, tokenizer, config, err)
                     ? -1
                     : 0;
    if (status) {
        lf_shards_close(&shards);
        return NULL;
    }
    uint64_t n = lf_shards_documents(shards);
    for (uint64_t d = 0; d < n && !status; d++) {
        uint64_t at, count, bytes = 0;
        int32_t *tokens = NULL;
        if (lf_shards_document(shards, d, &at, &count))
            status = lf_error_set(err, LF_E_FORMAT, "%s: document %" PRIu64 " cannot be read", path, d);
        else
            status = (tokens = room(&m, (size_t)count + 1)) ? 0 : -1;
        if (status) break;
        if (m.start >= 0) *tokens++ = m.start;
        status = lf_shards_read(shards, tokens, at, count, err);
        for (uint64_t i = 0; i < count && !status; i++) bytes += bytes_of(tokenizer, tokens[i]);
        if (!status) status = close_document(&m, (size_t)count, bytes);
    }
    lf_shards_close(&shards);
    return finish(&m, status, "split");
}

void lf_eval_text_free(lf_eval_text **text)
{
    if (!*text) return;
    free((*text)->tokens);
    free((*text)->starts);
    free(*text);
    *text = NULL;
}

int64_t lf_eval_text_tokens(const lf_eval_text *t) { return (int64_t)(t->n - t->n_documents); }
int64_t lf_eval_text_documents(const lf_eval_text *t) { return (int64_t)t->n_documents; }
int64_t lf_eval_text_bytes(const lf_eval_text *t) { return (int64_t)t->bytes; }

int lf_eval_same_vocabulary(const lf_tokenizer *a, const lf_tokenizer *b, lf_error *err)
{
    int n = LF_MIN(lf_tokenizer_size(a), lf_tokenizer_size(b));
    for (int32_t id = 0; id < n; id++) {
        size_t len_a = 0, len_b = 0;
        bool special;
        const char *x = lf_tokenizer_token(a, id, &len_a, &special), *y = lf_tokenizer_token(b, id, &len_b, &special);
        if (len_a == len_b && (len_a == 0 || memcmp(x, y, len_a) == 0)) continue;
        return lf_error_set(err, LF_E_MISMATCH, "the vocabularies differ: token %d is \"%.*s\" in one and \"%.*s\" in the other", id,
                            (int)LF_MIN(len_a, (size_t)64), x, (int)LF_MIN(len_b, (size_t)64), y);
    }
    return 0;
}
