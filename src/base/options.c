/* options.c - one declarative table, many readers: defaults, parsing with ranges, printing. Knows nothing of any particular option.
 * A table row says where its field lies in the caller's struct; fields are plain values, nothing here allocates.
 * Tables are constant; one struct must not be written by two threads. */
#include "base/base.h"

#include <math.h>
#include <string.h>

const lf_option *lf__option_find(const lf_option *table, const char *key)
{
    for (; table->key; table++)
        if (strcmp(table->key, key) == 0) return table;
    return NULL;
}

/* An unknown key: the nearest one of the table, if any is near. */
static int unknown(const lf_option *table, const char *key, const char *where, lf_error *err)
{
    const char *names[257] = {NULL};
    for (size_t n = 0; table->key && n < 256; table++) names[n++] = table->key;
    const char *near = lf__nearest(key, names);
    lf_error_set(err, LF_E_CONFIG, "%s: there is no option \"%.128s\"", where, key);
    if (near) return lf_error_hint(err, "did you mean %s?", near);
    return lf_error_hint(err, "foundry help options");
}

static int set_choice(const lf_option *row, char *field, const char *text, const char *what, lf_error *err)
{
    char choices[512];
    const char *names[33] = {NULL};
    size_t n = 0;
    snprintf(choices, sizeof choices, "%s", row->choices);
    for (char *p = choices; p && n < 32; n++) {
        names[n] = p;
        if ((p = strchr(p, '|'))) *p++ = '\0';
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], text) != 0) continue;
        snprintf(field, row->size, "%s", text);
        return 0;
    }
    lf_error_set(err, LF_E_ARGUMENT, "%s: expected one of %s, got \"%.64s\"", what, row->choices, text);
    const char *near = lf__nearest(text, names);
    return near ? lf_error_hint(err, "did you mean %s?", near) : -1;
}

static int set_text(const lf_option *row, char *field, const char *text, const char *what, lf_error *err)
{
    size_t n = strlen(text);
    if (n >= row->size) return lf_error_set(err, LF_E_LIMIT, "%s: %zu bytes are too many, at most %zu fit", what, n, row->size - 1);
    memset(field, 0, row->size); /* two equal configs are equal bytes */
    memcpy(field, text, n);
    return 0;
}

/* A whole number whose default is "auto": the field holds 0 for it, though 0 itself may be out of range. */
static bool is_auto(const lf_option *row) { return row->type == LF_OPT_INT && strcmp(row->fallback, "auto") == 0; }

/* Ranges are doubles in the table; from 2^63 on they mean "no bound". */
static int64_t bound(double x) { return x >= 9.2e18 ? INT64_MAX : x <= -9.2e18 ? INT64_MIN : (int64_t)x; }

int lf__option_set(const lf_option *table, void *target, const char *key, const char *text, const char *where, lf_error *err)
{
    const lf_option *row = lf__option_find(table, key);
    lf_error local = {0};
    char what[1024];
    if (!row) return unknown(table, key, where, err);
    char *field = (char *)target + row->offset;
    snprintf(what, sizeof what, "%.800s: %s", where, key);
    int rc = -1;
    switch (row->type) {
    case LF_OPT_INT: {
        int64_t v = 0;
        if (is_auto(row) && strcmp(text, "auto") == 0)
            rc = 0, memcpy(field, &v, sizeof v);
        else if ((rc = lf__parse_int(text, what, bound(row->lo), bound(row->hi), &v, &local)) == 0)
            memcpy(field, &v, sizeof v);
        break;
    }
    case LF_OPT_DOUBLE: {
        double v = 0;
        if ((rc = lf__parse_double(text, what, row->lo, row->hi, &v, &local)) == 0) memcpy(field, &v, sizeof v);
        break;
    }
    case LF_OPT_BOOL: {
        bool v = false;
        if ((rc = lf__parse_bool(text, what, &v, &local)) == 0) memcpy(field, &v, sizeof v);
        break;
    }
    case LF_OPT_CHOICE: rc = set_choice(row, field, text, what, &local); break;
    case LF_OPT_STRING:
    case LF_OPT_PATH: rc = set_text(row, field, text, what, &local); break;
    }
    if (rc == 0) return 0;
    /* A wrong value typed by the user is a usage error, one that stands in a file is a configuration that cannot be. */
    bool typed = strcmp(where, "command line") == 0 || strncmp(where, "environment", 11) == 0;
    lf_error_set(err, local.code == LF_E_ARGUMENT && !typed ? LF_E_CONFIG : local.code, "%s", local.message);
    if (local.hint[0]) return lf__error_hints(err, local.hint, local.hint_zh);
    char en[512], zh[512];
    snprintf(en, sizeof en, "%s: %s", key, row->help);
    snprintf(zh, sizeof zh, "%s：%s", key, row->help_zh);
    return lf__error_hints(err, en, zh);
}

