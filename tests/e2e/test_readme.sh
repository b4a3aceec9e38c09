#!/bin/bash
# The commands of README.md do what it says: every ```sh block runs (with fewer training steps), the ```c block compiles, links and
# runs, and README.zh-CN.md has the same headings' count and the same code blocks.
set -u
binary=$(realpath "$1")
root=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
ok() { passed=$((passed + 1)); echo "ok - $1"; }
bad() { failed=$((failed + 1)); echo "not ok - $1"; }

blocks() { # FILE LANGUAGE: the text of all fenced blocks of a language
    awk -v fence="^\`\`\`$2\$" '$0 ~ fence { on = 1; next } /^```/ { on = 0 } on' "$1"
}

cd "$work" || exit 1
cp -r "$root/configs" .
mkdir bin
ln -s "$binary" bin/foundry
export PATH="$work/bin:$PATH" NO_COLOR=1

while IFS= read -r line; do
    [ -n "$line" ] || continue
    # as it stands in the README: the options must fit together before the test shortens them
    case $line in 'foundry train'*)
        check=${line/foundry train/foundry config check}
        if bash -c "${check/ --resume auto/}" >out.txt 2>err.txt; then ok "the options of: $line"; else
            bad "the options of: $line"
            cat err.txt
        fi
        ;;
    esac
    command=$(printf '%s\n' "$line" | sed -e 's/--train.steps [0-9]*/--train.steps 3/' -e 's/--bytes 20M/--bytes 2M/')
    case $command in *'foundry train'*) command="$command --train.warmup_steps 1 --train.eval_documents 5" ;; esac
    if bash -c "$command" >out.txt 2>err.txt </dev/null; then ok "$line"; else
        bad "$line"
        tail -n 5 err.txt
    fi
done < <(blocks "$root/README.md" sh)

blocks "$root/README.md" c >story.c
library=$(dirname "$binary")/libfoundry.a
if nm "$library" 2>/dev/null | grep -q __asan_init; then
    echo "skipped - the C example links plainly, this is a sanitizer build"
elif cc -I"$root/include" story.c "$library" $(pkg-config --libs $(sed -n "s/^Requires: //p" "$(dirname "$library")/foundry.pc")) -lm -lpthread -o story 2>err.txt && ./story >out.txt 2>err.txt &&
    [ -s out.txt ]; then
    ok "the C example compiles and tells a story"
else
    bad "the C example compiles and tells a story"
    cat err.txt
fi

for language in sh c console; do
    if [ "$(blocks "$root/README.md" $language | sed 's/ *#.*//')" = "$(blocks "$root/README.zh-CN.md" $language | sed 's/ *#.*//')" ]; then
        ok "both READMEs have the same $language blocks"
    else
        bad "both READMEs have the same $language blocks"
    fi
done
if [ "$(grep -c '^#' "$root/README.md")" = "$(grep -c '^#' "$root/README.zh-CN.md")" ]; then ok "same headings"; else bad "same headings"; fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
