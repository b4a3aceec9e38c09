/* peer_logits.c - the logits of token ids, for the scripts beside it: peer_logits MODEL ID... writes [n, vocab] float32 to stdout. */
#include <stdio.h>
#include <stdlib.h>

#include "foundry/foundry.h"

int main(int argc, char **argv)
{
    lf_error err = {0};
    int n = argc - 2;
    if (n < 1) return fprintf(stderr, "usage: %s MODEL ID...\n", argv[0]), 2;
    lf_device *device = lf_device_open(&(lf_device_options){.threads = 1}, &err);
    lf_model *model = device ? lf_model_load(device, argv[1], &err) : NULL;
    if (!model) return fprintf(stderr, "%s\n", err.message), 1;
    size_t vocab = (size_t)lf_model_config_of(model)->vocab_size;
    int32_t *tokens = malloc((size_t)n * sizeof *tokens);
    float *logits = malloc((size_t)n * vocab * sizeof *logits);
    if (!tokens || !logits) return 1;
    for (int i = 0; i < n; i++) tokens[i] = (int32_t)strtol(argv[2 + i], NULL, 10);
    int status = lf_model_logits(model, logits, tokens, n, 0, &err);
    if (status) fprintf(stderr, "%s\n", err.message);
    if (!status) fwrite(logits, sizeof *logits, (size_t)n * vocab, stdout);
    free(tokens), free(logits);
    lf_model_free(&model);
    lf_device_close(&device);
    return status ? 1 : 0;
}
