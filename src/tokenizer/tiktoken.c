/* tiktoken.c - byte-level BPE as ranks: lines of base64(token), a space and its rank, which is its id. Ranks name no merges: a token is
 * what the two tokens join into that merging its bytes by the ranks before it leaves. They name no rule of words and no special tokens
 * either: those stand in the tokenizer_config.json beside, as "split_rule" and "added_tokens_decoder". */
#include "tokenizer/base64.h"
#include "tokenizer/loader.h"
#include "tokenizer/token_map.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TOKEN = 1024 }; /* bytes of a token whose merge is looked for */
/* Looking costs the cube of a token's bytes. All tokens of cl100k together cost 10^8, and this much takes a second or two. */
static const uint64_t max_work = (uint64_t)1 << 32;

/* The two tokens that the bytes of `id` are when everything of lower rank is merged; false: they are more, or fewer. Adds to *work. */
static bool find_parts(const lf_token_map *map, uint32_t id, uint32_t part[2], uint64_t *work)
{
    size_t n, end[MAX_TOKEN + 1], count = 0;
    const char *bytes = lf__token_bytes(map->t, id, &n);
    if (n > MAX_TOKEN) return false;
    *work += (uint64_t)n * n * n;
    for (size_t i = 0; i <= n; i++) end[count++] = i;
    while (count > 3) {
        uint32_t best = id;
        size_t at = 0;
        for (size_t i = 0; i + 2 < count; i++) {
            uint32_t joined = *lf__token_map_slot(map, bytes + end[i], end[i + 2] - end[i]);
            if (joined < best) best = joined, at = i + 1;
        }
        if (best == id) return false;
        memmove(&end[at], &end[at + 1], (count - at - 1) * sizeof *end);
        count--;
    }
    if (count != 3) return false;
    for (int i = 0; i < 2; i++) {
        part[i] = *lf__token_map_slot(map, bytes + end[i], end[i + 1] - end[i]);
        if (part[i] >= id) return false;
    }
    return true;
}

/* One more token, of the rank that is its id, and its merge where it has one. */
static int add_merge(const lf_token_map *map, lf_tokenizer *t, uint32_t id, bool *whole, uint64_t *work, lf_error *err)
{
    uint32_t part[2];
    size_t n;
    lf__token_bytes(t, id, &n);
    if (n == 1) return 0;
    if (*work > max_work) return lf_error_set(err, LF_E_LIMIT, "its tokens are too many and too long to find their merges");
    if (find_parts(map, id, part, work)) return lf__tokenizer_merge(t, part[0], part[1], id, err);
    *whole = true; /* only a word that is exactly this token is this token */
    return 0;
}

static int read_line(lf_loader *l, lf_token_map *map, const char *line, size_t n, size_t number, bool *whole, uint64_t *work)
{
    const char *space = memchr(line, ' ', n);
    char *end = NULL, rank[24] = "";
    lf_buf bytes;
    size_t digits = space ? n - (size_t)(space + 1 - line) : 0;
    lf__buf_init(&bytes, LF_TOK_MAX_FILE);
    if (space && digits && digits < sizeof rank) memcpy(rank, space + 1, digits);
    uint64_t id = strtoull(rank, &end, 10);
    int failed = 0;
    if (!rank[0] || rank[0] < '0' || rank[0] > '9' || *end || lf__base64_read(&bytes, line, (size_t)(space - line)) || bytes.len == 0)
        failed = lf_error_set(l->err, LF_E_FORMAT, "%s: line %zu: expected a token in base64, a space and its rank, got \"%.*s\"", l->path,
                              number, (int)LF_MIN(n, (size_t)80), line);
    else if (id != l->t->n)
        failed = lf_error_set(l->err, LF_E_FORMAT, "%s: line %zu: rank %" PRIu64 ": expected %u, ranks in order and without gaps", l->path,
                              number, id, l->t->n);
    else if (id == LF_TOK_MAX_IDS)
        failed = lf_error_set(l->err, LF_E_LIMIT, "%s: more than %d tokens are not supported", l->path, LF_TOK_MAX_IDS);
    if (!failed) {
        uint32_t *slot = lf__token_map_slot(map, bytes.data, bytes.len);
        if (*slot != LF_TOK_NONE)
            failed = lf_error_set(l->err, LF_E_FORMAT, "%s: line %zu: the token of rank %u is there again", l->path, number, *slot);
        failed = failed || lf__tokenizer_add(l->t, bytes.data, bytes.len, LF_TOKEN_NORMAL, l->err);
        if (!failed) *slot = (uint32_t)id;
        if (!failed && add_merge(map, l->t, (uint32_t)id, whole, work, l->err)) failed = lf__in_file(l, NULL);
    }
    lf__buf_release(&bytes);
    return failed ? -1 : 0;
}

