/* tokenizer_load.c - which files a tokenizer is in, what all of them share, and GPT-2's vocab.json + merges.txt. */
#include "tokenizer/loader.h"

#include <stdlib.h>
#include <string.h>

/* ---- what the readers share ------------------------------------------------------------------------------------------------------ */

int lf__in_file(const lf_loader *l, const char *where)
{
    if (!l->err) return -1;
    lf_error inner = *l->err;
    lf_error_reset(l->err);
    lf_error_set(l->err, inner.code, "%.400s: %s%s%.500s", l->path, where ? where : "", where ? ": " : "", inner.message);
    if (inner.hint[0]) lf_error_hint(l->err, "%s", inner.hint);
    return -1;
}

/* The folder of a file into dir. */
static int folder_of(char dir[LF_PATH_MAX], const char *path, lf_error *err)
{
    size_t n = (size_t)(lf__path_name(path) - path);
    if (n >= LF_PATH_MAX) return lf_error_set(err, LF_E_LIMIT, "the path %.200s... is too long", path);
    memcpy(dir, path, n);
    dir[n] = 0;
    if (n == 0) memcpy(dir, ".", 2);
    return 0;
}

int lf__loader_config(lf_loader *l, const char *file)
{
    char dir[LF_PATH_MAX], path[LF_PATH_MAX];
    if (folder_of(dir, file, l->err) || lf__path_inside(path, dir, "tokenizer_config.json", l->err)) return -1;
    if (!lf__path_exists(path)) return 0;
    l->config = lf__json_load(path, LF_TOK_MAX_FILE, l->err);
    return l->config ? 0 : -1;
}

/* The text of a token in the configuration, "text" or {"content": "text"}, into *text; NULL when it names none. */
static int config_token(const char **text, const lf_loader *l, const char *name)
{
    const json_t *token = json_object_get(l->config, name);
    *text = json_string_value(json_is_object(token) ? json_object_get(token, "content") : token);
    if (!token || json_is_null(token) || *text) return 0;
    return lf_error_set(l->err, LF_E_FORMAT, "%s: tokenizer_config.json beside it: %s: expected a text or {\"content\": text}", l->path,
                        name);
}

/* The only special token there is: what else could it be for. -1 when there are more, or none. */
static int32_t only_special(const lf_tokenizer *t)
{
    int32_t only = -1;
    for (uint32_t id = 0; id < t->n; id++) {
        if (t->kind[id] != LF_TOKEN_CONTROL) continue;
        if (only >= 0) return -1;
        only = (int32_t)id;
    }
    return only;
}

static int find_roles(lf_loader *l)
{
    static const struct {
        const char *name;
        lf_role role;
    } table[] = {{"bos_token", LF_ROLE_BOS}, {"eos_token", LF_ROLE_EOS}, {"pad_token", LF_ROLE_PAD}};
    lf_tokenizer *t = l->t;
    for (size_t i = 0; i < LF_COUNT(table); i++) {
        const char *text;
        if (config_token(&text, l, table[i].name)) return -1;
        if (!text) continue;
        int32_t id = lf__tokenizer_find(t, text, strlen(text));
        if (table[i].role == LF_ROLE_EOS && (id < 0 || !lf__is_special(t, (uint32_t)id)))
            return lf_error_set(l->err, LF_E_MISMATCH,
                                "%s: tokenizer_config.json beside it names eos_token \"%.80s\", which is not a special token here", l->path,
                                text);
        t->role[table[i].role] = id;
    }
    int32_t *eos = &t->role[LF_ROLE_EOS];
    if (*eos < 0) *eos = lf__tokenizer_find(t, LF_END_TOKEN, strlen(LF_END_TOKEN));
    if (*eos >= 0 && !lf__is_special(t, (uint32_t)*eos)) *eos = -1;
    if (*eos < 0) *eos = only_special(t);
    return 0;
}

/* Files that have no post-processor of their own may have switches. */
static void add_switched(lf_loader *l)
{
    lf_tokenizer *t = l->t;
    if (t->n_before + t->n_after) return;
    if (json_is_true(json_object_get(l->config, "add_bos_token")) && t->role[LF_ROLE_BOS] >= 0)
        t->before[t->n_before++] = t->role[LF_ROLE_BOS];
    if (json_is_true(json_object_get(l->config, "add_eos_token")) && t->role[LF_ROLE_EOS] >= 0)
        t->after[t->n_after++] = t->role[LF_ROLE_EOS];
}

lf_tokenizer *lf__loader_finish(lf_loader *l, int failed)
{
    failed = failed || find_roles(l);
    if (!failed) add_switched(l);
    if (!failed && lf__tokenizer_seal(l->t, l->err)) failed = lf__in_file(l, NULL);
    free(l->key), free(l->kind);
    json_decref(l->config);
    if (failed && l->t) lf_tokenizer_free(&l->t);
    return l->t;
}

/* ---- vocab.json + merges.txt ---------------------------------------------------------------------------------------------------- */

static int add_merge_lines(lf_loader *l, const lf_buf *text)
{
    lf_buf joined;
    int failed = 0;
    size_t line = 0;
    lf__buf_init(&joined, LF_TOK_MAX_FILE);
    for (size_t at = 0, end; at < text->len && !failed; at = end + 1) {
        const char *p = text->data + at, *newline = memchr(p, '\n', text->len - at);
        char where[64];
        end = newline ? (size_t)(newline - text->data) : text->len;
        size_t n = end - at;
        if (n && p[n - 1] == '\r') n--;
        snprintf(where, sizeof where, "line %zu", ++line);
        if (n == 0 || (line == 1 && n >= 8 && memcmp(p, "#version", 8) == 0)) continue;
        failed = lf__loader_merge_line(l, where, p, n, &joined);
    }
    lf__buf_release(&joined);
    return failed ? -1 : 0;
}

