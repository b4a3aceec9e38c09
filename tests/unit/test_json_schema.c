/* JSON Schemas as grammars: for each keyword documents that get through and that do not, in three spellings; random texts of grammars are
 * held against a small validator; what is not supported, too large or without an end is refused with its place. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <string.h>
#include <stdio.h>

#include "unit/grammar_walk.h"

static lf_grammar *grammar_of(const char *schema)
{
    lf_error err = {0};
    lf_grammar *g = lf_grammar_from_json_schema(schema, strlen(schema), "s.json", &err);
    if (!g) fail_msg("%s\n%s", schema, err.message);
    return g;
}

static const struct {
    const char *schema, *good, *bad; /* lists of documents */
} cases[] = {
    {"{}", "[1, \"a\", null, true, [1, {\"a\": []}], {\"a\": -1.5e3}]", "[]"},
    {"{\"type\": [\"integer\", \"null\"]}", "[0, -5, 123, null]", "[1.5, \"a\", []]"},
    {"{\"type\": \"number\"}", "[0, -5.25]", "[null]"},
    {"{\"type\": \"string\"}", "[\"\", \"a\\\"b\\\\\\n\\u0001\", \"山水😀\"]", "[1, null]"},
    {"{\"minLength\": 2, \"maxLength\": 4}", "[\"ab\", \"山水\", \"😀😀😀\", \"\\n\\n\\n\\n\"]", "[\"\", \"a\", \"abcde\"]"},
    {"{\"enum\": [\"red\", 1, 1.5, null, {\"a\": [1, \"x\"]}]}", "[\"red\", 1, 1.5, null, {\"a\": [1, \"x\"]}]",
     "[\"re\", 2, {\"a\": []}]"},
    {"{\"type\": \"integer\", \"enum\": [\"red\", 1]}", "[1]", "[\"red\"]"},
    {"{\"const\": \"x\\\"y\"}", "[\"x\\\"y\"]", "[\"x\", null]"},
    {"{\"properties\": {\"a\": {\"type\": \"integer\"}, \"b\": {}}, \"required\": [\"a\"]}", "[{\"a\": 1}, {\"a\": 1, \"b\": [2]}]",
     "[{}, {\"b\": 1}, {\"b\": 1, \"a\": 1}, {\"a\": \"x\"}, {\"a\": 1, \"c\": 1}]"},
    {"{\"properties\": {\"a\": {\"type\": \"integer\"}, \"b\": {}, \"c\": {}}, \"required\": [\"c\", \"z\"]}",
     "[{\"c\": 1, \"z\": 2}, {\"b\": 1, \"c\": 1, \"z\": 2}, {\"a\": 1, \"b\": 1, \"c\": 1, \"z\": 2}]", "[{\"a\": 1}, {\"c\": 1}]"},
    {"{\"properties\": {\"a\": {\"type\": \"integer\"}, \"ab\": {}}, \"additionalProperties\": {\"type\": \"null\"}}",
     "[{}, {\"a\": 1}, {\"a\": 1, \"ab\": 1, \"abc\": null}, {\"b\": null, \"\": null}]", "[{\"a\": null}, {\"b\": 1}]"},
    {"{\"additionalProperties\": {\"type\": \"integer\"}}", "[{}, {\"a\\n\": 1, \"b\": 2}]", "[{\"a\": null}]"},
    {"{\"type\": \"object\", \"additionalProperties\": false}", "[{}]", "[{\"a\": 1}]"},
    {"{\"items\": {\"type\": \"integer\"}, \"minItems\": 2, \"maxItems\": 4}", "[[1, 2], [1, 2, 3, 4]]",
     "[[], [1], [1, 2, 3, 4, 5], [null, 1]]"},
    {"{\"prefixItems\": [{\"type\": \"integer\"}, {\"type\": \"null\"}, {}]}", "[[], [1], [1, null], [1, null, 2]]",
     "[[null], [1, null, 2, 3]]"},
    {"{\"prefixItems\": [{\"type\": \"integer\"}], \"items\": {\"type\": \"null\"}, \"minItems\": 2}", "[[1, null], [1, null, null]]",
     "[[1], [1, 1]]"},
    {"{\"maxItems\": 0}", "[[]]", "[[1]]"},
    {"{\"anyOf\": [{\"type\": \"integer\"}, {\"items\": {\"$ref\": \"#\"}}]}", "[1, [1, [2, [], 3]]]", "[\"a\", [null]]"},
    {"{\"oneOf\": [{\"const\": 1}, {\"type\": \"string\"}]}", "[1, \"a\"]", "[2]"},
    {"{\"allOf\": [{\"$ref\": \"#/$defs/a~1b\"}, {\"required\": [\"x\"]}], \"$defs\": {\"a/b\": {\"properties\": {\"x\": {}, \"y\": {}}}}}",
     "[{\"x\": 1}, {\"x\": 1, \"y\": 2}]", "[{}, {\"y\": 1}]"},
    {"{\"allOf\": [{\"type\": \"null\"}]}", "[null]", "[1]"},
    {"{\"type\": \"integer\", \"minimum\": -12, \"exclusiveMaximum\": 340}", "[-12, -9, 0, 7, 99, 100, 339]", "[-13, 340, 1000, 1.5]"},
    {"{\"type\": \"integer\", \"exclusiveMinimum\": 98}", "[99, 100, 123456]", "[98, 7, -99]"},
    {"{\"type\": \"number\", \"minimum\": 0, \"maximum\": 1}", "[0, 0.5, 1, 0.999, 1.0]", "[-0.5, 1.5, 2]"},
    {"{\"type\": \"number\", \"exclusiveMinimum\": 0.5, \"maximum\": 12.25}", "[0.75, 1, 9.5, 12.25, 12]", "[0.5, 0.25, 12.5, 13]"},
    {"{\"type\": \"string\", \"pattern\": \"^[a-c]{2,3}-\\\\d+$|x\"}", "[\"ab-1\", \"aaa-12\", \"zxz\"]", "[\"a-1\", \"ab-\", \"ab-1 \"]"},
    {"{\"format\": \"date\"}", "[\"2024-02-28\", \"1999-12-31\"]", "[\"2024-02-31\", \"2024-13-01\"]"},
    {"{\"format\": \"date-time\"}", "[\"2024-02-28T23:59:59.5Z\", \"2024-02-28T23:59:59+01:00\"]", "[\"2024-02-28\"]"},
    {"{\"format\": \"uuid\"}", "[\"123e4567-e89b-12d3-a456-426614174000\"]", "[\"123\"]"},
    {"{\"title\": \"T\", \"description\": \"\", \"default\": 3, \"examples\": [], \"$id\": \"x\", \"type\": \"null\"}", "[null]", "[3]"},
};

