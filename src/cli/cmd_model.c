/* cmd_model.c - foundry model info | import | export | diff: models of the world, in and out. Glue only. */
#include "cli/cli.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static char *shape_text(char out[192], const int64_t *shape, int n)
{
    size_t at = (size_t)snprintf(out, 192, "[");
    for (int d = 0; d < n && at < 160; d++) at += (size_t)snprintf(out + at, 192 - at, "%s%" PRId64, d ? ", " : "", shape[d]);
    snprintf(out + at, 192 - at, "]");
    return out;
}

/* ---- info ------------------------------------------------------------------------------------------------------------------------- */
typedef struct listing {
    bool json;
    int n;
} listing;

static void list_tensor(const lf_tensor_info *t, void *user)
{
    listing *l = user;
    char shape[192], bytes[32];
    if (l->json) {
        fputs(l->n++ ? ",\n    {\"name\": " : "{\n  \"list\": [\n    {\"name\": ", stdout);
        cli_json_string(stdout, t->name);
        printf(", \"dtype\": \"%s\", \"shape\": %s, \"bytes\": %" PRIu64 "}", t->dtype, shape_text(shape, t->shape, t->n_dims), t->bytes);
        return;
    }
    cli_pad(stdout, t->name, 52);
    printf(" %-8s %-20s %10s\n", t->dtype, shape_text(shape, t->shape, t->n_dims), cli_human_bytes(bytes, (double)t->bytes));
}

static void json_text(const char *key, const char *text, const char *end)
{
    printf("  \"%s\": ", key);
    if (*text)
        cli_json_string(stdout, text);
    else
        fputs("null", stdout);
    puts(end);
}

static void info_json(const lf_model_info *m)
{
    const lf_model_config *c = &m->config;
    json_text("format", m->format, ",");
    json_text("model_type", m->type, ",");
    printf("  \"files\": %d,\n  \"tensors\": %d,\n  \"bytes\": %" PRIu64 ",\n  \"parameters\": %" PRId64 ",\n", m->files, m->tensors,
           m->bytes, m->parameters);
    json_text("dtypes", m->dtypes, ",");
    printf("  \"kv_bytes_per_token\": {\"f32\": %.0f, \"f16\": %.0f, \"bf16\": %.0f, \"q8_0\": %.0f},\n", m->kv_bytes[0], m->kv_bytes[1],
           m->kv_bytes[2], m->kv_bytes[3]);
    printf("  \"vocab_size\": %" PRId64 ",\n  \"hidden_size\": %" PRId64 ",\n  \"intermediate_size\": %" PRId64
           ",\n  \"num_hidden_layers\": %" PRId64 ",\n  \"num_attention_heads\": %" PRId64 ",\n  \"num_key_value_heads\": %" PRId64
           ",\n  \"head_dim\": %" PRId64 ",\n  \"max_position_embeddings\": %" PRId64 ",\n",
           c->vocab_size, c->hidden_size, c->intermediate_size, c->num_hidden_layers, c->num_attention_heads, c->num_key_value_heads,
           c->head_dim, c->max_position_embeddings);
    json_text("tokenizer", m->tokenizer, ",");
    printf("  \"chat_template_bytes\": %" PRId64 ",\n", m->chat_template);
    json_text("unsupported", m->unsupported, ",");
    json_text("unverified", m->unverified, "");
}

static void fact(const char *en, const char *zh, const char *text)
{
    fputs("  ", stdout);
    cli_pad(stdout, cli_say(en, zh), 18);
    cli_wrap(stdout, text, 20, 20);
}

