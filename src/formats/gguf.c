/* gguf.c - one GGUF file: metadata and tensors, read by mapping; versions 2 and 3, little-endian. Split files are joined in weights.c,
 * writing is gguf_write.c. After the format's description in ggml (docs/gguf.md).
 *
 *   | "GGUF" | version u32 | n_tensors u64 | n_pairs u64 | pairs | tensor infos | pad | data: every tensor at a multiple of the alignment |
 *   pair: key text, type u32, value     text: u64 length, bytes     array: type u32, u64 count, items
 *   info: name text, n_dims u32, sides u64 (innermost first), type u32, offset u64 from the beginning of the data
 *
 * One pass checks every byte of the header before anything points at it; after it, views need no checks. Immutable once open. */
#include "formats/formats.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAIRS_MAX = 1 << 16,
    TENSORS_MAX = 1 << 18,
    NAME_MAX_BYTES = 65535,
    NAMES_MAX = 16 << 20, /* bytes of all keys and names: what is copied */
    ITEMS_MAX = 1 << 22,  /* texts and arrays in arrays, in all: each is visited */
    DEPTH_MAX = 4,        /* arrays in arrays */
    DIMS_MAX = 4,
    ALIGNMENT_MAX = 1 << 20,
    PAIR_MIN = 8 + 1 + 4 + 1, /* bytes of the smallest pair and the smallest info: how many there can be */
    INFO_MIN = 8 + 1 + 4 + 4 + 8
};

/* clang-format off */
static const struct { const char *name; int bytes; } types[LF_GGUF_TYPES] = {
    [LF_GGUF_U8]   = {"u8", 1},   [LF_GGUF_I8]    = {"i8", 1},    [LF_GGUF_U16] = {"u16", 2}, [LF_GGUF_I16] = {"i16", 2},
    [LF_GGUF_U32]  = {"u32", 4},  [LF_GGUF_I32]   = {"i32", 4},   [LF_GGUF_F32] = {"f32", 4}, [LF_GGUF_BOOL] = {"bool", 1},
    [LF_GGUF_TEXT] = {"text", 0}, [LF_GGUF_ARRAY] = {"array", 0}, [LF_GGUF_U64] = {"u64", 8}, [LF_GGUF_I64] = {"i64", 8},
    [LF_GGUF_F64]  = {"f64", 8}};
/* clang-format on */

int lf__gguf_type_bytes(lf_gguf_type type) { return types[type].bytes; }

static uint64_t load(const uint8_t *p, int bytes)
{
    uint64_t n = 0;
    for (int i = bytes - 1; i >= 0; i--) n = n << 8 | p[i];
    return n;
}

/* ---- the pass over the header ---------------------------------------------------------------------------------------------------- */
typedef struct reader {
    const lf_file *file;
    size_t at;      /* next byte                                              */
    char what[160]; /* what is being read, for messages: key "a.b"            */
    size_t items;   /* texts and arrays seen in arrays                        */
    char *names;    /* where the next key or name is copied to                */
    size_t names_left;
    lf_error *err;
} reader;

static int bad(const reader *r, size_t at, const char *format, ...) LF_PRINTF(3, 4);
static int bad(const reader *r, size_t at, const char *format, ...)
{
    char text[384];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return lf_error_set(r->err, LF_E_FORMAT, "%s: byte %zu: %s%s%s", r->file->path, at, r->what, *r->what ? ": " : "", text);
}

static size_t left(const reader *r) { return r->file->map.size - r->at; }

static int take(reader *r, int bytes, uint64_t *out)
{
    *out = 0;
    if (left(r) < (size_t)bytes) return bad(r, r->at, "the file ends here");
    *out = load(r->file->map.data + r->at, bytes);
    r->at += (size_t)bytes;
    return 0;
}

static int take_text(reader *r, const uint8_t **text, uint64_t *n)
{
    if (take(r, 8, n)) return -1;
    if (*n > left(r)) return bad(r, r->at - 8, "a text of %" PRIu64 " bytes, but only %zu follow", *n, left(r));
    *text = r->file->map.data + r->at;
    r->at += (size_t)*n;
    return 0;
}

