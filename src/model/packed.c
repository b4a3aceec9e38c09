/* packed.c - the packed copy of a model that only talks: all of its arena in a file, mapped back when the same files are opened into the
 * same types again. Any thread, one call a model; two processes may race: each writes a whole file, the last one stays.
 *
 *   | head, padded to 64 KiB | the arena: embedding, what enters no product, panels, rotary tables |
 *
 * A copy of other files or types is stale and made anew. So is one that is not what was written: every byte is hashed at each opening
 * (0.13 s a gigabyte and thread), which also brings in the pages that the first token will want. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/model.h"

enum {
    HEAD = 65536 /* a multiple of any page */,
    BEGINNING = 65536,
    PLACES = 64,
    PLACE = 4096,
    VERSION = 1 /* of the head and of panels */
};

typedef struct packed_head {
    char magic[8];
    uint64_t version, source, shape, bytes, hash; /* bytes and hash: of the arena */
    uint64_t check;                               /* hash of what is above        */
} packed_head;

static uint64_t check_of(const packed_head *h) { return lf__hash64(h, offsetof(packed_head, check), 0); }

/* ---- what a copy is of ------------------------------------------------------------------------------------------------------- */
/* The files: name, size, time, how they begin and what stands at PLACES of them; and all of a folder's config.json. */
static int source_key(uint64_t *key, const lf_source *s, const char *path, lf_error *err)
{
    char config[LF_PATH_MAX] = "";
    lf_buf text;
    lf__buf_init(&text, SIZE_MAX / 2);
    uint8_t *bytes = lf__calloc(1, BEGINNING, err);
    int status = bytes ? 0 : -1;
    const lf_file *last = NULL;
    for (size_t i = 0; i < s->weights.n && !status; i++) {
        const lf_file *f = s->weights.tensors[i].file;
        struct stat st = {0};
        if (f == last) continue;
        last = f;
        uint64_t hash = 0;
        if (fstat(f->fd, &st)) status = lf__io_error(err, "look at", f->path, errno);
        for (size_t k = 0; k < PLACES && !status; k++) {
            size_t at = f->map.size / PLACES * k, n = LF_MIN(f->map.size - at, (size_t)(k ? PLACE : BEGINNING));
            status = lf__file_read(bytes, f, at, n, err);
            hash = lf__hash64(bytes, n, hash);
        }
        lf__buf_printf(&text, "%s %zu %lld.%09ld %" PRIx64 "\n", lf__path_name(f->path), f->map.size, (long long)st.st_mtim.tv_sec,
                       (long)st.st_mtim.tv_nsec, hash);
    }
    if (!status && lf__path_is_dir(path)) status = lf__path_join(config, path, "config.json", err);
    if (!status && config[0] && lf__path_exists(config)) status = lf__read_file(&text, config, 16 << 20, err);
    if (!status && text.failed) status = lf_error_set(err, LF_E_MEMORY, "%s: out of memory", path);
    if (!status) *key = lf__hash64(text.data, text.len, 0);
    lf__buf_release(&text);
    free(bytes);
    return status;
}

/* ---- opening, writing -------------------------------------------------------------------------------------------------------- */
int lf__packed_find(lf_packed *p, const lf_source *s, const lf_dtype *types, const lf_packed_names *names, lf_error *err)
{
    char name[LF_PATH_MAX], beside[LF_PATH_MAX];
    const char *base = lf__path_name(names->path);
    bool folder = lf__path_is_dir(names->path);
    int n = snprintf(name, sizeof name, "%.*s%s%s-%s.packed", folder ? 0 : (int)strcspn(base, "/"), base, folder ? "weights-" : ".",
                     names->weights, names->isa);
    if (n < 0 || (size_t)n >= sizeof name) return lf_error_set(err, LF_E_LIMIT, "%s: the path is too long", names->path);
    size_t dir = folder ? strlen(names->path) : (size_t)(base - names->path);
    if (snprintf(beside, sizeof beside, "%.*s", (int)dir, dir ? names->path : ".") < 0 || !dir) strcpy(beside, ".");
    *p = (lf_packed){.shape = lf__model_shape(s->model, types)};
    if (lf__path_join(p->path, names->folder && *names->folder ? names->folder : beside, name, err)) return -1;
    return source_key(&p->source, s, names->path, err);
}

lf_model *lf__packed_open(const lf_packed *p, lf_device *device, const lf_model_config *config, const lf_dtype *types)
{
    packed_head h;
    uint64_t hash = 0;
    lf_error why = {0};
    lf_model *m = NULL;
    if (!lf__path_exists(p->path)) return NULL;
    lf_file *f = lf__file_open(p->path, &why);
    bool whole = f && f->map.size >= HEAD && lf__file_read(&h, f, 0, sizeof h, &why) == 0 && memcmp(h.magic, "LFPACKED", 8) == 0 &&
                 h.check == check_of(&h) && h.bytes == f->map.size - HEAD;
    bool ours = whole && h.version == VERSION && h.source == p->source && h.shape == p->shape;
    lf__file_close(&f);
    if (ours) m = lf__model_alloc_mapped(device, config, types, &(lf_model_image){p->path, HEAD, h.bytes}, &why);
    if (m && (lf__model_hash(&hash, m, &why) || hash != h.hash)) lf_model_free(&m), whole = false;
    if (!m && !whole)
        lf__log(LF_LOG_WARNING, "%s is damaged%s%s; the weights are packed anew", p->path, *why.message ? ": " : "", why.message);
    else if (!m)
        lf__log(LF_LOG_INFO, "%s is a copy of other files or types%s%s; the weights are packed anew", p->path, *why.message ? ": " : "",
                why.message);
    return m;
}

int lf__packed_write(const lf_packed *p, lf_model *m, lf_error *err)
{
    packed_head h = {.version = VERSION, .source = p->source, .shape = p->shape};
    uint8_t *head = lf__calloc(1, HEAD, err);
    size_t n;
    const void *bytes = lf__arena_contents(&m->weights, &n);
    memcpy(h.magic, "LFPACKED", 8);
    h.bytes = n;
    if (!head || lf__model_hash(&h.hash, m, err)) {
        free(head);
        return -1;
    }
    h.check = check_of(&h);
    memcpy(head, &h, sizeof h);
    lf_writer *w = lf__writer_open_sized(p->path, HEAD + (uint64_t)n, err);
    if (w) {
        lf__writer_add(w, head, HEAD); /* failures are sticky */
        lf__writer_add(w, bytes, n);
    }
    free(head);
    return w ? lf__writer_commit(&w, err) : -1;
}
