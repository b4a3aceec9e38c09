/* lora.c - chapter 8: teaching an old model something new with few new weights.
 *
 *   cc -O2 tutorials/lora.c -lm -o lora && ./lora story-model           half a minute
 *
 * Training everything costs 16 bytes per weight (chapter 1): 128 GB for an 8B model that can be *used* in 5. But a small change of
 * behaviour needs a small change of the weights, and small here means: of low rank. LoRA (Hu et al. 2021) freezes every matrix W [out, in]
 * and learns a detour beside it:
 *
 *                  +---------  W, frozen  ---------+
 *       x [in] ----|                               + ----> y [out]              y = W x + (alpha / r) B A x
 *                  +--> A [r, in] --> B [out, r] --+
 *                      down to r      up again               r = 4: (in + out) * 4 weights instead of in * out
 *
 * B begins as zero, so the model begins as exactly what it was. (A is random: were both zero, neither would ever get a gradient.) When it
 * is done, W + (alpha / r) B A is an ordinary matrix: merged, the model is no larger and no slower than before. Unmerged, one base model
 * serves a hundred adapters.
 *
 * Gradients, with s = alpha / r and dy from above: dB = s dy^T (x A^T), dA = s (dy B)^T x. Chapter 4 already computes dW = dy^T x, and
 *
 *       dB = s dW A^T                     dA = s B^T dW
 *
 * are the same numbers: so this chapter needs no new backward pass. It pays with the memory of dW, which a real implementation never
 * forms (src/ops/op_linear.c is the door where an adapter belongs). Part 1 checks that the two ways agree. */
#pragma push_macro("LF_NO_MAIN") /* earlier chapters, without their main() */
#define LF_NO_MAIN
#include "generate.c"
#pragma pop_macro("LF_NO_MAIN")

/* ---- 1. Adapters ------------------------------------------------------------------------------------------------------------------------
 * One for each matrix inside the blocks; embeddings and norms stay as they are. */
enum { RANK = 4 };
const double alpha = 8;

typedef struct adapter {
    tensor base; /* [out, in] which matrix, and where it lies */
    real *a, *b; /* [RANK, in], [out, RANK] */
    real *da, *db;
    adamw oa, ob;
} adapter;

int adapters_new(adapter *list, const config *c) /* returns how many */
{
    tensor *all = malloc(MAX_TENSORS * sizeof *all);
    int n = 0;
    for (int k = list_tensors(all, c), i = 0; i < k; i++) {
        if (all[i].rows == 1 || !strstr(all[i].name, "_proj")) continue;
        size_t na = (size_t)RANK * all[i].cols, nb = (size_t)RANK * all[i].rows;
        adamw o = {.beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8};
        list[n] = (adapter){.base = all[i], .a = numbers(na), .b = numbers(nb), .da = numbers(na), .db = numbers(nb), .oa = o, .ob = o};
        list[n].oa.m = numbers(na), list[n].oa.v = numbers(na), list[n].ob.m = numbers(nb), list[n].ob.v = numbers(nb);
        for (size_t k2 = 0; k2 < na; k2++) list[n].a[k2] = (real)(normal_at(77 + (uint64_t)n, k2) / sqrt((double)all[i].cols));
        n++;
    }
    free(all);
    return n;
}

void adapters_free(adapter *list, int n)
{
    for (int i = 0; i < n; i++) {
        adapter *p = &list[i];
        free(p->a), free(p->b), free(p->da), free(p->db), free(p->oa.m), free(p->oa.v), free(p->ob.m), free(p->ob.v);
    }
}

/* w = base + s B A, in every adapted matrix. */
void merge_adapters(weights *w, const weights *base, const adapter *list, int n)
{
    memcpy(w->data, base->data, base->n * sizeof *w->data);
    for (int i = 0; i < n; i++) {
        int out = list[i].base.rows, in = list[i].base.cols;
        real *product = numbers((size_t)out * in);
        matmul_add(product, in, plain(list[i].b, RANK), plain(list[i].a, in), out, in, RANK);
        for (size_t k = 0; k < (size_t)out * in; k++) w->data[list[i].base.at + (int64_t)k] += (real)(alpha / RANK) * product[k];
        free(product);
    }
}

