/* config_hf.c - the model section from and to a Hugging Face config.json. Foreign files are met with four tables: model types and the
 * switches they stand for, keys that we read, keys whose value must be the one we compute with, keys that never change the arithmetic. What
 * remains gets one warning. */
#include "model/config_table.h"

#include <string.h>

/* What a model type means in our switches (model.<key>): those it sets, and those its config.json may hold. The first row that can say
 * everything a model does is the type it is saved as; no program but ours knows the last, so none computes something else. */
typedef struct family {
    const char *type, *architecture, *arch;
    const char *sets;  /* "key=value key=value" */
    const char *reads; /* "key key" */
} family;

static const family families[] = {
    {"llama", "LlamaForCausalLM", "llama", "", ""},
    {"qwen3", "Qwen3ForCausalLM", "llama", "use_qk_norm=true", ""},
    {"foundry", "FoundryForCausalLM", "llama", "", "use_qk_norm"},
};

/* Every switch away from the plain architecture. */
static const char *const switches[] = {"use_qk_norm"};

/* Keys with our names: model.<name>. `needed`: no sensible guess exists. `fallback`: what transformers assumes when the key is absent. */
static const struct {
    const char *name, *fallback;
    bool needed;
} read_keys[] = {
    {"vocab_size", NULL, true},
    {"hidden_size", NULL, true},
    {"intermediate_size", NULL, true},
    {"num_hidden_layers", NULL, true},
    {"num_attention_heads", NULL, true},
    {"num_key_value_heads", "0", false},
    {"head_dim", "0", false},
    {"max_position_embeddings", "2048", false},
    {"rms_norm_eps", "1e-6", false},
    {"rope_theta", "10000", false},
    {"initializer_range", "0.02", false},
    {"tie_word_embeddings", "false", false},
    {"bos_token_id", "1", false},
    {"eos_token_id", "2", false},
};

/* Keys that change the arithmetic: these values we compute with (null always passes), others are refused. A trailing '.' refuses everything
 * below the key. */
static const struct {
    const char *key, *values; /* "silu|swish" */
    const char *what;
} must_be[] = {
    {"hidden_act", "silu|swish", "only SwiGLU with silu is implemented"},
    {"attention_bias", "false", "attention with biases is not implemented"},
    {"mlp_bias", "false", "a feed-forward layer with biases is not implemented"},
    {"qkv_bias", "false", "attention with biases is not implemented"},
    {"rope_scaling.rope_type", "default", "scaled rotary positions are not implemented"},
    {"rope_scaling.type", "default", "scaled rotary positions are not implemented"},
    {"rope_scaling", "", "scaled rotary positions are not implemented"},
    {"rope_parameters.rope_type", "default", "scaled rotary positions are not implemented"},
    {"rope_parameters.partial_rotary_factor", "1|1.0", "partial rotary positions are not implemented"},
    {"partial_rotary_factor", "1|1.0", "partial rotary positions are not implemented"},
    {"sliding_window", "", "sliding-window attention is not implemented"},
    {"logits_scaling", "1|1.0", "scaled logits are not implemented"},
    {"attn_logit_softcapping", "", "soft-capped attention is not implemented"},
    {"final_logit_softcapping", "", "soft-capped logits are not implemented"},
    {"is_encoder_decoder", "false", "only decoders are implemented"},
    {"quantization_config.", "", "quantized weights cannot be read yet"},
};

/* Known and without influence on what we compute; a trailing '.' covers everything below. */
static const char *const harmless[] = {
    "architectures.",
    "model_type",
    "torch_dtype",
    "dtype",
    "use_cache",
    "transformers_version",
    "pad_token_id",
    "_name_or_path",
    "name_or_path",
    "attention_dropout",
    "hidden_dropout",
    "pretraining_tp",
    "return_dict",
    "return_dict_in_generate",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "id2label.",
    "label2id.",
    "task_specific_params",
    "problem_type",
    "torchscript",
    "use_sliding_window",
    "max_window_layers",
    "layer_types.",
    "gradient_checkpointing",
    "chunk_size_feed_forward",
    "is_decoder",
    "add_cross_attention",
    "tie_encoder_decoder",
    "cross_attention_hidden_size",
    "rope_parameters.rope_theta",
    "sep_token_id",
    "decoder_start_token_id",
    "unsloth_fixed",
    "unsloth_version",
    "_attn_implementation",
    "_flash_attn_2_enabled",
    "rope_interleaved",
};

