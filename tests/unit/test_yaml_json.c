/* test_yaml_json.c - documents from outside: what they flatten to, and a table of those that must be refused with a place and a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/base.h"

/* "key=value@line;" per entry, quoted values in quotes, null as null */
static char *flatten(const char *text, char *out, size_t size, lf_error *err)
{
    lf_doc doc;
    if (lf__doc_parse(&doc, text, strlen(text), "t.yaml", err)) return NULL;
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < doc.n; i++) {
        const lf_doc_entry *e = &doc.entries[i];
        const char *q = e->quoted ? "'" : "";
        at += (size_t)snprintf(out + at, size - at, "%s=%s%s%s@%d;", e->key, q, e->is_null ? "null" : e->value, q, e->line);
    }
    lf__doc_release(&doc);
    return out;
}

static const struct {
    const char *text, *flat;
} good[] = {
    {"a: 1\nb:\n  c: x y # comment\n  d: 'q'\n", "a=1@1;b.c=x y@3;b.d='q'@4;"},
    {"{\"a\": {\"b\": [1, \"two\", null]}, \"c\": true}", "a.b.0=1@1;a.b.1='two'@1;a.b.2=null@1;c=true@1;"},
    {"a:\nb: ~\nc: null\nd: \"null\"\ne: ''\n", "a=null@1;b=null@2;c=null@3;d='null'@4;e=''@5;"},
    {"train.lr: 1\ntrain:\n  x: 2\n", "train.lr=1@1;train.x=2@3;"},
    {"a:\n- x\n- - y\n  - z\n- k: v\n", "a.0=x@2;a.1.0=y@3;a.1.1=z@4;a.2.k=v@5;"},
    {"名: 值\n", "名=值@1;"},
    {"", ""},
    {"# only a comment\n", ""},
    {"{}", ""},
    {"\xEF\xBB\xBF"
     "a: 1\n",
     "a=1@1;"},
};

static const struct {
    const char *text, *reason;
} bad[] = {
    {"a: 1\nb: 2\na: 3\n", "t.yaml:3: a: this key stands twice"},
    {"x:\n  a: 1\ny: 2\nx:\n  b: 1\n", "t.yaml:4: x: this key stands twice"},
    {"train.lr: 1\ntrain:\n  lr: 2\n", "t.yaml:3: train.lr: this key stands twice"},
    {"a: &n 1\nb: *n\n", "anchors"},
    {"b: *n\n", "t.yaml:1"},
    {"a: &m {b: 1}\n", "anchors"},
    {"a: !!int 3\n", "tags"},
    {"a: !x {b: 1}\n", "tags"},
    {"a: 1\n---\nb: 2\n", "second document"},
    {"- a\n- b\n", "got a list"},
    {"just words\n", "lone value"},
    {"a: 1\n b: 2\n", "t.yaml:2"},
    {"a: [1, 2\n", "not valid YAML"},
    {"a:\n\tb: 1\n", "t.yaml:2"},
    {"{\"a\": 1", "not valid YAML"},
    {"[a]: 1\n", "t.yaml:1"},
    {"? [a]\n: 1\n", "a key must be a name"},
    {"a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: 1}}}}}}}}}}}}}}}}}\n", "16 levels"},
    {"a: \xff\xfe\n", "not text"},
    {"a: \x01\n", "not text"},
    {"'': 1\n", "empty key"},
};

static void documents(void **state)
{
    (void)state;
    char out[1024];
    for (size_t i = 0; i < LF_COUNT(good); i++) {
        lf_error err = {0};
        if (!flatten(good[i].text, out, sizeof out, &err)) fail_msg("%s: %s", good[i].text, err.message);
        assert_string_equal(out, good[i].flat);
    }
    for (size_t i = 0; i < LF_COUNT(bad); i++) {
        lf_error err = {0};
        if (flatten(bad[i].text, out, sizeof out, &err)) fail_msg("accepted: %s", bad[i].text);
        if (!strstr(err.message, bad[i].reason)) fail_msg("got \"%s\", expected \"%s\"", err.message, bad[i].reason);
    }
}

static void limits(void **state)
{
    (void)state;
    size_t n = 3 << 20, at = 0;
    char *text = malloc(n);
    lf_doc doc;
    lf_error err = {0};
    memset(text, '[', n);
    assert_int_equal(lf__doc_parse(&doc, text, 1 << 19, "t", &err), -1);
    lf_error_reset(&err);
    memcpy(text, "a: ", 3);
    assert_int_equal(lf__doc_parse(&doc, text, 1 << 19, "t", &err), -1);
    assert_non_null(strstr(err.message, "16 levels"));
    lf_error_reset(&err);
    assert_int_equal(lf__doc_parse(&doc, text, n, "t", &err), -1);
    assert_non_null(strstr(err.message, "1 MiB"));
    lf_error_reset(&err);
    for (int i = 0; i < 5000; i++) at += (size_t)snprintf(text + at, n - at, "k%d: 1\n", i);
    assert_int_equal(lf__doc_parse(&doc, text, at, "t", &err), -1);
    assert_non_null(strstr(err.message, "more than 4,096"));
    lf_error_reset(&err);
    memset(text, 'k', 600);
    memcpy(text + 600, ": 1\n", 4);
    assert_int_equal(lf__doc_parse(&doc, text, 604, "t", &err), -1);
    assert_int_equal(doc.n, 0);
    lf_error_reset(&err);
    assert_int_equal(lf__doc_parse(&doc, "a: 1\0b", 6, "t", &err), -1); /* a NUL byte */
    free(text);
}

static void json(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
    } wrong[] = {{"", "empty"},
                 {"{\"a\":1,\"a\":2}", "duplicate"},
                 {"{\"a\":1", "t.json:1:"},
                 {"{\n\n\"a\" 1}", "t.json:3:"},
                 {"{\"a\":1} x", "not valid JSON"},
                 {"{\"a\":\"\xff\"}", "not valid JSON"},
                 {"{\"a\":123456789012345678901234567890}", "not valid JSON"},
                 {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "byte 64: nested more than 64"}};
    lf_error err = {0};
    json_t *root = lf__json_parse("{\"a\": [1, \"[[[[\\\"[\"], \"b\": 2.5}", 31, "t.json", &err);
    if (!root) fail_msg("%s", err.message);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(root, "a"), 0)), 1);
    json_decref(root);
    for (size_t i = 0; i < LF_COUNT(wrong); i++) {
        lf_error_reset(&err);
        assert_null(lf__json_parse(wrong[i].text, strlen(wrong[i].text), "t.json", &err));
        if (!strstr(err.message, wrong[i].reason)) fail_msg("got \"%s\", expected \"%s\"", err.message, wrong[i].reason);
    }
    lf_error_reset(&err);
    assert_null(lf__json_load("/nonexistent/x.json", 1000, &err));
    assert_int_equal(err.code, LF_E_NOT_FOUND);
    lf_error_reset(&err);
    assert_null(lf__json_load("/dev/zero", 1000, &err));
    lf_error_reset(&err);
    assert_null(lf__json_load("/tmp", 1000, &err));
    assert_non_null(strstr(err.message, "/tmp"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(documents), cmocka_unit_test(limits), cmocka_unit_test(json)};
    return cmocka_run_group_tests_name("yaml_json", tests, NULL, NULL);
}
