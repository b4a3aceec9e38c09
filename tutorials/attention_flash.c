/* attention_flash.c - chapter 9: attention without the big square. Online softmax, and why memory becomes linear.
 *
 *   cc -O2 tutorials/attention_flash.c -lm -o attention_flash && ./attention_flash
 *
 * Chapter 4 writes all T x T probabilities of every head down: 8 heads and 8,192 tokens are 2 GB, per layer, and the backward pass wants
 * them all. They are also the least interesting numbers there are: each is used twice and can be computed from q and k at any time.
 * FlashAttention (Dao et al. 2022) never has more of the square than one small tile:
 *
 *                keys ->                        for each row of tiles (64 queries):
 *      queries  [#]                                 m = -inf, l = 0, O = 0             running maximum, running sum, running result
 *         |     [#][#]                              for each tile to the left of and on the diagonal:
 *         v     [#][#][#]                               S = Q K^T / sqrt(D)            [64, 64], in a cache
 *               [#][#][#][#]                            ... correct m, l, O, add this tile's part
 *               (the tiles above the diagonal       O = O / l
 *                are never touched)                 lse = m + log(l)                   one number per row: all that is kept
 *
 * The difficulty is softmax: it needs the maximum and the sum of a whole row before the first probability is known. The way out (Milakov &
 * Gimelshein 2018): go on with the maximum so far, and when a larger one turns up, correct what is there by one factor:
 *
 *      m' = max(m, max of the tile)       l' = l e^(m - m') + sum of e^(s - m')       O' = O e^(m - m') + (e^(s - m')) V
 *
 * e^(s - m) e^(m - m') = e^(s - m'): the factor turns numbers relative to the old maximum into numbers relative to the new one. Nothing is
 * approximated.
 *
 * Where the library does this: src/ops/op_attention.c, src/backend/cpu/cpu_attention.c (in bfloat16 tiles: cpu_attention_bf16.c). */
#define real float

#pragma push_macro("LF_NO_MAIN") /* earlier chapters, without their main() */
#define LF_NO_MAIN
#include "model.c"
#pragma pop_macro("LF_NO_MAIN")
#include <time.h>

enum { TILE = 64 }; /* queries and keys of a tile: S, K, V and O of one tile stay in the L1 and L2 caches together */

/* ---- 1. Forward ------------------------------------------------------------------------------------------------------------------------
 * One sequence of T tokens, as attention() of chapter 4, but lse [T, H] instead of probs [H, T, T]. */
void attention_flash(real *o, real *lse, const real *q, const real *k, const real *v, int T, int H, int K, int D)
{
    real S[TILE * TILE], m[TILE], l[TILE];
    clear(o, (size_t)T * H * D);
    for (int h = 0; h < H; h++)
        for (int i0 = 0; i0 < T; i0 += TILE) {
            int group = h / (H / K) * D, rows = T - i0 < TILE ? T - i0 : TILE;
            real *O = o + (size_t)i0 * H * D + h * D; /* [rows, D], rows H*D apart */
            for (int i = 0; i < rows; i++) m[i] = (real)-INFINITY, l[i] = 0;
            for (int j0 = 0; j0 <= i0; j0 += TILE) {
                int cols = T - j0 < TILE ? T - j0 : TILE;
                const real *Kj = k + (size_t)j0 * K * D + group, *Vj = v + (size_t)j0 * K * D + group;
                clear(S, TILE * TILE);
                matmul_add(S, TILE, plain(q + (size_t)i0 * H * D + h * D, H * D), transposed(Kj, K * D), rows, cols, D);
                for (int i = 0; i < rows; i++) {
                    real *s = S + i * TILE, most = m[i], sum = 0;
                    int sees = j0 == i0 ? i + 1 : cols; /* on the diagonal, the future is cut off */
                    for (int j = 0; j < sees; j++) {
                        s[j] /= sqrt((real)D);
                        most = s[j] > most ? s[j] : most;
                    }
                    real correct = exp(m[i] - most); /* exp(-inf) = 0: nothing was there */
                    for (int j = 0; j < sees; j++) sum += s[j] = exp(s[j] - most);
                    for (int j = sees; j < cols; j++) s[j] = 0;
                    for (int d = 0; d < D; d++) O[i * H * D + d] *= correct;
                    l[i] = l[i] * correct + sum;
                    m[i] = most;
                }
                matmul_add(O, H * D, plain(S, TILE), plain(Vj, K * D), rows, D, cols);
            }
            for (int i = 0; i < rows; i++) {
                for (int d = 0; d < D; d++) O[i * H * D + d] /= l[i];
                lse[(size_t)(i0 + i) * H + h] = m[i] + log(l[i]);
            }
        }
}

