/* test_safetensors.c - round trip, the golden files, and a table of files that must be refused with a reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "formats/formats.h"

static char dir[] = "/tmp/lf-safetensors-XXXXXX";
static char path[256];

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(dir)) return -1;
    snprintf(path, sizeof path, "%s/t.safetensors", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return lf__remove_tree(dir, NULL);
}

static void put(const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

/* A file with this header, its length field (-1 = the true one) and so many bytes of data. Returns its size. */
static size_t compose(uint8_t *out, const char *header, int64_t length, size_t data)
{
    size_t n = strlen(header);
    uint64_t field = length < 0 ? n : (uint64_t)length;
    memcpy(out, &field, 8); /* the tests run on little-endian machines */
    memcpy(out + 8, header, n);
    memset(out + 8 + n, 7, data);
    return 8 + n + data;
}

static void refused(const char *p, const char *reason)
{
    lf_safetensors st;
    lf_error err = {0};
    if (lf__safetensors_open(&st, p, &err) == 0) fail_msg("accepted, expected: %s", reason);
    if (!strstr(err.message, reason)) fail_msg("got \"%s\", expected \"%s\"", err.message, reason);
    assert_true(err.code != LF_OK);
    if (*p && !strstr(err.message, lf__path_name(p))) fail_msg("does not name the file: %s", err.message);
}

static void round_trip(void **state)
{
    (void)state;
    const lf_file_tensor decls[] = {{.name = "b", .dtype = LF_F32, .n_dims = 2, .shape = {2, 3}},
                                    {.name = "a \"quoted\" 名", .dtype = LF_BF16, .n_dims = 1, .shape = {3}},
                                    {.name = "scalar", .dtype = LF_I64},
                                    {.name = "empty", .dtype = LF_U8, .n_dims = 2, .shape = {0, 9}}};
    float b[6] = {1, -2, 3, -4, 5, -6};
    uint16_t a[3] = {1, 2, 3};
    int64_t s = 42;
    lf_error err = {0};
    lf_writer *w = lf__safetensors_begin(path, decls, LF_COUNT(decls), &err);
    assert_non_null(w);
    lf__writer_add(w, b, sizeof b);
    lf__writer_add(w, a, sizeof a);
    lf__writer_add(w, &s, sizeof s);
    assert_int_equal(lf__writer_commit(&w, &err), 0);
    lf_safetensors st;
    assert_int_equal(lf__safetensors_open(&st, path, &err), 0);
    assert_int_equal(st.n, 4);
    for (size_t i = 1; i < st.n; i++) assert_true(strcmp(st.tensors[i - 1].name, st.tensors[i].name) < 0);
    const lf_file_tensor *t = lf__safetensors_find(&st, "b");
    assert_non_null(t);
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->shape[1], 3);
    assert_int_equal(t->dtype, LF_F32);
    assert_memory_equal(t->data, b, sizeof b);
    assert_int_equal((t->data - st.file->map.data) % 64, 0); /* the first tensor begins aligned */
    assert_memory_equal(lf__safetensors_find(&st, "a \"quoted\" 名")->data, a, sizeof a);
    assert_memory_equal(lf__safetensors_find(&st, "scalar")->data, &s, sizeof s);
    assert_int_equal(lf__safetensors_find(&st, "empty")->bytes, 0);
    assert_null(lf__safetensors_find(&st, "c"));
    assert_non_null(strstr((const char *)st.file->map.data + 8, "\"__metadata__\":{\"format\":\"pt\"}"));
    lf__safetensors_close(&st);
}

static void writer_refuses(void **state)
{
    (void)state;
    const lf_file_tensor one = {.name = "a", .n_dims = 1, .shape = {1}}, twice[] = {one, one},
                         type[] = {{.name = "a", .dtype = LF_Q8_0, .n_dims = 1, .shape = {32}}},
                         big[] = {{.name = "a", .n_dims = 2, .shape = {INT64_MAX, 9}}},
                         negative[] = {{.name = "a", .n_dims = 1, .shape = {-1}}};
    lf_error err = {0};
    assert_null(lf__safetensors_begin(path, twice, 2, &err));
    assert_null(lf__safetensors_begin(path, type, 1, NULL));
    assert_null(lf__safetensors_begin(path, big, 1, NULL));
    assert_null(lf__safetensors_begin(path, negative, 1, NULL));
    assert_int_equal(err.code, LF_E_ARGUMENT);
}

