/* jinja_parse.c - tokens to a tree, with the precedences of Python's jinja2: from loosest to tightest
 *     a if b else c · or · and · not · comparisons, in · + - · ~ · * / // % · ** · unary + - · . [] () · | is
 * Nodes live in the template's arena. Recursion is bounded by J_NEST_MAX; chains of operators are loops, and count as depth only when
 * they are evaluated. */
#include "chat/jinja.h"

#include <stdlib.h>
#include <string.h>

typedef struct parser {
    j_template *t;
    const j_token *tokens;
    size_t at;
    int depth, loops;  /* loops: bodies of `for` around, for break and continue     */
    uint8_t mentioned; /* bits of J_CALLER, J_VARARGS, J_KWARGS that were met as names */
    bool failed;
    lf_error *err;
} parser;

static const j_node nowhere; /* what a failed parse returns: never looked at */

static const j_token *peek(const parser *p) { return &p->tokens[p->at]; }
static bool is(const parser *p, j_token_kind kind) { return peek(p)->kind == kind; }
static const char *letters(const parser *p, const j_token *token) { return p->t->text.data + token->at; }
static bool token_says(const parser *p, const j_token *token, const char *word)
{
    return token->kind == T_NAME && token->n == strlen(word) && !memcmp(letters(p, token), word, token->n);
}
static bool is_word(const parser *p, const char *word) { return token_says(p, peek(p), word); }
static const j_token *take(parser *p)
{
    const j_token *token = peek(p);
    if (token->kind != T_END) p->at++;
    return token;
}
static bool skip(parser *p, j_token_kind kind) { return is(p, kind) ? take(p), true : false; }
static bool skip_word(parser *p, const char *word) { return is_word(p, word) ? take(p), true : false; }

static j_node *LF_PRINTF(4, 5) fail_at(parser *p, uint32_t at, lf_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!p->failed) lf__j_verror_at(p->t, at, code, p->err, format, args);
    va_end(args);
    p->failed = true;
    while (!is(p, T_END)) p->at++; /* every loop over tokens ends */
    return (j_node *)&nowhere;
}

static j_node *unexpected(parser *p, const char *expected)
{
    const j_token *token = peek(p);
    if (token->kind == T_NAME || token->kind == T_INT || token->kind == T_FLOAT)
        return fail_at(p, token->at, LF_E_FORMAT, "expected %s, got \"%.*s\"", expected, (int)LF_MIN(token->n, 64u), letters(p, token));
    const char *name = lf__j_token_name(token->kind);
    bool sign = token->kind > T_FLOAT || (token->kind > T_DATA && token->kind < T_NAME);
    return fail_at(p, token->at, LF_E_FORMAT, sign ? "expected %s, got \"%s\"" : "expected %s, got %s", expected, name);
}

static const j_token *expect(parser *p, j_token_kind kind)
{
    char quoted[16];
    const char *name = lf__j_token_name(kind);
    bool sign = kind > T_FLOAT || (kind > T_DATA && kind < T_NAME);
    if (is(p, kind)) return take(p);
    if (sign) snprintf(quoted, sizeof quoted, "\"%s\"", name);
    unexpected(p, sign ? quoted : name);
    return peek(p);
}

static j_node *make(parser *p, j_node_kind kind, uint32_t at)
{
    j_node *node = lf__arena_push(&p->t->arena, sizeof *node);
    if (!node) return fail_at(p, at, LF_E_LIMIT, "the template has more parts than fit into %zu bytes", p->t->arena.size);
    *node = (j_node){.kind = (uint8_t)kind, .at = at};
    return node;
}

static j_node *make2(parser *p, j_node_kind kind, uint32_t at, j_node *a, j_node *b)
{
    j_node *node = make(p, kind, at);
    if (p->failed) return node;
    node->a = a, node->b = b;
    return node;
}

/* Appends to a chain of siblings whose last link is *end. */
static void chain(parser *p, j_node ***end, j_node *node)
{
    if (p->failed) return;
    **end = node;
    *end = &node->next;
}

static bool deeper(parser *p)
{
    if (++p->depth <= J_NEST_MAX) return true;
    fail_at(p, peek(p)->at, LF_E_LIMIT, "expressions and blocks nest more than %d levels deep", J_NEST_MAX);
    return false;
}

/* ---- names and literals ----------------------------------------------------------------------------------------------------------- */

static uint32_t symbol(parser *p, const j_token *token)
{
    j_template *t = p->t;
    for (size_t i = 0; i < t->n_symbols; i++)
        if (t->symbols[i].n == token->n && !memcmp(t->text.data + t->symbols[i].at, letters(p, token), token->n)) return (uint32_t)i;
    if (t->n_symbols == J_NAMES_MAX) return fail_at(p, token->at, LF_E_LIMIT, "more than %d different names", J_NAMES_MAX), 0;
    if (lf__grow(&t->symbols, &t->cap_symbols, t->n_symbols + 1, sizeof *t->symbols, p->err)) return p->failed = true, 0;
    t->symbols[t->n_symbols] = (j_symbol){token->at, token->n};
    return (uint32_t)t->n_symbols++;
}

