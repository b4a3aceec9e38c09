/* double_array.h - a set of byte strings with a number each, as one array of 32-bit units, in the layout of Darts-clone: the one that
 * SentencePiece stores its normalization map in, so the same walk reads foreign arrays and ours.
 *
 *   bit  31 30        10  9  8 7      0
 *       | 0 | offset   | x | v | label |   a node: its children are at  own index ^ offset << (x ? 8 : 0) ^ label;  v: the child with
 *       | 1 |           value          |   label 0 is a value: a string ends here (strings hold no byte 0)
 *
 * An array that lf__double_array_check has accepted never leads out of itself, whatever text walks it. */
#ifndef LF_DOUBLE_ARRAY_H
#define LF_DOUBLE_ARRAY_H

#include "base/base.h"

typedef struct lf_double_array {
    uint32_t *units; /* owned; NULL and 0: the empty set */
    size_t n;        /* a multiple of 256                */
} lf_double_array;

typedef struct lf_key {
    const char *bytes; /* borrowed while building */
    uint32_t n, value; /* value < 2^31            */
} lf_key;

/* keys: sorted by bytes, all different, no byte 0, none empty. n_keys 0 builds the empty set. */
int lf__double_array_build(lf_double_array *a, const lf_key *keys, size_t n_keys, lf_error *err);
/* Every walk stays inside, and every value is below `values`. false: it is damaged. */
bool lf__double_array_check(const lf_double_array *a, uint32_t values);
void lf__double_array_release(lf_double_array *a);

static inline uint32_t lf__unit_offset(uint32_t unit) { return (unit >> 10) << ((unit & 1u << 9) >> 6); }

enum { LF_WALK_END = -2, LF_WALK_NONE = -1 };
/* One byte further from *node (0 at the beginning). LF_WALK_END: no string begins like this; LF_WALK_NONE: some go on; else the value of
 * the string that ends here. The array must not be empty. */
static inline int32_t lf__walk(const lf_double_array *a, uint32_t *node, uint8_t byte)
{
    uint32_t at = *node, unit = a->units[at];
    at ^= lf__unit_offset(unit) ^ byte;
    unit = a->units[at];
    if ((unit & (1u << 31 | 0xFF)) != byte) return LF_WALK_END;
    *node = at;
    return unit >> 8 & 1 ? (int32_t)(a->units[at ^ lf__unit_offset(unit)] & ~(1u << 31)) : LF_WALK_NONE;
}

/* The longest string of the set that text[0..n) begins with: its length, 0 when none, and its value. Looks at `deepest` bytes at most. */
static inline size_t lf__longest_prefix(const lf_double_array *a, uint32_t *value, const char *text, size_t n, size_t deepest)
{
    size_t longest = 0;
    uint32_t node = 0;
    if (!a->n) return 0;
    for (size_t i = 0; i < n && i < deepest; i++) {
        int32_t v = lf__walk(a, &node, (uint8_t)text[i]);
        if (v == LF_WALK_END) break;
        if (v >= 0) longest = i + 1, *value = (uint32_t)v;
    }
    return longest;
}
#endif
