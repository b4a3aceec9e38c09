/* tokenizer_tests.h - what the tokenizer's tests share: a scratch folder, files in it, a tokenizer learned from a text. */
#ifndef TOKENIZER_TESTS_H
#define TOKENIZER_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tokenizer/tokenizer.h"

static char scratch[64];

static inline int scratch_make(void **state)
{
    LF_UNUSED(state);
    snprintf(scratch, sizeof scratch, "/tmp/foundry-tokenizer-XXXXXX");
    return mkdtemp(scratch) ? 0 : -1;
}

static inline int scratch_remove(void **state)
{
    LF_UNUSED(state);
    return lf__remove_tree(scratch, NULL);
}

static inline const char *in_scratch(const char *name)
{
    static char path[16][128];
    static int turn;
    char *out = path[turn++ % 16];
    snprintf(out, sizeof path[0], "%s/%s", scratch, name);
    return out;
}

static inline const char *put_file(const char *name, const char *bytes, size_t n)
{
    const char *path = in_scratch(name);
    unlink(path); /* truncating a file in place makes some file systems flush it */
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

static inline char *get_file(const char *path, size_t *n)
{
    lf_buf buf;
    lf_error err = {0};
    lf__buf_init(&buf, (size_t)1 << 30);
    if (lf__read_file(&buf, path, buf.max, &err)) fail_msg("%s", err.message);
    *n = buf.len;
    return buf.data;
}

static inline lf_tokenizer *learn_with(const char *text, size_t n, lf_tokenizer_train_options options)
{
    lf_error err = {0};
    const char *path = put_file("text.txt", text, n);
    lf_tokenizer *t = lf_tokenizer_train(&path, 1, &options, &err);
    if (!t) fail_msg("%s", err.message);
    return t;
}

static inline lf_tokenizer *learn(const char *text, int vocab_size)
{
    return learn_with(text, strlen(text), (lf_tokenizer_train_options){.vocab_size = vocab_size, .threads = 2});
}

static inline bool has_shared(const char *name)
{
    if (lf__path_exists(name)) return true;
    print_message("SKIPPED: %s is not there\n", name);
    return false;
}

/* Text that looks like language: words of a few syllables by a skewed law, punctuation, Chinese now and then. Returns its length. */
static inline size_t babble(char *out, size_t cap, uint64_t seed)
{
    static const char *const syllables[] = {"the", "an", "in", "er", "on",        "re",  "at", "ti",
                                            "es",  "lo", "ka", "mu", "\xC3\xA9t", "ing", "st", "ow"};
    static const char *const ends[] = {" ",
                                       " ",
                                       " ",
                                       " ",
                                       " ",
                                       " ",
                                       ", ",
                                       ". ",
                                       "\n",
                                       "'s ",
                                       "! ",
                                       "\n\n",
                                       " 12",
                                       "\xE5\xB1\xB1\xE6\xB0\xB4\xEF\xBC\x8C",
                                       "\xE6\x98\x8E\xE6\x9C\x88"};
    lf_rng r = lf__rng_make(seed, 3);
    size_t n = 0;
    while (n + 64 < cap) {
        size_t parts = 1 + lf__rng_below(&r, 3);
        for (size_t i = 0; i < parts; i++) {
            const char *s = syllables[LF_MIN(lf__rng_below(&r, LF_COUNT(syllables)), lf__rng_below(&r, LF_COUNT(syllables)))];
            memcpy(out + n, s, strlen(s)), n += strlen(s);
        }
        const char *s = ends[lf__rng_below(&r, LF_COUNT(ends))];
        memcpy(out + n, s, strlen(s)), n += strlen(s);
    }
    out[n] = 0;
    return n;
}

#endif
