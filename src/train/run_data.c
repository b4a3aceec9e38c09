/* run_data.c - what a run reads: token shards (its own, foreign, or made on the fly from raw text) and the tokenizer that fits them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "train/trainer.h"

/* The tokenizer of raw text: the one named, the one this run already learned, or a new one learned from the text (keep: into
 * <run>/tokenizer).
 * A folder without config.yaml holds no run yet: a tokenizer there was learned by an attempt that failed, perhaps from another text. */
static lf_tokenizer *tokenizer_for_text(const lf_config *c, const char *run_dir, bool keep, const lf_train_hooks *hooks, lf_error *err)
{
    char dir[LF_PATH_MAX], config[LF_PATH_MAX], **files;
    int n_files;
    if (c->data.tokenizer[0]) return lf_tokenizer_load(c->data.tokenizer, err);
    if (lf__path_join(dir, run_dir, "tokenizer", err) || lf__path_join(config, run_dir, "config.yaml", err)) return NULL;
    if (lf__path_is_dir(dir) && lf__path_exists(config)) return lf_tokenizer_load(dir, err);
    if (lf_data_text_files(&files, &n_files, c->data.train, err)) return NULL;
    lf_tokenizer_train_options options = {.mode = c->data.tokenizer_mode,
                                          .vocab_size = (int)c->data.tokenizer_vocab_size,
                                          .threads = (int)c->machine.threads,
                                          .progress = hooks->progress,
                                          .progress_user = hooks->user};
    lf_tokenizer *t = lf_tokenizer_train((const char *const *)files, n_files, &options, err);
    lf_data_text_files_free(&files, n_files);
    if (t && keep && lf_tokenizer_save(t, dir, err)) lf_tokenizer_free(&t);
    return t;
}

/* The tokenizer of shards: the one named (it must be the one that made them), or their own copy. NULL without an error: there is none. */
static lf_tokenizer *tokenizer_for_shards(const lf_config *c, const lf_shards *shards, lf_error *err)
{
    const char *made_by = lf_shards_fingerprint(shards), *dir = c->data.tokenizer[0] ? c->data.tokenizer : lf_shards_tokenizer_dir(shards);
    if (!dir[0]) return NULL;
    lf_tokenizer *t = lf_tokenizer_load(dir, err);
    if (t && made_by[0] && strcmp(made_by, lf_tokenizer_fingerprint(t)) != 0) {
        lf_error_set(err, LF_E_MISMATCH, "the tokenizer %s (fingerprint %.12s...) is not the one that made the shards %s (%.12s...)", dir,
                     lf_tokenizer_fingerprint(t), c->data.train, made_by);
        lf_error_hint(err, "leave data.tokenizer empty to use the shards' own, or prepare again: foundry data prepare ... --tokenizer %s",
                      dir);
        lf_tokenizer_free(&t);
    }
    return t;
}

static int open_split(lf_shards **out, lf_run_data *d, const lf_config *c, const char *path, const char *split, const char *cache,
                      const lf_train_hooks *hooks, double val_fraction, lf_error *err)
{
    char dir[LF_PATH_MAX];
    lf_prepare_options options = {
        .val_fraction = val_fraction, .threads = (int)c->machine.threads, .progress = hooks->progress, .progress_user = hooks->user};
    if (lf_data_open_or_prepare(dir, sizeof dir, path, cache, d->tokenizer, &options, err)) return -1;
    *out = lf_shards_open(dir, split, err);
    return *out ? 0 : -1;
}

/* Every id must have a row in the embedding. shards.json knows the largest; foreign files are read. */
static int check_ids(const lf_shards *s, const char *path, int64_t vocab_size, lf_error *err)
{
    lf_split_info info = lf_shards_info(s);
    if (info.max_id < 0) return lf_shards_check_vocab(s, (int)vocab_size, err);
    if (info.max_id < vocab_size) return 0;
    lf_error_set(err, LF_E_MISMATCH, "%s: the largest token id is %" PRId32 ", but model.vocab_size is %" PRId64, path, info.max_id,
                 vocab_size);
    return lf_error_hint(err, "set model.vocab_size to 0: the tokenizer's size is taken");
}

