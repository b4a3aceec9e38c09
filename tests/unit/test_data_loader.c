/* The loader: windows that share one token and never overlap, every epoch shuffled and shifted, any window at once. */
#include "unit/data_tools.h"

enum { N = 10007, T = 16 };

static lf_shards *counting_shards(const char *name, size_t n)
{
    int32_t *ids = malloc(n * sizeof *ids);
    for (size_t i = 0; i < n; i++) ids[i] = (int32_t)i;
    lf_shards *s = open_ok(put_shards(name, ids, n, 1, LF_SHARD_UINT32, 3000, -1), "train");
    free(ids);
    return s;
}

static void an_epoch_sees_a_token_at_most_once(void **state)
{
    LF_UNUSED(state);
    lf_shards *s = counting_shards("epoch", N);
    lf_loader l = {.shards = s, .seq_len = T, .seed = 7, .end_token = -1};
    uint64_t w = lf_loader_windows(&l);
    int32_t x[T], y[T], p[T], starts[T], first[2] = {0}, lowest = N;
    static int ever[N];
    bool in_order = true;
    memset(ever, 0, sizeof ever);
    assert_int_equal(w, (N - 1) / T - 1);
    for (uint64_t e = 0; e < 200; e++) {
        static int seen[N];
        int32_t low = N;
        memset(seen, 0, sizeof seen);
        for (uint64_t k = e * w; k < (e + 1) * w; k++) {
            lf_error err = {0};
            assert_int_equal(lf_loader_window(&l, k, x, y, p, starts, &err), 1);
            for (int i = 0; i < T; i++) {
                assert_int_equal(x[i], x[0] + i);
                assert_int_equal(y[i], x[i] + 1);
                assert_int_equal(p[i], i);
                assert_int_equal(seen[y[i]]++, 0); /* each target once */
                ever[y[i]] = 1;
            }
            if (k == e * w && e < 2) first[e] = x[0];
            if (k > e * w && x[0] < low) in_order = false;
            low = LF_MIN(low, x[0]);
        }
        for (int32_t i = low; i < low + (int32_t)w * T; i++) assert_int_equal(seen[i + 1], 1); /* without holes */
        lowest = LF_MIN(lowest, low);
    }
    assert_false(in_order);
    assert_true(first[0] != first[1]);
    int missed = 0;
    for (int i = 1; i < N; i++) missed += !ever[i];
    assert_int_equal(missed, 0);
    lf_shards_close(&s);
}

static void a_window_is_a_function_of_seed_and_number(void **state)
{
    LF_UNUSED(state);
    lf_shards *s = counting_shards("pure", N);
    lf_loader l = {.shards = s, .seq_len = T, .seed = 7, .end_token = -1}, other = l;
    other.seed = 8;
    int32_t a[T], b[T], y[T], p[T], starts[T];
    int same = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t k = i < 500 ? i : lf__rng_at(1, 1, i);
        assert_int_equal(lf_loader_window(&l, k, a, y, p, starts, NULL), 1);
        assert_int_equal(lf_loader_window(&l, k, b, y, p, starts, NULL), 1);
        assert_memory_equal(a, b, sizeof a);
        lf_loader_window(&other, k, b, y, p, starts, NULL);
        same += a[0] == b[0];
    }
    assert_in_range(same, 0, 20);
    lf_shards_close(&s);
}

static void documents_restart_where_the_end_token_stands(void **state)
{
    LF_UNUSED(state);
    int32_t ids[400], x[T], y[T], p[T], starts[T];
    for (int i = 0; i < 400; i++) ids[i] = i % 7 == 3 || i % 50 == 4 ? 0 : i + 1;
    lf_shards *s = open_ok(put_shards("mask", ids, 400, 60, LF_SHARD_UINT16, 100, 0), "train");
    lf_loader l = {.shards = s, .seq_len = T, .seed = 1, .end_token = 0, .document_mask = true};
    for (uint64_t k = 0; k < 100; k++) {
        int n = lf_loader_window(&l, k, x, y, p, starts, NULL), s_of = 0;
        assert_in_range(n, 1, T);
        for (int i = 0; i < T; i++) {
            bool begins = i == 0 || x[i] == 0;
            if (begins) assert_int_equal(starts[s_of++], i);
            assert_int_equal(p[i], begins ? 0 : p[i - 1] + 1);
            if (i + 1 < T) assert_int_equal(y[i], x[i + 1]);
        }
        assert_int_equal(s_of, n);
        l.document_mask = false;
        assert_int_equal(lf_loader_window(&l, k, x, y, p, starts, NULL), 1);
        assert_int_equal(p[T - 1], T - 1);
        l.document_mask = true;
    }
    l.end_token = -1;
    assert_int_equal(lf_loader_window(&l, 0, x, y, p, starts, NULL), 1);
    lf_shards_close(&s);
}

static void small_splits(void **state)
{
    LF_UNUSED(state);
    const struct {
        size_t tokens;
        uint64_t windows;
    } rows[] = {{1, 0}, {T, 0}, {T + 1, 1}, {2 * T, 1}, {2 * T + 1, 1}, {3 * T + 1, 2}, {10 * T, 8}};
    int32_t x[T], y[T], p[T], starts[T];
    for (size_t r = 0; r < LF_COUNT(rows); r++) {
        char name[32];
        snprintf(name, sizeof name, "small%zu", r);
        lf_shards *s = counting_shards(name, rows[r].tokens);
        lf_loader l = {.shards = s, .seq_len = T, .seed = 3, .end_token = -1};
        lf_error err = {0};
        assert_int_equal(lf_loader_windows(&l), rows[r].windows);
        for (uint64_t k = 0; k < 50; k++) assert_int_equal(lf_loader_window(&l, k, x, y, p, starts, &err), rows[r].windows ? 1 : -1);
        if (!rows[r].windows) assert_int_equal(err.code, LF_E_CONFIG);
        l.seq_len = 0;
        assert_int_equal(lf_loader_windows(&l), 0);
        lf_shards_close(&s);
    }
}

/* Not a test of time: what the loader costs beside a step. */
static void loading_is_cheap(void **state)
{
    LF_UNUSED(state);
    enum { LONG = 1024, WINDOWS = 20000 };
    int32_t *ids = calloc(1000000, sizeof *ids), x[LONG], y[LONG], p[LONG], starts[LONG];
    for (int i = 0; i < 1000000; i++) ids[i] = i % 200;
    lf_shards *s = open_ok(put_shards("speed", ids, 1000000, 5000, LF_SHARD_UINT16, 1000000, 0), "train");
    lf_loader l = {.shards = s, .seq_len = LONG, .seed = 3, .end_token = 0, .document_mask = true};
    double best = 1e9;
    for (int repeat = 0; repeat < 3; repeat++) {
        double t0 = lf__now();
        for (uint64_t k = 0; k < WINDOWS / 10; k++) lf_loader_window(&l, k, x, y, p, starts, NULL);
        best = LF_MIN(best, (lf__now() - t0) / (WINDOWS / 10));
    }
    print_message("loader: %.3f us per 100 tokens (windows of %d)\n", best * 1e6 * 100 / LONG, LONG);
    lf_shards_close(&s);
    free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_sees_a_token_at_most_once),
        cmocka_unit_test(a_window_is_a_function_of_seed_and_number),
        cmocka_unit_test(documents_restart_where_the_end_token_stands),
        cmocka_unit_test(small_splits),
        cmocka_unit_test(loading_is_cheap),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
