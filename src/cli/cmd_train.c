/* cmd_train.c - `foundry train`: one call into the library (lf_train_run), and everything a person sees of it: first lines, a live
 * status line, evaluations, samples, checkpoints, the curve at the end. What programs read is metrics.jsonl, written by the library. */
#include "cli/cli.h"
#include "cli/cli_plot.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the hooks share. */
typedef struct ui {
    const lf_config *config;
    bool unicode, sample_failed;
    cli_bar bar;
    double drawn;  /* when the live line was */
    cli_rate rate; /* of tokens, from one line to the next */
    lf_train_metrics last;
    int64_t steps_done, skipped, saved; /* saved: the step of the last checkpoint, 0 = there is none */
    double flops_per_token;
    char run_dir[LF_CONFIG_PATH_MAX];
} ui;

/* ---- lines -------------------------------------------------------------------------------------------------------------------- */
static void label(const char *name, const char *name_zh)
{
    fputs(cli_color(stderr, CLI_CYAN), stderr);
    cli_pad(stderr, cli_say(name, name_zh), 9);
    fputs(cli_color(stderr, CLI_PLAIN), stderr);
}

/* "4.1M", or with a gap "18.2 M" for the unit that follows. */
static char *short_count(char out[32], double n, const char *gap)
{
    static const char *const units[] = {"", "k", "M", "G", "T", "P"};
    int u = 0;
    for (; n >= 999.5 && u < 5; u++) n /= 1000;
    snprintf(out, 32, n < 99.95 && u ? "%.1f%s%s" : "%.0f%s%s", n, gap, units[u]);
    return out;
}

/* A line after this step ends here: the next one's speed counts from now. */
static void mark_time(ui *u, int64_t step) { u->rate.at = cli_now(), u->rate.done = (double)step * (double)u->config->train.batch_tokens; }

static void on_start(const lf_train_start *s, void *user)
{
    ui *u = user;
    const lf_train_config *t = &u->config->train;
    char a[64], b[32], c[32];
    cli_live_clear();
    snprintf(u->run_dir, sizeof u->run_dir, "%s", s->run_dir);
    u->steps_done = s->resumed_from > 0 ? s->resumed_from : 0;
    u->saved = u->steps_done;
    u->flops_per_token = s->flops_per_token;
    mark_time(u, u->steps_done);
    label("run", "运行");
    fprintf(stderr, cli_say("%s, ", "%s，"), s->run_dir);
    if (s->resumed_from >= t->steps)
        fprintf(stderr, cli_say("finished: %s; raise --train.steps to go on\n", "已完成：%s；要继续请增大 --train.steps\n"),
                cli_human_things(a, (double)s->resumed_from, "step", "steps", " 步"));
    else if (s->resumed_from >= 0)
        fprintf(stderr, cli_say("resumed from step %s of %s\n", "从第 %s 步继续，共 %s 步\n"), cli_human_count(a, (double)s->resumed_from),
                cli_human_count(b, (double)t->steps));
    else
        fprintf(stderr, cli_say("a fresh start, %s\n", "全新开始，共 %s\n"), cli_human_things(a, (double)t->steps, "step", "steps", " 步"));
    label("model", "模型");
    fprintf(stderr, cli_say("%s parameters, %sFLOP per token\n", "%s 个参数，每词元 %sFLOP\n"), cli_human_count(a, (double)s->parameters),
            short_count(b, s->flops_per_token, " "));
    label("data", "数据");
    double asked = (double)t->steps * (double)s->tokens_per_step;
    fprintf(stderr, cli_say("%s tokens + %s to validate; %s a step, %.2f epochs\n", "训练 %s 个词元，验证 %s 个；每步 %s 个，共 %.2f 遍\n"),
            cli_human_count(a, (double)s->train_tokens), cli_human_count(b, (double)s->val_tokens),
            cli_human_count(c, (double)s->tokens_per_step), s->train_tokens ? asked / (double)s->train_tokens : 0);
    label("machine", "机器");
    fprintf(stderr, cli_say("%s, %s, %s of memory\n", "%s，%s，内存 %s\n"), s->isa,
            cli_human_things(a, s->threads, "thread", "threads", " 个线程"), cli_human_bytes(b, (double)s->arena_bytes));
    for (const char *note = s->note ? s->note : ""; *note; note += *note == '\n') { /* one remark a line */
        char text[1024];
        size_t n = strcspn(note, "\n");
        snprintf(text, sizeof text, "%.*s", (int)n, note);
        label("note", "说明");
        if (cli_is_terminal(stderr))
            cli_wrap(stderr, text, 9, 9);
        else
            fprintf(stderr, "%s\n", text); /* not wrapped, for whoever reads the log with grep */
        note += n;
    }
    fputc('\n', stderr);
}

