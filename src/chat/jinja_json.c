/* jinja_json.c - values as JSON, as Python's json.dumps writes it, and JSON as values, straight into the memory of a run: so a message
 * costs what its bytes cost, its strings carry the user's mark from the first byte on, and nesting and size have a limit before anything
 * is made of them. (jansson builds a tree of its own, twenty times the text at worst, before it can be asked anything.) */
#include "chat/jinja.h"

#include <math.h>
#include <string.h>

enum { JSON_DEPTH_MAX = 64 };

/* ---- out ---------------------------------------------------------------------------------------------------------------------------- */

typedef struct writer {
    j_run *run;
    j_builder b;
    const j_json_style *style;
    j_value indent; /* one level of it; none: everything on one line */
    int depth;
} writer;

static void put_string(writer *w, j_value s)
{
    static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
    lf__j_add(&w->b, "\"", 1);
    size_t from_at = 0;
    for (size_t at = 0; at < s.n && !w->run->failed;) {
        int32_t cp;
        size_t size = (size_t)lf__utf8_decode(s.s + at, s.s + s.n, &cp);
        const char *known = cp && cp < 0x80 ? strchr(from, cp) : NULL;
        if (known || cp < 0x20 || (w->style->ascii && cp > 0x7E)) {
            char out[16];
            if (known)
                snprintf(out, sizeof out, "\\%c", to[known - from]);
            else if (cp < 0x10000)
                snprintf(out, sizeof out, "\\u%04x", (unsigned)cp);
            else
                snprintf(out, sizeof out, "\\u%04x\\u%04x", 0xD800u + ((unsigned)(cp - 0x10000) >> 10), 0xDC00u + ((unsigned)cp & 0x3FF));
            if (at > from_at) lf__j_add_string(&w->b, lf__j_substring(s, from_at, at));
            lf__j_add_like(&w->b, out, strlen(out), lf__j_substring(s, at, s.n));
            from_at = at + size;
        }
        at += size;
    }
    if (s.n > from_at) lf__j_add_string(&w->b, lf__j_substring(s, from_at, s.n));
    lf__j_add(&w->b, "\"", 1);
}

static void new_line(writer *w)
{
    if (w->indent.kind == J_NONE) return;
    lf__j_add(&w->b, "\n", 1);
    for (int i = 0; i < w->depth; i++) lf__j_add_string(&w->b, w->indent);
}

static void put(writer *w, j_value v);

static void put_key(writer *w, j_value key)
{
    j_builder *b = &w->b;
    switch (key.kind) {
    case J_STRING: put_string(w, key); break;
    case J_BOOL: lf__j_addf(b, "\"%s\"", key.b ? "true" : "false"); break;
    case J_NONE: lf__j_add(b, "\"null\"", 6); break;
    case J_INT:
    case J_FLOAT:
        lf__j_add(b, "\"", 1);
        put(w, key);
        lf__j_add(b, "\"", 1);
        break;
    default: lf__j_fail(w->run, LF_E_FORMAT, "tojson: %s cannot be a key", lf__j_type(key));
    }
}

/* Pairs in the order of their keys: an insertion sort, for dictionaries are short. */
static const j_pair *in_order(writer *w, const j_dict *d)
{
    j_pair *pair = lf__j_alloc(w->run, (size_t)d->n, sizeof *pair);
    for (int64_t i = 0; i < d->n && !w->run->failed; i++) {
        int64_t at = i;
        for (; at > 0 && lf__j_spend(w->run, 1) && lf__j_compare(w->run, d->pair[i].key, pair[at - 1].key, "<") == -1; at--)
            pair[at] = pair[at - 1];
        pair[at] = d->pair[i];
    }
    return pair;
}

static void put_members(writer *w, j_value v)
{
    bool dict = v.kind == J_DICT;
    int64_t n = dict ? v.dict->n : v.list->n;
    lf__j_add(&w->b, dict ? "{" : "[", 1);
    if (++w->depth > w->run->depth_max) lf__j_fail(w->run, LF_E_LIMIT, "tojson: nested more than %d levels deep", w->run->depth_max);
    const j_pair *pair = dict && w->style->sort ? in_order(w, v.dict) : dict ? v.dict->pair : NULL;
    for (int64_t i = 0; i < n && lf__j_spend(w->run, 1); i++) {
        if (i) lf__j_add_string(&w->b, w->style->item);
        new_line(w);
        if (dict) put_key(w, pair[i].key), lf__j_add_string(&w->b, w->style->key);
        put(w, dict ? pair[i].value : v.list->item[i]);
    }
    w->depth--;
    if (n) new_line(w);
    lf__j_add(&w->b, dict ? "}" : "]", 1);
}

