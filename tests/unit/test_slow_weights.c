/* test_slow_weights.c - half a gigabyte of weights converted by lf_weights and lf_weights_out: memory stays small whatever the size; speeds
 * are printed beside what the disk does by itself in the same minute (O_DIRECT), not judged. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "formats/formats.h"

enum { TENSORS = 8, ROWS = 4096, COLS = 4096, PIECE = 1 << 20 };

static char dir[] = "lf-weights-XXXXXX"; /* here rather than in /tmp, which may be memory */

/* Bytes per second. */
static double raw_disk(const char *path, bool writing, size_t bytes)
{
    enum { CHUNK = 8 << 20 };
    void *p;
    int fd = open(path, (writing ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY) | O_DIRECT, 0600);
    if (fd < 0 || posix_memalign(&p, 4096, CHUNK)) return 0;
    memset(p, 1, CHUNK);
    double begin = lf__now();
    for (size_t done = 0; done < bytes; done += CHUNK)
        if ((writing ? write(fd, p, CHUNK) : read(fd, p, CHUNK)) <= 0) break;
    if (writing) fsync(fd);
    double seconds = lf__now() - begin;
    close(fd);
    free(p);
    return (double)bytes / seconds;
}

/* Out of the page cache. */
static void forget(const char *path)
{
    int fd = open(path, O_RDONLY);
    if (fd >= 0) posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), close(fd);
}

static void conversions(void **state)
{
    (void)state;
    static const lf_dtype types[] = {LF_F32, LF_F16, LF_BF16, LF_Q8_0, LF_Q4_0, LF_Q4_K, LF_Q5_K, LF_Q6_K};
    static char names[TENSORS][16];
    lf_file_tensor list[TENSORS] = {0};
    char source[64], out[64], raw[64];
    lf_error err = {0};
    lf_gguf_meta meta;
    float *values = malloc(PIECE * sizeof *values);
    assert_true(mkdtemp(dir) && values);
    snprintf(source, sizeof source, "%s/source.safetensors", dir);
    snprintf(out, sizeof out, "%s/out.gguf", dir);
    snprintf(raw, sizeof raw, "%s/raw", dir);
    for (size_t i = 0; i < PIECE; i++) values[i] = 0.02f * (float)lf__rng_normal_at(1, 1, i);
    lf__gguf_meta_init(&meta);
    for (size_t k = 0; k <= LF_COUNT(types); k++) { /* first the source, then its conversions */
        lf_weights w = {0};
        lf_dtype type = k ? types[k - 1] : LF_F32;
        size_t bytes = (size_t)TENSORS * ROWS * COLS / (size_t)lf__dtype(type)->block * (size_t)lf__dtype(type)->bytes;
        for (int i = 0; i < TENSORS; i++) {
            snprintf(names[i], sizeof names[i], "t%d", i);
            list[i] = (lf_file_tensor){.name = names[i], .dtype = type, .n_dims = 2, .shape = {ROWS, COLS}};
        }
        double disk = raw_disk(raw, true, bytes);
        if (k) forget(source);
        if (k && lf__weights_open(&w, source, &err)) fail_msg("%s", err.message);
        double begin = lf__now(), reading = 0;
        lf_weights_out *o =
            lf__weights_create(k ? out : source, k ? LF_WEIGHTS_GGUF : LF_WEIGHTS_SAFETENSORS, &meta, list, TENSORS, NULL, &err);
        if (!o) fail_msg("%s", err.message);
        for (int i = 0; i < TENSORS; i++)
            for (size_t at = 0; at < (size_t)ROWS * COLS; at += PIECE) {
                double before = lf__now();
                if (k && lf__file_tensor_read(values, &w.tensors[i], at, PIECE, &err)) fail_msg("%s", err.message);
                reading += lf__now() - before;
                assert_int_equal(lf__weights_put(o, values, PIECE, NULL), 0);
            }
        if (lf__weights_commit(&o, &err)) fail_msg("%s", err.message);
        double seconds = lf__now() - begin, in = (double)TENSORS * ROWS * COLS * sizeof(float);
        lf__weights_close(&w);
        if (k)
            print_message("%-5s %6.0f MB/s of source, %6.0f MB/s out: %3.0f %% of the disk's writing; reading alone %6.0f MB/s\n",
                          lf__dtype(type)->name, in / seconds / 1e6, (double)bytes / seconds / 1e6, 100 * (double)bytes / seconds / disk,
                          in / reading / 1e6);
        assert_true(lf__memory_anonymous() < (uint64_t)64 << 20);
    }
    forget(source);
    print_message("the disk reads %.0f MB/s\n", raw_disk(source, false, (size_t)TENSORS * ROWS * COLS * sizeof(float)) / 1e6);
    lf__gguf_meta_release(&meta);
    free(values);
    lf__remove_tree(dir, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(conversions)};
    return cmocka_run_group_tests_name("slow_weights", tests, NULL, NULL);
}
