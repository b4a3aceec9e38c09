/* test_rows.c - the operations that work row by row or element by element, against their definitions in double. */
#include "kernel_test.h"

typedef struct rows_shape {
    int n, c;
    int beta;
    float a; /* size of the inputs */
} rows_shape;

static const rows_shape shapes[] = {{1, 1, 0, 1.0f},    {3, 16, 1, 1.0f},    {5, 77, 0, 3.0f},
                                    {130, 48, 1, 1.0f}, {7, 300, 0, 1e-30f}, {64, 1037, 1, 8.0f}};

static void check_all(const char *name, void (*run)(lf_device *, const void *, float *, float *),
                      void (*oracle)(const void *, float *, double *), size_t work_per, size_t out_per, double tolerance)
{
    for (size_t i = 0; i < LF_COUNT(shapes); i++) {
        size_t cells = (size_t)(shapes[i].n + 4) * (shapes[i].c + 4);
        kernel_case c = {name, run, oracle, &shapes[i], work_per * cells, out_per * cells, tolerance, 1.0};
        check(&c);
    }
}

/* ---- rmsnorm: out = y, rstd, dx, dw ---- */
static void norm_inputs(const rows_shape *s, float *work, float **x, float **w, float **dy, float **start)
{
    size_t cells = (size_t)s->n * s->c;
    *x = fill(work, cells, 1, s->a), *w = fill(*x + cells, s->c, 2, 1.0f), *dy = fill(*w + s->c, cells, 3, 1.0f);
    *start = fill(*dy + cells, cells + s->c, 4, 1.0f);
}
static void norm_run(lf_device *dev, const void *params, float *work, float *out)
{
    const rows_shape *s = params;
    size_t cells = (size_t)s->n * s->c;
    float *x, *w, *dy, *start, *rstd = out + cells, *dx = rstd + s->n;
    norm_inputs(s, work, &x, &w, &dy, &start);
    memcpy(dx, start, (cells + s->c) * sizeof *dx);
    dev->ops->rmsnorm_forward(dev, out, NULL, rstd, x, w, s->n, s->c, 1e-5f);
    dev->ops->rmsnorm_backward(dev, dx, dx + cells, dy, x, w, rstd, s->n, s->c, s->beta, s->beta);
}
static void norm_oracle(const void *params, float *work, double *out)
{
    const rows_shape *s = params;
    size_t cells = (size_t)s->n * s->c;
    float *x, *w, *dy, *start;
    double *rstd = out + cells, *dx = rstd + s->n, *dw = dx + cells;
    norm_inputs(s, work, &x, &w, &dy, &start);
    for (size_t j = 0; j < cells + s->c && s->beta; j++) dx[j] = start[j];
    for (int i = 0; i < s->n; i++) {
        const float *xi = x + (size_t)i * s->c, *di = dy + (size_t)i * s->c;
        double sum = 0.0, mean = 0.0;
        for (int j = 0; j < s->c; j++) sum += (double)xi[j] * xi[j];
        double r = rstd[i] = 1.0 / sqrt(sum / s->c + (double)1e-5f);
        for (int j = 0; j < s->c; j++) mean += (double)di[j] * w[j] * xi[j] * r / s->c;
        for (int j = 0; j < s->c; j++) {
            out[(size_t)i * s->c + j] = xi[j] * r * w[j];
            dx[(size_t)i * s->c + j] += r * ((double)di[j] * w[j] - xi[j] * r * mean);
            dw[j] += di[j] * (xi[j] * r);
        }
    }
}

/* ---- rope: out = rotated, rotated back ---- */
typedef struct rope_shape {
    int n, heads, dim, rotary;
} rope_shape;
static const int32_t rope_positions[6] = {3, 0, 9, 9, 1, 2};
static void rope_table(const rope_shape *s, float *table)
{
    for (int p = 0; p < 10; p++)
        for (int i = 0; i < s->rotary / 2; i++) {
            double angle = p * pow(10000.0, -2.0 * i / s->rotary);
            table[(p * (s->rotary / 2) + i) * 2] = (float)cos(angle), table[(p * (s->rotary / 2) + i) * 2 + 1] = (float)sin(angle);
        }
}
static void rope_run(lf_device *dev, const void *params, float *work, float *out)
{
    const rope_shape *s = params;
    size_t ld = (size_t)s->heads * s->dim + 3, n = s->n * ld; /* three columns behind each row stay as they are */
    rope_table(s, work);
    fill(out, n, 1, 2.0f);
    lf_rotation r = {.x = out,
                     .ldx = (ptrdiff_t)ld,
                     .positions = rope_positions,
                     .table = work,
                     .n = s->n,
                     .n_heads = s->heads,
                     .head_dim = s->dim,
                     .rotary = s->rotary};
    dev->ops->rope(dev, &r);
    memcpy(out + n, out, n * sizeof *out);
    r.x = out + n, r.inverse = true;
    dev->ops->rope(dev, &r);
}
static void rope_oracle(const void *params, float *work, double *out)
{
    const rope_shape *s = params;
    size_t ld = (size_t)s->heads * s->dim + 3, n = s->n * ld;
    float *x = fill(work + 10 * s->dim, n, 1, 2.0f);
    rope_table(s, work);
    for (size_t i = 0; i < n; i++) out[i] = out[n + i] = x[i];
    for (int i = 0; i < s->n; i++)
        for (int h = 0; h < s->heads; h++)
            for (int j = 0; j < s->rotary / 2; j++) {
                size_t at = i * ld + h * s->dim + j, half = s->rotary / 2;
                const float *t = work + (rope_positions[i] * half + j) * 2;
                out[at] = (double)x[at] * t[0] - (double)x[at + half] * t[1];
                out[at + half] = (double)x[at + half] * t[0] + (double)x[at] * t[1];
            }
}

