/* quant_avx512_vnni.c - what the rung avx512_vnni adds: products of weight bytes and activation bytes, four per lane (vpdpbusd). A zmm is
 * 16 columns x 4 k of weights; the 4 activations that meet them are one broadcast word. Bits as in ref_quant.c. */
#include "backend/cpu/x86/simd_avx512.h"

#include <math.h>

#include "backend/cpu/kernels.h"

LF_INLINE __m512i line(const void *p, int i) { return _mm512_loadu_si512((const __m512i *)p + i); }
LF_INLINE __m512 halves(const uint8_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
LF_INLINE __m512 whole(const uint8_t *p) { return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p))); }
LF_INLINE __m512 whole_signed(const uint8_t *p) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p))); }

/* x | (y & mask) */
LF_INLINE __m512i or_masked(__m512i x, __m512i y, __m512i mask) { return _mm512_ternarylogic_epi32(x, y, mask, 0xf8); }

/* Half h of a block: its 8 lines of bytes. type is a constant at every call. */
LF_INLINE void open_half(const lf_dtype type, const lf_qblock *b, int h, __m512i w[8])
{
    if (type == LF_Q8_0) {
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++) w[g] = line(b->w, h * 8 + g);
        return;
    }
    const __m512i low = _mm512_set1_epi8(15);
#pragma GCC unroll 4
    for (int g = 0; g < 4; g++) {
        __m512i x = line(b->w, h * 4 + g);
        w[g] = _mm512_and_si512(x, low), w[g + 4] = _mm512_and_si512(_mm512_srli_epi16(x, 4), low);
    }
    if (type == LF_IQ4_NL) {
        __m512i table = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)lf__iq4nl_bytes));
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++) w[g] = _mm512_shuffle_epi8(table, w[g]);
    } else if (type == LF_Q5_K) { /* bit g to bit 4 */
        __m512i x = line(b->high, h), bit = _mm512_set1_epi8(16);
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++)
            w[g] = or_masked(w[g], g < 4 ? _mm512_slli_epi16(x, (unsigned)(4 - g)) : _mm512_srli_epi16(x, (unsigned)(g - 4)), bit);
    } else if (type == LF_Q6_K) { /* bits 2i, 2i + 1 to bits 4, 5 */
        __m512i bits = _mm512_set1_epi8(48);
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++) {
            __m512i x = line(b->high, h * 2 + g / 4);
            int i = g % 4;
            w[g] = or_masked(w[g], i < 2 ? _mm512_slli_epi16(x, (unsigned)(4 - 2 * i)) : _mm512_srli_epi16(x, (unsigned)(2 * i - 4)), bits);
        }
    }
}

LF_INLINE __m512 scale_of(const lf_dtype type, const lf_qblock *b, int sub, int h)
{
    if (lf__qtypes[type].unit == LF_QBLOCK) return halves(b->scale + 32 * h);
    if (type == LF_Q6_K) return _mm512_mul_ps(halves(b->d + 32 * h), whole_signed(b->scale + sub * LF_PANEL + h * LF_HALF));
    return _mm512_mul_ps(halves(b->d + 32 * h), whole(b->scale + h * LF_HALF));
}
LF_INLINE __m512 min_of(const lf_qblock *b, int h) { return _mm512_mul_ps(halves(b->dmin + 32 * h), whole(b->min + h * LF_HALF)); }

/* sum + the products of four k: weights in a register, activations broadcast by the instruction itself, at no cost. In C the compiler would
 * load them for both halves of a block at once and keep them on the stack: 71 cycles instead of 44 for half a block and 4 rows. */
LF_INLINE __m512i dot(__m512i sum, __m512i w, const lf_qact *a, int g)
{
    typedef int32_t __attribute__((may_alias)) word;
    __asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(w), "m"(((const word *)a->q)[g]));
    return sum;
}

/* Half a block, opened in registers, meets all rows: unit + the steps of the chain. */
LF_INLINE void half_block(__m512 unit[], const lf_qact *a, const lf_qblock *b, const lf_dtype type, const int rows, int h)
{
    const int subs = lf__qtypes[type].subs, lines = 8 / subs;
    __m512i w[8];
    open_half(type, b, h, w);
#pragma GCC unroll 2
    for (int sub = 0; sub < subs; sub++) {
        __m512 scale = scale_of(type, b, sub, h);
        __m512i sum[LF_QROWS];
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) sum[i] = _mm512_set1_epi32(a[i].start[sub]);
#pragma GCC unroll 8
        for (int g = lines * sub; g < lines * (sub + 1); g++) {
#pragma GCC unroll 8
            for (int i = 0; i < rows; i++) sum[i] = dot(sum[i], w[g], a + i, g);
        }
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) unit[i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[i]), scale, unit[i]);
    }
    if (!lf__qtypes[type].min) return;
    __m512 min = min_of(b, h);
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) unit[i] = _mm512_fnmadd_ps(min, _mm512_set1_ps(a[i].sum), unit[i]);
}

