/* cmd_learn.c - foundry learn list | start | check | hint | watch | status: exercises as C files with a hole, in the learner's own folder.
 * The folder holds the files and progress.txt, which says what is done, in which language, and what comes next; nothing else is written. */
#include "cli/learn.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- progress --------------------------------------------------------------------------------------------------------------------- */
typedef struct progress {
    const char *dir;
    char language[3]; /* of the pages, "" = nothing was started yet */
    int current;      /* the exercise that check, hint and watch mean without a name */
    struct {
        bool done;
        int hints, checks;
    } of[LEARN_MAX];
} progress;

static char *page_path(char out[512], const progress *p, int exercise)
{
    bool here = strcmp(p->dir, ".") == 0;
    snprintf(out, 512, "%s%s%s.c", here ? "" : p->dir, here ? "" : "/", learn_exercises[exercise].name);
    return out;
}

/* "foundry learn check", in a folder that it finds by itself, else with the folder. */
static void print_command(const progress *p, const char *verb)
{
    bool found = strcmp(p->dir, ".") == 0 || strcmp(p->dir, "foundry-learn") == 0;
    printf("foundry learn %s%s%s", verb, found ? "" : " --dir ", found ? "" : p->dir);
}

/* The next one that is not done, going on behind the one at hand and then from the beginning; -1 = all are. */
static int next_open(const progress *p)
{
    for (int i = 0, n = learn_count(); i < n; i++)
        if (!p->of[(p->current + i) % n].done) return (p->current + i) % n;
    return -1;
}

static int n_done(const progress *p)
{
    int n = 0;
    for (int i = 0; i < learn_count(); i++) n += p->of[i].done;
    return n;
}

/* No folder yet is a beginning, not an error. Inside the folder itself, "." is meant. The folder's language is that of the words, too. */
static int load_progress(progress *p, const char *dir, lf_error *err)
{
    char path[512], *rest = NULL;
    *p = (progress){.dir = dir ? dir : access("progress.txt", F_OK) == 0 && access("01_utf8_count.c", F_OK) == 0 ? "." : "foundry-learn"};
    snprintf(path, sizeof path, "%.400s/progress.txt", p->dir);
    if (access(path, F_OK)) return 0;
    cli_bytes text;
    if (cli_read(&text, path, 1 << 16, err)) return -1;
    for (char *line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char name[64], state[16];
        int hints, checks;
        if (sscanf(line, "language %2s", p->language) == 1) continue;
        bool now = sscanf(line, "next %63s", name) == 1;
        if (!now && sscanf(line, "%63s %15s hints %d checks %d", name, state, &hints, &checks) != 4) continue;
        for (int i = 0; i < learn_count(); i++) {
            if (strcmp(learn_exercises[i].name, name) != 0) continue;
            if (now) {
                p->current = i;
                continue;
            }
            p->of[i].done = strcmp(state, "done") == 0;
            p->of[i].hints = hints < 0 ? 0 : hints > LEARN_HINTS ? LEARN_HINTS : hints, p->of[i].checks = checks < 0 ? 0 : checks;
        }
    }
    free(text.data);
    if (!cli_language_given()) cli_set_language(p->language);
    return 0;
}

static int save_progress(const progress *p, lf_error *err)
{
    char path[512], temporary[512];
    snprintf(path, sizeof path, "%.400s/progress.txt", p->dir);
    snprintf(temporary, sizeof temporary, "%.400s/progress.txt.new", p->dir);
    FILE *f = fopen(temporary, "w");
    if (f) {
        fprintf(f, "language %s\nnext %s\n", p->language, learn_exercises[p->current].name);
        for (int i = 0; i < learn_count(); i++)
            if (p->of[i].done || p->of[i].hints || p->of[i].checks)
                fprintf(f, "%s %s hints %d checks %d\n", learn_exercises[i].name, p->of[i].done ? "done" : "open", p->of[i].hints,
                        p->of[i].checks);
    }
    if (!f || fclose(f) || rename(temporary, path))
        return lf_error_set(err, LF_E_IO, cli_say("%s: cannot be written: %s", "%s：无法写入：%s"), path, strerror(errno));
    return 0;
}

