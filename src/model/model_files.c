/* model_files.c - the weights of a model from and to files. The parameter table names the tensors of both worlds, Hugging Face's and
 * GGUF's; merged weights are split on the way out and filled part by part on the way in. What a file holds otherwise than we do is turned
 * here, and only here:
 *
 *   [in, out] matrices of GPT-2 in a Hugging Face folder                          transposed
 *   q and k of llama, smollm3 and arcee in GGUF, and in llama2.c's files: pairs that
 *   turn lie side by side                                                         row (head, 2 i + j) is our row (head, j d/2 + i)
 *   norms that multiply by 1 + weight in GGUF                                       stored as 1 + weight
 *
 * A source borrows its model and owns the open files. Reading is safe from several threads. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"
#include "model/config_table.h"
#include "model/model.h"

static float *param_data(const lf_param *p) { return p->weight->t.data + (size_t)p->row0 * (size_t)p->cols; }

/* dst [rows, cols] <- src [cols, rows]. */
static void transpose(float *dst, const float *src, int rows, int cols)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++) dst[(size_t)i * (size_t)cols + (size_t)j] = src[(size_t)j * (size_t)rows + (size_t)i];
}

void lf__param_shape(int64_t shape[2], const lf_param *p, lf_weights_kind kind)
{
    bool turned = p->row->transposed && kind == LF_WEIGHTS_SAFETENSORS;
    shape[0] = p->n_dims == 1 ? (int64_t)p->rows * p->cols : turned ? p->cols : p->rows;
    shape[1] = turned ? p->rows : p->cols;
}

const char *lf__param_name(char out[96], const lf_param *p, lf_weights_kind kind)
{
    const char *pattern = kind == LF_WEIGHTS_GGUF ? p->row->gguf : p->row->name, *hole = strstr(pattern, "%d");
    if (hole)
        snprintf(out, 96, "%.*s%d%s", (int)(hole - pattern), pattern, p->layer, hole + 2);
    else
        snprintf(out, 96, "%s", pattern);
    return out;
}

/* Rows that come in another order in this kind of file: heads of so many rows, or 0. */
static int turned_head(const lf_model *m, const lf_param *p, lf_weights_kind kind, bool norm_rope)
{
    return kind != LF_WEIGHTS_SAFETENSORS && p->row->turns && norm_rope ? (int)m->config.head_dim : 0;
}

static float stored_offset(const lf_model *m, const lf_param *p, lf_weights_kind kind)
{
    return kind == LF_WEIGHTS_GGUF && p->row->init == LF_INIT_ONE && m->config.rms_norm_unit_offset ? 1 : 0;
}

int lf__param_piece(const lf_model *m, const lf_param *p)
{
    enum { PIECE = 1 << 20 }; /* floats */
    int head = p->row->turns ? (int)m->config.head_dim : 0, rows = p->row->transposed ? p->rows : LF_MAX(PIECE / LF_MAX(p->cols, 1), 1);
    return LF_MIN(head ? LF_MAX(rows / head, 1) * head : rows, p->rows);
}

/* Between our order of rows and the file's, in place: whole heads of `head` rows of so many bytes. */
static int turn_heads(void *values, int rows, size_t row, int head, bool to_file, lf_error *err)
{
    char *copy = lf__calloc((size_t)head, row, err);
    if (!copy) return -1;
    for (int first = 0; first < rows; first += head) {
        char *at = (char *)values + (size_t)first * row;
        memcpy(copy, at, (size_t)head * row);
        for (int r = 0; r < head; r++) {
            int theirs = 2 * (r % (head / 2)) + r / (head / 2);
            size_t from = (size_t)(to_file ? r : theirs), to = (size_t)(to_file ? theirs : r);
            memcpy(at + to * row, copy + from * row, row);
        }
    }
    free(copy);
    return 0;
}

bool lf__param_keeps(const lf_model *m, const lf_param *p, lf_weights_kind kind)
{
    return stored_offset(m, p, kind) == 0 && !(p->row->transposed && kind == LF_WEIGHTS_SAFETENSORS);
}