LF_INLINE void zero_unit(__m512 unit[], const int rows)
{
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) unit[i] = _mm512_setzero_ps();
}

/* A unit is complete: c + unit d. */
LF_INLINE void add_unit(__m512 c[], const __m512 unit[], const lf_qact *a, const int rows)
{
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) c[i] = _mm512_fmadd_ps(unit[i], _mm512_set1_ps(a[i].d), c[i]);
}

LF_INLINE void load_c(const lf_qtile *t, const int rows, int h, __m512 c[])
{
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) c[i] = t->init[h] ? v_load(t->init[h] + i * t->ldinit, t->n[h]) : _mm512_setzero_ps();
}

LF_INLINE void store_c(const lf_qtile *t, const int rows, int h, const __m512 c[])
{
    if (t->n[h] <= 0) return;
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) v_store(t->c[h] + i * t->ldc, c[i], t->n[h]);
}

/* Asks for half a block of what comes: the more rows, the longer the core stays with a block and the less it sees coming by itself. Far
 * ahead into L2, where the core's own guesses do not reach, and with up to 4 rows a block or two ahead into L1. GB/s of one thread over
 * 142 MB, before this rule and with it: Q4_0, 4 rows 19.5 -> 24.7, 8 rows 10.7 -> 12.4; Q8_0, whose blocks are wide and gone sooner, 2 rows
 * 24.5 -> 28.6, 4 rows 15.6 -> 24.2, 8 rows 18.6 -> 22.5. One or two rows of four bits go best alone. */
LF_INLINE void fetch(const lf_qblock *b, const lf_dtype type, const int rows, int h)
{
    const int bytes = lf__qtypes[type].step / 2;
    const bool wide = type == LF_Q8_0;
    const int far = wide && rows <= 4 ? 3072 : 16384;
    const char *p = (const char *)b->w + h * bytes;
    if (!wide && rows <= 2) return;
#pragma GCC unroll 9
    for (int at = 0; at < bytes; at += 64) {
        _mm_prefetch(p + at + far, _MM_HINT_T1);
        if (rows <= 4) _mm_prefetch(p + at + 4 * bytes, _MM_HINT_T0);
    }
}

/* With few rows a panel is one stream; with more, registers hold the accumulators of one half alone: 8 blocks, half after half. */
LF_INLINE void rows_of(const lf_qtile *t, const lf_dtype type, const int rows)
{
    enum { AT_ONCE = 8 }; /* a whole unit of any type */
    const int per_unit = lf__unit_blocks(type);
    __m512 c[2][LF_QROWS];
    const lf_qact *a = t->a;
    load_c(t, rows, 0, c[0]), load_c(t, rows, 1, c[1]);
    for (int first = 0; rows <= 4 && first < t->blocks; first += per_unit) {
        __m512 unit[2][LF_QROWS];
        zero_unit(unit[0], rows), zero_unit(unit[1], rows);
        for (int block = first; block < first + per_unit; block++, a += rows) {
            lf_qblock b = lf__qblock(type, t->b, block);
            fetch(&b, type, rows, 0), fetch(&b, type, rows, 1);
            half_block(unit[0], a, &b, type, rows, 0), half_block(unit[1], a, &b, type, rows, 1);
        }
        add_unit(c[0], unit[0], a - rows, rows), add_unit(c[1], unit[1], a - rows, rows);
    }
    for (int first = 0; rows > 4 && first < t->blocks; first += AT_ONCE) {
        int end = LF_MIN(first + AT_ONCE, t->blocks);
        for (int h = 0; h < 2; h++) {
            __m512 now[LF_QROWS];
#pragma GCC unroll 8
            for (int i = 0; i < rows; i++) now[i] = c[h][i];
            a = t->a + (ptrdiff_t)first * rows;
            for (int at = first; at < end; at += per_unit) {
                __m512 unit[LF_QROWS];
                zero_unit(unit, rows);
                for (int block = at; block < at + per_unit; block++, a += rows) {
                    lf_qblock b = lf__qblock(type, t->b, block);
                    fetch(&b, type, rows, h);
                    half_block(unit, a, &b, type, rows, h);
                }
                add_unit(now, unit, a - rows, rows);
            }
#pragma GCC unroll 8
            for (int i = 0; i < rows; i++) c[h][i] = now[i];
        }
    }
    store_c(t, rows, 0, c[0]), store_c(t, rows, 1, c[1]);
}

