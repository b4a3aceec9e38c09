/* cmd_tokenizer.c - foundry tokenizer train | encode | decode | info | convert: a vocabulary from text, and what it does to text. Glue
 * only. */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- text in and out -------------------------------------------------------------------------------------------------------------- */

typedef struct bytes {
    char *data;
    size_t n;
} bytes;

/* All of f, or its first `max` bytes when max is not 0. */
static int read_stream(bytes *out, FILE *f, const char *name, size_t max, lf_error *err)
{
    size_t cap = 1 << 16;
    *out = (bytes){malloc(cap), 0};
    while (out->data) {
        size_t room = max && max < cap ? max - out->n : cap - out->n, got = fread(out->data + out->n, 1, room, f);
        out->n += got;
        if (got < room) break;
        if (max && out->n == max) break;
        char *grown = cap <= SIZE_MAX / 2 ? realloc(out->data, cap *= 2) : NULL;
        if (!grown) free(out->data);
        out->data = grown;
    }
    if (!out->data) return lf_error_set(err, LF_E_MEMORY, "%s: out of memory after %zu bytes", name, out->n);
    if (!ferror(f)) return 0;
    lf_error_set(err, LF_E_IO, "%s: cannot be read: %s", name, strerror(errno));
    free(out->data);
    *out = (bytes){0};
    return -1;
}

static int read_path(bytes *out, const char *path, size_t max, lf_error *err)
{
    FILE *f = fopen(path, "rb");
    if (!f) return lf_error_set(err, errno == ENOENT ? LF_E_NOT_FOUND : LF_E_IO, "%s: %s", path, strerror(errno));
    int failed = read_stream(out, f, path, max, err);
    fclose(f);
    return failed;
}

/* Length of the character at p and its code point; 1 and -1 for a byte that begins none. */
static int character(const char *p, const char *end, int32_t *cp)
{
    const uint8_t *b = (const uint8_t *)p;
    int n = b[0] < 0x80 ? 1 : b[0] < 0xC2 ? 0 : b[0] < 0xE0 ? 2 : b[0] < 0xF0 ? 3 : b[0] < 0xF5 ? 4 : 0;
    *cp = n == 1 ? b[0] : b[0] & (0xFF >> (n + 1));
    if (n == 0 || end - p < n) return *cp = -1, 1;
    for (int i = 1; i < n; i++) {
        if ((b[i] & 0xC0) != 0x80) return *cp = -1, 1;
        *cp = *cp << 6 | (b[i] & 63);
    }
    if ((n == 3 && *cp < 0x800) || (*cp >= 0xD800 && *cp < 0xE000) || (n == 4 && *cp < 0x10000) || *cp > 0x10FFFF) return *cp = -1, 1;
    return n;
}

/* A token's bytes for reading: control characters and bytes of cut characters become \n, \t, \xE4. At most `columns` wide, then "...". */
static char *visible(char out[256], const char *text, size_t n, int columns)
{
    size_t at = 0;
    int width = 0;
    for (const char *p = text, *end = text + n; p < end;) {
        int32_t cp;
        char piece[8];
        int length = character(p, end, &cp);
        if (cp == '\n')
            strcpy(piece, "\\n");
        else if (cp == '\t')
            strcpy(piece, "\\t");
        else if (cp == '\r')
            strcpy(piece, "\\r");
        else if (cp == '\\')
            strcpy(piece, "\\\\");
        else if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0))
            snprintf(piece, sizeof piece, "\\x%02X", (unsigned)(uint8_t)*p), length = 1;
        else
            snprintf(piece, sizeof piece, "%.*s", length, p);
        width += cli_columns(piece);
        if (width > columns - 3 || at + sizeof piece + 4 > 256) return strcpy(out + at, "..."), out;
        strcpy(out + at, piece);
        at += strlen(piece);
        p += length;
    }
    out[at] = 0;
    return out;
}

static char *visible_token(char out[256], const lf_tokenizer *t, int32_t id, int columns)
{
    size_t n;
    const char *text = lf_tokenizer_token(t, id, &n, NULL);
    return visible(out, text, n, columns);
}

/* ---- train: the compression report -------------------------------------------------------------------------------------------------- */

enum { LATIN, CJK, OTHER, ALL, SCRIPTS, REPORT_BYTES = 16 << 20 };
static const char *const script_names[SCRIPTS][3] = {{"latin", "Latin script", "拉丁文字"},
                                                     {"cjk", "Chinese, Japanese, Korean", "中日韩文字"},
                                                     {"other", "other lines", "其他行"},
                                                     {"all", "all", "全部"}};

typedef struct compression {
    double bytes[SCRIPTS], tokens[SCRIPTS];
    bool whole; /* all of every file, not its beginning */
} compression;

