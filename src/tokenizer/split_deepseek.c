/* split_deepseek.c - DeepSeek's pre-tokenizers: several regular expressions, each cutting the pieces that the one before has left. The
 * scanners do all stages at once. Pure functions, safe from any thread. */
#include "tokenizer/split.h"

/* ---- V3 and R1: \p{N}{1,3}, then runs of Han and kana, then words in what lies between ----------------------------------------------- */

enum { IN_KANA = 1 << 24 }; /* the second expression's characters; a piece is all of them, or none */

static uint32_t unit_v3(const char *text, size_t at, size_t n, size_t *length)
{
    uint32_t in = lf__byte_sets[(uint8_t)text[at]];
    *length = 1;
    if (!(in & LF_IN_MANY)) return in;
    int32_t cp;
    *length = (size_t)lf__utf8_decode(text + at, text + n, &cp);
    return lf__class_of(cp) | ((cp >= 0x4E00 && cp <= 0x9FA5) || (cp >= 0x3040 && cp <= 0x30FF) ? IN_KANA : 0);
}

/* As unit_v3, and 0 where the piece ends: at the end of the text, a number, or where kana begin or end. */
static uint32_t in_piece(const char *text, size_t at, size_t n, uint32_t kana, size_t *length)
{
    *length = 0;
    if (at == n) return 0;
    uint32_t in = unit_v3(text, at, n, length);
    return in & LF_IN_NUMBER || (in & IN_KANA) != kana ? 0 : in;
}

static size_t run_v3(const char *text, size_t at, size_t n, uint32_t kana, uint32_t set, size_t *last)
{
    for (size_t length; in_piece(text, at, n, kana, &length) & set; at += length) *last = at;
    return at;
}

size_t lf__split_deepseek_v3(const char *text, size_t at, size_t n)
{
    enum { WORD = LF_IN_LETTER | LF_IN_MARK, SIGN = LF_IN_PUNCTUATION | LF_IN_SYMBOL };
    size_t length, next_length, last = at;
    uint32_t in = unit_v3(text, at, n, &length), kana = in & IN_KANA;
    size_t body = at + length;
    if (in & LF_IN_NUMBER) {
        for (int i = 1; i < 3 && body < n && unit_v3(text, body, n, &length) & LF_IN_NUMBER; i++) body += length;
        return body;
    }
    uint32_t next = in_piece(text, body, n, kana, &next_length);
    if (in & LF_IN_SIGN && next & LF_IN_AZ) return run_v3(text, body, n, kana, LF_IN_AZ, &last);
    if (in & WORD) return run_v3(text, body, n, kana, WORD, &last);
    if (!(in & (SIGN | LF_IN_NEWLINE)) && next & WORD) return run_v3(text, body, n, kana, WORD, &last);
    if (in & SIGN || (text[at] == ' ' && next & SIGN))
        return run_v3(text, run_v3(text, body, n, kana, SIGN, &last), n, kana, LF_IN_NEWLINE, &last);
    if (in & LF_IN_SPACE) {
        size_t end = run_v3(text, at, n, kana, LF_IN_SPACE, &last);
        return lf__space_word(text, at, end, last, !in_piece(text, end, n, kana, &length));
    }
    while (next & LF_IN_OTHER) { /* controls that nothing matches stay together, up to one that begins a word */
        size_t behind;
        if (in_piece(text, body + next_length, n, kana, &behind) & WORD) break;
        body += next_length;
        next = in_piece(text, body, n, kana, &next_length);
    }
    return body;
}

/* ---- LLM and Coder: newlines, letters, signs, (white space at the end,) Han, numbers -------------------------------------------- */

/* What a character is to each of the expressions. */
enum { NEWLINE = 1, SPACE = 2, LETTER = 4, SIGN = 8, HAN = 16, NUMBER = 32 };

static bool is_han(int32_t cp) { return (cp >= 0x800 && cp <= 0x9FA5) || (cp >= 0xAC00 && cp <= 0xD7FF); }