/* ---- head norms: out = x normalized in place, raw, rstd, gradient in place, dw_q, dw_k ---- */
typedef struct heads_shape {
    int n, q, k, d, beta;
} heads_shape;
static size_t heads_ld(const heads_shape *s) { return (size_t)(s->q + s->k) * s->d + 3; } /* three columns behind stay */
static void heads_run(lf_device *dev, const void *params, float *work, float *out)
{
    const heads_shape *s = params;
    size_t ld = heads_ld(s), cells = (size_t)s->n * (s->q + s->k) * s->d;
    float *w = fill(work, 2 * (size_t)s->d, 1, 1.0f), *raw = fill(out, s->n * ld, 2, 2.0f) + s->n * ld, *rstd = raw + cells;
    float *dx = fill(rstd + s->n * (s->q + s->k), s->n * ld, 3, 1.0f), *dw = fill(dx + s->n * ld, 2 * (size_t)s->d, 4, 1.0f);
    lf_head_norm a = {
        .x = out, .ldx = (ptrdiff_t)ld, .raw = raw, .rstd = rstd, .w_q = w, .w_k = w + s->d, .n = s->n, .n_q = s->q, .n_k = s->k};
    a.d = s->d, a.eps = 1e-3f;
    dev->ops->head_norm_forward(dev, &a);
    a.x = dx, a.dw_q = dw, a.dw_k = dw + s->d, a.beta_q = a.beta_k = s->beta;
    dev->ops->head_norm_backward(dev, &a);
}
static void heads_oracle(const void *params, float *work, double *out)
{
    const heads_shape *s = params;
    size_t ld = heads_ld(s), heads = s->q + s->k, cells = s->n * heads * s->d;
    float *w = fill(work, 2 * (size_t)s->d, 1, 1.0f), *x = fill(w + 2 * s->d, s->n * ld, 2, 2.0f),
          *dy = fill(x + s->n * ld, s->n * ld, 3, 1.0f);
    float *start = fill(dy + s->n * ld, 2 * (size_t)s->d, 4, 1.0f);
    double *raw = out + s->n * ld, *rstd = raw + cells, *dx = rstd + s->n * heads, *dw = dx + s->n * ld;
    for (int j = 0; j < 2 * s->d && s->beta; j++) dw[j] = start[j];
    for (size_t i = 0; i < s->n * ld; i++) out[i] = x[i], dx[i] = dy[i];
    for (size_t r = 0; r < s->n * heads; r++) {
        size_t at = r / heads * ld + r % heads * s->d, which = r % heads < (size_t)s->q ? 0 : s->d;
        double sum = 0.0, mean = 0.0;
        for (int j = 0; j < s->d; j++) sum += (double)x[at + j] * x[at + j];
        double v = rstd[r] = 1.0 / sqrt(sum / s->d + (double)1e-3f);
        for (int j = 0; j < s->d; j++) mean += (double)dy[at + j] * w[which + j] * x[at + j] * v / s->d;
        for (int j = 0; j < s->d; j++) {
            raw[r * s->d + j] = x[at + j];
            out[at + j] = x[at + j] * v * w[which + j];
            dx[at + j] = v * ((double)dy[at + j] * w[which + j] - x[at + j] * v * mean);
            dw[which + j] += dy[at + j] * (x[at + j] * v);
        }
    }
}

/* ---- swiglu: out = h, dgu, h again ---- */
static void swiglu_run(lf_device *dev, const void *params, float *work, float *out)
{
    const rows_shape *s = params;
    size_t cells = (size_t)s->n * s->c;
    float *gu = fill(work, 2 * cells, 1, 10.0f * s->a), *dh = fill(gu + 2 * cells, cells, 2, 1.0f);
    if (cells > 40) gu[0] = 200.0f, gu[1] = -200.0f, gu[2] = INFINITY, gu[3] = NAN, gu[4] = -0.0f, gu[5] = 1e-40f;
    dev->ops->glu_forward(dev, out, gu, s->n, s->c, LF_ACT_SILU);
    dev->ops->glu_backward(dev, out + cells, out + 3 * cells, dh, gu, s->n, s->c, LF_ACT_SILU);
}
static void swiglu_oracle(const void *params, float *work, double *out)
{
    const rows_shape *s = params;
    size_t cells = (size_t)s->n * s->c;
    float *gu = fill(work, 2 * cells, 1, 10.0f * s->a), *dh = fill(gu + 2 * cells, cells, 2, 1.0f);
    if (cells > 40) gu[0] = 200.0f, gu[1] = -200.0f, gu[2] = INFINITY, gu[3] = NAN, gu[4] = -0.0f, gu[5] = 1e-40f;
    for (int i = 0; i < s->n; i++)
        for (int j = 0; j < s->c; j++) {
            size_t at = (size_t)i * s->c + j, g_at = (size_t)i * 2 * s->c + j;
            double g = gu[g_at], u = gu[g_at + s->c], d = dh[at], sig = 1.0 / (1.0 + exp(-g));
            out[at] = out[3 * cells + at] = g * sig * u;
            out[cells + g_at] = d * u * sig * (1.0 + g * (1.0 - sig));
            out[cells + g_at + s->c] = d * g * sig;
        }
}

