/* tokenizer_encode.c - one call of lf_tokenizer_encode: the stages in their order. Not the stages themselves.
 *
 * A plain byte-level tokenizer goes from the caller's text straight to the model's scanner: no copy, no list of words. Memory is made per
 * call and shared with nobody. */
#include "tokenizer/tokenizer.h"

#include <string.h>

typedef struct stages {
    lf_encoding e;
    lf_specials specials;
    lf_buf a, b;        /* the normalizer's: one has the segment */
    lf_pieces words[2]; /* the pre-tokenizer's */
} stages;

int lf__put_fails(const lf_encoding *e)
{
    return lf_error_set(e->err, LF_E_LIMIT, "room for %zu token ids is too small for this text: lf_tokenizer_bound says what suffices",
                        e->cap);
}

/* Normalized text between added tokens: to words, and they to the model. */
static int encode_words(stages *s, const char *text, size_t n, bool begins)
{
    const lf_tokenizer *t = s->e.t;
    if (n == 0) return 0;
    if (t->pre.n == 0) return t->model->encode(&s->e, text, n, t->split);
    for (int i = 0; i < 2; i++) lf__pieces_reset(&s->words[i]);
    if (lf__pieces_add(&s->words[0], text, n, s->e.err) || lf__steps_cut(&t->pre, &s->words[0], &s->words[1], begins, s->e.err)) return -1;
    s->e.generation++;
    const lf_pieces *words = &s->words[0];
    for (size_t k = 0, from = 0; k < words->n; from = words->end[k++])
        if (t->model->encode(&s->e, words->text.data + from, words->end[k] - from, NULL)) return -1;
    return 0;
}

/* Text between added tokens of the raw text: normalized, then cut at those that are looked for in normalized text. */
static int encode_segment(stages *s, const char *text, size_t n, bool begins)
{
    const lf_tokenizer *t = s->e.t;
    if (n == 0) return 0;
    const char *raw = text;
    size_t raw_n = n;
    if (lf__steps_map(&t->normalizer, &s->a, &s->b, &text, &n, s->e.err)) return -1;
    s->e.generation += text != raw;
    size_t from = 0, begin, end, offset = (size_t)(raw - s->e.text);
    /* Offsets of normalized text are not those of the ranges: one that touches the segment speaks for all of it. */
    lf_specials specials = {.parse = s->specials.parse && !lf__specials_plain(&s->specials, offset, offset + raw_n)};
    for (int32_t id; (id = lf__added_next(t, true, &specials, text, from, n, &begin, &end)) >= 0; from = end)
        if (encode_words(s, text + from, begin - from, begins && from == 0) || lf__put(&s->e, &id, 1)) return -1;
    return encode_words(s, text + from, n - from, begins && from == 0);
}

static int64_t encode(const lf_tokenizer *t, int32_t *ids, size_t cap, const char *text, size_t n, lf_specials specials, lf_error *err)
{
    stages s = {.e = {.t = t, .text = text, .ids = ids, .cap = cap, .total = n, .err = err}, .specials = specials};
    lf_buf *bufs[] = {&s.a, &s.b, &s.words[0].text, &s.words[1].text};
    int failed = 0;
    for (size_t i = 0; i < LF_COUNT(bufs); i++) lf__buf_init(bufs[i], SIZE_MAX / 2);
    size_t from = 0, begin, end;
    for (int32_t id; !failed && (id = lf__added_next(t, false, &s.specials, text, from, n, &begin, &end)) >= 0; from = end)
        failed = encode_segment(&s, text + from, begin - from, from == 0) || lf__put(&s.e, &id, 1);
    failed = failed || encode_segment(&s, text + from, n - from, from == 0);
    if (t->model->done) t->model->done(&s.e);
    lf__buf_release(&s.a);
    lf__buf_release(&s.b);
    for (int i = 0; i < 2; i++) lf__pieces_release(&s.words[i]);
    return failed ? -1 : (int64_t)s.e.count;
}

int64_t lf_tokenizer_encode(const lf_tokenizer *t, int32_t *ids, size_t cap, const char *text, size_t n, bool parse_specials, lf_error *err)
{
    return encode(t, ids, cap, text, n, (lf_specials){.parse = parse_specials}, err);
}

int64_t lf_tokenizer_encode_mixed(const lf_tokenizer *t, int32_t *ids, size_t cap, const char *text, size_t n, const lf_span *plain,
                                  size_t n_plain, lf_error *err)
{
    return encode(t, ids, cap, text, n, (lf_specials){true, plain, n_plain}, err);
}
