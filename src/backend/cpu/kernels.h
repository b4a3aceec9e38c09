/* kernels.h - what one rung of the ladder (scalar, neon, neon_dotprod, neon_i8mm, neon_bf16, avx2, avx512, avx512_vnni, avx512_bf16)
 * brings: function pointers and, in the same struct, the block sizes they want. Private to backend/cpu. Kernels work on one tile, one row
 * or one range; they never allocate, never start threads and never look at the device: the loops around them (cpu_*.c) are the same for
 * every rung.
 *
 * Same bits: all vector rungs compute with 16 float lanes and reduce them by one fixed tree, so neon, avx2 and avx512 agree bit for bit. */
#ifndef LF_CPU_KERNELS_H
#define LF_CPU_KERNELS_H

#include <stdatomic.h>

#include "backend/backend.h"
#include "backend/cpu/qpanels.h"

/* One micro-tile: C[mr, 32] = init + A[mr, kc] B[kc, 32], every element one chain with k ascending. The two 16-column halves of C
 * may lie apart (paired panels); n[h] <= 16 columns of half h exist. init NULL starts from zero; it may be C itself. */
typedef struct lf_tile {
    const float *a; /* A[i, k] = a[i * a_rs + k * a_cs], one of the strides is 1 */
    ptrdiff_t a_rs, a_cs;
    const float *b;      /* [kc][LF_PANEL] */
    const uint16_t *b16; /* the same as float16, for tile_half */
    float *c[2];
    const float *init[2];
    ptrdiff_t ldc, ldinit;
    int kc, mr, n[2];
    /* What the tiles after this one touch first; lines are fetched a few per 16 k, so that they never crowd out B. NULL, 0: nothing. */
    const float *next_c[2]; /* rows ldc apart, as many as this tile has           */
    const float *next_a;    /* next_rows rows a_rs apart, kc values of each       */
    int next_rows;
} lf_tile;

/* The same tile of bfloat16 pairs: every element one chain of dot products of pairs, their index ascending. */
#define LF_MR16 12 /* rows of a full tile and of a strip, on every rung */
typedef struct lf_tile16 {
    const lf_pair *a; /* rows a_rs pairs apart; a strip is [kp][LF_MR16] */
    ptrdiff_t a_rs;
    bool strip;
    const lf_pair *b; /* [kp][LF_PANEL] */
    float *c[2];
    const float *init[2];
    ptrdiff_t ldc, ldinit;
    int kp, mr, n[2];
    const float *next_c[2]; /* what the next tile begins with, rows ldc apart, or NULL */
    ptrdiff_t ahead;        /* bytes from b to what is wanted from memory soon, as much as b; 0: nothing */
} lf_tile16;

