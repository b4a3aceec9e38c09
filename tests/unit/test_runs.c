/* test_runs.c - runs read back from their folders: damaged lines, resumed runs, folders that are none, the order of a list, many runs. */
#include <math.h>
#include <utime.h>

#include "data_tools.h"
#include "foundry/runs.h"

static const char *put_run(const char *name, const char *metrics, int64_t when)
{
    char path[128];
    assert_ok(lf__make_dirs(in_scratch(name), err));
    snprintf(path, sizeof path, "%s/config.yaml", name);
    put_text(path, "train:\n  steps: 40\n");
    snprintf(path, sizeof path, "%s/metrics.jsonl", name);
    struct utimbuf times = {.actime = when, .modtime = when};
    assert_int_equal(utime(put_text(path, metrics), &times), 0);
    return in_scratch(name);
}

static void lines(void **state)
{
    LF_UNUSED(state);
    size_t n;
    lf_error e = {0};
    const char *dir = put_run("lines",
                              "{\"step\": 1, \"loss\": 5.5, \"lr\": 0.001, \"grad_norm\": 2, \"tokens_per_second\": 100}\n"
                              "garbage\n\n{}\n[1, 2]\n{\"step\": -3, \"loss\": 1}\n{\"step\": 1e99}\n{\"loss\": 7}\n{\"step\n"
                              "{\"step\":2,\"loss\":null,\"val_loss\":4.25, \"skipped\": true, \"val_bpb\": 2, \"val_floor_bpb\": 1.5}\n"
                              "{\"step\": 3, \"loss\": 4.5",
                              1);
    lf_run_point *p = lf_run_points(&n, dir, &e);
    assert_non_null(p);
    assert_int_equal(n, 2);
    assert_true(p[0].step == 1 && p[0].loss == 5.5 && p[0].lr == 0.001 && p[0].grad_norm == 2 && p[0].tokens_per_second == 100);
    assert_true(isnan(p[0].val_loss) && isnan(p[1].loss));
    assert_true(p[1].step == 2 && p[1].val_loss == 4.25 && p[1].val_bpb == 2 && p[1].val_floor_bpb == 1.5);
    free(p);
    assert_null(lf_run_points(&n, in_scratch("nowhere"), &e));
    assert_int_equal(e.code, LF_E_NOT_FOUND);
}

static void what_it_came_to(void **state)
{
    LF_UNUSED(state);
    char text[8192];
    size_t at = 0;
    lf_run_info r;
    for (int i = 1; i <= 40; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "{\"step\": %d, \"loss\": %d, \"tokens_per_second\": %d", i, 100 - i,
                               i == 7 ? 1 : 50);
        if (i % 10 == 0) at += (size_t)snprintf(text + at, sizeof text - at, ", \"val_loss\": %g", i == 30 ? 1.5 : 3.0 - i / 100.0);
        at += (size_t)snprintf(text + at, sizeof text - at, "}\n");
    }
    assert_ok(lf_run_read(&r, put_run("sum/", text, 77), err));
    assert_string_equal(r.name, "sum");
    assert_true(r.step == 40 && r.steps == 40 && r.modified == 77);
    assert_true(r.loss == 60.5); /* the last twentieth: steps 39 and 40 */
    assert_true(r.val_loss == 2.6 && r.best_val_loss == 1.5 && r.best_step == 30);
    assert_true(r.tokens_per_second == 50 && isnan(r.val_bpb));
}

static void lists(void **state)
{
    LF_UNUSED(state);
    enum { MANY = 60, STEPS = 1500 };
    lf_run_info *runs;
    size_t n;
    lf_error e = {0};
    assert_ok(lf__make_dirs(in_scratch("empty/not-a-run"), err));
    assert_int_equal(lf_runs_list(&runs, &n, in_scratch("empty"), &e), -1);
    assert_int_equal(e.code, LF_E_NOT_FOUND);
    assert_null(runs);
    e = (lf_error){0};
    assert_int_equal(lf_runs_list(&runs, &n, in_scratch("nowhere"), &e), -1);
    char *text = malloc(STEPS * 160), name[32];
    size_t at = 0;
    for (int i = 1; i <= STEPS; i++)
        at += (size_t)sprintf(
            text + at,
            "{\"step\": %d, \"loss\": 6.79714843, \"lr\": 0.0001, \"grad_norm\": 0.616178268, \"tokens_per_second\": 9039.22509}\n", i);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "many/run-%03d", i);
        put_run(name, text, 1000 + i % 30);
    }
    put_run("many/latest", "", 5000); /* begun, no step yet */
    double start = lf__now();
    lf_error fine = {0};
    assert_int_equal(lf_runs_list(&runs, &n, in_scratch("many"), &fine), 0);
    print_message("%zu runs of %d steps listed in %.0f ms\n", n, STEPS, 1e3 * (lf__now() - start));
    assert_int_equal(n, MANY + 1);
    assert_string_equal(runs[0].name, "latest");
    assert_true(runs[0].step == 0 && isnan(runs[0].loss));
    assert_string_equal(runs[1].name, "run-029");
    assert_string_equal(runs[2].name, "run-059");
    assert_string_equal(runs[MANY].name, "run-030");
    free(runs);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lines), cmocka_unit_test(what_it_came_to), cmocka_unit_test(lists)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
