/* qpanels.h - products with quantized weights: what a packed panel looks like, byte by byte, and what kernels are told. Private to
 * backend/cpu; arithmetic is elsewhere.
 *
 * A weight is scale * (w - zero), or scale * w - min, with a small unsigned w; an activation is d * q with q in -127..127, quantized anew
 * for every row and every unit of the type (32 or 256 neighbours), so no row knows another. Sums of w q are whole numbers, exact in any
 * order. What is left per element of C is one chain over the units, and in each over its blocks of 32 k, ascending, the same on every rung:
 *
 *   U <- 0        for each block:  U <- fma(sum(w q) - zero sum(q), scale, U)        with minima:  U <- fma(-min, sum(q), U)
 *   C <- fma(U, d, C)
 *
 * A type with a scale per 16 k takes two such steps per block. One d for 256 k is what ggml has for these types, too; one for every 32
 * would be a product more per block and element: 8 % of the time of Q4_K, 16 % of Q6_K. */
#ifndef LF_CPU_QPANELS_H
#define LF_CPU_QPANELS_H

#include "backend/backend.h"

enum { LF_QBLOCK = 32 /* k of a block */, LF_QROWS = 8 /* rows of a tile over a packed panel */, LF_QMR = 6 /* over an opened one */ };

/* A panel of 32 columns is a row of units. A unit is a head of scales (of 256 k, where the type has them) and its blocks. Each field holds
 * half 0, then half 1: 16 columns each.
 *
 *   Q8_0          w: 8 lines of 64 bytes. Byte 4j + b of line g is column j, k = 4g + b
 *   the others    w: 4 lines. The low nibbles of line g are its k = 4g + b, the high nibbles k = 16 + 4g + b
 *   Q5_K          high: 1 line. Bit g of byte 4j + b is bit 4 of column j, k = 4g + b
 *   Q6_K          high: 2 lines. Bits 2i, 2i + 1 of byte 4j + b of line p are bits 4, 5 of column j, k = 4(4p + i) + b
 *   scale, min    one number a column: float16 (LF_Q8_0, Q4_0, IQ4_NL), or whole numbers to be multiplied by the head's float16 */
typedef struct lf_qtype {
    int unit, unit_bytes; /* k of a unit (and of a d of activations), bytes in a panel */
    int head, step;       /* where the first block begins in a unit, bytes of a block  */
    int high, scale, min; /* where these begin in a block; min 0: there are no minima  */
    int zero, subs;       /* subs: scales per block                                    */
} lf_qtype;

static const lf_qtype lf__qtypes[LF_DTYPES] = {
    [LF_Q8_0] = {.unit = 32, .unit_bytes = 1088, .step = 1088, .scale = 1024, .zero = 128, .subs = 1},
    [LF_Q4_0] = {.unit = 32, .unit_bytes = 576, .step = 576, .scale = 512, .zero = 8, .subs = 1},
    [LF_IQ4_NL] = {.unit = 32, .unit_bytes = 576, .step = 576, .scale = 512, .zero = 128, .subs = 1},
    [LF_Q4_K] = {.unit = 256, .unit_bytes = 128 + 8 * 576, .head = 128, .step = 576, .scale = 512, .min = 544, .subs = 1},
    [LF_Q5_K] = {.unit = 256, .unit_bytes = 128 + 8 * 704, .head = 128, .step = 704, .high = 512, .scale = 640, .min = 672, .subs = 1},
    [LF_Q6_K] = {.unit = 256, .unit_bytes = 64 + 8 * 832, .head = 64, .step = 832, .high = 512, .scale = 768, .zero = 32, .subs = 2},
};
static inline __attribute__((always_inline)) int lf__unit_blocks(lf_dtype type) { return lf__qtypes[type].unit / LF_QBLOCK; }
static inline bool lf__quantized(lf_dtype type) { return lf__qtypes[type].unit > 0; }

/* What the nibbles of IQ4_NL stand for, plus its zero. */
static const uint8_t lf__iq4nl_bytes[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};

/* Block number `block` of a panel. */
typedef struct lf_qblock {
    const uint8_t *w, *high, *scale, *min;
    const uint8_t *d, *dmin; /* of the unit, where it has a head */
} lf_qblock;
static inline __attribute__((always_inline)) lf_qblock lf__qblock(lf_dtype type, const void *panel, int block)
{
    const lf_qtype *t = &lf__qtypes[type];
    int per_unit = lf__unit_blocks(type);
    const uint8_t *unit = (const uint8_t *)panel + (ptrdiff_t)(block / per_unit) * t->unit_bytes,
                  *b = unit + t->head + block % per_unit * t->step;
    return (lf_qblock){b, b + t->high, b + t->scale, b + t->min, unit, unit + 64};
}

/* 32 activations of one row. Where none of a unit is as large as this, all are zero. */
#define LF_QACT_LEAST 0x1p-100f
typedef struct lf_qact {
    int8_t q[LF_QBLOCK];
    float d, sum;     /* x = d q, the same d in all blocks of a unit; sum of q                        */
    int32_t start[2]; /* -zero times the sum of q: of all, or of the first 16 and of the others apart */
} lf_qact;

/* A block of a panel, opened: w as bytes in lines as of Q8_0, scales and minima as floats. What tiles of rungs without qrows read. */
typedef struct lf_qopen {
    uint8_t w[8][2][64];        /* by line, then half                             */
    float scale[2][2][LF_HALF]; /* by 16 k (the first alone with one), then half  */
    float min[2][LF_HALF];
} lf_qopen;

/* C[mr, 32] = init + A B over `blocks` blocks; the halves of C as in lf_tile (kernels.h). */
typedef struct lf_qtile {
    const lf_qact *a; /* strip [blocks][mr]                   */
    const void *b;    /* the panel as packed from a whole unit on, or lf_qopen [blocks] */
    float *c[2];
    const float *init[2];
    ptrdiff_t ldc, ldinit;
    int blocks, mr, n[2];
} lf_qtile;

#endif
