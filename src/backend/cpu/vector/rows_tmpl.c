/* rows_tmpl.c - the row kernels, written once over v16 (simd_neon.h, simd_avx2.h, simd_avx512.h): one translation unit per rung includes
 * it. Sums run in 16 lanes and end in one fixed tree, so all vector rungs give the same bits. No alignment is assumed and none matters.
 *
 * EACH16 runs one body for every full vector (lanes == 16) and once for the rest; the compiler sees lanes as a constant in the first. */
#include <math.h>

#include "backend/cpu/kernels.h"
#include "backend/cpu/vector/simd_exp.h"

#define EACH16(i, n, ...)                                                                                                                  \
    do {                                                                                                                                   \
        int64_t i = 0;                                                                                                                     \
        for (const int lanes = 16; i + 16 <= (n); i += 16) __VA_ARGS__                                                                     \
        for (const int lanes = (int)((n)-i); i < (n); i = (n)) __VA_ARGS__                                                                 \
    } while (0)

/* tanh(x) = e / (e + 2) with e = exp(2x) - 1, taken as 2^k (exp(r) - 1) + (2^k - 1): exact where x is small. Relative error within 4e-7
 * (tested); NaN stays NaN. */
LF_INLINE v16 v_tanh(v16 x)
{
    v16 one = v_set1(1.0f);
    x = v_min(v_set1(20.0f), v_max(v_set1(-20.0f), v_add(x, x)));
    v16 k = v_round(v_mul(x, v_set1(0x1.715476p+0f)));
    v16 r = v_fnma(k, v_set1(0x1.62e400p-1f), x);
    r = v_fnma(k, v_set1(0x1.7f7d1cp-20f), r);
    v16 p = v_set1(0x1.6d117cp-10f);
    p = v_fma(p, r, v_set1(0x1.120be2p-7f));
    p = v_fma(p, r, v_set1(0x1.555518p-5f));
    p = v_fma(p, r, v_set1(0x1.5554dcp-3f));
    p = v_fma(p, r, v_set1(0.5f));
    p = v_fma(p, v_mul(r, r), r);
    v16 power = v_scale2(one, k);
    v16 e = v_fma(p, power, v_sub(power, one));
    return v_div(e, v_add(e, v_set1(2.0f)));
}

static float rmsnorm(float *y, const float *x, const float *w, int c, float eps)
{
    v16 sum = v_set1(0.0f);
    EACH16(i, c, {
        v16 a = v_load(x + i, lanes);
        sum = v_fma(a, a, sum);
    });
    float rstd = 1.0f / sqrtf(v_sum(sum) / (float)c + eps);
    v16 r = v_set1(rstd);
    EACH16(i, c, { v_store(y + i, v_mul(v_mul(v_load(x + i, lanes), r), v_load(w + i, lanes)), lanes); });
    return rstd;
}

/* With g = dy * w and xhat = x * rstd: dx = rstd * (g - xhat * mean(g * xhat)). */
static void rmsnorm_grad(float *dx, const float *dy, const float *x, const float *w, float rstd, int c, int beta)
{
    v16 sum = v_set1(0.0f), r = v_set1(rstd);
    EACH16(i, c, { sum = v_fma(v_mul(v_load(dy + i, lanes), v_load(w + i, lanes)), v_mul(v_load(x + i, lanes), r), sum); });
    v16 mean = v_set1(v_sum(sum) / (float)c);
    EACH16(i, c, {
        v16 g = v_mul(v_load(dy + i, lanes), v_load(w + i, lanes));
        v16 d = v_mul(r, v_fnma(v_mul(v_load(x + i, lanes), r), mean, g));
        v_store(dx + i, beta ? v_add(v_load(dx + i, lanes), d) : d, lanes);
    });
}

