/* cli_line.c - standard input line by line: edited on a terminal (libedit), as it comes from a pipe. Bytes are read here in both cases, so
 * that Ctrl-C gives a line up at once. One thread; at most one at a time, as there is one standard input. */
#include "cli/cli.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>
#ifdef HAVE_EDIT
#include <histedit.h>
#endif

enum { HISTORY = 1000, LINE_MAX_BYTES = 64 << 20 };

struct cli_lines {
    bool terminal;
    size_t at, n;
    char bytes[4096]; /* [at, n) are read and not used */
#ifdef HAVE_EDIT
    EditLine *edit;
    History *history;
    char file[4096]; /* "" = kept nowhere */
    char prompt[64];
    mbstate_t half; /* of a character */
#endif
};

#ifdef HAVE_EDIT
/* The window has another size, or we are back from the background, where the terminal was somebody else's. */
static volatile sig_atomic_t disturbed;

static void on_disturbance(int signal)
{
    (void)signal;
    disturbed = 1;
}

static void show_again(cli_lines *l)
{
    if (!disturbed || !l->edit) return;
    disturbed = 0;
    el_set(l->edit, EL_PREP_TERM, 0); /* it believes that the terminal is as it left it */
    el_set(l->edit, EL_PREP_TERM, 1);
    fputs("\r\033[J", stdout); /* the rest of the line in its old shape */
    fflush(stdout);
    el_resize(l->edit);
    el_set(l->edit, EL_REFRESH);
}
#else
static void show_again(cli_lines *l) { (void)l; }
#endif

/* The next byte, -1 at the end or when Ctrl-C came. (poll is never restarted behind a signal, read is.) */
static int next_byte(cli_lines *l)
{
    if (l->at == l->n) {
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        for (int ready = 0; ready <= 0;) {
            if (cli_interrupted() || (ready < 0 && errno != EINTR)) return -1;
            show_again(l);
            ready = poll(&in, 1, -1);
        }
        ssize_t n = read(STDIN_FILENO, l->bytes, sizeof l->bytes);
        if (n <= 0) return -1;
        l->at = 0, l->n = (size_t)n;
    }
    int byte = (unsigned char)l->bytes[l->at++];
    return byte ? byte : 0xFF;
}

static char *read_plain(cli_lines *l)
{
    size_t n = 0, cap = 256;
    char *line = malloc(cap);
    int byte;
    while (line && (byte = next_byte(l)) >= 0 && byte != '\n' && n < LINE_MAX_BYTES) {
        if (n + 1 == cap) {
            char *more = realloc(line, cap *= 2);
            if (!more) free(line);
            line = more;
        }
        if (line) line[n++] = (char)byte;
    }
    if (!line) return NULL;
    if (n == 0 && byte < 0) return free(line), NULL;
    line[n] = 0;
    if (!l->terminal && n && line[n - 1] == '\r') line[n - 1] = 0; /* lines of other systems */
    return line;
}

#ifdef HAVE_EDIT
static char *show_prompt(EditLine *edit)
{
    cli_lines *l;
    el_get(edit, EL_CLIENTDATA, &l);
    return l->prompt;
}

/* libedit's next character: 1, 0 at the end, -1 for a line given up. */
static int next_character(EditLine *edit, wchar_t *c)
{
    cli_lines *l;
    el_get(edit, EL_CLIENTDATA, &l);
    for (int byte; (byte = next_byte(l)) >= 0;) {
        char one = (char)byte;
        size_t rc = mbrtowc(c, &one, 1, &l->half);
        if (rc == (size_t)-2) continue;
        if (rc == (size_t)-1) *c = 0xFFFD, memset(&l->half, 0, sizeof l->half);
        return 1;
    }
    *c = 0;
    return cli_interrupted() ? -1 : 0;
}

static void make_folder_of(const char *file)
{
    char dir[4096];
    snprintf(dir, sizeof dir, "%s", file);
    for (char *p = dir + 1; (p = strchr(p, '/')); *p++ = '/') {
        *p = 0;
        mkdir(dir, 0700); /* there already, or the history stays unwritten */
    }
}

static bool start_editor(cli_lines *l, const char *file)
{
    HistEvent event;
    setlocale(LC_CTYPE, ""); /* numbers stay as they are: only what a character is */
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) setlocale(LC_CTYPE, "C.UTF-8");
    if (!(l->edit = el_init("foundry", stdin, stdout, stderr)) || !(l->history = history_init())) return false;
    el_set(l->edit, EL_CLIENTDATA, l);
    el_set(l->edit, EL_EDITOR, "emacs");
    el_set(l->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(l->edit, EL_PROMPT_ESC, show_prompt, '\1');
    el_set(l->edit, EL_GETCFN, next_character);
    el_set(l->edit, EL_HIST, history, l->history);
    el_source(l->edit, NULL); /* the user's own keys */
    struct sigaction action = {.sa_handler = on_disturbance, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGWINCH, &action, NULL);
    sigaction(SIGCONT, &action, NULL);
    history(l->history, &event, H_SETSIZE, HISTORY);
    history(l->history, &event, H_SETUNIQUE, 1);
    if (file && strlen(file) < sizeof l->file) {
        strcpy(l->file, file);
        make_folder_of(file);
        history(l->history, &event, H_LOAD, file);
    }
    return true;
}

static char *read_edited(cli_lines *l, const char *prompt)
{
    HistEvent event;
    int n = 0;
    snprintf(l->prompt, sizeof l->prompt, "\1%s\1%s\1%s\1", cli_color(stdout, CLI_CYAN), prompt, cli_color(stdout, CLI_PLAIN));
    el_resize(l->edit); /* it may have come while an answer was written */
    const char *text = el_gets(l->edit, &n);
    if (!text || n <= 0) {
        printf("\n");
        return NULL;
    }
    char *line = strndup(text, (size_t)n - (text[n - 1] == '\n'));
    if (line && line[strspn(line, " \t")]) {
        history(l->history, &event, H_ENTER, line);
        if (*l->file) history(l->history, &event, H_SAVE, l->file);
    }
    return line;
}
#endif

cli_lines *cli_lines_open(const char *history_file)
{
    cli_lines *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    l->terminal = isatty(STDIN_FILENO);
#ifdef HAVE_EDIT
    if (l->terminal && cli_is_terminal(stdout) && !start_editor(l, history_file)) cli_lines_close(&l);
#else
    (void)history_file;
#endif
    return l;
}

bool cli_lines_edited(const cli_lines *l)
{
#ifdef HAVE_EDIT
    return l->edit != NULL;
#else
    (void)l;
    return false;
#endif
}

char *cli_lines_read(cli_lines *l, const char *prompt)
{
    fflush(stdout);
#ifdef HAVE_EDIT
    if (l->edit) return read_edited(l, prompt);
#endif
    if (l->terminal) fputs(prompt, stderr);
    char *line = read_plain(l);
    if (l->terminal && !line) fputc('\n', stderr);
    return line;
}

void cli_lines_close(cli_lines **l)
{
    if (!*l) return;
#ifdef HAVE_EDIT
    if ((*l)->history) history_end((*l)->history);
    if ((*l)->edit) el_end((*l)->edit);
#endif
    free(*l);
    *l = NULL;
}
