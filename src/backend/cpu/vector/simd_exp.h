/* simd_exp.h - the exponential over v16, for every vector rung: included after its v16 (simd_avx2.h, simd_avx512.h, simd_neon.h). */
#ifndef LF_SIMD_EXP_H
#define LF_SIMD_EXP_H

/* exp(x), relative error within 2.4e-7 (tested): x = k ln 2 + r, |r| <= ln 2 / 2, then a polynomial of degree 6 (its own error is 1.1e-8).
 * v_scale2 rounds once, so denormal results and results near the largest float come out right.
 * -inf and x < -104 give 0, x > 89 gives inf, NaN stays NaN (min and max keep their second operand then). */
LF_INLINE v16 v_exp(v16 x)
{
    x = v_min(v_set1(89.0f), v_max(v_set1(-104.0f), x));
    v16 k = v_round(v_mul(x, v_set1(0x1.715476p+0f)));
    v16 r = v_fnma(k, v_set1(0x1.62e400p-1f), x); /* ln 2 in two parts: k times the first is exact */
    r = v_fnma(k, v_set1(0x1.7f7d1cp-20f), r);
    v16 p = v_set1(0x1.6d117cp-10f);
    p = v_fma(p, r, v_set1(0x1.120be2p-7f));
    p = v_fma(p, r, v_set1(0x1.555518p-5f));
    p = v_fma(p, r, v_set1(0x1.5554dcp-3f));
    p = v_fma(p, r, v_set1(0.5f));
    p = v_fma(p, r, v_set1(1.0f));
    p = v_fma(p, r, v_set1(1.0f));
    return v_scale2(p, k);
}

/* The same for x <= 0 whose result becomes a bfloat16, which knows 2^-8 of it: within 2^-16 (tested), 9 operations for 14. 2^(k + f),
 * |f| <= 1/2, by a polynomial of degree 4 (minimax, 2.9e-6) that is 1 at 0. */
LF_INLINE v16 v_exp_short(v16 x)
{
    x = v_max(v_set1(-150.0f), v_mul(x, v_set1(0x1.715476p+0f)));
    v16 k = v_round(x), f = v_sub(x, k);
    v16 p = v_set1(0x1.3a02d2p-7f);
    p = v_fma(p, f, v_set1(0x1.c9fc48p-5f));
    p = v_fma(p, f, v_set1(0x1.ec0378p-3f));
    p = v_fma(p, f, v_set1(0x1.62e12cp-1f));
    p = v_fma(p, f, v_set1(1.0f));
    return v_scale2(p, k);
}

#endif
