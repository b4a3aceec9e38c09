/* jinja_filters.c - filters, tests and functions: three tables of one shape, and how arguments are bound to parameters. What jinja2 gives
 * back as a generator is computed at once here, but is used up by the first who iterates over it, as there. */
#include "chat/jinja.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RANGE_MAX = 100000 }; /* of jinja2's sandbox, too */

/* ---- arguments ---------------------------------------------------------------------------------------------------------------------- */

const j_builtin *lf__j_builtin(const j_builtin *table, const char *name, size_t n)
{
    for (; table->name; table++)
        if (strlen(table->name) == n && !memcmp(table->name, name, n)) return table;
    return NULL;
}

/* The parameter at p of `params`: its letters, whether it may be left out; returns where the next begins. */
static const char *parameter(const char *p, size_t *n, bool *optional)
{
    *n = strcspn(p, " ="), *optional = p[*n] == '=';
    p += *n + *optional;
    return p + (*p == ' ');
}

j_value lf__j_apply(j_run *run, const j_builtin *b, j_value self, const j_args *args)
{
    j_called c = {.self = self, .args = args};
    int64_t i = 0, named = 0;
    for (int k = 0; k < J_PARAMS; k++) c.arg[k].kind = J_ABSENT;
    if (run->failed) return (j_value){0};
    if (*b->params == '*') return b->run(run, &c);
    for (const char *p = b->params; *p; i++) {
        size_t n;
        bool optional;
        const char *next = parameter(p, &n, &optional);
        j_value *v = args->keyword ? lf__j_find(run, args->keyword, (j_value){.kind = J_STRING, .n = (uint32_t)n, .s = p}) : NULL;
        if (i < args->n)
            c.arg[i] = args->v[i];
        else if (v)
            c.arg[i] = *v, named++;
        else if (!optional)
            return lf__j_fail(run, LF_E_FORMAT, "%s: the argument \"%.*s\" is missing", b->name, (int)n, p);
        p = next;
    }
    if (args->n > i)
        return lf__j_fail(run, LF_E_FORMAT, "%s takes at most %lld arguments, not %lld", b->name, (long long)i, (long long)args->n);
    if (args->keyword && named < args->keyword->n)
        return lf__j_fail(run, LF_E_FORMAT, "%s does not take all of these arguments by name; it knows \"%s\"", b->name, b->params);
    return run->failed ? (j_value){0} : b->run(run, &c);
}

static bool flag(const j_called *c, int i, bool absent) { return j_has(c, i) ? lf__j_truth(c->arg[i]) : absent; }

static int64_t whole(j_run *run, const j_called *c, int i, int64_t absent)
{
    int64_t v = absent;
    if (j_has(c, i) && c->arg[i].kind != J_NONE && !lf__j_whole(c->arg[i], &v))
        lf__j_fail(run, LF_E_FORMAT, "expected a whole number, got %s", lf__j_type(c->arg[i]));
    return v;
}

static j_value or_none(const j_called *c, int i) { return j_has(c, i) ? c->arg[i] : j_none(); }

/* ---- text --------------------------------------------------------------------------------------------------------------------------- */

static j_value f_lower(j_run *run, const j_called *c) { return lf__j_mapped(run, lf__j_str(run, c->self), lf__j_lower); }
static j_value f_upper(j_run *run, const j_called *c) { return lf__j_mapped(run, lf__j_str(run, c->self), lf__j_upper); }
static j_value f_capitalize(j_run *run, const j_called *c) { return lf__j_capitalize(run, lf__j_str(run, c->self)); }
static j_value f_string(j_run *run, const j_called *c) { return lf__j_str(run, c->self); }

static int32_t word_title(int32_t cp, int32_t before)
{
    bool first = before == 0 || before == '-' || lf__j_space(before) || strchr("({[<", before < 0x80 ? (int)before : 'x') != NULL;
    return first ? lf__j_upper(cp, 0) : lf__j_lower(cp, 0);
}
static j_value f_title(j_run *run, const j_called *c) { return lf__j_mapped(run, lf__j_str(run, c->self), word_title); }

static j_value f_trim(j_run *run, const j_called *c)
{
    j_value s = lf__j_str(run, c->self);
    return run->failed ? s : lf__j_strip(run, s, or_none(c, 0), 3);
}

static j_value f_center(j_run *run, const j_called *c)
{
    j_value s = lf__j_str(run, c->self);
    int64_t width = whole(run, c, 0, 80);
    j_builder b = lf__j_begin(run);
    if (!run->failed) lf__j_add_padded(&b, s, width, '^', ' ');
    return lf__j_end(&b);
}

static j_value f_replace(j_run *run, const j_called *c)
{
    j_value s = lf__j_str(run, c->self), old = lf__j_str(run, c->arg[0]), new = lf__j_str(run, c->arg[1]);
    return run->failed ? s : lf__j_replace(run, s, old, new, whole(run, c, 2, -1));
}

