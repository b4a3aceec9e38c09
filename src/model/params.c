/* params.c - from a table of parameters to memory: which weights there are, where they lie, how they begin.
 *
 *   weights | w0 .. wn, each 64-byte aligned, in table order | forward panels | backward panels (training) | rope table |
 *   grads   | g0 .. gn, the same offsets                     |
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/config_table.h"
#include "model/model.h"

int lf__model_head_dim(const lf_model_config *c) { return (int)(c->head_dim ? c->head_dim : c->hidden_size / c->num_attention_heads); }

static int dim(const lf_model_config *c, lf_dim d)
{
    switch (d) {
    case LF_DIM_ONE: return 1;
    case LF_DIM_VOCAB: return (int)c->vocab_size;
    case LF_DIM_WIDTH: return (int)c->hidden_size;
    case LF_DIM_FFN: return (int)c->intermediate_size;
    case LF_DIM_Q: return (int)(c->num_attention_heads * c->head_dim);
    case LF_DIM_KV: return (int)(c->num_key_value_heads * c->head_dim);
    case LF_DIM_QKV: return (int)((c->num_attention_heads + 2 * c->num_key_value_heads) * c->head_dim);
    case LF_DIM_GATE_UP: return (int)(2 * c->intermediate_size);
    case LF_DIM_HEAD: return (int)c->head_dim;
    case LF_DIM_HEADS: return (int)c->num_attention_heads;
    case LF_DIM_CONTEXT: return (int)c->max_position_embeddings;
    }
    return 0;
}

lf_act lf__model_act(const lf_model_config *c)
{
    static const struct {
        const char *name;
        lf_act act;
    } acts[] = {
        {"silu", LF_ACT_SILU}, {"gelu_new", LF_ACT_GELU}, {"gelu_pytorch_tanh", LF_ACT_GELU},
        {"relu", LF_ACT_RELU}, {"relu2", LF_ACT_RELU2},
    };
    for (size_t i = 0; i < LF_COUNT(acts); i++)
        if (strcmp(acts[i].name, c->hidden_act) == 0) return acts[i].act;
    return LF_ACT_SILU;
}

float lf__model_attention_scale(const lf_model_config *c)
{
    return (float)(1.0 / __builtin_sqrt(c->query_pre_attn_scalar > 0 ? c->query_pre_attn_scalar : (double)c->head_dim));
}

bool lf__layer_slides(const lf_model_config *c, int layer)
{
    bool full = c->sliding_window_pattern > 0 && (layer + 1) % c->sliding_window_pattern == 0;
    return c->sliding_window > 0 && layer >= c->max_window_layers && !full;
}

bool lf__layer_rotates(const lf_model_config *c, int layer)
{
    return !c->no_rope_layer_interval || (layer + 1) % c->no_rope_layer_interval != 0;
}

static bool wanted(const lf_model_config *c, lf_when when)
{
    switch (when) {
    case LF_ALWAYS: return true;
    case LF_IF_UNTIED: return !c->tie_word_embeddings;
    case LF_IF_QK_NORM: return c->use_qk_norm;
    case LF_IF_SINKS: return c->attention_sinks;
    case LF_IF_QKV_BIAS: return c->qkv_bias || c->attention_bias;
    case LF_IF_OUT_BIAS: return c->attention_bias;
    case LF_IF_GATED: return !c->ungated_mlp && !c->fused_projections;
    case LF_IF_MLP_BIAS: return c->mlp_bias;
    case LF_IF_GATE_BIAS: return c->mlp_bias && !c->ungated_mlp;
    case LF_IF_SANDWICH: return c->sandwich_norm;
    case LF_IF_PLAIN_NORM: return !c->sandwich_norm;
    case LF_IF_FUSED: return c->fused_projections;
    case LF_IF_SPLIT: return !c->fused_projections;
    }
    return true;
}

/* ---- the table, unrolled over the layers ---------------------------------------------------------------------------------------- */
static void add_param(lf_model *m, const lf_param_row *row, int layer)
{
    const lf_model_config *c = &m->config;
    char *owner = row->per_layer ? (char *)&m->layers[layer] : (char *)m;
    lf_weight *w = (lf_weight *)(void *)(owner + row->field);
    lf_param *p = &m->params[m->n_params];
    *p = (lf_param){.weight = w, .row0 = w->t.rows, .rows = dim(c, row->rows), .cols = dim(c, row->cols), .row = row, .index = m->n_params};
    p->n_dims = row->rows == LF_DIM_ONE || row->cols == LF_DIM_ONE ? 1 : 2;
    p->layer = layer;
    lf__param_name(p->name, p, LF_WEIGHTS_SAFETENSORS);
    m->n_params++;
    if (w->t.rows == 0) {
        w->t.name = p->name;
        m->all[m->n_all++] = w;
    }
    w->t.rows += p->rows;
    w->t.cols = p->cols;
}

