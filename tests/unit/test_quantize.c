/* test_quantize.c - importance: what is collected is what enters the products, files come back, the table of damaged files; types by rules,
 * mixes and names; errors as they are measured; everything the same for any number of threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/base.h"
#include "eval/eval.h"
#include "foundry/convert.h"
#include "quant/quant.h"

enum { CONTEXT = 32, WIDTH = 256, FFN = 288 }; /* FFN: no whole number of super-blocks */

static const char story[] = "the cat sat on the mat.\n<|endoftext|>\nand then it went home, and sat on another mat until the evening came.";
static char dir[64];
static lf_device *device;
static lf_model *model;
static lf_tokenizer *tokenizer;
static lf_eval_text *text;

static const char *in_dir(const char *name)
{
    static char paths[8][128];
    static int turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static lf_model *make_model(lf_device *d, bool tied)
{
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    strcpy(c.model.model_type, "llama");
    c.model.vocab_size = lf_tokenizer_size(tokenizer), c.model.hidden_size = WIDTH, c.model.intermediate_size = FFN;
    c.model.num_hidden_layers = 8, c.model.num_attention_heads = 4, c.model.num_key_value_heads = 2;
    c.model.max_position_embeddings = CONTEXT, c.model.tie_word_embeddings = tied, c.model.initializer_range = 0.1;
    lf_model *m = lf_model_new(d, &c.model, 1, &err);
    if (!m) fail_msg("%s", err.message);
    return m;
}

static int make(void **state)
{
    LF_UNUSED(state);
    lf_error err = {0};
    strcpy(dir, "/tmp/lf-quantize-XXXXXX");
    if (!mkdtemp(dir)) return -1;
    const char *paths[] = {in_dir("story.txt")};
    if (lf__write_file(paths[0], story, sizeof story - 1, &err)) return -1;
    tokenizer = lf_tokenizer_train(paths, 1, &(lf_tokenizer_train_options){.mode = "char"}, &err);
    device = lf_device_open(&(lf_device_options){.threads = 2, .pin = "off"}, &err);
    if (!tokenizer || !device) fail_msg("%s", err.message);
    model = make_model(device, false);
    text = lf_eval_text_new(story, sizeof story - 1, tokenizer, lf_model_config_of(model), &err);
    if (!text) fail_msg("%s", err.message);
    for (int tied = 0; tied < 2; tied++) {
        lf_model *m = make_model(device, tied);
        const char *to = in_dir(tied ? "tied" : "untied");
        if (lf__make_dirs(to, &err) || lf_model_save(m, to, &err) || lf_tokenizer_save(tokenizer, to, &err)) fail_msg("%s", err.message);
        lf_model_free(&m);
    }
    return 0;
}

static int unmake(void **state)
{
    LF_UNUSED(state);
    lf_eval_text_free(&text);
    lf_model_free(&model);
    lf_tokenizer_free(&tokenizer);
    lf_device_close(&device);
    return lf__remove_tree(dir, NULL);
}

static lf_imatrix *collect(lf_model *m)
{
    lf_error err = {0};
    lf_imatrix *im = lf_imatrix_collect(m, text, &(lf_imatrix_options){.context = 20}, &err);
    if (!im) fail_msg("%s", err.message);
    return im;
}

static const float *column_means(const lf_imatrix *im, const char *name, int cols)
{
    int status;
    lf_error err = {0};
    const float *v = lf__imatrix_find(im, name, cols, &status, &err);
    if (!v) fail_msg("%s: %s", name, status ? err.message : "not there");
    return v;
}

/* ---- importance ------------------------------------------------------------------------------------------------------------------- */
/* What enters q, k and v of the first layer: the embedding, normalized. */
static void collected(void **state)
{
    LF_UNUSED(state);
    lf_imatrix *im = collect(model);
    lf_imatrix_info info = lf_imatrix_info_of(im);
    assert_int_equal(info.entries, 8 * 7 + 1);
    assert_int_equal(info.rows, lf_eval_text_tokens(text));
    assert_int_equal(info.chunk_size, 20);
    double want[WIDTH] = {0};
    int64_t rows = 0, chunks = 0;
    for (size_t d = 0; d < text->n_documents; d++) {
        size_t inputs = text->starts[d + 1] - text->starts[d] - 1;
        chunks += (int64_t)(inputs + 19) / 20;
        for (size_t i = 0; i < inputs; i++, rows++) {
            const float *x = model->embed.t.data + (size_t)text->tokens[text->starts[d] + i] * WIDTH;
            double ms = 0;
            for (int c = 0; c < WIDTH; c++) ms += (double)x[c] * (double)x[c] / WIDTH;
            for (int c = 0; c < WIDTH; c++) want[c] += (double)x[c] * (double)x[c] / (ms + model->config.rms_norm_eps);
        }
    }
    assert_int_equal(info.rows, rows);
    assert_int_equal(info.chunks, chunks);
    const float *q = column_means(im, "blk.0.attn_q.weight", WIDTH), *v = column_means(im, "blk.0.attn_v.weight", WIDTH);
    for (int c = 0; c < WIDTH; c++) {
        if (!(fabs((double)q[c] - want[c] / (double)rows) <= 1e-4 * want[c] / (double)rows))
            fail_msg("column %d: %g, not %g", c, (double)q[c], want[c] / (double)rows);
        assert_true(q[c] == v[c]);
    }
    assert_memory_equal(column_means(im, "blk.3.ffn_gate.weight", WIDTH), column_means(im, "blk.3.ffn_up.weight", WIDTH),
                        WIDTH * sizeof(float));
    for (int c = 0; c < FFN; c++) assert_true(column_means(im, "blk.7.ffn_down.weight", FFN)[c] > 0);
    assert_true(column_means(im, "output.weight", WIDTH)[0] > 0);
    int status;
    assert_null(lf__imatrix_find(im, "token_embd.weight", WIDTH, &status, NULL)); /* nothing is multiplied with it */
    assert_int_equal(status, 0);
    lf_imatrix_free(&im);
}

static void there_and_back(void **state)
{
    LF_UNUSED(state);
    lf_error err = {0};
    lf_imatrix *im = collect(model);
    lf_device *keep = device;
    if (lf_imatrix_save(im, in_dir("a.gguf"), "story.txt", &err)) fail_msg("%s", err.message);
    lf_imatrix *back = lf_imatrix_load(in_dir("a.gguf"), &err);
    if (!back) fail_msg("%s", err.message);
    lf_imatrix_info a = lf_imatrix_info_of(im), b = lf_imatrix_info_of(back);
    assert_true(a.entries == b.entries && a.rows == b.rows && a.chunks == b.chunks && a.chunk_size == b.chunk_size);
    for (int i = 0; i < 8; i++) {
        char name[64];
        snprintf(name, sizeof name, "blk.%d.ffn_down.weight", i);
        assert_memory_equal(column_means(im, name, FFN), column_means(back, name, FFN), FFN * sizeof(float));
    }
    device = lf_device_open(&(lf_device_options){.threads = 1, .pin = "off"}, &err);
    lf_model *m = make_model(device, false);
    lf_imatrix *one = collect(m);
    lf_imatrix_save(one, in_dir("b.gguf"), "story.txt", &err);
    lf_buf x, y;
    lf__buf_init(&x, 1 << 24), lf__buf_init(&y, 1 << 24);
    assert_int_equal(lf__read_file(&x, in_dir("a.gguf"), 1 << 24, &err) | lf__read_file(&y, in_dir("b.gguf"), 1 << 24, &err), 0);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.data, y.data, x.len); /* two threads, one thread */
    lf__buf_release(&x), lf__buf_release(&y);
    lf_model_free(&m);
    lf_device_close(&device);
    device = keep;
    lf_imatrix_free(&one), lf_imatrix_free(&back), lf_imatrix_free(&im);
}

