/* kv_blocks.c - where the keys and values of one sequence live. Not the format (backend/backend.h draws it) and not who shares a block
 * with whom: one sequence, one reservation, made whole at the start and given back whole at the end. Not thread-safe. */
#include "infer/infer.h"

/*  arena:  | blocks[0..n) | block 0 | block 1 | ... | block n-1 |
 *                            each [n_layers][n_kv_heads][lf__kv_head_floats]                                               */
static bool block_bytes(size_t *bytes, int n_layers, int n_kv_heads, int head_dim)
{
    if (n_layers < 1 || n_kv_heads < 1 || head_dim < 1) return false;
    size_t heads, floats;
    return lf__mul_size(&heads, (size_t)n_layers, (size_t)n_kv_heads) && lf__mul_size(&floats, heads, lf__kv_head_floats(head_dim)) &&
           lf__mul_size(bytes, floats, sizeof(float)) && *bytes <= SIZE_MAX - LF_ALIGN;
}

bool lf__kv_room_bytes(size_t *bytes, int n_layers, int n_kv_heads, int head_dim, int positions)
{
    if (positions < 1 || positions > INT32_MAX - LF_KV_BLOCK) return false;
    size_t n_blocks = ((size_t)positions + LF_KV_BLOCK - 1) / LF_KV_BLOCK, block, all, table;
    if (!block_bytes(&block, n_layers, n_kv_heads, head_dim)) return false;
    table = lf__round_up(n_blocks * sizeof(float *), LF_ALIGN);
    return lf__mul_size(&all, n_blocks, lf__round_up(block, LF_ALIGN)) && lf__add_size(bytes, all, table);
}

int lf__kv_room_init(lf_kv_room *room, int n_layers, int n_kv_heads, int head_dim, int positions, lf_error *err)
{
    *room = (lf_kv_room){0};
    size_t bytes, block;
    if (!lf__kv_room_bytes(&bytes, n_layers, n_kv_heads, head_dim, positions) || !block_bytes(&block, n_layers, n_kv_heads, head_dim))
        return lf_error_set(err, LF_E_LIMIT, "a key/value cache of %d layers x %d heads x %d wide x %d positions does not fit in memory",
                            n_layers, n_kv_heads, head_dim, positions);
    if (lf__arena_init(&room->arena, "session", bytes, err)) return -1;
    int n_blocks = (positions + LF_KV_BLOCK - 1) / LF_KV_BLOCK;
    float **blocks = lf__arena_push(&room->arena, (size_t)n_blocks * sizeof *blocks);
    /* A fresh reservation is zero: the rule that unwritten positions are zero costs nothing here. */
    for (int b = 0; blocks && b < n_blocks; b++) blocks[b] = lf__arena_push(&room->arena, block);
    if (room->arena.overflowed) {
        lf__arena_release(&room->arena);
        return lf_error_set(err, LF_E_MEMORY, "the key/value cache needs more than the %zu bytes that were reserved for it", bytes);
    }
    room->kv =
        (lf_kv){.n_layers = n_layers, .n_kv_heads = n_kv_heads, .head_dim = head_dim, .capacity = n_blocks * LF_KV_BLOCK, .blocks = blocks};
    return 0;
}

void lf__kv_room_release(lf_kv_room *room)
{
    lf__arena_release(&room->arena);
    *room = (lf_kv_room){0};
}
