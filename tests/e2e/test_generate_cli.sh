#!/bin/bash
# test_generate_cli.sh FOUNDRY SOURCE_DIR - `foundry generate` as people and programs meet it: several texts, stops, probabilities, figures.
set -u
. "$(dirname "$0")/lib.sh"

tiny_world
run train tiny.yaml --run.dir run >train.txt 2>&1 || not_ok "a run to talk with" 0 "$(tail -n 3 train.txt)"
say() { run generate run --prompt "Once upon" --max-tokens 40 "$@" 2>err.txt; }

# ---- several texts ----------------------------------------------------------------------------------------------------------------
for seed in $(seq 5 24); do
    [ "$seed" = 5 ] || echo '<|endoftext|>'
    say --seed "$seed"
done >alone.txt
say --seed 5 --n 20 >together.txt
equal "20 texts side by side are those of their seeds" "$(cat alone.txt)" "$(cat together.txt)"
say --seed 5 --n 3 --json >three.json
equal "--json: a line a text" 3 "$(wc -l <three.json)"
head -n 1 three.json >first.json
json "--json is JSON" first.json
equal "their seeds" '5 6 7 ' "$(sed 's/.*"seed": \([0-9]*\).*/\1/' three.json | tr '\n' ' ')"
say --seed 9223372036854775807 --n 2 --json >turn.json
equal "after the largest seed comes 0" '9223372036854775807 0 ' "$(sed 's/.*"seed": \(-*[0-9]*\).*/\1/' turn.json | tr '\n' ' ')"
equal "and it is the text of seed 0" "$(say --seed 0)" "$(say --seed 9223372036854775807 --n 2 | sed '1,/<|endoftext|>/d')"
equal "in little memory, fewer at a time: the same texts" "$(cat together.txt)" "$(say --seed 5 --n 20 --kv-memory 64K)"
say --kv-memory 2K
equal "in less: exit 1" 1 $?
says "in less: says what fits" 'for keys and values hold 0 tokens of this model' err.txt
says "in less: says what to do" 'sampler.kv_memory' err.txt
run chat run --kv-memory 2K </dev/null >out.txt 2>err.txt
says "chat --kv-memory" 'for keys and values hold 0 tokens of this model' err.txt
run bench infer run --kv-memory 2K --prefill 0 --decode 2 --batch 1 --threads 1 >out.txt 2>err.txt
says "bench infer --kv-memory" 'sampler.kv_memory is 2000' err.txt

# ---- stops ------------------------------------------------------------------------------------------------------------------------
say --seed 5 >whole.txt
word=$(tr ' ' '\n' <whole.txt | sed -n 6p)
equal "--stop ends before the word" "$(sed "s/$word.*//" whole.txt)" "$(say --seed 5 --stop "$word")"
equal "the first of two stops ends it" "$(sed "s/$word.*//" whole.txt)" "$(say --seed 5 --stop 'no such words' --stop "$word")"
equal "a stop that does not come" "$(cat whole.txt)" "$(say --seed 5 --stop "$word and no such words")"
say --seed 5 --stop "$word" --json >stop.json
says "--json says why" '"stop": "stop"' stop.json
run generate run --prompt "从前" --seed 3 --max-tokens 40 >zh.txt 2>err.txt
letter=$(grep -o '[^ -~�]' zh.txt | sed -n 2p) # a character, whose bytes come in several tokens
equal "a stop in the middle of tokens" "$(sed "s/$letter.*//" zh.txt | tr -d '\n')" "$(run generate run --prompt "从前" --seed 3 --max-tokens 40 --stop "$letter" 2>err.txt | tr -d '\n')"

# ---- probabilities ----------------------------------------------------------------------------------------------------------------
say --max-tokens 4 --temperature 0 --logprobs 3 --prompt-logprobs 1 --json >probable.json
json "--logprobs is JSON" probable.json
equal "each token has its three likeliest" 12 "$(sed 's/.*"logprobs": //' probable.json | grep -o '"top": \[[^]]*\]' | grep -o '"id"' | wc -l | tr -d ' ')"
says "the first token of a prompt has none" '"logprob": null, "top": []' probable.json
pairs() { sed 's/.*"logprobs": //' "$1" | grep -o '"logprob": [-0-9.]*, "top": .."token": "[^"]*", "id": [0-9]*, "logprob": [-0-9.]*'; }
equal "temperature 0 draws the likeliest" "4 of 4" "$(pairs probable.json | awk '$2 + 0 == $NF + 0 { same++ } END { print same " of " NR }')"
say --max-tokens 2 --logprobs 0 >table.txt
equal "as text: a line a token behind the text" 2 "$(sed '1,/^tokens$/d' table.txt | wc -l | tr -d ' ')"
say --max-tokens 9 --temperature 5 --seed 2 --logprobs 1 --json >hot.json
equal "probabilities before sampling: none is likelier than the likeliest" 9 "$(pairs hot.json | awk '$2 + 0 <= $NF + 0 && $NF < 0' | wc -l | tr -d ' ')"

# ---- figures ----------------------------------------------------------------------------------------------------------------------
say --stats >out.txt
for word in 'load ' 'prompt ' ' tok/s' 'GB/s that this machine reads'; do says "--stats: $word" "$word" err.txt; done
say --json --stats | tail -n 1 >stats.json
json "--stats --json is JSON" stats.json
says "--stats --json: the share" '"share": ' stats.json
run generate run --lang zh --prompt Once --max-tokens 3 --stats >out.txt 2>err.txt
says "--stats in Chinese" '本机读取上限' err.txt

# ---- other models, prompts and mistakes -------------------------------------------------------------------------------------------
run model export run --format gguf --dtype f32 -o run.gguf >out.txt 2>&1
equal "a GGUF file says the same" "$(say --weights f32 --stop "$word")" "$(run generate run.gguf --weights f32 --prompt "Once upon" --max-tokens 40 --stop "$word" 2>err.txt)"
equal "an empty prompt is a new document" "$(run generate run --max-tokens 9 2>err.txt)" "$(run generate run --prompt '' --max-tokens 9 2>err.txt)"
printf 'Once upon' | run generate run - --max-tokens 40 --seed 5 >piped.txt 2>err.txt
equal "from standard input" "$(cat whole.txt)" "$(cat piped.txt)"

# refused NAME CODE WORDS ARGUMENTS...
refused() {
    local name=$1 code=$2 words=$3
    shift 3
    run generate run "$@" >out.txt 2>err.txt </dev/null
    equal "$name: exit" "$code" $?
    says "$name: words" "$words" err.txt
    equal "$name: nothing on stdout" "" "$(cat out.txt)"
}
refused "context overflow" 1 'tokens long, the context holds 64' --prompt "$(head -c 900 s.txt)"
refused "an empty stop" 2 'a stop string is empty' --prompt Once --stop ''
refused "a stop of 100,000 bytes" 1 'is 100000 bytes long, at most 4096' --prompt Once --stop "$(head -c 100000 /dev/zero | tr '\0' x)"
refused "--n 0" 2 '--n: expected a whole number from 1' --prompt Once --n 0
refused "--logprobs 1001" 2 '--logprobs: expected a whole number from 0 to 1,000' --prompt Once --logprobs 1001
equal "as many probabilities as there are tokens" 400 "$(say --max-tokens 1 --logprobs 1000 --json | sed 's/.*"top"//' | grep -o '"id"' | wc -l | tr -d ' ')"
finish
