/* bench_kernels.c - products, attention and the row operations, through the table that the ops use, each held against a ceiling that is
 * measured just before. Shapes are rows of tables; dtypes are those of the device. */
#include "bench/bench.h"

#include <string.h>

static const struct {
    lf_dtype type;
    const char *name;
} dtypes[] = {{LF_F32, "f32"}, {LF_BF16, "bf16"}};

static bool has(const lf_bench *b, size_t dtype) { return dtypes[dtype].type == LF_F32 || b->device->bf16; }

/* ---- gemm ---------------------------------------------------------------------------------------------------------------------- */
typedef struct product {
    lf_gemm g;
    lf_panels panels;
    const float *source;
    ptrdiff_t stride_n, stride_k;
} product;

static void multiply(lf_device *dev, void *arg) { dev->ops->gemm(dev, &((product *)arg)->g); }

static void pack_and_multiply(lf_device *dev, void *arg)
{
    product *p = arg;
    dev->ops->pack(dev, &p->panels, p->source, p->stride_n, p->stride_k);
    dev->ops->gemm(dev, &p->g);
}

/* The three products of a linear layer, x [m, k], W [n, k]:
 *   y = x W^T  and  dx = dy W: panels of W, packed once per optimizer step      dW = dy^T x: x is packed in the call */
static bool gemm_lines(lf_bench *b, size_t d, int m, int n, int k, float *x, float *w, float *y, void *panels)
{
    static const struct {
        const char *form;
        bool packs;
    } forms[] = {{"y = x W^T", false}, {"y = x W^T, W packed too", true}, {"dx = dy W", false}, {"dW = dy^T x, x packed too", true}};
    bool more = true;
    for (size_t f = 0; f < LF_COUNT(forms) && more; f++) {
        product p = {.panels = {.data = panels, .n = n, .k = k, .type = dtypes[d].type}, .source = w, .stride_n = k, .stride_k = 1};
        p.g = (lf_gemm){.c = y, .ldc = n, .a = x, .a_rs = k, .a_cs = 1, .m = m};
        if (f == 2) {
            p.panels.n = k, p.panels.k = n, p.stride_n = 1, p.stride_k = k;
            p.g = (lf_gemm){.c = x, .ldc = k, .a = y, .a_rs = n, .a_cs = 1, .m = m};
        } else if (f == 3) {
            p.panels.n = k, p.panels.k = m, p.source = x, p.stride_n = 1, p.stride_k = k;
            p.g = (lf_gemm){.c = w, .ldc = k, .a = y, .a_rs = 1, .a_cs = n, .m = n};
        }
        p.g.b = &p.panels;
        pack_and_multiply(b->device, &p);
        char name[96];
        snprintf(name, sizeof name, "%s, %d x %d x %d", forms[f].form, m, n, k);
        double peak = lf__peak_gflops(b->device, dtypes[d].type, 0.02);
        double seconds = lf__bench_time(b, forms[f].packs ? pack_and_multiply : multiply, &p), gflops = 2e-9 * m * n * k / seconds;
        more = lf__bench_tell(b, (lf_bench_line){.name = name,
                                                 .dtype = dtypes[d].name,
                                                 .seconds = seconds,
                                                 .value = gflops,
                                                 .unit = "GFLOP/s",
                                                 .share = gflops / peak,
                                                 .ceiling = "registers",
                                                 .ceiling_value = peak});
    }
    return more;
}

int lf__bench_gemm(lf_bench *b, lf_error *err)
{
    /* rows, out, in: of the workloads S, M, L, and squares */
    static const int shapes[][3] = {{2048, 768, 768},  {2048, 2048, 512}, {2048, 512, 1408}, {1024, 1024, 1024},
                                    {4096, 256, 256},  {2048, 4096, 768}, {2048, 768, 2048}, {512, 512, 512},
                                    {512, 32000, 512}, {768, 128, 128},   {4096, 1536, 256}, {2048, 2816, 512}};
    enum { QUICK = 5 };
    size_t largest = 0, count = b->options.all ? LF_COUNT(shapes) : QUICK;
    for (size_t i = 0; i < count; i++) {
        size_t m = (size_t)shapes[i][0], n = (size_t)shapes[i][1] + LF_PANEL, k = (size_t)shapes[i][2] + LF_PANEL;
        size_t panels = LF_MAX(LF_MAX(n * k, k * n), m * k);
        largest = LF_MAX(largest, (m * k + n * k + m * n + panels) * sizeof(float) + 4 * LF_ALIGN);
    }
    if (lf__arena_init(&b->arena, "bench", largest, err)) return -1;
    for (size_t i = 0; i < count; i++)
        for (size_t d = 0; d < LF_COUNT(dtypes); d++) {
            if (!has(b, d)) continue;
            size_t m = (size_t)shapes[i][0], n = (size_t)shapes[i][1], k = (size_t)shapes[i][2];
            lf__arena_rewind(&b->arena, 0);
            float *x = lf__bench_floats(b, m * k), *w = lf__bench_floats(b, n * k), *y = lf__bench_floats(b, m * n);
            void *panels = lf__arena_push(&b->arena, b->arena.size - b->arena.used);
            if (!gemm_lines(b, d, (int)m, (int)n, (int)k, x, w, y, panels)) return 0;
        }
    return 0;
}

