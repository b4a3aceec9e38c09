#!/bin/bash
# test_kept.sh FOUNDRY SOURCE_DIR - what was read is kept in files and found again (`generate --prompt-cache`, `chat` /save +kv), the texts are
# the same to the letter; files of others and damaged ones; a signal while a long prompt is read.
set -u
. "$(dirname "$0")/lib.sh"
export HOME=$WORK/home XDG_STATE_HOME=

tiny_world
sed -i 's/max_position_embeddings: 64/max_position_embeddings: 32768/' tiny.yaml
for seed in 1 2; do
    run train tiny.yaml --train.seq_len 64 --train.seed $seed --run.dir run$seed >train.txt 2>&1 || not_ok "a run to talk with" 0 "$(tail -n 3 train.txt)"
    mv "$(ls -d run$seed/checkpoints/step-* | tail -n 1)" model$seed && rm -rf model$seed/trainer
done

# ---- generate --prompt-cache -------------------------------------------------------------------------------------------------------
# say BYTES ARGUMENTS...: a prompt of the first bytes of the stories
say() {
    local bytes=$1
    shift
    head -c "$bytes" s.txt | run generate model1 - --max-tokens 30 --seed 5 "$@" 2>err.txt
}
cached() { number cached_tokens out.json; }
# kept NAME BYTES FOUND: the text of --prompt-cache is that without, and so many tokens were found
kept() {
    say "$2" >plain.txt
    say "$2" --json --prompt-cache p.kv >out.json
    equal "$1: exit" 0 $?
    equal "$1: found" "$3" "$(cached)"
    equal "$1: the same text" "$(cat plain.txt)" "$(say "$2" --prompt-cache p.kv)"
}
kept "the first time" 600 0
first=$(bits p.kv)
tokens=$(number prompt_tokens out.json)
[ "$tokens" -gt 128 ] || not_ok "the prompt is longer than two pages" "more than 128" "$tokens"
whole=$((tokens / 64 * 64))
kept "the same prompt" 600 $(((tokens - 1) / 64 * 64))
kept "a shorter prompt finds its part" 300 128
equal "and leaves the file alone" "$first" "$(bits p.kv)"
kept "a longer prompt finds what there is" 1200 "$whole"
longer=$(number kept_tokens <(say 1200 --json --stats --prompt-cache p.kv | tail -n 1))
[ "$(bits p.kv)" != "$first" ] && ok "and adds the rest" || not_ok "and adds the rest" "another file" "the same"
kept "four times the prompt" 5000 "$longer"
kept "the file is longer than the whole context of a short request" 300 128
say 600 --n 20 --prompt-cache p.kv >many.txt
equal "many texts" "$(say 600 --n 20)" "$(cat many.txt)"
say 600 --prompt-logprobs 0 --json --prompt-cache p.kv >out.json
equal "probabilities of a prompt: all of it is read" 0 "$(cached)"
say 600 --stats --prompt-cache p.kv >out.txt
says "--stats says what was found" 'of them were in p.kv' err.txt
say 40 --prompt-cache short.kv >out.txt
equal "a short prompt: exit" 0 $?
says "a short prompt is said to be none to keep" 'is too short to be kept: short.kv was not written' err.txt
[ -e short.kv ] && not_ok "and no file appears" none short.kv || ok "and no file appears"
# A file holds one text: another takes its place, which is said; what both begin with is found.
say 600 --prompt-cache one.kv >out.txt
equal "nothing is replaced at first" "" "$(grep replaced err.txt)"
other() { { head -c "$1" s.txt; tail -c "$2" s.txt; } >other.txt; run generate model1 --prompt-file other.txt --max-tokens 5 --prompt-cache one.kv --json >out.json 2>err.txt; }
other 0 700
equal "another text finds nothing" 0 "$(cached)"
says "and says what it replaces" "note: one.kv held another text: $whole tokens of it were replaced" err.txt
say 600 --json --prompt-cache one.kv >out.json
equal "so the first text is not there" 0 "$(cached)"
other 300 400
equal "a text that begins alike finds that" 128 "$(cached)"
says "and replaces the rest" "held another text: $((whole - 128)) tokens of it were replaced" err.txt
other 300 5
equal "one that is too short to add to it" 128 "$(cached)"
equal "replaces nothing" "" "$(grep replaced err.txt)"
for type in f32 f16 bf16 q8_0; do
    say 600 --kv-type $type --prompt-cache $type.kv >a.txt
    say 600 --kv-type $type --prompt-cache $type.kv --json >out.json
    equal "--kv-type $type: the same text from its file, found $(cached)" "$(cat a.txt)" "$(say 600 --kv-type $type)"
done

# refused NAME WORDS FILE ARGUMENTS...: exit 1, words, nothing said, the file as it was
refused() {
    local name=$1 words=$2 file=$3 before
    shift 3
    before=$(bits "$file")
    say 600 --prompt-cache "$file" "$@" >out.txt
    equal "$name: exit" 1 $?
    says "$name: words" "$words" err.txt
    says "$name: what to do" 'hint: ' err.txt
    equal "$name: nothing is said" "" "$(cat out.txt)"
    equal "$name: the file stays" "$before" "$(bits "$file")"
}
refused "another type of keys and values" 'keys and values are kept as F32, here as Q8_0' f32.kv --kv-type q8_0
refused "other weights" 'of another model of the same shape' f32.kv --weights q8_0 --kv-type f32
cp model1/config.json precious.json
refused "some other file" 'no file of keys and values' precious.json
head -c 3000 p.kv >cut.kv
refused "a file that was cut" 'make a file of' cut.kv
cp p.kv bad.kv && flip bad.kv 5000
refused "a damaged file" 'damaged: the checksum' bad.kv
refused "an instruction set with other bits" 'keys and values of the instruction set' f32.kv --kv-type f32 --isa scalar
refused "a place that is none" 'nowhere' nowhere/p.kv
head -c 600 s.txt | run generate model2 - --prompt-cache p.kv >out.txt 2>err.txt
equal "a sibling's file: exit" 1 $?
says "a sibling's file: words" 'of another model of the same shape' err.txt
[ -e /dev/full ] && { say 600 --prompt-cache /dev/full >out.txt; equal "a device is no file" 1 $?; }

