#!/bin/bash
# test_same_bits.sh FOUNDRY SOURCE_DIR - the same run gives the same bits: for any number of threads, across kill -9, signals, damaged
# checkpoints and resumption. Kills are aimed at steps drawn from a fixed seed; where inside a step they land is the machine's choice.
set -u
. "$(dirname "$0")/lib.sh"
RANDOM=4711
tiny_world

# start RUN ARGUMENTS...: in the background; $child, its words in RUN.txt
start() {
    local dir=$1
    shift
    "$FOUNDRY" train tiny.yaml --run.dir "$dir" "$@" >"$dir.txt" 2>&1 & # no function: $! is the process itself
    child=$!
    children="$children $child"
}
lines() { if [ -e "$1/metrics.jsonl" ]; then wc -l <"$1/metrics.jsonl"; else echo 0; fi; }
# wait_for RUN STEP: until the running child has trained that far or has ended
wait_for() {
    while kill -0 "$child" 2>/dev/null && [ "$(lines "$1")" -lt "$2" ]; do sleep 0.002; done
}
# kill_midway RUN STEP ARGUMENTS...: killed -9 once it has trained that far and has a checkpoint; again where it was faster than we are
kill_midway() {
    local dir=$1 at=$2
    shift 2
    for _ in 1 2 3 4 5; do
        rm -rf "$dir"
        start "$dir" "$@"
        wait_for "$dir" "$at"
        while kill -0 "$child" 2>/dev/null && [ -z "$(ls -d "$dir"/checkpoints/step-* 2>/dev/null)" ]; do sleep 0.002; done
        kill -9 "$child" 2>/dev/null
        wait "$child" 2>/dev/null
        [ $? -eq 137 ] && [ "$(lines "$dir")" -lt 40 ] && return
    done
}
leftovers() { find "$1" -name '.*.tmp-*' | wc -l; }

# ---- threads ------------------------------------------------------------------------------------------------------------------
run train tiny.yaml --run.dir one --threads 1 >one.txt 2>&1 || not_ok "a straight run" "exit 0" "$(cat one.txt)"
straight=$(final one)
run train tiny.yaml --run.dir two --threads 2 >two.txt 2>&1
run train tiny.yaml --run.dir three --threads 3 >three.txt 2>&1
equal "weights with 2 threads are those with 1" "$straight" "$(final two)"
equal "weights with 3 threads are those with 1" "$straight" "$(final three)"
equal "losses with 3 threads are those with 1" "$(curve one)" "$(curve three)"
equal "one metrics line per step" 40 "$(lines one)"
equal "moments with 3 threads are those with 1" "$(bits one/checkpoints/step-000040/trainer/optimizer.safetensors)" \
    "$(bits three/checkpoints/step-000040/trainer/optimizer.safetensors)"
equal "samples with 3 threads are those with 1" "$(cat one/samples/*)" "$(cat three/samples/*)"
equal "another seed is another model" different "$(
    run train tiny.yaml --run.dir seed --train.seed 2 >seed.txt 2>&1
    [ "$(final seed)" = "$straight" ] && echo the same || echo different)"

# ---- killed and resumed -------------------------------------------------------------------------------------------------------
rounds=0 targets=
for at in $(for _ in 1 2 3 4 5; do echo $((RANDOM % 39 + 1)); done | sort -n); do
    start killed --threads $((RANDOM % 3 + 1))
    wait_for killed "$at"
    sleep "0.00$((RANDOM % 9))"
    kill -9 "$child" 2>/dev/null && rounds=$((rounds + 1))
    wait "$child" 2>/dev/null
    targets="$targets $at"
done
run train tiny.yaml --run.dir killed --resume auto >killed.txt 2>&1
equal "killed -9 around steps$targets and resumed: the exit code of the last start" 0 $?
equal "killed -9 around steps$targets and resumed: the same weights" "$straight" "$(final killed)"
equal "killed -9 around steps$targets and resumed: the same losses, each step once" "$(curve one)" "$(curve killed)"
[ "$rounds" -ge 2 ] && ok "$rounds of 5 kills met a living process" || not_ok "kills that met a living process" "at least 2 of 5" "$rounds"
equal "nothing of the dead writers is left" 0 "$(leftovers killed)"

