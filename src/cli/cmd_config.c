/* cmd_config.c - foundry config init | show | check: a configuration written, explained, judged. Everything it knows of options it asks
 * the option table. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- init --------------------------------------------------------------------------------------------------------------------- */
static int run_init(int argc, char **argv)
{
    const char *preset = NULL, *out = NULL;
    bool force = false;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--preset", .letter = 'p', .type = CLI_TEXT, .value = &preset, .meta = "NAME",
         .help = "begin with this recipe (see below) instead of the defaults", .help_zh = "从这个预设（见下）开始，而不是默认值"},
        {.name = "--output", .letter = 'o', .type = CLI_TEXT, .value = &out, .meta = "FILE",
         .help = "where to write; without it: standard output", .help_zh = "写到哪里；不给则写到标准输出"},
        {.name = "--force", .letter = 'f', .type = CLI_SWITCH, .value = &force,
         .help = "replace FILE if it exists", .help_zh = "FILE 已存在时替换它"},
        {0}};
    /* clang-format on */
    char names[256] = "", notes[320], notes_zh[320];
    for (const char *const *p = lf_config_presets(); *p; p++) {
        size_t at = strlen(names);
        snprintf(names + at, sizeof names - at, "%s%s", at ? ", " : "", *p);
    }
    snprintf(notes, sizeof notes, "Recipes: %s. --lang zh writes the comments in Chinese.", names);
    snprintf(notes_zh, sizeof notes_zh, "预设：%s。--lang en 用英文写注释。", names);
    const cli_spec spec = {.name = "config init",
                           .summary = "write a configuration with every key explained",
                           .summary_zh = "写出一份配置，逐项说明",
                           .example = "foundry config init --preset stories-3m -o my.yaml",
                           .usage = "foundry config init [--preset NAME] [-o FILE] [--KEY VALUE ...]",
                           .notes = notes,
                           .notes_zh = notes_zh,
                           .flags = flags,
                           .config_keys = true};
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    if (preset && !lf_config_preset_text(preset)) {
        int n = 0;
        while (lf_config_presets()[n]) n++;
        const char *near = cli_nearest(preset, lf_config_presets(), n);
        char hint[160];
        snprintf(hint, sizeof hint, cli_say("did you mean %s?", "是不是想用 %s？"), near ? near : "");
        return cli_usage_error(near ? hint : NULL,
                               cli_say("--preset: there is no recipe \"%s\"; there are: %s", "--preset：没有预设 \"%s\"；现有：%s"), preset,
                               names);
    }
    if ((preset && lf_config_load(&c, preset, &err)) || cli_config_apply(&c, &args, &err) || lf_config_check(&c, &err))
        return cli_fail(&err);
    if (!out) {
        char *text = lf_config_text(&c, cli_language(), false, &err);
        if (!text) return cli_fail(&err);
        fputs(text, stdout);
        free(text);
        return CLI_OK;
    }
    if (!force && access(out, F_OK) == 0) {
        lf_error_set(&err, LF_E_BUSY, cli_say("%s exists already", "%s 已存在"), out);
        lf_error_hint(&err, "%s", cli_say("choose another name, or add --force", "换个名字，或加上 --force"));
        return cli_fail(&err);
    }
    if (lf_config_save(&c, out, cli_language(), &err)) return cli_fail(&err);
    fprintf(stderr, cli_say("wrote %s\nnext: foundry config check %s\n", "已写入 %s\n下一步：foundry config check %s\n"), out, out);
    return CLI_OK;
}

