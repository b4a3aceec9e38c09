/* Token shards: what was written is read, across files and widths; every damaged byte is noticed; foreign files work. */
#include "unit/data_tools.h"

#include <math.h>

static int32_t *counting(size_t n, int32_t modulus)
{
    int32_t *ids = malloc(n * sizeof *ids);
    for (size_t i = 0; i < n; i++) ids[i] = (int32_t)(lf__rng_at(1, 2, i) % (uint64_t)modulus);
    return ids;
}

static void shards_give_back_what_was_written(void **state)
{
    LF_UNUSED(state);
    const struct {
        lf_shard_kind kind;
        size_t n;
        uint64_t per_file;
        int files;
    } rows[] = {{LF_SHARD_UINT16, 1, 10, 1},
                {LF_SHARD_UINT16, 5000, 700, 8},
                {LF_SHARD_UINT32, 5000, 5000, 1},
                {LF_SHARD_UINT16, 1400000, 600000, 3},
                {LF_SHARD_UINT32, 700000, 300001, 3}};
    for (size_t r = 0; r < LF_COUNT(rows); r++) {
        char name[32];
        snprintf(name, sizeof name, "round%zu", r);
        int32_t *ids = counting(rows[r].n, rows[r].kind.width == 2 ? 65536 : 1000000), *back = malloc((rows[r].n + 1) * sizeof *back);
        lf_shards *s = open_ok(put_shards(name, ids, rows[r].n, 1, rows[r].kind, rows[r].per_file, -1), "train");
        lf_split_info info = lf_shards_info(s);
        assert_int_equal(lf_shards_tokens(s), rows[r].n);
        assert_int_equal(info.files, rows[r].files);
        assert_int_equal(info.bytes, 3 * rows[r].n);
        assert_true(info.floor_bits == 0.25 * (double)rows[r].n);
        assert_string_equal(lf_shards_tokenizer_dir(s), "");
        assert_int_equal(strlen(lf_shards_fingerprint(s)), 64);
        assert_ok(lf_shards_read(s, back, 0, rows[r].n, err));
        assert_memory_equal(back, ids, rows[r].n * sizeof *ids);
        for (int i = 0; i < 500; i++) {
            uint64_t at = lf__rng_at(3, r, (uint64_t)i) % (rows[r].n + 1), n = lf__rng_at(4, r, (uint64_t)i) % (rows[r].n - at + 1);
            n = LF_MIN(n, 3000u);
            assert_ok(lf_shards_read(s, back, at, n, err));
            assert_memory_equal(back, ids + at, n * sizeof *ids);
        }
        assert_int_equal(lf_shards_read(s, back, rows[r].n, 1, NULL), -1);
        assert_int_equal(lf_shards_read(s, back, UINT64_MAX, 2, NULL), -1);
        assert_int_equal(lf_shards_read(s, back, 1, UINT64_MAX, NULL), -1);
        assert_ok(lf_shards_check_vocab(s, info.max_id + 1, err));
        lf_error err = {0};
        assert_int_equal(lf_shards_check_vocab(s, info.max_id, &err), -1);
        assert_int_equal(err.code, LF_E_MISMATCH);
        assert_int_equal(lf_shards_check_vocab(s, 0, NULL), -1);
        lf_shards_close(&s);
        assert_null(s);
        free(ids), free(back);
    }
}

static void documents_end_at_the_end_token(void **state)
{
    LF_UNUSED(state);
    const int32_t ids[] = {5, 6, 0, 7, 0, 0, 8, 9, 9};
    const uint64_t at[] = {0, 3, 5, 6}, n[] = {3, 2, 1, 3};
    lf_shards *s = open_ok(put_shards("documents", ids, LF_COUNT(ids), 4, LF_SHARD_UINT16, 4, 0), "train");
    uint64_t a, k;
    assert_int_equal(lf_shards_documents(s), 4);
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(lf_shards_document(s, i, &a, &k), 0);
        assert_int_equal(a, at[i]);
        assert_int_equal(k, n[i]);
    }
    assert_int_equal(lf_shards_document(s, 4, &a, &k), -1);
    lf_shards_close(&s);

    s = open_ok(in_scratch("documents/train_000000.bin"), "train"); /* four tokens, nobody knows an end */
    assert_int_equal(lf_shards_end_token(s), -1);
    assert_int_equal(lf_shards_documents(s), 1);
    lf_shards_close(&s);
    s = open_ok(in_scratch("documents/train_000000.bin"), "train");
    lf_shards_set_end_token(s, 0);
    assert_int_equal(lf_shards_documents(s), 2);
    assert_int_equal(lf_shards_document(s, 1, &a, &k), 0);
    assert_int_equal(k, 1);
    lf_shards_close(&s);
}

