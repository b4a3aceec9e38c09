/* matmul.c - chapter 11: the same product six times, from two percent of what the processor can do to four fifths of it (a shared
 * AVX-512 core, n = 1152, other work beside: rung 1 2 %, rung 4 82 %, rung 5 77 %, rung 6 56 % of a peak twice as high. Yours will differ.)
 *
 *   cc -O2 tutorials/kernels/matmul.c -lm -o matmul && ./matmul      20 seconds, most of them rung 1's (./matmul 384: at once)
 *
 * C[m][n] = sum over k of A[m][k] * B[k][n]. Nine tenths of the time of a language model goes here, so a factor here is a factor
 * everywhere. Arithmetic is not the difficulty. For n = 1536 there are 2 n^3 = 7 billion operations on 3 n^2 = 7 million numbers: each
 * number is used a thousand times. The whole art is to use a number often once it has come near, because each way costs several times
 * as much as the one before:
 *
 *      register   L1 cache   L2 cache   L3     memory          A load feeds one multiply-add here, and a core can do 16 or 32
 *      0 cycles   4          14         50     300             of them per cycle. A kernel that loads two numbers for each
 *      2 KB       32 KB      1 MB       MBs    GBs             multiply-add, as rung 1 does, is a hundred times too slow.
 *
 * Every rung changes ONE thing. Each result is checked against sums in double, and timed as a share of the peak: what this core does at
 * most, measured in the same minute by multiply-adds that need no memory at all.
 *
 * Where the library does this: src/backend/cpu/ (cpu_gemm.c packs and blocks, x86/ and arm/ hold the tiles; bench: foundry bench gemm). */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__clang__) /* loops over a tile's rows must become straight code, or their sums live in memory */
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* ---- Rung 1: the definition ------------------------------------------------------------------------------------------------------------
 *            B  |           Two loads per multiply-add, and the walk down a column of B touches a new cache line (64 bytes, of which we
 *               v           use 4) at each step. And every sum waits for the one before: an add takes 4 cycles, so 1 per 4 cycles it is. */
void matmul_naive(float *c, const float *a, const float *b, int n)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            float sum = 0;
            for (int l = 0; l < n; l++) sum += a[i * n + l] * b[l * n + j];
            c[i * n + j] = sum;
        }
}

/* ---- Rung 2: another order of the same loops ------------------------------------------------------------------------
 * The inner loop now runs along rows: of B, and of C. Whole cache lines are used, and the n sums of a row do not wait for each other. But
 * C is loaded and stored for every multiply-add. */
void matmul_rows(float *c, const float *a, const float *b, int n)
{
    memset(c, 0, (size_t)n * (size_t)n * sizeof *c);
    for (int i = 0; i < n; i++)
        for (int l = 0; l < n; l++)
            for (int j = 0; j < n; j++) c[i * n + j] += a[i * n + l] * b[l * n + j];
}

/* ---- Rung 3: tiles --------------------------------------------------------------------------------------------------
 * Hold 4 x 8 elements of C in registers while l runs: C is stored once. Each step of l loads 4 numbers of A and 8 of B and does 32
 * multiply-adds:
 *
 *              8 of B              A tile of R x W needs R + W loads for R * W multiply-adds.
 *             --------             1 x 1: 2 loads for 1. 4 x 8: 12 for 32. 12 x 32: 44 for 384.
 *      4   |  [ 4 x 8 ]            So: as large as the registers allow.
 *      of  |  [  of C ]
 *      A   |  [       ]            This is model.c's matmul_add without its panel. */
void tile_portable(float *c, int c_row, const float *a, int a_row, int a_col, const float *b, int b_row, int k)
{
    float sum[4][8] = {{0}};
    for (int l = 0; l < k; l++)
        for (int r = 0; r < 4; r++) {
            float x = a[r * a_row + l * a_col];
            for (int t = 0; t < 8; t++) sum[r][t] += x * b[l * b_row + t];
        }
    for (int r = 0; r < 4; r++)
        for (int t = 0; t < 8; t++) c[r * c_row + t] += sum[r][t];
}

/* A tile's function: c[r][t] += sum over l < k of a[r][l] * b[l][t], r < rows, t < cols. Where the elements lie is told by strides: rung 5
 * changes only those. */
