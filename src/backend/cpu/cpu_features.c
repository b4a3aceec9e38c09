/* cpu_features.c - what this CPU and its operating system can run: CPUID and XGETBV, or the kernel's HWCAP, and the ladder of instruction
 * sets. The answers are computed once, on first use, and are the same from every thread. Knows nothing of kernels. */
#include <pthread.h>
#include <string.h>

#include "backend/cpu/kernels.h"

/* The words that features are bits of; those of another architecture stay zero. */
enum { LEAF1_ECX, LEAF7_EBX, LEAF7_ECX, LEAF71_EAX, ARM_HWCAP, ARM_HWCAP2, WORDS };

/* One row per extension we look at: name, where its bit is, state the OS must save, rung that needs it. */
typedef struct feature_row {
    const char *name;
    int word, bit;
    int state; /* 0 none, 1 ymm, 2 zmm */
    lf_isa rung;
} feature_row;

static const feature_row features[] = {
    {"avx2", LEAF7_EBX, 5, 1, LF_ISA_AVX2},
    {"fma", LEAF1_ECX, 12, 1, LF_ISA_AVX2},
    {"f16c", LEAF1_ECX, 29, 1, LF_ISA_AVX2},
    {"avx512f", LEAF7_EBX, 16, 2, LF_ISA_AVX512},
    {"avx512bw", LEAF7_EBX, 30, 2, LF_ISA_AVX512},
    {"avx512vl", LEAF7_EBX, 31, 2, LF_ISA_AVX512},
    {"avx512dq", LEAF7_EBX, 17, 2, LF_ISA_AVX512},
    {"avx512_bf16", LEAF71_EAX, 5, 2, LF_ISA_AVX512_BF16},
    {"avx512_vnni", LEAF7_ECX, 11, 2, LF_ISA_AVX512_VNNI},
    {"avx_vnni", LEAF71_EAX, 4, 1, LF_ISA_COUNT},
    {"neon", ARM_HWCAP, 1, 0, LF_ISA_NEON},
    {"dotprod", ARM_HWCAP, 20, 0, LF_ISA_NEON_DOTPROD},
    {"i8mm", ARM_HWCAP2, 13, 0, LF_ISA_NEON_I8MM},
    {"bf16", ARM_HWCAP2, 14, 0, LF_ISA_NEON_BF16},
};

/* Each rung stands on another: it needs what that one needs, too. */
static const struct {
    const char *name;
    lf_isa below;
} rungs[LF_ISA_COUNT] = {[LF_ISA_SCALAR] = {"scalar", LF_ISA_SCALAR},
                         [LF_ISA_NEON] = {"neon", LF_ISA_SCALAR},
                         [LF_ISA_NEON_DOTPROD] = {"neon_dotprod", LF_ISA_NEON},
                         [LF_ISA_NEON_I8MM] = {"neon_i8mm", LF_ISA_NEON_DOTPROD},
                         [LF_ISA_NEON_BF16] = {"neon_bf16", LF_ISA_NEON_I8MM},
                         [LF_ISA_AVX2] = {"avx2", LF_ISA_SCALAR},
                         [LF_ISA_AVX512] = {"avx512", LF_ISA_AVX2},
                         [LF_ISA_AVX512_VNNI] = {"avx512_vnni", LF_ISA_AVX512},
                         [LF_ISA_AVX512_BF16] = {"avx512_bf16", LF_ISA_AVX512_VNNI}};

static struct {
    pthread_once_t once;
    bool has[LF_COUNT(features)];
    char list[256];
    char name[64];
} cpu = {.once = PTHREAD_ONCE_INIT};

#if defined(__x86_64__)
#include <cpuid.h>

static void detect_words(uint32_t word[WORDS], int *state)
{
    uint32_t a = 0, b = 0, c = 0, d = 0, sub = 0, lo, hi;
    __get_cpuid(1, &a, &b, &word[LEAF1_ECX], &d);
    if (__get_cpuid_count(7, 0, &sub, &word[LEAF7_EBX], &word[LEAF7_ECX], &d) && sub >= 1)
        __get_cpuid_count(7, 1, &word[LEAF71_EAX], &b, &c, &d);
    if (!(word[LEAF1_ECX] >> 27 & 1)) return; /* no OSXSAVE: the OS saves no vector state */
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    LF_UNUSED(hi);
    if ((lo & 0x06) == 0x06) *state = 1; /* xmm and ymm           */
    if ((lo & 0xe6) == 0xe6) *state = 2; /* and opmask, zmm, zmm16+ */
    uint32_t brand[12] = {0};
    for (uint32_t i = 0; i < 3; i++) __get_cpuid(0x80000002u + i, &brand[4 * i], &brand[4 * i + 1], &brand[4 * i + 2], &brand[4 * i + 3]);
    memcpy(cpu.name, brand, sizeof brand);
}
#elif defined(__aarch64__)
#include <sys/auxv.h>

static void detect_words(uint32_t word[WORDS], int *state)
{
    LF_UNUSED(state);
    word[ARM_HWCAP] = (uint32_t)getauxval(AT_HWCAP);
    word[ARM_HWCAP2] = (uint32_t)getauxval(AT_HWCAP2);
    strcpy(cpu.name, "64-bit ARM CPU");
}
#else
static void detect_words(uint32_t word[WORDS], int *state) { LF_UNUSED(word), LF_UNUSED(state); }
#endif

static void detect(void)
{
    uint32_t word[WORDS] = {0};
    int state = 0;
    detect_words(word, &state);
    for (size_t i = 0; i < LF_COUNT(features); i++) {
        const feature_row *f = &features[i];
        cpu.has[i] = (word[f->word] >> f->bit & 1) && state >= f->state;
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

const char *lf__isa_name(lf_isa isa) { return rungs[isa].name; }

bool lf__isa_parse(const char *name, lf_isa *isa)
{
    for (int i = 0; i < LF_ISA_COUNT; i++) {
        if (strcmp(name, rungs[i].name) != 0) continue;
        *isa = (lf_isa)i;
        return true;
    }
    return false;
}

const char *lf__isa_missing(lf_isa isa)
{
    pthread_once(&cpu.once, detect);
    for (size_t i = 0; i < LF_COUNT(features); i++)
        if (features[i].rung == isa && !cpu.has[i]) return features[i].name;
    return isa == LF_ISA_SCALAR ? NULL : lf__isa_missing(rungs[isa].below);
}

lf_isa lf__isa_best(void)
{
    int isa = LF_ISA_COUNT - 1;
    while (isa > 0 && lf__isa_missing((lf_isa)isa)) isa--;
    return (lf_isa)isa;
}
