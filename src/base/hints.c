/* hints.c - every hint of lf_error_hint in Chinese, found by its English text. The calls stay readable, the translations stand together,
 * and tests/unit/test_hints.c fails when a call has no row, a row has no call, or the two languages do not take the same arguments in the
 * same order. NULL: a command, the same in every language. Constant. */
#include "base/base.h"

#include <inttypes.h>
#include <string.h>

static const struct {
    const char *en, *zh;
} hints[] = {
    /* base */
    {"%s", NULL},
    {"did you mean %s?", "是不是想用 %s？"},
    {"did you mean \"%s\"?", "是不是想用 \"%s\"？"},
    {"foundry help options", NULL},
    {"make the model, the batch or the context smaller, or raise the limit of the process where it has one (ulimit -v)",
     "把模型、批次或上下文改小；进程有内存限制（ulimit -v）时也可以调高它"},
    {"raise the limit (ulimit -v), or take fewer threads, which have stacks of their own",
     "调高内存限制（ulimit -v），或者减少线程：每个线程都有自己的栈"},
    {"free some space, then run the same command again; see: df -h %.*s", "先腾出空间，再运行同一条命令；查看：df -h %.*s"},
    {"see who may: ls -ld %.*s %s", "查看权限：ls -ld %.*s %s"},
    {"the size of files is limited here; see: ulimit -f", "这里限制了文件大小；查看：ulimit -f"},
    {"too many files are open; see: ulimit -n", "打开的文件太多；查看：ulimit -n"},
    {"name a file inside it: ls %s", "请给出其中的一个文件：ls %s"},
    {"write it to a file first, then name that file", "先写到文件里，再给出那个文件"},
    {"wait until it has finished, or stop it: kill %ld", "等它结束，或停掉它：kill %ld"},
    {"see which: fuser %s", "查看是哪个进程：fuser %s"},
    {"create it: mkdir -p %s", "创建它：mkdir -p %s"},
    {"give the name of a new file", "请给一个新文件名"},
    {"ask for fewer threads: --threads %d", "减少线程：--threads %d"},
    {"indent with spaces, not with tabs; quote a value that begins with a sign", "用空格缩进，不用制表符；以符号开头的值要加引号"},

    /* backend, bench */
    {"leave it at auto: this CPU runs %s", "保持 auto：这个 CPU 用 %s"},
    {"use auto or %s, the best rung here; results of one rung are the same on every machine",
     "用 auto 或 %s，这里最好的一级；同一级在任何机器上结果相同"},
    {"less depth, fewer texts, keys and values as q8_0, or more memory", "减小深度、减少文本数、键和值用 q8_0 存放，或给更多内存"},
    {"less depth, a shorter prompt or fewer steps; of a recipe: a larger model.max_position_embeddings",
     "减小深度、缩短提示或减少步数；对配方：加大 model.max_position_embeddings"},

    /* chat, convert, tokenizer */
    {"expected a model folder with chat_template.jinja or tokenizer_config.json, or a GGUF file",
     "应为含 chat_template.jinja 或 tokenizer_config.json 的模型目录，或 GGUF 文件"},
    {"a model that was not trained on conversations has none; a template for one that was goes into chat_template.jinja",
     "没有用对话训练过的模型没有模板；训练过的，请把模板放进 chat_template.jinja"},
    {"a loop that does not end? lf_chat_limits raises the limit for a long conversation",
     "是不是有停不下来的循环？长对话可用 lf_chat_limits 提高上限"},
    {"--dtype bf16 or f32 holds it", "--dtype bf16 或 f32 放得下"},
    {"name a folder that does not exist yet", "请给一个还不存在的目录名"},
    {"train a tokenizer on text that has it, or use byte-level BPE, which knows any text: foundry tokenizer train FILES... --vocab-size "
     "4096 -o tok/",
     "用包含它的文本训练分词器，或用能处理任何文本的字节级 BPE：foundry tokenizer train FILES... --vocab-size 4096 -o tok/"},
    {"install libutf8proc-dev and build again", "安装 libutf8proc-dev 后重新编译"},
    {"install libpcre2-dev and build again", "安装 libpcre2-dev 后重新编译"},
    {"known rules: %s", "已知的规则：%s"},
    {"write {\"split_rule\": \"llama3\"} (or gpt2, qwen2, gpt4o, ...) into tokenizer_config.json beside it",
     "在它旁边的 tokenizer_config.json 里写 {\"split_rule\": \"llama3\"}（或 gpt2、qwen2、gpt4o 等）"},
    {"foundry tokenizer train FILES... --vocab-size 4096 -o %s", NULL},

    /* data, eval */
    {"foundry tokenizer train %s -o DIR", NULL},
    {"make both again with foundry data synth, or remove the .bits file to prepare without a floor",
     "用 foundry data synth 重新生成两者，或删掉 .bits 文件，不算下界"},
    {"if it is meant to be, say --binary", "如果本该如此，请加 --binary"},
    {"name a new folder: -o %s-shards", "换一个新目录：-o %s-shards"},
    {"foundry data synth --lang en --bytes 20M -o stories.txt makes some",
     "可以生成一些：foundry data synth --lang en --bytes 20M -o stories.txt"},
    {"use a tokenizer with %s: foundry tokenizer train TEXT -o DIR; or join the text into one document",
     "用带有 %s 的分词器：foundry tokenizer train TEXT -o DIR；或把文本合成一篇"},
    {"the file was changed or cut; make the shards again: foundry data prepare TEXT --tokenizer DIR -o DIR",
     "文件被改动或截断；请重新生成分片：foundry data prepare TEXT --tokenizer DIR -o DIR"},
    {"make token shards from text: foundry data prepare %s --tokenizer DIR -o DIR",
     "用文本生成分片：foundry data prepare %s --tokenizer DIR -o DIR"},
    {"foundry data prepare TEXT --tokenizer DIR -o DIR --val-fraction 0.01", NULL},
    {"restore the file, or make the shards again: foundry data prepare TEXT --tokenizer DIR -o DIR",
     "恢复该文件，或重新生成分片：foundry data prepare TEXT --tokenizer DIR -o DIR"},
    {"foundry data prepare TEXT --tokenizer DIR -o DIR", NULL},
    {"these shards were made with another tokenizer; look at both: foundry data info %s",
     "这些分片是用别的分词器生成的；两个都看一下：foundry data info %s"},
    {"a .jsonl file has one object per line, such as {\"%s\": \"Once upon a time\"}", ".jsonl 文件每行一个对象，例如 {\"%s\": \"从前\"}"},
    {"another field holds the text? --field %s", "文本在别的字段里？--field %s"},
    {"foundry data synth -o %.300s/stories.txt", NULL},
    {"use the tokenizer that lies beside the model", "请用模型旁边的分词器"},
    {"score the text itself: --data TEXT", "直接评测文本：--data TEXT"},

    /* formats, model */
    {"the file is not as it was written: fetch or copy it again", "文件与写入时不同：请重新下载或复制"},
    {"copy the file into the folder, or name it directly: %s", "把文件复制到该目录，或直接给出它：%s"},
    {"the model comes in %zu files: fetch the missing ones", "模型共有 %zu 个文件：请补齐缺少的"},
    {"the model comes in %d files: fetch the missing ones", "模型共有 %d 个文件：请补齐缺少的"},
    {"name %.*s00001-of-%05d.gguf", "请给出 %.*s00001-of-%05d.gguf"},
    {"convert it where you trust it: python3 -c 'from transformers import AutoModelForCausalLM as M; "
     "M.from_pretrained(\"FOLDER\").save_pretrained(\"OUT\", safe_serialization=True)'",
     "在你信任它的地方转换：python3 -c 'from transformers import AutoModelForCausalLM as M; "
     "M.from_pretrained(\"FOLDER\").save_pretrained(\"OUT\", safe_serialization=True)'"},
    {"write it from the float model: python3 export.py FILE.bin --version 1",
     "请从浮点模型重新写出：python3 export.py FILE.bin --version 1"},
    {"name a model folder, a .safetensors or .gguf file, or a .bin of llama2.c",
     "请给出模型目录、.safetensors 或 .gguf 文件，或 llama2.c 的 .bin"},
    {"name the file: %s/%s", "请给出文件：%s/%s"},
    {"see what is there: ls %s", "看看里面有什么：ls %s"},
    {"foundry config init -o my.yaml", NULL},
    {"--model.hidden_size %" PRId64, NULL},
    {"--model.head_dim %" PRId64, NULL},
    {"a run keeps its own at %s/config.yaml, a model at %s/config.json", "训练的配置在 %s/config.yaml，模型的在 %s/config.json"},
    {"our own configurations put these keys below \"model:\"; see foundry config init",
     "我们的配置把这些项写在 \"model:\" 下；见 foundry config init"},
    {"what a model of ours can be: foundry help options", "我们的模型能有哪些选项：foundry help options"},
    {"without it the embedding serves as the head: tie_word_embeddings would have to be true",
     "没有它，就由词嵌入充当输出层：tie_word_embeddings 应为 true"},
    {"the table has %" PRId64 " rows, vocab_size is %" PRId64, "表有 %" PRId64 " 行，vocab_size 是 %" PRId64},
    {"compare the configuration with the tensors: layers, tie_word_embeddings, biases",
     "把配置和张量对一下：层数、tie_word_embeddings、偏置"},
    {"set \"tie_word_embeddings\": false in config.json if the head is to be its own",
     "如果输出层要独立，请在 config.json 里设 \"tie_word_embeddings\": false"},

    /* infer */
    {"allow more memory (sampler.kv_memory)", "允许更多内存（sampler.kv_memory）"},
    {"allow more memory (sampler.kv_memory), or a context of at most %lld tokens",
     "允许更多内存（sampler.kv_memory），或上下文最多 %lld 个词元"},
    {"allow more memory (sampler.kv_memory), keep them as q8_0, or a context of at most %lld tokens",
     "允许更多内存（sampler.kv_memory），改用 q8_0 存放，或上下文最多 %lld 个词元"},
    {"shorten the prompt, or open the engine with a larger context where the model has one", "缩短提示，或在模型允许时打开更大的上下文"},
    {"name another file, or delete this one if it is not needed: the text can be read again",
     "换一个文件名；此文件若无用可删除，文本可以重新读"},
    {"open the device with that instruction set, or let the text be read again", "用那个指令集打开设备，或重新读一遍文本"},
    {"delete the file: the text can be read again", "删掉该文件：文本可以重新读"},
    {"a draft model is trained with the tokenizer of the model", "草稿模型须与主模型用同一个分词器训练"},
    {"supported are %s, and notes such as title and description", "支持的有 %s，以及 title、description 之类的说明"},
    {"--sampler.order %s", NULL},
    {"--logit-bias 15=-2.5,7=ban", NULL},

    /* quant */
    {"start from the model it was made from, or say --requantize", "从它的来源模型开始，或加 --requantize"},
    {"names are those of GGUF: output, token_embd, blk.0.attn_q, blk.*.ffn_down, *attn_v",
     "用 GGUF 的名字：output、token_embd、blk.0.attn_q、blk.*.ffn_down、*attn_v"},
    {"foundry imatrix MODEL --data TEXT -o FILE makes one", "用 foundry imatrix MODEL --data TEXT -o FILE 生成"},
    {"foundry imatrix MODEL --data TEXT -o FILE makes one; llama-imatrix --in-file OLD -o NEW.gguf converts a .dat",
     "用 foundry imatrix MODEL --data TEXT -o FILE 生成；旧的 .dat 用 llama-imatrix --in-file OLD -o NEW.gguf 转换"},

    /* track, train */
    {"foundry runs ls", NULL},
    {"runs lie in \"runs\" where foundry train was started: cd there, or name it: foundry runs ls FOLDER",
     "训练记录在启动 foundry train 处的 \"runs\" 里：cd 过去，或指明：foundry runs ls FOLDER"},
    {"foundry train demo --run.dir %s/first", NULL},
    {"another checkpoint of the run may be whole: see the checkpoints folder, --checkpoint step-N or --resume PATH",
     "可能还有完好的检查点：查看 checkpoints 目录，用 --checkpoint step-N 或 --resume PATH"},
    {"nothing was changed; begin again in another folder: foundry train ... --run.dir %s-again",
     "没有改动任何东西；换个目录重新开始：foundry train ... --run.dir %s-again"},
    {"ls runs", NULL},
    {"train first: foundry train stories-3m --run.dir %s", "先训练：foundry train stories-3m --run.dir %s"},
    {"--checkpoint last; for the next run: --train.checkpoint_every as --train.eval_every",
     "--checkpoint last；下次训练：让 --train.checkpoint_every 等于 --train.eval_every"},
    {"its only checkpoint is step-%" PRId64, "唯一的检查点是 step-%" PRId64},
    {"its %zu checkpoints reach from step-%" PRId64 " to step-%" PRId64, "共 %zu 个检查点，从 step-%" PRId64 " 到 step-%" PRId64},
    {"bring the old data back, or begin a new run with these weights: --run.dir runs/another --model.init_from %s",
     "把原来的数据放回来，或用这些权重开始新的训练：--run.dir runs/another --model.init_from %s"},
    {"continue it with its own config: foundry train %s, or choose a new folder: --run.dir runs/another",
     "用它自己的配置继续：foundry train %s，或换个新目录：--run.dir runs/another"},
    {"prepare the data with its tokenizer: foundry data prepare ... --tokenizer %s",
     "用它的分词器准备数据：foundry data prepare ... --tokenizer %s"},
    {"--%s %s", NULL},
    {"begin a new run with its weights: --model.init_from %s", "用它的权重开始新的训练：--model.init_from %s"},
    {"--resume auto, or go on from there in a new folder: --run.dir runs/another --resume %s",
     "--resume auto，或在新目录里从那里继续：--run.dir runs/another --resume %s"},
    {"choose a new folder: --run.dir runs/another, or go on with --resume auto",
     "换个新目录：--run.dir runs/another，或用 --resume auto 继续"},
    {"go on with: foundry train %s/config.yaml", "继续：foundry train %s/config.yaml"},
    {"leave data.tokenizer empty to use the shards' own, or prepare again: foundry data prepare ... --tokenizer %s",
     "data.tokenizer 留空则用分片自带的，或重新准备：foundry data prepare ... --tokenizer %s"},
    {"set model.vocab_size to 0: the tokenizer's size is taken", "把 model.vocab_size 设为 0：采用分词器的大小"},
    {"foundry train ... --data.train stories.txt", NULL},
    {"make some: foundry data synth --bytes 20M -o stories.txt", "生成一些：foundry data synth --bytes 20M -o stories.txt"},
    {"prepare one with the tokenizer of the other: foundry data prepare ... --tokenizer DIR",
     "用其中一个的分词器准备另一个：foundry data prepare ... --tokenizer DIR"},
    {"name it: --model.eos_token_id N, or its tokenizer: --data.tokenizer DIR",
     "请指明：--model.eos_token_id N，或给出分词器：--data.tokenizer DIR"},
    {"name one: --data.tokenizer DIR, or give --model.vocab_size", "请给出一个：--data.tokenizer DIR，或给出 --model.vocab_size"},
    {"say it: --model.vocab_size 4096", "请指明：--model.vocab_size 4096"},
    {"--train.batch_tokens %" PRId64, NULL},
    {"--isa auto has it; or --train.dtype f32", "--isa auto 就有；或用 --train.dtype f32"},
    {"--train.dtype f32, or auto: bf16 where the CPU has the instruction, f32 elsewhere",
     "--train.dtype f32，或 auto：CPU 有相应指令时用 bf16，否则 f32"},
    {"a smaller model or a shorter --train.seq_len; foundry plan says what would fit",
     "换小一点的模型，或更短的 --train.seq_len；foundry plan 会说明什么放得下"},
    {"--train.recompute block --train.micro_batch_tokens %" PRId64 "; foundry plan says what else would fit",
     "--train.recompute block --train.micro_batch_tokens %" PRId64 "；foundry plan 会说明还有什么放得下"},
    {"use more text, a smaller --train.batch_tokens or a shorter --train.seq_len",
     "用更多文本、更小的 --train.batch_tokens 或更短的 --train.seq_len"},
    {"try a lower --train.lr or a longer --train.warmup_steps", "试试更小的 --train.lr 或更长的 --train.warmup_steps"},
    {"foundry verify %s --data tinyshakespeare.txt", NULL},
    {"bytes must be equal: line ends included", "字节必须相同，包括换行符"},
    {"make it anew and build: foundry verify %s --update configs/curves/%s.curve",
     "重新生成并编译：foundry verify %s --update configs/curves/%s.curve"},
    {"foundry verify %s", NULL},
    {"foundry doctor tests the kernels; did you change the recipe's defaults or the code?",
     "foundry doctor 会测试内核；是否改过预设的默认值或代码？"},

    /* cli */
    {"/help", NULL},
    {"/params", NULL},
    {"foundry learn list", NULL},
    {"foundry learn start", NULL},
    {"%.*s%s", NULL},
    {"--prompt \"%s\"", NULL},
    {"--var enable_thinking=false   --var 'language=\"zh\"'", NULL},
};

const char *lf__hint_zh(const char *format)
{
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (strcmp(hints[i].en, format) == 0) return hints[i].zh;
    return NULL;
}

const char *lf__hint_row(size_t row, const char **zh)
{
    if (row >= sizeof hints / sizeof *hints) return NULL;
    *zh = hints[row].zh;
    return hints[row].en;
}