/* ---- cross-entropy: out = nll, nll again, gradient in place (three columns of padding) ---- */
static void ce_inputs(const rows_shape *s, float *x, int32_t *target)
{
    fill(x, (size_t)s->n * (s->c + 3), 1, 20.0f * s->a);
    for (int i = 0; i < s->n; i++) target[i] = i * 37 % s->c;
    if (s->n > 4 && !s->beta) x[s->c + 3] = -INFINITY, x[2 * (s->c + 3) + 1] = NAN, x[3 * (s->c + 3)] = 3e38f;
}
/* Shapes with beta stand for the loss with everything on. */
static lf_loss ce_loss(const rows_shape *s)
{
    return (lf_loss){.scale = 0.25f, .z = s->beta ? 0.125f : 0.0f, .label_smoothing = s->beta ? 0.25f : 0.0f};
}
static void ce_run(lf_device *dev, const void *params, float *work, float *out)
{
    const rows_shape *s = params;
    int32_t target[256];
    float *x = out + 2 * s->n;
    LF_UNUSED(work);
    ce_inputs(s, x, target);
    lf_loss loss = ce_loss(s);
    dev->ops->cross_entropy(dev, x, s->c + 3, NULL, out, target, s->n, s->c, &loss);
    loss.grad = true;
    dev->ops->cross_entropy(dev, x, s->c + 3, NULL, out + s->n, target, s->n, s->c, &loss);
}
static void ce_oracle(const void *params, float *work, double *out)
{
    const rows_shape *s = params;
    int32_t target[256];
    ce_inputs(s, work, target);
    for (int i = 0; i < s->n; i++) {
        const float *x = work + (size_t)i * (s->c + 3);
        lf_loss loss = ce_loss(s);
        double max = -INFINITY, sum = 0.0, all = 0.0, smooth = loss.label_smoothing, *g = out + 2 * s->n + (size_t)i * (s->c + 3);
        for (int j = 0; j < s->c; j++) max = fmax(max, x[j]);
        for (int j = 0; j < s->c; j++) sum += exp(x[j] - max), all += x[j];
        double lse = max + log(sum);
        out[i] = lse - x[target[i]];
        if (s->beta) out[i] = (1 - smooth) * out[i] + smooth * (lse - all / s->c) + loss.z * lse * lse;
        out[s->n + i] = out[i];
        for (int j = 0; j < s->c + 3; j++)
            g[j] =
                j < s->c ? (exp(x[j] - max) / sum * (1 + 2 * loss.z * lse) - (1 - smooth) * (j == target[i]) - smooth / s->c) * 0.25 : x[j];
    }
}

/* ---- layernorm: out = y, mean, rstd, dx, dw, db ---- */
static void layernorm_run(lf_device *dev, const void *params, float *work, float *out)
{
    const rows_shape *s = params;
    size_t cells = (size_t)s->n * s->c;
    float *x, *w, *dy, *start, *stat = out + cells, *dx = stat + 2 * s->n;
    norm_inputs(s, work, &x, &w, &dy, &start);
    memcpy(dx, start, (cells + s->c) * sizeof *dx), memcpy(dx + cells + s->c, w, s->c * sizeof *dx);
    dev->ops->layernorm_forward(dev, out, NULL, stat, x, w, start, s->n, s->c, 1e-5f);
    dev->ops->layernorm_backward(dev, dx, dx + cells, dx + cells + s->c, dy, x, w, stat, s->n, s->c, s->beta, s->beta);
}
static void layernorm_oracle(const void *params, float *work, double *out)
{
    const rows_shape *s = params;
    size_t cells = (size_t)s->n * s->c;
    float *x, *w, *dy, *start;
    double *stat = out + cells, *dx = stat + 2 * s->n, *dw = dx + cells, *db = dw + s->c;
    norm_inputs(s, work, &x, &w, &dy, &start);
    for (size_t j = 0; j < cells + s->c && s->beta; j++) dx[j] = start[j];
    for (int j = 0; j < s->c && s->beta; j++) db[j] = w[j];
    for (int i = 0; i < s->n; i++) {
        const float *xi = x + (size_t)i * s->c, *di = dy + (size_t)i * s->c;
        double mean = 0.0, sum = 0.0, g = 0.0, h = 0.0;
        for (int j = 0; j < s->c; j++) mean += (double)xi[j] / s->c;
        for (int j = 0; j < s->c; j++) sum += (xi[j] - mean) * (xi[j] - mean);
        double r = 1.0 / sqrt(sum / s->c + (double)1e-5f);
        stat[i] = mean, stat[s->n + i] = r;
        for (int j = 0; j < s->c; j++) g += (double)di[j] * w[j] / s->c, h += (double)di[j] * w[j] * (xi[j] - mean) * r / s->c;
        for (int j = 0; j < s->c; j++) {
            double hat = (xi[j] - mean) * r;
            out[(size_t)i * s->c + j] = hat * w[j] + start[j];
            dx[(size_t)i * s->c + j] += r * ((double)di[j] * w[j] - g - hat * h);
            dw[j] += di[j] * hat;
            db[j] += di[j];
        }
    }
}

