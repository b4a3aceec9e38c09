/* fuzz_encode.c - any bytes as text: every split rule covers it, encoding and decoding give it back, special tokens parsed or not, and a
 * tokenizer learned from it does the same. */
#include "tokenizer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A tokenizer of short merges over the most usual letters. */
static lf_tokenizer *small(void)
{
    static const char *const merges[][2] = {{"a", "a"},   {"t", "h"},       {"th", "e"},          {" ", "the"}, {"aa", "aa"},
                                            {"\n", "\n"}, {"\xE5", "\xB1"}, {"\xE5\xB1", "\xB1"}, {" ", "t"}};
    lf_tokenizer *t = lf__tokenizer_new_bytes("gpt2", NULL);
    for (int id = 0; t && id < 256; id++) {
        char byte = (char)lf__byte_of_id(id);
        if (lf__tokenizer_add(t, &byte, 1, LF_TOKEN_NORMAL, NULL)) return NULL;
    }
    for (size_t i = 0; i < LF_COUNT(merges); i++) {
        uint32_t part[2] = {0, 0};
        char joined[16];
        snprintf(joined, sizeof joined, "%s%s", merges[i][0], merges[i][1]);
        for (int side = 0; side < 2; side++)
            for (uint32_t id = 0; id < t->n; id++) {
                size_t length;
                const char *bytes = lf__token_bytes(t, id, &length);
                if (length == strlen(merges[i][side]) && memcmp(bytes, merges[i][side], length) == 0) part[side] = id;
            }
        lf__tokenizer_add(t, joined, strlen(joined), LF_TOKEN_NORMAL, NULL);
        lf__tokenizer_merge(t, part[0], part[1], t->n - 1, NULL);
    }
    lf__tokenizer_add(t, "<|endoftext|>", 13, LF_TOKEN_CONTROL, NULL);
    lf__tokenizer_add(t, "<|", 2, LF_TOKEN_CONTROL, NULL);
    return lf__tokenizer_seal(t, NULL) ? NULL : t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static lf_tokenizer *t;
    const char *text = (const char *)data;
    if (!t && !(t = small())) abort();
    for (const lf_split_rule *rule = lf__split_rules; rule->name; rule++) {
        for (size_t at = 0, next; at < n; at = next) {
            next = rule->next(text, at, n);
            if (next <= at || next > n) abort();
        }
    }
    int32_t *ids = malloc((n + 1) * sizeof *ids);
    char *back = malloc(n + 1);
    if (!ids || !back) abort();
    for (int parse = 0; parse < 2; parse++) {
        int64_t count = lf_tokenizer_encode(t, ids, n, text, n, parse, NULL);
        if (count < 0 || (size_t)count > n) abort();
        if (lf_tokenizer_decode(t, back, n, ids, (size_t)count, false, NULL) != (int64_t)n || memcmp(back, text, n) != 0) abort();
    }
    free(ids);
    free(back);
    return 0;
}
