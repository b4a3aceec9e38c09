/* config_gguf.c - the model section from and to the metadata of a GGUF file. One table says which key holds which option. What no key of
 * the format can say goes into pairs of our own ("foundry.model.<key>", as text): we read back exactly what we wrote, and whoever writes is
 * told what other programs will not know. Owns nothing. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"
#include "model/config_table.h"
#include "model/model.h"

#define OURS "foundry." /* begins the pairs of our own */

/* Keys behind "<architecture>.", with the option of the same meaning. A number of 0 is off and not written. */
static const struct {
    const char *key, *ours;
    char type;         /* 'u' u32, 'f' f32                                       */
    const char *archs; /* general.architecture that has it; "" = all, "*" = all but gpt2 */
    bool needed;
} keys[] = {
    {"context_length", "max_position_embeddings", 'u', "", true},
    {"embedding_length", "hidden_size", 'u', "", true},
    {"block_count", "num_hidden_layers", 'u', "", true},
    {"feed_forward_length", "intermediate_size", 'u', "", true},
    {"attention.head_count", "num_attention_heads", 'u', "", true},
    {"attention.head_count_kv", "num_key_value_heads", 'u', "", false},
    {"attention.key_length", "head_dim", 'u', "*", false},
    {"vocab_size", "vocab_size", 'u', "", false},
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps", 'f', "*", true},
    {"attention.layer_norm_epsilon", "rms_norm_eps", 'f', "gpt2", true},
    {"rope.freq_base", "rope_theta", 'f', "*", false},
    {"rope.freq_base_swa", "rope_local_base_freq", 'f', "gemma3 foundry", false},
    {"attention.sliding_window", "sliding_window", 'u', "gemma2 gemma3 phi3 foundry", false},
    {"attention.sliding_window_pattern", "sliding_window_pattern", 'u', "gemma2 gemma3 foundry", false},
    {"attn_logit_softcapping", "attn_logit_softcapping", 'f', "gemma2 foundry", false},
    {"final_logit_softcapping", "final_logit_softcapping", 'f', "gemma2 gemma3 foundry", false},
};

static bool has(const char *archs, const lf_family *f)
{
    return !*archs || (*archs == '*' ? strcmp(f->gguf, "gpt2") != 0 : lf__says(archs, f->gguf));
}

char *lf__float_text(char out[32], double value)
{
    for (int digits = 6; digits <= 9; digits++) {
        double back;
        snprintf(out, 32, "%.*g", digits, value);
        if (lf__parse_double(out, "", -1e308, 1e308, &back, NULL) == 0 && (float)back == (float)value) break;
    }
    return out;
}

static int set(lf_config *c, const char *name, const char *value, const char *origin, lf_error *err)
{
    char key[LF_TEXT_MAX];
    snprintf(key, sizeof key, "model.%s", name);
    return lf__config_set(c, key, value, origin, err);
}

/* ---- what a file of this family means before it has said anything ------------------------------------------------------------------ */
static int begin(lf_config *c, const lf_family *f, const char *origin, lf_error *err)
{
    for (const lf_option *o = lf__config_options; o->key; o++) {
        char value[LF_TEXT_MAX];
        const char *name = o->key + strlen("model.");
        if (strncmp(o->key, "model.", 6) != 0) continue;
        bool window = strcmp(name, "sliding_window") == 0 || strcmp(name, "max_window_layers") == 0;
        const char *sets = window && (f->asks || !has("gemma2 gemma3", f)) ? NULL : lf__family_sets(f, name, value, sizeof value);
        if (lf__config_set(c, o->key, sets ? sets : o->fallback, origin, err)) return -1;
    }
    return set(c, "model_type", f->arch, origin, err) || set(c, "tie_word_embeddings", "false", origin, err) ||
                   set(c, "rms_norm_eps", "1e-6", origin, err) || set(c, "head_dim", "0", origin, err)
               ? -1
               : 0;
}

