/* rules.c - which type every matrix gets: the type that was asked for, a mix, exceptions by name, and what follows where rows are no whole
 * number of blocks. Vectors and position tables are not asked about: they stay float. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "quant/quant.h"

/* Mixes as others know them by these names: the head (which in a tied model is the embedding) and the values and down projections of the
 * outer layers and every third of the others keep more bits; a fused q | k | v lies between. */
typedef struct lf_mix {
    const char *name;
    lf_dtype type, head, more, fused;
    int file_type; /* general.file_type */
} lf_mix;

static const lf_mix mixes[] = {{"q4_k_m", LF_Q4_K, LF_Q6_K, LF_Q6_K, LF_Q5_K, 15}, {"q5_k_m", LF_Q5_K, LF_Q6_K, LF_Q6_K, LF_Q6_K, 17}};

static bool more_bits(int layer, int layers) { return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2; }

static bool is_head(const lf_model *m, const lf_param *p) { return p->weight == (m->config.tie_word_embeddings ? &m->embed : &m->head); }

static lf_dtype type_in_mix(const lf_mix *mix, const lf_model *m, const lf_param *p)
{
    const char *name = p->row->gguf;
    bool wants_more = strcmp(name, "blk.%d.attn_v.weight") == 0 || strcmp(name, "blk.%d.ffn_down.weight") == 0;
    if (is_head(m, p)) return mix->head;
    if (strcmp(name, "blk.%d.attn_qkv.weight") == 0) return mix->fused;
    return wants_more && more_bits(p->layer, (int)m->config.num_hidden_layers) ? mix->more : mix->type;
}

static bool can_write(int type) { return type >= 0 && lf__dtype((lf_dtype)type)->from_float && lf__dtype((lf_dtype)type)->ggml >= 0; }

char *lf__rules_list(char out[320])
{
    size_t n = 0;
    for (int t = 0; t < LF_DTYPES; t++)
        if (can_write(t)) n += (size_t)snprintf(out + n, 320 - n, "%s%s", n ? ", " : "", lf__dtype((lf_dtype)t)->name);
    for (size_t i = 0; i < LF_COUNT(mixes); i++) n += (size_t)snprintf(out + n, 320 - n, ", %s", mixes[i].name);
    return out;
}

static int read_keep(lf_keep *k, const char *text, lf_error *err)
{
    const char *equals = strrchr(text, '=');
    char list[320];
    int type = equals ? lf__dtype_find(equals + 1) : -1;
    if (!equals || equals == text)
        return lf_error_set(err, LF_E_ARGUMENT, "keep: expected PATTERN=TYPE (output=q6_k, blk.*.ffn_down=q8_0), got \"%.64s\"", text);
    if (!can_write(type)) return lf_error_set(err, LF_E_ARGUMENT, "keep \"%.64s\": expected a type out of %s", text, lf__rules_list(list));
    *k = (lf_keep){.pattern = text, .pattern_n = (int)(equals - text), .type = (lf_dtype)type};
    if (k->pattern_n > 127) return lf_error_set(err, LF_E_LIMIT, "keep \"%.64s...\": a pattern of more than 127 bytes", text);
    return 0;
}

int lf__rules_init(lf_quant_rules *r, const char *type, const char *const *keeps, int n_keeps, lf_error *err)
{
    *r = (lf_quant_rules){.type = -1, .n_keeps = n_keeps, .file_type = -1};
    for (size_t i = 0; i < LF_COUNT(mixes) && type; i++)
        if (strcasecmp(mixes[i].name, type) == 0) r->mix = &mixes[i], r->type = (int)mixes[i].type, r->file_type = mixes[i].file_type;
    if (type && !r->mix && !can_write(r->type = lf__dtype_find(type))) {
        char list[320];
        return lf_error_set(err, LF_E_ARGUMENT, "dtype: expected one of %s, got \"%.32s\"", lf__rules_list(list), type);
    }
    if (!(r->keeps = lf__calloc((size_t)n_keeps + 1, sizeof *r->keeps, err))) return -1;
    for (int i = 0; i < n_keeps; i++)
        if (read_keep(&r->keeps[i], keeps[i], err)) return -1;
    return 0;
}

void lf__rules_release(lf_quant_rules *r)
{
    free(r->keeps);
    *r = (lf_quant_rules){0};
}

/* The whole of a name in GGUF, with or without its ".weight"; "output" is the head, whatever it is called. */
static bool matches(const lf_keep *k, const lf_model *m, const lf_param *p)
{
    char pattern[128], name[96];
    snprintf(pattern, sizeof pattern, "%.*s", k->pattern_n, k->pattern);
    lf__param_name(name, p, LF_WEIGHTS_GGUF);
    if (strcmp(pattern, "output") == 0) return is_head(m, p);
    if (fnmatch(pattern, name, 0) == 0) return true;
    name[LF_MAX(strlen(name), sizeof ".weight" - 1) - (sizeof ".weight" - 1)] = '\0';
    return fnmatch(pattern, name, 0) == 0;
}

int lf__rules_type(lf_quant_rules *r, lf_dtype *out, bool *fallback, const lf_model *m, const lf_param *p, lf_dtype stored, lf_error *err)
{
    const lf_keep *kept = NULL;
    *fallback = false;
    for (int i = 0; i < r->n_keeps; i++)
        if (matches(&r->keeps[i], m, p)) kept = &r->keeps[i], r->keeps[i].hits++;
    *out = kept ? kept->type : r->mix ? type_in_mix(r->mix, m, p) : r->type >= 0 ? (lf_dtype)r->type : stored;
    if (p->cols % lf__dtype(*out)->block == 0) return 0;
    if (kept) {
        char name[96];
        return lf_error_set(err, LF_E_ARGUMENT, "keep \"%.*s\": rows of %s have %d numbers, %s takes blocks of %d", kept->pattern_n,
                            kept->pattern, lf__param_name(name, p, LF_WEIGHTS_GGUF), p->cols, lf__dtype(*out)->name,
                            lf__dtype(*out)->block);
    }
    while (p->cols % lf__dtype(*out)->block) *out = lf__dtype(*out)->fallback;
    *fallback = true;
    return 0;
}

int lf__rules_check(const lf_quant_rules *r, const char *path, lf_error *err)
{
    for (int i = 0; i < r->n_keeps; i++) {
        const lf_keep *k = &r->keeps[i];
        if (k->hits) continue;
        lf_error_set(err, LF_E_NOT_FOUND, "keep: no matrix of %s is called \"%.*s\"", path, k->pattern_n, k->pattern);
        return lf_error_hint(err, "names are those of GGUF: output, token_embd, blk.0.attn_q, blk.*.ffn_down, *attn_v");
    }
    return 0;
}
