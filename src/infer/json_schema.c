/* json_schema.c - a JSON Schema to a grammar: every schema that is met becomes a rule of GBNF, in the order in which they are met, so a
 * schema that contains itself is no special case and nothing recurses. Not constants, numbers and regular expressions (json_schema_leaf.c)
 * and not the machine (grammar.c). The grammar's texts all conform to the schema; which of those that conform it leaves out, generate.h
 * says. */
#include "infer/json_schema.h"

#include "foundry/sampling.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { RULES_MAX = 3000, MEMBERS_MAX = 1000, PARTS_MAX = 64, POINTER_MAX = 1024, NAME_MAX = 60, LENGTH_MAX = 65536 };

enum { NULLS = 1, BOOLEANS = 2, INTEGERS = 4, FRACTIONS = 8, STRINGS = 16, ARRAYS = 32, OBJECTS = 64, ALL = 127 };
static const struct {
    const char *name;
    unsigned types;
} type_names[] = {{"null", NULLS},     {"boolean", BOOLEANS}, {"integer", INTEGERS}, {"number", INTEGERS | FRACTIONS},
                  {"string", STRINGS}, {"array", ARRAYS},     {"object", OBJECTS}};

/* Which keywords there are, and of what kind: a schema has at most one of REF, VALUES, CHOICE, JOIN; the others are about a type. */
enum { NOTE = 0, TYPE = 1, REF = 2, VALUES = 4, CHOICE = 8, JOIN = 16, OBJECT = 32, ARRAY = 64, STRING = 128, NUMBER = 256 };
static const struct {
    const char *name;
    unsigned group;
} keywords[] = {
    {"type", TYPE},
    {"properties", OBJECT},
    {"required", OBJECT},
    {"additionalProperties", OBJECT},
    {"items", ARRAY},
    {"prefixItems", ARRAY},
    {"minItems", ARRAY},
    {"maxItems", ARRAY},
    {"enum", VALUES},
    {"const", VALUES},
    {"anyOf", CHOICE},
    {"oneOf", CHOICE},
    {"allOf", JOIN},
    {"$ref", REF},
    {"minLength", STRING},
    {"maxLength", STRING},
    {"pattern", STRING},
    {"format", STRING},
    {"minimum", NUMBER},
    {"maximum", NUMBER},
    {"exclusiveMinimum", NUMBER},
    {"exclusiveMaximum", NUMBER},
    {"$defs", NOTE},
    {"definitions", NOTE},
    {"title", NOTE},
    {"description", NOTE},
    {"default", NOTE},
    {"examples", NOTE},
    {"$schema", NOTE},
    {"$id", NOTE},
    {"$comment", NOTE},
    {"deprecated", NOTE},
    {"readOnly", NOTE},
    {"writeOnly", NOTE},
    {"discriminator", NOTE},
};

/* What every grammar begins with. One blank or one line with at most 20 of indentation: a model cannot fill a text with blanks. */
static const char common[] =
    "space ::= (\" \" | \"\\n\" [ \\t]{0,20})?\n"
    "hex ::= [0-9a-fA-F]\n"
    "char ::= [^\"\\\\\\x00-\\x1f] | \"\\\\\" ([\"\\\\/bfnrt] | \"u\" ([0-9a-cA-CefEF] hex{3} | [dD] [0-7] hex{2} | "
    "[dD] [89abAB] hex{2} \"\\\\u\" [dD] [c-fC-F] hex{2}))\n"
    "plain ::= [^\"\\\\\\x00-\\x1f]\n"
    "string ::= \"\\\"\" char* \"\\\"\"\n"
    "integer ::= \"-\"? (\"0\" | [1-9] [0-9]{0,17})\n"
    "number ::= integer (\".\" [0-9]{1,18})? ([eE] [-+]? [0-9]{1,2})?\n"
    "boolean ::= \"true\" | \"false\"\n"
    "array ::= \"[\" space (value (\",\" space value)* space)? \"]\"\n"
    "object ::= \"{\" space (string \":\" space value (\",\" space string \":\" space value)* space)? \"}\"\n"
    "value ::= object | array | string | number | boolean | \"null\"\n";
/* A schema, and the rule r0, r1, ... that says what it allows of these types. */
typedef struct node {
    const json_t *schema;
    unsigned types;
    char *pointer; /* "#/properties/x", for errors: owned */
} node;

/* A property of the object that is being written. */
typedef struct member {
    const char *name;
    const json_t *schema; /* NULL: whatever other properties may be */
    char *pointer;        /* owned; NULL with it                    */
    bool required;
} member;

typedef struct translation {
    lf_buf out;
    const json_t *root;
    const char *name; /* of the file */
    node *nodes;      /* written in order; those that are met are added at the end */
    size_t n_nodes, cap_nodes, at;
    member *members;
    size_t n_members, cap_members;
    bool failed;
    lf_error *err;
} translation;

