/* ref_kernels.c - the scalar rung: every kernel in plain C. It is the definition that the vector rungs are tested against and is never
 * optimized. Products are chains of multiply and add in float, like the fast ones; sums over a row are taken in double. */
#include <math.h>

#include "backend/cpu/kernels.h"

static float exp_f(float x) { return (float)lf__exp((double)x); }

static void tile_any(const lf_tile *t, bool half)
{
    for (int i = 0; i < t->mr; i++) {
        float acc[LF_PANEL] = {0};
        for (int h = 0; h < 2 && t->init[0]; h++)
            for (int j = 0; j < t->n[h]; j++) acc[h * LF_HALF + j] = t->init[h][i * t->ldinit + j];
        for (int k = 0; k < t->kc; k++) {
            float a = t->a[i * t->a_rs + k * t->a_cs];
            float wide[LF_PANEL];
            const float *b = half ? wide : t->b + (ptrdiff_t)k * LF_PANEL;
            if (half) lf__dtype(LF_F16)->to_float(wide, t->b16 + (ptrdiff_t)k * LF_PANEL, LF_PANEL);
            for (int j = 0; j < LF_PANEL; j++) acc[j] = acc[j] + a * b[j];
        }
        for (int h = 0; h < 2; h++)
            for (int j = 0; j < t->n[h]; j++) t->c[h][i * t->ldc + j] = acc[h * LF_HALF + j];
    }
}

static void tile(const lf_tile *t) { tile_any(t, false); }
static void tile_half(const lf_tile *t) { tile_any(t, true); }

#define MR 4
static void pack_strips(float *dst, const float *a, ptrdiff_t a_cs, int rows, int kc)
{
    for (int i = 0; i < rows; i++)
        for (int k = 0; k < kc; k++) dst[i / MR * lf__strip_floats(kc, MR) + k * MR + i % MR] = a[i + k * a_cs];
}

static void pack_transposed(float *panel, const float *src, ptrdiff_t ld, int cols, int k)
{
    for (int j = 0; j < cols; j++)
        for (int i = 0; i < k; i++) panel[(ptrdiff_t)i * LF_PANEL + j] = src[j * ld + i];
}

static float rmsnorm(float *y, const float *x, const float *w, int c, float eps)
{
    double sum = 0.0;
    for (int j = 0; j < c; j++) sum += (double)x[j] * (double)x[j];
    float rstd = (float)(1.0 / sqrt(sum / c + (double)eps));
    for (int j = 0; j < c; j++) y[j] = x[j] * rstd * w[j];
    return rstd;
}

/* With g = dy * w and xhat = x * rstd: dx = rstd * (g - xhat * mean(g * xhat)). */
static void rmsnorm_grad(float *dx, const float *dy, const float *x, const float *w, float rstd, int c, int beta)
{
    double sum = 0.0;
    for (int j = 0; j < c; j++) sum += (double)(dy[j] * w[j]) * (double)(x[j] * rstd);
    float mean = (float)(sum / c);
    for (int j = 0; j < c; j++) {
        float d = rstd * (dy[j] * w[j] - x[j] * rstd * mean);
        dx[j] = beta ? dx[j] + d : d;
    }
}

static void rmsnorm_grad_w(float *dw, const float *dy, const float *x, const float *rstd, int n, ptrdiff_t ld, int c, int beta)
{
    for (int j = 0; j < c; j++) {
        double sum = 0.0;
        for (int i = 0; i < n; i++) sum += (double)(dy[i * ld + j] * (x[i * ld + j] * rstd[i]));
        dw[j] = beta ? dw[j] + (float)sum : (float)sum;
    }
}

static float layernorm(float *y, const float *x, const float *w, const float *b, int c, float eps, float *mean)
{
    double sum = 0.0, squares = 0.0;
    for (int j = 0; j < c; j++) sum += (double)x[j];
    double m = sum / c;
    for (int j = 0; j < c; j++) squares += ((double)x[j] - m) * ((double)x[j] - m);
    float rstd = (float)(1.0 / sqrt(squares / c + (double)eps));
    *mean = (float)m;
    for (int j = 0; j < c; j++) y[j] = (x[j] - *mean) * rstd * w[j] + b[j];
    return rstd;
}

