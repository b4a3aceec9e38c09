/* error.h - how every call of libfoundry fails.
 *
 * A call returns 0 / -1 (or a pointer / NULL) and fills the caller's lf_error with a code, a complete
 * sentence and, where one helps, a hint: a command to run. On success the error is left untouched.
 * Passing NULL for an lf_error * is allowed everywhere: the caller then learns only that the call failed.
 * The library never prints and never exits. Not shared between threads: one lf_error per caller. */
#ifndef FOUNDRY_ERROR_H
#define FOUNDRY_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/* One row per kind of failure: symbol, name as printed in --json, exit code of the command. */
/* clang-format off */
#define LF_ERROR_TABLE(X)                                                                                 \
    X(LF_OK, "ok", 0)                          /* nothing failed                                       */ \
    X(LF_E_ARGUMENT, "argument", 2)            /* a value the caller passed is out of range            */ \
    X(LF_E_CONFIG, "config", 1)                /* a configuration that cannot be                       */ \
    X(LF_E_NOT_FOUND, "not-found", 1)          /* a file, folder, tensor or name that is not there     */ \
    X(LF_E_IO, "io", 1)                        /* the operating system refused: open, read, write      */ \
    X(LF_E_FORMAT, "format", 1)                /* bytes that do not follow their format                */ \
    X(LF_E_MISMATCH, "mismatch", 1)            /* two things that do not belong together               */ \
    X(LF_E_LIMIT, "limit", 1)                  /* larger than a stated limit                           */ \
    X(LF_E_MEMORY, "memory", 1)                /* an allocation failed                                 */ \
    X(LF_E_BUSY, "busy", 1)                    /* somebody else holds it                               */ \
    X(LF_E_NUMERIC, "numeric", 1)              /* NaN or infinity where a number was needed            */ \
    X(LF_E_UNSUPPORTED, "unsupported", 1)      /* well-formed, but not something this build does       */ \
    X(LF_E_INTERRUPTED, "interrupted", 3)      /* stopped by the user, everything saved */
/* clang-format on */

typedef enum lf_code {
#define LF_X(symbol, name, exit) symbol,
    LF_ERROR_TABLE(LF_X)
#undef LF_X
} lf_code;

typedef struct lf_error {
    lf_code code;       /* LF_OK until something fails */
    char message[1024]; /* a sentence: what, where (file:line:key, tensor, offset), expected, actual */
    char hint[512];     /* what to do, preferably a command; "" when there is nothing to say */
    char hint_zh[512];  /* the same in Chinese; "" where the hint is a command and nothing else */
} lf_error;

#if defined(__GNUC__)
#define LF_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define LF_PRINTF(fmt, args)
#endif

/* Fills *err (may be NULL) with a code and a sentence, and empties the hint. Returns -1, so that a failing call reads
 * `return lf_error_set(err, ...)`. The first failure is the cause: an error that is already set is kept. */
int lf_error_set(lf_error *err, lf_code code, const char *format, ...) LF_PRINTF(3, 4);

/* Adds the hint to an error just set. Returns -1. */
int lf_error_hint(lf_error *err, const char *format, ...) LF_PRINTF(2, 3);

/* Back to LF_OK with empty texts. */
void lf_error_reset(lf_error *err);

/* "config", "io", ... for a code; the process exit code that the command uses for it. */
const char *lf_code_name(lf_code code);
int lf_code_exit(lf_code code);

#ifdef __cplusplus
}
#endif
#endif
