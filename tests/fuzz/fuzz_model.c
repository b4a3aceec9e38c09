/* fuzz_model.c - any bytes as a model: a GGUF file, or (when they begin with '{') the config.json of a small folder that is there. One that
 * loads is looked at and runs one forward step; one that does not has a sentence. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "foundry/foundry.h"

/* A folder of its own for the process, with the weights of a golden model. */
static const char *folder(void)
{
    static char dir[] = "/tmp/lf-fuzz-model-XXXXXX";
    static bool made;
    char path[128];
    lf_buf weights;
    if (made) return dir;
    if (!mkdtemp(dir)) abort();
    lf__buf_init(&weights, 1 << 22);
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    if (lf__read_file(&weights, TESTS_DIR "/golden/data/llama_bias/model.safetensors", 1 << 22, NULL) ||
        lf__write_file(path, weights.data, weights.len, NULL))
        abort();
    lf__buf_release(&weights);
    made = true;
    return dir;
}

static void run(lf_model *m)
{
    const lf_model_config *c = lf_model_config_of(m);
    int32_t tokens[3] = {0, (int32_t)(c->vocab_size - 1), 0};
    int n = (int)LF_MIN(3, c->max_position_embeddings);
    float *logits = malloc((size_t)n * (size_t)c->vocab_size * sizeof *logits);
    lf_error err = {0};
    if (logits && lf_model_logits(m, logits, tokens, n, 0, &err) && !err.message[0]) __builtin_trap();
    free(logits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static lf_device *device;
    static lf_model_info info;
    char path[160];
    lf_error err = {0}, ignored = {0};
    bool json = size && data[0] == '{';
    if (!device) device = lf_device_open(&(lf_device_options){.threads = 1}, NULL);
    snprintf(path, sizeof path, json ? "%s/config.json" : "%s/model.gguf", folder());
    FILE *f = fopen(path, "wb");
    if (!device || !f || fwrite(data, 1, size, f) != size || fclose(f)) abort();
    if (json) snprintf(path, sizeof path, "%s", folder());
    int looked = lf_model_info_read(&info, path, NULL, NULL, &ignored);
    lf_model *m = lf_model_load(device, path, &err);
    if (m) {
        if (looked || info.unsupported[0]) __builtin_trap(); /* headers said that it runs */
        run(m);
    } else if (err.code == LF_OK || !err.message[0]) {
        __builtin_trap();
    }
    lf_model_free(&m);
    if (!json) unlink(path);
    return 0;
}
