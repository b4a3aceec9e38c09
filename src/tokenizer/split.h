/* split.h - what the scanners share: reading a text unit by unit. Private to split.c and split_deepseek.c.
 * A unit is a code point, or one byte that begins no valid sequence: its class is `other`. */
#ifndef LF_TOKENIZER_SPLIT_H
#define LF_TOKENIZER_SPLIT_H

#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

/* More than the class of some ASCII characters: bits above those of unicode.h. */
enum {
    LF_IN_NEWLINE = 1 << 16, /* \r \n        */
    LF_IN_AZ = 1 << 17,      /* A-Z a-z      */
    LF_IN_09 = 1 << 18,      /* 0-9          */
    LF_IN_MATH = 1 << 19,    /* $ + < = > ^ | ~ */
    LF_IN_GRAVE = 1 << 20,   /* `            */
    LF_IN_SIGN = 1 << 21,    /* ! to / : to @ [ to ` { to ~ */
    LF_IN_SLASH = 1 << 22,
    LF_IN_MANY = 1 << 23, /* a byte above 0x7F: the code point decides */
};
extern const uint32_t lf__byte_sets[256];

/* The sets that the unit at text[at] is in, and its length. */
static inline uint32_t lf__unit(const char *text, size_t at, size_t n, size_t *length)
{
    uint32_t sets = lf__byte_sets[(uint8_t)text[at]];
    *length = 1;
    if (!(sets & LF_IN_MANY)) return sets;
    int32_t cp;
    *length = (size_t)lf__utf8_decode(text + at, text + n, &cp);
    return lf__class_of(cp);
}

/* The end of the run of units in `set` that begins at `at`; *last gets the start of its last unit when it is not empty. */
static inline size_t lf__run(const char *text, size_t at, size_t n, uint32_t set, size_t *last)
{
    while (at < n) {
        size_t length = 1;
        uint32_t here = lf__byte_sets[(uint8_t)text[at]];
        if (here & LF_IN_MANY) here = lf__unit(text, at, n, &length);
        if (!(here & set)) break;
        *last = at;
        at += length;
    }
    return at;
}

/* White space that is no word of its own gives its last unit to what follows: \s*[\r\n]+|\s+(?!\S)|\s+ from `at`, of white space that
 * ends at `end` with its last unit at `last`; closed: the text, or the piece of it that a rule looks at, ends there. */
static inline size_t lf__space_word(const char *text, size_t at, size_t end, size_t last, bool closed)
{
    for (size_t p = end; p > at; p--)
        if (text[p - 1] == '\n' || text[p - 1] == '\r') return p;
    return closed || last == at ? end : last;
}

size_t lf__split_deepseek_llm(const char *text, size_t at, size_t n);
size_t lf__split_deepseek_coder(const char *text, size_t at, size_t n);
size_t lf__split_deepseek_v3(const char *text, size_t at, size_t n);
/* The cased letters of DeepSeek LLM's rule, as they stand in its regular expression. */
// clang-format off
#define LF_DEEPSEEK_LETTERS                                                                                                                                                              \
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽ"                                                                      \
    "Ა-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\xE1\xBD\xBDᾀ-ᾴᾶ-ᾼ\xE1\xBE\xBEῂ-ῄῆ-ῌῐ-\xE1\xBF\x93ῖ-\xE1\xBF\x9Bῠ-Ῥῲ-" \
    "ῴ"                                                                                                                                                                                \
    "ῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\xE2\x84\xA6ℨ\xE2\x84\xAA-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-"         \
    "ﬆ"                                                                                                                                                                                \
    "ﬓ-ﬗＡ-Ｚａ-ｚ\xF0\x90\x90\x80-\xF0\x90\x91\x8F\xF0\x90\x92\xB0-\xF0\x90\x93\x93\xF0\x90\x93\x98-\xF0\x90\x93\xBB\xF0\x90\xB2\x80-"                                          \
    "\xF0\x90\xB2\xB2\xF0\x90\xB3\x80-\xF0\x90\xB3\xB2\xF0\x91\xA2\xA0-\xF0\x91\xA3\x9F\xF0\x9E\xA4\x80-\xF0\x9E\xA5\x83"
// clang-format on

#endif
