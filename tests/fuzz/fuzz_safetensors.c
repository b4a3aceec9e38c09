/* fuzz_safetensors.c - any bytes as a safetensors file; a file that opens is then used. */
#include <stdint.h>

#include "fuzz/use_tensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    lf_safetensors st;
    lf_error err = {0};
    int fd = fuzz_file(path, data, size);
    if (fd < 0) return 0;
    if (lf__safetensors_open(&st, path, &err) == 0) {
        use_tensors(st.tensors, st.n);
        for (size_t i = 0; i < st.n; i++)
            if (lf__safetensors_find(&st, st.tensors[i].name) != &st.tensors[i]) __builtin_trap();
        lf__safetensors_close(&st);
    } else {
        check_refusal(&err);
    }
    close(fd);
    return 0;
}