/* Whose letters take most of a line's bytes. */
static int script_of(const char *p, const char *end)
{
    size_t bytes_of[3] = {0};
    while (p < end) {
        int32_t cp;
        int n = character(p, end, &cp), which = -1;
        if ((cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z') || (cp >= 0xC0 && cp < 0x250))
            which = LATIN;
        else if ((cp >= 0x3040 && cp < 0xA000) || (cp >= 0xAC00 && cp < 0xD7B0) || (cp >= 0xF900 && cp < 0xFB00) || cp >= 0x20000)
            which = CJK;
        else if (cp >= 0x250 && !(cp >= 0x2000 && cp < 0x3040) && !(cp >= 0xFE00 && cp < 0x10000))
            which = OTHER;
        if (which >= 0) bytes_of[which] += (size_t)n;
        p += n;
    }
    if (bytes_of[LATIN] + bytes_of[CJK] + bytes_of[OTHER] == 0) return OTHER;
    int best = bytes_of[CJK] > bytes_of[LATIN] ? CJK : LATIN;
    return bytes_of[OTHER] > bytes_of[best] ? OTHER : best;
}

static bool is_special_line(const lf_tokenizer *t, const char *line, size_t n)
{
    char text[256];
    if (n == 0 || n >= sizeof text) return false;
    memcpy(text, line, n);
    text[n] = 0;
    return lf_tokenizer_special(t, text) >= 0;
}

/* Encodes the beginning of every file line by line. */
static int measure(compression *c, const lf_tokenizer *t, char **paths, int n_paths, lf_error *err)
{
    *c = (compression){.whole = true};
    for (int i = 0; i < n_paths; i++) {
        bytes text;
        if (read_path(&text, paths[i], REPORT_BYTES, err)) return -1;
        if (text.n == REPORT_BYTES) {
            c->whole = false;
            size_t cut = text.n;
            while (cut > 0 && text.data[cut - 1] != '\n') cut--;
            if (cut > 0) text.n = cut;
        }
        size_t room = lf_tokenizer_bound(t, text.n);
        int32_t *ids = calloc(room + 1, sizeof *ids);
        int failed = ids ? 0 : lf_error_set(err, LF_E_MEMORY, "out of memory for the report");
        for (const char *p = text.data, *end = p + text.n, *next; p < end && !failed; p = next) {
            const char *newline = memchr(p, '\n', (size_t)(end - p));
            next = newline ? newline + 1 : end;
            if (is_special_line(t, p, (size_t)((newline ? newline : end) - p))) continue;
            int64_t n = lf_tokenizer_encode(t, ids, room, p, (size_t)(next - p), false, err);
            int script = script_of(p, next);
            if (n < 0 && c->whole) failed = -1;
            if (n < 0) continue; /* the cut may have gone through a character */
            c->bytes[script] += (double)(next - p), c->tokens[script] += (double)n;
            c->bytes[ALL] += (double)(next - p), c->tokens[ALL] += (double)n;
        }
        free(ids);
        free(text.data);
        if (failed) return -1;
    }
    return 0;
}

static void print_compression(const compression *c)
{
    char size[32], count[32];
    static const char *const heads[] = {"bytes of text", "文本字节", "tokens", "词元", "bytes per token", "每词元字节"};
    fputs("  ", stdout);
    cli_pad(stdout, c->whole ? "" : cli_say("(first 16 MB of a file)", "（每个文件的前 16 MB）"), 28);
    for (int i = 0; i < 6; i += 2) {
        const char *head = cli_say(heads[i], heads[i + 1]);
        printf("%*s%s", 17 - cli_columns(head), "", head);
    }
    fputc('\n', stdout);
    for (int s = 0; s < SCRIPTS; s++) {
        if (c->tokens[s] <= 0) continue;
        fputs("  ", stdout);
        cli_pad(stdout, cli_say(script_names[s][1], script_names[s][2]), 28);
        printf("%17s%17s%17.3f\n", cli_human_bytes(size, c->bytes[s]), cli_human_count(count, c->tokens[s]), c->bytes[s] / c->tokens[s]);
    }
}

static int count_specials(const lf_tokenizer *t)
{
    int found = 0;
    for (int32_t id = 0; id < lf_tokenizer_size(t); id++) {
        size_t n;
        bool special;
        lf_tokenizer_token(t, id, &n, &special);
        found += special;
    }
    return found;
}

static void json_summary(const lf_tokenizer *t)
{
    printf("\"mode\": \"%s\", \"split\": \"%s\", \"vocab_size\": %d, \"merges\": %d, \"specials\": %d, ", lf_tokenizer_mode(t),
           lf_tokenizer_split(t), lf_tokenizer_size(t), lf_tokenizer_merges(t), count_specials(t));
    if (lf_tokenizer_end(t) >= 0)
        printf("\"end_token\": %" PRId32 ", ", lf_tokenizer_end(t));
    else
        printf("\"end_token\": null, ");
    printf("\"fingerprint\": \"%s\"", lf_tokenizer_fingerprint(t));
}

/* A folder that cannot be written to is better known before learning than after. */
static int check_output(const char *dir, lf_error *err)
{
    struct stat s;
    if (stat(dir, &s) != 0) return 0;
    if (!S_ISDIR(s.st_mode)) return lf_error_set(err, LF_E_IO, "%s is a file: expected a folder for tokenizer.json", dir);
    if (access(dir, W_OK | X_OK) != 0) return lf_error_set(err, LF_E_IO, "%s: the folder cannot be written to: %s", dir, strerror(errno));
    return 0;
}

#define FORMATS "tokenizer.json|vocab-merges|tiktoken|sentencepiece|gguf"

static int tokenizer_train(int argc, char **argv)
{
    const char *mode = "bpe", *out = NULL, *split = "gpt2", *format = "tokenizer.json", *normalizer = "identity";
    int64_t vocab_size = 4096, threads = 0, min_count = 2;
    double coverage = 0.9995;
    cli_texts specials = {.v = {LF_END_TOKEN}, .n = 1}, users = {.n = 0};
    bool json = false, no_bytes = false, split_digits = false;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--vocab-size", .letter = 'n', .type = CLI_INT, .value = &vocab_size, .lo = 257, .hi = 1000000,
         .help = "tokens in all: 256 bytes, merges and special tokens",
         .help_zh = "词元总数：256 个字节、合并和特殊词元"},
        {.name = "--output", .letter = 'o', .type = CLI_TEXT, .value = &out, .meta = "DIR",
         .help = "folder for tokenizer.json; required", .help_zh = "存放 tokenizer.json 的文件夹；必需"},
        {.name = "--model", .letter = 'm', .type = CLI_CHOICE, .value = &mode, .choices = "bpe|char|sentencepiece-bpe|unigram",
         .help = "byte-level BPE, one token for each character of the text, or a SentencePiece vocabulary",
         .help_zh = "字节级 BPE、文本中每个字符一个词元，或 SentencePiece 词表"},
        {.name = "--mode", .type = CLI_CHOICE, .value = &mode, .choices = "bpe|char|sentencepiece-bpe|unigram",
         .help = "the same as --model", .help_zh = "与 --model 相同"},
        {.name = "--split", .type = CLI_TEXT, .value = &split, .meta = "RULE",
         .help = "byte-level BPE: how text is cut into words: gpt2, llama3, qwen2, gpt4o, ...",
         .help_zh = "字节级 BPE：文本切分为词的规则：gpt2、llama3、qwen2、gpt4o 等"},
        {.name = "--format", .type = CLI_CHOICE, .value = &format, .choices = FORMATS,
         .help = "what to write beside tokenizer.json", .help_zh = "除 tokenizer.json 外还要写出的格式"},
        {.name = "--special", .type = CLI_TEXTS, .value = &specials, .meta = "TEXT",
         .help = "a special token, may be repeated; the first ends documents",
         .help_zh = "特殊词元，可重复；第一个表示文档结束"},
        {.name = "--min-count", .type = CLI_INT, .value = &min_count, .lo = 1, .hi = 1e9,
         .help = "pairs seen less often are not merged", .help_zh = "出现次数更少的对不合并"},
        {.name = "--coverage", .type = CLI_REAL, .value = &coverage, .lo = 0.5, .hi = 1,
         .help = "SentencePiece: share of the text whose characters become pieces",
         .help_zh = "SentencePiece：其字符成为词元的文本比例"},
        {.name = "--normalizer", .type = CLI_CHOICE, .value = &normalizer, .choices = "identity|nfkc|nmt_nfkc",
         .help = "SentencePiece: what becomes of the text first; nmt_nfkc is its own default, identity loses nothing",
         .help_zh = "SentencePiece：先对文本做的规范化；nmt_nfkc 是其自身默认值，identity 不丢失任何内容"},
        {.name = "--user", .type = CLI_TEXTS, .value = &users, .meta = "TEXT",
         .help = "SentencePiece: a text that is always one piece, may be repeated", .help_zh = "SentencePiece：始终作为一个词元的文本，可重复"},
        {.name = "--split-digits", .type = CLI_SWITCH, .value = &split_digits,
         .help = "SentencePiece: no piece has more than one digit", .help_zh = "SentencePiece：每个词元至多一个数字"},
        {.name = "--no-bytes", .type = CLI_SWITCH, .value = &no_bytes,
         .help = "SentencePiece: rare characters become <unk>, not the pieces of their bytes",
         .help_zh = "SentencePiece：罕见字符变为 <unk>，而不是其字节"},
        {.name = "--threads", .type = CLI_INT, .value = &threads, .lo = 1, .hi = 256,
         .help = "worker threads, all if not given; the result does not depend on it", .help_zh = "线程数，默认全部；不影响结果"},
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "print the report as JSON", .help_zh = "以 JSON 输出报告"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {
        .name = "tokenizer train",
        .summary = "learn a vocabulary from text files",
        .summary_zh = "从文本文件学习词表",
        .example = "foundry tokenizer train stories.txt --vocab-size 4096 -o tok/\n"
                   "foundry tokenizer train shakespeare.txt --mode char -o tok/\n"
                   "foundry tokenizer train stories.txt --model unigram -n 8000 -o tok/",
        .usage = "foundry tokenizer train FILES... -o DIR [flags]",
        .notes = "Lines that are exactly a special token separate documents and are not learned from. With --mode char the characters of "
                 "the text are the vocabulary; the end token joins them where the text has separator lines. tokenizer.json and "
                 "tokenizer_config.json are "
                 "Hugging Face's; other files in DIR are left alone.",
        .notes_zh = "恰好是特殊词元的一行用来分隔文档，不参与学习。--mode char 时文本的字符就是词表；文本有分隔行时才加入结束词元。"
                    "tokenizer.json 和 tokenizer_config.json 采用 Hugging Face 格式；DIR 中的其他文件不受影响。",
        .flags = flags,
        .min_args = 1,
        .max_args = INT_MAX};
    cli_args args;
    cli_bar bar = {0};
    lf_error err = {0};
    compression c;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    if (!out)
        return cli_usage_error(cli_say("foundry tokenizer train FILES... -o tok/", "foundry tokenizer train 文件... -o tok/"),
                               cli_say("foundry tokenizer train: -o DIR is missing: where should the tokenizer go?",
                                       "foundry tokenizer train：缺少 -o DIR：分词器写到哪里？"));
    bool chars = strcmp(mode, "char") == 0;
    bool sized = cli_given(&args, "--vocab-size");
    static const char *const sentencepiece[] = {"--coverage", "--normalizer", "--user", "--split-digits", "--no-bytes"};
    for (size_t i = 0; i < sizeof sentencepiece / sizeof *sentencepiece && (chars || strcmp(mode, "bpe") == 0); i++)
        if (cli_given(&args, sentencepiece[i]))
            return cli_usage_error(cli_say("add --model unigram, or leave it out", "加上 --model unigram，或去掉它"),
                                   cli_say("%s means something with the SentencePiece models only", "%s 只用于 SentencePiece 模型"),
                                   sentencepiece[i]);
    if (chars && (sized || cli_given(&args, "--min-count")))
        return cli_usage_error(cli_say("leave it out", "去掉它"),
                               cli_say("%s means nothing with --mode char: the characters of the text are the vocabulary",
                                       "--mode char 时 %s 没有意义：文本的字符就是词表"),
                               sized ? "--vocab-size" : "--min-count");
    if (cli_given(&args, "--split") && strcmp(mode, "bpe") != 0)
        return cli_usage_error(cli_say("leave it out", "去掉它"),
                               cli_say("--split means something with --model bpe only", "--split 只用于 --model bpe"));
    if (check_output(out, &err)) return cli_fail(&err);
    cli_catch_signals();
    double began = cli_now();
    specials.v[specials.n < 64 ? specials.n : 63] = NULL;
    users.v[users.n < 64 ? users.n : 63] = NULL;
    const lf_tokenizer_train_options options = {.mode = mode,
                                                .split = split,
                                                .vocab_size = (int)vocab_size,
                                                .specials = cli_given(&args, "--special") ? specials.v : NULL,
                                                .threads = (int)threads,
                                                .min_count = (int)min_count,
                                                .character_coverage = coverage,
                                                .byte_fallback = !no_bytes,
                                                .normalizer = normalizer,
                                                .split_digits = split_digits,
                                                .user_pieces = users.n ? users.v : NULL,
                                                .progress = cli_progress,
                                                .progress_user = &bar};
    lf_tokenizer *t = lf_tokenizer_train((const char *const *)args.v, args.n, &options, &err);
    double seconds = cli_now() - began;
    bool other = strcmp(format, "tokenizer.json") != 0;
    if (!t || lf_tokenizer_save(t, out, &err) || (other && lf_tokenizer_export(t, out, format, &err)) ||
        measure(&c, t, args.v, args.n, &err)) {
        lf_tokenizer_free(&t);
        return cli_fail(&err);
    }
    int size = lf_tokenizer_size(t);
    char a[64], b[64], time[32];
    if (json) {
        printf("{\"path\": ");
        cli_json_string(stdout, out);
        printf(", \"seconds\": %.3f, ", seconds);
        json_summary(t);
        printf(", \"bytes_per_token\": {");
        for (int s = 0, first = 1; s < SCRIPTS; s++)
            if (c.tokens[s] > 0) printf("%s\"%s\": %.4f", first ? "" : ", ", script_names[s][0], c.bytes[s] / c.tokens[s]), first = 0;
        printf("}}\n");
    } else {
        printf(cli_say("%s: %s (%s), learned in %s\n", "%s：%s（%s），用时 %s\n"), out,
               cli_human_things(a, size, "token", "tokens", " 个词元"),
               cli_human_things(b, lf_tokenizer_merges(t), "merge", "merges", " 次合并"), cli_human_time(time, seconds));
        if (!chars && size < vocab_size)
            printf(cli_say("  fewer than the %s asked for: no pair is left that the text has often enough\n",
                           "  少于要求的 %s 个：文本中没有足够常见的对了\n"),
                   cli_human_count(a, (double)vocab_size));
        print_compression(&c);
        printf(cli_say("next: foundry data prepare %s --tokenizer %s -o shards/\n",
                       "下一步：foundry data prepare %s --tokenizer %s -o shards/\n"),
               args.v[0], out);
    }
    lf_tokenizer_free(&t);
    return CLI_OK;
}

/* ---- encode ------------------------------------------------------------------------------------------------------------------------ */

static void print_ids(const lf_tokenizer *t, const int32_t *ids, int64_t n, bool pieces, bool json)
{
    char piece[256];
    if (!json) {
        for (int64_t i = 0; i < n; i++) {
            if (pieces)
                printf("%8" PRId32 "  \"%s\"\n", ids[i], visible_token(piece, t, ids[i], cli_width() - 14));
            else
                printf("%s%" PRId32, i ? " " : "", ids[i]);
        }
        if (!pieces) putchar('\n');
        return;
    }
    printf("{\"count\": %" PRId64 ", \"ids\": [", n);
    for (int64_t i = 0; i < n; i++) printf("%s%" PRId32, i ? ", " : "", ids[i]);
    printf("]");
    for (int64_t i = 0; i < n && pieces; i++) {
        printf(i ? ", " : ", \"pieces\": [");
        cli_json_string(stdout, visible_token(piece, t, ids[i], 240));
    }
    puts(pieces && n ? "]}" : "}");
}

static int tokenizer_encode(int argc, char **argv)
{
    const char *file = NULL;
    bool json = false, pieces = false, parse = false, around = false;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--file", .letter = 'f', .type = CLI_TEXT, .value = &file, .meta = "FILE",
         .help = "encode this file", .help_zh = "编码这个文件"},
        {.name = "--pieces", .letter = 'p', .type = CLI_SWITCH, .value = &pieces,
         .help = "one token a line: its id and its text", .help_zh = "每行一个词元：编号和文本"},
        {.name = "--parse-special", .type = CLI_SWITCH, .value = &parse,
         .help = "special tokens in the text become their ids; without it they are plain text",
         .help_zh = "把文本中的特殊词元编码为其编号；否则视为普通文本"},
        {.name = "--add-special", .type = CLI_SWITCH, .value = &around,
         .help = "with the tokens that the tokenizer puts around a text (bos, eos)", .help_zh = "加上分词器在文本前后放置的词元（bos、eos）"},
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "for programs", .help_zh = "供程序读取"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {.name = "tokenizer encode",
                           .summary = "text to token ids",
                           .summary_zh = "文本变为词元编号",
                           .example = "foundry tokenizer encode tok/ \"Once upon a time\" --pieces\n"
                                      "foundry tokenizer encode tok/ --file story.txt | foundry tokenizer decode tok/ -",
                           .usage = "foundry tokenizer encode DIR TEXT|-|--file FILE [flags]",
                           .flags = flags,
                           .min_args = 1,
                           .max_args = 2};
    cli_args args;
    lf_error err = {0};
    bytes text = {0};
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    if ((args.n == 2) == (file != NULL))
        return cli_usage_error(
            "foundry tokenizer encode tok/ \"Once upon a time\"",
            file ? cli_say("foundry tokenizer encode: a TEXT or --file, not both", "foundry tokenizer encode：TEXT 和 --file 只能给一个")
                 : cli_say("foundry tokenizer encode: no text: expected TEXT, - for standard input, or --file FILE",
                           "foundry tokenizer encode：没有文本：需要 TEXT、-（标准输入）或 --file FILE"));
    lf_tokenizer *t = lf_tokenizer_load(args.v[0], &err);
    if (!t) return cli_fail(&err);
    bool borrowed = !file && strcmp(args.v[1], "-") != 0;
    int failed = 0;
    if (borrowed)
        text = (bytes){args.v[1], strlen(args.v[1])};
    else
        failed = file ? read_path(&text, file, 0, &err) : read_stream(&text, stdin, cli_say("standard input", "标准输入"), 0, &err);
    const int32_t *before, *after;
    size_t n_before, n_after, room = lf_tokenizer_bound(t, text.n);
    lf_tokenizer_around(t, &before, &n_before, &after, &n_after);
    if (!around) n_before = n_after = 0;
    int32_t *ids = failed ? NULL : calloc(n_before + room + n_after + 1, sizeof *ids);
    if (!failed && !ids) failed = lf_error_set(&err, LF_E_MEMORY, "out of memory for the ids of %zu bytes", text.n);
    int64_t n = failed ? -1 : lf_tokenizer_encode(t, ids + n_before, room, text.data, text.n, parse, &err);
    if (n >= 0) {
        for (size_t i = 0; i < n_before; i++) ids[i] = before[i];
        for (size_t i = 0; i < n_after; i++) ids[n_before + (size_t)n + i] = after[i];
        print_ids(t, ids, n + (int64_t)(n_before + n_after), pieces, json);
    }
    free(ids);
    if (!borrowed) free(text.data);
    lf_tokenizer_free(&t);
    return n < 0 ? cli_fail(&err) : CLI_OK;
}