/* Parts of the status line, the least important last: what does not fit is left out. Speeds are those since the last line of any
 * kind (smoothed on a terminal); of single steps they stand in metrics.jsonl. */
static void status_line(ui *u, const lf_train_metrics *m, char *out, size_t size, bool terminal)
{
    char parts[8][64], rate[32], flops[32], eta[32];
    int n = 0, width = (int)snprintf(NULL, 0, "%" PRId64, m->steps);
    double speed = cli_rate_look(&u->rate, cli_now(), (double)m->tokens, terminal);
    if (speed <= 0) speed = m->tokens_per_second; /* a terminal's first half second */
    snprintf(parts[n++], 64, "step %*" PRId64 "/%" PRId64, width, m->step, m->steps);
    snprintf(parts[n++], 64, "loss %.4f", m->loss);
    snprintf(parts[n++], 64, "ETA %s", cli_human_time(eta, m->eta));
    snprintf(parts[n++], 64, "%s tok/s", cli_human_count(rate, speed));
    snprintf(parts[n++], 64, "lr %.2e", m->lr);
    snprintf(parts[n++], 64, m->skipped ? "grad %.3f, skipped" : "grad %.3f", m->grad_norm);
    snprintf(parts[n++], 64, "%sFLOP/s", short_count(flops, u->flops_per_token * speed, " "));
    static const int order[] = {0, 1, 4, 5, 3, 6, 2}; /* as they are read */
    int limit = terminal ? cli_width() - 1 : 1 << 20, keep = 0, used = -2, cells = 0;
    while (keep < n && used + 2 + (int)strlen(parts[keep]) <= limit) used += 2 + (int)strlen(parts[keep++]);
    if (terminal && u->unicode && limit - used >= 16) cells = limit - used - 8 < 20 ? limit - used - 8 : 20;
    size_t at = 0;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if (order[i] >= keep) continue;
        if (at) at += (size_t)snprintf(out + at, size - at, "  ");
        at += (size_t)snprintf(out + at, size - at, "%s", parts[order[i]]);
        if (i || cells < 4) continue;
        int full = m->steps > 0 ? (int)((double)cells * (double)m->step / (double)m->steps) : 0;
        at += (size_t)snprintf(out + at, size - at, " %s", cli_color(stderr, CLI_CYAN));
        for (int c = 0; c < cells; c++) at += (size_t)snprintf(out + at, size - at, "%s", c < full ? "█" : "·");
        at += (size_t)snprintf(out + at, size - at, "%s", cli_color(stderr, CLI_PLAIN));
    }
}

static void on_step(const lf_train_metrics *m, void *user)
{
    ui *u = user;
    char line[1024];
    bool terminal = cli_is_terminal(stderr);
    u->last = *m;
    u->steps_done = m->step;
    u->skipped += m->skipped;
    int64_t every = u->config->train.log_every > 0 ? u->config->train.log_every : 1;
    if (terminal) {
        if (cli_now() - u->drawn < 0.1 && m->step != m->steps) return;
        u->drawn = cli_now();
        status_line(u, m, line, sizeof line, true);
        cli_live_line(line);
    } else if (m->step % every == 0 || m->step == 1 || m->step == m->steps) {
        status_line(u, m, line, sizeof line, false);
        fprintf(stderr, "%s\n", line);
    }
}

static void on_eval(const lf_train_metrics *m, void *user)
{
    bool narrow = cli_is_terminal(stderr) && cli_width() < 92;
    cli_live_clear();
    fprintf(stderr, cli_say("%sstep %" PRId64 "%s  val %s%.4f%s  ppl %.3g", "%s第 %" PRId64 " 步%s  验证 %s%.4f%s  困惑度 %.3g"),
            cli_color(stderr, CLI_BOLD), m->step, cli_color(stderr, CLI_PLAIN), cli_color(stderr, CLI_GREEN), m->val_loss,
            cli_color(stderr, CLI_PLAIN), exp(m->val_loss));
    if (!isnan(m->val_bpb)) fprintf(stderr, "  %.4f %s", m->val_bpb, narrow ? "bpb" : cli_say("bits/byte", "比特/字节"));
    if (!isnan(m->val_floor_bpb) && m->val_floor_bpb > 0) {
        fprintf(stderr, cli_say(" = %s%.3f x floor%s", " = 下界的 %s%.3f 倍%s"), cli_color(stderr, CLI_GREEN),
                m->val_bpb / m->val_floor_bpb, cli_color(stderr, CLI_PLAIN));
        if (!narrow) fprintf(stderr, cli_say(" %.4f", "（下界 %.4f）"), m->val_floor_bpb);
    }
    if (!isnan(m->val_excess_bits)) fprintf(stderr, cli_say("  %+.1f bits/story", "  每个故事 %+.1f 比特"), m->val_excess_bits);
    fputc('\n', stderr);
    mark_time(user, m->step);
}

