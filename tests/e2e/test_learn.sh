#!/bin/bash
# foundry learn: every exercise is whole in both languages, what it compares with is what the tutorials compute, a solution passes, the hole
# does not, typical mistakes are recognized; programs that crash, hang or do not compile end in words; progress, hints and watch.
. "$(dirname "$0")/lib.sh"
L=$SOURCE/learn
if ! command -v cc >/dev/null; then
    skip "foundry learn" "there is no cc"
    finish
fi

# ---- the texts: facts in both languages, places that exist
exercises=$(cd "$L" && ls [0-9]*.c | sed 's/\.c$//')
n=$(wc -w <<<"$exercises")
equal "at least twelve exercises ($n)" 1 $((n >= 12))
for e in $exercises; do
    bad=
    for key in title hint mistake; do
        en=$(grep -c "^// $key.en: " "$L/$e.c") zh=$(grep -c "^// $key.zh: .*[^ -~]" "$L/$e.c") want=1
        [ $key = hint ] && want=3 zh=$(grep -c "^// $key.zh: " "$L/$e.c") # the last hint may be code
        [ "$en" = "$zh" ] && [ "$en" -ge $want ] || bad="$bad $key($en,$zh)"
    done
    [ "$(grep -c '^ *// en:' "$L/$e.c")" -ge 2 ] && [ "$(grep -c '^ *// zh:' "$L/$e.c")" -ge 2 ] || bad="$bad page"
    [ "$(grep -c '^ *// \(en: YOUR TURN\|zh: 到你了\)$' "$L/$e.c")" = 2 ] || bad="$bad hole"
    read -r _ _ file symbol _ library <<<"$(grep '^// read: ' "$L/$e.c")"
    grep -qE "[ *]$symbol\(" "$SOURCE/$file" || bad="$bad $file:$symbol"
    [ -f "$SOURCE/$library" ] || bad="$bad $library"
    grep -oE 'check_case\("[^"]*(\\"[^"]*)*", "[^"]*(\\"[^"]*)*"\)' "$L/$e.c" | grep -q . || bad="$bad cases"
    equal "$e: title, page, hints, mistakes in both languages; its readings exist" "" "$bad"
done

