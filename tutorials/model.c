/* model.c - chapter 4, the heart: a Llama model, forward and backward, every derivative written out by hand.
 *
 *   cc -O2 tutorials/model.c -lm -o model && ./model
 *
 * Forward: a table of N rows flows through the blocks and becomes N x V scores; the loss says how surprised the model was by the tokens
 * that really came. Backward: for every single weight, how much would the loss change if the weight changed a little? That list is the
 * gradient; chapter 5 goes a small step against it, again and again, and that is all of training.
 *
 *    x ---+--> rmsnorm --> q,k,v --> rope --> attention --> o_proj --(+)--> mid ---+--> rmsnorm --> gate,up --> swiglu --> down --(+)--> x
 *  [N,C]  |                                                           |    [N,C]   |                                               |
 *         +-----------------------------------------------------------+            +-----------------------------------------------+
 *
 * The backward pass is the same picture with all arrows turned round. Where an arrow forked (x goes into the norm AND past it), gradients
 * that come back are ADDED; where two arrows were added, the gradient goes back into both unchanged. So every *_backward function below
 * adds to what it computes, and the caller clears first.
 *
 * The chain rule, once: if y = f(x) and we know dy = d loss / d y, then dx = dy * f'(x). Each operation needs only its own f' and the
 * values it saw; the whole of backpropagation is doing that from the last operation to the first. Read each forward with its backward; they
 * stand together. At the end, ./model takes nobody's word for it: it measures every derivative by changing the weight and looking.
 *
 * Notation: dx is not a small x, it is d loss / d x, and has x's shape. N = B * T rows: B sequences of T tokens, one after the other.
 * Where the library does this: src/ops/ (an operation per file), src/model/arch_llama.c. Same names, same numbers: a test compares them. */
#ifndef MODEL_C
#define MODEL_C

#pragma push_macro("LF_NO_MAIN") /* earlier chapters, without their main() */
#define LF_NO_MAIN
#include "config.c"
#pragma pop_macro("LF_NO_MAIN")
#include <tgmath.h> /* sqrt(float) is a float, sqrt(double) a double */

/* What a number is. Models are trained in float or less. This chapter computes in double, because its proof subtracts two losses that
 * differ in the tenth digit; chapter 5 says `#define real float` before it includes us, and nothing else changes. */
#ifndef real
#define real double
#endif

real *numbers(size_t n) /* n zeros */
{
    real *p = calloc(n ? n : 1, sizeof *p);
    if (!p) fprintf(stderr, "out of memory: %zu numbers\n", n), exit(1);
    return p;
}

void clear(real *p, size_t n) { memset(p, 0, n * sizeof *p); }

/* ---- 1. Matrix products -----------------------------------------------------------------------------------------------------------------
 * Nine tenths of the time is spent in one loop, C[i][j] += sum over l of A[i][l] * B[l][j]. Written plainly it runs at a tenth of what this
 * loop reaches: every number is loaded again for every use. So we hold 4 x 8 sums in registers and use each loaded number 4 or 8 times:
 *
 *          B: 8 columns, copied side by side          The copy ("panel") costs k * 8 loads and is used by all m rows. Each sum
 *               | panel |                             still adds its products in the order l = 0, 1, 2, ..., so how many rows are
 *      A        |       |                             computed together never changes a bit of the result: chapter 6 counts on it.
 *      4 rows [ sum 4x8 ] of C
 *
 * chapter 11, kernels/matmul.c, climbs from here to what the processor can really do. */
typedef struct matrix {
    const real *data;
    int row, col; /* element (i, j) is data[i * row + j * col] */
} matrix;
matrix plain(const real *data, int width) { return (matrix){data, width, 1}; }      /* rows of `width` numbers          */
matrix transposed(const real *data, int width) { return (matrix){data, 1, width}; } /* the same numbers, rows as columns */

void matmul_add(real *c, int width, matrix a, matrix b, int m, int n, int k) /* c [m, n], its rows `width` apart */
{
    enum { ROWS = 4, COLS = 8 };
    real *panel = numbers((size_t)k * COLS);
    for (int j = 0; j < n; j += COLS) {
        int cols = n - j < COLS ? n - j : COLS;
        for (int l = 0; l < k; l++)
            for (int t = 0; t < cols; t++) panel[l * COLS + t] = b.data[(size_t)l * b.row + (size_t)(j + t) * b.col];
        for (int i = 0; i < m; i += ROWS) {
            int rows = m - i < ROWS ? m - i : ROWS;
            const real *row[ROWS];
            real sum[ROWS][COLS] = {{0}};
            for (int r = 0; r < ROWS; r++) row[r] = a.data + (size_t)(i + (r < rows ? r : 0)) * a.row; /* a missing row: any will do */
            for (int l = 0; l < k; l++)
                for (int r = 0; r < ROWS; r++) {
                    real factor = row[r][(size_t)l * a.col];
                    for (int t = 0; t < COLS; t++) sum[r][t] += factor * panel[l * COLS + t];
                }
            for (int r = 0; r < rows; r++)
                for (int t = 0; t < cols; t++) c[(size_t)(i + r) * width + j + t] += sum[r][t];
        }
    }
    free(panel);
}

