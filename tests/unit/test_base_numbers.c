/* Numbers of the ground floor: elementary functions against libm in long double, Philox against its published vectors,
 * permutations against the definition of a bijection. */
#include "base/base.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double relative(double got, long double want)
{
    if (want == 0) return got == 0 ? 0 : INFINITY;
    return (double)fabsl(((long double)got - want) / want);
}

/* n points spread over [lo, hi], or over the exponents of it. */
static double point(int i, int n, double lo, double hi, int logarithmic)
{
    double u = ((double)i + 0.37) / n;
    return logarithmic ? exp(log(lo) + u * (log(hi) - log(lo))) : lo + u * (hi - lo);
}

typedef struct span {
    const char *name;
    double (*ours)(double);
    long double (*libm)(long double);
    double lo, hi;
    int logarithmic;
} span;

static void elementary_functions_follow_libm(void **state)
{
    (void)state;
    static const span spans[] = {
        {"exp", lf__exp, expl, -708, 709.7, 0},   {"exp", lf__exp, expl, -1e-3, 1e-3, 0},  {"ln", lf__ln, logl, 1e-300, 1e300, 1},
        {"ln", lf__ln, logl, 0.5, 2, 0},          {"ln", lf__ln, logl, 0.9999, 1.0001, 0}, {"sin", lf__sin, sinl, -10, 10, 0},
        {"sin", lf__sin, sinl, 1e-10, 0x1p40, 1}, {"cos", lf__cos, cosl, -10, 10, 0},      {"cos", lf__cos, cosl, 1e-10, 0x1p40, 1},
        {"tanh", lf__tanh, tanhl, -25, 25, 0},    {"tanh", lf__tanh, tanhl, 1e-12, 1, 1},
    };
    for (size_t s = 0; s < LF_COUNT(spans); s++) {
        const span *p = &spans[s];
        double worst = 0, at = 0;
        for (int i = 0; i < 100000; i++) {
            double x = point(i, 100000, p->lo, p->hi, p->logarithmic), e = relative(p->ours(x), p->libm(x));
            if (!(e <= worst)) worst = e, at = x;
        }
        print_message("%-5s [%10.3g, %10.3g]  max relative error %.2e\n", p->name, p->lo, p->hi, worst);
        if (!(worst <= 1e-15)) fail_msg("%s(%.17g) is off by %.3g", p->name, at, worst);
    }
}

static void pow_follows_libm(void **state)
{
    (void)state;
    double worst = 0;
    for (int i = 0; i < 100000; i++) {
        double x = point(i, 100000, 1e-30, 1e30, 1), y = point((int)(i * 7919LL % 100000), 100000, -10, 10, 0);
        worst = fmax(worst, relative(lf__pow(x, y), powl(x, y)));
        double base = point(i, 100000, 0.9, 1.1, 0), many = 5000.0 * y / 10;
        worst = fmax(worst, relative(lf__pow(base, many), powl(base, many)));
    }
    print_message("pow    max relative error %.2e\n", worst);
    assert_true(worst <= 1e-15);
    for (int i = -30; i <= 30; i++) assert_true(lf__pow(2, i) == ldexp(1, i));
    assert_true(lf__pow(10000.0, 0.5) == 100.0);
}

/* Multiples of pi/2 are where a careless reduction loses everything. */
static void sine_near_its_zeros(void **state)
{
    (void)state;
    for (int i = 1; i < 20000; i++) {
        double k = (double)(i < 10000 ? i : (i - 9999) * (int64_t)70368744LL), x = k * 1.5707963267948966;
        assert_true(relative(lf__sin(x), sinl(x)) <= 1e-15);
        assert_true(relative(lf__cos(x), cosl(x)) <= 1e-15);
    }
}

static void edges_of_the_functions(void **state)
{
    (void)state;
    assert_true(lf__exp(0) == 1 && lf__exp(-746) == 0 && lf__exp(710) == INFINITY && lf__exp(INFINITY) == INFINITY);
    assert_true(lf__exp(-INFINITY) == 0 && isnan(lf__exp(NAN)));
    assert_true(relative(lf__exp(-740), expl(-740)) < 1e-2); /* subnormal: few bits, but there */
    assert_true(relative(lf__exp(709.78), expl(709.78L)) < 1e-12);
    assert_true(lf__ln(1) == 0 && lf__ln(0) == -INFINITY && isnan(lf__ln(-1)) && isnan(lf__ln(NAN)) && lf__ln(INFINITY) == INFINITY);
    assert_true(relative(lf__ln(5e-324), logl(5e-324)) <= 1e-15);
    assert_true(lf__sin(0) == 0 && lf__cos(0) == 1 && isnan(lf__sin(INFINITY)) && isnan(lf__cos(NAN)));
    assert_true(lf__tanh(0) == 0 && lf__tanh(100) == 1 && lf__tanh(-INFINITY) == -1 && isnan(lf__tanh(NAN)));
    assert_true(lf__pow(0, 2) == 0 && lf__pow(0, -1) == INFINITY && lf__pow(5, 0) == 1 && isnan(lf__pow(-1, 2)));
    assert_true(lf__pow(2, 1e300) == INFINITY && lf__pow(0.5, 1e300) == 0 && lf__pow(1, INFINITY) == 1 && lf__pow(2, -INFINITY) == 0);
    assert_true(lf__pow(1 + DBL_EPSILON, 1e300) == INFINITY && lf__pow(2, 1e-300) == 1);
}