/* Scores are divided by the root of what the format cannot say: the width of a head, but for the largest Gemmas that of the model. */
static double pre_attention(const lf_family *f, const lf_model_config *m)
{
    double head_dim = (double)(m->head_dim ? m->head_dim : m->hidden_size / LF_MAX(m->num_attention_heads, 1));
    bool large =
        (strcmp(f->gguf, "gemma2") == 0 && m->num_hidden_layers == 46) || (strcmp(f->gguf, "gemma3") == 0 && m->num_hidden_layers == 62);
    if (!has("gemma2 gemma3", f)) return 0;
    return large ? (double)(m->hidden_size / LF_MAX(m->num_attention_heads, 1)) : head_dim;
}

/* ---- reading ----------------------------------------------------------------------------------------------------------------------- */
typedef struct reader {
    const lf_gguf *g;
    const lf_weights *w;
    const lf_family *f;
    const char *path;
    lf_error *err;
} reader;

static char *full(char out[LF_TEXT_MAX], const reader *r, const char *key)
{
    snprintf(out, LF_TEXT_MAX, "%s.%s", r->f->gguf, key);
    return out;
}

static int read_keys(const reader *r, lf_config *c)
{
    char key[LF_TEXT_MAX], text[64], origin[LF_CONFIG_PATH_MAX + LF_TEXT_MAX];
    for (size_t i = 0; i < LF_COUNT(keys); i++) {
        if (!has(keys[i].archs, r->f)) continue;
        full(key, r, keys[i].key);
        snprintf(origin, sizeof origin, "%.1000s: %s", r->path, key);
        if (!lf__gguf_find(r->g, key)) {
            if (!keys[i].needed) continue;
            return lf_error_set(r->err, LF_E_CONFIG, "%s: the key \"%s\" is missing", r->path, key);
        }
        int64_t whole = 0;
        double real = 0;
        if (keys[i].type == 'u') {
            if (lf__gguf_get_int(r->g, key, 0, INT32_MAX, &whole, r->err)) return -1;
            snprintf(text, sizeof text, "%" PRId64, whole);
        } else {
            if (lf__gguf_get_double(r->g, key, 0, 1e30, &real, r->err)) return -1;
            lf__float_text(text, real);
        }
        if (set(c, keys[i].ours, text, origin, r->err)) return -1;
    }
    return 0;
}

/* The factors of a small tensor as a list, or "" when it is not there. */
static int read_factors(const reader *r, const char *name, char *out, size_t size, double values[LF_ROPE_FACTORS], int *n)
{
    float v[LF_ROPE_FACTORS];
    const lf_file_tensor *t = lf__weights_find(r->w, name);
    out[0] = '\0', *n = 0;
    if (!t) return 0;
    if (t->n_dims != 1 || t->shape[0] < 1 || t->shape[0] > LF_ROPE_FACTORS) {
        char have[192];
        return lf_error_set(r->err, LF_E_MISMATCH, "%s: \"%s\" has shape %s, expected one side of at most %d", r->path, name,
                            lf__shape_text(have, t->shape, t->n_dims), LF_ROPE_FACTORS);
    }
    if (lf__file_tensor_read(v, t, 0, (size_t)t->shape[0], r->err)) return -1;
    for (*n = 0; *n < (int)t->shape[0]; (*n)++) {
        char number[32];
        values[*n] = (double)v[*n];
        if (!(v[*n] > 0 && v[*n] <= 1e6f))
            return lf_error_set(r->err, LF_E_FORMAT, "%s: \"%s\": element %d is %g, expected a number above 0", r->path, name, *n,
                                values[*n]);
        lf__float_text(number, values[*n]);
        if (strlen(out) + strlen(number) + 2 > size)
            return lf_error_set(r->err, LF_E_LIMIT, "%s: \"%s\" has too many factors", r->path, name);
        if (*n) strcat(out, "|");
        strcat(out, number);
    }
    return 0;
}