/* A file of one weight: its type and the declared tensors, filled with `value`. */
static void write_file(const char *type, const lf_file_tensor *decls, size_t n, float value)
{
    lf_gguf_meta m;
    lf_error err = {0};
    float values[64];
    for (int i = 0; i < 64; i++) values[i] = value;
    lf__gguf_meta_init(&m);
    if (type) lf__gguf_put_text(&m, "general.type", type, strlen(type));
    lf_weights_out *o = lf__weights_create(in_dir("t.gguf"), LF_WEIGHTS_GGUF, &m, decls, n, NULL, &err);
    for (size_t i = 0; i < n && o; i++) {
        size_t count = 0, bytes = 0;
        lf__shape_count(&count, decls[i].shape, decls[i].n_dims);
        lf__dtype_size(&bytes, decls[i].dtype, count);
        if (bytes) lf__weights_put_bytes(o, values, bytes);
    }
    if (!o || lf__weights_commit(&o, &err)) fail_msg("%s", err.message);
    lf__gguf_meta_release(&m);
}

static void damaged(void **state)
{
    LF_UNUSED(state);
#define ROW(tensor, type, rows, cols)                                                                                                      \
    {                                                                                                                                      \
        .name = tensor, .dtype = type, .n_dims = 2, .shape = { rows, cols }                                                                \
    }
    static const struct {
        const char *says, *type;
        float value;
        int n;
        lf_file_tensor t[2];
    } rows[] = {
        {NULL, "imatrix", 1, 2, {ROW("a.in_sum2", LF_F32, 1, 32), ROW("a.counts", LF_F32, 1, 1)}},
        {"general.type", NULL, 1, 2, {ROW("a.in_sum2", LF_F32, 1, 32), ROW("a.counts", LF_F32, 1, 1)}},
        {"general.type", "model", 1, 2, {ROW("a.in_sum2", LF_F32, 1, 32), ROW("a.counts", LF_F32, 1, 1)}},
        {"there are sums, but no counts", "imatrix", 1, 1, {ROW("a.in_sum2", LF_F32, 1, 32)}},
        {"there are counts, but no sums", "imatrix", 1, 1, {ROW("a.counts", LF_F32, 1, 1)}},
        {"there are sums, but no counts", "imatrix", 1, 2, {ROW("a.in_sum2", LF_F32, 1, 32), ROW("b.counts", LF_F32, 1, 1)}},
        {"must be F32", "imatrix", 1, 2, {ROW("a.in_sum2", LF_F16, 1, 32), ROW("a.counts", LF_F32, 1, 1)}},
        {"must be F32", "imatrix", 1, 2, {ROW("a.in_sum2", LF_F32, 1, 32), ROW("a.counts", LF_I32, 1, 1)}},
        {"experts", "imatrix", 1, 2, {ROW("a.in_sum2", LF_F32, 2, 16), ROW("a.counts", LF_F32, 2, 1)}},
        {"one row of sums", "imatrix", 1, 2, {ROW("a.in_sum2", LF_F32, 2, 16), ROW("a.counts", LF_F32, 1, 1)}},
        {"one row of sums", "imatrix", 1, 2, {ROW("a.in_sum2", LF_F32, 1, 0), ROW("a.counts", LF_F32, 1, 1)}},
        {"one row of sums", "imatrix", 1, 2, {ROW("a.in_sum2", LF_F32, 1, 16), ROW("a.counts", LF_F32, 0, 1)}},
        {"not a number of rows", "imatrix", -1, 2, {ROW("a.in_sum2", LF_F32, 1, 32), ROW("a.counts", LF_F32, 1, 1)}},
        {"not a number of rows", "imatrix", NAN, 2, {ROW("a.in_sum2", LF_F32, 1, 32), ROW("a.counts", LF_F32, 1, 1)}},
        {"not a number of rows", "imatrix", INFINITY, 2, {ROW("a.in_sum2", LF_F32, 1, 32), ROW("a.counts", LF_F32, 1, 1)}},
        {"not a number of rows", "imatrix", 1e-30f, 2, {ROW("a.in_sum2", LF_F32, 1, 32), ROW("a.counts", LF_F32, 1, 1)}},
        {"nothing about any weight", "imatrix", 0, 2, {ROW("a.in_sum2", LF_F32, 1, 32), ROW("a.counts", LF_F32, 1, 1)}},
        {"nothing about any weight", "imatrix", 1, 1, {ROW("a.weight", LF_F32, 1, 32)}},
        {"nothing about any weight", "imatrix", 1, 2, {ROW(".in_sum2", LF_F32, 1, 32), ROW(".counts", LF_F32, 1, 1)}},
    };
#undef ROW
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        lf_error err = {0};
        write_file(rows[i].type, rows[i].t, (size_t)rows[i].n, rows[i].value);
        lf_imatrix *im = lf_imatrix_load(in_dir("t.gguf"), &err);
        if (!rows[i].says) assert_non_null(im);
        if (rows[i].says && im) fail_msg("row %zu was accepted, expected: %s", i, rows[i].says);
        if (rows[i].says && (!strstr(err.message, rows[i].says) || !strstr(err.message, "t.gguf")))
            fail_msg("got \"%s\", expected \"%s\" and the file", err.message, rows[i].says);
        lf_imatrix_free(&im);
    }
    lf_error err = {0};
    lf__write_file(in_dir("old.dat"), "\3\0\0\0\1\0\0\0a", 9, NULL);
    assert_null(lf_imatrix_load(in_dir("old.dat"), &err));
    assert_non_null(strstr(err.hint, "llama-imatrix"));
}

