/* test_gemm_quant.c - products with quantized weights: every type against the file's own widening and activations rounded in the test's own
 * words, every rung the same bits as the scalar one, rows that do not know each other; and the share of what bytes can do at most. */
#include "kernel_test.h"

static const lf_dtype types[] = {LF_Q8_0, LF_Q4_0, LF_IQ4_NL, LF_Q4_K, LF_Q5_K, LF_Q6_K};

typedef struct quant_shape {
    lf_dtype type;
    int m, n, k, pair;
    bool init, odd; /* odd: rows of zeros, of next to nothing, a NaN and an infinity in A */
} quant_shape;

/* Random blocks of a type as a file holds them: any bits, but scales that are finite and of one size. */
static uint8_t *random_rows(lf_dtype type, uint8_t *out, size_t rows, int k, uint64_t stream)
{
    const lf_dtype_traits *t = lf__dtype(type);
    size_t blocks = rows * (size_t)(k / t->block);
    for (size_t i = 0; i < blocks * (size_t)t->bytes; i++) out[i] = (uint8_t)lf__rng_at(7, stream, i);
    int at = type == LF_Q6_K ? 208 : 0, halves = type == LF_Q4_K || type == LF_Q5_K ? 2 : 1;
    for (size_t i = 0; i < blocks; i++)
        for (int h = 0; h < halves; h++) {
            uint16_t d = lf__f32_to_f16((t->block == 256 ? 0.00005f : 0.001f) *
                                        (float)(1 + lf__rng_at(8, stream, 2 * i + (size_t)h) % 1000) * (i % 3 ? 1.0f : -1.0f));
            memcpy(out + i * (size_t)t->bytes + at + 2 * h, &d, 2);
        }
    return out;
}

static size_t row_bytes(const quant_shape *s) { return (size_t)(s->k / lf__dtype(s->type)->block) * (size_t)lf__dtype(s->type)->bytes; }

static size_t work_floats(const quant_shape *s)
{
    lf_panels b = {.n = s->n, .k = s->k, .pair = s->pair, .type = s->type};
    return (size_t)s->m * s->k + (size_t)s->m * s->n + (row_bytes(s) * s->n + lf__panels_bytes(&b)) / 4 + 64;
}

static void inputs(const quant_shape *s, float *work, float **a, float **init, uint8_t **rows, float **panels)
{
    *a = fill(work, (size_t)s->m * s->k, 1, s->pair ? 0.01f : 2.0f); /* what SwiGLU sees stays of one size */
    *init = fill(*a + (size_t)s->m * s->k, (size_t)s->m * s->n, 3, 1.0f);
    *rows = random_rows(s->type, (uint8_t *)(*init + (size_t)s->m * s->n), s->n, s->k, 5);
    *panels = align64((float *)(void *)(*rows + row_bytes(s) * s->n));
    for (int i = 0; s->odd && i < s->k; i++) {
        (*a)[i] = 0.0f;
        (*a)[s->k + i] *= 1e-35f;
        if (i < 256) (*a)[2 * s->k + i] *= 1e-33f;
    }
    if (s->odd) (*a)[3 * s->k + 1] = NAN, (*a)[4 * s->k + 33] = -INFINITY;
}

static void run(lf_device *dev, const void *params, float *work, float *out)
{
    const quant_shape *s = params;
    float *a, *init, *memory;
    uint8_t *rows;
    inputs(s, work, &a, &init, &rows, &memory);
    lf_panels b = {memory, s->n, s->k, s->pair, s->type, NULL};
    memset(memory, 0, lf__panels_bytes(&b));
    int some = s->n / 3; /* in two pieces, as q, k and v come */
    dev->ops->pack_blocks(dev, &b, rows + row_bytes(s) * some, some, s->n - some);
    dev->ops->pack_blocks(dev, &b, rows, 0, some);
    lf_gemm g = {.c = out, .ldc = s->n, .a = a, .a_rs = s->k, .a_cs = 1, .b = &b, .m = s->m};
    if (s->pair) g.swiglu = out + (size_t)s->m * s->n, g.ldswiglu = s->pair;
    if (s->init) g.init = init, g.ldinit = s->n;
    dev->ops->gemm(dev, &g);
}

/* x as the kernels see it: n neighbours in steps of the largest / 127. */
static void rounded(double *out, const float *x, int n)
{
    float most = 0.0f;
    for (int i = 0; i < n; i++) most = isnan(x[i]) ? NAN : fmaxf(most, fabsf(x[i]));
    for (int i = 0; i < n; i++) {
        double d = (double)(most / 127.0f);
        out[i] = !isfinite(most) ? NAN : most < 0x1p-100f ? 0.0 : d * nearbyint((double)(x[i] * (127.0f / most)));
    }
}