static void put(writer *w, j_value v)
{
    switch (v.kind) {
    case J_STRING: put_string(w, v); break;
    case J_NONE: lf__j_add(&w->b, "null", 4); break;
    case J_BOOL: lf__j_addf(&w->b, "%s", v.b ? "true" : "false"); break;
    case J_FLOAT:
        if (isnan(v.f) || isinf(v.f)) {
            lf__j_addf(&w->b, "%s", isnan(v.f) ? "NaN" : v.f > 0 ? "Infinity" : "-Infinity");
            break;
        }
        lf__j_add_repr(&w->b, v);
        break;
    case J_INT: lf__j_add_repr(&w->b, v); break;
    case J_LIST:
    case J_TUPLE:
    case J_DICT: put_members(w, v); break;
    default: lf__j_fail(w->run, LF_E_FORMAT, "tojson: %s has no form in JSON", lf__j_type(v));
    }
}

j_value lf__j_to_json(j_run *run, j_value v, const j_json_style *style)
{
    int64_t width;
    writer w = {.run = run, .style = style, .indent = style->indent};
    if (lf__j_whole(style->indent, &width)) {
        j_value empty = lf__j_text(run, "");
        j_builder b = lf__j_begin(run);
        if (!run->failed) lf__j_add_padded(&b, empty, LF_MIN(width, 1000), '<', ' ');
        w.indent = lf__j_end(&b);
    } else if (style->indent.kind != J_STRING && style->indent.kind != J_NONE) {
        return lf__j_fail(run, LF_E_FORMAT, "tojson: indent is a number or a string, not %s", lf__j_type(style->indent));
    }
    w.b = lf__j_begin(run);
    put(&w, v);
    return lf__j_end(&w.b);
}

/* ---- in ----------------------------------------------------------------------------------------------------------------------------- */

typedef struct reader {
    j_run *run;
    const char *begin, *p, *end;
    const char *what; /* for errors: "messages" */
    bool user;        /* strings are the user's; else the text is a string of the run, and they keep its marks */
    int depth;
} reader;

static j_value LF_PRINTF(2, 3) bad(reader *r, const char *format, ...)
{
    char sentence[200];
    int line = 1;
    const char *start = r->begin;
    va_list args;
    va_start(args, format);
    lf__vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    for (const char *p = r->begin; p < r->p; p++)
        if (*p == '\n') line++, start = p + 1;
    if (!r->user) return lf__j_fail(r->run, LF_E_FORMAT, "%s: %s", r->what, sentence);
    if (!r->run->failed)
        lf_error_set(r->run->err, LF_E_FORMAT, "%s:%d:%lld: %s", r->what, line,
                     (long long)lf__j_characters(start, (size_t)(r->p - start)) + 1, sentence);
    r->run->failed = true;
    return (j_value){0};
}

static void blanks(reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t')) r->p++;
}

static int unit(reader *r) /* hhhh behind \u; -1 */
{
    int value = 0;
    if (r->end - r->p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = r->p[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    r->p += 4;
    return value;
}

static void add_plain(reader *r, j_builder *b, const char *bytes, size_t n, const char *from)
{
    if (!r->user)
        lf__j_add_like(b, bytes, n, (j_value){.kind = J_STRING, .n = 1, .s = from});
    else if (!r->run->failed)
        lf__j_user_string(r->run, bytes, n);
}

static j_value read_string(reader *r)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    j_builder b = lf__j_begin(r->run);
    for (r->p++; r->p < r->end && *r->p != '"' && !r->run->failed;) {
        const char *start = r->p;
        while (r->p < r->end && *r->p != '"' && *r->p != '\\' && (uint8_t)*r->p >= 0x20) {
            int32_t cp;
            int size = lf__utf8_decode(r->p, r->end, &cp);
            if (cp < 0) return bad(r, "byte 0x%02x is not valid UTF-8", (uint8_t)*r->p);
            r->p += size;
        }
        if (r->p > start) add_plain(r, &b, start, (size_t)(r->p - start), start);
        if (r->p == r->end || *r->p == '"') break;
        if (*r->p != '\\') return bad(r, "a control character in a string; it is written \\u%04x", (uint8_t)*r->p);
        if (r->end - r->p < 2) return bad(r, "the string has no end");
        const char *escape = r->p, *known = r->p[1] ? strchr(from, r->p[1]) : NULL;
        char out[4];
        r->p += 2;
        if (known) {
            add_plain(r, &b, &to[known - from], 1, escape);
            continue;
        }
        int cp = escape[1] == 'u' ? unit(r) : -1;
        if (cp >= 0xD800 && cp < 0xDC00 && r->end - r->p > 5 && r->p[0] == '\\' && r->p[1] == 'u') {
            r->p += 2;
            int low = unit(r);
            cp = low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00) : -1;
        }
        if (cp < 0 || (cp >= 0xD800 && cp < 0xE000)) return r->p = escape, bad(r, "not an escape of a character");
        add_plain(r, &b, out, (size_t)lf__utf8_encode(out, cp), escape);
    }
    if (r->p >= r->end) return bad(r, "the string has no end");
    r->p++;
    return lf__j_end(&b);
}