/* ---- types ------------------------------------------------------------------------------------------------------------------------------
 */
typedef struct written {
    char name[96], to[16];
    double rmse, relative;
    uint64_t bytes;
    bool weighted, fallback;
} written;

typedef struct list {
    written t[128];
    int n;
} list;

static void remember(const lf_tensor_written *t, void *user)
{
    list *l = user;
    written *w = &l->t[l->n++];
    *w = (written){.rmse = t->rmse, .relative = t->relative, .bytes = t->bytes, .weighted = t->weighted, .fallback = t->fallback};
    snprintf(w->name, sizeof w->name, "%s", t->name);
    snprintf(w->to, sizeof w->to, "%s", t->to);
}

static const written *of(const list *l, const char *name)
{
    for (int i = 0; i < l->n; i++)
        if (strcmp(l->t[i].name, name) == 0) return &l->t[i];
    fail_msg("%s was not written", name);
    return &l->t[0];
}

static int quantize(list *l, const char *source, const char *type, const char *const *keep, int n_keep, const lf_imatrix *im, lf_error *err)
{
    l->n = 0;
    *err = (lf_error){0};
    const lf_convert_options o = {.format = "gguf",
                                  .dtype = type,
                                  .keep = keep,
                                  .n_keep = n_keep,
                                  .imatrix = im,
                                  .once = true,
                                  .on_tensor = remember,
                                  .tensor_user = l};
    return lf_model_convert(in_dir(source), in_dir("q.gguf"), &o, NULL, err);
}

