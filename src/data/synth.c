/* synth.c - stories whose best possible loss is known. A probabilistic grammar writes them; every choice goes through choose(), which
 * adds -log2 p to the story's bits, and text determines choices (synth_parse.c proves it), so the sum is the information in the text.
 * Story i is a pure function of (seed, i): workers fill blocks of stories, the caller writes the blocks in order. */
#include "data/synth.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "foundry/data.h"

static const double LN2 = 0.693147180559945309417;

/* ---- the compiler: text of a table -> sets, alternatives, parts --------------------------------------------------------- */
int lf__grammar_find(const lf_grammar *g, const char *name)
{
    for (size_t i = 0; i < g->n_sets; i++)
        if (strcmp(g->sets[i].name, name) == 0) return (int)i;
    return -1;
}

static int complain(const char *what, const lf_synth_set *set, const char *at, lf_error *err)
{
    return lf_error_set(err, LF_E_FORMAT, "story grammar, rule \"%s\": %s at \"%.40s\"", set->name, what, at);
}

/* "{" [VAR ":"] rule ["-" VARS] "}" or "{" VAR [digit] "}"; p stands behind the brace, *end on the closing one. */
static int compile_slot(lf_grammar *g, const lf_synth_set *set, const char *p, const char *end, lf_synth_part *part, lf_error *err)
{
    char name[32];
    const char *open = p - 1;
    bool is_var = p < end && *p >= 'A' && *p <= 'Z';
    *part = (lf_synth_part){.kind = LF_PART_DRAW, .var = is_var ? *p - 'A' : -1};
    if (is_var && (p + 1 == end || (p + 2 == end && p[1] >= '0' && p[1] < '0' + LF_SYNTH_COLUMNS))) {
        part->kind = LF_PART_ECHO;
        part->column = p + 1 == end ? 0 : p[1] - '0';
        return 0; /* its rule is filled in when all variables are known */
    }
    if (is_var) {
        if (p[1] != ':') return complain("expected ':' behind the variable", set, open, err);
        p += 2;
    }
    size_t n = 0;
    while (p < end && *p != '-' && n + 1 < sizeof name) name[n++] = *p++;
    name[n] = 0;
    part->rule = lf__grammar_find(g, name);
    if (part->rule < 0) return complain("unknown rule", set, open, err);
    if (p < end && *p == '-')
        for (p++; p < end && *p >= 'A' && *p <= 'Z' && part->n_except < LF_SYNTH_EXCEPT; p++) part->except[part->n_except++] = *p - 'A';
    if (p != end) return complain("a slot that cannot be read", set, open, err);
    if (part->var >= 0) {
        int *owner = &g->var_set[part->var];
        if (*owner >= 0 && *owner != part->rule) return complain("a variable drawn from two rules", set, open, err);
        *owner = part->rule;
    }
    return 0;
}

static int compile_seq(lf_grammar *g, const lf_synth_set *set, const char *p, const char *end, lf_synth_seq *seq, lf_error *err)
{
    *seq = (lf_synth_seq){(int)g->n_parts, 0};
    while (p < end) {
        if (lf__grow(&g->parts, &g->cap_parts, g->n_parts + 1, sizeof *g->parts, err)) return -1;
        lf_synth_part *part = &g->parts[g->n_parts++];
        if (*p == '{') {
            const char *close = memchr(p, '}', (size_t)(end - p));
            if (!close) return complain("a brace that is not closed", set, p, err);
            if (compile_slot(g, set, p + 1, close, part, err)) return -1;
            p = close + 1;
        } else {
            const char *brace = memchr(p, '{', (size_t)(end - p));
            int n = (int)((brace ? brace : end) - p);
            *part = (lf_synth_part){.kind = LF_PART_TEXT, .text = p, .n = n, .var = -1};
            p += n;
        }
        seq->n++;
    }
    return 0;
}