static void on_checkpoint(int64_t step, const char *dir, double seconds, void *user)
{
    char t[32];
    ((ui *)user)->saved = step;
    cli_live_clear();
    fprintf(stderr, cli_say("%ssaved %s (%s)%s\n", "%s已保存 %s（%s）%s\n"), cli_color(stderr, CLI_DIM), dir, cli_human_time(t, seconds),
            cli_color(stderr, CLI_PLAIN));
    mark_time(user, step);
}

/* ---- samples ------------------------------------------------------------------------------------------------------------------ */
static int to_stream(const char *bytes, size_t n, void *user) { return fwrite(bytes, 1, n, user) != n || cli_interrupted(); }

/* A text as a quoted block of at most three lines. */
static void quote(const ui *u, const char *text)
{
    enum { LINES = 3 };
    const char *p = text;
    int width = (cli_width() < 110 ? cli_width() : 110) - 5;
    while (*p == '\n' || *p == ' ') p++;
    for (int line = 0; line < LINES && *p; line++) {
        int columns = 0;
        const char *end = p, *space = NULL; /* break at the last space that fits, or anywhere in Chinese */
        while (*end && *end != '\n') {
            char one[5] = {0};
            size_t n = 1;
            while (n < 4 && ((unsigned char)end[n] & 0xC0) == 0x80) n++;
            memcpy(one, end, n);
            int wide = cli_columns(one);
            if (columns + wide > width) break;
            if (*end == ' ') space = end;
            columns += wide, end += n;
        }
        bool broken = *end && *end != '\n';
        if (broken && space && (unsigned char)*end < 128) end = space;
        const char *bar = !u->unicode ? "|" : line ? "│" : "┌";
        fprintf(stderr, "  %s%s%s %.*s%s\n", cli_color(stderr, CLI_CYAN), bar, cli_color(stderr, CLI_PLAIN), (int)(end - p), p,
                line == LINES - 1 && *end && end[1] ? (u->unicode ? " …" : " ...") : "");
        for (p = end; *p == ' ' || *p == '\n';) p++;
    }
}

static void on_sample(int64_t step, lf_model *model, const lf_tokenizer *tokenizer, const char *samples_dir, void *user)
{
    ui *u = user;
    char path[2 * LF_CONFIG_PATH_MAX];
    snprintf(path, sizeof path, "%s/step-%06" PRId64 ".txt", samples_dir, step);
    FILE *file = fopen(path, "w");
    cli_live_clear();
    const char *prompts = u->config->sampler.prompts;
    for (const char *p = prompts;; p++) {
        size_t n = strcspn(p, "|"), size = 0;
        char *text = NULL;
        FILE *kept = open_memstream(&text, &size);
        lf_error err = {0};
        if (kept) {
            fwrite(p, 1, n, kept);
            int rc = lf_generate(model, tokenizer, p, n, &u->config->sampler, to_stream, kept, NULL, &err);
            fclose(kept);
            if (rc && !u->sample_failed)
                fprintf(stderr, cli_say("%swarning:%s no sample of \"%.*s\": %s\n", "%s警告：%s没有“%.*s”的样本：%s\n"),
                        cli_color(stderr, CLI_YELLOW), cli_color(stderr, CLI_PLAIN), (int)n, p, err.message);
            u->sample_failed |= rc != 0;
            if (!rc && file) fprintf(file, "%s%s\n", p == prompts ? "" : LF_END_TOKEN "\n", text);
            if (!rc) quote(u, text);
        }
        free(text);
        p += n;
        if (!*p || cli_interrupted()) break;
    }
    if (!file || fclose(file))
        fprintf(stderr, cli_say("%swarning:%s %s: cannot write the samples: %s\n", "%s警告：%s%s：无法写出样本：%s\n"),
                cli_color(stderr, CLI_YELLOW), cli_color(stderr, CLI_PLAIN), path, strerror(errno));
    mark_time(u, step);
}

