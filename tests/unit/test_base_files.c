/* Files and folders: whole or not there, and a sentence for everything that is not a plain file in a writable place. */
#include "base/base.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char root[LF_PATH_MAX];

/* A path inside this test's own folder; four at a time. */
static const char *in_root(const char *name)
{
    static char slots[4][LF_PATH_MAX];
    static int next;
    char *out = slots[next++ % 4];
    assert_int_equal(lf__path_join(out, root, name, NULL), 0);
    return out;
}

static void make_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void expect_content(const char *path, const char *text)
{
    lf_buf buf;
    lf__buf_init(&buf, 1 << 20);
    assert_int_equal(lf__read_file(&buf, path, 1 << 20, NULL), 0);
    assert_string_equal(buf.data, text);
    lf__buf_release(&buf);
}

static size_t count_entries(const char *dir)
{
    char **names;
    size_t n;
    assert_int_equal(lf__list_dir(dir, &names, &n, NULL), 0);
    lf__names_free(&names, n);
    return n;
}

static void expect_error(const lf_error *err, lf_code code, const char *part)
{
    if (err->code != code || !strstr(err->message, part))
        fail_msg("expected %s with '%s', got %s: %s", lf_code_name(code), part, lf_code_name(err->code), err->message);
}

static int setup(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(root, sizeof root, "%s/lf-files-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return lf__remove_tree(root, NULL);
}

static void paths(void **state)
{
    (void)state;
    char out[LF_PATH_MAX], lengthy[LF_PATH_MAX];
    lf_error err = {0};
    lf__path_join(out, "a", "b", NULL);
    assert_string_equal(out, "a/b");
    lf__path_join(out, "a/", "b", NULL);
    assert_string_equal(out, "a/b");
    lf__path_join(out, "", "b", NULL);
    assert_string_equal(out, "b");
    lf__path_join(out, "/", "b", NULL);
    assert_string_equal(out, "/b");
    memset(lengthy, 'x', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = '\0';
    assert_int_equal(lf__path_join(out, "d", lengthy, &err), -1);
    expect_error(&err, LF_E_LIMIT, "longer than 4095");
    assert_string_equal(lf__path_name("a/b/c.txt"), "c.txt");
    assert_string_equal(lf__path_name("c.txt"), "c.txt");
    assert_string_equal(lf__path_name("a/b/"), "b/");
    assert_string_equal(lf__path_name(""), "");
}

/* Everything that is not a readable regular file, through both doors. */
static void hostile_inputs_have_a_sentence(void **state)
{
    (void)state;
    make_file(in_root("file"), "text");
    mkdir(in_root("folder"), 0777);
    mkfifo(in_root("fifo"), 0666);
    assert_int_equal(symlink("loop-b", in_root("loop-a")), 0);
    assert_int_equal(symlink("loop-a", in_root("loop-b")), 0);
    char zero[] = "/dev/zero", folder[LF_PATH_MAX], fifo[LF_PATH_MAX], loop[LF_PATH_MAX], missing[LF_PATH_MAX], below[LF_PATH_MAX];
    strcpy(folder, in_root("folder"));
    strcpy(fifo, in_root("fifo"));
    strcpy(loop, in_root("loop-a"));
    strcpy(missing, in_root("missing"));
    strcpy(below, in_root("file/below"));
    const struct {
        const char *path;
        lf_code code;
        const char *part;
    } rows[] = {
        {folder, LF_E_IO, "it is a folder"},  {fifo, LF_E_IO, "it is a pipe"},           {zero, LF_E_IO, "it is a device"},
        {loop, LF_E_IO, "symbolic links"},    {missing, LF_E_NOT_FOUND, "no such file"}, {below, LF_E_NOT_FOUND, "not a directory"},
        {"", LF_E_NOT_FOUND, "no such file"},
    };
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        lf_error err = {0};
        lf_map map;
        assert_int_equal(lf__map_open(&map, rows[i].path, &err), -1);
        expect_error(&err, rows[i].code, rows[i].part);
        assert_non_null(strstr(err.message, rows[i].path));
        assert_null(map.data);
        lf__map_close(&map);
        lf_buf buf;
        lf_error again = {0};
        lf__buf_init(&buf, 1000);
        assert_int_equal(lf__read_file(&buf, rows[i].path, 1000, &again), -1);
        assert_string_equal(again.message, err.message);
        lf__buf_release(&buf);
    }
    if (geteuid() != 0) {
        chmod(in_root("file"), 0);
        lf_map map;
        lf_error err = {0};
        assert_int_equal(lf__map_open(&map, in_root("file"), &err), -1);
        expect_error(&err, LF_E_IO, "permission denied");
        assert_true(err.hint[0] != '\0');
    }
    unlink(in_root("fifo"));
}

static void map_and_read(void **state)
{
    (void)state;
    lf_map map;
    make_file(in_root("empty"), "");
    assert_int_equal(lf__map_open(&map, in_root("empty"), NULL), 0);
    assert_non_null(map.data);
    assert_int_equal(map.size, 0);
    lf__map_close(&map);
    expect_content(in_root("empty"), "");
    make_file(in_root("five"), "12345");
    assert_int_equal(lf__map_open(&map, in_root("five"), NULL), 0);
    assert_int_equal(map.size, 5);
    assert_memory_equal(map.data, "12345", 5);
    lf__map_close(&map);
    lf__map_close(&map);
    /* limits: exactly max fits, one less does not; a size of 0 in /proc is read to its end */
    lf_error err = {0};
    lf_buf buf;
    lf__buf_init(&buf, 100);
    assert_int_equal(lf__read_file(&buf, in_root("five"), 5, &err), 0);
    assert_int_equal(lf__read_file(&buf, in_root("five"), 4, &err), -1);
    expect_error(&err, LF_E_LIMIT, "5 bytes, at most 4 bytes");
    assert_string_equal(buf.data, "12345");
    lf_error_reset(&err);
    assert_int_equal(lf__read_file(&buf, "/proc/self/stat", 2, &err), -1);
    expect_error(&err, LF_E_LIMIT, "more than 2 bytes");
    lf_error_reset(&err);
    buf.max = 7;
    assert_int_equal(lf__read_file(&buf, in_root("five"), 5, &err), -1);
    expect_error(&err, LF_E_MEMORY, "no room");
    lf__buf_release(&buf);
}

static void writer_commits_whole_files(void **state)
{
    (void)state;
    lf_error err = {0};
    char path[LF_PATH_MAX];
    mkdir(in_root("w"), 0777);
    strcpy(path, in_root("w/out"));
    make_file(path, "old");
    chmod(path, 0640);
    lf_writer *w = lf__writer_open(path, &err);
    assert_non_null(w);
    assert_int_equal(lf__writer_add(w, "HEAD", 4), 0);
    assert_int_equal(lf__writer_printf(w, "%d %.1f\n", 42, 0.5), 0);
    expect_content(path, "old"); /* until the commit */
    char *big = malloc(3000000);
    memset(big, 'x', 3000000);
    big[2999999] = '\0';
    assert_int_equal(lf__writer_printf(w, "%s", big), 0); /* longer than the buffer */
    assert_int_equal(lf__writer_add(w, big, 1000), 0);
    assert_int_equal(lf__writer_rewrite(w, 0, "head", 4), 0);
    assert_int_equal(lf__writer_add(w, "tail", 4), 0);
    assert_int_equal(lf__writer_commit(&w, &err), 0);
    assert_null(w);
    lf_map map;
    assert_int_equal(lf__map_open(&map, path, NULL), 0);
    assert_int_equal(map.size, 4 + 7 + 2999999 + 1000 + 4);
    assert_memory_equal(map.data, "head42 0.5\nxxx", 14);
    assert_memory_equal(map.data + map.size - 5, "xtail", 5);
    lf__map_close(&map);
    free(big);
    struct stat st;
    stat(path, &st);
    assert_int_equal(st.st_mode & 0777, 0640); /* the mode of the file it replaced */
    /* discard leaves the old file and nothing else */
    w = lf__writer_open(path, NULL);
    lf__writer_add(w, "x", 1);
    assert_int_equal(count_entries(in_root("w")), 2);
    lf__writer_discard(&w);
    lf__writer_discard(&w);
    assert_int_equal(count_entries(in_root("w")), 1);
    /* a patch outside what was written is refused, and the commit says so */
    w = lf__writer_open(path, NULL);
    lf__writer_add(w, "1234", 4);
    assert_int_equal(lf__writer_rewrite(w, 2, "xyz", 3), -1);
    assert_int_equal(lf__writer_rewrite(w, UINT64_MAX, "x", 1), -1);
    assert_int_equal(lf__writer_commit(&w, &err), -1);
    expect_error(&err, LF_E_ARGUMENT, "cannot patch 3 bytes at 2");
    assert_int_equal(count_entries(in_root("w")), 1);
}

/* Small and large, to whole pages and not, in a folder on a disk and one in memory (without direct writes on most kernels). */
static void writer_of_known_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4096, 100000, 4 << 20, (4 << 20) + 1, (6 << 20) - 4095, (8 << 20) + 4096, 9999999};
    char disk[] = "/tmp/foundry-sized-XXXXXX", memory[] = "/dev/shm/foundry-sized-XXXXXX", path[LF_PATH_MAX];
    const char *const dirs[] = {mkdtemp(disk), mkdtemp(memory)};
    lf_error err = {0};
    char *bytes = malloc(10000000);
    for (size_t i = 0; i < 10000000; i++) bytes[i] = (char)(i * 131 >> 7);
    for (size_t k = 0; k < 2 * LF_COUNT(sizes); k++) {
        size_t n = sizes[k / 2], at = 0;
        if (!dirs[k % 2]) continue;
        snprintf(path, sizeof path, "%s/out", dirs[k % 2]);
        lf_writer *w = lf__writer_open_sized(path, n, &err);
        assert_non_null(w);
        for (size_t piece = 1; at < n; piece = piece * 5 + 3) { /* 1 byte to more than the buffers */
            size_t take = LF_MIN(piece % 5000000, n - at);
            assert_int_equal(lf__writer_add(w, bytes + at, take), 0);
            at += take;
        }
        assert_int_equal(lf__writer_hash(w), lf__hash64(bytes, n, 0));
        assert_int_equal(lf__writer_commit(&w, &err), 0);
        lf_map map;
        assert_int_equal(lf__map_open(&map, path, NULL), 0);
        assert_int_equal(map.size, n);
        assert_true(n == 0 || memcmp(map.data, bytes, n) == 0);
        lf__map_close(&map);
        /* less, more, patched, thrown away: the file that was there stays */
        for (int what = 0; what < 4 && n; what++) {
            w = lf__writer_open_sized(path, n, &err);
            lf__writer_add(w, bytes, what == 0 ? n - 1 : n);
            if (what == 1) assert_int_equal(lf__writer_add(w, "x", 1) || lf__writer_seal(w, NULL), 1);
            if (what == 2) assert_int_equal(lf__writer_rewrite(w, 0, "x", 1), -1);
            if (what == 3)
                lf__writer_discard(&w);
            else
                assert_int_equal(lf__writer_commit(&w, &err), -1);
            if (what < 3) expect_error(&err, LF_E_ARGUMENT, what == 0 ? "were added" : what == 1 ? "more were added" : "cannot patch");
            err = (lf_error){0};
            assert_int_equal(count_entries(dirs[k % 2]), 1);
        }
    }
    for (int k = 0; k < 2; k++)
        if (dirs[k]) lf__remove_tree(dirs[k], NULL);
    free(bytes);
}