static int compile_set(lf_grammar *g, lf_synth_set *set, const char *p, lf_error *err)
{
    set->first = (int)g->n_alts;
    while (*p) {
        const char *end = strchr(p, '|'), *digits = p;
        if (!end) end = p + strlen(p);
        if (lf__grow(&g->alts, &g->cap_alts, g->n_alts + 1, sizeof *g->alts, err)) return -1;
        lf_synth_alt *alt = &g->alts[g->n_alts++];
        *alt = (lf_synth_alt){.weight = 1, .below = set->sum};
        while (*digits >= '0' && *digits <= '9') digits++;
        if (digits > p && *digits == '*') {
            alt->weight = atoi(p);
            p = digits + 1;
        }
        if (alt->weight < 1 || set->sum + alt->weight > LF_SYNTH_MAX_SUM) return complain("weights out of range", set, p, err);
        memset(set->pick + set->sum, set->n, (size_t)alt->weight);
        set->sum += alt->weight;
        set->n++;
        for (;;) {
            const char *slash = memchr(p, '/', (size_t)(end - p)), *stop = slash ? slash : end;
            if (alt->n_columns == LF_SYNTH_COLUMNS) return complain("too many columns", set, p, err);
            if (compile_seq(g, set, p, stop, &alt->columns[alt->n_columns++], err)) return -1;
            if (!slash) break;
            p = slash + 1;
        }
        p = *end ? end + 1 : end;
    }
    return set->n ? 0 : complain("no alternatives", set, p, err);
}

static size_t seq_max_bytes(const lf_grammar *g, const lf_synth_seq *seq, int depth);

static size_t set_max_bytes(const lf_grammar *g, int set, int column, int depth)
{
    size_t most = 0;
    const lf_synth_set *s = &g->sets[set];
    for (int i = 0; i < s->n; i++) {
        const lf_synth_alt *alt = &g->alts[s->first + i];
        if (column < alt->n_columns) most = LF_MAX(most, seq_max_bytes(g, &alt->columns[column], depth + 1));
    }
    return most;
}

static size_t seq_max_bytes(const lf_grammar *g, const lf_synth_seq *seq, int depth)
{
    size_t sum = 0;
    if (depth > LF_SYNTH_DEPTH) return SIZE_MAX / 4096; /* recursion: far more than any story may have */
    for (int i = 0; i < seq->n; i++) {
        const lf_synth_part *p = &g->parts[seq->first + i];
        sum += p->kind == LF_PART_TEXT ? (size_t)p->n : set_max_bytes(g, p->rule, p->column, depth);
    }
    return sum;
}

/* Every repeated variable is drawn somewhere, every column asked for exists in every row. */
static int link_parts(lf_grammar *g, lf_error *err)
{
    for (size_t i = 0; i < g->n_parts; i++) {
        lf_synth_part *p = &g->parts[i];
        if (p->kind != LF_PART_ECHO) continue;
        p->rule = g->var_set[p->var];
        if (p->rule < 0) return lf_error_set(err, LF_E_FORMAT, "story grammar: {%c} is never drawn", 'A' + p->var);
        for (int k = 0; k < g->sets[p->rule].n; k++)
            if (p->column >= g->alts[g->sets[p->rule].first + k].n_columns)
                return lf_error_set(err, LF_E_FORMAT, "story grammar: {%c%d}: row %d of rule \"%s\" has no such column", 'A' + p->var,
                                    p->column, k, g->sets[p->rule].name);
    }
    return 0;
}

lf_grammar *lf__grammar_new(const lf_synth_rule *rules, lf_error *err)
{
    lf_grammar *g = lf__calloc(1, sizeof *g, err);
    if (!g) return NULL;
    for (int i = 0; i < LF_SYNTH_VARS; i++) g->var_set[i] = -1;
    for (int i = 1; i <= LF_SYNTH_MAX_SUM; i++) g->log2[i] = lf__ln(i) / LN2;
    for (; rules[g->n_sets].name; g->n_sets++) { /* names first: rules may stand in any order */
        if (lf__grow(&g->sets, &g->cap_sets, g->n_sets + 1, sizeof *g->sets, err)) goto fail;
        memset(&g->sets[g->n_sets], 0, sizeof *g->sets);
        g->sets[g->n_sets].name = rules[g->n_sets].name;
    }
    for (size_t i = 0; i < g->n_sets; i++)
        if (compile_set(g, &g->sets[i], rules[i].alts, err)) goto fail;
    if (link_parts(g, err)) goto fail;
    g->max_bytes = set_max_bytes(g, 0, 0, 0);
    if (g->max_bytes >= 65536) {
        lf_error_set(err, LF_E_FORMAT, "story grammar: a rule reaches itself, or stories are longer than 64 KiB");
        goto fail;
    }
    return g;
fail:
    lf__grammar_free(&g);
    return NULL;
}

