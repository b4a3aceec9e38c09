/* prepare: what is a document, where long texts are cut, which documents validate, what it refuses, and that nothing half-made stays. */
#include "unit/data_tools.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tokenizer/cut.h"

#define NO_OPTIONS                                                                                                                         \
    {                                                                                                                                      \
        .field = NULL                                                                                                                      \
    }

static lf_tokenizer *bpe, *chars;

static const char sample[] = "Once upon a time there was a little fox. It's the fox's tail, they'll say; we've 12 of them!\n"
                             "从前有一只小狐狸，住在森林里。它说：“你好，世界！”\n　然后　它走了。\n";

static int tools_make(void **state)
{
    if (scratch_make(state) != 0) return -1;
    const char *path = put_text("sample.txt", sample);
    lf_error e = {0};
    bpe = lf_tokenizer_train(&path, 1, &(lf_tokenizer_train_options){.vocab_size = 320}, &e);
    chars = lf_tokenizer_train(&path, 1, &(lf_tokenizer_train_options){.mode = "char"}, &e);
    if (!bpe || !chars) print_error("%s\n", e.message);
    return bpe && chars ? 0 : -1;
}

static int tools_remove(void **state)
{
    lf_tokenizer_free(&bpe);
    lf_tokenizer_free(&chars);
    return scratch_remove(state);
}

static int run(const char *dir, const char *input, const lf_tokenizer *t, lf_prepare_options o, lf_error *err)
{
    return lf_prepare(in_scratch(dir), &input, 1, t, &o, NULL, NULL, err);
}

static void run_ok(const char *dir, const char *input, const lf_tokenizer *t, lf_prepare_options o)
{
    assert_ok(run(dir, input, t, o, err));
}

/* Text of document i of a split (free it). The end token is taken off when it is there. */
static char *document_text(const lf_shards *s, const lf_tokenizer *t, uint64_t i, size_t *n_bytes, bool *ended)
{
    uint64_t at, n;
    assert_int_equal(lf_shards_document(s, i, &at, &n), 0);
    int32_t *ids = malloc(n * sizeof *ids);
    assert_ok(lf_shards_read(s, ids, at, n, err));
    *ended = n && ids[n - 1] == lf_tokenizer_end(t);
    n -= *ended;
    int64_t k = lf_tokenizer_decode(t, NULL, 0, ids, n, false, NULL);
    char *text = calloc(1, (size_t)k + 1);
    lf_tokenizer_decode(t, text, (size_t)k, ids, n, false, NULL);
    free(ids);
    *n_bytes = (size_t)k;
    return text;
}

/* All documents of a split are the wanted ones, each ended, and the totals agree. */
static void holds(const char *dir, const char *split, const char *const *wanted, size_t n)
{
    lf_shards *s = open_ok(in_scratch(dir), split);
    lf_split_info info = lf_shards_info(s);
    size_t bytes = 0, k;
    bool ended;
    assert_int_equal(lf_shards_documents(s), n);
    assert_int_equal(info.documents, n);
    for (size_t i = 0; i < n; i++) {
        char *text = document_text(s, bpe, i, &k, &ended);
        assert_string_equal(text, wanted[i]);
        assert_true(ended);
        bytes += k;
        free(text);
    }
    assert_int_equal(info.bytes, bytes);
    lf_shards_close(&s);
}

static void txt_is_split_at_separator_lines(void **state)
{
    LF_UNUSED(state);
    const struct {
        const char *text, *documents[5];
    } rows[] = {
        {"one", {"one"}},
        {"one\n", {"one\n"}},
        {"one\n<|endoftext|>\ntwo\n<|endoftext|>\n", {"one", "two"}},
        {"one\n<|endoftext|>\ntwo\n<|endoftext|>", {"one", "two"}},
        {"one\n<|endoftext|>\ntwo\n", {"one", "two\n"}},
        {"one\n\n<|endoftext|>\n\ntwo", {"one\n", "\ntwo"}},
        {"<|endoftext|>\none\n<|endoftext|>\n<|endoftext|>\n\n<|endoftext|>\ntwo", {"one", "two"}},
        {"one <|endoftext|>\n<|endoftext|> two\n <|endoftext|>\n<|endoftext|>x",
         {"one <|endoftext|>\n<|endoftext|> two\n <|endoftext|>\n<|endoftext|>x"}},
        {"one<|endoftext|>\n<|endoftext|>\n<|endoftext|>two", {"one<|endoftext|>", "<|endoftext|>two"}},
        {"one\r\n<|endoftext|>\r\ntwo\r\n<|endoftext|>\r\n", {"one", "two"}},
        {"one\n<|endoftext|>\rtwo", {"one\n<|endoftext|>\rtwo"}},
        {"\xff\xfe one\n<|endoftext|>\n\xe4\xb8", {"\xff\xfe one", "\xe4\xb8"}},
    };
    for (size_t r = 0; r < LF_COUNT(rows); r++) {
        size_t n = 0;
        while (n < 5 && rows[r].documents[n]) n++;
        run_ok("split", put_text("split.txt", rows[r].text), bpe, (lf_prepare_options){0});
        holds("split", "train", rows[r].documents, n);
    }
}