typedef struct lf_kernels {
    const char *isa;
    int mr;           /* rows of a full micro-tile                                             */
    int kc;           /* K block: a strip of mr * kc floats of A stays in L1                   */
    int mc;           /* rows of A that are packed together (a multiple of mr)                 */
    int block_floats; /* floats of B that stay in L2 while the rows of A pass                  */

    void (*tile)(const lf_tile *t);      /* 1 <= t->mr <= mr */
    void (*tile_half)(const lf_tile *t); /* the same with b16, widened as it is read; a_cs is 1 */
    /* dst: strips [kc][mr], lf__strip_floats apart, <- A[rows, kc] with a_rs == 1: rows i*mr.. of A become strip i. */
    void (*pack_strips)(float *dst, const float *a, ptrdiff_t a_cs, int rows, int kc);
    /* panel[k][j] = src[j * ld + k], j < cols <= LF_PANEL: a transpose; other columns are not written. */
    void (*pack_transposed)(float *panel, const float *src, ptrdiff_t ld, int cols, int k);

    float (*rmsnorm)(float *y, const float *x, const float *w, int c, float eps); /* returns 1 / rms */
    void (*rmsnorm_grad)(float *dx, const float *dy, const float *x, const float *w, float rstd, int c, int beta);
    /* dw[j] = beta * dw[j] + sum over n rows (ld apart) of dy * x * rstd, for c columns. */
    void (*rmsnorm_grad_w)(float *dw, const float *dy, const float *x, const float *rstd, int n, ptrdiff_t ld, int c, int beta);
    float (*layernorm)(float *y, const float *x, const float *w, const float *b, int c, float eps, float *mean); /* returns 1 / deviation */
    void (*layernorm_grad)(float *dx, const float *dy, const float *x, const float *w, float mean, float rstd, int c, int beta);
    /* dw[j] = beta * dw[j] + sum over n rows (ld apart) of dy * (x - mean) * rstd; with x NULL, of dy. */
    void (*layernorm_grad_w)(float *dw, const float *dy, const float *x, const float *mean, const float *rstd, int n, ptrdiff_t ld, int c,
                             int beta);
    void (*rope)(float *x, const float *table, int n_heads, int head_dim, int rotary, float sign); /* table [rotary/2][2]; sign +1 or -1 */
    void (*act)(lf_act act, float *y, const float *x, int64_t n);
    void (*act_grad)(lf_act act, float *dx, const float *dy, const float *x, int64_t n); /* dx = dy act'(x) */
    void (*swiglu)(float *h, const float *gate, const float *up, int f);
    void (*swiglu_grad)(float *dgate, float *dup, float *h, const float *dh, const float *gate, const float *up, int f);
    float (*cross_entropy)(float *x, int target, int v, const lf_loss *loss); /* returns the loss of the row */
    void (*add)(float *y, const float *x, int64_t n, int beta);
    void (*axpby)(float *y, const float *x, float a, float b, int64_t n);
    double (*sum_squares)(const float *x, int n); /* one chunk */
    bool (*all_finite)(const float *x, int64_t n);
    void (*step[LF_STEP_RULES])(const lf_weight_step *a, int64_t lo, int64_t hi); /* elements lo.. of the rows, in their order */

    float (*dot)(const float *x, const float *y, int n);
    void (*scale)(float *y, const float *x, float a, int n); /* y = a * x */
    void (*axpy)(float *y, const float *x, float a, int n);  /* y += a * x */
    void (*mul)(float *y, const float *x, int64_t n);        /* y *= x */
    /* x = cap tanh(x / cap); slope = dx/dx before, 1 - tanh^2, where not NULL. */
    void (*softcap)(float *x, float *slope, float cap, int64_t n);
    /* mask[j] = keep where lf__drop_word(key, first + j) >= threshold, else 0. */
    void (*drop_mask)(float *mask, uint64_t key, uint32_t first, int n, uint32_t threshold, float keep);
    /* Rows of scores [rows][LF_KV_BLOCK], ld apart -> exp(s - m), 0 from visible[r] on. Updates the running maximum m and sum l of each
     * row; carry[r] is what its earlier output must be multiplied by. */
    void (*softmax_block)(float *s, ptrdiff_t ld, const int *visible, int rows, float *m, float *l, float *carry);
    /* Rows of scores s and dP -> P = exp(s - lse) and dS = P * (dP - delta), both 0 from visible[r] on. */
    void (*softmax_grad_block)(float *s, float *dp, ptrdiff_t ld, const int *visible, int rows, const float *lse, const float *delta);

    /* ---- bfloat16 operands, float sums: plain C on every rung but avx512_bf16 and neon_bf16. Rounding is to nearest even, denormals
     * become zero. */
    bool bf16; /* the rung has dot products of pairs: bfloat16 pays */
    void (*tile16)(const lf_tile16 *t);
    /* y: pairs of neighbours of x[n]; an odd last one is paired with zero. */
    void (*pairs)(lf_pair *y, const float *x, int n);
    void (*widen)(float *y, const lf_bf16 *x, int64_t n);
    /* k rows of n columns, ld apart -> panels `distance` pairs apart, columns up to a multiple of LF_PANEL filled with zeros. */
    void (*pack_rows16)(lf_pair *dst, ptrdiff_t distance, const float *src, ptrdiff_t ld, int n, int k);
    /* As pack_strips and pack_transposed; strips [lf__pairs(kc)][LF_MR16] are lf__strip_pairs apart. */
    void (*pack_strips16)(lf_pair *dst, const float *a, ptrdiff_t a_cs, int rows, int kc);
    /* pack_rows16 and pack_strips16 of what is rounded already. */
    void (*pair_rows)(lf_pair *dst, ptrdiff_t distance, const lf_bf16 *src, ptrdiff_t ld, int n, int k);
    void (*pair_strips)(lf_pair *dst, const lf_bf16 *a, ptrdiff_t a_cs, int rows, int kc);
    /* A finished tile c [rows][LF_PANEL], gates in its first half, up in the second, n columns each: both rounded, and silu(gate) up. NULL:
     * row by row out of swiglu and pairs, the same bits. */
    void (*swiglu_tile)(lf_bf16 *h, ptrdiff_t ldh, lf_bf16 *gate, lf_bf16 *up, ptrdiff_t ld, const float *c, int rows, int n);
    void (*pack_transposed16)(lf_pair *panel, const float *src, ptrdiff_t ld, int cols, int k);

    /* Rows of scores s [rows][wide], wide a multiple of 32: p = pairs of exp(s - m), zeros from visible[r] on. m, l and carry as in
     * softmax_block; a row that sees nothing keeps its m and l. */
    void (*softmax16)(lf_pair *p, ptrdiff_t ldp, const float *s, ptrdiff_t lds, const int *visible, int rows, int wide, float *m, float *l,
                      float *carry);
    /* As softmax_grad_block, over `wide` columns. */
    void (*softmax_grad16)(float *s, float *dp, ptrdiff_t ld, const int *visible, int rows, int wide, const float *lse, const float *delta);

    /* ---- blocks of keys and values (backend.h): `lines` lines of pairs -> as many lines of floats twice, [2 * lines][LF_PANEL], or of
     * pairs of bfloat16. Line i of keys has scales [i / 16][LF_PANEL], one a column; of values scales 2i and 2i + 1, one for each half. */
    void (*kv_widen)(float *panel, const lf_pair *src, int lines);
    void (*kv_keys)(float *panel, const uint16_t *scale, const int8_t *bytes, int lines);
    void (*kv_values)(float *panel, const uint16_t *scale, const int8_t *bytes, int lines);
    void (*kv_keys16)(lf_pair *panel, const uint16_t *scale, const int8_t *bytes, int lines);
    void (*kv_values16)(lf_pair *panel, const uint16_t *scale, const int8_t *bytes, int lines);

    /* ---- quantized weights (qpanels.h) */
    /* One row: acts `distance` apart; zero and subs are those of the weights' type. */
    void (*qact)(lf_qact *out, ptrdiff_t distance, const float *x, int blocks, lf_dtype type); /* whole units of type */
    void (*qopen)(lf_dtype type, lf_qopen *out, const void *packed, int blocks);               /* whole units                  */
    void (*qtile)(lf_dtype type, const lf_qtile *t);                                           /* t->b opened, 1 <= mr <= LF_QMR */
    void (*qrows)(lf_dtype type, const lf_qtile *t); /* t->b as packed, 1 <= mr <= LF_QROWS; NULL: panels are opened first */

    float (*dot_loop)(int64_t n);                  /* n * 16 * 24 products of pairs in registers; what bf16 can do at most */
    float (*read_loop)(const float *x, int64_t n); /* their sum, in some order: as fast as they can be read */
    float (*byte_loop)(int64_t n);                 /* n * 64 * 24 products of bytes; NULL: the rung has no instruction for them */
    float (*fma_loop)(int64_t n);                  /* n * 16 * 24 multiply-adds in registers: what the core can do at most */
} lf_kernels;

