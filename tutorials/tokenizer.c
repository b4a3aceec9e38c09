/* tokenizer.c - chapter 2: how text becomes numbers, and back. Byte-pair encoding, learned from scratch.
 *
 *   cc -O2 tutorials/tokenizer.c -lm -o tokenizer && ./tokenizer
 *
 * A model reads and writes ids. Which ids? Not letters: texts would be long, and every layer pays for length. Not words: there is no end
 * of them. Byte-pair encoding (Gage 1994; Sennrich et al. 2016) finds the middle: begin with the 256 bytes, so that EVERY text can be
 * written, and again and again give the most frequent pair of neighbours an id of its own:
 *
 *        text     l o w _ l o w e r _ l o w e s t          ids 0 .. 255 are the bytes
 *        merge 1  (o,w)   -> ow      seen 3 times          id 256
 *        merge 2  (l,ow)  -> low     seen 3 times          id 257      l o w is one token now
 *        merge 3  (low,e) -> lowe    seen 2 times          id 258      ... until the vocabulary is as large as we want
 *
 * The list of merges in the order of their discovery IS the tokenizer. To encode a text, do the same merges in the same order.
 *
 * Two refinements, both GPT-2's (Radford et al. 2019):
 *   - bytes, not characters: Chinese is three bytes a character, and the frequent ones grow together by themselves;
 *   - words first: text is cut into words, and nothing is merged across a cut. Else "dog." and "dog!" would become two unrelated tokens.
 *
 * Where the library does this: src/tokenizer/ (the same ids, on all cores; chapter 10, bpe_fast.c, says why this one is slow). */
#ifndef TOKENIZER_C
#define TOKENIZER_C

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define END_TOKEN "<|endoftext|>"

/* Whole file into memory, with a 0 behind it; exits when there is none (a library would hand the error back). free() it. */
char *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f) fprintf(stderr, "%s: cannot be opened\n", path), exit(1);
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    char *text = malloc(*n + 1);
    if (!text || fread(text, 1, *n, f) != *n) fprintf(stderr, "%s: cannot be read\n", path), exit(1);
    text[*n] = 0;
    fclose(f);
    return text;
}

/* The stories that this course learns from, wherever it was started. */
const char *stories_path(void)
{
    FILE *f = fopen("tutorials/stories.txt", "rb");
    if (!f) return "stories.txt";
    fclose(f);
    return "tutorials/stories.txt";
}

/* ---- 1. Characters: UTF-8 ------------------------------------------------------------------------------------------------------------
 *      0xxxxxxx                              one byte,    U+0000 .. U+007F     A     41
 *      110xxxxx 10xxxxxx                     two bytes,   U+0080 .. U+07FF     é     C3 A9
 *      1110xxxx 10xxxxxx 10xxxxxx            three bytes, U+0800 .. U+FFFF     你    E4 BD A0
 *      11110xxx 10xxxxxx 10xxxxxx 10xxxxxx   four bytes,  U+10000 .. U+10FFFF
 * The first byte says how long, the x are the character's number. We need it only to know what is a letter; merging works on bytes. */
int decode_utf8(int32_t *character, const char *text, size_t n) /* returns the length; an invalid byte is 1 long, character -1 */
{
    const unsigned char *p = (const unsigned char *)text;
    int length = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;
    *character = length == 1 ? p[0] : -1;
    if (length <= 1 || (size_t)length > n) return 1;
    int32_t c = p[0] & (0x7F >> length);
    for (int i = 1; i < length; i++) {
        if ((p[i] & 0xC0) != 0x80) return 1;
        c = c << 6 | (p[i] & 0x3F);
    }
    int too_long = (length == 3 && c < 0x800) || (length == 4 && (c < 0x10000 || c > 0x10FFFF)), surrogate = c >= 0xD800 && c < 0xE000;
    if (too_long || surrogate) return 1;
    *character = c;
    return length;
}