/* Text that a splitter finds hard: contractions, all kinds of white space, broken UTF-8, separators in the middle of lines. */
static char *hostile(size_t n, uint64_t seed)
{
    static const char *const parts[] = {"fox",
                                        "'",
                                        "s",
                                        "'s",
                                        "'ll",
                                        " ",
                                        "  ",
                                        "\n",
                                        "\t",
                                        "12",
                                        "9",
                                        "!",
                                        "...",
                                        "\xe3\x80\x80",
                                        "\xc2\xa0",
                                        "狐",
                                        "狸",
                                        "。",
                                        "，",
                                        "“",
                                        "\xff",
                                        "\xe4",
                                        "\xb8",
                                        "é",
                                        "\xe2\x80\x89",
                                        "<|endoftext|>",
                                        "\r\n",
                                        "Ω",
                                        "٣",
                                        "a",
                                        "\xef\xbc\x81",
                                        "\xcc\x81"};
    lf_rng rng = lf__rng_make(seed, 1);
    char *text = malloc(n + 16);
    size_t at = 0;
    while (at < n) {
        const char *part = parts[lf__rng_below(&rng, LF_COUNT(parts))];
        size_t k = strlen(part);
        if (at && text[at - 1] == '\n' && part[0] == '<') continue; /* no separator lines */
        memcpy(text + at, part, k);
        at += k;
    }
    text[n] = 0;
    return text;
}

static void cuts_keep_the_tokens(void **state)
{
    LF_UNUSED(state);
    enum { LONG = 3000 };
    static int32_t whole[LONG], parts[LONG];
    const lf_tokenizer *all[] = {bpe, chars};
    for (int which = 0; which < 2; which++) {
        int cuts = 0;
        for (uint64_t seed = 0; seed < 4; seed++) {
            char *text = which == 0 ? hostile(LONG, seed) : strdup(sample);
            size_t n = strlen(text);
            int64_t k = lf_tokenizer_encode(all[which], whole, LONG, text, n, false, NULL);
            assert_true(k > 0);
            for (size_t p = 1; p < n; p++) {
                if (lf__tokenizer_cut(all[which], text, n, p - 1, p) != p) continue;
                int64_t a = lf_tokenizer_encode(all[which], parts, LONG, text, p, false, NULL);
                int64_t b = lf_tokenizer_encode(all[which], parts + a, (size_t)(LONG - a), text + p, n - p, false, NULL);
                cuts++;
                if (a + b != k || memcmp(parts, whole, (size_t)k * sizeof *whole) != 0) fail_msg("a cut at byte %zu changes the tokens", p);
            }
            free(text);
        }
        assert_true(cuts > (which ? 100 : 1000));
    }
    assert_int_equal(lf__tokenizer_cut(bpe, "aaaaaaaa", 8, 0, 8), 0); /* nothing is certain in one word */
    assert_int_equal(lf__tokenizer_cut(bpe, "fox fox", 7, 3, 7), 0);
    assert_int_equal(lf__tokenizer_cut(bpe, "fox fox", 7, 0, 7), 3);
}

