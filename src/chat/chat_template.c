/* chat_template.c - where templates are found, and a conversation put through one: the public face of this folder (foundry/chat.h). An
 * open template owns its parsed sources and the folder's special tokens; a render owns nothing that outlives it but its result. */
#include "chat/jinja.h"
#include "formats/formats.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG_MAX = 64 << 20, DEFAULT_STEPS = 10000000, DEFAULT_DEPTH = 400, DEFAULT_OUTPUT = 4 << 20, DEFAULT_MEMORY = 40 << 20 };

struct lf_chat_template {
    j_template plain, with_tools; /* with_tools.name is NULL where there is only one */
    char *specials[7];            /* texts, as special_names has them; NULL = the model has none */
};

/* ---- finding it ---------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *gguf_key;
} special_names[] = {{"bos_token", "tokenizer.ggml.bos_token_id"},     {"eos_token", "tokenizer.ggml.eos_token_id"},
                     {"unk_token", "tokenizer.ggml.unknown_token_id"}, {"sep_token", "tokenizer.ggml.seperator_token_id"},
                     {"pad_token", "tokenizer.ggml.padding_token_id"}, {"cls_token", "tokenizer.ggml.cls_token_id"},
                     {"mask_token", "tokenizer.ggml.mask_token_id"}};
enum { SPECIALS = LF_COUNT(special_names) };

/* The first to say what a special token is has said it. */
static int add_special(lf_chat_template *t, size_t which, const char *text, size_t n, lf_error *err)
{
    if (t->specials[which]) return 0;
    char *copy = lf__calloc(n + 1, 1, err);
    if (!copy) return -1;
    memcpy(copy, text, n);
    t->specials[which] = copy;
    return 0;
}

/* "bos_token": "<s>", or an object with its "content". */
static int read_specials(lf_chat_template *t, json_t *config, lf_error *err)
{
    for (size_t i = 0; i < SPECIALS; i++) {
        json_t *value = json_object_get(config, special_names[i].name);
        if (json_is_object(value)) value = json_object_get(value, "content");
        if (json_is_string(value) && add_special(t, i, json_string_value(value), json_string_length(value), err)) return -1;
    }
    return 0;
}

static json_t *load_if_there(const char *dir, const char *name, bool *failed, lf_error *err)
{
    char path[LF_PATH_MAX];
    json_t *root = NULL;
    if (lf__path_inside(path, dir, name, err)) return *failed = true, NULL;
    if (!lf__path_exists(path)) return NULL;
    root = lf__json_load(path, CONFIG_MAX, err);
    if (root && !json_is_object(root)) {
        lf_error_set(err, LF_E_FORMAT, "%s: expected an object", path);
        json_decref(root);
        root = NULL;
    }
    *failed |= !root;
    return root;
}

/* DIR/chat_template.jinja, or DIR/additional_chat_templates/NAME.jinja. 1 = parsed, 0 = no such file, -1. */
static int parse_file(j_template *t, const char *dir, const char *name, lf_error *err)
{
    char path[LF_PATH_MAX], file[256];
    lf_buf text;
    if (name && (strlen(name) > 200 || strchr(name, '/'))) return 0;
    snprintf(file, sizeof file, name ? "additional_chat_templates/%s.jinja" : "chat_template.jinja", name);
    if (lf__path_inside(path, dir, file, err)) return -1;
    if (!lf__path_exists(path)) return 0;
    lf__buf_init(&text, J_SOURCE_MAX + 1);
    int rc = lf__read_file(&text, path, J_SOURCE_MAX, err) || lf__j_parse(t, text.data ? text.data : "", text.len, path, err) ? -1 : 1;
    lf__buf_release(&text);
    return rc;
}

