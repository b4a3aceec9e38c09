/* test_config.c - configurations from files, presets and Hugging Face; the rules between keys; what is written reads back the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "foundry/config.h"

static char dir[] = "/tmp/lf-config-XXXXXX";
static lf_config a, b;

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    lf_log_set_sink(NULL, NULL);
    return lf__remove_tree(dir, NULL);
}

static const char *put(const char *name, const char *text)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(lf__write_file(path, text, strlen(text), NULL), 0);
    return path;
}

static void same(const lf_config *x, const lf_config *y)
{
    lf_option_info info;
    char v[LF_CONFIG_PATH_MAX], w[LF_CONFIG_PATH_MAX];
    for (size_t row = 0; lf_config_option(row, &info); row++)
        if (strcmp(lf_config_value(x, row, v, sizeof v), lf_config_value(y, row, w, sizeof w))) fail_msg("%s: %s and %s", info.key, v, w);
}

static void table_is_sound(void **state)
{
    (void)state;
    lf_option_info info, other;
    size_t rows = 0;
    lf_config_init(&a);
    for (; lf_config_option(rows, &info); rows++) {
        char value[LF_CONFIG_PATH_MAX];
        lf_error err = {0};
        if (!info.help[0] || !info.help_zh[0] || !info.range[0]) fail_msg("%s: without help in both languages", info.key);
        for (size_t i = 0; i < rows; i++) assert_true(lf_config_option(i, &other) && strcmp(other.key, info.key) != 0);
        if (lf_config_set(&a, info.key, info.fallback, "test", &err)) fail_msg("default of %s: %s", info.key, err.message);
        lf_config_value(&a, rows, value, sizeof value);
        if (lf_config_set(&a, info.key, value, "test", &err)) fail_msg("%s does not read back: %s", info.key, err.message);
        assert_string_equal(lf_config_origin(&a, rows), "test");
    }
    assert_true(rows > 50);
    assert_false(lf_config_option(rows, &info));
    lf_config_init(&a);
    assert_int_equal(lf_config_check(&a, NULL), 0);
}

static void files(void **state)
{
    (void)state;
    lf_error err = {0};
    lf_config_init(&a);
    const char *path =
        put("my-run.yaml", "model:\n  hidden_size: 64\ntrain:\n  lr: 3e-4\n  steps: 2k\nsampler:\n  prompts: [\"Once upon\", 从前]\n"
                           "threads: 2\nthreads.pin: off\ndata:\n  val:\nrun:\n");
    if (lf_config_load(&a, path, &err)) fail_msg("%s", err.message);
    assert_int_equal(a.model.hidden_size, 64);
    assert_int_equal(a.train.steps, 2000);
    assert_true(a.train.lr == 3e-4);
    assert_int_equal(a.machine.threads, 2);
    assert_string_equal(a.machine.pin, "off");
    assert_string_equal(a.sampler.prompts, "Once upon|从前");
    assert_string_equal(a.name, "my-run");
    lf_option_info info;
    for (size_t row = 0; lf_config_option(row, &info); row++) {
        if (strcmp(info.key, "train.lr") == 0) assert_non_null(strstr(lf_config_origin(&a, row), "my-run.yaml:4"));
        if (strcmp(info.key, "train.beta1") == 0) assert_string_equal(lf_config_origin(&a, row), "default");
    }
    b = a;
    path = put("my.json", "{\"train\": {\"lr\": 1e-3}, \"model\": {\"hidden_size\": 128}}");
    if (lf_config_load(&a, path, &err)) fail_msg("%s", err.message);
    assert_int_equal(a.model.hidden_size, 128);
    assert_int_equal(a.train.steps, 2000); /* values already set stay unless named */
    for (const char *const *p = lf_config_presets(); *p; p++) {
        lf_config_init(&a);
        if (lf_config_load(&a, *p, &err) || lf_config_check(&a, &err)) fail_msg("%s: %s", *p, err.message);
        assert_string_equal(a.name, *p);
    }
    assert_non_null(lf_config_preset_text("char"));
    assert_null(lf_config_preset_text("nope"));
}

