/* test_gguf.c - GGUF files round trip with every kind of value, what getters refuse, and the sources of weights (folders, shards, splits).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "formats/formats.h"

static char dir[] = "/tmp/lf-gguf-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return lf__remove_tree(dir, NULL);
}

static const char *in_dir(const char *name)
{
    static char paths[4][300];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static const lf_file_tensor decls[] = {
    {.name = "b", .dtype = LF_F32, .n_dims = 2, .shape = {2, 3}},    {.name = "a.weight", .dtype = LF_Q8_0, .n_dims = 2, .shape = {2, 64}},
    {.name = "h", .dtype = LF_F16, .n_dims = 3, .shape = {1, 2, 2}}, {.name = "none", .dtype = LF_BF16, .n_dims = 1, .shape = {0}},
    {.name = "g", .dtype = LF_BF16, .n_dims = 1, .shape = {5}},
};

static void put_meta(lf_gguf_meta *m)
{
    const int32_t kinds[] = {1, -2, 3};
    const float scores[] = {-0.5f, 2};
    lf__gguf_meta_init(m);
    lf__gguf_put_text(m, "general.architecture", "llama", 5);
    lf__gguf_put_u32(m, "u32", 4000000000u);
    lf__gguf_put_i32(m, "i32", -7);
    lf__gguf_put_u64(m, "u64", UINT64_MAX);
    lf__gguf_put_f32(m, "f32", 0.25f);
    lf__gguf_put_bool(m, "yes", true);
    lf__gguf_put_array(m, "kinds", LF_GGUF_I32, kinds, 3);
    lf__gguf_put_array(m, "scores", LF_GGUF_F32, scores, 2);
    lf__gguf_put_texts(m, "tokens", 3);
    lf__gguf_put_item(m, "a", 1);
    lf__gguf_put_item(m, "", 0);
    lf__gguf_put_item(m, "b\0c", 3);
}

static float value_of(size_t i) { return (float)((int)(i * 37 % 101) - 50) / 8; }

/* The tensors above, element i of each being value_of(i). */
static void write_file(const char *path, lf_weights_kind kind, const lf_gguf_meta *meta, const lf_file_tensor *list, size_t n)
{
    lf_error err = {0};
    lf_weights_out *o = lf__weights_create(path, kind, meta, list, n, NULL, &err);
    if (!o) fail_msg("%s", err.message);
    for (size_t i = 0; i < n; i++) {
        size_t count;
        float values[128];
        assert_true(lf__shape_count(&count, list[i].shape, list[i].n_dims));
        for (size_t k = 0; k < count; k++) values[k] = value_of(k);
        if (count) assert_int_equal(lf__weights_put(o, values, count, NULL), 0);
    }
    if (lf__weights_commit(&o, &err)) fail_msg("%s", err.message);
    assert_null(o);
}

static void check_tensors(const lf_weights *w, size_t n)
{
    lf_error err = {0};
    assert_int_equal(w->n, n);
    for (size_t i = 1; i < n; i++) assert_true(strcmp(w->tensors[i - 1].name, w->tensors[i].name) < 0);
    for (size_t i = 0; i < n; i++) {
        float values[128];
        size_t count;
        const lf_file_tensor *t = lf__weights_find(w, decls[i].name);
        assert_non_null(t);
        assert_int_equal(t->dtype, decls[i].dtype);
        assert_int_equal(t->n_dims, decls[i].n_dims);
        assert_memory_equal(t->shape, decls[i].shape, sizeof t->shape);
        assert_true(lf__shape_count(&count, t->shape, t->n_dims));
        if (lf__file_tensor_read(values, t, 0, count, &err)) fail_msg("%s", err.message);
        for (size_t k = 0; k < count; k++)
            if (values[k] != value_of(k) && !(t->dtype == LF_Q8_0 && values[k] - value_of(k) < 0.03 && value_of(k) - values[k] < 0.03))
                fail_msg("%s[%zu]: %g, expected %g", t->name, k, (double)values[k], (double)value_of(k));
    }
    assert_null(lf__weights_find(w, "nobody"));
}