static int coder_sets(int32_t cp)
{
    uint32_t in = lf__class_of(cp);
    return (cp == '\n' || cp == '\r' ? NEWLINE : 0) | (in & LF_IN_SPACE ? SPACE : 0) | (in & LF_IN_LETTER ? LETTER : 0) |
           (in & LF_IN_PUNCTUATION ? SIGN : 0) | (is_han(cp) ? HAN : 0) | (in & LF_IN_NUMBER ? NUMBER : 0);
}

/* LF_DEEPSEEK_LETTERS above ASCII. */
static const int32_t letters[][2] = {
    {0xB5, 0xB5},       {0xC0, 0xD6},       {0xD8, 0xF6},       {0xF8, 0x1BA},      {0x1BC, 0x1BF},     {0x1C4, 0x293},
    {0x295, 0x2AF},     {0x370, 0x373},     {0x376, 0x376},     {0x377, 0x377},     {0x37B, 0x37D},     {0x37F, 0x37F},
    {0x386, 0x386},     {0x388, 0x38A},     {0x38C, 0x38C},     {0x38E, 0x3A1},     {0x3A3, 0x3F5},     {0x3F7, 0x481},
    {0x48A, 0x52F},     {0x531, 0x556},     {0x10A0, 0x10C5},   {0x13A0, 0x13F5},   {0x13F8, 0x13FD},   {0x1C90, 0x1CBA},
    {0x1CBD, 0x1CBF},   {0x1D00, 0x1D2B},   {0x1D6B, 0x1D77},   {0x1D79, 0x1D9A},   {0x1E00, 0x1F15},   {0x1F18, 0x1F1D},
    {0x1F20, 0x1F45},   {0x1F48, 0x1F4D},   {0x1F50, 0x1F57},   {0x1F59, 0x1F59},   {0x1F5B, 0x1F5B},   {0x1F5D, 0x1F5D},
    {0x1F5F, 0x1F7D},   {0x1F80, 0x1FB4},   {0x1FB6, 0x1FBC},   {0x1FBE, 0x1FBE},   {0x1FC2, 0x1FC4},   {0x1FC6, 0x1FCC},
    {0x1FD0, 0x1FD3},   {0x1FD6, 0x1FDB},   {0x1FE0, 0x1FEC},   {0x1FF2, 0x1FF4},   {0x1FF6, 0x1FFC},   {0x2102, 0x2102},
    {0x2107, 0x2107},   {0x210A, 0x2113},   {0x2115, 0x2115},   {0x2119, 0x211D},   {0x2124, 0x2124},   {0x2126, 0x2126},
    {0x2128, 0x2128},   {0x212A, 0x212D},   {0x212F, 0x2134},   {0x2139, 0x2139},   {0x213C, 0x213F},   {0x2145, 0x2149},
    {0x214E, 0x214E},   {0x2183, 0x2183},   {0x2184, 0x2184},   {0x2C00, 0x2C7B},   {0x2C7E, 0x2CE4},   {0x2CEB, 0x2CEE},
    {0x2CF2, 0x2CF2},   {0x2CF3, 0x2CF3},   {0xA640, 0xA66D},   {0xA680, 0xA69B},   {0xA722, 0xA76F},   {0xA771, 0xA787},
    {0xA78B, 0xA78E},   {0xAB70, 0xABBF},   {0xFB00, 0xFB06},   {0xFB13, 0xFB17},   {0xFF21, 0xFF3A},   {0xFF41, 0xFF5A},
    {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB}, {0x10C80, 0x10CB2}, {0x10CC0, 0x10CF2}, {0x118A0, 0x118DF},
    {0x1E900, 0x1E943}};

static bool is_letter(int32_t cp)
{
    size_t lo = 0, hi = LF_COUNT(letters);
    if (cp < 128) return (cp >= 'A' && cp <= 'Z') || (cp >= 'a' && cp <= 'z');
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (cp > letters[mid][1])
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < LF_COUNT(letters) && cp >= letters[lo][0];
}

