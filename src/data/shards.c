/* shards.c - one split of token shards, mapped: opened, verified, read. Nothing is believed before it was compared with the bytes that
 * are there: a truncated, oversized, foreign or flipped file is an error here, not a strange loss later.
 * The handle owns its mappings; it is immutable but for the document index, which is built once under a lock: share it freely. */
#include "data/data.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILES 1000000

typedef struct shard_file {
    char *path;
    lf_map map;
    int width;       /* bytes per token: 2 or 4                     */
    uint64_t at, n;  /* tokens [at, at + n) of the split            */
    uint64_t block0; /* its first block among the blocks of a split */
} shard_file;

struct lf_shards {
    shard_file *files;
    size_t n_files, cap_files;
    uint64_t tokens, blocks;
    lf_split_info info;
    char fingerprint[65], tokenizer_dir[LF_PATH_MAX];
    int32_t end_token;

    pthread_mutex_t lock; /* guards the three below until indexed is set */
    atomic_bool indexed;
    uint64_t *starts; /* [n_documents + 1] first token of each document, then the end */
    uint64_t n_documents;
};

static const uint8_t *file_tokens(const shard_file *f) { return f->map.data + LF_SHARD_HEADER; }

static uint64_t file_blocks(const shard_file *f) /* the header, then the tokens in pieces */
{
    return 1 + (f->n * (uint64_t)f->width + LF_CHECKSUM_BLOCK - 1) / LF_CHECKSUM_BLOCK;
}

/* ---- opening ------------------------------------------------------------------------------------------------------------------ */

static bool ends_with(const char *name, const char *ending)
{
    size_t n = strlen(name), k = strlen(ending);
    return n > k && strcmp(name + n - k, ending) == 0;
}

static int bad_file(const char *path, lf_error *err, const char *what)
{
    lf_error_set(err, LF_E_FORMAT, "%s: %s", path, what);
    return lf_error_hint(err, "make token shards from text: foundry data prepare %s --tokenizer DIR -o DIR",
                         ends_with(path, ".bin") ? "TEXT" : path);
}

static int check_header(shard_file *f, lf_error *err)
{
    const lf_shard_kind kinds[] = {LF_SHARD_UINT16, LF_SHARD_UINT32};
    char what[256];
    int32_t header[3];
    if (f->map.size < LF_SHARD_HEADER) {
        snprintf(what, sizeof what, "not a token shard: %zu bytes, the header alone has %d", f->map.size, LF_SHARD_HEADER);
        return bad_file(f->path, err, what);
    }
    memcpy(header, f->map.data, sizeof header);
    const lf_shard_kind *kind = NULL;
    for (size_t i = 0; i < LF_COUNT(kinds); i++)
        if (header[0] == kinds[i].magic) kind = &kinds[i];
    if (!kind) {
        snprintf(what, sizeof what, "not a token shard: magic number %" PRId32 " at byte 0, expected %" PRId32 " or %" PRId32, header[0],
                 kinds[0].magic, kinds[1].magic);
        return bad_file(f->path, err, what);
    }
    if (header[1] != kind->version) {
        snprintf(what, sizeof what, "version %" PRId32 " at byte 4, expected %" PRId32, header[1], kind->version);
        return bad_file(f->path, err, what);
    }
    if (header[2] < 1) {
        snprintf(what, sizeof what, "token count %" PRId32 " at byte 8, expected at least 1", header[2]);
        return bad_file(f->path, err, what);
    }
    f->width = kind->width;
    f->n = (uint64_t)header[2];
    uint64_t expected = LF_SHARD_HEADER + f->n * (uint64_t)f->width;
    if (f->map.size != expected) {
        snprintf(what, sizeof what, "%s: %zu bytes, but a header and %" PRIu64 " tokens of %d bytes are %" PRIu64,
                 f->map.size < expected ? "truncated" : "oversized", f->map.size, f->n, f->width, expected);
        return bad_file(f->path, err, what);
    }
    return 0;
}

