/* model.c - a model as its users see it: made, counted, run. The arithmetic is in arch_*.c, memory in params.c, files in model_files.c. */
#include <inttypes.h>
#include <string.h>

#include "model/model.h"

static const lf_arch *const archs[] = {&lf__arch_llama, &lf__arch_gpt2};

const lf_arch *lf__arch_find(const char *model_type)
{
    for (size_t i = 0; i < LF_COUNT(archs); i++)
        if (strcmp(archs[i]->name, model_type) == 0) return archs[i];
    return NULL;
}

int lf__model_check(const lf_model_config *c, const char *where, lf_error *err)
{
    int64_t head_dim = c->head_dim || c->num_attention_heads < 1 ? c->head_dim : c->hidden_size / c->num_attention_heads;
    const struct {
        const char *key;
        int64_t value, lo, hi;
    } ranges[] = {
        {"vocab_size", c->vocab_size, 1, 1 << 24},
        {"hidden_size", c->hidden_size, 1, 1 << 17},
        {"intermediate_size", c->intermediate_size, 1, 1 << 20},
        {"num_hidden_layers", c->num_hidden_layers, 1, 1024},
        {"num_attention_heads", c->num_attention_heads, 1, 4096},
        {"num_key_value_heads", c->num_key_value_heads, 0, c->num_attention_heads},
        {"head_dim", head_dim, 2, 1024},
        {"max_position_embeddings", c->max_position_embeddings, 1, 1 << 24},
    };
    for (size_t i = 0; i < LF_COUNT(ranges); i++)
        if (ranges[i].value < ranges[i].lo || ranges[i].value > ranges[i].hi)
            return lf_error_set(err, LF_E_CONFIG, "%s: %s is %" PRId64 "; %" PRId64 " to %" PRId64 " is possible", where, ranges[i].key,
                                ranges[i].value, ranges[i].lo, ranges[i].hi);
    if (!c->head_dim && c->hidden_size % c->num_attention_heads)
        return lf_error_set(err, LF_E_CONFIG, "%s: num_attention_heads (%" PRId64 ") does not divide hidden_size (%" PRId64 ")", where,
                            c->num_attention_heads, c->hidden_size);
    if (c->num_key_value_heads && c->num_attention_heads % c->num_key_value_heads)
        return lf_error_set(err, LF_E_CONFIG, "%s: num_key_value_heads (%" PRId64 ") does not divide num_attention_heads (%" PRId64 ")",
                            where, c->num_key_value_heads, c->num_attention_heads);
    bool gpt2 = strcmp(c->model_type, "gpt2") == 0;
    if (head_dim % 2 && !gpt2 && !c->alibi)
        return lf_error_set(err, LF_E_CONFIG, "%s: head_dim is %" PRId64 "; rotary positions turn pairs, so it must be even", where,
                            head_dim);
    const struct {
        const char *key;
        double value, lo, hi;
    } switches[] = {{"sliding_window", (double)c->sliding_window, 0, 1 << 24},
                    {"sliding_window_pattern", (double)c->sliding_window_pattern, 0, 1024},
                    {"max_window_layers", (double)c->max_window_layers, 0, 1024},
                    {"no_rope_layer_interval", (double)c->no_rope_layer_interval, 0, 1024},
                    {"partial_rotary_factor", c->partial_rotary_factor, 0, 1},
                    {"attn_logit_softcapping", c->attn_logit_softcapping, 0, 1e6},
                    {"final_logit_softcapping", c->final_logit_softcapping, 0, 1e6},
                    {"query_pre_attn_scalar", c->query_pre_attn_scalar, 0, 1e6},
                    {"hidden_dropout", c->hidden_dropout, 0, 0.9},
                    {"attention_dropout", c->attention_dropout, 0, 0.9}};
    for (size_t i = 0; i < LF_COUNT(switches); i++)
        if (!(switches[i].value >= switches[i].lo && switches[i].value <= switches[i].hi))
            return lf_error_set(err, LF_E_CONFIG, "%s: %s is %g; %g to %g is possible", where, switches[i].key, switches[i].value,
                                switches[i].lo, switches[i].hi);
    if (c->fused_projections && (c->attention_bias || c->qkv_bias || c->mlp_bias || c->ungated_mlp))
        return lf_error_set(err, LF_E_UNSUPPORTED, "%s: fused_projections with biases or without a gate is not implemented", where);
    if (gpt2 && c->num_key_value_heads && c->num_key_value_heads != c->num_attention_heads)
        return lf_error_set(err, LF_E_CONFIG,
                            "%s: num_key_value_heads is %" PRId64 ", but gpt2 has as many as num_attention_heads (%" PRId64 ")", where,
                            c->num_key_value_heads, c->num_attention_heads);
    if (!(c->rms_norm_eps >= 0 && c->rms_norm_eps < 1))
        return lf_error_set(err, LF_E_CONFIG, "%s: rms_norm_eps is %g; a number from 0 to 1 is possible", where, c->rms_norm_eps);
    if (!(c->rope_theta >= 1 && c->rope_theta <= 1e12))
        return lf_error_set(err, LF_E_CONFIG, "%s: rope_theta is %g; 1 to 1e12 is possible", where, c->rope_theta);
    if (c->rope_local_base_freq != 0 && !(c->rope_local_base_freq >= 1 && c->rope_local_base_freq <= 1e12))
        return lf_error_set(err, LF_E_CONFIG, "%s: rope_local_base_freq is %g; 0 or 1 to 1e12 is possible", where, c->rope_local_base_freq);
    if (!gpt2 && lf__rope_check(c, lf__model_rotary(c), where, err)) return -1;
    if (!(c->initializer_range >= 0 && c->initializer_range <= 10))
        return lf_error_set(err, LF_E_CONFIG, "%s: initializer_range is %g; 0 to 10 is possible", where, c->initializer_range);
    return 0;
}