/* 16 columns: 64 rows are summed in a register before they join the total. */
LF_INLINE void grad_w_columns(float *dw, const float *dy, const float *x, const float *rstd, int n, ptrdiff_t ld, int beta, const int lanes)
{
    v16 total = beta ? v_load(dw, lanes) : v_set1(0.0f);
    for (int i = 0; i < n;) {
        v16 part = v_set1(0.0f);
        for (int end = LF_MIN(n, i + 64); i < end; i++)
            part = v_fma(v_load(dy + i * ld, lanes), v_mul(v_load(x + i * ld, lanes), v_set1(rstd[i])), part);
        total = v_add(total, part);
    }
    v_store(dw, total, lanes);
}

static void rmsnorm_grad_w(float *dw, const float *dy, const float *x, const float *rstd, int n, ptrdiff_t ld, int c, int beta)
{
    EACH16(j, c, { grad_w_columns(dw + j, dy + j, x + j, rstd, n, ld, beta, lanes); });
}

/* The deviations are summed in a second pass: x may have a large mean. */
static float layernorm(float *y, const float *x, const float *w, const float *b, int c, float eps, float *mean)
{
    v16 sum = v_set1(0.0f);
    v16 squares = sum;
    EACH16(i, c, { sum = v_add(sum, v_load(x + i, lanes)); });
    *mean = v_sum(sum) / (float)c;
    v16 m = v_set1(*mean);
    EACH16(i, c, {
        v16 d = v_keep(v_sub(v_load(x + i, lanes), m), lanes, v_set1(0.0f));
        squares = v_fma(d, d, squares);
    });
    float rstd = 1.0f / sqrtf(v_sum(squares) / (float)c + eps);
    v16 r = v_set1(rstd);
    EACH16(i, c, {
        v16 d = v_mul(v_sub(v_load(x + i, lanes), m), r);
        v_store(y + i, v_fma(d, v_load(w + i, lanes), v_load(b + i, lanes)), lanes);
    });
    return rstd;
}

/* With g = dy * w and xhat = (x - mean) * rstd: dx = rstd * (g - mean(g) - xhat * mean(g * xhat)). Missing lanes have g = 0. */
static void layernorm_grad(float *dx, const float *dy, const float *x, const float *w, float mean, float rstd, int c, int beta)
{
    v16 sum = v_set1(0.0f);
    v16 dot = sum;
    v16 m = v_set1(mean);
    v16 r = v_set1(rstd);
    EACH16(i, c, {
        v16 g = v_mul(v_load(dy + i, lanes), v_load(w + i, lanes));
        sum = v_add(sum, g);
        dot = v_fma(g, v_mul(v_sub(v_load(x + i, lanes), m), r), dot);
    });
    v16 mean_g = v_set1(v_sum(sum) / (float)c);
    v16 mean_dot = v_set1(v_sum(dot) / (float)c);
    EACH16(i, c, {
        v16 g = v_sub(v_mul(v_load(dy + i, lanes), v_load(w + i, lanes)), mean_g);
        v16 d = v_mul(r, v_fnma(v_mul(v_sub(v_load(x + i, lanes), m), r), mean_dot, g));
        v_store(dx + i, beta ? v_add(v_load(dx + i, lanes), d) : d, lanes);
    });
}

LF_INLINE void layernorm_w_columns(float *dw, const float *dy, const float *x, const float *mean, const float *rstd, int n, ptrdiff_t ld,
                                   int beta, const int lanes)
{
    v16 total = beta ? v_load(dw, lanes) : v_set1(0.0f);
    for (int i = 0; i < n;) {
        v16 part = v_set1(0.0f);
        for (int end = LF_MIN(n, i + 64); i < end; i++) {
            v16 d = v_load(dy + i * ld, lanes);
            part = x ? v_fma(d, v_mul(v_sub(v_load(x + i * ld, lanes), v_set1(mean[i])), v_set1(rstd[i])), part) : v_add(part, d);
        }
        total = v_add(total, part);
    }
    v_store(dw, total, lanes);
}

static void layernorm_grad_w(float *dw, const float *dy, const float *x, const float *mean, const float *rstd, int n, ptrdiff_t ld, int c,
                             int beta)
{
    EACH16(j, c, { layernorm_w_columns(dw + j, dy + j, x ? x + j : NULL, mean, rstd, n, ld, beta, lanes); });
}