/* ---- 2. Words ------------------------------------------------------------------------------------------------------------------------
 * GPT-2's rule is a regular expression; read it as "a word takes the one space before it along":
 *
 *      's|'t|'re|'ve|'m|'ll|'d  |   ?letters+  |   ?numbers+  |   ?others+  |  spaces not followed by a word  |  spaces
 *
 *      "Don't  stop 99 dogs!"  ->  Don | 't | _ | _stop | _99 | _dogs | !
 *
 * What a letter is, Unicode says. These ranges are exact for Latin, Greek, Cyrillic, Chinese, Japanese and Korean; letters of other scripts
 * count as "other" here, which still encodes them, only with other ids than GPT-2's rule (the library has the whole table). */
enum { OTHER, LETTER, NUMBER, SPACE };
const struct {
    int32_t from, to;
    int class;
} classes[] = {
    {'\t', '\r', SPACE},      {' ', ' ', SPACE},        {'0', '9', NUMBER},       {'A', 'Z', LETTER},       {'a', 'z', LETTER},
    {0x85, 0x85, SPACE},      {0xA0, 0xA0, SPACE},      {0xAA, 0xAA, LETTER},     {0xB2, 0xB3, NUMBER},     {0xB5, 0xB5, LETTER},
    {0xB9, 0xB9, NUMBER},     {0xBA, 0xBA, LETTER},     {0xBC, 0xBE, NUMBER},     {0xC0, 0xD6, LETTER},     {0xD8, 0xF6, LETTER},
    {0xF8, 0x2C1, LETTER},    {0x2C6, 0x2D1, LETTER},   {0x2E0, 0x2E4, LETTER},   {0x2EC, 0x2EC, LETTER},   {0x2EE, 0x2EE, LETTER},
    {0x370, 0x374, LETTER},   {0x376, 0x377, LETTER},   {0x37A, 0x37D, LETTER},   {0x37F, 0x37F, LETTER},   {0x386, 0x386, LETTER},
    {0x388, 0x38A, LETTER},   {0x38C, 0x38C, LETTER},   {0x38E, 0x3A1, LETTER},   {0x3A3, 0x3F5, LETTER},   {0x3F7, 0x481, LETTER},
    {0x48A, 0x52F, LETTER},   {0x2000, 0x200A, SPACE},  {0x2028, 0x2029, SPACE},  {0x202F, 0x202F, SPACE},  {0x205F, 0x205F, SPACE},
    {0x3000, 0x3000, SPACE},  {0x3005, 0x3006, LETTER}, {0x3007, 0x3007, NUMBER}, {0x3021, 0x3029, NUMBER}, {0x3031, 0x3035, LETTER},
    {0x3038, 0x303A, NUMBER}, {0x303B, 0x303C, LETTER}, {0x3041, 0x3096, LETTER}, {0x309D, 0x309F, LETTER}, {0x30A1, 0x30FA, LETTER},
    {0x30FC, 0x30FF, LETTER}, {0x3105, 0x312F, LETTER}, {0x3131, 0x318E, LETTER}, {0x3192, 0x3195, NUMBER}, {0x31A0, 0x31BF, LETTER},
    {0x31F0, 0x31FF, LETTER}, {0x3220, 0x3229, NUMBER}, {0x3248, 0x324F, NUMBER}, {0x3251, 0x325F, NUMBER}, {0x3280, 0x3289, NUMBER},
    {0x32B1, 0x32BF, NUMBER}, {0x3400, 0x4DBF, LETTER}, {0x4E00, 0x9FFF, LETTER}, {0xAC00, 0xD7A3, LETTER}, {0xD7B0, 0xD7C6, LETTER},
    {0xD7CB, 0xD7FB, LETTER}, {0xFF10, 0xFF19, NUMBER}, {0xFF21, 0xFF3A, LETTER}, {0xFF41, 0xFF5A, LETTER}, {0xFF66, 0xFFBE, LETTER},
    {0xFFC2, 0xFFC7, LETTER}, {0xFFCA, 0xFFCF, LETTER}, {0xFFD2, 0xFFD7, LETTER}, {0xFFDA, 0xFFDC, LETTER},
};

