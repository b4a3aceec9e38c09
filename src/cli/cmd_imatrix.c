/* cmd_imatrix.c - foundry imatrix: what errors in each column of the weights would cost, for foundry quantize. Glue only. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>

int cmd_imatrix(int argc, char **argv)
{
    const char *out = NULL, *data = NULL, *split = "train", *which = "last", *weights = "auto";
    int64_t context = 0, chunks = 0;
    bool json = false;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--data", .letter = 'd', .type = CLI_TEXT, .value = &data, .meta = "TEXT",
         .help = "text like what the model will see: a file, - for standard input, or a folder of shards",
         .help_zh = "与模型将处理的内容相近的文本：文件、-（标准输入）或分片文件夹"},
        {.name = "--output", .letter = 'o', .type = CLI_TEXT, .value = &out, .meta = "FILE",
         .help = "the file to write (GGUF, as llama.cpp has it)", .help_zh = "要写的文件（GGUF，与 llama.cpp 相同）"},
        {.name = "--ctx", .type = CLI_INT, .value = &context, .lo = 0, .hi = 1 << 24, .meta = "N",
         .help = "tokens of a window; 0: 512, or the model's context where that is less", .help_zh = "窗口的词元数；0：512，模型上下文更短时取其长度"},
        {.name = "--chunks", .type = CLI_INT, .value = &chunks, .lo = 0, .hi = 1e9, .meta = "N",
         .help = "windows at most; 0: the whole text", .help_zh = "最多使用多少个窗口；0：全部文本"},
        {.name = "--split", .type = CLI_CHOICE, .value = &split, .choices = "train|val",
         .help = "which split of the shards", .help_zh = "使用分片的哪一部分"},
        CLI_WEIGHTS_FLAG(weights),
        CLI_CHECKPOINT_FLAG(which),
        {.name = "--threads", .type = CLI_OPTION, .choices = "threads", .meta = "N"},
        {.name = "--isa", .type = CLI_OPTION, .choices = "isa", .meta = "NAME"},
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "print the figures as JSON", .help_zh = "以 JSON 输出数字"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {
        .name = "imatrix",
        .summary = "importance of the columns of weights, measured on a text",
        .summary_zh = "在文本上测量权重各列的重要性",
        .example = "foundry imatrix runs/stories-3m --data stories.txt --chunks 500 -o stories.imatrix\n"
                   "foundry quantize runs/stories-3m --type q4_k --imatrix stories.imatrix -o stories-q4_k.gguf",
        .usage = "foundry imatrix MODEL --data TEXT -o FILE [--ctx N] [--chunks N] [flags]",
        .notes = "For every weight, the mean square of each of its inputs. Rounding errors count by them when the model is quantized. "
                 "Some hundred windows are enough; do not measure quality on the same text.",
        .notes_zh = "对每个权重，记录其各输入的均方值；量化时舍入误差按此加权。几百个窗口即可；不要再用同一文本测量质量。",
        .flags = flags,
        .min_args = 1,
        .max_args = 1};
    cli_args args;
    lf_error err = {0};
    cli_bytes text = {0};
    cli_model m = {0};
    cli_bar bar = {0};
    lf_imatrix *im = NULL;
    lf_eval_text *tokens = NULL;
    int code = CLI_OK;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    if (!out || !data)
        return cli_usage_error("foundry imatrix MODEL --data TEXT -o FILE",
                               out ? cli_say("foundry imatrix: --data TEXT is missing", "foundry imatrix：缺少 --data TEXT")
                                   : cli_say("foundry imatrix: -o FILE is missing", "foundry imatrix：缺少 -o FILE"));
    cli_catch_signals();
    const lf_imatrix_options options = {.context = (int)context, .chunks = chunks, .progress = cli_progress, .progress_user = &bar};
    lf_device *device = cli_device_open(&args, &err);
    if (!device || cli_model_open(&m, device, args.v[0], &(cli_model_options){.which = which, .weights = weights}, &err) ||
        !(tokens = cli_eval_text(&text, data, split, &m, &err)) || !(im = lf_imatrix_collect(m.model, tokens, &options, &err)) ||
        lf_imatrix_save(im, out, data, &err)) {
        code = cli_fail(&err);
    } else {
        char rows[32], chunk[32];
        lf_imatrix_info info = lf_imatrix_info_of(im);
        if (json)
            printf("{\"entries\": %d, \"tokens\": %" PRId64 ", \"chunks\": %" PRId64 ", \"ctx\": %" PRId64 "}\n", info.entries, info.rows,
                   info.chunks, info.chunk_size);
        else
            printf(cli_say("%s: inputs of %d weights over %s tokens in %s windows\n", "%s：%d 个权重的输入，%s 个词元，%s 个窗口\n"), out,
                   info.entries, cli_human_count(rows, (double)info.rows), cli_human_count(chunk, (double)info.chunks));
    }
    lf_imatrix_free(&im);
    lf_eval_text_free(&tokens);
    cli_model_close(&m);
    lf_device_close(&device);
    free(text.data);
    return code;
}
