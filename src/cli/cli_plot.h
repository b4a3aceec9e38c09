/* cli_plot.h - a loss curve in characters: braille dots where the terminal speaks UTF-8, plain ASCII elsewhere. */
#ifndef LF_CLI_PLOT_H
#define LF_CLI_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "foundry/runs.h"

typedef struct plot_point {
    double step, loss;
} plot_point;

typedef struct plot_curve {
    const plot_point *train, *val; /* steps ascending; losses that are not positive numbers are left out */
    size_t n_train, n_val;
    double floor; /* the best possible loss, NAN when unknown */
} plot_curve;

typedef struct plot_style {
    int width, height; /* columns of the whole drawing; rows of the canvas alone */
    bool unicode, color, zh;
} plot_style;

/* The drawing as text of several lines (free() it), or NULL when there is nothing to draw or no memory. */
char *cli_plot_loss(const plot_curve *curve, const plot_style *style);

/* The curve of a run, resumed or not; 0 or -1. Fills *curve with memory of its own: cli_plot_release. */
int cli_plot_read(plot_curve *curve, const char *run_dir, lf_error *err);
void cli_plot_release(plot_curve *curve);

/* Several curves in one SVG (cli_svg.c); false when there is nothing to draw. */
typedef struct plot_named {
    const char *name;
    plot_curve curve;
} plot_named;
bool cli_svg_write(FILE *out, const plot_named *runs, int n);

#endif