static int LF_PRINTF(4, 5) fail(translation *t, lf_code code, const char *pointer, const char *format, ...)
{
    char sentence[400];
    va_list args;
    va_start(args, format);
    lf__vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    if (!t->failed) lf_error_set(t->err, code, "%s: %.200s: %s", t->name, pointer, sentence);
    t->failed = true;
    return -1;
}

/* ---- schemas and where they stand -------------------------------------------------------------------------------------------- */

/* pointer/key or, with an index, pointer/key/index, escaped as RFC 6901 has it. */
static char *below(translation *t, const char *pointer, const char *key, int index)
{
    lf_buf b;
    lf__buf_init(&b, POINTER_MAX);
    lf__buf_printf(&b, "%s/", pointer);
    for (; *key; key++) lf__buf_puts(&b, *key == '~' ? "~0" : *key == '/' ? "~1" : (char[]){*key, 0});
    if (index >= 0) lf__buf_printf(&b, "/%d", index);
    if (!b.failed) return b.data;
    lf__buf_release(&b);
    fail(t, LF_E_LIMIT, pointer, "a place of more than %d bytes", POINTER_MAX);
    return NULL;
}

/* The rule of a schema for some types; takes pointer. */
static size_t rule_of(translation *t, const json_t *schema, unsigned types, char *pointer)
{
    size_t i = 0;
    while (i < t->n_nodes && (t->nodes[i].schema != schema || t->nodes[i].types != types)) i++;
    if (i == RULES_MAX) fail(t, LF_E_LIMIT, pointer ? pointer : "", "more than %d schemas", RULES_MAX);
    if (!pointer || (i == t->n_nodes && lf__grow(&t->nodes, &t->cap_nodes, i + 1, sizeof *t->nodes, t->err))) t->failed = true;
    if (i == t->n_nodes && !t->failed)
        t->nodes[t->n_nodes++] = (node){schema, types, pointer};
    else
        free(pointer);
    return i;
}

/* What a $ref points at: # and /-separated keys and indices of this document. */
static const json_t *resolve(translation *t, const json_t *ref, const char *pointer)
{
    const char *text = json_string_value(ref), *p = text;
    const json_t *at = t->root;
    if (!text || *p++ != '#' || (*p && *p != '/')) {
        fail(t, LF_E_UNSUPPORTED, pointer, "$ref must be a text that begins with #/ and points into this file");
        return NULL;
    }
    while (*p && at) {
        char key[256];
        size_t n = 0;
        for (p++; *p && *p != '/' && n + 1 < sizeof key; p++) {
            char c = *p;
            if (c == '~' && (p[1] == '0' || p[1] == '1')) c = *++p == '0' ? '~' : '/';
            key[n++] = c;
        }
        key[n] = 0;
        if (*p && *p != '/') at = NULL;
        at = json_is_array(at) && strspn(key, "0123456789") == n && n > 0 && n < 9 ? json_array_get(at, (size_t)atoi(key))
                                                                                   : json_object_get(at, key);
    }
    if (!at) fail(t, LF_E_FORMAT, pointer, "$ref \"%.200s\" points at nothing", text);
    return at;
}

/* ---- checks ------------------------------------------------------------------------------------------------------------------ */

static int unsupported(translation *t, const char *key, const char *pointer)
{
    char list[800] = "";
    const char *names[LF_COUNT(keywords) + 1] = {0};
    for (size_t i = 0; i < LF_COUNT(keywords); i++) {
        names[i] = keywords[i].name;
        if (keywords[i].group) snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", *list ? ", " : "", keywords[i].name);
    }
    if (t->failed) return -1;
    fail(t, LF_E_UNSUPPORTED, pointer, "the keyword \"%.100s\" is not supported", key);
    const char *near = lf__nearest(key, names);
    if (near) return lf_error_hint(t->err, "did you mean \"%s\"?", near);
    return lf_error_hint(t->err, "supported are %s, and notes such as title and description", list);
}

/* The groups of the keywords of a schema; which may stand together is decided here. */
static unsigned groups_of(translation *t, const json_t *schema, const char *pointer)
{
    unsigned groups = 0;
    const char *key, *shape = NULL;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)schema, key, value)
    {
        size_t i = 0;
        while (i < LF_COUNT(keywords) && strcmp(keywords[i].name, key) != 0) i++;
        if (i == LF_COUNT(keywords)) {
            unsupported(t, key, pointer);
            return 0;
        }
        if (strcmp(key, "$id") == 0 && schema != t->root) fail(t, LF_E_UNSUPPORTED, pointer, "$id is supported at the root alone");
        if (keywords[i].group & (REF | VALUES | CHOICE | JOIN)) {
            if (shape) fail(t, LF_E_UNSUPPORTED, pointer, "%s beside %s is not supported", key, shape);
            shape = keywords[i].name;
        }
        groups |= keywords[i].group;
    }
    unsigned beside = groups & (groups & JOIN ? ARRAY | STRING | NUMBER : OBJECT | ARRAY | STRING | NUMBER);
    for (size_t i = 0; shape && i < LF_COUNT(keywords); i++)
        if ((keywords[i].group & beside) && json_object_get(schema, keywords[i].name))
            fail(t, LF_E_UNSUPPORTED, pointer, "%s beside %s is not supported", keywords[i].name, shape);
    return groups;
}

