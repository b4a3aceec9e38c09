/* run.c - lf_train_run: a config becomes a run folder with a trained model in it.
 *
 *   set up   folder locked -> data and tokenizer -> model -> compared with what the folder already holds -> resumed or begun
 *   loop     step: load windows -> forward and backward per micro-batch -> norm -> update     every so often: evaluate, sample, save
 *
 * The state of a run is (weights, what the optimizer keeps, step): everything else is a function of the step. So a run that was killed
 * and resumed is the same run, bit for bit. Who looks at the weights between steps (evaluation, samples, checkpoints) sees their average
 * where train.ema_decay asks for one. The caller's thread calls every hook; a checkpoint may be written by another one (saver.c). */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "train/trainer.h"

typedef struct run {
    lf_device *device;
    const lf_train_hooks *hooks;
    lf_config config; /* resolved */
    char dir[LF_PATH_MAX];
    int lock;
    /* What stood before, so that a failed set-up leaves nothing behind. */
    size_t existing; /* bytes of dir that named a folder already */
    bool created, had_tokenizer;
    char **caches; /* [n_caches] names in dir/data */
    size_t n_caches;
    int64_t steps_before; /* train.steps of the recipe the run was begun or last continued with; 0: a new run */
    lf_run_data data;
    char data_mark[17];
    lf_trainer trainer;
    lf_saver saver;
    FILE *metrics;
    lf_buf note;
    double began;
    int64_t first_step; /* steps done before this process */
} run;

/* ---- set-up ------------------------------------------------------------------------------------------------------------------ */
/* Bytes of the longest beginning of path that is there already: 4 of "runs/a/b" when only runs/ is. */
static size_t existing_part(const char *path)
{
    char part[LF_PATH_MAX];
    size_t n = strlen(path);
    memcpy(part, path, n + 1);
    while (n && !lf__path_exists(part)) {
        while (n && part[n - 1] == '/') n--;
        while (n && part[n - 1] != '/') n--;
        part[n] = '\0';
    }
    return n;
}

/* Folders between `existing` and path that were made for it and stayed empty. */
static void remove_empty_parents(const char *path, size_t existing)
{
    char part[LF_PATH_MAX];
    size_t n = strlen(path);
    memcpy(part, path, n + 1);
    while (n > existing) {
        part[n] = '\0';
        if (rmdir(part) && errno != ENOENT) return;
        while (n && part[n - 1] == '/') n--;
        while (n && part[n - 1] != '/') n--;
    }
}

static int open_folder(run *r, lf_error *err)
{
    lf_config *c = &r->config;
    char inner[LF_PATH_MAX];
    if (c->run.dir[0])
        snprintf(r->dir, sizeof r->dir, "%s", c->run.dir);
    else
        snprintf(r->dir, sizeof r->dir, "runs/%s", c->name[0] ? c->name : "run");
    r->existing = existing_part(r->dir);
    r->created = r->existing < strlen(r->dir);
    if (lf__make_dirs(r->dir, err)) return -1;
    r->lock = lf__lock_dir(r->dir, err);
    if (r->lock < 0) {
        r->created = false;
        return -1;
    }
    lf__remove_leftovers(r->dir);
    if (lf__path_join(inner, r->dir, "checkpoints", err)) return -1;
    if (lf__path_is_dir(inner)) lf__remove_leftovers(inner);
    if (lf__path_join(inner, r->dir, "data", err)) return -1;
    if (lf__path_is_dir(inner) && (lf__remove_leftovers(inner), lf__list_dir(inner, &r->caches, &r->n_caches, err))) return -1;
    if (lf__path_join(inner, r->dir, "tokenizer", err)) return -1;
    r->had_tokenizer = lf__path_exists(inner);
    return 0;
}

/* Shards prepared by this process, and dir/data itself if it was made for them. */
static void remove_new_caches(const run *r)
{
    char data[LF_PATH_MAX], path[LF_PATH_MAX], **names;
    size_t n;
    if (lf__path_join(data, r->dir, "data", NULL) || lf__list_dir(data, &names, &n, NULL)) return;
    for (size_t i = 0; i < n; i++) {
        bool old = false;
        for (size_t k = 0; k < r->n_caches && !old; k++) old = strcmp(names[i], r->caches[k]) == 0;
        if (!old && lf__path_join(path, data, names[i], NULL) == 0) lf__remove_tree(path, NULL);
    }
    lf__names_free(&names, n);
    if (!r->n_caches) rmdir(data);
}

