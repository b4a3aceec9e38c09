/* cmd_generate.c - `foundry generate`: a model talks. Text goes to stdout as it is made; the prompt (on a terminal) in a dim colour;
 * figures go to stderr. */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

enum { PROMPT_MAX = 64 << 20 };

static const char *prompt_text, *prompt_file, *which = "last", *weights = "auto";
static int64_t count = 1;
static bool json, stats_wanted;

/* clang-format off */
static const cli_flag flags[] = {
    {.name = "--prompt", .letter = 'p', .type = CLI_TEXT, .value = &prompt_text, .meta = "TEXT",
     .help = "how the text begins; none: a new document", .help_zh = "文本的开头；不给则从新文档开始"},
    {.name = "--prompt-file", .letter = 'f', .type = CLI_TEXT, .value = &prompt_file, .meta = "FILE",
     .help = "the prompt from a file (- = standard input); one newline at its end is dropped",
     .help_zh = "从文件读取开头（- 为标准输入）；末尾的一个换行会去掉"},
    {.name = "--max-tokens", .letter = 'n', .type = CLI_OPTION, .choices = "sampler.max_tokens", .meta = "N"},
    {.name = "--temperature", .letter = 't', .type = CLI_OPTION, .choices = "sampler.temperature", .meta = "X"},
    {.name = "--top-k", .type = CLI_OPTION, .choices = "sampler.top_k", .meta = "N"},
    {.name = "--top-p", .type = CLI_OPTION, .choices = "sampler.top_p", .meta = "X"},
    {.name = "--min-p", .type = CLI_OPTION, .choices = "sampler.min_p", .meta = "X"},
    {.name = "--repetition-penalty", .type = CLI_OPTION, .choices = "sampler.repetition_penalty", .meta = "X"},
    {.name = "--frequency-penalty", .type = CLI_OPTION, .choices = "sampler.frequency_penalty", .meta = "X"},
    {.name = "--presence-penalty", .type = CLI_OPTION, .choices = "sampler.presence_penalty", .meta = "X"},
    {.name = "--penalty-last-n", .type = CLI_OPTION, .choices = "sampler.penalty_last_n", .meta = "N"},
    {.name = "--dry-multiplier", .type = CLI_OPTION, .choices = "sampler.dry_multiplier", .meta = "X"},
    {.name = "--dry-base", .type = CLI_OPTION, .choices = "sampler.dry_base", .meta = "X"},
    {.name = "--dry-allowed-length", .type = CLI_OPTION, .choices = "sampler.dry_allowed_length", .meta = "N"},
    {.name = "--dry-last-n", .type = CLI_OPTION, .choices = "sampler.dry_last_n", .meta = "N"},
    {.name = "--dry-sequence-breakers", .type = CLI_OPTION, .choices = "sampler.dry_sequence_breakers", .meta = "TEXTS"},
    {.name = "--top-n-sigma", .type = CLI_OPTION, .choices = "sampler.top_n_sigma", .meta = "X"},
    {.name = "--typical-p", .type = CLI_OPTION, .choices = "sampler.typical_p", .meta = "X"},
    {.name = "--xtc-probability", .type = CLI_OPTION, .choices = "sampler.xtc_probability", .meta = "X"},
    {.name = "--xtc-threshold", .type = CLI_OPTION, .choices = "sampler.xtc_threshold", .meta = "X"},
    {.name = "--dynatemp-range", .type = CLI_OPTION, .choices = "sampler.dynatemp_range", .meta = "X"},
    {.name = "--dynatemp-exponent", .type = CLI_OPTION, .choices = "sampler.dynatemp_exponent", .meta = "X"},
    {.name = "--mirostat", .type = CLI_OPTION, .choices = "sampler.mirostat", .meta = "0|1|2"},
    {.name = "--mirostat-tau", .type = CLI_OPTION, .choices = "sampler.mirostat_tau", .meta = "X"},
    {.name = "--mirostat-eta", .type = CLI_OPTION, .choices = "sampler.mirostat_eta", .meta = "X"},
    {.name = "--logit-bias", .type = CLI_OPTION, .choices = "sampler.logit_bias", .meta = "ID=X,..."},
    {.name = "--grammar", .type = CLI_OPTION, .choices = "sampler.grammar", .meta = "FILE"},
    {.name = "--seed", .letter = 's', .type = CLI_OPTION, .choices = "sampler.seed", .meta = "N"},
    {.name = "--sampler-order", .type = CLI_OPTION, .choices = "sampler.order", .meta = "STAGES"},
    {.name = "--checkpoint", .letter = 'c', .type = CLI_TEXT, .value = &which, .meta = "last|best|step-N",
     .help = "which checkpoint of a run", .help_zh = "使用哪个检查点"},
    {.name = "--weights", .letter = 'w', .type = CLI_CHOICE, .value = &weights, .choices = "auto|f32|bf16|q8_0|q4_0|iq4_nl|q4_k|q5_k|q6_k",
     .help = "what weights are kept as; auto: as the file has them", .help_zh = "权重以何种类型保存在内存中；auto：与文件相同"},
    {.name = "--count", .type = CLI_INT, .value = &count, .lo = 1, .hi = 1000000, .meta = "N",
     .help = "that many texts, with seeds S, S+1, ..., divided by " LF_END_TOKEN " lines",
     .help_zh = "生成 N 篇，种子为 S、S+1……，以 " LF_END_TOKEN " 行分隔"},
    {.name = "--threads", .type = CLI_OPTION, .choices = "threads", .meta = "N"},
    {.name = "--isa", .type = CLI_OPTION, .choices = "isa", .meta = "NAME"},
    {.name = "--json", .type = CLI_SWITCH, .value = &json,
     .help = "one JSON object per text: text, tokens, why it stopped, seconds",
     .help_zh = "每篇输出一个 JSON 对象：文本、词元数、停止原因、用时"},
    {.name = "--stats", .type = CLI_SWITCH, .value = &stats_wanted,
     .help = "figures on stderr even where that is no terminal", .help_zh = "即使标准错误不是终端也输出统计"},
    {0}};