/* ---- where the time went -------------------------------------------------------------------------------------------------------- */
static void on_profile(const lf_train_profile *p, void *user)
{
    (void)user;
    char a[32];
    cli_live_clear();
    fprintf(stderr, cli_say("\nwhere %s went (registers %.0f GFLOP/s", "\n%s 的去向（寄存器峰值 %.0f GFLOP/s"),
            cli_human_time(a, p->seconds), p->peak_gflops);
    if (p->peak_gflops_bf16 > 0) fprintf(stderr, cli_say(", in bf16 %.0f", "，bf16 %.0f"), p->peak_gflops_bf16);
    fprintf(stderr, cli_say(", memory %.0f GB/s)\n", "，内存 %.0f GB/s）\n"), p->read_gbs);
    static const struct {
        const char *en, *zh;
        int width;
    } heads[] = {{"op", "操作", 26},         {"time", "时间", 9}, {"share", "占比", 8},
                 {"GFLOP/s", "GFLOP/s", 10}, {"GB/s", "GB/s", 9}, {"of ceiling", "达到上限", 12}};
    fputs(cli_color(stderr, CLI_BOLD), stderr);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        const char *text = cli_say(heads[i].en, heads[i].zh);
        if (i)
            fprintf(stderr, "%*s%s", heads[i].width - cli_columns(text), "", text);
        else
            cli_pad(stderr, text, heads[i].width);
    }
    fprintf(stderr, "%s\n", cli_color(stderr, CLI_PLAIN));
    for (int i = 0; i < p->n_rows; i++) {
        const lf_profile_row *r = &p->rows[i];
        char name[96];
        snprintf(name, sizeof name, "%s%s%s", r->op, *r->phase ? " " : "", r->phase);
        cli_pad(stderr, name, 26);
        fprintf(stderr, "%8.2fs %6.1f%%", r->seconds, 100 * r->share);
        if (r->bytes > 0)
            fprintf(stderr, " %9.1f %8.1f %10.0f%%\n", r->flops / r->seconds * 1e-9, r->bytes / r->seconds * 1e-9, 100 * r->ceiling);
        else
            fputc('\n', stderr);
    }
}

/* ---- the end ------------------------------------------------------------------------------------------------------------------ */
static void draw_curve(const ui *u)
{
    plot_curve curve;
    if (cli_plot_read(&curve, u->run_dir, NULL)) return;
    int width = cli_width() < 100 ? cli_width() : 100;
    char *drawing = cli_plot_loss(&curve, &(plot_style){.width = width,
                                                        .height = 13,
                                                        .unicode = u->unicode,
                                                        .color = cli_color(stderr, CLI_CYAN)[0] != 0,
                                                        .zh = cli_language()[0] == 'z'});
    if (drawing) fprintf(stderr, "\n%s\n", drawing);
    free(drawing);
    cli_plot_release(&curve);
}