/* ---- 2. Linear: y = x W^T -------------------------------------------------------------------------------------------
 *      y[n][o]  = sum over i of  x[n][i] * w[o][i]         x [N, in]   w [out, in]   y [N, out]
 * A product's derivative by one factor is the other factor, so:
 *      dx[n][i] = sum over o of dy[n][o] * w[o][i]         dx = dy W       each output sends its wish back through its weights
 *      dw[o][i] = sum over n of dy[n][o] * x[n][i]         dw = dy^T x     a weight is used by all N rows: their wishes are added */
void linear(real *y, const real *x, const real *w, int N, int in, int out)
{
    clear(y, (size_t)N * out);
    matmul_add(y, out, plain(x, in), transposed(w, in), N, out, in);
}

void linear_backward(real *dx, real *dw, const real *dy, const real *x, const real *w, int N, int in, int out)
{
    matmul_add(dx, in, plain(dy, out), plain(w, in), N, in, out);
    matmul_add(dw, in, transposed(dy, out), plain(x, in), out, in, N);
}

/* ---- 3. RMSNorm -----------------------------------------------------------------------------------------------------
 * (Zhang & Sennrich 2019.) Every row is brought to length sqrt(C), whatever came before, then each channel gets a gain of its own:
 *      r = 1 / sqrt(mean(x^2) + eps)          y_i = w_i * x_i * r
 * Why: the residual stream grows with depth; without a norm the last blocks would see far larger numbers than the first.
 * Backward. x_i matters twice: through itself, and through r, which all of the row's outputs use. dr/dx_i = -r^3 x_i / C, so:
 *      dw_i = sum over rows of dy_i * x_i * r
 *      dx_i = r * w_i * dy_i  -  r^3 * x_i / C * sum over j of (w_j * dy_j * x_j) */
void rmsnorm(real *y, const real *x, const real *w, int N, int C, double eps) /* y, x [N, C]   w [C] */
{
    for (int n = 0; n < N; n++, x += C, y += C) {
        real mean = 0;
        for (int i = 0; i < C; i++) mean += x[i] * x[i] / (real)C;
        real r = 1 / sqrt(mean + (real)eps);
        for (int i = 0; i < C; i++) y[i] = w[i] * x[i] * r;
    }
}

void rmsnorm_backward(real *dx, real *dw, const real *dy, const real *x, const real *w, int N, int C, double eps)
{
    for (int n = 0; n < N; n++, x += C, dx += C, dy += C) {
        real mean = 0, dot = 0;
        for (int i = 0; i < C; i++) mean += x[i] * x[i] / (real)C, dot += w[i] * dy[i] * x[i];
        real r = 1 / sqrt(mean + (real)eps);
        for (int i = 0; i < C; i++) {
            dw[i] += dy[i] * x[i] * r;
            dx[i] += r * w[i] * dy[i] - r * r * r * x[i] / (real)C * dot;
        }
    }
}

/* ---- 4. Rotary positions --------------------------------------------------------------------------------------------
 * (Su et al. 2021.) Attention sees a set of rows, not an order. RoPE gives each head D/2 clock hands: numbers i and i + D/2 are the two
 * coordinates of hand i, and at position p it is turned by p * theta^(-2i/D): hand 0 by 1 radian per token, the last one hardly at all.
 *      y_i       = x_i * cos - x_{i+D/2} * sin
 *      y_{i+D/2} = x_i * sin + x_{i+D/2} * cos
 * Turned by p and by q, two hands' dot product depends on p - q alone: that is why it works. Backward of a rotation: rotate back. */
real *rope_table(const config *c) /* [T, D/2, 2]: cos and sin */
{
    int T = c->max_position_embeddings, half = c->head_dim / 2;
    real *table = numbers((size_t)T * half * 2);
    for (int p = 0; p < T; p++)
        for (int i = 0; i < half; i++) {
            double angle = p * pow((double)c->rope_theta, -2.0 * i / c->head_dim);
            table[(p * half + i) * 2] = (real)cos(angle), table[(p * half + i) * 2 + 1] = (real)sin(angle);
        }
    return table;
}