# Every optimizer has a state of its own that must come back; so have the average of the weights and the guard against outliers.
state_of() { bits "$(ls -d "$1"/checkpoints/step-* | tail -n 1)/trainer/optimizer.safetensors"; }
for options in "--train.optimizer muon --train.schedule linear" "--train.optimizer lion --train.lr 3e-4 --train.min_lr 0" \
    "--train.optimizer sgd --train.schedule constant" \
    "--train.schedule wsd --train.ema_decay 0.9 --train.skip_zscore 1 --train.skip_window 8"; do
    rm -rf many
    run train tiny.yaml --run.dir many --threads 1 $options >many.txt 2>&1 || not_ok "$options" "exit 0" "$(cat many.txt)"
    kill_midway few $((RANDOM % 20 + 8)) --threads 3 $options
    run train tiny.yaml --run.dir few --threads 2 $options >few.txt 2>&1
    says "$options, 3 threads, killed -9: goes on with 2" "resumed from step" few.txt
    equal "$options: the same weights" "$(final many)" "$(final few)"
    equal "$options: the same state beside them" "$(state_of many)" "$(state_of few)"
    equal "$options: the same losses" "$(curve many)" "$(curve few)"
    equal "$options: is not the usual" different "$([ "$(final many)" = "$straight" ] && echo the same || echo different)"
done
skipped=$(grep -c '"skipped": true' many/metrics.jsonl)
[ "$skipped" -gt 0 ] && ok "$skipped of 40 updates were skipped" || not_ok "updates skipped" "at least one" "$skipped"
says "skipped updates are counted" "skipped $skipped update" many.txt
says "and shown" "skipped" <(grep '^step ' many.txt)

# Products of bfloat16, where the CPU has them.
if "$FOUNDRY" doctor 2>&1 | grep -q "isa *avx512_bf16"; then
    run train tiny.yaml --run.dir half-1 --train.dtype bf16 --threads 1 >half.txt 2>&1 || not_ok "bf16: a straight run" "exit 0" "$(cat half.txt)"
    start half-3 --train.dtype auto --threads 3
    wait_for half-3 $((RANDOM % 30 + 8))
    kill -9 "$child" 2>/dev/null
    wait "$child" 2>/dev/null
    run train tiny.yaml --run.dir half-3 --train.dtype auto --threads 2 >half.txt 2>&1
    equal "bf16, killed -9 and resumed: the exit code" 0 $?
    equal "bf16, 3 threads, killed -9 and resumed with 2: the same weights" "$(final half-1)" "$(final half-3)"
    equal "bf16 is not f32" different "$([ "$(final half-1)" = "$straight" ] && echo the same || echo different)"
    run train tiny.yaml --run.dir half-1 --train.dtype f32 >half.txt 2>&1
    equal "a run of bf16 does not go on in f32: the exit code" 1 $?
    says "a run of bf16 does not go on in f32" "train.dtype = bf16, not f32" half.txt
fi

# A checkpoint after every step, killed at any moment, and (odd rounds) as soon as a checkpoint in the making is seen.
torn=0 broken=
for round in $(seq 30); do
    before=$(ls dying/checkpoints 2>/dev/null | tail -n 1)
    start dying --train.checkpoint_every 1 --train.keep_last 1 --train.eval_every 0 --train.sample_every 0
    if [ $((round % 2)) = 1 ]; then
        wait_for dying $(($(lines dying) + RANDOM % 8))
        until compgen -G "dying/checkpoints/.step-*.tmp-$child" >/dev/null || ! kill -0 "$child" 2>/dev/null; do :; done
    else
        sleep "0.0$((RANDOM % 90 + 10))"
    fi
    kill -9 "$child" 2>/dev/null
    wait "$child" 2>/dev/null
    [ "$(leftovers dying 2>/dev/null)" -gt 0 ] && torn=$((torn + 1))
    newest=$(ls dying/checkpoints 2>/dev/null | tail -n 1)
    [ -z "$newest" ] && [ -z "$before" ] && continue
    [[ "$newest" < "$before" ]] && broken="$broken $before was lost;"
    run generate "dying/checkpoints/$newest" --prompt "A" --max-tokens 1 >check.txt 2>&1 || broken="$broken $(cat check.txt)"
    [ "$newest" = step-000040 ] && rm -rf dying
