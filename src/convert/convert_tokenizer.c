/* convert_tokenizer.c - what goes along with the weights: tokenizer files, the chat template, the vocabulary in a GGUF file. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "convert/convert.h"
#include "tokenizer/tokenizer.h"

enum { FILE_MAX = 1 << 28 };

static const char *const files[] = {
    "tokenizer.json",          "tokenizer_config.json", "tokenizer.model",       "vocab.json", "merges.txt", "added_tokens.json",
    "special_tokens_map.json", "chat_template.jinja",   "generation_config.json"};

int lf__copy_tokenizer(const char *to, const char *from, char *list, size_t size, lf_error *err)
{
    for (size_t i = 0; i < LF_COUNT(files); i++) {
        char path[LF_PATH_MAX];
        lf_buf text;
        if (lf__path_inside(path, from, files[i], err)) return -1;
        if (!lf__path_exists(path)) continue;
        lf__buf_init(&text, FILE_MAX);
        int status = lf__read_file(&text, path, FILE_MAX, err) || lf__path_join(path, to, files[i], err) ||
                             lf__write_file(path, text.len ? text.data : "", text.len, err)
                         ? -1
                         : 0;
        lf__buf_release(&text);
        if (status) return -1;
        snprintf(list + strlen(list), size - strlen(list), "%s%s", list[0] ? ", " : "", files[i]);
    }
    return 0;
}

/* The template called "default" of a list of {name, template}, or a plain string. */
static const char *template_in(const json_t *value)
{
    size_t i;
    json_t *item;
    if (json_is_string(value)) return json_string_value(value);
    json_array_foreach(value, i, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));
        if (name && strcmp(name, "default") == 0) return json_string_value(json_object_get(item, "template"));
    }
    return NULL;
}

char *lf__chat_template(const char *dir, lf_error *err)
{
    char path[LF_PATH_MAX];
    char *out = NULL;
    if (lf__path_inside(path, dir, "chat_template.jinja", err)) return NULL;
    if (lf__path_exists(path)) {
        lf_buf text;
        lf__buf_init(&text, 1 << 20);
        if (lf__read_file(&text, path, 1 << 20, err) == 0) out = lf__strdup(text.len ? text.data : "", err);
        lf__buf_release(&text);
        return out;
    }
    if (lf__path_inside(path, dir, "tokenizer_config.json", err) || !lf__path_exists(path)) return NULL;
    json_t *config = lf__json_load(path, FILE_MAX, err);
    const char *text = config ? template_in(json_object_get(config, "chat_template")) : NULL;
    if (text) out = lf__strdup(text, err);
    if (config) json_decref(config);
    return out;
}

/* Pairs of another file, as they are. */
static void copy_pairs(lf_gguf_meta *meta, const lf_gguf *g)
{
    for (size_t i = 0; i < g->n_pairs; i++)
        if (strncmp(g->pairs[i].key, "tokenizer.", 10) == 0) lf__gguf_put_value(meta, g->pairs[i].key, &g->pairs[i].value);
}

/* The tokenizer of a folder, or the tokenizer.bin beside a model of llama2.c; NULL: none, *why has the reason. */
static lf_tokenizer *find_tokenizer(const char *path, const lf_source *source, lf_error *why)
{
    char file[LF_PATH_MAX], dir[LF_PATH_MAX];
    if (!source->weights.llama2c) return lf__path_is_dir(path) ? lf_tokenizer_load(path, why) : NULL;
    snprintf(dir, sizeof dir, "%.*s", (int)(lf__path_name(path) - path), path);
    if (lf__path_join(file, dir, "tokenizer.bin", why) || !lf__path_exists(file)) return NULL;
    return lf_tokenizer_load(file, why);
}

static bool fits(const lf_tokenizer *t, const lf_source *source, lf_error *why)
{
    if (lf_tokenizer_size(t) <= source->model->config.vocab_size) return true;
    lf_error_set(why, LF_E_MISMATCH, "it has %d tokens, the model only %lld", lf_tokenizer_size(t),
                 (long long)source->model->config.vocab_size);
    return false;
}

static void say_tokenizer(lf_convert_report *report, const lf_tokenizer *t)
{
    snprintf(report->tokenizer, sizeof report->tokenizer, "%s, %d tokens", lf_tokenizer_mode(t), lf_tokenizer_size(t));
}

/* The folder's tokenizer, where it has one that the format can say. Else a vocabulary of numbers alone: others still load the weights. */
int lf__tokenizer_to_gguf(lf_gguf_meta *meta, const char *path, const lf_source *source, lf_convert_report *report, lf_error *err)
{
    lf_error why = {0};
    if (source->weights.gguf) {
        copy_pairs(meta, source->weights.gguf);
        snprintf(report->tokenizer, sizeof report->tokenizer, "as in the source");
        return 0;
    }
    lf_tokenizer *t = find_tokenizer(path, source, &why);
    size_t before = meta->bytes.len;
    uint64_t pairs = meta->n;
    if (t && fits(t, source, &why) && lf__tokenizer_put_gguf(meta, t, (int)source->model->config.vocab_size, &why) == 0)
        say_tokenizer(report, t);
    lf_tokenizer_free(&t);
    if (!report->tokenizer[0]) {
        meta->bytes.len = before, meta->n = pairs; /* nothing half-said */
        lf__log(LF_LOG_WARNING, "no tokenizer came along: %s%s", why.message[0] ? why.message : path, why.message[0] ? "" : " has none");
        lf__gguf_put_text(meta, "tokenizer.ggml.model", "none", 4);
        return 0;
    }
    char *chat = lf__chat_template(path, err);
    if (chat) lf__gguf_put_text(meta, "tokenizer.chat_template", chat, strlen(chat));
    free(chat);
    return err && err->code ? -1 : 0;
}

int lf__tokenizer_from_gguf(const char *dir, const lf_gguf *g, lf_convert_report *report, lf_error *err)
{
    lf_error why = {0};
    char path[LF_PATH_MAX];
    const char *chat = NULL;
    size_t n = 0;
    lf_tokenizer *t = lf__tokenizer_get_gguf(g, &why);
    int status = t ? lf_tokenizer_save(t, dir, err) : 0;
    if (t && !status) say_tokenizer(report, t);
    if (!t) lf__log(LF_LOG_WARNING, "%s", why.message);
    lf_tokenizer_free(&t);
    if (status || lf__gguf_get_text(g, "tokenizer.chat_template", &chat, &n, err)) return -1;
    if (!chat) return 0;
    return lf__path_join(path, dir, "chat_template.jinja", err) || lf__write_file(path, chat, n, err) ? -1 : 0;
}

int lf__tokenizer_from_llama2c(const char *dir, const char *path, const lf_source *source, lf_convert_report *report, lf_error *err)
{
    lf_error why = {0};
    lf_tokenizer *t = find_tokenizer(path, source, &why);
    int status = t && fits(t, source, &why) ? lf_tokenizer_save(t, dir, err) : 0;
    if (t && !why.code && !status) say_tokenizer(report, t);
    if (why.code) lf__log(LF_LOG_WARNING, "%s", why.message);
    lf_tokenizer_free(&t);
    return status;
}
