/* sp_model.c - SentencePiece's .model files, in and out: a Protocol Buffers message, ModelProto, of which the wire format and the fields
 * that change ids are written here. Not the meaning of the fields (sp_normalize.c, sp_bpe.c, sp_unigram.c).
 *
 *   message = (key, value)*    key = varint number << 3 | wire    wire 0: varint   1: 8 bytes   2: varint length, bytes   5: 4 bytes
 *
 * The file is hostile: every length is compared with the bytes that remain, nothing nests deeper than the two levels below, errors name the
 * byte. Unknown fields are passed over, as Protocol Buffers asks. Borrows the bytes while parsing; thread-safe. */
#include "tokenizer/loader.h"
#include "tokenizer/sp.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_MODEL = 32 << 20 }; /* bytes of a .model: the largest in use have 5 MB */
enum { VARINT, EIGHT, BYTES, FOUR = 5 };
enum { UNIGRAM = 1, BPE, WORD, CHAR };

/* ---- the fields ---------------------------------------------------------------------------------------------------------------------- */

typedef struct slice {
    const char *bytes; /* NULL: the field is not there */
    size_t n, at;      /* at: its first byte's offset in the file */
} slice;

/* The two specifications, as far as they change ids. Numbers are as on the wire: a negative one is its two's complement in 64 bits. */
typedef struct spec {
    uint64_t model_type, vocab_size, space_suffix, byte_fallback, unk_id, bos_id, eos_id, pad_id;
    slice unk_surface, unk_piece, bos_piece, eos_piece, pad_piece;
    slice map_name, map;
    uint64_t dummy_prefix, squeeze_spaces, escape_spaces;
} spec;

typedef struct field_row {
    uint32_t number;
    int wire;
    size_t offset; /* in spec */
} field_row;
static const field_row trainer_fields[] = {{3, VARINT, offsetof(spec, model_type)},    {4, VARINT, offsetof(spec, vocab_size)},
                                           {24, VARINT, offsetof(spec, space_suffix)}, {35, VARINT, offsetof(spec, byte_fallback)},
                                           {40, VARINT, offsetof(spec, unk_id)},       {41, VARINT, offsetof(spec, bos_id)},
                                           {42, VARINT, offsetof(spec, eos_id)},       {43, VARINT, offsetof(spec, pad_id)},
                                           {44, BYTES, offsetof(spec, unk_surface)},   {45, BYTES, offsetof(spec, unk_piece)},
                                           {46, BYTES, offsetof(spec, bos_piece)},     {47, BYTES, offsetof(spec, eos_piece)},
                                           {48, BYTES, offsetof(spec, pad_piece)},     {0, 0, 0}};
static const field_row normalizer_fields[] = {{1, BYTES, offsetof(spec, map_name)},       {2, BYTES, offsetof(spec, map)},
                                              {3, VARINT, offsetof(spec, dummy_prefix)},  {4, VARINT, offsetof(spec, squeeze_spaces)},
                                              {5, VARINT, offsetof(spec, escape_spaces)}, {0, 0, 0}};
enum { PIECES = 1, TRAINER, NORMALIZER, SELF_TEST, DENORMALIZER }; /* ModelProto  */
enum { PIECE_TEXT = 1, PIECE_SCORE, PIECE_TYPE };                  /* its pieces  */

#define TEXT(literal)                                                                                                                      \
    {                                                                                                                                      \
        literal, sizeof(literal) - 1, 0                                                                                                    \
    }
static const spec defaults = {.model_type = UNIGRAM,
                              .vocab_size = 8000,
                              .bos_id = 1,
                              .eos_id = 2,
                              .pad_id = UINT64_MAX,
                              .unk_surface = TEXT(" \xE2\x81\x87 "),
                              .unk_piece = TEXT("<unk>"),
                              .bos_piece = TEXT("<s>"),
                              .eos_piece = TEXT("</s>"),
                              .pad_piece = TEXT("<pad>"),
                              .map_name = TEXT(""),
                              .map = TEXT(""),
                              .dummy_prefix = 1,
                              .squeeze_spaces = 1,
                              .escape_spaces = 1};

/* ---- reading the wire ---------------------------------------------------------------------------------------------------- */

typedef struct cursor {
    const uint8_t *file, *at, *end;
    const char *name;
    lf_error *err;
} cursor;

typedef struct field {
    uint32_t number;
    int wire;
    uint64_t value; /* VARINT, EIGHT, FOUR */
    slice bytes;    /* BYTES               */
    size_t at;      /* offset of its key   */
} field;

