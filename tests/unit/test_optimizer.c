/* test_optimizer.c - optimizers against their formulas in scalar double, schedules, the average of the weights, the guard against
 * outliers; every choice of the option table is one that exists; threads change no bit. (AdamW and Muon: tests/golden, too.) */
#include <math.h>

#include "data_tools.h"
#include "train/trainer.h"

static lf_device *device;
static lf_config config;

static int set_up(void **state)
{
    static const char *const keys[][2] = {{"model.vocab_size", "50"},
                                          {"model.hidden_size", "16"},
                                          {"model.intermediate_size", "24"},
                                          {"model.num_hidden_layers", "1"},
                                          {"model.num_attention_heads", "2"},
                                          {"model.num_key_value_heads", "1"},
                                          {"train.steps", "40"},
                                          {"train.warmup_steps", "3"},
                                          {"train.lr", "0.02"},
                                          {"train.min_lr", "0.005"},
                                          {"train.beta2", "0.99"},
                                          {"train.weight_decay", "0.3"},
                                          {"train.grad_clip", "2"},
                                          {"train.momentum", "0.8"}};
    LF_UNUSED(state);
    lf_config_init(&config);
    for (size_t i = 0; i < LF_COUNT(keys); i++) assert_ok(lf_config_set(&config, keys[i][0], keys[i][1], "test", err));
    device = lf_device_open(&(lf_device_options){.threads = 1}, NULL);
    return device ? 0 : -1;
}

static int take_down(void **state)
{
    LF_UNUSED(state);
    lf_device_close(&device);
    return 0;
}

static void set(lf_config *c, const char *key, const char *value) { assert_ok(lf_config_set(c, key, value, "test", err)); }

static lf_model *new_model_of(lf_device *dev, lf_dtype products)
{
    lf_error err = {0};
    lf_model *m = lf__model_alloc(dev, &config.model, true, products, false, &err);
    if (!m) fail_msg("%s", err.message);
    lf__model_init_weights(m, 7);
    lf__model_pack(m);
    return m;
}

static lf_model *new_model(lf_device *dev) { return new_model_of(dev, LF_F32); }

/* A gradient of every weight for step t; returns its norm. Padding between the weights stays zero. */
static double make_gradients(lf_model *m, int64_t t)
{
    double sum = 0;
    for (int i = 0; i < m->n_all; i++) {
        lf_tensor *w = &m->all[i]->t;
        for (size_t j = 0; j < lf__tensor_count(w); j++) {
            w->grad[j] = (float)(0.1 * lf__rng_normal_at((uint64_t)t, (uint64_t)i, j));
            sum += (double)w->grad[j] * (double)w->grad[j];
        }
    }
    return sqrt(sum);
}

/* ---- one weight in double ------------------------------------------------------------------------------------------------ */
typedef struct scalar {
    double w, m, v;
} scalar;

static double sign_of(double x) { return (x > 0) - (x < 0); }

static void scalar_step(const char *name, scalar *s, double g, double lr, double wd, int64_t t)
{
    const lf_train_config *c = &config.train;
    if (strcmp(name, "adamw") == 0) {
        s->m = c->beta1 * s->m + (1 - c->beta1) * g, s->v = c->beta2 * s->v + (1 - c->beta2) * g * g;
        s->w -= lr * wd * s->w + lr * (s->m / (1 - pow(c->beta1, t))) / (sqrt(s->v / (1 - pow(c->beta2, t))) + c->eps);
    } else if (strcmp(name, "lion") == 0) {
        s->w -= lr * wd * s->w + lr * sign_of(c->beta1 * s->m + (1 - c->beta1) * g);
        s->m = c->beta2 * s->m + (1 - c->beta2) * g;
    } else {
        s->m = c->momentum * s->m + g;
        s->w -= lr * wd * s->w + lr * s->m;
    }
}

