/* double_array.c - building and checking the arrays of double_array.h. Aoe, "An efficient digital search algorithm by using a double-array
 * structure" (1989); the packing into one unit is Darts-clone's.
 *
 * Owns its working memory per call. Thread-safe. The result depends on the keys alone. */
#include "tokenizer/double_array.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256, OPEN_BLOCKS = 16 }; /* holes are looked for in the newest blocks only: building stays linear */

typedef struct room {    /* per unit, while building */
    uint32_t next, prev; /* ring of free units                                       */
    bool taken;          /* a node or value lives here                               */
    bool base;           /* children of some node are found from here: once for each */
} room;

typedef struct builder {
    uint32_t *units;
    room *rooms;
    size_t n, units_cap, rooms_cap;
    uint32_t head; /* a free unit, or NOWHERE */
    lf_error *err;
} builder;
#define NOWHERE UINT32_MAX

static void take(builder *b, uint32_t at)
{
    room *r = &b->rooms[at];
    r->taken = true;
    if (r->next == at) {
        b->head = NOWHERE;
    } else {
        b->rooms[r->next].prev = r->prev, b->rooms[r->prev].next = r->next;
        if (b->head == at) b->head = r->next;
    }
}

static void put_free(builder *b, uint32_t at)
{
    room *r = &b->rooms[at];
    *r = (room){.next = at, .prev = at};
    if (b->head == NOWHERE) {
        b->head = at;
        return;
    }
    room *head = &b->rooms[b->head];
    r->next = b->head, r->prev = head->prev;
    b->rooms[head->prev].next = at, head->prev = at;
}

/* A unit that stays free must never match: its label is made the byte that leads to it from a base nobody uses. The block has such a base:
 * every base in use has a child here, and with a free unit there are at most 255 children for 256 bases. */
static void close_block(builder *b, size_t first)
{
    uint32_t unused = NOWHERE;
    for (size_t at = first; at < first + BLOCK && unused == NOWHERE; at++)
        if (!b->rooms[at].base) unused = (uint32_t)at;
    for (size_t at = first; at < first + BLOCK; at++) {
        if (b->rooms[at].taken) continue;
        take(b, (uint32_t)at);
        b->units[at] = (uint8_t)(at ^ unused);
    }
}

static int add_block(builder *b)
{
    size_t first = b->n;
    if (first + BLOCK > 1u << 29) return lf_error_set(b->err, LF_E_LIMIT, "the vocabulary's text is too long for one search tree");
    if (lf__grow(&b->units, &b->units_cap, first + BLOCK, sizeof *b->units, b->err) ||
        lf__grow(&b->rooms, &b->rooms_cap, first + BLOCK, sizeof *b->rooms, b->err))
        return -1;
    if (first >= (size_t)OPEN_BLOCKS * BLOCK) close_block(b, first - (size_t)OPEN_BLOCKS * BLOCK);
    memset(b->units + first, 0, BLOCK * sizeof *b->units);
    b->n += BLOCK;
    for (size_t at = first; at < b->n; at++) put_free(b, (uint32_t)at);
    return 0;
}

/* An offset is 21 bits, or 29 of which the low 8 are zero. */
static bool fits(uint32_t offset) { return offset < 1u << 21 || (offset & 0xFF) == 0; }

static int find_base(builder *b, uint32_t node, const uint8_t *labels, int n_labels, uint32_t *base)
{
    for (uint32_t at = b->head, end = b->head; at != NOWHERE;) {
        uint32_t candidate = at ^ labels[0];
        bool good = !b->rooms[candidate].base && fits(candidate ^ node);
        for (int i = 1; i < n_labels && good; i++) good = !b->rooms[candidate ^ labels[i]].taken;
        if (good) return *base = candidate, 0;
        at = b->rooms[at].next;
        if (at == end) break;
    }
    /* A fresh block holds any family; in it the base whose offset fits: the low byte as the node's. */
    uint32_t first = (uint32_t)b->n;
    if (add_block(b)) return -1;
    *base = first | (node & 0xFF);
    return 0;
}

