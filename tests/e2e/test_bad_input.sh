#!/bin/bash
# test_bad_input.sh FOUNDRY SOURCE_DIR - every mistake a user or a disk can make: a sentence that names what and where, the right exit code,
# nothing written and nothing lost. One row per mistake; after each, the whole scratch folder must be as it was. VERBOSE=1 shows messages.
set -u
. "$(dirname "$0")/lib.sh"
tiny_world
mkdir run # what commands write on top of is here, what they may read beside it

# Everything under $WORK: names, sizes, times of files; names of folders. Locks carry the pid of their last holder.
snapshot() { find . \( -type d -printf '%p/\n' \) -o \( ! -name .lock ! -path './.said*' -printf '%p %s %T@\n' \) | sort; }

# bad NAME CODE "WORDS|WORDS" COMMAND...: each WORDS must stand in what the command says on stderr.
bad() {
    local name=$1 code=$2 words=$3 got word missing=
    shift 3
    "$@" >.said.out 2>.said </dev/null
    got=$?
    now=$(snapshot)
    [ "${VERBOSE:-}" ] && printf -- '---- %s\n%s\n' "$name" "$(cat .said)"
    local IFS='|'
    for word in $words; do grep -qF -- "$word" .said || missing="$missing \"$word\""; done
    unset IFS
    if [ "$got" != "$code" ]; then
        not_ok "$name" "exit $code" "exit $got: $(cat .said)"
    elif [ "$missing" ]; then
        not_ok "$name" "words$missing" "$(cat .said)"
    elif ! grep -q '^error: ' .said; then
        not_ok "$name" "a line that begins with error:" "$(cat .said)"
    elif grep -qE 'Sanitizer|Assertion|runtime error|core dumped|Segmentation' .said; then
        not_ok "$name" "a sentence" "$(cat .said)"
    elif [ -s .said.out ]; then
        not_ok "$name" "nothing on stdout" "$(cat .said.out)"
    elif [ "$now" != "$world" ]; then
        not_ok "$name" "nothing written, nothing lost" "$(diff <(echo "$world") <(echo "$now") | grep '^[<>]' | head -n 6)"
        world=$now
    else
        ok "$name"
    fi
}
F=$FOUNDRY
# train ARGUMENTS...: a run that must not come to be
train() { "$F" train tiny.yaml --run.dir run/new "$@"; }
generate() { "$F" generate "$1" --prompt Once --max-tokens 3 "${@:2}"; }

# ---- the world: good things, and damaged copies of them -------------------------------------------------------------------------
: >empty.txt
head -c 3000 /dev/urandom >noise.bin
printf 'some text\0and a zero byte\n' >nul.txt
head -c 300 s.txt >short.txt
mkdir folder keep
echo precious >keep/letter.doc
printf '{"text": "one"}\n{"text": "two"\n' >broken.jsonl
printf '{"text": "one"}\n{"body": "two"}\n' >other.jsonl
run train tiny.yaml --run.dir good --train.steps 12 >good.txt 2>&1 || { cat good.txt; exit 1; }
cp -r good/checkpoints/step-000012 hf && rm -r hf/trainer # a model folder without our bookkeeping
run tokenizer train s.txt --vocab-size 300 -o tok300 >/dev/null 2>&1
printf 'abc abc\n' >abc.txt
printf 'abc abd\n' >abd.txt
printf 'root ::= "a" x\n' >bad.gbnf
printf '{"properties": {"a": {"multipleOf": 2}}}' >bad.schema
printf '{"$ref": "#"}' >loop.schema
run tokenizer train abc.txt --mode char -o tokchar >/dev/null 2>&1 || exit 1
run data prepare s.txt --tokenizer tok300 -o shards300 >/dev/null 2>&1
run train tiny.yaml --data.train shards300 --run.dir good300 --train.steps 2 --train.warmup_steps 0 >/dev/null 2>&1

