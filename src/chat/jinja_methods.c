/* jinja_methods.c - a.b, a[b] and a[b:c], and the methods of strings, dictionaries, lists and loops: one table a type. What would change
 * a list or a dictionary is refused, as in transformers' sandbox. */
#include "chat/jinja.h"
#include "tokenizer/unicode.h"

#include <string.h>

/* ---- arguments ---------------------------------------------------------------------------------------------------------------------- */

static bool want_string(j_run *run, j_value v, const char *what)
{
    if (v.kind == J_STRING) return true;
    if (v.kind == J_UNDEFINED)
        lf__j_undefined_error(run, v);
    else
        lf__j_fail(run, LF_E_FORMAT, "%s: expected a string, got %s", what, lf__j_type(v));
    return false;
}

static int64_t whole_or(j_run *run, const j_called *c, int i, int64_t absent)
{
    int64_t v = absent;
    if (j_has(c, i) && c->arg[i].kind != J_NONE && !lf__j_whole(c->arg[i], &v))
        lf__j_fail(run, LF_E_FORMAT, "expected a whole number, got %s", lf__j_type(c->arg[i]));
    return v;
}

j_value lf__j_pair(j_run *run, j_value a, j_value b)
{
    j_value pair = lf__j_list(run, J_TUPLE, 2);
    if (!run->failed) pair.list->item[0] = a, pair.list->item[1] = b;
    return pair;
}

/* ---- strings: case, padding, stripping ----------------------------------------------------------------------------------- */

static uint32_t class_of(int32_t cp) { return cp == 0 ? LF_IN_OTHER : lf__class_of(cp); }
static bool cased(int32_t cp) { return lf__j_upper(cp, 0) != cp || lf__j_lower(cp, 0) != cp; }
static int32_t capital(int32_t cp, int32_t before) { return before ? lf__j_lower(cp, 0) : lf__j_upper(cp, 0); }
static int32_t title(int32_t cp, int32_t before) { return cased(before) ? lf__j_lower(cp, 0) : lf__j_upper(cp, 0); }
static int32_t swapped(int32_t cp, int32_t before)
{
    return LF_UNUSED(before), lf__j_lower(cp, 0) != cp ? lf__j_lower(cp, 0) : lf__j_upper(cp, 0);
}

static j_value str_lower(j_run *run, const j_called *c) { return lf__j_mapped(run, c->self, lf__j_lower); }
static j_value str_upper(j_run *run, const j_called *c) { return lf__j_mapped(run, c->self, lf__j_upper); }
j_value lf__j_capitalize(j_run *run, j_value s) { return lf__j_mapped(run, s, capital); }
static j_value str_capitalize(j_run *run, const j_called *c) { return lf__j_capitalize(run, c->self); }
static j_value str_title(j_run *run, const j_called *c) { return lf__j_mapped(run, c->self, title); }
static j_value str_swapcase(j_run *run, const j_called *c) { return lf__j_mapped(run, c->self, swapped); }

static j_value strip(j_run *run, const j_called *c, int sides)
{
    j_value chars = j_has(c, 0) ? c->arg[0] : j_none();
    if (chars.kind != J_NONE && !want_string(run, chars, "strip")) return (j_value){0};
    return lf__j_strip(run, c->self, chars, sides);
}
static j_value str_strip(j_run *run, const j_called *c) { return strip(run, c, 3); }
static j_value str_lstrip(j_run *run, const j_called *c) { return strip(run, c, 1); }
static j_value str_rstrip(j_run *run, const j_called *c) { return strip(run, c, 2); }

static j_value padded(j_run *run, const j_called *c, char align)
{
    char fill = ' ';
    if (j_has(c, 1)) {
        if (!want_string(run, c->arg[1], "fill character")) return (j_value){0};
        if (c->arg[1].n != 1) return lf__j_fail(run, LF_E_UNSUPPORTED, "the fill character must be one ASCII character");
        fill = *c->arg[1].s;
    }
    int64_t width = whole_or(run, c, 0, 0);
    j_builder b = lf__j_begin(run);
    lf__j_add_padded(&b, c->self, width, align, fill);
    return lf__j_end(&b);
}
static j_value str_center(j_run *run, const j_called *c) { return padded(run, c, '^'); }
static j_value str_ljust(j_run *run, const j_called *c) { return padded(run, c, '<'); }
static j_value str_rjust(j_run *run, const j_called *c) { return padded(run, c, '>'); }

