/* json.c - jansson with the rules of the house: a size limit, duplicate keys rejected, at most 64 levels, errors that name
 * file:line:column. For our own structured files (tokenizer.json, shards.json, safetensors headers). The caller owns the result. */
#include "base/base.h"

#include <jansson.h>

enum { DEPTH_MAX = 64 };

/* Brackets outside strings, counted before the recursive parser sees them. */
static int check_depth(const char *text, size_t n, const char *name, lf_error *err)
{
    int depth = 0;
    bool string = false;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (string && c == '\\')
            i++;
        else if (c == '"')
            string = !string;
        else if (!string && (c == '{' || c == '[') && ++depth > DEPTH_MAX)
            return lf_error_set(err, LF_E_LIMIT, "%s: byte %zu: nested more than %d levels deep", name, i, DEPTH_MAX);
        else if (!string && (c == '}' || c == ']'))
            depth--;
    }
    return 0;
}

struct json_t *lf__json_parse(const char *text, size_t n, const char *name_for_errors, lf_error *err)
{
    json_error_t problem;
    if (n == 0) {
        lf_error_set(err, LF_E_FORMAT, "%s: empty, expected JSON", name_for_errors);
        return NULL;
    }
    if (check_depth(text, n, name_for_errors, err)) return NULL;
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &problem);
    if (!root) lf_error_set(err, LF_E_FORMAT, "%s:%d:%d: not valid JSON: %s", name_for_errors, problem.line, problem.column, problem.text);
    return root;
}

struct json_t *lf__json_load(const char *path, size_t max, lf_error *err)
{
    lf_buf text;
    lf__buf_init(&text, max);
    json_t *root = lf__read_file(&text, path, max, err) ? NULL : lf__json_parse(text.data ? text.data : "", text.len, path, err);
    lf__buf_release(&text);
    return root;
}
