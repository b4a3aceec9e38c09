/* config_hf.c - the model section from and to a Hugging Face config.json. Foreign files are met with four tables: model types and the
 * switches they stand for, keys that we read, keys whose value must be the one we compute with, keys that never change the arithmetic. What
 * remains gets one warning. */
#include "model/config_table.h"
#include "model/model.h"

#include <string.h>

/* Other names of our keys, with the type that uses them. */
static const struct {
    const char *type, *ours, *theirs;
} aliases[] = {{"gpt2", "hidden_size", "n_embd"},
               {"gpt2", "num_hidden_layers", "n_layer"},
               {"gpt2", "num_attention_heads", "n_head"},
               {"gpt2", "max_position_embeddings", "n_positions"},
               {"gpt2", "intermediate_size", "n_inner"},
               {"gpt2", "rms_norm_eps", "layer_norm_epsilon"},
               {"gpt2", "hidden_act", "activation_function"},
               {"gemma2", "hidden_act", "hidden_activation"},
               {"gemma3_text", "hidden_act", "hidden_activation"}};

/* Where files of the newer spelling keep some of our keys, whatever their type. */
static const struct {
    const char *ours, *theirs;
} moved[] = {{"rope_theta", "rope_parameters.rope_theta"},
             {"rope_theta", "rope_parameters.full_attention.rope_theta"},
             {"rope_local_base_freq", "rope_parameters.sliding_attention.rope_theta"},
             {"partial_rotary_factor", "rope_parameters.partial_rotary_factor"}};

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
    {"attention_bias", "false", "attention with biases is not implemented"},
    {"mlp_bias", "false", "a feed-forward layer with biases is not implemented"},
    {"scale_attn_weights", "true", "attention without a scale is not implemented"},
    {"scale_attn_by_inverse_layer_idx", "false", "attention scaled by layer is not implemented"},
    {"add_cross_attention", "false", "only decoders are implemented"},
    {"qkv_bias", "false", "attention with biases is not implemented"},
    {"rope_parameters.sliding_attention.rope_type", "default", "stretched positions in layers with a window are not implemented"},
    {"rope_parameters.partial_rotary_factor", "1|1.0", "partial rotary positions are not implemented"},
    {"partial_rotary_factor", "1|1.0", "partial rotary positions are not implemented"},
    {"sliding_window", "", "sliding-window attention is not implemented"},
    {"logits_scaling", "1|1.0", "scaled logits are not implemented"},
    {"attn_logit_softcapping", "", "soft-capped attention is not implemented"},
    {"final_logit_softcapping", "", "soft-capped logits are not implemented"},
    {"lm_head_bias", "false", "a head with a bias is not implemented"},
    {"use_mrope", "false", "positions in three dimensions are not implemented"},
    {"use_bidirectional_attention", "false", "attention to later tokens is not implemented"},
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
    "no_rope_layers.",
    "n_ctx",
    "attn_pdrop",
    "embd_pdrop",
    "resid_pdrop",
    "summary_type",
    "summary_use_proj",
    "summary_activation",
    "summary_proj_to_labels",
    "summary_first_dropout",
    "reorder_and_upcast_attn",
    "hidden_activation",
    "hidden_act",
    "cache_implementation",
    "gradient_checkpointing",
    "chunk_size_feed_forward",
    "is_decoder",
    "tie_encoder_decoder",
    "cross_attention_hidden_size",
    "original_max_position_embeddings",
    "_sliding_window_pattern",
    "auto_map.",
    "interpolate_factor",
    "full_attn_mod",
    "is_llama_config",
    "transformers.js_config.",
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

