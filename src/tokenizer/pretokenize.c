/* pretokenize.c - pre-tokenizer steps: a piece of text into smaller ones, inside which the model works. One row of lf__pre_tokenizers
 * each; the names and fields are those of Hugging Face's tokenizer.json. Where a whole pre-tokenizer equals one scanner of split.c it
 * becomes that, and none of this runs. Pure functions of a step and a piece, safe from any thread. */
#include "tokenizer/regex.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

#include <jansson.h>
#include <string.h>

/* ---- Metaspace: spaces become a visible mark, and words begin there ------------------------------------------------------------- */

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

/* ---- cutting at matches: Split, Digits, Punctuation, Whitespace ----------------------------------------------------------------- */

/* Parts of a piece that match, or lie between matches, put together as a behavior says. A part that has been opened goes on until
 * something ends it. */
typedef struct cutter {
    lf_pieces *out;
    const char *piece;
    int behavior;
    bool inverted, was_match; /* was_match: the part before */
    size_t from, to;          /* the open part; empty: none */
    lf_error *err;
} cutter;

static int flush(cutter *c)
{
    int failed = lf__pieces_add(c->out, c->piece + c->from, c->to - c->from, c->err);
    c->from = c->to;
    return failed;
}

/* The part [from, to), which begins where the last one ended. Joining with the next is joining, seen from the other side: a match opens a
 * part that the following text continues, but a second match behind it begins anew. */
static int part(cutter *c, size_t from, size_t to, bool match)
{
    if (from == to) return c->behavior == LF_SPLIT_CONTIGUOUS ? 0 : flush(c);
    match ^= c->inverted;
    bool join = false;
    switch (c->behavior) {
    case LF_SPLIT_CONTIGUOUS: join = match == c->was_match; break;
    case LF_SPLIT_PREVIOUS: join = match && !c->was_match; break;
    case LF_SPLIT_NEXT: join = !match && c->was_match; break;
    default: break;
    }
    c->was_match = match;
    if (!join && flush(c)) return -1;
    c->to = to;
    if (c->behavior == LF_SPLIT_REMOVED && match) c->from = to;
    return 0;
}

