/* cmd_bench_infer.c - `foundry bench infer MODEL`: the library measures (lf_bench_infer), this file prints lines as they come: tokens a
 * second, and the share of what the machine multiplies and reads at most. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct report {
    bool json;
    int lines;
} report;

static bool on_line(const lf_bench_infer_line *l, void *user)
{
    report *r = user;
    double multiplies = l->gops / l->peak_gops, reads = l->gbs / l->read_gbs;
    r->lines++;
    if (r->json) {
        printf("%s\n    {\"phase\": \"%s\", \"weights\": \"%s\", \"kv\": \"%s\", \"threads\": %d, \"batch\": %d, \"depth\": %d, "
               "\"tokens\": %d, "
               "\"rounds\": %d",
               r->lines > 1 ? "," : "", l->phase, l->weights, l->kv, l->threads, l->batch, l->depth, l->tokens, l->rounds);
        printf(", \"seconds\": %.6g, \"tokens_per_second\": %.6g, \"gops\": %.5g, \"peak_gops\": %.5g, \"share_of_peak\": %.4f", l->seconds,
               l->tokens_per_second, l->gops, l->peak_gops, multiplies);
        printf(", \"gb_per_second\": %.5g, \"read_gb_per_second\": %.5g, \"share_of_read\": %.4f, \"outside\": %.4f, \"moved\": %s}",
               l->gbs, l->read_gbs, reads, l->outside, l->moved ? "true" : "false");
    } else {
        char what[64];
        snprintf(what, sizeof what, cli_say(l->batch > 1 ? "%s, %d texts at %d" : "%s, %d text at %d", "%s，%d 篇，深度 %d"),
                 strcmp(l->phase, "prefill") == 0 ? cli_say("prefill", "预填充") : cli_say("decode", "解码"), l->batch, l->depth);
        cli_pad(stdout, what, 28);
        printf(cli_say("%-6s %dT %9.2f ms %9.1f tok/s  %6.0f GOP/s %s%3.0f%%%s of %.0f  %6.1f GB/s %s%3.0f%%%s of %.1f  outside %.1f%%%s\n",
                       "%-6s %dT %9.2f 毫秒 %9.1f 词元/秒  %6.0f GOP/s %s%3.0f%%%s，上限 %.0f  %6.1f GB/s %s%3.0f%%%s，上限 %.1f  模型外 "
                       "%.1f%%%s\n"),
               l->weights, l->threads, 1e3 * l->seconds, l->tokens_per_second, l->gops, cli_color(stdout, CLI_GREEN), 100 * multiplies,
               cli_color(stdout, CLI_PLAIN), l->peak_gops, l->gbs, cli_color(stdout, CLI_GREEN), 100 * reads, cli_color(stdout, CLI_PLAIN),
               l->read_gbs, 100 * l->outside, l->moved ? cli_say("  (the machine moved)", "（期间机器状态变了）") : "");
    }
    fflush(stdout);
    return cli_interrupted();
}

/* "1,4,8" into numbers of [lo, hi], closed by `end`. */
static bool parse_list(int out[LF_BENCH_LIST], const char *flag, const char *text, long lo, long hi, int end)
{
    int n = 0;
    for (const char *p = text;; p++) {
        char *rest;
        long x = strtol(p, &rest, 10);
        if (rest == p || x < lo || x > hi || (*rest && *rest != ',') || n == LF_BENCH_LIST - 1) {
            cli_usage_error(NULL,
                            cli_say("foundry bench infer: %s: expected up to %d numbers from %ld to %ld, with commas, got \"%s\"",
                                    "foundry bench infer：%s：应为至多 %d 个 %ld 到 %ld 之间的数，以逗号分隔，得到 \"%s\""),
                            flag, LF_BENCH_LIST - 1, lo, hi, text);
            return false;
        }
        out[n++] = (int)x;
        p = rest;
        if (!*p) break;
    }
    out[n] = end;
    return true;
}

/* A folder is a model or a run, whatever its name is: as in lf_config_load, a preset is what nothing lies at. */
static bool is_recipe(const char *name)
{
    struct stat at;
    bool lies = stat(name, &at) == 0;
    if (lies && S_ISDIR(at.st_mode)) return false;
    const char *dot = strrchr(name, '.');
    if (dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0)) return true;
    for (const char *const *p = lf_config_presets(); *p && !lies; p++)
        if (strcmp(*p, name) == 0) return true;
    return false;
}

static int measure(const lf_bench_infer_options *options, const char *name, bool json, lf_error *err)
{
    report r = {.json = json};
    if (json) {
        printf("{\n  \"suite\": \"infer\",\n  \"model\": ");
        cli_json_string(stdout, name);
        printf(",\n  \"cpu\": ");
        cli_json_string(stdout, lf_cpu_name());
        printf(",\n  \"lines\": [");
    } else
        printf("%s%s%s, %s\n", cli_color(stdout, CLI_BOLD), name, cli_color(stdout, CLI_PLAIN), lf_cpu_name());
    cli_catch_signals();
    int status = lf_bench_infer(options, on_line, &r, err);
    if (json) puts("\n  ]\n}");
    return status ? cli_fail(err) : CLI_OK;
}

