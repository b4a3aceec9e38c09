/* mutate.h - a small driver for fuzz entries without libFuzzer: the kept corpus, every truncation and bit flip of short seeds, then random
 * mutations from a fixed seed. The entry must neither crash nor trip a sanitizer; what it returns does not matter. */
#ifndef TEST_MUTATE_H
#define TEST_MUTATE_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int (*mutate_entry)(const uint8_t *data, size_t size);

/* The files of tests/fuzz/corpus/NAME, which libFuzzer begins with, too: inputs that reach far, and whatever has once failed. */
static inline void mutate_corpus(mutate_entry entry, const char *name)
{
    static uint8_t bytes[1 << 16];
    char path[512];
    int files = 0;
    snprintf(path, sizeof path, TESTS_DIR "/fuzz/corpus/%s", name);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, TESTS_DIR "/fuzz/corpus/%s/%.64s", name, e->d_name);
        FILE *f = fopen(path, "rb");
        if (!f) abort();
        size_t n = fread(bytes, 1, sizeof bytes, f);
        fclose(f);
        uint8_t *exact = malloc(n ? n : 1); /* reading past the end is seen */
        memcpy(exact, bytes, n);
        entry(exact, n);
        free(exact);
        files++;
    }
    if (!files) abort();
    closedir(dir);
}

static inline uint64_t mutate_next(uint64_t *state)
{
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return *state;
}

static inline void mutate_run(mutate_entry entry, const void *seed, size_t n, int rounds)
{
    static const uint64_t numbers[] = {
        0, 1, UINT64_MAX, INT32_MAX, (uint64_t)INT32_MAX + 1, UINT32_MAX, INT64_MAX, (uint64_t)INT64_MAX + 1};
    uint64_t state = 88172645463325252u;
    uint8_t *copy = malloc(n * 2 + 64);
    entry(seed, n);
    for (size_t cut = 0; cut<n; cut += n> 2000 ? n / 500 : 1) { /* an exact allocation: reading past the end is seen */
        uint8_t *part = malloc(cut ? cut : 1);
        memcpy(part, seed, cut);
        entry(part, cut);
        free(part);
    }
    for (size_t bit = 0; bit<n * 8; bit += n> 500 ? 13 : 1) {
        memcpy(copy, seed, n);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        entry(copy, n);
    }
    for (int round = 0; round < rounds; round++) {
        size_t size = n;
        memcpy(copy, seed, n);
        for (uint64_t edits = 1 + mutate_next(&state) % 4; edits-- && size;) {
            size_t at = (size_t)(mutate_next(&state) % size), len = (size_t)(mutate_next(&state) % 16);
            if (len > size - at) len = size - at;
            switch (mutate_next(&state) % 5) {
            case 0: copy[at] = (uint8_t)mutate_next(&state); break;
            case 1: /* delete */
                memmove(copy + at, copy + at + len, size - at - len);
                size -= len;
                break;
            case 2: /* repeat */
                if (size + len <= n * 2) {
                    memmove(copy + at + len, copy + at, size - at);
                    size += len;
                }
                break;
            case 3: copy[at] = (uint8_t) "{}[]\",:-0e9\\\n #&*!"[mutate_next(&state) % 19]; break;
            case 4:
                if (size - at >= 8) memcpy(copy + at, &numbers[mutate_next(&state) % 8], 8);
                break;
            }
        }
        entry(copy, size);
    }
    free(copy);
}

#endif
