/* tokenizer_save.c - a tokenizer to Hugging Face's tokenizer.json and tokenizer_config.json, which their `tokenizers` and `transformers`
 * read as they are. Each file appears whole or not at all; nothing else in the folder is touched.
 *
 * A character vocabulary is a BPE without merges over the text itself: no pre-tokenizer, and the decoder "Fuse" joins the tokens. */
#include "tokenizer/sp.h"

#include <stdlib.h>
#include <string.h>

/* A token's key as a JSON string: bytes in the alphabet for a byte-level vocabulary, elsewhere and for added tokens the text itself. */
void lf__tokenizer_write_key(lf_buf *out, lf_buf *key, const lf_tokenizer *t, uint32_t id)
{
    size_t n;
    const char *bytes = lf__token_bytes(t, id, &n);
    lf__buf_reset(key);
    if (t->byte_level && t->kind[id] == LF_TOKEN_NORMAL)
        lf__to_alphabet(key, bytes, n);
    else
        lf__buf_add(key, bytes, n);
    lf__buf_json_string(out, key->data, key->len);
    out->failed |= key->failed;
}

/* "a b", or ["a", "b"] where tokens are text, which may have spaces of its own. */
static void put_merge(lf_buf *out, lf_buf *key, const lf_tokenizer *t, const lf_merge *m)
{
    size_t n;
    if (!t->byte_level) {
        lf__buf_puts(out, "[");
        lf__tokenizer_write_key(out, key, t, m->left);
        lf__buf_puts(out, ", ");
        lf__tokenizer_write_key(out, key, t, m->right);
        lf__buf_puts(out, "]");
        return;
    }
    lf__buf_reset(key);
    for (int part = 0; part < 2; part++) {
        const char *bytes = lf__token_bytes(t, part ? m->right : m->left, &n);
        if (part) lf__buf_puts(key, " ");
        lf__to_alphabet(key, bytes, n);
    }
    lf__buf_json_string(out, key->data, key->len);
    out->failed |= key->failed;
}

static const char *yes(bool v) { return v ? "true" : "false"; }

/* In the order of their ids: as a list of objects with an id, or as an object with ids for keys. */
static void write_added(lf_buf *out, const lf_tokenizer *t, bool list)
{
    const char *comma = "";
    uint32_t *rule = lf__calloc(t->n + 1u, sizeof *rule, NULL); /* [n] 1 + index of the id's rule */
    if (!rule) out->failed = true;
    for (size_t i = 0; i < t->n_added && rule; i++) rule[t->added[i].id] = (uint32_t)i + 1;
    lf__buf_puts(out, list ? "[" : "{");
    for (uint32_t id = 0; id < t->n && rule; id++) {
        if (!rule[id]) continue;
        const lf_added *x = &t->added[rule[id] - 1];
        size_t n;
        const char *bytes = lf__token_bytes(t, id, &n);
        lf__buf_printf(out, list ? "%s\n    {\"id\": %u, \"content\": " : "%s\n    \"%u\": {\"content\": ", comma, id);
        lf__buf_json_string(out, bytes, n);
        lf__buf_printf(out, ", \"single_word\": %s, \"lstrip\": %s, \"rstrip\": %s, \"normalized\": %s, \"special\": %s}",
                       yes(x->single_word), yes(x->lstrip), yes(x->rstrip), yes(x->normalized), yes(x->special));
        comma = ",";
    }
    free(rule);
    lf__buf_printf(out, "%s%c", *comma ? "\n  " : "", list ? ']' : '}');
}

static void write_pre(lf_buf *out, const lf_tokenizer *t)
{
    const lf_split_rule *rule = t->split;
    const char *const byte_level = "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": %s}";
    if (!rule) {
        lf__steps_write(&t->pre, out, "pretokenizers");
        return;
    }
    if (rule == &lf__split_rules[0]) {
        lf__buf_printf(out, byte_level, "true");
        return;
    }
    lf__buf_puts(out, "{\"type\": \"Sequence\", \"pretokenizers\": [");
    for (size_t i = 0; i < LF_COUNT(rule->regex) && rule->regex[i]; i++) {
        lf__buf_puts(out, "\n    {\"type\": \"Split\", \"pattern\": {\"Regex\": ");
        lf__buf_json_string(out, rule->regex[i], strlen(rule->regex[i]));
        lf__buf_puts(out, "}, \"behavior\": \"Isolated\", \"invert\": false},");
    }
    lf__buf_puts(out, "\n    ");
    lf__buf_printf(out, byte_level, "false");
    lf__buf_puts(out, "]}");
}

