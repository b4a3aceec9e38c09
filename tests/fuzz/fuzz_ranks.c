/* fuzz_ranks.c - any bytes as tiktoken's ranks: refused with a sentence, or loaded, used, written and loaded again to the same.
 * libFuzzer: clang -fsanitize=fuzzer,address,undefined; ctest replays and mutates through test_fuzz_tokenizer.c. */
#include "foundry/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void put(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f) return;
    fwrite(bytes, 1, n, f);
    fclose(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static char dir[2][64], path[2][160], config[2][160];
    static const char rule[] = "{\"split_rule\": \"gpt2\"}", text[] = "hello \xFF\xE5\xB1\xB1 hello 12";
    for (int i = 0; i < 2; i++) {
        snprintf(dir[i], sizeof dir[i], "/tmp/foundry-fuzz-ranks-%ld-%d", (long)getpid(), i);
        snprintf(path[i], sizeof path[i], "%s/tokenizer.tiktoken", dir[i]);
        snprintf(config[i], sizeof config[i], "%s/tokenizer_config.json", dir[i]);
    }
    mkdir(dir[0], 0700);
    put(config[0], rule, sizeof rule - 1);
    put(path[0], data, n);
    lf_error err = {0};
    lf_tokenizer *t = lf_tokenizer_load(path[0], &err);
    if (!t && (err.code == LF_OK || !err.message[0])) abort();
    if (t) {
        int32_t ids[sizeof text];
        char back[sizeof text];
        int64_t count = lf_tokenizer_encode(t, ids, sizeof text, text, sizeof text - 1, true, &err);
        if (count < 0) abort();
        if (lf_tokenizer_decode(t, back, sizeof back, ids, (size_t)count, false, &err) < 0) abort();
        if (lf_tokenizer_export(t, dir[1], "tiktoken", &err)) abort(); /* what came from ranks goes into ranks */
        lf_tokenizer *again = lf_tokenizer_load(dir[1], &err);
        if (!again || strcmp(lf_tokenizer_fingerprint(again), lf_tokenizer_fingerprint(t)) != 0) abort();
        lf_tokenizer_free(&again);
        lf_tokenizer_free(&t);
    }
    for (int i = 0; i < 2; i++) unlink(path[i]), unlink(config[i]), rmdir(dir[i]);
    return 0;
}
