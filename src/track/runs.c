/* runs.c - runs read back from their folders. No index beside the files: 300 runs of 1,500 steps are read in well under a second, and an
 * index would be a second truth that can be stale. Memory belongs to the caller; no state. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base.h"
#include "foundry/runs.h"

/* ---- metrics.jsonl ------------------------------------------------------------------------------------------------------------- */
static double *field_of(lf_run_point *p, const char *key, size_t n)
{
    const struct {
        const char *name;
        double *at;
    } fields[] = {{"loss", &p->loss},
                  {"lr", &p->lr},
                  {"grad_norm", &p->grad_norm},
                  {"tokens_per_second", &p->tokens_per_second},
                  {"val_loss", &p->val_loss},
                  {"val_bpb", &p->val_bpb},
                  {"val_floor_bpb", &p->val_floor_bpb}};
    for (size_t i = 0; i < LF_COUNT(fields); i++)
        if (strlen(fields[i].name) == n && memcmp(fields[i].name, key, n) == 0) return fields[i].at;
    return NULL;
}

/* One line, NUL-terminated: a flat object of numbers. Keys that are not known are passed over. */
static bool parse_line(lf_run_point *p, const char *line)
{
    double step = (double)NAN;
    *p = (lf_run_point){
        .loss = step, .lr = step, .grad_norm = step, .tokens_per_second = step, .val_loss = step, .val_bpb = step, .val_floor_bpb = step};
    for (const char *key = strchr(line, '"'); key; key = strchr(key, '"')) {
        const char *end = strchr(++key, '"');
        if (!end) break;
        size_t n = (size_t)(end - key);
        const char *value = end + 1 + strspn(end + 1, ": ");
        char *after;
        double number = strtod(value, &after), *at = n == 4 && memcmp(key, "step", 4) == 0 ? &step : field_of(p, key, n);
        if (at && after != value) *at = number;
        key = after > value ? after : end + 1;
    }
    if (!(step >= 0 && step < 9e15)) return false;
    p->step = (int64_t)step;
    return true;
}

/* sparse: evaluations, the end, and of the rest every 16th line: what a list needs, at a tenth of the time. */
static lf_run_point *read_points(size_t *n, const char *run_dir, bool sparse, lf_error *err)
{
    char path[LF_PATH_MAX], line[1024];
    lf_map map;
    lf_run_point *points = NULL;
    size_t cap = 0, number = 0;
    *n = 0;
    if (lf__path_join(path, run_dir, "metrics.jsonl", err) || lf__map_open(&map, path, err)) return NULL;
    const char *p = (const char *)map.data, *end = p + map.size;
    int status = lf__grow(&points, &cap, 1, sizeof *points, err);
    while (!status && p < end) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop) break; /* a torn last line */
        size_t length = (size_t)(stop - p);
        size_t left = (size_t)(end - p);
        bool wanted = !sparse || left < map.size / 16 + 4096 || number++ % 16 == 0 || memmem(p, length, "\"val_", 5);
        if (wanted && length < sizeof line && !(status = lf__grow(&points, &cap, *n + 1, sizeof *points, err))) {
            memcpy(line, p, length);
            line[length] = '\0';
            *n += parse_line(&points[*n], line);
        }
        p = stop + 1;
    }
    lf__map_close(&map);
    if (!status) return points;
    free(points);
    return NULL;
}

lf_run_point *lf_run_points(size_t *n, const char *run_dir, lf_error *err) { return read_points(n, run_dir, false, err); }

/* ---- what a run came to ---------------------------------------------------------------------------------------------------------- */
static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_speed(const lf_run_point *points, size_t n)
{
    double *speeds = lf__calloc(n + 1, sizeof *speeds, NULL), median = (double)NAN;
    size_t count = 0;
    for (size_t i = 0; i < n && speeds; i++)
        if (points[i].tokens_per_second > 0) speeds[count++] = points[i].tokens_per_second;
    if (count) {
        qsort(speeds, count, sizeof *speeds, ascending);
        median = speeds[count / 2];
    }
    free(speeds);
    return median;
}

