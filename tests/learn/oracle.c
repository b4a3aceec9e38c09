/* oracle.c - what is right in every exercise of `foundry learn`: the tutorials' functions behind the exercises' names. The tutorials are
 * held equal to the library by tests/tutorial; so the exercises are, too. Compiled by tools/learn-vectors, not part of the build. */
#define LF_NO_MAIN
#define softmax          tutorial_softmax /* same names there: renamed while it is read */
#define rope             tutorial_rope
#define rmsnorm          tutorial_rmsnorm
#define rmsnorm_backward tutorial_rmsnorm_backward
#define swiglu_backward  tutorial_swiglu_backward
#define cross_entropy    tutorial_cross_entropy
#define learning_rate    tutorial_learning_rate
#define clip_gradients   tutorial_clip_gradients
#define encode           tutorial_encode
#define merge            tutorial_merge
#define adamw            tutorial_adamw
#define cache            tutorial_cache
#include "train.c" /* its numbers are float, as the exercises' */
#include "quantize.c"
#undef softmax
#undef rope
#undef rmsnorm
#undef rmsnorm_backward
#undef swiglu_backward
#undef cross_entropy
#undef learning_rate
#undef clip_gradients
#undef encode
#undef merge
#undef adamw
#undef cache

int utf8_count(const char *text, int n)
{
    int count = 0;
    int32_t c;
    for (int at = 0; at < n; count++) at += decode_utf8(&c, text + at, (size_t)(n - at));
    return count;
}

int merge_pair(int *ids, int n, int left, int right, int to) { return replace_pair(ids, n, left, right, to); }

/* The tutorial numbers its bytes as GPT-2 does: there and back by what the tokens are made of. New tokens are 256, 257, ... for both. */
struct merge {
    int left, right, to;
};
int encode(int *ids, int n, const struct merge *merges, int n_merges)
{
    tokenizer t;
    char bytes[64];
    tokenizer_init(&t, 512);
    for (int i = 0; i < n; i++) bytes[i] = (char)ids[i];
    for (int k = 0; k < n_merges; k++) {
        int pair[2] = {merges[k].left, merges[k].right};
        for (int i = 0; i < 2; i++)
            if (pair[i] < 256) pair[i] = *map_at(&t.ids, hash_bytes(&(char){(char)pair[i]}, 1));
        add_merge(&t, pair[0], pair[1]);
    }
    n = encode_word(ids, &t, bytes, n);
    for (int i = 0; i < n; i++)
        if (ids[i] < 256) ids[i] = (unsigned char)t.tokens[ids[i]].bytes[0];
    tokenizer_free(&t);
    return n;
}

void rmsnorm(float *y, const float *x, const float *w, int C, float eps) { tutorial_rmsnorm(y, x, w, 1, C, (double)eps); }
void rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w, int C, float eps)
{
    tutorial_rmsnorm_backward(dx, dw, dy, x, w, 1, C, (double)eps);
}
void softmax(float *p, int n) { tutorial_softmax(p, n); }

/* Attention with equal scores: what has probability 0 is masked. */
void mask_future(float *scores, int Tq, int Tk)
{
    float *zeros = numbers((size_t)Tk), *o = numbers((size_t)Tq), *probs = numbers((size_t)Tq * (size_t)Tk);
    attention(o, probs, zeros, zeros, zeros, Tq, Tk, 1, 1, 1);
    for (int i = 0; i < Tq * Tk; i++)
        if (probs[i] == 0) scores[i] = -INFINITY;
    free(zeros), free(o), free(probs);
}

void rope(float *x, int D, int position, float theta)
{
    config c = {.max_position_embeddings = position + 1, .head_dim = D, .rope_theta = theta};
    float *table = rope_table(&c);
    tutorial_rope(x, table, &position, 1, 1, D, 1);
    free(table);
}

void attend(float *o, const float *q, const float *k, const float *v, int T, int D)
{
    float *probs = numbers((size_t)T);
    attention(o, probs, q, k, v, 1, T, 1, 1, D);
    free(probs);
}

void swiglu_backward(float *dg, float *du, const float *dh, const float *g, const float *u, int n)
{
    tutorial_swiglu_backward(dg, du, dh, g, u, (size_t)n);
}

float cross_entropy(float *dlogits, const float *logits, const int *targets, int N, int V)
{
    return (float)tutorial_cross_entropy(dlogits, logits, targets, N, V);
}

struct adamw {
    float lr, beta1, beta2, eps, weight_decay;
};
void adamw(float *w, float *m, float *v, const float *g, int n, struct adamw o, int t)
{
    weights weight = {.data = w, .n = (size_t)n}, gradient = {.data = (float *)g, .n = (size_t)n};
    tutorial_adamw all = {(double)o.beta1, (double)o.beta2, (double)o.eps, (double)o.weight_decay, m, v};
    tensor matrix = {.rows = 2, .cols = n / 2};
    adamw_step(&weight, &gradient, &all, &matrix, 1, (double)o.lr, t);
}

float learning_rate(int t, int steps, int warmup, float peak, float low)
{
    return (float)tutorial_learning_rate(t, steps, warmup, (double)peak, (double)low);
}

float clip_gradients(float *g, int n, float limit)
{
    weights all = {.data = g, .n = (size_t)n};
    return (float)tutorial_clip_gradients(&all, (double)limit);
}

int top_p(float *p, int n, float limit)
{
    candidate *list = malloc((size_t)n * sizeof *list);
    float *logits = numbers((size_t)n);
    int *said = calloc((size_t)n, sizeof *said);
    char *seen = calloc((size_t)n, 1);
    for (int i = 0; i < n; i++) logits[i] = logf(p[i]);
    sampling s = {.temperature = 1, .top_p = (double)limit, .repetition_penalty = 1};
    int keep = candidates(list, logits, n, &s, said, seen);
    for (int i = 0; i < keep; i++) p[i] = (float)list[i].p;
    free(list), free(logits), free(said), free(seen);
    return keep;
}

/* Found by asking: attention over a cache of zeros but for one number. What comes out at (query_head, d) only for numbers of its own key
 * head and its own d, one per position. */
struct cache {
    int T, H, K, D;
};
long kv_index(struct cache c, int layer, int position, int query_head, int d)
{
    int size = c.T * c.K * c.D, found = -1;
    float *q = numbers((size_t)(c.H * c.D)), *k = numbers((size_t)size), *v = numbers((size_t)size), *o = numbers((size_t)(c.H * c.D));
    float *probs = numbers((size_t)(c.H * c.T));
    for (int i = 0, seen = -1; i < size && found < 0; i++) {
        v[i] = 1;
        attention(o, probs, q, k, v, 1, c.T, c.H, c.K, c.D);
        v[i] = 0;
        if (o[query_head * c.D + d] > 0 && ++seen == position) found = i;
    }
    free(q), free(k), free(v), free(o), free(probs);
    return (long)layer * size + found;
}

void quantize_row(signed char *q, float *d, const float *x, int n)
{
    for (int b = 0; b < n; b += BLOCK) d[b / BLOCK] = quantize_block(q + b, x + b, n - b < BLOCK ? n - b : BLOCK, 127);
}