#define T(dtype, shape, offsets) "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
static const struct {
    const char *header;
    int64_t length; /* -1 = right */
    size_t data;
    const char *reason; /* NULL: must be accepted */
} table[] = {
    {"{\"a\":" T("F32", "[2]", "[0,8]") "}", -1, 8, NULL},
    {" \n{\"a\":" T("F32", "[2]", "[0,8]") "} \t  ", -1, 8, NULL},
    {"{}", -1, 0, NULL},
    {"{\"a\":" T("F32", "[]", "[0,4]") ",\"b\":" T("I8", "[0]", "[4,4]") ",\"c\":" T("I8", "[1]", "[4,5]") "}", -1, 5, NULL},
    {"{\"a\":" T("F32", "[2]", "[0,8]") "}", 0, 8, "empty"},
    {"{\"a\":" T("F32", "[2]", "[0,8]") "}", 1, 8, "not valid JSON"},
    {"{\"a\":" T("F32", "[2]", "[0,8]") "}", 100000001, 8, "at most 100000000"},
    {"{\"a\":" T("F32", "[2]", "[0,8]") "}", 99999999, 8, "cut off"},
    {"{\"a\":" T("F32", "[2]", "[0,8]") "}", INT32_MAX, 8, "not a safetensors file"},
    {"{\"a\":" T("F32", "[2]", "[0,8]") "}", (int64_t)INT32_MAX + 1, 8, "not a safetensors file"},
    {"{\"a\":" T("F32", "[2]", "[0,8]") "}", UINT32_MAX, 8, "not a safetensors file"},
    {"{\"a\":" T("F32", "[2]", "[0,8]") "}", INT64_MAX, 8, "not a safetensors file"},
    {"[1]", -1, 0, "not a JSON object"},
    {"{\"a\":" T("F32", "[2]", "[0,8]") ",\"a\":" T("F32", "[2]", "[0,8]") "}", -1, 8, "duplicate"},
    {"{\"a\":3}", -1, 0, "expected an object"},
    {"{\"a\":{\"shape\":[],\"data_offsets\":[0,4]}}", -1, 4, "dtype: expected a string"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", -1, 4, "shape: expected"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", -1, 4, "data_offsets: expected"},
    {"{\"a\":" T("F33", "[2]", "[0,8]") "}", -1, 8, "unknown dtype \"F33\""},
    {"{\"a\":" T("F32", "[-1]", "[0,8]") "}", -1, 8, "at least 0"},
    {"{\"a\":" T("F32", "[2.0]", "[0,8]") "}", -1, 8, "whole numbers"},
    {"{\"a\":" T("F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]") "}", -1, 8, "more than 8 dimensions"},
    {"{\"a\":" T("F32", "[4611686018427387904,4]", "[0,8]") "}", -1, 8, "overflows"},
    {"{\"a\":" T("F32", "[4611686018427387905]", "[0,4]") "}", -1, 4, "overflows"},
    {"{\"a\":" T("F32", "[99999999999999999999]", "[0,8]") "}", -1, 8, "not valid JSON"},
    {"{\"a\":" T("F32", "[3]", "[0,8]") "}", -1, 8, "takes 12 bytes"},
    {"{\"a\":" T("F32", "[2]", "[0,8]") "}", -1, 9, "belong to no tensor"},
    {"{\"a\":" T("F32", "[2]", "[0,8]") "}", -1, 7, "do not lie in"},
    {"{\"a\":" T("F32", "[2]", "[8,0]") "}", -1, 8, "do not lie in"},
    {"{\"a\":" T("F32", "[2]", "[-8,0]") "}", -1, 8, "do not lie in"},
    {"{\"a\":" T("F32", "[2]", "[0,8,9]") "}", -1, 8, "two whole numbers"},
    {"{\"a\":" T("F32", "[1]", "[0,4]") ",\"b\":" T("F32", "[1]", "[8,12]") "}", -1, 12, "a hole"},
    {"{\"a\":" T("F32", "[2]", "[4,12]") "}", -1, 12, "a hole"},
    {"{\"a\":" T("F32", "[2]", "[0,8]") ",\"b\":" T("F32", "[2]", "[4,12]") "}", -1, 12, "overlaps"},
    {"{\"a\":" T("F32", "[2]", "[0,8]") ",\"b\":" T("F32", "[2]", "[0,8]") "}", -1, 8, "overlaps"},
    {"{\"a\":" T("F32", "[1]", "[0,4]") ",\"b\":" T("I8", "[0]", "[2,2]") "}", -1, 4, "it overlaps"},
    {"{\"__metadata__\":3}", -1, 0, "__metadata__: expected an object"},
    {"{\"__metadata__\":{\"a\":3}}", -1, 0, "expected a string"},
    {"{\"a\xff\":" T("F32", "[2]", "[0,8]") "}", -1, 8, "not valid JSON"},
    {"{\"a\":" T("F32", "[2]", "[0,8]") "", -1, 8, "not valid JSON"},
    {"{\"a\":" T("F32", "[2]", "[0,8]") "}}", -1, 8, "not valid JSON"},
};

