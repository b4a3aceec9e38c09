/* config_table.c - THE option table: every key a run can be told, with type, default, range, whether it may change when a run is resumed,
 * and help in two languages. Flags, YAML, help, `config init`, checkpoints and docs all read these rows; adding an option = a field in
 * config.h and a row here. Constant; nothing is allocated. */
#include "model/config_table.h"

#include <stdio.h>
#include <string.h>

#define AT(field) offsetof(lf_config, field), sizeof(((lf_config *)0)->field)
#define INT(key, field, fallback, lo, hi, resume, en, zh)                                                                                  \
    {                                                                                                                                      \
        key, LF_OPT_INT, AT(field), fallback, lo, hi, NULL, resume, en, zh                                                                 \
    }
#define REAL(key, field, fallback, lo, hi, resume, en, zh)                                                                                 \
    {                                                                                                                                      \
        key, LF_OPT_DOUBLE, AT(field), fallback, lo, hi, NULL, resume, en, zh                                                              \
    }
#define FLAG(key, field, fallback, resume, en, zh)                                                                                         \
    {                                                                                                                                      \
        key, LF_OPT_BOOL, AT(field), fallback, 0, 1, NULL, resume, en, zh                                                                  \
    }
#define TEXT(key, field, fallback, resume, en, zh)                                                                                         \
    {                                                                                                                                      \
        key, LF_OPT_STRING, AT(field), fallback, 0, 0, NULL, resume, en, zh                                                                \
    }
#define PATH(key, field, fallback, resume, en, zh)                                                                                         \
    {                                                                                                                                      \
        key, LF_OPT_PATH, AT(field), fallback, 0, 0, NULL, resume, en, zh                                                                  \
    }
#define CHOICE(key, field, fallback, choices, resume, en, zh)                                                                              \
    {                                                                                                                                      \
        key, LF_OPT_CHOICE, AT(field), fallback, 0, 0, choices, resume, en, zh                                                             \
    }