static void writer_refuses_bad_targets(void **state)
{
    (void)state;
    char missing[LF_PATH_MAX], dir[LF_PATH_MAX], slash[LF_PATH_MAX], below[LF_PATH_MAX], loop[LF_PATH_MAX];
    mkdir(in_root("d"), 0777);
    make_file(in_root("plain"), "x");
    strcpy(missing, in_root("no/such/file"));
    strcpy(dir, in_root("d"));
    strcpy(slash, in_root("d/new/"));
    strcpy(below, in_root("plain/below"));
    strcpy(loop, in_root("circle"));
    assert_int_equal(symlink("circle", loop), 0);
    const struct {
        const char *path;
        lf_code code;
        const char *part;
    } rows[] = {
        {missing, LF_E_NOT_FOUND, "there is no folder"},
        {dir, LF_E_IO, "it is a folder"},
        {slash, LF_E_ARGUMENT, "got a folder"},
        {below, LF_E_NOT_FOUND, "is not a folder"},
        {"/dev/null", LF_E_IO, "a device"},
        {"", LF_E_ARGUMENT, "name of a new file"},
        {".", LF_E_ARGUMENT, "name of a new file"},
        {"..", LF_E_ARGUMENT, "name of a new"},
        {"/", LF_E_ARGUMENT, "name of a new file"},
        {loop, LF_E_IO, "symbolic links"},
    };
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        lf_error err = {0};
        assert_null(lf__writer_open(rows[i].path, &err));
        expect_error(&err, rows[i].code, rows[i].part);
    }
    struct stat st;
    assert_true(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));
    /* a link to a file is written through */
    assert_int_equal(symlink("plain", in_root("link")), 0);
    assert_int_equal(lf__write_file(in_root("link"), "through", 7, NULL), 0);
    expect_content(in_root("plain"), "through");
    assert_true(lstat(in_root("link"), &st) == 0 && S_ISLNK(st.st_mode));
    /* the same target twice at once; and a leftover with our own pid */
    lf_error err = {0};
    lf_writer *w = lf__writer_open(in_root("twice"), NULL);
    assert_non_null(w);
    assert_null(lf__writer_open(in_root("twice"), &err));
    expect_error(&err, LF_E_BUSY, "being written already");
    lf__writer_discard(&w);
    char name[64];
    snprintf(name, sizeof name, ".twice.tmp-%ld", (long)getpid());
    make_file(in_root(name), "left by an earlier process that had our number");
    assert_int_equal(lf__write_file(in_root("twice"), "2", 1, NULL), 0);
    expect_content(in_root("twice"), "2");
}

