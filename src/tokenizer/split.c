/* split.c - pre-tokenizers: scanners that cut text into words before merging. Not a regular-expression engine: each rule is written out
 * by hand, goes forward only and looks at every byte a bounded number of times. Pure functions, safe from any thread. */
#include "tokenizer/split.h"

#include <string.h>

#define SPACES                                                                                                                             \
    ['\t'] = LF_IN_SPACE, ['\v'] = LF_IN_SPACE, ['\f'] = LF_IN_SPACE, [' '] = LF_IN_SPACE, ['\n'] = LF_IN_SPACE | LF_IN_NEWLINE,           \
    ['\r'] = LF_IN_SPACE | LF_IN_NEWLINE
#define PUNCTUATION LF_IN_PUNCTUATION | LF_IN_SIGN
#define MATH        LF_IN_SYMBOL | LF_IN_SIGN | LF_IN_MATH
const uint32_t lf__byte_sets[256] = {
    [0 ... 8] = LF_IN_OTHER,
    SPACES,
    [14 ... 31] = LF_IN_OTHER,
    ['!' ... '#'] = PUNCTUATION,
    ['$'] = MATH,
    ['%' ... '*'] = PUNCTUATION,
    ['+'] = MATH,
    [',' ... '.'] = PUNCTUATION,
    ['/'] = PUNCTUATION | LF_IN_SLASH,
    ['0' ... '9'] = LF_IN_NUMBER | LF_IN_09,
    [':' ... ';'] = PUNCTUATION,
    ['<' ... '>'] = MATH,
    ['?' ... '@'] = PUNCTUATION,
    ['A' ... 'Z'] = LF_IN_UPPER | LF_IN_AZ,
    ['[' ... ']'] = PUNCTUATION,
    ['^'] = MATH,
    ['_'] = PUNCTUATION,
    ['`'] = LF_IN_SYMBOL | LF_IN_SIGN | LF_IN_GRAVE,
    ['a' ... 'z'] = LF_IN_LOWER | LF_IN_AZ,
    ['{'] = PUNCTUATION,
    ['|'] = MATH,
    ['}'] = PUNCTUATION,
    ['~'] = MATH,
    [0x7F] = LF_IN_OTHER,
    [0x80 ... 0xFF] = LF_IN_MANY,
};
#undef SPACES
#undef PUNCTUATION
#undef MATH

/* ---- GPT-2 and what cuts pieces off before it ------------------------------------------------------------------------------------- */

/* GPT-2's contractions; 0 when there is none. */
static inline size_t contraction(const char *p, size_t n)
{
    if (n < 2) return 0;
    switch (p[1]) {
    case 's':
    case 't':
    case 'm':
    case 'd': return 2;
    case 'r':
    case 'v': return n > 2 && p[2] == 'e' ? 3 : 0;
    case 'l': return n > 2 && p[2] == 'l' ? 3 : 0;
    default: return 0;
    }
}

/* GPT-2's rule inside the piece of text that ends before the first unit of the set `stop`; the unit at `at` is none of them. */
static inline size_t gpt2_until(const char *text, size_t at, size_t n, uint32_t stop)
{
    size_t length, last = at, body = at;
    if (text[at] == '\'') {
        size_t c = contraction(text + at, n - at);
        if (c) return at + c;
    }
    if (text[at] == ' ' && at + 1 < n) body++;
    uint32_t in = lf__unit(text, body, n, &length);
    if (in & stop) return body; /* a space alone, at the end of its piece */
    if (in & LF_IN_LETTER) return lf__run(text, body + length, n, LF_IN_LETTER, &last);
    if (in & LF_IN_NUMBER) return lf__run(text, body + length, n, LF_IN_NUMBER, &last);
    if (!(in & LF_IN_SPACE)) {
        const uint32_t others = LF_IN_ALL & ~(LF_IN_LETTER | LF_IN_NUMBER | LF_IN_SPACE);
        if (!stop) return lf__run(text, body + length, n, others, &last);
        for (body += length; body < n; body += length) {
            in = lf__unit(text, body, n, &length);
            if (in & stop || !(in & others)) break;
        }
        return body;
    }
    size_t end = lf__run(text, at, n, LF_IN_SPACE, &last);
    if (end == n || last == at || (stop && lf__unit(text, end, n, &length) & stop)) return end;
    return last;
}