/* One document over many batches has the tokens of one call. */
static void long_documents_are_exact(void **state)
{
    LF_UNUSED(state);
    const size_t n = 1500000;
    for (uint64_t seed = 10; seed < 12; seed++) {
        char *text = hostile(n, seed);
        int32_t *ids = malloc(n * sizeof *ids), *back = malloc(n * sizeof *ids);
        int64_t k = lf_tokenizer_encode(bpe, ids, n, text, n, false, NULL);
        run_ok("long", put("long.txt", text, n), bpe, (lf_prepare_options){.threads = 2, .shard_tokens = 100000});
        lf_shards *s = open_ok(in_scratch("long"), "train");
        assert_int_equal(lf_shards_tokens(s), k + 1);
        assert_int_equal(lf_shards_info(s).documents, 1);
        assert_int_equal(lf_shards_info(s).bytes, n);
        assert_ok(lf_shards_read(s, back, 0, (uint64_t)k, err));
        assert_memory_equal(back, ids, (size_t)k * sizeof *ids);
        lf_shards_close(&s);
        free(text), free(ids), free(back);
    }
}

/* Documents of all lengths around the size of a batch, with separators falling everywhere. */
static const char *stories(const char *name, size_t documents, size_t longest, uint64_t seed, char ***texts)
{
    lf_buf file;
    lf__buf_init(&file, 1u << 30);
    if (texts) *texts = calloc(documents, sizeof **texts);
    for (size_t i = 0; i < documents; i++) {
        char *text = hostile(1 + lf__rng_at(seed, 5, i) % longest, seed * 1000 + i);
        size_t n = strlen(text);
        if (text[n - 1] == '\n') text[n - 1] = '.'; /* keeps what is compared below simple */
        lf__buf_add(&file, text, n);
        lf__buf_puts(&file, "\n<|endoftext|>\n");
        if (texts)
            (*texts)[i] = text;
        else
            free(text);
    }
    const char *path = put(name, file.data, file.len);
    lf__buf_release(&file);
    return path;
}

static void every_document_arrives_whole(void **state)
{
    LF_UNUSED(state);
    enum { DOCUMENTS = 40 };
    char **texts;
    run_ok("whole", stories("whole.txt", DOCUMENTS, 300000, 3, &texts), bpe, (lf_prepare_options){.threads = 2});
    holds("whole", "train", (const char *const *)texts, DOCUMENTS);
    for (int i = 0; i < DOCUMENTS; i++) free(texts[i]);
    free(texts);
}

/* A separator that lies across the end of a batch, at every offset. */
static void separators_on_batch_borders_are_seen(void **state)
{
    LF_UNUSED(state);
    static char text[(128 << 10) + 64], first[sizeof text];
    for (size_t before = 0; before < 20; before++) {
        size_t n = (128 << 10) - before;
        for (size_t i = 0; i < n; i++) text[i] = i % 5 == 4 ? ' ' : 'a';
        text[n - 1] = '.';
        snprintf(first, sizeof first, "%.*s", (int)n, text);
        strcpy(text + n, "\n<|endoftext|>\nthe second");
        run_ok("border", put_text("border.txt", text), bpe, (lf_prepare_options){0});
        holds("border", "train", (const char *const[]){first, "the second"}, 2);
    }
}

static void threads_do_not_change_a_byte(void **state)
{
    LF_UNUSED(state);
    static const char *const names[] = {"train_000000.bin", "train_000001.bin", "val_000000.bin", "shards.json"};
    const char *input = stories("threads.txt", 300, 5000, 4, NULL);
    const int threads[] = {1, 2, 5};
    lf_buf first[4], other;
    for (int i = 0; i < 3; i++) {
        run_ok("threads", input, bpe, (lf_prepare_options){.threads = threads[i], .val_fraction = 0.1, .shard_tokens = 300000});
        for (int f = 0; f < 4; f++) {
            char path[64];
            snprintf(path, sizeof path, "threads/%s", names[f]);
            get(i ? &other : &first[f], in_scratch(path));
            if (!i) continue;
            assert_int_equal(other.len, first[f].len);
            assert_memory_equal(other.data, first[f].data, other.len);
            lf__buf_release(&other);
        }
    }
    for (int f = 0; f < 4; f++) lf__buf_release(&first[f]);
}

