/* imatrix.c - mean squares of what enters each product: collected by looking through op_linear's door (lf_ctx.observe), kept in a GGUF
 * file.
 *
 *   the text in windows -> forward -> every product: sums[c] += x[row][c]^2    rows ascending, columns shared out to threads
 *
 * Parts of one merged weight (q, k and v; gate and up) have the same input: one sum, an entry for each. An lf_imatrix owns its numbers. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/eval.h"
#include "quant/quant.h"

#define SUMS   ".in_sum2"
#define COUNTS ".counts"

typedef struct entry {
    char name[96]; /* of the weight, in GGUF */
    int cols;
    double rows;  /* that were seen                             */
    float *sums;  /* [cols] of squares                          */
    float *means; /* [cols], what an error in each column costs */
} entry;

struct lf_imatrix {
    entry *entries; /* sorted by name */
    size_t n, cap;
    int64_t chunks, chunk_size;
};

void lf_imatrix_free(lf_imatrix **imatrix)
{
    lf_imatrix *im = *imatrix;
    if (!im) return;
    for (size_t i = 0; i < im->n; i++) free(im->entries[i].sums);
    free(im->entries);
    free(im);
    *imatrix = NULL;
}

lf_imatrix_info lf_imatrix_info_of(const lf_imatrix *im)
{
    return (lf_imatrix_info){
        .entries = (int)im->n, .rows = im->n ? (int64_t)im->entries[0].rows : 0, .chunks = im->chunks, .chunk_size = im->chunk_size};
}

/* A new entry with room for its numbers, not yet filled; NULL: no memory. */
static entry *add_entry(lf_imatrix *im, const char *name, size_t name_n, int cols, double rows, lf_error *err)
{
    if (lf__grow(&im->entries, &im->cap, im->n + 1, sizeof *im->entries, err)) return NULL;
    entry *e = &im->entries[im->n];
    *e = (entry){.cols = cols, .rows = rows, .sums = lf__calloc(2 * (size_t)cols, sizeof *e->sums, err)};
    if (!e->sums) return NULL;
    e->means = e->sums + cols;
    snprintf(e->name, sizeof e->name, "%.*s", (int)name_n, name);
    im->n++;
    return e;
}

static void fill_means(entry *e)
{
    for (int c = 0; c < e->cols; c++) e->means[c] = (float)((double)e->sums[c] / e->rows);
}

static int by_name(const void *a, const void *b) { return strcmp(((const entry *)a)->name, ((const entry *)b)->name); }

const float *lf__imatrix_find(const lf_imatrix *im, const char *name, int cols, int *status, lf_error *err)
{
    entry key;
    snprintf(key.name, sizeof key.name, "%s", name);
    const entry *e = im->n ? bsearch(&key, im->entries, im->n, sizeof key, by_name) : NULL;
    *status = 0;
    if (!e) return NULL;
    if (e->cols == cols) return e->means;
    *status = lf_error_set(err, LF_E_MISMATCH, "importance of \"%s\" is for rows of %d numbers, here they have %d: it is another model's",
                           name, e->cols, cols);
    return NULL;
}

/* ---- collecting ------------------------------------------------------------------------------------------------------------------ */
typedef struct collector {
    lf_model *model;
    double **sums; /* [n_all], each [cols], or NULL: enters no product */
    int64_t *rows; /* [n_all] */
} collector;

typedef struct squares {
    double *sums;
    const float *x;
    int rows, cols;
} squares;

static void add_squares(void *arg, int tid, int n_threads)
{
    const squares *s = arg;
    int64_t lo, hi;
    lf__split(s->cols, 16, tid, n_threads, &lo, &hi);
    for (int r = 0; r < s->rows; r++) {
        const float *x = s->x + (size_t)r * (size_t)s->cols;
        for (int64_t c = lo; c < hi; c++) s->sums[c] += (double)x[c] * (double)x[c];
    }
}

