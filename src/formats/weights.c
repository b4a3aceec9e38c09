/* weights.c - one face over whatever holds the weights of a model: finds out what a path is, opens all its files, joins their tensors into
 * one sorted list. Formats are safetensors.c, gguf.c and llama2c.c. Immutable once open. */
#include "formats/formats.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define SINGLE "model.safetensors"
#define INDEX  "model.safetensors.index.json"

enum { PARTS_MAX = 512, INDEX_MAX = 32 << 20 };

struct lf_weights_part {
    lf_safetensors st; /* one of the three is open */
    lf_gguf gguf;
    lf_llama2c llama2c;
};

/* ---- paths ------------------------------------------------------------------------------------------------------------------------ */
static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* ---- parts ------------------------------------------------------------------------------------------------------------------------ */
static struct lf_weights_part *new_parts(lf_weights *w, size_t n, lf_error *err)
{
    struct lf_weights_part *parts = lf__calloc(n, sizeof *parts, err);
    if (parts && w->n_parts) memcpy(parts, w->parts, w->n_parts * sizeof *parts);
    if (parts) free(w->parts), w->parts = parts;
    return parts;
}

static void append(lf_weights *w, const lf_file_tensor *tensors, size_t n)
{
    if (n) memcpy(w->tensors + w->n, tensors, n * sizeof *tensors);
    w->n += n;
}

/* The tensors of all parts in one list; a name may be there once. */
static int join(lf_weights *w, lf_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < w->n_parts; i++) total += w->parts[i].st.n + w->parts[i].gguf.n + w->parts[i].llama2c.n;
    if (!(w->tensors = lf__calloc(total, sizeof *w->tensors, err))) return -1;
    for (size_t i = 0; i < w->n_parts; i++) {
        const struct lf_weights_part *p = &w->parts[i];
        append(w, p->st.tensors, p->st.n);
        append(w, p->gguf.tensors, p->gguf.n);
        append(w, p->llama2c.tensors, p->llama2c.n);
    }
    const char *twice = lf__tensors_sort(w->tensors, w->n);
    if (!twice) return 0;
    const lf_file_tensor *t = lf__weights_find(w, twice);
    return lf_error_set(err, LF_E_FORMAT, "%s: tensor \"%.128s\": it is in another file of this model, too", t->file->path, twice);
}

static int open_safetensors(lf_weights *w, const char *path, lf_error *err)
{
    w->kind = LF_WEIGHTS_SAFETENSORS;
    if (!new_parts(w, 1, err) || lf__safetensors_open(&w->parts[0].st, path, err)) return -1;
    w->n_parts = 1;
    return 0;
}

/* ---- safetensors with an index ------------------------------------------------------------------------------------------------------ */
static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* The files that the map names, each once; *files belongs to the caller, its texts to the map. */
static int shard_names(json_t *map, const char *path, const char ***files, size_t *n, lf_error *err)
{
    const char *tensor;
    json_t *file;
    size_t all = 0;
    if (!(*files = lf__calloc(json_object_size(map), sizeof **files, err))) return -1;
    json_object_foreach(map, tensor, file)
    {
        const char *name = json_string_value(file);
        if (!name || !*name || strchr(name, '/') || !ends_with(name, ".safetensors"))
            return lf_error_set(err, LF_E_FORMAT,
                                "%s: weight_map: \"%.128s\": expected the name of a .safetensors file beside the index, got %s%.128s", path,
                                tensor, name ? "" : "something else", name ? name : "");
        (*files)[all++] = name;
    }
    qsort(*files, all, sizeof **files, by_text);
    *n = 0;
    for (size_t i = 0; i < all; i++)
        if (i == 0 || strcmp((*files)[i], (*files)[*n - 1]) != 0) (*files)[(*n)++] = (*files)[i];
    if (*n == 0) return lf_error_set(err, LF_E_FORMAT, "%s: weight_map: it names no tensor", path);
    if (*n > PARTS_MAX) return lf_error_set(err, LF_E_LIMIT, "%s: weight_map: %zu files, at most %d can be open", path, *n, PARTS_MAX);
    return 0;
}