static void both_splits_get_documents(void **state)
{
    LF_UNUSED(state);
    uint64_t val_of_1000 = 0;
    for (int n = 2; n <= 1000; n = n < 12 ? n + 1 : n * 3) {
        char text[40000] = "";
        size_t at = 0;
        n = LF_MIN(n, 1000);
        for (int i = 0; i < n; i++) at += (size_t)snprintf(text + at, sizeof text - at, "story %d\n<|endoftext|>\n", i);
        const double fractions[] = {0.01, 0.1, 0.5};
        for (int f = 0; f < 3; f++) {
            for (uint64_t seed = 0; seed < (n < 5 ? 8 : 1); seed++) {
                run_ok("fraction", put("fraction.txt", text, at), bpe, (lf_prepare_options){.val_fraction = fractions[f], .seed = seed});
                lf_shards *train = open_ok(in_scratch("fraction"), "train"), *val = open_ok(in_scratch("fraction"), "val");
                assert_int_equal(lf_shards_documents(train) + lf_shards_documents(val), n);
                assert_true(lf_shards_documents(train) > 0 && lf_shards_documents(val) > 0);
                if (f == 1) val_of_1000 = lf_shards_documents(val);
                lf_shards_close(&train), lf_shards_close(&val);
            }
        }
        if (n == 1000) break;
    }
    assert_in_range(val_of_1000, 20, 200);
    run_ok("fraction", put_text("fraction.txt", "a\n<|endoftext|>\nb"), bpe, (lf_prepare_options){0});
    open_fails(in_scratch("fraction"), "val", LF_E_NOT_FOUND, "no val split", "");
}

static void a_single_document_gives_its_tail(void **state)
{
    LF_UNUSED(state);
    const struct {
        const lf_tokenizer *t;
        const char *name, *text;
        double fraction;
    } rows[] = {{bpe, "one.txt", sample, 0.25},
                {chars, "one.txt", sample, 0.1},
                {bpe, "one.jsonl", "{\"text\": \"Once upon a time\\nthere was a fox\"}\n", 0.25},
                {bpe, "one.txt", "<|endoftext|>\nOnce upon a time there was\n<|endoftext|>\n", 0.5},
                {bpe, "one.txt", "aaaaaaaaaaaaaaaaaaaa", 0.1}};
    for (size_t r = 0; r < LF_COUNT(rows); r++) {
        run_ok("one", put_text(rows[r].name, rows[r].text), rows[r].t, (lf_prepare_options){.val_fraction = rows[r].fraction});
        lf_shards *train = open_ok(in_scratch("one"), "train"), *val = open_ok(in_scratch("one"), "val");
        size_t a, b;
        bool head_ended, tail_ended;
        char *head = document_text(train, rows[r].t, 0, &a, &head_ended), *tail = document_text(val, rows[r].t, 0, &b, &tail_ended);
        assert_int_equal(lf_shards_documents(train), 1);
        assert_int_equal(lf_shards_documents(val), 1);
        assert_int_equal(lf_shards_info(train).bytes, a);
        assert_int_equal(lf_shards_info(val).bytes, b);
        assert_false(head_ended); /* the text goes on */
        assert_int_equal(tail_ended, lf_tokenizer_end(rows[r].t) >= 0);
        if (r < 2) {
            assert_memory_equal(head, sample, a);
            assert_string_equal(tail, sample + a);
        }
        if (r == 2) {
            assert_string_equal(head, "Once upon a time\nthere");
            assert_string_equal(tail, " was a fox");
        }
        if (r == 1)
            assert_int_equal(lf_shards_tokens(train), (uint64_t)floor(0.9 * (double)(lf_shards_tokens(train) + lf_shards_tokens(val))));
        free(head), free(tail);
        lf_shards_close(&train), lf_shards_close(&val);
    }
    run_ok("one", put_text("one.txt", "a"), bpe, (lf_prepare_options){.val_fraction = 0.1}); /* too short to share */
    open_fails(in_scratch("one"), "val", LF_E_NOT_FOUND, "no val split", "");
}

