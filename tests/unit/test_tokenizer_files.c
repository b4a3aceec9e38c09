/* test_tokenizer_files.c - tokenizer.json and vocab.json + merges.txt: saved and loaded alike, every corruption a sentence that names the
 * file and the place, every foreign feature refused by its name. */
#include "unit/tokenizer_tests.h"

static lf_tokenizer *load_text(const char *json, size_t n, lf_error *err)
{
    lf_error_reset(err);
    return lf_tokenizer_load(put_file("tokenizer.json", json, n), err);
}

static void expect_refused(const char *json, size_t n, const char *says)
{
    lf_error err = {0};
    lf_tokenizer *t = load_text(json, n, &err);
    if (t) fail_msg("loaded, but expected \"%s\"", says);
    if (!strstr(err.message, "tokenizer.json") || !strstr(err.message, says))
        fail_msg("\"%s\" does not name the file and \"%s\"", err.message, says);
}

static void save_and_load(void **state)
{
    LF_UNUSED(state);
    static char text[1 << 14];
    size_t n = babble(text, sizeof text, 1);
    memcpy(text, "\x01\x7F\xAD\x80 \xAD\x80 \x01\x7F \"\\\"\\ ", 16);
    const char *const specials[] = {"<|endoftext|>", "<|\"\xE5\xB1\xB1\\|>", NULL};
    for (int chars = 0; chars < 2; chars++) {
        lf_error err = {0};
        size_t skip = chars ? 32 : 0;
        lf_tokenizer *t = learn_with(text + skip, n - skip,
                                     (lf_tokenizer_train_options){.mode = chars ? "char" : "bpe", .vocab_size = 700, .specials = specials});
        const char *dir = in_scratch("some/folder");
        if (lf_tokenizer_save(t, dir, &err)) fail_msg("%s", err.message);
        put_file("some/folder/other.txt", "mine", 4);
        if (lf_tokenizer_save(t, dir, &err)) fail_msg("%s", err.message); /* over the old files, beside others */
        assert_true(lf__path_exists(in_scratch("some/folder/other.txt")));
        lf_tokenizer *back = lf_tokenizer_load(dir, &err);
        if (!back) fail_msg("%s", err.message);
        assert_string_equal(lf_tokenizer_fingerprint(back), lf_tokenizer_fingerprint(t));
        assert_int_equal(lf_tokenizer_size(back), lf_tokenizer_size(t));
        assert_int_equal(lf_tokenizer_merges(back), lf_tokenizer_merges(t));
        assert_int_equal(lf_tokenizer_end(back), lf_tokenizer_special(t, "<|endoftext|>"));
        assert_string_equal(lf_tokenizer_mode(back), chars ? "char" : "bpe");
        lf_tokenizer_free(&back);
        back = lf_tokenizer_load(in_scratch("some/folder/tokenizer.json"), &err); /* the file itself */
        assert_string_equal(lf_tokenizer_fingerprint(back), lf_tokenizer_fingerprint(t));
        lf_tokenizer_free(&back);
        lf_tokenizer_free(&t);
        lf__remove_tree(in_scratch("some"), NULL);
    }
}

/* The fingerprint follows behaviour, not layout. */
static void fingerprint(void **state)
{
    LF_UNUSED(state);
    lf_error err = {0};
    lf_tokenizer *a = learn("the cat and the dog and the rest", 280), *b = learn("the cat and the dog and the cat", 280);
    assert_string_not_equal(lf_tokenizer_fingerprint(a), lf_tokenizer_fingerprint(b));
    assert_int_equal(lf_tokenizer_save(a, scratch, &err), 0);
    size_t n;
    char *json = get_file(in_scratch("tokenizer.json"), &n), *spread = malloc(n * 2 + 1);
    size_t m = 0;
    bool string = false;
    for (size_t i = 0; i < n; i++) { /* other white space, the same document */
        if (json[i] == '"' && (i == 0 || json[i - 1] != '\\')) string = !string;
        if (!string && json[i] == '\n') continue;
        spread[m++] = json[i];
        if (!string && json[i] == ',') spread[m++] = '\n';
    }
    lf_tokenizer *c = load_text(spread, m, &err);
    if (!c) fail_msg("%s", err.message);
    assert_string_equal(lf_tokenizer_fingerprint(a), lf_tokenizer_fingerprint(c));
    free(json);
    free(spread);
    lf_tokenizer_free(&a);
    lf_tokenizer_free(&b);
    lf_tokenizer_free(&c);
    unlink(in_scratch("tokenizer_config.json"));
}

