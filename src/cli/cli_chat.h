/* cli_chat.h - what the files of `foundry chat` share: a conversation, the model that answers, what was told about both. Private to them.
 *   cmd_chat.c       flags, opening, lines become messages and commands
 *   chat_answer.c    one turn: conversation -> tokens -> answer
 *   chat_commands.c  /help and the others */
#ifndef CLI_CHAT_H
#define CLI_CHAT_H

#include "cli/cli.h"

typedef struct chat {
    cli_model m;
    lf_engine *engine;
    lf_chat_template *template;
    lf_conversation *talk;
    lf_config config; /* its sampler section */
    lf_speculation speculate;
    int context; /* tokens of a conversation, at most */
    int32_t ends[LF_ENDS];
    int n_ends;
    cli_texts stops;
    cli_variables variables;
    lf_chat_turn_end turn_end;
    int64_t answers;    /* so far: the next one has seed + answers */
    bool person, json;  /* somebody types; answers are JSON objects */
    bool failed, leave; /* a message or command failed; /quit */
    struct {            /* the last answer */
        int prompt_tokens, cached_tokens, tokens, drafted, accepted;
        double prompt_seconds, seconds;
        lf_finish finish;
    } last;
} chat;

/* Tokens of the conversation as the model sees them before an answer; free(*tokens). */
int chat_encode(const chat *c, int32_t **tokens, lf_error *err);
/* The model answers: to stdout as it comes, then into the conversation. 0; 1: Ctrl-C stopped it before its first word, nothing was added;
 * -1. */
int chat_answer(chat *c, lf_error *err);
/* What the model had read of a conversation from this file, if it lies beside it: read no more. A file of another model is a remark. */
void chat_load_read(const chat *c, const char *file);
/* The system message, in place of the one there is. 0 or -1. */
int chat_set_system(chat *c, const char *text, lf_error *err);
/* "/name rest", without the slash. 0 or -1. */
int chat_command(chat *c, const char *line, lf_error *err);
/* A remark in a dim colour, for a person. */
void chat_note(const char *format, ...) LF_PRINTF(1, 2);

#endif
