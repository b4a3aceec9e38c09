/* The golden models through other formats: to GGUF, loaded from there, and back to a folder: the same weights and the same logits to the
 * last bit in f32; the types of GGUF with their fallbacks; shards. */
#include "golden/golden.h"

#include <unistd.h>

#include "foundry/convert.h"

static char dir[] = "/tmp/lf-formats-XXXXXX";

static const char *const variants[] = {"llama",   "llama_tied", "llama_bias", "llama_linear", "llama_dynamic", "llama_llama3", "llama_yarn",
                                       "mistral", "qwen2",      "qwen3",      "smollm3",      "arcee",         "gemma2",       "gemma3",
                                       "phi3",    "phi3_short", "phi3_long",  "gpt2",         "sinks"};

static const char *at(const char *name)
{
    static char paths[4][LF_PATH_MAX];
    static int turn;
    char *out = paths[turn++ % 4];
    snprintf(out, LF_PATH_MAX, "%s/%s", dir, name);
    lf__remove_tree(out, NULL);
    return out;
}

static void convert(const char *from, const char *to, const char *format, const char *dtype, uint64_t shard_bytes,
                    lf_convert_report *report)
{
    lf_error err = {0};
    lf_convert_options o = {.format = format, .dtype = dtype, .shard_bytes = shard_bytes, .threads = 2};
    if (lf_model_convert(from, to, &o, report, &err)) fail_msg("%s", err.message);
}

/* Logits of a model on the tokens of a golden folder; free() them. */
static float *logits_of(const char *path, const char *golden, size_t *n)
{
    lf_error err = {0};
    char io_path[LF_PATH_MAX];
    lf_device *dev = golden_device("auto", 1);
    lf_model *m = lf_model_load(dev, path, &err);
    if (!m) fail_msg("%s: %s", path, err.message);
    snprintf(io_path, sizeof io_path, GOLDEN "%s/io.safetensors", golden);
    lf_safetensors io = golden_open(io_path);
    int t = (int)lf__safetensors_find(&io, "tokens")->shape[1];
    *n = (size_t)t * (size_t)m->config.vocab_size;
    float *out = calloc(*n, sizeof *out);
    if (lf_model_logits(m, out, golden_get(&io, "tokens", NULL), t, 0, &err)) fail_msg("%s", err.message);
    lf__safetensors_close(&io);
    lf_model_free(&m);
    lf_device_close(&dev);
    return out;
}

static void say(const char *key, const char *a, const char *b, void *user)
{
    (void)user;
    print_message("    %s: %s | %s\n", key, a, b);
}

static void say_tensor(const lf_tensor_diff *d, void *user)
{
    (void)user;
    if (!d->comparable || d->different) print_message("    %s: max %g\n", d->name, d->max_abs);
}

static void quiet(lf_log_level level, const char *text, void *user) { (void)level, (void)text, (void)user; }

static void test_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < LF_COUNT(variants); i++) {
        char golden[LF_PATH_MAX];
        size_t n, n_gguf, n_back;
        lf_error err = {0};
        lf_diff_report diff;
        snprintf(golden, sizeof golden, GOLDEN "%s", variants[i]);
        const char *gguf = at("a.gguf"), *back = at("back");
        convert(golden, gguf, "gguf", "f32", 0, NULL);
        convert(gguf, back, "hf", "f32", 0, NULL);
        float *want = logits_of(golden, variants[i], &n), *have = logits_of(gguf, variants[i], &n_gguf),
              *again = logits_of(back, variants[i], &n_back);
        assert_true(n == n_gguf && n == n_back);
        if (memcmp(want, have, n * sizeof *want) != 0)
            fail_msg("%s: other logits from GGUF: %.3g", variants[i], relative_error(have, want, n));
        if (memcmp(want, again, n * sizeof *want) != 0) fail_msg("%s: other logits after the way back", variants[i]);
        if (lf_model_diff(golden, back, say, say_tensor, NULL, &diff, &err)) fail_msg("%s", err.message);
        bool gemma = strncmp(variants[i], "gemma", 5) == 0; /* 1 + weight is stored: the weight itself is rounded */
        if (diff.options || (!gemma && !diff.equal) || diff.max_abs > 1e-7) fail_msg("%s: not the same after the way back", variants[i]);
        free(want), free(have), free(again);
    }
}

