#!/bin/bash
# test_main_job.sh FOUNDRY SOURCE_DIR - text in, a model that talks out: a newcomer's commands in order, on a small scale, their figures
# against each other, and every form that a program reads.
set -u
. "$(dirname "$0")/lib.sh"

# does NAME COMMAND...: exit 0; what it says in out and err
does() {
    local name=$1
    shift
    "$@" >out 2>err </dev/null && ok "$name" || not_ok "$name" "exit 0" "$(tail -n 5 err)"
}
# finite NAME NUMBER LOW HIGH
within() { awk -v x="$2" -v a="$3" -v b="$4" 'BEGIN { exit !(x ~ /^[-+0-9.eE]+$/ && x >= a && x <= b) }' && ok "$1 ($2)" || not_ok "$1" "$3 to $4" "$2"; }

# ---- the machine ---------------------------------------------------------------------------------------------------------------
does "doctor" run doctor
does "doctor --json" run doctor --json
json "doctor --json is JSON" out
says "doctor --json: all is well" '"ok": true' out
says "doctor: the kernels were tested" '"kernel": "gemm"' out
does "--version" run --version
says "--version names the rungs" 'rungs:' out

# ---- stories, tokenizer, shards --------------------------------------------------------------------------------------------------
does "data synth" run data synth --lang mix --bytes 300K --seed 1 -o stories.txt
json "stories.meta.json is JSON" stories.meta.json
documents=$(number documents stories.meta.json)
equal "one line of stories.bits per story" "$documents" "$(wc -l <stories.bits | tr -d ' ')"
equal "one <|endoftext|> line per story" "$documents" "$(grep -c '^<|endoftext|>$' stories.txt)"
equal "bytes: text and separators make the file" "$(wc -c <stories.txt | tr -d ' ')" "$(($(number bytes stories.meta.json) + 15 * documents))"
within "the floor is at most 0.6 bits per byte" "$(number bits_per_byte stories.meta.json)" 0.05 0.6
within "bits add up" "$(awk -v total="$(number bits stories.meta.json)" '{ s += $1 } END { print s / total }' stories.bits)" 0.999999 1.000001
run data synth --lang mix --bytes 300K --seed 1 --threads 1 -o again.txt --json >out 2>err
json "data synth --json is JSON" out
equal "the same seed, one thread: the same stories" "$(bits stories.txt) $(bits stories.bits)" "$(bits again.txt) $(bits again.bits)"

does "tokenizer train" run tokenizer train stories.txt --vocab-size 400 -o tok/
json "tokenizer.json is JSON" tok/tokenizer.json
json "tokenizer_config.json is JSON" tok/tokenizer_config.json
does "tokenizer info --json" run tokenizer info tok/ --json
json "tokenizer info --json is JSON" out
fingerprint=$(sed 's/.*"fingerprint": "\([0-9a-f]*\)".*/\1/' out)
equal "a vocabulary of the size asked for" 400 "$(number vocab_size out)"
{
    head -c 3000 stories.txt
    printf 'don'\''t  \t  mix\r\n 12345 \xff\xfe\xe5\xb1 naïve 山水 café 🐉 <|endoftext|> \n\n  end '
} >mixed.bin
run tokenizer encode tok --file mixed.bin >ids.txt && run tokenizer decode tok - <ids.txt >back.bin
cmp -s mixed.bin back.bin && ok "encode, decode: mixed text and broken UTF-8 come back" || not_ok "encode, decode" "the same bytes" "$(cmp mixed.bin back.bin)"

does "data prepare" run data prepare stories.txt --tokenizer tok/ -o shards/ --val-fraction 0.05
json "shards.json is JSON" shards/shards.json
does "data info" run data info shards/
does "data info --json" run data info shards/ --json
json "data info --json is JSON" out
says "the shards know their tokenizer" "$fingerprint" out
equal "documents: train and val make all" "$documents" "$(grep -o '"documents": [0-9]*' out | awk '{ s += $2 } END { print s }')"
equal "bytes: train and val make all" "$(number bytes stories.meta.json)" "$(grep -o '"bytes": [0-9]*' out | awk '{ s += $2 } END { print s }')"
within "floor: train and val make all" "$(grep -o '"floor_bits": [0-9.]*' out | awk -v total="$(number bits stories.meta.json)" '{ s += $2 } END { print s / total }')" 0.999999 1.000001
run data prepare stories.txt --tokenizer tok/ -o one/ --val-fraction 0.05 --threads 1 --json >out 2>err
json "data prepare --json is JSON" out
equal "shards with one thread are the same" "$(cat shards/*.bin | sha256sum)" "$(cat one/*.bin | sha256sum)"

