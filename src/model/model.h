/* model.h - the face of src/model: what a model is made of, for the floors above (train, infer).
 *
 * One table of parameters per architecture (lf_param_row) drives allocation, initialization, loading, saving and optimizer groups.
 * Rows that name the same field are parts of one merged storage, stacked in table order: kernels see q|k|v as one matrix,
 * files and optimizers see three. A model is not shared between threads. */
#ifndef LF_MODEL_H
#define LF_MODEL_H

#include "formats/formats.h"
#include "foundry/model.h"
#include "ops/ops.h"

/* ---- the parameter table ------------------------------------------------------------------------------------------------------ */
typedef enum lf_dim {
    LF_DIM_ONE,
    LF_DIM_VOCAB,
    LF_DIM_WIDTH,
    LF_DIM_FFN,
    LF_DIM_Q,
    LF_DIM_KV,
    LF_DIM_QKV,
    LF_DIM_GATE_UP,
    LF_DIM_HEAD,
    LF_DIM_HEADS,
    LF_DIM_CONTEXT
} lf_dim;
typedef enum lf_init {
    LF_INIT_ONE, /* what multiplies by one: zero where norms multiply by 1 + weight */
    LF_INIT_ZERO,
    LF_INIT_NORMAL,
    LF_INIT_OUTPUT /* normal / sqrt(2 layers), or zero with zero_init */
} lf_init;
typedef enum lf_product {
    LF_PRODUCT_NONE,
    LF_PRODUCT_PLAIN,
    LF_PRODUCT_PAIRED,
    LF_PRODUCT_TIED /* only when the head is tied */
} lf_product;

/* When a row exists at all. */
typedef enum lf_when {
    LF_ALWAYS,
    LF_IF_UNTIED,
    LF_IF_QK_NORM,
    LF_IF_SINKS,
    LF_IF_QKV_BIAS,
    LF_IF_OUT_BIAS,
    LF_IF_GATED,
    LF_IF_MLP_BIAS,
    LF_IF_GATE_BIAS,
    LF_IF_SANDWICH,
    LF_IF_PLAIN_NORM, /* not sandwich */
    LF_IF_FUSED,      /* fused_projections: files hold q|k|v and gate|up as one tensor each */
    LF_IF_SPLIT
} lf_when;

typedef struct lf_param_row {
    const char *name; /* in Hugging Face's files; %d is the layer */
    const char *gguf; /* in GGUF files                            */
    bool per_layer;
    size_t field;      /* offset of the lf_weight in lf_layer, or in lf_model */
    lf_dim rows, cols; /* LF_DIM_ONE rows: a vector                           */
    lf_init init;
    bool decay;         /* weight decay applies                    */
    lf_product product; /* which panels kernels want               */
    lf_when when;
    bool transposed; /* Hugging Face's files hold [cols, rows]         */
    bool turns;      /* rows are pairs that rotary positions turn: q, k */
} lf_param_row;

/* ---- a model ------------------------------------------------------------------------------------------------------------------ */
typedef struct lf_layer {
    lf_weight attn_norm, qkv, q_norm, k_norm, attn_out, attn_post, mlp_norm, mlp_in, mlp_down, mlp_post; /* mlp_in: gate | up, or up */
    lf_weight sinks;                                                                                     /* [num_attention_heads] */
    lf_weight attn_norm_bias, qkv_bias, attn_out_bias, mlp_norm_bias, mlp_in_bias, mlp_down_bias;
} lf_layer;

/* One parameter as files and optimizers see it: rows [row0, row0 + rows) of a weight. */
typedef struct lf_param {
    char name[96];
    lf_weight *weight;
    int row0, rows, cols, n_dims;
    const lf_param_row *row;
    int index; /* in order: the stream of its random numbers */
    int layer; /* 0 for what no layer owns                   */
    /* Of a model that only talks: the type of its panels (of the embedding: of its rows, too), and these where the other parts of the
     * weight are of other types. */
    lf_dtype type;
    lf_panels panels;
} lf_param;

