/* generate.c - chapter 6: letting a model talk. The KV cache, and how to choose among probabilities.
 *
 *   cc -O2 tutorials/generate.c -lm -o generate && ./generate story-model "Once upon a time"
 *
 * story-model is what chapter 5 leaves behind; any Llama-type folder that `foundry train` wrote opens as well (weights in 32 bits).
 *
 * A model gives one thing: for the row of the last token, a probability for each possible next token. Text is made by choosing one, putting
 * it behind the rest, and asking again. Two questions are left, and they are this chapter:
 *
 * 1. Must everything be computed again for every token? No. Attention looks back only, so row 5 is the same whether 6 or 600 tokens follow.
 *    What later rows need of it are its keys and values, in every layer. Keep those, and a new token costs one row:
 *
 *         without a cache                       with one
 *         step 1   [x x x x]                    [x x x x] -> K, V of 4 rows are kept
 *         step 2   [x x x x x]                          [x] -> one row computed, asks 5 keys
 *         step 3   [x x x x x x]                          [x] -> one row, asks 6 keys
 *         n tokens: n^2 / 2 rows                n rows. The same numbers, to the last bit: ./generate compares them.
 *
 * 2. Which token? Always the likeliest ("greedy") gives flat, looping text. Drawing honestly now and then takes one of the thousand
 *    tokens that have a probability of 0.0001 each, and one such word derails a story. All rules are a compromise between the two.
 *
 * Where the library does this: src/infer/ (engine.c, sampler.c, kv_pool.c: for many conversations at once). */
#ifndef GENERATE_C
#define GENERATE_C

#pragma push_macro("LF_NO_MAIN") /* earlier chapters, without their main() */
#define LF_NO_MAIN
#include "train.c"
#pragma pop_macro("LF_NO_MAIN")

/* ---- 1. Opening a model folder --------------------------------------------------------------------------------------
 * config.json is the list of numbers of chapter 1. (strstr is no JSON parser; for files that we or `foundry` wrote it is enough.) */
double json_number(const char *json, const char *key, double otherwise)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", key);
    const char *at = strstr(json, quoted);
    at = at ? strchr(at, ':') : NULL;
    if (!at || !*(at += 1 + strspn(at + 1, " \n"))) return otherwise;
    return strncmp(at, "true", 4) == 0 ? 1 : strncmp(at, "false", 5) == 0 ? 0 : strncmp(at, "null", 4) == 0 ? otherwise : atof(at);
}

config load_config(const char *folder)
{
    char path[1000];
    size_t n;
    snprintf(path, sizeof path, "%s/config.json", folder);
    char *json = read_file(path, &n), *type = strstr(json, "\"llama\"");
    config c = {.vocab_size = (int)json_number(json, "vocab_size", 0),
                .hidden_size = (int)json_number(json, "hidden_size", 0),
                .intermediate_size = (int)json_number(json, "intermediate_size", 0),
                .num_hidden_layers = (int)json_number(json, "num_hidden_layers", 0),
                .num_attention_heads = (int)json_number(json, "num_attention_heads", 0),
                .max_position_embeddings = (int)json_number(json, "max_position_embeddings", 0),
                .tie_word_embeddings = (int)json_number(json, "tie_word_embeddings", 0),
                .eos_token_id = (int)json_number(json, "eos_token_id", -1),
                .rms_norm_eps = (float)json_number(json, "rms_norm_eps", 1e-6),
                .rope_theta = (float)json_number(json, "rope_theta", 10000),
                .initializer_range = (float)json_number(json, "initializer_range", 0.02)};
    c.num_key_value_heads = (int)json_number(json, "num_key_value_heads", c.num_attention_heads);
    if (c.num_attention_heads > 0) c.head_dim = (int)json_number(json, "head_dim", c.hidden_size / c.num_attention_heads);
    free(json);
    int whole = c.vocab_size > 0 && c.hidden_size > 0 && c.intermediate_size > 0 && c.num_hidden_layers > 0 && c.num_hidden_layers <= 200 &&
                c.num_attention_heads > 0 && c.num_key_value_heads > 0 && c.num_attention_heads % c.num_key_value_heads == 0 &&
                c.head_dim > 0 && c.max_position_embeddings > 0;
    if (!type || !whole) fprintf(stderr, "%s: this is not the config.json of a Llama model that we can read\n", path), exit(1);
    return c;
}

