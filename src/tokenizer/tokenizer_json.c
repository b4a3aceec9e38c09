/* tokenizer_json.c - Hugging Face's tokenizer.json, and tokenizer_config.json beside it, to a tokenizer.
 *
 * Everything a file says is checked: ids are 0..n-1 without gap or repetition, every merge joins two known tokens into a known one, and a
 * feature that would change the ids but is not done here is refused by its name. Batch settings (truncation, padding) are not ours and
 * pass. */
#include "tokenizer/loader.h"
#include "tokenizer/sp.h"

#include <stdlib.h>
#include <string.h>

/* ---- stages ---------------------------------------------------------------------------------------------------------------------- */

enum { MAX_DEPTH = 8 };

static bool says_nothing(const json_t *v)
{
    return !v || json_is_null(v) || json_is_false(v) || (json_is_string(v) && json_string_length(v) == 0) ||
           (json_is_number(v) && json_number_value(v) == 0);
}

static const char *type_of(const json_t *object)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    return type ? type : "";
}

static int refuse(const lf_loader *l, const char *where, const json_t *value, const char *expected)
{
    const char *type = type_of(value);
    char *text = *type ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    lf_error_set(l->err, LF_E_UNSUPPORTED, "%.400s: %s: %.80s is not supported: expected %s", l->path, where,
                 *type  ? type
                 : text ? text
                        : "this",
                 expected);
    free(text);
    return -1;
}

/* The names of a table, for a message. */
static void known_types(char out[400], const lf_step_kind *kinds)
{
    size_t at = 0;
    for (; kinds->type; kinds++) at += (size_t)snprintf(out + at, 400 - at, "%s, ", kinds->type);
    snprintf(out + at, 400 - at, "or their Sequence");
}

/* object: null, a step, or a Sequence of them under `list`, which may hold others. */
static int read_steps(const lf_loader *l, lf_steps *steps, const lf_step_kind *kinds, const json_t *object, const char *where,
                      const char *list, int depth)
{
    if (!object || json_is_null(object)) return 0;
    const char *type = type_of(object);
    char known[400];
    known_types(known, kinds);
    if (!*type) return refuse(l, where, object, known);
    if (strcmp(type, "Sequence") == 0) {
        const json_t *items = json_object_get(object, list);
        if (depth == MAX_DEPTH)
            return lf_error_set(l->err, LF_E_LIMIT, "%s: %s: more than %d Sequences in one another", l->path, where, depth);
        if (!json_is_array(items)) return lf_error_set(l->err, LF_E_FORMAT, "%s: %s.%s: expected an array", l->path, where, list);
        for (size_t i = 0; i < json_array_size(items); i++)
            if (read_steps(l, steps, kinds, json_array_get(items, i), where, list, depth + 1)) return -1;
        return 0;
    }
    const lf_step_kind *kind = kinds;
    while (kind->type && strcmp(kind->type, type) != 0) kind++;
    if (!kind->type) return refuse(l, where, object, known);
    lf_step *step = lf__steps_add(steps, kinds, type, NULL, NULL, l->err);
    if (!step || (kind->read && kind->read(step, object, l->err))) {
        char place[64];
        snprintf(place, sizeof place, "%s.%s", where, type);
        return lf__in_file(l, place);
    }
    return 0;
}

static int add_around(const lf_loader *l, bool after, const json_t *ids)
{
    lf_tokenizer *t = l->t;
    for (size_t i = 0; i < json_array_size(ids); i++) {
        int *n = after ? &t->n_after : &t->n_before;
        const json_t *id = json_array_get(ids, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= t->n)
            return lf_error_set(l->err, LF_E_FORMAT, "%s: post_processor: expected ids from 0 to %u", l->path, t->n - 1);
        if (*n == LF_TOK_MAX_AROUND)
            return lf_error_set(l->err, LF_E_UNSUPPORTED, "%s: post_processor: more than %d tokens on one side of the text", l->path,
                                LF_TOK_MAX_AROUND);
        (after ? t->after : t->before)[(*n)++] = (int32_t)json_integer_value(id);
    }
    return 0;
}

