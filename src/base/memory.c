/* memory.c - how much memory there is: the machine's, or what the container (cgroup v2 or v1) allows. Reads /proc and /sys each time; no
 * state. */
#include "base/base.h"

#include <string.h>
#include <unistd.h>

/* The number behind `name` at the start of a line; name "" = the file's first. UINT64_MAX when there is none ("max"). */
static uint64_t read_number(const char *path, const char *name)
{
    char line[256];
    unsigned long long value;
    uint64_t found = UINT64_MAX;
    size_t n = strlen(name);
    FILE *f = fopen(path, "re");
    while (f && found == UINT64_MAX && fgets(line, sizeof line, f))
        if (strncmp(line, name, n) == 0 && sscanf(line + n, "%20llu", &value) == 1) found = value;
    if (f) fclose(f);
    return found;
}

static uint64_t kilobytes(const char *path, const char *name)
{
    uint64_t n = read_number(path, name);
    return n > UINT64_MAX / 1024 ? UINT64_MAX : n * 1024;
}

uint64_t lf__memory_total(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t total = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX;
    uint64_t v2 = read_number("/sys/fs/cgroup/memory.max", ""), v1 = read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes", "");
    return LF_MIN(total, LF_MIN(v2, v1));
}

/* A container's usage counts cached file pages, which the kernel gives back when they are needed. */
static uint64_t left_below(uint64_t limit, const char *usage_file, const char *stat_file)
{
    uint64_t used = read_number(usage_file, ""), cached = read_number(stat_file, "inactive_file ");
    if (limit == UINT64_MAX || used == UINT64_MAX) return UINT64_MAX;
    if (cached < used) used -= cached;
    return limit > used ? limit - used : 0;
}

uint64_t lf__memory_available(void)
{
    uint64_t machine = kilobytes("/proc/meminfo", "MemAvailable:");
    uint64_t v2 = left_below(read_number("/sys/fs/cgroup/memory.max", ""), "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat");
    uint64_t v1 = left_below(read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes", ""), "/sys/fs/cgroup/memory/memory.usage_in_bytes",
                             "/sys/fs/cgroup/memory/memory.stat");
    return LF_MIN(LF_MIN(machine, lf__memory_total()), LF_MIN(v2, v1));
}

uint64_t lf__memory_anonymous(void) { return kilobytes("/proc/self/status", "RssAnon:"); }
