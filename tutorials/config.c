/* config.c - chapter 1: a language model is a dozen whole numbers, and everything it costs follows from them.
 *
 *   cc -O2 tutorials/config.c -lm -o config && ./config
 *
 * Read this chapter for the vocabulary of all the others. By its end you can count, with a pencil, the weights of Llama-3-8B, the work it
 * does per token and the memory it asks for. Nothing is trained yet. The names are those of Hugging Face's config.json files: what you
 * learn here you can read in any model folder.
 *
 * The picture. Text becomes tokens (chapter 2), a token is a number, and each token becomes one row of C numbers. N tokens are a table of
 * N rows, and it flows from top to bottom. The table is called the residual stream, because the blocks only ever *add* to it:
 *
 *        "Once"  "upon"  "a"                      3 tokens, N = 3
 *           |       |     |
 *       embed_tokens: row number `token`          [V, C]   a dictionary: id -> C numbers
 *           |       |     |
 *    x  [ row 0 | row 1 | row 2 ]                 [N, C]   the residual stream
 *           |       |     |
 *           +-------+-----+---> input_layernorm -> q,k,v_proj -> attention -> o_proj --+      attention: rows look at EARLIER rows
 *           |                                                                          |      (row 2 sees 0, 1 and 2; row 0 itself)
 *           + <------------------------------------------------------------------------+
 *           |
 *           +-----------------> post_attention_layernorm -> gate, up -> down_proj -----+      MLP: each row thinks for itself
 *           |                                                                          |
 *           + <------------------------------------------------------------------------+      ... and this block L times over
 *           |       |     |
 *         norm, then lm_head                      [V, C]   C numbers -> one score ("logit") per word of the vocabulary
 *           |       |     |
 *        "upon"   "a"   "time"?                   [N, V]   each row predicts the token AFTER it
 *
 * Where the library does this: include/foundry/config.h (the same names), src/model/arch_llama.c (the same table). */
#ifndef CONFIG_C
#define CONFIG_C

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- 1. The numbers ------------------------------------------------------------------------------------------------------------------
 * In formulas we write one letter for each; every chapter uses the same letters. */
typedef struct config {
    int vocab_size;              /* V  how many different tokens there are                                                        */
    int hidden_size;             /* C  numbers per token in the residual stream ("width", "channels")                             */
    int intermediate_size;       /* F  width inside the MLP, usually 2 to 4 times C                                               */
    int num_hidden_layers;       /* L  blocks on top of each other ("depth")                                                      */
    int num_attention_heads;     /* H  each head looks at the text in its own way                                                 */
    int num_key_value_heads;     /* K  heads of keys and values: H / K query heads share one (K < H saves cache, see part 5)      */
    int head_dim;                /* D  numbers per head; nearly always C / H                                                      */
    int max_position_embeddings; /* T  the context: how far back the model can look                                               */
    int tie_word_embeddings;     /*    1: lm_head IS embed_tokens, one table for reading and for predicting (saves V * C weights) */
    int eos_token_id;            /*    the token that ends a document, and here also begins one                                   */
    float rms_norm_eps;          /*    a small number that keeps a norm from dividing by zero                                     */
    float rope_theta;            /*    how slowly the slowest position hand turns (chapter 4)                                     */
    float initializer_range;     /*    standard deviation of the random first weights                                             */
} config;

/* What chapter 5 trains in minutes, and a model that took 15 trillion tokens and a datacenter. The same program, other numbers. */
const config story_config = {.vocab_size = 1536,
                             .hidden_size = 128,
                             .intermediate_size = 256,
                             .num_hidden_layers = 2,
                             .num_attention_heads = 4,
                             .num_key_value_heads = 2,
                             .head_dim = 32,
                             .max_position_embeddings = 256,
                             .tie_word_embeddings = 1,
                             .eos_token_id = 1535,
                             .rms_norm_eps = 1e-5f,
                             .rope_theta = 10000.0f,
                             .initializer_range = 0.06f};

const config llama3_8b_config = {.vocab_size = 128256,
                                 .hidden_size = 4096,
                                 .intermediate_size = 14336,
                                 .num_hidden_layers = 32,
                                 .num_attention_heads = 32,
                                 .num_key_value_heads = 8,
                                 .head_dim = 128,
                                 .max_position_embeddings = 8192,
                                 .tie_word_embeddings = 0,
                                 .eos_token_id = 128001,
                                 .rms_norm_eps = 1e-5f,
                                 .rope_theta = 500000.0f,
                                 .initializer_range = 0.02f};

