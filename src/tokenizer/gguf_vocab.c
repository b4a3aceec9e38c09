/* gguf_vocab.c - tokenizers in GGUF: tokens, their types, merges or scores, the name of the split rule, and which ids begin and end texts.
 *
 * What those keys have no place for (NFC, the flags of added tokens) goes along as the whole tokenizer.json under the key that the format
 * has for it, tokenizer.huggingface.json; a file that has it is read from there. Readers that know only the others do without. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/loader.h"
#include "tokenizer/sp.h"
#include "tokenizer/token_map.h"

#define KEY "tokenizer.ggml."

static const struct {
    const char *key;
    lf_role role;
} roles[] = {{KEY "bos_token_id", LF_ROLE_BOS},
             {KEY "eos_token_id", LF_ROLE_EOS},
             {KEY "unknown_token_id", LF_ROLE_UNK},
             {KEY "padding_token_id", LF_ROLE_PAD}};

static const struct {
    const char *name;
    const lf_token_model *model;
} models[] = {{"gpt2", &lf__model_bpe}, {"llama", &lf__model_sp_bpe}, {"t5", &lf__model_unigram}};

/* ---- reading --------------------------------------------------------------------------------------------------------------------- */

static bool is_text(const char *text, size_t n, const char *what) { return text && n == strlen(what) && memcmp(text, what, n) == 0; }

static int find_model(const lf_loader *l, const lf_gguf *g, const lf_token_model **model)
{
    const char *name = NULL;
    size_t n = 0;
    if (lf__gguf_get_text(g, KEY "model", &name, &n, l->err)) return -1;
    if (!name) return lf_error_set(l->err, LF_E_NOT_FOUND, "%s: there is no tokenizer in it: the key " KEY "model is missing", l->path);
    for (size_t i = 0; i < LF_COUNT(models); i++)
        if (is_text(name, n, models[i].name)) return *model = models[i].model, 0;
    return lf_error_set(l->err, LF_E_UNSUPPORTED, "%s: " KEY "model: expected one of gpt2, llama, t5, got \"%.*s\"", l->path,
                        (int)LF_MIN(n, (size_t)80), name);
}

static int find_rule(const lf_loader *l, const lf_gguf *g, const lf_split_rule **rule)
{
    const char *pre = "default";
    char name[64];
    size_t n = strlen(pre);
    lf_error inner = {0};
    if (lf__gguf_get_text(g, KEY "pre", &pre, &n, l->err)) return -1;
    snprintf(name, sizeof name, "%.*s", (int)LF_MIN(n, sizeof name - 1), pre);
    *rule = lf__split_find(name, &inner);
    if (*rule) return 0;
    lf_error_set(l->err, LF_E_UNSUPPORTED, "%s: " KEY "pre: the split rule \"%s\" is not supported", l->path, name);
    return lf_error_hint(l->err, "%s", inner.hint);
}

