/* jinja_text.c - strings as Python sees them, a row of code points: counting, white space, case, what may be printed, and printf-like
 * formats. Upper and lower case are known for ASCII, Latin, Greek and Cyrillic letters, which have one letter on the other side. No state.
 */
#include "chat/jinja.h"

#include <math.h>
#include <string.h>

int64_t lf__j_characters(const char *s, size_t n)
{
    int64_t count = 0;
    for (size_t i = 0; i < n; i++) count += (s[i] & 0xC0) != 0x80;
    return count;
}

size_t lf__j_offset(const char *s, size_t n, int64_t characters)
{
    size_t at = 0;
    while (at < n && characters-- > 0) {
        at++;
        while (at < n && (s[at] & 0xC0) == 0x80) at++;
    }
    return at;
}

bool lf__j_digits(j_value s, int64_t *number)
{
    *number = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.s[i] < '0' || s.s[i] > '9') return false;
        *number = LF_MIN(*number * 10 + (s.s[i] - '0'), INT32_MAX);
    }
    return s.n > 0;
}

bool lf__j_space(int32_t cp)
{
    return cp == ' ' || (cp >= 9 && cp <= 13) || (cp >= 0x1C && cp <= 0x1F) || cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

/* Capital letters of [lo, hi] and how far behind each its small letter is; step 2: capital and small letters take turns. */
static const struct {
    int32_t lo, hi, distance, step;
} cases[] = {{'A', 'Z', 32, 1},     {0xC0, 0xD6, 32, 1},    {0xD8, 0xDE, 32, 1},     {0x100, 0x12E, 1, 2},   {0x132, 0x136, 1, 2},
             {0x139, 0x147, 1, 2},  {0x14A, 0x176, 1, 2},   {0x178, 0x178, -121, 1}, {0x179, 0x17D, 1, 2},   {0x386, 0x386, 38, 1},
             {0x388, 0x38A, 37, 1}, {0x38C, 0x38C, 64, 1},  {0x38E, 0x38F, 63, 1},   {0x391, 0x3A1, 32, 1},  {0x3A3, 0x3AB, 32, 1},
             {0x400, 0x40F, 80, 1}, {0x410, 0x42F, 32, 1},  {0x460, 0x480, 1, 2},    {0x48A, 0x4BE, 1, 2},   {0x4D0, 0x52E, 1, 2},
             {0x531, 0x556, 48, 1}, {0x1E00, 0x1E94, 1, 2}, {0x1EA0, 0x1EFE, 1, 2},  {0xFF21, 0xFF3A, 32, 1}};

int32_t lf__j_lower(int32_t cp, int32_t before)
{
    LF_UNUSED(before);
    for (size_t i = 0; i < LF_COUNT(cases); i++)
        if (cp >= cases[i].lo && cp <= cases[i].hi && (cp - cases[i].lo) % cases[i].step == 0) return cp + cases[i].distance;
    return cp;
}

int32_t lf__j_upper(int32_t cp, int32_t before)
{
    LF_UNUSED(before);
    for (size_t i = 0; i < LF_COUNT(cases); i++) {
        int32_t lo = cases[i].lo + cases[i].distance, hi = cases[i].hi + cases[i].distance;
        if (cp >= lo && cp <= hi && (cp - lo) % cases[i].step == 0) return cp - cases[i].distance;
    }
    return cp == 0xB5 ? 0x39C : cp == 0x3C2 ? 0x3A3 : cp;
}

bool lf__j_printable(int32_t cp)
{
    static const int32_t not [][2] = {{0, 0x1F},        {0x7F, 0xA0},     {0xAD, 0xAD},       {0x600, 0x605},     {0x61C, 0x61C},
                                      {0x6DD, 0x6DD},   {0x70F, 0x70F},   {0x1680, 0x1680},   {0x180E, 0x180E},   {0x2000, 0x200F},
                                      {0x2028, 0x202F}, {0x205F, 0x206F}, {0x3000, 0x3000},   {0xD800, 0xF8FF},   {0xFEFF, 0xFEFF},
                                      {0xFFF0, 0xFFFB}, {0xFFFE, 0xFFFF}, {0xE0000, 0xE00FF}, {0xE01F0, 0x10FFFF}};
    for (size_t i = 0; i < LF_COUNT(not ); i++)
        if (cp >= not [i][0] && cp <= not [i][1]) return false;
    return true;
}

j_value lf__j_mapped(j_run *run, j_value s, int32_t (*map)(int32_t cp, int32_t before))
{
    j_builder b = lf__j_begin(run);
    size_t at = 0, from = 0;
    for (int32_t cp, before = 0; at < s.n && !run->failed; before = cp) {
        char out[4];
        size_t size = (size_t)lf__utf8_decode(s.s + at, s.s + s.n, &cp);
        int32_t other = map(cp, before);
        if (other != cp) { /* what stays is copied in one piece */
            if (at > from) lf__j_add_string(&b, lf__j_substring(s, from, at));
            lf__j_add_like(&b, out, (size_t)lf__utf8_encode(out, other), lf__j_substring(s, at, s.n));
            from = at + size;
        }
        at += size;
    }
    if (from == 0) return s;
    if (at > from) lf__j_add_string(&b, lf__j_substring(s, from, at));
    return lf__j_end(&b);
}

static bool in_set(j_value set, const char *p, size_t size, int32_t cp)
{
    return set.kind == J_STRING ? memmem(set.s, set.n, p, size) != NULL : lf__j_space(cp);
}

j_value lf__j_strip(j_run *run, j_value s, j_value chars, int sides)
{
    size_t from = 0, to = s.n;
    int32_t cp;
    if (!lf__j_spend(run, 1 + s.n / 64)) return (j_value){0};
    while (sides & 1 && from < to) {
        size_t size = (size_t)lf__utf8_decode(s.s + from, s.s + to, &cp);
        if (!in_set(chars, s.s + from, size, cp)) break;
        from += size;
    }
    while (sides & 2 && from < to) {
        size_t p = to - 1;
        while (p > from && (s.s[p] & 0xC0) == 0x80) p--;
        lf__utf8_decode(s.s + p, s.s + to, &cp);
        if (!in_set(chars, s.s + p, to - p, cp)) break;
        to = p;
    }
    return lf__j_substring(s, from, to);
}

static void pad(j_builder *b, int64_t n, char fill)
{
    char block[64];
    memset(block, fill, sizeof block);
    for (; n > 0 && !b->run->failed; n -= 64) lf__j_add(b, block, (size_t)LF_MIN(n, 64));
}

void lf__j_add_padded(j_builder *b, j_value s, int64_t width, char align, char fill)
{
    int64_t room = width - lf__j_characters(s.s, s.n);
    if (room <= 0) {
        lf__j_add_string(b, s);
        return;
    }
    int64_t left = align == '>' ? room : align == '^' ? room / 2 + (room & width & 1) : 0;
    pad(b, left, fill);
    lf__j_add_string(b, s);
    pad(b, room - left, fill);
}

/* ---- "%s and %d" % (a, b) ------------------------------------------------------------------------------------------------------------ */

typedef struct percent {
    j_run *run;
    j_value format, args;
    int64_t next;   /* of the items of a tuple */
    j_items pieces; /* of the result           */
} percent;

typedef struct field { /* %-08.3f: what stands between the % and its letter */
    bool left, zero;
    char sign; /* of a number that is not negative: '+', ' ' or 0 */
    int width, precision;
} field;

static j_value next_arg(percent *p)
{
    if (p->args.kind == J_TUPLE) {
        if (p->next < p->args.list->n) return p->args.list->item[p->next++];
    } else if (p->next++ == 0) {
        return p->args;
    }
    return lf__j_fail(p->run, LF_E_FORMAT, "more %% in the format than there are values for it");
}

static void piece(percent *p, j_value s, int width, char align, char fill)
{
    j_builder b = lf__j_begin(p->run);
    lf__j_add_padded(&b, s, width, align, fill);
    lf__j_push(p->run, &p->pieces, lf__j_end(&b));
}

static void number_piece(percent *p, const field *f, char type, j_value v)
{
    double real;
    int64_t whole;
    if (!lf__j_number(v, &real) || (strchr("xXo", type) && !lf__j_whole(v, &whole))) {
        lf__j_fail(p->run, LF_E_FORMAT, "%%%c in a format needs a number, got %s", type, lf__j_type(v));
        return;
    }
    if (!lf__j_whole(v, &whole)) whole = fabs(real) < 0x1p63 ? (int64_t)real : 0;
    bool fraction = strchr("feEgG", type) != NULL, negative = fraction ? signbit(real) : whole < 0;
    unsigned long long size = negative ? 0 - (unsigned long long)whole : (unsigned long long)whole;
    int digits = f->precision >= 0 ? f->precision : fraction ? 6 : 1;
    char sign = negative ? '-' : f->sign;
    j_builder b = lf__j_begin(p->run);
    if (sign && !f->zero) lf__j_add(&b, &sign, 1);
    switch (type) {
    case 'f': lf__j_addf(&b, "%.*f", digits, fabs(real)); break;
    case 'e': lf__j_addf(&b, "%.*e", digits, fabs(real)); break;
    case 'E': lf__j_addf(&b, "%.*E", digits, fabs(real)); break;
    case 'g': lf__j_addf(&b, "%.*g", digits, fabs(real)); break;
    case 'G': lf__j_addf(&b, "%.*G", digits, fabs(real)); break;
    case 'x': lf__j_addf(&b, "%.*llx", digits, size); break;
    case 'X': lf__j_addf(&b, "%.*llX", digits, size); break;
    case 'o': lf__j_addf(&b, "%.*llo", digits, size); break;
    default: lf__j_addf(&b, "%.*llu", digits, size);
    }
    j_value text = lf__j_end(&b);
    if (sign && f->zero) lf__j_push(p->run, &p->pieces, lf__j_string(p->run, &sign, 1));
    piece(p, text, f->width - (sign && f->zero), f->left ? '<' : '>', f->zero ? '0' : ' ');
}

static int digits_at(const char *s, size_t n, size_t *at, int most)
{
    int value = 0;
    for (; *at < n && s[*at] >= '0' && s[*at] <= '9'; ++*at) value = LF_MIN(value * 10 + (s[*at] - '0'), most);
    return value;
}

/* One conversion, from behind its % to behind its letter, which is returned. */
static size_t conversion(percent *p, size_t at)
{
    const char *s = p->format.s;
    size_t n = p->format.n;
    field f = {.precision = -1};
    j_value v = {0};
    bool named = at < n && s[at] == '(';
    if (named) {
        size_t from = at + 1;
        while (at < n && s[at] != ')') at++;
        j_value *found = p->args.kind == J_DICT ? lf__j_find(p->run, p->args.dict, lf__j_substring(p->format, from, at)) : NULL;
        if (!found) return lf__j_fail(p->run, LF_E_FORMAT, "no value for \"%.*s\" of the format", (int)LF_MIN(at - from, 64u), s + from), n;
        v = *found;
        at++;
    }
    for (; at < n && s[at] && strchr("-+ 0", s[at]); at++) {
        if (s[at] == '-') f.left = true, f.zero = false;
        if (s[at] == '0') f.zero = !f.left;
        if (s[at] == '+' || s[at] == ' ') f.sign = f.sign == '+' ? '+' : s[at];
    }
    f.width = digits_at(s, n, &at, 10000);
    if (at < n && s[at] == '.') at++, f.precision = digits_at(s, n, &at, 100);
    char type = at < n ? s[at] : 0;
    if (type == '%') return lf__j_push(p->run, &p->pieces, lf__j_text(p->run, "%")), at + 1;
    if (!type || !strchr("srdiufFeEgGxXoc", type))
        return lf__j_fail(p->run, LF_E_UNSUPPORTED, "\"%%%.1s\" is not supported in a format", type ? s + at : ""), n;
    if (!named) v = next_arg(p);
    if (v.kind == J_UNDEFINED && type != 's' && type != 'r') lf__j_undefined_error(p->run, v);
    if (p->run->failed) return n;
    if (type == 's' || type == 'r' || (type == 'c' && v.kind == J_STRING)) {
        j_builder b = lf__j_begin(p->run);
        type == 'r' ? lf__j_add_repr(&b, v) : lf__j_add_value(&b, v);
        v = lf__j_end(&b);
        if (f.precision >= 0) v = lf__j_substring(v, 0, lf__j_offset(v.s, v.n, f.precision));
        piece(p, v, f.width, f.left ? '<' : '>', ' ');
    } else {
        number_piece(p, &f, type == 'F' ? 'f' : type, v);
    }
    return at + 1;
}

j_value lf__j_format_percent(j_run *run, j_value format, j_value args)
{
    percent p = {.run = run, .format = format, .args = args};
    for (size_t at = 0, end; at < format.n && lf__j_spend(run, 1);) {
        const char *next = memchr(format.s + at, '%', format.n - at);
        end = next ? (size_t)(next - format.s) : format.n;
        lf__j_push(run, &p.pieces, lf__j_substring(format, at, end));
        at = next ? conversion(&p, end + 1) : end;
    }
    bool indexed = args.kind == J_UNDEFINED || args.kind == J_LIST || args.kind == J_RANGE || args.kind == J_DICT;
    if (!run->failed && (args.kind == J_TUPLE ? p.next < args.list->n : p.next == 0 && !indexed))
        return lf__j_fail(run, LF_E_FORMAT, "more values than %% in the format");
    j_builder b = lf__j_begin(run);
    for (int64_t i = 0; i < p.pieces.n; i++) lf__j_add_string(&b, p.pieces.item[i]);
    return lf__j_end(&b);
}