struct lf_arch;
struct lf_model {
    lf_device *device;
    lf_model_config config;
    const struct lf_arch *arch;
    const struct lf_family *family; /* the type that it is saved as (families.c) */
    lf_dtype products;              /* of the panels, and of attention without a cache */
    bool talks;                     /* only that: of what enters a product nothing is kept but forward panels */
    bool recompute;                 /* training contexts made from now on keep no insides of blocks */
    lf_arena weights;               /* weights, then their panels, then the rope table */
    lf_arena grads;                 /* training: one gradient per weight, same order   */
    lf_weight embed, positions, norm, norm_bias, head;
    lf_layer *layers;
    lf_param *params;
    int n_params;
    lf_weight **all; /* every weight once, in storage order */
    int n_all;
    float *data;           /* first weight: all lie in a row, each on a multiple of 64 bytes */
    size_t n_floats;       /* of weights, padding included */
    float *rope;           /* [rope_rows][rotary / 2][2], NULL without rotary positions */
    float *rope_local;     /* the same for layers with a window, where these have a base of their own, or NULL */
    int64_t rope_rows;     /* of max_position_embeddings, or less: lf__model_declare */
    int rotary;            /* elements of a head that turn */
    float *slopes;         /* ALiBi: [num_attention_heads], or NULL */
    int32_t ends[LF_ENDS]; /* tokens that an answer ends with (ends.c) */
    int n_ends;
};

typedef struct lf_arch {
    const char *name; /* model_type */
    const lf_param_row *rows;
    int n_rows;
    /* Tokens to the last normalized activations [n_tokens, width]. */
    lf_tensor *(*forward)(lf_ctx *ctx, lf_model *model);
} lf_arch;

extern const lf_arch lf__arch_llama, lf__arch_gpt2;
const lf_arch *lf__arch_find(const char *model_type); /* or NULL */

/* The weight that turns activations into logits. */
static inline lf_weight *lf__model_head(lf_model *m) { return m->config.tie_word_embeddings ? &m->embed : &m->head; }
int lf__model_head_dim(const lf_model_config *c);
int lf__model_rotary(const lf_model_config *c); /* elements of a head that turn: none with learned positions or ALiBi */
lf_act lf__model_act(const lf_model_config *c);
float lf__model_attention_scale(const lf_model_config *c);
/* Does this layer see only the window; does it have rotary positions? */
bool lf__layer_slides(const lf_model_config *c, int layer);
bool lf__layer_rotates(const lf_model_config *c, int layer);
/* Where dropout sits; with the layer, part of its key. */
enum { LF_SITE_EMBED, LF_SITE_ATTENTION, LF_SITE_MLP, LF_SITE_PROBABILITIES };

/* Names of the switches (keys below "model.", config_hf.c), NULL-terminated: no tensor's shape shows them all. */
extern const char *const lf__model_switches[];

/* Can a model of these numbers exist at all? where: "model", or the file they came from. 0 or -1 with the key that is wrong. */
int lf__model_check(const lf_model_config *c, const char *where, lf_error *err);

/* ---- rope.c: rotary tables, plain and stretched ------------------------------------------------------------------------------- */
enum { LF_ROPE_FACTORS = 512 }; /* pairs of the widest head */
/* The context that training stretched from, or the whole one. */
int64_t lf__rope_original(const lf_model_config *c);
/* What cos and sin are multiplied with (yarn, longrope), or 1. */
double lf__rope_attention_factor(const lf_model_config *c);
/* inv [d / 2]: the angle by which pair i turns from one position to the next, in a session of `context` positions. local: of layers with
 * a window and rope_local_base_freq. Returns the attention factor. */
double lf__rope_frequencies(double *inv, const lf_model_config *c, int d, bool local, int64_t context);
/* Do the numbers of rope_scaling say a table for heads of which d elements turn? 0 or -1 with the key that is wrong. */
int lf__rope_check(const lf_model_config *c, int d, const char *where, lf_error *err);
/* table [positions][rotary / 2][2]: cos, sin. */
void lf__rope_fill(const lf_model *m, float *table, bool local, int64_t positions, int64_t context);
/* The longest context that a session may declare: dynamic scaling has a table for any. */
int64_t lf__model_longest(const lf_model *m);

/* ---- params.c --------------------------------------------------------------------------------------------------------------------- */
/* A model of this shape with zero weights. With `training`, gradients and backward panels too. products: LF_F32 or LF_BF16, what panels
 * hold. dry: address space only (a forecast). */
lf_model *lf__model_alloc(lf_device *device, const lf_model_config *config, bool training, lf_dtype products, bool dry, lf_error *err);
/* The same for a model that only talks: no values of weights that enter products but in their panels, types [n_params] of these. The
 * embedding keeps its rows in its type. */
lf_model *lf__model_alloc_panels(lf_device *device, const lf_model_config *config, const lf_dtype *types, lf_error *err);
/* The same with its values in a file, which it maps: what lf__arena_contents of such a model gave. */
typedef struct lf_model_image {
    const char *path;
    uint64_t offset;
    size_t bytes;
} lf_model_image;
lf_model *lf__model_alloc_mapped(lf_device *device, const lf_model_config *config, const lf_dtype *types, const lf_model_image *image,
                                 lf_error *err);
