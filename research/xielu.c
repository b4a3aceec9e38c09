/* xielu.c - a component of one's own, in one file: an activation that the library does not have, trained beside one that it has.
 *
 *   research_xielu SHARDS OUT [STEPS [SEEDS]]          then: foundry runs plot OUT/relu2-1 OUT/xielu-1 -o xielu.svg
 *
 * A device is a table of functions (backend/backend.h). An experiment copies the table, puts its own function into the copy and trains as
 * ever: blocks, tape, optimizer and checkpoints do not notice. Here act_forward and act_backward, which an ungated MLP calls between its
 * matrices:
 *
 *      y                     x > 0:   y = a x^2 + b x               dy/dx = 2 a x + b
 *      |        /            x <= 0:  y = a (e^x - 1) - a x + b x   dy/dx = a (e^x - 1) + b          a = 0.8, b = 0.5
 *      |      /
 *   ---+----/----- x         xIELU (Huang & Schlag 2024), with its learned a held at where it begins. Squared ReLU has a gradient of 0 for
 *     \___/|                 every x below 0; this one has not, and grows as fast above.
 *
 * Checkpoints say hidden_act relu2, since no file format knows the name: they are right in this program alone. */
#include "backend/backend.h"
#include "foundry/foundry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the component -------------------------------------------------------------------------------------------------------------- */
static const double A = 0.8, B = 0.5;

static double xielu(double x) { return x > 0 ? A * x * x + B * x : A * (lf__exp(x) - 1) - A * x + B * x; }
static double xielu_slope(double x) { return x > 0 ? 2 * A * x + B : A * (lf__exp(x) - 1) + B; }

typedef struct rows {
    float *out;
    const float *x, *dy; /* dy NULL: forward */
    int64_t n;
} rows;

/* Each thread has its own stretch of outputs, so their number never changes a bit. */
static void stretch(void *arg, int thread, int n_threads)
{
    const rows *r = arg;
    int64_t lo, hi;
    lf__split(r->n, 64, thread, n_threads, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) r->out[i] = (float)(r->dy ? (double)r->dy[i] * xielu_slope((double)r->x[i]) : xielu((double)r->x[i]));
}

static void forward(lf_device *device, float *y, const float *x, int64_t n, lf_act act)
{
    (void)act;
    lf__pool_run(device->pool, stretch, &(rows){y, x, NULL, n});
}

static void backward(lf_device *device, float *dx, const float *dy, const float *x, int64_t n, lf_act act)
{
    (void)act;
    lf__pool_run(device->pool, stretch, &(rows){dx, x, dy, n});
}

/* Central differences: the largest error of the slope over -6 .. 6, where the kink at 0 has none (both sides have slope b). */
static double slope_error(void)
{
    double worst = 0;
    for (double x = -6; x <= 6; x += 0.01) worst = fmax(worst, fabs((xielu(x + 1e-5) - xielu(x - 1e-5)) / 2e-5 - xielu_slope(x)));
    return worst;
}

/* ---- the experiment ------------------------------------------------------------------------------------------------------------- */
static void remember(const lf_train_metrics *m, void *user) { *(double *)user = m->val_bpb; }

/* One run of the demo's recipe with an ungated MLP; the bits per byte that it ends with, NAN after an error. */
static double train(lf_device *device, const char *shards, const char *out, const char *name, int64_t steps, int seed, lf_error *err)
{
    double bpb = NAN;
    lf_config c;
    lf_config_init(&c);
    if (lf_config_load(&c, "demo", err)) return NAN;
    c.model.ungated_mlp = true;
    c.model.intermediate_size = c.model.hidden_size * 3; /* two matrices of 3 C instead of three of 2 C: as many weights */
    snprintf(c.model.hidden_act, sizeof c.model.hidden_act, "relu2");
    snprintf(c.data.train, sizeof c.data.train, "%s", shards);
    snprintf(c.run.dir, sizeof c.run.dir, "%s/%s-%d", out, name, seed);
    c.train.steps = steps, c.train.seed = seed;
    c.train.eval_every = steps > 10 ? steps / 10 : 1, c.train.eval_documents = 200, c.train.sample_every = 0, c.train.checkpoint_every = 0,
    c.train.log_every = 1;
    if (lf_config_check(&c, err) || lf_train_run(device, &c, &(lf_train_hooks){.on_eval = remember, .user = &bpb}, err)) return NAN;
    return bpb;
}

int main(int argc, char **argv)
{
    if (argc < 3) return fputs("usage: research_xielu SHARDS OUT [STEPS [SEEDS]]\n", stderr), 2;
    int64_t steps = argc > 3 ? atoll(argv[3]) : 1000;
    int seeds = argc > 4 ? atoi(argv[4]) : 1;
    printf("slope against central differences: off by %.1e\n", slope_error());

    lf_error err = {0};
    lf_device *device = lf_device_open(NULL, &err);
    if (!device) return fprintf(stderr, "%s\n", err.message), 1;
    const lf_backend_ops *ours = device->ops;
    lf_backend_ops mine = *ours; /* the seam: the table with two entries of our own */
    mine.act_forward = forward, mine.act_backward = backward;

    for (int seed = 1; seed <= seeds && !err.code; seed++) {
        device->ops = ours;
        double baseline = train(device, argv[1], argv[2], "relu2", steps, seed, &err);
        device->ops = &mine;
        double candidate = err.code ? NAN : train(device, argv[1], argv[2], "xielu", steps, seed, &err);
        device->ops = ours;
        if (!err.code)
            printf("seed %d   relu2 %.4f   xielu %.4f bits per byte   difference %+.4f\n", seed, baseline, candidate, candidate - baseline);
        fflush(stdout);
    }
    lf_device_close(&device);
    if (err.code) fprintf(stderr, "%s\n%s\n", err.message, err.hint);
    return lf_code_exit(err.code);
}
