/* fuzz_packed.c - hostile bytes over a true packed copy of a small model: the input is XORed with the head and with the arena behind it
 * (the padding between them holds nothing). Checksums are made true first, or nothing but they would be tested. A copy that opens computes.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fuzz/use_tensors.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VOCAB = 24, HEAD = 65536, HEAD_USED = 56, FILE_MAX = HEAD + (1 << 18) };
enum { MAGIC, VERSION, SOURCE, SHAPE, BYTES, HASH, CHECK }; /* eight bytes each */
static lf_model_config config;
static lf_device *device;
static lf_dtype *types;
static lf_packed target = {.source = 1, .shape = 2};
static lf_buf truth;
static int opened;

static void be_silent(lf_log_level level, const char *text, void *user) { LF_UNUSED(level), LF_UNUSED(text), LF_UNUSED(user); }

static void make_truth(void)
{
    lf_config c;
    lf_config_init(&c);
    config = c.model;
    strcpy(config.model_type, "llama");
    config.vocab_size = VOCAB, config.hidden_size = 32, config.intermediate_size = 32, config.num_hidden_layers = 1;
    config.num_attention_heads = 2, config.num_key_value_heads = 1, config.max_position_embeddings = 16;
    device = lf_device_open(&(lf_device_options){.threads = 1, .pin = "off"}, NULL);
    lf_model *m = device ? lf_model_open_random(device, &config, "q4_0", NULL) : NULL;
    if (!m || !(types = lf__calloc((size_t)m->n_params, sizeof *types, NULL))) abort();
    for (int i = 0; i < m->n_params; i++) types[i] = m->params[i].type;
    snprintf(target.path, sizeof target.path, "/tmp/foundry-fuzz-packed-%ld", (long)getpid());
    lf__buf_init(&truth, FILE_MAX);
    if (lf__packed_write(&target, m, NULL) || lf__read_file(&truth, target.path, FILE_MAX, NULL)) abort();
    unlink(target.path);
    lf_model_free(&m);
    lf_log_set_sink(be_silent, NULL);
}

/* As src/model/packed.c takes them: a hash over the hashes of pieces, of which there is one. */
static void make_sums_true(uint64_t head[7], const uint8_t *arena)
{
    uint64_t piece = lf__hash64(arena, head[BYTES], 0);
    head[HASH] = lf__hash64(&piece, sizeof piece, head[BYTES]);
    head[CHECK] = lf__hash64(head, CHECK * sizeof *head, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t file[FILE_MAX];
    uint64_t head[7];
    if (!truth.len) make_truth();
    size_t n = truth.len;
    memset(file, 0, sizeof file);
    memcpy(file, truth.data, n);
    for (size_t i = 0; i < size; i++) {
        size_t at = i < HEAD_USED ? i : HEAD + i - HEAD_USED;
        if (at >= FILE_MAX) break;
        file[at] ^= data[i], n = LF_MAX(n, at + 1);
    }
    memcpy(head, file, sizeof head);
    if (head[BYTES] != truth.len - HEAD && head[BYTES] <= FILE_MAX - HEAD) n = HEAD + head[BYTES]; /* as long as it says */
    if (head[BYTES] <= FILE_MAX - HEAD) make_sums_true(head, file + HEAD);
    memcpy(file, head, sizeof head);
    int fd = fuzz_file(target.path, file, n);
    if (fd < 0) abort();
    lf_error err = {0};
    float logits[3 * VOCAB];
    lf_model *m = lf__packed_open(&target, device, &config, types);
    if (m && head[BYTES] != truth.len - HEAD) __builtin_trap();
    if (m && lf_model_logits(m, logits, (int32_t[]){0, VOCAB - 1, 1}, 3, 0, &err)) check_refusal(&err);
    opened += m != NULL;
    lf_model_free(&m);
    close(fd);
    return 0;
}