static void observe(void *user, const lf_weight *weight, const lf_tensor *x)
{
    collector *c = user;
    int i = 0;
    while (c->model->all[i] != weight) i++;
    squares s = {c->sums[i], x->data, x->rows, x->cols};
    lf__pool_run(c->model->device->pool, add_squares, &s);
    c->rows[i] += x->rows;
}

static int collector_init(collector *c, lf_model *m, lf_error *err)
{
    *c = (collector){
        .model = m, .sums = lf__calloc((size_t)m->n_all, sizeof *c->sums, err), .rows = lf__calloc((size_t)m->n_all, sizeof *c->rows, err)};
    if (!c->sums || !c->rows) return -1;
    for (int i = 0; i < m->n_all; i++)
        if (m->all[i]->forward.data && !(c->sums[i] = lf__calloc((size_t)m->all[i]->t.cols, sizeof **c->sums, err))) return -1;
    return 0;
}

static void collector_release(collector *c)
{
    for (int i = 0; c->sums && i < c->model->n_all; i++) free(c->sums[i]);
    free(c->sums);
    free(c->rows);
}

/* Rows of a tied head are looked up, too, and what is looked up is an input of everything: an error costs the same in every column. */
static void level(entry *e)
{
    double sum = 0;
    for (int c = 0; c < e->cols; c++) sum += (double)e->sums[c];
    for (int c = 0; c < e->cols; c++) e->sums[c] = (float)(sum / e->cols);
}

/* An entry for each part of each weight that was seen. */
static lf_imatrix *to_entries(const collector *c, const lf_windows *w, lf_error *err)
{
    const lf_model *m = c->model;
    lf_imatrix *im = lf__calloc(1, sizeof *im, err);
    if (!im) return NULL;
    im->chunks = w->n, im->chunk_size = w->context;
    for (int p = 0; p < m->n_params; p++) {
        int i = 0;
        char name[96];
        while (m->all[i] != m->params[p].weight) i++;
        if (!c->sums[i] || !c->rows[i]) continue;
        lf__param_name(name, &m->params[p], LF_WEIGHTS_GGUF);
        entry *e = add_entry(im, name, strlen(name), m->params[p].cols, (double)c->rows[i], err);
        if (!e) {
            lf_imatrix_free(&im);
            return NULL;
        }
        for (int k = 0; k < e->cols; k++) e->sums[k] = (float)c->sums[i][k];
        if (m->all[i] == &m->embed) level(e);
        fill_means(e);
    }
    qsort(im->entries, im->n, sizeof *im->entries, by_name);
    return im;
}

static int all_finite(const lf_imatrix *im, lf_error *err)
{
    for (size_t i = 0; i < im->n; i++)
        for (int c = 0; c < im->entries[i].cols; c++)
            if (!isfinite(im->entries[i].means[c]))
                return lf_error_set(err, LF_E_NUMERIC, "what enters \"%s\" is not finite: the model's weights are damaged",
                                    im->entries[i].name);
    return 0;
}

lf_imatrix *lf_imatrix_collect(lf_model *model, const lf_eval_text *text, const lf_imatrix_options *options, lf_error *err)
{
    static const lf_imatrix_options none = {0};
    const lf_imatrix_options *o = options ? options : &none;
    lf_windows w;
    lf_model_ctx ctx = {0};
    collector c = {.model = model};
    lf_batch batch;
    lf_imatrix *im = NULL;
    lf_eval_options windows = {.context = o->context, .progress = o->progress, .progress_user = o->progress_user};
    if (lf__windows_init(&w, text, &windows, &model, 1, err)) return NULL;
    w.most = o->chunks;
    batch = lf__windows_shape(&w);
    int status = collector_init(&c, model, err) || lf__model_ctx_init(&ctx, model, &batch, false, err) ||
                         lf__model_declare(&ctx, model, w.context, err)
                     ? -1
                     : 0;
    ctx.ctx.observe = observe, ctx.ctx.observer = &c;
    while (!status && lf__windows_next(&w, &batch)) {
        lf__ctx_begin(&ctx.ctx, &batch);
        lf_tensor *x = model->arch->forward(&ctx.ctx, model);
        if (lf__failed(&ctx.ctx))
            status = lf__error_pass(err, &ctx.ctx.error);
        else
            observe(&c, lf__model_head(model), x); /* the product that makes logits, which nobody needs */
        if (!status) status = lf__windows_tell(&w, "collect", err);
    }
    if (!status && (im = to_entries(&c, &w, err)) && all_finite(im, err)) lf_imatrix_free(&im);
    lf__model_ctx_release(&ctx);
    lf__windows_release(&w);
    collector_release(&c);
    return im;
}