int lf__run_data_open(lf_run_data *d, lf_config *c, const char *run_dir, const lf_train_hooks *hooks, lf_error *err)
{
    char cache[LF_PATH_MAX];
    memset(d, 0, sizeof *d);
    if (!c->data.train[0]) {
        lf_error_set(err, LF_E_CONFIG, "data.train is empty: a run needs token shards or a text file to train on");
        return lf_error_hint(err, "foundry train ... --data.train stories.txt");
    }
    if (!lf__path_exists(c->data.train) && !strchr(c->data.train, ',')) { /* a list of .bin files is looked at when it is opened */
        lf_error_set(err, LF_E_NOT_FOUND, "data.train: %s does not exist", c->data.train);
        return lf_error_hint(err, "make some: foundry data synth --bytes 20M -o stories.txt");
    }
    if (lf__path_join(cache, run_dir, "data", err)) return -1;
    bool text = lf_data_is_text(c->data.train), own_val = c->data.val[0] == '\0';
    if (text && !(d->tokenizer = tokenizer_for_text(c, run_dir, true, hooks, err))) goto fail;
    if (open_split(&d->train, d, c, c->data.train, "train", cache, hooks, own_val ? c->data.val_fraction : 0, err)) goto fail;
    lf_error none = {0};
    if (!text && !(d->tokenizer = tokenizer_for_shards(c, d->train, &none)) && none.code) {
        lf__error_pass(err, &none);
        goto fail;
    }
    if (!own_val) {
        if (open_split(&d->val, d, c, c->data.val, "val", cache, hooks, 0, &none)) {
            /* Raw text or foreign shards given as validation have only a train split: all of it is meant. Damage is not that. */
            if (none.code != LF_E_NOT_FOUND) {
                if (err) *err = none;
                goto fail;
            }
            none = (lf_error){0};
            if (open_split(&d->val, d, c, c->data.val, "train", cache, hooks, 0, err)) goto fail;
        }
        const char *made = lf_shards_fingerprint(d->train), *judged = lf_shards_fingerprint(d->val); /* foreign files do not say */
        if (made[0] && judged[0] && strcmp(made, judged) != 0) {
            lf_error_set(err, LF_E_MISMATCH,
                         "data.train and data.val were made by different tokenizers (fingerprints %.12s... and %.12s...)", made, judged);
            lf_error_hint(err, "prepare one with the tokenizer of the other: foundry data prepare ... --tokenizer DIR");
            goto fail;
        }
    } else if (open_split(&d->val, d, c, c->data.train, "val", cache, hooks, c->data.val_fraction, &none)) {
        if (none.code != LF_E_NOT_FOUND) {
            lf__error_pass(err, &none);
            goto fail;
        }
        d->val = NULL; /* a folder without a validation split: nothing to evaluate on */
    }

    int32_t end = d->tokenizer ? lf_tokenizer_end(d->tokenizer) : (int32_t)c->model.eos_token_id;
    if (lf_shards_end_token(d->train) < 0 && end >= 0) lf_shards_set_end_token(d->train, end);
    if (d->val && lf_shards_end_token(d->val) < 0 && end >= 0) lf_shards_set_end_token(d->val, end);
    if (c->data.document_mask && lf_shards_end_token(d->train) < 0) {
        lf_error_set(err, LF_E_CONFIG, "data.document_mask is true, but nothing says which token ends a document of %s", c->data.train);
        lf_error_hint(err, "name it: --model.eos_token_id N, or its tokenizer: --data.tokenizer DIR");
        goto fail;
    }
    if (!c->model.vocab_size) {
        if (!d->tokenizer) {
            lf_error_set(err, LF_E_CONFIG, "model.vocab_size is 0 (the tokenizer's), but %s comes without a tokenizer", c->data.train);
            lf_error_hint(err, "name one: --data.tokenizer DIR, or give --model.vocab_size");
            goto fail;
        }
        c->model.vocab_size = lf_tokenizer_size(d->tokenizer);
    }
    if (c->model.eos_token_id < 0) c->model.eos_token_id = lf_shards_end_token(d->train);
    if (c->model.bos_token_id < 0) c->model.bos_token_id = c->model.eos_token_id;
    if (check_ids(d->train, c->data.train, c->model.vocab_size, err)) goto fail;
    if (d->val && check_ids(d->val, own_val ? c->data.train : c->data.val, c->model.vocab_size, err)) goto fail;
    if (d->tokenizer && c->model.vocab_size < lf_tokenizer_size(d->tokenizer)) {
        lf_error_set(err, LF_E_MISMATCH,
                     "model.vocab_size is %" PRId64 ", but the tokenizer of %s has %d tokens: some could never be read or said",
                     c->model.vocab_size, c->data.train, lf_tokenizer_size(d->tokenizer));
        lf_error_hint(err, "set model.vocab_size to 0: the tokenizer's size is taken");
        goto fail;
    }
    return 0;
fail:
    lf__run_data_close(d);
    return -1;
}

void lf__run_data_close(lf_run_data *d)
{
    lf_shards_close(&d->train);
    lf_shards_close(&d->val);
    lf_tokenizer_free(&d->tokenizer);
}

