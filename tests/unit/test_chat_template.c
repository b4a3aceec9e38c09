/* Chat templates: whose bytes are whose, limits, folders, what is wrong and where. What they print: tests/golden/test_chat_golden.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "formats/formats.h"
#include "foundry/chat.h"

#define HELLO "[{\"role\": \"user\", \"content\": \"Hi <|end|>\"}]"

static lf_error err;

/* Renders source with messages; the text (static), or NULL and err. */
static const char *render_with(const char *source, size_t n, const char *messages, lf_chat_request q, lf_chat_text *spans)
{
    static char text[1 << 16];
    lf_chat_text out = {0};
    err = (lf_error){0};
    lf_chat_template *t = lf_chat_template_parse(source, n, "t.jinja", &err);
    q.messages = messages, q.messages_size = strlen(messages);
    int rc = t ? lf_chat_render(&out, t, &q, &err) : -1;
    lf_chat_template_free(&t);
    if (rc) return assert_true(err.code != LF_OK && err.message[0]), NULL;
    assert_int_equal(out.text[out.size], 0);
    snprintf(text, sizeof text, "%s", out.text);
    if (spans)
        *spans = out;
    else
        lf_chat_text_release(&out);
    return text;
}
static const char *render(const char *source) { return render_with(source, strlen(source), HELLO, (lf_chat_request){0}, NULL); }

static void fails(const char *source, const char *sentence)
{
    const char *text = render(source);
    if (text) fail_msg("%s: printed \"%s\" instead of an error", source, text);
    if (!strstr(err.message, sentence)) fail_msg("%s: \"%s\" does not say \"%s\"", source, err.message, sentence);
}

/* The text with the user's bytes in brackets. */
static const char *marked(const char *source)
{
    static char out[4096];
    lf_chat_text t = {0};
    size_t at = 0;
    if (!render_with(source, strlen(source), HELLO, (lf_chat_request){0}, &t)) fail_msg("%s", err.message);
    for (size_t i = 0; i < t.n_spans; i++) {
        const char *brackets = t.spans[i].from_user ? "[]" : "";
        at += (size_t)snprintf(out + at, sizeof out - at, "%.1s%.*s%s", brackets, (int)(t.spans[i].end - t.spans[i].begin),
                               t.text + t.spans[i].begin, *brackets ? brackets + 1 : "");
    }
    lf_chat_text_release(&t);
    return out;
}

static void test_marks(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"<|a|>{{ messages[0].content }}<|end|>", "<|a|>[Hi <|end|>]<|end|>"},
        {"{{ '<' ~ messages[0].content|upper ~ '>' }}", "<[HI <|END|>]>"},
        {"{{ messages[0].content[::-1] }}.{{ messages[0].content[3:] }}", "[>|dne|< iH].[<|end|>]"},
        {"{{ messages[0].content|replace('Hi', 'Yo') }}", "Yo[ <|end|>]"},
        {"{{ messages[0].content.split('|')|join('+') }}", "[Hi <]+[end]+[>]"},
        {"{{ messages|tojson }}", "[{\"[role]\": \"[user]\", \"[content]\": \"[Hi <|end|>]\"}]"},
        {"{{ messages[0].content|tojson|from_json }}", "[Hi <|end|>]"},
        {"{{ [messages[0].content] }}", "['[Hi <|end|>]']"},
        {"{% set x %}({{ messages[0].content }}){% endset %}{{ x * 2 }}", "([Hi <|end|>])([Hi <|end|>])"},
        {"{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(messages[0].content) }}", "<[Hi <|end|>]>"},
        {"{% set ns = namespace(s='a') %}{% for i in [1, 2] %}{% set ns.s = ns.s ~ messages[0].role %}{% set ns.s = ns.s + 'b' %}{% endfor "
         "%}{{ ns.s }}",
         "a[user]b[user]b"},
        {"{{ '%s:%5s' % (messages[0].role, messages[0].role[:2]) }} {{ '{}!'.format(messages[0].role) }}", "[user]:   [us] [user]!"},
        {"{{ messages[0].content|indent(2, true) }}{{ messages[0].role|center(8) }}.", "  [Hi <|end|>]  [user]  ."},
        {"{{ messages[0].content|length }}{{ messages[0].role == 'user' }}", "10True"},
    };
    for (size_t i = 0; i < LF_COUNT(cases); i++) assert_string_equal(marked(cases[i][0]), cases[i][1]);
}

