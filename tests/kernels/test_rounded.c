/* test_rounded.c - operations on what is rounded to bfloat16 already, or that leave it rounded, give the bits of the same operations on
 * floats with the rounding done apart: products (rows and strips of A, panels, gate | up), gated units backward, norms, rotations,
 * cross-entropy, attention; widths odd and even, any number of workers. (What the bits are worth: test_gemm_bf16.c, test_rows.c.) */
#include "kernel_test.h"

enum { ROOM = 1 << 20 };
static float *x, *w, *y, *z; /* [ROOM] each */
static lf_bf16 *hx, *hy, *hz;
static int32_t *indices;

static void same(const lf_device *dev, const char *what, int a, int b, int c, const void *p, const void *q, size_t bytes)
{
    if (memcmp(p, q, bytes) != 0)
        fail_msg("%s, %d threads: %s of %d, %d, %d: other bits", dev->isa, lf__pool_threads(dev->pool), what, a, b, c);
}

static void same_rounded(lf_device *dev, const char *what, int a, int b, int c, const lf_bf16 *half, const float *full, size_t n)
{
    dev->ops->to_bf16(dev, hz, full, (int64_t)n);
    same(dev, what, a, b, c, half, hz, n * sizeof *half);
}

/* x rounded to hx, and back into z: floats that lose nothing when they are rounded again. */
static void inputs(lf_device *dev, size_t n)
{
    dev->ops->to_bf16(dev, hx, x, (int64_t)n);
    dev->ops->from_bf16(dev, z, hx, (int64_t)n);
}

static void products(lf_device *dev)
{
    static const int shapes[][3] = {{1, 1, 1}, {13, 33, 7}, {40, 70, 64}, {25, 17, 2050}, {12, 32, 2048}, {61, 97, 129}, {300, 64, 256}};
    float *panels = align64(y + ROOM / 2);
    for (size_t i = 0; i < LF_COUNT(shapes); i++) {
        int m = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
        lf_panels b = {panels, n, k, 0, LF_BF16, NULL};
        inputs(dev, (size_t)m * (size_t)k);
        dev->ops->pack(dev, &b, w, 1, n);
        for (int strips = 0; strips < 2; strips++) {
            lf_gemm g = {.c = y, .ldc = n, .a = x, .a_rs = strips ? 1 : k, .a_cs = strips ? m : 1, .b = &b, .m = m};
            dev->ops->gemm(dev, &g);
            memcpy(z, y, (size_t)m * (size_t)n * sizeof *z);
            g.a = NULL, g.a16 = hx;
            dev->ops->gemm(dev, &g);
            same(dev, strips ? "product of strips" : "product", m, n, k, y, z, (size_t)m * (size_t)n * sizeof *z);
        }
        inputs(dev, (size_t)m * (size_t)k); /* [m, k] as a B of m rows */
        lf_panels p = {panels, k, m, 0, LF_BF16, NULL}, q = {align64(w + ROOM / 2), k, m, 0, LF_BF16, NULL};
        dev->ops->pack(dev, &p, x, 1, k);
        dev->ops->pack16(dev, &q, hx, k);
        same(dev, "panels", m, n, k, p.data, q.data, lf__panels_bytes(&p));
    }
}

static void gated(lf_device *dev)
{
    static const int shapes[][3] = {{1, 1, 2}, {13, 17, 33}, {50, 48, 64}, {7, 37, 2300}, {100, 64, 128}};
    for (size_t i = 0; i < LF_COUNT(shapes); i++) {
        int m = shapes[i][0], f = shapes[i][1], k = shapes[i][2];
        size_t n = (size_t)m * (size_t)f;
        lf_panels b = {align64(y + ROOM / 2), 2 * f, k, f, LF_BF16, NULL};
        dev->ops->pack(dev, &b, w, k, 1);
        lf_gemm g = {.c = y, .ldc = 2 * f, .a = x, .a_rs = k, .a_cs = 1, .b = &b, .m = m, .swiglu = z, .ldswiglu = f};
        dev->ops->gemm(dev, &g);
        g.c = g.swiglu = NULL, g.c16 = hx, g.swiglu16 = hy;
        hx[2 * n] = hy[n] = 0x7777;
        dev->ops->gemm(dev, &g);
        assert_true(hx[2 * n] == 0x7777 && hy[n] == 0x7777);
        same_rounded(dev, "gate and up", m, f, k, hx, y, 2 * n);
        same_rounded(dev, "gated product", m, f, k, hy, z, n);
    }
    for (int act = 0; act < LF_N_ACTS; act++)
        for (int f = 1; f < 1300; f = f * 3 + 2) {
            size_t n = 9 * (size_t)f;
            inputs(dev, 2 * n);
            dev->ops->glu_backward(dev, y, NULL, w, z, 9, f, (lf_act)act);
            hy[2 * n] = 0x7777;
            dev->ops->glu_backward16(dev, hy, w, hx, 9, f, (lf_act)act);
            assert_true(hy[2 * n] == 0x7777);
            same_rounded(dev, "gated unit backward", act, f, 0, hy, y, 2 * n);
        }
}