void lf__grammar_free(lf_grammar **g)
{
    if (!*g) return;
    free((*g)->sets), free((*g)->alts), free((*g)->parts), free(*g);
    *g = NULL;
}

/* ---- the generator --------------------------------------------------------------------------------------------------------- */
typedef struct writer_state {
    const lf_grammar *g;
    lf_rng *rng;
    char *at;
    double bits;
    int row[LF_SYNTH_VARS];
} writer_state;

/* The only source of chance. A left-out row is stepped over, never redrawn: of the other rows each keeps p = w / (sum - left out). */
static int choose(writer_state *w, const lf_synth_part *draw)
{
    const lf_synth_set *set = &w->g->sets[draw->rule];
    const lf_synth_alt *alts = &w->g->alts[set->first];
    int out[LF_SYNTH_EXCEPT], n_out = 0, sum = set->sum;
    for (int i = 0; i < draw->n_except; i++) { /* rows left out, ascending; different variables hold different rows */
        int row = w->row[draw->except[i]], k = n_out++;
        for (; k > 0 && out[k - 1] > row; k--) out[k] = out[k - 1];
        out[k] = row;
        sum -= alts[row].weight;
    }
    int x = (int)lf__rng_below(w->rng, (uint64_t)sum);
    for (int i = 0; i < n_out; i++)
        if (x >= alts[out[i]].below) x += alts[out[i]].weight;
    int row = set->pick[x];
    w->bits += w->g->log2[sum] - w->g->log2[alts[row].weight];
    if (draw->var >= 0) w->row[draw->var] = row;
    return set->first + row;
}

static void expand(writer_state *w, const lf_synth_seq *seq)
{
    const lf_grammar *g = w->g;
    for (int i = 0; i < seq->n; i++) {
        const lf_synth_part *p = &g->parts[seq->first + i];
        if (p->kind == LF_PART_TEXT) {
            memcpy(w->at, p->text, (size_t)p->n);
            w->at += p->n;
        } else if (p->kind == LF_PART_DRAW) {
            expand(w, &g->alts[choose(w, p)].columns[0]);
        } else {
            expand(w, &g->alts[g->sets[p->rule].first + w->row[p->var]].columns[p->column]);
        }
    }
}

size_t lf__synth_story(const lf_grammar *g, lf_rng *rng, char *out, double *bits)
{
    static const lf_synth_part story = {.kind = LF_PART_DRAW, .rule = 0, .var = -1};
    writer_state w = {.g = g, .rng = rng, .at = out};
    expand(&w, &g->alts[choose(&w, &story)].columns[0]);
    *bits += w.bits;
    return (size_t)(w.at - out);
}

/* ---- the file: blocks of stories, written in order ------------------------------------------------------------------------- */
enum { BLOCK_STORIES = 512 };
static const char SEPARATOR[] = "\n<|endoftext|>\n"; /* its first newline ends the story's last line: none of it is story text */

typedef struct block {
    char *text; /* stories end to end */
    uint32_t bytes[BLOCK_STORIES];
    double bits[BLOCK_STORIES];
} block;

typedef struct job {
    const lf_grammar *langs[2];
    int n_langs;
    uint64_t seed, first; /* first story of this round */
    block *blocks;        /* one per worker */
} job;