static void test_variables(void **state)
{
    (void)state;
    const lf_chat_variable vars[] = {{"think", "false"}, {"word", "\"w\""}, {"list", " [1, {\"a\": null}] "}};
    lf_chat_request q = {.variables = vars, .n_variables = 3, .add_generation_prompt = true};
    static const char source[] =
        "{{ think }} {{ word }} {{ list }} {{ add_generation_prompt }} {{ tools }} {{ documents is none }} {{ bos_token }}";
    assert_string_equal(render_with(source, strlen(source), HELLO, q, NULL), "False w [1, {'a': None}] True None True ");
    q.variables = (lf_chat_variable[]){{"think", "{"}}, q.n_variables = 1;
    assert_null(render_with(source, strlen(source), HELLO, q, NULL));
    assert_non_null(strstr(err.message, "think:1:2:"));
    q = (lf_chat_request){.date = "2025-01-02"};
    assert_string_equal(render_with("{{ strftime_now('%A %d %B %Y %H') }}", 36, HELLO, q, NULL), "Thursday 02 January 2025 00");
    q.date = "soon";
    assert_null(render_with("{{ strftime_now('%Y') }}", 24, HELLO, q, NULL));
}

static void test_mistakes(void **state)
{
    (void)state;
    fails("a\n  {{ 'x' | tojsn }}", "t.jinja:2:12: unknown filter \"tojsn\"; did you mean \"tojson\"?");
    fails("{{ 1 is strng }}", "t.jinja:1:9: unknown test \"strng\"; did you mean \"string\"?");
    fails("\xe5\xb1\xb1{% fro x in y %}", "t.jinja:1:5: unknown statement \"fro\"; did you mean \"for\"?");
    fails("{% include 'x' %}", "{% include %} is not supported in chat templates");
    fails("{% if 1 %}\n{% for x in y %}", "t.jinja:2:4: {% for %} has no {% endfor %}");
    fails("{% endif %}", "ends nothing that is open here");
    fails("{{ 1 + }}", "expected an expression, got \"}}\"");
    fails("{{ 'abc }}", "has no closing '");
    fails("{{ [1, 2) }}", "unexpected \")\", expected \"]\"");
    fails("{# x", "\"#}\" is missing");
    fails("{{ ; }}", "unexpected character \";\"");
    fails("{{ '\\N{DASH}' }}", "this escape in a string");
    fails("{{ 99999999999999999999 }}", "larger than 9223372036854775807");
    fails("{{ 9223372036854775807 + 1 }}", "does not fit into 64 bits");
    fails("{{ 2 ** 64 }}", "does not fit into 64 bits");
    fails("{{ -9223372036854775807 - 2 }}", "does not fit into 64 bits");
    fails("{{ 1 / 0 }}", "t.jinja:1:6: division by zero");
    fails("{{ nothing.at.all }}", "\"nothing\" is undefined");
    fails("{{ messages[0].name + 'x' }}", "\"name\" is not there");
    fails("{{ 1 + 'a' }}", "\"+\" is not possible between an int and a string");
    fails("{{ [].append(1) }}", "this would change a list");
    fails("{{ raise_exception('roles ' ~ 'must alternate') }}", "refuses this conversation: roles must alternate");
    fails("{% macro m(a) %}{% endmacro %}{{ m(b=1) }}", "this macro takes no argument \"b\"");
    fails("{{ 'x'|replace('a') }}", "replace: the argument \"new\" is missing");
    fails("{{ '{(((((((((((((((((((((((((((}'.format(1) }}", "format: no value for the field");
    fails("{{ [1]|map(attribute='((((((((((((((((((((((((((')|first + 1 }}", "is not there");
    fails("a\xff", "t.jinja:1:2: byte 0xff is not valid UTF-8");
}

