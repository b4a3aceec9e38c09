/* cli_args.c - flags as data: one parser and one help printer for every command. A command hands over a cli_spec (a table of flags with
 * types, ranges and help in two languages) and gets its variables filled. Strings stay in argv. Not a general getopt: long flags with
 * two dashes, one-letter flags that are not bundled, "--" ends flags. One thread. */
#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- did you mean ------------------------------------------------------------------------------------------------------------ */
enum { NAME_MAX_BYTES = 64 };

/* Edits (insert, delete, replace, swap of neighbours) between two names. */
static int edits(const char *a, const char *b)
{
    int rows[3][NAME_MAX_BYTES + 1], na = (int)strlen(a), nb = (int)strlen(b);
    if (na > NAME_MAX_BYTES || nb > NAME_MAX_BYTES) return NAME_MAX_BYTES;
    for (int j = 0; j <= nb; j++) rows[0][j] = j;
    for (int i = 1; i <= na; i++) {
        int *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= nb; j++) {
            int best = up[j - 1] + (a[i - 1] != b[j - 1]);
            if (up[j] + 1 < best) best = up[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && up2[j - 2] + 1 < best) best = up2[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[na % 3][nb];
}

const char *cli_nearest(const char *word, const char *const *names, int n)
{
    const char *found = NULL;
    int best = NAME_MAX_BYTES;
    size_t len = strlen(word);
    for (int i = 0; i < n; i++) {
        int d = edits(word, names[i]);
        /* the beginning of a name, or a name's last part, is a good guess as well */
        const char *dot = strrchr(names[i], '.');
        if (len >= 3 && strncmp(names[i], word, len) == 0)
            d = 1;
        else if (dot && strncmp(word, "--", 2) == 0 && strcmp(dot + 1, word + 2) == 0)
            d = 1;
        if (d < best) best = d, found = names[i];
    }
    int limit = (int)len / 3 > 1 ? (int)len / 3 : 1;
    return best <= limit ? found : NULL;
}

/* ---- the option table as flags --------------------------------------------------------------------------------------------------- */
static bool find_option(const char *key, lf_option_info *info)
{
    for (size_t row = 0; lf_config_option(row, info); row++)
        if (strcmp(info->key, key) == 0) return true;
    return false;
}

/* "train.lr" -> "FOUNDRY_TRAIN_LR" */
static void environment_name(char out[96], const char *key)
{
    int n = snprintf(out, 96, "FOUNDRY_%s", key);
    for (int i = 0; i < n && i < 95; i++) out[i] = (char)(out[i] == '.' ? '_' : toupper((unsigned char)out[i]));
}

/* "command line: sampler.top_k: expected ..." -> "foundry generate: --top-k: expected ...", its hint likewise. Returns -1. */
static int in_words_typed(const cli_args *args, int i, lf_error *err)
{
    const char *key = args->set[i].key, *flag = args->set[i].flag;
    int n = (int)strcspn(flag, "=");
    char prefix[128];
    size_t skip = (size_t)snprintf(prefix, sizeof prefix, "command line: %s: ", key);
    lf_error raw = *err;
    if (strncmp(raw.message, prefix, skip) != 0) return -1;
    lf_error_reset(err);
    lf_error_set(err, raw.code, "foundry %s: %.*s: %s", args->spec->name, n, flag, raw.message + skip);
    bool keyed = strncmp(raw.hint, key, strlen(key)) == 0;
    size_t cut = keyed ? strlen(key) : 0;
    if (*raw.hint) lf_error_hint(err, "%.*s%s", keyed ? n : 0, flag, raw.hint + cut);
    if (*raw.hint_zh) snprintf(err->hint_zh, sizeof err->hint_zh, "%.*s%.400s", keyed ? n : 0, flag, raw.hint_zh + cut);
    return -1;
}

int cli_config_apply(lf_config *config, const cli_args *args, lf_error *err)
{
    lf_option_info info;
    for (size_t row = 0; lf_config_option(row, &info); row++) {
        char name[96], origin[128];
        environment_name(name, info.key);
        const char *value = getenv(name);
        if (!value || !*value) continue;
        snprintf(origin, sizeof origin, "environment %s", name);
        if (lf_config_set(config, info.key, value, origin, err)) return -1;
    }
    for (int i = 0; i < args->n_set; i++)
        if (lf_config_set(config, args->set[i].key, args->set[i].value, "command line", err)) return in_words_typed(args, i, err);
    return 0;
}

/* ---- values ------------------------------------------------------------------------------------------------------------------------ */
/* Whole text must be a number; k M G = powers of 1000, Ki Mi Gi = powers of 1024. Exact: 1.5k is 1,500, 1.0001k is refused. */
static bool parse_int(const char *text, double lo, double hi, int64_t *out)
{
    static const struct {
        const char *suffix;
        int64_t factor;
    } units[] = {{"", 1},      {"k", 1000},  {"K", 1000},     {"M", 1000000},    {"G", 1000000000},
                 {"Ki", 1024}, {"ki", 1024}, {"Mi", 1048576}, {"Gi", 1073741824}};
    char *end = NULL;
    errno = 0;
    if (!isdigit((unsigned char)text[0]) && text[0] != '-') return false;
    int64_t whole = strtoll(text, &end, 10);
    if (errno == 0 && *end == 0) {
        *out = whole;
        return (double)whole >= lo && (double)whole <= hi;
    }
    double value = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].suffix) != 0) continue;
        value *= (double)units[i].factor;
        if (!(fabs(value) <= 9007199254740992.0) || value != floor(value) || value < lo || value > hi) return false;
        *out = (int64_t)value;
        return true;
    }
    return false;
}

