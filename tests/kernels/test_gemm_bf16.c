/* test_gemm_bf16.c - products of bfloat16 panels: rounding and packing bit for bit against the scalar kernels, C = init + A B against
 * sums in double of the rounded operands, rows that do not know each other; and the share of the bfloat16 peak. */
#include "kernel_test.h"

typedef struct gemm_shape {
    int m, n, k;
    char form; /* 'T' W[n,k] (forward), 'N' B[k,n] (dX), 'A' A transposed (dW) */
    bool init;
    bool nan; /* one NaN and one infinity in A */
} gemm_shape;

/* x as bfloat16, to nearest even, in the test's own words. */
static double rounded(float x)
{
    if (!isfinite(x)) return x;
    int e;
    double m = frexp((double)x, &e);
    return ldexp(nearbyint(ldexp(m, 8)), e - 8);
}

/* ---- rounding and packing ---- */
static const uint32_t odd_bits[] = {0x00000000, 0x80000000, 0x3f800000, 0x3f808000, 0x3f818000, 0x3f808001, 0x7f7fffff,
                                    0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffffffff, 0x00000001,
                                    0x807fffff, 0x00800000, 0x7f7f0000, 0x7f7f8000, 0x3eaaaaab, 0xc2f6e979};

static void packing(void **state)
{
    (void)state;
    enum { ROWS = 61, K = 77, SIZE = 1 << 15 };
    float *x = fill(malloc(sizeof(float) * ROWS * 128), ROWS * 128, 1, 3.0f);
    for (size_t i = 0; i < ROWS * 128; i += 7) memcpy(&x[i], &odd_bits[i / 7 % LF_COUNT(odd_bits)], sizeof *x);
    lf_device *ref = open_device("scalar", 1);
    lf_pair *a = malloc(sizeof *a * SIZE), *b = malloc(sizeof *b * SIZE);
    for (const char *const *isa = lf_isa_list(); *isa; isa++) {
        if (!lf_isa_supported(*isa)) continue;
        lf_device *dev = open_device(*isa, 1);
        for (int what = 0; what < 4; what++) {
            for (int n = 0; n <= ROWS; n++) {
                for (int k = 1; k <= K; k += n < 18 ? 1 : 19) {
                    for (int r = 0; r < 2; r++) {
                        const lf_kernels *f = (r ? dev : ref)->kernels;
                        lf_pair *out = memset(r ? b : a, 0x77, sizeof *a * SIZE);
                        if (what == 0) f->pairs(out, x + n, k);
                        if (what == 1) f->pack_rows16(out, 50 * LF_PANEL, x, 100, n, k);
                        if (what == 2 && n > 0) f->pack_strips16(out, x, 100, n, k);
                        if (what == 3 && n <= LF_PANEL) f->pack_transposed16(out, x, 101, n, k);
                    }
                    /* Between strips lies a line that nobody reads. */
                    for (int i = 0; i < SIZE; i++) {
                        if (what == 2 && i % lf__strip_pairs(k) >= lf__pairs(k) * LF_MR16 && i < (n + 11) / 12 * lf__strip_pairs(k))
                            continue;
                        if (what == 2 && i < (n + 11) / 12 * lf__strip_pairs(k) &&
                            i / lf__strip_pairs(k) * LF_MR16 + i % lf__strip_pairs(k) % LF_MR16 >= n)
                            continue; /* rows that do not exist: zeros or nothing */
                        if (a[i] != b[i]) fail_msg("%s: packing %d of %d x %d: word %d is %08x, not %08x", *isa, what, n, k, i, b[i], a[i]);
                    }
                }
            }
        }
        lf_device_close(&dev);
    }
    for (size_t i = 0; i < ROWS * 128; i++) {
        ref->kernels->pairs(a, x + i, 1);
        uint32_t bits = a[0] << 16;
        float y;
        memcpy(&y, &bits, sizeof y);
        double expected = rounded(x[i]);
        if (fabsf(x[i]) < 0x1p-126f) expected = 0.0;
        if (fabs(expected) > 0x1.fep127) expected = copysign(INFINITY, expected);
        if (!((isnan(y) && isnan(x[i])) || (double)y == expected)) fail_msg("%a becomes %a, expected %a", x[i], y, expected);
    }
    lf_device_close(&ref);
    free(x), free(a), free(b);
}

