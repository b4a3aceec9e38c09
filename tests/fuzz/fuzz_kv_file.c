/* fuzz_kv_file.c - a file of keys and values from hostile bytes, into an engine: the input is XORed with a true file, which is another for
 * each instruction set. The checksum is made true first, or nothing but it would be tested; whatever comes in, a text is answered
 * afterwards and no page is lost. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "foundry/infer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VOCAB = 50, TEXT = 70 };
static char fuzz_path[64];
static lf_device *device;
static lf_model *model;
static lf_engine *engine;
static lf_buf truth; /* a file of one page */
static int loaded;   /* how many were taken  */

static void clean_up(void)
{
    unlink(fuzz_path);
    lf__buf_release(&truth);
    lf_engine_free(&engine);
    lf_model_free(&model);
    lf_device_close(&device);
}

static void ask(lf_engine *e)
{
    lf_config c;
    lf_error err = {0};
    int32_t text[TEXT];
    lf_config_init(&c);
    c.sampler.max_tokens = 1;
    for (int i = 0; i < TEXT; i++) text[i] = i % VOCAB;
    if (lf_engine_submit(e, &(lf_request){.tokens = text, .n_tokens = TEXT, .sampling = &c.sampler}, &err) < 0 || lf_engine_run(e, &err))
        abort();
}

/* An engine, and its file, once. */
static void make_engine(void)
{
    lf_config c;
    lf_config_init(&c);
    strcpy(c.model.model_type, "llama");
    c.model.vocab_size = VOCAB, c.model.hidden_size = 16, c.model.intermediate_size = 16, c.model.num_hidden_layers = 1;
    c.model.num_attention_heads = 1, c.model.num_key_value_heads = 1, c.model.max_position_embeddings = 192;
    c.model.tie_word_embeddings = true;
    snprintf(fuzz_path, sizeof fuzz_path, "/dev/shm/foundry-fuzz-kv-%ld", (long)getpid());
    if (!lf__path_is_dir("/dev/shm")) snprintf(fuzz_path, sizeof fuzz_path, "/tmp/foundry-fuzz-kv-%ld", (long)getpid());
    atexit(clean_up);
    device = lf_device_open(&(lf_device_options){.threads = 1, .pin = "off"}, NULL);
    if (!device || !(model = lf_model_new(device, &c.model, 1, NULL)) ||
        !(engine = lf_engine_new(model, &(lf_engine_options){.kv_type = "bf16"}, NULL)))
        abort();
    int32_t text[TEXT];
    for (int i = 0; i < TEXT; i++) text[i] = i % VOCAB;
    ask(engine);
    lf__buf_init(&truth, 1 << 20);
    if (lf_engine_save(engine, fuzz_path, text, TEXT, NULL) != 64 || lf__read_file(&truth, fuzz_path, 1 << 20, NULL)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!engine) make_engine();
    uint8_t *bytes = malloc(size + 1);
    lf_error err = {0};
    if (!bytes) abort();
    for (size_t i = 0; i < size; i++) bytes[i] = data[i] ^ (i < truth.len ? (uint8_t)truth.data[i] : 0);
    if (size > 8) {
        uint64_t hash = lf__hash64(bytes, size - 8, 2);
        memcpy(bytes + size - 8, &hash, sizeof hash);
    }
    FILE *f = fopen(fuzz_path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0) abort();
    free(bytes);
    int n = lf_engine_load(engine, fuzz_path, &err);
    if (n < 0 && (err.code == LF_OK || !err.message[0])) abort(); /* a failure without a sentence */
    loaded += n > 0;
    if (lf_engine_state_of(engine).pages_held != 0) abort();
    static int turns;
    if (turns++ % 16 == 0) ask(engine);
    return 0;
}
