# lib.sh - shared by the scripts that drive the real binary; sourced after FOUNDRY and SOURCE are set. A scratch folder in memory (fsync is
# free there), one line per case, and the smallest useful run: 31,392 weights, 40 steps, half a second.

unset LC_ALL LC_MESSAGES NO_COLOR ${!FOUNDRY_*} 2>/dev/null
export LC_ALL=C.UTF-8
FOUNDRY=$(realpath "$1") SOURCE=$(realpath "${2:-.}")
WORK=$(mktemp -d /dev/shm/foundry-e2e-XXXXXX 2>/dev/null || mktemp -d /tmp/foundry-e2e-XXXXXX) || exit 1
failures=0 cases=0 children=

clean_up() {
    for p in $children; do kill -9 "$p" 2>/dev/null; done
    chmod -R u+rwx "$WORK" 2>/dev/null
    rm -rf "$WORK"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
cd "$WORK" || exit 1

ok() {
    cases=$((cases + 1))
    echo "ok - $1"
}
brief() { if [ "$(wc -l <<<"$1")" -gt 8 ]; then head -n 4 <<<"$1"; echo ...; tail -n 4 <<<"$1"; else echo "$1"; fi | sed '2,$s/^/              /'; }
# not_ok NAME EXPECTED GOT
not_ok() {
    cases=$((cases + 1)) failures=$((failures + 1))
    echo "not ok - $1"
    printf '    expected: %s\n    got:      %s\n' "$(brief "$2")" "$(brief "$3")"
}
skip() { echo "SKIPPED - $1: $2"; }
# equal NAME EXPECTED GOT
equal() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "$2" "$3"; fi; }
# says NAME FIXED-STRING FILE...
says() {
    local name=$1 words=$2
    shift 2
    if grep -qF -- "$words" "$@"; then ok "$name"; else not_ok "$name" "\"$words\"" "$(tail -n 6 "$@")"; fi
}
finish() {
    echo "$cases cases, $failures failed"
    exit $((failures > 0))
}

run() { "$FOUNDRY" "$@"; }
bits() { if [ -f "$1" ]; then sha256sum <"$1" | cut -c1-16; else echo "no file $1"; fi; }
# final RUN: hash of the newest checkpoint's weights
final() { bits "$(ls -d "$1"/checkpoints/step-* 2>/dev/null | tail -n 1)/model.safetensors"; }
# curve RUN: metrics without the field that a clock decides
curve() { sed 's/, "tokens_per_second": [^,}]*//' "$1/metrics.jsonl"; }
# number KEY FILE: of a flat JSON object
number() { sed -n "s/.*\"$1\": *\([-+0-9.eE]*\).*/\1/p" "$2" | head -n 1; }
# flip FILE OFFSET: one bit
flip() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    printf "\\x$(printf %x $((byte ^ 16)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# tiny_world: s.txt (300 kB of stories), tok/ (400 tokens), shards/, tiny.yaml
tiny_world() {
    {
        run data synth --lang mix --bytes 300K --seed 1 -o s.txt && run tokenizer train s.txt --vocab-size 400 -o tok &&
            run data prepare s.txt --tokenizer tok -o shards --val-fraction 0.05
    } >world.txt 2>&1 || {
        cat world.txt
        echo "not ok - stories, tokenizer and shards to test with"
        exit 1
    }
    cat >tiny.yaml <<'YAML'
model:
  hidden_size: 32
  intermediate_size: 64
  num_hidden_layers: 2
  num_attention_heads: 2
  num_key_value_heads: 1
  max_position_embeddings: 64
data:
  train: shards
train:
  steps: 40
  batch_tokens: 256
  warmup_steps: 4
  lr: 3e-3
  min_lr: 3e-4
  eval_every: 10
  eval_documents: 4
  sample_every: 20
  checkpoint_every: 7
  log_every: 5
sampler:
  max_tokens: 20
YAML
}

# json NAME FILE: one JSON value? Scalars become V, then arrays and objects of values become V, until nothing changes.
json() {
    local left
    left=$(sed -zE 's/"([^"\\[:cntrl:]]|\\["\\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/S/g; s/-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/V/g
        s/true|false|null/V/g; s/[ \n\t\r]//g; :a; s/\[([SV](,[SV])*)?\]|\{(S:[SV](,S:[SV])*)?\}/V/g; ta' "$2")
    equal "$1" V "$left"
}
