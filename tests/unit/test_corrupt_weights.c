/* test_corrupt_weights.c - the table of corrupted files, for every source of weights: always an error that names the file (or a file that
 * can be used), soon, without much memory. tests/unit/test_safetensors.c has the reasons for safetensors, sentence by sentence. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fuzz/gguf_seed.h"
#include "fuzz/use_tensors.h"

static char dir[] = "/tmp/lf-corrupt-XXXXXX";
static lf_buf gguf;
static size_t gguf_header; /* bytes before the tensors' data */

static const char *in_dir(const char *name)
{
    static char paths[4][300];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static void put(const char *path, const void *bytes, size_t n)
{
    unlink(path);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static int set_up(void **state)
{
    (void)state;
    gguf_seed(&gguf);
    if (!mkdtemp(dir)) return -1;
    lf_gguf g;
    put(in_dir("seed.gguf"), gguf.data, gguf.len);
    if (lf__gguf_open(&g, in_dir("seed.gguf"), NULL)) return -1;
    gguf_header = g.file->map.size;
    for (size_t i = 0; i < g.n; i++) gguf_header = LF_MIN(gguf_header, (size_t)(g.tensors[i].data - g.file->map.data));
    lf__gguf_close(&g);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lf__buf_release(&gguf);
    return lf__remove_tree(dir, NULL);
}

/* Opens and uses; a failure names the file and, in the header, a place. Returns whether it opened. */
static bool judge(const char *path)
{
    lf_weights w;
    lf_error err = {0};
    clock_t begin = clock();
    int status = lf__weights_open(&w, path, &err);
    assert_true(clock() - begin < CLOCKS_PER_SEC); /* of this process: the machine may be busy */
    if (status == 0) {
        use_tensors(w.tensors, w.n);
        lf__weights_close(&w);
        return true;
    }
    assert_true(err.code != LF_OK);
    if (!strstr(err.message, lf__path_name(path))) fail_msg("the file is not named: %s", err.message);
    return false;
}

static void refused(const char *path, const char *reason, const char *hint)
{
    lf_weights w;
    lf_error err = {0};
    if (lf__weights_open(&w, path, &err) == 0) fail_msg("%s was accepted, expected: %s", path, reason);
    if (!strstr(err.message, reason)) fail_msg("got \"%s\", expected \"%s\"", err.message, reason);
    if (hint && !strstr(err.hint, hint)) fail_msg("got the hint \"%s\", expected \"%s\"", err.hint, hint);
}

static void truncations(void **state)
{
    (void)state;
    assert_true(judge(in_dir("seed.gguf")));
    for (size_t i = 0; i < 256; i++) {
        size_t cut = i < 64 ? i : i * (gguf.len - 1) / 255;
        put(in_dir("t.gguf"), gguf.data, cut);
        if (judge(in_dir("t.gguf"))) fail_msg("accepted when cut to %zu of %zu bytes", cut, gguf.len);
    }
    for (size_t extra = 1; extra < 100; extra += 7) { /* more than padding */
        char *longer = calloc(gguf.len + extra, 1);
        memcpy(longer, gguf.data, gguf.len);
        put(in_dir("t.gguf"), longer, gguf.len + extra);
        free(longer);
        refused(in_dir("t.gguf"), "belong to no tensor", "fetch or copy it again");
    }
}

static void bits(void **state)
{
    (void)state;
    int opened = 0;
    for (size_t bit = 0; bit < gguf_header * 8; bit++) {
        gguf.data[bit / 8] ^= (char)(1 << bit % 8);
        put(in_dir("t.gguf"), gguf.data, gguf.len);
        opened += judge(in_dir("t.gguf"));
        gguf.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_true(opened > 100); /* names, values: other files, but files */
}

/* Every 4 and 8 bytes at every place of the header: among them all lengths, counts, types, sides and offsets. */
static void numbers(void **state)
{
    (void)state;
    static const uint64_t values[] = {0,          1,         UINT64_MAX,        INT32_MAX,         (uint64_t)INT32_MAX + 1,
                                      UINT32_MAX, INT64_MAX, (uint64_t)1 << 32, (uint64_t)1 << 63, (uint64_t)1 << 33};
    char *copy = malloc(gguf.len);
    for (size_t at = 4; at < gguf_header - 8; at++)
        for (size_t v = 0; v < LF_COUNT(values); v++)
            for (size_t width = 4; width <= 8; width += 4) {
                memcpy(copy, gguf.data, gguf.len);
                memcpy(copy + at, &values[v], width);
                put(in_dir("t.gguf"), copy, gguf.len);
                judge(in_dir("t.gguf"));
            }
    free(copy);
}

/* Where a text stands in the seed. */
static size_t place_of(const char *text)
{
    char *at = memmem(gguf.data, gguf.len, text, strlen(text));
    assert_non_null(at);
    return (size_t)(at - gguf.data);
}

/* Bytes of the seed replaced, one row per kind of damage. */
static void reasons(void **state)
{
    (void)state;
    const size_t key = place_of("u32"), q = place_of("q\2"), tokens = place_of("tokens"), b = place_of("b\2");
    const struct {
        size_t at;
        const char *bytes;
        size_t n;
        const char *reason;
    } rows[] = {
        {0, "GGUX", 4, "byte 0: not a GGUF file"},
        {4, "\1\0\0\0", 4, "byte 4: GGUF version 1"},
        {4, "\0\0\0\3", 4, "big-endian"},
        {8, "\377\377\377\377\377\377\377\377", 8, "byte 8: 18446744073709551615 tensors"},
        {16, "\377\377\377\377\377\377\377\377", 8, "byte 16: 18446744073709551615 keys"},
        {key - 8, "\377\377\377\177", 4, "a text of 2147483647 bytes"},
        {key - 8, "\0", 1, "a key of 0 bytes"},
        {key, "f32", 3, "the key \"f32\" is there twice"},
        {key, "u\1\1", 3, "not printable"},
        {key, "u\377\376", 3, "not printable"},
        {key + 3, "\15", 1, "unknown value type 13"},
        {key + 3, "\10", 1, "key \"u32\": a text of "},
        {tokens + 10, "\15", 1, "unknown value type 13"},
        {tokens + 14, "\377\377\377\377\377\377\377\377", 8, "an array of 18446744073709551615 items of type text"},
        {q, "b", 1, "the tensor \"b\" is there twice"},
        {q + 1, "\5", 1, "5 dimensions"},
        {q + 5, "\41", 1, "rows of 33 elements, but Q4_0 comes in blocks of 32"},
        {q + 13, "\377\377\377\377\377\377\377\177", 8, "larger than the file"},
        {q + 13, "\377\377\377\377\377\377\377\377", 8, "a side of 18446744073709551615"},
        {q + 21, "\37", 1, "unknown quantization type 31"},
        {q + 25, "\100", 1, "a hole"},
        {q + 25, "\1", 1, "expected at byte"},
        {q + 25, "\0", 1, "overlaps the tensor before it"},
        {q + 25, "\377\377\377\377\377\377\377\177", 8, "lies outside the file"},
        {b + 5, "\11", 1, "overlaps the tensor before it"},
    };
    char *copy = malloc(gguf.len);
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        memcpy(copy, gguf.data, gguf.len);
        memcpy(copy + rows[i].at, rows[i].bytes, rows[i].n);
        put(in_dir("t.gguf"), copy, gguf.len);
        refused(in_dir("t.gguf"), rows[i].reason, NULL);
        refused(in_dir("t.gguf"), "t.gguf: byte ", NULL);
    }
    free(copy);
}

static void nesting(void **state)
{
    (void)state;
    uint8_t nested[12 * 200 + 1] = {0}; /* heads: type, count 1; then a number */
    for (size_t depth = 4; depth <= 200; depth += depth < 8 ? 1 : 64) {
        size_t n = 12 * depth + 1;
        for (size_t i = 0; i < depth; i++) nested[12 * i] = i + 1 < depth ? LF_GGUF_ARRAY : LF_GGUF_U8, nested[12 * i + 4] = 1;
        lf_gguf_meta m;
        lf__gguf_meta_init(&m);
        lf__gguf_put_text(&m, "deep", (const char *)nested, n - 8); /* as long, until its type and length are replaced */
        m.bytes.data[12] = LF_GGUF_ARRAY;
        memcpy(m.bytes.data + 16, nested, n);
        lf_writer *w = lf__gguf_begin(in_dir("t.gguf"), &m, NULL, 0, NULL);
        lf__gguf_meta_release(&m);
        assert_non_null(w);
        assert_int_equal(lf__writer_commit(&w, NULL), 0);
        if (depth > 4)
            refused(in_dir("t.gguf"), "nested more than 4 deep", NULL);
        else
            assert_true(judge(in_dir("t.gguf")));
    }
}

/* A file that says little and has much: sparse, so that its size costs nothing. */
static void bombs(void **state)
{
    (void)state;
    static const char heads[2][45] = {
        "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0k\11\0\0\0\10\0\0\0",  /* an array of texts */
        "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0k\11\0\0\0\11\0\0\0"}; /* an array of arrays */
    for (int i = 0; i < 2; i++)
        for (int shift = 20; shift < 30; shift += 3) {
            uint64_t count = (uint64_t)1 << shift;
            put(in_dir("t.gguf"), heads[i], 41);
            int fd = open(in_dir("t.gguf"), O_RDWR);
            assert_true(fd >= 0 && pwrite(fd, &count, 8, 41) == 8 && ftruncate(fd, (off_t)8 << 30) == 0);
            close(fd);
            assert_false(judge(in_dir("t.gguf")));
        }
    unlink(in_dir("t.gguf"));
}

static void write_safetensors(const char *path, const char *tensor)
{
    const float values[] = {1, 2};
    const lf_file_tensor decl = {.name = tensor, .n_dims = 1, .shape = {2}};
    lf_writer *w = lf__safetensors_begin(path, &decl, 1, NULL);
    assert_non_null(w);
    lf__writer_add(w, values, sizeof values);
    assert_int_equal(lf__writer_commit(&w, NULL), 0);
}

static void indexes(void **state)
{
    (void)state;
    static const struct {
        const char *map, *reason;
    } rows[] = {
        {"{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}", NULL},
        {"{\"a\":\"1.safetensors\"}", NULL},
        {"{}", "names no tensor"},
        {"[]", "weight_map: expected an object"},
        {"{\"a\":1}", "\"a\": expected the name of a .safetensors file"},
        {"{\"a\":\"../1.safetensors\"}", "expected the name of a .safetensors file beside the index, got ../1.safetensors"},
        {"{\"a\":\"/etc/passwd\"}", "got /etc/passwd"},
        {"{\"a\":\"pytorch_model.bin\"}", "got pytorch_model.bin"},
        {"{\"a\":\"1.safetensors\",\"a\":\"1.safetensors\"}", "duplicate"},
        {"{\"a\":\"1.safetensors\",\"b\":\"3.safetensors\"}", "3.safetensors"},
        {"{\"a\":\"1.safetensors\",\"c\":\"2.safetensors\"}", "2.safetensors: tensor \"b\" is here, the index does not know it"},
        {"{\"a\":\"2.safetensors\",\"b\":\"2.safetensors\"}", "2.safetensors: tensor \"a\" is not here, but the index says so"},
        {"{\"b\":\"1.safetensors\",\"a\":\"2.safetensors\"}", "1.safetensors: tensor \"a\" is here, the index expects it in 2.safetensors"},
        {"{\"a\":\"1.safetensors\",\"x\":\"link.safetensors\"}", "is a link out of its folder"},
        {"{\"a\":\"1.safetensors\",\"x\":\"fifo.safetensors\"}", "fifo"},
    };
    assert_int_equal(lf__make_dirs(in_dir("sharded"), NULL), 0);
    write_safetensors(in_dir("sharded/1.safetensors"), "a");
    write_safetensors(in_dir("sharded/2.safetensors"), "b");
    write_safetensors(in_dir("outside.safetensors"), "x");
    assert_int_equal(symlink("../outside.safetensors", in_dir("sharded/link.safetensors")), 0);
    assert_int_equal(mkfifo(in_dir("sharded/fifo.safetensors"), 0600), 0);
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        char text[512];
        int n = snprintf(text, sizeof text, "{\"metadata\":{\"total_size\":16},\"weight_map\":%s}", rows[i].map);
        put(in_dir("sharded/model.safetensors.index.json"), text, (size_t)n);
        if (rows[i].reason)
            refused(in_dir("sharded"), rows[i].reason, NULL);
        else
            assert_true(judge(in_dir("sharded")) && judge(in_dir("sharded/model.safetensors.index.json")));
    }
    static const char negative[] = "{\"metadata\":{\"total_size\":-1},\"weight_map\":{}}";
    put(in_dir("sharded/model.safetensors.index.json"), negative, sizeof negative - 1);
    refused(in_dir("sharded"), "total_size", NULL);
}

static void strange_paths(void **state)
{
    (void)state;
    refused("/dev/zero", "a device", NULL);
    refused(in_dir("nothing.gguf"), "nothing.gguf", NULL);
    assert_int_equal(lf__make_dirs(in_dir("empty"), NULL), 0);
    refused(in_dir("empty"), "holds no weights", "ls ");
    assert_int_equal(mkfifo(in_dir("fifo.gguf"), 0600), 0);
    refused(in_dir("fifo.gguf"), "a pipe", NULL);
    put(in_dir("empty.gguf"), "", 0);
    refused(in_dir("empty.gguf"), "byte 0: the file ends here", NULL);
    put(in_dir("x.bin"), "PK\3\4 and so on", 14);
    refused(in_dir("x.bin"), "a pickled PyTorch file", "safe_serialization");
    put(in_dir("x.pt"), "\200\2\212\n and so on", 14);
    refused(in_dir("x.pt"), "a pickled PyTorch file", "safe_serialization");
    put(in_dir("x.txt"), "hello", 5);
    refused(in_dir("x.txt"), "neither", "name a model folder");
    assert_int_equal(lf__make_dirs(in_dir("pickled"), NULL), 0);
    put(in_dir("pickled/pytorch_model.bin"), "PK\3\4", 4);
    refused(in_dir("pickled"), "a pickled PyTorch file", "safe_serialization");
    assert_int_equal(lf__make_dirs(in_dir("linked"), NULL), 0);
    assert_int_equal(symlink("../outside.safetensors", in_dir("linked/model.safetensors")), 0);
    write_safetensors(in_dir("outside.safetensors"), "x");
    refused(in_dir("linked"), "is a link out of its folder", "outside.safetensors");
    assert_true(judge(in_dir("linked/model.safetensors"))); /* named by the user: his word */
    assert_int_equal(lf__make_dirs(in_dir("hub/snapshots/abc"), NULL) | lf__make_dirs(in_dir("hub/blobs"), NULL), 0);
    write_safetensors(in_dir("hub/blobs/0123"), "x");
    assert_int_equal(symlink("../../blobs/0123", in_dir("hub/snapshots/abc/model.safetensors")), 0);
    assert_true(judge(in_dir("hub/snapshots/abc")));
    put(in_dir("sole-00001-of-00002.gguf"), gguf.data, gguf.len);
    assert_true(judge(in_dir("sole-00001-of-00002.gguf"))); /* its name lies, its keys do not */
}

/* Cut while open: reading is an error, not a signal. */
static void cut_while_open(void **state)
{
    (void)state;
    lf_weights w;
    float out[256];
    lf_error err = {0};
    put(in_dir("t.gguf"), gguf.data, gguf.len);
    assert_int_equal(lf__weights_open(&w, in_dir("t.gguf"), NULL), 0);
    const lf_file_tensor *t = lf__weights_find(&w, "k");
    assert_int_equal(lf__file_tensor_read(out, t, 0, 256, &err), 0);
    assert_int_equal(truncate(in_dir("t.gguf"), (off_t)(t->data - t->file->map.data) + 10), 0);
    assert_int_equal(lf__file_tensor_read(out, t, 0, 256, &err), -1);
    if (!strstr(err.message, "t.gguf") || !strstr(err.message, "somebody has cut it")) fail_msg("%s", err.message);
    lf_error_reset(&err);
    assert_int_equal(lf__file_tensor_read(out, lf__weights_find(&w, "i"), 0, 1, &err), -1);
    assert_int_equal(err.code, LF_E_UNSUPPORTED);
    assert_int_equal(lf__file_tensor_read(out, t, 0, 512, NULL), -1);
    assert_int_equal(lf__file_tensor_read(out, t, 32, 32, NULL), -1); /* no whole block */
    lf__weights_close(&w);
}

static int run_all(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(truncations), cmocka_unit_test(bits),          cmocka_unit_test(numbers),
                                       cmocka_unit_test(reasons),     cmocka_unit_test(nesting),       cmocka_unit_test(bombs),
                                       cmocka_unit_test(indexes),     cmocka_unit_test(strange_paths), cmocka_unit_test(cut_while_open)};
    return cmocka_run_group_tests_name("corrupt_weights", tests, set_up, tear_down);
}

static void *on_small_stack(void *failed)
{
    *(int *)failed = run_all();
    return NULL;
}

/* On a stack of 256 KiB, and with at most 64 MiB more memory than at the start. */
int main(void)
{
    int failed = 1;
    pthread_t thread;
    pthread_attr_t attr;
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 << 10);
    if (pthread_create(&thread, &attr, on_small_stack, &failed) || pthread_join(thread, NULL)) return 1;
    getrusage(RUSAGE_SELF, &after);
#ifndef __SANITIZE_ADDRESS__
    if (after.ru_maxrss - before.ru_maxrss > 64 << 10) {
        fprintf(stderr, "the memory grew by %ld KiB\n", after.ru_maxrss - before.ru_maxrss);
        return 1;
    }
#endif
    return failed;
}
