/* test_kv_pool.c - which pages a full pool gives away, and what it counts: against a pool that walks all its pages for the longest unused
 * leaf. Random texts over a small alphabet share beginnings, are held for a while, found again and forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "infer/infer.h"

enum { PAGES = 60, HOLDERS = 12, LONGEST = 9, ROUNDS = 20000, NONE = -1 };

/* What a page is, slowly. */
static struct slow_page {
    int refs, parent;
    bool in_tree;
    int64_t unused; /* since when nobody holds it */
} slow[PAGES];

static struct holder {
    int pages[LONGEST], n;
} holders[HOLDERS];

static int64_t now;

static int slow_leaf(void)
{
    int best = NONE;
    for (int i = 0; i < PAGES; i++) {
        bool leaf = slow[i].in_tree && slow[i].refs == 0;
        for (int j = 0; j < PAGES && leaf; j++) leaf = !slow[j].in_tree || slow[j].parent != i;
        if (leaf && (best == NONE || slow[i].unused < slow[best].unused)) best = i;
    }
    return best;
}

static int slow_held(void)
{
    int held = 0;
    for (int i = 0; i < PAGES; i++) held += slow[i].refs > 0;
    return held;
}

static void release(lf_kv_pool *pool, struct holder *h)
{
    while (h->n > 0) {
        int page = h->pages[--h->n];
        if (--slow[page].refs == 0) slow[page].unused = ++now;
        lf__kv_pool_release(pool, page);
    }
}

static int take(lf_kv_pool *pool)
{
    bool free = false;
    for (int i = 0; i < PAGES; i++) free |= slow[i].refs == 0 && !slow[i].in_tree;
    int leaf = free ? NONE : slow_leaf(), page = lf__kv_pool_take(pool);
    if (!free) assert_int_equal(page, leaf);
    if (page == NONE) return NONE;
    if (free) assert_true(slow[page].refs == 0 && !slow[page].in_tree);
    slow[page] = (struct slow_page){.refs = 1, .parent = NONE};
    return page;
}

/* A text of n pages, of which some are there; the last one stays unpublished now and then, as that of an answer that is not full. */
static void read_text(lf_kv_pool *pool, struct holder *h, const int32_t *tokens, int n, bool partial)
{
    h->n = lf__kv_pool_match(pool, h->pages, tokens, n);
    for (int i = 0; i < h->n; i++) slow[h->pages[i]].refs++;
    for (int i = h->n; i < n; i++) {
        int page = take(pool), parent = i ? h->pages[i - 1] : NONE;
        if (page == NONE) return;
        if (!partial || i < n - 1) {
            assert_int_equal(lf__kv_pool_publish(pool, page, parent, tokens + i * LF_KV_BLOCK), page);
            slow[page].in_tree = true, slow[page].parent = parent;
        }
        h->pages[h->n++] = page;
    }
}

static void longest_unused_leaves(void **state)
{
    (void)state;
    lf_error err = {0};
    lf_kv shape = {.type = LF_F32, .n_layers = 1, .n_kv_heads = 1, .head_dim = 2};
    lf_kv_pool *pool = lf__kv_pool_new(&shape, PAGES, &err);
    if (!pool) fail_msg("%s", err.message);
    static int32_t tokens[LONGEST * LF_KV_BLOCK];
    int64_t taken_away = 0;
    for (int round = 0; round < ROUNDS; round++) {
        lf_rng r = lf__rng_make(1, (uint64_t)round);
        struct holder *h = &holders[lf__rng_below(&r, HOLDERS)];
        release(pool, h);
        int n = 1 + (int)lf__rng_below(&r, LONGEST);
        for (int i = 0; i < n; i++)
            for (int t = 0, token = (int)lf__rng_below(&r, 3); t < LF_KV_BLOCK; t++) tokens[i * LF_KV_BLOCK + t] = token;
        if (round % 3) read_text(pool, h, tokens, n, round % 2);
        assert_int_equal(lf__kv_pool_available(pool), PAGES - slow_held());
        taken_away += slow_leaf() != NONE;
    }
    assert_true(taken_away > ROUNDS / 2);
    for (int i = 0; i < HOLDERS; i++) release(pool, &holders[i]);
    assert_int_equal(lf__kv_pool_available(pool), PAGES);
    for (int i = 0; i < PAGES; i++) assert_true(take(pool) != NONE); /* all of them, leaves first */
    assert_int_equal(take(pool), NONE);
    lf__kv_pool_free(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(longest_unused_leaves)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
