/* The thread pool: every worker runs once per run, nobody passes a barrier early, sleepers are woken. Prints latencies, asserts none. */
#include "base/base.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct shared {
    lf_pool *pool;
    int calls[256];
    long slots[256]; /* plain memory: the pool itself must order it */
    int rounds;
    int wrong[256];
} shared;

static void count_call(void *arg, int tid, int n)
{
    shared *s = arg;
    s->calls[tid]++;
    if (n != lf__pool_threads(s->pool)) s->wrong[tid]++;
}

static void everybody_runs_once_per_run(void **state)
{
    (void)state;
    static const int counts[] = {1, 2, 3, 4, 7, 16};
    for (size_t c = 0; c < LF_COUNT(counts); c++) {
        shared s = {0};
        lf_error err = {0};
        s.pool = lf__pool_new(counts[c], 0, &err);
        assert_non_null(s.pool);
        for (int run = 1; run <= 300; run++) {
            lf__pool_run(s.pool, count_call, &s);
            for (int i = 0; i < counts[c]; i++) assert_int_equal(s.calls[i], run);
            if (run % 100 == 0) usleep(2000); /* let them fall asleep */
        }
        for (int i = 0; i < 256; i++) assert_int_equal(s.wrong[i], 0);
        lf__pool_free(&s.pool);
        assert_null(s.pool);
    }
}

/* Each worker writes its slot, and after the barrier reads all the others. */
static void meet(void *arg, int tid, int n)
{
    shared *s = arg;
    for (int r = 1; r <= s->rounds; r++) {
        s->slots[tid] = r;
        if (r % 97 == tid) usleep(300); /* one late worker sends the others to sleep */
        lf__pool_barrier(s->pool, tid);
        for (int i = 0; i < n; i++)
            if (s->slots[i] != r) s->wrong[tid]++;
        lf__pool_barrier(s->pool, tid);
    }
}

static void nobody_passes_a_barrier_early(void **state)
{
    (void)state;
    static const int counts[] = {1, 2, 3, 5, 8};
    for (size_t c = 0; c < LF_COUNT(counts); c++) {
        shared s = {.rounds = 400};
        s.pool = lf__pool_new(counts[c], 0, NULL);
        assert_non_null(s.pool);
        for (int run = 0; run < 2; run++) lf__pool_run(s.pool, meet, &s);
        for (int i = 0; i < counts[c]; i++) assert_int_equal(s.wrong[i], 0);
        lf__pool_free(&s.pool);
    }
}

static void refuses_impossible_counts(void **state)
{
    (void)state;
    static const int counts[] = {0, -1, 257, 1 << 30};
    for (size_t i = 0; i < LF_COUNT(counts); i++) {
        lf_error err = {0};
        assert_null(lf__pool_new(counts[i], 0, &err));
        assert_int_equal(err.code, LF_E_ARGUMENT);
        assert_non_null(strstr(err.message, "1 to 256"));
    }
}

static void pinning_is_given_back(void **state)
{
    (void)state;
    cpu_set_t before, after;
    sched_getaffinity(0, sizeof before, &before);
    shared s = {0};
    s.pool = lf__pool_new(3, 1, NULL); /* more threads than CPUs are allowed here too */
    assert_non_null(s.pool);
    lf__pool_run(s.pool, count_call, &s);
    cpu_set_t during;
    sched_getaffinity(0, sizeof during, &during);
    assert_int_equal(CPU_COUNT(&during), 1);
    lf__pool_free(&s.pool);
    sched_getaffinity(0, sizeof after, &after);
    assert_true(CPU_EQUAL(&before, &after));
    assert_int_equal(lf__cpu_count(), CPU_COUNT(&before));
    s.pool = lf__pool_new(lf__cpu_count(), -1, NULL);
    assert_non_null(s.pool);
    lf__pool_free(&s.pool);
}

static void check_mask(void *arg, int tid, int n)
{
    (void)n;
    shared *s = arg;
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    s->slots[tid] = sigismember(&set, SIGINT);
}

static void workers_take_no_signals(void **state)
{
    (void)state;
    shared s = {0};
    s.pool = lf__pool_new(2, 0, NULL);
    lf__pool_run(s.pool, check_mask, &s);
    assert_int_equal(s.slots[0], 0);
    assert_int_equal(s.slots[1], 1);
    lf__pool_free(&s.pool);
}

static void split_covers_everything_once(void **state)
{
    (void)state;
    for (int64_t n = 0; n < 200; n += 7)
        for (int64_t grain = 1; grain <= 32; grain *= 2)
            for (int threads = 1; threads < 9; threads++) {
                int64_t next = 0;
                for (int t = 0; t < threads; t++) {
                    int64_t lo, hi;
                    lf__split(n, grain, t, threads, &lo, &hi);
                    assert_int_equal(lo, next);
                    assert_true(hi >= lo && (lo % grain == 0 || lo == n));
                    next = hi;
                }
                assert_int_equal(next, n);
            }
}

static void nothing(void *arg, int tid, int n) { (void)arg, (void)tid, (void)n; }

static void many_barriers(void *arg, int tid, int n)
{
    (void)n;
    shared *s = arg;
    for (int i = 0; i < s->rounds; i++) lf__pool_barrier(s->pool, tid);
}

static void print_latencies(void **state)
{
    (void)state;
    shared s = {.rounds = 2000};
    s.pool = lf__pool_new(2, 0, NULL);
    double barrier = 1, run = 1;
    for (int trial = 0; trial < 15; trial++) {
        double t0 = lf__now();
        lf__pool_run(s.pool, many_barriers, &s);
        double t1 = lf__now();
        for (int i = 0; i < 2000; i++) lf__pool_run(s.pool, nothing, NULL);
        double t2 = lf__now();
        barrier = LF_MIN(barrier, (t1 - t0) / s.rounds);
        run = LF_MIN(run, (t2 - t1) / 2000);
    }
    print_message("2 threads on %d CPUs: barrier %.3f us, run %.3f us (best of 15)\n", lf__cpu_count(), barrier * 1e6, run * 1e6);
    lf__pool_free(&s.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_runs_once_per_run),
        cmocka_unit_test(nobody_passes_a_barrier_early),
        cmocka_unit_test(refuses_impossible_counts),
        cmocka_unit_test(pinning_is_given_back),
        cmocka_unit_test(workers_take_no_signals),
        cmocka_unit_test(split_covers_everything_once),
        cmocka_unit_test(print_latencies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
