/* cmd_data.c - foundry data synth | prepare | info: text with a known entropy, text to token shards, and what shards hold. Glue only. */
#include "cli/cli.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- synth ------------------------------------------------------------------------------------------------------------------------ */

static int data_synth(int argc, char **argv)
{
    const char *lang = "mix", *out = NULL;
    int64_t bytes = 20000000, seed = 1, threads = 0;
    bool json = false;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--lang", .type = CLI_CHOICE, .value = &lang, .choices = "en|zh|mix",
         .help = "language of the stories", .help_zh = "故事的语言"},
        {.name = "--bytes", .type = CLI_INT, .value = &bytes, .lo = 1, .hi = 1e12,
         .help = "size of the file; the last story is completed", .help_zh = "文件大小；最后一个故事会写完"},
        {.name = "--seed", .type = CLI_INT, .value = &seed, .lo = 0, .hi = 9e15,
         .help = "another seed, other stories", .help_zh = "换种子，换故事"},
        {.name = "--threads", .type = CLI_INT, .value = &threads, .lo = 1, .hi = 256,
         .help = "worker threads, all if not given; the text does not depend on it", .help_zh = "线程数，默认全部；不影响文本"},
        {.name = "--output", .letter = 'o', .type = CLI_TEXT, .value = &out, .meta = "FILE",
         .help = "the text file to write", .help_zh = "要写的文本文件"},
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "print the figures as JSON", .help_zh = "以 JSON 输出数字"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {
        .name = "data synth",
        .summary = "write synthetic stories whose best possible loss is known",
        .summary_zh = "生成合成故事，其理论最优损失已知",
        .example = "foundry data synth --lang mix --bytes 20M --seed 1 -o stories.txt",
        .usage = "foundry data synth -o FILE [flags]",
        .notes = "Beside stories.txt come stories.meta.json (totals) and stories.bits (bits of each story, summed per split by `foundry "
                 "data prepare`).",
        .notes_zh = "同时写出 stories.meta.json（总计）和 stories.bits（每个故事的比特数，由 `foundry data prepare` 按划分求和）。",
        .flags = flags};
    cli_args args;
    cli_bar bar = {0};
    lf_error err = {0};
    lf_synth_report r;
    char size[32], count[64];
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    if (!out)
        return cli_usage_error("foundry data synth -o stories.txt",
                               cli_say("foundry data synth: -o FILE is missing", "foundry data synth：缺少 -o FILE"));
    cli_catch_signals();
    const lf_synth_options options = {.lang = lang,
                                      .bytes = (uint64_t)bytes,
                                      .seed = (uint64_t)seed,
                                      .threads = (int)threads,
                                      .progress = cli_progress,
                                      .progress_user = &bar};
    if (lf_synth_write(out, &options, &r, &err) != 0) return cli_fail(&err);
    if (json) {
        printf("{\"path\": ");
        cli_json_string(stdout, out);
        printf(", \"documents\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"file_bytes\": %" PRIu64
               ", \"bits\": %.17g, \"bits_per_byte\": %.17g}\n",
               r.documents, r.bytes, r.file_bytes, r.bits, r.bits_per_byte);
        return CLI_OK;
    }
    printf(cli_say("%s: %s, %s\n", "%s：%s，%s\n"), out, cli_human_bytes(size, (double)r.file_bytes),
           cli_human_things(count, (double)r.documents, "story", "stories", " 个故事"));
    printf(cli_say("entropy floor %.4f bits per byte, %.1f bits per story: no model can do better on average\n",
                   "熵下界：每字节 %.4f 比特，每个故事 %.1f 比特；平均而言没有模型能更好\n"),
           r.bits_per_byte, r.bits / (double)r.documents);
    printf(cli_say("next: foundry tokenizer train %s --vocab-size 4096 -o tok/\n",
                   "下一步：foundry tokenizer train %s --vocab-size 4096 -o tok/\n"),
           out);
    return CLI_OK;
}

/* ---- what shards hold --------------------------------------------------------------------------------------------------------------- */