static void round_trip(void **state)
{
    (void)state;
    lf_gguf_meta meta;
    lf_weights w;
    lf_error err = {0};
    put_meta(&meta);
    write_file(in_dir("t.gguf"), LF_WEIGHTS_GGUF, &meta, decls, LF_COUNT(decls));
    lf__gguf_meta_release(&meta);
    if (lf__weights_open(&w, in_dir("t.gguf"), &err)) fail_msg("%s", err.message);
    assert_int_equal(w.kind, LF_WEIGHTS_GGUF);
    check_tensors(&w, LF_COUNT(decls));
    const lf_gguf *g = w.gguf;
    assert_int_equal(g->version, 3);
    assert_int_equal(g->alignment, 32);
    for (size_t i = 0; i < w.n; i++) assert_int_equal((w.tensors[i].data - g->file->map.data) % 32, 0);
    assert_int_equal(g->n_pairs, 9);
    int64_t n = -1;
    double x = 0;
    bool yes = false;
    size_t len = 0;
    const char *text = NULL;
    assert_int_equal(lf__gguf_get_int(g, "u32", 0, UINT32_MAX, &n, &err) || n != 4000000000, 0);
    assert_int_equal(lf__gguf_get_int(g, "i32", -10, 0, &n, &err) || n != -7, 0);
    assert_int_equal(lf__gguf_get_int(g, "absent", 0, 1, &n, &err) || n != -7, 0);
    assert_int_equal(lf__gguf_get_double(g, "f32", 0, 1, &x, &err) || x != 0.25, 0);
    assert_int_equal(lf__gguf_get_double(g, "i32", -10, 0, &x, &err) || x != -7, 0);
    assert_int_equal(lf__gguf_get_bool(g, "yes", &yes, &err) || !yes, 0);
    assert_int_equal(lf__gguf_get_text(g, "general.architecture", &text, &len, &err), 0);
    assert_int_equal(len, 5);
    assert_memory_equal(text, "llama", 5);
    lf_gguf_value v, item;
    lf_gguf_cursor at = {0};
    assert_int_equal(lf__gguf_get_array(g, "tokens", LF_GGUF_TEXT, &v, &err), 0);
    assert_int_equal(v.count, 3);
    assert_true(lf__gguf_next(&v, &at, &item) && item.count == 1 && *item.data == 'a');
    assert_true(lf__gguf_next(&v, &at, &item) && item.count == 0);
    assert_true(lf__gguf_next(&v, &at, &item) && item.count == 3 && memcmp(item.data, "b\0c", 3) == 0);
    assert_false(lf__gguf_next(&v, &at, &item));
    assert_int_equal(lf__gguf_get_array(g, "kinds", LF_GGUF_I32, &v, &err), 0);
    at = (lf_gguf_cursor){0};
    assert_true(lf__gguf_next(&v, &at, &item) && lf__gguf_next(&v, &at, &item) && lf__gguf_as_int(&item, &n) && n == -2);
    assert_int_equal(err.code, LF_OK);
    static const struct {
        const char *key, *reason;
    } ranges[] = {{"u32", "4000000000 is not in 0 to 9"},
                  {"u64", "expected a whole number"},
                  {"f32", "expected a whole number, got type f32"},
                  {"kinds", "got an array of type i32"},
                  {"yes", "expected a whole number, got type bool"}};
    for (size_t i = 0; i < LF_COUNT(ranges); i++) {
        lf_error_reset(&err);
        assert_int_equal(lf__gguf_get_int(g, ranges[i].key, 0, 9, &n, &err), -1);
        if (!strstr(err.message, ranges[i].reason) || !strstr(err.message, "t.gguf: byte ")) fail_msg("%s", err.message);
    }
    assert_int_equal(lf__gguf_get_double(g, "f32", 1, 2, &x, NULL), -1);
    assert_int_equal(lf__gguf_get_bool(g, "u32", &yes, NULL), -1);
    assert_int_equal(lf__gguf_get_text(g, "tokens", &text, &len, NULL), -1);
    assert_int_equal(lf__gguf_get_array(g, "tokens", LF_GGUF_I32, &v, NULL), -1);
    lf__weights_close(&w);
}

