/* selftest.c - every kernel family of a device against the scalar rung, on small random inputs with odd shapes: what `foundry doctor`
 * shows. The tests under tests/kernels go further; this one travels with the binary to machines that have no tests. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/kernels.h"

/* Inputs and outputs of one family: two runs of the same function must agree. */
typedef struct family {
    const char *name;
    double tolerance; /* of max |a - b| / max(|b|, 1) over all outputs; see the table for reasons */
    void (*run)(lf_device *dev, float *work, float *out);
    int n_out;
} family;

enum { WORK = 1 << 16, OUT = 1 << 14 };

static void fill(float *x, int n, uint64_t stream)
{
    for (int i = 0; i < n; i++) x[i] = (float)((double)(lf__rng_at(7, stream, (uint64_t)i) >> 11) * 0x1p-52 - 1.0);
}

static void products(lf_device *dev, float *work, float *out, lf_dtype type)
{
    enum { M = 37, N = 45, K = 61 };
    float *a = work, *w = a + M * K, *init = w + N * K, *panels = work + WORK / 2;
    lf_panels b = {panels, N, K, 0, type, NULL};
    fill(a, M * K, 1), fill(w, N * K, 2), fill(init, M * N, 3);
    dev->ops->pack(dev, &b, w, K, 1);
    lf_gemm g = {.c = out, .ldc = N, .init = init, .ldinit = N, .a = a, .a_rs = K, .a_cs = 1, .b = &b, .m = M};
    dev->ops->gemm(dev, &g);
    g.c = out + M * N, g.a_rs = 1, g.a_cs = M, g.init = NULL;
    dev->ops->gemm(dev, &g);
}

static void run_gemm(lf_device *dev, float *work, float *out) { products(dev, work, out, LF_F32); }
static void run_gemm_bf16(lf_device *dev, float *work, float *out) { products(dev, work, out, LF_BF16); }

static void run_rmsnorm(lf_device *dev, float *work, float *out)
{
    enum { N = 5, C = 77 };
    float *x = work, *w = x + N * C, *dy = w + C, *rstd = out + 2 * N * C + C;
    fill(x, N * C, 1), fill(w, C, 2), fill(dy, N * C, 3);
    dev->ops->rmsnorm_forward(dev, out, NULL, rstd, x, w, N, C, 1e-5f);
    dev->ops->rmsnorm_backward(dev, out + N * C, out + 2 * N * C, dy, x, w, rstd, N, C, 0, 0);
}

static void run_rope(lf_device *dev, float *work, float *out)
{
    enum { N = 3, H = 3, D = 22 };
    static const int32_t positions[N] = {0, 2, 4};
    fill(work, 5 * D, 1), fill(out, N * H * D, 2);
    dev->ops->rope(
        dev,
        &(lf_rotation){.x = out, .ldx = H * D, .positions = positions, .table = work, .n = N, .n_heads = H, .head_dim = D, .rotary = D});
}

static void run_swiglu(lf_device *dev, float *work, float *out)
{
    enum { N = 3, F = 53 };
    float *gu = work, *dh = gu + 2 * N * F;
    fill(gu, 2 * N * F, 1), fill(dh, N * F, 2);
    for (int i = 0; i < 2 * N * F; i++) gu[i] *= 8.0f;
    dev->ops->glu_forward(dev, out, gu, N, F, LF_ACT_SILU);
    dev->ops->glu_backward(dev, out + N * F, out + 3 * N * F, dh, gu, N, F, LF_ACT_SILU);
}

static void run_layernorm(lf_device *dev, float *work, float *out)
{
    enum { N = 5, C = 77 };
    float *x = work, *w = x + N * C, *b = w + C, *dy = b + C, *stat = out + 2 * N * C + 2 * C;
    fill(x, N * C, 1), fill(w, 2 * C, 2), fill(dy, N * C, 3);
    dev->ops->layernorm_forward(dev, out, NULL, stat, x, w, b, N, C, 1e-5f);
    dev->ops->layernorm_backward(dev, out + N * C, out + 2 * N * C, out + 2 * N * C + C, dy, x, w, stat, N, C, 0, 0);
}

