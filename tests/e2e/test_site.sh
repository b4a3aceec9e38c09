#!/bin/bash
# What is made from other things is fresh: docs/*/config-reference.md is what the binary prints; the web site builds, all its links lead
# somewhere, and a link that does not is seen; figures are SVG that reads in light and dark and stand in both languages.
. "$(dirname "$0")/lib.sh"
site=$(dirname "$FOUNDRY")/docs_site

for lang in en zh; do
    run config reference --lang $lang >page.md
    equal "docs/$lang/config-reference.md is fresh (foundry config reference --lang $lang)" "" "$(diff page.md "$SOURCE/docs/$lang/config-reference.md" | head -n 6)"
done

# ---- figures: loss.svg is drawn by foundry runs plot, the others by draw_figures
mkdir drawn
"$(dirname "$FOUNDRY")"/draw_figures drawn || not_ok "draw_figures" 0 $?
for figure in drawn/*.svg; do
    cmp -s "$figure" "$SOURCE/docs/figures/$(basename "$figure")" && continue
    not_ok "docs/figures/$(basename "$figure") is fresh (build/draw_figures docs/figures)" same "$(diff "$figure" "$SOURCE/docs/figures/$(basename "$figure")" | head -n 4)"
done
ok "figures are drawn anew and compared: $(ls drawn | wc -l)"
for figure in "$SOURCE"/docs/figures/*.svg; do
    [ -f "$figure" ] || continue
    name=$(basename "$figure")
    bad=
    grep -q 'prefers-color-scheme: dark' "$figure" || bad="$bad one-theme"
    grep -q '<title>' "$figure" || bad="$bad no-title"
    grep -q '<script\|href="http\|@import' "$figure" && bad="$bad reaches-out"
    grep -rqF "figures/$name" "$SOURCE"/docs/en "$SOURCE"/docs/zh || bad="$bad unused"
    case $name in
    *.zh.svg) [ -f "${figure%.zh.svg}.svg" ] || bad="$bad no-english" ;;
    esac
    if command -v python3 >/dev/null; then python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$figure" 2>/dev/null || bad="$bad not-xml"; fi
    equal "figure $name" "" "$bad"
done

# ---- the site
if [ ! -x "$site" ]; then
    skip "the site" "docs_site was not built: libcmark-gfm-dev is not installed"
    finish
fi
"$site" "$SOURCE" site >out.txt 2>&1
equal "the site builds, every link inside leads somewhere" 0 $?
[ -s site/index.html ] || not_ok "site/index.html" "a page" "$(cat out.txt)"
tail -n 1 out.txt
bad=
for page in $(find site -name '*.html'); do # again, and without the tool's own eyes
    for link in $(grep -oE ' (href|src)="[^"#]+' "$page" | sed 's/^[^"]*"//' | grep -v '^[a-z]*:' | sort -u); do
        [ -e "$(dirname "$page")/$link" ] || bad="$bad ${page#site/}:$link"
    done
done
equal "every href and src is a file" "" "$bad"
equal "nothing is fetched from elsewhere" "" "$(grep -rlE '<script|<link[^>]*href="http|src="http' site | head -n 3)"
for lang in en zh; do
    equal "$lang: as many pages as documents" "$(find "$SOURCE/docs/$lang" -name '*.md' | wc -l)" \
        "$(cd "$SOURCE/docs/$lang" && find . -name '*.md' | while read -r f; do [ -f "$WORK/site/$lang/${f%.md}.html" ] && echo; done | wc -l)"
done
equal "the menu has pages only" 0 "$(sed -n '/<nav>/,/<\/nav>/p' site/zh/index.html | grep -c '\.svg')"
equal "no blank where a line of Chinese source ends" 0 "$(grep -cP '[，。；：]$' site/zh/guide/01-first-model.html)"
says "a slow block says so" 'data-meta="slow"' site/zh/guide/01-first-model.html
says "a page leads to its twin" 'href="../zh/glossary.html">中文' site/en/glossary.html
says "and back" 'href="../en/glossary.html">English' site/zh/glossary.html
says "chapters are pages" 'class="c">/* model.c' site/en/files/tutorials/model.c.html
says "in either language" 'href="../../../en/files/tutorials/model.c.html">English' site/zh/files/tutorials/model.c.html
says "chapters follow each other" 'class="after" href="../../zh/guide/05-backprop.html"' site/zh/guide/04-forward.html
equal "the menu has documents, no pictures" "" "$(sed -n '/<nav/,/<\/nav>/p' site/en/index.html | grep -E 'svg|png')"
says "a change is coloured" '<span class="plus">+' site/en/CONTRIBUTING.html
for lang in en zh; do
    equal "the first page leads to every chapter: $lang" "$(ls "$SOURCE/docs/$lang/guide" | wc -l)" \
        "$(sed -n '/<main>/,$p' site/index.html | grep -c "<li><a href=\"$lang/guide/")"
done

# A line of a paragraph that begins like an item of a list ends the paragraph, "+ 1 = 2" too. Items belong behind a blank line or other items.
cat >items.awk <<'AWK'
/^ *```/ { code = !code }
code || /^ *```/ || /^$/ || /^(#|\|)/ { if (/^$/) blank = 1; else blank = list = 0; next }
{
    item = /^ *([-+*]|[0-9]+[.)]) /
    if (item && !blank && (!list || /^ *\+/)) print FILENAME ":" FNR ": " $0
    list = item || list && (!blank || /^ /)
    blank = 0
}
FNR == 1 { list = 0 }
AWK
printf 'x becomes (0, 2)\n+ (1, 1) = (1, 3).\n\n- one\n- two\n  more\n\n1. a\n\n   b\n2. c\n' >items.md
equal "a line of a paragraph that would be an item is seen" "items.md:2: + (1, 1) = (1, 3)." "$(awk -f items.awk items.md)"
equal "no line of a paragraph begins like an item of a list" "" \
    "$(find "$SOURCE"/{docs,tutorials,learn,research,examples} "$SOURCE"/{README,CONTRIBUTING}*.md -name '*.md' -exec awk -f items.awk {} + | head -n 5)"

mkdir -p small/docs/en small/docs/zh small/lib small/tools
touch small/tools/site.css
printf '# A\n\n[lib](lib/)\n' >small/README.md
cp small/README.md small/README.zh-CN.md
printf '# Lib\n' >small/lib/README.md
cp small/lib/README.md small/lib/README.zh-CN.md
"$site" small out >/dev/null 2>&1
says "a folder is its README in the reader's language: en" 'href="../en/lib/index.html">lib' out/en/index.html
says "a folder is its README in the reader's language: zh" 'href="../zh/lib/index.html">lib' out/zh/index.html

mkdir -p broken/docs/en broken/docs/zh broken/tutorials broken/tools
touch broken/tools/site.css
printf '# A\n\n[x](missing.md) [y](#b) [z](#no) [out](../secret)\n\n## B\n' >broken/README.md
cp broken/README.md broken/README.zh-CN.md
"$site" broken out >out.txt 2>&1
equal "broken links are an error" 1 $?
says "a missing file" "README.md: nothing is at missing.md" out.txt
says "a way out of the repository" "README.md: nothing is at ../secret" out.txt
says "a missing heading" "has no heading #no" out.txt
grep -q '#b' out.txt && not_ok "a heading that is there" "found" "$(cat out.txt)"
finish