/* Whole arrays there and back: any length, any number of workers, nothing written behind the end but the other half of a pair. */
static void conversion(void **state)
{
    (void)state;
    enum { MAX = 70001 };
    float *x = fill(malloc(sizeof(float) * MAX), MAX, 5, 2.0f), *back = malloc(sizeof(float) * MAX);
    lf_bf16 *half = malloc(sizeof *half * (MAX + 3));
    for (const char *const *isa = lf_isa_list(); *isa; isa++) {
        if (!lf_isa_supported(*isa)) continue;
        lf_device *dev = open_device(*isa, 3);
        static const int lengths[] = {1, 2, 15, 16, 31, 33, 64, 1000, 32769, MAX};
        for (size_t i = 0; i < LF_COUNT(lengths); i++) {
            int n = lengths[i];
            memset(half, 0x55, sizeof *half * (MAX + 3)), memset(back, 0x55, sizeof(float) * MAX);
            dev->ops->to_bf16(dev, half, x, n);
            dev->ops->from_bf16(dev, back, half, n);
            for (int j = 0; j < n; j++)
                if ((double)back[j] != rounded(x[j])) fail_msg("%s: %a becomes %a", *isa, x[j], back[j]);
            assert_int_equal(half[n + n % 2], 0x5555);
            if (n < MAX) assert_memory_equal(&back[n], &half[MAX + 1], sizeof(float));
        }
        lf_device_close(&dev);
    }
    free(x), free(back), free(half);
}

/* ---- plain products ---- */
static void gemm_inputs(const gemm_shape *s, float *work, float **a, float **b, float **init)
{
    *a = fill(work, (size_t)s->m * s->k, 1, 1.0f);
    *b = fill(*a + (size_t)s->m * s->k, (size_t)s->n * s->k, 2, 1.0f);
    *init = fill(*b + (size_t)s->n * s->k, (size_t)s->m * s->n, 3, 1.0f);
    if (s->nan) (*a)[0] = NAN, (*a)[s->k + 1] = INFINITY;
}

static void gemm_run(lf_device *dev, const void *params, float *work, float *out)
{
    const gemm_shape *s = params;
    float *a, *b, *init;
    gemm_inputs(s, work, &a, &b, &init);
    lf_panels panels = {align64(init + (size_t)s->m * s->n), s->n, s->k, 0, LF_BF16, NULL};
    dev->ops->pack(dev, &panels, b, s->form == 'T' ? s->k : 1, s->form == 'T' ? 1 : s->n);
    bool at = s->form == 'A';
    lf_gemm g = {.c = out, .ldc = s->n, .a = a, .a_rs = at ? 1 : s->k, .a_cs = at ? s->m : 1, .b = &panels, .m = s->m};
    if (s->init) {
        memcpy(out, init, (size_t)s->m * s->n * sizeof *out); /* in place: C accumulates */
        g.init = out, g.ldinit = s->n;
    }
    dev->ops->gemm(dev, &g);
}

static void gemm_oracle(const void *params, float *work, double *out)
{
    const gemm_shape *s = params;
    float *a, *b, *init;
    gemm_inputs(s, work, &a, &b, &init);
    for (int i = 0; i < s->m; i++)
        for (int j = 0; j < s->n; j++) {
            double sum = s->init ? init[(size_t)i * s->n + j] : 0.0;
            for (int k = 0; k < s->k; k++)
                sum += rounded(s->form == 'A' ? a[(size_t)k * s->m + i] : a[(size_t)i * s->k + k]) *
                       rounded(s->form == 'T' ? b[(size_t)j * s->k + k] : b[(size_t)k * s->n + j]);
            out[(size_t)i * s->n + j] = sum;
        }
}

static void products(void **state)
{
    (void)state;
    static const gemm_shape shapes[] = {
        {1, 1, 1, 'T', 0, 0},      {1, 33, 7, 'T', 1, 0},     {5, 31, 64, 'N', 0, 0},   {12, 32, 48, 'T', 0, 0},
        {13, 65, 17, 'N', 1, 0},   {47, 97, 33, 'T', 0, 0},   {3, 16, 1030, 'T', 1, 0}, {29, 40, 1100, 'N', 0, 0},
        {25, 17, 1025, 'A', 1, 0}, {40, 70, 1024, 'T', 1, 0}, {200, 48, 37, 'A', 0, 0}, {1, 70, 1500, 'A', 0, 0},
        {7, 1, 3, 'A', 0, 0},      {130, 300, 66, 'T', 1, 0}, {61, 47, 9, 'T', 0, 1},   {250, 5, 1600, 'A', 1, 0},
    };
    for (size_t i = 0; i < LF_COUNT(shapes); i++) {
        const gemm_shape *s = &shapes[i];
        size_t work = (size_t)s->m * s->k + (size_t)s->n * s->k + (size_t)s->m * s->n + lf__panels_floats(s->n, s->k, 0) + 64;
        /* Products of bfloat16 are exact in float; what remains is a chain of K roundings. */
        kernel_case c = {"gemm bf16", gemm_run, gemm_oracle, s, work, (size_t)s->m * s->n, 6e-8 * (8.0 + s->k), 0};
        check(&c);
    }
}

