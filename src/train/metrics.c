/* metrics.c - metrics.jsonl, the truth about a run: one JSON object per line, one line per step or evaluation, in step order. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "train/trainer.h"

/* The step a line speaks of, or -1 when it is not a whole line of ours (a torn last write). */
static int64_t line_step(const char *line, size_t n)
{
    static const char begin[] = "{\"step\": ";
    if (n < sizeof begin || memcmp(line, begin, sizeof begin - 1) != 0 || line[n - 1] != '}') return -1;
    int64_t step = 0;
    for (const char *p = line + sizeof begin - 1; *p >= '0' && *p <= '9' && step < INT64_MAX / 16; p++) step = step * 10 + (*p - '0');
    return step;
}

FILE *lf__metrics_open(const char *run_dir, int64_t step, lf_error *err)
{
    char path[LF_PATH_MAX];
    if (lf__path_join(path, run_dir, "metrics.jsonl", err)) return NULL;
    lf_buf old;
    lf__buf_init(&old, (size_t)1 << 32);
    size_t keep = 0;
    if (lf__path_exists(path) && lf__read_file(&old, path, (size_t)1 << 32, err)) {
        lf__buf_release(&old);
        return NULL;
    }
    while (keep < old.len) {
        const char *end = memchr(old.data + keep, '\n', old.len - keep);
        if (!end) break;
        int64_t s = line_step(old.data + keep, (size_t)(end - old.data) - keep);
        if (s < 0 || s > step) break;
        keep = (size_t)(end - old.data) + 1;
    }
    FILE *f = NULL;
    if (keep == old.len || lf__write_file(path, old.data, keep, err) == 0) {
        f = fopen(path, "ae");
        if (!f) lf__io_error(err, "write", path, errno);
    }
    lf__buf_release(&old);
    return f;
}

/* A value that is not known (NaN) is not written. */
static void number(lf_buf *line, const char *key, double x)
{
    if (!isnan(x)) lf__buf_printf(line, ", \"%s\": %.9g", key, x);
}

int lf__metrics_write(FILE *f, const char *run_dir, const lf_train_metrics *m, lf_error *err)
{
    lf_buf line;
    lf__buf_init(&line, 4096);
    lf__buf_printf(&line, "{\"step\": %" PRId64, m->step);
    number(&line, "loss", m->loss);
    number(&line, "lr", m->lr);
    number(&line, "grad_norm", m->grad_norm);
    number(&line, "tokens_per_second", m->tokens_per_second);
    number(&line, "val_loss", m->val_loss);
    number(&line, "val_bpb", m->val_bpb);
    number(&line, "val_floor_bpb", m->val_floor_bpb);
    lf__buf_puts(&line, m->skipped ? ", \"skipped\": true}\n" : "}\n");
    bool written = !line.failed && fwrite(line.data, 1, line.len, f) == line.len && fflush(f) == 0;
    int reason = errno;
    lf__buf_release(&line);
    char path[LF_PATH_MAX];
    if (written || lf__path_join(path, run_dir, "metrics.jsonl", err)) return written ? 0 : -1;
    return lf__io_error(err, "write", path, reason);
}
