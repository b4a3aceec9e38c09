#!/bin/bash
# The documents: English and Chinese are the same document twice (files, headings, code blocks, tables), links lead somewhere, every option,
# command, file and symbol that is named exists, and the commands of docs/ run. (Those of docs/en/guide: test_guide.sh.)
. "$(dirname "$0")/lib.sh"
run help options >options.txt 2>&1

# commands FILE: its table of commands, their names
commands() { sed -n '/^Commands/,/^$/s/^  \([a-z-]\{2,\}\)  .*/\1/p' "$1"; }
# flags.txt: every flag of every command, and those of programs that are not ours; commands.txt: every command, "runs" and "runs ls"
run help >top.txt 2>&1
commands top.txt >commands.txt
{
    cat top.txt options.txt
    run help bench infer # the one suite with flags of its own
    for command in $(commands top.txt); do
        run help "$command" 2>&1 | tee sub.txt
        for sub in $(commands sub.txt); do
            echo "$command $sub" >>commands.txt
            run help "$command" "$sub"
        done
    done
} >help.txt 2>&1
{
    grep -oE -- '--[a-z][a-z0-9_.-]*' help.txt | sed 's/[.-]*$//'
    grep -ohE -- '"--[a-z]+"' "$SOURCE"/tutorials/*.c "$SOURCE"/tests/peers/*.py | tr -d '"'
    printf '%s\n' --build --test-dir --output-on-failure --target --help --cflags --libs # cmake, ctest, pkg-config
} | sort -u >flags.txt

# shape FILE: what both languages must share: levels of headings, the columns of table rows and what the numbers of each add up to, code blocks as they
# are (what is typed, what is printed) and of diagrams and equations (```text, four blanks) every number of every line, since words are translated
shape() {
    awk 'function numbers(s,    all) {
             gsub(/[A-Za-z]+[0-9]+[A-Za-z0-9_]*/, "", s) # bf16 and q8_0 are names
             while (match(s, /[0-9]+(,[0-9][0-9][0-9])*(\.[0-9]+)?/)) { all = all " " substr(s, RSTART, RLENGTH); s = substr(s, RSTART + RLENGTH) }
             return "line" all }
         /^```/ { code = code ? "" : $0; print; next }
         code == "```text" || !code && /^    / { print numbers($0); next }
         code { print; next }
         /^#+ / { print $1; next }
         /^\|/ {
             gsub(/\]\([^)]*\)|`[^`]*`/, ""); columns = split($0, cell, "|"); row = "row"
             for (i = 1; i <= columns; i++) {
                 sum = 0; n = split(numbers(cell[i]), number, " ")
                 for (k = 2; k <= n; k++) { gsub(/,/, "", number[k]); sum += number[k] }
                 row = row " | " sum
             }
             print row
         }' "$1"
}
figures() { awk -f "$SOURCE/tests/e2e/figures.awk" "$1" | sort; }
# headings FILE
headings() { awk '/^```/ { code = !code } !code && /^#+ /' "$1"; }
# anchors FILE: what a link may put behind '#', as GitHub makes it of headings
anchors() { headings "$1" | sed -E 's/^#+ +//; s/.*/\L&/; s/[^[:alnum:] _-]//g; s/ /-/g'; }
# words.txt: every word of the tree that is not a document, names of files too; spans FILE: what stands between backquotes in prose
tree=$(find "$SOURCE"/{src,include,tutorials,learn,examples,research,tools,tests,configs,CMakeLists.txt,Makefile} -type f -size -200k ! -path '*/data/*' ! -path '*/corpus/*' ! -name '*.md')
{
    # shellcheck disable=SC2086
    grep -ohaE '[A-Za-z_][A-Za-z0-9_]*' $tree
    grep -oE '[A-Za-z_][A-Za-z0-9_]*' <<<"$tree"
    printf '%s\n' numactl chrt tale quick_gelu op_scale test_x # programs of others, and what CONTRIBUTING.md makes
} | sort -u >words.txt
spans() {
    awk '/^```/ { code = !code; next }
        code || /^$/ { rest = ""; next }
        {
            $0 = rest $0
            while (match($0, /`[^`]+`/)) { print substr($0, RSTART + 1, RLENGTH - 2); $0 = substr($0, RSTART + RLENGTH) }
            rest = index($0, "`") ? $0 " " : "" # one may go on in the next line
        }' "$1"
}
# commands_of FILE: its blocks of commands
commands_of() { awk '/^```(sh|sh slow|console)$/ { on = 1; next } /^```/ { on = 0 } on' "$1"; }
# checked FILE: links, options, flags, files and symbols
checked() {
    local file=$1 name=${1#"$SOURCE"/} link key path bad=
    for link in $(grep -oE '\]\([^) ]+\)' "$file" | sed 's/^](//; s/)$//' | grep -v '^https\{0,1\}:'); do
        path=$(dirname "$file")/${link%%#*}
        [ "${link#\#}" = "$link" ] || path=$file
        if [ ! -e "$path" ]; then
            bad="$bad $link"
        elif [ "$link" != "${link#*#}" ] && ! anchors "$path" | grep -qxF -- "${link#*#}"; then
            bad="$bad $link"
        fi
    done
    equal "$name: every link leads somewhere" "" "$bad"
    bad=
    for key in $(grep -oE -- '(--|`)(model|data|train|run|sampler)\.[a-z_0-9]+' "$file" | sed 's/^--//; s/^`//' | grep -vE '\.([ch]|safetensors|norm)$' | sort -u); do
        grep -qE "(^|[^a-z_.])$key([^a-z_]|\$)" options.txt || bad="$bad $key"
    done
    equal "$name: every option exists" "" "$bad"
    bad=
    for key in $(grep -oE -- '(^|[^-a-zA-Z0-9_])--[a-z][a-z0-9-]*' "$file" | sed 's/^[^-]//' | sort -u); do
        grep -qxE -- "$key(\..*)?" flags.txt || bad="$bad $key"
    done
    equal "$name: every flag exists" "" "$bad"
    bad=
    while read -r _ key path; do
        grep -qx -- "$key" commands.txt || bad="$bad $key"
        if grep -q "^$key " commands.txt && [[ $path =~ ^[a-z|]+$ ]]; then
            for path in ${path//|/ }; do grep -qx -- "$key $path" commands.txt || bad="$bad $key:$path"; done
        fi
    done < <(grep -oE '`foundry [a-z-]+[^`]*' "$file" | sort -u)
    equal "$name: every command exists" "" "$bad"
    bad=
    for path in $(grep -oE '`(bench|configs|docs|examples|include|research|src|tests|tools|tutorials)/[^` ]*`' "$file" | tr -d '`' | sort -u); do
        compgen -G "$SOURCE/$path" >/dev/null || bad="$bad $path"
    done
    equal "$name: every file exists" "" "$bad"
    bad=$({ spans "$file" && commands_of "$file" | grep -oE '\b[A-Za-z]+_[A-Za-z0-9_]+'; } | grep -oE '[A-Za-z_][A-Za-z0-9_]+' | grep -vE '_$|^[A-Z]+$|NAME$' | sort -u | comm -23 - words.txt | sed 's/^/ /' | tr -d '\n')
    # [`symbol`](file): it is in that file
    while read -r key path; do
        grep -qwF -- "$key" "$(dirname "$file")/$path" || bad="$bad $key"
    done < <(grep -oE '\[`[A-Za-z_][A-Za-z0-9_]*`\]\([^)#]+\.[ch]\)' "$file" | sed -E 's/\[`([^`]*)`\]\(([^)]*)\)/\1 \2/')
    equal "$name: every word of code exists" "" "$bad"
    [[ $name = CONTRIBUTING* ]] || grep -ohE -- '--(model|data|train|sampler)\.[a-z_0-9]+[ =][a-z0-9][^ `|)，。；、,]*' "$file" >>settings.txt
    awk -f "$SOURCE/tests/e2e/equations.awk" "$file" >equations.txt
    equal "$name: its arithmetic" "" "$(grep : equations.txt)"
    equations=$((equations + $(tail -n 1 equations.txt)))
}
# same_words ENGLISH CHINESE: figures; and what the headings are is noted
same_words() {
    equal "${2#"$SOURCE"/}: the same figures and code in prose as the English one" "" "$(diff <(figures "$1") <(figures "$2"))"
    { echo "${1#"$SOURCE"/}" && paste -d '|' <(headings "$1") <(headings "$2") | sed 's/|#* / | /'; } >>headings.txt
}
# twins ENGLISH CHINESE
twins() {
    if [ ! -f "$2" ]; then
        not_ok "${1#"$SOURCE"/} has a Chinese twin" "$2" "nothing"
        return
    fi
    equal "${2#"$SOURCE"/}: the same headings, code and tables as the English one" "" "$(diff <(shape "$1") <(shape "$2"))"
    same_words "$1" "$2"
    checked "$1"
    checked "$2"
}

while read -r file; do
    case $file in
    lab-notes.md) checked "$SOURCE/docs/en/$file" ;; # for those who work on the library: English, like the code
    *) twins "$SOURCE/docs/en/$file" "$SOURCE/docs/zh/$file" ;;
    esac
done < <(cd "$SOURCE/docs/en" && find . -name '*.md' | sed 's/^\.\///' | sort)
while read -r file; do
    [ -f "$SOURCE/docs/en/$file" ] || not_ok "docs/zh/$file has an English twin" yes no
done < <(cd "$SOURCE/docs/zh" && find . -name '*.md')
for folder in tutorials learn research examples; do twins "$SOURCE/$folder/README.md" "$SOURCE/$folder/README.zh-CN.md"; done
twins "$SOURCE/CONTRIBUTING.md" "$SOURCE/CONTRIBUTING.zh-CN.md"
checked "$SOURCE/README.md"
checked "$SOURCE/README.zh-CN.md"
same_words "$SOURCE/README.md" "$SOURCE/README.zh-CN.md" # the comments of its blocks are translated: test_readme.sh compares the rest

# What headings say is kept, in both languages. A heading that was changed on purpose: test_docs.sh BUILD/foundry SOURCE keep, and read the difference.
kept=$SOURCE/tests/e2e/headings.txt
[ "${3-}" != keep ] || cp headings.txt "$kept"
equal "every heading is the one of tests/e2e/headings.txt (changed on purpose: $0 FOUNDRY SOURCE keep)" "" "$(diff "$kept" headings.txt)"

# Every --option value that a document names is one that the option takes.
while IFS='= ' read -r key value; do
    run config show stories-3m "$key" "${value%.}" >out.txt 2>&1
    ! grep -q "^error: foundry config show: " out.txt || not_ok "$key $value" "a value that it takes" "$(cat out.txt)"
done < <(sort -u settings.txt)
ok "values of options that were tried: $(sort -u settings.txt | wc -l)"

# A file that a tutorial names is in the tree, or a header of the system.
bad=
for file in "$SOURCE"/tutorials/*.c "$SOURCE"/tutorials/kernels/*.c; do
    for word in $(grep -oE '[A-Za-z0-9_/]{3,}\.[ch]\b' "$file" | sort -u); do
        [ -n "$(find "$SOURCE"/{src,include,tutorials} -name "${word##*/}" | head -n 1)" ] || grep -q "#include <$word>" "$file" || bad="$bad ${file##*/}:$word"
    done
