/* word_count.c - files to words and how often each occurs, by all threads: reading, cutting into chunks, adding up. What a word is, and
 * what is learned from them, is the caller's (bpe_train.c, sp_train.c). Counts are sums: neither threads nor chunks can show. */
#include "tokenizer/unicode.h"
#include "tokenizer/word_count.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1 << 20 /* bytes a thread takes at a time */ };

/* ---- the map ------------------------------------------------------------------------------------------------------------------------ */

static int grow(lf_word_map *map, lf_error *err)
{
    lf_word_map grown = {.n_slots = LF_MAX(map->n_slots * 2, (size_t)1 << 14), .n = map->n};
    grown.slots = lf__calloc(grown.n_slots, sizeof *grown.slots, err);
    if (!grown.slots) return -1;
    for (size_t i = 0; i < map->n_slots; i++) {
        const lf_word_count *w = &map->slots[i];
        if (!w->bytes) continue;
        size_t slot = lf__word_hash(w->bytes, w->n) & (grown.n_slots - 1);
        while (grown.slots[slot].bytes) slot = (slot + 1) & (grown.n_slots - 1);
        grown.slots[slot] = *w;
    }
    free(map->slots);
    *map = grown;
    return 0;
}

int lf__word_map_add(lf_word_map *map, const char *bytes, uint32_t n, uint64_t count, lf_word_count **added, lf_error *err)
{
    if (added) *added = NULL;
    if ((map->n + 1) * 5 > map->n_slots * 3 && grow(map, err)) return -1;
    uint64_t hash = lf__word_hash(bytes, n);
    size_t slot = hash & (map->n_slots - 1);
    for (; map->slots[slot].bytes; slot = (slot + 1) & (map->n_slots - 1)) {
        lf_word_count *w = &map->slots[slot];
        if (w->tag == (uint32_t)(hash >> 32) && w->n == n && memcmp(w->bytes, bytes, n) == 0) return w->count += count, 0;
    }
    map->slots[slot] = (lf_word_count){bytes, count, n, (uint32_t)(hash >> 32)};
    map->n++;
    if (added) *added = &map->slots[slot];
    return 0;
}

/* ---- reading: a file is cut where every split rule ends a word: between a newline and what is not white space ------------------- */

static bool begins_word(const char *text, size_t at, size_t n)
{
    int32_t cp;
    if (at == 0 || text[at - 1] != '\n') return false;
    lf__utf8_decode(text + at, text + n, &cp);
    return !lf__is_space(cp) && cp != '/';
}

static int cut(lf_reader *r, const char *path, const lf_map *file, lf_error *err)
{
    const char *text = (const char *)file->data;
    if (file->size == 0) return lf_error_set(err, LF_E_FORMAT, "%s: the file is empty: expected text to learn from", path);
    for (size_t from = 0, to; from < file->size; from = to) {
        to = LF_MIN(from + CHUNK, file->size);
        while (to < file->size && !begins_word(text, to, file->size)) {
            const char *newline = memchr(text + to, '\n', file->size - to);
            to = newline ? (size_t)(newline - text) + 1 : file->size;
        }
        if (lf__grow(&r->chunks, &r->chunks_cap, r->n_chunks + 1, sizeof *r->chunks, err)) return -1;
        r->chunks[r->n_chunks++] = (lf_chunk){path, text, file->size, from, to, SIZE_MAX};
    }
    r->bytes_total += file->size;
    return 0;
}

/* Which separator the line that begins at `at` is exactly, or -1; *next is where the line after it begins. */
static int separator(const lf_reader *r, const lf_chunk *c, size_t at, size_t *next)
{
    const char *line = c->text + at, *newline = memchr(line, '\n', c->size - at);
    size_t n = newline ? (size_t)(newline - line) : c->size - at;
    *next = at + n + (newline != NULL);
    if (n == 0 || !r->first_byte[(uint8_t)*line]) return -1;
    for (int i = 0; r->separators[i]; i++)
        if (strlen(r->separators[i]) == n && memcmp(r->separators[i], line, n) == 0) return i;
    return -1;
}

/* Documents of a chunk: what stands between separator lines. A document that goes on in the next chunk is scanned with the text behind it
 * in view, so the words are those of the whole document. */
static int read_chunk(lf_reader *r, lf_chunk *c, int tid)
{
    const void *nul = memchr(c->text + c->from, 0, c->to - c->from);
    if (nul) c->bad = (size_t)((const char *)nul - c->text);
    for (size_t at = c->from, next = at; at < c->to && c->bad == SIZE_MAX; at = next) {
        size_t end = at;
        int special = -1;
        while (end < c->size && (special = separator(r, c, end, &next)) < 0 && end < c->to) end = next;
        if (at < end && r->take(r, c, tid, at, end, special >= 0 ? end : c->size)) return -1;
        if (end == c->to) break;
        if (special == 0) atomic_store(&r->found_end, true);
    }
    return 0;
}

