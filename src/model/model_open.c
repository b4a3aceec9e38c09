/* model_open.c - a model that only talks: weights go from the file into the panels that kernels read, in the type of the file or another,
 * and nowhere else. What enters no product is float32. Or from no file: random weights, to measure with. One call, one thread; packing by
 * all. */
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"
#include "model/model.h"

static int wanted_type(int *type, const char *name, lf_error *err)
{
    static const lf_dtype known[] = {LF_F32, LF_F16, LF_BF16, LF_Q8_0, LF_Q4_0, LF_IQ4_NL, LF_Q4_K, LF_Q5_K, LF_Q6_K};
    *type = -1;
    if (!name || strcmp(name, "auto") == 0) return 0;
    int found = lf__dtype_find(name);
    for (size_t i = 0; i < LF_COUNT(known) && *type < 0; i++)
        if (found == (int)known[i]) *type = found;
    if (*type >= 0) return 0;
    return lf_error_set(err, LF_E_ARGUMENT, "weights: expected auto, f32, f16, bf16, q8_0, q4_0, iq4_nl, q4_k, q5_k or q6_k, got \"%.32s\"",
                        name);
}

/* What the panels hold of a tensor that the file has as `stored`, rows of k. */
static lf_dtype panel_type(const lf_device *device, lf_dtype stored, int wanted, int k)
{
    if (wanted < 0) return lf__multiplies(stored, k) && (stored != LF_BF16 || device->bf16) ? stored : LF_F32;
    lf_dtype type = (lf_dtype)wanted;
    while (!lf__multiplies(type, k)) type = lf__dtype(type)->fallback;
    return type == LF_F16 && wanted != LF_F16 ? LF_F32 : type;
}

/* What the embedding's rows are kept in: any type that can be widened. */
static lf_dtype row_type(lf_dtype stored, int wanted, int k)
{
    lf_dtype type = wanted < 0 ? stored : (lf_dtype)wanted;
    while (k % lf__dtype(type)->block) type = lf__dtype(type)->fallback;
    return type;
}

/* plan: the parameters; s: their tensors, or NULL: random weights, bfloat16 as it were. */
static lf_dtype *choose_types(const lf_model *plan, const lf_source *s, const lf_device *device, int wanted, lf_error *err)
{
    lf_dtype *types = lf__calloc((size_t)plan->n_params, sizeof *types, err);
    for (int i = 0; types && i < plan->n_params; i++) {
        const lf_param *p = &plan->params[i];
        lf_dtype stored = s ? s->tensors[i]->dtype : LF_BF16;
        bool table = p->weight == &plan->embed;
        types[i] = panel_type(device, stored, wanted, p->cols);
        /* A tied table is both: what cannot be multiplied as it is stays as it is only where nothing multiplies it. */
        if (table && !plan->config.tie_word_embeddings) types[i] = row_type(stored, wanted, p->cols);
    }
    return types;
}

typedef struct filling {
    lf_model *m;
    const lf_source *s; /* NULL: random       */
    float *floats;      /* [the largest weight] */
    uint8_t *bytes;     /* [a piece]            */
} filling;

/* Random rows: of one size, as nobody learned them. */
static void random_rows(const lf_param *p, float *out, int row0, int rows)
{
    for (int r = 0; r < rows; r++, out += p->cols) {
        uint64_t state = lf__rng_at(1, (uint64_t)p->index, (uint64_t)(row0 + r));
        for (int j = 0; j < p->cols; j++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            out[j] = p->row->init == LF_INIT_ONE ? 1.0f : (float)((int32_t)(state >> 32) >> 8) * (0.035f / (1 << 23));
        }
    }
}

static int read_floats(const filling *f, float *out, int param, int row0, int rows, lf_error *err)
{
    if (f->s) return lf__source_read(out, f->s, param, row0, rows, err);
    random_rows(&f->m->params[param], out, row0, rows);
    return 0;
}

typedef struct narrowing {
    lf_dtype type;
    uint8_t *out;
    const float *in;
    int rows, cols;
} narrowing;

static void narrow_part(void *arg, int tid, int n_threads)
{
    const narrowing *job = arg;
    size_t row = 0;
    int64_t lo, hi;
    lf__dtype_size(&row, job->type, (size_t)job->cols);
    lf__split(job->rows, 1, tid, n_threads, &lo, &hi);
    lf__dtype(job->type)->from_float(job->out + (size_t)lo * row, job->in + lo * job->cols, (size_t)(hi - lo) * (size_t)job->cols, NULL);
}

