/* Grammars: what they match, byte by byte; what they refuse to be; masks against trying each token; texts drawn under a grammar of JSON
 * with random logits are JSON. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "infer/grammar.h"

static const char json_grammar[] =
    "root   ::= object\n"
    "value  ::= object | array | string | number | (\"true\" | \"false\" | \"null\") ws\n"
    "object ::= \"{\" ws ( string \":\" ws value (\",\" ws string \":\" ws value)* )? \"}\" ws # members\n"
    "array  ::= \"[\" ws ( value (\",\" ws value)* )? \"]\" ws\n"
    "string ::= \"\\\"\" ( [^\"\\\\\\x7F\\x00-\\x1F] | \"\\\\\" ([\"\\\\bfnrt] | \"u\" [0-9a-fA-F]{4}) )* \"\\\"\" ws\n"
    "number ::= (\"-\"? ([0-9] | [1-9] [0-9]{0,15})) (\".\" [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,1})? ws\n"
    "ws ::= | \" \" | \"\\n\" [ \\t]{0,20}\n";

static lf_grammar *parse(const char *text)
{
    lf_error err = {0};
    lf_grammar *g = lf_grammar_parse(text, strlen(text), "g.gbnf", &err);
    if (!g) fail_msg("%s", err.message);
    return g;
}

static void test_matches(void **state)
{
    (void)state;
    static const struct {
        const char *grammar, *whole, *begun, *no; /* texts divided by | */
    } cases[] = {
        {"root ::= \"abc\"", "abc", "|a|ab", "b|abcd|abd"},
        {"root ::= \"a\" | \"bc\" | \"\"", "|a|bc", "b", "c|ab"},
        {"root ::= [a-c0]* \"x\"", "x|abc0x|0x", "|a|abc", "d|xx"},
        {"root ::= (\"ab\")+ \"c\"?", "ab|abab|abc|ababc", "|a|aba", "c|abcc"},
        {"root ::= \"a\"{3}", "aaa", "|a|aa", "aaaa|b"},
        {"root ::= \"a\"{2,}", "aa|aaaaaa", "|a", "b"},
        {"root ::= \"a\"{1,3} \"b\"", "ab|aab|aaab", "|a|aaa", "b|aaaab"},
        {"root ::= \"a\"{0,2}", "|a|aa", "", "aaa"},
        {"root ::= \"a\"{0} \"b\"", "b", "", "a"},
        {"root ::= x \"-\" y\nx ::= [0-9] x | [0-9]\ny ::= \"(\" y \")\" | \"\"", "1-|123-|1-()|12-((()))", "|1|1-(|1-(()", "-|1-)|1-())"},
        {"root ::= [^a-z]", "A|0|é|山|😀", "", "a|z|AA"},
        {"root ::= [à-ü山-川]+ .", "éx|山山|ö😀", "|é", "a|xé"},
        {"root ::= . .", "ab|山川|a😀", "|a|山", "abc"},
        {"root ::= [\\x41-\\u00e9\\U0001F600] \"\\n\\t\\\"\"", "A\n\t\"|é\n\t\"|😀\n\t\"", "A|a\n", "1"},
        {"root ::= [\\]\\[^-]", "]|[|^|-", "", "a"},
        {"root ::= (\n  \"a\" |\n  \"b\" # or\n) \"c\"\n\n# end", "ac|bc", "a|b", "c"},
        {"root ::= (\"a\"*)* \"b\"", "b|ab|aaaab", "|a|aaa", "c"},
        {"root ::= x* \"b\"\nx ::= \"a\"?", "b|aab", "|aa", "c"},
        {"a-1_b ::= \"x\"\nroot ::= a-1_b", "x", "", "y"},
    };
    for (size_t i = 0; i < LF_COUNT(cases); i++) {
        lf_grammar *g = parse(cases[i].grammar);
        const char *texts[] = {cases[i].no, cases[i].begun, cases[i].whole};
        for (int want = 0; want < 3; want++) {
            char copy[256], *rest = copy;
            snprintf(copy, sizeof copy, "%s", texts[want]);
            if (want < 2 && !*copy && want != 1) continue;
            for (char *text; (text = strsep(&rest, "|"));) {
                if (want != 2 && !*text && !strchr(texts[want], '|')) continue; /* an empty list */
                int got = lf_grammar_match(g, text, strlen(text), NULL);
                if (got != want) fail_msg("%s\n\"%s\": %d, expected %d", cases[i].grammar, text, got, want);
            }
        }
        lf_grammar_free(&g);
    }
    lf_grammar *g = parse("root ::= .*");
    assert_int_equal(lf_grammar_match(g, "\xe5\xb1", 2, NULL), 1); /* a character that has begun */
    assert_int_equal(lf_grammar_match(g, "\xed\xa0\x80", 3, NULL), 0);
    assert_int_equal(lf_grammar_match(g, "a\0b", 3, NULL), 2);
    assert_int_equal(lf_grammar_match(g, "\xff", 1, NULL), 0);
    lf_grammar_free(&g);
}