/* ---- 2. Backward ----------------------------------------------------------------------------------------------------
 * The probabilities are simply computed again, tile by tile: P = e^(S - lse), no maximum needed any more. Computing twice is FASTER than
 * writing down and reading back: a tile of arithmetic stays in the caches, a square of memory does not.
 *
 *      dV = P^T dO      dP = dO V^T      dS = P (dP - delta) / sqrt(D)      dQ = dS K      dK = dS^T Q
 *
 * delta_i = sum over j of P_ij dP_ij needed a whole row in chapter 4. But sum_j P_ij (dO_i . V_j) = dO_i . (sum_j P_ij V_j) = dO_i . O_i:
 * it is one dot product of D numbers, known before we begin. */
void attention_flash_backward(real *dq, real *dk, real *dv, const real *d_o, const real *o, const real *lse, const real *q, const real *k,
                              const real *v, int T, int H, int K, int D)
{
    real P[TILE * TILE], dS[TILE * TILE], delta[TILE];
    for (int h = 0; h < H; h++)
        for (int i0 = 0; i0 < T; i0 += TILE) {
            int group = h / (H / K) * D, rows = T - i0 < TILE ? T - i0 : TILE;
            size_t at = (size_t)i0 * H * D + h * D;
            for (int i = 0; i < rows; i++) {
                delta[i] = 0;
                for (int d = 0; d < D; d++) delta[i] += d_o[at + (size_t)i * H * D + d] * o[at + (size_t)i * H * D + d];
            }
            for (int j0 = 0; j0 <= i0; j0 += TILE) {
                int cols = T - j0 < TILE ? T - j0 : TILE;
                size_t kv = (size_t)j0 * K * D + group;
                clear(P, TILE * TILE), clear(dS, TILE * TILE);
                matmul_add(P, TILE, plain(q + at, H * D), transposed(k + kv, K * D), rows, cols, D);    /* S ...         */
                matmul_add(dS, TILE, plain(d_o + at, H * D), transposed(v + kv, K * D), rows, cols, D); /* dP ...        */
                for (int i = 0; i < rows; i++)
                    for (int j = 0; j < cols; j++) {
                        real *p = &P[i * TILE + j], *ds = &dS[i * TILE + j];
                        *p = j0 + j <= i0 + i ? exp(*p / sqrt((real)D) - lse[(size_t)(i0 + i) * H + h]) : 0; /* ... becomes P */
                        *ds = *p * (*ds - delta[i]) / sqrt((real)D);                                         /* ... becomes dS */
                    }
                matmul_add(dv + kv, K * D, transposed(P, TILE), plain(d_o + at, H * D), cols, D, rows);
                matmul_add(dq + at, H * D, plain(dS, TILE), plain(k + kv, K * D), rows, D, cols);
                matmul_add(dk + kv, K * D, transposed(dS, TILE), plain(q + at, H * D), cols, D, rows);
            }
        }
}

/* ---- 3. What it prints ---------------------------------------------------------------------------------------------- */
#ifndef LF_NO_MAIN
double now(void) { return (double)clock() / CLOCKS_PER_SEC; } /* of this program alone, whatever else the machine does */

real *random_numbers(size_t n, uint64_t seed)
{
    real *x = numbers(n);
    for (size_t i = 0; i < n; i++) x[i] = (real)normal_at(seed, i);
    return x;
}

double difference(const real *a, const real *b, size_t n) /* |a - b| / |b| */
{
    double d = 0, s = 0;
    for (size_t i = 0; i < n; i++) d += pow((double)a[i] - (double)b[i], 2), s += pow((double)b[i], 2);
    return sqrt(d / s);
}

