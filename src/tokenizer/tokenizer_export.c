/* tokenizer_export.c - a tokenizer in the format that a reader elsewhere wants. One row each; what a format cannot express is refused with
 * the reason before anything is written. Not tokenizer.json itself (tokenizer_save.c). */
#include "tokenizer/loader.h"
#include "tokenizer/sp.h"

#include <string.h>

static int write_buf(const lf_buf *out, const char *dir, const char *name, lf_error *err)
{
    char path[LF_PATH_MAX];
    if (lf__path_join(path, dir, name, err)) return -1;
    if (out->failed)
        return lf_error_set(err, LF_E_LIMIT, "%s: the file would exceed %d MiB, or memory ran out", path, LF_TOK_MAX_FILE >> 20);
    return lf__write_file(path, out->data ? out->data : "", out->len, err);
}

/* tokenizer_config.json with what the files beside it cannot say. */
static int write_config(const lf_tokenizer *t, const char *dir, lf_error *err)
{
    lf_buf out;
    lf__buf_init(&out, LF_TOK_MAX_FILE);
    lf__tokenizer_write_config(&out, t, true);
    int failed = write_buf(&out, dir, "tokenizer_config.json", err);
    lf__buf_release(&out);
    return failed;
}

static int vocab_merges(const lf_tokenizer *t, const char *dir, lf_error *err)
{
    const char *reason = NULL;
    if (t->model != &lf__model_bpe || !t->byte_level)
        reason = "any model but byte-level BPE";
    else if (t->split != &lf__split_rules[0])
        reason = "a split rule other than GPT-2's";
    else if (t->normalizer.n)
        reason = "a normalizer";
    else if (t->ignore_merges)
        reason = "merges that are ignored for words that are tokens";
    else if (t->role[LF_ROLE_UNK] >= 0)
        reason = "bytes without a token";
    if (reason) return lf_error_set(err, LF_E_UNSUPPORTED, "%s: vocab.json and merges.txt cannot say %s", dir, reason);
    lf_buf vocab, merges, key;
    lf__buf_init(&vocab, LF_TOK_MAX_FILE);
    lf__buf_init(&merges, LF_TOK_MAX_FILE);
    lf__buf_init(&key, LF_TOK_MAX_FILE);
    lf__buf_puts(&vocab, "{");
    for (uint32_t id = 0; id < t->n; id++) {
        if (id) lf__buf_puts(&vocab, ", ");
        lf__tokenizer_write_key(&vocab, &key, t, id);
        lf__buf_printf(&vocab, ": %u", id);
    }
    lf__buf_puts(&vocab, "}\n");
    lf__buf_puts(&merges, "#version: 0.2\n");
    for (size_t i = 0; i < t->n_merges; i++) {
        for (int part = 0; part < 2; part++) {
            size_t n;
            const char *bytes = lf__token_bytes(t, part ? t->merges[i].right : t->merges[i].left, &n);
            lf__to_alphabet(&merges, bytes, n);
            lf__buf_puts(&merges, part ? "\n" : " ");
        }
    }
    vocab.failed |= key.failed;
    int failed = write_buf(&vocab, dir, "vocab.json", err) || write_buf(&merges, dir, "merges.txt", err) || write_config(t, dir, err);
    lf__buf_release(&vocab);
    lf__buf_release(&merges);
    lf__buf_release(&key);
    return failed;
}

static int tiktoken(const lf_tokenizer *t, const char *dir, lf_error *err)
{
    char path[LF_PATH_MAX];
    return lf__path_join(path, dir, "tokenizer.tiktoken", err) || lf__tiktoken_save(t, path, err) || write_config(t, dir, err);
}

static int sentencepiece(const lf_tokenizer *t, const char *dir, lf_error *err)
{
    char path[LF_PATH_MAX];
    bool ranks = t->model == &lf__model_bpe && !t->byte_level;
    lf_tokenizer *pieces = ranks ? lf__sp_from_ranks(t, err) : NULL;
    int failed = (ranks && !pieces) || lf__path_join(path, dir, "tokenizer.model", err) || lf__sp_save(pieces ? pieces : t, path, err);
    lf_tokenizer_free(&pieces);
    return failed ? -1 : 0;
}

static int gguf(const lf_tokenizer *t, const char *dir, lf_error *err)
{
    char path[LF_PATH_MAX];
    lf_gguf_meta meta;
    lf_writer *w = NULL;
    if (lf__path_join(path, dir, "tokenizer.gguf", err)) return -1;
    lf__gguf_meta_init(&meta);
    lf__gguf_put_text(&meta, "general.type", "vocab", 5);
    lf__gguf_put_text(&meta, "general.architecture", "llama", 5); /* llama.cpp opens none without, not even for its vocabulary */
    int failed = lf__tokenizer_put_gguf(&meta, t, 0, err) || !(w = lf__gguf_begin(path, &meta, NULL, 0, err)) || lf__writer_commit(&w, err);
    lf__gguf_meta_release(&meta);
    return failed;
}

static const struct {
    const char *name;
    int (*write)(const lf_tokenizer *t, const char *dir, lf_error *err);
} formats[] = {{"tokenizer.json", lf_tokenizer_save},
               {"vocab-merges", vocab_merges},
               {"tiktoken", tiktoken},
               {"sentencepiece", sentencepiece},
               {"gguf", gguf}};

int lf_tokenizer_export(const lf_tokenizer *t, const char *dir, const char *format, lf_error *err)
{
    const char *names[LF_COUNT(formats) + 1] = {NULL};
    for (size_t i = 0; i < LF_COUNT(formats); i++) {
        names[i] = formats[i].name;
        if (strcmp(formats[i].name, format) != 0) continue;
        bool made = !lf__path_exists(dir);
        if (lf__make_dirs(dir, err)) return -1;
        if (formats[i].write(t, dir, err) == 0) return 0;
        if (made) lf__remove_tree(dir, NULL);
        return -1;
    }
    const char *near = lf__nearest(format, names);
    lf_error_set(err, LF_E_ARGUMENT,
                 "\"%s\" is no format of tokenizers: expected tokenizer.json, vocab-merges, tiktoken, sentencepiece or gguf", format);
    if (near) lf_error_hint(err, "did you mean \"%s\"?", near);
    return -1;
}