/* Every one ends at a limit, in a tenth of the time that is allowed here. */
static void test_limits(void **state)
{
    (void)state;
    static const char *const endless[] = {
        "{% for i in range(100000) %}{% for i in range(90000) %}{% endfor %}{% endfor %}",
        "{% set r = range(100000) %}{% for i in r %}{% for i in r %}{{ '' }}{% endfor %}{% endfor %}",
        "{{ range(1000000000) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(n) %}{% for i in [1, 2] %}{{ m(n + 1) }}{% endfor %}{% endmacro %}{{ m(0) }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% set ns = namespace(s='ab') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|tojson }}",
        "{% set ns = namespace(s=[1], t=[1]) %}{% for i in range(100) %}{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% "
        "endfor %}{{ ns.s == ns.t }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(100000) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}",
        "{% for i in range(100000) %}{{ 'abcdefghij' * 10000 }}{% endfor %}",
        "{{ 'x' * 100000000000 }}",
        "{{ [0] * 100000000 }}",
        "{{ '%10000s%10000s' % (1, 2) * 1000 }}{{ 'a'|center(1000000000) }}",
        "{% set a = 'a' * 1000000 %}{% for i in range(100000) %}{{ a.count('aab') }}{% endfor %}",
        "{% set a = 'a' * 1000000 %}{% for i in range(100) %}{{ a.rfind('a' * 50000 ~ 'b' ~ 'a' * 100) }}{{ a.rfind('ab' ~ 'a' * 50000) "
        "}}{% endfor %}",
        "{% set a = 'a' * 100000 %}{{ a.replace('a', a) }}",
        "{% set a = '[' ~ '[],' * 1000000 ~ '1]' %}{{ a|from_json|length }}",
        "{% set l = range(100000)|list %}{% for i in l %}{% if -1 in l %}{% endif %}{% endfor %}",
        "{% set l = range(100000)|list %}{% for i in range(1000) %}{% if l|sort %}{% endif %}{% endfor %}",
        "{{ range(100000)|map('string')|unique|list|length }}",
    };
    for (size_t i = 0; i < LF_COUNT(endless); i++) {
        clock_t began = clock();
        if (render(endless[i])) fail_msg("%s ended", endless[i]);
        if (err.code != LF_E_LIMIT) fail_msg("%s: %s", endless[i], err.message);
        double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
        if (seconds > 5) fail_msg("%s took %.1f s", endless[i], seconds);
    }
    lf_chat_request q = {.limits = {.steps = 10}};
    assert_null(render_with("{{ 1 }}{{ 2 }}{{ 3 }}{{ 4 }}{{ 5 }}{{ 6 }}", 42, HELLO, q, NULL));
    assert_int_equal(err.code, LF_E_LIMIT);
    assert_true(err.hint[0] != 0);
    q.limits = (lf_chat_limits){.output = 3};
    assert_null(render_with("abcd", 4, HELLO, q, NULL));
    assert_string_equal(render_with("abc", 3, HELLO, q, NULL), "abc");
    q.limits = (lf_chat_limits){.memory = 4096};
    assert_null(render_with("{{ messages|list * 100 }}", 25, HELLO, q, NULL));
    assert_int_equal(err.code, LF_E_LIMIT);
}

static char *repeat(const char *a, int n, const char *middle, const char *b)
{
    char *out = calloc((strlen(a) + strlen(b)) * (size_t)n + strlen(middle) + 1, 1), *p = out;
    for (int i = 0; i < n; i++) p = stpcpy(p, a);
    p = stpcpy(p, middle);
    for (int i = 0; i < n; i++) p = stpcpy(p, b);
    return out;
}

