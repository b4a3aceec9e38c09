/* config_hf.c - the model section from and to a Hugging Face config.json. Foreign files are met with three tables: keys that we read, keys
 * whose value must be the one we compute with, keys that never change the arithmetic. What remains gets one warning. */
#include "model/config_table.h"

#include <string.h>

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

static int check_type(const lf_doc *doc, const char *path, lf_error *err)
{
    const lf_doc_entry *type = find(doc, "model_type");
    if (!type) {
        lf_error_set(err, LF_E_CONFIG, "%s: no \"model_type\": expected a Hugging Face configuration of a llama model", path);
        return lf_error_hint(err, "our own configurations put these keys below \"model:\"; see foundry config init");
    }
    if (strcmp(type->value, "llama") == 0) return 0;
    lf_error_set(err, LF_E_UNSUPPORTED, "%s:%d: model_type: expected \"llama\", got \"%.64s\": this architecture is not implemented", path,
                 type->line, type->value);
    return lf_error_hint(err, "models of type llama can be read");
}

static int refuse_unsupported(const lf_doc *doc, const char *path, lf_error *err)
{
    for (size_t i = 0; i < doc->n; i++) {
        const lf_doc_entry *e = &doc->entries[i];
        for (size_t row = 0; row < LF_COUNT(must_be); row++) {
            if (!covers(must_be[row].key, e->key) || e->is_null || one_of(must_be[row].values, e->value)) continue;
            const char *values = must_be[row].values;
            return lf_error_set(err, LF_E_UNSUPPORTED, "%s:%d: %s: expected %s, got \"%.64s\": %s", path, e->line, e->key,
                                *values ? values : "null or nothing", e->value, must_be[row].what);
        }
    }
    return 0;
}

static void warn_unknown(const lf_doc *doc, const char *path)
{
    char list[400] = "";
    size_t at = 0;
    int n = 0;
    for (size_t i = 0; i < doc->n; i++) {
        const char *key = doc->entries[i].key;
        bool known =
            strncmp(key, "eos_token_id.", 13) == 0 || strncmp(key, "rope_scaling.", 13) == 0; /* a default rope may carry numbers */
        for (size_t row = 0; row < LF_COUNT(read_keys); row++) known |= strcmp(read_keys[row].name, key) == 0;
        for (size_t row = 0; row < LF_COUNT(must_be); row++) known |= covers(must_be[row].key, key);
        for (size_t row = 0; row < LF_COUNT(harmless); row++) known |= covers(harmless[row], key);
        if (known || doc->entries[i].is_null) continue;
        if (at < sizeof list - 80) at += (size_t)snprintf(list + at, sizeof list - at, "%s%.60s", n ? ", " : "", key);
        n++;
    }
    if (n) lf__log(LF_LOG_WARNING, "%s: %d %s not known here and ignored: %s", path, n, n == 1 ? "key is" : "keys are", list);
}

int lf__config_read_hf(lf_config *c, const lf_doc *doc, const char *path, lf_error *err)
{
    char key[LF_TEXT_MAX], origin[LF_CONFIG_PATH_MAX + 32];
    if (check_type(doc, path, err) || refuse_unsupported(doc, path, err)) return -1;
    snprintf(origin, sizeof origin, "%.1000s:%d", path, find(doc, "model_type")->line);
    if (lf__config_set(c, "model.model_type", "llama", origin, err)) return -1;
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
    warn_unknown(doc, path);
    return 0;
}

/* ---- back --------------------------------------------------------------------------------------------------------------------- */
static void add_number(lf_buf *b, const lf_config *c, const char *name, bool real)
{
    char key[LF_TEXT_MAX], value[64];
    snprintf(key, sizeof key, "model.%s", name);
    lf__option_get(lf__option_find(lf__config_options, key), c, value, sizeof value);
    lf__buf_printf(b, "  \"%s\": %s%s,\n", name, value, real && !strpbrk(value, ".e") ? ".0" : "");
}

int lf_config_save_hf(const lf_config *c, const char *path, lf_error *err)
{
    lf_config full = *c; /* with the zeros that mean "derive it" filled in */
    lf_model_config *m = &full.model;
    if (!m->num_key_value_heads) m->num_key_value_heads = m->num_attention_heads;
    if (!m->head_dim && m->num_attention_heads) m->head_dim = m->hidden_size / m->num_attention_heads;
    lf_buf b;
    lf__buf_init(&b, 1 << 16);
    lf__buf_puts(&b, "{\n  \"architectures\": [\"LlamaForCausalLM\"],\n  \"model_type\": \"llama\",\n");
    static const char *const whole[] = {"vocab_size",          "hidden_size",         "intermediate_size", "num_hidden_layers",
                                        "num_attention_heads", "num_key_value_heads", "head_dim",          "max_position_embeddings"};
    static const char *const real[] = {"rms_norm_eps", "rope_theta", "initializer_range"};
    for (size_t i = 0; i < LF_COUNT(whole); i++) add_number(&b, &full, whole[i], false);
    for (size_t i = 0; i < LF_COUNT(real); i++) add_number(&b, &full, real[i], true);
    lf__buf_printf(&b, "  \"tie_word_embeddings\": %s,\n", m->tie_word_embeddings ? "true" : "false");
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
