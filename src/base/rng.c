/* rng.c - random numbers, hashes and permutations that are pure functions of their position: nothing to save but a counter.
 * Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3; SC 2011). The outputs are part of the
 * contract: shuffles, initial weights and synthetic stories depend on every bit. No state of its own; safe from any thread. */
#include "base/base.h"

#include <math.h>
#include <string.h>

/* counter = (index, stream), key = seed; ten rounds, the key moves by the Weyl constants between them. */
static void philox(uint32_t x[4], uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    x[0] = (uint32_t)index, x[1] = (uint32_t)(index >> 32);
    x[2] = (uint32_t)stream, x[3] = (uint32_t)(stream >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)x[0] * 0xd2511f53u, b = (uint64_t)x[2] * 0xcd9e8d57u;
        uint32_t y0 = (uint32_t)(b >> 32) ^ x[1] ^ k0, y2 = (uint32_t)(a >> 32) ^ x[3] ^ k1;
        x[0] = y0, x[1] = (uint32_t)b, x[2] = y2, x[3] = (uint32_t)a;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
}

uint64_t lf__rng_at(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t x[4];
    philox(x, seed, stream, index);
    return x[0] | (uint64_t)x[1] << 32;
}

/* The high word of draw * n is uniform once the draws whose low word is below 2^64 mod n are refused (Lemire 2019). */
uint64_t lf__rng_below(lf_rng *r, uint64_t n)
{
    unsigned __int128 product = (unsigned __int128)lf__rng_u64(r) * n;
    if ((uint64_t)product < n) {
        uint64_t refused = (0 - n) % n;
        while ((uint64_t)product < refused) product = (unsigned __int128)lf__rng_u64(r) * n;
    }
    return (uint64_t)(product >> 64);
}

double lf__rng_unit(lf_rng *r) { return (double)(lf__rng_u64(r) >> 11) * 0x1p-53; }

/* Both draws of Box-Muller are the two halves of one Philox block. */
double lf__rng_normal_at(uint64_t seed, uint64_t stream, uint64_t index)
{
    uint32_t x[4];
    philox(x, seed, stream, index);
    uint64_t a = x[0] | (uint64_t)x[1] << 32, b = x[2] | (uint64_t)x[3] << 32;
    double radius = (double)((a >> 11) + 1) * 0x1p-53; /* (0, 1] */
    double turn = (double)(b >> 11) * 0x1p-53;         /* [0, 1) */
    return sqrt(-2.0 * lf__ln(radius)) * lf__cos(0x1.921fb54442d18p+2 * turn);
}

/* ---- hash: 16 bytes a step, each folded through one 64 x 64 -> 128 bit product ---------------------------------------------- */

#define HASH_A UINT64_C(0x9e3779b97f4a7c15) /* odd digits of the golden ratio, and of sqrt 2, 3, 5: bits without a pattern */
#define HASH_B UINT64_C(0x6a09e667f3bcc909)
#define HASH_C UINT64_C(0xbb67ae8584caa73b)
#define HASH_D UINT64_C(0x3c6ef372fe94f82b)

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Little-endian on every machine, so that a hash is the same number everywhere. */
static uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

void lf__hash_init(lf_hash *s, uint64_t n, uint64_t seed) { *s = (lf_hash){.h = fold(seed ^ HASH_A, n ^ HASH_B)}; }

/* Lines of 16 bytes, one fold each; the last one (1..16 bytes, zeros behind them) stays in `line` until the end. */
void lf__hash_add(lf_hash *s, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    if (n == 0) return;
    if (s->used) {
        size_t take = LF_MIN(n, sizeof s->line - s->used);
        memcpy(s->line + s->used, p, take);
        s->used += take, p += take, n -= take;
        if (n == 0) return;
        s->h = fold(load64(s->line) ^ HASH_C, load64(s->line + 8) ^ s->h);
    }
    uint64_t h = s->h;
    for (; n > 16; p += 16, n -= 16) h = fold(load64(p) ^ HASH_C, load64(p + 8) ^ h);
    s->h = h;
    memset(s->line, 0, sizeof s->line);
    memcpy(s->line, p, n);
    s->used = n;
}

uint64_t lf__hash_end(const lf_hash *s) { return fold(fold(load64(s->line) ^ HASH_C, load64(s->line + 8) ^ s->h) ^ HASH_D, HASH_A); }

uint64_t lf__hash64(const void *bytes, size_t n, uint64_t seed)
{
    lf_hash s;
    lf__hash_init(&s, n, seed);
    lf__hash_add(&s, bytes, n);
    return lf__hash_end(&s);
}

/* ---- permutation ------------------------------------------------------------------------------------------------------------ */

#define ROUNDS 16

/* How evenly pairs of items spread, n = 8 over 64,000 keys, chi^2 with 55 degrees of freedom: 4,400 with 6 rounds, 985 with 8, 75 with 12,
 * 50 with 16.
 * A balanced Feistel network on 2*half bits is a bijection whatever its round function. 4^half < 4n, so walking the cycle until the
 * value is below n takes fewer than 4 steps on average, and a walk that starts inside [0, n) comes back to it. */
uint64_t lf__permute(uint64_t i, uint64_t n, uint64_t key)
{
    if (n <= 1) return 0;
    int bits = 64 - __builtin_clzll(n - 1), half = (bits + 1) / 2;
    uint64_t mask = (UINT64_C(1) << half) - 1, keys[ROUNDS];
    for (uint64_t r = 0; r < ROUNDS; r++) keys[r] = fold(fold(key ^ HASH_A, HASH_B) + r * HASH_C, HASH_D);
    do {
        uint64_t left = i >> half, right = i & mask;
        for (int r = 0; r < ROUNDS; r++) {
            uint64_t mixed = fold((right ^ keys[r]) * HASH_C, HASH_D) & mask;
            uint64_t moved = left ^ mixed;
            left = right;
            right = moved;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}
