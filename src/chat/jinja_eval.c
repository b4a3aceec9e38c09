/* jinja_eval.c - a tree and names to text. Evaluation walks the tree; every node costs a step and, while it is under way, a level of
 * depth, so that neither time nor the C stack depends on what a template says. The first failure ends everything: from then on each
 * function returns undefined at once, and nobody but lf__j_render looks. One thread per run. */
#include "chat/jinja.h"

#include <math.h>
#include <string.h>

struct j_macro {
    const j_node *node; /* N_MACRO or N_CALLER */
    j_scope *scope;     /* where it was made */
};

static j_value eval(j_run *run, const j_node *node);
static void run_body(j_run *run, const j_node *list);

/* ---- limits ------------------------------------------------------------------------------------------------------------------------- */

j_value lf__j_fail(j_run *run, lf_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!run->failed) lf__j_verror_at(run->t, run->at, code, run->err, format, args);
    va_end(args);
    run->failed = true;
    return (j_value){0};
}

bool lf__j_spend(j_run *run, int64_t steps)
{
    if (run->failed) return false;
    run->steps -= steps;
    if (run->steps >= 0) return true;
    lf__j_fail(run, LF_E_LIMIT, "the template takes more than %lld steps", (long long)run->steps_max);
    if (run->err) lf_error_hint(run->err, "a loop that does not end? lf_chat_limits raises the limit for a long conversation");
    return false;
}

void *lf__j_alloc(j_run *run, size_t count, size_t size)
{
    size_t bytes = lf__round_up(LF_MAX(count * size, 1u), 16);
    if (run->failed) return NULL;
    if (count > run->objects_size / size || bytes > run->objects_size - run->objects_used) {
        lf__j_fail(run, LF_E_LIMIT, "the lists and scopes of this render need more than %zu bytes", run->objects_size);
        return NULL;
    }
    if (!lf__j_spend(run, (int64_t)(bytes / 256))) return NULL;
    char *p = run->objects + run->objects_used;
    run->objects_used += bytes;
    return p;
}

/* ---- names -------------------------------------------------------------------------------------------------------------------------- */

static j_scope *push_scope(j_run *run, j_scope *parent)
{
    j_scope *scope = run->free_scopes;
    if (scope)
        run->free_scopes = scope->parent;
    else if (!(scope = lf__j_alloc(run, 1, sizeof *scope)))
        return NULL;
    *scope = (j_scope){.parent = parent, .vars = scope->vars, .cap = scope->cap};
    return run->scope = scope;
}

static void pop_scope(j_run *run, j_scope *scope, j_scope *back)
{
    run->scope = back;
    if (!scope || scope->captured) return;
    scope->parent = run->free_scopes;
    run->free_scopes = scope;
}

static void assign(j_run *run, j_scope *scope, uint32_t symbol, j_value value)
{
    for (uint32_t i = 0; i < scope->n; i++) {
        if (scope->vars[i].symbol != symbol) continue;
        scope->vars[i].value = value;
        return;
    }
    if (scope->n == scope->cap) {
        uint32_t cap = LF_MAX(4, scope->cap * 2);
        j_var *vars = lf__j_alloc(run, cap, sizeof *vars);
        if (!vars) return;
        if (scope->n) memcpy(vars, scope->vars, scope->n * sizeof *vars);
        scope->vars = vars, scope->cap = cap;
    }
    scope->vars[scope->n++] = (j_var){symbol, value};
}

static j_value symbol_name(const j_run *run, uint32_t symbol)
{
    const j_symbol *s = &run->t->symbols[symbol];
    return (j_value){.kind = J_STRING, .n = s->n, .s = run->text + s->at};
}

static j_value lookup(j_run *run, uint32_t symbol)
{
    for (const j_scope *scope = run->scope; scope; scope = scope->parent)
        for (uint32_t i = 0; i < scope->n; i++)
            if (scope->vars[i].symbol == symbol) return scope->vars[i].value;
    j_value name = symbol_name(run, symbol);
    const j_builtin *b = lf__j_builtin(lf__j_functions, name.s, name.n);
    if (!b) return lf__j_undefined(run, J_WHY_NAME, name);
    j_bound *bound = lf__j_alloc(run, 1, sizeof *bound);
    if (bound) *bound = (j_bound){.builtin = b};
    return (j_value){.kind = bound ? J_BUILTIN : J_UNDEFINED, .bound = bound};
}

