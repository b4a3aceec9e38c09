/* prepare.c - text files of any size to token shards, on all cores, in constant memory, the same bytes for any number of threads.
 * Not the file formats (shard_writer.c, shard_index.c) nor what a document is (sources.c).
 * Rounds: the caller's thread cuts the mapped input into batches, all workers tokenize them, the caller's thread writes the results in
 * order, and forgets the pages. All memory belongs to one `prepare` on the caller's stack. */
#include "data/data.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "tokenizer/cut.h"

enum {
    BATCH_BYTES = 128 << 10, /* of text; longer only where no cut is certain */
    BATCH_LIMIT = 64 << 20,  /* a line of .jsonl, a text without a sure place to cut */
    BATCHES_PER_THREAD = 8,  /* a round: enough that the last one to finish costs little */
    ROUND_BATCHES = 1024,    /* of many small files */
    WINDOW_BYTES = 16 << 20, /* of a file looked through before its pages are forgotten */
    STREAM_VAL = 0x7a11,
};

typedef struct source {
    char *path;
    lf_source_kind kind;
    lf_map map;
    const char *text; /* [n] into the mapping, or decoded text that the prepare owns */
    size_t n, at;     /* at: where the next batch begins                             */
    bool mapped;      /* text is file pages, not heap                                */
    int split;        /* LF_N_SPLITS: by hash; else all of it goes there             */
    bool open_ended;  /* the text goes on elsewhere: no end token                    */
    lf_map bits;      /* X.bits, when there is one                                   */
    bool has_bits;
    size_t bits_at;
    uint64_t documents;
} source;

typedef struct piece { /* of a document: all of it, or what fits a batch */
    size_t bytes, n_ids;
    bool ends;
} piece;

typedef struct batch {
    source *src;
    size_t at, n;
    bool ends;    /* where the batch ends, a document does */
    int32_t *ids; /* room for what n bytes can be */
    size_t n_ids;
    piece *pieces;
    size_t n_pieces, cap_pieces;
    lf_error err;
} batch;

typedef struct prepare {
    const lf_tokenizer *tokenizer;
    lf_prepare_options options;
    char **files;
    int n_files;
    double total_bytes, done_bytes, last_report;

    /* One document only, and a validation split wanted: its head and tail. */
    source parts[2];
    bool single;
    json_t *single_text;
    lf_map single_map;

    source *sources; /* [n_sources], the open ones are those of the current round */
    int n_sources, next_source;

    lf_pool *pool;
    batch *batches;
    size_t n_batches;
    _Atomic size_t next_batch;
    int32_t *ids;
    size_t ids_cap, round_bytes;

    lf_shard_index index;
    lf_shard_sink sinks[LF_N_SPLITS];
    uint64_t threshold, hash_min, hash_max; /* a document is for validation when its hash is below */
    uint64_t n_documents;
    struct {
        bool open;
        int split; /* -1: nothing of it seen yet */
        uint64_t bytes;
    } document;
} prepare;

/* ---- sources --------------------------------------------------------------------------------------------------------------------- */

/* Pages of a mapping that were read are not needed again: without this a large file would count as our memory. */
static void forget(const char *from, size_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), lo = (uintptr_t)from & ~(page - 1), hi = ((uintptr_t)from + n) & ~(page - 1);
    if (hi > lo) madvise((void *)lo, hi - lo, MADV_DONTNEED);
}

/* lf__separator_find over a whole file that need not fit in memory. */
static bool find_far(const char *text, size_t n, size_t at, size_t *start, size_t *end)
{
    for (size_t from = at; from < n; from += WINDOW_BYTES) {
        size_t lo = from == at ? at : from - LF_SEPARATOR_MAX, hi = LF_MIN(n, from + WINDOW_BYTES);
        if (lf__separator_find(text, n, lo, hi, start, end)) return true;
        forget(text + lo, hi - lo);
    }
    return false;
}

