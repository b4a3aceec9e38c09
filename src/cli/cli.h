/* cli.h - the frame every command shares: the table of commands, flags as data, words on a terminal. Glue only: commands use
 * <foundry/...> and libc, nothing of the library's inside.
 *
 * A command is one row of CLI_COMMANDS and one file cmd_<name>.c with int cmd_<name>(int argc, char **argv); argv[0] is the
 * command's own name; the result is the exit code (0 ok, 1 failed, 2 usage, 3 interrupted with everything saved). */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "foundry/foundry.h"

/* X(name, summary in English, summary in Chinese), in the order in which a newcomer meets them; chat_template is typed chat-template. */
#define CLI_COMMANDS(X)                                                                                                                    \
    X(doctor, "look at this machine and test the kernels", "检查这台机器，测试计算内核")                                                   \
    X(data, "text to train on: make it, prepare it, look at it", "训练数据：生成、准备、查看")                                             \
    X(tokenizer, "text to tokens and back: learn a vocabulary, use it, look at it", "文本与词元互换：学习词表、使用、查看")                \
    X(plan, "what a recipe needs before it is trained: size, memory, time", "训练之前先看：参数、内存、速度、时间")                        \
    X(train, "train a model as a recipe says; resumes by itself", "按配方训练模型；中断后自动续训")                                        \
    X(runs, "past runs side by side: list, show, compare, draw", "历次训练并排看：列出、查看、比较、画曲线")                               \
    X(verify, "train a golden run: is every loss what it should be?", "跑一次标准训练：每个损失都对吗？")                                  \
    X(generate, "continue a text with a trained model", "用训练好的模型续写文本")                                                          \
    X(chat, "talk with a model", "与模型对话")                                                                                             \
    X(chat_template, "conversations through a model's template: render, show", "用模型的模板处理对话：渲染、查看")                         \
    X(model, "models of the world, in and out: look, import, export, compare", "模型的进出：查看、导入、导出、比较")                       \
    X(eval, "how good a model is on a text: perplexity, KL divergence", "模型在一段文本上有多好：困惑度、KL 散度")                         \
    X(imatrix, "importance of the columns of weights, measured on a text", "在文本上测量权重各列的重要性")                                 \
    X(quantize, "a smaller model: weights of 4 to 8 bits in a GGUF file", "缩小模型：把权重写成 4 到 8 位的 GGUF 文件")                    \
    X(bench, "how fast this machine is, and how much of it the kernels use", "这台机器有多快，内核用到了几成")                             \
    X(learn, "write the parts of a language model yourself, checked as you go", "亲手写出语言模型的各个部件，边写边检查")                  \
    X(config, "write, show and check configurations", "写出、查看和检查配置")                                                              \
    X(help, "explain a command, or list all options", "解释一个命令，或列出全部选项")

#define CLI_DECLARE(name, en, zh) int cmd_##name(int argc, char **argv);
CLI_COMMANDS(CLI_DECLARE)
#undef CLI_DECLARE

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 3 };

/* ---- words (cli_term.c) -------------------------------------------------------------------------------------------------- */
/* The language of help and messages: --lang, else LC_ALL, LC_MESSAGES, LANG ("zh..." = Chinese). */
bool cli_set_language(const char *name); /* "en" or "zh"; false for anything else */
const char *cli_language(void);          /* "en" or "zh" */
bool cli_language_given(void);           /* by --lang    */
#if defined(__GNUC__)
__attribute__((format_arg(1), format_arg(2))) /* both may be printf formats, both are checked */
#endif
static inline const char *
cli_say(const char *en, const char *zh)
{
    return zh && cli_language()[0] == 'z' ? zh : en;
}

typedef enum cli_style { CLI_PLAIN, CLI_BOLD, CLI_DIM, CLI_RED, CLI_GREEN, CLI_YELLOW, CLI_CYAN } cli_style;
bool cli_is_terminal(FILE *f);
/* Words of a model to stdout, at once; false: errno says why not. On a terminal control characters are shown as U+FFFD (but for tabs,
 * newlines and returns): a text does not move the cursor or rename the window. n: whole characters. */