/* A key or name, copied with a NUL behind it. Printable UTF-8 only: it will be shown. */
static int take_name(reader *r, const char *kind, const char **out)
{
    const uint8_t *text;
    uint64_t n;
    size_t at = r->at;
    if (take_text(r, &text, &n)) return -1;
    if (n == 0 || n > NAME_MAX_BYTES) return bad(r, at, "a %s of %" PRIu64 " bytes, expected 1 to %d", kind, n, NAME_MAX_BYTES);
    for (const char *p = (const char *)text, *end = p + n; p < end;) {
        int32_t c;
        p += lf__utf8_decode(p, end, &c);
        if (c < 32 || c == 127) return bad(r, at, "a %s that is not printable UTF-8", kind);
    }
    if (n >= r->names_left) return bad(r, at, "keys and names of more than %d bytes", NAMES_MAX);
    memcpy(r->names, text, (size_t)n);
    r->names[n] = '\0';
    *out = r->names;
    snprintf(r->what, sizeof r->what, "%s \"%.120s\"", kind, r->names);
    r->names += n + 1, r->names_left -= (size_t)n + 1;
    return 0;
}

static int take_type(reader *r, lf_gguf_type *out)
{
    uint64_t type;
    *out = LF_GGUF_U8;
    if (take(r, 4, &type)) return -1;
    if (type >= LF_GGUF_TYPES) return bad(r, r->at - 4, "unknown value type %" PRIu64, type);
    *out = (lf_gguf_type)type;
    return 0;
}

static int take_value(reader *r, lf_gguf_type type, int depth, lf_gguf_value *v);

/* Numbers are skipped at once, there may be billions; texts and arrays are visited one by one. */
static int take_array(reader *r, int depth, lf_gguf_value *v)
{
    size_t at = r->at;
    if (depth >= DEPTH_MAX) return bad(r, at, "arrays nested more than %d deep", DEPTH_MAX);
    if (take_type(r, &v->items) || take(r, 8, &v->count)) return -1;
    v->data = r->file->map.data + r->at;
    int item = types[v->items].bytes, smallest = item ? item : v->items == LF_GGUF_TEXT ? 8 : 12;
    if (v->count > left(r) / (size_t)smallest)
        return bad(r, at, "an array of %" PRIu64 " items of type %s, but only %zu bytes follow", v->count, types[v->items].name, left(r));
    if (item) {
        r->at += (size_t)v->count * (size_t)item;
        return 0;
    }
    if (v->count > ITEMS_MAX - r->items) return bad(r, at, "more than %d texts and arrays in arrays", ITEMS_MAX);
    r->items += (size_t)v->count;
    for (uint64_t i = 0; i < v->count; i++) {
        lf_gguf_value inner;
        if (take_value(r, v->items, depth + 1, &inner)) return -1;
    }
    return 0;
}

static int take_value(reader *r, lf_gguf_type type, int depth, lf_gguf_value *v)
{
    *v = (lf_gguf_value){.type = type, .items = type, .count = 1, .data = r->file->map.data + r->at};
    if (type == LF_GGUF_TEXT) return take_text(r, &v->data, &v->count);
    if (type == LF_GGUF_ARRAY) return take_array(r, depth, v);
    uint64_t skipped;
    return take(r, types[type].bytes, &skipped);
}

static int take_pair(reader *r, lf_gguf_pair *pair)
{
    lf_gguf_type type;
    r->what[0] = '\0';
    return take_name(r, "key", &pair->key) || take_type(r, &type) || take_value(r, type, 0, &pair->value) ? -1 : 0;
}

/* data is left as an offset from the beginning of the data, which is not known yet. */
static int take_info(reader *r, lf_file_tensor *t, uint64_t *offset)
{
    uint64_t n_dims, side, number;
    size_t count;
    r->what[0] = '\0';
    if (take_name(r, "tensor", &t->name) || take(r, 4, &n_dims)) return -1;
    if (n_dims > DIMS_MAX) return bad(r, r->at - 4, "%" PRIu64 " dimensions, at most %d are allowed", n_dims, DIMS_MAX);
    t->n_dims = (int)n_dims;
    for (int d = t->n_dims - 1; d >= 0; d--) {
        if (take(r, 8, &side)) return -1;
        if (side > INT64_MAX) return bad(r, r->at - 8, "a side of %" PRIu64, side);
        t->shape[d] = (int64_t)side;
    }
    if (take(r, 4, &number)) return -1;
    int type = lf__dtype_find_ggml((uint32_t)number);
    if (type < 0)
        return lf_error_set(r->err, LF_E_UNSUPPORTED, "%s: byte %zu: %s: unknown quantization type %" PRIu64, r->file->path, r->at - 4,
                            r->what, number);
    t->dtype = (lf_dtype)type, t->file = r->file;
    int block = lf__dtype(t->dtype)->block;
    if (block > 1 && (t->n_dims == 0 || t->shape[t->n_dims - 1] % block != 0))
        return bad(r, r->at - 4, "rows of %" PRId64 " elements, but %s comes in blocks of %d", t->n_dims ? t->shape[t->n_dims - 1] : 1,
                   lf__dtype(t->dtype)->name, block);
    if (!lf__shape_count(&count, t->shape, t->n_dims) || !lf__dtype_size(&t->bytes, t->dtype, count) || t->bytes > r->file->map.size)
        return bad(r, r->at - 4, "its sides make it larger than the file of %zu bytes", r->file->map.size);
    return take(r, 8, offset);
}

