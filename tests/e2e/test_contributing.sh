#!/bin/bash
# The worked examples of CONTRIBUTING.md (the Chinese one has the same blocks: test_docs.sh), in a copy of the tree: every ```diff applies exactly,
# every "```c FILE" is written, and the commands build it, run the test that the example names, and print what it says.
. "$(dirname "$0")/lib.sh"
build=$(dirname "$FOUNDRY")
cache() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
mkdir tree deps
cp -r "$SOURCE"/{CMakeLists.txt,LICENSE,configs,docs,examples,include,learn,research,src,tests,tools,tutorials} tree

# Only what an example changes is compiled. deps/OBJECT.d: what an object of the build was made of; `reuse`, in front of the compiler, takes the
# object as it is while `changed` names none of that.
ninja -C "$build" -t deps | sed -e "s|$build/|$WORK/tree/build/|; s|$SOURCE/|$WORK/tree/|" | awk '
    /^[^ ]/ { if (to) close(to); gsub("/", "_", $1); to = "deps/" $1 ".d"; next }
    /^ / { printf "%s ", $1 >to }'
cat >reuse <<REUSE
#!/bin/bash
for ((i = 1; i < \$#; i++)); do [ "\${!i}" = -o ] && object=\${@:i+1:1}; done
made_of="$WORK/deps/\${object//\//_}:.d"
[ ! -s "\$made_of" ] || grep -qFf "$WORK/changed" "\$made_of" && exec "\$@"
cp "$build/\$object" "\$object" && echo "\$object: \$(cat "\$made_of")" >"\$object.d"
REUSE
chmod +x reuse
: >changed
cmake -S tree -B tree/build -G Ninja -DCMAKE_C_COMPILER="$(cache CMAKE_C_COMPILER)" -DFOUNDRY_SANITIZE="$(cache FOUNDRY_SANITIZE)" \
    -DCMAKE_C_COMPILER_LAUNCHER="$WORK/reuse" >out.txt 2>&1 || not_ok "cmake of the copy" 0 "$(tail -n 4 out.txt)"

# NNN.kind, NNN.line, NNN.body: the blocks of the examples, which begin at the first "## A"
awk '/^## A/ { on = 1 }
    /^```/ && !body && on { n = sprintf("%03d", ++blocks); print substr($0, 4) >(n ".kind"); print FNR >(n ".line"); body = n ".body"; printf "" >body; next }
    /^```$/ && body { close(body); body = ""; next }
    body { print >body }' "$SOURCE/CONTRIBUTING.md"
cd tree || exit 1
for body in ../*.body; do
    kind=$(cat "${body%.body}.kind") line="CONTRIBUTING.md:$(cat "${body%.body}.line")" why=
    case $kind in
    diff)
        git apply "$body" >../out.txt 2>&1 || why=$(cat ../out.txt)
        sed -n 's|^+++ b||p' "$body" >>../changed
        ;;
    "c "*) if [ -e "${kind#c }" ]; then why="${kind#c } is there"; else cp "$body" "${kind#c }"; fi ;;
    sh) bash -e "$body" >../out.txt 2>&1 </dev/null || why="$? $(tail -n 8 ../out.txt)" ;;
    output)
        awk -f "$SOURCE/tests/e2e/compare_output.awk" "$body" ../out.txt >../why.txt || why=$(cat ../why.txt)
        ;;
    *) why="not a diff, c FILE, sh or output" ;;
    esac
    equal "$line: $kind" "" "$why"
done
[ -n "$kind" ] || not_ok "CONTRIBUTING.md has examples" yes no
finish
