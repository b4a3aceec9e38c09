#!/bin/bash
# The programs of examples/ do what their first lines say, and are what users would write: public headers, 50 to 120 lines.
. "$(dirname "$0")/lib.sh"
bin=$(dirname "$FOUNDRY")

for source in "$SOURCE"/examples/*.c; do
    name=$(basename "$source")
    lines=$(wc -l <"$source")
    equal "$name: 50 to 120 lines ($lines)" 1 $((lines >= 50 && lines <= 120))
    equal "$name: nothing but the public API" "" "$(grep -n '#include "' "$source")"
done

"$bin"/example_01_basic_training basic 40 >out.txt 2>&1 || not_ok "01: exit status" 0 "$(cat out.txt)"
says "01: evaluates against the floor" "nobody can be below 0.2" out.txt
run generate basic/run --prompt "Once" --max-tokens 5 >text.txt 2>&1 && ok "01: its run opens in foundry" || not_ok "01: foundry generate" 0 "$(cat text.txt)"

seq 1 4000 >numbers.txt
"$bin"/example_02_custom_data numbers.txt mine 20 >out.txt 2>&1 || not_ok "02: exit status" 0 "$(cat out.txt)"
says "02: looks at the text" "numbers.txt: 1 file, 11 different characters" out.txt
says "02: writes" "mine/checkpoints/step-000020 writes:" out.txt
"$bin"/example_02_custom_data nothing.txt mine 20 >out.txt 2>&1
equal "02: no such file" 1 $?

"$bin"/example_03_generation_sampling basic/run "Once upon" >out.txt 2>&1 || not_ok "03: exit status" 0 "$(cat out.txt)"
says "03: greedy leaves one" "1 left:" out.txt
says "03: top_k and top_p" "usual: temperature 0.8, top_k 40, top_p 0.95" out.txt

"$bin"/example_07_quantization basic/run basic/shards >out.txt 2>&1 || not_ok "07: exit status" 0 "$(cat out.txt)"
equal "07: two files, each held against the original" 2 "$(grep -c 'gguf .* bits a weight, perplexity .* KL 0\.' out.txt)"

"$bin"/example_08_engine basic/run "Once upon" "There was" >out.txt 2>&1 || not_ok "08: exit status" 0 "$(cat out.txt)"
equal "08: both requests are answered" 2 "$(grep -c 'ended by .*, log-probability' out.txt)"
finish
