/* test_gemm.c - packing and C = init + A B through the table: orientations, tails, paired halves, rows that do not know each other. */
#include "kernel_test.h"

typedef struct gemm_shape {
    int m, n, k;
    char form; /* 'T' W[n,k] (forward), 'N' B[k,n] (dX), 'A' A transposed (dW) */
    bool init;
    bool nan; /* one NaN and one infinity in A */
} gemm_shape;

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
    lf_panels panels = {align64(init + (size_t)s->m * s->n), s->n, s->k, 0, LF_F32, NULL};
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
                sum += (double)(s->form == 'A' ? a[(size_t)k * s->m + i] : a[(size_t)i * s->k + k]) *
                       (double)(s->form == 'T' ? b[(size_t)j * s->k + k] : b[(size_t)k * s->n + j]);
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
        {7, 1, 3, 'A', 0, 0},      {130, 300, 66, 'T', 1, 0}, {61, 47, 9, 'T', 0, 1},   {300, 5, 600, 'A', 1, 0},
    };
    for (size_t i = 0; i < LF_COUNT(shapes); i++) {
        const gemm_shape *s = &shapes[i];
        size_t work = (size_t)s->m * s->k + (size_t)s->n * s->k + (size_t)s->m * s->n + lf__panels_floats(s->n, s->k, 0) + 32;
        /* A chain of K roundings in float: errors grow like sqrt(K) ulp of the partial sums, which stay below sqrt(K). */
        kernel_case c = {"gemm", gemm_run, gemm_oracle, s, work, (size_t)s->m * s->n, 6e-8 * (8.0 + s->k), 0};
        check(&c);
    }
}

/* ---- paired halves with the SwiGLU epilogue: C and h ---- */
typedef struct pair_shape {
    int m, f, k;
} pair_shape;

static void pair_run(lf_device *dev, const void *params, float *work, float *out)
{
    const pair_shape *s = params;
    float *a = fill(work, (size_t)s->m * s->k, 1, 1.0f), *w = fill(a + (size_t)s->m * s->k, (size_t)2 * s->f * s->k, 2, 1.0f);
    lf_panels panels = {align64(w + (size_t)2 * s->f * s->k), 2 * s->f, s->k, s->f, LF_F32, NULL};
    float *h = out + (size_t)s->m * 2 * s->f, *again = h + (size_t)s->m * s->f;
    dev->ops->pack(dev, &panels, w, s->k, 1);
    lf_gemm g = {.c = out, .ldc = 2 * s->f, .a = a, .a_rs = s->k, .a_cs = 1, .b = &panels, .m = s->m, .swiglu = h, .ldswiglu = s->f};
    dev->ops->gemm(dev, &g);
    dev->ops->glu_forward(dev, again, out, s->m, s->f, LF_ACT_SILU);
    assert_memory_equal(h, again, (size_t)s->m * s->f * sizeof *h); /* fused = composed, bit for bit */
}

static void pair_oracle(const void *params, float *work, double *out)
{
    const pair_shape *s = params;
    float *a = fill(work, (size_t)s->m * s->k, 1, 1.0f), *w = fill(a + (size_t)s->m * s->k, (size_t)2 * s->f * s->k, 2, 1.0f);
    for (int i = 0; i < s->m; i++) {
        double *c = out + (size_t)i * 2 * s->f, *h = out + (size_t)(2 * s->m + i) * s->f;
        for (int j = 0; j < 2 * s->f; j++)
            for (int k = 0; k < s->k; k++) c[j] += (double)a[(size_t)i * s->k + k] * (double)w[(size_t)j * s->k + k];
        for (int j = 0; j < s->f; j++) h[j] = h[j + (size_t)s->m * s->f] = c[j] / (1.0 + exp(-c[j])) * c[s->f + j];
    }
}

static void paired(void **state)
{
    (void)state;
    static const pair_shape shapes[] = {{1, 16, 8}, {14, 37, 50}, {31, 352, 128}, {5, 8, 700}};
    for (size_t i = 0; i < LF_COUNT(shapes); i++) {
        const pair_shape *s = &shapes[i];
        size_t work = (size_t)s->m * s->k + (size_t)2 * s->f * s->k + lf__panels_floats(2 * s->f, s->k, s->f) + 32;
        kernel_case c = {"gemm, paired",        pair_run, pair_oracle, s, work, (size_t)s->m * 4 * s->f,
                         2.4e-7 * (8.0 + s->k), 0}; /* h is a product of two */
        check(&c);
    }
}