static void fill_block(void *arg, int tid, int n_threads)
{
    LF_UNUSED(n_threads);
    job *j = arg;
    block *b = &j->blocks[tid];
    char *at = b->text;
    for (uint64_t i = 0; i < BLOCK_STORIES; i++) {
        lf_rng rng = lf__rng_make(j->seed, j->first + (uint64_t)tid * BLOCK_STORIES + i);
        b->bits[i] = j->n_langs == 2 ? 1.0 : 0.0; /* the language is a fair coin */
        const lf_grammar *g = j->langs[j->n_langs == 2 ? lf__rng_below(&rng, 2) : 0];
        size_t n = lf__synth_story(g, &rng, at, &b->bits[i]);
        b->bytes[i] = (uint32_t)n;
        at += n;
    }
}

typedef struct output {
    lf_writer *text, *bits, *meta;
    uint64_t hash; /* of the stories, one after another */
    lf_synth_report report;
} output;

/* Fixed point by hand: printf's decimal point follows the locale. */
static int add_fixed(lf_writer *w, const char *before, double value, const char *after)
{
    uint64_t micro = (uint64_t)(value * 1e6 + 0.5);
    return lf__writer_printf(w, "%s%llu.%06llu%s", before, (unsigned long long)(micro / 1000000), (unsigned long long)(micro % 1000000),
                             after);
}

/* Appends stories until the file has `want` bytes. 0, or -1 when a writer failed (it keeps the reason). */
static int write_block(output *o, const block *b, uint64_t want)
{
    const char *at = b->text;
    for (int i = 0; i < BLOCK_STORIES && o->report.file_bytes < want; i++) {
        if (lf__writer_add(o->text, at, b->bytes[i]) || lf__writer_add(o->text, SEPARATOR, sizeof SEPARATOR - 1)) return -1;
        if (add_fixed(o->bits, "", b->bits[i], "\n")) return -1;
        o->hash = lf__hash64(at, b->bytes[i], o->hash);
        at += b->bytes[i];
        o->report.documents++;
        o->report.bytes += b->bytes[i];
        o->report.file_bytes += b->bytes[i] + sizeof SEPARATOR - 1;
        o->report.bits += b->bits[i];
    }
    return 0;
}

static int write_stories(output *o, job *j, const lf_synth_options *options, int threads, lf_error *err)
{
    double last = lf__now();
    lf_pool *pool = lf__pool_new(threads, 0, err);
    if (!pool) return -1;
    int failed = 0;
    while (!failed && o->report.file_bytes < options->bytes) {
        lf__pool_run(pool, fill_block, j);
        j->first += (uint64_t)threads * BLOCK_STORIES;
        for (int t = 0; t < threads && !failed; t++) failed = write_block(o, &j->blocks[t], options->bytes);
        bool done = o->report.file_bytes >= options->bytes;
        if (options->progress && !failed && (done || lf__now() - last > 0.25)) {
            last = lf__now();
            if (options->progress("stories", (double)LF_MIN(o->report.file_bytes, options->bytes), (double)options->bytes, "bytes",
                                  options->progress_user) &&
                !done)
                failed = lf_error_set(err, LF_E_INTERRUPTED, "writing stories was stopped after %llu of %llu bytes; nothing was kept",
                                      (unsigned long long)o->report.file_bytes, (unsigned long long)options->bytes);
        }
    }
    lf__pool_free(&pool);
    return failed;
}

static int write_meta(const output *o, const char *lang, uint64_t seed)
{
    lf_writer *w = o->meta;
    const lf_synth_report *r = &o->report;
    lf__writer_printf(w, "{\n  \"bytes\": %llu,\n  \"documents\": %llu,\n", (unsigned long long)r->bytes, (unsigned long long)r->documents);
    add_fixed(w, "  \"bits\": ", r->bits, ",\n");
    add_fixed(w, "  \"bits_per_byte\": ", r->bits_per_byte, ",\n");
    return lf__writer_printf(
        w, "  \"file_bytes\": %llu,\n  \"lang\": \"%s\",\n  \"seed\": %llu,\n  \"generator\": %d,\n  \"text_hash\": \"%016llx\"\n}\n",
        (unsigned long long)r->file_bytes, lang, (unsigned long long)seed, LF_SYNTH_VERSION, (unsigned long long)o->hash);
}