/* Nesting and long chains, in 256 KiB of stack: either they work or a limit says no. */
static void *deep(void *arg)
{
    (void)arg;
    static const struct {
        const char *a, *middle, *b;
        int n;
        const char *text; /* NULL: a limit */
    } cases[] = {{"(", "1", ")", 20, "1"},           {"(", "1", ")", 5000, NULL},
                 {"[", "", "]", 5000, NULL},         {"{'a': ", "1", "}", 5000, NULL},
                 {"not ", "1", "", 5000, NULL},      {"- ", "1", "", 5000, NULL},
                 {"1 + ", "1", "", 300, "301"},      {"1 + ", "1", "", 5000, NULL},
                 {"", "1", "|string", 300, "1"},     {"", "1", "|string", 5000, NULL},
                 {"", "1", "[0]", 5000, NULL},       {"1 ~ ", "1", "", 50, "111111111111111111111111111111111111111111111111111"},
                 {"1 if 0 else ", "2", "", 40, "2"}, {"1 if 0 else ", "2", "", 5000, NULL}};
    for (size_t i = 0; i < LF_COUNT(cases); i++) {
        char *inner = repeat(cases[i].a, cases[i].n, cases[i].middle, cases[i].b), *source = repeat("{{ ", 1, inner, " }}");
        const char *text = render(source);
        if (!text != !cases[i].text || (text && strcmp(text, cases[i].text) != 0))
            fail_msg("%d times \"%s%s\": %s", cases[i].n, cases[i].a, cases[i].b, text ? text : err.message);
        if (!text) assert_int_equal(err.code, LF_E_LIMIT);
        free(inner), free(source);
    }
    char *blocks = repeat("{% if 1 %}", 5000, "x", "{% endif %}"), *loops = repeat("{% for i in [1] %}", 60, "x", "{% endfor %}");
    char *elifs = repeat("{% if 0 %}", 1, "", ""), *more = repeat("a{% elif 0 %}", 5000, "b{% else %}c{% endif %}", "");
    char *chain = repeat(elifs, 1, more, "");
    fails(blocks, "nest more than 100 levels deep");
    assert_string_equal(render(loops), "x");
    assert_string_equal(render(chain), "c");
    fails("{% macro m(n) %}{% for i in [n] %}{% if 1 %}{{ m(n + 1) ~ (1 + (2 + 3)) }}{% endif %}{% endfor %}{% endmacro %}{{ m(0) }}",
          "nest more than 400 levels deep");
    free(blocks), free(loops), free(elifs), free(more), free(chain);
    return NULL;
}

static void test_depth(void **state)
{
    (void)state;
    pthread_t thread;
    pthread_attr_t small;
    pthread_attr_init(&small);
#ifdef __SANITIZE_ADDRESS__
    pthread_attr_setstacksize(&small, 2 << 20); /* its frames are larger */
#else
    pthread_attr_setstacksize(&small, 256 << 10);
#endif
    assert_int_equal(pthread_create(&thread, &small, deep, NULL), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&small);
}

static void test_messages(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "messages:1:1: a value is missing"},
        {"{}", "messages: expected a list of messages, got a dict"},
        {"[1]", "messages: message 1: expected an object"},
        {"[{\"content\": \"x\"}]", "messages: message 1 has no \"role\""},
        {"[{\"role\": 5}]", "message 1 has no \"role\""},
        {"[{\"role\": \"user\"}", "']' is missing at the end"},
        {"[{\"role\": \"user\",}]", "messages:1:18: a comma with nothing behind it"},
        {"[\n {\"role\": user}]", "messages:2:11: expected a value of JSON"},
        {"[] []", "something stands behind the value"},
        {"[{\"role\": \"\xff\"}]", "byte 0xff is not valid UTF-8"},
        {"[{\"role\": \"\xed\xa0\x80\"}]", "not valid UTF-8"},
        {"[{\"role\": \"a\nb\"}]", "a control character in a string; it is written \\u000a"},
        {"[{\"role\": \"\\ud800\"}]", "not an escape of a character"},
        {"[{\"role\": \"\\x\"}]", "not an escape of a character"},
        {"[{\"role\": \"\\u12", "not an escape of a character"},
        {"[{\"role\": \"\\", "the string has no end"},
        {"[01]", "not a number of JSON"},
        {"[1.]", "not a number of JSON"},
        {"[99999999999999999999]", "does not fit into 64 bits"},
        {"[1e999]", "not a number that fits"},
        {"[nul]", "expected a value of JSON"},
        {"[1 2]", "expected ',' or ']'"},
    };
    for (size_t i = 0; i < LF_COUNT(bad); i++) {
        if (render_with("{{ messages }}", 14, bad[i][0], (lf_chat_request){0}, NULL)) fail_msg("%s was taken", bad[i][0]);
        if (!strstr(err.message, bad[i][1])) fail_msg("%s: \"%s\" does not say \"%s\"", bad[i][0], err.message, bad[i][1]);
    }
    char *nested = repeat("[", 10000, "", "]");
    assert_null(render_with("", 0, nested, (lf_chat_request){0}, NULL));
    assert_non_null(strstr(err.message, "nested more than 64 levels deep"));
    free(nested);
    const char *good = "[{\"role\": \"u\", \"n\": [-9223372036854775808, -0.5e1, 0, true, null], \"c\": \"\\ud83d\\ude00\\u0041\\/\", "
                       "\"c\": \"z\\u00001\"}]";
    lf_chat_text out = {0};
    static const char source[] = "{{ messages[0].n }}{{ messages[0].c|length }}{{ messages[0].c }}";
    if (!render_with(source, strlen(source), good, (lf_chat_request){0}, &out)) fail_msg("%s", err.message);
    assert_int_equal(out.size, strlen("[-9223372036854775808, -5.0, 0, True, None]3z.1"));
    assert_memory_equal(out.text,
                        "[-9223372036854775808, -5.0, 0, True, None]3z\0"
                        "1",
                        out.size);
    lf_chat_text_release(&out);
}

