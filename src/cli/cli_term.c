/* cli_term.c - words on a terminal: language, colour, width, numbers for people, errors, the progress bar, signals.
 * Data goes to stdout, everything said to a person goes to stderr. The three mutable globals here (language, live line, signal mark)
 * are the process's, as its terminal is. One thread; the log sink may be called from others, one call at a time. */
#include "cli/cli.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* ---- language ------------------------------------------------------------------------------------------------------------- */
static const char *language, *given; /* given NULL = not asked for: the environment decides */

bool cli_set_language(const char *name)
{
    bool zh = strcmp(name, "zh") == 0, en = strcmp(name, "en") == 0;
    if (zh || en) language = given = zh ? "zh" : "en";
    return zh || en;
}

bool cli_language_given(void) { return given != NULL; }

const char *cli_language(void)
{
    if (!language) {
        static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
        language = "en";
        for (int i = 0; i < 3; i++) {
            const char *value = getenv(names[i]);
            if (!value || !*value) continue;
            if (strncmp(value, "zh", 2) == 0) language = "zh";
            break;
        }
    }
    return language;
}

/* ---- terminal ------------------------------------------------------------------------------------------------------------- */
bool cli_is_terminal(FILE *f)
{
    const char *term = getenv("TERM");
    return isatty(fileno(f)) && !(term && strcmp(term, "dumb") == 0);
}

int cli_width(void)
{
    struct winsize size;
    for (int fd = 1; fd <= 2; fd++)
        if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) return size.ws_col;
    return 80;
}

const char *cli_color(FILE *f, cli_style style)
{
    static const char *const codes[] = {"\033[0m", "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[36m"};
    const char *no = getenv("NO_COLOR");
    return (no && *no) || !cli_is_terminal(f) ? "" : codes[style];
}

/* Length 1..4 of the UTF-8 sequence at p and its code point, or 1 and -1 for a byte that begins none. */
static int decode(const char *p, int32_t *cp)
{
    const unsigned char *u = (const unsigned char *)p;
    int n = u[0] < 0x80 ? 1 : u[0] >= 0xC2 && u[0] < 0xE0 ? 2 : u[0] >= 0xE0 && u[0] < 0xF0 ? 3 : u[0] >= 0xF0 && u[0] < 0xF5 ? 4 : 0;
    int32_t c = n == 1 ? u[0] : n ? u[0] & (0xFF >> (n + 1)) : -1;
    for (int i = 1; i < n; i++) {
        if ((u[i] & 0xC0) != 0x80)
            n = 0, c = -1;
        else
            c = c << 6 | (u[i] & 0x3F);
    }
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (n == 0 || c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) n = 1, c = -1;
    *cp = c;
    return n;
}

static int char_columns(int32_t c)
{
    return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
                   (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) || (c >= 0x1F300 && c <= 0x3FFFD)
               ? 2
               : 1;
}

int cli_columns(const char *text)
{
    int columns = 0;
    for (int32_t c; *text; columns += char_columns(c)) text += decode(text, &c);
    return columns;
}

void cli_pad(FILE *f, const char *text, int width)
{
    fprintf(f, "%s%*s", text, width > cli_columns(text) ? width - cli_columns(text) : 0, "");
}

void cli_pad_left(FILE *f, const char *text, int width)
{
    fprintf(f, "%*s%s", width > cli_columns(text) ? width - cli_columns(text) : 0, "", text);
}

/* Chinese breaks between any two characters, but no line begins with closing punctuation or ends with an opening one. */
static bool one_of(int32_t c, const char *signs)
{
    for (int32_t sign; *signs;) {
        signs += decode(signs, &sign);
        if (sign == c) return true;
    }
    return false;
}