static j_value str_zfill(j_run *run, const j_called *c)
{
    size_t sign = c->self.n && (*c->self.s == '-' || *c->self.s == '+');
    int64_t width = whole_or(run, c, 0, 0);
    j_builder b = lf__j_begin(run);
    if (sign) lf__j_add_string(&b, lf__j_substring(c->self, 0, 1));
    j_value digits = lf__j_substring(c->self, sign, c->self.n);
    if (sign && b.start == run->text_used) return c->self;
    lf__j_add_padded(&b, digits, width - (int64_t)sign, '>', '0');
    return lf__j_end(&b);
}

/* ---- strings: questions -------------------------------------------------------------------------------------------------- */

/* All characters, and at least one, are so. */
static j_value all(const j_called *c, bool (*so)(int32_t cp))
{
    const char *p = c->self.s, *end = p + c->self.n;
    bool yes = c->self.n > 0;
    for (int32_t cp; p < end && yes; yes = so(cp)) p += lf__utf8_decode(p, end, &cp);
    return j_bool(yes);
}
static bool is_letter(int32_t cp) { return (class_of(cp) & LF_IN_LETTER) != 0; }
static bool is_digit(int32_t cp) { return cp >= '0' && cp <= '9'; }
static bool is_number(int32_t cp) { return (class_of(cp) & LF_IN_NUMBER) != 0; }
static bool is_letter_or_number(int32_t cp) { return is_letter(cp) || is_number(cp); }
static j_value str_isalpha(j_run *run, const j_called *c) { return LF_UNUSED(run), all(c, is_letter); }
static j_value str_isdigit(j_run *run, const j_called *c) { return LF_UNUSED(run), all(c, is_digit); }
static j_value str_isnumeric(j_run *run, const j_called *c) { return LF_UNUSED(run), all(c, is_number); }
static j_value str_isalnum(j_run *run, const j_called *c) { return LF_UNUSED(run), all(c, is_letter_or_number); }
static j_value str_isspace(j_run *run, const j_called *c) { return LF_UNUSED(run), all(c, lf__j_space); }
static j_value str_isascii(j_run *run, const j_called *c)
{
    return LF_UNUSED(run), j_bool(lf__j_characters(c->self.s, c->self.n) == c->self.n);
}

bool lf__j_is_case(j_value s, bool upper)
{
    bool any = false;
    for (const char *p = s.s, *end = p + s.n; p < end;) {
        int32_t cp;
        p += lf__utf8_decode(p, end, &cp);
        if (!cased(cp)) continue;
        if ((upper ? lf__j_upper(cp, 0) : lf__j_lower(cp, 0)) != cp) return false;
        any = true;
    }
    return any;
}
static j_value str_islower(j_run *run, const j_called *c) { return LF_UNUSED(run), j_bool(lf__j_is_case(c->self, false)); }
static j_value str_isupper(j_run *run, const j_called *c) { return LF_UNUSED(run), j_bool(lf__j_is_case(c->self, true)); }

/* ---- strings: parts ------------------------------------------------------------------------------------------------------ */

static bool begins(j_value s, j_value with) { return s.n >= with.n && !memcmp(s.s, with.s, with.n); }
static bool ends(j_value s, j_value with) { return s.n >= with.n && !memcmp(s.s + s.n - with.n, with.s, with.n); }