/* A set-up that failed leaves the folder as it found it. */
static void undo_folder(const run *r)
{
    char inner[LF_PATH_MAX];
    if (r->created) {
        lf__remove_tree(r->dir, NULL);
        remove_empty_parents(r->dir, r->existing);
        return;
    }
    if (r->lock < 0) return; /* another process holds it: nothing in it is ours */
    remove_new_caches(r);
    if (!r->had_tokenizer && lf__path_join(inner, r->dir, "tokenizer", NULL) == 0) lf__remove_tree(inner, NULL);
}

/* What "auto" came to when the folder's run began: the data, which decides it now, is not read before the configs agree. */
static void adopt_resolved(lf_config *now, const lf_config *before)
{
    lf_model_config *m = &now->model;
    if (!m->vocab_size) m->vocab_size = before->model.vocab_size;
    if (m->bos_token_id < 0) m->bos_token_id = before->model.bos_token_id;
    if (m->eos_token_id < 0) m->eos_token_id = before->model.eos_token_id;
    if (!m->head_dim) m->head_dim = before->model.head_dim;
    if (!m->num_key_value_heads) m->num_key_value_heads = before->model.num_key_value_heads;
    if (!now->train.seq_len) now->train.seq_len = before->train.seq_len;
    if (strcmp(now->train.dtype, "auto") == 0) memcpy(now->train.dtype, before->train.dtype, sizeof now->train.dtype);
}

static const char *value_of(const lf_config *c, const char *key, char *out, size_t size)
{
    lf_option_info info;
    for (size_t row = 0; lf_config_option(row, &info); row++)
        if (strcmp(info.key, key) == 0) return lf_config_value(c, row, out, size);
    return "";
}

/* Every fixed key must be as dir/name, the config of `what`, has it. Where there is no such file, nothing is compared. */
static int compare_with(run *r, const char *dir, const char *name, const char *what, bool resolved, lf_error *err)
{
    char path[LF_PATH_MAX], was[LF_CONFIG_PATH_MAX], is[LF_CONFIG_PATH_MAX];
    if (lf__path_join(path, dir, name, err)) return -1;
    if (!lf__path_exists(path)) return 0;
    lf_config *both = lf__calloc(2, sizeof *both, err), *before = both, *now = both + 1;
    if (!both) return -1;
    lf_config_init(before);
    *now = r->config;
    int status = lf_config_load(before, path, err);
    if (!status && !resolved) adopt_resolved(now, before);
    const char *key = status ? NULL : lf_config_fixed_difference(before, now);
    if (key) {
        lf_error_set(err, LF_E_MISMATCH, "%s: its run was begun with %s = %s, not %s; %s", dir, key, value_of(before, key, was, sizeof was),
                     value_of(now, key, is, sizeof is), what);
        lf_error_hint(err, "continue it with its own config: foundry train %s, or choose a new folder: --run.dir runs/another", path);
        status = -1;
    }
    if (!status && resolved) r->steps_before = before->train.steps;
    free(both);
    return status;
}

/* A folder that holds another run is never overwritten. Asked twice: before anything is written into it, and when the data has resolved
 * what was left open. */
static int compare_with_folder(run *r, bool resolved, lf_error *err)
{
    return compare_with(r, r->dir, "config.yaml", "a run that exists is never overwritten", resolved, err);
}

/* Ids mean nothing under another tokenizer: the one beside the weights in dir must be the one of the data. */
static int compare_tokenizers(const run *r, const char *dir, const char *what, lf_error *err)
{
    char path[LF_PATH_MAX];
    if (lf__path_join(path, dir, "tokenizer.json", err)) return -1;
    if (!r->data.tokenizer || !lf__path_exists(path)) return 0;
    lf_tokenizer *t = lf_tokenizer_load(dir, err);
    if (!t) return -1;
    int status = 0;
    if (strcmp(lf_tokenizer_fingerprint(t), lf_tokenizer_fingerprint(r->data.tokenizer)) != 0) {
        lf_error_set(err, LF_E_MISMATCH, "%s%s was trained with another tokenizer (fingerprint %.12s...) than that of %s (%.12s...)", what,
                     dir, lf_tokenizer_fingerprint(t), r->config.data.train, lf_tokenizer_fingerprint(r->data.tokenizer));
        status = lf_error_hint(err, "prepare the data with its tokenizer: foundry data prepare ... --tokenizer %s", dir);
    }
    lf_tokenizer_free(&t);
    return status;
}