static unsigned one_type(translation *t, const json_t *name, const char *pointer)
{
    for (size_t i = 0; json_is_string(name) && i < LF_COUNT(type_names); i++)
        if (strcmp(json_string_value(name), type_names[i].name) == 0) return type_names[i].types;
    fail(t, LF_E_FORMAT, pointer, "type must be one or a list of null, boolean, integer, number, string, array, object");
    return 0;
}

/* The types that a schema names, or that its keywords are about. */
static unsigned types_of(translation *t, const json_t *schema, unsigned groups, const char *pointer)
{
    const json_t *type = json_object_get(schema, "type");
    unsigned types = 0;
    if (json_is_array(type) && json_array_size(type) > 0) {
        for (size_t i = 0; i < json_array_size(type); i++) types |= one_type(t, json_array_get(type, i), pointer);
        return types;
    }
    if (type) return one_type(t, type, pointer);
    if (groups & OBJECT) types |= OBJECTS;
    if (groups & ARRAY) types |= ARRAYS;
    if (groups & STRING) types |= STRINGS;
    if (groups & NUMBER) types |= INTEGERS | FRACTIONS;
    return types && !(groups & JOIN) ? types : ALL;
}

/* A number of things; fallback when the key is not there. */
static int64_t count_of(translation *t, const json_t *schema, const char *key, int64_t fallback, const char *pointer)
{
    const json_t *value = json_object_get(schema, key);
    int64_t n = json_is_integer(value) ? json_integer_value(value) : -1;
    if (!value) return fallback;
    if (n < 0) fail(t, LF_E_FORMAT, pointer, "%s: expected a whole number of at least 0", key);
    if (n > LENGTH_MAX) fail(t, LF_E_LIMIT, pointer, "%s is %lld; at most %d is supported", key, (long long)n, LENGTH_MAX);
    return n;
}

/* Steps from schema to schema without anything that a text would hold. */
typedef struct way {
    const json_t *met[RULES_MAX];
    size_t n;
} way;

static void go_to(translation *t, way *w, const json_t *next, const char *pointer)
{
    size_t i = 0;
    while (i < w->n && w->met[i] != next) i++;
    if (i == 0) fail(t, LF_E_FORMAT, pointer, "this schema refers to itself and says nothing in between");
    if (i == RULES_MAX) fail(t, LF_E_LIMIT, pointer, "more than %d schemas", RULES_MAX);
    if (i == w->n && !t->failed) w->met[w->n++] = next;
}

/* Such steps may not lead back to where they began. */
static void check_cycle(translation *t, const json_t *start, const char *pointer)
{
    static const char *const lists[] = {"anyOf", "oneOf", "allOf"};
    way *w = lf__calloc(1, sizeof *w, t->err);
    if (!w) t->failed = true;
    if (w) w->met[w->n++] = start;
    for (size_t at = 0; !t->failed && at < w->n; at++) {
        const json_t *ref = json_object_get(w->met[at], "$ref"), *target = ref ? resolve(t, ref, pointer) : NULL;
        if (target) go_to(t, w, target, pointer);
        for (size_t l = 0; l < LF_COUNT(lists); l++) {
            const json_t *list = json_object_get(w->met[at], lists[l]);
            for (size_t i = 0; i < json_array_size(list) && !t->failed; i++) go_to(t, w, json_array_get(list, i), pointer);
        }
    }
    free(w);
}

/* ---- leaves ------------------------------------------------------------------------------------------------------------------ */

static unsigned types_of_value(const json_t *v)
{
    static const unsigned types[] = {[JSON_OBJECT] = OBJECTS, [JSON_ARRAY] = ARRAYS,  [JSON_STRING] = STRINGS, [JSON_INTEGER] = INTEGERS,
                                     [JSON_REAL] = FRACTIONS, [JSON_TRUE] = BOOLEANS, [JSON_FALSE] = BOOLEANS, [JSON_NULL] = NULLS};
    double x = json_real_value(v);
    bool whole = json_is_real(v) && x > -1e18 && x < 1e18 && x == (double)(int64_t)x; /* 1.0 is an integer */
    return types[json_typeof(v)] | (whole ? INTEGERS : 0);
}