/* ---- 2. The list of weights ----------------------------------------------------------------------------------------------------------
 * A model file is this list and nothing more: names, shapes, numbers. A matrix [rows, cols] turns a vector of `cols` numbers into one of
 * `rows` numbers, y = W x, so the shapes say what each one is for. Chapter 4 computes with it, chapter 5 trains and saves it, chapter 6
 * reads it from a file: all of them walk over this one list, so they cannot disagree. */
typedef struct tensor {
    char name[64];
    int rows, cols; /* rows == 1: a vector of cols numbers */
    int64_t at;     /* all weights lie in one array; this one begins here */
} tensor;
enum { MAX_TENSORS = 2048 };

void add_tensor(tensor *list, int *n, const char *name, int layer, int rows, int cols)
{
    tensor *t = &list[*n];
    snprintf(t->name, sizeof t->name, "model.layers.%d.%s.weight", layer, name);
    if (layer < 0) snprintf(t->name, sizeof t->name, "%s.weight", name);
    t->rows = rows, t->cols = cols;
    t->at = *n ? t[-1].at + (int64_t)t[-1].rows * t[-1].cols : 0;
    ++*n;
}

int list_tensors(tensor *list, const config *c) /* list [MAX_TENSORS]; returns how many */
{
    int n = 0, C = c->hidden_size, F = c->intermediate_size, V = c->vocab_size;
    int q = c->num_attention_heads * c->head_dim, kv = c->num_key_value_heads * c->head_dim;
    add_tensor(list, &n, "model.embed_tokens", -1, V, C);
    for (int l = 0; l < c->num_hidden_layers && n + 11 <= MAX_TENSORS; l++) {
        add_tensor(list, &n, "input_layernorm", l, 1, C);
        add_tensor(list, &n, "self_attn.q_proj", l, q, C);  /* what am I looking for?            */
        add_tensor(list, &n, "self_attn.k_proj", l, kv, C); /* what do I have to offer?          */
        add_tensor(list, &n, "self_attn.v_proj", l, kv, C); /* what do I say when I am looked at? */
        add_tensor(list, &n, "self_attn.o_proj", l, C, q);  /* what all heads found, back to C   */
        add_tensor(list, &n, "post_attention_layernorm", l, 1, C);
        add_tensor(list, &n, "mlp.gate_proj", l, F, C); /* which of the F features are on?       */
        add_tensor(list, &n, "mlp.up_proj", l, F, C);   /* and how strongly?                     */
        add_tensor(list, &n, "mlp.down_proj", l, C, F); /* back to C                             */
    }
    add_tensor(list, &n, "model.norm", -1, 1, C);
    if (!c->tie_word_embeddings) add_tensor(list, &n, "lm_head", -1, V, C);
    return n;
}

int64_t count_parameters(const config *c)
{
    tensor *list = malloc(MAX_TENSORS * sizeof *list);
    int n = list_tensors(list, c);
    int64_t sum = list[n - 1].at + (int64_t)list[n - 1].rows * list[n - 1].cols;
    free(list);
    return sum;
}

/* ---- 3. Random first weights, and chance in general -----------------------------------------------------------------
 * Weights begin as normal(0, initializer_range): all zero, and every row of a matrix would learn the same; too large, and the first
 * softmax is sure of nonsense.
 *
 * Our random numbers are a function of (seed, index) and remember nothing: nothing to save when a run is interrupted, and number
 * 1,000,000 costs as much as number 1. The mixing is splitmix64's (Steele, Lea & Flood 2014): multiply, fold high bits onto low ones. */
