/* arch_llama.c - the llama family: pre-norm blocks of grouped-query attention with rotary positions and a SwiGLU MLP
 * (Touvron et al. 2023), and its relatives by switches: Qwen, Mistral, Gemma 2, SmolLM3, ... The table says what it is made of, the
 * functions below say how it computes. */
#include "model/model.h"

#define MODEL(field) false, offsetof(struct lf_model, field)
#define LAYER(field) true, offsetof(lf_layer, field)

/* clang-format off */
static const lf_param_row rows[] = {
    /* name                                               gguf                                 where                 rows            cols          init            decay  product            when              transposedturns */
    {"model.embed_tokens.weight",                         "token_embd.weight",                 MODEL(embed),         LF_DIM_VOCAB,   LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_TIED,   LF_ALWAYS,        false, false},
    {"model.layers.%d.input_layernorm.weight",            "blk.%d.attn_norm.weight",           LAYER(attn_norm),     LF_DIM_ONE,     LF_DIM_WIDTH, LF_INIT_ONE,    false, LF_PRODUCT_NONE,   LF_ALWAYS,        false, false},
    {"model.layers.%d.self_attn.qkv_proj.weight",         "blk.%d.attn_qkv.weight",            LAYER(qkv),           LF_DIM_QKV,     LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PLAIN,  LF_IF_FUSED,      false, false},
    {"model.layers.%d.self_attn.q_proj.weight",           "blk.%d.attn_q.weight",              LAYER(qkv),           LF_DIM_Q,       LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PLAIN,  LF_IF_SPLIT,      false, true},
    {"model.layers.%d.self_attn.k_proj.weight",           "blk.%d.attn_k.weight",              LAYER(qkv),           LF_DIM_KV,      LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PLAIN,  LF_IF_SPLIT,      false, true},
    {"model.layers.%d.self_attn.v_proj.weight",           "blk.%d.attn_v.weight",              LAYER(qkv),           LF_DIM_KV,      LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PLAIN,  LF_IF_SPLIT,      false, false},
    {"model.layers.%d.self_attn.q_proj.bias",             "blk.%d.attn_q.bias",                LAYER(qkv_bias),      LF_DIM_Q,       LF_DIM_ONE,   LF_INIT_ZERO,   false, LF_PRODUCT_NONE,   LF_IF_QKV_BIAS,   false, true},
    {"model.layers.%d.self_attn.k_proj.bias",             "blk.%d.attn_k.bias",                LAYER(qkv_bias),      LF_DIM_KV,      LF_DIM_ONE,   LF_INIT_ZERO,   false, LF_PRODUCT_NONE,   LF_IF_QKV_BIAS,   false, true},
    {"model.layers.%d.self_attn.v_proj.bias",             "blk.%d.attn_v.bias",                LAYER(qkv_bias),      LF_DIM_KV,      LF_DIM_ONE,   LF_INIT_ZERO,   false, LF_PRODUCT_NONE,   LF_IF_QKV_BIAS,   false, false},
    {"model.layers.%d.self_attn.q_norm.weight",           "blk.%d.attn_q_norm.weight",         LAYER(q_norm),        LF_DIM_ONE,     LF_DIM_HEAD,  LF_INIT_ONE,    false, LF_PRODUCT_NONE,   LF_IF_QK_NORM,    false, false},
    {"model.layers.%d.self_attn.k_norm.weight",           "blk.%d.attn_k_norm.weight",         LAYER(k_norm),        LF_DIM_ONE,     LF_DIM_HEAD,  LF_INIT_ONE,    false, LF_PRODUCT_NONE,   LF_IF_QK_NORM,    false, false},
    {"model.layers.%d.self_attn.sinks",                   "blk.%d.attn_sinks.weight",          LAYER(sinks),         LF_DIM_ONE,     LF_DIM_HEADS, LF_INIT_NORMAL, false, LF_PRODUCT_NONE,   LF_IF_SINKS,      false, false},
    {"model.layers.%d.self_attn.o_proj.weight",           "blk.%d.attn_output.weight",         LAYER(attn_out),      LF_DIM_WIDTH,   LF_DIM_Q,     LF_INIT_OUTPUT, true,  LF_PRODUCT_PLAIN,  LF_ALWAYS,        false, false},
    {"model.layers.%d.self_attn.o_proj.bias",             "blk.%d.attn_output.bias",           LAYER(attn_out_bias), LF_DIM_WIDTH,   LF_DIM_ONE,   LF_INIT_ZERO,   false, LF_PRODUCT_NONE,   LF_IF_OUT_BIAS,   false, false},
    {"model.layers.%d.post_attention_layernorm.weight",   "blk.%d.post_attention_norm.weight", LAYER(attn_post),     LF_DIM_ONE,     LF_DIM_WIDTH, LF_INIT_ONE,    false, LF_PRODUCT_NONE,   LF_IF_SANDWICH,   false, false},
    {"model.layers.%d.pre_feedforward_layernorm.weight",  "blk.%d.ffn_norm.weight",            LAYER(mlp_norm),      LF_DIM_ONE,     LF_DIM_WIDTH, LF_INIT_ONE,    false, LF_PRODUCT_NONE,   LF_IF_SANDWICH,   false, false},
    {"model.layers.%d.post_attention_layernorm.weight",   "blk.%d.ffn_norm.weight",            LAYER(mlp_norm),      LF_DIM_ONE,     LF_DIM_WIDTH, LF_INIT_ONE,    false, LF_PRODUCT_NONE,   LF_IF_PLAIN_NORM, false, false},
    {"model.layers.%d.mlp.gate_up_proj.weight",           "blk.%d.ffn_up.weight",              LAYER(mlp_in),        LF_DIM_GATE_UP, LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PAIRED, LF_IF_FUSED,      false, false},
    {"model.layers.%d.mlp.gate_proj.weight",              "blk.%d.ffn_gate.weight",            LAYER(mlp_in),        LF_DIM_FFN,     LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PAIRED, LF_IF_GATED,      false, false},
    {"model.layers.%d.mlp.up_proj.weight",                "blk.%d.ffn_up.weight",              LAYER(mlp_in),        LF_DIM_FFN,     LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PAIRED, LF_IF_SPLIT,      false, false},
    {"model.layers.%d.mlp.gate_proj.bias",                "blk.%d.ffn_gate.bias",              LAYER(mlp_in_bias),   LF_DIM_FFN,     LF_DIM_ONE,   LF_INIT_ZERO,   false, LF_PRODUCT_NONE,   LF_IF_GATE_BIAS,  false, false},
    {"model.layers.%d.mlp.up_proj.bias",                  "blk.%d.ffn_up.bias",                LAYER(mlp_in_bias),   LF_DIM_FFN,     LF_DIM_ONE,   LF_INIT_ZERO,   false, LF_PRODUCT_NONE,   LF_IF_MLP_BIAS,   false, false},
    {"model.layers.%d.mlp.down_proj.weight",              "blk.%d.ffn_down.weight",            LAYER(mlp_down),      LF_DIM_WIDTH,   LF_DIM_FFN,   LF_INIT_OUTPUT, true,  LF_PRODUCT_PLAIN,  LF_ALWAYS,        false, false},
    {"model.layers.%d.mlp.down_proj.bias",                "blk.%d.ffn_down.bias",              LAYER(mlp_down_bias), LF_DIM_WIDTH,   LF_DIM_ONE,   LF_INIT_ZERO,   false, LF_PRODUCT_NONE,   LF_IF_MLP_BIAS,   false, false},
    {"model.layers.%d.post_feedforward_layernorm.weight", "blk.%d.post_ffw_norm.weight",       LAYER(mlp_post),      LF_DIM_ONE,     LF_DIM_WIDTH, LF_INIT_ONE,    false, LF_PRODUCT_NONE,   LF_IF_SANDWICH,   false, false},
    {"model.norm.weight",                                 "output_norm.weight",                MODEL(norm),          LF_DIM_ONE,     LF_DIM_WIDTH, LF_INIT_ONE,    false, LF_PRODUCT_NONE,   LF_ALWAYS,        false, false},
    {"lm_head.weight",                                    "output.weight",                     MODEL(head),          LF_DIM_VOCAB,   LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PLAIN,  LF_IF_UNTIED,     false, false},
};
/* clang-format on */