static void write_values(translation *t, const node *n)
{
    const json_t *list = json_object_get(n->schema, "enum"), *single = json_object_get(n->schema, "const");
    size_t size = single ? 1 : json_array_size(list);
    bool any = false;
    for (size_t i = 0; i < size; i++) {
        const json_t *value = single ? single : json_array_get(list, i);
        if (!(types_of_value(value) & n->types)) continue;
        lf__buf_puts(&t->out, any ? "| " : "");
        lf__schema_constant(&t->out, value);
        any = true;
    }
    if (!any) fail(t, LF_E_FORMAT, n->pointer, "%s", size ? "no value of enum or const is of the type" : "enum must be a list of values");
}

static void write_string(translation *t, const node *n)
{
    const json_t *pattern = json_object_get(n->schema, "pattern"), *format = json_object_get(n->schema, "format");
    int64_t least = count_of(t, n->schema, "minLength", 0, n->pointer), most = count_of(t, n->schema, "maxLength", -1, n->pointer);
    bool lengths = least > 0 || most >= 0;
    if ((pattern && !json_is_string(pattern)) || (format && !json_is_string(format)))
        fail(t, LF_E_FORMAT, n->pointer, "pattern and format must be texts");
    else if ((pattern != NULL) + (format != NULL) + lengths > 1)
        fail(t, LF_E_UNSUPPORTED, n->pointer, "only one of pattern, format and lengths (minLength, maxLength) is supported at a time");
    else if (most >= 0 && least > most)
        fail(t, LF_E_FORMAT, n->pointer, "minLength %lld is above maxLength %lld", (long long)least, (long long)most);
    if (t->failed) return;
    lf__buf_puts(&t->out, "\"\\\"\" ");
    if (pattern) {
        size_t at;
        const char *wrong = lf__schema_pattern(&t->out, json_string_value(pattern), &at);
        if (wrong) fail(t, LF_E_UNSUPPORTED, n->pointer, "pattern \"%.100s\", byte %zu: %s", json_string_value(pattern), at, wrong);
    } else if (format) {
        const char *text = lf__schema_format(json_string_value(format));
        if (text)
            lf__buf_puts(&t->out, text);
        else
            fail(t, LF_E_UNSUPPORTED, n->pointer, "the format \"%.60s\" is not supported; date, time, date-time and uuid are",
                 json_string_value(format));
    } else if (most >= 0) {
        lf__buf_printf(&t->out, "char{%lld,%lld}", (long long)least, (long long)most);
    } else {
        lf__buf_printf(&t->out, "char{%lld,}", (long long)least);
    }
    lf__buf_puts(&t->out, " \"\\\"\" ");
}

/* A bound and its exclusive twin: the narrower counts. side 1: from below. */
static const json_t *bound_of(translation *t, const node *n, const char *key, const char *exclusive, int side, bool *open)
{
    const json_t *closed = json_object_get(n->schema, key), *other = json_object_get(n->schema, exclusive);
    if ((closed && !json_is_number(closed)) || (other && !json_is_number(other)))
        fail(t, LF_E_FORMAT, n->pointer, "%s and %s must be numbers", key, exclusive);
    *open = other && (!closed || side * (json_number_value(other) - json_number_value(closed)) >= 0);
    return *open ? other : closed;
}

static void write_number(translation *t, const node *n)
{
    bool whole = !(n->types & FRACTIONS);
    lf_schema_bounds b;
    b.lo = bound_of(t, n, "minimum", "exclusiveMinimum", 1, &b.lo_open);
    b.hi = bound_of(t, n, "maximum", "exclusiveMaximum", -1, &b.hi_open);
    const char *wrong = NULL;
    if (!b.lo && !b.hi)
        lf__buf_puts(&t->out, whole ? "integer" : "number");
    else if (!t->failed && (wrong = lf__schema_numbers(&t->out, &b, whole)))
        fail(t, LF_E_UNSUPPORTED, n->pointer, "%s", wrong);
    lf__buf_puts(&t->out, " ");
}

/* ---- lists ------------------------------------------------------------------------------------------------------------------- */

typedef struct item_list {
    const json_t *prefix, *items;  /* items NULL: none behind the prefix */
    int64_t n_prefix, least, most; /* most -1: without end */
} item_list;

static item_list list_of(translation *t, const node *n)
{
    item_list l = {.prefix = json_object_get(n->schema, "prefixItems"), .items = json_object_get(n->schema, "items")};
    l.n_prefix = (int64_t)json_array_size(l.prefix);
    l.least = count_of(t, n->schema, "minItems", 0, n->pointer), l.most = count_of(t, n->schema, "maxItems", -1, n->pointer);
    if ((l.prefix && !json_is_array(l.prefix)) || json_is_array(l.items))
        fail(t, LF_E_FORMAT, n->pointer, "prefixItems must be a list of schemas, items one schema");
    if (!l.items && !l.prefix) l.items = json_true();
    if (json_is_false(l.items)) l.items = NULL;
    if (!l.items) l.most = l.most < 0 ? l.n_prefix : LF_MIN(l.most, l.n_prefix);
    if (l.most >= 0) l.n_prefix = LF_MIN(l.n_prefix, l.most);
    if (l.most >= 0 && l.least > l.most)
        fail(t, LF_E_FORMAT, n->pointer, "minItems %lld is above the %lld items that there may be", (long long)l.least, (long long)l.most);
    return l;
}