int lf__param_stored_to_file(void *rows_of, const lf_model *m, const lf_param *p, lf_weights_kind kind, int rows, size_t row, lf_error *err)
{
    int head = turned_head(m, p, kind, m->family->norm_rope);
    return head ? turn_heads(rows_of, rows, row, head, true, err) : 0;
}

int lf__param_to_file(float *values, const lf_model *m, const lf_param *p, lf_weights_kind kind, int rows, lf_error *err)
{
    int head = turned_head(m, p, kind, m->family->norm_rope);
    float offset = stored_offset(m, p, kind);
    size_t n = (size_t)rows * (size_t)p->cols;
    for (size_t i = 0; offset != 0 && i < n; i++) values[i] += offset;
    if (head) return turn_heads(values, rows, (size_t)p->cols * sizeof *values, head, true, err);
    if (!p->row->transposed || kind != LF_WEIGHTS_SAFETENSORS) return 0;
    float *copy = lf__calloc(n, sizeof *copy, err);
    if (!copy) return -1;
    memcpy(copy, values, n * sizeof *copy);
    transpose(values, copy, p->cols, rows);
    free(copy);
    return 0;
}

int lf__source_read(float *out, const lf_source *s, int param, int row0, int rows, lf_error *err)
{
    const lf_param *p = &s->model->params[param];
    const lf_file_tensor *t = s->tensors[param];
    size_t n = (size_t)rows * (size_t)p->cols;
    int head = turned_head(s->model, p, s->weights.kind, s->norm_rope);
    float offset = stored_offset(s->model, p, s->weights.kind);
    if (p->row->transposed && s->weights.kind == LF_WEIGHTS_SAFETENSORS) { /* a column is no piece of the file: all of it */
        float *whole = lf__calloc((size_t)p->rows * (size_t)p->cols, sizeof *whole, err);
        int status = whole ? lf__file_tensor_read(whole, t, 0, (size_t)p->rows * (size_t)p->cols, err) : -1;
        for (int i = 0; !status && i < rows; i++)
            for (int j = 0; j < p->cols; j++)
                out[(size_t)i * (size_t)p->cols + (size_t)j] = whole[(size_t)j * (size_t)p->rows + (size_t)(row0 + i)];
        free(whole);
        return status;
    }
    if (lf__file_tensor_read(out, t, (size_t)row0 * (size_t)p->cols, n, err)) return -1;
    for (size_t i = 0; offset != 0 && i < n; i++) out[i] -= offset;
    return head ? turn_heads(out, rows, (size_t)p->cols * sizeof *out, head, false, err) : 0;
}

bool lf__source_is_stored(const lf_source *s, int param, lf_dtype type)
{
    const lf_param *p = &s->model->params[param];
    bool turned = p->row->transposed && s->weights.kind == LF_WEIGHTS_SAFETENSORS;
    return s->tensors[param]->dtype == type && !turned && stored_offset(s->model, p, s->weights.kind) == 0;
}

int lf__source_read_stored(void *out, const lf_source *s, int param, int row0, int rows, lf_error *err)
{
    const lf_param *p = &s->model->params[param];
    const lf_file_tensor *t = s->tensors[param];
    int head = turned_head(s->model, p, s->weights.kind, s->norm_rope);
    size_t row = t->bytes / (size_t)p->rows; /* rows are whole blocks */
    if (lf__file_read(out, t->file, (size_t)(t->data - t->file->map.data) + (size_t)row0 * row, (size_t)rows * row, err)) return -1;
    return head ? turn_heads(out, rows, row, head, false, err) : 0;
}

/* ---- which tensor is which parameter ------------------------------------------------------------------------------------------------ */
/* GPT-2's published files leave out the first word of its names. */
static const lf_file_tensor *find(const lf_weights *w, const lf_param *p)
{
    static const char first[] = "transformer.";
    char name[96];
    const lf_file_tensor *t = lf__weights_find(w, lf__param_name(name, p, w->kind));
    if (!t && strncmp(name, first, sizeof first - 1) == 0) t = lf__weights_find(w, name + sizeof first - 1);
    return t;
}