static int varint(cursor *c, uint64_t *value)
{
    size_t from = (size_t)(c->at - c->file);
    *value = 0;
    for (int shift = 0; shift < 70 && c->at < c->end; shift += 7) {
        uint8_t byte = *c->at++;
        if (shift < 64) *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) return 0;
    }
    return lf_error_set(c->err, LF_E_FORMAT, "%s: byte %zu: a varint does not end within %s", c->name, from,
                        c->at == c->end ? "its message" : "10 bytes");
}

/* The next field: 1, 0 at the end of the message, -1. */
static int next_field(cursor *c, field *f)
{
    uint64_t key, n;
    if (c->at == c->end) return 0;
    *f = (field){.at = (size_t)(c->at - c->file)};
    if (varint(c, &key)) return -1;
    f->wire = (int)(key & 7), f->number = (uint32_t)(key >> 3);
    size_t left = (size_t)(c->end - c->at), fixed = f->wire == EIGHT ? 8 : f->wire == FOUR ? 4 : 0;
    if (key >> 3 == 0 || key >> 3 >= 1u << 29 || f->wire == 3 || f->wire == 4 || f->wire > FOUR)
        return lf_error_set(c->err, LF_E_FORMAT, "%s: byte %zu: field %llu of wire type %d: this is not a SentencePiece model", c->name,
                            f->at, (unsigned long long)(key >> 3), f->wire);
    if (f->wire == VARINT) return varint(c, &f->value) ? -1 : 1;
    if (f->wire == BYTES) {
        if (varint(c, &n)) return -1;
        left = (size_t)(c->end - c->at);
        if (n > left)
            return lf_error_set(c->err, LF_E_FORMAT, "%s: byte %zu: field %u is said to have %llu bytes, but %zu remain", c->name, f->at,
                                f->number, (unsigned long long)n, left);
        f->bytes = (slice){(const char *)c->at, (size_t)n, (size_t)(c->at - c->file)};
        c->at += n;
        return 1;
    }
    if (fixed > left)
        return lf_error_set(c->err, LF_E_FORMAT, "%s: byte %zu: field %u has %zu bytes, but %zu remain", c->name, f->at, f->number, fixed,
                            left);
    for (size_t i = 0; i < fixed; i++) f->value |= (uint64_t)c->at[i] << 8 * i;
    c->at += fixed;
    return 1;
}

static int expect_wire(const cursor *c, const field *f, int wire)
{
    if (f->wire == wire) return 0;
    return lf_error_set(c->err, LF_E_FORMAT, "%s: byte %zu: field %u is of wire type %d: expected %d", c->name, f->at, f->number, f->wire,
                        wire);
}

static cursor inside(const cursor *c, slice bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.bytes;
    return (cursor){c->file, at, at + bytes.n, c->name, c->err};
}

static int read_spec(const cursor *outer, slice bytes, const field_row *rows, spec *out)
{
    cursor c = inside(outer, bytes);
    field f;
    int more;
    while ((more = next_field(&c, &f)) > 0) {
        const field_row *row = rows;
        while (row->number && row->number != f.number) row++;
        if (!row->number) continue;
        if (expect_wire(&c, &f, row->wire)) return -1;
        if (row->wire == VARINT)
            *(uint64_t *)((char *)out + row->offset) = f.value;
        else
            *(slice *)((char *)out + row->offset) = f.bytes;
    }
    return more;
}

static int read_piece(const cursor *outer, slice bytes, lf_tokenizer *t)
{
    cursor c = inside(outer, bytes);
    field f;
    slice text = {0};
    uint32_t bits = 0;
    uint64_t type = LF_TOKEN_NORMAL;
    float score;
    int more;
    while ((more = next_field(&c, &f)) > 0) {
        static const int wires[] = {[PIECE_TEXT] = BYTES, [PIECE_SCORE] = FOUR, [PIECE_TYPE] = VARINT};
        if (f.number > PIECE_TYPE) continue;
        if (expect_wire(&c, &f, wires[f.number])) return -1;
        if (f.number == PIECE_TEXT) text = f.bytes;
        if (f.number == PIECE_SCORE) bits = (uint32_t)f.value;
        if (f.number == PIECE_TYPE) type = f.value;
    }
    if (more < 0) return -1;
    if (type < LF_TOKEN_NORMAL || type > LF_TOKEN_BYTE)
        return lf_error_set(c.err, LF_E_FORMAT, "%s: byte %zu: piece %u is of type %llu: expected 1 (normal) to 6 (byte)", c.name, bytes.at,
                            t->n, (unsigned long long)type);
    memcpy(&score, &bits, sizeof score);
    if (lf__tokenizer_add(t, text.n ? text.bytes : "", text.n, (int)type, c.err)) return -1;
    return lf__tokenizer_score(t, t->n - 1, score, c.err);
}

