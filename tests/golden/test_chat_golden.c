/* Chat templates against what Python's jinja2 makes of them (tests/peers/compare_jinja.py --update writes that): templates a line long for
 * every feature, and ten formats of the field with eight conversations. Where jinja2 raises, we fail with a sentence that says where. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "foundry/chat.h"

#define CHAT TESTS_DIR "/golden/data/chat/"

static json_t *load(const char *path)
{
    json_error_t why;
    json_t *doc = json_load_file(path, 0, &why);
    if (!doc) fail_msg("%s:%d: %s", path, why.line, why.text);
    return doc;
}

static int wrong;

static void check(const char *name, const char *source, size_t n, json_t *messages, json_t *tools, json_t *one)
{
    lf_error err = {0};
    json_t *expected = json_object_get(one, "expected"), *value;
    const char *key;
    char *texts[3] = {json_dumps(messages, 0), tools ? json_dumps(tools, 0) : NULL, NULL}, *values[8];
    lf_chat_variable vars[8];
    lf_chat_request q = {.messages = texts[0], .messages_size = strlen(texts[0]), .tools = texts[1], .variables = vars};
    q.tools_size = tools ? strlen(texts[1]) : 0;
    q.add_generation_prompt = json_is_true(json_object_get(one, "add_generation_prompt"));
    q.date = "2024-07-26T18:30:05";
    json_object_foreach(json_object_get(one, "variables"), key, value)
    {
        values[q.n_variables] = json_dumps(value, JSON_ENCODE_ANY);
        vars[q.n_variables] = (lf_chat_variable){key, values[q.n_variables]};
        q.n_variables++;
    }
    lf_chat_text out = {0};
    lf_chat_template *t = lf_chat_template_parse(source, n, "t.jinja", &err);
    int rc = t ? lf_chat_render(&out, t, &q, &err) : -1;
    if (json_is_string(expected) ? rc || out.size != json_string_length(expected) || memcmp(out.text, json_string_value(expected), out.size)
                                 : !rc || strncmp(err.message, "t.jinja:", 8) != 0) {
        printf("%s\n  expected: %s\n  got:      %s\n", name,
               json_is_string(expected) ? json_string_value(expected) : "an error at t.jinja:", rc ? err.message : out.text);
        wrong++;
    }
    size_t at = 0; /* spans cover the text and take turns */
    for (size_t i = 0; i < out.n_spans; at = out.spans[i++].end) {
        assert_int_equal(out.spans[i].begin, at);
        assert_true(out.spans[i].end > at && (i == 0 || out.spans[i].from_user != out.spans[i - 1].from_user));
    }
    assert_int_equal(at, out.size);
    lf_chat_text_release(&out);
    lf_chat_template_free(&t);
    free(texts[0]), free(texts[1]);
    for (int i = 0; i < q.n_variables; i++) free(values[i]);
}

static void test_features(void **state)
{
    (void)state;
    json_t *doc = load(CHAT "features.json"), *one;
    size_t i;
    wrong = 0;
    assert_true(json_array_size(doc) > 150);
    json_array_foreach(doc, i, one)
    {
        json_t *source = json_object_get(one, "template");
        check(json_string_value(source), json_string_value(source), json_string_length(source), json_object_get(one, "messages"), NULL,
              one);
    }
    json_decref(doc);
    assert_int_equal(wrong, 0);
}

static void test_formats(void **state)
{
    (void)state;
    json_t *doc = load(CHAT "formats.json"), *one;
    size_t i;
    wrong = 0;
    json_array_foreach(json_object_get(doc, "cases"), i, one)
    {
        char path[512], name[256];
        lf_buf source;
        lf_error err = {0};
        const char *format = json_string_value(json_object_get(one, "format"));
        const char *conversation = json_string_value(json_object_get(one, "conversation"));
        json_t *c = json_object_get(json_object_get(doc, "conversations"), conversation);
        snprintf(path, sizeof path, CHAT "%s.jinja", format);
        snprintf(name, sizeof name, "%s with %s", format, conversation);
        lf__buf_init(&source, 1 << 20);
        assert_int_equal(lf__read_file(&source, path, 1 << 20, &err), 0);
        check(name, source.data, source.len, json_object_get(c, "messages"), json_object_get(c, "tools"), one);
        lf__buf_release(&source);
    }
    assert_true(i >= 80);
    json_decref(doc);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_features), cmocka_unit_test(test_formats)};
    return cmocka_run_group_tests_name("chat golden", tests, NULL, NULL);
}