static j_value f_indent(j_run *run, const j_called *c)
{
    bool first = flag(c, 1, false), blank = flag(c, 2, false);
    j_value by = or_none(c, 0), newline = lf__j_text(run, "\n");
    if (c->self.kind != J_STRING) return lf__j_fail(run, LF_E_FORMAT, "indent: expected a string, got %s", lf__j_type(c->self));
    if (by.kind != J_STRING) {
        int64_t width = whole(run, c, 0, 4);
        j_builder pad = lf__j_begin(run);
        if (!run->failed) lf__j_add_padded(&pad, lf__j_text(run, ""), LF_MIN(width, 10000), '<', ' ');
        by = lf__j_end(&pad);
    }
    j_value lines = lf__j_lines(run, lf__j_binary(run, T_ADD, c->self, newline), false);
    j_builder b = lf__j_begin(run);
    for (int64_t i = 0; !run->failed && i < lines.list->n; i++) {
        j_value line = lines.list->item[i];
        if (i) lf__j_add(&b, "\n", 1);
        if (i ? blank || line.n : first) lf__j_add_string(&b, by);
        lf__j_add_string(&b, line);
    }
    return lf__j_end(&b);
}

static j_value f_escape(j_run *run, const j_called *c)
{
    static const char from[] = "&<>'\"";
    static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    j_value s = lf__j_str(run, c->self);
    j_builder b = lf__j_begin(run);
    for (size_t at = 0, end; at < s.n && lf__j_spend(run, 1); at = end) {
        for (end = at; end < s.n && !(s.s[end] && strchr(from, s.s[end]));) end++;
        if (end > at) lf__j_add_string(&b, lf__j_substring(s, at, end));
        if (end == s.n) break;
        const char *name = to[strchr(from, s.s[end]) - from];
        lf__j_add_like(&b, name, strlen(name), lf__j_substring(s, end, s.n));
        end++;
    }
    return lf__j_end(&b);
}

static j_value f_wordcount(j_run *run, const j_called *c)
{
    j_value s = lf__j_str(run, c->self);
    int64_t n = 0;
    bool inside = false;
    for (uint32_t i = 0; !run->failed && i < s.n; i++) {
        bool word = (uint8_t)s.s[i] >= 0x80 || s.s[i] == '_' || (s.s[i] >= '0' && s.s[i] <= '9') ||
                    lf__j_upper(s.s[i], 0) != lf__j_lower(s.s[i], 0);
        n += word && !inside, inside = word;
    }
    return j_int(n);
}

static j_value f_format(j_run *run, const j_called *c)
{
    j_value args =
        c->args->keyword && c->args->keyword->n ? (j_value){.kind = J_DICT, .dict = c->args->keyword} : lf__j_list(run, J_TUPLE, 0);
    if (run->failed) return args;
    if (args.kind == J_TUPLE) args.list->n = c->args->n, args.list->item = c->args->v;
    return lf__j_format_percent(run, lf__j_str(run, c->self), args);
}

static j_value f_tojson(j_run *run, const j_called *c)
{
    j_json_style style = {.ascii = flag(c, 1, false), .indent = or_none(c, 0), .sort = flag(c, 3, false)};
    style.item = lf__j_text(run, style.indent.kind == J_NONE ? ", " : ","), style.key = lf__j_text(run, ": ");
    if (j_has(c, 2) && c->arg[2].kind != J_NONE) {
        j_value s = c->arg[2];
        if ((s.kind != J_TUPLE && s.kind != J_LIST) || s.list->n != 2 || s.list->item[0].kind != J_STRING ||
            s.list->item[1].kind != J_STRING)
            return lf__j_fail(run, LF_E_FORMAT, "tojson: separators are two strings, (\", \", \": \")");
        style.item = s.list->item[0], style.key = s.list->item[1];
    }
    return run->failed ? j_none() : lf__j_to_json(run, c->self, &style);
}

static j_value f_from_json(j_run *run, const j_called *c)
{
    if (c->self.kind != J_STRING) return lf__j_fail(run, LF_E_FORMAT, "from_json: expected a string, got %s", lf__j_type(c->self));
    return lf__j_from_json(run, c->self.s, c->self.n, false, "from_json");
}

/* ---- numbers ------------------------------------------------------------------------------------------------------------------------ */

static bool read_number(j_run *run, j_value v, double *real)
{
    char text[64];
    if (v.kind != J_STRING) return lf__j_number(v, real);
    v = lf__j_strip(run, v, j_none(), 3);
    if (run->failed || v.n == 0 || v.n >= sizeof text || v.s[v.n - 1] == '.') return false;
    memcpy(text, v.s, v.n), text[v.n] = 0;
    return lf__parse_double(text, "", -HUGE_VAL, HUGE_VAL, real, NULL) == 0;
}

static j_value f_int(j_run *run, const j_called *c)
{
    int64_t i, base = whole(run, c, 1, 10);
    double real;
    j_value absent = j_has(c, 0) ? c->arg[0] : j_int(0), s = c->self;
    if (s.kind == J_UNDEFINED) return lf__j_undefined_error(run, s);
    if (lf__j_whole(s, &i)) return j_int(i);
    if (s.kind == J_STRING) {
        char text[80], *end;
        s = lf__j_strip(run, s, j_none(), 3);
        if (run->failed || s.n == 0 || s.n >= sizeof text) return absent;
        memcpy(text, s.s, s.n), text[s.n] = 0;
        size_t sign = *text == '-' || *text == '+';
        if (base == 2 || base == 8) { /* 0b and 0o, which strtoll does not know */
            bool prefix = text[sign] == '0' && (text[sign + 1] | 32) == (base == 2 ? 'b' : 'o');
            if (prefix) memmove(text + sign, text + sign + 2, strlen(text + sign + 2) + 1);
        }
        long long value = base >= 2 && base <= 36 ? strtoll(text, &end, (int)base) : (end = text, 0);
        if (*end == 0 && end > text + sign && value != INT64_MAX && value != INT64_MIN) return j_int(value);
    }
    if (!read_number(run, s, &real)) return absent;
    if (fabs(real) >= 0x1p63) return lf__j_fail(run, LF_E_LIMIT, "int: the number does not fit into 64 bits");
    return j_int((int64_t)real);
}

