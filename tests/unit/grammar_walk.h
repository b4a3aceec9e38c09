/* grammar_walk.h - random texts of a grammar: a walk over its program that takes the shorter way out once a text is long. For tests. */
#ifndef TEST_GRAMMAR_WALK_H
#define TEST_GRAMMAR_WALK_H

#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "infer/grammar.h"

/* cost[pc]: the fewest bytes from pc to the end of its rule. */
static inline int32_t *grammar_costs(const lf_grammar *g)
{
    enum { FAR = 1 << 28 };
    int32_t *cost = malloc(g->n_code * sizeof *cost);
    for (size_t i = 0; i < g->n_code; i++) cost[i] = FAR;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = g->n_code; i-- > 0;) {
            const lf_grammar_code *c = &g->code[i];
            int32_t best = 0;
            if (c->op == LF_G_BYTE) best = 1 + cost[i + 1];
            if (c->op == LF_G_SPLIT) best = LF_MIN(cost[(int64_t)i + c->x], cost[(int64_t)i + c->y]);
            if (c->op == LF_G_JUMP) best = cost[(int64_t)i + c->x];
            if (c->op == LF_G_CALL) best = LF_MIN(FAR, cost[g->rules[c->x].start] + cost[i + 1]);
            if (best < cost[i]) cost[i] = best, changed = true;
        }
    }
    return cost;
}

/* Into text (size bytes, NUL at the end): its length, or -1 when it became too long. */
static inline int grammar_walk(char *text, int size, const lf_grammar *g, const int32_t *cost, lf_rng *rng)
{
    int32_t stack[4096], n = 0, pc = g->rules[g->root].start;
    int len = 0, patience = (int)lf__rng_below(rng, 120);
    while (len + 1 < size) {
        const lf_grammar_code *c = &g->code[pc];
        if (c->op == LF_G_BYTE) {
            uint64_t byte = c->lo + lf__rng_below(rng, (uint64_t)(c->hi - c->lo) + 1);
            if (lf__rng_below(rng, 3) && c->lo <= 'a' && c->hi >= 'c') byte = 'a' + lf__rng_below(rng, 3);
            text[len++] = (char)byte, pc++;
        } else if (c->op == LF_G_JUMP) {
            pc += c->x;
        } else if (c->op == LF_G_SPLIT) {
            int32_t a = pc + c->x, b = pc + c->y;
            bool tired = len > patience || n > 200;
            pc = tired && cost[a] != cost[b] ? (cost[a] < cost[b] ? a : b) : lf__rng_below(rng, 2) ? a : b;
        } else if (c->op == LF_G_CALL) {
            if (n == 4096) return -1;
            stack[n++] = pc + 1, pc = g->rules[c->x].start;
        } else {
            if (n == 0) return text[len] = 0, len;
            pc = stack[--n];
        }
    }
    return -1;
}

#endif