/* clang-format off */
const lf_option lf__config_options[] = {
    /* ---- model: Hugging Face's names ---- */
    CHOICE("model.model_type", model.model_type, "llama", "llama|gpt2", 'f',
        "architecture: llama and its relatives, or gpt2 (LayerNorm, learned positions, biases)", "模型结构：llama 及其变体，或 gpt2（LayerNorm、可学习位置、偏置）"),
    INT("model.vocab_size", model.vocab_size, "0", 0, 16777216, 'f',
        "number of different tokens; 0 = as many as the tokenizer has", "词表大小；0 = 与分词器相同"),
    INT("model.hidden_size", model.hidden_size, "256", 2, 65536, 'f',
        "width: numbers that describe one token inside the model", "宽度：模型内部用多少个数描述一个词元"),
    INT("model.intermediate_size", model.intermediate_size, "768", 1, 1048576, 'f',
        "width of the feed-forward layer, about 8/3 of hidden_size", "前馈层的宽度，约为 hidden_size 的 8/3"),
    INT("model.num_hidden_layers", model.num_hidden_layers, "6", 1, 1024, 'f',
        "depth: how many blocks stand on top of each other", "层数：上下叠放多少个块"),
    INT("model.num_attention_heads", model.num_attention_heads, "8", 1, 1024, 'f',
        "attention heads per block; they divide hidden_size", "每块的注意力头数，须整除 hidden_size"),
    INT("model.num_key_value_heads", model.num_key_value_heads, "0", 0, 1024, 'f',
        "heads that keys and values have; fewer = smaller cache; 0 = num_attention_heads", "键和值的头数，越少缓存越小；0 = num_attention_heads"),
    INT("model.head_dim", model.head_dim, "0", 0, 1024, 'f',
        "width of one head, an even number; 0 = hidden_size / num_attention_heads", "每个头的宽度，偶数；0 = hidden_size / num_attention_heads"),
    INT("model.max_position_embeddings", model.max_position_embeddings, "256", 1, 1048576, 'f',
        "context: the most tokens the model can look back on", "上下文长度：模型最多能回看多少个词元"),
    REAL("model.rms_norm_eps", model.rms_norm_eps, "1e-5", 1e-12, 0.1, 'f',
        "small number that keeps the normalization (LayerNorm too) from dividing by zero", "归一化中防止除以零的小数"),
    REAL("model.rope_theta", model.rope_theta, "10000", 1, 1e12, 'f',
        "base of the rotary position angles; larger for longer contexts", "旋转位置编码的底数；上下文越长取值越大"),
    REAL("model.initializer_range", model.initializer_range, "0.02", 0, 10, 'f',
        "standard deviation of the random weights at the start", "初始随机权重的标准差"),
    FLAG("model.tie_word_embeddings", model.tie_word_embeddings, "true", 'f',
        "one table for reading and for predicting tokens; saves weights in small models", "输入和输出共用一张词表，小模型可省参数"),
    CHOICE("model.hidden_act", model.hidden_act, "silu", "silu|gelu_new|gelu_pytorch_tanh|relu|relu2", 'f',
        "activation of the feed-forward layer; gpt2 has gelu_new", "前馈层的激活函数；gpt2 用 gelu_new"),
    FLAG("model.ungated_mlp", model.ungated_mlp, "false", 'f',
        "feed-forward layer without a gate: down(act(up x))", "前馈层不用门控：down(act(up x))"),
    FLAG("model.attention_bias", model.attention_bias, "false", 'f',
        "biases in the q, k, v and output projections", "q、k、v 和输出投影带偏置"),
    FLAG("model.qkv_bias", model.qkv_bias, "false", 'f',
        "biases in the q, k and v projections (as Qwen2)", "q、k、v 投影带偏置（同 Qwen2）"),
    FLAG("model.mlp_bias", model.mlp_bias, "false", 'f',
        "biases in the feed-forward layer", "前馈层带偏置"),
    INT("model.sliding_window", model.sliding_window, "0", 0, 1048576, 'f',
        "tokens a layer looks back on, its own included (as Mistral); 0 = all", "每层能回看的词元数，含自身（同 Mistral）；0 = 全部"),
    INT("model.sliding_window_pattern", model.sliding_window_pattern, "0", 0, 1024, 'f',
        "with a window: every so many-th layer sees all (2 = every other, as Gemma 2); 0 = no layer does", "有窗口时每隔多少层有一层看全部（2 = 隔层，同 Gemma 2）；0 = 没有"),
    INT("model.max_window_layers", model.max_window_layers, "0", 0, 1024, 'f',
        "with a window: so many layers at the bottom see all (as Qwen2)", "有窗口时最下面多少层看全部（同 Qwen2）"),
    INT("model.no_rope_layer_interval", model.no_rope_layer_interval, "0", 0, 1024, 'f',
        "every so many-th layer has no positions (as SmolLM3); 1 = no layer has; 0 = all have", "每隔多少层有一层不用位置编码（同 SmolLM3）；1 = 都不用；0 = 都用"),
    REAL("model.partial_rotary_factor", model.partial_rotary_factor, "1", 0.01, 1, 'f',
        "part of each head that rotary positions turn", "每个头中参与旋转位置编码的比例"),
    CHOICE("model.rope_scaling.rope_type", model.rope_scaling.rope_type, "default", "default|linear|dynamic|llama3|yarn|longrope", 'f',
        "how rotary positions are stretched to a longer context", "旋转位置编码如何扩展到更长的上下文"),
    REAL("model.rope_scaling.factor", model.rope_scaling.factor, "1", 1, 1e6, 'f',
        "how many times longer the context becomes", "上下文扩展的倍数"),
    INT("model.rope_scaling.original_max_position_embeddings", model.rope_scaling.original_max_position_embeddings, "0", 0, 1048576, 'f',
        "context before it was stretched (llama3, yarn, longrope); 0 = max_position_embeddings", "扩展前的上下文长度 (llama3, yarn, longrope)；0 = max_position_embeddings"),
    REAL("model.rope_scaling.low_freq_factor", model.rope_scaling.low_freq_factor, "1", 1e-3, 1e6, 'f',
        "llama3: pairs that turn less often than this in the original context are stretched", "llama3：在原上下文内转动少于此圈数的分量被拉伸"),
    REAL("model.rope_scaling.high_freq_factor", model.rope_scaling.high_freq_factor, "4", 1e-3, 1e6, 'f',
        "llama3: pairs that turn more often than this stay as they are", "llama3：转动多于此圈数的分量保持不变"),
    REAL("model.rope_scaling.beta_fast", model.rope_scaling.beta_fast, "32", 1e-3, 1e6, 'f',
        "yarn: pairs that turn more often than this in the original context stay as they are", "yarn：在原上下文内转动多于此圈数的分量保持不变"),
    REAL("model.rope_scaling.beta_slow", model.rope_scaling.beta_slow, "1", 1e-3, 1e6, 'f',
        "yarn: pairs that turn less often than this are stretched", "yarn：转动少于此圈数的分量被拉伸"),
    FLAG("model.rope_scaling.truncate", model.rope_scaling.truncate, "true", 'f',
        "yarn: the ramp between the two begins and ends at whole pairs", "yarn：两者之间的过渡区取整到完整的分量"),
    REAL("model.rope_scaling.attention_factor", model.rope_scaling.attention_factor, "0", 0, 1e6, 'f',
        "yarn, longrope: cos and sin are multiplied by this; 0 = by the paper's formula", "yarn、longrope：cos 和 sin 乘以此数；0 = 按论文公式"),
    REAL("model.rope_scaling.mscale", model.rope_scaling.mscale, "0", 0, 1e6, 'f',
        "yarn: part of that formula, with mscale_all_dim; 0 = not used", "yarn：该公式的一部分，与 mscale_all_dim 同用；0 = 不用"),
    REAL("model.rope_scaling.mscale_all_dim", model.rope_scaling.mscale_all_dim, "0", 0, 1e6, 'f',
        "yarn: part of that formula, with mscale; 0 = not used", "yarn：该公式的一部分，与 mscale 同用；0 = 不用"),
    TEXT("model.rope_scaling.short_factor", model.rope_scaling.short_factor, "", 'f',
        "longrope: a number for each pair of a head, for contexts up to the original one: a list, or numbers separated by '|'", "longrope：每个分量一个数，用于不超过原长度的上下文：一个列表，或用 '|' 分隔"),
    TEXT("model.rope_scaling.long_factor", model.rope_scaling.long_factor, "", 'f',
        "longrope: the same for longer contexts", "longrope：同上，用于更长的上下文"),
    REAL("model.rope_local_base_freq", model.rope_local_base_freq, "0", 0, 1e12, 'f',
        "rope_theta of the layers with a window, never stretched (as Gemma 3); 0 = that of all layers", "有窗口的层所用的 rope_theta，不被扩展（同 Gemma 3）；0 = 与其他层相同"),
    FLAG("model.fused_projections", model.fused_projections, "false", 'f',
        "q, k, v are one tensor, gate and up another (as Phi-3): the same arithmetic", "q、k、v 合为一个张量，gate 与 up 合为一个（同 Phi-3）：计算相同"),
    FLAG("model.alibi", model.alibi, "false", 'f',
        "linear biases by distance instead of rotary positions", "用随距离线性变化的偏置代替旋转位置编码"),
    REAL("model.attn_logit_softcapping", model.attn_logit_softcapping, "0", 0, 1e6, 'f',
        "attention scores stay between -x and x (as Gemma 2: 50); 0 = off", "注意力分数限制在 -x 到 x 之间（Gemma 2 为 50）；0 = 关闭"),
    REAL("model.final_logit_softcapping", model.final_logit_softcapping, "0", 0, 1e6, 'f',
        "logits stay between -x and x (as Gemma 2: 30); 0 = off", "输出 logits 限制在 -x 到 x 之间（Gemma 2 为 30）；0 = 关闭"),
    REAL("model.query_pre_attn_scalar", model.query_pre_attn_scalar, "0", 0, 1e6, 'f',
        "attention scores are divided by the square root of this; 0 = head_dim", "注意力分数除以此数的平方根；0 = head_dim"),
    FLAG("model.rms_norm_unit_offset", model.rms_norm_unit_offset, "false", 'f',
        "norms multiply by 1 + weight (as Gemma)", "归一化乘以 1 + 权重（同 Gemma）"),
    FLAG("model.sandwich_norm", model.sandwich_norm, "false", 'f',
        "normalize attention and feed-forward outputs too, before they are added (as Gemma 2)", "注意力和前馈层的输出相加之前再做归一化（同 Gemma 2）"),
    FLAG("model.scale_embedding", model.scale_embedding, "false", 'f',
        "multiply embeddings by the square root of hidden_size (as Gemma)", "词嵌入乘以 hidden_size 的平方根（同 Gemma）"),
    FLAG("model.zero_init", model.zero_init, "false", 'f',
        "output projections begin at zero: every block begins as the identity", "输出投影从零开始：每个块起初是恒等映射"),
    REAL("model.hidden_dropout", model.hidden_dropout, "0", 0, 0.9, 'f',
        "training: part of the embedding and of what blocks add that is set to zero (GPT-2: embd_pdrop, resid_pdrop)",
        "训练时词嵌入和各块输出中随机置零的比例（GPT-2 的 embd_pdrop、resid_pdrop）"),
    REAL("model.attention_dropout", model.attention_dropout, "0", 0, 0.9, 'f',
        "training: part of the attention probabilities that is set to zero (GPT-2: attn_pdrop 0.1; nanoGPT's dropout is this and hidden_dropout)",
        "训练时注意力概率中随机置零的比例（GPT-2 的 attn_pdrop 为 0.1；nanoGPT 的 dropout 等于此项加 hidden_dropout）"),
    FLAG("model.use_qk_norm", model.use_qk_norm, "false", 'f',
        "normalize the queries and keys of every head (as Qwen3): steadier at high learning rates", "对每个头的查询和键做归一化（同 Qwen3），高学习率下更稳定"),
    FLAG("model.attention_sinks", model.attention_sinks, "false", 'f',
        "one more score in every softmax, learned for each head, with nothing behind it (as gpt-oss): a head may look at nothing", "每个注意力头在 softmax 中多一个可学习的分数，后面没有内容（同 gpt-oss）：头可以什么都不看"),
    INT("model.bos_token_id", model.bos_token_id, "-1", -1, 16777215, 'f',
        "token that begins a text; -1 = none", "文本开始的词元；-1 = 没有"),
    INT("model.eos_token_id", model.eos_token_id, "-1", -1, 16777215, 'f',
        "token that ends a document; -1 = the tokenizer's", "文档结束的词元；-1 = 由分词器决定"),
    PATH("model.init_from", model.init_from, "", 'f',
        "start from the weights of this model folder, with a fresh optimizer; empty = random weights", "从此模型文件夹的权重开始（优化器从头开始）；空 = 随机权重"),
    /* ---- data ---- */
    PATH("data.train", data.train, "", 'f',
        "what to learn from: a shard folder, .bin files, or raw text (prepared on the fly and cached)", "训练数据：分片文件夹、.bin 文件，或原始文本（自动准备并缓存）"),
    PATH("data.val", data.val, "", 'f',
        "what to validate on; empty = the validation part of data.train", "验证数据；空 = data.train 中的验证部分"),
    PATH("data.tokenizer", data.tokenizer, "", 'f',
        "tokenizer folder; empty = the one the shards were made with, or one learned from the raw text", "分词器文件夹；空 = 分片自带的，或从原始文本学习"),
    CHOICE("data.tokenizer_mode", data.tokenizer_mode, "bpe", "bpe|char", 'f',
        "tokenizer to learn from raw text: byte-pair encoding, or one token per character", "从原始文本学习的分词器：字节对编码 (bpe)，或一字一词元 (char)"),
    INT("data.tokenizer_vocab_size", data.tokenizer_vocab_size, "4096", 257, 1000000, 'f',
        "vocabulary of a tokenizer learned from raw text (bpe)", "从原始文本学习分词器时的词表大小 (bpe)"),
    REAL("data.val_fraction", data.val_fraction, "0.1", 0, 0.5, 'f',
        "part of raw text kept for validation", "原始文本中留作验证的比例"),
    FLAG("data.document_mask", data.document_mask, "false", 'f',
        "documents in one window do not see each other", "同一窗口中的不同文档互不可见"),
    /* ---- train ---- */
    INT("train.steps", train.steps, "1000", 1, 1000000000, 'r',
        "how many times the weights are updated", "权重更新的次数"),
    INT("train.batch_tokens", train.batch_tokens, "4096", 1, 1000000000, 'f',
        "tokens per update (global batch), a multiple of train.seq_len", "每次更新用的词元数（全局批量），须为 train.seq_len 的倍数"),
    INT("train.micro_batch_tokens", train.micro_batch_tokens, "0", 0, 1000000000, 'f',
        "tokens computed at a time; less = less memory; 0 = the whole batch up to a sensible cap", "一次计算的词元数，越少越省内存；0 = 整个批量（有合理上限）"),
    CHOICE("train.recompute", train.recompute, "none", "none|block|auto", 'r',
        "keep what backward needs, or make each block's part again: about a third more time, far less memory, the same bits; auto = block where the rest does not fit", "保留反向所需的激活值，或逐层重算：时间约多三分之一，内存少得多，结果逐位相同；auto = 放不下时才重算"),
    INT("train.memory_limit", train.memory_limit, "0", 0, 9.3e18, 'r',
        "most memory that a run may reserve, in bytes, as in 8G; 0 = what the machine has", "训练最多可预留的内存（字节），如 8G；0 = 由机器决定"),
    INT("train.seq_len", train.seq_len, "0", 0, 1048576, 'f',
        "length of a training window in tokens; 0 = max_position_embeddings", "训练窗口的长度（词元）；0 = max_position_embeddings"),
    CHOICE("train.dtype", train.dtype, "f32", "auto|f32|bf16", 'f',
        "numbers that matrix products multiply; sums and weights stay f32; auto = bf16 where the CPU has it", "矩阵乘法所用的数值类型，累加与权重保持 f32；auto = CPU 支持时用 bf16"),
    CHOICE("train.optimizer", train.optimizer, "adamw", "adamw|muon|lion|sgd", 'f',
        "how gradients become updates; muon is for the matrices inside the blocks, the rest stays with adamw", "用梯度更新权重的方法；muon 只用于各层内部的矩阵，其余仍用 adamw"),
    CHOICE("train.schedule", train.schedule, "cosine", "cosine|linear|constant|wsd", 'f',
        "how the learning rate goes on after the warm-up; wsd = constant, then down by 1 - sqrt over train.decay_fraction", "预热之后学习率的变化；wsd = 先保持不变，最后一段 (train.decay_fraction) 按 1 - sqrt 下降"),
    REAL("train.lr", train.lr, "1e-3", 0, 10, 'f',
        "highest learning rate, reached after the warm-up", "最高学习率，预热结束时达到"),
    REAL("train.min_lr", train.min_lr, "1e-4", 0, 10, 'f',
        "learning rate at the end of the schedule", "学习率计划结束时的学习率"),
    REAL("train.decay_fraction", train.decay_fraction, "0.2", 0, 1, 'f',
        "wsd: the last part of the run, in which the learning rate falls", "wsd：训练最后多大一部分用于降低学习率"),
    INT("train.warmup_steps", train.warmup_steps, "100", 0, 1000000000, 'f',
        "steps in which the learning rate rises from zero; a tenth of train.steps where that is shorter", "学习率从零升起的步数；不小于 train.steps 时取其十分之一"),
    REAL("train.weight_decay", train.weight_decay, "0.1", 0, 10, 'f',
        "pull of matrices towards zero, per unit of learning rate", "矩阵权重衰减系数"),
    REAL("train.beta1", train.beta1, "0.9", 0, 0.9999999, 'f',
        "AdamW, Lion: memory of the mean gradient", "AdamW、Lion：梯度均值的记忆系数"),
    REAL("train.beta2", train.beta2, "0.95", 0, 0.9999999, 'f',
        "AdamW: memory of the squared gradient; Lion: of the mean gradient, 0.99 is usual", "AdamW：梯度平方的记忆系数；Lion：梯度均值的记忆系数，常用 0.99"),
    REAL("train.eps", train.eps, "1e-8", 1e-16, 1, 'f',
        "AdamW: small number below the division", "AdamW：防止除以零的小数"),
    REAL("train.momentum", train.momentum, "0.95", 0, 0.9999999, 'f',
        "Muon, SGD: memory of the gradient", "Muon、SGD：梯度的记忆系数"),
    REAL("train.muon_lr", train.muon_lr, "0.02", 0, 10, 'f',
        "Muon: highest learning rate of its matrices; 0 = train.lr, scaled so that its updates are as large as AdamW's", "Muon：其矩阵的最高学习率；0 = 用 train.lr，并缩放到与 AdamW 的更新幅度相当"),
    REAL("train.grad_clip", train.grad_clip, "1", 0, 1e9, 'f',
        "gradients are scaled down to at most this norm; 0 = never", "梯度范数的上限，超过则缩小；0 = 不限制"),
    REAL("train.ema_decay", train.ema_decay, "0", 0, 0.9999999, 'f',
        "memory of an average of the weights (0.999), which is then what is evaluated and saved as the model; 0 = none", "权重滑动平均的记忆系数（如 0.999），开启后评估和保存的模型都是平均权重；0 = 不用"),
    REAL("train.skip_zscore", train.skip_zscore, "0", 0, 1000, 'f',
        "skip an update whose loss or gradient norm lies this many standard deviations above the mean (6); 0 = never", "损失或梯度范数高出均值多少个标准差就跳过这次更新（如 6）；0 = 从不"),
    INT("train.skip_window", train.skip_window, "128", 4, 65536, 'f',
        "train.skip_zscore: over how many of the last steps", "train.skip_zscore 统计最近多少步"),
    REAL("train.z_loss", train.z_loss, "0", 0, 1, 'f',
        "adds x log(softmax denominator)^2 to the training loss: logits do not drift (1e-4 is usual); 0 = off", "训练损失加上 x·log(softmax 分母)^2，防止 logits 漂移（常用 1e-4）；0 = 关闭"),
    REAL("train.label_smoothing", train.label_smoothing, "0", 0, 0.9, 'f',
        "part of the target's probability that all tokens share; validation stays without", "目标概率中由所有词元平分的比例；验证时不用"),
    INT("train.seed", train.seed, "1", 0, 9.3e18, 'f',
        "seed of the weights and of the order of the data", "权重和数据顺序的随机种子"),
    INT("train.eval_every", train.eval_every, "250", 0, 1000000000, 'r',
        "steps between evaluations; 0 = only at the end", "每隔多少步评估一次；0 = 只在结束时"),
    INT("train.eval_documents", train.eval_documents, "0", 0, 1000000000, 'r',
        "validation documents per evaluation; 0 = all", "每次评估用多少篇验证文档；0 = 全部"),
    INT("train.sample_every", train.sample_every, "500", 0, 1000000000, 'r',
        "steps between samples of sampler.prompts; 0 = never", "每隔多少步按 sampler.prompts 试写；0 = 从不"),
    INT("train.checkpoint_every", train.checkpoint_every, "500", 0, 1000000000, 'r',
        "steps between checkpoints; 0 = only at the end", "每隔多少步保存检查点；0 = 只在结束时"),
    INT("train.log_every", train.log_every, "10", 1, 1000000000, 'r',
        "steps between progress lines where there is no terminal (metrics.jsonl has every step)", "不在终端时每隔多少步输出一行进度（metrics.jsonl 每步一行）"),
    INT("train.keep_last", train.keep_last, "3", 1, 1000000, 'r',
        "how many checkpoints to keep, the newest; the best is kept besides", "保留最近多少个检查点；最好的一个另外保留"),
    /* ---- run ---- */
    PATH("run.dir", run.dir, "", 'r',
        "run folder; empty = runs/<name of the configuration>", "运行文件夹；空 = runs/<配置名>"),
    PATH("run.resume", run.resume, "auto", 'r',
        "auto = go on where the run folder stands; never = refuse a run that has begun; or the path of a checkpoint", "auto = 从运行文件夹的进度继续；never = 拒绝已开始的运行；或检查点路径"),
    /* ---- sampler ---- */
    REAL("sampler.temperature", sampler.temperature, "0.8", 0, 100, 'r',
        "0 = always the likeliest token; 1 = as the model believes; more = wilder", "0 = 总选最可能的词元；1 = 按模型的概率；更大 = 更随意"),
    INT("sampler.top_k", sampler.top_k, "40", 0, 16777216, 'r',
        "only the k likeliest tokens; 0 = all", "只在最可能的 k 个词元中选；0 = 全部"),
    REAL("sampler.top_p", sampler.top_p, "0.95", 0, 1, 'r',
        "only the likeliest tokens that make up this much probability; 1 = all", "只在累计概率达到此值的词元中选；1 = 全部"),
    REAL("sampler.min_p", sampler.min_p, "0.05", 0, 1, 'r',
        "only tokens at least this likely compared with the likeliest; 0 = all", "只选概率不低于最高概率此倍数的词元；0 = 全部"),
    REAL("sampler.repetition_penalty", sampler.repetition_penalty, "1", 0.01, 100, 'r',
        "divides the score of tokens that occurred in prompt or answer; 1 = off", "降低提示或回答中已出现词元的得分（除法）；1 = 关闭"),
    REAL("sampler.frequency_penalty", sampler.frequency_penalty, "0", -100, 100, 'r',
        "subtracted for each time a token occurred in the answer (llama.cpp counts the prompt too); 0 = off", "词元在回答中每出现一次减去的分数（llama.cpp 连提示一起计）；0 = 关闭"),
    REAL("sampler.presence_penalty", sampler.presence_penalty, "0", -100, 100, 'r',
        "subtracted once from tokens that occurred in the answer (llama.cpp counts the prompt too); 0 = off", "对回答中出现过的词元一次性减去的分数（llama.cpp 连提示一起计）；0 = 关闭"),
    INT("sampler.penalty_last_n", sampler.penalty_last_n, "64", 0, 1048576, 'r',
        "how many of the last tokens the penalties look at; 0 = all", "惩罚考察最近多少个词元；0 = 全部"),
    REAL("sampler.top_n_sigma", sampler.top_n_sigma, "0", 0, 1000, 'r',
        "only tokens whose score is within this many standard deviations of the best; 0 = all", "只选得分与最高分相差不超过此倍标准差的词元；0 = 全部"),
    REAL("sampler.typical_p", sampler.typical_p, "1", 0, 1, 'r',
        "only the tokens nearest to the expected surprise that make up this much probability; 1 = all", "只在最接近期望信息量、累计概率达到此值的词元中选；1 = 全部"),
    REAL("sampler.xtc_probability", sampler.xtc_probability, "0", 0, 1, 'r',
        "how often the likeliest tokens are excluded; 0 = never", "以多大概率排除最可能的词元；0 = 从不"),
    REAL("sampler.xtc_threshold", sampler.xtc_threshold, "0.1", 0, 1, 'r',
        "which tokens that are: all of at least this probability but the least likely of them", "排除的是概率不低于此值的词元，其中最低的一个保留"),
    REAL("sampler.dry_multiplier", sampler.dry_multiplier, "0", 0, 100, 'r',
        "subtracted from tokens that would go on repeating earlier text; 0 = off", "会延续重复文本的词元减去的分数；0 = 关闭"),
    REAL("sampler.dry_base", sampler.dry_base, "1.75", 1, 100, 'r',
        "that, multiplied by this for each token of the repetition beyond the allowed length", "重复每超出允许长度一个词元，上述分数乘以此值"),
    INT("sampler.dry_allowed_length", sampler.dry_allowed_length, "2", 1, 1048576, 'r',
        "repetitions that are shorter cost nothing", "短于此长度的重复不受罚"),
    INT("sampler.dry_last_n", sampler.dry_last_n, "4096", 1, 1048576, 'r',
        "how many of the last tokens are searched for repetitions", "在最近多少个词元中查找重复"),
    TEXT("sampler.dry_sequence_breakers", sampler.dry_sequence_breakers, "\\n|:|\"|*", 'r',
        "texts that no repetition reaches across, separated by '|'", "重复不会跨越的文本，用 '|' 分隔"),
    REAL("sampler.dynatemp_range", sampler.dynatemp_range, "0", 0, 100, 'r',
        "the temperature follows the entropy, this much below and above; 0 = fixed", "温度随熵在上下此范围内变化；0 = 固定"),
    REAL("sampler.dynatemp_exponent", sampler.dynatemp_exponent, "1", 0, 100, 'r',
        "how steeply it does; 0 = always the highest", "变化的陡峭程度；0 = 总取最高温度"),
    INT("sampler.mirostat", sampler.mirostat, "0", 0, 2, 'r',
        "1 or 2: temperature, then mirostat (which keeps the surprise steady), instead of sampler.order; 0 = off", "1 或 2：以温度加 mirostat（保持信息量稳定）代替 sampler.order；0 = 关闭"),
    REAL("sampler.mirostat_tau", sampler.mirostat_tau, "5", 0, 100, 'r',
        "the surprise that mirostat aims at, in bits", "mirostat 的目标信息量，单位比特"),
    REAL("sampler.mirostat_eta", sampler.mirostat_eta, "0.1", 0, 1, 'r',
        "how fast it gets there", "逼近目标的速度"),
    TEXT("sampler.logit_bias", sampler.logit_bias, "", 'r',
        "added to the scores of tokens: 15=-2.5,7=ban", "加到指定词元得分上的值：15=-2.5,7=ban"),
    PATH("sampler.grammar", sampler.grammar, "", 'r',
        "a file with a grammar (GBNF) that the text must follow", "文本必须遵守的文法文件（GBNF）"),
    PATH("sampler.json_schema", sampler.json_schema, "", 'r',
        "a file with a JSON Schema that the text must conform to, as JSON", "文本（JSON）必须符合的 JSON Schema 文件"),
    INT("sampler.seed", sampler.seed, "1", 0, 9.3e18, 'r',
        "the same seed tells the same story", "相同的种子得到相同的文字"),
    INT("sampler.max_tokens", sampler.max_tokens, "200", 1, 1000000000, 'r',
        "longest answer in tokens", "最多生成多少个词元"),
    TEXT("sampler.order", sampler.order, LF_SAMPLER_ORDER, 'r',
        "stages of the sampler in the order they run", "采样各阶段的先后次序"),
    CHOICE("sampler.kv_type", sampler.kv_type, "auto", LF_KV_TYPES, 'r',
        "what the keys and values of the tokens so far are kept as: bf16 and f16 take half the memory of f32, q8_0 a little over a quarter; f16 is finer than bf16 and slower where the CPU multiplies bf16; auto = bf16, but f32 where all weights are f32", "已读词元的键与值在内存中的类型：bf16 与 f16 为 f32 的一半，q8_0 略多于四分之一；f16 比 bf16 更精细，但在能直接计算 bf16 的 CPU 上较慢；auto = bf16，但权重全为 f32 时用 f32"),
    INT("sampler.kv_memory", sampler.kv_memory, "0", 0, 9.3e18, 'r',
        "most memory for them, in bytes, as in 512M; 0 = what the texts take, at most half of what is free; a draft's come on top", "其最多占用的内存（字节），如 512M；0 = 按文本所需，至多为空闲内存的一半；草稿模型的另计"),
    TEXT("sampler.prompts", sampler.prompts, "", 'r',
        "prompts for samples during training: a list, or text separated by '|'", "训练中试写用的开头：一个列表，或用 '|' 分隔的文字"),
    /* ---- machine ---- */
    INT("threads", machine.threads, "auto", 1, 256, 'r',
        "worker threads; auto = as many as the process may use; never changes results", "工作线程数；auto = 进程可用的全部；不影响结果"),
    CHOICE("threads.pin", machine.pin, "auto", "auto|on|off", 'r',
        "bind threads to cores; auto = when they fill the machine", "是否把线程绑定到核心；auto = 线程占满机器时绑定"),
    CHOICE("isa", machine.isa, "auto", "auto|scalar|neon|neon_dotprod|neon_i8mm|neon_bf16|avx2|avx512|avx512_vnni|avx512_bf16", 'r',
        "instruction set; auto = the best this CPU has", "指令集；auto = 此 CPU 支持的最好的"),
    {0}};