LF_INLINE void rope_lanes(float *x, int half, const float *table, v16 sign, const int lanes)
{
    v16 c;
    v16 s;
    v_load_pairs(table, &c, &s, lanes);
    s = v_mul(s, sign);
    v16 a = v_load(x, lanes);
    v16 b = v_load(x + half, lanes);
    v_store(x, v_fnma(b, s, v_mul(a, c)), lanes);
    v_store(x + half, v_fma(a, s, v_mul(b, c)), lanes);
}

static void rope(float *x, const float *table, int n_heads, int head_dim, int rotary, float sign)
{
    int half = rotary / 2;
    v16 sv = v_set1(sign);
    for (int h = 0; h < n_heads; h++, x += head_dim) EACH16(i, half, { rope_lanes(x + i, half, table + 2 * i, sv, lanes); });
}

/* 1 / (1 + exp(-g)) */
LF_INLINE v16 v_sigmoid(v16 g)
{
    v16 one = v_set1(1.0f);
    return v_div(one, v_add(one, v_exp(v_sub(v_set1(0.0f), g))));
}

static void swiglu(float *h, const float *gate, const float *up, int f)
{
    EACH16(i, f, {
        v16 g = v_load(gate + i, lanes);
        v_store(h + i, v_mul(v_mul(g, v_sigmoid(g)), v_load(up + i, lanes)), lanes);
    });
}

/* s = sigmoid(g), silu'(g) = s * (1 + g * (1 - s)). */
static void swiglu_grad(float *dgate, float *dup, float *h, const float *dh, const float *gate, const float *up, int f)
{
    v16 one = v_set1(1.0f);
    EACH16(i, f, {
        v16 g = v_load(gate + i, lanes);
        v16 u = v_load(up + i, lanes);
        v16 d = v_load(dh + i, lanes);
        v16 s = v_sigmoid(g);
        v16 silu = v_mul(g, s);
        v_store(dgate + i, v_mul(v_mul(d, u), v_mul(s, v_fma(g, v_sub(one, s), one))), lanes);
        v_store(dup + i, v_mul(d, silu), lanes);
        if (h) v_store(h + i, v_mul(silu, u), lanes);
    });
}

/* gelu(x) = x / 2 (1 + tanh(u)), u = A (x + B x^3) (Hendrycks & Gimpel 2016); d u / dx = A + 3 A B x^2. max(x, 0) keeps a NaN. */
LF_INLINE v16 gelu_tanh(v16 x, v16 x2)
{
    return v_tanh(v_mul(x, v_fma(x2, v_set1((float)(0.7978845608028654 * 0.044715)), v_set1(0.7978845608028654f))));
}

LF_INLINE v16 act_lanes(const lf_act which, v16 x)
{
    v16 one = v_set1(1.0f);
    v16 relu = v_max(v_set1(0.0f), x);
    if (which == LF_ACT_SILU) return v_mul(x, v_sigmoid(x));
    if (which == LF_ACT_GELU) return v_mul(v_mul(v_set1(0.5f), x), v_add(one, gelu_tanh(x, v_mul(x, x))));
    return which == LF_ACT_RELU ? relu : v_mul(relu, relu);
}

LF_INLINE v16 act_slope(const lf_act which, v16 x)
{
    v16 one = v_set1(1.0f);
    v16 half = v_set1(0.5f);
    v16 zero = v_set1(0.0f);
    if (which == LF_ACT_SILU) {
        v16 s = v_sigmoid(x);
        return v_mul(s, v_fma(x, v_sub(one, s), one));
    }
    if (which == LF_ACT_GELU) {
        v16 x2 = v_mul(x, x);
        v16 t = gelu_tanh(x, x2);
        v16 du = v_fma(x2, v_set1((float)(3.0 * 0.7978845608028654 * 0.044715)), v_set1(0.7978845608028654f));
        return v_fma(v_mul(half, x), v_mul(v_fnma(t, t, one), du), v_fma(half, t, half));
    }
    /* 1 above zero: the smallest float times 2^149 is one already, in two exact steps */
    if (which == LF_ACT_RELU) return v_min(one, v_mul(v_mul(v_max(zero, x), v_set1(0x1p100f)), v_set1(0x1p49f)));
    return v_mul(v_set1(2.0f), v_max(zero, x));
}

