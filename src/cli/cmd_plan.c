/* cmd_plan.c - `foundry plan`: a recipe's size, memory, speed and time before anything is trained; `foundry train --dry-run` is the same.
 * The library measures (lf_plan_run), this file words it. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void label(const char *name, const char *name_zh)
{
    fputs(cli_color(stdout, CLI_CYAN), stdout);
    cli_pad(stdout, cli_say(name, name_zh), 9);
    fputs(cli_color(stdout, CLI_PLAIN), stdout);
}

/* "18.2 M" for the unit that follows. */
static const char *flops(char out[32], double n)
{
    static const char *const units[] = {"", "k", "M", "G", "T", "P"};
    int u = 0;
    for (; n >= 999.5 && u < 5; u++) n /= 1000;
    snprintf(out, 32, "%.3g %sFLOP", n, units[u]);
    return out;
}

static void print_memory(const lf_plan *p)
{
    static const char *const names[][3] = {{"model", "weights and their packed copies", "权重及其打包副本"},
                                           {"gradient", "gradients", "梯度"},
                                           {"optimizer", "optimizer state", "优化器状态"},
                                           {"staging", "a checkpoint while it is written", "正在写出的检查点"},
                                           {"step", "activations of a micro-batch", "一个微批次的激活值"},
                                           {"scratch", "scratch of one block", "单层的临时空间"},
                                           {"meta", "records of the tape", "计算记录"},
                                           {"evaluation scratch", "evaluation", "评估"}};
    char a[32], b[32];
    label("memory", "内存");
    printf(p->fits ? cli_say("%s of %s available: it fits\n", "需要 %s，可用 %s：放得下\n")
                   : cli_say("%s, but %s are available: it does not fit\n", "需要 %s，可用仅 %s：放不下\n"),
           cli_human_bytes(a, (double)p->bytes), cli_human_bytes(b, (double)p->memory_available));
    for (int i = 0; i < p->n_arenas; i++) {
        const char *what = NULL;
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            if (strcmp(names[k][0], p->arenas[i].name) == 0) what = cli_say(names[k][1], names[k][2]);
        if (!what || p->arenas[i].bytes * 1000 < p->bytes) continue; /* all of them: --json */
        printf("%*s%10s  %s\n", 9, "", cli_human_bytes(a, (double)p->arenas[i].bytes), what);
    }
    if (p->fits) return;
    if (*p->advice) {
        printf("%*s", 9, "");
        printf(cli_say("it would with %s: %s\n", "改用 %s 即可：%s\n"), p->advice, cli_human_bytes(a, (double)p->advice_bytes));
    } else {
        printf("%*s", 9, "");
        printf(cli_say("no micro-batch is small enough, the least is %s: fewer layers, a smaller hidden_size or a smaller vocabulary\n",
                       "再小的微批次也放不下（至少 %s）：请减少层数、hidden_size 或词表\n"),
               cli_human_bytes(a, (double)p->least_bytes));
    }
}

static void print_text(const lf_plan *p)
{
    char a[64], b[32], c[32];
    label("model", "模型");
    printf(cli_say("%s parameters, %s per token (%s causal)\n", "%s 个参数，每词元 %s（因果计算 %s）\n"),
           cli_human_count(a, (double)p->parameters), flops(b, p->flops_per_token), flops(c, p->causal_flops_per_token));
    label("work", "工作量");
    double tokens = (double)p->steps * (double)p->tokens_per_step;
    printf(cli_say("%s of %s tokens, %s in all", "%s，每步 %s 个词元，共 %s"),
           cli_human_things(a, (double)p->steps, "step", "steps", " 步"), cli_human_count(b, (double)p->tokens_per_step),
           flops(c, tokens * p->flops_per_token));
    if (p->train_tokens) printf(cli_say("; %.2f epochs", "；%.2f 遍"), tokens / (double)p->train_tokens);
    putchar('\n');
    print_memory(p);
    if (p->step_seconds > 0) {
        label("speed", "速度");
        printf(cli_say("%s tokens/s, %.0f GFLOP/s = %.0f%% of the %.0f that the registers reach\n",
                       "每秒 %s 个词元，%.0f GFLOP/s，是寄存器峰值的 %.0f%%（%.0f）\n"),
               cli_human_count(a, p->tokens_per_second), p->gflops, 100 * p->gflops / p->peak_gflops, p->peak_gflops);
        label("time", "时间");
        printf(cli_say("%s: steps %s", "%s：训练 %s"), cli_human_time(a, p->eta), cli_human_time(b, p->step_seconds * (double)p->steps));
        if (p->evaluation_seconds >= 0.5) printf(cli_say(", evaluations %s", "，评估 %s"), cli_human_time(a, p->evaluation_seconds));
        if (p->sample_seconds >= 0.5) printf(cli_say(", samples at most %s", "，试写至多 %s"), cli_human_time(a, p->sample_seconds));
        putchar('\n');
    }
    if (*p->note) {
        static const char *const remarks[][2] = {{"there is no data yet: random tokens are timed, and a validation split is assumed",
                                                  "还没有数据：用随机词元计时，并假定留出一份来验证"},
                                                 {"token counts are estimated from a sample of the text; random tokens are timed",
                                                  "词元数由文本的一段样本估计；用随机词元计时"}};
        const char *note = p->note; /* the library's words are English */
        for (size_t i = 0; i < sizeof remarks / sizeof *remarks; i++)
            if (strcmp(remarks[i][0], p->note) == 0) note = cli_say(remarks[i][0], remarks[i][1]);
        label("note", "说明");
        cli_wrap(stdout, note, 9, 9);
    }
}