static int read_ranks(lf_loader *l, const char *text, size_t n)
{
    lf_token_map map;
    size_t lines = 1, number = 0;
    uint64_t work = 0;
    bool whole = false;
    int failed = 0;
    for (size_t i = 0; i < n; i++) lines += text[i] == '\n';
    if (lf__token_map_init(&map, l->t, LF_MIN(lines, (size_t)LF_TOK_MAX_IDS), l->err)) return -1;
    for (size_t at = 0, end; at < n && !failed; at = end + 1) {
        const char *newline = memchr(text + at, '\n', n - at);
        end = newline ? (size_t)(newline - text) : n;
        size_t length = end - at;
        if (length && text[end - 1] == '\r') length--;
        number++;
        if (length) failed = read_line(l, &map, text + at, length, number, &whole, &work);
    }
    l->t->ignore_merges = whole;
    lf__token_map_release(&map);
    if (!failed && l->t->n == 0) failed = lf_error_set(l->err, LF_E_FORMAT, "%s: there are no ranks in it", l->path);
    return failed;
}

lf_tokenizer *lf__tiktoken_load(const char *path, lf_error *err)
{
    lf_loader l = {.path = path, .err = err};
    lf_buf text;
    lf__buf_init(&text, LF_TOK_MAX_FILE);
    int failed = lf__loader_config(&l, path) || lf__read_file(&text, path, LF_TOK_MAX_FILE, err);
    const char *rule = json_string_value(json_object_get(l.config, "split_rule"));
    if (!failed && !rule) {
        failed = lf_error_set(err, LF_E_FORMAT, "%s: ranks do not say how text is cut into words", path);
        lf_error_hint(err, "write {\"split_rule\": \"llama3\"} (or gpt2, qwen2, gpt4o, ...) into tokenizer_config.json beside it");
    }
    failed = failed || !(l.t = lf__tokenizer_new_bytes(rule, err)) || read_ranks(&l, text.data ? text.data : "", text.len) ||
             lf__loader_added(&l);
    lf_tokenizer *t = lf__loader_finish(&l, failed);
    lf__buf_release(&text);
    return t;
}

int lf__tiktoken_save(const lf_tokenizer *t, const char *path, lf_error *err)
{
    lf_buf out;
    lf_token_map map;
    size_t n_merges = 0, n = 0;
    uint32_t n_ranks = 0;
    uint64_t work = 0;
    if (t->model != &lf__model_bpe || !t->byte_level || !t->split || t->normalizer.n || t->n_before + t->n_after)
        return lf_error_set(err, LF_E_UNSUPPORTED,
                            "%s: ranks hold byte-level BPE with one of our split rules and nothing else: this tokenizer has %s", path,
                            !t->byte_level    ? "tokens of text"
                            : !t->split       ? "a pre-tokenizer of its own"
                            : t->normalizer.n ? "a normalizer"
                                              : "tokens that it puts around a text");
    while (n_ranks < t->n && t->kind[n_ranks] == LF_TOKEN_NORMAL) n_ranks++;
    for (uint32_t id = n_ranks; id < t->n; id++)
        if (t->kind[id] == LF_TOKEN_NORMAL)
            return lf_error_set(err, LF_E_UNSUPPORTED, "%s: ranks come before added tokens: token %u follows one", path, id);
    if (lf__token_map_init(&map, t, n_ranks, err)) return -1;
    lf__buf_init(&out, LF_TOK_MAX_FILE);
    int failed = 0;
    for (uint32_t id = 0; id < n_ranks && !failed; id++) {
        uint32_t part[2];
        const char *bytes = lf__token_bytes(t, id, &n);
        *lf__token_map_slot(&map, bytes, n) = id;
        lf__base64_add(&out, bytes, n);
        lf__buf_printf(&out, " %u\n", id);
        if (n == 1 || !find_parts(&map, id, part, &work)) continue;
        const lf_merge *m = n_merges < t->n_merges ? &t->merges[n_merges] : NULL;
        if (!m || m->left != part[0] || m->right != part[1] || m->result != id)
            failed = lf_error_set(err, LF_E_UNSUPPORTED,
                                  "%s: ranks would give token %u another merge than it has: its merges are not in the order of its ids",
                                  path, id);
        n_merges++;
    }
    if (!failed && n_merges != t->n_merges)
        failed = lf_error_set(err, LF_E_UNSUPPORTED, "%s: ranks give a token one merge; here %zu merges make %zu tokens", path, t->n_merges,
                              n_merges);
    if (!failed && out.failed) failed = lf_error_set(err, LF_E_LIMIT, "%s: the file would exceed %d MiB", path, LF_TOK_MAX_FILE >> 20);
    failed = failed || lf__write_file(path, out.data, out.len, err);
    lf__token_map_release(&map);
    lf__buf_release(&out);
    return failed ? -1 : 0;
}