/* {"single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}], "special_tokens": {"<s>": {"ids": [1]}}} */
static int read_template(const lf_loader *l, const json_t *post)
{
    const json_t *single = json_object_get(post, "single"), *tokens = json_object_get(post, "special_tokens");
    bool seen = false;
    if (!json_is_array(single)) return lf_error_set(l->err, LF_E_FORMAT, "%s: post_processor.single: expected an array", l->path);
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *part = json_array_get(single, i), *special = json_object_get(part, "SpecialToken");
        const char *name = json_string_value(json_object_get(special, "id"));
        const json_t *ids = name ? json_object_get(json_object_get(tokens, name), "ids") : NULL;
        if (special && !json_is_array(ids))
            return lf_error_set(l->err, LF_E_FORMAT, "%s: post_processor.single[%zu]: its special token is not in special_tokens", l->path,
                                i);
        if (special ? add_around(l, seen, ids) : !json_object_get(part, "Sequence") || seen)
            return special ? -1
                           : lf_error_set(l->err, LF_E_FORMAT, "%s: post_processor.single[%zu]: expected SpecialToken or one Sequence",
                                          l->path, i);
        seen |= !special;
    }
    return seen ? 0 : lf_error_set(l->err, LF_E_FORMAT, "%s: post_processor.single has no Sequence: where is the text?", l->path);
}

static int read_post(const lf_loader *l, const json_t *post, int depth)
{
    const char *type = type_of(post);
    if (says_nothing(post) || strcmp(type, "ByteLevel") == 0) return 0; /* ByteLevel trims offsets, which we do not give */
    if (strcmp(type, "TemplateProcessing") == 0) return read_template(l, post);
    if (strcmp(type, "Sequence") != 0 || depth == MAX_DEPTH)
        return refuse(l, "post_processor", post, "ByteLevel, TemplateProcessing or their Sequence");
    const json_t *list = json_object_get(post, "processors");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (read_post(l, json_array_get(list, i), depth + 1)) return -1;
    return 0;
}

static bool has_step(const lf_steps *steps, const char *type)
{
    for (size_t i = 0; i < steps->n; i++)
        if (strcmp(steps->v[i].kind->type, type) == 0) return true;
    return false;
}

/* Everything around the model. */
static int read_stages(lf_loader *l, const json_t *root)
{
    lf_tokenizer *t = l->t;
    if (read_steps(l, &t->normalizer, lf__normalizers, json_object_get(root, "normalizer"), "normalizer", "normalizers", 0) ||
        read_steps(l, &t->pre, lf__pre_tokenizers, json_object_get(root, "pre_tokenizer"), "pre_tokenizer", "pretokenizers", 0) ||
        read_steps(l, &t->decoder, lf__decoders, json_object_get(root, "decoder"), "decoder", "decoders", 0))
        return -1;
    t->byte_level = has_step(&t->pre, "ByteLevel");
    if (t->byte_level != has_step(&t->decoder, "ByteLevel"))
        return lf_error_set(l->err, LF_E_UNSUPPORTED, "%s: %s: ByteLevel in the %s, but not in the %s, is not supported", l->path,
                            t->byte_level ? "decoder" : "pre_tokenizer", t->byte_level ? "pre_tokenizer" : "decoder",
                            t->byte_level ? "decoder" : "pre_tokenizer");
    if (t->decoder.n == 0)
        return lf_error_set(l->err, LF_E_UNSUPPORTED, "%s: decoder: none is not supported: tokens would be joined by spaces", l->path);
    t->split = lf__split_of_steps(&t->pre);
    if (t->split) lf__steps_release(&t->pre);
    return 0;
}

/* ---- tokens -------------------------------------------------------------------------------------------------------------------- */

