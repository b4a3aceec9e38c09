/* test_fuzz_config.c - replays mutations of a preset, a JSON document and a Hugging Face config.json through the fuzz entry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fuzz/fuzz_config.c"
#include "fuzz/mutate.h"

static void mutations(void **state)
{
    (void)state;
    static const char yaml[] =
        "model:\n  hidden_size: 64 # wide\n  tie_word_embeddings: true\ntrain:\n  lr: 3e-4\n  steps: 2k\ndata: {train: 'a b', "
        "val: ~}\nsampler:\n  prompts:\n    - \"Once \\u4e00\"\n    - two\nthreads: 2\nthreads.pin: off\n";
    static const char json[] =
        "{\"model\": {\"hidden_size\": 64}, \"train\": {\"lr\": 1e-3, \"steps\": 100}, \"run\": {\"dir\": \"x\\\"y\"}}";
    static const char hf[] =
        "{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"vocab_size\": 256, \"hidden_size\": 64,\n"
        "\"intermediate_size\": 96, \"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"rope_scaling\": null,\n"
        "\"eos_token_id\": [2, 3], \"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 5e4}}";
    mutate_run(LLVMFuzzerTestOneInput, yaml, sizeof yaml - 1, 3000);
    mutate_run(LLVMFuzzerTestOneInput, json, sizeof json - 1, 2000);
    mutate_run(LLVMFuzzerTestOneInput, hf, sizeof hf - 1, 2000);
}

static void corpus(void **state)
{
    (void)state;
    mutate_corpus(LLVMFuzzerTestOneInput, "fuzz_config");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpus), cmocka_unit_test(mutations)};
    return cmocka_run_group_tests_name("fuzz_config", tests, NULL, NULL);
}
