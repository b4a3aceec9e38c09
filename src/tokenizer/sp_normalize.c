/* sp_normalize.c - what SentencePiece makes of a text before it cuts it (Kudo and Richardson, "SentencePiece", 2018, section 3.2): the map,
 * white space, the space in front. One normalizer step with all of it, as the order of its parts is the meaning. Thread-safe. */
#include "tokenizer/base64.h"
#include "tokenizer/sp.h"

#include <stdlib.h>
#include <string.h>

/* One step of the map at text[0..n): user pieces stay as they are. */
static size_t step(const lf_sp_rules *r, const char **to, size_t *n_to, const char *text, size_t n)
{
    uint32_t id;
    size_t taken = r->user_first[(uint8_t)*text] ? lf__longest_prefix(&r->users, &id, text, n, LF_SP_MAX_PIECE) : 0;
    if (!taken) return lf__charsmap_step(&r->map, to, n_to, text, n);
    *to = text, *n_to = taken;
    return taken;
}

/* text with its spaces as U+2581, behind *len bytes of out, which has room for three bytes a byte. */
static void put(const lf_sp_rules *r, lf_buf *out, const char *text, size_t n)
{
    char *to = out->data + out->len;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == ' ' && r->escape_spaces)
            memcpy(to, LF_MARKER, 3), to += 3;
        else
            *to++ = text[i];
    }
    out->len = (size_t)(to - out->data);
}

static int reserve(lf_buf *out, size_t n, lf_error *err)
{
    if (out->cap - out->len > n) return 0;
    size_t need = out->len + n + 1;
    if (need < n || lf__grow(&out->data, &out->cap, need, 1, err)) return -1;
    return 0;
}

int lf__sp_normalize(const lf_sp_rules *r, lf_buf *out, const char *text, size_t n, lf_error *err)
{
    const char *end = text + n, *to;
    size_t n_to, taken, begin = out->len, width = r->escape_spaces ? 3 : 1;
    while (r->squeeze_spaces && text < end) {
        taken = step(r, &to, &n_to, text, (size_t)(end - text));
        if (n_to != 1 || *to != ' ') break;
        text += taken;
    }
    if (text == end) return 0;
    if (reserve(out, (size_t)(end - text) + 16, err)) return -1;
    if (r->dummy_prefix && !r->space_suffix) put(r, out, " ", 1);
    bool after_space = r->squeeze_spaces;
    while (text < end) {
        text += step(r, &to, &n_to, text, (size_t)(end - text));
        for (; after_space && n_to && *to == ' '; n_to--) to++;
        if (!n_to) continue;
        if (reserve(out, 3 * n_to + 3, err)) return -1;
        put(r, out, to, n_to);
        after_space = r->squeeze_spaces && to[n_to - 1] == ' ';
    }
    while (r->squeeze_spaces && out->len - begin >= width &&
           memcmp(out->data + out->len - width, r->escape_spaces ? LF_MARKER : " ", width) == 0)
        out->len -= width;
    if (r->dummy_prefix && r->space_suffix) put(r, out, " ", 1);
    out->data[out->len] = 0;
    return 0;
}

/* ---- as a step ----------------------------------------------------------------------------------------------------------- */

int lf__sp_step(const lf_step *s, lf_buf *out, const char *text, size_t n, lf_error *err)
{
    return lf__sp_normalize(s->data, out, text, n, err);
}

int lf__sp_step_read(lf_step *s, const struct json_t *object, lf_error *err)
{
    LF_UNUSED(s), LF_UNUSED(object);
    return lf_error_set(err, LF_E_UNSUPPORTED, "it is in no tokenizer.json: expected Precompiled, Replace and Prepend");
}

void lf__sp_step_release(lf_step *s)
{
    lf_sp_rules *r = s->data;
    if (!r) return;
    lf__charsmap_release(&r->map);
    lf__double_array_release(&r->users);
    free(r);
    s->data = NULL;
}

size_t lf__sp_step_growth(const lf_step *s)
{
    const lf_sp_rules *r = s->data;
    size_t space = r->escape_spaces ? 3 : 1;
    return lf__charsmap_growth(&r->map, space) + (r->dummy_prefix ? space : 0);
}

int lf__sp_normalizer(lf_tokenizer *t, lf_sp_rules *rules, lf_error *err)
{
    lf_step *s = lf__steps_add(&t->normalizer, lf__normalizers, "SentencePiece", NULL, NULL, err);
    lf_sp_rules *r = s ? s->data = lf__calloc(1, sizeof *r, err) : NULL;
    if (!r) {
        lf__charsmap_release(&rules->map);
        return -1;
    }
    *r = *rules;
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n;
        const char *text = lf__token_bytes(t, id, &n);
        if (t->kind[id] == LF_TOKEN_USER && n) r->user_first[(uint8_t)*text] = true;
    }
    return lf__sp_set(&r->users, t, 1u << LF_TOKEN_USER, err);
}