/* X.meta.json says which text the numbers of X.bits belong to: an edited text has no known floor. */
static int check_text_hash(const source *src, size_t stem, lf_error *err)
{
    char path[LF_PATH_MAX], is[17];
    snprintf(path, sizeof path, "%.*s.meta.json", (int)stem, src->path);
    if (!lf__path_exists(path)) return 0;
    json_t *meta = lf__json_load(path, 1 << 20, err);
    if (!meta) return -1;
    const char *was = json_string_value(json_object_get(meta, "text_hash"));
    uint64_t hash = 0;
    size_t start, end, forgotten = 0;
    for (size_t at = 0; was && at < src->n; at = end) {
        if (!find_far(src->text, src->n, at, &start, &end)) start = end = src->n;
        hash = lf__hash64(src->text + at, start - at, hash);
        if (end - forgotten >= WINDOW_BYTES) forget(src->text + forgotten, end - forgotten), forgotten = end;
    }
    snprintf(is, sizeof is, "%016" PRIx64, hash);
    bool same = !was || strcmp(was, is) == 0;
    json_decref(meta);
    if (same) return 0;
    lf_error_set(err, LF_E_MISMATCH, "%s: the text is not the one that its .bits file was made for: its entropy is not known", src->path);
    return lf_error_hint(err, "make both again with foundry data synth, or remove the .bits file to prepare without a floor");
}

static int source_open(source *src, lf_error *err)
{
    char bits[LF_PATH_MAX];
    if (src->kind == LF_SOURCE_RAW) return 0; /* its text is held elsewhere */
    if (lf__map_open(&src->map, src->path, err) != 0) return -1;
    src->text = (const char *)src->map.data;
    src->n = src->map.size;
    src->mapped = true;
    size_t stem = strlen(src->path) - 4;
    if (src->kind == LF_SOURCE_TXT && strlen(src->path) > 4 && strcmp(src->path + stem, ".txt") == 0) {
        snprintf(bits, sizeof bits, "%.*s.bits", (int)stem, src->path);
        src->has_bits = lf__path_exists(bits);
        if (src->has_bits && (check_text_hash(src, stem, err) != 0 || lf__map_open(&src->bits, bits, err) != 0)) return -1;
    }
    return 0;
}

static void source_close(source *src)
{
    lf__map_close(&src->map);
    lf__map_close(&src->bits);
    src->text = NULL;
}

/* The next number of X.bits. */
static int source_bits(source *src, double *bits, lf_error *err)
{
    char line[64] = "";
    const char *p = (const char *)src->bits.data + src->bits_at;
    size_t left = src->bits.size - src->bits_at;
    const char *newline = left ? memchr(p, '\n', left) : NULL;
    size_t n = newline ? (size_t)(newline - p) : left;
    src->documents++;
    if (left && n < sizeof line) memcpy(line, p, n);
    src->bits_at += newline ? n + 1 : n;
    lf_error inner = {0};
    if (left && lf__parse_double(line, "bits", 0, 1e15, bits, &inner) == 0) return 0;
    if (left)
        lf_error_set(err, LF_E_FORMAT, "%s: the .bits file beside it, line %" PRIu64 ": expected a number, got \"%s\"", src->path,
                     src->documents, line);
    else
        lf_error_set(err, LF_E_MISMATCH, "%s: the .bits file beside it has %" PRIu64 " numbers, but there are more documents", src->path,
                     src->documents - 1);
    return lf_error_hint(err, "make both again with foundry data synth, or remove the .bits file to prepare without a floor");
}

static int source_finish(const source *src, lf_error *err)
{
    if (!src->has_bits || src->bits_at >= src->bits.size) return 0;
    lf_error_set(err, LF_E_MISMATCH, "%s: %" PRIu64 " documents, but the .bits file beside it has more numbers", src->path, src->documents);
    return lf_error_hint(err, "make both again with foundry data synth, or remove the .bits file to prepare without a floor");
}

/* Line of .jsonl that begins at `at`, for errors only. */
static uint64_t line_number(const source *src, size_t at)
{
    uint64_t line = 1;
    for (const char *p = src->text, *end = src->text + at; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++) line++;
    return line;
}