static void write_item(translation *t, const node *n, const item_list *l, int64_t i)
{
    bool first = i < l->n_prefix;
    char *pointer = below(t, n->pointer, first ? "prefixItems" : "items", first ? (int)i : -1);
    lf__buf_printf(&t->out, "r%zu ", rule_of(t, first ? json_array_get(l->prefix, (size_t)i) : l->items, ALL, pointer));
}

/* What follows the prefix. */
static void write_items(translation *t, const node *n, const item_list *l, int64_t from)
{
    if (!l->items || (l->most >= 0 && from >= l->most)) return;
    lf__buf_puts(&t->out, "(\",\" space ");
    write_item(t, n, l, from);
    lf__buf_printf(&t->out, "){%lld,", (long long)LF_MAX(l->least - from, 0));
    if (l->most >= 0) lf__buf_printf(&t->out, "%lld", (long long)(l->most - from));
    lf__buf_puts(&t->out, "} ");
}

static void write_array(translation *t, const node *n)
{
    item_list l = list_of(t, n);
    if (t->failed) return;
    lf__buf_puts(&t->out, "\"[\" space ");
    if (l.most != 0) {
        lf__buf_puts(&t->out, "(");
        write_item(t, n, &l, 0);
        if (l.n_prefix > 1)
            lf__buf_printf(&t->out, "r%zu-a1 ", t->at);
        else
            write_items(t, n, &l, 1);
        lf__buf_puts(&t->out, l.least > 0 ? "space) " : "space)? ");
    }
    lf__buf_puts(&t->out, "\"]\" ");
}

/* The rules rN-aI: what follows the first I items. */
static void write_array_rest(translation *t, const node *n)
{
    item_list l = list_of(t, n);
    for (int64_t i = 1; i <= l.n_prefix && l.n_prefix > 1 && !t->failed; i++) {
        lf__buf_printf(&t->out, "r%zu-a%lld ::= ", t->at, (long long)i);
        if (i < l.n_prefix) {
            lf__buf_puts(&t->out, "(\",\" space ");
            write_item(t, n, &l, i);
            lf__buf_printf(&t->out, "r%zu-a%lld)%s", t->at, (long long)i + 1, i < l.least ? "" : "?");
        } else {
            lf__buf_puts(&t->out, "\"\" ");
            write_items(t, n, &l, i);
        }
        lf__buf_puts(&t->out, "\n");
    }
}

/* ---- objects ----------------------------------------------------------------------------------------------------------------- */

static member *find_member(const translation *t, const char *name)
{
    for (size_t i = 0; i < t->n_members; i++)
        if (strcmp(t->members[i].name, name) == 0) return &t->members[i];
    return NULL;
}

static member *add_member(translation *t, const char *name, const char *pointer)
{
    if (t->n_members == MEMBERS_MAX) fail(t, LF_E_LIMIT, pointer, "more than %d properties", MEMBERS_MAX);
    if (!t->failed && lf__grow(&t->members, &t->cap_members, t->n_members + 1, sizeof *t->members, t->err)) t->failed = true;
    if (t->failed) return NULL;
    t->members[t->n_members] = (member){.name = name};
    return &t->members[t->n_members++];
}

static void collect_properties(translation *t, const json_t *schema, const char *pointer)
{
    const json_t *properties = json_object_get(schema, "properties");
    const char *name;
    json_t *value;
    if (properties && !json_is_object(properties)) fail(t, LF_E_FORMAT, pointer, "properties must be an object of schemas");
    json_object_foreach((json_t *)(uintptr_t)properties, name, value)
    {
        member *m = find_member(t, name);
        if (m && !json_equal(m->schema, value))
            fail(t, LF_E_UNSUPPORTED, pointer, "the property \"%.60s\" stands in two parts of allOf, with different schemas", name);
        if (m) continue;
        if (!(m = add_member(t, name, pointer))) return;
        char *list = below(t, pointer, "properties", -1);
        m->schema = value, m->pointer = list ? below(t, list, name, -1) : NULL;
        free(list);
    }
}

static void collect_required(translation *t, const json_t *schema, const char *pointer)
{
    const json_t *required = json_object_get(schema, "required"), *name;
    size_t i;
    if (required && !json_is_array(required)) fail(t, LF_E_FORMAT, pointer, "required must be a list of names");
    json_array_foreach(required, i, name)
    {
        const char *text = json_string_value(name);
        if (!text) fail(t, LF_E_FORMAT, pointer, "required must be a list of names");
        member *m = t->failed ? NULL : find_member(t, text);
        if (!m && !t->failed) m = add_member(t, text, pointer);
        if (!m) return;
        m->required = true;
    }
}