/* The entry of our key under the name that the family uses; gemma2 has both, theirs wins. */
static const lf_doc_entry *find_key(const lf_doc *doc, const lf_family *f, const char *key)
{
    for (size_t i = 0; i < LF_COUNT(aliases); i++) {
        if (strcmp(aliases[i].type, f->type) != 0 || strcmp(aliases[i].ours, key) != 0) continue;
        const lf_doc_entry *e = find(doc, aliases[i].theirs);
        if (e) return e;
    }
    const lf_doc_entry *e = find(doc, key);
    for (size_t i = 0; i < LF_COUNT(moved) && !e; i++)
        if (strcmp(moved[i].ours, key) == 0) e = find(doc, moved[i].theirs);
    return e;
}

/* key without the prefix, where it has it. */
static const char *after(const char *key, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(key, prefix, n) == 0 ? key + n : key;
}

static const lf_family *find_family(const lf_doc *doc, const char *path, lf_error *err)
{
    const lf_doc_entry *type = find(doc, "model_type");
    if (!type) {
        lf_error_set(err, LF_E_CONFIG, "%s: no \"model_type\": expected a Hugging Face configuration, with its type", path);
        lf_error_hint(err, "our own configurations put these keys below \"model:\"; see foundry config init");
        return NULL;
    }
    char list[256];
    const lf_family *f = lf__family_find(type->value, offsetof(lf_family, type));
    if (f) return f;
    lf_error_set(err, LF_E_UNSUPPORTED, "%s:%d: model_type: expected one of %s, got \"%.64s\": this architecture is not implemented", path,
                 type->line, lf__family_list(list, offsetof(lf_family, type)), type->value);
    lf_error_hint(err, "what a model of ours can be: foundry help options");
    return NULL;
}

static int refuse_unsupported(const lf_doc *doc, const lf_family *f, const char *path, lf_error *err)
{
    for (size_t i = 0; i < doc->n; i++) {
        const lf_doc_entry *e = &doc->entries[i];
        for (size_t row = 0; row < LF_COUNT(must_be); row++) {
            if (!covers(must_be[row].key, e->key) || e->is_null || one_of(must_be[row].values, e->value)) continue;
            if (lf__says(f->reads, e->key) || lf__says(f->reads, after(e->key, "rope_parameters."))) continue;
            const char *values = must_be[row].values;
            return lf_error_set(err, LF_E_UNSUPPORTED, "%s:%d: %s: expected %s, got \"%.64s\": %s", path, e->line, e->key,
                                *values ? values : "null or nothing", e->value, must_be[row].what);
        }
    }
    /* A switch that others of the family have, in a file of a type that has not: which of the two is meant, nobody knows. */
    static const char *const foreign[] = {
        "ungated_mlp",       "alibi",       "rms_norm_unit_offset",  "sandwich_norm",        "scale_embedding",
        "fused_projections", "use_qk_norm", "query_pre_attn_scalar", "rope_local_base_freq", "attention_sinks"};
    for (size_t i = 0; i < LF_COUNT(foreign); i++) {
        char set[LF_TEXT_MAX];
        const lf_doc_entry *e = lf__says(f->reads, foreign[i]) ? NULL : find(doc, foreign[i]);
        const char *meant = lf__family_sets(f, foreign[i], set, sizeof set);
        if (!e || e->is_null || strcmp(e->value, meant ? meant : "false") == 0) continue;
        return lf_error_set(err, LF_E_UNSUPPORTED, "%s:%d: %s: expected %s, got \"%.64s\": a model of type %s does not have it", path,
                            e->line, e->key, meant ? meant : "nothing", e->value, f->type);
    }
    return 0;
}