/* Distance of packed strips: a line more than their size, because strips of kc * mr = 24 KiB would all begin in the same cache set
 * (packing 8 strips at a time then costs twice as much). */
static inline ptrdiff_t lf__strip_floats(int kc, int mr) { return (ptrdiff_t)kc * mr + LF_HALF; }

static inline ptrdiff_t lf__strip_pairs(int kc) { return (ptrdiff_t)lf__pairs(kc) * LF_MR16 + LF_HALF; }

/* Word `column` of the stream of a row: what a 32-bit finalizer (Appleby, MurmurHash3) makes of a Weyl sequence, the key in both halves. */
static inline uint32_t lf__drop_word(uint64_t key, uint32_t column)
{
    uint32_t h = (uint32_t)key + column * 0x9e3779b9u;
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = ((h ^ h >> 13) + (uint32_t)(key >> 32)) * 0xc2b2ae35u;
    return h ^ h >> 16;
}

/* Each fills what it knows and leaves the rest as the rung below left it. */
void lf__kernels_scalar(lf_kernels *k);
void lf__kernels_scalar_bf16(lf_kernels *k);
void lf__kernels_scalar_quant(lf_kernels *k);
void lf__kernels_scalar_kv(lf_kernels *k);
void lf__kernels_neon(lf_kernels *k);
void lf__kernels_neon_dotprod(lf_kernels *k);
void lf__kernels_neon_i8mm(lf_kernels *k);
void lf__kernels_neon_bf16(lf_kernels *k);
void lf__kernels_avx2(lf_kernels *k);
void lf__kernels_avx2_quant(lf_kernels *k);
void lf__kernels_avx512(lf_kernels *k);
void lf__kernels_avx512_vnni(lf_kernels *k);
void lf__kernels_avx512_bf16(lf_kernels *k);