static void spellings(const lf_grammar *g, const char *schema, const char *documents, int want)
{
    static const size_t flags[] = {JSON_COMPACT, 0, JSON_INDENT(2), JSON_INDENT(8)};
    json_t *list = json_loads(documents, JSON_ALLOW_NUL, NULL), *document;
    size_t i;
    assert_non_null(list);
    json_array_foreach(list, i, document)
    {
        for (size_t f = 0; f < LF_COUNT(flags); f++) {
            char *text = json_dumps(document, flags[f] | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
            int got = lf_grammar_match(g, text, strlen(text), NULL);
            if ((got == 2) != want) fail_msg("%s\n%s: %d", schema, text, got);
            for (size_t n = 0; want && n <= strlen(text); n++) assert_true(lf_grammar_match(g, text, n, NULL) >= 1);
            free(text);
        }
    }
    json_decref(list);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < LF_COUNT(cases); i++) {
        lf_grammar *g = grammar_of(cases[i].schema);
        spellings(g, cases[i].schema, cases[i].good, true);
        spellings(g, cases[i].schema, cases[i].bad, false);
        lf_grammar_free(&g);
    }
    lf_grammar *g = grammar_of("{\"type\": \"object\"}");
    assert_int_equal(lf_grammar_match(g, "{ \"a\":  1}", 10, NULL), 0); /* one blank is enough */
    assert_int_equal(lf_grammar_match(g, "{\n\n", 3, NULL), 0);
    assert_int_equal(lf_grammar_match(g, "{} ", 3, NULL), 0);
    assert_int_equal(lf_grammar_match(g, "{\"\\ud800\"", 9, NULL), 0); /* half a pair is no character */
    assert_int_equal(lf_grammar_match(g, "{\"\\ud83d\\ude00\": 1}", 19, NULL), 2);
    lf_grammar_free(&g);
}