static void warn_unknown(const lf_doc *doc, const lf_family *f, const char *path)
{
    char list[400] = "";
    size_t at = 0;
    int n = 0;
    for (size_t i = 0; i < doc->n; i++) {
        const char *key = doc->entries[i].key;
        bool known = strncmp(key, "eos_token_id.", 13) == 0 || strncmp(key, "rope_scaling.", 13) == 0 ||
                     strncmp(key, "rope_parameters.", 16) == 0 || lf__says(f->reads, key);
        for (size_t row = 0; row < LF_COUNT(read_keys); row++) known |= strcmp(read_keys[row].name, key) == 0;
        for (size_t row = 0; row < LF_COUNT(aliases); row++)
            known |= strcmp(aliases[row].type, f->type) == 0 && strcmp(aliases[row].theirs, key) == 0;
        for (size_t row = 0; row < LF_COUNT(must_be); row++) known |= covers(must_be[row].key, key);
        for (size_t row = 0; row < LF_COUNT(harmless); row++) known |= covers(harmless[row], key);
        if (known || doc->entries[i].is_null) continue;
        if (at < sizeof list - 80) at += (size_t)snprintf(list + at, sizeof list - at, "%s%.60s", n ? ", " : "", key);
        n++;
    }
    if (n) lf__log(LF_LOG_WARNING, "%s: %d %s not known here and ignored: %s", path, n, n == 1 ? "key is" : "keys are", list);
}

/* The switches: as the file has them, else as the type sets them, else off. null is off. */
static int read_switches(lf_config *c, const lf_doc *doc, const lf_family *f, const char *path, lf_error *err)
{
    char key[LF_TEXT_MAX], origin[LF_CONFIG_PATH_MAX + 32], value[LF_TEXT_MAX];
    for (const char *const *name = lf__model_switches; *name; name++) {
        if (after(*name, LF_ROPE) != *name) continue; /* read_rope */
        const lf_doc_entry *e = lf__says(f->reads, *name) ? find_key(doc, f, *name) : NULL;
        const char *set = lf__family_sets(f, *name, value, sizeof value);
        snprintf(key, sizeof key, "model.%s", *name);
        const char *text = lf__option_find(lf__config_options, key)->fallback;
        if (e && !e->is_null)
            text = e->value;
        else if (!e && set)
            text = set;
        if (strcmp(*name, "hidden_act") == 0 && strcmp(text, "swish") == 0) text = "silu";
        snprintf(origin, sizeof origin, "%.1000s:%d", path, (e ? e : find(doc, "model_type"))->line);
        if (lf__config_set(c, key, text, origin, err)) return -1;
    }
    return 0;
}

/* What a type of rope_scaling needs, and what it may have besides. */
static const struct {
    const char *type, *needs, *may;
} rope_types[] = {
    {"linear", "factor", ""},
    {"dynamic", "factor", ""},
    {"llama3", "factor low_freq_factor high_freq_factor", "original_max_position_embeddings"},
    {"yarn", "", "factor original_max_position_embeddings beta_fast beta_slow truncate attention_factor mscale mscale_all_dim"},
    {"longrope", "short_factor long_factor", "factor original_max_position_embeddings attention_factor"},
};

/* The entry of a key of rope_scaling in the spelling that counts: v4, v5 with rules by kind of layer, v5. */
static const lf_doc_entry *find_rope(const lf_doc *doc, const char *name)
{
    static const char *const places[] = {LF_ROPE, "rope_parameters.full_attention.", "rope_parameters."};
    for (size_t i = 0; i < LF_COUNT(places); i++) {
        char key[LF_TEXT_MAX];
        bool used = false;
        for (size_t k = 0; k < doc->n && !used; k++) used = after(doc->entries[k].key, places[i]) != doc->entries[k].key;
        snprintf(key, sizeof key, "%s%s", places[i], name);
        if (used) return find(doc, key);
    }
    return NULL;
}