static int count_params(const lf_model *m)
{
    int n = 0;
    for (int i = 0; i < m->arch->n_rows; i++) {
        const lf_param_row *row = &m->arch->rows[i];
        if (wanted(&m->config, row->when)) n += row->per_layer ? (int)m->config.num_hidden_layers : 1;
    }
    return n;
}

static int list_params(lf_model *m, lf_error *err)
{
    size_t n = (size_t)count_params(m);
    m->layers = lf__calloc((size_t)m->config.num_hidden_layers, sizeof *m->layers, err);
    m->params = lf__calloc(n, sizeof *m->params, err);
    m->all = lf__calloc(n, sizeof *m->all, err);
    if (!m->layers || !m->params || !m->all) return -1;
    for (int i = 0; i < m->arch->n_rows; i++) {
        const lf_param_row *row = &m->arch->rows[i];
        if (!row->per_layer) {
            if (wanted(&m->config, row->when)) add_param(m, row, 0);
            continue;
        }
        /* All rows of a layer stay together: the run of per-layer rows is walked once per layer. */
        int end = i;
        while (end < m->arch->n_rows && m->arch->rows[end].per_layer) end++;
        for (int layer = 0; layer < (int)m->config.num_hidden_layers; layer++)
            for (int r = i; r < end; r++)
                if (wanted(&m->config, m->arch->rows[r].when)) add_param(m, &m->arch->rows[r], layer);
        i = end - 1;
    }
    return 0;
}

/* ---- memory ------------------------------------------------------------------------------------------------------------------------ */
static lf_product product_of(const lf_model *m, const lf_weight *w)
{
    for (int i = 0; i < m->n_params; i++) {
        if (m->params[i].weight != w) continue;
        lf_product p = m->params[i].row->product;
        if (p == LF_PRODUCT_PAIRED && m->config.ungated_mlp) return LF_PRODUCT_PLAIN;
        if (p == LF_PRODUCT_TIED) return m->config.tie_word_embeddings ? LF_PRODUCT_PLAIN : LF_PRODUCT_NONE;
        return p;
    }
    return LF_PRODUCT_NONE;
}

static size_t weight_floats(const lf_weight *w) { return lf__round_up(lf__tensor_count(&w->t), LF_ALIGN / sizeof(float)); }

/* The panels of a weight: one run of them, or of a model that only talks one for each part when their types differ. */
static void push_forward(lf_model *m, lf_weight *w, lf_product product, lf_arena *weights)
{
    int pair = product == LF_PRODUCT_PAIRED ? w->t.rows / 2 : 0, first = 0;
    while (m->params[first].weight != w) first++;
    lf_param *parts = &m->params[first], *end = &m->params[m->n_params];
    lf_dtype type = m->talks ? parts->type : m->products;
    bool alike = true;
    for (lf_param *p = parts; p < end && p->weight == w; p++) alike &= !m->talks || p->type == type;
    w->forward = (lf_panels){.n = w->t.rows, .k = w->t.cols, .pair = pair, .type = type};
    if (alike) {
        w->forward.data = lf__arena_push(weights, lf__panels_bytes(&w->forward));
        return;
    }
    for (lf_param *p = parts; p < end && p->weight == w; p++) {
        lf_panels *panels = p == parts ? &w->forward : &p->panels;
        *panels = (lf_panels){.n = p->rows, .k = p->cols, .type = p->type};
        panels->data = lf__arena_push(weights, lf__panels_bytes(panels));
        if (p + 1 < end && p[1].weight == w) panels->next = &p[1].panels;
    }
}

