/* gguf_vocab.c - the vocabulary in a GGUF file, out and in: tokenizer.ggml.*. Byte-level BPE is "gpt2" there, SentencePiece's BPE "llama"
 * and its unigram "t5". What such a file cannot say is refused, with the reason. Everything read is hostile: lengths, kinds, ids and merges
 * are checked before they are used. Pure functions; thread-safe. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/loader.h"
#include "tokenizer/sp.h"

/* Split rules under GGUF's names: the one to write first. */
static const struct {
    const char *pre, *split;
} rules[] = {{"gpt-2", "gpt2"}, {"default", "gpt2"}};

static const struct {
    const char *key;
    lf_role role;
} roles[] = {{"tokenizer.ggml.bos_token_id", LF_ROLE_BOS},
             {"tokenizer.ggml.eos_token_id", LF_ROLE_EOS},
             {"tokenizer.ggml.unknown_token_id", LF_ROLE_UNK},
             {"tokenizer.ggml.padding_token_id", LF_ROLE_PAD}};

/* ---- out ---------------------------------------------------------------------------------------------------------------------------- */
static void add_alphabet(lf_buf *out, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char utf8[4];
        lf__buf_add(out, utf8, (size_t)lf__utf8_encode(utf8, lf__byte_to_alphabet((uint8_t)bytes[i])));
    }
}

/* What stands for a token: bytes in GPT-2's alphabet where the vocabulary is of bytes. */
static void add_token(lf_buf *out, const lf_tokenizer *t, uint32_t id)
{
    size_t n;
    const char *bytes = lf__token_bytes(t, id, &n);
    if (t->byte_level && t->kind[id] == LF_TOKEN_NORMAL)
        add_alphabet(out, bytes, n);
    else
        lf__buf_add(out, bytes, n);
}

static int put_merges(lf_gguf_meta *m, const lf_tokenizer *t, lf_buf *text)
{
    lf__gguf_put_texts(m, "tokenizer.ggml.merges", t->n_merges);
    for (size_t i = 0; i < t->n_merges; i++) {
        lf__buf_reset(text);
        add_token(text, t, t->merges[i].left);
        lf__buf_puts(text, " ");
        add_token(text, t, t->merges[i].right);
        lf__gguf_put_item(m, text->data, text->len);
    }
    return text->failed ? -1 : 0;
}

/* Others take the size of the embedding from here: ids up to `rows` that mean nothing are unused tokens. */
static int put_tokens(lf_gguf_meta *m, const lf_tokenizer *t, uint32_t rows, lf_buf *text, lf_error *err)
{
    int32_t *kinds = lf__calloc(rows + 1u, sizeof *kinds, err);
    float *scores = lf__calloc(rows + 1u, sizeof *scores, err);
    if (kinds && scores) {
        lf__gguf_put_texts(m, "tokenizer.ggml.tokens", rows);
        for (uint32_t id = 0; id < rows; id++) {
            lf__buf_reset(text);
            if (id < t->n)
                add_token(text, t, id);
            else
                lf__buf_printf(text, "[PAD%u]", id);
            lf__gguf_put_item(m, text->data, text->len);
            kinds[id] = id < t->n ? t->kind[id] : LF_TOKEN_UNUSED;
            if (t->score) scores[id] = id < t->n ? t->score[id] : -1e6f;
        }
        lf__gguf_put_array(m, "tokenizer.ggml.token_type", LF_GGUF_I32, kinds, rows);
        if (t->score) lf__gguf_put_array(m, "tokenizer.ggml.scores", LF_GGUF_F32, scores, rows);
    }
    bool there = kinds && scores;
    free(kinds), free(scores);
    return !there || text->failed ? -1 : 0;
}

static bool goes_around(const int32_t *ids, int n, int32_t id) { return n == 1 && id >= 0 && ids[0] == id; }