/* ---- order ------------------------------------------------------------------------------------------------------------------------ */
static int by_key(const void *a, const void *b) { return strcmp(((const lf_gguf_pair *)a)->key, ((const lf_gguf_pair *)b)->key); }
/* In order of place, every tensor begins at the first multiple of the alignment behind the one before, and the last ends the file (its
 * padding may be there or not). */
static int check_places(reader *r, const lf_gguf *g, size_t data_at)
{
    size_t at = data_at, size = r->file->map.size;
    for (size_t i = 0; i < g->n; i++) {
        const lf_file_tensor *t = &g->tensors[i];
        size_t begin = (size_t)(t->data - r->file->map.data), expected = lf__round_up(at, g->alignment);
        snprintf(r->what, sizeof r->what, "tensor \"%.120s\"", t->name);
        if (begin != expected)
            return bad(r, begin, "begins here, expected at byte %zu: %s", expected,
                       begin > expected ? "a hole" : "it overlaps the tensor before it");
        if (t->bytes > size - begin)
            return bad(r, begin, "%zu bytes are declared, %zu follow: the file is cut off", t->bytes, size - begin);
        at = begin + t->bytes;
    }
    r->what[0] = '\0';
    if (size > at && size > lf__round_up(at, g->alignment)) return bad(r, at, "%zu bytes that belong to no tensor follow", size - at);
    return 0;
}

static int read_alignment(const reader *r, lf_gguf *g)
{
    int64_t alignment = 32;
    if (lf__gguf_get_int(g, "general.alignment", 1, ALIGNMENT_MAX, &alignment, r->err)) return -1;
    if (alignment & (alignment - 1))
        return lf_error_set(r->err, LF_E_FORMAT, "%s: key \"general.alignment\": %" PRId64 " is not a power of two", r->file->path,
                            alignment);
    g->alignment = (size_t)alignment;
    return 0;
}

static int read_infos(reader *r, lf_gguf *g, size_t n)
{
    size_t size = r->file->map.size;
    uint64_t *offsets = lf__calloc(n, sizeof *offsets, r->err);
    if (!offsets) return -1;
    int status = 0;
    for (; g->n < n && !status; g->n++) status = take_info(r, &g->tensors[g->n], &offsets[g->n]);
    size_t data_at = lf__round_up(r->at, g->alignment);
    for (size_t i = 0; i < n && !status; i++) {
        size_t begin;
        if (offsets[i] > size || !lf__add_size(&begin, data_at, (size_t)offsets[i]) || begin > size) {
            snprintf(r->what, sizeof r->what, "tensor \"%.120s\"", g->tensors[i].name);
            status = bad(r, data_at, "offset %" PRIu64 " from here lies outside the file of %zu bytes: it is cut off", offsets[i], size);
        } else {
            g->tensors[i].data = r->file->map.data + begin;
        }
    }
    free(offsets);
    if (status) return -1;
    lf__tensors_sort_by_place(g->tensors, n);
    return check_places(r, g, n ? data_at : r->at);
}

