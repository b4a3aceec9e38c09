/* jinja_value.c - what expressions work on: Python's None, bool, int (64 bits, overflow is an error), float, str, list, tuple and dict,
 * jinja2's undefined, and a few things that can only be looked at. Everything a value points to lies in the memory of its run and is
 * never changed but in three places: a dictionary while it is made, a namespace, and an iterator that is used up. */
#include "chat/jinja.h"

#include <math.h>
#include <string.h>

/* ---- strings ----------------------------------------------------------------------------------------------------------------------- */

/* Room for n more bytes at the end of the run's text, without taking it. */
static char *text_room(j_run *run, size_t n)
{
    if (!lf__j_spend(run, (int64_t)(n / 64))) return NULL;
    if (n > run->text_size - run->text_used) {
        lf__j_fail(run, LF_E_LIMIT, "the strings of this render need more than %zu bytes", run->text_size);
        return NULL;
    }
    return run->text + run->text_used;
}

static j_value new_string(j_run *run, const char *bytes, size_t n, char mark)
{
    char *p = text_room(run, n);
    if (!p) return (j_value){0};
    memcpy(p, bytes, n);
    memset(p + run->text_size, mark, n);
    run->text_used += n;
    return (j_value){.kind = J_STRING, .n = (uint32_t)n, .s = p};
}

j_value lf__j_string(j_run *run, const char *bytes, size_t n) { return new_string(run, bytes, n, 0); }
j_value lf__j_text(j_run *run, const char *text) { return new_string(run, text, strlen(text), 0); }
j_value lf__j_user_string(j_run *run, const char *bytes, size_t n) { return new_string(run, bytes, n, 1); }

j_value lf__j_substring(j_value s, size_t from, size_t to)
{
    return (j_value){.kind = J_STRING, .n = (uint32_t)(to - from), .s = s.s + from};
}

j_builder lf__j_begin(j_run *run) { return (j_builder){run, run->text_used}; }

void lf__j_add(j_builder *b, const char *bytes, size_t n) { new_string(b->run, bytes, n, 0); }

void lf__j_add_like(j_builder *b, const char *bytes, size_t n, j_value s) { new_string(b->run, bytes, n, s.n ? *j_marks(b->run, s) : 0); }

void lf__j_add_string(j_builder *b, j_value s)
{
    j_run *run = b->run;
    if (s.kind != J_STRING) return;
    if (b->start == run->text_used && s.s + s.n == run->text + run->text_used) { /* the last string made: it grows in place */
        b->start = (size_t)(s.s - run->text);
        return;
    }
    char *p = text_room(run, s.n);
    if (!p) return;
    memcpy(p, s.s, s.n);
    memcpy(p + run->text_size, j_marks(run, s), s.n);
    run->text_used += s.n;
}

void lf__j_addf(j_builder *b, const char *format, ...)
{
    char out[512];
    va_list args;
    va_start(args, format);
    int n = lf__vsnprintf(out, sizeof out, format, args);
    va_end(args);
    lf__j_add(b, out, LF_MIN((size_t)LF_MAX(n, 0), sizeof out - 1));
}

j_value lf__j_end(j_builder *b)
{
    j_run *run = b->run;
    if (run->failed) return (j_value){0};
    return (j_value){.kind = J_STRING, .n = (uint32_t)(run->text_used - b->start), .s = run->text + b->start};
}

j_value lf__j_str(j_run *run, j_value v)
{
    if (v.kind == J_STRING) return v;
    j_builder b = lf__j_begin(run);
    lf__j_add_value(&b, v);
    return lf__j_end(&b);
}

/* ---- lists and dictionaries ---------------------------------------------------------------------------------------------------------- */

j_value lf__j_list(j_run *run, j_kind kind, int64_t n)
{
    j_list *list = lf__j_alloc(run, 1, sizeof *list);
    j_value *item = lf__j_alloc(run, (size_t)n, sizeof *item);
    if (!list || !item) return (j_value){0};
    *list = (j_list){.n = n, .item = item};
    return (j_value){.kind = (uint8_t)kind, .list = list};
}