static void formulas(void **state)
{
    static const char *const names[] = {"adamw", "lion", "sgd"};
    LF_UNUSED(state);
    for (size_t k = 0; k < LF_COUNT(names); k++) {
        lf_config c = config;
        lf_optimizer o;
        lf_model *m = new_model(device);
        scalar *expected = calloc(m->n_floats, sizeof *expected);
        set(&c, "train.optimizer", names[k]);
        assert_ok(lf__optimizer_init(&o, m, &c.train, err));
        for (size_t i = 0; i < m->n_floats; i++) expected[i].w = (double)m->data[i];
        for (int64_t t = 1; t <= 6; t++) {
            double norm = make_gradients(m, t), clip = fmin(1, c.train.grad_clip / (norm + 1e-6));
            assert_true(clip < 1);
            double lr = t <= 3 ? 0.02 * t / 3 : 0.005 + 0.5 * (0.02 - 0.005) * (1 + cos(M_PI * (t - 3) / 37.0));
            for (int p = 0; p < m->n_params; p++) {
                const lf_param *q = &m->params[p];
                size_t at = (size_t)(q->weight->t.data - m->data) + (size_t)(q->row0 * q->cols);
                for (size_t j = 0; j < (size_t)(q->rows * q->cols); j++)
                    scalar_step(names[k], &expected[at + j], clip * (double)q->weight->t.grad[(size_t)(q->row0 * q->cols) + j], lr,
                                q->n_dims == 2 ? c.train.weight_decay : 0, t);
            }
            lf__optimizer_step(&o, m, &c.train, t, norm);
        }
        for (size_t i = 0; i < m->n_floats; i++)
            if (!(fabs((double)m->data[i] - expected[i].w) <= 1e-6 * (1 + fabs(expected[i].w))))
                fail_msg("%s: weight %zu is %.9g, expected %.9g", names[k], i, (double)m->data[i], expected[i].w);
        free(expected);
        lf__optimizer_release(&o);
        lf_model_free(&m);
    }
}

/* ---- tables
 * -------------------------------------------------------------------------------------------------------------------------------- */
/* Each choice of the option row, until there are no more. */
static const char *choice(const char *key, size_t i)
{
    static char name[LF_TEXT_MAX];
    lf_option_info info = {0};
    for (size_t row = 0; lf_config_option(row, &info) && strcmp(info.key, key) != 0;) row++;
    const char *p = info.range;
    for (; i > 0 && p; i--) p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL;
    if (!p) return NULL;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(p, "|"), p);
    return name;
}

/* With this many threads: the weights after a few steps, hashed. */
static uint64_t trained(const char *optimizer, lf_dtype products, int threads)
{
    lf_config c = config;
    lf_optimizer o;
    lf_device *dev = lf_device_open(&(lf_device_options){.threads = threads}, NULL);
    set(&c, "train.optimizer", optimizer);
    set(&c, "train.ema_decay", "0.9");
    lf_model *m = new_model_of(dev, products);
    assert_ok(lf__optimizer_init(&o, m, &c.train, err));
    for (int64_t t = 1; t <= 3; t++) lf__optimizer_step(&o, m, &c.train, t, make_gradients(m, t));
    assert_null(lf__first_bad_tensor(m));
    uint64_t hash = lf__hash64(m->data, m->n_floats * sizeof(float), 0) ^ lf__hash64(o.average, m->n_floats * sizeof(float), 1);
    lf__optimizer_release(&o);
    lf_model_free(&m);
    lf_device_close(&dev);
    return hash;
}

static void every_optimizer(void **state)
{
    LF_UNUSED(state);
    lf_model_config before = config.model;
    config.model.hidden_size = 200, config.model.intermediate_size = 312, config.model.head_dim = 100; /* enough to be shared out */
    uint64_t seen[8] = {0};
    size_t n = 0;
    for (const char *name; (name = choice("train.optimizer", n)); n++) {
        for (lf_dtype products = device->bf16 ? LF_BF16 : LF_F32;; products = LF_F32) {
            seen[n] = trained(name, products, 1);
            if (trained(name, products, 2) != seen[n] || trained(name, products, 3) != seen[n])
                fail_msg("%s: other bits with other threads", name);
            if (products == LF_F32) break;
        }
        for (size_t i = 0; i < n; i++)
            if (seen[i] == seen[n]) fail_msg("%s does what another one does", name);
    }
    config.model = before;
    assert_int_equal(n, 4);
    lf_optimizer o;
    lf_error err = {0};
    lf_model *m = new_model(device);
    lf_config c = config;
    snprintf(c.train.optimizer, sizeof c.train.optimizer, "adam");
    assert_int_equal(lf__optimizer_init(&o, m, &c.train, &err), -1);
    assert_non_null(strstr(err.message, "\"adam\""));
    lf_model_free(&m);
}

/* Muon of a model that multiplies in bfloat16 does so too, and means the same. */
static void muon_in_bfloat16(void **state)
{
    LF_UNUSED(state);
    if (!device->bf16) skip();
    lf_config c = config;
    set(&c, "train.optimizer", "muon");
    c.train.weight_decay = 0;
    lf_model *start = new_model(device), *m[2] = {new_model(device), new_model_of(device, LF_BF16)};
    for (int k = 0; k < 2; k++) {
        lf_optimizer o;
        assert_ok(lf__optimizer_init(&o, m[k], &c.train, err));
        lf__optimizer_step(&o, m[k], &c.train, 3, make_gradients(m[k], 1));
        lf__optimizer_release(&o);
    }
    for (int p = 0; p < start->n_params; p++) {
        const lf_param *q = &start->params[p];
        size_t at = (size_t)(q->weight->t.data - start->data) + (size_t)(q->row0 * q->cols), n = (size_t)(q->rows * q->cols);
        double difference = 0, size = 0;
        for (size_t i = at; i < at + n; i++) {
            double d = (double)m[0]->data[i] - (double)m[1]->data[i], s = (double)m[0]->data[i] - (double)start->data[i];
            difference += d * d, size += s * s;
        }
        bool inside = q->row->per_layer && q->n_dims == 2;
        if (inside ? !(difference > 0 && difference < 0.03 * 0.03 * size) : difference > 0)
            fail_msg("%s: the updates differ by %.3g of %.3g", q->name, sqrt(difference), sqrt(size));
    }
    lf_model_free(&start);
    lf_model_free(&m[0]);
    lf_model_free(&m[1]);
}

