/* config_text.c - an lf_config as YAML that a person enjoys reading: sections, one line of help above each key, or the origin beside it.
 * What is written here reads back to the same config. */
#include "model/config_table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Plain YAML where that is safe, else a quoted string (JSON's quoting is YAML's). */
static void add_value(lf_buf *b, const lf_option *o, const char *value)
{
    bool text = o->type == LF_OPT_STRING || o->type == LF_OPT_PATH;
    bool plain = value[0] && (isalnum((unsigned char)value[0]) || strchr("./", value[0])) && strcasecmp(value, "null") != 0;
    for (const char *p = value; text && plain && *p; p++) plain = isalnum((unsigned char)*p) || strchr("._-/,+", *p);
    if (text && !plain)
        lf__buf_json_string(b, value, strlen(value));
    else
        lf__buf_puts(b, value);
}

/* The "section" of a key: "train" of "train.lr", "" of "threads" and "threads.pin". */
static size_t section_of(const char *key)
{
    const char *dot = strchr(key, '.');
    return dot && strncmp(key, "threads.", 8) != 0 ? (size_t)(dot - key) : 0;
}

static void add_section(lf_buf *b, const char *key, size_t n, bool zh)
{
    static const struct {
        const char *name, *en, *zh;
    } titles[] = {{"model", "the model's shape, under Hugging Face's names", "模型的形状，名称与 Hugging Face 相同"},
                  {"data", "what it learns from", "学习用的数据"},
                  {"train", "how it learns", "如何训练"},
                  {"run", "where the results go", "结果放在哪里"},
                  {"sampler", "how it talks", "如何生成文字"},
                  {"", "the machine", "机器"}};
    for (size_t i = 0; i < LF_COUNT(titles); i++) {
        if (strlen(titles[i].name) != n || strncmp(titles[i].name, key, n) != 0) continue;
        lf__buf_printf(b, "%s# ---- %s ----\n", b->len ? "\n" : "", zh ? titles[i].zh : titles[i].en);
    }
    if (n) lf__buf_printf(b, "%.*s:\n", (int)n, key);
}

char *lf_config_text(const lf_config *c, const char *language, bool origins, lf_error *err)
{
    bool zh = language && strcmp(language, "zh") == 0;
    lf_buf b;
    lf__buf_init(&b, 1 << 20);
    size_t section = (size_t)-1;
    for (const lf_option *o = lf__config_options; o->key; o++) {
        char value[LF_CONFIG_PATH_MAX];
        size_t n = section_of(o->key), indent = n ? 2 : 0;
        if (section == (size_t)-1 || n != section || (n && strncmp(o->key, o[-1].key, n + 1) != 0)) add_section(&b, o->key, n, zh);
        section = n;
        lf__option_get(o, c, value, sizeof value);
        size_t line = b.len;
        if (!origins) {
            lf__buf_printf(&b, "%*s# %s", (int)indent, "", zh ? o->help_zh : o->help);
            if (o->type == LF_OPT_CHOICE) lf__buf_printf(&b, " (%s)", o->choices);
            lf__buf_puts(&b, "\n");
        }
        lf__buf_printf(&b, "%*s%s: ", (int)indent, "", o->key + (n ? n + 1 : 0));
        add_value(&b, o, value);
        if (origins) lf__buf_printf(&b, "%*s  # %s", (int)LF_MAX(40 - (int64_t)(b.len - line), 0), "", c->origin[o - lf__config_options]);
        lf__buf_puts(&b, "\n");
    }
    if (b.failed) {
        lf_error_set(err, LF_E_MEMORY, "out of memory while writing a configuration");
        lf__buf_release(&b);
        return NULL;
    }
    return b.data;
}

int lf_config_save(const lf_config *c, const char *path, const char *language, lf_error *err)
{
    char *text = lf_config_text(c, language, false, err);
    int rc = text ? lf__write_file(path, text, strlen(text), err) : -1;
    free(text);
    return rc;
}
