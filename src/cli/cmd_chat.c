/* cmd_chat.c - `foundry chat`: a conversation with a model. On a terminal lines are edited and remembered; from a pipe each line is a
 * message or a command. Answers go to stdout, all else to stderr. */
#include "cli/cli_chat.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEMPLATE_MAX = 1 << 20 };

static cli_model_options options = CLI_MODEL_OPTIONS;
static const char *template_file, *template_name, *system_text, *messages_file;
static int64_t max_tokens = 1024, context;
static cli_texts stops, variables;
static bool json;

/* clang-format off */
static const cli_flag flags[] = {
    {.name = "--system", .type = CLI_TEXT, .value = &system_text, .meta = "TEXT",
     .help = "what the model is told before the conversation", .help_zh = "对话开始之前告诉模型的话"},
    {.name = "--messages", .letter = 'm', .type = CLI_TEXT, .value = &messages_file, .meta = "FILE",
     .help = "go on with a conversation that /save has written, and with what was read of it, where FILE.kv is there",
     .help_zh = "继续由 /save 写出的对话；旁有 FILE.kv 时沿用已读的部分"},
    {.name = "--template", .type = CLI_TEXT, .value = &template_file, .meta = "FILE",
     .help = "a chat template (Jinja) in place of the model's own", .help_zh = "用此对话模板（Jinja）代替模型自带的"},
    {.name = "--template-name", .type = CLI_TEXT, .value = &template_name, .meta = "NAME",
     .help = "which template, where the model has several", .help_zh = "模型含多个模板时选用哪一个"},
    {.name = "--var", .type = CLI_TEXTS, .value = &variables, .meta = "NAME=JSON",
     .help = "a variable of the template, such as enable_thinking=false; may be repeated",
     .help_zh = "模板变量，例如 enable_thinking=false；可重复给出"},
    {.name = "--stop", .type = CLI_TEXTS, .value = &stops, .meta = "TEXT",
     .help = "ends an answer, and is not part of it; may be repeated", .help_zh = "遇到它即结束回答，且不输出它；可重复给出"},
    {.name = "--max-tokens", .letter = 'n', .type = CLI_INT, .value = &max_tokens, .lo = 1, .hi = 1000000000, .meta = "N",
     .help = "of one answer, at most", .help_zh = "一次回答最多的词元数"},
    {.name = "--context", .type = CLI_INT, .value = &context, .lo = 0, .hi = 1000000000, .meta = "N",
     .help = "tokens of the whole conversation, at most; 0: what the model was made for", .help_zh = "整个对话最多的词元数；0：模型的上下文"},
    {.name = "--temperature", .letter = 't', .type = CLI_OPTION, .choices = "sampler.temperature", .meta = "X"},
    {.name = "--top-k", .type = CLI_OPTION, .choices = "sampler.top_k", .meta = "N"},
    {.name = "--top-p", .type = CLI_OPTION, .choices = "sampler.top_p", .meta = "X"},
    {.name = "--min-p", .type = CLI_OPTION, .choices = "sampler.min_p", .meta = "X"},
    {.name = "--repetition-penalty", .type = CLI_OPTION, .choices = "sampler.repetition_penalty", .meta = "X"},
    {.name = "--grammar", .type = CLI_OPTION, .choices = "sampler.grammar", .meta = "FILE"},
    {.name = "--json-schema", .type = CLI_OPTION, .choices = "sampler.json_schema", .meta = "FILE"},
    {.name = "--seed", .letter = 's', .type = CLI_OPTION, .choices = "sampler.seed", .meta = "N"},
    CLI_TALK_FLAGS(options),
    {.name = "--json", .type = CLI_SWITCH, .value = &json,
     .help = "one JSON object per answer (content, tokens, why it stopped, seconds) or error",
     .help_zh = "每次回答（内容、词元数、停止原因、用时）或错误输出一个 JSON 对象"},
    {0}};
/* clang-format on */

