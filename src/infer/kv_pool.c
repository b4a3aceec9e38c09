/* kv_pool.c - keys and values of many sequences in pages, shared where they begin alike. Not the format of a page (backend/backend.h) and
 * not who runs when (engine.c). A pool owns its pages; who holds one has counted a reference. Not thread-safe.
 *
 *   page = one block of LF_KV_BLOCK positions of all layers, at positions that never change: b * LF_KV_BLOCK ...
 *
 *   the tree      [Once upon ...] -- [... a fox] -- [...]        a full page knows its tokens and the page before it, so two prompts
 *                               \-- [... a hare]                 that begin alike find the same pages. Pages nobody holds stay in
 *                                                                the tree until their room is wanted: the longest unused leaf goes first
 *
 * Whoever holds a page holds those before it and gives them back last. So the page that nobody has held for the longest time has nothing
 * behind it: what is behind it was given back before it, and taken. */
#include "infer/infer.h"

#include "model/model.h"

#include <stdlib.h>
#include <string.h>

enum { NONE = -1 };

typedef struct kv_page {
    void *data;       /* [n_layers][n_kv_heads][lf__kv_head_bytes]            */
    int refs;         /* holders                                              */
    int older, newer; /* of those in the tree that nobody holds, in the order they were given back */
    bool in_tree;     /* the rest counts only then, but for `next`            */
    int parent;       /* the page before, NONE at the beginning of a text     */
    int next;         /* in its hash chain, or in the list of free pages      */
    int32_t tokens[LF_KV_BLOCK];
} kv_page;

struct lf_kv_pool {
    lf_arena arena;     /* owns the pages' data */
    kv_page *pages;     /* [n]                  */
    int n, free;        /* free: first of the list of pages that hold nothing */
    int held;           /* pages with refs > 0                                */
    int oldest, newest; /* of the list of unused pages                     */
    int *chains;        /* [mask + 1] first page of each hash                 */
    uint32_t mask;
    size_t page_bytes;
    float *nothing; /* zeros: a key or value of all heads */
};

int lf__kv_of(lf_kv *kv, const lf_model *m, const char *name, lf_error *err)
{
    static const lf_dtype known[] = {LF_F32, LF_F16, LF_BF16, LF_Q8_0};
    const lf_model_config *c = &m->config;
    bool rounded = false;
    for (int i = 0; i < m->n_all; i++)
        for (const lf_panels *p = &m->all[i]->forward; p && p->data; p = p->next) rounded |= p->type != LF_F32;
    int wanted = rounded ? LF_BF16 : LF_F32, found = -1;
    if (name && name[0] && strcmp(name, "auto") != 0) wanted = lf__dtype_find(name);
    for (size_t i = 0; i < LF_COUNT(known); i++)
        if (wanted == (int)known[i]) found = wanted;
    if (found < 0) return lf_error_set(err, LF_E_ARGUMENT, "keys and values: expected auto, f32, f16, bf16 or q8_0, got \"%.32s\"", name);
    *kv = (lf_kv){.type = (lf_dtype)found,
                  .n_layers = (int)c->num_hidden_layers,
                  .n_kv_heads = (int)c->num_key_value_heads,
                  .head_dim = (int)c->head_dim};
    return 0;
}

size_t lf__kv_page_bytes(const lf_kv *kv)
{
    size_t heads, bytes;
    bool fits = lf__mul_size(&heads, (size_t)kv->n_layers, (size_t)kv->n_kv_heads) &&
                lf__mul_size(&bytes, heads, lf__kv_head_bytes(kv->type, kv->head_dim)) && bytes <= SIZE_MAX - LF_ALIGN;
    return fits ? lf__round_up(bytes, LF_ALIGN) : SIZE_MAX;
}

lf_kv_pool *lf__kv_pool_new(const lf_kv *kv, int n_pages, lf_error *err)
{
    lf_kv_pool *p = lf__calloc(1, sizeof *p, err);
    if (!p) return NULL;
    uint32_t chains = 64;
    while (chains < (uint32_t)n_pages) chains *= 2;
    p->n = n_pages, p->mask = chains - 1, p->page_bytes = lf__kv_page_bytes(kv);
    size_t bytes;
    if (p->page_bytes == SIZE_MAX || !lf__mul_size(&bytes, p->page_bytes, (size_t)n_pages)) {
        lf_error_set(err, LF_E_LIMIT, "%d pages of keys and values, %zu bytes each, do not fit in memory", n_pages, p->page_bytes);
        goto fail;
    }
    p->pages = lf__calloc((size_t)n_pages, sizeof *p->pages, err);
    p->chains = lf__calloc(chains, sizeof *p->chains, err);
    p->nothing = lf__calloc((size_t)kv->n_kv_heads * (size_t)kv->head_dim, sizeof *p->nothing, err);
    if (!p->pages || !p->chains || !p->nothing) goto fail;
    if (lf__arena_init(&p->arena, "keys and values", bytes, err)) goto fail;
    for (uint32_t i = 0; i < chains; i++) p->chains[i] = NONE;
    p->free = p->oldest = p->newest = NONE;
    for (int i = n_pages - 1; i >= 0; i--) p->pages[i].next = p->free, p->free = i;
    for (int i = 0; i < n_pages; i++) p->pages[i].data = lf__arena_push(&p->arena, p->page_bytes);
    return p;
fail:
    lf__kv_pool_free(&p);
    return NULL;
}

void lf__kv_pool_free(lf_kv_pool **pool)
{
    lf_kv_pool *p = *pool;
    if (!p) return;
    lf__arena_release(&p->arena);
    free(p->pages);
    free(p->chains);
    free(p->nothing);
    free(p);
    *pool = NULL;
}