static size_t next_gpt2(const char *text, size_t at, size_t n) { return gpt2_until(text, at, n, 0); }

/* Digits one by one first. */
static size_t next_smollm(const char *text, size_t at, size_t n)
{
    size_t length;
    return lf__unit(text, at, n, &length) & LF_IN_NUMBER ? at + length : gpt2_until(text, at, n, LF_IN_NUMBER);
}

/* Runs of `marks` first, and in what GPT-2's rule then gives, three ASCII digits at a time; alone: the digits without the space before. */
static inline size_t falcon(const char *text, size_t at, size_t n, uint32_t marks, bool alone)
{
    size_t length, last, p = at + (text[at] == ' ' && at + 1 < n);
    if (lf__unit(text, at, n, &length) & marks) return lf__run(text, at, n, marks, &last);
    if (!(lf__unit(text, p, n, &length) & LF_IN_NUMBER)) return gpt2_until(text, at, n, marks);
    if (alone && p > at) return p;
    for (int run = 0; p < n; p += length) {
        uint32_t in = lf__unit(text, p, n, &length);
        if (!(in & LF_IN_NUMBER)) break;
        run = in & LF_IN_09 ? run + 1 : 0;
        if (run == 3) return p - 2 == at ? p + 1 : p - 2;
    }
    return p;
}

static size_t next_falcon(const char *text, size_t at, size_t n)
{
    return falcon(text, at, n, LF_IN_PUNCTUATION | LF_IN_MATH | LF_IN_GRAVE, false);
}
static size_t next_default(const char *text, size_t at, size_t n) { return falcon(text, at, n, LF_IN_PUNCTUATION | LF_IN_MATH, true); }

/* ---- Llama 3 and its relatives ----------------------------------------------------------------------------------------------------- */

/* In either case, 's also with the long s (U+017F); 0 when there is none. */
static inline size_t any_contraction(const char *p, size_t n)
{
    if (n < 2 || p[0] != '\'') return 0;
    if (n > 2 && (uint8_t)p[1] == 0xC5 && (uint8_t)p[2] == 0xBF) return 3;
    char small[3] = {'\'', (char)(p[1] | 0x20), n > 2 ? (char)(p[2] | 0x20) : '\0'};
    return contraction(small, n > 2 ? 3 : 2);
}

typedef struct family {
    uint32_t letters, tail; /* what words are made of; what of newlines a run of signs takes with it */
    int digits;             /* at most so many together */
    bool contractions;      /* words of their own */
    bool cased, suffixes;   /* a word is capitals, then small letters; a contraction may end it */
} family;

enum {
    CAPITAL = LF_IN_UPPER | LF_IN_TITLE | LF_IN_MODIFIER | LF_IN_OTHER_LETTER | LF_IN_MARK,
    SMALL = LF_IN_LOWER | LF_IN_MODIFIER | LF_IN_OTHER_LETTER | LF_IN_MARK,
};

/* [capitals]*[smalls]+ from `at`, or, where that matches nothing, [capitals]+[smalls]*; `at` when neither does. Modifiers, marks and
 * letters without case are both: when no small letter follows the capitals, the word ends behind the last of them that may be a small one.
 */
static inline size_t cased_word(const char *text, size_t at, size_t n, bool *strict)
{
    size_t p = at, small_end = 0, length, last;
    uint32_t in = 0;
    for (; p < n; p += length) {
        in = lf__unit(text, p, n, &length);
        if (!(in & CAPITAL)) break;
        if (in & SMALL) small_end = p + length;
    }
    *strict = true;
    if (p < n && in & SMALL) return lf__run(text, p, n, SMALL, &last);
    if (small_end) return small_end;
    *strict = false;
    return p;
}

/* The same with one unit before it that is neither letter, number nor newline. A mark may be that unit or the first of the word. */
static inline size_t prefixed_cased_word(const char *text, size_t at, size_t n, uint32_t in, size_t length)
{
    bool strict;
    if (in & LF_IN_LETTER) return cased_word(text, at, n, &strict);
    if (in & (LF_IN_NUMBER | LF_IN_NEWLINE)) return at;
    size_t end = at + length < n ? cased_word(text, at + length, n, &strict) : at + length;
    if (end > at + length && strict) return end;
    if (in & LF_IN_MARK) return cased_word(text, at, n, &strict);
    return end > at + length ? end : at;
}

