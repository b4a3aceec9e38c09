/* shard_index.c - shards.json: what prepare knows about its shards, written once and believed only after every field was checked.
 * Not the shards themselves. The index owns its entry arrays; no shared state. */
#include "data/data.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define INDEX_MAX_BYTES (64u << 20)
#define INDEX_FORMAT    "foundry-shards"
#define INDEX_VERSION   1

const char *lf__split_name(int split) { return split == LF_SPLIT_TRAIN ? "train" : "val"; }

void lf__shard_index_release(lf_shard_index *index)
{
    for (int s = 0; s < LF_N_SPLITS; s++) free(index->entries[s]);
    *index = (lf_shard_index){0};
}

/* The file vouches for itself: its "checksum" is that of all the rest, in one canonical spelling. "" when out of memory. */
static void index_checksum(char out[17], const json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    out[0] = 0;
    if (text) snprintf(out, 17, "%016" PRIx64, lf__checksum_block(text, strlen(text), 0));
    free(text);
}

/* ---- reading ---------------------------------------------------------------------------------------------------------------- */

/* Where we are in the document: "DIR/shards.json: splits.train." */
typedef struct place {
    const char *path;
    char key[128];
} place;

static int bad(const place *p, const char *key, const char *expected, lf_error *err)
{
    lf_error_set(err, LF_E_FORMAT, "%s: %s%s: expected %s", p->path, p->key, key, expected);
    return lf_error_hint(err, "the file was changed or cut; make the shards again: foundry data prepare TEXT --tokenizer DIR -o DIR");
}

static int get_int(uint64_t *out, const json_t *object, const char *key, int64_t lo, int64_t hi, const place *p, lf_error *err)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_integer(v) || json_integer_value(v) < lo || json_integer_value(v) > hi) {
        char expected[96];
        snprintf(expected, sizeof expected, "an integer from %" PRId64 " to %" PRId64, lo, hi);
        return bad(p, key, expected, err);
    }
    *out = (uint64_t)json_integer_value(v);
    return 0;
}

static bool is_hex(const char *text, size_t n) { return text && strlen(text) == n && strspn(text, "0123456789abcdef") == n; }

static bool is_plain_name(const char *name)
{
    return name && name[0] && name[0] != '.' && strlen(name) < LF_SHARD_NAME_MAX && !strchr(name, '/');
}

static int load_entry(lf_shard_entry *entry, const json_t *object, const place *p, lf_error *err)
{
    const char *name = json_string_value(json_object_get(object, "name"));
    const char *checksum = json_string_value(json_object_get(object, "checksum"));
    if (!is_plain_name(name)) return bad(p, "name", "the name of a file beside it", err);
    if (get_int(&entry->tokens, object, "tokens", 1, LF_SHARD_MAX_TOKENS, p, err) != 0) return -1;
    if (!is_hex(checksum, 16)) return bad(p, "checksum", "16 hexadecimal digits", err);
    snprintf(entry->name, sizeof entry->name, "%s", name);
    entry->checksum = strtoull(checksum, NULL, 16);
    return 0;
}

static int load_split(lf_shard_index *index, int split, const json_t *splits, place *p, lf_error *err)
{
    lf_split_info *info = &index->info[split];
    const json_t *object = json_object_get(splits, lf__split_name(split));
    uint64_t max_id = 0, sum = 0;
    snprintf(p->key, sizeof p->key, "splits.%s", lf__split_name(split));
    if (!json_is_object(object)) return bad(p, "", "an object", err);
    snprintf(p->key, sizeof p->key, "splits.%s.", lf__split_name(split));
    if (get_int(&info->tokens, object, "tokens", 0, INT64_MAX, p, err) != 0 ||
        get_int(&info->documents, object, "documents", 0, INT64_MAX, p, err) != 0 ||
        get_int(&info->bytes, object, "bytes", 0, INT64_MAX, p, err) != 0 ||
        get_int(&max_id, object, "max_id", -1, index->vocab_size - 1, p, err) != 0)
        return -1;
    info->max_id = (int32_t)max_id;
    const json_t *floor_bits = json_object_get(object, "floor_bits"), *files = json_object_get(object, "files");
    if (!json_is_null(floor_bits) && !(json_is_number(floor_bits) && json_number_value(floor_bits) >= 0))
        return bad(p, "floor_bits", "a number of at least 0, or null", err);
    info->floor_bits = json_is_null(floor_bits) ? (double)NAN : json_number_value(floor_bits);

    if (!json_is_array(files)) return bad(p, "files", "a list", err);
    size_t n = json_array_size(files);
    if (n > 1000000) return bad(p, "files", "at most 1,000,000 files", err);
    if (n && lf__grow(&index->entries[split], &index->cap[split], n, sizeof(lf_shard_entry), err) != 0) return -1;
    for (size_t i = 0; i < n; i++) {
        snprintf(p->key, sizeof p->key, "splits.%s.files[%zu].", lf__split_name(split), i);
        if (load_entry(&index->entries[split][i], json_array_get(files, i), p, err) != 0) return -1;
        sum += index->entries[split][i].tokens;
        info->files++;
    }
    snprintf(p->key, sizeof p->key, "splits.%s.", lf__split_name(split));
    if (sum != info->tokens) return bad(p, "tokens", "the sum of its files", err);
    if (info->documents > info->tokens || (info->tokens > 0) != (info->documents > 0))
        return bad(p, "documents", "between 1 and the number of tokens", err);
    return 0;
}

