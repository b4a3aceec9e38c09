/* cmd_chat_template.c - foundry chat-template render | show: a conversation as the text that a model sees. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 64 << 20 };

static const char *messages_file, *tools_file, *which, *date;
static bool generation_prompt, json, as_tokens;
static cli_texts variables;

int cli_chat_variables(cli_variables *out, const cli_texts *texts, lf_error *err)
{
    out->n = 0;
    for (int i = 0; i < texts->n; i++) {
        const char *text = texts->v[i], *equals = strchr(text, '=');
        if (!equals || equals == text || (size_t)(equals - text) >= sizeof *out->names) {
            lf_error_set(err, LF_E_ARGUMENT, "--var: expected NAME=JSON, got \"%.64s\"", text);
            return lf_error_hint(err, "--var enable_thinking=false   --var 'language=\"zh\"'");
        }
        snprintf(out->names[i], sizeof *out->names, "%.*s", (int)(equals - text), text);
        out->v[out->n++] = (lf_chat_variable){out->names[i], equals + 1};
    }
    return 0;
}

static void print_spans(const lf_chat_text *t)
{
    printf("{\"text\": ");
    cli_json_string(stdout, t->text);
    printf(", \"spans\": [");
    for (size_t i = 0; i < t->n_spans; i++)
        printf("%s{\"begin\": %zu, \"end\": %zu, \"from_user\": %s}", i ? ", " : "", t->spans[i].begin, t->spans[i].end,
               t->spans[i].from_user ? "true" : "false");
    printf("]}\n");
}

/* Ids as the model of dir sees them: what the conversation says is text, whatever it says. */
static int print_tokens(const lf_chat_text *text, const char *dir, lf_error *err)
{
    int32_t *ids = NULL;
    lf_tokenizer *t = lf_tokenizer_load(dir, err);
    int n = t ? lf_chat_tokens(&ids, text, t, err) : -1;
    if (n >= 0 && json) printf("{\"tokens\": [");
    for (int i = 0; i < n; i++) printf("%s%d", i ? json ? ", " : " " : "", ids[i]);
    if (n >= 0) printf(json ? "]}\n" : "\n");
    free(ids);
    lf_tokenizer_free(&t);
    return n < 0 ? -1 : 0;
}

static int render(const char *dir, lf_error *err)
{
    cli_bytes messages = {0}, tools = {0};
    cli_variables vars;
    lf_chat_text text = {0};
    lf_chat_template *t = NULL;
    int rc = cli_read(&messages, messages_file, INPUT_MAX, err);
    if (!rc && tools_file) rc = cli_read(&tools, tools_file, INPUT_MAX, err);
    if (!rc) rc = cli_chat_variables(&vars, &variables, err);
    if (!rc && !(t = lf_chat_template_open(dir, which, err))) rc = -1;
    if (!rc) {
        lf_chat_request request = {.messages = messages.data,
                                   .messages_size = messages.n,
                                   .messages_name = messages_file,
                                   .tools = tools.data,
                                   .tools_size = tools.n,
                                   .tools_name = tools_file,
                                   .add_generation_prompt = generation_prompt,
                                   .variables = vars.v,
                                   .n_variables = vars.n,
                                   .date = date};
        rc = lf_chat_render(&text, t, &request, err);
    }
    if (!rc && as_tokens)
        rc = print_tokens(&text, dir, err);
    else if (!rc && json)
        print_spans(&text);
    else if (!rc)
        fwrite(text.text, 1, text.size, stdout);
    lf_chat_text_release(&text);
    lf_chat_template_free(&t);
    free(messages.data), free(tools.data);
    return rc;
}

