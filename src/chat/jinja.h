/* jinja.h - a Jinja engine for chat templates: source text to a tree, once; the tree and a conversation to text, many times. Semantics are
 * those of Python's jinja2 as transformers sets it up. Private to this folder; the public face is foundry/chat.h.
 *
 * A j_template is immutable after j_parse and may be shared by threads. A j_run is one render: it owns all memory of it, in one
 * reservation that is given back as a whole, and it stops when its steps, depth, output or memory are used up. */
#ifndef LF_CHAT_JINJA_H
#define LF_CHAT_JINJA_H

#include "base/base.h"
#include "foundry/chat.h"

/* ---- the tree (jinja_lex.c, jinja_parse.c) ------------------------------------------------------------------------------------- */
/* clang-format off */
#define J_TOKENS(X) /* a row a token; the text is its own, or what errors call it */                        \
    X(END, "end of the template") X(DATA, "text")                                                           \
    X(BLOCK_BEGIN, "{%") X(BLOCK_END, "%}") X(PRINT_BEGIN, "{{") X(PRINT_END, "}}")                         \
    X(NAME, "a name") X(STRING, "a string") X(INT, "a whole number") X(FLOAT, "a number")                   \
    X(EQ, "==") X(NE, "!=") X(LE, "<=") X(GE, ">=") X(FLOORDIV, "//") X(POW, "**")                          \
    X(LT, "<") X(GT, ">") X(ADD, "+") X(SUB, "-") X(MUL, "*") X(DIV, "/") X(MOD, "%") X(TILDE, "~")         \
    X(LPAREN, "(") X(RPAREN, ")") X(LBRACKET, "[") X(RBRACKET, "]") X(LBRACE, "{") X(RBRACE, "}")           \
    X(DOT, ".") X(COLON, ":") X(PIPE, "|") X(COMMA, ",") X(ASSIGN, "=")
/* clang-format on */
typedef enum j_token_kind {
#define J_X(name, text) T_##name,
    J_TOKENS(J_X)
#undef J_X
} j_token_kind;

typedef struct j_token {
    uint8_t kind;
    uint32_t at, n; /* bytes of the source; STRING without its quotes, DATA as it is printed */
} j_token;

/* What a node means, and which of its fields it uses. `list` chains siblings by `next`. */
typedef enum j_node_kind {
    /* statements */
    N_DATA,     /* value: a string */
    N_PRINT,    /* {{ a }} */
    N_IF,       /* a: condition, b: body (list), c: the N_IF of elif, or the body of else (list) */
    N_FOR,      /* a: target, b: iterable, c: body, d: else (list), e: condition; flag: recursive */
    N_SET,      /* a: target, b: expression */
    N_SET_TEXT, /* a: target, b: chain of filters over N_HOLE or NULL, c: body */
    N_MACRO,    /* symbol, a: parameters (list of N_PARAM), c: body */
    N_CALLER,   /* {% call(..) %}: b: the call, a: parameters, c: body */
    N_FILTERED, /* {% filter %}: b: chain of filters over N_HOLE, c: body */
    N_WITH,     /* a: list of N_SET, c: body; {% generation %} is one without a */
    N_BREAK,
    N_CONTINUE,
    /* expressions */
    N_CONST, /* value */
    N_NAME,  /* symbol */
    N_HOLE,  /* what a filter block or a set block has caught */
    N_LIST,
    N_TUPLE,
    N_DICT,    /* a: list; of N_DICT: key, value, key, value ... */
    N_ATTR,    /* a.symbol */
    N_ITEM,    /* a[b] */
    N_SLICE,   /* a[b:c:d], each may be NULL */
    N_CALL,    /* a(args): b: list of arguments */
    N_FILTER,  /* a | builtin(args): b */
    N_TEST,    /* a is builtin(args): b; flag: not */
    N_KEYWORD, /* symbol = a, in lists of arguments */
    N_STAR,    /* *a, in lists of arguments */
    N_STARS,   /* **a */
    N_PARAM,   /* symbol, a: default or NULL */
    N_NOT,
    N_NEGATE,
    N_POSITIVE, /* a */
    N_AND,
    N_OR,
    N_BINARY,  /* a op b */
    N_CONCAT,  /* a: list */
    N_COMPARE, /* a, b: list of N_OPERAND */
    N_OPERAND, /* op a */
    N_CHOICE   /* b if a else c; c may be NULL */
} j_node_kind;