/* ---- reading: the end of the next batch ------------------------------------------------------------------------------------------ */

/* The end of the last separator in [from, to), or 0. */
static size_t last_separator(const source *src, size_t from, size_t to)
{
    size_t start, end, last = 0;
    while (src->kind == LF_SOURCE_TXT && lf__separator_find(src->text, src->n, from, to, &start, &end)) last = from = end;
    return last;
}

/* A cut must not fall into a separator: then the batch ends behind it. */
static size_t leave_separator(const source *src, size_t from, size_t cut, bool *ends)
{
    size_t start, end, span = LF_SEPARATOR_MAX, at = cut > from + span ? cut - span : from;
    if (src->kind == LF_SOURCE_TXT && lf__separator_find(src->text, src->n, at, LF_MIN(src->n, cut + span), &start, &end) && start < cut &&
        cut < end) {
        *ends = true;
        return end;
    }
    return cut;
}

static int batch_cut(const prepare *p, batch *b, lf_error *err)
{
    const source *src = b->src;
    for (size_t reach = BATCH_BYTES;; reach *= 2) {
        size_t to = LF_MIN(src->n - b->at, reach) + b->at, cut;
        b->ends = true;
        if (to == src->n) {
            b->n = to - b->at;
            return 0;
        }
        if (src->kind == LF_SOURCE_JSONL) {
            const char *newline = memrchr(src->text + b->at, '\n', to - b->at);
            cut = newline ? (size_t)(newline + 1 - src->text) : 0;
        } else if (!(cut = last_separator(src, b->at, to))) {
            cut = lf__tokenizer_cut(p->tokenizer, src->text, src->n, b->at, to);
            b->ends = false;
            if (cut) cut = leave_separator(src, b->at, cut, &b->ends);
        }
        if (cut) {
            b->n = cut - b->at;
            return 0;
        }
        if (reach >= BATCH_LIMIT) {
            if (src->kind == LF_SOURCE_JSONL)
                return lf_error_set(err, LF_E_LIMIT, "%s:%" PRIu64 ": a line longer than %d MiB", src->path, line_number(src, b->at),
                                    BATCH_LIMIT >> 20);
            return lf_error_set(err, LF_E_LIMIT, "%s: more than %d MiB from byte %zu on without a place between two words", src->path,
                                BATCH_LIMIT >> 20, b->at);
        }
    }
}

/* Fills a round. 0 batches: everything was read. */
static int round_read(prepare *p, lf_error *err)
{
    size_t most = (size_t)lf__pool_threads(p->pool) * BATCHES_PER_THREAD * BATCH_BYTES, bytes = 0;
    p->n_batches = 0;
    while (p->n_batches < ROUND_BATCHES && bytes < most && p->next_source < p->n_sources) {
        source *src = &p->sources[p->next_source];
        if (!src->text && source_open(src, err) != 0) return -1;
        if (!src->n) { /* an empty file */
            if (source_finish(src, err) != 0) return -1;
            source_close(src);
            p->next_source++;
            continue;
        }
        batch *b = &p->batches[p->n_batches++];
        b->src = src, b->at = src->at, b->n_pieces = b->n_ids = 0;
        if (batch_cut(p, b, err) != 0) return -1;
        src->at += b->n;
        bytes += b->n;
        p->next_source += src->at == src->n;
    }
    if (bytes > p->ids_cap) {
        free(p->ids);
        p->ids_cap = 0;
        if (!(p->ids = lf__calloc(lf_tokenizer_bound(p->tokenizer, bytes), sizeof *p->ids, err))) return -1;
        p->ids_cap = bytes;
    }
    for (size_t i = 0, at = 0; i < p->n_batches; at += p->batches[i++].n) p->batches[i].ids = p->ids + lf_tokenizer_bound(p->tokenizer, at);
    p->round_bytes = bytes;
    return 0;
}

/* ---- workers ----------------------------------------------------------------------------------------------------------------------- */