static bool is_sign(int32_t cp)
{
    return (cp >= '!' && cp <= '/') || (cp >= ':' && cp <= '~') || (cp >= 0xFF01 && cp <= 0xFF0F) || (cp >= 0xFF1A && cp <= 0xFF5E) ||
           (cp >= 0x2018 && cp <= 0x201F) || (cp >= 0x3000 && cp <= 0x3002);
}

static int llm_sets(int32_t cp)
{
    return (cp == '\n' || cp == '\r' ? NEWLINE : 0) | (lf__is_space(cp) ? SPACE : 0) | (is_letter(cp) ? LETTER : 0) |
           (is_sign(cp) ? SIGN : 0) | (is_han(cp) ? HAN : 0) | (lf__class_of(cp) & LF_IN_NUMBER ? NUMBER : 0);
}

/* Four characters in a row: what they are to the expressions (0 behind the end) and where they begin. */
typedef struct window {
    const char *text;
    size_t n;
    int (*sets)(int32_t cp);
    int set[4];
    size_t begin[4], end; /* end: of the last one */
} window;

static void shift(window *w)
{
    int32_t cp = 0;
    for (int i = 0; i < 3; i++) w->set[i] = w->set[i + 1], w->begin[i] = w->begin[i + 1];
    w->begin[3] = w->end;
    w->set[3] = 0;
    if (w->end == w->n) return;
    w->end += (size_t)lf__utf8_decode(w->text + w->end, w->text + w->n, &cp);
    w->set[3] = w->sets(cp);
}

/* Whether \s?[set]+ ends or begins between the first two of three: white space before the set belongs to it. */
static bool edge(const int *s, int set)
{
    if (s[0] & s[1] & set) return false;
    if (s[0] & set) return true;
    if (s[1] & set) return !(s[0] & SPACE);
    return s[1] & SPACE && s[2] & set;
}

/* Whether a piece ends behind the first of four, before Han and numbers are looked at. White space that belongs to a letter is in the
 * letter's piece, where no sign can have it. */
static bool early_edge(const int *s)
{
    if ((s[0] | s[1]) & NEWLINE || edge(s, LETTER)) return true;
    if (!edge(s, SIGN)) return false;
    return (s[0] | s[1]) & SIGN || !edge(s + 1, LETTER);
}

/* trailing: white space at the end of what the first three expressions leave is a piece of its own (\s+$). */
static inline size_t next_old(const char *text, size_t at, size_t n, int (*sets)(int32_t cp), bool (*number_edge)(int a, int b),
                              bool trailing)
{
    window w = {.text = text, .n = n, .sets = sets, .end = at};
    size_t judged = 0; /* white space that begins before it is known not to be trailing */
    for (int i = 0; i < 4; i++) shift(&w);
    for (; w.begin[1] < n; shift(&w)) {
        const int *s = w.set;
        if (early_edge(s) || (s[0] & HAN) != (s[1] & HAN) || number_edge(s[0], s[1])) return w.begin[1];
        if (!trailing || s[0] & SPACE || !(s[1] & SPACE) || w.begin[1] < judged) continue;
        window v = w; /* does the piece end with the white space that begins here? */
        do shift(&v);
        while (v.begin[1] < n && !early_edge(v.set) && v.set[1] & SPACE);
        if (v.begin[1] == n || early_edge(v.set)) return w.begin[1];
        judged = v.begin[1];
    }
    return n;
}

static bool each_number(int a, int b) { return (a | b) & NUMBER; }
static bool number_runs(int a, int b) { return (a & NUMBER) != (b & NUMBER); }

size_t lf__split_deepseek_coder(const char *text, size_t at, size_t n) { return next_old(text, at, n, coder_sets, each_number, false); }
size_t lf__split_deepseek_llm(const char *text, size_t at, size_t n) { return next_old(text, at, n, llm_sets, number_runs, true); }
