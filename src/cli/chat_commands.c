/* chat_commands.c - the commands of `foundry chat`: one row and one function each. What they say goes to stderr: stdout has answers only.
 */
#include "cli/cli_chat.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the conversation ------------------------------------------------------------------------------------------------------- */
static bool has_role(const chat *c, int i, const char *role)
{
    return i >= 0 && i < lf_conversation_length(c->talk) && strcmp(lf_conversation_role(c->talk, i), role) == 0;
}

int chat_set_system(chat *c, const char *text, lf_error *err)
{
    bool is_there = has_role(c, 0, "system");
    if (lf_conversation_insert(c->talk, 0, "system", text, strlen(text), err)) return -1;
    if (is_there) lf_conversation_remove(c->talk, 1, 1);
    return 0;
}

static int system_message(chat *c, const char *rest, lf_error *err)
{
    size_t n;
    bool is_there = has_role(c, 0, "system");
    if (!*rest) {
        const char *text = is_there ? lf_conversation_text(c->talk, 0, &n) : NULL;
        chat_note("%s", text ? text : cli_say("(no system message)", "（没有系统消息）"));
        return 0;
    }
    if (strcmp(rest, "-") != 0) return chat_set_system(c, rest, err);
    if (is_there) lf_conversation_remove(c->talk, 0, 1);
    return 0;
}

/* What was read of a conversation lies beside its file: talk.json, talk.json.kv. */
static int beside(char out[LF_CONFIG_PATH_MAX], const char *file, lf_error *err)
{
    if (snprintf(out, LF_CONFIG_PATH_MAX, "%s.kv", file) < LF_CONFIG_PATH_MAX) return 0;
    return lf_error_set(err, LF_E_LIMIT, "%.40s...: the name of the file is too long", file);
}

static int save_read(const chat *c, const char *file, lf_error *err)
{
    char path[LF_CONFIG_PATH_MAX], count[64];
    int32_t *tokens = NULL;
    int n = 0;
    if (beside(path, file, err) || (lf_conversation_length(c->talk) && (n = chat_encode(c, &tokens, err)) < 0)) return -1;
    n = lf_engine_save(c->engine, path, tokens, n, err);
    free(tokens);
    if (n < 0) return -1;
    if (n)
        chat_note(cli_say("(what was read of it, %s, in %s)", "（已读的 %s存入 %s）"),
                  cli_human_things(count, n, "token", "tokens", " 个词元"), path);
    else
        chat_note(cli_say("(no %d tokens of it, as it is written now, were found again: no %s)",
                          "（按现在的写法，找不到已读过的 %d 个词元：没有写 %s）"),
                  lf_engine_state_of(c->engine).page_tokens, path);
    return 0;
}

void chat_load_read(const chat *c, const char *file)
{
    char path[LF_CONFIG_PATH_MAX], count[64];
    lf_error err = {0};
    int n = beside(path, file, &err) ? -1 : lf_engine_load(c->engine, path, &err);
    if (n >= 0)
        chat_note(cli_say("(%s of it, in %s, need not be read again)", "（其中 %s已在 %s 中，不必重读）"),
                  cli_human_things(count, n, "token", "tokens", " 个词元"), path);
    else if (err.code != LF_E_NOT_FOUND)
        chat_note(cli_say("(the conversation is read anew, for %s)", "（对话将重新读入，因为 %s）"), err.message);
}

static int save(chat *c, const char *rest, lf_error *err)
{
    bool read = strncmp(rest, "+kv ", 4) == 0;
    if (read) rest += 4, rest += strspn(rest, " ");
    if (!*rest || strcmp(rest, "+kv") == 0) return lf_error_set(err, LF_E_ARGUMENT, "/save [+kv] FILE");
    if (lf_conversation_save(c->talk, rest, err)) return -1;
    chat_note(cli_say("(%d messages in %s)", "（%d 条消息已写入 %s）"), lf_conversation_length(c->talk), rest);
    return read ? save_read(c, rest, err) : 0;
}

static int load(chat *c, const char *rest, lf_error *err)
{
    if (!*rest) return lf_error_set(err, LF_E_ARGUMENT, "/load FILE");
    lf_conversation *talk = lf_conversation_load(rest, err);
    if (!talk) return -1;
    lf_conversation_free(&c->talk);
    c->talk = talk;
    int length = lf_conversation_length(c->talk);
    chat_note(cli_say("(%d messages from %s)", "（%d 条消息，读自 %s）"), length, rest);
    chat_load_read(c, rest);
    if (has_role(c, length - 1, "user"))
        chat_note("%s", cli_say("(the last one has no answer yet: /regen)", "（最后一条还没有回答：/regen）"));
    return 0;
}

