/* grammar.c - GBNF, the notation of llama.cpp, to a program over bytes: rules, alternatives, literals, character classes, groups, and the
 * repetitions * + ? {m} {m,} {m,n}. A class becomes ranges of UTF-8 bytes, so that the machine never decodes. A grammar owns its program
 * and is immutable once parsed. Text, program, rules and nesting are limited; rules that begin with themselves are refused. */
#include "infer/grammar.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 20, CODE_MAX = 1 << 18, RULES_MAX = 4096, REPEAT_MAX = 65536, NEST_MAX = 64, RANGES_MAX = 1024 };

typedef struct parser {
    lf_grammar *g;
    const char *text, *p, *end, *name;
    int depth;
    bool failed;
    lf_error *err;
} parser;

static int LF_PRINTF(3, 4) fail_at(parser *p, const char *at, const char *format, ...)
{
    char sentence[300];
    int line = 1, column = 1;
    va_list args;
    va_start(args, format);
    lf__vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    for (const char *s = p->text; s < at; s++) {
        column += (*s & 0xC0) != 0x80;
        if (*s == '\n') line++, column = 1;
    }
    if (!p->failed) lf_error_set(p->err, LF_E_FORMAT, "%s:%d:%d: %s", p->name, line, column, sentence);
    p->failed = true;
    p->p = p->end;
    return -1;
}

static char now(const parser *p) { return p->p < p->end ? *p->p : 0; }

/* Blanks and comments; newlines too where a rule cannot end. */
static void blanks(parser *p, bool newlines)
{
    for (; p->p < p->end; p->p++) {
        if (*p->p == '#')
            while (p->p + 1 < p->end && p->p[1] != '\n') p->p++;
        else if (*p->p != ' ' && *p->p != '\t' && !(newlines && (*p->p == '\n' || *p->p == '\r')))
            break;
    }
}

/* ---- program ------------------------------------------------------------------------------------------------------------------------ */

static void emit(parser *p, lf_grammar_code code)
{
    lf_grammar *g = p->g;
    if (p->failed) return;
    if (g->n_code == CODE_MAX)
        fail_at(p, p->p, "the grammar is too large: more than %d instructions", CODE_MAX);
    else if (lf__grow(&g->code, &g->cap_code, g->n_code + 1, sizeof *g->code, p->err))
        p->failed = true;
    else
        g->code[g->n_code++] = code;
}

/* Puts an instruction before the piece that begins at `at`. */
static void insert(parser *p, size_t at, lf_grammar_code code)
{
    emit(p, code);
    if (p->failed) return;
    memmove(p->g->code + at + 1, p->g->code + at, (p->g->n_code - 1 - at) * sizeof code);
    p->g->code[at] = code;
}

static lf_grammar_code split(int64_t x, int64_t y) { return (lf_grammar_code){.op = LF_G_SPLIT, .x = (int32_t)x, .y = (int32_t)y}; }
static lf_grammar_code jump(int64_t x) { return (lf_grammar_code){.op = LF_G_JUMP, .x = (int32_t)x}; }

/* The piece from `from` on, least..most times; most -1: without end. */
static void repeat(parser *p, size_t from, int64_t least, int64_t most)
{
    size_t n = p->g->n_code - from;
    int64_t size = (int64_t)n;
    lf_grammar_code *piece = lf__calloc(n, sizeof *piece, p->err);
    if (!piece) p->failed = true;
    if (p->failed) return free(piece);
    if (n) memcpy(piece, p->g->code + from, n * sizeof *piece);
    p->g->n_code = from;
    int64_t copies = most < 0 ? least + 1 : most;
    for (int64_t i = 0; i < copies && !p->failed; i++) {
        if (i >= least) /* optional: to behind the last of them */
            emit(p, split(1, most < 0 ? size + 2 : (copies - i) * (size + 1)));
        for (size_t k = 0; k < n && !p->failed; k++) emit(p, piece[k]);
        if (i >= least && most < 0) emit(p, jump(-(size + 1)));
    }
    free(piece);
}

/* ---- characters --------------------------------------------------------------------------------------------------------------------- */

typedef struct range {
    int32_t lo, hi;
} range;