static int missing(const lf_source *s, const lf_param *p, const char *path, lf_error *err)
{
    char name[96];
    lf_error_set(err, LF_E_NOT_FOUND, "%s: the tensor \"%s\" is missing", path, lf__param_name(name, p, s->weights.kind));
    if (p->weight == &s->model->head)
        return lf_error_hint(err, "without it the embedding serves as the head: tie_word_embeddings would have to be true");
    return -1;
}

static int check_shape(const lf_source *s, const lf_param *p, const lf_file_tensor *t, const char *path, lf_error *err)
{
    int64_t expected[2];
    char have[192], want[192];
    lf__param_shape(expected, p, s->weights.kind);
    bool fits = t->n_dims == p->n_dims;
    for (int d = 0; fits && d < p->n_dims; d++) fits = t->shape[d] == expected[d];
    if (fits) return 0;
    lf_error_set(err, LF_E_MISMATCH, "%s: \"%s\" has shape %s, the config expects %s", path, t->name,
                 lf__shape_text(have, t->shape, t->n_dims), lf__shape_text(want, expected, p->n_dims));
    if (p->row->rows == LF_DIM_VOCAB && t->n_dims == 2 && t->shape[0] != expected[0])
        return lf_error_hint(err, "the table has %" PRId64 " rows, vocab_size is %" PRId64, t->shape[0], s->model->config.vocab_size);
    return -1;
}

/* A tensor that the table does not know: a tied head stored twice, rotary tables and GPT-2's masks are harmless, anything else is not. */
static int check_known(const lf_source *s, const lf_file_tensor *t, const char *path, lf_error *err)
{
    const lf_model *m = s->model;
    const char *name = t->name, *end = strstr(name, ".attn.");
    bool tied = m->config.tie_word_embeddings && (strcmp(name, "lm_head.weight") == 0 || strcmp(name, "output.weight") == 0);
    bool rope = strstr(name, "rotary_emb.inv_freq") || (s->weights.kind == LF_WEIGHTS_GGUF && strncmp(name, "rope_f", 6) == 0);
    bool mask = m->arch == &lf__arch_gpt2 && end && (strcmp(end, ".attn.bias") == 0 || strcmp(end, ".attn.masked_bias") == 0);
    if (tied || rope || mask) return 0;
    lf_error_set(err, LF_E_MISMATCH, "%s: the tensor \"%s\" is not part of a %s model of this config", path, name, m->family->type);
    return lf_error_hint(err, "compare the configuration with the tensors: layers, tie_word_embeddings, biases");
}

static int by_address(const void *a, const void *b)
{
    const lf_file_tensor *x = *(const lf_file_tensor *const *)a, *y = *(const lf_file_tensor *const *)b;
    return (x > y) - (x < y);
}

/* The tensors sorted by place find those that no parameter has taken. */
static int match(lf_source *s, const char *path, lf_error *err)
{
    const lf_model *m = s->model;
    size_t n = (size_t)m->n_params, taken = 0;
    s->tensors = lf__calloc(2 * n, sizeof *s->tensors, err);
    if (!s->tensors) return -1;
    const lf_file_tensor **sorted = s->tensors + n;
    const lf_param *lost = NULL;
    for (size_t i = 0; i < n; i++) {
        s->tensors[i] = find(&s->weights, &m->params[i]);
        if (s->tensors[i])
            sorted[taken++] = s->tensors[i];
        else if (!lost)
            lost = &m->params[i];
    }
    qsort(sorted, taken, sizeof *sorted, by_address);
    for (size_t i = 0, k = 0; i < s->weights.n; i++) {
        if (k < taken && sorted[k] == &s->weights.tensors[i])
            k++;
        else if (check_known(s, &s->weights.tensors[i], path, err))
            return -1;
    }
    if (lost) return missing(s, lost, path, err);
    for (size_t i = 0; i < n; i++)
        if (check_shape(s, &m->params[i], s->tensors[i], path, err)) return -1;
    return 0;
}