static double rate(const char *schedule, int64_t t)
{
    lf_config c = config;
    set(&c, "train.schedule", schedule);
    set(&c, "train.decay_fraction", "0.25");
    double lr = lf__scheduled(&c.train, c.train.lr, t), half = lf__scheduled(&c.train, c.train.lr / 2, t);
    assert_true(fabs(half - lr / 2) < 1e-15); /* another peak, the same shape */
    return lr;
}

static void schedules(void **state)
{
    LF_UNUSED(state);
    size_t n = 0;
    for (const char *name; (name = choice("train.schedule", n)); n++) {
        char kept[32];
        snprintf(kept, sizeof kept, "%s", name);
        for (int64_t t = 1; t <= 3; t++) assert_true(fabs(rate(kept, t) - 0.02 * (double)t / 3) < 1e-15);
        assert_true(fabs(rate(kept, 40) - (strcmp(kept, "constant") ? 0.005 : 0.02)) < 1e-15);
        for (int64_t t = 4; t <= 40; t++) assert_true(rate(kept, t) <= rate(kept, t - 1));
        assert_true(rate(kept, 41) == rate(kept, 40)); /* past the end: as at the end */
    }
    assert_int_equal(n, 4);
    assert_true(fabs(rate("cosine", 20) - (0.005 + 0.0075 * (1 + cos(M_PI * 17 / 37)))) < 1e-15);
    assert_true(fabs(rate("linear", 20) - (0.02 - 0.015 * 17 / 37)) < 1e-15);
    assert_true(rate("constant", 39) == 0.02);
    assert_true(rate("wsd", 30) == 0.02);
    assert_true(fabs(rate("wsd", 35) - (0.02 - 0.015 * sqrt(0.5))) < 1e-15);
}

/* A warm-up that does not fit is a tenth of the run, and no step divides by zero. */
static void short_runs(void **state)
{
    static const int cases[][3] = {/* steps, warm-up asked, had */ {40, 39, 39},
                                   {40, 40, 4},
                                   {40, 1000, 4},
                                   {1, 100, 0},
                                   {5, 5, 0},
                                   {1, 0, 0}};
    LF_UNUSED(state);
    for (size_t i = 0; i < LF_COUNT(cases); i++)
        for (size_t k = 0; choice("train.schedule", k); k++) {
            lf_config c = config;
            set(&c, "train.schedule", choice("train.schedule", k));
            c.train.steps = cases[i][0], c.train.warmup_steps = cases[i][1], c.train.decay_fraction = (double)k / 3;
            assert_ok(lf_config_check(&c, err));
            assert_int_equal(lf__warmup_steps(&c.train), cases[i][2]);
            for (int64_t t = 1; t <= c.train.steps; t++) {
                double lr = lf__scheduled(&c.train, 0.02, t);
                assert_true(lr > 0 && lr <= 0.02);
            }
        }
}

/* ---- the average
 * ------------------------------------------------------------------------------------------------------------------------------ */
static void average(void **state)
{
    LF_UNUSED(state);
    lf_config c = config;
    lf_optimizer o;
    lf_model *m = new_model(device);
    set(&c, "train.ema_decay", "0.4");
    assert_ok(lf__optimizer_init(&o, m, &c.train, err));
    size_t bytes = m->n_floats * sizeof(float);
    double *expected = calloc(m->n_floats, sizeof *expected);
    for (int64_t t = 1; t <= 12; t++) {
        double d = fmin(0.4, (double)(t - 1) / (double)(t + 9));
        lf__optimizer_step(&o, m, &c.train, t, make_gradients(m, t));
        for (size_t i = 0; i < m->n_floats; i++) expected[i] = d * expected[i] + (1 - d) * (double)m->data[i];
    }
    for (size_t i = 0; i < m->n_floats; i++) assert_true(fabs((double)o.average[i] - expected[i]) <= 1e-6 * (1 + fabs(expected[i])));

    float *weights = malloc(bytes), *mean = malloc(bytes), *panels = malloc(bytes), *head = m->embed.forward.data;
    size_t head_bytes = lf__panels_floats(50, 16, 0) * sizeof(float);
    memcpy(weights, m->data, bytes), memcpy(mean, o.average, bytes), memcpy(panels, head, head_bytes);
    lf__optimizer_swap_average(&o, m);
    assert_memory_equal(m->data, mean, bytes);
    assert_memory_equal(o.average, weights, bytes);
    assert_memory_not_equal(head, panels, head_bytes); /* kernels see it */
    lf__optimizer_swap_average(&o, m);
    assert_memory_equal(m->data, weights, bytes);
    assert_memory_equal(o.average, mean, bytes);
    assert_memory_equal(head, panels, head_bytes);
    free(weights), free(mean), free(panels), free(expected);
    lf__optimizer_release(&o);
    lf_model_free(&m);
}