/* Tokens with their types and scores. A byte-level token is written in the alphabet, a special one as it is. */
static int read_tokens(lf_loader *l, const lf_gguf *g)
{
    lf_gguf_value tokens = {0}, types = {0}, scores = {0}, type, score, token;
    lf_gguf_cursor at = {0}, type_at = {0}, score_at = {0};
    lf_tokenizer *t = l->t;
    lf_buf bytes;
    if (lf__gguf_get_array(g, KEY "tokens", LF_GGUF_TEXT, &tokens, l->err) ||
        lf__gguf_get_array(g, KEY "token_type", LF_GGUF_I32, &types, l->err) ||
        lf__gguf_get_array(g, KEY "scores", LF_GGUF_F32, &scores, l->err))
        return -1;
    if (tokens.count == 0) return lf_error_set(l->err, LF_E_NOT_FOUND, "%s: no " KEY "tokens: this file holds no vocabulary", l->path);
    if (tokens.count > LF_TOK_MAX_IDS)
        return lf_error_set(l->err, LF_E_LIMIT, "%s: " KEY "tokens: %llu tokens are more than the limit of %d", l->path,
                            (unsigned long long)tokens.count, LF_TOK_MAX_IDS);
    if ((types.data && types.count != tokens.count) || (scores.data && scores.count != tokens.count))
        return lf_error_set(l->err, LF_E_MISMATCH, "%s: " KEY "%s: expected one for each token", l->path,
                            types.data && types.count != tokens.count ? "token_type" : "scores");
    if (t->model != &lf__model_bpe && !scores.data) return lf_error_set(l->err, LF_E_FORMAT, "%s: " KEY "scores is missing", l->path);
    lf__buf_init(&bytes, LF_TOK_MAX_FILE);
    int failed = 0;
    while (!failed && lf__gguf_next(&tokens, &at, &token)) {
        int64_t kind = LF_TOKEN_NORMAL;
        double value = 0;
        const char *text = (const char *)token.data;
        size_t n = token.count;
        if (lf__gguf_next(&types, &type_at, &type)) lf__gguf_as_int(&type, &kind);
        if (lf__gguf_next(&scores, &score_at, &score)) lf__gguf_as_double(&score, &value);
        lf__buf_reset(&bytes);
        if (kind < LF_TOKEN_NORMAL || kind > LF_TOKEN_BYTE)
            failed = lf_error_set(l->err, LF_E_FORMAT, "%s: " KEY "token_type: token %u has the type %lld: expected 1 to 6", l->path, t->n,
                                  (long long)kind);
        else if (!isfinite(value))
            failed = lf_error_set(l->err, LF_E_FORMAT, "%s: " KEY "scores: token %u has a score that is not finite", l->path, t->n);
        else if (n == 0)
            failed = lf_error_set(l->err, LF_E_FORMAT, "%s: " KEY "tokens: token %u is empty", l->path, t->n);
        else if (t->byte_level && (kind == LF_TOKEN_NORMAL || kind == LF_TOKEN_BYTE)) {
            failed = lf__from_alphabet(&bytes, text, n);
            if (failed)
                failed = lf_error_set(l->err, LF_E_FORMAT, "%s: " KEY "tokens: token %u, \"%.*s\", is not in the alphabet of bytes",
                                      l->path, t->n, (int)LF_MIN(n, (size_t)80), text);
            kind = LF_TOKEN_NORMAL, text = bytes.data, n = bytes.len;
        }
        failed = failed || lf__tokenizer_add(t, text, n, (int)kind, l->err);
        if (!failed && t->model != &lf__model_bpe) failed = lf__tokenizer_score(t, t->n - 1, value, l->err);
    }
    lf__buf_release(&bytes);
    return failed ? -1 : 0;
}

/* "left right", both in the alphabet, which has no space. */
static int read_merge(const lf_loader *l, const lf_token_map *map, const char *text, size_t n, size_t number, lf_buf *bytes)
{
    const char *space = memchr(text, ' ', n);
    uint32_t id[3] = {LF_TOK_NONE, LF_TOK_NONE, LF_TOK_NONE};
    size_t n_left = space ? (size_t)(space - text) : 0;
    lf__buf_reset(bytes);
    if (n_left && n_left + 1 < n && lf__from_alphabet(bytes, text, n_left) == 0) {
        size_t cut = bytes->len;
        id[0] = *lf__token_map_slot(map, bytes->data, cut);
        if (lf__from_alphabet(bytes, space + 1, n - n_left - 1) == 0) {
            id[1] = *lf__token_map_slot(map, bytes->data + cut, bytes->len - cut);
            id[2] = *lf__token_map_slot(map, bytes->data, bytes->len);
        }
    }
    if (id[0] == LF_TOK_NONE || id[1] == LF_TOK_NONE || id[2] == LF_TOK_NONE)
        return lf_error_set(l->err, LF_E_FORMAT, "%s: " KEY "merges: merge %zu, \"%.*s\": expected two tokens that join into one", l->path,
                            number, (int)LF_MIN(n, (size_t)80), text);
    return lf__tokenizer_merge(l->t, id[0], id[1], id[2], l->err);
}