/* One kind of tensor behind the other: q and k with the two of a pair side by side. */
static void write_llama2c_kind(lf_writer *w, const char *kind, const lf_safetensors *st, int layers, int width, int head)
{
    for (int layer = 0; layer < layers; layer++) {
        char name[96];
        size_t n;
        snprintf(name, sizeof name, "model.layers.%d.%s.weight", layer, kind);
        const float *values = golden_get(st, name, &n);
        bool pairs = strstr(name, "q_proj") || strstr(name, "k_proj");
        for (int row = 0; pairs && row < (int)n / width; row++) /* file row (h, 2 i + j) <- row (h, j head/2 + i) */
            lf__writer_add(w, values + (row / head * head + row % 2 * head / 2 + row % head / 2) * width, (size_t)width * 4);
        if (!pairs) lf__writer_add(w, values, n * 4);
    }
}

/* llama2.c's layouts, written here from their definitions: the first one (0) with tables of cos and sin that nobody needs, and version 1.
 */
static void write_llama2c(const char *path, const lf_safetensors *st, const lf_model_config *c, int version)
{
    static const char *const orders[2][9] = {{"input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                                              "self_attn.o_proj", "post_attention_layernorm", "mlp.gate_proj", "mlp.down_proj",
                                              "mlp.up_proj"},
                                             {"input_layernorm", "post_attention_layernorm", "self_attn.q_proj", "self_attn.k_proj",
                                              "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj", "mlp.up_proj"}};
    const uint32_t magic[2] = {0x616b3432, 1};
    static const uint8_t zeros[256];
    lf_error err = {0};
    int layers = (int)c->num_hidden_layers, head = (int)(c->hidden_size / c->num_attention_heads), width = (int)c->hidden_size;
    int32_t header[7] = {width,
                         (int32_t)c->intermediate_size,
                         layers,
                         (int32_t)c->num_attention_heads,
                         (int32_t)c->num_key_value_heads,
                         version ? (int32_t)c->vocab_size : -(int32_t)c->vocab_size,
                         (int32_t)c->max_position_embeddings};
    lf_writer *w = lf__writer_open(path, &err);
    if (version) lf__writer_add(w, magic, sizeof magic);
    lf__writer_add(w, header, sizeof header);
    size_t n, n_embed;
    const float *embed = golden_get(st, "model.embed_tokens.weight", &n_embed), *norm = golden_get(st, "model.norm.weight", &n);
    if (version) lf__writer_add(w, zeros, sizeof zeros - sizeof magic - sizeof header);
    if (!version) lf__writer_add(w, embed, n_embed * 4);
    for (size_t k = 0; k < 9; k++) {
        if (version && k == 2) { /* behind both kinds of norms */
            lf__writer_add(w, norm, n * 4);
            lf__writer_add(w, embed, n_embed * 4);
        }
        write_llama2c_kind(w, orders[version][k], st, layers, width, head);
    }
    if (!version) {
        lf__writer_add(w, norm, n * 4);
        for (int64_t i = 0; i < c->max_position_embeddings * head; i++) lf__writer_add(w, zeros, 4);
    }
    const float *out = golden_get(st, "lm_head.weight", &n);
    lf__writer_add(w, out, n * 4);
    if (lf__writer_commit(&w, &err)) fail_msg("%s", err.message);
}

static void test_llama2c(void **state)
{
    (void)state;
    static lf_model_info info;
    lf_error err = {0};
    size_t n, m;
    lf_safetensors st = golden_open(GOLDEN "llama/model.safetensors");
    const char *bin = at("model.bin"), *out = at("folder");
    if (lf_model_info_read(&info, GOLDEN "llama", NULL, NULL, &err)) fail_msg("%s", err.message);
    float *want = logits_of(GOLDEN "llama", "llama", &n);
    for (int version = 0; version < 2; version++) {
        write_llama2c(bin, &st, &info.config, version);
        convert(bin, out, "hf", NULL, 0, NULL);
        float *have = logits_of(bin, "llama", &m), *again = logits_of(out, "llama", &m);
        assert_memory_equal(want, have, n * sizeof *want);
        assert_memory_equal(want, again, n * sizeof *want);
        free(have), free(again);
        assert_int_equal(lf__remove_tree(out, NULL), 0);
        static lf_model_info read;
        if (lf_model_info_read(&read, bin, NULL, NULL, &err)) fail_msg("%s", err.message);
        assert_string_equal(read.format, "llama2.c");
        assert_true(!read.unsupported[0] && read.parameters > 0);
    }
    free(want);
    lf__safetensors_close(&st);
}