/* What is well-formed may still be changed. Takes "checksum" out of root. */
static int check_checksum(json_t *root, place *p, lf_error *err)
{
    char checksum[17], expected[64];
    json_t *said = json_incref(json_object_get(root, "checksum"));
    json_object_del(root, "checksum");
    index_checksum(checksum, root);
    int rc = 0;
    if (!json_is_string(said) || strcmp(json_string_value(said), checksum) != 0) {
        p->key[0] = 0;
        snprintf(expected, sizeof expected, "\"%s\" for what this file says", checksum);
        rc = bad(p, "checksum", expected, err);
    }
    json_decref(said);
    return rc;
}

int lf__shard_index_load(lf_shard_index *index, const char *dir, lf_error *err)
{
    char path[LF_PATH_MAX];
    *index = (lf_shard_index){0};
    if (lf__path_join(path, dir, LF_SHARD_INDEX_NAME, err) != 0) return -1;
    json_t *root = lf__json_load(path, INDEX_MAX_BYTES, err);
    if (!root) return -1;

    place p = {.path = path};
    uint64_t version = 0, vocab = 0, end = 0;
    const json_t *tokenizer = json_object_get(root, "tokenizer");
    const char *format = json_string_value(json_object_get(root, "format"));
    const char *fingerprint = json_string_value(json_object_get(tokenizer, "fingerprint"));
    int rc = -1;
    if (!format || strcmp(format, INDEX_FORMAT) != 0) {
        bad(&p, "format", "\"" INDEX_FORMAT "\"", err);
    } else if (get_int(&version, root, "version", INDEX_VERSION, INDEX_VERSION, &p, err) == 0) {
        snprintf(p.key, sizeof p.key, "tokenizer.");
        if (!is_hex(fingerprint, 64))
            bad(&p, "fingerprint", "64 hexadecimal digits", err);
        else
            rc = get_int(&vocab, tokenizer, "vocab_size", 1, INT32_MAX, &p, err);
        if (rc == 0) rc = get_int(&end, tokenizer, "end_token", -1, (int64_t)vocab - 1, &p, err);
    }
    if (rc == 0) {
        snprintf(index->fingerprint, sizeof index->fingerprint, "%s", fingerprint);
        index->vocab_size = (int32_t)vocab;
        index->end_token = (int32_t)end;
        for (int s = 0; s < LF_N_SPLITS && rc == 0; s++) rc = load_split(index, s, json_object_get(root, "splits"), &p, err);
    }
    if (rc == 0) rc = check_checksum(root, &p, err);
    json_decref(root);
    if (rc != 0) lf__shard_index_release(index);
    return rc;
}

/* ---- writing ---------------------------------------------------------------------------------------------------------------- */

static json_t *split_to_json(const lf_shard_index *index, int split)
{
    const lf_split_info *info = &index->info[split];
    json_t *files = json_array();
    for (int i = 0; i < info->files; i++) {
        const lf_shard_entry *e = &index->entries[split][i];
        char checksum[17];
        snprintf(checksum, sizeof checksum, "%016" PRIx64, e->checksum);
        json_array_append_new(files, json_pack("{s:s, s:I, s:s}", "name", e->name, "tokens", (json_int_t)e->tokens, "checksum", checksum));
    }
    json_t *floor_bits = isnan(info->floor_bits) ? json_null() : json_real(info->floor_bits);
    return json_pack("{s:I, s:I, s:I, s:o, s:i, s:o}", "tokens", (json_int_t)info->tokens, "documents", (json_int_t)info->documents,
                     "bytes", (json_int_t)info->bytes, "floor_bits", floor_bits, "max_id", (int)info->max_id, "files", files);
}

int lf__shard_index_save(const lf_shard_index *index, const char *dir, lf_error *err)
{
    char path[LF_PATH_MAX];
    if (lf__path_join(path, dir, LF_SHARD_INDEX_NAME, err) != 0) return -1;
    json_t *root = json_pack("{s:s, s:i, s:{s:s, s:i, s:i}, s:{s:o, s:o}}", "format", INDEX_FORMAT, "version", INDEX_VERSION, "tokenizer",
                             "fingerprint", index->fingerprint, "vocab_size", (int)index->vocab_size, "end_token", (int)index->end_token,
                             "splits", "train", split_to_json(index, LF_SPLIT_TRAIN), "val", split_to_json(index, LF_SPLIT_VAL));
    char checksum[17] = "";
    if (root) index_checksum(checksum, root);
    if (root) json_object_set_new(root, "checksum", json_string(checksum));
    char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(root);
    if (!text) return lf_error_set(err, LF_E_MEMORY, "%s: out of memory", path);
    lf_writer *w = lf__writer_open(path, err);
    if (w) {
        lf__writer_add(w, text, strlen(text));
        lf__writer_add(w, "\n", 1);
    }
    free(text);
    return w ? lf__writer_commit(&w, err) : -1;
}