/* Keys that no tensor's shape shows and that change what the weights compute. */
static int compare_arithmetic(const run *r, const char *dir, lf_error *err)
{
    static const char *const keys[] = {"num_attention_heads", "num_key_value_heads", "head_dim",
                                       "rope_theta",          "rms_norm_eps",        "tie_word_embeddings"};
    char was[LF_CONFIG_PATH_MAX], is[LF_CONFIG_PATH_MAX];
    lf_config *from = lf__calloc(1, sizeof *from, err);
    if (!from) return -1;
    int status = lf__model_config_read(from, dir, err);
    lf_model_config *m = &from->model;
    if (!status && !m->num_key_value_heads) m->num_key_value_heads = m->num_attention_heads;
    if (!status) m->head_dim = lf__model_head_dim(m);
    for (size_t i = 0; i < LF_COUNT(keys) || lf__model_switches[i - LF_COUNT(keys)]; i++) {
        char key[LF_TEXT_MAX];
        snprintf(key, sizeof key, "model.%s", i < LF_COUNT(keys) ? keys[i] : lf__model_switches[i - LF_COUNT(keys)]);
        if (status || strcmp(value_of(from, key, was, sizeof was), value_of(&r->config, key, is, sizeof is)) == 0) continue;
        lf_error_set(err, LF_E_MISMATCH, "model.init_from: %s has %s = %s, this run %s: the weights would mean something else", dir,
                     key + strlen("model."), was, is);
        status = lf_error_hint(err, "--%s %s", key, was);
    }
    free(from);
    return status;
}

/* Starts from the weights of another model: same shape, same arithmetic, same tokenizer. */
static int init_from(run *r, lf_error *err)
{
    char dir[LF_PATH_MAX];
    const char *from = r->config.model.init_from;
    if (lf_checkpoint_find(dir, sizeof dir, from, NULL, err)) return -1;
    if (compare_tokenizers(r, dir, "model.init_from: ", err)) return -1;
    if (lf__model_read(r->trainer.model, dir, err)) return -1; /* shapes first: they say more */
    return compare_arithmetic(r, dir, err);
}

static bool lies_in(const char *path, const char *dir)
{
    char *inner = realpath(path, NULL), *outer = realpath(dir, NULL);
    size_t n = outer ? strlen(outer) : 0;
    bool inside = inner && outer && strncmp(inner, outer, n) == 0 && inner[n] == '/';
    free(inner);
    free(outer);
    return inside;
}

/* A checkpoint named by its path begins the folder's run, or continues it: of the same recipe. Once the folder has gone further, that is
 * what goes on (the same command again); to go back within one run is refused, what came later would be taken for its future. */
static int find_named(run *r, char dir[LF_PATH_MAX], lf_error *err)
{
    int64_t step, highest = lf__checkpoint_highest(r->dir);
    char state[LF_PATH_MAX];
    if (lf_checkpoint_find(dir, LF_PATH_MAX, r->config.run.resume, NULL, err)) return -1;
    if (lf__path_join(state, dir, "trainer/state.json", err)) return -1;
    if (!lf__path_exists(state)) {
        lf_error_set(err, LF_E_NOT_FOUND, "%s: a model, but not the checkpoint of a run: it has no trainer/state.json to resume from", dir);
        return lf_error_hint(err, "begin a new run with its weights: --model.init_from %s", dir);
    }
    if (compare_with(r, dir, "trainer/config.yaml", "a run goes on with the recipe it began with", true, err)) return -1;
    if (lf__checkpoint_verify(dir, &step, err)) return -1;
    if (highest <= step) return 0;
    if (!lies_in(dir, r->dir)) return lf__checkpoint_newest(dir, r->dir, &r->note, err);
    lf_error_set(err, LF_E_BUSY, "%s holds step-%06" PRId64 ", which is later than step %" PRId64 " of %s; nothing is overwritten", r->dir,
                 highest, step, dir);
    return lf_error_hint(err, "--resume auto, or go on from there in a new folder: --run.dir runs/another --resume %s", dir);
}

