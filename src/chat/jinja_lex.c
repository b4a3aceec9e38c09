/* jinja_lex.c - a template's source as tokens: text between tags, and what stands inside them. Whitespace around tags is gone as with
 * trim_blocks and lstrip_blocks: the newline behind a block or a comment, the blanks before one that begins its line; a minus takes all
 * whitespace on its side, a plus keeps it. Nothing here outlives the call but the array of tokens, which the caller frees. */
#include "chat/jinja.h"

#include <stdlib.h>
#include <string.h>

typedef struct lexer {
    const j_template *t;
    const char *s;
    size_t n, at;
    bool line_start; /* what was taken last ended with a newline, or nothing was */
    j_token *tokens;
    size_t n_tokens, cap;
    lf_error *err;
} lexer;

static const char *const token_names[] = {
#define J_X(name, text) text,
    J_TOKENS(J_X)
#undef J_X
};

const char *lf__j_token_name(j_token_kind kind) { return token_names[kind]; }

static int add(lexer *l, j_token_kind kind, size_t at, size_t end)
{
    if (lf__grow(&l->tokens, &l->cap, l->n_tokens + 1, sizeof *l->tokens, l->err)) return -1;
    l->tokens[l->n_tokens++] = (j_token){(uint8_t)kind, (uint32_t)at, (uint32_t)(end - at)};
    return 0;
}

