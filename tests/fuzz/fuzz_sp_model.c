/* fuzz_sp_model.c - any bytes as a SentencePiece .model: refused with a sentence that names the file, or loaded, used, saved and loaded
 * again to the same. libFuzzer: clang -fsanitize=fuzzer,address,undefined; ctest replays and mutates through test_fuzz_sp_model.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tokenizer/loader.h"
#include "tokenizer/sp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int64_t use(const lf_tokenizer *t, int32_t *ids, size_t cap, const char *text, size_t n)
{
    char back[4096];
    lf_error err = {0};
    int64_t count = lf_tokenizer_encode(t, ids, cap, text, n, false, &err);
    if (count < 0 || lf_tokenizer_bound(t, n) < (size_t)count) abort();
    for (int64_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= lf_tokenizer_size(t)) abort();
    if (lf_tokenizer_decode(t, back, sizeof back, ids, (size_t)count, false, &err) < 0) abort();
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static char path[64], again_path[80];
    static const char text[] =
        " the thou\xC2\xA0<sep> A\xCC\x8A \xFF\xE5\xB1\xB1\xE6\xB0\xB4 12345 \xE2\x96\x81\xEF\xAC\x81 aaaaaaaaaaaaaaaaaaa\n\x01 ";
    if (!path[0]) {
        snprintf(path, sizeof path, "/tmp/foundry-fuzz-sp-%ld.model", (long)getpid());
        snprintf(again_path, sizeof again_path, "%s.again.model", path);
    }
    unlink(path);
    FILE *f = fopen(path, "wb");
    if (!f) return 0;
    fwrite(data, 1, n, f);
    fclose(f);
    lf_error err = {0};
    lf_tokenizer *t = lf__sp_load(path, &err);
    unlink(path);
    if (!t) {
        if (err.code == LF_OK || !strstr(err.message, path)) abort();
        return 0;
    }
    size_t cap = lf_tokenizer_bound(t, sizeof text);
    int32_t *ids = malloc(cap * sizeof *ids), *others = malloc(cap * sizeof *ids);
    if (!ids || !others) abort();
    int64_t count = use(t, ids, cap, text, sizeof text - 1);
    for (size_t i = 0; i + 7 < n && i < 2000; i += 97) use(t, others, cap, (const char *)data + i, 7);
    lf_tokenizer *again = NULL;
    if (n % 32 == 0) { /* now and then: writing waits for the disk */
        if (lf__sp_save(t, again_path, &err)) abort();
        again = lf__sp_load(again_path, NULL);
        unlink(again_path);
        if (!again || use(again, others, cap, text, sizeof text - 1) != count || memcmp(ids, others, (size_t)count * sizeof *ids) != 0)
            abort();
    }
    free(ids), free(others);
    lf_tokenizer_free(&again);
    lf_tokenizer_free(&t);
    return 0;
}
