/* test_attention.c - attention against the definition in double, forward and backward, on ragged batches; and the contract of the
 * house: a row is the same bits whether its sequence comes whole, in chunks of 7 or token by token, alone or among others. */
#include "kernel_test.h"

typedef struct att_shape {
    int heads, kv_heads, dim, n_seqs;
    int length[4];
    bool accumulate;
    int window;
    float cap;
    bool alibi;
    float drop;
    bool sinks;
} att_shape;

/* A ragged batch with its rows and blocks: everything lives in one piece of memory. */
typedef struct att_batch {
    int n, ld, n_blocks;
    int32_t seq_start[5], seq_block[5], positions[2048];
    float *qkv, *d_o, *start; /* [n, ld], [n, heads * dim], [n, ld] what dqkv begins with */
    void *blocks[64];
    float *rest;
} att_batch;

static lf_dtype products, kv_type; /* of the cases that follow */

static size_t block_bytes(const att_shape *s) { return (size_t)s->kv_heads * lf__kv_head_bytes(kv_type, s->dim); }
/* Room for the blocks of any type. */
static size_t block_floats(const att_shape *s) { return (size_t)s->kv_heads * lf__kv_head_bytes(LF_F32, s->dim + 1) / sizeof(float); }

/* x as a cache of this type has it: 32 neighbours of a head share a scale. */
static void as_stored(float *x, int d)
{
    for (int i = 0; i < d; i += 32) {
        float row[32] = {0};
        unsigned char bytes[34];
        int n = LF_MIN(32, d - i);
        memcpy(row, x + i, sizeof(float) * n);
        if (kv_type == LF_Q8_0) {
            lf__dtype(LF_Q8_0)->from_float(bytes, row, 32, NULL);
            lf__dtype(LF_Q8_0)->to_float(row, bytes, 32);
        }
        for (int j = 0; j < n && kv_type == LF_BF16; j++) lf__dtype(LF_BF16)->to_float(&row[j], &(lf_bf16){lf__f32_to_bf16(row[j])}, 1);
        for (int j = 0; j < n && kv_type == LF_F16; j++) row[j] = lf__f16_to_f32(lf__f32_to_f16(row[j]));
        memcpy(x + i, row, sizeof(float) * n);
    }
}

/* Keys and values are such as the cache can hold: then rounding them is not what is measured. */
static void make_batch(const att_shape *s, float *work, att_batch *b)
{
    *b = (att_batch){.ld = (s->heads + 2 * s->kv_heads) * s->dim};
    for (int i = 0; i < s->n_seqs; i++) {
        for (int t = 0; t < s->length[i]; t++) b->positions[b->n++] = t;
        b->n_blocks += (s->length[i] + LF_KV_BLOCK - 1) / LF_KV_BLOCK;
        b->seq_start[i + 1] = b->n, b->seq_block[i + 1] = b->n_blocks;
    }
    b->qkv = fill(work, (size_t)b->n * b->ld, 1, 1.5f);
    for (int i = 0; i < b->n; i++)
        for (int h = s->heads; h < s->heads + 2 * s->kv_heads; h++) as_stored(b->qkv + (size_t)i * b->ld + h * s->dim, s->dim);
    b->d_o = fill(b->qkv + (size_t)b->n * b->ld, (size_t)b->n * s->heads * s->dim, 2, 1.0f);
    b->start = fill(b->d_o + (size_t)b->n * s->heads * s->dim, (size_t)b->n * b->ld, 3, 1.0f);
    b->rest = align64(b->start + (size_t)b->n * b->ld);
    for (int i = 0; i < b->n_blocks; i++, b->rest += block_floats(s)) memset(b->blocks[i] = b->rest, 0, block_bytes(s));
}

