#!/bin/bash
# test_quality_cli.sh FOUNDRY SOURCE_DIR - how good a model is and how it gets smaller, through the real binary: `foundry eval` on a run, on its
# GGUF files and from standard input, the figures that training itself reports; `foundry imatrix` and `foundry quantize` and what they cost; every mistake a sentence on stderr, the right exit code, nothing on stdout.
set -u
. "$(dirname "$0")/lib.sh"
tiny_world
run train tiny.yaml --run.dir good --train.dtype f32 --train.eval_documents 0 --train.steps 30 >train.txt 2>&1 || { cat train.txt; exit 1; }
run data synth --lang mix --bytes 20K --seed 7 -o held.txt 2>/dev/null
timeless() { sed 's/, "seconds": .*//; s/"model": "[^"]*", //' "$1"; }
# near NAME A B: equal to six digits
near() { awk -v a="$2" -v b="$3" 'BEGIN { d = a - b; exit !(a != "" && b != "" && d * d <= 1e-12 * (a * a + 1e-12)) }' && ok "$1" || not_ok "$1" "$3" "$2"; }

# ---- perplexity ------------------------------------------------------------------------------------------------------------------
run eval perplexity good --data shards --ctx 64 --json >a.json 2>err.txt || not_ok "perplexity of shards" "exit 0" "$(cat err.txt)"
json "perplexity --json" a.json
near "the loss that training reports" "$(number nll a.json)" "$(grep -o '"val_loss": [^,}]*' good/metrics.jsonl | tail -n 1 | sed 's/.*: //')"
near "and its bits per byte" "$(number bits_per_byte a.json)" "$(grep -o '"val_bpb": [^,}]*' good/metrics.jsonl | tail -n 1 | sed 's/.*: //')"
run eval perplexity good --data held.txt --threads 1 --json >one.json 2>err.txt || not_ok "perplexity of a text" "exit 0" "$(cat err.txt)"
run eval perplexity good --data held.txt --threads 2 --json >two.json 2>/dev/null
equal "the same on 1 and 2 threads" "$(timeless one.json)" "$(timeless two.json)"
run eval perplexity good --data - --json <held.txt >two.json 2>/dev/null
equal "the same from standard input" "$(timeless one.json)" "$(timeless two.json)"
run eval perplexity good --data held.txt --stride 5 --json >two.json 2>/dev/null
equal "every token once, whatever the stride" "$(number tokens one.json) $(number bytes one.json)" "$(number tokens two.json) $(number bytes two.json)"
[ "$(number windows two.json)" -gt "$(number windows one.json)" ] && ok "shorter strides, more windows" || not_ok "shorter strides, more windows" "more" "$(cat two.json)"
run model export good --dtype f32 -o good.gguf >/dev/null 2>&1
run model export good --dtype q4_0 -o small.gguf >/dev/null 2>&1
run eval perplexity good good.gguf small.gguf --data held.txt --json >three.json 2>err.txt || not_ok "three models" "exit 0" "$(cat err.txt)"
equal "a line for each of three models" 3 "$(wc -l <three.json)"
sed -n 2p three.json >two.json
equal "the same from a GGUF file" "$(timeless one.json)" "$(timeless two.json)"
run eval perplexity good small.gguf --data held.txt >out.txt 2>err.txt
says "a table for people" "small.gguf" out.txt
says "progress on stderr" "score" err.txt

# ---- kl ----------------------------------------------------------------------------------------------------------------------------
run eval kl good.gguf --base good --data held.txt --json >kl.json 2>err.txt || not_ok "kl" "exit 0" "$(cat err.txt)"
json "kl --json" kl.json
equal "no distance to itself" "0 0 1 1" "$(number kl kl.json) $(number kl_max kl.json) $(number top1 kl.json) $(number ratio kl.json)"
run eval kl small.gguf --base good --data held.txt --threads 1 --json >one.json 2>err.txt
run eval kl small.gguf --base good --data held.txt --threads 2 --json >two.json 2>err.txt
equal "kl: the same on 1 and 2 threads" "$(timeless one.json)" "$(timeless two.json)"
awk -v k="$(number kl one.json)" 'BEGIN { exit !(k > 1e-6 && k < 0.1) }' && ok "q4_0 is near, not there" || not_ok "q4_0 is near, not there" "1e-6 to 0.1" "$(cat one.json)"
near "kl reports the model's perplexity" "$(number perplexity one.json)" "$(sed -n 3p three.json >p.json; number perplexity p.json)"
run eval kl good --weights q8_0 --base good --data held.txt >out.txt 2>err.txt
says "kl for people" "same first choice" out.txt