/* ---- attention ----------------------------------------------------------------------------------------------------------------- */
typedef struct attention_call {
    lf_attention_grad g;
    void *scratch;
} attention_call;

static void attend(lf_device *dev, void *arg)
{
    dev->ops->attention_forward(dev, &((attention_call *)arg)->g.forward, ((attention_call *)arg)->scratch);
}
static void attend_back(lf_device *dev, void *arg)
{
    dev->ops->attention_backward(dev, &((attention_call *)arg)->g, ((attention_call *)arg)->scratch);
}

/* One sequence of t positions; q | k | v side by side in rows, as a model has them. */
static bool attention_lines(lf_bench *b, size_t d, int t, int heads, int kv_heads, int head_dim)
{
    int q = heads * head_dim, kv = kv_heads * head_dim, cols = q + 2 * kv, n_blocks = (t + LF_KV_BLOCK - 1) / LF_KV_BLOCK;
    size_t n = (size_t)t, block = lf__kv_head_bytes(LF_F32, head_dim) * (size_t)kv_heads;
    lf__arena_rewind(&b->arena, 0);
    float *x = lf__bench_floats(b, n * (size_t)cols), *dx = lf__bench_floats(b, n * (size_t)cols), *o = lf__bench_floats(b, n * (size_t)q),
          *d_o = lf__bench_floats(b, n * (size_t)q), *lse = lf__bench_floats(b, n * (size_t)heads);
    char *blocks = lf__arena_push(&b->arena, (size_t)n_blocks * block);
    void **list = lf__arena_push(&b->arena, (size_t)n_blocks * sizeof *list);
    int32_t *positions = lf__arena_push(&b->arena, n * sizeof *positions), ends[2] = {0, t}, first[2] = {0, n_blocks};
    if (!positions) return true; /* what does not fit is not timed */
    memset(blocks, 0, (size_t)n_blocks * block);
    for (int i = 0; i < t; i++) positions[i] = i;
    for (int i = 0; i < n_blocks; i++) list[i] = blocks + (size_t)i * block;
    lf_attention forward = {.o = o,
                            .lse = lse,
                            .q = x,
                            .ldq = cols,
                            .ldo = q,
                            .n_seqs = 1,
                            .n_heads = heads,
                            .n_kv_heads = kv_heads,
                            .head_dim = head_dim,
                            .scale = 0.125f,
                            .seq_start = ends,
                            .positions = positions,
                            .kv_blocks = list,
                            .seq_block = first,
                            .longest = t,
                            .products = dtypes[d].type,
                            .k = x + q,
                            .v = x + q + kv};
    attention_call call = {.g = {.forward = forward,
                                 .dq = dx,
                                 .dk = dx + q,
                                 .dv = dx + q + kv,
                                 .lddqkv = cols,
                                 .d_o = d_o,
                                 .lddo = q,
                                 .k = x + q,
                                 .v = x + q + kv}};
    const lf_backend_ops *ops = b->device->ops;
    size_t scratch = LF_MAX(ops->attention_forward_scratch(b->device, &forward), ops->attention_backward_scratch(b->device, &forward));
    if (!(call.scratch = lf__arena_push(&b->arena, scratch))) return true;
    ops->kv_write(b->device, &(lf_kv_rows){.k = x + q,
                                           .v = x + q + kv,
                                           .ld = cols,
                                           .n_kv_heads = kv_heads,
                                           .head_dim = head_dim,
                                           .n_seqs = 1,
                                           .seq_start = ends,
                                           .positions = positions,
                                           .seq_block = first,
                                           .blocks = list});
    bool more = true;
    for (int back = 0; back < 2 && more; back++) {
        char name[96];
        snprintf(name, sizeof name, "%s, %d positions, %d/%d heads of %d", back ? "backward" : "forward", t, heads, kv_heads, head_dim);
        double flops = (back ? 10.0 : 4.0) * t * (t + 1) / 2 * q, peak = lf__peak_gflops(b->device, dtypes[d].type, 0.02);
        double seconds = lf__bench_time(b, back ? attend_back : attend, &call), gflops = 1e-9 * flops / seconds;
        more = lf__bench_tell(b, (lf_bench_line){.name = name,
                                                 .dtype = dtypes[d].name,
                                                 .seconds = seconds,
                                                 .value = gflops,
                                                 .unit = "GFLOP/s",
                                                 .share = gflops / peak,
                                                 .ceiling = "registers",
                                                 .ceiling_value = peak});
    }
    return more;
}

int lf__bench_attention(lf_bench *b, lf_error *err)
{
    static const int shapes[][4] = {{512, 8, 4, 64}, {2048, 12, 12, 64}, {256, 8, 4, 32},
                                    {64, 4, 4, 32},  {4096, 12, 12, 64}, {2048, 8, 2, 128}};
    enum { QUICK = 3 };
    if (lf__arena_init(&b->arena, "bench", (size_t)512 << 20, err)) return -1;
    for (size_t i = 0; i < (b->options.all ? LF_COUNT(shapes) : QUICK); i++)
        for (size_t d = 0; d < LF_COUNT(dtypes); d++)
            if (has(b, d) && !attention_lines(b, d, shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3])) return 0;
    return 0;
}

