/* cmd_quantize.c - foundry quantize: a model's weights in fewer bits, as a GGUF file, and what that cost tensor by tensor. Glue only:
 * lf_model_convert does it. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Lines are kept until the file is there: a failure prints nothing on stdout. */
typedef struct line {
    char name[96];
    lf_tensor_written t;
} line;

typedef struct table {
    line *lines;
    size_t n, cap;
    bool failed;
} table;

static void add_line(const lf_tensor_written *t, void *user)
{
    table *all = user;
    if (all->n == all->cap) {
        size_t cap = all->cap ? 2 * all->cap : 256;
        line *more = realloc(all->lines, cap * sizeof *more);
        if ((all->failed = !more)) return;
        all->lines = more, all->cap = cap;
    }
    line *l = &all->lines[all->n++];
    l->t = *t;
    snprintf(l->name, sizeof l->name, "%s", t->name);
}

static double bits_per_weight(const lf_convert_report *r) { return 8 * (double)r->bytes / (double)r->weights; }

static void print_json(const table *all, const lf_convert_report *r, const char *out, double seconds)
{
    printf("{\"path\": ");
    cli_json_string(stdout, out);
    printf(", \"type\": \"%s\", \"tensors\": %d, \"fallbacks\": %d, \"weighted\": %d, \"weights\": %" PRId64 ", \"bytes\": %" PRIu64
           ", \"source_bytes\": %" PRIu64 ", \"bits_per_weight\": %.4f, \"seconds\": %.3f, \"list\": [",
           r->type, r->tensors, r->fallbacks, r->weighted, r->weights, r->bytes, r->source_bytes, bits_per_weight(r), seconds);
    for (size_t i = 0; i < all->n; i++) {
        const lf_tensor_written *t = &all->lines[i].t;
        printf("%s\n  {\"name\": ", i ? "," : "");
        cli_json_string(stdout, all->lines[i].name);
        printf(", \"from\": \"%s\", \"to\": \"%s\", \"shape\": [%" PRId64 ", %" PRId64 "], \"bytes\": %" PRIu64
               ", \"rmse\": %.6g, \"relative\": %.6g, \"weighted\": %s, \"fallback\": %s}",
               t->from, t->to, t->shape[0], t->shape[1], t->bytes, t->rmse, t->relative, t->weighted ? "true" : "false",
               t->fallback ? "true" : "false");
    }
    puts("]}");
}

static void print_text(const table *all, const lf_convert_report *r, const char *out, double seconds)
{
    char a[32], b[32], c[64];
    cli_pad(stdout, cli_say("matrix", "矩阵"), 29), cli_pad(stdout, cli_say("shape", "形状"), 17);
    cli_pad(stdout, cli_say("from", "原类型"), 9), cli_pad(stdout, cli_say("to", "新类型"), 9);
    cli_pad_left(stdout, "RMSE", 10), cli_pad_left(stdout, cli_say("relative", "相对"), 11), puts("");
    for (size_t i = 0; i < all->n; i++) {
        const lf_tensor_written *t = &all->lines[i].t;
        char shape[48];
        if (t->shape[0] == 1) continue;
        snprintf(shape, sizeof shape, "%" PRId64 " x %" PRId64, t->shape[0], t->shape[1]);
        cli_pad(stdout, all->lines[i].name, 28);
        printf(" %-16s %-8s %-8s %10.3g %9.3f%%  %s%s\n", shape, t->from, t->to, t->rmse, 100 * t->relative,
               t->weighted ? cli_say("weighed", "加权") : "", t->fallback ? cli_say(" fallback", " 后备类型") : "");
    }
    printf(cli_say("%s: %s of weights, %.3f bits each (from %s), %.1f s\n", "%s：权重 %s，每个 %.3f 位（原为 %s），用时 %.1f 秒\n"), out,
           cli_human_bytes(a, (double)r->bytes), bits_per_weight(r), cli_human_bytes(b, (double)r->source_bytes), seconds);
    if (r->fallbacks)
        printf(cli_say("%s have rows of no whole number of blocks and took the next type that fits\n",
                       "%s的行长不是块的整数倍，改用了能放下的类型\n"),
               cli_human_things(c, r->fallbacks, "matrix", "matrices", " 个矩阵"));
}