void lf__j_define(j_run *run, const char *name, j_value value)
{
    for (uint32_t i = 0; i < run->t->n_symbols; i++) {
        j_value known = symbol_name(run, i);
        if (known.n == strlen(name) && !memcmp(known.s, name, known.n)) assign(run, run->scope, i, value);
    }
}

/* ---- output ------------------------------------------------------------------------------------------------------------------------- */

static void print(j_run *run, j_value v)
{
    size_t used = run->text_used;
    j_value s = lf__j_str(run, v);
    if (run->failed || s.kind != J_STRING || !lf__j_spend(run, s.n / 64)) return;
    if (lf__buf_add(&run->out, s.s, s.n) || lf__buf_add(&run->out_marks, j_marks(run, s), s.n))
        lf__j_fail(run, LF_E_LIMIT, "the template writes more than %zu bytes", run->out.max);
    if (v.kind != J_STRING) run->text_used = used; /* nobody else has seen it */
}

/* What was printed since `from`, as a string instead. */
static j_value caught(j_run *run, size_t from)
{
    if (run->failed) return (j_value){0};
    size_t n = run->out.len - from;
    j_value s = n ? lf__j_string(run, run->out.data + from, n) : lf__j_text(run, "");
    if (run->failed) return (j_value){0};
    if (n) memcpy(run->text + (s.s - run->text) + run->text_size, run->out_marks.data + from, n);
    run->out.len = run->out_marks.len = from;
    return s;
}

/* ---- calls -------------------------------------------------------------------------------------------------------------------------- */

static int64_t count(const j_node *list)
{
    int64_t n = 0;
    for (; list; list = list->next) n++;
    return n;
}

static void spread(j_run *run, j_items *items, j_value v)
{
    int64_t n;
    const j_value *item = lf__j_iterate(run, v, &n);
    for (int64_t i = 0; i < n && !run->failed; i++) lf__j_push(run, items, item[i]);
}

static void spread_keywords(j_run *run, j_dict *keyword, j_value v)
{
    if (v.kind != J_DICT) {
        lf__j_fail(run, LF_E_FORMAT, "behind ** in a call stands a dict, not %s", lf__j_type(v));
        return;
    }
    for (int64_t i = 0; i < v.dict->n && !run->failed; i++) lf__j_put(run, keyword, v.dict->pair[i].key, v.dict->pair[i].value);
}

static j_args eval_args(j_run *run, const j_node *list)
{
    j_args args = {0};
    j_items items = {.cap = count(list)};
    if (!list) return args;
    items.item = lf__j_alloc(run, (size_t)items.cap, sizeof *items.item);
    for (; list && !run->failed; list = list->next) {
        if (list->kind == N_STAR) {
            spread(run, &items, eval(run, list->a));
        } else if (list->kind == N_KEYWORD || list->kind == N_STARS) {
            if (!args.keyword) args.keyword = lf__j_dict(run, 4, J_DICT).dict;
            j_value v = eval(run, list->a);
            if (run->failed) break;
            if (list->kind == N_STARS)
                spread_keywords(run, args.keyword, v);
            else
                lf__j_put(run, args.keyword, symbol_name(run, list->symbol), v);
        } else {
            lf__j_push(run, &items, eval(run, list));
        }
    }
    args.v = items.item, args.n = items.n;
    return args;
}

static bool is_param(j_run *run, const j_node *params, j_value name)
{
    bool is = false;
    for (; params && !is; params = params->next) is = lf__j_equal(run, name, symbol_name(run, params->symbol));
    return is;
}