/* The page that was saved last, if that was after progress.txt, which every command writes; else the one at hand. */
static int saved_last(const progress *p)
{
    char path[512];
    struct stat file;
    int last = p->current;
    snprintf(path, sizeof path, "%.400s/progress.txt", p->dir);
    if (stat(path, &file)) return last;
    struct timespec newest = file.st_mtim;
    for (int i = 0; i < learn_count(); i++) {
        if (stat(page_path(path, p, i), &file)) continue;
        struct timespec t = file.st_mtim;
        if (t.tv_sec > newest.tv_sec || (t.tv_sec == newest.tv_sec && t.tv_nsec > newest.tv_nsec)) last = i, newest = t;
    }
    return last;
}

/* The exercise that is meant: by name, else what the learner is at. */
static int pick(progress *p, const cli_args *args, lf_error *err)
{
    int exercise = args->n ? learn_find(args->v[0], err) : saved_last(p);
    if (exercise < 0) return -1;
    if (!*p->language) {
        lf_error_set(err, LF_E_NOT_FOUND, cli_say("there are no exercises in %s yet", "%s 里还没有练习"), p->dir);
        return lf_error_hint(err, "foundry learn start");
    }
    return p->current = exercise;
}

/* ---- words ------------------------------------------------------------------------------------------------------------------------ */
static const char *style(cli_style s) { return cli_color(stdout, s); }
static const char *plain(void) { return cli_color(stdout, CLI_PLAIN); }

static void print_heading(const progress *p, int exercise)
{
    char title[512], path[512];
    learn_field(title, exercise, "title", 0);
    printf("\n%s%2d  %s%s   %s%s%s\n\n", style(CLI_BOLD), exercise + 1, title, plain(), style(CLI_DIM), page_path(path, p, exercise),
           plain());
}

static void print_bar(const progress *p)
{
    int all = learn_count(), done = n_done(p);
    printf("%s", style(CLI_GREEN));
    for (int i = 0; i < all; i++) fputs(i < done ? "██" : i == done && style(CLI_DIM)[0] ? "\033[2m··" : "··", stdout);
    printf("%s  ", plain());
    printf(cli_say("%d of %d\n", "%d / %d\n"), done, all);
}

/* "read: FILE SYMBOL | FILE" as a sentence. */
static void print_reading(int exercise)
{
    char read[512], file[128] = "", symbol[64] = "", library[128] = "";
    learn_field(read, exercise, "read", 0);
    if (sscanf(read, "%127s %63s | %127s", file, symbol, library) != 3) return;
    printf(cli_say("  Written elsewhere: %s in %s; in the library: %s\n", "  别处的写法：%s，见 %s；库中的实现：%s\n"), symbol, file,
           library);
}

static void print_minutes(int exercise)
{
    char minutes[512];
    learn_field(minutes, exercise, "minutes", 0);
    printf(cli_say("%s%s min%s", "%s%s 分钟%s"), style(CLI_DIM), minutes, plain());
}

static char *number(char out[32], double x)
{
    if (isnan(x))
        snprintf(out, 32, "nan");
    else if (x == floor(x) && fabs(x) < 1e15)
        snprintf(out, 32, "%.0f", x);
    else
        snprintf(out, 32, "%.6g", x);
    return out;
}

/* "y[3]", "scores[1][4]", "loss" */
static char *element(char out[128], const learn_values *v, int index, bool zh)
{
    const char *bar = strchr(v->name, '|');
    if (v->rows == 0)
        snprintf(out, 128, "%.*s", bar && !zh ? (int)(bar - v->name) : 64, bar && zh ? bar + 1 : v->name);
    else if (v->rows == 1)
        snprintf(out, 128, "%s[%d]", v->name, index);
    else
        snprintf(out, 128, "%s[%d][%d]", v->name, index / v->cols, index % v->cols);
    for (char *c = out; *c; c++) *c = *c == '_' && v->rows == 0 ? ' ' : *c;
    return out;
}