/* clang-format on */

static const cli_spec spec = {
    .name = "generate",
    .summary = "continue a text with a trained model",
    .summary_zh = "用训练好的模型续写文本",
    .example = "foundry generate runs/stories-3m --prompt \"Once upon a time\" --max-tokens 200 --temperature 0.8\n"
               "echo \"To be, or not\" | foundry generate runs/shakespeare-char -",
    .usage = "foundry generate RUN|CHECKPOINT|MODEL_DIR|FILE.gguf [--prompt TEXT | --prompt-file FILE | -] [flags]",
    .notes = "A run means its newest whole checkpoint. The same seed gives the same text on any number of threads. Stages that "
             "--sampler-order does not name do not run. Ctrl-C ends the text, a second one the program.",
    .notes_zh = "给出运行目录时使用其最新的完整检查点。同一种子在任意线程数下生成相同文本。--sampler-order 未列出的步骤不执行。"
                "Ctrl-C 结束当前文本，再按一次退出程序。",
    .flags = flags,
    .min_args = 1,
    .max_args = 2,
};

/* ---- the prompt ------------------------------------------------------------------------------------------------------------- */
typedef struct text {
    char *data;
    size_t n, cap;
} text;

static int text_add(text *t, const char *bytes, size_t n)
{
    if (t->n + n + 1 > t->cap) {
        size_t cap = (t->n + n + 1) * 2;
        char *more = realloc(t->data, cap);
        if (!more) return -1;
        t->data = more, t->cap = cap;
    }
    memcpy(t->data + t->n, bytes, n);
    t->n += n;
    t->data[t->n] = 0;
    return 0;
}

