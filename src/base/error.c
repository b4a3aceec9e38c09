/* error.c - lf_error: the first failure, as a sentence that is safe to print.
 * Texts are cut at a character border, and control bytes of outside names (escape sequences in a file name) become '?'.
 * Owns nothing; one lf_error per caller. */
#include "base/base.h"

#include <stdarg.h>
#include <string.h>

/* Formats into out[size]; a text that does not fit ends in "...". */
static void LF_PRINTF(3, 0) set_text(char *out, size_t size, const char *format, va_list args)
{
    int n = lf__vsnprintf(out, size, format, args);
    if (n < 0) {
        out[0] = '\0';
    } else if ((size_t)n >= size) {
        size_t end = size - 4;
        while (end > 0 && ((unsigned char)out[end] & 0xc0) == 0x80) end--;
        memcpy(out + end, "...", 4);
    }
    for (char *p = out; *p; p++) {
        if (*p == '\n' || *p == '\t') continue;
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?';
    }
}

int lf_error_set(lf_error *err, lf_code code, const char *format, ...)
{
    if (!err || err->code != LF_OK) return -1;
    va_list args;
    va_start(args, format);
    err->code = code;
    err->hint[0] = err->hint_zh[0] = '\0';
    set_text(err->message, sizeof err->message, format, args);
    va_end(args);
    return -1;
}

int lf_error_hint(lf_error *err, const char *format, ...)
{
    if (!err || err->code == LF_OK || err->hint[0]) return -1;
    va_list args;
    va_start(args, format);
    set_text(err->hint, sizeof err->hint, format, args);
    va_end(args);
    if (!lf__hint_zh(format)) return -1;
    va_start(args, format);
    set_text(err->hint_zh, sizeof err->hint_zh, lf__hint_zh(format), args); /* as an argument: clang follows it to the literals */
    va_end(args);
    return -1;
}

int lf__error_hints(lf_error *err, const char *en, const char *zh)
{
    if (!err || err->code == LF_OK || err->hint[0]) return -1;
    lf_error_hint(err, "%s", en);
    snprintf(err->hint_zh, sizeof err->hint_zh, "%s", zh);
    return -1;
}

void lf_error_reset(lf_error *err)
{
    if (!err) return;
    err->code = LF_OK;
    err->message[0] = err->hint[0] = err->hint_zh[0] = '\0';
}

int lf__error_pass(lf_error *err, const lf_error *cause)
{
    if (err && err->code == LF_OK) *err = *cause;
    return -1;
}

const char *lf_code_name(lf_code code)
{
    switch (code) {
#define LF_X(symbol, name, exit)                                                                                                           \
    case symbol: return name;
        LF_ERROR_TABLE(LF_X)
#undef LF_X
    }
    return "unknown";
}

int lf_code_exit(lf_code code)
{
    switch (code) {
#define LF_X(symbol, name, exit)                                                                                                           \
    case symbol: return exit;
        LF_ERROR_TABLE(LF_X)
#undef LF_X
    }
    return 1;
}