/* What no parameter took goes to varargs, kwargs and caller, for a macro that speaks of them; else it is one too many. */
static void bind_rest(j_run *run, j_scope *scope, const j_node *macro, int64_t taken, const j_args *args)
{
    const int mentions = macro->op;
    const j_dict *d = args->keyword;
    j_value rest = lf__j_list(run, J_TUPLE, LF_MAX(args->n - taken, 0)), names = lf__j_dict(run, 0, J_DICT), one_too_many = {0};
    j_value caller = symbol_name(run, J_CALLER), called = lf__j_undefined(run, J_WHY_NAME, caller);
    bool own_caller = is_param(run, macro->a, caller);
    for (int64_t i = taken; i < args->n && !run->failed; i++) rest.list->item[i - taken] = args->v[i];
    for (int64_t i = 0; d && i < d->n && !run->failed; i++) {
        if (is_param(run, macro->a, d->pair[i].key)) continue;
        if (mentions & 1 << J_CALLER && lf__j_equal(run, d->pair[i].key, caller))
            called = d->pair[i].value;
        else if (mentions & 1 << J_KWARGS)
            lf__j_put(run, names.dict, d->pair[i].key, d->pair[i].value);
        else
            one_too_many = d->pair[i].key;
    }
    if (one_too_many.kind == J_STRING)
        lf__j_fail(run, LF_E_FORMAT, "this macro takes no argument \"%.*s\"", (int)LF_MIN(one_too_many.n, 64u), one_too_many.s);
    if (args->n > taken && !(mentions & 1 << J_VARARGS))
        lf__j_fail(run, LF_E_FORMAT, "this macro takes %lld arguments, not %lld", (long long)taken, (long long)args->n);
    if (mentions & 1 << J_VARARGS) assign(run, scope, J_VARARGS, rest);
    if (mentions & 1 << J_KWARGS) assign(run, scope, J_KWARGS, names);
    if (mentions & 1 << J_CALLER && !own_caller) assign(run, scope, J_CALLER, called);
}

/* Positional and named arguments into a macro's scope, defaults for the rest. */
static void bind(j_run *run, j_scope *scope, const j_node *macro, const j_args *args)
{
    int64_t i = 0;
    for (const j_node *p = macro->a; p && !run->failed; p = p->next, i++) {
        j_value name = symbol_name(run, p->symbol);
        j_value *named = args->keyword ? lf__j_find(run, args->keyword, name) : NULL;
        assign(run, scope, p->symbol,
               i < args->n ? args->v[i]
               : named     ? *named
               : p->a      ? eval(run, p->a)
                           : lf__j_undefined(run, J_WHY_PARAM, name));
    }
    if (args->n > i || args->keyword || macro->op) bind_rest(run, scope, macro, i, args);
}

static j_value call_macro(j_run *run, const j_macro *macro, const j_args *args)
{
    j_scope *back = run->scope, *scope = push_scope(run, macro->scope);
    size_t from = run->out.len;
    if (!scope) return (j_value){0};
    bind(run, scope, macro->node, args);
    run_body(run, macro->node->c);
    pop_scope(run, scope, back);
    return caught(run, from);
}

static j_value macro_value(j_run *run, const j_node *node)
{
    j_macro *macro = lf__j_alloc(run, 1, sizeof *macro);
    if (!macro) return (j_value){0};
    *macro = (j_macro){node, run->scope};
    for (j_scope *scope = run->scope; scope && !scope->captured; scope = scope->parent) scope->captured = true;
    return (j_value){.kind = J_MACRO, .macro = macro};
}

static void run_loop(j_run *run, const j_node *node, j_scope *outer, j_value over, int64_t level);

j_value lf__j_call(j_run *run, j_value callee, const j_args *args)
{
    size_t from = run->out.len;
    switch (callee.kind) {
    case J_MACRO: return call_macro(run, callee.macro, args);
    case J_BUILTIN: return lf__j_apply(run, callee.bound->builtin, callee.bound->self, args);
    case J_UNDEFINED: return lf__j_undefined_error(run, callee);
    case J_LOOP:
        if (!callee.loop->node->flag) return lf__j_fail(run, LF_E_FORMAT, "loop(..) is for loops that are marked \"recursive\"");
        if (args->n != 1) return lf__j_fail(run, LF_E_FORMAT, "loop(..) takes what to loop over, and nothing else");
        run_loop(run, callee.loop->node, callee.loop->outer, args->v[0], callee.loop->level + 1);
        return caught(run, from);
    default: return lf__j_fail(run, LF_E_FORMAT, "%s cannot be called", lf__j_type(callee));
    }
}

/* ---- expressions -------------------------------------------------------------------------------------------------------------------- */

static j_value eval_items(j_run *run, const j_node *node, j_kind kind)
{
    j_value list = lf__j_list(run, kind, count(node->a));
    int64_t i = 0;
    for (const j_node *item = node->a; item && !run->failed; item = item->next) list.list->item[i++] = eval(run, item);
    return list;
}

