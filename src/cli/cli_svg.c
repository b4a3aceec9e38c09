/* cli_svg.c - loss curves of several runs in one picture: an SVG that any browser shows, light or dark as its reader's system is, no
 * scripts, no fonts of its own. Knows curves and a stream, no run. Axes as in cli_plot.c: steps, and the logarithm of the loss. No state.
 */
#include "cli/cli_plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { WIDTH = 960, HEIGHT = 560, LEFT = 64, RIGHT = 24, TOP = 24, BOTTOM = 44, COLUMNS = 600 };

typedef struct frame {
    double steps, lo, hi; /* 0..steps; log of the loss at the lower and upper edge */
} frame;

static double x_of(const frame *f, double step) { return LEFT + step / f->steps * (WIDTH - LEFT - RIGHT); }
static double y_of(const frame *f, double loss) { return TOP + (f->hi - log(loss)) / (f->hi - f->lo) * (HEIGHT - TOP - BOTTOM); }
static bool usable(plot_point p) { return isfinite(p.step) && p.step >= 0 && isfinite(p.loss) && p.loss > 0; }

/* 1, 2 or 5 times a power of ten: about `lines` of them in the range. */
static double nice_step(double range, int lines)
{
    double base = pow(10, floor(log10(range / lines)));
    for (int i = 0; i < 3; i++)
        if (base * (const double[]){1, 2, 5}[i] >= range / lines) return base * (const double[]){1, 2, 5}[i];
    return 10 * base;
}

static frame frame_of(const plot_named *runs, int n)
{
    frame f = {1, INFINITY, -INFINITY};
    for (int r = 0; r < n; r++)
        for (int s = 0; s < 2; s++) {
            const plot_point *p = s ? runs[r].curve.val : runs[r].curve.train;
            for (size_t i = 0; i < (s ? runs[r].curve.n_val : runs[r].curve.n_train); i++) {
                if (!usable(p[i])) continue;
                f.steps = fmax(f.steps, p[i].step), f.lo = fmin(f.lo, log(p[i].loss)), f.hi = fmax(f.hi, log(p[i].loss));
            }
        }
    double margin = fmax(0.03 * (f.hi - f.lo), 0.01);
    f.lo -= margin, f.hi += margin;
    return f;
}

static void put_text(FILE *out, const char *text)
{
    for (; *text; text++) switch (*text) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        default: fputc(*text, out);
        }
}

static void put_grid(FILE *out, const frame *f)
{
    fprintf(out, "<g class=\"grid\">\n");
    double step = nice_step(f->steps, 8), lo = exp(f->lo), hi = exp(f->hi);
    for (double s = 0; s <= f->steps * 1.0001; s += step)
        fprintf(out, "<path d=\"M%.1f %dV%d\"/><text stroke=\"none\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.10g</text>\n", x_of(f, s),
                TOP, HEIGHT - BOTTOM, x_of(f, s), HEIGHT - BOTTOM + 18, s);
    /* Lines are laid from below, each at a round number not too near the one before it. */
    for (double loss = lo, last = INFINITY; loss < hi; loss *= 1.02) {
        double unit = nice_step(loss * 0.15, 1), at = ceil(loss / unit) * unit;
        if (at > hi || at < lo || last - y_of(f, at) < 36) continue;
        last = y_of(f, at);
        fprintf(out, "<path d=\"M%d %.1fH%d\"/><text stroke=\"none\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n", LEFT, last,
                WIDTH - RIGHT, LEFT - 8, last + 4, at);
    }
    fprintf(out, "</g>\n<text x=\"%d\" y=\"%d\" text-anchor=\"middle\" class=\"quiet\">steps</text>\n", (LEFT + WIDTH - RIGHT) / 2,
            HEIGHT - 8);
    fprintf(out, "<text x=\"12\" y=\"%d\" class=\"quiet\">loss, nats per token</text>\n", TOP - 8);
}

/* Steps that share a column are averaged. */
static void put_train(FILE *out, const frame *f, const plot_curve *c, const char *color)
{
    char command = 'M';
    fprintf(out, "<path fill=\"none\" stroke=\"%s\" stroke-opacity=\".45\" d=\"", color);
    for (size_t i = 0; i < c->n_train;) {
        int column = (int)(c->train[i].step / f->steps * COLUMNS), count = 0;
        double steps = 0, logs = 0;
        for (; i < c->n_train && (int)(c->train[i].step / f->steps * COLUMNS) == column; i++)
            if (usable(c->train[i])) steps += c->train[i].step, logs += log(c->train[i].loss), count++;
        if (count) fprintf(out, "%c%.1f %.1f", command, x_of(f, steps / count), y_of(f, exp(logs / count)));
        if (count) command = 'L';
    }
    fprintf(out, "\"/>\n");
}

static void put_val(FILE *out, const frame *f, const plot_curve *c, const char *color)
{
    char command = 'M';
    fprintf(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2\" d=\"", color);
    for (size_t i = 0; i < c->n_val; i++) {
        if (!usable(c->val[i])) continue;
        fprintf(out, "%c%.1f %.1f", command, x_of(f, c->val[i].step), y_of(f, c->val[i].loss));
        command = 'L';
    }
    fprintf(out, "\"/>\n");
    for (size_t i = 0; i < c->n_val; i++)
        if (usable(c->val[i]))
            fprintf(out, "<circle r=\"3\" fill=\"%s\" cx=\"%.1f\" cy=\"%.1f\"/>\n", color, x_of(f, c->val[i].step),
                    y_of(f, c->val[i].loss));
}

bool cli_svg_write(FILE *out, const plot_named *runs, int n)
{
    /* Told apart without red and green (Okabe and Ito 2008). */
    static const char *const colors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "var(--ink)"};
    frame f = frame_of(runs, n);
    if (!isfinite(f.lo) || !isfinite(f.hi)) return false;
    fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n", WIDTH,
            HEIGHT);
    fprintf(out, "<title>loss</title>\n<style>svg{--paper:#fff;--ink:#1f2328;--quiet:#57606a;--rule:#ddd}\n"
                 "@media (prefers-color-scheme: dark){svg{--paper:#14171b;--ink:#dfe4ea;--quiet:#98a3af;--rule:#30363d}}\n"
                 "text{fill:var(--ink)}.grid{stroke:var(--rule)}.grid text,.quiet{fill:var(--quiet)}</style>\n");
    fprintf(out, "<rect width=\"%d\" height=\"%d\" fill=\"var(--paper)\"/>\n", WIDTH, HEIGHT);
    put_grid(out, &f);
    for (int r = 0; r < n; r++) {
        const char *color = colors[r % (int)(sizeof colors / sizeof *colors)];
        put_train(out, &f, &runs[r].curve, color);
        put_val(out, &f, &runs[r].curve, color);
        int y = TOP + 18 + 18 * r;
        fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"18\" height=\"3\" fill=\"%s\"/><text x=\"%d\" y=\"%d\">", WIDTH - 300, y - 5, color,
                WIDTH - 276, y);
        put_text(out, runs[r].name);
        const plot_curve *c = &runs[r].curve;
        if (c->n_val) fprintf(out, ": %.4f", c->val[c->n_val - 1].loss);
        fprintf(out, "</text>\n");
    }
    fprintf(out, "</svg>\n");
    return true;
}
