/* regex_spell.c - an expression of Oniguruma's dialect (Ruby's, what Hugging Face's `tokenizers` speaks) spelled for PCRE2, where the two
 * mean different things by the same letters. What cannot be spelled is refused by its name. Not a parser: one pass, brackets known.
 *
 *   \s \w \b \h \v [[:alpha:]] ...   classes, by the Unicode properties that Oniguruma takes      \p{Han}   the script, no extensions
 *   (?m)   what others write (?s)                                                                  \u0061    \x{0061} */
#include "tokenizer/regex.h"

#include <string.h>

#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"
/* Outside of brackets Oniguruma asks a table of Latin-1, to which six numbers are letters. */
#define LONE    WORD "\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}"
#define HEX     "0-9A-Fa-f"
#define IS(w)   "(?<" w "[" LONE "])"
#define NEXT(w) "(?" w "[" LONE "])"

static const struct {
    char letter;
    const char *alone, *inside; /* of a [class]; NULL: refused there */
} escapes[] = {{'s', "\\p{White_Space}", "\\p{White_Space}"},
               {'S', "\\P{White_Space}", "\\P{White_Space}"},
               {'w', "[" LONE "]", WORD},
               {'W', "[^" LONE "]", NULL},
               {'h', "[" HEX "]", HEX},
               {'H', "[^" HEX "]", NULL},
               {'v', "\\x{0B}", "\\x{0B}"},
               {'b', "(?:" IS("=") NEXT("!") "|" IS("!") NEXT("=") ")", "\\x{08}"},
               {'B', "(?:" IS("=") NEXT("=") "|" IS("!") NEXT("!") ")", NULL},
               {'Q', NULL, NULL},
               {'E', NULL, NULL}};

/* Inside of brackets, as "[:name:]". */
static const struct {
    const char *name, *spelled;
} posix[] = {{"alpha", "\\p{Alphabetic}"},
             {"upper", "\\p{Uppercase}"},
             {"lower", "\\p{Lowercase}"},
             {"alnum", "\\p{Alphabetic}\\p{Nd}"},
             {"punct", "\\p{P}\\p{S}"},
             {"space", "\\p{White_Space}"},
             {"word", WORD},
             {"digit", "\\p{Nd}"},
             {"blank", "\\t\\p{Zs}"},
             {"ascii", "\\x{00}-\\x{7F}"},
             {"cntrl", "\\p{Cc}"},
             {"xdigit", HEX}};

typedef struct speller {
    const char *pattern, *p; /* where it is read */
    lf_buf *out;
    bool (*is_script)(const char *name, size_t n);
    bool inside; /* of a [class] */
    lf_error *err;
} speller;

static int refuse(const speller *s, const char *what, size_t n)
{
    return lf_error_set(s->err, LF_E_UNSUPPORTED, "the regular expression \"%.80s\": byte %zu: \"%.*s\" is not supported%s", s->pattern,
                        (size_t)(s->p - s->pattern), (int)n, what, s->inside ? " inside of brackets" : "");
}

/* \p{Name}: Unicode's script where Name is one; PCRE2 alone would add the characters that a script shares. */
static void property(speller *s)
{
    const char *name = s->p + 3, *end = s->p[2] == '{' ? strchr(name, '}') : NULL;
    bool negated = end && *name == '^';
    name += negated;
    if (end && end - name > 2 && s->is_script(name, (size_t)(end - name)))
        lf__buf_printf(s->out, "\\%c{%ssc:%.*s}", s->p[1], negated ? "^" : "", (int)(end - name), name);
    else
        lf__buf_add(s->out, s->p, end ? (size_t)(end + 1 - s->p) : 2);
    s->p = end ? end + 1 : s->p + 2;
}

static int escape(speller *s)
{
    size_t i = 0;
    char letter = s->p[1];
    if (letter == 'p' || letter == 'P') return property(s), 0;
    if (letter == 'u' && strspn(s->p + 2, "0123456789abcdefABCDEF") >= 4) {
        lf__buf_printf(s->out, "\\x{%.4s}", s->p + 2);
        s->p += 6;
        return 0;
    }
    while (i < LF_COUNT(escapes) && escapes[i].letter != letter) i++;
    if (i < LF_COUNT(escapes)) {
        const char *spelled = s->inside ? escapes[i].inside : escapes[i].alone;
        if (!spelled) return refuse(s, s->p, 2);
        lf__buf_puts(s->out, spelled);
    } else {
        lf__buf_add(s->out, s->p, letter ? 2 : 1);
    }
    s->p += letter ? 2 : 1;
    return 0;
}

/* "[:name:]" inside of brackets; any other bracket there opens a class in the class. */
static int bracket(speller *s)
{
    const char *end = s->p[1] == ':' ? strstr(s->p + 2, ":]") : NULL;
    size_t n = end ? (size_t)(end - s->p - 2) : 0;
    for (size_t i = 0; i < LF_COUNT(posix) && n; i++) {
        if (strlen(posix[i].name) != n || strncmp(posix[i].name, s->p + 2, n) != 0) continue;
        lf__buf_puts(s->out, posix[i].spelled);
        s->p = end + 2;
        return 0;
    }
    return refuse(s, s->p, end ? n + 4 : 1);
}

/* "(?mi-x": m is what PCRE2 calls s, and ^ and $ are at every line anyway. */
static void options(speller *s)
{
    size_t n = strspn(s->p + 2, "imx-");
    bool set = n && (s->p[2 + n] == ':' || s->p[2 + n] == ')');
    lf__buf_add(s->out, s->p, 2);
    for (size_t i = 0; i < n; i++) lf__buf_add(s->out, set && s->p[2 + i] == 'm' ? "s" : s->p + 2 + i, 1);
    s->p += 2 + n;
}

static int character(speller *s)
{
    const char *p = s->p;
    if (*p == '\\') return escape(s);
    if (!s->inside && p[0] == '(' && p[1] == '?') return options(s), 0;
    if (s->inside && *p == '[') return bracket(s);
    if (s->inside && p[0] == '&' && p[1] == '&') return refuse(s, p, 2);
    size_t n = 1;
    if (!s->inside && *p == '[') { /* a first ] is itself */
        n += p[n] == '^';
        n += p[n] == ']';
        s->inside = true;
    } else if (s->inside && *p == ']') {
        s->inside = false;
    }
    lf__buf_add(s->out, p, n);
    s->p += n;
    return 0;
}

int lf__regex_spell(lf_buf *out, const char *pattern, bool (*is_script)(const char *name, size_t n), lf_error *err)
{
    speller s = {.pattern = pattern, .p = pattern, .out = out, .is_script = is_script, .err = err};
    while (*s.p)
        if (character(&s)) return -1;
    return 0;
}
