/* guard.c - the skip-update guard: a step whose loss or gradient norm is an outlier changes nothing.
 *
 * An outlier lies more than skip_zscore standard deviations above the mean of the last skip_window steps, once half a window is known
 * (the rule of OLMo 2's SkipStepOptimizer, AI2 2024). What enters the window is at most that bound: one spike does not hide the next, and
 * a lasting change of level is let through after a while. Losses and norms wait as floats in the optimizer's arena and in checkpoints,
 * each at a place that follows from the step: a resumed run decides as the straight one did. */
#include "train/trainer.h"

/* Mean + z standard deviations of the n latest. */
static double bound_of(const float *ring, int64_t n, double z)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)ring[i];
    double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++) squares += ((double)ring[i] - mean) * ((double)ring[i] - mean);
    return mean + z * __builtin_sqrt(squares / (double)(n - 1));
}

bool lf__guard_accepts(lf_guard *g, const lf_train_config *c, int64_t t, double loss, double norm)
{
    if (!g->loss) return true;
    int64_t known = LF_MIN(t - 1, g->window), at = (t - 1) % g->window;
    double most_loss = loss, most_norm = norm;
    if (known >= LF_MAX(2, g->window / 2)) {
        most_loss = bound_of(g->loss, known, c->skip_zscore);
        most_norm = bound_of(g->norm, known, c->skip_zscore);
    }
    bool fits = loss <= most_loss && norm <= most_norm;
    g->loss[at] = (float)LF_MIN(loss, most_loss);
    g->norm[at] = (float)LF_MIN(norm, most_norm);
    if (!fits) g->skipped[0] += 1.0f;
    return fits;
}
