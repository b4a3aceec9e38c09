/* check_stories.c - are these stories? Reads stories separated by <|endoftext|> lines (what a model told, or what synth wrote), checks each
 * against the grammar, and reports shares; exit 1 when a share misses its bar, 2 for wrong use. Linked against the library's own tables. */
#include <stdlib.h>
#include <string.h>

#include "data/synth.h"

static const char SEPARATOR[] = "<|endoftext|>";

typedef struct limits {
    double min_keep, min_end, max_loops, min_new, min_parse;
} limits;

typedef struct tally {
    size_t stories, keep, end, loops, seen, distinct, parse, bytes;
} tally;

/* The next story of [*at, end) without its outer white space; 0 when there is none left. */
static size_t next_story(const char **at, const char *end, const char **story)
{
    while (*at < end) {
        const char *stop = memmem(*at, (size_t)(end - *at), SEPARATOR, sizeof SEPARATOR - 1), *begin = *at;
        *at = stop ? stop + sizeof SEPARATOR - 1 : end;
        if (!stop) stop = end;
        while (begin < stop && (*begin == '\n' || *begin == ' ' || *begin == '\r')) begin++;
        while (stop > begin && (stop[-1] == '\n' || stop[-1] == ' ' || stop[-1] == '\r')) stop--;
        *story = begin;
        if (stop > begin) return (size_t)(stop - begin);
    }
    return 0;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Sorted hashes of all stories of a text; the caller frees *hashes. */
static int hash_stories(uint64_t **hashes, size_t *n, const lf_map *map, lf_error *err)
{
    const char *at = (const char *)map->data, *end = at + map->size, *story;
    size_t cap = 0, length;
    *hashes = NULL, *n = 0;
    while (at && (length = next_story(&at, end, &story)) > 0) {
        if (lf__grow(hashes, &cap, *n + 1, sizeof **hashes, err)) return -1;
        (*hashes)[(*n)++] = lf__hash64(story, length, 0);
    }
    if (*n) qsort(*hashes, *n, sizeof **hashes, by_value);
    return 0;
}

static int check_all(tally *t, const lf_map *stories, const lf_map *train, int verbose, lf_error *err)
{
    lf_grammar *en = lf__grammar_new(lf__synth_en, err), *zh = en ? lf__grammar_new(lf__synth_zh, err) : NULL;
    uint64_t *known = NULL, *own = NULL;
    size_t n_known = 0, n_own = 0, length;
    int rc = -1;
    if (!zh || hash_stories(&own, &n_own, stories, err) || hash_stories(&known, &n_known, train, err)) goto out;
    for (size_t i = 0; i < n_own; i++) t->distinct += i == 0 || own[i] != own[i - 1];
    const char *at = (const char *)stories->data, *end = at + stories->size, *story;
    while (at && (length = next_story(&at, end, &story)) > 0) {
        lf_synth_check c;
        size_t wide = 0;
        for (size_t i = 0; i < length; i++) wide += (story[i] & 0x80) != 0;
        lf__synth_check(&c, wide * 2 > length ? zh : en, story, length);
        uint64_t hash = lf__hash64(story, length, 0);
        bool seen = n_known && bsearch(&hash, known, n_known, sizeof hash, by_value);
        t->stories++, t->bytes += length;
        t->keep += c.keeps, t->end += c.ends, t->loops += c.loops, t->parse += c.parses, t->seen += seen;
        if (verbose && !(c.keeps && c.ends && !c.loops && c.parses))
            fprintf(stderr, "story %zu:%s%s%s%s follows the grammar for %zu of %zu bytes: ...%.*s|%.*s\n", t->stories,
                    c.keeps ? "" : " loses hero or object;", c.ends ? "" : " has no ending;", c.loops ? " repeats itself;" : "",
                    c.parses ? "" : " leaves the grammar;", c.reached, length, (int)LF_MIN(c.reached, 24),
                    story + c.reached - LF_MIN(c.reached, 24), (int)LF_MIN(length - c.reached, 24), story + c.reached);
    }
    rc = 0;
out:
    free(known), free(own);
    lf__grammar_free(&en), lf__grammar_free(&zh);
    return rc;
}

static double share(size_t part, size_t all) { return all ? (double)part / (double)all : 0; }

static int report(const tally *t, const limits *bar, bool json)
{
    double keep = share(t->keep, t->stories), end = share(t->end, t->stories), loops = share(t->loops, t->stories);
    double fresh = 1 - share(t->seen, t->stories), parse = share(t->parse, t->stories);
    bool ok = t->stories > 0 && keep >= bar->min_keep && end >= bar->min_end && loops <= bar->max_loops && fresh >= bar->min_new &&
              parse >= bar->min_parse;
    if (json)
        printf("{\"stories\": %zu, \"bytes\": %zu, \"keep\": %.4f, \"end\": %.4f, \"loops\": %.4f, \"new\": %.4f, \"parse\": %.4f, "
               "\"distinct\": %zu, \"ok\": %s}\n",
               t->stories, t->bytes, keep, end, loops, fresh, parse, t->distinct, ok ? "true" : "false");
    else
        printf("%zu stories, %zu distinct, %.0f bytes each\n"
               "  keep hero and object    %6.1f %%\n  end as the grammar does %6.1f %%\n  repeat a sentence       %6.1f %%\n"
               "  not in the training text%6.1f %%\n  follow the grammar whole%6.1f %%\n%s\n",
               t->stories, t->distinct, t->stories ? (double)t->bytes / (double)t->stories : 0, 100 * keep, 100 * end, 100 * loops,
               100 * fresh, 100 * parse, ok ? "ok" : "below the bar");
    return ok ? 0 : 1;
}

static int usage(void)
{
    fputs(
        "usage: check_stories STORIES.txt [--train TEXT] [--json] [--verbose] [--min-keep F] [--min-end F] [--max-loops F] [--min-new F]\n"
        "                     [--min-parse F]\n",
        stderr);
    return 2;
}

int main(int argc, char **argv)
{
    limits bar = {.max_loops = 1};
    const struct {
        const char *name;
        double *value;
    } flags[] = {{"--min-keep", &bar.min_keep},
                 {"--min-end", &bar.min_end},
                 {"--max-loops", &bar.max_loops},
                 {"--min-new", &bar.min_new},
                 {"--min-parse", &bar.min_parse}};
    const char *path = NULL, *train_path = NULL;
    bool json = false, verbose = false;
    lf_error err = {0};
    for (int i = 1; i < argc; i++) {
        size_t f = 0;
        while (f < LF_COUNT(flags) && strcmp(argv[i], flags[f].name) != 0) f++;
        if (f < LF_COUNT(flags) && i + 1 < argc) {
            if (lf__parse_double(argv[i + 1], argv[i], 0, 1, flags[f].value, &err)) return fprintf(stderr, "%s\n", err.message), 2;
            i++;
        } else if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            verbose = true;
        } else if (strcmp(argv[i], "--train") == 0 && i + 1 < argc) {
            train_path = argv[++i];
        } else if (argv[i][0] != '-' && !path) {
            path = argv[i];
        } else {
            return usage();
        }
    }
    if (!path) return usage();
    lf_map stories = {0}, train = {0};
    tally t = {0};
    int rc = lf__map_open(&stories, path, &err);
    if (rc == 0 && train_path) rc = lf__map_open(&train, train_path, &err);
    if (rc == 0) rc = check_all(&t, &stories, &train, verbose, &err);
    rc = rc ? (fprintf(stderr, "%s\n", err.message), 1) : report(&t, &bar, json);
    lf__map_close(&stories), lf__map_close(&train);
    return rc;
}