/* With g = dy * w and xhat = (x - mean) * rstd: dx = rstd * (g - mean(g) - xhat * mean(g * xhat)). */
static void layernorm_grad(float *dx, const float *dy, const float *x, const float *w, float mean, float rstd, int c, int beta)
{
    double sum = 0.0, dot = 0.0;
    for (int j = 0; j < c; j++) {
        sum += (double)(dy[j] * w[j]);
        dot += (double)(dy[j] * w[j]) * (double)((x[j] - mean) * rstd);
    }
    float g = (float)(sum / c), h = (float)(dot / c);
    for (int j = 0; j < c; j++) {
        float d = rstd * (dy[j] * w[j] - g - (x[j] - mean) * rstd * h);
        dx[j] = beta ? dx[j] + d : d;
    }
}

static void layernorm_grad_w(float *dw, const float *dy, const float *x, const float *mean, const float *rstd, int n, ptrdiff_t ld, int c,
                             int beta)
{
    for (int j = 0; j < c; j++) {
        double sum = 0.0;
        for (int i = 0; i < n; i++) sum += x ? (double)(dy[i * ld + j] * ((x[i * ld + j] - mean[i]) * rstd[i])) : (double)dy[i * ld + j];
        dw[j] = beta ? dw[j] + (float)sum : (float)sum;
    }
}

static void rope(float *x, const float *table, int n_heads, int head_dim, int rotary, float sign)
{
    int half = rotary / 2;
    for (int h = 0; h < n_heads; h++, x += head_dim) {
        for (int i = 0; i < half; i++) {
            float c = table[2 * i], s = sign * table[2 * i + 1], a = x[i], b = x[i + half];
            x[i] = a * c - b * s;
            x[i + half] = b * c + a * s;
        }
    }
}

static void swiglu(float *h, const float *gate, const float *up, int f)
{
    for (int j = 0; j < f; j++) h[j] = gate[j] / (1.0f + exp_f(-gate[j])) * up[j];
}

/* s = sigmoid(g), silu'(g) = s * (1 + g * (1 - s)). */
static void swiglu_grad(float *dgate, float *dup, float *h, const float *dh, const float *gate, const float *up, int f)
{
    for (int j = 0; j < f; j++) {
        float g = gate[j], u = up[j], d = dh[j], s = 1.0f / (1.0f + exp_f(-g));
        dgate[j] = d * u * (s * (1.0f + g * (1.0f - s)));
        dup[j] = d * (g * s);
        if (h) h[j] = g * s * u;
    }
}

#define GELU_A 0.7978845608028654 /* sqrt(2 / pi) */
#define GELU_B 0.044715

/* gelu(x) = x / 2 (1 + tanh(u)), u = A (x + B x^3) (Hendrycks & Gimpel 2016) */
static double act_of(lf_act act, double x)
{
    double relu = x > 0 || x != x ? x : 0.0;
    switch (act) {
    case LF_ACT_SILU: return x / (1.0 + lf__exp(-x));
    case LF_ACT_GELU: return 0.5 * x * (1.0 + lf__tanh(GELU_A * (x + GELU_B * x * x * x)));
    case LF_ACT_RELU: return relu;
    case LF_ACT_RELU2: return relu * relu;
    }
    return x;
}

static double act_slope(lf_act act, double x)
{
    double s, t;
    switch (act) {
    case LF_ACT_SILU: s = 1.0 / (1.0 + lf__exp(-x)); return s * (1.0 + x * (1.0 - s));
    case LF_ACT_GELU:
        t = lf__tanh(GELU_A * (x + GELU_B * x * x * x));
        return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * GELU_A * (1.0 + 3.0 * GELU_B * x * x);
    case LF_ACT_RELU: return x > 0 ? 1.0 : x != x ? x : 0.0;
    case LF_ACT_RELU2: return x > 0 || x != x ? 2.0 * x : 0.0;
    }
    return 1.0;
}

