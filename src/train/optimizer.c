/* optimizer.c - from gradients to new weights: global-norm clipping, the table of optimizers, the average of the weights.
 *
 *   g <- g min(1, clip / (|g| + 1e-6))        average <- d average + (1 - d) w, d = min(ema_decay, (n - 1) / (n + 9)) after n updates
 *
 * A row of the table says what an optimizer keeps per parameter, which parameters it takes (AdamW has the others) and how it steps. Memory
 * and checkpoints follow from it. Decay is apart from the gradient (Loshchilov & Hutter 2019), only where the parameter table says so. The
 * arithmetic is the backend's; results do not depend on threads. */
#include <stdlib.h>
#include <string.h>

#include "train/trainer.h"

lf_weight_step lf__weight_step(const lf_update *u)
{
    const lf_train_config *c = u->config;
    const lf_param *p = u->param;
    return (lf_weight_step){.w = u->w,
                            .m = u->state[0],
                            .v = u->state[1],
                            .g = u->g,
                            .rows = p->rows,
                            .cols = p->cols,
                            .grad_scale = (float)u->grad_scale,
                            .lr = (float)u->lr,
                            .keep = 1.0f - (float)u->lr * (float)u->weight_decay,
                            .beta1 = (float)c->beta1,
                            .beta2 = (float)c->beta2,
                            .eps = (float)c->eps,
                            .bias1 = (float)(1.0 - lf__pow(c->beta1, (double)u->count)),
                            .bias2 = (float)(1.0 - lf__pow(c->beta2, (double)u->count)),
                            .forward = p->weight->forward.data ? &p->weight->forward : NULL,
                            .backward = p->weight->backward.data ? &p->weight->backward : NULL,
                            .row0 = p->row0};
}

/* m <- b1 m + (1 - b1) g     v <- b2 v + (1 - b2) g^2     w <- w - lr wd w - lr (m / (1 - b1^n)) / (sqrt(v / (1 - b2^n)) + eps)
 * (Loshchilov & Hutter 2019) */
static void adamw_step(const lf_update *u)
{
    lf_weight_step a = lf__weight_step(u);
    a.rule = LF_STEP_ADAMW;
    u->device->ops->step_weight(u->device, &a);
}

/* w <- w - lr wd w - lr sign(b1 m + (1 - b1) g)     m <- b2 m + (1 - b2) g          (Chen et al. 2023) */
static void lion_step(const lf_update *u)
{
    lf_weight_step a = lf__weight_step(u);
    a.rule = LF_STEP_LION;
    u->device->ops->step_weight(u->device, &a);
}

/* m <- mu m + g     w <- w - lr wd w - lr m          (Polyak 1964; the decay: Loshchilov & Hutter 2019) */
static void sgd_step(const lf_update *u)
{
    lf_weight_step a = lf__weight_step(u);
    a.rule = LF_STEP_MOMENTUM;
    a.beta1 = (float)u->config->momentum;
    a.keep = (float)(1.0 - u->lr * u->weight_decay);
    u->device->ops->step_weight(u->device, &a);
}

static bool inside_blocks(const lf_param *p) { return p->row->per_layer && p->n_dims == 2; }

static const lf_rule rules[] = {
    /* name    keeps       takes          step            scratch */
    {"adamw", {"m", "v"}, NULL, adamw_step, NULL},
    {"muon", {"m"}, inside_blocks, lf__muon_step, lf__muon_reserve},
    {"lion", {"m"}, NULL, lion_step, NULL},
    {"sgd", {"m"}, NULL, sgd_step, NULL},
};

/* ---- memory -------------------------------------------------------------------------------------------------------------------- */
/* What the parameters keep, in their order, the average and the guard: what a run must find again. */
static void push_states(lf_optimizer *o, const lf_model *model, const lf_train_config *c, lf_arena *arena)
{
    for (int i = 0; i < model->n_params; i++) {
        size_t n = (size_t)model->params[i].rows * (size_t)model->params[i].cols;
        for (int k = 0; k < LF_STATES && o->slots[i].rule->states[k]; k++) o->slots[i].state[k] = lf__arena_push(arena, n * sizeof(float));
    }
    if (c->ema_decay > 0) o->average = lf__arena_push(arena, model->n_floats * sizeof(float));
    if (c->skip_zscore > 0) {
        o->guard.window = (int)c->skip_window;
        o->guard.loss = lf__arena_push(arena, (size_t)c->skip_window * sizeof(float));
        o->guard.norm = lf__arena_push(arena, (size_t)c->skip_window * sizeof(float));
        o->guard.skipped = lf__arena_push(arena, sizeof(float));
    }
}

/* Then one place to work in, as large as the largest parameter wants. */
static void push_all(lf_optimizer *o, const lf_model *model, const lf_train_config *c, lf_arena *arena)
{
    push_states(o, model, c, arena);
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
    push_all(o, model, c, &measure);
    size_t need = measure.peak;
    lf__arena_release(&measure);
    if (lf__arena_init_as(&o->arena, &model->weights, "optimizer", need, err)) return -1;
    push_all(o, model, c, &o->arena);
    return 0;
}

void lf__optimizer_release(lf_optimizer *o)
{
    lf__arena_release(&o->arena);
    free(o->slots);
    o->slots = NULL;
}

