/* config.h - everything a run can be told, in one struct. Fill it in C, from YAML or JSON, from a Hugging Face config.json, or from
 * command-line flags: all go through one table of options, which also knows defaults, ranges and help. */
#ifndef FOUNDRY_CONFIG_H
#define FOUNDRY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "foundry/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LF_TEXT_MAX        256
#define LF_CONFIG_PATH_MAX 1024
#define LF_KV_TYPES        "auto|f32|f16|bf16|q8_0" /* that keys and values are kept as */
/* All stages of the sampler, in the order in which they run unless sampler.order says otherwise: llama.cpp's. */
#define LF_SAMPLER_ORDER "penalties,dry,top_n_sigma,top_k,typical_p,top_p,min_p,xtc,temperature"

/* Rotary positions stretched to longer contexts, under the names of Hugging Face's rope_scaling. */
typedef struct lf_rope_scaling {
    char rope_type[LF_TEXT_MAX];              /* default|linear|dynamic|llama3|yarn|longrope; "" = default            */
    double factor;                            /* how many times longer                                                */
    int64_t original_max_position_embeddings; /* context before stretching; 0 = max_position_embeddings   */
    double low_freq_factor, high_freq_factor; /* llama3                                                   */
    double beta_fast, beta_slow;              /* yarn: turns within the original context                  */
    bool truncate;                            /* yarn: the ramp's ends are whole pairs                    */
    double attention_factor;                  /* yarn, longrope: of cos and sin; 0 = by the paper's formula */
    double mscale, mscale_all_dim;            /* yarn: parts of that formula; 0 = not used                */
    char short_factor[LF_CONFIG_PATH_MAX], long_factor[LF_CONFIG_PATH_MAX]; /* longrope: a number a pair, "1|1.2" */
} lf_rope_scaling;

/* The model's numbers, under Hugging Face's names. */
typedef struct lf_model_config {
    char model_type[LF_TEXT_MAX]; /* "llama" or "gpt2"   */
    int64_t vocab_size;           /* 0 = the tokenizer's */
    int64_t hidden_size;
    int64_t intermediate_size;
    int64_t num_hidden_layers;
    int64_t num_attention_heads;
    int64_t num_key_value_heads;     /* 0 = num_attention_heads               */
    int64_t head_dim;                /* 0 = hidden_size / num_attention_heads */
    int64_t max_position_embeddings; /* context                               */
    double rms_norm_eps, rope_theta, initializer_range;
    bool tie_word_embeddings;
    /* Switches away from the plain architecture; 0, false and "" are off. Which are on is part of what the weights mean. */
    char hidden_act[LF_TEXT_MAX]; /* silu|gelu_new|gelu_pytorch_tanh|relu|relu2; "" = silu              */
    bool ungated_mlp;             /* down(act(up x)) instead of down(act(gate x) * up x)                */
    bool attention_bias;          /* q, k, v and output projections have biases                         */
    bool qkv_bias;                /* q, k and v projections have biases                                 */
    bool mlp_bias;
    int64_t sliding_window;         /* tokens that a layer sees; 0 = all                                */
    int64_t sliding_window_pattern; /* every so many-th layer sees all; 0 = none does                   */
    int64_t max_window_layers;      /* the first so many layers see all                                 */
    int64_t no_rope_layer_interval; /* every so many-th layer has no rotary positions; 0 = all have     */
    double partial_rotary_factor;   /* part of each head that turns; 0 = all of it                      */
    lf_rope_scaling rope_scaling;
    double rope_local_base_freq; /* rope_theta of layers with a window; 0 = that of all              */
    bool fused_projections;      /* files hold q, k, v as one tensor, gate and up as another         */
    bool alibi;                  /* linear biases by distance instead of rotary positions            */
    double attn_logit_softcapping, final_logit_softcapping;
    double query_pre_attn_scalar;       /* scores are divided by its root; 0 = head_dim                       */
    bool rms_norm_unit_offset;          /* norms multiply by 1 + weight                                       */
    bool sandwich_norm;                 /* attention and MLP are normalized again before they join the stream */
    bool scale_embedding;               /* embeddings times sqrt(hidden_size)                                 */
    bool zero_init;                     /* output projections begin at zero: blocks begin as the identity     */
    double hidden_dropout;              /* training only                                                      */
    double attention_dropout;           /* the same of attention's probabilities                              */
    bool use_qk_norm;                   /* queries and keys of each head normalized before they are rotated */
    bool attention_sinks;               /* a learned score without a value for each head, in every softmax  */
    int64_t bos_token_id, eos_token_id; /* -1 = none / the tokenizer's */
    char init_from[LF_CONFIG_PATH_MAX]; /* start from these weights (model folder), fresh optimizer; "" = random */
} lf_model_config;

typedef struct lf_data_config {
    char train[LF_CONFIG_PATH_MAX];     /* shard folder, .bin, or raw text (prepared on the fly and cached) */
    char val[LF_CONFIG_PATH_MAX];       /* "" = the val split of train                                      */
    char tokenizer[LF_CONFIG_PATH_MAX]; /* folder; "" = the shards' own, or trained on raw text             */
    char tokenizer_mode[LF_TEXT_MAX];   /* for raw text without a tokenizer: bpe|char                       */
    int64_t tokenizer_vocab_size;       /* for raw text without a tokenizer, bpe                            */
    double val_fraction;                /* for raw text                                                     */
    bool document_mask;                 /* attention and positions restart at each document                 */
} lf_data_config;