#define LF_SUM_CHUNK  4096 /* elements whose squares are summed in float lanes before they join a double */
#define LF_SUM_CHUNKS 8192 /* chunks per pass: their sums wait in the device's table */

/* The CPU device behind an lf_device. */
typedef struct lf_cpu_device {
    lf_device base; /* first: an lf_device * of the CPU is an lf_cpu_device * */
    lf_backend_ops ops;
    lf_kernels kernels;
    float *pack; /* [threads][pack_floats]: packed rows of A, as floats or pairs, owned */
    size_t pack_floats;
    double *sums; /* [LF_SUM_CHUNKS], owned */
} lf_cpu_device;

/* cpu_gemm.c, cpu_rows.c, cpu_update.c, cpu_attention.c: each fills its operations. */
void lf__cpu_ops_gemm(lf_backend_ops *ops);
void lf__cpu_ops_update(lf_backend_ops *ops);
void lf__cpu_ops_rows(lf_backend_ops *ops);
void lf__cpu_ops_attention(lf_backend_ops *ops);

/* cpu_gemm.c: the part of C that worker tid owns, rows [r0, r1) and panels [p0, p1). */
typedef struct lf_gemm_part {
    int r0, r1, p0, p1;
} lf_gemm_part;
lf_gemm_part lf__gemm_part(const lf_gemm *g, int mr, int tid, int n_threads);
/* Where half h of panel p of C begins, and how many columns it has. */
static inline int lf__half_column(const lf_panels *b, int p, int h, int *count)
{
    int at = b->pair ? p * LF_HALF : p * LF_PANEL + h * LF_HALF;
    int end = b->pair ? b->pair : b->n;
    *count = LF_MAX(0, LF_MIN(LF_HALF, end - at));
    return b->pair && h ? b->pair + at : at;
}

/* y [n] = x rounded, nothing behind it. */
static inline void lf__narrow(const lf_kernels *k, lf_bf16 *y, const float *x, int n)
{
    lf_pair last;
    k->pairs((lf_pair *)(void *)y, x, n - n % 2);
    if (n % 2 == 0) return;
    k->pairs(&last, x + n - 1, 1);
    y[n - 1] = (lf_bf16)last;
}

