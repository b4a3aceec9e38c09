/* cmd_generate.c - `foundry generate`: a model talks. Text goes to stdout as it is made; the prompt (on a terminal) in a dim colour;
 * figures go to stderr. Of several texts that are made side by side one is shown, the others wait for their turn. */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

enum { PROMPT_MAX = 64 << 20, LOGPROBS_MAX = 1000 };

static cli_model_options options = CLI_MODEL_OPTIONS;
static const char *prompt_text, *prompt_file, *prompt_cache;
static int64_t count = 1, logprobs = -1, prompt_logprobs = -1; /* -1: not wanted */
static cli_texts stops;
static bool json, stats_wanted;

/* clang-format off */
static const cli_flag flags[] = {
    {.name = "--prompt", .letter = 'p', .type = CLI_TEXT, .value = &prompt_text, .meta = "TEXT",
     .help = "how the text begins; none: a new document", .help_zh = "文本的开头；不给则从新文档开始"},
    {.name = "--prompt-file", .letter = 'f', .type = CLI_TEXT, .value = &prompt_file, .meta = "FILE",
     .help = "the prompt from a file (- = standard input); one newline at its end is dropped",
     .help_zh = "从文件读取开头（- 为标准输入）；末尾的一个换行会去掉"},
    {.name = "--max-tokens", .letter = 'n', .type = CLI_OPTION, .choices = "sampler.max_tokens", .meta = "N"},
    {.name = "--temperature", .letter = 't', .type = CLI_OPTION, .choices = "sampler.temperature", .meta = "X"},
    {.name = "--top-k", .type = CLI_OPTION, .choices = "sampler.top_k", .meta = "N"},
    {.name = "--top-p", .type = CLI_OPTION, .choices = "sampler.top_p", .meta = "X"},
    {.name = "--min-p", .type = CLI_OPTION, .choices = "sampler.min_p", .meta = "X"},
    {.name = "--repetition-penalty", .type = CLI_OPTION, .choices = "sampler.repetition_penalty", .meta = "X"},
    {.name = "--frequency-penalty", .type = CLI_OPTION, .choices = "sampler.frequency_penalty", .meta = "X"},
    {.name = "--presence-penalty", .type = CLI_OPTION, .choices = "sampler.presence_penalty", .meta = "X"},
    {.name = "--penalty-last-n", .type = CLI_OPTION, .choices = "sampler.penalty_last_n", .meta = "N"},
    {.name = "--dry-multiplier", .type = CLI_OPTION, .choices = "sampler.dry_multiplier", .meta = "X"},
    {.name = "--dry-base", .type = CLI_OPTION, .choices = "sampler.dry_base", .meta = "X"},
    {.name = "--dry-allowed-length", .type = CLI_OPTION, .choices = "sampler.dry_allowed_length", .meta = "N"},
    {.name = "--dry-last-n", .type = CLI_OPTION, .choices = "sampler.dry_last_n", .meta = "N"},
    {.name = "--dry-sequence-breakers", .type = CLI_OPTION, .choices = "sampler.dry_sequence_breakers", .meta = "TEXTS"},
    {.name = "--top-n-sigma", .type = CLI_OPTION, .choices = "sampler.top_n_sigma", .meta = "X"},
    {.name = "--typical-p", .type = CLI_OPTION, .choices = "sampler.typical_p", .meta = "X"},
    {.name = "--xtc-probability", .type = CLI_OPTION, .choices = "sampler.xtc_probability", .meta = "X"},
    {.name = "--xtc-threshold", .type = CLI_OPTION, .choices = "sampler.xtc_threshold", .meta = "X"},
    {.name = "--dynatemp-range", .type = CLI_OPTION, .choices = "sampler.dynatemp_range", .meta = "X"},
    {.name = "--dynatemp-exponent", .type = CLI_OPTION, .choices = "sampler.dynatemp_exponent", .meta = "X"},
    {.name = "--mirostat", .type = CLI_OPTION, .choices = "sampler.mirostat", .meta = "0|1|2"},
    {.name = "--mirostat-tau", .type = CLI_OPTION, .choices = "sampler.mirostat_tau", .meta = "X"},
    {.name = "--mirostat-eta", .type = CLI_OPTION, .choices = "sampler.mirostat_eta", .meta = "X"},
    {.name = "--logit-bias", .type = CLI_OPTION, .choices = "sampler.logit_bias", .meta = "ID=X,..."},
    {.name = "--grammar", .type = CLI_OPTION, .choices = "sampler.grammar", .meta = "FILE"},
    {.name = "--json-schema", .type = CLI_OPTION, .choices = "sampler.json_schema", .meta = "FILE"},
    {.name = "--seed", .letter = 's', .type = CLI_OPTION, .choices = "sampler.seed", .meta = "N"},
    {.name = "--sampler-order", .type = CLI_OPTION, .choices = "sampler.order", .meta = "STAGES"},
    {.name = "--prompt-cache", .type = CLI_TEXT, .value = &prompt_cache, .meta = "FILE",
     .help = "keys and values of the prompt in a file: what it has of this prompt is not read again. It holds one text: a longer prompt adds "
             "to it, another one takes its place; in pieces of 64 tokens",
     .help_zh = "把开头的键值存入文件：其中与本次开头相同的部分不再重读。文件只存一篇：更长的开头会补入，另一篇则取代它；以 64 个词元为一块"},
    {.name = "--n", .type = CLI_INT, .value = &count, .lo = 1, .hi = 1000000, .meta = "N",
     .help = "that many texts side by side, with seeds S, S+1, ..., divided by " LF_END_TOKEN " lines",
     .help_zh = "并排生成 N 篇，种子为 S、S+1……，以 " LF_END_TOKEN " 行分隔"},
    {.name = "--stop", .type = CLI_TEXTS, .value = &stops, .meta = "TEXT",
     .help = "ends the text, and is not part of it; may be repeated",
     .help_zh = "遇到它即结束，且不输出它；可重复给出"},
    {.name = "--logprobs", .type = CLI_INT, .value = &logprobs, .lo = 0, .hi = LOGPROBS_MAX, .meta = "K",
     .help = "with each token the logarithm of its probability, and the K likeliest; before temperature and all other sampling",
     .help_zh = "附上每个词元概率的对数，以及最可能的 K 个；取自温度等一切采样步骤之前"},
    {.name = "--prompt-logprobs", .type = CLI_INT, .value = &prompt_logprobs, .lo = 0, .hi = LOGPROBS_MAX, .meta = "K",
     .help = "the same of the prompt's tokens", .help_zh = "开头各词元的同样数据"},
    CLI_TALK_FLAGS(options),
    {.name = "--json", .type = CLI_SWITCH, .value = &json,
     .help = "one JSON object per text: text, tokens, why it stopped, seconds",
     .help_zh = "每篇输出一个 JSON 对象：文本、词元数、停止原因、用时"},
    {.name = "--stats", .type = CLI_SWITCH, .value = &stats_wanted,
     .help = "seconds and speeds on stderr, and what part of the machine's memory bandwidth was used (measured for half a second); with "
             "--json one more object",
     .help_zh = "在标准错误输出用时和速度，以及用到内存带宽的几成（实测半秒）；与 --json 同用时多输出一个对象"},
    {0}};
