/* quantize.c - chapter 7: the same model in a quarter and an eighth of the memory. Blocks of small integers, and what they cost.
 *
 *   cc -O2 tutorials/quantize.c -lm -o quantize && ./quantize story-model
 *
 * Chapter 1: a token cannot come sooner than all weights come from memory. So smaller weights are not only smaller, they are faster. A
 * trained weight does not need 24 bits of precision; it needs to be about right, and errors of many weights average out. The scheme that
 * nearly all formats share: cut rows into blocks of 32, give each block one scale d, store each weight as a small integer q:
 *
 *      0.031 -0.120  0.007 ... 0.064      32 floats, 128 bytes
 *              |  d = largest / 127       "how much is one step?"
 *              v  q = round(x / d)
 *      33 -127 7 ... 68  | d              32 bytes and one scale: x is about d * q, off by d / 2 at most
 *
 * Why blocks? Because d is dictated by the largest of those who share it. One outlier in a matrix makes all its weights coarse; in a block
 * of 32 it hurts 31 neighbours (part 2 measures that). With 4 bits, -8 .. 7 only, this is the difference between useful and useless.
 *
 * And the arithmetic can stay in integers: sum of (da qa)(db qb) = da db * sum of qa qb. Integer sums are exact, and processors do 64 such
 * products in one instruction (vpdpbusd), twice as many as bfloat16 ones.
 *
 * Where these formats come from: ggml's Q8_0 and Q4_0, which store d in 16 bits: 34 and 18 bytes per block of 32.
 * Where the library does this: src/tensor/ (quantize.c), src/backend/cpu/ (cpu_gemm_quant.c: products in integers). */
#pragma push_macro("LF_NO_MAIN") /* earlier chapters, without their main() */
#define LF_NO_MAIN
#include "generate.c"
#pragma pop_macro("LF_NO_MAIN")

/* ---- 1. A block ------------------------------------------------------------------------------------------------------------------------
 * n numbers become n integers of -limit .. limit and one scale. Returns d. */
enum { BLOCK = 32 };
float quantize_block(int8_t *q, const float *x, int n, int limit)
{
    float largest = 0;
    for (int i = 0; i < n; i++) largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
    float d = largest / (float)limit;
    for (int i = 0; i < n; i++) q[i] = (int8_t)(d > 0 ? lrintf(x[i] / d) : 0);
    return d;
}

/* Four bits: -8 .. 7 is not symmetric. The element that is largest in size becomes -8 exactly, whatever its sign: d = that / -8, and no
 * step of the sixteen is wasted. */
float quantize_block4(int8_t *q, const float *x, int n)
{
    float largest = 0;
    for (int i = 0; i < n; i++) largest = fabsf(x[i]) > fabsf(largest) ? x[i] : largest;
    float d = largest / -8;
    for (int i = 0; i < n; i++) {
        long step = d != 0 ? lrintf(x[i] / d) : 0;
        q[i] = (int8_t)(step > 7 ? 7 : step);
    }
    return d;
}

/* There and back: x is replaced by what remains of it. bits 8 or 4; `group` numbers share a scale. Returns |x' - x| / |x|. */
double round_trip(float *x, int64_t n, int group, int bits)
{
    int8_t *q = malloc((size_t)group);
    double error = 0, size = 0;
    for (int64_t at = 0; at < n; at += group) {
        int m = n - at < group ? (int)(n - at) : group;
        float d = bits == 8 ? quantize_block(q, x + at, m, 127) : quantize_block4(q, x + at, m);
        for (int i = 0; i < m; i++) {
            float back = d * (float)q[i];
            error += pow((double)(back - x[at + i]), 2), size += pow((double)x[at + i], 2);
            x[at + i] = back;
        }
    }
    free(q);
    return sqrt(error / (size > 0 ? size : 1));
}

/* ---- 2. A whole model -----------------------------------------------------------------------------------------------
 * Matrices only: the norms are few and every one of them scales a whole channel. Returns the bytes that the model takes now. */