/* cpu_gemm_bf16.c: panels of bfloat16. */
#define LF_PACK_PAIRS (128 * 528) /* of A per worker: what is packed together, in L2 beside a panel */
void lf__cpu_gemm_bf16(lf_device *dev, const lf_gemm *g);

/* cpu_kv.c: blocks of keys and values as products want them. */
typedef struct lf_kv_panels {
    const void *data; /* panels of floats or of pairs */
    size_t panel;     /* bytes of one                 */
    int lines;        /* of a panel of keys           */
    bool half;        /* the floats are float16       */
} lf_kv_panels;
/* Are products with blocks of this type products of bfloat16 pairs? Floats otherwise. */
static inline bool lf__kv_pairs(const lf_kernels *k, lf_dtype type) { return lf__kv_in_pairs(type) && k->bf16; }
size_t lf__kv_open_bytes(const lf_kernels *k, lf_dtype type, int head_dim); /* of `room`; 0: blocks are read as they lie */
lf_kv_panels lf__kv_keys(const lf_kernels *k, lf_dtype type, const unsigned char *block, int head_dim, void *room);
lf_kv_panels lf__kv_values(const lf_kernels *k, lf_dtype type, const unsigned char *block, int head_dim, void *room);
void lf__cpu_kv_write(lf_device *dev, const lf_kv_rows *rows);

/* cpu_attention.c: rows `first`.. of a task (one kv head of one sequence, row r = query r / group of its head r % group) against the keys
 * from position `begin` on, of which row r sees visible[r], at most LF_SCORES. */
#define LF_SCORES 256
typedef struct lf_score_rows {
    int seq, kv_head, first, rows, begin;
    int *visible; /* [rows] */
} lf_score_rows;
/* Row r of a task: its row in the batch and the offset of its head. */
static inline int lf__task_row(const lf_attention *a, int seq, int kv_head, int r, int *column)
{
    int group = a->n_heads / a->n_kv_heads;
    *column = (kv_head * group + r % group) * a->head_dim;
    return a->seq_start[seq] + r / group;
}
/* The switches between q . k and the softmax: cap, slopes, window. A row that sees nothing gets visible 0. slope [rows][ld]: what the cap
 * multiplies gradients by; NULL forward. */
void lf__shape_scores(const lf_kernels *k, const lf_attention *a, float *s, float *slope, ptrdiff_t ld, const lf_score_rows *x);
static inline bool lf__has_switches(const lf_attention *a) { return a->cap > 0 || a->slopes || a->window; }
/* The sink of a head joins m and l of one of its rows, the last of all. Returns what O is multiplied by before it is divided by l. */
float lf__join_sink(const lf_attention *a, int head, float *m, float *l);
/* What dropout multiplies the probabilities of row x->first + r by, x->visible[r] of them. */
void lf__drop_row(const lf_kernels *k, const lf_attention *a, float *mask, const lf_score_rows *x, int r);
/* 1 / (1 - rate) as the masks have it: a rate is a multiple of 2^-32. */
static inline uint32_t lf__drop_threshold(float rate) { return (uint32_t)((double)rate * 4294967296.0); }
static inline float lf__drop_keep(float rate) { return (float)(4294967296.0 / (4294967296.0 - lf__drop_threshold(rate))); }

/* C[m, n] = (from_c ? C : 0) + A[m, kc] B without any blocking: everything is small. B: panels `panel` floats apart. */
void lf__small_gemm(const lf_kernels *k, float *c, ptrdiff_t ldc, bool from_c, const float *a, ptrdiff_t a_rs, ptrdiff_t a_cs,
                    const float *b, ptrdiff_t panel, int m, int n, int kc);
/* The same of pairs, for one strip of rows, mr <= LF_MR16. A: rows a_rs apart, or with a_rs == 0 a packed strip. B: panels `height` lines
 * apart; what lies `ahead` bytes behind it is fetched meanwhile. */
