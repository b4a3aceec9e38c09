/* train.c - chapter 5: learning. AdamW, a learning rate that rises and falls, clipping, evaluation, checkpoints that others can open.
 *
 *   cc -O2 tutorials/train.c -lm -o train && ./train            three to five minutes on one core
 *   ./train --resume                                            goes on after a kill, as if nothing had happened
 *   foundry generate story-model --prompt "Once upon a time"    the checkpoint is an ordinary Hugging Face folder
 *
 * Chapter 4 can tell, for every weight, in which direction the loss grows. Learning is going the other way, a little, with another batch
 * each time:
 *
 *      for each step:    batch (chapter 3) -> forward, loss, backward (chapter 4) -> clip -> AdamW -> now and then: test, save, let it talk
 *
 *      loss
 *      7.3 |*                          log(V): it knows nothing, all tokens are equally likely
 *          |*
 *      6.3 |*                          which tokens are frequent                                          step 30, nearly free
 *      2.5 | *                         which token follows which                                          step 135
 *      1.7 |   *                       words and sentences                                                step 200
 *      0.9 |        *    *    *    *   what happens in a story, in two languages                          step 500
 *      0.55|. . . . . . . . . . . . .  the floor: the dice of the program that wrote these stories. On new text nobody can be below it.
 *          +-------------------------- steps
 *
 * What is missing at the end is memory: who had the kite, Lily or Lucy? Keeping a name is learned late and suddenly; `make demo` shows it,
 * with thirty times the text and the same model twice as large.
 *
 * A real text has a floor, too; only nobody knows where. Ours come from `foundry data synth`, which adds up the bits of its dice.
 * Where the library does this: src/train/ (step.c, optimizer.c, schedule.c, checkpoint.c). */
#ifndef TRAIN_C
#define TRAIN_C

#define real float /* half the memory of double, and twice the numbers in a register */

#pragma push_macro("LF_NO_MAIN") /* earlier chapters, without their main() */
#define LF_NO_MAIN
#include "dataloader.c"
#include "model.c"
#pragma pop_macro("LF_NO_MAIN")
#include <sys/stat.h>
#include <time.h>

/* ---- 1. The learning rate -------------------------------------------------------------------------------------------
 *   lr |      ______            Up in the first steps: AdamW's averages are made of few gradients yet, and the first directions are wild.
 *      |    /        \          Down along a cosine (Loshchilov & Hutter 2017): far away large steps are right, near the goal they only
 *      |  /             \_      jump over it. Much of the loss falls in the last third, when the steps become small.
 *      +--+---------------+-- step */
double learning_rate(int64_t t, int64_t steps, int64_t warmup, double peak, double low) /* step t = 1 .. steps */
{
    if (t <= warmup) return peak * (double)t / (double)warmup;
    double part = (double)(t - warmup) / (double)(steps - warmup);
    return low + (peak - low) * 0.5 * (1 + cos(3.14159265358979323846 * part));
}

/* ---- 2. Clipping ----------------------------------------------------------------------------------------------------
 * Now and then a batch has a gradient ten times as long as usual. Its direction is fine, its length would throw us out of the valley: so
 * the length of ALL gradients together, as one vector, is limited (Pascanu et al. 2013). Returns the length before. */
double clip_gradients(weights *g, double limit)
{
    double sum = 0;
    for (size_t i = 0; i < g->n; i++) sum += (double)g->data[i] * (double)g->data[i];
    double norm = sqrt(sum), scale = limit / (norm + 1e-6);
    for (size_t i = 0; scale < 1 && i < g->n; i++) g->data[i] *= (real)scale;
    return norm;
}

/* ---- 3. AdamW -------------------------------------------------------------------------------------------------------
 * (Kingma & Ba 2015; Loshchilov & Hutter 2019.) Two running averages per weight:
 *      m = beta1 m + (1 - beta1) g          where does it usually want to go?       (the noise of single batches cancels)
 *      v = beta2 v + (1 - beta2) g^2        how loud does it usually speak?
 *      m^ = m / (1 - beta1^t)               both began at 0; this undoes the bias of the first steps
 *      v^ = v / (1 - beta2^t)
 *      w = w - lr * m^ / (sqrt(v^) + eps) - lr * decay * w
 * Dividing by its own loudness lets a weight with tiny gradients learn as fast as one with large ones: a step is about lr, whatever the
 * scale of the loss. (eps: a weight that never had a gradient divides 0 by eps, not by 0.) Decay pulls towards zero what the data do not
 * hold up; norms are gains around 1, for them it would be wrong. */