static bool parse_real(const char *text, double lo, double hi, double *out)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end || isspace((unsigned char)text[0]) || !(value >= lo && value <= hi)) return false;
    *out = value;
    return true;
}

static bool is_choice(const char *choices, const char *text)
{
    size_t n = strlen(text);
    for (const char *p = choices; p; p = strchr(p, '|'), p = p ? p + 1 : NULL)
        if (n && strncmp(p, text, n) == 0 && (p[n] == '|' || p[n] == 0)) return true;
    return false;
}

/* "en|zh|mix" -> "en, zh or mix" */
static void say_choices(char out[256], const char *choices)
{
    size_t at = 0;
    for (const char *p = choices; *p && at < 240; p++) {
        if (*p != '|')
            out[at++] = *p;
        else
            at += (size_t)snprintf(out + at, 256 - at, "%s", strchr(p + 1, '|') ? ", " : " or ");
    }
    out[at] = 0;
}

static void say_number(char out[32], double v, bool whole)
{
    if (whole || (v == floor(v) && fabs(v) >= 1000))
        cli_human_count(out, v);
    else
        snprintf(out, 32, "%g", v);
}

/* ---- help ---------------------------------------------------------------------------------------------------------------------------- */
static void heading(FILE *f, const char *text) { fprintf(f, "\n%s%s%s\n", cli_color(f, CLI_BOLD), text, cli_color(f, CLI_PLAIN)); }

static void print_lines(FILE *f, const char *lines)
{
    for (const char *p = lines; *p;) {
        size_t n = strcspn(p, "\n");
        fprintf(f, "  %.*s\n", (int)n, p);
        p += n + (p[n] == '\n');
    }
}

/* A usage line with its "[flags]" and "[arguments]" in the language of the terminal: out, which the caller owns. */
static const char *say_usage(char out[512], const char *usage)
{
    static const struct {
        const char *en, *zh;
    } words[] = {{"[flags]", "[选项]"}, {"[arguments]", "[参数]"}};
    size_t at = 0;
    for (const char *p = usage ? usage : ""; *p && at < 500;) {
        const char *zh = NULL;
        size_t n = 1;
        for (size_t i = 0; i < sizeof words / sizeof *words && cli_language()[0] == 'z' && !zh; i++)
            if (strncmp(p, words[i].en, strlen(words[i].en)) == 0) zh = words[i].zh, n = strlen(words[i].en);
        at += (size_t)snprintf(out + at, 512 - at, "%.*s", zh ? (int)strlen(zh) : 1, zh ? zh : p);
        p += n;
    }
    out[at] = 0;
    return out;
}