static void refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < LF_COUNT(table); i++) {
        uint8_t file[512];
        size_t n = compose(file, table[i].header, table[i].length, table[i].data);
        put(file, n);
        lf_safetensors st;
        lf_error err = {0};
        if (table[i].reason) {
            refused(path, table[i].reason);
        } else {
            if (lf__safetensors_open(&st, path, &err)) fail_msg("row %zu: %s", i, err.message);
            lf__safetensors_close(&st);
        }
    }
}

static void truncations(void **state)
{
    (void)state;
    uint8_t file[512];
    size_t n = compose(file, table[0].header, -1, 8);
    for (size_t cut = 0; cut < n; cut++) {
        put(file, cut);
        refused(path, lf__path_name(path));
    }
    for (int bit = 0; bit < 64; bit++) { /* a wrong length is always seen */
        compose(file, table[0].header, -1, 8);
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
        put(file, n);
        refused(path, lf__path_name(path));
    }
}

static void strange_files(void **state)
{
    (void)state;
    size_t n = 20000;
    uint8_t *file = malloc(n + 8);
    uint64_t length = n;
    memcpy(file, &length, 8);
    memset(file + 8, '[', n);
    put(file, n + 8);
    refused(path, "levels deep");
    for (size_t i = 0; i < n; i++) file[8 + i] = (uint8_t) "{\"a\":"[i % 5];
    put(file, n + 8);
    refused(path, "levels deep");
    free(file);
    char fifo[300];
    snprintf(fifo, sizeof fifo, "%s/fifo", dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    refused(fifo, "fifo");
    refused("/dev/zero", "/dev/zero");
    refused(dir, "folder");
    refused("/nonexistent/t.safetensors", "/nonexistent");
    put("", 0);
    refused(path, "too short");
}

static void golden(void **state)
{
    (void)state;
    static const char *const names[] = {"llama/model", "llama_tied/model", "llama/grads", "llama/io",
                                        "gpt2/model",  "qwen3/model",      "adamw",       "ops"};
    if (!lf__path_is_dir(SHARED_DIR "/golden")) {
        print_message("no " SHARED_DIR "/golden: skipped\n");
        skip();
    }
    for (size_t i = 0; i < LF_COUNT(names); i++) {
        char p[512];
        lf_safetensors st;
        lf_error err = {0};
        snprintf(p, sizeof p, SHARED_DIR "/golden/%s.safetensors", names[i]);
        if (lf__safetensors_open(&st, p, &err)) fail_msg("%s", err.message);
        assert_true(st.n > 0);
        lf__safetensors_close(&st);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip),  cmocka_unit_test(writer_refuses), cmocka_unit_test(refusals),
                                       cmocka_unit_test(truncations), cmocka_unit_test(strange_files),  cmocka_unit_test(golden)};
    return cmocka_run_group_tests_name("safetensors", tests, set_up, tear_down);
}