static const cli_spec spec = {
    .name = "chat",
    .summary = "talk with a model",
    .summary_zh = "与模型对话",
    .example = "foundry chat model.gguf --system \"You are brief.\"\n"
               "printf 'Hello\\n/regen\\n' | foundry chat model/ --json",
    .usage = "foundry chat RUN|CHECKPOINT|MODEL_DIR|FILE.gguf [flags]",
    .notes =
        "The conversation goes through the chat template of the model; one that has none sees lines \"User: ...\" and \"Assistant: ...\". "
        "Special tokens that you type are plain text. /help lists the commands, /params the other settings of the sampler. "
        "Ctrl-C stops an answer, Ctrl-D ends. A conversation that is longer than the context is an error, never cut. "
        "Answer i has seed + i. From a pipe, each line is a message or a command.",
    .notes_zh = "对话经过模型的对话模板；没有模板的模型看到的是“User: ...”和“Assistant: ...”各一行。键入的特殊词元只当普通文字。"
                "/help 列出命令，/params 列出其他采样参数。Ctrl-C 停止回答，Ctrl-D 退出。对话超过上下文即报错，绝不截断。"
                "第 i 次回答的种子为 seed + i。标准输入为管道时，每行是一条消息或一个命令。",
    .flags = flags,
    .min_args = 1,
    .max_args = 1,
};

/* ---- opening ---------------------------------------------------------------------------------------------------------------- */
/* The template that was asked for, the model's own, or the plain one. */
static int open_template(chat *c, const char *dir, lf_error *err)
{
    cli_bytes source = {0};
    if (template_file) {
        if (cli_read(&source, template_file, TEMPLATE_MAX, err)) return -1;
        c->template = lf_chat_template_parse(source.data, source.n, template_file, err);
        free(source.data);
        return !c->template || lf_chat_template_use_model(c->template, dir, err) ? -1 : 0;
    }
    lf_error own = {0};
    if ((c->template = lf_chat_template_open(dir, template_name, &own))) return 0;
    if (own.code != LF_E_NOT_FOUND || template_name) {
        *err = own;
        return -1;
    }
    chat_note("%s",
              cli_say("note: this model has no chat template; it sees \"User: ...\" and \"Assistant: ...\" (--template FILE gives it one)",
                      "注意：该模型没有对话模板，它看到的是“User: ...”和“Assistant: ...”（可用 --template FILE 指定）"));
    c->template = lf_chat_template_parse(LF_CHAT_PLAIN, sizeof LF_CHAT_PLAIN - 1, "LF_CHAT_PLAIN", err);
    return !c->template || lf_chat_template_use_model(c->template, dir, err) ? -1 : 0;
}

static int open_chat(chat *c, lf_device **device, const cli_args *args, lf_error *err)
{
    lf_config_init(&c->config);
    if (cli_config_apply(&c->config, args, err)) return -1;
    c->config.sampler.max_tokens = max_tokens, c->stops = stops, c->json = json;
    c->person = isatty(STDIN_FILENO) && !json;
    if (c->stops.n == LF_STOPS) return lf_error_set(err, LF_E_LIMIT, "--stop: at most %d", LF_STOPS - 1);
    if (!(c->talk = messages_file ? lf_conversation_load(messages_file, err) : lf_conversation_new(err))) return -1;
    if (system_text && chat_set_system(c, system_text, err)) return -1;
    if (cli_chat_variables(&c->variables, &variables, err) || !(*device = cli_device_open(args, err)) ||
        cli_model_open(&c->m, *device, args->v[0], &options, err) || open_template(c, c->m.dir, err))
        return -1;
    int longest = (int)lf_model_config_of(c->m.model)->max_position_embeddings;
    if (context > longest) {
        lf_error_set(err, LF_E_ARGUMENT, "--context: %" PRId64 " tokens; the model was made for %d", context, longest);
        return -1;
    }
    c->context = context ? (int)context : longest;
    c->speculate = cli_speculation(&options);
    lf_engine_options engine = {.kv_bytes = c->config.sampler.kv_memory,
                                .max_sequences = 1,
                                .context = c->context,
                                .max_rows = 256,
                                .kv_type = c->config.sampler.kv_type,
                                .draft = c->m.draft};
    if (!(c->engine = lf_engine_new(c->m.model, &engine, err))) return -1;
    if (messages_file) chat_load_read(c, messages_file);
    c->turn_end = lf_chat_find_turn_end(c->template, c->m.tokenizer);
    c->n_ends = lf_answer_ends(c->ends, c->m.model, c->m.tokenizer);
    for (int i = 0; i < c->n_ends; i++)
        if (c->ends[i] == c->turn_end.token) c->turn_end.token = -1;
    if (c->turn_end.token >= 0) c->ends[c->n_ends < LF_ENDS ? c->n_ends++ : LF_ENDS - 1] = c->turn_end.token;
    return 0;
}