/* ---- one function per type and number of rows ------------------------------------------------------------------------------- */
typedef void rows_fn(const lf_qtile *);
/* clang-format off */
#define ROWS(type, n) static void rows_##type##_##n(const lf_qtile *t) { rows_of(t, LF_##type, n); }
#define TYPE(type) ROWS(type, 1) ROWS(type, 2) ROWS(type, 3) ROWS(type, 4) ROWS(type, 5) ROWS(type, 6) ROWS(type, 7) ROWS(type, 8)
TYPE(Q8_0) TYPE(Q4_0) TYPE(IQ4_NL) TYPE(Q4_K) TYPE(Q5_K) TYPE(Q6_K)

static void qrows(lf_dtype type, const lf_qtile *t)
{
#define ROW(type) [LF_##type] = {rows_##type##_1, rows_##type##_2, rows_##type##_3, rows_##type##_4, \
                                 rows_##type##_5, rows_##type##_6, rows_##type##_7, rows_##type##_8}
    static rows_fn *const table[LF_DTYPES][LF_QROWS] = {ROW(Q8_0), ROW(Q4_0), ROW(IQ4_NL), ROW(Q4_K), ROW(Q5_K), ROW(Q6_K)};
    table[type][t->mr - 1](t);
}
/* clang-format on */

/* ---- activations --------------------------------------------------------------------------------------------------------- */
static void qact(lf_qact *out, ptrdiff_t distance, const float *x, int blocks, lf_dtype type)
{
    const __m512i sign = _mm512_set1_epi32(INT32_MAX);
    const lf_qtype *t = &lf__qtypes[type];
    for (int i = 0; i < blocks; i += lf__unit_blocks(type)) {
        __m512i size = _mm512_setzero_si512();
        for (int k = 0; k < t->unit; k += 16) size = _mm512_max_epi32(size, _mm512_and_si512(_mm512_loadu_si512(x + k), sign));
        int32_t bits = _mm512_reduce_max_epi32(size); /* sizes of floats are in the order of their bits, then infinity, then NaN */
        float most = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(bits)));
        bool finite = bits < 0x7f800000, some = finite && most >= LF_QACT_LEAST;
        __m512 inverse = _mm512_set1_ps(some ? 127.0f / most : 0.0f);
        for (int n = 0; n < lf__unit_blocks(type); n++, out += distance, x += LF_QBLOCK) {
            __m512i q0 = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), inverse)),
                    q1 = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + 16), inverse));
            if (!some) q0 = q1 = _mm512_setzero_si512();
            _mm_storeu_si128((__m128i *)out->q, _mm512_cvtepi32_epi8(q0));
            _mm_storeu_si128((__m128i *)(out->q + 16), _mm512_cvtepi32_epi8(q1));
            int32_t sum0 = _mm512_reduce_add_epi32(q0), sum1 = _mm512_reduce_add_epi32(q1);
            out->d = some ? most / 127.0f : finite ? 0.0f : NAN;
            out->sum = (float)(sum0 + sum1);
            out->start[0] = -t->zero * (t->subs == 1 ? sum0 + sum1 : sum0);
            out->start[1] = -t->zero * sum1;
        }
    }
}

static float byte_loop(int64_t n)
{
    __m512i c[24], x = _mm512_set1_epi8(3), y = _mm512_set1_epi8(-2);
#pragma GCC unroll 24
    for (int i = 0; i < 24; i++) c[i] = _mm512_set1_epi32(i);
    for (; n > 0; n--) {
#pragma GCC unroll 24
        for (int i = 0; i < 24; i++)
            __asm__("vpdpbusd %2, %1, %0" : "+v"(c[i]) : "v"(x), "v"(y)); /* the intrinsic moves half of them about */
    }
#pragma GCC unroll 24
    for (int i = 1; i < 24; i++) c[0] = _mm512_add_epi32(c[0], c[i]);
    return (float)_mm512_reduce_add_epi32(c[0]);
}

void lf__kernels_avx512_vnni(lf_kernels *k)
{
    k->isa = "avx512_vnni";
    k->qact = qact;
    k->qrows = qrows;
    k->byte_loop = byte_loop;
}