/* A small whole file; %-parts of it are replaced by the table below. */
static char *sample(size_t *n)
{
    lf_error err = {0};
    lf_tokenizer *t = learn("hello hello hello", 262);
    assert_int_equal(lf_tokenizer_save(t, in_scratch("sample"), &err), 0);
    lf_tokenizer_free(&t);
    return get_file(in_scratch("sample/tokenizer.json"), n);
}

static char *replaced(const char *json, const char *from, const char *to, size_t *n)
{
    const char *at = strstr(json, from);
    if (!at) fail_msg("the sample has no %s", from);
    char *out = malloc(strlen(json) + strlen(to) + 1);
    *n = (size_t)sprintf(out, "%.*s%s%s", (int)(at - json), json, to, at + strlen(from));
    return out;
}

static const struct {
    const char *from, *to, *says;
} wrong[] = {
    {"\"type\": \"BPE\"", "\"type\": \"WordPiece\"", "model: WordPiece is not supported: expected BPE or Unigram"},
    {"\"type\": \"BPE\"", "\"type\": 3", "model: 3 is not supported"},
    {"\"normalizer\": null", "\"normalizer\": {\"type\": \"Bert\"}", "normalizer: Bert is not supported: expected "},
    {"\"normalizer\": null", "\"normalizer\": {\"type\": \"Sequence\"}", "normalizer.normalizers: expected an array"},
    {"\"normalizer\": null", "\"normalizer\": {\"type\": \"Prepend\"}", "normalizer.Prepend: prepend: expected a text"},
    {"\"normalizer\": null", "\"normalizer\": {\"type\": \"Prepend\", \"prepend\": \"a\\u0000\"}", "tokenizer.json"},
    {"\"normalizer\": null", "\"normalizer\": [1]", "normalizer: [1] is not supported"},
    {"\"post_processor\": null", "\"post_processor\": {\"type\": \"TemplateProcessing\"}", "post_processor.single: expected an array"},
    {"\"post_processor\": null", "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": []}", "where is the text"},
    {"\"post_processor\": null",
     "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"<s>\"}}]}",
     "post_processor.single[0]: its special token is not in special_tokens"},
    {"\"post_processor\": null", "\"post_processor\": {\"type\": \"Bert\"}", "post_processor: Bert is not supported"},
    {"\"pre_tokenizer\": {\"type\": \"ByteLevel\"", "\"pre_tokenizer\": {\"type\": \"Chunks\"", "pre_tokenizer: Chunks is not supported"},
    {"\"pre_tokenizer\": {\"type\": \"ByteLevel\"", "\"pre_tokenizer\": {\"type\": \"Metaspace\"", "Metaspace.replacement"},
    {"\"pre_tokenizer\": {", "\"pre_tokenizer\": null, \"x\": {", "ByteLevel in the decoder, but not in the pre_tokenizer"},
    {"\"decoder\": {\"type\": \"ByteLevel\"", "\"decoder\": {\"type\": \"WordPiece\"", "decoder: WordPiece"},
    {"\"decoder\": {", "\"decoder\": null, \"y\": {", "ByteLevel in the pre_tokenizer, but not in the decoder"},
    {"\"dropout\": null", "\"dropout\": 0.1", "model.dropout: 0.1"},
    {"\"end_of_word_suffix\": null", "\"end_of_word_suffix\": \"</w>\"", "model.end_of_word_suffix: \"</w>\""},
    {"\"vocab\": {", "\"vocab\": [], \"z\": {", "model.vocab: expected an object"},
    {"\"merges\": [", "\"merges\": {}, \"z\": [", "model.merges: expected an array"},
    {"\"model\": {", "\"modell\": {", "model: expected an object"},
    {"\"added_tokens\": [", "\"added_tokens\": {}, \"w\": [", "added_tokens: expected an array"},
    {"\"!\": 0", "\"!\": 1", "the same id 1"},
    {"\"!\": 0", "\"!\": -1", "has the id -1"},
    {"\"!\": 0", "\"!\": 100000", "has the id 100000"},
    {"\"!\": 0", "\"!\": 99999999999999999999", "tokenizer.json"},
    {"\"!\": 0", "\"!\": 0.5", "expected an integer id"},
    {"\"!\": 0", "\"!\": \"0\"", "expected an integer id"},
    {"\"!\": 0", "\"!\": null", "expected an integer id"},
    {"\"!\": 0,", "", "ids 0 to"},
    {"\"!\": 0", "\"!\": 0, \"!\": 0", "tokenizer.json"},
    {"\"!\": 0", "\"\": 0", "token 0 is empty"},
    {"\"!\": 0", "\"\xE5\xB1\xB1\": 0", "not in the alphabet of bytes"},
    {"\"!\": 0", "\"!!\": 0", "no token for byte 0x21"},
    {"\"h e\"", "\"h\"", "model.merges[2]: expected two tokens"},
    {"\"h e\"", "\"h  e\"", "model.merges[2]: expected two tokens"},
    {"\"h e\"", "\"h e \"", "model.merges[2]: expected two tokens"},
    {"\"h e\"", "\"hh e\"", "model.merges[2]: the left part \"hh\""},
    {"\"h e\"", "\"h ee\"", "model.merges[2]: the right part \"ee\""},
    {"\"h e\"", "\" e\"", "model.merges[2]: the left part"},
    {"\"h e\"", "\"e h\"", "model.merges[2]: the result \"eh\""},
    {"\"h e\"", "[\"h\"]", "model.merges[2]: expected"},
    {"\"h e\"", "[\"h\", 1]", "model.merges[2]: expected"},
    {"\"h e\"", "7", "model.merges[2]: expected"},
    {"\"h e\"", "\"h e\", \"h e\"", "merge 3 repeats merge 2"},
    {"\"content\": \"<|endoftext|>\"", "\"content\": 1", "added_tokens[0].content"},
    {"{\"id\": 261, \"content\": \"<|endoftext|>\"", "{\"id\": 5, \"content\": \"<|endoftext|>\"", "another id"},
    {"{\"id\": 261, \"content\": \"<|endoftext|>\"", "{\"id\": 5, \"content\": \"<|new|>\"", "the same id 5"},
    {"{\"id\": 261,", "{\"id\": 261, \"content\": \"a\",", "tokenizer.json"},
    {"{\"id\": 261, \"content\": \"<|endoftext|>\"", "{\"id\": 65, \"content\": \"b\"", "no token for byte 0x62"},
};