#define EACH_ACT(which, body)                                                                                                              \
    switch (which) {                                                                                                                       \
    case LF_ACT_SILU: body(LF_ACT_SILU); break;                                                                                            \
    case LF_ACT_GELU: body(LF_ACT_GELU); break;                                                                                            \
    case LF_ACT_RELU: body(LF_ACT_RELU); break;                                                                                            \
    case LF_ACT_RELU2: body(LF_ACT_RELU2); break;                                                                                          \
    }

static void act(lf_act which, float *y, const float *x, int64_t n)
{
#define FORWARD(a) EACH16(i, n, { v_store(y + i, act_lanes(a, v_load(x + i, lanes)), lanes); })
    EACH_ACT(which, FORWARD)
}

static void act_grad(lf_act which, float *dx, const float *dy, const float *x, int64_t n)
{
#define BACKWARD(a) EACH16(i, n, { v_store(dx + i, v_mul(v_load(dy + i, lanes), act_slope(a, v_load(x + i, lanes))), lanes); })
    EACH_ACT(which, BACKWARD)
}

static float cross_entropy(float *x, int target, int v, const lf_loss *loss)
{
    bool grad = loss->grad;
    v16 max = v_set1(-INFINITY);
    v16 sum = v_set1(0.0f);
    EACH16(i, v, { max = v_max(v_keep(v_load(x + i, lanes), lanes, max), max); });
    float top = v_max_lane(max);
    float at_target = x[target];
    v16 m = v_set1(top);
    v16 all = sum;
    if (loss->label_smoothing > 0) EACH16(i, v, { all = v_add(all, v_load(x + i, lanes)); });
    EACH16(i, v, {
        v16 e = v_exp(v_sub(v_load(x + i, lanes), m));
        sum = v_add(sum, v_keep(e, lanes, v_set1(0.0f)));
        if (grad) v_store(x + i, e, lanes);
    });
    float total = v_sum(sum);
    double smooth = (double)loss->label_smoothing, z = (double)loss->z, lse = (double)top + lf__ln((double)total);
    if (grad) {
        v16 r = v_set1((float)((double)loss->scale * (1.0 + 2.0 * z * lse)) / total);
        v16 even = v_set1((float)((double)loss->scale * smooth / v));
        EACH16(i, v, { v_store(x + i, v_sub(v_mul(v_load(x + i, lanes), r), even), lanes); });
        x[target] -= (float)((double)loss->scale * (1.0 - smooth));
    }
    double nll = (double)top - (double)at_target + lf__ln((double)total);
    if (smooth > 0) nll = (1.0 - smooth) * nll + smooth * (lse - (double)v_sum(all) / v);
    return (float)(z > 0 ? nll + z * lse * lse : nll);
}

static void add(float *y, const float *x, int64_t n, int beta)
{
    if (beta)
        EACH16(i, n, { v_store(y + i, v_add(v_load(y + i, lanes), v_load(x + i, lanes)), lanes); });
    else
        EACH16(i, n, { v_store(y + i, v_load(x + i, lanes), lanes); });
}

static void axpby(float *y, const float *x, float a, float b, int64_t n)
{
    v16 va = v_set1(a);
    v16 vb = v_set1(b);
    if (b != 0.0f)
        EACH16(i, n, { v_store(y + i, v_fma(va, v_load(x + i, lanes), v_mul(vb, v_load(y + i, lanes))), lanes); });
    else
        EACH16(i, n, { v_store(y + i, v_mul(va, v_load(x + i, lanes)), lanes); });
}