/* clang-format on */

static const cli_spec spec = {
    .name = "generate",
    .summary = "continue a text with a trained model",
    .summary_zh = "用训练好的模型续写文本",
    .example = "foundry generate runs/stories-3m --prompt \"Once upon a time\" --max-tokens 200 --temperature 0.8\n"
               "echo \"To be, or not\" | foundry generate runs/shakespeare-char -\n"
               "foundry generate model.gguf --prompt \"Q: 2+2?\\nA:\" --stop \"Q:\" --n 4 --logprobs 3 --json",
    .usage = "foundry generate RUN|CHECKPOINT|MODEL_DIR|FILE.gguf [--prompt TEXT | --prompt-file FILE | -] [flags]",
    .notes = "A run means its newest whole checkpoint. The same seed gives the same text on any number of threads. Stages that "
             "--sampler-order does not name do not run. A prompt that is longer than the model's context is an error, never cut. "
             "Without a prompt the text begins as documents do in training. Ctrl-C ends the text, a second one the program.",
    .notes_zh = "给出运行目录时使用其最新的完整检查点。同一种子在任意线程数下生成相同文本。--sampler-order 未列出的步骤不执行。"
                "开头超过模型上下文即报错，绝不截断。不给开头时，文本像训练中的文档那样开始。"
                "Ctrl-C 结束当前文本，再按一次退出程序。",
    .flags = flags,
    .min_args = 1,
    .max_args = 2,
};