static void corrupted(void **state)
{
    LF_UNUSED(state);
    size_t n, m;
    char *json = sample(&n);
    lf_error err = {0};
    lf_tokenizer *t = load_text(json, n, &err);
    if (!t) fail_msg("%s", err.message);
    lf_tokenizer_free(&t);
    for (size_t i = 0; i < LF_COUNT(wrong); i++) {
        char *bad = replaced(json, wrong[i].from, wrong[i].to, &m);
        expect_refused(bad, m, wrong[i].says);
        free(bad);
    }
    for (size_t cut = 0; cut + 2 < n; cut += 1 + n / 256) expect_refused(json, cut, ""); /* cut short anywhere */
    char *deep = malloc(200001);
    memset(deep, '[', 200000);
    expect_refused(deep, 200000, "");
    free(deep);
    expect_refused("\xEF\xBB\xBF{}", 5, "");
    expect_refused("[]", 2, "model");
    expect_refused("{}", 2, "model");
    free(json);
}

/* Expressions that no scanner equals: wrong ones, huge ones, and one that would run forever. */
static void regexes(void **state)
{
    LF_UNUSED(state);
    char *huge = malloc(70001), *deep = malloc(1002);
    memset(huge, 'a', 70000), huge[70000] = 0;
    memset(deep, '(', 500), deep[500] = 'a', memset(deep + 501, ')', 500), deep[1001] = 0;
    const struct {
        const char *regex, *says; /* says NULL: it loads, and gives up on a hostile text */
    } table[] = {{"([", "is not one that PCRE2 takes"},
                 {huge, "more than the limit of 65536"},
                 {deep, "too deeply nested"},
                 {"(?:\\\\p{L}|\\\\p{L}\\\\p{L})+$", NULL}};
    size_t n, m;
    char *json = sample(&n), *step = malloc(80000), text[2001];
    for (size_t i = 0; i < LF_COUNT(table); i++) {
        snprintf(step, 80000,
                 "\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"pattern\": {\"Regex\": \"%s\"}, "
                 "\"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": "
                 "false}]}, \"x\": {",
                 table[i].regex);
        char *other = replaced(json, "\"pre_tokenizer\": {", step, &m);
        lf_error err = {0};
        lf_tokenizer *t = load_text(other, m, &err);
        if (!t && strstr(err.hint, "libpcre2-dev")) {
            print_message("SKIPPED: this build has no regular expressions\n");
        } else if (table[i].says) {
            assert_null(t);
            if (!strstr(err.message, table[i].says)) fail_msg("\"%s\" does not say %s", err.message, table[i].says);
        } else {
            int32_t ids[2001];
            if (!t) fail_msg("%s", err.message);
            memset(text, 'a', 2000), text[2000] = '1';
            assert_int_equal(lf_tokenizer_encode(t, ids, 2001, text, 2001, false, &err), -1);
            assert_int_equal(err.code, LF_E_LIMIT);
            assert_non_null(strstr(err.message, "gives up on this text at byte 0"));
            assert_true(lf_tokenizer_encode(t, ids, 2001, "hello", 5, false, NULL) > 0);
        }
        lf_tokenizer_free(&t);
        free(other);
    }
    free(huge), free(deep), free(step), free(json);
}