static int regenerate(chat *c, const char *rest, lf_error *err)
{
    (void)rest;
    size_t n = 0;
    int last = lf_conversation_length(c->talk) - 1, status;
    const char *text = has_role(c, last, "assistant") ? lf_conversation_text(c->talk, last, &n) : NULL;
    char *old = text ? strndup(text, n) : NULL;
    if (text && !old) return lf_error_set(err, LF_E_MEMORY, "no memory for the answer that there is");
    if (old) lf_conversation_remove(c->talk, last--, 1);
    if (last < 0 || !has_role(c, last, "user"))
        status = lf_error_set(err, LF_E_ARGUMENT, "%s", cli_say("there is nothing to answer yet", "还没有可以回答的消息"));
    else
        status = chat_answer(c, err);
    if (status && old) lf_conversation_insert(c->talk, last + 1, "assistant", old, n, err);
    free(old);
    return status;
}

/* An exchange: a message of the user with all that follows it up to the next one. */
static int forget(chat *c, const char *rest, lf_error *err)
{
    char *end;
    long exchanges = *rest ? strtol(rest, &end, 10) : -1;
    if (*rest && (*end || exchanges < 1))
        return lf_error_set(err, LF_E_ARGUMENT,
                            cli_say("/forget [N]: expected a number of exchanges, got \"%s\"", "/forget [N]：应为轮数，得到 \"%s\""), rest);
    int first = has_role(c, 0, "system"), n = 0, length = lf_conversation_length(c->talk);
    for (; first + n < length; n++)
        if (has_role(c, first + n, "user") && exchanges-- == 0) break;
    lf_conversation_remove(c->talk, first, n);
    chat_note(cli_say("(%d messages forgotten, %d left)", "（忘掉 %d 条消息，还剩 %d 条）"), n, length - n);
    return 0;
}

/* ---- settings and figures ----------------------------------------------------------------------------------------------------- */
enum { SAMPLER = sizeof "sampler." - 1 };

static int params(chat *c, const char *rest, lf_error *err)
{
    lf_option_info info;
    char value[LF_CONFIG_PATH_MAX], word[64];
    const char *names[64];
    int n = 0;
    size_t length = strcspn(rest, " =");
    snprintf(word, sizeof word, "%.*s", (int)(length < 60 ? length : 60), rest);
    const char *text = rest + length + strspn(rest + length, " =");
    bool given = *text;
    if (strcmp(text, "\"\"") == 0) text = ""; /* a path that is none */
    for (size_t row = 0; lf_config_option(row, &info); row++) {
        const char *name = info.key + SAMPLER;
        /* prompts are of training, what keys and values are kept as, and in how much, was settled when the engine was opened */
        if (strncmp(info.key, "sampler.", SAMPLER) != 0 || strcmp(name, "prompts") == 0 || strncmp(name, "kv_", 3) == 0) continue;
        if (n < 64) names[n++] = name;
        if (!length) fprintf(stderr, "  %-22s %s\n", name, lf_config_value(&c->config, row, value, sizeof value));
        if (strcmp(name, word) != 0) continue;
        if (given) return lf_config_set(&c->config, info.key, text, "/params", err);
        fprintf(stderr, "  %s %s  (%s)\n    ", name, lf_config_value(&c->config, row, value, sizeof value),
                cli_say(info.range, info.range_zh));
        cli_wrap(stderr, cli_say(info.help, info.help_zh), 4, 4);
        return 0;
    }
    if (!length) return 0;
    const char *near = cli_nearest(word, names, n);
    lf_error_set(err, LF_E_ARGUMENT, cli_say("there is no parameter \"%s\"", "没有参数 \"%s\""), word);
    return near ? lf_error_hint(err, cli_say("did you mean %s?", "是不是想用 %s？"), near) : lf_error_hint(err, "/params");
}

static int tokens(chat *c, const char *rest, lf_error *err)
{
    (void)rest;
    int32_t *ids;
    char a[64], b[32];
    int n = chat_encode(c, &ids, err);
    if (n < 0) return -1;
    free(ids);
    chat_note(cli_say("(%d messages, %s; the context holds %s)", "（%d 条消息，%s；上下文可容 %s 个）"), lf_conversation_length(c->talk),
              cli_human_things(a, n, "token", "tokens", " 个词元"), cli_human_count(b, c->context));
    return 0;
}

