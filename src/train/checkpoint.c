/* checkpoint.c - folders that are whole or not there: <run>/checkpoints/step-000200.
 *
 *   config.json model.safetensors generation_config.json tokenizer.json tokenizer_config.json    a Hugging Face model folder
 *   trainer/optimizer.safetensors   what the optimizer keeps: m.<name>, v.<name> of every parameter; w.<name> when the model is an average
 *   trainer/config.yaml             the run's resolved config
 *   trainer/state.json              step, and size and hash of every file above: what makes a folder "whole"
 *
 * Random numbers and the data position are functions of the step: there is nothing else to save. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"
#include "train/trainer.h"

enum { WEIGHTS = 1, STATES = 5, FILES = 7 };
static const char *const listed[FILES] = {"config.json",        "model.safetensors",     "generation_config.json",
                                          "tokenizer.json",     "tokenizer_config.json", "trainer/optimizer.safetensors",
                                          "trainer/config.yaml"};

/* known: the hash, or 0: it is read. */
static int hash_file(const char *dir, const char *name, uint64_t known, uint64_t *size, char hex[17], lf_error *err)
{
    char path[LF_PATH_MAX];
    lf_map map;
    if (lf__path_join(path, dir, name, err) || lf__map_open(&map, path, err)) return -1;
    *size = map.size;
    snprintf(hex, 17, "%016" PRIx64, known ? known : lf__hash64(map.data, map.size, 0));
    lf__map_close(&map);
    return 0;
}

/* state.json vouches for itself: its "checksum" is that of all the rest in one spelling. "" when out of memory. */
static void state_checksum(char out[17], const json_t *state)
{
    char *text = json_dumps(state, JSON_COMPACT | JSON_SORT_KEYS);
    out[0] = '\0';
    if (text) snprintf(out, 17, "%016" PRIx64, lf__hash64(text, strlen(text), 0));
    free(text);
}

/* ---- saving -------------------------------------------------------------------------------------------------------------------------- */
static int write_optimizer(const char *dir, const lf_model *model, const lf_optimizer *o, uint64_t *hash, lf_error *err)
{
    char path[LF_PATH_MAX];
    size_t n;
    lf_state *list;
    if (lf__optimizer_states(o, model, &list, &n, err)) return -1;
    lf_file_tensor *decls = lf__calloc(n, sizeof *decls, err);
    lf_writer *w = NULL;
    int status = -1;
    for (size_t i = 0; i < n && decls; i++)
        decls[i] = (lf_file_tensor){.name = list[i].name, .dtype = LF_F32, .n_dims = 2, .shape = {list[i].rows, list[i].cols}};
    if (decls && lf__path_join(path, dir, "trainer/optimizer.safetensors", err) == 0) w = lf__safetensors_begin(path, decls, n, err);
    if (w) {
        for (size_t i = 0; i < n; i++) lf__writer_add(w, list[i].data, (size_t)list[i].rows * (size_t)list[i].cols * sizeof(float));
        *hash = lf__writer_hash(w);
        status = lf__writer_commit(&w, err);
    }
    free(decls);
    free(list);
    return status;
}

/* hashes: of the files that were hashed as they were written; 0: read it back. */
static int write_state(const char *dir, int64_t step, const char *data, const uint64_t hashes[FILES], lf_error *err)
{
    char path[LF_PATH_MAX], hex[17];
    json_t *files = json_object(), *state = json_pack("{s:i, s:I, s:o}", "format", 1, "step", (json_int_t)step, "files", files);
    char *text = NULL;
    int status = -1;
    if (state && data) json_object_set_new(state, "data", json_string(data));
    for (size_t i = 0; i < LF_COUNT(listed); i++) {
        uint64_t size;
        if (lf__path_join(path, dir, listed[i], err)) goto done;
        if (!lf__path_exists(path)) continue; /* a model without a tokenizer */
        if (hash_file(dir, listed[i], hashes[i], &size, hex, err)) goto done;
        json_object_set_new(files, listed[i], json_pack("{s:I, s:s}", "size", (json_int_t)size, "hash", hex));
    }
    if (state) state_checksum(hex, state), json_object_set_new(state, "checksum", json_string(hex));
    if (!(text = state ? json_dumps(state, JSON_INDENT(2)) : NULL))
        lf_error_set(err, LF_E_MEMORY, "%s: out of memory for state.json", dir);
    else if (lf__path_join(path, dir, "trainer/state.json", err) == 0)
        status = lf__write_file(path, text, strlen(text), err);
done:
    free(text);
    json_decref(state);
    return status;
}