/* "--max-tokens N" as help shows it. */
static void flag_label(char out[128], const cli_flag *flag)
{
    static const char *const metas[] = {"", "N", "X", "TEXT", "TEXT", NULL, "VALUE"};
    const char *meta = flag->meta ? flag->meta : flag->type == CLI_CHOICE ? flag->choices : metas[flag->type];
    char letter[8] = "    ";
    if (flag->letter) snprintf(letter, sizeof letter, "-%c, ", flag->letter);
    snprintf(out, 128, "  %s%s%s%s", letter, flag->name, *meta ? " " : "", meta);
}

/* Help and default of one flag. */
static void flag_help(char out[512], const cli_flag *flag)
{
    lf_option_info info;
    const char *help = cli_say(flag->help, flag->help_zh);
    char fallback[128] = "", number[32];
    if (flag->type == CLI_OPTION && find_option(flag->choices, &info)) {
        if (!flag->help) help = cli_say(info.help, info.help_zh);
        snprintf(fallback, sizeof fallback, "%s", info.fallback);
    } else if (flag->type == CLI_INT && *(int64_t *)flag->value >= (int64_t)flag->lo)
        snprintf(fallback, sizeof fallback, "%s", cli_human_count(number, (double)*(int64_t *)flag->value));
    else if (flag->type == CLI_REAL && !isnan(*(double *)flag->value))
        snprintf(fallback, sizeof fallback, "%g", *(double *)flag->value);
    else if (flag->type == CLI_TEXTS && ((cli_texts *)flag->value)->n)
        snprintf(fallback, sizeof fallback, "%s", ((cli_texts *)flag->value)->v[0]);
    else if ((flag->type == CLI_TEXT || flag->type == CLI_CHOICE) && *(const char **)flag->value)
        snprintf(fallback, sizeof fallback, "%s", *(const char **)flag->value);
    snprintf(out, 512, "%s%s%s%s", help ? help : "", *fallback ? cli_say(" (default ", "（默认 ") : "", fallback,
             *fallback ? cli_say(")", "）") : "");
}

void cli_print_help(FILE *f, const cli_spec *spec)
{
    fprintf(f, "%sfoundry%s%s%s - %s\n", cli_color(f, CLI_BOLD), spec->name && *spec->name ? " " : "", spec->name ? spec->name : "",
            cli_color(f, CLI_PLAIN), cli_say(spec->summary, spec->summary_zh));
    if (spec->example) heading(f, cli_say("Example", "示例")), print_lines(f, spec->example);
    char usage[512];
    if (spec->usage) heading(f, cli_say("Usage", "用法")), print_lines(f, say_usage(usage, spec->usage));
    if (spec->flags && spec->flags->name) {
        int width = 0;
        char label[128], help[512];
        for (const cli_flag *flag = spec->flags; flag->name; flag++) {
            flag_label(label, flag);
            if (cli_columns(label) > width && cli_columns(label) <= 34) width = cli_columns(label);
        }
        heading(f, cli_say("Flags", "选项"));
        for (const cli_flag *flag = spec->flags; flag->name; flag++) {
            flag_label(label, flag), flag_help(help, flag);
            cli_pad(f, label, width);
            if (cli_columns(label) > width) fprintf(f, "\n%*s", width, "");
            fputs("  ", f);
            cli_wrap(f, help, width + 2, width + 2);
        }
    }
    if (spec->config_keys) {
        fputc('\n', f);
        cli_wrap(f,
                 cli_say("Every option of the configuration is a flag too, as in --train.lr 3e-4: `foundry help options` lists them.",
                         "配置里的每个选项也都是命令行选项，例如 --train.lr 3e-4；用 `foundry help options` 列出全部选项。"),
                 0, 0);
    }
    if (spec->notes) fputc('\n', f), cli_wrap(f, cli_say(spec->notes, spec->notes_zh), 0, 0);
}

