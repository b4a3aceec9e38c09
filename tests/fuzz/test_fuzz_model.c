/* test_fuzz_model.c - replays mutations of a config.json and of small GGUF files through the fuzz entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fuzz/fuzz_model.c"
#include "fuzz/mutate.h"

static void quiet(lf_log_level level, const char *text, void *user) { (void)level, (void)text, (void)user; }

static void read_into(lf_buf *b, const char *path)
{
    lf_error err = {0};
    lf__buf_init(b, 1 << 22);
    if (lf__read_file(b, path, 1 << 22, &err)) fail_msg("%s", err.message);
}

static void configs(void **state)
{
    (void)state;
    lf_buf b;
    read_into(&b, TESTS_DIR "/golden/data/llama_bias/config.json");
    mutate_run(LLVMFuzzerTestOneInput, b.data, b.len, 1500);
    lf__buf_release(&b);
}

/* The whole file is mutated: most hits are weights, so the metadata gets rounds of its own with the weights behind it untouched. */
static const uint8_t *tail;
static size_t n_tail;
static int with_tail(const uint8_t *data, size_t size)
{
    static uint8_t *whole;
    static size_t cap;
    if (size + n_tail > cap) whole = realloc(whole, cap = size + n_tail + 4096);
    memcpy(whole, data, size), memcpy(whole + size, tail, n_tail);
    return LLVMFuzzerTestOneInput(whole, size + n_tail);
}

static void ggufs(void **state)
{
    (void)state;
    static const char *const seeds[] = {"llama_bias", "phi3_long", "gemma3"};
    for (size_t i = 0; i < LF_COUNT(seeds); i++) {
        char from[256], to[160];
        lf_error err = {0};
        lf_buf b;
        snprintf(from, sizeof from, TESTS_DIR "/golden/data/%s", seeds[i]);
        snprintf(to, sizeof to, "%s/seed.gguf", folder());
        if (lf_model_convert(from, to, &(lf_convert_options){.format = "gguf", .dtype = "q8_0", .threads = 1}, NULL, &err))
            fail_msg("%s", err.message);
        read_into(&b, to);
        unlink(to);
        size_t head = LF_MIN((size_t)1600, b.len);
        tail = (uint8_t *)b.data + head, n_tail = b.len - head;
        mutate_run(with_tail, b.data, head, 700);
        lf__buf_release(&b);
    }
}

static void corpus(void **state)
{
    (void)state;
    mutate_corpus(LLVMFuzzerTestOneInput, "fuzz_model");
}

static int set_up(void **state)
{
    (void)state;
    lf_log_set_sink(quiet, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return lf__remove_tree(folder(), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(configs), cmocka_unit_test(ggufs)};
    return cmocka_run_group_tests_name("fuzz_model", tests, set_up, tear_down);
}