/* ---- bytes that grow -------------------------------------------------------------------------------------------------------- */
typedef struct bytes {
    char *data;
    size_t n, cap;
} bytes;

static void *room_for(bytes *b, size_t n)
{
    if (b->n + n > b->cap) {
        size_t cap = (b->n + n) * 2;
        char *more = realloc(b->data, cap);
        if (!more) return NULL;
        b->data = more, b->cap = cap;
    }
    b->n += n;
    return b->data + b->n - n;
}

/* ---- the prompt ------------------------------------------------------------------------------------------------------------- */
/* From exactly one of --prompt, --prompt-file and a second argument "-". */
static int get_prompt(cli_bytes *prompt, const cli_args *args, lf_error *err)
{
    const char *file = prompt_file ? prompt_file : args->n > 1 ? args->v[1] : NULL;
    if (args->n > 1 && strcmp(args->v[1], "-") != 0) {
        lf_error_set(err, LF_E_ARGUMENT, "one argument too many, \"%s\"", args->v[1]);
        return lf_error_hint(err, "--prompt \"%s\"", args->v[1]);
    }
    if ((prompt_text != NULL) + (prompt_file != NULL) + (args->n > 1) > 1)
        return lf_error_set(err, LF_E_ARGUMENT, "the prompt was given twice: one of --prompt, --prompt-file and - is enough");
    if (!file) {
        const char *text = prompt_text ? prompt_text : "";
        *prompt = (cli_bytes){strdup(text), strlen(text)};
        return prompt->data ? 0 : lf_error_set(err, LF_E_MEMORY, "no memory for the prompt");
    }
    if (cli_read(prompt, file, PROMPT_MAX, err)) return -1;
    if (prompt->n && prompt->data[prompt->n - 1] == '\n') prompt->data[--prompt->n] = 0;
    return 0;
}

/* ---- how likely tokens were --------------------------------------------------------------------------------------------------- */
/* One token: | chosen | k likeliest |, lf_logprob each; a list is such rows. The first token of a prompt has no probability: rows of zeros
 * and token -1 behind it. */
static bool add_logprobs(bytes *list, int k, const float *logits, int vocab, int32_t token)
{
    lf_logprob *row = room_for(list, (size_t)(k + 1) * sizeof *row);
    if (!row) return false;
    row[0] = (lf_logprob){token, 0};
    for (int i = 1; i <= k; i++) row[i].token = -1;
    if (logits) row[0].logprob = lf_logprobs(row + 1, k < vocab ? k : vocab, logits, vocab, token);
    return true;
}

static void print_token(FILE *f, const lf_tokenizer *t, int32_t id)
{
    size_t n = 0;
    bool special;
    const char *text = lf_tokenizer_token(t, id, &n, &special); /* NULL: an id that has none */
    cli_json_bytes(f, text ? text : "", n);
}

static void print_number(double logprob) /* JSON has no infinity */
{
    if (isfinite(logprob))
        printf("%.6f", logprob);
    else
        printf("null");
}