double quantize_model(weights *w, const config *c, int bits)
{
    tensor *list = malloc(MAX_TENSORS * sizeof *list);
    double bytes = 0;
    for (int n = list_tensors(list, c), i = 0; i < n; i++) {
        int64_t size = (int64_t)list[i].rows * list[i].cols;
        if (list[i].rows > 1 && bits < 32) round_trip(w->data + list[i].at, size, BLOCK, bits);
        bytes += list[i].rows > 1 && bits < 32 ? (double)size / BLOCK * (BLOCK * bits / 8 + 2) : 4.0 * (double)size;
    }
    free(list);
    return bytes;
}

/* ---- 3. A product in integers ---------------------------------------------------------------------------------------
 * y[o] = sum over i of x[i] w[o][i], w [out, in] as blocks. x is quantized too, on the fly: one block at a time, like the weights. */
void linear_int8(float *y, const float *x, const float *w, int in, int out)
{
    int blocks = (in + BLOCK - 1) / BLOCK;
    int8_t *qx = calloc((size_t)blocks * BLOCK, 1), qw[BLOCK];
    float *dx = malloc((size_t)blocks * sizeof *dx);
    for (int b = 0; b < blocks; b++)
        dx[b] = quantize_block(qx + b * BLOCK, x + b * BLOCK, in - b * BLOCK < BLOCK ? in - b * BLOCK : BLOCK, 127);
    for (int o = 0; o < out; o++) {
        y[o] = 0;
        for (int b = 0; b < blocks; b++) {
            int n = in - b * BLOCK < BLOCK ? in - b * BLOCK : BLOCK;
            float dw = quantize_block(qw, w + (size_t)o * in + b * BLOCK, n, 127); /* a real program reads this from the file */
            int32_t sum = 0;
            for (int i = 0; i < n; i++) sum += qx[b * BLOCK + i] * qw[i]; /* exact: 32 * 127 * 127 is far below 2^31 */
            y[o] += dx[b] * dw * (float)sum;
        }
    }
    free(qx), free(dx);
}

