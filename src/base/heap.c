/* heap.c - the only doors to malloc outside arenas: sizes are checked, failures are errors with a sentence.
 * Everything returned belongs to the caller (free). Safe from any thread. */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

static int out_of_memory(lf_error *err, size_t count, size_t size)
{
    char human[32];
    return lf_error_set(err, LF_E_MEMORY, "out of memory: %s could not be allocated", lf__human_bytes(human, (double)count * (double)size));
}

void *lf__calloc(size_t count, size_t size, lf_error *err)
{
    size_t bytes;
    void *p = lf__mul_size(&bytes, count, size) ? calloc(LF_MAX(bytes, 1u), 1) : NULL;
    if (!p) out_of_memory(err, count, size);
    return p;
}

int lf__grow(void *ptr, size_t *cap, size_t need, size_t item_size, lf_error *err)
{
    if (need <= *cap) return 0;
    size_t items = need, bytes;
    if (*cap <= SIZE_MAX / 2) items = LF_MAX(need, LF_MAX(*cap * 2, 16u));
    void *old, *p = NULL;
    memcpy(&old, ptr, sizeof old); /* ptr is a T **: read and written as bytes, whatever T is */
    if (lf__mul_size(&bytes, items, item_size)) p = realloc(old, LF_MAX(bytes, 1u));
    if (!p) return out_of_memory(err, items, item_size);
    memcpy(ptr, &p, sizeof p);
    *cap = items;
    return 0;
}

char *lf__strdup(const char *text, lf_error *err)
{
    size_t n = strlen(text) + 1;
    char *p = malloc(n);
    if (p)
        memcpy(p, text, n);
    else
        out_of_memory(err, n, 1);
    return p;
}