void lf__j_push(j_run *run, j_items *items, j_value v)
{
    if (items->n == items->cap) {
        int64_t cap = LF_MAX(8, items->cap * 2);
        j_value *item = lf__j_alloc(run, (size_t)cap, sizeof *item);
        if (!item) return;
        if (items->n) memcpy(item, items->item, (size_t)items->n * sizeof *item);
        items->item = item, items->cap = cap;
    }
    items->item[items->n++] = v;
}

j_value lf__j_items_end(j_run *run, j_items *items, j_kind kind)
{
    j_list *list = lf__j_alloc(run, 1, sizeof *list);
    if (!list) return (j_value){0};
    *list = (j_list){.n = items->n, .item = items->item};
    return (j_value){.kind = (uint8_t)kind, .list = list};
}

j_value lf__j_dict(j_run *run, int64_t cap, j_kind kind)
{
    j_dict *dict = lf__j_alloc(run, 1, sizeof *dict);
    j_pair *pair = lf__j_alloc(run, (size_t)cap, sizeof *pair);
    if (!dict || !pair) return (j_value){0};
    *dict = (j_dict){.cap = cap, .pair = pair};
    return (j_value){.kind = (uint8_t)kind, .dict = dict};
}

j_value *lf__j_find(j_run *run, const j_dict *d, j_value key)
{
    if (!lf__j_spend(run, d->n / 16)) return NULL;
    for (int64_t i = 0; i < d->n; i++) {
        const j_value *k = &d->pair[i].key;
        if (key.kind == J_STRING ? k->kind == J_STRING && k->n == key.n && !memcmp(k->s, key.s, key.n) : lf__j_equal(run, *k, key))
            return &d->pair[i].value;
    }
    return NULL;
}

j_value *lf__j_find_text(j_run *run, const j_dict *d, const char *key)
{
    return lf__j_find(run, d, (j_value){.kind = J_STRING, .n = (uint32_t)strlen(key), .s = key});
}

static bool is_key(j_run *run, j_value v)
{
    bool is = v.kind != J_LIST && v.kind != J_DICT && v.kind != J_VIEW;
    if (!is) lf__j_fail(run, LF_E_FORMAT, "%s cannot be a key of a dictionary", lf__j_type(v));
    return is;
}

void lf__j_put(j_run *run, j_dict *d, j_value key, j_value value)
{
    j_value *old = is_key(run, key) ? lf__j_find(run, d, key) : NULL;
    if (run->failed) return;
    if (old) {
        *old = value;
        return;
    }
    if (d->n == d->cap) {
        int64_t cap = LF_MAX(8, d->cap * 2);
        j_pair *pair = lf__j_alloc(run, (size_t)cap, sizeof *pair);
        if (!pair) return;
        if (d->n) memcpy(pair, d->pair, (size_t)d->n * sizeof *pair);
        d->pair = pair, d->cap = cap;
    }
    d->pair[d->n++] = (j_pair){key, value};
}

/* ---- undefined ----------------------------------------------------------------------------------------------------------- */

j_value lf__j_undefined(j_run *run, j_why why, j_value name)
{
    j_value v = {.kind = J_UNDEFINED, .why = (uint8_t)why};
    if (name.kind == J_STRING)
        v.s = name.s, v.n = name.n;
    else if (name.kind == J_INT)
        v = (j_value){.kind = J_UNDEFINED, .why = J_WHY_ITEM, .i = name.i, .n = UINT32_MAX};
    LF_UNUSED(run);
    return v;
}