static j_value f_float(j_run *run, const j_called *c)
{
    double real;
    if (c->self.kind == J_UNDEFINED) return lf__j_undefined_error(run, c->self);
    return read_number(run, c->self, &real) ? j_float(real) : j_has(c, 0) ? c->arg[0] : j_float(0);
}

static j_value f_abs(j_run *run, const j_called *c)
{
    int64_t i;
    if (c->self.kind == J_FLOAT) return j_float(fabs(c->self.f));
    if (c->self.kind == J_UNDEFINED) return lf__j_undefined_error(run, c->self);
    if (!lf__j_whole(c->self, &i)) return lf__j_fail(run, LF_E_FORMAT, "abs: expected a number, got %s", lf__j_type(c->self));
    return i == INT64_MIN ? lf__j_fail(run, LF_E_LIMIT, "the result does not fit into 64 bits") : j_int(i < 0 ? -i : i);
}

static j_value f_round(j_run *run, const j_called *c)
{
    double real, back;
    int64_t digits = whole(run, c, 0, 0), i;
    j_value method = or_none(c, 1);
    bool up = method.kind == J_STRING && method.n == 4 && !memcmp(method.s, "ceil", 4);
    bool down = method.kind == J_STRING && method.n == 5 && !memcmp(method.s, "floor", 5);
    bool common = method.kind == J_NONE || (method.kind == J_STRING && method.n == 6 && !memcmp(method.s, "common", 6));
    if (c->self.kind == J_UNDEFINED) return lf__j_undefined_error(run, c->self);
    if (!up && !down && !common) return lf__j_fail(run, LF_E_FORMAT, "round: the method is common, ceil or floor");
    if (!lf__j_number(c->self, &real)) return lf__j_fail(run, LF_E_FORMAT, "round: expected a number, got %s", lf__j_type(c->self));
    if (digits < -300 || digits > 300) return j_float(digits > 0 ? real : 0);
    if (common && digits >= 0 && lf__j_whole(c->self, &i)) return j_int(i);
    double scale = pow(10, (double)digits);
    if (up || down) return j_float((up ? ceil(real * scale) : floor(real * scale)) / scale);
    if (digits < 0) return c->self.kind == J_FLOAT ? j_float(rint(real * scale) / scale) : j_int((int64_t)(rint(real * scale) / scale));
    lf_buf text; /* correctly rounded, as Python's round: through the decimal form */
    lf__buf_init(&text, 1024);
    lf__buf_printf(&text, "%.*f", (int)digits, real);
    bool read = text.data && lf__parse_double(text.data, "", -HUGE_VAL, HUGE_VAL, &back, NULL) == 0;
    lf__buf_release(&text);
    return j_float(read ? back : real);
}

/* ---- sequences ---------------------------------------------------------------------------------------------------------------------- */

/* "a.b.0" of v; an attribute that is not there is `absent` unless that is none. */
static j_value path(j_run *run, j_value v, j_value attribute, j_value absent)
{
    if (attribute.kind != J_STRING) return attribute.kind == J_NONE ? v : lf__j_item(run, v, attribute);
    for (size_t at = 0; at <= attribute.n && !run->failed;) {
        const char *dot = memchr(attribute.s + at, '.', attribute.n - at);
        size_t end = dot ? (size_t)(dot - attribute.s) : attribute.n;
        j_value part = lf__j_substring(attribute, at, end);
        int64_t number;
        v = lf__j_item(run, v, lf__j_digits(part, &number) ? j_int(number) : part);
        if (v.kind == J_UNDEFINED && absent.kind != J_NONE) v = absent;
        at = end + 1;
    }
    return v;
}

static j_value folded(j_run *run, j_value v, bool case_sensitive)
{
    return v.kind == J_STRING && !case_sensitive ? lf__j_mapped(run, v, lf__j_lower) : v;
}

static j_value f_length(j_run *run, const j_called *c) { return j_int(lf__j_length(run, c->self)); }

static j_value f_list(j_run *run, const j_called *c)
{
    int64_t n;
    const j_value *item = lf__j_iterate(run, c->self, &n);
    j_value list = lf__j_list(run, J_LIST, n);
    for (int64_t i = 0; i < n && !run->failed; i++) list.list->item[i] = item[i];
    return list;
}

static j_value f_first(j_run *run, const j_called *c)
{
    int64_t n;
    if (c->self.kind == J_ITER) {
        j_list *list = c->self.list;
        return list->next < list->n ? list->item[list->next++] : lf__j_undefined(run, J_WHY_EMPTY, j_none());
    }
    const j_value *item = lf__j_iterate(run, c->self, &n);
    return n ? item[0] : lf__j_undefined(run, J_WHY_EMPTY, j_none());
}

static j_value f_last(j_run *run, const j_called *c)
{
    int64_t n;
    if (c->self.kind == J_ITER) return lf__j_fail(run, LF_E_FORMAT, "last: a generator has no end to begin at; put \"| list\" before it");
    const j_value *item = lf__j_iterate(run, c->self, &n);
    return n ? item[n - 1] : lf__j_undefined(run, J_WHY_EMPTY, j_none());
}