/* Runs body in a child, so that limits and file systems of its own do not reach the other tests; 77 = not possible here. */
static void in_child(int (*body)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) _exit(body());
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("skipped: this system does not let the test set up its case\n");
        skip();
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int file_size_limit(void)
{
    struct rlimit limit = {2 << 20, 2 << 20};
    static char block[1 << 20];
    lf_error err = {0};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit)) return 77;
    lf_writer *w = lf__writer_open(in_root("limited"), &err);
    if (!w) return 1;
    for (int i = 0; i < 4; i++) lf__writer_add(w, block, sizeof block);
    if (lf__writer_add(w, block, 1) == 0) return 2; /* sticky */
    if (lf__writer_commit(&w, &err) == 0) return 3;
    if (err.code != LF_E_IO || !strstr(err.message, "limited") || !strstr(err.hint, "ulimit")) return 4;
    err = (lf_error){0};
    if (lf__writer_open_sized(in_root("limited"), 8 << 20, &err)) return 6; /* no room is known before the first byte */
    if (err.code != LF_E_IO || !strstr(err.hint, "ulimit")) return 7;
    return lf__path_exists(in_root("limited")) ? 5 : 0;
}

static void a_file_that_may_not_grow(void **state)
{
    (void)state;
    in_child(file_size_limit);
}