static lf_attention attention_args(const att_shape *s, att_batch *b, float *o, float *lse)
{
    static const float slopes[8] = {0.5f, 0.25f, 0.125f, 0.06f, 0.03f, 0.015f, 0.008f, 0.004f};
    static const float sinks[8] = {0.5f, -2.0f, 30.0f, 3.0f, -INFINITY, 0.0f, -1.0f, 6.0f}; /* next to nothing, next to all of the sum */
    return (lf_attention){.o = o,
                          .cap = s->cap,
                          .window = s->window,
                          .slopes = s->alibi ? slopes : NULL,
                          .sinks = s->sinks ? sinks : NULL,
                          .drop = {.seed = 5, .stream = 6, .first_row = 1000, .rate = s->drop},
                          .lse = lse,
                          .q = b->qkv,
                          .ldq = b->ld,
                          .ldo = s->heads * s->dim,
                          .n_seqs = s->n_seqs,
                          .n_heads = s->heads,
                          .n_kv_heads = s->kv_heads,
                          .head_dim = s->dim,
                          .scale = 1.0f / sqrtf((float)s->dim),
                          .seq_start = b->seq_start,
                          .positions = b->positions,
                          .products = products,
                          .k = b->qkv + s->heads * s->dim,
                          .v = b->qkv + (s->heads + s->kv_heads) * s->dim,
                          .kv_type = kv_type,
                          .kv_blocks = b->blocks,
                          .seq_block = b->seq_block,
                          .longest = 2048};
}

static void write_kv(lf_device *dev, const att_shape *s, att_batch *b)
{
    dev->ops->kv_write(dev, &(lf_kv_rows){.k = b->qkv + s->heads * s->dim,
                                          .v = b->qkv + (s->heads + s->kv_heads) * s->dim,
                                          .ld = b->ld,
                                          .type = kv_type,
                                          .n_kv_heads = s->kv_heads,
                                          .head_dim = s->dim,
                                          .n_seqs = s->n_seqs,
                                          .seq_start = b->seq_start,
                                          .positions = b->positions,
                                          .seq_block = b->seq_block,
                                          .blocks = b->blocks});
}

static float *new_scratch(lf_device *dev, const lf_attention *a)
{
    size_t bytes = LF_MAX(dev->ops->attention_forward_scratch(dev, a), dev->ops->attention_backward_scratch(dev, a));
    float *p = aligned_alloc(64, lf__round_up(bytes, 64));
    assert_non_null(p);
    memset(p, 0xff, bytes); /* NaN everywhere: nothing may be read before it is written */
    return p;
}

/* out: o, lse, and with blocks of floats dqkv and dsinks, added to -1 */
static void att_run(lf_device *dev, const void *params, float *work, float *out)
{
    const att_shape *s = params;
    static att_batch b;
    make_batch(s, work, &b);
    write_kv(dev, s, &b);
    float *lse = out + (size_t)b.n * s->heads * s->dim, *d = lse + (size_t)b.n * s->heads;
    lf_attention a = attention_args(s, &b, out, lse);
    float *scratch = new_scratch(dev, &a);
    dev->ops->attention_forward(dev, &a, scratch);
    if (kv_type != LF_F32) {
        free(scratch);
        return;
    }
    memcpy(d, b.start, (size_t)b.n * b.ld * sizeof *d);
    float *dsinks = d + (size_t)b.n * b.ld, *delta = malloc(sizeof *delta * (size_t)b.n * s->heads);
    for (int h = 0; h < s->heads; h++) dsinks[h] = -1.0f;
    int k = s->heads * s->dim, v = k + s->kv_heads * s->dim;
    lf_attention_grad g = {.forward = a,
                           .dq = d,
                           .dk = d + k,
                           .dv = d + v,
                           .lddqkv = b.ld,
                           .d_o = b.d_o,
                           .lddo = s->heads * s->dim,
                           .k = b.qkv + k,
                           .v = b.qkv + v,
                           .accumulate = s->accumulate,
                           .dsinks = s->sinks ? dsinks : NULL,
                           .delta = delta};
    dev->ops->attention_backward(dev, &g, scratch);
    free(scratch), free(delta);
}

