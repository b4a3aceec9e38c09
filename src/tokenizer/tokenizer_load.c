/* tokenizer_load.c - Hugging Face's tokenizer.json and GPT-2's vocab.json + merges.txt to a tokenizer.
 *
 * Everything a file says is checked: ids are 0..n-1 without gap or repetition, every merge joins two known tokens into a known one, and a
 * feature that would change the ids but is not done here is refused by its name. Batch settings (truncation, padding) are not ours and
 * pass. */
#include "tokenizer/tokenizer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct loader {
    const char *path; /* for messages: the file that is being read */
    lf_error *err;
    json_t *vocab; /* key to id; borrowed */
    lf_tokenizer *t;
    const char **key; /* [n] text of each id; borrowed from the documents */
    uint8_t *special; /* [n] */
    size_t n;
} loader;

/* Puts the file before a sentence of the functions that know no files. */
static int in_file(const loader *l)
{
    if (!l->err) return -1;
    lf_error inner = *l->err;
    lf_error_reset(l->err);
    lf_error_set(l->err, inner.code, "%.400s: %.600s", l->path, inner.message);
    if (inner.hint[0]) lf_error_hint(l->err, "%s", inner.hint);
    return -1;
}

/* ---- what is refused ---------------------------------------------------------------------------------------------------------- */

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

static int refuse(const loader *l, const char *where, const json_t *value, const char *expected)
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

static int check_byte_level(const loader *l, const json_t *pre)
{
    const json_t *prefix = json_object_get(pre, "add_prefix_space"), *regex = json_object_get(pre, "use_regex");
    if (strcmp(type_of(pre), "ByteLevel") != 0) return refuse(l, "pre_tokenizer", pre, "ByteLevel");
    if (!json_is_false(prefix)) return refuse(l, "pre_tokenizer.add_prefix_space", prefix ? prefix : json_true(), "false");
    if (regex && !json_is_true(regex)) return refuse(l, "pre_tokenizer.use_regex", regex, "true");
    return 0;
}

/* Fields whose default would be another tokenizer: null, false, "" or 0 is what we do. */
static const char *const must_be_nothing[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback",
                                              "ignore_merges"};

/* Which mode a document is: BPE over bytes, or characters = BPE without merges over the text as it is, tokens joined ("Fuse"). */
static int check_features(const loader *l, const json_t *root, const json_t *model, bool *chars)
{
    const json_t *normalizer = json_object_get(root, "normalizer"), *pre = json_object_get(root, "pre_tokenizer");
    const json_t *post = json_object_get(root, "post_processor"), *decoder = json_object_get(root, "decoder");
    const json_t *type = json_object_get(model, "type"), *merges = json_object_get(model, "merges");
    char where[64];
    if (type && strcmp(type_of(model), "BPE") != 0) return refuse(l, "model", json_is_string(type) ? model : type, "BPE");
    if (!json_is_object(l->vocab)) return lf_error_set(l->err, LF_E_FORMAT, "%s: model.vocab: expected an object of token: id", l->path);
    if (!json_is_array(merges)) return lf_error_set(l->err, LF_E_FORMAT, "%s: model.merges: expected an array", l->path);
    for (size_t i = 0; i < LF_COUNT(must_be_nothing); i++) {
        const json_t *v = json_object_get(model, must_be_nothing[i]);
        snprintf(where, sizeof where, "model.%s", must_be_nothing[i]);
        if (!says_nothing(v)) return refuse(l, where, v, "null");
    }
    if (!says_nothing(normalizer)) return refuse(l, "normalizer", normalizer, "null");
    if (!says_nothing(post) && strcmp(type_of(post), "ByteLevel") != 0) return refuse(l, "post_processor", post, "null or ByteLevel");
    *chars = says_nothing(pre) && json_array_size(merges) == 0 && strcmp(type_of(decoder), "Fuse") == 0;
    if (*chars) return 0;
    if (says_nothing(pre))
        return lf_error_set(l->err, LF_E_UNSUPPORTED, "%s: pre_tokenizer: none is not supported: expected ByteLevel", l->path);
    if (check_byte_level(l, pre)) return -1;
    if (says_nothing(decoder))
        return lf_error_set(l->err, LF_E_UNSUPPORTED, "%s: decoder: none is not supported: expected ByteLevel", l->path);
    return strcmp(type_of(decoder), "ByteLevel") != 0 ? refuse(l, "decoder", decoder, "ByteLevel") : 0;
}

/* ---- tokens -------------------------------------------------------------------------------------------------------------------- */