/* ---- 2. The KV cache ------------------------------------------------------------------------------------------------ */
typedef struct kv_cache {
    int length;  /* tokens in it */
    real **k;    /* [L] of [T, K*D], keys already rotated: a position never changes */
    real **v;    /* [L] of [T, K*D] */
    real *table; /* of rope() */
} kv_cache;

kv_cache cache_new(const config *c)
{
    size_t L = (size_t)c->num_hidden_layers, n = (size_t)c->max_position_embeddings * c->num_key_value_heads * c->head_dim;
    kv_cache kv = {.k = calloc(L, sizeof *kv.k), .v = calloc(L, sizeof *kv.v), .table = rope_table(c)};
    for (size_t l = 0; l < L; l++) kv.k[l] = numbers(n), kv.v[l] = numbers(n);
    return kv;
}

void cache_free(kv_cache *kv, const config *c)
{
    for (int l = 0; l < c->num_hidden_layers; l++) free(kv->k[l]), free(kv->v[l]);
    free(kv->k), free(kv->v), free(kv->table), *kv = (kv_cache){0};
}

/* forward() of chapter 4 for n more tokens of one sequence: a whole prompt, or the one token that was just chosen. Three things are new:
 * positions begin at kv->length; keys and values are written INTO the cache, behind the old ones; attention asks all that is in it.
 * logits [V]: of the last of the n tokens only, nobody asked for the others. There must be room: kv->length + n <= T. */
void forward_cached(real *logits, kv_cache *kv, const weights *w, const config *c, const int *tokens, int n)
{
    int C = c->hidden_size, F = c->intermediate_size, H = c->num_attention_heads, K = c->num_key_value_heads, D = c->head_dim;
    int *positions = malloc((size_t)n * sizeof *positions);
    real *x = numbers((size_t)n * C), *h = numbers((size_t)n * C), *out = numbers((size_t)n * C), *q = numbers((size_t)n * H * D);
    real *o = numbers((size_t)n * H * D), *probs = numbers((size_t)n * H * (kv->length + n));
    real *gate = numbers((size_t)n * F), *up = numbers((size_t)n * F);
    for (int i = 0; i < n; i++) positions[i] = kv->length + i;
    embed(x, w->embed_tokens, tokens, n, C);
    for (int l = 0; l < c->num_hidden_layers; l++) {
        const layer *p = &w->layers[l];
        real *k = kv->k[l] + (size_t)kv->length * K * D, *v = kv->v[l] + (size_t)kv->length * K * D; /* the new rows of the cache */
        rmsnorm(h, x, p->input_layernorm, n, C, c->rms_norm_eps);
        linear(q, h, p->q_proj, n, C, H * D);
        linear(k, h, p->k_proj, n, C, K * D);
        linear(v, h, p->v_proj, n, C, K * D);
        rope(q, kv->table, positions, n, H, D, 1);
        rope(k, kv->table, positions, n, K, D, 1);
        attention(o, probs, q, kv->k[l], kv->v[l], n, kv->length + n, H, K, D);
        linear(out, o, p->o_proj, n, H * D, C);
        for (int i = 0; i < n * C; i++) x[i] += out[i];
        rmsnorm(h, x, p->post_attention_layernorm, n, C, c->rms_norm_eps);
        linear(gate, h, p->gate_proj, n, C, F);
        linear(up, h, p->up_proj, n, C, F);
        swiglu(gate, gate, up, (size_t)n * F);
        linear(out, gate, p->down_proj, n, F, C);
        for (int i = 0; i < n * C; i++) x[i] += out[i];
    }
    rmsnorm(h, x + (size_t)(n - 1) * C, w->norm, 1, C, c->rms_norm_eps);
    linear(logits, h, w->lm_head, 1, C, c->vocab_size);
    kv->length += n;
    free(positions), free(x), free(h), free(out), free(q), free(o), free(probs), free(gate), free(up);
}