void rope(real *x, const real *table, const int *positions, int N, int heads, int D,
          int direction) /* x [N, heads, D], in place; -1: back */
{
    for (int n = 0; n < N; n++)
        for (int h = 0; h < heads; h++) {
            real *head = x + ((size_t)n * heads + h) * D;
            for (int i = 0; i < D / 2; i++) {
                const real *turn = table + ((size_t)positions[n] * (D / 2) + i) * 2;
                real cosine = turn[0], sine = direction * turn[1], a = head[i], b = head[i + D / 2];
                head[i] = a * cosine - b * sine;
                head[i + D / 2] = a * sine + b * cosine;
            }
        }
}

/* ---- 5. Attention ---------------------------------------------------------------------------------------------------
 * (Vaswani et al. 2017.) Each head, by itself: a row's query asks all earlier rows' keys, and takes home a mixture of their values.
 *      S = Q K^T / sqrt(D)            how well does key j answer query i?    (a sum of D products is about sqrt(D) large: divided out)
 *      P = softmax(S), row by row     over what row i may see, j <= its own position. The future gets 0, exactly: "causal"
 *      O = P V
 * Grouped queries (Ainslie et al. 2023): H query heads share K heads of keys and values; head h reads key head h / (H / K).
 * Softmax makes shares of scores: p_j = exp(s_j) / (sum over l of exp(s_l)), all positive, 1 together, and the larger score has the larger
 * share. It subtracts the largest score first: exp(1000) is infinite, exp(1000 - 1000) is not, and the quotient is the same.
 *
 * One sequence: Tq queries, the last of Tk positions (Tq == Tk here; chapter 6 asks one new query against Tk old keys). */
void softmax(real *p, int n)
{
    real most = p[0], sum = 0;
    for (int i = 1; i < n; i++) most = p[i] > most ? p[i] : most;
    for (int i = 0; i < n; i++) sum += p[i] = exp(p[i] - most);
    for (int i = 0; i < n; i++) p[i] /= sum;
}

void attention(real *o, real *probs, const real *q, const real *k, const real *v, int Tq, int Tk, int H, int K, int D)
{ /* o, q [Tq, H, D]   k, v [Tk, K, D]   probs [H, Tq, Tk], kept for the backward pass */
    clear(o, (size_t)Tq * H * D), clear(probs, (size_t)H * Tq * Tk);
    for (int h = 0; h < H; h++) {
        int group = h / (H / K) * D;           /* where this head's keys and values begin in a row */
        real *P = probs + (size_t)h * Tq * Tk; /* [Tq, Tk] */
        matmul_add(P, Tk, plain(q + h * D, H * D), transposed(k + group, K * D), Tq, Tk, D);
        for (int i = 0; i < Tq; i++) {
            int sees = Tk - Tq + i + 1;
            for (int j = 0; j < sees; j++) P[i * Tk + j] /= sqrt((real)D);
            softmax(P + i * Tk, sees);
            clear(P + i * Tk + sees, (size_t)(Tk - sees));
        }
        matmul_add(o + h * D, H * D, plain(P, Tk), plain(v + group, K * D), Tq, D, Tk);
    }
}

/* Backward, line by line from the end. Of O = P V, as in linear:   dV = P^T dO     dP = dO V^T
 * Softmax: each p_j depends on every score through the sum:        dS_ij = P_ij * (dP_ij - sum over l of P_il * dP_il)
 * Of S = Q K^T / sqrt(D):                                          dQ = dS K / sqrt(D)     dK = dS^T Q / sqrt(D)
 * Query heads that share a key head all add to its dK and dV. */
void attention_backward(real *dq, real *dk, real *dv, const real *d_o, const real *probs, const real *q, const real *k, const real *v,
                        int T, int H, int K, int D)
{
    real *dS = numbers((size_t)T * T);
    for (int h = 0; h < H; h++) {
        int group = h / (H / K) * D;
        const real *P = probs + (size_t)h * T * T;
        matmul_add(dv + group, K * D, transposed(P, T), plain(d_o + h * D, H * D), T, D, T);
        clear(dS, (size_t)T * T);
        matmul_add(dS, T, plain(d_o + h * D, H * D), transposed(v + group, K * D), T, T, D); /* this is dP ... */
        for (int i = 0; i < T; i++) {
            real dot = 0;
            for (int j = 0; j <= i; j++) dot += P[i * T + j] * dS[i * T + j];
            for (int j = 0; j <= i; j++) dS[i * T + j] = P[i * T + j] * (dS[i * T + j] - dot) / sqrt((real)D); /* ... and now dS */
            clear(dS + i * T + i + 1, (size_t)(T - i - 1));
        }
        matmul_add(dq + h * D, H * D, plain(dS, T), plain(k + group, K * D), T, D, T);
        matmul_add(dk + group, K * D, transposed(dS, T), plain(q + h * D, H * D), T, D, T);
    }
    free(dS);
}

