/* sp_train.c - text files to a SentencePiece vocabulary: normalizing and cutting by all threads, the alphabet, pieces by merging; the
 * unigram learner is sp_train_unigram.c. What is made is a tokenizer like any other, and a .model that Google's library reads.
 *
 * The result depends on the text and the options alone. Segments live in blocks of memory that belong to the call. */
#include "tokenizer/sp_train.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 20, MAX_SEGMENT = 1024, MAX_UNSPACED = 32, MAX_THREADS = 256, MAX_CP = 0x110000 };

/* ---- scripts ------------------------------------------------------------------------------------------------------------------------- */

/* A piece has letters of one script, as in SentencePiece; kana counts as Han. Blocks stand for scripts: what is in none is COMMON (digits,
 * signs), and combining marks go with what they stand on. */
enum { COMMON, ANY, LATIN };
static const struct {
    int32_t from, to;
    int script;
} blocks[] = {{0x41, 0x5A, LATIN},     {0x61, 0x7A, LATIN},     {0xAA, 0xAA, LATIN},     {0xBA, 0xBA, LATIN},     {0xC0, 0xD6, LATIN},
              {0xD8, 0xF6, LATIN},     {0xF8, 0x2AF, LATIN},    {0x300, 0x36F, ANY},     {0x370, 0x3FF, 3},       {0x400, 0x52F, 4},
              {0x530, 0x58F, 5},       {0x590, 0x5FF, 6},       {0x600, 0x6FF, 7},       {0x700, 0x74F, 8},       {0x750, 0x77F, 7},
              {0x780, 0x7BF, 9},       {0x7C0, 0x7FF, 10},      {0x8A0, 0x8FF, 7},       {0x900, 0x97F, 11},      {0x980, 0x9FF, 12},
              {0xA00, 0xA7F, 13},      {0xA80, 0xAFF, 14},      {0xB00, 0xB7F, 15},      {0xB80, 0xBFF, 16},      {0xC00, 0xC7F, 17},
              {0xC80, 0xCFF, 18},      {0xD00, 0xD7F, 19},      {0xD80, 0xDFF, 20},      {0xE00, 0xE7F, 21},      {0xE80, 0xEFF, 22},
              {0xF00, 0xFFF, 23},      {0x1000, 0x109F, 24},    {0x10A0, 0x10FF, 25},    {0x1100, 0x11FF, 26},    {0x1200, 0x139F, 27},
              {0x13A0, 0x13FF, 28},    {0x1400, 0x167F, 29},    {0x1780, 0x17FF, 30},    {0x1800, 0x18AF, 31},    {0x1AB0, 0x1AFF, ANY},
              {0x1DC0, 0x1DFF, ANY},   {0x1E00, 0x1EFF, LATIN}, {0x1F00, 0x1FFF, 3},     {0x20D0, 0x20FF, ANY},   {0x2581, 0x2581, ANY},
              {0x2C60, 0x2C7F, LATIN}, {0x2E80, 0x2FDF, 32},    {0x3005, 0x3007, 32},    {0x3041, 0x30FA, 32},    {0x30FC, 0x30FF, 32},
              {0x3130, 0x318F, 26},    {0x31F0, 0x31FF, 32},    {0x3400, 0x4DBF, 32},    {0x4E00, 0x9FFF, 32},    {0xA720, 0xA7FF, LATIN},
              {0xA8E0, 0xA8FF, 11},    {0xAC00, 0xD7FF, 26},    {0xF900, 0xFAFF, 32},    {0xFB50, 0xFDFF, 7},     {0xFE00, 0xFE0F, ANY},
              {0xFE20, 0xFE2F, ANY},   {0xFE70, 0xFEFE, 7},     {0xFF21, 0xFF3A, LATIN}, {0xFF41, 0xFF5A, LATIN}, {0xFF66, 0xFF9F, 32},
              {0x20000, 0x3FFFF, 32}};

static int script_of(int32_t cp)
{
    size_t lo = 0, hi = LF_COUNT(blocks);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (cp > blocks[mid].to)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < LF_COUNT(blocks) && cp >= blocks[lo].from ? blocks[lo].script : COMMON;
}