static j_node *name_node(parser *p, j_node_kind kind, const j_token *token)
{
    uint32_t s = symbol(p, token);
    j_node *node = make(p, kind, token->at);
    if (!p->failed) node->symbol = s;
    return node;
}

static j_node *literal(parser *p, j_node_kind kind, uint32_t at, j_kind type, j_literal value)
{
    j_node *node = make(p, kind, at);
    if (!p->failed) node->op = (uint8_t)type, node->value = value;
    return node;
}

static j_node *constant(parser *p, uint32_t at, j_kind type, j_literal value) { return literal(p, N_CONST, at, type, value); }

/* \xhh, \uhhhh, \Uhhhhhhhh: the code point of n hexadecimal digits, -1 when they are not there. */
static int32_t hex(const char *s, size_t room, size_t n)
{
    uint32_t cp = 0;
    if (room < n) return -1;
    for (size_t i = 0; i < n; i++) {
        const char *digits = "0123456789abcdef", *d = s[i] ? strchr(digits, s[i] >= 'A' && s[i] <= 'F' ? s[i] + 32 : s[i]) : NULL;
        if (!d) return -1;
        cp = cp << 4 | (uint32_t)(d - digits);
    }
    return cp <= 0x10FFFF && !(cp >= 0xD800 && cp < 0xE000) ? (int32_t)cp : -1;
}

/* One escape of Python's strings at s[0] = '\\': its length, and its bytes into out (*size of them). 0 = not one that can be had. */
static size_t escape(const char *s, size_t room, char out[4], int *size)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    char c = room > 1 ? s[1] : 0;
    const char *known = c ? strchr(from, c) : NULL;
    int32_t cp = -1;
    size_t used = 0;
    if (known) return out[0] = to[known - from], *size = 1, 2;
    if (c == '\n') return *size = 0, 2;
    if (c == 'x' || c == 'u' || c == 'U') {
        used = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        cp = hex(s + 2, room - 2, used);
        used += 2;
    } else if (c >= '0' && c <= '7') {
        for (cp = 0, used = 1; used < 4 && used < room && s[used] >= '0' && s[used] <= '7'; used++) cp = cp * 8 + (s[used] - '0');
    } else if (c != 'N') {
        return out[0] = '\\', *size = 1, 1; /* an unknown one stays as it is */
    }
    if (cp < 0) return 0;
    return *size = lf__utf8_encode(out, cp), used;
}

/* Neighbouring strings are one. Without a backslash, and alone, it is the source's own bytes. */
static j_node *string(parser *p)
{
    const j_token *first = take(p);
    lf_buf *text = &p->t->text;
    if (!is(p, T_STRING) && !memchr(letters(p, first), '\\', first->n))
        return constant(p, first->at, J_STRING, (j_literal){.at = first->at, .n = first->n});
    size_t start = text->len;
    for (const j_token *token = first;; token = take(p)) {
        for (size_t i = 0; i < token->n;) {
            char out[4], c = letters(p, token)[i];
            int size = 1;
            size_t used = 1;
            out[0] = c;
            if (c == '\\') used = escape(letters(p, token) + i, token->n - i, out, &size);
            if (used == 0)
                return fail_at(p, token->at + (uint32_t)i, LF_E_UNSUPPORTED, "this escape in a string is not one of a character: \"%.4s\"",
                               letters(p, token) + i);
            if (lf__buf_add(text, out, (size_t)size)) return fail_at(p, token->at, LF_E_MEMORY, "out of memory in a string");
            i += used;
        }
        if (!is(p, T_STRING)) break;
    }
    return constant(p, first->at, J_STRING, (j_literal){.at = (uint32_t)start, .n = (uint32_t)(text->len - start)});
}

static j_node *number(parser *p)
{
    const j_token *token = take(p);
    char digits[400];
    size_t n = 0;
    for (uint32_t i = 0; i < token->n && n < sizeof digits - 1; i++)
        if (letters(p, token)[i] != '_') digits[n++] = letters(p, token)[i];
    digits[n] = 0;
    j_literal value = {0};
    if (token->kind == T_FLOAT) {
        if (n == sizeof digits - 1 || lf__parse_double(digits, "", -1e308, 1.7976931348623157e308, &value.f, NULL))
            return fail_at(p, token->at, LF_E_LIMIT, "this number is too large");
        return constant(p, token->at, J_FLOAT, value);
    }
    int base = n > 1 && digits[0] == '0' ? (digits[1] | 32) == 'x'   ? 16
                                           : (digits[1] | 32) == 'o' ? 8
                                           : (digits[1] | 32) == 'b' ? 2
                                                                     : 10
                                         : 10;
    for (const char *d = digits + (base == 10 ? 0 : 2); *d; d++) {
        int64_t digit = *d <= '9' ? *d - '0' : (*d | 32) - 'a' + 10;
        if (__builtin_mul_overflow(value.i, base, &value.i) || __builtin_add_overflow(value.i, digit, &value.i))
            return fail_at(p, token->at, LF_E_LIMIT, "this number is larger than 9223372036854775807");
    }
    return constant(p, token->at, J_INT, value);
}