static void read_worker(void *arg, int tid, int n_threads)
{
    lf_reader *r = arg;
    LF_UNUSED(n_threads);
    for (size_t i; !atomic_load(&r->stop) && (i = atomic_fetch_add(&r->next, 1)) < r->n_chunks;) {
        lf_chunk *c = &r->chunks[i];
        if (read_chunk(r, c, tid) || c->bad != SIZE_MAX) atomic_store(&r->stop, true);
        size_t done = atomic_fetch_add(&r->bytes_done, c->to - c->from) + (c->to - c->from);
        if (tid != 0 || !r->progress || done == r->bytes_total || lf__now() - r->reported < 0.1) continue;
        r->reported = lf__now();
        if (r->progress("reading", (double)done, (double)r->bytes_total, "bytes", r->progress_user)) {
            lf_error_set(&r->errors[0], LF_E_INTERRUPTED, "stopped while reading: nothing was learned or written");
            atomic_store(&r->stop, true);
        }
    }
}

/* Chunks are taken in order, so the first bad one is the same whatever the threads did. */
static int read_result(const lf_reader *r, int threads, lf_error *err)
{
    for (size_t i = 0; i < r->n_chunks; i++) {
        const lf_chunk *c = &r->chunks[i];
        if (c->bad == SIZE_MAX) continue;
        uint8_t byte = (uint8_t)c->text[c->bad];
        if (byte == 0)
            return lf_error_set(err, LF_E_FORMAT, "%s: byte %zu is NUL: expected text, this looks like a binary file", c->path, c->bad);
        lf_error_set(err, LF_E_FORMAT, "%s: byte %zu: 0x%02X is not valid UTF-8: %s", c->path, c->bad, byte, r->bad_byte);
        return lf_error_hint(err, "%s", r->bad_hint);
    }
    for (int i = 0; i < threads; i++)
        if (r->errors[i].code != LF_OK) return lf_error_set(err, r->errors[i].code, "%s", r->errors[i].message);
    if (r->progress && r->progress("reading", (double)r->bytes_total, (double)r->bytes_total, "bytes", r->progress_user))
        return lf_error_set(err, LF_E_INTERRUPTED, "stopped while reading: nothing was learned or written");
    return 0;
}

static int sum_maps(lf_reader *r, lf_error *err)
{
    for (int i = 1; i < r->threads; i++) {
        for (size_t k = 0; k < r->maps[i].n_slots; k++) {
            const lf_word_count *w = &r->maps[i].slots[k];
            if (w->bytes && lf__word_map_add(&r->maps[0], w->bytes, w->n, w->count, NULL, err)) return -1;
        }
        free(r->maps[i].slots);
        r->maps[i] = (lf_word_map){0};
    }
    return 0;
}

int lf__read_words(lf_reader *r, const char *const *paths, int n_paths, lf_error *err)
{
    if (n_paths < 1) return lf_error_set(err, LF_E_ARGUMENT, "no text to learn from: expected at least one file");
    for (int i = 0; r->separators[i]; i++) r->first_byte[(uint8_t)r->separators[i][0]] = true;
    r->files = lf__calloc((size_t)n_paths, sizeof *r->files, err);
    r->maps = lf__calloc((size_t)r->threads, sizeof *r->maps, err);
    r->errors = lf__calloc((size_t)r->threads, sizeof *r->errors, err);
    if (!r->files || !r->maps || !r->errors) return -1;
    for (; r->n_files < n_paths; r->n_files++)
        if (lf__map_open(&r->files[r->n_files], paths[r->n_files], err) || cut(r, paths[r->n_files], &r->files[r->n_files], err)) return -1;
    lf_pool *pool = lf__pool_new(r->threads, 0, err);
    if (!pool) return -1;
    lf__pool_run(pool, read_worker, r);
    lf__pool_free(&pool);
    return read_result(r, r->threads, err) || sum_maps(r, err) ? -1 : 0;
}

void lf__reader_release(lf_reader *r)
{
    for (int i = 0; r->maps && i < r->threads; i++) free(r->maps[i].slots);
    for (int i = 0; r->files && i < r->n_files; i++) lf__map_close(&r->files[i]);
    free(r->maps), free(r->files), free(r->errors), free(r->chunks);
}