void lf__model_init_weights(lf_model *m, uint64_t seed);
/* All panels anew from the weights: after init, load and every optimizer step. */
void lf__model_pack(lf_model *m);
/* Gradient marks back to "nothing written": once per optimizer step. */
void lf__model_clear_grads(lf_model *m);

/* ---- families.c ------------------------------------------------------------------------------------------------------------------- */
/* A model type of the world in our switches (model.<key>): those it sets, and those its files may hold. The first row that can say
 * everything a model does is the type it is saved as; no program but ours knows the last, so none computes something else. */
typedef struct lf_family {
    const char *type, *architecture; /* in config.json                                              */
    const char *arch;                /* ours: model.model_type                                      */
    const char *gguf;                /* general.architecture                                        */
    const char *sets;                /* "key=value key=value": what holds when the file says nothing */
    const char *reads;               /* "key key": which switches a config.json may hold            */
    bool asks;                       /* a window counts only with use_sliding_window                */
    bool verified;                   /* vectors of others cover it (tests/golden)                   */
    bool norm_rope;                  /* GGUF stores q and k with the two of a pair side by side      */
} lf_family;
extern const lf_family lf__families[]; /* ends with a row of NULLs */
#define LF_ROPE "rope_scaling."        /* begins the names of one group of switches, which all relatives of llama have */

/* Is key one of the words? */
bool lf__says(const char *words, const char *key);
/* The value that the family gives to key, or NULL. */
const char *lf__family_sets(const lf_family *f, const char *key, char *out, size_t size);
/* The type that a config is saved as. */
const lf_family *lf__family_of(const lf_config *c);
/* The first row with this text in the column at `offset` (of type or gguf), or NULL; all of a column, separated by commas. */
const lf_family *lf__family_find(const char *type, size_t offset);
char *lf__family_list(char out[256], size_t offset);

/* ---- config_hf.c, config_gguf.c ------------------------------------------------------------------------------------------------------ */
/* lf_config_save_hf with the type of the weights: "float32", "bfloat16", "float16". */
int lf__config_save_hf(const lf_config *c, const char *dtype, const char *path, lf_error *err);
/* The configuration of a model in a folder or a GGUF file, checked. */
int lf__model_config_read(lf_config *c, const char *path, lf_error *err);
int lf__config_read_gguf(lf_config *c, const lf_weights *w, const char *path, lf_error *err);
/* Everything about config in the metadata of a GGUF file; what no key of the format says goes into pairs of our own, with one warning about
 * those that change what other programs compute. */
int lf__gguf_describe(lf_gguf_meta *meta, const lf_config *config, const char *path, lf_error *err);
/* Tensors that stand for numbers of the configuration: the factors of llama3 and longrope. Returns how many. */
typedef struct lf_gguf_extra {
    const char *name;
    int n;
    float values[LF_ROPE_FACTORS];
} lf_gguf_extra;
int lf__gguf_extras(lf_gguf_extra out[2], const lf_model_config *c);

/* ---- model_files.c ------------------------------------------------------------------------------------------------------------------ */
/* A parameter's name and shape in files of this kind. */
const char *lf__param_name(char out[96], const lf_param *p, lf_weights_kind kind);
void lf__param_shape(int64_t shape[2], const lf_param *p, lf_weights_kind kind);
/* How many rows to take at once of something that may be large: about a million numbers, whole heads where rows change places. */
int lf__param_piece(const lf_model *m, const lf_param *p);
/* rows [rows, cols] of p, a piece as above, from our layout into the file's, in place. */
int lf__param_to_file(float *values, const lf_model *m, const lf_param *p, lf_weights_kind kind, int rows, lf_error *err);

/* Does a file of this kind hold the parameter's numbers as we do, but for the order of rows? Then rows of `row` bytes each, of any type, go
 * without a conversion: a piece in our order into the file's. */
bool lf__param_keeps(const lf_model *m, const lf_param *p, lf_weights_kind kind);
int lf__param_stored_to_file(void *rows_of, const lf_model *m, const lf_param *p, lf_weights_kind kind, int rows, size_t row,
                             lf_error *err);