/* Everything a model of this shape needs, pushed in one fixed order: run once to measure and once for real. */
static void push_all(lf_model *m, lf_arena *weights, lf_arena *grads)
{
    for (int i = 0; i < m->n_all; i++) {
        lf_weight *w = m->all[i];
        if (m->talks && w == &m->embed) {
            size_t bytes = 0;
            w->stored = m->params[0].type; /* the table's first row */
            lf__dtype_size(&bytes, w->stored, lf__tensor_count(&w->t));
            w->rows = lf__arena_push(weights, bytes);
        }
        if (m->talks && (w == &m->embed || product_of(m, w) != LF_PRODUCT_NONE)) continue;
        w->t.data = lf__arena_push(weights, weight_floats(w) * sizeof(float));
        w->t.grad = grads ? lf__arena_push(grads, weight_floats(w) * sizeof(float)) : NULL;
        w->t.needs_grad = grads != NULL;
    }
    for (int i = 0; i < m->n_all; i++) {
        lf_weight *w = m->all[i];
        lf_product product = product_of(m, w);
        if (product == LF_PRODUCT_NONE) continue;
        push_forward(m, w, product, weights);
        if (!grads) continue;
        w->backward = (lf_panels){.n = w->t.cols, .k = w->t.rows, .type = m->products};
        w->backward.data = lf__arena_push(weights, lf__panels_bytes(&w->backward));
    }
    size_t rope = (size_t)m->rope_rows * (size_t)m->rotary * sizeof(float);
    if (rope) m->rope = lf__arena_push(weights, rope);
    if (rope && m->config.rope_local_base_freq > 0) m->rope_local = lf__arena_push(weights, rope);
    if (m->config.alibi) m->slopes = lf__arena_push(weights, (size_t)m->config.num_attention_heads * sizeof(float));
}

int lf__model_rotary(const lf_model_config *c)
{
    if (strcmp(c->model_type, lf__arch_gpt2.name) == 0 || c->alibi) return 0;
    return (int)((double)lf__model_head_dim(c) * (c->partial_rotary_factor > 0 ? c->partial_rotary_factor : 1.0)) / 2 * 2;
}

/* Press et al. 2022: powers of 2^(-8/n) for a power of two; other heads take every other one of the next power's. */
static void fill_slopes(lf_model *m)
{
    int heads = (int)m->config.num_attention_heads, n = 1;
    while (2 * n <= heads) n *= 2;
    for (int h = 0; h < heads; h++) m->slopes[h] = (float)lf__pow(2.0, h < n ? -8.0 * (h + 1) / n : -8.0 * (2 * (h - n) + 1) / (2 * n));
}

/* The type it is saved as. C programs may leave switches empty. */
static const lf_family *family_of(lf_model_config *c, lf_error *err)
{
    lf_config *full = lf__calloc(1, sizeof *full, err);
    if (!full) return NULL;
    if (!c->hidden_act[0]) snprintf(c->hidden_act, sizeof c->hidden_act, "silu");
    if (!c->rope_scaling.rope_type[0]) snprintf(c->rope_scaling.rope_type, sizeof c->rope_scaling.rope_type, "default");
    if (!(c->partial_rotary_factor > 0)) c->partial_rotary_factor = 1;
    full->model = *c;
    const lf_family *f = lf__family_of(full);
    free(full);
    return f;
}

/* The shape alone: which weights there are. */
static lf_model *list_model(lf_device *device, const lf_model_config *config, lf_error *err)
{
    lf_model *m = lf__calloc(1, sizeof *m, err);
    if (!m) return NULL;
    m->device = device;
    m->config = *config;
    m->config.head_dim = lf__model_head_dim(config);
    if (!m->config.num_key_value_heads) m->config.num_key_value_heads = m->config.num_attention_heads;
    m->arch = lf__arch_find(config->model_type);
    if (!m->arch)
        lf_error_set(err, LF_E_UNSUPPORTED, "the architecture \"%s\" is not one this build knows; it knows: llama, gpt2",
                     config->model_type);
    if (m->arch && (m->family = family_of(&m->config, err))) {
        enum { ROPE_BYTES = 64 << 20 }; /* of a model's own table: sessions that declare a longer context make theirs */
        m->rotary = lf__model_rotary(&m->config);
        m->rope_rows =
            m->rotary ? LF_MIN(m->config.max_position_embeddings, ROPE_BYTES / ((int64_t)m->rotary * (int64_t)sizeof(float))) : 0;
        if (list_params(m, err) == 0) return m;
    }
    lf_model_free(&m);
    return NULL;
}

/* What no file holds: it follows from the configuration. */
static void fill_tables(lf_model *m)
{
    int64_t context = m->config.max_position_embeddings;
    if (m->rope) lf__rope_fill(m, m->rope, false, m->rope_rows, context);
    if (m->rope_local) lf__rope_fill(m, m->rope_local, true, m->rope_rows, context);
    if (m->slopes) fill_slopes(m);
}