int lf__source_open(lf_source *s, const lf_model *m, const char *path, lf_error *err)
{
    *s = (lf_source){.model = m};
    if (lf__weights_open(&s->weights, path, err)) return -1;
    const lf_family *f = m->family;
    const char *arch;
    size_t n;
    char word[64];
    if (s->weights.gguf && lf__gguf_get_text(s->weights.gguf, "general.architecture", &arch, &n, NULL) == 0) {
        snprintf(word, sizeof word, "%.*s", (int)LF_MIN(n, 63), arch);
        f = lf__family_find(word, offsetof(lf_family, gguf));
    }
    s->norm_rope = s->weights.llama2c || (f && f->norm_rope); /* of what the file says it is, whatever it would be saved as */
    const char *name = s->weights.n_parts == 1 && s->weights.n ? s->weights.tensors[0].file->path : path;
    if (match(s, name, err) == 0) return 0;
    lf__source_close(s);
    return -1;
}

void lf__source_close(lf_source *s)
{
    lf__weights_close(&s->weights);
    free(s->tensors);
    *s = (lf_source){0};
}

/* A head that is stored although it is tied must be the embedding, or one of the two configurations is wrong. */
int lf__source_check_tied(const lf_source *s, lf_error *err)
{
    enum { PIECE = 1 << 16 };
    const lf_file_tensor *head = lf__weights_find(&s->weights, s->weights.kind == LF_WEIGHTS_GGUF ? "output.weight" : "lm_head.weight");
    const lf_file_tensor *embed = s->tensors[0];
    size_t n = 0;
    if (!head || !s->model->config.tie_word_embeddings) return 0;
    bool same = head->n_dims == 2 && head->shape[0] == embed->shape[0] && head->shape[1] == embed->shape[1];
    if (same && !lf__shape_count(&n, head->shape, 2)) same = false;
    float *a = lf__calloc(2 * PIECE, sizeof *a, err), *b = a ? a + PIECE : NULL;
    int status = a ? 0 : -1;
    size_t block = (size_t)LF_MAX(lf__dtype(head->dtype)->block, lf__dtype(embed->dtype)->block);
    for (size_t at = 0; at < n && same && !status; at += PIECE) {
        size_t take = LF_MIN((size_t)PIECE, n - at) / block * block;
        status = lf__file_tensor_read(a, head, at, take, err) || lf__file_tensor_read(b, embed, at, take, err) ? -1 : 0;
        same = status || memcmp(a, b, take * sizeof *a) == 0;
    }
    free(a);
    if (status || same) return status;
    lf_error_set(err, LF_E_MISMATCH, "%s: tie_word_embeddings is true, but \"%s\" is not \"%s\"", head->file->path, head->name,
                 embed->name);
    return lf_error_hint(err, "set \"tie_word_embeddings\": false in config.json if the head is to be its own");
}

/* ---- loading ------------------------------------------------------------------------------------------------------------------------ */
int lf__model_read(lf_model *m, const char *path, lf_error *err)
{
    lf_source s;
    if (lf__source_open(&s, m, path, err)) return -1;
    int status = lf__source_check_tied(&s, err) || lf__model_read_ends(m, &s.weights, path, err) ? -1 : 0;
    for (int i = 0; i < m->n_params && !status; i++) {
        const lf_param *p = &m->params[i];
        status = lf__source_read(param_data(p), &s, i, 0, p->rows, err);
        int64_t bad = status ? -1 : m->device->ops->find_nonfinite(m->device, param_data(p), (int64_t)p->rows * p->cols);
        if (bad >= 0)
            status = lf_error_set(err, LF_E_NUMERIC, "%s: \"%s\" holds NaN or infinity at element %" PRId64, s.tensors[i]->file->path,
                                  s.tensors[i]->name, bad);
    }
    lf__source_close(&s);
    return status;
}

/* The seven numbers of a llama2.c file; the others are constants of that program. */
static int read_llama2c(lf_config *c, const lf_llama2c *l, const char *path, lf_error *err)
{
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {{"hidden_size", l->dim},
                   {"intermediate_size", l->hidden_dim},
                   {"num_hidden_layers", l->n_layers},
                   {"num_attention_heads", l->n_heads},
                   {"num_key_value_heads", l->n_kv_heads},
                   {"vocab_size", l->vocab_size},
                   {"max_position_embeddings", l->seq_len},
                   {"tie_word_embeddings", l->shared_classifier}};
    for (size_t i = 0; i < LF_COUNT(numbers); i++) {
        char key[LF_TEXT_MAX], value[32];
        snprintf(key, sizeof key, "model.%s", numbers[i].key);
        snprintf(value, sizeof value, "%" PRId64, numbers[i].value);
        if (lf__config_set(c, key, value, path, err)) return -1;
    }
    return 0;
}