void cli_wrap(FILE *f, const char *text, int indent, int at)
{
    int width = cli_width() < 120 ? cli_width() : 120;
    while (*text) {
        /* a unit that stays together: a word with the blanks before it, or one wide character with its punctuation */
        const char *end = text;
        int32_t c = 0, before = 0;
        while (*end == ' ') end++;
        const char *word = end;
        while (*end && *end != ' ' && *end != '\n') {
            int n = decode(end, &c);
            bool closing = one_of(c, "，。；：、！？）”》…"), bound = one_of(before, "（“《");
            bool wide = char_columns(c) == 2 || char_columns(before) == 2;
            if (end > word && wide && !closing && !bound) break;
            end += n, before = c;
        }
        char unit[512];
        snprintf(unit, sizeof unit, "%.*s", (int)(end - text), text);
        if (*text == '\n' || (at + cli_columns(unit) >= width && at > indent)) {
            fprintf(f, "\n%*s", indent, "");
            at = indent;
            if (*text == '\n') {
                text++;
                continue;
            }
            snprintf(unit, sizeof unit, "%.*s", (int)(end - word), word);
        }
        fputs(unit, f);
        at += cli_columns(unit);
        text = end;
    }
    fputc('\n', f);
}

/* ---- numbers and strings ---------------------------------------------------------------------------------------------------- */
char *cli_human_count(char out[32], double n)
{
    char digits[32];
    int len = snprintf(digits, sizeof digits, "%.0f", fabs(n) < 9.3e18 ? n : 0), at = 0;
    if (!(fabs(n) < 9.3e18)) {
        snprintf(out, 32, "%.3g", n);
        return out;
    }
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-') out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = 0;
    return out;
}

char *cli_human_things(char out[64], double n, const char *one, const char *many, const char *zh)
{
    char number[32];
    const char *gap = cli_say(" ", ""), *name = cli_say(n == 1 ? one : many, zh);
    snprintf(out, 64, "%s%s%s", cli_human_count(number, n), gap, name);
    return out;
}

char *cli_human_bytes(char out[32], double n)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    int u = 0;
    for (; fabs(n) >= 999.5 && u < 5; u++) n /= 1000;
    snprintf(out, 32, "%.*f %s", u == 0 || fabs(n) >= 99.95 ? 0 : 1, n, u == 0 && n == 1 ? "byte" : units[u]);
    return out;
}

char *cli_human_time(char out[32], double s)
{
    int64_t t = s >= 0 && s < 1e9 ? (int64_t)(s + 0.5) : 0;
    if (!(s >= 0 && s < 1e9))
        snprintf(out, 32, "?");
    else if (s < 9.95)
        snprintf(out, 32, "%.1fs", s);
    else if (t < 60)
        snprintf(out, 32, "%ds", (int)t);
    else if (t < 3600)
        snprintf(out, 32, "%dm %02ds", (int)(t / 60), (int)(t % 60));
    else
        snprintf(out, 32, "%dh %02dm", (int)(t / 3600), (int)(t / 60 % 60));
    return out;
}

void cli_json_bytes(FILE *f, const char *text, size_t n)
{
    fputc('"', f);
    for (size_t at = 0, left; (left = n - at) > 0;) {
        char four[5] = "";
        int32_t c;
        memcpy(four, text + at, left < 4 ? left : 4);
        int length = decode(four, &c);
        if (c < 0)
            fputs("\xEF\xBF\xBD", f);
        else if (c == '"' || c == '\\')
            fprintf(f, "\\%c", (int)c);
        else if (c == '\n')
            fputs("\\n", f);
        else if (c == '\t')
            fputs("\\t", f);
        else if (c < 0x20 || c == 0x7F)
            fprintf(f, "\\u%04x", (unsigned)c);
        else
            fwrite(four, 1, (size_t)length, f);
        at += (size_t)length;
    }
    fputc('"', f);
}

void cli_json_string(FILE *f, const char *text) { cli_json_bytes(f, text, strlen(text)); }

/* ---- errors and messages ------------------------------------------------------------------------------------------------------ */
static void complain(const char *message, const char *hint)
{
    cli_live_clear();
    fflush(stdout);
    fprintf(stderr, "%s%s%s%s\n", cli_color(stderr, CLI_RED), cli_say("error: ", "错误："), cli_color(stderr, CLI_PLAIN), message);
    if (hint && *hint)
        fprintf(stderr, "%s%s%s%s\n", cli_color(stderr, CLI_CYAN), cli_say("hint: ", "提示："), cli_color(stderr, CLI_PLAIN), hint);
}

