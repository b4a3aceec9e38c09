/* output.c - files and folders that appear whole or not at all: a temporary name beside the target, fsync, rename, fsync of the folder.
 * Not for appending logs. A writer owns its descriptor and its temporary file; a crash leaves the old target and a leftover named
 * after a dead process, which lf__remove_leftovers finds. One thread per writer.
 *
 *   runs/a/.model.bin.tmp-4711  --commit-->  runs/a/model.bin */
#include "base/direct.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BUFFER    ((size_t)1 << 20)
#define LARGE     ((uint64_t)4 << 20) /* of files of known size: these go past the page cache */
#define MAX_DEPTH 64

struct lf_writer {
    int fd;
    uint64_t flushed; /* bytes in the file; offset = flushed + used */
    size_t used;      /* bytes in buffer                            */
    bool sized;       /* it will have `size` bytes, `hash` is theirs so far */
    uint64_t size;
    lf_hash hash;
    lf_direct *direct; /* NULL: written here                        */
    lf_error err;      /* the first failure                          */
    char path[LF_PATH_MAX], tmp[LF_PATH_MAX];
    char buffer[BUFFER];
};

/* ---- names ----------------------------------------------------------------------------------------------------------------- */

/* "<dir>/.<name>.tmp-<pid>" for a target without trailing slashes. */
static int temporary_name(char out[LF_PATH_MAX], const char *path, lf_error *err)
{
    const char *name = lf__path_name(path);
    int n = snprintf(out, LF_PATH_MAX, "%.*s.%s.tmp-%ld", (int)(name - path), path, name, (long)getpid());
    if (n >= LF_PATH_MAX || strlen(name) + 20 > NAME_MAX)
        return lf_error_set(err, LF_E_LIMIT, "the name \"%.300s\" is too long to write", path);
    return 0;
}