int class_of(int32_t character)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (classes[i].from <= character && character <= classes[i].to) return classes[i].class;
    return OTHER;
}

/* How many bytes of text[0..n) are characters of this class, one after the other; *last is where the last of them begins. */
size_t run_of(int class, const char *text, size_t n, size_t *last)
{
    size_t at = 0;
    int32_t c;
    for (int length; at < n; at += (size_t)length) {
        length = decode_utf8(&c, text + at, n - at);
        if (class_of(c) != class) break;
        *last = at;
    }
    return at;
}

/* The length of the word that text[0..n) begins with, n > 0. */
size_t next_word(const char *text, size_t n)
{
    static const char *const contractions[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (int i = 0; i < 7; i++)
        if (n >= strlen(contractions[i]) && memcmp(text, contractions[i], strlen(contractions[i])) == 0) return strlen(contractions[i]);
    size_t space = text[0] == ' ' && n > 1, last = 0;
    int32_t c;
    decode_utf8(&c, text + space, n - space);
    if (class_of(c) != SPACE) return space + run_of(class_of(c), text + space, n - space, &last);
    size_t all = run_of(SPACE, text, n, &last);
    return all == n || last == 0 ? all : last; /* the last space belongs to the word behind it */
}

/* ---- 3. The tokenizer ------------------------------------------------------------------------------------------------------------------
 * ids 0 .. 255 are the bytes, in GPT-2's order (printable ones first); then one new token per merge; then the end token, which is not made
 * of bytes at all: it says "here a document ends" and no text can contain it by accident. */
typedef struct token {
    char *bytes;
    int n;
} token;
typedef struct merge {
    int left, right, result;
} merge;

/* From a 64-bit key to a number: a table with twice the room it needs, where a key lies at its hash or in the next free place. */
typedef struct map {
    uint64_t *keys;
    int *values; /* -1: free */
    uint64_t mask;
} map;

typedef struct tokenizer {
    int size; /* ids are 0 .. size-1 */
    token *tokens;
    int n_merges;
    merge *merges; /* [n_merges] by rank, the first learned first */
    map ranks;     /* left << 32 | right -> rank */
    map ids;       /* hash of a token's bytes -> id */
    int end;       /* id of <|endoftext|>, -1 before it is added */
} tokenizer;

void map_init(map *m, size_t most)
{
    size_t slots = 16;
    while (slots < 2 * most) slots *= 2;
    m->keys = calloc(slots, sizeof *m->keys);
    m->values = malloc(slots * sizeof *m->values);
    memset(m->values, -1, slots * sizeof *m->values);
    m->mask = slots - 1;
}

int *map_at(const map *m, uint64_t key) /* the value's place; -1 there: the key is new, and ours to fill */
{
    uint64_t slot = key * 0x9E3779B97F4A7C15u >> 20 & m->mask;
    while (m->values[slot] >= 0 && m->keys[slot] != key) slot = (slot + 1) & m->mask;
    m->keys[slot] = key;
    return &m->values[slot];
}

int rank_of(const tokenizer *t, int left, int right) { return *map_at(&t->ranks, (uint64_t)left << 32 | (uint32_t)right); }

/* FNV-1a. (Two tokens with the same 64-bit hash would be taken for one: with a million tokens, once in 30 million vocabularies.) */
uint64_t hash_bytes(const char *bytes, int n)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (int i = 0; i < n; i++) h = (h ^ (unsigned char)bytes[i]) * 0x100000001B3u;
    return h;
}

/* The id of these bytes: the token that has them already, or a new one. Two ways to the same bytes are two merges and one token. */
int add_token(tokenizer *t, const char *bytes, int n)
{
    int *id = map_at(&t->ids, hash_bytes(bytes, n));
    if (*id >= 0) return *id;
    t->tokens[t->size] = (token){malloc((size_t)n + 1), n};
    memcpy(t->tokens[t->size].bytes, bytes, (size_t)n);
    return *id = t->size++;
}

