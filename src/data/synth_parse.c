/* synth_parse.c - the story grammar read backwards: the choices that made a text, how many derivations it has, and the proof that no
 * text has two. Shares only the compiled tables with the generator. Pure functions; recursion is bounded by the grammar's size. */
#include <string.h>

#include "data/synth.h"

/* What is still to be read: a position in a sequence of parts, then the rest of the parents. Lives on the C stack. */
typedef struct frame {
    const lf_synth_part *part, *end;
    int offset; /* bytes of a text part already used */
    const struct frame *parent;
} frame;

static frame frame_of(const lf_grammar *g, const lf_synth_seq *seq, const frame *parent)
{
    return (frame){&g->parts[seq->first], &g->parts[seq->first] + seq->n, 0, parent};
}

static bool left_out(const lf_synth_part *draw, const int *row, int candidate)
{
    for (int i = 0; i < draw->n_except; i++)
        if (row[draw->except[i]] == candidate) return true;
    return false;
}

/* ---- the scorer ------------------------------------------------------------------------------------------------------------ */
typedef struct reader {
    const lf_grammar *g;
    const char *text;
    size_t n, reached;
    int row[LF_SYNTH_VARS]; /* -1 = not known yet */
    int found;
    double bits;
} reader;

/* log2 of the weights that a draw chooses among. */
static double draw_log2_sum(const reader *r, const lf_synth_part *draw)
{
    const lf_synth_set *set = &r->g->sets[draw->rule];
    int sum = set->sum;
    for (int i = 0; i < draw->n_except; i++)
        if (r->row[draw->except[i]] >= 0) sum -= r->g->alts[set->first + r->row[draw->except[i]]].weight;
    return r->g->log2[sum];
}

static void read_on(reader *r, const frame *top, size_t at, double bits)
{
    frame f = *top;
    for (;;) {
        while (f.part == f.end) {
            if (!f.parent) {
                if (at == r->n) r->found++, r->bits = bits;
                return;
            }
            f = *f.parent;
        }
        const lf_synth_part *p = f.part++;
        if (p->kind == LF_PART_TEXT) {
            if (r->n - at < (size_t)p->n || memcmp(r->text + at, p->text, (size_t)p->n) != 0) return;
            at += (size_t)p->n;
            r->reached = LF_MAX(r->reached, at);
            continue;
        }
        const lf_synth_set *set = &r->g->sets[p->rule];
        if (p->kind == LF_PART_ECHO && r->row[p->var] >= 0) {
            const frame outer = f, inner = frame_of(r->g, &r->g->alts[set->first + r->row[p->var]].columns[p->column], &outer);
            read_on(r, &inner, at, bits);
            return;
        }
        const double all = p->kind == LF_PART_DRAW ? draw_log2_sum(r, p) : 0;
        for (int i = 0; i < set->n; i++) {
            if (p->kind == LF_PART_DRAW && left_out(p, r->row, i)) continue;
            const frame inner = frame_of(r->g, &r->g->alts[set->first + i].columns[p->column], &f);
            double cost = p->kind == LF_PART_DRAW ? all - r->g->log2[r->g->alts[set->first + i].weight] : 0;
            int before = p->var >= 0 ? r->row[p->var] : 0;
            if (p->var >= 0) r->row[p->var] = i;
            read_on(r, &inner, at, bits + cost);
            if (p->var >= 0) r->row[p->var] = before;
        }
        return;
    }
}

/* rows: what is known of the variables before, NULL = nothing. */
static reader read_back(const lf_grammar *g, int set, const int *rows, const char *text, size_t n)
{
    const lf_synth_part start = {.kind = LF_PART_DRAW, .rule = set, .var = -1};
    reader r = {.g = g, .text = text, .n = n};
    for (int i = 0; i < LF_SYNTH_VARS; i++) r.row[i] = rows ? rows[i] : -1;
    const frame f = {&start, &start + 1, 0, NULL};
    read_on(&r, &f, 0, 0);
    return r;
}

int lf__synth_score(const lf_grammar *g, int set, const char *text, size_t n, double *bits, size_t *reached)
{
    reader r = read_back(g, set, NULL, text, n);
    if (bits) *bits = r.bits;
    if (reached) *reached = r.reached;
    return r.found;
}

/* ---- the checker ----------------------------------------------------------------------------------------------------------- */
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* Whole words where words are letters; Chinese has no borders to look for. */
static const char *find_word(const char *text, size_t n, const lf_synth_part *word)
{
    const char *end = text + n, *p = text;
    while ((p = memmem(p, (size_t)(end - p), word->text, (size_t)word->n)) != NULL) {
        bool left = p == text || !is_letter(p[-1]) || !is_letter(*p),
             right = p + word->n == end || !is_letter(p[word->n]) || !is_letter(*p);
        if (left && right) return p;
        p++;
    }
    return NULL;
}

