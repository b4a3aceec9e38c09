#!/bin/bash
# test_model_cli.sh FOUNDRY SOURCE_DIR - the command `foundry model`: a run out to GGUF and back, to a folder in parts, side by side; every
# mistake a sentence on stderr, the right exit code, nothing on stdout and nothing written.
set -u
. "$(dirname "$0")/lib.sh"
tiny_world
run train tiny.yaml --run.dir good --train.steps 4 --train.warmup_steps 0 >train.txt 2>&1 || { cat train.txt; exit 1; }

run model export good --dtype f32 -o good.gguf >out.txt 2>err.txt && ok "export to GGUF" || not_ok "export to GGUF" "exit 0" "$(cat err.txt)"
says "export says what was written" "llama" out.txt
run model import good.gguf -o back >out.txt 2>err.txt && ok "import from GGUF" || not_ok "import from GGUF" "exit 0" "$(cat err.txt)"
run model diff good back >out.txt 2>err.txt
equal "the same after the way back: exit code" 0 $?
says "the same after the way back" "to the last bit" out.txt
equal "the same weights, to the byte" "$(final good)" "$(bits back/model.safetensors)"
run model diff good back --json | python3 -m json.tool >/dev/null 2>&1 || command -v python3 >/dev/null && ok "diff --json" || not_ok "diff --json" "JSON" ""

run model export good --dtype q8_0 -o small.gguf >/dev/null 2>&1
run model diff good small.gguf >out.txt 2>err.txt
equal "q8_0 differs: exit code" 1 $?
says "q8_0 differs by little" "tensors differ, at most by 0.0" out.txt
run model info small.gguf >out.txt 2>err.txt
says "info of a GGUF file" "Q8_0" out.txt
run model info good --tensors >out.txt 2>err.txt
says "info --tensors" "model.layers.0.self_attn.q_proj.weight" out.txt
run model info good --json >out.json 2>err.txt
equal "info --json: files" 1 "$(number files out.json)"
run model export good --format hf --dtype bf16 --shard-bytes 30k -o parts >out.txt 2>err.txt || not_ok "export in parts" "exit 0" "$(cat err.txt)"
[ -e parts/model.safetensors.index.json ] && ok "an index beside the parts" || not_ok "an index beside the parts" "model.safetensors.index.json" "$(ls parts)"
run generate parts --prompt Once --max-tokens 3 >out.txt 2>err.txt && ok "generate from the parts" || not_ok "generate from the parts" "exit 0" "$(cat err.txt)"

run generate good --prompt Once --max-tokens 9 --temperature 0 >one.txt 2>/dev/null
run generate good.gguf --prompt Once --max-tokens 9 --temperature 0 >two.txt 2>err.txt || not_ok "generate from GGUF" "exit 0" "$(cat err.txt)"
equal "the same words from GGUF" "$(cat one.txt)" "$(cat two.txt)"
run tokenizer encode tok --file s.txt >one.txt 2>/dev/null
run tokenizer encode good.gguf --file s.txt >two.txt 2>err.txt
equal "the same ids from GGUF" "$(bits one.txt)" "$(bits two.txt)"
run tokenizer encode back --file s.txt >two.txt 2>err.txt
equal "the same ids after the way back" "$(bits one.txt)" "$(bits two.txt)"

for from in good good.gguf; do
    run train tiny.yaml --run.dir "on-${from%.gguf}-${#from}" --model.init_from $from --train.steps 3 --train.warmup_steps 0 >out.txt 2>err.txt ||
        not_ok "train on from $from" "exit 0" "$(cat err.txt)"
done
equal "the same training from a GGUF file" "$(final on-good-4)" "$(final on-good-9)"

# refused NAME CODE "WORDS|WORDS" ARGUMENTS...
refused() {
    local name=$1 code=$2 words=$3 got word
    shift 3
    run model "$@" >said.out 2>said.txt
    got=$?
    local IFS='|'
    for word in $words; do grep -qF -- "$word" said.txt || { not_ok "$name" "words \"$word\"" "$(cat said.txt)"; return; }; done
    unset IFS
    if [ "$got" != "$code" ]; then not_ok "$name" "exit $code" "exit $got: $(cat said.txt)"
    elif [ -s said.out ]; then not_ok "$name" "nothing on stdout" "$(cat said.out)"
    elif [ -e new ]; then not_ok "$name" "nothing written" "$(ls -d new)"; rm -rf new
    else ok "$name"; fi
}
mkdir pickle && printf '\x80\x02}q\x00.' >pickle/pytorch_model.bin && cp back/config.json pickle
cp -r parts gone && rm gone/model-00001-of-*.safetensors
cp good.gguf cut.gguf && truncate -s 20000 cut.gguf
cp good.gguf type.gguf && flip type.gguf 0
cp -r back wide && sed -i 's/"hidden_size": [0-9]*/"hidden_size": 60/' wide/config.json
cp -r back untied && sed -i 's/"tie_word_embeddings": true/"tie_word_embeddings": false/' untied/config.json
cp -r back vocab && sed -i 's/"vocab_size": [0-9]*/"vocab_size": 1000/' vocab/config.json
head -c 3000 /dev/urandom >noise.bin
for use in info diff export; do
    case $use in info) tail= ;; diff) tail=back ;; export) tail="-o new" ;; esac
    refused "$use: pickle" 1 'pickle|is not read|save_pretrained' $use pickle $tail
    refused "$use: a shard missing" 1 'gone|model-00001-of-' $use gone $tail
    refused "$use: GGUF cut off" 1 'cut.gguf' $use cut.gguf $tail
    refused "$use: not GGUF" 1 'type.gguf' $use type.gguf $tail
    refused "$use: nothing there" 1 'nowhere' $use nowhere $tail
    refused "$use: noise" 1 'noise.bin' $use noise.bin $tail
done
for use in diff export; do
    case $use in diff) tail=back ;; export) tail="-o new" ;; esac
    refused "$use: another width" 1 'shape|60' $use wide $tail
    refused "$use: untied, but no head" 1 'lm_head.weight|missing|tie_word_embeddings' $use untied $tail
    refused "$use: another vocabulary" 1 'embed_tokens|vocab_size is 1000' $use vocab $tail
done
for bad in wide untied vocab; do
    run model info $bad >out.txt 2>err.txt
    says "info: $bad is not supported, and why" "unsupported" out.txt
done
refused "export: no such type" 2 'expected one of|q9_9' export good --dtype q9_9 -o new
refused "export: blocks in a folder" 2 'F32, F16, BF16' export good --format hf --dtype q8_0 -o new
refused "export: no output" 2 '-o OUT' export good
refused "export: no such format" 2 'onnx' export good --format onnx -o new
refused "import: no output" 2 '-o DIR' import good.gguf
refused "import: over something" 1 'back|not an empty folder' import good.gguf -o back
refused "diff: one model" 2 'diff' diff good
finish