/* Every tensor of the map is in the file it names, and the files hold no others. */
static int check_map(const lf_weights *w, json_t *map, const char *path, lf_error *err)
{
    size_t found = 0;
    const char *tensor;
    json_t *file;
    for (size_t p = 0; p < w->n_parts; p++) {
        const lf_safetensors *st = &w->parts[p].st;
        for (size_t i = 0; i < st->n; i++, found++) {
            const char *named = json_string_value(json_object_get(map, st->tensors[i].name));
            if (!named || strcmp(named, lf__path_name(st->file->path)) != 0)
                return lf_error_set(err, LF_E_FORMAT, "%s: tensor \"%.128s\" is here, the index %s%.128s", st->file->path,
                                    st->tensors[i].name, named ? "expects it in " : "does not know it", named ? named : "");
        }
    }
    if (found == json_object_size(map)) return 0;
    json_object_foreach(map, tensor, file)
    {
        for (size_t p = 0; p < w->n_parts; p++)
            if (strcmp(lf__path_name(w->parts[p].st.file->path), json_string_value(file)) == 0 &&
                !lf__safetensors_find(&w->parts[p].st, tensor))
                return lf_error_set(err, LF_E_FORMAT, "%s: tensor \"%.128s\" is not here, but the index says so (%s)",
                                    w->parts[p].st.file->path, tensor, path);
    }
    return 0;
}

static int open_shards(lf_weights *w, const char *dir, json_t *map, const char *path, lf_error *err)
{
    const char **files = NULL;
    size_t n = 0;
    int status = shard_names(map, path, &files, &n, err);
    if (!status && !new_parts(w, n, err)) status = -1;
    for (size_t i = 0; i < n && !status; i++) {
        char shard[LF_PATH_MAX];
        status = lf__path_inside(shard, dir, files[i], err) || lf__safetensors_open(&w->parts[i].st, shard, err) ? -1 : 0;
        if (status && err && err->code == LF_E_NOT_FOUND) lf_error_hint(err, "the model comes in %zu files: fetch the missing ones", n);
        if (!status) w->n_parts++;
    }
    free(files);
    return status ? -1 : check_map(w, map, path, err);
}

static int open_index(lf_weights *w, const char *dir, const char *name, lf_error *err)
{
    char path[LF_PATH_MAX];
    w->kind = LF_WEIGHTS_SAFETENSORS;
    if (lf__path_inside(path, dir, name, err)) return -1;
    json_t *root = lf__json_load(path, INDEX_MAX, err);
    if (!root) return -1;
    json_t *map = json_object_get(root, "weight_map"), *total = json_object_get(json_object_get(root, "metadata"), "total_size");
    int status = -1;
    if (!json_is_object(map))
        lf_error_set(err, LF_E_FORMAT, "%s: weight_map: expected an object that names a file for each tensor", path);
    else if (total &&
             (!json_is_number(total) || json_number_value(total) < 0)) /* a remark: files in the field are off, and nobody reads it */
        lf_error_set(err, LF_E_FORMAT, "%s: metadata.total_size: expected a number of bytes", path);
    else
        status = open_shards(w, dir, map, path, err);
    json_decref(root);
    return status;
}

/* ---- GGUF, split or not -------------------------------------------------------------------------------------------------------------- */
/* The place of "00001-of-00003.gguf" in the name of a part, or NULL. */
static const char *split_suffix(const char *name, int *number, int *count)
{
    enum { SUFFIX = 19 };
    size_t n = strlen(name);
    if (n < SUFFIX + 1 || name[n - SUFFIX - 1] != '-') return NULL;
    const char *at = name + n - SUFFIX;
    int used = 0;
    return sscanf(at, "%5d-of-%5d.gguf%n", number, count, &used) == 2 && used == SUFFIX ? at : NULL;
}

static int check_part(const lf_gguf *g, int64_t number, int64_t count, lf_error *err)
{
    int64_t is = -1, of = -1;
    if (lf__gguf_get_int(g, "split.no", 0, UINT16_MAX, &is, err) || lf__gguf_get_int(g, "split.count", 0, UINT16_MAX, &of, err)) return -1;
    if (is == number && of == count) return 0;
    return lf_error_set(err, LF_E_MISMATCH,
                        "%s: it says that it is part %" PRId64 " of %" PRId64 " (counted from 0), expected %" PRId64 " of %" PRId64,
                        g->file->path, is, of, number, count);
}