typedef struct family { /* keys[from..to) share their first `depth` bytes, which lead to `node` */
    size_t from, to;
    uint32_t depth, node;
} family;

static uint8_t label_of(const lf_key *key, uint32_t depth) { return depth < key->n ? (uint8_t)key->bytes[depth] : 0; }

/* Places the children of one node and pushes those that have children themselves. */
static int place(builder *b, const lf_key *keys, family f, family **stack, size_t *n_stack, size_t *stack_cap)
{
    uint8_t labels[256];
    int n_labels = 0;
    uint32_t base;
    for (size_t k = f.from; k < f.to; k++) {
        uint8_t label = label_of(&keys[k], f.depth);
        if (n_labels == 0 || labels[n_labels - 1] != label) labels[n_labels++] = label;
    }
    if (find_base(b, f.node, labels, n_labels, &base)) return -1;
    uint32_t offset = base ^ f.node;
    b->rooms[base].base = true;
    b->units[f.node] |= offset < 1u << 21 ? offset << 10 : offset << 2 | 1u << 9;
    for (int i = 0; i < n_labels; i++) take(b, base ^ labels[i]);
    size_t from = f.from;
    for (int i = 0; i < n_labels; i++) {
        uint32_t child = base ^ labels[i];
        size_t to = from;
        while (to < f.to && label_of(&keys[to], f.depth) == labels[i]) to++;
        if (labels[i] == 0) {
            b->units[child] = 1u << 31 | keys[from].value;
            b->units[f.node] |= 1u << 8;
        } else {
            b->units[child] = labels[i];
            if (lf__grow(stack, stack_cap, *n_stack + 1, sizeof **stack, b->err)) return -1;
            (*stack)[(*n_stack)++] = (family){from, to, f.depth + 1, child};
        }
        from = to;
    }
    return 0;
}

int lf__double_array_build(lf_double_array *a, const lf_key *keys, size_t n_keys, lf_error *err)
{
    builder b = {.head = NOWHERE, .err = err};
    family *stack = NULL;
    size_t n_stack = 0, stack_cap = 0;
    *a = (lf_double_array){0};
    if (n_keys == 0) return 0;
    int failed = add_block(&b) || lf__grow(&stack, &stack_cap, 1, sizeof *stack, err);
    if (!failed) {
        take(&b, 0);
        b.rooms[0].base = true; /* else a byte 0 in the text would lead back to the root, whose label is 0 */
        stack[n_stack++] = (family){0, n_keys, 0, 0};
    }
    while (n_stack && !failed) {
        family f = stack[--n_stack];
        failed = place(&b, keys, f, &stack, &n_stack, &stack_cap);
    }
    for (size_t first = b.n > (size_t)OPEN_BLOCKS * BLOCK ? b.n - (size_t)OPEN_BLOCKS * BLOCK : 0; first < b.n && !failed; first += BLOCK)
        close_block(&b, first);
    free(stack);
    free(b.rooms);
    if (failed) {
        free(b.units);
        return -1;
    }
    *a = (lf_double_array){b.units, b.n};
    return 0;
}

bool lf__double_array_check(const lf_double_array *a, uint32_t values)
{
    if (a->n % BLOCK || a->n > UINT32_MAX || (a->n && a->units[0] >> 31)) return false; /* walks begin at unit 0 without a look */
    for (size_t at = 0; at < a->n; at++) {
        uint32_t unit = a->units[at];
        if (unit >> 31) continue; /* a value: no walk goes on from it */
        size_t base = at ^ lf__unit_offset(unit);
        if (base >= a->n) return false; /* blocks are whole, so base ^ label is inside when base is */
        if (unit >> 8 & 1 && (a->units[base] & ~(1u << 31)) >= values) return false;
    }
    return true;
}

void lf__double_array_release(lf_double_array *a)
{
    free(a->units);
    *a = (lf_double_array){0};
}