/* Factors per pair, llama3's doing: if they are those of the published models, its own numbers are put back; else they stay a list. */
static int read_rope_freqs(const reader *r, lf_config *c)
{
    lf_rope_scaling *s = &c->model.rope_scaling;
    double want[LF_ROPE_FACTORS], inv[LF_ROPE_FACTORS], plain[LF_ROPE_FACTORS];
    int n, d = lf__model_rotary(&c->model);
    if (read_factors(r, "rope_freqs.weight", s->long_factor, sizeof s->long_factor, want, &n)) return -1;
    lf_model_config trial = c->model;
    snprintf(trial.rope_scaling.rope_type, LF_TEXT_MAX, "llama3");
    trial.rope_scaling.factor = want[n - 1];
    trial.rope_scaling.original_max_position_embeddings = 8192;
    trial.rope_scaling.long_factor[0] = '\0';
    bool same = d / 2 == n && lf__rope_check(&trial, d, "", NULL) == 0;
    if (same) {
        lf__rope_frequencies(inv, &trial, d, false, 1);
        lf__rope_frequencies(plain, &c->model, d, false, 1);
    }
    for (int i = 0; same && i < n; i++) same = __builtin_fabs(plain[i] / inv[i] / want[i] - 1) < 1e-5;
    if (same) {
        *s = trial.rope_scaling;
        return 0;
    }
    snprintf(s->rope_type, sizeof s->rope_type, "longrope");
    memcpy(s->short_factor, s->long_factor, sizeof s->short_factor);
    s->attention_factor = 1;
    return 0;
}

static int read_rope(const reader *r, lf_config *c)
{
    lf_rope_scaling *s = &c->model.rope_scaling;
    char key[LF_TEXT_MAX], origin[LF_CONFIG_PATH_MAX + LF_TEXT_MAX];
    const char *type = "linear"; /* what others assume */
    size_t n = 6;
    double factor = 1, attention = 1, values[LF_ROPE_FACTORS];
    int64_t original = 0, rotary = 0;
    int count;
    if (strcmp(r->f->arch, "llama") != 0) return 0;
    if (lf__gguf_get_int(r->g, full(key, r, "rope.dimension_count"), 0, 1 << 16, &rotary, r->err)) return -1;
    int head_dim = lf__model_head_dim(&c->model);
    if (rotary > 0 && rotary < head_dim) c->model.partial_rotary_factor = (double)rotary / head_dim;
    if (lf__gguf_find(r->g, OURS "model." LF_ROPE "rope_type")) return 0;
    if (lf__gguf_get_text(r->g, full(key, r, "rope.scaling.type"), &type, &n, r->err)) return -1;
    snprintf(origin, sizeof origin, "%.1000s: %s", r->path, key);
    if (lf__gguf_get_double(r->g, full(key, r, "rope.scaling.factor"), 0, 1e6, &factor, r->err) ||
        lf__gguf_get_double(r->g, full(key, r, "rope.scaling.attn_factor"), 0, 1e6, &attention, r->err) ||
        lf__gguf_get_int(r->g, full(key, r, "rope.scaling.original_context_length"), 0, 1048576, &original, r->err) ||
        lf__gguf_get_double(r->g, full(key, r, "rope.scaling.yarn_beta_fast"), 1e-3, 1e6, &s->beta_fast, r->err) ||
        lf__gguf_get_double(r->g, full(key, r, "rope.scaling.yarn_beta_slow"), 1e-3, 1e6, &s->beta_slow, r->err))
        return -1;
    bool long_rope = lf__weights_find(r->w, "rope_factors_long.weight") != NULL, linear = n == 6 && memcmp(type, "linear", 6) == 0;
    bool yarn = n == 4 && memcmp(type, "yarn", 4) == 0, none = n == 4 && memcmp(type, "none", 4) == 0;
    if (long_rope) {
        snprintf(s->rope_type, sizeof s->rope_type, "longrope");
        if (read_factors(r, "rope_factors_long.weight", s->long_factor, sizeof s->long_factor, values, &count) ||
            read_factors(r, "rope_factors_short.weight", s->short_factor, sizeof s->short_factor, values, &count))
            return -1;
        s->attention_factor = attention, s->original_max_position_embeddings = original;
        return 0;
    }
    if (lf__weights_find(r->w, "rope_freqs.weight")) return read_rope_freqs(r, c);
    if (!linear && !yarn && !none)
        return lf_error_set(r->err, LF_E_UNSUPPORTED, "%s: \"%.*s\": none, linear, yarn and longrope (with its tensors) are known", origin,
                            (int)LF_MIN(n, 64), type);
    if (none || !(factor > 1)) return 0;
    char number[32];
    if (set(c, LF_ROPE "rope_type", yarn ? "yarn" : "linear", origin, r->err) ||
        set(c, LF_ROPE "factor", lf__float_text(number, factor), origin, r->err))
        return -1;
    if (yarn) s->original_max_position_embeddings = original;
    if (yarn && attention != 1) s->attention_factor = attention * lf__rope_attention_factor(&c->model);
    return 0;
}