j_value lf__j_undefined_error(j_run *run, j_value v)
{
    char name[80] = "it";
    if (v.n == UINT32_MAX)
        snprintf(name, sizeof name, "item %lld", (long long)v.i);
    else if (v.s)
        snprintf(name, sizeof name, "\"%.*s\"", (int)LF_MIN(v.n, 70u), v.s);
    static const char *const why[] = {[J_WHY_NAME] = "is undefined",
                                      [J_WHY_ATTR] = "is not there: what was asked for it has no such attribute or key",
                                      [J_WHY_ITEM] = "is not there: what was asked for it has no such item",
                                      [J_WHY_PARAM] = "was not given: a parameter without a default",
                                      [J_WHY_EMPTY] = "is undefined: the sequence was empty",
                                      [J_WHY_ELSE] = "is undefined: an \"if\" without \"else\" was false"};
    return lf__j_fail(run, LF_E_FORMAT, "%s %s", name, why[v.why]);
}

/* ---- questions ----------------------------------------------------------------------------------------------------------- */

const char *lf__j_type(j_value v)
{
    static const char *const names[] = {[J_UNDEFINED] = "an undefined value",
                                        [J_NONE] = "None",
                                        [J_BOOL] = "a bool",
                                        [J_INT] = "an int",
                                        [J_FLOAT] = "a float",
                                        [J_STRING] = "a string",
                                        [J_LIST] = "a list",
                                        [J_TUPLE] = "a tuple",
                                        [J_VIEW] = "a view of a dict",
                                        [J_RANGE] = "a range",
                                        [J_ITER] = "a generator",
                                        [J_DICT] = "a dict",
                                        [J_NAMESPACE] = "a namespace",
                                        [J_MACRO] = "a macro",
                                        [J_BUILTIN] = "a function",
                                        [J_LOOP] = "a loop"};
    return names[v.kind];
}

bool lf__j_truth(j_value v)
{
    switch (v.kind) {
    case J_UNDEFINED:
    case J_NONE: return false;
    case J_BOOL: return v.b;
    case J_INT: return v.i != 0;
    case J_FLOAT: return v.f != 0;
    case J_STRING: return v.n != 0;
    case J_LIST:
    case J_TUPLE:
    case J_VIEW:
    case J_RANGE: return v.list->n != 0;
    case J_DICT: return v.dict->n != 0;
    default: return true;
    }
}

bool lf__j_whole(j_value v, int64_t *i)
{
    if (v.kind != J_INT && v.kind != J_BOOL) return false;
    return *i = v.kind == J_INT ? v.i : v.b, true;
}

bool lf__j_number(j_value v, double *f)
{
    int64_t i;
    if (v.kind == J_FLOAT) return *f = v.f, true;
    return lf__j_whole(v, &i) ? (*f = (double)i, true) : false;
}