typedef struct lf_train_config {
    char dtype[LF_TEXT_MAX]; /* of matrix products: f32|bf16|auto */
    int64_t steps, batch_tokens, micro_batch_tokens, seq_len, warmup_steps;
    char optimizer[LF_TEXT_MAX]; /* adamw|muon|lion|sgd           */
    char schedule[LF_TEXT_MAX];  /* cosine|linear|constant|wsd    */
    double lr, min_lr, decay_fraction, weight_decay, beta1, beta2, eps, grad_clip;
    double muon_lr, momentum; /* muon_lr 0: lr, scaled so that its updates are as large as AdamW's  */
    double ema_decay;         /* 0: no average of the weights                                       */
    double skip_zscore;       /* 0: no update is skipped                                            */
    int64_t skip_window;
    char recompute[LF_TEXT_MAX]; /* none|block|auto: activations of blocks are kept, or made again */
    int64_t memory_limit;        /* bytes of all arenas together; 0: the machine's                 */
    double z_loss, label_smoothing;
    int64_t seed;
    int64_t eval_every, eval_documents, sample_every, checkpoint_every, log_every, keep_last;
} lf_train_config;

typedef struct lf_run_config {
    char dir[LF_CONFIG_PATH_MAX];    /* run folder; "" = runs/<name of the config file> */
    char resume[LF_CONFIG_PATH_MAX]; /* auto|never|PATH of a checkpoint                 */
} lf_run_config;

typedef struct lf_sample_config { /* 0 and "" = off, but for temperature, top_p and repetition_penalty */
    int64_t max_tokens, top_k, seed;
    double temperature, top_p, min_p, repetition_penalty, frequency_penalty, presence_penalty;
    double top_n_sigma, typical_p, xtc_probability, xtc_threshold, dynatemp_range, dynatemp_exponent;
    double dry_multiplier, dry_base, mirostat_tau, mirostat_eta;
    int64_t penalty_last_n, dry_allowed_length, dry_last_n, mirostat;
    char dry_sequence_breakers[LF_TEXT_MAX]; /* separated by '|'; \n and \t are known          */
    char logit_bias[LF_CONFIG_PATH_MAX];     /* "15=-2.5,7=ban"                                */
    char grammar[LF_CONFIG_PATH_MAX];        /* a GBNF file that the text must follow          */
    char json_schema[LF_CONFIG_PATH_MAX];    /* a JSON Schema that it must conform to; not both */
    char order[LF_TEXT_MAX];                 /* stages of the sampler, comma-separated         */
    char prompts[LF_CONFIG_PATH_MAX];        /* samples during training: separated by '|'      */
    char kv_type[LF_TEXT_MAX];               /* of LF_KV_TYPES (lf_engine_options)             */
    int64_t kv_memory;                       /* bytes of them at most: kv_bytes there          */
} lf_sample_config;

typedef struct lf_machine_config {
    int64_t threads; /* 0 = all */
    char isa[LF_TEXT_MAX], pin[LF_TEXT_MAX];
} lf_machine_config;

typedef struct lf_config {
    lf_model_config model;
    lf_data_config data;
    lf_train_config train;
    lf_run_config run;
    lf_sample_config sampler;
    lf_machine_config machine;     /* keys: threads, isa, threads.pin                        */
    char name[LF_TEXT_MAX];        /* of the recipe: file name without its ending            */
    char origin[160][LF_TEXT_MAX]; /* per row of the option table: where the value came from */
} lf_config;

/* All defaults, origin "default". */
void lf_config_init(lf_config *c);
/* Reads a YAML or JSON file of ours, a Hugging Face config.json (its keys become the model section; unknown ones warn, keys that change
 * the arithmetic and are not supported are refused), or a preset by name ("stories-3m", "char"). Values already set stay unless named.
 * Call lf_config_check when all is set. */
int lf_config_load(lf_config *c, const char *path_or_preset, lf_error *err);
/* One key from text. origin: "command line", "environment". Unknown keys name the nearest. */
int lf_config_set(lf_config *c, const char *key, const char *value, const char *origin, lf_error *err);
/* The rules between keys: heads divide the width, warm-up within the run, ... Names both keys and their origins. */
int lf_config_check(const lf_config *c, lf_error *err);

/* The option table, row by row: for help, completion, docs. Returns false past the end. */
typedef struct lf_option_info {
    const char *key, *type, *fallback, *help, *help_zh;
    char range[128], range_zh[128]; /* "1 to 1,000,000", "bpe|char", "text"     */
    bool fixed;                     /* may not change when a run is resumed     */
} lf_option_info;
bool lf_config_option(size_t row, lf_option_info *info);
/* The current value of a row as text, and where it came from. */
const char *lf_config_value(const lf_config *c, size_t row, char *out, size_t size);
const char *lf_config_origin(const lf_config *c, size_t row);
/* The whole config as YAML with a comment per key (language "en" or "zh"), written atomically. */
int lf_config_save(const lf_config *c, const char *path, const char *language, lf_error *err);
/* The same as text (NUL-terminated, free() it); origins: add "# from FILE:LINE" to each value instead of the help. */
char *lf_config_text(const lf_config *c, const char *language, bool origins, lf_error *err);
/* The model section as a Hugging Face config.json. */
int lf_config_save_hf(const lf_config *c, const char *path, lf_error *err);
/* The first key with column "resume: fixed" whose value differs, or NULL. */
const char *lf_config_fixed_difference(const lf_config *a, const lf_config *b);
/* Names of the presets, NULL-terminated; the text of one, or NULL. */
const char *const *lf_config_presets(void);
const char *lf_config_preset_text(const char *name);

#ifdef __cplusplus
}
#endif
#endif
