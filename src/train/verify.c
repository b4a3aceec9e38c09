/* verify.c - golden runs: a fixed text, a shipped recipe, and the losses that come of it. On the rungs whose kernels give the same bits as
 * those the curve was made with, every loss must be equal to the last bit, for any number of threads; elsewhere within a band.
 *
 * A curve file:  text <sha256>      of what is trained on
 *                isa <rung>         it was made on
 *                <step> <loss>      one line each, 17 digits: the number itself */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "foundry/verify.h"
#include "train/curves.h"
#include "train/trainer.h"

/* The recipes are the presets of these names; what differs stands here. lang NULL: the caller brings the text. */
static const struct golden {
    const char *name, *lang;
    uint64_t bytes;
    int64_t steps; /* unless asked for more */
    const char *sha256;
    const char *keys[8]; /* over the preset */
} goldens[] = {
    {"char", "en", 1000000, 500, NULL, {"data.val_fraction", "0.1"}},
    {"stories-3m", "mix", 20000000, 200, NULL, {"data.val_fraction", "0.01", "data.tokenizer_vocab_size", "4096"}},
    {"shakespeare-char", NULL, 0, 500, "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed", {"data.val_fraction", "0.1"}},
};

typedef struct verify {
    const lf_verify_options *o;
    const char *at; /* next line of the curve */
    char isa[32];
    bool same_rung;
    int64_t steps;
    int wrong;
    bool enough;
    lf_buf update;
    lf_error error;
} verify;

const char *const *lf_verify_names(void)
{
    static _Thread_local const char *names[LF_COUNT(goldens) + 1];
    for (size_t i = 0; i < LF_COUNT(goldens); i++) names[i] = goldens[i].name;
    return names;
}

/* Rungs that share a class give the same bits in fp32: tests/kernels holds them to it. */
static const char *class_of(const char *isa) { return strcmp(isa, "scalar") != 0 ? "vector" : isa; }

/* How far sums in another order may have led by then: differences of 1e-7 grow as training goes. */
static double band_at(int64_t step) { return step <= 100 ? 1e-4 : 0.004; }

static bool is_kept(int64_t step) { return step == 1 || step == 2 || step == 5 || step == 10 || step == 20 || step % 50 == 0; }

/* The next point of the curve at or after step; false at its end. */
static bool next_point(verify *v, int64_t step, int64_t *found, double *loss)
{
    for (; *v->at; v->at += strcspn(v->at, "\n"), v->at += *v->at == '\n') {
        char *end;
        long long s = strtoll(v->at, &end, 10);
        if (end == v->at || s < step) continue;
        *found = s, *loss = strtod(end, NULL);
        return true;
    }
    return false;
}

static void on_step(const lf_train_metrics *m, void *user)
{
    verify *v = user;
    v->enough |= m->step >= v->steps;
    lf_verify_line line = {.step = m->step, .loss = m->loss};
    int64_t step;
    if (v->o->update) {
        line.expected = m->loss, line.right = true;
        if (!is_kept(m->step)) return;
        lf__buf_printf(&v->update, "%" PRId64 " %.17g\n", m->step, m->loss);
    } else {
        if (!next_point(v, m->step, &step, &line.expected) || step != m->step) return;
        line.band = v->same_rung ? 0 : band_at(step);
        line.right = fabs(line.loss - line.expected) <= line.band;
        if (!line.right && !v->wrong++)
            lf_error_set(&v->error, LF_E_MISMATCH, "step %" PRId64 ": the loss is %.17g, expected %.17g%s", step, line.loss, line.expected,
                         v->same_rung ? " to the last bit" : "");
    }
    if (v->o->on_line) v->o->on_line(&line, v->o->user);
}

static bool should_stop(void *user)
{
    verify *v = user;
    return v->enough || v->wrong >= 3 || (v->o->should_stop && v->o->should_stop(v->o->user));
}

static int progress(const char *what, double done, double total, const char *unit, void *user)
{
    verify *v = user;
    return v->o->progress ? v->o->progress(what, done, total, unit, v->o->user) : 0;
}

/* ---- the text and the recipe ------------------------------------------------------------------------------------------------------ */
static int hash_text(char hex[65], const char *path, lf_error *err)
{
    lf_map map;
    lf_sha256 sha;
    if (lf__map_open(&map, path, err)) return -1;
    lf__sha256_init(&sha);
    lf__sha256_add(&sha, map.data, map.size);
    lf__sha256_hex(&sha, hex);
    lf__map_close(&map);
    return 0;
}

static int make_text(char path[LF_PATH_MAX], char hex[65], const struct golden *g, verify *v, const char *dir, lf_error *err)
{
    if (!g->lang) {
        if (!v->o->data) {
            lf_error_set(err, LF_E_ARGUMENT, "the golden run %s needs its text: a copy of tinyshakespeare (1,115,394 bytes)", g->name);
            return lf_error_hint(err, "foundry verify %s --data tinyshakespeare.txt", g->name);
        }
        snprintf(path, LF_PATH_MAX, "%s", v->o->data);
    } else {
        lf_synth_options o = {.lang = g->lang, .bytes = g->bytes, .seed = 1, .progress = progress, .progress_user = v};
        if (lf__path_join(path, dir, "text.txt", err) || lf_synth_write(path, &o, NULL, err)) return -1;
    }
    if (hash_text(hex, path, err)) return -1;
    if (!g->sha256 || strcmp(hex, g->sha256) == 0) return 0;
    lf_error_set(err, LF_E_MISMATCH, "%s is another text than the golden run's: SHA-256 %.16s..., expected %.16s...", path, hex, g->sha256);
    return lf_error_hint(err, "bytes must be equal: line ends included");
}