done
equal "30 kills at any moment, a checkpoint after every step: the newest is whole and none was lost" "" "$broken"
[ "$torn" -ge 3 ] && ok "$torn of 30 kills tore a checkpoint in the making" ||
    not_ok "kills that hit a checkpoint in the making" "at least 3 of 30" "$torn"
run train tiny.yaml --run.dir dying --train.checkpoint_every 1 --train.keep_last 1 >dying.txt 2>&1
equal "and the run ends with the same weights" "$straight" "$(final dying)"
equal "leftovers of dead writers are removed at start" 0 "$(leftovers dying)"

# ---- signals ------------------------------------------------------------------------------------------------------------------
for signal in INT TERM; do
    start "by-$signal" --train.steps 400 --train.checkpoint_every 0
    wait_for "by-$signal" 30
    kill -$signal "$child"
    wait "$child"
    equal "SIG$signal: exit code" 3 $?
    at=$(ls "by-$signal/checkpoints" 2>/dev/null)
    equal "SIG$signal: a checkpoint of the last step" "$(printf 'step-%06d' "$(lines "by-$signal")")" "$at"
    resume=$(sed -n 's/^ *\(foundry train .*\)$/\1/p' "by-$signal.txt" | tail -n 1)
    says "SIG$signal: the command that goes on is printed" "foundry train tiny.yaml --run.dir by-$signal" "by-$signal.txt"
    (eval "run ${resume#foundry}") >again.txt 2>&1 || not_ok "SIG$signal: that command" "exit 0" "$(tail -n 5 again.txt)"
    says "SIG$signal: and it says so" "resumed from step" again.txt
done
run train tiny.yaml --run.dir long --train.steps 400 --train.checkpoint_every 0 >long.txt 2>&1
equal "SIGINT and resumed: the same weights" "$(final long)" "$(final by-INT)"
equal "SIGTERM and resumed: the same weights" "$(final long)" "$(final by-TERM)"
equal "SIGTERM and resumed: the same losses" "$(curve long)" "$(curve by-TERM)"

# One step of this takes seconds: the second signal does not wait for it.
start slow --model.hidden_size 512 --model.intermediate_size 2048 --train.batch_tokens 16384 --train.checkpoint_every 0
while kill -0 "$child" 2>/dev/null && [ ! -e slow/metrics.jsonl ]; do sleep 0.01; done
kill -INT "$child"
sleep 0.05
kill -INT "$child" 2>/dev/null
wait "$child"
code=$?
[ $code -gt 3 ] && ok "a second SIGINT ends it at once (exit $code)" || not_ok "a second SIGINT ends it at once" "an exit code above 3" "$code"
[ ! -e slow/checkpoints ] && ok "and it saves nothing" || not_ok "a second SIGINT saves nothing" "no checkpoints" "$(ls slow/checkpoints)"

# --resume PATH: of another run, or of this one when nothing later would be lost.
run train tiny.yaml --run.dir one --resume one/checkpoints/step-000028 >path.txt 2>&1
equal "--resume PATH before the newest checkpoint: exit code" 1 $?
says "--resume PATH before the newest checkpoint: says which" "step-000040" path.txt
rm -rf path && cp -r one path && rm -r path/checkpoints/step-000040
run train tiny.yaml --run.dir path --resume path/checkpoints/step-000035 >path.txt 2>&1
equal "--resume PATH: the same weights" "$straight" "$(final path)"
equal "--resume PATH: the same losses, each step once" "$(curve one)" "$(curve path)"
run train tiny.yaml --run.dir other --resume one/checkpoints/step-000035 >other.txt 2>&1
equal "--resume PATH of another run: the same weights" "$straight" "$(final other)"
start never --train.steps 400 --train.checkpoint_every 0 --resume never
wait_for never 30
kill -INT "$child"
wait "$child"
resume=$(sed -n 's/^ *\(foundry train .*\)$/\1/p' never.txt | tail -n 1)
(eval "run ${resume#foundry}") >again.txt 2>&1
equal "--resume never, interrupted: the printed command goes on" "0 $(final long)" "$? $(final never)"