typedef void tile_function(float *c, int c_row, const float *a, int a_row, int a_col, const float *b, int b_row, int k);
typedef struct tile {
    const char *name;
    int rows, cols;
    tile_function *run;
} tile;
const tile portable = {"plain C", 4, 8, tile_portable};

void matmul_tiled(float *c, const float *a, const float *b, int n, const tile *t)
{
    memset(c, 0, (size_t)n * (size_t)n * sizeof *c);
    for (int i = 0; i < n; i += t->rows)
        for (int j = 0; j < n; j += t->cols) t->run(c + i * n + j, n, a + i * n, n, 1, b + j, n, n);
}

/* ---- Rung 4: vectors ------------------------------------------------------------------------------------------------
 * One instruction multiplies and adds 8 (AVX2) or 16 (AVX-512) numbers at once: "vfmadd". Two of them start per cycle and each takes 4
 * cycles to finish, so at least 8 must be under way at any time, on different sums. 6 x 16 makes 12 of 16 registers sums, 12 x 32 makes
 * 24 of 32.
 *
 *      sum[r] += broadcast(a[r][l]) * b[l][0..15]          one number of A beside itself 8 or 16 times, times a piece of a row of B
 *
 * A program may not reach an instruction that the processor does not know: so each function is compiled for its own processor (target)
 * and called only after asking. That is how the library does it, too: one binary, the best rung of each machine. */
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void tile_avx2(float *c, int c_row, const float *a, int a_row, int a_col, const float *b, int b_row,
                                                   int k)
{
    __m256 sum[6][2];
    UNROLL for (int r = 0; r < 6; r++) sum[r][0] = _mm256_loadu_ps(c + r * c_row), sum[r][1] = _mm256_loadu_ps(c + r * c_row + 8);
    for (int l = 0; l < k; l++) {
        __m256 b0 = _mm256_loadu_ps(b + l * b_row), b1 = _mm256_loadu_ps(b + l * b_row + 8);
        UNROLL for (int r = 0; r < 6; r++)
        {
            __m256 x = _mm256_set1_ps(a[r * a_row + l * a_col]);
            sum[r][0] = _mm256_fmadd_ps(x, b0, sum[r][0]), sum[r][1] = _mm256_fmadd_ps(x, b1, sum[r][1]);
        }
    }
    UNROLL for (int r = 0; r < 6; r++) _mm256_storeu_ps(c + r * c_row, sum[r][0]), _mm256_storeu_ps(c + r * c_row + 8, sum[r][1]);
}

__attribute__((target("avx512f"))) void tile_avx512(float *c, int c_row, const float *a, int a_row, int a_col, const float *b, int b_row,
                                                    int k)
{
    __m512 sum[12][2];
    UNROLL for (int r = 0; r < 12; r++) sum[r][0] = _mm512_loadu_ps(c + r * c_row), sum[r][1] = _mm512_loadu_ps(c + r * c_row + 16);
    for (int l = 0; l < k; l++) {
        __m512 b0 = _mm512_loadu_ps(b + l * b_row), b1 = _mm512_loadu_ps(b + l * b_row + 16);
        UNROLL for (int r = 0; r < 12; r++)
        {
            __m512 x = _mm512_set1_ps(a[r * a_row + l * a_col]);
            sum[r][0] = _mm512_fmadd_ps(x, b0, sum[r][0]), sum[r][1] = _mm512_fmadd_ps(x, b1, sum[r][1]);
        }
    }
    UNROLL for (int r = 0; r < 12; r++) _mm512_storeu_ps(c + r * c_row, sum[r][0]), _mm512_storeu_ps(c + r * c_row + 16, sum[r][1]);
}
const tile avx2 = {"AVX2, 8 lanes", 6, 16, tile_avx2}, avx512 = {"AVX-512, 16 lanes", 12, 32, tile_avx512};
#endif

/* ---- Rung 5: packed -------------------------------------------------------------------------------------------------
 * The same tile, the same instructions, other addresses. Rung 4 reads all of B again for every 12 rows of C. As long as B fits into a
 * cache nobody notices; try ./matmul 2304, where it no longer does. And each step of l goes to another row of B, to another page soon. So
 * A and B are cut into blocks that stay in a cache until they are used up, and copied in the order in which they will be read:
 *
 *      B in panels of W columns         A in panels of R rows          blocks:
 *      | 0 1 2 .. W-1 |  l = 0          | 0 | row 0, l = 0               K_BLOCK rows of one B panel:  32 KB, the L1 cache
 *      | ............ |  l = 1          | 1 | row 1, l = 0               M_BLOCK rows of A, packed:    98 KB, the L2 cache
 *      | ............ |  ...            | . | ... then l = 1
 *
 * Copying is n^2 work for n^3 use. Every load of the tile is now the next bytes in memory, and the prefetcher sees it coming. */
