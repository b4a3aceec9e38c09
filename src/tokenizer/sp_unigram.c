/* sp_unigram.c - text to its most probable cut into pieces (Viterbi; Kudo, "Subword Regularization", 2018, equations 1 and 7):
 *
 *   x* = argmax over cuts x of  sum of score(piece),      best(e) = max over pieces text[s..e) of  best(s) + score(piece)
 *
 * A character that no piece covers is an unknown one and costs the lowest score - 10. Of equal cuts the one with the longer last piece.
 * How sums round decides near ties, so they round as with the program that the file is of: a .model's are SentencePiece's floats (from the
 * beginning of the text: 10^5 into it a score counts to 1/128), others are doubles. O(n * longest piece); only the stretch since the last
 * place that all paths pass is in memory. The set of pieces is immutable; working memory belongs to the call. */
#include "tokenizer/sp.h"

#include <math.h>
#include <stdlib.h>

typedef struct tables {
    lf_double_array pieces; /* value: id */
    double *score;          /* [n] as it is added up */
    double unknown;
} tables;

typedef struct path { /* the best path that ends here */
    double score;     /* of all pieces since the text began       */
    int32_t id;       /* its last piece, -1: an unknown character */
    uint32_t length;  /* bytes of that; 0: no path ends here      */
} path;

/*   text   ... | b o t h _ e n d s ...
 *              begin     at      reach      every path passes `begin`; paths[i] is about the place begin + i */
typedef struct lattice { /* lf_encoding.room */
    path *paths;
    uint32_t *ends; /* of the best path's pieces, last first */
    size_t paths_cap, ends_cap, begin, reach;
    bool float_sums, after_unknown;
} lattice;

/* SentencePiece compares before it rounds. */
static inline void relax(lattice *l, size_t at, size_t length, int32_t id, double sum)
{
    for (; l->reach < at + length; l->reach++) l->paths[l->reach + 1 - l->begin].length = 0;
    path *to = &l->paths[at + length - l->begin];
    if (!to->length || sum > to->score) *to = (path){l->float_sums ? (double)(float)sum : sum, id, (uint32_t)length};
}

static int put_unknown(lf_encoding *e, lattice *l, const char *text, size_t n)
{
    const lf_tokenizer *t = e->t;
    for (size_t i = 0; i < n && t->byte_fallback; i++)
        if (lf__put(e, &t->byte_token[(uint8_t)text[i]], 1)) return -1;
    if (t->byte_fallback || l->after_unknown) return 0; /* a run of unknown characters is one token */
    l->after_unknown = true;
    return lf__put(e, &t->role[LF_ROLE_UNK], 1);
}

/* Ids of the best path from begin to `at`, where every path passes; that is the new begin. */
static int emit(lf_encoding *e, lattice *l, const char *text, size_t at)
{
    size_t count = 0;
    int failed = 0;
    for (size_t end = at - l->begin; end > 0; end -= l->paths[end].length) {
        if (lf__grow(&l->ends, &l->ends_cap, count + 1, sizeof *l->ends, e->err)) return -1;
        l->ends[count++] = (uint32_t)end;
    }
    while (count-- > 0 && !failed) {
        const path *last = &l->paths[l->ends[count]];
        if (last->id < 0) {
            failed = put_unknown(e, l, text + l->begin + l->ends[count] - last->length, last->length);
        } else {
            failed = lf__put(e, &last->id, 1);
            l->after_unknown = false;
        }
    }
    l->paths[0].score = l->paths[at - l->begin].score;
    l->begin = l->reach = at;
    return failed;
}