/* ---- 6. SwiGLU ------------------------------------------------------------------------------------------------------
 * (Shazeer 2020.) The MLP's bend: without one, two matrices in a row would be one matrix. Gate says how far each of F features is open:
 *      h = silu(g) * u          silu(g) = g * s          s = sigmoid(g) = 1 / (1 + exp(-g))
 *      du = dh * silu(g)        dg = dh * u * silu'(g)   silu'(g) = s * (1 + g * (1 - s)) */
void swiglu(real *h, const real *g, const real *u, size_t n)
{
    for (size_t i = 0; i < n; i++) h[i] = g[i] / (1 + exp(-g[i])) * u[i];
}

void swiglu_backward(real *dg, real *du, const real *dh, const real *g, const real *u, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        real s = 1 / (1 + exp(-g[i]));
        dg[i] += dh[i] * u[i] * s * (1 + g[i] * (1 - s));
        du[i] += dh[i] * g[i] * s;
    }
}

/* ---- 7. Embedding and loss ------------------------------------------------------------------------------------------
 * Embedding: row n is a copy of row `token` of the table; backward, its gradient is added to that row. */
void embed(real *x, const real *table, const int *tokens, int N, int C)
{
    for (int n = 0; n < N; n++) memcpy(x + (size_t)n * C, table + (size_t)tokens[n] * C, (size_t)C * sizeof *x);
}

void embed_backward(real *dtable, const real *dx, const int *tokens, int N, int C)
{
    for (int n = 0; n < N; n++)
        for (int i = 0; i < C; i++) dtable[(size_t)tokens[n] * C + i] += dx[(size_t)n * C + i];
}

/* Cross-entropy: the surprise -log p(target) of each row, averaged. Knowing nothing, p = 1/V, costs log(V); certainty costs 0. Its
 * gradient by the logits is the simplest of all: what was predicted minus what came, p - [1 at the target]. Target -1: not asked for. */
double cross_entropy(real *dlogits, const real *logits, const int *targets, int N, int V) /* [N, V]; dlogits NULL: the loss alone */
{
    double loss = 0;
    int scored = 0;
    for (int n = 0; n < N; n++) scored += targets[n] >= 0;
    real *p = numbers((size_t)V);
    for (int n = 0; n < N; n++) {
        if (dlogits) clear(dlogits + (size_t)n * V, (size_t)V);
        if (targets[n] < 0) continue;
        memcpy(p, logits + (size_t)n * V, (size_t)V * sizeof *p);
        softmax(p, V);
        loss -= log((double)p[targets[n]]) / scored;
        for (int v = 0; dlogits && v < V; v++) dlogits[(size_t)n * V + v] = (p[v] - (v == targets[n])) / (real)scored;
    }
    free(p);
    return loss;
}

/* ---- 8. The model: what it remembers --------------------------------------------------------------------------------
 * Weights and gradients have the same shapes, so they have the same type: g.layers[0].q_proj is d loss / d w.layers[0].q_proj. */
typedef struct layer {
    real *input_layernorm;          /* [C]      */
    real *q_proj;                   /* [H*D, C] */
    real *k_proj, *v_proj;          /* [K*D, C] */
    real *o_proj;                   /* [C, H*D] */
    real *post_attention_layernorm; /* [C]      */
    real *gate_proj, *up_proj;      /* [F, C]   */
    real *down_proj;                /* [C, F]   */
} layer;

typedef struct weights {
    real *data; /* [n] all of them in one array, in the order of list_tensors() */
    size_t n;
    real *embed_tokens; /* [V, C] */
    layer *layers;      /* [L]    */
    real *norm;         /* [C]    */
    real *lm_head;      /* [V, C] the same memory as embed_tokens when they are tied: both add to one gradient */
} weights;

real *find_weight(const weights *w, const tensor *list, int n, const char *name, int l)
{
    char full[64];
    snprintf(full, sizeof full, "model.layers.%d.%s.weight", l, name);
    if (l < 0) snprintf(full, sizeof full, "%s.weight", name);
    for (int i = 0; i < n; i++)
        if (strcmp(list[i].name, full) == 0) return w->data + list[i].at;
    fprintf(stderr, "there is no tensor %s\n", full), exit(1);
}