static void foreign_files_open(void **state)
{
    LF_UNUSED(state);
    const int32_t ids[] = {1, 2, 3, 4, 5};
    char list[2 * LF_PATH_MAX];
    put_shards("foreign", ids, 5, 1, LF_SHARD_UINT16, 5, -1);
    put_shards("foreign4", ids, 5, 1, LF_SHARD_UINT32, 5, -1);
    assert_int_equal(rename(in_scratch("foreign/train_000000.bin"), in_scratch("foreign/web_val_000000.bin")), 0);
    assert_int_equal(rename(in_scratch("foreign4/train_000000.bin"), in_scratch("foreign/web_train_000001.bin")), 0);
    assert_int_equal(unlink(in_scratch("foreign/shards.json")), 0);
    lf_shards *s = open_ok(in_scratch("foreign"), "val");
    lf_split_info info = lf_shards_info(s);
    assert_int_equal(info.tokens, 5);
    assert_int_equal(info.bytes, 0);
    assert_int_equal(info.max_id, -1);
    assert_true(isnan(info.floor_bits));
    assert_string_equal(lf_shards_fingerprint(s), "");
    lf_shards_close(&s);

    snprintf(list, sizeof list, "%s,%s", in_scratch("foreign/web_val_000000.bin"), in_scratch("foreign/web_train_000001.bin"));
    s = open_ok(list, "train"); /* 2 and 4 bytes per token in one list */
    int32_t back[10];
    assert_ok(lf_shards_read(s, back, 0, 10, err));
    assert_memory_equal(back, ids, sizeof ids);
    assert_memory_equal(back + 5, ids, sizeof ids);
    assert_ok(lf_shards_check_vocab(s, 6, err));
    lf_error err = {0};
    assert_int_equal(lf_shards_check_vocab(s, 5, &err), -1);
    assert_non_null(strstr(err.message, "token 4"));
    lf_shards_close(&s);

    assert_int_equal(rename(in_scratch("foreign/web_val_000000.bin"), in_scratch("foreign/tokens.bin")), 0);
    assert_int_equal(unlink(in_scratch("foreign/web_train_000001.bin")), 0);
    s = open_ok(in_scratch("foreign"), "train"); /* no name says a split: all is for training */
    lf_shards_close(&s);
    open_fails(in_scratch("foreign"), "val", LF_E_NOT_FOUND, "no val split", "foreign");
}

static void wrong_paths_are_sentences(void **state)
{
    LF_UNUSED(state);
    const int32_t ids[] = {1, 2, 3};
    assert_ok(lf__make_dirs(in_scratch("nothing"), err));
    put_text("story.txt", "Once upon a time there was a fox.\n");
    put_shards("paths", ids, 3, 1, LF_SHARD_UINT16, 3, -1);
    open_fails(in_scratch("missing"), "train", LF_E_NOT_FOUND, "missing", "");
    open_fails(in_scratch("nothing"), "train", LF_E_NOT_FOUND, "holds no token shards", "nothing");
    open_fails(in_scratch("story.txt"), "train", LF_E_FORMAT, "not a token shard", "story.txt");
    open_fails(in_scratch("paths"), "val", LF_E_NOT_FOUND, "no val split", "paths");
    open_fails(in_scratch("paths"), "test", LF_E_ARGUMENT, "\"train\" or \"val\"", "test");
    open_fails("", "train", LF_E_ARGUMENT, "path", "");
    char list[2 * LF_PATH_MAX];
    snprintf(list, sizeof list, "%s,", in_scratch("paths/train_000000.bin"));
    open_fails(list, "train", LF_E_ARGUMENT, "empty name", "");
    snprintf(list, sizeof list, "%s,%s", in_scratch("paths/train_000000.bin"), in_scratch("paths"));
    open_fails(list, "train", LF_E_ARGUMENT, "a folder in a list", "");
}