static void jsonl_folders_and_many_files(void **state)
{
    LF_UNUSED(state);
    const char *const wanted[] = {"a\nb", "", "狐 \"x\"", "last", "text one\n", "two"};
    const char *const all[] = {wanted[0], wanted[2], wanted[3], wanted[4], wanted[5]};
    assert_ok(lf__make_dirs(in_scratch("corpus/sub"), err));
    put_text("corpus/a.jsonl",
             "{\"text\": \"a\\nb\", \"id\": 1}\r\n\n{\"text\": \"\"}\n{\"id\": 2, \"text\": \"\\u72d0 \\\"x\\\"\"}\n{\"text\": \"last\"}");
    put_text("corpus/b.txt", "text one\n");
    put_text("corpus/c.txt", "");
    put_text("corpus/d.txt", "two");
    put_text("corpus/notes.md", "not this");
    put_text("corpus/.hidden.txt", "not this");
    run_ok("json", in_scratch("corpus"), bpe, (lf_prepare_options){0});
    holds("json", "train", all, 5);

    const char *inputs[] = {in_scratch("corpus/d.txt"), in_scratch("corpus/notes.md")};
    const char *const two[] = {"two", "not this"};
    assert_ok(lf_prepare(in_scratch("json"), inputs, 2, bpe, NULL, NULL, NULL, err));
    holds("json", "train", two, 2);
    run_ok("json", put_text("field.jsonl", "{\"story\": \"x\"}\n{\"story\": \"y\"}\n"), bpe, (lf_prepare_options){.field = "story"});
}

/* What must not work, the words of the sentence, and that nothing is left of it. */
static void bad_input_is_a_sentence_and_nothing_is_left(void **state)
{
    LF_UNUSED(state);
    const struct {
        const char *name, *text;
        size_t n; /* 0: strlen */
        lf_prepare_options o;
        lf_code code;
        const char *says, *hint;
    } rows[] = {
        {"bad.txt", "", 0, NO_OPTIONS, LF_E_FORMAT, "no text in it", "synth"},
        {"bad.txt", "\n<|endoftext|>\n<|endoftext|>\n", 0, NO_OPTIONS, LF_E_FORMAT, "no text in it", ""},
        {"bad.txt", "ab\0cd", 5, NO_OPTIONS, LF_E_FORMAT, "NUL byte at offset 2", "--binary"},
        {"bad.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n{\"text\": 5}\n", 0, NO_OPTIONS, LF_E_FORMAT,
         "bad.jsonl:3: expected an object with a string \"text\"", ""},
        {"bad.jsonl", "{\"text\": \"a\"}\n\n{\"content\": \"b\"}\n", 0, NO_OPTIONS, LF_E_FORMAT, "bad.jsonl:3:", "--field content"},
        {"bad.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n{\"text\": \"c\n", 0, NO_OPTIONS, LF_E_FORMAT,
         "bad.jsonl:3: not a JSON object", "one object per line"},
        {"bad.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n[1]\n", 0, NO_OPTIONS, LF_E_FORMAT, "bad.jsonl:3:", ""},
        {"bad.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n{\"text\": \"c\", \"text\": \"d\"}\n", 0, NO_OPTIONS, LF_E_FORMAT,
         "bad.jsonl:3:", ""},
        {"bad.jsonl", "{\"text\": \"a\"}\n{\"text\": \"\\u0000\"}\n", 0, NO_OPTIONS, LF_E_FORMAT, "bad.jsonl:2:", ""},
        {"bad.jsonl", "plain text\n", 0, NO_OPTIONS, LF_E_FORMAT, "bad.jsonl:1:", ""},
        {"bad.txt", "fine", 0, {.val_fraction = 0.6}, LF_E_ARGUMENT, "val-fraction", ""},
        {"bad.txt", "fine", 0, {.val_fraction = -0.1}, LF_E_ARGUMENT, "val-fraction", ""},
        {"bad.txt", "fine", 0, {.val_fraction = (double)NAN}, LF_E_ARGUMENT, "val-fraction", ""},
        {"bad.txt", "fine", 0, {.threads = -1}, LF_E_ARGUMENT, "threads", ""},
        {"bad.txt", "fine", 0, {.threads = 1000}, LF_E_ARGUMENT, "threads", ""},
        {"bad.txt", "fine", 0, {.shard_tokens = 1ull << 31}, LF_E_ARGUMENT, "shard-tokens", ""},
    };
    for (size_t r = 0; r < LF_COUNT(rows); r++) {
        lf_error e = {0};
        const char *path = put("bad.tmp", rows[r].text, rows[r].n ? rows[r].n : strlen(rows[r].text));
        assert_ok(lf__make_dirs(in_scratch("bad"), err));
        assert_int_equal(rename(path, in_scratch(strcmp(rows[r].name, "bad.txt") == 0 ? "bad/bad.txt" : "bad/bad.jsonl")), 0);
        if (run("bad/out", in_scratch(strcmp(rows[r].name, "bad.txt") == 0 ? "bad/bad.txt" : "bad/bad.jsonl"), bpe, rows[r].o, &e) == 0)
            fail_msg("row %zu worked, expected \"%s\"", r, rows[r].says);
        if (e.code != rows[r].code || !strstr(e.message, rows[r].says) || !strstr(e.hint, rows[r].hint))
            fail_msg("row %zu: expected \"%s\" and \"%s\", got %s: %s (%s)", r, rows[r].says, rows[r].hint, lf_code_name(e.code), e.message,
                     e.hint);
        char **names;
        size_t n;
        assert_ok(lf__list_dir(in_scratch("bad"), &names, &n, err));
        if (n != 1) fail_msg("row %zu leaves %s", r, names[0]);
        lf__names_free(&names, n);
        assert_ok(lf__remove_tree(in_scratch("bad"), err));
    }
    lf_error e = {0};
    assert_int_equal(run("out", in_scratch("missing.txt"), bpe, (lf_prepare_options){0}, &e), -1);
    assert_int_equal(e.code, LF_E_NOT_FOUND);
    lf_error_reset(&e);
    assert_ok(lf__make_dirs(in_scratch("empty"), err));
    assert_int_equal(run("out", in_scratch("empty"), bpe, (lf_prepare_options){0}, &e), -1);
    assert_non_null(strstr(e.message, "without .txt or .jsonl"));
    lf_error_reset(&e);
    assert_int_equal(run("out", put_text("two.txt", "a\n<|endoftext|>\nb"), chars, (lf_prepare_options){0}, &e), -1);
    assert_non_null(strstr(e.message, "no end token"));
    lf_error_reset(&e);
    assert_int_equal(run("out", put_text("odd.txt", "Once upon ☃"), chars, (lf_prepare_options){0}, &e), -1);
    assert_non_null(strstr(e.message, "odd.txt"));
    assert_false(lf__path_exists(in_scratch("out")));
    run_ok("out", put("binary.txt", "ab\0cd", 5), bpe, (lf_prepare_options){.binary = true});
}

