#!/bin/bash
# test_run_folder.sh FOUNDRY SOURCE_DIR - what a run may take for its own: the data it validates on, the tokenizer in its folder, the
# checkpoint it is told to go on from, the weights it begins with. Each case was once wrong without a word.
set -u
. "$(dirname "$0")/lib.sh"
tiny_world
train() { run train tiny.yaml "$@" >said 2>&1; }
# refused NAME WORDS ARGUMENTS...: exit 1, the words, and no run
refused() {
    local name=$1 words=$2
    shift 2
    rm -rf new
    train --run.dir new "$@"
    equal "$name: exit code" 1 $?
    says "$name: why" "$words" said
    [ -e new ] && not_ok "$name: no folder" "none" "$(ls -A new)"
}
train --run.dir one --train.steps 20 || { cat said; exit 1; }

# ---- validation data ------------------------------------------------------------------------------------------------------------
cp -r shards hurt && flip hurt/val_000000.bin 1500
refused "damaged validation shards are not replaced by training shards" "hurt/val_000000.bin: damaged" --data.val hurt
mkdir foreign && cp shards/*.bin foreign
train --run.dir foreign-val --train.steps 5 --data.val foreign/val_000000.bin
equal "foreign validation shards" 0 $?
equal "and they are the same text" "$(tail -n 1 foreign-val/metrics.jsonl | grep -o '"val_loss": [0-9.]*')" \
    "$(train --run.dir own-val --train.steps 5; tail -n 1 own-val/metrics.jsonl | grep -o '"val_loss": [0-9.]*')"
train --run.dir list --train.steps 5 --data.train shards/train_000000.bin,foreign/val_000000.bin --data.tokenizer tok
equal "a list of .bin files" 0 $?
train --run.dir floor --train.steps 20
equal "the floor stands only beside the loss of all documents" "val_loss 2, floor 1" \
    "val_loss $(grep -c val_loss floor/metrics.jsonl), floor $(grep -c val_floor_bpb floor/metrics.jsonl)"
train --run.dir silent --train.steps 5 --train.sample_every 0
[ ! -e silent/samples ] && ok "sample_every 0: no samples" || not_ok "sample_every 0: no samples" "none" "$(ls silent/samples)"
train --run.dir mask --train.steps 5 --data.document_mask true
train --run.dir mask-foreign --train.steps 5 --data.train foreign --model.vocab_size 400 --model.eos_token_id 399 --data.document_mask true
equal "foreign shards whose end token is named: the same losses" "$(curve mask | sed 's/, "val.*//')" \
    "$(curve mask-foreign | sed 's/, "val.*//')"
refused "documents that nobody can tell apart" "which token ends a document" --data.train foreign --model.vocab_size 400 \
    --data.document_mask true
for i in $(seq 4000); do printf 'a\n<|endoftext|>\nb\n<|endoftext|>\n'; done >short-docs.txt
train --run.dir short-docs --data.train short-docs.txt --data.tokenizer_mode char --data.document_mask true --train.steps 2 \
    --train.warmup_steps 0 --train.batch_tokens 8192 --model.num_hidden_layers 40 --model.hidden_size 4 --model.intermediate_size 4
equal "documents of one character" "0 " "$? $(grep error: said)"

# ---- the folder -----------------------------------------------------------------------------------------------------------------
mkdir used && echo precious >used/letter && head -c 3000 s.txt >short.txt
train --run.dir used --data.train short.txt --train.batch_tokens 64000
equal "a set-up that fails in a folder that was there: exit code" 1 $?
equal "and leaves the folder as it was" ".lock letter" "$(ls -A used | sort | xargs)"
cp -r tok used/tokenizer # of an attempt that was killed
train --run.dir used --data.train s.txt --data.tokenizer_mode char --train.steps 5
equal "a tokenizer that no run owns is not taken: exit code" 0 $?
says "a tokenizer that no run owns is not taken" '"Fuse"' used/tokenizer/tokenizer.json
grep -q precious used/letter && ok "other files stay" || not_ok "other files stay" "precious" "$(ls used)"
cp s.txt text.txt && train --run.dir text --data.train text.txt --train.steps 14
touch text.txt && train --run.dir text --data.train text.txt --train.steps 16
equal "raw text that was only touched: exit code" 0 $?
head -c 250000 s.txt >text.txt
train --run.dir text --data.train text.txt --train.steps 18
equal "raw text that was edited: exit code" 1 $?
says "raw text that was edited" "was trained on other data" said
equal "raw text that was edited: the run is as it was" "16" "$(grep -c step text/metrics.jsonl)"

