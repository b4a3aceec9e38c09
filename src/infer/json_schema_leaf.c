/* json_schema_leaf.c - the leaves of a JSON Schema as expressions of GBNF: numbers between two bounds, digit by digit, the regular
 * expressions of `pattern`, constants, formats. Not the structure (json_schema.c). Pure functions of their arguments; recursion is bounded
 * by the number of digits, the depth of groups and that of a document. */
#include "infer/json_schema.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

void lf__schema_literal(lf_buf *out, const char *text, size_t n)
{
    lf__buf_puts(out, "\"");
    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)text[i];
        if (c == '"' || c == '\\')
            lf__buf_printf(out, "\\%c", c);
        else if (c < 0x20)
            lf__buf_printf(out, "\\x%02x", c);
        else
            lf__buf_add(out, text + i, 1);
    }
    lf__buf_puts(out, "\"");
}

/* ---- numbers ------------------------------------------------------------------------------------------------------------- */

/* The fewest digits that read back as the same double; 1.5e+00 or 1.5. */
static void shortest(char out[40], double x, bool scientific)
{
    lf_buf b;
    double back;
    lf__buf_init(&b, 64);
    for (int digits = 1; digits <= 17; digits++) {
        lf__buf_reset(&b);
        lf__buf_printf(&b, scientific ? "%.*e" : "%.*g", digits - scientific, x);
        snprintf(out, 40, "%s", b.data ? b.data : "");
        if (!lf__parse_double(out, "a number", -1e308, 1e308, &back, NULL) && back == x) break;
    }
    lf__buf_release(&b);
}

void lf__schema_number_text(char out[40], const json_t *number)
{
    if (json_is_integer(number)) {
        snprintf(out, 40, "%lld", (long long)json_integer_value(number));
        return;
    }
    shortest(out, json_real_value(number), false);
    if (!strpbrk(out, ".e")) strcat(out, ".0");
}

/* A magnitude in decimal: digit i counts 10^(whole - 1 - i). No zeros in front, but one digit before the point. */
typedef struct decimal {
    uint8_t digit[64];
    int whole, n;
} decimal;

static int digit_of(const decimal *d, int i) { return i < d->n ? d->digit[i] : 0; }

static bool zeros_from(const decimal *d, int i)
{
    while (i < d->n && d->digit[i] == 0) i++;
    return i >= d->n;
}

/* False: more digits than we take on either side of the point. */
static bool decimal_of(decimal *d, const json_t *number)
{
    char text[40];
    int exponent = 0, n = 0;
    *d = (decimal){0};
    if (json_is_integer(number))
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(number));
    else
        shortest(text, json_real_value(number), true);
    char *e = strchr(text, 'e'), *p = text + (*text == '-'), digits[40];
    if (e) exponent = atoi(e + 1), *e = 0;
    for (; *p; p++)
        if (*p != '.') digits[n++] = *p;
    int whole = e ? exponent + 1 : n; /* digits before the point */
    while (n > 1 && digits[n - 1] == '0' && n > whole) n--;
    if (whole > LF_SCHEMA_DIGITS || n - whole > LF_SCHEMA_DIGITS) return false;
    for (; whole < 1; whole++) d->n++; /* 0.00 in front */
    for (int i = 0; i < n; i++) d->digit[d->n++] = (uint8_t)(digits[i] - '0');
    while (d->n < whole) d->n++;
    d->whole = whole;
    return true;
}

/* Texts of one length before the point that lie between lo and hi. */
typedef struct span {
    lf_buf *out;
    const decimal *lo, *hi;
    int whole; /* digits before the point */
    bool lo_open, hi_open, fractions;
} span;

static bool digits(const span *s, int at, bool low, bool high);

static void digit_class(lf_buf *out, int from, int to)
{
    if (from == to)
        lf__buf_printf(out, "\"%d\"", from);
    else
        lf__buf_printf(out, "[%d-%d]", from, to);
}

/* One digit in from..to and what follows it, as an alternative behind those written since `begun`; false: there is none. */
static bool alternative(const span *s, size_t begun, int at, int from, int to, bool low, bool high)
{
    size_t mark = s->out->len;
    if (from > to) return false;
    if (mark > begun) lf__buf_puts(s->out, " | ");
    digit_class(s->out, from, to);
    lf__buf_puts(s->out, " ");
    if (digits(s, at + 1, low, high)) return true;
    s->out->len = mark;
    return false;
}

