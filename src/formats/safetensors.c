/* safetensors.c - the file format of weights: read by mapping, written as a stream. Knows nothing of models.
 *
 *   | N: 8 bytes, little-endian | N bytes of JSON, one entry per tensor | data of all tensors, no holes, no overlaps |
 *
 * A file is believed only after every rule below has passed; NaN and infinity in the data are not this file's business.
 * An open file is immutable and may be shared by threads; tensors point into the mapping, with no promise of alignment. */
#include "formats/formats.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_MAX = 100000000, DIMS_MAX = LF_COUNT(((lf_file_tensor *)0)->shape) };

/* The dtype of this name, exactly as spelled; -1: none that a safetensors file can hold. */
static int find_dtype(const char *name)
{
    int type = lf__dtype_find(name);
    return type >= 0 && lf__dtype((lf_dtype)type)->block == 1 && strcmp(lf__dtype((lf_dtype)type)->name, name) == 0 ? type : -1;
}

/* ---- reading -------------------------------------------------------------------------------------------------------------------- */
typedef struct reader {
    const char *path;
    size_t data_at, data_size; /* of the file: where the data begins, how much there is */
    lf_error *err;
} reader;

static int bad(const reader *r, const char *tensor, const char *what)
{
    return lf_error_set(r->err, LF_E_FORMAT, "%s: tensor \"%.128s\": %s", r->path, tensor, what);
}

static int read_metadata(const reader *r, json_t *value)
{
    const char *key;
    json_t *text;
    if (!json_is_object(value)) return lf_error_set(r->err, LF_E_FORMAT, "%s: __metadata__: expected an object of strings", r->path);
    json_object_foreach(value, key, text) if (!json_is_string(text)) return lf_error_set(
        r->err, LF_E_FORMAT, "%s: __metadata__: \"%.128s\": expected a string", r->path, key);
    return 0;
}

/* One entry of the header; its data still as offsets from the data's beginning. */
static int read_tensor(const reader *r, lf_file_tensor *t, const char *name, json_t *value, size_t *begin)
{
    json_t *dtype = json_object_get(value, "dtype"), *shape = json_object_get(value, "shape"),
           *offsets = json_object_get(value, "data_offsets");
    if (!json_is_object(value)) return bad(r, name, "expected an object with dtype, shape and data_offsets");
    if (!json_is_string(dtype)) return bad(r, name, "dtype: expected a string");
    if (!json_is_array(shape)) return bad(r, name, "shape: expected a list of whole numbers");
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 || !json_is_integer(json_array_get(offsets, 0)) ||
        !json_is_integer(json_array_get(offsets, 1)))
        return bad(r, name, "data_offsets: expected two whole numbers");
    int type = find_dtype(json_string_value(dtype));
    if (type < 0)
        return lf_error_set(r->err, LF_E_UNSUPPORTED, "%s: tensor \"%.128s\": unknown dtype \"%.32s\"", r->path, name,
                            json_string_value(dtype));
    *t = (lf_file_tensor){.name = name, .dtype = (lf_dtype)type};
    if (json_array_size(shape) > DIMS_MAX) return bad(r, name, "shape: more than 8 dimensions");
    t->n_dims = (int)json_array_size(shape);
    for (int d = 0; d < t->n_dims; d++) {
        json_t *side = json_array_get(shape, (size_t)d);
        if (!json_is_integer(side) || json_integer_value(side) < 0) return bad(r, name, "shape: expected whole numbers of at least 0");
        t->shape[d] = json_integer_value(side);
    }
    int64_t from = json_integer_value(json_array_get(offsets, 0)), to = json_integer_value(json_array_get(offsets, 1));
    if (from < 0 || to < from || (uint64_t)to > r->data_size)
        return lf_error_set(r->err, LF_E_FORMAT,
                            "%s: tensor \"%.128s\": data_offsets [%" PRId64 ", %" PRId64 "] do not lie in the %zu bytes of data", r->path,
                            name, from, to, r->data_size);
    size_t count;
    if (!lf__shape_count(&count, t->shape, t->n_dims) || !lf__dtype_size(&t->bytes, t->dtype, count))
        return bad(r, name, "shape: its size overflows");
    if (t->bytes != (size_t)(to - from))
        return lf_error_set(r->err, LF_E_FORMAT, "%s: tensor \"%.128s\": %s of this shape takes %zu bytes, its data_offsets span %" PRId64,
                            r->path, name, json_string_value(dtype), t->bytes, to - from);
    *begin = (size_t)from;
    return 0;
}

/* In order of place every tensor must begin where the one before ends, and the last must end with the file. */
static int check_places(const reader *r, const lf_safetensors *st)
{
    size_t at = 0;
    for (size_t i = 0; i < st->n; i++) {
        const lf_file_tensor *t = &st->tensors[i];
        size_t begin = (size_t)(t->data - st->file->map.data) - r->data_at;
        if (begin != at)
            return lf_error_set(r->err, LF_E_FORMAT, "%s: tensor \"%.128s\": begins at byte %zu of the data, expected %zu: %s", r->path,
                                t->name, begin, at, begin > at ? "a hole" : "it overlaps the tensor before it");
        at += t->bytes;
    }
    if (at == r->data_size) return 0;
    return lf_error_set(r->err, LF_E_FORMAT, "%s: byte %zu: %zu bytes that belong to no tensor follow the data", r->path, r->data_at + at,
                        r->data_size - at);
}

