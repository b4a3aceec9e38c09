/* 03_generation_sampling.c - what sampling does: the same model and prompt under several settings, and the sampler by itself.
 *
 *   cc examples/03_generation_sampling.c $(pkg-config --cflags --libs foundry) -o sampling && ./sampling basic/run "Once upon a time"
 *
 * The folder is a run, one of its checkpoints, or any model folder that foundry opens. */
#include <foundry/foundry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_text(const char *text, size_t n, void *user) { return fwrite(text, 1, n, user) == n ? 0 : 1; }

/* The candidates for the token after the prompt that a setting leaves, the likeliest first, at most five. */
static int show_candidates(lf_model *model, const lf_tokenizer *t, const char *prompt, const lf_sample_config *s, lf_error *err)
{
    int size = lf_tokenizer_size(t), vocab = (int)lf_model_config_of(model)->vocab_size;
    int32_t *tokens, *ids = malloc((size_t)size * sizeof *ids);
    double *p = malloc((size_t)size * sizeof *p);
    int n = lf_prompt_tokens(&tokens, model, t, prompt, strlen(prompt), err);
    float *logits = n > 0 ? malloc((size_t)n * (size_t)vocab * sizeof *logits) : NULL;
    lf_sampler *sampler = logits ? lf_sampler_new(s, size, err) : NULL;
    int failed = !sampler || lf_model_logits(model, logits, tokens, n, 0, err);
    if (!failed) {
        for (int i = 0; i < n; i++) lf_sampler_accept(sampler, tokens[i], true);
        int left = lf_sampler_distribution(sampler, logits + (size_t)(n - 1) * (size_t)vocab, ids, p);
        printf("  %d left:", left);
        for (int shown = 0; shown < 5 && shown < left; shown++) {
            int best = 0;
            for (int i = 1; i < left; i++) best = p[i] > p[best] ? i : best;
            size_t length;
            const char *text = lf_tokenizer_token(t, ids[best], &length, NULL);
            printf("  \"%.*s\" %.3f", (int)length, text, p[best]);
            p[best] = -1;
        }
        printf("\n");
    }
    lf_sampler_free(&sampler);
    free(tokens), free(ids), free(p), free(logits);
    return failed;
}

int main(int argc, char **argv)
{
    if (argc < 3) return fprintf(stderr, "usage: sampling FOLDER PROMPT\n"), 2;
    const char *prompt = argv[2];
    char dir[4096];
    lf_error err = {0};
    lf_config defaults;
    lf_config_init(&defaults);
    const struct {
        const char *name;
        double temperature, top_p, min_p, repetition_penalty;
        int64_t top_k;
    } settings[] = {{"greedy", 0, 1, 0, 1, 0},
                    {"careful: temperature 0.5", 0.5, 1, 0, 1, 0},
                    {"usual: temperature 0.8, top_k 40, top_p 0.95", 0.8, 0.95, 0, 1, 40},
                    {"daring: temperature 1.3, min_p 0.05", 1.3, 1, 0.05, 1, 0},
                    {"no repeating: repetition_penalty 1.3", 0.8, 0.95, 0, 1.3, 40}};
    lf_device *device = lf_device_open(NULL, &err);
    lf_model *model = NULL;
    lf_tokenizer *tokenizer = NULL;
    int failed = !device || lf_checkpoint_find(dir, sizeof dir, argv[1], "last", &err) || !(model = lf_model_load(device, dir, &err)) ||
                 !(tokenizer = lf_tokenizer_load(dir, &err));
    for (size_t i = 0; !failed && i < sizeof settings / sizeof *settings; i++) {
        lf_sample_config s = defaults.sampler;
        s.temperature = settings[i].temperature, s.top_k = settings[i].top_k, s.top_p = settings[i].top_p;
        s.min_p = settings[i].min_p, s.repetition_penalty = settings[i].repetition_penalty;
        s.max_tokens = 60, s.seed = 7;
        lf_generate_stats stats;
        printf("\n%s\n", settings[i].name);
        failed = show_candidates(model, tokenizer, prompt, &s, &err);
        printf("  %s", prompt);
        failed = failed || lf_generate(model, tokenizer, prompt, strlen(prompt), &s, print_text, stdout, &stats, &err);
        if (!failed) printf("\n  (%d tokens, %.0f a second)\n", (int)stats.tokens, (double)stats.tokens / stats.decode_seconds);
    }
    if (err.code) fprintf(stderr, "%s\n%s\n", err.message, err.hint);
    lf_tokenizer_free(&tokenizer);
    lf_model_free(&model);
    lf_device_close(&device);
    return lf_code_exit(err.code);
}
