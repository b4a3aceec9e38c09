/* data_tools.h - what the data tests share: a scratch folder and small shard folders made without a tokenizer. */
#ifndef DATA_TOOLS_H
#define DATA_TOOLS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/data.h"

#define assert_ok(call)                                                                                                                    \
    do {                                                                                                                                   \
        lf_error e_ = {0}, *err = &e_;                                                                                                     \
        if ((call) != 0) fail_msg("%s\n  %s (%s)", #call, e_.message, e_.hint);                                                            \
    } while (0)

static char scratch[64];

static inline int scratch_make(void **state)
{
    LF_UNUSED(state);
    snprintf(scratch, sizeof scratch, "/dev/shm/foundry-data-XXXXXX"); /* fsync is free there: hundreds of folders are made */
    if (mkdtemp(scratch)) return 0;
    snprintf(scratch, sizeof scratch, "/tmp/foundry-data-XXXXXX");
    return mkdtemp(scratch) ? 0 : -1;
}

static inline int scratch_remove(void **state)
{
    LF_UNUSED(state);
    return lf__remove_tree(scratch, NULL);
}

/* The path of a name in the scratch folder; valid until the program ends. */
static inline const char *in_scratch(const char *name)
{
    static char paths[256][256];
    char path[256];
    int i = 0;
    snprintf(path, sizeof path, "%s/%s", scratch, name);
    while (i < 255 && paths[i][0] && strcmp(paths[i], path) != 0) i++;
    assert_in_range(i, 0, 254);
    return strcpy(paths[i], path);
}

static inline const char *put(const char *name, const void *bytes, size_t n)
{
    const char *path = in_scratch(name);
    assert_ok(lf__write_file(path, bytes, n, err));
    return path;
}

static inline const char *put_text(const char *name, const char *text) { return put(name, text, strlen(text)); }

static inline void get(lf_buf *buf, const char *path)
{
    lf__buf_init(buf, 1u << 30);
    assert_ok(lf__read_file(buf, path, 1u << 30, err));
}

/* A shard folder with the given train tokens; documents: how many the index claims. */
static inline const char *put_shards(const char *name, const int32_t *ids, size_t n, uint64_t documents, lf_shard_kind kind,
                                     uint64_t shard_tokens, int32_t end_token)
{
    const char *dir = in_scratch(name);
    lf_shard_index index = {.end_token = end_token, .vocab_size = kind.width == 2 ? 65536 : 1000000};
    lf_shard_sink sink;
    memset(index.fingerprint, 'a', 64);
    index.info[LF_SPLIT_TRAIN] = (lf_split_info){.documents = documents, .bytes = 3 * n, .floor_bits = 0.25 * (double)n, .max_id = -1};
    index.info[LF_SPLIT_VAL].max_id = -1;
    assert_ok(lf__make_dirs(dir, err));
    assert_ok(lf__shard_sink_init(&sink, dir, &index, LF_SPLIT_TRAIN, kind, shard_tokens, err));
    assert_ok(lf__shard_sink_add(&sink, ids, n, err));
    assert_ok(lf__shard_sink_finish(&sink, err));
    lf__shard_sink_release(&sink);
    assert_ok(lf__shard_index_save(&index, dir, err));
    lf__shard_index_release(&index);
    return dir;
}

static inline lf_shards *open_ok(const char *path, const char *split)
{
    lf_error err = {0};
    lf_shards *s = lf_shards_open(path, split, &err);
    if (!s) fail_msg("%s: %s (%s)", path, err.message, err.hint);
    return s;
}

/* It must not open, and the sentence must hold both texts. */
static inline void open_fails(const char *path, const char *split, lf_code code, const char *says, const char *and_says)
{
    lf_error err = {0};
    lf_shards *s = lf_shards_open(path, split, &err);
    if (s) fail_msg("%s opened, expected an error with \"%s\"", path, says);
    if (err.code != code || !strstr(err.message, says) || !strstr(err.message, and_says))
        fail_msg("expected %s with \"%s\" and \"%s\", got %s: %s", lf_code_name(code), says, and_says, lf_code_name(err.code), err.message);
}

#endif