/* Every activation, and the soft cap. */
static void run_activations(lf_device *dev, float *work, float *out)
{
    enum { N = 301 };
    fill(work, 2 * N, 1);
    for (int i = 0; i < N; i++) work[i] *= 6.0f;
    for (int act = 0; act < LF_N_ACTS; act++, out += 2 * N) {
        dev->ops->act_forward(dev, out, work, N, (lf_act)act);
        dev->ops->act_backward(dev, out + N, work + N, work, N, (lf_act)act);
    }
    memcpy(out, work, N * sizeof *out);
    dev->ops->softcap(dev, out, out + N, 2.0f, N);
}

static void run_cross_entropy(lf_device *dev, float *work, float *out)
{
    enum { N = 3, V = 211 };
    static const int32_t targets[N] = {0, 97, 210};
    LF_UNUSED(work);
    fill(out, N * V, 1);
    for (int i = 0; i < N * V; i++) out[i] *= 10.0f;
    dev->ops->cross_entropy(dev, out, V, NULL, out + N * V, targets, N, V, &(lf_loss){.scale = 1.0f, .grad = true});
}

static void run_adamw(lf_device *dev, float *work, float *out)
{
    enum { N = 301 };
    float *g = work;
    fill(g, N, 1), fill(out, 3 * N, 2);
    for (int i = 2 * N; i < 3 * N; i++) out[i] = fabsf(out[i]);
    lf_weight_step a = {.w = out,
                        .m = out + N,
                        .v = out + 2 * N,
                        .g = g,
                        .rows = 1,
                        .cols = N,
                        .grad_scale = 0.5f,
                        .lr = 1e-2f,
                        .keep = 0.999f,
                        .beta1 = 0.9f,
                        .beta2 = 0.99f,
                        .eps = 1e-8f,
                        .bias1 = 0.1f,
                        .bias2 = 0.01f};
    dev->ops->step_weight(dev, &a);
    out[3 * N] = (float)dev->ops->sum_squares(dev, g, N);
    dev->ops->add(dev, out + N, g, N, 1);
    dev->ops->axpby(dev, out, g, -0.3f, 0.7f, N);
    a.rule = LF_STEP_LION;
    dev->ops->step_weight(dev, &a);
}

/* Two sequences (70 and 9 positions), 4 query heads on 2 kv heads, forward and backward. */
static void run_attention(lf_device *dev, float *work, float *out)
{
    enum { N = 79, H = 4, KV = 2, D = 18, LD = (H + 2 * KV) * D };
    static const int32_t seq_start[3] = {0, 70, 79}, seq_block[3] = {0, 2, 3};
    int32_t positions[N];
    for (int i = 0; i < N; i++) positions[i] = i < 70 ? i : i - 70;
    size_t block = KV * lf__kv_head_bytes(LF_F32, D) / sizeof(float);
    float *qkv = work, *blocks[3] = {qkv + N * LD, qkv + N * LD + block, qkv + N * LD + 2 * block}, *d_o = blocks[2] + block;
    float *o = out, *lse = o + N * H * D, *dqkv = d_o + N * H * D;
    fill(qkv, N * LD, 1), fill(d_o, N * H * D, 2);
    memset(blocks[0], 0, 3 * block * sizeof(float));
    void *kv[3] = {blocks[0], blocks[1], blocks[2]};
    dev->ops->kv_write(dev, &(lf_kv_rows){.k = qkv + H * D,
                                          .v = qkv + (H + KV) * D,
                                          .ld = LD,
                                          .n_kv_heads = KV,
                                          .head_dim = D,
                                          .n_seqs = 2,
                                          .seq_start = seq_start,
                                          .positions = positions,
                                          .seq_block = seq_block,
                                          .blocks = kv});
    lf_attention a = {.o = o,
                      .lse = lse,
                      .q = qkv,
                      .ldq = LD,
                      .ldo = H * D,
                      .n_seqs = 2,
                      .n_heads = H,
                      .n_kv_heads = KV,
                      .head_dim = D,
                      .scale = 0.7f,
                      .seq_start = seq_start,
                      .positions = positions,
                      .kv_blocks = kv,
                      .seq_block = seq_block,
                      .longest = 70};
    size_t bytes = LF_MAX(dev->ops->attention_forward_scratch(dev, &a), dev->ops->attention_backward_scratch(dev, &a));
    void *scratch = aligned_alloc(LF_ALIGN, lf__round_up(bytes, LF_ALIGN));
    if (!scratch) {
        out[0] = NAN; /* reported as a failed family */
        return;
    }
    dev->ops->attention_forward(dev, &a, scratch);
    lf_attention_grad g = {.forward = a,
                           .dq = dqkv,
                           .dk = dqkv + H * D,
                           .dv = dqkv + (H + KV) * D,
                           .lddqkv = LD,
                           .d_o = d_o,
                           .lddo = H * D,
                           .k = qkv + H * D,
                           .v = qkv + (H + KV) * D};
    dev->ops->attention_backward(dev, &g, scratch);
    memcpy(out + N * H * (D + 1), dqkv, sizeof(float) * (OUT - N * H * (D + 1)));
    free(scratch);
}

