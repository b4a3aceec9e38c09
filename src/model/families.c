/* families.c - what a model type means: which architecture computes it, which switches it sets, which a file of it may say. Every reader
 * and writer of configurations (config_hf.c, config_gguf.c) asks this table. Constant. */
#include <string.h>

#include "model/config_table.h"
#include "model/model.h"

/* clang-format off */
const lf_family lf__families[] = {
    {"llama", "LlamaForCausalLM", "llama", "llama", "", "hidden_act attention_bias mlp_bias", false, true, true},
    {"mistral", "MistralForCausalLM", "llama", "llama", "sliding_window=4096", "hidden_act sliding_window", false, true, true},
    {"qwen2", "Qwen2ForCausalLM", "llama", "qwen2", "qkv_bias=true sliding_window=4096 max_window_layers=28",
        "hidden_act sliding_window sliding_window_pattern max_window_layers", true, true, false},
    {"qwen3", "Qwen3ForCausalLM", "llama", "qwen3", "use_qk_norm=true sliding_window=4096 max_window_layers=28",
        "hidden_act attention_bias sliding_window sliding_window_pattern max_window_layers", true, true, false},
    {"gemma2", "Gemma2ForCausalLM", "llama", "gemma2",
        "tie_word_embeddings=true hidden_act=gelu_pytorch_tanh sliding_window=4096 sliding_window_pattern=2 attn_logit_softcapping=50 "
        "final_logit_softcapping=30 query_pre_attn_scalar=256 head_dim=256 rms_norm_unit_offset=true sandwich_norm=true "
        "scale_embedding=true",
        "hidden_act attention_bias sliding_window sliding_window_pattern max_window_layers attn_logit_softcapping final_logit_softcapping "
        "query_pre_attn_scalar", false, true, false},
    {"gemma3_text", "Gemma3ForCausalLM", "llama", "gemma3",
        "tie_word_embeddings=true hidden_act=gelu_pytorch_tanh sliding_window=4096 sliding_window_pattern=6 query_pre_attn_scalar=256 "
        "head_dim=256 rope_theta=1000000 rope_local_base_freq=10000 max_position_embeddings=131072 rms_norm_unit_offset=true "
        "sandwich_norm=true scale_embedding=true use_qk_norm=true",
        "hidden_act attention_bias sliding_window sliding_window_pattern max_window_layers final_logit_softcapping query_pre_attn_scalar "
        "rope_local_base_freq", false, true, false},
    {"phi3", "Phi3ForCausalLM", "llama", "phi3", "fused_projections=true rms_norm_eps=1e-5 max_position_embeddings=4096 eos_token_id=32000",
        "hidden_act partial_rotary_factor sliding_window", false, true, false},
    {"smollm3", "SmolLM3ForCausalLM", "llama", "smollm3", "tie_word_embeddings=true no_rope_layer_interval=4",
        "hidden_act attention_bias mlp_bias no_rope_layer_interval", true, true, true},
    {"arcee", "ArceeForCausalLM", "llama", "arcee", "hidden_act=relu2 ungated_mlp=true", "hidden_act attention_bias mlp_bias", false, true, true},
    {"gpt2", "GPT2LMHeadModel", "gpt2", "gpt2", "tie_word_embeddings=true hidden_act=gelu_new rms_norm_eps=1e-5", "hidden_act", false, true, false},
    {"foundry", "FoundryForCausalLM", "llama", "foundry", "",
        "hidden_act ungated_mlp attention_bias qkv_bias mlp_bias sliding_window sliding_window_pattern max_window_layers "
        "no_rope_layer_interval partial_rotary_factor rope_local_base_freq fused_projections alibi attn_logit_softcapping "
        "final_logit_softcapping query_pre_attn_scalar rms_norm_unit_offset sandwich_norm scale_embedding use_qk_norm attention_sinks", false, false, false},
    {0}};
/* clang-format on */

