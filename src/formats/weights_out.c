/* weights_out.c - weights on their way out, into either format: floats come in, the declared dtype is written, a bounded piece at a time.
 * With a pool, its threads convert whole rows side by side, which changes no bit. One caller at a time; the object owns its piece. */
#include "formats/formats.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 4 << 20 }; /* bytes converted at once, at most */

struct lf_weights_out {
    char *path;
    lf_writer *w;
    lf_weights_kind kind;
    lf_file_tensor *decls;
    size_t n, turn; /* decls[turn] is being written        */
    size_t written; /* elements of it                      */
    uint8_t *piece;
    lf_pool *pool; /* borrowed, may be NULL               */
    double *sums;  /* where errors are added, or NULL     */
    lf_error err;  /* the first failure                   */
};

lf_weights_out *lf__weights_create(const char *path, lf_weights_kind kind, const lf_gguf_meta *meta, const lf_file_tensor *decls, size_t n,
                                   lf_pool *pool, lf_error *err)
{
    lf_weights_out *o = lf__calloc(1, sizeof *o, err);
    if (!o) return NULL;
    *o = (lf_weights_out){.kind = kind, .n = n, .pool = pool};
    if (!(o->path = lf__strdup(path, err)) || !(o->piece = lf__calloc(PIECE, 1, err)) || !(o->decls = lf__calloc(n, sizeof *decls, err))) {
        lf__weights_discard(&o);
        return NULL;
    }
    if (n) memcpy(o->decls, decls, n * sizeof *decls);
    o->w = kind == LF_WEIGHTS_GGUF ? lf__gguf_begin(path, meta, decls, n, err) : lf__safetensors_begin(path, decls, n, err);
    if (!o->w) lf__weights_discard(&o);
    return o;
}

static size_t bytes_of(const lf_dtype_traits *type, size_t n) { return n / (size_t)type->block * (size_t)type->bytes; }

static size_t count_of(const lf_file_tensor *t)
{
    size_t n = 0;
    return lf__shape_count(&n, t->shape, t->n_dims) ? n : 0;
}

/* Elements written: when they are all there, the next tensor has its turn. Empty tensors have none. */
static void advance(lf_weights_out *o, size_t n)
{
    o->written += n;
    while (o->turn < o->n && o->written == count_of(&o->decls[o->turn])) {
        if (o->kind == LF_WEIGHTS_GGUF) lf__gguf_pad(o->w, bytes_of(lf__dtype(o->decls[o->turn].dtype), o->written));
        o->turn++, o->written = 0;
    }
}

typedef struct conversion {
    const lf_dtype_traits *type;
    uint8_t *out;
    const float *in;
    size_t n, row;           /* elements, shared out in rows of so many */
    const float *importance; /* [row] or NULL                           */
} conversion;

static void convert_rows(void *arg, int tid, int n_threads)
{
    const conversion *c = arg;
    int64_t lo, hi;
    lf__split((int64_t)c->n, (int64_t)c->row, tid, n_threads, &lo, &hi);
    size_t step = c->importance ? c->row : (size_t)(hi - lo);
    for (size_t i = (size_t)lo; i < (size_t)hi; i += step)
        c->type->from_float(c->out + bytes_of(c->type, i), c->in + i, step, c->importance);
}

enum { UNIT = 1024, UNITS = PIECE / 4 / UNIT }; /* elements that are summed at once: whole blocks of any type */

typedef struct measurement {
    const conversion *c;
    double (*sums)[2]; /* [units] of squares: of what was lost, of the values */
} measurement;

static void measure_units(void *arg, int tid, int n_threads)
{
    const measurement *m = arg;
    const conversion *c = m->c;
    int64_t lo, hi;
    float back[UNIT];
    lf__split((int64_t)((c->n + UNIT - 1) / UNIT), 1, tid, n_threads, &lo, &hi);
    for (size_t u = (size_t)lo; u < (size_t)hi; u++) {
        size_t first = u * UNIT, n = LF_MIN((size_t)UNIT, c->n - first);
        double lost = 0, all = 0;
        c->type->to_float(back, c->out + bytes_of(c->type, first), n);
        for (size_t i = 0; i < n; i++) {
            double x = (double)c->in[first + i], e = (double)back[i] - x;
            lost += e * e, all += x * x;
        }
        m->sums[u][0] = lost, m->sums[u][1] = all;
    }
}

static void run(const lf_weights_out *o, lf_pool_fn fn, void *arg)
{
    if (o->pool)
        lf__pool_run(o->pool, fn, arg);
    else
        fn(arg, 0, 1);
}