/* dA = s B^T dW and dB = s dW A^T, from the gradient of the merged matrices. */
void adapter_gradients(adapter *list, int n, const weights *g)
{
    for (int i = 0; i < n; i++) {
        adapter *p = &list[i];
        int out = p->base.rows, in = p->base.cols;
        const real *dw = g->data + p->base.at;
        clear(p->da, (size_t)RANK * in), clear(p->db, (size_t)RANK * out);
        matmul_add(p->da, in, transposed(p->b, RANK), plain(dw, in), RANK, in, out);
        matmul_add(p->db, RANK, plain(dw, in), transposed(p->a, in), out, RANK, in);
        for (int k = 0; k < RANK * in; k++) p->da[k] *= (real)(alpha / RANK);
        for (int k = 0; k < RANK * out; k++) p->db[k] *= (real)(alpha / RANK);
    }
}

/* AdamW of chapter 5 on one array. */
void step_array(real *w, const real *g, adamw *o, int rows, int cols, double lr, int64_t t)
{
    weights ww = {.data = w, .n = (size_t)rows * cols}, gg = {.data = (real *)g, .n = ww.n};
    tensor all = {.rows = rows, .cols = cols, .at = 0};
    adamw_step(&ww, &gg, o, &all, 1, lr, t);
}

/* ---- 2. Something new to learn --------------------------------------------------------------------------------------
 * The same stories, told by someone easily excited: every full stop becomes an exclamation mark, in both languages. */
char *excited(const char *text, size_t n, size_t *n_out)
{
    char *out = malloc(n + 1);
    *n_out = 0;
    for (size_t i = 0; i < n; i++) {
        int stop = n - i >= 3 && memcmp(text + i, "。", 3) == 0;
        if (stop) memcpy(out + *n_out, "！", 3), *n_out += 3, i += 2;
        if (!stop) out[(*n_out)++] = text[i] == '.' ? '!' : text[i];
    }
    out[*n_out] = 0;
    return out;
}

/* ---- 3. What it prints ---------------------------------------------------------------------------------------------- */
#ifndef LF_NO_MAIN
void say(const weights *w, const config *c, const tokenizer *t, const char *prompt)
{
    sampling s = {.temperature = 0.7, .top_k = 40, .top_p = 0.95, .repetition_penalty = 1, .seed = 4};
    int *tokens = malloc((size_t)c->max_position_embeddings * sizeof *tokens), T = c->max_position_embeddings;
    tokens[0] = t->end;
    int n = 1 + encode(tokens + 1, t, prompt, strlen(prompt), 0), end = generate(tokens, n, n + 44 < T ? n + 44 : T, w, c, &s, NULL, NULL);
    char text[4096];
    printf("      %.*s\n", (int)decode(text, sizeof text, t, tokens + 1, end - 1), text);
    free(tokens);
}