static void write_text(const char *dir, const char *name, const char *text)
{
    char path[LF_PATH_MAX];
    assert_int_equal(lf__path_join(path, dir, name, &err), 0);
    assert_int_equal(lf__write_file(path, text, strlen(text), &err), 0);
}

/* What the folder's template prints, or the sentence of the error. */
static const char *from_folder(const char *dir, const char *name, bool tools)
{
    static char text[2048];
    lf_chat_text out = {0};
    err = (lf_error){0};
    lf_chat_template *t = lf_chat_template_open(dir, name, &err);
    lf_chat_request q = {.messages = "[]", .messages_size = 2, .tools = tools ? "[]" : NULL, .tools_size = 2};
    if (t && lf_chat_render(&out, t, &q, &err) == 0) snprintf(text, sizeof text, "%s", out.text);
    if (err.code) snprintf(text, sizeof text, "%s", err.message);
    lf_chat_text_release(&out);
    lf_chat_template_free(&t);
    return text;
}

static void test_folders(void **state)
{
    (void)state;
    char dir[] = "/tmp/foundry-chat-XXXXXX", more[64];
    assert_non_null(mkdtemp(dir));
    snprintf(more, sizeof more, "%s/additional_chat_templates", dir);
    assert_non_null(strstr(from_folder(dir, NULL, false), "no chat template"));
    assert_int_equal(err.code, LF_E_NOT_FOUND);
    assert_non_null(strstr(from_folder("/nowhere/at/all", NULL, false), "no such folder"));
    write_text(dir, "tokenizer_config.json",
               "{\"bos_token\": {\"content\": \"<s>\"}, \"eos_token\": \"</s>\", \"chat_template\": \"{{ bos_token }}c{{ eos_token }}{{ "
               "pad_token }}\"}");
    assert_string_equal(from_folder(dir, NULL, false), "<s>c</s>");
    assert_non_null(strstr(from_folder(dir, "rag", false), "no chat template called \"rag\""));
    write_text(dir, "special_tokens_map.json", "{\"pad_token\": \"<pad>\", \"bos_token\": \"no\"}");
    assert_string_equal(from_folder(dir, NULL, true), "<s>c</s><pad>");
    write_text(dir, "tokenizer_config.json",
               "{\"chat_template\": [{\"name\": \"default\", \"template\": \"d\"}, {\"name\": \"tool_use\", \"template\": \"t\"}]}");
    assert_string_equal(from_folder(dir, NULL, false), "d");
    assert_string_equal(from_folder(dir, NULL, true), "t");
    assert_string_equal(from_folder(dir, "tool_use", false), "t");
    write_text(dir, "tokenizer_config.json", "{\"chat_template\": [{\"name\": \"default\"}]}");
    assert_non_null(strstr(from_folder(dir, NULL, false), "item 0: expected a \"name\" and a \"template\""));
    write_text(dir, "tokenizer_config.json", "{\"chat_template\": \"{{ x| }}\"}");
    assert_non_null(strstr(from_folder(dir, NULL, false), "tokenizer_config.json: chat_template:1:7: expected a name"));
    write_text(dir, "tokenizer_config.json", "{\"chat_template\": 5}");
    assert_non_null(strstr(from_folder(dir, NULL, false), "expected a text or a list of named texts"));
    write_text(dir, "tokenizer_config.json", "[]");
    assert_non_null(strstr(from_folder(dir, NULL, false), "tokenizer_config.json: expected an object"));
    write_text(dir, "tokenizer_config.json", "{\"chat_template\": \"config\", \"bos_token\": null}");
    write_text(dir, "chat_template.jinja", "file{{ bos_token }}\n");
    assert_string_equal(from_folder(dir, NULL, false), "fileno");
    assert_int_equal(lf__make_dirs(more, &err), 0);
    write_text(more, "rag.jinja", "r");
    assert_string_equal(from_folder(dir, "rag", false), "r");
    assert_non_null(strstr(from_folder(dir, "../rag", false), "no chat template called"));
    char *large = repeat("x", (1 << 20) + 1, "", "");
    write_text(dir, "chat_template.jinja", large);
    assert_non_null(strstr(from_folder(dir, NULL, false), "too large"));
    assert_int_equal(err.code, LF_E_LIMIT);
    assert_null(lf_chat_template_parse(large, strlen(large), "t", &err));
    free(large);
    lf__remove_tree(dir, &err);
}

