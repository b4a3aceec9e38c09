/* text_stream.c - a model emits tokens, a reader sees characters: a token may end in the middle of one, and in the middle of a text that
 * ends the answer. This holds both back until it is known what they become; bytes that belong to no character become U+FFFD.
 * A list of stops is immutable and shared; a stream belongs to one answer. Not thread-safe.
 *
 *   held:   ... | may be the beginning of a stop ->      byte by byte, one automaton for each stop (Knuth, Morris, Pratt 1977):
 *           out |                                        matched[i] bytes of stop i are the end of what came so far */
#include "infer/infer.h"

#include "foundry/infer.h"

#include <stdlib.h>
#include <string.h>

typedef struct stop {
    const uint8_t *text; /* [length] */
    int length;
    uint16_t *border; /* [length] of text[0..k]: its longest proper beginning that is its end, too */
} stop;

struct lf_stops {
    int n;
    stop list[];
};

static int make_stop(stop *s, const char *text, lf_error *err)
{
    size_t n = strlen(text);
    if (n == 0) return lf_error_set(err, LF_E_ARGUMENT, "a stop string is empty: expected at least one character");
    if (n > LF_STOP_BYTES)
        return lf_error_set(err, LF_E_LIMIT, "the stop string \"%.20s...\" is %zu bytes long, at most %d can be watched for", text, n,
                            LF_STOP_BYTES);
    uint8_t *copy = lf__calloc(n, 1, err);
    s->text = copy, s->border = lf__calloc(n, sizeof *s->border, err);
    if (!copy || !s->border) return -1;
    memcpy(copy, text, n);
    s->length = (int)n;
    for (int k = 1, b = 0; k < s->length; k++) {
        while (b && copy[k] != copy[b]) b = s->border[b - 1];
        s->border[k] = (uint16_t)(b += copy[k] == copy[b]);
    }
    return 0;
}

lf_stops *lf__stops_new(const char *const *texts, int n, lf_error *err)
{
    if (n > LF_STOPS) {
        lf_error_set(err, LF_E_LIMIT, "%d stop strings, at most %d can be watched for", n, LF_STOPS);
        return NULL;
    }
    lf_stops *s = lf__calloc(1, sizeof *s + (size_t)n * sizeof *s->list, err);
    if (!s) return NULL;
    s->n = n;
    for (int i = 0; i < n; i++)
        if (make_stop(&s->list[i], texts[i], err)) return lf__stops_free(&s), NULL;
    return s;
}

void lf__stops_free(lf_stops **stops)
{
    for (int i = 0; *stops && i < (*stops)->n; i++) {
        free((void *)(uintptr_t)(*stops)->list[i].text);
        free((*stops)->list[i].border);
    }
    free(*stops);
    *stops = NULL;
}

int lf__text_stream_init(lf_text_stream *s, const lf_stops *stops, lf_error *err)
{
    *s = (lf_text_stream){.stops = stops};
    lf__buf_init(&s->held, SIZE_MAX / 8);
    lf__buf_init(&s->out, SIZE_MAX / 2);
    return stops && !(s->matched = lf__calloc((size_t)stops->n + 1, sizeof *s->matched, err)) ? -1 : 0;
}

void lf__text_stream_release(lf_text_stream *s)
{
    lf__buf_release(&s->held);
    lf__buf_release(&s->out);
    free(s->matched);
    *s = (lf_text_stream){0};
}

/* The first n bytes that are held go out. */
static void let_go(lf_text_stream *s, size_t n)
{
    int32_t cp;
    if (n == 0) return;
    for (const char *p = s->held.data, *end = p + n; p < end;) {
        int step = lf__utf8_decode(p, end, &cp);
        if (cp < 0)
            lf__buf_puts(&s->out, "\xEF\xBF\xBD");
        else
            lf__buf_add(&s->out, p, (size_t)step);
        p += step;
    }
    memmove(s->held.data, s->held.data + n, s->held.len - n);
    s->held.len -= n;
}

/* One byte more in every automaton. Returns the length of the stop that it completes, the longest if of several, or 0. */
static int advance(lf_text_stream *s, uint8_t byte)
{
    int found = 0;
    for (int i = 0; s->stops && i < s->stops->n; i++) {
        const stop *x = &s->stops->list[i];
        int m = s->matched[i];
        while (m && byte != x->text[m]) m = x->border[m - 1];
        m += byte == x->text[m];
        if (m == x->length) found = LF_MAX(found, m), m = 0;
        s->matched[i] = m;
    }
    return found;
}

bool lf__text_stream_add(lf_text_stream *s, const char *bytes, size_t n)
{
    lf__buf_reset(&s->out);
    for (size_t i = 0; i < n && !s->stopped; i++) {
        lf__buf_add(&s->held, bytes + i, 1);
        int length = s->held.failed ? 0 : advance(s, (uint8_t)bytes[i]);
        if (!length) continue;
        s->stopped = true;
        let_go(s, s->held.len - (size_t)length);
        s->held.len = 0;
    }
    int open = 0;
    for (int i = 0; s->stops && !s->stopped && i < s->stops->n; i++) open = LF_MAX(open, s->matched[i]);
    if (!s->held.failed && s->held.len)
        let_go(s, s->held.len - (size_t)open - lf__utf8_incomplete_tail(s->held.data, s->held.len - (size_t)open));
    return s->stopped;
}

void lf__text_stream_end(lf_text_stream *s)
{
    if (!s->held.failed) let_go(s, s->held.len);
}