/* n bytes of one document; they lie at `offset` of the source unless that is SIZE_MAX. */
static int batch_encode(const prepare *p, batch *b, const char *text, size_t n, bool ends, const char *where)
{
    if (lf__grow(&b->pieces, &b->cap_pieces, b->n_pieces + 1, sizeof *b->pieces, &b->err) != 0) return -1;
    lf_error inner = {0};
    int64_t k =
        n ? lf_tokenizer_encode(p->tokenizer, b->ids + b->n_ids, lf_tokenizer_bound(p->tokenizer, b->n) - b->n_ids, text, n, false, &inner)
          : 0;
    if (k < 0) {
        lf_error_set(&b->err, inner.code, "%s: %s", where, inner.message);
        return lf_error_hint(&b->err, "%s", inner.hint);
    }
    b->pieces[b->n_pieces++] = (piece){.bytes = n, .n_ids = (size_t)k, .ends = ends};
    b->n_ids += (size_t)k;
    return 0;
}

static int batch_run_text(const prepare *p, batch *b)
{
    const source *src = b->src;
    char where[LF_PATH_MAX + 64];
    const char *nul = p->options.binary ? NULL : memchr(src->text + b->at, 0, b->n);
    if (nul) {
        lf_error_set(&b->err, LF_E_FORMAT, "%s: a NUL byte at offset %zu: this does not look like text", src->path,
                     (size_t)(nul - src->text));
        return lf_error_hint(&b->err, "if it is meant to be, say --binary");
    }
    size_t at = b->at, to = b->at + b->n, start = 0, end = 0;
    for (bool more = true; more && at < to; at = end) {
        more = src->kind == LF_SOURCE_TXT && lf__separator_find(src->text, src->n, at, to, &start, &end);
        if (!more) start = to;
        snprintf(where, sizeof where, "%s, text at byte %zu", src->path, at);
        if (batch_encode(p, b, src->text + at, start - at, more || b->ends, where) != 0) return -1;
    }
    return 0;
}

static int batch_run_jsonl(const prepare *p, batch *b)
{
    const source *src = b->src;
    char where[LF_PATH_MAX + 64];
    for (size_t at = b->at, to = b->at + b->n, n; at < to; at += n + 1) {
        const char *line = src->text + at, *newline = memchr(line, '\n', to - at), *text;
        n = newline ? (size_t)(newline - line) : to - at;
        size_t n_text;
        json_t *keep;
        lf_error probe = {0};
        int rc = lf__jsonl_text(&text, &n_text, &keep, line, n, p->options.field, p->options.binary, src->path, 0, &probe);
        if (rc != 0) /* again, now with the number of the line, which nobody counted */
            return lf__jsonl_text(&text, &n_text, &keep, line, n, p->options.field, p->options.binary, src->path, line_number(src, at),
                                  &b->err);
        if (!text) continue;
        snprintf(where, sizeof where, "%s, line that begins at byte %zu", src->path, at);
        rc = batch_encode(p, b, text, n_text, true, where);
        json_decref(keep);
        if (rc != 0) return -1;
    }
    return 0;
}

static void round_work(void *arg, int tid, int n_threads)
{
    prepare *p = arg;
    LF_UNUSED(tid), LF_UNUSED(n_threads);
    for (size_t i; (i = atomic_fetch_add(&p->next_batch, 1)) < p->n_batches;) {
        batch *b = &p->batches[i];
        if ((b->src->kind == LF_SOURCE_JSONL ? batch_run_jsonl : batch_run_text)(p, b) != 0 && b->err.code == LF_OK)
            lf_error_set(&b->err, LF_E_MEMORY, "%s: out of memory", b->src->path);
    }
}

/* ---- writing: pieces in order ------------------------------------------------------------------------------------------------------ */