static void print_logprobs_json(const char *name, const bytes *list, int64_t k, const lf_tokenizer *t, bool of_prompt)
{
    const lf_logprob *row = (const lf_logprob *)(const void *)list->data, *end = row + list->n / sizeof *row;
    printf(", \"%s\": [", name);
    for (bool first = true; row < end; row += k + 1, first = false) {
        printf(first ? "{\"token\": " : ", {\"token\": ");
        print_token(stdout, t, row->token);
        printf(", \"id\": %d, \"logprob\": ", row->token);
        print_number(first && of_prompt ? NAN : row->logprob);
        printf(", \"top\": [");
        for (int i = 1; i <= k && row[i].token >= 0; i++) {
            printf(i > 1 ? ", {\"token\": " : "{\"token\": ");
            print_token(stdout, t, row[i].token);
            printf(", \"id\": %d, \"logprob\": ", row[i].token);
            print_number(row[i].logprob);
            printf("}");
        }
        printf("]}");
    }
    printf("]");
}

/* id, log-probability and text of each token, then of the likeliest. */
static void print_logprobs(const char *title, const bytes *list, int64_t k, const lf_tokenizer *t, bool of_prompt)
{
    const lf_logprob *row = (const lf_logprob *)(const void *)list->data, *end = row + list->n / sizeof *row;
    printf("%s%s%s\n", cli_color(stdout, CLI_BOLD), title, cli_color(stdout, CLI_PLAIN));
    for (bool first = true; row < end; row += k + 1, first = false) {
        char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);
        if (!f) return;
        print_token(f, t, row->token);
        fclose(f);
        printf("%8d  ", row->token);
        printf(first && of_prompt ? "       -  " : "%8.4f  ", row->logprob);
        cli_pad(stdout, text, k && row[1].token >= 0 ? 16 : 0);
        free(text);
        for (int i = 1; i <= k && row[i].token >= 0; i++) {
            printf("  ");
            print_token(stdout, t, row[i].token);
            printf(" %.4f", row[i].logprob);
        }
        printf("\n");
    }
}

/* ---- talking ------------------------------------------------------------------------------------------------------------------ */
typedef struct answer {
    bytes text, logprobs;
    int tokens, drafted, accepted;
    double first, last; /* seconds of cli_now: of its tokens */
    lf_finish finish;
} answer;

typedef struct talk {
    const lf_tokenizer *tokenizer;
    cli_bytes prompt;
    int32_t *prompt_tokens;        /* [n_prompt] */
    int n_prompt, n_cached, vocab; /* cached: found in the file of --prompt-cache */
    int64_t seed;
    double begun;
    answer *answers; /* [count] */
    int64_t shown;   /* the answer that is being shown; those before it are done with */
    bytes prompt_logprobs;
    bool broken, newline; /* stdout failed; what is on it ends with a newline */
    bool interrupted;
    int reason; /* errno of that */
} talk;

static void show(talk *t, const char *text, size_t n)
{
    if (n) t->newline = text[n - 1] == '\n';
    if (cli_show(text, n)) return;
    t->broken = true, t->reason = errno;
}

static double rate(double what, double seconds) { return seconds > 0 ? what / seconds : 0; }

static void print_json(talk *t, const answer *a, int64_t seed)
{
    double prefill = a->first - t->begun, decode = a->last - a->first;
    fputs("{\"prompt\": ", stdout);
    cli_json_bytes(stdout, t->prompt.data, t->prompt.n);
    fputs(", \"text\": ", stdout);
    cli_json_bytes(stdout, a->text.data ? a->text.data : "", a->text.n);
    printf(", \"seed\": %" PRId64
           ", \"prompt_tokens\": %d, \"cached_tokens\": %d, \"tokens\": %d, \"stop\": \"%s\", \"prefill_seconds\": %.6f, "
           "\"decode_seconds\": %.6f, \"prefill_tokens_per_second\": %.1f, \"decode_tokens_per_second\": %.1f",
           seed, t->n_prompt, t->n_cached, a->tokens,
           a->finish == LF_FINISH_NONE     ? "interrupted"
           : a->finish == LF_FINISH_LENGTH ? "max_tokens"
                                           : lf_finish_name(a->finish),
           prefill, decode, rate(t->n_prompt - t->n_cached, prefill), rate(a->tokens - 1, decode));
    if (cli_speculation(&options).tokens) printf(", \"drafted\": %d, \"accepted\": %d", a->drafted, a->accepted);
    if (prompt_logprobs >= 0) print_logprobs_json("prompt_logprobs", &t->prompt_logprobs, prompt_logprobs, t->tokenizer, true);
    if (logprobs >= 0) print_logprobs_json("logprobs", &a->logprobs, logprobs, t->tokenizer, false);
    fputs("}\n", stdout);
    show(t, "", 0);
}

