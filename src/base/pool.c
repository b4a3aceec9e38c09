/* pool.c - persistent worker threads that spin for a moment, then sleep.
 * Not a task queue: one function runs on every worker, work is split by worker number, so results cannot depend on timing.
 * The pool owns its threads; one caller at a time runs it, and is itself worker 0.
 *
 *   caller   publish fn, go = e  ->  fn(arg, 0)  ->  wait until every done == e
 *   worker   wait for go == e    ->  fn(arg, i)  ->  done = e
 *
 * Every counter that a thread waits on sits with its own sleepers in a cache line of its own, and only ever grows. */
#include "base/base.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#define FUTEX_WAIT_PRIVATE 128 /* of the kernel interface; musl-gcc does not see <linux/futex.h> */
#define FUTEX_WAKE_PRIVATE 129
#define MAX_THREADS        256
#define SPIN_SECONDS       50e-6      /* a futex wake costs 5-50 us: spinning longer than that wins nothing */
#define SPIN_CROWDED       1e-6       /* more workers than CPUs: whoever we wait for may need this very CPU */
#define WORKER_STACK       (2u << 20) /* musl's default of 128 KiB is too small for kernels with buffers on the stack */

typedef struct signal_line {
    _Alignas(64) _Atomic uint32_t value; /* grows by one; compared by signed distance, so it may wrap */
    _Atomic uint32_t sleepers;
} signal_line;

typedef struct worker {
    signal_line step; /* barrier rounds this worker has entered */
    signal_line done; /* runs it has finished                   */
    _Alignas(64) lf_pool *pool;
    pthread_t thread;
    int tid;
    uint32_t rounds; /* private copy of step.value */
} worker;

struct lf_pool {
    signal_line go;
    _Alignas(64) lf_pool_fn fn; /* NULL: leave */
    void *arg;
    double spin;
    int n_threads;
    int started; /* workers that have a thread, tid 0 not counted */
    bool pinned;
#ifdef __linux__
    cpu_set_t caller_cpus; /* to give back when the pool is freed */
#else
    pthread_mutex_t mutex;
    pthread_cond_t wake;
#endif
    worker workers[];
};

/* ---- wait and signal ------------------------------------------------------------------------------------------------------ */

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("pause"); /* leaves the core to a hyper-thread sibling, and the pipeline calm when the line changes */
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static inline bool reached(signal_line *s, uint32_t target)
{
    return (int32_t)(atomic_load_explicit(&s->value, memory_order_acquire) - target) >= 0;
}

/* A sleeper counts itself, then the kernel compares the value again; a signaller stores the value, then looks for sleepers. Both in
 * the one order of seq_cst: at least one of them sees the other, so no wake is lost. */
static void sleep_until(lf_pool *pool, signal_line *s, uint32_t target)
{
    atomic_fetch_add(&s->sleepers, 1);
#ifdef __linux__
    LF_UNUSED(pool);
    for (;;) {
        uint32_t seen = atomic_load(&s->value);
        if ((int32_t)(seen - target) >= 0) break;
        syscall(SYS_futex, &s->value, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    }
#else
    pthread_mutex_lock(&pool->mutex);
    while ((int32_t)(atomic_load(&s->value) - target) < 0) pthread_cond_wait(&pool->wake, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
#endif
    atomic_fetch_sub(&s->sleepers, 1);
}

static void wait_for(lf_pool *pool, signal_line *s, uint32_t target)
{
    double deadline = 0;
    for (int i = 1; !reached(s, target); i++) {
        relax();
        if (i % 32) continue; /* the clock costs some 25 ns */
        double now = lf__now();
        if (deadline == 0) deadline = now + pool->spin;
        if (now > deadline) {
            sleep_until(pool, s, target);
            return;
        }
    }
}

static void raise_to(lf_pool *pool, signal_line *s, uint32_t value)
{
    atomic_store(&s->value, value);
    if (atomic_load(&s->sleepers) == 0) return;
#ifdef __linux__
    LF_UNUSED(pool);
    syscall(SYS_futex, &s->value, FUTEX_WAKE_PRIVATE, MAX_THREADS, NULL, NULL, 0);
#else
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
#endif
}

/* ---- CPUs ------------------------------------------------------------------------------------------------------------------ */

#ifdef __linux__
int lf__cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return LF_MAX(CPU_COUNT(&set), 1);
    long n = sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than a cpu_set_t holds */
    return n > 0 ? (int)n : 1;
}

/* Nobody else is running and nobody was: pinning two busy programs to the same CPUs would halve both. */
static bool machine_is_idle(void)
{
    double load;
    int running;
    FILE *f = fopen("/proc/loadavg", "re");
    if (!f) return false;
    bool idle = fscanf(f, "%lf %*f %*f %d/", &load, &running) == 2 && load < 0.5 && running <= 1;
    fclose(f);
    return idle;
}

/* Thread i of the pool on the i-th CPU of the mask (round again when there are more threads). */
static void pin_thread(pthread_t thread, const cpu_set_t *cpus, int i)
{
    int skip = i % CPU_COUNT(cpus), cpu = 0;
    while (!CPU_ISSET(cpu, cpus) || skip-- > 0) cpu++;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(thread, sizeof one, &one);
}

static void pin_all(lf_pool *pool)
{
    if (sched_getaffinity(0, sizeof pool->caller_cpus, &pool->caller_cpus)) return;
    pool->workers[0].thread = pthread_self();
    for (int i = 0; i < pool->n_threads; i++) pin_thread(pool->workers[i].thread, &pool->caller_cpus, i);
    pool->pinned = true;
}

static void unpin_caller(lf_pool *pool)
{
    if (pool->pinned && pthread_equal(pool->workers[0].thread, pthread_self()))
        pthread_setaffinity_np(pthread_self(), sizeof pool->caller_cpus, &pool->caller_cpus);
}
#else
int lf__cpu_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}
static bool machine_is_idle(void) { return false; }
static void pin_all(lf_pool *pool) { pool->pinned = false; } /* a wish, not a promise: without affinity calls threads stay free */
static void unpin_caller(lf_pool *pool) { LF_UNUSED(pool); }
#endif