uint64_t random_at(uint64_t seed, uint64_t index)
{
    uint64_t z = (seed + 1) * 0xD1342543DE82EF95u + (index + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

double uniform_at(uint64_t seed, uint64_t index) { return (double)(random_at(seed, index) >> 11) * 0x1p-53; } /* [0, 1) */

/* Box & Muller 1958: a uniform angle and a well-chosen radius make a point whose coordinates are normal. */
double normal_at(uint64_t seed, uint64_t index)
{
    double radius = sqrt(-2.0 * log(1.0 - uniform_at(seed, 2 * index)));
    return radius * cos(6.283185307179586 * uniform_at(seed, 2 * index + 1));
}

/* ---- 4. Work ---------------------------------------------------------------------------------------------------------------------------
 * y = W x multiplies and adds once per weight: 2 FLOPs per weight and token. (embed_tokens is only looked up, unless it is tied and
 * serves as lm_head, too.) That is all that N counts. Attention adds q.k and p*v for every earlier token: with t tokens in view,
 * 2 * 2 * H*D * t per layer.
 *
 *     forward(t) = 2 N + 4 L H D t            backward = 2 x forward: one product for the gradient of x, one for the gradient of W
 *     training   = 3 x forward                averaged over a window of T tokens, t = T/2:  6 N + 6 L H D T                        */
int64_t matmul_weights(const config *c)
{
    int64_t looked_up = c->tie_word_embeddings ? 0 : (int64_t)c->vocab_size * c->hidden_size;
    int64_t norms = (2 * (int64_t)c->num_hidden_layers + 1) * c->hidden_size;
    return count_parameters(c) - looked_up - norms;
}

double forward_flops(const config *c, double t)
{
    return 2.0 * (double)matmul_weights(c) + 4.0 * c->num_hidden_layers * c->num_attention_heads * c->head_dim * t;
}

/* ---- 5. Memory -------------------------------------------------------------------------------------------------------------------------
 * Serving: the weights, and the KV cache: keys and values of every token so far, so that they need not be computed again (chapter 6).
 * It grows with K, not with H: that is the whole reason for grouped-query attention.
 *
 * Training (everything as 4-byte floats): 4 bytes of weight + 4 of gradient + 8 of AdamW (two running averages, chapter 5) per
 * parameter = 16, and for every token of the batch all that the backward pass will want to see again. */
int64_t cache_floats_per_token(const config *c) { return 2LL * c->num_hidden_layers * c->num_key_value_heads * c->head_dim; }

#endif

/* ---- 6. What it prints ---------------------------------------------------------------------------------------------- */
#ifndef LF_NO_MAIN
/* 8030261248 as 8,030,261,248. */
const char *commas(char out[32], double n)
{
    char digits[32];
    int d = snprintf(digits, sizeof digits, "%.0f", n), o = 0;
    for (int i = 0; i < d && o < 30; i++) {
        if (i && (d - i) % 3 == 0) out[o++] = ',';
        out[o++] = digits[i];
    }
    out[o] = 0;
    return out;
}

const char *bytes(char out[32], double n)
{
    const char *unit[] = {"B", "kB", "MB", "GB", "TB"};
    int u = 0;
    while (n >= 1000 && u < 4) n /= 1000, u++;
    snprintf(out, 32, "%.*f %s", u > 0, n, unit[u]);
    return out;
}

typedef const char *formatter(char out[32], double n);
void row(const char *name, const char *formula, formatter *format, double a, double b)
{
    char x[32], y[32];
    printf("  %-34s %-20s %12s %18s\n", name, formula, format(x, a), format(y, b));
}

/* The same sum once more, by hand: which formulas the list consists of. */
enum { EMBED, QO, KV, MLP, NORMS, HEAD, PARTS };
void count_by_hand(double part[PARTS], const config *c)
{
    double C = c->hidden_size, F = c->intermediate_size, L = c->num_hidden_layers, V = c->vocab_size, D = c->head_dim;
    double H = c->num_attention_heads, K = c->num_key_value_heads;
    part[EMBED] = V * C;
    part[QO] = L * 2 * C * H * D;
    part[KV] = L * 2 * C * K * D;
    part[MLP] = L * 3 * C * F;
    part[NORMS] = (2 * L + 1) * C;
    part[HEAD] = c->tie_word_embeddings ? 0 : V * C;
}

int main(void)
{
    const config *a = &story_config, *b = &llama3_8b_config;
    printf("%-70s %8s %18s\n", "The numbers in config.json", "stories", "Llama-3-8B");
    row("vocab_size", "V", commas, a->vocab_size, b->vocab_size);
    row("hidden_size", "C", commas, a->hidden_size, b->hidden_size);
    row("intermediate_size", "F", commas, a->intermediate_size, b->intermediate_size);
    row("num_hidden_layers", "L", commas, a->num_hidden_layers, b->num_hidden_layers);
    row("num_attention_heads", "H", commas, a->num_attention_heads, b->num_attention_heads);
    row("num_key_value_heads", "K", commas, a->num_key_value_heads, b->num_key_value_heads);
    row("head_dim", "D", commas, a->head_dim, b->head_dim);
    row("max_position_embeddings", "T", commas, a->max_position_embeddings, b->max_position_embeddings);

    double pa[PARTS], pb[PARTS], na = 0, nb = 0;
    count_by_hand(pa, a), count_by_hand(pb, b);
    for (int i = 0; i < PARTS; i++) na += pa[i], nb += pb[i];
    printf("\nThe weights\n");
    row("embed_tokens", "V C", commas, pa[EMBED], pb[EMBED]);
    row("q_proj, o_proj", "L 2 C H D", commas, pa[QO], pb[QO]);
    row("k_proj, v_proj", "L 2 C K D", commas, pa[KV], pb[KV]);
    row("gate_proj, up_proj, down_proj", "L 3 C F", commas, pa[MLP], pb[MLP]);
    row("norms", "(2 L + 1) C", commas, pa[NORMS], pb[NORMS]);
    row("lm_head", "V C, 0 when tied", commas, pa[HEAD], pb[HEAD]);
    row("all parameters", "", commas, na, nb);
    if ((int64_t)na != count_parameters(a) || (int64_t)nb != count_parameters(b)) return printf("the list says otherwise!\n"), 1;

    tensor *list = malloc(MAX_TENSORS * sizeof *list);
    int n = list_tensors(list, a);
    printf("\nThe first of the %d tensors in a file of the story model, as list_tensors() has them\n", n);
    for (int i = 0; i < 11; i++)
        printf("  %-50s [%4d, %4d] %12lld\n", list[i].name, list[i].rows, list[i].cols, (long long)list[i].rows * list[i].cols);
    free(list);

    double Ta = a->max_position_embeddings, Tb = b->max_position_embeddings;
    printf("\nThe work, in FLOPs per token\n");
    row("the first token of a text", "2 N", commas, forward_flops(a, 0), forward_flops(b, 0));
    row("the last one of a full context", "2 N + 4 L H D T", commas, forward_flops(a, Ta), forward_flops(b, Tb));
    row("a token of training", "6 N + 6 L H D T", commas, 3 * forward_flops(a, Ta / 2), 3 * forward_flops(b, Tb / 2));

    double ca = 2.0 * (double)cache_floats_per_token(a), cb = 2.0 * (double)cache_floats_per_token(b);
    printf("\nThe memory\n");
    row("weights as bfloat16", "2 bytes each", bytes, 2 * na, 2 * nb);
    row("KV cache per token, bfloat16", "2 x 2 L K D", bytes, ca, cb);
    row("KV cache of a full context", "T times that", bytes, ca * Ta, cb * Tb);
    row("... had each query head its own", "2 x 2 L H D x T", bytes, ca * Ta * a->num_attention_heads / a->num_key_value_heads,
        cb * Tb * b->num_attention_heads / b->num_key_value_heads);
    row("training without activations", "16 bytes each", bytes, 16 * na, 16 * nb);

    double read = 50e9, core = 100e9, work = 15e12 * 3 * forward_flops(b, Tb / 2);
    printf("\nTwo consequences\n"
           "  Talking is a matter of memory: every token needs every weight once. At 50 GB/s, what a good desktop reads, Llama-3-8B\n"
           "  says at most %.1f tokens a second in bfloat16, however fast the arithmetic; with 4-bit weights at most %.0f.\n",
           read / (2 * nb), read / (0.5 * nb));
    printf("  Training is a matter of arithmetic: 15 trillion tokens x %.1f GFLOP = %.1g FLOP. One core at 100 GFLOP/s would need\n"
           "  %.0f thousand years. The story model wants %.1f MFLOP per token: a million tokens are half a minute of that core.\n",
           3 * forward_flops(b, Tb / 2) / 1e9, work, work / core / 3.156e7 / 1e3, 3 * forward_flops(a, Ta / 2) / 1e6);
    return 0;
}
#endif