static bool next_digit(const span *s, int at, bool low, bool high)
{
    int a = low ? digit_of(s->lo, at) : 0, b = high ? digit_of(s->hi, at) : 9;
    size_t begun = s->out->len;
    if (a > b) return false;
    if (a == b && low && high) return alternative(s, begun, at, a, a, true, true);
    if (low) alternative(s, begun, at, a, a, true, false);
    alternative(s, begun, at, a + low, b - high, false, false);
    if (high) alternative(s, begun, at, b, b, false, true);
    return s->out->len > begun;
}

/* What may follow `at` digits that were those of lo (low) and of hi (high). False: nothing, not even the end. */
static bool digits(const span *s, int at, bool low, bool high)
{
    size_t mark = s->out->len;
    bool behind = at >= s->whole, point = at == s->whole;
    if (!low && !high && !behind) {
        lf__buf_printf(s->out, "[0-9]{%d}", s->whole - at);
        if (s->fractions) lf__buf_printf(s->out, " (\".\" [0-9]{1,%d})?", LF_SCHEMA_DIGITS);
        return true;
    }
    if (!behind) {
        lf__buf_puts(s->out, "(");
        bool any = next_digit(s, at, low, high);
        lf__buf_puts(s->out, ")");
        if (!any) s->out->len = mark;
        return any;
    }
    if (low && !s->lo_open && zeros_from(s->lo, at)) low = false; /* reached, whatever follows */
    const char *open = point ? "(\".\" " : "", *close = point ? ")?" : "";
    if (high && zeros_from(s->hi, at)) { /* no digit but 0 */
        if (s->hi_open || low) return false;
        if (s->fractions) lf__buf_printf(s->out, "%s\"0\"{%d,%d}%s", open, point, LF_SCHEMA_DIGITS, close);
        return true;
    }
    if (!low && !high) {
        if (s->fractions) lf__buf_printf(s->out, "%s[0-9]{%d,%d}%s", open, point, LF_SCHEMA_DIGITS, close);
        return true;
    }
    if (!s->fractions) return !low;
    lf__buf_puts(s->out, point ? "(\".\" (" : "(");
    bool any = true;
    if (low && zeros_from(s->lo, at)) /* above lo, which is open: some digit is not 0 */
        lf__buf_printf(s->out, "\"0\"{0,%d} [1-9] [0-9]{0,%d}", LF_SCHEMA_DIGITS, LF_SCHEMA_DIGITS);
    else
        any = next_digit(s, at, low, high);
    lf__buf_puts(s->out, point ? "))" : ")");
    if (!any) s->out->len = mark;
    if (any && !low) lf__buf_puts(s->out, "?"); /* may end here */
    return any || !low;
}

static void or_else(lf_buf *out, size_t begun)
{
    if (out->len > begun) lf__buf_puts(out, " | ");
}

/* Magnitudes from lo to hi (NULL: as long as numbers get), as alternatives with a sign in front. */
static bool magnitudes(lf_buf *out, const decimal *lo, const decimal *hi, bool lo_open, bool hi_open, bool whole, const char *sign)
{
    size_t begun = out->len;
    int last = hi ? hi->whole : LF_SCHEMA_DIGITS, full = 0;
    for (int w = lo->whole; w <= last; w++) {
        decimal power = {.whole = w, .n = w};
        power.digit[0] = w > 1;
        bool own = w == lo->whole;
        const decimal *from = own ? lo : &power;
        if (w > 1 && (!own || (lo->digit[0] == 1 && zeros_from(lo, 1) && !lo_open)) && (!hi || w < hi->whole)) {
            full += full == 0 ? w : 0; /* all numbers of w digits: joined with the next */
            if (w < last && (!hi || w + 1 < hi->whole)) continue;
            or_else(out, begun);
            lf__buf_printf(out, "%s[1-9] [0-9]{%d,%d}", sign, full - 1, w - 1);
            if (!whole) lf__buf_printf(out, " (\".\" [0-9]{1,%d})?", LF_SCHEMA_DIGITS);
            continue;
        }
        size_t mark = out->len;
        or_else(out, begun);
        lf__buf_puts(out, sign);
        bool high = hi && w == hi->whole;
        if (!digits(&(span){out, from, hi, w, own && lo_open, high && hi_open, !whole}, 0, true, high)) out->len = mark;
    }
    return out->len > begun;
}