static j_value eval_dict(j_run *run, const j_node *node)
{
    j_value dict = lf__j_dict(run, count(node->a) / 2, J_DICT);
    for (const j_node *key = node->a; key && !run->failed; key = key->next->next) {
        j_value k = eval(run, key), v = eval(run, key->next);
        if (!run->failed) lf__j_put(run, dict.dict, k, v);
    }
    return dict;
}

static j_value eval_concat(j_run *run, const j_node *node)
{
    j_items items = {0};
    for (const j_node *item = node->a; item && !run->failed; item = item->next) lf__j_push(run, &items, lf__j_str(run, eval(run, item)));
    j_builder b = lf__j_begin(run);
    for (int64_t i = 0; i < items.n; i++) lf__j_add_string(&b, items.item[i]);
    return lf__j_end(&b);
}

static bool compare(j_run *run, int op, j_value a, j_value b)
{
    switch (op) {
    case OP_IN: return lf__j_contains(run, b, a);
    case OP_NOT_IN: return !lf__j_contains(run, b, a);
    case T_EQ: return lf__j_equal(run, a, b);
    case T_NE: return !lf__j_equal(run, a, b);
    default: break;
    }
    int c = lf__j_compare(run, a, b, lf__j_token_name(op));
    if (c == 2) return false;
    return op == T_LT ? c < 0 : op == T_LE ? c <= 0 : op == T_GT ? c > 0 : c >= 0;
}

/* a < b <= c: each is evaluated once, and none behind the first that is false. */
static j_value eval_compare(j_run *run, const j_node *node)
{
    j_value left = eval(run, node->a);
    for (const j_node *operand = node->b; operand; operand = operand->next) {
        j_value right = eval(run, operand->a);
        run->at = operand->at;
        if (run->failed || !compare(run, operand->op, left, right)) return j_bool(false);
        left = right;
    }
    return j_bool(true);
}

static j_value sign(j_run *run, j_value v, bool negate)
{
    int64_t i;
    if (v.kind == J_FLOAT) return j_float(negate ? -v.f : v.f);
    if (v.kind == J_UNDEFINED) return lf__j_undefined_error(run, v);
    if (!lf__j_whole(v, &i)) return lf__j_fail(run, LF_E_FORMAT, "%s has no sign", lf__j_type(v));
    if (negate && __builtin_sub_overflow(0, i, &i)) return lf__j_fail(run, LF_E_LIMIT, "the result does not fit into 64 bits");
    return j_int(i);
}

static j_value power(j_run *run, j_value a, j_value b)
{
    int64_t i, n, product = 1;
    double x, y;
    if (!lf__j_whole(a, &i) || !lf__j_whole(b, &n) || n < 0) {
        lf__j_number(a, &x), lf__j_number(b, &y);
        if ((x == 0 && y < 0) || (x < 0 && y != floor(y))) return lf__j_fail(run, LF_E_FORMAT, "this power has no value that is a number");
        return j_float(pow(x, y));
    }
    for (; n > 0; n >>= 1) {
        if (n & 1 && __builtin_mul_overflow(product, i, &product))
            return lf__j_fail(run, LF_E_LIMIT, "the result does not fit into 64 bits");
        if (n > 1 && __builtin_mul_overflow(i, i, &i)) return lf__j_fail(run, LF_E_LIMIT, "the result does not fit into 64 bits");
    }
    return j_int(product);
}

static j_value arithmetic(j_run *run, int op, j_value a, j_value b)
{
    int64_t i, j, out = 0;
    double x, y;
    bool whole = lf__j_whole(a, &i) && lf__j_whole(b, &j), over = false;
    lf__j_number(a, &x), lf__j_number(b, &y);
    if (op == T_POW) return power(run, a, b);
    if ((op == T_DIV || op == T_FLOORDIV || op == T_MOD) && y == 0) return lf__j_fail(run, LF_E_FORMAT, "division by zero");
    if (!whole) {
        double rest = op == T_MOD || op == T_FLOORDIV ? fmod(x, y) : 0;
        if (rest != 0 && (rest < 0) != (y < 0)) rest += y;
        switch (op) {
        case T_ADD: return j_float(x + y);
        case T_SUB: return j_float(x - y);
        case T_MUL: return j_float(x * y);
        case T_DIV: return j_float(x / y);
        case T_MOD: return j_float(rest == 0 ? copysign(0, y) : rest);
        default: return j_float(isinf(y) && !isinf(x) ? (x != 0 && (x < 0) != (y < 0) ? -1 : 0) : round((x - rest) / y));
        }
    }
    switch (op) {
    case T_ADD: over = __builtin_add_overflow(i, j, &out); break;
    case T_SUB: over = __builtin_sub_overflow(i, j, &out); break;
    case T_MUL: over = __builtin_mul_overflow(i, j, &out); break;
    case T_DIV: return j_float(x / y);
    default:
        if (j == -1) {
            over = op == T_FLOORDIV && __builtin_sub_overflow(0, i, &out);
        } else {
            int64_t rest = i % j;
            if (rest != 0 && (rest < 0) != (j < 0)) rest += j; /* towards minus infinity, as Python */
            out = op == T_MOD ? rest : (i - rest) / j;
        }
    }
    return over ? lf__j_fail(run, LF_E_LIMIT, "the result does not fit into 64 bits") : j_int(out);
}

