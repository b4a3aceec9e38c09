/* device.c - opening and closing a CPU device: picks the rung of the ladder, starts the workers, owns the packing buffers.
 * Everything a kernel call needs is allocated here, once. */
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/kernels.h"

const char *const *lf_isa_list(void)
{
    static const char *const list[] = {"avx512_bf16", "avx512_vnni",  "avx512", "avx2",   "neon_bf16",
                                       "neon_i8mm",   "neon_dotprod", "neon",   "scalar", NULL};
    return list;
}

bool lf_isa_supported(const char *isa)
{
    lf_isa rung;
    return isa && lf__isa_parse(isa, &rung) && !lf__isa_missing(rung);
}

int lf_cpu_count(void) { return lf__cpu_count(); }
uint64_t lf_memory_total(void) { return lf__memory_total(); }
uint64_t lf_memory_available(void) { return lf__memory_available(); }
int lf_device_threads(const lf_device *device) { return lf__pool_threads(device->pool); }
const char *lf_device_isa(const lf_device *device) { return device->isa; }

static int choose_isa(const char *name, lf_isa *isa, lf_error *err)
{
    *isa = lf__isa_best();
    if (!name || strcmp(name, "auto") == 0) return 0;
    if (!lf__isa_parse(name, isa)) {
        lf_error_set(err, LF_E_ARGUMENT,
                     "instruction set: expected auto, scalar, neon, neon_dotprod, neon_i8mm, neon_bf16, avx2, avx512, avx512_vnni or "
                     "avx512_bf16, got \"%s\"",
                     name);
        return lf_error_hint(err, "leave it at auto: this CPU runs %s", lf__isa_name(lf__isa_best()));
    }
    const char *missing = lf__isa_missing(*isa);
    if (!missing) return 0;
    lf_error_set(err, LF_E_UNSUPPORTED, "instruction set %s: this CPU (%s) or its operating system lacks %s", name, lf_cpu_name(), missing);
    return lf_error_hint(err, "use auto or %s, the best rung here; results of one rung are the same on every machine",
                         lf__isa_name(lf__isa_best()));
}

static int choose_pin(const char *name, int *pin, lf_error *err)
{
    if (!name || strcmp(name, "auto") == 0)
        *pin = -1;
    else if (strcmp(name, "on") == 0)
        *pin = 1;
    else if (strcmp(name, "off") == 0)
        *pin = 0;
    else
        return lf_error_set(err, LF_E_ARGUMENT, "pinning of threads: expected auto, on or off, got \"%s\"", name);
    return 0;
}

static void fill_kernels(lf_kernels *k, lf_isa isa)
{
    lf__kernels_scalar(k);
    lf__kernels_scalar_bf16(k);
    lf__kernels_scalar_quant(k);
    lf__kernels_scalar_kv(k);
#if defined(__x86_64__)
    if (isa >= LF_ISA_AVX2) lf__kernels_avx2(k), lf__kernels_avx2_quant(k);
    if (isa >= LF_ISA_AVX512) lf__kernels_avx512(k);
    if (isa >= LF_ISA_AVX512_VNNI) lf__kernels_avx512_vnni(k);
    if (isa >= LF_ISA_AVX512_BF16) lf__kernels_avx512_bf16(k);
#elif defined(__aarch64__)
    if (isa >= LF_ISA_NEON) lf__kernels_neon(k);
    if (isa >= LF_ISA_NEON_DOTPROD) lf__kernels_neon_dotprod(k);
    if (isa >= LF_ISA_NEON_I8MM) lf__kernels_neon_i8mm(k);
    if (isa >= LF_ISA_NEON_BF16) lf__kernels_neon_bf16(k);
#else
    LF_UNUSED(isa);
#endif
}

lf_device *lf_device_open(const lf_device_options *options, lf_error *err)
{
    static const lf_device_options none = {0};
    const lf_device_options *o = options ? options : &none;
    lf_isa isa;
    int pin = -1, threads = o->threads ? o->threads : lf__cpu_count();
    if (o->threads < 0 || o->threads > 256) {
        lf_error_set(err, LF_E_ARGUMENT, "threads: expected 1 to 256, or 0 for all that the process may use, got %d", o->threads);
        return NULL;
    }
    threads = LF_MIN(threads, 256);
    if (choose_isa(o->isa, &isa, err) != 0 || choose_pin(o->pin, &pin, err) != 0) return NULL;

    lf_cpu_device *dev = lf__calloc(1, sizeof *dev, err);
    if (!dev) return NULL;
    fill_kernels(&dev->kernels, isa);
    lf__cpu_ops_gemm(&dev->ops);
    lf__cpu_ops_rows(&dev->ops);
    lf__cpu_ops_update(&dev->ops);
    lf__cpu_ops_attention(&dev->ops);
    dev->base.ops = &dev->ops;
    dev->base.kernels = &dev->kernels;
    dev->base.isa = dev->kernels.isa;
    dev->base.bf16 = dev->kernels.bf16, dev->base.bytes = dev->kernels.byte_loop != NULL;
    size_t floats = (size_t)dev->kernels.mc * (size_t)(dev->kernels.kc + LF_HALF), bytes = LF_QPACK_ACTS * sizeof(lf_qact);
    dev->pack_floats = lf__round_up(LF_MAX(LF_MAX(floats, LF_PACK_PAIRS), bytes / sizeof(float)), LF_ALIGN);
    dev->pack = aligned_alloc(LF_ALIGN, (size_t)threads * dev->pack_floats * sizeof(float));
    dev->sums = lf__calloc(LF_SUM_CHUNKS, sizeof *dev->sums, err);
    if (!dev->pack)
        lf_error_set(err, LF_E_MEMORY, "packing buffers: cannot allocate %zu bytes", (size_t)threads * dev->pack_floats * sizeof(float));
    if (dev->pack && dev->sums) dev->base.pool = lf__pool_new(threads, pin, err);
    lf_device *device = &dev->base;
    if (!dev->base.pool) lf_device_close(&device);
    return device;
}

void lf_device_close(lf_device **device)
{
    if (!device || !*device) return;
    lf_cpu_device *dev = (lf_cpu_device *)*device;
    if (dev->base.pool) lf__pool_free(&dev->base.pool);
    free(dev->pack);
    free(dev->sums);
    free(dev);
    *device = NULL;
}
