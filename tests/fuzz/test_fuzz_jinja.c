/* test_fuzz_jinja.c - replays mutations of the golden templates and of a conversation through the fuzz entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "fuzz/fuzz_jinja.c"
#include "fuzz/mutate.h"

static void mutations(void **state)
{
    (void)state;
    json_t *cases = json_load_file(TESTS_DIR "/golden/data/chat/features.json", 0, NULL), *one;
    static const char *const formats[] = {"llama3", "qwen3", "mistral", "hermes", "deepseek"};
    static const char talk[] =
        "{{ messages|tojson(indent=1) }}\0[{\"role\": \"user\", \"content\": \"\\ud83d\\ude00 a\\u0000\\n\", \"x\": [-1, 2.5e3,"
        " true, null, {\"a\": {}, \"b\": []}]}, {\"role\": \"tool\"}]";
    size_t i;
    assert_non_null(cases);
    json_array_foreach(cases, i, one)
    {
        json_t *source = json_object_get(one, "template");
        mutate_run(LLVMFuzzerTestOneInput, json_string_value(source), json_string_length(source), 20);
    }
    json_decref(cases);
    for (i = 0; i < LF_COUNT(formats); i++) {
        char path[512];
        lf_buf text;
        snprintf(path, sizeof path, TESTS_DIR "/golden/data/chat/%s.jinja", formats[i]);
        lf__buf_init(&text, 1 << 20);
        assert_int_equal(lf__read_file(&text, path, 1 << 20, NULL), 0);
        mutate_run(LLVMFuzzerTestOneInput, text.data, text.len, 300);
        lf__buf_release(&text);
    }
    mutate_run(LLVMFuzzerTestOneInput, talk, sizeof talk - 1, 3000);
}

static void corpus(void **state)
{
    (void)state;
    mutate_corpus(LLVMFuzzerTestOneInput, "fuzz_jinja");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(mutations)};
    return cmocka_run_group_tests_name("fuzz_jinja", tests, NULL, NULL);
}