typedef struct adamw {
    double beta1, beta2, eps, weight_decay;
    real *m, *v; /* [n] as the weights */
} adamw;

void adamw_step(weights *w, const weights *g, adamw *o, const tensor *list, int n_tensors, double lr, int64_t t)
{
    double bias1 = 1 - pow(o->beta1, (double)t), bias2 = 1 - pow(o->beta2, (double)t);
    for (int k = 0; k < n_tensors; k++) {
        double decay = list[k].rows == 1 ? 0 : o->weight_decay;
        int64_t end = list[k].at + (int64_t)list[k].rows * list[k].cols;
        for (int64_t i = list[k].at; i < end; i++) {
            o->m[i] = (real)(o->beta1 * o->m[i] + (1 - o->beta1) * g->data[i]);
            o->v[i] = (real)(o->beta2 * o->v[i] + (1 - o->beta2) * g->data[i] * g->data[i]);
            double step = (o->m[i] / bias1) / (sqrt(o->v[i] / bias2) + o->eps);
            w->data[i] -= (real)(lr * (step + decay * w->data[i]));
        }
    }
}

/* ---- 4. Evaluation --------------------------------------------------------------------------------------------------
 * The same loss on documents that were set aside. -log p is surprise in nats, since log is the natural one; one nat is 1 / log(2) = 1.44
 * bits. The loss per token says nothing about another tokenizer's tokens; bits per byte of text do: total surprise in bits / bytes. All of
 * val once, window by window; what is beyond its end has the target -1. */
double evaluate(activations *a, const weights *w, const config *c, const stream *val) /* nats, all tokens together */
{
    double total = 0;
    int *tokens = malloc((size_t)a->N * sizeof *tokens), *targets = malloc((size_t)a->N * sizeof *targets);
    for (int64_t at = 0; at + 1 < val->n; at += a->N) {
        int scored = 0;
        for (int i = 0; i < a->N; i++) {
            tokens[i] = at + i < val->n ? val->tokens[at + i] : c->eos_token_id;
            targets[i] = at + i + 1 < val->n ? val->tokens[at + i + 1] : -1;
            scored += targets[i] >= 0;
        }
        forward(a, w, c, tokens);
        total += scored * cross_entropy(NULL, a->logits, targets, a->N, c->vocab_size);
    }
    free(tokens), free(targets);
    return total;
}

/* ---- 5. Checkpoints -------------------------------------------------------------------------------------------------
 * safetensors, the file format of weights:   | length of the header: 8 bytes | header: JSON | all numbers, one tensor after the other |
 *      {"model.norm.weight": {"dtype": "F32", "shape": [128], "data_offsets": [0, 512]}, ...}      offsets from the header's end
 * The same container holds AdamW's averages, as m.<name> and v.<name>: without them a resumed run would stumble for a hundred steps.
 * A file is written under another name first and then renamed: whatever happens, the old or the new one is there, never half of one. */
void finish_file(FILE *f, const char *temporary, const char *path)
{
    if (ferror(f) | fclose(f) || rename(temporary, path)) fprintf(stderr, "%s: cannot be written\n", path), exit(1);
}