static bool is_digit(int32_t cp) { return (cp >= '0' && cp <= '9') || (cp >= 0xFF10 && cp <= 0xFF19); }

/* ---- segments ------------------------------------------------------------------------------------------------------------------------ */

typedef struct taker { /* one thread's */
    lf_buf normal;
    char **blocks; /* texts of segments; the last is being filled */
    size_t n_blocks, blocks_cap, used;
} taker;

typedef struct learner {
    const lf_tokenizer_train_options *options;
    lf_tokenizer *t;
    const lf_sp_rules *rules;
    taker takers[MAX_THREADS];
} learner;

static int keep(taker *k, lf_word_count *w, lf_error *err)
{
    if (k->n_blocks == 0 || k->used + w->n > BLOCK) {
        if (lf__grow(&k->blocks, &k->blocks_cap, k->n_blocks + 1, sizeof *k->blocks, err)) return -1;
        if (!(k->blocks[k->n_blocks] = lf__calloc(BLOCK, 1, err))) return -1;
        k->n_blocks++, k->used = 0;
    }
    char *text = k->blocks[k->n_blocks - 1] + k->used;
    memcpy(text, w->bytes, w->n);
    w->bytes = text;
    k->used += w->n;
    return 0;
}

static int put_segment(lf_reader *r, int tid, const char *text, size_t n)
{
    learner *l = r->arg;
    lf_word_count *added;
    if (n == 0) return 0;
    if (lf__word_map_add(&r->maps[tid], text, (uint32_t)n, 1, &added, &r->errors[tid])) return -1;
    return added ? keep(&l->takers[tid], added, &r->errors[tid]) : 0;
}

/* No piece goes across: white space begins one (a run of it is one of its own, but for its last), scripts and split digits stay apart. */
static bool parts(const learner *l, int32_t before, int32_t cp, bool only_spaces, int script)
{
    if (cp == 0x2581) return before != cp || !only_spaces || l->rules->squeeze_spaces;
    if (l->options->split_digits && (is_digit(cp) || is_digit(before))) return true;
    int own = script_of(cp);
    return own != ANY && script != ANY && own != script;
}

static int cut_segments(lf_reader *r, int tid, const char *text, size_t n)
{
    const learner *l = r->arg;
    size_t from = 0, chars = 0, width;
    int32_t before = -1;
    int script = ANY;
    bool only_spaces = true;
    for (size_t at = 0; at < n; at += width) {
        int32_t cp;
        uint32_t user;
        width =
            l->rules->user_first[(uint8_t)text[at]] ? lf__longest_prefix(&l->rules->users, &user, text + at, n - at, LF_SP_MAX_PIECE) : 0;
        if (width) {
            if (put_segment(r, tid, text + from, at - from)) return -1;
            from = at + width, chars = 0, before = -1, script = ANY, only_spaces = true;
            continue;
        }
        width = (size_t)lf__utf8_decode(text + at, text + n, &cp);
        if (at > from && only_spaces && chars > 1 && cp != 0x2581) { /* of a run of spaces the last goes with what follows */
            if (put_segment(r, tid, text + from, at - 3 - from)) return -1;
            from = at - 3, chars = 1;
        }
        if (at > from && (parts(l, before, cp, only_spaces, script) || chars >= MAX_UNSPACED || at + width - from > MAX_SEGMENT)) {
            if (put_segment(r, tid, text + from, at - from)) return -1;
            from = at, chars = 0, script = ANY, only_spaces = true;
        }
        int own = script_of(cp);
        if (own != ANY) script = own;
        only_spaces &= cp == 0x2581;
        before = cp;
        chars++;
    }
    return put_segment(r, tid, text + from, n - from);
}

/* Lines are texts of their own: no piece has a line break. */
static int take_lines(lf_reader *r, lf_chunk *c, int tid, size_t at, size_t to, size_t end)
{
    learner *l = r->arg;
    taker *k = &l->takers[tid];
    LF_UNUSED(end);
    for (size_t next; at < to; at = next) {
        const char *line = c->text + at, *newline = memchr(line, '\n', to - at);
        size_t n = newline ? (size_t)(newline - line) : to - at;
        next = at + n + 1;
        if (n && line[n - 1] == '\r') n--;
        lf__buf_reset(&k->normal);
        if (lf__sp_normalize(l->rules, &k->normal, line, n, &r->errors[tid])) return -1;
        if (k->normal.len && cut_segments(r, tid, k->normal.data, k->normal.len)) return -1;
    }
    return 0;
}