static void att_oracle(const void *params, float *work, double *out)
{
    const att_shape *s = params;
    static att_batch b;
    static double p[1024], cap_slope[1024], stays[1024];
    make_batch(s, work, &b);
    const float *slopes = attention_args(s, &b, NULL, NULL).slopes, *sinks = attention_args(s, &b, NULL, NULL).sinks;
    int d = s->dim, group = s->heads / s->kv_heads;
    double *lse = out + (size_t)b.n * s->heads * d, *grad = lse + (size_t)b.n * s->heads, scale = (double)(1.0f / sqrtf((float)d));
    for (int i = 0; i < b.n * b.ld && s->accumulate && kv_type == LF_F32; i++) grad[i] = b.start[i];
    for (int h = 0; h < s->heads && kv_type == LF_F32; h++) grad[(size_t)b.n * b.ld + h] = -1.0;
    for (int i = 0; i < b.n; i++) {
        int first = LF_MAX(i - b.positions[i], s->window ? i - s->window + 1 : 0);
        for (int h = 0; h < s->heads; h++) {
            const float *q = b.qkv + (size_t)i * b.ld + h * d, *d_o = b.d_o + ((size_t)i * s->heads + h) * d;
            int kc = (s->heads + h / group) * d, vc = (s->heads + s->kv_heads + h / group) * d;
            uint64_t key = lf__rng_at(5, 6, (uint64_t)(1000 + i) * (uint64_t)s->heads + (uint64_t)h);
            double sink = sinks ? exp((double)sinks[h]) : 0.0, sum = sink, delta = 0.0, *o = out + ((size_t)i * s->heads + h) * d;
            for (int j = first; j <= i; j++) {
                double score = 0.0;
                for (int c = 0; c < d; c++) score += (double)q[c] * b.qkv[(size_t)j * b.ld + kc + c];
                double t = s->cap > 0 ? tanh(score * scale / s->cap) : 0.0;
                cap_slope[j] = 1.0 - t * t;
                stays[j] = lf__drop_word(key, (uint32_t)b.positions[j]) < s->drop * 4294967296.0 ? 0.0 : 1.0 / (1.0 - s->drop);
                sum += p[j] = exp((s->cap > 0 ? s->cap * t : score * scale) + (slopes ? (double)slopes[h] * (j - i) : 0.0));
            }
            lse[(size_t)i * s->heads + h] = log(sum);
            for (int j = first; j <= i; j++)
                for (int c = 0; c < d; c++) o[c] += stays[j] * (p[j] / sum) * b.qkv[(size_t)j * b.ld + vc + c];
            for (int c = 0; c < d; c++) delta += o[c] * d_o[c];
            if (kv_type == LF_F32) grad[(size_t)b.n * b.ld + h] -= sink / sum * delta;
            for (int j = first; j <= i && kv_type == LF_F32; j++) {
                double dp = 0.0, pj = p[j] / sum;
                for (int c = 0; c < d; c++) dp += (double)d_o[c] * b.qkv[(size_t)j * b.ld + vc + c];
                double ds = pj * (stays[j] * dp - delta) * scale * cap_slope[j];
                for (int c = 0; c < d; c++) {
                    grad[(size_t)j * b.ld + vc + c] += stays[j] * pj * d_o[c];
                    grad[(size_t)j * b.ld + kc + c] += ds * q[c];
                    grad[(size_t)i * b.ld + h * d + c] += ds * b.qkv[(size_t)j * b.ld + kc + c];
                }
            }
        }
    }
}