static int document_end(prepare *p, source *src, lf_error *err)
{
    int split = p->document.split;
    p->document.open = false;
    if (split < 0) return 0; /* it was empty */
    lf_split_info *info = &p->index.info[split];
    double bits = (double)NAN;
    if (src->has_bits && source_bits(src, &bits, err) != 0) return -1;
    info->documents++;
    info->bytes += p->document.bytes;
    info->floor_bits += bits;
    if (p->index.end_token < 0 || src->open_ended) return 0;
    return lf__shard_sink_add(&p->sinks[split], &p->index.end_token, 1, err);
}

static int batch_write(prepare *p, batch *b, lf_error *err)
{
    const int32_t *ids = b->ids;
    for (size_t i = 0; i < b->n_pieces; i++) {
        const piece *x = &b->pieces[i];
        if (!p->document.open) p->document.open = true, p->document.split = -1, p->document.bytes = 0;
        if (x->bytes && p->document.split < 0) {
            uint64_t hash = lf__rng_at(p->options.seed, STREAM_VAL, p->n_documents++);
            p->hash_min = LF_MIN(p->hash_min, hash);
            p->hash_max = LF_MAX(p->hash_max, hash);
            p->document.split = b->src->split < LF_N_SPLITS ? b->src->split : hash < p->threshold ? LF_SPLIT_VAL : LF_SPLIT_TRAIN;
        }
        p->document.bytes += x->bytes;
        if (x->n_ids && lf__shard_sink_add(&p->sinks[p->document.split], ids, x->n_ids, err) != 0) return -1;
        ids += x->n_ids;
        if (x->ends && document_end(p, b->src, err) != 0) return -1;
    }
    return 0;
}

static int report(prepare *p, bool last, lf_error *err)
{
    double now = lf__now();
    if (!p->options.progress || (!last && (now - p->last_report < 0.25 || p->done_bytes >= p->total_bytes))) return 0;
    p->last_report = now;
    if (p->options.progress("prepare", p->done_bytes, p->total_bytes, "bytes", p->options.progress_user) == 0) return 0;
    return lf_error_set(err, LF_E_INTERRUPTED, "prepare: stopped at %.0f of %.0f bytes; nothing was written", p->done_bytes,
                        p->total_bytes);
}

static int round_write(prepare *p, lf_error *err)
{
    for (size_t i = 0; i < p->n_batches; i++) {
        batch *b = &p->batches[i];
        if (b->err.code != LF_OK) {
            lf_error_set(err, b->err.code, "%s", b->err.message);
            return lf_error_hint(err, "%s", b->err.hint);
        }
        if (batch_write(p, b, err) != 0) return -1;
        bool last_of_source = i + 1 == p->n_batches || p->batches[i + 1].src != b->src;
        if (last_of_source && b->src->at == b->src->n) {
            if (source_finish(b->src, err) != 0) return -1;
            source_close(b->src);
        } else if (last_of_source && b->src->mapped) {
            forget(b->src->text, b->src->at);
        }
    }
    p->done_bytes += (double)p->round_bytes;
    return report(p, false, err);
}

/* ---- one pass over all sources ----------------------------------------------------------------------------------------------------- */

static void pass_release(prepare *p)
{
    for (int s = 0; s < LF_N_SPLITS; s++) lf__shard_sink_release(&p->sinks[s]);
    for (int i = 0; i < p->n_sources; i++) source_close(&p->sources[i]);
    free(p->sources);
    p->sources = NULL, p->n_sources = 0;
    lf__shard_index_release(&p->index);
}

static int pass_begin(prepare *p, const char *dir, lf_error *err)
{
    int vocab = lf_tokenizer_size(p->tokenizer);
    p->index = (lf_shard_index){.end_token = lf_tokenizer_end(p->tokenizer), .vocab_size = vocab};
    snprintf(p->index.fingerprint, sizeof p->index.fingerprint, "%s", lf_tokenizer_fingerprint(p->tokenizer));
    for (int s = 0; s < LF_N_SPLITS; s++) {
        p->index.info[s].max_id = -1;
        if (lf__shard_sink_init(&p->sinks[s], dir, &p->index, s, vocab <= 65536 ? LF_SHARD_UINT16 : LF_SHARD_UINT32,
                                p->options.shard_tokens, err) != 0)
            return -1;
    }
    p->n_sources = p->single ? 2 : p->n_files;
    p->next_source = 0;
    if (!(p->sources = lf__calloc((size_t)p->n_sources, sizeof *p->sources, err))) return -1;
    for (int i = 0; i < p->n_sources; i++)
        p->sources[i] = p->single ? p->parts[i] : (source){.path = p->files[i], .kind = lf__source_kind(p->files[i]), .split = LF_N_SPLITS};
    p->n_documents = 0;
    p->hash_min = UINT64_MAX, p->hash_max = 0;
    p->done_bytes = p->last_report = 0;
    p->document.open = false;
    return 0;
}