static const char *const behaviors[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous", NULL};

static int read_behavior(lf_step *s, const json_t *object, lf_error *err)
{
    const char *name = json_string_value(json_object_get(object, "behavior"));
    for (s->a = 0; behaviors[s->a]; s->a++)
        if (name && strcmp(behaviors[s->a], name) == 0) return 0;
    return lf_error_set(err, LF_E_FORMAT, "behavior: expected Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
}

static int split_read(lf_step *s, const json_t *object, lf_error *err)
{
    s->b = json_is_true(json_object_get(object, "invert"));
    return lf__pattern_read(s, object, err) || read_behavior(s, object, err) ? -1 : 0;
}

static void split_write(const lf_step *s, lf_buf *out)
{
    lf__pattern_write(s, out);
    lf__buf_printf(out, ", \"behavior\": \"%s\", \"invert\": %s", behaviors[s->a], s->b ? "true" : "false");
}

static int split_string(const lf_step *s, cutter *c, size_t n)
{
    size_t length = strlen(s->text), at = 0;
    for (const char *hit; (hit = memmem(c->piece + at, n - at, s->text, length));) {
        size_t begin = (size_t)(hit - c->piece);
        if ((begin > at && part(c, at, begin, false)) || part(c, begin, begin + length, true)) return -1;
        at = begin + length;
    }
    return at < n ? part(c, at, n, false) : 0;
}

static int split(const lf_step *s, lf_pieces *out, const char *piece, size_t n, bool begins, lf_error *err)
{
    cutter c = {.out = out, .piece = piece, .behavior = s->a, .inverted = s->b, .err = err};
    lf_matches m;
    size_t at = 0;
    int found;
    LF_UNUSED(begins);
    if (s->c == LF_SPLIT_STRING) return split_string(s, &c, n) || flush(&c) ? -1 : 0;
    if (lf__matches_open(&m, s->data, piece, n, err)) return -1;
    while ((found = lf__matches_next(&m, err)) == 1) {
        if ((m.begin > at && part(&c, at, m.begin, false)) || part(&c, m.begin, m.end, true)) found = -1;
        if (found < 0) break;
        at = m.end;
    }
    lf__matches_close(&m);
    return found < 0 || (at < n && part(&c, at, n, false)) || flush(&c) ? -1 : 0;
}

/* Runs (or single units) of a set, by a behavior: the others are the units that do not match. */
static int cut_set(cutter *c, size_t n, bool (*in)(int32_t cp), bool single)
{
    size_t at = 0;
    while (at < n) {
        int32_t cp;
        size_t end = at + (size_t)lf__utf8_decode(c->piece + at, c->piece + n, &cp);
        bool match = in(cp);
        while (end < n && !(match && single)) {
            size_t length = (size_t)lf__utf8_decode(c->piece + end, c->piece + n, &cp);
            if (in(cp) != match) break;
            end += length;
        }
        if (part(c, at, end, match)) return -1;
        at = end;
    }
    return flush(c);
}

static bool is_number(int32_t cp) { return (lf__class_of(cp) & LF_IN_NUMBER) != 0; }
static bool is_punctuation(int32_t cp)
{
    uint32_t in = lf__class_of(cp);
    return in & LF_IN_PUNCTUATION || (in & LF_IN_SYMBOL && cp < 128);
}

static int digits_read(lf_step *s, const json_t *object, lf_error *err)
{
    LF_UNUSED(err);
    s->a = json_is_true(json_object_get(object, "individual_digits"));
    return 0;
}

static void digits_write(const lf_step *s, lf_buf *out) { lf__buf_printf(out, ", \"individual_digits\": %s", s->a ? "true" : "false"); }

static int digits(const lf_step *s, lf_pieces *out, const char *piece, size_t n, bool begins, lf_error *err)
{
    cutter c = {.out = out, .piece = piece, .behavior = LF_SPLIT_ISOLATED, .err = err};
    LF_UNUSED(begins);
    return cut_set(&c, n, is_number, s->a);
}

static int punctuation_read(lf_step *s, const json_t *object, lf_error *err)
{
    if (json_object_get(object, "behavior")) return read_behavior(s, object, err);
    s->a = LF_SPLIT_ISOLATED;
    return 0;
}

static void punctuation_write(const lf_step *s, lf_buf *out) { lf__buf_printf(out, ", \"behavior\": \"%s\"", behaviors[s->a]); }

static int punctuation(const lf_step *s, lf_pieces *out, const char *piece, size_t n, bool begins, lf_error *err)
{
    cutter c = {.out = out, .piece = piece, .behavior = s->a, .err = err};
    LF_UNUSED(begins);
    return cut_set(&c, n, is_punctuation, true);
}

static int whitespace_split(const lf_step *s, lf_pieces *out, const char *piece, size_t n, bool begins, lf_error *err)
{
    cutter c = {.out = out, .piece = piece, .behavior = LF_SPLIT_REMOVED, .err = err};
    LF_UNUSED(s), LF_UNUSED(begins);
    return cut_set(&c, n, lf__is_space, false);
}

/* \w+|[^\w\s]+ */
static int whitespace(const lf_step *s, lf_pieces *out, const char *piece, size_t n, bool begins, lf_error *err)
{
    size_t from = 0, end;
    int open = 0; /* 0: white space, 1: a word, 2: neither */
    LF_UNUSED(s), LF_UNUSED(begins);
    for (size_t at = 0; at < n; at = end) {
        int32_t cp;
        end = at + (size_t)lf__utf8_decode(piece + at, piece + n, &cp);
        int here = lf__code_point(cp) & LF_CP_WORD ? 1 : lf__is_space(cp) ? 0 : 2;
        if (here != open && open && lf__pieces_add(out, piece + from, at - from, err)) return -1;
        if (here != open) from = at;
        open = here;
    }
    return open ? lf__pieces_add(out, piece + from, n - from, err) : 0;
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
    {.type = "Split", .read = split_read, .seal = lf__pattern_seal, .write = split_write, .release = lf__pattern_release, .cut = split},
    {.type = "Digits", .read = digits_read, .write = digits_write, .cut = digits},
    {.type = "Punctuation", .read = punctuation_read, .write = punctuation_write, .cut = punctuation},
    {.type = "Whitespace", .cut = whitespace},
    {.type = "WhitespaceSplit", .cut = whitespace_split},
    {.type = "Metaspace", .read = lf__metaspace_read, .write = lf__metaspace_write, .growth = metaspace_growth, .cut = metaspace},
    {0},
};

/* ---- recognizing a scanner ------------------------------------------------------------------------------------------------------ */

/* Two expressions are the same when they are written the same, a newline being as good as its escape. */
static bool same_regex(const char *a, const char *b)
{
    for (; *a || *b; a++, b++) {
        if ((*a == '\n' || *a == '\r') && *b == '\\' && b[1] == (*a == '\n' ? 'n' : 'r'))
            b++;
        else if (*a != *b)
            return false;
    }
    return true;
}

const lf_split_rule *lf__split_of_steps(const lf_steps *pre)
{
    const char *regex[LF_TOK_MAX_STEPS + 1];
    size_t n = 0;
    for (size_t i = 0; i < pre->n; i++) {
        const lf_step *s = &pre->v[i];
        const char *type = s->kind->type;
        if (strcmp(type, "ByteLevel") == 0) { /* what follows it would see the alphabet */
            if (i + 1 < pre->n || s->a) return NULL;
            if (s->b) regex[n++] = lf__split_rules[0].regex[0];
        } else if (strcmp(type, "Digits") == 0) {
            regex[n++] = s->a ? "\\p{N}" : "\\p{N}+";
        } else if (strcmp(type, "Split") == 0 && s->c == LF_SPLIT_REGEX && s->a == LF_SPLIT_ISOLATED) {
            regex[n++] = s->text;
        } else {
            return NULL;
        }
    }
    for (const lf_split_rule *rule = lf__split_rules; rule->name && n; rule++) {
        size_t same = 0;
        while (same < n && same < LF_COUNT(rule->regex) && rule->regex[same] && same_regex(regex[same], rule->regex[same])) same++;
        if (same == n && (n == LF_COUNT(rule->regex) || !rule->regex[n])) return rule;
    }
    return NULL;
}
