/* synth.h - the story grammar, private to src/data, tests and tools. A grammar is a table of rules; the same table drives the generator
 * (synth.c), the scorer that reads a story back into its choices, and the proof that no story has two derivations (synth_parse.c).
 *
 * A rule is a name and a list of alternatives, "alt|alt|...", each with an optional weight "3*" in front and further columns after '/':
 *   {animal}      draw an alternative of rule "animal" and expand its first column
 *   {K:animal}    the same, and remember the row as K
 *   {animal-K}    draw among the rows that are not K, their weights renormalized: {G:animal-K}, {food-AB}
 *   {K} {K1}      the remembered row again: its first column, its column 1
 * Columns are templates too, so a row can carry the sentences that suit it. Rule 0 is the story. No rule reaches itself.
 * A compiled grammar is immutable and shared between threads. */
#ifndef LF_DATA_SYNTH_H
#define LF_DATA_SYNTH_H

#include "base/base.h"

typedef struct lf_synth_rule {
    const char *name, *alts;
} lf_synth_rule;

extern const lf_synth_rule lf__synth_en[], lf__synth_zh[]; /* end with a NULL name */

/* Raised whenever a table or the drawing changes: the same seed then gives other stories. */
enum { LF_SYNTH_VERSION = 2 };

enum { LF_SYNTH_VARS = 26, LF_SYNTH_COLUMNS = 8, LF_SYNTH_EXCEPT = 3, LF_SYNTH_MAX_SUM = 255, LF_SYNTH_DEPTH = 32 };

typedef enum lf_part_kind { LF_PART_TEXT, LF_PART_DRAW, LF_PART_ECHO } lf_part_kind;

typedef struct lf_synth_part {
    lf_part_kind kind;
    int rule;     /* DRAW: the rule; ECHO: the rule its variable is drawn from   */
    int var;      /* DRAW: variable to bind or -1; ECHO: variable                */
    int column;   /* ECHO                                                        */
    int n_except; /* DRAW: variables whose rows are left out                     */
    int except[LF_SYNTH_EXCEPT];
    const char *text; /* TEXT: borrowed from the table, n bytes                      */
    int n;
} lf_synth_part;

typedef struct lf_synth_seq {
    int first, n; /* parts[first .. first + n) */
} lf_synth_seq;

typedef struct lf_synth_alt {
    int weight, below; /* below = sum of the weights before it */
    int n_columns;
    lf_synth_seq columns[LF_SYNTH_COLUMNS];
} lf_synth_alt;

typedef struct lf_synth_set {
    const char *name;
    int first, n, sum;              /* alts[first .. first + n), their weights */
    uint8_t pick[LF_SYNTH_MAX_SUM]; /* pick[x] = row for a draw x in [0, sum) */
} lf_synth_set;

typedef struct lf_grammar {
    lf_synth_set *sets;
    lf_synth_alt *alts;
    lf_synth_part *parts;
    size_t n_sets, n_alts, n_parts, cap_sets, cap_alts, cap_parts;
    int var_set[LF_SYNTH_VARS];        /* the one rule each variable is drawn from, -1 = unused */
    size_t max_bytes;                  /* no story is longer                                    */
    double log2[LF_SYNTH_MAX_SUM + 1]; /* of the integers                                       */
} lf_grammar;

/* Compiles a table; every mistake in it (unknown name, two rules for one variable, recursion) is an error that quotes the place. */
lf_grammar *lf__grammar_new(const lf_synth_rule *rules, lf_error *err);
void lf__grammar_free(lf_grammar **g);
int lf__grammar_find(const lf_grammar *g, const char *name); /* rule index or -1 */

/* Story `i` of a seed: a pure function of (grammar, rng). Writes at most max_bytes, returns the length; adds -log2 p to *bits. */
size_t lf__synth_story(const lf_grammar *g, lf_rng *rng, char *out, double *bits);

/* Reads text[0, n) back through rule `set`, trying every derivation. Returns how many there are (0 = not a text of this grammar),
 * the bits of the last one, and how far any of them came. Variables that the rule repeats but does not draw may be any row. */
int lf__synth_score(const lf_grammar *g, int set, const char *text, size_t n, double *bits, size_t *reached);

/* What can be said of a text that was meant to be a story of this grammar. */
typedef struct lf_synth_check {
    bool keeps;     /* one hero, one object, and the last paragraph still has both           */
    bool ends;      /* closes with an ending of the grammar, told of its own hero            */
    bool loops;     /* a sentence twice in a row, or three times in all                      */
    bool parses;    /* the whole text is a story of the grammar                              */
    double bits;    /* when it parses                                                        */
    size_t reached; /* bytes from its beginning that could still become a story            */
} lf_synth_check;
void lf__synth_check(lf_synth_check *check, const lf_grammar *g, const char *text, size_t n);

/* Proves that text determines choices: any two alternatives of any rule differ at some byte before either of them ends, whatever is
 * drawn inside. Then the first choice in which two derivations part makes their texts part. 0, or -1 naming the pair. */
int lf__grammar_prove(const lf_grammar *g, lf_error *err);

/* log2 of a number of derivations that rule `set` surely has. */
double lf__grammar_log2_count(const lf_grammar *g, int set);

#endif
