/* learn.h - the exercises of `foundry learn`: what is embedded of learn/, and what a check finds. Private to cmd_learn.c, learn_text.c and
 * learn_run.c. An exercise is one C file with three parts:
 *
 *     // title.en: ...   // hint.zh: ...      facts, one or more per key; a line of "//     " goes on with the one above
 *                                             (empty line)
 *     // en: ...   // zh: ...   code          the learner's page: comments in two languages, everything else as it is
 *     // ---- check ----                      a main() that calls the learner's function and writes results, see learn/check.h */
#ifndef CLI_LEARN_H
#define CLI_LEARN_H

#include "cli/cli.h"

typedef struct learn_file {
    const char *name, *text;
} learn_file;
extern const learn_file learn_exercises[]; /* learn/NN_name.c, in order; ends with a NULL name, as all three */
extern const learn_file learn_vectors[];   /* learn/vectors/NN_name.txt, in the same order              */
extern const learn_file learn_harness[];   /* learn/check.h                                             */

enum { LEARN_MAX = 64, LEARN_CASES = 16, LEARN_HINTS = 3 };

/* ---- learn_text.c --------------------------------------------------------------------------------------------------------------- */
int learn_count(void);
/* The nth (0, 1, ...) value of key in the language of the terminal, or of a key without a language; false when there is none. */
bool learn_field(char out[512], int exercise, const char *key, int nth);
/* What the learner gets, in the language given ("en", "zh"); free() it, NULL when memory is short. */
char *learn_page(int exercise, const char *language);
const char *learn_check_part(int exercise); /* from the line below "// ---- check ----" on */
/* "4", "04", "rmsnorm", "04_rmsnorm" -> its number; -1 with a sentence that says what was meant. */
int learn_find(const char *name, lf_error *err);

/* ---- learn_run.c ---------------------------------------------------------------------------------------------------------------- */
typedef enum learn_verdict {
    LEARN_PASSED,
    LEARN_DIFFERENT,  /* a number is not what it should be                     */
    LEARN_NOT_BUILT,  /* the compiler refused; its words stand on stderr       */
    LEARN_NOT_LINKED, /* it compiles, but the function is not in it */
    LEARN_CRASHED,    /* a signal, or a sanitizer's word: see `trouble`        */
    LEARN_TOO_LONG,   /* still running after the time limit                    */
    LEARN_SILENT      /* it ended early without a reason: somebody called exit */
} learn_verdict;

/* A result line of the check: "name rows cols v v v ...". rows 0: a single number. */
typedef struct learn_values {
    char name[64];
    int rows, cols;
    const char *numbers;
} learn_values;

typedef struct learn_result {
    learn_verdict verdict;
    int n_cases, n_passed; /* cases come in order; the first that fails ends the list */
    struct {
        const char *text; /* "english|chinese", [n] bytes in the table of vectors */
        int n;
    } cases[LEARN_CASES];
    learn_values expected, got; /* of the first difference; borrowed from `output` and the vectors */
    int index;                  /* in it                                                         */
    double expected_value, got_value;
    int mistake;        /* 1 ...: what came out is what this typical mistake gives; 0: none known */
    char trouble[1024]; /* what a crashed program said, at most three lines                       */
    char *output;       /* owned                                                                  */
} learn_result;

/* Compiles the file at path, runs it between the exercise's inputs and outputs in a process of its own, and compares. cc: a compiler with
 * its flags, NULL = cc, gcc or clang of PATH with the sanitizers that it has. 0 when there is a verdict; -1 when there is none (no
 * compiler, no file). Free the result with learn_result_free. */
int learn_check(learn_result *r, int exercise, const char *path, const char *cc, double seconds, lf_error *err);
void learn_result_free(learn_result *r);
/* values[i] of a result line, as text and number; false behind the last. */
bool learn_value(double *out, const learn_values *v, int i);

#endif