static j_value one_of(j_run *run, const j_called *c, bool (*so)(j_value s, j_value with), const char *name)
{
    j_value with = c->arg[0];
    if (with.kind != J_TUPLE) return want_string(run, with, name) ? j_bool(so(c->self, with)) : with;
    bool yes = false;
    for (int64_t i = 0; i < with.list->n && !yes; i++) yes = want_string(run, with.list->item[i], name) && so(c->self, with.list->item[i]);
    return j_bool(yes);
}
static j_value str_startswith(j_run *run, const j_called *c) { return one_of(run, c, begins, "startswith"); }
static j_value str_endswith(j_run *run, const j_called *c) { return one_of(run, c, ends, "endswith"); }

static j_value str_removeprefix(j_run *run, const j_called *c)
{
    if (!want_string(run, c->arg[0], "removeprefix")) return (j_value){0};
    return begins(c->self, c->arg[0]) ? lf__j_substring(c->self, c->arg[0].n, c->self.n) : c->self;
}
static j_value str_removesuffix(j_run *run, const j_called *c)
{
    if (!want_string(run, c->arg[0], "removesuffix")) return (j_value){0};
    return ends(c->self, c->arg[0]) ? lf__j_substring(c->self, 0, c->self.n - c->arg[0].n) : c->self;
}

/* The first (or last) place of `what` in [from, to) of s; SIZE_MAX when it is not there. A step for every 8 bytes looked at: an unlucky
 * search is that much slower than copying. */
static size_t place(j_run *run, j_value s, size_t from, size_t to, j_value what, bool last)
{
    if (to - from < what.n || run->failed) return SIZE_MAX;
    if (!last) {
        const char *p = what.n ? memmem(s.s + from, to - from, what.s, what.n) : s.s + from;
        size_t at = p ? (size_t)(p - s.s) : to;
        return lf__j_spend(run, (int64_t)((at - from) / 8 + 1)) && p ? at : SIZE_MAX;
    }
    for (size_t at = to - what.n;; at--) {
        if (what.n == 0 || (s.s[at] == *what.s && lf__j_spend(run, what.n / 64) && !memcmp(s.s + at, what.s, what.n))) return at;
        if (at == from || run->failed) return SIZE_MAX;
    }
}

static int64_t find(j_run *run, const j_called *c, bool last)
{
    if (!want_string(run, c->arg[0], "find")) return -1;
    int64_t start = whole_or(run, c, 1, 0), length = lf__j_characters(c->self.s, c->self.n);
    if (start < 0) start = LF_MAX(start + length, 0);
    if (start > length) return -1;
    size_t at = place(run, c->self, lf__j_offset(c->self.s, c->self.n, start), c->self.n, c->arg[0], last);
    return at == SIZE_MAX ? -1 : lf__j_characters(c->self.s, at);
}
static j_value str_find(j_run *run, const j_called *c) { return j_int(find(run, c, false)); }
static j_value str_rfind(j_run *run, const j_called *c) { return j_int(find(run, c, true)); }

static j_value found(j_run *run, int64_t at)
{
    return at < 0 ? lf__j_fail(run, LF_E_FORMAT, "index: the string does not have this in it") : j_int(at);
}
static j_value str_index(j_run *run, const j_called *c) { return found(run, find(run, c, false)); }
static j_value str_rindex(j_run *run, const j_called *c) { return found(run, find(run, c, true)); }

static j_value str_count(j_run *run, const j_called *c)
{
    int64_t n = 0;
    if (!want_string(run, c->arg[0], "count")) return (j_value){0};
    if (c->arg[0].n == 0) return j_int(lf__j_characters(c->self.s, c->self.n) + 1);
    for (size_t at = 0; (at = place(run, c->self, at, c->self.n, c->arg[0], false)) != SIZE_MAX; at += c->arg[0].n) n++;
    return j_int(n);
}

