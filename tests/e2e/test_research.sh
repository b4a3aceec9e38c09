#!/bin/bash
# The experiments of research/ still build and run: a few steps each on a tiny world; what they must not change is unchanged.
. "$(dirname "$0")/lib.sh"
bin=$(dirname "$FOUNDRY")
tiny_world

"$bin"/research_xielu shards out 6 >out.txt 2>&1 || not_ok "xielu: exit status" 0 "$(cat out.txt)"
error=$(sed -n 's/^slope.*off by //p' out.txt)
equal "xielu: its derivative is right ($error)" 1 "$(awk -v e="$error" 'BEGIN { print e < 1e-5 }')"
says "xielu: a line per seed" "seed 1   relu2 " out.txt
first=$(curve out/relu2-1 | head -n 1) second=$(curve out/xielu-1 | head -n 1)
[ "$first" != "$second" ] && ok "xielu: another activation, another loss" || not_ok "xielu: the losses" different "$first"
run runs plot out/relu2-1 out/xielu-1 -o xielu.svg >/dev/null 2>&1
says "xielu: plotted" "</svg>" xielu.svg
"$bin"/research_xielu shards again 6 >out.txt 2>&1
equal "xielu: the same bits twice" "$(final out/xielu-1)" "$(final again/xielu-1)"
"$bin"/research_xielu nothing out2 2 >out.txt 2>&1
equal "xielu: no data is an error" 1 $?
finish