static j_value f_reverse(j_run *run, const j_called *c)
{
    int64_t n;
    if (c->self.kind == J_STRING) return lf__j_slice(run, c->self, (j_value[]){j_none(), j_none(), j_int(-1)});
    const j_value *item = lf__j_iterate(run, c->self, &n);
    j_value list = lf__j_list(run, c->self.kind == J_ITER ? J_LIST : J_ITER, n);
    for (int64_t i = 0; i < n && !run->failed; i++) list.list->item[i] = item[n - 1 - i];
    return list;
}

static j_value f_join(j_run *run, const j_called *c)
{
    int64_t n;
    const j_value *item = lf__j_iterate(run, c->self, &n);
    j_value between = j_has(c, 0) ? lf__j_str(run, c->arg[0]) : lf__j_text(run, ""), attribute = or_none(c, 1);
    j_value *picked = lf__j_alloc(run, (size_t)n, sizeof *picked);
    for (int64_t i = 0; i < n && !run->failed; i++) picked[i] = path(run, item[i], attribute, j_none());
    return run->failed ? between : lf__j_join(run, between, picked, n);
}

static j_value f_items(j_run *run, const j_called *c)
{
    if (c->self.kind != J_DICT && c->self.kind != J_UNDEFINED)
        return lf__j_fail(run, LF_E_FORMAT, "items: expected a dict, got %s", lf__j_type(c->self));
    int64_t n = c->self.kind == J_DICT ? c->self.dict->n : 0;
    j_value list = lf__j_list(run, J_ITER, n);
    for (int64_t i = 0; i < n && !run->failed; i++)
        list.list->item[i] = lf__j_pair(run, c->self.dict->pair[i].key, c->self.dict->pair[i].value);
    return list;
}

/* Stable merge sort of item[0..n) by key[0..n), both moved; room: as much again. False once something has no order. */
typedef struct keyed {
    j_value key, item;
} keyed;
static void merge_sort(j_run *run, keyed *v, keyed *room, int64_t n, bool reverse)
{
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t from = 0; from < n && !run->failed; from += 2 * width) {
            int64_t middle = LF_MIN(from + width, n), to = LF_MIN(from + 2 * width, n), a = from, b = middle;
            for (int64_t i = from; i < to && lf__j_spend(run, 1); i++) {
                int order = a < middle && b < to ? lf__j_compare(run, v[b].key, v[a].key, "<") : a < middle ? 1 : -1;
                bool right = a < middle && b < to && reverse ? lf__j_compare(run, v[a].key, v[b].key, "<") == -1 : order == -1;
                room[i] = right ? v[b++] : v[a++];
            }
        }
        if (run->failed) return;
        memcpy(v, room, (size_t)n * sizeof *v);
    }
}

/* Items of c->self in the order of attribute (a comma list for several), as the filters sort, min, max and groupby see it. */
static keyed *sorted(j_run *run, j_value self, j_value attribute, j_value absent, bool case_sensitive, bool reverse, int64_t *n)
{
    const j_value *item = lf__j_iterate(run, self, n);
    keyed *v = lf__j_alloc(run, 2 * (size_t)*n, sizeof *v);
    for (int64_t i = 0; i < *n && !run->failed; i++) {
        v[i].item = item[i];
        if (attribute.kind == J_STRING && memchr(attribute.s, ',', attribute.n)) {
            j_items keys = {0};
            for (size_t at = 0, end; at <= attribute.n; at = end + 1) {
                for (end = at; end < attribute.n && attribute.s[end] != ',';) end++;
                lf__j_push(run, &keys, folded(run, path(run, item[i], lf__j_substring(attribute, at, end), absent), case_sensitive));
            }
            v[i].key = lf__j_items_end(run, &keys, J_LIST);
        } else {
            v[i].key = folded(run, path(run, item[i], attribute, absent), case_sensitive);
        }
    }
    if (!run->failed) merge_sort(run, v, v + *n, *n, reverse);
    return v;
}

static j_value f_sort(j_run *run, const j_called *c)
{
    int64_t n;
    keyed *v = sorted(run, c->self, or_none(c, 2), j_none(), flag(c, 1, false), flag(c, 0, false), &n);
    j_value list = lf__j_list(run, J_LIST, n);
    for (int64_t i = 0; i < n && !run->failed; i++) list.list->item[i] = v[i].item;
    return list;
}

static j_value extreme(j_run *run, const j_called *c, int sign)
{
    int64_t n, best = 0;
    j_value attribute = or_none(c, 1), best_key = j_none();
    const j_value *item = lf__j_iterate(run, c->self, &n);
    for (int64_t i = 0; i < n && lf__j_spend(run, 1); i++) {
        j_value key = folded(run, path(run, item[i], attribute, j_none()), flag(c, 0, false));
        if (i == 0 || lf__j_compare(run, key, best_key, sign < 0 ? "<" : ">") == sign) best = i, best_key = key;
    }
    return n ? item[best] : lf__j_undefined(run, J_WHY_EMPTY, j_none());
}
static j_value f_min(j_run *run, const j_called *c) { return extreme(run, c, -1); }
static j_value f_max(j_run *run, const j_called *c) { return extreme(run, c, 1); }