/* Known answers of the Random123 distribution (philox 4x32, 10 rounds). */
static void philox_known_answers(void **state)
{
    (void)state;
    assert_int_equal(lf__rng_at(0, 0, 0), UINT64_C(0xe169c58d6627e8d5));
    assert_int_equal(lf__rng_at(UINT64_MAX, UINT64_MAX, UINT64_MAX), UINT64_C(0x41c83b0e408f276d));
    assert_int_equal(lf__rng_at(UINT64_C(0x299f31d0a4093822), UINT64_C(0x0370734413198a2e), UINT64_C(0x85a308d3243f6a88)),
                     UINT64_C(0x94fdccebd16cfe09));
}

static void rng_is_a_function_of_its_position(void **state)
{
    (void)state;
    lf_rng a = lf__rng_make(7, 3);
    for (uint64_t i = 0; i < 100; i++) assert_int_equal(lf__rng_u64(&a), lf__rng_at(7, 3, i));
    assert_int_equal(a.index, 100);
    lf_rng b = {7, 3, 50};
    assert_int_equal(lf__rng_u64(&b), lf__rng_at(7, 3, 50));
}

static void rng_below_and_unit_are_uniform(void **state)
{
    (void)state;
    lf_rng r = lf__rng_make(1, 1);
    int counts[6] = {0};
    for (int i = 0; i < 60000; i++) counts[lf__rng_below(&r, 6)]++;
    double chi = 0;
    for (int i = 0; i < 6; i++) chi += (counts[i] - 10000.0) * (counts[i] - 10000.0) / 10000.0;
    assert_true(chi < 20.5); /* 5 degrees of freedom, p = 0.001 */
    assert_int_equal(lf__rng_below(&r, 1), 0);
    /* n = 3/4 of 2^64: without refusing draws every third number would come twice as often as the others. */
    uint64_t n = UINT64_C(3) << 62;
    int thirds = 0;
    for (int i = 0; i < 10000; i++) {
        uint64_t v = lf__rng_below(&r, n);
        assert_true(v < n);
        thirds += v % 3 == 0;
    }
    assert_true(thirds > 3100 && thirds < 3570);
    double sum = 0;
    for (int i = 0; i < 10000; i++) {
        double u = lf__rng_unit(&r);
        assert_true(u >= 0 && u < 1);
        sum += u;
    }
    assert_true(fabs(sum / 10000 - 0.5) < 0.02);
}

static void normals_have_their_moments(void **state)
{
    (void)state;
    double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
    int n = 200000, beyond = 0;
    for (int i = 0; i < n; i++) {
        double x = lf__rng_normal_at(42, 5, (uint64_t)i);
        assert_true(isfinite(x));
        m1 += x, m2 += x * x, m3 += x * x * x, m4 += x * x * x * x;
        beyond += fabs(x) > 1.959964;
    }
    assert_true(fabs(m1 / n) < 0.01 && fabs(m2 / n - 1) < 0.02 && fabs(m3 / n) < 0.04 && fabs(m4 / n - 3) < 0.1);
    assert_true(fabs((double)beyond / n - 0.05) < 0.003);
    assert_true(lf__rng_normal_at(42, 5, 17) == lf__rng_normal_at(42, 5, 17));
}

static void permute_is_a_bijection(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1,  2,  3,  4,   5,   7,   8,   9,    13,   16,   17,    31,    32,
                                     33, 64, 97, 100, 255, 256, 257, 1000, 1009, 4096, 65536, 65537, 99991};
    unsigned char *seen = malloc(100000);
    for (size_t s = 0; s < LF_COUNT(sizes); s++) {
        for (uint64_t key = 0; key < (sizes[s] < 2000 ? 20 : 2); key++) {
            memset(seen, 0, sizes[s]);
            for (uint64_t i = 0; i < sizes[s]; i++) {
                uint64_t j = lf__permute(i, sizes[s], key);
                assert_true(j < sizes[s]);
                assert_false(seen[j]);
                seen[j] = 1;
            }
        }
    }
    free(seen);
    /* Far out: values stay inside and differ. */
    uint64_t n = (UINT64_C(1) << 63) + 12345, last = lf__permute(0, n, 9);
    for (uint64_t i = 1; i < 1000; i++) {
        uint64_t j = lf__permute(i, n, 9);
        assert_true(j < n && j != last);
        last = j;
    }
}