/* ---- expressions ------------------------------------------------------------------------------------------------------------------- */

static j_node *expression(parser *p);
static j_node *unary(parser *p, bool filters);
static j_node *primary(parser *p);
static j_node *postfix(parser *p, j_node *node);

/* a, b, c up to `closing`, a comma behind the last allowed. first: already read, or NULL. */
static j_node *items(parser *p, j_node_kind kind, uint32_t at, j_token_kind closing, j_node *first)
{
    j_node *node = make(p, kind, at), **end = p->failed ? NULL : &node->a;
    if (first) chain(p, &end, first);
    while (!p->failed && !is(p, closing)) {
        if (node->a) expect(p, T_COMMA);
        if (is(p, closing)) break;
        chain(p, &end, expression(p));
        if (kind == N_DICT) {
            expect(p, T_COLON);
            chain(p, &end, expression(p));
        }
    }
    return node;
}

static j_node *bracketed(parser *p)
{
    const j_token *token = take(p);
    j_node *node;
    if (token->kind == T_LPAREN) {
        node = is(p, T_RPAREN) ? NULL : expression(p);
        if (!node || is(p, T_COMMA)) node = items(p, N_TUPLE, token->at, T_RPAREN, node);
        expect(p, T_RPAREN);
    } else if (token->kind == T_LBRACKET) {
        node = items(p, N_LIST, token->at, T_RBRACKET, NULL);
        expect(p, T_RBRACKET);
    } else {
        node = items(p, N_DICT, token->at, T_RBRACE, NULL);
        expect(p, T_RBRACE);
    }
    return node;
}

static j_node *primary(parser *p)
{
    static const struct {
        const char *name;
        j_kind type;
        int64_t value;
    } words[] = {{"true", J_BOOL, 1},  {"True", J_BOOL, 1}, {"false", J_BOOL, 0},
                 {"False", J_BOOL, 0}, {"none", J_NONE, 0}, {"None", J_NONE, 0}};
    j_node *node;
    switch (peek(p)->kind) {
    case T_NAME:
        for (size_t i = 0; i < LF_COUNT(words); i++)
            if (is_word(p, words[i].name)) return constant(p, take(p)->at, words[i].type, (j_literal){.i = words[i].value});
        node = name_node(p, N_NAME, take(p));
        if (!p->failed && node->symbol <= J_KWARGS) p->mentioned |= (uint8_t)(1 << node->symbol);
        return node;
    case T_STRING: return string(p);
    case T_INT:
    case T_FLOAT: return number(p);
    case T_LPAREN:
    case T_LBRACKET:
    case T_LBRACE: return bracketed(p);
    default: return unexpected(p, "an expression");
    }
}

/* (a, *b, key=c, **d): N_KEYWORD, N_STAR and N_STARS among plain expressions, in Python's order. */
static j_node *arguments(parser *p)
{
    j_node *list = NULL, **end = &list;
    int stage = 0; /* 1 after a keyword, 2 after *, 3 after ** */
    expect(p, T_LPAREN);
    while (!p->failed && !is(p, T_RPAREN)) {
        if (list) expect(p, T_COMMA);
        if (is(p, T_RPAREN)) break;
        const j_token *token = peek(p);
        int was = stage;
        if (token->kind == T_MUL || token->kind == T_POW) {
            take(p);
            stage = token->kind == T_MUL ? 2 : 3;
            chain(p, &end, make2(p, token->kind == T_MUL ? N_STAR : N_STARS, token->at, expression(p), NULL));
            if (was >= LF_MIN(stage, 2) && !(was == 2 && stage == 3)) fail_at(p, token->at, LF_E_FORMAT, "a second * or ** in a call");
        } else if (token->kind == T_NAME && token[1].kind == T_ASSIGN) {
            j_node *node = name_node(p, N_KEYWORD, take(p));
            take(p);
            j_node *value = expression(p);
            if (!p->failed) node->a = value;
            chain(p, &end, node);
            stage = LF_MAX(stage, 1);
            if (was == 3) fail_at(p, token->at, LF_E_FORMAT, "an argument behind ** in a call");
        } else {
            chain(p, &end, expression(p));
            if (was) fail_at(p, token->at, LF_E_FORMAT, "a positional argument behind keywords in a call");
        }
    }
    expect(p, T_RPAREN);
    return list;
}

