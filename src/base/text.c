/* text.c - numbers and names from outside, and numbers for people.
 * Everything here ignores the locale of the process. No memory is kept; safe from any thread. */
#include "base/base.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NO_BOUND 9.2e18 /* ranges from here on mean none: about 2^63 */

/* ---- the C locale, for one call ------------------------------------------------------------------------------------------- */

static pthread_once_t locale_once = PTHREAD_ONCE_INIT;
static locale_t c_locale;

static void make_locale(void) { c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

static locale_t enter_c_locale(void)
{
    pthread_once(&locale_once, make_locale);
    return c_locale ? uselocale(c_locale) : (locale_t)0;
}

static void leave_c_locale(locale_t before)
{
    if (before) uselocale(before);
}

int lf__vsnprintf(char *out, size_t size, const char *format, va_list args)
{
    locale_t before = enter_c_locale();
    int n = vsnprintf(out, size, format, args);
    leave_c_locale(before);
    return n;
}

/* ---- numbers in ----------------------------------------------------------------------------------------------------------- */

/* The parts of [+-]digits[.digits][e[+-]digits]; end points behind it. False when the text does not begin like that. */
typedef struct decimal {
    bool negative, too_big; /* too_big: more digits than a uint64_t holds */
    uint64_t digits;
    int exponent; /* value = digits * 10^exponent */
    const char *end;
} decimal;

static bool scan_decimal(const char *p, decimal *d)
{
    *d = (decimal){0};
    if (*p == '+' || *p == '-') d->negative = *p++ == '-';
    int any = 0, fraction = 0;
    for (;; p++) {
        if (*p == '.' && !fraction) {
            fraction = 1;
            continue;
        }
        if (*p < '0' || *p > '9') break;
        any = 1;
        if (d->exponent > -100000) d->exponent -= fraction;
        if (__builtin_mul_overflow(d->digits, 10u, &d->digits) || __builtin_add_overflow(d->digits, (uint64_t)(*p - '0'), &d->digits))
            d->too_big = true;
    }
    if (!any) return false;
    if ((*p == 'e' || *p == 'E') && (isdigit((unsigned char)p[1]) || ((p[1] == '+' || p[1] == '-') && isdigit((unsigned char)p[2])))) {
        bool minus = p[1] == '-';
        p += isdigit((unsigned char)p[1]) ? 1 : 2;
        int e = 0;
        for (; isdigit((unsigned char)*p); p++) e = LF_MIN(e * 10 + (*p - '0'), 100000);
        d->exponent += minus ? -e : e;
    }
    d->end = p;
    return true;
}

static int bad_number(lf_error *err, const char *text, const char *what, const char *kind, double lo, double hi)
{
    char a[32], b[32], range[80] = "";
    if (hi < NO_BOUND)
        snprintf(range, sizeof range, " from %s to %s", lf__human_number(a, lo), lf__human_number(b, hi));
    else if (lo > -NO_BOUND)
        snprintf(range, sizeof range, " of at least %s", lf__human_number(a, lo));
    return lf_error_set(err, LF_E_ARGUMENT, "%s: expected a %s%s, got \"%.64s\"", what, kind, range, text);
}

static int bad_int(lf_error *err, const char *text, const char *what, int64_t lo, int64_t hi)
{
    return bad_number(err, text, what, "whole number", (double)lo, (double)hi);
}

int lf__parse_int(const char *text, const char *what, int64_t lo, int64_t hi, int64_t *out, lf_error *err)
{
    static const struct {
        const char *text;
        uint64_t factor;
    } suffixes[] = {{"", 1},           {"k", 1000},      {"K", 1000},      {"M", 1000000},
                    {"G", 1000000000}, {"Ki", 1u << 10}, {"Mi", 1u << 20}, {"Gi", 1u << 30}};
    decimal d;
    if (!scan_decimal(text, &d) || d.too_big) return bad_int(err, text, what, lo, hi);
    uint64_t value = d.digits, factor = 0;
    for (size_t i = 0; i < LF_COUNT(suffixes); i++)
        if (strcmp(d.end, suffixes[i].text) == 0) factor = suffixes[i].factor;
    bool fits = factor != 0 && !__builtin_mul_overflow(value, factor, &value);
    for (; fits && value && d.exponent > 0; d.exponent--) fits = !__builtin_mul_overflow(value, 10u, &value);
    for (; fits && value && d.exponent < 0; d.exponent++) {
        fits = value % 10 == 0;
        value /= 10;
    }
    int64_t v = 0;
    if (fits && d.negative)
        fits = !__builtin_sub_overflow((int64_t)0, value, &v);
    else if (fits)
        fits = !__builtin_add_overflow((int64_t)0, value, &v);
    if (!fits || v < lo || v > hi) return bad_int(err, text, what, lo, hi);
    *out = v;
    return 0;
}

int lf__parse_double(const char *text, const char *what, double lo, double hi, double *out, lf_error *err)
{
    decimal d;
    double v = NAN;
    if (scan_decimal(text, &d) && *d.end == '\0') {
        locale_t before = enter_c_locale();
        v = strtod(text, NULL);
        leave_c_locale(before);
    }
    if (isfinite(v) && v >= lo && v <= hi) {
        *out = v;
        return 0;
    }
    return bad_number(err, text, what, "number", lo, hi);
}

int lf__parse_bool(const char *text, const char *what, bool *out, lf_error *err)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"}; /* odd rows are true */
    for (size_t i = 0; i < LF_COUNT(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = i % 2 == 1;
            return 0;
        }
    }
    return lf_error_set(err, LF_E_ARGUMENT, "%s: expected true or false, got \"%.64s\"", what, text);
}