/* What a switch adds is NULL when it is off. */
static lf_weight *if_there(lf_weight *w) { return w->t.data ? w : NULL; }

/* y = residual + dropout(norm?(x W^T + bias)): how a branch joins the stream. One product when nothing stands between. */
static lf_tensor *join(lf_ctx *ctx, const lf_model *m, lf_linear a, lf_weight *norm)
{
    if (!m->config.sandwich_norm) return op_linear(ctx, a);
    lf_tensor *h = op_linear(ctx, (lf_linear){.x = a.x, .weight = a.weight, .bias = a.bias});
    h = op_rmsnorm(ctx,
                   (lf_rmsnorm){.x = h, .weight = norm, .eps = (float)m->config.rms_norm_eps, .offset = m->config.rms_norm_unit_offset});
    return op_join(ctx, (lf_join){.x = h, .residual = a.residual, .drop = a.drop, .y = a.y});
}

/* The rotary table of a layer: none, that of layers with a window, the session's own, or the model's. */
static const float *rope_of(const lf_ctx *ctx, const lf_model *m, int layer)
{
    if (!lf__layer_rotates(&m->config, layer)) return NULL;
    bool local = m->rope_local && lf__layer_slides(&m->config, layer);
    return ctx->rope[local] ? ctx->rope[local] : local ? m->rope_local : m->rope;
}