static void folders(void **state)
{
    (void)state;
    lf_weights w;
    lf_error err = {0};
    lf_file_tensor list[LF_COUNT(decls)];
    memcpy(list, decls, sizeof list);
    list[1].dtype = LF_F16;
    assert_int_equal(lf__make_dirs(in_dir("one"), NULL), 0);
    write_file(in_dir("one/model.safetensors"), LF_WEIGHTS_SAFETENSORS, NULL, list, LF_COUNT(list));
    if (lf__weights_open(&w, in_dir("one"), &err)) fail_msg("%s", err.message);
    assert_int_equal(w.n, LF_COUNT(list));
    assert_null(w.gguf);
    lf__weights_close(&w);
    assert_int_equal(lf__make_dirs(in_dir("two"), NULL), 0);
    write_file(in_dir("two/x-00001.safetensors"), LF_WEIGHTS_SAFETENSORS, NULL, list, 2);
    write_file(in_dir("two/x-00002.safetensors"), LF_WEIGHTS_SAFETENSORS, NULL, list + 2, 3);
    static const char index[] = "{\"metadata\":{\"total_size\":1},\"weight_map\":{\"b\":\"x-00001.safetensors\",\"a.weight\":"
                                "\"x-00001.safetensors\",\"h\":\"x-00002.safetensors\",\"none\":\"x-00002.safetensors\","
                                "\"g\":\"x-00002.safetensors\"}}";
    assert_int_equal(lf__write_file(in_dir("two/model.safetensors.index.json"), index, sizeof index - 1, NULL), 0);
    if (lf__weights_open(&w, in_dir("two"), &err)) fail_msg("%s", err.message);
    assert_int_equal(w.n, LF_COUNT(list));
    assert_int_equal(w.n_parts, 2);
    lf__weights_close(&w);
}

static void split_files(void **state)
{
    (void)state;
    lf_weights w;
    lf_error err = {0};
    for (int part = 0; part < 2; part++) {
        lf_gguf_meta meta;
        const uint16_t number[] = {(uint16_t)part, 2};
        lf_gguf_value no = {LF_GGUF_U16, LF_GGUF_U16, 1, (const uint8_t *)&number[0]},
                      count = {LF_GGUF_U16, LF_GGUF_U16, 1, (const uint8_t *)&number[1]};
        lf__gguf_meta_init(&meta);
        lf__gguf_put_value(&meta, "split.no", &no);
        lf__gguf_put_value(&meta, "split.count", &count);
        lf__gguf_put_i32(&meta, "split.tensors.count", (int32_t)LF_COUNT(decls));
        write_file(in_dir(part ? "m-00002-of-00002.gguf" : "m-00001-of-00002.gguf"), LF_WEIGHTS_GGUF, &meta, decls + 3 * part,
                   part ? 2 : 3);
        lf__gguf_meta_release(&meta);
    }
    if (lf__weights_open(&w, in_dir("m-00001-of-00002.gguf"), &err)) fail_msg("%s", err.message);
    check_tensors(&w, LF_COUNT(decls));
    lf__weights_close(&w);
    assert_int_equal(lf__weights_open(&w, in_dir("m-00002-of-00002.gguf"), &err), -1);
    assert_non_null(strstr(err.hint, "m-00001-of-00002.gguf"));
}