weights weights_new(const config *c) /* all zero: a model that has not begun, or a gradient that has not been added to */
{
    tensor *list = malloc(MAX_TENSORS * sizeof *list);
    int n = list_tensors(list, c);
    weights w = {.n = (size_t)count_parameters(c), .layers = calloc((size_t)c->num_hidden_layers, sizeof *w.layers)};
    w.data = numbers(w.n);
    w.embed_tokens = find_weight(&w, list, n, "model.embed_tokens", -1);
    for (int l = 0; l < c->num_hidden_layers; l++)
        w.layers[l] = (layer){.input_layernorm = find_weight(&w, list, n, "input_layernorm", l),
                              .q_proj = find_weight(&w, list, n, "self_attn.q_proj", l),
                              .k_proj = find_weight(&w, list, n, "self_attn.k_proj", l),
                              .v_proj = find_weight(&w, list, n, "self_attn.v_proj", l),
                              .o_proj = find_weight(&w, list, n, "self_attn.o_proj", l),
                              .post_attention_layernorm = find_weight(&w, list, n, "post_attention_layernorm", l),
                              .gate_proj = find_weight(&w, list, n, "mlp.gate_proj", l),
                              .up_proj = find_weight(&w, list, n, "mlp.up_proj", l),
                              .down_proj = find_weight(&w, list, n, "mlp.down_proj", l)};
    w.norm = find_weight(&w, list, n, "model.norm", -1);
    w.lm_head = c->tie_word_embeddings ? w.embed_tokens : find_weight(&w, list, n, "lm_head", -1);
    free(list);
    return w;
}

void weights_free(weights *w) { free(w->data), free(w->layers), *w = (weights){0}; }

/* Normal with initializer_range; norms begin as 1. o_proj and down_proj are what blocks add to the stream: 2 L additions of independent
 * numbers grow like sqrt(2 L), so these begin smaller by that factor (GPT-2). */
void init_weights(weights *w, const config *c, uint64_t seed)
{
    tensor *list = malloc(MAX_TENSORS * sizeof *list);
    for (int n = list_tensors(list, c), i = 0; i < n; i++) {
        const tensor *t = &list[i];
        int adds = strstr(t->name, "o_proj") || strstr(t->name, "down_proj");
        double scale = (double)c->initializer_range / (adds ? sqrt(2.0 * c->num_hidden_layers) : 1.0);
        for (int64_t k = 0; k < (int64_t)t->rows * t->cols; k++)
            w->data[t->at + k] = (real)(t->rows == 1 ? 1.0 : scale * normal_at(seed, (uint64_t)(t->at + k)));
    }
    free(list);
}

/* What the forward pass writes down, because the backward pass asks for it again. This, not the weights, is what fills the memory when a
 * model is trained: per token and layer 4 C + 2 (H + K) D + 3 F numbers, and H * T probabilities (chapter 9 does without those). */
typedef struct layer_activations {
    real *x;         /* [N, C]       the stream as it enters the block       */
    real *h1;        /* [N, C]       normalized                              */
    real *q, *k, *v; /* [N, H*D], [N, K*D] twice; q and k are rotated        */
    real *probs;     /* [B, H, T, T]                                         */
    real *o;         /* [N, H*D]     what the heads found                    */
    real *mid;       /* [N, C]       the stream after attention              */
    real *h2;        /* [N, C]       normalized                              */
    real *gate, *up; /* [N, F]                                               */
    real *h3;        /* [N, F]       silu(gate) * up                         */
} layer_activations;

typedef struct activations {
    int B, T, N;               /* N = B * T                                           */
    int *positions;            /* [N] 0, 1, ..., T-1, 0, 1, ...                       */
    real *rope;                /* [T, D/2, 2]                                         */
    layer_activations *layers; /* [L]                                                 */
    real *x;                   /* [N, C] the stream after the last block              */
    real *h;                   /* [N, C] normalized                                   */
    real *logits;              /* [N, V]                                              */
    real *dlogits;             /* [N, V] from here on gradients, used by one block after the other */
    real *dx, *dh, *dq, *dk, *dv, *d_o, *dgate, *dup, *dh3;
    real *out; /* [N, C] a branch before it joins the stream */
} activations;