/* A special token of the template: Hugging Face's names it by its text. */
static void write_around_ids(lf_buf *out, const lf_tokenizer *t, const int32_t *ids, int n, const char **comma)
{
    for (int i = 0; i < n; i++, *comma = ", ") {
        size_t length;
        const char *bytes = lf__token_bytes(t, (uint32_t)ids[i], &length);
        lf__buf_printf(out, "%s{\"SpecialToken\": {\"id\": ", *comma);
        lf__buf_json_string(out, bytes, length);
        lf__buf_puts(out, ", \"type_id\": 0}}");
    }
}

static void write_post(lf_buf *out, const lf_tokenizer *t)
{
    if (t->n_before + t->n_after == 0) {
        lf__buf_puts(out, "null");
        return;
    }
    lf__buf_puts(out, "{\"type\": \"TemplateProcessing\"");
    for (int pair = 0; pair < 2; pair++) {
        const char *comma = "";
        lf__buf_puts(out, pair ? ", \"pair\": [" : ", \"single\": [");
        for (int part = 0; part <= pair; part++) {
            write_around_ids(out, t, t->before, t->n_before, &comma);
            lf__buf_printf(out, "%s{\"Sequence\": {\"id\": \"%c\", \"type_id\": %d}}", comma, 'A' + part, part);
            comma = ", ";
            write_around_ids(out, t, t->after, t->n_after, &comma);
        }
        lf__buf_puts(out, "]");
    }
    lf__buf_puts(out, ", \"special_tokens\": {");
    const char *comma = "";
    for (int i = 0; i < t->n_before + t->n_after; i++) {
        int32_t id = i < t->n_before ? t->before[i] : t->after[i - t->n_before];
        bool again = false;
        for (int k = 0; k < i; k++) again |= id == (k < t->n_before ? t->before[k] : t->after[k - t->n_before]);
        if (again) continue;
        size_t n;
        const char *bytes = lf__token_bytes(t, (uint32_t)id, &n);
        lf__buf_puts(out, comma);
        lf__buf_json_string(out, bytes, n);
        lf__buf_puts(out, ": {\"id\": ");
        lf__buf_json_string(out, bytes, n);
        lf__buf_printf(out, ", \"ids\": [%d], \"tokens\": [", id);
        lf__buf_json_string(out, bytes, n);
        lf__buf_puts(out, "]}");
        comma = ", ";
    }
    lf__buf_puts(out, "}}");
}

static void write_stages(lf_buf *out, const lf_tokenizer *t)
{
    lf__buf_puts(out, "\"added_tokens\": ");
    write_added(out, t, true);
    lf__buf_puts(out, ",\n  \"normalizer\": ");
    lf__steps_write(&t->normalizer, out, "normalizers");
    lf__buf_puts(out, ",\n  \"pre_tokenizer\": ");
    write_pre(out, t);
    lf__buf_puts(out, ",\n  \"post_processor\": ");
    write_post(out, t);
    lf__buf_puts(out, ",\n  \"decoder\": ");
    lf__steps_write(&t->decoder, out, "decoders");
    lf__buf_puts(out, ",\n");
}

/* Mode and split say everything about a tokenizer that we train: added tokens are special and nothing else, no step is set. */
static bool mode_says_all(const lf_tokenizer *t)
{
    if (t->normalizer.n || t->pre.n || t->n_before || t->n_after || t->decoder.n != 1 || t->score) return false;
    if (t->ignore_merges || t->byte_fallback || t->fuse_unk || t->role[LF_ROLE_UNK] >= 0) return false;
    if (strcmp(t->decoder.v[0].kind->type, t->model == &lf__model_char ? "Fuse" : "ByteLevel") != 0) return false;
    for (size_t i = 0; i < t->n_added; i++) {
        const lf_added *x = &t->added[i];
        if (!x->special || x->lstrip || x->rstrip || x->single_word) return false;
    }
    return t->model == &lf__model_char || (t->model == &lf__model_bpe && t->byte_level && t->split);
}

void lf__tokenizer_write_stages(const lf_tokenizer *t, lf_buf *out)
{
    if (mode_says_all(t)) return;
    lf__buf_printf(out, "%d %d %d %d\n", t->ignore_merges, t->byte_fallback, t->fuse_unk, t->role[LF_ROLE_UNK]);
    write_stages(out, t);
}

