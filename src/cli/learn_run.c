/* learn_run.c - a learner's file, checked: compiled with the system's compiler, run in a process group of its own with limits on time and
 * output, its results compared with the vectors. What a stranger's program can do to us is be slow, loud or dead; all three have an end.
 *
 *     mine.c -> cc -c ------> mine.o -+
 *     check.h, check.c (embedded) ----+-> cc -> run --fd 3--> results --+-- the vectors "right":       passed, or the first difference
 *                                                                       +-- "mistake 1", "mistake 2":  then we know what went wrong */
#include "cli/learn.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_MAX = 1 << 20, WORDS_MAX = 48 };

/* ---- processes ------------------------------------------------------------------------------------------------------------------ */
static bool in_path(const char *program)
{
    const char *path = getenv("PATH");
    if (strchr(program, '/')) return access(program, X_OK) == 0;
    for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
        char file[1024];
        size_t n = strcspn(p, ":");
        snprintf(file, sizeof file, "%.*s/%s", (int)n, p, program);
        if (access(file, X_OK) == 0) return true;
        p += n + (p[n] == ':');
    }
    return false;
}

/* Waits for the compiler; quiet: its words are not shown. 0 = it succeeded. */
static int compile(char *const *argv, bool quiet)
{
    fflush(stdout), fflush(stderr);
    pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0), dup2(quiet ? null : 2, 1);
        if (quiet) dup2(null, 2);
        execvp(argv[0], argv);
        _exit(127);
    }
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* Reads what there is into text; false at the end of the stream or above the limit. */
static bool drain(int fd, char *text, size_t *n, size_t max)
{
    ssize_t got = read(fd, text + *n, max - *n);
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    *n += (size_t)got, text[*n] = 0;
    return got > 0 && *n < max;
}

static void become(const char *program, int results, int words, double seconds)
{
    struct rlimit cpu = {(rlim_t)ceil(seconds) + 1, (rlim_t)ceil(seconds) + 1}, none = {0, 0};
    setpgid(0, 0);
    setrlimit(RLIMIT_CPU, &cpu), setrlimit(RLIMIT_CORE, &none);
    unsetenv("LD_PRELOAD"); /* the sanitizers want to be first */
    setenv("ASAN_OPTIONS", "detect_leaks=0:color=never", 1);
    setenv("UBSAN_OPTIONS", "print_stacktrace=0", 1);
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(2, 1); /* the learner's printf */
    dup2(words, 2), dup2(results, 3);
    execl(program, program, (char *)NULL);
    _exit(127);
}

/* Runs program; what it writes to 3 and to stderr into the two texts (OUTPUT_MAX + 1 bytes each). */
static int run(learn_verdict *verdict, char *results, char *words, const char *program, double seconds, lf_error *err)
{
    int pipes[4], status = 0;
    if (pipe(pipes) || pipe(pipes + 2))
        return lf_error_set(err, LF_E_IO, cli_say("no pipe to the program: %s", "无法与程序建立管道：%s"), strerror(errno));
    for (int i = 0; i < 4; i++) { /* away from 0 .. 3, and closed in whatever is executed */
        int high = fcntl(pipes[i], F_DUPFD_CLOEXEC, 16);
        close(pipes[i]), pipes[i] = high;
    }
    fflush(stdout), fflush(stderr);
    pid_t child = fork();
    if (child == 0) become(program, pipes[1], pipes[3], seconds);
    close(pipes[1]), close(pipes[3]);
    if (child < 0) {
        close(pipes[0]), close(pipes[2]);
        return lf_error_set(err, LF_E_IO, cli_say("the program cannot be started: %s", "程序无法启动：%s"), strerror(errno));
    }
    setpgid(child, child);
    struct pollfd fds[2] = {{.fd = pipes[0], .events = POLLIN}, {.fd = pipes[2], .events = POLLIN}};
    size_t n[2] = {0, 0};
    double end = cli_now() + seconds;
    bool late = false;
    while ((fds[0].fd >= 0 || fds[1].fd >= 0) && !late) {
        int ready = poll(fds, 2, 50);
        late = cli_now() > end || cli_interrupted();
        for (int i = 0; i < 2 && ready > 0; i++) {
            if (!fds[i].revents) continue;
            if (!drain(fds[i].fd, i ? words : results, &n[i], OUTPUT_MAX)) late |= n[i] == OUTPUT_MAX, fds[i].fd = -1;
        }
    }
    if (late) kill(-child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    kill(-child, SIGKILL); /* whom it may have left behind */
    close(pipes[0]), close(pipes[2]);
    *verdict = late || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) ? LEARN_TOO_LONG
               : WIFSIGNALED(status) || WEXITSTATUS(status)                 ? LEARN_CRASHED
                                                                            : LEARN_PASSED;
    if (*verdict == LEARN_CRASHED && !*words && WIFSIGNALED(status)) snprintf(words, OUTPUT_MAX, "%s\n", strsignal(WTERMSIG(status)));
    return 0;
}