/* ---- the alphabet -------------------------------------------------------------------------------------------------------------------- */

static int more_first(const void *a, const void *b)
{
    const lf_sp_char *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count) - (x->count > y->count) : (x->cp > y->cp) - (x->cp < y->cp);
}

/* The most frequent characters that make up `coverage` of the text, U+2581 first of all. Free with free(). */
static lf_sp_char *alphabet(size_t *n_chars, uint8_t *known, const lf_word_map *segments, double coverage, lf_error *err)
{
    uint64_t *counts = lf__calloc(MAX_CP, sizeof *counts, err), total = 0, covered = 0;
    lf_sp_char *chars = NULL;
    size_t n = 0, cap = 0;
    if (!counts) return NULL;
    for (size_t i = 0; i < segments->n_slots; i++) {
        const lf_word_count *w = &segments->slots[i];
        for (size_t at = 0; w->bytes && at < w->n;) {
            int32_t cp;
            at += (size_t)lf__utf8_decode(w->bytes + at, w->bytes + w->n, &cp);
            if (cp > 0) counts[cp] += w->count, total += w->count;
        }
    }
    int failed = lf__grow(&chars, &cap, 1, sizeof *chars, err);
    if (!failed) chars[n++] = (lf_sp_char){0x2581, UINT64_MAX};
    for (int32_t cp = 1; cp < MAX_CP && !failed; cp++) {
        if (!counts[cp] || cp == 0x2581) continue;
        failed = lf__grow(&chars, &cap, n + 1, sizeof *chars, err);
        if (!failed) chars[n++] = (lf_sp_char){cp, counts[cp]};
    }
    if (!failed) {
        qsort(chars, n, sizeof *chars, more_first);
        chars[0].count = LF_MAX(counts[0x2581], 1);
        *n_chars = 0;
        for (size_t i = 0; i < n && (i == 0 || (double)covered < coverage * (double)total); i++) {
            if (i > 0 || counts[0x2581]) covered += chars[i].count;
            known[chars[i].cp >> 3] |= (uint8_t)(1 << (chars[i].cp & 7));
            ++*n_chars;
        }
    }
    free(counts);
    if (failed) free(chars);
    return failed ? NULL : chars;
}

/* ---- pieces by merging --------------------------------------------------------------------------------------------------- */

typedef struct char_table {
    uint32_t *id; /* [MAX_CP] token of a character or LF_TOK_NONE */
} char_table;

static uint32_t char_id(const void *arg, const char *text, size_t n, size_t *taken)
{
    int32_t cp;
    *taken = (size_t)lf__utf8_decode(text, text + n, &cp);
    return cp < 0 ? LF_TOK_NONE : ((const char_table *)arg)->id[cp];
}

/* Scores are 0, -1, -2, ... in the order of the merges, then of the characters: the earlier merge goes first in encoding, too. */
int lf__sp_learn_bpe(lf_sp_pieces *out, const lf_sp_job *job, lf_error *err)
{
    char_table table = {lf__calloc(MAX_CP, sizeof *table.id, err)};
    lf_tokenizer *t = out->own = table.id ? lf__tokenizer_new(&lf__model_sp_bpe, NULL, err) : NULL;
    int failed = !t;
    if (t) memset(table.id, 0xFF, MAX_CP * sizeof *table.id);
    for (size_t i = 0; i < job->n_chars && !failed; i++) {
        char utf8[4];
        table.id[job->chars[i].cp] = t->n;
        failed = lf__tokenizer_add(t, utf8, (size_t)lf__utf8_encode(utf8, job->chars[i].cp), LF_TOKEN_NORMAL, err);
    }
    failed = failed || lf__learn_merges(&(lf_merge_job){.t = t,
                                                        .words = job->segments,
                                                        .symbol = char_id,
                                                        .arg = &table,
                                                        .size = (uint32_t)job->wanted,
                                                        .min_count = 2,
                                                        .max_chars = LF_SP_PIECE_CHARS,
                                                        .forbidden = job->forbidden,
                                                        .progress = job->progress,
                                                        .progress_user = job->progress_user},
                                        err);
    for (size_t i = 0; !failed && i < t->n; i++) {
        size_t n;
        uint32_t id = (uint32_t)((i + job->n_chars) % t->n);
        const char *text = lf__token_bytes(t, id, &n);
        failed = lf__grow(&out->v, &out->cap, out->n + 1, sizeof *out->v, err);
        if (!failed) out->v[out->n++] = (lf_sp_piece){text, (uint32_t)n, -(float)i};
    }
    free(table.id);
    return failed ? -1 : 0;
}