static void act(lf_act which, float *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = (float)act_of(which, (double)x[i]);
}

static void act_grad(lf_act which, float *dx, const float *dy, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * (float)act_slope(which, (double)x[i]);
}

static float cross_entropy(float *x, int target, int v, const lf_loss *loss)
{
    float max = -INFINITY;
    double sum = 0.0, all = 0.0, smooth = (double)loss->label_smoothing, z = (double)loss->z;
    for (int j = 0; j < v; j++) max = x[j] > max ? x[j] : max;
    for (int j = 0; j < v; j++) sum += (double)exp_f(x[j] - max), all += (double)x[j];
    double lse = (double)max + lf__ln(sum), nll = (double)max - (double)x[target] + lf__ln(sum);
    if (smooth > 0) nll = (1.0 - smooth) * nll + smooth * (lse - all / v);
    if (z > 0) nll += z * lse * lse;
    if (!loss->grad) return (float)nll;
    float up = (float)((double)loss->scale * (1.0 + 2.0 * z * lse)), even = (float)((double)loss->scale * smooth / v);
    for (int j = 0; j < v; j++) x[j] = (float)((double)exp_f(x[j] - max) / sum) * up - even;
    x[target] -= (float)((double)loss->scale * (1.0 - smooth));
    return (float)nll;
}

static void add(float *y, const float *x, int64_t n, int beta)
{
    for (int64_t i = 0; i < n; i++) y[i] = beta ? y[i] + x[i] : x[i];
}

static void axpby(float *y, const float *x, float a, float b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = b != 0.0f ? a * x[i] + b * y[i] : a * x[i];
}

static double sum_squares(const float *x, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sum;
}

static bool all_finite(const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

/* Loshchilov and Hutter 2019, in PyTorch's order: decay first, then the bias-corrected step. */
static void adamw(const lf_weight_step *a, int64_t lo, int64_t hi)
{
    float step = a->lr / a->bias1, root = sqrtf(a->bias2);
    for (int64_t i = lo; i < hi; i++) {
        float g = a->g[i] * a->grad_scale;
        float m = a->beta1 * a->m[i] + (1.0f - a->beta1) * g;
        float v = a->beta2 * a->v[i] + (1.0f - a->beta2) * g * g;
        a->m[i] = m, a->v[i] = v;
        a->w[i] = a->w[i] * a->keep - step * (m / (sqrtf(v) / root + a->eps));
    }
}

/* Chen et al. 2023: the sign of one mean of gradients is the step, another mean is remembered. */
static void lion(const lf_weight_step *a, int64_t lo, int64_t hi)
{
    for (int64_t i = lo; i < hi; i++) {
        float g = a->g[i] * a->grad_scale, c = a->beta1 * a->m[i] + (1.0f - a->beta1) * g;
        float sign = c > 0.0f ? 1.0f : c < 0.0f ? -1.0f : c; /* NaN stays NaN */
        a->m[i] = a->beta2 * a->m[i] + (1.0f - a->beta2) * g;
        a->w[i] = a->w[i] * a->keep - a->lr * sign;
    }
}

/* Polyak 1964. */
static void momentum(const lf_weight_step *a, int64_t lo, int64_t hi)
{
    for (int64_t i = lo; i < hi; i++) {
        float step = a->g[i] * a->grad_scale;
        if (a->m) step = a->m[i] = a->beta1 * a->m[i] + step;
        a->w[i] = a->w[i] * a->keep - a->lr * step;
    }
}

static float dot(const float *x, const float *y, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++) sum += (double)x[i] * (double)y[i];
    return (float)sum;
}

static void scale(float *y, const float *x, float a, int n)
{
    for (int i = 0; i < n; i++) y[i] = a * x[i];
}

static void axpy(float *y, const float *x, float a, int n)
{
    for (int i = 0; i < n; i++) y[i] = y[i] + a * x[i];
}