/* X.txt -> X.meta.json; any other name gets the suffix behind it. */
static int sibling(char out[LF_PATH_MAX], const char *path, const char *suffix, lf_error *err)
{
    size_t n = strlen(path);
    if (n > 4 && strcmp(path + n - 4, ".txt") == 0) n -= 4;
    if (n + strlen(suffix) >= LF_PATH_MAX) return lf_error_set(err, LF_E_LIMIT, "path of %zu bytes is too long: \"%.80s...\"", n, path);
    memcpy(out, path, n);
    strcpy(out + n, suffix);
    return 0;
}

static int check_options(const char *path, const lf_synth_options *o, const char *lang, lf_error *err)
{
    if (strcmp(lang, "en") && strcmp(lang, "zh") && strcmp(lang, "mix"))
        return lf_error_set(err, LF_E_ARGUMENT, "stories: language \"%.40s\" is not known, expected en, zh or mix", lang);
    if (o->bytes < 1) return lf_error_set(err, LF_E_ARGUMENT, "stories: the size must be at least 1 byte, got 0");
    if (o->threads < 0 || o->threads > 256) return lf_error_set(err, LF_E_ARGUMENT, "stories: threads must be 0..256, got %d", o->threads);
    if (lf__path_is_dir(path)) {
        lf_error_set(err, LF_E_IO, "%s is a folder; stories are written to a file", path);
        return lf_error_hint(err, "foundry data synth -o %.300s/stories.txt", path);
    }
    return 0;
}

int lf_synth_write(const char *path, const lf_synth_options *options, lf_synth_report *report, lf_error *err)
{
    const char *lang = options->lang ? options->lang : "mix";
    char meta_path[LF_PATH_MAX], bits_path[LF_PATH_MAX];
    if (check_options(path, options, lang, err)) return -1;
    if (sibling(meta_path, path, ".meta.json", err) || sibling(bits_path, path, ".bits", err)) return -1;

    int threads = options->threads ? options->threads : LF_MIN(lf__cpu_count(), 256), rc = -1;
    job j = {.seed = options->seed};
    output o = {0};
    lf_grammar *en = lf__grammar_new(lf__synth_en, err), *zh = en ? lf__grammar_new(lf__synth_zh, err) : NULL;
    if (!zh) goto out;
    if (lang[0] != 'z') j.langs[j.n_langs++] = en;
    if (lang[0] != 'e') j.langs[j.n_langs++] = zh;
    if (!(j.blocks = lf__calloc((size_t)threads, sizeof *j.blocks, err))) goto out;
    for (int t = 0; t < threads; t++)
        if (!(j.blocks[t].text = lf__calloc(BLOCK_STORIES, LF_MAX(en->max_bytes, zh->max_bytes), err))) goto out;

    if (!(o.text = lf__writer_open(path, err)) || !(o.bits = lf__writer_open(bits_path, err)) ||
        !(o.meta = lf__writer_open(meta_path, err)))
        goto out;
    lf_error stop = {0};
    if (write_stories(&o, &j, options, threads, &stop) && stop.code) {
        rc = lf__error_pass(err, &stop);
        goto out;
    }
    o.report.bits_per_byte = o.report.bits / (double)LF_MAX(o.report.bytes, 1);
    write_meta(&o, lang, options->seed);
    /* A full disk shows before the first of three new names; killed between them, the hash tells that text and bits do not fit. */
    rc = lf__writer_seal(o.text, err) || lf__writer_seal(o.bits, err) || lf__writer_seal(o.meta, err) ? -1 : 0;
    if (rc == 0) rc = lf__writer_commit(&o.bits, err);
    if (rc == 0) rc = lf__writer_commit(&o.meta, err);
    if (rc == 0) rc = lf__writer_commit(&o.text, err);
    if (rc == 0 && report) *report = o.report;
out:
    lf__writer_discard(&o.text), lf__writer_discard(&o.bits), lf__writer_discard(&o.meta);
    if (j.blocks)
        for (int t = 0; t < threads; t++) free(j.blocks[t].text);
    free(j.blocks);
    lf__grammar_free(&en), lf__grammar_free(&zh);
    return rc;
}