static void types(void **state)
{
    LF_UNUSED(state);
    static const struct {
        const char *source, *type, *keep[2], *tensor, *becomes;
    } rows[] = {
        {"untied", "q4_k", {NULL}, "token_embd.weight", "Q4_K"},
        {"untied", "q4_k", {NULL}, "output.weight", "Q4_K"},
        {"untied", "q4_k", {NULL}, "blk.3.attn_norm.weight", "F32"},
        {"untied", "q4_k", {NULL}, "blk.3.ffn_up.weight", "Q4_K"},
        {"untied", "q4_k", {NULL}, "blk.3.ffn_down.weight", "Q5_0"}, /* 288 columns */
        {"untied", "q6_k", {NULL}, "blk.3.ffn_down.weight", "Q8_0"},
        {"untied", "Q4_K_M", {NULL}, "output.weight", "Q6_K"},
        {"untied", "q4_k_m", {NULL}, "token_embd.weight", "Q4_K"},
        {"tied", "q4_k_m", {NULL}, "token_embd.weight", "Q6_K"},
        {"tied", "q4_k_m", {NULL}, "blk.0.attn_v.weight", "Q6_K"}, /* 8 layers: 0, 3, 6, 7 */
        {"tied", "q4_k_m", {NULL}, "blk.1.attn_v.weight", "Q4_K"},
        {"tied", "q4_k_m", {NULL}, "blk.3.attn_v.weight", "Q6_K"},
        {"tied", "q4_k_m", {NULL}, "blk.3.ffn_down.weight", "Q8_0"},
        {"tied", "q4_k_m", {NULL}, "blk.3.attn_k.weight", "Q4_K"},
        {"tied", "q4_k_m", {NULL}, "blk.7.attn_v.weight", "Q6_K"},
        {"tied", "q5_k_m", {NULL}, "blk.1.attn_q.weight", "Q5_K"},
        {"untied", "q4_k", {"output=q6_k"}, "output.weight", "Q6_K"},
        {"untied", "q4_k", {"output=q6_k"}, "blk.2.attn_output.weight", "Q4_K"},
        {"tied", "q4_k", {"output=q8_0"}, "token_embd.weight", "Q8_0"},
        {"tied", "q4_k", {"*attn_v=q8_0", "blk.3.*=f16"}, "blk.3.attn_v.weight", "F16"},
        {"tied", "q4_k", {"*attn_v=q8_0", "blk.3.*=f16"}, "blk.2.attn_v.weight", "Q8_0"},
        {"tied", "q4_k", {"blk.?.ffn_down.weight=q4_0"}, "blk.4.ffn_down.weight", "Q4_0"},
    };
    list l;
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        lf_error err;
        int n = rows[i].keep[0] ? rows[i].keep[1] ? 2 : 1 : 0;
        bool again = i && strcmp(rows[i].source, rows[i - 1].source) == 0 && strcmp(rows[i].type, rows[i - 1].type) == 0 &&
                     rows[i].keep[0] == rows[i - 1].keep[0] && rows[i].keep[1] == rows[i - 1].keep[1];
        if (!again && quantize(&l, rows[i].source, rows[i].type, rows[i].keep, n, NULL, &err))
            fail_msg("%s: %s", rows[i].type, err.message);
        if (strcmp(of(&l, rows[i].tensor)->to, rows[i].becomes) != 0)
            fail_msg("%s of %s: %s is %s, expected %s", rows[i].type, rows[i].source, rows[i].tensor, of(&l, rows[i].tensor)->to,
                     rows[i].becomes);
        assert_int_equal(of(&l, "blk.0.ffn_norm.weight")->rmse == 0, true);
    }
}