static void back_and_forth(void **state)
{
    (void)state;
    lf_error err = {0};
    char path[300];
    snprintf(path, sizeof path, "%s/saved.yaml", dir);
    static const char *const texts[] = {"",
                                        "plain",
                                        "with space",
                                        "quote\"back\\slash",
                                        "# hash",
                                        "- dash",
                                        "null",
                                        "~",
                                        "一二|三",
                                        "a: b",
                                        "line\nbreak\ttab",
                                        "true",
                                        "1e5",
                                        "{x}",
                                        "'",
                                        "..",
                                        " lead",
                                        "trail "};
    for (size_t i = 0; i < LF_COUNT(texts); i++) {
        lf_config_init(&a);
        lf_config_init(&b);
        assert_int_equal(lf_config_set(&a, "sampler.prompts", texts[i], "test", &err), 0);
        assert_int_equal(lf_config_set(&a, "data.train", texts[i], "test", &err), 0);
        assert_int_equal(lf_config_set(&a, "train.lr", "0.00123", "test", &err), 0);
        if (lf_config_save(&a, path, i % 2 ? "zh" : "en", &err) || lf_config_load(&b, path, &err))
            fail_msg("%s: %s", texts[i], err.message);
        same(&a, &b);
    }
    assert_null(lf_config_fixed_difference(&a, &b));
    lf_config_set(&b, "train.steps", "77", "test", NULL);
    lf_config_set(&b, "threads", "3", "test", NULL);
    assert_null(lf_config_fixed_difference(&a, &b)); /* free to change on resume */
    lf_config_set(&b, "train.lr", "0.5", "test", NULL);
    assert_string_equal(lf_config_fixed_difference(&a, &b), "train.lr");
    char *text = lf_config_text(&b, "en", true, &err);
    assert_non_null(strstr(text, "# test"));
    free(text);
}

/* A file of ours -> its refusal (when loading or when checking). */
static const struct {
    const char *text, *message, *hint;
} wrong[] = {
    {"train:\n  stepz: 5\n", "w.yaml:2: there is no option \"train.stepz\"", "train.steps"},
    {"trian:\n  steps: 5\n", "w.yaml:2: there is no option \"trian.steps\"", "train.steps"},
    {"train:\n  lr: fast\n", "w.yaml:2: train.lr: expected a number from 0 to 10, got \"fast\"", NULL},
    {"train:\n  steps: -1\n", "w.yaml:2: train.steps", NULL},
    {"train:\n  steps: 1000000000000000000000000000000\n", "w.yaml:2: train.steps", NULL},
    {"train:\n  steps: [1, 2]\n", "w.yaml:2: train.steps: expected 1 to 1,000,000,000, got a list", NULL},
    {"train:\n  lr: {max: 1}\n", "w.yaml:2: train.lr: expected 0 to 10, got a mapping", NULL},
    {"train: [1, 2]\n", "w.yaml:1: train is a section: expected indented \"key: value\" lines below it, got a list", NULL},
    {"train:\n- lr: 1\n", "w.yaml:2: train is a section: expected indented \"key: value\" lines below it, got a list", NULL},
    {"sampler:\n  prompts: [[a]]\n", "w.yaml:2: sampler.prompts: expected text, got a list", NULL},
    {"threads.pn: on\n", "w.yaml:1: there is no option \"threads.pn\"", "threads.pin"},
    {"train: 5\n", "w.yaml:1: train is a section", NULL},
    {"train:\n  steps:\n", "w.yaml:2: train.steps has no value", NULL},
    {"train:\n  steps: 5\n  steps: 6\n", "w.yaml:3: train.steps: this key stands twice", NULL},
    {"", "no options", "config init"},
    {"threads: 0\n", "w.yaml:1: threads: expected a whole number from 1 to 256", NULL},
    {"model:\n  model_type: mamba\n", "expected one of llama|gpt2", NULL},
    {"model:\n  hidden_size: 250\n", "model.hidden_size = 250 (", "--model.hidden_size 240"},
    {"model:\n  hidden_size: 100\n  num_attention_heads: 3\n", "multiple of the number of heads", "--model.hidden_size 96"},
    {"model:\n  hidden_size: 100\n  num_attention_heads: 3\n  alibi: true\n", "multiple of the number of heads", "--model.hidden_size 99"},
    {"model:\n  hidden_size: 2\n  num_attention_heads: 3\n", "multiple of the number of heads", "--model.hidden_size 6"},
    {"model:\n  num_key_value_heads: 3\n", "model.num_key_value_heads = 3 (", NULL},
    {"model:\n  num_key_value_heads: 16\n", "model.num_key_value_heads = 16 (", NULL},
    {"model:\n  head_dim: 31\n", "must be even", "--model.head_dim 30"},
    {"model:\n  head_dim: 1\n", "must be even", "--model.head_dim 2"},
    {"model:\n  hidden_size: 24\n", "even width", "--model.hidden_size 16"},
    {"model:\n  vocab_size: 10\n  eos_token_id: 10\n", "below the vocabulary", NULL},
    {"train:\n  optimizer: adam\n", "w.yaml:2: train.optimizer: expected one of adamw|muon|lion|sgd", "adamw"},
    {"train:\n  schedule: cosin\n", "w.yaml:2: train.schedule: expected one of cosine|linear|constant|wsd", "cosine"},
    {"train:\n  beta2: 1\n", "w.yaml:2: train.beta2: expected a number from 0 to 0.9999999, got \"1\"", NULL},
    {"train:\n  weight_decay: .nan\n", "w.yaml:2: train.weight_decay: expected a number from 0 to 10", NULL},
    {"train:\n  momentum: -0.9\n", "w.yaml:2: train.momentum", NULL},
    {"train:\n  muon_lr: nan\n", "w.yaml:2: train.muon_lr", NULL},
    {"train:\n  ema_decay: 1\n", "w.yaml:2: train.ema_decay", NULL},
    {"train:\n  skip_zscore: -inf\n", "w.yaml:2: train.skip_zscore", NULL},
    {"train:\n  decay_fraction: 1.5\n", "w.yaml:2: train.decay_fraction", NULL},
    {"train:\n  min_lr: 0.1\n", "train.min_lr = 0.1 (", NULL},
    {"train:\n  batch_tokens: 100\n", "train.batch_tokens = 100 (", "--train.batch_tokens 256"},
    {"train:\n  seq_len: 512\n", "train.seq_len = 512 (", NULL},
    {"train:\n  micro_batch_tokens: 100\n", "train.micro_batch_tokens", NULL},
    {"train:\n  micro_batch_tokens: 768\n", "must divide the batch", NULL},
    {"train:\n  micro_batch_tokens: 8192\n", "must not exceed the batch", NULL},
    {"sampler:\n  order: top_k,topp\n", "\"topp\" is no stage", "did you mean top_p"},
    {"sampler:\n  order: top_k,top_k\n", "stands twice", NULL},
};