static j_value repeated(j_run *run, j_value v, int64_t times)
{
    if (times < 0) times = 0;
    if (v.kind == J_STRING) {
        j_builder b = lf__j_begin(run);
        if (times > 0) lf__j_add_string(&b, v);
        for (int64_t i = 1; i < times && v.n && lf__j_spend(run, 1); i++) lf__j_add_string(&b, v);
        return times ? lf__j_end(&b) : lf__j_text(run, "");
    }
    if (v.list->n && times > INT32_MAX / v.list->n) return lf__j_fail(run, LF_E_LIMIT, "this list would be too long");
    j_value out = lf__j_list(run, v.kind, v.list->n * times);
    for (int64_t i = 0; !run->failed && i < v.list->n * times; i++) out.list->item[i] = v.list->item[i % v.list->n];
    return out;
}

j_value lf__j_binary(j_run *run, int op, j_value a, j_value b)
{
    double x;
    int64_t times;
    if (run->failed) return (j_value){0};
    if (op == T_MOD && a.kind == J_STRING) return lf__j_format_percent(run, a, b);
    if (a.kind == J_UNDEFINED || b.kind == J_UNDEFINED) return lf__j_undefined_error(run, a.kind == J_UNDEFINED ? a : b);
    if (lf__j_number(a, &x) && lf__j_number(b, &x)) return arithmetic(run, op, a, b);
    if (op == T_ADD && a.kind == J_STRING && b.kind == J_STRING) {
        j_builder out = lf__j_begin(run);
        lf__j_add_string(&out, a);
        lf__j_add_string(&out, b);
        return lf__j_end(&out);
    }
    if (op == T_ADD && a.kind == b.kind && (a.kind == J_LIST || a.kind == J_TUPLE)) {
        j_value out = lf__j_list(run, a.kind, a.list->n + b.list->n);
        for (int64_t i = 0; !run->failed && i < out.list->n; i++)
            out.list->item[i] = i < a.list->n ? a.list->item[i] : b.list->item[i - a.list->n];
        return out;
    }
    bool repeats = a.kind == J_STRING || a.kind == J_LIST || a.kind == J_TUPLE;
    if (op == T_MUL && repeats && lf__j_whole(b, &times)) return repeated(run, a, times);
    if (op == T_MUL && (b.kind == J_STRING || b.kind == J_LIST || b.kind == J_TUPLE) && lf__j_whole(a, &times))
        return repeated(run, b, times);
    return lf__j_fail(run, LF_E_FORMAT, "\"%s\" is not possible between %s and %s", lf__j_token_name(op), lf__j_type(a), lf__j_type(b));
}

static j_value eval_slice(j_run *run, const j_node *node)
{
    const j_node *nodes[3] = {node->b, node->c, node->d};
    j_value a = eval(run, node->a), part[3] = {j_none(), j_none(), j_none()};
    for (int i = 0; i < 3; i++)
        if (nodes[i]) part[i] = eval(run, nodes[i]);
    run->at = node->at;
    return run->failed ? a : lf__j_slice(run, a, part);
}

static j_value eval_builtin(j_run *run, const j_node *node)
{
    j_value self = eval(run, node->a);
    j_args args = eval_args(run, node->b);
    run->at = node->at;
    return run->failed ? self : lf__j_apply(run, node->builtin, self, &args);
}