/* Rows of a parameter as bytes of `type`. */
static int read_as(const filling *f, uint8_t *out, int param, lf_dtype type, int row0, int rows, lf_error *err)
{
    const lf_param *p = &f->m->params[param];
    if (f->s && lf__source_is_stored(f->s, param, type)) return lf__source_read_stored(out, f->s, param, row0, rows, err);
    if (read_floats(f, f->floats, param, row0, rows, err)) return -1;
    lf__pool_run(f->m->device->pool, narrow_part, &(narrowing){type, out, f->floats, rows, p->cols});
    return 0;
}

static int check_finite(const filling *f, const float *values, int param, size_t n, lf_error *err)
{
    if (!f->s) return 0;
    const lf_file_tensor *t = f->s->tensors[param];
    int64_t bad = f->m->device->ops->find_nonfinite(f->m->device, values, (int64_t)n);
    if (bad < 0) return 0;
    return lf_error_set(err, LF_E_NUMERIC, "%s: \"%s\" holds NaN or infinity at element %lld", t->file->path, t->name, (long long)bad);
}

/* Parameters [first, last) are the parts of a run of panels, in order. */
static int fill_panels(const filling *f, const lf_panels *panels, int first, int last, lf_error *err)
{
    const lf_backend_ops *ops = f->m->device->ops;
    bool blocks = lf__qpanel_bytes(panels->type, panels->k) > 0;
    int at = 0;
    for (int i = first; i < last; i++) {
        const lf_param *p = &f->m->params[i];
        int piece = blocks ? lf__param_piece(f->m, p) : p->rows;
        for (int row = 0, rows; row < p->rows; row += rows, at += rows) {
            rows = LF_MIN(piece, p->rows - row);
            float *values = f->floats + (size_t)at * (size_t)p->cols;
            if (blocks) {
                if (read_as(f, f->bytes, i, panels->type, row, rows, err)) return -1;
                ops->pack_blocks(f->m->device, panels, f->bytes, at, rows);
            } else if (read_floats(f, values, i, row, rows, err) || check_finite(f, values, i, (size_t)rows * (size_t)p->cols, err))
                return -1;
        }
    }
    if (!blocks) ops->pack(f->m->device, panels, f->floats, panels->k, 1);
    return 0;
}

static int fill_rows(const filling *f, int param, lf_error *err)
{
    const lf_param *p = &f->m->params[param];
    size_t row = 0;
    lf__dtype_size(&row, p->type, (size_t)p->cols);
    int piece = lf__param_piece(f->m, p);
    for (int at = 0, rows; at < p->rows; at += rows) {
        rows = LF_MIN(piece, p->rows - at);
        if (read_as(f, f->m->embed.rows + (size_t)at * row, param, p->type, at, rows, err)) return -1;
    }
    return 0;
}

/* The parts of one weight, parameters [first, last). */
static int fill_weight(const filling *f, int first, int last, lf_error *err)
{
    lf_weight *w = f->m->params[first].weight;
    if (w == &f->m->embed && fill_rows(f, first, err)) return -1;
    if (w->forward.data && !w->forward.next) return fill_panels(f, &w->forward, first, last, err);
    const lf_panels *panels = &w->forward;
    for (int i = first; i < last; i++) {
        const lf_param *p = &f->m->params[i];
        float *values = w->t.data ? w->t.data + (size_t)p->row0 * (size_t)p->cols : NULL;
        if (w->forward.data) {
            if (fill_panels(f, panels, i, i + 1, err)) return -1;
            panels = panels->next;
        } else if (values &&
                   (read_floats(f, values, i, 0, p->rows, err) || check_finite(f, values, i, (size_t)p->rows * (size_t)p->cols, err)))
            return -1;
    }
    return 0;
}

static int fill(lf_model *m, const lf_source *s, lf_error *err)
{
    size_t floats = 0, bytes = 0;
    for (int i = 0; i < m->n_params; i++) {
        size_t one = 0, piece = (size_t)lf__param_piece(m, &m->params[i]) * (size_t)m->params[i].cols;
        lf__dtype_size(&one, m->params[i].type, piece);
        floats = LF_MAX(floats, lf__tensor_count(&m->params[i].weight->t));
        if (lf__qpanel_bytes(m->params[i].type, m->params[i].cols)) bytes = LF_MAX(bytes, one);
    }
    filling f = {.m = m, .s = s, .floats = lf__calloc(floats, sizeof(float), err), .bytes = lf__calloc(bytes + 1, 1, err)};
    int status = f.floats && f.bytes ? 0 : -1;
    for (int first = 0, last; first < m->n_params && !status; first = last) {
        for (last = first + 1; last < m->n_params && m->params[last].weight == m->params[first].weight;) last++;
        status = fill_weight(&f, first, last, err);
    }
    free(f.floats);
    free(f.bytes);
    return status;
}