/* ---- lines ------------------------------------------------------------------------------------------------------------------- */
/* $XDG_STATE_HOME/foundry/history, or ~/.local/state/foundry/history; "" without a home. */
static void history_file(char out[4096])
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    *out = 0;
    if (state && *state == '/')
        snprintf(out, 4096, "%s/foundry/history", state);
    else if (home && *home)
        snprintf(out, 4096, "%s/.local/state/foundry/history", home);
}

/* line + "\n" + more; frees both. */
static char *join(char *line, char *more)
{
    size_t n = strlen(line), m = strlen(more);
    char *both = realloc(line, n + m + 2);
    if (both) both[n] = '\n', memcpy(both + n + 1, more, m + 1);
    if (!both) free(line);
    free(more);
    return both;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* A message or a command: one line, lines that a backslash joins, or all between two """. NULL: the end of the input, or given up. */
static char *read_message(cli_lines *lines)
{
    static const char quotes[] = "\"\"\"";
    char *text = cli_lines_read(lines, "> ");
    bool block = text && strncmp(text, quotes, 3) == 0;
    if (block) memmove(text, text + 3, strlen(text + 3) + 1);
    while (text && (block ? !ends_with(text, quotes) : ends_with(text, "\\"))) {
        char *more = cli_lines_read(lines, ". ");
        if (!more && cli_interrupted()) return free(text), NULL;
        if (!more) break; /* the input ends: what there is of it */
        if (!block) text[strlen(text) - 1] = 0;
        text = join(text, more);
    }
    if (text && block && ends_with(text, quotes)) text[strlen(text) - 3] = 0;
    return text;
}

static int take_message(chat *c, const char *text, lf_error *err)
{
    int length = lf_conversation_length(c->talk);
    if (text[0] == '/' && text[1] != '/') return chat_command(c, text + 1, err);
    text += text[0] == '/';
    if (lf_conversation_insert(c->talk, length, "user", text, strlen(text), err)) return -1;
    int status = chat_answer(c, err);
    if (status) lf_conversation_remove(c->talk, length, 1);
    return status;
}

/* In words for a person; with --json in an object, too, so that whoever reads one line a turn gets one. */
static void complain(const chat *c, const lf_error *err)
{
    cli_fail(err);
    if (!c->json) return;
    printf("{\"error\": \"%s\", \"message\": ", lf_code_name(err->code));
    cli_json_string(stdout, err->message);
    printf(", \"hint\": ");
    cli_json_string(stdout, err->hint);
    printf("}\n");
    fflush(stdout);
}

static void converse(chat *c)
{
    char history[4096], n[32];
    history_file(history);
    cli_lines *lines = cli_lines_open(*history ? history : NULL);
    cli_catch_interrupts();
    if (c->person)
        chat_note(cli_say("context %s tokens · /help lists commands · Ctrl-C stops an answer, Ctrl-D ends%s",
                          "上下文 %s 个词元 · /help 列出命令 · Ctrl-C 停止回答，Ctrl-D 退出%s"),
                  cli_human_count(n, c->context),
                  lines && cli_lines_edited(lines) ? ""
                                                   : cli_say(" · built without libedit: no line editing", " · 未编入 libedit：无行编辑"));
    while (lines && !c->leave) {
        lf_error err = {0};
        cli_forget_interrupt();
        char *text = read_message(lines);
        if (!text && !cli_interrupted()) break;
        cli_forget_interrupt();
        int status = text && text[strspn(text, " \t\n")] ? take_message(c, text, &err) : 0;
        if (status < 0) complain(c, &err);
        if (status > 0)
            chat_note("%s", cli_say("(stopped before an answer began: it was not asked)", "（回答开始前已停止：视作没有问过）"));
        c->failed |= status < 0;
        free(text);
    }
    cli_lines_close(&lines);
}

int cmd_chat(int argc, char **argv)
{
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_error err = {0};
    lf_device *device = NULL;
    chat *c = calloc(1, sizeof *c);
    if (!c) return CLI_FAILED;
    int code = CLI_OK;
    if (open_chat(c, &device, &args, &err))
        code = cli_fail(&err);
    else {
        converse(c);
        code = c->failed && !c->person ? CLI_FAILED : CLI_OK;
    }
    lf_engine_free(&c->engine);
    cli_model_close(&c->m);
    lf_device_close(&device);
    lf_chat_template_free(&c->template);
    lf_conversation_free(&c->talk);
    free(c);
    return code;
}