static j_node *subscript(parser *p, j_node *node)
{
    const j_token *token = take(p);
    if (token->kind == T_DOT) {
        const j_token *name = peek(p);
        if (name->kind == T_INT) return make2(p, N_ITEM, token->at, node, number(p));
        if (name->kind != T_NAME) return unexpected(p, "a name or a number behind the dot");
        j_node *attr = name_node(p, N_ATTR, take(p));
        if (!p->failed) attr->a = node, attr->at = token->at;
        return attr;
    }
    j_node *part[3] = {NULL};
    int n = 0;
    bool slice = false;
    for (; !p->failed && n < 3; n++) {
        if (!is(p, T_COLON) && !is(p, T_RBRACKET)) part[n] = expression(p);
        if (!skip(p, T_COLON)) break;
        slice = true;
    }
    if (is(p, T_COMMA)) {
        if (slice) return fail_at(p, token->at, LF_E_UNSUPPORTED, "several slices in one pair of brackets are not supported");
        part[0] = items(p, N_TUPLE, token->at, T_RBRACKET, part[0]);
    }
    if (!slice && !part[0]) return unexpected(p, "an expression");
    expect(p, T_RBRACKET);
    j_node *out = make2(p, slice ? N_SLICE : N_ITEM, token->at, node, part[0]);
    if (slice && !p->failed) out->c = part[1], out->d = part[2];
    return out;
}

static j_node *call(parser *p, j_node *node)
{
    uint32_t at = peek(p)->at;
    return make2(p, N_CALL, at, node, arguments(p));
}

static j_node *postfix(parser *p, j_node *node)
{
    for (;;) {
        if (is(p, T_DOT) || is(p, T_LBRACKET))
            node = subscript(p, node);
        else if (is(p, T_LPAREN))
            node = call(p, node);
        else
            return node;
    }
}

static const j_builtin *find_builtin(parser *p, const j_builtin *table, const char *what, const j_token *token)
{
    const j_builtin *b = lf__j_builtin(table, letters(p, token), token->n);
    if (b || p->failed) return b;
    char name[64];
    const char *names[128];
    size_t n = 0;
    snprintf(name, sizeof name, "%.*s", (int)LF_MIN(token->n, 60u), letters(p, token));
    for (; table[n].name && n < LF_COUNT(names) - 1; n++) names[n] = table[n].name;
    names[n] = NULL;
    const char *near = lf__nearest(name, names);
    if (near)
        fail_at(p, token->at, LF_E_UNSUPPORTED, "unknown %s \"%s\"; did you mean \"%s\"?", what, name, near);
    else
        fail_at(p, token->at, LF_E_UNSUPPORTED, "unknown %s \"%s\"", what, name);
    return NULL;
}

static j_node *applied(parser *p, j_node_kind kind, const j_token *token, j_node *node, const j_builtin *b, j_node *args)
{
    j_node *out = make2(p, kind, token->at, node, args);
    if (!p->failed) out->builtin = b;
    return out;
}

/* name(args), and the filters piped behind it. */
static j_node *filter(parser *p, j_node *node)
{
    do {
        const j_token *token = expect(p, T_NAME);
        const j_builtin *b = find_builtin(p, lf__j_filters, "filter", token);
        node = applied(p, N_FILTER, token, node, b, is(p, T_LPAREN) ? arguments(p) : NULL);
    } while (skip(p, T_PIPE));
    return node;
}

static j_node *test(parser *p, j_node *node)
{
    take(p);
    bool not = skip_word(p, "not");
    const j_token *token = expect(p, T_NAME), *next = peek(p);
    const j_builtin *b = find_builtin(p, lf__j_tests, "test", token);
    j_node *args = NULL;
    if (next->kind == T_LPAREN) {
        args = arguments(p);
    } else if (next->kind == T_NAME || next->kind == T_STRING || next->kind == T_INT || next->kind == T_FLOAT || next->kind == T_LBRACKET ||
               next->kind == T_LBRACE) {
        if (is_word(p, "is")) return fail_at(p, next->at, LF_E_FORMAT, "tests cannot be chained with \"is\"");
        if (!is_word(p, "else") && !is_word(p, "or") && !is_word(p, "and")) args = postfix(p, primary(p));
    }
    j_node *out = applied(p, N_TEST, token, node, b, args);
    if (!p->failed) out->flag = not ;
    return out;
}

