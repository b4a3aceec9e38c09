/* sp_ranks.c - back from merges by rank to pieces with scores. Hugging Face's files of the Llama family are SentencePiece vocabularies
 * whose scores became a list of merges: every way to make a piece of two others, best score first. Formats that know only scores (GGUF's
 * "llama", .model) get them back, if the merges say no more than scores can. What is returned is a tokenizer of its own. */
#include <stdlib.h>
#include <string.h>

#include "tokenizer/sp.h"
#include "tokenizer/token_map.h"

static bool is_piece(const lf_tokenizer *t, uint32_t id) { return t->kind[id] == LF_TOKEN_NORMAL || t->kind[id] == LF_TOKEN_USER; }

static int refuse(lf_error *err, const char *reason)
{
    return lf_error_set(err, LF_E_UNSUPPORTED, "its merges cannot be written as scores of pieces: %s", reason);
}

/* The stages as SentencePiece's rules. A Split at the spaces that the normalizer has left none of (Gemma's) does nothing; Metaspace puts
 * its mark before a text unless there is one: rules put it there in any case. */
static bool find_rules(lf_sp_rules *rules, const lf_tokenizer *t)
{
    const lf_step *pre = t->pre.n == 1 ? &t->pre.v[0] : NULL;
    if (t->split || t->pre.n > 1 || t->byte_level || t->ignore_merges) return false;
    if (pre && strcmp(pre->kind->type, "Metaspace") == 0) {
        *rules = (lf_sp_rules){.name = "identity", .escape_spaces = true, .dummy_prefix = pre->a != LF_PREPEND_NEVER};
        return t->normalizer.n == 0 && !pre->b && strcmp(pre->text, LF_MARKER) == 0;
    }
    if (!lf__sp_rules_of(&t->normalizer, rules) || !rules->escape_spaces || rules->map.rules.n) return false;
    return !pre || (strcmp(pre->kind->type, "Split") == 0 && pre->c == LF_SPLIT_STRING && strcmp(pre->text, " ") == 0);
}

/* How many merges there would be if every way to make a piece of two others were one; a character that is no piece may be a part, too, as
 * SentencePiece sees it: -1. */
static int64_t count_ways(const lf_token_map *map, const lf_tokenizer *t)
{
    int64_t ways = 0;
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n;
        const char *text = lf__token_bytes(t, id, &n);
        if (!is_piece(t, id)) continue;
        for (size_t at = lf__char_bytes((uint8_t)*text); at < n; at += lf__char_bytes((uint8_t)text[at])) {
            bool left = *lf__token_map_slot(map, text, at) != LF_TOK_NONE,
                 right = *lf__token_map_slot(map, text + at, n - at) != LF_TOK_NONE;
            bool one_left = at == lf__char_bytes((uint8_t)*text), one_right = at + lf__char_bytes((uint8_t)text[at]) >= n;
            if (left && right)
                ways++;
            else if ((left || one_left) && (right || one_right))
                return -1;
        }
    }
    return ways;
}

/* Scores in the order in which pieces are first made: 0, -1, ... */
static int set_scores(lf_tokenizer *out, const lf_tokenizer *t, lf_error *err)
{
    uint32_t last = LF_TOK_NONE, made = 0;
    for (size_t i = 0; i < t->n_merges; i++) {
        uint32_t id = t->merges[i].result;
        if (id == last) continue;
        if (out->score[id] < 0) return refuse(err, "one piece is made by merges of far apart ranks");
        out->score[last = id] = -(double)++made;
    }
    for (uint32_t id = 0; id < t->n; id++)
        if (out->score[id] == 0 && is_piece(t, id)) out->score[id] = -(double)++made; /* characters, which nothing makes */
    return 0;
}

static int check_ways(const lf_tokenizer *t, lf_error *err)
{
    lf_token_map map;
    if (lf__token_map_init(&map, t, t->n, err)) return -1;
    for (uint32_t id = 0; id < t->n; id++) {
        size_t n;
        const char *text = lf__token_bytes(t, id, &n);
        if (is_piece(t, id)) *lf__token_map_slot(&map, text, n) = id;
    }
    bool all = count_ways(&map, t) == (int64_t)t->n_merges;
    lf__token_map_release(&map);
    return all ? 0 : refuse(err, "not every way to make a piece of two others is one of them");
}

lf_tokenizer *lf__sp_from_ranks(const lf_tokenizer *t, lf_error *err)
{
    lf_sp_rules rules;
    if (!find_rules(&rules, t)) return refuse(err, "its normalizer or pre-tokenizer is not SentencePiece's"), NULL;
    lf_tokenizer *out = check_ways(t, err) ? NULL : lf__tokenizer_new(&lf__model_sp_bpe, NULL, err);
    int failed = out ? 0 : -1;
    for (uint32_t id = 0; id < t->n && !failed; id++) {
        size_t n;
        const char *text = lf__token_bytes(t, id, &n);
        failed = lf__tokenizer_add(out, text, n, t->kind[id], err) || lf__tokenizer_score(out, id, 0, err);
    }
    failed = failed || set_scores(out, t, err) || lf__sp_stages(out, &rules, err);
    if (!failed) {
        memcpy(out->role, t->role, sizeof out->role);
        memcpy(out->before, t->before, sizeof out->before), out->n_before = t->n_before;
        memcpy(out->after, t->after, sizeof out->after), out->n_after = t->n_after;
        out->byte_fallback = t->byte_fallback, out->fuse_unk = t->fuse_unk;
        failed = lf__tokenizer_seal(out, err);
    }
    if (failed && out) lf_tokenizer_free(&out);
    return out;
}
