/* fuzz_safetensors.c - any bytes as a safetensors file; a file that opens is then used: every byte it promises is read. */
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "formats/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    lf_safetensors st;
    lf_error err = {0};
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (lf__safetensors_open(&st, path, &err) == 0) {
        volatile unsigned sum = 0;
        for (size_t i = 0; i < st.n; i++) {
            for (size_t b = 0; b < st.tensors[i].bytes; b++) sum += st.tensors[i].data[b];
            if (lf__safetensors_find(&st, st.tensors[i].name) != &st.tensors[i]) __builtin_trap();
        }
        (void)sum;
        lf__safetensors_close(&st);
    } else if (err.code == LF_OK || !err.message[0]) {
        __builtin_trap(); /* a refusal without a reason */
    }
    close(fd);
    return 0;
}
