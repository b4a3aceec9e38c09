/* gguf_write.c - GGUF version 3 as a stream: metadata collected in a buffer, then header and declarations, then the bytes of the tensors.
 * The caller owns the metadata; the writer is base's: the file appears whole or not at all. Reading, and the picture, are in gguf.c. */
#include "formats/formats.h"

#include <string.h>

enum { META_MAX = 1 << 30, ALIGNMENT = 32, DIMS_MAX = 4 };

static void put(lf_buf *b, uint64_t n, int bytes)
{
    uint8_t le[8];
    for (int i = 0; i < bytes; i++) le[i] = (uint8_t)(n >> (8 * i));
    lf__buf_add(b, le, (size_t)bytes);
}

static void put_text(lf_buf *b, const char *text, size_t n)
{
    put(b, n, 8);
    lf__buf_add(b, text, n);
}

static void put_key(lf_gguf_meta *m, const char *key, lf_gguf_type type)
{
    put_text(&m->bytes, key, strlen(key));
    put(&m->bytes, type, 4);
    m->n++;
}

static void put_number(lf_gguf_meta *m, const char *key, lf_gguf_type type, uint64_t bits, int bytes)
{
    put_key(m, key, type);
    put(&m->bytes, bits, bytes);
}

void lf__gguf_meta_init(lf_gguf_meta *m)
{
    lf__buf_init(&m->bytes, META_MAX);
    m->n = 0;
}

void lf__gguf_meta_release(lf_gguf_meta *m) { lf__buf_release(&m->bytes); }

void lf__gguf_put_u32(lf_gguf_meta *m, const char *key, uint32_t value) { put_number(m, key, LF_GGUF_U32, value, 4); }
void lf__gguf_put_i32(lf_gguf_meta *m, const char *key, int32_t value) { put_number(m, key, LF_GGUF_I32, (uint32_t)value, 4); }
void lf__gguf_put_u64(lf_gguf_meta *m, const char *key, uint64_t value) { put_number(m, key, LF_GGUF_U64, value, 8); }
void lf__gguf_put_bool(lf_gguf_meta *m, const char *key, bool value) { put_number(m, key, LF_GGUF_BOOL, value, 1); }

void lf__gguf_put_f32(lf_gguf_meta *m, const char *key, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_number(m, key, LF_GGUF_F32, bits, 4);
}

void lf__gguf_put_text(lf_gguf_meta *m, const char *key, const char *text, size_t n)
{
    put_key(m, key, LF_GGUF_TEXT);
    put_text(&m->bytes, text, n);
}

static void put_array_head(lf_gguf_meta *m, const char *key, lf_gguf_type items, uint64_t n)
{
    put_key(m, key, LF_GGUF_ARRAY);
    put(&m->bytes, items, 4);
    put(&m->bytes, n, 8);
}

void lf__gguf_put_array(lf_gguf_meta *m, const char *key, lf_gguf_type items, const void *values, uint64_t n)
{
    put_array_head(m, key, items, n);
    lf__buf_add(&m->bytes, values, (size_t)n * (size_t)lf__gguf_type_bytes(items)); /* every machine we run on is little-endian */
}

void lf__gguf_put_texts(lf_gguf_meta *m, const char *key, uint64_t n) { put_array_head(m, key, LF_GGUF_TEXT, n); }
void lf__gguf_put_item(lf_gguf_meta *m, const char *text, size_t n) { put_text(&m->bytes, text, n); }

void lf__gguf_put_value(lf_gguf_meta *m, const char *key, const lf_gguf_value *value)
{
    if (value->type == LF_GGUF_TEXT) {
        lf__gguf_put_text(m, key, (const char *)value->data, (size_t)value->count);
        return;
    }
    if (value->type == LF_GGUF_ARRAY)
        put_array_head(m, key, value->items, value->count);
    else
        put_key(m, key, value->type);
    lf__buf_add(&m->bytes, value->data, (size_t)(lf__gguf_end(value) - value->data));
}

/* ---- the file ---------------------------------------------------------------------------------------------------------------------- */
/* *data_bytes: what will follow the header, padding and all. */
static int build_infos(lf_buf *b, uint64_t *data_bytes, const char *path, const lf_file_tensor *decls, size_t n, lf_error *err)
{
    uint64_t offset = 0;
    for (size_t i = 0; i < n; i++) {
        const lf_file_tensor *d = &decls[i];
        const lf_dtype_traits *type = lf__dtype(d->dtype);
        size_t count, bytes;
        int64_t row = d->n_dims ? d->shape[d->n_dims - 1] : 1;
        if (type->ggml < 0 || d->n_dims < 0 || d->n_dims > DIMS_MAX || row % type->block || !lf__shape_count(&count, d->shape, d->n_dims) ||
            !lf__dtype_size(&bytes, d->dtype, count) || bytes > INT64_MAX - offset - ALIGNMENT)
            return lf_error_set(err, LF_E_ARGUMENT, "%s: tensor \"%.128s\": a dtype (%s) or shape that GGUF cannot hold", path, d->name,
                                type->name);
        put_text(b, d->name, strlen(d->name));
        put(b, (uint64_t)d->n_dims, 4);
        for (int k = d->n_dims - 1; k >= 0; k--) put(b, (uint64_t)d->shape[k], 8);
        put(b, (uint64_t)type->ggml, 4);
        put(b, offset, 8);
        offset += lf__round_up(bytes, ALIGNMENT);
    }
    *data_bytes = offset;
    return 0;
}

static int build_header(lf_buf *b, uint64_t *data_bytes, const char *path, const lf_gguf_meta *meta, const lf_file_tensor *decls, size_t n,
                        lf_error *err)
{
    if (lf__tensors_check(path, decls, n, err)) return -1;
    lf__buf_add(b, "GGUF", 4);
    put(b, 3, 4);
    put(b, n, 8);
    put(b, meta->n, 8);
    lf__buf_add(b, meta->bytes.data, meta->bytes.len);
    if (build_infos(b, data_bytes, path, decls, n, err)) return -1;
    lf__buf_add(b, (const char[ALIGNMENT]){0}, lf__round_up(b->len, ALIGNMENT) - b->len);
    if (b->failed || meta->bytes.failed)
        return lf_error_set(err, LF_E_LIMIT, "%s: no room for the header, %zu bytes", path, meta->bytes.len + b->len);
    return 0;
}

lf_writer *lf__gguf_begin(const char *path, const lf_gguf_meta *meta, const lf_file_tensor *decls, size_t n, lf_error *err)
{
    lf_buf header;
    uint64_t data = 0;
    lf_writer *w = NULL;
    lf__buf_init(&header, (size_t)META_MAX * 2);
    if (build_header(&header, &data, path, meta, decls, n, err) == 0 && (w = lf__writer_open_sized(path, header.len + data, err)))
        lf__writer_add(w, header.data, header.len); /* failures are sticky: commit reports them */
    lf__buf_release(&header);
    return w;
}

int lf__gguf_pad(lf_writer *w, size_t bytes)
{
    return lf__writer_add(w, (const char[ALIGNMENT]){0}, lf__round_up(bytes, ALIGNMENT) - bytes);
}