static bool negative(const json_t *x) { return x && json_number_value(x) < 0; }

static json_t *whole_bound(const json_t *x, bool open, int up)
{
    int64_t n = json_is_integer(x) ? json_integer_value(x) : (int64_t)json_real_value(x); /* towards 0 */
    double real = json_is_integer(x) ? (double)n : json_real_value(x);
    bool whole = (double)n == real;
    if (whole ? open : (up > 0) == (real > 0)) n += up;
    return json_integer(n);
}

const char *lf__schema_numbers(lf_buf *out, const lf_schema_bounds *bounds, bool whole)
{
    static const char too_long[] = "bounds of at most 18 digits before and behind the point are supported";
    static const decimal zero = {.whole = 1, .n = 1};
    const json_t *lo = bounds->lo, *hi = bounds->hi;
    bool lo_open = lo && bounds->lo_open && !whole, hi_open = hi && bounds->hi_open && !whole;
    json_t *rounded[2] = {NULL, NULL};
    decimal from = zero, to = zero;
    if ((lo && !decimal_of(&from, lo)) || (hi && !decimal_of(&to, hi))) return too_long;
    if (whole && lo) lo = rounded[0] = whole_bound(lo, bounds->lo_open, 1);
    if (whole && hi) hi = rounded[1] = whole_bound(hi, bounds->hi_open, -1);
    size_t begun = out->len;
    bool fits = (!lo || decimal_of(&from, lo)) && (!hi || decimal_of(&to, hi)), any = false;
    lf__buf_puts(out, "(");
    if (fits && (!lo || negative(lo))) { /* magnitudes from -hi to -lo */
        bool to_zero = !hi || json_number_value(hi) > 0;
        any = magnitudes(out, to_zero ? &zero : &to, lo ? &from : NULL, !to_zero && hi_open, lo_open, whole, "\"-\" ");
    }
    if (fits && !negative(hi)) {
        size_t mark = out->len;
        bool above = lo && !negative(lo);
        if (any) lf__buf_puts(out, " | ");
        if (magnitudes(out, above ? &from : &zero, hi ? &to : NULL, above && lo_open, hi_open, whole, ""))
            any = true;
        else
            out->len = mark;
    }
    lf__buf_puts(out, ")");
    json_decref(rounded[0]), json_decref(rounded[1]);
    if (!any) out->len = begun;
    return !fits ? too_long : any ? NULL : "no number lies between the bounds";
}

/* ---- regular expressions ------------------------------------------------------------------------------------------------- */

enum { RANGES_MAX = 256, GROUPS_MAX = 32, CODE_LAST = 0x10FFFF };

typedef struct char_set {
    struct {
        int32_t lo, hi;
    } r[RANGES_MAX];
    int n;
} char_set;

typedef struct regex {
    lf_buf *out;
    const char *text, *p, *end;
    int depth;
    const char *wrong; /* the first thing that is */
    size_t at;
} regex;

static void wrong(regex *x, const char *at, const char *why)
{
    if (!x->wrong) x->wrong = why, x->at = (size_t)(at - x->text);
    x->p = x->end;
}

static void include(regex *x, char_set *s, int32_t lo, int32_t hi)
{
    if (s->n == RANGES_MAX)
        wrong(x, x->p, "a class has too many parts");
    else
        s->r[s->n].lo = lo, s->r[s->n++].hi = hi;
}

/* All other characters. */
static void invert(regex *x, char_set *s)
{
    char_set other = {.n = 0};
    for (int32_t at = 0; at <= CODE_LAST;) { /* the end of the gap at `at`, or of the range it lies in */
        int32_t gap = CODE_LAST, inside = -1;
        for (int i = 0; i < s->n; i++) {
            if (s->r[i].lo <= at && s->r[i].hi >= at) inside = LF_MAX(inside, s->r[i].hi);
            if (s->r[i].lo > at) gap = LF_MIN(gap, s->r[i].lo - 1);
        }
        if (inside < 0) include(x, &other, at, gap);
        at = (inside < 0 ? gap : inside) + 1;
    }
    *s = other;
}

