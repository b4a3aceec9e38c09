/* cli_plot.c - a loss curve drawn with characters. It knows points and a number of columns, no terminal: text comes back
 * and the caller prints it. The loss axis is logarithmic: a run that falls from 8 to 1 still shows its last tenth. No state. */
#include "cli/cli_plot.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_WIDTH = 32, MIN_HEIGHT = 4 };

/* The canvas is a grid of cells of dots_x x dots_y dots each (braille 2 x 4, ASCII 1 x 1).
 *
 *   loss  4.20 ┤ cell cell cell ...     dot (0, 0) is the upper left of the upper left cell
 *              │
 *         1.10 ┤
 *              └──────────────────── step                                                                                  */
typedef struct canvas {
    int columns, rows, dots_x, dots_y;
    uint8_t *dots;        /* [rows][columns] bit dx + 2 dy of each cell */
    char *marks;          /* [rows][columns] 'o' = validation, '-' = floor, 0 = none: drawn instead of dots */
    double x_max, lo, hi; /* steps 0..x_max; log of the loss at the lower and upper edge */
} canvas;

static bool usable(plot_point p) { return isfinite(p.step) && p.step >= 0 && isfinite(p.loss) && p.loss > 0; }

static int dot_x(const canvas *c, double step) { return (int)(step / c->x_max * (c->columns * c->dots_x - 1) + 0.5); }
static int dot_y(const canvas *c, double log_loss) { return (int)((c->hi - log_loss) / (c->hi - c->lo) * (c->rows * c->dots_y - 1) + 0.5); }

static void set_dot(canvas *c, int x, int y)
{
    c->dots[y / c->dots_y * c->columns + x / c->dots_x] |= (uint8_t)(1 << (x % c->dots_x + 2 * (y % c->dots_y)));
}

static void set_mark(canvas *c, double step, double log_loss, char mark)
{
    c->marks[dot_y(c, log_loss) / c->dots_y * c->columns + dot_x(c, step) / c->dots_x] = mark;
}

/* From column x0 to x1, every column filled between its own height and its neighbour's. */
static void draw_line(canvas *c, int x0, double y0, int x1, double y1)
{
    int before = dot_y(c, y0);
    set_dot(c, x0, before);
    for (int x = x0 + 1; x <= x1; x++) {
        int here = dot_y(c, y0 + (y1 - y0) * (x - x0) / (x1 - x0)), y = before;
        while (y + 1 < here) set_dot(c, x, ++y);
        while (y - 1 > here) set_dot(c, x, --y);
        set_dot(c, x, here);
        before = here;
    }
}

/* Steps that share a column of dots are averaged. */
static void draw_train(canvas *c, const plot_point *points, size_t n)
{
    int last_x = -1;
    double last_y = 0;
    for (size_t i = 0; i < n;) {
        if (!usable(points[i])) {
            i++;
            continue;
        }
        int x = dot_x(c, points[i].step);
        double sum = 0;
        int count = 0;
        for (; i < n && (!usable(points[i]) || dot_x(c, points[i].step) == x); i++)
            if (usable(points[i])) sum += log(points[i].loss), count++;
        double y = sum / count;
        draw_line(c, last_x < 0 ? x : last_x, last_x < 0 ? y : last_y, x, y);
        last_x = x, last_y = y;
    }
}

static void set_range(canvas *c, const plot_curve *curve)
{
    const plot_point *sets[] = {curve->train, curve->val};
    const size_t sizes[] = {curve->n_train, curve->n_val};
    c->lo = INFINITY, c->hi = -INFINITY, c->x_max = 1;
    for (int s = 0; s < 2; s++)
        for (size_t i = 0; i < sizes[s]; i++) {
            if (!usable(sets[s][i])) continue;
            double y = log(sets[s][i].loss);
            c->lo = fmin(c->lo, y), c->hi = fmax(c->hi, y), c->x_max = fmax(c->x_max, sets[s][i].step);
        }
    if (isfinite(c->lo) && isfinite(curve->floor) && curve->floor > 0) c->lo = fmin(c->lo, log(curve->floor));
    if (c->hi - c->lo < 0.02) c->lo -= 0.01, c->hi += 0.01;
}