int cli_fail(const lf_error *err)
{
    complain(err->message[0] ? err->message : "failed without a reason", *err->hint_zh ? cli_say(err->hint, err->hint_zh) : err->hint);
    return err->code == LF_OK ? CLI_FAILED : lf_code_exit(err->code);
}

int cli_usage_error(const char *hint, const char *format, ...)
{
    char message[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    complain(message, hint);
    return CLI_USAGE;
}

void cli_log_sink(lf_log_level level, const char *text, void *user)
{
    (void)user;
    if (level == LF_LOG_DEBUG) return;
    bool warning = level == LF_LOG_WARNING, note = level == LF_LOG_NOTE;
    cli_live_clear();
    fprintf(stderr, "%s%s%s%s\n", cli_color(stderr, warning ? CLI_YELLOW : CLI_DIM),
            warning ? cli_say("warning: ", "警告：")
            : note  ? cli_say("note: ", "说明：")
                    : "",
            cli_color(stderr, CLI_PLAIN), text);
}

/* ---- progress -------------------------------------------------------------------------------------------------------------------- */
static bool live; /* a live line stands on the terminal */

void cli_live_line(const char *text)
{
    if (!cli_is_terminal(stderr)) return;
    const char *p = text;
    for (int columns = 1; *p;) { /* cut at the edge: a line that wraps cannot be replaced */
        int32_t c;
        if (*p == '\033' && strchr(p, 'm')) {
            p = strchr(p, 'm') + 1;
            continue;
        }
        int n = decode(p, &c);
        if ((columns += char_columns(c)) > cli_width()) break;
        p += n;
    }
    fprintf(stderr, "\r\033[K%.*s%s", (int)(p - text), text, cli_color(stderr, CLI_PLAIN));
    fflush(stderr);
    live = true;
}

void cli_live_clear(void)
{
    if (live) fputs("\r\033[K", stderr);
    live = false;
}

double cli_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What the library calls its long work, and its units. */
static const char *in_language(const char *word)
{
    static const char *const words[][2] = {{"stories", "生成"},  {"reading", "读取"},   {"merging", "合并"},  {"prepare", "准备"},
                                           {"convert", "转换"},  {"pruning", "删减"},   {"merges", "次"},     {"merge", "次"},
                                           {"pieces", "个词元"}, {"weights", "个权重"}, {"tokens", "个词元"}, {"collect", "收集"},
                                           {"score", "打分"},    {"compare", "比较"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], word) == 0) return cli_say(word, words[i][1]);
    return word;
}

/* "10.4 MB", "1,234 merges" */
static char *amount(char out[64], double n, const char *unit, bool name)
{
    char number[32];
    if (n == 1 && strcmp(unit, "merges") == 0) unit = "merge";
    if (strcmp(unit, "bytes") == 0)
        snprintf(out, 64, "%s", cli_human_bytes(number, n));
    else
        snprintf(out, 64, "%s%s%.24s", cli_human_count(number, n), name ? " " : "", name ? in_language(unit) : "");
    return out;
}

/* Cells of a bar in eighths of a character. */
static void draw(char out[160], double share, int cells)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int full = (int)(share * cells * 8), at = 0;
    for (int i = 0; i < cells; i++) {
        int part = full - 8 * i;
        at += snprintf(out + at, (size_t)(160 - at), "%s", part >= 8 ? "█" : part > 0 ? eighths[part] : "·");
    }
}

double cli_rate_look(cli_rate *r, double now, double done, bool smooth)
{
    if (smooth && now - r->at < 0.5) return r->value;
    if (now <= r->at) return r->value;
    double rate = (done - r->done) / (now - r->at);
    *r = (cli_rate){now, done, smooth && r->value > 0 ? 0.6 * r->value + 0.4 * rate : rate};
    return r->value;
}

