/* optimizer.c - from gradients to new weights: the schedule, global-norm clipping, and the table of optimizers.
 *
 *   lr_t = lr t / W (t <= W), else min + (lr - min) (1 + cos(pi (t - W) / (N - W))) / 2
 *   g <- g min(1, clip / (|g| + 1e-6))
 *
 * A row of the table says what an optimizer keeps per parameter, which parameters it takes (AdamW has the others) and how it steps. Memory
 * and checkpoints follow from it. Decay only where the parameter table says so. The arithmetic is the backend's; results do not depend on
 * threads. */
#include <stdlib.h>
#include <string.h>

#include "train/trainer.h"

/* m <- b1 m + (1 - b1) g     v <- b2 v + (1 - b2) g^2     w <- w - lr wd w - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
 * (Loshchilov & Hutter 2019) */
static void adamw_step(const lf_update *u)
{
    const lf_train_config *c = u->config;
    lf_adamw a = {.w = u->w,
                  .m = u->state[0],
                  .v = u->state[1],
                  .g = u->g,
                  .n = (int64_t)u->param->rows * u->param->cols,
                  .grad_scale = (float)u->grad_scale,
                  .lr = (float)u->lr,
                  .beta1 = (float)c->beta1,
                  .beta2 = (float)c->beta2,
                  .eps = (float)c->eps,
                  .weight_decay = (float)u->weight_decay,
                  .bias1 = (float)(1.0 - lf__pow(c->beta1, (double)u->t)),
                  .bias2 = (float)(1.0 - lf__pow(c->beta2, (double)u->t))};
    u->device->ops->adamw(u->device, &a);
}

static bool inside_blocks(const lf_param *p) { return p->row->per_layer && p->n_dims == 2; }

static const lf_rule rules[] = {
    /* name    keeps       takes          step            scratch */
    {"adamw", {"m", "v"}, NULL, adamw_step, NULL},
    {"muon", {"m"}, inside_blocks, lf__muon_step, lf__muon_reserve},
};

/* ---- memory -------------------------------------------------------------------------------------------------------------------- */
/* What the parameters keep, in their order, then one place to work in, as large as the largest wants. */
static void push_all(lf_optimizer *o, const lf_model *model, lf_arena *arena)
{
    for (int i = 0; i < model->n_params; i++) {
        size_t n = (size_t)model->params[i].rows * (size_t)model->params[i].cols;
        for (int k = 0; k < LF_STATES && o->slots[i].rule->states[k]; k++) o->slots[i].state[k] = lf__arena_push(arena, n * sizeof(float));
    }
    size_t mark = lf__arena_mark(arena);
    for (int i = 0; i < model->n_params; i++) {
        if (o->slots[i].rule->reserve) o->slots[i].rule->reserve(arena, &model->params[i]);
        lf__arena_rewind(arena, mark);
    }
}

int lf__optimizer_init(lf_optimizer *o, const lf_model *model, const lf_train_config *c, lf_error *err)
{
    const lf_rule *chosen = NULL;
    lf_arena measure;
    memset(o, 0, sizeof *o);
    for (size_t i = 0; i < LF_COUNT(rules); i++)
        if (strcmp(rules[i].name, c->optimizer) == 0) chosen = &rules[i];
    if (!chosen) return lf_error_set(err, LF_E_CONFIG, "train.optimizer: there is no optimizer \"%s\"", c->optimizer);
    o->slots = lf__calloc((size_t)model->n_params, sizeof *o->slots, err);
    if (!o->slots || lf__arena_init_measuring(&measure, "optimizer", err)) return -1;
    for (int i = 0; i < model->n_params; i++) {
        bool takes = !chosen->takes || chosen->takes(&model->params[i]);
        o->slots[i].rule = takes ? chosen : &rules[0];
    }
    push_all(o, model, &measure);
    size_t need = measure.peak;
    lf__arena_release(&measure);
    if (lf__arena_init_as(&o->arena, &model->weights, "optimizer", need, err)) return -1;
    push_all(o, model, &o->arena);
    return 0;
}

void lf__optimizer_release(lf_optimizer *o)
{
    lf__arena_release(&o->arena);
    free(o->slots);
    o->slots = NULL;
}

/* ---- the step -------------------------------------------------------------------------------------------------------------------- */
double lf__scheduled(const lf_train_config *c, double peak, int64_t t)
{
    double low = c->lr > 0 ? c->min_lr * (peak / c->lr) : 0.0;
    if (t <= c->warmup_steps) return peak * (double)t / (double)c->warmup_steps;
    double part = (double)(t - c->warmup_steps) / (double)LF_MAX(c->steps - c->warmup_steps, 1);
    return low + 0.5 * (peak - low) * (1.0 + lf__cos(3.14159265358979323846 * LF_MIN(part, 1.0)));
}

double lf__gradient_norm(const lf_model *model)
{
    /* One run over all gradients: they lie in a row, and the padding between them is zero. */
    return __builtin_sqrt(model->device->ops->sum_squares(model->device, model->all[0]->t.grad, (int64_t)model->n_floats));
}

void lf__optimizer_step(lf_optimizer *o, lf_model *model, const lf_train_config *c, int64_t t, double norm)
{
    double scale = c->grad_clip > 0 ? LF_MIN(1.0, c->grad_clip / (norm + 1e-6)) : 1.0, lr = lf__scheduled(c, c->lr, t);
    for (int i = 0; i < model->n_params; i++) {
        const lf_param *p = &model->params[i];
        lf_weight *w = p->weight;
        ptrdiff_t at = (ptrdiff_t)p->row0 * p->cols;
        lf_update u = {.device = model->device,
                       .config = c,
                       .param = p,
                       .w = w->t.data + at,
                       .g = w->t.grad + at,
                       .state = o->slots[i].state,
                       .scratch = &o->arena,
                       .grad_scale = scale,
                       .lr = lr,
                       .weight_decay = p->row->decay ? c->weight_decay : 0.0,
                       .t = t};
        o->slots[i].rule->step(&u);
        if (p->row0 + p->rows == w->t.rows) lf__weight_pack(model->device, w); /* its last part */
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