int lf__tokenizer_put_gguf(lf_gguf_meta *m, const lf_tokenizer *t, int rows, lf_error *err)
{
    const lf_sp_rules *sp = lf__sp_rules(t);
    const char *model = t->byte_level                    ? "gpt2"
                        : t->model == &lf__model_sp_bpe  ? "llama"
                        : t->model == &lf__model_unigram ? "t5"
                                                         : NULL,
               *pre = NULL;
    for (size_t i = 0; t->split && i < LF_COUNT(rules) && !pre; i++)
        if (strcmp(rules[i].split, t->split->name) == 0) pre = rules[i].pre;
    if (!model || (t->byte_level && (!pre || t->normalizer.n)) || (!t->byte_level && (!sp || !t->score)))
        return lf_error_set(err, LF_E_UNSUPPORTED, "a GGUF file cannot say this tokenizer: %s",
                            !model          ? "its tokens are characters"
                            : t->byte_level ? "its words are cut by a rule without a name there"
                                            : "it is not SentencePiece's own");
    lf_buf text;
    lf__buf_init(&text, LF_TOK_MAX_FILE);
    lf__gguf_put_text(m, "tokenizer.ggml.model", model, strlen(model));
    lf__gguf_put_text(m, "tokenizer.ggml.pre", pre ? pre : "default", strlen(pre ? pre : "default"));
    int status = put_tokens(m, t, LF_MAX((uint32_t)rows, t->n), &text, err);
    if (!status && t->byte_level) status = put_merges(m, t, &text);
    for (size_t i = 0; i < LF_COUNT(roles); i++)
        if (t->role[roles[i].role] >= 0) lf__gguf_put_u32(m, roles[i].key, (uint32_t)t->role[roles[i].role]);
    lf__gguf_put_bool(m, "tokenizer.ggml.add_bos_token", goes_around(t->before, t->n_before, t->role[LF_ROLE_BOS]));
    lf__gguf_put_bool(m, "tokenizer.ggml.add_eos_token", goes_around(t->after, t->n_after, t->role[LF_ROLE_EOS]));
    if (sp) {
        lf__gguf_put_bool(m, "tokenizer.ggml.add_space_prefix", sp->dummy_prefix);
        lf__gguf_put_bool(m, "tokenizer.ggml.remove_extra_whitespaces", sp->squeeze_spaces);
    }
    lf__buf_release(&text);
    return status ? lf_error_set(err, LF_E_LIMIT, "a token of more than %d bytes", LF_TOK_MAX_FILE) : 0;
}

/* ---- in ----------------------------------------------------------------------------------------------------------------------------- */
typedef struct vocabulary {
    lf_loader l;
    const lf_gguf *g;
    lf_gguf_value tokens, kinds, scores, merges;
    json_t *ids; /* token to id: what merges are looked up in */
    char *model, *pre;
} vocabulary;

static char *text_of(vocabulary *v, const char *key, const char *fallback)
{
    const char *text = fallback;
    size_t n = strlen(fallback);
    if (lf__gguf_get_text(v->g, key, &text, &n, v->l.err)) return NULL;
    char *out = lf__calloc(n + 1, 1, v->l.err);
    if (out) memcpy(out, text, n);
    return out;
}

static int bad(vocabulary *v, const char *key, const char *what)
{
    return lf_error_set(v->l.err, LF_E_FORMAT, "%s: tokenizer.ggml.%s: %s", v->l.path, key, what);
}

static int read_arrays(vocabulary *v)
{
    lf_error *err = v->l.err;
    const struct {
        const char *key;
        lf_gguf_type items;
        lf_gguf_value *out;
    } arrays[] = {{"tokenizer.ggml.tokens", LF_GGUF_TEXT, &v->tokens},
                  {"tokenizer.ggml.token_type", LF_GGUF_I32, &v->kinds},
                  {"tokenizer.ggml.scores", LF_GGUF_F32, &v->scores},
                  {"tokenizer.ggml.merges", LF_GGUF_TEXT, &v->merges}};
    for (size_t i = 0; i < LF_COUNT(arrays); i++)
        if (lf__gguf_get_array(v->g, arrays[i].key, arrays[i].items, arrays[i].out, err)) return -1;
    if (!v->tokens.count)
        return lf_error_set(err, LF_E_NOT_FOUND, "%s: no tokenizer.ggml.tokens: this file holds no vocabulary", v->l.path);
    if (v->kinds.count && v->kinds.count != v->tokens.count) return bad(v, "token_type", "expected one for each token");
    if (v->scores.count && v->scores.count != v->tokens.count) return bad(v, "scores", "expected one for each token");
    v->model = text_of(v, "tokenizer.ggml.model", "");
    v->pre = text_of(v, "tokenizer.ggml.pre", "default");
    return v->model && v->pre ? 0 : -1;
}