static j_value f_dictsort(j_run *run, const j_called *c)
{
    j_value by = or_none(c, 1);
    bool value = by.kind == J_STRING && by.n == 5 && !memcmp(by.s, "value", 5),
         key = by.kind == J_NONE || (by.kind == J_STRING && by.n == 3);
    if (c->self.kind != J_DICT) return lf__j_fail(run, LF_E_FORMAT, "dictsort: expected a dict, got %s", lf__j_type(c->self));
    if (!value && !key) return lf__j_fail(run, LF_E_FORMAT, "dictsort: by is \"key\" or \"value\"");
    int64_t n;
    j_called items = {.self = c->self};
    keyed *v = sorted(run, f_items(run, &items), j_int(value), j_none(), flag(c, 0, false), flag(c, 2, false), &n);
    j_value list = lf__j_list(run, J_LIST, n);
    for (int64_t i = 0; i < n && !run->failed; i++) list.list->item[i] = v[i].item;
    return list;
}

static j_value f_groupby(j_run *run, const j_called *c)
{
    int64_t n;
    j_value absent = or_none(c, 1);
    keyed *v = sorted(run, c->self, c->arg[0], absent, flag(c, 2, false), false, &n);
    j_items groups = {0};
    for (int64_t i = 0, end; i < n && !run->failed; i = end) {
        j_items group = {0};
        for (end = i; end < n && lf__j_equal(run, v[i].key, v[end].key); end++) lf__j_push(run, &group, v[end].item);
        j_value list = lf__j_items_end(run, &group, J_LIST);
        lf__j_push(run, &groups, lf__j_pair(run, path(run, v[i].item, c->arg[0], absent), list));
    }
    return lf__j_items_end(run, &groups, J_LIST);
}

static j_value f_unique(j_run *run, const j_called *c)
{
    int64_t n;
    const j_value *item = lf__j_iterate(run, c->self, &n);
    j_value seen = lf__j_dict(run, 8, J_DICT);
    j_items out = {0};
    for (int64_t i = 0; i < n && lf__j_spend(run, 1); i++) {
        j_value key = folded(run, path(run, item[i], or_none(c, 1), j_none()), flag(c, 0, false));
        int64_t before = seen.dict->n;
        lf__j_put(run, seen.dict, key, j_none());
        if (!run->failed && seen.dict->n > before) lf__j_push(run, &out, item[i]);
    }
    return lf__j_items_end(run, &out, J_ITER);
}

static j_value f_sum(j_run *run, const j_called *c)
{
    int64_t n;
    j_value total = j_has(c, 1) ? c->arg[1] : j_int(0), attribute = or_none(c, 0);
    const j_value *item = lf__j_iterate(run, c->self, &n);
    for (int64_t i = 0; i < n && lf__j_spend(run, 1); i++) total = lf__j_binary(run, T_ADD, total, path(run, item[i], attribute, j_none()));
    return total;
}

static j_value f_batch(j_run *run, const j_called *c)
{
    int64_t n, size = whole(run, c, 0, 1);
    const j_value *item = lf__j_iterate(run, c->self, &n);
    j_items out = {0};
    if (size < 1) return lf__j_fail(run, LF_E_FORMAT, "batch: a size of at least 1");
    for (int64_t i = 0; i < n && lf__j_spend(run, 1); i += size) {
        bool fill = j_has(c, 1) && c->arg[1].kind != J_NONE;
        j_value part = lf__j_list(run, J_LIST, fill ? size : LF_MIN(size, n - i));
        for (int64_t k = 0; !run->failed && k < part.list->n; k++) part.list->item[k] = i + k < n ? item[i + k] : c->arg[1];
        lf__j_push(run, &out, part);
    }
    return lf__j_items_end(run, &out, J_ITER);
}

static j_value f_slice(j_run *run, const j_called *c)
{
    int64_t n, parts = whole(run, c, 0, 1), at = 0;
    const j_value *item = lf__j_iterate(run, c->self, &n);
    j_items out = {0};
    if (parts < 1 || parts > RANGE_MAX) return lf__j_fail(run, LF_E_FORMAT, "slice: at least 1 part");
    for (int64_t i = 0; i < parts && lf__j_spend(run, 1); i++) {
        int64_t size = n / parts + (i < n % parts);
        bool fill = j_has(c, 1) && c->arg[1].kind != J_NONE && i >= n % parts;
        j_value part = lf__j_list(run, J_LIST, size + fill);
        for (int64_t k = 0; !run->failed && k < part.list->n; k++) part.list->item[k] = k < size ? item[at + k] : c->arg[1];
        at += size;
        lf__j_push(run, &out, part);
    }
    return lf__j_items_end(run, &out, J_ITER);
}

/* The builtin that map and select were told by its name. */
static const j_builtin *named(j_run *run, const j_builtin *table, j_value name, const char *what)
{
    const j_builtin *b = name.kind == J_STRING ? lf__j_builtin(table, name.s, name.n) : NULL;
    if (!b) lf__j_fail(run, LF_E_UNSUPPORTED, "unknown %s \"%.*s\"", what, name.kind == J_STRING ? (int)LF_MIN(name.n, 64u) : 0, name.s);
    return b;
}