int cli_progress(const char *what, double done, double total, const char *unit, void *user)
{
    cli_bar *bar = user;
    double now = cli_now();
    bool terminal = cli_is_terminal(stderr), end = total > 0 && done >= total;
    if (bar->began == 0 || strncmp(bar->what, what, sizeof bar->what - 1) != 0) {
        *bar = (cli_bar){.began = now, .shown = terminal ? 0 : now, .rate = {.at = now, .done = done}};
        snprintf(bar->what, sizeof bar->what, "%s", what);
    }
    if (!end && now - bar->shown < (terminal ? 0.1 : 5.0)) return cli_interrupted();
    bar->shown = now;
    double seconds = now - bar->began, rate = cli_rate_look(&bar->rate, now, done, true);
    if (end || rate <= 0) rate = seconds > 0.01 ? done / seconds : 0;
    char text[768], a[64], b[64], c[64], t[32], cells[160];
    int at = snprintf(text, sizeof text, "%s  ", in_language(bar->what));
    if (total > 0) {
        double share = done < total ? done / total : 1;
        int room = cli_width() - 60;
        draw(cells, share, room < 8 ? 8 : room > 24 ? 24 : room);
        if (terminal)
            at +=
                snprintf(text + at, sizeof text - (size_t)at, "%s%s%s ", cli_color(stderr, CLI_CYAN), cells, cli_color(stderr, CLI_PLAIN));
        at += snprintf(text + at, sizeof text - (size_t)at, "%3.0f%%  %s / %s", floor(share * 100), amount(a, done, unit, false),
                       amount(b, total, unit, true));
    } else
        at += snprintf(text + at, sizeof text - (size_t)at, "%s", amount(a, done, unit, true));
    if (rate > 0) at += snprintf(text + at, sizeof text - (size_t)at, "  %s/s", amount(c, rate, unit, false));
    if (end && seconds >= 0.05)
        snprintf(text + at, sizeof text - (size_t)at, "  %s", cli_human_time(t, seconds));
    else if (!end && total > 0 && rate > 0)
        snprintf(text + at, sizeof text - (size_t)at, "  ETA %s", cli_human_time(t, (total - done) / rate));
    if (terminal && !end) {
        cli_live_line(text);
    } else {
        cli_live_clear();
        fprintf(stderr, "%s\n", text);
    }
    if (end) *bar = (cli_bar){0};
    return cli_interrupted();
}

/* ---- the words of a model ------------------------------------------------------------------------------------------------------------ */
/* Bytes of the control character that text begins with; 0: it begins with another. C0, DEL, and C1 as UTF-8 has it (C2 80 to C2 9F). */
static size_t control_size(const unsigned char *text, size_t n)
{
    if (text[0] == 0xC2 && n > 1 && text[1] >= 0x80 && text[1] < 0xA0) return 2;
    return (text[0] < 0x20 && !strchr("\t\n\r", text[0])) || text[0] == 0 || text[0] == 0x7F;
}

bool cli_show(const char *text, size_t n)
{
    bool terminal = cli_is_terminal(stdout), good = true;
    for (size_t at = 0, end, skip; at < n && good; at = end + skip) {
        for (end = at, skip = 0; end < n && !skip; end += !skip)
            skip = terminal ? control_size((const unsigned char *)text + end, n - end) : 0;
        good = fwrite(text + at, 1, end - at, stdout) == end - at && (!skip || fputs("\xEF\xBF\xBD", stdout) >= 0);
    }
    return good && fflush(stdout) == 0;
}

/* ---- signals ------------------------------------------------------------------------------------------------------------------------ */
static volatile sig_atomic_t signals_seen;

static void on_signal(int signal)
{
    if (signals_seen++) _exit(128 + signal);
}

void cli_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void on_interrupt(int signal)
{
    (void)signal;
    signals_seen = 1;
}

void cli_catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

void cli_forget_interrupt(void) { signals_seen = 0; }

bool cli_interrupted(void) { return signals_seen != 0; }