static void sum_up(lf_run_info *info, const lf_run_point *points, size_t n)
{
    double sum = 0;
    int64_t count = 0;
    info->loss = info->val_loss = info->val_bpb = info->val_floor_bpb = info->best_val_loss = (double)NAN;
    for (size_t i = 0; i < n; i++) info->step = LF_MAX(info->step, points[i].step);
    for (size_t i = 0; i < n; i++) {
        const lf_run_point *p = &points[i];
        if (isfinite(p->loss) && p->step > info->step - LF_MAX(info->step / 20, 1)) sum += p->loss, count++;
        if (isnan(p->val_loss)) continue;
        info->val_loss = p->val_loss, info->val_bpb = p->val_bpb;
        if (!isnan(p->val_floor_bpb)) info->val_floor_bpb = p->val_floor_bpb;
        if (!(info->best_val_loss <= p->val_loss)) info->best_val_loss = p->val_loss, info->best_step = p->step;
    }
    if (count) info->loss = sum / (double)count;
    info->tokens_per_second = median_speed(points, n);
}

int lf_run_read(lf_run_info *info, const char *dir, lf_error *err)
{
    char config[LF_PATH_MAX], metrics[LF_PATH_MAX];
    struct stat st;
    memset(info, 0, sizeof *info);
    if (lf__path_join(config, dir, "config.yaml", err) || lf__path_join(metrics, dir, "metrics.jsonl", err)) return -1;
    if (!lf__path_exists(config) || !lf__path_exists(metrics)) {
        lf_error_set(err, LF_E_NOT_FOUND, "%s is no run: %s is not there", dir, lf__path_exists(config) ? "metrics.jsonl" : "config.yaml");
        return lf_error_hint(err, "foundry runs ls");
    }
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/') n--;
    if (n >= sizeof info->dir) return lf_error_set(err, LF_E_LIMIT, "the path %s is too long", dir);
    memcpy(info->dir, dir, n);
    snprintf(info->name, sizeof info->name, "%.*s", LF_TEXT_MAX - 1, lf__path_name(info->dir));
    lf_config *c = lf__calloc(1, sizeof *c, err);
    if (!c) return -1;
    lf_config_init(c);
    if (lf_config_load(c, config, NULL) == 0) info->steps = c->train.steps;
    free(c);
    lf_run_point *points = read_points(&n, dir, true, err);
    if (!points) return -1;
    sum_up(info, points, n);
    free(points);
    if (stat(metrics, &st) == 0) info->modified = (int64_t)st.st_mtime;
    return 0;
}

static int latest_first(const void *a, const void *b)
{
    const lf_run_info *x = a, *y = b;
    return x->modified != y->modified ? (x->modified < y->modified) - (x->modified > y->modified) : strcmp(x->name, y->name);
}

int lf_runs_list(lf_run_info **runs, size_t *n, const char *folder, lf_error *err)
{
    char **names = NULL, dir[LF_PATH_MAX];
    size_t n_names = 0, cap = 0;
    *runs = NULL, *n = 0;
    if (!lf__path_is_dir(folder)) {
        lf_error_set(err, LF_E_NOT_FOUND, "%s is not a folder", folder);
        return lf_error_hint(err, "runs lie in \"runs\" where foundry train was started: cd there, or name it: foundry runs ls FOLDER");
    }
    if (lf__list_dir(folder, &names, &n_names, err)) return -1;
    int status = 0;
    for (size_t i = 0; i < n_names && !status; i++) {
        if (lf__path_join(dir, folder, names[i], NULL) || !lf__path_is_dir(dir)) continue;
        status = lf__grow(runs, &cap, *n + 1, sizeof **runs, err);
        if (!status && lf_run_read(&(*runs)[*n], dir, NULL) == 0) ++*n;
    }
    lf__names_free(&names, n_names);
    if (!status && *n == 0) {
        lf_error_set(err, LF_E_NOT_FOUND, "%s holds no runs", folder);
        status = lf_error_hint(err, "foundry train demo --run.dir %s/first", folder);
    }
    if (status) {
        free(*runs);
        *runs = NULL;
        return -1;
    }
    qsort(*runs, *n, sizeof **runs, latest_first);
    return 0;
}