static int run_render(int argc, char **argv)
{
    /* clang-format off */
    static const cli_flag flags[] = {
        {.name = "--messages", .letter = 'm', .type = CLI_TEXT, .value = &messages_file, .meta = "FILE",
         .help = "the conversation, a JSON list of {\"role\": ..., \"content\": ...} (- = standard input)",
         .help_zh = "对话：由 {\"role\": ..., \"content\": ...} 组成的 JSON 列表（- 为标准输入）"},
        {.name = "--tools", .type = CLI_TEXT, .value = &tools_file, .meta = "FILE",
         .help = "the tools that the model may call, a JSON list", .help_zh = "模型可调用的工具：JSON 列表"},
        {.name = "--add-generation-prompt", .letter = 'g', .type = CLI_SWITCH, .value = &generation_prompt,
         .help = "end with what comes before the model's answer", .help_zh = "末尾加上模型回答之前的标记"},
        {.name = "--var", .type = CLI_TEXTS, .value = &variables, .meta = "NAME=JSON",
         .help = "a variable of the template, such as enable_thinking=false; may be repeated",
         .help_zh = "模板变量，例如 enable_thinking=false；可重复给出"},
        {.name = "--template", .type = CLI_TEXT, .value = &which, .meta = "NAME",
         .help = "which template, where the folder has several", .help_zh = "目录含多个模板时选用哪一个"},
        {.name = "--date", .type = CLI_TEXT, .value = &date, .meta = "DATE",
         .help = "what the template takes for now: 2024-07-26 or 2024-07-26T18:30:05",
         .help_zh = "模板所见的当前时间：2024-07-26 或 2024-07-26T18:30:05"},
        {.name = "--tokens", .type = CLI_SWITCH, .value = &as_tokens,
         .help = "token ids in place of the text; special tokens that the conversation contains are text",
         .help_zh = "输出词元编号而不是文本；对话中出现的特殊词元只当文字"},
        {.name = "--json", .type = CLI_SWITCH, .value = &json,
         .help = "one JSON object: the text, and which bytes of it come from the conversation",
         .help_zh = "输出一个 JSON 对象：文本，以及其中哪些字节来自对话"},
        {0}};
    /* clang-format on */
    static const cli_spec spec = {
        .name = "chat-template render",
        .summary = "a conversation as the text that the model sees",
        .summary_zh = "把对话变成模型所见的文本",
        .example = "foundry chat-template render model/ --messages chat.json --add-generation-prompt\n"
                   "echo '[{\"role\": \"user\", \"content\": \"Hi\"}]' | foundry chat-template render model/ --messages - --json",
        .usage = "foundry chat-template render MODEL_DIR|FILE.gguf --messages FILE [flags]",
        .notes = "The template is chat_template.jinja of the folder, or chat_template in its tokenizer_config.json, or "
                 "tokenizer.chat_template of a GGUF file. It runs inside limits of "
                 "time, depth and memory, and can neither read files nor change anything.",
        .notes_zh = "模板取自目录中的 chat_template.jinja，或 tokenizer_config.json 里的 chat_template，"
                    "或 GGUF 文件的 tokenizer.chat_template。"
                    "模板在时间、深度和内存限制内运行，不能读取文件，也不能改动任何东西。",
        .flags = flags,
        .min_args = 1,
        .max_args = 1};
    cli_args args;
    lf_error err = {0};
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    if (!messages_file) return cli_usage_error("foundry chat-template render --help", cli_say("--messages is missing", "缺少 --messages"));
    return render(args.v[0], &err) ? cli_fail(&err) : CLI_OK;
}

static int run_show(int argc, char **argv)
{
    static const cli_flag flags[] = {{.name = "--template",
                                      .type = CLI_TEXT,
                                      .value = &which,
                                      .meta = "NAME",
                                      .help = "which template, where the folder has several",
                                      .help_zh = "目录含多个模板时选用哪一个"},
                                     {0}};
    static const cli_spec spec = {.name = "chat-template show",
                                  .summary = "print a model's template, checked",
                                  .summary_zh = "检查并输出模型的模板",
                                  .example = "foundry chat-template show model/",
                                  .usage = "foundry chat-template show MODEL_DIR|FILE.gguf [--template NAME]",
                                  .flags = flags,
                                  .min_args = 1,
                                  .max_args = 1};
    cli_args args;
    lf_error err = {0};
    size_t n;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_chat_template *t = lf_chat_template_open(args.v[0], which, &err);
    if (!t) return cli_fail(&err);
    const char *source = lf_chat_template_source(t, &n);
    fwrite(source, 1, n, stdout);
    putchar('\n');
    lf_chat_template_free(&t);
    return CLI_OK;
}

int cmd_chat_template(int argc, char **argv)
{
    static const cli_command commands[] = {
        {"render", run_render, "a conversation as the text that the model sees", "把对话变成模型所见的文本"},
        {"show", run_show, "print a model's template, checked", "检查并输出模型的模板"},
        {0}};
    static const cli_spec spec = {.name = "chat-template",
                                  .summary = "conversations through a model's template: render, show",
                                  .summary_zh = "用模型的模板处理对话：渲染、查看",
                                  .example = "foundry chat-template render model/ --messages chat.json --add-generation-prompt",
                                  .usage = "foundry chat-template render|show MODEL_DIR|FILE.gguf [flags]"};
    return cli_dispatch(commands, &spec, argc, argv);
}