static void oracle(const void *params, float *work, double *out)
{
    const quant_shape *s = params;
    float *a, *init, *memory, *w = malloc(sizeof *w * s->k);
    double *x = malloc(sizeof *x * s->m * s->k);
    uint8_t *rows;
    inputs(s, work, &a, &init, &rows, &memory);
    int unit = lf__dtype(s->type)->block;
    for (int i = 0; i < s->m * s->k; i += unit) rounded(x + i, a + i, unit);
    for (int j = 0; j < s->n; j++) {
        lf__dtype(s->type)->to_float(w, rows + row_bytes(s) * j, s->k);
        for (int i = 0; i < s->m; i++) {
            double sum = s->init ? init[(size_t)i * s->n + j] : 0.0;
            for (int k = 0; k < s->k; k++) sum += x[(size_t)i * s->k + k] * w[k];
            out[(size_t)i * s->n + j] = sum;
        }
    }
    for (int i = 0; i < s->m * s->pair; i++) {
        double gate = out[i / s->pair * s->n + i % s->pair], up = out[i / s->pair * s->n + s->pair + i % s->pair];
        out[s->m * s->n + i] = gate / (1.0 + exp(-gate)) * up;
    }
    free(w), free(x);
}

static void products(void **state)
{
    (void)state;
    static const quant_shape shapes[] = {{0, 1, 32, 256, 0, 0, 0},  {0, 2, 33, 512, 0, 1, 0},  {0, 5, 48, 256, 0, 1, 1},
                                         {0, 4, 7, 2560, 0, 1, 0},  {0, 7, 70, 768, 0, 0, 0},  {0, 13, 40, 2816, 0, 1, 0},
                                         {0, 6, 94, 256, 47, 0, 0}, {0, 1, 64, 512, 32, 0, 0}, {0, 131, 65, 2304, 0, 1, 0}};
    for (size_t i = 0; i < LF_COUNT(shapes); i++)
        for (size_t t = 0; t < LF_COUNT(types); t++) {
            quant_shape s = shapes[i];
            s.type = types[t];
            /* Chains of K / 32 roundings of sums that cancel: against the largest, not against what is left. */
            kernel_case c = {lf__dtype(s.type)->name, run, oracle, &s, work_floats(&s), (size_t)s.m * (s.n + s.pair), 1e-5, 600.0};
            check(&c);
        }
}

/* The scalar rung is the definition, to the bit. */
static void same_on_every_rung(void **state)
{
    (void)state;
    for (size_t t = 0; t < LF_COUNT(types); t++)
        for (int m = 1; m <= 13; m += 3) {
            quant_shape s = {types[t], m, 75, 2304, 0, true, m >= 5};
            size_t n_out = (size_t)s.m * s.n;
            float *work = calloc(work_floats(&s), sizeof *work), *first = calloc(n_out, sizeof *first), *out = calloc(n_out, sizeof *out);
            lf_device *dev = open_device("scalar", 1);
            run(dev, &s, align64(work), first);
            lf_device_close(&dev);
            for (const char *const *isa = lf_isa_list(); *isa; isa++) {
                if (!lf_isa_supported(*isa)) continue;
                dev = open_device(*isa, 2);
                run(dev, &s, align64(work), out);
                for (size_t i = 0; i < n_out; i++)
                    if (memcmp(out + i, first + i, sizeof *out) != 0 && !(isnan(out[i]) && isnan(first[i])))
                        fail_msg("%s of %s, %d rows: out[%zu] = %a, scalar %a", *isa, lf__dtype(s.type)->name, m, i, out[i], first[i]);
                lf_device_close(&dev);
            }
            free(work), free(first), free(out);
        }
}

/* A row is the same alone, with a few others, and in a crowd. */
static void rows_are_independent(void **state)
{
    (void)state;
    enum { M = 61, N = 70, K = 2304 };
    float *a = fill(malloc(sizeof *a * M * K), M * K, 1, 1.0f), *whole = malloc(sizeof *whole * M * N),
          *part = malloc(sizeof *part * M * N);
    for (size_t t = 0; t < LF_COUNT(types); t++) {
        quant_shape s = {types[t], M, N, K, 0, false, false};
        uint8_t *rows = random_rows(types[t], malloc(row_bytes(&s) * N), N, K, 4);
        lf_panels b = {.n = N, .k = K, .type = types[t]};
        b.data = memset(aligned_alloc(64, lf__panels_bytes(&b)), 0, lf__panels_bytes(&b));
        for (const char *const *isa = lf_isa_list(); *isa; isa++) {
            if (!lf_isa_supported(*isa)) continue;
            lf_device *dev = open_device(*isa, 2);
            dev->ops->pack_blocks(dev, &b, rows, 0, N);
            lf_gemm g = {.c = whole, .ldc = N, .a = a, .a_rs = K, .a_cs = 1, .b = &b, .m = M};
            dev->ops->gemm(dev, &g);
            for (int step = 1; step < M; step = step * 2 + 1) {
                for (int i = 0; i < M; i += step) {
                    g.c = part + i * N, g.a = a + i * K, g.m = LF_MIN(step, M - i);
                    dev->ops->gemm(dev, &g);
                }
                assert_memory_equal(whole, part, sizeof *whole * M * N);
            }
            lf_device_close(&dev);
        }
        free(rows), free(b.data);
    }
    free(a), free(whole), free(part);
}