static int add_file(lf_shards *s, const char *path, lf_error *err)
{
    if (s->n_files == MAX_FILES) return lf_error_set(err, LF_E_LIMIT, "%s: more than %d shard files", path, MAX_FILES);
    if (lf__grow(&s->files, &s->cap_files, s->n_files + 1, sizeof *s->files, err) != 0) return -1;
    shard_file *f = &s->files[s->n_files];
    *f = (shard_file){.at = s->tokens, .block0 = s->blocks};
    if (!(f->path = lf__strdup(path, err))) return -1;
    s->n_files++;
    if (lf__map_open(&f->map, path, err) != 0 || check_header(f, err) != 0) return -1;
    s->tokens += f->n;
    s->blocks += file_blocks(f);
    return 0;
}

/* A folder with shards.json: its files, its totals. *entries (borrowed from index) are compared with the bytes afterwards. */
static int open_indexed(lf_shards *s, const lf_shard_index *index, const char *dir, int split, lf_error *err)
{
    const lf_split_info *info = &index->info[split];
    char path[LF_PATH_MAX];
    if (!info->files) {
        lf_error_set(err, LF_E_NOT_FOUND, "%s: has no %s split", dir, lf__split_name(split));
        if (split == LF_SPLIT_VAL) lf_error_hint(err, "foundry data prepare TEXT --tokenizer DIR -o DIR --val-fraction 0.01");
        return -1;
    }
    for (int i = 0; i < info->files; i++) {
        const lf_shard_entry *e = &index->entries[split][i];
        if (lf__path_join(path, dir, e->name, err) != 0) return -1;
        if (!lf__path_exists(path)) { /* not LF_E_NOT_FOUND, which says that there is no such split */
            lf_error_set(err, LF_E_MISMATCH, "%s: shards.json names this file, but it is not there", path);
            return lf_error_hint(err, "restore the file, or make the shards again: foundry data prepare TEXT --tokenizer DIR -o DIR");
        }
        if (add_file(s, path, err) != 0) return -1;
        if (s->files[i].n != e->tokens)
            return lf_error_set(err, LF_E_MISMATCH, "%s: %" PRIu64 " tokens, but shards.json says %" PRIu64, path, s->files[i].n,
                                e->tokens);
    }
    s->info = *info;
    s->end_token = index->end_token;
    memcpy(s->fingerprint, index->fingerprint, sizeof s->fingerprint);
    if (lf__path_join(path, dir, "tokenizer", err) != 0) return -1;
    if (lf__path_is_dir(path)) memcpy(s->tokenizer_dir, path, sizeof path);
    return 0;
}

/* A foreign folder: every .bin whose name holds the split's name; when no name holds one, all of them are for training. */
static int open_foreign(lf_shards *s, const char *dir, int split, lf_error *err)
{
    char **names = NULL, path[LF_PATH_MAX];
    size_t n = 0, bins = 0, named = 0;
    if (lf__list_dir(dir, &names, &n, err) != 0) return -1;
    for (size_t i = 0; i < n; i++) {
        if (!ends_with(names[i], ".bin")) continue;
        bins++;
        named += strstr(names[i], "train") || strstr(names[i], "val");
    }
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        bool mine = named ? strstr(names[i], lf__split_name(split)) != NULL : split == LF_SPLIT_TRAIN;
        if (!ends_with(names[i], ".bin") || !mine) continue;
        rc = lf__path_join(path, dir, names[i], err);
        if (rc == 0) rc = add_file(s, path, err);
    }
    lf__names_free(&names, n);
    if (rc == 0 && !s->n_files) {
        rc = lf_error_set(err, LF_E_NOT_FOUND, bins ? "%s: has no %s split" : "%s: holds no token shards (no %s files, no shards.json)",
                          dir, bins ? lf__split_name(split) : ".bin");
        lf_error_hint(err, "foundry data prepare TEXT --tokenizer DIR -o DIR");
    }
    return rc;
}

