/* normalize.c - normalizer steps: what a text becomes before it is cut into words. One row of lf__normalizers each; the names and fields
 * are those of Hugging Face's tokenizer.json. Pure functions of a step and a text, safe from any thread. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#ifdef LF_HAVE_UTF8PROC
#include <utf8proc.h>
#endif

#include "tokenizer/base64.h"
#include "tokenizer/regex.h"
#include "tokenizer/sp.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

/* ---- Prepend ---------------------------------------------------------------------------------------------------------------------- */

static int prepend_read(lf_step *s, const json_t *object, lf_error *err) { return lf__step_read_text(&s->text, object, "prepend", err); }
static void prepend_write(const lf_step *s, lf_buf *out) { lf__step_write_text(out, "prepend", s->text); }
static size_t prepend_growth(const lf_step *s) { return 1 + strlen(s->text); }
static int prepend(const lf_step *s, lf_buf *out, const char *text, size_t n, lf_error *err)
{
    LF_UNUSED(err);
    if (n) lf__buf_puts(out, s->text);
    lf__buf_add(out, text, n);
    return 0;
}

/* ---- Replace: every occurrence of a text, or every match of a regular expression
 * ---------------------------------------------------------- */

int lf__replace_read(lf_step *s, const json_t *object, lf_error *err)
{
    return lf__pattern_read(s, object, err) || lf__step_read_text(&s->with, object, "content", err) ? -1 : 0;
}

void lf__replace_write(const lf_step *s, lf_buf *out)
{
    lf__pattern_write(s, out);
    lf__step_write_text(out, "content", s->with);
}

static int replace_matches(const lf_step *s, lf_buf *out, const char *text, size_t n, lf_error *err)
{
    lf_matches m;
    size_t at = 0;
    int found;
    if (lf__matches_open(&m, s->data, text, n, err)) return -1;
    while ((found = lf__matches_next(&m, err)) == 1) {
        lf__buf_add(out, text + at, m.begin - at);
        lf__buf_puts(out, s->with);
        at = m.end;
    }
    lf__matches_close(&m);
    lf__buf_add(out, text + at, n - at);
    return found;
}

int lf__replace(const lf_step *s, lf_buf *out, const char *text, size_t n, lf_error *err)
{
    size_t length = strlen(s->text);
    if (s->c == LF_SPLIT_REGEX) return replace_matches(s, out, text, n, err);
    for (const char *p = text, *end = text + n, *hit;; p = hit + length) {
        hit = memmem(p, (size_t)(end - p), s->text, length);
        lf__buf_add(out, p, (size_t)((hit ? hit : end) - p));
        if (!hit) return 0;
        lf__buf_puts(out, s->with);
    }
}

static size_t replace_growth(const lf_step *s)
{
    size_t from = s->c == LF_SPLIT_REGEX ? 1 : strlen(s->text), to = strlen(s->with);
    if (s->c == LF_SPLIT_REGEX) return 2 * to + 1; /* a match may be empty, before, between and behind all bytes */
    return to > from ? (to + from - 1) / from : 1;
}

/* ---- Strip: white space at the ends -------------------------------------------------------------------------------------------------- */

static int strip_read(lf_step *s, const json_t *object, lf_error *err)
{
    const json_t *left = json_object_get(object, "strip_left"), *right = json_object_get(object, "strip_right");
    if (!json_is_boolean(left) || !json_is_boolean(right))
        return lf_error_set(err, LF_E_FORMAT, "strip_left, strip_right: expected true or false");
    s->a = json_is_true(left), s->b = json_is_true(right);
    return 0;
}

static void strip_write(const lf_step *s, lf_buf *out)
{
    lf__buf_printf(out, ", \"strip_left\": %s, \"strip_right\": %s", s->a ? "true" : "false", s->b ? "true" : "false");
}

static int strip(const lf_step *s, lf_buf *out, const char *text, size_t n, lf_error *err)
{
    size_t from = 0, to = 0;
    LF_UNUSED(err);
    bool solid = false; /* something that is not white space came already */
    for (size_t at = 0; at < n;) {
        int32_t cp;
        at += (size_t)lf__utf8_decode(text + at, text + n, &cp);
        bool space = lf__is_space(cp);
        if (space && !solid && s->a) from = at;
        if (!space || !s->b) to = at;
        solid |= !space;
    }
    if (to > from) lf__buf_add(out, text + from, to - from);
    return 0;
}