/* A shape of every kind; in bfloat16 blocks hold 128 keys and tiles 96 rows. */
static const att_shape kinds[] = {
    {1, 1, 2, 1, {1}, false, 0, 0, false, 0, false},           {4, 2, 16, 3, {1, 64, 65}, false, 0, 0, false, 0, false},
    {6, 2, 34, 2, {130, 7}, true, 0, 0, false, 0, false},      {8, 1, 32, 2, {48, 100}, false, 0, 0, false, 0, false},
    {3, 3, 64, 1, {300}, true, 0, 0, false, 0, false},         {4, 4, 32, 4, {64, 64, 3, 0}, false, 0, 0, false, 0, false},
    {2, 1, 128, 2, {31, 290}, false, 0, 0, false, 0, false},   {5, 1, 10, 1, {97}, false, 0, 0, false, 0, false},
    {4, 2, 16, 2, {200, 70}, false, 1, 0, false, 0, false},    {4, 1, 32, 2, {200, 9}, true, 64, 0, false, 0, false},
    {2, 2, 20, 1, {400}, false, 65, 0, false, 0, false},       {4, 2, 32, 1, {390}, true, 128, 0, false, 0, false},
    {1, 1, 32, 1, {500}, false, 5, 0, false, 0, false},        {6, 2, 18, 2, {130, 5}, true, 0, 2.0f, false, 0, false},
    {8, 4, 16, 2, {150, 64}, false, 0, 0, true, 0, false},     {6, 3, 24, 2, {290, 3}, true, 37, 1.5f, true, 0, false},
    {4, 2, 32, 2, {140, 65}, true, 0, 0, false, 0.25f, false}, {3, 1, 20, 2, {290, 1}, false, 50, 2.0f, true, 0.5f, false},
    {8, 2, 16, 3, {1, 64, 290}, true, 0, 0, false, 0, true},   {6, 3, 34, 2, {270, 5}, false, 66, 2.0f, true, 0.25f, true},
};

static void definition(void **state)
{
    (void)state;
    for (size_t i = 0; i < LF_COUNT(kinds); i++) {
        const att_shape *s = &kinds[i];
        int n = s->length[0] + s->length[1] + s->length[2] + s->length[3], ld = (s->heads + 2 * s->kv_heads) * s->dim;
        size_t work = (size_t)n * (2 * ld + s->heads * s->dim) + (size_t)(n / LF_KV_BLOCK + 4) * block_floats(s) + 64;
        size_t out = (size_t)n * (s->heads * s->dim + s->heads + ld) + s->heads;
        /* Scores of about d terms enter an exponential, sums run over the sequence: a few hundred roundings of 6e-8. */
        kernel_case c = {"attention", att_run, att_oracle, s, work, out, 2e-5, 0};
        check(&c);
    }
}

/* Products of bfloat16: every operand carries 2^-9 of itself, sums average them. Sequences longer and shorter than tiles and blocks. */
static void definition_bf16(void **state)
{
    (void)state;
    products = LF_BF16, rungs_differ = true;
    for (size_t i = 0; i < LF_COUNT(kinds); i++) {
        const att_shape *s = &kinds[i];
        int n = s->length[0] + s->length[1] + s->length[2] + s->length[3], ld = (s->heads + 2 * s->kv_heads) * s->dim;
        size_t work = (size_t)n * (2 * ld + s->heads * s->dim) + (size_t)(n / LF_KV_BLOCK + 4) * block_floats(s) + 64;
        kernel_case c = {"attention bf16", att_run, att_oracle, s, work, (size_t)n * (s->heads * s->dim + s->heads + ld) + s->heads,
                         1.5e-2,           0};
        check(&c);
    }
    products = LF_F32, rungs_differ = false;
}

/* A cache of other types: products of floats, or where the rung has them of bfloat16 pairs, which rounds q and P. */
static void definition_kv(void **state)
{
    (void)state;
    static const lf_dtype types[] = {LF_F16, LF_BF16, LF_Q8_0};
    for (size_t i = 0; i < LF_COUNT(kinds) * LF_COUNT(types); i++) {
        const att_shape *s = &kinds[i / LF_COUNT(types)];
        if (s->drop > 0) continue; /* training has floats */
        kv_type = types[i % LF_COUNT(types)];
        bf16_tolerance = kv_type == LF_F16 ? 0 : 1.5e-2;
        int n = s->length[0] + s->length[1] + s->length[2] + s->length[3], ld = (s->heads + 2 * s->kv_heads) * s->dim;
        size_t work = (size_t)n * (2 * ld + s->heads * s->dim) + (size_t)(n / LF_KV_BLOCK + 4) * block_floats(s) + 64;
        kernel_case c = {"attention, cached", att_run, att_oracle, s, work, (size_t)n * (s->heads * s->dim + s->heads), 2e-5, 0};
        check(&c);
    }
    kv_type = LF_F32, bf16_tolerance = 0;
}