void lf__strip_gemm(const lf_kernels *k, float *c, ptrdiff_t ldc, bool from_c, const lf_pair *a, ptrdiff_t a_rs, const lf_pair *b,
                    int height, int mr, int n, int kp, ptrdiff_t ahead);
/* The first block of LF_KV_BLOCK positions that a row at this position, or a later one, sees. */
static inline int lf__first_block(const lf_attention *a, int position)
{
    return a->window ? LF_MAX(0, position - a->window + 1) / LF_KV_BLOCK : 0;
}
static inline size_t lf__padded_dim(const lf_attention *a) { return lf__round_up((size_t)a->head_dim, LF_PANEL); }

/* cpu_attention_grad.c */
void lf__cpu_attention_grad(lf_device *dev, const lf_attention_grad *g, void *scratch);
size_t lf__cpu_attention_grad_scratch(lf_device *dev, const lf_attention *a);

/* cpu_gemm_quant.c: panels of quantized weights. */
#define LF_QPACK_ACTS 8192 /* of A per worker, with the opened K block of a panel: in L2 */
void lf__cpu_pack_blocks(lf_device *dev, const lf_panels *dst, const void *src, int row0, int rows);
void lf__cpu_gemm_quant(lf_device *dev, const lf_gemm *g);

/* cpu_attention_bf16.c: attention whose products are of bfloat16, over plain rows. */
void lf__cpu_attention_bf16(lf_device *dev, const lf_attention *a, void *scratch);
void lf__cpu_attention_grad_bf16(lf_device *dev, const lf_attention_grad *g, void *scratch);
size_t lf__cpu_attention_bf16_scratch(lf_device *dev, const lf_attention *a);
size_t lf__cpu_attention_grad_bf16_scratch(lf_device *dev, const lf_attention *a);

/* Tasks of unequal length, numbered so that neighbours touch the same rows. A worker takes those of its own stretch first, whose rows it
 * made and will read (where two threads share no cache, half of them lay with the other otherwise), then what others have left; who takes a
 * task changes nothing in it. */
typedef struct lf_tasks {
    atomic_int taken[256]; /* of each worker's stretch; a pool has at most 256 workers */
} lf_tasks;
static inline int lf__task_take(lf_tasks *tasks, int n, int tid, int n_threads)
{
    for (int i = 0; i < n_threads; i++) {
        int64_t lo, hi;
        int whose = (tid + i) % n_threads;
        lf__split(n, 1, whose, n_threads, &lo, &hi);
        if (atomic_load_explicit(&tasks->taken[whose], memory_order_relaxed) >= hi - lo) continue;
        int64_t task = lo + atomic_fetch_add(&tasks->taken[whose], 1);
        if (task < hi) return (int)task;
    }
    return -1;
}

/* Runs fn on all workers, or on the caller alone when `work` (multiply-adds, or bytes) is too little to share. */
static inline void lf__cpu_run(lf_device *dev, lf_pool_fn fn, void *arg, double work)
{
    if (work < 32768.0)
        fn(arg, 0, 1);
    else
        lf__pool_run(dev->pool, fn, arg);
}

/* cpu_features.c: the rung this CPU and its operating system can run. */
typedef enum lf_isa {
    LF_ISA_SCALAR,
    LF_ISA_NEON,
    LF_ISA_NEON_DOTPROD,
    LF_ISA_NEON_I8MM,
    LF_ISA_NEON_BF16,
    LF_ISA_AVX2,
    LF_ISA_AVX512,
    LF_ISA_AVX512_VNNI,
    LF_ISA_AVX512_BF16,
    LF_ISA_COUNT
} lf_isa;
const char *lf__isa_name(lf_isa isa);
bool lf__isa_parse(const char *name, lf_isa *isa);
/* Name of an instruction-set extension of the rung or of one below it that is missing here, or NULL when it can run. */
const char *lf__isa_missing(lf_isa isa);
lf_isa lf__isa_best(void);

#endif