/* The files of a model, every tensor matched with its parameter: there, of the right shape, and no other. borrows m, which may be dry. */
typedef struct lf_source {
    const lf_model *model;
    lf_weights weights;
    const lf_file_tensor **tensors; /* [n_params] */
    bool norm_rope;                 /* rows of q and k in the order of llama's GGUF */
} lf_source;
int lf__source_open(lf_source *s, const lf_model *m, const char *path, lf_error *err);
void lf__source_close(lf_source *s);
/* Rows [row0, row0 + rows) of a parameter in our layout: a piece as above. */
int lf__source_read(float *out, const lf_source *s, int param, int row0, int rows, lf_error *err);
/* The same rows as they are in the file, in its own type: bytes of whole blocks. */
int lf__source_read_stored(void *out, const lf_source *s, int param, int row0, int rows, lf_error *err);
bool lf__source_is_stored(const lf_source *s, int param, lf_dtype type); /* can it be read so, as this type? */
/* A head that is stored although it is tied must be the embedding. Reads both. */
int lf__source_check_tied(const lf_source *s, lf_error *err);
/* Fills m from a folder or a file; refuses NaN and infinity. */
int lf__model_read(lf_model *m, const char *path, lf_error *err);
/* lf_model_save with the weights from `data`, [m->n_floats] laid out as m->data; reads of m only what never changes. hash: lf__hash64 of
 * model.safetensors. */
int lf__model_write(const lf_model *m, const float *data, const char *dir, uint64_t *hash, lf_error *err);

/* ---- ends.c: what the files at path, whose weights are open, say about m->ends ------------------------------------------- */
int lf__model_read_ends(lf_model *m, const lf_weights *w, const char *path, lf_error *err);

/* ---- identity.c: is it the same model? ------------------------------------------------------------------------------------------ */
/* Every byte of the arena: weights, panels, tables. 0 or -1 (no memory). */
int lf__model_hash(uint64_t *hash, const lf_model *m, lf_error *err);
/* Names, places and shapes of the parameters, in these types [n_params] (NULL: their own). */
uint64_t lf__model_shape(const lf_model *m, const lf_dtype *types);
/* All that decides logits in sessions of `context` positions: the two, the configuration, rotary frequencies. Of models on one rung: panels
 * lie differently on others, and products round differently. */
int lf__model_identity(uint64_t *id, const lf_model *m, int64_t context, lf_error *err);

/* ---- packed.c: the packed copy of a model that talks ---------------------------------------------------------------------------- */
typedef struct lf_packed {
    char path[LF_PATH_MAX];
    uint64_t source, shape; /* what the copy must be of */
} lf_packed;
typedef struct lf_packed_names {
    const char *path, *weights, *isa; /* of the model, the wanted type, the rung */
    const char *folder;               /* where copies are kept; NULL, "": beside the model */
} lf_packed_names;
/* Where the copy of a source in these types is, if it is, and how it is known. */
int lf__packed_find(lf_packed *p, const lf_source *s, const lf_dtype *types, const lf_packed_names *names, lf_error *err);
/* The model by its copy, or NULL: there is none, or (said in the log) it is stale or damaged. */
lf_model *lf__packed_open(const lf_packed *p, lf_device *device, const lf_model_config *config, const lf_dtype *types);
int lf__packed_write(const lf_packed *p, lf_model *m, lf_error *err);

/* ---- model.c ------------------------------------------------------------------------------------------------------------- */
/* Scoring and training: sum of nll over the batch's targets (and, with a tape, gradients of everything). nll [n_tokens] or NULL. */
double lf__model_loss(lf_model *m, lf_ctx *ctx, const lf_batch *batch, float *nll);
/* Inference: logits of batch->out_rows, [n_out_rows, vocab], in ctx scratch until the next call. 0 or -1 (ctx->error). The
 * sequences' kv->length must be advanced by the caller afterwards. */
int lf__model_forward(lf_model *m, lf_ctx *ctx, const lf_batch *batch, float **logits);
/* A context without a tape for batches of up to n_tokens rows and n_out logit rows over caches of `context` positions: measures
 * its arenas by a dry run and reserves them. Release with lf__model_ctx_release. */
typedef struct lf_model_ctx {
    lf_ctx ctx;
    lf_arena meta, step, scratch, rope;
    lf_tape tape;
} lf_model_ctx;
/* The batch's shape is what counts: n_tokens rows in n_seqs equal sequences; targets when scoring; kv when cached. For a dry model the
 * arenas stay measuring: what they would take, and nothing to run in. */
int lf__model_ctx_init(lf_model_ctx *c, lf_model *m, const lf_batch *shape, bool training, lf_error *err);
void lf__model_ctx_release(lf_model_ctx *c);
/* Fixes the rotary positions of a context that was just made to sessions of up to `context` positions (rope.c). With dynamic or longrope
 * scaling, or for a longer context than the model's table has rows, it gets tables of its own. Whoever runs more than rope_rows positions
 * must call it; without a call they are the model's. 0 or -1 (too long). */
int lf__model_declare(lf_model_ctx *c, const lf_model *m, int64_t context, lf_error *err);

#endif