/* ---- building ------------------------------------------------------------------------------------------------------------------- */
typedef struct workshop {
    char dir[64];
    char check[96], header[96], object[96], program[96];
} workshop;

static int put(const char *path, const char *text, lf_error *err)
{
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f))
        return lf_error_set(err, LF_E_IO, cli_say("%s: cannot be written: %s", "%s：无法写入：%s"), path, strerror(errno));
    return 0;
}

static int open_workshop(workshop *w, int exercise, lf_error *err)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(w->dir, sizeof w->dir, "%s/foundry-learn-XXXXXX", tmp && *tmp && strlen(tmp) < 32 ? tmp : "/tmp");
    if (!mkdtemp(w->dir))
        return lf_error_set(err, LF_E_IO, cli_say("%s: no folder to build in: %s", "%s：没有可供编译的目录：%s"), w->dir, strerror(errno));
    snprintf(w->check, sizeof w->check, "%s/check.c", w->dir);
    snprintf(w->header, sizeof w->header, "%s/check.h", w->dir);
    snprintf(w->object, sizeof w->object, "%s/mine.o", w->dir);
    snprintf(w->program, sizeof w->program, "%s/run", w->dir);
    return put(w->check, learn_check_part(exercise), err) || put(w->header, learn_harness[0].text, err);
}

static void close_workshop(const workshop *w)
{
    unlink(w->check), unlink(w->header), unlink(w->object), unlink(w->program);
    rmdir(w->dir);
}

/* Both halves, with or without sanitizers. cc: words, the compiler first. 0 built, 1 the learner's file was refused, 2 it was not linked.
 */
static int build(const workshop *w, char *const *cc, const char *path, bool sanitize, bool quiet_compile, bool quiet_link)
{
    char *argv[WORDS_MAX + 16];
    int n = 0;
    while (cc[n]) argv[n] = cc[n], n++;
    if (sanitize) argv[n++] = "-fsanitize=address,undefined", argv[n++] = "-fno-sanitize-recover=all";
    argv[n++] = "-std=gnu17", argv[n++] = "-O1", argv[n++] = "-g";
    argv[n] = "-Wall", argv[n + 1] = "-c", argv[n + 2] = (char *)path, argv[n + 3] = "-o", argv[n + 4] = (char *)w->object,
    argv[n + 5] = NULL;
    if (compile(argv, quiet_compile)) return 1;
    argv[n] = "-w", argv[n + 1] = (char *)w->check, argv[n + 2] = (char *)w->object, argv[n + 3] = "-lm", argv[n + 4] = "-o",
    argv[n + 5] = (char *)w->program, argv[n + 6] = NULL;
    return compile(argv, quiet_link) ? 2 : 0;
}