/* A row is the same alone, in a small batch and in a large one; K in one piece or in blocks. */
static void rows_are_independent(void **state)
{
    (void)state;
    enum { M = 61, N = 70, K = 1200 };
    float *a = fill(malloc(sizeof(float) * M * K), M * K, 1, 1.0f), *w = fill(malloc(sizeof(float) * N * K), N * K, 2, 1.0f);
    float *whole = malloc(sizeof(float) * M * N), *part = malloc(sizeof(float) * M * N), *panel = malloc(sizeof(float) * (96 * K + 32));
    lf_panels b = {align64(panel), N, K, 0, LF_F32, NULL};
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
} gemm_bench;

static void bench_gemm(lf_device *dev, void *arg)
{
    gemm_bench *b = arg;
    dev->ops->gemm(dev, &b->g);
}

static void speed_of(lf_device *dev, float *memory, int m, int n, int k, char form, double peak)
{
    gemm_bench b = {.b = {memory, n, k, 0, LF_F32, NULL}};
    float *a = memory + lf__panels_floats(n, k, 0), *c = align64(a + (size_t)m * k);
    bool at = form == 'A';
    b.g = (lf_gemm){.c = c, .ldc = n, .a = a, .a_rs = at ? 1 : k, .a_cs = at ? m : 1, .b = &b.b, .m = m};
    double gflops = 2.0 * m * n * k / best_time(dev, bench_gemm, &b) / 1e9;
    print_message("gemm %c %5d x %5d x %5d  %-6s %dT %7.1f GFLOP/s  %3.0f %% of %.0f\n", form, m, n, k, lf_device_isa(dev),
                  lf_device_threads(dev), gflops, 100 * gflops / peak, peak);
}

static void speed(void **state)
{
    (void)state;
    SKIP_SPEED();
    static const int quick[][3] = {{512, 512, 512}, {2048, 128, 128}, {1024, 352, 128}, {1, 2048, 512}, {8, 2048, 512}};
    static const int full[][3] = {{1024, 1024, 1024}, {2048, 768, 768}, {2048, 2048, 512}, {512, 32000, 512}, {2048, 128, 128},
                                  {2048, 192, 192},   {4096, 256, 256}, {4096, 768, 256},  {4096, 256, 768},  {4096, 4096, 256},
                                  {2048, 352, 128},   {2048, 128, 352}, {2048, 576, 192},  {2048, 512, 512},  {768, 128, 128},
                                  {128, 128, 768},    {352, 128, 768},  {1, 4096, 4096},   {4, 4096, 4096},   {8, 4096, 4096}};
    bool all = getenv("KERNEL_SPEED") != NULL; /* the whole list of shapes takes half a minute */
    size_t n_floats = 64u << 20;
    float *memory = aligned_alloc(64, n_floats * sizeof *memory);
    fill(memory, 1 << 16, 1, 1.0f);
    for (size_t i = 1 << 16; i < (all ? n_floats : 4u << 20); i++) memory[i] = memory[i & 0xffff];
    for (const char *const *isa = lf_isa_list(); *isa; isa++) {
        if (!lf_isa_supported(*isa) || (strcmp(*isa, "scalar") == 0 && all)) continue;
        for (int threads = 1; threads <= 2; threads++) {
            lf_device *dev = open_device(*isa, threads);
            for (size_t i = 0; i < (all ? LF_COUNT(full) : LF_COUNT(quick)); i++) {
                const int *s = all ? full[i] : quick[i];
                double peak = peak_gflops(threads);
                speed_of(dev, memory, s[0], s[1], s[2], 'N', peak);
                if (s[0] > 12) speed_of(dev, memory, s[0], s[1], s[2], 'A', peak);
            }
            lf_device_close(&dev);
        }
    }
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),
        cmocka_unit_test(paired),
        cmocka_unit_test(rows_are_independent),
        cmocka_unit_test(speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