/* ---- random texts against a small validator ---------------------------------------------------------------------------------- */

static bool valid(const json_t *root, const json_t *schema, const json_t *x);

static bool is_type(const json_t *x, const char *name)
{
    static const char *const names[] = {"object", "array", "string", "integer", "number", "boolean", "boolean", "null"};
    return strcmp(names[json_typeof(x)], name) == 0 || (json_is_number(x) && strcmp(name, "number") == 0);
}

static bool valid_object(const json_t *root, const json_t *schema, const json_t *x)
{
    const json_t *properties = json_object_get(schema, "properties"), *others = json_object_get(schema, "additionalProperties"), *item;
    const char *key;
    json_t *value;
    size_t i;
    json_array_foreach(json_object_get(schema, "required"), i, item) if (!json_object_get(x, json_string_value(item))) return false;
    json_object_foreach((json_t *)(uintptr_t)x, key, value)
    {
        const json_t *own = json_object_get(properties, key);
        if (own ? !valid(root, own, value) : others && !valid(root, others, value)) return false;
    }
    return true;
}

static bool valid_array(const json_t *root, const json_t *schema, const json_t *x)
{
    const json_t *prefix = json_object_get(schema, "prefixItems"), *items = json_object_get(schema, "items"), *value;
    const json_t *least = json_object_get(schema, "minItems"), *most = json_object_get(schema, "maxItems");
    size_t i, n = json_array_size(x);
    if ((least && n < (size_t)json_integer_value(least)) || (most && n > (size_t)json_integer_value(most))) return false;
    json_array_foreach(x, i, value)
    {
        const json_t *own = i < json_array_size(prefix) ? json_array_get(prefix, i) : items;
        if (own && !valid(root, own, value)) return false;
    }
    return true;
}

static bool in_bounds(const json_t *schema, const json_t *x)
{
    const json_t *b;
    double v = json_number_value(x);
    if ((b = json_object_get(schema, "minimum")) && v < json_number_value(b)) return false;
    if ((b = json_object_get(schema, "maximum")) && v > json_number_value(b)) return false;
    if ((b = json_object_get(schema, "exclusiveMinimum")) && v <= json_number_value(b)) return false;
    return !((b = json_object_get(schema, "exclusiveMaximum")) && v >= json_number_value(b));
}

static size_t letters(const char *text)
{
    size_t n = 0;
    for (; *text; text++) n += (*text & 0xC0) != 0x80;
    return n;
}