static int place(loader *l, const char *where, const char *key, const json_t *id)
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

static int place_vocab(loader *l, size_t n_more)
{
    const char *key;
    json_t *id;
    l->n = json_object_size(l->vocab) + n_more;
    if (l->n > LF_TOK_MAX_IDS)
        return lf_error_set(l->err, LF_E_LIMIT, "%s: a vocabulary of %zu tokens is more than the limit of %d", l->path, l->n,
                            LF_TOK_MAX_IDS);
    if (l->n == 0) return lf_error_set(l->err, LF_E_FORMAT, "%s: the vocabulary is empty", l->path);
    l->key = lf__calloc(l->n, sizeof *l->key, l->err);
    l->special = lf__calloc(l->n, 1, l->err);
    if (!l->key || !l->special) return -1;
    json_object_foreach(l->vocab, key, id) if (place(l, "model.vocab", key, id)) return -1;
    return 0;
}

static const char *const must_be_false[] = {"single_word", "lstrip", "rstrip"};

/* Added tokens are in the vocabulary, too, or follow it. */
static int place_added(loader *l, const json_t *added)
{
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *token = json_array_get(added, i), *id = json_object_get(token, "id");
        const char *content = json_string_value(json_object_get(token, "content"));
        char where[64];
        snprintf(where, sizeof where, "added_tokens[%zu]", i);
        if (!content || !*content) return lf_error_set(l->err, LF_E_FORMAT, "%s: %s.content: expected a text", l->path, where);
        if (!json_is_true(json_object_get(token, "special")))
            return lf_error_set(l->err, LF_E_UNSUPPORTED, "%s: %s: \"%.80s\" is added but not special, which is not supported", l->path,
                                where, content);
        for (size_t k = 0; k < LF_COUNT(must_be_false); k++)
            if (!says_nothing(json_object_get(token, must_be_false[k])))
                return lf_error_set(l->err, LF_E_UNSUPPORTED, "%s: %s: \"%.80s\" with %s is not supported: expected false", l->path, where,
                                    content, must_be_false[k]);
        const json_t *known = json_object_get(l->vocab, content);
        if (!known && place(l, where, content, id)) return -1;
        if (known && (!json_is_integer(id) || json_integer_value(known) != json_integer_value(id)))
            return lf_error_set(l->err, LF_E_FORMAT, "%s: %s.id: \"%.80s\" has another id in model.vocab", l->path, where, content);
        if (l->special[json_integer_value(id)])
            return lf_error_set(l->err, LF_E_FORMAT, "%s: %s: \"%.80s\" is there twice", l->path, where, content);
        l->special[json_integer_value(id)] = 1;
    }
    return 0;
}

/* The alphabet's characters of a key as bytes. A key of a character vocabulary, and a special token's text, is its own bytes. */
static int add_tokens(loader *l)
{
    lf_buf bytes;
    int failed = 0;
    lf__buf_init(&bytes, LF_TOK_MAX_FILE);
    for (size_t id = 0; id < l->n && !failed; id++) {
        const char *p = l->key[id], *end = p ? p + strlen(p) : p;
        if (!p) {
            failed = lf_error_set(l->err, LF_E_FORMAT,
                                  "%s: model.vocab: no token has the id %zu, but %zu tokens are there: expected ids 0 to %zu", l->path, id,
                                  l->n, l->n - 1);
        } else if (p == end) {
            failed = lf_error_set(l->err, LF_E_FORMAT, "%s: model.vocab: token %zu is empty", l->path, id);
        } else if (l->special[id] || l->t->chars) {
            failed = lf__tokenizer_add(l->t, p, (size_t)(end - p), l->special[id], l->err);
        } else {
            lf__buf_reset(&bytes);
            while (p < end && !failed) {
                int32_t cp;
                p += lf__utf8_decode(p, end, &cp);
                int byte = lf__alphabet_to_byte(cp);
                uint8_t value = (uint8_t)byte;
                if (byte < 0)
                    failed = lf_error_set(l->err, LF_E_FORMAT, "%s: model.vocab: token %zu, \"%.80s\", is not in the alphabet of bytes",
                                          l->path, id, l->key[id]);
                else if (lf__buf_add(&bytes, &value, 1))
                    failed = lf_error_set(l->err, LF_E_MEMORY, "%s: out of memory for the tokens", l->path);
            }
            if (!failed) failed = lf__tokenizer_add(l->t, bytes.data, bytes.len, false, l->err);
        }
    }
    lf__buf_release(&bytes);
    return failed ? -1 : 0;
}