/* ---- ops: what moves bytes rather than multiplies -------------------------------------------------------------------------------- */
typedef struct rows {
    float *a, *b, *c, *d, *w;
    int32_t *index;
    int n, cols;
} rows;

static void norm(lf_device *dev, void *arg)
{
    rows *r = arg;
    dev->ops->rmsnorm_forward(dev, r->b, NULL, r->w, r->a, r->w, r->n, r->cols, 1e-5f);
}
static void norm_back(lf_device *dev, void *arg)
{
    rows *r = arg;
    dev->ops->rmsnorm_backward(dev, r->b, NULL, r->c, r->a, r->w, r->w, r->n, r->cols, 0, 0);
}
static void rotate(lf_device *dev, void *arg)
{
    rows *r = arg;
    dev->ops->rope(dev, &(lf_rotation){.x = r->a,
                                       .ldx = r->cols,
                                       .positions = r->index,
                                       .table = r->w,
                                       .n = r->n,
                                       .n_heads = r->cols / 64,
                                       .head_dim = 64,
                                       .rotary = 64});
}
static void glu_back(lf_device *dev, void *arg)
{
    rows *r = arg;
    dev->ops->glu_backward(dev, r->b, NULL, r->c, r->a, r->n, r->cols / 2, LF_ACT_SILU);
}
static void softmax(lf_device *dev, void *arg)
{
    rows *r = arg;
    dev->ops->cross_entropy(dev, r->a, r->cols, NULL, r->w, r->index, r->n, r->cols, &(lf_loss){.scale = 1e-3f, .grad = true});
}
static void sum(lf_device *dev, void *arg)
{
    rows *r = arg;
    dev->ops->add(dev, r->b, r->a, (int64_t)r->n * r->cols, 1);
}
static void squares(lf_device *dev, void *arg)
{
    rows *r = arg;
    dev->ops->sum_squares(dev, r->a, (int64_t)r->n * r->cols);
}
static void lookup(lf_device *dev, void *arg)
{
    rows *r = arg;
    dev->ops->embed_forward(dev, r->b, r->index, r->a, r->n, r->cols);
}
static void update(lf_device *dev, void *arg)
{
    rows *r = arg;
    lf_weight_step u = {.w = r->a,
                        .m = r->b,
                        .v = r->c,
                        .g = r->d,
                        .rows = r->n,
                        .cols = r->cols,
                        .grad_scale = 1,
                        .lr = 1e-9f,
                        .keep = 1,
                        .beta1 = 0.9f,
                        .beta2 = 0.95f,
                        .eps = 1e-8f,
                        .bias1 = 0.1f,
                        .bias2 = 0.05f};
    dev->ops->step_weight(dev, &u);
}

int lf__bench_ops(lf_bench *b, lf_error *err)
{
    static const struct {
        const char *name;
        void (*run)(lf_device *dev, void *arg);
        int bytes; /* moved per element of a row */
    } table[] = {{"rmsnorm", norm, 8},
                 {"rmsnorm, backward", norm_back, 12},
                 {"rope", rotate, 8},
                 {"swiglu, backward", glu_back, 10},
                 {"softmax and its gradient", softmax, 8},
                 {"add", sum, 12},
                 {"sum of squares", squares, 4},
                 {"embedding", lookup, 8},
                 {"adamw", update, 28}};
    enum { ROWS = 8192, COLS = 2048 }; /* arrays of 64 MiB: from memory */
    size_t n = (size_t)ROWS * COLS;
    if (lf__arena_init(&b->arena, "bench", 4 * n * sizeof(float) + (size_t)ROWS * 64 * sizeof(float) + (1 << 20), err)) return -1;
    rows r = {.n = ROWS, .cols = COLS};
    r.a = lf__bench_floats(b, n), r.b = lf__bench_floats(b, n), r.c = lf__bench_floats(b, n), r.d = lf__bench_floats(b, n);
    r.w = lf__bench_floats(b, (size_t)ROWS * 64); /* norm weights, rstd, cos and sin */
    r.index = lf__arena_push(&b->arena, ROWS * sizeof *r.index);
    for (int i = 0; i < ROWS; i++) r.index[i] = i % COLS;
    for (size_t i = 0; i < LF_COUNT(table); i++) {
        double rate = lf__read_rate(b->device, r.a, 4 * n * sizeof(float), 0.05);
        memset(r.c, 0, n * sizeof(float)); /* second moments are not negative */
        double seconds = lf__bench_time(b, table[i].run, &r), value = 1e-9 * (double)n * table[i].bytes / seconds;
        if (!lf__bench_tell(b, (lf_bench_line){.name = table[i].name,
                                               .dtype = "f32",
                                               .seconds = seconds,
                                               .value = value,
                                               .unit = "GB/s",
                                               .share = value / rate,
                                               .ceiling = "memory",
                                               .ceiling_value = rate}))
            break;
    }
    return 0;
}