static j_node *unary(parser *p, bool filters)
{
    const j_token *token = peek(p);
    j_node *node;
    if (!deeper(p)) return (j_node *)&nowhere;
    if (skip(p, T_SUB) || skip(p, T_ADD))
        node = make2(p, token->kind == T_SUB ? N_NEGATE : N_POSITIVE, token->at, unary(p, false), NULL);
    else
        node = primary(p);
    node = postfix(p, node);
    while (filters) {
        if (skip(p, T_PIPE))
            node = filter(p, node);
        else if (is_word(p, "is"))
            node = test(p, node);
        else if (is(p, T_LPAREN))
            node = call(p, node);
        else
            break;
    }
    p->depth--;
    return node;
}

/* Levels of binary operators, loosest first; all lean to the left, ** too, as in jinja2. */
static j_node *binary(parser *p, int level)
{
    static const uint8_t ops[][5] = {{T_ADD, T_SUB}, {T_TILDE}, {T_MUL, T_DIV, T_FLOORDIV, T_MOD}, {T_POW}};
    enum { LEVELS = LF_COUNT(ops), CONCAT = 1 };
    if (level == LEVELS) return unary(p, true);
    j_node *left = binary(p, level + 1), **end = NULL;
    for (;;) {
        const j_token *token = peek(p);
        if (token->kind == T_END || !memchr(ops[level], token->kind, sizeof ops[0])) return left;
        take(p);
        j_node *right = binary(p, level + 1);
        if (level == CONCAT) { /* a ~ b ~ c is one node */
            if (!end) {
                left = make2(p, N_CONCAT, token->at, left, NULL);
                if (!p->failed) end = &left->a->next;
            }
            chain(p, &end, right);
        } else {
            left = make2(p, N_BINARY, token->at, left, right);
            if (!p->failed) left->op = token->kind;
        }
    }
}

static j_node *comparison(parser *p)
{
    j_node *left = binary(p, 0), *list = NULL, **end = &list;
    uint32_t at = peek(p)->at;
    for (;;) {
        const j_token *token = peek(p);
        int op = token->kind;
        if (is_word(p, "in")) {
            op = OP_IN;
        } else if (is_word(p, "not") && token_says(p, token + 1, "in")) {
            take(p);
            op = OP_NOT_IN;
        } else if (op != T_EQ && op != T_NE && op != T_LT && op != T_LE && op != T_GT && op != T_GE) {
            break;
        }
        take(p);
        j_node *node = make2(p, N_OPERAND, token->at, binary(p, 0), NULL);
        if (!p->failed) node->op = (uint8_t)op;
        chain(p, &end, node);
    }
    return list ? make2(p, N_COMPARE, at, left, list) : left;
}

static j_node *negation(parser *p)
{
    const j_token *token = peek(p);
    if (!is_word(p, "not")) return comparison(p);
    take(p);
    if (!deeper(p)) return (j_node *)&nowhere;
    j_node *node = make2(p, N_NOT, token->at, negation(p), NULL);
    p->depth--;
    return node;
}

static j_node *both(parser *p)
{
    j_node *left = negation(p);
    for (const j_token *token = peek(p); skip_word(p, "and"); token = peek(p)) left = make2(p, N_AND, token->at, left, negation(p));
    return left;
}

static j_node *either(parser *p)
{
    j_node *left = both(p);
    for (const j_token *token = peek(p); skip_word(p, "or"); token = peek(p)) left = make2(p, N_OR, token->at, left, both(p));
    return left;
}

static j_node *expression(parser *p)
{
    if (!deeper(p)) return (j_node *)&nowhere;
    j_node *node = either(p);
    for (const j_token *token = peek(p); skip_word(p, "if"); token = peek(p)) {
        j_node *condition = either(p), *otherwise = skip_word(p, "else") ? expression(p) : NULL;
        node = make2(p, N_CHOICE, token->at, node, condition);
        if (!p->failed) node->c = otherwise;
    }
    p->depth--;
    return node;
}

/* a, b without brackets is a tuple; with_choice: a conditional expression may stand here (not in `for x in a if b`). */
static j_node *tuple(parser *p, bool with_choice, j_token_kind closing)
{
    uint32_t at = peek(p)->at;
    j_node *node = with_choice ? expression(p) : either(p);
    if (!is(p, T_COMMA)) return node;
    return items(p, N_TUPLE, at, closing, node);
}

/* ---- statements -------------------------------------------------------------------------------------------------------------------- */

static j_node *body(parser *p, const char *const *ends, const j_token *open);