/* Every switch away from the plain architecture. */
const char *const lf__model_switches[] = {"hidden_act",
                                          "ungated_mlp",
                                          "attention_bias",
                                          "qkv_bias",
                                          "mlp_bias",
                                          "sliding_window",
                                          "sliding_window_pattern",
                                          "max_window_layers",
                                          "no_rope_layer_interval",
                                          "partial_rotary_factor",
                                          "rope_local_base_freq",
                                          "fused_projections",
                                          "alibi",
                                          "attn_logit_softcapping",
                                          "final_logit_softcapping",
                                          "query_pre_attn_scalar",
                                          "rms_norm_unit_offset",
                                          "sandwich_norm",
                                          "scale_embedding",
                                          "use_qk_norm",
                                          "attention_sinks",
                                          "rope_scaling.rope_type",
                                          "rope_scaling.factor",
                                          "rope_scaling.original_max_position_embeddings",
                                          "rope_scaling.low_freq_factor",
                                          "rope_scaling.high_freq_factor",
                                          "rope_scaling.beta_fast",
                                          "rope_scaling.beta_slow",
                                          "rope_scaling.truncate",
                                          "rope_scaling.attention_factor",
                                          "rope_scaling.mscale",
                                          "rope_scaling.mscale_all_dim",
                                          "rope_scaling.short_factor",
                                          "rope_scaling.long_factor",
                                          NULL};

bool lf__says(const char *words, const char *key)
{
    size_t n = strlen(key);
    for (const char *p = words; *p; p += strcspn(p, " "), p += *p == ' ')
        if (strcspn(p, " ") == n && strncmp(p, key, n) == 0) return true;
    return false;
}

const char *lf__family_sets(const lf_family *f, const char *key, char *out, size_t size)
{
    size_t n = strlen(key);
    for (const char *p = f->sets; *p; p += strcspn(p, " "), p += *p == ' ') {
        if (strncmp(p, key, n) != 0 || p[n] != '=') continue;
        snprintf(out, size, "%.*s", (int)(strcspn(p, " ") - n - 1), p + n + 1);
        return out;
    }
    return NULL;
}

/* Can a config.json of this family say what c computes? Every switch as the file can have it, or as the family sets it, or off. */
static bool expresses(const lf_family *f, const lf_config *c)
{
    const char *rope = c->model.rope_scaling.rope_type;
    if (strcmp(f->arch, c->model.model_type) != 0) return false;
    if (strcmp(f->type, "phi3") == 0 && rope[0] && strcmp(rope, "default") != 0 && strcmp(rope, "longrope") != 0) return false;
    for (const char *const *name = lf__model_switches; *name; name++) {
        char key[LF_TEXT_MAX], value[LF_CONFIG_PATH_MAX], set[LF_TEXT_MAX];
        snprintf(key, sizeof key, "model.%s", *name);
        const lf_option *o = lf__option_find(lf__config_options, key);
        const char *meant = lf__family_sets(f, *name, set, sizeof set);
        if (lf__says(f->reads, *name) || strncmp(*name, LF_ROPE, strlen(LF_ROPE)) == 0) continue;
        if (strcmp(lf__option_get(o, c, value, sizeof value), meant ? meant : o->fallback) != 0) return false;
    }
    return true;
}

const lf_family *lf__family_of(const lf_config *c)
{
    const lf_family *f = lf__families;
    while (f[1].type && !expresses(f, c)) f++;
    return f;
}

const lf_family *lf__family_find(const char *type, size_t offset)
{
    for (const lf_family *f = lf__families; f->type; f++) {
        const char *name;
        memcpy(&name, (const char *)f + offset, sizeof name);
        if (strcmp(name, type) == 0) return f;
    }
    return NULL;
}

char *lf__family_list(char out[256], size_t offset)
{
    out[0] = '\0';
    for (const lf_family *f = lf__families; f->type; f++) {
        const char *name;
        memcpy(&name, (const char *)f + offset, sizeof name);
        if (lf__family_find(name, offset) != f) continue; /* two types may share a name */
        snprintf(out + strlen(out), 256 - strlen(out), "%s%s", out[0] ? ", " : "", name);
    }
    return out;
}
