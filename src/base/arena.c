/* arena.c - memory with a named lifetime: one reservation of address space, handed out from the bottom.
 * Pages become real when they are first touched, so reserving is cheap. The arena owns its bytes; one thread pushes at a time. */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define HUGE_PAGE ((size_t)2 << 20)

static void *reserve(size_t size, int protection)
{
    void *p = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Refused above the machine's memory: reserving more would succeed, and the work die by the kernel's hand halfway through. */
static int init(lf_arena *arena, const char *name, size_t size, bool huge_pages, lf_error *err)
{
    *arena = (lf_arena){.name = name};
    size_t page = (size_t)sysconf(_SC_PAGESIZE), total, align = huge_pages && size >= HUGE_PAGE ? HUGE_PAGE : page;
    uint64_t memory = lf__memory_total();
    char *p = NULL;
    bool fits = lf__add_size(&total, size, 2 * align) && size <= memory;
    if (fits) {
        size = LF_MAX(lf__round_up(size, page), page);
        total = size + align - page;
        p = reserve(total, PROT_READ | PROT_WRITE);
    }
    if (!p) {
        char asked[32], have[32];
        lf_error_set(err, LF_E_MEMORY, "the %s arena needs %s of memory (%zu bytes), more than can be had; this machine has %s", name,
                     lf__human_bytes(asked, (double)size), size, lf__human_bytes(have, (double)memory));
        return lf_error_hint(
            err, "make the model, the batch or the context smaller, or raise the limit of the process where it has one (ulimit -v)");
    }
    /* 2 MiB alignment lets whole huge pages back it: fewer TLB misses for matrices of many megabytes. */
    char *aligned = (char *)lf__round_up((uintptr_t)p, align);
    size_t before = (size_t)(aligned - p), behind = total - before - size;
    if (before) munmap(p, before);
    if (behind) munmap(aligned + size, behind);
#ifdef MADV_HUGEPAGE
    madvise(aligned, size, align == HUGE_PAGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
#endif
    arena->base = aligned;
    arena->size = size;
    return 0;
}

int lf__arena_init(lf_arena *arena, const char *name, size_t size, lf_error *err) { return init(arena, name, size, true, err); }
int lf__arena_init_sparse(lf_arena *arena, const char *name, size_t size, lf_error *err) { return init(arena, name, size, false, err); }

int lf__arena_init_as(lf_arena *arena, const lf_arena *like, const char *name, size_t size, lf_error *err)
{
    if (!like->measuring) return lf__arena_init(arena, name, size, err);
    if (lf__arena_init_measuring(arena, name, err)) return -1;
    arena->peak = size;
    return 0;
}

size_t lf__arena_bytes(const lf_arena *arena)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return arena->measuring ? LF_MAX(lf__round_up(arena->peak, page), page) : arena->size;
}

int lf__arena_map(lf_arena *arena, const char *name, const char *path, uint64_t offset, size_t size, lf_error *err)
{
    *arena = (lf_arena){.name = name};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return lf__io_error(err, "open", path, errno);
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, (off_t)offset);
    int status = p == MAP_FAILED ? lf__io_error(err, "map", path, errno) : 0;
    close(fd);
    if (!status) arena->base = p, arena->size = size;
    return status;
}

const void *lf__arena_contents(const lf_arena *arena, size_t *n)
{
    ASAN_UNPOISON_MEMORY_REGION(arena->base, arena->used);
    *n = arena->used;
    return arena->base;
}

/* Addresses that crash when they are touched: as large a range without access as the system gives. */
int lf__arena_init_measuring(lf_arena *arena, const char *name, lf_error *err)
{
    *arena = (lf_arena){.name = name, .measuring = true};
    for (size_t size = (size_t)1 << 40; size >= (size_t)1 << 16 && !arena->base; size >>= 2) {
        arena->base = reserve(size, PROT_NONE);
        if (arena->base) arena->size = size;
    }
    if (!arena->base) {
        lf_error_set(err, LF_E_MEMORY, "the %s arena: less than 64 KiB of the addresses that this process may have are left", name);
        return lf_error_hint(err, "raise the limit (ulimit -v), or take fewer threads, which have stacks of their own");
    }
    return 0;
}

void lf__arena_release(lf_arena *arena)
{
    if (arena->base) {
        if (!arena->measuring) ASAN_UNPOISON_MEMORY_REGION(arena->base, LF_MIN(arena->peak, arena->size));
        munmap(arena->base, arena->size);
    }
    *arena = (lf_arena){.name = arena->name};
}

void *lf__arena_push(lf_arena *arena, size_t bytes)
{
    size_t end = 0;
    bool fits = bytes <= SIZE_MAX - LF_ALIGN && lf__add_size(&end, arena->used, lf__round_up(bytes, LF_ALIGN));
    if (arena->measuring) {
        /* Past the range the addresses start again: still distinct enough, and still untouchable. */
        char *p = arena->base + arena->used % arena->size;
        if (!fits) arena->overflowed = true, end = SIZE_MAX / LF_ALIGN * LF_ALIGN;
        arena->used = end;
        arena->peak = LF_MAX(arena->peak, end);
        return p;
    }
    if (!fits || end > arena->size) {
        arena->overflowed = true;
        return NULL;
    }
    char *p = arena->base + arena->used;
    ASAN_UNPOISON_MEMORY_REGION(p, bytes);
    ASAN_POISON_MEMORY_REGION(p + bytes, end - arena->used - bytes); /* the padding: an overrun is seen at its first byte */
    arena->used = end;
    arena->peak = LF_MAX(arena->peak, end);
    return p;
}
