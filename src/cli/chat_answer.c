/* chat_answer.c - one turn of `foundry chat`: the conversation through the template to tokens, the engine's answer to the screen and into
 * the conversation. Each turn all of it is made tokens anew; the engine finds again what begins as before, up to the first answer that was
 * drawn in other tokens than its text is cut into. */
#include "cli/cli_chat.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

void chat_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs(cli_color(stderr, CLI_DIM), stderr);
    vfprintf(stderr, format, args);
    fprintf(stderr, "%s\n", cli_color(stderr, CLI_PLAIN));
    va_end(args);
}

int chat_encode(const chat *c, int32_t **tokens, lf_error *err)
{
    lf_chat_text text;
    size_t n;
    int count = -1;
    char *messages = lf_conversation_json(c->talk, &n, err);
    if (!messages) return -1;
    lf_chat_request request = {.messages = messages,
                               .messages_size = n,
                               .messages_name = "the conversation",
                               .add_generation_prompt = true,
                               .variables = c->variables.v,
                               .n_variables = c->variables.n};
    if (!lf_chat_render(&text, c->template, &request, err)) {
        count = lf_chat_tokens(tokens, &text, c->m.tokenizer, err);
        lf_chat_text_release(&text);
    }
    free(messages);
    return count;
}

typedef struct answer {
    chat *chat;
    FILE *text; /* all of it */
    bool newline, broken;
    int reason; /* errno */
} answer;

static int on_token(void *user, const lf_answer *a)
{
    answer *s = user;
    chat *c = s->chat;
    c->last.finish = a->finish, c->last.drafted = a->drafted, c->last.accepted = a->accepted;
    if (!a->index)
        c->last.prompt_tokens = a->prompt_tokens, c->last.cached_tokens = a->cached_tokens, c->last.prompt_seconds = a->prompt_seconds;
    if (a->token >= 0 && a->finish != LF_FINISH_END) c->last.tokens++;
    if (a->text_bytes) {
        fwrite(a->text, 1, a->text_bytes, s->text);
        s->newline = a->text[a->text_bytes - 1] == '\n';
        if (!c->json && !cli_show(a->text, a->text_bytes)) s->broken = true, s->reason = errno;
    }
    return s->broken || cli_interrupted();
}

/* The conversation does not fit: said in its own words. */
static int too_long(const chat *c, int n, lf_error *err)
{
    lf_error_set(err, LF_E_LIMIT, cli_say("the conversation is %d tokens long, the context holds %d", "对话长 %d 个词元，上下文只容 %d 个"),
                 n, c->context);
    return lf_error_hint(
        err, "%s",
        cli_say("/forget 1 drops the oldest exchange, /forget all of them; /system TEXT may be shorter; nothing is dropped by itself",
                "/forget 1 忘掉最早的一轮，/forget 忘掉全部；/system TEXT 可换短一些的；程序不会自行丢弃任何内容"));
}

static int run(chat *c, answer *s, const int32_t *tokens, int n, lf_error *err)
{
    const char *stops[LF_STOPS + 1];
    lf_sample_config sampling = c->config.sampler;
    lf_request request = {.tokens = tokens,
                          .n_tokens = n,
                          .sampling = &sampling,
                          .n_ids = lf_tokenizer_size(c->m.tokenizer),
                          .tokenizer = c->m.tokenizer,
                          .ends = c->ends,
                          .n_ends = c->n_ends,
                          .stops = stops,
                          .speculate = c->speculate,
                          .on_token = on_token,
                          .user = s};
    lf_grammar *grammar = NULL;
    for (int i = 0; i < c->stops.n; i++) stops[request.n_stops++] = c->stops.v[i];
    if (*c->turn_end.stop) stops[request.n_stops++] = c->turn_end.stop;
    sampling.seed = lf_seed_of(sampling.seed, c->answers);
    if (lf_grammar_of_sampling(&grammar, &sampling, err)) return -1;
    request.grammar = grammar;
    double begun = cli_now();
    int64_t id = lf_engine_submit(c->engine, &request, err);
    int left = id < 0 ? -1 : 1;
    while (left > 0 && (left = lf_engine_step(c->engine, err)) > 0)
        if (cli_interrupted()) lf_engine_cancel(c->engine, id);
    c->last.seconds = cli_now() - begun - c->last.prompt_seconds;
    lf_grammar_free(&grammar);
    return left;
}