/* Rows into blocks and out of them, on every rung: each element is what its type makes of it, a column of keys and a row of values. */
static void formats(void **state)
{
    (void)state;
    static const lf_dtype types[] = {LF_F32, LF_F16, LF_BF16, LF_Q8_0};
    static const int dims[] = {2, 7, 20, 32, 64, 80};
    enum { N = 3 * LF_KV_BLOCK / 2 };
    static float qkv[N * 240], room[LF_KV_BLOCK * 128];
    for (size_t i = 0; i < LF_COUNT(types) * LF_COUNT(dims); i++) {
        att_shape s = {1, 1, dims[i / LF_COUNT(types)], 1, {N}, false, 0, 0, false, 0, false};
        int d = s.dim;
        kv_type = types[i % LF_COUNT(types)];
        att_batch b = {.n = N, .ld = 3 * d, .n_blocks = 2, .seq_start = {0, N}, .seq_block = {0, 2}, .qkv = qkv};
        for (int j = 0; j < N; j++) b.positions[j] = j;
        fill(qkv, N * 240, 4, 3.0f);
        for (const char *const *isa = lf_isa_list(); *isa; isa++) {
            if (!lf_isa_supported(*isa)) continue;
            lf_device *dev = open_device(*isa, 2);
            for (int j = 0; j < 2; j++) b.blocks[j] = calloc(1, block_bytes(&s));
            write_kv(dev, &s, &b);
            bool pairs = lf__kv_pairs(dev->kernels, kv_type);
            for (int what = 0; what < 2; what++) { /* keys, values */
                for (int position = 0; position < 2 * LF_KV_BLOCK; position++) {
                    int at = position % LF_KV_BLOCK;
                    lf_kv_panels p = (what ? lf__kv_values : lf__kv_keys)(dev->kernels, kv_type, b.blocks[position / LF_KV_BLOCK], d, room);
                    float row[80] = {0};
                    if (position < N) memcpy(row, qkv + (size_t)position * b.ld + (1 + what) * d, sizeof(float) * d);
                    as_stored(row, d);
                    for (int c = 0; c < d; c++) {
                        int column = what ? c : at, line = what ? at : c;
                        const char *panel = (const char *)p.data + column / LF_PANEL * p.panel;
                        int place = line * LF_PANEL + column % LF_PANEL;
                        float y = row[c];
                        if (pairs) {
                            lf_pair pair = ((const lf_pair *)panel)[line / 2 * LF_PANEL + column % LF_PANEL];
                            assert_int_equal(line % 2 ? pair >> 16 : pair & 0xffff, lf__f32_to_bf16(y));
                            continue;
                        }
                        float x = p.half ? lf__f16_to_f32(((const uint16_t *)panel)[place]) : ((const float *)panel)[place];
                        if (x != y)
                            fail_msg("%s, %s, d %d, position %d, element %d: %a, expected %a", *isa, lf__dtype(kv_type)->name, d, position,
                                     c, x, y);
                    }
                }
            }
            for (int j = 0; j < 2; j++) free(b.blocks[j]);
            lf_device_close(&dev);
        }
    }
    kv_type = LF_F32;
}

