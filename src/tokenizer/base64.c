/* base64.c - base64 there and back; strict: whole groups of four, padding only at the end, no bits lost. */
#include "tokenizer/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void lf__base64_add(lf_buf *out, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = 0;
        char four[4];
        for (size_t k = 0; k < 3; k++) v = v << 8 | (i + k < n ? (uint8_t)bytes[i + k] : 0);
        for (int k = 0; k < 4; k++) four[k] = i + (size_t)k > n ? '=' : digits[v >> (18 - 6 * k) & 63];
        lf__buf_add(out, four, 4);
    }
}

int lf__base64_read(lf_buf *out, const char *text, size_t n)
{
    if (n % 4) return -1;
    for (size_t i = 0; i < n; i += 4) {
        uint32_t v = 0;
        int used = 0;
        for (int k = 0; k < 4; k++) {
            const char *digit = text[i + (size_t)k] ? strchr(digits, text[i + (size_t)k]) : NULL;
            if (digit && used == k)
                used++;
            else if (text[i + (size_t)k] != '=' || i + 4 < n || k < 2)
                return -1;
            v = v << 6 | (digit ? (uint32_t)(digit - digits) : 0);
        }
        const uint8_t three[3] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
        if ((used < 4 && three[used - 1]) || lf__buf_add(out, three, (size_t)used - 1)) return -1;
    }
    return 0;
}