static void refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < LF_COUNT(wrong); i++) {
        lf_error err = {0};
        lf_config_init(&a);
        b = a;
        int loaded = lf_config_load(&a, put("w.yaml", wrong[i].text), &err);
        if (loaded) assert_memory_equal(&a, &b, sizeof a); /* nothing half-read is left behind */
        if (loaded == 0 && lf_config_check(&a, &err) == 0) fail_msg("accepted: %s", wrong[i].text);
        if (!strstr(err.message, wrong[i].message)) fail_msg("got \"%s\", expected \"%s\"", err.message, wrong[i].message);
        if (wrong[i].hint && !strstr(err.hint, wrong[i].hint))
            fail_msg("%s: hint \"%s\", expected \"%s\"", err.message, err.hint, wrong[i].hint);
        assert_int_equal(lf_code_exit(err.code), 1);
    }
    for (size_t i = 0; i < LF_COUNT(wrong); i++) { /* a hint that names a width is taken */
        lf_error err = {0};
        char key[64], value[32];
        lf_config_init(&a);
        if (lf_config_load(&a, put("w.yaml", wrong[i].text), NULL) || !lf_config_check(&a, &err)) continue;
        if (sscanf(err.hint, "--%63[a-z_.] %31s", key, value) != 2) continue;
        assert_int_equal(lf_config_set(&a, key, value, "hint", NULL), 0);
        lf_error_reset(&err);
        if (lf_config_check(&a, &err)) fail_msg("--%s %s, the hint, is refused: %s", key, value, err.message);
    }
    lf_error err = {0};
    assert_int_equal(lf_config_load(&a, "stories-4m", &err), -1);
    assert_non_null(strstr(err.hint, "stories-3m"));
    lf_error_reset(&err);
    assert_int_equal(lf_config_load(&a, dir, &err), -1);
    assert_non_null(strstr(err.message, "a folder"));
}

