/* fuzz_shards.c - token shards from hostile bytes. The first byte picks what the rest is: a .bin file alone, a .bin behind a true
 * shards.json, a shards.json beside a true .bin, or a .jsonl line. Whatever opens is read to its end. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "data/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char fuzz_dir[64], good_json[4096];
static uint8_t good_bin[LF_SHARD_HEADER + 64];
static size_t good_json_size;

static void put_file(const char *name, const void *bytes, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", fuzz_dir, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0) abort();
}

static size_t read_file(const char *name, void *bytes, size_t max)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", fuzz_dir, name);
    FILE *f = fopen(path, "rb");
    if (!f) abort();
    size_t n = fread(bytes, 1, max, f);
    fclose(f);
    return n;
}

static void clean_up(void) { lf__remove_tree(fuzz_dir, NULL); }

/* A true folder of 32 tokens, once. */
static void make_folder(void)
{
    int32_t ids[32];
    lf_shard_index index = {.end_token = 0, .vocab_size = 100};
    lf_shard_sink sink;
    for (int i = 0; i < 32; i++) ids[i] = i % 7;
    memset(index.fingerprint, 'a', 64);
    index.info[LF_SPLIT_TRAIN] = (lf_split_info){.documents = 5, .bytes = 99, .floor_bits = 12.25, .max_id = -1};
    index.info[LF_SPLIT_VAL].max_id = -1;
    snprintf(fuzz_dir, sizeof fuzz_dir, "/dev/shm/foundry-fuzz-XXXXXX");
    if (!mkdtemp(fuzz_dir)) snprintf(fuzz_dir, sizeof fuzz_dir, "/tmp/foundry-fuzz-XXXXXX");
    if (!lf__path_is_dir(fuzz_dir) && !mkdtemp(fuzz_dir)) abort();
    atexit(clean_up);
    if (lf__shard_sink_init(&sink, fuzz_dir, &index, LF_SPLIT_TRAIN, LF_SHARD_UINT16, 1000, NULL) != 0 ||
        lf__shard_sink_add(&sink, ids, 32, NULL) != 0 || lf__shard_sink_finish(&sink, NULL) != 0 ||
        lf__shard_index_save(&index, fuzz_dir, NULL) != 0)
        abort();
    lf__shard_sink_release(&sink);
    lf__shard_index_release(&index);
    read_file("train_000000.bin", good_bin, sizeof good_bin);
    good_json_size = read_file("shards.json", good_json, sizeof good_json);
}

static void read_all(const char *path)
{
    int32_t ids[64];
    uint64_t at, n;
    lf_error err = {0};
    lf_shards *s = lf_shards_open(path, "train", &err);
    if (!s) {
        if (err.code == LF_OK || !err.message[0]) abort(); /* a failure without a sentence */
        return;
    }
    lf_shards_set_end_token(s, 3);
    for (uint64_t i = 0; i < lf_shards_documents(s); i++)
        if (lf_shards_document(s, i, &at, &n) != 0 || !n || at + n > lf_shards_tokens(s)) abort();
    for (at = 0; at < lf_shards_tokens(s); at += n) {
        n = LF_MIN(lf_shards_tokens(s) - at, (uint64_t)LF_COUNT(ids));
        if (lf_shards_read(s, ids, at, n, NULL) != 0) abort();
    }
    lf_shards_check_vocab(s, 100, NULL);
    lf_shards_close(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[128];
    if (!fuzz_dir[0]) make_folder();
    if (!size) return 0;
    int what = data[0] % 4;
    data++, size--;
    if (what == 3) {
        const char *text;
        size_t n_text;
        json_t *keep;
        lf_error err = {0};
        if (lf__jsonl_text(&text, &n_text, &keep, (const char *)data, size, "text", size % 2, "fuzz.jsonl", 1, &err) != 0 &&
            !err.message[0])
            abort();
        json_decref(keep);
        return 0;
    }
    put_file("train_000000.bin", what < 2 ? data : good_bin, what < 2 ? size : sizeof good_bin);
    put_file("shards.json", what < 2 ? (const void *)good_json : data, what < 2 ? good_json_size : size);
    snprintf(path, sizeof path, what == 0 ? "%s/train_000000.bin" : "%s", fuzz_dir);
    read_all(path);
    return 0;
}
