/* mathx.c - elementary functions with the same bits on every machine: libm is free to differ between versions, this file is not.
 * Only +, -, *, / and comparisons in round-to-nearest double, in the order written (-ffp-contract=off). No state; safe from any thread.
 * Method throughout: reduce the argument exactly, evaluate a Taylor polynomial that is past its last useful term, put it together.
 * Where one double is too narrow, a value is carried as an unevaluated sum hi + lo (Dekker 1971). */
#include "base/base.h"

#include <math.h>
#include <string.h>

#define LOG2E      0x1.71547652b82fep+0
#define LN2_HI     0x1.62e42fefa3800p-1 /* 42 bits: k * LN2_HI is exact for |k| < 2^11 */
#define LN2_LO     0x1.ef35793c76730p-45
#define LN2_LO2    0x1.f97b57a079a19p-103
#define TO_INTEGER 0x1.8p52 /* adding and subtracting it rounds |x| < 2^51 to the nearest integer, ties to even */

static uint64_t bits_of(double x)
{
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static double of_bits(uint64_t b)
{
    double x;
    memcpy(&x, &b, sizeof x);
    return x;
}

static double power_of_two(int k) { return of_bits((uint64_t)(k + 1023) << 52); } /* -1022 <= k <= 1023 */

/* ---- hi + lo ---------------------------------------------------------------------------------------------------------------- */

typedef struct pair {
    double hi, lo;
} pair;

static pair two_sum(double a, double b)
{
    double s = a + b, t = s - a;
    return (pair){s, (a - (s - t)) + (b - t)};
}

static pair two_product(double a, double b) /* exact while |a|, |b| < 2^995 */
{
    double p = a * b, ta = 0x1.0000002p27 * a, tb = 0x1.0000002p27 * b; /* 2^27 + 1 splits 53 bits in halves */
    double ah = ta - (ta - a), al = a - ah, bh = tb - (tb - b), bl = b - bh;
    return (pair){p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}

static pair pair_add(pair a, pair b)
{
    pair s = two_sum(a.hi, b.hi);
    return two_sum(s.hi, s.lo + (a.lo + b.lo));
}

static pair pair_mul(pair a, pair b)
{
    pair p = two_product(a.hi, b.hi);
    return two_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

/* ---- exp, tanh --------------------------------------------------------------------------------------------------------------- */

/* e^r - 1 for |r| <= ln 2 / 2: the next term, r^14 / 14!, is below 2^-57 of the sum. */
static double expm1_small(double r)
{
    static const double c[] = {0x1.6124613a86d09p-33, 0x1.1eed8eff8d898p-29, 0x1.ae64567f544e4p-26, 0x1.27e4fb7789f5cp-22,
                               0x1.71de3a556c734p-19, 0x1.a01a01a01a01ap-16, 0x1.a01a01a01a01ap-13, 0x1.6c16c16c16c17p-10,
                               0x1.1111111111111p-7,  0x1.5555555555555p-5,  0x1.5555555555555p-3,  0.5}; /* 1/13! ... 1/2! */
    double s = c[0];
    for (size_t i = 1; i < LF_COUNT(c); i++) s = s * r + c[i];
    return r + r * r * s;
}

/* x + tail, the tail at most a few ulp of x: what pow needs. */
static double exp_with_tail(double x, double tail)
{
    if (x != x) return x;
    if (x > 709.79) return INFINITY;
    if (x < -745.2) return 0.0;
    double kd = (x * LOG2E + TO_INTEGER) - TO_INTEGER;
    int k = (int)kd;
    double m = expm1_small((x - kd * LN2_HI) - (kd * LN2_LO - tail));
    /* 2^k in two factors: k = 1024 and the subnormals are out of reach of one */
    int half = k / 2;
    return (1.0 + m) * power_of_two(half) * power_of_two(k - half);
}

double lf__exp(double x) { return exp_with_tail(x, 0.0); }

/* (e^2x - 1) / (e^2x + 1), e^2x - 1 kept whole where it is small. */
double lf__tanh(double x)
{
    if (x != x) return x;
    double a = x < 0 ? -x : x, t;
    if (a > 22) {
        t = 1.0;
    } else if (a >= 0.5) {
        t = 1.0 - 2.0 / (lf__exp(2 * a) + 1.0);
    } else {
        double kd = (2 * a * LOG2E + TO_INTEGER) - TO_INTEGER, m = expm1_small((2 * a - kd * LN2_HI) - kd * LN2_LO);
        if (kd != 0.0) m = 2 * m + 1; /* kd is 0 or 1 here */
        t = m / (m + 2.0);
    }
    return x < 0 ? -t : x == 0 ? x : t;
}

/* ---- ln, pow ----------------------------------------------------------------------------------------------------------------- */

/* x = 2^k * m with m in [sqrt(1/2), sqrt(2)); x positive and finite. */
static double split_exponent(double x, int *k)
{
    int e = 0;
    if (x < 0x1p-1022) x *= 0x1p54, e = -54;
    uint64_t b = bits_of(x);
    e += (int)(b >> 52) - 1023;
    double m = of_bits((b & UINT64_C(0x000fffffffffffff)) | UINT64_C(0x3ff0000000000000));
    if (m >= 0x1.6a09e667f3bcdp+0) m *= 0.5, e++;
    *k = e;
    return m;
}

/* ln m = 2 atanh(s), s = (m - 1) / (m + 1), |s| <= 0.1716: this is sum of s^2i / (2i + 1) for i >= from, over s^2from. */
static double atanh_series(double z, int from)
{
    static const double c[] = {1.0,        1.0 / 3.0,  1.0 / 5.0,  1.0 / 7.0,  1.0 / 9.0,  1.0 / 11.0,
                               1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0, 1.0 / 19.0, 1.0 / 21.0, 1.0 / 23.0};
    double sum = 0.0;
    for (int i = (int)LF_COUNT(c) - 1; i >= from; i--) sum = sum * z + c[i];
    return sum;
}

double lf__ln(double x)
{
    if (x != x || x < 0) return NAN;
    if (x == 0) return -INFINITY;
    if (x == INFINITY) return x;
    int k;
    double f = split_exponent(x, &k) - 1.0, s = f / (2.0 + f), z = s * s;
    /* 2s = f - s f: f is exact and leads the sum, so the rounding of the quotient only touches the smaller part */
    double rest = s * (f - 2.0 * z * atanh_series(z, 1));
    return k * LN2_HI + (f - (rest - k * LN2_LO));
}

/* ln x to about 2^-66 of its size. */
static pair ln_pair(double x)
{
    static const pair third = {0x1.5555555555555p-2, 0x1.5555555555555p-56}, fifth = {0x1.999999999999ap-3, -0x1.999999999999ap-57};
    int k;
    double f = split_exponent(x, &k) - 1.0;
    pair den = two_sum(2.0, f);
    double s0 = f / den.hi;
    pair back = two_product(s0, den.hi);
    pair s = two_sum(s0, ((f - back.hi) - back.lo - s0 * den.lo) / den.hi);
    pair z = pair_mul(s, s);
    pair series = pair_add(fifth, (pair){z.hi * atanh_series(z.hi, 3), 0.0});
    series = pair_add(third, pair_mul(z, series));
    pair ln_m = pair_mul(s, pair_mul(z, series));
    ln_m = pair_add(s, ln_m);
    ln_m.hi *= 2, ln_m.lo *= 2;
    pair k_ln2 = two_sum(k * LN2_HI, k * LN2_LO);
    k_ln2.lo += k * LN2_LO2;
    return pair_add(k_ln2, ln_m);
}

double lf__pow(double x, double y)
{
    if (y == 0 || x == 1) return 1.0;
    if (x != x || y != y || x < 0) return NAN;
    if (x == 0) return y > 0 ? 0.0 : INFINITY;
    if (x == INFINITY) return y > 0 ? x : 0.0;
    pair l = ln_pair(x);
    double rough = y * l.hi;
    if (rough > 800) return INFINITY;
    if (rough < -800) return 0.0;
    if (rough == 0 || y > 0x1p900 || y < -0x1p900) return 1.0; /* |ln x| >= 2^-53: so far out the product is past 800 already */
    pair p = two_product(y, l.hi);
    return exp_with_tail(p.hi, p.lo + y * l.lo);
}

/* ---- sin, cos ---------------------------------------------------------------------------------------------------------------- */

/* x - q pi/2 in [-pi/4, pi/4] as hi + lo, q modulo 4. pi/2 is three doubles (159 bits) and each product is exact, so that an x of
 * 2^40 that lies within 2^-60 of a multiple keeps all its bits. */
static pair reduce(double x, int *quadrant)
{
    double q = (x * 0x1.45f306dc9c883p-1 + TO_INTEGER) - TO_INTEGER;
    pair a = two_product(q, 0x1.921fb54442d18p+0), b = two_product(q, 0x1.1a62633145c07p-54);
    pair r = two_sum(x - a.hi, -a.lo), t = two_sum(r.hi, -b.hi);
    t = two_sum(t.hi, (r.lo + t.lo) - b.lo - q * -0x1.f1976b7ed8fbcp-110);
    *quadrant = (int)((int64_t)q & 3);
    return t;
}

static double sin_small(pair r)
{
    static const double c[] = {0x1.952c77030ad4ap-49, -0x1.ae7f3e733b81fp-41, 0x1.6124613a86d09p-33, -0x1.ae64567f544e4p-26,
                               0x1.71de3a556c734p-19, -0x1.a01a01a01a01ap-13, 0x1.1111111111111p-7,  -0x1.5555555555555p-3};
    double z = r.hi * r.hi, s = c[0]; /* 1/17! ... -1/3! */
    for (size_t i = 1; i < LF_COUNT(c); i++) s = s * z + c[i];
    return r.hi + (r.hi * z * s + r.lo * (1.0 - 0.5 * z));
}

static double cos_small(pair r)
{
    static const double c[] = {0x1.ae7f3e733b81fp-45, -0x1.93974a8c07c9dp-37, 0x1.1eed8eff8d898p-29, -0x1.27e4fb7789f5cp-22,
                               0x1.a01a01a01a01ap-16, -0x1.6c16c16c16c17p-10, 0x1.5555555555555p-5};
    double z = r.hi * r.hi, s = c[0], half = 0.5 * z, w = 1.0 - half; /* 1/16! ... 1/4! */
    for (size_t i = 1; i < LF_COUNT(c); i++) s = s * z + c[i];
    return w + (((1.0 - w) - half) + (z * z * s - r.hi * r.lo));
}

static double sin_shifted(double x, int shift)
{
    if (!(x >= -0x1p50 && x <= 0x1p50)) return NAN; /* infinities, NaN, and arguments whose last bit is no longer an angle */
    int quadrant;
    pair r = reduce(x, &quadrant);
    quadrant = (quadrant + shift) & 3;
    double v = quadrant & 1 ? cos_small(r) : sin_small(r);
    return quadrant & 2 ? -v : v;
}

double lf__sin(double x) { return x == 0 ? x : sin_shifted(x, 0); }
double lf__cos(double x) { return sin_shifted(x, 1); }