static int full_disk(void)
{
    static char block[1 << 20];
    lf_error err = {0};
    char dir[LF_PATH_MAX], path[LF_PATH_MAX];
    strcpy(dir, in_root("tiny"));
    strcpy(path, in_root("tiny/data"));
    mkdir(dir, 0777);
    if (mount("none", dir, "tmpfs", 0, "size=2m")) return 77;
    int rc = 0;
    if (lf__write_file(path, "old", 3, NULL)) rc = 1;
    lf_writer *w = lf__writer_open(path, &err);
    if (!w) rc = 2;
    for (int i = 0; w && i < 4; i++) lf__writer_add(w, block, sizeof block);
    if (w && lf__writer_commit(&w, &err) == 0) rc = 3;
    if (err.code != LF_E_IO || !strstr(err.message, "no space left") || !strstr(err.hint, "df -h")) rc = 4;
    err = (lf_error){0};
    if (lf__writer_open_sized(path, 8 << 20, &err) || !strstr(err.message, "no space left")) rc = 7;
    if (count_entries(dir) != 1) rc = 5; /* the old file, and no leftover */
    lf_map map;
    if (lf__map_open(&map, path, NULL) || map.size != 3) rc = 6;
    lf__map_close(&map);
    umount(dir);
    return rc;
}

