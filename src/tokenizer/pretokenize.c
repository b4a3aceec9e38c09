/* pretokenize.c - pre-tokenizer steps: a piece of text into smaller ones, inside which the model works. One row of lf__pre_tokenizers
 * each; the names and fields are those of Hugging Face's tokenizer.json. Where a whole pre-tokenizer equals one scanner of split.c it
 * becomes that, and none of this runs. Pure functions of a step and a piece, safe from any thread. */
#include "tokenizer/tokenizer.h"

#include <jansson.h>
#include <string.h>

/* ---- Metaspace: spaces become a visible mark, and words begin there -------------------------------------------------------------------
 */

static const char *const schemes[] = {"always", "first", "never", NULL};

int lf__metaspace_read(lf_step *s, const json_t *object, lf_error *err)
{
    const char *mark = json_string_value(json_object_get(object, "replacement"));
    const char *scheme = json_string_value(json_object_get(object, "prepend_scheme"));
    const json_t *old = json_object_get(object, "add_prefix_space"), *split = json_object_get(object, "split");
    if (!mark || !*mark) return lf_error_set(err, LF_E_FORMAT, "Metaspace.replacement: expected one character");
    s->text = lf__strdup(mark, err);
    if (!s->text) return -1;
    s->a = json_is_false(old) ? LF_PREPEND_NEVER : LF_PREPEND_ALWAYS;
    if (scheme) {
        for (s->a = 0; schemes[s->a] && strcmp(schemes[s->a], scheme) != 0;) s->a++;
        if (!schemes[s->a])
            return lf_error_set(err, LF_E_UNSUPPORTED, "Metaspace.prepend_scheme: %.80s is not supported: expected always, first or never",
                                scheme);
    }
    s->b = !json_is_false(split);
    return 0;
}

void lf__metaspace_write(const lf_step *s, lf_buf *out)
{
    lf__buf_puts(out, ", \"replacement\": ");
    lf__buf_json_string(out, s->text, strlen(s->text));
    lf__buf_printf(out, ", \"prepend_scheme\": \"%s\", \"split\": %s", schemes[s->a], s->b ? "true" : "false");
}

static size_t metaspace_growth(const lf_step *s) { return strlen(s->text) * 2; }

static int metaspace(const lf_step *s, lf_pieces *out, const char *piece, size_t n, bool begins, lf_error *err)
{
    size_t mark = strlen(s->text);
    lf_buf text;
    lf__buf_init(&text, SIZE_MAX / 2);
    bool marked = piece[0] == ' ' || (n >= mark && memcmp(piece, s->text, mark) == 0);
    if (!marked && (s->a == LF_PREPEND_ALWAYS || (s->a == LF_PREPEND_FIRST && begins))) lf__buf_puts(&text, s->text);
    for (const char *p = piece, *end = piece + n, *space;; p = space + 1) {
        space = memchr(p, ' ', (size_t)(end - p));
        lf__buf_add(&text, p, (size_t)((space ? space : end) - p));
        if (!space) break;
        lf__buf_puts(&text, s->text);
    }
    int failed = text.failed ? lf_error_set(err, LF_E_MEMORY, "out of memory for a text of %zu bytes", n) : 0;
    for (size_t from = 0, to; from < text.len && !failed; from = to) {
        const char *next = s->b && from + mark < text.len ? memmem(text.data + from + 1, text.len - from - 1, s->text, mark) : NULL;
        to = next ? (size_t)(next - text.data) : text.len;
        failed = lf__pieces_add(out, text.data + from, to - from, err);
    }
    lf__buf_release(&text);
    return failed ? -1 : 0;
}

/* ---- ByteLevel: GPT-2's. The bytes stay bytes here: a byte-level vocabulary is kept without its alphabet
 * --------------------------------- */

static int byte_level_read(lf_step *s, const json_t *object, lf_error *err)
{
    const json_t *prefix = json_object_get(object, "add_prefix_space"), *regex = json_object_get(object, "use_regex");
    LF_UNUSED(err);
    s->a = !json_is_false(prefix), s->b = !json_is_false(regex);
    return 0;
}

static void byte_level_write(const lf_step *s, lf_buf *out)
{
    lf__buf_printf(out, ", \"add_prefix_space\": %s, \"trim_offsets\": true, \"use_regex\": %s", s->a ? "true" : "false",
                   s->b ? "true" : "false");
}

static size_t byte_level_growth(const lf_step *s) { return s->a ? 2 : 1; }

static int byte_level(const lf_step *s, lf_pieces *out, const char *piece, size_t n, bool begins, lf_error *err)
{
    const lf_split_rule *gpt2 = lf__split_find("gpt2", err);
    lf_buf text;
    int failed = 0;
    LF_UNUSED(begins);
    lf__buf_init(&text, SIZE_MAX / 2);
    if (s->a && piece[0] != ' ') {
        lf__buf_puts(&text, " ");
        if (lf__buf_add(&text, piece, n)) failed = lf_error_set(err, LF_E_MEMORY, "out of memory for a text of %zu bytes", n);
        piece = text.data, n = text.len;
    }
    for (size_t at = 0, next; at < n && !failed; at = next) {
        next = s->b ? gpt2->next(piece, at, n) : n;
        failed = lf__pieces_add(out, piece + at, next - at, err);
    }
    lf__buf_release(&text);
    return failed ? -1 : 0;
}

const lf_step_kind lf__pre_tokenizers[] = {
    {.type = "ByteLevel", .read = byte_level_read, .write = byte_level_write, .growth = byte_level_growth, .cut = byte_level},
    {.type = "Metaspace", .read = lf__metaspace_read, .write = lf__metaspace_write, .growth = metaspace_growth, .cut = metaspace},
    {0},
};
