/* The loss curve: where dots land, that every width holds, that nothing in metrics.jsonl upsets it. PLOT_SHOW=1 prints a few. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "base/base.h"
#include "cli/cli_plot.c" /* the command's own file: not part of the library */

enum { N = 500 };
static plot_point train[N], val[5];

static plot_curve falling(void)
{
    for (int i = 0; i < N; i++)
        train[i] = (plot_point){i + 1, 1.2 + 7 * exp(-i / 40.0) + 0.05 * ((double)(lf__hash64(&i, sizeof i, 1) % 100) / 100)};
    for (int i = 0; i < 5; i++) val[i] = (plot_point){100 * (i + 1), 1.3 + 7 * exp(-(100 * (i + 1)) / 40.0)};
    return (plot_curve){.train = train, .val = val, .n_train = N, .n_val = 5, .floor = 1.1};
}

static char *line_of(char *text, int row)
{
    for (; row > 0 && text; row--) text = strchr(text, '\n') + 1;
    return text;
}

static void check_width(const char *text, int width)
{
    for (const char *p = text; *p; p = strchr(p, '\n') + 1) {
        int w = lf__utf8_width(p, (size_t)(strchr(p, '\n') - p));
        if (w > width) fail_msg("%d columns in a drawing of %d:\n%s", w, width, text);
    }
}

static void test_shapes(void **state)
{
    (void)state;
    plot_curve c = falling();
    for (int width = 60; width <= 200; width += 35)
        for (int unicode = 0; unicode < 2; unicode++) {
            char *text = cli_plot_loss(&c, &(plot_style){.width = width, .height = 12, .unicode = unicode});
            assert_non_null(text);
            check_width(text, width);
            assert_non_null(strstr(text, "500 steps"));
            assert_non_null(strstr(text, "floor 1.100"));
            if (!unicode)
                for (const char *p = text; *p; p++) assert_true((unsigned char)*p < 128);
            if (getenv("PLOT_SHOW")) print_message("%s\n", text);
            free(text);
        }
    char *colored = cli_plot_loss(&c, &(plot_style){.width = 100, .height = 12, .unicode = true, .color = true});
    if (getenv("PLOT_SHOW")) print_message("%s\n", colored);
    assert_non_null(strstr(colored, "\033[36m"));
    free(colored);
}

/* Upper left to lower right, and the ends on the edges. */
static void test_places(void **state)
{
    (void)state;
    plot_point two[2] = {{0, 8}, {100, 1}};
    plot_curve c = {.train = two, .n_train = 2, .floor = NAN};
    char *text = cli_plot_loss(&c, &(plot_style){.width = 60, .height = 8});
    assert_non_null(text);
    char *first = strchr(line_of(text, 1), '+') + 1, *last = strchr(line_of(text, 8), '|') + 1;
    assert_int_equal(first[0], '*');
    assert_int_equal(last[49], '*');
    assert_int_equal(last[50], '\n');
    assert_null(strstr(text, "floor"));
    free(text);
    plot_point cliff[4] = {{0, 8}, {50, 8}, {53, 1}, {100, 1}};
    text = cli_plot_loss(&(plot_curve){.train = cliff, .n_train = 4, .floor = NAN}, &(plot_style){.width = 60, .height = 8});
    for (int row = 1; row <= 8; row++) /* a fall within one column is a line, too */
        assert_non_null(memchr(line_of(text, row), '*', (size_t)(strchr(line_of(text, row), '\n') - line_of(text, row))));
    free(text);
}

static void test_nothing_to_draw(void **state)
{
    (void)state;
    plot_point bad[3] = {{1, NAN}, {2, -1}, {NAN, 3}}, one[1] = {{1, 2}}, late[1] = {{5e9, 3e7}};
    plot_style style = {.width = 5, .height = 1, .unicode = true};
    assert_null(cli_plot_loss(&(plot_curve){.floor = 1}, &style));
    assert_null(cli_plot_loss(&(plot_curve){.train = bad, .n_train = 3, .floor = NAN}, &style));
    char *text = cli_plot_loss(&(plot_curve){.train = one, .n_train = 1, .floor = NAN}, &style);
    assert_non_null(text);
    free(text);
    text = cli_plot_loss(&(plot_curve){.val = late, .n_val = 1, .floor = INFINITY}, &style);
    assert_non_null(text);
    free(text);
}

static void test_metrics_file(void **state)
{
    (void)state;
    char dir[] = "/tmp/lf-plot-XXXXXX", path[64];
    lf_error err = {0};
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/metrics.jsonl", dir);
    static const char text[] = "{\"step\": 1, \"loss\": 5.5, \"lr\": 0.001}\n"
                               "{\"step\":2,\"loss\":5.0}\n"
                               "garbage\n\n"
                               "{\"step\":2,\"val_loss\":4.0,\"val_bpb\":2.0,\"val_floor_bpb\":1.5}\n"
                               "{\"step\":3,\"loss\":null}\n"
                               "{\"step\":4,\"loss\":4.5";
    assert_int_equal(lf__write_file(path, text, sizeof text - 1, &err), 0);
    plot_curve c;
    assert_int_equal(cli_plot_read(&c, dir, &err), 0);
    assert_int_equal(c.n_train, 2); /* the last line is torn: 4.5 may have been 4.57 */
    assert_int_equal(c.n_val, 1);
    assert_true(c.train[1].loss == 5.0 && c.val[0].step == 2 && c.floor == 3.0);
    cli_plot_release(&c);
    unlink(path);
    assert_int_equal(cli_plot_read(&c, dir, &err), -1);
    assert_int_equal(err.code, LF_E_NOT_FOUND);
    rmdir(dir);
    assert_int_equal(c.n_train, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes), cmocka_unit_test(test_places), cmocka_unit_test(test_nothing_to_draw),
                                       cmocka_unit_test(test_metrics_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