/* Tokens under their ids; a text twice is refused, and so is a kind that is none. */
static int read_tokens(vocabulary *v)
{
    lf_loader *l = &v->l;
    lf_gguf_cursor at = {0};
    lf_buf text;
    int status = 0;
    int64_t id = 0;
    lf__buf_init(&text, LF_TOK_MAX_FILE);
    if (!(v->ids = l->vocab = json_object())) status = lf_error_set(l->err, LF_E_MEMORY, "%s: out of memory for the vocabulary", l->path);
    for (lf_gguf_value item; !status && lf__gguf_next(&v->tokens, &at, &item); id++) {
        lf__buf_reset(&text);
        lf__buf_add(&text, item.data, (size_t)item.count);
        if (text.failed || memchr(item.data, 0, (size_t)item.count) || !item.count)
            status = bad(v, "tokens", "a token that is empty or holds a byte 0");
        else if (json_object_get(v->ids, text.data))
            status = lf_error_set(l->err, LF_E_FORMAT, "%s: tokenizer.ggml.tokens: \"%.80s\" stands twice", l->path, text.data);
        else if (json_object_set_new(v->ids, text.data, json_integer(id)))
            status = lf_error_set(l->err, LF_E_FORMAT, "%s: tokenizer.ggml.tokens: token %lld is no UTF-8", l->path, (long long)id);
    }
    lf__buf_release(&text);
    if (status || lf__loader_place(l, 0)) return -1;
    at = (lf_gguf_cursor){0};
    id = 0;
    for (lf_gguf_value item; lf__gguf_next(&v->kinds, &at, &item); id++) {
        int64_t kind = 0;
        if (!lf__gguf_as_int(&item, &kind) || kind < LF_TOKEN_NORMAL || kind > LF_TOKEN_BYTE)
            return bad(v, "token_type", "expected 1 to 6");
        l->kind[id] = (uint8_t)kind;
    }
    return 0;
}

static int read_merges(vocabulary *v)
{
    lf_gguf_cursor at = {0};
    lf_buf joined;
    int status = 0;
    size_t line = 0;
    lf__buf_init(&joined, LF_TOK_MAX_FILE);
    for (lf_gguf_value item; !status && lf__gguf_next(&v->merges, &at, &item);) {
        char where[64];
        snprintf(where, sizeof where, "tokenizer.ggml.merges: merge %zu", ++line);
        status = lf__loader_merge_line(&v->l, where, (const char *)item.data, (size_t)item.count, &joined);
    }
    lf__buf_release(&joined);
    return status;
}

static int make_bytes(vocabulary *v)
{
    const char *split = NULL;
    for (size_t i = 0; i < LF_COUNT(rules) && !split; i++)
        if (strcmp(rules[i].pre, v->pre) == 0) split = rules[i].split;
    if (!split)
        return lf_error_set(v->l.err, LF_E_UNSUPPORTED,
                            "%s: tokenizer.ggml.pre: \"%.64s\" is a rule for cutting words that is not known here", v->l.path, v->pre);
    if (!(v->l.t = lf__tokenizer_new_bytes(split, v->l.err))) return -1;
    for (size_t id = 0; id < v->l.n; id++)
        if (v->l.kind[id] == LF_TOKEN_CONTROL || v->l.kind[id] == LF_TOKEN_USER) {
            lf_added rule = {.id = (uint32_t)id, .special = v->l.kind[id] == LF_TOKEN_CONTROL};
            if (lf__tokenizer_add_rule(v->l.t, rule, v->l.err)) return -1;
        }
    return lf__loader_tokens(&v->l) || read_merges(v) ? -1 : 0;
}

