/* fuzz_json_schema.c - any bytes as a JSON Schema: what becomes a grammar is walked a little at random, and such texts must fit. */
#include <stdint.h>

#include "unit/grammar_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[2000];
    lf_error err = {0};
    lf_grammar *g = lf_grammar_from_json_schema(size ? (const char *)data : "", size, "fuzz", &err);
    if (!g) {
        if (err.code == LF_OK || !err.message[0]) __builtin_trap();
        return 0;
    }
    int32_t *cost = g->n_code < 20000 ? grammar_costs(g) : NULL;
    lf_rng rng = lf__rng_make(lf__hash64(data, size, 1), 1);
    for (int i = 0; cost && i < 3; i++) {
        int n = grammar_walk(text, sizeof text, g, cost, &rng);
        if (n >= 0 && lf_grammar_match(g, text, (size_t)n, NULL) != 2) __builtin_trap();
    }
    free(cost);
    lf_grammar_free(&g);
    return 0;
}