/* Every type that can be written: how far it moves the weights is its own business; that it loads, and what falls back, is ours. */
static void test_types(void **state)
{
    (void)state;
    static const struct {
        const char *dtype;
        int fallbacks; /* rows of llama are no multiples of 256 */
        double most;
    } types[] = {{"f32", 0, 0},     {"f16", 0, 1e-3}, {"bf16", 0, 8e-3}, {"q8_0", 0, 0.01},
                 {"q4_0", 0, 0.15}, {"q4_k", 1, 0.1}, {"q6_k", 1, 0.1}};
    for (size_t i = 0; i < LF_COUNT(types); i++) {
        lf_convert_report r;
        lf_diff_report diff;
        lf_error err = {0};
        const char *gguf = at("a.gguf");
        convert(GOLDEN "llama", gguf, "gguf", types[i].dtype, 0, &r);
        if ((r.fallbacks > 0) != (types[i].fallbacks > 0)) fail_msg("%s: %d fallbacks", types[i].dtype, r.fallbacks);
        if (lf_model_diff(GOLDEN "llama", gguf, NULL, NULL, NULL, &diff, &err)) fail_msg("%s", err.message);
        print_message("%-5s %6llu bytes, %2d tensors of another type, largest difference %.2g\n", types[i].dtype,
                      (unsigned long long)r.bytes, r.fallbacks, diff.max_abs);
        assert_true(diff.max_abs <= types[i].most && diff.options == 0);
        const char *copy = at("copy.gguf"); /* as stored: the blocks themselves, rows back in their places */
        convert(gguf, copy, "gguf", NULL, 0, NULL);
        if (lf_model_diff(gguf, copy, NULL, NULL, NULL, &diff, &err)) fail_msg("%s", err.message);
        assert_true(diff.equal);
    }
}

/* Folders in parts, and in half precision, are the same model. */
static void test_shards(void **state)
{
    (void)state;
    lf_convert_report r;
    lf_diff_report diff;
    lf_error err = {0};
    const char *out = at("shards"), *half = at("half"), *again = at("again");
    convert(GOLDEN "qwen3", out, "hf", NULL, 40000, &r);
    assert_true(r.files > 2);
    if (lf_model_diff(GOLDEN "qwen3", out, say, say_tensor, NULL, &diff, &err)) fail_msg("%s", err.message);
    assert_true(diff.equal);
    convert(GOLDEN "gpt2", half, "hf", "bf16", 0, &r);
    convert(half, again, "hf", NULL, 0, &r); /* as stored */
    if (lf_model_diff(half, again, NULL, NULL, NULL, &diff, &err)) fail_msg("%s", err.message);
    assert_true(diff.equal);
    if (lf_model_diff(GOLDEN "gpt2", half, NULL, NULL, NULL, &diff, &err)) fail_msg("%s", err.message);
    assert_true(!diff.equal && diff.max_abs > 0 && diff.max_abs < 8e-3);
}

static void refused(const char *from, const char *to, const char *format, const char *dtype, const char *words)
{
    lf_error err = {0};
    lf_convert_options o = {.format = format, .dtype = dtype, .threads = 1};
    assert_int_equal(lf_model_convert(from, to, &o, NULL, &err), -1);
    if (!strstr(err.message, words)) fail_msg("expected \"%s\" in \"%s\"", words, err.message);
}

static void edit(const char *path, const char *from, const char *to)
{
    lf_buf b, out;
    lf__buf_init(&b, 1 << 20), lf__buf_init(&out, 1 << 20);
    assert_int_equal(lf__read_file(&b, path, 1 << 20, NULL), 0);
    char *hit = strstr(b.data, from);
    if (!hit) fail_msg("no %s in %s", from, path);
    lf__buf_add(&out, b.data, (size_t)(hit - b.data)), lf__buf_puts(&out, to), lf__buf_puts(&out, hit + strlen(from));
    assert_int_equal(lf__write_file(path, out.data, out.len, NULL), 0);
    lf__buf_release(&b), lf__buf_release(&out);
}