/* Tokens by their bytes; of those that merges may make, each is there once. */
static int map_tokens(const lf_loader *l, lf_token_map *map)
{
    for (uint32_t id = 0; id < l->t->n; id++) {
        size_t n;
        const char *token = lf__token_bytes(l->t, id, &n);
        if (l->t->kind[id] != LF_TOKEN_NORMAL && l->t->kind[id] != LF_TOKEN_USER) continue;
        uint32_t *slot = lf__token_map_slot(map, token, n);
        if (*slot != LF_TOK_NONE)
            return lf_error_set(l->err, LF_E_FORMAT, "%s: " KEY "tokens: \"%.*s\" stands twice, as %u and %u", l->path,
                                (int)LF_MIN(n, (size_t)80), token, *slot, id);
        *slot = id;
    }
    return 0;
}

static int read_merges(lf_loader *l, const lf_gguf *g)
{
    lf_gguf_value merges = {0}, item;
    lf_gguf_cursor at = {0};
    lf_token_map map;
    lf_buf bytes;
    if (lf__gguf_get_array(g, KEY "merges", LF_GGUF_TEXT, &merges, l->err) || lf__token_map_init(&map, l->t, l->t->n, l->err)) return -1;
    lf__buf_init(&bytes, LF_TOK_MAX_FILE);
    int failed = map_tokens(l, &map);
    if (!failed && !merges.data) failed = lf_error_set(l->err, LF_E_FORMAT, "%s: " KEY "merges is missing", l->path);
    for (size_t i = 1; !failed && lf__gguf_next(&merges, &at, &item); i++)
        failed = read_merge(l, &map, (const char *)item.data, item.count, i, &bytes);
    lf__buf_release(&bytes);
    lf__token_map_release(&map);
    return failed;
}

/* Ids with a role, and those around texts: what the file says, else what readers elsewhere take for granted. */
static int read_roles(lf_loader *l, const lf_gguf *g)
{
    lf_tokenizer *t = l->t;
    const int64_t sp_bpe[] = {1, 2, 0, -1}, unigram[] = {-1, 1, 2, 0};
    const int64_t *usual = t->model == &lf__model_sp_bpe ? sp_bpe : t->model == &lf__model_unigram ? unigram : NULL;
    for (size_t i = 0; i < LF_COUNT(roles); i++) {
        int64_t id = usual && usual[i] < t->n ? usual[i] : -1;
        if (id >= 0 && !lf__is_special(t, (uint32_t)id)) id = -1;
        if (lf__gguf_get_int(g, roles[i].key, 0, (int64_t)t->n - 1, &id, l->err)) return -1;
        if (usual || roles[i].role != LF_ROLE_UNK) t->role[roles[i].role] = (int32_t)id;
    }
    return 0;
}

static int read_around(lf_loader *l, const lf_gguf *g)
{
    lf_tokenizer *t = l->t;
    bool bos = t->model == &lf__model_sp_bpe || (t->split && t->split->ignore_merges == 1), eos = t->model == &lf__model_unigram;
    if (lf__gguf_get_bool(g, KEY "add_bos_token", &bos, l->err) || lf__gguf_get_bool(g, KEY "add_eos_token", &eos, l->err)) return -1;
    if (bos && t->role[LF_ROLE_BOS] >= 0) t->before[t->n_before++] = t->role[LF_ROLE_BOS];
    if (eos && t->role[LF_ROLE_EOS] >= 0) t->after[t->n_after++] = t->role[LF_ROLE_EOS];
    return 0;
}