/* ---- a tokenizer from it
 * ------------------------------------------------------------------------------------------------------------------ */

static int set_rules(lf_tokenizer *t, const spec *s, const char *name, lf_error *err)
{
    lf_sp_rules rules = {.dummy_prefix = s->dummy_prefix != 0,
                         .squeeze_spaces = s->squeeze_spaces != 0,
                         .escape_spaces = s->escape_spaces != 0,
                         .space_suffix = s->space_suffix != 0};
    char where[LF_PATH_MAX + 64];
    memcpy(rules.name, s->map_name.bytes, LF_MIN(s->map_name.n, sizeof rules.name - 1));
    snprintf(where, sizeof where, "%s: byte %zu: the normalization map", name, s->map.at);
    if (lf__charsmap_read(&rules.map, s->map.bytes, s->map.n, where, err)) return -1;
    return lf__sp_stages(t, &rules, err);
}

static void set_roles(lf_tokenizer *t, const spec *s)
{
    const struct {
        lf_role role;
        slice text;
    } roles[] = {{LF_ROLE_BOS, s->bos_piece}, {LF_ROLE_EOS, s->eos_piece}, {LF_ROLE_PAD, s->pad_piece}};
    for (size_t i = 0; i < LF_COUNT(roles); i++) {
        int32_t id = lf__tokenizer_find(t, roles[i].text.bytes, roles[i].text.n);
        t->role[roles[i].role] = id >= 0 && t->kind[id] == LF_TOKEN_CONTROL ? id : -1;
    }
    for (uint32_t id = 0; id < t->n; id++)
        if (t->kind[id] == LF_TOKEN_UNKNOWN) t->role[LF_ROLE_UNK] = (int32_t)id;
}

/* Everything but the seal. */
static int parse(lf_loader *l, const void *bytes, size_t n)
{
    cursor c = {bytes, bytes, (const uint8_t *)bytes + n, l->path, l->err};
    spec s = defaults, back = defaults;
    field f;
    int more;
    lf_tokenizer *t = l->t = lf__tokenizer_new(&lf__model_unigram, NULL, l->err);
    if (!t) return -1;
    while ((more = next_field(&c, &f)) > 0) {
        if (f.number > DENORMALIZER) continue;
        if (expect_wire(&c, &f, BYTES)) return -1;
        if (f.number == PIECES && read_piece(&c, f.bytes, t)) return -1;
        if (f.number == TRAINER && read_spec(&c, f.bytes, trainer_fields, &s)) return -1;
        if (f.number == NORMALIZER && read_spec(&c, f.bytes, normalizer_fields, &s)) return -1;
        if (f.number == DENORMALIZER && read_spec(&c, f.bytes, normalizer_fields, &back)) return -1;
    }
    if (more < 0) return -1;
    if (s.model_type != UNIGRAM && s.model_type != BPE)
        return lf_error_set(l->err, LF_E_UNSUPPORTED, "%s: model type %llu%s is not supported: expected 1 (unigram) or 2 (bpe)", l->path,
                            (unsigned long long)s.model_type,
                            s.model_type == WORD   ? " (word)"
                            : s.model_type == CHAR ? " (char)"
                                                   : "");
    if (back.map.n) return lf_error_set(l->err, LF_E_UNSUPPORTED, "%s: byte %zu: a denormalizer is not supported", l->path, back.map.at);
    if (s.model_type == BPE) t->model = &lf__model_sp_bpe;
    t->byte_fallback = s.byte_fallback != 0;
    t->fuse_unk = t->float_sums = true;
    set_roles(t, &s);
    return set_rules(t, &s, l->path, l->err);
}

lf_tokenizer *lf__sp_load(const char *path, lf_error *err)
{
    lf_loader l = {.path = path, .err = err};
    lf_map map;
    if (lf__map_open(&map, path, err)) return NULL;
    int failed = map.size > MAX_MODEL
                     ? lf_error_set(err, LF_E_LIMIT, "%s: %zu bytes are more than the %d MiB that a SentencePiece model may have", path,
                                    map.size, MAX_MODEL >> 20)
                     : lf__loader_config(&l, path);
    failed = failed || parse(&l, map.data, map.size);
    lf_tokenizer *t = lf__loader_finish(&l, failed);
    lf__map_close(&map);
    return t;
}

/* ---- writing
 * ------------------------------------------------------------------------------------------------------------------------------- */

static void put_varint(lf_buf *out, uint64_t value)
{
    uint8_t bytes[10];
    int n = 0;
    for (; value >= 0x80; value >>= 7) bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    lf__buf_add(out, bytes, (size_t)n);
}