/* ---- parsing ------------------------------------------------------------------------------------------------------------------------- */
static bool fail(const cli_spec *spec, cli_args *args, const char *hint, const char *format, ...) LF_PRINTF(4, 5);
static bool fail(const cli_spec *spec, cli_args *args, const char *hint, const char *format, ...)
{
    char message[1024], help[128];
    va_list list;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    snprintf(help, sizeof help, "foundry %s --help", spec->name);
    args->exit = cli_usage_error(hint ? hint : help, "foundry %s: %s", spec->name, message);
    return false;
}

static bool unknown_flag(const cli_spec *spec, cli_args *args, const char *flag)
{
    const char *names[256];
    char keys[96][64];
    int n = 0;
    lf_option_info info;
    for (const cli_flag *f = spec->flags; f && f->name && n < 128; f++) names[n++] = f->name;
    for (size_t row = 0; spec->config_keys && row < 96 && lf_config_option(row, &info); row++) {
        snprintf(keys[row], sizeof keys[row], "--%.60s", info.key);
        names[n++] = keys[row];
    }
    names[n++] = "--help";
    const char *near = cli_nearest(flag, names, n);
    char hint[128];
    if (near) snprintf(hint, sizeof hint, cli_say("did you mean %s?", "是不是想用 %s？"), near);
    return fail(spec, args, near ? hint : NULL, cli_say("there is no flag %s", "没有选项 %s"), flag);
}

bool cli_given(const cli_args *args, const char *name)
{
    for (const cli_flag *f = args->spec->flags; f && f->name; f++)
        if (strcmp(f->name, name) == 0) return args->given >> (f - args->spec->flags) & 1;
    return false;
}

/* Its value into the flag's variable, or onto the list of options. */
static bool fill_flag(const cli_spec *spec, cli_args *args, const cli_flag *flag, const char *text)
{
    char lo[32], hi[32], choices[256];
    bool whole = flag->type == CLI_INT;
    switch (flag->type) {
    case CLI_SWITCH: *(bool *)flag->value = true; return true;
    case CLI_TEXT: *(const char **)flag->value = text; return true;
    case CLI_TEXTS: {
        cli_texts *texts = flag->value;
        if (!cli_given(args, flag->name)) texts->n = 0;
        if (texts->n == 64) return fail(spec, args, NULL, cli_say("%s was given more than 64 times", "%s 出现了 64 次以上"), flag->name);
        texts->v[texts->n++] = text;
        return true;
    }
    case CLI_INT:
    case CLI_REAL:
        if (whole ? parse_int(text, flag->lo, flag->hi, flag->value) : parse_real(text, flag->lo, flag->hi, flag->value)) return true;
        say_number(lo, flag->lo, whole), say_number(hi, flag->hi, whole);
        return fail(spec, args, NULL,
                    whole ? cli_say("%s: expected a whole number from %s to %s, got \"%s\"", "%s：应为 %s 到 %s 的整数，得到 \"%s\"")
                          : cli_say("%s: expected a number from %s to %s, got \"%s\"", "%s：应为 %s 到 %s 的数，得到 \"%s\""),
                    flag->name, lo, hi, text);
    case CLI_CHOICE:
        if (is_choice(flag->choices, text)) {
            *(const char **)flag->value = text;
            return true;
        }
        say_choices(choices, flag->choices);
        return fail(spec, args, NULL, cli_say("%s: expected %s, got \"%s\"", "%s：应为 %s，得到 \"%s\""), flag->name, choices, text);
    case CLI_OPTION: break;
    }
    if (args->n_set == CLI_SET_MAX) return fail(spec, args, NULL, cli_say("more than %d options", "选项超过 %d 个"), CLI_SET_MAX);
    args->set[args->n_set].key = flag->choices, args->set[args->n_set].flag = flag->name, args->set[args->n_set++].value = text;
    return true;
}

