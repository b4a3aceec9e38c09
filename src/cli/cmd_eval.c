/* cmd_eval.c - foundry eval perplexity | kl: how good a model is on a text, and how far from another. Figures go to stdout. Glue only. */
#include "cli/cli.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What both sub-commands are told. */
static const char *data_path, *split = "val", *base_path, *which = "last", *weights = "auto", *kv_type;
static int64_t context, stride;
static bool json;

/* clang-format off */
#define EVAL_FLAGS                                                                                                                         \
    {.name = "--data", .letter = 'd', .type = CLI_TEXT, .value = &data_path, .meta = "TEXT",                                               \
     .help = "the text: a file, - for standard input, or a folder of shards", .help_zh = "文本：文件、-（标准输入）或分片文件夹"},         \
    {.name = "--split", .type = CLI_CHOICE, .value = &split, .choices = "train|val",                                                       \
     .help = "which split of the shards", .help_zh = "使用分片的哪一部分"},                                                                \
    {.name = "--ctx", .type = CLI_INT, .value = &context, .lo = 0, .hi = 1 << 24, .meta = "N",                                             \
     .help = "tokens of a window; 0: 512, or the model's context where that is less", .help_zh = "窗口的词元数；0：512，模型上下文更短时取其长度"}, \
    {.name = "--stride", .type = CLI_INT, .value = &stride, .lo = 0, .hi = 1 << 24, .meta = "N",                                           \
     .help = "how far apart windows begin; 0: as far as they are long", .help_zh = "相邻窗口起点的距离；0：等于窗口长度"},                 \
    CLI_WEIGHTS_FLAG(weights), \
    {.name = "--kv-type", .type = CLI_CHOICE, .value = &kv_type, .choices = LF_KV_TYPES,                                               \
     .help = "what the model's keys and values are kept as; f32 if not given; auto: as in generate", .help_zh = "模型的键和值以何种类型保存；默认 f32；auto：与 generate 相同"},         \
    CLI_CHECKPOINT_FLAG(which), \
    {.name = "--threads", .type = CLI_OPTION, .choices = "threads", .meta = "N"},                                                          \
    {.name = "--isa", .type = CLI_OPTION, .choices = "isa", .meta = "NAME"},                                                               \
    {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "one JSON object per model", .help_zh = "每个模型输出一个 JSON 对象"}
/* clang-format on */

static int check_data(const char *command)
{
    char hint[96];
    if (data_path) return CLI_OK;
    snprintf(hint, sizeof hint, "foundry eval %s MODEL --data TEXT", command);
    return cli_usage_error(hint, cli_say("foundry eval %s: --data TEXT is missing", "foundry eval %s：缺少 --data TEXT"), command);
}

static lf_eval_options options_of(cli_bar *bar)
{
    return (lf_eval_options){
        .context = (int)context, .stride = (int)stride, .kv_type = kv_type, .progress = cli_progress, .progress_user = bar};
}

/* ---- perplexity -------------------------------------------------------------------------------------------------------------------- */
static void perplexity_json(const lf_perplexity *p, const cli_model *o, const char *path)
{
    printf("{\"model\": ");
    cli_json_string(stdout, path);
    printf(", \"tokens\": %" PRId64 ", \"documents\": %" PRId64 ", \"windows\": %" PRId64 ", \"bytes\": %" PRId64
           ", \"ctx\": %d, \"stride\": %d, \"nll\": %.9g, \"nll_error\": %.9g, \"perplexity\": %.9g, \"error\": %.9g, \"bits_per_byte\": ",
           p->tokens, p->documents, p->windows, p->bytes, p->context, p->stride, p->nll, p->nll_error, p->perplexity, p->error);
    printf(isfinite(p->bits_per_byte) ? "%.9g" : "null", p->bits_per_byte);
    printf(", \"weight_bytes\": %" PRId64 ", \"seconds\": %.3f, \"tokens_per_second\": %.1f}\n", lf_model_bytes_per_token(o->model),
           p->seconds, (double)p->tokens / p->seconds);
}

/* A head for the table where several models are asked about, then a line for each. */
static void perplexity_row(const lf_perplexity *p, const cli_model *o, const char *path, bool first)
{
    char count[32], bytes[32], rate[32];
    if (first) {
        cli_pad(stdout, cli_say("model", "模型"), 41), cli_pad(stdout, cli_say("perplexity", "困惑度"), 20);
        cli_pad_left(stdout, cli_say("bits/byte", "比特/字节"), 13), cli_pad_left(stdout, cli_say("tokens", "词元"), 13);
        cli_pad_left(stdout, cli_say("weights", "权重"), 11), cli_pad_left(stdout, cli_say("tok/s", "词元/秒"), 11), puts("");
    }
    cli_pad(stdout, path, 40);
    char text[64];
    snprintf(text, sizeof text, "%.4f ± %.4f", p->perplexity, p->error);
    fputc(' ', stdout);
    cli_pad(stdout, text, 20);
    printf(" %12.4f %12s %10s %10s\n", p->bits_per_byte, cli_human_count(count, (double)p->tokens),
           cli_human_bytes(bytes, (double)lf_model_bytes_per_token(o->model)), cli_human_count(rate, (double)p->tokens / p->seconds));
}

