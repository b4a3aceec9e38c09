/* llama2c_vocab.c - the tokenizer.bin that lies beside a model of llama2.c: the pieces of a SentencePiece BPE with byte fallback, their
 * scores, and nothing else. Ids 0, 1, 2 are <unk>, <s> and </s>, the latter written between newlines; U+2581 is written as a space.
 *
 *   | int32: bytes of the longest piece | { float32 score | int32 length | bytes } until the end | */
#include <math.h>
#include <string.h>

#include "tokenizer/loader.h"
#include "tokenizer/sp.h"

enum { MAX_SIZE = 32 << 20 };

static const char *const specials[] = {"<unk>", "<s>", "</s>"};

static int read_piece(lf_loader *l, const char *text, size_t n, float score, lf_buf *piece)
{
    lf_tokenizer *t = l->t;
    int kind = t->n == 0 ? LF_TOKEN_UNKNOWN : t->n < LF_COUNT(specials) ? LF_TOKEN_CONTROL : LF_TOKEN_NORMAL;
    lf__buf_reset(piece);
    if (kind != LF_TOKEN_NORMAL) {
        text = specials[t->n], n = strlen(text);
    } else if (lf__byte_piece(text, n) >= 0) {
        kind = LF_TOKEN_BYTE;
    } else {
        for (size_t i = 0; i < n; i++) lf__buf_add(piece, text[i] == ' ' ? LF_MARKER : &text[i], text[i] == ' ' ? 3 : 1);
        text = piece->data, n = piece->len;
    }
    return lf__tokenizer_add(t, n ? text : "", n, kind, l->err) || lf__tokenizer_score(t, t->n - 1, score, l->err);
}

static int read_pieces(lf_loader *l, const uint8_t *bytes, size_t size)
{
    int32_t longest = 0, n;
    lf_buf piece;
    int failed = 0;
    lf__buf_init(&piece, LF_TOK_MAX_FILE);
    if (size >= sizeof longest) memcpy(&longest, bytes, sizeof longest);
    if (longest < 1 || longest > LF_SP_MAX_PIECE)
        return lf_error_set(l->err, LF_E_FORMAT, "%s: byte 0: the longest piece has %d bytes: expected 1 to %d; not llama2.c's?", l->path,
                            longest, LF_SP_MAX_PIECE);
    for (size_t at = 4; at < size && !failed; at += 8 + (size_t)n) {
        float score;
        if (size - at < 8) {
            failed = lf_error_set(l->err, LF_E_FORMAT, "%s: byte %zu: it ends in the middle of piece %u", l->path, at, l->t->n);
            break;
        }
        memcpy(&score, bytes + at, 4), memcpy(&n, bytes + at + 4, 4);
        if (n < 1 || n > longest || (size_t)n > size - at - 8)
            failed = lf_error_set(l->err, LF_E_FORMAT, "%s: byte %zu: piece %u has %d bytes: expected 1 to %d, and %zu are left", l->path,
                                  at + 4, l->t->n, n, longest, size - at - 8);
        else if (!isfinite(score))
            failed = lf_error_set(l->err, LF_E_FORMAT, "%s: byte %zu: the score of piece %u is not finite", l->path, at, l->t->n);
        else
            failed = read_piece(l, (const char *)bytes + at + 8, (size_t)n, score, &piece);
    }
    lf__buf_release(&piece);
    return failed;
}

lf_tokenizer *lf__llama2c_tokenizer_load(const char *path, lf_error *err)
{
    lf_loader l = {.path = path, .err = err};
    lf_sp_rules rules = {.name = "identity", .dummy_prefix = true, .escape_spaces = true};
    lf_map map;
    if (lf__map_open(&map, path, err)) return NULL;
    int failed = map.size > MAX_SIZE ? lf_error_set(err, LF_E_LIMIT, "%s: %zu bytes are more than the %d MiB that a tokenizer.bin may have",
                                                    path, map.size, MAX_SIZE >> 20)
                                     : !(l.t = lf__tokenizer_new(&lf__model_sp_bpe, NULL, err));
    failed = failed || read_pieces(&l, map.data, map.size) || lf__sp_stages(l.t, &rules, err);
    if (!failed) {
        l.t->byte_fallback = true;
        for (int id = 0; id < 3 && id < (int)l.t->n; id++) l.t->role[(const lf_role[]){LF_ROLE_UNK, LF_ROLE_BOS, LF_ROLE_EOS}[id]] = id;
        if (l.t->n > 1) l.t->before[l.t->n_before++] = l.t->role[LF_ROLE_BOS]; /* run.c puts it before every text */
    }
    lf_tokenizer *t = lf__loader_finish(&l, failed);
    lf__map_close(&map);
    return t;
}