static int open_rest(lf_weights *w, const char *path, int64_t count, lf_error *err)
{
    int number = 0, named = 0;
    char dir[LF_PATH_MAX], name[LF_PATH_MAX + 64], part[LF_PATH_MAX];
    const char *suffix = split_suffix(path, &number, &named), *base = lf__path_name(path);
    if (count > PARTS_MAX) return lf_error_set(err, LF_E_LIMIT, "%s: %" PRId64 " parts, at most %d can be open", path, count, PARTS_MAX);
    if (!suffix || number != 1 || named != count) {
        lf_error_set(err, LF_E_ARGUMENT,
                     "%s: one of %" PRId64 " parts of a GGUF; the name of the first is needed, \"...-00001-of-%05d.gguf\"", path, count,
                     (int)count);
        return suffix ? lf_error_hint(err, "name %.*s00001-of-%05d.gguf", (int)(suffix - path), path, (int)count) : -1;
    }
    if (check_part(w->gguf, 0, count, err) || !new_parts(w, (size_t)count, err)) return -1;
    w->gguf = &w->parts[0].gguf;
    snprintf(dir, sizeof dir, "%.*s", (int)(base - path), path);
    for (int64_t i = 1; i < count; i++) {
        lf_gguf *g = &w->parts[i].gguf;
        snprintf(name, sizeof name, "%.*s%05d-of-%05d.gguf", (int)(suffix - base), base, (int)i + 1, (int)count);
        if (lf__path_inside(part, dir, name, err) || lf__gguf_open(g, part, err)) {
            if (err && err->code == LF_E_NOT_FOUND) lf_error_hint(err, "the model comes in %d files: fetch the missing ones", (int)count);
            return -1;
        }
        w->n_parts++;
        if (check_part(g, i, count, err)) return -1;
    }
    return 0;
}

static int open_gguf(lf_weights *w, const char *path, lf_error *err)
{
    int64_t count = 1, tensors = -1;
    w->kind = LF_WEIGHTS_GGUF;
    if (!new_parts(w, 1, err) || lf__gguf_open(&w->parts[0].gguf, path, err)) return -1;
    w->n_parts = 1;
    w->gguf = &w->parts[0].gguf;
    if (lf__gguf_get_int(w->gguf, "split.count", 0, UINT16_MAX, &count, err)) return -1;
    if (count <= 1) return 0;
    if (open_rest(w, path, count, err) || lf__gguf_get_int(w->gguf, "split.tensors.count", 0, INT32_MAX, &tensors, err)) return -1;
    size_t found = 0;
    for (size_t i = 0; i < w->n_parts; i++) found += w->parts[i].gguf.n;
    if (tensors >= 0 && (size_t)tensors != found)
        return lf_error_set(err, LF_E_MISMATCH, "%s: key \"split.tensors.count\": %" PRId64 " tensors, but the %zu parts hold %zu", path,
                            tensors, w->n_parts, found);
    return 0;
}

static int open_llama2c(lf_weights *w, const char *path, lf_error *err)
{
    w->kind = LF_WEIGHTS_LLAMA2C;
    if (!new_parts(w, 1, err) || lf__llama2c_open(&w->parts[0].llama2c, path, err)) return -1;
    w->n_parts = 1;
    w->llama2c = &w->parts[0].llama2c;
    return 0;
}

/* ---- what is this path? -------------------------------------------------------------------------------------------------- */
static int refuse_pickle(const char *path, lf_error *err)
{
    lf_error_set(err, LF_E_UNSUPPORTED, "%s: a pickled PyTorch file: reading it would run the program inside it, so it is not read", path);
    return lf_error_hint(err, "convert it where you trust it: python3 -c 'from transformers import AutoModelForCausalLM as M; "
                              "M.from_pretrained(\"FOLDER\").save_pretrained(\"OUT\", safe_serialization=True)'");
}