/* ---- NFC and the others ------------------------------------------------------------------------------------------------------------- */

#ifdef LF_HAVE_UTF8PROC
enum { NFC, NFD, NFKC, NFKD };

/* A character that the form leaves as it is whatever stands beside it. */
static bool plain(int form, int32_t cp)
{
    if (form == NFD || form == NFKD) return cp < 0x80;
    return cp < 0x300 ? form == NFC || cp < 0xA0 : lf__code_point(cp) & (form == NFC ? LF_CP_NFC_PLAIN : LF_CP_NFKC_PLAIN);
}

/* The first character that is not plain, n when all are; *before: where the character before it begins. */
static size_t next_odd(int form, const char *text, size_t at, size_t n, size_t *before)
{
    *before = at;
    while (at < n) {
        uint64_t eight;
        int32_t cp;
        while (n - at >= 8 && (memcpy(&eight, text + at, 8), !(eight & 0x8080808080808080u))) at += 8, *before = at - 1;
        if (at == n) break;
        int length = lf__utf8_decode(text + at, text + n, &cp);
        if (!plain(form, cp)) return at;
        *before = cp < 0 ? at + 1 : at; /* nothing joins with a byte that is not valid */
        at += (size_t)length;
    }
    return n;
}

static bool form_same(const lf_step *s, const char *text, size_t n)
{
    size_t before;
    return next_odd(s->kind->form, text, 0, n, &before) == n;
}

/* Text from a plain character (or the start) up to the next plain one changes without its neighbours. Bytes that are not valid stay, and
 * nothing joins across them. */
static int form_map(const lf_step *s, lf_buf *out, const char *text, size_t n, lf_error *err)
{
    static const utf8proc_option_t options[] = {UTF8PROC_STABLE | UTF8PROC_COMPOSE, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE,
                                                UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT,
                                                UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT};
    int form = s->kind->form;
    for (size_t at = 0, begin, end; at < n; at = end) {
        int32_t cp;
        size_t odd = next_odd(form, text, at, n, &begin);
        if (odd == n) begin = n;
        lf__buf_add(out, text + at, begin - at);
        for (end = odd; end < n; end += (size_t)lf__utf8_decode(text + end, text + n, &cp)) {
            lf__utf8_decode(text + end, text + n, &cp);
            if (cp < 0 || (plain(form, cp) && end > odd)) break;
        }
        if (end > begin) {
            utf8proc_uint8_t *mapped = NULL;
            utf8proc_ssize_t length =
                utf8proc_map((const utf8proc_uint8_t *)text + begin, (utf8proc_ssize_t)(end - begin), &mapped, options[form]);
            if (length < 0) return lf_error_set(err, LF_E_MEMORY, "%s: %s", s->kind->type, utf8proc_errmsg(length));
            lf__buf_add(out, mapped, (size_t)length);
            free(mapped);
        }
        if (end < n && lf__utf8_decode(text + end, text + n, &cp) && cp < 0) lf__buf_add(out, text + end++, 1);
    }
    return 0;
}

static size_t compose_growth(const lf_step *s) { return s->kind->form == NFKC || s->kind->form == NFKD ? 11 : 3; }

/* Each character for itself, as there: only U+0130 becomes two. */
static int lowercase(const lf_step *s, lf_buf *out, const char *text, size_t n, lf_error *err)
{
    LF_UNUSED(s), LF_UNUSED(err);
    for (size_t at = 0, length; at < n; at += length) {
        int32_t cp;
        char utf8[4];
        length = (size_t)lf__utf8_decode(text + at, text + n, &cp);
        if (cp == 0x130)
            lf__buf_add(out, "i\xCC\x87", 3);
        else if (cp < 0)
            lf__buf_add(out, text + at, length);
        else
            lf__buf_add(out, utf8, (size_t)lf__utf8_encode(utf8, utf8proc_tolower(cp)));
    }
    return 0;
}
static size_t lowercase_growth(const lf_step *s) { return LF_UNUSED(s), 2; }