static char warning[1024];
static void keep_warning(lf_log_level level, const char *text, void *user)
{
    (void)user;
    if (level == LF_LOG_WARNING) snprintf(warning, sizeof warning, "%s", text);
}

#define HF(more)                                                                                                                           \
    "{\n\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", \"vocab_size\": 256, \"hidden_size\": 64,\n"                 \
    "\"intermediate_size\": 96, \"num_hidden_layers\": 2, \"num_attention_heads\": 4" more "\n}"

#define OTHER(type, more)                                                                                                                  \
    "{\"model_type\": \"" type "\", \"vocab_size\": 256, \"hidden_size\": 64, \"intermediate_size\": 96, \"num_hidden_layers\": 2, \n"     \
    "\"num_attention_heads\": 4" more "}"

static void hugging_face(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
    } no[] = {{HF(", \"qkv_bias\": true"), "qkv_bias: expected false, got \"true\""},
              {HF(", \"attention_bias\": \"some\""), "attention_bias"},
              {HF(", \"hidden_act\": \"gelu\""), "hidden_act: expected one of silu"},
              {HF(", \"partial_rotary_factor\": 0.5"), "partial_rotary_factor: expected 1"},
              {HF(", \"attn_logit_softcapping\": 50.0"), "attn_logit_softcapping: expected null or nothing"},
              {OTHER("smollm3", ", \"no_rope_layers\": [0, 1]"), "no_rope_layers: layers without positions"},
              {OTHER("smollm3", ", \"sliding_window\": 9, \"use_sliding_window\": true"), "sliding_window"},
              {OTHER("gemma2", ", \"layer_types\": [\"full_attention\", \"chunked_attention\"]"), "layer_types"},
              {HF(", \"alibi\": true"), "alibi: expected nothing, got \"true\": a model of type llama does not have it"},
              {OTHER("gpt2", ", \"scale_attn_weights\": false"), "scale_attn_weights: expected true"},
              {HF(", \"rope_scaling\": {\"type\": \"linear\"}"), "\"factor\" is missing"},
              {HF(", \"rope_scaling\": {\"type\": \"linear\", \"factor\": 0.5}"), "factor: expected a number from 1"},
              {HF(", \"rope_parameters\": {\"rope_type\": \"mrope\", \"mrope_section\": [1]}"), "rope_type: expected one of default"},
              {HF(", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 2, \"bend\": 3}"), "rope_scaling.bend: this key"},
              {HF(", \"rope_scaling\": {\"type\": \"longrope\", \"short_factor\": [1, \"x\"], \"long_factor\": [1]}"), "short_factor"},
              {HF(", \"lm_head_bias\": true"), "a head with a bias"},
              {HF(", \"rope_local_base_freq\": 1e4"), "a model of type llama does not have it"},
              {OTHER("gemma3_text", ", \"use_bidirectional_attention\": true"), "attention to later tokens"},
              {HF(", \"quantization_config\": {\"bits\": 4}"), "quantization_config.bits"},
              {HF(", \"sliding_window\": 9"), "sliding_window"},
              {HF(", \"num_key_value_heads\": 0.5"), "num_key_value_heads"},
              {HF(", \"num_key_value_heads\": \"many\""), "num_key_value_heads"},
              {HF(", \"hidden_size\": 64"), "stands twice"},
              {"{\"model_type\": \"llama\", \"vocab_size\": 256, \"hidden_size\": 64}", "\"intermediate_size\" is missing"},
              {"{\"model_type\": \"mamba\", \"hidden_size\": 64}", "expected one of llama, mistral, qwen2, qwen3"},
              {"{\"hidden_size\": 64}", "no \"model_type\""},
              {"{\"model_type\": \"llama\", \"hidden_size\": 64", "not valid"}};
    lf_error err = {0};
    lf_log_set_sink(keep_warning, NULL);
    for (size_t i = 0; i < LF_COUNT(no); i++) {
        lf_error_reset(&err);
        lf_config_init(&a);
        if (lf_config_load(&a, put("config.json", no[i].text), &err) == 0) fail_msg("accepted: %s", no[i].text);
        if (!strstr(err.message, no[i].reason)) fail_msg("got \"%s\", expected \"%s\"", err.message, no[i].reason);
    }
    lf_error_reset(&err);
    lf_config_init(&a);
    a.model.num_key_value_heads = 2; /* an absent key takes their default, not what was there */
    warning[0] = '\0';
    if (lf_config_load(&a, put("config.json", HF(", \"torch_dtype\": \"bfloat16\", \"eos_token_id\": [7, 8], \"bos_token_id\": null")),
                       &err))
        fail_msg("%s", err.message);
    assert_int_equal(a.model.num_key_value_heads, 0);
    assert_int_equal(a.model.eos_token_id, 7);
    assert_int_equal(a.model.bos_token_id, -1);
    assert_true(a.model.rms_norm_eps == 1e-6 && !a.model.tie_word_embeddings);
    assert_string_equal(warning, "");
    assert_int_equal(lf_config_load(&a, put("config.json", HF(", \"shiny\": 1, \"rope_parameters\": {\"rope_theta\": 5e4}")), &err), 0);
    assert_true(a.model.rope_theta == 5e4);
    assert_non_null(strstr(warning, "1 key is not known here and ignored: shiny"));

    /* One entry a layer becomes a rule; what the type means stands where the file says nothing. */
    static const struct {
        const char *text;
        int64_t window, pattern, below, no_rope;
    } lists[] = {{OTHER("gemma2", ", \"layer_types\": [\"sliding_attention\", \"full_attention\"]"), 4096, 2, 0, 0},
                 {OTHER("gemma2", ", \"sliding_window\": null"), 0, 0, 0, 0},
                 {OTHER("qwen3", ", \"use_sliding_window\": true, \"sliding_window\": 9, \"layer_types\": [\"full_attention\", "
                                 "\"sliding_attention\"]"),
                  9, 0, 1, 0},
                 {OTHER("qwen2", ", \"use_sliding_window\": false, \"sliding_window\": 9"), 0, 0, 0, 0},
                 {OTHER("mistral", ""), 4096, 0, 0, 0},
                 {OTHER("smollm3", ", \"no_rope_layers\": [1, 0]"), 0, 0, 0, 2},
                 {OTHER("smollm3", ""), 0, 0, 0, 4}};
    for (size_t i = 0; i < LF_COUNT(lists); i++) {
        lf_config_init(&a);
        if (lf_config_load(&a, put("config.json", lists[i].text), &err)) fail_msg("%s", err.message);
        const lf_model_config *m = &a.model;
        if (m->sliding_window != lists[i].window || m->sliding_window_pattern != lists[i].pattern ||
            m->max_window_layers != lists[i].below || m->no_rope_layer_interval != lists[i].no_rope)
            fail_msg("%s: %d %d %d %d", lists[i].text, (int)m->sliding_window, (int)m->sliding_window_pattern, (int)m->max_window_layers,
                     (int)m->no_rope_layer_interval);
    }

    /* Stretched positions in both spellings; a plain table may lie beside numbers that mean nothing. */
    static const struct {
        const char *text, *type;
        double factor, theta, local;
    } ropes[] = {{HF(", \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}"), "linear", 2, 1e4, 0},
                 {HF(", \"rope_parameters\": {\"rope_type\": \"dynamic\", \"factor\": 3, \"rope_theta\": 5e4}"), "dynamic", 3, 5e4, 0},
                 {HF(", \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}, \"rope_parameters\": {\"rope_type\": \"default\"}"),
                  "linear", 2, 1e4, 0},
                 {HF(", \"rope_scaling\": {\"rope_type\": \"default\", \"factor\": 7}"), "default", 1, 1e4, 0},
                 {HF(", \"rope_scaling\": {\"rope_type\": \"yarn\", \"original_max_position_embeddings\": 512}"), "yarn", 4, 1e4, 0},
                 {OTHER("gemma3_text", ", \"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 8}, \"rope_theta\": 2e6"), "linear", 8,
                  2e6, 1e4},
                 {OTHER("gemma3_text",
                        ", \"rope_parameters\": {\"full_attention\": {\"rope_type\": \"linear\", \"factor\": 8, \"rope_theta\": 3e6}, "
                        "\"sliding_attention\": {\"rope_type\": \"default\", \"rope_theta\": 7}}"),
                  "linear", 8, 3e6, 7},
                 {OTHER("phi3", ", \"rope_scaling\": {\"type\": \"su\", \"short_factor\": [1, 1.1, 1, 1, 1, 1, 1, 1], \"long_factor\": "
                                "[2, 2, 2, 2, 2, 2, 2, 2]}"),
                  "longrope", 1, 1e4, 0}};
    for (size_t i = 0; i < LF_COUNT(ropes); i++) {
        lf_config_init(&a);
        if (lf_config_load(&a, put("config.json", ropes[i].text), &err)) fail_msg("%s", err.message);
        assert_string_equal(a.model.rope_scaling.rope_type, ropes[i].type);
        assert_true(a.model.rope_scaling.factor == ropes[i].factor && a.model.rope_theta == ropes[i].theta);
        assert_true(a.model.rope_local_base_freq == ropes[i].local);
    }
    assert_string_equal(a.model.rope_scaling.short_factor, "1|1.1|1|1|1|1|1|1");

    /* Files as their makers publish them pass without a word. */
    static const char *const published[] = {
        "{\"architectures\": [\"LlamaForCausalLM\"], \"attention_bias\": false, \"attention_dropout\": 0.0, \"bos_token_id\": 128000, "
        "\"eos_token_id\": [128001, 128008, 128009], \"hidden_act\": \"silu\", \"hidden_size\": 4096, \"initializer_range\": 0.02, "
        "\"intermediate_size\": 14336, \"max_position_embeddings\": 131072, \"mlp_bias\": false, \"model_type\": \"llama\", "
        "\"num_attention_heads\": 32, \"num_hidden_layers\": 32, \"num_key_value_heads\": 8, \"pretraining_tp\": 1, \"rms_norm_eps\": "
        "1e-05, "
        "\"rope_scaling\": {\"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": "
        "8192, "
        "\"rope_type\": \"llama3\"}, \"rope_theta\": 500000.0, \"tie_word_embeddings\": false, \"torch_dtype\": \"bfloat16\", "
        "\"transformers_version\": \"4.42.3\", \"use_cache\": true, \"vocab_size\": 128256}",
        "{\"architectures\": [\"Qwen2ForCausalLM\"], \"attention_dropout\": 0.0, \"bos_token_id\": 151643, \"eos_token_id\": 151645, "
        "\"hidden_act\": "
        "\"silu\", \"hidden_size\": 896, \"initializer_range\": 0.02, \"intermediate_size\": 4864, \"max_position_embeddings\": 32768, "
        "\"max_window_layers\": 21, \"model_type\": \"qwen2\", \"num_attention_heads\": 14, \"num_hidden_layers\": 24, "
        "\"num_key_value_heads\": 2, "
        "\"rms_norm_eps\": 1e-06, \"rope_theta\": 1000000.0, \"sliding_window\": 32768, \"tie_word_embeddings\": true, \"torch_dtype\": "
        "\"bfloat16\", \"transformers_version\": \"4.43.1\", \"use_cache\": true, \"use_mrope\": false, \"use_sliding_window\": false, "
        "\"vocab_size\": 151936}",
        "{\"architectures\": [\"Gemma3ForCausalLM\"], \"attention_bias\": false, \"attention_dropout\": 0.0, \"attn_logit_softcapping\": "
        "null, "
        "\"bos_token_id\": 2, \"cache_implementation\": \"hybrid\", \"eos_token_id\": [1, 106], \"final_logit_softcapping\": null, "
        "\"head_dim\": 256, "
        "\"hidden_activation\": \"gelu_pytorch_tanh\", \"hidden_size\": 1152, \"initializer_range\": 0.02, \"intermediate_size\": 6912, "
        "\"max_position_embeddings\": 32768, \"model_type\": \"gemma3_text\", \"num_attention_heads\": 4, \"num_hidden_layers\": 26, "
        "\"num_key_value_heads\": 1, \"pad_token_id\": 0, \"query_pre_attn_scalar\": 256, \"rms_norm_eps\": 1e-06, "
        "\"rope_local_base_freq\": 10000, "
        "\"rope_scaling\": null, \"rope_theta\": 1000000, \"sliding_window\": 512, \"sliding_window_pattern\": 6, \"torch_dtype\": "
        "\"bfloat16\", "
        "\"transformers_version\": \"4.50.0.dev0\", \"use_cache\": true, \"vocab_size\": 262144}",
        "{\"architectures\": [\"Phi3ForCausalLM\"], \"attention_bias\": false, \"attention_dropout\": 0.0, \"auto_map\": {\"AutoConfig\": "
        "\"configuration_phi3.Phi3Config\"}, \"bos_token_id\": 199999, \"embd_pdrop\": 0.0, \"eos_token_id\": 199999, \"full_attn_mod\": "
        "1, "
        "\"hidden_act\": \"silu\", \"hidden_size\": 64, \"initializer_range\": 0.02, \"intermediate_size\": 96, \"interpolate_factor\": 1, "
        "\"lm_head_bias\": false, \"max_position_embeddings\": 131072, \"mlp_bias\": false, \"model_type\": \"phi3\", "
        "\"num_attention_heads\": 4, "
        "\"num_hidden_layers\": 2, \"num_key_value_heads\": 2, \"original_max_position_embeddings\": 4096, \"pad_token_id\": 199999, "
        "\"partial_rotary_factor\": 0.75, \"resid_pdrop\": 0.0, \"rms_norm_eps\": 1e-05, \"rope_scaling\": {\"long_factor\": [1, "
        "1.118320672, 1.25, 1.4, "
        "1.5, 3], \"short_factor\": [1, 1, 1, 1, 1, 1.0], \"type\": \"longrope\"}, \"rope_theta\": 10000.0, \"sliding_window\": 262144, "
        "\"tie_word_embeddings\": true, \"torch_dtype\": \"bfloat16\", \"transformers_version\": \"4.45.0\", \"use_cache\": true, "
        "\"vocab_size\": 200064}"};
    for (size_t i = 0; i < LF_COUNT(published); i++) {
        warning[0] = '\0';
        lf_config_init(&a);
        if (lf_config_load(&a, put("config.json", published[i]), &err)) fail_msg("%s", err.message);
        assert_string_equal(warning, "");
    }
    assert_int_equal(a.model.rope_scaling.original_max_position_embeddings, 4096);

    char path[300];
    snprintf(path, sizeof path, "%s/config.json", dir);
    lf_config_init(&a);
    assert_int_equal(lf_config_load(&a, "stories-3m", &err), 0);
    a.model.vocab_size = 4096;
    if (lf_config_save_hf(&a, path, &err)) fail_msg("%s", err.message);
    lf_config_init(&b);
    warning[0] = '\0';
    if (lf_config_load(&b, path, &err)) fail_msg("%s", err.message);
    assert_string_equal(warning, "");
    a.model.head_dim = 32; /* written resolved */
    assert_memory_equal(&a.model, &b.model, sizeof a.model);
}