static bool says(const lexer *l, size_t at, const char *word)
{
    return l->n - at >= strlen(word) && !memcmp(l->s + at, word, strlen(word));
}
static bool digit(char c) { return c >= '0' && c <= '9'; }
static bool letter(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static size_t skip_space(const lexer *l, size_t at)
{
    while (at < l->n) {
        int32_t cp;
        int size = lf__utf8_decode(l->s + at, l->s + l->n, &cp);
        if (!lf__j_space(cp)) break;
        at += (size_t)size;
    }
    return at;
}

/* The end of [from, to) without the whitespace at its end. */
static size_t cut_space(const lexer *l, size_t from, size_t to)
{
    while (to > from) {
        size_t p = to - 1;
        while (p > from && (l->s[p] & 0xC0) == 0x80) p--;
        int32_t cp;
        lf__utf8_decode(l->s + p, l->s + to, &cp);
        if (!lf__j_space(cp)) break;
        to = p;
    }
    return to;
}

/* ---- text ---------------------------------------------------------------------------------------------------------------------- */

/* The text before a tag at `end` whose sign is - or + or something else. Blanks that begin the tag's line are dropped before `block`s. */
static int add_text(lexer *l, size_t end, char sign, bool block)
{
    size_t to = end, line = end;
    if (sign == '-') {
        to = cut_space(l, l->at, end);
    } else if (sign != '+' && block) {
        while (line > l->at && l->s[line - 1] != '\n') line--;
        if ((line > l->at || l->line_start) && cut_space(l, line, end) == line) to = line;
    }
    return to > l->at ? add(l, T_DATA, l->at, to) : 0;
}

/* Where the source goes on behind the end of a tag: all whitespace gone after a minus, one newline where `trim`. */
static void go_on(lexer *l, size_t at, char sign, bool trim)
{
    if (sign == '-')
        at = skip_space(l, at);
    else if (sign != '+' && trim && at < l->n && l->s[at] == '\n')
        at++;
    l->at = at;
    l->line_start = at > 0 && l->s[at - 1] == '\n';
}

/* Is [at...) the end of a tag, "%}" with its sign before it? Returns its length, and the sign. */
static size_t tag_end(const lexer *l, size_t at, const char *end, bool plus, char *sign)
{
    *sign = at < l->n && (l->s[at] == '-' || (plus && l->s[at] == '+')) && says(l, at + 1, end) ? l->s[at] : 0;
    return *sign ? 3 : says(l, at, end) ? 2 : 0;
}

static int comment(lexer *l, size_t open, size_t at)
{
    for (; at < l->n; at++) {
        char sign;
        size_t size = tag_end(l, at, "#}", true, &sign);
        if (size) return go_on(l, at + size, sign, true), 0;
    }
    return lf__j_error_at(l->t, (uint32_t)open, LF_E_FORMAT, l->err, "the comment that begins here has no end: \"#}\" is missing");
}

/* {% raw %}: is there one at `at`, behind the "{%" and its sign? Returns where its text begins, or 0. */
static size_t raw_begin(const lexer *l, size_t at)
{
    at = skip_space(l, at);
    if (!says(l, at, "raw")) return 0;
    char sign;
    at = skip_space(l, at + 3);
    size_t size = tag_end(l, at, "%}", false, &sign);
    return size == 0 ? 0 : sign ? skip_space(l, at + size) : at + size;
}

static int raw(lexer *l, size_t open, size_t at)
{
    l->at = at;
    l->line_start = l->s[at - 1] == '\n';
    for (; at < l->n; at++) {
        if (!says(l, at, "{%")) continue;
        char begin = at + 2 < l->n ? l->s[at + 2] : 0, end;
        size_t p = skip_space(l, at + 2 + (begin == '-' || begin == '+'));
        if (!says(l, p, "endraw")) continue;
        p = skip_space(l, p + 6);
        size_t size = tag_end(l, p, "%}", true, &end);
        if (size == 0) continue;
        if (add_text(l, at, begin, true)) return -1;
        return go_on(l, p + size, end, true), 0;
    }
    return lf__j_error_at(l->t, (uint32_t)open, LF_E_FORMAT, l->err, "the raw block that begins here has no {%% endraw %%}");
}

/* ---- inside a tag --------------------------------------------------------------------------------------------------------------- */

/* Digits with single underscores between them; at itself when there are none. */
static size_t digits(const lexer *l, size_t at, const char *set)
{
    size_t end = at;
    while (end < l->n) {
        size_t p = end + (end > at && l->s[end] == '_');
        if (p >= l->n || l->s[p] == 0 || !strchr(set, l->s[p])) break;
        end = p + 1;
    }
    return end;
}

static int number(lexer *l)
{
    static const char decimal[] = "0123456789";
    static const struct {
        char letter;
        const char *set;
    } bases[] = {{'b', "01"}, {'o', "01234567"}, {'x', "0123456789abcdefABCDEF"}};
    size_t at = l->at, whole = digits(l, at, decimal), end = whole;
    if (at == 0 || l->s[at - 1] != '.') { /* x.0.1 are two items of x */
        if (end + 1 < l->n && l->s[end] == '.' && digit(l->s[end + 1])) end = digits(l, end + 1, decimal);
        if (end < l->n && (l->s[end] | 32) == 'e') {
            size_t p = end + 1 + (end + 1 < l->n && (l->s[end + 1] == '+' || l->s[end + 1] == '-'));
            if (p < l->n && digit(l->s[p])) end = digits(l, p, decimal);
        }
    }
    l->at = end;
    if (end > whole) return add(l, T_FLOAT, at, end);
    if (l->s[at] == '0') {
        end = digits(l, at, "0");
        for (size_t i = 0; i < LF_COUNT(bases); i++) { /* 0x_ff: an underscore may follow the letter, too */
            size_t p = at + 2 + (at + 2 < l->n && l->s[at + 2] == '_');
            if (at + 1 < l->n && (l->s[at + 1] | 32) == bases[i].letter && digits(l, p, bases[i].set) > p) end = digits(l, p, bases[i].set);
        }
    }
    l->at = end;
    return add(l, T_INT, at, end);
}

static int quoted(lexer *l)
{
    size_t at = l->at + 1;
    char quote = l->s[l->at];
    while (at < l->n && l->s[at] != quote) at += l->s[at] == '\\' ? 2 : 1;
    if (at >= l->n)
        return lf__j_error_at(l->t, (uint32_t)l->at, LF_E_FORMAT, l->err, "the string that begins here has no closing %c", quote);
    if (add(l, T_STRING, l->at + 1, at)) return -1;
    l->at = at + 1;
    return 0;
}

static int other(lexer *l, char *open, int *depth)
{
    static const char closing[] = ")]}", opening[] = "([{";
    char c = l->s[l->at];
    int kind = T_EQ;
    while (kind <= T_ASSIGN && !says(l, l->at, token_names[kind])) kind++;
    if (kind > T_ASSIGN) {
        int32_t cp;
        int size = lf__utf8_decode(l->s + l->at, l->s + l->n, &cp);
        return lf__j_error_at(l->t, (uint32_t)l->at, LF_E_FORMAT, l->err, "unexpected character \"%.*s\"", size, l->s + l->at);
    }
    const char *close = strchr(closing, c);
    if (strchr(opening, c)) {
        if (*depth == J_NEST_MAX)
            return lf__j_error_at(l->t, (uint32_t)l->at, LF_E_LIMIT, l->err, "brackets nest more than %d levels deep", J_NEST_MAX);
        open[(*depth)++] = c;
    } else if (close) {
        if (*depth == 0) return lf__j_error_at(l->t, (uint32_t)l->at, LF_E_FORMAT, l->err, "unexpected \"%c\": nothing is open", c);
        char want = closing[strchr(opening, open[--*depth]) - opening];
        if (c != want) return lf__j_error_at(l->t, (uint32_t)l->at, LF_E_FORMAT, l->err, "unexpected \"%c\", expected \"%c\"", c, want);
    }
    size_t size = strlen(token_names[kind]);
    l->at += size;
    return add(l, kind, l->at - size, l->at);
}

/* From behind "{%" or "{{" to behind its end. */
static int tag(lexer *l, bool block)
{
    char open[J_NEST_MAX];
    int depth = 0;
    for (;;) {
        l->at = skip_space(l, l->at);
        if (l->at >= l->n) return 0; /* the parser misses the end, and says in what */
        char c = l->s[l->at], sign;
        size_t size = depth ? 0 : tag_end(l, l->at, block ? "%}" : "}}", block, &sign);
        if (size) {
            if (add(l, block ? T_BLOCK_END : T_PRINT_END, l->at, l->at + size)) return -1;
            return go_on(l, l->at + size, sign, block), 0;
        }
        if (letter(c)) {
            size_t at = l->at;
            while (l->at < l->n && (letter(l->s[l->at]) || digit(l->s[l->at]))) l->at++;
            if (add(l, T_NAME, at, l->at)) return -1;
        } else if (digit(c) ? number(l) : c == '"' || c == '\'' ? quoted(l) : other(l, open, &depth)) {
            return -1;
        }
    }
}

/* The next "{%", "{{" or "{#" from `at` on, or the end. */
static size_t next_tag(const lexer *l, size_t at)
{
    for (; at + 1 < l->n; at++) {
        const char *p = memchr(l->s + at, '{', l->n - 1 - at);
        if (!p) break;
        at = (size_t)(p - l->s);
        if (p[1] == '%' || p[1] == '{' || p[1] == '#') return at;
    }
    return l->n;
}

static int lex(lexer *l)
{
    while (l->at < l->n) {
        size_t open = next_tag(l, l->at);
        if (open == l->n) return add(l, T_DATA, l->at, l->n);
        char kind = l->s[open + 1], sign = open + 2 < l->n ? l->s[open + 2] : 0;
        size_t inside = open + 2 + (sign == '-' || sign == '+'), raw_text = kind == '%' ? raw_begin(l, inside) : 0;
        if (add_text(l, open, sign, kind != '{')) return -1;
        l->at = inside;
        if (raw_text) {
            if (raw(l, open, raw_text)) return -1;
        } else if (kind == '#') {
            if (comment(l, open, inside)) return -1;
        } else if (add(l, kind == '%' ? T_BLOCK_BEGIN : T_PRINT_BEGIN, open, inside) || tag(l, kind == '%')) {
            return -1;
        }
    }
    return 0;
}

int lf__j_lex(const j_template *t, j_token **tokens, size_t *n, lf_error *err)
{
    lexer l = {.t = t, .s = t->text.data, .n = t->source_size, .line_start = true, .err = err};
    if (lex(&l) || add(&l, T_END, l.n, l.n)) {
        free(l.tokens);
        return -1;
    }
    *tokens = l.tokens, *n = l.n_tokens;
    return 0;
}