/* The one row of a rule whose word stands in the text, provided that it also stands in the last paragraph; -1 for none or several. */
static int kept_row(const lf_grammar *g, const char *rule, const char *text, size_t n, const char *last)
{
    const lf_synth_set *set = &g->sets[lf__grammar_find(g, rule)];
    int found = -1;
    for (int i = 0; i < set->n; i++) {
        const lf_synth_alt *alt = &g->alts[set->first + i];
        /* a Chinese thing: measure word, look and noun, then the noun alone */
        const lf_synth_part *word = &g->parts[alt->columns[alt->columns[0].n > 1 ? 1 : 0].first];
        if (!find_word(text, n, word)) continue;
        if (found >= 0 || !find_word(last, (size_t)(text + n - last), word)) return -1;
        found = i;
    }
    return found;
}

/* End of the sentence that begins at p: behind . ! ? or their Chinese forms, or at a line's end. */
static const char *sentence_end(const char *p, const char *end)
{
    for (; p < end; p++) {
        if (*p == '\n' || *p == '.' || *p == '!' || *p == '?') return p + 1;
        if (end - p >= 3 && (!memcmp(p, "。", 3) || !memcmp(p, "！", 3) || !memcmp(p, "？", 3))) return p + 3;
    }
    return end;
}

static bool has_loops(const char *text, size_t n)
{
    enum { MOST = 256 };
    const char *begin[MOST], *end = text + n, *p = text;
    size_t length[MOST];
    int count = 0;
    while (p < end && count < MOST) {
        const char *stop = sentence_end(p, end);
        while (p < stop && (*p == ' ' || *p == '\n' || *p == '"')) p++;
        if (stop - p > 3) {
            int same = 0;
            begin[count] = p, length[count] = (size_t)(stop - p);
            for (int i = 0; i < count; i++)
                if (length[i] == length[count] && !memcmp(begin[i], p, length[i])) same += i == count - 1 ? 2 : 1;
            if (same >= 2) return true;
            count++;
        }
        p = LF_MAX(p, stop);
    }
    return false;
}

void lf__synth_check(lf_synth_check *check, const lf_grammar *g, const char *text, size_t n)
{
    static const char *const endings[] = {"lost_end", "gift_end", "find_end", "earn_end"};
    const char *newline = memrchr(text, '\n', n), *last = newline ? newline + 1 : text;
    int rows[LF_SYNTH_VARS], hero = kept_row(g, "hero", text, n, last);
    reader r = read_back(g, 0, NULL, text, n);
    *check = (lf_synth_check){.parses = r.found == 1, .bits = r.bits, .reached = r.reached, .loops = has_loops(text, n)};
    check->keeps = hero >= 0 && kept_row(g, "object", text, n, last) >= 0;
    memset(rows, 0xff, sizeof rows);
    rows['H' - 'A'] = hero;
    for (const char *p = last; p < text + n && hero >= 0 && !check->ends; p++)
        for (size_t i = 0; i < LF_COUNT(endings) && !check->ends; i++)
            check->ends = read_back(g, lf__grammar_find(g, endings[i]), rows, p, (size_t)(text + n - p)).found > 0;
}

/* ---- the proof -------------------------------------------------------------------------------------------------------------
 * Two derivations stand side by side and are expanded until their bytes differ. Where both are about to draw from the same rule (or to
 * repeat the same row) they are taken to draw the same row: if the rows differ, the texts part by the proof of that rule. A variable
 * drawn before the choice has some row, the same for both; one drawn inside has a row of its own. */
typedef struct pair {
    const lf_grammar *g;
    int shared[LF_SYNTH_VARS]; /* row of a variable bound before the two parted; -1 = any */
    int own[2][LF_SYNTH_VARS]; /* row bound by one of the two; -1 = none                  */
    int budget;                /* expansions left: a proof that does not end is no proof  */
} pair;

static bool parts_of(pair *q, const frame *a, const frame *b);

/* Expands the next part of side s in every possible way; all of them must part from the other side. */
static bool parts_for_all(pair *q, int s, const frame *f, const frame *other)
{
    const lf_synth_part *p = f->part;
    const lf_synth_set *set = &q->g->sets[p->rule];
    const frame after = {f->part + 1, f->end, 0, f->parent};
    int *slot = p->var < 0 ? NULL : p->kind == LF_PART_DRAW ? &q->own[s][p->var] : &q->shared[p->var];
    if (p->kind == LF_PART_ECHO && q->own[s][p->var] >= 0) slot = &q->own[s][p->var];
    int known = p->kind == LF_PART_ECHO ? *slot : -1, before = slot ? *slot : -1;
    for (int i = 0; i < set->n; i++) {
        if (known >= 0 && i != known) continue;
        const frame inner = frame_of(q->g, &q->g->alts[set->first + i].columns[p->column], &after);
        if (slot) *slot = i;
        bool ok = s == 0 ? parts_of(q, &inner, other) : parts_of(q, other, &inner);
        if (slot) *slot = before;
        if (!ok) return false;
    }
    return true;
}

