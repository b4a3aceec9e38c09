/* config.c - an lf_config from files: our YAML or JSON, a preset inside the binary, a Hugging Face config.json (config_hf.c), and the rules
 * between keys. Single keys and their ranges are the option table's business (config_table.c). A config is a plain struct: nothing to
 * free, one writer at a time. */
#include "model/config_table.h"
#include "model/model.h"
#include "model/presets.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { PRESETS_MAX = 63 };

/* ---- presets ------------------------------------------------------------------------------------------------------------------ */
const char *lf_config_preset_text(const char *name)
{
    for (const lf_preset *p = lf__presets; p->name; p++)
        if (strcmp(p->name, name) == 0) return p->text;
    return NULL;
}

const char *const *lf_config_presets(void)
{
    static _Thread_local const char *names[PRESETS_MAX + 1];
    size_t n = 0;
    for (const lf_preset *p = lf__presets; p->name && n < PRESETS_MAX; p++) names[n++] = p->name;
    names[n] = NULL;
    return names;
}

/* ---- our own documents ---------------------------------------------------------------------------------------------------------- */
static bool is_section(const char *key)
{
    size_t n = strlen(key);
    for (const lf_option *o = lf__config_options; o->key; o++)
        if (strncmp(o->key, key, n) == 0 && o->key[n] == '.') return true;
    return false;
}

/* The dot in a key behind which an option (then *row is it) or a section was made a list or a mapping, else NULL: that of
 * "sampler.prompts.2", "train.lr.value", "train.0"; base = what stands before it. */
static const char *inside(const char *key, char base[LF_TEXT_MAX], const lf_option **row)
{
    for (const char *dot = strchr(key, '.'); dot && dot - key < LF_TEXT_MAX; dot = strchr(dot + 1, '.')) {
        bool item = isdigit((unsigned char)dot[1]);
        snprintf(base, LF_TEXT_MAX, "%.*s", (int)(dot - key), key);
        *row = lf__option_find(lf__config_options, base);
        if (is_section(base) ? item : *row != NULL) return dot;
    }
    return NULL;
}

static int read_entry(lf_config *c, const lf_doc *doc, size_t i, const char *name, lf_error *err)
{
    const lf_doc_entry *e = &doc->entries[i];
    char origin[LF_CONFIG_PATH_MAX + 32], key[LF_TEXT_MAX], joined[LF_CONFIG_PATH_MAX + 1], range[128];
    snprintf(origin, sizeof origin, "%.1000s:%d", name, e->line);
    const lf_option *row, *o = lf__option_find(lf__config_options, e->key);
    const char *dot = o ? NULL : inside(e->key, key, &row);
    bool item = dot && isdigit((unsigned char)dot[1]);
    if (dot && item && row && row->type == LF_OPT_STRING && !strchr(dot + 1, '.')) { /* item by item, joined with '|' */
        joined[0] = '\0';
        if (strcmp(dot, ".0") != 0) lf__option_get(row, c, joined, sizeof joined);
        if (strlen(joined) + strlen(e->value) + 2 > sizeof joined)
            return lf_error_set(err, LF_E_LIMIT, "%s: %s: more than %d bytes of text", origin, key, LF_CONFIG_PATH_MAX - 1);
        if (joined[0]) strcat(joined, "|");
        strcat(joined, e->value);
        return lf__config_set(c, key, joined, origin, err);
    }
    if (dot && row)
        return lf_error_set(err, LF_E_CONFIG, "%s: %s: expected %s, got a %s", origin, key, lf__option_range(range, row, false),
                            item ? "list" : "mapping");
    if (dot || (!o && is_section(e->key))) {
        if (!dot && e->is_null) return 0; /* "train:" with nothing below it */
        return lf_error_set(err, LF_E_CONFIG, "%s: %s is a section: expected indented \"key: value\" lines below it, got %s%.64s%s", origin,
                            dot ? key : e->key, dot ? "" : "\"", dot ? "a list" : e->value, dot ? "" : "\"");
    }
    if (o && e->is_null && o->type != LF_OPT_STRING && o->type != LF_OPT_PATH)
        return lf_error_set(err, LF_E_CONFIG, "%s: %s has no value: expected %s", origin, e->key, lf__option_range(range, o, false));
    return lf__config_set(c, e->key, e->is_null ? "" : e->value, origin, err);
}

static int read_document(lf_config *c, const lf_doc *doc, const char *name, lf_error *err)
{
    bool ours = false, theirs = false;
    for (size_t i = 0; i < doc->n; i++) {
        const char *key = doc->entries[i].key;
        ours |= strncmp(key, "model.", 6) == 0 || strncmp(key, "train.", 6) == 0;
        theirs |= strcmp(key, "model_type") == 0 || strcmp(key, "architectures.0") == 0 || strcmp(key, "hidden_size") == 0;
    }
    if (doc->n == 0) {
        lf_error_set(err, LF_E_CONFIG, "%s: no options in it", name);
        return lf_error_hint(err, "foundry config init -o my.yaml");
    }
    if (theirs && !ours) return lf__config_read_hf(c, doc, name, err);
    for (size_t i = 0; i < doc->n; i++)
        if (read_entry(c, doc, i, name, err)) return -1;
    return 0;
}