/* ---- decode ------------------------------------------------------------------------------------------------------------------------ */

typedef struct id_list {
    int32_t *v;
    size_t n, cap;
} id_list;

/* Numbers with spaces, commas or the brackets of a list between them. where names the text in messages. */
static int add_ids(id_list *ids, const char *text, const char *where, lf_error *err)
{
    for (const char *p = text + strspn(text, " \t\r\n,[]"); *p; p += strspn(p, " \t\r\n,[]")) {
        char *end;
        errno = 0;
        long v = strtol(p, &end, 10);
        size_t word = strcspn(p, " \t\r\n,[]");
        if (end != p + word || errno || v < 0 || v > INT32_MAX)
            return lf_error_set(err, LF_E_ARGUMENT, "%s: \"%.*s\" is not a token id: expected a whole number of at least 0", where,
                                word > 40 ? 40 : (int)word, p);
        if (ids->n == ids->cap) {
            size_t cap = ids->cap ? ids->cap * 2 : 1024;
            int32_t *grown = realloc(ids->v, cap * sizeof *grown);
            if (!grown) return lf_error_set(err, LF_E_MEMORY, "out of memory after %zu ids", ids->n);
            ids->v = grown, ids->cap = cap;
        }
        ids->v[ids->n++] = (int32_t)v;
        p = end;
    }
    return 0;
}