static int read_header(reader *r, lf_gguf *g)
{
    uint64_t magic, version, n_tensors, n_pairs;
    if (take(r, 4, &magic)) return -1;
    if (magic != 0x46554747) return bad(r, 0, "not a GGUF file: it does not begin with \"GGUF\"");
    if (take(r, 4, &version)) return -1;
    if (version != 2 && version != 3)
        return lf_error_set(r->err, LF_E_UNSUPPORTED,
                            "%s: byte 4: GGUF version %" PRIu64 "%s; versions 2 and 3, little-endian, can be read", r->file->path, version,
                            version & 0xffffff ? "" : " (it is big-endian)");
    g->version = (uint32_t)version;
    if (take(r, 8, &n_tensors) || take(r, 8, &n_pairs)) return -1;
    if (n_tensors > TENSORS_MAX || n_tensors > left(r) / INFO_MIN)
        return bad(r, 8, "%" PRIu64 " tensors, at most %zu are possible", n_tensors, LF_MIN((size_t)TENSORS_MAX, left(r) / INFO_MIN));
    if (n_pairs > PAIRS_MAX || n_pairs > left(r) / PAIR_MIN)
        return bad(r, 16, "%" PRIu64 " keys, at most %zu are possible", n_pairs, LF_MIN((size_t)PAIRS_MAX, left(r) / PAIR_MIN));
    /* Keys and names cannot be longer than the file; a place for the NUL of each is in their length fields. */
    r->names_left = LF_MIN(left(r), (size_t)NAMES_MAX) + 1;
    g->pairs = lf__calloc((size_t)n_pairs, sizeof *g->pairs, r->err);
    g->tensors = lf__calloc((size_t)n_tensors, sizeof *g->tensors, r->err);
    g->names = r->names = malloc(r->names_left);
    if (!g->pairs || !g->tensors || !g->names) return lf_error_set(r->err, LF_E_MEMORY, "%s: out of memory for its header", r->file->path);
    for (; g->n_pairs < n_pairs; g->n_pairs++)
        if (take_pair(r, &g->pairs[g->n_pairs])) return -1;
    if (n_pairs) qsort(g->pairs, g->n_pairs, sizeof *g->pairs, by_key);
    r->what[0] = '\0';
    for (size_t i = 1; i < g->n_pairs; i++)
        if (strcmp(g->pairs[i - 1].key, g->pairs[i].key) == 0) return bad(r, 24, "the key \"%.128s\" is there twice", g->pairs[i].key);
    if (read_alignment(r, g) || read_infos(r, g, (size_t)n_tensors)) return -1;
    const char *twice = lf__tensors_sort(g->tensors, g->n);
    if (twice) return bad(r, r->at, "the tensor \"%.128s\" is there twice", twice);
    return 0;
}

int lf__gguf_open(lf_gguf *g, const char *path, lf_error *err)
{
    *g = (lf_gguf){0};
    if (!(g->file = lf__file_open(path, err))) return -1;
    reader r = {.file = g->file, .err = err};
    if (read_header(&r, g) == 0) return 0;
    if (err && !err->hint[0] && err->code == LF_E_FORMAT) lf_error_hint(err, "the file is not as it was written: fetch or copy it again");
    lf__gguf_close(g);
    return -1;
}

void lf__gguf_close(lf_gguf *g)
{
    free(g->pairs);
    free(g->tensors);
    free(g->names);
    lf__file_close(&g->file);
    *g = (lf_gguf){0};
}

/* ---- values ------------------------------------------------------------------------------------------------------------------------ */
const lf_gguf_value *lf__gguf_find(const lf_gguf *g, const char *key)
{
    lf_gguf_pair wanted = {.key = key};
    const lf_gguf_pair *found = g->n_pairs ? bsearch(&wanted, g->pairs, g->n_pairs, sizeof wanted, by_key) : NULL;
    return found ? &found->value : NULL;
}

bool lf__gguf_as_int(const lf_gguf_value *v, int64_t *out)
{
    uint64_t n = v->type == LF_GGUF_TEXT || v->type == LF_GGUF_ARRAY ? 0 : load(v->data, types[v->type].bytes);
    switch (v->type) {
    case LF_GGUF_U8:
    case LF_GGUF_U16:
    case LF_GGUF_U32: *out = (int64_t)n; return true;
    case LF_GGUF_BOOL: *out = n != 0; return true;
    case LF_GGUF_I8: *out = (int8_t)n; return true;
    case LF_GGUF_I16: *out = (int16_t)n; return true;
    case LF_GGUF_I32: *out = (int32_t)n; return true;
    case LF_GGUF_I64: *out = (int64_t)n; return true;
    case LF_GGUF_U64: *out = (int64_t)n; return n <= INT64_MAX;
    default: return false;
    }
}

bool lf__gguf_as_double(const lf_gguf_value *v, double *out)
{
    int64_t n;
    float f;
    if (v->type == LF_GGUF_F32) {
        memcpy(&f, v->data, sizeof f);
        *out = (double)f;
    } else if (v->type == LF_GGUF_F64) {
        memcpy(out, v->data, sizeof *out);
    } else if (lf__gguf_as_int(v, &n)) {
        *out = (double)n;
    } else {
        return false;
    }
    return true;
}

