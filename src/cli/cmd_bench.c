/* cmd_bench.c - `foundry bench SUITE`: the library measures (lf_bench_run), this file prints lines as they come, each with its share of a
 * ceiling of the same minute, and says when the machine moved in between. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

typedef struct report {
    bool json;
    int lines;
} report;

static bool on_line(const lf_bench_line *l, void *user)
{
    report *r = user;
    r->lines++;
    if (r->json) {
        printf("%s\n    {\"name\": ", r->lines > 1 ? "," : "");
        cli_json_string(stdout, l->name);
        printf(", \"dtype\": \"%s\", \"threads\": %d, \"seconds\": %.4g, \"value\": %.5g, \"unit\": \"%s\"", l->dtype, l->threads,
               l->seconds, l->value, l->unit);
        if (l->share > 0) printf(", \"share\": %.4f, \"ceiling\": \"%s\", \"ceiling_value\": %.5g", l->share, l->ceiling, l->ceiling_value);
        putchar('}');
    } else {
        static const char *const names[][2] = {{"registers", "寄存器峰值"}, {"memory", "内存读取"}};
        const char *of = l->ceiling;
        for (size_t i = 0; i < 2; i++)
            if (strcmp(of, names[i][0]) == 0) of = cli_say(names[i][0], names[i][1]);
        cli_pad(stdout, l->name, 46);
        printf(" %-5s %2dT %9.*f %-9s", l->dtype, l->threads, l->value < 100 ? 2 : 0, l->value, l->unit);
        if (l->share > 0) {
            printf(cli_say(" %s%4.0f%%%s of %s %.0f", " %s%4.0f%%%s，%s %.0f"), cli_color(stdout, CLI_GREEN), 100 * l->share,
                   cli_color(stdout, CLI_PLAIN), of, l->ceiling_value);
        }
        putchar('\n');
    }
    fflush(stdout);
    return cli_interrupted();
}

static void print_probe(const lf_bench_probe *p)
{
    printf("{\"ping_ns\": %.1f, \"gflops_1t\": %.1f, \"gflops\": %.1f, \"threads_real\": %.2f}", p->ping_ns, p->gflops_1t, p->gflops,
           p->threads_real);
}

static int run_suite(lf_device *device, const char *suite, const lf_bench_options *options, bool json, lf_error *err)
{
    report r = {.json = json};
    lf_bench_probe before, after;
    if (json) {
        printf("{\n  \"suite\": \"%s\",\n  \"isa\": \"%s\",\n  \"cpu\": ", suite, lf_device_isa(device));
        cli_json_string(stdout, lf_cpu_name());
        printf(",\n  \"lines\": [");
    } else
        printf("%s%s%s, %s, %s\n", cli_color(stdout, CLI_BOLD), suite, cli_color(stdout, CLI_PLAIN), lf_cpu_name(), lf_device_isa(device));
    int status = lf_bench_run(device, suite, options, on_line, &r, &before, &after, err);
    if (json) {
        printf("\n  ]");
        if (!status) {
            printf(",\n  \"before\": "), print_probe(&before);
            printf(",\n  \"after\": "), print_probe(&after);
            printf(",\n  \"same_placement\": %s", lf_bench_same_placement(&before, &after) ? "true" : "false");
        }
        puts("\n}");
    } else if (!status) {
        bool same = lf_bench_same_placement(&before, &after);
        printf(cli_say("%s%s: %d threads were worth %.2f and %.2f, a cache line took %.0f and %.0f ns%s\n\n",
                       "%s%s：%d 个线程前后相当于 %.2f 与 %.2f 个，缓存行传递 %.0f 与 %.0f 纳秒%s\n\n"),
               cli_color(stdout, same ? CLI_DIM : CLI_YELLOW),
               same ? cli_say("same placement before and after", "前后位置相同")
                    : cli_say("the placement changed meanwhile, measure again", "期间位置变了，请重测"),
               lf_device_threads(device), before.threads_real, after.threads_real, before.ping_ns, after.ping_ns,
               cli_color(stdout, CLI_PLAIN));
    }
    return status;
}

int cmd_bench(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "infer") == 0) return cmd_bench_infer(argc - 1, argv + 1);
    bool json = false, all = false;
    double seconds = 0.2;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--seconds", .type = CLI_REAL, .value = &seconds, .lo = 0.01, .hi = 60, .meta = "S",
         .help = "how long to measure one line", .help_zh = "每一行测多久"},
        {.name = "--all", .type = CLI_SWITCH, .value = &all,
         .help = "the long list of shapes; workloads that take minutes", .help_zh = "完整的形状列表，以及要几分钟的任务"},
        {.name = "--isa", .type = CLI_OPTION, .choices = "isa", .meta = "NAME"},
        {.name = "--threads", .type = CLI_OPTION, .choices = "threads", .meta = "N"},
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "for programs", .help_zh = "供程序读取"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {
        .name = "bench",
        .summary = "how fast this machine is, and how much of it the kernels use",
        .summary_zh = "这台机器有多快，内核用到了几成",
        .example = "foundry bench machine\nfoundry bench gemm --threads 1 --isa avx2\nfoundry bench train --all --json\nfoundry bench "
                   "infer --help",
        .usage = "foundry bench machine|gemm|attention|ops|optimizer|train [--seconds S] [--all] [--json]\nfoundry bench infer "
                 "MODEL|RECIPE [flags]",
        .notes = "Each share is of a ceiling measured in the same minute. Before and after, the placement of the threads is probed: "
                 "figures mean little when it changed or when something else runs. bench/README.md says how the project's "
                 "bars are reproduced.",
        .notes_zh = "每个百分比都以同一时刻测得的上限为准。测前测后各探一次线程位置：若位置变了或机器上有别的任务，数字就没有意义。"
                    "bench/README.md 说明如何复现本项目的指标。",
        .flags = flags,
        .min_args = 1,
        .max_args = 1};
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    if (cli_config_apply(&c, &args, &err)) return cli_fail(&err);
    const char *const *suites = lf_bench_suites();
    int n = 0;
    bool known = false;
    for (; suites[n]; n++) known |= strcmp(suites[n], args.v[0]) == 0;
    if (!known) {
        const char *near = cli_nearest(args.v[0], suites, n);
        char hint[64];
        snprintf(hint, sizeof hint, "foundry bench %s", near ? near : "machine");
        return cli_usage_error(hint, cli_say("foundry bench: there is no suite \"%s\"", "foundry bench：没有测试集 \"%s\""), args.v[0]);
    }
    lf_device *device = cli_device_of(&c, &err);
    if (!device) return cli_fail(&err);
    cli_catch_signals();
    int status = run_suite(device, args.v[0], &(lf_bench_options){.seconds = seconds, .all = all}, json, &err);
    lf_device_close(&device);
    return status ? cli_fail(&err) : CLI_OK;
}