int lf__tokenizer_write_bpe(const lf_tokenizer *t, lf_buf *out, const lf_merge *merges, size_t n_merges)
{
    lf_buf key;
    lf__buf_init(&key, LF_TOK_MAX_FILE);
    lf__buf_puts(out, "{\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": ");
    if (t->role[LF_ROLE_UNK] >= 0)
        lf__tokenizer_write_key(out, &key, t, (uint32_t)t->role[LF_ROLE_UNK]);
    else
        lf__buf_puts(out, "null");
    lf__buf_printf(out,
                   ",\n    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n    \"fuse_unk\": %s,\n"
                   "    \"byte_fallback\": %s,\n    \"ignore_merges\": %s,\n    \"vocab\": {",
                   yes(t->fuse_unk), yes(t->byte_fallback), yes(t->ignore_merges));
    for (uint32_t id = 0; id < t->n; id++) {
        lf__buf_puts(out, id ? ",\n      " : "\n      ");
        lf__tokenizer_write_key(out, &key, t, id);
        lf__buf_printf(out, ": %u", id);
    }
    lf__buf_puts(out, "\n    },\n    \"merges\": [");
    for (size_t i = 0; i < n_merges; i++) {
        lf__buf_puts(out, i ? ",\n      " : "\n      ");
        put_merge(out, &key, t, &merges[i]);
    }
    lf__buf_puts(out, n_merges ? "\n    ]\n  }" : "]\n  }");
    lf__buf_release(&key);
    return 0;
}

int lf__tokenizer_write_json(lf_buf *out, const lf_tokenizer *t, lf_error *err)
{
    lf__buf_puts(out, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  ");
    write_stages(out, t);
    lf__buf_puts(out, "  \"model\": ");
    if (t->model->write ? t->model->write(t, out, err) : lf__tokenizer_write_bpe(t, out, t->merges, t->n_merges)) return -1;
    lf__buf_puts(out, "\n}\n");
    return 0;
}

void lf__tokenizer_write_config(lf_buf *out, const lf_tokenizer *t, bool all)
{
    static const struct {
        const char *key;
        lf_role role;
    } roles[] = {{"bos_token", LF_ROLE_BOS}, {"eos_token", LF_ROLE_EOS}, {"unk_token", LF_ROLE_UNK}, {"pad_token", LF_ROLE_PAD}};
    lf__buf_puts(out, "{\n  \"add_prefix_space\": false,\n");
    for (size_t i = 0; i < LF_COUNT(roles); i++) {
        size_t n;
        int32_t id = t->role[roles[i].role];
        if (id < 0) continue;
        const char *bytes = lf__token_bytes(t, (uint32_t)id, &n);
        lf__buf_printf(out, "  \"%s\": ", roles[i].key);
        lf__buf_json_string(out, bytes, n);
        lf__buf_puts(out, ",\n");
    }
    if (all) {
        lf__buf_printf(out, "  \"add_bos_token\": %s,\n  \"add_eos_token\": %s,\n", yes(t->n_before > 0), yes(t->n_after > 0));
        if (t->split) lf__buf_printf(out, "  \"split_rule\": \"%s\",\n", t->split->name);
        lf__buf_puts(out, "  \"added_tokens_decoder\": ");
        write_added(out, t, false);
        lf__buf_puts(out, ",\n");
    }
    lf__buf_puts(out, "  \"clean_up_tokenization_spaces\": false,\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\"\n}\n");
}

/* tokenizer.json, or no such file where only a .model can say what the tokenizer does. */
static int save_json(const lf_tokenizer *t, lf_buf *out, const char *path, lf_error *err)
{
    lf_error inner = {0};
    if (lf__tokenizer_write_json(out, t, &inner) == 0)
        return out->failed
                   ? lf_error_set(err, LF_E_LIMIT, "%s: the file would exceed %d MiB, or memory ran out", path, LF_TOK_MAX_FILE >> 20)
                   : lf__write_file(path, out->data, out->len, err);
    if (inner.code != LF_E_UNSUPPORTED || !lf__sp_rules(t)) return lf__error_pass(err, &inner);
    return lf__remove_tree(path, err); /* an older one would be another tokenizer */
}

int lf_tokenizer_save(const lf_tokenizer *t, const char *dir, lf_error *err)
{
    char path[LF_PATH_MAX];
    lf_buf out;
    lf__buf_init(&out, LF_TOK_MAX_FILE);
    bool made = !lf__path_exists(dir);
    int failed = lf__make_dirs(dir, err) || lf__path_join(path, dir, "tokenizer.json", err) || save_json(t, &out, path, err);
    lf__buf_reset(&out);
    lf__tokenizer_write_config(&out, t, false);
    if (!failed && out.failed) failed = lf_error_set(err, LF_E_MEMORY, "%s: out of memory for tokenizer_config.json", dir);
    failed = failed || lf__path_join(path, dir, "tokenizer_config.json", err) || lf__write_file(path, out.data, out.len, err);
    if (!failed && lf__sp_rules(t)) failed = lf__path_join(path, dir, "tokenizer.model", err) || lf__sp_save(t, path, err);
    lf__buf_release(&out);
    if (failed && made) lf__remove_tree(dir, NULL);
    return failed ? -1 : 0;
}