static j_value read_number(reader *r)
{
    char text[400];
    const char *start = r->p;
    bool whole = true;
    double real;
    while (r->p < r->end && *r->p && strchr("+-0123456789.eE", *r->p)) whole &= *r->p != '.' && (*r->p | 32) != 'e', r->p++;
    size_t n = (size_t)(r->p - start), sign = *start == '-';
    if (n == sign || n >= sizeof text || !(start[sign] >= '0' && start[sign] <= '9') || (start[sign] == '0' && n > sign + 1 && whole) ||
        start[n - 1] == '.')
        return r->p = start, bad(r, "not a number of JSON");
    memcpy(text, start, n), text[n] = 0;
    if (lf__parse_double(text, "", -1.7976931348623157e308, 1.7976931348623157e308, &real, NULL))
        return r->p = start, bad(r, "not a number that fits");
    if (!whole) return j_float(real);
    int64_t value = 0;
    for (const char *d = text + sign; *d; d++)
        if (*d < '0' || *d > '9' || __builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, *d - '0', &value))
            return r->p = start, bad(r, "a whole number that does not fit into 64 bits");
    if (!sign && __builtin_sub_overflow(0, value, &value)) return r->p = start, bad(r, "a whole number that does not fit into 64 bits");
    return j_int(value);
}

static j_value read_value(reader *r);

/* [a, b] or {"a": b}: members up to the closing bracket. */
static j_value read_members(reader *r, bool object)
{
    char close = object ? '}' : ']';
    j_items items = {0};
    j_value dict = object ? lf__j_dict(r->run, 4, J_DICT) : j_none();
    if (++r->depth > JSON_DEPTH_MAX) return bad(r, "nested more than %d levels deep", JSON_DEPTH_MAX);
    r->p++;
    blanks(r);
    while (!r->run->failed && r->p < r->end && *r->p != close) {
        j_value key = j_none();
        if (object) {
            if (*r->p != '"') return bad(r, "expected a key in quotes");
            key = read_string(r);
            blanks(r);
            if (r->p == r->end || *r->p++ != ':') return r->p--, bad(r, "expected ':' behind the key");
        }
        j_value v = read_value(r);
        if (r->run->failed) return v;
        object ? lf__j_put(r->run, dict.dict, key, v) : lf__j_push(r->run, &items, v);
        blanks(r);
        if (r->p < r->end && *r->p == ',') {
            r->p++;
            blanks(r);
            if (r->p < r->end && *r->p == close) return bad(r, "a comma with nothing behind it");
        } else if (r->p < r->end && *r->p != close) {
            return bad(r, "expected ',' or '%c'", close);
        }
    }
    if (r->p == r->end) return bad(r, "'%c' is missing at the end", close);
    r->p++, r->depth--;
    return object ? dict : lf__j_items_end(r->run, &items, J_LIST);
}

static j_value read_value(reader *r)
{
    static const struct {
        const char *text;
        j_value value;
    } words[] = {{"null", {.kind = J_NONE}}, {"true", {.kind = J_BOOL, .b = true}}, {"false", {.kind = J_BOOL}}};
    blanks(r);
    if (!lf__j_spend(r->run, 0)) return (j_value){0};
    if (r->p == r->end) return bad(r, "a value is missing");
    if (*r->p == '{' || *r->p == '[') return read_members(r, *r->p == '{');
    if (*r->p == '"') return read_string(r);
    for (size_t i = 0; i < LF_COUNT(words); i++) {
        size_t n = strlen(words[i].text);
        if ((size_t)(r->end - r->p) >= n && !memcmp(r->p, words[i].text, n)) return r->p += n, words[i].value;
    }
    if (*r->p == '-' || (*r->p >= '0' && *r->p <= '9')) return read_number(r);
    return bad(r, "expected a value of JSON");
}

j_value lf__j_from_json(j_run *run, const char *text, size_t n, bool user, const char *what)
{
    reader r = {.run = run, .begin = text, .p = text, .end = text + n, .what = what, .user = user};
    j_value v = read_value(&r);
    blanks(&r);
    if (!run->failed && r.p < r.end) return bad(&r, "something stands behind the value");
    return v;
}