static bool set_flag(const cli_spec *spec, cli_args *args, const cli_flag *flag, const char *text)
{
    if (!fill_flag(spec, args, flag, text)) return false;
    for (const cli_flag *f = spec->flags; f && f->name; f++)
        if (f == flag) args->given |= 1ull << (f - spec->flags);
    return true;
}

/* One argument that begins with '-'; *i is advanced past its value. */
static bool parse_flag(const cli_spec *spec, int argc, char **argv, int *i, cli_args *args)
{
    const char *arg = argv[*i], *equals = strchr(arg, '=');
    char name[96];
    bool is_long = arg[1] == '-';
    snprintf(name, sizeof name, "%.*s", equals && is_long ? (int)(equals - arg) : (int)strlen(arg), arg);
    const cli_flag *flag = NULL;
    for (const cli_flag *f = spec->flags; f && f->name && !flag; f++)
        if (is_long ? strcmp(f->name, name) == 0 : f->letter && arg[1] == f->letter && arg[2] == 0) flag = f;
    cli_flag of_config = {0};
    lf_option_info info;
    if (!flag && spec->config_keys && is_long && find_option(name + 2, &info)) {
        of_config = (cli_flag){.name = argv[*i], .type = CLI_OPTION, .choices = info.key};
        flag = &of_config;
    }
    if (!flag && is_long && strcmp(name, "--lang") == 0) { /* everywhere where a command has no --lang of its own */
        const char *value = equals ? equals + 1 : *i + 1 < argc ? argv[++*i] : "";
        if (!cli_set_language(value)) return fail(spec, args, NULL, "--lang: expected en or zh, got \"%s\"", value);
        return true;
    }
    if (!flag) return unknown_flag(spec, args, name);
    if (flag->type == CLI_SWITCH) {
        if (equals) return fail(spec, args, NULL, cli_say("%s takes no value", "%s 不带值"), name);
        return set_flag(spec, args, flag, NULL);
    }
    if (equals && is_long) return set_flag(spec, args, flag, equals + 1);
    const char *value = *i + 1 < argc ? argv[*i + 1] : NULL;
    if (!value || (strncmp(value, "--", 2) == 0 && value[2]))
        return fail(spec, args, NULL,
                    value ? cli_say("%s needs a value (write %s=%s if that is one)", "%s 需要一个值（如果确实是值，请写成 %s=%s）")
                          : cli_say("%s needs a value", "%s 需要一个值"),
                    name, name, value);
    ++*i;
    return set_flag(spec, args, flag, value);
}

bool cli_parse(const cli_spec *spec, int argc, char **argv, cli_args *args)
{
    *args = (cli_args){.v = argv + 1, .spec = spec, .exit = CLI_OK};
    bool ours = true; /* a command may have a --lang of its own: the language of the stories */
    for (const cli_flag *f = spec->flags; f && f->name; f++) ours &= strcmp(f->name, "--lang") != 0;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) ours |= strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0 && ours; i++) {
        if (strncmp(argv[i], "--lang=", 7) == 0) cli_set_language(argv[i] + 7);
        if (strcmp(argv[i], "--lang") == 0 && i + 1 < argc) cli_set_language(argv[i + 1]);
    }
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0) continue;
        cli_print_help(stdout, spec);
        return false;
    }
    bool flags = true;
    for (int i = 1; i < argc; i++) {
        if (flags && strcmp(argv[i], "--") == 0)
            flags = false;
        else if (flags && argv[i][0] == '-' && argv[i][1] && !isdigit((unsigned char)argv[i][1])) {
            if (!parse_flag(spec, argc, argv, &i, args)) return false;
        } else
            args->v[args->n++] = argv[i];
    }
    if (args->n >= spec->min_args && args->n <= spec->max_args) return true;
    char usage[512];
    say_usage(usage, spec->usage);
    usage[strcspn(usage, "\n")] = 0;
    if (args->n < spec->min_args) {
        char example[256];
        snprintf(example, sizeof example, "%.*s", spec->example ? (int)strcspn(spec->example, "\n") : 0,
                 spec->example ? spec->example : "");
        return fail(spec, args, *example ? example : NULL, cli_say("something is missing: %s", "参数不全：%s"), usage);
    }
    return fail(spec, args, NULL, cli_say("one argument too many, \"%s\": %s", "多出一个参数 \"%s\"：%s"), args->v[spec->max_args], usage);
}

