/* quantize.c - float to quantized blocks in the layouts of blocks.c. Types of 32 go as ggml's reference does, byte for byte, when nobody
 * says what matters; everything else is a search for the least weighted squared error. The same bits on every machine: sums have eight
 * lanes in a fixed order, and no libm but sqrtf. NaN and infinity in, nonsense out, but never undefined. No state; any thread. */
#include "tensor/blocks.h"

#include <math.h>
#include <string.h>

enum { MAX = 32 }; /* elements that share a scale */

/* ---- small things ---------------------------------------------------------------------------------------------------------------- */
static inline float put_half(uint8_t *p, float x) /* returns what will be read back */
{
    uint16_t h = lf__f32_to_f16(x);
    p[0] = (uint8_t)h, p[1] = (uint8_t)(h >> 8);
    return lf__f16_to_f32(h);
}

static inline float inverse(float d) { return d != 0 ? 1 / d : 0; }

/* Into [lo, hi], NaN to lo; then to the nearest whole number, ties to even: 1.5 * 2^23 leaves no bits for a fraction. */
static inline float nearest(float x, float lo, float hi)
{
    x = x > lo ? x : lo;
    x = x < hi ? x : hi;
    return (x + 12582912.0f) - 12582912.0f;
}

/* Eight lanes, as two vectors of four (a GNU extension that every target compiles, to scalars if need be). */
typedef float f4 __attribute__((vector_size(16)));
typedef int32_t i4 __attribute__((vector_size(16)));