enum { K_BLOCK = 256, M_BLOCK = 96 };

void matmul_packed(float *c, const float *a, const float *b, int n, const tile *t)
{
    float *pa = aligned_alloc(64, (size_t)M_BLOCK * K_BLOCK * sizeof *pa), *pb = aligned_alloc(64, (size_t)n * K_BLOCK * sizeof *pb);
    int R = t->rows, W = t->cols;
    memset(c, 0, (size_t)n * (size_t)n * sizeof *c);
    for (int l0 = 0; l0 < n; l0 += K_BLOCK) {
        int k = n - l0 < K_BLOCK ? n - l0 : K_BLOCK;
        for (int j = 0; j < n; j += W) /* panel of B: [k][W] */
            for (int l = 0; l < k; l++) memcpy(pb + j * k + l * W, b + (l0 + l) * n + j, (size_t)W * sizeof *pb);
        for (int i0 = 0; i0 < n; i0 += M_BLOCK) {
            int m = n - i0 < M_BLOCK ? n - i0 : M_BLOCK;
            for (int i = 0; i < m; i += R) /* panel of A: [k][R] */
                for (int r = 0; r < R; r++)
                    for (int l = 0; l < k; l++) pa[i * k + l * R + r] = a[(i0 + i + r) * n + l0 + l];
            for (int j = 0; j < n; j += W)
                for (int i = 0; i < m; i += R) t->run(c + (i0 + i) * n + j, n, pa + i * k, 1, R, pb + j * k, W, k);
        }
    }
    free(pa), free(pb);
}

/* ---- Rung 6: half the bits ------------------------------------------------------------------------------------------
 * bfloat16 is the upper half of a float: the same range, 8 bits of precision instead of 24. Half the bytes to move, and one instruction
 * (vdpbf16ps) multiplies 32 pairs: for each of 16 lanes, a0*b0 + a1*b1 is added to a FLOAT sum. Weights and activations bear it, sums do
 * not: adding 1/512 to 1 in bfloat16 gives 1. (The copy converts number by number here, a tenth of the time: the library does 32 at once.)
 * The panels now hold pairs of neighbouring l:
 *
 *      B: | l=0,1 of col 0 | l=0,1 of col 1 | ... col 31 |  then l=2,3         A: | l=0,1 of row 0 | ... row 11 |  then l=2,3 */
uint16_t to_bf16(float x) /* to nearest, ties to even: the 16 bits that fall off decide */
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bf16"))) void tile_bf16(float *c, int c_row, const uint16_t *a, const uint16_t *b, int pairs)
{
    __m512 sum[12][2];
    UNROLL for (int r = 0; r < 12; r++) sum[r][0] = _mm512_loadu_ps(c + r * c_row), sum[r][1] = _mm512_loadu_ps(c + r * c_row + 16);
    for (int p = 0; p < pairs; p++, a += 24, b += 64) {
        __m512bh b0 = (__m512bh)_mm512_loadu_si512(b), b1 = (__m512bh)_mm512_loadu_si512(b + 32);
        UNROLL for (int r = 0; r < 12; r++)
        {
            int pair;
            memcpy(&pair, a + 2 * r, sizeof pair);
            __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
            sum[r][0] = _mm512_dpbf16_ps(sum[r][0], x, b0), sum[r][1] = _mm512_dpbf16_ps(sum[r][1], x, b1);
        }
    }
    UNROLL for (int r = 0; r < 12; r++) _mm512_storeu_ps(c + r * c_row, sum[r][0]), _mm512_storeu_ps(c + r * c_row + 16, sum[r][1]);
}