static void headers_are_not_believed(void **state)
{
    LF_UNUSED(state);
    const int32_t ids[] = {10, 11, 12, 13, 14, 15, 16, 17};
    lf_buf file;
    put_shards("headers", ids, 8, 1, LF_SHARD_UINT16, 8, -1);
    get(&file, in_scratch("headers/train_000000.bin"));
    assert_int_equal(file.len, LF_SHARD_HEADER + 16);
    const struct {
        int at;
        int32_t value;
        const char *says;
    } rows[] = {{0, 0, "magic number 0"}, {0, 20240801, "version 1"}, {0, 20240521, "magic"},    {1, 2, "version 2"},
                {1, -1, "version -1"},    {2, 0, "token count 0"},    {2, -8, "token count -8"}, {2, 7, "oversized"},
                {2, 9, "truncated"},      {2, INT32_MAX, "truncated"}};
    for (size_t r = 0; r < LF_COUNT(rows); r++) {
        int32_t kept;
        memcpy(&kept, file.data + 4 * rows[r].at, 4);
        memcpy(file.data + 4 * rows[r].at, &rows[r].value, 4);
        open_fails(put("bad.bin", file.data, file.len), "train", LF_E_FORMAT, rows[r].says, "bad.bin");
        memcpy(file.data + 4 * rows[r].at, &kept, 4);
    }
    for (size_t n = 0; n < file.len; n += n < 1000 ? 97 : 1) open_fails(put("bad.bin", file.data, n), "train", LF_E_FORMAT, "", "bad.bin");
    char *longer = calloc(1, file.len + 1);
    memcpy(longer, file.data, file.len);
    open_fails(put("bad.bin", longer, file.len + 1), "train", LF_E_FORMAT, "oversized", "bad.bin");
    free(longer);
    lf__buf_release(&file);
}

/* Every bit of the file: of the header's 256 numbers and of the tokens. */
static void every_flipped_bit_is_noticed(void **state)
{
    LF_UNUSED(state);
    int32_t ids[37];
    lf_buf file;
    for (int i = 0; i < 37; i++) ids[i] = 1000 + i;
    const char *dir = put_shards("flips", ids, 37, 1, LF_SHARD_UINT16, 37, -1);
    get(&file, in_scratch("flips/train_000000.bin"));
    for (size_t bit = 0; bit < 8 * file.len; bit += bit < 8 * LF_SHARD_HEADER ? 5 : 1) {
        file.data[bit / 8] ^= (char)(1 << bit % 8);
        FILE *f = fopen(in_scratch("flips/train_000000.bin"), "wb"); /* not atomic, but quick */
        assert_int_equal(fwrite(file.data, 1, file.len, f), file.len);
        fclose(f);
        file.data[bit / 8] ^= (char)(1 << bit % 8);
        lf_shards *s = lf_shards_open(dir, "train", NULL);
        if (s) fail_msg("bit %zu of byte %zu was flipped and nobody noticed", bit % 8, bit / 8);
    }
    lf__buf_release(&file);
    put_shards("flips", ids, 37, 1, LF_SHARD_UINT16, 37, -1);
    put_shards("other", ids + 1, 36, 1, LF_SHARD_UINT16, 37, -1);
    assert_int_equal(rename(in_scratch("other/train_000000.bin"), in_scratch("flips/train_000000.bin")), 0);
    open_fails(dir, "train", LF_E_MISMATCH, "36 tokens", "37");
}