/* ---- activations: out = y, dx; then gated: h, dgate | dup ---- */
static double act_value(lf_act act, double x, double *slope)
{
    double s = 1.0 / (1.0 + exp(-x)), a = sqrt(2.0 / acos(-1.0)), t = tanh(a * (x + 0.044715 * x * x * x));
    switch (act) {
    case LF_ACT_SILU: *slope = s + x * s * (1.0 - s); return x * s;
    case LF_ACT_GELU: *slope = 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * a * (1.0 + 3 * 0.044715 * x * x); return 0.5 * x * (1.0 + t);
    case LF_ACT_RELU: *slope = x > 0; return fmax(x, 0.0);
    default: *slope = 2.0 * fmax(x, 0.0); return fmax(x, 0.0) * fmax(x, 0.0);
    }
}
static void acts_run(lf_device *dev, const void *params, float *work, float *out)
{
    const rows_shape *s = params;
    size_t cells = (size_t)s->n * s->c;
    for (int a = 0; a < LF_N_ACTS; a++, out += 5 * cells) {
        float *gu = fill(work, 2 * cells, 1, 4.0f * fminf(s->a, 1.0f)), *dh = fill(gu + 2 * cells, 2 * cells, 2, 1.0f);
        dev->ops->act_forward(dev, out, gu, cells, (lf_act)a);
        dev->ops->act_backward(dev, out + cells, dh, gu, cells, (lf_act)a);
        dev->ops->glu_forward(dev, out + 2 * cells, gu, s->n, s->c, (lf_act)a);
        dev->ops->glu_backward(dev, out + 3 * cells, NULL, dh, gu, s->n, s->c, (lf_act)a);
    }
}
static void acts_oracle(const void *params, float *work, double *out)
{
    const rows_shape *s = params;
    size_t cells = (size_t)s->n * s->c;
    float *gu = fill(work, 2 * cells, 1, 4.0f * fminf(s->a, 1.0f)), *dh = fill(gu + 2 * cells, 2 * cells, 2, 1.0f);
    for (int a = 0; a < LF_N_ACTS; a++, out += 5 * cells)
        for (size_t i = 0; i < cells; i++) {
            size_t gate = i / s->c * 2 * s->c + i % s->c, up = gate + s->c;
            double slope;
            out[i] = act_value((lf_act)a, gu[i], &slope), out[cells + i] = dh[i] * slope;
            double y = act_value((lf_act)a, gu[gate], &slope);
            out[2 * cells + i] = y * gu[up], out[3 * cells + gate] = (double)dh[i] * gu[up] * slope, out[3 * cells + up] = dh[i] * y;
        }
}

/* ---- soft cap, products, scale, bias, sums over rows: out = capped, slope, y, db ---- */
static void caps_run(lf_device *dev, const void *params, float *work, float *out)
{
    const rows_shape *s = params;
    size_t cells = (size_t)s->n * s->c;
    float *x = fill(out, cells, 1, 4.0f * s->a), *b = fill(work, s->c, 2, 1.0f), *y = out + 2 * cells;
    dev->ops->softcap(dev, x, out + cells, 3.0f, cells);
    dev->ops->scale(dev, y, x, 1.5f, cells);
    dev->ops->mul(dev, y, out + cells, cells);
    dev->ops->add_bias(dev, y, y, b, s->n, s->c);
    memcpy(y + cells, b, s->c * sizeof *b);
    dev->ops->sum_rows(dev, y + cells, y, s->n, s->c, s->beta);
}
static void caps_oracle(const void *params, float *work, double *out)
{
    const rows_shape *s = params;
    size_t cells = (size_t)s->n * s->c;
    float *x = fill(work + s->c, cells, 1, 4.0f * s->a), *b = fill(work, s->c, 2, 1.0f);
    for (int j = 0; j < s->c && s->beta; j++) out[3 * cells + j] = b[j];
    for (size_t i = 0; i < cells; i++) {
        double t = tanh((double)x[i] / 3.0);
        out[i] = 3.0 * t, out[cells + i] = 1.0 - t * t;
        out[2 * cells + i] = 1.5 * 3.0 * t * (1.0 - t * t) + b[i % s->c];
        out[3 * cells + i % s->c] += out[2 * cells + i];
    }
}

/* Dropout: the kept share is right, what is kept is scaled, and a row is the same wherever a micro-batch begins. */
static void dropout(void **state)
{
    (void)state;
    enum { ROWS = 300, COLS = 67 };
    float *x = malloc(3 * ROWS * COLS * sizeof *x), *y = x + ROWS * COLS, *z = y + ROWS * COLS;
    fill(x, ROWS * COLS, 1, 1.0f);
    for (int threads = 1; threads <= 3; threads++) {
        lf_device *dev = open_device("auto", threads);
        lf_dropout d = {.seed = 7, .stream = 9, .first_row = 0, .rate = 0.25f};
        dev->ops->dropout(dev, y, x, &d, ROWS, COLS, 0);
        int gone = 0;
        for (int i = 0; i < ROWS * COLS; i++) {
            gone += y[i] == 0.0f;
            assert_true(y[i] == 0.0f || fabsf(y[i] * 0.75f - x[i]) <= 1e-6f * fabsf(x[i]));
        }
        assert_true(abs(gone - ROWS * COLS / 4) < 300); /* five deviations */
        d.first_row = 100;
        dev->ops->dropout(dev, z, x + 100 * COLS, &d, ROWS - 100, COLS, 0);
        assert_memory_equal(z, y + 100 * COLS, (ROWS - 100) * COLS * sizeof *x);
        d.stream = 10;
        dev->ops->dropout(dev, z, x, &d, ROWS, COLS, 0);
        assert_true(memcmp(z, y, ROWS * COLS * sizeof *x) != 0);
        lf_device_close(&dev);
    }
    free(x);
}