static int open_list(lf_shards *s, const char *list, lf_error *err)
{
    char *copy = lf__strdup(list, err), *rest = copy, *path;
    int rc = copy ? 0 : -1;
    while (rc == 0 && (path = strsep(&rest, ","))) {
        if (!*path)
            rc = lf_error_set(err, LF_E_ARGUMENT, "\"%s\": an empty name in the list of shard files", list);
        else if (lf__path_is_dir(path))
            rc = lf_error_set(err, LF_E_ARGUMENT, "%s: a folder in a list of .bin files", path);
        else
            rc = add_file(s, path, err);
    }
    free(copy);
    return rc;
}

/* ---- one pass over all bytes ------------------------------------------------------------------------------------------------- */

/* Workers take blocks as they come; sums wrap and maxima commute, so the order does not matter. */
typedef struct scan_job {
    const lf_shards *s;
    bool checksums;
    _Atomic uint64_t next;
    _Atomic uint64_t *sums; /* [n_files], checksums only */
    _Atomic uint32_t max_id;
} scan_job;

static const shard_file *file_of_block(const lf_shards *s, uint64_t block)
{
    size_t lo = 0, hi = s->n_files;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        *(s->files[mid].block0 <= block ? &lo : &hi) = mid;
    }
    return &s->files[lo];
}

static uint32_t max_of(const uint8_t *bytes, size_t n_bytes, int width)
{
    uint32_t top = 0;
    if (width == 2) {
        const uint16_t *ids = (const uint16_t *)(const void *)bytes;
        uint16_t m = 0;
        for (size_t i = 0; i < n_bytes / 2; i++) m = ids[i] > m ? ids[i] : m;
        top = m;
    } else {
        const uint32_t *ids = (const uint32_t *)(const void *)bytes;
        for (size_t i = 0; i < n_bytes / 4; i++) top = ids[i] > top ? ids[i] : top;
    }
    return top;
}

static void scan_work(void *arg, int tid, int n_threads)
{
    scan_job *job = arg;
    uint32_t top = 0;
    LF_UNUSED(tid), LF_UNUSED(n_threads);
    for (uint64_t b; (b = atomic_fetch_add(&job->next, 1)) < job->s->blocks;) {
        const shard_file *f = file_of_block(job->s, b);
        uint64_t i = b - f->block0;
        if (i == 0) {
            if (job->checksums) atomic_fetch_add(&job->sums[f - job->s->files], lf__checksum_block(f->map.data, LF_SHARD_HEADER, 0));
            continue;
        }
        uint64_t from = (i - 1) * LF_CHECKSUM_BLOCK;
        size_t n = (size_t)LF_MIN(f->n * (uint64_t)f->width - from, (uint64_t)LF_CHECKSUM_BLOCK);
        uint32_t m = max_of(file_tokens(f) + from, n, f->width);
        top = LF_MAX(top, m);
        if (job->checksums) atomic_fetch_add(&job->sums[f - job->s->files], lf__checksum_block(file_tokens(f) + from, n, i));
    }
    uint32_t seen = atomic_load(&job->max_id);
    while (seen < top && !atomic_compare_exchange_weak(&job->max_id, &seen, top)) continue;
}

static int scan_run(scan_job *job, lf_error *err)
{
    int threads = (int)LF_MIN((uint64_t)LF_MIN(lf__cpu_count(), 16), job->s->blocks / 8 + 1);
    lf_pool *pool = lf__pool_new(threads, 0, err);
    if (!pool) return -1;
    lf__pool_run(pool, scan_work, job);
    lf__pool_free(&pool);
    return 0;
}