/* One row per type and size; whole, in pieces, by three threads: the same bytes. Too much, too little, out of turn: errors. */
static void ways_out(void **state)
{
    (void)state;
    enum { ROWS = 3, COLS = 512 };
    static float values[ROWS * COLS], importance[COLS];
    static const lf_dtype types[] = {LF_F32, LF_F16, LF_BF16, LF_Q8_0, LF_Q4_K, LF_IQ4_NL};
    lf_file_tensor list[LF_COUNT(types)] = {0};
    lf_gguf_meta meta;
    lf_error err = {0};
    lf_pool *pool = lf__pool_new(3, 0, &err);
    assert_non_null(pool);
    lf__gguf_meta_init(&meta);
    for (size_t i = 0; i < LF_COUNT(values); i++) values[i] = value_of(i);
    for (size_t i = 0; i < COLS; i++) importance[i] = 1 + (float)(i % 5);
    for (size_t i = 0; i < LF_COUNT(types); i++)
        list[i] = (lf_file_tensor){.name = lf__dtype(types[i])->name, .dtype = types[i], .n_dims = 2, .shape = {ROWS, COLS}};
    for (int weighted = 0; weighted < 2; weighted++) {
        lf_buf files[3];
        for (int way = 0; way < 3; way++) { /* one call; a row at a time; with threads */
            lf_weights_out *o =
                lf__weights_create(in_dir("way.gguf"), LF_WEIGHTS_GGUF, &meta, list, LF_COUNT(list), way == 2 ? pool : NULL, &err);
            if (!o) fail_msg("%s", err.message);
            for (size_t i = 0; i < LF_COUNT(types); i++)
                for (size_t r = 0; r < ROWS; r += way == 1 ? 1 : ROWS)
                    assert_int_equal(lf__weights_put(o, values + r * COLS, way == 1 ? COLS : ROWS * COLS, weighted ? importance : NULL), 0);
            if (lf__weights_commit(&o, &err)) fail_msg("%s", err.message);
            lf__buf_init(&files[way], 1 << 20);
            assert_int_equal(lf__read_file(&files[way], in_dir("way.gguf"), 1 << 20, NULL), 0);
            assert_int_equal(files[way].len, files[0].len);
            assert_memory_equal(files[way].data, files[0].data, files[0].len);
        }
        for (int way = 0; way < 3; way++) lf__buf_release(&files[way]);
    }
    lf__pool_free(&pool);
    for (int wrong = 0; wrong < 5; wrong++) {
        static const char *const reasons[] = {"0 of its 1536 elements were written", "2048 elements on top of 0 of 1536",
                                              "\"Q4_K\": 16 elements", "4 bytes, expected whole rows of 2048",
                                              "whole rows of 512 elements"};
        lf_weights_out *o = lf__weights_create(in_dir("wrong.gguf"), LF_WEIGHTS_GGUF, &meta, list + (wrong == 2 ? 4 : 0), 1, NULL, &err);
        assert_non_null(o);
        if (wrong == 1) assert_int_equal(lf__weights_put(o, values, 2048, NULL), -1);
        if (wrong == 2) assert_int_equal(lf__weights_put(o, values, 16, NULL), -1);
        if (wrong == 3) assert_int_equal(lf__weights_put_bytes(o, values, 4), -1);
        if (wrong == 4) assert_int_equal(lf__weights_put(o, values, 100, importance), -1);
        assert_int_equal(lf__weights_commit(&o, &err), -1);
        if (!strstr(err.message, reasons[wrong])) fail_msg("got \"%s\", expected \"%s\"", err.message, reasons[wrong]);
        assert_false(lf__path_exists(in_dir("wrong.gguf")));
        lf_error_reset(&err);
    }
    lf_file_tensor twice[] = {list[0], list[0]}, partial = list[4];
    partial.shape[1] = 128;
    assert_null(lf__weights_create(in_dir("wrong.gguf"), LF_WEIGHTS_GGUF, &meta, twice, 2, NULL, NULL));
    assert_null(lf__weights_create(in_dir("wrong.gguf"), LF_WEIGHTS_GGUF, &meta, &partial, 1, NULL, &err));
    assert_non_null(strstr(err.message, "a dtype (Q4_K) or shape that GGUF cannot hold"));
    lf__gguf_meta_release(&meta);
}