j_value lf__j_replace(j_run *run, j_value s, j_value old, j_value new, int64_t most)
{
    size_t at = 0, from = 0;
    j_builder b = lf__j_begin(run);
    for (; most != 0 && at <= s.n && !run->failed; most--) {
        size_t hit = place(run, s, at, s.n, old, false);
        if (hit == SIZE_MAX) break;
        if (hit > from) lf__j_add_string(&b, lf__j_substring(s, from, hit));
        if (new.n) lf__j_add_string(&b, new);
        from = hit + old.n;
        at = old.n ? from : hit + LF_MAX(lf__j_offset(s.s + hit, s.n - hit, 1), (size_t)1);
    }
    if (s.n > from) lf__j_add_string(&b, lf__j_substring(s, from, s.n));
    return lf__j_end(&b);
}
static j_value str_replace(j_run *run, const j_called *c)
{
    if (!want_string(run, c->arg[0], "replace") || !want_string(run, c->arg[1], "replace")) return (j_value){0};
    return lf__j_replace(run, c->self, c->arg[0], c->arg[1], whole_or(run, c, 2, -1));
}

/* Words between white space, at most `most` cuts. */
static void split_space(j_run *run, j_items *parts, j_value s, int64_t most)
{
    s = lf__j_strip(run, s, j_none(), 1);
    while (s.n && lf__j_spend(run, 1)) {
        if (most-- == 0) {
            lf__j_push(run, parts, s); /* the white space behind it stays */
            return;
        }
        size_t at = 0;
        for (int32_t cp; at < s.n; at += (size_t)lf__utf8_decode(s.s + at, s.s + s.n, &cp)) {
            lf__utf8_decode(s.s + at, s.s + s.n, &cp);
            if (lf__j_space(cp)) break;
        }
        lf__j_push(run, parts, lf__j_substring(s, 0, at));
        s = lf__j_strip(run, lf__j_substring(s, at, s.n), j_none(), 1);
    }
}

static void rsplit_space(j_run *run, j_items *parts, j_value s, int64_t most)
{
    s = lf__j_strip(run, s, j_none(), 2);
    while (s.n && lf__j_spend(run, 1)) {
        if (most-- == 0) {
            lf__j_push(run, parts, s);
            return;
        }
        size_t at = s.n;
        while (at > 0) {
            size_t p = at - 1;
            int32_t cp;
            while (p > 0 && (s.s[p] & 0xC0) == 0x80) p--;
            lf__utf8_decode(s.s + p, s.s + s.n, &cp);
            if (lf__j_space(cp)) break;
            at = p;
        }
        lf__j_push(run, parts, lf__j_substring(s, at, s.n));
        s = lf__j_strip(run, lf__j_substring(s, 0, at), j_none(), 2);
    }
}

static j_value split(j_run *run, const j_called *c, bool right)
{
    j_items parts = {0};
    j_value s = c->self;
    int64_t most = whole_or(run, c, 1, -1);
    if (!j_has(c, 0) || c->arg[0].kind == J_NONE) {
        (right ? rsplit_space : split_space)(run, &parts, s, most);
    } else if (want_string(run, c->arg[0], "split")) {
        if (c->arg[0].n == 0) return lf__j_fail(run, LF_E_FORMAT, "split: the separator is empty");
        for (size_t at; most != 0 && (at = place(run, s, 0, s.n, c->arg[0], right)) != SIZE_MAX; most--) {
            lf__j_push(run, &parts, right ? lf__j_substring(s, at + c->arg[0].n, s.n) : lf__j_substring(s, 0, at));
            s = right ? lf__j_substring(s, 0, at) : lf__j_substring(s, at + c->arg[0].n, s.n);
        }
        lf__j_push(run, &parts, s);
    }
    for (int64_t i = 0; right && i < parts.n / 2; i++) { /* found from the end */
        j_value t = parts.item[i];
        parts.item[i] = parts.item[parts.n - 1 - i], parts.item[parts.n - 1 - i] = t;
    }
    return lf__j_items_end(run, &parts, J_LIST);
}
static j_value str_split(j_run *run, const j_called *c) { return split(run, c, false); }
static j_value str_rsplit(j_run *run, const j_called *c) { return split(run, c, true); }