enum { OP_IN = 200, OP_NOT_IN }; /* beside the tokens, in j_node.op */

typedef union j_literal {
    int64_t i; /* BOOL, too */
    double f;
    struct {
        uint32_t at, n; /* STRING: its bytes in j_template.text */
    };
} j_literal;

typedef struct j_builtin j_builtin;
typedef struct j_node j_node;
struct j_node {
    uint8_t kind, op; /* op: a j_token_kind or OP_IN; of a constant, its j_kind; of a macro, its own names */
    bool flag;
    uint32_t at;     /* where, in the source */
    uint32_t symbol; /* index of j_template.symbols */
    j_node *next;    /* the sibling behind it */
    j_node *a, *b, *c;
    union { /* no kind of node needs two of these */
        struct {
            j_node *d, *e;
        };
        j_literal value;
        const j_builtin *builtin;
    };
};

typedef struct j_symbol {
    uint32_t at, n; /* its letters, in j_template.text */
} j_symbol;
enum { J_LOOP_NAME, J_CALLER, J_VARARGS, J_KWARGS }; /* symbols of every template */

typedef struct j_template {
    char *name;         /* for errors: "DIR/chat_template.jinja" */
    lf_buf text;        /* the source, newlines being \n, then what is not spelled out in it: unescaped literals */
    size_t source_size; /* bytes of it that are source */
    j_symbol *symbols;
    size_t n_symbols, cap_symbols;
    lf_arena arena; /* the nodes */
    j_node *body;
} j_template;

/* Bytes of a template, different names in it; how deep its brackets and blocks may nest. */
enum { J_SOURCE_MAX = 1 << 20, J_NAMES_MAX = 1024, J_NEST_MAX = 100 };

/* Parses source[0..n) into *t (uninitialized before). 0 or -1; on failure *t is released. name is copied. */
int lf__j_parse(j_template *t, const char *source, size_t n, const char *name, lf_error *err);
void lf__j_template_release(j_template *t);
/* The tokens of the source: *tokens (free) and *n, the last one T_END. 0 or -1. */
int lf__j_lex(const j_template *t, j_token **tokens, size_t *n, lf_error *err);
const char *lf__j_token_name(j_token_kind kind);
/* "NAME:LINE:COLUMN: sentence" (columns count characters); returns -1. */
int lf__j_error_at(const j_template *t, uint32_t at, lf_code code, lf_error *err, const char *format, ...) LF_PRINTF(5, 6);
int lf__j_verror_at(const j_template *t, uint32_t at, lf_code code, lf_error *err, const char *format, va_list args) LF_PRINTF(5, 0);

/* ---- values (jinja_value.c) ---------------------------------------------------------------------------------------------------- */
typedef enum j_kind {
    J_UNDEFINED,
    J_NONE,
    J_BOOL,
    J_INT,
    J_FLOAT,
    J_STRING,
    J_LIST,
    J_TUPLE,
    J_VIEW,
    J_RANGE,
    J_ITER,
    J_DICT,
    J_NAMESPACE,
    J_MACRO,
    J_BUILTIN,
    J_LOOP
} j_kind;

typedef struct j_list j_list;
typedef struct j_dict j_dict;
typedef struct j_loop j_loop;
typedef struct j_macro j_macro;
typedef struct j_bound j_bound;
typedef struct j_value {
    uint8_t kind; /* j_kind; LIST, TUPLE, VIEW, RANGE and ITER are all a j_list */
    uint8_t why;  /* UNDEFINED: see lf__j_undefined; VIEW: 'k', 'v', 'i' for keys, values, items */
    uint32_t n;   /* STRING: bytes */
    union {
        bool b;
        int64_t i;
        double f;
        const char *s; /* in the run's text; UNDEFINED: the name that is not there, or NULL */
        j_list *list;
        j_dict *dict; /* NAMESPACE, too */
        j_macro *macro;
        j_bound *bound;
        j_loop *loop;
    };
} j_value;