/* Where item 0 of 8 goes over many keys, and how often neighbours stay neighbours: a shuffle, not a rotation. */
static void permute_shuffles(void **state)
{
    (void)state;
    int places[8] = {0}, neighbours = 0;
    for (uint64_t key = 0; key < 8000; key++) places[lf__permute(0, 8, key)]++;
    for (int i = 0; i < 8; i++) assert_true(places[i] > 850 && places[i] < 1150);
    for (uint64_t i = 0; i + 1 < 10000; i++) {
        uint64_t a = lf__permute(i, 10000, 1), b = lf__permute(i + 1, 10000, 1);
        neighbours += a + 1 == b || b + 1 == a;
    }
    assert_true(neighbours < 15);
}

static void hash_depends_on_every_bit(void **state)
{
    (void)state;
    uint8_t bytes[64] = {0};
    for (size_t n = 0; n <= sizeof bytes; n++) {
        uint64_t h = lf__hash64(bytes, n, 1);
        assert_int_equal(h, lf__hash64(bytes, n, 1));
        assert_true(h != lf__hash64(bytes, n, 2));
        if (n) assert_true(h != lf__hash64(bytes, n - 1, 1));
        int flipped = 0;
        for (size_t bit = 0; bit < n * 8; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            uint64_t g = lf__hash64(bytes, n, 1);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_true(g != h);
            flipped += __builtin_popcountll(g ^ h);
        }
        if (n) assert_true(abs(flipped - (int)(n * 8 * 32)) < (int)(n * 8 * 32) / 10 + 24);
    }
}

/* Files on disks carry these numbers: they stay, and pieces change nothing. */
static void hash_known_answers(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        uint64_t hash;
    } rows[] = {
        {0, UINT64_C(0xd3f5d52c22c58c03)},       {1, UINT64_C(0x3d760e871720aa82)},  {7, UINT64_C(0x682ede4c17a1597f)},
        {8, UINT64_C(0x1af4815e2797860a)},       {9, UINT64_C(0x5eab20be3897dc05)},  {15, UINT64_C(0xef20b3363b9fc197)},
        {16, UINT64_C(0x89e58ef3ac4dcc57)},      {17, UINT64_C(0xa12a0cf3af19e567)}, {31, UINT64_C(0xb7b02d7ef37f3449)},
        {32, UINT64_C(0x3f1d76b7340f9b36)},      {33, UINT64_C(0x701df2c0196536ff)}, {100, UINT64_C(0x3f5784ee635028f1)},
        {1000000, UINT64_C(0x83369bb0563ef9ae)},
    };
    static uint8_t bytes[1000000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 31 + 7);
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        assert_int_equal(lf__hash64(bytes, rows[i].n, 3), rows[i].hash);
        for (size_t step = 1; step <= 40; step += 3) {
            lf_hash s;
            lf__hash_init(&s, rows[i].n, 3);
            for (size_t at = 0, n; at < rows[i].n; at += n) {
                n = LF_MIN(step + at % 17, rows[i].n - at);
                lf__hash_add(&s, bytes + at, n);
                lf__hash_add(&s, bytes + at, 0);
            }
            assert_int_equal(lf__hash_end(&s), rows[i].hash);
        }
    }
}

static void sha256_known_answers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hex;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char hex[65];
    lf_sha256 s;
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        lf__sha256_init(&s);
        lf__sha256_add(&s, rows[i].text, strlen(rows[i].text));
        lf__sha256_hex(&s, hex);
        assert_string_equal(hex, rows[i].hex);
    }
    /* A million times 'a', in pieces of every length from 0 to 199. */
    char piece[200];
    memset(piece, 'a', sizeof piece);
    lf__sha256_init(&s);
    size_t left = 1000000;
    for (size_t n = 0; left; n = (n + 1) % sizeof piece) {
        size_t take = LF_MIN(n, left);
        lf__sha256_add(&s, piece, take);
        left -= take;
    }
    lf__sha256_hex(&s, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elementary_functions_follow_libm),
        cmocka_unit_test(pow_follows_libm),
        cmocka_unit_test(sine_near_its_zeros),
        cmocka_unit_test(edges_of_the_functions),
        cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(rng_is_a_function_of_its_position),
        cmocka_unit_test(rng_below_and_unit_are_uniform),
        cmocka_unit_test(normals_have_their_moments),
        cmocka_unit_test(permute_is_a_bijection),
        cmocka_unit_test(permute_shuffles),
        cmocka_unit_test(hash_depends_on_every_bit),
        cmocka_unit_test(hash_known_answers),
        cmocka_unit_test(sha256_known_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
