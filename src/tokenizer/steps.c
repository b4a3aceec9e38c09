/* steps.c - the steps of normalizers, pre-tokenizers and decoders as data: lists of them, running them one after the other, writing them,
 * and what a decoder's steps make of each token. What a step does stands in its table: normalize.c, pretokenize.c, decoders.c.
 * Running touches only the caller's rooms. */
#include "tokenizer/regex.h"
#include "tokenizer/tokenizer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- pieces -------------------------------------------------------------------------------------------------------------------- */

void lf__pieces_reset(lf_pieces *p)
{
    lf__buf_reset(&p->text);
    p->n = 0;
}

void lf__pieces_release(lf_pieces *p)
{
    lf__buf_release(&p->text);
    free(p->end);
    *p = (lf_pieces){0};
}

int lf__pieces_add(lf_pieces *p, const char *text, size_t n, lf_error *err)
{
    if (n == 0) return 0;
    if (lf__grow(&p->end, &p->cap, p->n + 1, sizeof *p->end, err)) return -1;
    if (lf__buf_add(&p->text, text, n)) return lf_error_set(err, LF_E_MEMORY, "out of memory for a text of %zu bytes", p->text.len + n);
    p->end[p->n++] = p->text.len;
    return 0;
}

/* ---- what rows of several tables share ----------------------------------------------------------------------------------------------- */

int lf__step_read_text(char **out, const json_t *object, const char *field, lf_error *err)
{
    const json_t *value = json_object_get(object, field);
    const char *text = json_string_value(value);
    if (!text || strlen(text) != json_string_length(value)) return lf_error_set(err, LF_E_FORMAT, "%s: expected a text", field);
    *out = lf__strdup(text, err);
    return *out ? 0 : -1;
}

void lf__step_write_text(lf_buf *out, const char *field, const char *text)
{
    lf__buf_printf(out, ", \"%s\": ", field);
    lf__buf_json_string(out, text, strlen(text));
}

int lf__pattern_read(lf_step *s, const json_t *object, lf_error *err)
{
    const json_t *pattern = json_object_get(object, "pattern");
    s->c = json_object_get(pattern, "Regex") ? LF_SPLIT_REGEX : LF_SPLIT_STRING;
    if (lf__step_read_text(&s->text, pattern, s->c == LF_SPLIT_REGEX ? "Regex" : "String", err)) return -1;
    return s->text[0] ? 0 : lf_error_set(err, LF_E_FORMAT, "pattern is empty: expected at least one character");
}

void lf__pattern_write(const lf_step *s, lf_buf *out)
{
    lf__buf_printf(out, ", \"pattern\": {\"%s\": ", s->c == LF_SPLIT_REGEX ? "Regex" : "String");
    lf__buf_json_string(out, s->text, strlen(s->text));
    lf__buf_puts(out, "}");
}

int lf__pattern_seal(lf_step *s, lf_error *err)
{
    if (s->c == LF_SPLIT_REGEX && !s->data) s->data = lf__regex_new(s->text, err);
    return s->c == LF_SPLIT_REGEX && !s->data ? -1 : 0;
}

void lf__pattern_release(lf_step *s)
{
    lf_regex *regex = s->data;
    lf__regex_free(&regex);
    s->data = NULL;
}

/* ---- lists of steps --------------------------------------------------------------------------------------------------------------- */

lf_step *lf__steps_add(lf_steps *steps, const lf_step_kind *kinds, const char *type, const char *text, const char *with, lf_error *err)
{
    while (kinds->type && strcmp(kinds->type, type) != 0) kinds++;
    if (!kinds->type) return lf_error_set(err, LF_E_UNSUPPORTED, "%.80s is not supported", type), NULL;
    if (steps->n == LF_TOK_MAX_STEPS) return lf_error_set(err, LF_E_LIMIT, "more than %d steps are not supported", LF_TOK_MAX_STEPS), NULL;
    lf_step *s = &steps->v[steps->n];
    *s = (lf_step){.kind = kinds};
    if ((text && !(s->text = lf__strdup(text, err))) || (with && !(s->with = lf__strdup(with, err)))) {
        free(s->text);
        return NULL;
    }
    steps->n++;
    return s;
}

void lf__steps_release(lf_steps *steps)
{
    for (size_t i = 0; i < steps->n; i++) {
        lf_step *s = &steps->v[i];
        if (s->kind->release) s->kind->release(s);
        free(s->text), free(s->with);
    }
    steps->n = 0;
}

int lf__steps_seal(lf_steps *steps, lf_error *err)
{
    for (size_t i = 0; i < steps->n; i++)
        if (steps->v[i].kind->seal && steps->v[i].kind->seal(&steps->v[i], err)) return -1;
    return 0;
}

int lf__steps_map(const lf_steps *steps, lf_buf *a, lf_buf *b, const char **text, size_t *n, lf_error *err)
{
    lf_buf *room[2] = {a, b};
    for (size_t i = 0, turn = 0; i < steps->n; i++) {
        const lf_step *s = &steps->v[i];
        if (!s->kind->map || (s->kind->same && s->kind->same(s, *text, *n))) continue;
        lf_buf *out = room[turn];
        lf__buf_reset(out);
        if (s->kind->map(s, out, *text, *n, err)) return -1;
        if (out->failed) return lf_error_set(err, LF_E_MEMORY, "out of memory for what %s makes of a text of %zu bytes", s->kind->type, *n);
        *text = out->len ? out->data : "", *n = out->len;
        turn = 1 - turn;
    }
    return 0;
}

int lf__steps_cut(const lf_steps *steps, lf_pieces *a, lf_pieces *b, bool begins, lf_error *err)
{
    for (size_t i = 0; i < steps->n; i++) {
        const lf_step *s = &steps->v[i];
        if (!s->kind->cut) continue;
        lf__pieces_reset(b);
        for (size_t k = 0, from = 0; k < a->n; from = a->end[k++])
            if (s->kind->cut(s, b, a->text.data + from, a->end[k] - from, begins && k == 0, err)) return -1;
        lf_pieces other = *a;
        *a = *b, *b = other;
    }
    return 0;
}

static void write_step(const lf_step *s, lf_buf *out)
{
    if (s->kind->write_as) {
        s->kind->write_as(s, out);
        return;
    }
    lf__buf_printf(out, "{\"type\": \"%s\"", s->kind->type);
    if (s->kind->write) s->kind->write(s, out);
    lf__buf_puts(out, "}");
}

void lf__steps_write(const lf_steps *steps, lf_buf *out, const char *name)
{
    if (steps->n == 0) lf__buf_puts(out, "null");
    if (steps->n == 1) write_step(&steps->v[0], out);
    if (steps->n < 2) return;
    lf__buf_printf(out, "{\"type\": \"Sequence\", \"%s\": [", name);
    for (size_t i = 0; i < steps->n; i++) {
        if (i) lf__buf_puts(out, ", ");
        write_step(&steps->v[i], out);
    }
    lf__buf_puts(out, "]}");
}
