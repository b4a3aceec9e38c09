/* model_files.c - a model folder as Hugging Face lays it out: config.json, model.safetensors, generation_config.json. The
 * parameter table names the tensors; merged weights are split on the way out and filled part by part on the way in. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"
#include "model/model.h"

static float *param_data(const lf_param *p) { return p->weight->t.data + (size_t)p->row0 * (size_t)p->cols; }

/* What files hold as [in, out] is turned here: dst [rows, cols] <- src [cols, rows]. */
static void transpose(float *dst, const float *src, int rows, int cols)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++) dst[(size_t)i * (size_t)cols + (size_t)j] = src[(size_t)j * (size_t)rows + (size_t)i];
}

/* The shape of a parameter in files. */
static void file_shape(const lf_param *p, int64_t shape[2])
{
    bool turned = p->row->transposed;
    shape[0] = p->n_dims == 1 ? (int64_t)p->rows * p->cols : turned ? p->cols : p->rows;
    shape[1] = turned ? p->rows : p->cols;
}

/* GPT-2's published files leave out the first word of its names. */
static bool names(const char *tensor, const char *param)
{
    static const char first[] = "transformer.";
    return strcmp(tensor, param) == 0 || (strncmp(param, first, sizeof first - 1) == 0 && strcmp(tensor, param + sizeof first - 1) == 0);
}

static int read_param(const lf_param *p, const lf_safetensors *st, const char *path, lf_error *err)
{
    const lf_file_tensor *t = NULL;
    for (size_t i = 0; i < st->n && !t; i++)
        if (names(st->tensors[i].name, p->name)) t = &st->tensors[i];
    if (!t) return lf_error_set(err, LF_E_NOT_FOUND, "%s: the tensor \"%s\" is missing", path, p->name);
    int64_t expected[2];
    file_shape(p, expected);
    bool fits = t->n_dims == p->n_dims;
    for (int d = 0; fits && d < p->n_dims; d++) fits = t->shape[d] == expected[d];
    if (!fits) {
        char have[128] = "", want[64];
        for (int d = 0; d < t->n_dims && strlen(have) < 100; d++)
            snprintf(have + strlen(have), sizeof have - strlen(have), "%s%" PRId64, d ? ", " : "", t->shape[d]);
        if (p->n_dims == 1)
            snprintf(want, sizeof want, "%" PRId64, expected[0]);
        else
            snprintf(want, sizeof want, "%" PRId64 ", %" PRId64, expected[0], expected[1]);
        return lf_error_set(err, LF_E_MISMATCH, "%s: \"%s\" has shape [%s], the config expects [%s]", path, p->name, have, want);
    }
    size_t n = (size_t)p->rows * (size_t)p->cols;
    float *turned = p->row->transposed ? lf__calloc(n, sizeof *turned, err) : NULL;
    if (p->row->transposed && !turned) return -1;
    int status = lf__file_tensor_read(turned ? turned : param_data(p), t, 0, n, err);
    if (turned && !status) transpose(param_data(p), turned, p->rows, p->cols);
    free(turned);
    return status;
}

/* A tensor that the table does not know: a tied head stored twice, old rotary buffers and GPT-2's masks are harmless, anything else is not.
 */
static int check_known(const lf_model *m, const lf_safetensors *st, const char *path, lf_error *err)
{
    for (size_t i = 0; i < st->n; i++) {
        const char *name = st->tensors[i].name;
        bool known = strstr(name, "rotary_emb.inv_freq") || (m->config.tie_word_embeddings && strcmp(name, "lm_head.weight") == 0);
        const char *end = strstr(name, ".attn."); /* the causal mask */
        known |= m->arch == &lf__arch_gpt2 && end && (strcmp(end, ".attn.bias") == 0 || strcmp(end, ".attn.masked_bias") == 0);
        for (int p = 0; p < m->n_params && !known; p++) known = names(name, m->params[p].name);
        if (!known) {
            lf_error_set(err, LF_E_MISMATCH, "%s: the tensor \"%s\" is not part of a %s model of this config", path, name, m->arch->name);
            return lf_error_hint(err, "compare config.json with the tensors: layers, tie_word_embeddings, biases");
        }
    }
    return 0;
}

