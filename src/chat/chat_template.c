/* chat_template.c - where templates are found, and a conversation put through one: the public face of this folder (foundry/chat.h). An
 * open template owns its parsed sources and the folder's special tokens; a render owns nothing that outlives it but its result. */
#include "chat/jinja.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { CONFIG_MAX = 64 << 20, DEFAULT_STEPS = 10000000, DEFAULT_DEPTH = 400, DEFAULT_OUTPUT = 4 << 20, DEFAULT_MEMORY = 40 << 20 };

typedef struct special {
    const char *name; /* "bos_token": as the template says it */
    char *text;
} special;

struct lf_chat_template {
    j_template plain, with_tools; /* with_tools.name is NULL where there is only one */
    special specials[7];
    int n_specials;
};

/* ---- finding it -----------------------------------------------------------------------------------------------------------------------
 */

static const char *const special_names[] = {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

/* "bos_token": "<s>", or an object with its "content". */
static int read_specials(lf_chat_template *t, json_t *config, lf_error *err)
{
    for (size_t i = 0; i < LF_COUNT(special_names); i++) {
        json_t *value = json_object_get(config, special_names[i]);
        const char *text = json_string_value(json_is_object(value) ? json_object_get(value, "content") : value);
        bool known = false;
        for (int k = 0; k < t->n_specials; k++) known |= t->specials[k].name == special_names[i];
        if (!text || known) continue;
        char *copy = lf__strdup(text, err);
        if (!copy) return -1;
        t->specials[t->n_specials++] = (special){special_names[i], copy};
    }
    return 0;
}

static json_t *load_if_there(const char *dir, const char *name, bool *failed, lf_error *err)
{
    char path[LF_PATH_MAX];
    json_t *root = NULL;
    if (lf__path_join(path, dir, name, err)) return *failed = true, NULL;
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
    if (lf__path_join(path, dir, file, err)) return -1;
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

lf_chat_template *lf_chat_template_open(const char *dir, const char *name, lf_error *err)
{
    bool failed = false;
    lf_chat_template *t = lf__calloc(1, sizeof *t, err);
    if (!t) return NULL;
    if (!lf__path_is_dir(dir)) {
        lf_error_set(err, LF_E_NOT_FOUND, "%s: no such folder", dir);
        lf_error_hint(err, "expected a model folder with chat_template.jinja or tokenizer_config.json");
        return lf_chat_template_free(&t), NULL;
    }
    json_t *config = load_if_there(dir, "tokenizer_config.json", &failed, err);
    json_t *map = failed ? NULL : load_if_there(dir, "special_tokens_map.json", &failed, err);
    int rc = failed || read_specials(t, config, err) || read_specials(t, map, err)
                 ? -1
                 : parse_named(&t->plain, dir, config, name ? name : "default", err);
    if (rc >= 0 && !name) {
        int tools = parse_named(&t->with_tools, dir, config, "tool_use", err);
        rc = tools < 0 ? -1 : rc | tools;
    }
    json_decref(config);
    json_decref(map);
    if (rc == 0) {
        lf_error_set(err, LF_E_NOT_FOUND, name ? "%s: no chat template called \"%s\"" : "%s: no chat template", dir, name);
        lf_error_hint(
            err, "a model that was not trained on conversations has none; a template for one that was goes into %s/chat_template.jinja",
            dir);
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

void lf_chat_template_free(lf_chat_template **t)
{
    if (!*t) return;
    lf__j_template_release(&(*t)->plain);
    lf__j_template_release(&(*t)->with_tools);
    for (int i = 0; i < (*t)->n_specials; i++) free((*t)->specials[i].text);
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

/* ---- a conversation -------------------------------------------------------------------------------------------------------------------
 */

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
    for (int i = 0; i < t->n_specials; i++) lf__j_define(run, t->specials[i].name, lf__j_text(run, t->specials[i].text));
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