static bool covers(const char *row, const char *key)
{
    size_t n = strlen(row);
    return n && row[n - 1] == '.' ? strncmp(row, key, n) == 0 : strcmp(row, key) == 0;
}

static bool one_of(const char *values, const char *text)
{
    size_t n = strlen(text);
    for (const char *p = values; *p; p += strcspn(p, "|"), p += *p == '|')
        if (strcspn(p, "|") == n && strncmp(p, text, n) == 0) return true;
    return false;
}

static const lf_doc_entry *find(const lf_doc *doc, const char *key)
{
    for (size_t i = 0; i < doc->n; i++)
        if (strcmp(doc->entries[i].key, key) == 0) return &doc->entries[i];
    return NULL;
}

/* Is key one of the words? */
static bool says(const char *words, const char *key)
{
    size_t n = strlen(key);
    for (const char *p = words; *p; p += strcspn(p, " "), p += *p == ' ')
        if (strcspn(p, " ") == n && strncmp(p, key, n) == 0) return true;
    return false;
}

/* The value that the family gives to key, or NULL. */
static const char *set_by(const family *f, const char *key, char *out, size_t size)
{
    size_t n = strlen(key);
    for (const char *p = f->sets; *p; p += strcspn(p, " "), p += *p == ' ') {
        if (strncmp(p, key, n) != 0 || p[n] != '=') continue;
        snprintf(out, size, "%.*s", (int)(strcspn(p, " ") - n - 1), p + n + 1);
        return out;
    }
    return NULL;
}

static const family *find_family(const lf_doc *doc, const char *path, lf_error *err)
{
    const lf_doc_entry *type = find(doc, "model_type");
    if (!type) {
        lf_error_set(err, LF_E_CONFIG, "%s: no \"model_type\": expected a Hugging Face configuration of a llama model", path);
        lf_error_hint(err, "our own configurations put these keys below \"model:\"; see foundry config init");
        return NULL;
    }
    char list[256] = "";
    for (size_t i = 0; i < LF_COUNT(families); i++) {
        if (strcmp(type->value, families[i].type) == 0) return &families[i];
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", families[i].type);
    }
    lf_error_set(err, LF_E_UNSUPPORTED, "%s:%d: model_type: expected one of %s, got \"%.64s\": this architecture is not implemented", path,
                 type->line, list, type->value);
    lf_error_hint(err, "models of these types can be read: %s", list);
    return NULL;
}

static int refuse_unsupported(const lf_doc *doc, const family *f, const char *path, lf_error *err)
{
    for (size_t i = 0; i < doc->n; i++) {
        const lf_doc_entry *e = &doc->entries[i];
        for (size_t row = 0; row < LF_COUNT(must_be); row++) {
            if (!covers(must_be[row].key, e->key) || e->is_null || one_of(must_be[row].values, e->value)) continue;
            if (says(f->reads, e->key)) continue;
            const char *values = must_be[row].values;
            return lf_error_set(err, LF_E_UNSUPPORTED, "%s:%d: %s: expected %s, got \"%.64s\": %s", path, e->line, e->key,
                                *values ? values : "null or nothing", e->value, must_be[row].what);
        }
    }
    return 0;
}