void save_tensors(const char *path, const config *c, const char *const *prefixes, real *const *data, int n_sets, int64_t step)
{
    char temporary[1024];
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *f = fopen(temporary, "wb");
    if (!f) fprintf(stderr, "%s: cannot be written\n", temporary), exit(1);
    tensor *list = malloc(MAX_TENSORS * sizeof *list);
    int n = list_tensors(list, c);
    int64_t all = count_parameters(c);
    char *header = malloc((size_t)n * (size_t)n_sets * 200 + 200);
    size_t length = (size_t)sprintf(header, "{\"__metadata__\":{\"format\":\"pt\",\"step\":\"%lld\"}", (long long)step);
    for (int s = 0; s < n_sets; s++)
        for (int i = 0; i < n; i++) {
            char shape[32];
            int64_t begin = (s * all + list[i].at) * 4, end = begin + (int64_t)list[i].rows * list[i].cols * 4;
            snprintf(shape, sizeof shape, list[i].rows == 1 ? "%.0d%d" : "%d,%d", list[i].rows == 1 ? 0 : list[i].rows, list[i].cols);
            length += (size_t)sprintf(header + length, ",\"%s%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%lld,%lld]}",
                                      prefixes[s], list[i].name, shape, (long long)begin, (long long)end);
        }
    length += (size_t)sprintf(header + length, "}");
    while (length % 8) header[length++] = ' '; /* numbers begin on a multiple of 8 bytes */
    for (int byte = 0; byte < 8; byte++) fputc((int)(length >> 8 * byte & 255), f);
    fwrite(header, 1, length, f);
    for (int s = 0; s < n_sets; s++) fwrite(data[s], sizeof(float), (size_t)all, f);
    finish_file(f, temporary, path);
    free(header), free(list);
}

/* Reads every tensor of list_tensors() under prefix into data; returns the step. Exits with a sentence when one is not as it should be. */
int64_t load_tensors(const char *path, const config *c, const char *prefix, real *data)
{
    size_t size;
    char *file = read_file(path, &size), key[128];
    uint64_t length = 0;
    for (int byte = 7; byte >= 0 && size >= 8; byte--) length = length << 8 | (unsigned char)file[byte];
    if (size < 8 || length > size - 8) fprintf(stderr, "%s: this is not a safetensors file\n", path), exit(1);
    char *header = calloc(length + 1, 1);
    memcpy(header, file + 8, length);
    const char *numbers_at = file + 8 + length;
    tensor *list = malloc(MAX_TENSORS * sizeof *list);
    for (int n = list_tensors(list, c), i = 0; i < n; i++) {
        snprintf(key, sizeof key, "\"%s%s\"", prefix, list[i].name);
        const char *entry = strstr(header, key), *close = entry ? strchr(entry, '}') : NULL;
        const char *dtype = entry ? strstr(entry, "\"F32\"") : NULL, *offsets = entry ? strstr(entry, "\"data_offsets\"") : NULL;
        unsigned long long begin = 0, end = 0, want = (unsigned long long)list[i].rows * list[i].cols * 4;
        if (!close || !dtype || dtype > close || !offsets ||
            sscanf(strchr(offsets, '[') ? strchr(offsets, '[') : "", "[%llu , %llu", &begin, &end) != 2 || end - begin != want ||
            end > size - 8 - length || begin > end)
            fprintf(stderr, "%s: %s is not there as %d x %d 32-bit floats\n", path, key, list[i].rows, list[i].cols), exit(1);
        memcpy(data + list[i].at, numbers_at + begin, want);
    }
    const char *at = strstr(header, "\"step\":\"");
    int64_t step = at ? atoll(at + 8) : 0;
    free(list), free(header), free(file);
    return step;
}

/* What makes a folder a model for everybody else: config.json, model.safetensors, tokenizer.json. */
void save_model(const char *folder, const config *c, const weights *w, const tokenizer *t, int64_t step)
{
    char path[1000], temporary[1024];
    mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    if (save_tokenizer(t, temporary) || rename(temporary, path)) fprintf(stderr, "%s: cannot be written\n", path), exit(1);
    snprintf(path, sizeof path, "%s/config.json", folder);
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *f = fopen(temporary, "wb");
    if (!f) fprintf(stderr, "%s: cannot be written\n", temporary), exit(1);
    fprintf(f,
            "{\n  \"architectures\": [\"LlamaForCausalLM\"],\n  \"model_type\": \"llama\",\n  \"vocab_size\": %d,\n  \"hidden_size\": %d,\n"
            "  \"intermediate_size\": %d,\n  \"num_hidden_layers\": %d,\n  \"num_attention_heads\": %d,\n  \"num_key_value_heads\": %d,\n"
            "  \"head_dim\": %d,\n  \"max_position_embeddings\": %d,\n  \"rms_norm_eps\": %g,\n  \"rope_theta\": %.1f,\n"
            "  \"initializer_range\": %g,\n  \"tie_word_embeddings\": %s,\n  \"hidden_act\": \"silu\",\n  \"attention_bias\": false,\n"
            "  \"mlp_bias\": false,\n  \"bos_token_id\": %d,\n  \"eos_token_id\": %d,\n  \"torch_dtype\": \"float32\"\n}\n",
            c->vocab_size, c->hidden_size, c->intermediate_size, c->num_hidden_layers, c->num_attention_heads, c->num_key_value_heads,
            c->head_dim, c->max_position_embeddings, (double)c->rms_norm_eps, (double)c->rope_theta, (double)c->initializer_range,
            c->tie_word_embeddings ? "true" : "false", c->eos_token_id, c->eos_token_id);
    finish_file(f, temporary, path);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    save_tensors(path, c, (const char *const[]){""}, (real *const[]){w->data}, 1, step);
}

