/* yaml.c - a YAML (or JSON, its subset) document flattened to its scalars with their lines. Uses libyaml's event parser; no recursion,
 * no anchors, no tags: a configuration is a tree of names and values, nothing cleverer. Entries own their strings. */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { DEPTH_MAX = 16, ENTRIES_MAX = 4096, PATH_BYTES = 512, FILE_MAX = 1 << 20 };

/* One open mapping or list. `base` bytes of `path` lead to it. */
typedef struct level {
    size_t base;
    bool list;
    bool have_key; /* mapping: the key was read, its value comes next */
    int index;     /* list: of the next item */
} level;

typedef struct reader {
    lf_doc *doc;
    size_t cap;
    struct {
        char *path;
        size_t line;
    } * seen; /* every key path, sections too: duplicates are found here */
    size_t n_seen, cap_seen;
    const char *name;
    char path[PATH_BYTES];
    level levels[DEPTH_MAX];
    int depth;
    lf_error *err;
} reader;

static int bad(reader *r, size_t line, const char *what)
{
    return lf_error_set(r->err, LF_E_FORMAT, "%s:%zu: %s", r->name, line + 1, what);
}

/* Appends ".part" (or "part") to the path that leads to the innermost open level. */
static int extend(reader *r, const char *part, size_t n, size_t line)
{
    size_t at = r->depth ? r->levels[r->depth - 1].base : 0;
    if (at + n + 2 > sizeof r->path) return bad(r, line, "a key of more than 500 bytes");
    if (at) r->path[at++] = '.';
    memcpy(r->path + at, part, n);
    r->path[at + n] = '\0';
    return 0;
}

static int see(reader *r, size_t line)
{
    for (size_t i = 0; i < r->n_seen; i++)
        if (strcmp(r->seen[i].path, r->path) == 0)
            return lf_error_set(r->err, LF_E_FORMAT, "%s:%zu: %s: this key stands twice in the document, first on line %zu", r->name,
                                line + 1, r->path, r->seen[i].line + 1);
    if (r->n_seen == ENTRIES_MAX) return bad(r, line, "more than 4,096 keys");
    if (lf__grow(&r->seen, &r->cap_seen, r->n_seen + 1, sizeof *r->seen, r->err)) return -1;
    r->seen[r->n_seen].line = line;
    r->seen[r->n_seen].path = lf__strdup(r->path, r->err);
    return r->seen[r->n_seen++].path ? 0 : -1;
}

/* The path of the value that begins now, when it stands in a list. In a mapping the key has set it. */
static int enter_value(reader *r, size_t line)
{
    if (r->depth == 0 || !r->levels[r->depth - 1].list) return 0;
    char number[16];
    int n = snprintf(number, sizeof number, "%d", r->levels[r->depth - 1].index++);
    return extend(r, number, (size_t)n, line);
}

static int scalar(reader *r, const yaml_event_t *e)
{
    size_t line = e->start_mark.line, n = e->data.scalar.length;
    const char *text = (const char *)e->data.scalar.value;
    level *top = r->depth ? &r->levels[r->depth - 1] : NULL;
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (e->data.scalar.anchor) return bad(r, line, "anchors (&name) are not supported");
    if (e->data.scalar.tag) return bad(r, line, "tags (!name) are not supported");
    if (memchr(text, '\0', n)) return bad(r, line, "a NUL byte in a value");
    if (!top && n == 0 && plain) return 0; /* an empty document */
    if (!top) return bad(r, line, "expected \"key: value\" lines, got a lone value");
    if (!top->list && !top->have_key) {
        if (n == 0) return bad(r, line, "an empty key");
        top->have_key = true;
        return extend(r, text, n, line) || see(r, line) ? -1 : 0;
    }
    if (enter_value(r, line)) return -1;
    top->have_key = false;
    lf_doc *doc = r->doc;
    if (doc->n == ENTRIES_MAX) return bad(r, line, "more than 4,096 values");
    if (lf__grow(&doc->entries, &r->cap, doc->n + 1, sizeof *doc->entries, r->err)) return -1;
    lf_doc_entry *entry = &doc->entries[doc->n];
    *entry = (lf_doc_entry){.line = (int)line + 1, .quoted = !plain};
    entry->is_null =
        plain && (n == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0);
    entry->key = lf__strdup(r->path, r->err);
    entry->value = lf__strdup(text, r->err);
    doc->n++;
    return entry->key && entry->value ? 0 : -1;
}