static void put_key(lf_buf *out, uint32_t number, int wire) { put_varint(out, (uint64_t)number << 3 | (uint64_t)wire); }

static void put_bytes(lf_buf *out, uint32_t number, const char *bytes, size_t n)
{
    put_key(out, number, BYTES);
    put_varint(out, n);
    lf__buf_add(out, bytes, n);
}

static void put_spec(lf_buf *out, lf_buf *inner, uint32_t number, const field_row *rows, const spec *s)
{
    lf__buf_reset(inner);
    for (; rows->number; rows++) {
        if (rows->wire == VARINT) {
            put_key(inner, rows->number, VARINT);
            put_varint(inner, *(const uint64_t *)((const char *)s + rows->offset));
        } else {
            const slice *text = (const slice *)((const char *)s + rows->offset);
            put_bytes(inner, rows->number, text->bytes, text->n);
        }
    }
    put_bytes(out, number, inner->data, inner->len);
    out->failed |= inner->failed;
}

static void put_piece(lf_buf *out, lf_buf *inner, const lf_tokenizer *t, uint32_t id)
{
    size_t n;
    const char *text = lf__token_bytes(t, id, &n);
    const float value = (float)t->score[id];
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint8_t score[4] = {(uint8_t)bits, (uint8_t)(bits >> 8), (uint8_t)(bits >> 16), (uint8_t)(bits >> 24)};
    lf__buf_reset(inner);
    put_bytes(inner, PIECE_TEXT, text, n);
    put_key(inner, PIECE_SCORE, FOUR);
    lf__buf_add(inner, score, sizeof score);
    if (t->kind[id] != LF_TOKEN_NORMAL) {
        put_key(inner, PIECE_TYPE, VARINT);
        put_varint(inner, t->kind[id]);
    }
    put_bytes(out, PIECES, inner->data, inner->len);
    out->failed |= inner->failed;
}

static void set_role(const lf_tokenizer *t, lf_role role, uint64_t *id, slice *text)
{
    *id = (uint64_t)(int64_t)t->role[role];
    if (t->role[role] >= 0) text->bytes = lf__token_bytes(t, (uint32_t)t->role[role], &text->n);
}

int lf__sp_save(const lf_tokenizer *t, const char *path, lf_error *err)
{
    const lf_sp_rules *rules = lf__sp_rules(t);
    if ((t->model != &lf__model_unigram && t->model != &lf__model_sp_bpe) || !rules || t->pre.n || t->split)
        return lf_error_set(err, LF_E_UNSUPPORTED,
                            "%s: a .model holds SentencePiece's bpe and unigram with its own normalizer, not \"%s\" %s", path,
                            t->model->name, rules ? "with a pre-tokenizer" : "with this normalizer");
    spec s = defaults;
    lf_buf out, inner, map;
    lf__buf_init(&out, MAX_MODEL);
    lf__buf_init(&inner, MAX_MODEL);
    lf__buf_init(&map, MAX_MODEL);
    s.model_type = t->model == &lf__model_unigram ? UNIGRAM : BPE;
    s.vocab_size = t->n;
    s.space_suffix = rules->space_suffix, s.byte_fallback = t->byte_fallback;
    s.dummy_prefix = rules->dummy_prefix, s.squeeze_spaces = rules->squeeze_spaces, s.escape_spaces = rules->escape_spaces;
    set_role(t, LF_ROLE_UNK, &s.unk_id, &s.unk_piece);
    set_role(t, LF_ROLE_BOS, &s.bos_id, &s.bos_piece);
    set_role(t, LF_ROLE_EOS, &s.eos_id, &s.eos_piece);
    set_role(t, LF_ROLE_PAD, &s.pad_id, &s.pad_piece);
    lf__charsmap_write(&map, &rules->map);
    s.map_name = (slice){rules->name, strlen(rules->name), 0};
    s.map = (slice){map.len ? map.data : "", map.len, 0};
    for (uint32_t id = 0; id < t->n; id++) put_piece(&out, &inner, t, id);
    put_spec(&out, &inner, TRAINER, trainer_fields, &s);
    put_spec(&out, &inner, NORMALIZER, normalizer_fields, &s);
    int failed = 0;
    if (out.failed || map.failed)
        failed = lf_error_set(err, LF_E_LIMIT, "%s: the file would exceed %d MiB, or memory ran out", path, MAX_MODEL >> 20);
    else
        failed = lf__write_file(path, out.data, out.len, err);
    lf__buf_release(&out);
    lf__buf_release(&inner);
    lf__buf_release(&map);
    return failed ? -1 : 0;
}