static void only_shards_are_replaced(void **state)
{
    LF_UNUSED(state);
    const char *input = put_text("input.txt", "Once upon a time");
    lf_error e = {0};
    run_ok("target/deep", input, bpe, (lf_prepare_options){0});
    run_ok("target/deep/", input, bpe, (lf_prepare_options){0}); /* again, over itself */
    put_text("target/deep/notes.md", "mine");
    assert_int_equal(run("target/deep", input, bpe, (lf_prepare_options){0}, &e), -1);
    assert_non_null(strstr(e.message, "notes.md"));
    assert_true(lf__path_exists(in_scratch("target/deep/notes.md")));
    lf_error_reset(&e);
    assert_int_equal(run("input.txt", input, bpe, (lf_prepare_options){0}, &e), -1);
    assert_non_null(strstr(e.message, "not a folder"));
    assert_ok(lf__make_dirs(in_scratch("target/empty"), err));
    run_ok("target/empty", input, bpe, (lf_prepare_options){0});
    lf_error_reset(&e);
    assert_int_equal(run("target", input, bpe, (lf_prepare_options){0}, &e), -1); /* would be a parent of shards */
    assert_int_equal(lf_prepare("", &input, 1, bpe, NULL, NULL, NULL, NULL), -1);
    assert_int_equal(lf_prepare("/", &input, 1, bpe, NULL, NULL, NULL, NULL), -1);
}