static int read_sentencepiece(lf_loader *l, const lf_gguf *g)
{
    lf_tokenizer *t = l->t;
    lf_sp_rules rules = {.dummy_prefix = true, .escape_spaces = true};
    lf_gguf_value map = {.items = LF_GGUF_U8};
    const lf_gguf_value *given = lf__gguf_find(g, KEY "precompiled_charsmap");
    char where[LF_PATH_MAX + 64];
    if (lf__gguf_get_bool(g, KEY "add_space_prefix", &rules.dummy_prefix, l->err) ||
        lf__gguf_get_bool(g, KEY "remove_extra_whitespaces", &rules.squeeze_spaces, l->err) ||
        (given && lf__gguf_get_array(g, KEY "precompiled_charsmap", given->items == LF_GGUF_I8 ? LF_GGUF_I8 : LF_GGUF_U8, &map, l->err)))
        return -1;
    bool all = true, seen[256] = {false};
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n;
        const char *bytes = lf__token_bytes(t, id, &n);
        int byte = t->kind[id] == LF_TOKEN_BYTE ? lf__byte_piece(bytes, n) : -1;
        if (byte >= 0) seen[byte] = true;
    }
    for (int byte = 0; byte < 256; byte++) all &= seen[byte];
    t->byte_fallback = all;
    t->fuse_unk = true;
    snprintf(where, sizeof where, "%s: " KEY "precompiled_charsmap", l->path);
    snprintf(rules.name, sizeof rules.name, "%s", map.count ? "user_defined" : "identity");
    if (lf__charsmap_read(&rules.map, map.data, map.count, where, l->err)) return -1;
    return lf__sp_stages(t, &rules, l->err);
}

/* The document that goes along. */
static lf_tokenizer *load_document(const lf_gguf *g, const char *json, size_t n, const char *name, lf_error *err)
{
    lf_loader l = {.path = name, .err = err};
    json_t *root = lf__json_parse(json, n, name, err);
    int failed = !root || !(l.t = lf__tokenizer_new(&lf__model_bpe, NULL, err)) || lf__loader_document(&l, root) || read_roles(&l, g);
    lf_tokenizer *t = lf__loader_finish(&l, failed);
    json_decref(root);
    return t;
}

lf_tokenizer *lf__tokenizer_get_gguf(const lf_gguf *g, lf_error *err)
{
    const char *name = g->file->path;
    lf_loader l = {.path = name, .err = err};
    const lf_token_model *model = NULL;
    const lf_split_rule *rule = NULL;
    const char *json = NULL;
    size_t n = 0;
    if (lf__gguf_get_text(g, "tokenizer.huggingface.json", &json, &n, err)) return NULL;
    if (json) return load_document(g, json, n, name, err);
    int failed = find_model(&l, g, &model) || (model == &lf__model_bpe && find_rule(&l, g, &rule));
    if (!failed) {
        l.t = rule ? lf__tokenizer_new_bytes(rule->name, err) : lf__tokenizer_new(model, NULL, err);
        failed = !l.t;
    }
    if (!failed && rule) l.t->split = rule, l.t->ignore_merges = rule->ignore_merges == 1;
    failed =
        failed || read_tokens(&l, g) || read_roles(&l, g) || read_around(&l, g) || (rule ? read_merges(&l, g) : read_sentencepiece(&l, g));
    return lf__loader_finish(&l, failed);
}

/* ---- writing ----------------------------------------------------------------------------------------------------------------------- */

/* The row whose names say what this tokenizer does, or NULL. Merges that are ignored elsewhere must not matter. */
static const lf_split_rule *rule_for(const lf_tokenizer *t)
{
    const lf_split_rule *silent = NULL;
    for (const lf_split_rule *r = lf__split_rules; r->name; r++) {
        if (!t->split || strcmp(r->name, t->split->name) != 0) continue;
        if (r->ignore_merges == t->ignore_merges) return r;
        if (r->ignore_merges < 0 && !t->ignore_merges) silent = r;
    }
    return silent;
}

static int refuse(lf_error *err, const char *reason) { return lf_error_set(err, LF_E_UNSUPPORTED, "a GGUF file cannot say %s", reason); }