copies() { for c in "$@"; do cp -r "${c%%-*}" "$c"; done; }
copies shards-cut shards-long shards-flip shards-magic shards-gone shards-nojson shards-jsoncut shards-jsonflip shards-notok shards-tokflip
truncate -s 200000 shards-cut/train_000000.bin
echo more >>shards-long/train_000000.bin
flip shards-flip/train_000000.bin 40000
flip shards-magic/train_000000.bin 0
rm shards-gone/train_000000.bin
truncate -s 300 shards-jsoncut/shards.json
sed -i 's/"tokens": 1/"tokens": 2/' shards-jsonflip/shards.json
flip shards-tokflip/tokenizer/tokenizer.json $(($(wc -c <tok/tokenizer.json) - 17))
copies tok-cut tok-empty tok-noise tok-array tok-long
echo more >>tok-long/tokenizer.json
truncate -s 4000 tok-cut/tokenizer.json
: >tok-empty/tokenizer.json
cp noise.bin tok-noise/tokenizer.json
echo '[1, 2]' >tok-array/tokenizer.json
copies hf-cut hf-long hf-header hf-noise hf-empty hf-none hf-heads hf-wide hf-rope hf-type hf-json hf-noconfig hf-tok hf-notok
weights=model.safetensors
truncate -s 60000 hf-cut/$weights
echo more >>hf-long/$weights
flip hf-header/$weights 1
cp noise.bin hf-noise/$weights
: >hf-empty/$weights
rm hf-none/$weights
sed -i 's/"num_attention_heads": 2/"num_attention_heads": 3/' hf-heads/config.json
sed -i 's/"hidden_size": 32/"hidden_size": 64/' hf-wide/config.json
sed -i 's/"rope_scaling": null/"rope_scaling": {"type": "mrope", "factor": 2.0}/' hf-rope/config.json
sed -i 's/"model_type": "llama"/"model_type": "mamba"/' hf-type/config.json
truncate -s 100 hf-json/config.json
rm hf-noconfig/config.json
cp tok/tokenizer.json hf-tok && sed -i 's/"vocab_size": 400/"vocab_size": 300/' hf-tok/config.json
rm hf-notok/tokenizer.json
cp -r shards swapped
run train tiny.yaml --data.train swapped --run.dir swap --train.steps 2 --train.warmup_steps 0 >/dev/null 2>&1
rm -r swapped # in its place: as many tokens, other ones
{
    run data synth --lang en --bytes 60K --seed 2 -o en.txt && run tokenizer train en.txt --vocab-size 400 -o tok-en &&
        run data prepare en.txt -t tok-en -o swapped
} >/dev/null 2>&1 || exit 1
copies good-hurt good-state
flip good-hurt/checkpoints/step-000012/$weights 50000
flip good-hurt/checkpoints/step-000007/$weights 50000
rm good-state/checkpoints/*/trainer/state.json
printf 'train:\n  lr: 1e-3\n  steps: 10\n  lr: 2e-3\n' >twice.yaml
printf 'train:\n  learning_rat: 1e-3\n' >unknown.yaml
printf 'train:\n  stepz: 5\n' >typo.yaml
printf 'train:\n  lr: fast\n' >type.yaml
printf 'train:\n  steps: 2.5\n' >half.yaml
printf 'model:\n  hidden_size: [1, 2]\n' >list.yaml
printf 'train: [1, 2]\n' >section.yaml
printf 'train:\n  lr: -1\n' >range.yaml
printf 'train:\n\tlr: 1\n' >tab.yaml
printf 'train: {lr: 1e-3, steps: 5\n' >open.yaml
printf 'a: &x 1\nb: *x\n' >anchor.yaml
printf '{"train": {"lr": 1e-3, "lr": 2e-3}}' >twice.json
printf '{"train": {"lr": 1e-3' >open.json
world=$(snapshot)

# ---- the command line -----------------------------------------------------------------------------------------------------------
bad "unknown command" 2 'tran|did you mean|train' $F tran
bad "unknown sub-command" 2 'prepar|did you mean|prepare' $F data prepar
bad "unknown flag" 2 '--promt|did you mean|--prompt' $F generate good --promt x
bad "unknown option key" 2 '--train.stesp|did you mean|--train.steps' $F train tiny.yaml --train.stesp 5
bad "unknown option of a section" 2 '--model.heads' $F train tiny.yaml --model.heads 5
bad "flag without its value" 2 '--train.steps' $F train tiny.yaml --train.steps
bad "no recipe" 2 'train' $F train
bad "two recipes" 2 'tiny.yaml' $F train tiny.yaml tiny.yaml
bad "no output named" 2 '-o' $F data synth
bad "--threads 0" 2 'threads|1 to 256|"0"' train --threads 0
bad "--threads -1" 2 'threads|1 to 256|"-1"' train --threads -1
bad "--threads 10^30" 2 'threads|1 to 256' train --threads 1000000000000000000000000000000
bad "--threads many" 2 'threads|many' train --threads many
bad "data synth --threads 0" 2 'threads|"0"' $F data synth -o new.txt --threads 0
bad "data prepare --threads 0" 2 'threads|"0"' $F data prepare s.txt -t tok -o new --threads 0
bad "tokenizer train --threads 0" 2 'threads|"0"' $F tokenizer train s.txt -o new --threads 0
bad "generate --threads 0" 2 'threads|"0"' generate good --threads 0
bad "doctor --threads 0" 2 'threads|"0"' $F doctor --threads 0
bad "bf16 without its instruction" 1 'train.dtype bf16|avx512_bf16|--train.dtype f32' train --isa scalar --train.dtype bf16
bad "--isa unknown" 2 'isa|avx512|sse2' train --isa sse2
bad "negative steps" 2 'train.steps|"-5"' train --train.steps -5
bad "steps 10^30" 2 'foundry train: --train.steps: expected a whole number from 1 to 1,000,000,000, got "1e30"' train --train.steps 1e30
bad "hidden_size 10^30" 2 'model.hidden_size|65,536' train --model.hidden_size 1000000000000000000000000000000
bad "negative width" 2 'model.hidden_size|"-32"' train --model.hidden_size -32
bad "half a layer" 2 'model.num_hidden_layers|"2.5"' train --model.num_hidden_layers 2.5
bad "NaN for a number" 2 'train.lr|"nan"' train --train.lr nan
bad "data synth --bytes -5" 2 'bytes|"-5"' $F data synth --bytes -5 -o new.txt
bad "data synth --bytes 0" 2 'bytes|"0"' $F data synth --bytes 0 -o new.txt
bad "data synth --bytes 10^30" 2 'bytes' $F data synth --bytes 1e30 -o new.txt
bad "data synth --lang" 2 'lang|en|zh|mix|"fr"' $F data synth --lang fr -o new.txt
bad "tokenizer --vocab-size 10^30" 2 'vocab-size' $F tokenizer train s.txt --vocab-size 1e30 -o new
bad "tokenizer --vocab-size 3" 2 'vocab-size|257' $F tokenizer train s.txt --vocab-size 3 -o new
bad "prepare --val-fraction 2" 2 'val-fraction|0.5' $F data prepare s.txt -t tok -o new --val-fraction 2
bad "generate --max-tokens -1" 2 'foundry generate: --max-tokens: expected a whole number from 1 to 1,000,000,000, got "-1"|hint: --max-tokens: ' generate good --max-tokens -1
bad "generate -n -1" 2 'foundry generate: --max-tokens: expected' generate good -n -1
bad "an option with its value behind =" 2 'foundry train: --train.steps: expected|"-5"' train --train.steps=-5
bad "generate -1" 2 'one argument too many, "-1"' generate good -1
bad "data synth --seed -1" 2 'foundry data synth: --seed: expected a whole number from 0 to 9,000,000,000,000,000, got "-1"' $F data synth --seed -1 -o new.txt
bad "data synth --bytes 10^30: the same form" 2 'foundry data synth: --bytes: expected a whole number from 1 to 1,000,000,000,000, got "1e30"' $F data synth --bytes 1e30 -o new.txt
bad "generate --temperature -1" 2 'temperature|"-1"' generate good --temperature -1
bad "generate --top-p 2" 2 '--top-p: expected a number from 0 to 1, got "2"' generate good --top-p 2
bad "generate --sampler-order wrong" 2 'sampler.order|top_q|did you mean' generate good --sampler-order temperature,top_q
bad "generate --mirostat 3" 2 '--mirostat: expected a whole number from 0 to 2, got "3"' generate good --mirostat 3
bad "generate --logit-bias without a bias" 2 'sampler.logit_bias: expected ID=BIAS, got "7"|--logit-bias 15=' generate good --logit-bias 7
bad "generate --logit-bias of no token" 2 'sampler.logit_bias: token: expected' generate good --logit-bias 999999=1
bad "a grammar without a rule" 1 'bad.gbnf:1:14: rule x is not defined' generate good --grammar bad.gbnf
bad "a grammar that is not there" 1 '"nope.gbnf"' generate good --grammar nope.gbnf
bad "a schema with a keyword that we do not know" 1 'bad.schema: #/properties/a: the keyword "multipleOf"|hint: supported are type' generate good --json-schema bad.schema
bad "a schema without an end" 1 'loop.schema: #: |refers to itself' generate good --json-schema loop.schema
bad "a schema that is not JSON" 1 's.txt:1:' generate good --json-schema s.txt
bad "a schema and a grammar" 2 'follows one of them' generate good --json-schema loop.schema --grammar bad.gbnf
bad "generate --seed -3" 2 'seed' generate good --seed -3
bad "a model larger than memory" 1 'memory' train --model.hidden_size 65536 --model.num_attention_heads 1024 --model.intermediate_size 1048576 --model.num_hidden_layers 1024
bad "corpus too small for one batch" 1 'shards|1000000000|hint: use more text' train --train.batch_tokens 1000000000 --train.seq_len 50

# ---- configs --------------------------------------------------------------------------------------------------------------------
bad "config missing" 1 'stories-3n|did you mean|stories-3m' $F train stories-3n
bad "config: a file that is not there" 1 'none.yaml' $F train none.yaml
bad "config empty" 1 'empty.txt|foundry config init' $F train empty.txt
bad "config: a folder" 1 'folder' $F train folder
bad "config: a binary file" 1 'noise.bin' $F train noise.bin
bad "config: unknown key, nearest named" 1 'typo.yaml:2|train.stepz|did you mean|train.steps' $F train typo.yaml
bad "config: unknown key" 1 'unknown.yaml:2|train.learning_rat' $F config check unknown.yaml
bad "config: a word for a number" 1 'type.yaml:2|train.lr|"fast"' $F train type.yaml
bad "config: a fraction for a whole number" 1 'half.yaml:2|train.steps|"2.5"' $F train half.yaml
bad "config: a list for a number" 1 'list.yaml:2|model.hidden_size|got a list' $F train list.yaml
bad "config: a list for a section" 1 'section.yaml:1|train is a section|got a list' $F config check section.yaml
bad "config: out of range" 1 'range.yaml:2|train.lr|from 0 to 10|"-1"' $F train range.yaml
bad "config: a tab" 1 'tab.yaml:2|spaces' $F train tab.yaml
bad "config: an open bracket" 1 'open.yaml:' $F train open.yaml
bad "config: anchors" 1 'anchor.yaml:1' $F train anchor.yaml
bad "config: a key twice (YAML)" 1 'twice.yaml:4|train.lr|first on line 2' $F train twice.yaml
bad "config: a key twice (JSON)" 1 'twice.json:1|lr' $F train twice.json
bad "config: JSON cut off" 1 'open.json:' $F train open.json
bad "heads do not divide the width" 1 'model.hidden_size = 32|tiny.yaml:2|num_attention_heads = 3|command line|hint: --model.hidden_size 30' train --model.num_attention_heads 3
bad "key/value heads do not divide the heads" 1 'num_key_value_heads = 3|num_attention_heads' train --model.num_key_value_heads 3
bad "window longer than the context" 1 'train.seq_len = 128|max_position_embeddings = 64' train --train.seq_len 128
bad "batch is no multiple of the window" 1 'train.batch_tokens = 100|64|hint: --train.batch_tokens' train --train.batch_tokens 100
bad "an optimizer that does not exist" 2 'train.optimizer|adamw|muon|lion|sgd|"adam"' train --train.optimizer adam
bad "a schedule that does not exist" 2 'train.schedule|cosine|linear|constant|wsd|"exp"' train --train.schedule exp
bad "a negative hyper-parameter" 2 'train.weight_decay|from 0 to 10|"-0.1"' train --train.weight_decay -0.1
bad "a hyper-parameter that is no number" 2 'train.momentum|from 0 to 0.9999999|"nan"' train --train.momentum nan
bad "vocabulary smaller than a token" 1 'shards|399|300' train --model.vocab_size 300
bad "no data named" 1 'data.train|hint:' $F train char --run.dir run/new
bad "config show of a bad file" 1 'typo.yaml:2' $F config show typo.yaml
bad "config init over a file" 1 'tiny.yaml' $F config init -o tiny.yaml

# ---- text ------------------------------------------------------------------------------------------------------------------------
for use in "data prepare FILE -t tok -o new" "tokenizer train FILE -o new" "train tiny.yaml --run.dir run/new --data.train FILE"; do
    what="${use%% *}: text"
    bad "$what missing" 1 'none.txt' $F ${use/FILE/none.txt}
    bad "$what empty" 1 'empty.txt' $F ${use/FILE/empty.txt}
    bad "$what a folder without text" 1 'folder' $F ${use/FILE/folder}
    bad "$what with a zero byte" 1 'nul.txt|9|NUL' $F ${use/FILE/nul.txt}
done
bad "prepare: broken .jsonl" 1 'broken.jsonl:2|hint:' $F data prepare broken.jsonl -t tok -o new
bad "prepare: .jsonl without the field" 1 'other.jsonl:2|"text"|--field body' $F data prepare other.jsonl -t tok -o new
bad "prepare: a character the tokenizer lacks" 1 'abd.txt|character "d"' $F data prepare abd.txt -t tokchar -o new
bad "prepare: output is a file" 1 'tiny.yaml' $F data prepare s.txt -t tok -o tiny.yaml
bad "prepare: output folder holds other things" 1 'keep|letter.doc|hint:' $F data prepare s.txt -t tok -o keep
bad "prepare: output below a file" 1 'tiny.yaml' $F data prepare s.txt -t tok -o tiny.yaml/new
bad "synth: output is a folder" 1 'folder' $F data synth --bytes 1K -o folder
bad "synth: no such folder" 1 'nowhere|mkdir' $F data synth --bytes 1K -o nowhere/new.txt
bad "tokenizer: output is a file" 1 'tiny.yaml' $F tokenizer train s.txt -o tiny.yaml
bad "corpus too small for one window" 1 'short.txt|train.seq_len = 64|train.batch_tokens = 256|hint:' train --data.train short.txt --data.tokenizer tok --data.val_fraction 0
bad "corpus too small, on the fly with its tokenizer" 1 'short.txt|train.seq_len = 64|train.batch_tokens = 256|hint:' train --data.train short.txt --data.tokenizer_vocab_size 300

# ---- tokenizers -----------------------------------------------------------------------------------------------------------------
bad "tokenizer missing" 1 'none' $F data prepare s.txt -t none -o new
bad "tokenizer: a folder without one" 1 'folder' $F data prepare s.txt -t folder -o new
bad "tokenizer: not a tokenizer" 1 's.txt' $F tokenizer info s.txt
for kind in cut long empty noise array; do
    bad "tokenizer.json $kind" 1 "tok-$kind/tokenizer.json" $F data prepare s.txt -t tok-$kind -o new
    bad "tokenizer.json $kind: encode" 1 "tok-$kind/tokenizer.json" $F tokenizer encode tok-$kind hello
done
bad "tokenizer does not match the shards" 1 'tok300|shards|fingerprint|hint:' train --data.tokenizer tok300
bad "shards' own tokenizer damaged" 1 'shards-tokflip' train --data.train shards-tokflip
bad "decode: id out of range" 2 '400|399' $F tokenizer decode tok 400
bad "decode: a negative id" 2 '"-1" is not a token id' $F tokenizer decode tok -1
bad "decode: not an id" 2 'abc' $F tokenizer decode tok abc
bad "init_from: another tokenizer" 1 'model.init_from|good300|tokenizer|hint:' train --model.init_from good300
bad "init_from: another shape" 1 'hf/model.safetensors|shape|64' train --model.init_from hf --model.hidden_size 64
bad "init_from: nothing there" 1 'none' train --model.init_from none
bad "val shards of another tokenizer" 1 'data.val|fingerprint' train --data.val shards300

# ---- shards ---------------------------------------------------------------------------------------------------------------------
for use in "data info" "train tiny.yaml --run.dir run/new --data.train"; do
    what="${use%% *}:"
    bad "$what shard truncated" 1 'shards-cut/train_000000.bin|bytes' $F $use shards-cut
    bad "$what shard oversized" 1 'shards-long/train_000000.bin|bytes' $F $use shards-long
    bad "$what shard with a flipped bit" 1 'shards-flip/train_000000.bin|checksum|hint:' $F $use shards-flip
    bad "$what shard with another magic" 1 'shards-magic/train_000000.bin' $F $use shards-magic
    bad "$what shard missing" 1 'shards-gone/train_000000.bin' $F $use shards-gone
    bad "$what shards.json truncated" 1 'shards-jsoncut/shards.json' $F $use shards-jsoncut
    bad "$what shards.json changed" 1 'shards-jsonflip' $F $use shards-jsonflip
    bad "$what no shards there" 1 'folder' $F $use folder
    bad "$what a binary file" 1 'noise.bin' $F $use noise.bin
done

# ---- models and checkpoints -------------------------------------------------------------------------------------------------------
bad "safetensors truncated" 1 'hf-cut/model.safetensors' generate hf-cut
bad "safetensors oversized" 1 'hf-long/model.safetensors' generate hf-long
bad "safetensors with a flipped bit in its header" 1 'hf-header/model.safetensors' generate hf-header
bad "safetensors: noise" 1 'hf-noise/model.safetensors' generate hf-noise
bad "safetensors empty" 1 'hf-empty/model.safetensors' generate hf-empty
bad "safetensors missing" 1 'hf-none|no weights|model.safetensors' generate hf-none
bad "config.json: other heads than the weights" 1 'hf-heads/model.safetensors|q_proj|shape|48' generate hf-heads
bad "config.json: another width than the weights" 1 'hf-wide/model.safetensors|shape|64' generate hf-wide
bad "config.json: rope_scaling" 1 'hf-rope/config.json:|rope_scaling' generate hf-rope
bad "config.json: another architecture" 1 'hf-type/config.json|mamba|llama' generate hf-type
bad "config.json truncated" 1 'hf-json/config.json' generate hf-json
bad "config.json missing" 1 'hf-noconfig' generate hf-noconfig
bad "config.json: fewer tokens than the tokenizer" 1 'hf-tok' generate hf-tok
bad "tokenizer.json missing beside the model" 1 'hf-notok' generate hf-notok
bad "checkpoint with a flipped bit" 1 'good-hurt/checkpoints/step-000012/model.safetensors|hint:' generate good-hurt --checkpoint step-12
bad "all checkpoints damaged: generate" 1 'good-hurt|whole' generate good-hurt
bad "all checkpoints damaged: train" 1 'good-hurt|whole' $F train tiny.yaml --run.dir good-hurt --train.steps 12
bad "all checkpoints without state: train" 1 'good-state|whole' $F train tiny.yaml --run.dir good-state --train.steps 12
bad "no such checkpoint" 1 'step|99|hint: its' generate good --checkpoint step-99
bad "no such checkpoint, and only one" 1 'hint: its only checkpoint is step-2' generate good300 --checkpoint step-99
bad "a checkpoint's name that is none" 2 'newest|step-N' generate good --checkpoint newest
bad "no such run" 1 'nowhere' generate nowhere
bad "a file for a run" 1 's.txt' generate s.txt
bad "a folder that is no run" 1 'folder|hint:' generate folder
bad "--resume of a damaged checkpoint" 1 'good-hurt' train --resume good-hurt/checkpoints/step-000012
bad "--resume of nothing" 1 'nowhere' train --resume nowhere
bad "--resume never on a run that has begun" 1 'good|never|hint:' $F train tiny.yaml --run.dir good --train.steps 12 --resume never
bad "the run folder holds another config" 1 'good|train.lr|0.003|0.001|hint:' $F train tiny.yaml --run.dir good --train.lr 1e-3 --train.min_lr 1e-4
bad "the run folder holds a run on other data" 1 'good|data.train|hint:' $F train tiny.yaml --run.dir good --data.train s.txt
bad "the run folder holds a larger model" 1 'good|model.hidden_size|hint:' $F train tiny.yaml --run.dir good --model.hidden_size 64
bad "the data's tokenizer changed under a run" 1 'swap/checkpoints/step-000002|swapped|fingerprint|hint:' $F train tiny.yaml --data.train swapped --run.dir swap --train.steps 5 --train.warmup_steps 0
bad "the run folder is a file" 1 'tiny.yaml' $F train tiny.yaml --run.dir tiny.yaml
bad "the run folder lies below a file" 1 'tiny.yaml' $F train tiny.yaml --run.dir tiny.yaml/run
bad "prompt longer than the context" 1 'prompt|64|hint:' $F generate good --prompt "$(head -c 400 s.txt)"
bad "prompt file missing" 1 'none.txt' $F generate good --prompt-file none.txt
bad "prompt given twice" 2 'prompt' $F generate good --prompt a --prompt-file s.txt

# ---- the loss explodes: the decay multiplies the weights by -99 a step ----------------------------------------------------------------
explode() {
    "$F" train tiny.yaml --run.dir "$1" --train.steps 60 --train.warmup_steps 0 --train.lr 10 --train.weight_decay 10 --train.grad_clip 0 \
        --train.checkpoint_every 1 --train.eval_every 0 --train.sample_every 0 >.said.out 2>.said
}
explode bang
code=$?
[ "${VERBOSE:-}" ] && tail -n 3 .said
equal "NaN: exit code" 1 $code
says "NaN: the tensor is named" "tensor with NaN or infinity is model." .said
says "NaN: the step" "error: Step " .said
says "NaN: what is left is named" "note: $(ls bang/checkpoints | tail -n 1) is untouched" .said
newest=$(ls bang/checkpoints 2>/dev/null | tail -n 1)
[ -n "$newest" ] && ok "NaN: an earlier checkpoint is there" || not_ok "NaN: an earlier checkpoint" "step-N" "none"
generate "bang/checkpoints/$newest" >.said.out 2>.said && ok "NaN: it is whole" || not_ok "NaN: it is whole" "exit 0" "$(cat .said)"
equal "NaN: no step after the bad one was recorded" "" "$(grep -iE 'nan|inf' bang/metrics.jsonl)"
rm -rf bang
explode_at_once() { "$F" train tiny.yaml --run.dir bang --train.steps 60 --train.warmup_steps 0 --train.lr 10 --train.weight_decay 10 --train.grad_clip 0 --train.checkpoint_every 0 --train.eval_every 0 --train.sample_every 0 >.said.out 2>.said; }
explode_at_once
equal "NaN without a checkpoint: exit code" 1 $?
equal "NaN without a checkpoint: none is spoken of" "" "$(grep untouched .said)"
rm -rf bang
world=$(snapshot)

# ---- not allowed --------------------------------------------------------------------------------------------------------------------
if [ "$(id -u)" = 0 ] && setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null; then
    chmod 755 . && cp "$FOUNDRY" ./binary && chmod 755 binary
    as_nobody() { (ulimit -c 0; HOME=/ setpriv --reuid 65534 --regid 65534 --clear-groups ./binary "$@"); }
elif [ "$(id -u)" != 0 ]; then
    as_nobody() { "$FOUNDRY" "$@"; }
else
    skip "unreadable files and folders" "root may read everything, and setpriv does not work here"
    as_nobody() { :; }
    no_nobody=1
fi
if [ -z "${no_nobody:-}" ]; then
    cp s.txt secret.txt && cp -r tok tok-secret && cp -r shards shards-secret && cp -r hf hf-secret && cp tiny.yaml secret.yaml
    cp -r good good-ro
    chmod 000 secret.txt secret.yaml tok-secret/tokenizer.json shards-secret/train_000000.bin hf-secret/$weights
    chmod -R a-w good-ro
    chmod a-w run
    mkdir -m 777 free
    world=$(snapshot)
    bad "unreadable text: prepare" 1 'secret.txt|ermission denied' as_nobody data prepare secret.txt -t tok -o free/new
    bad "unreadable text: tokenizer" 1 'secret.txt|ermission denied' as_nobody tokenizer train secret.txt -o free/new
    bad "unreadable text: train" 1 'secret.txt|ermission denied' as_nobody train tiny.yaml --data.train secret.txt --run.dir free/new
    bad "unreadable config" 1 'secret.yaml|ermission denied' as_nobody train secret.yaml
    bad "unreadable tokenizer" 1 'tok-secret|ermission denied' as_nobody tokenizer info tok-secret
    bad "unreadable shard" 1 'shards-secret/train_000000.bin|ermission denied' as_nobody data info shards-secret
    bad "unreadable weights" 1 'hf-secret/model.safetensors|ermission denied' as_nobody generate hf-secret
    bad "read-only folder: synth" 1 'run/|ermission denied' as_nobody data synth --bytes 1K -o run/new.txt
    bad "read-only folder: prepare" 1 'run/|ermission denied' as_nobody data prepare s.txt -t tok -o run/new
    bad "read-only folder: tokenizer" 1 'run/|ermission denied' as_nobody tokenizer train s.txt -o run/new
    bad "read-only folder: train" 1 'run|ermission denied' as_nobody train tiny.yaml --run.dir run/new
    bad "read-only folder: config init" 1 'run/|ermission denied' as_nobody config init -o run/new.yaml
    bad "read-only run: train" 1 'good-ro|ermission denied' as_nobody train tiny.yaml --run.dir good-ro --train.steps 20
    chmod u+w run
fi

# ---- the disk is full ---------------------------------------------------------------------------------------------------------------
# small KILOBYTES COMMAND: in a mount namespace of its own where run/ is a small disk; it is gone with the process.
small() {
    unshare "${unshared[@]}" bash -c 'mount -t tmpfs -o size=$0k,mode=777 none run && shift 0 && eval "$1"; code=$?; left=$(find run -mindepth 1 ! -name .lock | sort | tr "\n" " "); echo "left: ${left:-nothing}" >&2; exit $code' "$@"
}
unshared=(-m)
unshare -m mount -t tmpfs none run 2>/dev/null || unshared=(-rm)
if unshare "${unshared[@]}" mount -t tmpfs none run 2>/dev/null; then
    world=$(snapshot)
    export F
    bad "disk full: synth" 1 'o space left|df -h run/|left: nothing' small 64 '$F data synth --bytes 300K -o run/new.txt'
    bad "disk full: synth over what is there" 1 'o space left|left: run/new.bits run/new.meta.json run/new.txt ' small 700 '$F data synth --bytes 300K -o run/new.txt >/dev/null 2>&1; before=$(cat run/new.*); $F data synth --bytes 600K -o run/new.txt; code=$?; [ "$before" = "$(cat run/new.*)" ] || echo changed >run/changed; (exit $code)'
    bad "disk full: prepare" 1 'o space left|df -h run/|left: nothing' small 128 '$F data prepare s.txt -t tok -o run/new'
    bad "disk full: tokenizer" 1 'o space left|df -h run/|left: nothing' small 4 '$F tokenizer train s.txt -o run/new'
    bad "disk full: checkpoint" 1 'o space left|df -h run/new/checkpoints/|left: run/new run/new/checkpoints run/new/checkpoints/step-000007 ' small 600 '$F train tiny.yaml --run.dir run/new'
    bad "disk full: the first checkpoint" 1 'o space left|df -h|left: run/new run/new/checkpoints run/new/config.yaml run/new/metrics.jsonl ' small 200 '$F train tiny.yaml --run.dir run/new'
    bad "disk full: config.yaml" 1 'o space left|df -h run/|left: nothing' small 4 '$F train tiny.yaml --run.dir run/new'
    bad "disk full: metrics" 1 'run/new/metrics.jsonl|o space left|df -h|left: run/new run/new/config.yaml run/new/metrics.jsonl ' small 20 '$F train tiny.yaml --run.dir run/new --train.checkpoint_every 0 --train.steps 400'
else
    skip "a disk that is full" "mount namespaces are not allowed here"
fi
bad "file size limit: prepare" 1 'ulimit' bash -c "ulimit -f 64; $F data prepare s.txt -t tok -o run/new"
bad "file size limit: checkpoint" 1 'ulimit' bash -c "
    (ulimit -f 64; $F train tiny.yaml --run.dir run/new --train.steps 5 --train.sample_every 0)
    code=\$?
    [ -z \"\$(ls -A run/new/checkpoints)\" ] || code=99
    rm -r run/new
    exit \$code"
[ -e /dev/full ] && bad "full disk behind stdout" 1 'space left' bash -c "$F generate good --prompt Once --max-tokens 5 >/dev/full"

finish
