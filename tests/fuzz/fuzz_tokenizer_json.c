/* fuzz_tokenizer_json.c - any bytes as tokenizer.json: refused with a sentence, or loaded, used, saved and loaded again to the same.
 * libFuzzer: clang -fsanitize=fuzzer,address,undefined; ctest replays and mutates through test_fuzz_tokenizer.c. */
#include "foundry/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static char dir[64], path[96], config[96];
    static const char text[] = "hello <|endoftext|> \xFF\xE5\xB1\xB1 hello 12";
    if (!dir[0]) {
        snprintf(dir, sizeof dir, "/tmp/foundry-fuzz-tokenizer-%ld", (long)getpid());
        snprintf(path, sizeof path, "%s.json", dir);
        snprintf(config, sizeof config, "%s/tokenizer.json", dir);
    }
    unlink(path);
    FILE *f = fopen(path, "wb");
    if (!f) return 0;
    fwrite(data, 1, n, f);
    fclose(f);
    lf_error err = {0};
    lf_tokenizer *t = lf_tokenizer_load(path, &err);
    unlink(path);
    if (!t) {
        if (err.code == LF_OK || !err.message[0]) abort();
        return 0;
    }
    int32_t ids[sizeof text];
    char back[sizeof text];
    for (int parse = 0; parse < 2; parse++) {
        int64_t count = lf_tokenizer_encode(t, ids, sizeof text, text, sizeof text - 1, parse, &err);
        if (count < 0) {
            if (strcmp(lf_tokenizer_mode(t), "char") != 0) abort();
            continue;
        }
        if (lf_tokenizer_decode(t, back, sizeof back, ids, (size_t)count, false, &err) != sizeof text - 1 ||
            memcmp(back, text, sizeof text - 1) != 0)
            abort();
    }
    lf_tokenizer *again = lf_tokenizer_save(t, dir, NULL) ? NULL : lf_tokenizer_load(dir, NULL);
    if (!again || strcmp(lf_tokenizer_fingerprint(again), lf_tokenizer_fingerprint(t)) != 0) abort();
    lf_tokenizer_free(&again);
    lf_tokenizer_free(&t);
    unlink(config);
    snprintf(config, sizeof config, "%s/tokenizer_config.json", dir);
    unlink(config);
    snprintf(config, sizeof config, "%s/tokenizer.json", dir);
    rmdir(dir);
    return 0;
}