void lf__schema_class_char(lf_buf *out, int32_t cp)
{
    if ((cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z'))
        lf__buf_printf(out, "%c", (char)cp);
    else
        lf__buf_printf(out, cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)cp);
}

static bool has(const char_set *s, int32_t cp)
{
    bool in = false;
    for (int i = 0; i < s->n; i++) in |= s->r[i].lo <= cp && s->r[i].hi >= cp;
    return in;
}

/* One character of the set as JSON spells it in a string: as it is, or as its short escape; other control characters are left out. */
static void emit_set(regex *x, const char_set *s)
{
    static const int32_t pieces[][2] = {{' ', '!'}, {'#', '['}, {']', 0xD7FF}, {0xE000, CODE_LAST}}; /* between what is escaped */
    static const char escaped[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    lf_buf *out = x->out;
    bool raw = false, any = false;
    size_t begun = out->len;
    lf__buf_puts(out, "([");
    for (size_t k = 0; k < LF_COUNT(pieces); k++)
        for (int i = 0; i < s->n; i++) {
            int32_t lo = LF_MAX(s->r[i].lo, pieces[k][0]), hi = LF_MIN(s->r[i].hi, pieces[k][1]);
            if (lo > hi) continue;
            lf__schema_class_char(out, lo);
            if (hi > lo) lf__buf_puts(out, "-"), lf__schema_class_char(out, hi);
            raw = any = true;
        }
    if (raw)
        lf__buf_puts(out, "]");
    else
        out->len = begun + 1;
    for (const char *e = escaped; *e; e++) {
        if (!has(s, *e)) continue;
        lf__buf_puts(out, any ? " | " : "");
        lf__schema_literal(out, (char[]){'\\', names[e - escaped]}, 2);
        any = true;
    }
    lf__buf_puts(out, ")");
    if (!any) wrong(x, x->p, "a class has no character that is written plainly in JSON");
}

/* \d \w \s and their opposites, as ECMA-262 has them; false: another letter. */
static bool shorthand(regex *x, char_set *s, char c)
{
    static const int32_t digit[] = {'0', '9', -1}, word[] = {'0', '9', 'A', 'Z', '_', '_', 'a', 'z', -1},
                         space[] = {9,      13,     ' ',    ' ',    0xA0,   0xA0,   0x1680, 0x1680, 0x2000, 0x200A, 0x2028,
                                    0x2029, 0x202F, 0x202F, 0x205F, 0x205F, 0x3000, 0x3000, 0xFEFF, 0xFEFF, -1};
    char low = c | 32;
    const int32_t *r = low == 'd' ? digit : low == 'w' ? word : low == 's' ? space : NULL;
    char_set set = {.n = 0};
    if (!r) return false;
    for (; *r >= 0; r += 2) include(x, &set, r[0], r[1]);
    if (c != low) invert(x, &set);
    for (int i = 0; i < set.n; i++) include(x, s, set.r[i].lo, set.r[i].hi);
    return true;
}

/* What stands behind a backslash: a set (returns -1), or one character. */
static int32_t escape(regex *x, char_set *s)
{
    static const char from[] = "nrtfv0", to[] = "\n\r\t\f\v\0";
    const char *at = x->p - 1;
    if (x->p == x->end) return wrong(x, at, "a backslash at the end"), -1;
    char c = *x->p++;
    if (shorthand(x, s, c)) return -1;
    int length = c == 'x' ? 2 : c == 'u' ? 4 : 0;
    if (length) {
        uint32_t value = 0;
        for (; length > 0 && x->p < x->end && strspn(x->p, "0123456789abcdefABCDEF"); length--, x->p++)
            value = value << 4 | (uint32_t)(*x->p <= '9' ? *x->p - '0' : (*x->p | 32) - 'a' + 10);
        if (length || (value >= 0xD800 && value < 0xE000)) return wrong(x, at, "an escape that is no character"), -1;
        return (int32_t)value;
    }
    const char *known = memchr(from, c, sizeof from - 1);
    if (known) return to[known - from];
    if ((uint8_t)c < 0x80 && !((c | 32) >= 'a' && (c | 32) <= 'z') && !(c >= '0' && c <= '9')) return c;
    return wrong(
               x, at,
               "this escape is not supported (known: \\d \\w \\s \\D \\W \\S \\n \\r \\t \\f \\v \\0 \\x41 \\u0041, and \\ before a mark)"),
           -1;
}

static int32_t plain(regex *x)
{
    int32_t cp;
    x->p += lf__utf8_decode(x->p, x->end, &cp);
    return cp;
}

static void class(regex *x)
{
    char_set s = {.n = 0};
    const char *open = x->p++;
    bool negated = x->p < x->end && *x->p == '^';
    x->p += negated;
    while (!x->wrong && x->p < x->end && *x->p != ']') {
        int32_t ends[2];
        int n = s.n;
        ends[0] = ends[1] = *x->p == '\\' ? (x->p++, escape(x, &s)) : plain(x);
        bool ranged = x->p + 1 < x->end && *x->p == '-' && x->p[1] != ']';
        if (ranged) x->p++, ends[1] = *x->p == '\\' ? (x->p++, escape(x, &s)) : plain(x);
        if (x->wrong) return;
        if (ranged && (s.n > n || ends[1] < ends[0])) wrong(x, open, "a range of this class is none");
        if (s.n == n) include(x, &s, ends[0], ends[1]);
    }
    if (x->p == x->end) wrong(x, open, "the class that begins here has no ]");
    if (x->wrong) return;
    x->p++;
    if (negated) invert(x, &s);
    emit_set(x, &s);
}

static void either(regex *x);

static void group(regex *x)
{
    const char *open = x->p++;
    if (x->p + 1 < x->end && x->p[0] == '?' && x->p[1] == ':')
        x->p += 2;
    else if (x->p < x->end && *x->p == '?')
        wrong(x, open, "groups are ( ) and (?: ): looking ahead, looking behind and names are not supported");
    if (++x->depth > GROUPS_MAX) wrong(x, open, "groups nest more than 32 levels deep");
    lf__buf_puts(x->out, "(");
    if (!x->wrong) either(x);
    lf__buf_puts(x->out, ")");
    if (!x->wrong && x->p == x->end) wrong(x, open, "the group that begins here has no )");
    if (!x->wrong) x->p++, x->depth--;
}

/* * + ? {m} {m,} {m,n}, each of which may be followed by ?: the texts are the same. */
static void quantifier(regex *x)
{
    const char *at = x->p;
    if (at == x->end || !strchr("*+?{", *at)) return;
    x->p++;
    if (*at == '{') {
        size_t n = strspn(x->p, "0123456789,");
        const char *comma = memchr(x->p, ',', n);
        bool whole =
            n > 0 && n < 16 && x->p[0] != ',' && x->p[n] == '}' && (!comma || !memchr(comma + 1, ',', n - (size_t)(comma + 1 - x->p)));
        if (!whole) {
            wrong(x, at, "expected a number of repetitions: {m}, {m,} or {m,n}");
            return;
        }
        x->p += n + 1;
    }
    lf__buf_add(x->out, at, (size_t)(x->p - at));
    if (x->p < x->end && *x->p == '?') x->p++;
    if (x->p < x->end && strchr("*+?{", *x->p)) wrong(x, x->p, "a repetition of a repetition: put a group around it");
}

static void piece(regex *x)
{
    char c = *x->p;
    char_set s = {.n = 0};
    if (c == '(') {
        group(x);
    } else if (c == '[') {
        class(x);
    } else if (strchr("*+?{}]", c)) {
        wrong(x, x->p, "nothing to repeat, or a bracket without its other half: \\ makes a mark a character");
    } else if (c == '^' || c == '$') {
        wrong(x, x->p, "^ and $ are supported at the ends of the whole pattern and of its alternatives");
    } else {
        if (c == '.') {
            x->p++;
            include(x, &s, '\n', '\n'), include(x, &s, '\r', '\r'), include(x, &s, 0x2028, 0x2029);
            invert(x, &s);
        } else {
            int32_t cp = c == '\\' ? (x->p++, escape(x, &s)) : plain(x);
            if (cp >= 0) include(x, &s, cp, cp);
        }
        if (!x->wrong) emit_set(x, &s);
    }
    if (!x->wrong) quantifier(x);
}

/* a|b|c up to the end or a ). Outermost, an alternative stands anywhere in the text unless ^ and $ hold it. */
static void either(regex *x)
{
    bool outer = x->depth == 0;
    for (;;) {
        bool begins = outer && x->p < x->end && *x->p == '^', ends = false;
        x->p += begins;
        lf__buf_puts(x->out, outer && !begins ? "char* (" : outer ? "(" : "");
        lf__buf_puts(x->out, "\"\"");
        while (!x->wrong && !ends && x->p < x->end && *x->p != '|' && *x->p != ')') {
            ends = outer && *x->p == '$' && (x->p + 1 == x->end || x->p[1] == '|');
            lf__buf_puts(x->out, " ");
            if (ends)
                x->p++;
            else
                piece(x);
        }
        lf__buf_puts(x->out, outer && !ends ? ") char*" : outer ? ")" : "");
        if (x->wrong || x->p == x->end || *x->p != '|') break;
        lf__buf_puts(x->out, " | "), x->p++;
    }
    if (outer && !x->wrong && x->p < x->end) wrong(x, x->p, "a ) without its (");
}

const char *lf__schema_pattern(lf_buf *out, const char *pattern, size_t *at)
{
    regex x = {.out = out, .text = pattern, .p = pattern, .end = pattern + strlen(pattern)};
    lf__buf_puts(out, "(");
    either(&x);
    lf__buf_puts(out, ")");
    *at = x.at;
    return x.wrong;
}

/* ---- constants and formats --------------------------------------------------------------------------------------------------- */
void lf__schema_key(lf_buf *out, const char *name)
{
    lf_buf key;
    lf__buf_init(&key, LF_SCHEMA_TEXT_MAX);
    lf__buf_json_string(&key, name, strlen(name));
    lf__buf_puts(&key, ":");
    if (!key.failed) lf__schema_literal(out, key.data, key.len);
    out->failed |= key.failed;
    lf__buf_release(&key);
}

/* Nesting is bounded by what json.c reads. */
void lf__schema_constant(lf_buf *o, const json_t *value)
{
    const char *key, *comma = "";
    json_t *item;
    size_t i;
    if (json_is_object(value)) {
        lf__buf_puts(o, "\"{\" space ");
        json_object_foreach((json_t *)(uintptr_t)value, key, item)
        {
            lf__buf_puts(o, comma), comma = "\",\" space ";
            lf__schema_key(o, key);
            lf__buf_puts(o, " space ");
            lf__schema_constant(o, item);
        }
        lf__buf_puts(o, *comma ? "space \"}\" " : "\"}\" ");
    } else if (json_is_array(value)) {
        lf__buf_puts(o, "\"[\" space ");
        json_array_foreach(value, i, item)
        {
            lf__buf_puts(o, comma), comma = "\",\" space ";
            lf__schema_constant(o, item);
        }
        lf__buf_puts(o, *comma ? "space \"]\" " : "\"]\" ");
    } else {
        lf_buf text;
        char number[40];
        lf__buf_init(&text, LF_SCHEMA_TEXT_MAX);
        if (json_is_string(value))
            lf__buf_json_string(&text, json_string_value(value), json_string_length(value));
        else if (json_is_number(value))
            lf__schema_number_text(number, value), lf__buf_puts(&text, number);
        else
            lf__buf_puts(&text, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null");
        if (!text.failed) lf__schema_literal(o, text.data, text.len);
        lf__buf_puts(o, " ");
        o->failed |= text.failed;
        lf__buf_release(&text);
    }
}

#define DATE                                                                                                                               \
    "[1-9] [0-9]{3} \"-\" ((\"0\" [13578] | \"10\" | \"12\") \"-\" (\"0\" [1-9] | [12] [0-9] | \"3\" [01]) | "                             \
    "(\"0\" [469] | \"11\") \"-\" (\"0\" [1-9] | [12] [0-9] | \"30\") | \"02-\" (\"0\" [1-9] | \"1\" [0-9] | \"2\" [0-8]))"
#define TIME                                                                                                                               \
    "([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9] \":\" [0-5] [0-9] (\".\" [0-9]{1,9})? "                                                  \
    "(\"Z\" | [-+] ([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9])"
static const char *const formats[][2] = {{"date", DATE},
                                         {"time", TIME},
                                         {"date-time", DATE " \"T\" " TIME},
                                         {"uuid", "hex{8} \"-\" hex{4} \"-\" hex{4} \"-\" hex{4} \"-\" hex{12}"}};

const char *lf__schema_format(const char *name)
{
    for (size_t i = 0; i < LF_COUNT(formats); i++)
        if (strcmp(formats[i][0], name) == 0) return formats[i][1];
    return NULL;
}