static void the_floor_is_summed_per_split(void **state)
{
    LF_UNUSED(state);
    char text[4000] = "", bits[1000] = "";
    size_t a = 0, b = 0;
    for (int i = 0; i < 50; i++) {
        a += (size_t)snprintf(text + a, sizeof text - a, "story number %d\n<|endoftext|>\n", i);
        b += (size_t)snprintf(bits + b, sizeof bits - b, "%d.5\n", i);
    }
    const char *input = put_text("floor.txt", text);
    put_text("floor.bits", bits);
    run_ok("floor", input, bpe, (lf_prepare_options){.val_fraction = 0.2});
    lf_shards *train = open_ok(in_scratch("floor"), "train"), *val = open_ok(in_scratch("floor"), "val");
    double sum = 0;
    for (uint64_t i = 0; i < lf_shards_documents(val); i++) {
        size_t n;
        bool ended;
        char *story = document_text(val, bpe, i, &n, &ended);
        sum += atoi(story + strlen("story number ")) + 0.5;
        free(story);
    }
    assert_true(lf_shards_info(val).floor_bits == sum);
    assert_true(lf_shards_info(train).floor_bits + sum == 1250);
    lf_shards_close(&train), lf_shards_close(&val);

    const struct {
        const char *bits, *says;
    } rows[] = {{"1\n2\n", "there are more documents"},
                {"", "there are more documents"},
                {"x\n", "line 1: expected a number"},
                {NULL, "more numbers"}};
    for (size_t r = 0; r < LF_COUNT(rows); r++) {
        lf_error e = {0};
        if (!rows[r].bits) snprintf(bits + b, sizeof bits - b, "1\n");
        put_text("floor.bits", rows[r].bits ? rows[r].bits : bits);
        assert_int_equal(run("floor2", input, bpe, (lf_prepare_options){0}, &e), -1);
        assert_non_null(strstr(e.message, rows[r].says));
        assert_non_null(strstr(e.hint, "foundry data synth"));
    }
    assert_int_equal(unlink(in_scratch("floor.bits")), 0);
    run_ok("floor2", input, bpe, (lf_prepare_options){0});
    train = open_ok(in_scratch("floor2"), "train");
    assert_true(isnan(lf_shards_info(train).floor_bits));
    lf_shards_close(&train);
}

static int stop_at_once(const char *what, double done, double total, const char *unit, void *user)
{
    LF_UNUSED(what), LF_UNUSED(done), LF_UNUSED(total), LF_UNUSED(unit), LF_UNUSED(user);
    return 1;
}

static void a_stop_or_a_full_disk_leaves_nothing(void **state)
{
    LF_UNUSED(state);
    struct rlimit kept, tight;
    char **names;
    size_t n;
    lf_error e = {0};
    const char *input = stories("big.txt", 20, 300000, 9, NULL);
    assert_ok(lf__make_dirs(in_scratch("full"), err));
    assert_int_equal(run("full/a", input, bpe, (lf_prepare_options){.progress = stop_at_once}, &e), -1);
    assert_int_equal(e.code, LF_E_INTERRUPTED);
    lf_error_reset(&e);

    signal(SIGXFSZ, SIG_IGN); /* a limit on file size fails as a full disk does */
    getrlimit(RLIMIT_FSIZE, &kept);
    tight = kept, tight.rlim_cur = 1 << 20;
    setrlimit(RLIMIT_FSIZE, &tight);
    int rc = run("full/b", input, bpe, (lf_prepare_options){0}, &e);
    setrlimit(RLIMIT_FSIZE, &kept);
    assert_int_equal(rc, -1);
    assert_int_equal(e.code, LF_E_IO);
    assert_ok(lf__list_dir(in_scratch("full"), &names, &n, err));
    assert_int_equal(n, 0);
    lf__names_free(&names, n);

    if (geteuid() == 0) return; /* root writes anywhere */
    lf_error_reset(&e);
    chmod(in_scratch("full"), 0500);
    assert_int_equal(run("full/c", input, bpe, (lf_prepare_options){0}, &e), -1);
    assert_int_equal(e.code, LF_E_IO);
    chmod(in_scratch("full"), 0700);
}

static void large_vocabularies_take_four_bytes(void **state)
{
    LF_UNUSED(state);
    lf_buf text;
    lf__buf_init(&text, 1 << 20);
    for (int32_t cp = 0x4e00; cp < 0x4e00 + 20000; cp++) {
        char bytes[4];
        lf__buf_add(&text, bytes, (size_t)lf__utf8_encode(bytes, cp));
    }
    for (int32_t cp = 0x20000; cp < 0x20000 + 50000; cp++) {
        char bytes[4];
        lf__buf_add(&text, bytes, (size_t)lf__utf8_encode(bytes, cp));
    }
    const char *path = put("many.txt", text.data, text.len);
    lf_error e = {0};
    lf_tokenizer *t = lf_tokenizer_train(&path, 1, &(lf_tokenizer_train_options){.mode = "char"}, &e);
    assert_non_null(t);
    assert_true(lf_tokenizer_size(t) > 65536);
    run_ok("many", path, t, (lf_prepare_options){0});
    lf_shards *s = open_ok(in_scratch("many"), "train");
    assert_int_equal(lf_shards_info(s).max_id, 69999);
    struct stat st;
    assert_int_equal(stat(in_scratch("many/train_000000.bin"), &st), 0);
    assert_int_equal(st.st_size, 1024 + 4 * 70000);
    lf_shards_close(&s);
    lf_tokenizer_free(&t);
    lf__buf_release(&text);
}

