/* charsmap_build.c - SentencePiece's normalization maps made from Unicode as the linked utf8proc has it: "nfkc" (every character, and every
 * sequence that composes, to its NFKC) and "nmt_nfkc" (that, with the white space and control characters of machine translation's text).
 * Owns its working memory per call; thread-safe. The array itself is double_array.c's. */
#include "tokenizer/charsmap.h"

#include <stdlib.h>
#include <string.h>
#ifdef LF_HAVE_UTF8PROC
#include <utf8proc.h>

typedef struct rules {
    lf_buf keys, texts; /* each key and each text with its NUL */
    lf_key *v;          /* bytes: offset into keys while that grows */
    size_t *key_at;
    size_t n, cap, at_cap;
    lf_error *err;
} rules;

static int add(rules *r, const char *key, const char *text)
{
    if (lf__grow(&r->v, &r->cap, r->n + 1, sizeof *r->v, r->err) || lf__grow(&r->key_at, &r->at_cap, r->n + 1, sizeof *r->key_at, r->err))
        return -1;
    r->v[r->n] = (lf_key){.n = (uint32_t)strlen(key), .value = (uint32_t)r->texts.len};
    r->key_at[r->n++] = r->keys.len;
    lf__buf_add(&r->keys, key, strlen(key) + 1);
    lf__buf_add(&r->texts, text, strlen(text) + 1);
    return r->keys.failed || r->texts.failed ? lf_error_set(r->err, LF_E_MEMORY, "out of memory for a normalization map") : 0;
}

static char *mapped(const char *text, int options, lf_error *err)
{
    uint8_t *out = NULL;
    if (utf8proc_map((const uint8_t *)text, 0, &out, (utf8proc_option_t)(options | UTF8PROC_NULLTERM | UTF8PROC_STABLE)) < 0)
        lf_error_set(err, LF_E_MEMORY, "out of memory for a normalization map");
    return (char *)out;
}

/* What nmt_nfkc does to single characters beside NFKC. */
static const struct {
    int32_t from, to;
    const char *text; /* NULL: stays */
} nmt_rules[] = {
    {0x0001, 0x0008, ""},   {0x0009, 0x000A, " "}, {0x000B, 0x000B, ""},  {0x000C, 0x000D, " "}, {0x000E, 0x001F, ""},
    {0x007F, 0x007F, ""},   {0x008F, 0x008F, ""},  {0x009F, 0x009F, ""},  {0x061C, 0x061C, " "}, {0x1680, 0x1680, " "},
    {0x200B, 0x200C, " "},  {0x200E, 0x200F, " "}, {0x2028, 0x2029, " "}, {0x2581, 0x2581, " "}, {0xFEFF, 0xFEFF, " "},
    {0xFF5E, 0xFF5E, NULL}, {0xFFFD, 0xFFFD, " "},
};

/* The rules that one character gives: itself to its NFKC; its decompositions, whole and by one step, to the same. */
static int add_character(rules *r, int32_t cp, bool nmt)
{
    char key[5] = {0}, pair[9] = {0};
    for (size_t i = 0; nmt && i < LF_COUNT(nmt_rules); i++)
        if (cp >= nmt_rules[i].from && cp <= nmt_rules[i].to) {
            lf__utf8_encode(key, cp);
            return nmt_rules[i].text ? add(r, key, nmt_rules[i].text) : 0;
        }
    lf__utf8_encode(key, cp);
    bool hangul = cp >= 0xAC00 && cp < 0xD7A4;
    if (cp < 0xA0 || (utf8proc_get_property(cp)->decomp_seqindex == UINT16_MAX && !hangul)) return 0;
    char *nfkc = mapped(key, UTF8PROC_COMPOSE | UTF8PROC_COMPAT, r->err), *nfd = mapped(key, UTF8PROC_DECOMPOSE, r->err);
    int failed = !nfkc || !nfd;
    if (!failed && strcmp(key, nfkc) != 0) failed = add(r, key, nfkc);
    if (!failed && strcmp(key, nfd) != 0 && strcmp(nfd, nfkc) != 0) {
        /* nfd = all but the last character, and the last: the former composed is the one step */
        size_t last = strlen(nfd) - 1;
        while (((uint8_t)nfd[last] & 0xC0) == 0x80) last--;
        char *head = last ? lf__calloc(last + 1, 1, r->err) : NULL, *composed = NULL;
        failed = add(r, nfd, nfkc) || (last && !head);
        if (head && !failed) failed = !(composed = mapped(memcpy(head, nfd, last), UTF8PROC_COMPOSE, r->err));
        if (composed && strcmp(composed, head) != 0 && strlen(composed) <= 4) {
            snprintf(pair, sizeof pair, "%s%s", composed, nfd + last);
            failed = add(r, pair, nfkc);
        }
        free(head), free(composed);
    }
    free(nfkc), free(nfd);
    return failed;
}

static int by_bytes(const void *a, const void *b)
{
    const lf_key *x = a, *y = b;
    int order = strcmp(x->bytes, y->bytes);
    return order ? order : (x->value > y->value) - (x->value < y->value);
}

int lf__charsmap_build(lf_charsmap *m, const char *name, lf_error *err)
{
    const bool nmt = strcmp(name, "nmt_nfkc") == 0;
    rules r = {.err = err};
    *m = (lf_charsmap){0};
    if (strcmp(name, "identity") == 0) return 0;
    if (!nmt && strcmp(name, "nfkc") != 0)
        return lf_error_set(err, LF_E_ARGUMENT, "normalizer \"%.40s\" is not known: expected identity, nfkc or nmt_nfkc", name);
    lf__buf_init(&r.keys, INT32_MAX);
    lf__buf_init(&r.texts, INT32_MAX);
    int failed = 0;
    for (int32_t cp = 1; cp <= 0x10FFFF && !failed; cp++)
        if (cp < 0xD800 || cp >= 0xE000) failed = add_character(&r, cp, nmt);
    for (size_t i = 0; i < r.n && !failed; i++) r.v[i].bytes = r.keys.data + r.key_at[i];
    if (!failed) {
        size_t kept = 0;
        qsort(r.v, r.n, sizeof *r.v, by_bytes);
        for (size_t i = 0; i < r.n; i++) /* two characters may have the same decomposition: the first rule stays */
            if (kept == 0 || strcmp(r.v[kept - 1].bytes, r.v[i].bytes) != 0) r.v[kept++] = r.v[i];
        failed = lf__double_array_build(&m->rules, r.v, kept, err);
    }
    m->text = r.texts.data, m->n_text = r.texts.len;
    free(r.v), free(r.key_at);
    lf__buf_release(&r.keys);
    if (failed) lf__charsmap_release(m);
    return failed ? -1 : 0;
}

#else

int lf__charsmap_build(lf_charsmap *m, const char *name, lf_error *err)
{
    *m = (lf_charsmap){0};
    if (strcmp(name, "identity") == 0) return 0;
    lf_error_set(err, LF_E_UNSUPPORTED, "normalizer %s needs utf8proc, which this build does not have", name);
    return lf_error_hint(err, "install libutf8proc-dev and build again");
}
#endif