static void refused(void **state)
{
    LF_UNUSED(state);
    static const struct {
        const char *type, *keep, *says;
        lf_code code;
    } rows[] = {
        {"q9_9", NULL, "expected one of F32", LF_E_ARGUMENT},
        {"q2_k", NULL, "expected one of F32", LF_E_ARGUMENT}, /* can only be read */
        {"q4_k", "output", "expected PATTERN=TYPE", LF_E_ARGUMENT},
        {"q4_k", "=q6_k", "expected PATTERN=TYPE", LF_E_ARGUMENT},
        {"q4_k", "output=iq1_s", "expected a type out of", LF_E_ARGUMENT},
        {"q4_k", "nowhere=q6_k", "no matrix of", LF_E_NOT_FOUND},
        {"q4_k", "blk.0.attn_norm=f16", "no matrix of", LF_E_NOT_FOUND},
        {"q4_k", "*ffn_down=q6_k", "have 288 numbers, Q6_K takes blocks of 256", LF_E_ARGUMENT},
    };
    list l;
    lf_error err;
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        assert_int_equal(quantize(&l, "untied", rows[i].type, &rows[i].keep, rows[i].keep != NULL, NULL, &err), -1);
        if (err.code != rows[i].code || !strstr(err.message, rows[i].says)) fail_msg("expected \"%s\", got: %s", rows[i].says, err.message);
    }
    assert_int_equal(quantize(&l, "untied", "q8_0", NULL, 0, NULL, &err), 0);
    rename(in_dir("q.gguf"), in_dir("once.gguf"));
    assert_int_equal(quantize(&l, "once.gguf", "q4_0", NULL, 0, NULL, &err), -1);
    assert_non_null(strstr(err.message, "is Q8_0 already"));
    assert_int_equal(quantize(&l, "once.gguf", "q8_0", NULL, 0, NULL, &err), 0); /* as it is */
    lf_imatrix *im = collect(model);
    assert_int_equal(quantize(&l, "tied", "q4_0", NULL, 0, im, &err), 0);
    assert_true(of(&l, "blk.0.attn_k.weight")->weighted && !of(&l, "token_embd.weight")->weighted);
    lf_imatrix_free(&im);
    static const lf_file_tensor wide[] = {{.name = "blk.1.attn_q.weight.in_sum2", .n_dims = 2, .shape = {1, 32}},
                                          {.name = "blk.1.attn_q.weight.counts", .n_dims = 2, .shape = {1, 1}}},
                                strange[] = {{.name = "a.in_sum2", .n_dims = 2, .shape = {1, 32}},
                                             {.name = "a.counts", .n_dims = 2, .shape = {1, 1}}};
    write_file("imatrix", wide, 2, 1);
    im = lf_imatrix_load(in_dir("t.gguf"), &err);
    assert_int_equal(quantize(&l, "tied", "q4_0", NULL, 0, im, &err), -1);
    assert_non_null(strstr(err.message, "is for rows of 32 numbers, here they have 256"));
    lf_imatrix_free(&im);
    write_file("imatrix", strange, 2, 1);
    im = lf_imatrix_load(in_dir("t.gguf"), &err);
    assert_int_equal(quantize(&l, "tied", "q4_0", NULL, 0, im, &err), -1);
    assert_non_null(strstr(err.message, "knows none of its matrices"));
    assert_int_equal(quantize(&l, "tied", "f16", NULL, 0, im, &err), 0); /* nothing to weigh */
    lf_imatrix_free(&im);
}