static int fill(const char *tmp, const lf_checkpoint *c, lf_error *err)
{
    char path[LF_PATH_MAX];
    uint64_t hashes[FILES] = {0};
    if (lf__path_join(path, tmp, "trainer", err) || lf__make_dirs(path, err)) return -1;
    if (lf__model_write(c->model, c->weights, tmp, &hashes[WEIGHTS], err)) return -1;
    if (c->tokenizer && lf_tokenizer_save(c->tokenizer, tmp, err)) return -1;
    if (lf__path_join(path, tmp, "trainer/config.yaml", err) || lf_config_save(c->config, path, "en", err)) return -1;
    if (write_optimizer(tmp, c->model, c->optimizer, &hashes[STATES], err)) return -1;
    return write_state(tmp, c->step, c->data, hashes, err);
}

int lf__checkpoint_save(char dir[LF_PATH_MAX], const lf_checkpoint *c, lf_error *err)
{
    char parent[LF_PATH_MAX], tmp[LF_PATH_MAX], name[32];
    snprintf(name, sizeof name, "step-%06" PRId64, c->step);
    if (lf__path_join(parent, c->run_dir, "checkpoints", err) || lf__make_dirs(parent, err) || lf__path_join(dir, parent, name, err))
        return -1;
    if (lf__dir_begin(tmp, dir, err)) return -1;
    if (fill(tmp, c, err) || lf__dir_commit(tmp, dir, true, err)) {
        lf__remove_tree(tmp, NULL);
        return -1;
    }
    return 0;
}

/* ---- is it whole? ------------------------------------------------------------------------------------------------------------ */
int lf__checkpoint_verify(const char *dir, int64_t *step, lf_error *err)
{
    char path[LF_PATH_MAX];
    if (lf__path_join(path, dir, "trainer/state.json", err)) return -1;
    json_t *state = lf__json_load(path, 1 << 20, err);
    if (!state) return -1;
    json_t *files = json_object_get(state, "files"), *at = json_object_get(state, "step"), *info;
    int status = 0;
    if (!json_is_object(files) || !json_is_integer(at) || json_integer_value(at) < 0 || !json_object_get(files, "model.safetensors"))
        status = lf_error_set(err, LF_E_FORMAT, "%s: not the state of a checkpoint (\"step\" and \"files\" expected)", path);
    else
        *step = json_integer_value(at);
    if (!status) {
        char hex[17], said[17];
        const char *checksum = json_string_value(json_object_get(state, "checksum"));
        snprintf(said, sizeof said, "%.16s", checksum ? checksum : "missing");
        json_object_del(state, "checksum");
        state_checksum(hex, state);
        if (strcmp(said, hex) != 0)
            status = lf_error_set(err, LF_E_FORMAT, "%s: what it says is not what was saved (checksum %s, expected %s)", path, hex, said);
    }
    for (size_t i = 0; i < LF_COUNT(listed) && !status; i++) {
        uint64_t size;
        char hex[17];
        if (!(info = json_object_get(files, listed[i]))) continue;
        const char *hash = json_string_value(json_object_get(info, "hash"));
        if (hash_file(dir, listed[i], 0, &size, hex, err))
            status = -1;
        else if ((json_int_t)size != json_integer_value(json_object_get(info, "size")))
            status = lf_error_set(err, LF_E_FORMAT, "%s/%s: %" PRIu64 " bytes, but the checkpoint was saved with %" JSON_INTEGER_FORMAT,
                                  dir, listed[i], size, json_integer_value(json_object_get(info, "size")));
        else if (!hash || strcmp(hash, hex) != 0)
            status = lf_error_set(err, LF_E_FORMAT, "%s/%s: its bytes are not the ones that were saved (hash %s, expected %s)", dir,
                                  listed[i], hex, hash ? hash : "missing");
    }
    if (status)
        lf_error_hint(err, "another checkpoint of the run may be whole: see the checkpoints folder, --checkpoint step-N or --resume PATH");
    json_decref(state);
    return status;
}