/* Pairs of our own, over everything else. */
static int read_ours(const reader *r, lf_config *c)
{
    char origin[LF_CONFIG_PATH_MAX + LF_TEXT_MAX], value[LF_CONFIG_PATH_MAX];
    for (size_t i = 0; i < r->g->n_pairs; i++) {
        const lf_gguf_pair *p = &r->g->pairs[i];
        const char *text;
        size_t n;
        if (strncmp(p->key, OURS "model.", strlen(OURS "model.")) != 0) continue;
        if (lf__gguf_get_text(r->g, p->key, &text, &n, r->err)) return -1;
        if (n >= sizeof value) return lf_error_set(r->err, LF_E_LIMIT, "%s: %s: a text of %zu bytes", r->path, p->key, n);
        memcpy(value, text, n), value[n] = '\0';
        snprintf(origin, sizeof origin, "%.1000s: %.200s", r->path, p->key);
        if (lf__config_set(c, p->key + strlen(OURS), value, origin, r->err)) return -1;
    }
    return 0;
}

int lf__config_read_gguf(lf_config *c, const lf_weights *w, const char *path, lf_error *err)
{
    const lf_gguf *g = w->gguf;
    reader r = {.g = g, .w = w, .path = path, .err = err};
    const char *arch = "", *type = "model";
    char list[256], name[128];
    size_t n = 0, n_type = 5;
    int64_t bos = -1, eos = -1;
    if (lf__gguf_get_text(g, "general.architecture", &arch, &n, err) || lf__gguf_get_text(g, "general.type", &type, &n_type, err))
        return -1;
    if (n_type != 5 || memcmp(type, "model", 5) != 0)
        return lf_error_set(err, LF_E_UNSUPPORTED, "%s: general.type is \"%.*s\", expected \"model\"", path, (int)LF_MIN(n_type, 64), type);
    snprintf(name, sizeof name, "%.*s", (int)LF_MIN(n, 64), arch);
    r.f = lf__family_find(name, offsetof(lf_family, gguf));
    if (!r.f || strlen(name) != n)
        return lf_error_set(err, LF_E_UNSUPPORTED,
                            "%s: general.architecture: expected one of %s, got \"%s\": this architecture is not implemented", path,
                            lf__family_list(list, offsetof(lf_family, gguf)), name);
    if (begin(c, r.f, path, err) || read_keys(&r, c)) return -1;
    const lf_file_tensor *embed = lf__weights_find(w, "token_embd.weight");
    lf_model_config *m = &c->model;
    if (!lf__weights_find(w, "output.weight")) m->tie_word_embeddings = true;
    if (!m->vocab_size && embed && embed->n_dims == 2) m->vocab_size = embed->shape[0];
    if (strcmp(r.f->arch, "llama") == 0) { /* what the tensors that are there say */
        bool qkv = lf__weights_find(w, "blk.0.attn_q.bias"), out = lf__weights_find(w, "blk.0.attn_output.bias");
        m->attention_bias = qkv && out, m->qkv_bias = qkv && !out;
        m->mlp_bias = lf__weights_find(w, "blk.0.ffn_down.bias") != NULL;
        m->fused_projections = lf__weights_find(w, "blk.0.attn_qkv.weight") != NULL;
    }
    if (has("gemma2 gemma3", r.f)) m->query_pre_attn_scalar = pre_attention(r.f, m);
    if (lf__gguf_get_int(g, "tokenizer.ggml.bos_token_id", 0, 1 << 24, &bos, err) ||
        lf__gguf_get_int(g, "tokenizer.ggml.eos_token_id", 0, 1 << 24, &eos, err))
        return -1;
    m->bos_token_id = bos, m->eos_token_id = eos;
    return read_rope(&r, c) || read_ours(&r, c) ? -1 : 0;
}