void *lf__kv_pool_data(const lf_kv_pool *p, int page) { return p->pages[page].data; }
int lf__kv_pool_available(const lf_kv_pool *p) { return p->n - p->held; }
int lf__kv_pool_pages(const lf_kv_pool *p) { return p->n; }

/* ---- the tree ------------------------------------------------------------------------------------------------------------------------ */
static int *chain_of(const lf_kv_pool *p, int parent, const int32_t *tokens)
{
    return &p->chains[(uint32_t)lf__hash64(tokens, LF_KV_BLOCK * sizeof *tokens, (uint64_t)(parent + 1)) & p->mask];
}

static int find(const lf_kv_pool *p, int parent, const int32_t *tokens)
{
    for (int i = *chain_of(p, parent, tokens); i != NONE; i = p->pages[i].next)
        if (p->pages[i].parent == parent && memcmp(p->pages[i].tokens, tokens, sizeof p->pages[i].tokens) == 0) return i;
    return NONE;
}

static void leave_tree(lf_kv_pool *p, int i)
{
    kv_page *g = &p->pages[i];
    int *link = chain_of(p, g->parent, g->tokens);
    while (*link != i) link = &p->pages[*link].next;
    *link = g->next;
    g->in_tree = false;
}

/* ---- the list of pages that nobody holds ------------------------------------------------------------------------------------------- */
static void rest(lf_kv_pool *p, int i)
{
    kv_page *g = &p->pages[i];
    g->older = p->newest, g->newer = NONE;
    *(p->newest == NONE ? &p->oldest : &p->pages[p->newest].newer) = i;
    p->newest = i;
}

static void wake(lf_kv_pool *p, int i)
{
    const kv_page *g = &p->pages[i];
    *(g->older == NONE ? &p->oldest : &p->pages[g->older].newer) = g->newer;
    *(g->newer == NONE ? &p->newest : &p->pages[g->newer].older) = g->older;
}

/* ---- holding ------------------------------------------------------------------------------------------------------------------------- */
int lf__kv_pool_take(lf_kv_pool *p)
{
    int i = p->free;
    if (i != NONE) {
        p->free = p->pages[i].next;
    } else {
        if ((i = p->oldest) == NONE) return NONE;
        wake(p, i);
        leave_tree(p, i);
    }
    p->pages[i].refs = 1;
    p->held++;
    memset(p->pages[i].data, 0, p->page_bytes);
    return i;
}

void lf__kv_pool_hold(lf_kv_pool *p, int i)
{
    if (p->pages[i].refs++ > 0) return;
    p->held++;
    wake(p, i);
}

void lf__kv_pool_release(lf_kv_pool *p, int i)
{
    kv_page *g = &p->pages[i];
    if (--g->refs > 0) return;
    p->held--;
    if (g->in_tree)
        rest(p, i);
    else
        g->next = p->free, p->free = i;
}

int lf__kv_pool_copy(lf_kv_pool *p, int i)
{
    int to = lf__kv_pool_take(p);
    if (to != NONE) memcpy(p->pages[to].data, p->pages[i].data, p->page_bytes);
    return to;
}

void lf__kv_clear(const lf_kv_pool *p, lf_device *device, const lf_kv *kv, int from, int to)
{
    size_t layer = (size_t)kv->n_kv_heads * lf__kv_head_bytes(kv->type, kv->head_dim);
    int32_t positions[LF_KV_BLOCK], seq_start[2] = {0}, seq_block[2] = {0, 1};
    for (int at = from, end; at < to; at = end) { /* the part in one page, in every layer */
        end = LF_MIN(to, (at / LF_KV_BLOCK + 1) * LF_KV_BLOCK);
        seq_start[1] = end - at;
        for (int i = 0; i < end - at; i++) positions[i] = at % LF_KV_BLOCK + i;
        for (int l = 0; l < kv->n_layers; l++) {
            void *block = (char *)kv->blocks[at / LF_KV_BLOCK] + (size_t)l * layer;
            lf_kv_rows rows = {.k = p->nothing,
                               .v = p->nothing,
                               .type = kv->type,
                               .n_kv_heads = kv->n_kv_heads,
                               .head_dim = kv->head_dim,
                               .n_seqs = 1,
                               .seq_start = seq_start,
                               .positions = positions,
                               .seq_block = seq_block,
                               .blocks = &block};
            device->ops->kv_write(device, &rows);
        }
    }
}

int lf__kv_pool_match(lf_kv_pool *p, int *pages, const int32_t *tokens, int n_pages)
{
    int n = 0;
    for (int parent = NONE; n < n_pages; n++, tokens += LF_KV_BLOCK) {
        int i = find(p, parent, tokens);
        if (i == NONE) break;
        lf__kv_pool_hold(p, i);
        parent = pages[n] = i;
    }
    return n;
}

/* Two sequences that compute the same page at the same time both hold it full: the bits are the same, one is enough. */
int lf__kv_pool_publish(lf_kv_pool *p, int i, int parent, const int32_t *tokens)
{
    int twin = find(p, parent, tokens);
    if (twin != NONE) {
        lf__kv_pool_hold(p, twin);
        lf__kv_pool_release(p, i);
        return twin;
    }
    kv_page *g = &p->pages[i];
    int *chain = chain_of(p, parent, tokens);
    g->in_tree = true, g->parent = parent, g->next = *chain, *chain = i;
    memcpy(g->tokens, tokens, sizeof g->tokens);
    return i;
}
