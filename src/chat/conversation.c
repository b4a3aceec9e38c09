/* conversation.c - messages that become more, and what lies between them and a model: tokens on the way there, the end of an answer on
 * the way back. A conversation owns its messages; one thread at a time. */
#include "base/base.h"
#include "foundry/chat.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 64 << 20 };

/* ---- messages ---------------------------------------------------------------------------------------------------------------- */
struct lf_conversation {
    json_t *messages; /* [{"role": .., "content": .., ..}, ...] */
};

static lf_conversation *take(json_t *messages, lf_error *err)
{
    lf_conversation *c = messages ? lf__calloc(1, sizeof *c, err) : NULL;
    if (c)
        c->messages = messages;
    else
        json_decref(messages);
    return c;
}

lf_conversation *lf_conversation_new(lf_error *err)
{
    json_t *messages = json_array();
    if (!messages) lf_error_set(err, LF_E_MEMORY, "no memory for a conversation");
    return take(messages, err);
}

static int check(json_t *root, const char *path, lf_error *err)
{
    size_t i;
    json_t *m;
    if (!json_is_array(root))
        return lf_error_set(err, LF_E_FORMAT, "%s: expected a list of messages, [{\"role\": \"user\", \"content\": \"...\"}, ...]", path);
    json_array_foreach(root, i, m)
    {
        if (!json_is_string(json_object_get(m, "role")))
            return lf_error_set(err, LF_E_FORMAT, "%s: message %zu: expected an object with a \"role\" that is a text", path, i + 1);
    }
    return 0;
}

lf_conversation *lf_conversation_load(const char *path, lf_error *err)
{
    json_t *root = lf__json_load(path, FILE_MAX, err);
    if (root && check(root, path, err)) {
        json_decref(root);
        return NULL;
    }
    return take(root, err);
}

char *lf_conversation_json(const lf_conversation *c, size_t *n, lf_error *err)
{
    char *text = json_dumps(c->messages, JSON_INDENT(2));
    if (!text) lf_error_set(err, LF_E_MEMORY, "no memory for the messages of a conversation");
    *n = text ? strlen(text) : 0;
    return text;
}

int lf_conversation_save(const lf_conversation *c, const char *path, lf_error *err)
{
    size_t n;
    char *text = lf_conversation_json(c, &n, err);
    if (!text) return -1;
    text[n] = '\n'; /* in place of the NUL */
    int status = lf__write_file(path, text, n + 1, err);
    free(text);
    return status;
}

void lf_conversation_free(lf_conversation **c)
{
    if (*c) json_decref((*c)->messages);
    free(*c);
    *c = NULL;
}

int lf_conversation_length(const lf_conversation *c) { return (int)json_array_size(c->messages); }

const char *lf_conversation_role(const lf_conversation *c, int i)
{
    return json_string_value(json_object_get(json_array_get(c->messages, (size_t)i), "role"));
}

const char *lf_conversation_text(const lf_conversation *c, int i, size_t *n)
{
    const json_t *content = json_object_get(json_array_get(c->messages, (size_t)i), "content");
    *n = json_string_length(content);
    return json_string_value(content);
}

int lf_conversation_insert(lf_conversation *c, int at, const char *role, const char *text, size_t n, lf_error *err)
{
    for (const char *p = text, *end = text + n; p < end;) {
        int32_t cp;
        int step = lf__utf8_decode(p, end, &cp);
        if (cp < 0) return lf_error_set(err, LF_E_FORMAT, "the message is not UTF-8 at byte %zu", (size_t)(p - text));
        p += step;
    }
    json_t *m = json_pack("{s:s, s:o}", "role", role, "content", json_stringn(text, n));
    if (!m || json_array_insert_new(c->messages, (size_t)at, m)) return lf_error_set(err, LF_E_MEMORY, "no memory for a message");
    return 0;
}

void lf_conversation_remove(lf_conversation *c, int first, int n)
{
    for (int i = 0; i < n; i++) json_array_remove(c->messages, (size_t)first);
}

/* ---- to a model and back ----------------------------------------------------------------------------------------------------- */
int lf_chat_tokens(int32_t **tokens, const lf_chat_text *text, const lf_tokenizer *tokenizer, lf_error *err)
{
    size_t room = lf_tokenizer_bound(tokenizer, text->size), n_plain = 0;
    int32_t *ids = lf__calloc(room + 1, sizeof *ids, err);
    lf_span *plain = lf__calloc(text->n_spans + 1, sizeof *plain, err);
    int64_t n = -1;
    for (size_t i = 0; plain && i < text->n_spans; i++)
        if (text->spans[i].from_user) plain[n_plain++] = (lf_span){text->spans[i].begin, text->spans[i].end};
    if (ids && plain) n = lf_tokenizer_encode_mixed(tokenizer, ids, room, text->text, text->size, plain, n_plain, err);
    if (n > INT32_MAX / 2) n = lf_error_set(err, LF_E_LIMIT, "a conversation of %lld tokens is too long", (long long)n);
    free(plain);
    if (n < 0) free(ids), ids = NULL;
    *tokens = ids;
    return (int)n;
}

lf_chat_turn_end lf_chat_find_turn_end(const lf_chat_template *t, const lf_tokenizer *tokenizer)
{
    static const char messages[] = "[{\"role\": \"user\", \"content\": \"Qa7\"}, {\"role\": \"assistant\", \"content\": \"Rb8\"}, "
                                   "{\"role\": \"user\", \"content\": \"Sc9\"}]";
    static const char space[] = " \n\r\t";
    lf_chat_turn_end end = {.token = -1};
    lf_chat_text text;
    if (lf_chat_render(&text, t, &(lf_chat_request){.messages = messages, .messages_size = sizeof messages - 1}, NULL)) return end;
    char *from = strstr(text.text, "Rb8"), *to = from ? strstr(from, "Sc9") : NULL;
    size_t blank = to ? strspn(from + 3, space) : 0;
    int32_t ids[256];
    if (to && (size_t)(to - from) < LF_COUNT(ids)) {
        from += 3, *to = 0;
        const char *word = from + blank;
        bool special = false;
        size_t n = 0;
        if (lf_tokenizer_encode(tokenizer, ids, LF_COUNT(ids), word, strlen(word), true, NULL) > 0)
            lf_tokenizer_token(tokenizer, ids[0], &n, &special);
        if (special)
            end.token = ids[0];
        else if (*word) /* the line that follows the answer */
            snprintf(end.stop, sizeof end.stop, "%.*s%.*s", (int)blank, from, (int)strcspn(word, "\n"), word);
        for (size_t k = strlen(end.stop); k > 0 && strchr(space, end.stop[k - 1]); k--) end.stop[k - 1] = 0;
    }
    lf_chat_text_release(&text);
    return end;
}