/* One character, escapes included; -1 and an error. */
static int32_t character(parser *p)
{
    static const char from[] = "nrt\\\"[]-^", to[] = "\n\r\t\\\"[]-^";
    int32_t cp = -1;
    if (p->p >= p->end) return fail_at(p, p->p, "a character is missing");
    if (*p->p != '\\') {
        int size = lf__utf8_decode(p->p, p->end, &cp);
        if (cp < 0) return fail_at(p, p->p, "byte 0x%02x is not valid UTF-8", (uint8_t)*p->p);
        p->p += size;
        return cp;
    }
    const char *at = p->p++, *known = now(p) ? strchr(from, now(p)) : NULL;
    if (known) return p->p++, to[known - from];
    int digits = now(p) == 'x' ? 2 : now(p) == 'u' ? 4 : now(p) == 'U' ? 8 : 0;
    if (digits == 0 || p->end - p->p <= digits)
        return fail_at(p, at, "not an escape: known are \\n \\r \\t \\\\ \\\" \\[ \\] \\- \\^ \\x41 \\u0041 \\U00000041");
    uint32_t value = 0;
    for (p->p++; digits > 0; digits--, p->p++) {
        char c = *p->p;
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (digit < 0) return fail_at(p, at, "not an escape: hexadecimal digits are missing");
        value = value << 4 | (uint32_t)digit;
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return fail_at(p, at, "U+%X is no character", value);
    return (int32_t)value;
}

static void emit_character(parser *p, int32_t cp)
{
    char bytes[4];
    int n = lf__utf8_encode(bytes, cp);
    for (int i = 0; i < n; i++) emit(p, (lf_grammar_code){.op = LF_G_BYTE, .lo = (uint8_t)bytes[i], .hi = (uint8_t)bytes[i]});
}

/* Where alternatives begin and what must learn where they end. */
typedef struct choice {
    size_t jumps[RANGES_MAX * 8];
    size_t n;
} choice;

static void end_choice(parser *p, const choice *c)
{
    for (size_t i = 0; i < c->n && !p->failed; i++) p->g->code[c->jumps[i]].x = (int32_t)(p->g->n_code - c->jumps[i]);
}

/* Characters of one length in UTF-8 whose bytes are independent ranges: one sequence of BYTEs; else cut in two until they are. */
static void emit_range(parser *p, choice *c, int32_t lo, int32_t hi, bool last)
{
    char from[4], to[4];
    int n = lf__utf8_encode(from, lo);
    for (int i = 1; i < n; i++) {
        int32_t mask = (1 << 6 * i) - 1, cut = 0;
        if ((lo & ~mask) == (hi & ~mask)) continue;
        if (lo & mask)
            cut = lo | mask;
        else if ((hi & mask) != mask)
            cut = (hi & ~mask) - 1;
        if (!cut) continue;
        emit_range(p, c, lo, cut, false);
        emit_range(p, c, cut + 1, hi, last);
        return;
    }
    lf__utf8_encode(to, hi);
    if (!last) emit(p, split(1, n + 2));
    for (int i = 0; i < n; i++) emit(p, (lf_grammar_code){.op = LF_G_BYTE, .lo = (uint8_t)from[i], .hi = (uint8_t)to[i]});
    if (last) return;
    if (c->n == LF_COUNT(c->jumps)) {
        fail_at(p, p->p, "this class has too many parts");
        return;
    }
    c->jumps[c->n++] = p->g->n_code;
    emit(p, jump(0));
}

static int by_lo(const void *a, const void *b)
{
    return ((const range *)a)->lo < ((const range *)b)->lo ? -1 : ((const range *)a)->lo > ((const range *)b)->lo;
}

/* The class of n ranges (or of all other characters), which are sorted and cut where the length of UTF-8 changes. */
static void emit_class(parser *p, range *r, int n, bool negated)
{
    static const int32_t borders[] = {0, 0x80, 0x800, 0xD800, 0xE000, 0x10000, 0x110000};
    choice *c = lf__calloc(1, sizeof *c, p->err);
    range *out = lf__calloc((size_t)n * 7 + 7, sizeof *out, p->err);
    int n_out = 0, kept = 0;
    if (!c || !out) p->failed = true;
    if (!p->failed && n > 1) qsort(r, (size_t)n, sizeof *r, by_lo);
    for (int i = 0; i < n && !p->failed; i++) { /* merged */
        if (kept && r[i].lo <= r[kept - 1].hi + 1)
            r[kept - 1].hi = LF_MAX(r[kept - 1].hi, r[i].hi);
        else
            r[kept++] = r[i];
    }
    for (size_t b = 0; b + 1 < LF_COUNT(borders) && !p->failed; b++) {
        int32_t lo = borders[b], hi = borders[b + 1] - 1, at = lo;
        if (lo == 0xD800) continue; /* surrogates */
        for (int i = 0; i < kept; i++) {
            int32_t from = LF_MAX(r[i].lo, lo), to = LF_MIN(r[i].hi, hi);
            if (from > to) continue;
            if (!negated) out[n_out++] = (range){from, to};
            if (negated && from > at) out[n_out++] = (range){at, from - 1};
            at = to + 1;
        }
        if (negated && at <= hi) out[n_out++] = (range){at, hi};
    }
    if (!p->failed && n_out == 0) fail_at(p, p->p, "this class has no characters");
    for (int i = 0; i < n_out && !p->failed; i++) emit_range(p, c, out[i].lo, out[i].hi, i + 1 == n_out);
    if (c) end_choice(p, c);
    free(c), free(out);
}

static void class(parser *p)
{
    range ranges[RANGES_MAX];
    int n = 0;
    const char *open = p->p++;
    bool negated = now(p) == '^';
    if (negated) p->p++;
    while (now(p) != ']' && !p->failed) {
        if (p->p == p->end || n == RANGES_MAX) {
            fail_at(p, open, p->p == p->end ? "the class that begins here has no ]" : "this class has too many parts");
            return;
        }
        int32_t lo = character(p), hi = lo;
        if (now(p) == '-' && p->p + 1 < p->end && p->p[1] != ']') p->p++, hi = character(p);
        if (!p->failed && hi < lo) fail_at(p, open, "a range of this class ends before it begins");
        ranges[n++] = (range){lo, hi};
    }
    p->p++;
    if (!p->failed) emit_class(p, ranges, n, negated);
}

/* ---- rules -------------------------------------------------------------------------------------------------------------------------- */

static bool name_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* The rule of the name at p, made when it is new. */
static int32_t rule_at(parser *p)
{
    lf_grammar *g = p->g;
    const char *from = p->p;
    while (name_letter(now(p))) p->p++;
    size_t n = (size_t)(p->p - from);
    for (size_t i = 0; i < g->n_rules; i++)
        if (strlen(g->rules[i].name) == n && !memcmp(g->rules[i].name, from, n)) return (int32_t)i;
    if (g->n_rules == RULES_MAX) return fail_at(p, from, "more than %d rules", RULES_MAX);
    char *name = lf__calloc(n + 1, 1, p->err);
    if (!name || lf__grow(&g->rules, &g->cap_rules, g->n_rules + 1, sizeof *g->rules, p->err)) return free(name), p->failed = true, -1;
    memcpy(name, from, n);
    g->rules[g->n_rules] = (lf_grammar_rule){.name = name, .start = -1, .mention = (uint32_t)(from - p->text)};
    return (int32_t)g->n_rules++;
}

static int64_t number(parser *p)
{
    int64_t value = 0;
    if (now(p) < '0' || now(p) > '9') return fail_at(p, p->p, "expected a number of repetitions");
    for (; now(p) >= '0' && now(p) <= '9'; p->p++) value = LF_MIN(value * 10 + (*p->p - '0'), REPEAT_MAX + 1);
    if (value > REPEAT_MAX) return fail_at(p, p->p, "more than %d repetitions", REPEAT_MAX);
    return value;
}

/* * + ? {m} {m,} {m,n} behind the piece that begins at `from`. */
static void repetition(parser *p, size_t from)
{
    int64_t least = 0, most = -1;
    char c = *p->p++;
    if (c == '+') least = 1;
    if (c == '?') most = 1;
    if (c == '{') {
        least = most = number(p);
        if (now(p) == ',') p->p++, most = now(p) == '}' ? -1 : number(p);
        if (!p->failed && now(p) != '}') fail_at(p, p->p, "expected } behind the number of repetitions");
        if (!p->failed && most >= 0 && most < least) fail_at(p, p->p, "at most %d repetitions, but at least %d?", (int)most, (int)least);
        p->p++;
    }
    if (!p->failed) repeat(p, from, least, most);
}

static void alternatives(parser *p, bool nested);

static void literal(parser *p)
{
    const char *open = p->p++;
    while (now(p) != '"' && !p->failed) {
        if (p->p == p->end) {
            fail_at(p, open, "the text that begins here has no closing \"");
            return;
        }
        int32_t cp = character(p);
        if (!p->failed) emit_character(p, cp);
    }
    p->p++;
}

static void sequence(parser *p, bool nested)
{
    while (!p->failed) {
        size_t from = p->g->n_code;
        char c = now(p);
        if (c == '"') {
            literal(p);
        } else if (c == '[') {
            class(p);
        } else if (c == '.') {
            p->p++;
            emit_class(p, NULL, 0, true);
        } else if (c == '(') {
            const char *open = p->p++;
            if (++p->depth > NEST_MAX) fail_at(p, open, "groups nest more than %d levels deep", NEST_MAX);
            blanks(p, true);
            alternatives(p, true);
            if (!p->failed && now(p) != ')') fail_at(p, p->p == p->end ? open : p->p, "expected a )");
            p->p++, p->depth--;
        } else if (name_letter(c)) {
            emit(p, (lf_grammar_code){.op = LF_G_CALL, .x = rule_at(p)});
        } else if (c == '<' || c == '!') {
            fail_at(p, p->p, "matching tokens by their number is not supported");
        } else {
            return;
        }
        if (p->failed) return;
        blanks(p, nested);
        while (!p->failed && now(p) && strchr("*+?{", now(p))) {
            repetition(p, from);
            if (!p->failed) blanks(p, nested);
        }
    }
}

/* a | b | c: SPLIT a.. JUMP end, SPLIT b.. JUMP end, c.. */
static void alternatives(parser *p, bool nested)
{
    size_t *jumps = NULL, n_jumps = 0, cap = 0, from = p->g->n_code;
    for (sequence(p, nested); now(p) == '|' && !p->failed; sequence(p, nested)) {
        p->p++;
        blanks(p, true);
        insert(p, from, split(1, (int64_t)(p->g->n_code - from) + 2));
        if (lf__grow(&jumps, &cap, n_jumps + 1, sizeof *jumps, p->err)) p->failed = true;
        if (!p->failed) jumps[n_jumps++] = p->g->n_code;
        emit(p, jump(0));
        from = p->g->n_code;
    }
    for (size_t i = 0; i < n_jumps && !p->failed; i++) p->g->code[jumps[i]].x = (int32_t)(p->g->n_code - jumps[i]);
    free(jumps);
}

static void rules(parser *p)
{
    for (blanks(p, true); p->p < p->end && !p->failed; blanks(p, true)) {
        const char *at = p->p;
        if (!name_letter(*at)) {
            fail_at(p, at, "expected the name of a rule");
            return;
        }
        int32_t rule = rule_at(p);
        blanks(p, false);
        if (!p->failed && (p->end - p->p < 3 || memcmp(p->p, "::=", 3) != 0)) fail_at(p, p->p, "expected ::= behind the name of a rule");
        if (!p->failed && p->g->rules[rule].start >= 0) fail_at(p, at, "rule %.60s is defined twice", p->g->rules[rule].name);
        if (p->failed) return;
        p->p += 3;
        blanks(p, true);
        p->g->rules[rule].start = (int32_t)p->g->n_code;
        alternatives(p, false);
        emit(p, (lf_grammar_code){.op = LF_G_RET});
        if (!p->failed && p->p < p->end && *p->p != '\n' && *p->p != '\r') fail_at(p, p->p, "unexpected \"%.1s\"", p->p);
    }
}

/* ---- checks ------------------------------------------------------------------------------------------------------------------------- */

/* All that is reached from pc without a byte. visit: called for rules that are called first; returns whether RET is reached. */
typedef struct walk {
    lf_grammar *g;
    uint32_t *seen, stamp; /* [n_code] */
    int32_t *todo;         /* [n_code] */
    int32_t *calls;        /* [n_calls] rules that are called before any byte */
    size_t n_calls;
} walk;

static bool reach(walk *w, int32_t start)
{
    size_t n = 0;
    bool returns = false;
    w->stamp++, w->n_calls = 0;
    w->todo[n++] = start;
    w->seen[start] = w->stamp;
    while (n) {
        int32_t pc = w->todo[--n], next[2], n_next = 0;
        const lf_grammar_code *c = &w->g->code[pc];
        if (c->op == LF_G_RET) returns = true;
        if (c->op == LF_G_JUMP || c->op == LF_G_SPLIT) next[n_next++] = pc + c->x;
        if (c->op == LF_G_SPLIT) next[n_next++] = pc + c->y;
        if (c->op == LF_G_CALL) {
            w->calls[w->n_calls++] = c->x;
            if (w->g->rules[c->x].nullable) next[n_next++] = pc + 1;
        }
        for (int i = 0; i < n_next; i++)
            if (w->seen[next[i]] != w->stamp) w->seen[next[i]] = w->stamp, w->todo[n++] = next[i];
    }
    return returns;
}

/* A rule that comes to itself before any byte would never end. Rules are followed with a stack of our own. */
static int check_left_recursion(parser *p, walk *w)
{
    lf_grammar *g = p->g;
    size_t n_edges = 0, cap = 0, *first = lf__calloc(g->n_rules + 1, sizeof *first, p->err),
           *at = lf__calloc(g->n_rules, sizeof *at, p->err);
    int32_t *edges = NULL, *path = lf__calloc(g->n_rules + 1, sizeof *path, p->err);
    if (!first || !at || !path) p->failed = true;
    for (size_t r = 0; r < g->n_rules && !p->failed; r++) {
        first[r] = at[r] = n_edges;
        reach(w, g->rules[r].start);
        if (lf__grow(&edges, &cap, n_edges + w->n_calls, sizeof *edges, p->err)) p->failed = true;
        for (size_t i = 0; i < w->n_calls && !p->failed; i++) edges[n_edges++] = w->calls[i];
        first[r + 1] = n_edges;
    }
    for (size_t r = 0; r < g->n_rules && !p->failed; r++) {
        size_t depth = 0;
        if (g->rules[r].mark) continue;
        path[depth++] = (int32_t)r, g->rules[r].mark = 1;
        while (depth && !p->failed) {
            int32_t top = path[depth - 1];
            if (at[top] == first[top + 1]) {
                g->rules[top].mark = 2, depth--;
                continue;
            }
            int32_t next = edges[at[top]++];
            if (g->rules[next].mark == 1)
                fail_at(p, p->text + g->rules[next].mention, "rule %.60s begins with itself (left recursion)", g->rules[next].name);
            else if (g->rules[next].mark == 0)
                path[depth++] = next, g->rules[next].mark = 1;
        }
    }
    free(first), free(at), free(path), free(edges);
    return p->failed ? -1 : 0;
}

static int check(parser *p)
{
    lf_grammar *g = p->g;
    g->root = -1;
    for (size_t i = 0; i < g->n_rules; i++) {
        if (g->rules[i].start < 0) return fail_at(p, p->text + g->rules[i].mention, "rule %.60s is not defined", g->rules[i].name);
        if (strcmp(g->rules[i].name, "root") == 0) g->root = (int32_t)i;
    }
    if (g->root < 0) return fail_at(p, p->text, "there is no rule root: the grammar begins there");
    walk w = {.g = g};
    if (!(w.seen = lf__calloc(g->n_code, sizeof *w.seen, p->err)) || !(w.todo = lf__calloc(g->n_code, sizeof *w.todo, p->err)) ||
        !(w.calls = lf__calloc(g->n_code, sizeof *w.calls, p->err)))
        p->failed = true;
    for (bool changed = true; changed && !p->failed;) {
        changed = false;
        for (size_t i = 0; i < g->n_rules; i++)
            if (!g->rules[i].nullable && reach(&w, g->rules[i].start)) changed = g->rules[i].nullable = true;
    }
    if (!p->failed) check_left_recursion(p, &w);
    free(w.seen), free(w.todo), free(w.calls);
    return p->failed ? -1 : 0;
}

lf_grammar *lf_grammar_parse(const char *text, size_t n, const char *name, lf_error *err)
{
    if (n > TEXT_MAX) {
        lf_error_set(err, LF_E_LIMIT, "%s: a grammar of %zu bytes; at most %d are read", name, n, TEXT_MAX);
        return NULL;
    }
    lf_grammar *g = lf__calloc(1, sizeof *g, err);
    parser p = {.g = g, .text = text, .p = text, .end = text + n, .name = name, .failed = !g, .err = err};
    if (!p.failed) rules(&p);
    if (!p.failed) check(&p);
    if (p.failed) lf_grammar_free(&g);
    return g;
}

lf_grammar *lf_grammar_load(const char *path, lf_error *err)
{
    lf_buf text;
    lf__buf_init(&text, TEXT_MAX);
    lf_grammar *g = lf__read_file(&text, path, TEXT_MAX, err) ? NULL : lf_grammar_parse(text.data ? text.data : "", text.len, path, err);
    lf__buf_release(&text);
    return g;
}

void lf_grammar_free(lf_grammar **g)
{
    if (!*g) return;
    for (size_t i = 0; i < (*g)->n_rules; i++) free((*g)->rules[i].name);
    free((*g)->rules);
    free((*g)->code);
    free(*g);
    *g = NULL;
}

int lf_grammar_of_sampling(lf_grammar **g, const lf_sample_config *s, lf_error *err)
{
    *g = NULL;
    if (s->grammar[0] && s->json_schema[0])
        return lf_error_set(err, LF_E_ARGUMENT, "sampler.grammar is %s and sampler.json_schema is %s: a text follows one of them",
                            s->grammar, s->json_schema);
    if (s->grammar[0]) *g = lf_grammar_load(s->grammar, err);
    if (s->json_schema[0]) *g = lf_grammar_load_json_schema(s->json_schema, err);
    return *g || (!s->grammar[0] && !s->json_schema[0]) ? 0 : -1;
}