static double sum_squares(const float *x, int n)
{
    v16 sum = v_set1(0.0f);
    EACH16(i, n, {
        v16 a = v_load(x + i, lanes);
        sum = v_fma(a, a, sum);
    });
    return (double)v_sum(sum);
}

/* 0 * x is 0 for finite x and NaN for the others. */
static bool all_finite(const float *x, int64_t n)
{
    v16 zero = v_set1(0.0f);
    v16 sum = zero;
    EACH16(i, n, { sum = v_fma(v_load(x + i, lanes), zero, sum); });
    return v_sum(sum) == 0.0f;
}

/* Loshchilov and Hutter 2019, in PyTorch's order: decay first, then the bias-corrected step. True division and square root. */
static void adamw(const lf_weight_step *a, int64_t lo, int64_t hi)
{
    v16 gs = v_set1(a->grad_scale);
    v16 b1 = v_set1(a->beta1);
    v16 b2 = v_set1(a->beta2);
    v16 c1 = v_set1(1.0f - a->beta1);
    v16 c2 = v_set1(1.0f - a->beta2);
    v16 keep = v_set1(a->keep);
    v16 step = v_set1(a->lr / a->bias1);
    v16 root = v_set1(sqrtf(a->bias2));
    v16 eps = v_set1(a->eps);
    float *w = a->w + lo, *m = a->m + lo, *v = a->v + lo;
    const float *grad = a->g + lo;
    EACH16(i, hi - lo, {
        v16 g = v_mul(v_load(grad + i, lanes), gs);
        v16 mi = v_fma(v_load(m + i, lanes), b1, v_mul(c1, g));
        v16 vi = v_fma(v_load(v + i, lanes), b2, v_mul(v_mul(c2, g), g));
        v_store(m + i, mi, lanes);
        v_store(v + i, vi, lanes);
        v16 ratio = v_div(mi, v_add(v_div(v_sqrt(vi), root), eps));
        v_store(w + i, v_fnma(step, ratio, v_mul(v_load(w + i, lanes), keep)), lanes);
    });
}

/* Chen et al. 2023. sign(c) is c times 2^200 (in two factors: denormals become whole numbers too) held within -1 and 1; NaN stays NaN. */
static void lion(const lf_weight_step *a, int64_t lo, int64_t hi)
{
    v16 gs = v_set1(a->grad_scale);
    v16 b1 = v_set1(a->beta1);
    v16 b2 = v_set1(a->beta2);
    v16 c1 = v_set1(1.0f - a->beta1);
    v16 c2 = v_set1(1.0f - a->beta2);
    v16 keep = v_set1(a->keep);
    v16 step = v_set1(a->lr);
    v16 huge = v_set1(0x1p100f);
    float *w = a->w + lo, *m = a->m + lo;
    const float *grad = a->g + lo;
    EACH16(i, hi - lo, {
        v16 g = v_mul(v_load(grad + i, lanes), gs);
        v16 mi = v_load(m + i, lanes);
        v16 c = v_fma(mi, b1, v_mul(c1, g));
        v16 sign = v_min(v_set1(1.0f), v_max(v_set1(-1.0f), v_mul(v_mul(c, huge), huge)));
        v_store(m + i, v_fma(mi, b2, v_mul(c2, g)), lanes);
        v_store(w + i, v_fnma(step, sign, v_mul(v_load(w + i, lanes), keep)), lanes);
    });
}

static void momentum(const lf_weight_step *a, int64_t lo, int64_t hi)
{
    v16 gs = v_set1(a->grad_scale);
    v16 mu = v_set1(a->beta1);
    v16 keep = v_set1(a->keep);
    v16 lr = v_set1(a->lr);
    float *w = a->w + lo, *m = a->m ? a->m + lo : NULL;
    const float *grad = a->g + lo;
    EACH16(i, hi - lo, {
        v16 g = v_load(grad + i, lanes);
        v16 step = m ? v_fma(gs, g, v_mul(mu, v_load(m + i, lanes))) : v_mul(gs, g);
        if (m) v_store(m + i, step, lanes);
        v_store(w + i, v_fnma(lr, step, v_mul(keep, v_load(w + i, lanes))), lanes);
    });
}