lf_model *lf_model_new(lf_device *device, const lf_model_config *config, uint64_t seed, lf_error *err)
{
    if (lf__model_check(config, "model", err)) return NULL;
    lf_model *m = lf__model_alloc(device, config, false, LF_F32, false, err);
    if (!m) return NULL;
    lf__model_init_weights(m, seed);
    lf__model_pack(m);
    return m;
}

const lf_model_config *lf_model_config_of(const lf_model *m) { return &m->config; }

int64_t lf_model_parameters(const lf_model *m)
{
    int64_t n = 0;
    for (int i = 0; i < m->n_all; i++) n += (int64_t)lf__tensor_count(&m->all[i]->t);
    return n;
}

int64_t lf_model_matmul_parameters(const lf_model *m)
{
    int64_t n = 0;
    for (int i = 0; i < m->n_all; i++)
        if (m->all[i]->forward.data) n += (int64_t)lf__tensor_count(&m->all[i]->t);
    return n;
}

double lf_model_flops_per_token(const lf_model *m, int t)
{
    double attention = 12.0 * (double)m->config.num_hidden_layers * (double)(m->config.num_attention_heads * m->config.head_dim) * t;
    return 6.0 * (double)lf_model_matmul_parameters(m) + attention;
}

/* ---- running ----------------------------------------------------------------------------------------------------------------- */
double lf__model_loss(lf_model *m, lf_ctx *ctx, const lf_batch *batch, float *nll)
{
    lf__ctx_begin(ctx, batch);
    lf_tensor *x = m->arch->forward(ctx, m);
    double sum = op_classifier(
        ctx, (lf_classifier){.x = x, .weight = lf__model_head(m), .cap = (float)m->config.final_logit_softcapping, .nll = nll});
    if (ctx->tape && !lf__failed(ctx)) lf__backward(ctx);
    return sum;
}

int lf__model_forward(lf_model *m, lf_ctx *ctx, const lf_batch *batch, float **logits)
{
    ctx->error = (lf_error){0}; /* of the last batch */
    lf__ctx_begin(ctx, batch);
    lf_tensor *x = m->arch->forward(ctx, m);
    lf_tensor *z = op_logits(ctx, x, lf__model_head(m), (float)m->config.final_logit_softcapping);
    if (lf__failed(ctx)) return -1;
    *logits = z->data;
    return 0;
}

/* ---- contexts: measured by a dry run, then reserved -------------------------------------------------------------------------- */
static size_t meta_bytes(const lf_model *m, const lf_batch *shape)
{
    /* Headers and records of about ten ops a layer, block tables of every layer, and the classifier's row lists: generous, touched as used.
     */
    size_t layers = (size_t)m->config.num_hidden_layers + 2, rows = (size_t)shape->n_tokens;
    size_t blocks = rows;
    for (int s = 0; shape->kv && s < shape->n_seqs; s++) blocks += (size_t)shape->kv[s]->capacity / LF_KV_BLOCK + 2;
    return layers * (16 * 1024 + blocks * 4 * sizeof(void *)) + rows * 64;
}

int lf__model_ctx_init(lf_model_ctx *c, lf_model *m, const lf_batch *shape, bool training, lf_error *err)
{
    memset(c, 0, sizeof *c);
    if (lf__arena_init(&c->meta, "meta", meta_bytes(m, shape), err)) return -1;
    lf_arena step, scratch;
    if (lf__arena_init_measuring(&step, "step", err)) return -1;
    if (lf__arena_init_measuring(&scratch, "scratch", err)) {
        lf__arena_release(&step);
        return -1;
    }
    lf_ctx dry = {.device = m->device,
                  .meta = &c->meta,
                  .step = &step,
                  .scratch = &scratch,
                  .tape = training ? &c->tape : NULL,
                  .products = m->products,
                  .recompute = m->recompute,
                  .dry = true};
    float *logits;
    if (shape->targets)
        lf__model_loss(m, &dry, shape, NULL);
    else
        lf__model_forward(m, &dry, shape, &logits);
    lf__model_clear_grads(m);
    size_t need_step = step.peak, need_scratch = scratch.peak;
    lf__arena_release(&step);
    lf__arena_release(&scratch);
    if (lf__failed(&dry)) return lf__error_pass(err, &dry.error);
    if (lf__arena_init_as(&c->step, &m->weights, "step", LF_MAX(need_step, LF_ALIGN), err) ||
        lf__arena_init_as(&c->scratch, &m->weights, "scratch", need_scratch, err))
        return -1;
    c->ctx = (lf_ctx){.device = m->device,
                      .meta = &c->meta,
                      .step = &c->step,
                      .scratch = &c->scratch,
                      .tape = training ? &c->tape : NULL,
                      .products = m->products,
                      .recompute = m->recompute};
    return 0;
}

void lf__model_ctx_release(lf_model_ctx *c)
{
    lf__arena_release(&c->meta);
    lf__arena_release(&c->step);
    lf__arena_release(&c->scratch);
    lf__arena_release(&c->rope);
}