/* ---- files --------------------------------------------------------------------------------------------------------------------------- */
int lf_imatrix_save(const lf_imatrix *im, const char *path, const char *dataset, lf_error *err)
{
    lf_gguf_meta meta;
    lf_file_tensor *decls = lf__calloc(2 * im->n + 1, sizeof *decls, err);
    char(*names)[112] = lf__calloc(2 * im->n + 1, sizeof *names, err);
    if (!decls || !names) return free(decls), free(names), -1;
    for (size_t i = 0; i < im->n; i++) {
        snprintf(names[2 * i], sizeof *names, "%s" SUMS, im->entries[i].name);
        snprintf(names[2 * i + 1], sizeof *names, "%s" COUNTS, im->entries[i].name);
        decls[2 * i] = (lf_file_tensor){.name = names[2 * i], .dtype = LF_F32, .n_dims = 2, .shape = {1, im->entries[i].cols}};
        decls[2 * i + 1] = (lf_file_tensor){.name = names[2 * i + 1], .dtype = LF_F32, .n_dims = 2, .shape = {1, 1}};
    }
    lf__gguf_meta_init(&meta);
    lf__gguf_put_text(&meta, "general.type", "imatrix", 7);
    lf__gguf_put_texts(&meta, "imatrix.datasets", 1);
    lf__gguf_put_item(&meta, dataset, strlen(dataset));
    lf__gguf_put_u32(&meta, "imatrix.chunk_count", (uint32_t)LF_MIN(im->chunks, UINT32_MAX));
    lf__gguf_put_u32(&meta, "imatrix.chunk_size", (uint32_t)im->chunk_size);
    lf_weights_out *out = lf__weights_create(path, LF_WEIGHTS_GGUF, &meta, decls, 2 * im->n, NULL, err);
    for (size_t i = 0; i < im->n && out; i++) { /* failures are sticky */
        float rows = (float)im->entries[i].rows;
        lf__weights_put(out, im->entries[i].sums, (size_t)im->entries[i].cols, NULL);
        lf__weights_put(out, &rows, 1, NULL);
    }
    int status = out ? lf__weights_commit(&out, err) : -1;
    lf__gguf_meta_release(&meta);
    free(decls), free(names);
    return status;
}

/* "blk.0.attn_q.weight" of "blk.0.attn_q.weight.in_sum2"; 0: it ends otherwise. */
static size_t stem(const char *name, const char *suffix)
{
    size_t n = strlen(name), s = strlen(suffix);
    return n > s && strcmp(name + n - s, suffix) == 0 ? n - s : 0;
}

static int bad(const lf_file_tensor *t, const char *what, lf_error *err)
{
    return lf_error_set(err, LF_E_FORMAT, "%s: tensor \"%.128s\": %s", t->file->path, t->name, what);
}