/* Feeds the sequences in steps of at most `step` rows, each step one ragged batch over the same blocks; all orders give the same rows. */
static void feed(lf_device *dev, const att_shape *s, att_batch *b, int step, bool together, float *o, float *lse)
{
    int longest = 0;
    for (int i = 0; i < s->n_seqs; i++) longest = LF_MAX(longest, s->length[i]);
    for (int i = 0; i < b->n_blocks; i++) memset(b->blocks[i], 0, block_bytes(s));
    float *part_o = malloc(sizeof(float) * (size_t)b->n * s->heads * s->dim), *part_lse = malloc(sizeof(float) * (size_t)b->n * s->heads);
    att_batch *part = malloc(sizeof *part);
    float *rows = malloc(sizeof(float) * (size_t)b->n * b->ld);
    for (int only = 0; only < (together ? 1 : s->n_seqs); only++) {
        for (int at = 0; at < longest; at += step) {
            *part = *b;
            part->qkv = rows, part->n = 0;
            int from[4];
            for (int i = 0; i < s->n_seqs; i++) {
                part->seq_start[i] = part->n;
                from[i] = b->seq_start[i] + at;
                for (int t = at; t < LF_MIN(at + step, s->length[i]) && (together || i == only); t++) {
                    memcpy(rows + (size_t)part->n * b->ld, b->qkv + (size_t)(b->seq_start[i] + t) * b->ld, sizeof(float) * b->ld);
                    part->positions[part->n++] = t;
                }
            }
            part->seq_start[s->n_seqs] = part->n;
            if (part->n == 0) continue;
            write_kv(dev, s, part);
            lf_attention a = attention_args(s, part, part_o, part_lse);
            float *scratch = new_scratch(dev, &a);
            dev->ops->attention_forward(dev, &a, scratch);
            free(scratch);
            for (int i = 0; i < s->n_seqs; i++) {
                size_t n = part->seq_start[i + 1] - part->seq_start[i], width = s->heads * s->dim;
                memcpy(o + from[i] * width, part_o + part->seq_start[i] * width, n * width * sizeof *o);
                memcpy(lse + (size_t)from[i] * s->heads, part_lse + (size_t)part->seq_start[i] * s->heads, n * s->heads * sizeof *lse);
            }
        }
    }
    free(part_o), free(part_lse), free(part), free(rows);
}

static void chunks(void **state)
{
    (void)state;
    static const att_shape shapes[] = {
        {4, 2, 32, 3, {150, 64, 5}, false, 0, 0, false, 0, false},  {6, 1, 20, 2, {130, 77}, false, 0, 0, false, 0, false},
        {2, 2, 64, 1, {129}, false, 0, 0, false, 0, false},         {4, 2, 32, 2, {250, 70}, false, 30, 0, false, 0, false},
        {4, 2, 16, 2, {200, 65}, false, 100, 3.0f, true, 0, false}, {3, 1, 33, 2, {520, 9}, false, 0, 0, false, 0, false},
        {4, 2, 16, 1, {530}, false, 270, 0, false, 0, false},       {8, 2, 32, 2, {270, 65}, false, 0, 0, false, 0, true}};
    static const int steps[] = {1000, 7, 1, 64, 50};
    static const lf_dtype types[] = {LF_F32, LF_F16, LF_BF16, LF_Q8_0};
    for (size_t i = 0; i < LF_COUNT(shapes) * LF_COUNT(types); i++) {
        const att_shape *s = &shapes[i / LF_COUNT(types)];
        kv_type = types[i % LF_COUNT(types)];
        int n = s->length[0] + s->length[1] + s->length[2];
        float *work = malloc(sizeof(float) * ((size_t)n * 400 + 12 * block_floats(s) + 64) * 2), *o = malloc(sizeof(float) * n * 520 * 2);
        float *lse = o + n * 512, *o2 = lse + n * 8, *lse2 = o2 + n * 512;
        static att_batch b;
        make_batch(s, align64(work), &b);
        for (const char *const *isa = lf_isa_list(); *isa; isa++) {
            if (!lf_isa_supported(*isa)) continue;
            lf_device *dev = open_device(*isa, 2);
            for (size_t j = 0; j < LF_COUNT(steps) * 2; j++) {
                feed(dev, s, &b, steps[j / 2], j % 2 == 0, j ? o2 : o, j ? lse2 : lse);
                if (j == 0) continue;
                assert_memory_equal(o, o2, sizeof(float) * n * s->heads * s->dim);
                assert_memory_equal(lse, lse2, sizeof(float) * n * s->heads);
            }
            lf_device_close(&dev);
        }
        free(work), free(o);
    }
    kv_type = LF_F32;
}