static j_value f_map(j_run *run, const j_called *c)
{
    int64_t n;
    j_args rest = {0};
    const j_builtin *filter = NULL;
    j_value *attribute = c->args->keyword ? lf__j_find_text(run, c->args->keyword, "attribute") : NULL;
    j_value *absent = attribute ? lf__j_find_text(run, c->args->keyword, "default") : NULL;
    if (c->args->n) {
        filter = named(run, lf__j_filters, c->args->v[0], "filter");
        rest = (j_args){c->args->v + 1, c->args->n - 1, c->args->keyword};
    } else if (!attribute) {
        return lf__j_fail(run, LF_E_FORMAT, "map takes the name of a filter or attribute=");
    }
    const j_value *item = lf__j_iterate(run, c->self, &n);
    j_value out = lf__j_list(run, J_ITER, n);
    for (int64_t i = 0; i < n && lf__j_spend(run, 1); i++)
        out.list->item[i] = filter ? lf__j_apply(run, filter, item[i], &rest) : path(run, item[i], *attribute, absent ? *absent : j_none());
    return out;
}

static j_value chosen(j_run *run, const j_called *c, bool by_attribute, bool wanted)
{
    int64_t n, used = by_attribute;
    const j_builtin *test = NULL;
    j_args rest = {0};
    j_items out = {0};
    if (c->args->n < used) return lf__j_fail(run, LF_E_FORMAT, "selectattr and rejectattr take the name of an attribute");
    if (c->args->n > used) {
        test = named(run, lf__j_tests, c->args->v[used], "test");
        rest = (j_args){c->args->v + used + 1, c->args->n - used - 1, c->args->keyword};
    }
    const j_value *item = lf__j_iterate(run, c->self, &n);
    for (int64_t i = 0; i < n && lf__j_spend(run, 1); i++) {
        j_value v = by_attribute ? path(run, item[i], c->args->v[0], j_none()) : item[i];
        if (lf__j_truth(test ? lf__j_apply(run, test, v, &rest) : v) == wanted) lf__j_push(run, &out, item[i]);
    }
    return lf__j_items_end(run, &out, J_ITER);
}
static j_value f_select(j_run *run, const j_called *c) { return chosen(run, c, false, true); }
static j_value f_reject(j_run *run, const j_called *c) { return chosen(run, c, false, false); }
static j_value f_selectattr(j_run *run, const j_called *c) { return chosen(run, c, true, true); }
static j_value f_rejectattr(j_run *run, const j_called *c) { return chosen(run, c, true, false); }

/* ---- anything ----------------------------------------------------------------------------------------------------------------------- */

static j_value f_default(j_run *run, const j_called *c)
{
    bool absent = c->self.kind == J_UNDEFINED || (flag(c, 1, false) && !lf__j_truth(c->self));
    return !absent ? c->self : j_has(c, 0) ? c->arg[0] : lf__j_text(run, "");
}

static j_value f_attr(j_run *run, const j_called *c)
{
    if (c->arg[0].kind != J_STRING) return lf__j_fail(run, LF_E_FORMAT, "attr: expected a string, got %s", lf__j_type(c->arg[0]));
    if (c->self.kind == J_DICT) { /* attributes only, no keys */
        j_value empty = lf__j_dict(run, 0, J_DICT);
        j_value method = run->failed ? empty : lf__j_attr(run, empty, c->arg[0]);
        return method.kind == J_BUILTIN ? lf__j_attr(run, c->self, c->arg[0]) : method;
    }
    return lf__j_attr(run, c->self, c->arg[0]);
}

const j_builtin lf__j_filters[] = {{"abs", f_abs, ""},
                                   {"attr", f_attr, "name"},
                                   {"batch", f_batch, "linecount fill_with="},
                                   {"capitalize", f_capitalize, ""},
                                   {"center", f_center, "width="},
                                   {"count", f_length, ""},
                                   {"d", f_default, "default_value= boolean="},
                                   {"default", f_default, "default_value= boolean="},
                                   {"dictsort", f_dictsort, "case_sensitive= by= reverse="},
                                   {"e", f_escape, ""},
                                   {"escape", f_escape, ""},
                                   {"first", f_first, ""},
                                   {"float", f_float, "default="},
                                   {"forceescape", f_escape, ""},
                                   {"format", f_format, "*"},
                                   {"from_json", f_from_json, ""},
                                   {"groupby", f_groupby, "attribute default= case_sensitive="},
                                   {"indent", f_indent, "width= first= blank="},
                                   {"int", f_int, "default= base="},
                                   {"items", f_items, ""},
                                   {"join", f_join, "d= attribute="},
                                   {"last", f_last, ""},
                                   {"length", f_length, ""},
                                   {"list", f_list, ""},
                                   {"lower", f_lower, ""},
                                   {"map", f_map, "*"},
                                   {"max", f_max, "case_sensitive= attribute="},
                                   {"min", f_min, "case_sensitive= attribute="},
                                   {"reject", f_reject, "*"},
                                   {"rejectattr", f_rejectattr, "*"},
                                   {"replace", f_replace, "old new count="},
                                   {"reverse", f_reverse, ""},
                                   {"round", f_round, "precision= method="},
                                   {"safe", f_string, ""},
                                   {"select", f_select, "*"},
                                   {"selectattr", f_selectattr, "*"},
                                   {"slice", f_slice, "slices fill_with="},
                                   {"sort", f_sort, "reverse= case_sensitive= attribute="},
                                   {"string", f_string, ""},
                                   {"sum", f_sum, "attribute= start="},
                                   {"title", f_title, ""},
                                   {"tojson", f_tojson, "indent= ensure_ascii= separators= sort_keys="},
                                   {"trim", f_trim, "chars="},
                                   {"unique", f_unique, "case_sensitive= attribute="},
                                   {"upper", f_upper, ""},
                                   {"wordcount", f_wordcount, ""},
                                   {NULL, NULL, NULL}};