# ---- two processes ------------------------------------------------------------------------------------------------------------
start busy --train.steps 100000 --train.eval_every 0 --train.sample_every 0 --train.checkpoint_every 0
wait_for busy 5
run train tiny.yaml --run.dir busy --train.steps 100000 >second.txt 2>&1
equal "a second process on the same run: exit code" 1 $?
says "a second process on the same run is told the pid of the first" "$child" second.txt
kill -TERM "$child"
wait "$child"
equal "the first was not disturbed" 3 $?

# ---- finished, extended -------------------------------------------------------------------------------------------------------
cp -r one more
run train tiny.yaml --run.dir more >finished.txt 2>&1
equal "a finished run: exit code" 0 $?
says "a finished run says so" "finished" finished.txt
equal "a finished run is left as it is" "$(find one -name '*.safetensors' -exec sha256sum {} + | cut -c1-16)" \
    "$(find more -name '*.safetensors' -exec sha256sum {} + | cut -c1-16)"
run train tiny.yaml --run.dir more --train.steps 50 >more.txt 2>&1
equal "train.steps raised: exit code" 0 $?
says "train.steps raised: a note says what happens to the schedule" "train.steps changed from 40 to 50" more.txt
says "train.steps raised: goes on where it ended" "resumed from step 40 of 50" more.txt
equal "train.steps raised: 50 lines, the last of step 50" "50 50" "$(lines more) $(tail -n 1 more/metrics.jsonl | grep -o '"step": [0-9]*' | cut -c9-)"

# ---- a damaged newest checkpoint ----------------------------------------------------------------------------------------------
damage() { # NAME COMMAND...: done to the newest checkpoint of a copy of the finished run, in $d
    local name=$1
    shift
    rm -rf hurt
    cp -r one hurt
    d=hurt/checkpoints/step-000040
    "$@"
    run train tiny.yaml --run.dir hurt >hurt.txt 2>&1
    equal "$name: exit code" 0 $?
    says "$name: the one before is taken" "resumed from step 35 of 40" hurt.txt
    says "$name: and it is said why" "step-000040 was passed over" hurt.txt
    equal "$name: the same weights in the end" "$straight" "$(final hurt)"
}
flip_weights() { flip $d/model.safetensors 50000; }
cut_weights() { truncate -s 60000 $d/model.safetensors; }
flip_moments() { flip $d/trainer/optimizer.safetensors 90000; }
flip_tokenizer() { flip $d/tokenizer.json 100; }
no_state() { rm $d/trainer/state.json; }
half_state() { truncate -s 200 $d/trainer/state.json; }
no_weights() { rm $d/model.safetensors; }
empty_folder() { rm -r $d && mkdir $d; }
damage "one bit of the weights flipped" flip_weights
damage "weights truncated" cut_weights
damage "one bit of the moments flipped" flip_moments
damage "one bit of the tokenizer flipped" flip_tokenizer
damage "state.json missing" no_state
damage "state.json truncated" half_state
damage "weights missing" no_weights
damage "an empty folder" empty_folder

# ---- generate -----------------------------------------------------------------------------------------------------------------
for threads in 1 2 3; do
    run generate one --prompt "Once upon a time" --max-tokens 60 --seed 7 --threads $threads >said-$threads.txt 2>err.txt ||
        not_ok "generate with $threads threads" "exit 0" "$(cat err.txt)"
done
equal "generate: the same text with 2 threads" "$(cat said-1.txt)" "$(cat said-2.txt)"
equal "generate: the same text with 3 threads" "$(cat said-1.txt)" "$(cat said-3.txt)"
[ -s said-1.txt ] && ok "generate says something" || not_ok "generate says something" "text" "nothing"

# Activations kept or made again: the same bits, with chance in it, and changed between two sessions of one run.
tiny_recompute() { run train tiny.yaml --run.dir "runs/re-$1" --train.recompute "$1" --model.model_type gpt2 --model.num_key_value_heads 0 --model.hidden_dropout 0.1 --model.attention_dropout 0.1 "${@:2}" >/dev/null 2>&1; }
tiny_recompute none
tiny_recompute block
equal "recompute none and block: same bits" "$(final runs/re-none)" "$(final runs/re-block)"
equal "recompute none and block: same curve" "$(curve runs/re-none)" "$(curve runs/re-block)"

finish
