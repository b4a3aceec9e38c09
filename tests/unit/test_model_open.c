/* test_model_open.c - models that only talk: as the file has them they are what lf_model_load makes, to the bit; in every type the logits
 * do not depend on how a text was fed or on threads, and stay near those of float32; what is refused. */
#include <math.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/base.h"
#include "foundry/convert.h"
#include "foundry/model.h"

enum { VOCAB = 320, N = 70 };

static char dir[64], gguf[96];
static int32_t tokens[N];
static const char *const all_types[] = {"f32", "f16", "bf16", "q8_0", "q4_0", "iq4_nl", "q4_k", "q5_k", "q6_k"};

static lf_device *device(int threads, const char *isa)
{
    lf_error err = {0};
    lf_device *d = lf_device_open(&(lf_device_options){.threads = threads, .pin = "off", .isa = isa}, &err);
    if (!d) fail_msg("%s", err.message);
    return d;
}

static int make(void **state)
{
    (void)state;
    lf_error err = {0};
    lf_config c;
    lf_config_init(&c);
    strcpy(c.model.model_type, "llama");
    c.model.vocab_size = VOCAB, c.model.hidden_size = 256, c.model.intermediate_size = 512, c.model.num_hidden_layers = 2;
    c.model.num_attention_heads = 8, c.model.num_key_value_heads = 2, c.model.max_position_embeddings = 128;
    c.model.tie_word_embeddings = false, c.model.initializer_range = 0.08;
    strcpy(dir, "/tmp/model_open.XXXXXX");
    if (!mkdtemp(dir)) return -1;
    snprintf(gguf, sizeof gguf, "%s/q.gguf", dir);
    lf_device *d = device(2, "auto");
    lf_model *m = lf_model_new(d, &c.model, 3, &err);
    int status = m ? lf_model_save(m, dir, &err) : -1;
    lf_model_free(&m);
    lf_device_close(&d);
    for (int i = 0; i < N; i++) tokens[i] = (int32_t)(lf__rng_at(5, 1, (uint64_t)i) % VOCAB);
    return status;
}

static int unmake(void **state)
{
    (void)state;
    return lf__remove_tree(dir, NULL);
}

/* Logits [N, VOCAB] of the texts; the caller frees them. */
static float *logits(lf_device *d, const char *path, const char *weights, int chunk)
{
    lf_error err = {0};
    float *z = malloc(sizeof *z * N * VOCAB);
    lf_model *m = weights ? lf_model_open(d, path, weights, &err) : lf_model_load(d, path, &err);
    if (!m || lf_model_logits(m, z, tokens, N, chunk, &err)) fail_msg("%s of %s: %s", weights, path, err.message);
    lf_model_free(&m);
    return z;
}

static void export_as(const char *dtype)
{
    lf_error err = {0};
    lf_convert_report report;
    unlink(gguf);
    if (lf_model_convert(dir, gguf, &(lf_convert_options){.format = "gguf", .dtype = dtype}, &report, &err)) fail_msg("%s", err.message);
    assert_int_equal(report.fallbacks, 0);
}

static double distance(const float *a, const float *b)
{
    double d = 0, n = 0;
    for (int i = 0; i < N * VOCAB; i++) d += pow((double)a[i] - b[i], 2), n += (double)b[i] * b[i];
    return sqrt(d / n);
}

static void types(void **state)
{
    (void)state;
    /* What rounding of weights and activations does to these logits, relative: a third more than was measured. */
    static const double far[] = {0, 0.009, 0.02, 0.06, 0.6, 0.55, 0.5, 0.26, 0.15};
    lf_device *one = device(1, "auto"), *two = device(2, "auto"), *scalar = device(1, "scalar");
    float *exact = logits(one, dir, NULL, 0);
    for (size_t i = 0; i < LF_COUNT(all_types); i++) {
        float *z = logits(one, dir, all_types[i], 0), *other = logits(two, dir, all_types[i], 7),
              *single = logits(two, dir, all_types[i], 1);
        assert_memory_equal(z, other, sizeof *z * N * VOCAB);
        assert_memory_equal(z, single, sizeof *z * N * VOCAB);
        double e = distance(z, exact);
        print_message("%-6s is %.4f from float32\n", all_types[i], e);
        if (!(e <= far[i] && (i == 0 || e > 0)))
            fail_msg("%s: logits are %g from those of float32, %g is allowed", all_types[i], e, far[i]);
        free(z), free(other), free(single);
        z = logits(scalar, dir, all_types[i], 0); /* another rung rounds elsewhere, not more */
        if (distance(z, exact) > far[i] + 1e-5) fail_msg("%s on the scalar rung: %g", all_types[i], distance(z, exact));
        free(z);
    }
    free(exact);
    lf_device_close(&one), lf_device_close(&two), lf_device_close(&scalar);
}