/* ---- commands inside a command ------------------------------------------------------------------------------------------------------- */
/* A command's name as it is typed. */
static const char *typed(char out[32], const char *name)
{
    snprintf(out, 32, "%s", name);
    for (char *p = out; *p; p++)
        if (*p == '_') *p = '-';
    return out;
}

void cli_print_commands(FILE *f, const cli_command *table)
{
    char name[32];
    int width = 0;
    for (const cli_command *c = table; c->name; c++) width = cli_columns(c->name) > width ? cli_columns(c->name) : width;
    for (const cli_command *c = table; c->name; c++) {
        fprintf(f, "  %s", cli_color(f, CLI_CYAN));
        cli_pad(f, typed(name, c->name), width);
        fprintf(f, "%s  ", cli_color(f, CLI_PLAIN));
        cli_wrap(f, cli_say(c->summary, c->summary_zh), width + 4, width + 4);
    }
}

int cli_dispatch(const cli_command *table, const cli_spec *spec, int argc, char **argv)
{
    const char *parent = spec->name && *spec->name ? spec->name : NULL, *names[64];
    while (argc > 1 && strncmp(argv[1], "--lang", 6) == 0) { /* foundry --lang zh CMD */
        const char *value = argv[1][6] == '=' ? argv[1] + 7 : argv[1][6] == 0 && argc > 2 ? argv[2] : "";
        if (!cli_set_language(value)) return cli_usage_error("foundry --lang zh help", "--lang: expected en or zh, got \"%s\"", value);
        int n = argv[1][6] == '=' ? 1 : 2;
        argv[n] = argv[0], argv += n, argc -= n;
    }
    bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    if (argc < 2 || help) {
        for (int i = 2; i + 1 < argc; i++)
            if (strcmp(argv[i], "--lang") == 0) cli_set_language(argv[i + 1]);
        FILE *f = help ? stdout : stderr;
        cli_print_help(f, spec);
        heading(f, cli_say("Commands", "命令"));
        cli_print_commands(f, table);
        fprintf(f, "\n%s%s%s\n", cli_say("More: foundry help ", "更多：foundry help "), parent ? parent : "",
                cli_say(parent ? " COMMAND" : "COMMAND  (also: --lang zh, --version)",
                        parent ? " 命令" : "命令  （另有：--lang en、--version）"));
        return help ? CLI_OK : CLI_USAGE;
    }
    char name[32], near_name[32];
    int n = 0;
    for (const cli_command *c = table; c->name && n < 64; c++) {
        if (strcmp(typed(name, c->name), argv[1]) == 0) return c->run(argc - 1, argv + 1);
        names[n++] = c->name;
    }
    const char *near = cli_nearest(argv[1], names, n);
    char hint[256];
    snprintf(hint, sizeof hint, near ? cli_say("did you mean `foundry %s%s%s`?", "是不是想用 `foundry %s%s%s`？") : "foundry %s%s%s",
             parent ? parent : "", parent ? " " : "", near ? typed(near_name, near) : "--help");
    bool flag = argv[1][0] == '-';
    if (parent)
        return cli_usage_error(hint,
                               flag ? cli_say("foundry %s: there is no flag %s here", "foundry %s：这里没有选项 %s")
                                    : cli_say("foundry %s: there is no sub-command \"%s\"", "foundry %s：没有子命令 \"%s\""),
                               parent, argv[1]);
    return cli_usage_error(hint,
                           flag ? cli_say("foundry: there is no flag %s here", "foundry：这里没有选项 %s")
                                : cli_say("foundry: there is no command \"%s\"", "foundry：没有命令 \"%s\""),
                           argv[1]);
}