/* A row is the same alone, in a small batch and in a large one; K in one piece or in blocks. */
static void rows_are_independent(void **state)
{
    (void)state;
    enum { M = 61, N = 70, K = 1201 };
    float *a = fill(malloc(sizeof(float) * M * K), M * K, 1, 1.0f), *w = fill(malloc(sizeof(float) * N * K), N * K, 2, 1.0f);
    float *whole = malloc(sizeof(float) * M * N), *part = malloc(sizeof(float) * M * N), *panel = malloc(sizeof(float) * (96 * K + 32));
    lf_panels b = {align64(panel), N, K, 0, LF_BF16, NULL};
    for (const char *const *isa = lf_isa_list(); *isa; isa++) {
        if (!lf_isa_supported(*isa)) continue;
        lf_device *dev = open_device(*isa, 2);
        dev->ops->pack(dev, &b, w, K, 1);
        lf_gemm g = {.c = whole, .ldc = N, .a = a, .a_rs = K, .a_cs = 1, .b = &b, .m = M};
        dev->ops->gemm(dev, &g);
        for (int step = 1; step < M; step = step * 3 + 1) {
            for (int i = 0; i < M; i += step) {
                g.c = part + i * N, g.a = a + i * K, g.m = LF_MIN(step, M - i);
                dev->ops->gemm(dev, &g);
            }
            assert_memory_equal(whole, part, sizeof(float) * M * N);
        }
        lf_device_close(&dev);
    }
    free(a), free(w), free(whole), free(part), free(panel);
}

/* ---- speed ---- */
typedef struct gemm_bench {
    lf_gemm g;
    lf_panels b;
    const float *src; /* packed in the call, or NULL */
    ptrdiff_t stride_n, stride_k;
} gemm_bench;

static void bench_gemm(lf_device *dev, void *arg)
{
    gemm_bench *b = arg;
    if (b->src) dev->ops->pack(dev, &b->b, b->src, b->stride_n, b->stride_k);
    dev->ops->gemm(dev, &b->g);
}

/* form: T x W^T, W packed before; t the same, packed in the call; n dy W, packed in the call; a dy^T x, both packed in the call. */
static void speed_of(lf_device *dev, float *memory, int m, int n, int k, char form, double peak)
{
    gemm_bench b = {.b = {memory, n, k, 0, LF_BF16, NULL}};
    float *a = memory + lf__panels_floats(n, k, 0), *c = align64(a + (size_t)m * k), *src = align64(c + (size_t)m * n);
    bool at = form == 'a';
    b.g = (lf_gemm){.c = c, .ldc = n, .a = a, .a_rs = at ? 1 : k, .a_cs = at ? m : 1, .b = &b.b, .m = m};
    if (form != 'T') b.src = src, b.stride_n = form == 't' ? k : 1, b.stride_k = form == 't' ? 1 : n;
    double gflops = 2.0 * m * n * k / best_time(dev, bench_gemm, &b) / 1e9;
    print_message("gemm bf16 %c %5d x %5d x %5d  %-11s %dT %7.1f GFLOP/s  %3.0f %% of %.0f\n", form, m, n, k, lf_device_isa(dev),
                  lf_device_threads(dev), gflops, 100 * gflops / peak, peak);
}

static void speed(void **state)
{
    (void)state;
    SKIP_SPEED();
    static const int quick[][3] = {{512, 512, 512}, {2048, 128, 128}};
    static const int full[][3] = {{1024, 1024, 1024}, {2048, 768, 768},  {2048, 2048, 512}, {512, 32000, 512},
                                  {2048, 512, 1408},  {2048, 2816, 512}, {512, 1408, 2048}, {4096, 256, 256},
                                  {2048, 352, 128},   {768, 128, 128},   {768, 704, 128},   {128, 128, 768}};
    bool all = getenv("KERNEL_SPEED") != NULL;
    size_t n_floats = 80u << 20;
    float *memory = aligned_alloc(64, n_floats * sizeof *memory);
    fill(memory, 1 << 16, 1, 1.0f);
    for (size_t i = 1 << 16; i < (all ? n_floats : 4u << 20); i++) memory[i] = memory[i & 0xffff];
    for (int threads = 1; threads <= 2; threads++) {
        lf_device *dev = open_device("auto", threads);
        for (size_t i = 0; i < (all ? LF_COUNT(full) : LF_COUNT(quick)) && dev->kernels->bf16; i++) {
            const int *s = all ? full[i] : quick[i];
            double peak = peak_gflops_of(LF_BF16, threads);
            for (const char *form = "Ttna"; *form; form++) speed_of(dev, memory, s[0], s[1], s[2], *form, peak);
        }
        lf_device_close(&dev);
    }
    free(memory);
}

int main(void)
{
    rungs_differ = true;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packing), cmocka_unit_test(conversion), cmocka_unit_test(products), cmocka_unit_test(rows_are_independent),
        cmocka_unit_test(speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