/* ---- finding ----------------------------------------------------------------------------------------------------------------- */
static int64_t step_of_name(const char *name)
{
    int64_t step = 0;
    if (strncmp(name, "step-", 5) != 0 || strlen(name) < 6 || strlen(name) > 20) return -1;
    for (const char *p = name + 5; *p; p++) {
        if (*p < '0' || *p > '9') return -1;
        step = step * 10 + (*p - '0');
    }
    return step;
}

/* Steps of the checkpoint folders of a run, ascending. *steps: free(). */
static size_t list_steps(const char *run_dir, int64_t **steps)
{
    char parent[LF_PATH_MAX], **names = NULL;
    size_t n = 0, n_steps = 0;
    *steps = NULL;
    if (lf__path_join(parent, run_dir, "checkpoints", NULL) || !lf__path_is_dir(parent) || lf__list_dir(parent, &names, &n, NULL)) return 0;
    *steps = lf__calloc(n + 1, sizeof **steps, NULL);
    for (size_t i = 0; i < n && *steps; i++) {
        int64_t step = step_of_name(names[i]);
        if (step < 0) continue;
        size_t at = n_steps++;
        for (; at > 0 && (*steps)[at - 1] > step; at--) (*steps)[at] = (*steps)[at - 1];
        (*steps)[at] = step;
    }
    lf__names_free(&names, n);
    return n_steps;
}

static void step_dir(char out[LF_PATH_MAX], const char *run_dir, int64_t step)
{
    char name[64];
    snprintf(name, sizeof name, "checkpoints/step-%06" PRId64, step);
    if (lf__path_join(out, run_dir, name, NULL)) out[0] = '\0';
}

int lf__checkpoint_newest(char out[LF_PATH_MAX], const char *run_dir, lf_buf *note, lf_error *err)
{
    int64_t *steps, found;
    size_t n = list_steps(run_dir, &steps);
    out[0] = '\0';
    while (n-- > 0) {
        lf_error why = {0};
        char dir[LF_PATH_MAX];
        step_dir(dir, run_dir, steps[n]);
        if (lf__checkpoint_verify(dir, &found, &why) == 0) {
            snprintf(out, LF_PATH_MAX, "%s", dir);
            break;
        }
        if (note) lf__buf_printf(note, "%scheckpoint step-%06" PRId64 " was passed over: %s", note->len ? "\n" : "", steps[n], why.message);
        if (n == 0) {
            free(steps);
            lf_error_set(err, why.code, "no checkpoint of %s is whole; the last one tried: %s", run_dir, why.message);
            return lf_error_hint(err, "nothing was changed; begin again in another folder: foundry train ... --run.dir %s-again", run_dir);
        }
    }
    free(steps);
    return 0;
}

int64_t lf__checkpoint_highest(const char *run_dir)
{
    int64_t *steps;
    size_t n = list_steps(run_dir, &steps);
    int64_t highest = n ? steps[n - 1] : -1;
    free(steps);
    return highest;
}

/* <run>/checkpoints/best holds one line, "step-000200 1.2345": a saved step and its validation loss. The step, or -1: none, or its folder
 * is gone. */