int add_merge(tokenizer *t, int left, int right)
{
    const token *a = &t->tokens[left], *b = &t->tokens[right];
    char *bytes = malloc((size_t)(a->n + b->n) + 1);
    memcpy(bytes, a->bytes, (size_t)a->n);
    memcpy(bytes + a->n, b->bytes, (size_t)b->n);
    int id = add_token(t, bytes, a->n + b->n);
    free(bytes);
    *map_at(&t->ranks, (uint64_t)left << 32 | (uint32_t)right) = t->n_merges;
    t->merges[t->n_merges++] = (merge){left, right, id};
    return id;
}

void add_end_token(tokenizer *t)
{
    t->end = t->size++;
    t->tokens[t->end] = (token){malloc(sizeof END_TOKEN), (int)strlen(END_TOKEN)};
    memcpy(t->tokens[t->end].bytes, END_TOKEN, sizeof END_TOKEN);
}

/* GPT-2 writes bytes as printable characters: those that are printable in Latin-1 as themselves, the 68 others as U+0100, U+0101, ... That
 * is why a space looks like Ġ in tokenizer files. Its ids follow the same order. */
int is_printable(int byte) { return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE; }
int alphabet(int byte) /* byte -> character */
{
    int hidden = 0;
    for (int b = 0; b < byte; b++) hidden += !is_printable(b);
    return is_printable(byte) ? byte : 0x100 + hidden;
}

void tokenizer_init(tokenizer *t, int most) /* room for so many tokens; the 256 bytes are there */
{
    *t = (tokenizer){.end = -1};
    t->tokens = calloc((size_t)most + 256, sizeof *t->tokens);
    t->merges = calloc((size_t)most * 2, sizeof *t->merges);
    map_init(&t->ranks, (size_t)most * 2);
    map_init(&t->ids, (size_t)most + 256);
    for (int hidden = 0; hidden < 2; hidden++)
        for (int byte = 0; byte < 256; byte++)
            if (is_printable(byte) != hidden) add_token(t, &(char){(char)byte}, 1);
}

void tokenizer_free(tokenizer *t)
{
    for (int i = 0; i < t->size; i++) free(t->tokens[i].bytes);
    free(t->tokens), free(t->merges);
    free(t->ranks.keys), free(t->ranks.values), free(t->ids.keys), free(t->ids.values);
    *t = (tokenizer){.end = -1};
}

/* ---- 4. Documents ----------------------------------------------------------------------------------------------------------------------
 * A text file holds documents, separated by lines that are exactly <|endoftext|>. The separator is not text: nothing is learned from it. */
size_t next_document(const char *text, size_t n, size_t *skip) /* length of the document; *skip: where the next one begins */
{
    size_t at = 0;
    while (at < n) {
        const char *newline = memchr(text + at, '\n', n - at);
        size_t line = newline ? (size_t)(newline - text) - at : n - at;
        if (line == strlen(END_TOKEN) && memcmp(text + at, END_TOKEN, line) == 0) {
            *skip = at + line + (newline != NULL);
            return at;
        }
        at += line + (newline != NULL);
    }
    *skip = n;
    return n;
}

/* ---- 5. Learning -----------------------------------------------------------------------------------------------------------------------
 * The same word occurs often, so we keep each one once, with its count, as a list of symbols that grows shorter with every merge. */
typedef struct word {
    const char *bytes;
    int n_bytes, count;
    int *symbols, n; /* ids, as merged so far */
} word;

int compare_words(const void *a, const void *b)
{
    const word *x = a, *y = b;
    int n = x->n_bytes < y->n_bytes ? x->n_bytes : y->n_bytes, order = memcmp(x->bytes, y->bytes, (size_t)n);
    return order ? order : x->n_bytes - y->n_bytes;
}