/* The neighbourhood of the first difference, expected above, yours below. */
static void print_rows(const learn_result *r)
{
    char text[32], name[64];
    int cols = r->expected.cols, row = r->index / cols, at = r->index % cols, from = at > 2 ? at - 2 : 0,
        to = from + 6 < cols ? from + 6 : cols;
    if (to - from < 2) return;
    printf("\n%15s", "");
    for (int i = from; i < to; i++) snprintf(name, sizeof name, "[%d]", i), printf("%s%12s%s", style(CLI_DIM), name, plain());
    for (int mine = 0; mine < 2; mine++) {
        printf("\n      ");
        cli_pad(stdout, mine ? cli_say("yours", "你的") : cli_say("expected", "应为"), 9);
        for (int i = from; i < to; i++) {
            double x = NAN;
            bool there = learn_value(&x, mine ? &r->got : &r->expected, row * cols + i);
            printf("%s%12s%s", i == at ? style(mine ? CLI_RED : CLI_GREEN) : "", there ? number(text, x) : "-", i == at ? plain() : "");
        }
    }
    puts("");
}

static void print_case(const char *text, int n, bool passed)
{
    const char *bar = memchr(text, '|', (size_t)n);
    int english = bar ? (int)(bar - text) : n;
    bool zh = cli_language()[0] == 'z';
    printf("  %s%s%s %.*s\n", style(passed ? CLI_GREEN : CLI_RED), passed ? "✓" : "✗", plain(), zh ? n - english - 1 : english,
           zh ? bar + 1 : text);
}

static void print_difference(const learn_result *r, int exercise)
{
    char where[128], a[32], b[32], mistake[512];
    printf(cli_say("\n      %s should be %s%s%s, yours is %s%s%s\n", "\n      %s 应为 %s%s%s，你的是 %s%s%s\n"),
           element(where, &r->expected, r->index, cli_language()[0] == 'z'), style(CLI_GREEN), number(a, r->expected_value), plain(),
           style(CLI_RED), number(b, r->got_value), plain());
    print_rows(r);
    if (r->mistake && learn_field(mistake, exercise, "mistake", r->mistake - 1))
        printf("\n  %s%s%s%s\n", style(CLI_YELLOW), cli_say("This looks like it: ", "看起来是："), plain(), mistake);
    else if (isnan(r->got_value))
        printf("\n  %s\n", cli_say("NaN is what was there before: was this element written? Or is it 0 / 0?",
                                   "NaN 是原来就在那里的值：这个元素写过吗？还是 0 / 0？"));
}

/* Is the file still the page that was handed out? */
static bool untouched(const progress *p, int exercise)
{
    char path[512];
    cli_bytes text;
    lf_error ignored = {0};
    if (cli_read(&text, page_path(path, p, exercise), 1 << 20, &ignored)) return false;
    bool same = false;
    for (int zh = 0; zh < 2; zh++) {
        char *page = learn_page(exercise, zh ? "zh" : "en");
        same |= page && strcmp(page, text.data) == 0;
        free(page);
    }
    free(text.data);
    return same;
}

