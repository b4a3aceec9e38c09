/* muon.c - Muon for one matrix (Jordan et al. 2024, "Muon: an optimizer for hidden layers"): the momentum, made orthogonal.
 *
 *   buf <- mu buf + (1 - mu) g        n = (1 - mu) g + mu buf                                        (Nesterov)
 *   X_0 = n / (|n| + 1e-7)            X <- (a I + b S + c S S) X, S = X X^T, five times: all singular values go towards 1
 *   w <- w - lr wd w - lr s X_5       W [out, in] is the matrix that multiplies; q, k, v, gate and up count one by one
 *
 * s lr is muon_lr sqrt(max(1, out / in)), or with muon_lr = 0 lr 0.2 sqrt(max(out, in)): then the root mean square of an update is that of
 * a typical AdamW step and its learning rate and decay can be kept (Liu et al. 2025, "Muon is scalable for LLM training").
 *
 * 5 (4 r^2 c + 2 r^3) FLOPs with r <= c the sides. A tall X is worked on from the right, X (a I + b S + ...) with S = X^T X: nothing is
 * transposed, and S stays the smaller square. Products are the backend's, of the type that the model's own are (bfloat16 is what the
 * authors use): the same bits for any number of threads. */
#include "train/trainer.h"

typedef struct workplace {
    float *x, *y;     /* [rows, cols] */
    float *s, *t;     /* [r, r]       */
    lf_panels panels; /* of whatever is multiplied by */
} workplace;

static workplace lay_out(lf_arena *arena, const lf_param *p)
{
    int rows = p->rows, cols = p->cols, r = LF_MIN(rows, cols), c = LF_MAX(rows, cols);
    size_t n = (size_t)rows * (size_t)cols, square = (size_t)r * (size_t)r;
    size_t panels = LF_MAX(lf__panels_floats(r, c, 0), LF_MAX(lf__panels_floats(c, r, 0), lf__panels_floats(r, r, 0)));
    workplace w;
    w.x = lf__arena_push(arena, n * sizeof(float));
    w.y = lf__arena_push(arena, n * sizeof(float));
    w.s = lf__arena_push(arena, square * sizeof(float));
    w.t = lf__arena_push(arena, square * sizeof(float));
    w.panels = (lf_panels){.data = lf__arena_push(arena, panels * sizeof(float)), .type = p->weight->forward.type};
    return w;
}

void lf__muon_reserve(lf_arena *arena, const lf_param *p) { lay_out(arena, p); }

/* C [m, n] = A B, B [k, n] read from b with these strides. */
static void multiply(lf_device *dev, float *c, const float *a, ptrdiff_t a_rs, ptrdiff_t a_cs, const float *b, ptrdiff_t b_rs,
                     ptrdiff_t b_cs, lf_panels *panels, int m, int n, int k)
{
    panels->n = n, panels->k = k;
    dev->ops->pack(dev, panels, b, b_cs, b_rs);
    lf_gemm g = {.c = c, .ldc = n, .a = a, .a_rs = a_rs, .a_cs = a_cs, .b = panels, .m = m};
    dev->ops->gemm(dev, &g);
}

/* x <- x with its singular values driven towards 1. Returns where it is now, w->x or w->y. */
static float *orthogonalize(lf_device *dev, workplace *w, int rows, int cols)
{
    static const float a = 3.4445f, b = -4.7750f, c = 2.0315f;
    const lf_backend_ops *ops = dev->ops;
    int r = LF_MIN(rows, cols), k = LF_MAX(rows, cols);
    int64_t n = (int64_t)rows * cols, square = (int64_t)r * r;
    bool tall = rows > cols;
    /* Entry (i, j) of the wide one of X and X^T lies at i * side + j * along. */
    ptrdiff_t side = tall ? 1 : cols, along = tall ? cols : 1;
    ops->axpby(dev, w->x, w->x, (float)(1.0 / (__builtin_sqrt(ops->sum_squares(dev, w->x, n)) + 1e-7)), 0.0f, n);
    for (int i = 0; i < 5; i++) {
        multiply(dev, w->s, w->x, side, along, w->x, along, side, &w->panels, r, r, k);
        ops->axpby(dev, w->t, w->s, c, 0.0f, square);
        ops->add_diagonal(dev, w->t, b, r);
        multiply(dev, w->t, w->s, r, 1, w->t, r, 1, &w->panels, r, r, r); /* t is in the panels before it is written */
        ops->add_diagonal(dev, w->t, a, r);
        if (tall)
            multiply(dev, w->y, w->x, cols, 1, w->t, r, 1, &w->panels, rows, cols, r);
        else
            multiply(dev, w->y, w->t, r, 1, w->x, cols, 1, &w->panels, rows, cols, r);
        float *next = w->y;
        w->y = w->x, w->x = next;
    }
    return w->x;
}

void lf__muon_step(const lf_update *u)
{
    const lf_backend_ops *ops = u->device->ops;
    const lf_train_config *c = u->config;
    int rows = u->param->rows, cols = u->param->cols;
    int64_t n = (int64_t)rows * cols;
    float mu = (float)c->momentum, fresh = (float)((1.0 - c->momentum) * u->grad_scale);
    size_t mark = lf__arena_mark(u->scratch);
    workplace w = lay_out(u->scratch, u->param);
    ops->axpby(u->device, u->state[0], u->g, fresh, mu, n);
    ops->axpby(u->device, w.x, u->g, fresh, 0.0f, n);
    ops->axpby(u->device, w.x, u->state[0], mu, 1.0f, n);
    const float *x = orthogonalize(u->device, &w, rows, cols);
    double lr = c->muon_lr > 0 ? lf__scheduled(c, c->muon_lr, u->t) : u->lr;
    double scale = c->muon_lr > 0 ? __builtin_sqrt(LF_MAX(1.0, (double)rows / cols)) : 0.2 * __builtin_sqrt((double)LF_MAX(rows, cols));
    lf_weight_step a = lf__weight_step(u);
    a.rule = LF_STEP_MOMENTUM;
    a.m = a.v = NULL, a.g = x, a.grad_scale = 1.0f;
    a.lr = (float)(lr * scale), a.keep = (float)(1.0 - lr * u->weight_decay);
    ops->step_weight(u->device, &a);
    lf__arena_rewind(u->scratch, mark);
}
