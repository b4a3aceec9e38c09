/* verify.h - golden runs: recipes whose losses are known to the last bit. Is this build, on this machine, training right? */
#ifndef FOUNDRY_VERIFY_H
#define FOUNDRY_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "foundry/device.h"
#include "foundry/error.h"
#include "foundry/log.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One loss held against the shipped curve. */
typedef struct lf_verify_line {
    int64_t step;
    double loss, expected;
    double band; /* 0: equal to the last bit is right; else |loss - expected| <= band is (another rung than the curve's) */
    bool right;
} lf_verify_line;

typedef struct lf_verify_options {
    int64_t steps;      /* how far; 0 = as far as the golden run goes by itself                      */
    const char *data;   /* the text of a golden run that does not bring its own; NULL                */
    const char *update; /* for maintainers: write the curve to this file, compare nothing; NULL      */
    void *user;
    void (*on_start)(const char *isa, const char *curve_isa, int64_t steps, void *user); /* curve_isa NULL with update */
    void (*on_line)(const lf_verify_line *line, void *user);
    bool (*should_stop)(void *user);
    lf_progress progress;
} lf_verify_options;

/* Names of the golden runs, NULL-terminated. */
const char *const *lf_verify_names(void);
/* Makes the text, trains in a folder under /tmp that is removed, compares. 0: all right. -1: LF_E_MISMATCH names the first step that is
 * not. */
int lf_verify_run(lf_device *device, const char *name, const lf_verify_options *options, lf_error *err);

#ifdef __cplusplus
}
#endif
#endif
