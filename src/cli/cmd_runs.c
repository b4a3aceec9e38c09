/* cmd_runs.c - `foundry runs ls|show|diff|plot`: what is in the run folders, side by side. Reads (foundry/runs.h, the config table) and
 * words; writes nothing but the picture it is asked for. */
#include "cli/cli.h"
#include "cli/cli_plot.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS_MAX = 8 };

/* A run by its folder, or by its name in runs/. */
static int open_run(lf_run_info *info, const char *name, lf_error *err)
{
    char path[LF_CONFIG_PATH_MAX];
    lf_error first = {0}, second = {0};
    if (lf_run_read(info, name, &first) == 0) return 0;
    snprintf(path, sizeof path, "runs/%.1000s", name);
    if (!strchr(name, '/') && lf_run_read(info, path, &second) == 0) return 0;
    lf_error_set(err, LF_E_NOT_FOUND, cli_say("%s is no run, nor is runs/%s", "%s 不是训练文件夹，runs/%s 也不是"), name, name);
    return lf_error_hint(err, "foundry runs ls");
}

static void date_text(char out[32], int64_t when)
{
    time_t t = (time_t)when;
    struct tm tm;
    if (!localtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%d %H:%M", &tm)) out[0] = 0;
}

static const char *number_text(char out[32], int digits, double x)
{
    if (isnan(x)) return "-";
    snprintf(out, 32, "%.*f", digits, x);
    return out;
}

static void json_number(const char *key, double x)
{
    if (isfinite(x)) printf(", \"%s\": %.9g", key, x);
}

static void print_json(const lf_run_info *r)
{
    fputs("{\"name\": ", stdout), cli_json_string(stdout, r->name);
    fputs(", \"dir\": ", stdout), cli_json_string(stdout, r->dir);
    printf(", \"step\": %" PRId64 ", \"steps\": %" PRId64 ", \"modified\": %" PRId64, r->step, r->steps, r->modified);
    json_number("loss", r->loss), json_number("val_loss", r->val_loss), json_number("val_bpb", r->val_bpb);
    json_number("val_floor_bpb", r->val_floor_bpb), json_number("best_val_loss", r->best_val_loss);
    if (r->best_step) printf(", \"best_step\": %" PRId64, r->best_step);
    json_number("tokens_per_second", r->tokens_per_second);
    putchar('}');
}

/* ---- ls -------------------------------------------------------------------------------------------------------------------------- */
static int by_val(const void *a, const void *b)
{
    double x = ((const lf_run_info *)a)->val_loss, y = ((const lf_run_info *)b)->val_loss;
    if (isnan(x) || isnan(y)) return isnan(x) - isnan(y);
    return (x > y) - (x < y);
}

static int by_name(const void *a, const void *b) { return strcmp(((const lf_run_info *)a)->name, ((const lf_run_info *)b)->name); }

/* One row of a table: the first cell to the left, the others to the right of their columns. */
static void put_row(const char *const *cells, const int *widths, int n, cli_style style)
{
    fputs(cli_color(stdout, style), stdout);
    cli_pad(stdout, cells[0], widths[0]);
    for (int i = 1; i < n; i++) fputs("  ", stdout), cli_pad_left(stdout, cells[i], widths[i]);
    printf("%s\n", cli_color(stdout, CLI_PLAIN));
}

static void print_list(const lf_run_info *runs, size_t n)
{
    enum { COLUMNS = 7 };
    const char *heads[COLUMNS] = {cli_say("run", "训练"),          cli_say("steps", "步数"),       cli_say("loss", "损失"),
                                  cli_say("val", "验证"),          cli_say("x floor", "下界倍数"), cli_say("tokens/s", "词元/秒"),
                                  cli_say("last step", "最后一步")};
    int widths[COLUMNS] = {4, 13, 7, 7, 8, 9, 16};
    for (size_t i = 0; i < n; i++) widths[0] = cli_columns(runs[i].name) > widths[0] ? cli_columns(runs[i].name) : widths[0];
    put_row(heads, widths, COLUMNS, CLI_BOLD);
    for (size_t i = 0; i < n; i++) {
        const lf_run_info *r = &runs[i];
        char step[64], a[32], b[32], c[32], speed[32], date[32];
        snprintf(step, sizeof step, r->step == r->steps ? "%" PRId64 : "%" PRId64 "/%" PRId64, r->step, r->steps);
        date_text(date, r->modified);
        const char *cells[COLUMNS] = {r->name,
                                      step,
                                      number_text(a, 4, r->loss),
                                      number_text(b, 4, r->val_loss),
                                      number_text(c, 3, r->val_bpb / r->val_floor_bpb),
                                      isnan(r->tokens_per_second) ? "-" : cli_human_count(speed, r->tokens_per_second),
                                      date};
        put_row(cells, widths, COLUMNS, CLI_PLAIN);
    }
}

static int run_ls(int argc, char **argv)
{
    bool json = false;
    const char *sort = "time";
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--sort", .type = CLI_CHOICE, .value = &sort, .choices = "time|val|name",
         .help = "the latest first, the best first, or by name", .help_zh = "按时间（最近在前）、验证损失（最好在前）或名字排序"},
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "for programs", .help_zh = "供程序读取"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {.name = "runs ls",
                           .summary = "all runs of a folder with their losses and speeds",
                           .summary_zh = "列出文件夹里的全部训练、损失和速度",
                           .example = "foundry runs ls\nfoundry runs ls --sort val --json",
                           .usage = "foundry runs ls [FOLDER] [--sort time|val|name] [--json]",
                           .flags = flags,
                           .max_args = 1};
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_error err = {0};
    lf_run_info *runs;
    size_t n;
    if (lf_runs_list(&runs, &n, args.n ? args.v[0] : "runs", &err)) return cli_fail(&err);
    if (strcmp(sort, "val") == 0) qsort(runs, n, sizeof *runs, by_val);
    if (strcmp(sort, "name") == 0) qsort(runs, n, sizeof *runs, by_name);
    if (json) {
        putchar('[');
        for (size_t i = 0; i < n; i++) fputs(i ? ",\n  " : "\n  ", stdout), print_json(&runs[i]);
        puts("\n]");
    } else
        print_list(runs, n);
    free(runs);
    return CLI_OK;
}