int cmd_bench_infer(int argc, char **argv)
{
    bool json = false, packed = false;
    int64_t prefill = 512, decode = 128;
    const char *batch = "1,4,8,16", *depth = "0", *threads = NULL, *weights = "auto";
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--prefill", .type = CLI_INT, .value = &prefill, .lo = 0, .hi = 1 << 20, .meta = "N",
         .help = "tokens of a prompt; 0: prompts are not measured", .help_zh = "提示的词元数；0：不测预填充"},
        {.name = "--decode", .type = CLI_INT, .value = &decode, .lo = 0, .hi = 1 << 20, .meta = "N",
         .help = "steps whose median is taken; 0: steps are not measured", .help_zh = "取中位数的解码步数；0：不测解码"},
        {.name = "--batch", .type = CLI_TEXT, .value = &batch, .meta = "N,N,...",
         .help = "how many texts go on together", .help_zh = "同时解码的文本篇数"},
        {.name = "--depth", .type = CLI_TEXT, .value = &depth, .meta = "N,N,...",
         .help = "tokens that each text has read before", .help_zh = "每篇文本此前已读的词元数"},
        {.name = "--threads", .type = CLI_TEXT, .value = &threads, .meta = "N,N,...",
         .help = "numbers of threads; none: all there are", .help_zh = "线程数；不给则用全部"},
        {.name = "--weights", .letter = 'w', .type = CLI_CHOICE, .value = &weights, .choices = CLI_WEIGHTS,
         .help = "what weights are kept as; auto: as the file has them, random ones in bf16",
         .help_zh = "权重以何种类型保存在内存中；auto：与文件相同，随机权重为 bf16"},
        CLI_PACKED_FLAG(packed),
        {.name = "--kv-type", .type = CLI_OPTION, .choices = "sampler.kv_type", .meta = LF_KV_TYPES},
        {.name = "--kv-memory", .type = CLI_OPTION, .choices = "sampler.kv_memory", .meta = "BYTES"},
        {.name = "--isa", .type = CLI_OPTION, .choices = "isa", .meta = "NAME"},
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "for programs", .help_zh = "供程序读取"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {
        .name = "bench infer",
        .summary = "a model that answers: prompts and steps, alone and in company, against what the machine can do",
        .summary_zh = "模型推理有多快：预填充与解码，单篇与成批，以机器上限为准",
        .example = "foundry bench infer model.gguf --threads 1,2\n"
                   "foundry bench infer 1B --model.num_hidden_layers 4 --weights q4_0 --batch 1,8 --depth 0,8192",
        .usage = "foundry bench infer RUN|MODEL_DIR|FILE.gguf|RECIPE.yaml|PRESET [--any.option VALUE ...] [flags]",
        .notes =
            "A recipe gets random weights. Every text of a batch is its own, to the first token. Ceilings (multiplications in registers, "
            "reading 512 MiB) are measured before and after each line. outside: the share of the time that is not the model's: who runs, "
            "pages, drawing tokens, as the sampler options say (--sampler.temperature 0: greedily).",
        .notes_zh = "给出配方时使用随机权重。同批的各篇文本互不相同。上限（寄存器乘法、读取 512 MiB）在每一行之前和之后各测一次。"
                    "“模型外”：不在模型里的时间所占的份额，即调度、分页和采样；采样依 sampler 各项（--sampler.temperature 0：贪心）。",
        .flags = flags,
        .min_args = 1,
        .max_args = 1,
        .config_keys = true};
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    char path[LF_CONFIG_PATH_MAX], cpus[16];
    bool recipe = is_recipe(args.v[0]);
    if (recipe ? lf_config_load(&c, args.v[0], &err) : lf_checkpoint_find(path, sizeof path, args.v[0], "last", &err))
        return cli_fail(&err);
    if (cli_config_apply(&c, &args, &err)) return cli_fail(&err);
    if (c.sampler.grammar[0] || c.sampler.json_schema[0])
        return cli_usage_error(NULL, "%s",
                               cli_say("foundry bench infer: texts are of random tokens, no grammar holds for them",
                                       "foundry bench infer：文本由随机词元组成，不能用文法约束"));
    if (!c.model.vocab_size) c.model.vocab_size = c.data.tokenizer_vocab_size; /* of what the recipe would learn */
    for (int i = 0; i < args.n_set && !recipe; i++)
        if (strncmp(args.set[i].key, "model.", 6) == 0)
            return cli_usage_error(NULL,
                                   cli_say("foundry bench infer: %s is said by the model's own files; a recipe gets random weights",
                                           "foundry bench infer：%s 由模型文件决定；只有配方才使用随机权重"),
                                   args.set[i].flag);
    snprintf(cpus, sizeof cpus, "%d", c.machine.threads ? (int)c.machine.threads : lf_cpu_count());
    lf_bench_infer_options o = {.model = recipe ? NULL : path,
                                .random = recipe ? &c.model : NULL,
                                .weights = weights,
                                .packed = packed,
                                .kv_type = c.sampler.kv_type,
                                .isa = c.machine.isa,
                                .pin = c.machine.pin,
                                .sampling = &c.sampler,
                                .prefill = (int)prefill,
                                .decode = (int)decode};
    if (!parse_list(o.batch, "--batch", batch, 1, 1024, 0) || !parse_list(o.depth, "--depth", depth, 0, 1 << 20, -1) ||
        !parse_list(o.threads, "--threads", threads ? threads : cpus, 1, 256, 0))
        return CLI_USAGE;
    return measure(&o, args.v[0], json, &err);
}