static int pass_run(prepare *p, const char *dir, lf_error *err)
{
    int rc = pass_begin(p, dir, err);
    while (rc == 0) {
        rc = round_read(p, err);
        if (rc != 0 || !p->n_batches) break;
        atomic_store(&p->next_batch, 0);
        lf__pool_run(p->pool, round_work, p);
        rc = round_write(p, err);
    }
    for (int s = 0; s < LF_N_SPLITS && rc == 0; s++) {
        rc = lf__shard_sink_finish(&p->sinks[s], err);
        if (!p->index.info[s].documents) p->index.info[s].floor_bits = (double)NAN;
    }
    return rc;
}

/* ---- before the first pass ----------------------------------------------------------------------------------------------------------- */

/* Looks for the first two documents. One alone is noted in parts[0] (its mapping or text is kept open). Returns 0, 1 or 2, or -1. */
static int survey(prepare *p, lf_error *err)
{
    int found = 0;
    for (int i = 0; i < p->n_files && found < 2; i++) {
        lf_map map;
        lf_source_kind kind = lf__source_kind(p->files[i]);
        if (lf__map_open(&map, p->files[i], err) != 0) return -1;
        const char *text = (const char *)map.data;
        bool keep = false;
        for (size_t at = 0, start = 0, end = 0; at < map.size && found < 2; at = end) {
            const char *body = text + at;
            size_t n = 0;
            json_t *object = NULL;
            if (kind == LF_SOURCE_JSONL) {
                const char *newline = memchr(text + at, '\n', map.size - at);
                end = newline ? (size_t)(newline + 1 - text) : map.size;
                source whole = {.text = text};
                if (lf__jsonl_text(&body, &n, &object, text + at, end - at - (newline ? 1 : 0), p->options.field, p->options.binary,
                                   p->files[i], line_number(&whole, at), err) != 0) {
                    lf__map_close(&map);
                    return -1;
                }
            } else {
                if (!find_far(text, map.size, at, &start, &end)) start = end = map.size;
                n = start - at;
            }
            if (n && ++found == 1) {
                p->parts[0] = (source){.path = p->files[i], .kind = LF_SOURCE_RAW, .text = body, .n = n, .mapped = !object};
                p->single_text = object;
                keep = !object;
            } else {
                json_decref(object);
            }
        }
        if (keep)
            p->single_map = map;
        else
            lf__map_close(&map);
    }
    return found;
}

/* Bytes of the head of a single document: floor((1 - fraction) * characters) of them in char mode, else to the nearest word before. */
static size_t head_bytes(const prepare *p, const char *text, size_t n, bool mapped)
{
    double keep = 1.0 - p->options.val_fraction;
    if (strcmp(lf_tokenizer_mode(p->tokenizer), "char") == 0) {
        size_t characters = 0, at = 0;
        for (size_t i = 0; i < n; i++) {
            characters += ((uint8_t)text[i] & 0xc0) != 0x80;
            if (mapped && i % WINDOW_BYTES == WINDOW_BYTES - 1) forget(text, i);
        }
        size_t head = (size_t)floor(keep * (double)characters);
        for (size_t seen = 0; at < n; at++) {
            if (((uint8_t)text[at] & 0xc0) != 0x80 && seen++ == head) break;
            if (mapped && at % WINDOW_BYTES == WINDOW_BYTES - 1) forget(text, at);
        }
        return at;
    }
    size_t target = (size_t)floor(keep * (double)n);
    size_t cut = lf__tokenizer_cut(p->tokenizer, text, n, target - LF_MIN(target, 4096u), target);
    if (cut) return cut;
    while (target && ((uint8_t)text[target] & 0xc0) == 0x80) target--;
    return target;
}