#define FORM(name)                                                                                                                         \
    {                                                                                                                                      \
        .type = #name, .form = name, .growth = compose_growth, .same = form_same, .map = form_map                                          \
    }
#define LOWERCASE                                                                                                                          \
    {                                                                                                                                      \
        .type = "Lowercase", .growth = lowercase_growth, .map = lowercase                                                                  \
    }
#else
static int no_utf8proc(lf_step *s, lf_error *err)
{
    lf_error_set(err, LF_E_UNSUPPORTED, "normalizer %s needs utf8proc, which this build does not have", s->kind->type);
    return lf_error_hint(err, "install libutf8proc-dev and build again");
}
#define FORM(name)                                                                                                                         \
    {                                                                                                                                      \
        .type = #name, .seal = no_utf8proc                                                                                                 \
    }
#define LOWERCASE                                                                                                                          \
    {                                                                                                                                      \
        .type = "Lowercase", .seal = no_utf8proc                                                                                           \
    }
#endif

/* ---- Precompiled: SentencePiece's map of characters ---------------------------------------------------------------------------------- */

static int precompiled_read(lf_step *s, const json_t *object, lf_error *err)
{
    const json_t *text = json_object_get(object, "precompiled_charsmap");
    lf_buf blob;
    lf__buf_init(&blob, LF_TOK_MAX_FILE);
    lf_charsmap *map = s->data = lf__calloc(1, sizeof *map, err);
    int failed = !map;
    if (!failed && (!json_is_string(text) || lf__base64_read(&blob, json_string_value(text), json_string_length(text))))
        failed = lf_error_set(err, LF_E_FORMAT, "precompiled_charsmap: expected base64");
    failed = failed || lf__charsmap_read(map, blob.data, blob.len, "precompiled_charsmap", err);
    lf__buf_release(&blob);
    return failed;
}

static void precompiled_write(const lf_step *s, lf_buf *out)
{
    lf_buf blob;
    lf__buf_init(&blob, LF_TOK_MAX_FILE);
    lf__charsmap_write(&blob, s->data);
    lf__buf_puts(out, ", \"precompiled_charsmap\": \"");
    lf__base64_add(out, blob.data ? blob.data : "", blob.len);
    lf__buf_puts(out, "\"");
    out->failed |= blob.failed;
    lf__buf_release(&blob);
}

static void precompiled_release(lf_step *s)
{
    lf_charsmap *map = s->data;
    if (map) lf__charsmap_release(map);
    free(map);
    s->data = NULL;
}

static size_t precompiled_growth(const lf_step *s) { return lf__charsmap_growth(s->data, 1); }

static int precompiled(const lf_step *s, lf_buf *out, const char *text, size_t n, lf_error *err)
{
    LF_UNUSED(err);
    for (size_t at = 0; at < n;) {
        const char *to;
        size_t n_to;
        at += lf__charsmap_step(s->data, &to, &n_to, text + at, n - at);
        lf__buf_add(out, to, n_to);
    }
    return 0;
}

const lf_step_kind lf__normalizers[] = {
    {.type = "Precompiled",
     .read = precompiled_read,
     .write = precompiled_write,
     .release = precompiled_release,
     .growth = precompiled_growth,
     .map = precompiled},
    FORM(NFC),
    FORM(NFD),
    FORM(NFKC),
    FORM(NFKD),
    LOWERCASE,
    {.type = "Prepend", .read = prepend_read, .write = prepend_write, .growth = prepend_growth, .map = prepend},
    {.type = "Replace",
     .read = lf__replace_read,
     .seal = lf__pattern_seal,
     .release = lf__pattern_release,
     .write = lf__replace_write,
     .growth = replace_growth,
     .map = lf__replace},
    {.type = "Strip", .read = strip_read, .write = strip_write, .map = strip},
    {.type = "SentencePiece",
     .read = lf__sp_step_read,
     .write_as = lf__sp_step_write,
     .release = lf__sp_step_release,
     .growth = lf__sp_step_growth,
     .map = lf__sp_step},
    {0},
};
