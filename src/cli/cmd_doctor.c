/* cmd_doctor.c - foundry doctor: is this machine fit, and does this build compute correctly here? One line per finding, [ok], [warn] or
 * [fail]; exit 1 when something fails. Reads memory and disk from the system itself. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

typedef enum status { OK, WARN, FAIL } status;

typedef struct report {
    struct {
        status status;
        char name[32], text[600];
    } rows[64];
    int n;
    lf_selftest_line kernels[48];
    int n_kernels;
    double memory_total, memory_available, disk_free;
    const char *isa;
    int threads;
} report;

static void add(report *r, status s, const char *name, const char *format, ...) LF_PRINTF(4, 5);
static void add(report *r, status s, const char *name, const char *format, ...)
{
    va_list list;
    if (r->n == 64) return;
    r->rows[r->n].status = s;
    snprintf(r->rows[r->n].name, sizeof r->rows[0].name, "%s", name);
    va_start(list, format);
    vsnprintf(r->rows[r->n++].text, sizeof r->rows[0].text, format, list);
    va_end(list);
}

static void check_memory(report *r)
{
    char a[32], b[32];
    if (lf_memory_total() == UINT64_MAX || lf_memory_available() == UINT64_MAX) {
        r->memory_total = r->memory_available = -1;
        add(r, WARN, "memory", "%s", cli_say("unknown: the system does not say", "未知：系统没有提供"));
        return;
    }
    r->memory_total = (double)lf_memory_total(), r->memory_available = (double)lf_memory_available();
    add(r, r->memory_available < 1e9 ? WARN : OK, "memory", cli_say("%s available of %s%s", "可用 %s，共 %s%s"),
        cli_human_bytes(a, r->memory_available), cli_human_bytes(b, r->memory_total),
        r->memory_available < 1e9 ? cli_say(": small models only", "：只够小模型") : "");
}

static void check_disk(report *r)
{
    struct statvfs fs;
    char here[512], a[32];
    r->disk_free = -1;
    if (!getcwd(here, sizeof here)) snprintf(here, sizeof here, ".");
    if (statvfs(".", &fs) != 0) {
        add(r, WARN, "disk", "%s", cli_say("unknown", "未知"));
        return;
    }
    r->disk_free = (double)fs.f_bavail * (double)fs.f_frsize;
    bool writable = access(".", W_OK) == 0;
    add(r, r->disk_free < 1e9 || !writable ? WARN : OK, "disk", cli_say("%s free in %s%s", "可用 %s，位于 %s%s"),
        cli_human_bytes(a, r->disk_free), here,
        writable ? "" : cli_say(" (read-only for you: runs need --run.dir elsewhere)", "（无写权限：请用 --run.dir 指定别处）"));
}

static void check_cpu(report *r, const lf_device *device)
{
    char rungs[256] = "";
    for (const char *const *p = lf_isa_list(); *p; p++) {
        size_t at = strlen(rungs);
        snprintf(rungs + at, sizeof rungs - at, "%s%s%s", at ? ", " : "", *p,
                 lf_isa_supported(*p) ? "" : cli_say(" (not on this CPU)", "（此 CPU 没有）"));
    }
    add(r, OK, "cpu", "%s", lf_cpu_name());
    add(r, OK, "features", "%s", *lf_cpu_features() ? lf_cpu_features() : cli_say("none that this build uses", "没有可利用的扩展指令"));
    r->isa = lf_device_isa(device), r->threads = lf_device_threads(device);
    bool slow = strcmp(r->isa, "scalar") == 0;
    add(r, slow ? WARN : OK, "isa", cli_say("%s%s; this build knows %s", "%s%s；此版本支持 %s"), r->isa,
        slow ? cli_say(": correct, but many times slower", "：结果正确，但慢很多倍") : "", rungs);
    add(r, OK, "threads", cli_say("%d, of %d processors this process may use", "%d 个，进程可用处理器 %d 个"), r->threads, lf_cpu_count());
}

static void on_kernel(const lf_selftest_line *line, void *user)
{
    report *r = user;
    if (r->n_kernels < 48) r->kernels[r->n_kernels++] = *line;
    add(r, line->passed ? OK : FAIL, line->kernel,
        line->passed ? cli_say("%s equals the reference: error %.1e, allowed %.0e", "%s 与参考实现一致：误差 %.1e，允许 %.0e")
                     : cli_say("%s differs from the reference: error %.1e, allowed %.0e", "%s 与参考实现不一致：误差 %.1e，允许 %.0e"),
        line->isa, line->max_error, line->tolerance);
}

static void print_json(const report *r, bool ok)
{
    static const char *const names[] = {"ok", "warn", "fail"};
    printf("{\n  \"ok\": %s,\n  \"version\": ", ok ? "true" : "false");
    cli_json_string(stdout, lf_version());
    printf(",\n  \"build\": ");
    cli_json_string(stdout, lf_build_info());
    printf(",\n  \"libraries\": ");
    cli_json_string(stdout, lf_libraries());
    printf(",\n  \"cpu\": ");
    cli_json_string(stdout, lf_cpu_name());
    printf(",\n  \"features\": ");
    cli_json_string(stdout, lf_cpu_features());
    printf(",\n  \"isa\": \"%s\",\n  \"threads\": %d,\n  \"processors\": %d,\n", r->isa ? r->isa : "", r->threads, lf_cpu_count());
    printf("  \"memory_total_bytes\": %.0f,\n  \"memory_available_bytes\": %.0f,\n  \"disk_free_bytes\": %.0f,\n  \"kernels\": [",
           r->memory_total, r->memory_available, r->disk_free);
    for (int i = 0; i < r->n_kernels; i++) {
        const lf_selftest_line *k = &r->kernels[i];
        printf("%s\n    {\"kernel\": \"%s\", \"isa\": \"%s\", \"max_error\": %.3g, \"tolerance\": %.3g, \"passed\": %s}", i ? "," : "",
               k->kernel, k->isa, k->max_error < 1e300 ? k->max_error : 1e300, k->tolerance,
               k->passed ? "true" : "false"); /* JSON has no NaN */
    }
    printf("\n  ],\n  \"checks\": [");
    for (int i = 0; i < r->n; i++) {
        printf("%s\n    {\"name\": \"%s\", \"status\": \"%s\", \"text\": ", i ? "," : "", r->rows[i].name, names[r->rows[i].status]);
        cli_json_string(stdout, r->rows[i].text);
        putchar('}');
    }
    puts("\n  ]\n}");
}

