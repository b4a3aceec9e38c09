/* gradcheck.c - is a backward the derivative of its forward? Central differences of a scalar loss at sampled entries. */
#include "ops/ops.h"

double lf__gradcheck(float *data, const float *grad, size_t n, size_t samples, uint64_t seed, double step, double floor,
                     double (*loss)(void *user), void *user)
{
    double worst = 0;
    lf_rng rng = lf__rng_make(seed, 0x67726164);
    for (size_t s = 0; s < samples; s++) {
        size_t i = samples >= n ? s : (size_t)lf__rng_below(&rng, n);
        if (i >= n) break;
        float kept = data[i];
        data[i] = (float)((double)kept + step);
        double up = loss(user), above = (double)data[i];
        data[i] = (float)((double)kept - step);
        double down = loss(user), below = (double)data[i];
        data[i] = kept;
        double numeric = (up - down) / (above - below), difference = (double)grad[i] - numeric;
        if (difference < 0) difference = -difference;
        double size = numeric < 0 ? -numeric : numeric;
        double error = difference / LF_MAX(size, floor);
        if (!(error <= worst)) worst = error; /* a NaN is the worst */
    }
    return worst;
}