static void rows(lf_device *dev)
{
    const lf_backend_ops *ops = dev->ops;
    for (int c = 2; c < 700; c = c * 3 - 1) {
        size_t n = 11 * (size_t)c;
        float *stat = y + ROOM / 2;
        hy[n] = 0x7777;
        ops->rmsnorm_forward(dev, y, hy, stat, x, w, 11, c, 1e-5f);
        same_rounded(dev, "rmsnorm", c, 0, 0, hy, y, n);
        ops->layernorm_forward(dev, y, hy, stat, x, w, w + c, 11, c, 1e-5f);
        same_rounded(dev, "layernorm", c, 0, 0, hy, y, n);

        lf_rotation r = {.x = y, .ldx = c, .positions = indices, .table = w, .n = 11, .n_heads = 1, .head_dim = c - c % 2};
        r.rotary = r.head_dim;
        for (int inverse = 0; inverse < 2; inverse++) {
            memcpy(y, x, n * sizeof *y), memcpy(z, x, n * sizeof *z);
            r.x = z, r.half = NULL, r.inverse = inverse;
            ops->rope(dev, &r);
            r.x = y, r.half = hy;
            ops->rope(dev, &r);
            same_rounded(dev, "rotation", c, inverse, 0, hy, z, n);
            same(dev, "rotated floats", c, inverse, 0, y, z, n * sizeof *z);
        }

        lf_loss loss = {.scale = 0.25f, .grad = true};
        memcpy(y, x, n * sizeof *y), memcpy(z, x, n * sizeof *z);
        ops->cross_entropy(dev, y, c, NULL, stat, indices, 11, c, &loss);
        ops->cross_entropy(dev, z, c, hy, stat + 11, indices, 11, c, &loss);
        same_rounded(dev, "cross-entropy", c, 0, 0, hy, y, n);
        same(dev, "loss", c, 0, 0, stat, stat + 11, 11 * sizeof *stat);
        assert_true(hy[n] == 0x7777);
    }
}

/* Two sequences, forward and backward: q | k | v and o rounded against floats that rounding does not change. */
static void attention(lf_device *dev)
{
    enum { N = 150, H = 4, KV = 2 };
    static const int32_t seq_start[3] = {0, 131, N};
    int32_t positions[N];
    for (int i = 0; i < N; i++) positions[i] = i < 131 ? i : i - 131;
    for (int d = 8; d < 40; d += 13) {
        int q = H * d, ld = (H + 2 * KV) * d;
        size_t n_o = (size_t)N * (size_t)q, n = (size_t)N * (size_t)ld;
        float *o = y, *lse = y + n_o, *o_back = lse + N * H, *d_o = w, *grads[2] = {w + n_o, w + n_o + n};
        inputs(dev, n);
        lf_attention a = {.o = o, .lse = lse, .q = z, .ldq = ld, .ldo = q, .n_seqs = 2, .n_heads = H, .n_kv_heads = KV, .head_dim = d};
        a.scale = 0.3f, a.seq_start = seq_start, a.positions = positions, a.products = LF_BF16, a.k = z + q, a.v = a.k + KV * d;
        for (int half = 0; half < 2; half++) {
            if (half) {
                a.q16 = hx, a.k16 = hx + q, a.v16 = a.k16 + KV * d, a.o16 = hy, a.lse = o_back;
                a.o = NULL, a.q = a.k = a.v = NULL;
            }
            void *scratch =
                aligned_alloc(64, LF_MAX(dev->ops->attention_forward_scratch(dev, &a), dev->ops->attention_backward_scratch(dev, &a)));
            dev->ops->attention_forward(dev, &a, scratch);
            if (half) {
                same_rounded(dev, "attention", d, 0, 0, hy, o, n_o);
                same(dev, "log-sum-exp", d, 0, 0, lse, o_back, N * H * sizeof *lse);
            }
            if (!half) dev->ops->to_bf16(dev, hy, o, (int64_t)n_o), dev->ops->from_bf16(dev, o_back + N * H, hy, (int64_t)n_o);
            lf_attention_grad g = {.forward = a, .lddqkv = ld, .d_o = d_o, .lddo = q, .k = a.k, .v = a.v};
            if (!half) g.forward.o = o_back + N * H;
            g.dq = grads[half], g.dk = g.dq + q, g.dv = g.dk + KV * d;
            dev->ops->attention_backward(dev, &g, scratch);
            free(scratch);
        }
        same(dev, "attention backward", d, 0, 0, grads[0], grads[1], n * sizeof *z);
    }
}

static void same_bits_rounded(void **state)
{
    (void)state;
    x = fill(malloc(4 * ROOM * sizeof *x), 4 * ROOM, 1, 3.0f), w = x + ROOM, y = w + ROOM, z = y + ROOM;
    hx = malloc(3 * ROOM * sizeof *hx), hy = hx + ROOM, hz = hy + ROOM;
    indices = malloc(16 * sizeof *indices);
    for (int i = 0; i < 16; i++) indices[i] = i * 5 % 2;
    for (const char *const *isa = lf_isa_list(); *isa; isa++)
        for (int threads = 1; threads <= 3 && lf_isa_supported(*isa); threads++) {
            lf_device *dev = open_device(*isa, threads);
            products(dev), gated(dev), rows(dev), attention(dev);
            lf_device_close(&dev);
        }
    free(x), free(hx), free(indices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_bits_rounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
