/* fuzz_conversation.c - any bytes as a file of messages: what loads is read, grows, shrinks, is written and read again, and is rendered. */
#include <stdint.h>
#include <string.h>

#include "foundry/chat.h"
#include "fuzz/use_tensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void render(const lf_conversation *c, const char *json, size_t n)
{
    static lf_chat_template *plain;
    lf_error err = {0};
    lf_chat_text out = {0};
    lf_chat_request q = {.messages = json, .messages_size = n, .add_generation_prompt = true, .limits.steps = 50000};
    if (!plain && !(plain = lf_chat_template_parse(LF_CHAT_PLAIN, sizeof LF_CHAT_PLAIN - 1, "plain", NULL))) abort();
    if (lf_chat_render(&out, plain, &q, &err))
        check_refusal(&err);
    else if (lf_conversation_length(c) > 0 && out.size == 0)
        __builtin_trap();
    lf_chat_text_release(&out);
}

/* Message i is there, and behind it those that were. */
static void use(lf_conversation *c, const char *json, size_t size, int i)
{
    int n = lf_conversation_length(c);
    size_t length = 0;
    for (int k = 0; k < n; k++) {
        if (!lf_conversation_role(c, k)) __builtin_trap();
        const char *text = lf_conversation_text(c, k, &length);
        if (text && text[length]) __builtin_trap();
    }
    render(c, json, size);
    if (lf_conversation_insert(c, i, "user", "\xff", 1, NULL) == 0) __builtin_trap(); /* not UTF-8 */
    if (lf_conversation_insert(c, i, "user", "a\0b", 3, NULL) || lf_conversation_length(c) != n + 1) __builtin_trap();
    const char *text = lf_conversation_text(c, i, &length);
    if (!text || length != 3 || memcmp(text, "a\0b", 3) != 0) __builtin_trap();
    lf_conversation_remove(c, i, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    lf_error err = {0};
    int fd = fuzz_file(path, data, size);
    if (fd < 0) return 0;
    lf_conversation *c = lf_conversation_load(path, &err);
    close(fd);
    if (!c) return check_refusal(&err), 0;
    size_t n, n_again;
    char *json = lf_conversation_json(c, &n, &err), *again;
    if (!json) abort();
    use(c, json, n, (int)(size % (size_t)(lf_conversation_length(c) + 1)));
    lf_conversation_free(&c);
    fd = fuzz_file(path, (const uint8_t *)json, n);
    if (fd < 0 || !(c = lf_conversation_load(path, &err)) || !(again = lf_conversation_json(c, &n_again, &err))) abort();
    if (n != n_again || memcmp(json, again, n) != 0) __builtin_trap();
    close(fd);
    free(json), free(again);
    lf_conversation_free(&c);
    return 0;
}
