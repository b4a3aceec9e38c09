/* word_count.h - text files read by all threads into words and how often each occurs: what every learner of a vocabulary begins with. */
#ifndef LF_WORD_COUNT_H
#define LF_WORD_COUNT_H

#include <stdatomic.h>

#include "tokenizer/tokenizer.h"

typedef struct lf_word_count {
    const char *bytes; /* borrowed; NULL: empty slot */
    uint64_t count;
    uint32_t n, tag;
} lf_word_count;

typedef struct lf_word_map {
    lf_word_count *slots; /* [n_slots] by hash */
    size_t n_slots, n;
} lf_word_map;
/* `count` more of a word, which must stay where it is. *added (may be NULL): it is a new one, and its entry may still be pointed elsewhere.
 */
int lf__word_map_add(lf_word_map *map, const char *bytes, uint32_t n, uint64_t count, lf_word_count **added, lf_error *err);

typedef struct lf_chunk {
    const char *path;
    const char *text; /* the whole file */
    size_t size, from, to;
    size_t bad; /* offset of the first byte that cannot be learned from, SIZE_MAX when there is none */
} lf_chunk;

typedef struct lf_reader lf_reader;
struct lf_reader { /* zero-initialize, fill the first part */
    /* What stands in c->text[at..to), a document or its part in this chunk; it goes on to `end`. May set c->bad. -1 with errors[tid]. */
    int (*take)(lf_reader *r, lf_chunk *c, int tid, size_t at, size_t to, size_t end);
    void *arg;                     /* take's own */
    const char *const *separators; /* NULL-terminated: lines that are exactly one of them stand between documents */
    int threads;
    const char *bad_byte, *bad_hint; /* why a c->bad that is not NUL is bad ("a character vocabulary needs valid text"), what to do */
    lf_progress progress;
    void *progress_user;

    lf_map *files;
    int n_files;
    bool first_byte[256]; /* of separators */
    lf_chunk *chunks;
    size_t n_chunks, chunks_cap;
    atomic_size_t next, bytes_done;
    atomic_bool stop, found_end; /* found_end: there is a line of the first separator */
    size_t bytes_total;
    lf_word_map *maps; /* [threads] for take */
    lf_error *errors;  /* [threads] */
    double reported;
};
/* Reads all files (they stay mapped until release) and sums the maps into maps[0]: the same words and counts for any number of threads, in
 * no order. An empty file and a byte NUL are errors. */
int lf__read_words(lf_reader *r, const char *const *paths, int n_paths, lf_error *err);
void lf__reader_release(lf_reader *r);

/* ---- bpe_train.c: merges from words -------------------------------------------------------------------------------------- */
typedef struct lf_merge_job {
    lf_tokenizer *t;    /* its tokens are the alphabet; merges and their results are added */
    lf_word_map *words; /* emptied as soon as it is read */
    /* The token of the first symbol of text[0..n) and its bytes; LF_TOK_NONE: it has none, and nothing merges with it. */
    uint32_t (*symbol)(const void *arg, const char *text, size_t n, size_t *taken);
    const void *arg;
    uint32_t size;                /* tokens wanted, the alphabet included        */
    int64_t min_count;            /* pairs seen less often are not merged        */
    size_t max_chars;             /* of a token; 0: any                          */
    const char *const *forbidden; /* texts that no token may have, NULL-terminated */
    lf_progress progress;
    void *progress_user;
} lf_merge_job;
/* Again and again the most frequent pair; of equals the one whose text has the greater bytes, then the one with the longer left part. */
int lf__learn_merges(const lf_merge_job *job, lf_error *err);

#endif