lf_tokenizer *lf_tokenizer_load_gpt2(const char *vocab_json, const char *merges_txt, lf_error *err)
{
    json_t *root = NULL;
    lf_buf text;
    lf_loader l = {.path = vocab_json, .err = err};
    const char *end = NULL;
    lf__buf_init(&text, LF_TOK_MAX_FILE);
    int failed = lf__loader_config(&l, vocab_json) || lf__read_file(&text, merges_txt, LF_TOK_MAX_FILE, err) ||
                 !(root = l.vocab = lf__json_load(vocab_json, LF_TOK_MAX_FILE, err));
    if (!failed && !json_is_object(root)) failed = lf_error_set(err, LF_E_FORMAT, "%s: expected an object of token: id", vocab_json);
    failed = failed || config_token(&end, &l, "eos_token") || lf__loader_place(&l, 0) || !(l.t = lf__tokenizer_new_bytes("gpt2", err));
    bool listed = json_object_get(l.config, "added_tokens_decoder");
    if (!failed) { /* the files themselves do not say which tokens are special: without a list the one that ends documents is */
        const json_t *id = json_object_get(l.vocab, end ? end : LF_END_TOKEN), *tokens = json_object_get(l.config, "added_tokens_decoder");
        const char *key;
        json_t *token;
        json_object_foreach((json_t *)tokens, key, token)
        {
            const char *content = json_string_value(json_object_get(token, "content"));
            const json_t *known = content ? json_object_get(l.vocab, content) : NULL;
            if (known) l.kind[json_integer_value(known)] = LF_TOKEN_CONTROL; /* its text is no writing of bytes */
        }
        if (id && !listed) l.kind[json_integer_value(id)] = LF_TOKEN_CONTROL;
        if (id && !listed) failed = lf__tokenizer_add_rule(l.t, (lf_added){.id = (uint32_t)json_integer_value(id), .special = true}, err);
        failed = failed || lf__loader_tokens(&l) || lf__loader_added(&l);
        l.path = merges_txt;
        failed = failed || add_merge_lines(&l, &text);
        l.path = vocab_json;
    }
    lf_tokenizer *t = lf__loader_finish(&l, failed);
    json_decref(root);
    lf__buf_release(&text);
    return t;
}

static lf_tokenizer *load_gguf(const char *path, lf_error *err)
{
    lf_gguf g;
    if (lf__gguf_open(&g, path, err)) return NULL;
    lf_tokenizer *t = lf__tokenizer_get_gguf(&g, err);
    lf__gguf_close(&g);
    return t;
}

/* A SentencePiece model begins with its first piece, field 1 of wire type 2; JSON with a brace, GGUF with its name. What is left are
 * lines of ranks, where the first one is base64 and a number. A llama2.c vocabulary has only its name. */
static lf_tokenizer *load_file(const char *path, lf_error *err)
{
    const char *name = lf__path_name(path);
    lf_map map;
    if (strlen(name) > 4 && strcmp(name + strlen(name) - 4, ".bin") == 0) return lf__llama2c_tokenizer_load(path, err);
    if (lf__map_open(&map, path, err)) return NULL;
    const char *text = (const char *)map.data;
    size_t line = 0, n = LF_MIN(map.size, (size_t)2048);
    while (line < n && text[line] > ' ' && text[line] != '{' && text[line] != '[') line++;
    bool sentencepiece = n && map.data[0] == (1 << 3 | 2), gguf = n >= 4 && memcmp(text, "GGUF", 4) == 0;
    bool ranks = line && line + 1 < n && text[line] == ' ' && text[line + 1] >= '0' && text[line + 1] <= '9';
    lf__map_close(&map);
    return gguf            ? load_gguf(path, err)
           : sentencepiece ? lf__sp_load(path, err)
           : ranks         ? lf__tiktoken_load(path, err)
                           : lf__load_json(path, err);
}

lf_tokenizer *lf_tokenizer_load(const char *path, lf_error *err)
{
    static const char *const others[] = {"tokenizer.model",    "spiece.model",   "sentencepiece.bpe.model",
                                         "tokenizer.tiktoken", "tokenizer.gguf", "tokenizer.bin"};
    char json[LF_PATH_MAX], vocab[LF_PATH_MAX], merges[LF_PATH_MAX];
    if (!lf__path_is_dir(path)) {
        if (!lf__path_exists(path)) {
            lf_error_set(err, LF_E_NOT_FOUND, "%s: there is no such tokenizer: expected a folder with tokenizer.json", path);
            lf_error_hint(err, "foundry tokenizer train FILES... --vocab-size 4096 -o %s", path);
            return NULL;
        }
        return load_file(path, err);
    }
    if (lf__path_inside(json, path, "tokenizer.json", err) || lf__path_inside(vocab, path, "vocab.json", err) ||
        lf__path_inside(merges, path, "merges.txt", err))
        return NULL;
    if (lf__path_exists(json)) return lf__load_json(json, err);
    if (lf__path_exists(vocab) && lf__path_exists(merges)) return lf_tokenizer_load_gpt2(vocab, merges, err);
    for (size_t i = 0; i < LF_COUNT(others); i++) {
        if (lf__path_inside(json, path, others[i], err)) return NULL;
        if (lf__path_exists(json)) return load_file(json, err);
    }
    lf_error_set(err, LF_E_NOT_FOUND,
                 "%s: no tokenizer in this folder: expected tokenizer.json, tokenizer.model, or vocab.json and merges.txt", path);
    lf_error_hint(err, "foundry tokenizer train FILES... --vocab-size 4096 -o %s", path);
    return NULL;
}
