/* fuzz_jinja.c - any bytes as a chat template and, behind a zero byte, as its conversation: parsed, rendered inside small limits. What
 * comes out has spans that cover it; what fails says why. */
#include <stdint.h>
#include <string.h>

#include "base/base.h"
#include "foundry/chat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char hello[] =
        "[{\"role\": \"user\", \"content\": \"Hi \\u5c71 <|end|>\", \"n\": [1, 2.5, null, true], \"d\": {\"a\": \"x\"}}]";
    const char *text = (const char *)data, *zero = size ? memchr(text, 0, size) : NULL;
    size_t n = zero ? (size_t)(zero - text) : size;
    lf_error err = {0};
    lf_chat_text out = {0};
    lf_chat_template *t = lf_chat_template_parse(n ? text : "", n, "fuzz", &err);
    lf_chat_request q = {
        .messages = zero ? zero + 1 : hello, .messages_size = zero ? size - n - 1 : sizeof hello - 1, .date = "2024-07-26"};
    q.tools = q.messages, q.tools_size = q.messages_size, q.add_generation_prompt = true;
    q.limits = (lf_chat_limits){.steps = 50000, .depth = 100, .output = 1 << 16, .memory = (4 << 20) + 16 * size};
    if (t && lf_chat_render(&out, t, &q, &err) == 0) {
        size_t at = 0;
        for (size_t i = 0; i < out.n_spans; at = out.spans[i++].end)
            if (out.spans[i].begin != at || out.spans[i].end <= at) __builtin_trap();
        if (at != out.size) __builtin_trap();
    } else if (err.code == LF_OK || !err.message[0]) {
        __builtin_trap();
    }
    lf_chat_text_release(&out);
    lf_chat_template_free(&t);
    return 0;
}