/* Three to four digits, whatever the size. */
static void number_text(char out[16], double x) { snprintf(out, 16, x < 10 ? "%.2f" : x < 100 ? "%.1f" : x < 1e6 ? "%.0f" : "%.1e", x); }

static void put_cell(FILE *out, const canvas *c, const plot_style *style, int row, int column, int *pen)
{
    static const char *const pens[] = {"\033[0m", "\033[36m", "\033[1;33m", "\033[2m"}; /* none, train, val, floor */
    /* Braille dots 1..8 in the order of our bits (two per row, downwards). */
    static const uint8_t braille[8] = {0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80};
    int at = row * c->columns + column;
    uint8_t dots = c->dots[at];
    int want = c->marks[at] == 'o' ? 2 : dots ? 1 : c->marks[at] ? 3 : 0;
    if (style->color && want != *pen) {
        if (*pen) fputs(pens[0], out);
        if (want) fputs(pens[want], out);
    }
    *pen = want;
    if (want == 0) {
        fputc(' ', out);
    } else if (!style->unicode) {
        fputc(want == 2 ? 'o' : want == 1 ? '*' : '-', out);
    } else if (want == 1) {
        uint32_t bits = 0;
        for (int b = 0; b < 8; b++) bits |= dots >> b & 1 ? braille[b] : 0;
        fputc(0xE2, out), fputc((int)(0xA0 | bits >> 6), out), fputc((int)(0x80 | (bits & 63)), out); /* U+2800 + bits */
    } else {
        fputs(want == 2 ? "●" : "┄", out);
    }
}

static double last_usable(const plot_point *p, size_t n)
{
    while (n && !usable(p[n - 1])) n--;
    return n ? p[n - 1].loss : NAN;
}

/* "train 1.21   val 1.25   floor 1.10": each with the sign it is drawn with. */
static void put_legend(FILE *out, const plot_curve *curve, const plot_style *style, int indent)
{
    const struct {
        const char *name, *sign, *ascii, *pen;
        double value;
    } rows[] = {
        {style->zh ? "训练" : "train", "⠒⠒", "**", "\033[36m", last_usable(curve->train, curve->n_train)},
        {style->zh ? "验证" : "validation", "●", "o", "\033[1;33m", last_usable(curve->val, curve->n_val)},
        {style->zh ? "下界" : "floor", "┄┄", "--", "\033[2m", curve->floor},
    };
    fprintf(out, "%*s", indent, "");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (isnan(rows[i].value)) continue;
        fprintf(out, "%s%s%s%s %s %.3f", i ? "   " : "", style->color ? rows[i].pen : "", style->unicode ? rows[i].sign : rows[i].ascii,
                style->color ? "\033[0m" : "", rows[i].name, rows[i].value);
    }
    fputc('\n', out);
}

static void put_axis(FILE *out, const canvas *c, const plot_style *style, int label_width)
{
    fprintf(out, "%*s %s", label_width, "", style->unicode ? "└" : "+");
    for (int i = 0; i < c->columns; i++) fputs(style->unicode ? "─" : "-", out);
    char middle[24], last[24];
    snprintf(middle, sizeof middle, "%.0f", c->x_max / 2);
    snprintf(last, sizeof last, style->zh ? "%.0f 步" : "%.0f steps", c->x_max);
    int left = c->columns / 2 - (int)strlen(middle) / 2, right = c->columns - left - (int)strlen(middle);
    fprintf(out, "\n%*s  0%*s%s%*s\n", label_width, "", left - 1, "", middle, right + style->zh, last); /* 步: 3 bytes, 2 columns */
}