static void replace_text(char *out, size_t size, const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    if (!at) fail_msg("no \"%s\" in %s", from, text);
    snprintf(out, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void the_index_is_not_believed(void **state)
{
    LF_UNUSED(state);
    int32_t ids[50] = {0};
    lf_buf json;
    char changed[8192];
    for (int i = 0; i < 50; i++) ids[i] = i;
    const char *dir = put_shards("index", ids, 50, 1, LF_SHARD_UINT16, 20, 49);
    get(&json, in_scratch("index/shards.json"));
    const struct {
        const char *from, *to, *says;
    } rows[] = {
        {"foundry-shards", "foundry-shard", "format"},
        {"\"version\": 1", "\"version\": 2", "version"},
        {"\"version\": 1", "\"version\": \"1\"", "version"},
        {"aaaa", "aaa", "tokenizer.fingerprint"},
        {"aaaa", "AAAA", "tokenizer.fingerprint"},
        {"\"vocab_size\": 65536", "\"vocab_size\": 0", "tokenizer.vocab_size"},
        {"\"end_token\": 49", "\"end_token\": 65536", "tokenizer.end_token"},
        {"\"end_token\": 49", "\"end_token\": 48", "checksum"},
        {"\"tokens\": 50", "\"tokens\": 51", "splits.train.tokens"},
        {"\"tokens\": 50", "\"tokens\": -50", "splits.train.tokens"},
        {"\"tokens\": 50", "\"tokens\": 5e1", "splits.train.tokens"},
        {"\"tokens\": 20", "\"tokens\": 21", "splits.train.tokens"},
        {"\"tokens\": 20", "\"tokens\": 99999999999", "files[0].tokens"},
        {"\"documents\": 1", "\"documents\": 51", "splits.train.documents"},
        {"\"documents\": 1", "\"documents\": 2", "checksum"},
        {"\"bytes\": 150", "\"bytes\": 151", "checksum"},
        {"\"bytes\": 150", "\"bytes\": 1e400", ""},
        {"\"floor_bits\": 12.5", "\"floor_bits\": -1", "floor_bits"},
        {"\"floor_bits\": 12.5", "\"floor_bits\": \"x\"", "floor_bits"},
        {"\"max_id\": 49", "\"max_id\": 65536", "max_id"},
        {"\"max_id\": 49", "\"max_id\": 48", "checksum"},
        {"train_000000.bin", "../train_000000.bin", "files[0].name"},
        {"train_000000.bin", "", "files[0].name"},
        {"\"train\": {", "\"train\": 5, \"x\": {", "splits.train"},
        {"\"val\":", "\"vel\":", "splits.val"},
        {"\"files\": [", "\"files\": {}, \"g\": [", "splits.train.files"},
        {"\"max_id\": 49", "\"max_id\": 49, \"max_id\": 49", ""},
    };
    for (size_t r = 0; r < LF_COUNT(rows); r++) {
        replace_text(changed, sizeof changed, json.data, rows[r].from, rows[r].to);
        put_text("index/shards.json", changed);
        open_fails(dir, "train", LF_E_FORMAT, "shards.json", rows[r].says);
    }
    for (size_t n = 0; n + 1 < json.len; n += 7) { /* the last byte is a newline */
        put("index/shards.json", json.data, n);
        assert_null(lf_shards_open(dir, "train", NULL));
    }
    put_text("index/shards.json", json.data);
    lf_shards *s = open_ok(dir, "train");
    lf_shards_close(&s);
    assert_int_equal(unlink(in_scratch("index/train_000001.bin")), 0);
    open_fails(dir, "train", LF_E_MISMATCH, "train_000001.bin", "");
    lf__buf_release(&json);
}

static void checksums_see_order_and_length(void **state)
{
    LF_UNUSED(state);
    uint8_t block[200] = {0};
    uint64_t seen[64];
    size_t n = 0;
    for (size_t k = 0; k < 20; k++) seen[n++] = lf__checksum_block(block, k * 10, 1); /* zeros of other lengths */
    for (uint64_t i = 2; i < 22; i++) seen[n++] = lf__checksum_block(block, 200, i);  /* at other places */
    block[0] = 1;
    seen[n++] = lf__checksum_block(block, 200, 1);
    block[0] = 0, block[8] = 1; /* the next word, the next stripe */
    seen[n++] = lf__checksum_block(block, 200, 1);
    block[8] = 0, block[64] = 1;
    seen[n++] = lf__checksum_block(block, 200, 1);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) assert_true(seen[i] != seen[j]);
    assert_true(lf__checksum_block("foundry", 7, 0) == UINT64_C(0x1ca3722c6c534a71)); /* part of the file format */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_give_back_what_was_written),
        cmocka_unit_test(documents_end_at_the_end_token),
        cmocka_unit_test(foreign_files_open),
        cmocka_unit_test(wrong_paths_are_sentences),
        cmocka_unit_test(headers_are_not_believed),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(the_index_is_not_believed),
        cmocka_unit_test(checksums_see_order_and_length),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
