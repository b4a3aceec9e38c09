/* fuzz_index.c - any bytes as the index of a model in two shards; an index that is accepted is then used. */
#include <stdint.h>
#include <string.h>

#include "fuzz/use_tensors.h"

static char index_dir[] = "/tmp/lf-fuzz-index-XXXXXX";

static void remove_index_dir(void) { lf__remove_tree(index_dir, NULL); }

static void write_shard(const char *name, const char *tensor)
{
    char path[LF_PATH_MAX];
    const float values[] = {1, 2};
    const lf_file_tensor decl = {.name = tensor, .n_dims = 1, .shape = {2}};
    lf_writer *w = lf__path_join(path, index_dir, name, NULL) ? NULL : lf__safetensors_begin(path, &decl, 1, NULL);
    if (!w || lf__writer_add(w, values, sizeof values) || lf__writer_commit(&w, NULL)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[LF_PATH_MAX];
    lf_weights w;
    lf_error err = {0};
    if (!path[0]) {
        if (!mkdtemp(index_dir) || lf__path_join(path, index_dir, "model.safetensors.index.json", NULL)) abort();
        atexit(remove_index_dir);
        write_shard("s1.safetensors", "a");
        write_shard("s2.safetensors", "b");
    }
    unlink(path); /* a file that is cut to nothing and written again is flushed by some file systems */
    FILE *f = fopen(path, "wb");
    if (!f) return 0;
    fwrite(data, 1, size, f);
    fclose(f);
    if (lf__weights_open(&w, index_dir, &err) == 0) {
        use_tensors(w.tensors, w.n);
        lf__weights_close(&w);
    } else {
        check_refusal(&err);
    }
    return 0;
}