static int tokenizer_decode(int argc, char **argv)
{
    bool skip = false;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--skip-special", .type = CLI_SWITCH, .value = &skip, .help = "leave special tokens out", .help_zh = "略去特殊词元"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {.name = "tokenizer decode",
                           .summary = "token ids to text, byte for byte",
                           .summary_zh = "词元编号变回文本，逐字节一致",
                           .example = "foundry tokenizer decode tok/ 302 1024 77\nfoundry tokenizer decode tok/ - < ids.txt",
                           .usage = "foundry tokenizer decode DIR IDS...|- [flags]",
                           .flags = flags,
                           .min_args = 2,
                           .max_args = INT_MAX};
    cli_args args;
    lf_error err = {0};
    id_list ids = {0};
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_tokenizer *t = lf_tokenizer_load(args.v[0], &err);
    if (!t) return cli_fail(&err);
    int failed = 0;
    for (int i = 1; i < args.n && !failed; i++) {
        const char *input = cli_say("standard input", "标准输入");
        bytes text = {0};
        if (strcmp(args.v[i], "-") != 0) {
            failed = add_ids(&ids, args.v[i], cli_say("command line", "命令行"), &err);
            continue;
        }
        failed = read_stream(&text, stdin, input, 0, &err);
        char *grown = failed ? NULL : realloc(text.data, text.n + 1);
        if (!failed && !grown) failed = lf_error_set(&err, LF_E_MEMORY, "%s: out of memory", input);
        if (grown) text.data = grown, text.data[text.n] = 0;
        if (!failed && strlen(text.data) != text.n)
            failed = lf_error_set(&err, LF_E_FORMAT, "%s: byte %zu is NUL: expected numbers", input, strlen(text.data));
        failed = failed || add_ids(&ids, text.data, input, &err);
        free(text.data);
    }
    int64_t n = failed ? -1 : lf_tokenizer_decode(t, NULL, 0, ids.v, ids.n, skip, &err);
    char *out = n < 0 ? NULL : malloc((size_t)n + 1);
    if (n >= 0 && !out) failed = lf_error_set(&err, LF_E_MEMORY, "out of memory for %" PRId64 " bytes of text", n);
    if (out) {
        lf_tokenizer_decode(t, out, (size_t)n, ids.v, ids.n, skip, &err);
        fwrite(out, 1, (size_t)n, stdout);
        if (cli_is_terminal(stdout) && (n == 0 || out[n - 1] != '\n')) putchar('\n');
    }
    free(out);
    free(ids.v);
    lf_tokenizer_free(&t);
    return failed || n < 0 ? cli_fail(&err) : CLI_OK;
}