/* Panels of float16 are float panels of the same numbers, to the bit, on every rung, for any number of rows. */
static void halves_are_floats(void **state)
{
    (void)state;
    static const struct {
        int m, n, k, pair;
    } shapes[] = {{1, 70, 333, 0}, {5, 32, 128, 0}, {13, 94, 257, 47}, {131, 65, 1100, 0}, {700, 40, 64, 0}};
    for (size_t i = 0; i < LF_COUNT(shapes); i++) {
        int m = shapes[i].m, n = shapes[i].n, k = shapes[i].k, pair = shapes[i].pair;
        size_t out = (size_t)m * (n + pair);
        float *w = fill(malloc(sizeof *w * n * k), (size_t)n * k, 1, 0.1f), *a = fill(malloc(sizeof *a * m * k), (size_t)m * k, 2, 1.0f),
              *init = fill(malloc(sizeof *init * m * n), (size_t)m * n, 3, 1.0f), *c[2] = {calloc(out, 4), calloc(out, 4)};
        for (int j = 0; j < n * k; j++) w[j] = lf__f16_to_f32(lf__f32_to_f16(j % 7 ? w[j] : w[j] * 1e-5f)); /* some below the normal ones */
        for (const char *const *isa = lf_isa_list(); *isa; isa++) {
            if (!lf_isa_supported(*isa)) continue;
            lf_device *dev = open_device(*isa, 2);
            for (int half = 0; half < 2; half++) {
                lf_panels b = {.n = n, .k = k, .pair = pair, .type = half ? LF_F16 : LF_F32};
                b.data = aligned_alloc(64, lf__round_up(lf__panels_bytes(&b), 64));
                dev->ops->pack(dev, &b, w, k, 1);
                lf_gemm g = {.c = c[half], .ldc = n, .init = init, .ldinit = n, .a = a, .a_rs = k, .a_cs = 1, .b = &b, .m = m};
                if (pair) g.swiglu = c[half] + (size_t)m * n, g.ldswiglu = pair;
                dev->ops->gemm(dev, &g);
                free(b.data);
            }
            if (memcmp(c[0], c[1], sizeof(float) * out) != 0) fail_msg("%s: %d x %d x %d differ", *isa, m, n, k);
            lf_device_close(&dev);
        }
        free(w), free(a), free(init), free(c[0]), free(c[1]);
    }
}

/* ---- speed ---- */
static void bench_gemm(lf_device *dev, void *arg) { dev->ops->gemm(dev, arg); }

static void speed(void **state)
{
    (void)state;
    SKIP_SPEED();
    bool all = getenv("KERNEL_SPEED") != NULL;
    int n = all ? 16384 : 512, k = 4096;
    for (int threads = 1; threads <= 2; threads++) {
        lf_device *dev = open_device(all && getenv("KERNEL_ISA") ? getenv("KERNEL_ISA") : "auto", threads);
        double peak = 4.0 * peak_gflops(threads);
        for (size_t t = 0; t < LF_COUNT(types); t++) {
            quant_shape s = {types[t], 512, n, k, 0, false, false};
            lf_panels b = {.n = n, .k = k, .type = types[t]};
            b.data = memset(aligned_alloc(64, lf__panels_bytes(&b)), 0, lf__panels_bytes(&b));
            uint8_t *rows = random_rows(types[t], malloc(row_bytes(&s) * n), n, k, 4);
            dev->ops->pack_blocks(dev, &b, rows, 0, n);
            free(rows);
            float *a = fill(malloc(sizeof *a * 512 * k), 512 * k, 1, 1.0f), *c = malloc(sizeof *c * 512 * n);
            for (int m = 1; m <= 512; m *= m < 16 ? 2 : 32) {
                lf_gemm g = {.c = c, .ldc = n, .a = a, .a_rs = k, .a_cs = 1, .b = &b, .m = m};
                double seconds = best_time(dev, bench_gemm, &g), gops = 2.0 * m * n * k / seconds / 1e9;
                print_message("gemm %-6s %4d x %5d x %5d  %-11s %dT %7.1f GOP/s %3.0f %% of %.0f, weights %5.1f GB/s\n",
                              lf__dtype(types[t])->name, m, n, k, lf_device_isa(dev), threads, gops, 100 * gops / peak, peak,
                              (double)lf__panels_bytes(&b) / seconds / 1e9);
            }
            free(a), free(c), free(b.data);
        }
        lf_device_close(&dev);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(products), cmocka_unit_test(same_on_every_rung),
                                       cmocka_unit_test(rows_are_independent), cmocka_unit_test(halves_are_floats),
                                       cmocka_unit_test(speed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