static int read_entry(lf_imatrix *im, const lf_gguf *g, const lf_file_tensor *t, size_t n, lf_error *err)
{
    enum { COLS_MAX = 1 << 24 };
    char name[160];
    float rows;
    snprintf(name, sizeof name, "%.*s" COUNTS, (int)n, t->name);
    const lf_file_tensor *counts = lf__tensors_find(g->tensors, g->n, name);
    size_t cols = 0, matrices = 0;
    if (n >= sizeof im->entries->name) return bad(t, "a name too long for any weight", err);
    if (!counts) return bad(t, "there are sums, but no counts", err);
    lf__shape_count(&cols, t->shape, t->n_dims), lf__shape_count(&matrices, counts->shape, counts->n_dims);
    if (t->dtype != LF_F32 || counts->dtype != LF_F32) return bad(t, "sums and counts must be F32", err);
    if (matrices > 1)
        return lf_error_set(err, LF_E_UNSUPPORTED, "%s: tensor \"%.128s\": %zu matrices (experts) in one weight, which cannot be run here",
                            g->file->path, t->name, matrices);
    if (matrices != 1 || cols < 1 || cols > COLS_MAX || (t->n_dims > 0 && t->shape[t->n_dims - 1] != (int64_t)cols))
        return bad(t, "expected one row of sums and one count", err);
    if (lf__file_tensor_read(&rows, counts, 0, 1, err)) return -1;
    if (!(rows == 0 || (rows >= 1 && rows <= 1e15f))) return bad(counts, "not a number of rows", err);
    if (rows == 0) return 0; /* nothing was seen */
    entry *e = add_entry(im, t->name, n, (int)cols, (double)rows, err);
    if (!e || lf__file_tensor_read(e->sums, t, 0, cols, err)) return -1;
    for (size_t c = 0; c < cols; c++)
        if (!(e->sums[c] >= 0 && isfinite(e->sums[c]))) return bad(t, "not sums of squares: negative, or not finite", err);
    fill_means(e);
    return 0;
}

static int read_file(lf_imatrix *im, const lf_gguf *g, lf_error *err)
{
    const char *type = NULL;
    size_t n = 0;
    if (lf__gguf_get_text(g, "general.type", &type, &n, err) ||
        lf__gguf_get_int(g, "imatrix.chunk_count", 0, UINT32_MAX, &im->chunks, err) ||
        lf__gguf_get_int(g, "imatrix.chunk_size", 0, UINT32_MAX, &im->chunk_size, err))
        return -1;
    if (!type || n != 7 || memcmp(type, "imatrix", 7) != 0) {
        lf_error_set(err, LF_E_FORMAT, "%s: key \"general.type\" is not \"imatrix\": it holds something else", g->file->path);
        return lf_error_hint(err, "foundry imatrix MODEL --data TEXT -o FILE makes one");
    }
    for (size_t i = 0; i < g->n; i++) {
        const lf_file_tensor *t = &g->tensors[i];
        size_t sums = stem(t->name, SUMS), counts = stem(t->name, COUNTS);
        char name[160];
        if (sums && read_entry(im, g, t, sums, err)) return -1;
        snprintf(name, sizeof name, "%.*s" SUMS, (int)LF_MIN(counts, (size_t)128), t->name);
        if (counts && !lf__tensors_find(g->tensors, g->n, name)) return bad(t, "there are counts, but no sums", err);
    }
    if (im->n) return 0;
    return lf_error_set(err, LF_E_FORMAT, "%s: it knows nothing about any weight", g->file->path);
}

lf_imatrix *lf_imatrix_load(const char *path, lf_error *err)
{
    lf_gguf g;
    lf_error local = {0};
    lf_imatrix *im = lf__calloc(1, sizeof *im, err);
    if (!im) return NULL;
    int status = lf__gguf_open(&g, path, &local);
    if (status && local.code == LF_E_FORMAT) {
        local.hint[0] = '\0'; /* that of any GGUF file */
        lf_error_hint(&local,
                      "foundry imatrix MODEL --data TEXT -o FILE makes one; llama-imatrix --in-file OLD -o NEW.gguf converts a .dat");
    }
    if (!status) {
        status = read_file(im, &g, &local); /* sorted as the tensors are: "NAME.in_sum2" in the order of NAME... */
        lf__gguf_close(&g);
    }
    if (im->n) qsort(im->entries, im->n, sizeof *im->entries, by_name); /* ... but for names that end where another goes on */
    if (status) lf_imatrix_free(&im), lf__error_pass(err, &local);
    return im;
}