/* Between two steps, or by on_token. */
static bool interrupted(const chat *c) { return c->last.finish == LF_FINISH_NONE || c->last.finish == LF_FINISH_CANCELLED; }

static void print_json(const chat *c, const char *text, size_t n)
{
    printf("{\"role\": \"assistant\", \"content\": ");
    cli_json_bytes(stdout, text, n);
    printf(", \"stop\": \"%s\", \"prompt_tokens\": %d, \"cached_tokens\": %d, \"tokens\": %d, \"prefill_seconds\": %.6f, "
           "\"decode_seconds\": %.6f",
           interrupted(c)                       ? "interrupted"
           : c->last.finish == LF_FINISH_LENGTH ? "max_tokens"
                                                : lf_finish_name(c->last.finish),
           c->last.prompt_tokens, c->last.cached_tokens, c->last.tokens, c->last.prompt_seconds, c->last.seconds);
    if (c->speculate.tokens) printf(", \"drafted\": %d, \"accepted\": %d", c->last.drafted, c->last.accepted);
    puts("}");
}

/* Why it ended, where that is not by itself. */
static void say_why(const chat *c)
{
    if (c->last.finish == LF_FINISH_LENGTH)
        chat_note(cli_say("(stopped after %" PRId64 " tokens: /params max_tokens N allows more)",
                          "（已到 %" PRId64 " 个词元：/params max_tokens N 可放宽）"),
                  c->config.sampler.max_tokens);
    if (c->last.finish == LF_FINISH_CONTEXT)
        chat_note(cli_say("(the context of %d tokens is full: /forget 1 drops the oldest exchange)",
                          "（上下文的 %d 个词元已满：/forget 1 忘掉最早的一轮）"),
                  c->context);
    if (c->last.finish == LF_FINISH_GRAMMAR) chat_note("%s", cli_say("(no token goes on with the grammar)", "（没有词元能继续满足文法）"));
    if (interrupted(c)) chat_note("%s", cli_say("(stopped)", "（已停止）"));
}

int chat_answer(chat *c, lf_error *err)
{
    int32_t *tokens = NULL;
    char *text = NULL;
    size_t size = 0;
    answer s = {.chat = c, .newline = true};
    int n = chat_encode(c, &tokens, err), length = lf_conversation_length(c->talk), status = -1;
    if (n < 0) return -1;
    memset(&c->last, 0, sizeof c->last);
    if (n > c->context)
        status = too_long(c, n, err);
    else if (!(s.text = open_memstream(&text, &size)))
        status = lf_error_set(err, LF_E_MEMORY, "no memory for an answer");
    else {
        status = run(c, &s, tokens, n, err);
        fclose(s.text);
    }
    bool nothing = interrupted(c) && !size;
    if (!status && !nothing) status = lf_conversation_insert(c->talk, length, "assistant", text, size, err);
    if (!status && nothing)
        status = 1;
    else if (!status) {
        c->answers++;
        if (c->json)
            print_json(c, text, size);
        else if (!s.newline)
            fputc('\n', stdout);
        if (fflush(stdout) && !s.broken) s.broken = true, s.reason = errno;
        if (!s.broken) say_why(c);
        if (c->person) fputc('\n', stdout);
    }
    if (s.broken) {
        status = lf_error_set(err, LF_E_IO, "cannot write the answer: %s", strerror(s.reason));
        __fpurge(stdout), clearerr(stdout);
        c->leave = true;
    }
    free(tokens), free(text);
    return status;
}
