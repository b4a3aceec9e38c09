/* shard_writer.c - token ids in, numbered shard files out, each with its header, its checksum and its row in shards.json.
 * Not a tokenizer and not an index writer. A sink owns its open file and one block of memory; one thread per sink. */
#include "data/data.h"

#include <stdlib.h>
#include <string.h>

static uint64_t rotl(uint64_t x, int k) { return x << k | x >> (64 - k); }

static uint64_t mix(uint64_t x) /* a bijection: xor-shifts and odd multipliers (the finalizer of SplitMix64) */
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Eight lanes take a word each of every 64-byte stripe: eight multiplications in flight. Every step is a bijection of the lane, so a
 * change of one word can never be lost on the way. The last stripe is padded with zeros; n is mixed in. */
uint64_t lf__checksum_block(const void *bytes, size_t n, uint64_t index)
{
    const uint8_t *p = bytes;
    uint64_t lane[8], word[8];
    for (int i = 0; i < 8; i++) lane[i] = mix((uint64_t)i + 1);
    for (size_t at = 0; at < n; at += sizeof word) {
        if (n - at < sizeof word) memset(word, 0, sizeof word);
        memcpy(word, p + at, LF_MIN(n - at, sizeof word));
        for (int i = 0; i < 8; i++) lane[i] = rotl(lane[i] ^ word[i], 29) * 0x9e3779b97f4a7c15u;
    }
    uint64_t h = mix(index * 0xd6e8feb86659fd93u + n);
    for (int i = 0; i < 8; i++) h = rotl(h ^ lane[i], 27) * 0xff51afd7ed558ccdu;
    return mix(h);
}

int lf__shard_sink_init(lf_shard_sink *sink, const char *dir, lf_shard_index *index, int split, lf_shard_kind kind, uint64_t shard_tokens,
                        lf_error *err)
{
    *sink = (lf_shard_sink){.dir = dir, .index = index, .split = split, .kind = kind, .shard_tokens = shard_tokens};
    sink->block = lf__calloc(LF_CHECKSUM_BLOCK, 1, err);
    return sink->block ? 0 : -1;
}

static int sink_flush(lf_shard_sink *sink, lf_error *err)
{
    if (!sink->used) return 0;
    sink->sum += lf__checksum_block(sink->block, sink->used, ++sink->blocks);
    int rc = lf__writer_add(sink->writer, sink->block, sink->used);
    sink->used = 0;
    return rc == 0 ? 0 : lf__writer_commit(&sink->writer, err); /* reports what went wrong */
}

static int sink_open(lf_shard_sink *sink, lf_error *err)
{
    static const uint8_t blank[LF_SHARD_HEADER];
    char name[LF_SHARD_NAME_MAX];
    snprintf(name, sizeof name, "%s_%06d.bin", lf__split_name(sink->split), sink->index->info[sink->split].files);
    if (lf__path_join(sink->path, sink->dir, name, err) != 0) return -1;
    if (!(sink->writer = lf__writer_open(sink->path, err))) return -1;
    sink->in_file = sink->blocks = sink->sum = sink->used = 0;
    return lf__writer_add(sink->writer, blank, sizeof blank) == 0 ? 0 : lf__writer_commit(&sink->writer, err);
}

static int sink_close(lf_shard_sink *sink, lf_error *err)
{
    int32_t header[LF_SHARD_HEADER / 4] = {sink->kind.magic, sink->kind.version, (int32_t)sink->in_file};
    if (sink_flush(sink, err) != 0) return -1;
    sink->sum += lf__checksum_block(header, sizeof header, 0);
    lf__writer_rewrite(sink->writer, 0, header, sizeof header);
    if (lf__writer_commit(&sink->writer, err) != 0) return -1;

    lf_split_info *info = &sink->index->info[sink->split];
    if (lf__grow(&sink->index->entries[sink->split], &sink->index->cap[sink->split], (size_t)info->files + 1, sizeof(lf_shard_entry),
                 err) != 0)
        return -1;
    lf_shard_entry *entry = &sink->index->entries[sink->split][info->files++];
    *entry = (lf_shard_entry){.tokens = sink->in_file, .checksum = sink->sum};
    snprintf(entry->name, sizeof entry->name, "%s", lf__path_name(sink->path));
    return 0;
}

int lf__shard_sink_add(lf_shard_sink *sink, const int32_t *ids, size_t n, lf_error *err)
{
    lf_split_info *info = &sink->index->info[sink->split];
    info->tokens += n;
    for (size_t i = 0; i < n;) {
        if (!sink->writer && sink_open(sink, err) != 0) return -1;
        size_t room = (LF_CHECKSUM_BLOCK - sink->used) / (size_t)sink->kind.width;
        size_t take = LF_MIN(LF_MIN(n - i, room), sink->shard_tokens - sink->in_file);
        int32_t top = info->max_id;
        if (sink->kind.width == 2) {
            uint16_t *to = (uint16_t *)(void *)(sink->block + sink->used);
            for (size_t j = 0; j < take; j++) {
                to[j] = (uint16_t)ids[i + j];
                top = LF_MAX(top, ids[i + j]);
            }
        } else {
            memcpy(sink->block + sink->used, ids + i, take * sizeof *ids);
            for (size_t j = 0; j < take; j++) top = LF_MAX(top, ids[i + j]);
        }
        info->max_id = top;
        sink->used += take * (size_t)sink->kind.width;
        sink->in_file += take;
        i += take;
        if (sink->used == LF_CHECKSUM_BLOCK && sink_flush(sink, err) != 0) return -1;
        if (sink->in_file == sink->shard_tokens && sink_close(sink, err) != 0) return -1;
    }
    return 0;
}

int lf__shard_sink_finish(lf_shard_sink *sink, lf_error *err) { return sink->writer ? sink_close(sink, err) : 0; }

void lf__shard_sink_release(lf_shard_sink *sink)
{
    if (sink->writer) lf__writer_discard(&sink->writer);
    free(sink->block);
    *sink = (lf_shard_sink){0};
}
