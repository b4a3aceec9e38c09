/* op_rope.c - rotary position embedding (Su et al. 2021), the half-split form that Hugging Face's checkpoints use.
 *
 *   element i of a head turns with element i + d/2 by the angle p / theta^(2i/d), p the row's position:
 *   y_i = x_i cos - x_{i+d/2} sin        y_{i+d/2} = x_{i+d/2} cos + x_i sin
 *   backward: the same turn by the opposite angle.
 *
 * In place: the rows are turned where they lie, forward and backward. 6 FLOPs per pair, saves nothing. */
#include "ops/ops.h"

static void rotate(lf_ctx *ctx, const lf_rope *a, float *x, bool inverse)
{
    if (!ctx->dry)
        ctx->device->ops->rope(ctx->device, &(lf_rotation){.x = x,
                                                           .ldx = a->x->cols,
                                                           .positions = ctx->batch->positions,
                                                           .table = a->table,
                                                           .n = a->x->rows,
                                                           .n_heads = a->n_heads,
                                                           .head_dim = a->head_dim,
                                                           .rotary = a->rotary,
                                                           .inverse = inverse});
}

static void rope_backward(lf_ctx *ctx, void *args)
{
    lf_rope *a = args;
    rotate(ctx, a, a->x->grad, true);
}

static const lf_op op = {"rope", rope_backward};

lf_tensor *op_rope(lf_ctx *ctx, lf_rope a)
{
    if (lf__failed(ctx)) return a.x;
    rotate(ctx, &a, a.x->data, false);
    lf__record(ctx, &op, &a, sizeof a);
    return a.x;
}