static int read_prompt(text *out, const char *path, lf_error *err)
{
    cli_bytes b;
    if (cli_read(&b, path, PROMPT_MAX, err)) return -1;
    if (b.n && b.data[b.n - 1] == '\n') b.data[--b.n] = 0;
    *out = (text){b.data, b.n, b.n + 1};
    return 0;
}

/* From exactly one of --prompt, --prompt-file and a second argument "-". */
static int get_prompt(text *prompt, const cli_args *args, lf_error *err)
{
    const char *file = prompt_file ? prompt_file : args->n > 1 ? args->v[1] : NULL;
    if (args->n > 1 && strcmp(args->v[1], "-") != 0) {
        lf_error_set(err, LF_E_ARGUMENT, "one argument too many, \"%s\"", args->v[1]);
        return lf_error_hint(err, "--prompt \"%s\"", args->v[1]);
    }
    if ((prompt_text != NULL) + (prompt_file != NULL) + (args->n > 1) > 1)
        return lf_error_set(err, LF_E_ARGUMENT, "the prompt was given twice: one of --prompt, --prompt-file and - is enough");
    if (file) return read_prompt(prompt, file, err);
    if (prompt_text && text_add(prompt, prompt_text, strlen(prompt_text)))
        return lf_error_set(err, LF_E_MEMORY, "no memory for the prompt");
    return 0;
}

/* ---- talking ------------------------------------------------------------------------------------------------------------------ */
typedef struct sink {
    text kept;            /* --json: the whole answer */
    bool broken, newline; /* stdout failed; the text ends with a newline */
    int reason;           /* errno of that */
} sink;

static int on_text(const char *bytes, size_t n, void *user)
{
    sink *s = user;
    s->newline = bytes[n - 1] == '\n';
    if (json)
        s->broken = text_add(&s->kept, bytes, n) != 0;
    else
        s->broken = fwrite(bytes, 1, n, stdout) != n || fflush(stdout) != 0;
    if (s->broken) s->reason = errno;
    return s->broken || cli_interrupted();
}

static const char *why(const lf_generate_stats *s)
{
    return s->finish == LF_FINISH_NONE ? "interrupted" : s->finish == LF_FINISH_LENGTH ? "max_tokens" : lf_finish_name(s->finish);
}

static double rate(int64_t tokens, double seconds) { return seconds > 0 ? (double)tokens / seconds : 0; }

static void print_json(const text *prompt, const sink *s, int64_t seed, const lf_generate_stats *st)
{
    fputs("{\"prompt\": ", stdout);
    cli_json_string(stdout, prompt->data ? prompt->data : "");
    fputs(", \"text\": ", stdout);
    cli_json_string(stdout, s->kept.data ? s->kept.data : "");
    printf(", \"seed\": %" PRId64 ", \"prompt_tokens\": %d, \"tokens\": %" PRId64 ", \"stop\": \"%s\", \"prefill_seconds\": %.6f, "
           "\"decode_seconds\": %.6f, \"prefill_tokens_per_second\": %.1f, \"decode_tokens_per_second\": %.1f}\n",
           seed, st->prompt_tokens, st->tokens, why(st), st->prefill_seconds, st->decode_seconds,
           rate(st->prompt_tokens, st->prefill_seconds), rate(st->tokens, st->decode_seconds));
    fflush(stdout);
}

static void print_stats(const lf_generate_stats *all, const lf_generate_stats *last, int64_t texts, int64_t bytes)
{
    char a[64], b[32], c[64], d[32];
    fprintf(stderr, cli_say("%sprompt %s, %s tok/s; ", "%s开头 %s，%s 词元/秒；"), cli_color(stderr, CLI_DIM),
            cli_human_things(a, all->prompt_tokens, "token", "tokens", " 个词元"),
            cli_human_count(b, rate(all->prompt_tokens, all->prefill_seconds)));
    if (texts > 1) fprintf(stderr, cli_say("%" PRId64 " texts of ", "%" PRId64 " 篇，共 "), texts);
    fprintf(stderr, cli_say("%s, %s tok/s", "生成 %s，%s 词元/秒"), cli_human_things(c, (double)all->tokens, "token", "tokens", " 个词元"),
            cli_human_count(d, rate(all->tokens, all->decode_seconds)));
    double gb = rate(all->tokens, all->decode_seconds) * (double)bytes / 1e9;
    if (stats_wanted) fprintf(stderr, cli_say("; weights read at %.1f GB/s", "；读取权重 %.1f GB/s"), gb);
    if (texts == 1 && last->finish == LF_FINISH_CONTEXT) fputs(cli_say("; the context is full", "；上下文已满"), stderr);
    if (last->finish == LF_FINISH_NONE) fputs(cli_say("; interrupted", "；已中断"), stderr);
    fprintf(stderr, "%s\n", cli_color(stderr, CLI_PLAIN));
}