static inline size_t next_family(const char *text, size_t at, size_t n, const family f)
{
    size_t length, after, last = at;
    uint32_t in = lf__unit(text, at, n, &length);
    const uint32_t signs = LF_IN_ALL & ~(LF_IN_SPACE | LF_IN_LETTER | LF_IN_NUMBER | f.letters);
    if (f.contractions && (after = any_contraction(text + at, n - at))) return at + after;
    if (f.cased) {
        size_t end = prefixed_cased_word(text, at, n, in, length);
        if (end > at) return f.suffixes ? end + any_contraction(text + end, n - end) : end;
    } else if (in & f.letters) {
        return lf__run(text, at + length, n, f.letters, &last);
    }
    if (in & LF_IN_NUMBER) {
        size_t end = at + length;
        for (int i = 1; i < f.digits && end < n && lf__unit(text, end, n, &length) & LF_IN_NUMBER; i++) end += length;
        return end;
    }
    size_t body = at + length, body_length = 0;
    uint32_t next = body < n ? lf__unit(text, body, n, &body_length) : 0;
    if (!f.cased && !(in & LF_IN_NEWLINE) && next & f.letters) return lf__run(text, body + body_length, n, f.letters, &last);
    if (in & signs || (text[at] == ' ' && next & signs)) return lf__run(text, lf__run(text, body, n, signs, &last), n, f.tail, &last);
    size_t end = lf__run(text, at, n, LF_IN_SPACE, &last);
    return lf__space_word(text, at, end, last, end == n);
}

static size_t next_llama3(const char *text, size_t at, size_t n)
{
    return next_family(text, at, n, (family){.letters = LF_IN_LETTER, .tail = LF_IN_NEWLINE, .digits = 3, .contractions = true});
}
static size_t next_qwen2(const char *text, size_t at, size_t n)
{
    return next_family(text, at, n, (family){.letters = LF_IN_LETTER, .tail = LF_IN_NEWLINE, .digits = 1, .contractions = true});
}
static size_t next_qwen35(const char *text, size_t at, size_t n)
{
    return next_family(text, at, n,
                       (family){.letters = LF_IN_LETTER | LF_IN_MARK, .tail = LF_IN_NEWLINE, .digits = 1, .contractions = true});
}
static size_t next_tekken(const char *text, size_t at, size_t n)
{
    return next_family(text, at, n, (family){.tail = LF_IN_NEWLINE | LF_IN_SLASH, .digits = 1, .cased = true});
}
static size_t next_gpt4o(const char *text, size_t at, size_t n)
{
    return next_family(text, at, n, (family){.tail = LF_IN_NEWLINE | LF_IN_SLASH, .digits = 3, .cased = true, .suffixes = true});
}

/* ---- where a text may be cut: see cut.h ----------------------------------------------------------------------------------------- */

/* A run of letters or numbers ends where the class changes, and so does a run of others before white space; nothing there looks further.
 * Not sure: after white space (it may join what follows), and from others to letters ('s). */
static bool gpt2_cut(int32_t before, int32_t after)
{
    const uint32_t others = LF_IN_ALL & ~(LF_IN_LETTER | LF_IN_NUMBER | LF_IN_SPACE);
    uint32_t a = lf__class_of(before), b = lf__class_of(after);
    return (a & LF_IN_LETTER && !(b & LF_IN_LETTER)) || (a & LF_IN_NUMBER && !(b & LF_IN_NUMBER)) || (a & others && b & LF_IN_SPACE);
}

/* Words end with their letters, numbers with theirs; a mark may go on with a word, an apostrophe with a contraction. */
static bool family_cut(int32_t before, int32_t after)
{
    uint32_t a = lf__class_of(before), b = lf__class_of(after);
    return (a & LF_IN_LETTER && !(b & (LF_IN_LETTER | LF_IN_MARK)) && after != '\'') || (a & LF_IN_NUMBER && !(b & LF_IN_NUMBER));
}

static bool ascii_cut(int32_t before, int32_t after)
{
    return before >= 0 && before < 128 && lf__byte_sets[before] & LF_IN_AZ && (after == ' ' || after == '\n');
}