static void print_result(const progress *p, int exercise, const learn_result *r)
{
    char path[512];
    print_heading(p, exercise);
    for (int i = 0; i < r->n_passed; i++) print_case(r->cases[i].text, r->cases[i].n, true);
    if (r->verdict == LEARN_PASSED) {
        printf("\n  %s%s%s  ", style(CLI_GREEN), cli_say("Solved.", "完成。"), plain());
        print_bar(p);
        print_reading(exercise);
        if (next_open(p) < 0) {
            printf("\n  %s\n\n", cli_say("That was the last one. Now train a whole model: foundry train --help",
                                         "全部完成。现在来训练一个完整的模型：foundry train --help"));
            return;
        }
        char title[512];
        learn_field(title, p->current, "title", 0);
        printf(cli_say("\n  Next: %s%s%s, in %s\n\n", "\n  下一个：%s%s%s，在 %s\n\n"), style(CLI_BOLD), title, plain(),
               page_path(path, p, p->current));
        return;
    }
    if (r->n_cases > r->n_passed) print_case(r->cases[r->n_passed].text, r->cases[r->n_passed].n, false);
    switch (r->verdict) {
    case LEARN_NOT_BUILT:
        printf("  %s\n", cli_say("The compiler does not accept it yet; its words stand above.", "编译器还不接受；它的话在上面。"));
        break;
    case LEARN_NOT_LINKED:
        printf("  %s\n", cli_say("It compiles, but the function is not found: keep its name and its arguments as they were.",
                                 "能编译，但找不到要检查的函数：名称和参数请保持原样。"));
        break;
    case LEARN_TOO_LONG:
        printf("\n      %s\n", cli_say("It did not come to an end: is there a loop whose condition never changes?",
                                       "程序停不下来：有没有条件永远不变的循环？"));
        break;
    case LEARN_CRASHED: printf("\n      %s%s%s\n", style(CLI_RED), cli_say("It broke off:", "程序中断："), plain()); break;
    case LEARN_SILENT:
        printf("\n      %s\n",
               cli_say("It ended before the check did: does it call exit()?", "检查还没结束程序就退出了：是不是调用了 exit()？"));
        break;
    case LEARN_DIFFERENT:
        if (!untouched(p, exercise)) print_difference(r, exercise);
        break;
    case LEARN_PASSED: break;
    }
    for (const char *line = r->trouble; *line; line += strcspn(line, "\n"), line += *line == '\n')
        printf("      %.*s\n", (int)strcspn(line, "\n"), line);
    if (untouched(p, exercise))
        printf(cli_say("\n  Not begun yet: open %s and write what belongs where it says YOUR TURN.\n\n",
                       "\n  还没开始：打开 %s，在“到你了”的地方写出代码。\n\n"),
               page_path(path, p, exercise));
    else {
        printf("\n  %s%s%s ", style(CLI_CYAN), cli_say("Stuck? ", "卡住了？"), plain());
        print_command(p, "hint");
        puts("\n");
    }
}

static void print_json_result(const progress *p, int exercise, const learn_result *r)
{
    static const char *const verdicts[] = {"passed", "different", "not-built", "not-linked", "crashed", "too-long", "silent"};
    char path[512], where[128];
    printf("{\"exercise\": ");
    cli_json_string(stdout, learn_exercises[exercise].name);
    printf(", \"file\": ");
    cli_json_string(stdout, page_path(path, p, exercise));
    printf(", \"verdict\": \"%s\", \"cases_passed\": %d", verdicts[r->verdict], r->n_passed);
    if (r->verdict == LEARN_DIFFERENT) {
        printf(", \"where\": ");
        cli_json_string(stdout, element(where, &r->expected, r->index, false));
        printf(isfinite(r->expected_value) ? ", \"expected\": %.9g" : ", \"expected\": \"%g\"", r->expected_value);
        printf(isfinite(r->got_value) ? ", \"actual\": %.9g" : ", \"actual\": \"%g\"", r->got_value);
        printf(", \"mistake\": %d", r->mistake);
    }
    if (*r->trouble) printf(", \"trouble\": "), cli_json_string(stdout, r->trouble);
    puts("}");
}

/* ---- list, status ------------------------------------------------------------------------------------------------------------------ */
#define DIR_FLAG                                                                                                                           \
    {                                                                                                                                      \
        .name = "--dir", .type = CLI_TEXT, .value = &dir, .meta = "DIR",                                                                   \
        .help = "your folder; without it: foundry-learn, or the one you are in",                                                           \
        .help_zh = "你的目录；不给则为 foundry-learn，或当前所在的练习目录"                                            \
    }
#define JSON_FLAG                                                                                                                          \
    {                                                                                                                                      \
        .name = "--json", .type = CLI_SWITCH, .value = &json, .help = "for programs", .help_zh = "供程序读取"                         \
    }