/* y = x + attention(norm(x)), then y + mlp(norm(y)). */
static void block(lf_ctx *ctx, lf_tensor *y, lf_tensor *x, void *model, int layer)
{
    lf_model *m = model;
    const lf_model_config *c = &m->config;
    lf_layer *w = &m->layers[layer];
    int heads = (int)c->num_attention_heads, kv_heads = (int)c->num_key_value_heads, head_dim = (int)c->head_dim;
    float eps = (float)c->rms_norm_eps, offset = c->rms_norm_unit_offset, drop = (float)c->hidden_dropout;

    lf_tensor *h = op_rmsnorm(ctx, (lf_rmsnorm){.x = x, .weight = &w->attn_norm, .eps = eps, .offset = offset});
    h = op_qkv(ctx, (lf_qkv){.x = h,
                             .weight = &w->qkv,
                             .bias = if_there(&w->qkv_bias),
                             .n_heads = heads,
                             .n_kv_heads = kv_heads,
                             .head_dim = head_dim,
                             .rotary = m->rotary,
                             .rope = rope_of(ctx, m, layer),
                             .q_norm = if_there(&w->q_norm),
                             .k_norm = if_there(&w->k_norm),
                             .eps = eps,
                             .offset = offset});
    h = op_attention(ctx, (lf_attend){.qkv = h,
                                      .n_heads = heads,
                                      .n_kv_heads = kv_heads,
                                      .head_dim = head_dim,
                                      .layer = layer,
                                      .scale = lf__model_attention_scale(c),
                                      .cap = (float)c->attn_logit_softcapping,
                                      .window = lf__layer_slides(c, layer) ? (int)c->sliding_window : 0,
                                      .slopes = m->slopes,
                                      .sinks = if_there(&w->sinks),
                                      .drop = {(float)c->attention_dropout, layer, LF_SITE_PROBABILITIES}});
    lf_linear out = {.x = h, .weight = &w->attn_out, .bias = if_there(&w->attn_out_bias), .residual = x};
    out.drop = (lf_drop){drop, layer, LF_SITE_ATTENTION};
    lf_tensor *mid = join(ctx, m, out, &w->attn_post);

    h = op_rmsnorm(ctx, (lf_rmsnorm){.x = mid, .weight = &w->mlp_norm, .eps = eps, .offset = offset});
    if (c->ungated_mlp) {
        h = op_linear(ctx, (lf_linear){.x = h, .weight = &w->mlp_in, .bias = if_there(&w->mlp_in_bias)});
        h = op_act(ctx, (lf_activate){.x = h, .act = lf__model_act(c)});
    } else
        h = op_gated_mlp_in(ctx, (lf_gated){.x = h, .weight = &w->mlp_in, .bias = if_there(&w->mlp_in_bias), .act = lf__model_act(c)});
    lf_linear down = {.x = h, .weight = &w->mlp_down, .bias = if_there(&w->mlp_down_bias), .residual = mid, .y = y};
    down.drop = (lf_drop){drop, layer, LF_SITE_MLP};
    join(ctx, m, down, &w->mlp_post);
}

static lf_tensor *forward(lf_ctx *ctx, lf_model *m)
{
    const lf_model_config *c = &m->config;
    float scale = c->scale_embedding ? (float)__builtin_sqrt((double)c->hidden_size) : 0.0f;
    lf_tensor *x = op_embed(ctx, (lf_embed){.table = &m->embed, .scale = scale, .drop = {(float)c->hidden_dropout, 0, LF_SITE_EMBED}});
    for (int i = 0; i < (int)c->num_hidden_layers; i++) x = lf__block(ctx, block, x, m, i);
    return op_rmsnorm(ctx, (lf_rmsnorm){.x = x, .weight = &m->norm, .eps = (float)c->rms_norm_eps, .offset = c->rms_norm_unit_offset});
}

const lf_arch lf__arch_llama = {"llama", rows, LF_COUNT(rows), forward};