/* ---- what checkpoints keep ------------------------------------------------------------------------------------------------------- */
static void push_staging(lf_staging *s, const lf_model *model, const lf_train_config *c, lf_arena *arena)
{
    push_states(&s->optimizer, model, c, arena);
    s->weights = lf__arena_push(arena, model->n_floats * sizeof(float));
}

int lf__staging_init(lf_staging *s, const lf_optimizer *o, const lf_model *model, const lf_train_config *c, lf_error *err)
{
    lf_optimizer *copy = &s->optimizer;
    lf_arena measure;
    memset(s, 0, sizeof *s);
    copy->slots = lf__calloc((size_t)model->n_params, sizeof *copy->slots, err);
    if (!copy->slots || lf__arena_init_measuring(&measure, "staging", err)) return -1;
    memcpy(copy->slots, o->slots, (size_t)model->n_params * sizeof *copy->slots);
    push_staging(s, model, c, &measure);
    size_t need = measure.peak;
    lf__arena_release(&measure);
    if (lf__arena_init_as(&copy->arena, &model->weights, "staging", need, err)) return -1;
    push_staging(s, model, c, &copy->arena);
    return 0;
}

void lf__staging_release(lf_staging *s)
{
    lf__optimizer_release(&s->optimizer);
    s->weights = NULL;
}

void lf__staging_fill(lf_staging *s, const lf_optimizer *o, const lf_model *model)
{
    lf_optimizer *copy = &s->optimizer;
    size_t bytes = model->n_floats * sizeof(float), window = (size_t)o->guard.window * sizeof(float);
    for (int i = 0; i < model->n_params; i++)
        for (int k = 0; k < LF_STATES && o->slots[i].rule->states[k]; k++)
            memcpy(copy->slots[i].state[k], o->slots[i].state[k],
                   (size_t)model->params[i].rows * (size_t)model->params[i].cols * sizeof(float));
    memcpy(s->weights, o->average ? o->average : model->data, bytes);
    if (o->average) memcpy(copy->average, model->data, bytes);
    if (!window) return;
    memcpy(copy->guard.loss, o->guard.loss, window);
    memcpy(copy->guard.norm, o->guard.norm, window);
    *copy->guard.skipped = *o->guard.skipped;
}

int lf__optimizer_states(const lf_optimizer *o, const lf_model *model, lf_state **list, size_t *n, lf_error *err)
{
    size_t count = 0;
    lf_state *s = *list = lf__calloc((LF_STATES + 1) * (size_t)model->n_params + 3, sizeof *s, err);
    if (!s) return -1;
    for (int k = 0; k <= LF_STATES; k++)
        for (int i = 0; i < model->n_params; i++) {
            const lf_param *p = &model->params[i];
            const lf_slot *slot = &o->slots[i];
            const char *kind = k < LF_STATES ? slot->rule->states[k] : o->average ? "w" : NULL;
            ptrdiff_t at = p->weight->t.data - model->data + (ptrdiff_t)p->row0 * p->cols;
            if (!kind) continue;
            s[count] = (lf_state){.data = k < LF_STATES ? slot->state[k] : o->average + at, .rows = p->rows, .cols = p->cols};
            snprintf(s[count++].name, sizeof s->name, "%s.%s", kind, p->name);
        }
    if (o->guard.loss) {
        s[count++] = (lf_state){"guard.loss", o->guard.loss, 1, o->guard.window};
        s[count++] = (lf_state){"guard.norm", o->guard.norm, 1, o->guard.window};
        s[count++] = (lf_state){"guard.skipped", o->guard.skipped, 1, 1};
    }
    *n = count;
    return 0;
}

void lf__optimizer_swap_average(lf_optimizer *o, lf_model *model)
{
    float some[1024];
    if (!o->average) return;
    for (size_t i = 0, n; i < model->n_floats; i += n) {
        n = LF_MIN(model->n_floats - i, LF_COUNT(some));
        memcpy(some, o->average + i, n * sizeof(float));
        memcpy(o->average + i, model->data + i, n * sizeof(float));
        memcpy(model->data + i, some, n * sizeof(float));
    }
    lf__model_pack(model);
}

/* ---- the step -------------------------------------------------------------------------------------------------------------------- */
double lf__gradient_norm(const lf_model *model)
{
    /* One run over all gradients: they lie in a row, and the padding between them is zero. */
    return __builtin_sqrt(model->device->ops->sum_squares(model->device, model->all[0]->t.grad, (int64_t)model->n_floats));
}

void lf__optimizer_step(lf_optimizer *o, lf_model *model, const lf_train_config *c, int64_t t, double norm)
{
    double scale = c->grad_clip > 0 ? LF_MIN(1.0, c->grad_clip / (norm + 1e-6)) : 1.0, lr = lf__scheduled(c, c->lr, t);
    int64_t count = t - (o->guard.skipped ? (int64_t)o->guard.skipped[0] : 0);
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
                       .t = t,
                       .count = count};
        o->slots[i].rule->step(&u);
    }
    if (o->average) { /* begins as the first weights, and in short runs is the mean of about the last tenth */
        double d = LF_MIN(c->ema_decay, (double)(count - 1) / (double)(count + 9));
        model->device->ops->axpby(model->device, o->average, model->data, (float)(1.0 - d), (float)d, (int64_t)model->n_floats);
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