static int verify(const lf_shards *s, const lf_shard_entry *entries, lf_error *err)
{
    scan_job job = {.s = s, .checksums = true};
    if (!(job.sums = lf__calloc(s->n_files, sizeof *job.sums, err))) return -1;
    int rc = scan_run(&job, err);
    for (size_t i = 0; i < s->n_files && rc == 0; i++) {
        uint64_t sum = atomic_load(&job.sums[i]);
        if (sum == entries[i].checksum) continue;
        rc = lf_error_set(err, LF_E_FORMAT, "%s: damaged: its checksum is %016" PRIx64 ", shards.json says %016" PRIx64, s->files[i].path,
                          sum, entries[i].checksum);
        lf_error_hint(err, "restore the file, or make the shards again: foundry data prepare TEXT --tokenizer DIR -o DIR");
    }
    free(job.sums);
    if (rc == 0 && atomic_load(&job.max_id) != (uint32_t)s->info.max_id)
        rc = lf_error_set(err, LF_E_MISMATCH, "%s: the largest token id of these files is %" PRIu32 ", but shards.json says %" PRId32,
                          s->files[0].path, atomic_load(&job.max_id), s->info.max_id);
    return rc;
}

lf_shards *lf_shards_open(const char *path, const char *split, lf_error *err)
{
    int which = split && strcmp(split, "val") == 0 ? LF_SPLIT_VAL : LF_SPLIT_TRAIN;
    if (!path || !*path || !split || strcmp(split, lf__split_name(which)) != 0) {
        lf_error_set(err, LF_E_ARGUMENT, "shards: expected a path and a split \"train\" or \"val\", got \"%s\" and \"%s\"",
                     path ? path : "", split ? split : "");
        return NULL;
    }
    lf_shards *s = lf__calloc(1, sizeof *s, err);
    if (!s) return NULL;
    pthread_mutex_init(&s->lock, NULL);
    s->end_token = -1;
    s->info = (lf_split_info){.floor_bits = (double)NAN, .max_id = -1};

    char index_path[LF_PATH_MAX];
    int rc = lf__path_join(index_path, path, LF_SHARD_INDEX_NAME, err);
    if (rc == 0 && !lf__path_is_dir(path)) {
        rc = open_list(s, path, err);
    } else if (rc == 0 && !lf__path_exists(index_path)) {
        rc = open_foreign(s, path, which, err);
    } else if (rc == 0) {
        lf_shard_index index;
        rc = lf__shard_index_load(&index, path, err);
        if (rc == 0) rc = open_indexed(s, &index, path, which, err);
        if (rc == 0) rc = verify(s, index.entries[which], err);
        lf__shard_index_release(&index);
    }
    s->info.tokens = s->tokens;
    s->info.files = (int)s->n_files;
    if (rc != 0) lf_shards_close(&s);
    return s;
}

void lf_shards_close(lf_shards **s)
{
    if (!*s) return;
    for (size_t i = 0; i < (*s)->n_files; i++) {
        lf__map_close(&(*s)->files[i].map);
        free((*s)->files[i].path);
    }
    pthread_mutex_destroy(&(*s)->lock);
    free((*s)->starts);
    free((*s)->files);
    free(*s);
    *s = NULL;
}

/* ---- what it is ---------------------------------------------------------------------------------------------------------------- */

lf_split_info lf_shards_info(const lf_shards *s) { return s->info; }
const char *lf_shards_fingerprint(const lf_shards *s) { return s->fingerprint; }
const char *lf_shards_tokenizer_dir(const lf_shards *s) { return s->tokenizer_dir; }
int32_t lf_shards_end_token(const lf_shards *s) { return s->end_token; }
uint64_t lf_shards_tokens(const lf_shards *s) { return s->tokens; }
void lf_shards_set_end_token(lf_shards *s, int32_t end_token) { s->end_token = end_token; }

/* ---- tokens --------------------------------------------------------------------------------------------------------------------- */

static const shard_file *file_of_token(const lf_shards *s, uint64_t at)
{
    size_t lo = 0, hi = s->n_files;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        *(s->files[mid].at <= at ? &lo : &hi) = mid;
    }
    return &s->files[lo];
}

static int32_t token_at(const shard_file *f, uint64_t i)
{
    const void *base = file_tokens(f);
    return f->width == 2 ? ((const uint16_t *)base)[i] : ((const int32_t *)base)[i];
}