static void info_text(const lf_model_info *m, const char *path)
{
    const lf_model_config *c = &m->config;
    char a[32], b[64], d[32], text[512];
    printf("%s%s%s\n", cli_color(stdout, CLI_BOLD), path, cli_color(stdout, CLI_PLAIN));
    snprintf(text, sizeof text, "%s, %s, %s", m->format, cli_human_things(b, m->files, "file", "files", " 个文件"),
             cli_human_bytes(a, (double)m->bytes));
    fact("format", "格式", text);
    snprintf(text, sizeof text, "%d (%s)", m->tensors, m->dtypes);
    fact("tensors", "张量", text);
    if (m->parameters) {
        fact("architecture", "结构", m->type);
        fact("parameters", "参数", cli_human_count(a, (double)m->parameters));
        snprintf(text, sizeof text,
                 cli_say("%" PRId64 " layers, %" PRId64 " wide, %" PRId64 " feed-forward, %" PRId64 "/%" PRId64 " heads of %" PRId64
                         ", vocabulary %s",
                         "%" PRId64 " 层，宽 %" PRId64 "，前馈 %" PRId64 "，%" PRId64 "/%" PRId64 " 头 × %" PRId64 "，词表 %s"),
                 c->num_hidden_layers, c->hidden_size, c->intermediate_size, c->num_attention_heads, c->num_key_value_heads, c->head_dim,
                 cli_human_count(a, (double)c->vocab_size));
        fact("shape", "形状", text);
        snprintf(text, sizeof text, "%s%s%s%s", cli_human_count(a, (double)c->max_position_embeddings), cli_say(" tokens", " 词元"),
                 strcmp(c->rope_scaling.rope_type, "default") != 0 ? ", " : "",
                 strcmp(c->rope_scaling.rope_type, "default") != 0 ? c->rope_scaling.rope_type : "");
        fact("context", "上下文", text);
        snprintf(text, sizeof text, cli_say("%s a token (f32), %s (f16, bf16), %s (q8_0)", "每词元 %s (f32)，%s (f16、bf16)，%s (q8_0)"),
                 cli_human_bytes(a, m->kv_bytes[0]), cli_human_bytes(b, m->kv_bytes[2]), cli_human_bytes(d, m->kv_bytes[3]));
        fact("KV cache", "KV 缓存", text);
    }
    fact("tokenizer", "分词器", m->tokenizer[0] ? m->tokenizer : cli_say("none", "无"));
    if (m->chat_template) snprintf(text, sizeof text, cli_say("%" PRId64 " bytes", "%" PRId64 " 字节"), m->chat_template);
    fact("chat template", "聊天模板", m->chat_template ? text : cli_say("none", "无"));
    if (m->unsupported[0]) fact("unsupported", "不支持", m->unsupported);
    if (m->unverified[0]) fact("unverified", "未验证", m->unverified);
}

static int run_info(int argc, char **argv)
{
    bool json = false, tensors = false;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--tensors", .type = CLI_SWITCH, .value = &tensors,
         .help = "list every tensor: name, type, shape, bytes", .help_zh = "列出每个张量：名称、类型、形状、字节数"},
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "print as JSON", .help_zh = "以 JSON 输出"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {
        .name = "model info",
        .summary = "what a model's files hold, whether it runs here, from their headers alone",
        .summary_zh = "只读文件头，看模型里有什么、这里能否运行",
        .example = "foundry model info runs/stories-3m\nfoundry model info model.gguf --tensors",
        .usage = "foundry model info PATH [--tensors] [--json]",
        .notes = "PATH is a Hugging Face folder, a GGUF file, or a run of ours. \"unverified\" names what the vectors of no "
                 "other program cover.",
        .notes_zh = "PATH 是 Hugging Face 文件夹、GGUF 文件，或我们自己的一次训练。“未验证”指尚无其他程序的向量核对过的部分。",
        .flags = flags,
        .min_args = 1,
        .max_args = 1};
    cli_args args;
    lf_error err = {0};
    lf_model_info info;
    char dir[4096];
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    if (lf_checkpoint_find(dir, sizeof dir, args.v[0], NULL, NULL)) snprintf(dir, sizeof dir, "%s", args.v[0]);
    listing l = {.json = json};
    if (lf_model_info_read(&info, dir, tensors ? list_tensor : NULL, &l, &err)) return cli_fail(&err);
    if (json) {
        puts(l.n ? "\n  ]," : "{");
        info_json(&info);
        puts("}");
    } else {
        info_text(&info, dir);
    }
    return CLI_OK;
}