static void test_refusals(void **state)
{
    (void)state;
    char json[LF_PATH_MAX];
    const char *out = at("out"), *copy = at("copy");
    refused(GOLDEN "llama", out, "onnx", NULL, "expected hf or gguf");
    refused(GOLDEN "llama", out, "hf", "q8_0", "expected one of F32, F16, BF16, got \"q8_0\"");
    refused(GOLDEN "llama", out, "gguf", "q9_9", "expected one of F32");
    refused(GOLDEN "nothing", out, "gguf", NULL, "nothing");
    refused(GOLDEN "llama", GOLDEN, "hf", NULL, "not an empty folder");
    convert(GOLDEN "llama", copy, "hf", NULL, 0, NULL);
    snprintf(json, sizeof json, "%s/config.json", copy);
    edit(json, "\"vocab_size\": ", "\"vocab_size\": 9");
    refused(copy, out, "gguf", NULL, "the config expects [9");
    edit(json, "\"vocab_size\": 9", "\"vocab_size\": ");
    edit(json, "\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true");
    refused(copy, out, "gguf", NULL, "tie_word_embeddings is true, but \"lm_head.weight\" is not \"model.embed_tokens.weight\"");
    edit(json, "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");
    edit(json, "\"LlamaForCausalLM\"", "\"MambaForCausalLM\"");
    edit(json, "\"model_type\": \"llama\"", "\"model_type\": \"mamba\"");
    refused(copy, out, "gguf", NULL, "got \"mamba\"");
    copy = at("copy");
    convert(GOLDEN "llama_tied", copy, "hf", NULL, 0, NULL);
    snprintf(json, sizeof json, "%s/config.json", copy);
    edit(json, "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");
    refused(copy, out, "gguf", NULL, "the tensor \"lm_head.weight\" is missing");
    edit(json, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1");
    refused(copy, out, "gguf", NULL, "is not part of a llama model of this config");
    assert_false(lf__path_exists(out));
}

static void count(const lf_tensor_info *t, void *user)
{
    assert_true(t->bytes > 0 && t->dtype && t->name[0]);
    ++*(int *)user;
}

static void test_info(void **state)
{
    (void)state;
    lf_model_info info;
    lf_error err = {0};
    int n = 0;
    const char *gguf = at("a.gguf");
    if (lf_model_info_read(&info, GOLDEN "qwen3", count, &n, &err)) fail_msg("%s", err.message);
    assert_string_equal(info.type, "qwen3");
    assert_true(info.tensors == n && info.parameters > 0 && !info.unsupported[0] && !info.unverified[0] && !info.tokenizer[0]);
    double values = 2.0 * (double)(info.config.num_hidden_layers * info.config.num_key_value_heads * info.config.head_dim);
    if (info.config.head_dim % 32 == 0) assert_true(info.kv_bytes[0] == 4 * values && info.kv_bytes[1] == 2 * values);
    assert_true(info.kv_bytes[2] >= info.kv_bytes[1] && info.kv_bytes[3] >= values * 34 / 32 && info.kv_bytes[3] < info.kv_bytes[1]);
    int64_t parameters = info.parameters;
    convert(GOLDEN "qwen3", gguf, "gguf", "q8_0", 0, NULL);
    if (lf_model_info_read(&info, gguf, NULL, NULL, &err)) fail_msg("%s", err.message);
    assert_string_equal(info.format, "GGUF");
    assert_true(info.parameters == parameters && strstr(info.dtypes, "Q8_0") && strstr(info.dtypes, "F32"));
    assert_int_equal(lf_model_info_read(&info, "/dev/null", NULL, NULL, &err), -1);
}

static int set_up(void **state)
{
    (void)state;
    lf_log_set_sink(quiet, NULL);
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return lf__remove_tree(dir, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_llama2c),  cmocka_unit_test(test_types),
                                       cmocka_unit_test(test_shards),     cmocka_unit_test(test_refusals), cmocka_unit_test(test_info)};
    return cmocka_run_group_tests_name("formats", tests, set_up, tear_down);
}