static j_value eval_call(j_run *run, const j_node *node)
{
    j_value callee = eval(run, node->a);
    j_args args = eval_args(run, node->b);
    run->at = node->at;
    return run->failed ? callee : lf__j_call(run, callee, &args);
}

static j_value eval_kind(j_run *run, const j_node *node)
{
    j_value a, b;
    switch (node->kind) {
    case N_CONST:
        switch (node->op) {
        case J_STRING: return (j_value){.kind = J_STRING, .n = node->value.n, .s = run->text + node->value.at};
        case J_FLOAT: return j_float(node->value.f);
        case J_BOOL: return j_bool(node->value.i);
        default: return (j_value){.kind = node->op, .i = node->value.i};
        }
    case N_NAME: return lookup(run, node->symbol);
    case N_HOLE: return run->hole;
    case N_LIST: return eval_items(run, node, J_LIST);
    case N_TUPLE: return eval_items(run, node, J_TUPLE);
    case N_DICT: return eval_dict(run, node);
    case N_ATTR: a = eval(run, node->a), run->at = node->at; return run->failed ? a : lf__j_attr(run, a, symbol_name(run, node->symbol));
    case N_ITEM: a = eval(run, node->a), b = eval(run, node->b), run->at = node->at; return run->failed ? a : lf__j_item(run, a, b);
    case N_SLICE: return eval_slice(run, node);
    case N_CALL: return eval_call(run, node);
    case N_FILTER: return eval_builtin(run, node);
    case N_TEST: return j_bool(lf__j_truth(eval_builtin(run, node)) != node->flag);
    case N_NOT: return j_bool(!lf__j_truth(eval(run, node->a)));
    case N_NEGATE:
    case N_POSITIVE: a = eval(run, node->a), run->at = node->at; return run->failed ? a : sign(run, a, node->kind == N_NEGATE);
    case N_AND: return a = eval(run, node->a), lf__j_truth(a) ? eval(run, node->b) : a;
    case N_OR: return a = eval(run, node->a), lf__j_truth(a) ? a : eval(run, node->b);
    case N_BINARY: a = eval(run, node->a), b = eval(run, node->b), run->at = node->at; return lf__j_binary(run, node->op, a, b);
    case N_CONCAT: return eval_concat(run, node);
    case N_COMPARE: return eval_compare(run, node);
    case N_CHOICE:
        if (lf__j_truth(eval(run, node->b))) return eval(run, node->a);
        return node->c ? eval(run, node->c) : lf__j_undefined(run, J_WHY_ELSE, j_none());
    default: return (j_value){0};
    }
}

/* One level down, for the price of a step. False: no further. */
static bool enter(j_run *run, const j_node *node)
{
    if (!lf__j_spend(run, 1)) return false;
    run->at = node->at;
    if (run->depth < run->depth_max) return run->depth++, true;
    lf__j_fail(run, LF_E_LIMIT, "calls and expressions nest more than %d levels deep", run->depth_max);
    return false;
}

static j_value eval(j_run *run, const j_node *node)
{
    if (!enter(run, node)) return (j_value){0};
    j_value v = eval_kind(run, node);
    run->depth--;
    return v;
}

/* ---- statements --------------------------------------------------------------------------------------------------------------------- */

static void assign_to(j_run *run, const j_node *target, j_value v)
{
    if (run->failed) return;
    if (target->kind == N_NAME) {
        assign(run, run->scope, target->symbol, v);
    } else if (target->kind == N_ATTR) {
        j_value ns = lookup(run, target->a->symbol);
        if (ns.kind == J_NAMESPACE)
            lf__j_put(run, ns.dict, symbol_name(run, target->symbol), v);
        else
            lf__j_fail(run, LF_E_FORMAT, "only a namespace() takes a new attribute, not %s", lf__j_type(ns));
    } else {
        int64_t n, want = count(target->a);
        if (v.kind == J_UNDEFINED) lf__j_undefined_error(run, v);
        const j_value *item = lf__j_iterate(run, v, &n);
        if (!run->failed && n != want) lf__j_fail(run, LF_E_FORMAT, "%lld values for %lld names", (long long)n, (long long)want);
        for (const j_node *name = target->a; name && !run->failed; name = name->next) assign_to(run, name, *item++);
    }
}