/* ---- the call ------------------------------------------------------------------------------------------------------------------------ */

static int add_piece(lf_tokenizer *t, const char *text, size_t n, int kind, float score, lf_error *err)
{
    return lf__tokenizer_add(t, text, n, kind, err) || lf__tokenizer_score(t, t->n - 1, score, err) ? -1 : 0;
}

/* Ids: <unk>, the special tokens, the user's, the bytes, then what is learned. */
static int add_fixed(lf_tokenizer *t, const lf_tokenizer_train_options *o, const char *const *specials, lf_error *err)
{
    t->role[LF_ROLE_UNK] = 0;
    if (add_piece(t, "<unk>", 5, LF_TOKEN_UNKNOWN, 0, err)) return -1;
    if (specials[0]) t->role[LF_ROLE_BOS] = t->role[LF_ROLE_EOS] = 1;
    for (int i = 0; specials[i]; i++)
        if (add_piece(t, specials[i], strlen(specials[i]), LF_TOKEN_CONTROL, 0, err)) return -1;
    for (int i = 0; o->user_pieces && o->user_pieces[i]; i++) {
        const char *text = o->user_pieces[i];
        if (!*text || strlen(text) > LF_SP_MAX_PIECE || strchr(text, ' ') || strchr(text, '\n') ||
            lf__tokenizer_find(t, text, strlen(text)) >= 0)
            return lf_error_set(err, LF_E_ARGUMENT,
                                "user piece \"%.80s\": expected a text of 1 to %d bytes without spaces and line breaks, each once", text,
                                LF_SP_MAX_PIECE);
        if (add_piece(t, text, strlen(text), LF_TOKEN_USER, 0, err)) return -1;
    }
    t->byte_fallback = o->byte_fallback;
    for (int byte = 0; byte < 256 && t->byte_fallback; byte++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", byte);
        if (add_piece(t, text, 6, LF_TOKEN_BYTE, 0, err)) return -1;
    }
    return 0;
}

static int check(const lf_tokenizer_train_options *o, int threads, lf_error *err)
{
    if (o->vocab_size < 1 || o->vocab_size > 1000000)
        return lf_error_set(err, LF_E_ARGUMENT, "a vocabulary of %d pieces: expected 1 to 1,000,000", o->vocab_size);
    if (threads < 1 || threads > MAX_THREADS)
        return lf_error_set(err, LF_E_ARGUMENT, "%d threads: expected 0 (all) to %d", o->threads, MAX_THREADS);
    if (!(o->character_coverage >= 0 && o->character_coverage <= 1))
        return lf_error_set(err, LF_E_ARGUMENT, "character coverage %g: expected 0 (the default, 0.9995) to 1", o->character_coverage);
    return 0;
}