static int run_perplexity(int argc, char **argv)
{
    static const cli_flag flags[] = {EVAL_FLAGS, {0}};
    const cli_spec spec = {
        .name = "eval perplexity",
        .summary = "perplexity and bits per byte of one or more models on a text",
        .summary_zh = "一个或多个模型在一段文本上的困惑度与每字节比特数",
        .example = "foundry eval perplexity runs/stories-3m --data held-out.txt\n"
                   "foundry eval perplexity model.gguf model-q4_k.gguf --data book.txt --ctx 512 --stride 256",
        .usage = "foundry eval perplexity MODEL... --data TEXT [--ctx N] [--stride N] [flags]",
        .notes =
            "Each document of the text (lines that are <|endoftext|> divide them) is read by itself in windows of --ctx tokens, --stride "
            "apart; of a window those tokens count that no window before has scored. ± is the standard error, as if tokens were "
            "independent. Bits per byte can be compared between tokenizers, perplexity cannot.",
        .notes_zh = "文本中的每篇文档（以 <|endoftext|> 行分隔）单独读取：窗口长 --ctx 个词元，起点相距 --stride；"
                    "每个窗口只计此前未计过的词元。± 为标准误差（视词元相互独立）。每字节比特数可在不同分词器间比较，困惑度不可。",
        .flags = flags,
        .min_args = 1,
        .max_args = 32};
    cli_args args;
    lf_error err = {0};
    cli_bytes text = {0};
    int code = CLI_OK;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    if ((code = check_data("perplexity"))) return code;
    lf_device *device = cli_device_open(&args, &err);
    if (!device) return cli_fail(&err);
    cli_catch_signals();
    for (int i = 0; i < args.n && code == CLI_OK; i++) {
        cli_model o = {0};
        cli_bar bar = {0};
        lf_perplexity p;
        lf_eval_options options = options_of(&bar);
        lf_eval_text *data = cli_model_open(&o, device, args.v[i], &(cli_model_options){.which = which, .weights = weights}, &err)
                                 ? NULL
                                 : cli_eval_text(&text, data_path, split, &o, &err);
        if (!data || lf_eval_perplexity(&p, o.model, data, &options, &err))
            code = cli_fail(&err);
        else if (json)
            perplexity_json(&p, &o, args.v[i]);
        else
            perplexity_row(&p, &o, args.v[i], i == 0);
        fflush(stdout);
        lf_eval_text_free(&data);
        cli_model_close(&o);
    }
    free(text.data);
    lf_device_close(&device);
    return code;
}

/* ---- kl ------------------------------------------------------------------------------------------------------------------------------ */
static void kl_json(const lf_divergence *d, const char *path)
{
    printf("{\"model\": ");
    cli_json_string(stdout, path);
    printf(", \"base\": ");
    cli_json_string(stdout, base_path);
    const struct {
        const char *key;
        double value;
    } rows[] = {{"kl", d->kl},
                {"kl_error", d->kl_error},
                {"kl_median", d->kl_median},
                {"kl_99", d->kl_99},
                {"kl_max", d->kl_max},
                {"top1", d->top1},
                {"top1_error", d->top1_error},
                {"delta_p", d->delta_p},
                {"delta_p_error", d->delta_p_error},
                {"rms_delta_p", d->rms_delta_p},
                {"rms_delta_p_error", d->rms_delta_p_error},
                {"perplexity", d->perplexity},
                {"perplexity_error", d->perplexity_error},
                {"base_perplexity", d->base_perplexity},
                {"base_perplexity_error", d->base_perplexity_error},
                {"ratio", d->ratio},
                {"ratio_error", d->ratio_error}};
    printf(", \"tokens\": %" PRId64 ", \"documents\": %" PRId64 ", \"windows\": %" PRId64 ", \"ctx\": %d, \"stride\": %d", d->tokens,
           d->documents, d->windows, d->context, d->stride);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) printf(", \"%s\": %.9g", rows[i].key, rows[i].value);
    printf(", \"seconds\": %.3f}\n", d->seconds);
}

static void label(const char *en, const char *zh)
{
    fputs("  ", stdout);
    cli_pad(stdout, cli_say(en, zh), 28);
}