static int64_t read_best(const char *run_dir, double *val_loss)
{
    char path[LF_PATH_MAX], name[32];
    lf_buf text;
    int64_t step = -1;
    lf__buf_init(&text, 256);
    if (lf__path_join(path, run_dir, "checkpoints/best", NULL) == 0 && lf__path_exists(path) &&
        lf__read_file(&text, path, 256, NULL) == 0 && text.len && sscanf(text.data, "%31s %lf", name, val_loss) == 2)
        step = step_of_name(name);
    lf__buf_release(&text);
    if (step < 0) return -1;
    step_dir(path, run_dir, step);
    return lf__path_is_dir(path) ? step : -1;
}

int lf__checkpoint_mark_best(const char *run_dir, int64_t step, double val_loss, lf_error *err)
{
    char path[LF_PATH_MAX], line[64];
    double best;
    int64_t marked = read_best(run_dir, &best);
    if (marked >= 0 && marked <= step && best <= val_loss) return 0; /* what is marked later belongs to another way on */
    snprintf(line, sizeof line, "step-%06" PRId64 " %.17g\n", step, val_loss);
    return lf__path_join(path, run_dir, "checkpoints/best", err) ? -1 : lf__write_file(path, line, strlen(line), err);
}

void lf__checkpoint_rotate(const char *run_dir, int64_t keep, int64_t step)
{
    int64_t *steps;
    double val_loss;
    int64_t best = read_best(run_dir, &val_loss);
    size_t n = list_steps(run_dir, &steps);
    while (n && steps[n - 1] > step) n--;
    for (size_t i = 0; keep > 0 && i + (size_t)keep < n; i++) {
        char dir[LF_PATH_MAX];
        if (steps[i] == best) continue;
        step_dir(dir, run_dir, steps[i]);
        if (dir[0] && lf__remove_tree(dir, NULL)) lf__log(LF_LOG_WARNING, "the old checkpoint %s could not be removed", dir);
    }
    free(steps);
}

int lf_checkpoint_find(char *out, size_t size, const char *path, const char *which, lf_error *err)
{
    char dir[LF_PATH_MAX], inner[LF_PATH_MAX];
    int64_t step;
    size_t length = strlen(path);
    if (length > 5 && strcmp(path + length - 5, ".gguf") == 0 && lf__path_exists(path) && !lf__path_is_dir(path)) {
        if (which && strcmp(which, "last") != 0)
            return lf_error_set(err, LF_E_ARGUMENT, "%s is one model, not a run: there is no checkpoint \"%s\" to pick in it", path, which);
        if (length >= size) return lf_error_set(err, LF_E_LIMIT, "%s: the path is too long", path);
        memcpy(out, path, length + 1);
        return 0;
    }
    if (!lf__path_is_dir(path)) {
        lf_error_set(err, LF_E_NOT_FOUND, "%s is not a folder: a run, a checkpoint, a model folder or a GGUF file was expected", path);
        return lf_error_hint(err, "ls runs");
    }
    bool last = !which || strcmp(which, "last") == 0;
    if (lf__path_join(inner, path, "config.json", err)) return -1;
    if (lf__path_exists(inner)) { /* a model folder; verified when it is a checkpoint */
        if (!last)
            return lf_error_set(err, LF_E_ARGUMENT, "%s is one model, not a run: there is no checkpoint \"%s\" to pick in it", path, which);
        if (lf__path_join(inner, path, "trainer/state.json", err)) return -1;
        if (lf__path_exists(inner) && lf__checkpoint_verify(path, &step, err)) return -1;
        snprintf(dir, sizeof dir, "%s", path);
    } else if (last) {
        lf_buf note;
        lf__buf_init(&note, 1 << 14);
        int status = lf__checkpoint_newest(dir, path, &note, err);
        if (!status && note.len) lf__log(LF_LOG_WARNING, "%s", note.data);
        lf__buf_release(&note);
        if (status) return -1;
        if (!dir[0]) {
            lf_error_set(err, LF_E_NOT_FOUND, "%s holds no checkpoint and no config.json", path);
            return lf_error_hint(err, "train first: foundry train stories-3m --run.dir %s", path);
        }
    } else {
        double val_loss;
        bool best = strcmp(which, "best") == 0;
        step = best ? read_best(path, &val_loss) : step_of_name(which);
        if (step < 0 && best) {
            lf_error_set(err, LF_E_NOT_FOUND, "%s has no best checkpoint: none was evaluated when it was saved", path);
            return lf_error_hint(err, "--checkpoint last; for the next run: --train.checkpoint_every as --train.eval_every");
        }
        if (step < 0)
            return lf_error_set(err, LF_E_ARGUMENT, "\"%s\" does not name a checkpoint: expected \"last\", \"best\" or \"step-N\"", which);
        step_dir(dir, path, step);
        if (!lf__path_is_dir(dir)) {
            int64_t *steps;
            size_t n = list_steps(path, &steps);
            lf_error_set(err, LF_E_NOT_FOUND, "%s has no checkpoint of step %" PRId64, path, step);
            if (n == 1) lf_error_hint(err, "its only checkpoint is step-%" PRId64, steps[0]);
            if (n > 1) lf_error_hint(err, "its %zu checkpoints reach from step-%" PRId64 " to step-%" PRId64, n, steps[0], steps[n - 1]);
            free(steps);
            return -1;
        }
        if (lf__checkpoint_verify(dir, &step, err)) return -1;
    }
    if ((size_t)snprintf(out, size, "%s", dir) >= size) return lf_error_set(err, LF_E_LIMIT, "the path %s is too long", dir);
    return 0;
}

