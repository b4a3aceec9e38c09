/* dataloader.c - chapter 3: from a text file to the batches that a model learns from.
 *
 *   cc -O2 tutorials/dataloader.c -lm -o dataloader && ./dataloader
 *
 * A language model learns one thing: given some tokens, which one is next? A text is full of such questions, and it has all the answers:
 *
 *     documents   Once upon a time ... happily.      从前，有一只 ...      Long ago ...
 *     tokens      588 589 256 590 ...  13 |END|      576 258 431 ... |END|  ...               one long stream; every document ends with END
 *     windows     [------- T + 1 -------]                                                    cut into pieces that fit the model's context
 *                                     [------- T + 1 -------]                                (neighbours share one token, see below)
 *     a window    588 589 256 590 290 ...        T inputs
 *                 589 256 590 290 928 ...        T targets: the same, one to the left. T questions in one pass, each row is one.
 *     a batch     B windows from all over the text: their mistakes are independent, and the average of their gradients is steadier
 *
 * Three rules make this trustworthy, and each is broken somewhere in well-known code:
 *   1. Every token is asked for exactly once per epoch. Windows are shuffled, not drawn with replacement; a shared token is input in one
 *      window and target in the other.
 *   2. What we test on, the model has never seen: whole documents are set aside, chosen by a hash, before anything else happens.
 *   3. The batch of step n is a function of (seed, n). There is no hidden position to lose: a run that was killed goes on with the same
 *      batches as if nothing had happened.
 *
 * Where the library does this: src/data/ (the same rules on files larger than memory; shards.c, loader.c). */
#ifndef DATALOADER_C
#define DATALOADER_C

#pragma push_macro("LF_NO_MAIN") /* earlier chapters, without their main() */
#define LF_NO_MAIN
#include "config.c"
#include "tokenizer.c"
#pragma pop_macro("LF_NO_MAIN")

/* ---- 1. Two streams of tokens --------------------------------------------------------------------------------------- */
typedef struct stream {
    int *tokens;
    int64_t n, bytes, documents; /* bytes of text without separators: what "bits per byte" divides by */
} stream;

/* Every document becomes its tokens and END. One in `one_in` goes to val, chosen by a hash of its number: the choice does not change when
 * text is added at the end, and two runs with the same seed test on the same documents. */
void load_streams(stream *train, stream *val, const tokenizer *t, const char *text, size_t n, int one_in, uint64_t seed)
{
    *train = (stream){.tokens = malloc((n + 1) * sizeof(int))};
    *val = (stream){.tokens = malloc((n + 1) * sizeof(int))};
    uint64_t number = 0;
    for (size_t at = 0, skip; at < n; at += skip) {
        size_t length = next_document(text + at, n - at, &skip);
        if (length > 0 && text[at + length - 1] == '\n') length--; /* the newline before the separator belongs to it */
        if (length == 0) continue;
        stream *s = random_at(seed, number++) % (uint64_t)one_in == 0 ? val : train;
        s->n += encode(s->tokens + s->n, t, text + at, length, 0);
        s->tokens[s->n++] = t->end; /* the model must learn to stop: END is a target like any other ...   */
        s->bytes += (int64_t)length;
        s->documents++; /* ... and the first word of a document is learned as "what comes after END" */
    }
}

void free_stream(stream *s) { free(s->tokens), *s = (stream){0}; }

/* ---- 2. Windows and batches ----------------------------------------------------------------------------------------- */
typedef struct loader {
    const int *tokens;
    int64_t n_windows; /* of an epoch: each time through the text */
    int B, T;          /* windows of a batch; inputs of a window  */
    uint64_t seed;
    int64_t epoch;  /* that order is for; a cache, not a state: everything follows from (seed, step) */
    int64_t *order; /* [n_windows] */
} loader;

int loader_init(loader *l, const stream *s, int B, int T, uint64_t seed) /* -1: the text is shorter than two windows */
{
    *l = (loader){.tokens = s->tokens, .n_windows = (s->n - T) / T, .B = B, .T = T, .seed = seed, .epoch = -1};
    if (s->n < 2 * T) return -1;
    l->order = malloc((size_t)l->n_windows * sizeof *l->order);
    return 0;
}

/* Fisher & Yates 1938: for each place from the last one down, swap in one of those not placed yet. Every order is equally likely. */
void shuffle(loader *l, int64_t epoch)
{
    l->epoch = epoch;
    for (int64_t i = 0; i < l->n_windows; i++) l->order[i] = i;
    for (int64_t i = l->n_windows - 1; i > 0; i--) {
        uint64_t j = random_at(l->seed + 1 + (uint64_t)epoch, (uint64_t)i) % (uint64_t)(i + 1);
        int64_t swap = l->order[i];
        l->order[i] = l->order[j], l->order[j] = swap;
    }
}