/* ---- adamw, add, sum_squares, find_nonfinite: out = w, m, v, y, sum, index ---- */
static void flat_run(lf_device *dev, const void *params, float *work, float *out)
{
    const rows_shape *s = params;
    int64_t n = (int64_t)s->n * s->c;
    float *g = fill(work, n, 1, s->a), *y = fill(out, 4 * n, 2, 1.0f) + 3 * n;
    for (int64_t i = 2 * n; i < 3 * n; i++) out[i] = fabsf(out[i]);
    lf_weight_step a = {.rule = LF_STEP_ADAMW,
                        .w = out,
                        .m = out + n,
                        .v = out + 2 * n,
                        .g = g,
                        .rows = s->n,
                        .cols = s->c,
                        .grad_scale = 0.5f,
                        .lr = 1e-2f,
                        .keep = 0.999f,
                        .beta1 = 0.9f,
                        .beta2 = 0.99f,
                        .eps = 1e-8f,
                        .bias1 = 0.271f,
                        .bias2 = 0.0297f};
    dev->ops->step_weight(dev, &a);
    dev->ops->add(dev, y, g, n, s->beta);
    out[4 * n] = (float)dev->ops->sum_squares(dev, y, n);
    out[4 * n + 1] = (float)dev->ops->find_nonfinite(dev, g, n);
    g[n - 1] = NAN;
    out[4 * n + 2] = (float)dev->ops->find_nonfinite(dev, g, n);
    g[n / 3] = -INFINITY;
    out[4 * n + 3] = (float)dev->ops->find_nonfinite(dev, g, n);
}
static void flat_oracle(const void *params, float *work, double *out)
{
    const rows_shape *s = params;
    int64_t n = (int64_t)s->n * s->c;
    float *g = fill(work, n, 1, s->a), *x = fill(work + n, 4 * n, 2, 1.0f);
    for (int64_t i = 0; i < n; i++) {
        double gi = g[i] * 0.5, m = (double)0.9f * x[n + i] + (1.0 - (double)0.9f) * gi;
        double v = (double)0.99f * fabsf(x[2 * n + i]) + (1.0 - (double)0.99f) * gi * gi;
        out[i] = x[i] * (double)0.999f - (double)1e-2f / (double)0.271f * m / (sqrt(v) / sqrt((double)0.0297f) + 1e-8);
        out[n + i] = m, out[2 * n + i] = v;
        double y = out[3 * n + i] = s->beta ? x[3 * n + i] + g[i] : g[i];
        out[4 * n] += y * y;
    }
    out[4 * n + 1] = -1, out[4 * n + 2] = (double)(n - 1), out[4 * n + 3] = (double)(n / 3);
}

/* ---- lion: out = w, m ---- */
static void lion_run(lf_device *dev, const void *params, float *work, float *out)
{
    const rows_shape *s = params;
    int64_t n = (int64_t)s->n * s->c;
    float *g = fill(work, n, 1, s->a);
    fill(out, 2 * n, 2, s->a);
    for (int64_t i = 0; i < n; i += 3) g[i] = out[n + i] = 0.0f;
    dev->ops->step_weight(dev, &(lf_weight_step){.rule = LF_STEP_LION,
                                                 .w = out,
                                                 .m = out + n,
                                                 .g = g,
                                                 .rows = s->n,
                                                 .cols = s->c,
                                                 .grad_scale = 0.5f,
                                                 .lr = 1e-2f,
                                                 .keep = 0.999f,
                                                 .beta1 = 0.9f,
                                                 .beta2 = 0.99f});
}
static void lion_oracle(const void *params, float *work, double *out)
{
    const rows_shape *s = params;
    int64_t n = (int64_t)s->n * s->c;
    float *g = fill(work, n, 1, s->a), *x = fill(work + n, 2 * n, 2, s->a);
    for (int64_t i = 0; i < n; i += 3) g[i] = x[n + i] = 0.0f;
    for (int64_t i = 0; i < n; i++) {
        double m = x[n + i], gi = 0.5 * g[i], c = (double)0.9f * m + (1.0 - (double)0.9f) * gi;
        out[i] = x[i] * (double)0.999f - (double)1e-2f * ((c > 0) - (c < 0));
        out[n + i] = (double)0.99f * m + (1.0 - (double)0.99f) * gi;
    }
}

