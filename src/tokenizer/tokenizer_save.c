/* tokenizer_save.c - a tokenizer to Hugging Face's tokenizer.json and tokenizer_config.json, which their `tokenizers` and `transformers`
 * read as they are. Each file appears whole or not at all; nothing else in the folder is touched.
 *
 * A character vocabulary is a BPE without merges over the text itself: no pre-tokenizer, and the decoder "Fuse" joins the tokens. */
#include "tokenizer/tokenizer.h"

/* A token's key as a JSON string: bytes in the alphabet for bpe, the text itself for characters and special tokens. */
static void put_key(lf_buf *out, lf_buf *key, const lf_tokenizer *t, uint32_t id)
{
    size_t n;
    const char *bytes = lf__token_bytes(t, id, &n);
    if (t->chars || t->is_special[id]) {
        lf__buf_json_string(out, bytes, n);
        return;
    }
    lf__buf_reset(key);
    for (size_t i = 0; i < n; i++) {
        char utf8[4];
        lf__buf_add(key, utf8, (size_t)lf__utf8_encode(utf8, lf__byte_to_alphabet((uint8_t)bytes[i])));
    }
    lf__buf_json_string(out, key->data, key->len);
    out->failed |= key->failed;
}

static void put_merge(lf_buf *out, lf_buf *key, const lf_tokenizer *t, const lf_merge *m)
{
    char utf8[4];
    lf__buf_reset(key);
    for (int part = 0; part < 2; part++) {
        size_t n;
        const char *bytes = lf__token_bytes(t, part ? m->right : m->left, &n);
        if (part) lf__buf_puts(key, " ");
        for (size_t i = 0; i < n; i++) lf__buf_add(key, utf8, (size_t)lf__utf8_encode(utf8, lf__byte_to_alphabet((uint8_t)bytes[i])));
    }
    lf__buf_json_string(out, key->data, key->len);
    out->failed |= key->failed;
}

static void write_tokenizer(lf_buf *out, lf_buf *key, const lf_tokenizer *t)
{
    static const char *const byte_level =
        "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": true}";
    const char *comma = "";
    lf__buf_puts(out, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": [");
    for (uint32_t id = 0; id < t->n; id++) {
        if (!t->is_special[id]) continue;
        lf__buf_printf(out, "%s\n    {\"id\": %u, \"content\": ", comma, id);
        put_key(out, key, t, id);
        lf__buf_puts(out, ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}");
        comma = ",";
    }
    lf__buf_printf(out, "%s],\n  \"normalizer\": null,\n  \"pre_tokenizer\": %s,\n  \"post_processor\": null,\n  \"decoder\": %s,\n",
                   *comma ? "\n  " : "", t->chars ? "null" : byte_level, t->chars ? "{\"type\": \"Fuse\"}" : byte_level);
    lf__buf_puts(
        out, "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": null,\n    \"continuing_subword_prefix\": "
             "null,\n"
             "    \"end_of_word_suffix\": null,\n    \"fuse_unk\": false,\n    \"byte_fallback\": false,\n    \"ignore_merges\": false,\n"
             "    \"vocab\": {");
    for (uint32_t id = 0; id < t->n; id++) {
        lf__buf_puts(out, id ? ",\n      " : "\n      ");
        put_key(out, key, t, id);
        lf__buf_printf(out, ": %u", id);
    }
    lf__buf_puts(out, "\n    },\n    \"merges\": [");
    for (size_t i = 0; i < t->n_merges; i++) {
        lf__buf_puts(out, i ? ",\n      " : "\n      ");
        put_merge(out, key, t, &t->merges[i]);
    }
    lf__buf_puts(out, t->n_merges ? "\n    ]\n  }\n}\n" : "]\n  }\n}\n");
}

static void write_config(lf_buf *out, const lf_tokenizer *t)
{
    lf__buf_puts(out, "{\n  \"add_prefix_space\": false,\n");
    for (int key = 0; t->end >= 0 && key < 2; key++) {
        size_t n;
        const char *bytes = lf__token_bytes(t, (uint32_t)t->end, &n);
        lf__buf_puts(out, key ? "  \"eos_token\": " : "  \"bos_token\": ");
        lf__buf_json_string(out, bytes, n);
        lf__buf_puts(out, ",\n");
    }
    lf__buf_puts(out, "  \"clean_up_tokenization_spaces\": false,\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\"\n}\n");
}

int lf_tokenizer_save(const lf_tokenizer *t, const char *dir, lf_error *err)
{
    char path[LF_PATH_MAX];
    lf_buf out, key;
    lf__buf_init(&out, LF_TOK_MAX_FILE);
    lf__buf_init(&key, LF_TOK_MAX_FILE);
    bool made = !lf__path_exists(dir);
    int failed = lf__make_dirs(dir, err);
    for (int file = 0; file < 2 && !failed; file++) {
        lf__buf_reset(&out);
        if (file == 0)
            write_tokenizer(&out, &key, t);
        else
            write_config(&out, t);
        failed = lf__path_join(path, dir, file ? "tokenizer_config.json" : "tokenizer.json", err);
        if (!failed && out.failed)
            failed = lf_error_set(err, LF_E_LIMIT, "%s: the file would exceed %d MiB, or memory ran out", path, LF_TOK_MAX_FILE >> 20);
        if (!failed) failed = lf__write_file(path, out.data, out.len, err);
    }
    lf__buf_release(&out);
    lf__buf_release(&key);
    if (failed && made) lf__remove_tree(dir, NULL);
    return failed ? -1 : 0;
}