static bool valid(const json_t *root, const json_t *schema, const json_t *x)
{
    const json_t *type = json_object_get(schema, "type"), *list, *one;
    bool ok = !type || json_is_array(type);
    size_t i;
    if (json_is_boolean(schema)) return json_is_true(schema);
    if ((one = json_object_get(schema, "$ref"))) { /* "#" or "#/$defs/name" */
        const char *name = strrchr(json_string_value(one), '/');
        return valid(root, name ? json_object_get(json_object_get(root, "$defs"), name + 1) : root, x);
    }
    if (json_is_string(type)) ok = is_type(x, json_string_value(type));
    if (json_is_array(type)) {
        ok = false;
        json_array_foreach(type, i, one) ok |= is_type(x, json_string_value(one));
    }
    if ((one = json_object_get(schema, "const"))) ok = ok && json_equal(one, x);
    if ((list = json_object_get(schema, "enum"))) {
        bool any = false;
        json_array_foreach(list, i, one) any |= json_equal(one, x);
        ok = ok && any;
    }
    if ((list = json_object_get(schema, "anyOf"))) {
        bool any = false;
        json_array_foreach(list, i, one) any |= valid(root, one, x);
        ok = ok && any;
    }
    json_array_foreach(json_object_get(schema, "allOf"), i, one) ok = ok && valid(root, one, x);
    if (json_is_number(x)) ok = ok && in_bounds(schema, x);
    if (json_is_object(x)) ok = ok && valid_object(root, schema, x);
    if (json_is_array(x)) ok = ok && valid_array(root, schema, x);
    if (json_is_string(x)) {
        const json_t *least = json_object_get(schema, "minLength"), *most = json_object_get(schema, "maxLength");
        size_t n = letters(json_string_value(x));
        ok = ok && !(least && n < (size_t)json_integer_value(least)) && !(most && n > (size_t)json_integer_value(most));
    }
    return ok;
}

static const char *const mixed[] = {
    "{\"type\": \"object\", \"properties\": {\"name\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 9}, \"age\": {\"type\": "
    "\"integer\", "
    "\"minimum\": 0, \"maximum\": 130}, \"tags\": {\"type\": \"array\", \"items\": {\"enum\": [\"a\", \"b\\\"\", 3]}, \"maxItems\": 4}, "
    "\"next\": "
    "{\"anyOf\": [{\"$ref\": \"#\"}, {\"type\": \"null\"}]}}, \"required\": [\"name\", \"next\"]}",
    "{\"$ref\": \"#/$defs/tree\", \"$defs\": {\"tree\": {\"type\": [\"object\", \"number\"], \"exclusiveMinimum\": -0.5, \"maximum\": "
    "1234.5, "
    "\"properties\": {\"left\": {\"$ref\": \"#/$defs/tree\"}, \"right\": {\"$ref\": \"#/$defs/tree\"}}, \"additionalProperties\": "
    "{\"type\": "
    "\"boolean\"}}}}",
    "{\"prefixItems\": [{\"type\": \"number\", \"minimum\": -10, \"exclusiveMaximum\": 10}, {\"const\": {\"k\": [1.5, \"é\"]}}, {}], "
    "\"items\": "
    "{\"allOf\": [{\"properties\": {\"a\": {\"type\": \"null\"}}}, {\"properties\": {\"b\": {\"type\": \"integer\", \"maximum\": -7}}, "
    "\"required\": "
    "[\"b\"]}]}, \"type\": \"array\", \"minItems\": 2, \"maxItems\": 6}",
    "{\"type\": \"object\", \"additionalProperties\": {\"type\": \"array\", \"items\": {\"type\": \"integer\", \"exclusiveMinimum\": 99, "
    "\"maximum\": "
    "100000}}, \"properties\": {\"ab\": true, \"abc\": {\"type\": \"null\"}, \"山\": {\"type\": \"null\"}, \"\": {\"type\": \"null\"}}}",
};

