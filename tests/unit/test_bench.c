/* test_bench.c - every suite tells lines that make sense, stops when asked, and knows when the machine moved. No times are asserted. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "foundry/bench.h"

typedef struct seen {
    int lines, enough;
    bool shares;
} seen;

static bool on_line(const lf_bench_line *l, void *user)
{
    seen *s = user;
    assert_true(*l->name && *l->unit && l->threads >= 1 && isfinite(l->value) && l->value > 0);
    if (s->shares) assert_true(l->share > 0 && l->ceiling_value > 0 && *l->ceiling && l->seconds > 0);
    return ++s->lines == s->enough;
}

static void suites_tell_and_stop(void **state)
{
    LF_UNUSED(state);
    static const struct {
        const char *suite;
        int enough;
        bool shares;
    } cases[] = {{"machine", 4, false}, {"gemm", 3, true}, {"attention", 2, true}, {"ops", 2, true}, {"train", 1, true}};
    lf_bench_options quick = {.seconds = 0.001};
    lf_device *device = lf_device_open(&(lf_device_options){.threads = 2}, NULL);
    assert_non_null(device);
    for (size_t i = 0; i < LF_COUNT(cases); i++) {
        seen s = {.enough = cases[i].enough, .shares = cases[i].shares};
        lf_bench_probe before = {0}, after = {0};
        lf_error err = {0};
        assert_int_equal(lf_bench_run(device, cases[i].suite, &quick, on_line, &s, &before, &after, &err), -1);
        assert_int_equal(err.code, LF_E_INTERRUPTED);
        assert_int_equal(s.lines, cases[i].enough);
        assert_true(before.gflops > 0 && before.gflops_1t > 0 && before.ping_ns > 0 && after.threads_real > 0);
    }
    lf_device_close(&device);
}

typedef struct figures {
    int lines, enough;
    lf_bench_infer_line last;
} figures;

static bool on_figure(const lf_bench_infer_line *l, void *user)
{
    figures *f = user;
    assert_true(l->seconds > 0 && l->gops > 0 && l->gbs > 0 && l->peak_gops > 0 && l->read_gbs > 0 && l->outside >= 0 && l->outside < 1);
    f->last = *l;
    return ++f->lines == f->enough;
}

/* Random weights of a small shape: operations and bytes are those of the shape. */
static void a_model_that_answers(void **state)
{
    LF_UNUSED(state);
    lf_config *c = calloc(1, sizeof *c);
    lf_error err = {0};
    lf_config_init(c);
    assert_int_equal(lf_config_load(c, "S", &err), 0);
    c->model.vocab_size = 4096;
    lf_bench_infer_options o = {.random = &c->model,
                                .weights = "q8_0",
                                .kv_type = "bf16",
                                .prefill = 96,
                                .decode = 3,
                                .threads = {1},
                                .batch = {1, 5},
                                .depth = {64, -1}};
    figures f = {.enough = -1};
    assert_int_equal(lf_bench_infer(&o, on_figure, &f, &err), 0);
    assert_int_equal(f.lines, 3);
    assert_string_equal(f.last.phase, "decode");
    assert_string_equal(f.last.weights, "Q8_0");
    double weights = 4096 * 256 + 6 * (256 * 512 + 256 * 256 + 3 * 256 * 768), kv = 6 * 2 * 4 * 32;
    double ops = (2 * weights + 4 * 6 * 256 * 66) * 5, bytes = weights * 1.0625 + 5 * 65 * kv * 2;
    assert_true(fabs(f.last.gops * f.last.seconds * 1e9 / ops - 1) < 0.02);
    assert_true(fabs(f.last.gbs * f.last.seconds * 1e9 / bytes - 1) < 0.05);
    f = (figures){.enough = 1};
    assert_int_equal(lf_bench_infer(&o, on_figure, &f, &err), -1);
    assert_int_equal(err.code, LF_E_INTERRUPTED);
    lf_error_reset(&err);
    o.depth[0] = 4000;
    assert_int_equal(lf_bench_infer(&o, on_figure, &f, &err), -1);
    assert_int_equal(err.code, LF_E_LIMIT);
    free(c);
}

static void mistakes_and_moves(void **state)
{
    LF_UNUSED(state);
    lf_error err = {0};
    seen s = {0};
    lf_device *device = lf_device_open(&(lf_device_options){.threads = 1}, NULL);
    assert_int_equal(lf_bench_run(device, "gemn", NULL, on_line, &s, NULL, NULL, &err), -1);
    assert_int_equal(err.code, LF_E_ARGUMENT);
    assert_string_equal(err.hint, "did you mean gemm?");
    lf_device_close(&device);
    lf_bench_probe near = {.ping_ns = 40, .gflops_1t = 117, .gflops = 234, .threads_real = 2}, far = near, shared = near;
    far.ping_ns = 140, shared.threads_real = 1.1;
    assert_true(lf_bench_same_placement(&near, &near));
    assert_false(lf_bench_same_placement(&near, &far));
    assert_false(lf_bench_same_placement(&near, &shared));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(suites_tell_and_stop), cmocka_unit_test(a_model_that_answers),
                                       cmocka_unit_test(mistakes_and_moves)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