/* Quantized on the way in, or before in a file: the same. Rows of q and k lie in another order there. */
static void files(void **state)
{
    (void)state;
    lf_device *d = device(2, "auto");
    lf_error err = {0};
    static const char *const in_file[] = {"f32", "f16", "q8_0", "q4_0", "q4_k", "q6_k"};
    for (size_t i = 0; i < LF_COUNT(in_file); i++) {
        export_as(in_file[i]);
        float *direct = logits(d, dir, in_file[i], 0), *file = logits(d, gguf, "auto", 0);
        assert_memory_equal(direct, file, sizeof *direct * N * VOCAB);
        free(direct), free(file);
    }
    export_as("f16");
    lf_model *m = lf_model_open(d, gguf, "auto", &err);
    assert_non_null(m);
    assert_string_equal(lf_model_weights_of(m), "F16");
    assert_int_equal(lf_model_save(m, dir, &err), -1);
    assert_non_null(strstr(err.message, "opened to talk"));
    lf_model_free(&m);
    err = (lf_error){0};
    assert_null(lf_model_open(d, dir, "q3_x", &err));
    assert_non_null(strstr(err.message, "got \"q3_x\""));
    err = (lf_error){0};
    assert_null(lf_model_open(d, "/nowhere", "auto", &err));
    assert_true(err.code != LF_OK);
    lf_device_close(&d);
}

/* ---- packed copies ---- */
static int warnings, notes;
static void on_log(lf_log_level level, const char *text, void *user)
{
    (void)text, (void)user;
    *(level == LF_LOG_WARNING ? &warnings : &notes) += 1;
}

static float *packed_logits(lf_device *d, const char *path, const char *weights, const char *folder)
{
    lf_error err = {0};
    float *z = malloc(sizeof *z * N * VOCAB);
    lf_open_options o = {.weights = weights, .packed = true, .packed_dir = folder};
    lf_model *m = lf_model_open_with(d, path, &o, &err);
    if (!m || lf_model_logits(m, z, tokens, N, 0, &err)) fail_msg("%s of %s: %s", weights, path, err.message);
    lf_model_free(&m);
    return z;
}

/* The inode says whether a copy was written anew. */
static ino_t inode_of(const char *path)
{
    struct stat st = {0};
    stat(path, &st);
    return st.st_ino;
}

static void same_logits(lf_device *d, const char *path, const char *weights, const float *expected)
{
    float *z = packed_logits(d, path, weights, NULL);
    assert_memory_equal(z, expected, sizeof *z * N * VOCAB);
    free(z);
}

static void packed_copies(void **state)
{
    (void)state;
    lf_device *d = device(2, "auto");
    lf_log_set_sink(on_log, NULL);
    for (size_t i = 0; i < LF_COUNT(all_types); i++) {
        char path[200];
        snprintf(path, sizeof path, "%s/weights-%s-%s.packed", dir, all_types[i], lf_device_isa(d));
        float *plain = logits(d, dir, all_types[i], 0);
        warnings = notes = 0;
        same_logits(d, dir, all_types[i], plain); /* written */
        ino_t made = inode_of(path);
        assert_true(made != 0);
        same_logits(d, dir, all_types[i], plain); /* mapped */
        assert_int_equal(inode_of(path), made);
        assert_int_equal(warnings + notes, 0);
        free(plain);
    }
    /* Beside a file, and in a folder of its own. */
    char path[200], folder[100];
    export_as("q4_0");
    float *plain = logits(d, gguf, "auto", 0);
    same_logits(d, gguf, "auto", plain), same_logits(d, gguf, "auto", plain);
    snprintf(path, sizeof path, "%s.auto-%s.packed", gguf, lf_device_isa(d));
    assert_true(lf__path_exists(path));
    unlink(path);
    snprintf(folder, sizeof folder, "%s/copies", dir);
    assert_int_equal(lf__make_dirs(folder, NULL), 0);
    free(packed_logits(d, gguf, "auto", folder));
    assert_false(lf__path_exists(path));
    /* Where it cannot be written the model opens without. */
    warnings = 0;
    float *z = packed_logits(d, gguf, "auto", "/nowhere");
    assert_memory_equal(z, plain, sizeof *z * N * VOCAB);
    assert_int_equal(warnings, 1);
    free(z), free(plain);
    lf_log_set_sink(NULL, NULL);
    lf_device_close(&d);
}

