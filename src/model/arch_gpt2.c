/* arch_gpt2.c - GPT-2 (Radford et al. 2019): pre-norm blocks with LayerNorm, learned positions, biases everywhere and an MLP without a
 * gate. The table says what it is made of; files hold its matrices as [in, out] (Conv1D). */
#include "model/model.h"

#define MODEL(field) false, offsetof(struct lf_model, field)
#define LAYER(field) true, offsetof(lf_layer, field)

/* clang-format off */
static const lf_param_row rows[] = {
    /* name                                 gguf                         where                  rows            cols          init            decay  product           when          transposedturns */
    {"transformer.wte.weight",              "token_embd.weight",         MODEL(embed),          LF_DIM_VOCAB,   LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_TIED,  LF_ALWAYS,    false, false},
    {"transformer.wpe.weight",              "position_embd.weight",      MODEL(positions),      LF_DIM_CONTEXT, LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_NONE,  LF_ALWAYS,    false, false},
    {"transformer.h.%d.ln_1.weight",        "blk.%d.attn_norm.weight",   LAYER(attn_norm),      LF_DIM_ONE,     LF_DIM_WIDTH, LF_INIT_ONE,    false, LF_PRODUCT_NONE,  LF_ALWAYS,    false, false},
    {"transformer.h.%d.ln_1.bias",          "blk.%d.attn_norm.bias",     LAYER(attn_norm_bias), LF_DIM_ONE,     LF_DIM_WIDTH, LF_INIT_ZERO,   false, LF_PRODUCT_NONE,  LF_ALWAYS,    false, false},
    {"transformer.h.%d.attn.c_attn.weight", "blk.%d.attn_qkv.weight",    LAYER(qkv),            LF_DIM_QKV,     LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PLAIN, LF_ALWAYS,    true,  false},
    {"transformer.h.%d.attn.c_attn.bias",   "blk.%d.attn_qkv.bias",      LAYER(qkv_bias),       LF_DIM_ONE,     LF_DIM_QKV,   LF_INIT_ZERO,   false, LF_PRODUCT_NONE,  LF_ALWAYS,    false, false},
    {"transformer.h.%d.attn.c_proj.weight", "blk.%d.attn_output.weight", LAYER(attn_out),       LF_DIM_WIDTH,   LF_DIM_Q,     LF_INIT_OUTPUT, true,  LF_PRODUCT_PLAIN, LF_ALWAYS,    true,  false},
    {"transformer.h.%d.attn.c_proj.bias",   "blk.%d.attn_output.bias",   LAYER(attn_out_bias),  LF_DIM_ONE,     LF_DIM_WIDTH, LF_INIT_ZERO,   false, LF_PRODUCT_NONE,  LF_ALWAYS,    false, false},
    {"transformer.h.%d.ln_2.weight",        "blk.%d.ffn_norm.weight",    LAYER(mlp_norm),       LF_DIM_ONE,     LF_DIM_WIDTH, LF_INIT_ONE,    false, LF_PRODUCT_NONE,  LF_ALWAYS,    false, false},
    {"transformer.h.%d.ln_2.bias",          "blk.%d.ffn_norm.bias",      LAYER(mlp_norm_bias),  LF_DIM_ONE,     LF_DIM_WIDTH, LF_INIT_ZERO,   false, LF_PRODUCT_NONE,  LF_ALWAYS,    false, false},
    {"transformer.h.%d.mlp.c_fc.weight",    "blk.%d.ffn_up.weight",      LAYER(mlp_in),         LF_DIM_FFN,     LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PLAIN, LF_ALWAYS,    true,  false},
    {"transformer.h.%d.mlp.c_fc.bias",      "blk.%d.ffn_up.bias",        LAYER(mlp_in_bias),    LF_DIM_ONE,     LF_DIM_FFN,   LF_INIT_ZERO,   false, LF_PRODUCT_NONE,  LF_ALWAYS,    false, false},
    {"transformer.h.%d.mlp.c_proj.weight",  "blk.%d.ffn_down.weight",    LAYER(mlp_down),       LF_DIM_WIDTH,   LF_DIM_FFN,   LF_INIT_OUTPUT, true,  LF_PRODUCT_PLAIN, LF_ALWAYS,    true,  false},
    {"transformer.h.%d.mlp.c_proj.bias",    "blk.%d.ffn_down.bias",      LAYER(mlp_down_bias),  LF_DIM_ONE,     LF_DIM_WIDTH, LF_INIT_ZERO,   false, LF_PRODUCT_NONE,  LF_ALWAYS,    false, false},
    {"transformer.ln_f.weight",             "output_norm.weight",        MODEL(norm),           LF_DIM_ONE,     LF_DIM_WIDTH, LF_INIT_ONE,    false, LF_PRODUCT_NONE,  LF_ALWAYS,    false, false},
    {"transformer.ln_f.bias",               "output_norm.bias",          MODEL(norm_bias),      LF_DIM_ONE,     LF_DIM_WIDTH, LF_INIT_ZERO,   false, LF_PRODUCT_NONE,  LF_ALWAYS,    false, false},
    {"lm_head.weight",                      "output.weight",             MODEL(head),           LF_DIM_VOCAB,   LF_DIM_WIDTH, LF_INIT_NORMAL, true,  LF_PRODUCT_PLAIN, LF_IF_UNTIED, false, false},
};
/* clang-format on */