struct j_list {
    int64_t n;
    int64_t next; /* ITER: items taken; RANGE: start, stop and step lie behind the items */
    j_value *item;
};
typedef struct j_pair {
    j_value key, value;
} j_pair;
struct j_dict { /* in the order of insertion; found by a walk, which costs steps */
    int64_t n, cap;
    j_pair *pair;
};

typedef struct j_args {
    j_value *v; /* [n] positional */
    int64_t n;
    j_dict *keyword; /* or NULL */
} j_args;

/* ---- a render (jinja_eval.c) ----------------------------------------------------------------------------------------------------
 * Two bytes for one: every byte of text has a mark, user's (1) or template's (0), at a fixed distance.
 *
 *   text    | text of the template | strings of the conversation | strings made on the way ...  |
 *   marks   | 0 0 0 0 0 0 0 0 0 0 0| 1 1 1 1 1 1 1 1 1 1 1 1 1 1 | copied along with the bytes  |      text + text_size
 *   objects | lists, dictionaries, scopes ...                                                    |
 *
 * Slices share bytes and so marks. A string that ends where text_used ends can grow in place: what is built by appending costs what is
 * appended. Output grows in `out` and its marks in `out_marks`; a macro's output is cut off there and becomes a string. */
typedef struct j_var {
    uint32_t symbol;
    j_value value;
} j_var;
typedef struct j_scope j_scope;
struct j_scope {
    j_scope *parent; /* or the next free one */
    j_var *vars;
    uint32_t n, cap;
    bool captured; /* a macro was made in it or below: it stays */
};

struct j_loop {
    const j_node *node;
    j_scope *outer;               /* where the loop stands: what loop(..) of a recursive one starts from */
    const j_value *item;          /* what it runs over */
    int64_t n, taken, *cursor;    /* cursor: &taken, or that of a generator, which is used up */
    int64_t index, length, level; /* index from 0, -1 before the first; length -1 = not known yet */
    j_value before, current, after, changed;
    bool peeked, ended; /* `after` is taken already; there is none */
    bool tried;         /* the condition has been tried on all that is left */
};

typedef struct j_run {
    const j_template *t;
    lf_arena arena;
    char *text, *objects;
    size_t text_size, text_used, objects_size, objects_used;
    lf_buf out, out_marks;
    j_scope *scope, *free_scopes;
    j_value hole;             /* of N_HOLE: set just before its filters run */
    int64_t steps, steps_max; /* that are left, that there were */
    int depth, depth_max;     /* of nodes under evaluation */
    uint8_t jump;             /* N_BREAK or N_CONTINUE on its way to the loop, else 0 */
    uint32_t at;              /* the node under evaluation */
    const char *date;         /* strftime_now; NULL = now */
    bool failed;              /* sticky: everything returns undefined from then on */
    lf_error *err;
} j_run;

/* err: where the first failure goes. 0 or -1. Then: lf__j_define ..., lf__j_render, and what was printed is in run->out. */
int lf__j_run_init(j_run *run, const j_template *t, const lf_chat_limits *limits, const char *date, lf_error *err);
void lf__j_run_release(j_run *run);
void lf__j_define(j_run *run, const char *name, j_value value); /* a name that the template never says is dropped */
int lf__j_render(j_run *run);

/* Failures of a run: at run->at, the first one stays. All return undefined. */
j_value lf__j_fail(j_run *run, lf_code code, const char *format, ...) LF_PRINTF(3, 4);
bool lf__j_spend(j_run *run, int64_t steps);              /* false when none are left, or the run has failed before */
void *lf__j_alloc(j_run *run, size_t count, size_t size); /* NULL when the run has failed; zeroed */