/* Weights of another training, with the size and the time of those before. */
static void other_weights(void **state)
{
    (void)state;
    lf_device *d = device(2, "auto");
    char source[200];
    struct stat st;
    snprintf(source, sizeof source, "%s/model.safetensors", dir);
    free(packed_logits(d, dir, "q4_0", NULL));
    stat(source, &st);
    FILE *f = fopen(source, "r+b");
    for (long at = st.st_size / 2; at < st.st_size * 3 / 4; at++) {
        fseek(f, at, SEEK_SET);
        int c = fgetc(f);
        fseek(f, at, SEEK_SET), fputc(c ^ 1, f);
    }
    fclose(f);
    assert_int_equal(utimensat(AT_FDCWD, source, (struct timespec[2]){st.st_atim, st.st_mtim}, 0), 0);
    lf_log_set_sink(on_log, NULL);
    warnings = notes = 0;
    float *plain = logits(d, dir, "q4_0", 0);
    same_logits(d, dir, "q4_0", plain);
    assert_int_equal(notes, 1);
    lf_log_set_sink(NULL, NULL);
    free(plain);
    lf_device_close(&d);
}

/* What is done to a copy, and whether it is then damaged or stale. */
static void harmed_copies(void **state)
{
    (void)state;
    lf_device *d = device(2, "auto");
    char path[200], other[200];
    snprintf(path, sizeof path, "%s/weights-q4_0-%s.packed", dir, lf_device_isa(d));
    snprintf(other, sizeof other, "%s/weights-q8_0-%s.packed", dir, lf_device_isa(d));
    float *plain = logits(d, dir, "q4_0", 0);
    free(packed_logits(d, dir, "q8_0", NULL));
    same_logits(d, dir, "q4_0", plain);
    lf_log_set_sink(on_log, NULL);
    struct stat st;
    stat(path, &st);
    const struct {
        long at, size; /* a byte that is turned, or the size it is cut to */
        int warnings;
    } harms[] = {{0, 0, 1},
                 {9, 0, 1},
                 {20, 0, 1},
                 {40, 0, 1},
                 {50, 0, 1},
                 {65536, 0, 1},
                 {st.st_size / 2, 0, 1},
                 {st.st_size - 1, 0, 1},
                 {-1, 0, 1},
                 {-1, 7, 1},
                 {-1, 65536, 1},
                 {-1, 70000, 1},
                 {-1, st.st_size - 1, 1},
                 {-1, st.st_size + 1, 1},
                 {-2, 0, 0},
                 {-3, 0, 0}};
    for (size_t i = 0; i < LF_COUNT(harms); i++) {
        warnings = notes = 0;
        if (harms[i].at >= 0) {
            FILE *f = fopen(path, "r+b");
            fseek(f, harms[i].at, SEEK_SET);
            int c = fgetc(f);
            fseek(f, harms[i].at, SEEK_SET), fputc(c ^ 0x40, f), fclose(f);
        } else if (harms[i].at == -1)
            assert_int_equal(truncate(path, harms[i].size), 0);
        else if (harms[i].at == -2) { /* that of another type */
            char command[500];
            snprintf(command, sizeof command, "cp %s %s", other, path);
            assert_int_equal(system(command), 0);
        } else { /* the model has changed since */
            char source[200];
            snprintf(source, sizeof source, "%s/model.safetensors", dir);
            assert_int_equal(utimensat(AT_FDCWD, source, (struct timespec[2]){{1000, 5}, {1000, 5}}, 0), 0);
        }
        same_logits(d, dir, "q4_0", plain);
        if (warnings != harms[i].warnings || notes != !harms[i].warnings) fail_msg("harm %zu: %d warnings, %d notes", i, warnings, notes);
        same_logits(d, dir, "q4_0", plain); /* whole again */
        assert_int_equal(warnings + notes, 1);
    }
    lf_log_set_sink(NULL, NULL);
    free(plain);
    lf_device_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(types), cmocka_unit_test(files), cmocka_unit_test(packed_copies),
                                       cmocka_unit_test(other_weights), cmocka_unit_test(harmed_copies)};
    return cmocka_run_group_tests(tests, make, unmake);
}