/* ---- life ------------------------------------------------------------------------------------------------------------------ */

static void *work(void *arg)
{
    worker *self = arg;
    lf_pool *pool = self->pool;
    for (uint32_t epoch = 1;; epoch++) {
        wait_for(pool, &pool->go, epoch);
        if (!pool->fn) return NULL;
        pool->fn(pool->arg, self->tid, pool->n_threads);
        raise_to(pool, &self->done, epoch);
    }
}

/* Signals are for the program's own threads: a worker takes none, so a Ctrl-C never lands in a kernel. */
static int start_workers(lf_pool *pool, lf_error *err)
{
    pthread_attr_t attr;
    sigset_t all, before;
    int rc = 0;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, WORKER_STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 1; i < pool->n_threads && rc == 0; i++) {
        rc = pthread_create(&pool->workers[i].thread, &attr, work, &pool->workers[i]);
        if (rc == 0) pool->started = i;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (rc == 0) return 0;
    lf_error_set(err, LF_E_MEMORY, "cannot start thread %d of %d: %s", pool->started + 2, pool->n_threads, strerror(rc));
    return lf_error_hint(err, "ask for fewer threads: --threads %d", pool->started + 1);
}

lf_pool *lf__pool_new(int n_threads, int pin, lf_error *err)
{
    if (n_threads < 1 || n_threads > MAX_THREADS) {
        lf_error_set(err, LF_E_ARGUMENT, "threads: expected a number from 1 to %d, got %d", MAX_THREADS, n_threads);
        return NULL;
    }
    size_t size = sizeof(lf_pool) + (size_t)n_threads * sizeof(worker);
    lf_pool *pool = aligned_alloc(64, lf__round_up(size, 64));
    if (!pool) {
        lf_error_set(err, LF_E_MEMORY, "out of memory: no room for a pool of %d threads", n_threads);
        return NULL;
    }
    memset(pool, 0, size);
    int cpus = lf__cpu_count();
    pool->n_threads = n_threads;
    pool->spin = n_threads > cpus ? SPIN_CROWDED : SPIN_SECONDS;
#ifndef __linux__
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
#endif
    for (int i = 0; i < n_threads; i++) {
        pool->workers[i].pool = pool;
        pool->workers[i].tid = i;
    }
    if (pin < 0) pin = n_threads > 1 && n_threads == cpus && machine_is_idle();
    if (start_workers(pool, err)) {
        lf__pool_free(&pool);
        return NULL;
    }
    if (pin) pin_all(pool);
    return pool;
}

void lf__pool_free(lf_pool **pool_ptr)
{
    lf_pool *pool = *pool_ptr;
    if (!pool) return;
    *pool_ptr = NULL;
    pool->fn = NULL;
    raise_to(pool, &pool->go, atomic_load(&pool->go.value) + 1);
    for (int i = 1; i <= pool->started; i++) pthread_join(pool->workers[i].thread, NULL);
    unpin_caller(pool);
#ifndef __linux__
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
#endif
    free(pool);
}

int lf__pool_threads(const lf_pool *pool) { return pool->n_threads; }

/* ---- work ------------------------------------------------------------------------------------------------------------------ */

void lf__pool_run(lf_pool *pool, lf_pool_fn fn, void *arg)
{
    if (pool->n_threads == 1) {
        fn(arg, 0, 1);
        return;
    }
    uint32_t epoch = atomic_load_explicit(&pool->go.value, memory_order_relaxed) + 1;
    pool->fn = fn;
    pool->arg = arg;
    raise_to(pool, &pool->go, epoch);
    fn(arg, 0, pool->n_threads);
    for (int i = 1; i < pool->n_threads; i++) wait_for(pool, &pool->workers[i].done, epoch);
}

/* Dissemination (Hensgen, Finkel, Manber 1988): in round r worker i says that it is here and waits for worker i - 2^r. After
 * ceil(log2 n) rounds everybody has heard of everybody; with two threads that is one line written and one line read each. */
void lf__pool_barrier(lf_pool *pool, int tid)
{
    worker *self = &pool->workers[tid];
    for (int distance = 1; distance < pool->n_threads; distance *= 2) {
        int from = tid - distance;
        if (from < 0) from += pool->n_threads;
        raise_to(pool, &self->step, ++self->rounds);
        wait_for(pool, &pool->workers[from].step, self->rounds);
    }
}
