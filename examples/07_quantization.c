/* 07_quantization.c - a model with 4 bits a weight, with and without knowing which weights matter, and how far each is from the original.
 *
 *   cc examples/07_quantization.c $(pkg-config --cflags --libs foundry) -o quantization && ./quantization basic/run basic/shards
 */
#include <foundry/foundry.h>
#include <stdio.h>
#include <string.h>

/* Writes model `dir` to out in q4_0, opens what was written and holds it against the original on a text that neither has learned. */
static int measure(const char *dir, const char *out, const lf_imatrix *imatrix, lf_device *device, lf_model *base, const lf_eval_text *text,
                   lf_error *err)
{
    lf_convert_report report;
    lf_divergence d;
    lf_convert_options options = {.format = "gguf", .dtype = "q4_0", .imatrix = imatrix};
    if (lf_model_convert(dir, out, &options, &report, err)) return -1;
    lf_model *model = lf_model_open(device, out, NULL, err);
    int failed = !model || lf_eval_divergence(&d, model, base, text, NULL, err);
    if (!failed)
        printf("%-16s %.2f bits a weight, perplexity %.3f (original %.3f), KL %.5f nats, the same first choice in %.1f %% of places\n", out,
               8.0 * (double)report.bytes / (double)report.weights, d.perplexity, d.base_perplexity, d.kl, 100 * d.top1);
    lf_model_free(&model);
    return failed ? -1 : 0;
}

int main(int argc, char **argv)
{
    if (argc != 3) return fprintf(stderr, "usage: quantization MODEL SHARDS\n"), 2;
    lf_error err = {0};
    char dir[4096];
    lf_device *device = lf_device_open(NULL, &err);
    lf_model *model = NULL;
    lf_tokenizer *tokenizer = NULL;
    lf_eval_text *learned = NULL, *unseen = NULL;
    lf_imatrix *imatrix = NULL;
    int failed = !device || lf_checkpoint_find(dir, sizeof dir, argv[1], "last", &err) || !(tokenizer = lf_tokenizer_load(dir, &err)) ||
                 !(model = lf_model_open(device, dir, NULL, &err));
    if (!failed) {
        const lf_model_config *config = lf_model_config_of(model);
        learned = lf_eval_text_shards(argv[2], "train", tokenizer, config, &err);
        unseen = learned ? lf_eval_text_shards(argv[2], "val", tokenizer, config, &err) : NULL;
        /* Importance is measured on the text of training, never on the one that judges. */
        imatrix = unseen ? lf_imatrix_collect(model, learned, &(lf_imatrix_options){.chunks = 20}, &err) : NULL;
        failed = !imatrix || measure(dir, "plain.gguf", NULL, device, model, unseen, &err) ||
                 measure(dir, "weighed.gguf", imatrix, device, model, unseen, &err);
    }
    if (err.code) fprintf(stderr, "%s\n%s\n", err.message, err.hint);
    lf_imatrix_free(&imatrix);
    lf_eval_text_free(&unseen);
    lf_eval_text_free(&learned);
    lf_model_free(&model);
    lf_tokenizer_free(&tokenizer);
    lf_device_close(&device);
    return failed ? lf_code_exit(err.code) : 0;
}