void matmul_bf16(float *c, const float *a, const float *b, int n)
{
    enum { R = 12, W = 32 };
    uint16_t *pa = aligned_alloc(64, (size_t)M_BLOCK * K_BLOCK * sizeof *pa), *pb = aligned_alloc(64, (size_t)n * K_BLOCK * sizeof *pb);
    memset(c, 0, (size_t)n * (size_t)n * sizeof *c);
    for (int l0 = 0; l0 < n; l0 += K_BLOCK) {
        int k = n - l0 < K_BLOCK ? n - l0 : K_BLOCK;
        for (int j = 0; j < n; j += W)
            for (int l = 0; l < k; l++)
                for (int t = 0; t < W; t++) pb[j * k + (l / 2 * W + t) * 2 + l % 2] = to_bf16(b[(l0 + l) * n + j + t]);
        for (int i0 = 0; i0 < n; i0 += M_BLOCK) {
            int m = n - i0 < M_BLOCK ? n - i0 : M_BLOCK;
            for (int i = 0; i < m; i += R)
                for (int r = 0; r < R; r++)
                    for (int l = 0; l < k; l++) pa[i * k + (l / 2 * R + r) * 2 + l % 2] = to_bf16(a[(i0 + i + r) * n + l0 + l]);
            for (int j = 0; j < n; j += W)
                for (int i = 0; i < m; i += R) tile_bf16(c + (i0 + i) * n + j, n, pa + i * k, pb + j * k, k / 2);
        }
    }
    free(pa), free(pb);
}
#endif

/* ---- The peak: multiply-adds on registers alone, as many chains as hide the latency --------------------------------- */
double now(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

volatile float sink; /* results go here, so that no compiler drops the work */
enum { ROUNDS = 2000000 };

double flops_portable(void)
{
    float x[32], y = 0.999f;
    for (int i = 0; i < 32; i++) x[i] = (float)i;
    for (int i = 0; i < ROUNDS; i++) UNROLL
    for (int t = 0; t < 32; t++) x[t] = x[t] * y + 0.5f;
    for (int i = 0; i < 32; i++) sink = x[i];
    return 2.0 * 32 * ROUNDS;
}
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) double flops_avx2(void)
{
    __m256 x[12], y = _mm256_set1_ps(0.999f);
    UNROLL for (int t = 0; t < 12; t++) x[t] = _mm256_set1_ps((float)t);
    for (int i = 0; i < ROUNDS; i++) {
        UNROLL for (int t = 0; t < 12; t++) x[t] = _mm256_fmadd_ps(x[t], y, y);
    }
    UNROLL for (int t = 0; t < 12; t++) sink = _mm256_cvtss_f32(x[t]);
    return 2.0 * 8 * 12 * ROUNDS;
}

__attribute__((target("avx512f"))) double flops_avx512(void)
{
    __m512 x[12], y = _mm512_set1_ps(0.999f);
    UNROLL for (int t = 0; t < 12; t++) x[t] = _mm512_set1_ps((float)t);
    for (int i = 0; i < ROUNDS; i++) {
        UNROLL for (int t = 0; t < 12; t++) x[t] = _mm512_fmadd_ps(x[t], y, y);
    }
    UNROLL for (int t = 0; t < 12; t++) sink = _mm512_cvtss_f32(x[t]);
    return 2.0 * 16 * 12 * ROUNDS;
}

__attribute__((target("avx512f,avx512bf16"))) double flops_bf16(void)
{
    __m512 x[12];
    __m512bh y = (__m512bh)_mm512_set1_epi16(0x3C00);
    UNROLL for (int t = 0; t < 12; t++) x[t] = _mm512_set1_ps((float)t);
    for (int i = 0; i < ROUNDS; i++) {
        UNROLL for (int t = 0; t < 12; t++) x[t] = _mm512_dpbf16_ps(x[t], y, y);
    }
    UNROLL for (int t = 0; t < 12; t++) sink = _mm512_cvtss_f32(x[t]);
    return 2.0 * 32 * 12 * ROUNDS;
}
#endif

double peak(double probe(void)) /* FLOP/s, the best of five */
{
    double best = 0;
    for (int i = 0; i < 5; i++) {
        double began = now(), work = probe(), speed = work / (now() - began);
        best = speed > best ? speed : best;
    }
    return best;
}

/* ---- The ladder ----------------------------------------------------------------------------------------------------- */
typedef enum rung { NAIVE, ROWS, TILED, VECTOR, PACKED, BF16, RUNGS } rung;