int collect_words(word **words, const tokenizer *t, const char *text, size_t n) /* the different ones, counted; returns how many */
{
    size_t cap = 1024, found = 0;
    word *list = malloc(cap * sizeof *list);
    for (size_t begin = 0, skip; begin < n; begin += skip) {
        size_t end = begin + next_document(text + begin, n - begin, &skip);
        for (size_t at = begin, length; at < end; at += length) {
            length = next_word(text + at, end - at);
            if (found == cap) list = realloc(list, (cap *= 2) * sizeof *list);
            list[found++] = (word){.bytes = text + at, .n_bytes = (int)length, .count = 1};
        }
    }
    qsort(list, found, sizeof *list, compare_words); /* equal words now stand side by side */
    int different = 0;
    for (size_t i = 0; i < found; i++)
        if (different && compare_words(&list[different - 1], &list[i]) == 0)
            list[different - 1].count++;
        else
            list[different++] = list[i];
    for (int i = 0; i < different; i++) {
        word *w = &list[i];
        w->symbols = malloc((size_t)w->n_bytes * sizeof *w->symbols);
        for (w->n = 0; w->n < w->n_bytes; w->n++) w->symbols[w->n] = *map_at(&t->ids, hash_bytes(w->bytes + w->n, 1));
    }
    *words = list;
    return different;
}

/* Does (l1, r1) win a tie against (l2, r2)? Greater bytes, then the longer left part: any rule will do, as long as there IS one. Without
 * it, the vocabulary would depend on the order in which a hash table happens to be walked. */
int wins_tie(const tokenizer *t, int l1, int r1, int l2, int r2)
{
    const token *a[] = {&t->tokens[l1], &t->tokens[r1]}, *b[] = {&t->tokens[l2], &t->tokens[r2]};
    int na = a[0]->n + a[1]->n, nb = b[0]->n + b[1]->n;
    for (int i = 0; i < na && i < nb; i++) {
        unsigned char x = (unsigned char)(i < a[0]->n ? a[0]->bytes[i] : a[1]->bytes[i - a[0]->n]);
        unsigned char y = (unsigned char)(i < b[0]->n ? b[0]->bytes[i] : b[1]->bytes[i - b[0]->n]);
        if (x != y) return x > y;
    }
    return na != nb ? na > nb : a[0]->n > b[0]->n;
}

/* Replaces every left, right by `to`, from the left: "a a a" with (a,a) becomes "aa a". Returns the new length. */
int replace_pair(int *symbols, int n, int left, int right, int to)
{
    int out = 0;
    for (int i = 0; i < n; i++)
        if (i + 1 < n && symbols[i] == left && symbols[i + 1] == right)
            symbols[out++] = to, i++;
        else
            symbols[out++] = symbols[i];
    return out;
}

/* What is told after each merge: its number (from 0), how often the pair was seen, how many tokens the text still has. */
typedef void on_merge(const tokenizer *t, int number, int64_t count, int64_t tokens_left);

/* The naive trainer: count all pairs, merge the best, forget the counts, again. O(merges x text), and exactly what the definition says. */
void learn(tokenizer *t, const char *text, size_t n, int vocab_size, on_merge *tell)
{
    word *words;
    tokenizer_init(t, vocab_size);
    int n_words = collect_words(&words, t, text, n);
    size_t V = (size_t)vocab_size;
    int *count = calloc(V * V, sizeof *count); /* [left, right] */
    while (t->size < vocab_size - 1) {         /* the last id is for the end token */
        int left = -1, right = -1;
        int64_t tokens = 0;
        for (int w = 0; w < n_words; w++) {
            tokens += (int64_t)words[w].count * words[w].n;
            for (int i = 0; i + 1 < words[w].n; i++) {
                int l = words[w].symbols[i], r = words[w].symbols[i + 1];
                int64_t now = count[(size_t)l * V + (size_t)r] += words[w].count,
                        best = left < 0 ? 0 : count[(size_t)left * V + (size_t)right];
                if (now > best || (now == best && !(l == left && r == right) && wins_tie(t, l, r, left, right))) left = l, right = r;
            }
        }
        int64_t most = left < 0 ? 0 : count[(size_t)left * V + (size_t)right];
        if (most < 2) break; /* nothing occurs twice any more */
        int id = add_merge(t, left, right);
        for (int w = 0; w < n_words; w++) {
            for (int i = 0; i + 1 < words[w].n; i++) count[(size_t)words[w].symbols[i] * V + (size_t)words[w].symbols[i + 1]] = 0;
            words[w].n = replace_pair(words[w].symbols, words[w].n, left, right, id);
        }
        if (tell) tell(t, t->n_merges - 1, most, tokens - most);
    }
    add_end_token(t);
    free(count);
    for (int i = 0; i < n_words; i++) free(words[i].symbols);
    free(words);
}

