/* kernels_neon.c - the NEON rung: everything over four q registers. The micro-tile of 6 x 16 takes 24 accumulators, 4 registers of B and
 * one scalar of A: per k 4 loads of B, 6 of A, 24 FMA by element. */
#include "backend/cpu/arm/simd_neon.h"
#include "backend/cpu/vector/rows_tmpl.c"
#include "backend/cpu/vector/pack_tmpl.c"
#include "backend/cpu/vector/tile6_tmpl.c"

void lf__kernels_neon(lf_kernels *k)
{
    k->isa = "neon";
    fill_row_kernels(k);
    fill_tile_kernels(k);
}