bool cli_show(const char *text, size_t n);
int cli_width(void);                                          /* columns of the terminal, 80 where there is none        */
int cli_columns(const char *text);                            /* that text takes: Chinese characters take two           */
const char *cli_color(FILE *f, cli_style style);              /* escape sequence, "" off a terminal or with NO_COLOR    */
void cli_pad(FILE *f, const char *text, int width);           /* text, then spaces up to width columns                 */
void cli_pad_left(FILE *f, const char *text, int width);      /* spaces, then text: it ends at width                   */
void cli_wrap(FILE *f, const char *text, int indent, int at); /* wrapped to the terminal, cursor being in column `at` */

/* Forms for people, into out (returned). */
char *cli_human_count(char out[32], double n); /* "12,345"            */
char *cli_human_bytes(char out[32], double n); /* "1.2 MB"            */
char *cli_human_time(char out[32], double s);  /* "3m 20s"            */
/* "1 story", "12,345 stories", "12,345 个故事": zh with its blank. */
char *cli_human_things(char out[64], double n, const char *one, const char *many, const char *zh);
void cli_json_string(FILE *f, const char *text); /* quoted and escaped; invalid UTF-8 becomes U+FFFD */
void cli_json_bytes(FILE *f, const char *text, size_t n);

/* "error: sentence" and "hint: ..." on stderr; returns the exit code of the error. */
int cli_fail(const lf_error *err);
/* The same for a mistake in the command line: always CLI_USAGE. hint may be NULL. */
int cli_usage_error(const char *hint, const char *format, ...) LF_PRINTF(2, 3);
/* Messages of the library: "note: ...", "warning: ..." on stderr. main installs it. */
void cli_log_sink(lf_log_level level, const char *text, void *user);

/* How fast something goes: what was done since the last look, a second; looks at least half a second apart may be smoothed. */
typedef struct cli_rate {
    double at, done, value; /* of the last look: monotonic seconds, amount, amount a second (0 = not known yet) */
} cli_rate;
double cli_rate_look(cli_rate *r, double now, double done, bool smooth);

/* An lf_progress. user: a cli_bar, zeroed before the first use. A live bar on a terminal, elsewhere a plain line every few seconds.
 * Returns non-zero once a signal asked to stop (see cli_catch_signals). */
typedef struct cli_bar {
    double began, shown; /* monotonic seconds; 0 = nothing shown yet */
    cli_rate rate;
    char what[64];
} cli_bar;
int cli_progress(const char *what, double done, double total, const char *unit, void *user);
/* A live line that the next call replaces (terminal only; elsewhere nothing). clear: before other output on stderr. */
void cli_live_line(const char *text);
void cli_live_clear(void);

/* SIGINT and SIGTERM set a mark instead of killing; a second one ends the process at once. */
void cli_catch_signals(void);
bool cli_interrupted(void);
/* For a program that goes on: SIGINT sets the mark, however often, until it is forgotten. */
void cli_catch_interrupts(void);
void cli_forget_interrupt(void);
double cli_now(void); /* monotonic seconds */

/* ---- files (cli_read.c) ----------------------------------------------------------------------------------------------------- */
typedef struct cli_bytes {
    char *data; /* [n], and a NUL behind it; freed by the caller */
    size_t n;
} cli_bytes;
/* All of a file, or of standard input for "-"; LF_E_LIMIT above max bytes. */
int cli_read(cli_bytes *out, const char *path, size_t max, lf_error *err);

/* ---- lines that somebody types (cli_line.c) ------------------------------------------------------------------------------- */
typedef struct cli_lines cli_lines;
/* Standard input by lines. On a terminal they are edited with the keys of a shell where libedit was found by the build, and kept in the
 * history file (NULL: nowhere), whose folder is made. NULL: out of memory. */
cli_lines *cli_lines_open(const char *history);
/* The next line without its newline; the caller frees it. prompt is shown on a terminal. NULL at the end of the input, and with
 * cli_interrupted() when Ctrl-C gave it up. A NUL byte becomes 0xFF, which is no text either. */
char *cli_lines_read(cli_lines *l, const char *prompt);
void cli_lines_close(cli_lines **l);
bool cli_lines_edited(const cli_lines *l); /* by libedit */

/* ---- flags as data (cli_args.c) -------------------------------------------------------------------------------------------- */
typedef enum cli_type {
    CLI_SWITCH, /* bool: no value                                                        */
    CLI_INT,    /* int64_t in [lo, hi]; 20M = 20,000,000, 4Ki = 4,096                    */
    CLI_REAL,   /* double in [lo, hi]                                                    */
    CLI_TEXT,   /* const char *, borrowed from argv                                      */
    CLI_TEXTS,  /* cli_texts: may be repeated; the first replaces the default            */
    CLI_CHOICE, /* const char *, one of choices "en|zh|mix"                              */
    CLI_OPTION  /* a key of the option table (choices = "sampler.top_k"), under a shorter name */
} cli_type;