char *lf__option_range(char out[128], const lf_option *row, bool zh)
{
    static const char *const words[][2] = {
        [LF_OPT_BOOL] = {"true or false", "true 或 false"}, [LF_OPT_STRING] = {"text", "文本"}, [LF_OPT_PATH] = {"path", "路径"}};
    char lo[32], hi[32];
    if (row->type == LF_OPT_CHOICE)
        snprintf(out, 128, "%s", row->choices);
    else if (row->type != LF_OPT_INT && row->type != LF_OPT_DOUBLE)
        snprintf(out, 128, "%s", words[row->type][zh]);
    else if (bound(row->hi) == INT64_MAX)
        snprintf(out, 128, zh ? "不小于 %s" : "%s or more", lf__human_number(lo, row->lo));
    else
        snprintf(out, 128, zh ? "%s 到 %s%s" : "%s to %s%s", lf__human_number(lo, row->lo), lf__human_number(hi, row->hi),
                 !is_auto(row) ? ""
                 : zh          ? " 或 auto"
                               : " or auto");
    return out;
}

/* The shortest decimal that reads back as the same double, as a person would write it: 10000, 0.001, 1e-5, 3e12. */
static void format_double(char *out, size_t size, double v)
{
    if (v > -1e9 && v < 1e9 && v == (double)(int64_t)v) {
        snprintf(out, size, "%lld", (long long)v);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        double back = 0;
        snprintf(out, size, "%.*g", digits, v);
        for (char *p = out; *p; p++)
            if (*p == ',') *p = '.'; /* whatever locale the program around us has set */
        if (lf__parse_double(out, "", -INFINITY, INFINITY, &back, NULL) == 0 && back == v) break;
    }
    char *e = strchr(out, 'e'); /* "1e-05", "1e+12" */
    if (!e) return;
    char *from = e + 1, *to = e + 1;
    if (*from == '-')
        from++, to++;
    else if (*from == '+')
        from++;
    while (*from == '0') from++;
    memmove(to, from, strlen(from) + 1);
}

char *lf__option_get(const lf_option *row, const void *target, char *out, size_t size)
{
    const char *field = (const char *)target + row->offset;
    switch (row->type) {
    case LF_OPT_INT: {
        int64_t v;
        memcpy(&v, field, sizeof v);
        if (v == 0 && is_auto(row))
            snprintf(out, size, "auto");
        else
            snprintf(out, size, "%lld", (long long)v);
        break;
    }
    case LF_OPT_DOUBLE: {
        double v;
        memcpy(&v, field, sizeof v);
        format_double(out, size, v);
        break;
    }
    case LF_OPT_BOOL: {
        bool v;
        memcpy(&v, field, sizeof v);
        snprintf(out, size, "%s", v ? "true" : "false");
        break;
    }
    case LF_OPT_STRING:
    case LF_OPT_PATH:
    case LF_OPT_CHOICE: snprintf(out, size, "%s", field); break;
    }
    return out;
}