/* ---- show --------------------------------------------------------------------------------------------------------------------- */
static void print_json(const lf_config *c, bool origin)
{
    lf_option_info info;
    putchar('{');
    for (size_t row = 0; lf_config_option(row, &info); row++) {
        char value[LF_CONFIG_PATH_MAX];
        lf_config_value(c, row, value, sizeof value);
        printf("%s\n  \"%s\": %s", row ? "," : "", info.key, origin ? "{\"value\": " : "");
        bool number = strstr(info.type, "number") && strcmp(value, "auto") != 0, bare = number || strcmp(info.type, "true or false") == 0;
        if (bare)
            fputs(value, stdout);
        else
            cli_json_string(stdout, value);
        if (origin) {
            printf(", \"origin\": ");
            cli_json_string(stdout, lf_config_origin(c, row));
            putchar('}');
        }
    }
    puts("\n}");
}

/* The text without its lines of help: the headings of sections stay. */
static void print_values(const char *text)
{
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n"), blanks = strspn(line, " ");
        if (line[blanks] != '#' || strncmp(line + blanks, "# ----", 6) == 0) printf("%.*s\n", (int)n, line);
        line += n + (line[n] == '\n');
    }
}

static int run_show(int argc, char **argv)
{
    bool origin = false, json = false;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--origin", .type = CLI_SWITCH, .value = &origin, .help = "say where each value came from", .help_zh = "说明每个值的来源"},
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "for programs", .help_zh = "供程序读取"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {.name = "config show",
                           .summary = "print the configuration as a run would see it",
                           .summary_zh = "显示运行时实际使用的配置",
                           .example = "foundry config show configs/stories-3m.yaml --train.lr 1e-3 --origin",
                           .usage = "foundry config show [CONFIG|PRESET] [--KEY VALUE ...] [--origin] [--json]",
                           .flags = flags,
                           .max_args = 1,
                           .config_keys = true};
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    if ((args.n && lf_config_load(&c, args.v[0], &err)) || cli_config_apply(&c, &args, &err)) return cli_fail(&err);
    if (json) {
        print_json(&c, origin);
    } else {
        char *text = lf_config_text(&c, cli_language(), origin, &err);
        if (!text) return cli_fail(&err);
        if (origin)
            fputs(text, stdout);
        else
            print_values(text);
        free(text);
    }
    return lf_config_check(&c, &err) ? cli_fail(&err) : CLI_OK;
}

/* ---- check -------------------------------------------------------------------------------------------------------------------- */
static int run_check(int argc, char **argv)
{
    static const cli_spec spec = {.name = "config check",
                                  .summary = "find mistakes before a run does: names, types, ranges, rules between keys",
                                  .summary_zh = "提前找出错误：名称、类型、范围、各项之间的规则",
                                  .example = "foundry config check configs/stories-3m.yaml",
                                  .usage = "foundry config check CONFIG|PRESET [--KEY VALUE ...]",
                                  .min_args = 1,
                                  .max_args = 1,
                                  .config_keys = true};
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    if (lf_config_load(&c, args.v[0], &err) || cli_config_apply(&c, &args, &err) || lf_config_check(&c, &err)) return cli_fail(&err);
    fprintf(stderr, cli_say("%s[ok]%s %s is a configuration that can run\n", "%s[ok]%s %s 是可以运行的配置\n"),
            cli_color(stderr, CLI_GREEN), cli_color(stderr, CLI_PLAIN), args.v[0]);
    return CLI_OK;
}

int cmd_config(int argc, char **argv)
{
    static const cli_command table[] = {{"init", run_init, "write a configuration with every key explained", "写出一份配置，逐项说明"},
                                        {"show", run_show, "print the configuration as a run would see it", "显示运行时实际使用的配置"},
                                        {"check", run_check, "find mistakes before a run does", "提前找出错误"},
                                        {0}};
    static const cli_spec spec = {.name = "config",
                                  .summary = "write, show and check configurations",
                                  .summary_zh = "写出、查看和检查配置",
                                  .example = "foundry config init --preset stories-3m -o my.yaml\n"
                                             "foundry config show my.yaml --train.lr 1e-3 --origin",
                                  .usage = "foundry config init|show|check ..."};
    return cli_dispatch(table, &spec, argc, argv);
}
