/* chat.h - chat templates: a conversation as the text that a model was trained to see.
 *
 * A template is a program in Jinja that comes with a model. It is run with the semantics of Python's jinja2 as transformers sets it up
 * (trim_blocks, lstrip_blocks, loop controls, {% generation %}, tojson, raise_exception, strftime_now), inside limits: steps, depth,
 * output and memory. Templates are read from the model's folder only, never from a request.
 *
 * A template is immutable after it was opened and may be shared by threads. */
#ifndef FOUNDRY_CHAT_H
#define FOUNDRY_CHAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "foundry/error.h"
#include "foundry/tokenizer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lf_chat_template lf_chat_template;

/* The template of a model folder: chat_template.jinja, or chat_template in tokenizer_config.json (a text, or a list of named ones); or that
 * of a GGUF file. name: which of several; NULL = "default", or "tool_use" for conversations with tools where there is one. The model's
 * special tokens (bos_token, eos_token ...) are known to the template. Errors in the template read "DIR/chat_template.jinja:LINE:COLUMN:
 * sentence". Returns a template (free with lf_chat_template_free) or NULL: LF_E_NOT_FOUND when there is none, LF_E_LIMIT above 1 MiB,
 * LF_E_UNSUPPORTED for what this engine does not have, by its name. */
lf_chat_template *lf_chat_template_open(const char *path, const char *name, lf_error *err);
/* The same from memory, without special tokens; name is for errors. */
lf_chat_template *lf_chat_template_parse(const char *source, size_t n, const char *name, lf_error *err);
/* Makes the special tokens of the model at path known to a template that was parsed from memory. 0 or -1. */
int lf_chat_template_use_model(lf_chat_template *t, const char *path, lf_error *err);
/* For models that have none: "User: ...", "Assistant: ...", each on a line of its own, the system message before them, behind the token
 * that documents begin with. */
#define LF_CHAT_PLAIN                                                                                                                      \
    "{{ bos_token or eos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content | trim }}\n\n{% else %}"                   \
    "{{ m.role | capitalize }}: {{ m.content | trim }}\n{% endif %}{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
void lf_chat_template_free(lf_chat_template **t);
/* Its source, newlines being \n (borrowed, *n bytes). */
const char *lf_chat_template_source(const lf_chat_template *t, size_t *n);

/* What a render may use; 0 in a field = its default. */
typedef struct lf_chat_limits {
    int64_t steps; /* evaluated nodes and, at 64 bytes a step, copied text; default 10,000,000: under a second             */
    int depth;     /* of calls and expressions inside each other; default 400: within 256 KiB of stack                     */
    size_t output; /* bytes; default 4 MiB and four times the conversation                                                 */
    size_t memory; /* bytes for all values; default 40 MiB and 32 times the conversation. Untouched memory costs nothing   */
} lf_chat_limits;

/* A variable of the template, such as enable_thinking: its value is JSON. */
typedef struct lf_chat_variable {
    const char *name, *json;
} lf_chat_variable;

typedef struct lf_chat_request { /* everything is borrowed for the call */
    const char *messages;        /* a JSON array of objects: [{"role": "user", "content": "..."}, ...] */
    size_t messages_size;        /* bytes */
    const char *messages_name;   /* for errors, "chat.json"; NULL = "messages" */
    const char *tools;           /* a JSON array; NULL: none (the template sees None) */
    size_t tools_size;
    const char *tools_name;
    bool add_generation_prompt; /* end with what comes before the model's answer */
    const lf_chat_variable *variables;
    int n_variables;
    const char *date; /* what strftime_now sees, "2024-07-26" or "2024-07-26T18:30:05"; NULL = now, local time */
    lf_chat_limits limits;
} lf_chat_request;

/* Bytes [begin, end) of a text; from_user: they come from messages, tools or variables, not from the template. A tokenizer must read
 * them without special tokens: "<|im_end|>" that a user has typed ends nothing. Spans cover the text in order, without holes. */
typedef struct lf_chat_span {
    size_t begin, end;
    bool from_user;
} lf_chat_span;

typedef struct lf_chat_text {
    char *text; /* [size], and a NUL behind it */
    size_t size;
    lf_chat_span *spans; /* [n_spans] */
    size_t n_spans;
} lf_chat_text;

/* Renders. *out is filled (release with lf_chat_text_release) on success only. -1: LF_E_FORMAT for messages that are not what they
 * should be and for everything that jinja2 would raise, raise_exception(..) of the template included; LF_E_LIMIT when a limit is reached.
 */
int lf_chat_render(lf_chat_text *out, const lf_chat_template *t, const lf_chat_request *request, lf_error *err);
void lf_chat_text_release(lf_chat_text *out);

/* ---- to a model and back ------------------------------------------------------------------------------------------------------- */
/* A rendered text as tokens: special tokens of the template are tokens, those in a user's bytes are text. Nothing is put around them: the
 * template has written what belongs there. Returns how many; free(*tokens). -1: a character that the tokenizer does not have. */
int lf_chat_tokens(int32_t **tokens, const lf_chat_text *text, const lf_tokenizer *tokenizer, lf_error *err);
/* What a template writes behind an answer, found by rendering a small conversation: a special token, or, where it writes none, a text that
 * can serve as a stop. token -1 and stop "": neither, or the template does not take such a conversation. */
typedef struct lf_chat_turn_end {
    int32_t token;
    char stop[64];
} lf_chat_turn_end;
lf_chat_turn_end lf_chat_find_turn_end(const lf_chat_template *t, const lf_tokenizer *tokenizer);

/* ---- a conversation that grows ------------------------------------------------------------------------------------------------- */
/* A list of messages as lf_chat_request takes them. What a file has besides roles and texts (tool calls, pictures) is kept. */
typedef struct lf_conversation lf_conversation;
lf_conversation *lf_conversation_new(lf_error *err);
/* From a JSON file of at most 64 MiB: LF_E_FORMAT, with the file and the message, for what is no list of messages with roles. */
lf_conversation *lf_conversation_load(const char *path, lf_error *err);
int lf_conversation_save(const lf_conversation *c, const char *path, lf_error *err); /* atomically */
void lf_conversation_free(lf_conversation **c);
int lf_conversation_length(const lf_conversation *c);
const char *lf_conversation_role(const lf_conversation *c, int i);
const char *lf_conversation_text(const lf_conversation *c, int i, size_t *n); /* NULL: its content is no text */
/* Puts a message before message `at` (the length: behind all). -1: text that is not UTF-8. */
int lf_conversation_insert(lf_conversation *c, int at, const char *role, const char *text, size_t n, lf_error *err);
void lf_conversation_remove(lf_conversation *c, int first, int n);
/* As JSON: free() it. NULL: out of memory. */
char *lf_conversation_json(const lf_conversation *c, size_t *n, lf_error *err);

#ifdef __cplusplus
}
#endif
#endif