/* chat_template of tokenizer_config.json: a text (which is "default"), or [{"name": .., "template": ..}]. The same results. */
static int parse_config(j_template *t, const char *dir, json_t *config, const char *name, lf_error *err)
{
    char path[LF_PATH_MAX];
    json_t *value = json_object_get(config, "chat_template"), *item, *found = NULL;
    size_t i;
    if (lf__path_join(path, dir, "tokenizer_config.json: chat_template", err)) return -1;
    json_array_foreach(value, i, item)
    {
        const char *its_name = json_string_value(json_object_get(item, "name"));
        if (!its_name || !json_is_string(json_object_get(item, "template")))
            return lf_error_set(err, LF_E_FORMAT, "%s: item %zu: expected a \"name\" and a \"template\"", path, i);
        if (strcmp(its_name, name) == 0) found = json_object_get(item, "template");
    }
    if (!json_is_array(value) && strcmp(name, "default") == 0) found = value;
    if (!found || json_is_null(found)) return 0;
    if (!json_is_string(found)) return lf_error_set(err, LF_E_FORMAT, "%s: expected a text or a list of named texts", path);
    return lf__j_parse(t, json_string_value(found), json_string_length(found), path, err) ? -1 : 1;
}

static int parse_named(j_template *t, const char *dir, json_t *config, const char *name, lf_error *err)
{
    int rc = parse_file(t, dir, strcmp(name, "default") == 0 ? NULL : name, err);
    return rc ? rc : parse_config(t, dir, config, name, err);
}

/* A folder's special tokens into t. Returns its tokenizer_config.json, NULL where there is none. */
static json_t *read_folder(lf_chat_template *t, const char *dir, bool *failed, lf_error *err)
{
    json_t *config = load_if_there(dir, "tokenizer_config.json", failed, err);
    json_t *map = *failed ? NULL : load_if_there(dir, "special_tokens_map.json", failed, err);
    *failed = *failed || read_specials(t, config, err) || read_specials(t, map, err);
    json_decref(map);
    return config;
}

/* The template of a folder into t. 1, 0 = it has none, -1. */
static int open_folder(lf_chat_template *t, const char *dir, const char *name, lf_error *err)
{
    bool failed = false;
    json_t *config = read_folder(t, dir, &failed, err);
    int rc = failed ? -1 : 0;
    if (rc == 0) rc = parse_named(&t->plain, dir, config, name ? name : "default", err);
    if (rc >= 0 && !name) {
        int tools = parse_named(&t->with_tools, dir, config, "tool_use", err);
        rc = tools < 0 ? -1 : rc | tools;
    }
    json_decref(config);
    return rc;
}

/* "tokenizer.chat_template", or "tokenizer.chat_template.NAME". 1, 0, -1. */
static int parse_gguf(j_template *t, const lf_gguf *g, const char *path, const char *name, lf_error *err)
{
    char key[256], where[LF_PATH_MAX + 256];
    const char *text = NULL;
    size_t n = 0;
    snprintf(key, sizeof key, "tokenizer.chat_template%s%.200s", strcmp(name, "default") == 0 ? "" : ".",
             strcmp(name, "default") == 0 ? "" : name);
    snprintf(where, sizeof where, "%s: %s", path, key);
    if (lf__gguf_get_text(g, key, &text, &n, err)) return -1;
    return !text ? 0 : lf__j_parse(t, text, n, where, err) ? -1 : 1;
}

/* The special tokens of a GGUF file: they are ids there. */
static int read_gguf(lf_chat_template *t, const lf_gguf *g, lf_error *err)
{
    lf_gguf_value tokens = {0}, token;
    lf_gguf_cursor at = {0};
    int64_t ids[SPECIALS];
    int rc = lf__gguf_get_array(g, "tokenizer.ggml.tokens", LF_GGUF_TEXT, &tokens, err);
    for (size_t i = 0; i < SPECIALS && !rc; i++) {
        ids[i] = -1;
        rc = lf__gguf_get_int(g, special_names[i].gguf_key, 0, INT32_MAX, &ids[i], err);
    }
    for (int64_t id = 0; !rc && tokens.data && lf__gguf_next(&tokens, &at, &token); id++)
        for (size_t i = 0; i < SPECIALS && !rc; i++)
            if (ids[i] == id) rc = add_special(t, i, (const char *)token.data, (size_t)token.count, err);
    return rc;
}