typedef struct column {
    const char *name;
    lf_split_info info; /* tokens 0: the split is not there */
} column;

/* A row of the table: a label and one text per split that is there. */
static void row(const char *label, const column *splits, void (*cell)(char out[32], const lf_split_info *info))
{
    char text[32];
    fputs("  ", stdout);
    cli_pad(stdout, label, 24);
    for (int i = 0; i < 2; i++) {
        if (!splits[i].info.tokens) continue;
        cell(text, &splits[i].info);
        printf("%*s%s", 16 - cli_columns(text), "", text);
    }
    fputc('\n', stdout);
}

static void or_unknown(char out[32], double value, bool fraction)
{
    if (isnan(value) || isinf(value))
        snprintf(out, 32, "%s", cli_say("unknown", "未知"));
    else if (fraction)
        snprintf(out, 32, "%.4f", value);
    else
        cli_human_count(out, value);
}

static double known(uint64_t n) { return n ? (double)n : (double)NAN; }
static void cell_tokens(char out[32], const lf_split_info *s) { or_unknown(out, (double)s->tokens, false); }
static void cell_documents(char out[32], const lf_split_info *s) { or_unknown(out, known(s->documents), false); }
static void cell_bytes(char out[32], const lf_split_info *s) { or_unknown(out, known(s->bytes), false); }
static void cell_ratio(char out[32], const lf_split_info *s) { or_unknown(out, known(s->bytes) / (double)s->tokens, true); }
static void cell_floor(char out[32], const lf_split_info *s) { or_unknown(out, s->floor_bits / known(s->bytes), true); }
static void cell_max_id(char out[32], const lf_split_info *s) { or_unknown(out, s->max_id < 0 ? (double)NAN : s->max_id, false); }
static void cell_files(char out[32], const lf_split_info *s) { or_unknown(out, s->files, false); }

static void print_table(const column *splits)
{
    fputs("  ", stdout);
    cli_pad(stdout, "", 24);
    for (int i = 0; i < 2; i++)
        if (splits[i].info.tokens) printf("%16s", splits[i].name);
    fputc('\n', stdout);
    row(cli_say("tokens", "词元"), splits, cell_tokens);
    row(cli_say("documents", "文档"), splits, cell_documents);
    row(cli_say("bytes of text", "文本字节"), splits, cell_bytes);
    row(cli_say("bytes per token", "每词元字节"), splits, cell_ratio);
    row(cli_say("floor, bits per byte", "熵下界，每字节比特"), splits, cell_floor);
    row(cli_say("largest token id", "最大词元编号"), splits, cell_max_id);
    row(cli_say("files", "文件数"), splits, cell_files);
}

static void json_number(const char *key, double value, bool whole)
{
    printf(", \"%s\": ", key);
    if (isnan(value))
        printf("null");
    else
        printf(whole ? "%.0f" : "%.17g", value);
}

static void json_splits(const column *splits)
{
    const char *comma = "";
    printf("\"splits\": {");
    for (int i = 0; i < 2; i++) {
        const lf_split_info *s = &splits[i].info;
        if (!s->tokens) continue;
        printf("%s\"%s\": {\"tokens\": %" PRIu64 ", \"files\": %d", comma, splits[i].name, s->tokens, s->files);
        json_number("documents", known(s->documents), true);
        json_number("bytes", known(s->bytes), true);
        json_number("bytes_per_token", known(s->bytes) / (double)s->tokens, false);
        json_number("floor_bits", s->floor_bits, false);
        json_number("floor_bits_per_byte", s->floor_bits / known(s->bytes), false);
        json_number("max_id", s->max_id < 0 ? (double)NAN : s->max_id, true);
        printf("}");
        comma = ", ";
    }
    printf("}");
}

/* ---- prepare ------------------------------------------------------------------------------------------------------------------------ */