# ---- the vectors: the committed ones are what tutorials and solutions compute now (libm may differ in the last digits)
"$SOURCE/tools/learn-vectors" "$WORK/vectors" || not_ok "tools/learn-vectors" 0 $?
for e in $exercises; do
    moved=$(awk 'NR == FNR { old[FNR] = $0; n = FNR; next }
        { k = split($0, b, " "); if (split(old[FNR], a, " ") != k) { print FNR; next }
          for (i = 1; i <= k; i++) { d = a[i] - b[i]; if (a[i] != b[i] && !(a[i] ~ /^-?[0-9.]+/ && d * d <= 1e-10 * b[i] * b[i] + 1e-14)) print FNR } }
        END { if (FNR != n) print "length" }' "$L/vectors/$e.txt" "$WORK/vectors/$e.txt")
    equal "$e: vectors are fresh (tools/learn-vectors)" "" "$moved"
    equal "$e: mistakes differ from what is right, and from each other" 0 \
        "$(awk '/^== / { if (all) print all; all = ""; next } !/^#/ { all = all "~" $0 } END { print all }' "$L/vectors/$e.txt" | sort | uniq -d | wc -l)"
done

# ---- the hole fails, the solution passes, a mistake is recognized
run learn start >start.txt || not_ok "start" 0 $?
says "start says what to do" "foundry-learn/01_utf8_count.c" start.txt
for e in $exercises; do
    grep -q '[^ -~]' <(sed 's/你//g; s/é//g; s/🦊//g' "foundry-learn/$e.c") && not_ok "$e: the English page" "no Chinese" "$(grep -n '[^ -~]' "foundry-learn/$e.c")"
    run learn check "$e" >out.txt 2>&1
    equal "$e: the hole fails" 1 $?
    says "$e: and says it is one" "Not begun yet" out.txt
    cp "$SOURCE/tests/learn/$e.c" foundry-learn/
    run learn check "$e" >out.txt 2>&1 || not_ok "$e: the solution passes" 0 "$(cat out.txt)"
    says "$e: solved" "Solved." out.txt
    for k in $(seq "$(grep -c '^// mistake.en: ' "$L/$e.c")"); do
        run learn check "$e" --cc "cc -DMISTAKE=$k" >out.txt 2>&1
        equal "$e: mistake $k fails" 1 $?
        says "$e: mistake $k is recognized" "$(sed -n "s,^// mistake.en: ,,p" "$L/$e.c" | sed -n "${k}p")" out.txt
    done
done
run learn status >out.txt
says "status counts" "$n of $n" out.txt
run learn status --json | grep -qF "\"done\": $n" && ok "status --json" || not_ok "status --json" "$n done" "$(run learn status --json)"

# ---- what goes wrong
top=foundry-learn/15_top_p.c
run learn start 15 --again >/dev/null
equal "--again keeps the old page" 1 "$(grep -c 'float sum = 0' $top.old)"
run learn status --json >out.txt
says "--again opens it again" "\"next\": \"15_top_p\"" out.txt
run learn check --json >out.txt 2>/dev/null
equal "check --json: exit status" 1 $?
json "check --json" out.txt
run learn list --json >out.txt
json "list --json" out.txt
echo 'int top_p(float *p, int n, float l) { return 7 }' >$top
run learn check >out.txt 2>&1
says "the compiler's words" "15_top_p.c:1" out.txt
says "and ours" "The compiler does not accept it yet" out.txt
echo 'int top_q(float *p, int n, float l) { return 7; }' >$top
run learn check >out.txt 2>&1
says "another name" "keep its name" out.txt
echo 'int top_p(float *p, int n, float l) { for (;;) {} }' >$top
run learn check --seconds 0.5 >out.txt 2>&1
equal "an endless loop: exit status" 1 $?
says "an endless loop ends" "did not come to an end" out.txt
printf '#include <stdio.h>\nint top_p(float *p, int n, float l) { for (;;) fputs("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", stderr); }\n' >$top
run learn check --seconds 20 >out.txt 2>&1
says "a loud program ends" "did not come to an end" out.txt
printf '#include <stdlib.h>\nint top_p(float *p, int n, float l) { exit(0); }\n' >$top
run learn check >out.txt 2>&1
says "exit() is no solution" "ended before the check did" out.txt
printf 'int top_p(float *p, int n, float l) {\n  volatile int *q = 0;\n  return *q; }\n' >$top
run learn check --cc "cc" >out.txt 2>&1
says "a crash without sanitizers" "Segmentation fault" out.txt
printf '#include <stdio.h>\nint top_p(float *p, int n, float l) { printf("I was here\\n"); return 1; }\n' >$top
run learn check --json >out.txt 2>err.txt
says "the learner's printf is shown" "I was here" err.txt
json "and does not disturb --json" out.txt
mkdir empty && PATH=$PWD/empty run learn check >out.txt 2>&1
equal "no compiler: exit status" 1 $?
says "no compiler: a sentence" "there is no C compiler" out.txt
says "no compiler: what to do" "apt-get install gcc" out.txt
run learn check rmsnrm >out.txt 2>&1
equal "an unknown name: exit status" 2 $?
says "an unknown name" "did you mean rmsnorm?" out.txt
rm foundry-learn/03_encode.c
run learn check encode >out.txt 2>&1
says "a page that is gone" "foundry learn start" out.txt
(cd foundry-learn && run learn check 1) >out.txt 2>&1
says "inside the folder" "Solved." out.txt
run learn check --dir nowhere >out.txt 2>&1
says "a folder without exercises" "foundry learn start" out.txt
printf 'language zz\nnext nothing\n\xff\xfe\n01_utf8_count done hints 999999999999 checks -4\n' >foundry-learn/progress.txt
run learn status >out.txt 2>&1
equal "a spoiled progress.txt is survived" 0 $?
[ "$(ls -d /tmp/foundry-learn-* 2>/dev/null)" = "" ] && ok "nothing is left in /tmp" || not_ok "/tmp" "" "$(ls -d /tmp/foundry-learn-*)"

# ---- Chinese, hints
run learn start --dir zh --lang zh >out.txt
says "开始" "到你了" out.txt
grep -qF 'YOUR TURN' zh/*.c && not_ok "the Chinese pages" "no English" "$(grep -lF 'YOUR TURN' zh/*.c)"
says "a Chinese page" "到你了" zh/04_rmsnorm.c
says "its title" "// 4. RMSNorm 前向" zh/04_rmsnorm.c
for level in 1 2 3; do
    run learn hint rmsnorm --dir zh >out.txt # the folder's language, without --lang
    equal "hint $level" $level "$(grep -cE '^  [123]  ' out.txt)"
done
says "the last hint says where to read" "别处的写法" out.txt
run learn hint rmsnorm --dir zh --level 1 --lang en >out.txt
says "--lang wins" "Two loops" out.txt
run learn check rmsnorm --dir zh >out.txt 2>&1
says "还没开始" "还没开始" out.txt
sleep 0.1 # times of files move in ticks of some milliseconds
echo 'int utf8_count(const char *text, int n) { return (void)text, n; }' >zh/01_utf8_count.c
run learn check --dir zh >out.txt 2>&1
says "without a name: the page that was saved last" "UTF-8 里的字符" out.txt
says "a result has a Chinese name" "字符数 应为 4" out.txt
says "what to do next names the folder" "foundry learn hint --dir zh" out.txt
run learn check --dir zh --json >out.txt 2>&1
says "for programs it is English" '"where": "characters"' out.txt

# ---- watch: a save is a check
run learn start --dir watched >/dev/null
"$FOUNDRY" learn watch --dir watched >watch.txt 2>&1 &
children=$!
for _ in $(seq 100); do grep -q 'Not begun' watch.txt && break; sleep 0.1; done
cp "$SOURCE/tests/learn/01_utf8_count.c" watched/.new && mv watched/.new watched/01_utf8_count.c # as an editor does
for _ in $(seq 100); do grep -q 'Solved' watch.txt && break; sleep 0.1; done
says "watch: a rename is a save" "Solved." watch.txt
cp "$SOURCE/tests/learn/02_merge_pair.c" watched/
for _ in $(seq 100); do grep -q '2 of' watch.txt && break; sleep 0.1; done
says "watch: so is a write" "2 of $n" watch.txt
kill -INT "$children" && wait "$children"
equal "watch ends with Ctrl-C" 0 $?
finish