static void warn_unknown(const lf_doc *doc, const family *f, const char *path)
{
    char list[400] = "";
    size_t at = 0;
    int n = 0;
    for (size_t i = 0; i < doc->n; i++) {
        const char *key = doc->entries[i].key;
        bool known = strncmp(key, "eos_token_id.", 13) == 0 || strncmp(key, "rope_scaling.", 13) == 0 ||
                     says(f->reads, key); /* a default rope may carry numbers */
        for (size_t row = 0; row < LF_COUNT(read_keys); row++) known |= strcmp(read_keys[row].name, key) == 0;
        for (size_t row = 0; row < LF_COUNT(must_be); row++) known |= covers(must_be[row].key, key);
        for (size_t row = 0; row < LF_COUNT(harmless); row++) known |= covers(harmless[row], key);
        if (known || doc->entries[i].is_null) continue;
        if (at < sizeof list - 80) at += (size_t)snprintf(list + at, sizeof list - at, "%s%.60s", n ? ", " : "", key);
        n++;
    }
    if (n) lf__log(LF_LOG_WARNING, "%s: %d %s not known here and ignored: %s", path, n, n == 1 ? "key is" : "keys are", list);
}

/* The switches: as the type sets them, else as the file has them, else off. */
static int read_switches(lf_config *c, const lf_doc *doc, const family *f, const char *path, lf_error *err)
{
    char key[LF_TEXT_MAX], origin[LF_CONFIG_PATH_MAX + 32], value[LF_TEXT_MAX];
    for (size_t i = 0; i < LF_COUNT(switches); i++) {
        const lf_doc_entry *e = says(f->reads, switches[i]) ? find(doc, switches[i]) : NULL;
        const char *set = set_by(f, switches[i], value, sizeof value);
        snprintf(key, sizeof key, "model.%s", switches[i]);
        if (e && e->is_null) e = NULL;
        snprintf(origin, sizeof origin, "%.1000s:%d", path, (e ? e : find(doc, "model_type"))->line);
        if (lf__config_set(c, key, e ? e->value : set ? set : lf__option_find(lf__config_options, key)->fallback, origin, err)) return -1;
    }
    return 0;
}

int lf__config_read_hf(lf_config *c, const lf_doc *doc, const char *path, lf_error *err)
{
    char key[LF_TEXT_MAX], origin[LF_CONFIG_PATH_MAX + 32];
    const family *f = find_family(doc, path, err);
    if (!f || refuse_unsupported(doc, f, path, err)) return -1;
    snprintf(origin, sizeof origin, "%.1000s:%d", path, find(doc, "model_type")->line);
    if (lf__config_set(c, "model.model_type", f->arch, origin, err) || read_switches(c, doc, f, path, err)) return -1;
    for (size_t row = 0; row < LF_COUNT(read_keys); row++) {
        const char *name = read_keys[row].name;
        const lf_doc_entry *e = find(doc, name);
        if (!e && strcmp(name, "eos_token_id") == 0) e = find(doc, "eos_token_id.0"); /* a list of stops: the first ends documents */
        if (!e && strcmp(name, "rope_theta") == 0) e = find(doc, "rope_parameters.rope_theta");
        const char *text = e ? e->value : read_keys[row].fallback;
        snprintf(origin, sizeof origin, e ? "%.1000s:%d" : "%.1000s (absent)", path, e ? e->line : 0);
        if (!e && read_keys[row].needed) return lf_error_set(err, LF_E_CONFIG, "%s: \"%s\" is missing", path, name);
        if (e && e->is_null) {
            if (read_keys[row].needed) return lf_error_set(err, LF_E_CONFIG, "%s: %s is null, expected a number", origin, name);
            text = strstr(name, "token_id") ? "-1" : read_keys[row].fallback;
        }
        snprintf(key, sizeof key, "model.%s", name);
        if (lf__config_set(c, key, text, origin, err)) return -1;
    }
    if (c->model.vocab_size == 0) return lf_error_set(err, LF_E_CONFIG, "%s: vocab_size: expected at least 1, got 0", path);
    warn_unknown(doc, f, path);
    return 0;
}