static int stats(chat *c, const char *rest, lf_error *err)
{
    (void)rest, (void)err;
    char a[32], b[32];
    lf_engine_state s = lf_engine_state_of(c->engine);
    int read = c->last.prompt_tokens - c->last.cached_tokens;
    fprintf(stderr,
            cli_say("last answer  %d tokens before it, %d of them found again, %d read in %.3f s: %s tok/s\n",
                    "上次回答  之前 %d 个词元，其中 %d 个已在缓存，读入 %d 个用 %.3f 秒：%s 词元/秒\n"),
            c->last.prompt_tokens, c->last.cached_tokens, read, c->last.prompt_seconds,
            cli_human_count(a, c->last.prompt_seconds > 0 ? read / c->last.prompt_seconds : 0));
    fprintf(stderr, cli_say("             %d tokens in %.3f s: %s tok/s\n", "          生成 %d 个词元用 %.3f 秒：%s 词元/秒\n"),
            c->last.tokens, c->last.seconds, cli_human_count(b, c->last.seconds > 0 ? c->last.tokens / c->last.seconds : 0));
    if (c->last.drafted)
        fprintf(stderr, cli_say("             %d tokens were guessed, %d of them right\n", "          预猜 %d 个词元，猜中 %d 个\n"),
                c->last.drafted, c->last.accepted);
    fprintf(stderr,
            cli_say("in all       answers: %" PRId64 "; tokens through the model: %" PRId64 ", found again: %" PRId64 "\n",
                    "总计      回答：%" PRId64 "；经过模型的词元：%" PRId64 "，取自缓存：%" PRId64 "\n"),
            c->answers, s.rows, s.cached);
    fprintf(stderr, cli_say("memory       %s of keys and values at most\n", "内存      键值缓存最多 %s\n"),
            cli_human_bytes(a, (double)s.pages * (double)s.page_bytes));
    return 0;
}

static int quit(chat *c, const char *rest, lf_error *err)
{
    (void)rest, (void)err;
    c->leave = true;
    return 0;
}

/* ---- the table ------------------------------------------------------------------------------------------------------------------ */
static int help(chat *c, const char *rest, lf_error *err);

static const struct {
    const char *name, *args;
    int (*run)(chat *c, const char *rest, lf_error *err);
    const char *help, *help_zh;
} commands[] = {
    {"help", "", help, "this list", "显示本列表"},
    {"system", "[TEXT|-]", system_message, "show, set or (-) remove the system message", "查看、设置或（-）删除系统消息"},
    {"regen", "", regenerate, "answer the last message anew", "重新回答上一条消息"},
    {"forget", "[N]", forget, "drop the N oldest exchanges, or all", "忘掉最早的 N 轮，或全部"},
    {"save", "[+kv] FILE", save,
     "write the conversation as JSON, as `foundry chat-template render` takes it; +kv: and beside it, in FILE.kv, what the model has read, "
     "which /load finds",
     "把对话写成 JSON，即 `foundry chat-template render` 的输入；+kv：并把模型已读的键值存入旁边的 FILE.kv，供 /load 使用"},
    {"load", "FILE", load, "go on with a conversation from such a file", "从这样的文件继续对话"},
    {"params", "[NAME [VALUE]]", params, "show or set how tokens are drawn: /params temperature 0.3",
     "查看或设置采样参数：/params temperature 0.3"},
    {"tokens", "", tokens, "how long the conversation is, and what the context holds", "对话的长度，与上下文的容量"},
    {"stats", "", stats, "how fast the last answer was, and what was found again", "上次回答的速度，以及缓存命中"},
    {"quit", "", quit, "leave, as Ctrl-D does", "退出，同 Ctrl-D"},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static int help(chat *c, const char *rest, lf_error *err)
{
    (void)c, (void)rest, (void)err;
    for (int i = 0; i < COMMANDS; i++) {
        char label[64];
        snprintf(label, sizeof label, "/%s %s", commands[i].name, commands[i].args);
        fprintf(stderr, "  %s", cli_color(stderr, CLI_CYAN));
        cli_pad(stderr, label, 24);
        fputs(cli_color(stderr, CLI_PLAIN), stderr);
        cli_wrap(stderr, cli_say(commands[i].help, commands[i].help_zh), 26, 26);
    }
    fputs("  ", stderr);
    cli_wrap(
        stderr,
        cli_say(
            "A line that ends with \\ goes on in the next one; \"\"\" begins and ends a message of several lines; // begins a message that "
            "begins with a slash. Ctrl-C stops an answer.",
            "行末的 \\ 表示下一行继续；\"\"\" 开始和结束多行消息；以 // 开头可发送以斜杠开头的消息。Ctrl-C 停止回答。"),
        2, 2);
    return 0;
}

int chat_command(chat *c, const char *line, lf_error *err)
{
    const char *names[COMMANDS];
    char word[64];
    size_t n = strcspn(line, " \t\n");
    for (int i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strlen(names[i]) == n && strncmp(names[i], line, n) == 0) return commands[i].run(c, line + n + strspn(line + n, " \t\n"), err);
    }
    snprintf(word, sizeof word, "%.*s", (int)(n < 60 ? n : 60), line);
    const char *near = cli_nearest(word, names, COMMANDS);
    lf_error_set(err, LF_E_ARGUMENT, cli_say("there is no command /%s", "没有命令 /%s"), word);
    return near ? lf_error_hint(err, cli_say("did you mean /%s?", "是不是想用 /%s？"), near) : lf_error_hint(err, "/help");
}