/* "configs/a.yaml" -> "a"; a config.json or config.yaml is named after its folder. */
static void set_name(lf_config *c, const char *path)
{
    const char *name = lf__path_name(path);
    size_t n = strlen(name);
    if (name > path + 1 && (strcmp(name, "config.json") == 0 || strcmp(name, "config.yaml") == 0)) {
        const char *end = name - 1, *begin = end;
        while (begin > path && begin[-1] != '/') begin--;
        if (begin < end && *begin != '.') {
            snprintf(c->name, sizeof c->name, "%.*s", (int)LF_MIN(end - begin, LF_TEXT_MAX - 1), begin);
            return;
        }
    }
    const char *dot = strrchr(name, '.');
    if (dot && dot > name) n = (size_t)(dot - name);
    snprintf(c->name, sizeof c->name, "%.*s", (int)LF_MIN(n, (size_t)LF_TEXT_MAX - 1), name);
}

static int not_found(const char *path, lf_error *err)
{
    const char *const *presets = lf_config_presets();
    char list[512] = "";
    size_t at = 0;
    for (size_t i = 0; presets[i] && at < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", presets[i]);
    lf_config named;
    set_name(&named, path);
    const char *near = lf__nearest(named.name, presets);
    lf_error_set(err, LF_E_NOT_FOUND, "%s: no such file, and no preset of that name (there are: %s)", path, list);
    return near ? lf_error_hint(err, "did you mean %s?", near) : lf_error_hint(err, "foundry config init -o my.yaml");
}

int lf_config_load(lf_config *c, const char *path_or_preset, lf_error *err)
{
    const char *path = path_or_preset;
    lf_doc doc;
    lf_config copy = *c; /* nothing half-read is left behind */
    char origin[LF_TEXT_MAX];
    int rc;
    const char *preset = lf__path_exists(path) ? NULL : lf_config_preset_text(path);
    if (preset) {
        snprintf(origin, sizeof origin, "preset %.200s", path);
        rc = lf__doc_parse(&doc, preset, strlen(preset), origin, err);
    } else {
        if (!lf__path_exists(path)) return not_found(path, err);
        if (lf__path_is_dir(path)) {
            lf_error_set(err, LF_E_CONFIG, "%s: a folder, expected a YAML or JSON file", path);
            return lf_error_hint(err, "a run keeps its own at %s/config.yaml, a model at %s/config.json", path, path);
        }
        rc = lf__doc_load(&doc, path, err);
    }
    if (rc) return -1;
    rc = read_document(&copy, &doc, preset ? origin : path, err);
    lf__doc_release(&doc);
    if (rc) return -1;
    set_name(&copy, path);
    *c = copy;
    return 0;
}

/* ---- rules between keys ------------------------------------------------------------------------------------------------------------ */
/* "model.hidden_size = 250 (configs/a.yaml:3)" */
static const char *say(const lf_config *c, const char *key, char out[512])
{
    char value[LF_CONFIG_PATH_MAX];
    const lf_option *o = lf__option_find(lf__config_options, key);
    snprintf(out, 512, "%s = %.120s (%.200s)", key, lf__option_get(o, c, value, sizeof value), lf__config_origin_of(c, key));
    return out;
}

/* a must fit b, and does not: both with their origins, then why. */
static int clash(const lf_config *c, const char *a, const char *b, const char *why, lf_error *err)
{
    char x[512], y[512];
    return lf_error_set(err, LF_E_CONFIG, "%s: %s, but %s", say(c, a, x), why, say(c, b, y));
}

static int check_model(const lf_config *c, lf_error *err)
{
    const lf_model_config *m = &c->model;
    int64_t heads = m->num_attention_heads, kv = m->num_key_value_heads ? m->num_key_value_heads : heads;
    int64_t head_dim = m->head_dim ? m->head_dim : m->hidden_size / heads;
    bool gpt2 = strcmp(m->model_type, "gpt2") == 0, rotary = !gpt2 && !m->alibi;
    bool even = !rotary || head_dim % 2 == 0; /* positions rotate pairs */
    if (!m->head_dim && (m->hidden_size % heads != 0 || !even)) {
        clash(c, "model.hidden_size", "model.num_attention_heads",
              m->hidden_size % heads != 0 ? "must be a multiple of the number of heads"
                                          : "must give each head an even width (positions rotate pairs)",
              err);
        int64_t step = rotary ? 2 * heads : heads;
        return lf_error_hint(err, "--model.hidden_size %" PRId64, LF_MAX(m->hidden_size / step, 1) * step);
    }
    if (!even) {
        clash(c, "model.head_dim", "model.num_attention_heads", "must be even (positions rotate pairs)", err);
        return lf_error_hint(err, "--model.head_dim %" PRId64, LF_MAX(m->head_dim / 2, 1) * 2);
    }
    if (kv > heads || heads % kv != 0)
        return clash(c, "model.num_key_value_heads", "model.num_attention_heads", "must divide the number of attention heads", err);
    for (const char *const *name = lf__model_switches; gpt2 && *name; name++) {
        char key[LF_TEXT_MAX], value[LF_TEXT_MAX];
        snprintf(key, sizeof key, "model.%s", *name);
        const lf_option *o = lf__option_find(lf__config_options, key);
        if (strcmp(*name, "hidden_act") != 0 && strcmp(lf__option_get(o, c, value, sizeof value), o->fallback) != 0)
            return clash(c, key, "model.model_type", "is a switch of the llama family", err);
    }
    if (gpt2 && kv != heads)
        return clash(c, "model.num_key_value_heads", "model.model_type", "must be 0 or the number of attention heads", err);
    if (m->fused_projections && (m->attention_bias || m->qkv_bias || m->mlp_bias || m->ungated_mlp))
        return clash(c, "model.fused_projections",
                     m->attention_bias ? "model.attention_bias"
                     : m->qkv_bias     ? "model.qkv_bias"
                     : m->mlp_bias     ? "model.mlp_bias"
                                       : "model.ungated_mlp",
                     "is not implemented with biases or without a gate", err);
    if (rotary && lf__rope_check(m, lf__model_rotary(m), "model", err)) return -1;
    if (m->vocab_size && m->bos_token_id >= m->vocab_size)
        return clash(c, "model.bos_token_id", "model.vocab_size", "must be below the vocabulary's size", err);
    if (m->vocab_size && m->eos_token_id >= m->vocab_size)
        return clash(c, "model.eos_token_id", "model.vocab_size", "must be below the vocabulary's size", err);
    return 0;
}

static int check_train(const lf_config *c, lf_error *err)
{
    const lf_train_config *t = &c->train;
    int64_t context = c->model.max_position_embeddings, seq_len = t->seq_len ? t->seq_len : context;
    const char *seq_key = t->seq_len ? "train.seq_len" : "model.max_position_embeddings";
    if (seq_len > context) return clash(c, "train.seq_len", "model.max_position_embeddings", "must not exceed the model's context", err);
    if (t->batch_tokens % seq_len != 0) {
        clash(c, "train.batch_tokens", seq_key, "must be a multiple of the window's length", err);
        return lf_error_hint(err, "--train.batch_tokens %" PRId64, LF_MAX(t->batch_tokens / seq_len, 1) * seq_len);
    }
    if (t->micro_batch_tokens % seq_len != 0)
        return clash(c, "train.micro_batch_tokens", seq_key, "must be a multiple of the window's length (or 0)", err);
    if (t->micro_batch_tokens > t->batch_tokens)
        return clash(c, "train.micro_batch_tokens", "train.batch_tokens", "must not exceed the batch", err);
    if (t->micro_batch_tokens && t->batch_tokens % t->micro_batch_tokens != 0)
        return clash(c, "train.micro_batch_tokens", "train.batch_tokens", "must divide the batch", err);
    if (t->min_lr > t->lr) return clash(c, "train.min_lr", "train.lr", "must not exceed the highest learning rate", err);
    return 0;
}

static int check_sampler(const lf_config *c, lf_error *err)
{
    char all[] = LF_SAMPLER_ORDER;
    const char *stages[16] = {NULL};
    bool seen[16] = {false};
    size_t n_stages = 0;
    for (char *rest = all, *name; (name = strsep(&rest, ",")) && n_stages < 15;) stages[n_stages++] = name;
    char said[512], stage[LF_TEXT_MAX];
    for (const char *p = c->sampler.order; *p;) {
        size_t n = strcspn(p, ","), i = 0;
        snprintf(stage, sizeof stage, "%.*s", (int)n, p);
        while (stages[i] && strcmp(stages[i], stage) != 0) i++;
        if (!stages[i] || seen[i]) {
            const char *near = stages[i] ? NULL : lf__nearest(stage, stages);
            lf_error_set(err, LF_E_CONFIG, "%s: \"%s\" %s; the stages are %s, each at most once", say(c, "sampler.order", said), stage,
                         stages[i] ? "stands twice" : "is no stage", LF_SAMPLER_ORDER);
            return near ? lf_error_hint(err, "did you mean %s?", near) : -1;
        }
        seen[i] = true;
        p += n;
        if (*p == ',') p++;
    }
    return 0;
}

int lf_config_check(const lf_config *c, lf_error *err)
{
    return check_model(c, err) || check_train(c, err) || check_sampler(c, err) ? -1 : 0;
}