static int build_with(const workshop *w, const char *cc, const char *path, lf_error *err)
{
    static const char *const usual[] = {"cc", "gcc", "clang"};
    char words[512], *argv[WORDS_MAX + 1] = {0}, *rest = NULL;
    snprintf(words, sizeof words, "%s", cc ? cc : "");
    int n = 0;
    for (char *word = strtok_r(words, " ", &rest); word && n < WORDS_MAX; word = strtok_r(NULL, " ", &rest)) argv[n++] = word;
    for (size_t i = 0; i < 3 && n == 0; i++)
        if (in_path(usual[i])) argv[n++] = (char *)usual[i];
    if (n == 0 || !in_path(argv[0])) {
        lf_error_set(err, LF_E_NOT_FOUND, cli_say("there is no C compiler: looked for %s in PATH", "没有 C 编译器：在 PATH 中找过 %s"),
                     n ? argv[0] : "cc, gcc, clang");
        lf_error_hint(err, "%s",
                      cli_say("on Debian or Ubuntu: apt-get install gcc libc6-dev", "Debian 或 Ubuntu：apt-get install gcc libc6-dev"));
        return -1;
    }
    if (cc) return build(w, argv, path, false, false, false);
    int status = build(w, argv, path, true, false, true);
    return status == 2 ? build(w, argv, path, false, true, false) : status; /* no sanitizers here, or no such function */
}

/* ---- comparing ------------------------------------------------------------------------------------------------------------------ */
static const char *line_end(const char *p) { return p + strcspn(p, "\n"); }
static const char *after_line(const char *p) { return *line_end(p) ? line_end(p) + 1 : line_end(p); }

/* The part of the vectors below "== name"; it ends before the next "==". */
static const char *section(int exercise, const char *name)
{
    char mark[48];
    snprintf(mark, sizeof mark, "\n== %s\n", name);
    const char *at = strstr(learn_vectors[exercise].text, mark);
    return at ? at + strlen(mark) : NULL;
}

static bool read_values(learn_values *v, const char *line)
{
    int used = 0;
    if (sscanf(line, "%63s %d %d%n", v->name, &v->rows, &v->cols, &used) != 3 || v->rows < 0 || v->cols < 0 || v->cols > 4096 ||
        v->rows > 4096)
        return false;
    v->numbers = line + used;
    return true;
}

bool learn_value(double *out, const learn_values *v, int i)
{
    const char *p = v->numbers, *end = line_end(p);
    if (i >= (v->rows ? v->rows : 1) * v->cols) return false;
    for (;; i--) {
        char *next;
        *out = strtod(p, &next);
        if (next == p || next > end) return false;
        if (i == 0) return true;
        p = next;
    }
}

/* A float's worth of rounding, another order of summation: one part in 100,000, or in a million of the largest number of its line. */
static bool near(double a, double b, double largest)
{
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b)) return a == b;
    return fabs(a - b) <= 1e-5 * fabs(b) + 1e-6 * largest;
}

/* The first element that differs, or -1. */
static int first_difference(const learn_values *expected, const learn_values *got)
{
    double largest = 0, a, b;
    for (int i = 0; learn_value(&b, expected, i); i++)
        if (isfinite(b) && fabs(b) > largest) largest = fabs(b);
    for (int i = 0; learn_value(&b, expected, i); i++)
        if (!learn_value(&a, got, i) || !near(a, b, largest)) return i;
    return -1;
}