j_value lf__j_call(j_run *run, j_value callee, const j_args *args);
/* a.name, a[key] of Python's jinja2: attributes first, or items first. */
j_value lf__j_attr(j_run *run, j_value a, j_value name);
j_value lf__j_item(j_run *run, j_value a, j_value key);
j_value lf__j_slice(j_run *run, j_value a, const j_value *part /* [3] start, stop, step; none = absent */);
j_value lf__j_binary(j_run *run, int op, j_value a, j_value b);
j_value lf__j_loop_attr(j_run *run, j_loop *loop, j_value name);

/* ---- making and reading values ------------------------------------------------------------------------------------------------- */
static inline j_value j_none(void) { return (j_value){.kind = J_NONE}; }
static inline j_value j_bool(bool b) { return (j_value){.kind = J_BOOL, .b = b}; }
static inline j_value j_int(int64_t i) { return (j_value){.kind = J_INT, .i = i}; }
static inline j_value j_float(double f) { return (j_value){.kind = J_FLOAT, .f = f}; }
static inline bool j_is(j_value v, j_kind kind) { return v.kind == kind; }
static inline bool j_is_list(j_value v) { return v.kind >= J_LIST && v.kind <= J_ITER; }

typedef enum j_why { J_WHY_NAME, J_WHY_ATTR, J_WHY_ITEM, J_WHY_PARAM, J_WHY_EMPTY, J_WHY_ELSE } j_why;
j_value lf__j_undefined(j_run *run, j_why why, j_value name); /* remembered for the sentence of an error */
j_value lf__j_undefined_error(j_run *run, j_value v);         /* "'x' is undefined" */

/* Strings. New bytes are the template's unless they are copied from another string. */
j_value lf__j_string(j_run *run, const char *bytes, size_t n);
j_value lf__j_text(j_run *run, const char *text); /* of a NUL-terminated one */
j_value lf__j_user_string(j_run *run, const char *bytes, size_t n);
j_value lf__j_substring(j_value s, size_t from, size_t to); /* shares */
static inline const char *j_marks(const j_run *run, j_value s) { return s.s + run->text_size; }
/* A string that is made piece by piece at the end of the run's text. Nothing else may allocate text in between. */
typedef struct j_builder {
    j_run *run;
    size_t start;
} j_builder;
j_builder lf__j_begin(j_run *run);
void lf__j_add(j_builder *b, const char *bytes, size_t n);                 /* the template's */
void lf__j_add_string(j_builder *b, j_value s);                            /* with its marks; s must be a string */
void lf__j_add_like(j_builder *b, const char *bytes, size_t n, j_value s); /* what stands for the first character of s: its mark */
void lf__j_add_value(j_builder *b, j_value v);                             /* as Python's str() */
void lf__j_add_repr(j_builder *b, j_value v);                              /* as Python's repr() */
void LF_PRINTF(2, 3) lf__j_addf(j_builder *b, const char *format, ...);
j_value lf__j_end(j_builder *b);
j_value lf__j_str(j_run *run, j_value v); /* str(v); a string is itself */

j_value lf__j_list(j_run *run, j_kind kind, int64_t n); /* with room for n undefined items */
j_value lf__j_dict(j_run *run, int64_t cap, j_kind kind);
void lf__j_put(j_run *run, j_dict *d, j_value key, j_value value);
j_value *lf__j_find(j_run *run, const j_dict *d, j_value key); /* NULL: not there */
j_value *lf__j_find_text(j_run *run, const j_dict *d, const char *key);
/* A growing list; lf__j_items_end gives it a kind. */
typedef struct j_items {
    j_value *item;
    int64_t n, cap;
} j_items;
void lf__j_push(j_run *run, j_items *items, j_value v);
j_value lf__j_items_end(j_run *run, j_items *items, j_kind kind);

/* What iterating over v meets, as a plain array: *n items. An ITER is used up by it. NULL and *n = 0 for nothing, or after a failure. */
const j_value *lf__j_iterate(j_run *run, j_value v, int64_t *n);