run eval kl good --base good --data held.txt --kv-type f32 --json >kl.json 2>err.txt || not_ok "kl of keys and values" "exit 0" "$(cat err.txt)"
equal "floats in the cache: no distance" "0 1" "$(number kl_max kl.json) $(number ratio kl.json)"
run eval kl good --base good --data held.txt --kv-type q8_0 --json >kl.json 2>err.txt || not_ok "kl of keys and values" "exit 0" "$(cat err.txt)"
awk -v k="$(number kl kl.json)" -v r="$(number ratio kl.json)" 'BEGIN { exit !(k > 1e-10 && k < 1e-3 && r > 0.999 && r < 1.001) }' && ok "keys and values in q8_0: 0.1 % at most" ||
    not_ok "keys and values in q8_0: 0.1 % at most" "a ratio of 0.999 to 1.001" "$(cat kl.json)"
run eval perplexity good --data held.txt --kv-type auto --json >two.json 2>err.txt || not_ok "--kv-type auto" "exit 0" "$(cat err.txt)"
run eval perplexity good --data held.txt --kv-type q8_0 --json >two.json 2>err.txt
near "and the same perplexity by itself" "$(number perplexity two.json)" "$(number perplexity kl.json)"

# ---- imatrix, quantize ---------------------------------------------------------------------------------------------------------------
# less NAME A B FACTOR: A < FACTOR * B
less() { awk -v a="$2" -v b="$3" -v f="$4" 'BEGIN { exit !(a != "" && b != "" && a < f * b) }' && ok "$1" || not_ok "$1" "below $4 x $3" "$2"; }
run train tiny.yaml --run.dir wide --model.hidden_size 256 --model.intermediate_size 512 --train.steps 60 --train.batch_tokens 512 >train.txt 2>&1 || { cat train.txt; exit 1; }
run data synth --lang mix --bytes 60K --seed 8 -o calibration.txt 2>/dev/null
run imatrix wide --data calibration.txt --threads 1 -o one.imatrix --json >im.json 2>err.txt || not_ok "imatrix" "exit 0" "$(cat err.txt)"
run imatrix wide --data - --threads 2 -o two.imatrix <calibration.txt >out.txt 2>err.txt
json "imatrix --json" im.json
equal "importance of 2 x 7 weights and the head" 15 "$(number entries im.json)"
says "imatrix for people" "inputs of 15 weights" out.txt
cmp -s <(tail -c 8000 one.imatrix) <(tail -c 8000 two.imatrix) && ok "imatrix: the same on 1 and 2 threads" || not_ok "imatrix: the same on 1 and 2 threads" "the same bytes" ""
run imatrix wide --data calibration.txt --ctx 32 --chunks 5 -o few.imatrix --json >im.json 2>err.txt
says "imatrix: the bar of five chunks comes to its end" "collect  100%" err.txt
equal "five windows of 32" "5 160" "$(number chunks im.json) $(number tokens im.json)"
for t in q8_0 q6_k q4_k q4_0; do
    run quantize wide --type $t -o $t.gguf --json >$t.json 2>err.txt || not_ok "quantize $t" "exit 0" "$(cat err.txt)"
    run quantize wide --type $t --imatrix one.imatrix -o $t-im.gguf --json >$t-im.json 2>err.txt || not_ok "quantize $t with importance" "exit 0" "$(cat err.txt)"
done
json "quantize --json" q4_k.json
equal "importance for 15 of 15 matrices" "0 15" "$(number weighted q4_k.json) $(number weighted q4_k-im.json)"
run eval kl q8_0.gguf q6_k.gguf q4_k.gguf q4_0.gguf q4_0-im.gguf --base wide --data held.txt --json >kls.json 2>err.txt || not_ok "kl of five" "exit 0" "$(cat err.txt)"
kl_of() { sed -n "$1p" kls.json >line.json; number kl line.json; }
less "q8_0 is nearer than q6_k" "$(kl_of 1)" "$(kl_of 2)" 0.8
less "q6_k is nearer than q4_k" "$(kl_of 2)" "$(kl_of 3)" 0.5
less "q4_k is nearer than q4_0" "$(kl_of 3)" "$(kl_of 4)" 1
less "importance brings q4_0 nearer on text that it has not seen" "$(kl_of 5)" "$(kl_of 4)" 0.9
less "4.5 bits a weight" "$(number bits_per_weight q4_k.json)" 4.6 1
run quantize wide --type q4_k --threads 1 -o thread.gguf >out.txt 2>&1
cmp -s thread.gguf q4_k.gguf && ok "the same file on 1 and 2 threads" || not_ok "the same file on 1 and 2 threads" "the same bytes" ""
says "a table for people" "blk.1.ffn_down.weight" out.txt
run model export wide --dtype q4_k -o export.gguf >/dev/null 2>&1
cmp -s export.gguf q4_k.gguf && ok "what model export writes" || not_ok "what model export writes" "the same bytes" ""
run quantize wide --type q4_k_m --keep '*attn_q=q8_0' --keep output=f16 -o mix.gguf >out.txt 2>err.txt || not_ok "a mix with exceptions" "exit 0" "$(cat err.txt)"
run model info mix.gguf --tensors >out.txt 2>err.txt
equal "a mix with exceptions" "F16 Q8_0 Q4_K Q6_K" "$(for t in token_embd blk.0.attn_q blk.0.attn_k blk.1.ffn_down; do awk -v t="$t.weight" '$1 == t { printf "%s ", $2 }' out.txt; done | sed 's/ $//')"
for m in q4_k.gguf mix.gguf q4_0-im.gguf; do
    run generate $m --prompt Once --max-tokens 5 >out.txt 2>err.txt && ok "generate from $m" || not_ok "generate from $m" "exit 0" "$(cat err.txt)"