/* What a row is called here; in JSON it keeps its English name, and a kernel has no other. */
static const char *row_name(const char *name)
{
    static const char *const names[][2] = {{"foundry", "本程序"},    {"libraries", "库"}, {"cpu", "处理器"},
                                           {"features", "扩展指令"}, {"isa", "指令集"},   {"threads", "线程"},
                                           {"memory", "内存"},       {"disk", "磁盘"},    {"kernels", "内核"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i][0]) == 0) return cli_say(name, names[i][1]);
    return name;
}

static void print_rows(const report *r)
{
    static const char *const marks[] = {"[ok]", "[warn]", "[fail]"};
    static const cli_style colors[] = {CLI_GREEN, CLI_YELLOW, CLI_RED};
    int width = 0;
    for (int i = 0; i < r->n; i++) width = cli_columns(row_name(r->rows[i].name)) > width ? cli_columns(row_name(r->rows[i].name)) : width;
    for (int i = 0; i < r->n; i++) {
        fputs(cli_color(stdout, colors[r->rows[i].status]), stdout);
        cli_pad(stdout, marks[r->rows[i].status], 7);
        fputs(cli_color(stdout, CLI_PLAIN), stdout);
        cli_pad(stdout, row_name(r->rows[i].name), width + 2);
        cli_wrap(stdout, r->rows[i].text, width + 9, width + 9);
    }
}

int cmd_doctor(int argc, char **argv)
{
    bool json = false;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "for programs and bug reports", .help_zh = "供程序和问题报告使用"},
        {.name = "--isa", .type = CLI_OPTION, .choices = "isa", .meta = "NAME",
         .help = "test this instruction set instead of the best one", .help_zh = "测试这个指令集，而不是最好的"},
        {.name = "--threads", .type = CLI_OPTION, .choices = "threads", .meta = "N"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {.name = "doctor",
                           .summary = "look at this machine and test the kernels",
                           .summary_zh = "检查这台机器，测试计算内核",
                           .example = "foundry doctor\nfoundry doctor --isa scalar --json",
                           .usage = "foundry doctor [--json] [--isa NAME] [--threads N]",
                           .flags = flags};
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    report r = {0};
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    if (cli_config_apply(&c, &args, &err)) return cli_fail(&err);
    lf_device *device = cli_device_of(&c, &err);
    if (!device) return cli_fail(&err);
    const char *build = lf_build_info(), *rungs = strstr(build, ", rungs:"); /* the rungs have a line of their own */
    add(&r, OK, "foundry", "%s, %.*s", lf_version(), rungs ? (int)(rungs - build) : (int)strlen(build), build);
    add(&r, OK, "libraries", "%s", lf_libraries());
    check_cpu(&r, device);
    check_memory(&r);
    check_disk(&r);
    bool kernels = lf_device_selftest(device, on_kernel, &r, &err) == 0;
    if (!kernels && r.n_kernels == 0) add(&r, FAIL, "kernels", "%s", err.message);
    bool ok = kernels;
    int warnings = 0;
    for (int i = 0; i < r.n; i++) ok &= r.rows[i].status != FAIL, warnings += r.rows[i].status == WARN;
    if (json)
        print_json(&r, ok);
    else
        print_rows(&r);
    lf_device_close(&device);
    if (!ok) return cli_fail(&err);
    if (json) return CLI_OK;
    if (warnings)
        printf(cli_say("\nUsable, with %d warning%s. Next: make demo\n", "\n可以使用，有 %d 条警告%s。下一步：make demo\n"), warnings,
               cli_say(warnings == 1 ? "" : "s", ""));
    else
        puts(cli_say("\nAll is well. Next: make demo", "\n一切正常。下一步：make demo"));
    return CLI_OK;
}