/* The error that is reported is that of the file, and importance brings down the weighted error of every matrix it knows. */
static void errors(void **state)
{
    LF_UNUSED(state);
    static const char *const names[] = {"q4_0", "q4_1", "q5_0", "q5_1", "iq4_nl", "q4_k", "q5_k", "q6_k"};
    lf_imatrix *im = collect(model);
    const float *w = column_means(im, "blk.0.attn_output.weight", WIDTH), *x = model->layers[0].attn_out.t.data;
    for (size_t i = 0; i < LF_COUNT(names); i++) {
        double weighted[2] = {0};
        for (int use = 0; use < 2; use++) {
            list l;
            lf_error err;
            lf_weights file;
            float row[WIDTH];
            double sum = 0;
            if (quantize(&l, "untied", names[i], NULL, 0, use ? im : NULL, &err)) fail_msg("%s", err.message);
            assert_int_equal(lf__weights_open(&file, in_dir("q.gguf"), &err), 0);
            const lf_file_tensor *t = lf__weights_find(&file, "blk.0.attn_output.weight");
            for (int r = 0; r < WIDTH; r++) {
                assert_int_equal(lf__file_tensor_read(row, t, (size_t)r * WIDTH, WIDTH, &err), 0);
                for (int c = 0; c < WIDTH; c++) {
                    double e = (double)row[c] - (double)x[r * WIDTH + c];
                    sum += e * e, weighted[use] += (double)w[c] * e * e;
                }
            }
            lf__weights_close(&file);
            double rmse = sqrt(sum / (WIDTH * WIDTH)), got = of(&l, "blk.0.attn_output.weight")->rmse;
            if (!(fabs(got - rmse) <= 1e-9 * rmse)) fail_msg("%s: an RMSE of %g is reported, it is %g", names[i], got, rmse);
        }
        print_message("%-6s weighted error with importance / without: %.4f\n", names[i], weighted[1] / weighted[0]);
        if (!(weighted[1] < 0.99 * weighted[0]))
            fail_msg("%s: importance does not lower the weighted error: %g, %g", names[i], weighted[1], weighted[0]);
    }
    lf_imatrix_free(&im);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(collected), cmocka_unit_test(there_and_back), cmocka_unit_test(damaged),
                                       cmocka_unit_test(types),     cmocka_unit_test(refused),        cmocka_unit_test(errors)};
    return cmocka_run_group_tests_name("quantize", tests, make, unmake);
}
