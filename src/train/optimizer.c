/* optimizer.c - from gradients to new weights: schedule, global-norm clipping, AdamW (Loshchilov & Hutter 2019).
 *
 *   lr_t = lr t / W (t <= W), else min + (lr - min) (1 + cos(pi (t - W) / (N - W))) / 2
 *   g <- g min(1, clip / (|g| + 1e-6))
 *   m <- b1 m + (1 - b1) g     v <- b2 v + (1 - b2) g^2     w <- w - lr wd w - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
 *
 * Decay only where the parameter table says so (matrices). The arithmetic is the backend's; results do not depend on threads. */
#include <string.h>

#include "train/trainer.h"

int lf__optimizer_init(lf_optimizer *o, const lf_model *model, lf_error *err)
{
    size_t bytes = lf__round_up(model->n_floats * sizeof(float), LF_ALIGN);
    memset(o, 0, sizeof *o);
    if (lf__arena_init(&o->arena, "optimizer", 2 * bytes, err)) return -1;
    o->m = lf__arena_push(&o->arena, bytes);
    o->v = lf__arena_push(&o->arena, bytes);
    return 0;
}

void lf__optimizer_release(lf_optimizer *o) { lf__arena_release(&o->arena); }

double lf__learning_rate(const lf_train_config *c, int64_t t)
{
    if (t <= c->warmup_steps) return c->lr * (double)t / (double)c->warmup_steps;
    double part = (double)(t - c->warmup_steps) / (double)LF_MAX(c->steps - c->warmup_steps, 1);
    return c->min_lr + 0.5 * (c->lr - c->min_lr) * (1.0 + lf__cos(3.14159265358979323846 * LF_MIN(part, 1.0)));
}

double lf__gradient_norm(const lf_model *model)
{
    /* One run over all gradients: they lie in a row, and the padding between them is zero. */
    return __builtin_sqrt(model->device->ops->sum_squares(model->device, model->all[0]->t.grad, (int64_t)model->n_floats));
}

static bool decays(const lf_model *model, const lf_weight *w)
{
    for (int i = 0; i < model->n_params; i++)
        if (model->params[i].weight == w) return model->params[i].row->decay;
    return false;
}

void lf__optimizer_step(lf_optimizer *o, lf_model *model, const lf_train_config *c, int64_t t, double norm)
{
    double scale = c->grad_clip > 0 ? LF_MIN(1.0, c->grad_clip / (norm + 1e-6)) : 1.0;
    double bias1 = 1.0 - lf__pow(c->beta1, (double)t), bias2 = 1.0 - lf__pow(c->beta2, (double)t);
    for (int i = 0; i < model->n_all; i++) {
        lf_weight *w = model->all[i];
        ptrdiff_t at = w->t.data - model->data;
        lf_adamw a = {.w = w->t.data,
                      .m = o->m + at,
                      .v = o->v + at,
                      .g = w->t.grad,
                      .n = (int64_t)lf__tensor_count(&w->t),
                      .grad_scale = (float)scale,
                      .lr = (float)lf__learning_rate(c, t),
                      .beta1 = (float)c->beta1,
                      .beta2 = (float)c->beta2,
                      .eps = (float)c->eps,
                      .weight_decay = decays(model, w) ? (float)c->weight_decay : 0.0f,
                      .bias1 = (float)bias1,
                      .bias2 = (float)bias2};
        model->device->ops->adamw(model->device, &a);
        lf__weight_pack(model->device, w);
    }
    lf__model_clear_grads(model);
}

const char *lf__first_bad_tensor(const lf_model *model)
{
    lf_device *dev = model->device;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < model->n_params; i++) {
            const lf_param *p = &model->params[i];
            const lf_tensor *t = &p->weight->t;
            size_t at = (size_t)p->row0 * (size_t)p->cols;
            if (dev->ops->find_nonfinite(dev, (pass ? t->grad : t->data) + at, (int64_t)p->rows * p->cols) >= 0) return p->name;
        }
    return NULL;
}
