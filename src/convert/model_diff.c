/* model_diff.c - two models side by side, whatever their formats: options of the configuration, then tensor by tensor in pieces. Holds one
 * piece of each. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "convert/convert.h"

typedef struct side {
    lf_config *config;
    lf_model *plan;
    lf_source source;
} side;

static int side_open(side *s, const char *path, lf_error *err)
{
    *s = (side){.config = lf__calloc(1, sizeof *s->config, err)};
    if (!s->config || lf__model_config_read(s->config, path, err)) return -1;
    s->plan = lf__model_alloc(NULL, &s->config->model, false, LF_F32, true, err);
    return s->plan ? lf__source_open(&s->source, s->plan, path, err) : -1;
}

static void side_close(side *s)
{
    if (s->source.model) lf__source_close(&s->source);
    lf_model_free(&s->plan);
    free(s->config);
}

static int find(const lf_model *m, const char *name)
{
    for (int i = 0; i < m->n_params; i++)
        if (strcmp(m->params[i].name, name) == 0) return i;
    return -1;
}

static const char *dtype_of(const side *s, int param) { return lf__dtype(s->source.tensors[param]->dtype)->name; }

/* Numbers of both in pieces; false in *err only. */
static int compare(lf_tensor_diff *d, const side *a, int i, const side *b, int j, lf_error *err)
{
    const lf_param *p = &a->plan->params[i], *q = &b->plan->params[j];
    int step = LF_MIN(lf__param_piece(a->plan, p), lf__param_piece(b->plan, q)), status = 0;
    if (a->plan->config.head_dim == b->plan->config.head_dim)
        step = LF_MIN(p->rows, LF_MAX(step / (int)a->plan->config.head_dim, 1) * (int)a->plan->config.head_dim); /* whole heads */
    size_t piece = (size_t)step * (size_t)p->cols;
    float *x = lf__calloc(2 * piece, sizeof *x, err), *y = x ? x + piece : NULL;
    double difference = 0, size = 0;
    if (!x) return -1;
    for (int row = 0; row < p->rows && !status; row += step) {
        int rows = LF_MIN(step, p->rows - row);
        status = lf__source_read(x, &a->source, i, row, rows, err) || lf__source_read(y, &b->source, j, row, rows, err) ? -1 : 0;
        size_t n = status ? 0 : (size_t)rows * (size_t)p->cols;
        for (size_t k = 0; k < n; k++) {
            double e = fabs((double)x[k] - (double)y[k]);
            size += (double)x[k] * (double)x[k];
            if (memcmp(&x[k], &y[k], sizeof *x) == 0) continue;
            d->different++;
            if (isnan(e)) e = (double)INFINITY;
            difference += e * e;
            if (e > d->max_abs) d->max_abs = e, d->at = (int64_t)row * p->cols + (int64_t)k;
        }
    }
    d->relative = difference > 0 ? sqrt(difference / size) : 0;
    free(x);
    return status;
}

static void compare_options(const lf_config *a, const lf_config *b, void (*option)(const char *, const char *, const char *, void *),
                            void *user, lf_diff_report *report)
{
    lf_option_info info;
    for (size_t row = 0; lf_config_option(row, &info); row++) {
        char x[LF_CONFIG_PATH_MAX], y[LF_CONFIG_PATH_MAX];
        if (strncmp(info.key, "model.", 6) != 0) continue;
        if (strcmp(lf_config_value(a, row, x, sizeof x), lf_config_value(b, row, y, sizeof y)) == 0) continue;
        report->options++;
        if (option) option(info.key, x, y, user);
    }
}

int lf_model_diff(const char *a, const char *b, void (*option)(const char *key, const char *a, const char *b, void *user),
                  void (*tensor)(const lf_tensor_diff *diff, void *user), void *user, lf_diff_report *report, lf_error *err)
{
    side x = {0}, y = {0};
    *report = (lf_diff_report){0};
    int status = side_open(&x, a, err) || side_open(&y, b, err) ? -1 : 0;
    if (!status) {
        x.config->model = x.plan->config, y.config->model = y.plan->config; /* with derived numbers filled in */
        compare_options(x.config, y.config, option, user, report);
    }
    for (int i = 0; !status && i < x.plan->n_params; i++) {
        const lf_param *p = &x.plan->params[i];
        int j = find(y.plan, p->name);
        lf_tensor_diff d = {.name = p->name, .dtype_a = dtype_of(&x, i), .shape_a = {p->rows, p->cols}};
        if (j >= 0) {
            const lf_param *q = &y.plan->params[j];
            d.dtype_b = dtype_of(&y, j), d.shape_b[0] = q->rows, d.shape_b[1] = q->cols;
            d.comparable = p->rows == q->rows && p->cols == q->cols;
            if (d.comparable) status = compare(&d, &x, i, &y, j, err);
        }
        if (status) break;
        report->tensors++, report->only_a += j < 0;
        report->different += j >= 0 && (!d.comparable || d.different);
        report->max_abs = fmax(report->max_abs, d.max_abs);
        if (tensor) tensor(&d, user);
    }
    for (int j = 0; !status && j < y.plan->n_params; j++) {
        const lf_param *q = &y.plan->params[j];
        if (find(x.plan, q->name) >= 0) continue;
        lf_tensor_diff d = {.name = q->name, .dtype_b = dtype_of(&y, j), .shape_b = {q->rows, q->cols}};
        report->tensors++, report->only_b++;
        if (tensor) tensor(&d, user);
    }
    report->equal = !status && !report->different && !report->only_a && !report->only_b && !report->options;
    side_close(&x), side_close(&y);
    return status;
}