/* The properties of an object and of all that allOf joins to it; then, in a second pass, which of them are required. */
static void collect(translation *t, const json_t *schema, const char *pointer, bool second, int depth)
{
    const json_t *ref = json_object_get(schema, "$ref"), *parts = json_object_get(schema, "allOf");
    const json_t *additional = json_object_get(schema, "additionalProperties");
    if (depth > PARTS_MAX) fail(t, LF_E_LIMIT, pointer, "allOf nests more than %d levels deep", PARTS_MAX);
    unsigned groups = t->failed ? 0 : groups_of(t, schema, pointer);
    if (ref && !t->failed) {
        const json_t *target = resolve(t, ref, pointer);
        if (target) collect(t, target, json_string_value(ref), second, depth + 1);
        return;
    }
    if (!json_is_object(schema) || (groups & (VALUES | CHOICE)) || (!t->failed && !(types_of(t, schema, groups, pointer) & OBJECTS)))
        fail(t, LF_E_UNSUPPORTED, pointer, "allOf joins objects only");
    if ((depth || parts) && additional && !json_is_true(additional))
        fail(t, LF_E_UNSUPPORTED, pointer, "additionalProperties beside or inside allOf is not supported");
    if (t->failed) return;
    if (second)
        collect_required(t, schema, pointer);
    else
        collect_properties(t, schema, pointer);
    for (size_t i = 0; i < json_array_size(parts) && !t->failed; i++) {
        char *part = below(t, pointer, "allOf", (int)i);
        if (part) collect(t, json_array_get(parts, i), part, second, depth + 1);
        free(part);
    }
}

/* The schema of properties that are not listed; NULL: there are none. */
static const json_t *others_of(const translation *t, const node *n)
{
    const json_t *additional = json_object_get(n->schema, "additionalProperties");
    if (!additional) return t->n_members ? NULL : json_true();
    return json_is_false(additional) ? NULL : additional;
}

static void write_member(translation *t, const node *n, size_t i)
{
    const member *m = &t->members[i];
    const json_t *additional = json_object_get(n->schema, "additionalProperties"), *schema = m->schema;
    if (!schema) schema = additional ? additional : json_true(); /* required, but not listed */
    if (json_is_false(schema)) fail(t, LF_E_FORMAT, n->pointer, "the property \"%.60s\" is not allowed, but listed or required", m->name);
    char *pointer = m->schema ? lf__strdup(m->pointer, t->err) : below(t, n->pointer, "additionalProperties", -1);
    lf__schema_key(&t->out, m->name);
    lf__buf_printf(&t->out, " space r%zu ", rule_of(t, schema, ALL, pointer));
}

/* All members from `from` on, each behind a comma, then others. */
static void write_members(translation *t, const node *n, size_t from)
{
    for (size_t i = from; i < t->n_members && !t->failed; i++) {
        lf__buf_puts(&t->out, t->members[i].required ? "\",\" space " : "(\",\" space ");
        write_member(t, n, i);
        lf__buf_puts(&t->out, t->members[i].required ? "" : ")? ");
    }
    if (others_of(t, n)) lf__buf_printf(&t->out, "(\",\" space r%zu-other)* ", t->at);
}

/* The last member that a text may begin with: the first that is required. */
static size_t last_first(const translation *t)
{
    size_t i = 0;
    while (i + 1 < t->n_members && !t->members[i].required) i++;
    return i;
}

