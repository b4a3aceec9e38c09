/* fuzz_llama2c.c - any bytes as a model of llama2.c and as the tokenizer.bin beside one; what opens is then used. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/use_tensors.h"
#include "tokenizer/loader.h"

static void use_model(const char *path)
{
    lf_llama2c l;
    lf_error err = {0};
    if (lf__llama2c_open(&l, path, &err)) {
        check_refusal(&err);
        return;
    }
    use_tensors(l.tensors, l.n);
    for (size_t i = 0; i < l.n; i++)
        if (lf__tensors_find(l.tensors, l.n, l.tensors[i].name) != &l.tensors[i]) __builtin_trap();
    lf__llama2c_close(&l);
}

static void use_tokenizer(const char *path)
{
    static const char text[] = " ab b\xE5\xB1\xB1 \xFF\n<s> 12aab";
    lf_error err = {0};
    lf_tokenizer *t = lf__llama2c_tokenizer_load(path, &err);
    if (!t) {
        check_refusal(&err);
        return;
    }
    size_t cap = lf_tokenizer_bound(t, sizeof text);
    int32_t *ids = malloc(cap * sizeof *ids);
    char back[4096];
    if (!ids) abort();
    for (int parse = 0; parse < 2; parse++) {
        int64_t n = lf_tokenizer_encode(t, ids, cap, text, sizeof text - 1, parse, &err);
        if (n < 0 || lf_tokenizer_decode(t, back, sizeof back, ids, (size_t)n, false, &err) < 0) __builtin_trap();
        for (int64_t i = 0; i < n; i++)
            if (ids[i] < 0 || ids[i] >= lf_tokenizer_size(t)) __builtin_trap();
    }
    free(ids);
    lf_tokenizer_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = fuzz_file(path, data, size);
    if (fd < 0) return 0;
    use_model(path);
    use_tokenizer(path);
    close(fd);
    return 0;
}