/* Every class of characters, against asking each code point. */
static void test_classes(void **state)
{
    (void)state;
    static const struct {
        const char *class;
        int32_t r[6];
        bool negated;
    } cases[] = {{"[\\x7e-\\u0081]", {0x7e, 0x81, -1}, false},
                 {"[\\u07f0-\\u0811]", {0x7f0, 0x811, -1}, false},
                 {"[^\\u07f0-\\u0811]", {0x7f0, 0x811, -1}, true},
                 {"[\\ud7f0-\\ue010]", {0xd7f0, 0xe010, -1}, false},
                 {"[\\uff00-\\U00010fff]", {0xff00, 0x10fff, -1}, false},
                 {"[^\\x00-\\U0010fffe]", {0, 0x10fffe, -1}, true},
                 {"[a-fc-z\\U0001f5ff-\\U0001f700]", {'a', 'z', 0x1f5ff, 0x1f700, -1}, false},
                 {".", {-1}, true}};
    for (size_t i = 0; i < LF_COUNT(cases); i++) {
        char text[128];
        snprintf(text, sizeof text, "root ::= %s", cases[i].class);
        lf_grammar *g = parse(text);
        lf_grammar_run *run = lf__grammar_run_new(g, NULL);
        for (int32_t cp = 0; cp<0x110000; cp += cp> 0x20000 ? 61 : 1) {
            if (cp >= 0xD800 && cp < 0xE000) continue;
            char bytes[4];
            bool in = false;
            for (int k = 0; cases[i].r[k] >= 0; k += 2) in |= cp >= cases[i].r[k] && cp <= cases[i].r[k + 1];
            int n = lf__utf8_encode(bytes, cp);
            if (lf__grammar_run_fits(run, bytes, (size_t)n) != (in != cases[i].negated))
                fail_msg("%s: U+%04X", cases[i].class, (unsigned)cp);
        }
        lf__grammar_run_free(&run);
        lf_grammar_free(&g);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "g.gbnf:1:1: there is no rule root"},
        {"x ::= \"a\"", "there is no rule root"},
        {"root ::= x", "g.gbnf:1:10: rule x is not defined"},
        {"root ::= \"a\"\nroot ::= \"b\"", "g.gbnf:2:1: rule root is defined twice"},
        {"root ::= root \"a\" | \"b\"", "rule root begins with itself"},
        {"root ::= a\na ::= b \"x\"\nb ::= \"\" a", "begins with itself"},
        {"root ::= n* root \"a\"\nn ::= \"x\"?", "begins with itself"},
        {"root ::= \"abc", "g.gbnf:1:10: the text that begins here has no closing"},
        {"root ::= [abc", "has no ]"},
        {"root ::= [z-a]", "ends before it begins"},
        {"root ::= [^\\x00-\\U0010FFFF]", "has no characters"},
        {"root ::= []", "has no characters"},
        {"root ::= (\"a\"", "expected a )"},
        {"root ::= \"a\")", "unexpected \")\""},
        {"root := \"a\"", "expected ::="},
        {"::= \"a\"", "expected the name of a rule"},
        {"root ::= \"a\"{65537}", "more than 65536 repetitions"},
        {"root ::= \"a\"{3,2}", "at most 2 repetitions, but at least 3"},
        {"root ::= \"a\"{x}", "expected a number"},
        {"root ::= \"a\"{2", "expected }"},
        {"root ::= \"\\q\"", "not an escape"},
        {"root ::= \"\\u12\"", "not an escape"},
        {"root ::= \"\\ud800\"", "U+D800 is no character"},
        {"root ::= <[12]>", "not supported"},
        {"root ::= \"\xff\"", "not valid UTF-8"},
        {"root ::= (((\"a\"{2000}){2000}){2000}){2000}", "too large"},
    };
    for (size_t i = 0; i < LF_COUNT(bad); i++) {
        lf_error err = {0};
        lf_grammar *g = lf_grammar_parse(bad[i][0], strlen(bad[i][0]), "g.gbnf", &err);
        if (g) fail_msg("%s was taken", bad[i][0]);
        if (!strstr(err.message, bad[i][1])) fail_msg("%s: \"%s\" does not say \"%s\"", bad[i][0], err.message, bad[i][1]);
    }
    lf_error err = {0};
    char *deep = calloc(1 << 17, 1);
    strcpy(deep, "root ::= ");
    memset(deep + 9, '(', 100000);
    assert_null(lf_grammar_parse(deep, strlen(deep), "g", &err));
    assert_non_null(strstr(err.message, "groups nest more than 64 levels deep"));
    free(deep);
}