j_value lf__j_lines(j_run *run, j_value s, bool keep)
{
    j_items parts = {0};
    for (size_t at = 0, from = 0; at < s.n && lf__j_spend(run, 1); from = at) {
        size_t size = 0;
        for (int32_t cp; at < s.n; at += size) {
            size = (size_t)lf__utf8_decode(s.s + at, s.s + s.n, &cp);
            if ((cp >= 10 && cp <= 13) || (cp >= 0x1C && cp <= 0x1E) || cp == 0x85 || cp == 0x2028 || cp == 0x2029) break;
        }
        if (at < s.n && s.s[at] == '\r' && at + 1 < s.n && s.s[at + 1] == '\n') size = 2;
        size_t end = at;
        at = at < s.n ? at + size : at;
        lf__j_push(run, &parts, lf__j_substring(s, from, keep ? at : end));
    }
    return lf__j_items_end(run, &parts, J_LIST);
}
static j_value str_splitlines(j_run *run, const j_called *c) { return lf__j_lines(run, c->self, j_has(c, 0) && lf__j_truth(c->arg[0])); }

static j_value partition(j_run *run, const j_called *c, bool last)
{
    if (!want_string(run, c->arg[0], "partition")) return (j_value){0};
    if (c->arg[0].n == 0) return lf__j_fail(run, LF_E_FORMAT, "partition: the separator is empty");
    size_t at = place(run, c->self, 0, c->self.n, c->arg[0], last), end = at + c->arg[0].n;
    if (at == SIZE_MAX) at = end = last ? 0 : c->self.n;
    j_value parts = lf__j_list(run, J_TUPLE, 3);
    if (run->failed) return parts;
    parts.list->item[0] = lf__j_substring(c->self, 0, at);
    parts.list->item[1] = lf__j_substring(c->self, at, end);
    parts.list->item[2] = lf__j_substring(c->self, end, c->self.n);
    return parts;
}
static j_value str_partition(j_run *run, const j_called *c) { return partition(run, c, false); }
static j_value str_rpartition(j_run *run, const j_called *c) { return partition(run, c, true); }

j_value lf__j_join(j_run *run, j_value separator, const j_value *item, int64_t n)
{
    j_value *text = lf__j_alloc(run, (size_t)n, sizeof *text);
    for (int64_t i = 0; i < n && !run->failed; i++) text[i] = lf__j_str(run, item[i]);
    j_builder b = lf__j_begin(run);
    for (int64_t i = 0; i < n && lf__j_spend(run, 1); i++) {
        if (i && separator.n) lf__j_add_string(&b, separator);
        lf__j_add_string(&b, text[i]);
    }
    return lf__j_end(&b);
}
static j_value str_join(j_run *run, const j_called *c)
{
    int64_t n;
    const j_value *item = lf__j_iterate(run, c->arg[0], &n);
    for (int64_t i = 0; i < n && !run->failed; i++) want_string(run, item[i], "join");
    return run->failed ? (j_value){0} : lf__j_join(run, c->self, item, n);
}

/* "{} {0} {name}".format(..): fields without a format specification or a path. */
static j_value str_format(j_run *run, const j_called *c)
{
    j_value s = c->self;
    j_items pieces = {0};
    int64_t next = 0;
    for (size_t at = 0, from = 0; at <= s.n && lf__j_spend(run, 1);) {
        bool doubled = at + 1 < s.n && (s.s[at] == '{' || s.s[at] == '}') && s.s[at + 1] == s.s[at];
        if (at < s.n && !doubled && s.s[at] != '{' && s.s[at] != '}') {
            at++;
            continue;
        }
        lf__j_push(run, &pieces, lf__j_substring(s, from, at + doubled)); /* {{ stands for { */
        if (at == s.n) break;
        from = at += 2;
        if (doubled) continue;
        size_t open = at - 2, end = open;
        while (end < s.n && s.s[end] != '}') end++;
        if (s.s[open] == '}' || end == s.n) return lf__j_fail(run, LF_E_FORMAT, "format: a single \"%c\"", s.s[open]);
        j_value name = lf__j_substring(s, open + 1, end), *named = NULL;
        int64_t index = 0;
        bool number = name.n == 0 || lf__j_digits(name, &index);
        if (name.n == 0) index = next++;
        if (!number && c->args->keyword) named = lf__j_find(run, c->args->keyword, name);
        if (number ? index >= c->args->n : !named)
            return lf__j_fail(run, memchr(name.s, ':', name.n) || memchr(name.s, '!', name.n) ? LF_E_UNSUPPORTED : LF_E_FORMAT,
                              "format: no value for the field \"{%.*s}\"", (int)LF_MIN(name.n, 64u), name.s);
        lf__j_push(run, &pieces, number ? c->args->v[index] : *named);
        from = at = end + 1;
    }
    return lf__j_join(run, lf__j_text(run, ""), pieces.item, pieces.n);
}

