/* 02_custom_data.c - a model of your own text. Any .txt file or folder of them, no preparation: a character is a token.
 *
 *   cc examples/02_custom_data.c $(pkg-config --cflags --libs foundry) -o custom && ./custom my-text.txt runs/mine 500
 *
 * Looks at the text first, trains the preset "char" on it, and lets the model write. Run it again and it goes on where it was. */
#include <foundry/foundry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_eval(const lf_train_metrics *m, void *user)
{
    (void)user;
    printf("step %lld of %lld: %.3f bits per byte on the part that was kept aside\n", (long long)m->step, (long long)m->steps, m->val_bpb);
}

static int print_text(const char *text, size_t n, void *user) { return fwrite(text, 1, n, user) == n ? 0 : 1; }

/* What is in the file: its size, its characters, and what a byte-level vocabulary would make of it. */
static int look(const char *path, lf_error *err)
{
    char **files;
    int n_files;
    if (lf_data_text_files(&files, &n_files, path, err)) return -1;
    const char *const *inputs = (const char *const *)files;
    lf_tokenizer *chars = lf_tokenizer_train(inputs, n_files, &(lf_tokenizer_train_options){.mode = "char"}, err);
    lf_tokenizer *bpe = lf_tokenizer_train(inputs, n_files, &(lf_tokenizer_train_options){.vocab_size = 512}, err);
    if (chars && bpe)
        printf("%s: %d file%s, %d different characters; as byte pairs %d tokens, the last one learned is", path, n_files,
               n_files == 1 ? "" : "s", lf_tokenizer_size(chars), lf_tokenizer_size(bpe));
    size_t n;
    const char *bytes = chars && bpe ? lf_tokenizer_token(bpe, 255 + lf_tokenizer_merges(bpe), &n, NULL) : NULL;
    if (bytes) printf(" \"%.*s\"\n", (int)n, bytes);
    int failed = !chars || !bpe;
    lf_tokenizer_free(&chars);
    lf_tokenizer_free(&bpe);
    lf_data_text_files_free(&files, n_files);
    return failed;
}

int main(int argc, char **argv)
{
    if (argc < 2) return fprintf(stderr, "usage: custom TEXT [RUN-FOLDER] [STEPS]\n"), 2;
    lf_error err = {0};
    char dir[4096];
    lf_config c;
    lf_config_init(&c);
    lf_device *device = lf_device_open(NULL, &err);
    lf_model *model = NULL;
    lf_tokenizer *tokenizer = NULL;

    /* A preset, then what is different here: by key, as on the command line, or by field. */
    int failed = !device || look(argv[1], &err) || lf_config_load(&c, "char", &err) ||
                 lf_config_set(&c, "data.train", argv[1], "argument", &err) ||
                 lf_config_set(&c, "run.dir", argc > 2 ? argv[2] : "runs/mine", "argument", &err) ||
                 lf_config_set(&c, "train.steps", argc > 3 ? argv[3] : "500", "argument", &err);
    c.train.eval_every = c.train.checkpoint_every = (c.train.steps + 1) / 2;
    c.train.sample_every = 0;
    if (!failed && lf_config_check(&c, &err) == 0 && lf_train_run(device, &c, &(lf_train_hooks){.on_eval = on_eval}, &err) == 0 &&
        lf_checkpoint_find(dir, sizeof dir, c.run.dir, "best", &err) == 0 && (model = lf_model_load(device, dir, &err)) &&
        (tokenizer = lf_tokenizer_load(dir, &err))) {
        printf("\n%s writes:\n", dir);
        lf_generate(model, tokenizer, "\n", 1, &c.sampler, print_text, stdout, NULL, &err);
        printf("\n");
    }
    if (err.code) fprintf(stderr, "%s\n%s\n", err.message, err.hint);
    lf_tokenizer_free(&tokenizer);
    lf_model_free(&model);
    lf_device_close(&device);
    return lf_code_exit(err.code);
}