/* ---- tests -------------------------------------------------------------------------------------------------------------------------- */

#define KIND_TEST(name, condition)                                                                                                         \
    static j_value name(j_run *run, const j_called *c)                                                                                     \
    {                                                                                                                                      \
        const j_value v = c->self;                                                                                                         \
        return LF_UNUSED(run), j_bool(condition);                                                                                          \
    }
KIND_TEST(t_defined, v.kind != J_UNDEFINED)
KIND_TEST(t_undefined, v.kind == J_UNDEFINED)
KIND_TEST(t_none, v.kind == J_NONE)
KIND_TEST(t_boolean, v.kind == J_BOOL)
KIND_TEST(t_true, v.kind == J_BOOL && v.b)
KIND_TEST(t_false, v.kind == J_BOOL && !v.b)
KIND_TEST(t_integer, v.kind == J_INT)
KIND_TEST(t_float, v.kind == J_FLOAT)
KIND_TEST(t_number, v.kind == J_INT || v.kind == J_FLOAT || v.kind == J_BOOL)
KIND_TEST(t_string, v.kind == J_STRING)
KIND_TEST(t_mapping, v.kind == J_DICT)
KIND_TEST(t_iterable, v.kind == J_UNDEFINED || v.kind == J_STRING || v.kind == J_DICT || v.kind == J_LOOP || j_is_list(v))
KIND_TEST(t_sequence,
          v.kind == J_UNDEFINED || v.kind == J_STRING || v.kind == J_DICT || (j_is_list(v) && v.kind != J_ITER && v.kind != J_VIEW))
KIND_TEST(t_callable, v.kind == J_MACRO || v.kind == J_BUILTIN || v.kind == J_LOOP || v.kind == J_UNDEFINED)
KIND_TEST(t_escaped, (LF_UNUSED(v), false))
#undef KIND_TEST

static j_value t_lower(j_run *run, const j_called *c) { return j_bool(lf__j_is_case(lf__j_str(run, c->self), false)); }
static j_value t_upper(j_run *run, const j_called *c) { return j_bool(lf__j_is_case(lf__j_str(run, c->self), true)); }
static j_value t_eq(j_run *run, const j_called *c) { return j_bool(lf__j_equal(run, c->self, c->arg[0])); }
static j_value t_ne(j_run *run, const j_called *c) { return j_bool(!lf__j_equal(run, c->self, c->arg[0])); }
static j_value t_in(j_run *run, const j_called *c) { return j_bool(lf__j_contains(run, c->arg[0], c->self)); }
static j_value t_lt(j_run *run, const j_called *c) { return j_bool(lf__j_compare(run, c->self, c->arg[0], "<") == -1); }
static j_value t_gt(j_run *run, const j_called *c) { return j_bool(lf__j_compare(run, c->self, c->arg[0], ">") == 1); }
static j_value t_le(j_run *run, const j_called *c) { return j_bool(lf__j_compare(run, c->self, c->arg[0], "<=") <= 0); }
static j_value t_ge(j_run *run, const j_called *c)
{
    int order = lf__j_compare(run, c->self, c->arg[0], ">=");
    return j_bool(order == 0 || order == 1);
}

static j_value t_sameas(j_run *run, const j_called *c)
{
    j_value a = c->self, b = c->arg[0];
    bool plain = a.kind <= J_STRING;
    return j_bool(a.kind == b.kind && (plain ? lf__j_equal(run, a, b) : a.list == b.list));
}

static j_value t_divisibleby(j_run *run, const j_called *c)
{
    j_value rest = lf__j_binary(run, T_MOD, c->self, c->arg[0]);
    return j_bool(lf__j_equal(run, rest, j_int(0)));
}

static j_value t_odd(j_run *run, const j_called *c)
{
    return j_bool(lf__j_equal(run, lf__j_binary(run, T_MOD, c->self, j_int(2)), j_int(1)));
}
static j_value t_even(j_run *run, const j_called *c)
{
    return j_bool(lf__j_equal(run, lf__j_binary(run, T_MOD, c->self, j_int(2)), j_int(0)));
}
static j_value t_filter(j_run *run, const j_called *c)
{
    return LF_UNUSED(run), j_bool(c->self.kind == J_STRING && lf__j_builtin(lf__j_filters, c->self.s, c->self.n));
}
static j_value t_test(j_run *run, const j_called *c)
{
    return LF_UNUSED(run), j_bool(c->self.kind == J_STRING && lf__j_builtin(lf__j_tests, c->self.s, c->self.n));
}

const j_builtin lf__j_tests[] = {{"boolean", t_boolean, ""},     {"callable", t_callable, ""},
                                 {"defined", t_defined, ""},     {"divisibleby", t_divisibleby, "num"},
                                 {"eq", t_eq, "other"},          {"==", t_eq, "other"},
                                 {"equalto", t_eq, "other"},     {"escaped", t_escaped, ""},
                                 {"even", t_even, ""},           {"false", t_false, ""},
                                 {"filter", t_filter, ""},       {"float", t_float, ""},
                                 {"ge", t_ge, "other"},          {">=", t_ge, "other"},
                                 {"gt", t_gt, "other"},          {">", t_gt, "other"},
                                 {"greaterthan", t_gt, "other"}, {"in", t_in, "seq"},
                                 {"integer", t_integer, ""},     {"iterable", t_iterable, ""},
                                 {"le", t_le, "other"},          {"<=", t_le, "other"},
                                 {"lower", t_lower, ""},         {"lt", t_lt, "other"},
                                 {"<", t_lt, "other"},           {"lessthan", t_lt, "other"},
                                 {"mapping", t_mapping, ""},     {"ne", t_ne, "other"},
                                 {"!=", t_ne, "other"},          {"none", t_none, ""},
                                 {"number", t_number, ""},       {"odd", t_odd, ""},
                                 {"sameas", t_sameas, "other"},  {"sequence", t_sequence, ""},
                                 {"string", t_string, ""},       {"test", t_test, ""},
                                 {"true", t_true, ""},           {"undefined", t_undefined, ""},
                                 {"upper", t_upper, ""},         {NULL, NULL, NULL}};

