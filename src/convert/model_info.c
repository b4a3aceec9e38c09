/* model_info.c - what is in a model's files, from their headers alone: sizes, types, tokenizer, and whether we can run it. Owns what it
 * opens until it returns. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "convert/convert.h"

/* "BF16 210, F32 81" */
static void count_dtypes(char *out, size_t size, const lf_weights *w)
{
    int count[LF_DTYPES] = {0};
    size_t at = 0;
    for (size_t i = 0; i < w->n; i++) count[w->tensors[i].dtype]++;
    for (int best = 0; at < size;) {
        best = 0;
        for (int t = 1; t < LF_DTYPES; t++)
            if (count[t] > count[best]) best = t;
        if (!count[best]) break;
        at += (size_t)snprintf(out + at, size - at, "%s%s %d", at ? ", " : "", lf__dtype((lf_dtype)best)->name, count[best]);
        count[best] = 0;
    }
}

static void hand_over(const lf_weights *w, lf_tensor_fn tensors, void *user)
{
    for (size_t i = 0; tensors && i < w->n; i++) {
        const lf_file_tensor *t = &w->tensors[i];
        lf_tensor_info info = {.name = t->name, .dtype = lf__dtype(t->dtype)->name, .n_dims = t->n_dims, .bytes = t->bytes};
        memcpy(info.shape, t->shape, sizeof info.shape);
        tensors(&info, user);
    }
}

/* ---- beside the weights: tokenizer, chat template ------------------------------------------------------------------------ */
static void tokenizer_of_gguf(lf_model_info *info, const lf_gguf *g)
{
    const char *model = NULL, *pre = NULL, *chat = NULL;
    size_t n_model = 0, n_pre = 0, n_chat = 0;
    lf_gguf_value tokens = {0};
    lf__gguf_get_text(g, "tokenizer.ggml.model", &model, &n_model, NULL);
    lf__gguf_get_text(g, "tokenizer.ggml.pre", &pre, &n_pre, NULL);
    lf__gguf_get_text(g, "tokenizer.chat_template", &chat, &n_chat, NULL);
    lf__gguf_get_array(g, "tokenizer.ggml.tokens", LF_GGUF_TEXT, &tokens, NULL);
    info->chat_template = (int64_t)n_chat;
    if (!model || !tokens.count) return;
    snprintf(info->tokenizer, sizeof info->tokenizer, "%.*s%s%.*s%s, %" PRIu64 " tokens", (int)LF_MIN(n_model, 32), model,
             pre ? " (pre " : "", (int)LF_MIN(n_pre, 32), pre ? pre : "", pre ? ")" : "", tokens.count);
}

static void tokenizer_of_folder(lf_model_info *info, const char *dir)
{
    static const char *const files[] = {"tokenizer.json", "tokenizer.model", "vocab.json"};
    char path[LF_PATH_MAX];
    for (size_t i = 0; i < LF_COUNT(files) && !info->tokenizer[0]; i++)
        if (lf__path_join(path, dir, files[i], NULL) == 0 && lf__path_exists(path))
            snprintf(info->tokenizer, sizeof info->tokenizer, "%s", files[i]);
    char *text = lf__chat_template(dir, NULL);
    if (text) info->chat_template = (int64_t)strlen(text);
    free(text);
}

/* llama2.c keeps it in the folder of the .bin. */
static void tokenizer_beside(lf_model_info *info, const char *path)
{
    static const char name[] = "tokenizer.bin";
    char dir[LF_PATH_MAX], file[LF_PATH_MAX];
    snprintf(dir, sizeof dir, "%.*s", (int)(lf__path_name(path) - path), path);
    if (lf__path_join(file, dir, name, NULL) == 0 && lf__path_exists(file)) snprintf(info->tokenizer, sizeof info->tokenizer, "%s", name);
}

/* ---- can we run it? ------------------------------------------------------------------------------------------------------ */
static void say_unverified(lf_model_info *info, const lf_family *f)
{
    if (f->verified) return;
    if (strcmp(f->type, "foundry") == 0)
        snprintf(info->unverified, sizeof info->unverified, "switches that no other program has: our tests alone speak for this model");
    else
        snprintf(info->unverified, sizeof info->unverified, "no vectors of another program cover %s", f->type);
}

/* Everything that lf_model_load would refuse by the headers, as `unsupported`. */
static void examine(lf_model_info *info, const char *path, lf_config *config)
{
    lf_error err = {0};
    lf_source s;
    lf_model *plan = lf__model_config_read(config, path, &err) ? NULL : lf__model_alloc(NULL, &config->model, false, LF_F32, true, &err);
    if (plan) {
        info->config = plan->config;
        snprintf(info->type, sizeof info->type, "%s", plan->family->type);
        info->parameters = lf_model_parameters(plan);
        for (size_t i = 0; i < LF_COUNT(info->kv_bytes); i++) {
            static const lf_dtype types[] = {LF_F32, LF_F16, LF_BF16, LF_Q8_0};
            double heads = (double)(plan->config.num_hidden_layers * plan->config.num_key_value_heads);
            info->kv_bytes[i] = heads * (double)lf__kv_head_bytes(types[i], (int)plan->config.head_dim) / LF_KV_BLOCK;
        }
        say_unverified(info, plan->family);
        if (lf__source_open(&s, plan, path, &err) == 0) {
            for (int i = 0; i < plan->n_params && !err.code; i++)
                if (!lf__dtype(s.tensors[i]->dtype)->to_float)
                    lf_error_set(&err, LF_E_UNSUPPORTED, "\"%s\" is stored as %s, which cannot be computed with", s.tensors[i]->name,
                                 lf__dtype(s.tensors[i]->dtype)->name);
            lf__source_close(&s);
        }
    }
    if (err.code) snprintf(info->unsupported, sizeof info->unsupported, "%s", err.message);
    lf_model_free(&plan);
}

int lf_model_info_read(lf_model_info *info, const char *path, lf_tensor_fn tensors, void *user, lf_error *err)
{
    lf_weights w;
    *info = (lf_model_info){0};
    if (lf__weights_open(&w, path, err)) return -1;
    lf_config *config = lf__calloc(1, sizeof *config, err);
    if (config) {
        snprintf(info->format, sizeof info->format, "%s", w.gguf ? "GGUF" : w.llama2c ? "llama2.c" : "safetensors");
        info->files = (int)w.n_parts, info->tensors = (int)w.n;
        for (size_t i = 0; i < w.n; i++) info->bytes += w.tensors[i].bytes;
        count_dtypes(info->dtypes, sizeof info->dtypes, &w);
        if (w.gguf)
            tokenizer_of_gguf(info, w.gguf);
        else if (lf__path_is_dir(path))
            tokenizer_of_folder(info, path);
        else if (w.llama2c)
            tokenizer_beside(info, path);
        examine(info, path, config);
        hand_over(&w, tensors, user);
    }
    lf__weights_close(&w);
    free(config);
    return config ? 0 : -1;
}