/* A whole number against a float, exactly: -1, 0, 1, or 2 for NaN. */
static int compare_int_float(int64_t i, double f)
{
    if (isnan(f)) return 2;
    if (f >= 0x1p63) return -1;
    if (f < -0x1p63) return 1;
    int64_t whole = (int64_t)f;
    if (i != whole) return i < whole ? -1 : 1;
    double rest = f - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

static int compare_numbers(j_value a, j_value b)
{
    int64_t i, j;
    bool wa = lf__j_whole(a, &i), wb = lf__j_whole(b, &j);
    if (wa && wb) return (i > j) - (i < j);
    if (wa) return compare_int_float(i, b.f);
    if (wb) {
        int c = compare_int_float(j, a.f);
        return c == 2 ? 2 : -c;
    }
    return isnan(a.f) || isnan(b.f) ? 2 : (a.f > b.f) - (a.f < b.f);
}

static bool is_number(j_value v) { return v.kind == J_INT || v.kind == J_FLOAT || v.kind == J_BOOL; }

static int compare_strings(j_value a, j_value b)
{
    int c = memcmp(a.s, b.s, LF_MIN(a.n, b.n)); /* the order of UTF-8 is the order of code points */
    return c ? (c > 0) - (c < 0) : (a.n > b.n) - (a.n < b.n);
}

/* Deep structures spend depth as evaluation does. */
static bool enter(j_run *run)
{
    if (!lf__j_spend(run, 1)) return false;
    if (run->depth < run->depth_max) return run->depth++, true;
    lf__j_fail(run, LF_E_LIMIT, "values nest more than %d levels deep", run->depth_max);
    return false;
}

bool lf__j_equal(j_run *run, j_value a, j_value b)
{
    if (is_number(a) && is_number(b)) return compare_numbers(a, b) == 0;
    if (a.kind != b.kind) return false;
    bool same = true;
    switch (a.kind) {
    case J_UNDEFINED:
    case J_NONE: return true;
    case J_STRING: return a.n == b.n && (a.s == b.s || (lf__j_spend(run, a.n / 64) && !memcmp(a.s, b.s, a.n)));
    case J_LIST:
    case J_TUPLE:
    case J_RANGE:
        if (a.list == b.list) return true;
        if (a.list->n != b.list->n || !enter(run)) return false;
        for (int64_t i = 0; i < a.list->n && same; i++) same = lf__j_equal(run, a.list->item[i], b.list->item[i]);
        break;
    case J_DICT:
        if (a.dict == b.dict) return true;
        if (a.dict->n != b.dict->n || !enter(run)) return false;
        for (int64_t i = 0; i < a.dict->n && same; i++) {
            j_value *other = lf__j_find(run, b.dict, a.dict->pair[i].key);
            same = other && lf__j_equal(run, a.dict->pair[i].value, *other);
        }
        break;
    default: return a.list == b.list;
    }
    run->depth--;
    return same && !run->failed;
}

int lf__j_compare(j_run *run, j_value a, j_value b, const char *op)
{
    if (is_number(a) && is_number(b)) return compare_numbers(a, b);
    if (a.kind == J_STRING && b.kind == J_STRING) return lf__j_spend(run, LF_MIN(a.n, b.n) / 64), compare_strings(a, b);
    if (a.kind == J_UNDEFINED || b.kind == J_UNDEFINED) return lf__j_undefined_error(run, a.kind == J_UNDEFINED ? a : b), 0;
    if (a.kind == b.kind && (a.kind == J_LIST || a.kind == J_TUPLE)) {
        int c = 0;
        if (!enter(run)) return 0;
        int64_t n = LF_MIN(a.list->n, b.list->n), i = 0;
        while (i < n && lf__j_equal(run, a.list->item[i], b.list->item[i])) i++;
        c = i < n ? lf__j_compare(run, a.list->item[i], b.list->item[i], op) : (a.list->n > b.list->n) - (a.list->n < b.list->n);
        run->depth--;
        return c;
    }
    lf__j_fail(run, LF_E_FORMAT, "%s and %s have no order: \"%s\" is not possible between them", lf__j_type(a), lf__j_type(b), op);
    return 0;
}

bool lf__j_contains(j_run *run, j_value container, j_value item)
{
    if (container.kind == J_STRING) {
        if (item.kind == J_UNDEFINED) return lf__j_undefined_error(run, item), false;
        if (item.kind != J_STRING)
            return lf__j_fail(run, LF_E_FORMAT, "in a string there are strings only; this is %s", lf__j_type(item)), false;
        return lf__j_spend(run, container.n / 8) && memmem(container.s, container.n, item.s, item.n) != NULL;
    }
    if (container.kind == J_DICT) return is_key(run, item) && lf__j_find(run, container.dict, item);
    int64_t n;
    const j_value *v = lf__j_iterate(run, container, &n);
    for (int64_t i = 0; i < n; i++)
        if (!lf__j_spend(run, 1) || lf__j_equal(run, v[i], item)) return !run->failed;
    return false;
}

int64_t lf__j_length(j_run *run, j_value v)
{
    switch (v.kind) {
    case J_UNDEFINED: return 0;
    case J_STRING: return lf__j_spend(run, v.n / 64), lf__j_characters(v.s, v.n);
    case J_LIST:
    case J_TUPLE:
    case J_VIEW:
    case J_RANGE: return v.list->n;
    case J_DICT: return v.dict->n;
    default: lf__j_fail(run, LF_E_FORMAT, "%s has no length", lf__j_type(v)); return -1;
    }
}

const j_value *lf__j_iterate(j_run *run, j_value v, int64_t *n)
{
    j_items items = {0};
    *n = 0;
    switch (v.kind) {
    case J_UNDEFINED: return NULL;
    case J_LIST:
    case J_TUPLE:
    case J_VIEW:
    case J_RANGE: return *n = v.list->n, v.list->item;
    case J_ITER: {
        int64_t from = v.list->next;
        *n = v.list->n - from, v.list->next = v.list->n;
        return v.list->item ? v.list->item + from : NULL;
    }
    case J_DICT:
        for (int64_t i = 0; i < v.dict->n; i++) lf__j_push(run, &items, v.dict->pair[i].key);
        break;
    case J_STRING:
        for (size_t at = 0, size; at < v.n && lf__j_spend(run, 1); at += size) {
            size = lf__j_offset(v.s + at, v.n - at, 1);
            lf__j_push(run, &items, lf__j_substring(v, at, at + size));
        }
        break;
    default: lf__j_fail(run, LF_E_FORMAT, "%s cannot be iterated over", lf__j_type(v));
    }
    if (run->failed) return NULL;
    return *n = items.n, items.item;
}

/* ---- as text ------------------------------------------------------------------------------------------------------------- */

/* Python's repr of a float: the fewest digits that read back as the same number. */
static void add_float(j_builder *b, double f)
{
    char digits[40], plain[40];
    double back = 0;
    if (isnan(f) || isinf(f)) {
        lf__j_addf(b, "%s", isnan(f) ? "nan" : f > 0 ? "inf" : "-inf");
        return;
    }
    /* What has 15 digits or fewer comes back from 15; subnormal numbers have fewer. */
    for (int precision = fabs(f) < 0x1p-1022 ? 0 : 14; precision <= 16; precision++) {
        lf_buf buf;
        lf__buf_init(&buf, sizeof digits - 1);
        lf__buf_printf(&buf, "%.*e", precision, f);
        snprintf(digits, sizeof digits, "%s", buf.data ? buf.data : "0");
        lf__buf_release(&buf);
        if (lf__parse_double(digits, "", -HUGE_VAL, HUGE_VAL, &back, NULL) == 0 && back == f) break;
    }
    char *e = strchr(digits, 'e'), *d = digits + (digits[0] == '-');
    int64_t exponent = 0;
    if (!e || lf__parse_int(e + 1, "", -400, 400, &exponent, NULL)) return;
    size_t n = 0;
    for (char *p = d; p < e; p++)
        if (*p != '.') plain[n++] = *p;
    while (n > 1 && plain[n - 1] == '0') n--;
    if (digits[0] == '-') lf__j_add(b, "-", 1);
    if (exponent < -4 || exponent >= 16) {
        lf__j_addf(b, n > 1 ? "%c.%.*se%c%02d" : "%c%.*se%c%02d", plain[0], (int)n - 1, plain + 1, exponent < 0 ? '-' : '+',
                   (int)(exponent < 0 ? -exponent : exponent));
    } else if (exponent < 0) {
        lf__j_addf(b, "0.%.*s%.*s", (int)-exponent - 1, "0000", (int)n, plain);
    } else {
        int whole = (int)exponent + 1, have = LF_MIN((int)n, whole);
        lf__j_addf(b, "%.*s%.*s.%.*s", have, plain, whole - have, "0000000000000000", LF_MAX((int)n - whole, 1),
                   (int)n > whole ? plain + whole : "0");
    }
}

static void add_quoted(j_builder *b, j_value s)
{
    bool single = memchr(s.s, '\'', s.n) != NULL, twice = memchr(s.s, '"', s.n) != NULL;
    char quote = single && !twice ? '"' : '\'';
    lf__j_add(b, &quote, 1);
    for (size_t at = 0, from = 0; at <= s.n && !b->run->failed;) {
        int32_t cp = 0;
        int size = at < s.n ? lf__utf8_decode(s.s + at, s.s + s.n, &cp) : 0;
        bool plain = size && cp != quote && cp != '\\' && lf__j_printable(cp);
        if (!plain) {
            if (at > from) lf__j_add_string(b, lf__j_substring(s, from, at));
            from = at + (size_t)size;
            if (size == 0) break;
            char out[12];
            if (cp == quote || cp == '\\')
                snprintf(out, sizeof out, "\\%c", (char)cp);
            else if (cp == '\n' || cp == '\r' || cp == '\t')
                snprintf(out, sizeof out, "\\%c", cp == '\n' ? 'n' : cp == '\r' ? 'r' : 't');
            else
                snprintf(out, sizeof out, cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)cp);
            lf__j_add_like(b, out, strlen(out), lf__j_substring(s, at, s.n));
        }
        at += (size_t)size;
    }
    lf__j_add(b, &quote, 1);
}