activations activations_new(const config *c, int B, int T)
{
    size_t N = (size_t)B * (size_t)T, C = (size_t)c->hidden_size, F = (size_t)c->intermediate_size, V = (size_t)c->vocab_size;
    size_t Q = (size_t)c->num_attention_heads * c->head_dim, KV = (size_t)c->num_key_value_heads * c->head_dim;
    activations a = {.B = B, .T = T, .N = (int)N, .rope = rope_table(c), .positions = malloc(N * sizeof(int))};
    for (int n = 0; n < a.N; n++) a.positions[n] = n % T;
    a.layers = calloc((size_t)c->num_hidden_layers, sizeof *a.layers);
    for (int l = 0; l < c->num_hidden_layers; l++)
        a.layers[l] = (layer_activations){.x = numbers(N * C),
                                          .h1 = numbers(N * C),
                                          .q = numbers(N * Q),
                                          .k = numbers(N * KV),
                                          .v = numbers(N * KV),
                                          .probs = numbers(N * c->num_attention_heads * T),
                                          .o = numbers(N * Q),
                                          .mid = numbers(N * C),
                                          .h2 = numbers(N * C),
                                          .gate = numbers(N * F),
                                          .up = numbers(N * F),
                                          .h3 = numbers(N * F)};
    a.x = numbers(N * C), a.h = numbers(N * C), a.out = numbers(N * C), a.logits = numbers(N * V), a.dlogits = numbers(N * V);
    a.dx = numbers(N * C), a.dh = numbers(N * C), a.dq = numbers(N * Q), a.dk = numbers(N * KV), a.dv = numbers(N * KV),
    a.d_o = numbers(N * Q);
    a.dgate = numbers(N * F), a.dup = numbers(N * F), a.dh3 = numbers(N * F);
    return a;
}

void activations_free(activations *a, const config *c)
{
    for (int l = 0; l < c->num_hidden_layers; l++) {
        layer_activations *b = &a->layers[l];
        real *all[] = {b->x, b->h1, b->q, b->k, b->v, b->probs, b->o, b->mid, b->h2, b->gate, b->up, b->h3};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    }
    real *all[] = {a->rope, a->x, a->h, a->out, a->logits, a->dlogits, a->dx, a->dh, a->dq, a->dk, a->dv, a->d_o, a->dgate, a->dup, a->dh3};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(a->layers), free(a->positions), *a = (activations){0};
}

/* ---- 9. The model: forward ------------------------------------------------------------------------------------------
 * tokens [N] to logits [N, V]. */
void forward(activations *a, const weights *w, const config *c, const int *tokens)
{
    int N = a->N, T = a->T, C = c->hidden_size, F = c->intermediate_size, V = c->vocab_size;
    int H = c->num_attention_heads, K = c->num_key_value_heads, D = c->head_dim;
    real *x = c->num_hidden_layers ? a->layers[0].x : a->x;
    embed(x, w->embed_tokens, tokens, N, C);
    for (int l = 0; l < c->num_hidden_layers; l++) {
        const layer *p = &w->layers[l];
        layer_activations *s = &a->layers[l];
        real *next = l + 1 < c->num_hidden_layers ? a->layers[l + 1].x : a->x;

        rmsnorm(s->h1, s->x, p->input_layernorm, N, C, c->rms_norm_eps);
        linear(s->q, s->h1, p->q_proj, N, C, H * D);
        linear(s->k, s->h1, p->k_proj, N, C, K * D);
        linear(s->v, s->h1, p->v_proj, N, C, K * D);
        rope(s->q, a->rope, a->positions, N, H, D, 1);
        rope(s->k, a->rope, a->positions, N, K, D, 1);
        for (int b = 0; b < a->B; b++) { /* sequences do not see each other */
            size_t at = (size_t)b * T;
            attention(s->o + at * H * D, s->probs + at * H * T, s->q + at * H * D, s->k + at * K * D, s->v + at * K * D, T, T, H, K, D);
        }
        linear(a->out, s->o, p->o_proj, N, H * D, C);
        for (int i = 0; i < N * C; i++) s->mid[i] = s->x[i] + a->out[i];

        rmsnorm(s->h2, s->mid, p->post_attention_layernorm, N, C, c->rms_norm_eps);
        linear(s->gate, s->h2, p->gate_proj, N, C, F);
        linear(s->up, s->h2, p->up_proj, N, C, F);
        swiglu(s->h3, s->gate, s->up, (size_t)N * F);
        linear(a->out, s->h3, p->down_proj, N, F, C);
        for (int i = 0; i < N * C; i++) next[i] = s->mid[i] + a->out[i];
    }
    rmsnorm(a->h, a->x, w->norm, N, C, c->rms_norm_eps);
    linear(a->logits, a->h, w->lm_head, N, C, V);
}

/* ---- 10. The model: backward ----------------------------------------------------------------------------------------
 * The same lines from the last to the first. dx is the gradient of the stream; it walks from the loss down to the embedding, and each
 * branch adds its part to it. Adds to g; returns the loss. */