/* ---- show, diff ------------------------------------------------------------------------------------------------------------------ */
static int load_config(lf_config *c, const lf_run_info *r, lf_error *err)
{
    char path[LF_CONFIG_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/config.yaml", r->dir);
    lf_config_init(c);
    return lf_config_load(c, path, err);
}

static void draw(const plot_curve *curve)
{
    setlocale(LC_CTYPE, ""); /* only the character set */
    bool unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    int width = cli_width() < 100 ? cli_width() : 100;
    char *text = cli_plot_loss(curve, &(plot_style){.width = width,
                                                    .height = 13,
                                                    .unicode = unicode,
                                                    .color = cli_color(stdout, CLI_CYAN)[0] != 0,
                                                    .zh = cli_language()[0] == 'z'});
    if (text) fputs(text, stdout);
    free(text);
}

static int run_show(int argc, char **argv)
{
    bool json = false;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "for programs", .help_zh = "供程序读取"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {.name = "runs show",
                           .summary = "one run: how far, how good, what it was told, its curve",
                           .summary_zh = "查看一次训练：进度、效果、设置、曲线",
                           .example = "foundry runs show demo",
                           .usage = "foundry runs show RUN [--json]",
                           .flags = flags,
                           .min_args = 1,
                           .max_args = 1};
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_error err = {0};
    lf_run_info r;
    lf_config config, plain;
    if (open_run(&r, args.v[0], &err)) return cli_fail(&err);
    if (json) {
        print_json(&r), putchar('\n');
        return CLI_OK;
    }
    print_list(&r, 1);
    if (load_config(&config, &r, &err)) return cli_fail(&err);
    lf_config_init(&plain);
    lf_option_info info;
    printf("\n%s%s%s\n", cli_color(stdout, CLI_BOLD), cli_say("told otherwise than the defaults", "与默认值不同的设置"),
           cli_color(stdout, CLI_PLAIN));
    for (size_t row = 0; lf_config_option(row, &info); row++) {
        char a[LF_CONFIG_PATH_MAX], b[LF_CONFIG_PATH_MAX];
        if (strcmp(lf_config_value(&config, row, a, sizeof a), lf_config_value(&plain, row, b, sizeof b)) == 0) continue;
        printf("  "), cli_pad(stdout, info.key, 32), printf(" %s\n", a);
    }
    plot_curve curve;
    if (cli_plot_read(&curve, r.dir, &err)) return cli_fail(&err);
    putchar('\n'), draw(&curve);
    cli_plot_release(&curve);
    return CLI_OK;
}

static int run_diff(int argc, char **argv)
{
    const cli_spec spec = {.name = "runs diff",
                           .summary = "runs side by side: where their settings differ, and what came of it",
                           .summary_zh = "并排比较几次训练：不同的设置与各自的结果",
                           .example = "foundry runs diff first second",
                           .usage = "foundry runs diff RUN RUN [RUN ...]",
                           .min_args = 2,
                           .max_args = RUNS_MAX};
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_error err = {0};
    lf_run_info runs[RUNS_MAX];
    int n = args.n, widths[RUNS_MAX + 1] = {28}, code = CLI_OK;
    const char *cells[RUNS_MAX + 1] = {""};
    lf_config *configs = calloc((size_t)n, sizeof *configs);
    char(*values)[LF_CONFIG_PATH_MAX] = calloc((size_t)n, sizeof *values);
    if (!configs || !values) lf_error_set(&err, LF_E_MEMORY, "no memory for %d configurations", n);
    for (int i = 0; i < n && !err.code; i++)
        if (open_run(&runs[i], args.v[i], &err) == 0 && load_config(&configs[i], &runs[i], &err) == 0) {
            cells[i + 1] = runs[i].name;
            widths[i + 1] = cli_columns(runs[i].name) > 12 ? cli_columns(runs[i].name) : 12;
        }
    if (err.code) {
        code = cli_fail(&err);
    } else {
        put_row(cells, widths, n + 1, CLI_BOLD);
        lf_option_info info;
        for (size_t row = 0; lf_config_option(row, &info); row++) {
            bool differ = false;
            cells[0] = info.key;
            for (int i = 0; i < n; i++) {
                cells[i + 1] = lf_config_value(&configs[i], row, values[i], sizeof values[i]);
                differ |= strcmp(cells[i + 1], cells[1]) != 0;
            }
            if (differ) put_row(cells, widths, n + 1, CLI_PLAIN);
        }
        static const struct {
            const char *en, *zh;
            size_t at;
        } results[] = {{"loss", "损失", offsetof(lf_run_info, loss)},
                       {"val", "验证", offsetof(lf_run_info, val_loss)},
                       {"best val", "最好的验证", offsetof(lf_run_info, best_val_loss)},
                       {"bits per byte", "比特/字节", offsetof(lf_run_info, val_bpb)},
                       {"tokens/s", "词元/秒", offsetof(lf_run_info, tokens_per_second)}};
        putchar('\n');
        for (size_t k = 0; k < sizeof results / sizeof *results; k++) {
            cells[0] = cli_say(results[k].en, results[k].zh);
            for (int i = 0; i < n; i++) {
                double x = *(const double *)(const void *)((const char *)&runs[i] + results[k].at);
                snprintf(values[i], sizeof values[i], isnan(x) ? "-" : x < 1000 ? "%.4f" : "%.0f", x);
                cells[i + 1] = values[i];
            }
            put_row(cells, widths, n + 1, CLI_PLAIN);
        }
    }
    free(configs);
    free(values);
    return code;
}

/* ---- plot ------------------------------------------------------------------------------------------------------------------------ */
static int write_svg(const char *path, const plot_named *runs, int n, lf_error *err)
{
    FILE *out = fopen(path, "w");
    if (!out) return lf_error_set(err, LF_E_IO, "%s: %s", path, strerror(errno));
    bool drawn = cli_svg_write(out, runs, n), failed = ferror(out) != 0;
    if (fclose(out) || failed) return lf_error_set(err, LF_E_IO, "%s: %s", path, strerror(errno));
    if (drawn) return 0;
    remove(path);
    return lf_error_set(err, LF_E_FORMAT, cli_say("%s: its metrics hold no loss to draw", "%s：没有可以画的损失"), runs[0].name);
}

static int run_plot(int argc, char **argv)
{
    const char *path = NULL;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--output", .letter = 'o', .type = CLI_TEXT, .value = &path, .meta = "FILE.svg",
         .help = "draw all of them into this picture instead", .help_zh = "改为把全部曲线画进这张图"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {.name = "runs plot",
                           .summary = "loss curves, in the terminal or as a picture",
                           .summary_zh = "画损失曲线：在终端里，或存成图片",
                           .example = "foundry runs plot demo\nfoundry runs plot first second -o curves.svg",
                           .usage = "foundry runs plot RUN [RUN ...] [-o FILE.svg]",
                           .flags = flags,
                           .min_args = 1,
                           .max_args = RUNS_MAX};
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_error err = {0};
    lf_run_info runs[RUNS_MAX];
    plot_named curves[RUNS_MAX] = {0};
    int n = 0, status = 0;
    for (; n < args.n && !status; n++) {
        status = open_run(&runs[n], args.v[n], &err) || cli_plot_read(&curves[n].curve, runs[n].dir, &err);
        curves[n].name = runs[n].name;
    }
    if (!status && path) status = write_svg(path, curves, n, &err);
    for (int i = 0; i < n && !status && !path; i++) {
        printf("%s%s%s%s\n", i ? "\n" : "", cli_color(stdout, CLI_BOLD), curves[i].name, cli_color(stdout, CLI_PLAIN));
        draw(&curves[i].curve);
    }
    for (int i = 0; i < n; i++) cli_plot_release(&curves[i].curve);
    if (status) return cli_fail(&err);
    if (path) fprintf(stderr, cli_say("wrote %s\n", "已写入 %s\n"), path);
    return CLI_OK;
}

int cmd_runs(int argc, char **argv)
{
    static const cli_command table[] = {
        {"ls", run_ls, "all runs of a folder with their losses and speeds", "列出文件夹里的全部训练、损失和速度"},
        {"show", run_show, "one run: how far, how good, what it was told, its curve", "查看一次训练：进度、效果、设置、曲线"},
        {"diff", run_diff, "runs side by side: where their settings differ, and what came of it",
         "并排比较几次训练：不同的设置与各自的结果"},
        {"plot", run_plot, "loss curves, in the terminal or as a picture", "画损失曲线：在终端里，或存成图片"},
        {0}};
    static const cli_spec spec = {.name = "runs",
                                  .summary = "past runs side by side: list, show, compare, draw",
                                  .summary_zh = "历次训练并排看：列出、查看、比较、画曲线",
                                  .example =
                                      "foundry runs ls\nfoundry runs diff first second\nfoundry runs plot first second -o curves.svg",
                                  .usage = "foundry runs ls|show|diff|plot ..."};
    return cli_dispatch(table, &spec, argc, argv);
}