/* What the keys have no place for but readers elsewhere can live without. */
static bool needs_document(const lf_tokenizer *t)
{
    bool more = t->normalizer.n && !lf__sp_rules(t);
    for (size_t i = 0; i < t->n_added; i++) {
        const lf_added *x = &t->added[i];
        more |= x->lstrip || x->rstrip || x->single_word || (x->normalized && t->normalizer.n);
    }
    return more;
}

static int check(const lf_tokenizer *t, const lf_split_rule *rule, lf_error *err)
{
    bool bytes = t->model == &lf__model_bpe && t->byte_level, pieces = t->model == &lf__model_sp_bpe || t->model == &lf__model_unigram;
    const lf_sp_rules *sp = lf__sp_rules(t);
    if (!bytes && !pieces) return refuse(err, "a character vocabulary");
    if (bytes && !t->split) return refuse(err, "a pre-tokenizer that is none of the known split rules");
    if (bytes && !rule)
        return refuse(err, t->ignore_merges ? "ignored merges with this split rule" : "merges that count with this split rule");
    if (bytes && (t->normalizer.n > 1 || (t->normalizer.n && strcmp(t->normalizer.v[0].kind->type, "NFC") != 0)))
        return refuse(err, "a normalizer other than NFC");
    if (pieces && (!sp || sp->space_suffix || !sp->escape_spaces || (sp->map.rules.n && t->model == &lf__model_sp_bpe)))
        return refuse(err, "this SentencePiece normalizer");
    if (t->model == &lf__model_sp_bpe && !t->byte_fallback)
        return refuse(err, "characters without a piece and without the pieces of their bytes: readers elsewhere end there");
    bool bos = t->n_before == 1 && t->before[0] == t->role[LF_ROLE_BOS], eos = t->n_after == 1 && t->after[0] == t->role[LF_ROLE_EOS];
    if ((t->n_before && !bos) || (t->n_after && !eos)) return refuse(err, "other tokens around a text than bos and eos");
    return 0;
}

/* Others take the size of the embedding from here: ids up to `rows` that mean nothing are unused tokens. */
static int put_tokens(lf_gguf_meta *meta, const lf_tokenizer *t, uint32_t rows, lf_buf *key, lf_error *err)
{
    int32_t *types = lf__calloc(rows, sizeof *types, err);
    float *scores = lf__calloc(rows, sizeof *scores, err);
    bool there = types && scores;
    if (there) lf__gguf_put_texts(meta, KEY "tokens", rows);
    for (uint32_t id = 0; id < rows && there; id++) {
        size_t n = 0;
        const char *bytes = id < t->n ? lf__token_bytes(t, id, &n) : NULL;
        lf__buf_reset(key);
        if (!bytes)
            lf__buf_printf(key, "[PAD%u]", id);
        else if (t->byte_level && t->kind[id] == LF_TOKEN_NORMAL)
            lf__to_alphabet(key, bytes, n);
        else
            lf__buf_add(key, bytes, n);
        lf__gguf_put_item(meta, key->data, key->len);
        types[id] = bytes ? t->kind[id] : LF_TOKEN_UNUSED;
        scores[id] = !t->score ? 0 : bytes ? (float)t->score[id] : -1e6f;
    }
    if (there) lf__gguf_put_array(meta, KEY "token_type", LF_GGUF_I32, types, rows);
    if (there && t->score) lf__gguf_put_array(meta, KEY "scores", LF_GGUF_F32, scores, rows);
    free(types), free(scores);
    return there ? 0 : -1;
}

static void put_merges(lf_gguf_meta *meta, const lf_tokenizer *t, lf_buf *key)
{
    lf__gguf_put_texts(meta, KEY "merges", t->n_merges);
    for (size_t i = 0; i < t->n_merges; i++) {
        lf__buf_reset(key);
        for (int part = 0; part < 2; part++) {
            size_t n;
            const char *bytes = lf__token_bytes(t, part ? t->merges[i].right : t->merges[i].left, &n);
            if (part) lf__buf_puts(key, " ");
            lf__to_alphabet(key, bytes, n);
        }
        lf__gguf_put_item(meta, key->data, key->len);
    }
}

