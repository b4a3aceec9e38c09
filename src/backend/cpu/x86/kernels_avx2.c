/* kernels_avx2.c - the AVX2 + FMA rung: everything over two ymm. The micro-tile of 6 x 16 takes 12 accumulators, 2 registers of B and one
 * broadcast of A: per k 2 loads, 6 broadcasts, 12 FMA. */
#include "backend/cpu/x86/simd_avx2.h"
#include "backend/cpu/x86/simd_transpose.h"
#include "backend/cpu/vector/rows_tmpl.c"
#include "backend/cpu/vector/pack_tmpl.c"
#include "backend/cpu/vector/tile6_tmpl.c"

void lf__kernels_avx2(lf_kernels *k)
{
    k->isa = "avx2";
    fill_row_kernels(k);
    fill_tile_kernels(k);
}
