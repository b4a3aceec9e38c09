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

#ifdef __cplusplus
}
#endif
#endif