/* Added tokens behind the pieces of a unigram are no pieces, before our save and after it. */
static void unigram_added(void **state)
{
    LF_UNUSED(state);
    static const char json[] =
        "{\"added_tokens\": [{\"id\": 5, \"content\": \"aba\", \"single_word\": true, \"special\": false}], \"pre_tokenizer\": {\"type\": "
        "\"Metaspace\", \"replacement\": \"\xE2\x96\x81\", \"prepend_scheme\": \"always\"}, \"decoder\": {\"type\": \"Metaspace\", "
        "\"replacement\": \"\xE2\x96\x81\", \"prepend_scheme\": \"always\"}, \"model\": {\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": "
        "[[\"<unk>\", 0], [\"\xE2\x96\x81\", -2], [\"a\", -1.5], [\"b\", -2], [\"ab\", -2.2]]}}";
    static const int32_t wanted[] = {1, 4, 4, 2, 1, 5};
    int32_t ids[64];
    lf_error err = {0};
    lf_tokenizer *t = load_text(json, sizeof json - 1, &err);
    for (int again = 0; again < 2; again++) {
        if (!t) fail_msg("%s", err.message);
        assert_int_equal(lf_tokenizer_encode(t, ids, 64, "ababa aba", 9, false, &err), LF_COUNT(wanted));
        assert_memory_equal(ids, wanted, sizeof wanted);
        if (lf_tokenizer_save(t, in_scratch("unigram"), &err)) fail_msg("%s", err.message);
        lf_tokenizer_free(&t);
        t = lf_tokenizer_load(in_scratch("unigram"), &err);
    }
    lf_tokenizer_free(&t);
}