int lf__model_config_read(lf_config *c, const char *path, lf_error *err)
{
    char json[LF_PATH_MAX] = "";
    lf_weights w;
    lf_config_init(c);
    if (lf__path_is_dir(path) && lf__path_inside(json, path, "config.json", err)) return -1;
    if (json[0] && lf__path_exists(json)) return lf_config_load(c, json, err) || lf__model_check(&c->model, json, err) ? -1 : 0;
    if (lf__weights_open(&w, path, err)) return -1;
    int status = -1;
    if (w.gguf)
        status = lf__config_read_gguf(c, &w, path, err) || lf__model_check(&c->model, path, err) ? -1 : 0;
    else if (w.llama2c)
        status = read_llama2c(c, w.llama2c, path, err) || lf__model_check(&c->model, path, err) ? -1 : 0;
    else
        lf_error_set(err, LF_E_NOT_FOUND, "%s: no config.json beside the weights: nothing says what they mean", path);
    lf__weights_close(&w);
    return status;
}

/* Are the tensors those of the config? Asked of a model without memory: nothing large is reserved on a file's word alone. */
static bool fits(const lf_model_config *c, const char *path, lf_error *err)
{
    lf_source s;
    lf_model *plan = lf__model_alloc(NULL, c, false, LF_F32, true, err);
    bool ok = plan && lf__source_open(&s, plan, path, err) == 0;
    if (ok) lf__source_close(&s);
    lf_model_free(&plan);
    return ok;
}

lf_model *lf_model_load(lf_device *device, const char *path, lf_error *err)
{
    lf_config *config = lf__calloc(1, sizeof *config, err);
    lf_model *m = NULL;
    if (!config) return NULL;
    if (lf__model_config_read(config, path, err) == 0 && fits(&config->model, path, err)) {
        m = lf__model_alloc(device, &config->model, false, LF_F32, false, err);
        if (m && lf__model_read(m, path, err)) lf_model_free(&m);
    }
    free(config);
    if (m) lf__model_pack(m);
    return m;
}

/* ---- saving ------------------------------------------------------------------------------------------------------------------------- */
static int write_weights(const lf_model *m, const float *data, const char *path, uint64_t *hash, lf_error *err)
{
    lf_file_tensor *decls = lf__calloc((size_t)m->n_params, sizeof *decls, err);
    if (!decls) return -1;
    for (int i = 0; i < m->n_params; i++) {
        const lf_param *p = &m->params[i];
        decls[i] = (lf_file_tensor){.name = p->name, .dtype = LF_F32, .n_dims = p->n_dims};
        lf__param_shape(decls[i].shape, p, LF_WEIGHTS_SAFETENSORS);
    }
    lf_writer *w = lf__safetensors_begin(path, decls, (size_t)m->n_params, err);
    free(decls);
    if (!w) return -1;
    int status = 0;
    for (int i = 0; i < m->n_params && !status; i++) {
        const lf_param *p = &m->params[i];
        size_t n = (size_t)p->rows * (size_t)p->cols;
        const float *from = data + (param_data(p) - m->data);
        float *turned = p->row->transposed ? lf__calloc(n, sizeof *turned, err) : NULL;
        if (turned) transpose(turned, from, p->cols, p->rows);
        status = p->row->transposed && !turned ? -1 : 0;
        if (!status) lf__writer_add(w, turned ? turned : from, n * sizeof(float)); /* failures are sticky */
        free(turned);
    }
    if (status) {
        lf__writer_discard(&w);
        return -1;
    }
    *hash = lf__writer_hash(w);
    return lf__writer_commit(&w, err);
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
    if (m->talks)
        return lf_error_set(err, LF_E_UNSUPPORTED, "this model was opened to talk: its weights are no longer what a file would hold");
    return lf__model_write(m, m->data, dir, &hash, err);
}