static void kl_text(const lf_divergence *d, const char *path)
{
    char count[32];
    printf(cli_say("%s%s%s beside %s, %s tokens\n", "%s%s%s 对比 %s，%s 个词元\n"), cli_color(stdout, CLI_BOLD), path,
           cli_color(stdout, CLI_PLAIN), base_path, cli_human_count(count, (double)d->tokens));
    label("mean KL (nats)", "平均 KL（奈特）");
    printf("%.6f ± %.6f\n", d->kl, d->kl_error);
    label("median, 99 % of tokens", "中位数，99 % 词元");
    printf("%.6f, %.6f\n", d->kl_median, d->kl_99);
    label("largest KL", "最大 KL");
    printf("%.6f\n", d->kl_max);
    label("same first choice", "首选词元相同");
    printf("%.3f %% ± %.3f %%\n", 100 * d->top1, 100 * d->top1_error);
    label("mean change of p(token)", "p(词元) 平均变化");
    printf("%+.4f %% ± %.4f %%\n", 100 * d->delta_p, 100 * d->delta_p_error);
    label("RMS change of p(token)", "p(词元) 均方根变化");
    printf("%.4f %% ± %.4f %%\n", 100 * d->rms_delta_p, 100 * d->rms_delta_p_error);
    label("perplexity", "困惑度");
    printf("%.4f ± %.4f\n", d->perplexity, d->perplexity_error);
    label("perplexity of the base", "基准模型的困惑度");
    printf("%.4f ± %.4f\n", d->base_perplexity, d->base_perplexity_error);
    label("ratio", "二者之比");
    printf("%.5f ± %.5f\n", d->ratio, d->ratio_error);
}

static int run_kl(int argc, char **argv)
{
    static const char *base_weights = "auto";
    /* clang-format off */
    static const cli_flag flags[] = {
        {.name = "--base", .letter = 'b', .type = CLI_TEXT, .value = &base_path, .meta = "BASE",
         .help = "the model to be near to", .help_zh = "作为基准的模型"},
        {.name = "--base-weights", .type = CLI_CHOICE, .value = &base_weights, .choices = CLI_WEIGHTS,
         .help = "what the base's weights are kept as", .help_zh = "基准模型的权重以何种类型保存在内存中"},
        EVAL_FLAGS, {0}};
    /* clang-format on */
    const cli_spec spec = {
        .name = "eval kl",
        .summary = "how far models are from a base model of the same vocabulary, token by token",
        .summary_zh = "逐词元比较模型与同词表的基准模型相差多远",
        .example = "foundry eval kl model-q4_k.gguf --base model.gguf --data held-out.txt",
        .usage = "foundry eval kl MODEL... --base BASE --data TEXT [--ctx N] [--stride N] [flags]",
        .notes = "KL is the sum of p ln(p / q), p the base's probabilities and q the model's. Windows as in `foundry eval perplexity`.",
        .notes_zh = "KL 为 p ln(p / q) 之和，p 为基准模型的概率，q 为模型的概率。窗口与 `foundry eval perplexity` 相同。",
        .flags = flags,
        .min_args = 1,
        .max_args = 32};
    cli_args args;
    lf_error err = {0};
    cli_bytes text = {0};
    cli_model base = {0};
    int code = CLI_OK;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    if ((code = check_data("kl"))) return code;
    if (!base_path)
        return cli_usage_error("foundry eval kl MODEL --base BASE --data TEXT",
                               cli_say("foundry eval kl: --base BASE is missing", "foundry eval kl：缺少 --base BASE"));
    lf_device *device = cli_device_open(&args, &err);
    lf_eval_text *data =
        device && cli_model_open(&base, device, base_path, &(cli_model_options){.which = which, .weights = base_weights}, &err) == 0
            ? cli_eval_text(&text, data_path, split, &base, &err)
            : NULL;
    if (!data) code = cli_fail(&err);
    cli_catch_signals();
    for (int i = 0; i < args.n && code == CLI_OK; i++) {
        cli_model o = {0};
        cli_bar bar = {0};
        lf_divergence d;
        lf_eval_options options = options_of(&bar);
        if (cli_model_open(&o, device, args.v[i], &(cli_model_options){.which = which, .weights = weights}, &err) ||
            lf_eval_same_vocabulary(base.tokenizer, o.tokenizer, &err) || lf_eval_divergence(&d, o.model, base.model, data, &options, &err))
            code = cli_fail(&err);
        else if (json)
            kl_json(&d, args.v[i]);
        else
            kl_text(&d, args.v[i]);
        fflush(stdout);
        cli_model_close(&o);
    }
    lf_eval_text_free(&data);
    cli_model_close(&base);
    free(text.data);
    lf_device_close(&device);
    return code;
}

int cmd_eval(int argc, char **argv)
{
    static const cli_command table[] = {
        {"perplexity", run_perplexity, "perplexity and bits per byte on a text", "文本上的困惑度与每字节比特数"},
        {"kl", run_kl, "how far from a base model, token by token", "逐词元与基准模型相差多远"},
        {0}};
    static const cli_spec spec = {.name = "eval",
                                  .summary = "how good a model is on a text: perplexity, KL divergence",
                                  .summary_zh = "模型在一段文本上有多好：困惑度、KL 散度",
                                  .example = "foundry eval perplexity runs/stories-3m --data held-out.txt\n"
                                             "foundry eval kl model-q4_k.gguf --base model.gguf --data held-out.txt",
                                  .usage = "foundry eval perplexity|kl ..."};
    return cli_dispatch(table, &spec, argc, argv);
}
