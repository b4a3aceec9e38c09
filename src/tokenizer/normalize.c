/* normalize.c - normalizer steps: what a text becomes before it is cut into words. One row of lf__normalizers each; the names and fields
 * are those of Hugging Face's tokenizer.json. Pure functions of a step and a text, safe from any thread. */
#include "tokenizer/sp.h"

#include <jansson.h>
#include <string.h>

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

/* ---- Replace: every occurrence of a text ------------------------------------------------------------------------------------------- */

int lf__replace_read(lf_step *s, const json_t *object, lf_error *err)
{
    const json_t *pattern = json_object_get(object, "pattern");
    if (json_object_get(pattern, "Regex")) return lf_error_set(err, LF_E_UNSUPPORTED, "pattern: Regex is not supported");
    if (lf__step_read_text(&s->text, pattern, "String", err) || lf__step_read_text(&s->with, object, "content", err)) return -1;
    return s->text[0] ? 0 : lf_error_set(err, LF_E_FORMAT, "pattern.String is empty: expected at least one character");
}

void lf__replace_write(const lf_step *s, lf_buf *out)
{
    lf__buf_puts(out, ", \"pattern\": {\"String\": ");
    lf__buf_json_string(out, s->text, strlen(s->text));
    lf__buf_puts(out, "}");
    lf__step_write_text(out, "content", s->with);
}

int lf__replace(const lf_step *s, lf_buf *out, const char *text, size_t n, lf_error *err)
{
    LF_UNUSED(err);
    size_t length = strlen(s->text);
    for (const char *p = text, *end = text + n, *hit;; p = hit + length) {
        hit = memmem(p, (size_t)(end - p), s->text, length);
        lf__buf_add(out, p, (size_t)((hit ? hit : end) - p));
        if (!hit) return 0;
        lf__buf_puts(out, s->with);
    }
}

static size_t replace_growth(const lf_step *s)
{
    size_t from = strlen(s->text), to = strlen(s->with);
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
        bool space = lf__class_of(cp) == LF_CLASS_SPACE;
        if (space && !solid && s->a) from = at;
        if (!space || !s->b) to = at;
        solid |= !space;
    }
    if (to > from) lf__buf_add(out, text + from, to - from);
    return 0;
}

const lf_step_kind lf__normalizers[] = {
    {.type = "Prepend", .read = prepend_read, .write = prepend_write, .growth = prepend_growth, .map = prepend},
    {.type = "Replace", .read = lf__replace_read, .write = lf__replace_write, .growth = replace_growth, .map = lf__replace},
    {.type = "Strip", .read = strip_read, .write = strip_write, .map = strip},
    {.type = "SentencePiece",
     .read = lf__sp_step_read,
     .write_as = lf__sp_step_write,
     .release = lf__sp_step_release,
     .growth = lf__sp_step_growth,
     .map = lf__sp_step},
    {0},
};