static int place(lf_loader *l, const char *where, const char *key, const json_t *id)
{
    if (!json_is_integer(id)) return lf_error_set(l->err, LF_E_FORMAT, "%s: %s: \"%.80s\": expected an integer id", l->path, where, key);
    json_int_t v = json_integer_value(id);
    if (v < 0 || (size_t)v >= l->n)
        return lf_error_set(l->err, LF_E_FORMAT,
                            "%s: %s: \"%.80s\" has the id %" JSON_INTEGER_FORMAT
                            ", but there are %zu tokens: expected ids 0 to %zu without gaps",
                            l->path, where, key, v, l->n, l->n - 1);
    if (l->key[v])
        return lf_error_set(l->err, LF_E_FORMAT, "%s: %s: \"%.80s\" and \"%.80s\" have the same id %" JSON_INTEGER_FORMAT, l->path, where,
                            l->key[v], key, v);
    l->key[v] = key;
    return 0;
}

int lf__loader_place(lf_loader *l, size_t n_more)
{
    const char *key;
    json_t *id;
    l->n = json_object_size(l->vocab) + n_more;
    if (l->n > LF_TOK_MAX_IDS)
        return lf_error_set(l->err, LF_E_LIMIT, "%s: a vocabulary of %zu tokens is more than the limit of %d", l->path, l->n,
                            LF_TOK_MAX_IDS);
    if (l->n == 0) return lf_error_set(l->err, LF_E_FORMAT, "%s: the vocabulary is empty", l->path);
    l->key = lf__calloc(l->n, sizeof *l->key, l->err);
    l->kind = lf__calloc(l->n, 1, l->err);
    if (!l->key || !l->kind) return -1;
    memset(l->kind, LF_TOKEN_NORMAL, l->n);
    json_object_foreach(l->vocab, key, id) if (place(l, "model.vocab", key, id)) return -1;
    return 0;
}

static bool flag(const json_t *token, const char *name) { return json_is_true(json_object_get(token, name)); }

static int add_rule(lf_loader *l, uint32_t id, const json_t *token)
{
    const lf_added rule = {.id = id,
                           .special = flag(token, "special"),
                           .normalized = flag(token, "normalized"),
                           .lstrip = flag(token, "lstrip"),
                           .rstrip = flag(token, "rstrip"),
                           .single_word = flag(token, "single_word")};
    return lf__tokenizer_add_rule(l->t, rule, l->err);
}

int lf__loader_added(lf_loader *l)
{
    const json_t *tokens = json_object_get(l->config, "added_tokens_decoder");
    lf_tokenizer *t = l->t;
    /* ids in their order: a number that is no key is no token */
    for (size_t found = 0, id = 0; found < json_object_size(tokens); id++) {
        char key[24];
        snprintf(key, sizeof key, "%zu", id);
        const json_t *token = json_object_get(tokens, key);
        const char *content = json_string_value(json_object_get(token, "content"));
        if (id > LF_TOK_MAX_IDS || (token && (!content || !*content || id > t->n)))
            return lf_error_set(l->err, LF_E_FORMAT,
                                "%s: tokenizer_config.json beside it: added_tokens_decoder: expected ids up to %u without gaps behind the "
                                "vocabulary, each with its content",
                                l->path, t->n);
        if (!token) continue;
        found++;
        size_t n;
        const char *bytes = id < t->n ? lf__token_bytes(t, (uint32_t)id, &n) : NULL;
        if (bytes && (n != strlen(content) || memcmp(bytes, content, n) != 0))
            return lf_error_set(l->err, LF_E_MISMATCH,
                                "%s: tokenizer_config.json beside it: added_tokens_decoder: \"%.80s\" is not token %zu", l->path, content,
                                id);
        if (!bytes && lf__tokenizer_add(t, content, strlen(content), LF_TOKEN_NORMAL, l->err)) return -1;
        t->kind[id] = flag(token, "special") ? LF_TOKEN_CONTROL : LF_TOKEN_USER;
        if (add_rule(l, (uint32_t)id, token)) return lf__in_file(l, "added_tokens_decoder");
    }
    return 0;
}