/* One key of rope_scaling into its row: a scalar, or a list joined with '|'. *there: whether the file has it. */
static int read_rope_key(lf_config *c, const lf_doc *doc, const char *path, const char *name, bool *there, lf_error *err)
{
    char key[LF_TEXT_MAX], origin[LF_CONFIG_PATH_MAX + 32], list[LF_CONFIG_PATH_MAX] = "", number[32];
    const lf_doc_entry *e = find_rope(doc, name);
    if (!e && strcmp(name, "rope_type") == 0) e = find_rope(doc, "type");
    const char *text = e ? e->value : NULL;
    for (int i = 0; !text || list[0]; i++) { /* numbers are read as float32 by everybody: nine digits say all of one */
        snprintf(key, sizeof key, "%s.%d", name, i);
        const lf_doc_entry *at = find_rope(doc, key);
        double value;
        if (!at) break;
        snprintf(origin, sizeof origin, "%.1000s:%d: %s", path, at->line, name);
        if (lf__parse_double(at->value, origin, 0, 1e6, &value, err)) return -1;
        lf__float_text(number, value);
        if (strlen(list) + strlen(number) + 2 > sizeof list)
            return lf_error_set(err, LF_E_LIMIT, "%s: more than %d bytes of numbers", origin, LF_CONFIG_PATH_MAX - 1);
        if (i) strcat(list, "|");
        strcat(list, number);
        e = at, text = list;
    }
    *there = text && !(e->is_null);
    if (!*there) return 0;
    if (strcmp(name, "rope_type") == 0 && strcmp(text, "su") == 0) text = "longrope"; /* its first name */
    snprintf(key, sizeof key, "model." LF_ROPE "%s", name);
    snprintf(origin, sizeof origin, "%.1000s:%d", path, e->line);
    return lf__config_set(c, key, text, origin, err);
}

/* rope_scaling: nothing, null and type default are plain positions, whatever numbers lie beside. */
static int read_rope(lf_config *c, const lf_doc *doc, const lf_family *f, const char *path, lf_error *err)
{
    char origin[LF_CONFIG_PATH_MAX + 32], key[LF_TEXT_MAX];
    lf_rope_scaling *s = &c->model.rope_scaling;
    size_t row = 0;
    bool there = false;
    snprintf(origin, sizeof origin, "%.1000s (absent)", path);
    for (const char *const *name = lf__model_switches; *name; name++) {
        if (after(*name, LF_ROPE) == *name) continue;
        snprintf(key, sizeof key, "model.%s", *name);
        if (lf__config_set(c, key, lf__option_find(lf__config_options, key)->fallback, origin, err)) return -1;
    }
    if (strcmp(f->arch, "llama") != 0) return 0;
    if (read_rope_key(c, doc, path, "rope_type", &there, err)) return -1;
    if (strcmp(f->type, "phi3") == 0 && strcmp(s->rope_type, "yarn") == 0) snprintf(s->rope_type, sizeof s->rope_type, "longrope");
    if (strcmp(s->rope_type, "default") == 0) return 0;
    while (row + 1 < LF_COUNT(rope_types) && strcmp(rope_types[row].type, s->rope_type) != 0) row++;
    for (const char *const *full = lf__model_switches; *full; full++) {
        const char *name = after(*full, LF_ROPE);
        bool needed = lf__says(rope_types[row].needs, name);
        if (name == *full || !(needed || lf__says(rope_types[row].may, name))) continue;
        if (read_rope_key(c, doc, path, name, &there, err)) return -1;
        if (needed && !there)
            return lf_error_set(err, LF_E_CONFIG, "%s: \"rope_scaling\" is of type %s, but its \"%s\" is missing", path, s->rope_type,
                                name);
        if (!there && strcmp(name, "factor") == 0) s->factor = 0; /* by the contexts, below */
    }
    const lf_doc_entry *original = find(doc, "original_max_position_embeddings"); /* beside it, as in Phi-3: this one counts */
    snprintf(origin, sizeof origin, "%.1000s:%d", path, original ? original->line : 0);
    if (original && !original->is_null && lf__says(rope_types[row].may, original->key) &&
        lf__config_set(c, "model." LF_ROPE "original_max_position_embeddings", original->value, origin, err))
        return -1;
    if (!(s->factor >= 1)) {
        bool yarn = strcmp(s->rope_type, "yarn") == 0; /* longrope's attention factor comes from the contexts themselves */
        s->factor = yarn ? (double)c->model.max_position_embeddings / (double)lf__rope_original(&c->model) : 1;
        s->factor = LF_MAX(s->factor, 1);
    }
    for (size_t i = 0; i < doc->n; i++) {
        const char *name = after(after(after(doc->entries[i].key, LF_ROPE), "rope_parameters."), "full_attention.");
        size_t n = strcspn(name, ".");
        static const char *const fine[] = {"type", "rope_type", "rope_theta", "partial_rotary_factor", "sliding_attention", "finetuned"};
        bool known = name == doc->entries[i].key || doc->entries[i].is_null;
        for (size_t k = 0; k < LF_COUNT(fine) && !known; k++) known = strlen(fine[k]) == n && strncmp(fine[k], name, n) == 0;
        for (const char *const *full = lf__model_switches; *full && !known; full++)
            known = strlen(after(*full, LF_ROPE)) == n && strncmp(after(*full, LF_ROPE), name, n) == 0;
        if (!known)
            return lf_error_set(err, LF_E_UNSUPPORTED, "%s:%d: %s: this key of scaled rotary positions (%s) is not known here", path,
                                doc->entries[i].line, doc->entries[i].key, s->rope_type);
    }
    return 0;
}