static int learn(learner *l, lf_reader *r, lf_error *err)
{
    lf_tokenizer *t = l->t;
    const lf_tokenizer_train_options *o = l->options;
    const double coverage = o->character_coverage > 0 ? o->character_coverage : 0.9995;
    size_t n_chars = 0, fixed = t->n;
    uint8_t *known = lf__calloc(MAX_CP / 8, 1, err);
    lf_sp_char *chars = known ? alphabet(&n_chars, known, &r->maps[0], coverage, err) : NULL;
    const char **forbidden = lf__calloc(fixed + 1, sizeof *forbidden, err);
    lf_buf texts;
    lf__buf_init(&texts, SIZE_MAX / 2);
    int failed = !known || !chars || !forbidden;
    for (uint32_t id = 0; id < fixed && !failed; id++) {
        size_t n;
        const char *text = lf__token_bytes(t, id, &n);
        failed = lf__buf_add(&texts, text, n) || lf__buf_add(&texts, "", 1) ? lf_error_set(err, LF_E_MEMORY, "out of memory") : 0;
    }
    for (size_t id = 0, at = 0; id < fixed && !failed; id++, at += strlen(texts.data + at) + 1) forbidden[id] = texts.data + at;
    /* a user piece of one character is not in the alphabet a second time */
    for (size_t i = 0, kept = 0, n = n_chars; i < n && !failed; i++) {
        char utf8[4];
        bool taken = lf__tokenizer_find(t, utf8, (size_t)lf__utf8_encode(utf8, chars[i].cp)) >= 0;
        n_chars -= taken;
        if (!taken) chars[kept++] = chars[i];
    }
    if (!failed && (size_t)o->vocab_size < fixed + n_chars + 1)
        failed = lf_error_set(
            err, LF_E_ARGUMENT,
            "a vocabulary of %d pieces is too small: %zu are fixed and %zu are the characters of the text: expected %zu or more",
            o->vocab_size, fixed, n_chars, fixed + n_chars + 1);
    lf_sp_pieces pieces = {0};
    const lf_sp_job job = {&r->maps[0], chars,      n_chars,     known,           (size_t)o->vocab_size - fixed,
                           forbidden,   r->threads, r->progress, r->progress_user};
    failed = failed || (t->model == &lf__model_unigram ? lf__sp_learn_unigram : lf__sp_learn_bpe)(&pieces, &job, err);
    for (size_t i = 0; i < pieces.n && !failed; i++)
        failed = add_piece(t, pieces.v[i].text, pieces.v[i].n, LF_TOKEN_NORMAL, pieces.v[i].score, err);
    free(pieces.v);
    lf_tokenizer_free(&pieces.own);
    free(known), free(chars), free(forbidden);
    lf__buf_release(&texts);
    return failed ? -1 : 0;
}

lf_tokenizer *lf__sp_train(const char *const *paths, int n_paths, const lf_tokenizer_train_options *o, lf_error *err)
{
    static const char *const default_specials[] = {LF_END_TOKEN, NULL};
    const char *const *specials = o->specials ? o->specials : default_specials;
    int threads = o->threads ? o->threads : LF_MIN(lf__cpu_count(), MAX_THREADS);
    const bool unigram = strcmp(o->mode, lf__model_unigram.name) == 0;
    learner l = {.options = o, .t = lf__tokenizer_new(unigram ? &lf__model_unigram : &lf__model_sp_bpe, NULL, err)};
    lf_reader r = {.take = take_lines,
                   .arg = &l,
                   .separators = specials,
                   .threads = threads,
                   .progress = o->progress,
                   .progress_user = o->progress_user};
    const char *normalizer = o->normalizer ? o->normalizer : "identity";
    lf_sp_rules rules = {.dummy_prefix = true, .escape_spaces = true, .squeeze_spaces = strcmp(normalizer, "identity") != 0};
    snprintf(rules.name, sizeof rules.name, "%s", normalizer);
    int failed = !l.t || check(o, threads, err) || add_fixed(l.t, o, specials, err) || lf__charsmap_build(&rules.map, normalizer, err);
    if (!failed) l.t->fuse_unk = true;
    failed = failed || lf__sp_stages(l.t, &rules, err);
    for (int i = 0; i < MAX_THREADS; i++) lf__buf_init(&l.takers[i].normal, SIZE_MAX / 2);
    if (!failed) {
        l.rules = lf__sp_rules(l.t);
        failed = lf__read_words(&r, paths, n_paths, err);
        if (!failed && r.maps[0].n == 0) failed = lf_error_set(err, LF_E_FORMAT, "the text has nothing but separators and empty lines");
        failed = failed || learn(&l, &r, err) || lf__tokenizer_seal(l.t, err);
    }
    lf__reader_release(&r);
    for (int i = 0; i < MAX_THREADS; i++) {
        taker *k = &l.takers[i];
        for (size_t b = 0; b < k->n_blocks; b++) free(k->blocks[b]);
        free(k->blocks);
        lf__buf_release(&k->normal);
    }
    if (failed && l.t) lf_tokenizer_free(&l.t);
    return l.t;
}