/* ---- info ------------------------------------------------------------------------------------------------------------------------- */

enum { LONGEST = 8 };

/* Ids of the longest plain tokens, longest first, the smaller id of equals. */
static int find_longest(int32_t best[LONGEST], const lf_tokenizer *t)
{
    size_t length[LONGEST] = {0};
    int found = 0;
    for (int32_t id = 0; id < lf_tokenizer_size(t); id++) {
        size_t n;
        bool special;
        lf_tokenizer_token(t, id, &n, &special);
        if (special || (found == LONGEST && n <= length[LONGEST - 1])) continue;
        int at = found < LONGEST ? found++ : LONGEST - 1;
        for (; at > 0 && length[at - 1] < n; at--) length[at] = length[at - 1], best[at] = best[at - 1];
        length[at] = n, best[at] = id;
    }
    return found;
}

static int tokenizer_info(int argc, char **argv)
{
    bool json = false;
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--json", .type = CLI_SWITCH, .value = &json, .help = "for programs", .help_zh = "供程序读取"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {.name = "tokenizer info",
                           .summary = "what a tokenizer knows: sizes, special tokens, longest tokens",
                           .summary_zh = "分词器的内容：大小、特殊词元、最长词元",
                           .example = "foundry tokenizer info tok/",
                           .usage = "foundry tokenizer info DIR [--json]",
                           .flags = flags,
                           .min_args = 1,
                           .max_args = 1};
    cli_args args;
    lf_error err = {0};
    int32_t longest[LONGEST];
    char text[256], count[32];
    size_t n;
    bool special;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    lf_tokenizer *t = lf_tokenizer_load(args.v[0], &err);
    if (!t) return cli_fail(&err);
    int size = lf_tokenizer_size(t), n_longest = find_longest(longest, t);
    if (json) {
        printf("{\"path\": ");
        cli_json_string(stdout, args.v[0]);
        printf(", ");
        json_summary(t);
        const char *comma = "";
        printf(", \"special_tokens\": {");
        for (int32_t id = 0; id < size; id++) {
            lf_tokenizer_token(t, id, &n, &special);
            if (!special) continue;
            fputs(comma, stdout);
            cli_json_string(stdout, visible_token(text, t, id, 240));
            printf(": %" PRId32, id);
            comma = ", ";
        }
        printf("}, \"longest\": [");
        for (int i = 0; i < n_longest; i++) {
            fputs(i ? ", " : "", stdout);
            cli_json_string(stdout, visible_token(text, t, longest[i], 240));
        }
        printf("]}\n");
        lf_tokenizer_free(&t);
        return CLI_OK;
    }
    bool chars = strcmp(lf_tokenizer_mode(t), "char") == 0;
    printf("%s\n  ", args.v[0]);
    cli_pad(stdout, cli_say("kind", "类型"), 16);
    if (chars)
        printf("%s\n  ", cli_say("one token for each character", "每个字符一个词元"));
    else if (strcmp(lf_tokenizer_split(t), "none") == 0)
        printf(cli_say("%s over text\n  ", "基于文本的 %s\n  "), lf_tokenizer_mode(t));
    else
        printf(cli_say("byte-level BPE, split rule %s\n  ", "字节级 BPE，切分规则 %s\n  "), lf_tokenizer_split(t));
    cli_pad(stdout, cli_say("tokens", "词元"), 16);
    printf("%s\n  ", cli_human_count(count, size));
    cli_pad(stdout, cli_say("merges", "合并"), 16);
    printf("%s\n  ", cli_human_count(count, lf_tokenizer_merges(t)));
    cli_pad(stdout, cli_say("special tokens", "特殊词元"), 16);
    int shown = 0, specials = count_specials(t);
    for (int32_t id = 0; id < size && shown < 16; id++) {
        lf_tokenizer_token(t, id, &n, &special);
        if (!special) continue;
        printf("%s%s = %" PRId32 "%s", shown++ ? ", " : "", visible_token(text, t, id, 60), id,
               id == lf_tokenizer_end(t) ? cli_say(" (ends documents)", "（文档结束）") : "");
    }
    if (specials > shown) printf(cli_say(" and %d more", " 等，另有 %d 个"), specials - shown);
    printf("%s\n  ", specials ? "" : cli_say("none", "无"));
    cli_pad(stdout, cli_say("longest tokens", "最长词元"), 16);
    for (int i = 0; i < n_longest; i++) printf("%s\"%s\"", i ? " " : "", visible_token(text, t, longest[i], 40));
    printf("\n  ");
    cli_pad(stdout, cli_say("fingerprint", "指纹"), 16);
    printf("%s\n", lf_tokenizer_fingerprint(t));
    lf_tokenizer_free(&t);
    return CLI_OK;
}