static float dot(const float *x, const float *y, int n)
{
    v16 sum = v_set1(0.0f);
    EACH16(i, n, { sum = v_fma(v_load(x + i, lanes), v_load(y + i, lanes), sum); });
    return v_sum(sum);
}

static void scale(float *y, const float *x, float a, int n)
{
    v16 va = v_set1(a);
    EACH16(i, n, { v_store(y + i, v_mul(va, v_load(x + i, lanes)), lanes); });
}

static void axpy(float *y, const float *x, float a, int n)
{
    v16 va = v_set1(a);
    EACH16(i, n, { v_store(y + i, v_fma(va, v_load(x + i, lanes), v_load(y + i, lanes)), lanes); });
}

static void mul(float *y, const float *x, int64_t n)
{
    EACH16(i, n, { v_store(y + i, v_mul(v_load(y + i, lanes), v_load(x + i, lanes)), lanes); });
}

static void softcap(float *x, float *slope, float cap, int64_t n)
{
    v16 c = v_set1(cap);
    v16 one = v_set1(1.0f);
    EACH16(i, n, {
        v16 t = v_tanh(v_div(v_load(x + i, lanes), c));
        v_store(x + i, v_mul(c, t), lanes);
        if (slope) v_store(slope + i, v_fnma(t, t, one), lanes);
    });
}

static void drop_mask(float *mask, uint64_t key, uint32_t first, int n, uint32_t threshold, float keep)
{
    for (int j = 0; j < n; j++) mask[j] = lf__drop_word(key, first + (uint32_t)j) >= threshold ? keep : 0.0f;
}

LF_INLINE float softmax_row(float *s, int visible, float *m, float *l)
{
    v16 low = v_set1(-INFINITY);
    if (visible <= 0) { /* perhaps no key was visible so far: m may still be -inf */
        for (int i = 0; i < 4; i++) v_store(s + 16 * i, v_set1(0.0f), 16);
        return 1.0f;
    }
    v16 x[4];
    v16 max = v_set1(*m);
    for (int i = 0; i < 4; i++) {
        x[i] = v_keep(v_load(s + 16 * i, 16), LF_MAX(0, visible - 16 * i), low);
        max = v_max(x[i], max);
    }
    float top = v_max_lane(max);
    v16 t = v_set1(top);
    v16 sum = v_set1(0.0f);
    for (int i = 0; i < 4; i++) {
        x[i] = v_exp(v_sub(x[i], t));
        sum = v_add(sum, x[i]);
        v_store(s + 16 * i, x[i], 16);
    }
    float carry = 1.0f;
    if (top != *m) carry = v_first(v_exp(v_set1(*m - top)));
    *l = fmaf(*l, carry, v_sum(sum));
    *m = top;
    return carry;
}

static void softmax_block(float *s, ptrdiff_t ld, const int *visible, int rows, float *m, float *l, float *carry)
{
    for (int r = 0; r < rows; r++) carry[r] = softmax_row(s + r * ld, visible[r], &m[r], &l[r]);
}

static void softmax_grad_block(float *s, float *dp, ptrdiff_t ld, const int *visible, int rows, const float *lse, const float *delta)
{
    v16 zero = v_set1(0.0f);
    for (int r = 0; r < rows; r++, s += ld, dp += ld) {
        v16 shift = v_set1(lse[r]);
        v16 d = v_set1(delta[r]);
        for (int i = 0; i < 4; i++) {
            int lanes = LF_MAX(0, visible[r] - 16 * i);
            v16 p = v_keep(v_exp(v_sub(v_load(s + 16 * i, 16), shift)), lanes, zero);
            v_store(s + 16 * i, p, 16);
            v_store(dp + 16 * i, v_keep(v_mul(p, v_sub(v_load(dp + 16 * i, 16), d)), lanes, zero), 16);
        }
    }
}