/* name, ns.name, (a, b) or a, b up to `end` */
static j_node *target_one(parser *p)
{
    if (!deeper(p)) return (j_node *)&nowhere;
    j_node *node = (j_node *)&nowhere;
    const j_token *token = peek(p);
    if (skip(p, T_LPAREN)) {
        j_node *list = make(p, N_TUPLE, token->at), **end = p->failed ? NULL : &list->a;
        while (!p->failed && !is(p, T_RPAREN)) {
            if (list->a) expect(p, T_COMMA);
            if (!is(p, T_RPAREN)) chain(p, &end, target_one(p));
        }
        expect(p, T_RPAREN);
        node = list;
    } else if (token->kind != T_NAME) {
        unexpected(p, "a name to assign to");
    } else {
        node = primary(p);
        if (!p->failed && node->kind != N_NAME)
            fail_at(p, token->at, LF_E_FORMAT, "cannot assign to \"%.*s\"", (int)LF_MIN(token->n, 64u), letters(p, token));
        if (skip(p, T_DOT)) {
            j_node *attr = name_node(p, N_ATTR, expect(p, T_NAME));
            if (!p->failed) attr->a = node;
            node = attr;
        }
    }
    p->depth--;
    return node;
}

static j_node *target(parser *p)
{
    uint32_t at = peek(p)->at;
    j_node *node = target_one(p);
    if (!is(p, T_COMMA)) return node;
    j_node *list = make2(p, N_TUPLE, at, node, NULL), **end = p->failed ? NULL : &node->next;
    while (skip(p, T_COMMA))
        if (is(p, T_NAME) && !is_word(p, "in")) chain(p, &end, target_one(p));
    return list;
}

static j_node *parameters(parser *p)
{
    j_node *list = NULL, **end = &list;
    bool defaults = false;
    expect(p, T_LPAREN);
    while (!p->failed && !is(p, T_RPAREN)) {
        if (list) expect(p, T_COMMA);
        const j_token *token = expect(p, T_NAME);
        j_node *node = name_node(p, N_PARAM, token);
        if (skip(p, T_ASSIGN)) {
            j_node *value = expression(p);
            if (!p->failed) node->a = value;
            defaults = true;
        } else if (defaults) {
            fail_at(p, token->at, LF_E_FORMAT, "a parameter without a default behind one that has one");
        }
        chain(p, &end, node);
    }
    expect(p, T_RPAREN);
    return list;
}

static j_node *parse_if(parser *p, const j_token *open)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL}, *const end[] = {"endif", NULL};
    j_node *first = NULL, **link = &first;
    for (;;) { /* c of an `if` is its `elif` */
        j_node *condition = tuple(p, false, T_BLOCK_END);
        j_node *node = make2(p, N_IF, open->at, condition, NULL);
        if (p->failed) return node;
        *link = node;
        link = &node->c;
        node->b = body(p, ends, open);
        if (skip_word(p, "elif")) continue;
        if (skip_word(p, "else")) *link = body(p, end, open);
        take(p);
        return first;
    }
}

static j_node *parse_for(parser *p, const j_token *open)
{
    static const char *const ends[] = {"endfor", "else", NULL}, *const end[] = {"endfor", NULL};
    j_node *node = make(p, N_FOR, open->at);
    j_node *into = target(p);
    if (!skip_word(p, "in")) unexpected(p, "\"in\"");
    j_node *iterable = tuple(p, false, T_BLOCK_END), *condition = skip_word(p, "if") ? expression(p) : NULL;
    bool recursive = skip_word(p, "recursive");
    p->loops++;
    j_node *inside = body(p, ends, open);
    p->loops--;
    j_node *otherwise = skip_word(p, "else") ? body(p, end, open) : NULL;
    take(p);
    if (p->failed) return node;
    node->a = into, node->b = iterable, node->c = inside, node->d = otherwise, node->e = condition, node->flag = recursive;
    return node;
}

static j_node *parse_set(parser *p, const j_token *open)
{
    static const char *const end[] = {"endset", NULL};
    j_node *into = target(p);
    if (skip(p, T_ASSIGN)) return make2(p, N_SET, open->at, into, tuple(p, true, T_BLOCK_END));
    j_node *filters = skip(p, T_PIPE) ? filter(p, make(p, N_HOLE, open->at)) : NULL;
    j_node *node = make2(p, N_SET_TEXT, open->at, into, filters), *inside = body(p, end, open);
    take(p);
    if (!p->failed) node->c = inside;
    return node;
}

/* The body of something that is called, not run: no loop reaches into it, and op says which of its own arguments it asks for. */
static j_node *separate_body(parser *p, j_node *node, const char *const *end, const j_token *open)
{
    int loops = p->loops;
    uint8_t mentioned = p->mentioned;
    p->loops = p->mentioned = 0;
    j_node *inside = body(p, end, open);
    take(p);
    if (!p->failed) node->c = inside, node->op = p->mentioned;
    p->loops = loops, p->mentioned |= mentioned;
    return node;
}

static j_node *parse_macro(parser *p, const j_token *open)
{
    static const char *const end[] = {"endmacro", NULL};
    j_node *node = name_node(p, N_MACRO, expect(p, T_NAME)), *params = parameters(p);
    if (!p->failed) node->a = params;
    return separate_body(p, node, end, open);
}