/* One bit flipped: a clean refusal, or a tokenizer that works. */
static void flipped_bits(void **state)
{
    LF_UNUSED(state);
    size_t n;
    char *json = sample(&n);
    int32_t ids[64];
    char back[64];
    for (size_t at = 0; at<n; at += n> 4000 ? 3 : 1) {
        lf_error err = {0};
        json[at] = (char)(json[at] ^ 1 << at % 8);
        lf_tokenizer *t = load_text(json, n, &err);
        if (t) {
            int64_t count = lf_tokenizer_encode(t, ids, 64, "hello \xFF hello", 13, true, &err);
            size_t space = t->pre.n; /* a pre-tokenizer that a flipped bit made another: it begins texts with a space */
            assert_int_equal(lf_tokenizer_decode(t, back, 64, ids, (size_t)count, false, &err), 13 + space);
            assert_memory_equal(back + space, "hello \xFF hello", 13);
            lf_tokenizer_free(&t);
        } else {
            assert_true(err.code != LF_OK && err.message[0]);
        }
        json[at] = (char)(json[at] ^ 1 << at % 8);
    }
    free(json);
}

/* Forms that others write: merges as arrays, added tokens outside the vocabulary, fields of older versions missing. */
static void other_forms(void **state)
{
    LF_UNUSED(state);
    static const char *const same[][2] = {
        {"\"h e\"", "[\"h\", \"e\"]"},
        {"\"type\": \"BPE\",", ""},
        {"\"ignore_merges\": false,", ""},
        {"\"dropout\": null", "\"dropout\": 0"},
        {"\"end_of_word_suffix\": null", "\"end_of_word_suffix\": \"\""},
        {", \"use_regex\": true", ""},
        {"\"post_processor\": null", "\"post_processor\": {\"type\": \"ByteLevel\", \"trim_offsets\": false}"},
        {"\"normalized\": false", "\"normalized\": true"},
        {"\"unk_token\": null", "\"unk_token\": \"<|endoftext|>\""},
        {",\n      \"<|endoftext|>\": 261", ""},
        {"\"truncation\": null", "\"truncation\": {\"max_length\": 4}"},
    };
    size_t n, m;
    char *json = sample(&n), first[65];
    lf_error err = {0};
    lf_tokenizer *t = load_text(json, n, &err);
    strcpy(first, lf_tokenizer_fingerprint(t));
    lf_tokenizer_free(&t);
    for (size_t i = 0; i < LF_COUNT(same); i++) {
        char *other = replaced(json, same[i][0], same[i][1], &m);
        t = load_text(other, m, &err);
        if (!t) fail_msg("%s: %s", same[i][1], err.message);
        assert_string_equal(lf_tokenizer_fingerprint(t), first);
        lf_tokenizer_free(&t);
        free(other);
    }
    free(json);
}

static void end_token(void **state)
{
    LF_UNUSED(state);
    size_t n, m;
    char *json = sample(&n);
    lf_error err = {0};
    char *other = replaced(json, "{\"id\": 261", "{\"id\": 262, \"content\": \"<s>\", \"special\": true}, {\"id\": 261", &m);
    static const struct {
        const char *config, *says; /* says: NULL = loads with this id */
        int32_t end;
    } table[] = {
        {"{\"eos_token\": \"<s>\"}", NULL, 262},
        {"{\"eos_token\": {\"content\": \"<s>\", \"lstrip\": false}}", NULL, 262},
        {"{\"eos_token\": null}", NULL, 261},
        {"{}", NULL, 261},
        {"{\"eos_token\": \"</s>\"}", "eos_token \"</s>\"", 0},
        {"{\"eos_token\": 3}", "eos_token: expected a text", 0},
        {"{\"eos_token\": ", "tokenizer_config.json", 0},
    };
    for (size_t i = 0; i < LF_COUNT(table); i++) {
        put_file("tokenizer_config.json", table[i].config, strlen(table[i].config));
        lf_tokenizer *t = load_text(other, m, &err);
        if (!t != !!table[i].says) fail_msg("row %zu: %s", i, err.message);
        if (t) assert_int_equal(lf_tokenizer_end(t), table[i].end);
        if (!t && !strstr(err.message, table[i].says)) fail_msg("\"%s\" does not say %s", err.message, table[i].says);
        lf_tokenizer_free(&t);
    }
    unlink(in_scratch("tokenizer_config.json"));
    free(other);
    free(json);
}