/* ---- the table ---------------------------------------------------------------------------------------------------------------------- */

#define GPT2        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define CONTRACTION "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define SPACES      "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define CASED(end)                                                                                                                         \
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+" end                                        \
    "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*" end
#define SIGNS " ?[^\\s\\p{L}\\p{N}]+"
#define HAN   "[一-龥ࠀ-一가-퟿]+"

// clang-format off
const lf_split_rule lf__split_rules[] = {
    {"gpt2", "gpt-2|phi-2|mpt|olmo|jais|trillion|granite-docling|gigachat|a.x-4.0|mellum|exaone4", {GPT2}, next_gpt2, gpt2_cut, -1},
    {"llama3", "llama-bpe|llama3|llama-v3|falcon3|falcon-h1|pixtral|midm-2.0|lfm2", {
        CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|" SIGNS "[\\r\\n]*|" SPACES}, next_llama3, family_cut, 1},
    {"llama3", "smaug-bpe|dbrx|chatglm-bpe|glm4", {
        CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|" SIGNS "[\\r\\n]*|" SPACES}, next_llama3, family_cut, 0},
    {"qwen2", "qwen2|deepseek-r1-qwen|kormo|f2llmv2|megrez|stablelm2|hunyuan|solar-open|grok-2", {
        CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|" SIGNS "[\\r\\n]*|" SPACES}, next_qwen2, family_cut, -1},
    {"qwen35", "qwen35", {
        CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" SPACES}, next_qwen35, family_cut, -1},
    {"smollm", "smollm|starcoder|refact|command-r|codeshell|exaone|minerva-7b|mellum2", {"\\p{N}", GPT2}, next_smollm, gpt2_cut, -1},
    {"falcon", "falcon", {"[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, "[0-9][0-9][0-9]"}, next_falcon, gpt2_cut, -1},
    {"deepseek-llm", "deepseek-llm", {
        "[\\r\\n]", "\\s?[" LF_DEEPSEEK_LETTERS "]+", "\\s?[!-/:-~！-／：-～‘-‟　-。]+", "\\s+$", HAN, "\\p{N}+"},
        lf__split_deepseek_llm, ascii_cut, -1},
    {"deepseek-coder", "deepseek-coder", {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", HAN, "\\p{N}"}, lf__split_deepseek_coder, ascii_cut, -1},
    {"deepseek-v3", "deepseek-v3|hunyuan-dense|hy_v4|joyai-llm", {
        "\\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|" SPACES},
        lf__split_deepseek_v3, family_cut, -1},
    {"tekken", "tekken", {CASED("") "|\\p{N}|" SIGNS "[\\r\\n/]*|" SPACES}, next_tekken, family_cut, 1},
    {"gpt4o", "gpt-4o|llama4|kanana2|minimax-m2", {
        CASED(CONTRACTION "?") "|\\p{N}{1,3}|" SIGNS "[\\r\\n/]*|" SPACES}, next_gpt4o, family_cut, -1},
    {"default", "default", {"[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}, next_default, gpt2_cut, -1},
    {0},
};
// clang-format on

/* Whether one of "a|b|c" is name. */
static bool is_one_of(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = list; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        if (strncmp(p, name, n) == 0 && (p[n] == '|' || p[n] == 0)) return true;
    return false;
}

const lf_split_rule *lf__split_find(const char *name, lf_error *err)
{
    const char *names[LF_COUNT(lf__split_rules)] = {NULL};
    char known[400];
    size_t at = 0;
    int n = 0;
    for (const lf_split_rule *rule = lf__split_rules; rule->name; rule++) {
        if (strcmp(rule->name, name) == 0 || is_one_of(rule->pre, name)) return rule;
        if (n && strcmp(names[n - 1], rule->name) == 0) continue;
        names[n++] = rule->name;
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", n > 1 ? ", " : "", rule->name);
    }
    const char *near = lf__nearest(name, names);
    lf_error_set(err, LF_E_ARGUMENT, "split rule \"%s\" is not known", name);
    if (near)
        lf_error_hint(err, "did you mean \"%s\"?", near);
    else
        lf_error_hint(err, "known rules: %s", known);
    return NULL;
}