/* image: where the values are, or NULL: zeros. */
static lf_model *reserve(lf_model *m, bool training, bool dry, const lf_model_image *image, lf_error *err)
{
    lf_arena weights, grads = {.name = "gradient"};
    if (lf__arena_init_measuring(&weights, "model", err)) goto fail;
    if (training && lf__arena_init_measuring(&grads, "gradient", err)) {
        lf__arena_release(&weights);
        goto fail;
    }
    push_all(m, &weights, training ? &grads : NULL);
    if (dry) {
        m->weights = weights, m->grads = grads; /* keep the addresses: sizes are all anybody asks */
    } else {
        size_t need = weights.peak, need_grads = grads.peak;
        lf__arena_release(&weights);
        lf__arena_release(&grads);
        if (image && image->bytes != need) {
            lf_error_set(err, LF_E_MISMATCH, "%s holds %zu bytes of weights, %zu are expected", image->path, image->bytes, need);
            goto fail;
        }
        if (image ? lf__arena_map(&m->weights, "model", image->path, image->offset, need, err)
                  : lf__arena_init(&m->weights, "model", need, err))
            goto fail;
        if (training && lf__arena_init(&m->grads, "gradient", need_grads, err)) goto fail;
        push_all(m, &m->weights, training ? &m->grads : NULL);
        if (!image) fill_tables(m);
    }
    m->data = m->all[0]->t.data;
    for (int i = 0; i < m->n_all; i++) m->n_floats += weight_floats(m->all[i]);
    return m;
fail:
    lf_model_free(&m);
    return NULL;
}

lf_model *lf__model_alloc(lf_device *device, const lf_model_config *config, bool training, lf_dtype products, bool dry, lf_error *err)
{
    lf_model *m = list_model(device, config, err);
    if (!m) return NULL;
    m->products = products;
    return reserve(m, training, dry, NULL, err);
}

lf_model *lf__model_alloc_panels(lf_device *device, const lf_model_config *config, const lf_dtype *types, lf_error *err)
{
    return lf__model_alloc_mapped(device, config, types, NULL, err);
}

lf_model *lf__model_alloc_mapped(lf_device *device, const lf_model_config *config, const lf_dtype *types, const lf_model_image *image,
                                 lf_error *err)
{
    lf_model *m = list_model(device, config, err);
    if (!m) return NULL;
    m->talks = true;
    for (int i = 0; i < m->n_params; i++) m->params[i].type = types[i];
    return reserve(m, false, false, image, err);
}

void lf_model_free(lf_model **model)
{
    lf_model *m = *model;
    if (!m) return;
    lf__arena_release(&m->weights);
    lf__arena_release(&m->grads);
    free(m->layers);
    free(m->params);
    free(m->all);
    free(m);
    *model = NULL;
}

/* ---- values -------------------------------------------------------------------------------------------------------------------------- */
typedef struct init_job {
    const lf_param *p;
    float *at;
    uint64_t seed;
    double std;
} init_job;

static void init_normal(void *arg, int tid, int n_threads)
{
    const init_job *job = arg;
    int64_t lo, hi, n = (int64_t)job->p->rows * job->p->cols;
    lf__split(n, 16, tid, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) job->at[i] = (float)(job->std * lf__rng_normal_at(job->seed, (uint64_t)job->p->index, (uint64_t)i));
}

void lf__model_init_weights(lf_model *m, uint64_t seed)
{
    for (int i = 0; i < m->n_params; i++) {
        const lf_param *p = &m->params[i];
        float *at = p->weight->t.data + (size_t)p->row0 * (size_t)p->cols;
        if (p->row->init == LF_INIT_ONE || p->row->init == LF_INIT_ZERO) {
            float one = p->row->init == LF_INIT_ZERO || m->config.rms_norm_unit_offset ? 0.0f : 1.0f;
            for (int j = 0; j < p->rows * p->cols; j++) at[j] = one;
            continue;
        }
        double std = m->config.initializer_range;
        if (p->row->init == LF_INIT_OUTPUT) std /= __builtin_sqrt(2.0 * (double)m->config.num_hidden_layers);
        if (p->row->init == LF_INIT_OUTPUT && m->config.zero_init) std = 0;
        init_job job = {p, at, seed, std};
        lf__pool_run(m->device->pool, init_normal, &job);
    }
}

void lf__model_pack(lf_model *m)
{
    for (int i = 0; i < m->n_all; i++) lf__weight_pack(m->device, m->all[i]);
}

void lf__model_clear_grads(lf_model *m)
{
    for (int i = 0; i < m->n_all; i++) m->all[i]->t.grad_written = false;
}