static void print_json(const lf_plan *p)
{
    printf("{\n  \"parameters\": %" PRId64 ",\n  \"matmul_parameters\": %" PRId64 ",\n", p->parameters, p->matmul_parameters);
    printf("  \"flops_per_token\": %.0f,\n  \"causal_flops_per_token\": %.0f,\n", p->flops_per_token, p->causal_flops_per_token);
    printf("  \"vocab_size\": %" PRId64 ",\n  \"seq_len\": %" PRId64 ",\n  \"micro_batch_tokens\": %" PRId64 ",\n", p->vocab_size,
           p->seq_len, p->micro_batch_tokens);
    printf("  \"tokens_per_step\": %" PRId64 ",\n  \"steps\": %" PRId64 ",\n", p->tokens_per_step, p->steps);
    printf("  \"train_tokens\": %" PRIu64 ",\n  \"val_tokens\": %" PRIu64 ",\n  \"arenas\": {", p->train_tokens, p->val_tokens);
    for (int i = 0; i < p->n_arenas; i++) printf("%s\n    \"%s\": %" PRIu64, i ? "," : "", p->arenas[i].name, p->arenas[i].bytes);
    printf("\n  },\n  \"bytes\": %" PRIu64 ",\n  \"memory_total\": %" PRIu64 ",\n  \"memory_available\": %" PRIu64 ",\n", p->bytes,
           p->memory_total, p->memory_available);
    printf("  \"fits\": %s,\n  \"advice\": ", p->fits ? "true" : "false");
    cli_json_string(stdout, p->advice);
    printf(",\n  \"advice_bytes\": %" PRIu64 ",\n  \"least_bytes\": %" PRIu64, p->advice_bytes, p->least_bytes);
    if (p->step_seconds > 0) {
        printf(",\n  \"step_seconds\": %.6g,\n  \"evaluation_seconds\": %.6g,\n  \"sample_seconds\": %.6g", p->step_seconds,
               p->evaluation_seconds, p->sample_seconds);
        printf(",\n  \"tokens_per_second\": %.6g,\n  \"gflops\": %.6g,\n  \"peak_gflops\": %.6g,\n  \"eta_seconds\": %.6g",
               p->tokens_per_second, p->gflops, p->peak_gflops, p->eta);
    }
    printf(",\n  \"note\": ");
    cli_json_string(stdout, p->note);
    puts("\n}");
}

static bool should_stop(void *user)
{
    (void)user;
    return cli_interrupted();
}

int cli_plan(lf_device *device, const lf_config *config, double seconds, bool json)
{
    lf_error err = {0};
    lf_plan plan;
    cli_bar bar = {0};
    lf_train_hooks hooks = {.user = &bar, .progress = cli_progress, .should_stop = should_stop};
    cli_catch_signals();
    int rc = lf_plan_run(&plan, device, config, seconds, &hooks, &err);
    cli_live_clear();
    if (rc) return cli_fail(&err);
    (json ? print_json : print_text)(&plan);
    return CLI_OK;
}

int cmd_plan(int argc, char **argv)
{
    bool json = false;
    double seconds = 3;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--seconds", .type = CLI_REAL, .value = &seconds, .lo = 0, .hi = 3600, .meta = "S",
         .help = "how long to train in memory for the speed; 0 = sizes only", .help_zh = "在内存中试训多少秒来测速；0 = 只算大小"},
        {.name = "--json", .type = CLI_SWITCH, .value = &json,
         .help = "for programs; every arena to the byte", .help_zh = "供程序读取；各内存区精确到字节"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {.name = "plan",
                           .summary = "what a recipe needs before it is trained: size, memory, time",
                           .summary_zh = "训练之前先看：参数、内存、速度、时间",
                           .example = "foundry plan configs/stories-3m.yaml\n"
                                      "foundry plan stories-3m --model.vocab_size 4096 --model.hidden_size 768 --seconds 0 --json",
                           .usage = "foundry plan RECIPE.yaml|PRESET [--any.option VALUE ...] [--seconds S] [--json]",
                           .notes =
                               "Writes nothing. Memory is what the run will reserve, to the byte. The time leaves out writing checkpoints.",
                           .notes_zh = "不写任何文件。内存与实际训练预留的完全一致。时间不含写检查点。",
                           .flags = flags,
                           .min_args = 1,
                           .max_args = 1,
                           .config_keys = true};
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_error err = {0};
    lf_config config;
    lf_config_init(&config);
    if (lf_config_load(&config, args.v[0], &err) || cli_config_apply(&config, &args, &err)) return cli_fail(&err);
    lf_device *device = cli_device_of(&config, &err);
    if (!device) return cli_fail(&err);
    int code = cli_plan(device, &config, seconds, json);
    lf_device_close(&device);
    return code;
}
