/* test_tokenizer_golden.c - every component of tokenizer.json against the ids that Hugging Face's `tokenizers` gave for the same document
 * (tests/peers/make_tokenizer_golden.py): loaded, and once more after our own save. */
#include "unit/component_cases.h"

static void expect_ids(const lf_tokenizer *t, const char *name, const char *text, const json_t *wanted, bool specials)
{
    lf_error err = {0};
    size_t n = strlen(text), room = lf_tokenizer_bound(t, n);
    int32_t *ids = malloc((room + 1) * sizeof *ids);
    int64_t count = lf_tokenizer_encode(t, ids, room, text, n, specials, &err);
    if (count < 0) fail_msg("%s: %s", name, err.message);
    for (size_t i = 0; i < (size_t)count && i < json_array_size(wanted); i++)
        if (ids[i] != json_integer_value(json_array_get(wanted, i)))
            fail_msg("%s: id %zu is %d, not %lld", name, i, ids[i], (long long)json_integer_value(json_array_get(wanted, i)));
    if ((size_t)count != json_array_size(wanted)) fail_msg("%s: %lld ids, not %zu", name, (long long)count, json_array_size(wanted));
    free(ids);
}

static void expect_around(const lf_tokenizer *t, const char *name, const json_t *wanted)
{
    const int32_t *part[2];
    size_t n[2];
    lf_tokenizer_around(t, &part[0], &n[0], &part[1], &n[1]);
    if (n[0] + n[1] != json_array_size(wanted)) fail_msg("%s: %zu ids around a text, not %zu", name, n[0] + n[1], json_array_size(wanted));
    for (size_t i = 0; i < n[0] + n[1]; i++)
        assert_int_equal(i < n[0] ? part[0][i] : part[1][i - n[0]], json_integer_value(json_array_get(wanted, i)));
}

static void check(const json_t *root, const json_t *c)
{
    const char *name = json_string_value(json_object_get(c, "name")), *text = json_string_value(json_object_get(root, "text"));
    const json_t *special = json_object_get(c, "special");
    json_t *document = case_document(root, c);
    lf_error err = {0};
    assert_int_equal(json_dump_file(document, in_scratch("golden.json"), 0), 0);
    json_decref(document);
    lf_tokenizer *t = lf_tokenizer_load(in_scratch("golden.json"), &err);
    for (int again = 0; again < 2; again++) {
        if (!t && strstr(err.hint, "and build again")) {
            print_message("SKIPPED: %s: %s\n", name, err.message);
            return;
        }
        if (!t) fail_msg("%s: %s", name, err.message);
        expect_ids(t, name, text, json_object_get(c, "ids"), false);
        expect_ids(t, name, text, special ? special : json_object_get(c, "ids"), true);
        expect_around(t, name, json_object_get(c, "around"));
        if (lf_tokenizer_save(t, in_scratch("again"), &err)) fail_msg("%s: %s", name, err.message);
        char first[65];
        strcpy(first, lf_tokenizer_fingerprint(t));
        lf_tokenizer_free(&t);
        t = lf_tokenizer_load(in_scratch("again"), &err);
        if (t) assert_string_equal(lf_tokenizer_fingerprint(t), first);
    }
    lf_tokenizer_free(&t);
    lf__remove_tree(in_scratch("again"), NULL);
}

static void components(void **state)
{
    LF_UNUSED(state);
    json_t *root = load_cases();
    const json_t *cases = json_object_get(root, "cases");
    assert_true(json_array_size(cases) > 40);
    for (size_t i = 0; i < json_array_size(cases); i++) check(root, json_array_get(cases, i));
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(components)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