double backward(weights *g, activations *a, const weights *w, const config *c, const int *tokens, const int *targets)
{
    int N = a->N, T = a->T, C = c->hidden_size, F = c->intermediate_size, V = c->vocab_size;
    int H = c->num_attention_heads, K = c->num_key_value_heads, D = c->head_dim;
    size_t NC = (size_t)N * C, NF = (size_t)N * F, NQ = (size_t)N * H * D, NK = (size_t)N * K * D;
    double loss = cross_entropy(a->dlogits, a->logits, targets, N, V);
    clear(a->dh, NC), clear(a->dx, NC);
    linear_backward(a->dh, g->lm_head, a->dlogits, a->h, w->lm_head, N, C, V);
    rmsnorm_backward(a->dx, g->norm, a->dh, a->x, w->norm, N, C, c->rms_norm_eps);
    for (int l = c->num_hidden_layers - 1; l >= 0; l--) {
        const layer *p = &w->layers[l];
        layer *d = &g->layers[l];
        layer_activations *s = &a->layers[l];

        clear(a->dh3, NF), clear(a->dgate, NF), clear(a->dup, NF), clear(a->dh, NC);
        linear_backward(a->dh3, d->down_proj, a->dx, s->h3, p->down_proj, N, F, C);
        swiglu_backward(a->dgate, a->dup, a->dh3, s->gate, s->up, NF);
        linear_backward(a->dh, d->up_proj, a->dup, s->h2, p->up_proj, N, C, F);
        linear_backward(a->dh, d->gate_proj, a->dgate, s->h2, p->gate_proj, N, C, F);
        rmsnorm_backward(a->dx, d->post_attention_layernorm, a->dh, s->mid, p->post_attention_layernorm, N, C, c->rms_norm_eps);

        clear(a->d_o, NQ), clear(a->dq, NQ), clear(a->dk, NK), clear(a->dv, NK), clear(a->dh, NC);
        linear_backward(a->d_o, d->o_proj, a->dx, s->o, p->o_proj, N, H * D, C);
        for (int b = 0; b < a->B; b++) {
            size_t at = (size_t)b * T, q = at * H * D, k = at * K * D;
            attention_backward(a->dq + q, a->dk + k, a->dv + k, a->d_o + q, s->probs + at * H * T, s->q + q, s->k + k, s->v + k, T, H, K,
                               D);
        }
        rope(a->dq, a->rope, a->positions, N, H, D, -1);
        rope(a->dk, a->rope, a->positions, N, K, D, -1);
        linear_backward(a->dh, d->q_proj, a->dq, s->h1, p->q_proj, N, C, H * D);
        linear_backward(a->dh, d->k_proj, a->dk, s->h1, p->k_proj, N, C, K * D);
        linear_backward(a->dh, d->v_proj, a->dv, s->h1, p->v_proj, N, C, K * D);
        rmsnorm_backward(a->dx, d->input_layernorm, a->dh, s->x, p->input_layernorm, N, C, c->rms_norm_eps);
    }
    embed_backward(g->embed_tokens, a->dx, tokens, N, C);
    return loss;
}

#endif

/* ---- 11. What it prints --------------------------------------------------------------------------------------------- */
#ifndef LF_NO_MAIN
double loss_of(activations *a, const weights *w, const config *c, const int *tokens, const int *targets)
{
    forward(a, w, c, tokens);
    return cross_entropy(NULL, a->logits, targets, a->N, c->vocab_size);
}

/* For every weight: is (loss(w + h) - loss(w - h)) / 2h what the backward pass says? The error of this measurement is about h^2, from the
 * curve of the loss, plus rounding / h: h = 1e-5 makes both tiny in double. (In float, with 7 digits, they would meet at 1 %.) */
double check_gradients(const weights *g, activations *a, weights *w, const config *c, const int *tokens, const int *targets, int show)
{
    const double h = 1e-5;
    tensor *list = malloc(MAX_TENSORS * sizeof *list);
    double worst = 0;
    for (int n = list_tensors(list, c), i = 0; i < n; i++) {
        const tensor *t = &list[i];
        double error = 0, length = 0;
        int64_t size = (int64_t)t->rows * t->cols;
        for (int64_t k = t->at; k < t->at + size; k++) {
            real keep = w->data[k];
            w->data[k] = keep + (real)h;
            double above = loss_of(a, w, c, tokens, targets);
            w->data[k] = keep - (real)h;
            double below = loss_of(a, w, c, tokens, targets);
            w->data[k] = keep;
            double measured = (above - below) / (2 * h), computed = (double)g->data[k];
            error += (measured - computed) * (measured - computed), length += computed * computed;
        }
        double relative = sqrt(error / (length > 0 ? length : 1));
        worst = relative > worst ? relative : worst;
        if (i < show)
            printf("   %-48s [%3d, %3d]  all %3lld measured, |gradient| %7.5f, off by %.1e%s\n", t->name, t->rows, t->cols, (long long)size,
                   sqrt(length), relative, relative < 1e-6 ? "" : "  WRONG");
        fflush(stdout);
    }
    free(list);
    return worst;
}