/* The next item that passes the loop's condition, evaluated in a scope of its own. */
static bool pull(j_run *run, j_loop *loop, j_value *v)
{
    while (*loop->cursor < loop->n && lf__j_spend(run, 1)) {
        *v = loop->item[(*loop->cursor)++];
        if (!loop->node->e || loop->tried) return true;
        j_scope *back = run->scope, *scope = push_scope(run, loop->outer);
        if (!scope) return false;
        assign_to(run, loop->node->a, *v);
        bool passes = lf__j_truth(eval(run, loop->node->e));
        pop_scope(run, scope, back);
        if (passes) return !run->failed;
    }
    return false;
}

static bool peek(j_run *run, j_loop *loop)
{
    if (!loop->peeked) loop->ended = !pull(run, loop, &loop->after), loop->peeked = true;
    return !loop->ended;
}

static bool advance(j_run *run, j_loop *loop)
{
    j_value v;
    if (loop->peeked ? loop->ended : !pull(run, loop, &v)) return false;
    if (loop->peeked) v = loop->after;
    loop->peeked = false;
    loop->index++;
    loop->before = loop->current, loop->current = v;
    return true;
}

/* The length of a loop with a condition: all that is left is tried now. */
static int64_t loop_length(j_run *run, j_loop *loop)
{
    if (loop->length >= 0) return loop->length;
    j_items left = {0};
    j_value v;
    if (loop->peeked && !loop->ended) lf__j_push(run, &left, loop->after);
    while (!(loop->peeked && loop->ended) && pull(run, loop, &v)) lf__j_push(run, &left, v);
    loop->item = left.item, loop->n = left.n, loop->taken = 0, loop->cursor = &loop->taken;
    loop->peeked = false;
    loop->tried = true;
    return loop->length = loop->index + 1 + left.n;
}

j_value lf__j_loop_attr(j_run *run, j_loop *loop, j_value name)
{
    static const char *const names[] = {"index",  "index0",   "first",     "last",  "previtem", "nextitem",
                                        "length", "revindex", "revindex0", "depth", "depth0"};
    size_t i = 0;
    while (i < LF_COUNT(names) && !(strlen(names[i]) == name.n && !memcmp(names[i], name.s, name.n))) i++;
    switch (i) {
    case 0: return j_int(loop->index + 1);
    case 1: return j_int(loop->index);
    case 2: return j_bool(loop->index == 0);
    case 3: return j_bool(!peek(run, loop));
    case 4: return loop->index > 0 ? loop->before : lf__j_undefined(run, J_WHY_ATTR, name);
    case 5: return peek(run, loop) ? loop->after : lf__j_undefined(run, J_WHY_ATTR, name);
    case 6: return j_int(loop_length(run, loop));
    case 7: return j_int(loop_length(run, loop) - loop->index);
    case 8: return j_int(loop_length(run, loop) - loop->index - 1);
    case 9: return j_int(loop->level + 1);
    case 10: return j_int(loop->level);
    default: return lf__j_undefined(run, J_WHY_ATTR, name);
    }
}

static void run_loop(j_run *run, const j_node *node, j_scope *outer, j_value over, int64_t level)
{
    j_loop *loop = lf__j_alloc(run, 1, sizeof *loop);
    j_scope *back = run->scope;
    if (!loop) return;
    *loop = (j_loop){.node = node, .outer = outer, .index = -1, .length = -1, .level = level, .cursor = &loop->taken};
    if (over.kind == J_ITER)
        loop->item = over.list->item, loop->n = over.list->n, loop->cursor = &over.list->next;
    else
        loop->item = lf__j_iterate(run, over, &loop->n), loop->length = node->e ? -1 : loop->n;
    while (advance(run, loop)) {
        j_scope *scope = push_scope(run, outer);
        if (!scope) break;
        assign_to(run, node->a, loop->current);
        assign(run, scope, J_LOOP_NAME, (j_value){.kind = J_LOOP, .loop = loop});
        run_body(run, node->c);
        pop_scope(run, scope, back);
        uint8_t jump = run->jump;
        run->jump = 0;
        if (jump == N_BREAK) break;
    }
    if (loop->index >= 0 || run->failed || !node->d) return;
    j_scope *scope = push_scope(run, outer);
    run_body(run, node->d);
    pop_scope(run, scope, back);
}