static void test_random(void **state)
{
    (void)state;
    static char text[1 << 14];
    int seen = 0;
    for (size_t i = 0; i < LF_COUNT(mixed); i++) {
        json_error_t why;
        json_t *schema = json_loads(mixed[i], 0, &why);
        if (!schema) fail_msg("%s", why.text);
        lf_grammar *g = grammar_of(mixed[i]);
        int32_t *cost = grammar_costs(g);
        lf_rng rng = lf__rng_make(5, i);
        for (int k = 0; k < 400; k++) {
            int n = grammar_walk(text, sizeof text, g, cost, &rng);
            if (n < 0) continue;
            assert_int_equal(lf_grammar_match(g, text, (size_t)n, NULL), 2);
            json_t *x = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
            if (!x && strstr(why.text, "NUL")) continue; /* in the name of a property: jansson takes none */
            if (!x) fail_msg("%s: %s", why.text, text);
            if (!valid(schema, schema, x)) fail_msg("%s\n%s", mixed[i], text);
            json_decref(x);
            seen++;
        }
        free(cost);
        lf_grammar_free(&g);
        json_decref(schema);
    }
    assert_true(seen > 1200);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------------------- */

static void refused(const char *schema, const char *words, lf_code code)
{
    lf_error err = {0};
    lf_grammar *g = lf_grammar_from_json_schema(schema, strlen(schema), "s.json", &err);
    if (g) fail_msg("%.200s was taken", schema);
    if (!strstr(err.message, words) && !strstr(err.hint, words))
        fail_msg("%.200s: \"%s\" (%s) does not say \"%s\"", schema, err.message, err.hint, words);
    if (code && err.code != code) fail_msg("%.200s: %s: code %d", schema, err.message, err.code);
    if (strncmp(err.message, "s.json:", 7) != 0) fail_msg("%s", err.message);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *words;
    } bad[] = {
        {"", "empty"},
        {"{\"a\"", "not valid JSON"},
        {"[]", "#: a schema must be an object"},
        {"{\"type\": \"integer\", \"multipleOf\": 2}", "#: the keyword \"multipleOf\" is not supported"},
        {"{\"properties\": {\"a/b\": {\"not\": {}}}}", "#/properties/a~1b: the keyword \"not\""},
        {"{\"prefixItems\": [{}, {\"requires\": 3}]}", "#/prefixItems/1: the keyword"},
        {"{\"items\": {\"requird\": []}}", "did you mean \"required\"?"},
        {"{\"zzzzzz\": 1}", "supported are type, properties, required"},
        {"{\"items\": {\"$id\": \"x\"}}", "$id is supported at the root alone"},
        {"{\"$ref\": \"#\"}", "refers to itself"},
        {"{\"$ref\": \"#/$defs/a\", \"$defs\": {\"a\": {\"oneOf\": [{\"allOf\": [{\"$ref\": \"#/$defs/a\"}]}, {}]}}}", "refers to itself"},
        {"{\"$ref\": \"#/$defs/a\"}", "points at nothing"},
        {"{\"$ref\": \"http://x\"}", "begins with #/"},
        {"{\"$ref\": 3}", "begins with #/"},
        {"{\"$ref\": \"#/a\", \"const\": 1}", "const beside $ref"},
        {"{\"properties\": {}, \"anyOf\": [{}]}", "properties beside anyOf"},
        {"{\"type\": \"strin\"}", "type must be"},
        {"{\"type\": []}", "type must be"},
        {"{\"type\": \"null\", \"anyOf\": [{\"type\": \"string\"}]}", "#/anyOf/0: no value can be of all the types"},
        {"{\"anyOf\": []}", "anyOf must be a list"},
        {"{\"allOf\": {}}", "allOf must be a list"},
        {"{\"allOf\": [{}, {\"type\": \"null\"}]}", "joins objects only"},
        {"{\"allOf\": [{\"properties\": {\"a\": {}}}, {\"properties\": {\"a\": true}}]}", "stands in two parts"},
        {"{\"allOf\": [{\"properties\": {}, \"additionalProperties\": false}, {}]}", "additionalProperties beside or inside allOf"},
        {"{\"properties\": []}", "properties must be"},
        {"{\"required\": [3]}", "required must be"},
        {"{\"required\": [\"a\"], \"additionalProperties\": false}", "not allowed, but listed or required"},
        {"{\"items\": []}", "items one schema"},
        {"{\"minItems\": 2, \"prefixItems\": [{}]}", "minItems 2 is above the 1"},
        {"{\"minItems\": -1}", "at least 0"},
        {"{\"maxLength\": 65537}", "at most 65536"},
        {"{\"minLength\": 3, \"maxLength\": 2}", "minLength 3 is above maxLength 2"},
        {"{\"pattern\": \"a\", \"format\": \"date\"}", "only one of pattern, format"},
        {"{\"format\": \"email\"}", "date, time, date-time and uuid are"},
        {"{\"pattern\": \"a(?=b)\"}", "byte 1: groups are ( ) and (?: )"},
        {"{\"pattern\": \"a^\"}", "byte 1: ^ and $"},
        {"{\"pattern\": \"*\"}", "nothing to repeat"},
        {"{\"pattern\": \"a{2\"}", "number of repetitions"},
        {"{\"pattern\": \"a**\"}", "put a group around it"},
        {"{\"pattern\": \"[z-a]\"}", "a range of this class is none"},
        {"{\"pattern\": \"[a\"}", "has no ]"},
        {"{\"pattern\": \"\\\\1\"}", "this escape is not supported"},
        {"{\"pattern\": \"(a\"}", "has no )"},
        {"{\"pattern\": \"a)\"}", "without its ("},
        {"{\"pattern\": \"[]\"}", "has no character"},
        {"{\"enum\": 3}", "enum must be a list"},
        {"{\"type\": \"null\", \"const\": 3}", "is of the type"},
        {"{\"minimum\": \"1\"}", "must be numbers"},
        {"{\"minimum\": 2, \"maximum\": 1}", "no number lies between"},
        {"{\"type\": \"integer\", \"minimum\": 0.2, \"maximum\": 0.8}", "no number lies between"},
        {"{\"minimum\": 1e18}", "18 digits"},
        {"{\"type\": \"integer\", \"exclusiveMinimum\": 999999999999999999}", "18 digits"},
        {"{\"items\": {\"items\": false, \"minItems\": 1}}", "#/items: minItems 1 is above the 0"},
        {"{\"properties\": {\"a\": false}}", "not allowed, but listed"},
        {"{\"maxItems\": 60000, \"items\": {\"maxLength\": 60000, \"minLength\": 60000}}", "too large"},
    };
    for (size_t i = 0; i < LF_COUNT(bad); i++) refused(bad[i].schema, bad[i].words, LF_OK);
    lf_buf b;
    lf__buf_init(&b, 4 << 20);
    lf__buf_puts(&b, "{\"properties\": {");
    for (int i = 0; i < 1001; i++) lf__buf_printf(&b, "%s\"p%d\": {\"const\": %d}", i ? ", " : "", i, i);
    lf__buf_puts(&b, "}}");
    refused(b.data, "more than 1000 properties", LF_E_LIMIT);
    lf__buf_reset(&b);
    lf__buf_puts(&b, "{\"anyOf\": [");
    for (int i = 0; i < 3001; i++) lf__buf_printf(&b, "%s{\"const\": %d}", i ? ", " : "", i);
    lf__buf_puts(&b, "]}");
    refused(b.data, "more than 3000 schemas", LF_E_LIMIT);
    lf__buf_reset(&b);
    for (int i = 0; i < 100; i++) lf__buf_puts(&b, "{\"items\": ");
    refused(b.data, "nested more than 64 levels deep", LF_E_LIMIT);
    lf__buf_reset(&b);
    lf__buf_puts(&b, "{\"properties\": {\"");
    for (int i = 0; i < 2000; i++) lf__buf_puts(&b, "k");
    lf__buf_puts(&b, "\": {\"not\": 1}}}");
    refused(b.data, "a place of more than 1024 bytes", LF_E_LIMIT);
    lf__buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_random), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests_name("json_schema", tests, NULL, NULL);
}