/* { a rest1 | b rest2 | ... }: behind the first member everything has its comma. */
static void write_object(translation *t, const node *n)
{
    lf_buf *o = &t->out;
    for (int pass = 0; pass < 2; pass++) collect(t, n->schema, n->pointer, pass, 0);
    if (t->failed) return;
    const json_t *others = others_of(t, n);
    size_t last = last_first(t);
    bool some = t->n_members && t->members[last].required;
    lf__buf_puts(o, "\"{\" space ");
    if (t->n_members || others) lf__buf_puts(o, some ? "(" : "((");
    for (size_t i = 0; i <= last && i < t->n_members && !t->failed; i++) {
        lf__buf_puts(o, i ? "| " : "");
        write_member(t, n, i);
        if (last > 0)
            lf__buf_printf(o, "r%zu-o%zu ", t->at, i + 1);
        else
            write_members(t, n, 1);
    }
    if (!some && others) lf__buf_printf(o, "%sr%zu-other (\",\" space r%zu-other)* ", t->n_members ? "| " : "", t->at, t->at);
    if (t->n_members || others) lf__buf_puts(o, some ? ") space " : ") space)? ");
    lf__buf_puts(o, "\"}\" ");
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Any text but these names, which have their first `skip` bytes in common and are in order. Depth: letters of a name. */
static void write_other_name(translation *t, const char **names, size_t n, size_t skip, int depth)
{
    lf_buf *o = &t->out;
    bool ends = n > 0 && names[0][skip] == 0;
    if (depth > NAME_MAX) fail(t, LF_E_LIMIT, "#", "beside additionalProperties, names have at most %d characters", NAME_MAX);
    if (t->failed) return;
    lf__buf_puts(o, "([^\"\\\\\\x00-\\x1f");
    for (int pass = 0; pass < 2; pass++) { /* another letter and then anything; one of theirs and then anything but theirs */
        for (size_t i = ends, to; i < n; i = to) {
            int32_t cp;
            size_t size = (size_t)lf__utf8_decode(names[i] + skip, names[i] + strlen(names[i]), &cp);
            for (to = i + 1; to < n && strncmp(names[to] + skip, names[i] + skip, size) == 0;) to++;
            if (pass == 0) {
                lf__schema_class_char(o, cp);
                continue;
            }
            lf__buf_puts(o, " | ");
            lf__schema_literal(o, names[i] + skip, size);
            lf__buf_puts(o, " ");
            write_other_name(t, names + i, to - i, skip + size, depth + 1);
        }
        if (pass == 0) lf__buf_puts(o, "] plain*");
    }
    lf__buf_puts(o, ends ? ")" : ")?");
}

/* The rule rN-other: a property that is not listed. Beside listed ones its name is spelled without escapes: no spelling of theirs is a way
 * around them. */
static void write_other(translation *t, const node *n, const json_t *others)
{
    const char **names = lf__calloc(t->n_members + 1, sizeof *names, t->err);
    size_t count = 0;
    if (!names) t->failed = true;
    for (size_t i = 0; i < t->n_members && !t->failed; i++) {
        const char *name = t->members[i].name;
        bool plain = true;
        for (const char *c = name; *c; c++) plain &= (uint8_t)*c >= 0x20 && *c != '"' && *c != '\\';
        if (plain) names[count++] = name;
    }
    if (count) qsort(names, count, sizeof *names, by_bytes);
    lf__buf_printf(&t->out, "r%zu-other ::= ", t->at);
    if (t->n_members) {
        lf__buf_puts(&t->out, "\"\\\"\" ");
        write_other_name(t, names, count, 0, 0);
        lf__buf_puts(&t->out, " \"\\\"\"");
    } else {
        lf__buf_puts(&t->out, "string");
    }
    lf__buf_printf(&t->out, " \":\" space r%zu\n", rule_of(t, others, ALL, below(t, n->pointer, "additionalProperties", -1)));
    free(names);
}

/* The rules rN-oI: what follows when one of the members before I was there. */
static void write_object_rest(translation *t, const node *n)
{
    const json_t *others = others_of(t, n);
    size_t last = last_first(t);
    for (size_t i = 1; i <= last + 1 && last > 0 && !t->failed; i++) {
        lf__buf_printf(&t->out, "r%zu-o%zu ::= ", t->at, i);
        if (i <= last) {
            bool required = t->members[i].required;
            lf__buf_puts(&t->out, required ? "\",\" space " : "(\",\" space ");
            write_member(t, n, i);
            lf__buf_printf(&t->out, "%sr%zu-o%zu", required ? "" : ")? ", t->at, i + 1);
        } else {
            lf__buf_puts(&t->out, "\"\" ");
            write_members(t, n, i);
        }
        lf__buf_puts(&t->out, "\n");
    }
    if (others && !t->failed) write_other(t, n, others);
    for (size_t i = 0; i < t->n_members; i++) free(t->members[i].pointer);
    t->n_members = 0;
}

/* ---- schemas ----------------------------------------------------------------------------------------------------------------- */

static void write_choice(translation *t, const node *n)
{
    const char *key = json_object_get(n->schema, "anyOf") ? "anyOf" : json_object_get(n->schema, "oneOf") ? "oneOf" : "allOf";
    const json_t *list = json_object_get(n->schema, key);
    size_t size = json_array_size(list);
    if (size == 0) fail(t, LF_E_FORMAT, n->pointer, "%s must be a list of schemas", key);
    for (size_t i = 0; i < size && !t->failed; i++)
        lf__buf_printf(&t->out, "%sr%zu ", i ? "| " : "", rule_of(t, json_array_get(list, i), n->types, below(t, n->pointer, key, (int)i)));
}

/* One alternative for each type; a type about which the schema says nothing is one of the common rules. */
static void write_types(translation *t, const node *n, unsigned groups)
{
    static const struct {
        unsigned types, groups;
        const char *rule;
        void (*write)(translation *t, const node *n), (*rest)(translation *t, const node *n);
    } kinds[] = {{OBJECTS, OBJECT | JOIN, "object ", write_object, write_object_rest},
                 {ARRAYS, ARRAY, "array ", write_array, write_array_rest},
                 {STRINGS, STRING, "string ", write_string, NULL},
                 {INTEGERS, 0, NULL, write_number, NULL},
                 {BOOLEANS, 0, "boolean ", NULL, NULL},
                 {NULLS, 0, "\"null\" ", NULL, NULL}};
    const char *bar = "";
    for (size_t i = 0; i < LF_COUNT(kinds) && !t->failed; i++) {
        if (!(n->types & kinds[i].types)) continue;
        lf__buf_puts(&t->out, bar), bar = "| ";
        if (!kinds[i].rule || (groups & kinds[i].groups))
            kinds[i].write(t, n);
        else
            lf__buf_puts(&t->out, kinds[i].rule);
    }
    lf__buf_puts(&t->out, "\n");
    for (size_t i = 0; i < LF_COUNT(kinds) && !t->failed; i++)
        if ((n->types & kinds[i].types) && (groups & kinds[i].groups) && kinds[i].rest) kinds[i].rest(t, n);
}

static void write_node(translation *t)
{
    node n = t->nodes[t->at]; /* a copy: the list grows */
    if (!json_is_object(n.schema) && !json_is_true(n.schema)) {
        bool none = json_is_false(n.schema);
        fail(t, LF_E_FORMAT, n.pointer, "%s", none ? "false: no value is allowed here" : "a schema must be an object or true");
        return;
    }
    unsigned groups = groups_of(t, n.schema, n.pointer), types = t->failed ? 0 : types_of(t, n.schema, groups, n.pointer);
    bool joined = (groups & JOIN) && ((groups & OBJECT) || json_array_size(json_object_get(n.schema, "allOf")) > 1);
    n.types &= joined ? types & OBJECTS : types;
    if (!n.types) fail(t, LF_E_FORMAT, n.pointer, "no value can be of all the types that are asked for");
    if (!t->failed && (groups & (REF | CHOICE | JOIN))) check_cycle(t, n.schema, n.pointer);
    if (t->failed) return;
    lf__buf_printf(&t->out, "r%zu ::= ", t->at);
    if (groups & REF) {
        const json_t *ref = json_object_get(n.schema, "$ref"), *target = resolve(t, ref, n.pointer);
        if (target) lf__buf_printf(&t->out, "r%zu\n", rule_of(t, target, n.types, lf__strdup(json_string_value(ref), t->err)));
    } else if (groups & VALUES) {
        write_values(t, &n);
        lf__buf_puts(&t->out, "\n");
    } else if ((groups & CHOICE) || ((groups & JOIN) && !joined)) {
        write_choice(t, &n);
        lf__buf_puts(&t->out, "\n");
    } else {
        write_types(t, &n, groups);
    }
}

/* The text in GBNF, or -1. */
static int translate(lf_buf *out, const json_t *root, const char *name, lf_error *err)
{
    translation t = {.root = root, .name = name, .err = err};
    lf__buf_init(&t.out, LF_SCHEMA_TEXT_MAX);
    lf__buf_puts(&t.out, common);
    lf__buf_puts(&t.out, "root ::= r0\n");
    rule_of(&t, root, ALL, lf__strdup("#", err));
    for (; t.at < t.n_nodes && !t.failed; t.at++) {
        write_node(&t);
        if (t.out.failed)
            fail(&t, LF_E_LIMIT, t.nodes[t.at].pointer, "the grammar of this schema has more than %d bytes", LF_SCHEMA_TEXT_MAX);
    }
    for (size_t i = 0; i < t.n_nodes; i++) free(t.nodes[i].pointer);
    for (size_t i = 0; i < t.n_members; i++) free(t.members[i].pointer);
    free(t.nodes), free(t.members);
    *out = t.out;
    return t.failed ? -1 : 0;
}

lf_grammar *lf_grammar_from_json_schema(const char *text, size_t n, const char *name, lf_error *err)
{
    if (n > LF_SCHEMA_TEXT_MAX) {
        lf_error_set(err, LF_E_LIMIT, "%s: a schema of %zu bytes; at most %d are read", name, n, LF_SCHEMA_TEXT_MAX);
        return NULL;
    }
    json_t *root = lf__json_parse(text, n, name, err);
    if (!root) return NULL;
    lf_buf gbnf;
    lf_grammar *g = NULL;
    lf_error why = {0};
    if (translate(&gbnf, root, name, err) == 0 && !(g = lf_grammar_parse(gbnf.data, gbnf.len, "as a grammar", &why)))
        lf_error_set(err, why.code == LF_E_MEMORY ? LF_E_MEMORY : LF_E_LIMIT, "%s: this schema is too large (%s)", name, why.message);
    lf__buf_release(&gbnf);
    json_decref(root);
    return g;
}

lf_grammar *lf_grammar_load_json_schema(const char *path, lf_error *err)
{
    lf_buf text;
    lf__buf_init(&text, LF_SCHEMA_TEXT_MAX);
    lf_grammar *g = lf__read_file(&text, path, LF_SCHEMA_TEXT_MAX, err)
                        ? NULL
                        : lf_grammar_from_json_schema(text.data ? text.data : "", text.len, path, err);
    lf__buf_release(&text);
    return g;
}