/* y = x + attention(norm(x)), then y + mlp(norm(y)). */
static void block(lf_ctx *ctx, lf_tensor *y, lf_tensor *x, void *model, int layer)
{
    lf_model *m = model;
    const lf_model_config *c = &m->config;
    lf_layer *w = &m->layers[layer];
    int heads = (int)c->num_attention_heads, head_dim = (int)c->head_dim;
    float eps = (float)c->rms_norm_eps, drop = (float)c->hidden_dropout, scale = lf__model_attention_scale(c);

    lf_tensor *h = op_layernorm(ctx, (lf_layernorm){.x = x, .weight = &w->attn_norm, .bias = &w->attn_norm_bias, .eps = eps});
    h = op_linear(ctx, (lf_linear){.x = h, .weight = &w->qkv, .bias = &w->qkv_bias});
    h = op_attention(ctx, (lf_attend){.qkv = h,
                                      .n_heads = heads,
                                      .n_kv_heads = heads,
                                      .head_dim = head_dim,
                                      .layer = layer,
                                      .scale = scale,
                                      .drop = {(float)c->attention_dropout, layer, LF_SITE_PROBABILITIES}});
    lf_linear out = {.x = h, .weight = &w->attn_out, .bias = &w->attn_out_bias, .residual = x};
    out.drop = (lf_drop){drop, layer, LF_SITE_ATTENTION};
    lf_tensor *mid = op_linear(ctx, out);

    h = op_layernorm(ctx, (lf_layernorm){.x = mid, .weight = &w->mlp_norm, .bias = &w->mlp_norm_bias, .eps = eps});
    h = op_linear(ctx, (lf_linear){.x = h, .weight = &w->mlp_in, .bias = &w->mlp_in_bias});
    h = op_act(ctx, (lf_activate){.x = h, .act = lf__model_act(c)});
    lf_linear down = {.x = h, .weight = &w->mlp_down, .bias = &w->mlp_down_bias, .residual = mid, .y = y};
    down.drop = (lf_drop){drop, layer, LF_SITE_MLP};
    op_linear(ctx, down);
}

static lf_tensor *forward(lf_ctx *ctx, lf_model *m)
{
    const lf_model_config *c = &m->config;
    lf_drop drop = {(float)c->hidden_dropout, 0, LF_SITE_EMBED};
    lf_tensor *x = op_embed(ctx, (lf_embed){.table = &m->embed, .positions = &m->positions, .drop = drop});
    for (int i = 0; i < (int)c->num_hidden_layers; i++) x = lf__block(ctx, block, x, m, i);
    return op_layernorm(ctx, (lf_layernorm){.x = x, .weight = &m->norm, .bias = &m->norm_bias, .eps = (float)c->rms_norm_eps});
}

const lf_arch lf__arch_gpt2 = {"gpt2", rows, LF_COUNT(rows), forward};