/* What the conversion just made has lost: units are summed in order, whoever did them. */
static void measure(lf_weights_out *o, const conversion *c)
{
    double sums[UNITS][2];
    run(o, measure_units, &(measurement){c, sums});
    for (size_t u = 0; u < (c->n + UNIT - 1) / UNIT; u++) o->sums[0] += sums[u][0], o->sums[1] += sums[u][1];
}

void lf__weights_measure(lf_weights_out *o, double *sums) { o->sums = sums; }

static int convert(lf_weights_out *o, const lf_file_tensor *t, const float *values, size_t n, const float *importance)
{
    conversion c = {.type = lf__dtype(t->dtype), .out = o->piece, .in = values, .row = 1024, .importance = importance};
    if (importance) c.row = t->n_dims ? (size_t)t->shape[t->n_dims - 1] : 1; /* else any number of whole blocks is a row */
    size_t step = PIECE / 4 / c.row * c.row;                                 /* no type takes more than 4 bytes an element */
    if (!step || (importance && n % c.row))
        return lf_error_set(&o->err, step ? LF_E_ARGUMENT : LF_E_LIMIT,
                            "%s: tensor \"%.128s\": with importance, whole rows of %zu elements are "
                            "written, at most %d in a row",
                            o->path, t->name, c.row, PIECE / 4);
    for (size_t left = n; left; left -= c.n) {
        c.n = LF_MIN(step, left);
        run(o, convert_rows, &c);
        if (o->sums) measure(o, &c);
        if (lf__writer_add(o->w, o->piece, bytes_of(c.type, c.n))) return -1;
        c.in += c.n;
    }
    return 0;
}

/* The tensor whose turn it is, when n more of its elements are due; else NULL. */
static const lf_file_tensor *expect(lf_weights_out *o, size_t n)
{
    advance(o, 0);
    if (o->err.code) return NULL;
    if (o->turn == o->n) {
        lf_error_set(&o->err, LF_E_ARGUMENT, "%s: %zu elements after the last tensor", o->path, n);
        return NULL;
    }
    const lf_file_tensor *t = &o->decls[o->turn];
    if (n <= count_of(t) - o->written && n % (size_t)lf__dtype(t->dtype)->block == 0) return t;
    lf_error_set(&o->err, LF_E_ARGUMENT, "%s: tensor \"%.128s\": %zu elements on top of %zu of %zu", o->path, t->name, n, o->written,
                 count_of(t));
    return NULL;
}

int lf__weights_put(lf_weights_out *o, const float *values, size_t n, const float *importance)
{
    const lf_file_tensor *t = expect(o, n);
    if (!t) return -1;
    if (!lf__dtype(t->dtype)->from_float)
        return lf_error_set(&o->err, LF_E_UNSUPPORTED, "%s: tensor \"%.128s\": %s can be read but not written", o->path, t->name,
                            lf__dtype(t->dtype)->name);
    if (convert(o, t, values, n, importance)) return -1;
    advance(o, n);
    return 0;
}

int lf__weights_put_bytes(lf_weights_out *o, const void *bytes, size_t n)
{
    advance(o, 0);
    const lf_file_tensor *t = expect(o, 0);
    if (!t) return -1;
    size_t row = t->n_dims ? (size_t)t->shape[t->n_dims - 1] : 1, row_bytes = bytes_of(lf__dtype(t->dtype), row);
    if (!row || n % row_bytes || !expect(o, n / row_bytes * row))
        return lf_error_set(&o->err, LF_E_ARGUMENT, "%s: tensor \"%.128s\": %zu bytes, expected whole rows of %zu", o->path, t->name, n,
                            row_bytes);
    if (lf__writer_add(o->w, bytes, n)) return -1;
    advance(o, n / row_bytes * row);
    return 0;
}

static void release(lf_weights_out **o)
{
    free((*o)->path);
    free((*o)->decls);
    free((*o)->piece);
    free(*o);
    *o = NULL;
}

int lf__weights_commit(lf_weights_out **o, lf_error *err)
{
    lf_weights_out *out = *o;
    advance(out, 0);
    if (!out->err.code && out->turn < out->n)
        lf_error_set(&out->err, LF_E_ARGUMENT, "%s: tensor \"%.128s\": %zu of its %zu elements were written", out->path,
                     out->decls[out->turn].name, out->written, count_of(&out->decls[out->turn]));
    int status = out->err.code ? lf__error_pass(err, &out->err) : lf__writer_commit(&out->w, err);
    if (out->w) lf__writer_discard(&out->w);
    release(o);
    return status;
}

void lf__weights_discard(lf_weights_out **o)
{
    if (!*o) return;
    if ((*o)->w) lf__writer_discard(&(*o)->w);
    release(o);
}
