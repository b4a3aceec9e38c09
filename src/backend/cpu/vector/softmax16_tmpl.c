/* softmax16_tmpl.c - the softmax of attention with bfloat16 products, over v16. Included by the rungs that have dot products of pairs,
 * after their v16, simd_exp.h and v_store_pairs(lf_pair *to, v16 lo, v16 hi): 32 floats as 16 pairs of neighbours. */
#include <math.h>
#include <string.h>

LF_INLINE float softmax_row16(lf_pair *p, const float *s, int visible, int wide, float *m, float *l)
{
    v16 low = v_set1(-INFINITY), max = v_set1(*m), sum = v_set1(0.0f), zero = v_set1(0.0f);
    int whole = visible & ~15, i = 0;
    for (; i < whole; i += 16) max = v_max(v_load(s + i, 16), max);
    if (i < visible) max = v_max(v_keep(v_load(s + i, 16), visible - i, low), max);
    float top = v_max_lane(max);
    v16 t = v_set1(top);
    for (i = 0; i < wide; i += 32) {
        v16 x = zero, y = zero;
        if (i < visible) x = v_keep(v_exp_short(v_sub(v_load(s + i, 16), t)), visible - i, zero);
        if (i + 16 < visible) y = v_keep(v_exp_short(v_sub(v_load(s + i + 16, 16), t)), visible - i - 16, zero);
        sum = v_add(v_add(sum, x), y);
        v_store_pairs(p + i / 2, x, y);
    }
    float carry = top == *m ? 1.0f : v_first(v_exp(v_set1(*m - top)));
    *l = fmaf(*l, carry, v_sum(sum));
    *m = top;
    return carry;
}

static void softmax16(lf_pair *p, ptrdiff_t ldp, const float *s, ptrdiff_t lds, const int *visible, int rows, int wide, float *m, float *l,
                      float *carry)
{
    for (int r = 0; r < rows; r++) {
        carry[r] = 1.0f;
        if (visible[r] > 0)
            carry[r] = softmax_row16(p + r * ldp, s + r * lds, visible[r], wide, &m[r], &l[r]);
        else
            memset(p + r * ldp, 0, (size_t)wide / 2 * sizeof *p);
    }
}

static void softmax_grad16(float *s, float *dp, ptrdiff_t ld, const int *visible, int rows, int wide, const float *lse, const float *delta)
{
    v16 zero = v_set1(0.0f);
    for (int r = 0; r < rows; r++, s += ld, dp += ld) {
        v16 shift = v_set1(lse[r]);
        v16 d = v_set1(delta[r]);
        for (int i = 0; i < wide; i += 16) {
            int lanes = LF_MAX(0, visible[r] - i);
            v16 p = lanes ? v_keep(v_exp(v_sub(v_load(s + i, 16), shift)), lanes, zero) : zero;
            v_store(s + i, p, 16);
            v_store(dp + i, lanes ? v_keep(v_mul(p, v_sub(v_load(dp + i, 16), d)), lanes, zero) : zero, 16);
        }
    }
}