/* What a body prints, through the filters over its N_HOLE, in a scope of its own. */
static j_value caught_body(j_run *run, const j_node *body, const j_node *filters)
{
    size_t from = run->out.len;
    j_scope *back = run->scope, *scope = push_scope(run, back);
    run_body(run, body);
    j_value text = caught(run, from);
    if (filters && !run->failed) {
        run->hole = text;
        text = eval(run, filters);
    }
    pop_scope(run, scope, back);
    return text;
}

static void run_with(j_run *run, const j_node *node)
{
    j_scope *back = run->scope, *scope = NULL;
    j_items values = {0};
    for (const j_node *set = node->a; set; set = set->next) lf__j_push(run, &values, eval(run, set->b)); /* outside of the new scope */
    if (!run->failed) scope = push_scope(run, back);
    int64_t i = 0;
    for (const j_node *set = node->a; set && !run->failed; set = set->next) assign_to(run, set->a, values.item[i++]);
    run_body(run, node->c);
    pop_scope(run, scope, back);
}

static void run_caller(j_run *run, const j_node *node)
{
    j_value callee = eval(run, node->b->a);
    j_args args = eval_args(run, node->b->b);
    if (!args.keyword) args.keyword = lf__j_dict(run, 1, J_DICT).dict;
    j_value macro = macro_value(run, node);
    if (run->failed) return;
    lf__j_put(run, args.keyword, symbol_name(run, J_CALLER), macro);
    run->at = node->at;
    print(run, lf__j_call(run, callee, &args));
}

static void run_node(j_run *run, const j_node *node)
{
    switch (node->kind) {
    case N_DATA:
    case N_PRINT:
        print(run, node->kind == N_PRINT ? eval(run, node->a)
                                         : lf__j_substring((j_value){.s = run->text}, node->value.at, node->value.at + node->value.n));
        break;
    case N_IF:
        while (node && node->kind == N_IF && !lf__j_truth(eval(run, node->a)) && !run->failed) {
            const j_node *other = node->c;
            if (other && (other->kind != N_IF || other->next)) run_body(run, other);
            node = other && other->kind == N_IF && !other->next ? other : NULL;
        }
        if (node && !run->failed) run_body(run, node->b);
        break;
    case N_FOR: run_loop(run, node, run->scope, eval(run, node->b), 0); break;
    case N_SET: assign_to(run, node->a, eval(run, node->b)); break;
    case N_SET_TEXT: assign_to(run, node->a, caught_body(run, node->c, node->b)); break;
    case N_FILTERED: print(run, caught_body(run, node->c, node->b)); break;
    case N_MACRO: assign(run, run->scope, node->symbol, macro_value(run, node)); break;
    case N_CALLER: run_caller(run, node); break;
    case N_WITH: run_with(run, node); break;
    default: run->jump = node->kind;
    }
}

static void run_body(j_run *run, const j_node *list)
{
    for (; list && !run->failed && !run->jump; list = list->next) {
        if (!enter(run, list)) return;
        run_node(run, list);
        run->depth--;
    }
}

/* ---- a render ----------------------------------------------------------------------------------------------------------------------- */

int lf__j_run_init(j_run *run, const j_template *t, const lf_chat_limits *limits, const char *date, lf_error *err)
{
    *run = (j_run){.t = t, .steps = limits->steps, .steps_max = limits->steps, .depth_max = limits->depth, .date = date, .err = err};
    lf__buf_init(&run->out, limits->output);
    lf__buf_init(&run->out_marks, limits->output);
    size_t part = limits->memory / 8 / LF_ALIGN * LF_ALIGN;
    run->text_size = LF_MIN(part * 3, (size_t)UINT32_MAX), run->objects_size = part * 2;
    if (t->text.len > run->text_size)
        return lf_error_set(err, LF_E_LIMIT, "%s: %zu bytes are not enough memory for this template", t->name, limits->memory);
    if (lf__arena_init_sparse(&run->arena, "chat render", part * 8, err)) return -1;
    run->text = lf__arena_push(&run->arena, 2 * run->text_size);
    run->objects = lf__arena_push(&run->arena, run->objects_size);
    memcpy(run->text, t->text.data, t->text.len);
    run->text_used = t->text.len;
    return push_scope(run, NULL) ? 0 : -1;
}

void lf__j_run_release(j_run *run)
{
    lf__buf_release(&run->out);
    lf__buf_release(&run->out_marks);
    lf__arena_release(&run->arena);
}

int lf__j_render(j_run *run)
{
    run_body(run, run->t->body);
    return run->failed ? -1 : 0;
}