static void put_canvas(FILE *out, const canvas *c, const plot_style *style)
{
    char label[16];
    int label_width = 0, every = c->rows > 8 ? 3 : 2;
    for (int pass = 0; pass < 2; pass++) /* first the widest label, then the rows */
        for (int row = 0; row < c->rows; row++) {
            bool labelled = row % every == 0;
            number_text(label, exp(c->hi - (c->hi - c->lo) * (row + 0.5) / c->rows));
            if (!pass) {
                if (labelled && (int)strlen(label) > label_width) label_width = (int)strlen(label);
                continue;
            }
            fprintf(out, "%*s %s", label_width, labelled ? label : "", style->unicode ? (labelled ? "┤" : "│") : (labelled ? "+" : "|"));
            int pen = 0, end = c->columns;
            while (end > 0 && !c->dots[row * c->columns + end - 1] && !c->marks[row * c->columns + end - 1]) end--;
            for (int column = 0; column < end; column++) put_cell(out, c, style, row, column, &pen);
            if (pen && style->color) fputs("\033[0m", out);
            fputc('\n', out);
        }
    put_axis(out, c, style, label_width);
}

char *cli_plot_loss(const plot_curve *curve, const plot_style *style)
{
    int width = style->width < MIN_WIDTH ? MIN_WIDTH : style->width, height = style->height < MIN_HEIGHT ? MIN_HEIGHT : style->height;
    canvas c = {.columns = width - 10, .rows = height, .dots_x = style->unicode ? 2 : 1, .dots_y = style->unicode ? 4 : 1};
    set_range(&c, curve);
    if (!isfinite(c.lo)) return NULL;
    char *text = NULL;
    size_t size = 0;
    FILE *out = NULL;
    c.dots = calloc((size_t)c.columns * (size_t)c.rows, 1);
    c.marks = calloc((size_t)c.columns * (size_t)c.rows, 1);
    if (c.dots && c.marks && (out = open_memstream(&text, &size))) {
        if (isfinite(curve->floor) && curve->floor > 0)
            for (int x = 0; x < c.columns; x++) set_mark(&c, c.x_max * x / (c.columns - 1), log(curve->floor), '-');
        draw_train(&c, curve->train, curve->n_train);
        for (size_t i = 0; i < curve->n_val; i++)
            if (usable(curve->val[i])) set_mark(&c, curve->val[i].step, log(curve->val[i].loss), 'o');
        fprintf(out, "%s\n", style->zh ? "损失，每词元奈特（对数坐标）" : "loss, nats per token (log scale)");
        put_canvas(out, &c, style);
        put_legend(out, curve, style, 2);
        if (fclose(out)) free(text), text = NULL;
    }
    free(c.dots);
    free(c.marks);
    return text;
}

/* ---- of a run ---------------------------------------------------------------------------------------------------------------- */
int cli_plot_read(plot_curve *curve, const char *run_dir, lf_error *err)
{
    *curve = (plot_curve){.floor = NAN};
    size_t n;
    lf_run_point *points = lf_run_points(&n, run_dir, err);
    if (!points) return -1;
    plot_point *train = calloc(n + 1, sizeof *train), *val = calloc(n + 1, sizeof *val);
    for (size_t i = 0; i < n && train && val; i++) {
        const lf_run_point *p = &points[i];
        if (!isnan(p->loss)) train[curve->n_train++] = (plot_point){(double)p->step, p->loss};
        if (!isnan(p->val_loss)) val[curve->n_val++] = (plot_point){(double)p->step, p->val_loss};
        if (p->val_bpb > 0 && p->val_floor_bpb > 0) curve->floor = p->val_loss * p->val_floor_bpb / p->val_bpb; /* bits per byte -> nats */
    }
    free(points);
    curve->train = train, curve->val = val;
    if (train && val) return 0;
    cli_plot_release(curve);
    return lf_error_set(err, LF_E_MEMORY, "no memory for the curve of %s", run_dir);
}

void cli_plot_release(plot_curve *curve)
{
    free((void *)(uintptr_t)curve->train);
    free((void *)(uintptr_t)curve->val);
    *curve = (plot_curve){.floor = NAN};
}