static inline f4 load4(const float *p)
{
    f4 v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline float sum_lanes(f4 low, f4 high)
{
    f4 s = low + high;
    return (s[0] + s[2]) + (s[1] + s[3]);
}

static inline float sum(const float *a, int n)
{
    f4 low = {0}, high = {0};
    for (int i = 0; i < n; i += 8) low += load4(a + i), high += load4(a + i + 4);
    return sum_lanes(low, high);
}

static inline float dot(const float *a, const float *b, int n)
{
    f4 low = {0}, high = {0};
    for (int i = 0; i < n; i += 8) low += load4(a + i) * load4(b + i), high += load4(a + i + 4) * load4(b + i + 4);
    return sum_lanes(low, high);
}

/* The element furthest from zero, with its sign. */
static inline float extreme(const float *x, int n)
{
    float top = 0, at = 0;
    for (int i = 0; i < n; i++)
        if (fabsf(x[i]) > top) top = fabsf(x[i]), at = x[i];
    return at;
}

static inline void range_of(const float *x, int n, float *lo, float *hi)
{
    *lo = *hi = x[0];
    for (int i = 1; i < n; i++) {
        if (x[i] < *lo) *lo = x[i];
        if (x[i] > *hi) *hi = x[i];
    }
}

static void put_nibbles(uint8_t *out, const uint8_t q[32])
{
    for (int j = 0; j < 16; j++) out[j] = (uint8_t)((q[j] & 15) | (q[j + 16] & 15) << 4);
}

static void put_fifth_bits(uint8_t out[4], const uint8_t q[32])
{
    memset(out, 0, 4);
    for (int j = 0; j < 32; j++) out[j / 8] = (uint8_t)(out[j / 8] | (q[j] >> 4 & 1) << j % 8);
}

/* ---- the searches ---------------------------------------------------------------------------------------------------------------- */
/* For a given rounding q, d (and min) with the least sum of w (d q + min - x)^2 solve one (two) linear equations; so a search goes over
 * roundings. Each candidate is the rounding under one trial scale, near the one that spends all levels on the range of x. What is compared
 * is the error less the constant sum of w x^2. */
typedef struct sums {
    float q, qq, qx; /* of w q, w q q, w q x */
} sums;

static sums sums_of(const float *x, const float *y, const float *w, int n, float scale, float lo, float hi)
{
    float q[MAX];
    f4 s[3][2] = {0};
    for (int i = 0; i < n; i++) q[i] = nearest(y[i] * scale, lo, hi);
    for (int i = 0; i < n; i += 8)
        for (int k = 0; k < 2; k++) {
            f4 level = load4(q + i + 4 * k), wq = load4(w + i + 4 * k) * level;
            s[0][k] += wq, s[1][k] += wq * level, s[2][k] += wq * load4(x + i + 4 * k);
        }
    return (sums){sum_lanes(s[0][0], s[0][1]), sum_lanes(s[1][0], s[1][1]), sum_lanes(s[2][0], s[2][1])};
}

/* d of the best d q, q in [-levels, levels - 1]: the best of the trial scales around the one that puts the extreme on -levels; then
 * improved by turns: elements rounded under d, d solved for again. 0 for zeros. */
static inline float fit_scale(const float *x, const float *w, int n, int levels)
{
    enum { TRIALS = 19, TURNS = 5 };
    float at = extreme(x, n), best = 0, d = 0;
    if (at == 0) return 0;
    for (int step = 0; step < TRIALS + TURNS; step++) {
        float trial = step < TRIALS ? -((float)levels + 0.1f * (float)(step - TRIALS / 2)) / at : inverse(d);
        sums s = sums_of(x, x, w, n, trial, (float)-levels, (float)levels - 1);
        if (s.qq > 0 && s.qx * s.qx > best * s.qq)
            best = s.qx * s.qx / s.qq, d = s.qx / s.qq;
        else if (step >= TRIALS)
            break;
    }
    return d;
}

/* A rounding by its sums, and the d and low >= 0 of the d q - low that fits it best. */
typedef struct affine {
    float d, low;
    float w, x; /* the sums of w and of w x */
    sums s;
} affine;

/* The error under d and low, less the sum of w x^2. */
static inline float affine_error(const affine *f, float d, float low)
{
    return d * (d * f->s.qq - 2 * (low * f->s.q + f->s.qx)) + low * (low * f->w + 2 * f->x);
}

/* q in [0, levels - 1]: the best of the trial scales that spend levels - 1 + from, ... levels on the range of x; then improved by turns:
 * elements rounded under (d, low), both solved for again. */
static inline affine fit_affine(const float *x, const float *w, int levels, float from, float by, int steps)
{
    enum { TURNS = 5, n = 32 };
    float lo, hi, y[n], best = INFINITY;
    range_of(x, n, &lo, &hi);
    if (lo > 0) lo = 0;
    affine f = {.low = -lo};
    if (!(hi > lo)) return f;
    for (int i = 0; i < n; i++) y[i] = x[i] - lo;
    f.w = sum(w, n), f.x = dot(w, x, n);
    for (int step = 0; step < steps + TURNS; step++) {
        float trial = ((float)(levels - 1) + from + by * (float)step) / (hi - lo);
        if (step >= steps) {
            if (!(f.d > 0)) break;
            for (int i = 0; i < n; i++) y[i] = x[i] + f.low;
            trial = 1 / f.d;
        }
        affine t = {.w = f.w, .x = f.x, .s = sums_of(x, y, w, n, trial, 0, (float)(levels - 1))};
        if (!(t.s.qq > 0)) continue;
        float det = t.w * t.s.qq - t.s.q * t.s.q;
        t.d = (t.w * t.s.qx - t.x * t.s.q) / det, t.low = (t.s.q * t.s.qx - t.s.qq * t.x) / det;
        if (!(det > 1e-6f * t.w * t.s.qq) || t.low < 0) t.low = 0, t.d = t.s.qx / t.s.qq; /* one level for all: one unknown */
        float e = affine_error(&t, t.d, t.low);
        if (e < best)
            best = e, f = t;
        else if (step >= steps)
            break;
    }
    return f;
}

/* Where nothing weighs anything (columns that were never used), everything does. */
static void never_zero(float *w, int n)
{
    if (sum(w, n) > 0) return;
    for (int i = 0; i < n; i++) w[i] = 1;
}

/* What the squared error of each element weighs: the importance that the caller names, times the magnitude within reason, as ggml does. */
static void weigh(float *w, const float *x, const float *importance, int n, float mean_square)
{
    for (int i = 0; i < n; i++) w[i] = importance[i] * sqrtf(2 * mean_square + x[i] * x[i]);
    never_zero(w, n);
}

/* ---- blocks of 32 ----------------------------------------------------------------------------------------------------------------- */
/* q = x / d + levels, of [0, 2 levels). Without importance, the extreme element gets the level -levels exactly, as in ggml's reference. */
static void quantize_symmetric(uint8_t *half, uint8_t q[32], const float *x, const float *importance, int levels)
{
    float w[32], d, id;
    if (importance) {
        weigh(w, x, importance, 32, dot(x, x, 32) / 32);
        d = put_half(half, fit_scale(x, w, 32, levels));
        id = inverse(d);
        for (int j = 0; j < 32; j++) q[j] = (uint8_t)(nearest(x[j] * id, (float)-levels, (float)(levels - 1)) + (float)levels);
        return;
    }
    d = extreme(x, 32) / (float)-levels, id = inverse(d);
    for (int j = 0; j < 32; j++) {
        float v = x[j] * id + ((float)levels + 0.5f), top = (float)(2 * levels - 1);
        v = v > 0 ? v : 0;
        q[j] = (uint8_t)(v < top ? v : top);
    }
    put_half(half, d);
}

static void quantize_affine(uint8_t *half, uint8_t q[32], const float *x, const float *importance, int levels)
{
    float w[32], lo, hi, d, id, top = (float)(levels - 1);
    if (importance) {
        weigh(w, x, importance, 32, dot(x, x, 32) / 32);
        affine f = fit_affine(x, w, levels, -0.9f, 0.05f, 36);
        d = put_half(half, f.d), lo = put_half(half + 2, -f.low);
        id = inverse(d);
        for (int j = 0; j < 32; j++) q[j] = (uint8_t)nearest((x[j] - lo) * id, 0, top);
        return;
    }
    range_of(x, 32, &lo, &hi);
    d = (hi - lo) / top, id = inverse(d);
    for (int j = 0; j < 32; j++) {
        float v = (x[j] - lo) * id + 0.5f;
        v = v > 0 ? v : 0;
        q[j] = (uint8_t)(v < top ? v : top);
    }
    put_half(half, d);
    put_half(half + 2, lo);
}

void lf__q4_0_from_float(void *out, const float *in, size_t n, const float *importance)
{
    uint8_t *b = out, q[32];
    for (size_t i = 0; i < n; i += 32, b += 18) {
        quantize_symmetric(b, q, in + i, importance ? importance + i : NULL, 8);
        put_nibbles(b + 2, q);
    }
}

void lf__q5_0_from_float(void *out, const float *in, size_t n, const float *importance)
{
    uint8_t *b = out, q[32];
    for (size_t i = 0; i < n; i += 32, b += 22) {
        quantize_symmetric(b, q, in + i, importance ? importance + i : NULL, 16);
        put_fifth_bits(b + 2, q);
        put_nibbles(b + 6, q);
    }
}

void lf__q4_1_from_float(void *out, const float *in, size_t n, const float *importance)
{
    uint8_t *b = out, q[32];
    for (size_t i = 0; i < n; i += 32, b += 20) {
        quantize_affine(b, q, in + i, importance ? importance + i : NULL, 16);
        put_nibbles(b + 4, q);
    }
}

void lf__q5_1_from_float(void *out, const float *in, size_t n, const float *importance)
{
    uint8_t *b = out, q[32];
    for (size_t i = 0; i < n; i += 32, b += 24) {
        quantize_affine(b, q, in + i, importance ? importance + i : NULL, 32);
        put_fifth_bits(b + 4, q);
        put_nibbles(b + 8, q);
    }
}

/* At 8 bits importance does not matter: the error is 1/254 of the extreme at most. Halves are rounded away from zero, as ggml does. */
void lf__q8_0_from_float(void *out, const float *in, size_t n, const float *importance)
{
    LF_UNUSED(importance);
    uint8_t *b = out;
    for (size_t i = 0; i < n; i += 32, b += 34) {
        float d = fabsf(extreme(in + i, 32)) / 127, id = inverse(d);
        put_half(b, d);
        for (size_t j = 0; j < 32; j++) {
            float v = in[i + j] * id, a = fabsf(v) + 0.5f; /* exact: |v| <= 127 and a few roundings */
            int level = (int)(a < 128 ? a : 127);
            b[2 + j] = (uint8_t)(int8_t)(v < 0 ? -level : level);
        }
    }
}

/* ---- IQ4_NL -------------------------------------------------------------------------------------------------------------------------- */
/* The nearest of the 16 levels for 32 elements: from the lowest, a step up at every midpoint that lies below. */
static void nearest_levels(float level[32], const float *x, float scale)
{
    for (int j = 0; j < 32; j += 4) {
        f4 v = load4(x + j) * scale, at = {-127, -127, -127, -127};
        for (int k = 1; k < 16; k++) {
            float below = lf__iq4_levels[k - 1], above = lf__iq4_levels[k], middle = 0.5f * (below + above), up = above - below;
            f4 step = {up, up, up, up};
            at += (f4)((v > middle) & (i4)step);
        }
        memcpy(level + j, &at, sizeof at);
    }
}

static inline sums level_sums(const float *x, const float *w, float scale)
{
    float level[32], wl[32];
    nearest_levels(level, x, scale);
    for (int j = 0; j < 32; j++) wl[j] = w[j] * level[j];
    return (sums){.qq = dot(wl, level, 32), .qx = dot(wl, x, 32)};
}

/* The levels are not symmetric: trial scales put the extreme around the lowest, then around the highest. */
static float fit_levels(const float *x, const float *w)
{
    enum { TRIALS = 15 };
    float at = extreme(x, 32), best = 0, d = 0;
    if (at == 0) return 0;
    for (int step = 0; step < 2 * TRIALS; step++) {
        float end = (float)lf__iq4_levels[step < TRIALS ? 0 : 15] + (float)(step % TRIALS - TRIALS / 2);
        sums s = level_sums(x, w, end / at);
        if (s.qq > 0 && s.qx * s.qx > best * s.qq) best = s.qx * s.qx / s.qq, d = s.qx / s.qq;
    }
    return d;
}

void lf__iq4_nl_from_float(void *out, const float *in, size_t n, const float *importance)
{
    uint8_t *b = out, q[32];
    for (size_t i = 0; i < n; i += 32, b += 18) {
        const float *x = in + i;
        float w[32], level[32];
        if (importance)
            weigh(w, x, importance + i, 32, dot(x, x, 32) / 32);
        else
            for (int j = 0; j < 32; j++) w[j] = x[j] * x[j];
        nearest_levels(level, x, inverse(put_half(b, fit_levels(x, w))));
        for (int j = 0; j < 32; j++)
            for (q[j] = 0; (float)lf__iq4_levels[q[j]] < level[j]; q[j]++) continue;
        put_nibbles(b + 2, q);
    }
}

/* ---- super-blocks with scales and mins: Q4_K, Q5_K ----------------------------------------------------------------------- */
typedef struct group8 {
    uint8_t scale[8], min[8]; /* 6 bits */
    float d, m;               /* what the halves say */
} group8;

/* d and m are halves now: of the multiples of m around the best low, each with the multiple of d that suits it, the pair that fits best. */
static void choose_multiples(group8 *g, int k, const affine *f)
{
    float id = inverse(g->d), im = inverse(g->m), best = INFINITY, first = nearest(f->low * im, 0, 63);
    g->scale[k] = g->min[k] = 0;
    if (f->s.qq <= 0) {
        g->min[k] = (uint8_t)first;
        return;
    }
    for (float t = first - 2; t <= first + 2; t++) {
        float min = nearest(t, 0, 63), scale = nearest((f->s.qx + min * g->m * f->s.q) / f->s.qq * id, 0, 63);
        float e = affine_error(f, scale * g->d, min * g->m);
        if (e < best) best = e, g->scale[k] = (uint8_t)scale, g->min[k] = (uint8_t)min;
    }
}

/* The eight groups of 32 are fitted each for itself; then their scales and lows become multiples of d and m, and the elements are rounded
 * under what will be read back. q: 256 levels. */
static void quantize_groups(group8 *g, uint8_t *halves, uint8_t *q, const float *x, const float *importance, int levels)
{
    affine f[8];
    float w[32], scale = 0, low = 0, mean_square = 0;
    for (int k = 0; k < 8 && importance; k++) mean_square += dot(x + 32 * k, x + 32 * k, 32) / LF_SUPER;
    for (int k = 0; k < 8; k++) {
        const float *xk = x + 32 * k;
        if (importance) {
            weigh(w, xk, importance + 32 * k, 32, mean_square);
        } else {
            float root = sqrtf(dot(xk, xk, 32) / 32);
            for (int j = 0; j < 32; j++) w[j] = root + fabsf(xk[j]);
        }
        f[k] = fit_affine(xk, w, levels, -1, 0.1f, 21);
        scale = f[k].d > scale ? f[k].d : scale, low = f[k].low > low ? f[k].low : low;
    }
    g->d = put_half(halves, scale / 63), g->m = put_half(halves + 2, low / 63);
    for (int k = 0; k < 8; k++) {
        choose_multiples(g, k, &f[k]);
        float id = inverse(g->d * (float)g->scale[k]), min = g->m * (float)g->min[k];
        for (int j = 32 * k; j < 32 * k + 32; j++) q[j] = (uint8_t)nearest((x[j] + min) * id, 0, (float)(levels - 1));
    }
}

static void put_scales(uint8_t out[12], const group8 *g)
{
    for (int k = 0; k < 4; k++) {
        out[k] = (uint8_t)(g->scale[k] | g->scale[k + 4] >> 4 << 6);
        out[k + 4] = (uint8_t)(g->min[k] | g->min[k + 4] >> 4 << 6);
        out[k + 8] = (uint8_t)((g->scale[k + 4] & 15) | (g->min[k + 4] & 15) << 4);
    }
}

static void put_group_nibbles(uint8_t out[128], const uint8_t *q)
{
    for (int k = 0; k < 4; k++)
        for (int j = 0; j < 32; j++) out[32 * k + j] = (uint8_t)((q[64 * k + j] & 15) | (q[64 * k + 32 + j] & 15) << 4);
}

void lf__q4_k_from_float(void *out, const float *in, size_t n, const float *importance)
{
    uint8_t *b = out, q[LF_SUPER];
    for (size_t i = 0; i < n; i += LF_SUPER, b += 144) {
        group8 g;
        quantize_groups(&g, b, q, in + i, importance ? importance + i : NULL, 16);
        put_scales(b + 4, &g);
        put_group_nibbles(b + 16, q);
    }
}

void lf__q5_k_from_float(void *out, const float *in, size_t n, const float *importance)
{
    uint8_t *b = out, q[LF_SUPER];
    for (size_t i = 0; i < n; i += LF_SUPER, b += 176) {
        group8 g;
        quantize_groups(&g, b, q, in + i, importance ? importance + i : NULL, 32);
        put_scales(b + 4, &g);
        memset(b + 16, 0, 32);
        for (int k = 0; k < 8; k++)
            for (int j = 0; j < 32; j++) b[16 + j] = (uint8_t)(b[16 + j] | q[32 * k + j] >> 4 << k);
        put_group_nibbles(b + 48, q);
    }
}

/* ---- Q6_K ---------------------------------------------------------------------------------------------------------------- */
void lf__q6_k_from_float(void *out, const float *in, size_t n, const float *importance)
{
    uint8_t *b = out, q[LF_SUPER];
    for (size_t i = 0; i < n; i += LF_SUPER, b += 210) {
        const float *x = in + i;
        float w[16], scale[16];
        for (int k = 0; k < 16; k++) {
            for (int j = 0; j < 16; j++) w[j] = importance ? importance[i + (size_t)(16 * k + j)] : x[16 * k + j] * x[16 * k + j];
            never_zero(w, 16);
            scale[k] = fit_scale(x + 16 * k, w, 16, 32);
        }
        float top = extreme(scale, 16), id = top != 0 ? -128 / top : 0, d = put_half(b + 208, inverse(id));
        for (int k = 0; k < 16; k++) {
            float s = nearest(scale[k] * id, -128, 127), is = inverse(d * s);
            b[192 + k] = (uint8_t)(int8_t)s;
            for (int j = 16 * k; j < 16 * k + 16; j++) q[j] = (uint8_t)(nearest(x[j] * is, -32, 31) + 32);
        }
        for (int half = 0; half < 2; half++)
            for (int j = 0; j < 32; j++) {
                const uint8_t *p = q + 128 * half + j;
                b[64 * half + j] = (uint8_t)((p[0] & 15) | (p[64] & 15) << 4);
                b[64 * half + 32 + j] = (uint8_t)((p[32] & 15) | (p[96] & 15) << 4);
                b[128 + 32 * half + j] = (uint8_t)(p[0] >> 4 | p[32] >> 4 << 2 | p[64] >> 4 << 4 | p[96] >> 4 << 6);
            }
    }
}