double test(activations *a, const weights *w, const config *c, const stream *s) { return evaluate(a, w, c, s) / (double)(s->n - 1); }

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "story-model";
    int steps = argc > 2 ? atoi(argv[2]) : 150;
    char path[1000];
    snprintf(path, sizeof path, "%s/config.json", folder);
    FILE *f = fopen(path, "rb");
    if (!f) return fprintf(stderr, "usage: lora [FOLDER] [STEPS]    (no model in %s? ./train makes one in minutes)\n", folder), 2;
    fclose(f);
    config c = load_config(folder);
    weights base = weights_new(&c), w = weights_new(&c), g = weights_new(&c);
    tokenizer t;
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    load_tensors(path, &c, "", base.data);
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    load_tokenizer(&t, path);
    adapter list[MAX_TENSORS];
    int n = adapters_new(list, &c);
    size_t trainable = 0;
    for (int i = 0; i < n; i++) trainable += (size_t)RANK * (size_t)(list[i].base.rows + list[i].base.cols);
    printf("%s: %zu weights, frozen. %d adapters of rank %d: %zu weights to train, %.1f %%. (Llama-3-8B: 0.13 %%)\n", folder, base.n, n,
           RANK, trainable, 100.0 * (double)trainable / (double)base.n);

    /* One matrix, both ways to its gradient. */
    int in = list[0].base.cols, out = list[0].base.rows, rows = 5;
    real *x = numbers((size_t)rows * in), *dy = numbers((size_t)rows * out), *direct = numbers((size_t)RANK * in),
         *dyb = numbers((size_t)rows * RANK);
    for (int i = 0; i < rows * in; i++) x[i] = (real)normal_at(1, (uint64_t)i);
    for (int i = 0; i < rows * out; i++) dy[i] = (real)normal_at(2, (uint64_t)i);
    for (int i = 0; i < out * RANK; i++) list[0].b[i] = (real)normal_at(3, (uint64_t)i);
    matmul_add(g.data + list[0].base.at, in, transposed(dy, out), plain(x, in), out, in, rows); /* dW = dy^T x */
    adapter_gradients(list, 1, &g);
    matmul_add(dyb, RANK, plain(dy, out), plain(list[0].b, RANK), rows, RANK, out); /* dy B ... */
    matmul_add(direct, in, transposed(dyb, RANK), plain(x, in), RANK, in, rows);    /* ... (dy B)^T x */
    double error = 0, size = 0;
    for (int i = 0; i < RANK * in; i++) {
        double d = (double)direct[i] * alpha / RANK;
        error += pow(d - (double)list[0].da[i], 2), size += d * d;
    }
    clear(list[0].b, (size_t)out * RANK);
    int failed = !(sqrt(error / size) < 1e-5);
    printf("\n1. dA through dW and without ever forming dW: they differ by %.0e\n", sqrt(error / size));

    size_t n_text, n_new;
    char *text = read_file(stories_path(), &n_text), *new_text = excited(text, n_text, &n_new);
    stream train, val, old_train, old_val;
    load_streams(&old_train, &old_val, &t, text, n_text, 20, 1);
    load_streams(&train, &val, &t, new_text, n_new, 20, 1);
    int B = 2, T = c.max_position_embeddings;
    loader l;
    if (loader_init(&l, &train, B, T, 5)) return fprintf(stderr, "the stories are too short for a context of %d\n", T), 1;
    activations a = activations_new(&c, B, T);
    int *tokens = malloc((size_t)a.N * sizeof *tokens), *targets = malloc((size_t)a.N * sizeof *targets);

    merge_adapters(&w, &base, list, n);
    failed |= memcmp(w.data, base.data, base.n * sizeof *w.data) != 0;
    printf("\n2. Before: B is zero, the merged weights are %s. Test loss on the excited stories %.4f\n",
           failed ? "DIFFERENT" : "the frozen ones to the last bit", test(&a, &w, &c, &val));
    say(&w, &c, &t, "Once upon a time");
    say(&w, &c, &t, "从前");

    printf("\n3. Training the adapters, %d steps of %d tokens\n", steps, a.N);
    double sum = 0;
    for (int step = 1; step <= steps; step++) {
        load_batch(tokens, targets, &l, step - 1);
        merge_adapters(&w, &base, list, n);
        clear(g.data, g.n);
        forward(&a, &w, &c, tokens);
        sum += backward(&g, &a, &w, &c, tokens, targets);
        adapter_gradients(list, n, &g);
        double lr = learning_rate(step, steps, steps > 10 ? 10 : 1, 5e-3, 5e-4);
        for (int i = 0; i < n; i++) {
            step_array(list[i].a, list[i].da, &list[i].oa, RANK, list[i].base.cols, lr, step);
            step_array(list[i].b, list[i].db, &list[i].ob, list[i].base.rows, RANK, lr, step);
        }
        if (step % 15 == 0 || step == steps)
            printf("      step %3d   loss %.4f\n", step, sum / (step % 15 ? step % 15 : 15)), fflush(stdout), sum = 0;
    }

    merge_adapters(&w, &base, list, n);
    printf("\n4. After: test loss on the excited stories %.4f\n", test(&a, &w, &c, &val));
    say(&w, &c, &t, "Once upon a time");
    say(&w, &c, &t, "从前");
    printf("   On the calm ones it was trained on first: %.4f, without the adapter %.4f. Take it away and nothing is lost.\n",
           test(&a, &w, &c, &old_val), test(&a, &base, &c, &old_val));
    free(text), free(new_text), free(tokens), free(targets), free(x), free(dy), free(direct), free(dyb);
    free_stream(&train), free_stream(&val), free_stream(&old_train), free_stream(&old_val), loader_free(&l), tokenizer_free(&t);
    adapters_free(list, n), activations_free(&a, &c), weights_free(&base), weights_free(&w), weights_free(&g);
    return failed;
}
#endif