static int data_prepare(int argc, char **argv)
{
    const char *tokenizer_dir = NULL, *out = NULL, *field = "text";
    double val_fraction = 0.01;
    int64_t seed = 0, threads = 0, shard_tokens = 100000000;
    bool binary = false, json = false;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--tokenizer", .letter = 't', .type = CLI_TEXT, .value = &tokenizer_dir, .meta = "DIR",
         .help = "the tokenizer to use", .help_zh = "使用的分词器"},
        {.name = "--output", .letter = 'o', .type = CLI_TEXT, .value = &out, .meta = "DIR",
         .help = "folder to write: whole, or not at all", .help_zh = "要写的文件夹：要么完整，要么没有"},
        {.name = "--val-fraction", .type = CLI_REAL, .value = &val_fraction, .lo = 0, .hi = 0.5,
         .help = "share of the documents kept for validation; of a single document, its end",
         .help_zh = "留作验证的文档比例；只有一个文档时取其末尾"},
        {.name = "--field", .type = CLI_TEXT, .value = &field, .meta = "NAME",
         .help = ".jsonl: the field that holds the text", .help_zh = ".jsonl 中存放文本的字段"},
        {.name = "--binary", .type = CLI_SWITCH, .value = &binary,
         .help = "accept NUL bytes in the text", .help_zh = "允许文本中有 NUL 字节"},
        {.name = "--seed", .type = CLI_INT, .value = &seed, .lo = 0, .hi = 9e15,
         .help = "of the choice of validation documents", .help_zh = "选择验证文档的种子"},
        {.name = "--shard-tokens", .type = CLI_INT, .value = &shard_tokens, .lo = 1, .hi = 2147483647,
         .help = "tokens per file", .help_zh = "每个文件的词元数"},
        {.name = "--threads", .type = CLI_INT, .value = &threads, .lo = 1, .hi = 256,
         .help = "worker threads, all if not given; the shards do not depend on it", .help_zh = "线程数，默认全部；不影响结果"},
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "print the figures as JSON", .help_zh = "以 JSON 输出数字"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {
        .name = "data prepare",
        .summary = "turn text files into token shards for training",
        .summary_zh = "把文本文件变成训练用的词元分片",
        .example = "foundry data prepare stories.txt --tokenizer tok/ -o shards/ --val-fraction 0.01\n"
                   "foundry data prepare corpus/ more.jsonl --field content --tokenizer tok/ -o shards/",
        .usage = "foundry data prepare FILE|FOLDER ... --tokenizer DIR -o DIR [flags]",
        .notes = "A .txt is split into documents at lines that are exactly <|endoftext|>; without such lines one file is one document. A "
                 ".jsonl has one object per line. Every document is followed by the end token.",
        .notes_zh =
            ".txt 在内容恰为 <|endoftext|> 的行处分成文档；没有这样的行时一个文件就是一个文档。.jsonl 每行一个对象。每个文档后跟结束词元。",
        .flags = flags,
        .min_args = 1,
        .max_args = 100000};
    cli_args args;
    cli_bar bar = {0};
    lf_error err = {0};
    column splits[2] = {{.name = "train"}, {.name = "val"}};
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    if (!tokenizer_dir)
        return cli_usage_error("foundry tokenizer train TEXT --vocab-size 4096 -o tok/",
                               cli_say("foundry data prepare: --tokenizer DIR is missing", "foundry data prepare：缺少 --tokenizer DIR"));
    if (!out)
        return cli_usage_error("foundry data prepare --help",
                               cli_say("foundry data prepare: -o DIR is missing", "foundry data prepare：缺少 -o DIR"));
    cli_catch_signals();
    lf_tokenizer *tokenizer = lf_tokenizer_load(tokenizer_dir, &err);
    if (!tokenizer) return cli_fail(&err);
    const lf_prepare_options options = {.val_fraction = val_fraction,
                                        .field = field,
                                        .binary = binary,
                                        .seed = (uint64_t)seed,
                                        .shard_tokens = (uint64_t)shard_tokens,
                                        .threads = (int)threads,
                                        .progress = cli_progress,
                                        .progress_user = &bar};
    int rc = lf_prepare(out, (const char *const *)args.v, args.n, tokenizer, &options, &splits[0].info, &splits[1].info, &err);
    lf_tokenizer_free(&tokenizer);
    if (rc != 0) return cli_fail(&err);
    if (json) {
        printf("{\"path\": ");
        cli_json_string(stdout, out);
        printf(", ");
        json_splits(splits);
        printf("}\n");
        return CLI_OK;
    }
    printf("%s\n", out);
    print_table(splits);
    printf(cli_say("next: foundry train stories-3m --data.train %s\n", "下一步：foundry train stories-3m --data.train %s\n"), out);
    return CLI_OK;
}

