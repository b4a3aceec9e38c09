/* text_stream.c - a model emits tokens, a reader sees characters: a token may end in the middle of one. This holds the beginning of a
 * character back until its rest arrives, and turns bytes that belong to none into U+FFFD. No allocation; not thread-safe. */
#include "infer/infer.h"

#include <string.h>

#define PIECE 60 /* input bytes per round; at worst each becomes the three bytes of U+FFFD */

static int emit(lf_text_stream *s, const char *raw, size_t n)
{
    char out[3 * (PIECE + 4)];
    size_t len = 0;
    for (const char *p = raw, *end = raw + n; p < end;) {
        int32_t cp;
        int step = lf__utf8_decode(p, end, &cp);
        if (cp < 0) {
            memcpy(out + len, "\xEF\xBF\xBD", 3);
            len += 3;
        } else {
            memcpy(out + len, p, (size_t)step);
            len += (size_t)step;
        }
        p += step;
    }
    return len && s->on_text ? s->on_text(out, len, s->user) : 0;
}

int lf__text_stream_add(lf_text_stream *s, const char *bytes, size_t n)
{
    int stop = 0;
    while (n && !stop) {
        char raw[PIECE + 4]; /* held | piece; n_held <= 3 */
        size_t take = LF_MIN(n, (size_t)PIECE), len = s->n_held + take;
        memcpy(raw, s->held, s->n_held);
        memcpy(raw + s->n_held, bytes, take);
        s->n_held = lf__utf8_incomplete_tail(raw, len);
        memcpy(s->held, raw + len - s->n_held, s->n_held);
        stop = emit(s, raw, len - s->n_held);
        bytes += take, n -= take;
    }
    return stop;
}

int lf__text_stream_end(lf_text_stream *s)
{
    size_t n = s->n_held;
    s->n_held = 0;
    return emit(s, s->held, n);
}
