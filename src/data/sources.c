/* sources.c - where text comes from: the files behind a path, the borders between documents of a .txt, the text of a .jsonl line.
 * Not the pipeline (prepare.c). Pure functions on memory the caller owns. */
#include "data/data.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

/* ---- files behind a path ---------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *ending)
{
    size_t n = strlen(name), k = strlen(ending);
    return n > k && strcmp(name + n - k, ending) == 0;
}

static bool is_text_name(const char *name) { return name[0] != '.' && (ends_with(name, ".txt") || ends_with(name, ".jsonl")); }

lf_source_kind lf__source_kind(const char *path) { return ends_with(path, ".jsonl") ? LF_SOURCE_JSONL : LF_SOURCE_TXT; }

void lf_data_text_files_free(char ***files, int n_files)
{
    for (int i = 0; *files && i < n_files; i++) free((*files)[i]);
    free(*files);
    *files = NULL;
}

int lf__text_files_add(char ***files, int *n_files, size_t *cap, const char *path, lf_error *err)
{
    char **names = NULL, full[LF_PATH_MAX];
    size_t n = 0;
    int before = *n_files, rc = 0;
    if (!lf__path_exists(path)) return lf_error_set(err, LF_E_NOT_FOUND, "%s: no such file or folder", path);
    bool folder = lf__path_is_dir(path);
    if (folder && lf__list_dir(path, &names, &n, err) != 0) return -1;
    for (size_t i = 0; i < (folder ? n : 1) && rc == 0; i++) {
        if (folder && !is_text_name(names[i])) continue;
        if (*n_files == INT32_MAX - 1) rc = lf_error_set(err, LF_E_LIMIT, "%s: too many files", path);
        if (rc == 0 && folder) rc = lf__path_join(full, path, names[i], err);
        if (rc == 0 && folder && lf__path_is_dir(full)) continue;
        if (rc == 0) rc = lf__grow(files, cap, (size_t)*n_files + 1, sizeof **files, err);
        if (rc == 0 && !((*files)[*n_files] = lf__strdup(folder ? full : path, err))) rc = -1;
        if (rc == 0) ++*n_files;
    }
    if (folder) lf__names_free(&names, n);
    if (rc == 0 && *n_files == before) rc = lf_error_set(err, LF_E_NOT_FOUND, "%s: a folder without .txt or .jsonl files", path);
    return rc;
}

int lf_data_text_files(char ***files, int *n_files, const char *path, lf_error *err)
{
    size_t cap = 0;
    *files = NULL, *n_files = 0;
    int rc = lf__text_files_add(files, n_files, &cap, path, err);
    if (rc != 0) lf_data_text_files_free(files, *n_files);
    return rc;
}

bool lf_data_is_text(const char *path)
{
    char **names = NULL;
    size_t n = 0;
    bool text = false, shards = false;
    if (!lf__path_is_dir(path)) return lf__path_exists(path) && !ends_with(path, ".bin");
    if (lf__list_dir(path, &names, &n, NULL) != 0) return false;
    for (size_t i = 0; i < n; i++) {
        text |= is_text_name(names[i]);
        shards |= strcmp(names[i], LF_SHARD_INDEX_NAME) == 0 || ends_with(names[i], ".bin");
    }
    lf__names_free(&names, n);
    return text && !shards;
}

/* ---- .txt: documents between separator lines ---------------------------------------------------------------------------------- */

/*   ...the end.\n<|endoftext|>\nOnce upon...
 *              ^start          ^end          the newline before belongs to the separator unless the search begins after it */
bool lf__separator_find(const char *text, size_t n, size_t from, size_t to, size_t *start, size_t *end)
{
    const size_t k = sizeof LF_END_TOKEN - 1;
    while (from + k <= to) {
        const char *hit = memmem(text + from, to - from, LF_END_TOKEN, k);
        if (!hit) return false;
        size_t p = (size_t)(hit - text);
        bool crlf = p + k < n && text[p + k] == '\r'; /* a file from Windows: \r\n before and after */
        size_t stop = p + k + crlf;
        if ((p == 0 || text[p - 1] == '\n') && (stop == n || text[stop] == '\n')) {
            *start = p > from ? p - 1 : p;
            if (crlf && *start > from && *start < p && text[*start - 1] == '\r') --*start;
            *end = LF_MIN(stop + 1, n);
            return true;
        }
        from = p + k;
    }
    return false;
}

/* ---- .jsonl: one object per line ------------------------------------------------------------------------------------------------ */

int lf__jsonl_text(const char **text, size_t *n_text, json_t **keep, const char *line, size_t n, const char *field, bool binary,
                   const char *name, uint64_t number, lf_error *err)
{
    json_error_t e;
    *keep = NULL, *text = NULL, *n_text = 0;
    while (n && memchr(" \t\r", line[n - 1], 3)) n--;
    if (!n) return 0;
    json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES | (binary ? JSON_ALLOW_NUL : 0), &e);
    if (!object) {
        lf_error_set(err, LF_E_FORMAT, "%s:%" PRIu64 ": not a JSON object: %s (column %d)", name, number, e.text, e.column);
        return lf_error_hint(err, "a .jsonl file has one object per line, such as {\"%s\": \"Once upon a time\"}", field);
    }
    const json_t *value = json_object_get(object, field);
    if (!json_is_string(value)) {
        lf_error_set(err, LF_E_FORMAT, "%s:%" PRIu64 ": expected an object with a string \"%s\"%s", name, number, field,
                     value ? ", found another type" : "");
        const char *key = json_object_iter_key(json_object_iter(object));
        if (!value && key) lf_error_hint(err, "another field holds the text? --field %s", key);
        json_decref(object);
        return -1;
    }
    *keep = object;
    *text = json_string_value(value);
    *n_text = json_string_length(value);
    return 0;
}
