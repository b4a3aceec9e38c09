/* schedule.c - the learning rate of a step: a pure function of the config and the step.
 *
 *   t <= W (warm-up)   peak t / W
 *   later              low + (peak - low) f(p), p from 0 where the fall begins to 1 at the last step
 *
 *   f: cosine (1 + cos(pi p)) / 2 (Loshchilov & Hutter 2017)     linear 1 - p     constant 1
 *      wsd 1 - sqrt(p) over the last decay_fraction of the run, 1 before ("warmup, stable, decay": Hu et al. 2024; the root: Haegele et
 *      al. 2024): until the fall begins no step depends on how long the run will be. */
#include <string.h>

#include "train/trainer.h"

static double cosine(double p) { return 0.5 * (1.0 + lf__cos(3.14159265358979323846 * p)); }
static double linear(double p) { return 1.0 - p; }
static double constant(double p) { return LF_UNUSED(p), 1.0; }
static double one_minus_root(double p) { return 1.0 - __builtin_sqrt(p); }

static const struct schedule {
    const char *name;
    double (*fall)(double p);
    bool late; /* falls over the last decay_fraction only */
} schedules[] = {{"cosine", cosine, false}, {"linear", linear, false}, {"constant", constant, false}, {"wsd", one_minus_root, true}};

int64_t lf__warmup_steps(const lf_train_config *c) { return c->warmup_steps < c->steps ? c->warmup_steps : c->steps / 10; }

double lf__scheduled(const lf_train_config *c, double peak, int64_t t)
{
    const struct schedule *s = schedules;
    for (size_t i = 0; i < LF_COUNT(schedules); i++)
        if (strcmp(schedules[i].name, c->schedule) == 0) s = &schedules[i];
    int64_t begin = lf__warmup_steps(c);
    if (t <= begin) return peak * (double)t / (double)begin;
    if (s->late) begin = LF_MAX(begin, c->steps - (int64_t)(c->decay_fraction * (double)c->steps));
    double low = c->lr > 0 ? c->min_lr * (peak / c->lr) : 0.0;
    double part = (double)(t - begin) / (double)LF_MAX(c->steps - begin, 1);
    return low + (peak - low) * s->fall(LF_MIN(LF_MAX(part, 0.0), 1.0));
}