/* Copies path without trailing slashes; a last component that names no new entry ("", "/", ".", "..") is refused. */
static int clean_target(char out[LF_PATH_MAX], const char *path, lf_error *err)
{
    if (lf__path_join(out, path, "", err)) return -1;
    size_t n = strlen(out);
    while (n > 1 && out[n - 1] == '/') out[--n] = '\0';
    const char *name = lf__path_name(out);
    if (!*name || strcmp(name, "/") == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return lf_error_set(err, LF_E_ARGUMENT, "cannot write to \"%s\": expected the name of a new file or folder", path);
    return 0;
}

/* The folder that holds path, as a path. */
static void parent_of(char out[LF_PATH_MAX], const char *path)
{
    size_t n = (size_t)(lf__path_name(path) - path);
    if (n == 0) {
        memcpy(out, ".", 2);
    } else {
        memcpy(out, path, n);
        out[n] = '\0';
    }
}

/* Some file systems cannot sync a folder and say EINVAL: then renames are theirs to order. */
static int sync_fd(int fd) { return fsync(fd) && errno != EINVAL && errno != EROFS && errno != ENOTSUP ? -1 : 0; }

static int sync_dir(const char *path, lf_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
    if (fd < 0) return errno == EACCES ? 0 : lf__io_error(err, "open the folder", path, errno); /* write without read permission */
    if (sync_fd(fd)) rc = lf__io_error(err, "sync the folder", path, errno);
    close(fd);
    return rc;
}

/* ---- leftovers ------------------------------------------------------------------------------------------------------------- */

/* The pid in ".<name>.tmp-<pid>", or 0 for any other name. */
static long pid_of_temporary(const char *name)
{
    const char *mark = NULL;
    if (name[0] != '.') return 0;
    for (const char *p = name; (p = strstr(p, ".tmp-")) != NULL; p++) mark = p;
    if (!mark || mark == name) return 0;
    char *end;
    errno = 0;
    long pid = mark[5] >= '1' && mark[5] <= '9' ? strtol(mark + 5, &end, 10) : 0;
    return pid > 0 && *end == '\0' && errno == 0 && pid <= INT_MAX ? pid : 0;
}

/* A process in another container may look dead from here; its file is still locked. */
static bool is_held(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return false;
    bool held = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
    close(fd);
    return held;
}

/* target: only those of this name; NULL: all. */
static int remove_leftovers(const char *dir, const char *target)
{
    char **names, path[LF_PATH_MAX];
    size_t n, k = target ? strlen(target) : 0;
    int removed = 0;
    if (lf__list_dir(dir, &names, &n, NULL)) return 0;
    for (size_t i = 0; i < n; i++) {
        long pid = pid_of_temporary(names[i]);
        if (pid == 0 || (target && (strncmp(names[i] + 1, target, k) != 0 || strncmp(names[i] + 1 + k, ".tmp-", 5) != 0))) continue;
        if (kill((pid_t)pid, 0) == 0 || errno != ESRCH) continue;
        if (lf__path_join(path, dir, names[i], NULL) || is_held(path)) continue;
        removed += lf__remove_tree(path, NULL) == 0;
    }
    lf__names_free(&names, n);
    return removed;
}

int lf__remove_leftovers(const char *dir) { return remove_leftovers(dir, NULL); }

/* What earlier writers of this very target left when they were killed. */
static void remove_leftovers_of(const char *path)
{
    char dir[LF_PATH_MAX];
    parent_of(dir, path);
    remove_leftovers(dir, lf__path_name(path));
}

/* ---- a file ---------------------------------------------------------------------------------------------------------------- */

/* A temporary of this very pid that nobody holds was left by an earlier process of the same number (containers count from 1 again). */
static int open_temporary(lf_writer *w, lf_error *err)
{
    for (int attempt = 0; attempt < 3; attempt++) {
        w->fd = open(w->tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (w->fd >= 0) {
            flock(w->fd, LOCK_EX | LOCK_NB);
            return 0;
        }
        if (errno != EEXIST) break;
        int old = open(w->tmp, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (old < 0) break;
        bool held = flock(old, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
        if (!held) unlink(w->tmp);
        close(old);
        if (held) return lf_error_set(err, LF_E_BUSY, "\"%s\" is being written already", w->path);
    }
    int why = errno;
    char dir[LF_PATH_MAX];
    parent_of(dir, w->path);
    if (why == ENOENT) {
        lf_error_set(err, LF_E_NOT_FOUND, "cannot create \"%s\": there is no folder \"%s\"", w->path, dir);
        return lf_error_hint(err, "create it: mkdir -p %s", dir);
    }
    if (why == ENOTDIR) return lf_error_set(err, LF_E_NOT_FOUND, "cannot create \"%s\": \"%s\" is not a folder", w->path, dir);
    return lf__io_error(err, "create", w->path, why);
}

lf_writer *lf__writer_open(const char *path, lf_error *err)
{
    char clean[LF_PATH_MAX];
    struct stat st;
    if (clean_target(clean, path, err)) return NULL;
    size_t n = strlen(path);
    if (path[n - 1] == '/') {
        lf_error_set(err, LF_E_ARGUMENT, "cannot write to \"%s\": expected the name of a file, got a folder", path);
        return NULL;
    }
    bool exists = lstat(clean, &st) == 0;
    if (exists && S_ISLNK(st.st_mode)) { /* a link is written through, as a plain open would */
        char *real = realpath(clean, NULL);
        if (!real && errno != ENOENT) {
            lf__io_error(err, "follow the link", path, errno);
            return NULL;
        }
        if (real && strlen(real) < LF_PATH_MAX) memcpy(clean, real, strlen(real) + 1);
        free(real);
        exists = stat(clean, &st) == 0;
    }
    if (exists && !S_ISREG(st.st_mode)) { /* renaming over /dev/null would remove the device */
        lf_error_set(err, LF_E_IO, "cannot write to \"%s\": it is %s, expected a file", path,
                     S_ISDIR(st.st_mode) ? "a folder" : "a device or pipe");
        lf_error_hint(err, "give the name of a new file");
        return NULL;
    }
    lf_writer *w = malloc(sizeof *w);
    if (!w) {
        lf_error_set(err, LF_E_MEMORY, "out of memory: no room for the buffer of \"%s\"", path);
        return NULL;
    }
    w->flushed = 0, w->used = 0, w->sized = false, w->direct = NULL;
    w->err = (lf_error){0};
    memcpy(w->path, clean, sizeof w->path);
    if (temporary_name(w->tmp, w->path, err) || open_temporary(w, err)) {
        free(w);
        return NULL;
    }
    if (exists) fchmod(w->fd, st.st_mode & 07777);
    remove_leftovers_of(w->path);
    return w;
}

lf_writer *lf__writer_open_sized(const char *path, uint64_t size, lf_error *err)
{
    lf_writer *w = lf__writer_open(path, err);
    if (!w) return NULL;
    w->sized = true, w->size = size;
    lf__hash_init(&w->hash, size, 0);
    if (size && fallocate(w->fd, 0, 0, (off_t)size) && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {
        lf__io_error(err, "write", w->path, errno);
        lf__writer_discard(&w);
    } else if (size >= LARGE)
        w->direct = lf__direct_open(w->fd);
    return w;
}

static int write_all(lf_writer *w, const char *bytes, size_t n)
{
    if (w->sized) {
        if (n > w->size - w->flushed)
            return lf_error_set(&w->err, LF_E_ARGUMENT, "\"%s\" was to have %llu bytes, but more were added", w->path,
                                (unsigned long long)w->size);
        lf__hash_add(&w->hash, bytes, n);
    }
    if (w->direct) {
        int why = lf__direct_add(w->direct, bytes, n);
        w->flushed += n;
        return why ? lf__io_error(&w->err, "write", w->path, why) : 0;
    }
    while (n) {
        ssize_t put = write(w->fd, bytes, n);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return lf__io_error(&w->err, "write", w->path, errno);
        bytes += put, n -= (size_t)put;
        w->flushed += (uint64_t)put;
    }
    return 0;
}

static int flush(lf_writer *w)
{
    size_t n = w->used;
    w->used = 0;
    return w->err.code ? -1 : write_all(w, w->buffer, n);
}

int lf__writer_add(lf_writer *w, const void *bytes, size_t n)
{
    if (w->err.code) return -1;
    if (n > BUFFER - w->used && flush(w)) return -1;
    if (n >= BUFFER) return write_all(w, bytes, n);
    if (n) memcpy(w->buffer + w->used, bytes, n);
    w->used += n;
    return 0;
}

int lf__writer_printf(lf_writer *w, const char *format, ...)
{
    if (w->err.code) return -1;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t room = BUFFER - w->used;
    int rc = 0, n = lf__vsnprintf(w->buffer + w->used, room, format, args);
    if (n < 0) {
        rc = lf_error_set(&w->err, LF_E_ARGUMENT, "cannot format text for \"%s\"", w->path);
    } else if ((size_t)n < room) {
        w->used += (size_t)n;
    } else {
        char *text = malloc((size_t)n + 1);
        if (text) {
            lf__vsnprintf(text, (size_t)n + 1, format, again);
            rc = lf__writer_add(w, text, (size_t)n);
        } else {
            rc = lf_error_set(&w->err, LF_E_MEMORY, "out of memory: no room for %d bytes of \"%s\"", n, w->path);
        }
        free(text);
    }
    va_end(again);
    va_end(args);
    return rc;
}

int lf__writer_rewrite(lf_writer *w, uint64_t offset, const void *bytes, size_t n)
{
    if (flush(w)) return -1;
    if (w->sized) return lf_error_set(&w->err, LF_E_ARGUMENT, "cannot patch \"%s\": its size and hash are settled", w->path);
    if (offset > w->flushed || n > w->flushed - offset)
        return lf_error_set(&w->err, LF_E_ARGUMENT, "cannot patch %zu bytes at %llu of \"%s\": it has %llu", n, (unsigned long long)offset,
                            w->path, (unsigned long long)w->flushed);
    const char *p = bytes;
    while (n) {
        ssize_t put = pwrite(w->fd, p, n, (off_t)offset);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return lf__io_error(&w->err, "write", w->path, errno);
        p += put, n -= (size_t)put, offset += (uint64_t)put;
    }
    return 0;
}

uint64_t lf__writer_hash(lf_writer *w)
{
    flush(w);
    return lf__hash_end(&w->hash);
}

/* Inside a folder in the making, the commit of the folder syncs everything at once. */
static int seal(lf_writer *w)
{
    flush(w);
    int why = w->direct ? lf__direct_close(&w->direct) : 0;
    if (!w->err.code && why) lf__io_error(&w->err, "write", w->path, why);
    if (!w->err.code && w->sized && w->flushed != w->size)
        lf_error_set(&w->err, LF_E_ARGUMENT, "\"%s\" was to have %llu bytes, but only %llu were added", w->path,
                     (unsigned long long)w->size, (unsigned long long)w->flushed);
    if (!w->err.code && !lf__in_the_making(w->path) && sync_fd(w->fd)) lf__io_error(&w->err, "sync", w->path, errno);
    return w->err.code ? -1 : 0;
}

int lf__writer_seal(lf_writer *w, lf_error *err) { return seal(w) ? lf__error_pass(err, &w->err) : 0; }

int lf__writer_commit(lf_writer **writer, lf_error *err)
{
    lf_writer *w = *writer;
    char dir[LF_PATH_MAX];
    *writer = NULL;
    seal(w);
    int closed = close(w->fd);
    if (!w->err.code && closed && errno != EINTR) lf__io_error(&w->err, "close", w->path, errno);
    if (!w->err.code && rename(w->tmp, w->path)) lf__io_error(&w->err, "replace", w->path, errno);
    bool failed = w->err.code != LF_OK;
    if (failed) {
        unlink(w->tmp);
        lf__error_pass(err, &w->err);
    } else {
        parent_of(dir, w->path);
        failed = !lf__in_the_making(w->path) && sync_dir(dir, err) != 0;
    }
    free(w);
    return failed ? -1 : 0;
}

void lf__writer_discard(lf_writer **writer)
{
    lf_writer *w = *writer;
    if (!w) return;
    *writer = NULL;
    if (w->direct) lf__direct_close(&w->direct);
    close(w->fd);
    unlink(w->tmp);
    free(w);
}

int lf__write_file(const char *path, const void *bytes, size_t n, lf_error *err)
{
    lf_writer *w = lf__writer_open(path, err);
    if (!w) return -1;
    lf__writer_add(w, bytes, n);
    return lf__writer_commit(&w, err);
}

/* ---- a folder -------------------------------------------------------------------------------------------------------------- */

int lf__dir_begin(char tmp[LF_PATH_MAX], const char *path, lf_error *err)
{
    char clean[LF_PATH_MAX], parent[LF_PATH_MAX];
    struct stat st;
    if (clean_target(clean, path, err) || temporary_name(tmp, clean, err)) return -1;
    if (stat(clean, &st) == 0 && !S_ISDIR(st.st_mode))
        return lf_error_set(err, LF_E_IO, "cannot create the folder \"%s\": a file of that name is in the way", path);
    parent_of(parent, clean);
    if (lf__make_dirs(parent, err) || lf__remove_tree(tmp, err)) return -1; /* a leftover of an earlier process with our pid */
    remove_leftovers_of(clean);
    return mkdir(tmp, 0777) ? lf__io_error(err, "create the folder", clean, errno) : 0;
}

/* Files first, then the folder that lists them. Links are not followed. */
static int sync_tree(const char *path, int depth, lf_error *err)
{
    char **names, file[LF_PATH_MAX];
    size_t n;
    struct stat st;
    if (depth > MAX_DEPTH) return lf_error_set(err, LF_E_LIMIT, "\"%s\" is nested deeper than %d folders", path, MAX_DEPTH);
    if (lf__list_dir(path, &names, &n, err)) return -1;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = lf__path_join(file, path, names[i], err);
        if (rc || lstat(file, &st)) continue;
        if (S_ISDIR(st.st_mode)) rc = sync_tree(file, depth + 1, err);
        if (!S_ISREG(st.st_mode)) continue;
        int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 || sync_fd(fd)) rc = lf__io_error(err, "sync", file, errno);
        if (fd >= 0) close(fd);
    }
    lf__names_free(&names, n);
    return rc ? rc : sync_dir(path, err);
}

/* Puts tmp in the place of an existing folder and removes that. Exchanged in one step where the kernel can (Linux 3.15, most file
 * systems); elsewhere the old one steps aside first, and for that moment the name is empty. */
static int swap_in(const char *tmp, const char *path, lf_error *err)
{
#if defined(SYS_renameat2)
    if (syscall(SYS_renameat2, AT_FDCWD, tmp, AT_FDCWD, path, 2u /* RENAME_EXCHANGE */) == 0) {
        lf__remove_tree(tmp, NULL);
        return 0;
    }
#endif
    char aside[LF_PATH_MAX], old[LF_PATH_MAX];
    int n = snprintf(aside, sizeof aside, "%s.old", path);
    if (n >= LF_PATH_MAX || temporary_name(old, aside, err)) return lf_error_set(err, LF_E_LIMIT, "path too long to replace: \"%s\"", path);
    if (lf__remove_tree(old, err)) return -1;
    if (rename(path, old)) return lf__io_error(err, "replace", path, errno);
    if (rename(tmp, path)) {
        int why = errno;
        if (rename(old, path)) lf__log(LF_LOG_WARNING, "the old contents of %s are in %s", path, old);
        return lf__io_error(err, "replace", path, why);
    }
    lf__remove_tree(old, NULL);
    return 0;
}

int lf__dir_commit(const char *tmp, const char *path, bool replace, lf_error *err)
{
    char clean[LF_PATH_MAX], parent[LF_PATH_MAX];
    int rc = clean_target(clean, path, err);
    if (rc == 0) rc = sync_tree(tmp, 1, err);
    if (rc == 0 && rename(tmp, clean)) {
        bool in_the_way = errno == ENOTEMPTY || errno == EEXIST;
        if (in_the_way && replace)
            rc = swap_in(tmp, clean, err);
        else if (in_the_way)
            rc = lf_error_set(err, LF_E_IO, "\"%s\" exists and is not empty; nothing was overwritten", path);
        else
            rc = lf__io_error(err, "create the folder", path, errno);
    }
    if (rc) {
        lf__remove_tree(tmp, NULL);
        return -1;
    }
    parent_of(parent, clean);
    return sync_dir(parent, err);
}
