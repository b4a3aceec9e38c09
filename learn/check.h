/* check.h - what stands around an exercise while it is checked: inputs that are the same on every machine, and a line per result on
 * descriptor 3, so that standard output stays the learner's. The program owns its memory until it ends. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *check_out;

/* Each case has a name in both languages; results that follow belong to it. */
static void check_case(const char *en, const char *zh)
{
    if (!check_out && !(check_out = fdopen(3, "w"))) exit(9);
    setvbuf(stdout, NULL, _IONBF, 0);
    fprintf(check_out, "case %s|%s\n", en, zh), fflush(check_out);
}

static void check_floats(const char *name, const float *x, int rows, int cols)
{
    fprintf(check_out, "%s %d %d", name, rows, cols);
    for (int i = 0; i < rows * cols; i++) fprintf(check_out, " %.9g", (double)x[i]);
    fprintf(check_out, "\n"), fflush(check_out);
}

static void check_ints(const char *name, const int *x, int n)
{
    fprintf(check_out, "%s %d %d", name, 1, n);
    for (int i = 0; i < n; i++) fprintf(check_out, " %d", x[i]);
    fprintf(check_out, "\n"), fflush(check_out);
}

/* A name as above, or "english|chinese". */
static void check_number(const char *name, double x) { fprintf(check_out, "%s 0 1 %.9g\n", name, x), fflush(check_out); }

/* n numbers between -scale and scale, on the heap: a step beyond their end is seen. */
static float *check_random(unsigned seed, int n, float scale)
{
    float *x = malloc((size_t)n * sizeof *x);
    for (int i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = ((float)(seed >> 8) / 8388608.0f - 1) * scale;
    }
    return x;
}

/* The same number n times: NAN shows what was never written. */
static float *check_filled(int n, float value)
{
    float *x = malloc((size_t)n * sizeof *x);
    for (int i = 0; i < n; i++) x[i] = value;
    return x;
}

static float *check_copy(const float *from, int n)
{
    float *x = malloc((size_t)n * sizeof *x);
    memcpy(x, from, (size_t)n * sizeof *x);
    return x;
}