/* ---- did you mean --------------------------------------------------------------------------------------------------------- */

#define NAME_MAX_EDIT 64

static char fold(char c) { return c == '-' ? '_' : (char)(c >= 'A' && c <= 'Z' ? c + 32 : c); }

/* Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment); letters compare without case, '-' as '_'. */
static int edits(const char *a, int n, const char *b, int m)
{
    int rows[3][NAME_MAX_EDIT + 1];
    int *before = rows[0], *last = rows[1], *row = rows[2];
    for (int j = 0; j <= m; j++) last[j] = before[j] = j;
    for (int i = 1; i <= n; i++) {
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int cost = fold(a[i - 1]) != fold(b[j - 1]);
            row[j] = LF_MIN(last[j - 1] + cost, LF_MIN(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]))
                row[j] = LF_MIN(row[j], before[j - 2] + 1);
        }
        int *free_row = before;
        before = last, last = row, row = free_row;
    }
    return last[m];
}

const char *lf__nearest(const char *name, const char *const *names)
{
    size_t n = strlen(name);
    if (n == 0 || n > NAME_MAX_EDIT) return NULL;
    const char *best = NULL;
    int best_edits = LF_MAX((int)n / 3, 1) + 1;
    for (; *names; names++) {
        size_t m = strlen(*names);
        if (m == 0 || m > NAME_MAX_EDIT) continue;
        const char *part = m > n ? *names + m - n : NULL;                  /* "lr" is meant as "train.lr" */
        bool longer = strncmp(*names, name, n) == 0 && (*names)[n] == '_'; /* "gelu" as "gelu_new" */
        int d = part && part[-1] == '.' && strcmp(part, name) == 0 ? 1 : edits(name, (int)n, *names, (int)m);
        if (longer || d < best_edits) best = *names, best_edits = longer ? 0 : d;
    }
    return best;
}

/* ---- numbers out ---------------------------------------------------------------------------------------------------------- */

static int LF_PRINTF(3, 4) format_into(char *out, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = lf__vsnprintf(out, size, format, args);
    va_end(args);
    return n;
}

char *lf__human_bytes(char out[32], double bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t u = 0;
    while (u + 1 < LF_COUNT(units) && fabs(bytes) >= (u ? 999.95 : 1000.0)) bytes /= 1000, u++;
    format_into(out, 32, u ? "%.1f %s" : "%.0f %s", bytes, bytes == 1 && u == 0 ? "byte" : units[u]);
    return out;
}

char *lf__human_number(char out[32], double n)
{
    if (!(fabs(n) < NO_BOUND) || n != floor(n)) {
        format_into(out, 32, "%.10g", n);
        return out;
    }
    char digits[32];
    int length = format_into(digits, sizeof digits, "%.0f", n), at = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-') out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

double lf__now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
