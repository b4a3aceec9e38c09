/* cpu_features.c - what this CPU and its operating system can run: CPUID, XGETBV and the ladder of instruction sets. The answers are
 * computed once, on first use, and are the same from every thread. Knows nothing of kernels. */
#include <pthread.h>
#include <string.h>

#include "backend/cpu/kernels.h"

/* One row per extension we look at: name, CPUID leaf 1 or 7 (or extended), register, bit, state the OS must save, rung that needs it. */
typedef struct feature_row {
    const char *name;
    char reg; /* 'c' leaf 1 ecx, 'B' leaf 7 ebx, 'C' leaf 7 ecx, 'A' leaf 7.1 eax */
    int bit;
    int state; /* 0 none, 1 ymm, 2 zmm */
    lf_isa rung;
} feature_row;

static const feature_row features[] = {
    {"avx2", 'B', 5, 1, LF_ISA_AVX2},          {"fma", 'c', 12, 1, LF_ISA_AVX2},
    {"f16c", 'c', 29, 1, LF_ISA_AVX2},         {"avx512f", 'B', 16, 2, LF_ISA_AVX512},
    {"avx512bw", 'B', 30, 2, LF_ISA_AVX512},   {"avx512vl", 'B', 31, 2, LF_ISA_AVX512},
    {"avx512dq", 'B', 17, 2, LF_ISA_AVX512},   {"avx512_bf16", 'A', 5, 2, LF_ISA_AVX512_BF16},
    {"avx512_vnni", 'C', 11, 2, LF_ISA_COUNT}, {"avx_vnni", 'A', 4, 1, LF_ISA_COUNT},
};

static const char *const isa_names[LF_ISA_COUNT] = {"scalar", "avx2", "avx512", "avx512_bf16"};

static struct {
    pthread_once_t once;
    bool has[LF_COUNT(features)];
    char list[256];
    char name[64];
} cpu = {.once = PTHREAD_ONCE_INIT};

#if defined(__x86_64__)
#include <cpuid.h>

static void detect_registers(uint32_t leaf1_ecx[1], uint32_t leaf7[3], int *state)
{
    uint32_t a = 0, b = 0, c = 0, d = 0, sub = 0, lo, hi;
    __get_cpuid(1, &a, &b, leaf1_ecx, &d);
    if (__get_cpuid_count(7, 0, &sub, &leaf7[0], &leaf7[1], &d) && sub >= 1) __get_cpuid_count(7, 1, &leaf7[2], &b, &c, &d);
    if (!(leaf1_ecx[0] >> 27 & 1)) return; /* no OSXSAVE: the OS saves no vector state */
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    LF_UNUSED(hi);
    if ((lo & 0x06) == 0x06) *state = 1; /* xmm and ymm           */
    if ((lo & 0xe6) == 0xe6) *state = 2; /* and opmask, zmm, zmm16+ */
    uint32_t brand[12] = {0};
    for (uint32_t i = 0; i < 3; i++) __get_cpuid(0x80000002u + i, &brand[4 * i], &brand[4 * i + 1], &brand[4 * i + 2], &brand[4 * i + 3]);
    memcpy(cpu.name, brand, sizeof brand);
}
#else
static void detect_registers(uint32_t leaf1_ecx[1], uint32_t leaf7[3], int *state)
{
    LF_UNUSED(leaf1_ecx), LF_UNUSED(leaf7), LF_UNUSED(state);
}
#endif

static void detect(void)
{
    uint32_t leaf1_ecx[1] = {0}, leaf7[3] = {0};
    int state = 0;
    detect_registers(leaf1_ecx, leaf7, &state);
    for (size_t i = 0; i < LF_COUNT(features); i++) {
        const feature_row *f = &features[i];
        uint32_t word = f->reg == 'c' ? leaf1_ecx[0] : f->reg == 'B' ? leaf7[0] : f->reg == 'C' ? leaf7[1] : leaf7[2];
        cpu.has[i] = (word >> f->bit & 1) && state >= f->state;
        if (!cpu.has[i]) continue;
        if (cpu.list[0]) strcat(cpu.list, " ");
        strcat(cpu.list, f->name); /* the names of the table fit */
    }
    size_t n = strlen(cpu.name);
    while (n > 0 && cpu.name[n - 1] == ' ') cpu.name[--n] = '\0';
    if (n == 0) strcpy(cpu.name, "unknown CPU");
}

const char *lf_cpu_features(void)
{
    pthread_once(&cpu.once, detect);
    return cpu.list;
}

const char *lf_cpu_name(void)
{
    pthread_once(&cpu.once, detect);
    return cpu.name;
}

const char *lf__isa_name(lf_isa isa) { return isa_names[isa]; }

bool lf__isa_parse(const char *name, lf_isa *isa)
{
    for (int i = 0; i < LF_ISA_COUNT; i++) {
        if (strcmp(name, isa_names[i]) != 0) continue;
        *isa = (lf_isa)i;
        return true;
    }
    return false;
}

const char *lf__isa_missing(lf_isa isa)
{
    pthread_once(&cpu.once, detect);
    for (size_t i = 0; i < LF_COUNT(features); i++)
        if (features[i].rung <= isa && !cpu.has[i]) return features[i].name;
    return NULL;
}

lf_isa lf__isa_best(void)
{
    int isa = LF_ISA_COUNT - 1;
    while (isa > 0 && lf__isa_missing((lf_isa)isa)) isa--;
    return (lf_isa)isa;
}