/* ---- 6. Let it talk -------------------------------------------------------------------------------------------------
 * The slow way, good enough to look in: put the text so far in, draw a token from the last row's probabilities, append it, and compute
 * everything again. Chapter 6 does it properly. */
void talk(const weights *w, const config *c, const tokenizer *t, const char *prompt, uint64_t seed)
{
    enum { LENGTH = 56 };
    int tokens[LENGTH] = {c->eos_token_id}, *ids = malloc((strlen(prompt) + 1) * sizeof *ids),
        n = encode(ids, t, prompt, strlen(prompt), 0);
    if (n > LENGTH / 2) n = LENGTH / 2;
    memcpy(tokens + 1, ids, (size_t)n * sizeof *ids);
    free(ids);
    for (n++; n < LENGTH; n++) {
        activations a = activations_new(c, 1, n);
        forward(&a, w, c, tokens);
        real *p = a.logits + (size_t)(n - 1) * c->vocab_size; /* the last row: what comes next? */
        for (int v = 0; v < c->vocab_size; v++) p[v] /= 0.7f;
        softmax(p, c->vocab_size);
        double mark = uniform_at(seed, (uint64_t)n);
        int id = 0;
        while (id + 1 < c->vocab_size && (mark -= p[id]) > 0) id++;
        activations_free(&a, c);
        if (id == c->eos_token_id) break;
        tokens[n] = id;
    }
    char text[LENGTH * 64];
    printf("           %.*s\n", (int)decode(text, sizeof text, t, tokens + 1, n - 1), text);
}

#endif

