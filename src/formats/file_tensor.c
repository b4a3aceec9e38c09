/* file_tensor.c - what tensors in files have in common: the arithmetic of shapes, lists, and reading elements as float. Knows no format.
 * Reads go through pread into the caller's floats or a piece of the stack: no heap, no shared state. */
#include "formats/formats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool lf__shape_count(size_t *out, const int64_t *shape, int n_dims)
{
    size_t n = 1;
    bool zero = false;
    for (int d = 0; d < n_dims; d++) {
        if (shape[d] < 0) return false;
        if (shape[d] == 0)
            zero = true;
        else if (!lf__mul_size(&n, n, (size_t)shape[d]))
            return false;
    }
    *out = zero ? 0 : n;
    return true;
}

char *lf__shape_text(char out[192], const int64_t *shape, int n_dims)
{
    int n = snprintf(out, 192, "[");
    for (int d = 0; d < n_dims; d++) n += snprintf(out + n, (size_t)(192 - n), "%s%" PRId64, d ? ", " : "", shape[d]);
    snprintf(out + n, (size_t)(192 - n), "]"); /* 8 sides of 20 digits and their commas: 177 bytes */
    return out;
}

static int by_name(const void *a, const void *b) { return strcmp(((const lf_file_tensor *)a)->name, ((const lf_file_tensor *)b)->name); }

/* Empty tensors first: they share their place with the one behind. */
static int by_place(const void *a, const void *b)
{
    const lf_file_tensor *x = a, *y = b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

const char *lf__tensors_sort(lf_file_tensor *tensors, size_t n)
{
    if (n) qsort(tensors, n, sizeof *tensors, by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(tensors[i - 1].name, tensors[i].name) == 0) return tensors[i].name;
    return NULL;
}

void lf__tensors_sort_by_place(lf_file_tensor *tensors, size_t n)
{
    if (n) qsort(tensors, n, sizeof *tensors, by_place);
}

const lf_file_tensor *lf__tensors_find(const lf_file_tensor *tensors, size_t n, const char *name)
{
    lf_file_tensor key = {.name = name};
    return n ? bsearch(&key, tensors, n, sizeof key, by_name) : NULL;
}

int lf__tensors_check(const char *path, const lf_file_tensor *decls, size_t n, lf_error *err)
{
    lf_file_tensor *copy = lf__calloc(n, sizeof *copy, err);
    if (!copy) return -1;
    if (n) memcpy(copy, decls, n * sizeof *copy);
    const char *twice = lf__tensors_sort(copy, n);
    free(copy);
    return twice ? lf_error_set(err, LF_E_ARGUMENT, "%s: tensor \"%.128s\" twice", path, twice) : 0;
}

int lf__file_tensor_read(float *out, const lf_file_tensor *t, size_t first, size_t n, lf_error *err)
{
    enum { PIECE = 32768 };
    const lf_dtype_traits *type = lf__dtype(t->dtype);
    size_t from, bytes, end;
    if (!type->to_float)
        return lf_error_set(err, LF_E_UNSUPPORTED, "%s: tensor \"%.128s\" is %s, which cannot be computed with", t->file->path, t->name,
                            type->name);
    if (!lf__dtype_size(&from, t->dtype, first) || !lf__dtype_size(&bytes, t->dtype, n) || !lf__add_size(&end, from, bytes) ||
        end > t->bytes)
        return lf_error_set(err, LF_E_ARGUMENT, "%s: tensor \"%.128s\": it has no %zu whole elements from element %zu on", t->file->path,
                            t->name, n, first);
    size_t at = (size_t)(t->data - t->file->map.data) + from;
    if (t->dtype == LF_F32) return lf__file_read(out, t->file, at, bytes, err);
    uint8_t piece[PIECE];
    size_t step = sizeof piece / (size_t)type->bytes * (size_t)type->block;
    for (size_t i = 0; i < n; i += step) {
        size_t count = LF_MIN(step, n - i), part = count / (size_t)type->block * (size_t)type->bytes;
        if (lf__file_read(piece, t->file, at, part, err)) return -1;
        type->to_float(out + i, piece, count);
        at += part;
    }
    return 0;
}
