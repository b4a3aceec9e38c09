/* test_fuzz_llama2c.c - replays mutations of small models of both layouts, and of a vocabulary, through the fuzz entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fuzz/fuzz_llama2c.c"
#include "fuzz/mutate.h"

/* dim 4, hidden 2, 1 layer, 2 heads, 1 for k and v, vocabulary 3, context 2: 3*4 + 2*4 + 2*16 + 2*8 + 3*8 + 4 numbers, and 2*2 in the first
 * layout. */
enum { NUMBERS = 12 + 8 + 32 + 16 + 24 + 4, ROPE = 4 };
static const int32_t sizes[] = {4, 2, 1, 2, 1, 3, 2};

static void models(void **state)
{
    (void)state;
    static uint8_t file[256 + 4 * (NUMBERS + ROPE)];
    memcpy(file, sizes, sizeof sizes);
    mutate_run(LLVMFuzzerTestOneInput, file, sizeof sizes + 4 * (NUMBERS + ROPE), 3000);
    memcpy(file, "24ka\1\0\0\0", 8);
    memcpy(file + 8, sizes, sizeof sizes);
    file[36] = 1;
    mutate_run(LLVMFuzzerTestOneInput, file, 256 + 4 * NUMBERS, 3000);
}

static size_t put_piece(uint8_t *out, const char *text, float score)
{
    int32_t n = (int32_t)strlen(text);
    memcpy(out, &score, 4), memcpy(out + 4, &n, 4), memcpy(out + 8, text, (size_t)n);
    return 8 + (size_t)n;
}

static void vocabulary(void **state)
{
    (void)state;
    static const char *const pieces[] = {"<unk>", "\n<s>\n", "\n</s>\n"}, *const more[] = {" ",  "a",   "b",           " a",
                                                                                           "ab", " ab", "\xE5\xB1\xB1"};
    static uint8_t file[8192] = {6};
    size_t n = 4;
    char text[8];
    for (size_t i = 0; i < LF_COUNT(pieces); i++) n += put_piece(file + n, pieces[i], 0);
    for (unsigned byte = 0; byte < 256; byte++) {
        snprintf(text, sizeof text, "<0x%02X>", byte);
        n += put_piece(file + n, text, 0);
    }
    for (size_t i = 0; i < LF_COUNT(more); i++) n += put_piece(file + n, more[i], -(float)i);
    lf_tokenizer *t = NULL;
    char path[64];
    int fd = fuzz_file(path, file, n);
    assert_non_null(t = lf__llama2c_tokenizer_load(path, NULL)); /* the seed itself is one */
    lf_tokenizer_free(&t);
    close(fd);
    mutate_run(LLVMFuzzerTestOneInput, file, n, 1500);
}

static void corpus(void **state)
{
    (void)state;
    mutate_corpus(LLVMFuzzerTestOneInput, "fuzz_llama2c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(models), cmocka_unit_test(vocabulary)};
    return cmocka_run_group_tests_name("fuzz_llama2c", tests, NULL, NULL);
}