/* The answer whose turn it is begins; what it has said already is said at once. */
static void begin_answer(talk *t)
{
    const answer *a = &t->answers[t->shown];
    if (json) return;
    if (t->shown) printf(LF_END_TOKEN "\n");
    if (cli_is_terminal(stdout) && t->prompt.n) {
        fputs(cli_color(stdout, CLI_DIM), stdout);
        show(t, t->prompt.data, t->prompt.n);
        fputs(cli_color(stdout, CLI_PLAIN), stdout);
    }
    t->newline = false;
    show(t, a->text.data ? a->text.data : "", a->text.n);
}

static void end_answer(talk *t)
{
    answer *a = &t->answers[t->shown];
    if (json)
        print_json(t, a, lf_seed_of(t->seed, t->shown));
    else {
        if (!t->newline) printf("\n");
        if (prompt_logprobs >= 0 && !t->shown)
            print_logprobs(cli_say("the prompt's tokens", "开头的词元"), &t->prompt_logprobs, prompt_logprobs, t->tokenizer, true);
        if (logprobs >= 0) print_logprobs(cli_say("tokens", "词元"), &a->logprobs, logprobs, t->tokenizer, false);
        show(t, "", 0);
        t->newline = true;
    }
    free(a->text.data), free(a->logprobs.data);
    a->text = a->logprobs = (bytes){0};
    t->shown++;
}

static int on_token(void *user, const lf_answer *word)
{
    talk *t = user;
    answer *a = &t->answers[word->branch];
    a->finish = word->finish, a->drafted = word->drafted, a->accepted = word->accepted;
    if (word->branch == 0) t->n_cached = word->cached_tokens;
    *(word->index ? &a->last : &a->first) = cli_now();
    if (!word->index) a->last = a->first;
    if (word->token >= 0 && word->finish != LF_FINISH_END) a->tokens++;
    char *copy = room_for(&a->text, word->text_bytes);
    bool failed = word->text_bytes && !copy;
    if (copy && word->text_bytes) memcpy(copy, word->text, word->text_bytes);
    if (logprobs >= 0 && word->token >= 0) failed |= !add_logprobs(&a->logprobs, (int)logprobs, word->logits, t->vocab, word->token);
    if (failed) t->broken = true, t->reason = ENOMEM;
    if (word->branch == t->shown && !json) show(t, word->text, word->text_bytes);
    while (t->shown < count && t->answers[t->shown].finish) {
        end_answer(t);
        if (t->shown < count) begin_answer(t);
    }
    return t->broken || cli_interrupted() ? -1 : 0;
}

static void on_prompt(void *user, int at, const float *logits)
{
    talk *t = user;
    if (!add_logprobs(&t->prompt_logprobs, (int)prompt_logprobs, logits, t->vocab, t->prompt_tokens[at]))
        t->broken = true, t->reason = ENOMEM;
}

static bool on_step(void *user)
{
    (void)user;
    return cli_interrupted();
}

/* ---- figures ---------------------------------------------------------------------------------------------------------------- */
static double read_rate(const lf_generate_stats *s) { return rate(s->prompt_tokens - s->cached_tokens, s->prefill_seconds); }