/* ---- info --------------------------------------------------------------------------------------------------------------------------- */

static int data_info(int argc, char **argv)
{
    bool json = false;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "print the figures as JSON", .help_zh = "以 JSON 输出数字"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {.name = "data info",
                           .summary = "verify token shards and say what they hold",
                           .summary_zh = "校验词元分片并说明其内容",
                           .example = "foundry data info shards/",
                           .usage = "foundry data info DIR|FILE.bin [--json]",
                           .flags = flags,
                           .min_args = 1,
                           .max_args = 1};
    cli_args args;
    column splits[2] = {{.name = "train"}, {.name = "val"}};
    char fingerprint[65] = "", tokenizer_dir[4096] = "";
    int32_t end = -1;
    lf_error errors[2] = {{0}, {0}};
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    for (int i = 0; i < 2; i++) {
        lf_shards *s = lf_shards_open(args.v[0], splits[i].name, &errors[i]);
        if (!s && errors[i].code != LF_E_NOT_FOUND) return cli_fail(&errors[i]);
        if (!s) continue;
        splits[i].info = lf_shards_info(s);
        end = lf_shards_end_token(s);
        snprintf(fingerprint, sizeof fingerprint, "%s", lf_shards_fingerprint(s));
        snprintf(tokenizer_dir, sizeof tokenizer_dir, "%s", lf_shards_tokenizer_dir(s));
        lf_shards_close(&s);
        if (!fingerprint[0] && strstr(args.v[0], ".bin")) break; /* files, not a folder: they have no splits */
    }
    if (!splits[0].info.tokens && !splits[1].info.tokens) return cli_fail(&errors[0]);
    if (json) {
        printf("{\"path\": ");
        cli_json_string(stdout, args.v[0]);
        printf(", \"fingerprint\": ");
        if (fingerprint[0])
            cli_json_string(stdout, fingerprint);
        else
            printf("null");
        json_number("end_token", end < 0 ? (double)NAN : end, true);
        printf(", ");
        json_splits(splits);
        printf("}\n");
        return CLI_OK;
    }
    printf("%s\n", args.v[0]);
    print_table(splits);
    if (fingerprint[0])
        printf(cli_say("  tokenizer %.12s..., every byte matches its checksum\n", "  分词器 %.12s...，每个字节都与校验和相符\n"),
               fingerprint);
    else
        printf("%s", cli_say("  foreign files: no shards.json says which tokenizer made them\n",
                             "  外来文件：没有 shards.json 说明由哪个分词器生成\n"));
    if (tokenizer_dir[0])
        printf(cli_say("  its copy: %s, end token %" PRId32 "\n", "  其副本：%s，结束词元 %" PRId32 "\n"), tokenizer_dir, end);
    return CLI_OK;
}

int cmd_data(int argc, char **argv)
{
    static const cli_command commands[] = {
        {"synth", data_synth, "write synthetic stories whose best possible loss is known", "生成理论最优损失已知的合成故事"},
        {"prepare", data_prepare, "turn text files into token shards for training", "把文本文件变成训练用的词元分片"},
        {"info", data_info, "verify token shards and say what they hold", "校验词元分片并说明其内容"},
        {0}};
    static const cli_spec spec = {.name = "data",
                                  .summary = "text to train on: make it, prepare it, look at it",
                                  .summary_zh = "训练数据：生成、准备、查看",
                                  .example =
                                      "foundry data synth -o stories.txt\nfoundry data prepare stories.txt --tokenizer tok/ -o shards/",
                                  .usage = "foundry data synth|prepare|info [flags]"};
    return cli_dispatch(commands, &spec, argc, argv);
}
