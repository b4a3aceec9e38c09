/* test_fuzz_imatrix.c - replays the kept corpus, and mutations of a small file of importance through the fuzz entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fuzz/fuzz_imatrix.c"
#include "fuzz/mutate.h"

static void mutations(void **state)
{
    (void)state;
    static const lf_file_tensor decls[] = {{.name = "blk.0.ffn_down.weight.in_sum2", .n_dims = 2, .shape = {1, 8}},
                                           {.name = "blk.0.ffn_down.weight.counts", .n_dims = 2, .shape = {1, 1}},
                                           {.name = "output.weight.in_sum2", .n_dims = 1, .shape = {3}},
                                           {.name = "output.weight.counts", .n_dims = 1, .shape = {1}}};
    const float values[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    char path[64] = "/tmp/lf-imatrix-seed-XXXXXX";
    lf_buf seed;
    lf_gguf_meta m;
    int fd = mkstemp(path);
    lf__gguf_meta_init(&m);
    lf__gguf_put_text(&m, "general.type", "imatrix", 7);
    lf__gguf_put_u32(&m, "imatrix.chunk_count", 3);
    lf_weights_out *o = lf__weights_create(path, LF_WEIGHTS_GGUF, &m, decls, LF_COUNT(decls), NULL, NULL);
    lf__gguf_meta_release(&m);
    if (fd < 0 || !o) abort();
    lf__weights_put(o, values, 8, NULL);
    lf__weights_put(o, values, 1, NULL);
    lf__weights_put(o, values, 3, NULL);
    lf__weights_put(o, values, 1, NULL);
    lf__buf_init(&seed, 1 << 16);
    if (lf__weights_commit(&o, NULL) || lf__read_file(&seed, path, 1 << 16, NULL)) abort();
    close(fd);
    unlink(path);
    lf_error err = {0};
    fd = fuzz_file(path, (const uint8_t *)seed.data, seed.len);
    lf_imatrix *im = lf_imatrix_load(path, &err); /* the seed itself is one */
    if (!im) fail_msg("%s", err.message);
    lf_imatrix_free(&im);
    close(fd);
    mutate_run(LLVMFuzzerTestOneInput, seed.data, seed.len, 20000);
    lf__buf_release(&seed);
}

static void corpus(void **state)
{
    (void)state;
    mutate_corpus(LLVMFuzzerTestOneInput, "fuzz_imatrix");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(mutations)};
    return cmocka_run_group_tests_name("fuzz_imatrix", tests, NULL, NULL);
}