/* ---- 3. Choosing ----------------------------------------------------------------------------------------------------
 * The stages run in this order; each one is off at its neutral value.
 *
 *   penalties     make what was said less likely: repetition_penalty r divides a positive logit by r and multiplies a negative one
 *                 (Keskar et al. 2019); frequency_penalty subtracts per time it was said, presence_penalty once
 *   top_k         keep the k likeliest                                       (fixed number, whether the model is sure or not)
 *   top_p         keep the likeliest ones that together have probability p   (Holtzman et al. 2020: few when it is sure, many when not)
 *   min_p         keep what is at least min_p times as likely as the likeliest
 *   temperature   divide logits by T, then softmax: T < 1 sharpens, T > 1 flattens, T -> 0 is greedy */
typedef struct sampling {
    double temperature, top_p, min_p, repetition_penalty, frequency_penalty, presence_penalty;
    int top_k;
    uint64_t seed;
} sampling;

typedef struct candidate {
    double logit, p;
    int id;
} candidate;

int better_first(const void *a, const void *b) /* the larger logit, then the smaller id: the same order on every machine */
{
    const candidate *x = a, *y = b;
    return x->logit != y->logit ? (x->logit < y->logit) - (x->logit > y->logit) : x->id - y->id;
}

void probabilities(candidate *list, int n, double temperature) /* sorted: list[0] is the largest */
{
    double sum = 0, most = list[0].logit;
    for (int i = 0; i < n; i++) sum += list[i].p = exp((list[i].logit - most) / temperature);
    for (int i = 0; i < n; i++) list[i].p /= sum;
}

/* What is left of V logits, the likeliest first, with probabilities; returns how many. said[id]: times in the answer; seen[id]: at all. */
int candidates(candidate *list, const real *logits, int V, const sampling *s, const int *said, const char *seen)
{
    for (int v = 0; v < V; v++) {
        double x = (double)logits[v];
        if (seen[v]) x = x > 0 ? x / s->repetition_penalty : x * s->repetition_penalty;
        if (said[v]) x -= s->frequency_penalty * said[v] + s->presence_penalty;
        list[v] = (candidate){x, 0, v};
    }
    qsort(list, (size_t)V, sizeof *list, better_first);
    int n = s->top_k > 0 && s->top_k < V ? s->top_k : V;
    if (s->top_p < 1) {
        double sum = 0;
        int keep = 0;
        probabilities(list, n, 1);
        while (keep < n && sum < s->top_p) sum += list[keep++].p;
        n = keep > 0 ? keep : 1;
    }
    if (s->min_p > 0) {
        int keep = 1;
        while (keep < n && exp(list[keep].logit - list[0].logit) >= s->min_p) keep++;
        n = keep;
    }
    if (s->temperature <= 0) n = 1;
    probabilities(list, n, n == 1 ? 1 : s->temperature);
    return n;
}

int draw(const candidate *list, int n, double mark) /* mark in [0, 1): walk along the probabilities until it is used up */
{
    int i = 0;
    while (i + 1 < n && (mark -= list[i].p) >= 0) i++;
    return list[i].id;
}

/* ---- 4. The loop ---------------------------------------------------------------------------------------------------- */
/* tokens [T] begins with n_prompt tokens and is continued, at most to `most`; returns how many there are. on_token may be NULL. */
int generate(int *tokens, int n_prompt, int most, const weights *w, const config *c, const sampling *s, void on_token(int id, void *user),
             void *user)
{
    int V = c->vocab_size, n = n_prompt;
    kv_cache kv = cache_new(c);
    candidate *list = malloc((size_t)V * sizeof *list);
    real *logits = numbers((size_t)V);
    int *said = calloc((size_t)V, sizeof *said);
    char *seen = calloc((size_t)V, 1);
    for (int i = 0; i < n; i++) seen[tokens[i]] = 1;
    if (most > c->max_position_embeddings) most = c->max_position_embeddings;
    for (int fed = 0; n < most;) {
        forward_cached(logits, &kv, w, c, tokens + fed, n - fed); /* first the prompt at once ("prefill"), then token by token ("decode") */
        fed = n;
        int id = draw(list, candidates(list, logits, V, s, said, seen), uniform_at(s->seed, (uint64_t)n));
        if (id == c->eos_token_id) break;
        tokens[n++] = id;
        said[id]++, seen[id] = 1;
        if (on_token) on_token(id, user);
    }
    free(list), free(logits), free(said), free(seen);
    cache_free(&kv, c);
    return n;
}