int cmd_quantize(int argc, char **argv)
{
    const char *out = NULL, *type = NULL, *imatrix = NULL, *which = "last";
    cli_texts keep = {0};
    int64_t threads = 0;
    bool json = false, requantize = false;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--output", .letter = 'o', .type = CLI_TEXT, .value = &out, .meta = "OUT.gguf",
         .help = "the file to write", .help_zh = "要写的文件"},
        {.name = "--type", .letter = 't', .type = CLI_TEXT, .value = &type, .meta = "TYPE",
         .help = "q4_k, q5_k, q6_k, q8_0, q4_0, iq4_nl, ...: of all matrices; q4_k_m, q5_k_m: a mix", .help_zh = "q4_k、q5_k、q6_k、q8_0、q4_0、iq4_nl 等：所有矩阵的类型；q4_k_m、q5_k_m：混合"},
        {.name = "--imatrix", .letter = 'i', .type = CLI_TEXT, .value = &imatrix, .meta = "FILE",
         .help = "what errors in each column cost, from foundry imatrix or llama.cpp", .help_zh = "各列误差的代价，来自 foundry imatrix 或 llama.cpp"},
        {.name = "--keep", .letter = 'k', .type = CLI_TEXTS, .value = &keep, .meta = "PATTERN=TYPE",
         .help = "another type for some: output=q6_k, blk.*.ffn_down=q8_0; may be repeated, the last that matches counts", .help_zh = "个别矩阵改用其他类型：output=q6_k、blk.*.ffn_down=q8_0；可重复，以最后匹配者为准"},
        {.name = "--requantize", .type = CLI_SWITCH, .value = &requantize,
         .help = "also quantize again what is quantized already", .help_zh = "已量化的权重也重新量化"},
        CLI_CHECKPOINT_FLAG(which),
        {.name = "--threads", .type = CLI_INT, .value = &threads, .lo = 1, .hi = 256,
         .help = "worker threads, all if not given; the result does not depend on it", .help_zh = "线程数，默认全部；不影响结果"},
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "print the figures as JSON, every tensor", .help_zh = "以 JSON 输出全部张量的数字"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {
        .name = "quantize",
        .summary = "a smaller model: weights of 4 to 8 bits in a GGUF file",
        .summary_zh = "缩小模型：把权重写成 4 到 8 位的 GGUF 文件",
        .example = "foundry quantize runs/stories-3m --type q4_k -o stories-q4_k.gguf\n"
                   "foundry quantize model-hf --type q4_k --imatrix model.imatrix --keep output=q6_k -o model-q4_k.gguf",
        .usage = "foundry quantize MODEL --type TYPE -o OUT.gguf [--imatrix FILE] [--keep PATTERN=TYPE]... [flags]",
        .notes =
            "All matrices get the type, vectors stay f32. A mix gives more bits to output (the embedding where both are one) and to "
            "attn_v and ffn_down of some layers: 6 bits. Where rows are no whole number of blocks a matrix takes the type's fallback "
            "(q4_k: q5_0, then f16). Names are those of GGUF (foundry model info OUT.gguf --tensors), * stands for anything, output is "
            "the matrix that makes logits. `foundry eval kl` says what it cost.",
        .notes_zh =
            "所有矩阵改为该类型，向量保持 f32。混合类型给 output（与嵌入共享时即嵌入）以及部分层的 attn_v、ffn_down 更多位数：6 位。"
            "行长不是块整数倍的矩阵改用后备类型（q4_k：q5_0，再 f16）。名称为 GGUF 中的名称（foundry model info OUT.gguf --tensors），"
            "* 代表任意内容，output 指产生 logits 的矩阵。用 `foundry eval kl` 查看代价。",
        .flags = flags,
        .min_args = 1,
        .max_args = 1};
    cli_args args;
    char dir[4096];
    lf_error err = {0};
    lf_convert_report r;
    lf_imatrix *importance = NULL;
    table all = {0};
    cli_bar bar = {0};
    int code = CLI_OK;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    if (!out || !type)
        return cli_usage_error("foundry quantize MODEL --type q4_k -o OUT.gguf",
                               out ? cli_say("foundry quantize: --type TYPE is missing", "foundry quantize：缺少 --type TYPE")
                                   : cli_say("foundry quantize: -o OUT.gguf is missing", "foundry quantize：缺少 -o OUT.gguf"));
    double began = cli_now();
    cli_catch_signals();
    if (lf_checkpoint_find(dir, sizeof dir, args.v[0], which, &err) || (imatrix && !(importance = lf_imatrix_load(imatrix, &err)))) {
        code = cli_fail(&err);
    } else {
        const lf_convert_options options = {.format = "gguf",
                                            .dtype = type,
                                            .threads = (int)threads,
                                            .progress = cli_progress,
                                            .progress_user = &bar,
                                            .keep = keep.v,
                                            .n_keep = keep.n,
                                            .imatrix = importance,
                                            .once = !requantize,
                                            .on_tensor = add_line,
                                            .tensor_user = &all};
        if (lf_model_convert(dir, out, &options, &r, &err) ||
            (all.failed && lf_error_set(&err, LF_E_MEMORY, "no memory for the table; \"%s\" was written", out)))
            code = cli_fail(&err);
        else if (json)
            print_json(&all, &r, out, cli_now() - began);
        else
            print_text(&all, &r, out, cli_now() - began);
    }
    lf_imatrix_free(&importance);
    free(all.lines);
    return code;
}
