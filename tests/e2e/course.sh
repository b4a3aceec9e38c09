# course.sh - sourced by test_guide.sh and test_slow_guide.sh: the user guide as a learner takes it. Every block of docs/en/guide in order, in one
# shell, in a copy of the tree, and what it prints held against the ```output block below it (compare_output.awk has the convention).
# docs/zh/guide has the same blocks: test_docs.sh sees to that.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export FOUNDRY SOURCE

# blocks FILE: block-001.sh, block-001.output, ... of one chapter; the kind ("sh", "sh slow", "c") in block-001.kind
blocks() {
    rm -f "$WORK"/block-*
    awk -v work="$WORK" '
        /^```/ && !on && $0 != "```output" && $0 !~ /^```(sh|sh slow|c)$/ { on = "skip"; next }
        /^```output$/ && !on { on = name ".output"; printf "" >on; next }
        /^```(sh|sh slow|c)$/ && !on {
            name = sprintf("%s/block-%03d", work, ++n); print substr($0, 4) >(name ".kind"); print FNR >(name ".line"); on = name ".body"; next }
        /^```$/ { if (on != "skip") close(on); on = ""; next }
        on && on != "skip" { print >on }' "$1"
}
# fewer: what takes minutes, cut to seconds. Its options are tried, its figures are not.
fewer() {
    sed -E -e 's/--train\.steps [0-9]+/--train.steps 3/; s/--bytes 20M/--bytes 1M/; s/--steps [0-9]+/--steps 3/; s/make demo/quick_demo/; s/^make build$/true/' \
        -e 's/foundry train .*/& --train.warmup_steps 1 --train.eval_documents 4 --train.sample_every 0 --train.seq_len 64 --train.batch_tokens 64/' \
        -e 's/^(cc .*&& )?\.\/train$/\1.\/train --steps 2/; s/\.\/lora story-model$/& 2/; s/--count [0-9]+/--count 2/' "$1"
}
# quick_demo: what `make demo` leaves, from three steps
quick_demo() {
    foundry data synth --lang mix --bytes 300K --seed 1 -o runs/demo/stories.txt &&
        foundry tokenizer train runs/demo/stories.txt --vocab-size 600 -o runs/demo/tok &&
        foundry data prepare runs/demo/stories.txt --tokenizer runs/demo/tok -o runs/demo/shards --val-fraction 0.05 &&
        foundry train configs/demo.yaml --data.train runs/demo/shards --run.dir runs/demo/model --train.steps 3 --train.eval_documents 2 --train.sample_every 0
}

# course quick|slow
course() {
    local how=$1 file kind line
    mkdir clone && cd clone && mkdir build && ln -s "$FOUNDRY" build/foundry
    for file in "$SOURCE"/*; do
        case ${file##*/} in build* | runs | course) ;; *) ln -s "$file" . ;; esac
    done
    mkdir -p runs/demo
    [ "$how" = quick ] || rm build/foundry
    for file in "$SOURCE"/docs/en/guide/*.md; do
        [ -z "$CHAPTERS" ] || [[ " $CHAPTERS " = *" $(basename "$file" | cut -c1-2) "* ]] || continue
        blocks "$file"
        for body in "$WORK"/block-*.body; do
            name=${body%.body} kind=$(cat "${body%.body}.kind") line="$(basename "$file"):$(cat "${body%.body}.line")" failed=
            case $kind in
            c)
                cp "$body" try.c
                echo 'cc -O2 -Wall -Wextra -Werror try.c -lm -o try && ./try' >"$name.run"
                ;;
            *) if [ "$how" = quick ] && [ "$kind" = "sh slow" ]; then fewer "$body" >"$name.run"; else cp "$body" "$name.run"; fi ;;
            esac
            SECONDS=0
            trap 'failed=$?' ERR
            . "$name.run" >"$WORK/out.txt" 2>&1 </dev/null
            trap - ERR
            if [ -n "$failed" ]; then
                not_ok "$line runs" 0 "$failed: $(tail -n 5 "$WORK/out.txt")"
            elif [ "$how" = quick ] && [ "$kind" = "sh slow" ] || [ ! -f "$name.output" ]; then
                ok "$line runs"
            elif awk -f "$SOURCE/tests/e2e/compare_output.awk" "$name.output" "$WORK/out.txt" >"$WORK/why.txt"; then
                ok "$line prints what it says ($SECONDS s)"
            else
                not_ok "$line prints what it says" "$(sed -n 's/^expected: //p' "$WORK/why.txt")" "$(sed -n 's/^got: *//p' "$WORK/why.txt" | grep . || tail -n 3 "$WORK/out.txt")"
            fi
        done
    done
}