/* Line by line; fills the list of cases, and the first difference or where the output ends. */
static bool compare(learn_result *r, const char *expected, const char *output)
{
    r->n_cases = r->n_passed = 0;
    for (; expected && *expected && strncmp(expected, "==", 2) != 0; expected = after_line(expected), output = after_line(output)) {
        if (strncmp(expected, "case ", 5) == 0) {
            if (r->n_cases == LEARN_CASES) return false;
            r->n_passed = r->n_cases;
            r->cases[r->n_cases].text = expected + 5;
            r->cases[r->n_cases++].n = (int)(line_end(expected) - expected - 5);
            if (*output) continue;
            r->verdict = LEARN_SILENT;
            return false;
        }
        r->verdict = LEARN_SILENT;
        if (!read_values(&r->expected, expected) || !read_values(&r->got, output) || strcmp(r->expected.name, r->got.name) != 0)
            return false;
        r->index = first_difference(&r->expected, &r->got);
        if (r->index < 0) continue;
        r->verdict = LEARN_DIFFERENT;
        learn_value(&r->expected_value, &r->expected, r->index);
        if (!learn_value(&r->got_value, &r->got, r->index)) r->got_value = NAN;
        return false;
    }
    r->n_passed = r->n_cases, r->verdict = LEARN_PASSED;
    return true;
}

static int known_mistake(int exercise, const char *output)
{
    learn_result other = {0};
    char name[32];
    for (int k = 1; snprintf(name, sizeof name, "mistake %d", k), section(exercise, name); k++)
        if (compare(&other, section(exercise, name), output)) return k;
    return 0;
}

/* What a sanitizer or the system said: the lines that name the reason or a line of the learner's file. */
static void find_trouble(char out[1024], const char *words, const char *path)
{
    const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    int lines = 0;
    size_t at = 0;
    for (const char *p = words; *p && lines < 2; p = after_line(p)) {
        char line[400];
        snprintf(line, sizeof line, "%.*s", (int)(line_end(p) - p), p);
        char *reason = strstr(line, "AddressSanitizer: "), *where = strstr(line, file);
        if (reason && strstr(reason, " on ")) *strstr(reason, " on ") = 0; /* "heap-buffer-overflow on address 0x..." */
        bool tells = reason || strstr(line, "runtime error: ") || (where && strchr(where, ':'));
        if (!tells) continue;
        const char *text = reason ? reason + strlen("AddressSanitizer: ") : where ? where : line;
        at += (size_t)snprintf(out + at, 1024 - at, "%s%s", lines++ ? "\n" : "", text);
    }
    if (!lines) snprintf(out, 1024, "%.*s", (int)(line_end(words) - words), words);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------ */
int learn_check(learn_result *r, int exercise, const char *path, const char *cc, double seconds, lf_error *err)
{
    *r = (learn_result){0};
    if (access(path, R_OK)) {
        lf_error_set(err, LF_E_NOT_FOUND, cli_say("%s is not there", "%s 不存在"), path);
        return lf_error_hint(err, "foundry learn start");
    }
    workshop w = {{0}, {0}, {0}, {0}, {0}};
    char *words = calloc(1, OUTPUT_MAX + 1);
    r->output = calloc(1, OUTPUT_MAX + 1);
    int result = -1;
    if (!words || !r->output) {
        lf_error_set(err, LF_E_MEMORY, "%s", cli_say("no memory for the output of a program", "没有内存存放程序的输出"));
    } else if (open_workshop(&w, exercise, err) == 0) {
        int built = build_with(&w, cc, path, err);
        r->verdict = built == 2 ? LEARN_NOT_LINKED : LEARN_NOT_BUILT;
        if (built == 0) {
            learn_verdict how = LEARN_SILENT;
            result = run(&how, r->output, words, w.program, seconds, err);
            bool same = result == 0 && compare(r, section(exercise, "right"), r->output);
            if (how == LEARN_TOO_LONG || (how == LEARN_CRASHED && !(r->verdict == LEARN_DIFFERENT))) r->verdict = how;
            if (how == LEARN_CRASHED)
                find_trouble(r->trouble, words, path);
            else
                fputs(words, stderr);
            if (!same && r->verdict == LEARN_DIFFERENT) r->mistake = known_mistake(exercise, r->output);
        } else if (built > 0)
            result = 0;
    }
    if (*w.dir) close_workshop(&w);
    free(words);
    return result;
}

void learn_result_free(learn_result *r) { free(r->output), *r = (learn_result){0}; }