static int open_level(reader *r, const yaml_event_t *e, bool list)
{
    size_t line = e->start_mark.line;
    level *top = r->depth ? &r->levels[r->depth - 1] : NULL;
    if (list ? e->data.sequence_start.anchor != NULL : e->data.mapping_start.anchor != NULL)
        return bad(r, line, "anchors (&name) are not supported");
    if (list ? e->data.sequence_start.tag != NULL : e->data.mapping_start.tag != NULL)
        return bad(r, line, "tags (!name) are not supported");
    if (!top && list) return bad(r, line, "expected \"key: value\" lines, got a list");
    if (top && !top->list && !top->have_key) return bad(r, line, "a key must be a name, not a list or mapping");
    if (r->depth == DEPTH_MAX) return bad(r, line, "nested more than 16 levels deep");
    if (enter_value(r, line)) return -1;
    if (top) top->have_key = false;
    r->levels[r->depth++] = (level){.base = top ? strlen(r->path) : 0, .list = list};
    return 0;
}

static int handle(reader *r, const yaml_event_t *e, int *documents)
{
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT: return ++*documents > 1 ? bad(r, e->start_mark.line, "a second document in the same file") : 0;
    case YAML_ALIAS_EVENT: return bad(r, e->start_mark.line, "aliases (*name) are not supported");
    case YAML_SCALAR_EVENT: return scalar(r, e);
    case YAML_SEQUENCE_START_EVENT: return open_level(r, e, true);
    case YAML_MAPPING_START_EVENT: return open_level(r, e, false);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: r->depth--; return 0;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT: return 0;
    }
    return 0;
}

static int syntax_error(reader *r, const yaml_parser_t *p)
{
    const char *problem = p->problem ? p->problem : "cannot be read";
    if (p->error == YAML_MEMORY_ERROR) return lf_error_set(r->err, LF_E_MEMORY, "%s: out of memory while reading", r->name);
    if (p->error == YAML_READER_ERROR)
        return lf_error_set(r->err, LF_E_FORMAT, "%s: byte %zu: not text: %s", r->name, p->problem_offset, problem);
    lf_error_set(r->err, LF_E_FORMAT, "%s:%zu:%zu: not valid YAML or JSON: %s%s%s", r->name, p->problem_mark.line + 1,
                 p->problem_mark.column + 1, problem, p->context ? " " : "", p->context ? p->context : "");
    return strstr(problem, "cannot start any token")
               ? lf_error_hint(r->err, "indent with spaces, not with tabs; quote a value that begins with a sign")
               : -1;
}

int lf__doc_parse(lf_doc *doc, const char *text, size_t n, const char *name_for_errors, lf_error *err)
{
    *doc = (lf_doc){0};
    reader r = {.doc = doc, .name = name_for_errors, .err = err};
    yaml_parser_t parser;
    if (n > FILE_MAX) return lf_error_set(err, LF_E_LIMIT, "%s: %zu bytes are too many for a configuration (at most 1 MiB)", r.name, n);
    if (!yaml_parser_initialize(&parser)) return lf_error_set(err, LF_E_MEMORY, "%s: out of memory while reading", r.name);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(n ? text : ""), n);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    int rc = 0, documents = 0;
    for (bool end = false; !end && rc == 0;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            rc = syntax_error(&r, &parser);
            break;
        }
        end = event.type == YAML_STREAM_END_EVENT;
        rc = handle(&r, &event, &documents);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    for (size_t i = 0; i < r.n_seen; i++) free(r.seen[i].path);
    free(r.seen);
    if (rc) lf__doc_release(doc);
    return rc ? -1 : 0;
}

int lf__doc_load(lf_doc *doc, const char *path, lf_error *err)
{
    lf_buf text;
    *doc = (lf_doc){0};
    lf__buf_init(&text, FILE_MAX);
    int rc = lf__read_file(&text, path, FILE_MAX, err);
    if (rc == 0) rc = lf__doc_parse(doc, text.data ? text.data : "", text.len, path, err);
    lf__buf_release(&text);
    return rc;
}

void lf__doc_release(lf_doc *doc)
{
    for (size_t i = 0; i < doc->n; i++) {
        free(doc->entries[i].key);
        free(doc->entries[i].value);
    }
    free(doc->entries);
    *doc = (lf_doc){0};
}
