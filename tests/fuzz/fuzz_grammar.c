/* fuzz_grammar.c - any bytes as a grammar and, behind a zero byte, as a text: parsed, and matched byte by byte. */
#include <stdint.h>
#include <string.h>

#include "infer/grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *zero = size ? memchr(text, 0, size) : NULL;
    size_t n = zero ? (size_t)(zero - text) : size, n_match = zero ? size - n - 1 : n;
    const char *match = zero ? zero + 1 : text;
    lf_error err = {0};
    lf_grammar *g = lf_grammar_parse(n ? text : "", n, "fuzz", &err);
    if (!g) {
        if (err.code == LF_OK || !err.message[0]) __builtin_trap();
        return 0;
    }
    lf_grammar_run *run = lf__grammar_run_new(g, &err);
    for (size_t i = 0; run && i < n_match && i < 200; i++) {
        bool fits = lf__grammar_run_fits(run, match + i, 1);
        if (fits != lf__grammar_run_feed(run, match + i, 1)) __builtin_trap(); /* what fits can be fed */
        if (!fits) break;
    }
    lf__grammar_run_free(&run);
    lf_grammar_free(&g);
    return 0;
}