/* ---- axpby, add_diagonal: out = y, scaled in place, square ---- */
static void linear_run(lf_device *dev, const void *params, float *work, float *out)
{
    const rows_shape *s = params;
    int64_t n = (int64_t)s->n * s->c;
    int side = LF_MIN(s->n, s->c);
    float *x = fill(work, n, 1, s->a), *y = fill(out, 2 * n + side * side, 2, 1.0f);
    dev->ops->axpby(dev, y, x, -0.3f, s->beta ? 0.7f : 0.0f, n);
    dev->ops->axpby(dev, y + n, y + n, 5.0f, 0.0f, n);
    dev->ops->add_diagonal(dev, y + 2 * n, -4.0f, side);
}
static void linear_oracle(const void *params, float *work, double *out)
{
    const rows_shape *s = params;
    int64_t n = (int64_t)s->n * s->c;
    int side = LF_MIN(s->n, s->c);
    float *x = fill(work, n, 1, s->a), *y = fill(work + n, 2 * n + side * side, 2, 1.0f);
    for (int64_t i = 0; i < n; i++) out[i] = (double)-0.3f * x[i] + (s->beta ? (double)0.7f * y[i] : 0.0), out[n + i] = 5.0 * y[n + i];
    for (int i = 0; i < side * side; i++) out[2 * n + i] = y[2 * n + i] - (i % (side + 1) ? 0.0 : 4.0);
}

/* ---- embed, gather, scatter: out = y, gathered, dtable, scattered ---- */
enum { TABLE = 61 };
static void embed_lists(const rows_shape *s, int32_t *tokens, int32_t *rows)
{
    for (int i = 0; i < s->n; i++) tokens[i] = i * i * 7 % TABLE, rows[i] = i * 2 + (i > 3);
}
static void embed_run(lf_device *dev, const void *params, float *work, float *out)
{
    const rows_shape *s = params;
    size_t cells = (size_t)s->n * s->c, wide = (size_t)(2 * s->n + 2) * s->c;
    int32_t tokens[256], rows[256];
    embed_lists(s, tokens, rows);
    float *table = fill(work, (size_t)TABLE * s->c, 1, 1.0f), *dy = fill(table + TABLE * s->c, cells, 2, 1.0f);
    float *dtable = out + cells, *y = fill(dtable + TABLE * s->c, wide, 4, 1.0f), *back = y + wide;
    fill(dtable, (size_t)TABLE * s->c, 3, 1.0f);
    dev->ops->embed_forward(dev, out, tokens, table, s->n, s->c);
    dev->ops->embed_backward(dev, dtable, dy, tokens, s->n, s->c, TABLE, s->beta);
    dev->ops->scatter_rows(dev, y, dy, rows, s->n, s->c, 2 * s->n + 2, s->beta);
    dev->ops->gather_rows(dev, back, y, rows, s->n, s->c);
}
static void embed_oracle(const void *params, float *work, double *out)
{
    const rows_shape *s = params;
    size_t cells = (size_t)s->n * s->c, wide = (size_t)(2 * s->n + 2) * s->c, c = s->c;
    int32_t tokens[256], rows[256];
    embed_lists(s, tokens, rows);
    float *table = fill(work, TABLE * c, 1, 1.0f), *dy = fill(table + TABLE * c, cells, 2, 1.0f), *start = dy + cells;
    double *dtable = out + cells, *y = dtable + TABLE * c, *back = y + wide;
    fill(start, TABLE * c, 3, 1.0f), fill(start + TABLE * c, wide, 4, 1.0f);
    for (size_t i = 0; i < TABLE * c + wide && s->beta; i++) dtable[i] = start[i];
    for (int i = 0; i < s->n; i++)
        for (size_t j = 0; j < c; j++) {
            out[i * c + j] = table[tokens[i] * c + j];
            dtable[tokens[i] * c + j] += dy[i * c + j];
            y[rows[i] * c + j] += dy[i * c + j];
            back[i * c + j] = y[rows[i] * c + j];
        }
}

/* A few roundings of 6e-8 of values up to about 10; sums of c or n terms grow slowly. */
static void rmsnorm(void **state) { (void)state, check_all("rmsnorm", norm_run, norm_oracle, 4, 4, 5e-6); }
static void layernorm(void **state) { (void)state, check_all("layernorm", layernorm_run, layernorm_oracle, 4, 6, 8e-6); }
static void acts(void **state) { (void)state, check_all("activations", acts_run, acts_oracle, 4, 5 * LF_N_ACTS, 1e-5); }
static void caps(void **state) { (void)state, check_all("soft cap, bias", caps_run, caps_oracle, 4, 5, 2e-5); }
static void swiglu(void **state) { (void)state, check_all("swiglu", swiglu_run, swiglu_oracle, 4, 4, 2e-6); }
static void cross_entropy(void **state) { (void)state, check_all("cross-entropy", ce_run, ce_oracle, 1, 2, 2e-6); }
static void flat(void **state) { (void)state, check_all("adamw, add, sums", flat_run, flat_oracle, 5, 5, 2e-6); }

static void lion(void **state) { (void)state, check_all("lion", lion_run, lion_oracle, 3, 2, 2e-7); }
static void linear(void **state) { (void)state, check_all("axpby, diagonal", linear_run, linear_oracle, 4, 3, 2e-7); }