/* ---- import and export -------------------------------------------------------------------------------------------------------------- */
static int convert(const char *source, const char *out, const lf_convert_options *options, bool json)
{
    lf_error err = {0};
    lf_convert_report r;
    char size[32], files[64];
    cli_catch_signals();
    if (lf_model_convert(source, out, options, &r, &err)) return cli_fail(&err);
    if (json) {
        printf("{\"path\": ");
        cli_json_string(stdout, out);
        printf(", \"type\": \"%s\", \"tensors\": %d, \"fallbacks\": %d, \"files\": %d, \"bytes\": %" PRIu64 ", \"tokenizer\": ", r.type,
               r.tensors, r.fallbacks, r.files, r.bytes);
        cli_json_string(stdout, r.tokenizer);
        puts("}");
        return CLI_OK;
    }
    printf(cli_say("%s: %s, %d tensors, %s of weights in %s\n", "%s：%s，%d 个张量，权重 %s，共 %s\n"), out, r.type, r.tensors,
           cli_human_bytes(size, (double)r.bytes), cli_human_things(files, r.files, "file", "files", " 个文件"));
    if (r.fallbacks)
        printf(cli_say("%d of them have rows of no whole number of blocks and took the next type that fits\n",
                       "其中 %d 个的行长不是块的整数倍，改用了能放下的类型\n"),
               r.fallbacks);
    if (r.tokenizer[0]) printf(cli_say("tokenizer: %s\n", "分词器：%s\n"), r.tokenizer);
    return CLI_OK;
}

static int run_import(int argc, char **argv)
{
    const char *out = NULL, *dtype = NULL;
    int64_t threads = 0;
    bool json = false;
    cli_bar bar = {0};
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--output", .letter = 'o', .type = CLI_TEXT, .value = &out, .meta = "DIR",
         .help = "the model folder to write; it must not exist or be empty", .help_zh = "要写的模型文件夹，须不存在或为空"},
        {.name = "--dtype", .type = CLI_CHOICE, .value = &dtype, .choices = "f32|f16|bf16",
         .help = "type of the weights; as stored if not given, f32 for blocks of a GGUF file", .help_zh = "权重类型；默认保持原样，GGUF 的量化块展开为 f32"},
        {.name = "--threads", .type = CLI_INT, .value = &threads, .lo = 1, .hi = 256,
         .help = "worker threads, all if not given; the result does not depend on it", .help_zh = "线程数，默认全部；不影响结果"},
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "print the figures as JSON", .help_zh = "以 JSON 输出数字"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {.name = "model import",
                           .summary = "make a model of others ours: Hugging Face folders, GGUF files, llama2.c .bin files",
                           .summary_zh = "导入他人的模型：Hugging Face 文件夹、GGUF 文件、llama2.c 的 .bin 文件",
                           .example =
                               "foundry model import model-q8_0.gguf -o my-model --dtype bf16\nfoundry generate my-model --prompt Hello",
                           .usage = "foundry model import SRC -o DIR [flags]",
                           .flags = flags,
                           .min_args = 1,
                           .max_args = 1};
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    if (!out)
        return cli_usage_error("foundry model import SRC -o DIR",
                               cli_say("foundry model import: -o DIR is missing", "foundry model import：缺少 -o DIR"));
    const lf_convert_options options = {
        .format = "hf", .dtype = dtype, .threads = (int)threads, .progress = cli_progress, .progress_user = &bar};
    return convert(args.v[0], out, &options, json);
}