/* Weights and moments of the checkpoint to go on from; first_step stays 0 when there is none. */
static int resume(run *r, lf_error *err)
{
    char dir[LF_PATH_MAX];
    const char *how = r->config.run.resume;
    if (strcmp(how, "auto") == 0 || how[0] == '\0') {
        if (lf__checkpoint_newest(dir, r->dir, &r->note, err)) return -1;
    } else if (strcmp(how, "never") == 0) {
        if (lf__checkpoint_newest(dir, r->dir, NULL, err)) return -1;
        if (dir[0]) {
            lf_error_set(err, LF_E_BUSY, "%s already holds a run, and run.resume is \"never\"", r->dir);
            return lf_error_hint(err, "choose a new folder: --run.dir runs/another, or go on with --resume auto");
        }
    } else if (find_named(r, dir, err))
        return -1;
    if (!dir[0]) return 0;
    if (compare_tokenizers(r, dir, "", err)) return -1;
    if (lf__checkpoint_load(dir, r->trainer.model, &r->trainer.optimizer, &r->first_step, r->data_mark, err)) return -1;
    lf__optimizer_swap_average(&r->trainer.optimizer, r->trainer.model);
    return 0;
}

/* What the run will do otherwise than its options say. */
static void note_changes(run *r)
{
    const lf_train_config *t = &r->config.train;
    int64_t warmup = lf__warmup_steps(t);
    if (r->steps_before && r->steps_before != t->steps)
        lf__buf_printf(&r->note,
                       "%strain.steps changed from %" PRId64 " to %" PRId64 ": the learning-rate schedule is that of the new length",
                       r->note.len ? "\n" : "", r->steps_before, t->steps);
    if (warmup != t->warmup_steps)
        lf__buf_printf(&r->note, "%strain.warmup_steps = %" PRId64 " does not fit into train.steps = %" PRId64 ": the warm-up is %" PRId64,
                       r->note.len ? "\n" : "", t->warmup_steps, t->steps, warmup);
}

static int set_up(run *r, lf_error *err)
{
    lf_config *c = &r->config;
    if (lf_config_check(c, err) || lf__dtype_check(c, r->device, err) || open_folder(r, err) || compare_with_folder(r, false, err))
        return -1;
    if (lf__run_data_open(&r->data, c, r->dir, r->hooks, err) || lf__run_data_mark(r->data_mark, &r->data, err)) return -1;
    lf__config_resolve(c, r->device);
    if (lf_config_check(c, err) || compare_with_folder(r, true, err)) return -1;
    if (lf__trainer_init(&r->trainer, r->device, c, r->data.train, r->data.val != NULL, false, err)) return -1;
    if (resume(r, err)) return -1;
    if (!r->first_step) {
        if (c->model.init_from[0] ? init_from(r, err) : (lf__model_init_weights(r->trainer.model, (uint64_t)c->train.seed), 0)) return -1;
        lf__model_pack(r->trainer.model);
    }
    /* A run that is done stays as it is, whatever number of steps is asked for now. */
    char path[LF_PATH_MAX];
    bool done = r->first_step >= c->train.steps && lf__checkpoint_highest(r->dir) >= 0;
    if (!done) note_changes(r);
    if (!done && (lf__path_join(path, r->dir, "config.yaml", err) || lf_config_save(c, path, "en", err))) return -1;
    r->metrics = lf__metrics_open(r->dir, r->first_step, err);
    return r->metrics ? 0 : -1;
}