int main(void)
{
    enum { B = 2, T = 8, N = B * T };
    config c = {.vocab_size = 23,
                .hidden_size = 16,
                .intermediate_size = 20,
                .num_hidden_layers = 2,
                .num_attention_heads = 4,
                .num_key_value_heads = 2,
                .head_dim = 4,
                .max_position_embeddings = T,
                .rms_norm_eps = 1e-5f,
                .rope_theta = 100.0f,
                .initializer_range = 0.02f};
    int text[B][T + 1], tokens[N], targets[N];
    for (int i = 0; i < B * (T + 1); i++) text[i / (T + 1)][i % (T + 1)] = (int)(random_at(1, (uint64_t)i) % (uint64_t)c.vocab_size);
    for (int n = 0; n < N; n++) tokens[n] = text[n / T][n % T], targets[n] = text[n / T][n % T + 1];

    weights w = weights_new(&c), g = weights_new(&c);
    activations a = activations_new(&c, B, T);
    init_weights(&w, &c, 42);
    printf("1. The forward pass: %d sequences of %d tokens through %zu weights\n", B, T, w.n);
    printf("   loss %.6f. It knows nothing yet: guessing among %d costs log(%d) = %.6f\n", loss_of(&a, &w, &c, tokens, targets),
           c.vocab_size, c.vocab_size, log((double)c.vocab_size));

    printf("\n2. Causality: token 5 of the first sequence becomes another one. Which rows of the logits notice?\n  ");
    real *before = numbers((size_t)N * c.vocab_size);
    forward(&a, &w, &c, tokens);
    memcpy(before, a.logits, (size_t)N * c.vocab_size * sizeof *before);
    tokens[5] = (tokens[5] + 1) % c.vocab_size;
    forward(&a, &w, &c, tokens);
    tokens[5] = text[0][5];
    for (int n = 0; n < N; n++) {
        int same = memcmp(before + n * c.vocab_size, a.logits + n * c.vocab_size, (size_t)c.vocab_size * sizeof *before) == 0;
        printf("%s %d:%s", n == T ? "  |" : "", n % T, same ? "same" : "CHANGED");
    }
    free(before);

    /* The check wants weights that are awake: with tiny ones attention is nearly uniform and its gradients nearly nothing. */
    printf("\n\n3. The backward pass, against the definition of a derivative. Each of the %zu weights is moved up and down by 0.00001.\n",
           w.n);
    c.initializer_range = 0.4f;
    init_weights(&w, &c, 42);
    for (size_t i = 0; i < w.n; i++) w.data[i] += (real)(0.1 * normal_at(43, i)); /* norms, too: all 1 would hide a mistake */
    targets[3] = -1;                                                              /* a row that is not asked for */
    forward(&a, &w, &c, tokens);
    backward(&g, &a, &w, &c, tokens, targets);
    double worst = check_gradients(&g, &a, &w, &c, tokens, targets, MAX_TENSORS);

    c.tie_word_embeddings = 1;
    printf("   The same once more with tie_word_embeddings: one table for reading and for predicting, two gradients added into it.\n");
    weights tied = weights_new(&c), tied_g = weights_new(&c);
    memcpy(tied.data, w.data, tied.n * sizeof(real));
    forward(&a, &tied, &c, tokens);
    backward(&tied_g, &a, &tied, &c, tokens, targets);
    double worst_tied = check_gradients(&tied_g, &a, &tied, &c, tokens, targets, 1);
    worst = worst_tied > worst ? worst_tied : worst;
    printf("   The largest difference is %.1e: %s\n", worst, worst < 1e-6 ? "the derivatives are right." : "SOMETHING IS WRONG.");
    printf("   (Change a sign in any *_backward function and run this again: it names the first tensor that suffers.)\n");

    printf("\n4. What it is good for: 80 times, every weight goes a little against its gradient\n");
    init_weights(&tied, &c, 42);
    for (int step = 0; step <= 80; step++) {
        clear(tied_g.data, tied_g.n);
        forward(&a, &tied, &c, tokens);
        double loss = backward(&tied_g, &a, &tied, &c, tokens, targets);
        if (step % 10 == 0)
            printf("   step %2d   loss %7.4f  %.*s\n", step, loss, (int)(loss * 12), "################################################");
        for (size_t i = 0; i < tied.n; i++) tied.data[i] -= (real)0.1 * tied_g.data[i];
    }
    printf("   It knows these %d answers by heart now. train.c gives it more text than it can memorize.\n", N - 1);
    weights_free(&w), weights_free(&g), weights_free(&tied), weights_free(&tied_g);
    activations_free(&a, &c);
    return worst < 1e-6 ? 0 : 1;
}
#endif
