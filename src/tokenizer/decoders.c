/* decoders.c - decoder steps: what the tokens of a vocabulary are inside a text. One row of lf__decoders each; the names and fields are
 * those of Hugging Face's tokenizer.json. They work on one token at a time, once, at seal: decoding then copies bytes, and a stream of
 * tokens reads like the whole. What a decoder does to the ends of a text is a number (strip_left, strip_right).
 *
 * Unlike there, bytes that are no character stay what they are instead of becoming U+FFFD, so any text comes back. */
#include "tokenizer/tokenizer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int hex(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

int lf__byte_piece(const char *bytes, size_t n)
{
    int hi = n == 6 ? hex(bytes[3]) : -1, lo = n == 6 ? hex(bytes[4]) : -1;
    return hi >= 0 && lo >= 0 && memcmp(bytes, "<0x", 3) == 0 && bytes[5] == '>' ? hi << 4 | lo : -1;
}

static int byte_fallback(const lf_step *s, lf_buf *out, const char *bytes, size_t n, lf_error *err)
{
    LF_UNUSED(s), LF_UNUSED(err);
    int value = lf__byte_piece(bytes, n);
    uint8_t byte = (uint8_t)value;
    if (value >= 0)
        lf__buf_add(out, &byte, 1);
    else
        lf__buf_add(out, bytes, n);
    return 0;
}

/* Strip: up to `start` times the character `content` from the left of every token, and up to `stop` from the right. */
static int strip_read(lf_step *s, const json_t *object, lf_error *err)
{
    const json_t *start = json_object_get(object, "start"), *stop = json_object_get(object, "stop");
    if (lf__step_read_text(&s->text, object, "content", err)) return -1;
    if (!s->text[0] || !json_is_integer(start) || !json_is_integer(stop) || json_integer_value(start) < 0 || json_integer_value(stop) < 0 ||
        json_integer_value(start) > 1000 || json_integer_value(stop) > 1000)
        return lf_error_set(err, LF_E_FORMAT, "Strip: expected a character as content, and start and stop from 0 to 1,000");
    s->a = (int)json_integer_value(start), s->b = (int)json_integer_value(stop);
    return 0;
}

static void strip_write(const lf_step *s, lf_buf *out)
{
    lf__step_write_text(out, "content", s->text);
    lf__buf_printf(out, ", \"start\": %d, \"stop\": %d", s->a, s->b);
}

static int strip(const lf_step *s, lf_buf *out, const char *bytes, size_t n, lf_error *err)
{
    size_t length = strlen(s->text);
    LF_UNUSED(err);
    for (int i = 0; i < s->a && n >= length && memcmp(bytes, s->text, length) == 0; i++) bytes += length, n -= length;
    for (int i = 0; i < s->b && n >= length && memcmp(bytes + n - length, s->text, length) == 0; i++) n -= length;
    lf__buf_add(out, bytes, n);
    return 0;
}

static int metaspace_read(lf_step *s, const json_t *object, lf_error *err)
{
    if (lf__metaspace_read(s, object, err)) return -1;
    s->with = lf__strdup(" ", err);
    return s->with ? 0 : -1;
}

static void byte_level_write(const lf_step *s, lf_buf *out)
{
    LF_UNUSED(s);
    lf__buf_puts(out, ", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": true");
}

const lf_step_kind lf__decoders[] = {
    {.type = "ByteLevel", .write = byte_level_write}, /* tokens of a byte-level vocabulary are bytes already */
    {.type = "Replace", .read = lf__replace_read, .write = lf__replace_write, .map = lf__replace},
    {.type = "ByteFallback", .map = byte_fallback},
    {.type = "Metaspace", .read = metaspace_read, .write = lf__metaspace_write, .map = lf__replace},
    {.type = "Strip", .read = strip_read, .write = strip_write, .map = strip},
    {.type = "Fuse"},
    {0},
};

/* ---- seal ------------------------------------------------------------------------------------------------------------------------ */

/* Steps behind Fuse see the whole text: Strip becomes a number, and nothing else there may look further than a token. */
static int whole_text(lf_tokenizer *t, lf_steps *each, lf_error *err)
{
    bool fused = false;
    each->n = 0;
    for (size_t i = 0; i < t->decoder.n; i++) {
        const lf_step *s = &t->decoder.v[i];
        const char *type = s->kind->type;
        int32_t cp;
        if (strcmp(type, "Fuse") == 0) {
            fused = true;
        } else if (fused && strcmp(type, "Strip") == 0) {
            if (strcmp(s->text, " ") != 0)
                return lf_error_set(err, LF_E_UNSUPPORTED, "decoder: Strip of \"%.20s\" after Fuse is not supported: expected a space",
                                    s->text);
            t->strip_left += s->a, t->strip_right += s->b;
        } else if (s->kind->map) {
            if (fused && s->text && (size_t)lf__utf8_decode(s->text, s->text + strlen(s->text), &cp) != strlen(s->text))
                return lf_error_set(err, LF_E_UNSUPPORTED, "decoder: %s of more than one character after Fuse is not supported", type);
            each->v[each->n++] = *s;
            t->strip_left += strcmp(type, "Metaspace") == 0 && s->a != LF_PREPEND_NEVER;
        }
    }
    return 0;
}

int lf__decoder_seal(lf_tokenizer *t, lf_error *err)
{
    lf_steps each; /* borrows the steps */
    lf_buf a, b, all;
    if (whole_text(t, &each, err)) return -1;
    if (each.n == 0) return 0;
    t->shown_start = lf__calloc(t->n + 1u, sizeof *t->shown_start, err);
    if (!t->shown_start) return -1;
    lf__buf_init(&a, LF_TOK_MAX_FILE);
    lf__buf_init(&b, LF_TOK_MAX_FILE);
    lf__buf_init(&all, UINT32_MAX);
    int failed = 0;
    for (uint32_t id = 0; id < t->n && !failed; id++) {
        size_t n;
        const char *bytes = lf__token_bytes(t, id, &n);
        bool plain = t->kind[id] == LF_TOKEN_NORMAL || t->kind[id] == LF_TOKEN_BYTE || (t->model->finds_users && !lf__is_special(t, id));
        if (plain) failed = lf__steps_map(&each, &a, &b, &bytes, &n, err);
        if (!failed && lf__buf_add(&all, bytes, n))
            failed = lf_error_set(err, LF_E_LIMIT, "the tokens' decoded bytes exceed 4 GiB, or memory ran out");
        t->shown_start[id + 1] = (uint32_t)all.len;
    }
    t->shown = all.data;
    lf__buf_release(&a);
    lf__buf_release(&b);
    return failed ? -1 : 0;
}
