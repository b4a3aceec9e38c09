/* use_tensors.h - a file that was mutated and still opens is used: every element of every tensor is read. */
#ifndef TEST_USE_TENSORS_H
#define TEST_USE_TENSORS_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "formats/formats.h"

/* The bytes as a file that has a path; -1: none. Close it. */
static inline int fuzz_file(char path[64], const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", 0);
    if (fd >= 0 && write(fd, data, size) != (ssize_t)size) close(fd), fd = -1;
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static inline void use_tensors(const lf_file_tensor *tensors, size_t n)
{
    static float out[4096];
    volatile unsigned sum = 0;
    for (size_t i = 0; i < n; i++) {
        const lf_file_tensor *t = &tensors[i];
        size_t count;
        lf_error err = {0};
        if (!lf__shape_count(&count, t->shape, t->n_dims)) __builtin_trap();
        for (size_t b = 0; b < t->bytes; b++) sum += t->data[b];
        (void)sum;
        for (size_t at = 0; at < count; at += 4096) { /* a multiple of every block */
            int status = lf__file_tensor_read(out, t, at, count - at < 4096 ? count - at : 4096, &err);
            if (status && err.code != LF_E_UNSUPPORTED) __builtin_trap();
            if (status) break;
        }
    }
}

/* A refusal needs a reason. */
static inline void check_refusal(const lf_error *err)
{
    if (err->code == LF_OK || !err->message[0]) __builtin_trap();
}

#endif