static void print_line(const lf_generate_stats *s)
{
    char a[64], b[32], c[64], d[32];
    fprintf(stderr, cli_say("%sprompt %s, ", "%s开头 %s，"), cli_color(stderr, CLI_DIM),
            cli_human_things(a, s->prompt_tokens, "token", "tokens", " 个词元"));
    if (s->cached_tokens) fprintf(stderr, cli_say("%s of them kept, ", "其中 %s 个已存，"), cli_human_count(b, s->cached_tokens));
    fprintf(stderr, cli_say("%s tok/s; ", "%s 词元/秒；"), cli_human_count(b, read_rate(s)));
    if (count > 1) fprintf(stderr, cli_say("%" PRId64 " texts of ", "%" PRId64 " 篇，共 "), count);
    fprintf(stderr, cli_say("%s, %s tok/s", "生成 %s，%s 词元/秒"), cli_human_things(c, (double)s->tokens, "token", "tokens", " 个词元"),
            cli_human_count(d, rate((double)s->tokens, s->decode_seconds)));
    if (count == 1 && s->finish == LF_FINISH_CONTEXT) fputs(cli_say("; the context is full", "；上下文已满"), stderr);
    if (s->drafted)
        fprintf(stderr, cli_say("; %" PRId64 " of %" PRId64 " guesses right", "；预猜 %2$" PRId64 " 中 %1$" PRId64), s->accepted,
                s->drafted);
    if (s->finish == LF_FINISH_NONE) fputs(cli_say("; interrupted", "；已中断"), stderr);
    fprintf(stderr, "%s\n", cli_color(stderr, CLI_PLAIN));
}

static int print_stats(const lf_generate_stats *s, double load, lf_device *device, lf_error *err)
{
    double memory, gb = rate(s->decode_bytes, s->decode_seconds) / 1e9;
    char a[64], b[32], c[64], d[32];
    if (lf_bench_read_rate(&memory, device, 0.5, err)) return -1;
    if (json) {
        printf("{\"load_seconds\": %.6f, \"prompt_tokens\": %d, \"cached_tokens\": %d, \"kept_tokens\": %d, \"replaced_tokens\": %d, "
               "\"prefill_seconds\": %.6f, "
               "\"prefill_tokens_per_second\": %.1f, "
               "\"texts\": %" PRId64 ", \"tokens\": %" PRId64 ", \"decode_seconds\": %.6f, \"decode_tokens_per_second\": %.1f, "
               "\"decode_gb_per_second\": %.3f, \"memory_gb_per_second\": %.3f, \"share\": %.4f, \"drafted\": %" PRId64
               ", \"accepted\": %" PRId64 "}\n",
               load, s->prompt_tokens, s->cached_tokens, s->kept_tokens, s->replaced_tokens, s->prefill_seconds, read_rate(s), count,
               s->tokens, s->decode_seconds, rate((double)s->tokens, s->decode_seconds), gb, memory, gb / memory, s->drafted, s->accepted);
        return 0;
    }
    fprintf(stderr, cli_say("load    %.3f s\n", "载入  %.3f 秒\n"), load);
    fprintf(stderr, cli_say("prompt  %s in %.3f s, %s tok/s\n", "开头  %s，%.3f 秒，%s 词元/秒\n"),
            cli_human_things(a, s->prompt_tokens, "token", "tokens", " 个词元"), s->prefill_seconds, cli_human_count(b, read_rate(s)));
    if (prompt_cache)
        fprintf(stderr, cli_say("        %s of them were in %s, %s are now\n", "      其中 %1$s 个原已在 %2$s 中，现有 %3$s 个\n"),
                cli_human_count(b, s->cached_tokens), prompt_cache, cli_human_count(c, s->kept_tokens));
    fprintf(stderr, cli_say("text    %s in %.3f s, %s tok/s\n", "生成  %s，%.3f 秒，%s 词元/秒\n"),
            cli_human_things(c, (double)s->tokens, "token", "tokens", " 个词元"), s->decode_seconds,
            cli_human_count(d, rate((double)s->tokens, s->decode_seconds)));
    if (s->drafted)
        fprintf(stderr, cli_say("guesses %" PRId64 ", %" PRId64 " right\n", "预猜  %" PRId64 "，猜中 %" PRId64 "\n"), s->drafted,
                s->accepted);
    fprintf(stderr,
            cli_say("memory  %.1f GB/s of weights, keys and values: %.0f%% of the %.1f GB/s that this machine reads\n",
                    "内存  权重与键值 %.1f GB/s：本机读取上限的 %.0f%%（%.1f GB/s）\n"),
            gb, 100 * gb / memory, memory);
    return 0;
}