/* The template of a GGUF file into t. The same results. */
static int open_gguf(lf_chat_template *t, const char *path, const char *name, lf_error *err)
{
    lf_gguf g;
    if (lf__gguf_open(&g, path, err)) return -1;
    int rc = read_gguf(t, &g, err);
    if (!rc) rc = parse_gguf(&t->plain, &g, path, name ? name : "default", err);
    if (rc >= 0 && !name) {
        int tools = parse_gguf(&t->with_tools, &g, path, "tool_use", err);
        rc = tools < 0 ? -1 : rc | tools;
    }
    lf__gguf_close(&g);
    return rc;
}

lf_chat_template *lf_chat_template_open(const char *path, const char *name, lf_error *err)
{
    lf_chat_template *t = lf__calloc(1, sizeof *t, err);
    if (!t) return NULL;
    if (!lf__path_exists(path)) {
        lf_error_set(err, LF_E_NOT_FOUND, "%s: no such folder", path);
        lf_error_hint(err, "expected a model folder with chat_template.jinja or tokenizer_config.json, or a GGUF file");
        return lf_chat_template_free(&t), NULL;
    }
    int rc = lf__path_is_dir(path) ? open_folder(t, path, name, err) : open_gguf(t, path, name, err);
    if (rc == 0) {
        lf_error_set(err, LF_E_NOT_FOUND, name ? "%s: no chat template called \"%s\"" : "%s: no chat template", path, name);
        lf_error_hint(err,
                      "a model that was not trained on conversations has none; a template for one that was goes into chat_template.jinja");
    }
    if (rc <= 0) lf_chat_template_free(&t);
    return t;
}

lf_chat_template *lf_chat_template_parse(const char *source, size_t n, const char *name, lf_error *err)
{
    lf_chat_template *t = lf__calloc(1, sizeof *t, err);
    if (t && lf__j_parse(&t->plain, source, n, name, err)) lf_chat_template_free(&t);
    return t;
}

int lf_chat_template_use_model(lf_chat_template *t, const char *path, lf_error *err)
{
    bool failed = false;
    lf_gguf g;
    if (lf__path_is_dir(path)) {
        json_decref(read_folder(t, path, &failed, err));
        return failed ? -1 : 0;
    }
    if (lf__gguf_open(&g, path, err)) return -1;
    int rc = read_gguf(t, &g, err);
    lf__gguf_close(&g);
    return rc;
}

void lf_chat_template_free(lf_chat_template **t)
{
    if (!*t) return;
    lf__j_template_release(&(*t)->plain);
    lf__j_template_release(&(*t)->with_tools);
    for (size_t i = 0; i < SPECIALS; i++) free((*t)->specials[i]);
    free(*t);
    *t = NULL;
}

static const j_template *pick(const lf_chat_template *t, bool tools)
{
    return (tools && t->with_tools.name) || !t->plain.name ? &t->with_tools : &t->plain;
}

const char *lf_chat_template_source(const lf_chat_template *t, size_t *n)
{
    const j_template *p = pick(t, false);
    *n = p->source_size;
    return p->text.data;
}

/* ---- a conversation ------------------------------------------------------------------------------------------------------ */

static int check_messages(j_run *run, j_value messages, const char *name)
{
    if (messages.kind != J_LIST)
        return lf_error_set(run->err, LF_E_FORMAT, "%s: expected a list of messages, got %s", name, lf__j_type(messages));
    for (int64_t i = 0; i < messages.list->n; i++) {
        j_value m = messages.list->item[i];
        if (m.kind != J_DICT)
            return lf_error_set(run->err, LF_E_FORMAT,
                                "%s: message %lld: expected an object such as {\"role\": \"user\", \"content\": \"...\"}, got %s", name,
                                (long long)i + 1, lf__j_type(m));
        j_value *role = lf__j_find_text(run, m.dict, "role");
        if (!role || role->kind != J_STRING)
            return lf_error_set(run->err, LF_E_FORMAT, "%s: message %lld has no \"role\" that is a text", name, (long long)i + 1);
    }
    return 0;
}

