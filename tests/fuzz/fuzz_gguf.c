/* fuzz_gguf.c - any bytes as a GGUF file; a file that opens is then used: every value visited, every tensor read, the metadata copied. */
#include <stdint.h>
#include <string.h>

#include "fuzz/use_tensors.h"

static void use_value(const lf_gguf_value *v)
{
    volatile unsigned sum = 0;
    int64_t n = 0;
    double x = 0;
    if (v->type == LF_GGUF_ARRAY) {
        lf_gguf_cursor at = {0};
        for (lf_gguf_value item; lf__gguf_next(v, &at, &item);) use_value(&item); /* at most 4 deep */
    } else if (v->type == LF_GGUF_TEXT) {
        for (uint64_t i = 0; i < v->count; i++) sum += v->data[i];
        (void)sum;
    } else if (!lf__gguf_as_double(v, &x) && !(v->type == LF_GGUF_U64 && !lf__gguf_as_int(v, &n))) {
        __builtin_trap();
    }
}

static void use_metadata(const lf_gguf *g)
{
    lf_gguf_meta copy;
    lf__gguf_meta_init(&copy);
    for (size_t i = 0; i < g->n_pairs; i++) {
        const char *key = g->pairs[i].key, *text;
        int64_t n;
        size_t len;
        lf_gguf_value array;
        if (lf__gguf_find(g, key) != &g->pairs[i].value) __builtin_trap();
        use_value(&g->pairs[i].value);
        lf__gguf_get_int(g, key, 0, 100, &n, NULL);
        lf__gguf_get_text(g, key, &text, &len, NULL);
        lf__gguf_get_array(g, key, LF_GGUF_TEXT, &array, NULL);
        lf__gguf_put_value(&copy, key, &g->pairs[i].value);
    }
    if (copy.n != g->n_pairs || copy.bytes.failed) __builtin_trap();
    lf__gguf_meta_release(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    lf_gguf g;
    lf_error err = {0};
    int fd = fuzz_file(path, data, size);
    if (fd < 0) return 0;
    if (lf__gguf_open(&g, path, &err) == 0) {
        use_metadata(&g);
        use_tensors(g.tensors, g.n);
        lf__gguf_close(&g);
    } else {
        check_refusal(&err);
    }
    close(fd);
    return 0;
}
