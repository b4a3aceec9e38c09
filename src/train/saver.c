/* saver.c - one checkpoint, written here or beside the training by a thread of its own.
 *
 *   caller   step 8 | copy | step 9      | step 10     | join: on_checkpoint(8)
 *   thread                 | folder, hashes, fsync, rename, best, rotation |
 *
 * The caller keeps what the checkpoint is made of as it is until the join. At most one is under way: the next one waits. */
#include <math.h>
#include <signal.h>

#include "train/trainer.h"

static void write_now(lf_saver *s)
{
    const lf_checkpoint *c = &s->what;
    double start = lf__now();
    s->status = lf__checkpoint_save(s->dir, c, &s->err);
    if (!s->status && !isnan(c->val_loss)) s->status = lf__checkpoint_mark_best(c->run_dir, c->step, c->val_loss, &s->err);
    if (!s->status) lf__checkpoint_rotate(c->run_dir, c->config->train.keep_last, c->step);
    s->seconds = lf__now() - start;
    atomic_store(&s->done, true);
}

static void *work(void *arg)
{
    write_now(arg);
    return NULL;
}

void lf__saver_start(lf_saver *s, const lf_checkpoint *what, bool background)
{
    sigset_t all, before;
    s->what = *what, s->err = (lf_error){0}, s->busy = true;
    atomic_store(&s->done, false);
    sigfillset(&all); /* signals are for the threads that are the program's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    s->threaded = background && pthread_create(&s->thread, NULL, work, s) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!s->threaded) write_now(s);
}

bool lf__saver_join(lf_saver *s, bool wait)
{
    if (!s->busy || (!wait && !atomic_load(&s->done))) return false;
    if (s->threaded) pthread_join(s->thread, NULL);
    s->busy = false;
    return true;
}