# ---- where to go on -------------------------------------------------------------------------------------------------------------
refused "the checkpoint of another recipe" "begun with train.lr = 0.003, not 0.001" --resume one/checkpoints/step-000014 --train.lr 1e-3
cp -r one back
train --run.dir back --resume back/checkpoints/step-000014 --train.steps 30
equal "back within a run: exit code" 1 $?
says "back within a run: why" "later than step 14" said
equal "back within a run: nothing lost" "20 step-000020" "$(grep -c step back/metrics.jsonl) $(ls back/checkpoints | tail -n 1)"
train --run.dir brief --train.steps 3
says "a warm-up that does not fit into the run is shortened, and a note says so" "train.warmup_steps = 4 does not fit into train.steps = 3: the warm-up is 0" said
cp -r brief remarks
mkdir remarks/checkpoints/step-000009
train --run.dir remarks --train.steps 4
equal "remarks: a line for each" "note     checkpoint step-000009 was passed over|note     train.steps changed from 3 to 4|note     train.warmup_steps = 4" \
    "$(sed -n 's/^\(note .* passed over\).*/\1/p; s/^\(note .* to 4\):.*/\1/p; s/^\(note .*warmup_steps = 4\) does.*/\1/p' said | paste -sd '|')"
train --run.dir whole --train.keep_last 9
train --run.dir branch --resume whole/checkpoints/step-000014
equal "on in another folder: exit code" 0 $?
says "on in another folder" "resumed from step 14 of 40" said
train --run.dir branch --resume whole/checkpoints/step-000014
says "the same command again goes on where the folder stands" "finished" said
equal "on in another folder: the weights of a straight run" "$(final whole)" "$(final branch)"
train --run.dir ended --train.steps 20 --resume one
equal "a finished run named by its path can talk" 0 "$(run generate ended --prompt Once --max-tokens 3 >/dev/null 2>&1; echo $?)"
cp -r one/checkpoints/step-000020 model && rm -r model/trainer
refused "a model is no checkpoint" "--model.init_from model" --resume model
cp -r one lied && sed -i 's/"step": 20/"step": 18/' lied/checkpoints/step-000020/trainer/state.json
train --run.dir lied --train.steps 22
tr -s ' \n' ' ' <said >flat && says "another step in state.json" "state.json: what it says is not what was saved" flat
says "the one before is taken" "resumed from step 14" said
cp -r one last && flip last/checkpoints/step-000020/model.safetensors 50000
train --run.dir last --train.steps 19 --train.keep_last 1
equal "a damaged newest checkpoint does not push out the whole ones" "step-000019 step-000020" "$(ls last/checkpoints | xargs)"

# ---- weights of another model ---------------------------------------------------------------------------------------------------
refused "other heads in the same shapes" "has num_attention_heads = 2, this run 4" --model.init_from one --model.num_attention_heads 4 \
    --model.num_key_value_heads 2
refused "other rotary positions" "has rope_theta = 10000, this run 500000" --model.init_from one --model.rope_theta 500000
train --run.dir warm --train.steps 5 --model.init_from one
equal "the same model" 0 $?
# The best checkpoint is named, spared and found.
train --run.dir judged --train.eval_every 7 --train.eval_documents 0 --train.checkpoint_every 7 --train.keep_last 1
best=$(cut -d' ' -f1 judged/checkpoints/best)
equal "best: the lowest validation loss of the saved steps" "$(sed -n 's/.*"step": \([0-9]*\),.*"val_loss": \([0-9.]*\).*/\2 \1/p' judged/metrics.jsonl | sort -g | head -n 1 | cut -d' ' -f2)" \
    "$(sed 's/step-0*//' <<<"$best")"
run generate judged --checkpoint best --prompt "Once" --max-tokens 4 >best.txt 2>&1
equal "generate --checkpoint best" 0 $?

# ---- what is done stays as it is, what is refused leaves nothing -----------------------------------------------------------------
before=$(bits one/config.yaml)
train --run.dir one --train.steps 10
equal "fewer steps than are done: exit code" 0 $?
says "fewer steps than are done: says how many are" "finished: 20 steps" said
equal "fewer steps than are done: the recipe stays" "$before" "$(bits one/config.yaml)"
head -c 90 s.txt >short.txt
train --run.dir nest/of/folders --data.train short.txt
equal "too small a text: exit code" 1 $?
[ ! -e nest ] && ok "too small a text: no folder on the way" || not_ok "too small a text: no folder on the way" none "$(find nest)"
cp s.txt text.txt
train --run.dir raw --train.steps 5 --data.train text.txt
cached=$(ls raw/data)
head -c 200000 s.txt >text.txt
train --run.dir raw --train.steps 5 --data.train text.txt
equal "an edited text is refused" 1 $?
equal "an edited text: no second copy of its shards" "$cached" "$(ls raw/data)"
finish
