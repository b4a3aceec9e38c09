#!/bin/bash
# test_knowing.sh FOUNDRY SOURCE - plan, --dry-run, --profile, runs, bench: what a person asks before and after a run, through the real binary.
set -u
. "$(dirname "$0")/lib.sh"
tiny_world

# A plan says what the run then takes, and leaves nothing behind.
run plan tiny.yaml --seconds 0.2 --json >plan.json 2>err.txt
json "plan --json" plan.json
says "it fits" '"fits": true' plan.json
[ "$(number eta_seconds plan.json)" ] && ok "an ETA" || not_ok "an ETA" "eta_seconds" "$(cat plan.json)"
equal "a plan writes nothing" "" "$(ls -d runs 2>/dev/null)"
run train tiny.yaml --dry-run >dry.txt 2>err.txt
says "--dry-run plans" "parameters" dry.txt
equal "--dry-run writes nothing" "" "$(ls -d runs 2>/dev/null)"
run plan tiny.yaml --seconds 0 --train.batch_tokens 100M --train.micro_batch_tokens 100M --data.train '' --model.vocab_size 400 >big.txt 2>&1
says "too large: what would fit" "--train.micro_batch_tokens" big.txt
run plan tiny.yaml --seconds 0 --data.train nothing >none.txt 2>&1
equal "no data, no vocabulary: exit 1" 1 $?
says "and the hint" "--model.vocab_size" none.txt

# Two runs, one of them profiled: the same bits.
run train tiny.yaml --run.dir runs/one >/dev/null 2>log.txt
run train tiny.yaml --run.dir runs/two --profile --train.log_every 1 >/dev/null 2>profile.txt
says "a profile" "gated_mlp_in backward" profile.txt
says "with its ceiling" "GB/s" profile.txt
equal "a profile changes no bit" "$(final runs/one)" "$(final runs/two)"
equal "the memory that was planned" "$(run plan tiny.yaml --seconds 0 2>/dev/null | sed -n 's/^memory *\(.*B\) of .*/\1/p')" \
    "$(sed -n 's/.*threads\{0,1\}, \(.*\) of memory/\1/p' log.txt)"

# Side by side.
run runs ls >ls.txt 2>&1
equal "two runs" 2 "$(grep -c '^one \|^two ' ls.txt)"
run runs ls --sort val --json >ls.json
json "runs ls --json" ls.json
run runs show one >show.txt 2>&1
says "show: what it was told" "model.hidden_size" show.txt
says "show: the curve" "nats per token" show.txt
run runs show runs/two --json >show.json
json "runs show --json" show.json
run runs diff one two >diff.txt 2>&1
says "diff: the keys that differ" "train.log_every" diff.txt
equal "diff: and only those" "" "$(grep model.hidden_size diff.txt)"
run runs plot one two -o curves.svg 2>/dev/null
says "plot: a picture" "</svg>" curves.svg
equal "plot: a line and dots per run" 2 "$(grep -c 'stroke-width="2"' curves.svg)"
run runs plot one >plot.txt 2>&1
says "plot: in the terminal" "steps" plot.txt
run runs show three >err.txt 2>&1
equal "no such run: exit 1" 1 $?
says "no such run: the hint" "foundry runs ls" err.txt
run runs ls nowhere >err.txt 2>&1
equal "no such folder: exit 1" 1 $?
run runs plot one -o nowhere/x.svg >err.txt 2>&1
equal "a picture that cannot be written: exit 1" 1 $?

# Golden runs: the shipped curve, to the last bit on the rungs that share their arithmetic.
run verify char --steps 5 --threads 1 >verify.txt 2>err.txt
equal "verify char: right" 0 $?
equal "three losses, all right" "all 3 losses are right" "$(tail -n 1 verify.txt)"
run verify char --steps 2 --isa scalar --json >verify.json 2>err.txt
equal "verify on another rung: within its band" 0 $?
json "verify --json" verify.json
says "with a band" '"band": 0.0001' verify.json
run verify shakespeare-char --data s.txt >err.txt 2>&1
equal "another text: exit 1" 1 $?
says "another text: its SHA-256" "SHA-256" err.txt
run verify cahr >err.txt 2>&1
says "no such golden run" "foundry verify char" err.txt

run bench gmm >err.txt 2>&1
equal "no such suite: exit 2" 2 $?
says "no such suite: did you mean" "foundry bench gemm" err.txt
run bench ops --seconds 0.01 --json >bench.json 2>err.txt
json "bench --json" bench.json
says "with shares" '"share"' bench.json
run bench infer S --prefill 20 --decode 2 --batch 1,3 --depth 0,70 --threads 1 --weights q8_0 --json >infer.json 2>err.txt
equal "bench infer" 0 $?
json "bench infer --json" infer.json
equal "a prompt and two batches at two depths" 6 "$(grep -c '"phase"' infer.json)"
says "shares of both ceilings" '"share_of_read"' infer.json
run bench infer S --prefill 0 --decode 2 --batch 1 --threads 1 --sampler.temperature 0 >infer.txt 2>err.txt
says "the share outside the model" '%  outside ' <(sed 's/of [0-9.]*  outside/%  outside/' infer.txt)
mkdir -p beside && cp -r S beside/demo
(cd beside && run bench infer demo --prefill 0 --decode 2 --batch 1 --threads 1 >../infer.txt 2>../err.txt)
equal "a folder with a preset's name is the folder" 0 $?
run bench infer S --sampler.grammar x.gbnf >err.txt 2>&1
equal "no grammar of random tokens: exit 2" 2 $?
run bench infer char --model.vocab_size 65 --depth 99 --threads 1 >err.txt 2>&1
equal "deeper than the context: exit 1" 1 $?
says "deeper than the context: both numbers" "the model has 64" err.txt
run bench infer S --batch 1,x >err.txt 2>&1
equal "no number: exit 2" 2 $?
finish
