/* direct.c - a large file to the disk past the page cache, by a thread of its own: the caller fills one buffer while the other is on its
 * way, so copying (and hashing, output.c) costs no time of the disk's. Where a file system has no O_DIRECT the same thread writes through
 * the page cache. Owns two buffers and the thread, borrows the descriptor. One caller's thread.
 *
 *   caller   | fill 0 | fill 1 | wait | fill 0 | ...
 *   thread            | write 0       | write 1       | ... the tail, shorter than PAGE, through the page cache | */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/direct.h"

#define CHUNK ((size_t)2 << 20)
#define PAGE  ((size_t)4096) /* of memory, offset and length: what every disk is content with */

struct lf_direct {
    int fd;
    char *buffers[2]; /* [CHUNK] each, PAGE-aligned                                         */
    size_t full[2];   /* bytes that wait to be written, 0: the caller's                     */
    size_t used;      /* bytes in the buffer that the caller fills                          */
    int current;      /* which one that is                                                  */
    bool ended;       /* nothing more will come                                             */
    int errnum;       /* of the first write that failed; what comes later is not written    */
    pthread_t thread;
    pthread_mutex_t lock; /* full, ended, errnum */
    pthread_cond_t changed;
};

static int flags_without_direct(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags & ~O_DIRECT);
}

/* All of it at `at`, or errno. EINVAL is how a file system says that it has no direct writes after all, or not of this length. */
static int write_at(int fd, const char *bytes, size_t n, off_t at)
{
    while (n) {
        ssize_t put = pwrite(fd, bytes, n, at);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0 && errno == EINVAL && (fcntl(fd, F_GETFL) & O_DIRECT) && flags_without_direct(fd) == 0) continue;
        if (put < 0) return errno;
        bytes += put, n -= (size_t)put, at += put;
    }
    return 0;
}

static void *work(void *arg)
{
    lf_direct *d = arg;
    off_t at = 0;
    for (int b = 0;; b ^= 1) {
        pthread_mutex_lock(&d->lock);
        while (!d->full[b] && !d->ended) pthread_cond_wait(&d->changed, &d->lock);
        size_t n = d->full[b];
        bool failed = d->errnum != 0;
        pthread_mutex_unlock(&d->lock);
        if (!n) return NULL;
        size_t whole = n / PAGE * PAGE;
        int why = failed ? 0 : write_at(d->fd, d->buffers[b], whole, at);
        if (!failed && !why && whole < n) { /* the last buffer of a file */
            why = flags_without_direct(d->fd) ? errno : 0;
            if (!why) why = write_at(d->fd, d->buffers[b] + whole, n - whole, at + (off_t)whole);
        }
        at += (off_t)n;
        pthread_mutex_lock(&d->lock);
        d->full[b] = 0;
        if (why) d->errnum = why;
        pthread_cond_signal(&d->changed);
        pthread_mutex_unlock(&d->lock);
    }
}

lf_direct *lf__direct_open(int fd)
{
    sigset_t all, before;
    lf_direct *d = calloc(1, sizeof *d);
    void *memory = NULL;
    if (!d) return NULL;
    if (posix_memalign(&memory, PAGE, 2 * CHUNK) == 0) {
        int flags = fcntl(fd, F_GETFL);
        if (flags >= 0) fcntl(fd, F_SETFL, flags | O_DIRECT); /* refused: written through the page cache */
        d->fd = fd, d->buffers[0] = memory, d->buffers[1] = d->buffers[0] + CHUNK;
        pthread_mutex_init(&d->lock, NULL);
        pthread_cond_init(&d->changed, NULL);
        sigfillset(&all); /* signals are for the threads that are the program's */
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int failed = pthread_create(&d->thread, NULL, work, d);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (!failed) return d;
        pthread_cond_destroy(&d->changed);
        pthread_mutex_destroy(&d->lock);
        flags_without_direct(fd);
    }
    free(memory);
    free(d);
    return NULL;
}

/* Hands the filled buffer over and waits until the other one is free. */
static int pass_on(lf_direct *d)
{
    pthread_mutex_lock(&d->lock);
    d->full[d->current] = d->used;
    pthread_cond_signal(&d->changed);
    d->used = 0, d->current ^= 1;
    while (d->full[d->current]) pthread_cond_wait(&d->changed, &d->lock);
    int why = d->errnum;
    pthread_mutex_unlock(&d->lock);
    return why;
}

int lf__direct_add(lf_direct *d, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n) {
        size_t take = LF_MIN(n, CHUNK - d->used);
        memcpy(d->buffers[d->current] + d->used, p, take);
        p += take, n -= take, d->used += take;
        int why = d->used == CHUNK ? pass_on(d) : 0;
        if (why) return why;
    }
    return 0;
}

int lf__direct_close(lf_direct **direct)
{
    lf_direct *d = *direct;
    *direct = NULL;
    pthread_mutex_lock(&d->lock);
    d->full[d->current] = d->used;
    d->ended = true;
    pthread_cond_signal(&d->changed);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    int why = d->errnum;
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    free(d->buffers[0]);
    free(d);
    return why;
}
