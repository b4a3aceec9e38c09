/* 01_basic_training.c - from nothing to a trained model, in one C program: stories, a vocabulary, shards, a run.
 *
 *   cc examples/01_basic_training.c $(pkg-config --cflags --libs foundry) -o basic-training && ./basic-training basic 300
 *
 * Everything lies below the folder that is named; the run is basic/run, a folder that `foundry generate` opens. */
#include <foundry/foundry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void on_start(const lf_train_start *s, void *user)
{
    (void)user;
    printf("%lld parameters, %s, %d threads, %.1f MB in all\n", (long long)s->parameters, s->isa, s->threads, (double)s->arena_bytes / 1e6);
}

static void on_step(const lf_train_metrics *m, void *user)
{
    (void)user;
    if (m->step % 50 == 0) printf("step %4lld  loss %.3f  %.0f tokens/s\n", (long long)m->step, m->loss, m->tokens_per_second);
}

static void on_eval(const lf_train_metrics *m, void *user)
{
    (void)user;
    printf("step %4lld  %.4f bits per byte on stories it has not seen; nobody can be below %.4f\n", (long long)m->step, m->val_bpb,
           m->val_floor_bpb);
}

/* Stories in both languages, 1,024 tokens learned from them, and shards of those tokens, a fiftieth of the stories kept to test on. */
static int make_data(const char *folder, char *shards, size_t size, lf_error *err)
{
    char text[1024];
    const char *path = text;
    lf_split_info train, val;
    lf_synth_report report;
    mkdir(folder, 0777); /* may be there already */
    snprintf(text, sizeof text, "%s/stories.txt", folder);
    snprintf(shards, size, "%s/shards", folder);
    if (lf_synth_write(text, &(lf_synth_options){.lang = "mix", .bytes = 2000000, .seed = 1}, &report, err)) return -1;
    lf_tokenizer *tokenizer = lf_tokenizer_train(&path, 1, &(lf_tokenizer_train_options){.vocab_size = 1024}, err);
    int failed = !tokenizer || lf_prepare(shards, &path, 1, tokenizer, &(lf_prepare_options){.val_fraction = 0.02}, &train, &val, err);
    lf_tokenizer_free(&tokenizer);
    if (!failed) printf("%.1f MB of stories, %llu tokens\n", (double)report.bytes / 1e6, (unsigned long long)(train.tokens + val.tokens));
    return failed;
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "basic";
    lf_error err = {0};
    lf_config c; /* about 20 kB: everything a run can be told, with a default for each */
    lf_config_init(&c);
    c.model.hidden_size = 96;
    c.model.intermediate_size = 192;
    c.model.num_hidden_layers = 2;
    c.model.num_attention_heads = 3;
    c.model.max_position_embeddings = 256;
    c.model.initializer_range = 0.06;
    c.model.tie_word_embeddings = true;
    c.data.document_mask = true;
    c.train.steps = argc > 2 ? atoll(argv[2]) : 300;
    c.train.batch_tokens = 1024;
    c.train.lr = 4e-3;
    c.train.min_lr = 1e-4;
    c.train.warmup_steps = 20;
    c.train.eval_every = 100;
    c.train.checkpoint_every = 100;
    snprintf(c.run.dir, sizeof c.run.dir, "%s/run", folder);

    lf_train_hooks hooks = {.on_start = on_start, .on_step = on_step, .on_eval = on_eval};
    lf_device *device = lf_device_open(NULL, &err); /* all cores, the best kernels of this machine */
    if (device && make_data(folder, c.data.train, sizeof c.data.train, &err) == 0 && lf_config_check(&c, &err) == 0)
        lf_train_run(device, &c, &hooks, &err);
    if (err.code) fprintf(stderr, "%s\n%s\n", err.message, err.hint);
    lf_device_close(&device);
    return lf_code_exit(err.code);
}