static int encode(lf_encoding *e, const char *text, size_t n, const lf_split_rule *rule)
{
    const tables *s = e->t->state;
    LF_UNUSED(rule);
    if (n >= UINT32_MAX) return lf_error_set(e->err, LF_E_LIMIT, "%zu bytes of text at once are more than the limit of 4 GiB", n);
    if (!e->room && !(e->room = lf__calloc(1, sizeof(lattice), e->err))) return -1;
    lattice *l = e->room;
    if (lf__grow(&l->paths, &l->paths_cap, 2 * LF_SP_MAX_PIECE, sizeof *l->paths, e->err)) return -1;
    l->begin = l->reach = 0;
    l->paths[0] = (path){0};
    l->after_unknown = false;
    l->float_sums = e->t->float_sums;
    for (size_t at = 0, width; at < n; at += width) {
        if (at == l->reach && at > 0 && emit(e, l, text, at)) return -1;
        if (lf__grow(&l->paths, &l->paths_cap, at - l->begin + LF_SP_MAX_PIECE + 1, sizeof *l->paths, e->err)) return -1;
        width = LF_MIN(lf__char_bytes((uint8_t)text[at]), n - at);
        const double here = l->paths[at - l->begin].score;
        bool covered = false;
        uint32_t node = 0;
        for (size_t i = 0; at + i < n;) {
            int32_t id = lf__walk(&s->pieces, &node, (uint8_t)text[at + i++]);
            if (id == LF_WALK_END) break;
            if (id < 0) continue;
            relax(l, at, i, id, s->score[id] + here);
            covered |= i == width;
        }
        if (!covered) {
            double sum = s->unknown + here;
            relax(l, at, width, -1, l->float_sums ? (double)(float)sum : sum);
        }
    }
    return emit(e, l, text, n);
}

static void done(lf_encoding *e)
{
    lattice *l = e->room;
    if (!l) return;
    free(l->paths), free(l->ends);
    free(l);
}

static void release(lf_tokenizer *t)
{
    tables *s = t->state;
    if (!s) return;
    lf__double_array_release(&s->pieces);
    free(s->score);
    free(s);
    t->state = NULL;
}

static int seal(lf_tokenizer *t, lf_error *err)
{
    if (lf__sp_check(t, err)) return -1;
    tables *s = t->state = lf__calloc(1, sizeof *s, err);
    if (!s || !(s->score = lf__calloc(t->n, sizeof *s->score, err))) return -1;
    double worst = INFINITY, best = 0;
    for (uint32_t id = 0; id < t->n; id++)
        if (t->kind[id] == LF_TOKEN_NORMAL) worst = fmin(worst, t->score[id]), best = fmax(best, t->score[id]);
    /* A user piece's score is the best that a text of its length can have, less a little, as in SentencePiece, float times float. */
    for (uint32_t id = 0; id < t->n; id++)
        s->score[id] = t->kind[id] == LF_TOKEN_USER ? (float)(t->start[id + 1] - t->start[id]) * (float)best - 0.1 : t->score[id];
    s->unknown = t->float_sums ? (double)((float)worst - 10.0f) : worst - 10.0;
    return lf__sp_set(&s->pieces, t, 1u << LF_TOKEN_NORMAL | 1u << LF_TOKEN_USER, err);
}

static bool is_added(const lf_tokenizer *t, uint32_t id)
{
    for (size_t i = 0; i < t->n_added; i++)
        if (t->added[i].id == id) return true;
    return false;
}

/* {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ...]} */
static int write(const lf_tokenizer *t, lf_buf *out, lf_error *err)
{
    uint32_t n_pieces = t->n; /* added tokens behind the pieces are none: read back as pieces they would win every cut */
    while (n_pieces > 1 && (t->kind[n_pieces - 1] == LF_TOKEN_UNUSED || t->kind[n_pieces - 1] == LF_TOKEN_CONTROL) &&
           is_added(t, n_pieces - 1))
        n_pieces--;
    for (uint32_t id = 0; id < n_pieces; id++)
        if (lf__sp_only_model(t, id, err)) return -1;
    lf__buf_printf(out, "{\n    \"type\": \"Unigram\",\n    \"unk_id\": %d,\n    \"byte_fallback\": %s,\n    \"vocab\": [",
                   t->role[LF_ROLE_UNK], t->byte_fallback ? "true" : "false");
    for (uint32_t id = 0; id < n_pieces; id++) {
        size_t n;
        const char *text = lf__token_bytes(t, id, &n);
        lf__buf_puts(out, id ? ",\n      [" : "\n      [");
        lf__buf_json_string(out, text, n);
        lf__buf_printf(out, ", %.17g]", t->score[id]);
    }
    lf__buf_puts(out, "\n    ]\n  }");
    return 0;
}

const lf_token_model lf__model_unigram = {"unigram", seal, release, encode, done, write, true};
