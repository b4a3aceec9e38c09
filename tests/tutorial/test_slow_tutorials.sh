#!/bin/bash
# What takes minutes: every tutorial in full, in the time that tutorials/README.md states and with the loss that train.c's chapter promises; all of them
# under valgrind, those that compute most under the sanitizers.
. "$(dirname "$0")/../e2e/lib.sh"
T=$SOURCE/tutorials
mkdir tutorials && cp "$T/stories.txt" tutorials/

# ---- time: of the processor, not of the clock, so that nobody else's work counts. Three times what is stated is red, and more by as much as this
# processor, now, is slower than the one the times were taken on: the probe below took it 0.24 s.
cat >probe.c <<'END'
static float a[256 * 256], b[256 * 256], c[256 * 256];
int main(void)
{
    for (int i = 0; i < 256 * 256; i++) a[i] = (float)(i % 7), b[i] = (float)(i % 5);
    for (int n = 0; n < 150; n++)
        for (int i = 0; i < 256; i++)
            for (int k = 0; k < 256; k++)
                for (int j = 0; j < 256; j++) c[i * 256 + j] += a[i * 256 + k] * b[k * 256 + j];
    return c[1] < 0;
}
END
# seconds COMMAND...: of processor time; what it prints goes to out.txt
seconds() { (TIMEFORMAT='%U %S'; { time "$@" >out.txt 2>err.txt; } 2>&1 | awk '{ print $1 + $2 }'; exit "${PIPESTATUS[0]}"); }
# stated NAME: the seconds in NAME's row of tutorials/README.md, the larger where there are two; "an instant" is 1
stated() { awk -F'|' -v name="[$1]" 'index($2, name) { n = split($5, word, /[ ,]+/); for (i = n; i && !s; i--) s = word[i] + 0; print !s ? 1 : $5 ~ /minute/ ? 60 * s : s }' "$T/README.md"; }
cc -O2 probe.c -o probe
slow=$(for i in 1 2 3; do seconds ./probe; done | sort -n | awk 'NR == 2 { print ($1 > 0.24 ? $1 / 0.24 : 1) }')
echo "this processor takes $slow times as long as the one of tutorials/README.md"
for command in config tokenizer dataloader model train "generate story-model" "quantize story-model" "lora story-model" attention_flash bpe_fast kernels/matmul; do
    name=${command%% *}.c arguments=
    [ "$command" = "${command%% *}" ] || arguments=${command#* }
    cc -O2 "$T/$name" -lm -o program || not_ok "$name compiles" 0 1
    # shellcheck disable=SC2086
    took=$(seconds ./program $arguments) || not_ok "$name: exit status" 0 "$(tail -n 3 err.txt)"
    equal "$name: $took s of processor time, stated $(stated "$name")" yes \
        "$(awk -v t="$took" -v s="$(stated "$name")" -v slow="$slow" 'BEGIN { print (s > 0 && t <= 3 * s * slow ? "yes" : "more than 3 x " slow " x what is stated") }')"
    [ $name != train.c ] || mv out.txt train.txt
    [ $name != kernels/matmul.c ] || mv out.txt matmul.txt
done
# the ladder: that it is right and leads up, not how far, which is the machine's affair
rung() { awk -v n="$1" '$1 == n && /%/ { for (i = 2; i < NF; i++) if ($(i + 1) == "%") print $(i - 1) }' matmul.txt; }
grep -E '^  [1-6] ' matmul.txt
equal "matmul: no rung is wrong" "" "$(grep WRONG matmul.txt)"
equal "matmul: packed ($(rung 5) GFLOP/s) is no slower than naive ($(rung 1))" 1 "$(awk -v p="$(rung 5)" -v n="$(rung 1)" 'BEGIN { print (n > 0 && p >= n) }')"
loss=$(sed -n 's/.*test loss \([0-9.]*\),.*/\1/p' train.txt | tail -n 1)
equal "train: test loss $loss is below 1.0" 1 "$(awk -v x="$loss" 'BEGIN { print (x > 0.5 && x < 1.0) }')"

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
