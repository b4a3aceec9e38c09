/* learn_text.c - reads the exercises that are embedded in the command: facts by key and language, the learner's page, names. Everything is
 * borrowed from the tables but learn_page, which the caller frees. */
#include "cli/learn.h"

#include <stdlib.h>
#include <string.h>

static const char check_mark[] = "// ---- check ----\n";

int learn_count(void)
{
    int n = 0;
    while (learn_exercises[n].name) n++;
    return n;
}

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end ? end + 1 : line + strlen(line);
}

static bool field(char out[512], int exercise, const char *key, const char *language, int nth)
{
    char mark[64];
    const char *line = learn_exercises[exercise].text;
    for (; *line && *line != '\n'; line = next_line(line)) {
        int n = snprintf(mark, sizeof mark, "// %s.%s: ", key, language);
        if (strncmp(line, mark, (size_t)n) != 0) {
            n = snprintf(mark, sizeof mark, "// %s: ", key);
            if (strncmp(line, mark, (size_t)n) != 0) continue;
        }
        if (nth-- > 0) continue;
        int at = snprintf(out, 512, "%.*s", (int)strcspn(line + n, "\n"), line + n);
        for (line = next_line(line); strncmp(line, "//     ", 7) == 0 && at < 511; line = next_line(line))
            at += snprintf(out + at, 512 - (size_t)at, "%s%.*s", *language == 'z' ? "" : " ", (int)strcspn(line + 7, "\n"), line + 7);
        return true;
    }
    *out = 0;
    return false;
}

bool learn_field(char out[512], int exercise, const char *key, int nth) { return field(out, exercise, key, cli_language(), nth); }

char *learn_page(int exercise, const char *language)
{
    const char *text = learn_exercises[exercise].text, *begin = strstr(text, "\n\n") + 2, *end = strstr(text, check_mark);
    char title[512], *page = malloc((size_t)(end - begin) + sizeof title), *out = page;
    if (!page) return NULL;
    field(title, exercise, "title", language, 0);
    out += sprintf(out, "// %d. %s\n//\n", exercise + 1, title);
    for (const char *line = begin, *next; line < end; line = next) {
        next = next_line(line);
        size_t blanks = strspn(line, " "), n = (size_t)(next - line);
        const char *comment = line + blanks;
        bool en = strncmp(comment, "// en:", 6) == 0, zh = strncmp(comment, "// zh:", 6) == 0;
        if ((en || zh) && strncmp(comment + 3, language, 2) != 0) continue;
        if (!en && !zh) {
            memcpy(out, line, n), out += n;
            continue;
        }
        memcpy(out, line, blanks + 2), out += blanks + 2;
        memcpy(out, comment + 6, n - blanks - 6), out += n - blanks - 6;
    }
    while (out > page + 1 && out[-1] == '\n' && out[-2] == '\n') out--;
    *out = 0;
    return page;
}

const char *learn_check_part(int exercise) { return strstr(learn_exercises[exercise].text, check_mark) + sizeof check_mark - 1; }

int learn_find(const char *name, lf_error *err)
{
    const char *names[LEARN_MAX];
    int n = learn_count();
    char *end;
    long number = strtol(name, &end, 10);
    for (int i = 0; i < n; i++) {
        names[i] = strchr(learn_exercises[i].name, '_') + 1;
        if (strcmp(name, names[i]) == 0 || strcmp(name, learn_exercises[i].name) == 0) return i;
        if (end != name && !*end && number == strtol(learn_exercises[i].name, NULL, 10)) return i;
    }
    const char *near = cli_nearest(name, names, n);
    lf_error_set(err, LF_E_ARGUMENT, cli_say("there is no exercise \"%s\"", "没有练习 \"%s\""), name);
    if (near)
        lf_error_hint(err, "did you mean %s?", near);
    else
        lf_error_hint(err, "foundry learn list");
    return -1;
}
