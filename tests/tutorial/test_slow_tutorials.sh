#!/bin/bash
# What takes minutes: all tutorials under valgrind, those that compute most under the sanitizers, and the whole training run of train.c with the loss that its chapter promises.
. "$(dirname "$0")/../e2e/lib.sh"
T=$SOURCE/tutorials
mkdir tutorials && cp "$T/stories.txt" tutorials/
cc -O2 "$T/train.c" -lm -o train && cc -O2 "$T/generate.c" -lm -o generate || not_ok "train.c and generate.c compile" 0 1
./train >train.txt || not_ok "train: exit status" 0 $?
loss=$(sed -n 's/.*test loss \([0-9.]*\),.*/\1/p' train.txt | tail -n 1)
equal "train: test loss $loss is below 1.0" 1 "$(awk -v x="$loss" 'BEGIN { print (x > 0.5 && x < 1.0) }')"
./generate story-model "Once upon a time" >out.txt || not_ok "generate: exit status" 0 $?

head -c 20000 "$T/stories.txt" >tutorials/stories.txt
for name in "train --steps 1 --out v" "generate v" "quantize v" "lora v 1"; do
    cc -O2 -g -fsanitize=address,undefined -fno-sanitize-recover=all "$T/${name%% *}.c" -lm -o "${name%% *}"
    # shellcheck disable=SC2086
    if "./${name%% *}" ${name#* } >out.txt 2>&1; then ok "sanitizers: $name"; else not_ok "sanitizers: $name" 0 "$(tail -n 20 out.txt)"; fi
done
if command -v valgrind >/dev/null; then
    for name in config tokenizer dataloader model "train --steps 1 --out v" "generate v" "quantize v" "lora v 1" "attention_flash 128" bpe_fast; do
        program=${name%% *} arguments=
        [ "$program" = "$name" ] || arguments=${name#* }
        cc -O1 -g "$T/$program.c" -lm -o "$program"
        # shellcheck disable=SC2086
        if valgrind -q --error-exitcode=9 --leak-check=full "./$program" $arguments >out.txt 2>&1; then
            ok "valgrind: $name"
        else
            not_ok "valgrind: $name" 0 "$(tail -n 20 out.txt)"
        fi
    done
else
    skip valgrind "it is not installed"
fi
finish