int lf__model_read(lf_model *m, const char *dir, lf_error *err)
{
    char path[LF_PATH_MAX];
    if (lf__path_join(path, dir, "model.safetensors", err)) return -1;
    lf_safetensors st;
    if (lf__safetensors_open(&st, path, err)) return -1;
    int status = check_known(m, &st, path, err);
    for (int i = 0; i < m->n_params && !status; i++) status = read_param(&m->params[i], &st, path, err);
    lf__safetensors_close(&st);
    if (status) return -1;
    for (int i = 0; i < m->n_params; i++) {
        const lf_param *p = &m->params[i];
        int64_t bad = m->device->ops->find_nonfinite(m->device, param_data(p), (int64_t)p->rows * p->cols);
        if (bad >= 0) return lf_error_set(err, LF_E_NUMERIC, "%s: \"%s\" holds NaN or infinity at element %" PRId64, path, p->name, bad);
    }
    return 0;
}

static int write_weights(const lf_model *m, const float *data, const char *path, uint64_t *hash, lf_error *err)
{
    lf_file_tensor *decls = lf__calloc((size_t)m->n_params, sizeof *decls, err);
    if (!decls) return -1;
    for (int i = 0; i < m->n_params; i++) {
        const lf_param *p = &m->params[i];
        decls[i] = (lf_file_tensor){.name = p->name, .dtype = LF_F32, .n_dims = p->n_dims};
        file_shape(p, decls[i].shape);
    }
    lf_writer *w = lf__safetensors_begin(path, decls, (size_t)m->n_params, err);
    free(decls);
    if (!w) return -1;
    for (int i = 0; i < m->n_params; i++) {
        const lf_param *p = &m->params[i];
        size_t n = (size_t)p->rows * (size_t)p->cols;
        const float *from = data + (param_data(p) - m->data);
        float *turned = p->row->transposed ? lf__calloc(n, sizeof *turned, err) : NULL;
        if (turned) transpose(turned, from, p->cols, p->rows);
        if (p->row->transposed && !turned) {
            lf__writer_discard(&w);
            return -1;
        }
        lf__writer_add(w, turned ? turned : from, n * sizeof(float));
        free(turned);
    }
    *hash = lf__writer_hash(w);
    return lf__writer_commit(&w, err);
}

lf_model *lf_model_load(lf_device *device, const char *dir, lf_error *err)
{
    lf_config *config = lf__calloc(1, sizeof *config, err);
    if (!config) return NULL;
    lf_config_init(config);
    char path[LF_PATH_MAX];
    lf_model *m = NULL;
    if (lf__path_join(path, dir, "config.json", err) == 0 && lf_config_load(config, path, err) == 0 &&
        lf__model_check(&config->model, path, err) == 0) {
        m = lf__model_alloc(device, &config->model, false, LF_F32, false, err);
        if (m && lf__model_read(m, dir, err)) lf_model_free(&m);
    }
    free(config);
    if (!m) return NULL;
    lf__model_pack(m);
    return m;
}

int lf__model_write(const lf_model *m, const float *data, const char *dir, uint64_t *hash, lf_error *err)
{
    char path[LF_PATH_MAX], generation[256];
    lf_config *config = lf__calloc(1, sizeof *config, err);
    if (!config) return -1;
    lf_config_init(config);
    config->model = m->config;
    int status = lf__path_join(path, dir, "config.json", err) || lf_config_save_hf(config, path, err) ? -1 : 0;
    free(config);
    if (status) return -1;
    if (lf__path_join(path, dir, "model.safetensors", err) || write_weights(m, data, path, hash, err)) return -1;
    int n = snprintf(generation, sizeof generation, "{\n  \"do_sample\": true");
    if (m->config.eos_token_id >= 0)
        n += snprintf(generation + n, sizeof generation - (size_t)n, ",\n  \"bos_token_id\": %" PRId64 ",\n  \"eos_token_id\": %" PRId64,
                      m->config.bos_token_id >= 0 ? m->config.bos_token_id : m->config.eos_token_id, m->config.eos_token_id);
    n += snprintf(generation + n, sizeof generation - (size_t)n, "\n}\n");
    if (lf__path_join(path, dir, "generation_config.json", err)) return -1;
    return lf__write_file(path, generation, (size_t)n, err);
}

int lf_model_save(const lf_model *m, const char *dir, lf_error *err)
{
    uint64_t hash;
    return lf__model_write(m, m->data, dir, &hash, err);
}