static int set_keys(lf_config *c, const char *const *pairs, lf_error *err)
{
    for (; *pairs; pairs += 2)
        if (lf_config_set(c, pairs[0], pairs[1], "golden run", err)) return -1;
    return 0;
}

/* The head of the curve: whose text, which rung. */
static int read_curve(verify *v, const struct golden *g, const char *hex, const char *isa, lf_error *err)
{
    char text[65];
    const lf_curve *curve = lf__curves;
    while (curve->name && strcmp(curve->name, g->name) != 0) curve++;
    if (!curve->name) return lf_error_set(err, LF_E_NOT_FOUND, "this build ships no curve of %s", g->name);
    v->at = strstr(curve->text, "text ");
    if (!v->at || sscanf(v->at, "text %64[0-9a-f]\nisa %31s\n", text, v->isa) != 2)
        return lf_error_set(err, LF_E_FORMAT, "configs/curves/%s.curve: \"text\" and \"isa\" lines expected", g->name);
    v->at = strchr(strstr(v->at, "isa "), '\n') + 1;
    if (strcmp(text, hex) != 0) {
        lf_error_set(err, LF_E_MISMATCH,
                     "the curve of %s was made with another text (SHA-256 %.16s..., now %.16s...): the story generator changed", g->name,
                     text, hex);
        return lf_error_hint(err, "make it anew and build: foundry verify %s --update configs/curves/%s.curve", g->name, g->name);
    }
    v->same_rung = strcmp(class_of(v->isa), class_of(isa)) == 0;
    return 0;
}

static int run_golden(lf_device *device, const struct golden *g, verify *v, const char *dir, lf_error *err)
{
    static const char *const fixed[] = {
        "train.dtype", "f32", "train.sample_every", "0", "train.checkpoint_every", "0", "train.eval_every", "0", "train.eval_documents",
        "1",           NULL};
    char path[LF_PATH_MAX], run_dir[LF_PATH_MAX], hex[65];
    if (make_text(path, hex, g, v, dir, err) || lf__path_join(run_dir, dir, "run", err)) return -1;
    const char *isa = lf_device_isa(device);
    if (!v->o->update && read_curve(v, g, hex, isa, err)) return -1;
    lf__buf_printf(&v->update, "text %s\nisa %s\n", hex, isa);
    lf_config *c = lf__calloc(1, sizeof *c, err);
    if (!c) return -1;
    lf_config_init(c);
    int status = lf_config_load(c, g->name, err) || set_keys(c, g->keys, err) || set_keys(c, fixed, err) ||
                         lf_config_set(c, "data.train", path, NULL, err) || lf_config_set(c, "run.dir", run_dir, NULL, err)
                     ? -1
                     : 0;
    c->machine.threads = lf_device_threads(device);
    v->steps = LF_MIN(v->o->steps ? v->o->steps : g->steps, c->train.steps);
    lf_train_hooks hooks = {.user = v, .on_step = on_step, .progress = progress, .should_stop = should_stop};
    if (!status && v->o->on_start) v->o->on_start(isa, v->o->update ? NULL : v->isa, v->steps, v->o->user);
    lf_error cause = {0};
    if (!status && lf_train_run(device, c, &hooks, &cause) && !(cause.code == LF_E_INTERRUPTED && v->enough))
        status = lf__error_pass(err, &cause);
    free(c);
    return status;
}

int lf_verify_run(lf_device *device, const char *name, const lf_verify_options *options, lf_error *err)
{
    const struct golden *g = goldens, *end = goldens + LF_COUNT(goldens);
    while (g < end && strcmp(g->name, name) != 0) g++;
    if (g == end) {
        const char *near = lf__nearest(name, lf_verify_names());
        lf_error_set(err, LF_E_ARGUMENT, "there is no golden run \"%s\"; there are: char, stories-3m, shakespeare-char", name);
        return lf_error_hint(err, "foundry verify %s", near ? near : "char");
    }
    char dir[] = "/tmp/foundry-verify-XXXXXX";
    if (!mkdtemp(dir)) return lf_error_set(err, LF_E_IO, "%s: no temporary folder can be made there", dir);
    verify v = {.o = options};
    lf_error cause = {0};
    lf__buf_init(&v.update, 1 << 20);
    int status = run_golden(device, g, &v, dir, &cause);
    lf__remove_tree(dir, NULL);
    if (v.wrong) {
        cause = v.error, status = -1;
        lf_error_hint(&cause, "foundry doctor tests the kernels; did you change the recipe's defaults or the code?");
    }
    if (!status && options->update) status = lf__write_file(options->update, v.update.data, v.update.len, &cause);
    lf__buf_release(&v.update);
    return status ? lf__error_pass(err, &cause) : 0;
}