/* Float chains of K terms differ by about sqrt(K) roundings, sums by less; exp is good to two; adamw divides by roots. */
static const family families[] = {
    {"gemm", 1e-5, run_gemm, 2 * 37 * 45},
    {"rmsnorm", 1e-5, run_rmsnorm, 2 * 5 * 77 + 77 + 5},
    {"rope", 1e-6, run_rope, 3 * 3 * 22},
    {"swiglu", 1e-5, run_swiglu, 4 * 3 * 53},
    {"cross-entropy", 1e-5, run_cross_entropy, 3 * 212},
    {"adamw", 1e-5, run_adamw, 3 * 301 + 1},
    {"layernorm", 1e-5, run_layernorm, 2 * 5 * 77 + 2 * 77 + 10},
    {"activations", 1e-5, run_activations, (2 * LF_N_ACTS + 2) * 301},
    {"attention", 2e-5, run_attention, OUT},
    {"gemm bf16", 1e-5, run_gemm_bf16, 2 * 37 * 45},
};

static double largest_error(const float *a, const float *b, int n)
{
    double worst = 0.0;
    for (int i = 0; i < n; i++) {
        double e = fabs((double)a[i] - (double)b[i]) / fmax(1.0, fabs((double)b[i]));
        if (!(e <= worst)) worst = isnan(e) ? INFINITY : e;
    }
    return worst;
}

int lf_device_selftest(lf_device *device, void (*line)(const lf_selftest_line *line, void *user), void *user, lf_error *err)
{
    lf_device_options scalar = {.threads = 1, .isa = "scalar", .pin = "off"};
    lf_device *ref = lf_device_open(&scalar, err);
    if (!ref) return -1;
    int status = 0;
    float *memory = lf__calloc((size_t)WORK + 2 * OUT, sizeof(float), err);
    if (!memory) status = -1;
    float *out = memory ? memory + WORK : NULL, *expected = memory ? out + OUT : NULL;
    for (size_t i = 0; memory && i < LF_COUNT(families); i++) {
        const family *f = &families[i];
        memset(memory, 0, ((size_t)WORK + 2 * OUT) * sizeof(float));
        f->run(ref, memory, expected);
        f->run(device, memory, out);
        lf_selftest_line l = {f->name, device->isa, largest_error(out, expected, f->n_out), f->tolerance, false};
        l.passed = l.max_error <= l.tolerance;
        if (line) line(&l, user);
        if (l.passed) continue;
        if (status == 0)
            lf_error_set(err, LF_E_NUMERIC, "kernel self-test: %s on %s is off by %.3g, expected at most %.3g", l.kernel, l.isa,
                         l.max_error, l.tolerance);
        status = -1;
    }
    free(memory);
    lf_device_close(&ref);
    return status;
}