/* An argument as a shell wants it. */
static void print_quoted(FILE *f, const char *arg)
{
    if (*arg && !arg[strspn(arg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=,:+@%")]) {
        fputs(arg, f);
        return;
    }
    fputc('\'', f);
    for (; *arg; arg++) fputs(*arg == '\'' ? "'\\''" : (char[]){*arg, 0}, f);
    fputc('\'', f);
}

static int finish(ui *u, int rc, const lf_error *err, int argc, char *const *argv)
{
    char a[64], b[32];
    cli_live_clear();
    if (rc && err->code == LF_E_INTERRUPTED && !*u->run_dir) { /* while the data was prepared: there is no run yet */
        fprintf(stderr, cli_say("\nstopped before the first step; nothing was saved. To begin again, the same command.\n",
                                "\n在第一步之前停止，没有保存任何内容。再次运行同一命令即可重新开始。\n"));
        return CLI_INTERRUPTED;
    }
    if (rc && err->code == LF_E_INTERRUPTED) {
        fprintf(stderr,
                cli_say("\nstopped at step %s, everything is saved. To go on:\n  foundry train",
                        "\n已停在第 %s 步，全部已保存。继续：\n  foundry train"),
                cli_human_count(a, (double)u->steps_done));
        for (int i = 1; i < argc; i++) {
            size_t n = strcspn(argv[i], "=");
            if ((n == 8 && !strncmp(argv[i], "--resume", n)) || (n == 12 && !strncmp(argv[i], "--run.resume", n))) {
                i += argv[i][n] != '='; /* from here on it is "auto" */
                continue;
            }
            fputc(' ', stderr), print_quoted(stderr, argv[i]);
        }
        fputc('\n', stderr);
        return CLI_INTERRUPTED;
    }
    if (rc && err->code == LF_E_NUMERIC && u->saved) {
        int code = cli_fail(err);
        snprintf(a, sizeof a, cli_say("step-%06" PRId64 " is untouched", "step-%06" PRId64 " 未受影响"), u->saved);
        cli_log_sink(LF_LOG_NOTE, a, NULL);
        return code;
    }
    if (rc) return cli_fail(err);
    if (u->last.step)
        fprintf(stderr, cli_say("done: %s, %s tokens, %s\n", "完成：%s，%s 个词元，%s\n"),
                cli_human_things(a, (double)u->last.steps, "step", "steps", " 步"), short_count(b, (double)u->last.tokens, ""),
                cli_human_time((char[32]){0}, u->last.seconds));
    if (u->skipped)
        fprintf(stderr, cli_say("skipped %s: \"skipped\" in metrics.jsonl\n", "跳过了 %s：见 metrics.jsonl 中的 \"skipped\"\n"),
                cli_human_things(a, (double)u->skipped, "update", "updates", " 次更新"));
    if (*u->run_dir) {
        draw_curve(u);
        fprintf(stderr, "%s", cli_say("next: foundry generate ", "下一步：foundry generate "));
        print_quoted(stderr, u->run_dir);
        size_t n = strcspn(u->config->sampler.prompts, "|");
        char prompt[LF_CONFIG_PATH_MAX];
        snprintf(prompt, sizeof prompt, "%.*s", (int)n, u->config->sampler.prompts);
        if (prompt[strspn(prompt, " \n\t")]) fprintf(stderr, " --prompt "), print_quoted(stderr, prompt);
        fputc('\n', stderr);
    }
    return CLI_OK;
}

static bool should_stop(void *user)
{
    (void)user;
    return cli_interrupted();
}

static int on_progress(const char *what, double done, double total, const char *unit, void *user)
{
    return cli_progress(what, done, total, unit, &((ui *)user)->bar);
}

int cmd_train(int argc, char **argv)
{
    bool dry_run = false, profile = false;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--dry-run", .type = CLI_SWITCH, .value = &dry_run,
         .help = "only say what it needs, as `foundry plan` does", .help_zh = "只说明需要什么，同 `foundry plan`"},
        {.name = "--profile", .type = CLI_SWITCH, .value = &profile,
         .help = "at the end, a table of where the time went, op by op", .help_zh = "结束时列出各操作的用时"},
        {.name = "--resume", .type = CLI_OPTION, .choices = "run.resume", .meta = "auto|never|PATH"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {
        .name = "train",
        .summary = "train a model as a recipe says; resumes by itself",
        .summary_zh = "按配方训练模型；中断后自动续训",
        .example = "foundry train configs/stories-3m.yaml --train.steps 500\n"
                   "foundry train char --data.train my.txt --run.dir runs/mine --threads 2",
        .usage = "foundry train RECIPE.yaml|PRESET [--any.option VALUE ...]",
        .notes = "Ctrl-C saves a checkpoint and stops; the same command goes on from there. A second Ctrl-C stops at once.",
        .notes_zh = "Ctrl-C 会先保存检查点再停止；再次运行同一命令即可继续。第二次 Ctrl-C 立即退出。",
        .flags = flags,
        .min_args = 1,
        .max_args = 1,
        .config_keys = true,
    };
    cli_args args;
    char **original = calloc((size_t)argc + 1, sizeof *original); /* cli_parse moves the arguments */
    if (original) memcpy(original, argv, (size_t)argc * sizeof *original);
    lf_error err = {0};
    lf_config config;
    lf_device *device = NULL;
    int code = CLI_OK;
    lf_config_init(&config);
    if (!cli_parse(&spec, argc, argv, &args)) {
        code = args.exit;
    } else if (lf_config_load(&config, args.v[0], &err) || cli_config_apply(&config, &args, &err) || lf_config_check(&config, &err) ||
               !(device = cli_device_of(&config, &err))) {
        code = cli_fail(&err);
    } else if (dry_run) {
        code = cli_plan(device, &config, 3, false);
    } else {
        setlocale(LC_CTYPE, ""); /* only the character set: numbers keep their point */
        ui u = {.config = &config, .unicode = !strcmp(nl_langinfo(CODESET), "UTF-8")};
        lf_train_hooks hooks = {.user = &u,
                                .on_start = on_start,
                                .on_step = on_step,
                                .on_eval = on_eval,
                                .on_sample = on_sample,
                                .on_checkpoint = on_checkpoint,
                                .on_profile = profile ? on_profile : NULL,
                                .progress = on_progress,
                                .should_stop = should_stop};
        cli_catch_signals();
        int rc = lf_train_run(device, &config, &hooks, &err);
        code = finish(&u, rc, &err, original ? argc : 0, original);
    }
    lf_device_close(&device);
    free(original);
    return code;
}