static void raw_text_is_prepared_once(void **state)
{
    LF_UNUSED(state);
    char first[LF_PATH_MAX], dir[LF_PATH_MAX];
    struct stat before, after;
    const char *input = put_text("raw.txt", "one\n<|endoftext|>\ntwo\n<|endoftext|>\nthree"), *cache = in_scratch("cache/data");
    lf_prepare_options o = {.val_fraction = 0.3};
    assert_true(lf_data_is_text(input));
    assert_ok(lf_data_open_or_prepare(first, sizeof first, input, cache, bpe, &o, err));
    assert_int_equal(stat(first, &before), 0);
    assert_ok(lf_data_open_or_prepare(dir, sizeof dir, input, cache, bpe, &o, err));
    assert_string_equal(dir, first);
    assert_int_equal(stat(dir, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino); /* found, not made again */

    char bin[LF_PATH_MAX + 32];
    snprintf(bin, sizeof bin, "%s/train_000000.bin", first);
    FILE *f = fopen(bin, "r+b");
    assert_int_equal(fseek(f, 1025, SEEK_SET), 0);
    fputc(0x7f, f);
    fclose(f);
    assert_null(lf_shards_open(first, "train", NULL));
    assert_ok(lf_data_open_or_prepare(dir, sizeof dir, input, cache, bpe, &o, err));
    lf_shards *s = open_ok(dir, "train"); /* damaged: made again */
    lf_shards_close(&s);

    o.val_fraction = 0.4;
    assert_ok(lf_data_open_or_prepare(dir, sizeof dir, input, cache, bpe, &o, err));
    assert_string_not_equal(dir, first);
    put_text("raw.txt", "one\n<|endoftext|>\ntwo\n<|endoftext|>\nfour!");
    o.val_fraction = 0.3;
    assert_ok(lf_data_open_or_prepare(dir, sizeof dir, input, cache, bpe, &o, err));
    assert_string_not_equal(dir, first);

    assert_false(lf_data_is_text(first));
    assert_ok(lf_data_open_or_prepare(dir, sizeof dir, first, cache, NULL, NULL, err)); /* shards are their own */
    assert_string_equal(dir, first);
    assert_false(lf_data_is_text(bin));
    assert_false(lf_data_is_text(in_scratch("no-such-file.txt")));
    assert_int_equal(lf_data_open_or_prepare(dir, sizeof dir, input, cache, NULL, NULL, NULL), -1);
    assert_int_equal(lf_data_open_or_prepare(dir, 10, input, cache, bpe, NULL, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(txt_is_split_at_separator_lines),
        cmocka_unit_test(cuts_keep_the_tokens),
        cmocka_unit_test(long_documents_are_exact),
        cmocka_unit_test(every_document_arrives_whole),
        cmocka_unit_test(separators_on_batch_borders_are_seen),
        cmocka_unit_test(threads_do_not_change_a_byte),
        cmocka_unit_test(both_splits_get_documents),
        cmocka_unit_test(a_single_document_gives_its_tail),
        cmocka_unit_test(jsonl_folders_and_many_files),
        cmocka_unit_test(bad_input_is_a_sentence_and_nothing_is_left),
        cmocka_unit_test(only_shards_are_replaced),
        cmocka_unit_test(the_floor_is_summed_per_split),
        cmocka_unit_test(a_stop_or_a_full_disk_leaves_nothing),
        cmocka_unit_test(large_vocabularies_take_four_bytes),
        cmocka_unit_test(raw_text_is_prepared_once),
    };
    return cmocka_run_group_tests(tests, tools_make, tools_remove);
}