/* What a model that talks may keep its weights as (lf_model_open). */
#define CLI_WEIGHTS "auto|f32|f16|bf16|q8_0|q4_0|iq4_nl|q4_k|q5_k|q6_k"

typedef struct cli_texts {
    const char *v[64];
    int n;
} cli_texts;

typedef struct cli_flag {
    const char *name; /* "--max-tokens"                                               */
    char letter;      /* 'o' for -o, 0 = none                                         */
    cli_type type;
    void *value; /* set to the default before parsing; NULL for CLI_OPTION       */
    double lo, hi;
    const char *choices;
    const char *meta; /* what stands for the value in help: "FILE"; NULL = by type    */
    const char *help, *help_zh;
} cli_flag;

/* What a command takes. All texts but flags may be NULL. */
typedef struct cli_spec {
    const char *name;                 /* "data synth"                                                */
    const char *summary, *summary_zh; /* one line                                                    */
    const char *example;              /* one or more command lines, newline-separated                */
    const char *usage;                /* "foundry data synth -o FILE [flags]"                        */
    const char *notes, *notes_zh;     /* a paragraph below the flags                                 */
    const cli_flag *flags;            /* ends with a row whose name is NULL                          */
    int min_args, max_args;           /* positional arguments                                        */
    bool config_keys;                 /* --train.lr 3e-4 and every other key of the option table too */
} cli_spec;

#define CLI_SET_MAX 128
typedef struct cli_args {
    int n; /* positional arguments */
    char **v;
    struct {
        const char *key, *value, *flag;
    } set[CLI_SET_MAX]; /* keys of the option table that were given, in order */
    int n_set;
    const cli_spec *spec;
    uint64_t given; /* a bit per row of spec->flags that was given */
    int exit;       /* when cli_parse returns false: what the command returns */
} cli_args;

/* Fills the flags' variables and args (positional arguments are moved to the front of argv). Prints help for --help. Returns false when the
 * command is done: `if (!cli_parse(&spec, argc, argv, &args)) return args.exit;` */
bool cli_parse(const cli_spec *spec, int argc, char **argv, cli_args *args);
bool cli_given(const cli_args *args, const char *name); /* "--vocab-size", whatever its value */
/* The option table's part of the command line over config, environment first: FOUNDRY_ISA for isa, FOUNDRY_TRAIN_LR for train.lr.
 * A file is loaded before this, lf_config_check is called after it. */
int cli_config_apply(lf_config *config, const cli_args *args, lf_error *err);
void cli_print_help(FILE *f, const cli_spec *spec);

/* cmd_bench_infer.c: `foundry bench infer`; argv[0] is "infer". */
int cmd_bench_infer(int argc, char **argv);
/* cmd_chat_template.c: variables of a template, from --var NAME=JSON. */
typedef struct cli_variables {
    lf_chat_variable v[64];
    char names[64][64];
    int n;
} cli_variables;
int cli_chat_variables(cli_variables *out, const cli_texts *texts, lf_error *err);

/* ---- models and texts (cli_model.c) ----------------------------------------------------------------------------------------- */
/* A model to talk with, the tokenizer beside it, and a smaller model that guesses for it. */
typedef struct cli_model {
    char dir[LF_CONFIG_PATH_MAX]; /* the checkpoint, folder or file that it was opened from */
    lf_model *model, *draft;      /* draft: NULL without one                                */
    lf_tokenizer *tokenizer;
} cli_model;
typedef struct cli_model_options {
    const char *which, *weights; /* "last", "best", "step-N" of a run; one of CLI_WEIGHTS */
    bool packed;
    const char *draft; /* NULL: none */
    int64_t speculate, ngram;
} cli_model_options;
/* After a failure, too, cli_model_close. */
int cli_model_open(cli_model *m, lf_device *device, const char *path, const cli_model_options *options, lf_error *err);
void cli_model_close(cli_model *m);
lf_speculation cli_speculation(const cli_model_options *options);

