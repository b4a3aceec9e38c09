/* llama2c.c - the .bin files of Karpathy's llama2.c, read by mapping, under Hugging Face's names: the first layout, without a magic number
 * ("legacy"), and version 1. Immutable once open. Rows of q and k are in pairs of neighbours, as in Meta's own files: who rotates halves
 * permutes them.
 *
 *   legacy    | 7 x int32, a negative vocabulary: a head of its own | float32 weights
 *   version 1 | "24ka" | int32 1 | the same 7 | byte: 1 where the embedding is the head | zeros up to 256 | float32 weights */
#include "formats/formats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LEGACY_HEADER = 28, HEADER = 256, SHARED_AT = 36, NAME = 64, SIDE_MAX = 1 << 24, LAYERS_MAX = 1024 };
static const uint32_t magic = 0x616b3432;

typedef enum side { NONE, DIM, KV, HIDDEN, VOCAB, SEQ, HEAD_DIM } side;
enum { EMBED, IN_NORM, Q, K, V, O, POST_NORM, GATE, DOWN, UP, NORM, ROPE, HEAD, KINDS };

static const struct {
    const char *name; /* NULL: nobody reads it                            */
    side rows, cols;
    bool layered; /* one of each layer, "model.layers.N." before its name */
} kinds[KINDS] = {[EMBED] = {"model.embed_tokens", VOCAB, DIM, false},
                  [IN_NORM] = {"input_layernorm", NONE, DIM, true},
                  [Q] = {"self_attn.q_proj", DIM, DIM, true},
                  [K] = {"self_attn.k_proj", KV, DIM, true},
                  [V] = {"self_attn.v_proj", KV, DIM, true},
                  [O] = {"self_attn.o_proj", DIM, DIM, true},
                  [POST_NORM] = {"post_attention_layernorm", NONE, DIM, true},
                  [GATE] = {"mlp.gate_proj", HIDDEN, DIM, true},
                  [DOWN] = {"mlp.down_proj", DIM, HIDDEN, true},
                  [UP] = {"mlp.up_proj", HIDDEN, DIM, true},
                  [NORM] = {"model.norm", NONE, DIM, false},
                  [ROPE] = {NULL, SEQ, HEAD_DIM, false},
                  [HEAD] = {"lm_head", VOCAB, DIM, false}};

/* What follows what, by version; all layers of a kind stand together. */
static const uint8_t orders[2][KINDS] = {{EMBED, IN_NORM, Q, K, V, O, POST_NORM, GATE, DOWN, UP, NORM, ROPE, HEAD},
                                         {IN_NORM, POST_NORM, NORM, EMBED, Q, K, V, O, GATE, DOWN, UP, HEAD, KINDS}};

static int64_t length_of(const lf_llama2c *l, side s)
{
    switch (s) {
    case DIM: return l->dim;
    case KV: return l->dim / l->n_heads * l->n_kv_heads;
    case HIDDEN: return l->hidden_dim;
    case VOCAB: return l->vocab_size;
    case SEQ: return l->seq_len;
    case HEAD_DIM: return l->dim / l->n_heads;
    default: return 0; /* a vector has no rows */
    }
}

static void add(lf_llama2c *l, int kind, int layer, size_t at, size_t bytes)
{
    char *name = l->names + NAME * l->n;
    lf_file_tensor *t = &l->tensors[l->n++];
    int64_t rows = length_of(l, kinds[kind].rows), cols = length_of(l, kinds[kind].cols);
    if (kinds[kind].layered)
        snprintf(name, NAME, "model.layers.%d.%s.weight", layer, kinds[kind].name);
    else
        snprintf(name, NAME, "%s.weight", kinds[kind].name);
    *t = (lf_file_tensor){.name = name, .dtype = LF_F32, .n_dims = 1, .shape = {cols}, .bytes = bytes, .file = l->file};
    t->data = l->file->map.data + at;
    if (rows) t->n_dims = 2, t->shape[0] = rows, t->shape[1] = cols;
}

/* Walks through the file as its header has it, adding tensors where there is room for them; returns where it ends. Sides are at most 2^24
 * and layers 2^10: thirteen kinds of at most 2^60 bytes do not overflow. */
