/* model.h - weights with a shape: made, loaded, saved, counted. */
#ifndef FOUNDRY_MODEL_H
#define FOUNDRY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "foundry/config.h"
#include "foundry/device.h"
#include "foundry/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lf_model lf_model;

/* A model with random weights: normal(0, initializer_range), output projections divided by sqrt(2 layers), norms one. Each
 * weight is a pure function of (seed, its parameter's row in the table, its index). borrows device. Free with lf_model_free. */
lf_model *lf_model_new(lf_device *device, const lf_model_config *config, uint64_t seed, lf_error *err);

/* A Hugging Face model folder (config.json + model.safetensors, or shards and their index) or a GGUF file; f32, f16, bf16 and blocks become
 * f32. Everything is validated before it is used. */
lf_model *lf_model_load(lf_device *device, const char *path, lf_error *err);

/* A model to talk with, not to train or to save: whatever lf_model_load opens, or a GGUF file, its weights kept once, packed for kernels.
 * weights: "auto" or NULL, as the file has them (Q8_0, Q4_0, IQ4_NL, Q4_K, Q5_K, Q6_K as they are; float16, widened while it is
 * multiplied; bfloat16 where the CPU multiplies it, else and for other types float32); or f32, f16, bf16, q8_0, q4_0, iq4_nl, q4_k, q5_k,
 * q6_k: made so on the way, in the next possible type where rows are no whole number of blocks. Quantized weights are multiplied with
 * activations of 8 bits, bf16 weights with activations rounded to bfloat16. */
lf_model *lf_model_open(lf_device *device, const char *path, const char *weights, lf_error *err);
/* The same, and what else may be wished for; options may be NULL. */
typedef struct lf_open_options {
    const char *weights;    /* as above */
    bool packed;            /* keep a packed copy of the weights in a file, and open by it the next time: mapped, not read */
    const char *packed_dir; /* the folder for it, which exists; NULL or "": beside the model */
} lf_open_options;
/* A packed copy is named after the model, the type and the device's instruction set, is hashed at every opening, and is made anew (said in
 * the log) when the model's files have changed (size, time, beginning) or it is not what was written. Where it cannot be written the model
 * opens without. While a model lives its copy must not be cut short; it may be removed or replaced. */
lf_model *lf_model_open_with(lf_device *device, const char *path, const lf_open_options *options, lf_error *err);
/* A model of this shape to talk with whose weights are random, never read from anywhere: to measure with. weights as above, "auto": as if a
 * file had them in bfloat16. */
lf_model *lf_model_open_random(lf_device *device, const lf_model_config *config, const char *weights, lf_error *err);
/* The type that most bytes of a model's products are in: "q4_0", "bf16", "f32", ...; static. */
const char *lf_model_weights_of(const lf_model *model);
/* Bytes of weights that one token of a text reads: each once, of the embedding one row. */
int64_t lf_model_bytes_per_token(const lf_model *model);

/* Writes config.json, model.safetensors and generation_config.json into dir (which exists), each atomically. Not of a model that was opened
 * to talk. */
int lf_model_save(const lf_model *model, const char *dir, lf_error *err);
void lf_model_free(lf_model **model);

#define LF_ENDS 8
/* Tokens that an answer of the model ends with, as its files say: eos_token_id of config.json and generation_config.json (one or a list),
 * the eos, eot and eom tokens of a GGUF file. Returns how many, at most LF_ENDS; borrowed. */
int lf_model_ends(const lf_model *model, const int32_t **ends);
const lf_model_config *lf_model_config_of(const lf_model *model);
int64_t lf_model_parameters(const lf_model *model);        /* all weights, tied ones once */
int64_t lf_model_matmul_parameters(const lf_model *model); /* weights that enter a matrix product, head included */
/* Floating-point operations per trained token at sequence length t: 6N + 12 L C T. */
double lf_model_flops_per_token(const lf_model *model, int t);

/* Logits of each token of one sequence, fed in chunks of `chunk` tokens through a KV cache (0: all at once).
 * logits [n, vocab_size]. The same bits for every chunk size. -1 when n exceeds the context or an id is out of range. */
int lf_model_logits(lf_model *model, float *logits, const int32_t *tokens, int n, int chunk, lf_error *err);

#ifdef __cplusplus
}
#endif
#endif