/* ---- 7. The loop ---------------------------------------------------------------------------------------------------- */
#ifndef LF_NO_MAIN
double now(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The surprise of a model that knows only how often each token occurs. */
double unigram_loss(const stream *s, int V)
{
    double *count = calloc((size_t)V, sizeof *count), loss = 0;
    for (int64_t i = 0; i < s->n; i++) count[s->tokens[i]]++;
    for (int v = 0; v < V; v++)
        if (count[v] > 0) loss -= count[v] / (double)s->n * log(count[v] / (double)s->n);
    free(count);
    return loss;
}

int main(int argc, char **argv)
{
    const double floor_bits = 0.2219; /* of stories.txt, in bits per byte; `foundry data synth` wrote it beside the stories */
    const double peak = 4e-3, low = 1e-4, clip = 1.0;
    const int B = 4, warmup = 50, report_every = 20, look_every = 200;
    int64_t steps = 800, stop = -1, step = 0;
    const char *out = "story-model", *path = stories_path();
    int resume = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--resume"))
            resume = 1;
        else if (i + 1 < argc && !strcmp(argv[i], "--steps"))
            steps = atoll(argv[++i]);
        else if (i + 1 < argc && !strcmp(argv[i], "--stop"))
            stop = atoll(argv[++i]);
        else if (i + 1 < argc && !strcmp(argv[i], "--out"))
            out = argv[++i];
        else if (i + 1 < argc && !strcmp(argv[i], "--text"))
            path = argv[++i];
        else
            return fprintf(stderr, "usage: train [--steps 800] [--out story-model] [--text stories.txt] [--resume] [--stop STEP]\n"), 2;
    }

    config c = story_config;
    size_t n_text;
    char *text = read_file(path, &n_text), model_path[1000], state_path[1000], tokenizer_path[1000];
    snprintf(model_path, sizeof model_path, "%s/model.safetensors", out);
    snprintf(state_path, sizeof state_path, "%s/optimizer.safetensors", out);
    snprintf(tokenizer_path, sizeof tokenizer_path, "%s/tokenizer.json", out);
    tokenizer t;
    if (resume)
        load_tokenizer(&t, tokenizer_path);
    else
        learn(&t, text, n_text, c.vocab_size, NULL);
    c.vocab_size = t.size, c.eos_token_id = t.end; /* a tiny text may have fewer pairs than asked for */

    stream train, val;
    loader l;
    load_streams(&train, &val, &t, text, n_text, 20, 1);
    int T = c.max_position_embeddings;
    if (loader_init(&l, &train, B, T, 1337) || val.n < 2) return fprintf(stderr, "%s: too short to learn from\n", path), 1;

    tensor *list = malloc(MAX_TENSORS * sizeof *list);
    int n_tensors = list_tensors(list, &c);
    weights w = weights_new(&c), g = weights_new(&c);
    adamw o = {.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1, .m = numbers(w.n), .v = numbers(w.n)};
    init_weights(&w, &c, 1337);
    if (resume) {
        step = load_tensors(model_path, &c, "", w.data);
        if (load_tensors(state_path, &c, "m.", o.m) != step || load_tensors(state_path, &c, "v.", o.v) != step)
            return fprintf(stderr, "%s and %s are of different steps\n", model_path, state_path), 1;
        printf("goes on after step %lld\n", (long long)step);
    }
    activations a = activations_new(&c, B, T);
    int *tokens = malloc((size_t)a.N * sizeof *tokens), *targets = malloc((size_t)a.N * sizeof *targets);

    printf("%zu weights, %lld tokens to learn from, %lld to test on; %lld steps of %d tokens are %.1f times through the text\n", w.n,
           (long long)train.n, (long long)val.n, (long long)steps, a.N, (double)(steps * a.N) / (double)train.n);
    double nats_floor = floor_bits * log(2.0) * (double)val.bytes / (double)val.n;
    printf("loss to expect: %.2f knowing nothing, %.2f knowing which tokens are frequent, %.2f at the floor of these stories\n\n",
           log((double)c.vocab_size), unigram_loss(&train, c.vocab_size), nats_floor);

    double loss = 0, began = now(), since = began;
    int64_t first = step;
    int reported = 0;
    while (step < steps) {
        load_batch(tokens, targets, &l, step);
        clear(g.data, g.n);
        forward(&a, &w, &c, tokens);
        loss += backward(&g, &a, &w, &c, tokens, targets), reported++;
        double norm = clip_gradients(&g, clip), lr = learning_rate(++step, steps, warmup < steps ? warmup : 1, peak, low);
        adamw_step(&w, &g, &o, list, n_tensors, lr, step);

        int last = step == steps || step == stop;
        if (step % report_every == 0 || step == 1 || last) {
            double time = now(), left = (time - began) / (double)(step - first) * (double)(steps - step);
            printf("step %4lld   loss %6.4f   lr %.1e   |gradient| %6.3f   %5.0f tokens/s   %d:%02d left\n", (long long)step,
                   loss / reported, lr, norm, reported * a.N / (time - since), (int)left / 60, (int)left % 60);
            fflush(stdout);
            loss = 0, reported = 0, since = time;
        }
        if (step % look_every == 0 || last) {
            double nats = evaluate(&a, &w, &c, &val), bits = nats / log(2.0) / (double)val.bytes;
            printf("      test loss %.4f, %.4f bits per byte = %.2f x the floor\n", nats / (double)(val.n - 1), bits, bits / floor_bits);
            talk(&w, &c, &t, "Once upon a time", (uint64_t)step);
            talk(&w, &c, &t, "从前", (uint64_t)step);
            save_model(out, &c, &w, &t, step);
            save_tensors(state_path, &c, (const char *const[]){"m.", "v."}, (real *const[]){o.m, o.v}, 2, step);
            printf("      saved in %s/\n", out);
            since = now();
            if (last) break;
        }
    }
    if (step == steps)
        printf("\nDone. generate.c lets it talk: ./generate %s \"Once upon a time\"    or: foundry generate %s --prompt \"从前\"\n", out,
               out);
    free(text), free(list), free(tokens), free(targets), free(o.m), free(o.v);
    free_stream(&train), free_stream(&val), loader_free(&l), tokenizer_free(&t);
    weights_free(&w), weights_free(&g), activations_free(&a, &c);
    return 0;
}
#endif