static void tear_down(run *r)
{
    if (r->metrics) fclose(r->metrics);
    lf__trainer_release(&r->trainer);
    lf__run_data_close(&r->data);
    lf__buf_release(&r->note);
    lf__names_free(&r->caches, r->n_caches);
    if (r->lock >= 0) lf__unlock(&r->lock);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------------------- */
static void clock_in(const run *r, lf_train_metrics *m)
{
    m->seconds = lf__now() - r->began;
    m->eta = m->seconds / (double)(m->step - r->first_step) * (double)(m->steps - m->step);
}

/* What became of the checkpoint under way, if there is one; wait: until that is known. */
static int collect(run *r, bool wait, lf_error *err)
{
    lf_saver *s = &r->saver;
    if (!lf__saver_join(s, wait)) return 0;
    if (s->status) return lf__error_pass(err, &s->err);
    if (r->hooks->on_checkpoint) r->hooks->on_checkpoint(s->what.step, s->dir, s->seconds, r->hooks->user);
    return 0;
}

/* val_loss: of the documents that every evaluation reads; NaN when these weights have none. Where more steps follow and there is a staging
 * arena, the step after this one waits for a copy only. */
static int save(run *r, int64_t step, double val_loss, bool more, lf_error *err)
{
    lf_trainer *t = &r->trainer;
    if (collect(r, true, err)) return -1;
    const char *bad =
        lf__first_bad_tensor(r->trainer.model); /* an update may overflow; the next loss would say so, after a good checkpoint was lost */
    if (bad) return lf__diverged(err, "Step %" PRId64 ": its update left NaN or infinity in %s; the weights are not saved.", step, bad);
    lf_checkpoint what = {.run_dir = r->dir,
                          .step = step,
                          .val_loss = val_loss,
                          .model = t->model,
                          .weights = t->model->data,
                          .optimizer = &t->optimizer,
                          .config = &r->config,
                          .tokenizer = r->data.tokenizer,
                          .data = r->data_mark};
    if (more && t->staging.weights) {
        lf__staging_fill(&t->staging, &t->optimizer, t->model);
        what.weights = t->staging.weights, what.optimizer = &t->staging.optimizer;
        lf__saver_start(&r->saver, &what, true);
        return 0;
    }
    lf__optimizer_swap_average(&t->optimizer, t->model);
    lf__saver_start(&r->saver, &what, false);
    lf__optimizer_swap_average(&t->optimizer, t->model);
    return collect(r, true, err);
}

static int evaluate(run *r, lf_train_metrics *m, bool last, lf_error *err)
{
    if (!r->data.val) return 0;
    lf__profile_quiet(r->device, true);
    lf__optimizer_swap_average(&r->trainer.optimizer, r->trainer.model);
    int status = lf__evaluate(&r->trainer.evaluator, r->trainer.model, &r->data, last ? 0 : r->config.train.eval_documents, m, err);
    lf__optimizer_swap_average(&r->trainer.optimizer, r->trainer.model);
    lf__profile_quiet(r->device, false);
    lf__profile_mark(r->device, "evaluation", "");
    if (status) return -1;
    clock_in(r, m);
    if (r->hooks->on_eval) r->hooks->on_eval(m, r->hooks->user);
    return 0;
}

static int sample(run *r, int64_t step, lf_error *err)
{
    char dir[LF_PATH_MAX];
    if (!r->hooks->on_sample || !r->data.tokenizer) return 0;
    if (lf__path_join(dir, r->dir, "samples", err) || lf__make_dirs(dir, err)) return -1;
    lf__profile_quiet(r->device, true);
    lf__optimizer_swap_average(&r->trainer.optimizer, r->trainer.model);
    r->hooks->on_sample(step, r->trainer.model, r->data.tokenizer, dir, r->hooks->user);
    lf__optimizer_swap_average(&r->trainer.optimizer, r->trainer.model);
    lf__profile_quiet(r->device, false);
    lf__profile_mark(r->device, "samples", "");
    return 0;
}

static bool due(int64_t every, int64_t t) { return every > 0 && t % every == 0; }

static int loop(run *r, lf_error *err)
{
    const lf_train_config *c = &r->config.train;
    if (r->first_step >= c->steps && lf__checkpoint_highest(r->dir) < 0)
        return save(r, r->first_step, (double)NAN, false, err); /* resumed from elsewhere */
    for (int64_t t = r->first_step + 1; t <= c->steps; t++) {
        lf_train_metrics m;
        bool last = t == c->steps;
        if (lf__trainer_step(&r->trainer, t, &m, err)) return -1;
        clock_in(r, &m);
        if (r->hooks->on_step) r->hooks->on_step(&m, r->hooks->user);
        if ((last || due(c->eval_every, t)) && evaluate(r, &m, last, err)) return -1;
        if (lf__metrics_write(r->metrics, r->dir, &m, err)) return -1;
        lf__profile_mark(r->device, "log", "");
        if (collect(r, false, err)) return -1;
        if (((last && c->sample_every) || due(c->sample_every, t)) && sample(r, t, err)) return -1;
        bool stop = !last && r->hooks->should_stop && r->hooks->should_stop(r->hooks->user);
        double judged = last && c->eval_documents ? (double)NAN : m.val_loss; /* the last evaluation may read more than the others */
        if ((last || stop || due(c->checkpoint_every, t)) && save(r, t, judged, !last && !stop, err)) return -1;
        lf__profile_mark(r->device, "checkpoint", "");
        if (stop) {
            lf_error_set(err, LF_E_INTERRUPTED, "interrupted after step %" PRId64 " of %" PRId64 "; everything is saved in %s", t, c->steps,
                         r->dir);
            return lf_error_hint(err, "go on with: foundry train %s/config.yaml", r->dir);
        }
    }
    return 0;
}

static int longer_first(const void *a, const void *b)
{
    const lf_profile_row *x = a, *y = b;
    return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

/* The least time for some work is the greater of what the registers and what the memory need; weights of all layers do not stay in caches.
 */
static void report_profile(run *r)
{
    lf_profile_sum sums[LF_PROFILE_ROWS];
    lf_profile_row rows[LF_PROFILE_ROWS];
    lf_train_profile p = {.rows = rows};
    int n = lf__profile_end(r->device, sums);
    bool bf16 = false;
    for (int i = 0; i < n; i++) p.seconds += sums[i].seconds, bf16 |= sums[i].flops_bf16 > 0;
    p.peak_gflops = lf__peak_gflops(r->device, LF_F32, 0.05);
    if (bf16) p.peak_gflops_bf16 = lf__peak_gflops(r->device, LF_BF16, 0.05);
    p.read_gbs = lf__read_rate(r->device, r->trainer.model->weights.base, r->trainer.model->weights.size, 0.05);
    for (int i = 0; i < n; i++) {
        const lf_profile_sum *s = &sums[i];
        double compute = s->flops / p.peak_gflops + (bf16 ? s->flops_bf16 / p.peak_gflops_bf16 : 0), memory = s->bytes / p.read_gbs;
        if (s->seconds < 2e-4 * p.seconds && s->bytes == 0) continue;
        rows[p.n_rows++] = (lf_profile_row){.op = s->op,
                                            .phase = s->phase,
                                            .calls = s->calls,
                                            .seconds = s->seconds,
                                            .flops = s->flops + s->flops_bf16,
                                            .bytes = s->bytes,
                                            .share = s->seconds / p.seconds,
                                            .ceiling = 1e-9 * LF_MAX(compute, memory) / s->seconds};
    }
    qsort(rows, (size_t)p.n_rows, sizeof *rows, longer_first);
    r->hooks->on_profile(&p, r->hooks->user);
}

static void announce(run *r)
{
    if (!r->hooks->on_start) return;
    lf_train_arena arenas[LF_TRAIN_ARENAS];
    uint64_t bytes = 0;
    int n_arenas = lf__trainer_arenas(&r->trainer, arenas);
    for (int i = 0; i < n_arenas; i++) bytes += arenas[i].bytes;
    lf_train_start start = {.run_dir = r->dir,
                            .isa = lf_device_isa(r->device),
                            .threads = lf_device_threads(r->device),
                            .parameters = lf_model_parameters(r->trainer.model),
                            .resumed_from = r->first_step ? r->first_step : -1,
                            .flops_per_token = lf_model_flops_per_token(r->trainer.model, (int)r->config.train.seq_len),
                            .train_tokens = lf_shards_tokens(r->data.train),
                            .val_tokens = r->data.val ? lf_shards_tokens(r->data.val) : 0,
                            .arena_bytes = bytes,
                            .arenas = arenas,
                            .n_arenas = n_arenas,
                            .tokens_per_step = r->config.train.batch_tokens,
                            .note = r->note.len ? r->note.data : ""};
    r->hooks->on_start(&start, r->hooks->user);
}

int lf_train_run(lf_device *device, const lf_config *config, const lf_train_hooks *hooks, lf_error *err)
{
    static const lf_train_hooks no_hooks;
    run *r = lf__calloc(1, sizeof *r, err);
    if (!r) return -1;
    r->device = device, r->hooks = hooks ? hooks : &no_hooks, r->config = *config, r->lock = -1;
    lf__buf_init(&r->note, 4096);
    lf_error cause = {0};
    int status = set_up(r, &cause);
    bool begun = status == 0;
    if (!status) {
        announce(r);
        r->began = lf__now();
        if (r->hooks->on_profile) status = lf__profile_begin(r->device, &cause);
        if (!status) status = loop(r, &cause);
        if (collect(r, true, &cause)) status = -1; /* a run that failed leaves no checkpoint half written */
        if (r->device->profile) report_profile(r);
    }
    if (!begun) undo_folder(r); /* still under the lock */
    tear_down(r);
    free(r);
    return status ? lf__error_pass(err, &cause) : 0;
}