/* ---- blocks of keys and values ---- */
static void kv_widen(float *panel, const lf_pair *src, int lines)
{
    for (; lines > 0; lines--, src += LF_PANEL, panel += 2 * LF_PANEL) {
        for (int h = 0; h < LF_PANEL; h += 16) {
            v16 even, odd;
            v_open_pairs(src + h, &even, &odd);
            v_store(panel + h, even, 16);
            v_store(panel + LF_PANEL + h, odd, 16);
        }
    }
}

static void kv_keys(float *panel, const uint16_t *scale, const int8_t *bytes, int lines)
{
    for (int i = 0; i < lines; i += LF_HALF, scale += LF_PANEL) {
        for (int h = 0; h < LF_PANEL; h += 16) {
            v16 s = v_open_halves(scale + h);
            for (int j = i; j < LF_MIN(lines, i + LF_HALF); j++) {
                v16 even, odd;
                v_open_bytes(bytes + (j * LF_PANEL + h) * 2, &even, &odd);
                v_store(panel + 2 * j * LF_PANEL + h, v_mul(even, s), 16);
                v_store(panel + (2 * j + 1) * LF_PANEL + h, v_mul(odd, s), 16);
            }
        }
    }
}

static void kv_values(float *panel, const uint16_t *scale, const int8_t *bytes, int lines)
{
    float s[16];
    for (int i = 0; i < 2 * lines; i++, scale++) {
        if (i % 16 == 0) v_store(s, v_open_halves(scale), LF_MIN(16, 2 * lines - i));
        if (i % 2) continue;
        v16 first = v_set1(s[i % 16]);
        v16 second = v_set1(s[i % 16 + 1]);
        for (int h = 0; h < LF_PANEL; h += 16) {
            v16 even, odd;
            v_open_bytes(bytes + i * LF_PANEL + 2 * h, &even, &odd);
            v_store(panel + i * LF_PANEL + h, v_mul(even, first), 16);
            v_store(panel + (i + 1) * LF_PANEL + h, v_mul(odd, second), 16);
        }
    }
}

/* Eight chains: two loads a cycle, which is what L1 gives. */
static float read_loop(const float *x, int64_t n)
{
    v16 s[8];
    for (int j = 0; j < 8; j++) s[j] = v_set1(0.0f);
    for (int64_t i = 0; i + 128 <= n; i += 128) {
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) s[j] = v_add(s[j], v_load(x + i + 16 * j, 16));
    }
    for (int j = 1; j < 8; j++) s[0] = v_add(s[0], s[j]);
    return v_sum(s[0]);
}

static void fill_row_kernels(lf_kernels *k)
{
    k->read_loop = read_loop;
    k->rmsnorm = rmsnorm;
    k->rmsnorm_grad = rmsnorm_grad;
    k->rmsnorm_grad_w = rmsnorm_grad_w;
    k->layernorm = layernorm;
    k->layernorm_grad = layernorm_grad;
    k->layernorm_grad_w = layernorm_grad_w;
    k->rope = rope;
    k->act = act;
    k->act_grad = act_grad;
    k->swiglu = swiglu;
    k->swiglu_grad = swiglu_grad;
    k->cross_entropy = cross_entropy;
    k->add = add;
    k->axpby = axpby;
    k->sum_squares = sum_squares;
    k->all_finite = all_finite;
    k->step[LF_STEP_ADAMW] = adamw;
    k->step[LF_STEP_LION] = lion;
    k->step[LF_STEP_MOMENTUM] = momentum;
    k->dot = dot;
    k->scale = scale;
    k->axpy = axpy;
    k->mul = mul;
    k->softcap = softcap;
    k->drop_mask = drop_mask;
    k->softmax_block = softmax_block;
    k->kv_widen = kv_widen;
    k->kv_keys = kv_keys;
    k->kv_values = kv_values;
    k->softmax_grad_block = softmax_grad_block;
}