static int open_file(lf_weights *w, const char *path, lf_error *err)
{
    if (ends_with(path, ".index.json")) {
        char dir[LF_PATH_MAX];
        const char *name = lf__path_name(path);
        snprintf(dir, sizeof dir, "%.*s", (int)(name - path), path);
        return open_index(w, dir, name, err);
    }
    lf_file *file = lf__file_open(path, err);
    if (!file) return -1;
    uint8_t head[9] = {0}; /* looked at by copying: the file may be cut at any moment */
    size_t size = file->map.size;
    int status = lf__file_read(head, file, 0, LF_MIN(size, sizeof head), err);
    lf__file_close(&file);
    if (status) return -1;
    if (memcmp(head, "GGUF", 4) == 0 || ends_with(path, ".gguf")) return open_gguf(w, path, err);
    if (head[8] == '{' || ends_with(path, ".safetensors")) return open_safetensors(w, path, err);
    if (memcmp(head, "PK\3\4", 4) == 0 || (head[0] == 0x80 && head[1] >= 2 && head[1] <= 5)) return refuse_pickle(path, err);
    if (ends_with(path, ".bin")) return open_llama2c(w, path, err);
    lf_error_set(err, LF_E_UNSUPPORTED, "%s: neither a safetensors nor a GGUF file (%zu bytes)", path, size);
    return lf_error_hint(err, "name a model folder, a .safetensors or .gguf file, or a .bin of llama2.c");
}

/* The one GGUF file of a folder (of a split one: its first part), or what is wrong with it. */
static int open_folder_gguf(lf_weights *w, const char *dir, lf_error *err)
{
    char **names, path[LF_PATH_MAX], first[256] = "";
    size_t n, found = 0;
    bool pickle = false;
    if (lf__list_dir(dir, &names, &n, err)) return -1;
    for (size_t i = 0; i < n; i++) {
        int number = 1, count;
        pickle |= strncmp(names[i], "pytorch_model", 13) == 0 && ends_with(names[i], ".bin");
        if (!ends_with(names[i], ".gguf") || (split_suffix(names[i], &number, &count) && number != 1)) continue;
        if (found++ == 0) snprintf(first, sizeof first, "%s", names[i]);
    }
    lf__names_free(&names, n);
    if (found == 1) return lf__path_inside(path, dir, first, err) ? -1 : open_gguf(w, path, err);
    if (found > 1) {
        lf_error_set(err, LF_E_ARGUMENT, "%s holds %zu GGUF models, one is needed", dir, found);
        return lf_error_hint(err, "name the file: %s/%s", dir, first);
    }
    if (pickle) return refuse_pickle(dir, err);
    lf_error_set(err, LF_E_NOT_FOUND, "%s holds no weights: neither " SINGLE " nor " INDEX " nor a .gguf file is there", dir);
    return lf_error_hint(err, "see what is there: ls %s", dir);
}

static int open_folder(lf_weights *w, const char *dir, lf_error *err)
{
    char path[LF_PATH_MAX], index[LF_PATH_MAX];
    if (lf__path_inside(path, dir, SINGLE, err) || lf__path_join(index, dir, INDEX, err)) return -1;
    if (lf__path_exists(path)) return open_safetensors(w, path, err);
    return lf__path_exists(index) ? open_index(w, dir, INDEX, err) : open_folder_gguf(w, dir, err);
}

int lf__weights_open(lf_weights *w, const char *path, lf_error *err)
{
    *w = (lf_weights){0};
    int status = lf__path_is_dir(path) ? open_folder(w, path, err) : open_file(w, path, err);
    if (!status) status = join(w, err);
    if (status) lf__weights_close(w);
    return status;
}

void lf__weights_close(lf_weights *w)
{
    for (size_t i = 0; i < w->n_parts; i++) {
        lf__safetensors_close(&w->parts[i].st);
        lf__gguf_close(&w->parts[i].gguf);
        lf__llama2c_close(&w->parts[i].llama2c);
    }
    free(w->parts);
    free(w->tensors);
    *w = (lf_weights){0};
}

const lf_file_tensor *lf__weights_find(const lf_weights *w, const char *name) { return lf__tensors_find(w->tensors, w->n, name); }