/* ---- 4. What it prints ---------------------------------------------------------------------------------------------- */
#ifndef LF_NO_MAIN
int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "story-model";
    char path[1000];
    snprintf(path, sizeof path, "%s/config.json", folder);
    FILE *f = fopen(path, "rb");
    if (!f) return fprintf(stderr, "usage: quantize [FOLDER]    (no model in %s? ./train makes one in minutes)\n", folder), 2;
    fclose(f);

    printf("1. Eight numbers as 8-bit and as 4-bit integers\n");
    float x[8] = {0.031f, -0.120f, 0.007f, 0.064f, -0.002f, 0.099f, -0.051f, 0.015f};
    int8_t q8[8], q4[8];
    float d8 = quantize_block(q8, x, 8, 127), d4 = quantize_block4(q4, x, 8);
    printf("   x             ");
    for (int i = 0; i < 8; i++) printf(" %7.3f", (double)x[i]);
    printf("\n   q, 8 bits     ");
    for (int i = 0; i < 8; i++) printf(" %7d", q8[i]);
    printf("   d = %.6f\n   d * q         ", (double)d8);
    for (int i = 0; i < 8; i++) printf(" %7.3f", (double)(d8 * (float)q8[i]));
    printf("\n   q, 4 bits     ");
    for (int i = 0; i < 8; i++) printf(" %7d", q4[i]);
    printf("   d = %.6f\n   d * q         ", (double)d4);
    for (int i = 0; i < 8; i++) printf(" %7.3f", (double)(d4 * (float)q4[i]));

    printf("\n\n2. Why blocks: 4,096 normal numbers, one of them 50 times too large. Relative error of the others\n");
    printf("   numbers per scale        4096      256       32\n");
    enum { MANY = 4096 };
    static float many[MANY], copy[MANY];
    for (int i = 0; i < MANY; i++) many[i] = (float)normal_at(1, (uint64_t)i);
    many[777] = 50;
    for (int bits = 8; bits >= 4; bits -= 4) {
        printf("   %d bits         ", bits);
        for (int group = MANY; group >= 32; group = group == MANY ? 256 : group == 256 ? 32 : 1) {
            memcpy(copy, many, sizeof copy);
            round_trip(copy, MANY, group, bits);
            double error = 0, size = 0;
            for (int i = 0; i < MANY; i++)
                if (i != 777) error += pow((double)(copy[i] - many[i]), 2), size += pow((double)many[i], 2);
            printf(" %6.1f %%", 100 * sqrt(error / size));
        }
        printf("\n");
    }

    config c = load_config(folder);
    weights w = weights_new(&c), exact = weights_new(&c);
    tokenizer t;
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    load_tensors(path, &c, "", exact.data);
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    load_tokenizer(&t, path);

    printf("\n3. A product in integers: q_proj of the first layer\n");
    int C = c.hidden_size, out = c.num_attention_heads * c.head_dim;
    real *in = numbers((size_t)C), *y = numbers((size_t)out), *y8 = numbers((size_t)out);
    for (int i = 0; i < C; i++) in[i] = (real)normal_at(2, (uint64_t)i);
    linear(y, in, exact.layers[0].q_proj, 1, C, out);
    linear_int8(y8, in, exact.layers[0].q_proj, C, out);
    double error = 0, size = 0;
    for (int o = 0; o < out; o++) error += pow((double)(y8[o] - y[o]), 2), size += pow((double)y[o], 2);
    printf("   %d outputs, weights and inputs both in 8 bits: off by %.2f %%\n", out, 100 * sqrt(error / size));

    size_t n_text;
    char *text = read_file(stories_path(), &n_text);
    stream train, val;
    load_streams(&train, &val, &t, text, n_text, 20, 1);
    activations a = activations_new(&c, 4, c.max_position_embeddings);
    printf("\n4. %s, tested on %lld tokens of stories it has not seen\n", folder, (long long)val.n);
    printf("   weights     size      bits per weight    test loss    worse by     greedy text after \"Once upon a time\"\n");
    double reference = 0;
    const int widths[] = {32, 8, 4};
    sampling greedy = {.temperature = 0, .top_p = 1, .repetition_penalty = 1};
    for (int i = 0; i < 3; i++) {
        memcpy(w.data, exact.data, w.n * sizeof *w.data);
        double bytes = quantize_model(&w, &c, widths[i]), loss = evaluate(&a, &w, &c, &val) / (double)(val.n - 1);
        if (i == 0) reference = loss;
        int tokens[64] = {t.end}, n = 1 + encode(tokens + 1, &t, "Once upon a time", 16, 0),
            most = c.max_position_embeddings < 28 ? c.max_position_embeddings : 28;
        int end = generate(tokens, n, most, &w, &c, &greedy, NULL, NULL);
        char said[2048];
        size_t bytes_said = decode(said, sizeof said, &t, tokens + n, end - n);
        for (size_t k = 0; k < bytes_said; k++)
            if (said[k] == '\n') said[k] = '/';
        printf("   %-7s %8.0f kB %12.2f %16.4f %11.4f    %.*s\n",
               i == 0   ? "float"
               : i == 1 ? "int8"
                        : "int4",
               bytes / 1e3, 8 * bytes / (double)w.n, loss, loss - reference, (int)bytes_said, said);
        fflush(stdout);
    }
    printf("\n   Eight bits cost next to nothing. Four bits cost something, most for small models: large ones have more weights to average "
           "over.\n");
    free(text), free(in), free(y), free(y8);
    free_stream(&train), free_stream(&val), tokenizer_free(&t), activations_free(&a, &c), weights_free(&w), weights_free(&exact);
    return 0;
}
#endif