# ---- config ----------------------------------------------------------------------------------------------------------------------
does "config init" run config init --preset stories-3m -o my.yaml
does "config check" run config check my.yaml
does "config show --origin" run config show my.yaml --train.lr 2e-3 --origin
grep -qE '^ *lr: (2e-3|0.002) +# command line' out && ok "--origin: the command line" || not_ok "--origin" "lr: 2e-3 # command line" "$(grep lr: out)"
grep -qE '^ *hidden_size: [0-9]+ +# my.yaml:[0-9]+' out && ok "--origin: file and line" || not_ok "--origin" "my.yaml:N" "$(grep hidden_size out)"
FOUNDRY_TRAIN_STEPS=77 run config show my.yaml --origin >out
grep -qE '^ *steps: 77 +# environment' out && ok "--origin: the environment" || not_ok "--origin" "environment" "$(grep steps out)"
run config show my.yaml --json >out
json "config show --json is JSON" out

# ---- train -----------------------------------------------------------------------------------------------------------------------
tiny() { run train "$@" --model.hidden_size 32 --model.intermediate_size 64 --model.num_hidden_layers 2 --model.num_attention_heads 2 \
    --model.num_key_value_heads 1 --model.max_position_embeddings 64 --train.batch_tokens 256 --train.warmup_steps 4; }
does "train a recipe of the tree" tiny "$SOURCE/configs/stories-3m.yaml" --data.train shards --run.dir runs/a --train.steps 24 --resume auto \
    --train.eval_every 10 --train.eval_documents 4 --train.sample_every 12 --train.checkpoint_every 10 --train.log_every 5 --sampler.max_tokens 20
for word in "a fresh start" "parameters" "to validate" "step 10" "saved runs/a/checkpoints/step-000010" "x floor" "next: foundry generate runs/a"; do
    says "train says \"$word\"" "$word" err