/* ---- back --------------------------------------------------------------------------------------------------------------------- */
/* A key of the model section as JSON: our text is JSON's, but for names, and reals that look whole. */
static void add_key(lf_buf *b, const lf_config *c, const char *name)
{
    char key[LF_TEXT_MAX], value[LF_TEXT_MAX];
    snprintf(key, sizeof key, "model.%s", name);
    const lf_option *o = lf__option_find(lf__config_options, key);
    lf__option_get(o, c, value, sizeof value);
    bool whole = o->type == LF_OPT_DOUBLE && !strpbrk(value, ".e");
    const char *quote = o->type == LF_OPT_CHOICE ? "\"" : "";
    lf__buf_printf(b, "  \"%s\": %s%s%s%s,\n", name, quote, value, whole ? ".0" : "", quote);
}

/* Can a config.json of this family say what c computes? Every switch as the family sets it, or readable from the file, or off. */
static bool expresses(const family *f, const lf_config *c)
{
    if (strcmp(f->arch, c->model.model_type) != 0) return false;
    for (size_t i = 0; i < LF_COUNT(switches); i++) {
        char key[LF_TEXT_MAX], value[LF_TEXT_MAX], set[LF_TEXT_MAX];
        snprintf(key, sizeof key, "model.%s", switches[i]);
        const lf_option *o = lf__option_find(lf__config_options, key);
        const char *meant = set_by(f, switches[i], set, sizeof set);
        if (!meant && says(f->reads, switches[i])) continue;
        if (strcmp(lf__option_get(o, c, value, sizeof value), meant ? meant : o->fallback) != 0) return false;
    }
    return true;
}

int lf_config_save_hf(const lf_config *c, const char *path, lf_error *err)
{
    lf_config full = *c; /* with the zeros that mean "derive it" filled in */
    lf_model_config *m = &full.model;
    if (!m->num_key_value_heads) m->num_key_value_heads = m->num_attention_heads;
    if (!m->head_dim && m->num_attention_heads) m->head_dim = m->hidden_size / m->num_attention_heads;
    size_t kind = 0;
    while (kind + 1 < LF_COUNT(families) && !expresses(&families[kind], c)) kind++;
    const family *f = &families[kind];
    lf_buf b;
    lf__buf_init(&b, 1 << 16);
    lf__buf_printf(&b, "{\n  \"architectures\": [\"%s\"],\n  \"model_type\": \"%s\",\n", f->architecture, f->type);
    static const char *const keys[] = {"vocab_size",          "hidden_size",         "intermediate_size", "num_hidden_layers",
                                       "num_attention_heads", "num_key_value_heads", "head_dim",          "max_position_embeddings",
                                       "rms_norm_eps",        "rope_theta",          "initializer_range", "tie_word_embeddings"};
    for (size_t i = 0; i < LF_COUNT(keys); i++) add_key(&b, &full, keys[i]);
    for (size_t i = 0; i < LF_COUNT(switches); i++)
        if (says(f->reads, switches[i])) add_key(&b, &full, switches[i]);
    for (int eos = 0; eos < 2; eos++) {
        int64_t id = eos ? m->eos_token_id : m->bos_token_id;
        lf__buf_printf(&b, "  \"%s_token_id\": ", eos ? "eos" : "bos");
        if (id < 0)
            lf__buf_puts(&b, "null,\n");
        else
            lf__buf_printf(&b, "%lld,\n", (long long)id);
    }
    lf__buf_puts(&b, "  \"hidden_act\": \"silu\",\n  \"attention_bias\": false,\n  \"mlp_bias\": false,\n  \"rope_scaling\": null,\n"
                     "  \"torch_dtype\": \"float32\",\n  \"use_cache\": true\n}\n");
    int rc = b.failed ? lf_error_set(err, LF_E_MEMORY, "%s: out of memory", path) : lf__write_file(path, b.data, b.len, err);
    lf__buf_release(&b);
    return rc;
}
