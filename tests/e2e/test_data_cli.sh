#!/bin/bash
# The data commands from end to end: stories, shards, what info says of them, and how mistakes end.
set -u
foundry=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() { echo "FAILED: $*"; exit 1; }
expect() { # exit code, text on stderr, command...
    local code=$1 text=$2
    shift 2
    "$@" >out 2>err
    local got=$?
    [ $got = "$code" ] || fail "exit $got, expected $code: $* $(cat err)"
    grep -qF -- "$text" err || fail "expected \"$text\" from: $* $(cat err)"
}

"$foundry" data synth --lang mix --bytes 300k --seed 1 -o stories.txt >out 2>/dev/null || fail "synth"
grep -q "entropy floor 0\.[0-9]* bits per byte" out || fail "synth says no floor: $(cat out)"
grep -q "^next: foundry tokenizer train stories.txt" out || fail "synth says nothing of what comes next"
"$foundry" tokenizer train stories.txt --vocab-size 400 -o tok/ >/dev/null 2>&1 || fail "tokenizer train"
"$foundry" data prepare stories.txt --tokenizer tok/ -o shards/ --val-fraction 0.1 >out 2>/dev/null || fail "prepare"
"$foundry" data info shards/ --json >info.json || fail "info"
for key in fingerprint end_token splits train val tokens documents bytes bytes_per_token floor_bits_per_byte max_id; do
    grep -q "\"$key\"" info.json || fail "info --json lacks $key"
done
"$foundry" data info shards/ | grep -q "every byte matches its checksum" || fail "info"
"$foundry" data info shards/val_000000.bin | grep -q "foreign" || fail "info of a single file"

# the floor is that of one text: edited, it has none
mkdir edited && sed 's/a/o/g' stories.txt >edited/stories.txt && cp stories.bits stories.meta.json edited
expect 1 "not the one that its .bits file was made for" "$foundry" data prepare edited/stories.txt --tokenizer tok -o x
rm edited/stories.bits
"$foundry" data prepare edited/stories.txt --tokenizer tok -o without-floor >/dev/null 2>&1 || fail "an edited text without .bits"

# what killed writers of the same name left is gone after the next one
dead=$(sh -c 'echo $$')
mkdir ".y.tmp-$dead" && : >".new.txt.tmp-$dead" && : >".other.txt.tmp-$dead"
"$foundry" data synth --bytes 10k -o new.txt >/dev/null 2>&1 && "$foundry" data prepare stories.txt --tokenizer tok -o y >/dev/null 2>&1
[ "$(echo .*.tmp-*)" = ".other.txt.tmp-$dead" ] || fail "leftovers: $(echo .*.tmp-*)"

expect 1 "no such file" "$foundry" data prepare missing.txt --tokenizer tok -o x
expect 1 "tok" "$foundry" data prepare stories.txt --tokenizer tok-nope -o x
expect 2 "--tokenizer" "$foundry" data prepare stories.txt -o x
expect 2 "-o DIR" "$foundry" data prepare stories.txt --tokenizer tok
expect 2 "--threads" "$foundry" data prepare stories.txt --tokenizer tok -o x --threads 0
expect 2 "--shard-tokens" "$foundry" data prepare stories.txt --tokenizer tok -o x --shard-tokens 1e30
expect 1 "not replaced" "$foundry" data prepare stories.txt --tokenizer tok -o .
expect 1 "foundry data prepare stories.txt" "$foundry" data info stories.txt
expect 2 "-o FILE" "$foundry" data synth
expect 2 "did you mean" "$foundry" data prepair
printf '\x55' | dd of=shards/train_000000.bin bs=1 seek=5000 conv=notrunc 2>/dev/null
expect 1 "damaged" "$foundry" data info shards
[ ! -e x ] || fail "something was written"
echo ok