static void single_split(prepare *p)
{
    source *head = &p->parts[0], *tail = &p->parts[1];
    size_t cut = head_bytes(p, head->text, head->n, head->mapped);
    if (cut == 0 || cut == head->n) return; /* too short to share */
    *tail = *head;
    head->n = cut, head->split = LF_SPLIT_TRAIN, head->open_ended = true;
    tail->text += cut, tail->n -= cut, tail->split = LF_SPLIT_VAL;
    p->single = true;
}

/* Only what prepare itself writes may be replaced. */
static int check_target(const char *dir, lf_error *err)
{
    char **names = NULL;
    size_t n = 0;
    if (!lf__path_exists(dir)) return 0;
    if (!lf__path_is_dir(dir)) return lf_error_set(err, LF_E_IO, "%s: exists and is not a folder", dir);
    if (lf__list_dir(dir, &names, &n, err) != 0) return -1;
    int rc = 0;
    bool shards = n == 0;
    for (size_t i = 0; i < n; i++) shards |= strcmp(names[i], LF_SHARD_INDEX_NAME) == 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        size_t k = strlen(names[i]);
        bool ours =
            strcmp(names[i], LF_SHARD_INDEX_NAME) == 0 || strcmp(names[i], "tokenizer") == 0 ||
            (k > 4 && strcmp(names[i] + k - 4, ".bin") == 0 && (strncmp(names[i], "train_", 6) == 0 || strncmp(names[i], "val_", 4) == 0));
        if (shards && ours) continue;
        rc = lf_error_set(err, LF_E_BUSY, "%s: a folder that holds other things than token shards (%s); it is not replaced", dir, names[i]);
        lf_error_hint(err, "name a new folder: -o %s-shards", dir);
    }
    lf__names_free(&names, n);
    return rc;
}

static int check_options(lf_prepare_options *o, lf_error *err)
{
    if (!(o->val_fraction >= 0 && o->val_fraction <= 0.5))
        return lf_error_set(err, LF_E_ARGUMENT, "val-fraction: expected a number from 0 to 0.5, got %g", o->val_fraction);
    if (o->threads < 0 || o->threads > 256)
        return lf_error_set(err, LF_E_ARGUMENT, "threads: expected 1 to 256, or 0 for all, got %d", o->threads);
    if (o->shard_tokens > LF_SHARD_MAX_TOKENS)
        return lf_error_set(err, LF_E_ARGUMENT, "shard-tokens: expected 1 to %d, got %" PRIu64, LF_SHARD_MAX_TOKENS, o->shard_tokens);
    if (!o->field) o->field = "text";
    if (!o->threads) o->threads = LF_MIN(lf__cpu_count(), 256);
    if (!o->shard_tokens) o->shard_tokens = LF_SHARD_DEFAULT_TOKENS;
    return 0;
}