static int speak(talk *t, const cli_model *m, const lf_sample_config *sampling, lf_generate_stats *stats, lf_error *err)
{
    lf_generate_args args = {.prompt = t->prompt.data,
                             .prompt_bytes = t->prompt.n,
                             .sampling = sampling,
                             .answers = (int)count,
                             .stops = stops.v,
                             .n_stops = stops.n,
                             .speculate = cli_speculation(&options),
                             .draft = m->draft,
                             .prompt_cache = prompt_cache,
                             .on_token = on_token,
                             .on_prompt = prompt_logprobs >= 0 ? on_prompt : NULL,
                             .on_step = on_step,
                             .user = t};
    t->tokenizer = m->tokenizer;
    t->vocab = (int)lf_model_config_of(m->model)->vocab_size, t->seed = sampling->seed;
    t->n_prompt = lf_prompt_tokens(&t->prompt_tokens, m->model, t->tokenizer, t->prompt.data, t->prompt.n, err);
    if (t->n_prompt < 0) return -1;
    if (!(t->answers = calloc((size_t)count, sizeof *t->answers)))
        return lf_error_set(err, LF_E_MEMORY, "no memory for %" PRId64 " texts", count);
    if (prompt_logprobs >= 0) add_logprobs(&t->prompt_logprobs, (int)prompt_logprobs, NULL, t->vocab, t->prompt_tokens[0]);
    t->begun = cli_now();
    begin_answer(t);
    int rc = lf_generate_answers(m->model, t->tokenizer, &args, stats, err);
    t->interrupted = t->shown < count;
    if (!rc && !t->broken && t->interrupted) { /* what is there of it */
        for (int64_t i = t->shown; i < count && t->answers[i].tokens && (json || i == t->shown); i++) end_answer(t);
    } else if (!rc && prompt_cache && !stats->kept_tokens)
        fprintf(stderr,
                cli_say("note: the prompt of %d tokens is too short to be kept: %s was not written\n",
                        "注意：开头只有 %d 个词元，不足一块：没有写入 %s\n"),
                t->n_prompt, prompt_cache);
    if (!rc && stats->replaced_tokens)
        fprintf(stderr,
                cli_say("note: %s held another text: %d tokens of it were replaced\n", "注意：%s 原存另一篇文本：其中 %d 个词元已被取代\n"),
                prompt_cache, stats->replaced_tokens);
    if (!rc && t->broken) {
        rc = lf_error_set(err, LF_E_IO, "cannot write the text: %s", strerror(t->reason));
        __fpurge(stdout), clearerr(stdout); /* said once is enough */
    }
    return rc;
}

static void talk_release(talk *t)
{
    for (int64_t i = 0; t->answers && i < count; i++) free(t->answers[i].text.data), free(t->answers[i].logprobs.data);
    free(t->answers), free(t->prompt_logprobs.data), free(t->prompt_tokens), free(t->prompt.data);
}

int cmd_generate(int argc, char **argv)
{
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_error err = {0};
    lf_config config;
    lf_device *device = NULL;
    cli_model m = {0};
    lf_generate_stats stats = {0};
    talk t = {0};
    double begun = cli_now(), load = 0;
    lf_config_init(&config);
    int rc = cli_config_apply(&config, &args, &err) || get_prompt(&t.prompt, &args, &err) || !(device = cli_device_of(&config, &err)) ||
             cli_model_open(&m, device, args.v[0], &options, &err);
    load = cli_now() - begun;
    if (!rc) {
        cli_catch_signals();
        rc = speak(&t, &m, &config.sampler, &stats, &err);
    }
    if (!rc && stats_wanted)
        rc = print_stats(&stats, load, device, &err);
    else if (!rc && cli_is_terminal(stderr))
        print_line(&stats);
    int code = rc ? cli_fail(&err) : t.interrupted ? CLI_INTERRUPTED : CLI_OK;
    talk_release(&t);
    cli_model_close(&m);
    lf_device_close(&device);
    return code;
}
