/* cmd_config.c - foundry config init | show | check | reference: a configuration written, explained, judged. Everything it knows of options
 * it asks the option table. */
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

/* ---- reference ---------------------------------------------------------------------------------------------------------------- */
/* A cell of a table: '|' would end it, and is written as `bar`. */
static void print_cell(const char *text, bool code, const char *bar)
{
    if (code && *text) putchar('`');
    for (const char *p = text; *p; p++) *p == '|' ? (void)fputs(bar, stdout) : (void)putchar(*p);
    if (code && *text) putchar('`');
}

static int run_reference(int argc, char **argv)
{
    static const cli_spec spec = {.name = "config reference",
                                  .summary = "every option as a page of Markdown: docs/en/config-reference.md is this output",
                                  .summary_zh = "全部选项，输出为 Markdown：docs/zh/config-reference.md 就是它",
                                  .example = "foundry config reference --lang en > config-reference.md",
                                  .usage = "foundry config reference"};
    static const struct {
        const char *section, *title, *title_zh;
    } sections[] = {{"model.", "model: Hugging Face's names", "model：沿用 Hugging Face 的名称"},
                    {"data.", "data: what is read", "data：读什么"},
                    {"train.", "train: how it learns", "train：怎么学"},
                    {"run.", "run: where it is kept", "run：存在哪里"},
                    {"sampler.", "sampler: how it chooses words", "sampler：怎样选词"},
                    {"", "the machine", "机器"}};
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    puts(cli_say(
        "# Configuration reference\n\n"
        "Written by `foundry config reference` from the table that the command itself reads: a test keeps page and table equal.\n\n"
        "A value comes from the last of these that names it: its default, the recipe (YAML, JSON or a preset), the environment\n"
        "(`FOUNDRY_TRAIN_LR`), the command line (`--train.lr 3e-4`). `foundry config show RECIPE --origin` says which one it was. In "
        "YAML,\n"
        "the part before the dot is the section. \"fixed\" options are part of what a run means: they cannot change when it is resumed.",
        "# 配置参考\n\n"
        "本页由 `foundry config reference` 生成，来源就是命令自己读取的那张表；有测试保证两者一致。\n\n"
        "一个值取自下面最后一个给出它的地方：默认值、配方（YAML、JSON 或预设）、环境变量（`FOUNDRY_TRAIN_LR`）、命令行\n"
        "（`--train.lr 3e-4`）。`foundry config show 配方 --origin` 会说明来自哪里。在 YAML 里，点号之前是小节名。\n"
        "“固定”的选项决定了一次训练的含义：续训时不能改。"));
    lf_option_info info;
    size_t n_sections = sizeof sections / sizeof *sections;
    for (size_t s = 0; s < n_sections; s++) {
        printf("\n## %s\n\n%s\n|---|---|---|---|---|\n", cli_say(sections[s].title, sections[s].title_zh),
               cli_say("| option | values | default | resumed | meaning |", "| 选项 | 取值 | 默认值 | 续训 | 含义 |"));
        for (size_t row = 0; lf_config_option(row, &info); row++) {
            size_t mine = 0; /* the last section has an empty prefix: what fits none before it */
            while (strncmp(info.key, sections[mine].section, strlen(sections[mine].section)) != 0) mine++;
            if (mine != s) continue;
            printf("| "), print_cell(info.key, true, "\\|"), printf(" | "), print_cell(cli_say(info.range, info.range_zh), false, " \\| ");
            printf(" | "), print_cell(info.fallback, true, "\\|"),
                printf(" | %s | ", info.fixed ? cli_say("fixed", "固定") : cli_say("free", "可改"));
            print_cell(cli_say(info.help, info.help_zh), false, "\\|"), puts(" |");
        }
    }
    printf("\n## %s\n\n%s\n", cli_say("Presets", "预设"),
           cli_say("Recipes that come with the command; `foundry config init --preset NAME` writes one out with every option explained.",
                   "随命令附带的配方；`foundry config init --preset 名称` 写出一份，逐项说明。"));
    for (const char *const *p = lf_config_presets(); *p; p++) printf("%s`%s`", p == lf_config_presets() ? "\n" : ", ", *p);
    puts("");
    return CLI_OK;
}

int cmd_config(int argc, char **argv)
{
    static const cli_command table[] = {{"init", run_init, "write a configuration with every key explained", "写出一份配置，逐项说明"},
                                        {"show", run_show, "print the configuration as a run would see it", "显示运行时实际使用的配置"},
                                        {"check", run_check, "find mistakes before a run does", "提前找出错误"},
                                        {"reference", run_reference, "every option as a page of Markdown", "全部选项，输出为 Markdown"},
                                        {0}};
    static const cli_spec spec = {.name = "config",
                                  .summary = "write, show and check configurations",
                                  .summary_zh = "写出、查看和检查配置",
                                  .example = "foundry config init --preset stories-3m -o my.yaml\n"
                                             "foundry config show my.yaml --train.lr 1e-3 --origin",
                                  .usage = "foundry config init|show|check|reference ..."};
    return cli_dispatch(table, &spec, argc, argv);
}