done
equal "tutorials: every file they name exists" "" "$bad"

# A chapter of the guide: what it promises, in this order, with three exercises and three answers, and called by its name wherever it is linked.
title() { sed -n '1s/^# //p' "$1"; }
for lang in en zh; do
    parts="The idea,Read,Do,Exercises,Answers" next=Next:
    [ $lang = en ] || parts=道理,读,做,练习,答案 next=下一章：
    before=
    for file in "$SOURCE"/docs/$lang/guide/*.md; do
        name=$lang/${file##*/}
        equal "$name: its parts" "$parts" "$(sed -n 's/^## //p' "$file" | paste -sd ,)"
        for part in $(cut -d , -f 4,5 <<<"$parts" | tr , ' '); do
            equal "$name: three $part" 3 "$(awk -v part="## $part" '/^## / { on = $0 == part } on' "$file" | grep -c '^[1-9]\. ')"
        done
        says "$name: its name in the path" "[$(title "$file")](guide/${file##*/})" "$SOURCE/docs/$lang/USER_GUIDE.md"
        [ -z "$before" ] || says "$name: its name in the chapter before" "$next [$(title "$file")](${file##*/})" <(sed 's/：\[/： [/' "$before")
        before=$file
    done
done

# The table of memory in hardware.md: what foundry plan says. (bfloat16: on a CPU that has it.)
planned() { run plan "$@" --seconds 0 2>err.txt | sed -n 's/^memory *\([0-9.]* [kMG]B\).*/\1/p'; }
bfloat16=$(planned stories-3m --model.vocab_size 4096 --train.dtype bf16)
while IFS='|' read -r _ recipe _ _ f32 bf16 again _; do
    read -r name vocab <<<"${recipe/, V/}"
    got=$(planned "$name" --model.vocab_size "${vocab/,/}" --train.dtype f32 --train.recompute none) want=$(xargs <<<"$f32")
    if [ -n "$bfloat16" ]; then
        for more in "none --train.dtype bf16" "block --train.dtype bf16 --train.checkpoint_every 0"; do
            # shellcheck disable=SC2086
            got="$got, $(planned "$name" --model.vocab_size "${vocab/,/}" --train.recompute $more)"
        done
        want="$want, $(xargs <<<"$bf16"), $(xargs <<<"$again")"
    fi
    equal "hardware.md: memory of $name" "$want" "$got"
done < <(grep -E '^\| [A-Za-z0-9-]+, V [0-9,]+ \|' "$SOURCE/docs/en/hardware.md")

equal "equations that were compared ($equations)" 1 $((equations >= 100))

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