/* Entry i of a list, or NULL. */
static const lf_doc_entry *item(const lf_doc *doc, const char *list, int64_t i)
{
    char key[LF_TEXT_MAX];
    snprintf(key, sizeof key, "%s.%lld", list, (long long)i);
    return find(doc, key);
}

/* The end of the run of layers from `from` on that see everything (full), or that do not. */
static int64_t run_of(const lf_doc *doc, int64_t from, int64_t layers, bool full)
{
    for (; from < layers; from++) {
        const lf_doc_entry *e = item(doc, "layer_types", from);
        if (!e || (strcmp(e->value, "full_attention") == 0) != full) break;
    }
    return LF_MIN(from, layers);
}

/* Lists with one entry a layer, as the rules that make them: layer_types ("sliding_attention" or "full_attention") and no_rope_layers
 * (1 = rotary). A list that no rule of ours makes is refused. */
static int read_layers(lf_config *c, const lf_doc *doc, const lf_family *f, const char *path, lf_error *err)
{
    lf_model_config *m = &c->model;
    const lf_doc_entry *asked = find(doc, "use_sliding_window"), *e = item(doc, "no_rope_layers", 0);
    int64_t layers = m->num_hidden_layers;
    if (lf__says(f->reads, "no_rope_layer_interval") && e) {
        int64_t off = 0;
        while (off < layers && item(doc, "no_rope_layers", off) && strcmp(item(doc, "no_rope_layers", off)->value, "0") != 0) off++;
        m->no_rope_layer_interval = off < layers ? off + 1 : 0;
        for (int64_t i = 0; i < layers; i++) {
            e = item(doc, "no_rope_layers", i);
            if (!e || strcmp(e->value, lf__layer_rotates(m, (int)i) ? "1" : "0") != 0)
                return lf_error_set(err, LF_E_UNSUPPORTED,
                                    "%s: no_rope_layers: layers without positions must come at equal distances, one entry a layer", path);
        }
    }
    bool on = m->sliding_window > 0 && (!f->asks || (asked && strcmp(asked->value, "true") == 0));
    if (f->asks && asked && strcmp(asked->value, "true") == 0 && !lf__says(f->reads, "sliding_window"))
        return lf_error_set(err, LF_E_UNSUPPORTED, "%s:%d: use_sliding_window: a sliding window in a model of type %s is not implemented",
                            path, asked->line, f->type);
    if (!on) m->sliding_window = m->sliding_window_pattern = m->max_window_layers = 0;
    if (!on || !lf__says(f->reads, "sliding_window_pattern") || !item(doc, "layer_types", 0)) return 0;
    int64_t first = run_of(doc, 0, layers, true), full = run_of(doc, first, layers, false), next = run_of(doc, full + 1, layers, false);
    m->max_window_layers = first;
    m->sliding_window_pattern = next < layers ? next - full : full < layers ? full + 1 : 0;
    for (int64_t i = 0; i < layers; i++) {
        e = item(doc, "layer_types", i);
        if (!e || strcmp(e->value, lf__layer_slides(m, (int)i) ? "sliding_attention" : "full_attention") != 0)
            return lf_error_set(err, LF_E_UNSUPPORTED,
                                "%s: layer_types: expected one entry a layer, sliding_attention with full_attention at equal distances",
                                path);
    }
    if (first == layers) m->sliding_window = m->max_window_layers = 0;
    return 0;
}

