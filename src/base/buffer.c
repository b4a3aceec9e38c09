/* buffer.c - growing bytes that know their limit.
 * The buffer owns its data; a failed append changes nothing and sets `failed`, so a chain of appends is checked once.
 * One thread at a time. */
#include "base/base.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void lf__buf_init(lf_buf *buf, size_t max) { *buf = (lf_buf){.max = max}; }

void lf__buf_release(lf_buf *buf)
{
    free(buf->data);
    *buf = (lf_buf){.max = buf->max};
}

void lf__buf_reset(lf_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->data) buf->data[0] = '\0';
}

/* Room for n more bytes and the NUL. Doubles, but never far beyond the limit. */
static int reserve(lf_buf *buf, size_t n)
{
    if (buf->failed) return -1;
    if (n > buf->max || buf->len > buf->max - n || buf->max == SIZE_MAX) {
        buf->failed = n > buf->max || buf->len > buf->max - n || n > SIZE_MAX - 1 - buf->len;
        if (buf->failed) return -1;
    }
    size_t need = buf->len + n + 1;
    if (need <= buf->cap) return 0;
    size_t cap = LF_MAX(need, LF_MAX((size_t)64, buf->cap <= SIZE_MAX / 2 ? buf->cap * 2 : need));
    if (buf->max < SIZE_MAX && cap > buf->max + 1) cap = buf->max + 1;
    char *p = realloc(buf->data, cap);
    if (!p) {
        buf->failed = true;
        return -1;
    }
    buf->data = p;
    buf->cap = cap;
    return 0;
}

int lf__buf_add(lf_buf *buf, const void *bytes, size_t n)
{
    if (reserve(buf, n)) return -1;
    if (n) memcpy(buf->data + buf->len, bytes, n);
    buf->len += n;
    buf->data[buf->len] = '\0';
    return 0;
}

int lf__buf_puts(lf_buf *buf, const char *text) { return lf__buf_add(buf, text, strlen(text)); }

int lf__buf_printf(lf_buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t room = buf->cap - buf->len;
    int n = buf->failed ? -1 : lf__vsnprintf(buf->data ? buf->data + buf->len : NULL, buf->data ? room : 0, format, args);
    int rc = -1;
    if (n < 0) {
        buf->failed = true;
    } else if (reserve(buf, (size_t)n) == 0) {
        if ((size_t)n >= room || room == 0) lf__vsnprintf(buf->data + buf->len, (size_t)n + 1, format, again);
        buf->len += (size_t)n;
        rc = 0;
    }
    if (buf->data) buf->data[buf->len] = '\0';
    va_end(again);
    va_end(args);
    return rc;
}

int lf__buf_json_string(lf_buf *buf, const char *text, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *p = text, *end = text + n;
    lf__buf_add(buf, "\"", 1);
    while (p < end) {
        const char *plain = p;
        while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\') p++;
        if (p > plain) lf__buf_add(buf, plain, (size_t)(p - plain));
        if (p == end) break;
        if ((unsigned char)*p >= 0x80) {
            int32_t cp;
            int len = lf__utf8_decode(p, end, &cp);
            if (cp >= 0)
                lf__buf_add(buf, p, (size_t)len);
            else
                lf__buf_add(buf, "\xef\xbf\xbd", 3);
            p += len;
            continue;
        }
        const char *special = memchr(from, *p, sizeof from - 1);
        if (special) {
            lf__buf_add(buf, (char[]){'\\', to[special - from]}, 2);
        } else {
            lf__buf_add(buf, (char[]){'\\', 'u', '0', '0', hex[(*p >> 4) & 15], hex[*p & 15]}, 6);
        }
        p++;
    }
    return lf__buf_add(buf, "\"", 1);
}