# ---- chat: /save +kv and /load -----------------------------------------------------------------------------------------------------
# talk LINES ARGUMENTS...: from a pipe
talk() {
    local lines=$1
    shift
    printf "$lines" | run chat "$@" -n 40 --template "$SOURCE/tests/golden/data/chat/chatml.jinja" >out.txt 2>err.txt
}
talk "$(head -c 300 s.txt | tr '\n%%' '  ')\nAgain\n/save +kv talk.json\n/save bare.json\n/regen\n" model1
equal "/save +kv: exit" 0 $?
says "/save +kv says what it kept" ' tokens, in talk.json.kv)' err.txt
equal "without +kv there is no such file" "" "$(ls bare.json.kv 2>/dev/null)"
talk 'More\n' model1 --messages bare.json --json
cp out.txt bare.txt
equal "a conversation without it is read anew" 0 "$(number cached_tokens bare.txt)"
talk 'More\n' model1 --messages talk.json --json
says "--messages finds it" 'in talk.json.kv, need not be read again)' err.txt
[ "$(number cached_tokens out.txt)" -ge 192 ] && ok "what was read is found" || not_ok "what was read is found" "192 tokens or more" "$(cat out.txt)"
content() { sed 's/, "stop".*//' "$1"; }
equal "and the answer is the same" "$(content bare.txt)" "$(content out.txt)"
talk '/load talk.json\nMore\n' model1 --json
[ "$(number cached_tokens out.txt)" -ge 192 ] && ok "/load finds it" || not_ok "/load finds it" "192 tokens or more" "$(cat out.txt)"
equal "with the same answer" "$(content bare.txt)" "$(content out.txt)"
# anew NAME WORDS MODEL ARGUMENTS...: a remark, no error, the answer of a conversation that is read anew
anew() {
    local name=$1 words=$2
    shift 2
    talk 'More\n' "$@" --messages bare.json --json && cp out.txt bare.txt
    talk '/load talk.json\nMore\n' "$@" --json
    equal "$name: exit" 0 $?
    says "$name: words" "(the conversation is read anew, for talk.json.kv: $words" err.txt
    equal "$name: found" 0 "$(number cached_tokens out.txt)"
    equal "$name: the same answer" "$(content bare.txt)" "$(content out.txt)"
}
anew "a sibling's file" 'keys and values of another model' model2
anew "another type" 'keys and values are kept as F32, here as Q8_0' model1 --kv-type q8_0
flip talk.json.kv 6000
anew "a damaged file" 'damaged' model1
talk 'Hi\n/forget\n/save +kv empty.json\n/save +kv\n' model1 --json
says "nothing was read of an empty conversation" 'were found again: no empty.json.kv)' err.txt
says "/save +kv wants a name" '/save [+kv] FILE' err.txt

# ---- Ctrl-C while a long prompt is read --------------------------------------------------------------------------------------------
for i in 1 2 3 4 5; do head -c 10000 s.txt; done >long.txt
# interrupt PID: when it has worked for half a second, of the minute that the prompt takes
interrupt() {
    for _ in $(seq 600); do
        set -- "$1" $(cat "/proc/$1/stat" 2>/dev/null)
        [ "${15:-50}" -ge 50 ] && break # or it has ended
        sleep 0.05
    done
    kill -INT "$1"
}
"$FOUNDRY" generate model1 --prompt-file long.txt --isa scalar --threads 1 --prompt-cache long.kv >out.txt 2>err.txt &
children=$!
interrupt $children
wait $children
equal "interrupted in the middle of its prompt: exit" 3 $?
children=
equal "and says nothing" "" "$(tr -d '\n' <out.txt)"
pages() { od -An -tu4 -j 12 -N 4 "$1" 2>/dev/null | tr -d ' '; } # of 64 tokens, as its header says
kept=$(pages long.kv)
[ "${kept:-0}" -gt 0 ] && ok "what it has read is kept" || not_ok "what it has read is kept" "a file" "$(cat err.txt)"
[ "${kept:-999}" -lt 250 ] && ok "it stopped between two pieces, not at the end" || not_ok "it stopped between two pieces, not at the end" "fewer than 250 pages" "$kept"
"$FOUNDRY" generate model1 --prompt-file long.txt --isa scalar --threads 1 --prompt-cache long.kv >out.txt 2>err.txt &
children=$!
interrupt $children
wait $children
equal "begun again, and interrupted again: exit" 3 $?
children=
[ "$(pages long.kv)" -gt "$kept" ] && ok "it went on from there" || not_ok "it went on from there" "more than $kept pages" "$(pages long.kv)"
mkfifo talk
"$FOUNDRY" chat model1 -n 5 --isa scalar --threads 1 <talk >out.txt 2>err.txt &
children=$!
{ tr -cd ' -~' <long.txt; printf '\n/save stopped.json\nHello\n'; } >talk &
interrupt $children
wait $children
equal "chat, interrupted in the middle of its prompt, goes on: exit" 0 $?
children=
says "it says so" 'stopped before an answer began: it was not asked' err.txt
equal "nothing was said" '[]' "$(tr -d ' \n' <stopped.json)"
[ -s out.txt ] && ok "the next message is answered" || not_ok "the next message is answered" "a text" "$(cat err.txt)"
finish