/* A switch is written as the first type that means it, and read back. */
static void switches(void **state)
{
    (void)state;
    static const struct {
        const char *set[10], *type;
    } rows[] = {
        {{"attention_bias", "true"}, "llama"},
        {{"sliding_window", "9"}, "mistral"},
        {{"sliding_window", "9", "qkv_bias", "true", "max_window_layers", "2"}, "qwen2"},
        {{"sliding_window", "9", "use_qk_norm", "true", "max_window_layers", "2", "sliding_window_pattern", "2"}, "qwen3"},
        {{"use_qk_norm", "true"}, "qwen3"},
        {{"no_rope_layer_interval", "3"}, "smollm3"},
        {{"hidden_act", "relu2", "ungated_mlp", "true"}, "arcee"},
        {{"alibi", "true"}, "foundry"},
        {{"rope_scaling.rope_type", "dynamic", "rope_scaling.factor", "2"}, "llama"},
        {{"rope_scaling.rope_type", "llama3", "rope_scaling.factor", "8", "rope_scaling.original_max_position_embeddings", "64"}, "llama"},
        {{"rope_scaling.rope_type", "yarn", "rope_scaling.factor", "4", "rope_scaling.original_max_position_embeddings", "64",
          "rope_scaling.truncate", "false"},
         "llama"},
        {{"fused_projections", "true", "rope_scaling.rope_type", "longrope", "rope_scaling.short_factor", "1|1|1|1|1|1|1|1|1|1|1|1|1|1|1|1",
          "rope_scaling.long_factor", "2|2|2|2|2|2|2|2|2|2|2|2|2|2|2|1.5", "rope_scaling.original_max_position_embeddings", "64"},
         "phi3"},
        {{"rope_local_base_freq", "500"}, "foundry"},
        {{"partial_rotary_factor", "0.5", "hidden_act", "relu"}, "foundry"},
        {{"sliding_window", "9", "sliding_window_pattern", "2", "attn_logit_softcapping", "20"}, "foundry"},
        {{"model_type", "gpt2", "hidden_act", "gelu_new", "num_key_value_heads", "0", "head_dim", "0"}, "gpt2"}};
    lf_error err = {0};
    char path[300], key[96], want[64];
    snprintf(path, sizeof path, "%s/config.json", dir);
    lf_log_set_sink(keep_warning, NULL);
    for (size_t i = 0; i < LF_COUNT(rows); i++) {
        lf_config_init(&a);
        assert_int_equal(lf_config_load(&a, "stories-3m", &err), 0);
        a.model.vocab_size = 4096, a.model.num_hidden_layers = 6;
        for (int j = 0; j < 10 && rows[i].set[j]; j += 2) {
            snprintf(key, sizeof key, "model.%s", rows[i].set[j]);
            if (lf_config_set(&a, key, rows[i].set[j + 1], "test", &err)) fail_msg("%s", err.message);
        }
        if (lf_config_check(&a, &err) || lf_config_save_hf(&a, path, &err)) fail_msg("%s", err.message);
        lf_buf text;
        lf__buf_init(&text, 1 << 20);
        assert_int_equal(lf__read_file(&text, path, 1 << 20, &err), 0);
        lf__buf_puts(&text, "");
        snprintf(want, sizeof want, "\"model_type\": \"%s\"", rows[i].type);
        if (!strstr(text.data, want)) fail_msg("row %zu: not %s: %s", i, want, text.data);
        lf__buf_release(&text);
        warning[0] = '\0';
        lf_config_init(&b);
        if (lf_config_load(&b, path, &err)) fail_msg("%s", err.message);
        assert_string_equal(warning, "");
        a.model.head_dim = b.model.head_dim, a.model.num_key_value_heads = b.model.num_key_value_heads; /* written resolved */
        const char *key_differs = lf_config_fixed_difference(&a, &b);
        if (key_differs && strncmp(key_differs, "model.", 6) == 0) fail_msg("row %zu: %s differs", i, key_differs);
    }
    lf_config_init(&a);
    lf_config_set(&a, "model.model_type", "gpt2", "test", &err);
    lf_config_set(&a, "model.alibi", "true", "test", &err);
    assert_int_equal(lf_config_check(&a, &err), -1);
    assert_non_null(strstr(err.message, "model.alibi = true (test): is a switch of the llama family, but model.model_type = gpt2"));
}