static void write_gguf(const char *path, const char *template, int32_t bos)
{
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "x"};
    lf_gguf_meta m;
    lf__gguf_meta_init(&m);
    lf__gguf_put_texts(&m, "tokenizer.ggml.tokens", 4);
    for (int i = 0; i < 4; i++) lf__gguf_put_item(&m, tokens[i], strlen(tokens[i]));
    lf__gguf_put_i32(&m, "tokenizer.ggml.bos_token_id", bos);
    lf__gguf_put_u32(&m, "tokenizer.ggml.eos_token_id", 2);
    if (template) lf__gguf_put_text(&m, "tokenizer.chat_template", template, strlen(template));
    if (template) lf__gguf_put_text(&m, "tokenizer.chat_template.tool_use", "tools", 5);
    lf_writer *w = lf__gguf_begin(path, &m, NULL, 0, &err);
    assert_true(w && !lf__writer_commit(&w, &err));
    lf__gguf_meta_release(&m);
}

static void test_gguf(void **state)
{
    (void)state;
    char dir[] = "/tmp/foundry-chat-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/m.gguf", dir);
    write_gguf(path, "{{ bos_token }}{{ eos_token }}{{ unk_token }}", 1);
    assert_string_equal(from_folder(path, NULL, false), "<s></s>");
    assert_string_equal(from_folder(path, NULL, true), "tools");
    assert_string_equal(from_folder(path, "tool_use", false), "tools");
    assert_non_null(strstr(from_folder(path, "rag", false), "no chat template called \"rag\""));
    write_gguf(path, "{{ bos_token }}.{{ x|", 99); /* an id that no token has: the name stays undefined */
    assert_non_null(strstr(from_folder(path, NULL, false), "m.gguf: tokenizer.chat_template:1:22: expected a name"));
    write_gguf(path, NULL, 1);
    assert_non_null(strstr(from_folder(path, NULL, false), "no chat template"));
    write_text(dir, "n.gguf", "not a GGUF file at all");
    snprintf(path, sizeof path, "%s/n.gguf", dir);
    assert_non_null(strstr(from_folder(path, NULL, false), "n.gguf"));
    lf__remove_tree(dir, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_marks),   cmocka_unit_test(test_variables), cmocka_unit_test(test_mistakes),
                                       cmocka_unit_test(test_limits),  cmocka_unit_test(test_depth),     cmocka_unit_test(test_messages),
                                       cmocka_unit_test(test_folders), cmocka_unit_test(test_gguf)};
    return cmocka_run_group_tests_name("chat template", tests, NULL, NULL);
}