/* Rows of flags that say it; o: of cli_model_options, which begins as CLI_MODEL_OPTIONS. */
#define CLI_MODEL_OPTIONS                                                                                                                  \
    {                                                                                                                                      \
        .which = "last", .weights = "auto", .speculate = -1, .ngram = 4                                                                    \
    }
/* clang-format off */
#define CLI_CHECKPOINT_FLAG(variable)                                                                                                      \
    {.name = "--checkpoint", .letter = 'c', .type = CLI_TEXT, .value = &(variable), .meta = "last|best|step-N",                            \
     .help = "which checkpoint of a run", .help_zh = "使用哪个检查点"}
#define CLI_WEIGHTS_FLAG(variable)                                                                                                         \
    {.name = "--weights", .letter = 'w', .type = CLI_CHOICE, .value = &(variable), .choices = CLI_WEIGHTS,                                 \
     .help = "what weights are kept as; auto: as the file has them", .help_zh = "权重以何种类型保存在内存中；auto：与文件相同"}
#define CLI_PACKED_FLAG(variable)                                                                                                          \
    {.name = "--packed", .type = CLI_SWITCH, .value = &(variable),                                                                         \
     .help = "keep a packed copy of the weights beside the model, and open by it the next time",                                           \
     .help_zh = "在模型旁保存一份打包好的权重，下次直接映射打开"}
#define CLI_TALK_FLAGS(o)                                                                                                                  \
    CLI_CHECKPOINT_FLAG((o).which), CLI_WEIGHTS_FLAG((o).weights), CLI_PACKED_FLAG((o).packed),                                            \
    {.name = "--kv-type", .type = CLI_OPTION, .choices = "sampler.kv_type", .meta = LF_KV_TYPES},                                           \
    {.name = "--kv-memory", .type = CLI_OPTION, .choices = "sampler.kv_memory", .meta = "BYTES"},                                        \
    {.name = "--speculate", .type = CLI_INT, .value = &(o).speculate, .lo = 0, .hi = LF_GUESSES, .meta = "N",                              \
     .help = "guess up to N tokens ahead and check them in one step: the same text, sooner where it repeats itself (8 with --draft)",      \
     .help_zh = "预猜最多 N 个词元并在一步内核对：文本不变，重复处更快（与 --draft 同用时为 8）"},                                         \
    {.name = "--ngram", .type = CLI_INT, .value = &(o).ngram, .lo = 0, .hi = 64, .meta = "N",                                              \
     .help = "guesses are what followed when the last tokens, N at most, stood in the text before; 0: not looked for",                     \
     .help_zh = "以文中先前出现过的末尾（最多 N 个词元）之后的内容作为预猜；0：不查找"},                                                   \
    {.name = "--draft", .type = CLI_TEXT, .value = &(o).draft, .meta = "MODEL",                                                            \
     .help = "a smaller model with the same tokenizer that guesses where the text gives nothing to guess from",                            \
     .help_zh = "词表相同的小模型，在文中无可查找时由它预猜"},                                                                             \
    {.name = "--threads", .type = CLI_OPTION, .choices = "threads", .meta = "N"},                                                          \
    {.name = "--isa", .type = CLI_OPTION, .choices = "isa", .meta = "NAME"}
/* clang-format on */
/* As --threads and --isa say. */
lf_device *cli_device_open(const cli_args *args, lf_error *err);
lf_device *cli_device_of(const lf_config *config, lf_error *err); /* the device that a configuration asks for */
/* Shards, or a text ("-": standard input), as tokens of m. *kept: the text's bytes, read once for several models; the caller frees it. */
lf_eval_text *cli_eval_text(cli_bytes *kept, const char *path, const char *split, const cli_model *m, lf_error *err);

/* cmd_plan.c: prints what config needs after `seconds` of trying it; the exit code. */
int cli_plan(lf_device *device, const lf_config *config, double seconds, bool json);

/* Commands inside a command: argv[1] picks the row; without one, or with --help, lists them. Ends with a row of NULLs. */
typedef struct cli_command {
    const char *name; /* '_' is typed '-' */
    int (*run)(int argc, char **argv);
    const char *summary, *summary_zh;
} cli_command;
int cli_dispatch(const cli_command *table, const cli_spec *spec, int argc, char **argv);
void cli_print_commands(FILE *f, const cli_command *table);
/* The nearest of n names (stride bytes apart), or NULL: for "did you mean". */
const char *cli_nearest(const char *word, const char *const *names, int n);

#endif