static void a_full_disk_loses_nothing(void **state)
{
    (void)state;
    in_child(full_disk);
}

static int read_only(void)
{
    lf_error err = {0};
    char dir[LF_PATH_MAX], tmp[LF_PATH_MAX];
    strcpy(dir, in_root("ro"));
    mkdir(dir, 0777);
    if (geteuid() == 0) {
        if (mount("none", dir, "tmpfs", MS_RDONLY, "size=1m")) return 77;
    } else {
        chmod(dir, 0555);
    }
    const char *words = geteuid() == 0 ? "read-only file system" : "permission denied";
    int rc = 0;
    if (lf__writer_open(in_root("ro/file"), &err) || !strstr(err.message, words)) rc = 1;
    lf_error_reset(&err);
    if (lf__dir_begin(tmp, in_root("ro/dir"), &err) == 0 || !strstr(err.message, words)) rc = 2;
    lf_error_reset(&err);
    if (lf__make_dirs(in_root("ro/a/b"), &err) == 0 || !strstr(err.message, words)) rc = 3;
    lf_error_reset(&err);
    if (lf__lock_dir(dir, &err) >= 0 || !strstr(err.message, words)) rc = 4;
    if (geteuid() == 0) umount(dir);
    return rc;
}

static void a_read_only_folder(void **state)
{
    (void)state;
    in_child(read_only);
}

static void folders_appear_whole(void **state)
{
    (void)state;
    lf_error err = {0};
    char tmp[LF_PATH_MAX], path[LF_PATH_MAX], file[LF_PATH_MAX];
    strcpy(path, in_root("made/deep/dir/"));
    assert_int_equal(lf__dir_begin(tmp, path, &err), 0);
    assert_false(lf__path_exists(path));
    lf__path_join(file, tmp, "sub", NULL);
    mkdir(file, 0777);
    lf__path_join(file, tmp, "sub/a", NULL);
    assert_int_equal(lf__write_file(file, "1", 1, NULL), 0);
    assert_int_equal(lf__dir_commit(tmp, path, false, &err), 0);
    expect_content(in_root("made/deep/dir/sub/a"), "1");
    assert_false(lf__path_exists(tmp));
    /* a second one: refused without replace, swapped in with it */
    assert_int_equal(lf__dir_begin(tmp, path, &err), 0);
    assert_int_equal(lf__dir_commit(tmp, path, false, &err), -1);
    expect_error(&err, LF_E_IO, "exists and is not empty");
    assert_false(lf__path_exists(tmp));
    expect_content(in_root("made/deep/dir/sub/a"), "1");
    lf_error_reset(&err);
    assert_int_equal(lf__dir_begin(tmp, path, &err), 0);
    lf__path_join(file, tmp, "b", NULL);
    assert_int_equal(lf__write_file(file, "2", 1, NULL), 0);
    assert_int_equal(lf__dir_commit(tmp, path, true, &err), 0);
    expect_content(in_root("made/deep/dir/b"), "2");
    assert_int_equal(count_entries(in_root("made/deep/dir")), 1);
    assert_int_equal(count_entries(in_root("made/deep")), 1);
    /* a file in the way, and names that cannot be made */
    make_file(in_root("made/file"), "x");
    assert_int_equal(lf__dir_begin(tmp, in_root("made/file"), &err), -1);
    expect_error(&err, LF_E_IO, "in the way");
    lf_error_reset(&err);
    assert_int_equal(lf__dir_begin(tmp, in_root("made/file/x"), &err), -1);
    expect_error(&err, LF_E_IO, "is a file");
    lf_error_reset(&err);
    assert_int_equal(lf__dir_begin(tmp, "..", &err), -1);
    expect_error(&err, LF_E_ARGUMENT, "cannot write to");
}

