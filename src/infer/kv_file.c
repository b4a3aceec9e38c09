/* kv_file.c - pages of the tree in a file, and back into a tree: what was read once need not be read again after a restart. Not the tree
 * (kv_pool.c). Files appear whole, say whose they are, and are added to a tree only after every byte of them was checked.
 *
 *   | header 128 | tokens [pages][64] int32 | pages [pages][page_bytes] | hash of all before, 8 |      little-endian */
#include "infer/infer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char MAGIC[8] = "lf-pages";
enum { VERSION = 2, TOKENS = LF_KV_BLOCK * sizeof(int32_t) };

typedef struct kv_header {
    char magic[8];
    uint32_t version, pages, page_tokens;
    int32_t type; /* its number in GGUF files */
    uint32_t n_layers, n_kv_heads, head_dim, vocab_size;
    uint64_t page_bytes, model;
    char isa[16];
    char zero[56];
} kv_header;
_Static_assert(sizeof(kv_header) == 128, "as the file has it");

static kv_header header_of(const lf_kv_owner *o, int pages)
{
    kv_header h = {.version = VERSION,
                   .pages = (uint32_t)pages,
                   .page_tokens = LF_KV_BLOCK,
                   .type = lf__dtype(o->shape.type)->ggml,
                   .n_layers = (uint32_t)o->shape.n_layers,
                   .n_kv_heads = (uint32_t)o->shape.n_kv_heads,
                   .head_dim = (uint32_t)o->shape.head_dim,
                   .vocab_size = (uint32_t)o->vocab_size,
                   .page_bytes = lf__kv_page_bytes(&o->shape),
                   .model = o->model};
    memcpy(h.magic, MAGIC, sizeof h.magic);
    snprintf(h.isa, sizeof h.isa, "%s", o->isa);
    return h;
}

static bool file_size(size_t *size, const kv_header *h)
{
    size_t all, rest = sizeof *h + sizeof(uint64_t);
    if (h->page_bytes > SIZE_MAX - TOKENS || !lf__mul_size(&all, (size_t)h->page_bytes + TOKENS, h->pages) || all > SIZE_MAX - rest)
        return false;
    *size = all + rest;
    return true;
}

/* ---- saving ------------------------------------------------------------------------------------------------------------------------- */
static void add(lf_writer *w, lf_hash *hash, const void *bytes, size_t n)
{
    lf__hash_add(hash, bytes, n);
    lf__writer_add(w, bytes, n); /* failures are kept until the commit */
}

int lf__kv_save(lf_kv_pool *pool, const lf_kv_owner *o, const char *path, const int32_t *tokens, int n_tokens, lf_error *err)
{
    int most = n_tokens / LF_KV_BLOCK, *pages = lf__calloc((size_t)most + 1, sizeof *pages, err);
    if (!pages) return -1;
    int n = lf__kv_pool_match(pool, pages, tokens, most), status = 0;
    kv_header h = header_of(o, n);
    size_t size = 0;
    lf_writer *w = NULL;
    if (n > 0 && !file_size(&size, &h))
        status = lf_error_set(err, LF_E_LIMIT, "%d pages of keys and values are too large for a file", n);
    else if (n > 0 && !(w = lf__writer_open_sized(path, size, err)))
        status = -1;
    if (w) {
        lf_hash hash;
        lf__hash_init(&hash, size - sizeof(uint64_t), VERSION);
        add(w, &hash, &h, sizeof h);
        add(w, &hash, tokens, (size_t)n * TOKENS);
        for (int i = 0; i < n; i++) add(w, &hash, lf__kv_pool_data(pool, pages[i]), (size_t)h.page_bytes);
        uint64_t end = lf__hash_end(&hash);
        lf__writer_add(w, &end, sizeof end);
        status = lf__writer_commit(&w, err);
    }
    for (int i = n - 1; i >= 0; i--) lf__kv_pool_release(pool, pages[i]);
    free(pages);
    return status ? -1 : n * LF_KV_BLOCK;
}

/* ---- loading ------------------------------------------------------------------------------------------------------------------------- */
static int another_file(lf_error *err)
{
    return lf_error_hint(err, "name another file, or delete this one if it is not needed: the text can be read again");
}

static int not_ours(lf_error *err, const char *path, const char *what, int64_t theirs, int64_t ours)
{
    lf_error_set(err, LF_E_MISMATCH, "%s: keys and values of another model: %s is %" PRId64 ", here %" PRId64, path, what, theirs, ours);
    return another_file(err);
}