int lf__run_data_mark(char out[17], const lf_run_data *d, lf_error *err)
{
    enum { ENDS = 4096 };
    int32_t ids[2 * ENDS];
    uint64_t n = lf_shards_tokens(d->train), take = LF_MIN(n, (uint64_t)ENDS);
    if (lf_shards_read(d->train, ids, 0, take, err) || lf_shards_read(d->train, ids + take, n - take, take, err)) return -1;
    const char *made = lf_shards_fingerprint(d->train);
    snprintf(out, 17, "%016" PRIx64, lf__hash64(ids, 2 * (size_t)take * sizeof *ids, lf__hash64(made, strlen(made), n)));
    return 0;
}

/* ---- for a plan: look, write nothing ----------------------------------------------------------------------------------------------- */
/* How many tokens the text of path is, judged by the beginning of its first file. */
static int estimate_tokens(uint64_t *tokens, const char *path, const lf_tokenizer *t, lf_error *err)
{
    enum { SAMPLE = 1 << 18 };
    char **files;
    int n_files, status = 0;
    uint64_t bytes = 0;
    double per_byte = 0;
    if (lf_data_text_files(&files, &n_files, path, err)) return -1;
    for (int i = 0; i < n_files && !status; i++) {
        lf_map map;
        if ((status = lf__map_open(&map, files[i], err)) != 0) break;
        bytes += map.size;
        size_t n = LF_MIN(map.size, (size_t)SAMPLE);
        if (n < map.size) n -= lf__utf8_incomplete_tail((const char *)map.data, n);
        if (per_byte == 0 && n > 0) {
            size_t room = lf_tokenizer_bound(t, n);
            int32_t *ids = lf__calloc(room, sizeof *ids, err);
            int64_t got = ids ? lf_tokenizer_encode(t, ids, room, (const char *)map.data, n, true, err) : -1;
            per_byte = (double)got / (double)n;
            status = got < 0 ? -1 : 0;
            free(ids);
        }
        lf__map_close(&map);
    }
    lf_data_text_files_free(&files, n_files);
    *tokens = (uint64_t)((double)bytes * per_byte);
    return status;
}

static int peek_text(lf_data_outlook *o, lf_config *c, const char *run_dir, const lf_train_hooks *hooks, lf_error *err)
{
    uint64_t all, others = 0;
    if (!(o->data.tokenizer = tokenizer_for_text(c, run_dir, false, hooks, err))) return -1;
    if (!c->model.vocab_size) c->model.vocab_size = lf_tokenizer_size(o->data.tokenizer);
    if (estimate_tokens(&all, c->data.train, o->data.tokenizer, err)) return -1;
    if (c->data.val[0] && lf_data_is_text(c->data.val) && estimate_tokens(&others, c->data.val, o->data.tokenizer, err)) return -1;
    o->val_tokens = c->data.val[0] ? others : (uint64_t)((double)all * c->data.val_fraction);
    o->train_tokens = c->data.val[0] ? all : all - o->val_tokens;
    o->evaluates = c->data.val[0] || c->data.val_fraction > 0;
    return 0;
}

int lf__run_data_peek(lf_data_outlook *o, lf_config *c, const lf_train_hooks *hooks, char note[256], lf_error *err)
{
    char run_dir[LF_PATH_MAX];
    memset(o, 0, sizeof *o);
    snprintf(run_dir, sizeof run_dir, "%s%s", c->run.dir[0] ? "" : "runs/", c->run.dir[0] ? c->run.dir : c->name);
    bool there = c->data.train[0] && (lf__path_exists(c->data.train) || strchr(c->data.train, ','));
    if (!there && c->model.vocab_size) {
        snprintf(note, 256, "there is no data yet: random tokens are timed, and a validation split is assumed");
        o->evaluates = true;
        return 0;
    }
    if (!there) {
        lf_error_set(err, LF_E_NOT_FOUND, "data.train%s%s: without data nothing says how large the vocabulary is",
                     c->data.train[0] ? ": there is no " : " is empty", c->data.train);
        return lf_error_hint(err, "say it: --model.vocab_size 4096");
    }
    if (lf_data_is_text(c->data.train)) {
        snprintf(note, 256, "token counts are estimated from a sample of the text; random tokens are timed");
        return peek_text(o, c, run_dir, hooks, err);
    }
    bool text_val = c->data.val[0] && lf_data_is_text(c->data.val);
    lf_config *open = lf__calloc(1, sizeof *open, err);
    if (!open) return -1;
    *open = *c;
    if (text_val) open->data.val[0] = '\0'; /* it would be prepared */
    int status = lf__run_data_open(&o->data, open, run_dir, hooks, err);
    c->model = open->model;
    free(open);
    if (status) return -1;
    o->train_tokens = lf_shards_tokens(o->data.train);
    if (text_val && o->data.tokenizer && estimate_tokens(&o->val_tokens, c->data.val, o->data.tokenizer, err)) return -1;
    if (!text_val && o->data.val) o->val_tokens = lf_shards_tokens(o->data.val), o->val_documents = lf_shards_documents(o->data.val);
    o->evaluates = text_val || o->data.val;
    return 0;
}