int lf__sp_stages(lf_tokenizer *t, lf_sp_rules *rules, lf_error *err)
{
    static const char *const steps[][3] = {{"Replace", LF_MARKER, " "}, {"ByteFallback"}, {"Fuse"}};
    if (lf__sp_normalizer(t, rules, err)) return -1;
    for (size_t i = 0; i < LF_COUNT(steps); i++)
        if (!lf__steps_add(&t->decoder, lf__decoders, steps[i][0], steps[i][1], steps[i][2], err)) return -1;
    if (!rules->dummy_prefix && !rules->squeeze_spaces) return 0;
    lf_step *strip = lf__steps_add(&t->decoder, lf__decoders, "Strip", " ", NULL, err);
    if (strip) strip->a = 1;
    return strip ? 0 : -1;
}

const lf_sp_rules *lf__sp_rules(const lf_tokenizer *t)
{
    return t->normalizer.n == 1 && t->normalizer.v[0].kind->map == lf__sp_step ? t->normalizer.v[0].data : NULL;
}

/* ---- the rules as Hugging Face's steps, and back ------------------------------------------------------------------------- */

/* The same in steps that a tokenizer.json has a name for. */
void lf__sp_step_write(const lf_step *s, lf_buf *out)
{
    const lf_sp_rules *r = s->data;
    const char *mark = r->escape_spaces ? LF_MARKER : " ", *comma = "";
    lf__buf_puts(out, "{\"type\": \"Sequence\", \"normalizers\": [");
    if (r->map.rules.n) {
        lf_buf blob;
        lf__buf_init(&blob, SIZE_MAX / 2);
        lf__charsmap_write(&blob, &r->map);
        lf__buf_puts(out, "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"");
        lf__base64_add(out, blob.data ? blob.data : "", blob.len);
        out->failed |= blob.failed;
        lf__buf_release(&blob);
        lf__buf_puts(out, "\"}"), comma = ", ";
    }
    if (r->squeeze_spaces) {
        static const char *const rules[][2] = {{"\\\\A +|[ " LF_MARKER "]+\\\\z", ""}, {" {2,}", " "}};
        for (int i = 0; i < 2; i++, comma = ", ")
            lf__buf_printf(out, "%s{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"%s\"}, \"content\": \"%s\"}", comma, rules[i][0],
                           rules[i][1]);
    }
    if (r->dummy_prefix && !r->space_suffix) {
        lf__buf_printf(out, "%s{\"type\": \"Prepend\", \"prepend\": \"%s\"}", comma, mark);
        comma = ", ";
    }
    if (r->dummy_prefix && r->space_suffix) {
        lf__buf_printf(out, "%s{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"(?<!\\\\A)\\\\z\"}, \"content\": \"%s\"}", comma, mark);
        comma = ", ";
    }
    if (r->escape_spaces)
        lf__buf_printf(out, "%s{\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"" LF_MARKER "\"}", comma);
    lf__buf_puts(out, "]}");
}

static bool is_replace(const lf_step *s, const char *text, const char *with)
{
    return strcmp(s->kind->type, "Replace") == 0 && strcmp(s->text, text) == 0 && strcmp(s->with, with) == 0;
}

bool lf__sp_rules_of(const lf_steps *steps, lf_sp_rules *r)
{
    const lf_step *s = steps->v, *end = s + steps->n;
    *r = (lf_sp_rules){.name = "identity"};
    if (s < end && strcmp(s->kind->type, "Precompiled") == 0) {
        r->map = *(const lf_charsmap *)s++->data;
        memcpy(r->name, "user_defined", 13);
    }
    if (end - s >= 2 && is_replace(s, "\\A +|[ " LF_MARKER "]+\\z", "") && is_replace(s + 1, " {2,}", " "))
        r->squeeze_spaces = true, s += 2;
    const char *mark = s < end && strcmp(s->kind->type, "Prepend") == 0 ? s++->text : NULL;
    if (s < end && !mark && (is_replace(s, "(?<!\\A)\\z", LF_MARKER) || is_replace(s, "(?<!\\A)\\z", " ")))
        r->space_suffix = true, mark = s++->with;
    if (s < end && is_replace(s, " ", LF_MARKER)) r->escape_spaces = true, s++;
    if (mark) r->dummy_prefix = true;
    return s == end && steps->n > 0 && (!mark || strcmp(mark, r->escape_spaces ? LF_MARKER : " ") == 0);
}

int lf__sp_adopt(lf_tokenizer *t, lf_error *err)
{
    lf_sp_rules rules;
    if (t->pre.n || t->split || !lf__sp_rules_of(&t->normalizer, &rules)) return 0;
    if (rules.map.rules.n) { /* the map goes with the rules */
        free(t->normalizer.v[0].data);
        t->normalizer.v[0].data = NULL;
    }
    lf__steps_release(&t->normalizer);
    return lf__sp_normalizer(t, &rules, err);
}
