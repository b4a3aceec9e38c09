/* fuzz_tokenizer_json.c - any bytes as tokenizer.json: refused with a sentence, or loaded, used, saved and loaded again to the same.
 * libFuzzer: clang -fsanitize=fuzzer,address,undefined; ctest replays and mutates through test_fuzz_tokenizer.c. */
#include "tokenizer/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Nothing in it may change a text. */
static bool exact(const lf_tokenizer *t)
{
    for (size_t i = 0; i < t->n_added; i++)
        if (t->added[i].lstrip || t->added[i].rstrip) return false;
    return t->byte_level && !t->normalizer.n && !t->pre.n && t->decoder.n == 1 && t->role[LF_ROLE_UNK] < 0;
}

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
    size_t room = lf_tokenizer_bound(t, sizeof text - 1);
    int32_t *ids = malloc(room * sizeof *ids);
    char back[sizeof text];
    if (!ids) abort();
    for (int parse = 0; parse < 2; parse++) {
        int64_t count = lf_tokenizer_encode(t, ids, room, text, sizeof text - 1, parse, &err);
        if (count < 0 && (!err.message[0] || strcmp(lf_tokenizer_mode(t), "bpe") == 0)) abort();
        if (count < 0) continue;
        int64_t length = lf_tokenizer_decode(t, back, sizeof back, ids, (size_t)count, false, &err);
        if (length < 0) abort();
        if (exact(t) && (length != sizeof text - 1 || memcmp(back, text, sizeof text - 1) != 0)) abort();
    }
    free(ids);
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
