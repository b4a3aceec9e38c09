/* unicode.h - what the scanners and the normalizers know of a code point: one byte each, in a generated table (unicode_classes.c).
 * Shared by the files of this folder; immutable. */
#ifndef LF_TOKENIZER_UNICODE_H
#define LF_TOKENIZER_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

/* General categories, as far as split rules tell them apart; `other` are controls, format characters and what is not assigned. */
enum { LF_OTHER, LF_UPPER, LF_LOWER, LF_TITLE, LF_MODIFIER, LF_LETTER, LF_MARK, LF_NUMBER, LF_PUNCTUATION, LF_SYMBOL, LF_SPACE };
/* As sets, for "is it one of these": a set is an or of these bits. */
enum {
    LF_IN_OTHER = 1 << LF_OTHER,
    LF_IN_UPPER = 1 << LF_UPPER,
    LF_IN_LOWER = 1 << LF_LOWER,
    LF_IN_TITLE = 1 << LF_TITLE,
    LF_IN_MODIFIER = 1 << LF_MODIFIER,
    LF_IN_OTHER_LETTER = 1 << LF_LETTER,
    LF_IN_MARK = 1 << LF_MARK,
    LF_IN_NUMBER = 1 << LF_NUMBER,
    LF_IN_PUNCTUATION = 1 << LF_PUNCTUATION,
    LF_IN_SYMBOL = 1 << LF_SYMBOL,
    LF_IN_SPACE = 1 << LF_SPACE,                                                                  /* White_Space */
    LF_IN_LETTER = LF_IN_UPPER | LF_IN_LOWER | LF_IN_TITLE | LF_IN_MODIFIER | LF_IN_OTHER_LETTER, /* \p{L} */
    LF_IN_ALL = (1 << (LF_SPACE + 1)) - 1,
};
/* The other bits of the byte. */
enum {
    LF_CP_WORD = 0x10,       /* \w: alphabetic, marks, decimal digits, connectors, joiners                    */
    LF_CP_NFC_PLAIN = 0x20,  /* a text of such characters alone is in NFC: none changes, moves or joins another */
    LF_CP_NFKC_PLAIN = 0x40, /* the same for NFKC                                                               */
};

extern const uint16_t lf__class_index[];         /* [0x110000 / 128] block of a code point */
extern const uint8_t lf__class_blocks[][128];    /* [] a byte for each of its code points  */
static inline uint8_t lf__code_point(int32_t cp) /* a scalar value, or -1 for an invalid byte: other */
{
    return cp < 0 ? LF_OTHER : lf__class_blocks[lf__class_index[cp >> 7]][cp & 127];
}
static inline uint32_t lf__class_of(int32_t cp) { return 1u << (lf__code_point(cp) & 15); }
static inline bool lf__is_space(int32_t cp) { return (lf__class_of(cp) & LF_IN_SPACE) != 0; }

#endif