static void remove_tree_stays_inside(void **state)
{
    (void)state;
    static const char *const refused[] = {"", "/", "//", ".", "..", "./", "../", "x/..", "x/.", "/."};
    for (size_t i = 0; i < LF_COUNT(refused); i++) {
        lf_error err = {0};
        assert_int_equal(lf__remove_tree(refused[i], &err), -1);
        expect_error(&err, LF_E_ARGUMENT, "refused to remove");
    }
    lf__make_dirs(in_root("keep"), NULL);
    make_file(in_root("keep/treasure"), "gold");
    lf__make_dirs(in_root("gone/a/b/c"), NULL);
    make_file(in_root("gone/a/f"), "x");
    assert_int_equal(symlink("../keep", in_root("gone/link")), 0);
    assert_int_equal(symlink("keep", in_root("top-link")), 0);
    assert_int_equal(lf__remove_tree(in_root("gone/"), NULL), 0);
    assert_false(lf__path_exists(in_root("gone")));
    assert_int_equal(lf__remove_tree(in_root("top-link/"), NULL), 0);
    expect_content(in_root("keep/treasure"), "gold");
    assert_int_equal(lf__remove_tree(in_root("never-was"), NULL), 0);
}

static void make_dirs_says_what_is_in_the_way(void **state)
{
    (void)state;
    lf_error err = {0};
    assert_int_equal(lf__make_dirs(in_root("m/n//o/"), &err), 0);
    assert_true(lf__path_is_dir(in_root("m/n/o")));
    assert_int_equal(lf__make_dirs(in_root("m/n/o"), &err), 0);
    make_file(in_root("m/file"), "x");
    assert_int_equal(lf__make_dirs(in_root("m/file/p"), &err), -1);
    expect_error(&err, LF_E_IO, "m/file\" is a file");
    lf_error_reset(&err);
    assert_int_equal(lf__make_dirs("", &err), -1);
    expect_error(&err, LF_E_ARGUMENT, "without a name");
}

static void lists_are_sorted(void **state)
{
    (void)state;
    static const char *const made[] = {"b", "a", "\xc3\xa9", "Z", ".hidden"}, *const want[] = {".hidden", "Z", "a", "b", "\xc3\xa9"};
    char **names, path[LF_PATH_MAX];
    size_t n;
    mkdir(in_root("list"), 0777);
    for (size_t i = 0; i < LF_COUNT(made); i++) {
        lf__path_join(path, in_root("list"), made[i], NULL);
        make_file(path, "");
    }
    assert_int_equal(lf__list_dir(in_root("list"), &names, &n, NULL), 0);
    assert_int_equal(n, LF_COUNT(want));
    for (size_t i = 0; i < n; i++) assert_string_equal(names[i], want[i]);
    lf__names_free(&names, n);
    assert_null(names);
    lf_error err = {0};
    assert_int_equal(lf__list_dir(in_root("nowhere"), &names, &n, &err), -1);
    expect_error(&err, LF_E_NOT_FOUND, "no such file");
    mkdir(in_root("bare"), 0777);
    assert_int_equal(lf__list_dir(in_root("bare"), &names, &n, NULL), 0);
    assert_int_equal(n, 0);
    lf__names_free(&names, n);
}

/* A pid that has just died: forked, and waited for. */
static long dead_pid(void)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    waitpid(pid, NULL, 0);
    return (long)pid;
}

static void leftovers_of_the_dead_are_removed(void **state)
{
    (void)state;
    char name[128], held[LF_PATH_MAX];
    long dead = dead_pid();
    mkdir(in_root("left"), 0777);
    snprintf(name, sizeof name, "left/.file.tmp-%ld", dead);
    make_file(in_root(name), "x");
    snprintf(name, sizeof name, "left/.step-5.tmp-%ld/trainer", dead);
    lf__make_dirs(in_root(name), NULL);
    snprintf(name, sizeof name, "left/.held.tmp-%ld", dead);
    strcpy(held, in_root(name));
    make_file(held, "of a process that only looks dead from here");
    int lock = open(held, O_RDWR);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    snprintf(name, sizeof name, "left/.mine.tmp-%ld", (long)getpid());
    make_file(in_root(name), "x");
    static const char *const kept[] = {"left/file.tmp-99",
                                       "left/.file.tmp-",
                                       "left/.file.tmp-12x",
                                       "left/.file",
                                       "left/.tmp-x",
                                       "left/.a.tmp-0",
                                       "left/.b.tmp-99999999999999999999"};
    for (size_t i = 0; i < LF_COUNT(kept); i++) make_file(in_root(kept[i]), "x");
    assert_int_equal(lf__remove_leftovers(in_root("left")), 2);
    for (size_t i = 0; i < LF_COUNT(kept); i++) assert_true(lf__path_exists(in_root(kept[i])));
    assert_int_equal(count_entries(in_root("left")), LF_COUNT(kept) + 2);
    close(lock);
    assert_int_equal(lf__remove_leftovers(in_root("left")), 1);
    assert_int_equal(lf__remove_leftovers(in_root("nowhere")), 0);
}