/* ---- dictionaries, lists, loops
 * ---------------------------------------------------------------------------------------------------------- */

static j_value dict_get(j_run *run, const j_called *c)
{
    j_value *v = lf__j_find(run, c->self.dict, c->arg[0]);
    return v ? *v : j_has(c, 1) ? c->arg[1] : j_none();
}

static j_value view(j_run *run, const j_called *c, char what)
{
    const j_dict *d = c->self.dict;
    j_value list = lf__j_list(run, J_VIEW, d->n);
    for (int64_t i = 0; i < d->n && !run->failed; i++)
        list.list->item[i] = what == 'k'   ? d->pair[i].key
                             : what == 'v' ? d->pair[i].value
                                           : lf__j_pair(run, d->pair[i].key, d->pair[i].value);
    list.why = (uint8_t)what;
    return list;
}
static j_value dict_keys(j_run *run, const j_called *c) { return view(run, c, 'k'); }
static j_value dict_values(j_run *run, const j_called *c) { return view(run, c, 'v'); }
static j_value dict_items(j_run *run, const j_called *c) { return view(run, c, 'i'); }
static j_value itself(j_run *run, const j_called *c) { return LF_UNUSED(run), c->self; }

static j_value changes(j_run *run, const j_called *c)
{
    return lf__j_fail(run, LF_E_UNSUPPORTED, "this would change %s, which chat templates may not do; a namespace() can be changed",
                      lf__j_type(c->self));
}

static j_value list_count(j_run *run, const j_called *c)
{
    int64_t n = 0;
    for (int64_t i = 0; i < c->self.list->n && lf__j_spend(run, 1); i++) n += lf__j_equal(run, c->self.list->item[i], c->arg[0]);
    return j_int(n);
}
static j_value list_index(j_run *run, const j_called *c)
{
    for (int64_t i = 0; i < c->self.list->n && lf__j_spend(run, 1); i++)
        if (lf__j_equal(run, c->self.list->item[i], c->arg[0])) return j_int(i);
    return lf__j_fail(run, LF_E_FORMAT, "index: no such item");
}

static j_value loop_cycle(j_run *run, const j_called *c)
{
    if (c->args->n == 0) return lf__j_fail(run, LF_E_FORMAT, "loop.cycle takes what to cycle through");
    return c->args->v[c->self.loop->index % c->args->n];
}
static j_value loop_changed(j_run *run, const j_called *c)
{
    j_value now = lf__j_list(run, J_TUPLE, c->args->n), *last = &c->self.loop->changed;
    if (run->failed) return now;
    for (int64_t i = 0; i < c->args->n; i++) now.list->item[i] = c->args->v[i];
    bool same = last->kind == J_TUPLE && lf__j_equal(run, *last, now);
    *last = now;
    return j_bool(!same);
}