/* Is it a whole file of ours, and of this engine? */
static int check_header(const kv_header *h, const lf_kv_owner *o, const lf_file *f, lf_error *err)
{
    size_t size = 0;
    kv_header mine = header_of(o, 1);
    if (memcmp(h->magic, MAGIC, sizeof h->magic) != 0) {
        lf_error_set(err, LF_E_FORMAT, "%s: no file of keys and values: it does not begin with \"%.8s\"", f->path, MAGIC);
        return another_file(err);
    }
    if (h->version != VERSION || h->page_tokens != LF_KV_BLOCK) {
        lf_error_set(err, LF_E_UNSUPPORTED, "%s: version %" PRIu32 " with pages of %" PRIu32 " tokens; version %d with %d is read", f->path,
                     h->version, h->page_tokens, VERSION, LF_KV_BLOCK);
        return another_file(err);
    }
    if (h->pages < 1 || h->pages > INT32_MAX / LF_KV_BLOCK || !file_size(&size, h) || size != f->map.size) {
        lf_error_set(err, LF_E_FORMAT, "%s: damaged: %" PRIu32 " pages of %" PRIu64 " bytes make a file of %zu bytes, it has %zu", f->path,
                     h->pages, h->page_bytes, size, f->map.size);
        return another_file(err);
    }
    const struct {
        const char *what;
        int64_t theirs, ours;
    } facts[] = {{"the number of layers", h->n_layers, mine.n_layers},
                 {"the number of key-value heads", h->n_kv_heads, mine.n_kv_heads},
                 {"the width of a head", h->head_dim, mine.head_dim},
                 {"the size of the vocabulary", h->vocab_size, mine.vocab_size},
                 {"the size of a page", (int64_t)h->page_bytes, (int64_t)mine.page_bytes}};
    int type = h->type < 0 ? -1 : lf__dtype_find_ggml((uint32_t)h->type);
    if (type >= 0 && h->type != mine.type) {
        lf_error_set(err, LF_E_MISMATCH, "%s: keys and values are kept as %s, here as %s", f->path, lf__dtype((lf_dtype)type)->name,
                     lf__dtype(o->shape.type)->name);
        return another_file(err);
    }
    for (size_t i = 0; i < LF_COUNT(facts); i++)
        if (facts[i].theirs != facts[i].ours) return not_ours(err, f->path, facts[i].what, facts[i].theirs, facts[i].ours);
    if (memcmp(h->isa, mine.isa, sizeof h->isa) != 0) {
        lf_error_set(err, LF_E_MISMATCH, "%s: keys and values of the instruction set %.15s; %s may compute other bits", f->path, h->isa,
                     o->isa);
        return lf_error_hint(err, "open the device with that instruction set, or let the text be read again");
    }
    if (h->model == mine.model) return 0;
    lf_error_set(err, LF_E_MISMATCH, "%s: keys and values of another model of the same shape, of other weights or settings", f->path);
    return another_file(err);
}

/* Next n bytes of the file; they join its hash. */
typedef struct reader {
    const lf_file *file;
    size_t at;
    lf_hash hash;
} reader;

static int take(reader *r, void *out, size_t n, lf_error *err)
{
    if (lf__file_read(out, r->file, r->at, n, err)) return -1;
    lf__hash_add(&r->hash, out, n);
    r->at += n;
    return 0;
}

/* Pages [*n, n_pages) into pages of the pool as long as there are any, and by the hash alone behind them. *n grows. */
static int read_pages(reader *r, lf_kv_pool *pool, int *pages, int *n, int n_pages, size_t page_bytes, lf_error *err)
{
    void *spare = lf__calloc(1, page_bytes, err);
    int status = spare ? 0 : -1, found = *n;
    for (int i = 0; i < n_pages && !status; i++) {
        int page = i < found || *n < i ? -1 : lf__kv_pool_take(pool);
        if (page >= 0) pages[(*n)++] = page;
        status = take(r, page >= 0 ? lf__kv_pool_data(pool, page) : spare, page_bytes, err);
    }
    free(spare);
    return status;
}

static int check_end(const reader *r, const int32_t *tokens, int n, int vocab_size, lf_error *err)
{
    uint64_t end;
    if (lf__file_read(&end, r->file, r->at, sizeof end, err)) return -1;
    if (end != lf__hash_end(&r->hash)) {
        lf_error_set(err, LF_E_FORMAT, "%s: damaged: the checksum at byte %zu is not that of the bytes before", r->file->path, r->at);
        return lf_error_hint(err, "delete the file: the text can be read again");
    }
    for (int i = 0; i < n; i++)
        if (tokens[i] < 0 || tokens[i] >= vocab_size)
            return lf_error_set(err, LF_E_FORMAT, "%s: token %d has id %" PRId32 "; the vocabulary ends at %d", r->file->path, i, tokens[i],
                                vocab_size - 1);
    return 0;
}

int lf__kv_load(lf_kv_pool *pool, const lf_kv_owner *o, const lf_file *f, lf_error *err)
{
    kv_header h;
    reader r = {.file = f};
    if (f->map.size < sizeof h + sizeof(uint64_t))
        return lf_error_set(err, LF_E_FORMAT, "%s: no file of keys and values: %zu bytes are fewer than its header has", f->path,
                            f->map.size);
    lf__hash_init(&r.hash, f->map.size - sizeof(uint64_t), VERSION);
    if (take(&r, &h, sizeof h, err) || check_header(&h, o, f, err)) return -1;
    int n_pages = (int)h.pages, found = 0, n = 0, parent = -1;
    int *pages = lf__calloc((size_t)n_pages, sizeof *pages, err);
    int32_t *tokens = lf__calloc((size_t)n_pages, TOKENS, err);
    int status = pages && tokens ? take(&r, tokens, (size_t)n_pages * TOKENS, err) : -1;
    if (!status) {
        n = found = lf__kv_pool_match(pool, pages, tokens, n_pages);
        status = read_pages(&r, pool, pages, &n, n_pages, (size_t)h.page_bytes, err) ||
                 check_end(&r, tokens, n_pages * LF_KV_BLOCK, o->vocab_size, err);
    }
    for (int i = 0; i < n && !status; i++) {
        if (i >= found) pages[i] = lf__kv_pool_publish(pool, pages[i], parent, tokens + (size_t)i * LF_KV_BLOCK);
        parent = pages[i];
    }
    for (int i = n - 1; i >= 0; i--) lf__kv_pool_release(pool, pages[i]);
    free(pages);
    free(tokens);
    return status ? -1 : n * LF_KV_BLOCK;
}