static bool same_part(const pair *q, const lf_synth_part *a, const lf_synth_part *b)
{
    if (a->kind != b->kind || a->rule != b->rule) return false;
    if (a->kind == LF_PART_DRAW) {
        if (a->n_except != b->n_except) return false;
        for (int i = 0; i < a->n_except; i++)
            if (a->except[i] != b->except[i]) return false;
        return a->var == b->var || a->var < 0 || b->var < 0;
    }
    return a->var == b->var && a->column == b->column && q->own[0][a->var] == q->own[1][b->var];
}

static bool parts_of(pair *q, const frame *fa, const frame *fb)
{
    frame a = *fa, b = *fb;
    if (--q->budget < 0) return false;
    for (;;) {
        while (a.part == a.end && a.parent) a = *a.parent;
        while (b.part == b.end && b.parent) b = *b.parent;
        if (a.part == a.end || b.part == b.end) return false; /* one is the beginning of the other */
        const lf_synth_part *p = a.part, *r = b.part;
        if (p->kind != LF_PART_TEXT && a.offset == 0 && b.offset == 0 && same_part(q, p, r)) {
            a.part++, b.part++;
            continue;
        }
        if (p->kind != LF_PART_TEXT) return parts_for_all(q, 0, &a, &b);
        if (r->kind != LF_PART_TEXT) return parts_for_all(q, 1, &b, &a);
        int n = LF_MIN(p->n - a.offset, r->n - b.offset);
        if (memcmp(p->text + a.offset, r->text + b.offset, (size_t)n) != 0) return true;
        if ((a.offset += n) == p->n) a.part++, a.offset = 0;
        if ((b.offset += n) == r->n) b.part++, b.offset = 0;
    }
}

static void first_words(const lf_grammar *g, const lf_synth_seq *seq, char out[64])
{
    size_t n = 0;
    for (int i = 0; i < seq->n && n < 48; i++) {
        const lf_synth_part *p = &g->parts[seq->first + i];
        const char *text = p->kind == LF_PART_TEXT ? p->text : "{}";
        size_t m = LF_MIN((size_t)(p->kind == LF_PART_TEXT ? p->n : 2), 60 - n);
        memcpy(out + n, text, m);
        n += m;
    }
    out[n] = 0;
}

int lf__grammar_prove(const lf_grammar *g, lf_error *err)
{
    for (size_t s = 0; s < g->n_sets; s++)
        for (int i = 0; i < g->sets[s].n; i++)
            for (int k = i + 1; k < g->sets[s].n; k++) {
                const lf_synth_seq *x = &g->alts[g->sets[s].first + i].columns[0], *y = &g->alts[g->sets[s].first + k].columns[0];
                const frame a = frame_of(g, x, NULL), b = frame_of(g, y, NULL);
                pair q = {.g = g, .budget = 1 << 20};
                memset(q.shared, 0xff, sizeof q.shared);
                memset(q.own, 0xff, sizeof q.own);
                if (parts_of(&q, &a, &b)) continue;
                char one[64], two[64];
                first_words(g, x, one), first_words(g, y, two);
                return lf_error_set(err, LF_E_FORMAT, "story grammar, rule \"%s\": \"%s\" and \"%s\" can begin with the same text",
                                    g->sets[s].name, one, two);
            }
    return 0;
}

/* ---- how many stories ------------------------------------------------------------------------------------------------------- */
static double seq_log2_count(const lf_grammar *g, const lf_synth_seq *seq);

static double column_log2_count(const lf_grammar *g, const lf_synth_set *set, int column, int left)
{
    double sum = 0, least = 1e9;
    for (int i = 0; i < set->n; i++) {
        double c = seq_log2_count(g, &g->alts[set->first + i].columns[column]);
        sum += lf__exp(c * 0.693147180559945309417);
        least = LF_MIN(least, c);
    }
    /* A repeated row: the least any row gives. A draw: all rows, scaled down for those left out. */
    return column > 0 || left < 0 ? least : lf__ln(sum * (set->n - left) / set->n) / 0.693147180559945309417;
}

static double seq_log2_count(const lf_grammar *g, const lf_synth_seq *seq)
{
    double sum = 0;
    for (int i = 0; i < seq->n; i++) {
        const lf_synth_part *p = &g->parts[seq->first + i];
        if (p->kind == LF_PART_TEXT) continue;
        sum += column_log2_count(g, &g->sets[p->rule], p->column, p->kind == LF_PART_DRAW ? p->n_except : -1);
    }
    return sum;
}

double lf__grammar_log2_count(const lf_grammar *g, int set) { return column_log2_count(g, &g->sets[set], 0, 0); }