static const j_builtin string_methods[] = {{"capitalize", str_capitalize, ""},
                                           {"casefold", str_lower, ""},
                                           {"center", str_center, "width fillchar="},
                                           {"count", str_count, "sub"},
                                           {"endswith", str_endswith, "suffix"},
                                           {"find", str_find, "sub start="},
                                           {"format", str_format, "*"},
                                           {"index", str_index, "sub start="},
                                           {"isalnum", str_isalnum, ""},
                                           {"isalpha", str_isalpha, ""},
                                           {"isascii", str_isascii, ""},
                                           {"isdecimal", str_isdigit, ""},
                                           {"isdigit", str_isdigit, ""},
                                           {"islower", str_islower, ""},
                                           {"isnumeric", str_isnumeric, ""},
                                           {"isspace", str_isspace, ""},
                                           {"isupper", str_isupper, ""},
                                           {"join", str_join, "iterable"},
                                           {"ljust", str_ljust, "width fillchar="},
                                           {"lower", str_lower, ""},
                                           {"lstrip", str_lstrip, "chars="},
                                           {"partition", str_partition, "sep"},
                                           {"removeprefix", str_removeprefix, "prefix"},
                                           {"removesuffix", str_removesuffix, "suffix"},
                                           {"replace", str_replace, "old new count="},
                                           {"rfind", str_rfind, "sub start="},
                                           {"rindex", str_rindex, "sub start="},
                                           {"rjust", str_rjust, "width fillchar="},
                                           {"rpartition", str_rpartition, "sep"},
                                           {"rsplit", str_rsplit, "sep= maxsplit="},
                                           {"rstrip", str_rstrip, "chars="},
                                           {"split", str_split, "sep= maxsplit="},
                                           {"splitlines", str_splitlines, "keepends="},
                                           {"startswith", str_startswith, "prefix"},
                                           {"strip", str_strip, "chars="},
                                           {"swapcase", str_swapcase, ""},
                                           {"title", str_title, ""},
                                           {"upper", str_upper, ""},
                                           {"zfill", str_zfill, "width"},
                                           {NULL, NULL, NULL}};
static const j_builtin dict_methods[] = {
    {"copy", itself, ""},         {"get", dict_get, "key default="}, {"items", dict_items, ""}, {"keys", dict_keys, ""},
    {"values", dict_values, ""},  {"clear", changes, "*"},           {"pop", changes, "*"},     {"popitem", changes, "*"},
    {"setdefault", changes, "*"}, {"update", changes, "*"},          {NULL, NULL, NULL}};
static const j_builtin list_methods[] = {{"copy", itself, ""},      {"count", list_count, "value"}, {"index", list_index, "value"},
                                         {"append", changes, "*"},  {"clear", changes, "*"},        {"extend", changes, "*"},
                                         {"insert", changes, "*"},  {"pop", changes, "*"},          {"remove", changes, "*"},
                                         {"reverse", changes, "*"}, {"sort", changes, "*"},         {NULL, NULL, NULL}};
static const j_builtin tuple_methods[] = {{"count", list_count, "value"}, {"index", list_index, "value"}, {NULL, NULL, NULL}};
static const j_builtin loop_methods[] = {{"cycle", loop_cycle, "*"}, {"changed", loop_changed, "*"}, {NULL, NULL, NULL}};

static j_value method(j_run *run, j_value v, j_value name)
{
    const j_builtin *table = v.kind == J_STRING                       ? string_methods
                             : v.kind == J_DICT                       ? dict_methods
                             : v.kind == J_LIST                       ? list_methods
                             : v.kind == J_TUPLE || v.kind == J_RANGE ? tuple_methods
                             : v.kind == J_LOOP                       ? loop_methods
                                                                      : NULL;
    const j_builtin *b = table && name.kind == J_STRING ? lf__j_builtin(table, name.s, name.n) : NULL;
    j_bound *bound = b ? lf__j_alloc(run, 1, sizeof *bound) : NULL;
    if (!bound) return (j_value){0};
    *bound = (j_bound){b, v};
    return (j_value){.kind = J_BUILTIN, .bound = bound};
}

/* ---- a.b, a[b], a[b:c]
 * --------------------------------------------------------------------------------------------------------------------- */