/* The batch of step 0, 1, 2, ...: tokens and targets [B, T]. */
void load_batch(int *tokens, int *targets, loader *l, int64_t step)
{
    for (int b = 0; b < l->B; b++) {
        int64_t k = step * l->B + b, epoch = k / l->n_windows; /* the k-th window of the whole run */
        if (epoch != l->epoch) shuffle(l, epoch);
        int64_t first = (int64_t)(random_at(l->seed, (uint64_t)epoch) % (uint64_t)l->T); /* each epoch cuts at other places */
        const int *window = l->tokens + first + l->order[k % l->n_windows] * l->T;       /* [T + 1] */
        memcpy(tokens + b * l->T, window, (size_t)l->T * sizeof *tokens);
        memcpy(targets + b * l->T, window + 1, (size_t)l->T * sizeof *targets);
    }
}

void loader_free(loader *l) { free(l->order), *l = (loader){0}; }

#endif

/* ---- 3. What it prints ---------------------------------------------------------------------------------------------- */
#ifndef LF_NO_MAIN
/* A token in a field of 8 columns; a Chinese character is two columns wide, a part of one is shown as '?'. */
void field(const token *k, int is_end)
{
    int columns = 0;
    for (int i = 0, length; i < k->n && !is_end; i += length) {
        int32_t c;
        length = decode_utf8(&c, k->bytes + i, (size_t)(k->n - i));
        int width = c > 0x1100 ? 2 : 1;
        if (columns + width > 7) break;
        printf("%.*s", c == '\n' || c == ' ' || c < 0 ? 1 : length, c < 0 ? "?" : c == '\n' ? "/" : c == ' ' ? "_" : k->bytes + i);
        columns += width;
    }
    printf("%*s", 8 - columns, is_end ? "END   " : "");
}

int main(void)
{
    size_t n;
    char *text = read_file(stories_path(), &n);
    tokenizer t;
    stream train, val;
    learn(&t, text, n, story_config.vocab_size, NULL);
    load_streams(&train, &val, &t, text, n, 20, 1);
    printf("%s: %zu bytes -> %lld documents to learn from, %lld to test on\n", stories_path(), n, (long long)train.documents,
           (long long)val.documents);
    printf("  train %8lld tokens, %.2f bytes each\n  val   %8lld tokens, %.2f bytes each\n", (long long)train.n,
           (double)train.bytes / (double)train.n, (long long)val.n, (double)val.bytes / (double)val.n);

    enum { B = 3, T = 12 };
    int tokens[B * T], targets[B * T];
    loader l;
    if (loader_init(&l, &train, B, T, 7)) return 1;
    printf("\nWindows of T = %d, batches of B = %d: %lld windows and %lld steps make an epoch\n", T, B, (long long)l.n_windows,
           (long long)(l.n_windows / B));
    for (int step = 0; step < 2; step++) {
        load_batch(tokens, targets, &l, step);
        for (int b = 0; b < B; b++) {
            printf("\n  step %d, row %d   token   ", step, b);
            for (int i = 0; i < T; i++) field(&t.tokens[tokens[b * T + i]], tokens[b * T + i] == t.end);
            printf("\n                  target  ");
            for (int i = 0; i < T; i++) field(&t.tokens[targets[b * T + i]], targets[b * T + i] == t.end);
            printf("\n                  its id  ");
            for (int i = 0; i < T; i++) printf("%-8d", targets[b * T + i]);
            printf("\n");
        }
    }
    printf("\nRead a column: given everything to the left and the token itself, the model is asked for the target below it.\n");

    /* Rule 1, by counting: an epoch asks for every token once. */
    char *asked = calloc((size_t)train.n, 1);
    int64_t twice = 0, once = 0;
    shuffle(&l, 0);
    int64_t first = (int64_t)(random_at(l.seed, 0) % T);
    for (int64_t w = 0; w < l.n_windows; w++)
        for (int i = 1; i <= T; i++) {
            char *mark = &asked[first + l.order[w] * T + i];
            once += *mark == 0, twice += *mark != 0, *mark = 1;
        }
    printf("\nOne epoch: %lld tokens are a target once, %lld twice, %lld never (at both ends, other ones in each epoch)\n", (long long)once,
           (long long)twice, (long long)(train.n - once));

    /* Rule 3, by trying: a fresh loader jumps to any step and finds the same batch. */
    int again[B * T], again_targets[B * T];
    loader fresh;
    load_batch(tokens, targets, &l, 9000);
    loader_init(&fresh, &train, B, T, 7);
    load_batch(again, again_targets, &fresh, 9000);
    int same = memcmp(tokens, again, sizeof tokens) == 0 && memcmp(targets, again_targets, sizeof targets) == 0;
    printf("Step 9000 of the run, and of one that was just started there: %s\n", same ? "the same batch" : "DIFFERENT");
    free(asked), free(text);
    loader_free(&l), loader_free(&fresh), free_stream(&train), free_stream(&val), tokenizer_free(&t);
    return !same;
}
#endif
