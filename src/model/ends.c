/* ends.c - which tokens a model's files say an answer ends with: one in a config, several in chat models. Read once when a model is
 * loaded; immutable afterwards. */
#include <jansson.h>
#include <string.h>

#include "formats/formats.h"
#include "model/model.h"

enum { FILE_MAX = 16 << 20 };

static void add(lf_model *m, int64_t id)
{
    if (id < 0 || id >= m->config.vocab_size || m->n_ends == LF_ENDS) return;
    for (int i = 0; i < m->n_ends; i++)
        if (m->ends[i] == id) return;
    m->ends[m->n_ends++] = (int32_t)id;
}

/* "eos_token_id": 2, or [2, 7]. No such file: fine. */
static int read_json(lf_model *m, const char *dir, const char *name, lf_error *err)
{
    char path[LF_PATH_MAX];
    if (lf__path_inside(path, dir, name, err)) return -1;
    if (!lf__path_exists(path)) return 0;
    json_t *root = lf__json_load(path, FILE_MAX, err), *ids = json_object_get(root, "eos_token_id"), *id;
    size_t i;
    if (!root) return -1;
    if (json_is_integer(ids)) add(m, json_integer_value(ids));
    json_array_foreach(ids, i, id)
    {
        if (json_is_integer(id)) add(m, json_integer_value(id));
    }
    bool known = !ids || json_is_null(ids) || json_is_integer(ids) || json_is_array(ids);
    json_decref(root);
    return known ? 0 : lf_error_set(err, LF_E_FORMAT, "%s: eos_token_id: expected a number or a list of numbers", path);
}

static int read_gguf(lf_model *m, const lf_gguf *g, lf_error *err)
{
    static const char *const keys[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};
    for (size_t i = 0; i < LF_COUNT(keys); i++) {
        int64_t id = -1;
        if (lf__gguf_get_int(g, keys[i], 0, UINT32_MAX, &id, err)) return -1;
        add(m, id);
    }
    return 0;
}

int lf__model_read_ends(lf_model *m, const lf_weights *w, const char *path, lf_error *err)
{
    add(m, m->config.eos_token_id);
    if (w->gguf && read_gguf(m, w->gguf, err)) return -1;
    if (!lf__path_is_dir(path)) return 0;
    return read_json(m, path, "config.json", err) || read_json(m, path, "generation_config.json", err) ? -1 : 0;
}

int lf_model_ends(const lf_model *m, const int32_t **ends)
{
    *ends = m->ends;
    return m->n_ends;
}