/* ---- 6. Encoding and decoding ---------------------------------------------------------------------------------------
 * In each word, do the merge that was learned first, as long as there is one to do. */
int encode_word(int *ids, const tokenizer *t, const char *bytes, int n)
{
    for (int i = 0; i < n; i++) ids[i] = *map_at(&t->ids, hash_bytes(bytes + i, 1));
    for (;;) {
        int best = -1;
        for (int i = 0; i + 1 < n; i++) {
            int rank = rank_of(t, ids[i], ids[i + 1]);
            if (rank >= 0 && (best < 0 || rank < best)) best = rank;
        }
        if (best < 0) return n;
        n = replace_pair(ids, n, t->merges[best].left, t->merges[best].right, t->merges[best].result);
    }
}

size_t find_end_token(const char *text, size_t n) /* where it begins; n: nowhere */
{
    size_t length = strlen(END_TOKEN), at = 0;
    while (at + length <= n && memcmp(text + at, END_TOKEN, length) != 0) at++;
    return at + length <= n ? at : n;
}

/* ids has room for n. With parse_end, "<|endoftext|>" in the text becomes the end token. NEVER do that with text from strangers: it would
 * let them end your document and begin one of their own. */
int encode(int *ids, const tokenizer *t, const char *text, size_t n, int parse_end)
{
    int n_ids = 0;
    for (size_t at = 0; at < n;) {
        size_t stop = parse_end ? at + find_end_token(text + at, n - at) : n;
        for (size_t length; at < stop; at += length) {
            length = next_word(text + at, stop - at);
            n_ids += encode_word(ids + n_ids, t, text + at, (int)length);
        }
        if (stop < n) ids[n_ids++] = t->end, at += strlen(END_TOKEN);
    }
    return n_ids;
}

/* Decoding is looking up. text has room for `size` bytes; returns how many were written. */
size_t decode(char *text, size_t size, const tokenizer *t, const int *ids, int n)
{
    size_t out = 0;
    for (int i = 0; i < n; i++) {
        const token *k = &t->tokens[ids[i]];
        if (out + (size_t)k->n > size) break;
        memcpy(text + out, k->bytes, (size_t)k->n);
        out += (size_t)k->n;
    }
    return out;
}

/* ---- 7. The file: Hugging Face's tokenizer.json ---------------------------------------------------------------------
 * The vocabulary and the merges, written in GPT-2's alphabet. `foundry` and the `tokenizers` package read it as it is. */
void write_character(FILE *f, int c) /* as UTF-8, escaped for JSON */
{
    if (c == '"' || c == '\\') fputc('\\', f);
    if (c < 0x80) fputc(c, f);
    if (c >= 0x80) fputc(0xC0 | c >> 6, f), fputc(0x80 | (c & 0x3F), f); /* the alphabet ends at U+0143 */
}

void write_token(FILE *f, const token *k)
{
    for (int i = 0; i < k->n; i++) write_character(f, alphabet((unsigned char)k->bytes[i]));
}