int lf__config_read_hf(lf_config *c, const lf_doc *doc, const char *path, lf_error *err)
{
    char key[LF_TEXT_MAX], origin[LF_CONFIG_PATH_MAX + 32];
    const lf_family *f = find_family(doc, path, err);
    if (!f || refuse_unsupported(doc, f, path, err)) return -1;
    snprintf(origin, sizeof origin, "%.1000s:%d", path, find(doc, "model_type")->line);
    if (lf__config_set(c, "model.model_type", f->arch, origin, err) || read_switches(c, doc, f, path, err)) return -1;
    for (size_t row = 0; row < LF_COUNT(read_keys); row++) {
        const char *name = read_keys[row].name;
        const lf_doc_entry *e = find_key(doc, f, name);
        if (!e && strcmp(name, "eos_token_id") == 0) e = find(doc, "eos_token_id.0"); /* a list of stops: the first ends documents */
        char set[LF_TEXT_MAX];
        const char *fallback = lf__family_sets(f, name, set, sizeof set) ? set : read_keys[row].fallback, *text = e ? e->value : fallback;
        char four[32];
        if (strcmp(f->type, "gpt2") == 0 && strcmp(name, "intermediate_size") == 0 && (!e || e->is_null)) {
            snprintf(four, sizeof four, "%lld", (long long)LF_MIN(4 * c->model.hidden_size, 1048576));
            snprintf(origin, sizeof origin, "%.1000s (absent)", path);
            if (lf__config_set(c, "model.intermediate_size", four, origin, err)) return -1;
            continue;
        }
        snprintf(origin, sizeof origin, e ? "%.1000s:%d" : "%.1000s (absent)", path, e ? e->line : 0);
        if (!e && read_keys[row].needed) return lf_error_set(err, LF_E_CONFIG, "%s: \"%s\" is missing", path, name);
        if (e && e->is_null) {
            if (read_keys[row].needed) return lf_error_set(err, LF_E_CONFIG, "%s: %s is null, expected a number", origin, name);
            text = strstr(name, "token_id") ? "-1" : fallback;
        }
        snprintf(key, sizeof key, "model.%s", name);
        if (lf__config_set(c, key, text, origin, err)) return -1;
    }
    if (read_rope(c, doc, f, path, err) || read_layers(c, doc, f, path, err)) return -1;
    if (c->model.vocab_size == 0) return lf_error_set(err, LF_E_CONFIG, "%s: vocab_size: expected at least 1, got 0", path);
    warn_unknown(doc, f, path);
    return 0;
}

