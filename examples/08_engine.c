/* 08_engine.c - one engine, many requests: prompts that run side by side, each to its own end, with how likely its words were.
 *
 *   cc examples/08_engine.c $(pkg-config --cflags --libs foundry) -o engine && ./engine basic/run "Once upon a time" "There was" "Long ago"
 */
#include <foundry/foundry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct story {
    char text[4096];
    double logprob; /* of all its tokens */
} story;
static lf_model *model;

/* Each token of each request comes here as soon as it is drawn. */
static int on_token(void *user, const lf_answer *a)
{
    story *s = user;
    snprintf(s->text + strlen(s->text), sizeof s->text - strlen(s->text), "%.*s", (int)a->text_bytes, a->text);
    if (a->token >= 0) s->logprob += lf_logprobs(NULL, 0, a->logits, (int)lf_model_config_of(model)->vocab_size, a->token);
    if (a->finish)
        printf("request %lld: %s\n  (%d tokens, ended by %s, %d tokens found again, log-probability %.2f)\n", (long long)a->request,
               s->text, a->index + 1, lf_finish_name(a->finish), a->cached_tokens, s->logprob);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3) return fprintf(stderr, "usage: engine MODEL PROMPT ...\n"), 2;
    lf_error err = {0};
    lf_sample_config sampling = {.max_tokens = 100, .temperature = 0.8, .top_p = 0.95, .repetition_penalty = 1};
    char dir[4096];
    int32_t ends[LF_ENDS];
    lf_device *device = lf_device_open(NULL, &err);
    lf_tokenizer *tokenizer = NULL;
    lf_engine *engine = NULL;
    story *stories = calloc((size_t)argc, sizeof *stories);
    int failed = !device || !stories || lf_checkpoint_find(dir, sizeof dir, argv[1], "last", &err) ||
                 !(model = lf_model_open(device, dir, NULL, &err)) || !(tokenizer = lf_tokenizer_load(dir, &err)) ||
                 !(engine = lf_engine_new(model, NULL, &err));
    for (int i = 2; i < argc && !failed; i++) {
        int32_t *tokens = NULL;
        lf_request request = {.sampling = &sampling, .tokenizer = tokenizer, .ends = ends, .on_token = on_token, .user = &stories[i]};
        request.n_tokens = lf_prompt_tokens(&tokens, model, tokenizer, argv[i], strlen(argv[i]), &err);
        request.stops = (const char *const[]){"\n\n"}, request.n_stops = 1;
        request.tokens = tokens, request.n_ids = lf_tokenizer_size(tokenizer), request.n_ends = lf_answer_ends(ends, model, tokenizer);
        snprintf(stories[i].text, sizeof stories[i].text, "%s", argv[i]);
        failed = request.n_tokens < 0 || lf_engine_submit(engine, &request, &err) < 0;
        free(tokens);
    }
    failed = failed || lf_engine_run(engine, &err);
    if (err.code) fprintf(stderr, "%s\n%s\n", err.message, err.hint);
    lf_engine_free(&engine);
    lf_tokenizer_free(&tokenizer);
    lf_model_free(&model);
    lf_device_close(&device);
    free(stories);
    return failed ? lf_code_exit(err.code) : 0;
}