/* ---- convert ---------------------------------------------------------------------------------------------------------------------- */

static int tokenizer_convert(int argc, char **argv)
{
    const char *out = NULL, *format = "tokenizer.json";
    /* clang-format off */
    const cli_flag flags[] = {
        {.name = "--output", .letter = 'o', .type = CLI_TEXT, .value = &out, .meta = "DIR",
         .help = "folder for the files; required", .help_zh = "存放文件的文件夹；必需"},
        {.name = "--format", .type = CLI_CHOICE, .value = &format, .choices = FORMATS,
         .help = "what to write", .help_zh = "要写出的格式"},
        {0}};
    /* clang-format on */
    const cli_spec spec = {
        .name = "tokenizer convert",
        .summary = "a tokenizer of any format into another one",
        .summary_zh = "把任意格式的分词器转换为另一种格式",
        .example = "foundry tokenizer convert tokenizer.model -o tok/\nfoundry tokenizer convert tok/ --format gguf -o out/",
        .usage = "foundry tokenizer convert SRC -o DIR [flags]",
        .notes = "SRC is a tokenizer.json, a SentencePiece .model, a GGUF file, tiktoken ranks, or a folder with one of them or with "
                 "vocab.json and merges.txt. Ids stay what they are; what a format cannot express is refused with the reason.",
        .notes_zh =
            "SRC 可以是 tokenizer.json、SentencePiece .model、GGUF 文件、tiktoken 词表，或包含其中之一、或包含 vocab.json 和 merges.txt "
            "的文件夹。编号保持不变；目标格式无法表达的内容会被拒绝并说明原因。",
        .flags = flags,
        .min_args = 1,
        .max_args = 1};
    cli_args args;
    lf_error err = {0};
    char count[64];
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    if (!out)
        return cli_usage_error(cli_say("foundry tokenizer convert SRC -o tok/", "foundry tokenizer convert SRC -o tok/"),
                               cli_say("foundry tokenizer convert: -o DIR is missing: where should the tokenizer go?",
                                       "foundry tokenizer convert：缺少 -o DIR：分词器写到哪里？"));
    lf_tokenizer *t = lf_tokenizer_load(args.v[0], &err);
    if (!t || lf_tokenizer_export(t, out, format, &err)) {
        lf_tokenizer_free(&t);
        return cli_fail(&err);
    }
    printf(cli_say("%s: %s as %s\n", "%s：%s，格式 %s\n"), out, cli_human_things(count, lf_tokenizer_size(t), "token", "tokens", " 个词元"),
           format);
    lf_tokenizer_free(&t);
    return CLI_OK;
}

int cmd_tokenizer(int argc, char **argv)
{
    static const cli_command commands[] = {
        {"train", tokenizer_train, "learn a vocabulary from text files", "从文本文件学习词表"},
        {"encode", tokenizer_encode, "text to token ids", "文本变为词元编号"},
        {"decode", tokenizer_decode, "token ids to text, byte for byte", "词元编号变回文本，逐字节一致"},
        {"info", tokenizer_info, "what a tokenizer knows: sizes, special tokens, longest tokens", "分词器的内容：大小、特殊词元、最长词元"},
        {"convert", tokenizer_convert, "a tokenizer of any format into another one", "把任意格式的分词器转换为另一种格式"},
        {0}};
    static const cli_spec spec = {.name = "tokenizer",
                                  .summary = "text to tokens and back: learn a vocabulary, use it, look at it",
                                  .summary_zh = "文本与词元互换：学习词表、使用、查看",
                                  .example = "foundry tokenizer train stories.txt --vocab-size 4096 -o tok/\n"
                                             "foundry tokenizer encode tok/ \"Once upon a time\" --pieces",
                                  .usage = "foundry tokenizer train|encode|decode|info|convert [flags]"};
    return cli_dispatch(commands, &spec, argc, argv);
}