static int speak(lf_model *model, const lf_tokenizer *tokenizer, const text *prompt, lf_sample_config sampling, lf_error *err)
{
    bool terminal = cli_is_terminal(stdout);
    lf_generate_stats all = {0}, one = {.finish = LF_FINISH_END};
    sink s = {.newline = true};
    int64_t done = 0, seed = sampling.seed;
    int rc = 0;
    for (; done < count && !rc && one.finish != LF_FINISH_NONE; done++) {
        if (done && !json) printf("%s" LF_END_TOKEN "\n", s.newline ? "" : "\n");
        if (terminal && !json && prompt->n) {
            printf("%s%s%s", cli_color(stdout, CLI_DIM), prompt->data, cli_color(stdout, CLI_PLAIN));
            fflush(stdout);
        }
        s.kept.n = 0, s.newline = false;
        if (s.kept.data) s.kept.data[0] = 0;
        sampling.seed = seed + done;
        rc = lf_generate(model, tokenizer, prompt->data ? prompt->data : "", prompt->n, &sampling, on_text, &s, &one, err);
        if (rc) break;
        if (json) print_json(prompt, &s, sampling.seed, &one);
        all.prompt_tokens += one.prompt_tokens, all.prefill_seconds += one.prefill_seconds;
        all.tokens += one.tokens, all.decode_seconds += one.decode_seconds;
    }
    if (!rc && !json && !s.newline) fputc('\n', stdout);
    fflush(stdout);
    if (!rc && s.broken) {
        rc = lf_error_set(err, LF_E_IO, "cannot write the text: %s", strerror(s.reason));
        __fpurge(stdout), clearerr(stdout); /* said once is enough */
    }
    if (!rc && (stats_wanted || cli_is_terminal(stderr))) print_stats(&all, &one, done, lf_model_bytes_per_token(model));
    free(s.kept.data);
    if (!rc && one.finish == LF_FINISH_NONE) return CLI_INTERRUPTED;
    return rc ? cli_fail(err) : CLI_OK;
}

int cmd_generate(int argc, char **argv)
{
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_error err = {0};
    lf_config config;
    lf_device *device = NULL;
    lf_model *model = NULL;
    lf_tokenizer *tokenizer = NULL;
    text prompt = {0};
    char dir[LF_CONFIG_PATH_MAX];
    int code = CLI_OK;
    lf_config_init(&config);
    if (cli_config_apply(&config, &args, &err) || get_prompt(&prompt, &args, &err) ||
        lf_checkpoint_find(dir, sizeof dir, args.v[0], which, &err) || !(tokenizer = lf_tokenizer_load(dir, &err)) ||
        !(device = lf_device_open(
              &(lf_device_options){.threads = (int)config.machine.threads, .isa = config.machine.isa, .pin = config.machine.pin}, &err)) ||
        !(model = lf_model_open(device, dir, weights, &err))) {
        code = cli_fail(&err);
    } else {
        cli_catch_signals();
        code = speak(model, tokenizer, &prompt, config.sampler, &err);
    }
    lf_model_free(&model);
    lf_device_close(&device);
    lf_tokenizer_free(&tokenizer);
    free(prompt.data);
    return code;
}