static int run_export(int argc, char **argv)
{
    const char *out = NULL, *dtype = NULL, *format = "gguf";
    int64_t threads = 0, shard = 5000000000;
    bool json = false;
    cli_bar bar = {0};
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--output", .letter = 'o', .type = CLI_TEXT, .value = &out, .meta = "OUT",
         .help = "the GGUF file or the folder to write", .help_zh = "要写的 GGUF 文件或文件夹"},
        {.name = "--format", .type = CLI_CHOICE, .value = &format, .choices = "gguf|hf",
         .help = "gguf: one file, as llama.cpp reads; hf: a folder, as transformers reads", .help_zh = "gguf：单个文件，供 llama.cpp 读取；hf：文件夹，供 transformers 读取"},
        {.name = "--dtype", .type = CLI_TEXT, .value = &dtype, .meta = "TYPE",
         .help = "f32, f16, bf16; gguf also q8_0, q4_0, q4_k, q5_k, q6_k, ...; as stored if not given", .help_zh = "f32、f16、bf16；gguf 另有 q8_0、q4_0、q4_k、q5_k、q6_k 等；默认保持原样"},
        {.name = "--shard-bytes", .type = CLI_INT, .value = &shard, .lo = 1, .hi = 9e15,
         .help = "hf: most bytes of weights in one file", .help_zh = "hf：每个权重文件的最大字节数"},
        {.name = "--threads", .type = CLI_INT, .value = &threads, .lo = 1, .hi = 256,
         .help = "worker threads, all if not given; the result does not depend on it", .help_zh = "线程数，默认全部；不影响结果"},
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "print the figures as JSON", .help_zh = "以 JSON 输出数字"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {
        .name = "model export",
        .summary = "write a model for other programs: GGUF with any type of weights, or a Hugging Face folder",
        .summary_zh = "为其他程序写出模型：任意权重类型的 GGUF，或 Hugging Face 文件夹",
        .example = "foundry model export runs/stories-3m --dtype q8_0 -o stories.gguf\n"
                   "foundry model export runs/stories-3m --format hf --dtype bf16 -o stories-hf",
        .usage = "foundry model export DIR [--format gguf|hf] [--dtype TYPE] -o OUT [flags]",
        .notes = "Vectors stay f32 in GGUF; a matrix whose rows are no whole number of blocks takes the type's fallback (q4_k: "
                 "q5_0, then f16).",
        .notes_zh = "GGUF 中向量保持 f32；行长不是块整数倍的矩阵改用后备类型（q4_k：q5_0，再 f16）。",
        .flags = flags,
        .min_args = 1,
        .max_args = 1};
    cli_args args;
    char dir[4096];
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    if (!out)
        return cli_usage_error("foundry model export DIR -o OUT",
                               cli_say("foundry model export: -o OUT is missing", "foundry model export：缺少 -o OUT"));
    if (lf_checkpoint_find(dir, sizeof dir, args.v[0], NULL, NULL)) snprintf(dir, sizeof dir, "%s", args.v[0]);
    const lf_convert_options options = {.format = format,
                                        .dtype = dtype,
                                        .shard_bytes = (uint64_t)shard,
                                        .threads = (int)threads,
                                        .progress = cli_progress,
                                        .progress_user = &bar};
    return convert(dir, out, &options, json);
}

/* ---- diff ---------------------------------------------------------------------------------------------------------------- */
typedef struct diff_print {
    bool json, all;
    int options, tensors;
} diff_print;

static void print_option(const char *key, const char *a, const char *b, void *user)
{
    diff_print *p = user;
    if (!p->json) {
        printf("%s: %s | %s\n", key, *a ? a : "\"\"", *b ? b : "\"\"");
        return;
    }
    fputs(p->options++ ? ",\n    {\"key\": " : "{\n  \"options\": [\n    {\"key\": ", stdout);
    cli_json_string(stdout, key);
    fputs(", \"a\": ", stdout);
    cli_json_string(stdout, a);
    fputs(", \"b\": ", stdout);
    cli_json_string(stdout, b);
    fputs("}", stdout);
}