/* Grammars that are as ambiguous as can be, and endless nesting: slow or refused, never without end. */
static void test_hostile(void **state)
{
    (void)state;
    static char text[40000];
    static const char *const grammars[] = {"root ::= x\nx ::= \"a\" x \"a\" | \"a\" x | x2\nx2 ::= \"a\" x2 \"b\" | \"\"",
                                           "root ::= (\"a\"? \"a\"? \"a\"?)* \"b\"", "root ::= \"a\" root \"b\" | \"c\"",
                                           "root ::= ((((\"a\"*)*)*)*)* \"b\"", "root ::= \"a\" root | \"a\" root \"a\" | \"b\""};
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < LF_COUNT(grammars); i++) {
        lf_grammar *g = parse(grammars[i]);
        clock_t began = clock();
        lf_grammar_match(g, text, i == 2 || i == 1 || i == 3 ? sizeof text : 1000, NULL);
        if ((double)(clock() - began) / CLOCKS_PER_SEC > 10) fail_msg("%s takes too long", grammars[i]);
        lf_grammar_free(&g);
    }
}

static void test_json(void **state)
{
    (void)state;
    lf_grammar *g = parse(json_grammar);
    static const char *const good[] = {"{}", "{\"a\": [1, -2.5e+3, true, null], \"b\": {\"c\": \"\\u00e9\\n山\"}}", "{\"a\":[[[]]]}"};
    static const char *const bad[] = {"[", "{\"a\":}", "{\"a\": 01}", "{,}", "{\"a\": \"\n\"}", "{}}"};
    for (size_t i = 0; i < LF_COUNT(good); i++) assert_int_equal(lf_grammar_match(g, good[i], strlen(good[i]), NULL), 2);
    for (size_t i = 0; i < LF_COUNT(good); i++)
        for (size_t n = 0; n < strlen(good[i]); n++) assert_true(lf_grammar_match(g, good[i], n, NULL) >= 1);
    for (size_t i = 0; i < LF_COUNT(bad); i++) assert_int_equal(lf_grammar_match(g, bad[i], strlen(bad[i]), NULL), 0);
    lf_grammar_free(&g);
}

static lf_tokenizer *some_tokenizer(void)
{
    lf_error err = {0};
    char path[] = "/tmp/foundry-grammar-XXXXXX";
    FILE *f = fdopen(mkstemp(path), "w");
    for (int i = 0; i < 400; i++)
        fprintf(f, "{\"name\": \"x%d\", \"list\": [1, 2.5, true, null, {\"山水\": \"caf\xc3\xa9\\n\"}], \"n\": %d}\n", i, i * i);
    fclose(f);
    lf_tokenizer_train_options options = {.vocab_size = 420, .threads = 1};
    lf_tokenizer *t = lf_tokenizer_train((const char *[]){path}, 1, &options, &err);
    remove(path);
    if (!t) fail_msg("%s", err.message);
    return t;
}

static bool in_mask(const uint64_t *mask, int id) { return mask[id / 64] >> id % 64 & 1; }