static void one_lock_per_folder(void **state)
{
    (void)state;
    lf_error err = {0};
    mkdir(in_root("run"), 0777);
    int fd = lf__lock_dir(in_root("run"), &err);
    assert_true(fd >= 0);
    /* flock belongs to the open file: a second open in this process is refused like another process */
    assert_int_equal(lf__lock_dir(in_root("run"), &err), -1);
    char part[64];
    snprintf(part, sizeof part, "in use by process %ld", (long)getpid());
    expect_error(&err, LF_E_BUSY, part);
    assert_non_null(strstr(err.hint, "kill"));
    lf__unlock(&fd);
    assert_int_equal(fd, -1);
    lf__unlock(&fd);
    fd = lf__lock_dir(in_root("run"), NULL);
    assert_true(fd >= 0);
    lf__unlock(&fd);
    lf_error_reset(&err);
    assert_int_equal(lf__lock_dir(in_root("no-run"), &err), -1);
    expect_error(&err, LF_E_NOT_FOUND, ".lock");
}

/* A link may lead anywhere inside of its folder, and in a cache of Hugging Face's to the blobs. */
static void links_stay_inside(void **state)
{
    (void)state;
    char path[LF_PATH_MAX], dir[LF_PATH_MAX];
    lf_error err = {0};
    static const char *const folders[] = {"m", "m/snapshots", "m/snapshots/abc", "m/blobs"};
    for (size_t i = 0; i < LF_COUNT(folders); i++) mkdir(in_root(folders[i]), 0777);
    make_file(in_root("outside"), "secret");
    make_file(in_root("m/blobs/1"), "{}");
    make_file(in_root("m/snapshots/abc/own"), "{}");
    snprintf(dir, sizeof dir, "%s", in_root("m/snapshots/abc"));
    static const struct {
        const char *name, *target;
        int status;
    } rows[] = {{"a.json", "own", 0},          {"b.json", "../../blobs/1", 0}, {"c.json", "../../../outside", -1},
                {"d.json", "/etc/passwd", -1}, {"e.json", "not-there", 0},     {"f.json", NULL, 0}};
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        lf_error_reset(&err);
        assert_int_equal(lf__path_join(path, dir, rows[i].name, NULL), 0);
        if (rows[i].target) assert_int_equal(symlink(rows[i].target, path), 0);
        assert_int_equal(lf__path_inside(path, dir, rows[i].name, &err), rows[i].status);
        if (rows[i].status) expect_error(&err, LF_E_FORMAT, "is a link out of its folder");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(hostile_inputs_have_a_sentence),
        cmocka_unit_test(links_stay_inside),
        cmocka_unit_test(map_and_read),
        cmocka_unit_test(writer_commits_whole_files),
        cmocka_unit_test(writer_of_known_size),
        cmocka_unit_test(writer_refuses_bad_targets),
        cmocka_unit_test(a_file_that_may_not_grow),
        cmocka_unit_test(a_full_disk_loses_nothing),
        cmocka_unit_test(a_read_only_folder),
        cmocka_unit_test(folders_appear_whole),
        cmocka_unit_test(remove_tree_stays_inside),
        cmocka_unit_test(make_dirs_says_what_is_in_the_way),
        cmocka_unit_test(lists_are_sorted),
        cmocka_unit_test(leftovers_of_the_dead_are_removed),
        cmocka_unit_test(one_lock_per_folder),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