static int read_header(reader *r, lf_safetensors *st)
{
    const lf_map *map = &st->file->map;
    uint64_t n = 0;
    char name[1100];
    if (map->size < 8) return lf_error_set(r->err, LF_E_FORMAT, "%s: %zu bytes, too short for a safetensors file", r->path, map->size);
    for (int i = 7; i >= 0; i--) n = n << 8 | map->data[i];
    if (n > HEADER_MAX)
        return lf_error_set(r->err, LF_E_FORMAT,
                            "%s: byte 0: a header of %" PRIu64 " bytes, at most %d are allowed: not a safetensors file?", r->path, n,
                            HEADER_MAX);
    if (n > map->size - 8)
        return lf_error_set(r->err, LF_E_FORMAT, "%s: byte 0: a header of %" PRIu64 " bytes, but only %zu follow: the file is cut off",
                            r->path, n, map->size - 8);
    r->data_at = 8 + (size_t)n;
    r->data_size = map->size - r->data_at;
    snprintf(name, sizeof name, "%.1000s (header)", r->path);
    st->header = lf__json_parse((const char *)map->data + 8, (size_t)n, name, r->err);
    if (!st->header) return -1;
    if (!json_is_object(st->header)) return lf_error_set(r->err, LF_E_FORMAT, "%s: byte 8: the header is not a JSON object", r->path);
    size_t entries = json_object_size(st->header);
    st->tensors = lf__calloc(entries + 1, sizeof *st->tensors, r->err);
    if (!st->tensors) return -1;
    const char *key;
    json_t *value;
    json_object_foreach(st->header, key, value)
    {
        size_t begin = 0;
        lf_file_tensor *t = &st->tensors[st->n];
        if (strcmp(key, "__metadata__") == 0) {
            if (read_metadata(r, value)) return -1;
            continue;
        }
        if (read_tensor(r, t, key, value, &begin)) return -1;
        t->data = map->data + r->data_at + begin, t->file = st->file;
        st->n++;
    }
    lf__tensors_sort_by_place(st->tensors, st->n);
    if (check_places(r, st)) return -1;
    lf__tensors_sort(st->tensors, st->n); /* JSON had each name once */
    return 0;
}

int lf__safetensors_open(lf_safetensors *st, const char *path, lf_error *err)
{
    reader r = {.path = path, .err = err};
    *st = (lf_safetensors){0};
    if (!(st->file = lf__file_open(path, err))) return -1;
    if (read_header(&r, st)) {
        lf__safetensors_close(st);
        if (err && !err->hint[0]) lf_error_hint(err, "the file is not as it was written: fetch or copy it again");
        return -1;
    }
    return 0;
}

void lf__safetensors_close(lf_safetensors *st)
{
    free(st->tensors);
    if (st->header) json_decref(st->header);
    lf__file_close(&st->file);
    *st = (lf_safetensors){0};
}

const lf_file_tensor *lf__safetensors_find(const lf_safetensors *st, const char *name)
{
    return lf__tensors_find(st->tensors, st->n, name);
}

/* ---- writing -------------------------------------------------------------------------------------------------------------------- */
/* The header's JSON, padded so that data begins on a 64-byte border, and how many bytes of data follow. */
static int build_header(lf_buf *b, size_t *data_bytes, const char *path, const lf_file_tensor *decls, size_t n, lf_error *err)
{
    size_t at = 0;
    if (lf__tensors_check(path, decls, n, err)) return -1;
    lf__buf_puts(b, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < n; i++) {
        const lf_file_tensor *d = &decls[i];
        size_t count, bytes, end;
        if (find_dtype(lf__dtype(d->dtype)->name) < 0 || d->n_dims < 0 || d->n_dims > DIMS_MAX ||
            !lf__shape_count(&count, d->shape, d->n_dims) || !lf__dtype_size(&bytes, d->dtype, count) || !lf__add_size(&end, at, bytes))
            return lf_error_set(err, LF_E_ARGUMENT, "%s: tensor \"%.128s\": a dtype or shape that cannot be written", path, d->name);
        lf__buf_puts(b, ",");
        lf__buf_json_string(b, d->name, strlen(d->name));
        lf__buf_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", lf__dtype(d->dtype)->name);
        for (int k = 0; k < d->n_dims; k++) lf__buf_printf(b, "%s%" PRId64, k ? "," : "", d->shape[k]);
        lf__buf_printf(b, "],\"data_offsets\":[%zu,%zu]}", at, end);
        at = end;
    }
    lf__buf_puts(b, "}");
    while (!b->failed && (8 + b->len) % LF_ALIGN) lf__buf_puts(b, " ");
    *data_bytes = at;
    return b->failed ? lf_error_set(err, LF_E_LIMIT, "%s: a header of more than %d bytes", path, HEADER_MAX) : 0;
}

lf_writer *lf__safetensors_begin(const char *path, const lf_file_tensor *decls, size_t n, lf_error *err)
{
    lf_buf header;
    size_t data = 0;
    lf_writer *w = NULL;
    lf__buf_init(&header, HEADER_MAX);
    if (build_header(&header, &data, path, decls, n, err) == 0 && (w = lf__writer_open_sized(path, (uint64_t)8 + header.len + data, err))) {
        uint8_t size[8];
        for (int i = 0; i < 8; i++) size[i] = (uint8_t)((uint64_t)header.len >> (8 * i));
        lf__writer_add(w, size, sizeof size);
        lf__writer_add(w, header.data, header.len); /* failures are sticky: commit reports them */
    }
    lf__buf_release(&header);
    return w;
}