static void test_draws(void **state)
{
    (void)state;
    lf_error err = {0};
    lf_tokenizer *t = some_tokenizer();
    lf_grammar *g = parse(json_grammar);
    int v = lf_tokenizer_size(t), whole = 0;
    int32_t end = lf_tokenizer_end(t);
    float *logits = calloc((size_t)v, sizeof *logits);
    int32_t *ids = calloc((size_t)v, sizeof *ids);
    double *p = calloc((size_t)v, sizeof *p);
    lf_grammar_vocab *vocab = lf__grammar_vocab_new(t, v, &err);
    for (uint64_t seed = 0; seed < 30; seed++) {
        lf_sample_config c = {.temperature = 1, .top_p = 1, .repetition_penalty = 1, .seed = (int64_t)seed};
        lf_sampler *s = lf_sampler_new(&c, v, &err);
        assert_int_equal(lf_sampler_set_grammar(s, g, t, &end, 1, &err), 0);
        lf_grammar_run *run = lf__grammar_run_new(g, &err);
        char text[8192];
        size_t n_text = 0;
        for (uint64_t i = 0; i < 600; i++) {
            for (int k = 0; k < v; k++) logits[k] = (float)lf__rng_normal_at(seed, i, (uint64_t)k) * 3;
            const char *close = strchr("}]\"", "}]\""[i % 3]);
            for (int k = 0; k < v; k++) { /* wishes to come to an end */
                size_t n;
                if (*lf_tokenizer_token(t, k, &n, NULL) == *close && n == 1) logits[k] += 6;
            }
            logits[end] += 8;
            if (i < 40) { /* masks say what trying says */
                const uint64_t *mask = lf__grammar_run_mask(run, vocab);
                assert_ptr_equal(mask, lf__grammar_run_mask(run, vocab)); /* kept */
                for (int k = 0; k < v; k++) {
                    size_t n;
                    bool special;
                    const char *bytes = lf_tokenizer_token(t, k, &n, &special);
                    if (in_mask(mask, k) != (!special && lf__grammar_run_fits(run, bytes, n)))
                        fail_msg("token %d after \"%.*s\"", k, (int)n_text, text);
                }
                int n = lf_sampler_distribution(s, logits, ids, p), count = 0;
                for (int k = 0; k < v; k++) count += in_mask(mask, k);
                assert_int_equal(n, count + lf__grammar_run_complete(run));
            }
            int32_t id = lf_sampler_draw(s, logits, i);
            assert_true(id >= 0);
            if (id == end) {
                text[n_text] = 0;
                json_error_t why;
                json_t *doc = json_loads(text, 0, &why);
                if (!doc && !strstr(why.text, "\\u")) fail_msg("%s: %s", why.text, text); /* \u of half a pair is the grammar's */
                json_decref(doc);
                whole++;
                break;
            }
            size_t n;
            const char *bytes = lf_tokenizer_token(t, id, &n, NULL);
            assert_true(lf__grammar_run_feed(run, bytes, n));
            lf_sampler_accept(s, id, false);
            assert_true(n_text + n < sizeof text);
            memcpy(text + n_text, bytes, n), n_text += n;
        }
        lf__grammar_run_free(&run);
        lf_sampler_free(&s);
    }
    assert_true(whole > 15);
    lf__grammar_vocab_free(&vocab);
    lf_grammar_free(&g);
    lf_tokenizer_free(&t);
    free(logits), free(ids), free(p);
}

/* More states than are kept, a grammar that counts: what was forgotten is found again, and nothing else fits because of it. */
static void test_forgetting(void **state)
{
    (void)state;
    enum { MOST = 9000 };
    lf_error err = {0};
    lf_tokenizer *t = some_tokenizer();
    int v = lf_tokenizer_size(t);
    lf_grammar *g = parse("root ::= ([a-c]{0,9000} | \"a\"{50} \"]\") \"x\"");
    lf_grammar_vocab *vocab = lf__grammar_vocab_new(t, v, &err), *other = lf__grammar_vocab_hold(vocab), *kept = vocab;
    lf_grammar_run *run = lf__grammar_run_new(g, &err);
    static char text[MOST];
    memset(text, 'a', sizeof text);
    for (int i = 0; i < MOST; i++) {
        assert_true(lf__grammar_run_fits(run, "x", 1));
        assert_int_equal(lf__grammar_run_fits(run, "]x", 2), i == 50);
        assert_true(lf__grammar_run_feed(run, text, 1));
        if (i % 1500 != 1 && i != MOST - 2 && i != 48) continue;
        lf_grammar_run *fresh = lf__grammar_run_new(g, &err);
        assert_true(lf__grammar_run_feed(fresh, text, (size_t)i + 1));
        const uint64_t *mask = lf__grammar_run_mask(run, vocab), *again = lf__grammar_run_mask(fresh, vocab);
        assert_memory_equal(mask, again, lf__mask_words(v) * sizeof *mask);
        for (int k = 0; k < v; k++) {
            size_t n;
            const char *bytes = lf_tokenizer_token(t, k, &n, NULL);
            assert_int_equal(in_mask(mask, k), n > 0 && lf__grammar_run_fits(fresh, bytes, n));
        }
        lf__grammar_run_free(&fresh);
    }
    assert_false(lf__grammar_run_feed(run, "a", 1));
    assert_true(lf__grammar_run_feed(run, "x", 1));
    assert_true(lf__grammar_run_complete(run));
    assert_int_equal(lf__grammar_vocab_keep(&kept, t, v, &err), 0);
    assert_ptr_equal(kept, vocab); /* the same tokens: kept */
    assert_int_equal(lf__grammar_vocab_keep(&kept, t, v - 1, &err), 0);
    assert_ptr_not_equal(kept, other);
    lf__grammar_run_free(&run);
    lf__grammar_vocab_free(&kept), lf__grammar_vocab_free(&other);
    lf_grammar_free(&g);
    lf_tokenizer_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forgetting), cmocka_unit_test(test_matches), cmocka_unit_test(test_classes),
                                       cmocka_unit_test(test_refusals),   cmocka_unit_test(test_hostile), cmocka_unit_test(test_json),
                                       cmocka_unit_test(test_draws)};
    return cmocka_run_group_tests_name("grammar", tests, NULL, NULL);
}