static void list_json(const progress *p)
{
    char title[512];
    for (int i = 0; i < learn_count(); i++) {
        printf(i ? ",\n " : "[");
        printf("{\"exercise\": \"%s\", \"title\": ", learn_exercises[i].name);
        learn_field(title, i, "title", 0);
        cli_json_string(stdout, title);
        printf(", \"done\": %s, \"hints\": %d, \"checks\": %d}", p->of[i].done ? "true" : "false", p->of[i].hints, p->of[i].checks);
    }
    puts("]");
}

static int run_list(int argc, char **argv)
{
    const char *dir = NULL;
    bool json = false;
    const cli_flag flags[] = {DIR_FLAG, JSON_FLAG, {0}};
    const cli_spec spec = {.name = "learn list",
                           .summary = "all exercises, in the order of the course",
                           .summary_zh = "全部练习，按课程顺序",
                           .example = "foundry learn list",
                           .usage = "foundry learn list [--json]",
                           .flags = flags};
    cli_args args;
    progress p;
    lf_error err = {0};
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    if (load_progress(&p, dir, &err)) return cli_fail(&err);
    if (json) return list_json(&p), CLI_OK;
    puts("");
    for (int i = 0; i < learn_count(); i++) {
        char title[512];
        bool now = *p.language && i == p.current && !p.of[i].done;
        learn_field(title, i, "title", 0);
        printf("  %s%s%s %2d  %s", style(p.of[i].done ? CLI_GREEN : CLI_CYAN),
               p.of[i].done ? "✓"
               : now        ? "▸"
                            : " ",
               plain(), i + 1, style(CLI_CYAN));
        cli_pad(stdout, strchr(learn_exercises[i].name, '_') + 1, 18);
        printf("%s  ", plain());
        cli_pad(stdout, title, 34);
        print_minutes(i);
        puts("");
    }
    printf("\n  ");
    if (*p.language)
        print_bar(&p);
    else
        puts(cli_say("Begin: foundry learn start", "开始：foundry learn start"));
    puts("");
    return CLI_OK;
}

static int run_status(int argc, char **argv)
{
    const char *dir = NULL;
    bool json = false;
    const cli_flag flags[] = {DIR_FLAG, JSON_FLAG, {0}};
    const cli_spec spec = {.name = "learn status",
                           .summary = "how far you are, and what is next",
                           .summary_zh = "进度如何，下一步是什么",
                           .example = "foundry learn status",
                           .usage = "foundry learn status [--json]",
                           .flags = flags};
    cli_args args;
    progress p;
    lf_error err = {0};
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    if (load_progress(&p, dir, &err)) return cli_fail(&err);
    int hints = 0, checks = 0, done = n_done(&p), next = next_open(&p);
    for (int i = 0; i < learn_count(); i++) hints += p.of[i].hints, checks += p.of[i].checks;
    if (json) {
        printf("{\"exercises\": %d, \"done\": %d, \"hints\": %d, \"checks\": %d, \"next\": ", learn_count(), done, hints, checks);
        if (next < 0)
            puts("null}");
        else
            printf("\"%s\"}\n", learn_exercises[next].name);
        return CLI_OK;
    }
    if (!*p.language) {
        puts(cli_say("Nothing begun yet: foundry learn start", "还没有开始：foundry learn start"));
        return CLI_OK;
    }
    char path[512], title[512];
    printf("\n  ");
    print_bar(&p);
    char a[64], b[64];
    printf(cli_say("  %s, %s\n", "  %s，%s\n"), cli_human_things(a, checks, "check", "checks", " 次检查"),
           cli_human_things(b, hints, "hint", "hints", " 条提示"));
    if (next >= 0) {
        learn_field(title, next, "title", 0);
        printf(cli_say("\n  Next: %s%s%s, in %s  ", "\n  下一个：%s%s%s，在 %s  "), style(CLI_BOLD), title, plain(),
               page_path(path, &p, next));
        print_minutes(next);
        puts("");
    }
    puts("");
    return CLI_OK;
}