static void mul(float *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = y[i] * x[i];
}

static void softcap(float *x, float *slope, float cap, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float t = (float)lf__tanh((double)(x[i] / cap));
        x[i] = cap * t;
        if (slope) slope[i] = 1.0f - t * t;
    }
}

static void drop_mask(float *mask, uint64_t key, uint32_t first, int n, uint32_t threshold, float keep)
{
    for (int j = 0; j < n; j++) mask[j] = lf__drop_word(key, first + (uint32_t)j) >= threshold ? keep : 0.0f;
}

static void softmax_block(float *s, ptrdiff_t ld, const int *visible, int rows, float *m, float *l, float *carry)
{
    for (int r = 0; r < rows; r++, s += ld) {
        float max = m[r];
        double sum = 0.0;
        for (int j = 0; j < visible[r]; j++) max = s[j] > max ? s[j] : max;
        for (int j = 0; j < LF_KV_BLOCK; j++) {
            s[j] = j < visible[r] ? exp_f(s[j] - max) : 0.0f;
            sum += (double)s[j];
        }
        carry[r] = max == m[r] ? 1.0f : exp_f(m[r] - max);
        l[r] = l[r] * carry[r] + (float)sum;
        m[r] = max;
    }
}

static void softmax_grad_block(float *s, float *dp, ptrdiff_t ld, const int *visible, int rows, const float *lse, const float *delta)
{
    for (int r = 0; r < rows; r++, s += ld, dp += ld) {
        for (int j = 0; j < LF_KV_BLOCK; j++) {
            s[j] = j < visible[r] ? exp_f(s[j] - lse[r]) : 0.0f;
            dp[j] = j < visible[r] ? s[j] * (dp[j] - delta[r]) : 0.0f;
        }
    }
}

static float read_loop(const float *x, int64_t n)
{
    float sum[4] = {0};
    for (int64_t i = 0; i + 4 <= n; i += 4)
        for (int j = 0; j < 4; j++) sum[j] += x[i + j];
    return sum[0] + sum[1] + sum[2] + sum[3];
}

static float fma_loop(int64_t n)
{
    float acc[16] = {0}, sum = 0.0f;
    for (int64_t i = 0; i < n * 24; i++)
        for (int j = 0; j < 16; j++) acc[j] = acc[j] * 0.999f + 1.0f;
    for (int j = 0; j < 16; j++) sum += acc[j];
    return sum;
}

void lf__kernels_scalar(lf_kernels *k)
{
    *k = (lf_kernels){.isa = "scalar",
                      .mr = MR,
                      .kc = 256,
                      .mc = 16 * MR,
                      .block_floats = 65536,
                      .tile = tile,
                      .tile_half = tile_half,
                      .pack_strips = pack_strips,
                      .pack_transposed = pack_transposed,
                      .rmsnorm = rmsnorm,
                      .rmsnorm_grad = rmsnorm_grad,
                      .rmsnorm_grad_w = rmsnorm_grad_w,
                      .layernorm = layernorm,
                      .layernorm_grad = layernorm_grad,
                      .layernorm_grad_w = layernorm_grad_w,
                      .rope = rope,
                      .act = act,
                      .act_grad = act_grad,
                      .swiglu = swiglu,
                      .swiglu_grad = swiglu_grad,
                      .cross_entropy = cross_entropy,
                      .add = add,
                      .axpby = axpby,
                      .sum_squares = sum_squares,
                      .all_finite = all_finite,
                      .step = {[LF_STEP_ADAMW] = adamw, [LF_STEP_LION] = lion, [LF_STEP_MOMENTUM] = momentum},
                      .dot = dot,
                      .scale = scale,
                      .axpy = axpy,
                      .mul = mul,
                      .softcap = softcap,
                      .drop_mask = drop_mask,
                      .softmax_block = softmax_block,
                      .softmax_grad_block = softmax_grad_block,
                      .read_loop = read_loop,
                      .fma_loop = fma_loop};
}