static void rope(void **state)
{
    (void)state;
    static const rope_shape list[] = {{1, 1, 2, 2},     {4, 3, 16, 16}, {6, 2, 34, 34}, {5, 4, 64, 64},
                                      {3, 1, 128, 128}, {6, 2, 90, 90}, {5, 3, 32, 10}, {4, 2, 64, 48}};
    for (size_t i = 0; i < LF_COUNT(list); i++) {
        const rope_shape *s = &list[i];
        size_t n = (size_t)s->n * (s->heads * s->dim + 3);
        kernel_case c = {"rope", rope_run, rope_oracle, s, 10 * s->dim + n, 2 * n, 5e-7, 0};
        check(&c);
    }
}

static void heads(void **state)
{
    (void)state;
    static const heads_shape list[] = {{1, 1, 1, 2, 0}, {5, 4, 2, 16, 1}, {70, 3, 1, 32, 0}, {33, 2, 2, 90, 1}};
    for (size_t i = 0; i < LF_COUNT(list); i++) {
        const heads_shape *s = &list[i];
        size_t rows = (size_t)s->n * heads_ld(s), cells = (size_t)s->n * (s->q + s->k) * (s->d + 1);
        kernel_case c = {"head norms", heads_run, heads_oracle, s, 4 * (size_t)s->d + 2 * rows, 2 * rows + cells + 2 * s->d, 5e-6, 0};
        check(&c);
    }
}

static void embed(void **state)
{
    (void)state;
    for (size_t i = 0; i < LF_COUNT(shapes); i++) {
        const rows_shape *s = &shapes[i];
        size_t cells = (size_t)s->n * s->c, wide = (size_t)(2 * s->n + 2) * s->c, table = (size_t)TABLE * s->c;
        kernel_case c = {"embed, gather, scatter", embed_run, embed_oracle, s, 2 * table + cells + wide, 2 * cells + table + wide, 1e-6, 0};
        check(&c);
    }
}

/* exp as softmax_block computes it, over the whole range: within two units in the last place, denormal results included. */
static void exponential(void **state)
{
    (void)state;
    for (const char *const *isa = lf_isa_list(); *isa; isa++) {
        if (!lf_isa_supported(*isa)) continue;
        lf_device *dev = open_device(*isa, 1);
        for (int i = 0; i < 12000; i++) {
            float s[LF_KV_BLOCK] = {0}, m = 0.0f, l = 0.0f, carry;
            for (int j = 0; j < LF_KV_BLOCK; j++) s[j] = -(float)i * 0.01f - (float)j * 0.000156f;
            float x[LF_KV_BLOCK];
            memcpy(x, s, sizeof s);
            dev->kernels->softmax_block(s, 0, &(int){LF_KV_BLOCK}, 1, &m, &l, &carry);
            for (int j = 0; j < LF_KV_BLOCK; j++) {
                double y = exp((double)x[j]), e = fabs(s[j] - y);
                if (e > y * 2.4e-7 + 0x1p-149) fail_msg("%s: exp(%a) = %a, expected %a", *isa, x[j], s[j], y);
            }
        }
        float odd[LF_KV_BLOCK] = {-INFINITY, NAN, -1e30f}, m = 0.0f, l = 0.0f, carry;
        dev->kernels->softmax_block(odd, 0, &(int){3}, 1, &m, &l, &carry);
        assert_true(odd[0] == 0.0f && isnan(odd[1]) && odd[2] == 0.0f && odd[3] == 0.0f && isnan(l));
        lf_device_close(&dev);
    }
}

/* exp as softmax16 computes it: half a unit of bfloat16 and 2^-16 besides, before it is rounded 2^-16; what is NaN or infinite shows. */
static void exponential_rounded(void **state)
{
    (void)state;
    enum { WIDE = LF_SCORES, SHOWN = WIDE - 9 };
    for (const char *const *isa = lf_isa_list(); *isa; isa++) {
        if (!lf_isa_supported(*isa)) continue;
        lf_device *dev = open_device(*isa, 1);
        for (int i = 0; i < 3000; i++) {
            float s[WIDE], m = 0.0f, l = 0.0f, carry;
            lf_pair p[WIDE / 2];
            double sum = 0.0;
            for (int j = 0; j < WIDE; j++) s[j] = -(float)i * 0.04f - (float)j * 0.000156f;
            dev->kernels->softmax16(p, 0, s, 0, &(int){SHOWN}, 1, WIDE, &m, &l, &carry);
            float x[WIDE];
            dev->kernels->widen(x, (const lf_bf16 *)(const void *)p, WIDE);
            for (int j = 0; j < WIDE; j++) {
                double y = j < SHOWN ? exp((double)s[j]) : 0.0;
                if (fabs(x[j] - y) > y * (0x1p-8 + 0x1p-16) + 0x1p-126) fail_msg("%s: exp(%a) = %a, expected %a", *isa, s[j], x[j], y);
                sum += y;
            }
            if (fabs(l - sum) > sum * 0x1p-16 + 0x1p-126) fail_msg("%s, row %d: sum %a, expected %a", *isa, i, l, sum);
        }
        float odd[32] = {-INFINITY, NAN, -1e30f}, m = 0.0f, l = 0.0f, carry;
        lf_pair p[16];
        dev->kernels->softmax16(p, 0, odd, 0, &(int){3}, 1, 32, &m, &l, &carry);
        dev->kernels->widen(odd, (const lf_bf16 *)(const void *)p, 32);
        assert_true(odd[0] == 0.0f && isnan(odd[1]) && odd[2] == 0.0f && odd[3] == 0.0f && isnan(l));
        lf_device_close(&dev);
    }
}

