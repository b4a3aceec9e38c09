/* gguf_seed.h - a small GGUF file with every kind of value and several types of tensors, for tests that damage it. */
#ifndef TEST_GGUF_SEED_H
#define TEST_GGUF_SEED_H

#include <stdlib.h>
#include <unistd.h>

#include "formats/formats.h"

/* The last tensor ends on the alignment: whatever is cut off is missed. Release it. */
static inline void gguf_seed(lf_buf *out)
{
    static const lf_file_tensor decls[] = {
        {.name = "b", .dtype = LF_F32, .n_dims = 2, .shape = {2, 3}}, {.name = "q", .dtype = LF_Q4_0, .n_dims = 2, .shape = {2, 32}},
        {.name = "none", .dtype = LF_F16, .n_dims = 1, .shape = {0}}, {.name = "i", .dtype = LF_I32, .n_dims = 0},
        {.name = "k", .dtype = LF_Q6_K, .n_dims = 1, .shape = {256}}, {.name = "h", .dtype = LF_F16, .n_dims = 1, .shape = {16}}};
    static const uint8_t nested[] = {8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 'h', 'i', /* ["hi"] */
                                     4, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0};          /* [1, 2] */
    char path[] = "/tmp/lf-gguf-seed-XXXXXX";
    const int32_t kinds[] = {1, -2};
    lf_gguf_meta m;
    int fd = mkstemp(path);
    lf__gguf_meta_init(&m);
    lf__gguf_put_text(&m, "general.architecture", "llama", 5);
    lf__gguf_put_u32(&m, "u32", 7);
    lf__gguf_put_u64(&m, "u64", 1ull << 40);
    lf__gguf_put_f32(&m, "f32", 0.25f);
    lf__gguf_put_bool(&m, "yes", true);
    lf__gguf_put_array(&m, "kinds", LF_GGUF_I32, kinds, 2);
    lf__gguf_put_texts(&m, "tokens", 2);
    lf__gguf_put_item(&m, "a", 1);
    lf__gguf_put_item(&m, "", 0);
    lf__gguf_put_value(&m, "nested", &(lf_gguf_value){LF_GGUF_ARRAY, LF_GGUF_ARRAY, 2, nested});
    lf_weights_out *o = lf__weights_create(path, LF_WEIGHTS_GGUF, &m, decls, LF_COUNT(decls), NULL, NULL);
    lf__gguf_meta_release(&m);
    if (fd < 0 || !o) abort();
    float values[256];
    for (int i = 0; i < 256; i++) values[i] = (float)(i % 7) - 3;
    lf__weights_put(o, values, 6, NULL);
    lf__weights_put(o, values, 64, NULL);
    lf__weights_put_bytes(o, values, 4);
    lf__weights_put(o, values, 256, NULL);
    lf__weights_put(o, values, 16, NULL);
    lf__buf_init(out, 1 << 16);
    if (lf__weights_commit(&o, NULL) || lf__read_file(out, path, 1 << 16, NULL)) abort();
    close(fd);
    unlink(path);
}

#endif