static int collect(prepare *p, const char *const *inputs, int n_inputs, lf_error *err)
{
    size_t cap = 0;
    if (n_inputs < 1) return lf_error_set(err, LF_E_ARGUMENT, "prepare: no input given");
    for (int i = 0; i < n_inputs; i++)
        if (lf__text_files_add(&p->files, &p->n_files, &cap, inputs[i], err) != 0) return -1;
    for (int i = 0; i < p->n_files; i++) {
        struct stat st;
        if (stat(p->files[i], &st) == 0) p->total_bytes += (double)st.st_size;
    }
    int found = survey(p, err);
    if (found < 0) return -1;
    if (!found) {
        lf_error_set(err, LF_E_FORMAT, "%s%s: no text in it", p->files[0], p->n_files > 1 ? " and the other inputs" : "");
        return lf_error_hint(err, "foundry data synth --lang en --bytes 20M -o stories.txt makes some");
    }
    if (found > 1 && lf_tokenizer_end(p->tokenizer) < 0) {
        lf_error_set(err, LF_E_MISMATCH, "%s: several documents, but the tokenizer has no end token to put between them", p->files[0]);
        return lf_error_hint(err, "use a tokenizer with %s: foundry tokenizer train TEXT -o DIR; or join the text into one document",
                             LF_END_TOKEN);
    }
    if (found == 1 && p->options.val_fraction > 0) single_split(p);
    return 0;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------------------------- */

static int produce(prepare *p, const char *tmp, lf_error *err)
{
    char tokenizer_dir[LF_PATH_MAX];
    const lf_split_info *train = &p->index.info[LF_SPLIT_TRAIN], *val = &p->index.info[LF_SPLIT_VAL];
    p->threshold = (uint64_t)(p->options.val_fraction * 0x1p64);
    for (int attempt = 0;; attempt++) {
        if (pass_run(p, tmp, err) != 0) return -1;
        /* Few documents: the hashes may have given a split nothing. Then the smallest hash alone is validation, or the largest alone
         * is training. */
        bool poor = p->options.val_fraction > 0 && p->n_documents > 1 && !p->single && (!val->documents || !train->documents);
        if (!poor || attempt > 0) break;
        p->threshold = val->documents ? p->hash_max : p->hash_min + 1;
        pass_release(p);
        if (lf__remove_tree(tmp, err) != 0 || lf__make_dirs(tmp, err) != 0) return -1;
    }
    if (lf__path_join(tokenizer_dir, tmp, "tokenizer", err) != 0 || lf_tokenizer_save(p->tokenizer, tokenizer_dir, err) != 0 ||
        lf__shard_index_save(&p->index, tmp, err) != 0)
        return -1;
    p->done_bytes = p->total_bytes;
    return report(p, true, err);
}

int lf_prepare(const char *dir, const char *const *inputs, int n_inputs, const lf_tokenizer *tokenizer, const lf_prepare_options *options,
               lf_split_info *train, lf_split_info *val, lf_error *err)
{
    char target[LF_PATH_MAX], tmp[LF_PATH_MAX] = "";
    prepare p = {.tokenizer = tokenizer};
    if (options) p.options = *options;
    size_t k = strlen(dir);
    while (k > 1 && dir[k - 1] == '/') k--;
    if (!k || k >= sizeof target)
        return lf_error_set(err, LF_E_ARGUMENT, "prepare: expected the name of a folder to write, got \"%s\"", dir);
    snprintf(target, sizeof target, "%.*s", (int)k, dir);

    int rc = check_options(&p.options, err);
    if (rc == 0) rc = check_target(target, err);
    if (rc == 0) rc = collect(&p, inputs, n_inputs, err);
    if (rc == 0 && !(p.batches = lf__calloc(ROUND_BATCHES, sizeof *p.batches, err))) rc = -1;
    if (rc == 0 && !(p.pool = lf__pool_new(p.options.threads, 0, err))) rc = -1;
    if (rc == 0) rc = lf__dir_begin(tmp, target, err);
    if (rc == 0) {
        rc = produce(&p, tmp, err);
        if (rc == 0) {
            if (train) *train = p.index.info[LF_SPLIT_TRAIN];
            if (val) *val = p.index.info[LF_SPLIT_VAL];
            rc = lf__dir_commit(tmp, target, true, err);
        }
        if (rc != 0) lf__remove_tree(tmp, NULL);
    }
    pass_release(&p);
    for (size_t i = 0; p.batches && i < ROUND_BATCHES; i++) free(p.batches[i].pieces);
    free(p.batches);
    free(p.ids);
    if (p.pool) lf__pool_free(&p.pool);
    json_decref(p.single_text);
    lf__map_close(&p.single_map);
    lf_data_text_files_free(&p.files, p.n_files);
    return rc;
}