/* A file of llama2.c whose number i (counted through the file) is i. */
static size_t compose_llama2c(float *out, bool shared)
{
    enum { DIM = 8, HIDDEN = 12, LAYERS = 2, HEADS = 4, KV = 2, VOCAB = 5, SEQ = 3 };
    const int32_t header[] = {DIM, HIDDEN, LAYERS, HEADS, KV, shared ? VOCAB : -VOCAB, SEQ};
    size_t n = 7 + VOCAB * DIM + LAYERS * (2 * DIM + 2 * DIM * DIM + 2 * 4 * DIM + 3 * HIDDEN * DIM) + DIM + SEQ * (DIM / HEADS);
    if (!shared) n += VOCAB * DIM;
    for (size_t i = 0; i < n; i++) out[i] = (float)i;
    memcpy(out, header, sizeof header);
    return n * sizeof *out;
}

static void llama2c_files(void **state)
{
    (void)state;
    lf_weights w;
    lf_error err = {0};
    static float file[2048];
    const char *path = in_dir("stories.bin");
    for (int shared = 0; shared < 2; shared++) {
        size_t n = compose_llama2c(file, shared);
        assert_int_equal(lf__write_file(path, file, n, NULL), 0);
        if (lf__weights_open(&w, path, &err)) fail_msg("%s", err.message);
        assert_int_equal(w.kind, LF_WEIGHTS_LLAMA2C);
        assert_int_equal(w.n, shared ? 20 : 21);
        assert_int_equal(w.llama2c->vocab_size, 5);
        assert_int_equal(w.llama2c->shared_classifier, shared);
        const lf_file_tensor *t = lf__weights_find(&w, "model.layers.1.self_attn.k_proj.weight");
        float k[32];
        assert_true(t && t->n_dims == 2 && t->shape[0] == 4 && t->shape[1] == 8);
        assert_int_equal(lf__file_tensor_read(k, t, 0, 32, &err), 0);
        assert_true(k[0] == 7 + 5 * 8 + 2 * 8 + 2 * 64 + 32 && k[31] == k[0] + 31); /* behind: embedding, norms, q, k of layer 0 */
        t = lf__weights_find(&w, "model.norm.weight");
        assert_true(t && t->n_dims == 1 && t->shape[0] == 8);
        t = lf__weights_find(&w, "lm_head.weight");
        assert_int_equal(t != NULL, !shared);
        if (t) assert_ptr_equal(t->data + t->bytes, w.llama2c->file->map.data + n); /* the last in the file */
        lf__weights_close(&w);
        assert_int_equal(lf__write_file(path, file, n - 4, NULL), 0);
        assert_int_equal(lf__weights_open(&w, path, &err), -1);
        assert_non_null(strstr(err.message, "a llama2.c file with this header has"));
        lf_error_reset(&err);
        for (size_t cut = 0; cut < n; cut += 1 + n / 256) {
            assert_int_equal(lf__write_file(path, file, cut, NULL), 0);
            assert_int_equal(lf__weights_open(&w, path, NULL), -1);
        }
    }
    for (size_t field = 0; field < 7; field++)
        for (int bit = 0; bit < 32; bit++) {
            size_t n = compose_llama2c(file, true);
            ((uint8_t *)file)[4 * field + (size_t)bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(lf__write_file(path, file, n, NULL), 0);
            assert_int_equal(lf__weights_open(&w, path, NULL), -1); /* another size */
        }
    uint8_t head[256] = {0x32, 0x34, 0x6b, 0x61, 2};
    assert_int_equal(lf__write_file(path, head, sizeof head, NULL), 0);
    assert_int_equal(lf__weights_open(&w, path, &err), -1);
    assert_non_null(strstr(err.message, "version 2 of llama2.c's files (int8 in groups) is not read"));
    lf_error_reset(&err);
    head[4] = 1, head[36] = 7;
    assert_int_equal(lf__write_file(path, head, sizeof head, NULL), 0);
    assert_int_equal(lf__weights_open(&w, path, &err), -1);
    assert_non_null(strstr(err.message, "byte 36: expected 0 or 1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(folders), cmocka_unit_test(split_files),
                                       cmocka_unit_test(llama2c_files), cmocka_unit_test(ways_out)};
    return cmocka_run_group_tests_name("gguf", tests, set_up, tear_down);
}