static void add_items(j_builder *b, const char *open, const j_value *item, int64_t n, const char *close)
{
    lf__j_addf(b, "%s", open);
    for (int64_t i = 0; i < n && !b->run->failed; i++) {
        if (i) lf__j_add(b, ", ", 2);
        lf__j_add_repr(b, item[i]);
    }
    lf__j_addf(b, "%s", close);
}

static void add_pairs(j_builder *b, const char *open, const j_dict *d, const char *close)
{
    lf__j_addf(b, "%s", open);
    for (int64_t i = 0; i < d->n && !b->run->failed; i++) {
        if (i) lf__j_add(b, ", ", 2);
        lf__j_add_repr(b, d->pair[i].key);
        lf__j_add(b, ": ", 2);
        lf__j_add_repr(b, d->pair[i].value);
    }
    lf__j_addf(b, "%s", close);
}

void lf__j_add_repr(j_builder *b, j_value v)
{
    const j_list *list = v.list;
    if (!enter(b->run)) return;
    switch (v.kind) {
    case J_UNDEFINED: lf__j_add(b, "Undefined", 9); break;
    case J_STRING: add_quoted(b, v); break;
    case J_NONE: lf__j_add(b, "None", 4); break;
    case J_BOOL: lf__j_addf(b, "%s", v.b ? "True" : "False"); break;
    case J_INT: lf__j_addf(b, "%lld", (long long)v.i); break;
    case J_FLOAT: add_float(b, v.f); break;
    case J_LIST: add_items(b, "[", list->item, list->n, "]"); break;
    case J_TUPLE: add_items(b, "(", list->item, list->n, list->n == 1 ? ",)" : ")"); break;
    case J_VIEW:
        lf__j_addf(b, "dict_%s", v.why == 'k' ? "keys" : v.why == 'v' ? "values" : "items");
        add_items(b, "([", list->item, list->n, "])");
        break;
    case J_RANGE: { /* start, stop and step lie behind the items */
        const j_value *r = list->item + list->n;
        lf__j_addf(b, r[2].i == 1 ? "range(%lld, %lld)" : "range(%lld, %lld, %lld)", (long long)r[0].i, (long long)r[1].i,
                   (long long)r[2].i);
        break;
    }
    case J_DICT: add_pairs(b, "{", v.dict, "}"); break;
    case J_NAMESPACE: add_pairs(b, "<Namespace {", v.dict, "}>"); break;
    default: lf__j_addf(b, "<%s>", strchr(lf__j_type(v), ' ') + 1); break;
    }
    b->run->depth--;
}

void lf__j_add_value(j_builder *b, j_value v)
{
    if (v.kind == J_STRING)
        lf__j_add_string(b, v);
    else if (v.kind != J_UNDEFINED)
        lf__j_add_repr(b, v);
}
