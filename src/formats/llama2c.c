/* llama2c.c - the .bin files of Karpathy's llama2.c (the first layout, without a magic number), read by mapping, under Hugging Face's
 * names. Immutable once open. Rows of q and k are in pairs of neighbours, as in Meta's own files: who rotates halves permutes them.
 *
 *   | 7 x int32: dim, hidden, layers, heads, kv heads, vocab (negative: a head of its own follows), seq | float32 weights |
 *   weights: embedding; for each kind in the table below, all layers; final norm; 2 x [seq][head / 2] rotation tables; head */
#include "formats/formats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 28, NAME = 64, SIDE_MAX = 1 << 24, LAYERS_MAX = 1024 };

typedef enum side { NONE, DIM, KV, HIDDEN } side;

static const struct {
    const char *name;
    side rows, cols;
} kinds[] = {{"input_layernorm", NONE, DIM}, {"self_attn.q_proj", DIM, DIM}, {"self_attn.k_proj", KV, DIM},
             {"self_attn.v_proj", KV, DIM},  {"self_attn.o_proj", DIM, DIM}, {"post_attention_layernorm", NONE, DIM},
             {"mlp.gate_proj", HIDDEN, DIM}, {"mlp.down_proj", DIM, HIDDEN}, {"mlp.up_proj", HIDDEN, DIM}};

static int64_t length_of(const lf_llama2c *l, side s)
{
    switch (s) {
    case DIM: return l->dim;
    case KV: return l->dim / l->n_heads * l->n_kv_heads;
    case HIDDEN: return l->hidden_dim;
    default: return 0; /* a vector has no rows */
    }
}

/* Sides are below 2^24, so products of two fit; the sum is compared with the file before anything else is believed. */
static bool expected_size(const lf_llama2c *l, size_t *out)
{
    size_t layer = 0, n, all = (size_t)l->vocab_size * (size_t)l->dim * (l->shared_classifier ? 1 : 2);
    for (size_t k = 0; k < LF_COUNT(kinds); k++) layer += (size_t)(LF_MAX(length_of(l, kinds[k].rows), 1) * length_of(l, kinds[k].cols));
    return lf__mul_size(&n, layer, (size_t)l->n_layers) && lf__add_size(&n, n, all) && lf__add_size(&n, n, (size_t)l->dim) &&
           lf__add_size(&n, n, (size_t)l->seq_len * (size_t)(l->dim / l->n_heads)) && lf__mul_size(&n, n, sizeof(float)) &&
           lf__add_size(out, n, HEADER);
}

static int read_header(lf_llama2c *l, const char *path, lf_error *err)
{
    static const char *const names[] = {"dim", "hidden_dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "seq_len"};
    int32_t *const fields[] = {&l->dim, &l->hidden_dim, &l->n_layers, &l->n_heads, &l->n_kv_heads, &l->vocab_size, &l->seq_len};
    size_t size = l->file->map.size, expected = 0;
    if (size < HEADER) return lf_error_set(err, LF_E_FORMAT, "%s: %zu bytes, too short for a llama2.c file", path, size);
    for (size_t i = 0; i < LF_COUNT(fields); i++) memcpy(fields[i], l->file->map.data + 4 * i, 4);
    l->shared_classifier = l->vocab_size > 0;
    if (l->vocab_size < 0 && l->vocab_size > INT32_MIN) l->vocab_size = -l->vocab_size;
    for (size_t i = 0; i < LF_COUNT(fields); i++) {
        int32_t most = fields[i] == &l->n_layers ? LAYERS_MAX : SIDE_MAX;
        if (*fields[i] < 1 || *fields[i] > most)
            return lf_error_set(err, LF_E_FORMAT, "%s: byte %zu: %s %" PRId32 " is not in 1 to %" PRId32 ": not a llama2.c file?", path,
                                4 * i, names[i], *fields[i], most);
    }
    if (l->dim % l->n_heads || l->dim / l->n_heads % 2 || l->n_heads % l->n_kv_heads)
        return lf_error_set(err, LF_E_FORMAT,
                            "%s: byte 12: a width of %" PRId32 " does not make %" PRId32 " even heads, %" PRId32 " of them for k "
                            "and v",
                            path, l->dim, l->n_heads, l->n_kv_heads);
    if (!expected_size(l, &expected) || expected != size)
        return lf_error_set(err, LF_E_FORMAT, "%s: a llama2.c file with this header has %zu bytes, this one has %zu", path, expected, size);
    return 0;
}

/* The next tensor; *at walks through the file. */
static void add(lf_llama2c *l, size_t *at, int64_t rows, int64_t cols, const char *format, ...) LF_PRINTF(5, 6);
static void add(lf_llama2c *l, size_t *at, int64_t rows, int64_t cols, const char *format, ...)
{
    va_list args;
    char *name = l->names + NAME * l->n;
    lf_file_tensor *t = &l->tensors[l->n++];
    va_start(args, format);
    vsnprintf(name, NAME, format, args);
    va_end(args);
    *t = (lf_file_tensor){.name = name, .dtype = LF_F32, .n_dims = 1, .shape = {cols}, .data = l->file->map.data + *at, .file = l->file};
    if (rows) t->n_dims = 2, t->shape[0] = rows, t->shape[1] = cols;
    t->bytes = (size_t)(LF_MAX(rows, 1) * cols) * sizeof(float);
    *at += t->bytes;
}

int lf__llama2c_open(lf_llama2c *l, const char *path, lf_error *err)
{
    *l = (lf_llama2c){0};
    if (!(l->file = lf__file_open(path, err))) return -1;
    size_t most = 0, at = HEADER;
    if (read_header(l, path, err) == 0) {
        most = LF_COUNT(kinds) * (size_t)l->n_layers + 3;
        l->tensors = lf__calloc(most, sizeof *l->tensors, err);
        l->names = lf__calloc(most, NAME, err);
    }
    if (!l->tensors || !l->names) {
        lf__llama2c_close(l);
        return -1;
    }
    add(l, &at, l->vocab_size, l->dim, "model.embed_tokens.weight");
    for (size_t k = 0; k < LF_COUNT(kinds); k++)
        for (int layer = 0; layer < l->n_layers; layer++)
            add(l, &at, length_of(l, kinds[k].rows), length_of(l, kinds[k].cols), "model.layers.%d.%s.weight", layer, kinds[k].name);
    add(l, &at, 0, l->dim, "model.norm.weight");
    at += (size_t)l->seq_len * (size_t)(l->dim / l->n_heads) * sizeof(float);
    if (!l->shared_classifier) add(l, &at, l->vocab_size, l->dim, "lm_head.weight");
    lf__tensors_sort(l->tensors, l->n);
    return 0;
}

void lf__llama2c_close(lf_llama2c *l)
{
    free(l->tensors);
    free(l->names);
    lf__file_close(&l->file);
    *l = (lf_llama2c){0};
}
