/* fuzz_gguf_vocab.c - any bytes as the vocabulary of a GGUF file; one that loads encodes, decodes, and is written again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "formats/formats.h"
#include "tokenizer/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char text[] = "Once  upon\n a time \xE5\xB1\xB1 \xFF 123";
    char path[64], out[4096];
    lf_error err = {0};
    lf_gguf_meta m;
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    lf_tokenizer *t = lf_tokenizer_load(path, &err);
    if (t) {
        size_t cap = lf_tokenizer_bound(t, sizeof text);
        int32_t *ids = calloc(cap + 1, sizeof *ids);
        int64_t n = ids ? lf_tokenizer_encode(t, ids, cap, text, sizeof text - 1, true, NULL) : -1;
        if (n > 0) lf_tokenizer_decode(t, out, sizeof out, ids, (size_t)n, false, NULL);
        free(ids);
        lf__gguf_meta_init(&m);
        lf__tokenizer_put_gguf(&m, t, 0, NULL);
        lf__gguf_meta_release(&m);
    } else if (err.code == LF_OK || !err.message[0]) {
        __builtin_trap();
    }
    lf_tokenizer_free(&t);
    close(fd);
    return 0;
}
