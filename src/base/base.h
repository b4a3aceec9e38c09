/* base.h - the ground floor: memory, text, files, threads and numbers. Includes nothing of the project but the public error and
 * log headers. Names with lf__ are shared between the files of the library and are not part of the public API.
 * Unless a function says otherwise it is safe to call from several threads on different objects. */
#ifndef LF_BASE_H
#define LF_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "foundry/error.h"
#include "foundry/log.h"

#define LF_ALIGN        64 /* every arena pointer, every packed panel */
#define LF_MIN(a, b)    ((a) < (b) ? (a) : (b))
#define LF_MAX(a, b)    ((a) > (b) ? (a) : (b))
#define LF_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LF_UNUSED(x)    ((void)(x))

/* ---- checked arithmetic: false when the result does not fit; *out is then unspecified ---------------------------------- */
static inline bool lf__add_size(size_t *out, size_t a, size_t b) { return !__builtin_add_overflow(a, b, out); }
static inline bool lf__mul_size(size_t *out, size_t a, size_t b) { return !__builtin_mul_overflow(a, b, out); }
static inline size_t lf__round_up(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

/* ---- error.c ------------------------------------------------------------------------------------------------------------ */
/* Hands an inner failure on with its hint; an error that is already set is kept. Returns -1. */
int lf__error_pass(lf_error *err, const lf_error *cause);
/* A hint that is already a text, in both languages. Returns -1. */
int lf__error_hints(lf_error *err, const char *en, const char *zh);

/* ---- hints.c ------------------------------------------------------------------------------------------------------------ */
/* The Chinese of a hint's format, taking the same arguments; NULL: none, a command is the same in every language. */
#if defined(__GNUC__)
__attribute__((format_arg(1)))
#endif
const char *
lf__hint_zh(const char *format);
const char *lf__hint_row(size_t row, const char **zh); /* the table, row by row; NULL behind the last */

/* ---- arena.c: memory with a named lifetime ------------------------------------------------------------------------------
 * A bump allocator over one reservation. Pushes are 64-byte aligned. Rewinding gives everything after a mark back.
 * A measuring arena hands out addresses that must not be touched and only counts: the forecast runs the same code as the work.
 *
 *   base                    used            peak                 size
 *    | live objects ...      |   rewound     |   never touched    |
 */
typedef struct lf_arena {
    const char *name; /* "model", "step", ... (borrowed, static text)        */
    char *base;       /* reservation, or NULL before init                    */
    size_t size;      /* bytes reserved                                      */
    size_t used;      /* bytes handed out                                    */
    size_t peak;      /* largest `used` ever: what a plan forecasts          */
    bool measuring;   /* addresses only                                      */
    bool overflowed;  /* a push did not fit (sticky): the caller checks once */
} lf_arena;

/* Reserves `size` bytes (rounded up to pages, zero-filled on first touch). 0 or -1 (LF_E_MEMORY with both numbers). */
int lf__arena_init(lf_arena *arena, const char *name, size_t size, lf_error *err);
/* The same for short lives that use little of a large limit: no huge pages, which would be 2 MiB of zeros at the first touch. */
int lf__arena_init_sparse(lf_arena *arena, const char *name, size_t size, lf_error *err);
int lf__arena_init_measuring(lf_arena *arena, const char *name, lf_error *err);
/* Real where `like` is real; where `like` measures, a measuring one whose peak is already `size`. */
int lf__arena_init_as(lf_arena *arena, const lf_arena *like, const char *name, size_t size, lf_error *err);
/* The arena is `size` bytes of a file from `offset` on, a multiple of the page: pushes find what a push there once held. Writing changes
 * memory, never the file. Who replaces such a file renames another over it. */
int lf__arena_map(lf_arena *arena, const char *name, const char *path, uint64_t offset, size_t size, lf_error *err);
/* All that was handed out, padding too, to be written somewhere. */
const void *lf__arena_contents(const lf_arena *arena, size_t *n);
/* Bytes that are reserved, or would be for what a measuring arena has counted. */
size_t lf__arena_bytes(const lf_arena *arena);
void lf__arena_release(lf_arena *arena);
/* Never NULL for a measuring arena; NULL and `overflowed` set when it does not fit. Contents: zero on the first use of the bytes, and
 * after a rewind whatever was there. */
void *lf__arena_push(lf_arena *arena, size_t bytes);
static inline size_t lf__arena_mark(const lf_arena *arena) { return arena->used; }
static inline void lf__arena_rewind(lf_arena *arena, size_t mark) { arena->used = mark; }

/* ---- memory.c: how much there is, in bytes; UINT64_MAX when the system does not say -------------------------------------- */
uint64_t lf__memory_total(void);     /* what this process can ever have: the machine's, or what its container allows */
uint64_t lf__memory_available(void); /* of that, not in use now: free or cached file pages                         */
uint64_t lf__memory_anonymous(void); /* this process's own: resident, no file behind it                            */

/* ---- heap.c: the only doors to malloc (outside arenas) ----------------------------------------------------------------- */
/* count * size bytes, zeroed; NULL with LF_E_MEMORY on failure or overflow. Free with free(). */
void *lf__calloc(size_t count, size_t size, lf_error *err);
/* Grows *ptr (capacity *cap, in items) to hold at least `need` items, doubling; new items are not initialized. 0 or -1. */
int lf__grow(void *ptr /* T ** */, size_t *cap, size_t need, size_t item_size, lf_error *err);
char *lf__strdup(const char *text, lf_error *err);

/* ---- buffer.c: growing bytes with a limit ------------------------------------------------------------------------------ */
typedef struct lf_buf {
    char *data; /* always NUL-terminated once something was appended; NULL before */
    size_t len; /* without the NUL */
    size_t cap;
    size_t max;  /* appending past it fails and sets `failed` */
    bool failed; /* sticky: out of memory or past the limit */
} lf_buf;
void lf__buf_init(lf_buf *buf, size_t max);
void lf__buf_release(lf_buf *buf);
void lf__buf_reset(lf_buf *buf); /* empty, capacity kept */
int lf__buf_add(lf_buf *buf, const void *bytes, size_t n);
int lf__buf_puts(lf_buf *buf, const char *text);
int lf__buf_printf(lf_buf *buf, const char *format, ...) LF_PRINTF(2, 3);
/* Appends text as a JSON string with its quotes (invalid UTF-8 becomes U+FFFD). */
int lf__buf_json_string(lf_buf *buf, const char *text, size_t n);

/* ---- utf8.c ------------------------------------------------------------------------------------------------------------- */
/* Decodes one code point at p (end > p). Returns its length 1..4 and *cp, or 1 and *cp = -1 for a byte that begins no valid sequence
 * (overlong, surrogate, > U+10FFFF and truncated sequences are invalid, one byte at a time). */
int lf__utf8_decode(const char *p, const char *end, int32_t *cp);
int lf__utf8_encode(char out[4], int32_t cp); /* 1..4; cp must be a scalar value */
/* Bytes at the end of text that begin a sequence which is valid so far but not complete (0..3). */
size_t lf__utf8_incomplete_tail(const char *text, size_t n);
/* Terminal columns of valid UTF-8 text (CJK and full-width = 2, combining marks = 0). */
int lf__utf8_width(const char *text, size_t n);

/* ---- log.c -------------------------------------------------------------------------------------------------------------- */
void lf__log(lf_log_level level, const char *format, ...) LF_PRINTF(2, 3);

/* ---- text.c: numbers and names from outside ------------------------------------------------------------------------------ */
/* Whole text must parse. Integers: decimal, optional k/M/G (powers of 1000) or Ki/Mi/Gi suffix, "1e6" accepted when exact.
 * 0 or -1 with LF_E_ARGUMENT naming `what`, the text, and the range [lo, hi]. */
int lf__parse_int(const char *text, const char *what, int64_t lo, int64_t hi, int64_t *out, lf_error *err);
int lf__parse_double(const char *text, const char *what, double lo, double hi, double *out, lf_error *err); /* locale-free, NaN refused */
int lf__parse_bool(const char *text, const char *what, bool *out, lf_error *err); /* true/false/yes/no/on/off/1/0 */
/* The nearest of `names` (NULL-terminated) within a third of its length in edits, or NULL: for "did you mean". */
const char *lf__nearest(const char *name, const char *const *names);
/* Into out (returned): "1.2 MB"; "1,000,000", "0.9999999". */
char *lf__human_bytes(char out[32], double bytes);
char *lf__human_number(char out[32], double n);
double lf__now(void); /* monotonic seconds */
/* vsnprintf in the C locale: a decimal point is a point, whatever locale the host program has set. */
int lf__vsnprintf(char *out, size_t size, const char *format, va_list args) LF_PRINTF(3, 0);

/* ---- rng.c: counter-based random numbers (Philox 4x32-10, Salmon et al. 2011) --------------------------------------------
 * The state is a number: draw i of stream s under a seed is a pure function, so any position is reached at once and
 * work may be split in any order. */
typedef struct lf_rng {
    uint64_t seed, stream, index; /* the next draw is lf__rng_at(seed, stream, index) */
} lf_rng;
uint64_t lf__rng_at(uint64_t seed, uint64_t stream, uint64_t index);
static inline lf_rng lf__rng_make(uint64_t seed, uint64_t stream) { return (lf_rng){seed, stream, 0}; }
static inline uint64_t lf__rng_u64(lf_rng *r) { return lf__rng_at(r->seed, r->stream, r->index++); }
uint64_t lf__rng_below(lf_rng *r, uint64_t n); /* uniform in [0, n), unbiased; n >= 1; may consume several draws */
double lf__rng_unit(lf_rng *r);                /* [0, 1), 53 bits */
/* Standard normal number i of a stream: Box-Muller on two draws, own log and cos (same bits on every machine). */
double lf__rng_normal_at(uint64_t seed, uint64_t stream, uint64_t index);
/* Keyed, for tables and for telling a torn file from a whole one; not against forgers. 7.8 GB/s on one core, SHA-256 in plain C 0.11. */
uint64_t lf__hash64(const void *bytes, size_t n, uint64_t seed);
/* The same number piece by piece: n bytes in all, known before. */
typedef struct lf_hash {
    uint64_t h;
    size_t used; /* bytes in line */
    uint8_t line[16];
} lf_hash;
void lf__hash_init(lf_hash *s, uint64_t n, uint64_t seed);
void lf__hash_add(lf_hash *s, const void *bytes, size_t n);
uint64_t lf__hash_end(const lf_hash *s);
/* Keyed permutation of [0, n): a bijection evaluated at i without an index in memory (cycle-walking Feistel). */
uint64_t lf__permute(uint64_t i, uint64_t n, uint64_t key);

/* ---- mathx.c: elementary functions with the same bits on every machine (libm differs) ------------------------------------
 * Double precision, relative error <= 1e-15 in the ranges below, built from +, -, *, / and fma-free polynomials. */
double lf__exp(double x); /* 0 below -745, +inf above 709.8, NaN for NaN */
double lf__ln(double x);  /* x > 0; -inf at 0, NaN below */
double lf__sin(double x); /* |x| <= 2^40 */
double lf__cos(double x);
double lf__pow(double x, double y); /* x > 0: exp(y log x) with a double-double product */
double lf__tanh(double x);

/* ---- sha256.c ------------------------------------------------------------------------------------------------------------- */
typedef struct lf_sha256 {
    uint32_t h[8];
    uint64_t bytes;
    uint8_t block[64];
} lf_sha256;
void lf__sha256_init(lf_sha256 *s);
void lf__sha256_add(lf_sha256 *s, const void *bytes, size_t n);
void lf__sha256_hex(lf_sha256 *s, char out[65]); /* finishes; lower-case hex */

/* ---- pool.c: persistent workers, spin then sleep ------------------------------------------------------------------------ */
typedef struct lf_pool lf_pool;
/* fn(arg, tid, n_threads) runs once on every worker, tid 0 being the caller. */
typedef void (*lf_pool_fn)(void *arg, int tid, int n_threads);
/* n_threads 1..256. pin: 1 = worker i on the i-th CPU of the affinity mask, 0 = no, -1 = auto (see device.h). */
lf_pool *lf__pool_new(int n_threads, int pin, lf_error *err);
void lf__pool_free(lf_pool **pool);
int lf__pool_threads(const lf_pool *pool);
/* Returns when all workers have returned from fn. Not reentrant; one caller at a time. n_threads 1: a plain call. */
void lf__pool_run(lf_pool *pool, lf_pool_fn fn, void *arg);
/* Inside fn: nobody passes before all have arrived. Every worker must call it the same number of times. */
void lf__pool_barrier(lf_pool *pool, int tid);
/* Static partition of [0, n) in multiples of grain: worker tid gets [*lo, *hi). Depends on nothing but its arguments. */
static inline void lf__split(int64_t n, int64_t grain, int tid, int n_threads, int64_t *lo, int64_t *hi)
{
    int64_t units = (n + grain - 1) / grain;
    int64_t a = units * tid / n_threads * grain, b = units * (tid + 1) / n_threads * grain;
    *lo = LF_MIN(a, n), *hi = LF_MIN(b, n);
}
/* CPUs this process may use (affinity mask). */
int lf__cpu_count(void);

/* ---- file.c: files that are whole or not there ---------------------------------------------------------------------------- */
#define LF_PATH_MAX 4096
/* `cannot <verb> "<path>": <errnum in words>`, with a hint where one helps. Returns -1. */
int lf__io_error(lf_error *err, const char *verb, const char *path, int errnum);
/* Joins with one '/', fails with LF_E_LIMIT when too long. out may equal neither part. */
int lf__path_join(char out[LF_PATH_MAX], const char *dir, const char *name, lf_error *err);
/* The same for a file of a model folder, whose name may come from outside and which may be a link: it must not lead out of the folder (but
 * to the blobs of a Hugging Face cache, which is made of such links). A file that is not there passes. */
int lf__path_inside(char out[LF_PATH_MAX], const char *dir, const char *name, lf_error *err);
const char *lf__path_name(const char *path); /* last component, with the slashes that follow it */
bool lf__path_exists(const char *path);
bool lf__path_is_dir(const char *path);
bool lf__in_the_making(const char *path);             /* inside a temporary folder that lf__dir_begin made */
int lf__make_dirs(const char *path, lf_error *err);   /* mkdir -p */
int lf__remove_tree(const char *path, lf_error *err); /* refuses "/", "", ".", ".."; does not follow links; a missing path is fine */

/* A read-only mapping of a regular file. A folder, FIFO, device or unreadable file is an error with a sentence. An empty file has
 * data = "", size = 0. */
typedef struct lf_map {
    const uint8_t *data;
    size_t size;
} lf_map;
int lf__map_open(lf_map *map, const char *path, lf_error *err);
void lf__map_close(lf_map *map);
/* A mapping that keeps its descriptor: lf__file_read copies bytes out and fails with a sentence where touching the mapping would end the
 * process (SIGBUS), because somebody has cut the file since. Immutable, any thread. */
typedef struct lf_file {
    char *path;
    lf_map map;
    int fd;
} lf_file;
lf_file *lf__file_open(const char *path, lf_error *err);
void lf__file_close(lf_file **file);
int lf__file_read(void *out, const lf_file *file, size_t offset, size_t n, lf_error *err);
/* Whole file into buf (appended), at most max bytes (LF_E_LIMIT above). */
int lf__read_file(lf_buf *buf, const char *path, size_t max, lf_error *err);

/* An output file under a temporary name beside its target ("<dir>/.<name>.tmp-<pid>"): commit = flush, fsync, rename, fsync folder;
 * discard = remove. A crash leaves the old file or none. Buffered (1 MiB). Errors are sticky; commit reports the first.
 * Writers on one object must not be concurrent. */
typedef struct lf_writer lf_writer;
lf_writer *lf__writer_open(const char *path, lf_error *err);
/* The same for a file of exactly `size` bytes: room is made for all of it first, large ones go past the page cache (direct.c), and
 * lf__writer_hash says what lf__hash64(everything, size, 0) is once everything was added, without reading it back. Not for rewriting. */
lf_writer *lf__writer_open_sized(const char *path, uint64_t size, lf_error *err);
uint64_t lf__writer_hash(lf_writer *w);
int lf__writer_add(lf_writer *w, const void *bytes, size_t n); /* 0 or -1 (sticky) */
int lf__writer_printf(lf_writer *w, const char *format, ...) LF_PRINTF(2, 3);
int lf__writer_rewrite(lf_writer *w, uint64_t offset, const void *bytes, size_t n); /* patch bytes already written (headers) */
int lf__writer_seal(lf_writer *w, lf_error *err);    /* everything to the disk, no new name yet: several files, then several commits */
int lf__writer_commit(lf_writer **w, lf_error *err); /* takes *w, success or not */
void lf__writer_discard(lf_writer **w);              /* takes *w */
int lf__write_file(const char *path, const void *bytes, size_t n, lf_error *err); /* all of the above at once */

/* A folder that appears whole: write files into the returned temporary folder ("<parent>/.<name>.tmp-<pid>"), then commit = fsync every
 * file and the folder, rename, fsync the parent. With `replace`, an existing target is swapped out and removed after the rename. */
int lf__dir_begin(char tmp[LF_PATH_MAX], const char *path, lf_error *err);
int lf__dir_commit(const char *tmp, const char *path, bool replace, lf_error *err);
/* Removes ".*.tmp-<pid>" leftovers of processes that no longer live, in `dir` (not recursive). Returns how many. */
int lf__remove_leftovers(const char *dir);
/* Lists names in a folder, sorted by bytes, "." and ".." left out. *names: array of *n strings, freed with lf__names_free. */
int lf__list_dir(const char *dir, char ***names, size_t *n, lf_error *err);
void lf__names_free(char ***names, size_t n);

/* flock on "<dir>/.lock" which holds the owner's pid. LF_E_BUSY names the pid. Returns a descriptor >= 0 (close with lf__unlock) or -1. */
int lf__lock_dir(const char *dir, lf_error *err);
void lf__unlock(int *fd);

/* ---- json.c, yaml.c: documents from outside ------------------------------------------------------------------------------- */
/* jansson with our rules: whole file <= max bytes, duplicate keys rejected, depth limited, errors name file:line:column.
 * Returns a new reference (json_decref) or NULL. */
struct json_t;
struct json_t *lf__json_load(const char *path, size_t max, lf_error *err);
struct json_t *lf__json_parse(const char *text, size_t n, const char *name_for_errors, lf_error *err);

/* A YAML (or JSON) document flattened to its scalars, in file order: key path "train.lr", text, line. Duplicate keys, anchors/aliases,
 * tags, several documents, depth > 16 and more than 4,096 entries are errors that name file:line. Lists of scalars: "key.0", "key.1". */
typedef struct lf_doc_entry {
    char *key;
    char *value;  /* scalar text; "" for an empty value */
    int line;     /* 1-based */
    bool quoted;  /* "1" rather than 1 */
    bool is_null; /* null, ~ or nothing, unquoted */
} lf_doc_entry;
typedef struct lf_doc {
    lf_doc_entry *entries;
    size_t n;
} lf_doc;
int lf__doc_load(lf_doc *doc, const char *path, lf_error *err);
int lf__doc_parse(lf_doc *doc, const char *text, size_t n, const char *name_for_errors, lf_error *err);
void lf__doc_release(lf_doc *doc);

/* ---- options.c: one declarative table, many readers ----------------------------------------------------------------------- */
typedef enum lf_option_type { LF_OPT_INT, LF_OPT_DOUBLE, LF_OPT_BOOL, LF_OPT_STRING, LF_OPT_PATH, LF_OPT_CHOICE } lf_option_type;
typedef struct lf_option {
    const char *key;      /* "train.lr"; the flag is --train.lr                                       */
    lf_option_type type;  /* INT: int64_t, DOUBLE: double, BOOL: bool, STRING/PATH/CHOICE: char[size] */
    size_t offset, size;  /* of the field in its struct                                               */
    const char *fallback; /* the default, as it would be typed; "auto" for an INT: 0 in the field     */
    double lo, hi;        /* inclusive range of numbers                                               */
    const char *choices;  /* CHOICE: "bpe|char"; else NULL                                            */
    char resume;          /* 'f' = fixed once a run has begun, 'r' = free to change on resume         */
    const char *help;     /* one line, English: what it is, its unit                                  */
    const char *help_zh;  /* the same in Chinese                                                      */
} lf_option;
/* All tables end with a row whose key is NULL. */
const lf_option *lf__option_find(const lf_option *table, const char *key);
/* Parses and range-checks text into the field. where = "configs/a.yaml:12" or "command line": the error reads
 * "<where>: train.lr: expected a number from 0 to 10, got \"fast\"". An unknown key names the nearest known one. */
int lf__option_set(const lf_option *table, void *target, const char *key, const char *text, const char *where, lf_error *err);
/* What a row takes, for people: "1 to 1,000,000 or auto", "bpe|char", "text"; in Chinese when zh. Returns out. */
char *lf__option_range(char out[128], const lf_option *row, bool zh);
/* The field's value as it would be typed; returns out. */
char *lf__option_get(const lf_option *row, const void *target, char *out, size_t size);

#endif
