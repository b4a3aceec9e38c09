/* moments.c - a mean and its standard error, from sums in the order of the tokens. */
#include "eval/eval.h"

void lf__moments_add(lf_moments *m, double x) { m->n += 1, m->sum += x, m->squares += x * x; }

double lf__moments_mean(const lf_moments *m) { return m->n > 0 ? m->sum / m->n : 0; }

/* sqrt(variance / (n - 1)), the variance being that of the tokens at hand: unbiased for independent ones. */
double lf__moments_error(const lf_moments *m)
{
    double mean = lf__moments_mean(m), variance = m->n > 1 ? m->squares / m->n - mean * mean : 0;
    return variance > 0 ? __builtin_sqrt(variance / (m->n - 1)) : 0;
}