/* clang-format on */

_Static_assert(LF_COUNT(lf__config_options) <= LF_COUNT(((lf_config *)0)->origin), "lf_config.origin has a place for every row");

/* ---- the table for everybody ------------------------------------------------------------------------------------------------ */
enum { ROWS = LF_COUNT(lf__config_options) - 1 };

bool lf_config_option(size_t row, lf_option_info *info)
{
    static const char *const types[] = {"whole number", "number", "true or false", "text", "path", "choice"};
    if (row >= ROWS) return false;
    const lf_option *o = &lf__config_options[row];
    *info = (lf_option_info){o->key, types[o->type], o->fallback, o->help, o->help_zh, .fixed = o->resume == 'f'};
    lf__option_range(info->range, o, false), lf__option_range(info->range_zh, o, true);
    return true;
}

const char *lf_config_value(const lf_config *c, size_t row, char *out, size_t size)
{
    return row < ROWS ? lf__option_get(&lf__config_options[row], c, out, size) : NULL;
}

const char *lf_config_origin(const lf_config *c, size_t row) { return row < ROWS ? c->origin[row] : NULL; }

const char *lf__config_origin_of(const lf_config *c, const char *key)
{
    const lf_option *o = lf__option_find(lf__config_options, key);
    return o ? c->origin[o - lf__config_options] : "";
}

int lf__config_set(lf_config *c, const char *key, const char *text, const char *origin, lf_error *err)
{
    if (lf__option_set(lf__config_options, c, key, text, origin, err)) return -1;
    snprintf(c->origin[lf__option_find(lf__config_options, key) - lf__config_options], LF_TEXT_MAX, "%s", origin);
    return 0;
}

int lf_config_set(lf_config *c, const char *key, const char *value, const char *origin, lf_error *err)
{
    return lf__config_set(c, key, value, origin ? origin : "program", err);
}

void lf_config_init(lf_config *c)
{
    memset(c, 0, sizeof *c);
    for (const lf_option *o = lf__config_options; o->key; o++) lf__config_set(c, o->key, o->fallback, "default", NULL);
}

const char *lf_config_fixed_difference(const lf_config *a, const lf_config *b)
{
    char x[LF_CONFIG_PATH_MAX], y[LF_CONFIG_PATH_MAX];
    for (const lf_option *o = lf__config_options; o->key; o++) {
        if (o->resume != 'f') continue;
        if (strcmp(lf__option_get(o, a, x, sizeof x), lf__option_get(o, b, y, sizeof y)) != 0) return o->key;
    }
    return NULL;
}