/* ---- merges ---------------------------------------------------------------------------------------------------------------------- */

static int64_t plain_id(const loader *l, const char *key)
{
    const json_t *id = json_object_get(l->vocab, key);
    if (!id || l->special[json_integer_value(id)]) return -1;
    return json_integer_value(id);
}

/* left[0..n_left), right[0..n_right) in the alphabet; joined is room for both. */
static int add_merge(loader *l, const char *where, const char *left, size_t n_left, const char *right, size_t n_right, lf_buf *joined)
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

static int add_merge_line(loader *l, const char *where, const char *line, size_t n, lf_buf *joined)
{
    const char *space = memchr(line, ' ', n);
    if (!space || memchr(space + 1, ' ', n - (size_t)(space + 1 - line)) || memchr(line, '\0', n))
        return lf_error_set(l->err, LF_E_FORMAT, "%s: %s: expected two tokens with one space between them, got \"%.*s\"", l->path, where,
                            (int)LF_MIN(n, (size_t)80), line);
    return add_merge(l, where, line, (size_t)(space - line), space + 1, n - (size_t)(space + 1 - line), joined);
}

/* Both forms of Hugging Face: "a b" and ["a", "b"]. */
static int add_merges(loader *l, const json_t *merges)
{
    lf_buf joined;
    int failed = 0;
    lf__buf_init(&joined, LF_TOK_MAX_FILE);
    for (size_t i = 0; i < json_array_size(merges) && !failed; i++) {
        const json_t *m = json_array_get(merges, i), *left = json_array_get(m, 0), *right = json_array_get(m, 1);
        char where[64];
        snprintf(where, sizeof where, "model.merges[%zu]", i);
        if (json_is_string(m))
            failed = add_merge_line(l, where, json_string_value(m), json_string_length(m), &joined);
        else if (json_array_size(m) == 2 && json_is_string(left) && json_is_string(right))
            failed = add_merge(l, where, json_string_value(left), json_string_length(left), json_string_value(right),
                               json_string_length(right), &joined);
        else
            failed = lf_error_set(l->err, LF_E_FORMAT, "%s: %s: expected \"a b\" or [\"a\", \"b\"]", l->path, where);
    }
    lf__buf_release(&joined);
    return failed ? -1 : 0;
}

static int add_merge_lines(loader *l, const lf_buf *text)
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
        failed = add_merge_line(l, where, p, n, &joined);
    }
    lf__buf_release(&joined);
    return failed ? -1 : 0;
}

/* ---- files ---------------------------------------------------------------------------------------------------------------------- */

