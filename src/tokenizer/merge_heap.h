/* merge_heap.h - a binary heap of 64-bit words, the smallest first: which merge comes next, its order in the upper bits. Borrows the words;
 * one caller at a time. */
#ifndef LF_MERGE_HEAP_H
#define LF_MERGE_HEAP_H

#include <stddef.h>
#include <stdint.h>

static inline void sift_down(uint64_t *heap, size_t n, size_t at)
{
    uint64_t item = heap[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && heap[child + 1] < heap[child]) child++;
        if (item <= heap[child]) break;
        heap[at] = heap[child];
    }
    heap[at] = item;
}

static inline void sift_up(uint64_t *heap, size_t at)
{
    uint64_t item = heap[at];
    for (size_t parent; at > 0 && heap[parent = (at - 1) / 2] > item; at = parent) heap[at] = heap[parent];
    heap[at] = item;
}

#endif