/* ---- speed ---- */
typedef struct rows_bench {
    const char *name;
    double bytes; /* moved per call */
    double per;   /* elements per call */
    bench_fn fn;
} rows_bench;
enum { N = 1024, C = 512, P = 1 << 22 };
static float *mem;
static int32_t index_list[N];
static void bench_norm(lf_device *dev, void *arg)
{
    (void)arg, dev->ops->rmsnorm_forward(dev, mem, NULL, mem + 2 * N * C, mem + N * C, mem, N, C, 1e-5f);
}
static void bench_norm_grad(lf_device *dev, void *arg)
{
    (void)arg,
        dev->ops->rmsnorm_backward(dev, mem, mem + 3 * N * C, mem + N * C, mem + 2 * N * C, mem + 4 * N * C, mem + 5 * N * C, N, C, 1, 1);
}
static void bench_swiglu_grad(lf_device *dev, void *arg)
{
    (void)arg, dev->ops->glu_backward(dev, mem, mem + 5 * N * C, mem + 2 * N * C, mem + 3 * N * C, N, C, LF_ACT_SILU);
}
static void bench_ce(lf_device *dev, void *arg)
{
    (void)arg, dev->ops->cross_entropy(dev, mem, 4096, NULL, mem + N * C, index_list, 128, 4096, &(lf_loss){.scale = 1.0f, .grad = true});
}
static void bench_adamw(lf_device *dev, void *arg)
{
    lf_weight_step a = {.rule = LF_STEP_ADAMW,
                        .w = mem,
                        .m = mem + P,
                        .v = mem + 2 * P,
                        .g = mem + 3 * P,
                        .rows = 1,
                        .cols = P,
                        .grad_scale = 1.0f,
                        .lr = 1e-3f,
                        .keep = 1.0f,
                        .beta1 = 0.9f,
                        .beta2 = 0.95f,
                        .eps = 1e-8f,
                        .bias1 = 0.5f,
                        .bias2 = 0.5f};
    (void)arg, dev->ops->step_weight(dev, &a);
}
static void bench_lion(lf_device *dev, void *arg)
{
    lf_weight_step a = {.rule = LF_STEP_LION,
                        .w = mem,
                        .m = mem + P,
                        .g = mem + 3 * P,
                        .rows = 1,
                        .cols = P,
                        .grad_scale = 1.0f,
                        .lr = 1e-3f,
                        .keep = 1.0f,
                        .beta1 = 0.9f,
                        .beta2 = 0.99f};
    (void)arg, dev->ops->step_weight(dev, &a);
}
static void bench_pack(lf_device *dev, void *arg)
{
    lf_panels p = {mem, 1024, 1024, 0, LF_F32, NULL};
    (void)arg, dev->ops->pack(dev, &p, mem + (1 << 20), 1024, 1);
}
static void bench_sum(lf_device *dev, void *arg) { (void)arg, dev->ops->sum_squares(dev, mem, P); }

static void speed(void **state)
{
    (void)state;
    SKIP_SPEED();
    static const double f = sizeof(float);
    static const rows_bench list[] = {{"rmsnorm", 2 * f * N * C, N * C, bench_norm},
                                      {"rmsnorm backward", 6 * f * N * C, N * C, bench_norm_grad},
                                      {"swiglu backward", 6 * f * N * C, N * C, bench_swiglu_grad},
                                      {"cross-entropy", 2 * f * 128 * 4096, 128 * 4096, bench_ce},
                                      {"pack transposed", 2 * f * 1024 * 1024, 1024 * 1024, bench_pack},
                                      {"sum of squares", f * P, P, bench_sum},
                                      {"adamw", 7 * f * P, P, bench_adamw},
                                      {"lion", 5 * f * P, P, bench_lion}};
    mem = aligned_alloc(64, sizeof(float) * 4 * P);
    for (const char *const *isa = lf_isa_list(); *isa; isa++) {
        if (!lf_isa_supported(*isa) || strcmp(*isa, "scalar") == 0) continue;
        for (int threads = 1; threads <= 2; threads++) {
            lf_device *dev = open_device(*isa, threads);
            for (size_t i = 0; i < LF_COUNT(list); i++) {
                for (int j = 0; j < 4 * P; j++) mem[j] = (float)(j % 1021) * 1e-3f;
                double t = best_time(dev, list[i].fn, NULL);
                print_message("%-17s %-6s %dT %6.1f GB/s %7.3f ns per element\n", list[i].name, *isa, threads, list[i].bytes / t / 1e9,
                              t / list[i].per * 1e9);
            }
            lf_device_close(&dev);
        }
    }
    free(mem);
}

int main(void)
{
    /* clang-format off */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rmsnorm),
        cmocka_unit_test(rope),
        cmocka_unit_test(swiglu),
        cmocka_unit_test(cross_entropy),
        cmocka_unit_test(flat),
        cmocka_unit_test(linear),
        cmocka_unit_test(lion),
        cmocka_unit_test(embed),
        cmocka_unit_test(exponential),
        cmocka_unit_test(exponential_rounded),
        cmocka_unit_test(heads),
        cmocka_unit_test(layernorm),
        cmocka_unit_test(acts),
        cmocka_unit_test(caps),
        cmocka_unit_test(dropout),
        cmocka_unit_test(speed),
    };
    /* clang-format on */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
