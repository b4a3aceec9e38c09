/* direct.h - private to src/base: how output.c brings large files to the disk (direct.c). */
#ifndef LF_DIRECT_H
#define LF_DIRECT_H

#include "base/base.h"

typedef struct lf_direct lf_direct;
/* Bytes that are added go to the file from its beginning on, in their order. NULL: no memory or no thread, write it another way. */
lf_direct *lf__direct_open(int fd);
int lf__direct_add(lf_direct *d, const void *bytes, size_t n); /* 0, or the errno of a write */
/* Waits for the last byte, takes *d. Nothing is synced. 0, or the errno of the first write that failed. */
int lf__direct_close(lf_direct **d);

#endif