static void put_sentencepiece(lf_gguf_meta *meta, const lf_tokenizer *t, lf_buf *blob)
{
    const lf_sp_rules *rules = lf__sp_rules(t);
    lf__gguf_put_bool(meta, KEY "add_space_prefix", rules->dummy_prefix);
    lf__gguf_put_bool(meta, KEY "remove_extra_whitespaces", rules->squeeze_spaces);
    if (!rules->map.rules.n) return;
    lf__buf_reset(blob);
    lf__charsmap_write(blob, &rules->map);
    lf__gguf_put_array(meta, KEY "precompiled_charsmap", LF_GGUF_U8, blob->data, blob->len);
}

/* BPE over characters by rank has no name there: it goes as the pieces it came from, with its own document. */
static int put_ranks(lf_gguf_meta *meta, const lf_tokenizer *t, int rows, lf_error *err)
{
    lf_buf json;
    lf_tokenizer *pieces = lf__sp_from_ranks(t, err);
    int failed = pieces ? lf__tokenizer_put_gguf(meta, pieces, rows, err) : -1;
    lf__buf_init(&json, LF_TOK_MAX_FILE);
    if (!failed) failed = lf__tokenizer_write_json(&json, t, err);
    if (!failed) lf__gguf_put_text(meta, "tokenizer.huggingface.json", json.data, json.len);
    lf__buf_release(&json);
    lf_tokenizer_free(&pieces);
    return failed;
}

int lf__tokenizer_put_gguf(lf_gguf_meta *meta, const lf_tokenizer *t, int rows, lf_error *err)
{
    if (t->model == &lf__model_bpe && !t->byte_level) return put_ranks(meta, t, rows, err);
    const lf_split_rule *rule = rule_for(t);
    char pre[64];
    size_t i = 0;
    lf_buf room;
    if (check(t, rule, err)) return -1;
    if (t->model == &lf__model_unigram && t->byte_fallback)
        lf__log(LF_LOG_WARNING, "a unigram vocabulary in GGUF: other readers make <unk> of characters that are written as bytes here");
    while (models[i].model != t->model) i++;
    lf__buf_init(&room, LF_TOK_MAX_FILE);
    lf__gguf_put_text(meta, KEY "model", models[i].name, strlen(models[i].name));
    snprintf(pre, sizeof pre, "%.*s", (int)(rule ? strcspn(rule->pre, "|") : 7), rule ? rule->pre : "default");
    lf__gguf_put_text(meta, KEY "pre", pre, strlen(pre));
    if (put_tokens(meta, t, LF_MAX((uint32_t)rows, t->n), &room, err)) return lf__buf_release(&room), -1;
    if (rule)
        put_merges(meta, t, &room);
    else
        put_sentencepiece(meta, t, &room);
    for (i = 0; i < LF_COUNT(roles); i++)
        if (t->role[roles[i].role] >= 0) lf__gguf_put_u32(meta, roles[i].key, (uint32_t)t->role[roles[i].role]);
    lf__gguf_put_bool(meta, KEY "add_bos_token", t->n_before > 0);
    lf__gguf_put_bool(meta, KEY "add_eos_token", t->n_after > 0);
    int failed = 0;
    if (needs_document(t)) {
        lf__buf_reset(&room);
        failed = lf__tokenizer_write_json(&room, t, err);
        if (!failed) lf__gguf_put_text(meta, "tokenizer.huggingface.json", room.data, room.len);
    }
    if (!failed && room.failed) failed = lf_error_set(err, LF_E_LIMIT, "the tokenizer's texts exceed %d MiB", LF_TOK_MAX_FILE >> 20);
    lf__buf_release(&room);
    return failed;
}