/* ---- writing ----------------------------------------------------------------------------------------------------------------------- */
int lf__gguf_extras(lf_gguf_extra out[2], const lf_model_config *c)
{
    const char *type = c->rope_scaling.rope_type;
    int d = lf__model_rotary(c), n = 0;
    double plain[LF_ROPE_FACTORS], inv[LF_ROPE_FACTORS];
    lf_model_config unscaled = *c;
    unscaled.rope_scaling.rope_type[0] = '\0';
    lf__rope_frequencies(plain, &unscaled, d, false, 1);
    bool llama3 = strcmp(type, "llama3") == 0, longrope = strcmp(type, "longrope") == 0;
    for (int i = 0; i < (llama3 ? 1 : longrope ? 2 : 0); i++) {
        lf_gguf_extra *e = &out[n++];
        e->name = llama3 ? "rope_freqs.weight" : i ? "rope_factors_short.weight" : "rope_factors_long.weight";
        e->n = d / 2;
        lf__rope_frequencies(inv, c, d, false, longrope && !i ? lf__rope_original(c) + 1 : 1);
        for (int k = 0; k < e->n; k++) e->values[k] = (float)(plain[k] / inv[k]);
    }
    return n;
}

/* rope.scaling.*, and what it means when it is read again. */
static int put_rope(lf_gguf_meta *meta, lf_config *means, const lf_family *f, const lf_config *c, lf_error *err)
{
    const lf_rope_scaling *s = &c->model.rope_scaling;
    lf_rope_scaling *t = &means->model.rope_scaling;
    char key[LF_TEXT_MAX], number[32];
    bool yarn = strcmp(s->rope_type, "yarn") == 0, longrope = strcmp(s->rope_type, "longrope") == 0,
         linear = strcmp(s->rope_type, "linear") == 0;
#define KEY(name) (snprintf(key, sizeof key, "%s.rope." name, f->gguf), key)
    lf__gguf_put_u32(meta, KEY("dimension_count"), (uint32_t)lf__model_rotary(&c->model));
    int head_dim = lf__model_head_dim(&c->model), rotary = lf__model_rotary(&c->model);
    if (rotary && rotary < head_dim) means->model.partial_rotary_factor = (double)rotary / head_dim;
    if (!yarn && !longrope && !linear) return 0;
    snprintf(t->rope_type, sizeof t->rope_type, "%s", s->rope_type);
    lf__gguf_put_text(meta, KEY("scaling.type"), s->rope_type, strlen(s->rope_type));
    if (!longrope) {
        lf__gguf_put_f32(meta, KEY("scaling.factor"), (float)s->factor);
        if (set(means, LF_ROPE "factor", lf__float_text(number, (double)(float)s->factor), "", err)) return -1;
    }
    if (linear) return 0;
    lf__gguf_put_u32(meta, KEY("scaling.original_context_length"), (uint32_t)lf__rope_original(&c->model));
    t->original_max_position_embeddings = lf__rope_original(&c->model);
    if (longrope) {
        float attention = (float)lf__rope_attention_factor(&c->model);
        lf__gguf_put_f32(meta, KEY("scaling.attn_factor"), attention);
        t->attention_factor = (double)attention;
        snprintf(t->long_factor, sizeof t->long_factor, "%s", s->long_factor);
        snprintf(t->short_factor, sizeof t->short_factor, "%s", s->short_factor);
        return 0;
    }
    lf_model_config plain = c->model;
    plain.rope_scaling.attention_factor = plain.rope_scaling.mscale = 0;
    float ratio = (float)(lf__rope_attention_factor(&c->model) / lf__rope_attention_factor(&plain));
    if (ratio != 1) lf__gguf_put_f32(meta, KEY("scaling.attn_factor"), ratio);
    if (ratio != 1) t->attention_factor = (double)ratio * lf__rope_attention_factor(&plain);
    lf__gguf_put_f32(meta, KEY("scaling.yarn_beta_fast"), (float)s->beta_fast);
    lf__gguf_put_f32(meta, KEY("scaling.yarn_beta_slow"), (float)s->beta_slow);
    t->beta_fast = (double)(float)s->beta_fast, t->beta_slow = (double)(float)s->beta_slow;
#undef KEY
    return 0;
}