/* A NaN in one sequence stays in it. */
static void nan_stays_home(void **state)
{
    (void)state;
    static const att_shape s = {4, 2, 16, 2, {70, 70}, false, 0, 0, false, 0, false};
    size_t width = s.heads * s.dim, n = 140;
    float *work = malloc(sizeof(float) * (n * 400 + 5 * block_floats(&s))), *o = malloc(sizeof(float) * n * (width + 4));
    static att_batch b;
    for (const char *const *isa = lf_isa_list(); *isa; isa++) {
        if (!lf_isa_supported(*isa)) continue;
        lf_device *dev = open_device(*isa, 1);
        make_batch(&s, align64(work), &b);
        b.qkv[0] = NAN;
        write_kv(dev, &s, &b);
        lf_attention a = attention_args(&s, &b, o, o + n * width);
        float *scratch = new_scratch(dev, &a);
        dev->ops->attention_forward(dev, &a, scratch);
        assert_true(isnan(o[0]));
        for (size_t i = 70 * width; i < n * width; i++) assert_true(isfinite(o[i]));
        free(scratch);
        lf_device_close(&dev);
    }
    free(work), free(o);
}

/* ---- speed ---- */
typedef struct att_bench {
    lf_attention_grad g;
    float *scratch;
} att_bench;
static void bench_forward(lf_device *dev, void *arg)
{
    att_bench *b = arg;
    dev->ops->attention_forward(dev, &b->g.forward, b->scratch);
}
static void bench_backward(lf_device *dev, void *arg)
{
    att_bench *b = arg;
    dev->ops->attention_backward(dev, &b->g, b->scratch);
}

static void speed(void **state)
{
    (void)state;
    SKIP_SPEED();
    static const att_shape shapes[] = {{4, 4, 32, 4, {64, 64, 64, 64}, false, 0, 0, false, 0, false},
                                       {8, 4, 32, 4, {256, 256, 256, 256}, false, 0, 0, false, 0, false},
                                       {8, 8, 64, 1, {1024}, false, 0, 0, false, 0, false},
                                       {4, 4, 64, 1, {2048}, false, 0, 0, false, 0, false}};
    static att_batch b;
    float *work = malloc(sizeof(float) * (20u << 20)), *out = malloc(sizeof(float) * (4u << 20));
    for (const char *const *isa = lf_isa_list(); *isa; isa++) {
        if (!lf_isa_supported(*isa) || strcmp(*isa, "scalar") == 0) continue;
        products = strstr(*isa, "bf16") ? LF_BF16 : LF_F32;
        for (int threads = 1; threads <= 2; threads++) {
            double peak = peak_gflops_of(products, threads);
            for (size_t i = 0; i < LF_COUNT(shapes); i++) {
                const att_shape *s = &shapes[i];
                lf_device *dev = open_device(*isa, threads);
                make_batch(s, align64(work), &b);
                write_kv(dev, s, &b);
                float *lse = out + (size_t)b.n * s->heads * s->dim, *d = lse + (size_t)b.n * s->heads;
                att_bench bench = {.g = {.forward = attention_args(s, &b, out, lse),
                                         .dq = d,
                                         .dk = d + s->heads * s->dim,
                                         .lddqkv = b.ld,
                                         .dv = d + (s->heads + s->kv_heads) * s->dim,
                                         .d_o = b.d_o,
                                         .lddo = s->heads * s->dim,
                                         .k = b.qkv + s->heads * s->dim,
                                         .v = b.qkv + (s->heads + s->kv_heads) * s->dim}};
                bench.scratch = new_scratch(dev, &bench.g.forward);
                double pairs = 0.5 * s->length[0] * (s->length[0] + 1.0) * s->n_seqs, flops = 4.0 * pairs * s->heads * s->dim;
                double fwd = flops / best_time(dev, bench_forward, &bench) / 1e9,
                       bwd = 2.5 * flops / best_time(dev, bench_backward, &bench) / 1e9;
                print_message("attention T %4d d %3d H %d/%d  %-11s %dT forward %6.1f GFLOP/s %3.0f %%  backward %6.1f GFLOP/s %3.0f %% of "
                              "%.0f (causal flops)\n",
                              s->length[0], s->dim, s->heads, s->kv_heads, *isa, threads, fwd, 100 * fwd / peak, bwd, 100 * bwd / peak,
                              peak);
                free(bench.scratch);
                lf_device_close(&dev);
            }
        }
    }
    free(work), free(out);
}