int save_tokenizer(const tokenizer *t, const char *path)
{
    const char *level = "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": true}";
    FILE *f = fopen(path, "wb");
    if (!f) return -1;
    fprintf(f,
            "{\n  \"version\": \"1.0\", \"truncation\": null, \"padding\": null,\n  \"added_tokens\": [{\"id\": %d, \"content\": \"%s\", ",
            t->end, END_TOKEN);
    fprintf(f, "\"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}],\n");
    fprintf(f, "  \"normalizer\": null,\n  \"pre_tokenizer\": %s,\n  \"post_processor\": null,\n  \"decoder\": %s,\n", level, level);
    fprintf(
        f, "  \"model\": {\n    \"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, \"continuing_subword_prefix\": null, "
           "\"end_of_word_suffix\": null,\n    \"fuse_unk\": false, \"byte_fallback\": false, \"ignore_merges\": false,\n    \"vocab\": {");
    for (int i = 0; i < t->size; i++) {
        fprintf(f, "%s\n      \"", i ? "," : "");
        if (i == t->end) fputs(END_TOKEN, f);
        if (i != t->end) write_token(f, &t->tokens[i]);
        fprintf(f, "\": %d", i);
    }
    fprintf(f, "\n    },\n    \"merges\": [");
    for (int i = 0; i < t->n_merges; i++) {
        fprintf(f, "%s\n      \"", i ? "," : "");
        write_token(f, &t->tokens[t->merges[i].left]);
        fputc(' ', f);
        write_token(f, &t->tokens[t->merges[i].right]);
        fputc('"', f);
    }
    fprintf(f, "\n    ]\n  }\n}\n");
    return fclose(f);
}

/* The string that begins at p ('"'), as bytes of the alphabet; returns what stands behind it. A blank ends the left part of a merge. */
const char *read_token(char *bytes, int *n, const char *p, const char *end)
{
    *n = 0;
    while (p < end && *p != '"' && *p != ' ') {
        int32_t c;
        p += *p == '\\'; /* of the escapes, only \" and \\ occur in this alphabet */
        p += decode_utf8(&c, p, (size_t)(end - p));
        for (int byte = 0; byte < 256 && *n < 255; byte++)
            if (alphabet(byte) == c) bytes[(*n)++] = (char)byte;
    }
    return p < end ? p + 1 : end;
}

/* Reads what save_tokenizer and `foundry` write: ids are the 256 bytes, the merges in order, the end token. Exits with a sentence if not.
 * Not a JSON parser: it looks for the list of merges. The real one, which trusts no file, is src/tokenizer/tokenizer_load.c. */
void load_tokenizer(tokenizer *t, const char *path)
{
    size_t n;
    char *json = read_file(path, &n), *end = json + n, left[256], right[256];
    const char *p = strstr(json, "\"merges\"");
    if (!p || !(p = strchr(p, '['))) fprintf(stderr, "%s: there is no list of merges in it\n", path), exit(1);
    tokenizer_init(t, (int)(n / 8)); /* no merge is written in less than 8 bytes */
    for (p++; (p = strpbrk(p, "\"]")) && *p == '"';) {
        int nl, nr;
        p = read_token(right, &nr, read_token(left, &nl, p + 1, end), end);
        int l = *map_at(&t->ids, hash_bytes(left, nl)), r = *map_at(&t->ids, hash_bytes(right, nr));
        if (l < 0 || r < 0) fprintf(stderr, "%s: merge %d joins a token that is not there yet\n", path, t->n_merges), exit(1);
        add_merge(t, l, r);
    }
    add_end_token(t);
    free(json);
}

/* A token for the eye: a space as _, half a character as its bytes. Returns how many columns it took; a Chinese character takes two. */
int show(const token *k)
{
    int columns = 0;
    for (int i = 0, length; i < k->n; i += length) {
        int32_t c;
        length = decode_utf8(&c, k->bytes + i, (size_t)(k->n - i));
        if (c < 0)
            columns += printf("\\x%02X", (unsigned char)k->bytes[i]);
        else
            printf("%.*s", c == '\n' ? 2 : length,
                   c == '\n'  ? "\\n"
                   : c == ' ' ? "_"
                              : k->bytes + i),
                columns += c > 0x1100 || c == '\n' ? 2 : 1;
    }
    return columns;
}

#endif

/* ---- 8. What it prints ---------------------------------------------------------------------------------------------- */
#ifndef LF_NO_MAIN
void tell_all(const tokenizer *t, int number, int64_t count, int64_t left)
{
    const merge *m = &t->merges[number];
    printf("  %3d   (", number + 1), show(&t->tokens[m->left]), printf(", "), show(&t->tokens[m->right]), printf(") -> "),
        show(&t->tokens[m->result]);
    printf("   id %d, seen %lld times, %lld tokens left\n", m->result, (long long)count, (long long)left);
}