static void golden(void **state)
{
    (void)state;
    static const char *const variants[] = {"llama",        "llama_tied", "llama_bias", "llama_dynamic", "llama_linear",
                                           "llama_llama3", "llama_yarn", "mistral",    "qwen2",         "qwen3",
                                           "gemma2",       "gpt2",       "smollm3"};
    if (!lf__path_is_dir(SHARED_DIR "/golden")) {
        print_message("no " SHARED_DIR "/golden: skipped\n");
        skip();
    }
    lf_log_set_sink(keep_warning, NULL);
    for (size_t i = 0; i < LF_COUNT(variants); i++) {
        char path[512];
        lf_error err = {0};
        warning[0] = '\0';
        snprintf(path, sizeof path, SHARED_DIR "/golden/%s/config.json", variants[i]);
        lf_config_init(&a);
        if (lf_config_load(&a, path, &err)) fail_msg("%s", err.message);
        assert_string_equal(warning, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table_is_sound), cmocka_unit_test(files),        cmocka_unit_test(back_and_forth),
                                       cmocka_unit_test(refusals),       cmocka_unit_test(hugging_face), cmocka_unit_test(golden),
                                       cmocka_unit_test(switches)};
    return cmocka_run_group_tests_name("config", tests, set_up, tear_down);
}