/* Added tokens are in the vocabulary, too, or follow it. */
static int place_added(lf_loader *l, const json_t *added)
{
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *token = json_array_get(added, i), *id = json_object_get(token, "id");
        const char *content = json_string_value(json_object_get(token, "content"));
        char where[64];
        snprintf(where, sizeof where, "added_tokens[%zu]", i);
        if (!content || !*content) return lf_error_set(l->err, LF_E_FORMAT, "%s: %s.content: expected a text", l->path, where);
        const json_t *known = json_object_get(l->vocab, content);
        if (!known && place(l, where, content, id)) return -1;
        if (known && (!json_is_integer(id) || json_integer_value(known) != json_integer_value(id)))
            return lf_error_set(l->err, LF_E_FORMAT, "%s: %s.id: \"%.80s\" has another id in model.vocab", l->path, where, content);
        uint8_t *kind = &l->kind[json_integer_value(id)];
        if (*kind != LF_TOKEN_NORMAL) return lf_error_set(l->err, LF_E_FORMAT, "%s: %s: \"%.80s\" is there twice", l->path, where, content);
        *kind = flag(token, "special") ? LF_TOKEN_CONTROL : LF_TOKEN_USER;
        if (add_rule(l, (uint32_t)json_integer_value(id), token)) return lf__in_file(l, where);
    }
    return 0;
}

/* The alphabet's characters of a key as bytes; elsewhere, and for added tokens, a key is its own bytes. */
int lf__loader_tokens(lf_loader *l)
{
    lf_buf bytes;
    int failed = 0;
    lf__buf_init(&bytes, LF_TOK_MAX_FILE);
    for (size_t id = 0; id < l->n && !failed; id++) {
        const char *p = l->key[id], *end = p ? p + strlen(p) : p;
        lf__buf_reset(&bytes);
        if (!p) {
            failed = lf_error_set(l->err, LF_E_FORMAT,
                                  "%s: model.vocab: no token has the id %zu, but %zu tokens are there: expected ids 0 to %zu", l->path, id,
                                  l->n, l->n - 1);
        } else if (p == end) {
            failed = lf_error_set(l->err, LF_E_FORMAT, "%s: model.vocab: token %zu is empty", l->path, id);
        } else if (l->kind[id] != LF_TOKEN_NORMAL || !l->t->byte_level) {
            failed = lf__tokenizer_add(l->t, p, (size_t)(end - p), LF_TOKEN_NORMAL, l->err);
        } else if (lf__from_alphabet(&bytes, p, (size_t)(end - p))) {
            failed =
                lf_error_set(l->err, LF_E_FORMAT, "%s: model.vocab: token %zu, \"%.80s\", is not in the alphabet of bytes", l->path, id, p);
        } else {
            failed = lf__tokenizer_add(l->t, bytes.data, bytes.len, LF_TOKEN_NORMAL, l->err);
        }
        if (failed) break;
        if (l->t->byte_fallback && l->kind[id] == LF_TOKEN_NORMAL && lf__byte_piece(p, (size_t)(end - p)) >= 0) l->kind[id] = LF_TOKEN_BYTE;
        l->t->kind[id] = l->kind[id];
    }
    lf__buf_release(&bytes);
    return failed ? -1 : 0;
}

/* ---- merges ---------------------------------------------------------------------------------------------------------------------- */

static int64_t plain_id(const lf_loader *l, const char *key)
{
    const json_t *id = json_object_get(l->vocab, key);
    const uint8_t kind = id ? l->kind[json_integer_value(id)] : LF_TOKEN_CONTROL;
    return kind == LF_TOKEN_NORMAL || kind == LF_TOKEN_USER ? json_integer_value(id) : -1;
}

/* left[0..n_left), right[0..n_right) as they are in the vocabulary; joined is room for both. */
static int add_merge(lf_loader *l, const char *where, const char *left, size_t n_left, const char *right, size_t n_right, lf_buf *joined)
{
    int64_t id[3];
    for (int part = 0; part < 3; part++) {
        lf__buf_reset(joined);
        if (part != 1) lf__buf_add(joined, left, n_left);
        if (part != 0) lf__buf_add(joined, right, n_right);
        if (joined->failed) return lf_error_set(l->err, LF_E_MEMORY, "%s: %s: out of memory", l->path, where);
        id[part] = joined->len ? plain_id(l, joined->data) : -1;
        if (id[part] < 0)
            return lf_error_set(l->err, LF_E_FORMAT, "%s: %s: %s \"%.80s\" is not in the vocabulary", l->path, where,
                                part == 0   ? "the left part"
                                : part == 1 ? "the right part"
                                            : "the result",
                                joined->len ? joined->data : "");
    }
    return lf__tokenizer_merge(l->t, (uint32_t)id[0], (uint32_t)id[1], (uint32_t)id[2], l->err);
}