typedef struct opening {
    lf_source *s; /* open */
    lf_device *device;
    const lf_model_config *config;
    const lf_dtype *types;
    lf_packed_names names;
    bool packed;
} opening;

/* The model by its packed copy, or out of the source, and then into a copy. */
static lf_model *make(const opening *o, lf_error *err)
{
    lf_packed copy;
    lf_model *m = NULL;
    lf_error why = {0};
    if (o->packed && lf__packed_find(&copy, o->s, o->types, &o->names, err)) return NULL;
    if (o->packed) m = lf__packed_open(&copy, o->device, o->config, o->types);
    bool found = m != NULL;
    if (!found && lf__source_check_tied(o->s, err)) return NULL;
    if (!found && !(m = lf__model_alloc_panels(o->device, o->config, o->types, err))) return NULL;
    o->s->model = m; /* the same parameters in the same order */
    if (lf__model_read_ends(m, &o->s->weights, o->names.path, err) || (!found && fill(m, o->s, err))) lf_model_free(&m);
    if (m && o->packed && !found && lf__packed_write(&copy, m, &why))
        lf__log(LF_LOG_WARNING, "the packed weights are not kept: %s", why.message);
    return m;
}

lf_model *lf_model_open_with(lf_device *device, const char *path, const lf_open_options *options, lf_error *err)
{
    static const lf_open_options none = {0};
    const lf_open_options *o = options ? options : &none;
    const char *weights = o->weights ? o->weights : "auto";
    int wanted;
    if (wanted_type(&wanted, weights, err)) return NULL;
    lf_config *config = lf__calloc(1, sizeof *config, err);
    lf_model *plan = NULL, *m = NULL;
    lf_dtype *types = NULL;
    lf_source s;
    if (!config) return NULL;
    if (lf__model_config_read(config, path, err) == 0) plan = lf__model_alloc(NULL, &config->model, false, LF_F32, true, err);
    if (plan && lf__source_open(&s, plan, path, err) == 0) {
        types = choose_types(plan, &s, device, wanted, err);
        opening all = {&s, device, &config->model, types, {path, weights, device->isa, o->packed_dir}, o->packed};
        if (types) m = make(&all, err);
        lf__source_close(&s);
    }
    lf_model_free(&plan);
    free(types);
    free(config);
    return m;
}

lf_model *lf_model_open(lf_device *device, const char *path, const char *weights, lf_error *err)
{
    return lf_model_open_with(device, path, &(lf_open_options){.weights = weights}, err);
}

lf_model *lf_model_open_random(lf_device *device, const lf_model_config *config, const char *weights, lf_error *err)
{
    int wanted;
    if (wanted_type(&wanted, weights, err) || lf__model_check(config, "model", err)) return NULL;
    lf_model *plan = lf__model_alloc(NULL, config, false, LF_F32, true, err), *m = NULL;
    lf_dtype *types = plan ? choose_types(plan, NULL, device, wanted, err) : NULL;
    if (types) m = lf__model_alloc_panels(device, config, types, err);
    if (m && fill(m, NULL, err)) lf_model_free(&m);
    lf_model_free(&plan);
    free(types);
    return m;
}

const char *lf_model_weights_of(const lf_model *m)
{
    int64_t bytes[LF_DTYPES] = {0};
    int most = LF_F32;
    for (int i = 0; i < m->n_all; i++)
        for (const lf_panels *p = &m->all[i]->forward; p && p->data; p = p->next) bytes[p->type] += (int64_t)lf__panels_bytes(p);
    for (int i = 0; i < LF_DTYPES; i++)
        if (bytes[i] > bytes[most]) most = i;
    return lf__dtype((lf_dtype)most)->name;
}

int64_t lf_model_bytes_per_token(const lf_model *m)
{
    int64_t bytes = 0;
    for (int i = 0; i < m->n_all; i++) {
        const lf_weight *w = m->all[i];
        for (const lf_panels *p = &w->forward; p && p->data; p = p->next) bytes += (int64_t)lf__panels_bytes(p);
        if (!w->forward.data && w != &m->embed) bytes += (int64_t)lf__tensor_count(&w->t) * (int64_t)sizeof(float);
    }
    return bytes + m->config.hidden_size * (int64_t)sizeof(float);
}
