/* cache.c - raw text where shards are expected: prepared once into a folder whose name is a hash of everything that matters, found again
 * the next time. Not the preparation itself. Two processes may race: each makes a whole folder, the last one stays. */
#include "data/data.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What the tokens depend on: which files, in which state, which tokenizer, which options. */
static int cache_key(uint64_t *key, const char *path, const lf_tokenizer *tokenizer, const lf_prepare_options *o, lf_error *err)
{
    char **files = NULL;
    int n_files = 0;
    lf_buf text;
    if (lf_data_text_files(&files, &n_files, path, err) != 0) return -1;
    lf__buf_init(&text, SIZE_MAX / 2);
    lf__buf_printf(&text, "1 %s %a %d %s %" PRIu64 " %" PRIu64 "\n", lf_tokenizer_fingerprint(tokenizer), o->val_fraction, o->binary,
                   o->field ? o->field : "text", o->seed, o->shard_tokens);
    for (int i = 0; i < n_files; i++) {
        struct stat st = {0};
        char *full = realpath(files[i], NULL);
        stat(files[i], &st);
        lf__buf_printf(&text, "%s %lld %lld.%09ld\n", full ? full : files[i], (long long)st.st_size, (long long)st.st_mtim.tv_sec,
                       (long)st.st_mtim.tv_nsec);
        free(full);
    }
    lf_data_text_files_free(&files, n_files);
    int rc = text.failed ? lf_error_set(err, LF_E_MEMORY, "%s: out of memory", path) : 0;
    *key = rc == 0 ? lf__hash64(text.data, text.len, 0) : 0;
    lf__buf_release(&text);
    return rc;
}

/* Whole and undamaged: opening verifies every byte. A split that is not there is no damage. */
static bool usable(const char *dir)
{
    bool good = lf__path_is_dir(dir);
    for (int split = 0; split < LF_N_SPLITS && good; split++) {
        lf_error why = {0};
        lf_shards *s = lf_shards_open(dir, lf__split_name(split), &why);
        good = s != NULL || (split == LF_SPLIT_VAL && why.code == LF_E_NOT_FOUND);
        lf_shards_close(&s);
    }
    return good;
}

int lf_data_open_or_prepare(char *dir, size_t size, const char *path, const char *cache_dir, const lf_tokenizer *tokenizer,
                            const lf_prepare_options *options, lf_error *err)
{
    const lf_prepare_options none = {0}, *o = options ? options : &none;
    char name[256], full[LF_PATH_MAX];
    uint64_t key;
    size_t n = strlen(path);
    if (!lf_data_is_text(path)) {
        if (n >= size) return lf_error_set(err, LF_E_LIMIT, "%s: a path of %zu bytes, at most %zu fit", path, n, size);
        memcpy(dir, path, n + 1);
        return 0;
    }
    if (!tokenizer) {
        lf_error_set(err, LF_E_ARGUMENT, "%s: raw text, and no tokenizer to prepare it with", path);
        return lf_error_hint(err, "foundry tokenizer train %s -o DIR", path);
    }
    if (cache_key(&key, path, tokenizer, o, err) != 0) return -1;
    while (n > 1 && path[n - 1] == '/') n--;
    size_t from = n;
    while (from > 0 && path[from - 1] != '/') from--;
    snprintf(name, sizeof name, "%.*s-%016" PRIx64, (int)LF_MIN(n - from, 200u), path + from, key);
    if (lf__path_join(full, cache_dir, name, err) != 0) return -1;
    if (strlen(full) >= size) return lf_error_set(err, LF_E_LIMIT, "%s: a path of %zu bytes, at most %zu fit", full, strlen(full), size);
    if (!usable(full)) {
        if (lf__make_dirs(cache_dir, err) != 0) return -1;
        lf__remove_leftovers(cache_dir);
        if (lf_prepare(full, &path, 1, tokenizer, o, NULL, NULL, err) != 0) return -1;
    }
    snprintf(dir, size, "%s", full);
    return 0;
}