void run(rung which, float *c, const float *a, const float *b, int n, const tile *best)
{
    switch (which) {
    case NAIVE: matmul_naive(c, a, b, n); break;
    case ROWS: matmul_rows(c, a, b, n); break;
    case TILED: matmul_tiled(c, a, b, n, &portable); break;
    case VECTOR: matmul_tiled(c, a, b, n, best); break;
    case PACKED: matmul_packed(c, a, b, n, best); break;
#if defined(__x86_64__)
    case BF16: matmul_bf16(c, a, b, n); break;
#endif
    default: break;
    }
}

/* The largest |c - exact| / (|a| |b|) of 500 elements, exact in double. What rounding may do is a few times 2^-24 (bf16: 2^-9) of it. */
double error_of(const float *c, const float *a, const float *b, int n)
{
    double worst = 0;
    for (int s = 0; s < 500; s++) {
        int i = (int)((uint32_t)s * 2654435761u >> 8) % n, j = (int)((uint32_t)s * 40503u) % n;
        double exact = 0, size = 0;
        for (int l = 0; l < n; l++) {
            double p = (double)a[i * n + l] * (double)b[l * n + j];
            exact += p, size += fabs(p);
        }
        double e = fabs(c[i * n + j] - exact) / size;
        worst = e > worst ? e : worst;
    }
    return worst;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 1536;
    n = (n < 96 ? 96 : n > 4032 ? 4032 : n) / 96 * 96; /* a multiple of every tile: edges are no part of this lesson */
    const tile *best = &portable;
    double (*probe)(void) = flops_portable, (*probe_bf16)(void) = NULL;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) best = &avx2, probe = flops_avx2;
    if (__builtin_cpu_supports("avx512f")) best = &avx512, probe = flops_avx512;
    if (__builtin_cpu_supports("avx512bf16")) probe_bf16 = flops_bf16;
#endif
    double fp32 = peak(probe), bf16 = probe_bf16 ? peak(probe_bf16) : 0;
    printf("This core: %s; multiply-adds in registers: %.1f GFLOP/s in fp32", best->name, fp32 / 1e9);
    printf(probe_bf16 ? ", %.1f in bf16\n" : "; it has no instruction for bf16\n", bf16 / 1e9);
    printf("C = A B, %d x %d, one thread\n\n", n, n);
    printf("  rung               flops per load   GFLOP/s   share of peak   times rung 1   largest error\n");

    size_t count = (size_t)n * (size_t)n;
    float *a = malloc(count * sizeof *a), *b = malloc(count * sizeof *b), *c = malloc(count * sizeof *c);
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        a[i] = (float)((state = state * 1664525u + 1013904223u) >> 8) / 16777216.0f - 0.5f;
        b[i] = (float)((state = state * 1664525u + 1013904223u) >> 8) / 16777216.0f - 0.5f;
    }
    const char *names[RUNGS] = {"1 naive", "2 rows", "3 tiles, plain C", "4 vectors", "5 packed", "6 packed bf16"};
    double first = 0;
    int wrong = 0;
    for (rung r = NAIVE; r < RUNGS; r++) {
        if (r == BF16 && !probe_bf16) continue;
        double fastest = 1e30, began = now();
        for (int i = 0; i < 20 && (i < 1 || now() - began < 0.5); i++) {
            double t = now();
            run(r, c, a, b, n, best);
            t = now() - t;
            fastest = t < fastest ? t : fastest;
        }
        const tile *t = r == TILED ? &portable : best;
        double rows = r < TILED ? 1 : t->rows, cols = r < TILED ? 1 : t->cols, loads = r == ROWS ? 3 : rows + cols;
        double speed = 2.0 * (double)count * n / fastest, error = error_of(c, a, b, n);
        int bad = !(error < (r == BF16 ? 4e-3 : 2e-6));
        if (r == NAIVE) first = speed;
        wrong |= bad;
        printf("  %-18s %14.1f %9.1f %13.1f %% %13.1fx %15.1e%s\n", names[r], 2 * rows * cols / loads * (r == BF16 ? 2 : 1), speed / 1e9,
               100 * speed / (r == BF16 ? bf16 : fp32), speed / first, error, bad ? "  WRONG" : "");
        fflush(stdout);
    }
    printf("\nThe peak of rungs 1 to 5 is that of fp32%s. What is missing: edges, threads, and products of few rows, where the\n"
           "matrix is read once and used once and memory is all that counts (generating text one token at a time).\n",
           probe_bf16 ? ", of rung 6 that of bf16" : "");
    free(a), free(b), free(c);
    return wrong;
}