int lf__loader_merge_line(lf_loader *l, const char *where, const char *line, size_t n, lf_buf *joined)
{
    const char *space = memchr(line, ' ', n);
    if (!space || memchr(space + 1, ' ', n - (size_t)(space + 1 - line)) || memchr(line, '\0', n))
        return lf_error_set(l->err, LF_E_FORMAT, "%s: %s: expected two tokens with one space between them, got \"%.*s\"", l->path, where,
                            (int)LF_MIN(n, (size_t)80), line);
    return add_merge(l, where, line, (size_t)(space - line), space + 1, n - (size_t)(space + 1 - line), joined);
}

/* Both forms of Hugging Face: "a b" and ["a", "b"]. */
static int add_merges(lf_loader *l, const json_t *merges)
{
    lf_buf joined;
    int failed = 0;
    lf__buf_init(&joined, LF_TOK_MAX_FILE);
    for (size_t i = 0; i < json_array_size(merges) && !failed; i++) {
        const json_t *m = json_array_get(merges, i), *left = json_array_get(m, 0), *right = json_array_get(m, 1);
        char where[64];
        snprintf(where, sizeof where, "model.merges[%zu]", i);
        if (json_is_string(m))
            failed = lf__loader_merge_line(l, where, json_string_value(m), json_string_length(m), &joined);
        else if (json_array_size(m) == 2 && json_is_string(left) && json_is_string(right))
            failed = add_merge(l, where, json_string_value(left), json_string_length(left), json_string_value(right),
                               json_string_length(right), &joined);
        else
            failed = lf_error_set(l->err, LF_E_FORMAT, "%s: %s: expected \"a b\" or [\"a\", \"b\"]", l->path, where);
    }
    lf__buf_release(&joined);
    return failed ? -1 : 0;
}

/* ---- the model -------------------------------------------------------------------------------------------------------------------- */