/* ---- back --------------------------------------------------------------------------------------------------------------------- */
/* A key of the model section as JSON, under the family's name: our text is JSON's, but for names, and reals that look whole. */
static void add_key(lf_buf *b, const lf_config *c, const lf_family *f, const char *name)
{
    char key[LF_TEXT_MAX], value[LF_TEXT_MAX];
    snprintf(key, sizeof key, "model.%s", name);
    const lf_option *o = lf__option_find(lf__config_options, key);
    lf__option_get(o, c, value, sizeof value);
    /* others divide by a cap of 0 */
    bool null = (strstr(name, "softcapping") || strcmp(name, "sliding_window") == 0) && strcmp(value, "0") == 0;
    /* transformers wants a whole number here, and a real one everywhere else */
    bool whole = o->type == LF_OPT_DOUBLE && !strpbrk(value, ".e") && strcmp(name, "query_pre_attn_scalar") != 0;
    const char *quote = o->type == LF_OPT_CHOICE ? "\"" : "";
    for (size_t i = 0; i < LF_COUNT(aliases); i++)
        if (strcmp(aliases[i].type, f->type) == 0 && strcmp(aliases[i].ours, name) == 0) name = aliases[i].theirs;
    if (null)
        lf__buf_printf(b, "  \"%s\": null,\n", name);
    else
        lf__buf_printf(b, "  \"%s\": %s%s%s%s,\n", name, quote, value, whole ? ".0" : "", quote);
}

static void add_layers(lf_buf *b, const lf_model_config *m)
{
    lf__buf_printf(b, "  \"use_sliding_window\": %s,\n  \"layer_types\": [", m->sliding_window ? "true" : "false");
    for (int i = 0; i < (int)m->num_hidden_layers; i++)
        lf__buf_printf(b, "%s\"%s_attention\"", i ? ", " : "", lf__layer_slides(m, i) ? "sliding" : "full");
    lf__buf_puts(b, "],\n");
}

/* The keys of rope_scaling that its type has, each with a comma before it. */
static void add_scaling(lf_buf *b, const lf_config *c)
{
    const char *type = c->model.rope_scaling.rope_type;
    lf__buf_printf(b, "\"rope_type\": \"%s\"", type[0] ? type : "default");
    for (size_t row = 0; row < LF_COUNT(rope_types); row++) {
        if (strcmp(rope_types[row].type, type) != 0) continue;
        for (const char *const *full = lf__model_switches; *full; full++) {
            char key[LF_TEXT_MAX], value[LF_CONFIG_PATH_MAX];
            const char *name = after(*full, LF_ROPE);
            snprintf(key, sizeof key, "model.%s", *full);
            const lf_option *o = lf__option_find(lf__config_options, key);
            lf__option_get(o, c, value, sizeof value);
            bool original = strcmp(name, "original_max_position_embeddings") == 0, factor = strcmp(name, "factor") == 0;
            bool needed = lf__says(rope_types[row].needs, name) || (factor && strcmp(type, "yarn") == 0);
            bool may = lf__says(rope_types[row].may, name) && (original || strcmp(value, o->fallback) != 0);
            if (name == *full || !(needed || may)) continue;
            if (original)
                lf__buf_printf(b, ", \"%s\": %lld", name, (long long)lf__rope_original(&c->model));
            else if (o->type == LF_OPT_STRING) {
                lf__buf_printf(b, ", \"%s\": [", name);
                for (char *p = value; *p; p++) *p == '|' ? lf__buf_puts(b, ", ") : lf__buf_add(b, p, 1);
                lf__buf_puts(b, "]");
            } else
                lf__buf_printf(b, ", \"%s\": %s%s", name, value, o->type == LF_OPT_DOUBLE && !strpbrk(value, ".e") ? ".0" : "");
        }
    }
}

/* Rotary positions in both spellings: rope_scaling beside rope_theta (v4), and rope_parameters (v5). */
static void add_ropes(lf_buf *b, const lf_config *c, const lf_family *f)
{
    const lf_model_config *m = &c->model;
    bool scaled = m->rope_scaling.rope_type[0] && strcmp(m->rope_scaling.rope_type, "default") != 0,
         local = lf__says(f->reads, "rope_local_base_freq");
    if (scaled && strcmp(f->type, "phi3") == 0)
        lf__buf_printf(b, "  \"original_max_position_embeddings\": %lld,\n", (long long)lf__rope_original(m));
    lf__buf_puts(b, scaled ? "  \"rope_scaling\": {" : "  \"rope_scaling\": null");
    if (scaled) add_scaling(b, c), lf__buf_puts(b, "}");
    lf__buf_printf(b, ",\n  \"rope_parameters\": {%s", local && m->rope_local_base_freq > 0 ? "\"full_attention\": {" : "");
    add_scaling(b, c);
    lf__buf_printf(b, ", \"rope_theta\": %.17g", m->rope_theta);
    if (local && m->rope_local_base_freq > 0)
        lf__buf_printf(b, "}, \"sliding_attention\": {\"rope_type\": \"default\", \"rope_theta\": %.17g}", m->rope_local_base_freq);
    else if (m->partial_rotary_factor < 1)
        lf__buf_printf(b, ", \"partial_rotary_factor\": %.17g", m->partial_rotary_factor);
    lf__buf_puts(b, "},\n");
}

