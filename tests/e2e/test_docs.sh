#!/bin/bash
# The documents: English and Chinese are the same document twice (files, headings, code blocks, tables), links lead somewhere, every option and
# command that is named exists, and the commands of docs/ run.
. "$(dirname "$0")/lib.sh"
run help options >options.txt

# shape FILE: what both languages must share: levels of headings, code blocks as they are, columns of table rows
shape() {
    awk '/^```/ { code = !code; print; next }
         code || /^    / { print; next }
         /^#+ / { print $1; next }
         /^\|/ { print "row", gsub(/\|/, "|") }' "$1"
}
# checked FILE: links and options
checked() {
    local file=$1 name=${1#"$SOURCE"/} link key bad=
    for link in $(grep -oE '\]\([^)#]+' "$file" | sed 's/^](//' | grep -v '^https\{0,1\}:'); do
        [ -e "$(dirname "$file")/$link" ] || bad="$bad $link"
    done
    equal "$name: every link leads somewhere" "" "$bad"
    bad=
    for key in $(grep -oE -- '--(model|data|train|run|sampler)\.[a-z_0-9]+' "$file" | sed 's/^--//' | sort -u); do
        grep -qE "(^|[^a-z_.])$key([^a-z_]|\$)" options.txt || bad="$bad $key"
    done
    equal "$name: every option exists" "" "$bad"
}
# twins ENGLISH CHINESE
twins() {
    if [ ! -f "$2" ]; then
        not_ok "${1#"$SOURCE"/} has a Chinese twin" "$2" "nothing"
        return
    fi
    equal "${2#"$SOURCE"/}: the same headings, code and tables as the English one" "$(shape "$1")" "$(shape "$2")"
    checked "$1"
    checked "$2"
}

for file in "$SOURCE"/docs/en/*.md; do
    case $(basename "$file") in
    lab-notes.md) checked "$file" ;; # for those who work on the library: English, like the code
    *) twins "$file" "$SOURCE/docs/zh/$(basename "$file")" ;;
    esac
done
for file in "$SOURCE"/docs/zh/*.md; do
    [ -f "$SOURCE/docs/en/$(basename "$file")" ] || not_ok "docs/zh/$(basename "$file") has an English twin" yes no
done
twins "$SOURCE/tutorials/README.md" "$SOURCE/tutorials/README.zh-CN.md"
checked "$SOURCE/examples/README.md"

# Every ```sh block of docs/ runs, with fewer steps, where shards/ is there.
tiny_world
ln -s "$SOURCE/configs" configs
foundry() { run "$@"; }
for file in "$SOURCE"/docs/en/*.md; do
    awk '/^```sh$/ { on = 1; next } /^```/ { on = 0 } on' "$file" | sed -E 's/--train\.steps [0-9]+/--train.steps 2 --train.sample_every 0/' >block.sh
    [ -s block.sh ] || continue
    if (set -e; . ./block.sh) >out.txt 2>&1; then ok "$(basename "$file"): its commands run"; else not_ok "$(basename "$file"): commands" 0 "$(tail -n 5 out.txt)"; fi
done
finish