static j_node *parse_call(parser *p, const j_token *open)
{
    static const char *const end[] = {"endcall", NULL};
    j_node *params = is(p, T_LPAREN) ? parameters(p) : NULL, *callee = expression(p);
    if (!p->failed && callee->kind != N_CALL) fail_at(p, callee->at, LF_E_FORMAT, "expected a call behind {%% call %%}");
    return separate_body(p, make2(p, N_CALLER, open->at, params, callee), end, open);
}

static j_node *parse_filter(parser *p, const j_token *open)
{
    static const char *const end[] = {"endfilter", NULL};
    return separate_body(p, make2(p, N_FILTERED, open->at, NULL, filter(p, make(p, N_HOLE, open->at))), end, open);
}

static j_node *parse_with(parser *p, const j_token *open)
{
    static const char *const ends[] = {"endwith", NULL};
    j_node *list = NULL, **end = &list;
    while (!p->failed && !is(p, T_BLOCK_END)) {
        if (list) expect(p, T_COMMA);
        j_node *into = target_one(p);
        expect(p, T_ASSIGN);
        chain(p, &end, make2(p, N_SET, open->at, into, expression(p)));
    }
    j_node *node = make2(p, N_WITH, open->at, list, NULL), *inside = body(p, ends, open);
    take(p);
    if (!p->failed) node->c = inside;
    return node;
}

static j_node *parse_generation(parser *p, const j_token *open)
{
    static const char *const end[] = {"endgeneration", NULL};
    return separate_body(p, make(p, N_WITH, open->at), end, open);
}

static j_node *parse_jump(parser *p, const j_token *open)
{
    if (p->loops == 0) return fail_at(p, open->at, LF_E_FORMAT, "\"%.*s\" outside of a loop", (int)open->n, letters(p, open));
    return make(p, token_says(p, open, "break") ? N_BREAK : N_CONTINUE, open->at);
}

/* Statements: how each goes on behind its name. NULL: Jinja has it, a chat template does not need it. */
static const struct {
    const char *name;
    j_node *(*parse)(parser *p, const j_token *open);
} statements[] = {{"if", parse_if},      {"for", parse_for},       {"set", parse_set},   {"macro", parse_macro},
                  {"call", parse_call},  {"filter", parse_filter}, {"with", parse_with}, {"generation", parse_generation},
                  {"break", parse_jump}, {"continue", parse_jump}, {"block", NULL},      {"extends", NULL},
                  {"include", NULL},     {"import", NULL},         {"from", NULL},       {"autoescape", NULL},
                  {"do", NULL},          {"trans", NULL},          {"debug", NULL}};

static j_node *statement(parser *p)
{
    const j_token *open = peek(p);
    if (open->kind != T_NAME) return unexpected(p, "the name of a statement");
    const char *names[LF_COUNT(statements) + 1];
    for (size_t i = 0; i < LF_COUNT(statements); i++) {
        names[i] = statements[i].name;
        if (!is_word(p, names[i])) continue;
        if (!statements[i].parse) return fail_at(p, open->at, LF_E_UNSUPPORTED, "{%% %s %%} is not supported in chat templates", names[i]);
        take(p);
        return statements[i].parse(p, open);
    }
    names[LF_COUNT(statements)] = NULL;
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)LF_MIN(open->n, 60u), letters(p, open));
    if (strncmp(name, "end", 3) == 0 || strcmp(name, "else") == 0 || strcmp(name, "elif") == 0)
        return fail_at(p, open->at, LF_E_FORMAT, "{%% %s %%} ends nothing that is open here", name);
    const char *near = lf__nearest(name, names);
    return near ? fail_at(p, open->at, LF_E_UNSUPPORTED, "unknown statement \"%s\"; did you mean \"%s\"?", name, near)
                : fail_at(p, open->at, LF_E_UNSUPPORTED, "unknown statement \"%s\"", name);
}

/* Text, prints and statements up to {% one of ends %}, whose name is left as the current token; ends NULL: up to the end of the template.
 * Opened by the statement `open`. */
static j_node *body(parser *p, const char *const *ends, const j_token *open)
{
    j_node *list = NULL, **end = &list;
    if (ends) {
        skip(p, T_COLON);
        expect(p, T_BLOCK_END);
    }
    if (!deeper(p)) return NULL;
    while (!p->failed && !is(p, T_END)) {
        const j_token *token = take(p);
        if (token->kind == T_DATA) {
            chain(p, &end, literal(p, N_DATA, token->at, J_STRING, (j_literal){.at = token->at, .n = token->n}));
        } else if (token->kind == T_PRINT_BEGIN) {
            chain(p, &end, make2(p, N_PRINT, token->at, tuple(p, true, T_PRINT_END), NULL));
            expect(p, T_PRINT_END);
        } else {
            for (const char *const *word = ends; word && *word; word++) {
                if (!is_word(p, *word)) continue;
                p->depth--;
                return list;
            }
            chain(p, &end, statement(p));
            expect(p, T_BLOCK_END);
        }
    }
    if (ends && !p->failed)
        fail_at(p, open->at, LF_E_FORMAT, "{%% %.*s %%} has no {%% end%.*s %%}", (int)open->n, letters(p, open), (int)open->n,
                letters(p, open));
    p->depth--;
    return list;
}