/* ---- start ------------------------------------------------------------------------------------------------------------------------- */
/* The page of an exercise, if it is not there; again: a fresh one, and the learner's beside it as NAME.c.old. 1 = written. */
static int hand_out(const progress *p, int exercise, bool again, lf_error *err)
{
    char path[512], old[520];
    page_path(path, p, exercise);
    if (access(path, F_OK) == 0) {
        snprintf(old, sizeof old, "%s.old", path);
        if (!again) return 0;
        if (rename(path, old))
            return lf_error_set(err, LF_E_IO, cli_say("%s: cannot be renamed: %s", "%s：无法改名：%s"), path, strerror(errno));
    }
    char *page = learn_page(exercise, p->language);
    FILE *f = page ? fopen(path, "w") : NULL;
    bool bad = !f || fputs(page, f) < 0;
    if (f) bad |= fclose(f) != 0;
    free(page);
    return bad ? lf_error_set(err, LF_E_IO, cli_say("%s: cannot be written: %s", "%s：无法写入：%s"), path, strerror(errno)) : 1;
}

static int run_start(int argc, char **argv)
{
    const char *dir = NULL;
    bool again = false;
    /* clang-format off */
    const cli_flag flags[] = {
        DIR_FLAG,
        {.name = "--again", .type = CLI_SWITCH, .value = &again,
         .help = "a fresh page for NAME; yours is kept as NAME.c.old", .help_zh = "为 NAME 换一份新的；你写的保留为 NAME.c.old"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {.name = "learn start",
                           .summary = "write the exercises into your folder, or turn to one of them",
                           .summary_zh = "把练习写到你的目录里，或转到其中一个",
                           .example = "foundry learn start\nfoundry learn start rmsnorm --again",
                           .usage = "foundry learn start [NAME] [--dir DIR] [--again]",
                           .notes = "The language of the exercises is that of the first start: --lang en or zh, else LANG.",
                           .notes_zh = "练习的语言由第一次 start 决定：--lang en 或 zh，否则按 LANG。",
                           .flags = flags,
                           .max_args = 1};
    cli_args args;
    progress p;
    lf_error err = {0};
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    if (again && !args.n)
        return cli_usage_error("foundry learn start rmsnorm --again", "%s", cli_say("--again: which exercise?", "--again：哪个练习？"));
    if (load_progress(&p, dir, &err)) return cli_fail(&err);
    bool first = !*p.language;
    if (first) snprintf(p.language, sizeof p.language, "%s", cli_language());
    if ((p.current = args.n ? learn_find(args.v[0], &err) : p.current) < 0) return cli_fail(&err);
    if (mkdir(p.dir, 0777) && errno != EEXIST) {
        lf_error_set(&err, LF_E_IO, cli_say("%s: cannot be made: %s", "%s：无法创建：%s"), p.dir, strerror(errno));
        return cli_fail(&err);
    }
    for (int i = 0; i < learn_count(); i++)
        if (hand_out(&p, i, again && i == p.current, &err) < 0) return cli_fail(&err);
    if (again) p.of[p.current].done = false;
    if (save_progress(&p, &err)) return cli_fail(&err);
    char path[512];
    print_heading(&p, p.current);
    printf(
        cli_say("  Open %s%s%s, write what belongs where it says YOUR TURN, then\n\n", "  打开 %s%s%s，在“到你了”的地方写出代码，然后\n\n"),
        style(CLI_BOLD), page_path(path, &p, p.current), plain());
    const char *const next[][2] = {{"check", cli_say("is it right?", "对不对？")},
                                   {"watch", cli_say("the same whenever you save", "每次保存后自动检查")},
                                   {"hint", cli_say("a word of advice, three levels", "给点提示，共三级")}};
    for (int i = 0; i < 3; i++) {
        printf("  %s", style(CLI_CYAN));
        print_command(&p, next[i][0]);
        printf("%s%*s%s\n", plain(), 8 - (int)strlen(next[i][0]), "", next[i][1]);
    }
    puts("");
    return CLI_OK;
}

/* ---- check, watch ------------------------------------------------------------------------------------------------------------------- */
static int check(progress *p, int exercise, const char *cc, double seconds, bool json, lf_error *err)
{
    learn_result r;
    char path[512];
    if (learn_check(&r, exercise, page_path(path, p, exercise), cc, seconds, err)) {
        learn_result_free(&r);
        return cli_fail(err);
    }
    p->of[exercise].checks++;
    if (r.verdict == LEARN_PASSED) {
        p->of[exercise].done = true;
        if (next_open(p) >= 0) p->current = next_open(p);
    }
    int code = save_progress(p, err) ? cli_fail(err) : r.verdict == LEARN_PASSED ? CLI_OK : CLI_FAILED;
    if (json)
        print_json_result(p, exercise, &r);
    else
        print_result(p, exercise, &r);
    learn_result_free(&r);
    return code;
}

#define CHECK_FLAGS                                                                                                                        \
    {.name = "--cc",                                                                                                                       \
     .type = CLI_TEXT,                                                                                                                     \
     .value = &cc,                                                                                                                         \
     .meta = "\"COMPILER FLAGS\"",                                                                                                         \
     .help = "instead of cc, gcc or clang with the sanitizers they have",                                                                  \
     .help_zh = "不用 cc、gcc 或 clang 及其自带的检查器，改用这个"},                                                                       \
    {                                                                                                                                      \
        .name = "--seconds", .type = CLI_REAL, .value = &seconds, .lo = 0.1, .hi = 600, .help = "how long your code may run",              \
        .help_zh = "你的代码最多运行多少秒"                                                                                     \
    }

static int run_check(int argc, char **argv)
{
    const char *dir = NULL, *cc = NULL;
    bool json = false;
    double seconds = 10;
    const cli_flag flags[] = {DIR_FLAG, CHECK_FLAGS, JSON_FLAG, {0}};
    const cli_spec spec = {.name = "learn check",
                           .summary = "compile your file, run it, compare with what is right",
                           .summary_zh = "编译、运行你的文件，与正确结果比较",
                           .example = "foundry learn check\nfoundry learn check rope",
                           .usage = "foundry learn check [NAME] [flags]",
                           .flags = flags,
                           .max_args = 1};
    cli_args args;
    progress p;
    lf_error err = {0};
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    int exercise;
    if (load_progress(&p, dir, &err) || (exercise = pick(&p, &args, &err)) < 0) return cli_fail(&err);
    cli_catch_signals();
    return check(&p, exercise, cc, seconds, json, &err);
}

/* The exercise whose file a burst of events names (editors write, rename, and write again), or -1. */
static int saved_exercise(int fd)
{
    _Alignas(struct inotify_event) char events[4096];
    int saved = -1;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    for (int wait = 1000; poll(&ready, 1, wait) > 0; wait = 100) {
        ssize_t n = read(fd, events, sizeof events);
        for (char *at = events; n > 0 && at < events + n;) {
            const struct inotify_event *e = (const struct inotify_event *)(const void *)at;
            for (int i = 0; e->len && i < learn_count(); i++) {
                size_t len = strlen(learn_exercises[i].name);
                if (strncmp(e->name, learn_exercises[i].name, len) == 0 && strcmp(e->name + len, ".c") == 0) saved = i;
            }
            at += sizeof *e + e->len;
        }
        if (n <= 0) break;
    }
    return saved;
}

static int run_watch(int argc, char **argv)
{
    const char *dir = NULL, *cc = NULL;
    double seconds = 10;
    const cli_flag flags[] = {DIR_FLAG, CHECK_FLAGS, {0}};
    const cli_spec spec = {.name = "learn watch",
                           .summary = "check whenever you save a file, until Ctrl-C",
                           .summary_zh = "每次保存文件就检查，按 Ctrl-C 结束",
                           .example = "foundry learn watch",
                           .usage = "foundry learn watch [NAME] [flags]",
                           .flags = flags,
                           .max_args = 1};
    cli_args args;
    progress p;
    lf_error err = {0};
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    int exercise, fd = -1;
    if (load_progress(&p, dir, &err) || (exercise = pick(&p, &args, &err)) < 0) return cli_fail(&err);
    if ((fd = inotify_init1(IN_CLOEXEC)) < 0 || inotify_add_watch(fd, p.dir, IN_CLOSE_WRITE | IN_MOVED_TO) < 0) {
        lf_error_set(&err, LF_E_IO, cli_say("%s cannot be watched: %s", "无法监视 %s：%s"), p.dir, strerror(errno));
        if (fd >= 0) close(fd);
        return cli_fail(&err);
    }
    cli_catch_signals();
    while (!cli_interrupted()) {
        if (exercise >= 0) {
            if (cli_is_terminal(stdout)) fputs("\033[H\033[2J", stdout);
            check(&p, exercise, cc, seconds, false, &err);
            printf("  %s%s%s\n", style(CLI_DIM), cli_say("watching; Ctrl-C ends", "正在监视；Ctrl-C 结束"), plain());
            fflush(stdout);
            lf_error_reset(&err);
        }
        exercise = saved_exercise(fd);
    }
    close(fd);
    puts("");
    return CLI_OK;
}

/* ---- hint --------------------------------------------------------------------------------------------------------------------------- */
static int run_hint(int argc, char **argv)
{
    const char *dir = NULL;
    int64_t level = 0;
    /* clang-format off */
    const cli_flag flags[] = {
        DIR_FLAG,
        {.name = "--level", .type = CLI_INT, .value = &level, .lo = 1, .hi = LEARN_HINTS,
         .help = "1 a direction, 2 the way, 3 nearly the code; without it: one more than last time", .help_zh = "1 方向，2 方法，3 接近代码；不给则比上次多一级"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {.name = "learn hint",
                           .summary = "a word of advice, a little more each time",
                           .summary_zh = "给点提示，每次多一点",
                           .example = "foundry learn hint",
                           .usage = "foundry learn hint [NAME] [--level N]",
                           .flags = flags,
                           .max_args = 1};
    cli_args args;
    progress p;
    lf_error err = {0};
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    int exercise;
    if (load_progress(&p, dir, &err) || (exercise = pick(&p, &args, &err)) < 0) return cli_fail(&err);
    int *seen = &p.of[exercise].hints, show = level ? (int)level : *seen < LEARN_HINTS ? *seen + 1 : LEARN_HINTS;
    if (show > *seen) *seen = show;
    print_heading(&p, exercise);
    for (int i = 0; i < show; i++) {
        char hint[512];
        learn_field(hint, exercise, "hint", i);
        printf("  %s%d%s  ", style(i + 1 == show ? CLI_CYAN : CLI_DIM), i + 1, i + 1 == show ? plain() : "");
        cli_wrap(stdout, hint, 5, 5);
        fputs(plain(), stdout);
    }
    puts("");
    if (show == LEARN_HINTS) print_reading(exercise), puts("");
    return save_progress(&p, &err) ? cli_fail(&err) : CLI_OK;
}

int cmd_learn(int argc, char **argv)
{
    static const cli_command table[] = {{"list", run_list, "all exercises, in the order of the course", "全部练习，按课程顺序"},
                                        {"start", run_start, "write the exercises into your folder", "把练习写到你的目录里"},
                                        {"check", run_check, "compile your file, run it, compare", "编译、运行、比较"},
                                        {"hint", run_hint, "a word of advice, a little more each time", "给点提示，每次多一点"},
                                        {"watch", run_watch, "check whenever you save a file", "每次保存文件就检查"},
                                        {"status", run_status, "how far you are, and what is next", "进度如何，下一步是什么"},
                                        {0}};
    static const cli_spec spec = {.name = "learn",
                                  .summary = "write the parts of a language model yourself, checked as you go",
                                  .summary_zh = "亲手写出语言模型的各个部件，边写边检查",
                                  .example = "foundry learn start\nfoundry learn watch",
                                  .usage = "foundry learn list|start|check|hint|watch|status ..."};
    return cli_dispatch(table, &spec, argc, argv);
}