/* ---- functions ---------------------------------------------------------------------------------------------------------------------- */

static j_value g_range(j_run *run, const j_called *c)
{
    int64_t start = whole(run, c, 0, 0), stop = whole(run, c, 1, 0), step = whole(run, c, 2, 1), n = 0;
    if (!j_has(c, 1)) stop = start, start = 0;
    if (run->failed) return (j_value){0};
    if (step == 0) return lf__j_fail(run, LF_E_FORMAT, "range: the step is zero");
    uint64_t span = step > 0 ? (uint64_t)stop - (uint64_t)start : (uint64_t)start - (uint64_t)stop;
    uint64_t size = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    if (step > 0 ? stop > start : start > stop) {
        if ((span - 1) / size >= RANGE_MAX)
            return lf__j_fail(run, LF_E_LIMIT, "range: more than %d numbers, as many as jinja2's sandbox allows", RANGE_MAX);
        n = (int64_t)((span - 1) / size) + 1;
    }
    j_value list = lf__j_list(run, J_RANGE, n + 3);
    if (run->failed) return list;
    for (int64_t i = 0; i < n; i++) list.list->item[i] = j_int(start + i * step);
    list.list->item[n] = j_int(start), list.list->item[n + 1] = j_int(stop), list.list->item[n + 2] = j_int(step);
    list.list->n = n;
    return list;
}

/* dict(pairs or dict, key=value ...), and the same for namespace. */
static j_value made_of(j_run *run, const j_called *c, j_kind kind)
{
    j_value out = lf__j_dict(run, 4, kind);
    if (c->args->n > 1) return lf__j_fail(run, LF_E_FORMAT, "at most one argument without a name");
    if (c->args->n == 1 && c->args->v[0].kind == J_DICT) {
        const j_dict *d = c->args->v[0].dict;
        for (int64_t i = 0; i < d->n && !run->failed; i++) lf__j_put(run, out.dict, d->pair[i].key, d->pair[i].value);
    } else if (c->args->n == 1) {
        int64_t n, two;
        const j_value *pair = lf__j_iterate(run, c->args->v[0], &n);
        for (int64_t i = 0; i < n && !run->failed; i++) {
            const j_value *item = lf__j_iterate(run, pair[i], &two);
            if (two != 2) return lf__j_fail(run, LF_E_FORMAT, "a dict is made of pairs, not of %lld", (long long)two);
            lf__j_put(run, out.dict, item[0], item[1]);
        }
    }
    const j_dict *d = c->args->keyword;
    for (int64_t i = 0; d && i < d->n && !run->failed; i++) lf__j_put(run, out.dict, d->pair[i].key, d->pair[i].value);
    return out;
}
static j_value g_dict(j_run *run, const j_called *c) { return made_of(run, c, J_DICT); }
static j_value g_namespace(j_run *run, const j_called *c) { return made_of(run, c, J_NAMESPACE); }

static j_value g_raise(j_run *run, const j_called *c)
{
    j_value s = lf__j_str(run, c->arg[0]);
    return lf__j_fail(run, LF_E_FORMAT, "the template refuses this conversation: %.*s", (int)LF_MIN(s.n, 700u), s.n ? s.s : "");
}

static j_value g_strftime(j_run *run, const j_called *c)
{
    char format[128], out[512];
    struct tm tm = {0};
    time_t now = time(NULL);
    if (c->arg[0].kind != J_STRING || c->arg[0].n >= sizeof format)
        return lf__j_fail(run, LF_E_FORMAT, "strftime_now takes a format of less than %zu bytes", sizeof format);
    snprintf(format, sizeof format, "%.*s", (int)c->arg[0].n, c->arg[0].s);
    if (run->date) {
        const char *rest = strptime(run->date, "%Y-%m-%d", &tm);
        if (rest && *rest) rest = *rest == 'T' || *rest == ' ' ? strptime(rest + 1, "%H:%M:%S", &tm) : NULL;
        if (!rest || *rest)
            return lf__j_fail(run, LF_E_ARGUMENT, "\"%.40s\" is no date; expected 2024-07-26 or 2024-07-26T18:30:05", run->date);
        mktime(&tm); /* the day of the week */
    } else {
        localtime_r(&now, &tm);
    }
    locale_t locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    size_t n = locale ? strftime_l(out, sizeof out, format, &tm, locale) : 0;
    if (locale) freelocale(locale);
    return lf__j_string(run, out, n);
}

const j_builtin lf__j_functions[] = {{"dict", g_dict, "*"},
                                     {"namespace", g_namespace, "*"},
                                     {"raise_exception", g_raise, "message"},
                                     {"range", g_range, "start stop= step="},
                                     {"strftime_now", g_strftime, "format"},
                                     {NULL, NULL, NULL}};