#endif

/* ---- 5. What it prints ---------------------------------------------------------------------------------------------- */
#ifndef LF_NO_MAIN
double now(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A token may be half a Chinese character: bytes wait here until their character is whole. */
typedef struct printer {
    const tokenizer *t;
    char bytes[512];
    int n;
} printer;

void print_token(int id, void *user)
{
    printer *p = user;
    p->n += (int)decode(p->bytes + p->n, sizeof p->bytes - (size_t)p->n, p->t, &id, 1);
    int whole = 0;
    for (int32_t c; whole < p->n;) {
        int length = decode_utf8(&c, p->bytes + whole, (size_t)(p->n - whole));
        if (c < 0 && p->n - whole < 4) break; /* may become one yet */
        whole += length;
    }
    fwrite(p->bytes, 1, (size_t)whole, stdout);
    memmove(p->bytes, p->bytes + whole, (size_t)(p->n -= whole));
    fflush(stdout);
}

/* The ten likeliest next tokens, and which of them each rule would still let through. */
void show_choice(const weights *w, const config *c, const tokenizer *t, const int *tokens, int n)
{
    sampling plain = {.temperature = 1, .top_p = 1, .repetition_penalty = 1};
    candidate *list = malloc((size_t)c->vocab_size * sizeof *list);
    real *logits = numbers((size_t)c->vocab_size);
    int *said = calloc((size_t)c->vocab_size, sizeof *said);
    char *seen = calloc((size_t)c->vocab_size, 1);
    kv_cache kv = cache_new(c);
    forward_cached(logits, &kv, w, c, tokens, n);
    candidates(list, logits, c->vocab_size, &plain, said, seen);
    double sum = 0, sharp = 0, flat = 0;
    for (int i = 0; i < c->vocab_size; i++) sharp += pow(list[i].p, 2), flat += pow(list[i].p, 0.5); /* T = 0.5 and T = 2: p^(1/T) */
    printf("  %-16s %9s   T = 0.5   T = 2.0   top_p 0.9   top_k 5   min_p 0.1\n", "token", "p");
    for (int i = 0; i < 10 && i < c->vocab_size; i++) {
        printf("  ");
        int columns = show(&t->tokens[list[i].id]);
        printf("%*s %8.4f   %7.4f   %7.4f   %9s   %7s   %9s   %.*s\n", 17 - columns > 0 ? 17 - columns : 0, "", list[i].p,
               pow(list[i].p, 2) / sharp, pow(list[i].p, 0.5) / flat, sum < 0.9 ? "in" : "-", i < 5 ? "in" : "-",
               list[i].p >= 0.1 * list[0].p ? "in" : "-", (int)(list[i].p * 40 + 0.5), "########################################");
        sum += list[i].p;
    }
    printf("  all %d others: p = %.4f together\n", c->vocab_size - 10, 1 - sum);
    free(list), free(logits), free(said), free(seen);
    cache_free(&kv, c);
}

/* Greedy, the slow way: chapter 4's forward pass over the whole text for every token. */
int generate_without_cache(int *tokens, int n, int most, const weights *w, const config *c)
{
    for (; n < most; n++) {
        activations a = activations_new(c, 1, n);
        forward(&a, w, c, tokens);
        const real *last = a.logits + (size_t)(n - 1) * c->vocab_size;
        int best = 0;
        for (int v = 1; v < c->vocab_size; v++) best = last[v] > last[best] ? v : best;
        activations_free(&a, c);
        if (best == c->eos_token_id) break;
        tokens[n] = best;
    }
    return n;
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "story-model", *prompt = argc > 2 ? argv[2] : "Once upon a time";
    char path[1000];
    snprintf(path, sizeof path, "%s/config.json", folder);
    FILE *f = fopen(path, "rb");
    if (!f || argc > 3)
        return fprintf(stderr, "usage: generate [FOLDER] [PROMPT]    (no model in %s? ./train makes one in minutes)\n", folder), 2;
    fclose(f);
    config c = load_config(folder);
    weights w = weights_new(&c);
    tokenizer t;
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    load_tensors(path, &c, "", w.data);
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    load_tokenizer(&t, path);
    if (t.size != c.vocab_size) return fprintf(stderr, "%s: %d tokens, the model has %d\n", path, t.size, c.vocab_size), 1;

    /* A document begins after an end token; that is how it was trained, so that is how we ask. */
    int T = c.max_position_embeddings, *start = malloc(((size_t)T + strlen(prompt) + 1) * sizeof *start),
        *tokens = malloc((size_t)T * sizeof *tokens);
    start[0] = t.end;
    int n_prompt = 1 + encode(start + 1, &t, prompt, strlen(prompt), 0);
    if (n_prompt >= T) return fprintf(stderr, "the prompt has %d tokens, the context of the model ends at %d\n", n_prompt, T), 1;
    printf("%s: %zu weights, %d layers, context %d; KV cache %lld floats per token\n", folder, w.n, c.num_hidden_layers, T,
           (long long)cache_floats_per_token(&c));

    printf("\n1. What the model says: probabilities after \"%s\"\n", prompt);
    show_choice(&w, &c, &t, start, n_prompt);

    struct {
        const char *name;
        sampling s;
    } ways[] = {
        {"2. Greedy: always the likeliest", {.temperature = 0, .top_p = 1, .repetition_penalty = 1}},
        {"3. Temperature 0.8, top_k 40, top_p 0.95", {.temperature = 0.8, .top_k = 40, .top_p = 0.95, .repetition_penalty = 1, .seed = 2}},
        {"4. The same, with a repetition penalty of 1.3: it shuns the names it should keep",
         {.temperature = 0.8, .top_k = 40, .top_p = 0.95, .repetition_penalty = 1.3, .seed = 2}},
        {"5. Temperature 2, nothing cut off: derailed", {.temperature = 2, .top_p = 1, .repetition_penalty = 1, .seed = 2}}};
    for (int i = 0; i < 4; i++) {
        printf("\n%s\n  %s", ways[i].name, prompt);
        memcpy(tokens, start, (size_t)n_prompt * sizeof *tokens);
        printer out = {.t = &t};
        generate(tokens, n_prompt, i < 2 ? T : n_prompt + 60, &w, &c, &ways[i].s, print_token, &out);
        printf("\n");
    }

    printf("\n6. With and without the cache\n");
    int most = n_prompt + 60 < T ? n_prompt + 60 : T, *again = malloc((size_t)T * sizeof *again);
    memcpy(tokens, start, (size_t)n_prompt * sizeof *tokens);
    memcpy(again, start, (size_t)n_prompt * sizeof *again);
    double began = now();
    int n = generate(tokens, n_prompt, most, &w, &c, &ways[0].s, NULL, NULL);
    double with = now() - began;
    began = now();
    int n_again = generate_without_cache(again, n_prompt, most, &w, &c);
    double without = now() - began;
    int same_text = n_again == n && memcmp(again, tokens, (size_t)n * sizeof *again) == 0;

    /* And the logits themselves: one row at a time through the cache, and all rows at once. */
    activations a = activations_new(&c, 1, n);
    kv_cache kv = cache_new(&c);
    real *logits = numbers((size_t)c.vocab_size);
    int equal = 0;
    forward(&a, &w, &c, tokens);
    for (int i = 0; i < n; i++) {
        forward_cached(logits, &kv, &w, &c, tokens + i, 1);
        equal += memcmp(logits, a.logits + (size_t)i * c.vocab_size, (size_t)c.vocab_size * sizeof *logits) == 0;
    }
    printf("  %d tokens: %.3f s with the cache, %.3f s without it. The same text: %s\n", n - n_prompt, with, without,
           same_text ? "yes" : "NO");
    printf("  Logits of %d rows, one at a time and all at once: %d are the same to the last bit\n", n, equal);
    int failed = equal != n || !same_text;
    cache_free(&kv, &c), activations_free(&a, &c), weights_free(&w), tokenizer_free(&t);
    free(logits), free(start), free(tokens), free(again);
    return failed;
}
#endif
