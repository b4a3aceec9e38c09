#!/bin/bash
# Every tutorial is a program of its own: it compiles without a warning under every compiler that is here, runs clean under the sanitizers,
# and prints what its chapter promises. train.c's folder opens in `foundry`, foundry's opens in generate.c, a resumed run has the same bits.
. "$(dirname "$0")/../e2e/lib.sh"
T=$SOURCE/tutorials
mkdir tutorials && head -c 60000 "$T/stories.txt" >tutorials/stories.txt # the programs read this one: short runs

for cc in clang musl-gcc; do # gcc: see build
    if ! command -v $cc >/dev/null; then
        skip "$cc" "it is not installed"
        continue
    fi
    for source in "$T"/*.c "$T"/kernels/*.c; do
        [ -f "$source" ] || continue
        name=${source#"$T"/}
        $cc -Wall -Wextra -Wpedantic -fsyntax-only "$source" 2>warnings.txt
        equal "$cc $name: no warning" "" "$(cat warnings.txt)"
    done
done

# build NAME: as its first lines say, warnings being errors
build() { cc -O2 -Wall -Wextra -Wpedantic -Werror "$T/$1.c" -lm -o "${1##*/}" || not_ok "$1.c compiles" 0 "$?"; }
# clean NAME ARGS: built again, the sanitizers have nothing to say. (train, generate, quantize and lora: test_slow_tutorials.sh; what they
# are made of is in the C tests of this folder, which the sanitizer build runs.)
clean() {
    local name=${1##*/} source=$1
    shift
    cc -O2 -g -fsanitize=address,undefined -fno-sanitize-recover=all "$T/$source.c" -lm -o "$name-asan"
    if "./$name-asan" "$@" >asan.txt 2>&1; then ok "$name: clean under the sanitizers"; else not_ok "$name: sanitizers" 0 "$(cat asan.txt)"; fi
}

build config
./config >out.txt || not_ok "config: exit status" 0 $?
says "config: Llama-3-8B has its parameters" "8,030,261,248" out.txt
clean config

build tokenizer
./tokenizer >out.txt || not_ok "tokenizer: exit status" 0 $?
says "tokenizer: words" "Don | 't | _ | _stop | _99 | _dogs | !" out.txt
equal "tokenizer: every sentence comes back" 3 "$(grep -c 'decoded: the same bytes' out.txt)"
clean tokenizer

build dataloader
./dataloader >out.txt || not_ok "dataloader: exit status" 0 $?
says "dataloader: nothing is asked twice" ", 0 twice," out.txt
says "dataloader: any step at once" ": the same batch" out.txt
clean dataloader

build model
./model >out.txt || not_ok "model: exit status" 0 $?
says "model: every derivative" "the derivatives are right" out.txt
equal "model: all tensors measured" 22 "$(grep -c 'measured' out.txt)"
clean model

build train
if ./train --steps 8 --out whole >out.txt && ./train --steps 8 --stop 4 --out cut >>out.txt && ./train --steps 8 --out cut --resume >>out.txt; then
    equal "train: a resumed run has the same bits" "$(bits whole/model.safetensors)" "$(bits cut/model.safetensors)"
    equal "train: and its optimizer" "$(bits whole/optimizer.safetensors)" "$(bits cut/optimizer.safetensors)"
else
    not_ok "train: runs" 0 "$(cat out.txt)"
fi

build generate
./generate whole "Once upon a time" >out.txt || not_ok "generate: exit status" 0 "$?: $(tail -n 3 out.txt)"
says "generate: the same text without the cache" "The same text: yes" out.txt

build quantize
./quantize whole >out.txt || not_ok "quantize: exit status" 0 $?
equal "quantize: int8 costs next to nothing" 1 "$(awk '/^   int8/ { print ($6 < 0.01 && $6 > -0.01) }' out.txt)"

build lora
./lora whole 4 >out.txt || not_ok "lora: exit status" 0 "$(cat out.txt)"
says "lora: begins as the base model" "the frozen ones to the last bit" out.txt

build attention_flash
./attention_flash 512 >out.txt || not_ok "attention_flash: exit status" 0 "$(cat out.txt)"
equal "attention_flash: every length agrees" 3 "$(grep -c 'kB.*e-0[67]   .*e-0[67]$' out.txt)"
clean attention_flash 256

build bpe_fast
./bpe_fast >out.txt || not_ok "bpe_fast: exit status" 0 "$(cat out.txt)"
equal "bpe_fast: the same merges at every size" 4 "$(grep -c 'the same merges' out.txt)"
clean bpe_fast

build kernels/matmul
./matmul 384 >out.txt || not_ok "matmul: exit status" 0 "$(cat out.txt)"
says "matmul: the rungs are right" "5 packed" out.txt
clean kernels/matmul 96

# The first forty bytes of the greedy text, by either program.
ours() { ./generate "$1" "Once upon a time" | sed -n '/^2\. Greedy/,/^3\. /{/^[23]\. /d;p}' | sed 's/^  Once/Once/' | head -c 40 | base64; }
theirs() { { printf 'Once upon a time'; run generate "$1" --prompt "Once upon a time" --temperature 0 --repetition-penalty 1 --max-tokens 40 2>/dev/null; } | head -c 40 | base64; }
equal "train.c's folder opens in foundry: the same greedy text" "$(theirs whole)" "$(ours whole)"
tiny_world
run train tiny.yaml --train.steps 60 --run.dir runs/t >train.txt 2>&1 || not_ok "foundry trains" 0 "$(tail -n 3 train.txt)"
folder=$(ls -d runs/t/checkpoints/step-* | tail -n 1)
equal "foundry's folder opens in generate.c: the same greedy text" "$(theirs "$folder")" "$(ours "$folder")"
finish
