/* cli_model.c - a model with its tokenizer, the device it runs on, and the text it is measured with: what several commands begin with. */
#include "cli/cli.h"

#include <string.h>

#define TEXT_MAX ((size_t)4 << 30)

/* Another folder or file, the same tokens. */
static int open_draft(cli_model *m, lf_device *device, const char *path, lf_error *err)
{
    char dir[LF_CONFIG_PATH_MAX];
    if (lf_checkpoint_find(dir, sizeof dir, path, "last", err)) return -1;
    lf_tokenizer *own = lf_tokenizer_load(dir, err);
    if (own && !lf_same_tokens(m->tokenizer, own, err)) m->draft = lf_model_open(device, dir, "auto", err);
    lf_tokenizer_free(&own);
    return m->draft ? 0 : -1;
}

int cli_model_open(cli_model *m, lf_device *device, const char *path, const cli_model_options *o, lf_error *err)
{
    lf_open_options how = {.weights = o->weights, .packed = o->packed};
    *m = (cli_model){0};
    if (lf_checkpoint_find(m->dir, sizeof m->dir, path, o->which, err) || !(m->tokenizer = lf_tokenizer_load(m->dir, err)) ||
        !(m->model = lf_model_open_with(device, m->dir, &how, err)))
        return -1;
    return o->draft ? open_draft(m, device, o->draft, err) : 0;
}

lf_speculation cli_speculation(const cli_model_options *o)
{
    return (lf_speculation){.tokens = o->speculate >= 0 ? (int)o->speculate : o->draft ? 8 : 0, .ngram = o->ngram ? (int)o->ngram : -1};
}

void cli_model_close(cli_model *m)
{
    lf_model_free(&m->draft);
    lf_model_free(&m->model);
    lf_tokenizer_free(&m->tokenizer);
}

lf_device *cli_device_of(const lf_config *config, lf_error *err)
{
    const lf_machine_config *m = &config->machine;
    return lf_device_open(&(lf_device_options){.threads = (int)m->threads, .isa = m->isa, .pin = m->pin}, err);
}

lf_device *cli_device_open(const cli_args *args, lf_error *err)
{
    lf_config config;
    lf_config_init(&config);
    return cli_config_apply(&config, args, err) ? NULL : cli_device_of(&config, err);
}

lf_eval_text *cli_eval_text(cli_bytes *kept, const char *path, const char *split, const cli_model *m, lf_error *err)
{
    const lf_model_config *config = lf_model_config_of(m->model);
    if (strcmp(path, "-") != 0 && !lf_data_is_text(path)) return lf_eval_text_shards(path, split, m->tokenizer, config, err);
    if (!kept->data && cli_read(kept, path, TEXT_MAX, err)) return NULL;
    return lf_eval_text_new(kept->data, kept->n, m->tokenizer, config, err);
}