/* Options that what was written does not say, as pairs of our own. Those that change what others compute are named in one warning. */
static void put_ours(lf_gguf_meta *meta, const lf_config *means, const lf_config *c, const char *path)
{
    char list[512] = "";
    for (const lf_option *o = lf__config_options; o->key; o++) {
        char key[LF_TEXT_MAX + sizeof OURS], a[LF_CONFIG_PATH_MAX], b[LF_CONFIG_PATH_MAX];
        const char *name = o->key + strlen("model.");
        if (strncmp(o->key, "model.", 6) != 0 || strcmp(name, "init_from") == 0) continue;
        if (strcmp(lf__option_get(o, means, a, sizeof a), lf__option_get(o, c, b, sizeof b)) == 0) continue;
        snprintf(key, sizeof key, OURS "%s", o->key);
        lf__gguf_put_text(meta, key, b, strlen(b));
        bool matters = false; /* rope_scaling: only of a type that the format has not */
        for (const char *const *s = lf__model_switches; *s; s++) matters |= strcmp(*s, name) == 0;
        if (strncmp(name, LF_ROPE, strlen(LF_ROPE)) == 0) matters = strcmp(name, LF_ROPE "rope_type") == 0 && strcmp(b, "llama3") != 0;
        if (matters) snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s = %.60s", list[0] ? ", " : "", name, b);
    }
    if (list[0]) lf__log(LF_LOG_WARNING, "%s: GGUF has no key for %s: we read it back, other programs will compute without it", path, list);
}

int lf__gguf_describe(lf_gguf_meta *meta, const lf_config *config, const char *path, lf_error *err)
{
    lf_config *means = lf__calloc(2, sizeof *means, err), *c = means ? means + 1 : NULL;
    if (!means) return -1;
    *c = *config;
    lf_model_config *m = &c->model;
    if (!m->num_key_value_heads) m->num_key_value_heads = m->num_attention_heads;
    if (!m->head_dim) m->head_dim = lf__model_head_dim(m);
    if (!m->rope_scaling.rope_type[0]) snprintf(m->rope_scaling.rope_type, LF_TEXT_MAX, "default");
    const lf_family *f = lf__family_of(c);
    char key[LF_TEXT_MAX], text[64];
    lf_config_init(means);
    int status = begin(means, f, "", err);
    lf__gguf_put_text(meta, "general.architecture", f->gguf, strlen(f->gguf));
    lf__gguf_put_text(meta, "general.type", "model", 5);
    for (size_t i = 0; i < LF_COUNT(keys) && !status; i++) {
        if (!has(keys[i].archs, f)) continue;
        snprintf(key, sizeof key, "model.%s", keys[i].ours);
        const lf_option *o = lf__option_find(lf__config_options, key);
        double value = 0;
        lf__option_get(o, c, text, sizeof text);
        if (lf__parse_double(text, key, -1e30, 1e30, &value, NULL) || value == 0) continue;
        snprintf(key, sizeof key, "%s.%s", f->gguf, keys[i].key);
        if (keys[i].type == 'u')
            lf__gguf_put_u32(meta, key, (uint32_t)value);
        else
            lf__gguf_put_f32(meta, key, (float)value);
        if (keys[i].type == 'f') lf__float_text(text, (double)(float)value);
        status = set(means, keys[i].ours, text, "", err);
    }
    snprintf(key, sizeof key, "%s.attention.value_length", f->gguf);
    bool llama = strcmp(f->arch, "llama") == 0;
    if (llama) lf__gguf_put_u32(meta, key, (uint32_t)m->head_dim);
    if (!llama) means->model.head_dim = m->head_dim;           /* follows from the others */
    means->model.tie_word_embeddings = m->tie_word_embeddings; /* what the tensors say */
    means->model.attention_bias = m->attention_bias, means->model.qkv_bias = m->qkv_bias && !m->attention_bias;
    means->model.mlp_bias = m->mlp_bias, means->model.fused_projections = m->fused_projections;
    means->model.query_pre_attn_scalar = pre_attention(f, m);
    if (!status && llama) status = put_rope(meta, means, f, c, err);
    if (!status) put_ours(meta, means, c, path);
    free(means);
    return status;
}
