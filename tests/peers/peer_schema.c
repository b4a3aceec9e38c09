/* peer_schema.c - random texts that a schema's grammar lets through, for the scripts beside it: peer_schema FILE N SEED writes N lines,
 * each a text as a JSON string. peer_schema FILE: reads lines of JSON strings and answers 2 (whole), 1 (begun) or 0 for each. */
#include <stdio.h>
#include <jansson.h>

#include "unit/grammar_walk.h"

enum { MOST = 1 << 16 };

static int answer(const lf_grammar *g)
{
    static char line[1 << 20];
    while (fgets(line, sizeof line, stdin)) {
        json_t *text = json_loads(line, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        if (!json_is_string(text)) return 1;
        printf("%d\n", lf_grammar_match(g, json_string_value(text), json_string_length(text), NULL));
        json_decref(text);
    }
    return 0;
}

int main(int argc, char **argv)
{
    lf_error err = {0};
    static char text[MOST];
    if (argc != 2 && argc != 4) return fprintf(stderr, "usage: %s FILE [N SEED]\n", argv[0]), 2;
    lf_grammar *g = lf_grammar_load_json_schema(argv[1], &err);
    if (!g) return fprintf(stderr, "%s\n%s\n", err.message, err.hint), 1;
    if (argc == 2) return answer(g);
    int32_t *cost = grammar_costs(g);
    lf_rng rng = lf__rng_make((uint64_t)atoll(argv[3]), 1);
    for (int i = 0; i < atoi(argv[2]); i++) {
        int n = grammar_walk(text, sizeof text, g, cost, &rng);
        if (n < 0) continue;
        lf_buf b;
        lf__buf_init(&b, 8 * sizeof text);
        lf__buf_json_string(&b, text, (size_t)n);
        puts(b.data);
        lf__buf_release(&b);
    }
    free(cost);
    lf_grammar_free(&g);
    return 0;
}