bool lf__j_truth(j_value v);
bool lf__j_equal(j_run *run, j_value a, j_value b);
int lf__j_compare(j_run *run, j_value a, j_value b, const char *op); /* <0, 0, >0, 2 = NaN; fails for what has no order */
bool lf__j_contains(j_run *run, j_value container, j_value item);
int64_t lf__j_length(j_run *run, j_value v); /* len(v); -1 and a failure for what has none */
bool lf__j_number(j_value v, double *f);     /* of INT, FLOAT, BOOL */
bool lf__j_whole(j_value v, int64_t *i);     /* of INT, BOOL */
const char *lf__j_type(j_value v);           /* "a list": Python's type, for sentences */

/* Text (jinja_text.c): characters are code points. */
int64_t lf__j_characters(const char *s, size_t n);
size_t lf__j_offset(const char *s, size_t n, int64_t characters); /* bytes of the first so many characters */
bool lf__j_digits(j_value s, int64_t *number); /* digits and nothing else, at least one; what is larger than INT32_MAX is INT32_MAX */
bool lf__j_space(int32_t cp);
int32_t lf__j_upper(int32_t cp, int32_t before);
int32_t lf__j_lower(int32_t cp, int32_t before);
bool lf__j_printable(int32_t cp);
/* Every character through `map`, which is told the one before it (0: the first). */
j_value lf__j_mapped(j_run *run, j_value s, int32_t (*map)(int32_t cp, int32_t before));
void lf__j_add_padded(j_builder *b, j_value s, int64_t width, char align, char fill); /* align: '<', '>' or '^' */
j_value lf__j_strip(j_run *run, j_value s, j_value chars, int sides /* 1 left, 2 right, 3 both */);
j_value lf__j_format_percent(j_run *run, j_value format, j_value args); /* "%s" % args */

/* JSON (jinja_json.c) */
typedef struct j_json_style {
    bool ascii, sort;
    j_value indent;    /* none: one line */
    j_value item, key; /* separators */
} j_json_style;
j_value lf__j_to_json(j_run *run, j_value v, const j_json_style *style);
/* user: strings are the user's; else they keep the marks of text, which must then be a string of the run. what: "messages", for errors. */
j_value lf__j_from_json(j_run *run, const char *text, size_t n, bool user, const char *what);

/* ---- filters, tests, functions and methods: one table each (jinja_filters.c, jinja_methods.c) -------------------------------------- */
enum { J_PARAMS = 5 };
typedef struct j_called {
    j_value self;          /* what is filtered, tested, or whose method it is */
    j_value arg[J_PARAMS]; /* by `params`; kind J_ABSENT where none was given */
    const j_args *args;    /* as they were written */
} j_called;
enum { J_ABSENT = 255 };
static inline bool j_has(const j_called *c, int i) { return c->arg[i].kind != J_ABSENT; }

struct j_builtin {
    const char *name;
    j_value (*run)(j_run *run, const j_called *c);
    const char *params; /* "width first=": names, optional ones with '='; "*": any number of any, left to the function */
};
extern const j_builtin lf__j_filters[], lf__j_tests[], lf__j_functions[]; /* end with a row without a name */
const j_builtin *lf__j_builtin(const j_builtin *table, const char *name, size_t n);
/* Parts of methods that filters are made of. */
bool lf__j_is_case(j_value s, bool upper); /* some letters, all of that case */
j_value lf__j_capitalize(j_run *run, j_value s);
j_value lf__j_replace(j_run *run, j_value s, j_value old, j_value new, int64_t most); /* most < 0: all */
j_value lf__j_lines(j_run *run, j_value s, bool keep);                                /* keep their ends */
j_value lf__j_join(j_run *run, j_value separator, const j_value *item, int64_t n);    /* of str(item) */
j_value lf__j_pair(j_run *run, j_value a, j_value b);                                 /* a tuple */
/* Binds arguments to parameters and runs it. */
j_value lf__j_apply(j_run *run, const j_builtin *b, j_value self, const j_args *args);
struct j_bound {
    const j_builtin *builtin;
    j_value self;
};

#endif