/* Fields whose default would be another tokenizer: null, false, "" or 0 is what we do. */
static const char *const must_be_nothing[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix"};

static bool every_key_is_a_character(const json_t *vocab, const json_t *added)
{
    const char *key;
    json_t *id;
    json_object_foreach((json_t *)vocab, key, id)
    {
        int32_t cp;
        bool one = *key && (size_t)lf__utf8_decode(key, key + strlen(key), &cp) == strlen(key);
        for (size_t i = 0; !one && i < json_array_size(added); i++) {
            const char *content = json_string_value(json_object_get(json_array_get(added, i), "content"));
            one = content && strcmp(content, key) == 0;
        }
        if (!one) return false;
    }
    return true;
}

/* Ours of mode "char": characters = BPE without merges over the text as it is, tokens joined ("Fuse"), and nothing for what is unknown. */
static bool is_char(const lf_loader *l, const json_t *model, const json_t *added)
{
    const lf_tokenizer *t = l->t;
    return t->pre.n == 0 && !t->split && t->normalizer.n == 0 && t->decoder.n == 1 && has_step(&t->decoder, "Fuse") &&
           json_array_size(json_object_get(model, "merges")) == 0 && says_nothing(json_object_get(model, "unk_token")) &&
           !t->byte_fallback && every_key_is_a_character(l->vocab, added);
}

static int read_bpe(lf_loader *l, const json_t *model, const json_t *added)
{
    const json_t *merges = json_object_get(model, "merges");
    const char *unk = json_string_value(json_object_get(model, "unk_token"));
    lf_tokenizer *t = l->t;
    char where[64];
    size_t n_more = 0;
    l->vocab = json_object_get(model, "vocab");
    if (!json_is_object(l->vocab)) return lf_error_set(l->err, LF_E_FORMAT, "%s: model.vocab: expected an object of token: id", l->path);
    if (!json_is_array(merges)) return lf_error_set(l->err, LF_E_FORMAT, "%s: model.merges: expected an array", l->path);
    for (size_t i = 0; i < LF_COUNT(must_be_nothing); i++) {
        const json_t *v = json_object_get(model, must_be_nothing[i]);
        snprintf(where, sizeof where, "model.%s", must_be_nothing[i]);
        if (!says_nothing(v)) return refuse(l, where, v, "null");
    }
    t->ignore_merges = flag(model, "ignore_merges");
    t->byte_fallback = flag(model, "byte_fallback") && !t->byte_level;
    t->fuse_unk = flag(model, "fuse_unk");
    for (size_t i = 0; i < json_array_size(added); i++) {
        const char *content = json_string_value(json_object_get(json_array_get(added, i), "content"));
        n_more += content && !json_object_get(l->vocab, content);
    }
    if (is_char(l, model, added)) t->model = &lf__model_char;
    if (lf__loader_place(l, n_more) || place_added(l, added) || lf__loader_tokens(l)) return -1;
    if (unk) {
        const json_t *id = json_object_get(l->vocab, unk);
        if (!id) return lf_error_set(l->err, LF_E_FORMAT, "%s: model.unk_token: \"%.80s\" is not in the vocabulary", l->path, unk);
        t->role[LF_ROLE_UNK] = (int32_t)json_integer_value(id);
    }
    return add_merges(l, merges);
}

/* "vocab": [["piece", -1.5], ...]; ids are places in it. */
static int read_pieces(lf_loader *l, const json_t *vocab)
{
    lf_tokenizer *t = l->t;
    for (size_t i = 0; i < json_array_size(vocab); i++) {
        const json_t *pair = json_array_get(vocab, i), *piece = json_array_get(pair, 0), *score = json_array_get(pair, 1);
        const char *text = json_string_value(piece);
        size_t n = json_string_length(piece);
        if (!text || !n || !json_is_number(score))
            return lf_error_set(l->err, LF_E_FORMAT, "%s: model.vocab[%zu]: expected [\"piece\", score]", l->path, i);
        int kind = t->byte_fallback && lf__byte_piece(text, n) >= 0 ? LF_TOKEN_BYTE : LF_TOKEN_NORMAL;
        if (lf__tokenizer_add(t, text, n, kind, l->err) || lf__tokenizer_score(t, (uint32_t)i, json_number_value(score), l->err))
            return lf__in_file(l, "model.vocab");
    }
    return t->n ? 0 : lf_error_set(l->err, LF_E_FORMAT, "%s: the vocabulary is empty", l->path);
}

/* Added tokens of a list of pieces: what is among them is marked, what follows them is added. Their texts are found before the model. */
static int add_to_pieces(lf_loader *l, const json_t *added)
{
    lf_tokenizer *t = l->t;
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *token = json_array_get(added, i), *id = json_object_get(token, "id");
        const char *content = json_string_value(json_object_get(token, "content"));
        char where[64];
        snprintf(where, sizeof where, "added_tokens[%zu]", i);
        if (!content || !*content || !json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > t->n)
            return lf_error_set(l->err, LF_E_FORMAT, "%s: %s: expected a content, and an id up to %u", l->path, where, t->n);
        uint32_t k = (uint32_t)json_integer_value(id);
        size_t n;
        bool follows = k == t->n;
        if (follows && (lf__tokenizer_add(t, content, strlen(content), LF_TOKEN_NORMAL, l->err) || lf__tokenizer_score(t, k, 0, l->err)))
            return lf__in_file(l, where);
        const char *bytes = lf__token_bytes(t, k, &n);
        if (n != strlen(content) || memcmp(bytes, content, n) != 0)
            return lf_error_set(l->err, LF_E_FORMAT, "%s: %s: \"%.80s\" is not piece %u", l->path, where, content, k);
        if (t->kind[k] != LF_TOKEN_UNKNOWN && (follows || flag(token, "special")))
            t->kind[k] = flag(token, "special") ? LF_TOKEN_CONTROL : LF_TOKEN_UNUSED; /* not a piece of the model's */
        if (add_rule(l, k, token)) return lf__in_file(l, where);
    }
    return 0;
}