static uint64_t lay_out(lf_llama2c *l)
{
    uint64_t at = l->version ? HEADER : LEGACY_HEADER;
    for (int i = 0; i < KINDS; i++) {
        int kind = orders[l->version][i];
        if (kind == KINDS || (kind == HEAD && l->shared_classifier)) continue;
        uint64_t bytes = (uint64_t)(LF_MAX(length_of(l, kinds[kind].rows), 1) * length_of(l, kinds[kind].cols)) * sizeof(float);
        for (int layer = 0; layer < (kinds[kind].layered ? l->n_layers : 1); layer++, at += bytes)
            if (l->tensors && kinds[kind].name) add(l, kind, layer, (size_t)at, (size_t)bytes);
    }
    return at;
}

/* The version and where the seven numbers begin. */
static int read_version(lf_llama2c *l, size_t *at, const char *path, lf_error *err)
{
    const uint8_t *head = l->file->map.data;
    size_t size = l->file->map.size;
    uint32_t first = 0;
    *at = 0;
    if (size < LEGACY_HEADER) return lf_error_set(err, LF_E_FORMAT, "%s: %zu bytes, too short for a llama2.c file", path, size);
    memcpy(&first, head, sizeof first);
    if (first != magic) return 0;
    if (size < HEADER) return lf_error_set(err, LF_E_FORMAT, "%s: %zu bytes, too short for the header of a llama2.c file", path, size);
    memcpy(&l->version, head + 4, sizeof l->version);
    *at = 8;
    l->shared_classifier = head[SHARED_AT] == 1;
    if (l->version == 1 && head[SHARED_AT] <= 1) return 0;
    if (l->version == 1)
        return lf_error_set(err, LF_E_FORMAT, "%s: byte %d: expected 0 or 1 (is the embedding the head?), got %d", path, SHARED_AT,
                            head[SHARED_AT]);
    lf_error_set(err, LF_E_UNSUPPORTED, "%s: byte 4: version %" PRId32 " of llama2.c's files%s is not read, only legacy ones and version 1",
                 path, l->version, l->version == 2 ? " (int8 in groups)" : "");
    return lf_error_hint(err, "write it from the float model: python3 export.py FILE.bin --version 1");
}

static int read_header(lf_llama2c *l, const char *path, lf_error *err)
{
    static const char *const names[] = {"dim", "hidden_dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "seq_len"};
    int32_t *const fields[] = {&l->dim, &l->hidden_dim, &l->n_layers, &l->n_heads, &l->n_kv_heads, &l->vocab_size, &l->seq_len};
    size_t size = l->file->map.size, at;
    if (read_version(l, &at, path, err)) return -1;
    for (size_t i = 0; i < LF_COUNT(fields); i++) memcpy(fields[i], l->file->map.data + at + 4 * i, 4);
    if (l->version == 0) {
        l->shared_classifier = l->vocab_size > 0;
        if (l->vocab_size < 0 && l->vocab_size > INT32_MIN) l->vocab_size = -l->vocab_size;
    }
    for (size_t i = 0; i < LF_COUNT(fields); i++) {
        int32_t most = fields[i] == &l->n_layers ? LAYERS_MAX : SIDE_MAX;
        if (*fields[i] < 1 || *fields[i] > most)
            return lf_error_set(err, LF_E_FORMAT, "%s: byte %zu: %s %" PRId32 " is not in 1 to %" PRId32 ": not a llama2.c file?", path,
                                at + 4 * i, names[i], *fields[i], most);
    }
    if (l->dim % l->n_heads || l->dim / l->n_heads % 2 || l->n_heads % l->n_kv_heads)
        return lf_error_set(err, LF_E_FORMAT,
                            "%s: byte %zu: a width of %" PRId32 " does not make %" PRId32 " even heads, %" PRId32 " of them for k "
                            "and v",
                            path, at + 12, l->dim, l->n_heads, l->n_kv_heads);
    uint64_t expected = lay_out(l);
    if (expected != size)
        return lf_error_set(err, LF_E_FORMAT, "%s: a llama2.c file with this header has %" PRIu64 " bytes, this one has %zu", path,
                            expected, size);
    return 0;
}

int lf__llama2c_open(lf_llama2c *l, const char *path, lf_error *err)
{
    *l = (lf_llama2c){0};
    if (!(l->file = lf__file_open(path, err))) return -1;
    if (read_header(l, path, err) == 0) {
        size_t most = KINDS * (size_t)l->n_layers;
        l->names = lf__calloc(most, NAME, err);
        l->tensors = l->names ? lf__calloc(most, sizeof *l->tensors, err) : NULL;
    }
    if (!l->tensors) {
        lf__llama2c_close(l);
        return -1;
    }
    lay_out(l);
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
