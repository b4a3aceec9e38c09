/* component_cases.h - the documents of tests/golden/data/tokenizer_components.json: two small vocabularies that many cases share. */
#ifndef COMPONENT_CASES_H
#define COMPONENT_CASES_H

#include <jansson.h>

#include "unit/tokenizer_tests.h"

/* The whole tokenizer.json of one case; new reference. */
static inline json_t *case_document(const json_t *root, const json_t *c)
{
    static const char *const of_model[] = {"ignore_merges", "byte_fallback", "fuse_unk"};
    json_t *model = json_copy(json_object_get(json_object_get(root, "models"), json_string_value(json_object_get(c, "model"))));
    json_t *document = json_pack("{s:s, s:o}", "version", "1.0", "model", model), *value;
    const char *key;
    json_object_foreach(json_object_get(c, "fields"), key, value)
    {
        bool inside = false;
        for (size_t i = 0; i < LF_COUNT(of_model); i++) inside |= strcmp(of_model[i], key) == 0;
        json_object_set(inside ? model : document, key, value);
    }
    return document;
}

static inline json_t *load_cases(void)
{
    lf_error err = {0};
    json_t *root = lf__json_load(TESTS_DIR "/golden/data/tokenizer_components.json", 1 << 24, &err);
    if (!root) fail_msg("%s", err.message);
    return root;
}

#endif