static int read_unigram(lf_loader *l, const json_t *model, const json_t *added)
{
    lf_tokenizer *t = l->t;
    const json_t *unk = json_object_get(model, "unk_id"), *vocab = json_object_get(model, "vocab");
    t->model = &lf__model_unigram;
    t->byte_fallback = flag(model, "byte_fallback");
    t->fuse_unk = true;
    if (t->byte_level) return refuse(l, "model", model, "BPE with a pre-tokenizer of bytes");
    if (!json_is_array(vocab)) return lf_error_set(l->err, LF_E_FORMAT, "%s: model.vocab: expected an array of [piece, score]", l->path);
    if (read_pieces(l, vocab)) return -1;
    if (!json_is_integer(unk) || json_integer_value(unk) < 0 || json_integer_value(unk) >= t->n)
        return lf_error_set(l->err, LF_E_FORMAT, "%s: model.unk_id: expected the id of the unknown piece", l->path);
    t->role[LF_ROLE_UNK] = (int32_t)json_integer_value(unk);
    t->kind[t->role[LF_ROLE_UNK]] = LF_TOKEN_UNKNOWN;
    return add_to_pieces(l, added) || lf__sp_adopt(t, l->err) ? -1 : 0;
}

static int read_model(lf_loader *l, const json_t *root)
{
    const json_t *model = json_object_get(root, "model"), *type = json_object_get(model, "type");
    const json_t *added = json_object_get(root, "added_tokens");
    if (added && !json_is_array(added)) return lf_error_set(l->err, LF_E_FORMAT, "%s: added_tokens: expected an array", l->path);
    if (!type || strcmp(type_of(model), "BPE") == 0) return read_bpe(l, model, added);
    return read_unigram(l, model, added);
}

/* First of all: the stages of other models (WordPiece, WordLevel) are refused by the wrong name. */
static int refuse_model(const lf_loader *l, const json_t *model)
{
    const json_t *type = json_object_get(model, "type");
    if (!type || strcmp(type_of(model), "BPE") == 0 || strcmp(type_of(model), "Unigram") == 0) return 0;
    return refuse(l, "model", json_is_string(type) ? model : type, "BPE or Unigram");
}

/* An unknown token is of no use where every byte has its own. */
static void settle_unknown(lf_tokenizer *t)
{
    int32_t *unk = &t->role[LF_ROLE_UNK];
    bool seen[256] = {false};
    int found = 0;
    if (*unk < 0) return;
    for (uint32_t id = 0; id < t->n && t->byte_level; id++) {
        size_t n;
        const char *bytes = lf__token_bytes(t, id, &n);
        if (n != 1 || t->kind[id] != LF_TOKEN_NORMAL || seen[(uint8_t)*bytes]) continue;
        seen[(uint8_t)*bytes] = true;
        found++;
    }
    if (found == 256)
        *unk = -1;
    else
        t->kind[*unk] = LF_TOKEN_UNKNOWN;
}

int lf__loader_document(lf_loader *l, const json_t *root)
{
    if (!json_is_object(json_object_get(root, "model")))
        return lf_error_set(l->err, LF_E_FORMAT, "%s: model: expected an object; this is not a tokenizer.json", l->path);
    if (refuse_model(l, json_object_get(root, "model")) || read_stages(l, root) || read_model(l, root) ||
        read_post(l, json_object_get(root, "post_processor"), 0))
        return -1;
    settle_unknown(l->t);
    return 0;
}

lf_tokenizer *lf__load_json(const char *path, lf_error *err)
{
    lf_loader l = {.path = path, .err = err};
    json_t *root = NULL;
    int failed = lf__loader_config(&l, path) || !(root = lf__json_load(path, LF_TOK_MAX_FILE, err)) ||
                 !(l.t = lf__tokenizer_new(&lf__model_bpe, NULL, err)) || lf__loader_document(&l, root);
    lf_tokenizer *t = lf__loader_finish(&l, failed);
    json_decref(root);
    return t;
}