void show_online_softmax(void)
{
    const double s[] = {1.0, 3.0, 2.0, 7.0, 6.0, 0.5};
    double m = -INFINITY, l = 0, sum = 0;
    printf("1. Online softmax over six scores, two at a time\n   tile            largest so far   what is there shrinks by   sum, relative "
           "to the largest\n");
    for (int j = 0; j < 6; j += 2) {
        double most = fmax(m, fmax(s[j], s[j + 1])), correct = exp(m - most);
        l = l * correct + exp(s[j] - most) + exp(s[j + 1] - most);
        m = most;
        printf("   %4.1f %4.1f %18.1f %26.6f %30.6f\n", s[j], s[j + 1], m, correct, l);
    }
    for (int j = 0; j < 6; j++) sum += exp(s[j] - 7);
    printf("   the whole row at once: %51.6f\n\n", sum);
}

int main(int argc, char **argv)
{
    int longest = argc > 1 ? atoi(argv[1]) : 2048, H = 4, K = 2, D = 32, failed = 0;
    show_online_softmax();
    printf("2. The same attention twice: chapter 4's, and tile by tile. %d query heads on %d key heads of width %d, times in ms\n", H, K,
           D);
    printf("       T        kept for the backward pass          forward          backward       difference of\n");
    printf("            the square         lse   factor     square    tiles   square    tiles    O    dQ,dK,dV\n");
    for (int T = 100; T <= longest; T = T == 100 ? 256 : 2 * T) { /* 100: no multiple of a tile */
        size_t nq = (size_t)T * H * D, nk = (size_t)T * K * D;
        real *q = random_numbers(nq, 1), *k = random_numbers(nk, 2), *v = random_numbers(nk, 3), *d_o = random_numbers(nq, 4);
        real *probs = numbers((size_t)H * T * T), *lse = numbers((size_t)T * H), *o[2], *dq[2], *dk[2], *dv[2];
        double time[4];
        for (int way = 0; way < 2; way++) {
            o[way] = numbers(nq), dq[way] = numbers(nq), dk[way] = numbers(nk), dv[way] = numbers(nk);
            double began = now();
            if (way == 0)
                attention(o[0], probs, q, k, v, T, T, H, K, D);
            else
                attention_flash(o[1], lse, q, k, v, T, H, K, D);
            time[way] = now() - began, began = now();
            if (way == 0)
                attention_backward(dq[0], dk[0], dv[0], d_o, probs, q, k, v, T, H, K, D);
            else
                attention_flash_backward(dq[1], dk[1], dv[1], d_o, o[1], lse, q, k, v, T, H, K, D);
            time[2 + way] = now() - began;
        }
        double e = difference(o[1], o[0], nq);
        double eg = fmax(difference(dq[1], dq[0], nq), fmax(difference(dk[1], dk[0], nk), difference(dv[1], dv[0], nk)));
        failed |= !(e < 1e-5 && eg < 1e-5);
        printf("   %5d %10.1f kB %8.1f kB %7dx %10.1f %8.1f %8.1f %8.1f   %.0e   %.0e%s\n", T, 4e-3 * H * T * T, 4e-3 * H * T, T,
               1e3 * time[0], 1e3 * time[1], 1e3 * time[2], 1e3 * time[3], e, eg, e < 1e-5 && eg < 1e-5 ? "" : "  WRONG");
        fflush(stdout);
        for (int way = 0; way < 2; way++) free(o[way]), free(dq[way]), free(dk[way]), free(dv[way]);
        free(q), free(k), free(v), free(d_o), free(probs), free(lse);
    }
    printf("\nLlama-3-8B has 32 heads and 32 layers: at 8,192 tokens the squares would be %.0f GB in fp32, the lse are %.1f MB.\n",
           4.0 * 32 * 32 * 8192 * 8192 / 1e9, 4.0 * 32 * 32 * 8192 / 1e6);
    printf("Attention still does T^2 work. What became linear is memory, and half of the work, above the diagonal, is not done at all.\n");
    return failed;
}
#endif