/* ---- loading ----------------------------------------------------------------------------------------------------------------- */
static int read_state(const lf_safetensors *st, const char *path, const lf_state *into, lf_error *err)
{
    const lf_file_tensor *t = lf__safetensors_find(st, into->name);
    size_t bytes = (size_t)into->rows * (size_t)into->cols * sizeof(float);
    if (!t || t->dtype != LF_F32 || t->bytes != bytes)
        return lf_error_set(err, LF_E_MISMATCH, "%s: \"%s\" with %zu bytes of F32 was expected, %s", path, into->name, bytes,
                            t ? "but it is of another shape" : "but it is not there");
    memcpy(into->data, t->data, bytes);
    return 0;
}

/* The windows of a step are places in the data: in other data they are other windows. */
static int compare_data(const char *dir, const char *data, lf_error *err)
{
    char path[LF_PATH_MAX];
    json_t *state = lf__path_join(path, dir, "trainer/state.json", err) ? NULL : lf__json_load(path, 1 << 20, err);
    if (!state) return -1;
    const char *was = json_string_value(json_object_get(state, "data"));
    int status = 0;
    if (was && data && strcmp(was, data) != 0) {
        lf_error_set(err, LF_E_MISMATCH, "%s was trained on other data than what data.train holds now (mark %s, now %s)", dir, was, data);
        status = lf_error_hint(
            err, "bring the old data back, or begin a new run with these weights: --run.dir runs/another --model.init_from %s", dir);
    }
    json_decref(state);
    return status;
}

int lf__checkpoint_load(const char *dir, lf_model *model, lf_optimizer *o, int64_t *step, const char *data, lf_error *err)
{
    char path[LF_PATH_MAX];
    lf_safetensors st;
    if (lf__checkpoint_verify(dir, step, err) || compare_data(dir, data, err) || lf__model_read(model, dir, err)) return -1;
    if (lf__path_join(path, dir, "trainer/optimizer.safetensors", err) || lf__safetensors_open(&st, path, err)) return -1;
    size_t n = 0;
    lf_state *list;
    int status = lf__optimizer_states(o, model, &list, &n, err);
    for (size_t i = 0; i < n && !status; i++) status = read_state(&st, path, &list[i], err);
    free(list);
    lf__safetensors_close(&st);
    if (!status) lf__model_pack(model);
    return status;
}