/* eos_token of the tokenizer_config.json in dir: a text or {"content": text}. *document keeps it alive. NULL: none. */
static int find_end(const char *dir, json_t **document, const char **end, lf_error *err)
{
    char path[LF_PATH_MAX];
    *document = NULL, *end = NULL;
    if (lf__path_join(path, dir, "tokenizer_config.json", err)) return -1;
    if (!lf__path_exists(path)) return 0;
    *document = lf__json_load(path, LF_TOK_MAX_FILE, err);
    if (!*document) return -1;
    const json_t *token = json_object_get(*document, "eos_token");
    *end = json_string_value(json_is_object(token) ? json_object_get(token, "content") : token);
    if (token && !json_is_null(token) && !*end)
        return lf_error_set(err, LF_E_FORMAT, "%s: eos_token: expected a text or {\"content\": text}", path);
    return 0;
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

static lf_tokenizer *finish(loader *l, int failed, const char *end)
{
    if (!failed && end && lf_tokenizer_special(l->t, end) < 0)
        failed =
            lf_error_set(l->err, LF_E_MISMATCH,
                         "%s: tokenizer_config.json beside it names eos_token \"%.80s\", which is not a special token here", l->path, end);
    if (!failed) {
        bool ours = lf_tokenizer_special(l->t, LF_END_TOKEN) >= 0;
        size_t n;
        char only[256];
        if (!end && ours) end = LF_END_TOKEN;
        if (!end && l->t->n_specials == 1) { /* the only special token there is: what else could it be for */
            const char *bytes = lf__token_bytes(l->t, l->t->specials[0], &n);
            if (n < sizeof only) end = memcpy(only, bytes, n), only[n] = 0;
        }
        if (lf__tokenizer_seal(l->t, end, l->err)) failed = in_file(l);
    }
    free(l->key), free(l->special);
    if (failed) lf_tokenizer_free(&l->t);
    return l->t;
}

static lf_tokenizer *load_json(const char *path, lf_error *err)
{
    char dir[LF_PATH_MAX];
    json_t *config = NULL, *root = NULL;
    const char *end = NULL;
    loader l = {.path = path, .err = err};
    bool chars = false;
    int failed = folder_of(dir, path, err) || find_end(dir, &config, &end, err);
    if (!failed) failed = !(root = lf__json_load(path, LF_TOK_MAX_FILE, err));
    if (!failed) {
        const json_t *model = json_object_get(root, "model"), *added = json_object_get(root, "added_tokens");
        size_t n_more = 0;
        l.vocab = json_object_get(model, "vocab");
        if (!json_is_object(model))
            failed = lf_error_set(err, LF_E_FORMAT, "%s: model: expected an object; this is not a tokenizer.json", path);
        else if (added && !json_is_array(added))
            failed = lf_error_set(err, LF_E_FORMAT, "%s: added_tokens: expected an array", path);
        if (!failed) failed = check_features(&l, root, model, &chars);
        for (size_t i = 0; !failed && i < json_array_size(added); i++) {
            const char *content = json_string_value(json_object_get(json_array_get(added, i), "content"));
            n_more += content && !json_object_get(l.vocab, content);
        }
        failed = failed || place_vocab(&l, n_more) || place_added(&l, added) ||
                 !(l.t = lf__tokenizer_new(chars ? "char" : "bpe", "gpt2", err)) || add_tokens(&l) ||
                 add_merges(&l, json_object_get(model, "merges"));
    }
    lf_tokenizer *t = finish(&l, failed, end);
    json_decref(root);
    json_decref(config);
    return t;
}

lf_tokenizer *lf_tokenizer_load_gpt2(const char *vocab_json, const char *merges_txt, lf_error *err)
{
    char dir[LF_PATH_MAX];
    json_t *config = NULL, *root = NULL;
    const char *end = NULL;
    lf_buf text;
    loader l = {.path = vocab_json, .err = err};
    lf__buf_init(&text, LF_TOK_MAX_FILE);
    int failed =
        folder_of(dir, vocab_json, err) || find_end(dir, &config, &end, err) || lf__read_file(&text, merges_txt, LF_TOK_MAX_FILE, err);
    if (!failed) failed = !(root = l.vocab = lf__json_load(vocab_json, LF_TOK_MAX_FILE, err));
    if (!failed && !json_is_object(root)) failed = lf_error_set(err, LF_E_FORMAT, "%s: expected an object of token: id", vocab_json);
    failed = failed || place_vocab(&l, 0);
    if (!failed) { /* these files do not say which tokens are special: the one that ends documents is */
        const json_t *id = json_object_get(l.vocab, end ? end : LF_END_TOKEN);
        if (id) l.special[json_integer_value(id)] = 1;
        l.t = lf__tokenizer_new("bpe", "gpt2", err);
        failed = !l.t || add_tokens(&l);
        l.path = merges_txt;
        failed = failed || add_merge_lines(&l, &text);
        l.path = vocab_json;
    }
    lf_tokenizer *t = finish(&l, failed, end);
    json_decref(root);
    json_decref(config);
    lf__buf_release(&text);
    return t;
}

lf_tokenizer *lf_tokenizer_load(const char *path, lf_error *err)
{
    char json[LF_PATH_MAX], vocab[LF_PATH_MAX], merges[LF_PATH_MAX];
    if (!lf__path_is_dir(path)) {
        if (!lf__path_exists(path)) {
            lf_error_set(err, LF_E_NOT_FOUND, "%s: there is no such tokenizer: expected a folder with tokenizer.json", path);
            lf_error_hint(err, "foundry tokenizer train FILES... --vocab-size 4096 -o %s", path);
            return NULL;
        }
        return load_json(path, err);
    }
    if (lf__path_join(json, path, "tokenizer.json", err) || lf__path_join(vocab, path, "vocab.json", err) ||
        lf__path_join(merges, path, "merges.txt", err))
        return NULL;
    if (lf__path_exists(json)) return load_json(json, err);
    if (lf__path_exists(vocab) && lf__path_exists(merges)) return lf_tokenizer_load_gpt2(vocab, merges, err);
    lf_error_set(err, LF_E_NOT_FOUND, "%s: no tokenizer in this folder: expected tokenizer.json, or vocab.json and merges.txt", path);
    lf_error_hint(err, "foundry tokenizer train FILES... --vocab-size 4096 -o %s", path);
    return NULL;
}