j_value lf__j_attr(j_run *run, j_value a, j_value name)
{
    if (a.kind == J_UNDEFINED) return lf__j_undefined_error(run, a);
    if (a.kind == J_NAMESPACE) {
        j_value *v = lf__j_find(run, a.dict, name);
        return v ? *v : lf__j_undefined(run, J_WHY_ATTR, name);
    }
    j_value m = method(run, a, name);
    if (m.kind == J_BUILTIN || run->failed) return m;
    if (a.kind == J_LOOP) return lf__j_loop_attr(run, a.loop, name);
    j_value *v = a.kind == J_DICT ? lf__j_find(run, a.dict, name) : NULL;
    return v ? *v : lf__j_undefined(run, J_WHY_ATTR, name);
}

j_value lf__j_item(j_run *run, j_value a, j_value key)
{
    int64_t i;
    if (a.kind == J_UNDEFINED) return lf__j_undefined_error(run, a);
    if (a.kind == J_DICT) {
        j_value *v = lf__j_find(run, a.dict, key);
        if (v || run->failed) return v ? *v : (j_value){0};
    }
    bool sequence = a.kind == J_STRING || a.kind == J_LIST || a.kind == J_TUPLE || a.kind == J_RANGE;
    if (sequence && lf__j_whole(key, &i)) {
        int64_t n = lf__j_length(run, a), at = i < 0 ? i + n : i;
        if (at < 0 || at >= n) return lf__j_undefined(run, J_WHY_ITEM, key);
        if (a.kind != J_STRING) return a.list->item[at];
        size_t from = lf__j_offset(a.s, a.n, at);
        return lf__j_substring(a, from, from + lf__j_offset(a.s + from, a.n - from, 1));
    }
    return key.kind == J_STRING ? lf__j_attr(run, a, key) : lf__j_undefined(run, J_WHY_ITEM, key);
}

/* Python's slice.indices: what is left of start and stop for n items. */
static int64_t clamp(int64_t v, int64_t n, int64_t step)
{
    if (v < 0) v = v < -n ? -1 : v + n;
    if (v < 0) return step < 0 ? -1 : 0;
    return v >= n ? (step < 0 ? n - 1 : n) : v;
}

j_value lf__j_slice(j_run *run, j_value a, const j_value *part)
{
    int64_t v[3] = {0, 0, 1}, n = 0;
    if (a.kind == J_UNDEFINED) return lf__j_undefined_error(run, a);
    if (a.kind != J_STRING && a.kind != J_LIST && a.kind != J_TUPLE && a.kind != J_RANGE)
        return lf__j_fail(run, LF_E_FORMAT, "%s cannot be sliced", lf__j_type(a));
    for (int i = 0; i < 3; i++)
        if (part[i].kind != J_NONE && !lf__j_whole(part[i], &v[i]))
            return lf__j_fail(run, LF_E_FORMAT, "the parts of a slice are whole numbers, not %s", lf__j_type(part[i]));
    int64_t step = v[2];
    if (step == 0) return lf__j_fail(run, LF_E_FORMAT, "a slice with step zero");
    n = lf__j_length(run, a);
    int64_t from = part[0].kind == J_NONE ? (step < 0 ? n - 1 : 0) : clamp(v[0], n, step);
    int64_t to = part[1].kind == J_NONE ? (step < 0 ? -1 : n) : clamp(v[1], n, step);
    if (a.kind == J_STRING && step == 1) {
        size_t begin = lf__j_offset(a.s, a.n, from), end = to > from ? begin + lf__j_offset(a.s + begin, a.n - begin, to - from) : begin;
        return lf__j_substring(a, begin, end);
    }
    const j_value *item = lf__j_iterate(run, a, &n);
    j_items items = {0};
    for (int64_t i = from; (step > 0 ? i < to : i > to) && lf__j_spend(run, 1);) {
        lf__j_push(run, &items, item[i]);
        if (__builtin_add_overflow(i, step, &i)) break;
    }
    if (a.kind == J_STRING) return lf__j_join(run, lf__j_text(run, ""), items.item, items.n);
    return lf__j_items_end(run, &items, a.kind == J_TUPLE ? J_TUPLE : J_LIST);
}