void tell_some(const tokenizer *t, int number, int64_t count, int64_t left)
{
    int n = number + 1, round = n <= 6 || n == 10 || n == 20 || n == 50 || n % 100 == 0 || t->size == 1535;
    if (round) tell_all(t, number, count, left);
    fflush(stdout);
}

void show_encoding(const tokenizer *t, const char *text)
{
    int *ids = malloc((strlen(text) + 1) * sizeof *ids), n = encode(ids, t, text, strlen(text), 0);
    printf("\n  %s\n  %d bytes, %d tokens: ", text, (int)strlen(text), n);
    for (int i = 0; i < n; i++) printf("%s", i ? "|" : ""), show(&t->tokens[ids[i]]);
    printf("\n  ids");
    for (int i = 0; i < n; i++) printf(" %d", ids[i]);
    char *back = malloc(strlen(text) + 1);
    size_t length = decode(back, strlen(text), t, ids, n);
    printf("\n  decoded: %s\n", length == strlen(text) && memcmp(back, text, length) == 0 ? "the same bytes" : "WRONG");
    free(back), free(ids);
}

int main(void)
{
    printf("1. Characters are bytes\n");
    const char *sample = "aé你";
    for (size_t at = 0, n = strlen(sample); at < n;) {
        int32_t c;
        int length = decode_utf8(&c, sample + at, n - at);
        printf("  %.*s\tU+%04X ", length, sample + at, (unsigned)c);
        for (int i = 0; i < length; i++) printf(" %02X", (unsigned char)sample[at + (size_t)i]);
        printf("\n");
        at += (size_t)length;
    }

    printf("\n2. Text is cut into words before anything is merged\n");
    const char *texts[] = {"Don't  stop 99 dogs!", "从前，有3只小猫。"};
    for (int k = 0; k < 2; k++) {
        printf("  %s  ->  ", texts[k]);
        for (size_t at = 0, n = strlen(texts[k]), length; at < n; at += length) {
            length = next_word(texts[k] + at, n - at);
            printf("%s", at ? " | " : "");
            show(&(token){(char *)texts[k] + at, (int)length});
        }
        printf("\n");
    }

    printf("\n3. Learning from 25 bytes: \"low lower lowest low slow\"\n");
    tokenizer t;
    learn(&t, "low lower lowest low slow", 25, 264, tell_all);
    tokenizer_free(&t);

    size_t n;
    char *text = read_file(stories_path(), &n);
    printf("\n4. Learning 1,536 tokens from %s (%zu kB, English and Chinese)\n", stories_path(), n / 1000);
    learn(&t, text, n, 1536, tell_some);
    printf("  and the end token: id %d. The longest tokens: ", t.end);
    for (int longest = 40, shown = 0; longest > 0 && shown < 6; longest--)
        for (int i = 256; i < t.end && shown < 6; i++)
            if (t.tokens[i].n == longest) printf("%s", shown++ ? ", " : ""), show(&t.tokens[i]);
    printf("\n");

    printf("\n5. Encoding: English, Chinese, and something it never saw\n");
    show_encoding(&t, "Once upon a time, a little fox found a red kite.");
    show_encoding(&t, "从前，有一只小狐狸，名叫蛋蛋。");
    show_encoding(&t, "Zażółć 😀");

    printf("\n6. A special token is not text\n");
    int ids[32], plain = encode(ids, &t, END_TOKEN, strlen(END_TOKEN), 0);
    printf("  \"%s\" from a user: %d ordinary tokens. From us: ", END_TOKEN, plain);
    printf("%d token, ", encode(ids, &t, END_TOKEN, strlen(END_TOKEN), 1));
    printf("id %d.\n", ids[0]);
    tokenizer_free(&t);
    free(text);
    return 0;
}
#endif
