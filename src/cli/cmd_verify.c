/* cmd_verify.c - `foundry verify`: is my loss right? The library trains a golden run and compares (lf_verify_run), this file says each
 * answer. */
#include "cli/cli.h"

#include <inttypes.h>
#include <string.h>

typedef struct report {
    cli_bar bar;
    bool json;
    int lines, wrong;
} report;

static void on_start(const char *isa, const char *curve_isa, int64_t steps, void *user)
{
    report *r = user;
    cli_live_clear();
    if (r->json)
        printf("{\n  \"isa\": \"%s\",\n  \"curve_isa\": \"%s\",\n  \"lines\": [", isa, curve_isa ? curve_isa : "");
    else
        fprintf(stderr, cli_say("%" PRId64 " steps on %s; the curve was made on %s\n", "训练 %" PRId64 " 步，指令集 %s；曲线来自 %s\n"),
                steps, isa, curve_isa ? curve_isa : isa);
}

static void on_line(const lf_verify_line *l, void *user)
{
    report *r = user;
    r->wrong += !l->right;
    if (r->json) {
        printf("%s\n    {\"step\": %" PRId64 ", \"loss\": %.17g, \"expected\": %.17g, \"band\": %g, \"right\": %s}", r->lines ? "," : "",
               l->step, l->loss, l->expected, l->band, l->right ? "true" : "false");
    } else {
        printf(cli_say("step %" PRId64 ": %.4f, expected %.4f ", "第 %" PRId64 " 步：%.4f，应为 %.4f "), l->step, l->loss, l->expected);
        if (l->band > 0)
            printf("± %g", l->band);
        else
            printf("%s", cli_say("to the last bit", "一位不差"));
        printf("%s%s%s%s\n", cli_say(": ", "："), cli_color(stdout, l->right ? CLI_GREEN : CLI_RED),
               l->right ? cli_say("right", "正确") : cli_say("wrong", "不对"), cli_color(stdout, CLI_PLAIN));
        fflush(stdout);
    }
    r->lines++;
}

static bool should_stop(void *user)
{
    (void)user;
    return cli_interrupted();
}

static int on_progress(const char *what, double done, double total, const char *unit, void *user)
{
    return cli_progress(what, done, total, unit, &((report *)user)->bar);
}

int cmd_verify(int argc, char **argv)
{
    report r = {0};
    const char *data = NULL, *update = NULL;
    int64_t steps = 0;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--steps", .type = CLI_INT, .value = &steps, .lo = 1, .hi = 1000000, .meta = "N",
         .help = "how far; without it a part of the run that takes a minute or two", .help_zh = "训练多少步；不指定则只跑一两分钟"},
        {.name = "--data", .type = CLI_TEXT, .value = &data, .meta = "FILE",
         .help = "the text of shakespeare-char (its SHA-256 is checked)", .help_zh = "shakespeare-char 的文本（会核对 SHA-256）"},
        {.name = "--isa", .type = CLI_OPTION, .choices = "isa", .meta = "NAME"},
        {.name = "--threads", .type = CLI_OPTION, .choices = "threads", .meta = "N"},
        {.name = "--update", .type = CLI_TEXT, .value = &update, .meta = "FILE",
         .help = "for maintainers: write the curve instead of comparing", .help_zh = "供维护者使用：写出曲线而不是比较"},
        {.name = "--json", .type = CLI_SWITCH, .value = &r.json, .help = "for programs", .help_zh = "供程序读取"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {
        .name = "verify",
        .summary = "train a golden run: is every loss what it should be?",
        .summary_zh = "跑一次标准训练：每个损失都对吗？",
        .example = "foundry verify char\nfoundry verify stories-3m --threads 2\n"
                   "foundry verify shakespeare-char --data tinyshakespeare.txt",
        .usage = "foundry verify char|stories-3m|shakespeare-char [--steps N]",
        .notes = "The text comes from `foundry data synth`, the recipe is the preset of that name, in fp32. On neon, avx2 and avx512 each "
                 "loss must be equal to the last bit, for any number of threads and on any machine; on other instruction sets "
                 "within the band that is printed.",
        .notes_zh =
            "文本由 `foundry data synth` 生成，配方是同名预设，fp32。在 neon、avx2 与 avx512 上，无论线程数和机器，每个损失都必须一位不差；"
            "其他指令集则须在所示范围内。",
        .flags = flags,
        .min_args = 1,
        .max_args = 1};
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    if (cli_config_apply(&c, &args, &err)) return cli_fail(&err);
    lf_device *device = cli_device_of(&c, &err);
    if (!device) return cli_fail(&err);
    lf_verify_options o = {.steps = steps,
                           .data = data,
                           .update = update,
                           .user = &r,
                           .on_start = on_start,
                           .on_line = on_line,
                           .should_stop = should_stop,
                           .progress = on_progress};
    cli_catch_signals();
    int status = lf_verify_run(device, args.v[0], &o, &err);
    lf_device_close(&device);
    cli_live_clear();
    if (r.json && (r.lines || !status)) printf("\n  ],\n  \"right\": %s\n}\n", status ? "false" : "true");
    if (status) return cli_fail(&err);
    if (update)
        fprintf(stderr, cli_say("wrote %s\n", "已写入 %s\n"), update);
    else if (!r.json)
        printf(cli_say("all %d losses are right\n", "全部 %d 个损失都正确\n"), r.lines);
    return CLI_OK;
}