/* The names that a template sees, as transformers gives them. */
static int define_all(j_run *run, const lf_chat_template *t, const lf_chat_request *q)
{
    const char *messages_name = q->messages_name ? q->messages_name : "messages", *tools_name = q->tools_name ? q->tools_name : "tools";
    for (size_t i = 0; i < SPECIALS; i++)
        if (t->specials[i]) lf__j_define(run, special_names[i].name, lf__j_text(run, t->specials[i]));
    for (int i = 0; i < q->n_variables; i++) {
        const lf_chat_variable *v = &q->variables[i];
        lf__j_define(run, v->name, lf__j_from_json(run, v->json, strlen(v->json), true, v->name));
    }
    j_value messages = lf__j_from_json(run, q->messages, q->messages_size, true, messages_name);
    j_value tools = q->tools ? lf__j_from_json(run, q->tools, q->tools_size, true, tools_name) : j_none();
    if (run->failed || check_messages(run, messages, messages_name)) return -1;
    if (tools.kind != J_LIST && tools.kind != J_NONE)
        return lf_error_set(run->err, LF_E_FORMAT, "%s: expected a list of tools, got %s", tools_name, lf__j_type(tools));
    lf__j_define(run, "messages", messages);
    lf__j_define(run, "tools", tools);
    lf__j_define(run, "documents", j_none());
    lf__j_define(run, "add_generation_prompt", j_bool(q->add_generation_prompt));
    return run->failed ? -1 : 0;
}

/* Runs of equal marks. */
static int make_spans(lf_chat_text *out, const char *marks, size_t n, lf_error *err)
{
    size_t cap = 0;
    for (size_t at = 0, end; at < n; at = end) {
        for (end = at + 1; end < n && marks[end] == marks[at];) end++;
        if (lf__grow(&out->spans, &cap, out->n_spans + 1, sizeof *out->spans, err)) return -1;
        out->spans[out->n_spans++] = (lf_chat_span){at, end, marks[at] != 0};
    }
    return 0;
}

int lf_chat_render(lf_chat_text *out, const lf_chat_template *t, const lf_chat_request *request, lf_error *err)
{
    lf_error own = {0};
    j_run run;
    lf_chat_text text = {0};
    lf_chat_limits limits = request->limits;
    size_t bytes = LF_MIN(request->messages_size + request->tools_size, (size_t)1 << 30);
    if (limits.steps <= 0) limits.steps = DEFAULT_STEPS;
    if (limits.depth <= 0) limits.depth = DEFAULT_DEPTH;
    if (!limits.output) limits.output = DEFAULT_OUTPUT + 4 * bytes;
    if (!limits.memory) limits.memory = DEFAULT_MEMORY + 32 * bytes;
    int rc = lf__j_run_init(&run, pick(t, request->tools), &limits, request->date, &own);
    if (!rc) rc = define_all(&run, t, request);
    if (!rc) rc = lf__j_render(&run);
    if (!rc) rc = make_spans(&text, run.out_marks.data, run.out.len, &own);
    if (!rc) rc = lf__buf_puts(&run.out, "") ? lf_error_set(&own, LF_E_MEMORY, "out of memory for the text") : 0;
    if (!rc) {
        text.text = run.out.data, text.size = run.out.len;
        run.out = (lf_buf){0};
        *out = text;
    } else {
        free(text.spans);
        lf__error_pass(err, &own);
    }
    lf__j_run_release(&run);
    return rc;
}

void lf_chat_text_release(lf_chat_text *out)
{
    free(out->text);
    free(out->spans);
    *out = (lf_chat_text){0};
}