done
equal "nothing on stdout" "" "$(cat out)"
for file in config.yaml metrics.jsonl checkpoints/step-000024/{config.json,model.safetensors,generation_config.json,tokenizer.json,tokenizer_config.json,trainer/state.json,trainer/optimizer.safetensors} samples/step-000024.txt; do
    [ -s "runs/a/$file" ] || not_ok "runs/a/$file" "a file with something in it" "$(ls "runs/a/${file%/*}" 2>&1)"
done
for file in config.json generation_config.json trainer/state.json; do json "$file is JSON" runs/a/checkpoints/step-000024/$file; done
tail -n 1 runs/a/metrics.jsonl >last.json
json "a line of metrics.jsonl is JSON" last.json
for key in step loss lr grad_norm tokens_per_second val_loss val_bpb val_floor_bpb; do
    within "metrics: $key" "$(number $key last.json)" 1e-9 1e9
done
equal "evaluations at 10, 20 and the end" "10 20 24" "$(grep val_loss runs/a/metrics.jsonl | sed 's/{"step": \([0-9]*\).*/\1/' | tr '\n' ' ' | sed 's/ $//')"
awk -v a="$(number loss runs/a/metrics.jsonl)" -v b="$(number loss last.json)" 'BEGIN { exit !(b < a - 0.3) }' && ok "it learns" ||
    not_ok "it learns" "a loss that falls" "$(head -n 1 runs/a/metrics.jsonl; cat last.json)"
does "the same with document_mask" tiny "$SOURCE/configs/stories-3m.yaml" --data.train shards --run.dir runs/mask --train.steps 12 --data.document_mask true
equal "which gives other weights" different "$([ "$(final runs/a)" = "$(final runs/mask)" ] && echo the same || echo different)"
does "init_from a run" tiny stories-3m --data.train shards --run.dir runs/more --train.steps 6 --model.init_from runs/a
awk -v a="$(number loss runs/a/metrics.jsonl)" -v b="$(number loss runs/more/metrics.jsonl)" 'BEGIN { exit !(b < a - 0.2) }' &&
    ok "init_from begins where the other ended" || not_ok "init_from" "a first loss well below that of random weights" "$(head -n 1 runs/more/metrics.jsonl)"

# ---- generate ---------------------------------------------------------------------------------------------------------------------
does "generate with every option" run generate runs/a --prompt "Once upon a time" --max-tokens 30 --temperature 0.8 --top-k 40 --top-p 0.95 \
    --min-p 0.05 --repetition-penalty 1.1 --frequency-penalty 0.1 --presence-penalty 0.1 --seed 7 --sampler-order penalties,temperature,top_k,top_p,min_p --stats
cp out said
[ -s said ] && ok "it talks" || not_ok "it talks" "text" "nothing"
says "and says how fast" "tok/s" err
run generate runs/a --prompt "Once upon a time" --max-tokens 30 --temperature 0.8 --top-k 40 --top-p 0.95 --min-p 0.05 --repetition-penalty 1.1 \
    --frequency-penalty 0.1 --presence-penalty 0.1 --seed 7 --sampler-order penalties,temperature,top_k,top_p,min_p >out 2>err
equal "the same seed, the same story" "$(cat said)" "$(cat out)"
seeds=$(for s in 1 2 3; do run generate runs/a --prompt Once --max-tokens 20 --seed $s 2>err | sha256sum; done | sort -u | wc -l | tr -d ' ')
equal "other seeds, other stories" 3 "$seeds"
greedy=$(for s in 1 2; do run generate runs/a --prompt Once --max-tokens 20 --temperature 0 --seed $s 2>err | sha256sum; done | sort -u | wc -l | tr -d ' ')
equal "temperature 0 needs no seed" 1 "$greedy"
does "generate --json" run generate runs/a --prompt "小" --max-tokens 12 --json
json "generate --json is JSON" out
within "generate --json counts tokens" "$(number tokens out)" 0 12
printf 'Once upon' >prompt.txt
equal "--prompt-file, - and --prompt are one" "$(run generate runs/a --prompt 'Once upon' --max-tokens 9 2>err)$(run generate runs/a --prompt 'Once upon' --max-tokens 9 2>err)" \
    "$(run generate runs/a --prompt-file prompt.txt --max-tokens 9 2>err)$(run generate runs/a - --max-tokens 9 2>err <prompt.txt)"
does "an earlier checkpoint" run generate runs/a --checkpoint step-10 --prompt Once --max-tokens 9
equal "several texts are divided by <|endoftext|> lines" 2 "$(run generate runs/a --prompt Once --max-tokens 9 --n 3 2>err | grep -c '^<|endoftext|>$')"
does "no prompt: a new document" run generate runs/a --max-tokens 9
does "a model folder without a run" run generate runs/a/checkpoints/step-000024 --prompt Once --max-tokens 9

# ---- raw text on the fly -------------------------------------------------------------------------------------------------------------
for mode in bpe char; do
    fly() { tiny stories-3m --data.train stories.txt --data.val_fraction 0.05 --data.tokenizer_mode $mode --data.tokenizer_vocab_size 350 --run.dir runs/$mode "$@"; }
    does "raw text, $mode" fly --train.steps 10
    grep -q '^prepare' err && ok "raw text, $mode: prepared" || not_ok "raw text, $mode" "a line that says prepare" "$(head -n 4 err)"
    shards=$(ls -d runs/$mode/data/*)
    before=$(find "$shards" runs/$mode/tokenizer -type f -printf '%p %i %T@\n' | sort)
    does "raw text, $mode: the second start" fly --train.steps 14
    grep -q '^prepare' err && not_ok "raw text, $mode: cached" "no preparation" "$(head -n 4 err)" || ok "raw text, $mode: cached"
    equal "raw text, $mode: tokenizer and shards were left alone" "$before" "$(find "$shards" runs/$mode/tokenizer -type f -printf '%p %i %T@\n' | sort)"
    says "raw text, $mode: goes on" "resumed from step 10 of 14" err
    does "raw text, $mode: generate" run generate runs/$mode --prompt "小" --max-tokens 9
    does "raw text, $mode: the floor is known" grep -q val_floor_bpb runs/$mode/metrics.jsonl
done

# ---- real text ----------------------------------------------------------------------------------------------------------------------
poems=$SOURCE/../shared/data/tang-poems.txt
if [ -r "$poems" ]; then
    does "tang-poems: tokenizer" run tokenizer train "$poems" --vocab-size 2048 -o tang
    does "tang-poems: prepare" run data prepare "$poems" -t tang -o tang-shards --val-fraction 0.02
    does "tang-poems: 20 steps" tiny stories-3m --data.train tang-shards --run.dir runs/tang --train.steps 20
    awk -v a="$(number loss runs/tang/metrics.jsonl)" -v b="$(tail -n 1 runs/tang/metrics.jsonl >last.json; number loss last.json)" \
        'BEGIN { exit !(b < a - 0.2) }' && ok "tang-poems: it learns" || not_ok "tang-poems: it learns" "a loss that falls" "$(cat last.json)"
    does "tang-poems: generate" run generate runs/tang --prompt "明月" --max-tokens 12
else
    skip "tang-poems" "no $poems"
fi

finish
