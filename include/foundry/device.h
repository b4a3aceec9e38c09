/* device.h - where the arithmetic runs: the instruction set picked and the threads that do the work.
 *
 * A device is opened once and shared by models, trainers and generators; it must outlive them.
 * One call at a time: a device serves one thread of the caller. Results never depend on the number of threads. */
#ifndef FOUNDRY_DEVICE_H
#define FOUNDRY_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "foundry/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lf_device lf_device;

typedef struct lf_device_options {
    int threads;     /* worker threads, 1..256; 0 = as many as the process may use                       */
    const char *isa; /* "auto", "scalar", "neon", "neon_dotprod", "neon_i8mm", "neon_bf16", "avx2", "avx512", "avx512_vnni", "avx512_bf16";
                        NULL = "auto". Not of this CPU: an error */
    const char *pin; /* "auto", "on", "off"; NULL = "auto": pin when the workers fill the affinity mask  */
} lf_device_options;

/* options may be NULL (all defaults). Returns a device (free with lf_device_close) or NULL. */
lf_device *lf_device_open(const lf_device_options *options, lf_error *err);
void lf_device_close(lf_device **device);

int lf_device_threads(const lf_device *device);
const char *lf_device_isa(const lf_device *device); /* "scalar", "neon", "avx2", ...: one of lf_isa_list */

/* What the CPU offers, as a space-separated list of feature names ("avx2 fma f16c avx512f ..."); static storage. */
const char *lf_cpu_features(void);
const char *lf_cpu_name(void);

/* The rungs this build knows, best first, NULL-terminated; static storage. */
const char *const *lf_isa_list(void);
bool lf_isa_supported(const char *isa);

/* Threads that the process may use (its affinity mask). */
int lf_cpu_count(void);

/* Bytes of memory: what this process can ever have (the machine's, or what its container allows), and what of it is not in use now.
 * UINT64_MAX when the system does not say. */
uint64_t lf_memory_total(void);
uint64_t lf_memory_available(void);

/* One line of the kernel self-test: a kernel family against the scalar reference. */
typedef struct lf_selftest_line {
    const char *kernel; /* "gemm", "rmsnorm", ...                       */
    const char *isa;    /* the rung that was tested                     */
    double max_error;   /* largest relative error against the reference */
    double tolerance;   /* what is allowed                              */
    bool passed;
} lf_selftest_line;

/* Runs every kernel family of the device's rung on small random inputs (well under a second) and hands over one line each.
 * Returns 0 when all pass, -1 with LF_E_NUMERIC naming the first that does not. */
int lf_device_selftest(lf_device *device, void (*line)(const lf_selftest_line *line, void *user), void *user, lf_error *err);

#ifdef __cplusplus
}
#endif
#endif