static void two_files(void **state)
{
    LF_UNUSED(state);
    lf_buf vocab;
    lf_error err = {0};
    lf__buf_init(&vocab, 1 << 20);
    lf__buf_puts(&vocab, "{");
    for (int id = 0; id < 256; id++) {
        char utf8[4];
        lf__buf_json_string(&vocab, utf8, (size_t)lf__utf8_encode(utf8, lf__byte_to_alphabet(lf__byte_of_id(id))));
        lf__buf_printf(&vocab, ": %d, ", id);
    }
    lf__buf_puts(&vocab, "\"he\": 256, \"hel\": 257, \"<|endoftext|>\": 258}");
    const char *v = put_file("vocab.json", vocab.data, vocab.len);
    static const struct {
        const char *merges, *says;
    } table[] = {
        {"#version: 0.2\nh e\nhe l\n", NULL},
        {"h e\r\nhe l\r\n\n", NULL},
        {"h e\nhe l", NULL},
        {"h e\nhe\n", "line 2"},
        {"h e\nhe l x\n", "line 2"},
        {"h e\nh\xC3\xA9 l\n", "line 2: the left part"},
        {"#version\nh l\n", "line 2: the result \"hl\""},
        {"h e\nh e\n", "repeats"},
        {"h e\n<|endoftext|> l\n", "line 2: the left part"},
        {"h e\n#version: 0.2\n", "line 2"},
    };
    for (size_t i = 0; i < LF_COUNT(table); i++) {
        lf_error_reset(&err);
        const char *m = put_file("merges.txt", table[i].merges, strlen(table[i].merges));
        lf_tokenizer *t = lf_tokenizer_load_gpt2(v, m, &err);
        if (!t != !!table[i].says) fail_msg("row %zu: %s", i, err.message);
        if (!t && !strstr(err.message, table[i].says)) fail_msg("\"%s\" does not say %s", err.message, table[i].says);
        if (t) assert_true(lf_tokenizer_merges(t) == 2 && lf_tokenizer_end(t) == 258);
        lf_tokenizer_free(&t);
    }
    put_file("merges.txt", "h e\n", 4);
    unlink(in_scratch("tokenizer.json"));
    lf_tokenizer *t = lf_tokenizer_load(scratch, &err); /* the folder with both */
    assert_non_null(t);
    lf_tokenizer_free(&t);
    lf__buf_release(&vocab);
    unlink(v);
}

static void paths(void **state)
{
    LF_UNUSED(state);
    lf_error err = {0};
    lf__make_dirs(in_scratch("empty"), &err);
    const char *const table[] = {in_scratch("nowhere"), in_scratch("empty"), "/dev/zero", in_scratch("sample/tokenizer_config.json"), ""};
    for (size_t i = 0; i < LF_COUNT(table); i++) {
        lf_error_reset(&err);
        assert_null(lf_tokenizer_load(table[i], &err));
        assert_true(err.code != LF_OK && err.message[0]);
    }
    lf_error_reset(&err);
    lf_tokenizer *t = learn("a a", 258);
    assert_int_equal(lf_tokenizer_save(t, in_scratch("text.txt"), &err), -1); /* a file where a folder should be */
    assert_true(err.message[0]);
    lf_tokenizer_free(&t);
    FILE *f = fopen(in_scratch("tokenizer.json"), "wb"); /* over the limit, without bytes on disk */
    fseek(f, (64 << 20) + 1, SEEK_SET), fputc(0, f), fclose(f);
    lf_error_reset(&err);
    assert_null(lf_tokenizer_load(scratch, &err));
    assert_int_equal(err.code, LF_E_LIMIT);
    unlink(in_scratch("tokenizer.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(save_and_load), cmocka_unit_test(fingerprint),  cmocka_unit_test(corrupted),   cmocka_unit_test(regexes),
        cmocka_unit_test(unigram_added), cmocka_unit_test(flipped_bits), cmocka_unit_test(other_forms), cmocka_unit_test(end_token),
        cmocka_unit_test(two_files),     cmocka_unit_test(paths),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