/* One row of each sequence against a long cache, as decoding has it: the share of the rate at which the same threads read memory. In an
 * arena, as the cache is: its pages of 2 MiB read up to twice as fast as those of 4 KiB. */
static void decode_speed(void **state)
{
    (void)state;
    SKIP_SPEED();
    enum { DEPTH = 8192, SEQS = 8, BLOCKS = DEPTH / LF_KV_BLOCK, ROOM = 512 << 20 }; /* as float */
    static const lf_dtype types[] = {LF_F32, LF_F16, LF_BF16, LF_Q8_0};
    static const int shapes[][3] = {{32, 4, 64}, {8, 8, 128}};
    lf_arena arena;
    assert_int_equal(lf__arena_init(&arena, "cache", ROOM, NULL), 0);
    char *memory = lf__arena_push(&arena, ROOM);
    static float q[SEQS * 32 * 128 * 2];
    for (size_t i = 0; i < LF_COUNT(shapes) * LF_COUNT(types); i++) {
        int heads = shapes[i / LF_COUNT(types)][0], kv_heads = shapes[i / LF_COUNT(types)][1], d = shapes[i / LF_COUNT(types)][2];
        lf_dtype type = types[i % LF_COUNT(types)];
        size_t block = kv_heads * lf__kv_head_bytes(type, d), all = SEQS * BLOCKS * block;
        static void *blocks[SEQS * BLOCKS];
        int32_t start[SEQS + 1], positions[SEQS], seq_block[SEQS + 1];
        memset(memory, 0, all);
        for (int b = 0; b < SEQS * BLOCKS; b++) blocks[b] = memory + b * block;
        for (int s = 0; s <= SEQS; s++) start[s] = s, seq_block[s] = s * BLOCKS;
        for (int s = 0; s < SEQS; s++) positions[s] = DEPTH - 1;
        for (int threads = 1; threads <= 2; threads++) {
            lf_device *dev = open_device("auto", threads);
            att_bench bench = {.g.forward = {.o = q + SEQS * 32 * 128,
                                             .q = q,
                                             .ldq = heads * d,
                                             .ldo = heads * d,
                                             .n_heads = heads,
                                             .n_kv_heads = kv_heads,
                                             .head_dim = d,
                                             .scale = 0.1f,
                                             .seq_start = start,
                                             .positions = positions,
                                             .kv_type = type,
                                             .kv_blocks = blocks,
                                             .seq_block = seq_block,
                                             .n_seqs = SEQS,
                                             .longest = DEPTH}};
            bench.scratch = new_scratch(dev, &bench.g.forward);
            double rate = all / best_time(dev, bench_forward, &bench) / 1e9, read = lf__read_rate(dev, memory, all, 0.05);
            print_message("decode at %d, %d/%d heads of %3d, %-4s %s %dT  %5.1f GB/s, %3.0f %% of reading at %.1f\n", DEPTH, heads,
                          kv_heads, d, lf__dtype(type)->name, dev->isa, threads, rate, 100 * rate / read, read);
            free(bench.scratch);
            lf_device_close(&dev);
        }
    }
    lf__arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(definition), cmocka_unit_test(definition_bf16), cmocka_unit_test(definition_kv), cmocka_unit_test(formats),
        cmocka_unit_test(chunks),     cmocka_unit_test(nan_stays_home),  cmocka_unit_test(speed),         cmocka_unit_test(decode_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