/* ---- the guard
 * ---------------------------------------------------------------------------------------------------------------------------------- */
/* Losses that fall with a ripple, norms that stay; the spikes asked for. */
static double loss_at(int64_t t) { return 5 - 0.01 * (double)t + 0.1 * (double)(t * 7 % 5) + (t == 20 || t == 21 ? 40 : 0); }
static double norm_at(int64_t t) { return 1 + 0.1 * (double)(t * 3 % 7) + (t == 33 ? 9 : t == 4 ? 50 : t >= 45 ? 5 : 0); }

static void guard(void **state)
{
    LF_UNUSED(state);
    lf_config c = config;
    lf_model *m = new_model(device);
    lf_optimizer o, again;
    assert_ok(lf__optimizer_init(&o, m, &c.train, err));
    for (int64_t t = 1; t < 40; t++) assert_true(lf__guard_accepts(&o.guard, &c.train, t, loss_at(t), norm_at(t))); /* off */
    lf__optimizer_release(&o);

    set(&c, "train.skip_zscore", "4");
    set(&c, "train.skip_window", "10");
    assert_ok(lf__optimizer_init(&o, m, &c.train, err));
    assert_ok(lf__optimizer_init(&again, m, &c.train, err));
    char found[80] = "";
    for (int64_t t = 1; t <= 70; t++) {
        bool accepted = lf__guard_accepts(&o.guard, &c.train, t, loss_at(t), norm_at(t));
        if (!accepted && t < 46) snprintf(found + strlen(found), 8, " %d", (int)t);
        if (t >= 65) assert_true(accepted); /* a lasting change of level is let through */
        if (t <= 25) continue;
        if (t == 26) { /* another optimizer takes over from what checkpoints keep */
            lf_state *from, *to;
            size_t n, n_to;
            assert_ok(lf__optimizer_states(&o, m, &from, &n, err));
            assert_ok(lf__optimizer_states(&again, m, &to, &n_to, err));
            assert_int_equal(n, n_to);
            for (size_t i = 0; i < n; i++) {
                assert_string_equal(from[i].name, to[i].name);
                memcpy(to[i].data, from[i].data, (size_t)(from[i].rows * from[i].cols) * sizeof(float));
            }
            free(from), free(to);
            continue;
        }
        assert_int_equal(accepted, lf__guard_accepts(&again.guard, &c.train, t, loss_at(t), norm_at(t)));
    }
    assert_string_equal(found, " 20 21 33 45"); /* not 4: too little was known */
    assert_true(o.guard.skipped[0] == again.guard.skipped[0]);

    /* Skipped steps are no updates: step t after k of them is AdamW's update t - k. */
    lf_model *other = new_model(device);
    lf_optimizer straight;
    lf_config plain = config;
    plain.train.schedule[0] = 0;
    set(&plain, "train.schedule", "constant");
    plain.train.warmup_steps = 0;
    assert_ok(lf__optimizer_init(&straight, other, &plain.train, err));
    o.guard.skipped[0] = 5;
    snprintf(c.train.schedule, sizeof c.train.schedule, "constant");
    c.train.warmup_steps = 0;
    lf__optimizer_step(&o, m, &c.train, 6, make_gradients(m, 1));
    lf__optimizer_step(&straight, other, &plain.train, 1, make_gradients(other, 1));
    assert_memory_equal(m->data, other->data, m->n_floats * sizeof(float));
    lf__optimizer_release(&straight);
    lf__optimizer_release(&o);
    lf__optimizer_release(&again);
    lf_model_free(&other);
    lf_model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas),  cmocka_unit_test(every_optimizer), cmocka_unit_test(muon_in_bfloat16),
        cmocka_unit_test(schedules), cmocka_unit_test(short_runs),      cmocka_unit_test(average),
        cmocka_unit_test(guard),
    };
    return cmocka_run_group_tests(tests, set_up, take_down);
}
