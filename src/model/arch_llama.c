/* arch_llama.c - the llama family: pre-norm blocks of grouped-query attention with rotary positions and a SwiGLU MLP
 * (Touvron et al. 2023). The table says what it is made of, the two functions below say how it computes. */
#include "model/model.h"

#define MODEL(field) false, offsetof(struct lf_model, field)
#define LAYER(field) true, offsetof(lf_layer, field)

/* clang-format off */
static const lf_param_row rows[] = {
    /* name                                            where             rows          cols          init            decay product            when */
    {"model.embed_tokens.weight",                      MODEL(embed),     LF_DIM_VOCAB, LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_TIED,   LF_ALWAYS},
    {"model.layers.%d.input_layernorm.weight",         LAYER(attn_norm), LF_DIM_ONE,   LF_DIM_WIDTH, LF_INIT_ONE,    false, LF_PRODUCT_NONE,   LF_ALWAYS},
    {"model.layers.%d.self_attn.q_proj.weight",        LAYER(qkv),       LF_DIM_Q,     LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PLAIN,  LF_ALWAYS},
    {"model.layers.%d.self_attn.k_proj.weight",        LAYER(qkv),       LF_DIM_KV,    LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PLAIN,  LF_ALWAYS},
    {"model.layers.%d.self_attn.v_proj.weight",        LAYER(qkv),       LF_DIM_KV,    LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PLAIN,  LF_ALWAYS},
    {"model.layers.%d.self_attn.q_norm.weight",        LAYER(q_norm),    LF_DIM_ONE,   LF_DIM_HEAD,  LF_INIT_ONE,    false, LF_PRODUCT_NONE,   LF_IF_QK_NORM},
    {"model.layers.%d.self_attn.k_norm.weight",        LAYER(k_norm),    LF_DIM_ONE,   LF_DIM_HEAD,  LF_INIT_ONE,    false, LF_PRODUCT_NONE,   LF_IF_QK_NORM},
    {"model.layers.%d.self_attn.o_proj.weight",        LAYER(attn_out),  LF_DIM_WIDTH, LF_DIM_Q,     LF_INIT_OUTPUT, true,  LF_PRODUCT_PLAIN,  LF_ALWAYS},
    {"model.layers.%d.post_attention_layernorm.weight", LAYER(mlp_norm), LF_DIM_ONE,   LF_DIM_WIDTH, LF_INIT_ONE,    false, LF_PRODUCT_NONE,   LF_ALWAYS},
    {"model.layers.%d.mlp.gate_proj.weight",           LAYER(gate_up),   LF_DIM_FFN,   LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PAIRED, LF_ALWAYS},
    {"model.layers.%d.mlp.up_proj.weight",             LAYER(gate_up),   LF_DIM_FFN,   LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PAIRED, LF_ALWAYS},
    {"model.layers.%d.mlp.down_proj.weight",           LAYER(mlp_down),  LF_DIM_WIDTH, LF_DIM_FFN,   LF_INIT_OUTPUT, true,  LF_PRODUCT_PLAIN,  LF_ALWAYS},
    {"model.norm.weight",                              MODEL(norm),      LF_DIM_ONE,   LF_DIM_WIDTH, LF_INIT_ONE,    false, LF_PRODUCT_NONE,   LF_ALWAYS},
    {"lm_head.weight",                                 MODEL(head),      LF_DIM_VOCAB, LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PLAIN,  LF_IF_UNTIED},
};
/* clang-format on */

/* y = x + attention(norm(x)), then y + mlp(norm(y)). */
static void block(lf_ctx *ctx, lf_tensor *y, lf_tensor *x, void *model, int layer)
{
    lf_model *m = model;
    const lf_model_config *c = &m->config;
    lf_layer *w = &m->layers[layer];
    int heads = (int)c->num_attention_heads, kv_heads = (int)c->num_key_value_heads, head_dim = (int)c->head_dim;
    float eps = (float)c->rms_norm_eps, scale = (float)(1.0 / __builtin_sqrt((double)head_dim));

    lf_tensor *h = op_rmsnorm(ctx, (lf_rmsnorm){.x = x, .weight = &w->attn_norm, .eps = eps});
    lf_qkv qkv = {.x = h, .weight = &w->qkv, .n_heads = heads, .n_kv_heads = kv_heads, .head_dim = head_dim, .rope = m->rope, .eps = eps};
    if (c->use_qk_norm) qkv.q_norm = &w->q_norm, qkv.k_norm = &w->k_norm;
    h = op_qkv(ctx, qkv);
    h = op_attention(ctx,
                     (lf_attend){.qkv = h, .n_heads = heads, .n_kv_heads = kv_heads, .head_dim = head_dim, .layer = layer, .scale = scale});
    lf_tensor *mid = op_linear(ctx, (lf_linear){.x = h, .weight = &w->attn_out, .residual = x});

    h = op_rmsnorm(ctx, (lf_rmsnorm){.x = mid, .weight = &w->mlp_norm, .eps = eps});
    h = op_gated_mlp_in(ctx, (lf_gated){.x = h, .weight = &w->gate_up});
    op_linear(ctx, (lf_linear){.x = h, .weight = &w->mlp_down, .residual = mid, .y = y});
}

static lf_tensor *forward(lf_ctx *ctx, lf_model *m)
{
    lf_tensor *x = op_embed(ctx, (lf_embed){.table = &m->embed});
    for (int i = 0; i < (int)m->config.num_hidden_layers; i++) x = lf__block(ctx, block, x, m, i);
    return op_rmsnorm(ctx, (lf_rmsnorm){.x = x, .weight = &m->norm, .eps = (float)m->config.rms_norm_eps});
}

const lf_arch lf__arch_llama = {"llama", rows, LF_COUNT(rows), forward};