static void print_tensor(const lf_tensor_diff *d, void *user)
{
    diff_print *p = user;
    char a[192], b[192];
    bool same = d->comparable && !d->different;
    if (p->json) {
        if (!p->options && !p->tensors) fputs("{\n  \"options\": [", stdout);
        fputs(p->tensors++ ? ",\n    {\"name\": " : "],\n  \"tensors\": [\n    {\"name\": ", stdout);
        cli_json_string(stdout, d->name);
        printf(", \"a\": %s%s%s, \"b\": %s%s%s, \"comparable\": %s, \"different\": %" PRId64, d->dtype_a ? "\"" : "",
               d->dtype_a ? d->dtype_a : "null", d->dtype_a ? "\"" : "", d->dtype_b ? "\"" : "", d->dtype_b ? d->dtype_b : "null",
               d->dtype_b ? "\"" : "", d->comparable ? "true" : "false", d->different);
        if (isfinite(d->max_abs)) printf(", \"max_abs\": %.9g, \"relative\": %.9g", d->max_abs, d->relative);
        fputs("}", stdout);
        return;
    }
    if (same && !p->all) return;
    cli_pad(stdout, d->name, 52);
    if (!d->dtype_a || !d->dtype_b)
        printf(" %s\n", d->dtype_a ? cli_say("only in the first", "只在前者中") : cli_say("only in the second", "只在后者中"));
    else if (!d->comparable)
        printf(" %s | %s\n", shape_text(a, d->shape_a, 2), shape_text(b, d->shape_b, 2));
    else
        printf(" %4s | %-4s  max %.3g  relative %.3g\n", d->dtype_a, d->dtype_b, d->max_abs, d->relative);
}

static int run_diff(int argc, char **argv)
{
    bool json = false, all = false;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--all", .type = CLI_SWITCH, .value = &all, .help = "list equal tensors too", .help_zh = "相同的张量也列出"},
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "print as JSON, every tensor", .help_zh = "以 JSON 输出全部张量"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {
        .name = "model diff",
        .summary = "two models side by side, whatever their formats: configuration, then tensor by tensor",
        .summary_zh = "并排比较两个模型（格式不限）：先配置，后逐个张量",
        .example = "foundry model diff runs/stories-3m stories.gguf",
        .usage = "foundry model diff A B [--all] [--json]",
        .notes = "max: the largest |a - b|; relative: |a - b| / |a| in the Frobenius norm. Exit code 1 when anything differs.",
        .notes_zh = "max：最大的 |a - b|；relative：Frobenius 范数下的 |a - b| / |a|。有任何不同则退出码为 1。",
        .flags = flags,
        .min_args = 2,
        .max_args = 2};
    cli_args args;
    lf_error err = {0};
    lf_diff_report r;
    char paths[2][4096];
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    for (int i = 0; i < 2; i++)
        if (lf_checkpoint_find(paths[i], sizeof paths[i], args.v[i], NULL, NULL)) snprintf(paths[i], sizeof paths[i], "%s", args.v[i]);
    diff_print p = {.json = json, .all = all};
    if (lf_model_diff(paths[0], paths[1], print_option, print_tensor, &p, &r, &err)) return cli_fail(&err);
    if (json)
        printf("],\n  \"equal\": %s, \"different\": %d, \"only_a\": %d, \"only_b\": %d, \"max_abs\": %.9g\n}\n", r.equal ? "true" : "false",
               r.different, r.only_a, r.only_b, isfinite(r.max_abs) ? r.max_abs : 0);
    else if (r.equal)
        printf(cli_say("equal: %d tensors, to the last bit\n", "相同：%d 个张量，逐位一致\n"), r.tensors);
    else
        printf(cli_say("%d of %d tensors differ, at most by %.3g; %d options differ\n", "%d / %d 个张量不同，最多差 %.3g；%d 项配置不同\n"),
               r.different + r.only_a + r.only_b, r.tensors, r.max_abs, r.options);
    return r.equal ? CLI_OK : CLI_FAILED;
}

int cmd_model(int argc, char **argv)
{
    static const cli_command table[] = {
        {"info", run_info, "what a model's files hold, and whether it runs here", "模型文件里有什么，这里能否运行"},
        {"import", run_import, "make a model of others ours", "导入他人的模型"},
        {"export", run_export, "write a model for other programs", "为其他程序写出模型"},
        {"diff", run_diff, "two models side by side", "并排比较两个模型"},
        {0}};
    static const cli_spec spec = {.name = "model",
                                  .summary = "models of the world, in and out: look, import, export, compare",
                                  .summary_zh = "模型的进出：查看、导入、导出、比较",
                                  .example =
                                      "foundry model info model.gguf\nfoundry model export runs/stories-3m --dtype q8_0 -o stories.gguf",
                                  .usage = "foundry model info|import|export|diff ..."};
    return cli_dispatch(table, &spec, argc, argv);
}