static int wrong(const lf_gguf *g, const char *key, const lf_gguf_value *v, const char *expected, lf_error *err)
{
    bool array = v->type == LF_GGUF_ARRAY;
    return lf_error_set(err, LF_E_FORMAT, "%s: byte %zu: key \"%.128s\": expected %s, got %s%s", g->file->path,
                        (size_t)(v->data - g->file->map.data), key, expected, array ? "an array of type " : "type ", types[v->items].name);
}

int lf__gguf_get_int(const lf_gguf *g, const char *key, int64_t lo, int64_t hi, int64_t *out, lf_error *err)
{
    int64_t n;
    const lf_gguf_value *v = lf__gguf_find(g, key);
    if (!v) return 0;
    if (v->type == LF_GGUF_BOOL || !lf__gguf_as_int(v, &n)) return wrong(g, key, v, "a whole number", err);
    if (n < lo || n > hi)
        return lf_error_set(err, LF_E_FORMAT, "%s: byte %zu: key \"%.128s\": %" PRId64 " is not in %" PRId64 " to %" PRId64, g->file->path,
                            (size_t)(v->data - g->file->map.data), key, n, lo, hi);
    *out = n;
    return 0;
}

int lf__gguf_get_double(const lf_gguf *g, const char *key, double lo, double hi, double *out, lf_error *err)
{
    double x;
    const lf_gguf_value *v = lf__gguf_find(g, key);
    if (!v) return 0;
    if (v->type == LF_GGUF_BOOL || !lf__gguf_as_double(v, &x)) return wrong(g, key, v, "a number", err);
    if (!(x >= lo && x <= hi))
        return lf_error_set(err, LF_E_FORMAT, "%s: byte %zu: key \"%.128s\": %g is not in %g to %g", g->file->path,
                            (size_t)(v->data - g->file->map.data), key, x, lo, hi);
    *out = x;
    return 0;
}

int lf__gguf_get_bool(const lf_gguf *g, const char *key, bool *out, lf_error *err)
{
    const lf_gguf_value *v = lf__gguf_find(g, key);
    if (v && v->type != LF_GGUF_BOOL) return wrong(g, key, v, "a bool", err);
    if (v) *out = *v->data != 0;
    return 0;
}

int lf__gguf_get_text(const lf_gguf *g, const char *key, const char **text, size_t *n, lf_error *err)
{
    const lf_gguf_value *v = lf__gguf_find(g, key);
    if (v && v->type != LF_GGUF_TEXT) return wrong(g, key, v, "a text", err);
    if (v) *text = (const char *)v->data, *n = (size_t)v->count;
    return 0;
}

int lf__gguf_get_array(const lf_gguf *g, const char *key, lf_gguf_type items, lf_gguf_value *out, lf_error *err)
{
    char expected[64];
    const lf_gguf_value *v = lf__gguf_find(g, key);
    snprintf(expected, sizeof expected, "an array of type %s", types[items].name);
    if (v && (v->type != LF_GGUF_ARRAY || v->items != items)) return wrong(g, key, v, expected, err);
    if (v) *out = *v;
    return 0;
}

const uint8_t *lf__gguf_end(const lf_gguf_value *v)
{
    if (v->type == LF_GGUF_TEXT) return v->data + v->count;
    if (v->type != LF_GGUF_ARRAY) return v->data + types[v->type].bytes;
    if (types[v->items].bytes) return v->data + v->count * (uint64_t)types[v->items].bytes;
    lf_gguf_cursor inner = {0};
    const uint8_t *end = v->data;
    for (lf_gguf_value item; lf__gguf_next(v, &inner, &item);) end = inner.next;
    return end;
}

bool lf__gguf_next(const lf_gguf_value *array, lf_gguf_cursor *at, lf_gguf_value *item)
{
    if (array->type != LF_GGUF_ARRAY || at->index >= array->count) return false;
    const uint8_t *p = at->next ? at->next : array->data;
    *item = (lf_gguf_value){.type = array->items, .items = array->items, .count = 1, .data = p};
    if (item->type == LF_GGUF_TEXT) item->count = load(p, 8), item->data = p + 8;
    if (item->type == LF_GGUF_ARRAY) item->items = (lf_gguf_type)load(p, 4), item->count = load(p + 4, 8), item->data = p + 12;
    at->index++;
    at->next = lf__gguf_end(item);
    return true;
}