/* ---- a template ---------------------------------------------------------------------------------------------------------------------- */

int lf__j_verror_at(const j_template *t, uint32_t at, lf_code code, lf_error *err, const char *format, va_list args)
{
    char sentence[900];
    int line = 1, column = 1;
    const char *s = t->text.data, *begin = s;
    for (uint32_t i = 0; i < at && i < t->source_size; i++)
        if (s[i] == '\n') line++, begin = s + i + 1;
    column += (int)lf__j_characters(begin, (size_t)(s + LF_MIN(at, t->source_size) - begin));
    lf__vsnprintf(sentence, sizeof sentence, format, args);
    return lf_error_set(err, code, "%s:%d:%d: %s", t->name, line, column, sentence);
}

int lf__j_error_at(const j_template *t, uint32_t at, lf_code code, lf_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lf__j_verror_at(t, at, code, err, format, args);
    va_end(args);
    return -1;
}

/* The source with \r\n and \r as \n and without its last newline, checked for UTF-8. */
static int read_source(j_template *t, const char *source, size_t n, lf_error *err)
{
    if (n > J_SOURCE_MAX) {
        char size[32];
        return lf_error_set(err, LF_E_LIMIT, "%s: a template of %s; at most 1 MiB is read", t->name, lf__human_bytes(size, (double)n));
    }
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && source[end] != '\r') end++;
        lf__buf_add(&t->text, source + i, end - i);
        if (end < n) lf__buf_puts(&t->text, "\n");
        i = end + 1 + (end + 1 < n && source[end + 1] == '\n' && source[end] == '\r');
    }
    lf__buf_puts(&t->text, "");
    if (t->text.failed) return lf_error_set(err, LF_E_MEMORY, "%s: out of memory for %zu bytes", t->name, n);
    if (t->text.len && t->text.data[t->text.len - 1] == '\n') t->text.len--;
    t->source_size = t->text.len;
    for (const char *p = t->text.data, *end = p + t->source_size; p < end;) {
        int32_t cp;
        int size = lf__utf8_decode(p, end, &cp);
        if (cp < 0) return lf__j_error_at(t, (uint32_t)(p - t->text.data), LF_E_FORMAT, err, "byte 0x%02x is not valid UTF-8", (uint8_t)*p);
        p += size;
    }
    return 0;
}

static int fixed_symbols(j_template *t, lf_error *err)
{
    static const char *const names[] = {[J_LOOP_NAME] = "loop", [J_CALLER] = "caller", [J_VARARGS] = "varargs", [J_KWARGS] = "kwargs"};
    if (lf__grow(&t->symbols, &t->cap_symbols, LF_COUNT(names), sizeof *t->symbols, err)) return -1;
    for (size_t i = 0; i < LF_COUNT(names); i++) {
        t->symbols[t->n_symbols++] = (j_symbol){(uint32_t)t->text.len, (uint32_t)strlen(names[i])};
        if (lf__buf_puts(&t->text, names[i])) return lf_error_set(err, LF_E_MEMORY, "%s: out of memory", t->name);
    }
    return 0;
}

int lf__j_parse(j_template *t, const char *source, size_t n, const char *name, lf_error *err)
{
    parser p = {.t = t, .err = err};
    j_token *tokens = NULL;
    size_t n_tokens;
    *t = (j_template){.name = lf__strdup(name, err)};
    lf__buf_init(&t->text, 4 * (size_t)J_SOURCE_MAX);
    /* No token needs more than three nodes of two cache lines, and a text needs no more tokens than bytes. */
    if (!t->name || read_source(t, source, n, err) || lf__j_lex(t, &tokens, &n_tokens, err) || fixed_symbols(t, err) ||
        lf__arena_init_sparse(&t->arena, "chat template", (n_tokens + 1) * 3 * lf__round_up(sizeof(j_node), LF_ALIGN), err)) {
        free(tokens);
        lf__j_template_release(t);
        return -1;
    }
    p.tokens = tokens;
    t->body = body(&p, NULL, NULL);
    free(tokens);
    if (p.failed) lf__j_template_release(t);
    return p.failed ? -1 : 0;
}

void lf__j_template_release(j_template *t)
{
    free(t->name);
    free(t->symbols);
    lf__buf_release(&t->text);
    lf__arena_release(&t->arena);
    *t = (j_template){0};
}