int lf_shards_read(const lf_shards *s, int32_t *out, uint64_t at, uint64_t n, lf_error *err)
{
    if (at > s->tokens || n > s->tokens - at)
        return lf_error_set(err, LF_E_ARGUMENT, "%s: %" PRIu64 " tokens from %" PRIu64 " on were asked for, there are %" PRIu64,
                            s->files[0].path, n, at, s->tokens);
    for (const shard_file *f = n ? file_of_token(s, at) : NULL; n; f++) {
        uint64_t from = at - f->at, take = LF_MIN(n, f->n - from);
        if (f->width == 2) {
            const uint16_t *ids = (const uint16_t *)(const void *)file_tokens(f) + from;
            for (uint64_t i = 0; i < take; i++) out[i] = ids[i];
        } else {
            memcpy(out, file_tokens(f) + from * 4, take * 4);
        }
        out += take, at += take, n -= take;
    }
    return 0;
}

int lf_shards_check_vocab(const lf_shards *s, int vocab_size, lf_error *err)
{
    scan_job job = {.s = s};
    if (scan_run(&job, err) != 0) return -1;
    if (vocab_size > 0 && atomic_load(&job.max_id) < (uint32_t)vocab_size) return 0;
    for (size_t i = 0; i < s->n_files; i++) { /* now find the first one, for the sentence */
        const shard_file *f = &s->files[i];
        for (uint64_t j = 0; j < f->n; j++) {
            int32_t id = token_at(f, j);
            if (vocab_size > 0 && (uint32_t)id < (uint32_t)vocab_size) continue;
            lf_error_set(err, LF_E_MISMATCH, "%s: token %" PRIu64 " (byte %" PRIu64 ") is %" PRIu32 ", but the vocabulary has %d tokens",
                         f->path, j, LF_SHARD_HEADER + j * (uint64_t)f->width, (uint32_t)id, vocab_size);
            return lf_error_hint(err, "these shards were made with another tokenizer; look at both: foundry data info %s", f->path);
        }
    }
    return 0;
}

/* ---- documents ------------------------------------------------------------------------------------------------------------------ */

static uint64_t count_in(const int32_t *ids, uint64_t n, int32_t id)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < n; i++) count += ids[i] == id;
    return count;
}

/* Two passes over the tokens in pieces: count the ends, then note them. The last document may lack its end token. */
static int build_index(lf_shards *s)
{
    enum { PIECE = 4096 };
    int32_t ids[PIECE];
    uint64_t ends = 0, n = 0;
    for (uint64_t at = 0; at < s->tokens && s->end_token >= 0; at += PIECE) {
        uint64_t take = LF_MIN(s->tokens - at, (uint64_t)PIECE);
        lf_shards_read(s, ids, at, take, NULL);
        ends += count_in(ids, take, s->end_token);
    }
    uint64_t *starts = lf__calloc((size_t)ends + 2, sizeof *starts, NULL); /* starts[0] = 0 */
    if (!starts) return -1;
    for (uint64_t at = 0; at < s->tokens && n < ends; at += PIECE) {
        uint64_t take = LF_MIN(s->tokens - at, (uint64_t)PIECE);
        lf_shards_read(s, ids, at, take, NULL);
        for (uint64_t i = 0; i < take; i++)
            if (ids[i] == s->end_token) starts[++n] = at + i + 1;
    }
    if (starts[n] < s->tokens) starts[++n] = s->tokens;
    s->starts = starts;
    s->n_documents = n;
    return 0;
}

uint64_t lf_shards_documents(const lf_shards *shards)
{
    lf_shards *s = (lf_shards *)shards; /* const to its users: the index is a cache behind a lock */
    if (!atomic_load(&s->indexed)) {
        pthread_mutex_lock(&s->lock);
        if (!atomic_load(&s->indexed) && build_index(s) == 0) atomic_store(&s->indexed, true);
        pthread_mutex_unlock(&s->lock);
    }
    return atomic_load(&s->indexed) ? s->n_documents : 0;
}

int lf_shards_document(const lf_shards *s, uint64_t i, uint64_t *at, uint64_t *n)
{
    if (i >= lf_shards_documents(s)) return -1;
    *at = s->starts[i];
    *n = s->starts[i + 1] - s->starts[i];
    return 0;
}