static int make_sentencepiece(vocabulary *v, const lf_token_model *model)
{
    static const char *const steps[][3] = {{"Replace", LF_MARKER, " "}, {"ByteFallback"}, {"Fuse"}};
    lf_sp_rules r = {.name = "identity", .dummy_prefix = true, .escape_spaces = true};
    lf_gguf_cursor at = {0}, at_score = {0};
    uint32_t id = 0;
    bool bytes = false;
    if (!v->scores.count || !v->kinds.count) return bad(v, v->kinds.count ? "scores" : "token_type", "missing: this model needs them");
    if (lf__gguf_get_bool(v->g, "tokenizer.ggml.add_space_prefix", &r.dummy_prefix, v->l.err) ||
        lf__gguf_get_bool(v->g, "tokenizer.ggml.remove_extra_whitespaces", &r.squeeze_spaces, v->l.err) ||
        lf__gguf_find(v->g, "tokenizer.ggml.precompiled_charsmap"))
        return v->l.err && v->l.err->code ? -1 : bad(v, "precompiled_charsmap", "a map of characters in a GGUF file cannot be read");
    lf_tokenizer *t = v->l.t = lf__tokenizer_new(model, NULL, v->l.err);
    if (!t) return -1;
    for (lf_gguf_value item, score; lf__gguf_next(&v->tokens, &at, &item) && lf__gguf_next(&v->scores, &at_score, &score); id++) {
        double value = 0;
        if (!lf__gguf_as_double(&score, &value) || !isfinite(value)) return bad(v, "scores", "a number that is not finite");
        if (lf__tokenizer_add(t, (const char *)item.data, (size_t)item.count, v->l.kind[id], v->l.err) ||
            lf__tokenizer_score(t, id, (float)value, v->l.err))
            return lf__in_file(&v->l, "tokenizer.ggml.tokens");
        bytes |= v->l.kind[id] == LF_TOKEN_BYTE;
    }
    t->byte_fallback = bytes, t->fuse_unk = true;
    if (lf__charsmap_read(&r.map, "", 0, v->l.path, v->l.err) || lf__sp_normalizer(t, &r, v->l.err)) return -1;
    for (size_t i = 0; i < LF_COUNT(steps); i++)
        if (!lf__steps_add(&t->decoder, lf__decoders, steps[i][0], steps[i][1], steps[i][2], v->l.err)) return -1;
    lf_step *strip = r.dummy_prefix || r.squeeze_spaces ? lf__steps_add(&t->decoder, lf__decoders, "Strip", " ", NULL, v->l.err) : NULL;
    if (strip) strip->a = 1;
    return 0;
}

static int read_around(vocabulary *v)
{
    lf_tokenizer *t = v->l.t;
    bool bos = strcmp(v->model, "llama") == 0, eos = strcmp(v->model, "t5") == 0; /* what others assume */
    for (size_t i = 0; i < LF_COUNT(roles); i++) {
        int64_t id = -1;
        if (lf__gguf_get_int(v->g, roles[i].key, 0, (int64_t)t->n - 1, &id, v->l.err)) return -1;
        if (id >= 0) t->role[roles[i].role] = (int32_t)id;
    }
    for (uint32_t id = 0; t->role[LF_ROLE_UNK] < 0 && id < t->n; id++)
        if (t->kind[id] == LF_TOKEN_UNKNOWN) t->role[LF_ROLE_UNK] = (int32_t)id;
    if (lf__gguf_get_bool(v->g, "tokenizer.ggml.add_bos_token", &bos, v->l.err) ||
        lf__gguf_get_bool(v->g, "tokenizer.ggml.add_eos_token", &eos, v->l.err))
        return -1;
    if (bos && t->role[LF_ROLE_BOS] >= 0) t->before[t->n_before++] = t->role[LF_ROLE_BOS];
    if (eos && t->role[LF_ROLE_EOS] >= 0) t->after[t->n_after++] = t->role[LF_ROLE_EOS];
    return 0;
}

lf_tokenizer *lf__tokenizer_get_gguf(const lf_gguf *g, lf_error *err)
{
    vocabulary v = {.l = {.path = g->file->path, .err = err}, .g = g};
    int failed = read_arrays(&v) || read_tokens(&v);
    if (!failed && strcmp(v.model, "gpt2") == 0)
        failed = make_bytes(&v);
    else if (!failed && (strcmp(v.model, "llama") == 0 || strcmp(v.model, "t5") == 0))
        failed = make_sentencepiece(&v, v.model[0] == 'l' ? &lf__model_sp_bpe : &lf__model_unigram);
    else if (!failed)
        failed = lf_error_set(err, LF_E_UNSUPPORTED, "%s: tokenizer.ggml.model: expected one of gpt2, llama, t5, got \"%.64s\"", v.l.path,
                              v.model);
    failed = failed || read_around(&v);
    lf_tokenizer *t = lf__loader_finish(&v.l, failed);
    json_decref(v.ids);
    free(v.model), free(v.pre);
    return t;
}