int lf_config_save_hf(const lf_config *c, const char *path, lf_error *err) { return lf__config_save_hf(c, "float32", path, err); }

int lf__config_save_hf(const lf_config *c, const char *dtype, const char *path, lf_error *err)
{
    lf_config full = *c; /* with the zeros that mean "derive it" filled in */
    lf_model_config *m = &full.model;
    if (!m->num_key_value_heads) m->num_key_value_heads = m->num_attention_heads;
    if (!m->head_dim && m->num_attention_heads) m->head_dim = m->hidden_size / m->num_attention_heads;
    if (!m->hidden_act[0]) snprintf(m->hidden_act, sizeof m->hidden_act, "silu");
    if (!(m->partial_rotary_factor > 0)) m->partial_rotary_factor = 1;
    const lf_family *f = lf__family_of(&full);
    bool gpt2 = strcmp(f->type, "gpt2") == 0;
    char unused[LF_TEXT_MAX]; /* a file of gemma2 without this number means another */
    if (!(m->query_pre_attn_scalar > 0) && lf__family_sets(f, "query_pre_attn_scalar", unused, sizeof unused))
        m->query_pre_attn_scalar = (double)m->head_dim;
    lf_buf b;
    lf__buf_init(&b, 1 << 16);
    lf__buf_printf(&b, "{\n  \"architectures\": [\"%s\"],\n  \"model_type\": \"%s\",\n", f->architecture, f->type);
    static const char *const keys[] = {"vocab_size",
                                       "hidden_size",
                                       "intermediate_size",
                                       "num_hidden_layers",
                                       "num_attention_heads",
                                       "rms_norm_eps",
                                       "max_position_embeddings",
                                       "initializer_range",
                                       "tie_word_embeddings",
                                       "num_key_value_heads",
                                       "head_dim",
                                       "rope_theta"};
    for (size_t i = 0; i < LF_COUNT(keys) - (gpt2 ? 3 : 0); i++) add_key(&b, &full, f, keys[i]);
    for (const char *const *name = lf__model_switches; *name; name++)
        if (lf__says(f->reads, *name)) add_key(&b, &full, f, *name);
    if (lf__says(f->reads, "sliding_window_pattern")) add_layers(&b, m);
    for (int eos = 0; eos < 2; eos++) {
        int64_t id = eos ? m->eos_token_id : m->bos_token_id;
        lf__buf_printf(&b, "  \"%s_token_id\": ", eos ? "eos" : "bos");
        if (id < 0)
            lf__buf_puts(&b, "null,\n");
        else
            lf__buf_printf(&b, "%lld,\n", (long long)id);
    }
    lf__buf_puts(&b, "  \"pad_token_id\": null,\n"); /* absent, some types take a number beyond small vocabularies */
    if (!gpt2) add_ropes(&b, &full, f);
    lf__buf_printf(&b, "  \"dtype\": \"%s\",\n  \"torch_dtype\": \"%s\",\n  \"use_cache\": true\n}\n", dtype, dtype);
    int rc = b.failed ? lf_error_set(err, LF_E_MEMORY, "%s: out of memory", path) : lf__write_file(path, b.data, b.len, err);
    lf__buf_release(&b);
    return rc;
}