done

# ---- what is refused ---------------------------------------------------------------------------------------------------------------
# refused NAME CODE "WORDS|WORDS" ARGUMENTS...
refused() {
    local name=$1 code=$2 words=$3 got word
    shift 3
    run "$@" >said.out 2>said.txt
    got=$?
    local IFS='|'
    for word in $words; do grep -qF -- "$word" said.txt || { not_ok "$name" "words \"$word\"" "$(cat said.txt)"; return; }; done
    unset IFS
    if [ "$got" != "$code" ]; then not_ok "$name" "exit $code" "exit $got: $(cat said.txt)"
    elif [ -s said.out ]; then not_ok "$name" "nothing on stdout" "$(cat said.out)"
    elif [ -e new.gguf ]; then not_ok "$name" "nothing written" "$(ls -d new.gguf)"; rm -rf new.gguf
    else ok "$name"; fi
}
run tokenizer train s.txt --vocab-size 500 -o tok500 >/dev/null 2>&1
run train tiny.yaml --run.dir other --data.train s.txt --data.tokenizer tok500 --train.steps 1 --train.warmup_steps 0 >train.txt 2>&1
run tokenizer train held.txt --vocab-size 400 -o tokheld >/dev/null 2>&1
run train tiny.yaml --run.dir alike --data.train s.txt --data.tokenizer tokheld --train.steps 1 --train.warmup_steps 0 >train.txt 2>&1
: >empty.txt
head -c 3000 good.gguf >cut.gguf
for use in "eval perplexity good" "eval kl good --base good"; do
    refused "$use: no data" 2 '--data TEXT' $use
    refused "$use: no such text" 1 'nowhere.txt' $use --data nowhere.txt
    refused "$use: an empty text" 1 'no token that can be scored' $use --data empty.txt
    refused "$use: a window larger than the context" 2 'a window of 65 tokens|64' $use --data held.txt --ctx 65
    refused "$use: a stride larger than the window" 2 'windows 33 tokens apart|1 to 32' $use --data held.txt --ctx 32 --stride 33
done
refused "quantize: no type" 2 '--type TYPE' quantize good -o new.gguf
refused "quantize: no output" 2 '-o OUT.gguf' quantize good --type q4_k
refused "quantize: no such type" 2 'expected one of|q4_k_m' quantize good --type q9_9 -o new.gguf
refused "quantize: a type that is only read" 2 'expected one of' quantize good --type q2_k -o new.gguf
refused "quantize: no matrix of that name" 1 'nowhere|ffn_down' quantize good --type q4_0 --keep nowhere=q8_0 -o new.gguf
refused "quantize: an exception without a type" 2 'PATTERN=TYPE' quantize good --type q4_0 --keep output -o new.gguf
refused "quantize: rows that do not fit" 2 'blocks of 256' quantize good --type q4_0 --keep output=q6_k -o new.gguf
refused "quantize: twice" 1 'is Q4_0 already|--requantize' quantize small.gguf --type q8_0 -o new.gguf
refused "quantize: importance of another model" 1 'another model' quantize good --type q4_0 --imatrix one.imatrix -o new.gguf
refused "quantize: importance that is a model" 1 'small.gguf|foundry imatrix' quantize good --type q4_0 --imatrix small.gguf -o new.gguf
refused "quantize: importance that is a text" 1 'held.txt' quantize good --type q4_0 --imatrix held.txt -o new.gguf
refused "quantize: no such model" 1 'nowhere' quantize nowhere --type q4_0 -o new.gguf
refused "imatrix: no text" 2 '--data TEXT' imatrix good -o new.gguf
refused "imatrix: no output" 2 '-o FILE' imatrix good --data held.txt
refused "imatrix: an empty text" 1 'no token' imatrix good --data empty.txt -o new.gguf
refused "imatrix: a window larger than the context" 2 'a window of 65' imatrix good --data held.txt --ctx 65 -o new.gguf
refused "imatrix: nowhere to write" 1 'nowhere' imatrix good --data held.txt -o nowhere/new.gguf
refused "perplexity: no model" 2 'eval perplexity' eval perplexity --data held.txt
refused "perplexity: a model cut off" 1 'cut.gguf' eval perplexity cut.gguf --data held.txt
refused "perplexity: shards of another tokenizer" 1 'another tokenizer' eval perplexity other --data shards
refused "kl: no base" 2 '--base BASE' eval kl good --data held.txt
refused "kl: a vocabulary of another size" 1 'vocabular' eval kl other --base good --data held.txt
refused "kl: other tokens" 1 'the vocabularies differ' eval kl alike --base good --data held.txt
finish
